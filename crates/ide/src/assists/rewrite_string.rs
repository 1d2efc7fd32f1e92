//! Turns `"…"` into `''…''` and back. The value of what is written is compared before it is offered.

use floe_syntax::{StringPart, SyntaxKind, TextEdit, strip_indentation, unescape_string};

use super::{Assist, Context, rewrite};
use crate::tree::{Node, Tree};

type Part = StringPart<String, String>;

pub(super) fn to_indented(context: &Context<'_>) -> Option<Assist> {
    let string = string_at(context, SyntaxKind::String)?;
    let parts = value(string);
    let indentation = context.tree.indentation(string.start());
    let is_block =
        parts.iter().any(|part| matches!(part, StringPart::Text(text) if text.contains('\n')));
    let mut text = String::from("''");
    let inner = format!("{indentation}  ");
    if is_block {
        text += &format!("\n{inner}");
    }
    for part in &parts {
        match part {
            StringPart::Interpolation(code) => text += code,
            StringPart::Text(value) => text += &escape_indented(value, &inner),
        }
    }
    if is_block && text.ends_with(&format!("\n{inner}")) {
        text.truncate(text.len() - 2);
    }
    text += "''";
    offered(string, &parts, &text, "Write as an indented string")
}

pub(super) fn to_plain(context: &Context<'_>) -> Option<Assist> {
    let string = string_at(context, SyntaxKind::IndentedString)?;
    let parts = value(string);
    let mut text = String::from("\"");
    for part in &parts {
        match part {
            StringPart::Interpolation(code) => text += code,
            StringPart::Text(value) => text += &escape_plain(value),
        }
    }
    text += "\"";
    offered(string, &parts, &text, "Write as a string in quotes")
}

/// The string around the cursor; one as the name of an attribute has to stay what it is.
fn string_at<'a>(context: &Context<'a>, kind: SyntaxKind) -> Option<Node<'a>> {
    let token = context.token()?;
    let string = token.ancestors().find(|node| {
        matches!(
            node.kind(),
            SyntaxKind::String | SyntaxKind::IndentedString | SyntaxKind::Interpolation
        )
    })?;
    let is_name = string.parent().is_some_and(|parent| parent.is(SyntaxKind::Attr));
    (string.is(kind) && !is_name).then_some(string)
}

/// What a string is made of: decoded text, and the text of interpolations.
fn value(string: Node<'_>) -> Vec<Part> {
    let pieces = string.children_with_trivia().filter_map(|child| match child.kind() {
        SyntaxKind::StringFragment => Some(StringPart::Text(child.text())),
        SyntaxKind::Interpolation => Some(StringPart::Interpolation(child.text())),
        _ => None,
    });
    let pieces: Vec<StringPart<&str, &str>> = pieces.collect();
    if string.is(SyntaxKind::IndentedString) {
        let parts = strip_indentation(&pieces).into_iter();
        return parts
            .map(|part| match part {
                StringPart::Text(text) => StringPart::Text(text),
                StringPart::Interpolation(code) => StringPart::Interpolation(code.to_owned()),
            })
            .collect();
    }
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        match (piece, parts.last_mut()) {
            (StringPart::Text(text), Some(StringPart::Text(before))) => {
                *before += &unescape_string(text);
            }
            (StringPart::Text(text), _) => {
                parts.push(StringPart::Text(unescape_string(text).into_owned()));
            }
            (StringPart::Interpolation(code), _) => {
                parts.push(StringPart::Interpolation(code.to_owned()));
            }
        }
    }
    parts.retain(|part| !matches!(part, StringPart::Text(text) if text.is_empty()));
    parts
}

fn escape_plain(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => text += "\\\"",
            '\\' => text += "\\\\",
            '\n' => text += "\\n",
            '\r' => text += "\\r",
            '\t' => text += "\\t",
            '$' if characters.peek().is_none_or(|next| *next == '{' || *next == '$') => {
                text += "\\$";
            }
            other => text.push(other),
        }
    }
    text
}

fn escape_indented(value: &str, indentation: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' if characters.peek() == Some(&'\'') => {
                characters.next();
                text += "'''";
            }
            '\'' if characters.peek().is_none() => text += "''\\'",
            '\n' => {
                text.push('\n');
                // A blank line says nothing about the indentation.
                if characters.peek() != Some(&'\n') {
                    text += indentation;
                }
            }
            '\r' => text += "''\\r",
            '\t' => text += "''\\t",
            '$' if characters.peek().is_none_or(|next| *next == '{' || *next == '$') => {
                text += "''$";
            }
            other => text.push(other),
        }
    }
    text
}

fn offered(string: Node<'_>, parts: &[Part], text: &str, title: &str) -> Option<Assist> {
    let parse = floe_syntax::parse(text, &floe_syntax::ParseOptions::default());
    let tree = Tree::new(&parse.tree, text);
    let written = tree.root().expr(0)?;
    let is_same = parse.errors.is_empty() && value(written) == parts;
    let edit = TextEdit::replace(string.range(), text);
    is_same.then(|| rewrite(title, vec![edit])).flatten()
}
