//! Functions that are overlays: their first argument has, beside much else, what they give themselves.

use floe_db::{Db, File, module, scopes};
use floe_hir::{Expr, ExprId, LambdaId, Module, Param, Scopes};

use crate::modules::called;

/// What a function gives, if it is an overlay as far as its place or the names of its arguments tell.
pub(crate) fn result_of_overlay(db: &dyn Db, file: File, overlay: LambdaId) -> Option<ExprId> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let outer = &module.lambdas[overlay.0 as usize];
    let Expr::Lambda(inner) = module.expr(outer.body) else { return None };
    let inner = &module.lambdas[inner.0 as usize];
    let (Param::Simple { name: last, .. }, Param::Simple { name: before, .. }) =
        (&outer.param, &inner.param)
    else {
        return None;
    };
    let is_named_so = matches!(last.as_str(), "final" | "self")
        && matches!(before.as_str(), "prev" | "super" | "previous" | "old");
    (is_named_so || stands_as_overlay(module, scopes, scopes.parent(outer.body)?))
        .then_some(inner.body)
}

/// Whether a function stands where an overlay is asked for.
fn stands_as_overlay(module: &Module, scopes: &Scopes, function: ExprId) -> bool {
    let mut inner = function;
    for outer in scopes.ancestors(function).skip(1) {
        match module.expr(outer) {
            Expr::List(_) | Expr::Binary { .. } => {}
            Expr::Apply { fun, .. } if fun != inner => {
                return matches!(
                    called(module, scopes, fun),
                    "extend"
                        | "composeExtensions"
                        | "composeManyExtensions"
                        | "overrideScope"
                        | "appendOverlays"
                );
            }
            Expr::Attrs(attrs) => {
                let mut entries = module.attrs[attrs.0 as usize].entries.iter();
                let Some(entry) = entries.find(|entry| entry.value == inner) else { return false };
                if matches!(entry.name.as_str(), "overlay" | "overlays") {
                    return true;
                }
                // `overlays.default = …`
                let is_inside = inner == function || matches!(module.expr(inner), Expr::Attrs(_));
                if !is_inside {
                    return false;
                }
            }
            _ => return false,
        }
        inner = outer;
    }
    false
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::fixture::fixture;
    use crate::{completion, goto_definition, references};

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let (db, file, offset) = (&fixture.db, fixture.file, fixture.offset);
        let mut shown = String::new();
        for target in goto_definition(db, file, offset) {
            shown += &format!("to {}\n", fixture.show(target.file, target.span));
        }
        for found in references(db, file, offset).unwrap_or_default() {
            shown += &format!("at {}\n", fixture.show(found.file, found.span));
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn an_overlay_is_given_what_it_gives() {
        check(
            "final: prev: {\n fooTool = 5;\n bar = final.$0fooTool; }",
            &expect![[r#"
                to default.nix:2 "fooTool"
                at default.nix:2 "fooTool"
                at default.nix:3 "fooTool"
            "#]],
        );
        check(
            "{ overlays.default = a: b: {\n fooTool = 5;\n bar = a.$0fooTool; }; }",
            &expect![[r#"
                to default.nix:2 "fooTool"
                at default.nix:2 "fooTool"
                at default.nix:3 "fooTool"
            "#]],
        );
        check("{ f = a: b: {\n fooTool = 5;\n bar = a.$0fooTool; }; }", &expect![[""]]);
    }

    #[test]
    fn what_an_overlay_gives_is_offered_beside_the_packages() {
        let fixture = fixture("final: prev: { fooTool = 5; bar = final.$0; }");
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let has = |name: &str| found.items.iter().any(|item| item.label == name);
        assert!(has("fooTool") && has("hello"));
    }
}
