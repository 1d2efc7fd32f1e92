//! Which option an expression reads: `config.services.site.port`, `cfg.port`, `inherit (cfg) port;`, and a name
//! behind `with cfg;`.

use floe_db::{Db, File, module, scopes, source};
use floe_hir::{BindingId, Definition, Expr, Module, Name, Param, ScopeOwner, Scopes};

use crate::NavigationTarget;
use crate::evaluation::all_options::{all_options_below, option_declarations, option_for};
use crate::evaluation::options::{OptionInfo, OptionStep};
use crate::known::{self, Place, entry_of};
use crate::modules::{Graph, Part, Step, called, part, part_at_key};
use crate::symbol::{Symbol, path_to_key};

/// The path of the option, or of the set of options, that a symbol reads. What is selected behind an option is in
/// the path as well.
pub(crate) fn read_path(db: &dyn Db, file: File, symbol: Symbol) -> Option<Vec<OptionStep>> {
    let place = |expr| Place { file, expr };
    match symbol {
        Symbol::Key { expr, index } => {
            let module = module(db, file);
            let (Expr::Select { base, .. } | Expr::HasAttr { base, .. }) = module.expr(expr) else {
                return None;
            };
            let graph = graph_for(db, place(base))?;
            if let Some(part) = part_at_key(&graph, place(expr), index) {
                return path_of(&part);
            }
            let (base, keys) = path_to_key(module, expr, index)?;
            let mut path = base_path(&graph, place(base))?;
            path.extend(keys.iter().map(|key| OptionStep::Attribute(key.to_string())));
            Some(path)
        }
        Symbol::Variable(expr) => {
            is_opened(db, place(expr)).then(|| opened(&Graph::of_file(db, file), place(expr)))?
        }
        Symbol::Binding(_) | Symbol::Path(_) | Symbol::SearchPath(_) => None,
    }
}

/// The path of the options that a value has for attributes.
pub(crate) fn set_path(db: &dyn Db, place: Place, keys: &[String]) -> Option<Vec<OptionStep>> {
    let graph = graph_for(db, place)?;
    let found = match part(&graph, place) {
        Some(part) => {
            let mut keys = keys.iter().map(|key| Step::Name(Name::new(key)));
            path_of(&keys.try_fold(part, Part::below)?)?
        }
        None => {
            let mut path = base_path(&graph, place)?;
            path.extend(keys.iter().cloned().map(OptionStep::Attribute));
            path
        }
    };
    Some(found)
}

/// The places that declare what a symbol reads.
pub(crate) fn read_declarations(db: &dyn Db, file: File, symbol: Symbol) -> Vec<NavigationTarget> {
    let Some(path) = read_path(db, file, symbol) else { return Vec::new() };
    let found = option_declarations(db, file, &path);
    if !found.is_empty() {
        return found;
    }
    match option_around(db, file, &path) {
        Some((length, _)) => option_declarations(db, file, &path[..length]),
        None => Vec::new(),
    }
}

/// What there is to say about what a symbol reads, as Markdown.
pub(crate) fn read_markdown(db: &dyn Db, file: File, symbol: Symbol) -> Option<String> {
    let path = read_path(db, file, symbol)?;
    match option_for(db, Some(file), &path) {
        Some(info) => info.markdown().or_else(|| set_markdown(db, &path)),
        None => {
            let (length, info) = option_around(db, file, &path)?;
            let inside = format!("A part of `{}`.", shown(&path[..length]));
            Some(format!("{inside}\n\n{}", info.markdown()?))
        }
    }
}

/// The option whose value has in it what a path leads to, and the length of its path.
fn option_around(db: &dyn Db, file: File, path: &[OptionStep]) -> Option<(usize, OptionInfo)> {
    (1..path.len()).rev().find_map(|length| {
        // Who waited for an answer in vain does not wait for the next one.
        if db.lacks_answers() {
            return None;
        }
        let info = option_for(db, Some(file), &path[..length])?;
        info.option.is_some().then_some((length, info))
    })
}

/// The options of a set.
fn set_markdown(db: &dyn Db, path: &[OptionStep]) -> Option<String> {
    const MOST: usize = 24;
    let options = all_options_below(db, path);
    let names: Vec<String> = options
        .iter()
        .filter(|info| !info.option.as_ref().is_some_and(|option| option.is_hidden))
        .map(|info| format!("`{}`", floe_hir::Identifier(&info.name)))
        .collect();
    if names.is_empty() {
        return None;
    }
    let more = if names.len() > MOST { ", …" } else { "" };
    let names = names[..names.len().min(MOST)].join(", ");
    Some(format!("Options in `{}`: {names}{more}", shown(path)))
}

fn shown(path: &[OptionStep]) -> String {
    let step = |step: &OptionStep| match step {
        OptionStep::Attribute(name) => floe_hir::Identifier(name).to_string(),
        OptionStep::AnyAttribute => "<name>".to_owned(),
        OptionStep::Element => "*".to_owned(),
    };
    path.iter().map(step).collect::<Vec<_>>().join(".")
}

fn path_of(part: &Part) -> Option<Vec<OptionStep>> {
    let step = |step: &Step| match step {
        Step::Name(name) => OptionStep::Attribute(name.to_string()),
        Step::Any => OptionStep::AnyAttribute,
        Step::Element => OptionStep::Element,
    };
    Some(part.path()?.iter().map(step).collect())
}

