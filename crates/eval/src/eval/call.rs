//! Calls: functions, builtins, and sets that can be called.

use floe_hir::{Expr, Formal, LambdaId, Name, Param};

use super::{Step, calling};
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Closure, Env, Kind, Value};
use crate::suggest::suggestions;
use crate::unit::Unit;

impl<'h> Evaluator<'h> {
    /// Calls a function.
    pub fn call(
        &self,
        function: Value<'h>,
        arguments: &[Value<'h>],
        pos: Pos,
    ) -> Result<Value<'h>> {
        // Builtins that call builtins meet no other check.
        self.check_stack()?;
        let depth = self.depth.get();
        let result = match self.enter(function, arguments, pos) {
            Ok(Step::Value(value)) => Ok(value),
            Ok(Step::Body(unit, lambda, env)) => self
                .eval(unit, unit.lambdas[lambda.0 as usize].body, env)
                .map_err(|error| calling(error, unit, lambda, pos)),
            Err(error) => Err(error),
        };
        self.depth.set(depth);
        result
    }

    /// Gives a function its arguments, up to the body of the last function.
    #[inline(always)]
    pub(super) fn enter(
        &self,
        function: Value<'h>,
        arguments: &[Value<'h>],
        pos: Pos,
    ) -> Result<Step<'h>> {
        self.enter_call().map_err(|error| error.at(pos))?;
        let mut current = self.force(function, pos)?;
        let mut rest = arguments;
        while !rest.is_empty() {
            if let Kind::Closure(closure) = current.kind() {
                match self.enter_closure(closure, &mut rest, pos)? {
                    Step::Value(value) => current = value,
                    body @ Step::Body(..) => return Ok(body),
                }
                continue;
            }
            (current, rest) = match current.kind() {
                Kind::Builtin(number) => self.give_builtin(number, &[], rest, pos)?,
                _ => self.enter_other(current, rest, pos)?,
            };
        }
        Ok(Step::Value(current))
    }

