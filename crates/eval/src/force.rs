//! Expecting values of a type, and the errors when they are of another.

use floe_hir::{Identifier, Name};

use crate::error::{ErrorKind, EvalError, Pos, Position, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, AttrsBuilder, Kind, List, Str, Suspended, Value};

impl<'h> Evaluator<'h> {
    /// Forces a value that must be a set.
    pub fn force_attrs(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<Attrs<'h>> {
        let value = self.force(value, pos)?;
        self.expect_attrs(value, Pos::None).map_err(|error| error.context(pos, context))
    }

    /// Forces a value that must be a list.
    pub fn force_list(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<List<'h>> {
        let value = self.force(value, pos)?;
        match value.kind() {
            Kind::List(list) => Ok(list),
            _ => Err(self.wrong_type(value, "a list", ErrorKind::NotAList).context(pos, context)),
        }
    }

    /// Forces a value that must be a string, with or without context.
    pub fn force_string(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<Str<'h>> {
        self.force(value, pos)
            .and_then(|value| match value.kind() {
                Kind::String(string) => Ok(string),
                _ => Err(self.wrong_type(value, "a string", ErrorKind::NotAString).at(pos)),
            })
            .map_err(|error| error.context(pos, context))
    }

    /// Forces a value that must be a string that depends on no store path.
    pub fn force_plain_string(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<Str<'h>> {
        let string = self.force_string(value, pos, context)?;
        match string.context().elements().first() {
            None => Ok(string),
            Some(element) => Err(EvalError::new(
                ErrorKind::ContextNotAllowed,
                format!(
                    "the string '{}' is not allowed to refer to a store path (such as '{}')",
                    string.to_text(),
                    crate::context::display(*element)
                ),
            )
            .context(pos, context)),
        }
    }

    /// Forces a value that must be a string and names an attribute. Bytes that are no UTF-8 are
    /// replaced: names are text here.
    pub(crate) fn force_name(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<Name> {
        let string = self.force_plain_string(value, pos, context)?;
        Ok(self.name_of(string))
    }

    /// Forces a value that must be an integer.
    pub fn force_int(&self, value: Value<'h>, pos: Pos, context: &'static str) -> Result<i64> {
        self.force(value, pos)
            .and_then(|value| match value.kind() {
                Kind::Int(int) => Ok(int),
                _ => Err(self.wrong_type(value, "an integer", ErrorKind::NotAnInteger).at(pos)),
            })
            .map_err(|error| error.context(pos, context))
    }

    /// Forces a value that must be a number.
    pub fn force_float(&self, value: Value<'h>, pos: Pos, context: &'static str) -> Result<f64> {
        self.force(value, pos)
            .and_then(|value| match value.kind() {
                Kind::Int(int) => Ok(int as f64),
                Kind::Float(float) => Ok(float),
                _ => Err(self.wrong_type(value, "a float", ErrorKind::TypeMismatch).at(pos)),
            })
            .map_err(|error| error.context(pos, context))
    }

    /// Forces a value that must be a Boolean.
    pub fn force_bool(&self, value: Value<'h>, pos: Pos, context: &'static str) -> Result<bool> {
        self.force(value, pos)
            .and_then(|value| match value.kind() {
                Kind::Bool(bool) => Ok(bool),
                _ => Err(self.wrong_type(value, "a Boolean", ErrorKind::NotABoolean).at(pos)),
            })
            .map_err(|error| error.context(pos, context))
    }

    /// Forces a value that must be a function, or a set that can be called like one.
    pub fn force_function(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<Value<'h>> {
        self.force(value, pos)
            .and_then(|value| match value.kind() {
                Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_) => Ok(value),
                Kind::Attrs(attrs) if attrs.get(self.names.functor).is_some() => Ok(value),
                _ => Err(self.wrong_type(value, "a function", ErrorKind::NotAFunction).at(pos)),
            })
            .map_err(|error| error.context(pos, context))
    }

    /// Forces everything that a value consists of.
    pub fn force_deep(&self, value: Value<'h>) -> Result<()> {
        let mut seen = rustc_hash::FxHashSet::default();
        self.force_deep_unseen(value, &mut seen)
    }

