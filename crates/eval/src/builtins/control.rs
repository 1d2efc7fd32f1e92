//! Order of evaluation, errors, traces.

use super::{Builtin, builtin};
use crate::coerce::Coercion;
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Kind, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("abort", 1, |ev, args, pos| {
        let doing = "while evaluating the error message passed to builtins.abort";
        let text = message(ev, args[0], pos, doing)?;
        Err(EvalError::new(
            ErrorKind::Aborted,
            format!("evaluation aborted with the following error message: '{text}'"),
        ))
    }),
    builtin("throw", 1, |ev, args, pos| {
        let doing = "while evaluating the error message passed to builtin.throw";
        let text = message(ev, args[0], pos, doing)?;
        Err(EvalError::new(ErrorKind::of_thrown(&text), text))
    }),
    Builtin { traced: false, ..builtin("addErrorContext", 2, add_error_context) },
    builtin("break", 1, |ev, args, _| ev.force(args[0], Pos::None)),
    builtin("seq", 2, |ev, args, pos| {
        ev.force(args[0], Pos::None)?;
        ev.force(args[1], pos)
    }),
    builtin("deepSeq", 2, |ev, args, pos| {
        ev.force_deep(args[0])?;
        ev.force(args[1], pos)
    }),
    builtin("trace", 2, trace),
    builtin("traceVerbose", 2, |ev, args, pos| {
        if ev.settings.trace_verbose { trace(ev, args, pos) } else { ev.force(args[1], pos) }
    }),
    builtin("tryEval", 1, try_eval),
    builtin("warn", 2, |ev, args, pos| {
        let doing = "while evaluating the first argument; the message passed to builtins.warn";
        let text = ev.force_string(args[0], pos, doing)?;
        ev.console.evaluation_warning(&text.to_text());
        if ev.settings.abort_on_warn {
            let message = "aborting to reveal stack trace of warning, as abort-on-warn is set";
            return Err(EvalError::new(ErrorKind::Aborted, message));
        }
        ev.force(args[1], pos)
    }),
];

fn message<'h>(
    ev: &Evaluator<'h>,
    value: Value<'h>,
    pos: Pos,
    doing: &'static str,
) -> Result<String> {
    let mut context = ContextBuilder::default();
    let how = Coercion { copy_to_store: true, ..Coercion::PLAIN };
    let text = ev.coerce_to_string(value, pos, &mut context, doing, how)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn add_error_context<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    ev.force(args[1], Pos::None).map_err(|error| {
        let mut context = ContextBuilder::default();
        let doing = "while evaluating the error message passed to builtins.addErrorContext";
        match ev.coerce_to_string(args[0], Pos::None, &mut context, doing, Coercion::PLAIN) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                error.frame(Pos::None, FrameMessage::Context(text))
            }
            Err(error) => error,
        }
    })
}

fn trace<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let value = ev.force(args[0], Pos::None)?;
    match value.kind() {
        Kind::String(text) => ev.console.trace(&text.to_text()),
        _ => ev.console.trace(&ev.print_for_error(value)),
    }
    ev.force(args[1], pos)
}

fn try_eval<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let (success, value) = match ev.force(args[0], Pos::None) {
        Ok(value) => (true, value),
        Err(error) if error.kind().is_catchable() => {
            ev.failures.catch(error);
            (false, Value::bool(false))
        }
        Err(error) => return Err(error),
    };
    let mut attrs = AttrsBuilder::with_capacity(2);
    attrs.insert("success", Value::bool(success));
    attrs.insert("value", value);
    Ok(attrs.finish(ev.heap))
}
