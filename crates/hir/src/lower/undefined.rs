//! Which of several undefined variables C++ Nix reports.
//!
//! It looks variables up after parsing, walking the expressions, and stops at the first that is bound
//! nowhere. Its walk takes the attributes of a set and the formal arguments of a function in the order
//! in which it met their names: its own first, then those of the file as its parser reads them.

use floe_syntax::{FlatTree, SyntaxKind};
use rustc_hash::FxHashMap;

use crate::globals::global;
use crate::{AttrsId, BinaryOp, Expr, ExprId, Module, Name, Param, Problem, SourceMap, Span, Var};

/// The names that C++ Nix knows before it reads a file and that are no global names, in its order.
const KNOWN: &[&str] = &[
    "outPath",
    "drvPath",
    "type",
    "meta",
    "name",
    "value",
    "system",
    "__overrides",
    "outputs",
    "outputName",
    "__ignoreNulls",
    "file",
    "line",
    "column",
    "__functor",
    "__toString",
    "right",
    "wrong",
    "__structuredAttrs",
    "__json",
    "allowedReferences",
    "allowedRequisites",
    "disallowedReferences",
    "disallowedRequisites",
    "maxSize",
    "maxClosureSize",
    "builder",
    "args",
    "__contentAddressed",
    "__impure",
    "outputHash",
    "outputHashAlgo",
    "outputHashMode",
    "recurseForDerivations",
    "description",
    "self",
    "",
    "startSet",
    "operator",
    "key",
    "path",
    "prefix",
    "outputSpecified",
    "requiredSystemFeatures",
    "or",
    "body",
];

/// Sorts problems with undefined variables among them as C++ Nix notices them.
pub(super) fn sort(
    problems: &mut [Problem],
    tree: &FlatTree,
    text: &str,
    module: &Module,
    source_map: &SourceMap,
) {
    let walk = Walk { module, ranks: ranks(tree, text) };
    let order: FxHashMap<Span, usize> =
        walk.undefined().map(|id| source_map.exprs[id.0 as usize]).zip(0..).collect();
    problems.sort_by_key(|problem| (problem.noticed_at, order.get(&problem.span).copied()));
}

/// For each name, when C++ Nix meets it.
fn ranks(tree: &FlatTree, text: &str) -> FxHashMap<Name, usize> {
    let known = KNOWN.iter().map(|name| Name::new(name));
    let mut ranks: FxHashMap<Name, usize> = known.zip(0..).collect();
    let mut in_param = 0;
    for (element, index) in tree.elements().iter().zip(0_u32..) {
        match element.kind {
            // The parser takes `x` of `x: body` for a name only behind the body.
            SyntaxKind::Param => in_param = index + 1,
            SyntaxKind::Ident | SyntaxKind::StringFragment if index != in_param => {
                let name = Name::new(&text[element.start as usize..element.end as usize]);
                let rank = KNOWN.len() + index as usize;
                ranks.entry(name).or_insert(rank);
            }
            _ => {}
        }
    }
    ranks
}

struct Walk<'a> {
    module: &'a Module,
    ranks: FxHashMap<Name, usize>,
}

impl Walk<'_> {
    /// The undefined variables in the order of the walk.
    fn undefined(&self) -> impl Iterator<Item = ExprId> {
        let mut pending = vec![self.module.root];
        let mut found = Vec::new();
        let mut children = Vec::new();
        while let Some(id) = pending.pop() {
            if let Expr::Var(Var::Undefined(_)) = self.module.expr(id) {
                found.push(id);
            }
            self.children(id, &mut children);
            pending.extend(children.drain(..).rev());
        }
        found.into_iter()
    }

    fn children(&self, id: ExprId, children: &mut Vec<ExprId>) {
        match self.module.expr(id) {
            Expr::Select { default: Some(default), .. } => {
                self.module.for_each_child(id, |child| children.push(child));
                // The default comes right behind the base, before the path.
                children.retain(|child| *child != default);
                children.insert(1, default);
            }
            // These are calls of `__lessThan` with their operands swapped.
            Expr::Binary { op: BinaryOp::Greater | BinaryOp::LessOrEqual, lhs, rhs } => {
                children.extend([rhs, lhs]);
            }
            Expr::Lambda(lambda) => {
                let lambda = &self.module.lambdas[lambda.0 as usize];
                if let Param::Pattern { formals, .. } = &lambda.param {
                    let mut formals: Vec<_> = formals.iter().collect();
                    formals.sort_by_key(|formal| self.rank(formal.name));
                    children.extend(formals.iter().filter_map(|formal| formal.default));
                }
                children.push(lambda.body);
            }
            Expr::Attrs(attrs) => self.values(attrs, children),
            Expr::Let { attrs, body } => {
                self.values(attrs, children);
                children.push(body);
            }
            _ => self.module.for_each_child(id, |child| children.push(child)),
        }
    }

    fn values(&self, attrs: AttrsId, children: &mut Vec<ExprId>) {
        let attrs = &self.module.attrs[attrs.0 as usize];
        children.extend(&attrs.inherit_from);
        let mut entries: Vec<_> = attrs.entries.iter().collect();
        entries.sort_by_key(|entry| self.rank(entry.name));
        children.extend(entries.iter().map(|entry| entry.value));
        children.extend(attrs.dynamic.iter().flat_map(|entry| [entry.name, entry.value]));
    }

    fn rank(&self, name: Name) -> usize {
        // A name that the file spells with escapes has no rank of its own: last.
        match global(name) {
            Some(_) => KNOWN.len(),
            None => self.ranks.get(&name).copied().unwrap_or(usize::MAX),
        }
    }
}
