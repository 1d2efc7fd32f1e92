//! What kind of value something is.

use super::{Builtin, builtin};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Kind, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("typeOf", 1, |ev, args, _| {
        let value = ev.force(args[0], Pos::None)?;
        Ok(ev.heap.string(Evaluator::type_name(value)))
    }),
    builtin("isNull", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::Null))),
    builtin("isBool", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::Bool(_)))),
    builtin("isInt", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::Int(_)))),
    builtin("isFloat", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::Float(_)))),
    builtin("isString", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::String(_)))),
    builtin("isPath", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::Path(_)))),
    builtin("isList", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::List(_)))),
    builtin("isAttrs", 1, |ev, args, _| test(ev, args, |kind| matches!(kind, Kind::Attrs(_)))),
    builtin("isFunction", 1, |ev, args, _| {
        test(ev, args, |kind| {
            matches!(kind, Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_))
        })
    }),
    builtin("functionArgs", 1, function_args),
];

fn test<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    is: impl Fn(Kind<'h>) -> bool,
) -> Result<Value<'h>> {
    Ok(Value::bool(is(ev.force(args[0], Pos::None)?.kind())))
}

fn function_args<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let value = ev.force(args[0], Pos::None)?;
    let closure = match value.kind() {
        Kind::Closure(closure) => closure,
        Kind::Builtin(_) | Kind::Partial(_) => return Ok(ev.heap.empty_attrs()),
        _ => {
            return Err(EvalError::new(
                ErrorKind::NotAFunction,
                "'functionArgs' requires a function",
            ));
        }
    };
    let unit = ev.unit(closure.unit());
    let lambda = &unit.module.lambdas[closure.lambda().0 as usize];
    let floe_hir::Param::Pattern { formals, .. } = &lambda.param else {
        return Ok(ev.heap.empty_attrs());
    };
    let mut attrs = AttrsBuilder::with_capacity(formals.len());
    for formal in formals {
        let position = unit.position(formal.binding.0);
        attrs.push(formal.name, Value::bool(formal.default.is_some()), position);
    }
    Ok(attrs.finish(ev.heap))
}
