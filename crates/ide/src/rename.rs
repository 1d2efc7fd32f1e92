//! Gives a name another spelling, everywhere in the file that binds it.
//!
//! The program means the same afterwards, or there is no edit: the new name must not be taken in the
//! same set, no use may fall to another binding of that name in between, and no use of an outer binding
//! of that name may fall to the renamed one. An `inherit` that passes the name on becomes a binding,
//! because it has only one name for both sides.

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_hir::{
    BindingId, Definition, Expr, ExprId, Module, Name, Param, ScopeOwner, Scopes, Span, Var,
    Visible, globals,
};
use floe_syntax::{ElementId, FlatTree, SyntaxKind, TextEdit};
use thiserror::Error;

use crate::cursor::Cursor;
use crate::known::Bound;
use crate::references::{Reference, Role, bound_at, references_of};

/// What a rename would be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameTarget {
    /// The name under the cursor.
    pub span: Span,
    /// Its spelling.
    pub name: String,
}

/// Why there is no renaming.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum RenameError {
    #[error("there is no name here that this file binds")]
    NothingHere,
    #[error("'{name}' is bound in {file}; rename it there")]
    Elsewhere { name: String, file: String },
    #[error(
        "'{name}' cannot be a name: expected a letter or '_', then letters, digits, '_', '-', \"'\""
    )]
    NoName { name: String },
    #[error("'{name}' is already bound beside it")]
    Taken { name: String },
    #[error("in line {line}, '{name}' already means something else")]
    Captured { name: String, line: usize },
}

/// Whether the name under the cursor can be renamed.
///
/// # Errors
/// Where this file does not bind it.
pub fn prepare_rename(db: &dyn Db, file: File, offset: u32) -> Result<RenameTarget, RenameError> {
    let (bound, span) = bound_at(db, file, offset).ok_or(RenameError::NothingHere)?;
    let name = name_of(db, bound).ok_or(RenameError::NothingHere)?.to_string();
    if bound.file != file {
        let file = bound.file.path(db).display().to_string();
        return Err(RenameError::Elsewhere { name, file });
    }
    Ok(RenameTarget { span, name })
}

/// The edits that rename the name under the cursor.
///
/// # Errors
/// Where it cannot be renamed, or the program would mean something else afterwards.
pub fn rename(
    db: &dyn Db,
    file: File,
    offset: u32,
    new: &str,
) -> Result<Vec<TextEdit>, RenameError> {
    prepare_rename(db, file, offset)?;
    if !floe_syntax::is_identifier(new) {
        return Err(RenameError::NoName { name: new.to_owned() });
    }
    let (bound, _) = bound_at(db, file, offset).ok_or(RenameError::NothingHere)?;
    let references = references_of(db, bound);
    let renaming = Renaming { db, bound, new: Name::new(new) };
    renaming.check(&references)?;
    Ok(references.iter().flat_map(|reference| renaming.edits(reference)).collect())
}

struct Renaming<'a> {
    db: &'a dyn Db,
    bound: Bound,
    new: Name,
}

