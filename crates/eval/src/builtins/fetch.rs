//! Fetching. Arguments are checked here; the fetching itself belongs to the store and comes later, so
//! each of these says so where its result would be needed.

use super::{Builtin, builtin};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Kind, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("fetchurl", 1, |ev, args, pos| refuse(ev, args, pos, "fetchurl")),
    builtin("fetchTarball", 1, |ev, args, pos| refuse(ev, args, pos, "fetchTarball")),
    builtin("fetchGit", 1, |ev, args, pos| refuse(ev, args, pos, "fetchGit")),
    builtin("fetchMercurial", 1, |ev, args, pos| refuse(ev, args, pos, "fetchMercurial")),
    builtin("fetchTree", 1, |ev, args, pos| refuse(ev, args, pos, "fetchTree")),
    builtin("fetchClosure", 1, |ev, args, pos| refuse(ev, args, pos, "fetchClosure")),
    builtin("parseFlakeRef", 1, |ev, args, pos| refuse(ev, args, pos, "parseFlakeRef")),
    builtin("flakeRefToString", 1, |ev, args, pos| refuse(ev, args, pos, "flakeRefToString")),
    builtin("getFlake", 1, |ev, args, pos| refuse(ev, args, pos, "getFlake")),
];

fn refuse<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    pos: Pos,
    name: &str,
) -> Result<Value<'h>> {
    let value = ev.force(args[0], pos)?;
    let what = match value.kind() {
        Kind::String(url) => format!(" ({})", url.to_text()),
        Kind::Attrs(attrs) => match attrs.get(floe_hir::Name::new("url")) {
            Some(url) => {
                let doing = "while evaluating the `url` attribute";
                format!(" ({})", ev.force_string(url.cell.get(), pos, doing)?.to_text())
            }
            None => String::new(),
        },
        _ => return Err(ev.wrong_type(value, "a set", ErrorKind::NotASet).at(pos)),
    };
    Err(EvalError::new(
        ErrorKind::Fetch,
        format!("'builtins.{name}'{what} is not supported yet: this version of Floe does not fetch"),
    ))
}
