//! The options that the workspace's own modules declare, by where they are.

use floe_db::{Db, File};
use floe_hir::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use super::declarations::{DECLARING, Declaration, declarations};
use super::options::{OptionInfo, OptionStep};
use crate::modules::{Step, begins_with};
use crate::workspace_index::for_each_index;

/// An option of the workspace, or a set of options.
pub(crate) struct OwnOption {
    pub(crate) info: OptionInfo,
    /// Whether the file that asks for it declares it.
    pub(crate) is_here: bool,
}

/// The options that the workspace's modules declare directly below a path, by name.
pub(super) fn own_options_below(
    db: &dyn Db,
    here: Option<File>,
    path: &[OptionStep],
) -> Vec<OwnOption> {
    let path = steps_of(path);
    let mut files = declaring_files(db, here, &path);
    if path.is_empty() {
        let parts = files_of_submodules(db, &files);
        files.retain(|file| !parts.contains(file));
    }
    let mut found: FxHashMap<Name, (Option<&Declaration>, bool)> = FxHashMap::default();
    for file in files {
        for declaration in declarations(db, file) {
            let Some((above, [Step::Name(name), below @ ..])) =
                declaration.path.split_at_checked(path.len())
            else {
                continue;
            };
            // Below a set that has nothing but old names nobody looks for options.
            let is_hidden = declaration.is_old_name() && !below.is_empty();
            if is_hidden || !begins_with(&path, above) {
                continue;
            }
            let option = Some(declaration).filter(|it| below.is_empty() && it.says.is_some());
            let (known, is_here) = found.entry(*name).or_default();
            // What is no more than another name of an option gives way to an option.
            if known.is_none_or(|known| known.is_old_name()) {
                *known = option.or(*known);
            }
            *is_here |= here == Some(file);
        }
    }
    let info = |(name, (option, is_here)): (Name, (Option<&Declaration>, bool))| {
        let option = option.and_then(|declaration| declaration.details(db));
        OwnOption { info: OptionInfo { name: name.to_string(), option }, is_here }
    };
    let mut found: Vec<OwnOption> = found.into_iter().map(info).collect();
    found.sort_by(|a, b| a.info.name.cmp(&b.info.name));
    found
}

/// The files with modules of submodules, which others take in: what they declare is below the path there.
fn files_of_submodules(db: &dyn Db, files: &[File]) -> FxHashSet<File> {
    let taken_in = |file: &File| {
        let file = *file;
        let declarations = declarations(db, file).iter().map(Declaration::file);
        declarations.filter(move |other| *other != file)
    };
    files.iter().flat_map(taken_in).collect()
}

/// What the workspace's modules declare at a path: the file that asks comes first, and what says more of an option
/// before what is only on the way to one.
pub(super) fn own_declarations<'db>(
    db: &'db dyn Db,
    here: Option<File>,
    path: &[OptionStep],
) -> Vec<&'db Declaration> {
    let path = steps_of(path);
    let files = declaring_files(db, here, &path).into_iter();
    let mut found: Vec<&Declaration> =
        files.flat_map(|file| declared_in(db, file, &path)).collect();
    found.sort_by_key(|declaration| {
        (declaration.says.is_none(), declaration.is_old_name(), Some(declaration.file()) != here)
    });
    found
}

/// What the modules in a file declare at a path.
pub(super) fn declared_in<'db>(
    db: &'db dyn Db,
    file: File,
    path: &[Step],
) -> impl Iterator<Item = &'db Declaration> {
    let path = path.to_vec();
    declarations(db, file).iter().filter(move |declaration| {
        declaration.path.len() == path.len() && begins_with(&path, &declaration.path)
    })
}

/// The path as the texts of modules have it.
pub(super) fn steps_of(path: &[OptionStep]) -> Vec<Step> {
    let step = |step: &OptionStep| match step {
        OptionStep::Attribute(name) => Step::Name(Name::new(name)),
        OptionStep::AnyAttribute => Step::Any,
        OptionStep::Element => Step::Element,
    };
    path.iter().map(step).collect()
}

/// How many names of a path a file has to mention. Those behind them may be anything, or be in another file.
const LEADING: usize = 2;

