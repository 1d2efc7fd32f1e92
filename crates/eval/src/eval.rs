//! Evaluation of expressions.

use std::cell::Cell;

use floe_hir::{
    AttrKind, Attrs as AttrsLiteral, AttrsId, BinaryOp, Expr, ExprId, Key, KeyList, Name, Param,
    Var,
};

use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::{Evaluator, TailFrame};
use crate::heap::{
    Attrs, AttrsBuilder, Closure, Code, Env, Kind, List, Suspended, Taken, Thunk, Value,
};
use crate::suggest::suggestions;
use crate::unit::{Unit, normalize};

/// How a call goes on.
pub(crate) enum Step<'h> {
    /// With a result.
    Value(Value<'h>),
    /// With the body of a function.
    Body(&'h Unit<'h>, ExprId, Env<'h>, TailFrame),
}

impl<'h> Evaluator<'h> {
    /// Evaluates an expression until it is no thunk.
    pub(crate) fn eval(&self, unit: &'h Unit<'h>, expr: ExprId, env: Env<'h>) -> Result<Value<'h>> {
        // The commonest expressions need no frame.
        match unit.exprs[expr.0 as usize] {
            Expr::Var(Var::Local { depth, slot }) => {
                let cell = &env.up(depth).slots()[slot as usize];
                return self.force_cell(cell, Pos::expr(unit.index, expr));
            }
            Expr::Str(id) => return Ok(unit.string(self.heap, id)),
            Expr::Int(value) => return Ok(self.heap.int(value)),
            _ => {}
        }
        self.check_stack()?;
        let depth = self.depth.get();
        let tail = self.tail_frames.borrow().len();
        let result = self.run(unit, expr, env);
        self.depth.set(depth);
        let mut frames = self.tail_frames.borrow_mut();
        if frames.len() == tail {
            return result;
        }
        let given_up: Vec<TailFrame> = match &result {
            Ok(_) => Vec::new(),
            Err(_) => frames[tail..].to_vec(),
        };
        frames.truncate(tail);
        drop(frames);
        result.map_err(|mut error| {
            for frame in given_up.into_iter().rev() {
                error = calling(error, frame);
            }
            error
        })
    }

    /// Evaluates an expression; what its last step calls is evaluated in the same activation.
    fn run(&self, mut unit: &'h Unit<'h>, mut expr: ExprId, mut env: Env<'h>) -> Result<Value<'h>> {
        loop {
            let pos = || Pos::expr(unit.index, expr);
            match unit.exprs[expr.0 as usize] {
                Expr::Missing => {
                    return Err(EvalError::new(
                        ErrorKind::SyntaxError,
                        "syntax error: an expression is missing here",
                    )
                    .at(pos()));
                }
                Expr::Int(value) => return Ok(self.heap.int(value)),
                Expr::Float(value) => return Ok(self.heap.float(value)),
                Expr::Str(id) => return Ok(unit.string(self.heap, id)),
                Expr::Path(id) => return self.path_literal(unit, id),
                Expr::Interpolate(parts) => {
                    return self.concat_strings(unit, expr, unit.module.list(parts), env, true);
                }
                Expr::InterpolatePath(parts) => {
                    return self.concat_strings(unit, expr, unit.module.list(parts), env, false);
                }
                Expr::SearchPath { find_file, nix_path, text } => {
                    let function = self.eval(unit, find_file, env)?;
                    let arguments = [self.delay(unit, nix_path, env), unit.string(self.heap, text)];
                    return self.call(function, &arguments, pos());
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
                    let ids = unit.module.list(args);
                    let mut few = [Value::null(); 4];
                    let many: Vec<Value<'h>>;
                    let arguments = if ids.len() <= few.len() {
                        for (argument, id) in few.iter_mut().zip(ids) {
                            *argument = self.delay(unit, *id, env);
                        }
                        &few[..ids.len()]
                    } else {
                        many = ids.iter().map(|id| self.delay(unit, *id, env)).collect();
                        &many[..]
                    };
                    match self.enter(function, arguments, Pos::operator(unit.index, expr))? {
                        Step::Value(value) => return Ok(value),
                        Step::Body(next_unit, next, next_env, frame) => {
                            self.tail_frames.borrow_mut().push(frame);
                            (unit, expr, env) = (next_unit, next, next_env);
                        }
                    }
                }
                Expr::Lambda(id) => return Ok(self.heap.closure(unit.index, id, env)),
                Expr::Attrs(id) => return self.attrs_literal(unit, expr, id, env),
                Expr::Let { attrs, body } => {
                    let literal = &unit.module.attrs[attrs.0 as usize];
                    let inner = self.heap.env(env, literal.entries.len());
                    self.fill_slots(unit, literal, env, inner, inner.slots(), false);
                    (expr, env) = (body, inner);
                }
                Expr::List(items) => {
                    let ids = unit.module.list(items);
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
                Expr::Negate(operand) => {
                    return self
                        .eval(unit, operand, env)
                        .and_then(|value| self.subtract(self.heap.int(0), value, Pos::None))
                        .map_err(|error| error.frame(pos(), FrameMessage::Builtin("sub")));
                }
                Expr::InheritFrom(_) => unreachable!("only the base of an inherited attribute"),
            }
        }
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
                let value = env.up(depth).slots()[slot as usize].get();
                match value.kind() {
                    // A slot of a `rec` or `let` that is being built.
                    _ if value.is_unset() => self.heap.thunk(Code { unit: unit.index, expr }, env),
                    Kind::Thunk(thunk) => thunk.result().unwrap_or(value),
                    _ => value,
                }
            }
            Expr::List(items) if items.len == 0 => self.heap.list(&[]),
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

    /// The value in a cell, evaluated if it was not. The cell keeps it.
    #[inline(always)]
    pub fn force_cell(&self, cell: &Cell<Value<'h>>, pos: Pos) -> Result<Value<'h>> {
        let value = cell.get();
        if !value.is_thunk() {
            return Ok(value);
        }
        let result = self.force(value, pos)?;
        // A function keeps its thunk: two uses of one binding are equal, two equal bindings are not.
        if !matches!(result.kind(), Kind::Closure(_)) {
            cell.set(result);
        }
        Ok(result)
    }

    fn force_thunk(&self, thunk: Thunk<'h>, pos: Pos) -> Result<Value<'h>> {
        let work = match thunk.take() {
            Taken::Done(value) => return Ok(value),
            Taken::Running => {
                return Err(EvalError::new(
                    ErrorKind::InfiniteRecursion,
                    "infinite recursion encountered",
                )
                .at(pos));
            }
            Taken::Work(work) => work,
        };
        let result = match work {
            Suspended::Expression(code, env) => self.eval(self.unit(code.unit), code.expr, env),
            Suspended::Call { function, first, second: None } => self.call(function, &[first], pos),
            Suspended::Call { function, first, second: Some(second) } => {
                self.call(function, &[first, second], pos)
            }
            Suspended::Inherit(code, set) => self.inherited(code, set),
        };
        match result {
            Ok(value) => {
                thunk.finish(value);
                Ok(value)
            }
            Err(error) => {
                thunk.restore(work);
                Err(error)
            }
        }
    }

    /// Calls a function.
    pub fn call(
        &self,
        function: Value<'h>,
        arguments: &[Value<'h>],
        pos: Pos,
    ) -> Result<Value<'h>> {
        let depth = self.depth.get();
        let result = match self.enter(function, arguments, pos) {
            Ok(Step::Value(value)) => Ok(value),
            Ok(Step::Body(unit, expr, env, frame)) => {
                self.eval(unit, expr, env).map_err(|error| calling(error, frame))
            }
            Err(error) => Err(error),
        };
        self.depth.set(depth);
        result
    }

    /// Gives a function its arguments, up to the body of the last function.
    fn enter(&self, function: Value<'h>, arguments: &[Value<'h>], pos: Pos) -> Result<Step<'h>> {
        self.enter_call()?;
        let mut current = self.force(function, pos)?;
        let mut rest = arguments;
        while let Some((&argument, others)) = rest.split_first() {
            match current.kind() {
                Kind::Closure(closure) => {
                    let unit = self.unit(closure.unit());
                    let lambda = &unit.module.lambdas[closure.lambda().0 as usize];
                    let env = self.bind_argument(unit, closure, argument, pos)?;
                    let frame = TailFrame {
                        call: pos,
                        lambda: unit.lambda_pos(closure.lambda()),
                        name: lambda.name,
                    };
                    if others.is_empty() {
                        return Ok(Step::Body(unit, lambda.body, env, frame));
                    }
                    current = match unit.exprs[lambda.body.0 as usize] {
                        Expr::Lambda(id) => self.heap.closure(unit.index, id, env),
                        _ => self
                            .eval(unit, lambda.body, env)
                            .map_err(|error| calling(error, frame))?,
                    };
                    rest = others;
                }
                Kind::Builtin(number) => {
                    (current, rest) = self.give_builtin(number, &[], rest, pos)?;
                }
                Kind::Partial(partial) => {
                    let number = partial.builtin();
                    (current, rest) = self.give_builtin(number, partial.arguments(), rest, pos)?;
                }
                Kind::Attrs(attrs) if let Some(functor) = attrs.get(self.names.functor) => {
                    current = self
                        .call(functor.cell.get(), &[current, argument], functor.position.into())
                        .map_err(|error| {
                            error.context(
                                pos,
                                "while calling a functor (an attribute set with a '__functor' attribute)",
                            )
                        })?;
                    rest = others;
                }
                _ => {
                    return Err(EvalError::new(
                        ErrorKind::NotAFunction,
                        format!(
                            "attempt to call something which is not a function but {}: {}",
                            self.describe(current),
                            self.print_for_error(current)
                        ),
                    )
                    .at(pos));
                }
            }
        }
        Ok(Step::Value(current))
    }

    /// Calls a builtin if it has all its arguments now. Gives the result and the arguments left over.
    fn give_builtin<'a>(
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
        let result = if before.is_empty() { call(now) } else { call(&[before, now].concat()) }?;
        Ok((self.force(result, pos)?, later))
    }

    /// The environment of a function's body for one argument.
    fn bind_argument(
        &self,
        unit: &'h Unit<'h>,
        closure: Closure<'h>,
        argument: Value<'h>,
        pos: Pos,
    ) -> Result<Env<'h>> {
        let lambda = &unit.module.lambdas[closure.lambda().0 as usize];
        let (formals, ellipsis, at) = match &lambda.param {
            Param::Simple { .. } => {
                let env = self.heap.env(closure.env(), 1);
                env.slots()[0].set(argument);
                return Ok(env);
            }
            Param::Pattern { formals, ellipsis, at } => (formals, *ellipsis, *at),
        };
        let lambda_pos = || unit.lambda_pos(closure.lambda());
        let attrs = self
            .force_attrs(
                argument,
                lambda_pos(),
                "while evaluating the value passed for the lambda argument",
            )
            .map_err(|error| error.context(pos, "from call site"))?;
        let env = self.heap.env(closure.env(), formals.len() + usize::from(at.is_some()));
        let slots = env.slots();
        if at.is_some() {
            slots[formals.len()].set(argument);
        }
        let shape = attrs.shape();
        let mut used = 0;
        for (slot, formal) in slots.iter().zip(formals) {
            match shape.find(formal.name) {
                Some(index) => {
                    used += 1;
                    slot.set(attrs.cells()[index].get());
                }
                None => match formal.default {
                    Some(default) => {
                        slot.set(self.heap.thunk(Code { unit: unit.index, expr: default }, env));
                    }
                    None => {
                        let name = lambda_name(lambda.name);
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
        if !ellipsis && used != shape.names.len() {
            let unexpected = attrs
                .iter()
                .find(|attr| !formals.iter().any(|formal| formal.name == attr.name))
                .expect("fewer formals were found than there are attributes");
            let name = lambda_name(lambda.name);
            return Err(EvalError::new(
                ErrorKind::UnexpectedArgument,
                format!("function '{name}' called with unexpected argument '{}'", unexpected.name),
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

    fn variable(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        var: Var,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        let pos = Pos::expr(unit.index, expr);
        match var {
            Var::Local { depth, slot } => {
                self.force_cell(&env.up(depth).slots()[slot as usize], pos)
            }
            Var::Global(id) => self.force(self.globals[usize::from(id.0)], pos),
            Var::With { name, depth } => {
                let mut with = env.up(depth);
                loop {
                    let slots = with.slots();
                    let set = self.force_cell(&slots[0], pos)?;
                    let attrs = self.expect_attrs(set, pos).map_err(|error| {
                        error.context(
                            pos,
                            "while evaluating the first subexpression of a with expression",
                        )
                    })?;
                    if let Some(attr) = attrs.get(name) {
                        return self.force_cell(attr.cell, pos);
                    }
                    match slots[1].get().kind() {
                        Kind::Int(outer) if outer >= 0 => with = with.up(outer as u32),
                        _ => return Err(undefined(name).at(pos)),
                    }
                }
            }
            Var::Undefined(name) => Err(undefined(name).at(pos)),
        }
    }

    /// `base.path`; `None` if there is a default to take instead.
    fn select(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        base: ExprId,
        path: KeyList,
        has_default: bool,
        env: Env<'h>,
    ) -> Result<Option<Value<'h>>> {
        let pos = Pos::expr(unit.index, expr);
        let keys = unit.module.keys(path);
        let mut current = self.eval(unit, base, env)?;
        let mut found = Pos::None;
        let result = (|| {
            for key in keys {
                let name = self.key(unit, *key, env)?;
                current = self.force(current, pos)?;
                let attr = match current.kind() {
                    Kind::Attrs(attrs) => match attrs.get(name) {
                        Some(attr) => attr,
                        None if has_default => return Ok(None),
                        None => return Err(self.missing_attribute(attrs, name).at(pos)),
                    },
                    _ if has_default => return Ok(None),
                    _ => {
                        return Err(self
                            .wrong_type(current, "a set", ErrorKind::NotASet)
                            .at(pos)
                            .context(pos, "while selecting an attribute"));
                    }
                };
                found = attr.position.into();
                current =
                    self.force_cell(attr.cell, if found == Pos::None { pos } else { found })?;
            }
            Ok(Some(current))
        })();
        result.map_err(|error: EvalError| {
            if found == Pos::None {
                return error;
            }
            let path = self.show_keys(unit, keys, env);
            let message = format!("while evaluating the attribute '{path}'");
            error.frame(found, FrameMessage::Text(message))
        })
    }

    fn has_attr(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        base: ExprId,
        path: KeyList,
        env: Env<'h>,
    ) -> Result<bool> {
        let pos = Pos::expr(unit.index, expr);
        let mut current = self.eval(unit, base, env)?;
        for key in unit.module.keys(path) {
            let forced = self.force(current, pos)?;
            let name = self.key(unit, *key, env)?;
            let Kind::Attrs(attrs) = forced.kind() else { return Ok(false) };
            let Some(attr) = attrs.get(name) else { return Ok(false) };
            current = attr.cell.get();
        }
        Ok(true)
    }

    /// `inherit (set) name`: `code` is the select that C++ Nix makes of it.
    fn inherited(&self, code: Code, set: Value<'h>) -> Result<Value<'h>> {
        let unit = self.unit(code.unit);
        let Expr::Select { path, .. } = unit.exprs[code.expr.0 as usize] else {
            unreachable!("an inherited attribute is a select")
        };
        let [Key::Static(name)] = *unit.module.keys(path) else {
            unreachable!("an inherited attribute has one static name")
        };
        let pos = Pos::Expr(code);
        (|| {
            let attrs = self.force_attrs(set, pos, "while selecting an attribute")?;
            match attrs.get(name) {
                Some(attr) => self.force_cell(attr.cell, pos),
                None => Err(self.missing_attribute(attrs, name).at(pos)),
            }
        })()
        .map_err(|error| {
            let message = format!("while evaluating the attribute '{name}'");
            error.frame(pos, FrameMessage::Text(message))
        })
    }

    /// The name that one step of an attribute path asks for.
    fn key(&self, unit: &'h Unit<'h>, key: Key, env: Env<'h>) -> Result<Name> {
        match key {
            Key::Static(name) => Ok(name),
            Key::Dynamic(expr) => {
                let value = self.eval(unit, expr, env)?;
                let pos = Pos::expr(unit.index, expr);
                self.force_name(value, pos, "while evaluating an attribute name")
            }
        }
    }

    fn missing_attribute(&self, attrs: Attrs<'h>, name: Name) -> EvalError {
        EvalError::new(ErrorKind::MissingAttribute, format!("attribute '{name}' missing"))
            .suggest(suggestions(name.as_str(), attrs.shape().names.iter().map(|n| n.as_str())))
    }

    fn attrs_literal(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        id: AttrsId,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        let literal = &unit.module.attrs[id.0 as usize];
        let shape = unit.shape(self.heap, id);
        let set = self.heap.attrs_with(shape, |_| Value::null());
        if !literal.recursive {
            self.fill_slots(unit, literal, env, env, set.cells(), false);
            return self.add_dynamic(unit, expr, literal, set, env);
        }
        let inner = self.heap.env(env, literal.entries.len());
        let overrides = shape.find(self.names.overrides);
        self.fill_slots(unit, literal, env, inner, inner.slots(), overrides.is_some());
        for (cell, slot) in set.cells().iter().zip(inner.slots()) {
            cell.set(slot.get());
        }
        let set = match overrides {
            Some(index) => self.apply_overrides(set, inner, index)?,
            None => set,
        };
        self.add_dynamic(unit, expr, literal, set, inner)
    }

    /// Fills `slots` with the values of a literal's static attributes.
    fn fill_slots(
        &self,
        unit: &'h Unit<'h>,
        literal: &'h AttrsLiteral,
        outer: Env<'h>,
        inner: Env<'h>,
        slots: &'h [Cell<Value<'h>>],
        thunks_only: bool,
    ) {
        let mut few = [Value::null(); 4];
        let many: Vec<Value<'h>>;
        let from = &literal.inherit_from;
        let sources = if from.len() <= few.len() {
            for (source, id) in few.iter_mut().zip(from) {
                *source = self.delay(unit, *id, inner);
            }
            &few[..from.len()]
        } else {
            many = from.iter().map(|id| self.delay(unit, *id, inner)).collect();
            &many[..]
        };
        for (slot, entry) in slots.iter().zip(&literal.entries) {
            let code = Code { unit: unit.index, expr: entry.value };
            slot.set(match entry.kind {
                AttrKind::Plain if thunks_only => self.heap.thunk(code, inner),
                AttrKind::Plain => self.delay(unit, entry.value, inner),
                AttrKind::Inherited => self.delay(unit, entry.value, outer),
                AttrKind::InheritedFrom => {
                    let Expr::Select { base, .. } = unit.exprs[entry.value.0 as usize] else {
                        unreachable!("an inherited attribute is a select")
                    };
                    let Expr::InheritFrom(index) = unit.exprs[base.0 as usize] else {
                        unreachable!("an inherited attribute selects from an inherited set")
                    };
                    self.heap.thunk_inherit(code, sources[index as usize])
                }
            });
        }
    }

    /// `__overrides` in a `rec` set: its attributes replace those of the set, also in the set's scope.
    fn apply_overrides(&self, set: Attrs<'h>, inner: Env<'h>, index: usize) -> Result<Attrs<'h>> {
        let value = set.cells()[index].get();
        let overrides =
            self.force_attrs(value, Pos::None, "while evaluating the `__overrides` attribute")?;
        for attr in overrides.iter() {
            if let Some(slot) = set.shape().find(attr.name) {
                inner.slots()[slot].set(attr.cell.get());
            }
        }
        Ok(self.update(set, overrides))
    }

    /// Adds a literal's dynamic attributes.
    fn add_dynamic(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        literal: &'h AttrsLiteral,
        set: Attrs<'h>,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        if literal.dynamic.is_empty() {
            return Ok(set.value());
        }
        let mut builder = AttrsBuilder::with_capacity(set.len() + literal.dynamic.len());
        for attr in set.iter() {
            builder.push(attr.name, attr.cell.get(), attr.position);
        }
        let mut added: Vec<(Name, Pos)> = Vec::new();
        for entry in &literal.dynamic {
            let pos = Pos::Binding(unit.position(entry.binding.0));
            let name = self.eval(unit, entry.name, env)?;
            if matches!(name.kind(), Kind::Null) {
                continue;
            }
            let context = "while evaluating the name of a dynamic attribute";
            let name = self.force_name(name, pos, context)?;
            let before = set
                .get(name)
                .map(|attr| attr.position.into())
                .or_else(|| added.iter().find(|(n, _)| *n == name).map(|(_, pos)| *pos));
            if let Some(before) = before {
                let place = self.locate(before).map_or_else(String::new, |p| p.to_string());
                return Err(EvalError::new(
                    ErrorKind::DuplicateAttribute,
                    format!("dynamic attribute '{name}' already defined at {place}"),
                )
                .at(pos));
            }
            added.push((name, pos));
            let value = self.delay(unit, entry.value, env);
            builder.push(name, value, unit.position(entry.binding.0));
        }
        let _ = expr;
        Ok(builder.finish(self.heap))
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
                self.update(a, b).value()
            }
            BinaryOp::Concat => {
                let context = "while evaluating one of the elements to concatenate";
                let a = self.eval(unit, lhs, env)?;
                let b = self.eval(unit, rhs, env)?;
                let a = self.force_list(a, pos, context)?;
                let b = self.force_list(b, pos, context)?;
                self.concat_lists(&[a, b])
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

    /// `a // b`.
    pub(crate) fn update(&self, a: Attrs<'h>, b: Attrs<'h>) -> Attrs<'h> {
        if b.is_empty() {
            return a;
        }
        if a.is_empty() {
            return b;
        }
        let (left, right) = (a.shape(), b.shape());
        let mut merged = Vec::with_capacity(left.names.len() + right.names.len());
        let (mut i, mut j) = (0, 0);
        while i < left.names.len() && j < right.names.len() {
            match left.names[i].cmp(&right.names[j]) {
                std::cmp::Ordering::Less => {
                    merged.push((left.names[i], left.positions[i], a.cells()[i].get()));
                    i += 1;
                }
                ordering => {
                    merged.push((right.names[j], right.positions[j], b.cells()[j].get()));
                    i += usize::from(ordering.is_eq());
                    j += 1;
                }
            }
        }
        merged.extend(
            (i..left.names.len()).map(|i| (left.names[i], left.positions[i], a.cells()[i].get())),
        );
        merged.extend(
            (j..right.names.len())
                .map(|j| (right.names[j], right.positions[j], b.cells()[j].get())),
        );
        let names = if merged.len() == left.names.len() {
            left.names
        } else {
            self.heap.slice_with(merged.len(), |i| merged[i].0)
        };
        let positions = self.heap.slice_with(merged.len(), |i| merged[i].1);
        self.heap.attrs_with(self.heap.shape_of(names, positions), |i| merged[i].2)
    }

    /// Joins lists. If only one has elements, that one is the result.
    pub(crate) fn concat_lists(&self, lists: &[List<'h>]) -> Value<'h> {
        let len = lists.iter().map(|list| list.len()).sum();
        if let Some(only) = lists.iter().find(|list| list.len() == len) {
            return only.value();
        }
        let mut elements = lists.iter().flat_map(|list| list.iter());
        self.heap.list_with(len, |_| elements.next().expect("as many as counted"))
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
        let value = self.eval(unit, expr, env).map_err(|error| error.context(pos, context))?;
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

    fn path_literal(&self, unit: &'h Unit<'h>, id: floe_hir::StrId) -> Result<Value<'h>> {
        if self.settings.pure && unit.module.str(id).starts_with('~') {
            let text = unit.module.str(id);
            return Err(EvalError::new(
                ErrorKind::Restricted,
                format!("the path '{text}' can not be resolved in pure mode"),
            ));
        }
        Ok(unit.constant(id, |text| {
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
        }))
    }

    fn position_value(&self, pos: Pos) -> Value<'h> {
        self.locate(pos).map_or(Value::null(), |position| self.position_attrs(&position))
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

    /// An attribute path for a message; what cannot be evaluated is shown as it is written.
    fn show_keys(&self, unit: &'h Unit<'h>, keys: &[Key], env: Env<'h>) -> String {
        let shown: Vec<String> = keys
            .iter()
            .map(|key| match (self.key(unit, *key, env), *key) {
                (Ok(name), _) | (Err(_), Key::Static(name)) => name.to_string(),
                (Err(_), Key::Dynamic(expr)) => {
                    format!("\"${{{}}}\"", unit.show(|show| show.expr(expr)))
                }
            })
            .collect();
        shown.join(".")
    }
}

fn calling(error: EvalError, frame: TailFrame) -> EvalError {
    let error = error.frame(frame.lambda, FrameMessage::Calling(frame.name.map(Name::as_str)));
    if frame.call == Pos::None { error } else { error.context(frame.call, "from call site") }
}

fn undefined(name: Name) -> EvalError {
    EvalError::new(ErrorKind::UndefinedVariable, format!("undefined variable '{name}'"))
}

fn lambda_name(name: Option<Name>) -> &'static str {
    name.map_or("anonymous lambda", Name::as_str)
}
