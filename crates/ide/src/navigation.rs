//! Further ways from a name: to the nearest binding of it, to the literal that its value is, to where a
//! value is made that only gets its name here.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{Definition, Expr, ExprId, LambdaId, Name, Span};
use floe_types::{Inference, MOST_WITHS, Type, Written};
use rustc_hash::FxHashSet;

use crate::evaluation::packages::{Candidate, PackagePath, candidates};
use crate::goto_definition::{NavigationTarget, definition_of, origin};
use crate::infer::Typing;
use crate::known::{self, Bound, Place};
use crate::symbol::{Symbol, path_to_key, symbol_at};
use crate::uses::literal_of;

/// What binds the name under the cursor here, be it an `inherit` that only passes it on.
pub fn goto_declaration(db: &dyn Db, file: File, offset: u32) -> Vec<NavigationTarget> {
    let symbol = symbol_at(db, file, offset);
    let bound = symbol.and_then(|(symbol, _)| definition_of(db, file, symbol));
    let target = |bound: Bound| NavigationTarget { file: bound.file, span: bound.span(db) };
    bound.map(target).into_iter().collect()
}

/// The sets whose attributes the value under the cursor has.
pub fn goto_type_definition(db: &dyn Db, file: File, offset: u32) -> Vec<NavigationTarget> {
    targets(db, file, offset, |written| matches!(written, Written::Set(_)))
}

/// The sets and functions that the value under the cursor is.
pub fn goto_implementation(db: &dyn Db, file: File, offset: u32) -> Vec<NavigationTarget> {
    targets(db, file, offset, |_| true)
}

fn targets(
    db: &dyn Db,
    file: File,
    offset: u32,
    wanted: impl Fn(Written) -> bool,
) -> Vec<NavigationTarget> {
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let Some(found) = type_at(db, &typing, &mut inference, file, offset) else { return Vec::new() };
    let places = inference.places(&found).into_iter().filter(|(_, written)| wanted(*written));
    let mut targets: Vec<NavigationTarget> = places
        .filter_map(|(key, written)| {
            let file = typing.file(key);
            let span = span_of(db, file, written)?;
            Some(NavigationTarget { file, span })
        })
        .collect();
    targets.dedup();
    targets
}

/// The type of what is under the cursor: of the attribute under it, not of the whole path.
pub(crate) fn type_at<'a>(
    db: &dyn Db,
    typing: &'a Typing<'_>,
    inference: &mut Inference<'a>,
    file: File,
    offset: u32,
) -> Option<Type> {
    let (symbol, _) = symbol_at(db, file, offset)?;
    let key = typing.key(file);
    Some(match symbol {
        Symbol::Variable(expr) => {
            let found = Some(inference.type_of(key, expr));
            let parts = || candidates(db, Place { file, expr });
            known_or_library(db, typing, inference, found, parts)?
        }
        Symbol::Key { expr, index } => {
            let (base, path) = path_to_key(module(db, file), expr, index)?;
            let of_base = inference.type_of(key, base);
            let found = select(inference, of_base, &path);
            let parts = || parts_below(db, Place { file, expr: base }, &path);
            known_or_library(db, typing, inference, found, parts)?
        }
        Symbol::Binding(binding) => inference.type_of_binding(key, binding),
        Symbol::Path(_) | Symbol::SearchPath(_) => return None,
    })
}

/// The type of an attribute, by the path to it.
pub(crate) fn select(inference: &mut Inference<'_>, from: Type, path: &[Name]) -> Option<Type> {
    path.iter().try_fold(from, |found, name| inference.attribute(&found, *name))
}

/// What binds a name of nixpkgs' library: `lib.mkIf` where `lib` is an argument, and the same under `with`
/// or behind `pkgs`.
pub(crate) fn library_binding(db: &dyn Db, file: File, symbol: Symbol) -> Option<Bound> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let (bases, path) = match symbol {
        Symbol::Variable(expr) => match scopes.definition(module, expr)? {
            Definition::With { name, sets } => {
                (sets.into_iter().take(MOST_WITHS).collect(), vec![name])
            }
            _ => return None,
        },
        Symbol::Key { expr, index } => {
            let (base, path) = path_to_key(module, expr, index)?;
            (vec![base], path)
        }
        _ => return None,
    };
    let (name, above) = path.split_last()?;
    bases.into_iter().find_map(|base| {
        let sets = parts_below(db, Place { file, expr: base }, above);
        let set = library_type(db, &typing, &mut inference, &sets)?;
        attribute_of(db, &typing, &mut inference, &set, *name)
    })
}

/// Which parts of a package set attributes of a value can be.
fn parts_below(db: &dyn Db, base: Place, path: &[Name]) -> Vec<Candidate> {
    let names = || path.iter().map(|name| name.as_str().to_owned());
    candidates(db, base).into_iter().map(|base| base.join(names())).collect()
}

/// The type of a value of which the text around it says nothing, if it can be a part of nixpkgs' library.
fn known_or_library(
    db: &dyn Db,
    typing: &Typing<'_>,
    inference: &mut Inference<'_>,
    found: Option<Type>,
    parts: impl FnOnce() -> Vec<Candidate>,
) -> Option<Type> {
    match found {
        Some(Type::Unknown) | None => library_type(db, typing, inference, &parts()).or(found),
        known => known,
    }
}

