//! Further ways from a name: to the nearest binding of it, to the literal that its value is, to where a
//! value is made that only gets its name here.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{Expr, ExprId, Span};
use floe_types::{Type, Written};

use crate::goto_definition::{NavigationTarget, definition_of};
use crate::infer::Typing;
use crate::known::Bound;
use crate::symbol::{Symbol, symbol_at};
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
    inference: &mut floe_types::Inference<'a>,
    file: File,
    offset: u32,
) -> Option<Type> {
    let (symbol, _) = symbol_at(db, file, offset)?;
    let key = typing.key(file);
    Some(match symbol {
        Symbol::Variable(expr) => inference.type_of(key, expr),
        Symbol::Key { expr, index } => {
            let (base, path) = crate::symbol::path_to_key(module(db, file), expr, index)?;
            let mut found = inference.type_of(key, base);
            for name in path {
                found = inference.attribute(&found, name)?;
            }
            found
        }
        Symbol::Binding(binding) => inference.type_of_binding(key, binding),
        Symbol::Path(_) | Symbol::SearchPath(_) => return None,
    })
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
