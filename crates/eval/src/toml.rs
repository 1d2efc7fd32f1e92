//! `builtins.fromTOML`

use floe_hir::Name;

use crate::error::{ErrorKind, EvalError, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, PositionId, Value};

impl<'h> Evaluator<'h> {
    pub(crate) fn toml_to_value(&self, text: &str) -> Result<Value<'h>> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            EvalError::new(
                ErrorKind::InvalidToml,
                format!("while parsing TOML: {}", error.to_string().trim_end()),
            )
        })?;
        self.toml_table(&table)
    }

    fn toml_table(&self, table: &toml::Table) -> Result<Value<'h>> {
        let mut attrs = AttrsBuilder::with_capacity(table.len());
        for (key, value) in table {
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
                let items =
                    items.iter().map(|item| self.toml_value(item)).collect::<Result<Vec<_>>>()?;
                self.heap.list(&items)
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