    fn force_deep_unseen(
        &self,
        value: Value<'h>,
        seen: &mut rustc_hash::FxHashSet<u64>,
    ) -> Result<()> {
        let pos = self.position_of(value, Pos::None);
        self.nested_at(pos, || {
            let value = self.force(value, pos)?;
            match value.kind() {
                Kind::Attrs(attrs) if seen.insert(value.identity()) => {
                    let mut attrs = self.sorted(attrs)?;
                    attrs.sort_by_cached_key(|attr| rank(attr.name));
                    for attr in attrs {
                        self.force_deep_unseen(attr.cell.get(), seen).map_err(|error| {
                            let message = format!(
                                "while evaluating the attribute '{}'",
                                Identifier(attr.name.as_str())
                            );
                            error.frame(
                                attr.position.into(),
                                crate::error::FrameMessage::Text(message),
                            )
                        })?;
                    }
                }
                Kind::List(list) if seen.insert(value.identity()) => {
                    for (index, element) in list.iter().enumerate() {
                        self.force_deep_unseen(element, seen).map_err(|error| {
                            let message = format!("while evaluating list element at index {index}");
                            error.frame(Pos::None, crate::error::FrameMessage::Text(message))
                        })?;
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// The place that a value brings with it: a function's own, and so that of a call that is not made
    /// yet. `otherwise` for all others.
    pub(crate) fn position_of(&self, mut value: Value<'h>, otherwise: Pos) -> Pos {
        loop {
            value = match value.kind() {
                Kind::Closure(closure) => {
                    return self.unit(closure.unit()).lambda_pos(closure.lambda());
                }
                Kind::Thunk(thunk) => match (thunk.result(), thunk.suspended()) {
                    (Some(result), _) => result,
                    (None, Some(Suspended::Call { function, second: None, .. })) => function,
                    _ => return otherwise,
                },
                _ => return otherwise,
            };
        }
    }

    /// An evaluated value that must be a set.
    pub(crate) fn expect_attrs(&self, value: Value<'h>, pos: Pos) -> Result<Attrs<'h>> {
        match value.kind() {
            Kind::Attrs(attrs) => Ok(attrs),
            _ => Err(self.wrong_type(value, "a set", ErrorKind::NotASet).at(pos)),
        }
    }

    /// "expected a set but found an integer: 1"
    #[cold]
    pub(crate) fn wrong_type(
        &self,
        value: Value<'h>,
        expected: &str,
        kind: ErrorKind,
    ) -> EvalError {
        EvalError::new(
            kind,
            format!(
                "expected {expected} but found {}: {}",
                self.describe(value),
                self.print_for_error(value)
            ),
        )
    }

    /// A value's type with its article, as messages have it: `a set`, `the built-in function 'map'`.
    pub fn describe(&self, value: Value<'h>) -> String {
        match value.kind() {
            Kind::Null => "null".into(),
            Kind::Bool(_) => "a Boolean".into(),
            Kind::Int(_) => "an integer".into(),
            Kind::Float(_) => "a float".into(),
            Kind::String(string) if string.has_context() => "a string with context".into(),
            Kind::String(_) => "a string".into(),
            Kind::Path(_) => "a path".into(),
            Kind::List(_) => "a list".into(),
            Kind::Attrs(_) => "a set".into(),
            Kind::Closure(_) => "a function".into(),
            Kind::Builtin(number) => {
                format!("the built-in function '{}'", self.builtin(number).name)
            }
            Kind::Partial(partial) => {
                let name = self.builtin(partial.builtin()).name;
                format!("the partially applied built-in function '{name}'")
            }
            Kind::Thunk(_) => "a thunk".into(),
        }
    }

    /// A value's type as `builtins.typeOf` has it.
    pub fn type_name(value: Value<'h>) -> &'static str {
        match value.kind() {
            Kind::Null => "null",
            Kind::Bool(_) => "bool",
            Kind::Int(_) => "int",
            Kind::Float(_) => "float",
            Kind::String(_) => "string",
            Kind::Path(_) => "path",
            Kind::List(_) => "list",
            Kind::Attrs(_) => "set",
            Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_) => "lambda",
            Kind::Thunk(_) => "thunk",
        }
    }

    /// `{ file, line, column }`, or `null` for a text that is no file.
    pub(crate) fn position_attrs(&self, position: &Position) -> Value<'h> {
        let crate::error::Origin::File(path) = &position.origin else { return Value::null() };
        let mut attrs = AttrsBuilder::with_capacity(3);
        attrs.insert("file", self.heap.string(path.as_os_str().as_encoded_bytes()));
        attrs.insert("line", self.heap.int(i64::from(position.line)));
        attrs.insert("column", self.heap.int(i64::from(position.column)));
        attrs.finish(self.heap)
    }

    /// Whether an evaluated value is a derivation: a set with `type = "derivation"`.
    pub fn is_derivation(&self, value: Value<'h>) -> Result<bool> {
        let Kind::Attrs(attrs) = value.kind() else { return Ok(false) };
        let Some(kind) = attrs.get(self.names.kind) else { return Ok(false) };
        let kind = self.force_cell(kind.cell, kind.position.into())?;
        Ok(matches!(kind.kind(), Kind::String(text) if text.as_bytes() == b"derivation"))
    }
}

/// Where an attribute stands when all are evaluated: C++ Nix goes in the order in which it first met the
/// names, and these it knows from the start. The others go by the alphabet, which does not depend on what
/// was read before.
fn rank(name: Name) -> usize {
    const FIRST: [&str; 8] =
        ["outPath", "drvPath", "type", "meta", "name", "value", "system", "__overrides"];
    FIRST.iter().position(|first| *first == name.as_str()).unwrap_or(FIRST.len())
}
