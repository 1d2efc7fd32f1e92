//! Turns `a = { b = 1; c = 2; };` into `a.b = 1; a.c = 2;`.

use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, Context, rewrite};
use crate::tree::Node;

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let path = context.token()?.around(SyntaxKind::AttrPath)?;
    let binding = path.parent().filter(|parent| parent.is(SyntaxKind::Binding))?;
    let set = binding.expr(0).filter(|value| value.is(SyntaxKind::AttrSet))?;
    let entries: Vec<Node<'_>> = set.entries().collect();
    let (first, last) = (entries.first()?, entries.last()?);
    let all_bindings = entries.iter().all(|entry| entry.is(SyntaxKind::Binding));
    if set.child(SyntaxKind::RecKw).is_some() || !all_bindings {
        return None;
    }
    let open = set.child(SyntaxKind::LBrace)?;
    // A comment in the head or the tail has no place afterwards.
    let head = &context.text[binding.start() as usize..open.end() as usize];
    let tail = &context.text[last.end() as usize..binding.end() as usize];
    let lead = &context.text[open.end() as usize..first.start() as usize];
    if head.contains('#') || tail.contains(['#', '*']) {
        return None;
    }
    let inner = context.tree.indentation(first.start()).len() as i64;
    let outer = context.tree.indentation(binding.start()).len() as i64;
    let is_block = lead.contains('\n');
    let mut text = String::new();
    let mut at = open.end();
    for entry in &entries {
        let between = &context.text[at as usize..entry.start() as usize];
        let between = if is_block { outdented(between, inner - outer) } else { between.to_owned() };
        text += if text.is_empty() { between.trim_start() } else { &between };
        text += &format!("{}.", path.text());
        text += &if is_block {
            super::indented(*entry, outer - inner)
        } else {
            entry.text().to_owned()
        };
        at = entry.end();
    }
    rewrite(
        format!("Write the set as paths '{}.…'", path.text()),
        vec![TextEdit::replace(binding.range(), text)],
    )
}

fn outdented(between: &str, by: i64) -> String {
    let mut lines = between.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        text + "\n" + &line[spaces.min(by.max(0) as usize)..]
    })
}
