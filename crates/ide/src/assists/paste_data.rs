//! Turns selected JSON or TOML into Nix.

use floe_hir::Span;
use floe_syntax::{ParseOptions, TextEdit, is_identifier};
use serde_json::Value;

use super::{Assist, Context, rewrite};

pub(super) fn json(context: &Context<'_>) -> Option<Assist> {
    let text = selected_data(context)?;
    let value: Value = serde_json::from_str(text).ok()?;
    converted(context, &value, "JSON")
}

pub(super) fn toml(context: &Context<'_>) -> Option<Assist> {
    let text = selected_data(context)?;
    let table: toml::Table = text.parse().ok().filter(|table: &toml::Table| !table.is_empty())?;
    converted(context, &from_toml(toml::Value::Table(table))?, "TOML")
}

/// A selection that is no Nix, neither in its place nor by itself: `[ 80 ]` is, `[80, 81]` is not.
fn selected_data<'a>(context: &Context<'a>) -> Option<&'a str> {
    let Span { start, end } = context.selection;
    let text = &context.text[start as usize..end as usize];
    let is_wrong_here =
        context.errors.iter().any(|error| start <= error.start && error.start < end);
    let is_data = is_wrong_here
        && text.len() < 1 << 20
        && !floe_syntax::parse(text, &ParseOptions::default()).errors.is_empty();
    is_data.then_some(text)
}

fn converted(context: &Context<'_>, value: &Value, from: &str) -> Option<Assist> {
    let line = context.tree.line_start(context.selection.start);
    let before = &context.text[line as usize..context.selection.start as usize];
    let indentation = &before[..before.len() - before.trim_start_matches([' ', '\t']).len()];
    let mut text = String::new();
    write(value, indentation, &mut text)?;
    let selected = &context.text[context.selection.start as usize..context.selection.end as usize];
    let tail = if selected.ends_with('\n') { "\n" } else { "" };
    rewrite(
        format!("Convert {from} to Nix"),
        vec![TextEdit::replace(context.selection.start..context.selection.end, text + tail)],
    )
}

/// Dates have no counterpart.
fn from_toml(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).map(Value::Number)?,
        toml::Value::Boolean(boolean) => Value::Bool(boolean),
        toml::Value::Datetime(_) => return None,
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(from_toml).collect::<Option<_>>()?)
        }
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| Some((key, from_toml(value)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}

/// Nothing for a number that Nix cannot write.
fn write(value: &Value, indentation: &str, text: &mut String) -> Option<()> {
    let inner = format!("{indentation}  ");
    match value {
        Value::Null => *text += "null",
        Value::Bool(boolean) => *text += if *boolean { "true" } else { "false" },
        Value::Number(number) => {
            let written = match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => integer.to_string(),
                (None, Some(float)) if number.is_f64() && float.is_finite() => {
                    let plain = format!("{float:?}");
                    if plain.contains('.') { plain } else { plain.replacen('e', ".0e", 1) }
                }
                _ => return None,
            };
            // In a list a minus would be an operator.
            *text += &if written.starts_with('-') { format!("({written})") } else { written };
        }
        Value::String(string) => *text += &quoted(string),
        Value::Array(items) if items.is_empty() => *text += "[ ]",
        Value::Array(items) => {
            *text += "[";
            for item in items {
                *text += &format!("\n{inner}");
                write(item, &inner, text)?;
            }
            *text += &format!("\n{indentation}]");
        }
        Value::Object(entries) if entries.is_empty() => *text += "{ }",
        Value::Object(entries) => {
            *text += "{";
            for (name, value) in entries {
                let name =
                    if is_identifier(name) && name != "or" { name.clone() } else { quoted(name) };
                *text += &format!("\n{inner}{name} = ");
                write(value, &inner, text)?;
                *text += ";";
            }
            *text += &format!("\n{indentation}}}");
        }
    }
    Some(())
}

fn quoted(string: &str) -> String {
    let mut text = String::from("\"");
    for character in string.chars() {
        match character {
            '"' | '\\' | '$' => text.extend(['\\', character]),
            '\n' => text += "\\n",
            '\r' => text += "\\r",
            '\t' => text += "\\t",
            other => text.push(other),
        }
    }
    text + "\""
}
