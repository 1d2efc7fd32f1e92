//! All places in a file that mean the same thing as the name under the cursor.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{AttrKind, BindingId, Expr, ExprId, Key, Module, Span};

use crate::goto_definition::definition_of;
use crate::known::{self, Bound, Place, entry_of};
use crate::symbol::{Symbol, symbol_at};

/// One place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The range of the name.
    pub span: Span,
    /// In what way it stands there.
    pub(crate) role: Role,
}

/// In what way a name stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is bound here.
    Definition,
    /// It is bound here by an `inherit`.
    InheritedDefinition,
    /// It is used as a variable.
    Variable(ExprId),
    /// `inherit name;` uses it as a variable and binds it anew.
    Inherit(ExprId, BindingId),
    /// It is selected behind a dot, or asked for.
    Key,
    /// `inherit (set) name;` selects it and binds it anew.
    InheritFrom(BindingId),
}

impl Reference {
    /// Whether the name is bound here.
    pub fn is_definition(&self) -> bool {
        matches!(self.role, Role::Definition | Role::InheritedDefinition)
    }
}

/// The references of what is under the cursor; nothing if that is not bound in this file.
pub fn references(db: &dyn Db, file: File, offset: u32) -> Option<Vec<Reference>> {
    let (bound, _) = bound_at(db, file, offset)?;
    (bound.file == file).then(|| references_of(db, bound))
}

/// What is bound to the name under the cursor, and the name's range there.
pub(crate) fn bound_at(db: &dyn Db, file: File, offset: u32) -> Option<(Bound, Span)> {
    let (symbol, span) = symbol_at(db, file, offset)?;
    let bound = match symbol {
        Symbol::Binding(binding) => Bound { file, binding },
        _ => definition_of(db, file, symbol)?,
    };
    Some((bound, span))
}

/// All references in the file that binds the name, in the order of the text.
pub(crate) fn references_of(db: &dyn Db, bound: Bound) -> Vec<Reference> {
    let file = bound.file;
    let (module, map, scopes) = (module(db, file), source_map(db, file), scopes(db, file));
    let inherited =
        entry_of(module, scopes, bound.binding).is_some_and(|entry| entry.kind != AttrKind::Plain);
    let role = if inherited { Role::InheritedDefinition } else { Role::Definition };
    let mut found: Vec<Reference> =
        map.definitions(bound.binding).map(|span| Reference { span, role }).collect();

    let inherits = Inherits::of(module);
    for expr in scopes.references(bound.binding) {
        let role = match inherits.binding(*expr) {
            Some(binding) => Role::Inherit(*expr, binding),
            None => Role::Variable(*expr),
        };
        found.push(Reference { span: map.exprs[expr.0 as usize], role });
    }

    let name = entry_of(module, scopes, bound.binding).map(|entry| entry.name);
    let is_it = |key: &Key| matches!(key, Key::Static(key) if Some(*key) == name);
    for (expr, id) in module.exprs.iter().zip(0..).map(|(expr, id)| (expr, ExprId(id))) {
        // A variable under `with` may mean an attribute, too.
        if matches!(expr, Expr::Var(floe_hir::Var::With { name: used, .. }) if Some(*used) == name)
        {
            if known::variable(db, Place { file, expr: id }) == Some(bound) {
                found.push(Reference { span: map.exprs[id.0 as usize], role: Role::Variable(id) });
            }
            continue;
        }
        let (Expr::Select { path, .. } | Expr::HasAttr { path, .. }) = expr else { continue };
        for (index, _) in module.keys(*path).iter().enumerate().filter(|(_, key)| is_it(key)) {
            let symbol = Symbol::Key { expr: id, index };
            if definition_of(db, file, symbol) == Some(bound) {
                let role = inherits.binding(id).map_or(Role::Key, Role::InheritFrom);
                found.push(Reference { span: map.keys[path.start as usize + index], role });
            }
        }
    }
    found.sort_by_key(|reference| (reference.span.start, !reference.is_definition()));
    found.dedup_by_key(|reference| reference.span);
    found
}

/// Which expressions are the values of inherited attributes.
struct Inherits {
    values: Vec<(ExprId, BindingId)>,
}

impl Inherits {
    fn of(module: &Module) -> Inherits {
        let entries = module.attrs.iter().flat_map(|attrs| &attrs.entries);
        let inherited = entries.filter(|entry| entry.kind != AttrKind::Plain);
        let mut values: Vec<_> = inherited.map(|entry| (entry.value, entry.binding)).collect();
        values.sort_unstable_by_key(|(value, _)| *value);
        Inherits { values }
    }

    fn binding(&self, value: ExprId) -> Option<BindingId> {
        let index = self.values.binary_search_by_key(&value, |(value, _)| *value).ok()?;
        Some(self.values[index].1)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match references(&fixture.db, fixture.file, fixture.offset) {
            None => "none\n".to_owned(),
            Some(found) => found
                .iter()
                .map(|reference| {
                    let definition = if reference.is_definition() { " (definition)" } else { "" };
                    format!("{}{definition}\n", fixture.show(fixture.file, reference.span))
                })
                .collect(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn of_a_let_binding() {
        check(
            "let\n a = 1;\n b = a;\n in { inherit a$0;\n c = a: a;\n d = b + a; }",
            &expect![[r#"
            default.nix:2 "a" (definition)
            default.nix:3 "a"
            default.nix:4 "a"
            default.nix:6 "a"
        "#]],
        );
    }

    #[test]
    fn of_an_argument_from_its_use() {
        check(
            "{ a, b ? a }:\n a$0 + (let a = 1; in a)",
            &expect![[r#"
            default.nix:1 "a" (definition)
            default.nix:1 "a"
            default.nix:2 "a"
        "#]],
        );
    }

    #[test]
    fn of_an_attribute_through_selects_and_with() {
        check(
            "let\n s = { $0x.y = 1;\n x.z = 2; };\n in [ s.x s.x.y (s ? x)\n (with s; x) { x = 1; }.x ]",
            &expect![[r#"
                default.nix:2 "x" (definition)
                default.nix:3 "x" (definition)
                default.nix:4 "x"
                default.nix:4 "x"
                default.nix:4 "x"
                default.nix:5 "x"
            "#]],
        );
    }

    #[test]
    fn of_what_another_file_binds() {
        check(
            "{ lib }: lib.$0id",
            &expect![[r#"
            none
        "#]],
        );
    }
}
