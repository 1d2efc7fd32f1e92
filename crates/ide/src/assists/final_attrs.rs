//! Turns `mkDerivation rec { … version … }` into `mkDerivation (finalAttrs: { … finalAttrs.version … })`.

use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, Context, rec_to_let::rec_at, rewrite};
use crate::tree::{Tightness, in_place_of};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    const NAME: &str = "finalAttrs";
    let (set, keyword, used) = rec_at(context)?;
    let call =
        set.parent().filter(|call| call.is(SyntaxKind::Apply) && call.expr(1) == Some(set))?;
    let is_derivation = call.expr(0)?.text().ends_with("mkDerivation");
    let is_taken = set.descendants().any(|node| node.is(SyntaxKind::Ident) && node.text() == NAME);
    if !is_derivation || is_taken {
        return None;
    }
    let mut edits = vec![
        TextEdit::replace(
            keyword.start()..set.child(SyntaxKind::LBrace)?.start(),
            format!("({NAME}: "),
        ),
        TextEdit::insert(set.end(), ")"),
    ];
    for entry in &used {
        for reference in context.scopes.references(entry.binding) {
            let span = context.map.exprs[reference.0 as usize];
            let place = context.tree.token_at(span.start).around(SyntaxKind::Variable);
            // `inherit version;` would need a set of its own.
            let place = place.filter(|place| place.span() == span)?;
            let text = format!("{NAME}.{}", entry.name);
            edits.push(TextEdit::replace(
                place.range(),
                in_place_of(place, &text, Tightness::Selection),
            ));
        }
    }
    rewrite(format!("Use '{NAME}' instead of 'rec'"), edits)
}
