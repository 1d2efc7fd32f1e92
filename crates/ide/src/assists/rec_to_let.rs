//! Turns `rec { a = 1; b = a; }` into `let a = 1; in { inherit a; b = a; }`.

use floe_hir::{AttrEntry, AttrKind, Expr, Span};
use floe_syntax::{SyntaxKind, TextEdit};
use rustc_hash::FxHashSet;

use super::{Assist, Context, indented, names, rewrite};
use crate::tree::{Node, Tightness, in_place_of};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let (set, keyword, used) = rec_at(context)?;
    let brace = set.child(SyntaxKind::LBrace)?;
    let mut bindings = Vec::new();
    let mut body = String::new();
    let mut at = brace.start();
    let start = |entry: &AttrEntry| context.map.names[entry.binding.0 as usize].start;
    let used: FxHashSet<u32> = used.iter().map(start).collect();
    for entry in set.entries().filter(|entry| used.contains(&entry.start())) {
        body += &context.text[at as usize..entry.start() as usize];
        body += &format!("inherit {};", entry.attrs().first()?.text());
        at = entry.end();
        bindings.push(entry);
    }
    body += &context.text[at as usize..set.end() as usize];
    let indentation = context.tree.indentation(keyword.start());
    let text = if set.text().contains('\n') {
        let lines: String = bindings
            .iter()
            .map(|entry| {
                let from = context.tree.indentation(entry.start()).len() as i64;
                let entry = indented(*entry, indentation.len() as i64 + 2 - from);
                format!("\n{indentation}  {entry}")
            })
            .collect();
        format!("let{lines}\n{indentation}in\n{indentation}{body}")
    } else {
        let lines: Vec<&str> = bindings.iter().map(|entry| entry.text()).collect();
        format!("let {} in {body}", lines.join(" "))
    };
    let text = in_place_of(set, &text, Tightness::Whole);
    rewrite("Write 'let … in' instead of 'rec'", vec![TextEdit::replace(set.range(), text)])
}

/// The `rec` at the cursor, and its attributes that others refer to; all of them plain bindings.
pub(super) fn rec_at<'a>(context: &Context<'a>) -> Option<(Node<'a>, Node<'a>, Vec<AttrEntry>)> {
    let keyword = context.token()?;
    let set = keyword.parent().filter(|set| set.is(SyntaxKind::AttrSet))?;
    let keyword = set.child(SyntaxKind::RecKw).filter(|rec| *rec == keyword)?;
    let Expr::Attrs(attrs) = context.module.expr(names::expr_of(context, set)?) else {
        return None;
    };
    let attrs = &context.module.attrs[attrs.0 as usize];
    if attrs.entries.iter().any(|entry| entry.name.as_str() == "__overrides") {
        return None;
    }
    let used: Vec<AttrEntry> = attrs
        .entries
        .iter()
        .filter(|entry| !context.scopes.references(entry.binding).is_empty())
        .copied()
        .collect();
    // `name = value;`, no longer path, and no quotes.
    let plain_name = |binding: Node<'_>| match binding.attrs().as_slice() {
        [attr] => attr.child(SyntaxKind::Ident).map(|_| attr.span()),
        _ => None,
    };
    let plain: FxHashSet<Span> = set.all_of(SyntaxKind::Binding).filter_map(plain_name).collect();
    let plain = |entry: &AttrEntry| {
        entry.kind == AttrKind::Plain
            && context.map.definitions(entry.binding).count() == 1
            && plain.contains(&context.map.names[entry.binding.0 as usize])
    };
    (!used.is_empty() && used.iter().all(plain)).then_some((set, keyword, used))
}
