//! Evaluation of expressions.

mod attrs;
mod call;
mod select;

use std::cell::Cell;
use std::ops::Range;

use floe_hir::{BinaryOp, Expr, ExprId, LambdaId, Name, StrId, Var};

use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::{Evaluator, TailFrame};
use crate::heap::{Attrs, Code, Env, Kind, List, Suspended, Taken, Thunk, Value};
use crate::unit::{Unit, normalize};

/// How a call goes on.
pub(crate) enum Step<'h> {
    /// With a result.
    Value(Value<'h>),
    /// With the body of a function.
    Body(&'h Unit<'h>, LambdaId, Env<'h>),
}

/// Room for the values of expressions; no memory is allocated for a few.
struct Room<'h> {
    few: [Value<'h>; 4],
    many: Vec<Value<'h>>,
}

impl Room<'_> {
    #[inline(always)]
    fn new() -> Self {
        Room { few: [Value::null(); 4], many: Vec::new() }
    }
}

impl<'h> Evaluator<'h> {
    /// Evaluates an expression until it is no thunk.
    #[inline(always)]
    pub(crate) fn eval(&self, unit: &'h Unit<'h>, expr: ExprId, env: Env<'h>) -> Result<Value<'h>> {
        // The commonest expressions need no frame.
        match unit.exprs[expr.0 as usize] {
            Expr::Var(Var::Local { depth, slot }) => {
                self.force_cell(env.up(depth).slot(slot), Pos::expr(unit.index, expr))
            }
            _ => self.eval_in_frame(unit, expr, env),
        }
    }

    #[inline(never)]
    fn eval_in_frame(&self, unit: &'h Unit<'h>, expr: ExprId, env: Env<'h>) -> Result<Value<'h>> {
        self.check_stack()?;
        let depth = self.depth.get();
        let tail = self.tail_count.get();
        let result = self.run(unit, expr, env);
        self.depth.set(depth);
        let given_up = tail..self.tail_count.replace(tail);
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.calling_each(error, given_up)),
        }
    }

    #[cold]
    #[inline(never)]
    fn calling_each(&self, error: EvalError, given_up: Range<usize>) -> EvalError {
        let frames: Vec<TailFrame> = self.tail_frames.borrow()[given_up].to_vec();
        frames.into_iter().rev().fold(error, |error, TailFrame { call, unit, lambda }| {
            calling(error, self.unit(unit), lambda, Pos::Operator(call))
        })
    }

    /// Notes a call whose frame is given up.
    #[inline(always)]
    fn push_tail_frame(&self, frame: TailFrame) {
        let count = self.tail_count.get();
        let mut frames = self.tail_frames.borrow_mut();
        match frames.get_mut(count) {
            Some(place) => *place = frame,
            None => frames.push(frame),
        }
        self.tail_count.set(count + 1);
    }

