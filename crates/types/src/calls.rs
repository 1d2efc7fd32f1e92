//! What the functions of a file are called with, as far as the file itself shows it.

use floe_hir::{Definition, Expr, ExprId, Key, LambdaId, Module, ScopeOwner, Scopes, Var, globals};

/// What a function is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// This.
    Value(ExprId),
    /// Each element of this list.
    ElementOf(ExprId),
    /// Each attribute's value of this set.
    AttributeOf(ExprId),
}

/// What a function is called with, where all of its calls are in sight: of one that a `let` binds, by the
/// uses of the name; of one that is an argument itself, by the builtin that calls it.
pub(crate) fn arguments(module: &Module, scopes: &Scopes, lambda: LambdaId) -> Vec<Given> {
    let Some(mut function) = scopes.parent(module.lambdas[lambda.0 as usize].body) else {
        return Vec::new();
    };
    // `a: b: …` gets `b` as the second argument.
    let mut position = 0;
    while let Some(outer) = scopes.parent(function)
        && let Expr::Lambda(around) = module.expr(outer)
        && module.lambdas[around.0 as usize].body == function
    {
        function = outer;
        position += 1;
    }
    let Some(parent) = scopes.parent(function) else { return Vec::new() };
    match module.expr(parent) {
        Expr::Apply { fun, args } => {
            let args = module.list(args);
            if fun == function {
                return args.get(position).copied().map(Given::Value).into_iter().collect();
            }
            let given = args.iter().position(|arg| *arg == function);
            let found =
                given.and_then(|given| by_iteration(module, scopes, fun, args, given, position));
            found.into_iter().collect()
        }
        Expr::Attrs(attrs) | Expr::Let { attrs, .. } => {
            let mut entries = module.attrs[attrs.0 as usize].entries.iter();
            let Some(entry) = entries.find(|entry| entry.value == function) else {
                return Vec::new();
            };
            // Who else has the function may call it with anything.
            let is_let = matches!(module.expr(parent), Expr::Let { .. });
            let uses = scopes.references(entry.binding).iter();
            let calls = uses.map(|name| match module.expr(scopes.parent(*name)?) {
                Expr::Apply { fun, args } if fun == *name => {
                    module.list(args).get(position).copied().map(Given::Value)
                }
                _ => None,
            });
            let calls: Option<Vec<Given>> = calls.collect();
            calls.filter(|_| is_let).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// What a function is called with by `map` and its like, whose `given`th argument it is.
fn by_iteration(
    module: &Module,
    scopes: &Scopes,
    fun: ExprId,
    args: &[ExprId],
    given: usize,
    position: usize,
) -> Option<Given> {
    let name = name_of_function(module, scopes, fun)?;
    match (name, given, position) {
        ("map" | "concatMap" | "filter" | "all" | "any", 0, 0) => {
            Some(Given::ElementOf(*args.get(1)?))
        }
        ("forEach", 1, 0) => Some(Given::ElementOf(args[0])),
        ("mapAttrs" | "mapAttrsToList" | "filterAttrs" | "mapAttrs'", 0, 1) => {
            Some(Given::AttributeOf(*args.get(1)?))
        }
        _ => None,
    }
}

fn name_of_function(module: &Module, scopes: &Scopes, fun: ExprId) -> Option<&'static str> {
    let name = match module.expr(fun) {
        Expr::Var(Var::Global(id)) => globals()[id.0 as usize].name,
        Expr::Var(Var::With { name, .. }) => name,
        Expr::Select { path, .. } => match module.keys(path).last()? {
            Key::Static(name) => *name,
            Key::Dynamic(_) => return None,
        },
        // `inherit (lib) forEach;`
        _ => match scopes.definition(module, fun)? {
            Definition::Binding(binding) => match scopes.owner(binding)? {
                ScopeOwner::Attrs(attrs) => {
                    let mut entries = module.attrs[attrs.0 as usize].entries.iter();
                    entries.find(|entry| entry.binding == binding)?.name
                }
                _ => return None,
            },
            _ => return None,
        },
    };
    Some(name.as_str())
}
