//! All options at a path: those that the workspace's own modules declare, by their text, and those of NixOS, by
//! evaluation.

use std::path::PathBuf;

use floe_db::{Db, File, nixpkgs};
use rustc_hash::FxHashMap;

use super::SourceLine;
use super::declarations::{Declaration, declarations};
use super::option_list::known_options;
use super::options::{OptionInfo, OptionPath, OptionStep, options_below};
use super::own_options::{declared_in, own_declarations, own_options_below, steps_of};
use crate::NavigationTarget;
use crate::known::imported_file;

/// The options directly below a path, those of the workspace's own modules and those of NixOS.
pub(crate) fn all_options_below(db: &dyn Db, steps: &[OptionStep]) -> Vec<OptionInfo> {
    offered_options(db, None, steps).into_iter().map(|offered| offered.info).collect()
}

/// An option, and who declares it.
pub(crate) struct OfferedOption {
    pub(crate) info: OptionInfo,
    pub(crate) from: OptionsOf,
}

/// Who declares an option, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OptionsOf {
    /// The file that asks for it.
    File,
    Workspace,
    NixOs,
}

/// The options directly below a path, for a file. Where the workspace's own modules and NixOS declare one, that of
/// the workspace counts.
pub(crate) fn offered_options(
    db: &dyn Db,
    file: Option<File>,
    steps: &[OptionStep],
) -> Vec<OfferedOption> {
    let own = own_options_below(db, file, steps).into_iter().map(|own| {
        let from = if own.is_here { OptionsOf::File } else { OptionsOf::Workspace };
        OfferedOption { info: own.info, from }
    });
    let mut found: Vec<OfferedOption> = own.collect();
    let by_name: FxHashMap<String, usize> =
        found.iter().zip(0..).map(|(offered, index)| (offered.info.name.clone(), index)).collect();
    for info in evaluated_below(db, steps, !found.is_empty()) {
        match by_name.get(&info.name) {
            Some(index) => take_evaluated(db, &mut found[*index].info, info),
            None => found.push(OfferedOption { info: info.clone(), from: OptionsOf::NixOs }),
        }
    }
    found
}

/// The option at a path.
pub(crate) fn option_at(db: &dyn Db, steps: &[OptionStep]) -> Option<OptionInfo> {
    option_for(db, None, steps)
}

/// The option, or the set of options, at a path, for a file.
pub(crate) fn option_for(
    db: &dyn Db,
    file: Option<File>,
    steps: &[OptionStep],
) -> Option<OptionInfo> {
    let (OptionStep::Attribute(name), above) = steps.split_last()? else { return None };
    let own = own_declarations(db, file, steps);
    let mut own = own
        .first()
        .map(|declaration| OptionInfo { name: name.clone(), option: declaration.details(db) });
    // What only the text tells needs no evaluation.
    if let Some(info) = own.take_if(|info| is_certain(db, info)) {
        return Some(info);
    }
    let evaluated = evaluated_below(db, above, own.is_some()).iter().find(|it| it.name == *name);
    match (own, evaluated) {
        (Some(mut own), Some(evaluated)) => {
            take_evaluated(db, &mut own, evaluated);
            Some(own)
        }
        (own, evaluated) => own.or_else(|| evaluated.cloned()),
    }
}

/// What evaluation tells. Where nixpkgs itself is the workspace, the texts of its modules answer at once, and better
/// than nothing, until there is a list.
fn evaluated_below<'db>(
    db: &'db dyn Db,
    path: &[OptionStep],
    is_in_text: bool,
) -> &'db [OptionInfo] {
    let is_open = |path: &PathBuf| {
        let mut roots = db.workspace().roots(db).iter();
        roots.any(|root| path.starts_with(root) || root.starts_with(path))
    };
    let is_told = is_in_text && nixpkgs(db).path.as_ref().is_some_and(is_open);
    if is_told && known_options(db).is_none() {
        return &[];
    }
    let known = options_below(db, OptionPath::new(db, path.to_vec())).known(db);
    known.map_or(&[], Vec::as_slice)
}