    /// Evaluates an expression; what its last step calls is evaluated in the same activation.
    fn run(&self, mut unit: &'h Unit<'h>, mut expr: ExprId, mut env: Env<'h>) -> Result<Value<'h>> {
        loop {
            let pos = || Pos::expr(unit.index, expr);
            match unit.exprs[expr.0 as usize] {
                Expr::Missing => return Err(missing_expression(pos())),
                Expr::Int(value) => return Ok(self.heap.int(value)),
                Expr::Float(value) => return Ok(self.heap.float(value)),
                Expr::Str(id) => return Ok(unit.string(self.heap, id)),
                Expr::Path(id) => return Ok(self.path_literal(unit, id)),
                Expr::Interpolate(parts) => {
                    return self.concat_strings(unit, expr, unit.module.list(parts), env, true);
                }
                Expr::InterpolatePath(parts) => {
                    return self.concat_strings(unit, expr, unit.module.list(parts), env, false);
                }
                Expr::SearchPath { find_file, nix_path, text } => {
                    return self.search_path(unit, (find_file, nix_path, text), env, pos());
                }
                Expr::Var(Var::Local { depth, slot }) => {
                    return self.force_cell(env.up(depth).slot(slot), pos());
                }
                Expr::Var(var) => return self.variable(unit, expr, var, env),
                Expr::CurPos => return Ok(self.position_value(pos())),
                Expr::Select { base, path, default } => {
                    match self.select(unit, expr, base, path, default.is_some(), env)? {
                        Some(value) => return Ok(value),
                        None => expr = default.expect("only a select with a default gives none"),
                    }
                }
                Expr::HasAttr { base, path } => {
                    return self.has_attr(unit, expr, base, path, env).map(Value::bool);
                }
                Expr::Apply { fun, args } => {
                    let function = self.eval(unit, fun, env)?;
                    let call = Code { unit: unit.index, expr };
                    let pos = Pos::Operator(call);
                    let delay = |id| self.delay(unit, id, env);
                    let (one, two, three, many);
                    let arguments: &[Value<'h>] = match *unit.module.list(args) {
                        [a] => {
                            one = [delay(a)];
                            &one
                        }
                        [a, b] => {
                            two = [delay(a), delay(b)];
                            &two
                        }
                        [a, b, c] => {
                            three = [delay(a), delay(b), delay(c)];
                            &three
                        }
                        ref ids => {
                            many = ids.iter().map(|id| delay(*id)).collect::<Vec<_>>();
                            &many
                        }
                    };
                    match self.enter(function, arguments, pos)? {
                        Step::Value(value) => return Ok(value),
                        Step::Body(called, lambda, inner) => {
                            self.push_tail_frame(TailFrame { call, unit: called.index, lambda });
                            expr = called.lambdas[lambda.0 as usize].body;
                            (unit, env) = (called, inner);
                        }
                    }
                }
                Expr::Lambda(id) => return Ok(self.heap.closure(unit.index, id, env)),
                Expr::Attrs(id) => return self.attrs_literal(unit, id, env),
                Expr::Let { attrs, body } => {
                    let literal = &unit.module.attrs[attrs.0 as usize];
                    let inner = self.heap.env(env, literal.entries.len());
                    self.fill_slots(unit, literal, env, inner, inner.slots(), false);
                    (expr, env) = (body, inner);
                }
                Expr::List(items) => {
                    let ids = unit.module.list(items);
                    if ids.is_empty() {
                        return Ok(self.empty_list);
                    }
                    return Ok(self.heap.list_with(ids.len(), |i| self.delay(unit, ids[i], env)));
                }
                Expr::If { cond, then, otherwise } => {
                    let cond =
                        self.eval_bool(unit, cond, env, "while evaluating a branch condition")?;
                    expr = if cond { then } else { otherwise };
                }
                Expr::With { set, body, outer } => {
                    let inner = self.heap.env(env, 2);
                    inner.slots()[0].set(self.delay(unit, set, env));
                    let outer = outer.map_or(-1, i64::from);
                    inner.slots()[1].set(self.heap.int(outer));
                    (expr, env) = (body, inner);
                }
                Expr::Assert { cond, body } => {
                    let context = "in the condition of the assert statement";
                    if !self.eval_bool(unit, cond, env, context)? {
                        return Err(self.assertion_failed(unit, expr, cond, env));
                    }
                    expr = body;
                }
                Expr::Binary { op, lhs, rhs } => return self.binary(unit, expr, op, lhs, rhs, env),
                Expr::Not(operand) => {
                    let operand =
                        self.eval_bool(unit, operand, env, "in the argument of the not operator")?;
                    return Ok(Value::bool(!operand));
                }
                Expr::Negate(operand) => return self.negate(unit, operand, env, pos()),
                Expr::InheritFrom(_) => unreachable!("only the base of an inherited attribute"),
            }
        }
    }

    #[inline(never)]
    fn search_path(
        &self,
        unit: &'h Unit<'h>,
        (find_file, nix_path, text): (ExprId, ExprId, StrId),
        env: Env<'h>,
        pos: Pos,
    ) -> Result<Value<'h>> {
        let function = self.eval(unit, find_file, env)?;
        let arguments = [self.delay(unit, nix_path, env), unit.string(self.heap, text)];
        self.call(function, &arguments, pos)
    }

