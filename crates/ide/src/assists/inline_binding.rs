//! Puts the value of a `let`'s binding where its name is used, and takes the binding away.

use floe_hir::{AttrKind, BindingId};
use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, AssistKind, Context, names};
use crate::lints::delete_entry;
use crate::tree::in_place_of;

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let token = context.token().filter(|token| token.is(SyntaxKind::Ident))?;
    let binding = token.around(SyntaxKind::Binding)?;
    let is_name = matches!(binding.attrs().as_slice(), [attr] if attr.span() == token.span());
    if !is_name || !binding.parent()?.is(SyntaxKind::LetIn) {
        return None;
    }
    let id = context.map.names.iter().position(|span| *span == token.span())?;
    let id = BindingId(id as u32);
    let entry = crate::known::entry_of(context.module, context.scopes, id)?;
    let value = binding.expr(0)?;
    let references = context.scopes.references(id);
    if entry.kind != AttrKind::Plain || references.is_empty() {
        return None;
    }
    let mut edits = vec![delete_entry(binding)];
    for reference in references {
        let span = context.map.exprs[reference.0 as usize];
        let place = context.tree.token_at(span.start).around(SyntaxKind::Variable)?;
        let is_own = value.start() <= span.start && span.end <= value.end();
        if place.span() != span
            || is_own
            || !names::mean_the_same_at(context, value.span(), *reference)
        {
            return None;
        }
        let from = context.tree.indentation(binding.start()).len() as i64;
        let to = context.tree.indentation(span.start).len() as i64;
        let text = super::indented(value, to - from);
        edits.push(TextEdit::replace(place.range(), in_place_of(place, &text, value.tightness())));
    }
    Some(Assist {
        title: format!("Inline '{}'", token.text()),
        kind: AssistKind::Inline,
        edits,
        new_file: None,
    })
}
