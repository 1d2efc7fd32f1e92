//! JSON, as the C++ implementation's library writes and reads it.

mod read;

use std::fmt::Write as _;

use crate::coerce::{Coercion, as_path};
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Kind, Value};

impl<'h> Evaluator<'h> {
    /// A value as JSON. Sets that stand for a string are that string; paths are copied to the store.
    pub fn to_json(&self, value: Value<'h>) -> Result<serde_json::Value> {
        self.value_to_json(value, Pos::None, &mut ContextBuilder::default(), true)
    }

    /// A value as JSON, if all of it is evaluated already: what `nix-instantiate --eval --json` prints
    /// without `--strict`.
    ///
    /// # Errors
    ///
    /// If a part of it is not evaluated, or is nothing that JSON has.
    pub fn to_json_as_it_is(&self, value: Value<'h>) -> Result<serde_json::Value> {
        self.refuse_thunks(value, Pos::None)?;
        self.to_json(value)
    }

    fn refuse_thunks(&self, value: Value<'h>, pos: Pos) -> Result<()> {
        self.nested(|| {
            let value = match value.kind() {
                Kind::Thunk(thunk) => thunk.result().unwrap_or(value),
                _ => value,
            };
            match value.kind() {
                Kind::Thunk(_) => {
                    let message = "cannot convert a thunk to JSON";
                    Err(EvalError::new(ErrorKind::TypeMismatch, message).at(pos))
                }
                Kind::List(list) => list.iter().enumerate().try_for_each(|(index, element)| {
                    self.refuse_thunks(element, pos).map_err(|error| {
                        let message = format!("while evaluating list element at index {index}");
                        error.frame(pos, FrameMessage::Text(message))
                    })
                }),
                // These two stand for a string, and are evaluated for it.
                Kind::Attrs(attrs) if attrs.get(self.names.to_string).is_some() => Ok(()),
                Kind::Attrs(attrs) if let Some(attr) = attrs.get(self.names.out_path) => {
                    self.refuse_thunks(attr.cell.get(), pos)
                }
                Kind::Attrs(attrs) => attrs.sorted().into_iter().try_for_each(|attr| {
                    let pos = attr.position.into();
                    self.refuse_thunks(attr.cell.get(), pos).map_err(|error| {
                        let message = format!("while evaluating attribute '{}'", attr.name);
                        error.frame(pos, FrameMessage::Text(message))
                    })
                }),
                _ => Ok(()),
            }
        })
    }

    /// A value as JSON; what its strings depend on is added to `context`.
    pub(crate) fn value_to_json(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &mut ContextBuilder<'h>,
        copy_to_store: bool,
    ) -> Result<serde_json::Value> {
        self.nested_at(pos, || {
            let value = self.force(value, pos)?;
            Ok(match value.kind() {
                Kind::Null => serde_json::Value::Null,
                Kind::Bool(value) => value.into(),
                Kind::Int(value) => value.into(),
                Kind::Float(value) => value.into(),
                Kind::String(string) => {
                    context.add(self, string.context());
                    self.json_string(string.as_bytes())?
                }
                Kind::Path(path) if copy_to_store => {
                    self.copy_to_store(as_path(path.as_bytes()), context)?.into()
                }
                Kind::Path(path) => path.to_text().into(),
                Kind::List(list) => {
                    let items = list.iter().enumerate().map(|(index, element)| {
                        self.value_to_json(element, pos, context, copy_to_store).map_err(|error| {
                            let message = format!("while evaluating list element at index {index}");
                            error.frame(pos, FrameMessage::Text(message))
                        })
                    });
                    serde_json::Value::Array(items.collect::<Result<_>>()?)
                }
                Kind::Attrs(attrs) => {
                    if let Some(to_string) = attrs.get(self.names.to_string) {
                        let text = self.call(to_string.cell.get(), &[value], pos)?;
                        let doing = crate::coerce::RESULT_OF_TO_STRING;
                        let how = Coercion::PLAIN;
                        let text = self.coerce_to_string(text, pos, context, doing, how)?;
                        return self.json_string(&text);
                    }
                    if let Some(out_path) = attrs.get(self.names.out_path) {
                        let (value, pos) = (out_path.cell.get(), out_path.position.into());
                        return self.value_to_json(value, pos, context, copy_to_store);
                    }
                    let mut object = serde_json::Map::new();
                    for attr in attrs.sorted() {
                        let pos = attr.position.into();
                        let json = self
                            .value_to_json(attr.cell.get(), pos, context, copy_to_store)
                            .map_err(|error| {
                                let message = format!("while evaluating attribute '{}'", attr.name);
                                error.frame(pos, FrameMessage::Text(message))
                            })?;
                        object.insert(attr.name.to_string(), json);
                    }
                    serde_json::Value::Object(object)
                }
                other @ (Kind::Closure(_)
                | Kind::Builtin(_)
                | Kind::Partial(_)
                | Kind::Thunk(_)) => {
                    let message = format!("cannot convert {} to JSON", self.describe(value));
                    // A function is where it is written.
                    let pos = match other {
                        Kind::Closure(closure) => {
                            self.unit(closure.unit()).lambda_pos(closure.lambda())
                        }
                        _ => pos,
                    };
                    return Err(EvalError::new(ErrorKind::TypeMismatch, message).at(pos));
                }
            })
        })
    }

