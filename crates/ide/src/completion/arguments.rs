//! The arguments of the function that a set is given to: those of its pattern, and those that are documented.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{Expr, ExprId, Name, Param};
use floe_syntax::SyntaxKind;
use rustc_hash::FxHashSet;

use super::found::{Found, Make};
use super::usage::Kind;
use super::{CompletionItem, CompletionKind, near};
use crate::context::Step;
use crate::cursor::Cursor;
use crate::documented_attributes::{META, Row, of_builder, of_builtin};
use crate::evaluation::packages::{candidates, package_arguments};
use crate::infer::Typing;
use crate::known::{self, Bound, Place, is_import};
use crate::signature_help::{Function, function};

/// What nixpkgs' builders and the builtins are known to take in the set around the cursor, and what `meta` in such
/// a set can say.
pub(super) fn documented<'a>(
    db: &'a dyn Db,
    file: File,
    cursor: &Cursor<'_>,
    around: &[Step],
    path: &[String],
    found: &mut Found<'a>,
) {
    let path = path.iter().cloned().map(Step::Attribute);
    let steps: Vec<Step> = around.iter().cloned().chain(path).collect();
    let is_meta = |name: &str| name == "meta";
    let literal = || literal_around(db, file, cursor);
    match &steps[..] {
        [.., Step::Argument(called)] if !of_builder(called).is_empty() => {
            let given = literal().map(|literal| given(db, file, literal)).unwrap_or_default();
            offer_rows(of_builder(called).iter().copied().flatten(), &given, found);
        }
        [.., Step::Argument(called), Step::Attribute(name)]
            if is_meta(name) && !of_builder(called).is_empty() =>
        {
            // `meta.|` stands in the set of the other attributes.
            let literal = literal().filter(|_| matches!(around.last(), Some(Step::Attribute(_))));
            let given = literal.map(|literal| given(db, file, literal)).unwrap_or_default();
            offer_rows(META, &given, found);
        }
        [.., Step::Argument(_)] => {
            let Some(literal) = literal() else { return };
            let Some((fun, 0)) = called(db, file, literal) else { return };
            if let Some(Function::Builtin(name)) = function(db, Place { file, expr: fun }) {
                offer_rows(of_builtin(name), &given(db, file, literal), found);
            }
        }
        _ => {}
    }
}

fn offer_rows(
    rows: impl IntoIterator<Item = &'static Row>,
    given: &FxHashSet<Name>,
    found: &mut Found<'_>,
) {
    for ((name, kind, meaning), rank) in rows.into_iter().zip(0..) {
        if given.contains(&Name::new(name)) && !found.is_written(name) {
            continue;
        }
        let fill = move |item: &mut CompletionItem| {
            item.detail = Some((*kind).to_owned());
            item.documentation = Some((*meaning).to_owned());
        };
        let make = Make::Fill(CompletionKind::Parameter, Box::new(fill));
        found.offer(*name, near::ARGUMENT + rank, 0, make);
    }
}

/// The arguments that a function takes by name, in a set that it is called with: those that it cannot do
/// without come first.
pub(super) fn arguments<'a>(
    db: &'a dyn Db,
    file: File,
    cursor: &Cursor<'_>,
    found: &mut Found<'a>,
) {
    let Some(literal) = literal_around(db, file, cursor) else { return };
    let given = given(db, file, literal);
    let mut offer = |name: Name, bound: Option<Bound>, optional| {
        // What is being written is in the set already.
        if !given.contains(&name) || found.is_written(name.as_str()) {
            let make = match bound {
                Some(bound) => Make::Bound(bound, CompletionKind::Parameter, None),
                None => Make::Kind(CompletionKind::Parameter),
            };
            let nearness = if optional { near::OPTIONAL_ARGUMENT } else { near::ARGUMENT };
            found.offer_attribute(name, nearness, Kind::Other, make);
        }
    };
    if let Some((file, lambda)) = known::pattern_that_takes(db, Place { file, expr: literal }) {
        let lambda = &floe_db::module(db, file).lambdas[lambda.0 as usize];
        if let Param::Pattern { formals, .. } = &lambda.param {
            for formal in formals {
                let bound = Bound { file, binding: formal.binding };
                offer(formal.name, Some(bound), formal.default.is_some());
            }
        }
        return;
    }
    let Some((fun, position)) = called(db, file, literal) else { return };
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let place = Place { file, expr: fun };
    let (mut function, before) = match imported(db, place, literal) {
        // What stands behind the path is for the function in that file.
        Some(root) => {
            (inference.type_of(typing.key(root.file), root.expr), position.saturating_sub(1))
        }
        None => (inference.type_of(typing.key(file), fun), position),
    };
    for _ in 0..before {
        function = inference.result(&function);
    }
    if let Some((arguments, _)) = inference.arguments(&function) {
        for argument in arguments {
            let (key, binding) = argument.binding;
            let bound = Bound { file: typing.file(key), binding };
            offer(argument.name, Some(bound), argument.optional);
        }
        return;
    }
    // What is in the package set is known only by evaluation.
    if position > 0 {
        return;
    }
    for function in candidates(db, place) {
        let arguments = package_arguments(db, function.intern(db));
        for (name, optional) in arguments.known(db).into_iter().flatten() {
            offer(*name, None, *optional);
        }
    }
}