/// The places that declare the option, or the set of options, at a path, for a file.
pub(crate) fn option_declarations(
    db: &dyn Db,
    file: File,
    steps: &[OptionStep],
) -> Vec<NavigationTarget> {
    let own = own_declarations(db, Some(file), steps);
    let of_options: Vec<_> = own.iter().filter(|found| found.says.is_some()).collect();
    if !of_options.is_empty() {
        let is_new = of_options.iter().any(|found| !found.is_old_name());
        let counting = of_options.iter().filter(|found| !(is_new && found.is_old_name()));
        return counting.map(|found| found.target(db)).collect();
    }
    let info = option_for(db, Some(file), steps);
    if let Some(details) = info.and_then(|info| info.option) {
        let places = details.declarations.iter();
        let found: Vec<_> =
            places.filter_map(|place| exact_declaration(db, place, steps)).collect();
        return if found.is_empty() { submodule_declaration(db, steps) } else { found };
    }
    // A set that is declared in half the workspace has no place of its own.
    const MOST: usize = 8;
    let here: Vec<_> = own.iter().filter(|found| found.file() == file).collect();
    match (here.is_empty(), own.len() <= MOST) {
        (false, _) => here.into_iter().map(|found| found.target(db)).collect(),
        (true, true) => own.into_iter().map(|found| found.target(db)).collect(),
        (true, false) => Vec::new(),
    }
}

/// The name in the text, where the text of the file that declares an option shows it, or else the line.
fn exact_declaration(
    db: &dyn Db,
    place: &SourceLine,
    steps: &[OptionStep],
) -> Option<NavigationTarget> {
    let file = imported_file(db, &place.path)?;
    let set = || {
        let mut lengths = (2..steps.len()).rev();
        lengths.find_map(|length| declared_in(db, file, &steps_of(&steps[..length])).next())
    };
    let line = || place.target(db);
    in_text(db, file, steps).or_else(|| match place.line {
        // Older nixpkgs tells only the file. A name that is computed mostly is in a set that is not.
        1 => set().map(|set| set.target(db)).or_else(line),
        _ => line(),
    })
}

fn in_text(db: &dyn Db, file: File, path: &[OptionStep]) -> Option<NavigationTarget> {
    let path = steps_of(path);
    let of_options = |found: &&Declaration| found.says.is_some();
    if let Some(found) = declared_in(db, file, &path).find(of_options) {
        return Some(found.target(db));
    }
    // The one place there where an option of this name is declared, even if nobody knows below what.
    let mut named = declarations(db, file)
        .iter()
        .filter(|found| of_options(found) && found.path.last() == path.last());
    let found = named.next()?;
    named.next().is_none().then(|| found.target(db))
}

/// Options of submodules do not say where they are declared: mostly it is where the option is that they are in.
fn submodule_declaration(db: &dyn Db, steps: &[OptionStep]) -> Vec<NavigationTarget> {
    for length in (1..steps.len()).rev() {
        if db.lacks_answers() {
            break;
        }
        let Some(details) = option_at(db, &steps[..length]).and_then(|info| info.option) else {
            continue;
        };
        let files = details.declarations.iter();
        let files = files.filter_map(|place| imported_file(db, &place.path));
        let found: Vec<_> = files.filter_map(|file| in_text(db, file, steps)).collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Whether the text that declares an option says what counts: NixOS's own modules are better evaluated. What is a
/// set of options in one module is no option in another.
fn is_certain(db: &dyn Db, info: &OptionInfo) -> bool {
    let Some(option) = &info.option else { return true };
    let nixpkgs = nixpkgs(db).path.as_ref();
    let is_of_nixpkgs =
        |place: &SourceLine| nixpkgs.is_some_and(|nixpkgs| place.path.starts_with(nixpkgs));
    !option.is_hidden && !option.declarations.iter().any(is_of_nixpkgs)
}

/// Adds what NixOS says of an option by the same name.
fn take_evaluated(db: &dyn Db, own: &mut OptionInfo, evaluated: &OptionInfo) {
    if !is_certain(db, own) && evaluated.option.is_some() {
        own.option.clone_from(&evaluated.option);
    }
}
