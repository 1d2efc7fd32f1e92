//! Says where the names under a `with` come from: `set.name`, or `let inherit (set) name; in`.

use floe_hir::{Definition, Expr, ExprId};
use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, Context, names, rewrite};
use crate::tree::{Node, Tightness, in_place_of};

struct Use<'a> {
    id: ExprId,
    node: Node<'a>,
}

pub(super) fn to_selects(context: &Context<'_>) -> Option<Assist> {
    let (with, set, body, uses) = with_at(context)?;
    if set.tightness() < Tightness::Selection || set.child(SyntaxKind::OrKw).is_some() {
        return None;
    }
    let mut edits = vec![without(context, with, body)];
    for used in &uses {
        // `inherit name;` has no place for a set of its own.
        if !used.node.is(SyntaxKind::Variable)
            || !names::mean_the_same_at(context, set.span(), used.id)
        {
            return None;
        }
        let text = format!("{}.{}", set.text(), used.node.text());
        edits.push(TextEdit::replace(
            used.node.range(),
            in_place_of(used.node, &text, Tightness::Selection),
        ));
    }
    rewrite(format!("Select the names from '{}'", set.text()), edits)
}

pub(super) fn to_let(context: &Context<'_>) -> Option<Assist> {
    let (with, set, body, uses) = with_at(context)?;
    let mut used: Vec<&str> = uses.iter().map(|used| used.node.text()).collect();
    used.sort_unstable();
    used.dedup();
    let head = format!("let inherit ({}) {}; in", set.text(), used.join(" "));
    let semicolon = with.child(SyntaxKind::Semicolon)?;
    let space = if semicolon.end() == body.start() { " " } else { "" };
    rewrite(
        format!("Inherit the names from '{}' in a 'let'", set.text()),
        vec![TextEdit::replace(with.start()..semicolon.end(), head + space)],
    )
}

/// The `with` whose head the cursor is in, and the names that can come from it alone.
fn with_at<'a>(context: &Context<'a>) -> Option<(Node<'a>, Node<'a>, Node<'a>, Vec<Use<'a>>)> {
    let token = context.token()?;
    let with = token.around(SyntaxKind::With)?;
    let (set, body) = (with.expr(0)?, with.expr(1)?);
    if token.start() >= body.start() {
        return None;
    }
    let id = names::expr_of(context, with)?;
    let Expr::With { set: asked, .. } = context.module.expr(id) else { return None };
    let mut uses = Vec::new();
    for (id, definition) in names::variables(context, body.span()) {
        let Definition::With { sets, .. } = definition else { continue };
        if !sets.contains(&asked) {
            continue;
        }
        // A name that another `with` can supply as well might change its meaning.
        if sets.len() > 1 {
            return None;
        }
        let span = context.map.exprs[id.0 as usize];
        let node = context.tree.token_at(span.start).ancestors().find(|node| {
            node.span() == span && matches!(node.kind(), SyntaxKind::Variable | SyntaxKind::Attr)
        })?;
        uses.push(Use { id, node });
    }
    (!uses.is_empty()).then_some((with, set, body, uses))
}

fn without(context: &Context<'_>, with: Node<'_>, body: Node<'_>) -> TextEdit {
    let before = &context.text[..with.start() as usize];
    let apart =
        if before.ends_with(|c: char| !c.is_whitespace() && !"([{".contains(c)) { " " } else { "" };
    TextEdit::replace(with.start()..body.start(), apart)
}
