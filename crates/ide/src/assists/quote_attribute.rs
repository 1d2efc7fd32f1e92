//! Puts the name of an attribute in quotes, or takes them off.

use floe_syntax::{SyntaxKind, TextEdit, is_identifier};

use super::{Assist, Context, rewrite};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let attr = context.token()?.around(SyntaxKind::Attr)?;
    let name = attr.name()?;
    if attr.child(SyntaxKind::Ident).is_some() {
        // `let "a" = …` is allowed, too.
        return rewrite(
            "Put the name in quotes",
            vec![TextEdit::replace(attr.range(), format!("\"{name}\""))],
        );
    }
    let is_needless = attr.text() == format!("\"{name}\"") && is_identifier(&name) && name != "or";
    let before = &context.text[..attr.start() as usize];
    let touches = before.ends_with(|c: char| c.is_alphanumeric() || "_'-/".contains(c));
    let text = if touches { format!(" {name}") } else { name };
    is_needless
        .then(|| rewrite("Take the quotes off", vec![TextEdit::replace(attr.range(), text)]))
        .flatten()
}