impl Renaming<'_> {
    fn check(&self, references: &[Reference]) -> Result<(), RenameError> {
        let (module, scopes) = (module(self.db, self.bound.file), scopes(self.db, self.bound.file));
        let name = || self.new.to_string();
        let binding = self.bound.binding;
        if names_beside(module, scopes, binding).contains(&self.new) {
            return Err(RenameError::Taken { name: name() });
        }
        for reference in references {
            let falls = match reference.role {
                Role::Variable(expr) => falls_to_another(module, scopes, expr, self.new, binding),
                // `inherit x;` becomes `x = new;`, which looks for `new` in the set itself first.
                Role::Inherit(expr, inner) => {
                    falls_to_another(module, scopes, expr, self.new, binding)
                        || is_recursive(module, scopes, inner)
                            && names_beside(module, scopes, inner).contains(&self.new)
                }
                _ => false,
            };
            if falls {
                return Err(self.captured(reference.span));
            }
        }
        let map = source_map(self.db, self.bound.file);
        for id in (0..module.exprs.len() as u32).map(ExprId) {
            if spelling(module, scopes, id) == Some(self.new)
                && is_hidden_by(module, scopes, id, self.new, binding)
            {
                return Err(self.captured(map.exprs[id.0 as usize]));
            }
        }
        Ok(())
    }

    fn captured(&self, span: Span) -> RenameError {
        let text = &source(self.db, self.bound.file).text;
        let line = text[..span.start as usize].matches('\n').count() + 1;
        RenameError::Captured { name: self.new.to_string(), line }
    }

    fn edits(&self, reference: &Reference) -> Vec<TextEdit> {
        let span = reference.span;
        let plain = vec![replace(span, self.new.to_string())];
        let old = name_of(self.db, self.bound);
        let Some(old) = old else { return plain };
        match reference.role {
            Role::Definition | Role::Variable(_) | Role::Key => plain,
            // It stays available under its old name: `old = new;`.
            Role::Inherit(..) => self.out_of_inherit(span, |_| format!("{old} = {};", self.new)),
            Role::InheritFrom(_) => {
                self.out_of_inherit(span, |from| format!("{old} = {from}.{};", self.new))
            }
            // It gets its value from where it did, under the new name.
            Role::InheritedDefinition => self.out_of_inherit(span, |from| match from {
                "" => format!("{} = {old};", self.new),
                from => format!("{} = {from}.{old};", self.new),
            }),
        }
    }

    /// Takes a name out of its `inherit` and writes a binding behind it. `binding` is given the text of
    /// the set that is inherited from, or nothing.
    fn out_of_inherit(&self, name: Span, binding: impl Fn(&str) -> String) -> Vec<TextEdit> {
        let text = &source(self.db, self.bound.file).text;
        let tree = &parse(self.db, self.bound.file).tree;
        let cursor = Cursor::new(tree, text, name.end);
        let inherit =
            cursor.nodes.iter().rev().find(|node| tree.get(**node).kind == SyntaxKind::Inherit);
        let Some(inherit) = inherit else { return Vec::new() };
        let of_kind = |kind| tree.children(*inherit).filter(move |id| tree.get(*id).kind == kind);
        let from = of_kind(SyntaxKind::InheritFrom).next();
        let from = from.map_or(String::new(), |from| set_text(tree, text, from));
        let (clause, binding) = (tree.get(*inherit), binding(&from));
        if of_kind(SyntaxKind::Attr).count() <= 1 {
            return vec![TextEdit::replace(clause.start..clause.end, binding)];
        }
        // The white space before the name goes with it.
        let before = text[..name.start as usize].trim_end().len() as u32;
        vec![
            TextEdit::delete(before..name.end),
            TextEdit::insert(clause.end, format!(" {binding}")),
        ]
    }
}

fn replace(span: Span, text: String) -> TextEdit {
    TextEdit::replace(span.start..span.end, text)
}

/// The set of `inherit (set)` as something that a dot can follow.
fn set_text(tree: &FlatTree, text: &str, from: ElementId) -> String {
    let inner = tree.children(from).find(|id| !tree.get(*id).kind.is_token());
    let Some(inner) = inner.map(|id| tree.get(id)) else { return String::new() };
    let text = &text[inner.start as usize..inner.end as usize];
    match inner.kind {
        SyntaxKind::Variable | SyntaxKind::AttrSet | SyntaxKind::Paren => text.to_owned(),
        SyntaxKind::Select if !text.contains(" or ") => text.to_owned(),
        _ => format!("({text})"),
    }
}

fn name_of(db: &dyn Db, bound: Bound) -> Option<Name> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    bindings_beside(module, scopes, bound.binding)
        .into_iter()
        .find_map(|(name, binding)| (binding == bound.binding).then_some(name))
}

fn names_beside(module: &Module, scopes: &Scopes, binding: BindingId) -> Vec<Name> {
    bindings_beside(module, scopes, binding).into_iter().map(|(name, _)| name).collect()
}

/// All that is bound by the set, `let` or function that a binding is a part of.
fn bindings_beside(module: &Module, scopes: &Scopes, binding: BindingId) -> Vec<(Name, BindingId)> {
    match scopes.owner(binding) {
        Some(ScopeOwner::Attrs(attrs)) => {
            let entries = &module.attrs[attrs.0 as usize].entries;
            entries.iter().map(|entry| (entry.name, entry.binding)).collect()
        }
        Some(ScopeOwner::Lambda(lambda)) => match &module.lambdas[lambda.0 as usize].param {
            Param::Simple { name, binding } => vec![(*name, *binding)],
            Param::Pattern { formals, at, .. } => {
                let formals = formals.iter().map(|formal| (formal.name, formal.binding));
                formals.chain(*at).collect()
            }
        },
        Some(ScopeOwner::With(_)) | None => Vec::new(),
    }
}

fn is_recursive(module: &Module, scopes: &Scopes, binding: BindingId) -> bool {
    match scopes.owner(binding) {
        Some(ScopeOwner::Attrs(attrs)) => module.attrs[attrs.0 as usize].recursive,
        _ => false,
    }
}