    fn json_string(&self, bytes: &[u8]) -> Result<serde_json::Value> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(EvalError::new(
                ErrorKind::InvalidJson,
                format!(
                    "JSON serialization error: [json.exception.type_error.316] invalid UTF-8 byte at \
                     index {}: 0x{:02X}",
                    error.valid_up_to(),
                    bytes[error.valid_up_to()]
                ),
            )),
        }
    }
}

/// The text that the C++ implementation writes: no spaces, floats in its library's form.
pub fn to_nix_json(value: &serde_json::Value) -> String {
    let mut text = String::new();
    write_json(value, &mut text);
    text
}

fn write_json(value: &serde_json::Value, text: &mut String) {
    match value {
        serde_json::Value::Number(number) if number.is_f64() => {
            text.push_str(&json_float(number.as_f64().unwrap_or_default()));
        }
        serde_json::Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                stacker::maybe_grow(64 << 10, 1 << 20, || write_json(item, text));
            }
            text.push(']');
        }
        serde_json::Value::Object(object) => {
            text.push('{');
            for (index, (key, item)) in object.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_json_string(key, text);
                text.push(':');
                stacker::maybe_grow(64 << 10, 1 << 20, || write_json(item, text));
            }
            text.push('}');
        }
        serde_json::Value::String(string) => write_json_string(string, text),
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

fn write_json_string(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

/// The shortest digits that give the number back; `1.0`, `1e+100`, `0.0001`, `1e-05`.
fn json_float(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0.0" } else { "0.0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the form of `{:e}`");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    // The decimal point stands behind this many digits.
    let point = exponent + 1;
    let count = digits.len() as i32;
    const MOST: i32 = 15;
    const LEAST: i32 = -4;
    let body = if count <= point && point <= MOST {
        format!("{digits}{}.0", "0".repeat((point - count) as usize))
    } else if 0 < point && point <= MOST {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    } else if LEAST < point && point <= 0 {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let fraction = if count > 1 { format!(".{}", &digits[1..]) } else { String::new() };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!("{}{fraction}e{exponent_sign}{:02}", &digits[..1], exponent.abs())
    };
    format!("{sign}{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_cpp_writes_them() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (100_000.0, "100000.0"),
            (1e15, "1e+15"),
            (1e14, "100000000000000.0"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.25, "-2.25"),
        ];
        for (value, text) in cases {
            assert_eq!(json_float(value), text);
        }
    }

    #[test]
    fn strings_are_escaped() {
        let value = serde_json::json!({"a": "x\"\\\n\u{1}é"});
        assert_eq!(to_nix_json(&value), "{\"a\":\"x\\\"\\\\\\n\\u0001é\"}");
    }
}
