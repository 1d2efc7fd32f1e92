//! Sorts the elements of a list, or the attributes of a set. Comments go with what they stand before, or
//! behind on the same line.

use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, Context, rewrite};
use crate::tree::Node;

pub(super) fn list(context: &Context<'_>) -> Option<Assist> {
    let token = context.token()?;
    let list = token.parent().filter(|list| list.is(SyntaxKind::List))?;
    let elements: Vec<_> = list.exprs().collect();
    sorted(context, list, &elements, |element| (0, element.text().to_lowercase()), "Sort the list")
}

pub(super) fn attributes(context: &Context<'_>) -> Option<Assist> {
    let token = context.token()?;
    let set = token.parent().filter(|set| set.is(SyntaxKind::AttrSet))?;
    // What is inherited comes first, in its own order.
    let key = |entry: &Node<'_>| match entry.child(SyntaxKind::AttrPath) {
        Some(path) => (1, path.text().to_lowercase()),
        None => (0, String::new()),
    };
    sorted(context, set, &set.entries().collect::<Vec<_>>(), key, "Sort the attributes")
}

fn sorted(
    context: &Context<'_>,
    around: Node<'_>,
    parts: &[Node<'_>],
    key: impl Fn(&Node<'_>) -> (u8, String),
    title: &str,
) -> Option<Assist> {
    let open = around
        .children()
        .find(|child| matches!(child.kind(), SyntaxKind::LBrace | SyntaxKind::LBracket))?;
    let mut chunks = Vec::new();
    let mut at = open.end();
    for part in parts {
        let end = end_with_comment(context, *part);
        chunks.push((key(part), &context.text[at as usize..end as usize]));
        at = end;
    }
    let start = open.end();
    let before: Vec<&str> = chunks.iter().map(|(_, text)| *text).collect();
    let mut after = chunks.clone();
    after.sort_by(|(a, _), (b, _)| a.cmp(b));
    let after: Vec<&str> = after.into_iter().map(|(_, text)| text).collect();
    // Elements that touch would grow together in another order.
    let is_apart = after.iter().all(|text| text.starts_with(char::is_whitespace));
    if before == after || !is_apart {
        return None;
    }
    // A comment to the end of the line must not swallow what comes next.
    let text = after.iter().fold(String::new(), |text, chunk| {
        let line = text.rsplit('\n').next().unwrap_or_default();
        let needs_break = line.contains('#') && !chunk.trim_start_matches(' ').starts_with('\n');
        text + if needs_break { "\n" } else { "" } + chunk
    });
    let tail = &context.text[at as usize..];
    let text =
        if text.rsplit('\n').next().unwrap_or_default().contains('#') && !tail.starts_with('\n') {
            text + "\n"
        } else {
            text
        };
    rewrite(title, vec![TextEdit::replace(start..at, text)])
}

/// The end of a part with the comment behind it on its line.
fn end_with_comment(context: &Context<'_>, part: Node<'_>) -> u32 {
    let line_end = context.tree.line_end(part.end());
    let rest = &context.text[part.end() as usize..line_end as usize];
    if rest.trim_start().starts_with('#') { line_end } else { part.end() }
}
