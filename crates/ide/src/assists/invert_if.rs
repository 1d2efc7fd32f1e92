//! Turns `if c then a else b` into `if !c then b else a`.

use floe_syntax::{Precedence, SyntaxKind, TextEdit};

use super::{Assist, Context, rewrite};
use crate::tree::Tightness;

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let token = context.token().filter(|token| token.is(SyntaxKind::IfKw))?;
    let node = token.parent()?;
    let (condition, then, otherwise) = (node.expr(0)?, node.expr(1)?, node.expr(2)?);
    let negated = match condition.kind() {
        SyntaxKind::Unary if condition.operator() == Some(SyntaxKind::Bang) => {
            condition.expr(0)?.text().to_owned()
        }
        _ if condition.tightness() >= Tightness::Operator(Precedence::Not) => {
            format!("!{}", condition.text())
        }
        _ => format!("!({})", condition.text()),
    };
    rewrite(
        "Swap the branches",
        vec![
            TextEdit::replace(condition.range(), negated),
            TextEdit::replace(then.range(), otherwise.text()),
            TextEdit::replace(otherwise.range(), then.text()),
        ],
    )
}
