//! Adds a name that nothing binds to the arguments of the function around it.

use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, AssistKind, Context};
use crate::tree::Node;

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let variable = context.undefined()?;
    let pattern = pattern_around(variable)?;
    Some(Assist {
        title: format!("Take '{}' as an argument", variable.text()),
        kind: AssistKind::QuickFix,
        edits: vec![added(pattern, variable.text())],
        new_file: None,
    })
}

/// The pattern of the innermost function around a node that has one.
pub(super) fn pattern_around(node: Node<'_>) -> Option<Node<'_>> {
    node.ancestors()
        .filter(|around| around.is(SyntaxKind::Lambda))
        .find_map(|lambda| lambda.child(SyntaxKind::Param)?.child(SyntaxKind::Pattern))
}

/// The edit that adds a formal argument, written as its neighbours are.
pub(super) fn added(pattern: Node<'_>, formal: &str) -> TextEdit {
    let tree = pattern.tree();
    let Some(last) = pattern.all_of(SyntaxKind::Formal).last() else {
        return match pattern.child(SyntaxKind::Ellipsis) {
            Some(ellipsis) => TextEdit::insert(ellipsis.start(), format!("{formal}, ")),
            None => TextEdit::replace(pattern.range(), format!("{{ {formal} }}")),
        };
    };
    let line = &tree.text()[tree.line_start(last.start()) as usize..last.start() as usize];
    let indentation = tree.indentation(last.start());
    let text = match line.trim() {
        "," | "{" if pattern.text().contains('\n') => format!("\n{indentation}, {formal}"),
        "" => format!(",\n{indentation}{formal}"),
        _ => format!(", {formal}"),
    };
    TextEdit::insert(last.end(), text)
}
