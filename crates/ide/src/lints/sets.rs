//! Sets, `let` and `inherit`.

use floe_syntax::{SyntaxKind, TextEdit, is_identifier};
use rustc_hash::FxHashMap;

use super::{Checker, delete_entry};
use crate::tree::{Node, Tightness, in_place_of};

/// `let in x`
pub(super) fn empty_let(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(body) = node.expr(0).filter(|_| node.entries().next().is_none()) else { return };
    let has_comment = node.children_with_trivia().any(|child| child.is(SyntaxKind::Comment));
    let head = node.child(SyntaxKind::InKw).map_or(node.end(), Node::end);
    let span = floe_hir::Span { start: node.start(), end: head };
    let finding = checker.report(span, "a 'let' that binds nothing").unnecessary();
    if !has_comment {
        let text = in_place_of(node, body.text(), body.tightness());
        finding.fix("Remove the 'let'", vec![TextEdit::replace(node.range(), text)]);
    }
}

/// `inherit;` and `inherit (x);`
pub(super) fn empty_inherit(checker: &mut Checker<'_>, node: Node<'_>) {
    if node.child(SyntaxKind::Attr).is_some() || node.has_comment() {
        return;
    }
    let edit = delete_entry(node);
    checker
        .report(node.span(), "an 'inherit' that names nothing")
        .unnecessary()
        .fix("Remove the 'inherit'", vec![edit]);
}

/// `let { x = 1; body = x; }`
pub(super) fn legacy_let(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(keyword) = node.child(SyntaxKind::LetKw) else { return };
    let bindings = &node.text()[keyword.text().len()..];
    let text = format!("(rec{bindings}).body");
    let text = in_place_of(node, &text, Tightness::Selection);
    checker
        .report(keyword.span(), "the old form of 'let', whose value is its attribute 'body'")
        .deprecated()
        .fix("Write '(rec { … }).body'", vec![TextEdit::replace(node.range(), text)]);
}

/// `a = a;`
pub(super) fn manual_inherit(checker: &mut Checker<'_>, node: Node<'_>) {
    inherit_instead(checker, node, SyntaxKind::Variable);
}

/// `a = x.a;`
pub(super) fn manual_inherit_from(checker: &mut Checker<'_>, node: Node<'_>) {
    inherit_instead(checker, node, SyntaxKind::Select);
}

fn inherit_instead(checker: &mut Checker<'_>, node: Node<'_>, value: SyntaxKind) {
    if node.expr(0).is_none_or(|found| !found.without_parens().is(value)) {
        return;
    }
    if let Some(text) = as_inherit(node) {
        checker
            .report(node.span(), format!("'{text}' says the same"))
            .fix("Use 'inherit'", vec![TextEdit::replace(node.range(), text)]);
    }
}

/// `{ "a" = 1; }`
pub(super) fn quoted_attribute(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(name) = node.child(SyntaxKind::String).and_then(|_| node.name()) else { return };
    let Some(string) = node.child(SyntaxKind::String) else { return };
    // `or` is a keyword in some places, and escapes may be there for a reason.
    if is_identifier(&name) && name != "or" && string.text() == format!("\"{name}\"") {
        let text = spaced_name(node, &name);
        checker
            .report(node.span(), format!("'{name}' needs no quotes"))
            .fix("Remove the quotes", vec![TextEdit::replace(node.range(), text)]);
    }
}

/// `{ a.b = 1; a.c = 2; a.d = 3; }`
pub(super) fn repeated_path(checker: &mut Checker<'_>, node: Node<'_>) {
    let mut seen: FxHashMap<String, (Node<'_>, usize)> = FxHashMap::default();
    for binding in node.all_of(SyntaxKind::Binding) {
        let attrs = binding.attrs();
        if attrs.len() < 2 {
            continue;
        }
        let Some(name) = attrs[0].name() else { continue };
        seen.entry(name).or_insert((attrs[0], 0)).1 += 1;
    }
    let mut often: Vec<_> = seen.into_iter().filter(|(_, (_, count))| *count >= 3).collect();
    often.sort_by_key(|(_, (first, _))| first.start());
    for (name, (first, count)) in often {
        checker.report(
            first.span(),
            format!("'{name}' is written {count} times: one set can hold all"),
        );
    }
}

/// A binding that names its attribute twice, as an `inherit`.
pub(crate) fn as_inherit(binding: Node<'_>) -> Option<String> {
    let name = plain_name(binding)?;
    let value = binding.expr(0)?.without_parens();
    if binding.has_comment() {
        return None;
    }
    if value.is_variable(&name) {
        return (!is_recursive(binding)).then(|| format!("inherit {name};"));
    }
    if !value.is(SyntaxKind::Select) || value.child(SyntaxKind::OrKw).is_some() {
        return None;
    }
    let attrs = value.attrs();
    let (last, before) = attrs.split_last()?;
    let base = value.expr(0)?;
    if last.text() != name {
        return None;
    }
    let from = match before.last() {
        Some(attr) => &binding.tree().text()[base.start() as usize..attr.end() as usize],
        None => base.without_parens().text(),
    };
    Some(format!("inherit ({from}) {name};"))
}

/// The one name that a binding binds, if it is written without quotes.
fn plain_name(binding: Node<'_>) -> Option<String> {
    match binding.attrs().as_slice() {
        [attr] if attr.child(SyntaxKind::Ident).is_some() => attr.name(),
        _ => None,
    }
}

/// Whether the set that a binding is in refers to itself.
fn is_recursive(binding: Node<'_>) -> bool {
    binding
        .parent()
        .is_none_or(|set| !set.is(SyntaxKind::AttrSet) || set.child(SyntaxKind::RecKw).is_some())
}

/// A name that touches neither the word before nor the one behind.
fn spaced_name(node: Node<'_>, name: &str) -> String {
    let text = node.tree().text();
    let is_word = |c: char| c.is_alphanumeric() || "_-'/~<".contains(c);
    let before = text[..node.start() as usize].ends_with(is_word);
    let behind = text[node.end() as usize..].starts_with(is_word);
    format!("{}{name}{}", if before { " " } else { "" }, if behind { " " } else { "" })
}
