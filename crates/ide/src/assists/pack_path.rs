//! Turns `a.b = 1; a.c = 2;` into `a = { b = 1; c = 2; };`.

use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, Context, indented, rewrite};
use crate::lints::delete_entry;
use crate::tree::Node;

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let path = context.token()?.around(SyntaxKind::AttrPath)?;
    let binding = path.parent().filter(|parent| parent.is(SyntaxKind::Binding))?;
    let name = path.attrs().first()?.name()?;
    let set = binding.parent()?;
    let same: Vec<Node<'_>> = set
        .all_of(SyntaxKind::Binding)
        .filter(|other| {
            other.attrs().first().and_then(|attr| attr.name()).as_deref() == Some(&name)
        })
        .collect();
    if same.iter().any(|other| {
        other.attrs().len() < 2
            || other.tree().text()[other.range().start as usize..other.attrs()[1].start() as usize]
                .contains('#')
    }) {
        return None;
    }
    let first = *same.first()?;
    let written = first.attrs().first()?.text();
    let inside = |entry: &Node<'_>, by: i64| {
        let skipped = entry.attrs()[1].start() - entry.start();
        indented(*entry, by).split_off(skipped as usize)
    };
    let indentation = context.tree.indentation(first.start());
    let text = match same.as_slice() {
        [only] if !only.text().contains('\n') => format!("{written} = {{ {} }};", inside(only, 0)),
        many => {
            let lines: String =
                many.iter().map(|entry| format!("\n{indentation}  {}", inside(entry, 2))).collect();
            format!("{written} = {{{lines}\n{indentation}}};")
        }
    };
    let mut edits = vec![TextEdit::replace(first.range(), text)];
    edits.extend(same[1..].iter().map(|entry| delete_entry(*entry)));
    rewrite(format!("Write one set '{written} = {{ … }}'"), edits)
}
