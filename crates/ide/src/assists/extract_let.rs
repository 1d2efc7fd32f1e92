//! Gives the selected expression a name: in a `let`, or as an argument with a default.

use floe_hir::ScopeOwner;
use floe_syntax::{SyntaxKind, TextEdit};

use super::{
    Assist, AssistKind, Context, add_argument, end_of_line, fresh_name, indented, names, unwrapped,
};
use crate::tree::{Node, Tightness, in_place_of};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let expr = context.selected()?;
    let name = name_for(context, expr);
    let place = place_for(expr);
    let replaced = TextEdit::replace(expr.range(), in_place_of(expr, &name, Tightness::Atom));
    let mut edits = vec![replaced];
    let around = place
        .parent()
        .filter(|parent| parent.is(SyntaxKind::LetIn) && parent.expr(0) == Some(place));
    let value = unwrapped(expr);
    let from = context.tree.indentation(value.start()).len() as i64;
    if let Some(around) = around {
        // The place is the body of a `let`: that gets one more binding.
        let keyword = around.child(SyntaxKind::InKw)?;
        let last = around.entries().last().or_else(|| around.child(SyntaxKind::LetKw))?;
        let is_block = context.text[last.end() as usize..keyword.start() as usize].contains('\n');
        let text = if is_block && last.is(SyntaxKind::LetKw) {
            let indentation = context.tree.indentation(last.start());
            format!("\n{indentation}  {name} = {};", indented(value, 0))
        } else if is_block {
            let indentation = context.tree.indentation(last.start());
            let value = indented(value, indentation.len() as i64 - from);
            format!("\n{indentation}{name} = {value};")
        } else {
            format!(" {name} = {};", value.text())
        };
        let at = if is_block { end_of_line(context, last) } else { last.end() };
        edits.insert(0, TextEdit::insert(at, text));
    } else {
        let text = if place.text().contains('\n') {
            let indentation = context.tree.indentation(place.start());
            let value = indented(value, indentation.len() as i64 + 2 - from);
            format!("let\n{indentation}  {name} = {value};\n{indentation}in\n{indentation}")
        } else {
            format!("{}let {name} = {}; in ", lead(context, place), value.text())
        };
        edits.insert(0, TextEdit::insert(place.start(), text));
        if place == expr {
            // Both edits are at one place: one of them.
            let (insert, replace) = (edits.remove(0), edits.remove(0));
            let text = insert.insert + replace.insert.trim_start();
            edits = vec![TextEdit::replace(replace.range, text)];
        }
    }
    Some(Assist {
        title: format!("Extract to 'let {name} = …'"),
        kind: AssistKind::Extract,
        edits,
        new_file: None,
    })
}

pub(super) fn to_argument(context: &Context<'_>) -> Option<Assist> {
    let expr = context.selected()?;
    let pattern = add_argument::pattern_around(expr)?;
    let lambda = pattern.around(SyntaxKind::Lambda)?;
    // A default sees the other arguments and what is around the function, nothing of its body.
    for binding in names::free_bindings(context, expr.span())? {
        let at = context.map.names[binding.0 as usize];
        let is_inside = lambda.start() <= at.start && at.end <= lambda.end();
        let is_argument = pattern.start() <= at.start && at.end <= pattern.end();
        if is_inside
            && !(is_argument
                && matches!(context.scopes.owner(binding), Some(ScopeOwner::Lambda(_))))
        {
            return None;
        }
    }
    if expr.start() < pattern.end() || expr.text().contains('\n') {
        return None;
    }
    let name = name_for(context, expr);
    let formal = format!("{name} ? {}", unwrapped(expr).text());
    Some(Assist {
        title: format!("Extract to the argument '{name}'"),
        kind: AssistKind::Extract,
        edits: vec![
            add_argument::added(pattern, &formal),
            TextEdit::replace(expr.range(), in_place_of(expr, &name, Tightness::Atom)),
        ],
        new_file: None,
    })
}

/// The outermost expression around that sees the same names.
fn place_for(expr: Node<'_>) -> Node<'_> {
    let mut place = expr;
    while let Some(parent) = place.parent().filter(|parent| parent.is_expr()) {
        let is_body = match parent.kind() {
            SyntaxKind::Lambda | SyntaxKind::LetIn => true,
            SyntaxKind::With => parent.expr(1) == Some(place),
            _ => false,
        };
        if is_body {
            break;
        }
        place = parent;
    }
    place
}

/// A name that says what the expression is: that of the binding or attribute it is for.
pub(super) fn name_for(context: &Context<'_>, expr: Node<'_>) -> String {
    fresh_name(context, attribute_for(expr).as_deref().unwrap_or("value"))
}

/// The name of the attribute that an expression is, or is bound to.
pub(super) fn attribute_for(expr: Node<'_>) -> Option<String> {
    let selected = expr.is(SyntaxKind::Select).then(|| expr.attrs().pop()).flatten();
    let name = selected
        .or_else(|| {
            let binding = expr.parent().filter(|parent| parent.is(SyntaxKind::Binding))?;
            binding.attrs().pop()
        })
        .and_then(|attr| attr.name());
    name.filter(|name| floe_syntax::is_identifier(name))
}

/// A space where `let` would touch what stands before.
fn lead(context: &Context<'_>, place: Node<'_>) -> &'static str {
    let before = &context.text[..place.start() as usize];
    if before.ends_with(|c: char| c.is_alphanumeric() || ":'_-".contains(c)) { " " } else { "" }
}
