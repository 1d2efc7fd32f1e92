//! Turns `a = x.a;` into `inherit (x) a;` and back.

use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, Context, rewrite};
use crate::lints::{as_inherit, delete_name};
use crate::tree::{Node, Tightness};

pub(super) fn to_inherit(context: &Context<'_>) -> Option<Assist> {
    let binding = context.token()?.around(SyntaxKind::Binding)?;
    let text = as_inherit(binding)?;
    rewrite(format!("Write '{text}'"), vec![TextEdit::replace(binding.range(), text)])
}

pub(super) fn from_inherit(context: &Context<'_>) -> Option<Assist> {
    let attr = context.token()?.around(SyntaxKind::Attr)?;
    let inherit = attr.parent().filter(|parent| parent.is(SyntaxKind::Inherit))?;
    let name = attr.text();
    let value = match inherit.child(SyntaxKind::InheritFrom) {
        Some(from) => {
            let set = from.expr(0)?;
            let is_path = set.is(SyntaxKind::Select) && set.child(SyntaxKind::OrKw).is_none();
            match is_path || set.tightness() == Tightness::Atom {
                true => format!("{}.{name}", set.text()),
                false => format!("({}).{name}", set.text()),
            }
        }
        // In a recursive set `a = a` would mean itself.
        None if is_plain_set(inherit) && attr.child(SyntaxKind::Ident).is_some() => name.to_owned(),
        None => return None,
    };
    let binding = format!("{name} = {value};");
    let title = format!("Write '{binding}'");
    if inherit.all_of(SyntaxKind::Attr).count() == 1 {
        return rewrite(title, vec![TextEdit::replace(inherit.range(), binding)]);
    }
    let line =
        &context.text[context.tree.line_start(inherit.start()) as usize..inherit.start() as usize];
    let lead = if line.trim().is_empty() { format!("\n{line}") } else { " ".to_owned() };
    rewrite(title, vec![delete_name(attr), TextEdit::insert(inherit.end(), lead + &binding)])
}

fn is_plain_set(entry: Node<'_>) -> bool {
    entry
        .parent()
        .is_some_and(|set| set.is(SyntaxKind::AttrSet) && set.child(SyntaxKind::RecKw).is_none())
}
