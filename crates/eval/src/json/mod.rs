//! JSON, as the C++ implementation's library writes and reads it.

mod read;

use std::fmt::Write as _;

use crate::coerce::{Coercion, as_path};
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Kind, Value};

impl<'h> Evaluator<'h> {
    /// A value as JSON text, as C++ Nix writes it: no spaces, floats in its library's form. Sets that
    /// stand for a string are that string; paths are copied to the store.
    ///
    /// # Errors
    ///
    /// Those of evaluating it, and if it is nothing that JSON has.
    pub fn to_json(&self, value: Value<'h>) -> Result<String> {
        let mut text = String::new();
        self.write_json(value, Pos::None, &mut ContextBuilder::default(), &mut text)?;
        Ok(text)
    }

    /// [`Evaluator::to_json`], if all of it is evaluated already: what `nix-instantiate --eval --json` prints
    /// without `--strict`.
    ///
    /// # Errors
    ///
    /// If a part of it is not evaluated, or is nothing that JSON has.
    pub fn to_json_as_it_is(&self, value: Value<'h>) -> Result<String> {
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
                        let message = format!(
                            "while evaluating attribute '{}'",
                            floe_hir::Identifier(attr.name.as_str())
                        );
                        error.frame(pos, FrameMessage::Text(message))
                    })
                }),
                _ => Ok(()),
            }
        })
    }

    /// Writes a value as JSON behind `text`; what its strings depend on is added to `context`.
    pub(crate) fn write_json(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &mut ContextBuilder<'h>,
        text: &mut String,
    ) -> Result<()> {
        self.nested_at(pos, || {
            let value = self.force(value, pos)?;
            match value.kind() {
                Kind::Null => text.push_str("null"),
                Kind::Bool(value) => text.push_str(if value { "true" } else { "false" }),
                Kind::Int(value) => {
                    let _ = write!(text, "{value}");
                }
                Kind::Float(value) => text.push_str(&json_float(value)),
                Kind::String(string) => {
                    context.add(self, string.context());
                    self.write_json_string(string.as_bytes(), text)?;
                }
                Kind::Path(path) => {
                    let path = self.copy_to_store(as_path(path.as_bytes()), context)?;
                    self.write_json_string(path.as_bytes(), text)?;
                }
                Kind::List(list) => {
                    let mut separator = '[';
                    for (index, element) in list.iter().enumerate() {
                        text.push(std::mem::replace(&mut separator, ','));
                        self.write_json(element, pos, context, text).map_err(|error| {
                            let message = format!("while evaluating list element at index {index}");
                            error.frame(pos, FrameMessage::Text(message))
                        })?;
                    }
                    text.push_str(if list.is_empty() { "[]" } else { "]" });
                }
                Kind::Attrs(attrs) => {
                    if let Some(to_string) = attrs.get(self.names.to_string) {
                        let result = self.call(to_string.cell.get(), &[value], pos)?;
                        let doing = crate::coerce::RESULT_OF_TO_STRING;
                        let how = Coercion::PLAIN;
                        let string = self.coerce_to_string(result, pos, context, doing, how)?;
                        return self.write_json_string(&string, text);
                    }
                    if let Some(out_path) = attrs.get(self.names.out_path) {
                        let (value, pos) = (out_path.cell.get(), out_path.position.into());
                        return self.write_json(value, pos, context, text);
                    }
                    let mut separator = '{';
                    for attr in self.sorted(attrs)? {
                        text.push(std::mem::replace(&mut separator, ','));
                        push_json_string(attr.name.as_str(), text);
                        text.push(':');
                        let pos = attr.position.into();
                        self.write_json(attr.cell.get(), pos, context, text).map_err(|error| {
                            let message = format!(
                                "while evaluating attribute '{}'",
                                floe_hir::Identifier(attr.name.as_str())
                            );
                            error.frame(pos, FrameMessage::Text(message))
                        })?;
                    }
                    text.push_str(if attrs.is_empty() { "{}" } else { "}" });
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
            }
            Ok(())
        })
    }

    fn write_json_string(&self, bytes: &[u8], text: &mut String) -> Result<()> {
        text.push('"');
        let mut before = 0;
        for piece in self.interruptible(bytes) {
            let piece = piece?;
            match std::str::from_utf8(piece) {
                Ok(piece) => push_escaped(piece, text),
                Err(error) => return Err(invalid_utf8(bytes, before + error.valid_up_to())),
            }
            before += piece.len();
        }
        text.push('"');
        Ok(())
    }
}

/// What the C++ implementation's library says of bytes that are no character: it names the byte at which
/// it noticed.
fn invalid_utf8(bytes: &[u8], start: usize) -> EvalError {
    let error = std::str::from_utf8(&bytes[start..]).err();
    let what = match error.and_then(|error| error.error_len()) {
        Some(len) => {
            let is_first_byte = matches!(bytes[start], 0xC2..=0xF4);
            let index = if is_first_byte { start + len } else { start };
            format!("invalid UTF-8 byte at index {index}: 0x{:02X}", bytes[index])
        }
        None => format!("incomplete UTF-8 string; last byte: 0x{:02X}", bytes[bytes.len() - 1]),
    };
    EvalError::new(
        ErrorKind::InvalidJson,
        format!("JSON serialization error: [json.exception.type_error.316] {what}"),
    )
}

/// A string in the notation of JSON.
pub(crate) fn push_json_string(string: &str, text: &mut String) {
    text.push('"');
    push_escaped(string, text);
    text.push('"');
}

fn push_escaped(mut rest: &str, text: &mut String) {
    let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    while let Some(special) = rest.as_bytes().iter().position(is_special) {
        text.push_str(&rest[..special]);
        match rest.as_bytes()[special] {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            8 => text.push_str("\\b"),
            12 => text.push_str("\\f"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            control => {
                let _ = write!(text, "\\u{control:04x}");
            }
        }
        rest = &rest[special + 1..];
    }
    text.push_str(rest);
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
        let mut text = String::new();
        push_json_string("x\"\\\n\u{1}é", &mut text);
        assert_eq!(text, "\"x\\\"\\\\\\n\\u0001é\"");
    }
}