/// The files that may declare something at a path or below it, that which asks first.
fn declaring_files(db: &dyn Db, here: Option<File>, path: &[Step]) -> Vec<File> {
    let leading = path.iter().take(LEADING).map_while(|step| match step {
        Step::Name(name) => Some(*name),
        Step::Any | Step::Element => None,
    });
    let leading: Vec<Name> = leading.collect();
    let [options, imports] = DECLARING.map(Name::new);
    let old_names = OLD_NAMES.map(Name::new);
    let mut declaring = Vec::new();
    let index = for_each_index(db, |place, file| {
        let has_options = file.mentions(options) && leading.iter().all(|it| file.mentions(*it));
        let has_old_names =
            || file.mentions(imports) && old_names.iter().any(|it| file.mentions(*it));
        if has_options || has_old_names() {
            declaring.push(place);
        }
    });
    let declaring = declaring.into_iter().map(|place| index.file(db, place));
    let mut files: Vec<File> = here.into_iter().collect();
    files.extend(declaring.filter(|file| Some(*file) != here));
    files
}

/// What declares the old name of an option, as a list of strings.
const OLD_NAMES: [&str; 4] = [
    "mkRenamedOptionModule",
    "mkRemovedOptionModule",
    "mkAliasOptionModule",
    "mkChangedOptionModule",
];

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::fixture::fixture;

    fn below(text: &str, path: &[OptionStep]) -> String {
        let fixture = fixture(text);
        let lines = own_options_below(&fixture.db, None, path).into_iter().map(|own| {
            match own.info.option {
                None => format!("{}…\n", own.info.name),
                Some(details) => format!(
                    "{}: {} = {}; {} ({})\n",
                    own.info.name,
                    details.type_description.unwrap_or_default(),
                    details.default.unwrap_or_default(),
                    details.description.unwrap_or_default(),
                    details.declarations[0].line,
                ),
            }
        });
        lines.collect()
    }

    const MODULE: &str = r#"//- /w/module.nix
{ lib, config, ... }: with lib; {
  options.services.site = {
    enable = mkEnableOption "the site";
    port = lib.mkOption {
      type = types.port;
      default = 80;
      description = "Where it listens.";
    };
    hosts = mkOption {
      type = types.attrsOf (types.submodule ({ name, ... }: {
        options.root = mkOption { type = types.path; };
      }));
    };
  };
  config = { services.other.x = mkOption { }; };
}
//- /w/half.nix
{ lib, ... }: { options.half.name = lib.mkOption { default = "x"; }; config.half.
$0"#;

    #[test]
    fn options_are_read_from_where_they_are_declared_also_in_half_a_module() {
        let attribute = |name: &str| OptionStep::Attribute(name.into());
        expect![[r#"
            half…
            services…
        "#]]
        .assert_eq(&below(MODULE, &[]));
        expect![[r#"
            enable: boolean = false; Whether to enable the site. (3)
            hosts: types.attrsOf (types.submodule ({ name, ... }: {
                    options.root = mkOption { type = types.path; };
                  })) = ;  (9)
            port: types.port = 80; Where it listens. (4)
        "#]]
        .assert_eq(&below(MODULE, &[attribute("services"), attribute("site")]));
        let hosts = [attribute("services"), attribute("site"), attribute("hosts"), attribute("a")];
        expect![[r#"
            root: types.path = ;  (11)
        "#]]
        .assert_eq(&below(MODULE, &hosts));
        expect![[r#"
            name:  = "x";  (1)
        "#]]
        .assert_eq(&below(MODULE, &[attribute("half")]));
    }

    #[test]
    fn what_a_file_declares_for_a_submodule_is_not_declared_beside_it() {
        let text = r#"//- /w/module.nix
{ lib, ... }: {
  options.hosts = lib.mkOption { type = lib.types.attrsOf (lib.types.submodule (import ./host.nix { })); };
}
//- /w/host.nix
{ }: { lib, ... }: { options.root = lib.mkOption { }; }
"#;
        expect![[r#"
            hosts: lib.types.attrsOf (lib.types.submodule (import ./host.nix { })) = ;  (2)
        "#]]
        .assert_eq(&below(text, &[]));
        let host = [OptionStep::Attribute("hosts".into()), OptionStep::AnyAttribute];
        expect![[r#"
            root:  = ;  (1)
        "#]]
        .assert_eq(&below(text, &host));
    }

    #[test]
    fn a_workspace_of_any_size_is_looked_through() {
        let files = (0..600).map(|number| {
            format!("//- /w/{number}.nix\n{{ lib, ... }}: {{ options.many.o{number} = lib.mkOption {{ }}; }}\n")
        });
        let found = below(&files.collect::<String>(), &[OptionStep::Attribute("many".into())]);
        assert_eq!(found.lines().count(), 600);
    }
}