/// The literal set whose attributes are named at the cursor.
fn literal_around(db: &dyn Db, file: File, cursor: &Cursor<'_>) -> Option<ExprId> {
    let mut nodes = cursor.nodes.iter().rev().map(|node| cursor.get(*node));
    let set = nodes.find(|node| {
        !matches!(
            node.kind,
            SyntaxKind::Binding | SyntaxKind::AttrPath | SyntaxKind::Attr | SyntaxKind::Error
        )
    })?;
    let literal = match set.kind {
        SyntaxKind::AttrSet => source_map(db, file).expr_around(set.start, set.end)?,
        _ => return None,
    };
    matches!(module(db, file).expr(literal), Expr::Attrs(_)).then_some(literal)
}

/// What a literal set has already.
fn given(db: &dyn Db, file: File, literal: ExprId) -> FxHashSet<Name> {
    let module = module(db, file);
    let Expr::Attrs(attrs) = module.expr(literal) else { return FxHashSet::default() };
    module.attrs[attrs.0 as usize].entries.iter().map(|entry| entry.name).collect()
}

/// The function that is called with a literal, and how many arguments stand before that.
fn called(db: &dyn Db, file: File, literal: ExprId) -> Option<(ExprId, usize)> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let Expr::Apply { fun, args } = module.expr(scopes.parent(literal)?) else { return None };
    let position = module.list(args).iter().position(|arg| *arg == literal)?;
    Some((fun, position))
}

/// The value of the file that `<…>` names, where `import` is called with that and a literal.
fn imported(db: &dyn Db, fun: Place, literal: ExprId) -> Option<Place> {
    let (module, scopes) = (module(db, fun.file), scopes(db, fun.file));
    let Expr::Apply { args, .. } = module.expr(scopes.parent(literal)?) else { return None };
    let Expr::SearchPath { text, .. } = module.expr(*module.list(args).first()?) else {
        return None;
    };
    let path = floe_db::nixpkgs(db).search_path.find(module.str(text))?;
    let file = known::imported_file(db, &path).filter(|_| is_import(module, fun.expr))?;
    Some(Place { file, expr: floe_db::module(db, file).root })
}

#[cfg(test)]
mod tests {
    use crate::completion::completion;
    use crate::completion::tests::best;
    use crate::fixture::fixture;

    #[test]
    fn builtins_that_take_a_set() {
        assert_eq!(best("builtins.fetchGit { $0 }", 3), ["url", "rev", "ref"]);
        assert_eq!(best("builtins.path { path = ./.; $0 }", 2), ["name", "filter"]);
        assert_eq!(best("fetchTarball { u$0 }", 1), ["url"]);
        assert_eq!(best("derivation { name = \"a\"; $0 }", 2), ["system", "builder"]);
        let fixture = fixture("builtins.fetchGit { sha$0 }");
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let shallow = found.items.iter().find(|item| item.label == "shallow").unwrap();
        assert_eq!(shallow.detail.as_deref(), Some("boolean"));
    }

    #[test]
    fn the_file_that_a_search_path_names() {
        assert_eq!(best("import <nixpkgs> { $0 }", 3), ["system", "config", "overlays"]);
        assert_eq!(best("import <nixpkgs> { config = { }; o$0 }", 1), ["overlays"]);
    }

    #[test]
    fn a_derivation_and_its_meta() {
        let inside = |set: &str, count| {
            best(&format!("{{ stdenv, lib }}: stdenv.mkDerivation {set}"), count)
        };
        assert_eq!(inside("{ $0 }", 3), ["pname", "version", "src"]);
        assert_eq!(inside("rec { pname = \"a\"; $0 }", 2), ["version", "src"]);
        assert_eq!(inside("(finalAttrs: { native$0 })", 1), ["nativeBuildInputs"]);
        assert_eq!(inside("{ meta = with lib; { $0 }; }", 2), ["description", "homepage"]);
        assert_eq!(inside("{ meta = { homepage = \"\"; h$0 }; }", 1), ["hydraPlatforms"]);
        assert_eq!(inside("{ meta.main$0 }", 2), ["maintainers", "mainProgram"]);
        assert_eq!(best("{ pkgs }: pkgs.mkShell { $0 }", 2), ["packages", "inputsFrom"]);
        let shell = best("{ pkgs }: pkgs.mkShell { packages = [ ]; $0 }", 200);
        assert!(!shell.contains(&"packages".to_owned()) && shell.contains(&"pname".to_owned()));
        assert_eq!(best("{ hello }: hello.overrideAttrs (old: { pat$0 })", 1), ["patches"]);
    }
}
