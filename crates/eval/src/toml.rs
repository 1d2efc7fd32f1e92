//! `builtins.fromTOML`

use std::sync::Arc;

use floe_hir::Name;

use crate::error::{ErrorKind, EvalError, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, PositionId, Value};

type Parsed = std::result::Result<toml::Table, toml::de::Error>;

/// Longer texts take more than a few milliseconds.
const LONG: usize = 64 << 10;

impl<'h> Evaluator<'h> {
    pub(crate) fn toml_to_value(&self, text: &str) -> Result<Value<'h>> {
        let table = self.parse_toml(text)?.map_err(|error| {
            let own = error.span().and_then(|span| too_large_integer(text, span));
            let message = own.unwrap_or_else(|| error.to_string().trim_end().to_owned());
            EvalError::new(ErrorKind::InvalidToml, format!("while parsing TOML: {message}"))
        })?;
        self.toml_table(&table)
    }

    fn parse_toml(&self, text: &str) -> Result<Parsed> {
        if text.len() < LONG {
            return Ok(text.parse());
        }
        let text: Arc<str> = text.into();
        self.apart(move || text.parse())
    }

    fn toml_table(&self, table: &toml::Table) -> Result<Value<'h>> {
        let mut attrs = AttrsBuilder::with_capacity(table.len());
        for (index, (key, value)) in table.iter().enumerate() {
            self.check_interrupt_at(index)?;
            check_no_nul(key)?;
            attrs.push(Name::new(key), self.toml_value(value)?, PositionId::NONE);
        }
        Ok(attrs.finish(self.heap))
    }

    fn toml_value(&self, value: &toml::Value) -> Result<Value<'h>> {
        self.check_stack()?;
        Ok(match value {
            toml::Value::String(text) => {
                check_no_nul(text)?;
                self.heap.string(text)
            }
            toml::Value::Integer(int) => self.heap.int(*int),
            toml::Value::Float(float) => self.heap.float(*float),
            toml::Value::Boolean(value) => Value::bool(*value),
            toml::Value::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    self.check_interrupt_at(index)?;
                    self.toml_value(item)
                });
                self.heap.list(&items.collect::<Result<Vec<_>>>()?)
            }
            toml::Value::Table(table) => self.toml_table(table)?,
            toml::Value::Datetime(time) => {
                if !self.settings.has_feature("parse-toml-timestamps") {
                    return Err(EvalError::new(
                        ErrorKind::InvalidToml,
                        "while parsing TOML: Dates and times are not supported",
                    ));
                }
                let mut attrs = AttrsBuilder::with_capacity(2);
                attrs.insert("_type", self.heap.string("timestamp"));
                attrs.insert("value", self.heap.string(with_whole_groups(&time.to_string())));
                attrs.finish(self.heap)
            }
        })
    }
}

/// What the C++ implementation's library says of an integer that does not fit into 64 bits, where that is
/// the whole value of a key.
fn too_large_integer(text: &str, span: std::ops::Range<usize>) -> Option<String> {
    let literal = text.get(span.clone())?.replace('_', "");
    let (base, what, digits) = match literal.get(..2) {
        Some("0x") => (16, "hex_integer: too large integer: current max value", &literal[2..]),
        Some("0o") => (8, "oct_integer: too large integer: current max value", &literal[2..]),
        Some("0b") => (2, "bin_integer: too large integer: current max value", &literal[2..]),
        _ => (10, "dec_integer: too large integer: current max digits", &literal[..]),
    };
    let is_too_large = |error: &std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        matches!(error.kind(), PosOverflow | NegOverflow)
    };
    i64::from_str_radix(digits, base).err().filter(is_too_large)?;
    let before = &text[..span.start];
    if !before.trim_end_matches([' ', '\t']).ends_with('=') {
        return None;
    }
    let number = (before.matches('\n').count() + 1).to_string();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next()?;
    /// How much of a line is shown in front of the place.
    const MOST: usize = 30;
    let column = span.end - line_start;
    let cut = (0..=column.saturating_sub(MOST)).rev().find(|cut| line.is_char_boundary(*cut))?;
    let (dots, line) = if cut == 0 { ("", line) } else { ("... ", &line[cut..]) };
    let margin = " ".repeat(number.len());
    let caret = " ".repeat(dots.len() + column - cut);
    Some(format!(
        "[error] toml::parse_{what} = 2^63\n{margin}--> fromTOML\n {margin} |\n {number} | {dots}{line}\n \
         {margin} | {caret}^-- must be < 2^63\n"
    ))
}

/// Strings of the language hold no NUL.
fn check_no_nul(text: &str) -> Result<()> {
    if !text.contains('\0') {
        return Ok(());
    }
    let shown = text.replace('\0', "␀");
    Err(EvalError::new(
        ErrorKind::InvalidToml,
        format!(
            "while parsing TOML: error: input string '{shown}' cannot be represented as Nix string \
             because it contains null bytes"
        ),
    ))
}

/// A time whose fraction of a second has three, six or nine digits.
fn with_whole_groups(time: &str) -> String {
    let Some((before, rest)) = time.split_once('.') else { return time.to_owned() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, zone) = rest.split_at(digits);
    let width = digits.next_multiple_of(3);
    format!("{before}.{fraction:0<width$}{zone}")
}
