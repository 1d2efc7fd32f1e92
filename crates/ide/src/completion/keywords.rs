//! Keywords, each where the grammar has a place for it.

use floe_syntax::{ElementId, SyntaxKind as K};

use super::CompletionKind;
use super::found::{Found, Make};
use super::near;
use crate::cursor::Cursor;

/// What begins an expression.
const EXPRESSION: [(&str, &str); 4] = [
    ("let", "let\n  $1\nin\n$0"),
    ("if", "if $1 then $2 else $0"),
    ("with", "with $1; $0"),
    ("assert", "assert $1; $0"),
];
/// What can be an element of a list or an argument, too.
const OPERAND: [(&str, &str); 1] = [("rec", "rec {\n  $0\n}")];
/// What begins in a set beside names.
const BINDING: [(&str, &str); 2] =
    [("inherit", "inherit $0;"), ("inherit (…)", "inherit (${1:set}) $0;")];

/// The keywords that begin an expression at the cursor, or go on with the one before it.
pub(super) fn of_expression(cursor: &Cursor<'_>, found: &mut Found<'_>) {
    if !is_operand(cursor) {
        offer(&EXPRESSION, found);
    }
    offer(&OPERAND, found);
    if let Some(keyword) = continuing(cursor) {
        found.offer(keyword, near::CONTINUING, 0, Make::Kind(CompletionKind::Keyword));
    }
}

/// The keywords that can stand instead of the name of a binding.
pub(super) fn of_binding(cursor: &Cursor<'_>, found: &mut Found<'_>) {
    offer(&BINDING, found);
    let list = cursor.nodes.iter().rev().copied().find(|node| {
        matches!(cursor.get(*node).kind, K::LetIn | K::LegacyLet | K::AttrSet | K::Apply)
    });
    let is_open_let = |list: &ElementId| {
        let keyword = token(cursor, *list, K::InKw);
        cursor.get(*list).kind == K::LetIn
            && keyword.is_none_or(|keyword| Some(keyword) == cursor.token)
    };
    if list.as_ref().is_some_and(is_open_let) {
        found.offer("in", near::KEYWORD, 0, Make::Kind(CompletionKind::Keyword));
    }
}

fn offer(keywords: &[(&'static str, &'static str)], found: &mut Found<'_>) {
    for (keyword, snippet) in keywords {
        let make = Make::Snippet(CompletionKind::Keyword, snippet);
        found.offer(*keyword, near::KEYWORD, 0, make);
    }
}

/// Whether the cursor is where only an operand can stand: `[ | ]`, `f |`.
fn is_operand(cursor: &Cursor<'_>) -> bool {
    if !cursor.touches_token() && cursor.token_kind().is_some_and(ends_operand) {
        return true;
    }
    let mut inner = None;
    for node in cursor.nodes.iter().rev() {
        match cursor.get(*node).kind {
            K::List => return true,
            K::Apply => return inner != cursor.tree.children(*node).next(),
            K::Variable => {}
            _ => return false,
        }
        inner = Some(*node);
    }
    false
}

fn ends_operand(token: K) -> bool {
    matches!(
        token,
        K::Ident
            | K::Int
            | K::Float
            | K::Uri
            | K::SearchPath
            | K::PathFragment
            | K::StringQuote
            | K::IndentedQuote
            | K::RBrace
            | K::RBracket
            | K::RParen
    )
}

/// The keyword that the construct around the cursor waits for: `if a |`, `if a then b |`, `a.b |`.
fn continuing(cursor: &Cursor<'_>) -> Option<&'static str> {
    // What is being written would have to be a word of its own.
    let written = cursor.token.filter(|_| cursor.touches_token());
    let before = match written {
        Some(token) => last_before(cursor, cursor.get(token).start)?,
        None => cursor.token?,
    };
    if matches!(cursor.get(before).kind, K::IfKw | K::ThenKw | K::ElseKw) {
        return None;
    }
    for node in cursor.nodes.iter().rev() {
        let has = |kind| {
            let keyword = token(cursor, *node, kind);
            keyword.is_some_and(|keyword| cursor.get(keyword).start < cursor.offset)
        };
        match cursor.get(*node).kind {
            K::If if has(K::ElseKw) => {}
            K::If if has(K::ThenKw) => {
                return token(cursor, *node, K::ElseKw).is_none().then_some("else");
            }
            K::If => return token(cursor, *node, K::ThenKw).is_none().then_some("then"),
            K::Apply => {
                let function = cursor.tree.children(*node).next()?;
                let is_before = cursor.get(function).end <= cursor.get(before).end;
                if is_before && cursor.get(function).kind == K::Select {
                    return Some("or");
                }
            }
            K::Paren | K::List | K::AttrSet | K::LegacyLet | K::Interpolation => return None,
            _ => {}
        }
    }
    None
}

/// The last token that ends at an offset or before it.
fn last_before(cursor: &Cursor<'_>, offset: u32) -> Option<ElementId> {
    let elements = cursor.tree.elements();
    let behind = elements.partition_point(|element| element.start < offset);
    let found = elements[..behind]
        .iter()
        .rposition(|element| element.kind.is_token() && !element.kind.is_trivia())?;
    Some(ElementId(found as u32))
}

fn token(cursor: &Cursor<'_>, node: ElementId, kind: K) -> Option<ElementId> {
    cursor.tree.children(node).find(|child| cursor.get(*child).kind == kind)
}
