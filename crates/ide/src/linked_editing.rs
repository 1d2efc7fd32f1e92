//! Editing a name and its uses as one, while it is typed.
//!
//! Only names that nobody outside of the file can see are linked: bindings of `let`, simple arguments,
//! the name behind `@`. An attribute or a formal argument is part of an interface; renaming asks first.

use floe_db::{Db, File, module, scopes, source, source_map};
use floe_hir::{AttrKind, BindingId, Expr, Module, Param, ScopeOwner, Scopes, Span};

use crate::symbol::{Symbol, symbol_at};

/// What a name consists of, as a regular expression of the protocol.
pub const NAME_PATTERN: &str = "[A-Za-z_][A-Za-z0-9_'-]*";

/// The places that are edited together with the name at an offset. Nothing where that is none, or where
/// editing in step would change more than a name.
pub fn linked_editing_ranges(db: &dyn Db, file: File, offset: u32) -> Option<Vec<Span>> {
    let (symbol, _) = symbol_at(db, file, offset)?;
    let (module, map, scopes) = (module(db, file), source_map(db, file), scopes(db, file));
    let binding = match symbol {
        Symbol::Binding(binding) => binding,
        Symbol::Variable(expr) => match scopes.definition(module, expr)? {
            floe_hir::Definition::Binding(binding) => binding,
            _ => return None,
        },
        _ => return None,
    };
    if !is_private(module, scopes, binding) {
        return None;
    }
    let mut spans: Vec<Span> = map.definitions(binding).collect();
    for expr in scopes.references(binding) {
        // `inherit name;` binds the name anew, in a set that others see.
        if is_inherited(module, *expr) {
            return None;
        }
        spans.push(map.exprs[expr.0 as usize]);
    }
    spans.sort_unstable();
    spans.dedup();
    // `"quoted"` names, and what sugar made, have other texts.
    let text = &source(db, file).text;
    let name = |span: &Span| text.get(span.start as usize..span.end as usize);
    let first = name(spans.first()?)?;
    let same = spans.iter().all(|span| name(span) == Some(first));
    (same && floe_syntax::is_identifier(first)).then_some(spans)
}

fn is_private(module: &Module, scopes: &Scopes, binding: BindingId) -> bool {
    match scopes.owner(binding) {
        Some(ScopeOwner::Lambda(lambda)) => match &module.lambdas[lambda.0 as usize].param {
            Param::Simple { .. } => true,
            Param::Pattern { at, .. } => at.is_some_and(|(_, at)| at == binding),
        },
        Some(ScopeOwner::Attrs(attrs)) => {
            let is_let = module
                .exprs
                .iter()
                .any(|expr| matches!(expr, Expr::Let { attrs: of, .. } if *of == attrs));
            let entries = &module.attrs[attrs.0 as usize].entries;
            let entry = entries.iter().find(|entry| entry.binding == binding);
            is_let && entry.is_some_and(|entry| entry.kind == AttrKind::Plain)
        }
        _ => false,
    }
}

fn is_inherited(module: &Module, expr: floe_hir::ExprId) -> bool {
    module
        .attrs
        .iter()
        .flat_map(|attrs| &attrs.entries)
        .any(|entry| entry.kind == AttrKind::Inherited && entry.value == expr)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match linked_editing_ranges(&fixture.db, fixture.file, fixture.offset) {
            None => "nothing\n".to_owned(),
            Some(spans) => {
                spans.iter().map(|span| fixture.show(fixture.file, *span) + "\n").collect()
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_binding_and_its_uses_from_either_end() {
        check(
            "let a$0 = 1;\n b = a; in\n [ a { a = 2; } (a: a) ]",
            &expect![[r#"
            default.nix:1 "a"
            default.nix:2 "a"
            default.nix:3 "a"
        "#]],
        );
        check(
            "let x = 1; in\n $0x + x",
            &expect![[r#"
            default.nix:1 "x"
            default.nix:2 "x"
            default.nix:2 "x"
        "#]],
        );
        check(
            "arg:\n arg$0.b",
            &expect![[r#"
            default.nix:1 "arg"
            default.nix:2 "arg"
        "#]],
        );
        check(
            "{ b }@all:\n all$0.b",
            &expect![[r#"
            default.nix:1 "all"
            default.nix:2 "all"
        "#]],
        );
    }

    #[test]
    fn what_others_see_is_not_linked() {
        check(
            "{ a }: a$0",
            &expect![[r#"
            nothing
        "#]],
        );
        check(
            "rec { a$0 = 1; b = a; }",
            &expect![[r#"
            nothing
        "#]],
        );
        check(
            "let a$0 = 1; in { inherit a; }",
            &expect![[r#"
            nothing
        "#]],
        );
        check(
            "let a.b$0 = 1; in a",
            &expect![[r#"
            nothing
        "#]],
        );
    }
}
