//! Looking into values. What cannot be evaluated is not there.

use floe_db::Session;
use floe_eval::error::Pos;
use floe_eval::heap::{Attrs, Kind, Value};
use floe_hir::Name;

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
