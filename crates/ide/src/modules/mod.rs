//! What the modules of the workspace tell each other, as far as their texts show it: which options they
//! declare, define and read, and which of them are evaluated together.
//!
//! Nothing is evaluated. What a text computes is noted as such: a reader is not shown it, and a rename
//! that it could touch is refused.

mod arguments;
mod facts;
mod graph;
mod iteration;
mod others;
mod reads;
mod references;
mod rename;
#[cfg(test)]
mod tests;

use floe_hir::{Definition, Expr, ExprId, Key, Module, Name, Scopes, Var};

pub(crate) use arguments::argument_at;
pub(crate) use graph::{Graph, list_elements, result_of_call};
pub(crate) use reads::{Part, part, part_at_key};
pub(crate) use references::option_at;

use crate::known::name_of;

/// One step of the path to an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An attribute.
    Name(Name),
    /// An attribute with any name: one of `attrsOf`.
    Any,
    /// An element of a list.
    Element,
}

/// Whether a path as it is used is, or begins with, one that is declared.
pub(crate) fn begins_with(used: &[Step], declared: &[Step]) -> bool {
    let fits = |(used, declared): (&Step, &Step)| match declared {
        Step::Any => *used != Step::Element,
        declared => used == declared,
    };
    used.len() >= declared.len() && used.iter().zip(declared).all(fits)
}

/// The last name of what is called: `mkOption` of `lib.mkOption`.
pub(crate) fn called(module: &Module, scopes: &Scopes, fun: ExprId) -> &'static str {
    let name = match module.expr(fun) {
        Expr::Select { path, .. } => match module.keys(path).last() {
            Some(Key::Static(name)) => Some(*name),
            _ => None,
        },
        _ => variable_name(module, scopes, fun),
    };
    name.map_or("", Name::as_str)
}

/// The name that a variable is written as.
fn variable_name(module: &Module, scopes: &Scopes, expr: ExprId) -> Option<Name> {
    if let Expr::Var(Var::Global(id)) = module.expr(expr) {
        return Some(floe_hir::globals()[id.0 as usize].name);
    }
    match scopes.definition(module, expr)? {
        Definition::Binding(binding) => name_of(module, scopes, binding),
        Definition::With { name, .. } | Definition::Undefined(name) => Some(name),
        _ => None,
    }
}