/// The modules of a file, if a value could be a part of their configuration.
fn graph_for(db: &dyn Db, place: Place) -> Option<Graph<'_>> {
    could_be_part(db, place).then(|| Graph::of_file(db, place.file))
}

/// How many names lead from one to the next.
const MOST_HOPS: usize = 16;

/// Most values are no part of a configuration, which is told without looking at the whole file.
fn could_be_part(db: &dyn Db, place: Place) -> bool {
    let (file, mut expr) = (place.file, place.expr);
    let (module, scopes) = (module(db, file), scopes(db, file));
    let text = &source(db, file).text;
    let has_modules = || ["config", "options", "modules"].iter().any(|name| text.contains(name));
    for _ in 0..MOST_HOPS {
        expr = match module.expr(expr) {
            Expr::Select { base, .. } => base,
            Expr::InheritFrom(index) => {
                match known::inherited_set(db, Place { file, expr }, index) {
                    Some(set) => set.expr,
                    None => return false,
                }
            }
            Expr::Var(_) => match scopes.definition(module, expr) {
                Some(Definition::Binding(binding)) => match entry_of(module, scopes, binding) {
                    Some(entry) => entry.value,
                    None => return is_configuration(module, scopes, binding) && has_modules(),
                },
                Some(Definition::With { .. }) => return has_modules(),
                _ => return false,
            },
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => body,
            Expr::Apply { .. } => return has_modules(),
            _ => return false,
        };
    }
    false
}

/// Whether an argument may be, or have in it, a part of a configuration: of those that are given by name, two are.
fn is_configuration(module: &Module, scopes: &Scopes, binding: BindingId) -> bool {
    let Some(ScopeOwner::Lambda(lambda)) = scopes.owner(binding) else { return false };
    match &module.lambdas[lambda.0 as usize].param {
        Param::Simple { .. } => true,
        Param::Pattern { formals, .. } => formals
            .iter()
            .find(|formal| formal.binding == binding)
            .is_none_or(|formal| matches!(formal.name.as_str(), "config" | "options")),
    }
}

/// The path of a variable that nothing binds to a part of the configuration.
fn base_path(graph: &Graph<'_>, place: Place) -> Option<Vec<OptionStep>> {
    opened(graph, place).or_else(|| path_of(&given(graph, place)?))
}

/// The part that a function of the file is called with, where its argument is one: `mkHost = name: host: …`. The
/// first call whose argument is a part counts.
fn given(graph: &Graph<'_>, place: Place) -> Option<Part> {
    let (module, scopes) = (module(graph.db, place.file), scopes(graph.db, place.file));
    let Definition::Binding(binding) = scopes.definition(module, place.expr)? else { return None };
    let ScopeOwner::Lambda(lambda) = scopes.owner(binding)? else { return None };
    let Param::Simple { .. } = module.lambdas[lambda.0 as usize].param else { return None };
    let mut function = scopes.parent(module.lambdas[lambda.0 as usize].body)?;
    let mut before = 0;
    let mut around = scopes.parent(function)?;
    while let Expr::Lambda(_) = module.expr(around) {
        (function, around) = (around, scopes.parent(around)?);
        before += 1;
    }
    let (Expr::Let { attrs, .. } | Expr::Attrs(attrs)) = module.expr(around) else { return None };
    let entries = &module.attrs[attrs.0 as usize].entries;
    let entry = entries.iter().find(|entry| entry.value == function)?;
    let at = |expr| Place { expr, ..place };
    scopes.references(entry.binding).iter().find_map(|reference| {
        let Expr::Apply { fun, args } = module.expr(scopes.parent(*reference)?) else {
            return None;
        };
        let args = module.list(args);
        if fun == *reference {
            return part(graph, at(*args.get(before)?));
        }
        // `mapAttrsToList mkHost cfg.hosts`
        let [given, collection] = args else { return None };
        let (step, counting) = match called(module, scopes, fun) {
            "map" | "concatMap" | "filter" | "concatMapStrings" => (Step::Element, 0),
            "mapAttrs" | "mapAttrs'" | "mapAttrsToList" | "concatMapAttrs" => (Step::Any, 1),
            _ => return None,
        };
        (given == reference && counting == before).then_some(())?;
        part(graph, at(*collection))?.below(step)
    })
}

/// The path of what a `with` around a variable gives: the innermost that has such an option.
fn opened(graph: &Graph<'_>, place: Place) -> Option<Vec<OptionStep>> {
    let (module, scopes) = (module(graph.db, place.file), scopes(graph.db, place.file));
    let Definition::With { name, sets } = scopes.definition(module, place.expr)? else {
        return None;
    };
    sets.into_iter().take(MOST_HOPS).find_map(|set| {
        let set = Place { expr: set, ..place };
        if !could_be_part(graph.db, set) || graph.db.lacks_answers() {
            return None;
        }
        let mut path = path_of(&part(graph, set)?)?;
        path.push(OptionStep::Attribute(name.to_string()));
        option_for(graph.db, Some(place.file), &path).map(|_| path)
    })
}

fn is_opened(db: &dyn Db, place: Place) -> bool {
    let (module, scopes) = (module(db, place.file), scopes(db, place.file));
    let Some(Definition::With { sets, .. }) = scopes.definition(module, place.expr) else {
        return false;
    };
    let mut sets = sets.into_iter().take(MOST_HOPS);
    sets.any(|set| could_be_part(db, Place { expr: set, ..place }))
}