/// Whether a use of `binding` would mean something else if it were spelled `new`.
fn falls_to_another(
    module: &Module,
    scopes: &Scopes,
    expr: ExprId,
    new: Name,
    binding: BindingId,
) -> bool {
    // A use through `with` gives way to every lexical binding of the name.
    let lexical = matches!(module.expr(expr), Expr::Var(Var::Local { .. }));
    for visible in scopes.visible(module, expr) {
        match visible {
            Visible::Binding(_, found) if found == binding && lexical => return false,
            Visible::Binding(name, _) | Visible::Global(name, _) if name == new => {
                return lexical || matches!(visible, Visible::Binding(..));
            }
            _ => {}
        }
    }
    false
}

/// Whether a variable spelled `new` would mean `binding` if that were spelled `new`.
fn is_hidden_by(
    module: &Module,
    scopes: &Scopes,
    expr: ExprId,
    new: Name,
    binding: BindingId,
) -> bool {
    for visible in scopes.visible(module, expr) {
        match visible {
            Visible::Binding(_, found) if found == binding => return true,
            Visible::Binding(name, _) if name == new => return false,
            _ => {}
        }
    }
    false
}

/// How a variable is spelled.
fn spelling(module: &Module, scopes: &Scopes, expr: ExprId) -> Option<Name> {
    match scopes.definition(module, expr)? {
        Definition::Binding(binding) => bindings_beside(module, scopes, binding)
            .into_iter()
            .find_map(|(name, found)| (found == binding).then_some(name)),
        Definition::With { name, .. } | Definition::Undefined(name) => Some(name),
        Definition::Global(id) => Some(globals()[id.0 as usize].name),
        Definition::Imported(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, new: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match rename(&fixture.db, fixture.file, fixture.offset, new) {
            Ok(edits) => fixture.edited(&edits),
            Err(error) => format!("error: {error}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn every_use_and_the_definition() {
        check("let $0a = 1; in a + (b: a) a", "c", &expect!["let c = 1; in c + (b: c) c"]);
        check("{ a ? 1, b ? $0a }: a", "c", &expect!["{ c ? 1, b ? c }: c"]);
        check(
            "let s = { a = 1; }; in s.$0a + (with s; a)",
            "c",
            &expect!["let s = { c = 1; }; in s.c + (with s; c)"],
        );
    }

    #[test]
    fn an_inherit_becomes_a_binding() {
        check(
            "let $0a = 1; b = 2; in { inherit a b; }",
            "c",
            &expect!["let c = 1; b = 2; in { inherit b; a = c; }"],
        );
        check("let $0a = 1; in { inherit a; }", "c", &expect!["let c = 1; in { a = c; }"]);
        check(
            "let inherit (import ./x) a b; in $0a + b",
            "c",
            &expect!["let inherit (import ./x) b; c = (import ./x).a; in c + b"],
        );
        check(
            "let s = { a = 1; }; in { inherit (s) a$0; }",
            "c",
            &expect!["let s = { c = 1; }; in { a = s.c; }"],
        );
    }

    #[test]
    fn not_to_a_name_that_is_taken() {
        check("let $0a = 1; b = 2; in a", "b", &expect!["error: 'b' is already bound beside it"]);
        check("{ $0a, b }: a", "b", &expect!["error: 'b' is already bound beside it"]);
    }

    #[test]
    fn not_where_a_use_would_fall_to_another_binding() {
        check(
            "let $0a = 1; in\nb: a",
            "b",
            &expect!["error: in line 2, 'b' already means something else"],
        );
        check(
            "let $0a = 1; in\nrec { b = 2; inherit a; }",
            "b",
            &expect!["error: in line 2, 'b' already means something else"],
        );
    }

    #[test]
    fn not_where_it_would_take_the_uses_of_another_binding() {
        check(
            "b:\nlet $0a = 1; in\n b",
            "b",
            &expect!["error: in line 3, 'b' already means something else"],
        );
        check(
            "with {};\nlet $0a = 1; in\n b",
            "b",
            &expect!["error: in line 3, 'b' already means something else"],
        );
        check(
            "let $0a = 1; in\n map",
            "map",
            &expect!["error: in line 2, 'map' already means something else"],
        );
    }

    #[test]
    fn not_to_what_is_no_name_and_not_of_what_is_not_bound_here() {
        check(
            "let $0a = 1; in a",
            "in",
            &expect![[
                r#"error: 'in' cannot be a name: expected a letter or '_', then letters, digits, '_', '-', "'""#
            ]],
        );
        check(
            "let $0a = 1; in a",
            "a b",
            &expect![[
                r#"error: 'a b' cannot be a name: expected a letter or '_', then letters, digits, '_', '-', "'""#
            ]],
        );
        check("$0map", "x", &expect!["error: there is no name here that this file binds"]);
    }
}
