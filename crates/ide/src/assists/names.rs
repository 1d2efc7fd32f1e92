//! What the names inside of an expression mean, at its own place and at another one.

use floe_hir::{BindingId, Definition, Expr, ExprId, Name, Span, Visible};

use super::Context;
use crate::tree::Node;

/// The variables that stand inside of a span, with what they mean.
pub(super) fn variables(context: &Context<'_>, span: Span) -> Vec<(ExprId, Definition)> {
    let ids = (0..context.module.exprs.len() as u32).map(ExprId);
    let inside = ids.filter(|id| {
        let at = context.map.exprs[id.0 as usize];
        span.start <= at.start && at.end <= span.end
    });
    inside.filter_map(|id| Some((id, context.scopes.definition(context.module, id)?))).collect()
}

/// The bindings outside of a span that the names inside of it mean; nothing if a name's meaning depends
/// on a `with`.
pub(super) fn free_bindings(context: &Context<'_>, span: Span) -> Option<Vec<BindingId>> {
    let mut free = Vec::new();
    for (_, definition) in variables(context, span) {
        match definition {
            Definition::Binding(binding) => {
                let at = context.map.names[binding.0 as usize];
                if (at.start < span.start || span.end < at.end) && !free.contains(&binding) {
                    free.push(binding);
                }
            }
            Definition::Global(_) => {}
            Definition::With { .. } | Definition::Imported(_) | Definition::Undefined(_) => {
                return None;
            }
        }
    }
    Some(free)
}

/// Whether the names inside of a span mean the same at the expression `at`.
pub(super) fn mean_the_same_at(context: &Context<'_>, span: Span, at: ExprId) -> bool {
    let visible: Vec<Visible> = context.scopes.visible(context.module, at).collect();
    let binding = |name: Name| {
        visible.iter().find_map(|visible| match visible {
            Visible::Binding(bound, binding) if *bound == name => Some(*binding),
            _ => None,
        })
    };
    variables(context, span).into_iter().all(|(id, definition)| match definition {
        Definition::Binding(meant) => {
            let own = context.map.names[meant.0 as usize];
            let is_inside = span.start <= own.start && own.end <= span.end;
            is_inside || binding_name(context, id).is_some_and(|name| binding(name) == Some(meant))
        }
        Definition::Global(_) => {
            binding_name(context, id).is_some_and(|name| binding(name).is_none())
        }
        Definition::With { name, sets } => {
            let withs = visible.iter().filter_map(|visible| match visible {
                Visible::With(with) => match context.module.expr(*with) {
                    Expr::With { set, .. } => Some(set),
                    _ => None,
                },
                _ => None,
            });
            let is_outside = |set: &ExprId| {
                let own = context.map.exprs[set.0 as usize];
                own.start < span.start || span.end < own.end
            };
            binding(name).is_none() && withs.eq(sets.into_iter().filter(is_outside))
        }
        _ => false,
    })
}

/// The spelling of a variable.
fn binding_name(context: &Context<'_>, id: ExprId) -> Option<Name> {
    let span = context.map.exprs[id.0 as usize];
    let text = context.text.get(span.start as usize..span.end as usize)?;
    floe_syntax::is_identifier(text).then(|| Name::new(text))
}

/// The expression that a node was lowered to.
pub(super) fn expr_of(context: &Context<'_>, node: Node<'_>) -> Option<ExprId> {
    let span = node.without_parens().span();
    let at = context.map.exprs.iter().position(|expr| *expr == span)?;
    Some(ExprId(at as u32))
}
