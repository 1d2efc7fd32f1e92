//! Puts the value of a `let`'s binding where its name is used, and takes the binding away: offered at the
//! binding and at each use.

use floe_hir::{AttrKind, BindingId, Definition, Expr, ExprId};
use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, AssistKind, Context, names};
use crate::lints::delete_entry;
use crate::tree::{Node, in_place_of};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let token = context.token().filter(|token| token.is(SyntaxKind::Ident))?;
    let id = meant(context, token)?;
    let name = context.tree.token_at(context.map.names[id.0 as usize].start);
    let binding = name.around(SyntaxKind::Binding)?;
    let is_name = matches!(binding.attrs().as_slice(), [attr] if attr.span() == name.span());
    let bindings = binding.parent()?;
    if !is_name || !bindings.is(SyntaxKind::LetIn) {
        return None;
    }
    let entry = crate::known::entry_of(context.module, context.scopes, id)?;
    let value = binding.expr(0)?;
    let references = context.scopes.references(id);
    if entry.kind != AttrKind::Plain || references.is_empty() {
        return None;
    }
    let mut edits = match is_alone(bindings) {
        // A `let` without bindings goes with the last of them.
        true => vec![TextEdit::delete(bindings.start()..bindings.expr(0)?.start())],
        false => vec![delete_entry(binding)],
    };
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

/// The binding that the name at the cursor binds, or means.
fn meant(context: &Context<'_>, token: Node<'_>) -> Option<BindingId> {
    let named = context.map.names.iter().position(|span| *span == token.span());
    if let Some(id) = named {
        return Some(BindingId(id as u32));
    }
    let is_it = |id: &ExprId| {
        context.map.exprs[id.0 as usize] == token.span()
            && matches!(context.module.expr(*id), Expr::Var(_))
    };
    let variable = (0..context.module.exprs.len() as u32).map(ExprId).find(is_it)?;
    match context.scopes.definition(context.module, variable)? {
        Definition::Binding(binding) => Some(binding),
        _ => None,
    }
}

/// Whether a `let` has one binding and nothing else in front of the `in`, comments included.
fn is_alone(bindings: Node<'_>) -> bool {
    let head = bindings.children_with_trivia().take_while(|child| !child.is(SyntaxKind::InKw));
    let mut others = head.filter(|child| {
        !matches!(child.kind(), SyntaxKind::LetKw | SyntaxKind::Binding | SyntaxKind::Whitespace)
    });
    let count = bindings.children().filter(|child| child.is(SyntaxKind::Binding)).count();
    count == 1 && others.next().is_none()
}