    #[inline(never)]
    fn negate(
        &self,
        unit: &'h Unit<'h>,
        operand: ExprId,
        env: Env<'h>,
        pos: Pos,
    ) -> Result<Value<'h>> {
        self.eval(unit, operand, env)
            .and_then(|value| self.subtract(self.heap.int(0), value, Pos::None))
            .map_err(|error| error.frame(pos, FrameMessage::Builtin("sub")))
    }

    /// The value of an expression that may not be needed: a thunk, unless the value is at hand.
    #[inline]
    pub(crate) fn delay(&self, unit: &'h Unit<'h>, expr: ExprId, env: Env<'h>) -> Value<'h> {
        match unit.exprs[expr.0 as usize] {
            Expr::Int(value) => self.heap.int(value),
            Expr::Str(id) => unit.string(self.heap, id),
            Expr::Lambda(id) => self.heap.closure(unit.index, id, env),
            Expr::Var(Var::Global(id)) => self.globals[usize::from(id.0)],
            Expr::Var(Var::Local { depth, slot }) => {
                let value = env.up(depth).slot(slot).get();
                match value.kind() {
                    // A slot of a `rec` or `let` that is being built.
                    _ if value.is_unset() => self.heap.thunk(Code { unit: unit.index, expr }, env),
                    Kind::Thunk(thunk) => thunk.lasting_result().unwrap_or(value),
                    _ => value,
                }
            }
            Expr::List(items) if items.len == 0 => self.empty_list,
            Expr::Select { base, path, .. } => match self.select_at_hand(unit, base, path, env) {
                Some(value) => value,
                None => self.heap.thunk(Code { unit: unit.index, expr }, env),
            },
            _ => self.heap.thunk(Code { unit: unit.index, expr }, env),
        }
    }

    /// The value itself, evaluated if it was not.
    #[inline(always)]
    pub fn force(&self, value: Value<'h>, pos: Pos) -> Result<Value<'h>> {
        match value.kind() {
            Kind::Thunk(thunk) => self.force_thunk(thunk, pos),
            _ => Ok(value),
        }
    }

    /// The values of expressions, evaluated when they are needed.
    #[inline(always)]
    fn delay_each<'r>(
        &self,
        unit: &'h Unit<'h>,
        ids: &[ExprId],
        env: Env<'h>,
        room: &'r mut Room<'h>,
    ) -> &'r [Value<'h>] {
        match room.few.get_mut(..ids.len()) {
            Some(few) => {
                for (value, id) in few.iter_mut().zip(ids) {
                    *value = self.delay(unit, *id, env);
                }
                few
            }
            None => {
                room.many = ids.iter().map(|id| self.delay(unit, *id, env)).collect();
                &room.many
            }
        }
    }

    /// The value in a cell, evaluated if it was not. The cell keeps it.
    #[inline(always)]
    pub fn force_cell(&self, cell: &Cell<Value<'h>>, pos: Pos) -> Result<Value<'h>> {
        let Kind::Thunk(thunk) = cell.get().kind() else { return Ok(cell.get()) };
        let result = self.force_thunk(thunk, pos)?;
        // A function keeps its thunk: two uses of one binding are equal, two equal bindings are not.
        if !matches!(result.kind(), Kind::Closure(_)) && thunk.lasting_result().is_some() {
            cell.set(result);
        }
        Ok(result)
    }

    #[inline(never)]
    fn force_thunk(&self, thunk: Thunk<'h>, pos: Pos) -> Result<Value<'h>> {
        let work = match thunk.take() {
            Taken::Done(value) => return Ok(value),
            Taken::DoneForNow(value, read) => {
                self.volatile.note(read.into());
                return Ok(value);
            }
            Taken::Running => {
                return Err(EvalError::new(
                    ErrorKind::InfiniteRecursion,
                    "infinite recursion encountered",
                )
                .at(pos));
            }
            Taken::Failed(number) => match self.thunk_failure(number) {
                Some(error) => return Err(error),
                None => return self.force_thunk(thunk, pos),
            },
            Taken::Work(work) => work,
        };
        let begun = self.volatile.begin();
        let result = match work {
            Suspended::Expression(code, env) => {
                let unit = self.unit(code.unit);
                match unit.own {
                    None => self.eval_in_frame(unit, code.expr, env),
                    Some(_) => self.eval_own(unit, code.expr, env),
                }
            }
            Suspended::Call { function, first, second: None } => self.call(function, &[first], pos),
            Suspended::Call { function, first, second: Some(second) } => {
                self.call(function, &[first, second], pos)
            }
            Suspended::Inherit(code, set) => self.inherited(code, set),
        };
        let read = self.volatile.end(begun);
        match result {
            Ok(value) if read.is_none() => {
                thunk.finish(value);
                Ok(value)
            }
            Ok(value) => {
                self.volatile.finish(thunk, work, value, read);
                Ok(value)
            }
            Err(error) => Err(self.fail_thunk(thunk, work, error, read)),
        }
    }

    fn binary(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        op: BinaryOp,
        lhs: ExprId,
        rhs: ExprId,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        let pos = Pos::operator(unit.index, expr);
        let both = || Ok::<_, EvalError>((self.eval(unit, lhs, env)?, self.eval(unit, rhs, env)?));
        let test = |side, context| self.eval_bool_at(unit, side, env, pos, context);
        // These are calls of builtins, in C++ Nix.
        let calling = |name, result: Result<Value<'h>>| {
            result.map_err(|error| error.frame(pos, FrameMessage::Builtin(name)))
        };
        let less = |first, second, negated| {
            let result = calling(
                "lessThan",
                (|| {
                    let (a, b) = (self.eval(unit, first, env)?, self.eval(unit, second, env)?);
                    self.less(a, b, Pos::None).map(|less| Value::bool(less != negated))
                })(),
            );
            let doing = if negated { "in the argument of the not operator" } else { "" };
            result.map_err(|error| error.context(pos, doing))
        };
        Ok(match op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let (a, b) = both()?;
                Value::bool(self.equal(a, b, pos)? == (op == BinaryOp::Equal))
            }
            BinaryOp::Less => return less(lhs, rhs, false),
            BinaryOp::Greater => return less(rhs, lhs, false),
            BinaryOp::LessOrEqual => return less(rhs, lhs, true),
            BinaryOp::GreaterOrEqual => return less(lhs, rhs, true),
            BinaryOp::And => Value::bool(
                test(lhs, "in the left operand of the AND (&&) operator")?
                    && test(rhs, "in the right operand of the AND (&&) operator")?,
            ),
            BinaryOp::Or => Value::bool(
                test(lhs, "in the left operand of the OR (||) operator")?
                    || test(rhs, "in the right operand of the OR (||) operator")?,
            ),
            BinaryOp::Implies => Value::bool(
                !test(lhs, "in the left operand of the IMPL (->) operator")?
                    || test(rhs, "in the right operand of the IMPL (->) operator")?,
            ),
            BinaryOp::Update => {
                let a = self.eval_attrs(
                    unit,
                    lhs,
                    env,
                    "in the left operand of the update (//) operator",
                )?;
                let b = self.eval_attrs(
                    unit,
                    rhs,
                    env,
                    "in the right operand of the update (//) operator",
                )?;
                self.heap.try_update(a, b, || self.check_interrupt())?.value()
            }
            BinaryOp::Concat => {
                let context = "while evaluating one of the elements to concatenate";
                let a = self.eval(unit, lhs, env)?;
                let b = self.eval(unit, rhs, env)?;
                let a = self.force_list(a, pos, context)?;
                let b = self.force_list(b, pos, context)?;
                self.concat_lists(&[a, b])?
            }
            BinaryOp::Add => return self.concat_strings(unit, expr, &[lhs, rhs], env, false),
            BinaryOp::Subtract => {
                return calling("sub", both().and_then(|(a, b)| self.subtract(a, b, Pos::None)));
            }
            BinaryOp::Multiply => {
                return calling("mul", both().and_then(|(a, b)| self.multiply(a, b, Pos::None)));
            }
            BinaryOp::Divide => {
                return calling("div", both().and_then(|(a, b)| self.divide(a, b, Pos::None)));
            }
        })
    }

    /// Joins lists. If only one has elements, that one is the result.
    pub(crate) fn concat_lists(&self, lists: &[List<'h>]) -> Result<Value<'h>> {
        let len = lists.iter().map(|list| list.len()).sum();
        if let Some(only) = lists.iter().find(|list| list.len() == len) {
            return Ok(only.value());
        }
        let mut elements = lists.iter().flat_map(|list| list.iter());
        self.heap.try_list_with(len, |i| {
            self.check_interrupt_at(i)?;
            Ok(elements.next().expect("as many as counted"))
        })
    }

    pub(crate) fn eval_bool(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        env: Env<'h>,
        context: &'static str,
    ) -> Result<bool> {
        self.eval_bool_at(unit, expr, env, Pos::operator(unit.index, expr), context)
    }

    /// A condition whose trace names another place than its own.
    fn eval_bool_at(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        env: Env<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<bool> {
        let value = match unit.exprs[expr.0 as usize] {
            // Conditions are made of conditions: these need no frame.
            Expr::Binary { op, lhs, rhs } => {
                self.check_stack()?;
                self.binary(unit, expr, op, lhs, rhs, env)
            }
            _ => self.eval(unit, expr, env),
        };
        let value = value.map_err(|error| error.context(pos, context))?;
        match value.kind() {
            Kind::Bool(value) => Ok(value),
            _ => Err(self
                .wrong_type(value, "a Boolean", ErrorKind::NotABoolean)
                .at(pos)
                .context(pos, context)),
        }
    }

    fn eval_attrs(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        env: Env<'h>,
        context: &'static str,
    ) -> Result<Attrs<'h>> {
        let pos = Pos::expr(unit.index, expr);
        self.eval(unit, expr, env)
            .and_then(|value| self.expect_attrs(value, Pos::None))
            .map_err(|error| error.context(pos, context))
    }

    fn path_literal(&self, unit: &'h Unit<'h>, id: floe_hir::StrId) -> Value<'h> {
        unit.constant(id, |text| {
            let path = match text.strip_prefix("~/") {
                Some(rest) => normalize(&self.settings.home, rest),
                None => normalize(unit.base(), text),
            };
            let mut path = path.into_os_string().into_encoded_bytes();
            // The slash in front of an interpolation (`./a/${b}`) is part of the text.
            if text.len() > 1 && text.ends_with('/') && path.last() != Some(&b'/') {
                path.push(b'/');
            }
            self.heap.path(&path)
        })
    }

    fn position_value(&self, pos: Pos) -> Value<'h> {
        self.look_up(pos).map_or(Value::null(), |position| self.position_attrs(&position))
    }

    fn assertion_failed(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        cond: ExprId,
        env: Env<'h>,
    ) -> EvalError {
        let pos = Pos::expr(unit.index, expr);
        let shown = unit.show(|show| show.expr(cond));
        if let Expr::Binary { op: BinaryOp::Equal, lhs, rhs } = unit.exprs[cond.0 as usize] {
            let compared = (|| {
                let a = self.eval(unit, lhs, env)?;
                let b = self.eval(unit, rhs, env)?;
                self.assert_equal(a, b, Pos::None)
            })();
            if let Err(error) = compared {
                let message = format!("while evaluating the condition of the assertion '{shown}'");
                return error.frame(pos, FrameMessage::Text(message));
            }
        }
        EvalError::new(ErrorKind::AssertionFailed, format!("assertion '{shown}' failed")).at(pos)
    }
}

/// The error, while a function was called at `call`.
#[cold]
#[inline(never)]
pub(crate) fn calling(error: EvalError, unit: &Unit<'_>, lambda: LambdaId, call: Pos) -> EvalError {
    let name = unit.lambdas[lambda.0 as usize].name.map(Name::as_str);
    let error = error.frame(unit.lambda_pos(lambda), FrameMessage::Calling(name));
    if call == Pos::None { error } else { error.frame(call, FrameMessage::CallSite) }
}

#[cold]
fn missing_expression(pos: Pos) -> EvalError {
    EvalError::new(ErrorKind::SyntaxError, "syntax error: an expression is missing here").at(pos)
}
