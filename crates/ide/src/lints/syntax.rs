//! Ways to write a value that add nothing to it.

use floe_syntax::{SyntaxKind, TextEdit};

use super::Checker;
use crate::tree::{Node, Tightness, in_place_of, indented};

/// `a = (b);`, `f (x)`, `((x))`
pub(super) fn redundant_parentheses(checker: &mut Checker<'_>, node: Node<'_>) {
    use SyntaxKind::*;
    let (Some(inside), Some(parent)) = (node.expr(0), node.parent()) else { return };
    let is_needless = match inside.kind() {
        // Of nested pairs the inner one is told.
        Variable => inside.text() != "or",
        String | IndentedString | List | AttrSet => true,
        _ => false,
    } || parent.is(Paren)
        || is_delimited(node, parent) && !spans_lines(node);
    // `(a.b) or c` is not `a.b or c`, and what an `inherit` takes from has parentheses anyway.
    if !is_needless || inside.is(Paren) {
        return;
    }
    let (open, close) = (node.child(LParen), node.child(RParen));
    let (Some(open), Some(close)) = (open, close) else { return };
    let text = &checker.input.text;
    let lead = &text[open.end() as usize..inside.start() as usize];
    let trail = &text[inside.end() as usize..close.start() as usize];
    let is_blank = |text: &str| text.trim_matches(' ').is_empty();
    let has_own_lines = lead.contains('\n') && lead.trim().is_empty() && trail.trim().is_empty();
    let kept = if has_own_lines {
        let column = |node: Node<'_>| node.tree().indentation(node.start()).len() as i64;
        indented(inside, column(node) - column(inside))
    } else {
        // White space and comments stay, except for spaces on one line.
        let from = if is_blank(lead) { inside.start() } else { open.end() };
        let to = if is_blank(trail) { inside.end() } else { close.start() };
        text[from as usize..to as usize].to_owned()
    };
    checker.report(node.span(), "these parentheses change nothing").unnecessary().fix(
        "Remove the parentheses",
        vec![TextEdit::replace(node.range(), in_place_of(node, &kept, Tightness::Atom))],
    );
}

/// Whether the place of an expression ends where nothing could be taken for a part of it.
fn is_delimited(node: Node<'_>, parent: Node<'_>) -> bool {
    use SyntaxKind::*;
    match parent.kind() {
        Binding | Interpolation | InheritFrom | SourceFile => true,
        If => parent.expr(0) == Some(node) || parent.expr(1) == Some(node),
        _ => false,
    }
}

/// Parentheses over several lines hold their content together for the eye.
fn spans_lines(node: Node<'_>) -> bool {
    node.text().contains('\n')
}

/// `"${toString x}"`
pub(super) fn redundant_interpolation(checker: &mut Checker<'_>, node: Node<'_>) {
    let mut parts = node.children().filter(|child| !child.is(SyntaxKind::StringQuote));
    let (Some(part), None) = (parts.next(), parts.next()) else { return };
    let inside = part.is(SyntaxKind::Interpolation).then(|| part.expr(0)).flatten();
    let Some(inside) = inside else { return };
    // As an attribute's name it is no value.
    if node.parent().is_some_and(|parent| parent.is(SyntaxKind::Attr)) {
        return;
    }
    let value = inside.without_parens();
    let is_string = matches!(value.kind(), SyntaxKind::String | SyntaxKind::IndentedString)
        || value.is(SyntaxKind::Apply)
            && value.expr(0).is_some_and(|function| checker.is_global(function, "toString"));
    // Of anything else it makes a string: a path is even copied to the store.
    if !is_string || part.children_with_trivia().any(|child| child.is(SyntaxKind::Comment)) {
        return;
    }
    let text = in_place_of(node, value.text(), value.tightness());
    checker
        .report(node.span(), "a string that is nothing but another string")
        .fix("Use the string itself", vec![TextEdit::replace(node.range(), text)]);
}

/// `http://example.org` without quotes
pub(super) fn url_literal(checker: &mut Checker<'_>, node: Node<'_>) {
    if node.child(SyntaxKind::Uri).is_none() {
        return;
    }
    // What a URL may hold needs no escapes, except for this.
    let text = node.text().replace("${", "\\${");
    let text = in_place_of(node, &format!("\"{text}\""), Tightness::Atom);
    checker
        .report(node.span(), "a URL without quotes; write a string")
        .deprecated()
        .fix("Put it in quotes", vec![TextEdit::replace(node.range(), text)]);
}
