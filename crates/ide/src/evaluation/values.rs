//! Looking into values. What cannot be evaluated is not there.

use floe_db::Session;
use floe_eval::error::Pos;
use floe_eval::heap::{Attrs, Kind, Value};
use floe_hir::{Escaped, Identifier, Name};

/// The value, evaluated.
pub(super) fn force<'h>(session: &Session<'h>, value: Value<'h>) -> Option<Value<'h>> {
    session.evaluator.force(value, Pos::None).ok()
}

/// The value as a set.
pub(super) fn attrs<'h>(session: &Session<'h>, value: Value<'h>) -> Option<Attrs<'h>> {
    match force(session, value)?.kind() {
        Kind::Attrs(attrs) => Some(attrs),
        _ => None,
    }
}

/// An attribute of a value, evaluated.
pub(super) fn get<'h>(session: &Session<'h>, value: Value<'h>, name: &str) -> Option<Value<'h>> {
    let attr = attrs(session, value)?.get(Name::new(name))?;
    session.evaluator.force_cell(attr.cell, Pos::None).ok()
}

/// A string's text.
pub(super) fn text<'h>(session: &Session<'h>, value: Value<'h>) -> Option<String> {
    match force(session, value)?.kind() {
        Kind::String(text) | Kind::Path(text) => Some(text.to_text().into_owned()),
        _ => None,
    }
}

/// The text of an attribute of a value.
pub(super) fn get_text<'h>(session: &Session<'h>, value: Value<'h>, name: &str) -> Option<String> {
    text(session, get(session, value, name)?)
}

/// Whether an attribute of a value is `true`.
pub(super) fn is_true<'h>(session: &Session<'h>, value: Value<'h>, name: &str) -> bool {
    get(session, value, name).is_some_and(|value| matches!(value.kind(), Kind::Bool(true)))
}

/// Of longer lists, sets and strings the beginning is shown.
const MOST_ITEMS: usize = 12;
const MOST_BYTES: usize = 200;

/// Larger sets have so much in them that only some names are shown.
const MOST_ATTRIBUTES: usize = 64;

/// A value in one line. What is in the sets and lists that it has in it is left out.
pub(super) fn shown<'h>(session: &Session<'h>, value: Value<'h>) -> String {
    show(session, value, true)
}

fn show<'h>(session: &Session<'h>, value: Value<'h>, is_outermost: bool) -> String {
    let Some(value) = force(session, value) else { return "…".to_owned() };
    match value.kind() {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        Kind::String(text) => {
            let text = text.to_text();
            let end = text.floor_char_boundary(MOST_BYTES);
            let rest = if end < text.len() { "…" } else { "" };
            format!("\"{}{rest}\"", Escaped(&text[..end]))
        }
        Kind::Path(path) => path.to_text().into_owned(),
        Kind::List(list) if list.is_empty() => "[ ]".to_owned(),
        Kind::List(_) if !is_outermost => "[ … ]".to_owned(),
        Kind::List(list) => {
            let items = list.iter().take(MOST_ITEMS).map(|item| show(session, item, false));
            let rest = if list.len() > MOST_ITEMS { " …" } else { "" };
            format!("[ {}{rest} ]", items.collect::<Vec<_>>().join(" "))
        }
        Kind::Attrs(attrs) if attrs.is_empty() => "{ }".to_owned(),
        Kind::Attrs(attrs) if attrs.get(Name::new("__functor")).is_some() => "function".to_owned(),
        Kind::Attrs(attrs) => {
            if get_text(session, value, "type").as_deref() == Some("derivation") {
                let name = get_text(session, value, "name").unwrap_or_default();
                return format!("«derivation {name}»");
            }
            if !is_outermost {
                return "{ … }".to_owned();
            }
            let is_small = attrs.len() <= MOST_ATTRIBUTES;
            let item = |attr: &floe_eval::heap::Attr<'h>| {
                let value = match is_small {
                    true => show(session, attr.cell.get(), false),
                    false => "…".to_owned(),
                };
                format!("{} = {value}; ", Identifier(attr.name.as_str()))
            };
            let items: String = attrs.sorted().iter().take(MOST_ITEMS).map(item).collect();
            let rest = if attrs.len() > MOST_ITEMS { "… " } else { "" };
            format!("{{ {items}{rest}}}")
        }
        Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_) => "function".to_owned(),
        Kind::Thunk(_) => "…".to_owned(),
    }
}