/// The type of the first of these that is a part of nixpkgs' library: `pkgs.lib.types`.
pub(crate) fn library_type(
    db: &dyn Db,
    typing: &Typing<'_>,
    inference: &mut Inference<'_>,
    parts: &[Candidate],
) -> Option<Type> {
    let mut inside = parts.iter().filter_map(Candidate::in_library).peekable();
    inside.peek()?;
    let library = known::imported_file(db, &floe_db::nixpkgs(db).path.as_ref()?.join("lib"))?;
    let lib = inference.type_of(typing.key(library), module(db, library).root);
    inside.find_map(|path| {
        let path: Vec<Name> = path.iter().map(|name| Name::new(name)).collect();
        select(inference, lib.clone(), &path)
    })
}

/// What binds a part of nixpkgs' library.
pub(crate) fn library_member(
    db: &dyn Db,
    typing: &Typing<'_>,
    inference: &mut Inference<'_>,
    part: &Candidate,
) -> Option<Bound> {
    let (set, name) = part.split_last()?;
    let set = library_type(db, typing, inference, &[set])?;
    attribute_of(db, typing, inference, &set, Name::new(&name))
}

/// The functions among the attributes of a part of nixpkgs' library.
#[salsa::tracked(returns(ref))]
pub(crate) fn library_functions<'db>(db: &'db dyn Db, part: PackagePath<'db>) -> FxHashSet<Name> {
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let part = [Candidate::new(part.set(db).clone(), part.path(db).clone())];
    let Some(of) = library_type(db, &typing, &mut inference, &part) else {
        return FxHashSet::default();
    };
    let names = inference.attributes(&of).0.into_iter().map(|attribute| attribute.name);
    let mut is_function =
        |name: &Name| matches!(inference.attribute(&of, *name), Some(Type::Function(_)));
    names.filter(&mut is_function).collect()
}

/// What binds an attribute of a value: where the function that it is has its name, or the attribute itself.
fn attribute_of(
    db: &dyn Db,
    typing: &Typing<'_>,
    inference: &mut Inference<'_>,
    set: &Type,
    name: Name,
) -> Option<Bound> {
    let found = inference.attribute(set, name)?;
    let function = inference.places(&found).into_iter().find_map(|(key, written)| match written {
        Written::Function(lambda) => Some(named_function(db, typing.file(key), lambda)),
        Written::Set(_) => None,
    });
    if let Some(NamedFunction { bound: Some(bound), given: 0, .. }) = function {
        return Some(bound);
    }
    let (key, binding) =
        inference.attributes(set).0.into_iter().find(|found| found.name == name)?.binding?;
    Some(origin(db, Bound { file: typing.file(key), binding }))
}

/// A function with all its parameters.
pub(crate) struct NamedFunction {
    /// The outermost lambda.
    pub(crate) expr: ExprId,
    /// How many arguments lead from there to the lambda that was asked for.
    pub(crate) given: usize,
    /// What it is bound to.
    pub(crate) bound: Option<Bound>,
}

/// The function that a lambda is, or is what is left of for the last arguments.
pub(crate) fn named_function(db: &dyn Db, file: File, lambda: LambdaId) -> NamedFunction {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let body = module.lambdas[lambda.0 as usize].body;
    let mut expr = scopes.parent(body).unwrap_or(module.root);
    let mut given = 0;
    while let Some(outer) = scopes.parent(expr)
        && matches!(module.expr(outer), Expr::Lambda(_))
    {
        (expr, given) = (outer, given + 1);
    }
    let set = scopes.parent(expr).and_then(|parent| match module.expr(parent) {
        Expr::Attrs(attrs) | Expr::Let { attrs, .. } => Some(&module.attrs[attrs.0 as usize]),
        _ => None,
    });
    let entry = set.and_then(|set| set.entries.iter().find(|entry| entry.value == expr));
    let bound = entry.map(|entry| Bound { file, binding: entry.binding });
    NamedFunction { expr, given, bound }
}

fn span_of(db: &dyn Db, file: File, written: Written) -> Option<Span> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let expr: ExprId = match written {
        Written::Set(attrs) => literal_of(module, scopes, attrs)?,
        Written::Function(lambda) => scopes.parent(module.lambdas[lambda.0 as usize].body)?,
    };
    matches!(module.expr(expr), Expr::Attrs(_) | Expr::Lambda(_))
        .then(|| source_map(db, file).exprs[expr.0 as usize])
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let (db, file, offset) = (&fixture.db, fixture.file, fixture.offset);
        let declaration = goto_declaration(db, file, offset);
        let mut shown = String::new();
        for (name, targets) in [
            ("declaration", declaration),
            ("type", goto_type_definition(db, file, offset)),
            ("implementation", goto_implementation(db, file, offset)),
        ] {
            for target in targets {
                shown += &format!("{name}: {}\n", fixture.show(target.file, target.span));
            }
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn of_a_set_of_another_file() {
        check(
            "//- /w/a.nix\nlet b = import ./b.nix; inherit (b) x; in $0x\n//- /w/b.nix\n{ x = { y = 1; }; }",
            &expect![[r#"
                declaration: a.nix:1 "x"
                type: b.nix:1 "{ y = 1; }"
                implementation: b.nix:1 "{ y = 1; }"
            "#]],
        );
    }

    #[test]
    fn of_a_function_by_another_name() {
        check(
            "let s = { f = x: x; }; g = s.f; in\n$0g 1",
            &expect![[r#"
                declaration: default.nix:1 "g"
                implementation: default.nix:1 "x: x"
            "#]],
        );
    }

    #[test]
    fn of_what_a_call_gives() {
        check(
            "let f = x:\n { a = x; }; in let r = f 1; in $0r.a",
            &expect![[r#"
            declaration: default.nix:2 "r"
            type: default.nix:2 "{ a = x; }"
            implementation: default.nix:2 "{ a = x; }"
        "#]],
        );
    }
}
