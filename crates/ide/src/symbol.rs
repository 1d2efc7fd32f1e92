//! What stands under a cursor.

use floe_db::{Db, File, module, source_map};
use floe_hir::{BindingId, Expr, ExprId, Key, Module, Name, Span};

/// A thing that has a definition, or is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// A variable, also one that `inherit x;` names.
    Variable(ExprId),
    /// One of the attributes behind a dot or a `?`, also one that `inherit (set) x;` names.
    Key {
        /// The `Select` or `HasAttr`.
        expr: ExprId,
        /// Which attribute of its path.
        index: usize,
    },
    /// The name that a binding binds.
    Binding(BindingId),
    /// A path literal.
    Path(ExprId),
    /// `<…>`
    SearchPath(ExprId),
}

/// The symbol at an offset and its range. A cursor behind a name counts as on it.
pub(crate) fn symbol_at(db: &dyn Db, file: File, offset: u32) -> Option<(Symbol, Span)> {
    let (module, map) = (module(db, file), source_map(db, file));
    let touches = |span: &Span| span.start <= offset && offset <= span.end && span.start < span.end;
    // Of two neighbours the one behind the cursor counts: `a.|b` is on `b`.
    let better = |found: &Option<(Symbol, Span)>, span: Span| {
        found.is_none_or(|(_, old)| span.start > old.start)
    };
    let mut found = None;
    for (index, span) in map.exprs.iter().enumerate().filter(|(_, span)| touches(span)) {
        let expr = ExprId(index as u32);
        let symbol = match module.expr(expr) {
            Expr::Var(_) => Symbol::Variable(expr),
            Expr::Path(_) => Symbol::Path(expr),
            Expr::SearchPath { .. } => Symbol::SearchPath(expr),
            _ => continue,
        };
        // What `<…>` stands for has the same range, and is listed before it.
        if better(&found, *span) || matches!(symbol, Symbol::SearchPath(_)) {
            found = Some((symbol, *span));
        }
    }
    let keys = map.keys.iter().enumerate();
    for (index, span) in keys.filter(|(_, span)| touches(span)) {
        if matches!(module.keys[index], Key::Static(_))
            && better(&found, *span)
            && let Some((expr, index)) = owner_of_key(module, index as u32)
        {
            found = Some((Symbol::Key { expr, index }, *span));
        }
    }
    let names = map.names.iter().zip(0..).map(|(span, id)| (BindingId(id), span));
    let merged = map.merged.iter().map(|(binding, span)| (*binding, span));
    for (binding, span) in names.chain(merged).filter(|(_, span)| touches(span)) {
        if better(&found, *span) {
            found = Some((Symbol::Binding(binding), *span));
        }
    }
    found
}

/// The expression whose path has a key, and which of the path it is.
fn owner_of_key(module: &Module, key: u32) -> Option<(ExprId, usize)> {
    module.exprs.iter().zip(0..).find_map(|(expr, id)| match expr {
        Expr::Select { path, .. } | Expr::HasAttr { path, .. }
            if (path.start..path.start + path.len).contains(&key) =>
        {
            Some((ExprId(id), (key - path.start) as usize))
        }
        _ => None,
    })
}

/// What an attribute path starts from, and the names up to and including one of its keys.
pub(crate) fn path_to_key(
    module: &Module,
    expr: ExprId,
    index: usize,
) -> Option<(ExprId, Vec<Name>)> {
    let (Expr::Select { base, path, .. } | Expr::HasAttr { base, path }) = module.expr(expr) else {
        return None;
    };
    let key = |key: &Key| match key {
        Key::Static(name) => Some(*name),
        Key::Dynamic(_) => None,
    };
    let names: Option<Vec<Name>> = module.keys(path)[..=index].iter().map(key).collect();
    Some((base, names?))
}