    /// Calls what is neither a function of the program nor a builtin without arguments. Gives the result and
    /// the arguments left over, of which there is at least one.
    #[inline(never)]
    fn enter_other<'a>(
        &self,
        current: Value<'h>,
        rest: &'a [Value<'h>],
        pos: Pos,
    ) -> Result<(Value<'h>, &'a [Value<'h>])> {
        match current.kind() {
            Kind::Partial(partial) => {
                self.give_builtin(partial.builtin(), partial.arguments(), rest, pos)
            }
            Kind::Attrs(attrs) if let Some(functor) = attrs.get(self.names.functor) => {
                let result = self
                    .call(functor.cell.get(), &[current, rest[0]], functor.position.into())
                    .map_err(|error| {
                        error.context(
                            pos,
                            "while calling a functor (an attribute set with a '__functor' attribute)",
                        )
                    })?;
                Ok((result, &rest[1..]))
            }
            _ => Err(EvalError::new(
                ErrorKind::NotAFunction,
                format!(
                    "attempt to call something which is not a function but {}: {}",
                    self.describe(current),
                    self.print_for_error(current)
                ),
            )
            .at(pos)),
        }
    }

    /// Gives a function of the program its arguments, up to the body of the last one, or to a value that takes
    /// what is left in `rest`. The functions in between, as in `a: b: …`, are never made.
    #[inline(always)]
    fn enter_closure(
        &self,
        closure: Closure<'h>,
        rest: &mut &[Value<'h>],
        pos: Pos,
    ) -> Result<Step<'h>> {
        let unit = self.unit(closure.unit());
        let (mut id, mut env) = (closure.lambda(), closure.env());
        if id == unit.kept_lambda
            && let Some((argument, others)) = rest.split_first()
            && let Some(result) = self.kept_call(closure, *argument, pos)?
        {
            *rest = others;
            return Ok(Step::Value(result));
        }
        while let Some((argument, others)) = rest.split_first() {
            env = self.bind_argument(unit, id, env, *argument, pos)?;
            *rest = others;
            if others.is_empty() {
                return Ok(Step::Body(unit, id, env));
            }
            let body = unit.lambdas[id.0 as usize].body;
            match unit.exprs[body.0 as usize] {
                Expr::Lambda(inner) if inner != unit.kept_lambda => id = inner,
                _ => {
                    return self
                        .eval(unit, body, env)
                        .map(Step::Value)
                        .map_err(|error| calling(error, unit, id, pos));
                }
            }
        }
        Ok(Step::Value(self.heap.closure(unit.index, id, env)))
    }

    /// Calls a builtin if it has all its arguments now. Gives the result and the arguments left over.
    pub(super) fn give_builtin<'a>(
        &self,
        number: u32,
        before: &[Value<'h>],
        arguments: &'a [Value<'h>],
        pos: Pos,
    ) -> Result<(Value<'h>, &'a [Value<'h>])> {
        let builtin = self.builtin(number);
        let missing = usize::from(builtin.arity) - before.len();
        if arguments.len() < missing {
            let all = [before, arguments].concat();
            return Ok((self.heap.partial_application(number, &all), &[]));
        }
        let (now, later) = arguments.split_at(missing);
        let call = |arguments: &[Value<'h>]| {
            if !builtin.traced {
                return (builtin.function)(self, arguments, pos);
            }
            // The trace names the call's place once; inside of it there is none.
            (builtin.function)(self, arguments, Pos::None)
                .map_err(|error| error.frame(pos, FrameMessage::Builtin(builtin.name)))
        };
        let result = if before.is_empty() {
            call(now)
        } else {
            // No builtin has more arguments than three.
            let mut all = [Value::null(); 3];
            all[..before.len()].copy_from_slice(before);
            all[before.len()..usize::from(builtin.arity)].copy_from_slice(now);
            call(&all[..usize::from(builtin.arity)])
        }?;
        Ok((self.force(result, pos)?, later))
    }

    /// The environment of a function's body for one argument; `outer` is that of the function.
    #[inline(always)]
    pub(crate) fn bind_argument(
        &self,
        unit: &'h Unit<'h>,
        lambda: LambdaId,
        outer: Env<'h>,
        argument: Value<'h>,
        pos: Pos,
    ) -> Result<Env<'h>> {
        match &unit.lambdas[lambda.0 as usize].param {
            Param::Simple { .. } => Ok(self.heap.env_of(outer, argument)),
            Param::Pattern { formals, ellipsis, at } => {
                let pattern = (&**formals, *ellipsis, at.is_some());
                self.bind_pattern(unit, lambda, outer, pattern, argument, pos)
            }
        }
    }

    /// `pattern` says which formals there are, whether there may be more attributes, and whether the whole
    /// argument has a name.
    #[inline(never)]
    fn bind_pattern(
        &self,
        unit: &'h Unit<'h>,
        lambda: LambdaId,
        outer: Env<'h>,
        (formals, ellipsis, at): (&[Formal], bool, bool),
        argument: Value<'h>,
        pos: Pos,
    ) -> Result<Env<'h>> {
        let name = || lambda_name(unit.lambdas[lambda.0 as usize].name);
        let lambda_pos = || unit.lambda_pos(lambda);
        let attrs = self
            .force_attrs(
                argument,
                lambda_pos(),
                "while evaluating the value passed for the lambda argument",
            )
            .map_err(|error| error.context(pos, "from call site"))?;
        let env = self.heap.env(outer, formals.len() + usize::from(at));
        let slots = env.slots();
        if at {
            slots[formals.len()].set(argument);
        }
        let mut used = 0;
        let mut find = attrs.finder(formals.len());
        for (slot, formal) in slots.iter().zip(formals) {
            match find(formal.name) {
                Some(value) => {
                    used += 1;
                    slot.set(value);
                }
                None => match formal.default {
                    Some(default) => {
                        slot.set(self.delay(unit, default, env));
                    }
                    None => {
                        let name = name();
                        return Err(EvalError::new(
                            ErrorKind::MissingArgument,
                            format!(
                                "function '{name}' called without required argument '{}'",
                                formal.name
                            ),
                        )
                        .at(lambda_pos())
                        .context(pos, "from call site"));
                    }
                },
            }
        }
        if !ellipsis && used != attrs.len() {
            let unexpected = attrs
                .iter()
                .find(|attr| !formals.iter().any(|formal| formal.name == attr.name))
                .expect("fewer formals were found than there are attributes");
            let name = name();
            return Err(EvalError::new(
                ErrorKind::UnexpectedArgument,
                format!(
                    "function '{name}' called with unexpected argument '{}'",
                    floe_hir::Identifier(unexpected.name.as_str())
                ),
            )
            .at(lambda_pos())
            .suggest(suggestions(
                unexpected.name.as_str(),
                formals.iter().map(|formal| formal.name.as_str()),
            ))
            .context(pos, "from call site"));
        }
        Ok(env)
    }
}

fn lambda_name(name: Option<Name>) -> &'static str {
    name.map_or("anonymous lambda", Name::as_str)
}
