//! Functions that call another with each element of a list, or each attribute of a set.

use floe_hir::{Expr, ExprId, Module, Param, Scopes};

use super::{Step, called};

/// A call of such a function with a function that is written there.
pub(crate) struct Iteration {
    /// The list or the set.
    pub(crate) collection: ExprId,
    /// What leads from it to what the function is called with.
    pub(crate) step: Step,
    /// The function that is called: its body behind the arguments before the one that counts.
    pub(crate) function: ExprId,
    /// Whether the call gives some of what it was given.
    pub(crate) is_filter: bool,
}

/// The call as one that goes through a collection.
pub(crate) fn iteration(module: &Module, scopes: &Scopes, call: ExprId) -> Option<Iteration> {
    let Expr::Apply { fun, args } = module.expr(call) else { return None };
    let args = module.list(args);
    let name = called(module, scopes, fun);
    let (function, before, collection) = match name {
        "map" | "concatMap" | "filter" | "all" | "any" | "concatMapStrings" | "partition"
        | "listToAttrs" => (0, 0, 1),
        "imap0" | "imap1" => (0, 1, 1),
        "forEach" => (1, 0, 0),
        "concatMapStringsSep" => (1, 0, 2),
        "mapAttrs" | "mapAttrs'" | "mapAttrsToList" | "concatMapAttrs" | "filterAttrs" => (0, 1, 1),
        _ => return None,
    };
    let step = if name.ends_with("Attrs") || name.contains("Attrs") && before == 1 {
        Step::Any
    } else {
        Step::Element
    };
    let (mut function, collection) = (*args.get(function)?, *args.get(collection)?);
    for _ in 0..before {
        let Expr::Lambda(lambda) = module.expr(function) else { return None };
        function = module.lambdas[lambda.0 as usize].body;
    }
    let is_written = matches!(module.expr(function), Expr::Lambda(lambda)
        if matches!(module.lambdas[lambda.0 as usize].param, Param::Simple { .. }));
    let is_filter = matches!(name, "filter" | "filterAttrs");
    is_written.then_some(Iteration { collection, step, function, is_filter })
}

/// Whether a function gives the values of a set as a list.
pub(crate) fn is_values_of(name: &str) -> bool {
    matches!(name, "attrValues")
}
