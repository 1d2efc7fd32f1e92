//! Arithmetic, bits, comparison.

use super::{Builtin, builtin};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Kind, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("add", 2, |ev, args, _| ev.add(args[0], args[1], Pos::None)),
    builtin("sub", 2, |ev, args, _| ev.subtract(args[0], args[1], Pos::None)),
    builtin("mul", 2, |ev, args, _| ev.multiply(args[0], args[1], Pos::None)),
    builtin("div", 2, |ev, args, _| ev.divide(args[0], args[1], Pos::None)),
    builtin("lessThan", 2, |ev, args, _| ev.less(args[0], args[1], Pos::None).map(Value::bool)),
    builtin("bitAnd", 2, |ev, args, _| {
        bits(
            ev,
            args,
            "while evaluating the first argument passed to builtins.bitAnd",
            "while evaluating the second argument passed to builtins.bitAnd",
            |a, b| a & b,
        )
    }),
    builtin("bitOr", 2, |ev, args, _| {
        bits(
            ev,
            args,
            "while evaluating the first argument passed to builtins.bitOr",
            "while evaluating the second argument passed to builtins.bitOr",
            |a, b| a | b,
        )
    }),
    builtin("bitXor", 2, |ev, args, _| {
        bits(
            ev,
            args,
            "while evaluating the first argument passed to builtins.bitXor",
            "while evaluating the second argument passed to builtins.bitXor",
            |a, b| a ^ b,
        )
    }),
    builtin("ceil", 1, |ev, args, _| {
        round(ev, args[0], "while evaluating the first argument passed to builtins.ceil", f64::ceil)
    }),
    builtin("floor", 1, |ev, args, _| {
        round(
            ev,
            args[0],
            "while evaluating the first argument passed to builtins.floor",
            f64::floor,
        )
    }),
];

fn bits<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    first: &'static str,
    second: &'static str,
    operation: fn(i64, i64) -> i64,
) -> Result<Value<'h>> {
    let a = ev.force_int(args[0], Pos::None, first)?;
    let b = ev.force_int(args[1], Pos::None, second)?;
    Ok(ev.heap.int(operation(a, b)))
}

fn round<'h>(
    ev: &Evaluator<'h>,
    value: Value<'h>,
    doing: &'static str,
    round: fn(f64) -> f64,
) -> Result<Value<'h>> {
    let value = ev.force(value, Pos::None)?;
    if let Kind::Int(int) = value.kind() {
        return check_rounded_int(int, round(int as f64)).map(|()| value);
    }
    let float = ev.force_float(value, Pos::None, doing)?;
    let rounded = round(float);
    if (-LIMIT..LIMIT).contains(&rounded) {
        return Ok(ev.heap.int(rounded as i64));
    }
    let shown = crate::print::short_float(float);
    Err(EvalError::new(
        ErrorKind::IntegerOverflow,
        format!("NixFloat argument {shown} is not in the range of NixInt"),
    ))
}

/// The first integer that is too large.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// Older versions of C++ Nix went through a float; where that gave another number, there is an error now.
fn check_rounded_int(int: i64, rounded: f64) -> Result<()> {
    let harm = if !(-LIMIT..LIMIT).contains(&rounded) {
        format!("the NixInt argument {int} caused undefined behavior in previous Nix versions")
    } else if rounded as i64 != int {
        format!(
            "a loss of precision occurred in previous Nix versions because the NixInt argument {int} was \
             rounded to {}",
            rounded as i64
        )
    } else {
        return Ok(());
    };
    Err(EvalError::new(
        ErrorKind::IntegerOverflow,
        format!(
            "Due to a bug (see https://github.com/NixOS/nix/issues/12899) {harm}.\n\tFuture Nix versions \
             might implement the correct behavior."
        ),
    ))
}
