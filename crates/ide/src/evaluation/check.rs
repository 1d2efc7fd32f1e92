//! The errors of a file: it is evaluated the way it is meant to be used.

use std::path::{Path, PathBuf};

use floe_db::{Db, Evaluated, File, Patience, Session, evaluate, module, parse, problems};
use floe_eval::error::{EvalError, Origin, Pos, Position, Report, Result};
use floe_eval::heap::{Kind, Value};
use floe_hir::{AttrKind, AttrsId, BindingId, Expr, ExprId, Module, Name, Param};

use super::options::is_module;
use super::values::{attrs, get, get_text};

/// What a file is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A NixOS module, and the paths of the options that it defines.
    Module(Vec<Vec<String>>),
    /// A function that `callPackage` calls, and the arguments that it must find.
    Package(Vec<Name>),
    /// Anything else: called if its arguments have defaults, then each attribute for itself.
    Expression,
}

/// What a file is meant for, or nothing where it is not meant to be evaluated as it is.
pub(crate) fn role(db: &dyn Db, file: File) -> Option<Role> {
    let module = module(db, file);
    // What the text tells already need not be told again.
    if !parse(db, file).errors.is_empty() || !problems(db, file).is_empty() {
        return None;
    }
    if is_module(db, file) {
        return Some(Role::Module(defined_options(module)));
    }
    let Expr::Lambda(lambda) = module.expr(module.root) else { return Some(Role::Expression) };
    match &module.lambdas[lambda.0 as usize].param {
        Param::Pattern { formals, .. } if formals.iter().all(|formal| formal.default.is_some()) => {
            Some(Role::Expression)
        }
        Param::Pattern { formals, .. } => {
            let needed = formals.iter().filter(|formal| formal.default.is_none());
            Some(Role::Package(needed.map(|formal| formal.name).collect()))
        }
        // An overlay, or the like: only its caller knows the argument.
        Param::Simple { .. } => None,
    }
}

/// What went wrong where a file is evaluated in its role. No two with the same error.
#[salsa::tracked]
pub(crate) fn check(db: &dyn Db, file: File) -> Evaluated<Vec<Report>> {
    let Some(role) = role(db, file) else { return Evaluated::Answer(Vec::new()) };
    let path = file.path(db).clone();
    evaluate(db, Patience::Background, file, move |session| {
        let mut found = Found { session, errors: Vec::new() };
        let checked = match &role {
            Role::Module(options) => check_module(&mut found, &path, options),
            Role::Package(arguments) => check_package(&mut found, &path, arguments),
            Role::Expression => check_expression(&mut found, &path),
        };
        found.note(checked);
        found.errors
    })
}

struct Found<'s, 'h> {
    session: &'s Session<'h>,
    errors: Vec<Report>,
}

impl<'h> Found<'_, 'h> {
    /// Keeps the error, and gives the value.
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(&error)).ok()
    }

    fn add(&mut self, error: &EvalError) {
        let report = self.session.evaluator.report(error);
        let is_same =
            |other: &Report| other.message == report.message && other.position == report.position;
        if !self.errors.iter().any(is_same) {
            self.errors.push(report);
        }
    }
}

fn check_expression(found: &mut Found<'_, '_>, path: &Path) -> Result<()> {
    let session = found.session;
    let value = session.evaluator.import(path)?;
    let value = session.evaluator.auto_call(value, &[])?;
    check_value(found, value)
}

fn check_package(found: &mut Found<'_, '_>, path: &Path, arguments: &[Name]) -> Result<()> {
    let session = found.session;
    let packages = session.shared("import <nixpkgs> { }")?;
    // A function of other things is not one for `callPackage`: its callers know the arguments.
    let Some(names) = attrs(session, packages) else { return Ok(()) };
    if arguments.iter().any(|name| names.get(*name).is_none()) {
        return Ok(());
    }
    let Some(call_package) = get(session, packages, "callPackage") else { return Ok(()) };
    let heap = session.evaluator.heap;
    let arguments = [heap.path(path.as_os_str().as_encoded_bytes()), heap.empty_attrs()];
    let value = session.evaluator.call(call_package, &arguments, Pos::None)?;
    check_value(found, value)
}

const MOST_ATTRIBUTES: usize = 300;

