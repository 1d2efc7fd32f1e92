//! Moves the selected expression into a file of its own.

use floe_db::Stamp;
use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, AssistKind, Context, extract_let, indented, names, unwrapped};
use crate::known::name_of;
use crate::tree::{Tightness, in_place_of};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let expr = context.selected()?;
    // One name is not worth a file, and `__curPos` is about this one.
    if expr.is(SyntaxKind::Variable) || expr.descendants().any(|node| node.text() == "__curPos") {
        return None;
    }
    let mut free: Vec<String> = names::free_bindings(context, expr.span())?
        .into_iter()
        .map(|binding| {
            name_of(context.module, context.scopes, binding).map(|name| name.to_string())
        })
        .collect::<Option<_>>()?;
    free.sort();
    if free.iter().any(|name| !floe_syntax::is_identifier(name)) {
        return None;
    }
    let folder = context.file.path(context.db).parent()?;
    // In a path there is no `'`.
    let wanted = extract_let::name_for(context, expr).replace('\'', "");
    let names =
        std::iter::once(wanted.clone()).chain((2..100).map(|number| format!("{wanted}-{number}")));
    let (name, path) = names
        .map(|name| (name.clone(), folder.join(format!("{name}.nix"))))
        .find(|(_, path)| context.db.file(path).stamp(context.db) == Stamp::Missing)?;
    let value = unwrapped(expr);
    let body = indented(value, -(context.tree.indentation(value.start()).len() as i64));
    let (text, call) = if free.is_empty() {
        (format!("{body}\n"), format!("import ./{name}.nix"))
    } else {
        let given = free.join(" ");
        (
            format!("{{ {} }}:\n{body}\n", free.join(", ")),
            format!("import ./{name}.nix {{ inherit {given}; }}"),
        )
    };
    Some(Assist {
        title: format!("Extract to './{name}.nix'"),
        kind: AssistKind::Extract,
        edits: vec![TextEdit::replace(
            expr.range(),
            in_place_of(expr, &call, Tightness::Application),
        )],
        new_file: Some((path, text)),
    })
}
