//! Selecting by an attribute path given as text, and calling what is selected as a command does.

use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Kind, Value};
use crate::suggest::suggestions;
use floe_hir::{Name, Param};

impl<'h> Evaluator<'h> {
    /// What `-A path` selects from a file's value: functions on the way are called with `arguments`
    /// and their defaults, list elements are selected by number.
    ///
    /// # Errors
    ///
    /// If there is no such attribute, and those of evaluating what is on the way.
    pub fn select_path(
        &self,
        root: Value<'h>,
        path: &str,
        arguments: &[(Name, Value<'h>)],
    ) -> Result<Value<'h>> {
        let mut current = self.auto_call(root, arguments)?;
        for step in parse_path(path)? {
            current = self.auto_call(current, arguments)?;
            current = match (current.kind(), step.parse::<usize>()) {
                (Kind::List(list), Ok(index)) => match list.cells().get(index) {
                    Some(cell) => self.force_cell(cell, Pos::None)?,
                    None => {
                        return Err(EvalError::new(
                            ErrorKind::IndexOutOfBounds,
                            format!(
                                "list index {index} in selection path '{path}' is out of range"
                            ),
                        ));
                    }
                },
                (Kind::Attrs(attrs), _) => match attrs.get(Name::new(&step)) {
                    Some(attr) => self.force_cell(attr.cell, attr.position.into())?,
                    None => {
                        let names = attrs.shape().names.iter().map(|name| name.as_str());
                        return Err(EvalError::new(
                            ErrorKind::MissingAttribute,
                            format!("attribute '{step}' in selection path '{path}' not found"),
                        )
                        .suggest(suggestions(&step, names)));
                    }
                },
                (_, index) => {
                    let expected = if index.is_ok() { "a list" } else { "a set" };
                    return Err(EvalError::new(
                        ErrorKind::TypeMismatch,
                        format!(
                            "the expression selected by the selection path '{path}' should be \
                             {expected} but is {}",
                            self.describe(current)
                        ),
                    ));
                }
            };
        }
        Ok(current)
    }

    /// Calls a function of named arguments with those of `arguments` that it takes, its defaults
    /// making up the rest; anything else is left as it is.
    ///
    /// # Errors
    ///
    /// If an argument is missing, and those of the call.
    pub fn auto_call(
        &self,
        value: Value<'h>,
        arguments: &[(Name, Value<'h>)],
    ) -> Result<Value<'h>> {
        let value = self.force(value, Pos::None)?;
        let closure = match value.kind() {
            Kind::Attrs(attrs) if let Some(functor) = attrs.get(self.names.functor) => {
                let called = self.call(functor.cell.get(), &[value], Pos::None)?;
                return self.nested(|| self.auto_call(called, arguments));
            }
            Kind::Closure(closure) => closure,
            _ => return Ok(value),
        };
        let unit = self.unit(closure.unit());
        let lambda = &unit.module.lambdas[closure.lambda().0 as usize];
        let Param::Pattern { formals, ellipsis, .. } = &lambda.param else { return Ok(value) };
        let mut given = AttrsBuilder::with_capacity(formals.len());
        let given_value = |name: Name| arguments.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        if *ellipsis {
            for (name, argument) in arguments {
                given.push(*name, *argument, crate::heap::PositionId::NONE);
            }
        }
        for formal in formals {
            match given_value(formal.name) {
                Some(argument) => {
                    given.push(formal.name, argument, crate::heap::PositionId::NONE);
                }
                None if formal.default.is_none() && !ellipsis => {
                    return Err(EvalError::new(
                        ErrorKind::MissingArgument,
                        format!(
                            "cannot evaluate a function that has an argument without a value \
                             ('{}')\nNix attempted to evaluate a function as a top level expression; \
                             in\nthis case it must have its arguments supplied either by default\n\
                             values, or passed explicitly with '--arg' or '--argstr'. See\n\
                             https://nix.dev/manual/nix/stable/language/syntax.html#functions.",
                            formal.name
                        ),
                    )
                    .at(Pos::Binding(unit.position(formal.binding.0))));
                }
                None => {}
            }
        }
        self.call(value, &[given.finish(self.heap)], unit.lambda_pos(closure.lambda()))
    }
}

/// Splits `a."b.c".d`.
fn parse_path(path: &str) -> Result<Vec<String>> {
    let mut steps = Vec::new();
    let mut step = String::new();
    let mut quoted = false;
    for character in path.chars() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => steps.push(std::mem::take(&mut step)),
            other => step.push(other),
        }
    }
    if quoted {
        return Err(EvalError::new(
            ErrorKind::Other,
            format!("missing closing quote in selection path '{path}'"),
        ));
    }
    if !step.is_empty() {
        steps.push(step);
    }
    if steps.iter().any(String::is_empty) {
        return Err(EvalError::new(
            ErrorKind::Other,
            format!("empty attribute name in selection path '{path}'"),
        ));
    }
    Ok(steps)
}
