//! Values as text: the form that `nix-instantiate --eval` prints, the form that `nix eval` prints, and
//! the shortened form in messages.

use std::fmt::Write as _;

use floe_hir::{Escaped, Identifier};
use rustc_hash::FxHashSet;

use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attr, Kind, Thunk, Value};

impl<'h> Evaluator<'h> {
    /// A value as `nix-instantiate --eval` prints it: what was not evaluated is `<CODE>`.
    ///
    /// # Errors
    ///
    /// If the value nests too deep.
    pub fn print(&self, value: Value<'h>) -> Result<String> {
        let mut printer = Printer::new(self, Style::Ambiguous);
        printer.print(value, 0)?;
        Ok(printer.output)
    }

    /// A value as `nix eval` prints it: evaluated as it is printed, errors inside of it shown in place.
    ///
    /// # Errors
    ///
    /// If the value itself cannot be evaluated, or nests too deep.
    pub fn print_forced(&self, value: Value<'h>, indent: usize) -> Result<String> {
        let mut printer = Printer::new(self, Style::Forced { indent });
        printer.print(value, 0)?;
        Ok(printer.output)
    }

    /// A value in a message: not evaluated further, and cut.
    pub(crate) fn print_for_error(&self, value: Value<'h>) -> String {
        let mut printer = Printer::new(self, Style::Error);
        match printer.print(value, 0) {
            Ok(()) => printer.output,
            Err(_) => "«error»".to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Ambiguous,
    Forced { indent: usize },
    Error,
}

/// The limits of [`Style::Error`].
const MOST_DEPTH: usize = 10;
const MOST_ATTRIBUTES: usize = 10;
const MOST_ITEMS: usize = 10;
const MOST_BYTES: usize = 1024;

struct Printer<'e, 'h> {
    evaluator: &'e Evaluator<'h>,
    style: Style,
    output: String,
    seen: FxHashSet<u64>,
    attributes: usize,
    items: usize,
    indent: usize,
}

impl<'e, 'h> Printer<'e, 'h> {
    fn new(evaluator: &'e Evaluator<'h>, style: Style) -> Printer<'e, 'h> {
        Printer {
            evaluator,
            style,
            output: String::new(),
            seen: FxHashSet::default(),
            attributes: 0,
            items: 0,
            indent: 0,
        }
    }

    fn print(&mut self, value: Value<'h>, depth: usize) -> Result<()> {
        self.evaluator.check_stack()?;
        self.evaluator.check_interrupt()?;
        if depth > self.evaluator.settings.max_call_depth as usize {
            return Err(EvalError::new(
                ErrorKind::StackOverflow,
                "stack overflow; max-call-depth exceeded",
            ));
        }
        // C++ Nix knows a list again by the thunk that it came from, a set by its attributes.
        let identity = value.identity();
        let value = match self.style {
            Style::Forced { .. } => match self.evaluator.force(value, Pos::None) {
                Ok(value) => value,
                Err(error) if depth == 0 || error.kind() == ErrorKind::StackOverflow => {
                    return Err(error);
                }
                Err(error) => {
                    let _ = write!(self.output, "«error: {}»", error.message());
                    return Ok(());
                }
            },
            _ => match value.kind() {
                Kind::Thunk(thunk) => thunk.result().unwrap_or(value),
                _ => value,
            },
        };
        match value.kind() {
            Kind::Null => self.output.push_str("null"),
            Kind::Bool(value) => self.output.push_str(if value { "true" } else { "false" }),
            Kind::Int(value) => {
                let _ = write!(self.output, "{value}");
            }
            Kind::Float(value) => self.output.push_str(&short_float(value)),
            Kind::String(value) => self.print_string(value.as_bytes())?,
            Kind::Path(path) => match path.to_text().strip_prefix(crate::paths::INTERNAL) {
                Some(name) => {
                    let _ = write!(self.output, "<nix{name}>");
                }
                None => self.output.push_str(&path.to_text()),
            },
            Kind::List(list) => {
                if list.is_empty() || self.seen.insert(identity) {
                    return self.print_list(&list.iter().collect::<Vec<_>>(), depth);
                }
                self.output.push_str("«repeated»");
            }
            Kind::Attrs(attrs) => {
                if attrs.is_empty() || self.seen.insert(value.identity()) {
                    return self.print_attrs(value, self.evaluator.sorted(attrs)?, depth);
                }
                self.output.push_str("«repeated»");
            }
            Kind::Thunk(thunk) => self.print_thunk(thunk),
            Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_) => self.print_function(value),
        }
        Ok(())
    }

    fn print_string(&mut self, bytes: &[u8]) -> Result<()> {
        let (shown, cut) = match self.style {
            Style::Error if bytes.len() > MOST_BYTES => bytes.split_at(MOST_BYTES),
            _ => (bytes, &[][..]),
        };
        self.output.push('"');
        for piece in self.evaluator.interruptible(shown) {
            let _ = write!(self.output, "{}", Escaped(&String::from_utf8_lossy(piece?)));
        }
        self.output.push('"');
        if !cut.is_empty() {
            self.output.push(' ');
            self.print_elided(cut.len(), "byte", "bytes");
        }
        Ok(())
    }

    fn print_list(&mut self, items: &[Value<'h>], depth: usize) -> Result<()> {
        if self.style == Style::Error && depth >= MOST_DEPTH {
            self.output.push_str("[ ... ]");
            return Ok(());
        }
        let pretty = self.is_pretty(items)?;
        self.output.push('[');
        self.indent += 1;
        for (index, item) in items.iter().enumerate() {
            self.space(pretty);
            if self.style == Style::Error && self.items >= MOST_ITEMS {
                self.print_elided(items.len() - index, "item", "items");
                break;
            }
            self.print(*item, depth + 1)?;
            self.items += 1;
        }
        self.indent -= 1;
        self.space(pretty);
        self.output.push(']');
        Ok(())
    }

    fn print_attrs(
        &mut self,
        set: Value<'h>,
        mut attrs: Vec<Attr<'h>>,
        depth: usize,
    ) -> Result<()> {
        match self.style {
            Style::Error if depth >= MOST_DEPTH => {
                self.output.push_str("{ ... }");
                return Ok(());
            }
            // Cut lists show first what tells most.
            Style::Error => {
                attrs.sort_by_key(|attr| !matches!(attr.name.as_str(), "type" | "_type"));
            }
            Style::Forced { .. } if self.evaluator.is_derivation(set)? => {
                return self.print_derivation(set);
            }
            _ => {}
        }
        let values: Vec<_> = attrs.iter().map(|attr| attr.cell.get()).collect();
        let pretty = self.is_pretty(&values)?;
        self.output.push('{');
        self.indent += 1;
        let count = attrs.len();
        for (index, attr) in attrs.into_iter().enumerate() {
            self.space(pretty);
            if self.style == Style::Error && self.attributes >= MOST_ATTRIBUTES {
                self.print_elided(count - index, "attribute", "attributes");
                break;
            }
            let _ = write!(self.output, "{} = ", Identifier(attr.name.as_str()));
            self.print(attr.cell.get(), depth + 1)?;
            self.output.push(';');
            self.attributes += 1;
        }
        self.indent -= 1;
        self.space(pretty);
        self.output.push('}');
        Ok(())
    }

    fn print_derivation(&mut self, set: Value<'h>) -> Result<()> {
        self.output.push_str("«derivation");
        if let Kind::Attrs(attrs) = set.kind()
            && let Some(path) = attrs.get(self.evaluator.names.drv_path)
        {
            let path = self.evaluator.force_string(
                path.cell.get(),
                path.position.into(),
                "while evaluating the drvPath of a derivation",
            )?;
            self.output.push(' ');
            self.output.push_str(&path.to_text());
        }
        self.output.push('»');
        Ok(())
    }

    /// What was not evaluated.
    fn print_thunk(&mut self, thunk: Thunk<'h>) {
        self.output.push_str(match (self.style, thunk.is_running()) {
            (_, true) => "«potential infinite recursion»",
            (Style::Ambiguous, false) => "<CODE>",
            (_, false) => "«thunk»",
        });
    }

    fn print_function(&mut self, value: Value<'h>) {
        let builtin = |number| self.evaluator.builtin(number).name;
        let text = match (self.style, value.kind()) {
            (Style::Ambiguous, Kind::Closure(_)) => "<LAMBDA>".to_owned(),
            (Style::Ambiguous, Kind::Builtin(_)) => "<PRIMOP>".to_owned(),
            (Style::Ambiguous, _) => "<PRIMOP-APP>".to_owned(),
            (_, Kind::Closure(closure)) => {
                let unit = self.evaluator.unit(closure.unit());
                let lambda = &unit.module.lambdas[closure.lambda().0 as usize];
                let name = lambda
                    .name
                    .map_or(String::new(), |name| format!(" {}", Identifier(name.as_str())));
                let place = self
                    .evaluator
                    .lambda_position(closure)
                    .map_or_else(|| "«none»".to_owned(), |position| position.to_string());
                format!("«lambda{name} @ {place}»")
            }
            (_, Kind::Builtin(number)) => format!("«primop {}»", builtin(number)),
            (_, Kind::Partial(partial)) => {
                format!("«partially applied primop {}»", builtin(partial.builtin()))
            }
            _ => return,
        };
        self.output.push_str(&text);
    }

    fn print_elided(&mut self, count: usize, one: &str, many: &str) {
        let unit = if count == 1 { one } else { many };
        let _ = write!(self.output, "«{count} {unit} elided»");
    }

    fn space(&mut self, pretty: bool) {
        match self.style {
            Style::Forced { indent } if pretty => {
                self.output.push('\n');
                self.output.extend(std::iter::repeat_n(' ', indent * self.indent));
            }
            _ => self.output.push(' '),
        }
    }

    /// Whether items go on lines of their own: several, or one that itself has items.
    fn is_pretty(&mut self, items: &[Value<'h>]) -> Result<bool> {
        match (self.style, items) {
            (Style::Forced { indent: 1.. }, [one]) => {
                // It is printed in any case, and its error then shown in place.
                Ok(self
                    .evaluator
                    .force(*one, Pos::None)
                    .is_ok_and(|value| matches!(value.kind(), Kind::List(_) | Kind::Attrs(_))))
            }
            (Style::Forced { indent: 1.. }, items) => Ok(items.len() > 1),
            _ => Ok(false),
        }
    }
}

/// A float as C++ streams print it by default: six significant digits, `%g`.
pub(crate) fn short_float(value: f64) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    const DIGITS: i32 = 6;
    let scientific = format!("{:.*e}", DIGITS as usize - 1, value);
    let (mantissa, exponent) = scientific.split_once('e').expect("the form of `{:e}`");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let trimmed = |text: &str| -> String {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = usize::try_from(DIGITS - 1 - exponent).expect("the exponent is smaller");
        return trimmed(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

/// A float as `toString` has it: six decimals, `%f`.
pub(crate) fn fixed_float(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { short_float(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_cpp() {
        let cases = [
            (1.0, "1"),
            (0.1, "0.1"),
            (1e6, "1e+06"),
            (123_456.0, "123456"),
            (1_234_567.0, "1.23457e+06"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (-2.5, "-2.5"),
            (1e300, "1e+300"),
            (f64::INFINITY, "inf"),
            (999_999.9, "1e+06"),
        ];
        for (value, text) in cases {
            assert_eq!(short_float(value), text);
        }
        assert_eq!(fixed_float(1.5), "1.500000");
    }
}