/// Looks as deep as a command line would: a derivation at its path, a set at its attributes, one by
/// one, so that one error does not hide the next.
fn check_value<'h>(found: &mut Found<'_, 'h>, value: Value<'h>) -> Result<()> {
    let session = found.session;
    let value = session.evaluator.force(value, Pos::None)?;
    if check_derivation(session, value)? {
        return Ok(());
    }
    match value.kind() {
        // All of a package set is not one person's work, nor a matter of seconds.
        Kind::Attrs(set) if set.len() > MOST_ATTRIBUTES => {}
        Kind::Attrs(set) => {
            for attr in set.sorted() {
                let value = session.evaluator.force_cell(attr.cell, attr.position.into());
                let value = found.note(value);
                let checked = value.map(|value| check_derivation(session, value));
                if let Some(checked) = checked {
                    found.note(checked);
                }
            }
        }
        Kind::List(list) => {
            for cell in list.cells() {
                let value = session.evaluator.force_cell(cell, Pos::None);
                found.note(value);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether it is a derivation; then it is evaluated up to its path.
fn check_derivation<'h>(session: &Session<'h>, value: Value<'h>) -> Result<bool> {
    let Kind::Attrs(set) = value.kind() else { return Ok(false) };
    if !session.evaluator.is_derivation(value)? {
        return Ok(false);
    }
    if let Some(path) = set.get(Name::new("drvPath")) {
        session.evaluator.force_cell(path.cell, path.position.into())?;
    }
    Ok(true)
}

/// Evaluates a system with the module in it, and of its configuration what the module defines.
fn check_module(found: &mut Found<'_, '_>, path: &Path, options: &[Vec<String>]) -> Result<()> {
    let session = found.session;
    // A syntax error in the file itself, or a value that is no module.
    session.evaluator.import(path)?;
    let system = session.lasting(path, || {
        let heap = session.evaluator.heap;
        let mut argument = floe_eval::heap::AttrsBuilder::with_capacity(1);
        argument.insert("configuration", heap.path(path.as_os_str().as_encoded_bytes()));
        let function = session.shared("import <nixpkgs/nixos>")?;
        Ok(heap.thunk_call(function, argument.finish(heap), None))
    })?;
    let system = session.evaluator.force_attrs(system, Pos::None, "")?;
    let Some(config) = system.get(Name::new("config")) else { return Ok(()) };
    let config = session.evaluator.force_cell(config.cell, Pos::None)?;
    for option in options {
        let checked = check_option(session, config, option);
        found.note(checked);
    }
    Ok(())
}

fn check_option<'h>(session: &Session<'h>, config: Value<'h>, path: &[String]) -> Result<()> {
    let mut value = config;
    for name in path {
        let Kind::Attrs(set) = session.evaluator.force(value, Pos::None)?.kind() else {
            return Ok(());
        };
        // What is no option has been told when `config` was evaluated.
        let Some(attr) = set.get(Name::new(name)) else { return Ok(()) };
        value = session.evaluator.force_cell(attr.cell, attr.position.into())?;
    }
    // Derivations and submodules are left alone one level down: they are somebody else's work.
    let is_shallow = match value.kind() {
        Kind::Attrs(_) => get_text(session, value, "type").as_deref() != Some("derivation"),
        _ => false,
    };
    match value.kind() {
        Kind::Attrs(_) if is_shallow => {
            let Some(set) = attrs(session, value) else { return Ok(()) };
            for attr in set.sorted() {
                session.evaluator.force_cell(attr.cell, attr.position.into())?;
            }
        }
        Kind::List(list) => {
            for cell in list.cells() {
                session.evaluator.force_cell(cell, Pos::None)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The paths of the options that a module defines, as far as they are written out.
fn defined_options(module: &Module) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut body = module.root;
    loop {
        body = match module.expr(body) {
            Expr::Lambda(lambda) => module.lambdas[lambda.0 as usize].body,
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => body,
            _ => break,
        };
    }
    let Expr::Attrs(root) = module.expr(body) else { return found };
    let entries = &module.attrs[root.0 as usize].entries;
    match entries.iter().find(|entry| entry.name.as_str() == "config") {
        Some(config) => definitions(module, config.value, &mut Vec::new(), &mut found),
        None => definitions_of(module, root, &mut Vec::new(), &mut found),
    }
    found.retain(|path| !matches!(path[0].as_str(), "imports" | "options" | "meta"));
    found
}

fn definitions(
    module: &Module,
    expr: ExprId,
    path: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) {
    match module.expr(expr) {
        Expr::Attrs(attrs) if path.len() < 6 => definitions_of(module, attrs, path, found),
        // `mkIf cond { … }`, `mkMerge [ … ]`
        Expr::Apply { args, .. } if path.is_empty() => {
            for argument in module.list(args) {
                definitions(module, *argument, path, found);
            }
        }
        Expr::List(elements) if path.is_empty() => {
            for element in module.list(elements) {
                definitions(module, *element, path, found);
            }
        }
        _ if path.is_empty() => {}
        _ => found.push(path.clone()),
    }
}

fn definitions_of(
    module: &Module,
    attrs: AttrsId,
    path: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) {
    for entry in &module.attrs[attrs.0 as usize].entries {
        path.push(entry.name.to_string());
        if entry.kind == AttrKind::Plain {
            definitions(module, entry.value, path, found);
        } else {
            found.push(path.clone());
        }
        path.pop();
    }
}

/// The binding in a module that defines an option, or as much of the path to it as is written out.
pub(crate) fn definition_of_option(module: &Module, option: &[&str]) -> Option<BindingId> {
    let mut sets = Vec::new();
    module_sets(module, module.root, 0, &mut sets);
    let found = sets.into_iter().filter_map(|set| deepest(module, set, option));
    let (_, binding) = found.max_by_key(|(depth, _)| *depth)?;
    Some(binding)
}

/// The sets of definitions that a module consists of: its body, `config`, what `mkIf` and `mkMerge` get.
fn module_sets(module: &Module, expr: ExprId, depth: u32, sets: &mut Vec<AttrsId>) {
    if depth > 20 {
        return;
    }
    let mut inner = |expr| module_sets(module, expr, depth + 1, sets);
    match module.expr(expr) {
        Expr::Lambda(lambda) => inner(module.lambdas[lambda.0 as usize].body),
        Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => inner(body),
        Expr::Apply { args, .. } => module.list(args).iter().copied().for_each(inner),
        Expr::List(list) => module.list(list).iter().copied().for_each(inner),
        Expr::Attrs(attrs) => {
            sets.push(attrs);
            let entries = &module.attrs[attrs.0 as usize].entries;
            if let Some(config) = entries.iter().find(|entry| entry.name.as_str() == "config") {
                module_sets(module, config.value, depth + 1, sets);
            }
        }
        _ => {}
    }
}

/// How many names of the path are written out below a set, and the binding of the last of them.
fn deepest(module: &Module, set: AttrsId, path: &[&str]) -> Option<(usize, BindingId)> {
    let (first, rest) = path.split_first()?;
    let entries = &module.attrs[set.0 as usize].entries;
    let entry = entries.iter().find(|entry| entry.name.as_str() == *first)?;
    let mut sets = Vec::new();
    module_sets(module, entry.value, 0, &mut sets);
    let below = sets.into_iter().filter_map(|set| deepest(module, set, rest));
    let below = below.max_by_key(|(depth, _)| *depth);
    Some(below.map_or((1, entry.binding), |(depth, binding)| (depth + 1, binding)))
}

/// The places of an error, the innermost first, each with what was being done there.
pub(crate) fn places(report: &Report) -> Vec<(&Position, &str)> {
    let here = report.position.iter().map(|position| (position, report.message.as_str()));
    let frames = report
        .frames
        .iter()
        .filter_map(|frame| Some((frame.position.as_ref()?, frame.message.as_str())));
    here.chain(frames).collect()
}

/// The file that a place is in.
pub(crate) fn file_of(position: &Position) -> Option<&PathBuf> {
    match &position.origin {
        Origin::File(path) => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use floe_db::{Change, Database, OsSystem, Settings};

    use super::*;

    /// What is wrong with a module, and how many calls it took to find out.
    #[salsa::tracked]
    fn counted(db: &dyn Db, file: File) -> Evaluated<(Vec<String>, u64)> {
        let Some(Role::Module(options)) = role(db, file) else { return Evaluated::NoAnswer };
        let path = file.path(db).clone();
        evaluate(db, Patience::Background, file, move |session| {
            let before = session.evaluator.call_count();
            let mut found = Found { session, errors: Vec::new() };
            let checked = check_module(&mut found, &path, &options);
            found.note(checked);
            let errors = found.errors.into_iter().map(|error| error.message).collect();
            (errors, session.evaluator.call_count() - before)
        })
    }

    #[test]
    fn an_edit_evaluates_a_part_of_a_system_and_finds_what_all_of_it_would() {
        let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from) else {
            eprintln!("skipped: FLOE_NIXPKGS is not set");
            return;
        };
        let settings = Settings { nixpkgs: Some(nixpkgs), ..Settings::default() };
        let database = || Database::new(Arc::new(OsSystem), vec!["/w".into()], settings.clone());
        let path = PathBuf::from("/w/configuration.nix");
        let ask = |db: &mut Database, text: &str| {
            db.apply(Change::Buffer { path: path.clone(), text: text.into() });
            counted(db, db.file(&path)).clone().answer().expect("there is time enough")
        };
        let right = r#"{ config, pkgs, lib, ... }: {
            boot.loader.grub.device = "/dev/sda";
            fileSystems."/".device = "/dev/sda1";
            networking.hostName = "test";
            networking.firewall.allowedTCPPorts = [ 22 ];
            environment.systemPackages = [ pkgs.hello ];
            services.openssh.enable = true;
            services.postgresql.enable = lib.mkIf config.services.openssh.enable true;
            users.users.alice = { isNormalUser = true; packages = [ pkgs.hello ]; };
        }"#;
        let edits = [
            ("\"test\"", "5"),
            ("openssh.enable = true", "openssh.enabel = true"),
            ("config.services.openssh.enable", "config.services.openssh.enabel"),
            ("[ 22 ]", "[ \"22\" ]"),
            ("[ pkgs.hello ];", "[ pkgs.helo ];"),
            ("isNormalUser = true", "isNormalUser = 1"),
        ];
        let mut edited = database();
        let (errors, whole) = ask(&mut edited, right);
        assert_eq!(errors, Vec::<String>::new());
        for (from, to) in edits {
            let wrong = right.replacen(from, to, 1);
            let (errors, calls) = ask(&mut edited, &wrong);
            assert_eq!(errors, ask(&mut database(), &wrong).0, "{to}");
            assert!(!errors.is_empty(), "{to}");
            assert!(calls < whole, "{to}: {calls} of {whole} calls");
            let (errors, calls) = ask(&mut edited, right);
            assert_eq!(errors, Vec::<String>::new());
            assert!(calls < whole, "{calls} of {whole} calls");
        }
    }

    /// How large the heap is when a module has been checked.
    #[salsa::tracked]
    fn heap_size(db: &dyn Db, file: File) -> Evaluated<usize> {
        let Some(Role::Module(options)) = role(db, file) else { return Evaluated::NoAnswer };
        let path = file.path(db).clone();
        evaluate(db, Patience::Background, file, move |session| {
            let mut found = Found { session, errors: Vec::new() };
            let checked = check_module(&mut found, &path, &options);
            found.note(checked);
            session.evaluator.heap.used_bytes()
        })
    }

    #[test]
    fn the_memory_of_a_session_of_several_hundred_edits_stays_flat() {
        let mut fixture = crate::fixture::fixture("{ config, ... }: { }");
        let path = fixture.file.path(&fixture.db).clone();
        let mut sizes = Vec::new();
        for edit in 0..400 {
            let text = format!(
                "{{ config, ... }}: {{
                    networking.hostName =
                        builtins.deepSeq (builtins.genList (n: {{ inherit n; }}) 20000) \"host-{edit}\";
                    services.openssh.enable = true;
                }}"
            );
            fixture.db.apply(Change::Buffer { path: path.clone(), text: text.into() });
            let size = heap_size(&fixture.db, fixture.file).clone();
            sizes.push(size.answer().expect("there is time enough"));
        }
        let most = |sizes: &[usize]| sizes.iter().copied().max().unwrap_or_default();
        let (first, last) = sizes.split_at(sizes.len() / 2);
        assert!(!sizes.is_sorted(), "a heap has taken the place of another: {sizes:?}");
        assert!(most(last) < most(first) * 3 / 2, "{} and then {}", most(first), most(last));
    }
}
