//! A module with some of its parts exchanged: what [`lower_again`](super::lower_again) puts together.
//!
//! Lowering an expression only ever appends to the arrays of a [`Module`] and its [`SourceMap`], and what
//! it appends refers to nothing that comes later. So an expression is one range in each array, and
//! exchanging it moves what lies behind.

use std::ops::Range;

use floe_syntax::Exchange;

use crate::{
    AttrEntry, Attrs, AttrsId, BindingId, DynamicEntry, Expr, ExprId, ExprList, Formal, Key,
    KeyList, Lambda, LambdaId, Module, Param, SourceMap, Span, StrId, Strings,
};

/// How long the arrays of a module and its source map are at some moment of lowering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) exprs: u32,
    pub(super) children: u32,
    pub(super) keys: u32,
    pub(super) strings: u32,
    pub(super) attrs: u32,
    pub(super) lambdas: u32,
    pub(super) bindings: u32,
    pub(super) merged: u32,
    pub(super) operators: u32,
    pub(super) wrapped: u32,
}

/// Calls a macro with the name of each array.
macro_rules! for_each_array {
    ($macro:ident) => {
        $macro!(
            exprs children keys strings attrs lambdas bindings merged operators wrapped
        )
    };
}

impl Lengths {
    pub(super) fn of(module: &Module, map: &SourceMap) -> Lengths {
        Lengths {
            exprs: module.exprs.len() as u32,
            children: module.children.len() as u32,
            keys: module.keys.len() as u32,
            strings: module.strings.len() as u32,
            attrs: module.attrs.len() as u32,
            lambdas: module.lambdas.len() as u32,
            bindings: map.bindings.len() as u32,
            merged: map.merged.len() as u32,
            operators: map.operators.len() as u32,
            wrapped: map.wrapped.len() as u32,
        }
    }

    /// Differences wrap around where something became shorter.
    pub(super) fn plus(self, other: Lengths) -> Lengths {
        macro_rules! sum {
            ($($array:ident)*) => {
                Lengths { $($array: self.$array.wrapping_add(other.$array),)* }
            };
        }
        for_each_array!(sum)
    }

    pub(super) fn minus(self, other: Lengths) -> Lengths {
        macro_rules! difference {
            ($($array:ident)*) => {
                Lengths { $($array: self.$array.wrapping_sub(other.$array),)* }
            };
        }
        for_each_array!(difference)
    }
}

/// One range of the old arrays, and the range of the newly lowered ones that takes its place.
#[derive(Clone, Debug)]
pub(super) struct Splice {
    pub(super) old: Range<Lengths>,
    pub(super) new: Range<Lengths>,
}

impl Splice {
    /// By how much it moves what lies behind it.
    fn growth(&self) -> Lengths {
        self.new.end.minus(self.new.start).minus(self.old.end.minus(self.old.start))
    }
}

/// All exchanges of one edit, in the order of the arrays.
pub(super) struct Splices<'a> {
    splices: Vec<Splice>,
    text: &'a Exchange,
}

impl<'a> Splices<'a> {
    pub(super) fn new(splices: Vec<Splice>, text: &'a Exchange) -> Splices<'a> {
        Splices { splices, text }
    }

    /// How far the first `count` exchanges move what lies behind them.
    pub(super) fn growth(&self, count: usize) -> Lengths {
        self.splices[..count].iter().fold(Lengths::default(), |sum, s| sum.plus(s.growth()))
    }

    pub(super) fn len(&self) -> usize {
        self.splices.len()
    }

    /// How many exchanges lie before a set of the old module.
    pub(super) fn before(&self, attrs: AttrsId) -> usize {
        self.splices.partition_point(|splice| splice.old.end.attrs <= attrs.0)
    }

    /// The last set that an exchange brings, as it was lowered. (The root's own id is above all sets'.)
    pub(super) fn last_attrs(&self, index: usize) -> Option<AttrsId> {
        self.splices[index].new.end.attrs.checked_sub(1).map(AttrsId)
    }

    /// Where the newly lowered things of an exchange end up.
    pub(super) fn placed(&self, index: usize) -> Placed {
        let splice = &self.splices[index];
        let start = splice.old.start.plus(self.growth(index));
        Placed { by: start.minus(splice.new.start) }
    }

    /// What lay outside of the exchanged text, in the new text.
    pub(super) fn offset(&self, offset: u32) -> u32 {
        match offset >= self.text.old_text.end {
            true => {
                offset.wrapping_add(self.text.new_text.end.wrapping_sub(self.text.old_text.end))
            }
            false => offset,
        }
    }

    pub(super) fn span(&self, span: Span) -> Span {
        Span { start: self.offset(span.start), end: self.offset(span.end) }
    }

    /// The old arrays with the exchanges made. The root moves along.
    pub(super) fn module(&self, old: &Module, new: &Module) -> Module {
        Module {
            exprs: self.array(
                &old.exprs,
                &new.exprs,
                false,
                |l| l.exprs,
                |ids, it| map_expr(ids, it),
                map_expr,
            ),
            root: self.kept(self.len()).expr(old.root),
            children: self.array(
                &old.children,
                &new.children,
                false,
                |l| l.children,
                |ids, id| ids.expr(*id),
                |ids, id| ids.expr(*id),
            ),
            keys: self.array(
                &old.keys,
                &new.keys,
                false,
                |l| l.keys,
                |ids, it| map_key(ids, it),
                map_key,
            ),
            strings: self.strings(&old.strings, &new.strings),
            attrs: self.array(
                &old.attrs,
                &new.attrs,
                false,
                |l| l.attrs,
                |ids, it| map_attrs(ids, it),
                map_attrs,
            ),
            lambdas: self.array(
                &old.lambdas,
                &new.lambdas,
                false,
                |l| l.lambdas,
                |ids, it| map_lambda(ids, it),
                map_lambda,
            ),
            bindings: old.bindings.wrapping_add(self.growth(self.len()).bindings),
        }
    }

    pub(super) fn source_map(&self, old: &SourceMap, new: &SourceMap) -> SourceMap {
        let moved = |_: &Kept<'_>, span: &Span| self.span(*span);
        let spans = |old: &[Span], new: &[Span], length: fn(&Lengths) -> u32| {
            self.array(old, new, true, length, moved, same)
        };
        type OfExpr = [(ExprId, Span)];
        let of_expr = |old: &OfExpr, new: &OfExpr, length: fn(&Lengths) -> u32| {
            self.array(
                old,
                new,
                true,
                length,
                |ids, (id, span)| (ids.expr(*id), self.span(*span)),
                |ids, (id, span)| (ids.expr(*id), *span),
            )
        };
        SourceMap {
            exprs: spans(&old.exprs, &new.exprs, |l| l.exprs),
            bindings: spans(&old.bindings, &new.bindings, |l| l.bindings),
            names: spans(&old.names, &new.names, |l| l.bindings),
            merged: self.array(
                &old.merged,
                &new.merged,
                true,
                |l| l.merged,
                |ids, (id, span)| (ids.binding(*id), self.span(*span)),
                |ids, (id, span)| (ids.binding(*id), *span),
            ),
            keys: spans(&old.keys, &new.keys, |l| l.keys),
            operators: of_expr(&old.operators, &new.operators, |l| l.operators),
            wrapped: of_expr(&old.wrapped, &new.wrapped, |l| l.wrapped),
        }
    }

    fn array<T: Clone>(
        &self,
        old: &[T],
        new: &[T],
        has_spans: bool,
        length: impl Fn(&Lengths) -> u32,
        mut keep: impl FnMut(&Kept<'_>, &T) -> T,
        mut place: impl FnMut(&Placed, &T) -> T,
    ) -> Vec<T> {
        let growth = length(&self.growth(self.len()));
        let mut array = Vec::with_capacity((old.len() as u32).wrapping_add(growth) as usize);
        let mut at = 0;
        for (index, splice) in self.splices.iter().enumerate() {
            let range = length(&splice.old.start) as usize..length(&splice.old.end) as usize;
            let kept = self.kept(index);
            match index {
                // What was lowered before the first exchange knows nothing behind it.
                0 if !has_spans => array.extend_from_slice(&old[..range.start]),
                _ => array.extend(old[at..range.start].iter().map(|item| keep(&kept, item))),
            }
            let placed = self.placed(index);
            let range_of_new = length(&splice.new.start) as usize..length(&splice.new.end) as usize;
            array.extend(new[range_of_new].iter().map(|item| place(&placed, item)));
            at = range.end;
        }
        let kept = self.kept(self.len());
        array.extend(old[at..].iter().map(|item| keep(&kept, item)));
        array
    }

    fn strings(&self, old: &Strings, new: &Strings) -> Strings {
        let mut strings = Strings::with_capacity(old.len());
        let mut at = 0;
        for splice in &self.splices {
            strings.extend(old, at..splice.old.start.strings as usize);
            let range = splice.new.start.strings as usize..splice.new.end.strings as usize;
            strings.extend(new, range);
            at = splice.old.end.strings as usize;
        }
        strings.extend(old, at..old.len());
        strings
    }

    /// The ids in what lies behind the first `count` exchanges and before the others: it knows only
    /// those.
    pub(super) fn kept(&self, count: usize) -> Kept<'_> {
        Kept { splices: &self.splices[..count] }
    }
}

/// What becomes of ids.
pub(super) trait Ids {
    fn expr(&self, id: ExprId) -> ExprId;
    fn string(&self, id: StrId) -> StrId;
    fn list(&self, list: ExprList) -> ExprList;
    fn keys(&self, list: KeyList) -> KeyList;
    fn attrs(&self, id: AttrsId) -> AttrsId;
    fn lambda(&self, id: LambdaId) -> LambdaId;
    fn binding(&self, id: BindingId) -> BindingId;
}

/// Ids of the old arrays.
pub(super) struct Kept<'a> {
    splices: &'a [Splice],
}

impl Kept<'_> {
    #[inline]
    fn moved(&self, index: u32, length: impl Fn(&Lengths) -> u32) -> u32 {
        let mut moved = index;
        for splice in self.splices {
            if index >= length(&splice.old.end) {
                let old = length(&splice.old.end).wrapping_sub(length(&splice.old.start));
                let new = length(&splice.new.end).wrapping_sub(length(&splice.new.start));
                moved = moved.wrapping_add(new).wrapping_sub(old);
            }
        }
        moved
    }
}

impl Ids for Kept<'_> {
    fn expr(&self, id: ExprId) -> ExprId {
        ExprId(self.moved(id.0, |l| l.exprs))
    }
    fn string(&self, id: StrId) -> StrId {
        StrId(self.moved(id.0, |l| l.strings))
    }
    fn list(&self, list: ExprList) -> ExprList {
        ExprList { start: self.moved(list.start, |l| l.children), ..list }
    }
    fn keys(&self, list: KeyList) -> KeyList {
        KeyList { start: self.moved(list.start, |l| l.keys), ..list }
    }
    fn attrs(&self, id: AttrsId) -> AttrsId {
        AttrsId(self.moved(id.0, |l| l.attrs))
    }
    fn lambda(&self, id: LambdaId) -> LambdaId {
        LambdaId(self.moved(id.0, |l| l.lambdas))
    }
    fn binding(&self, id: BindingId) -> BindingId {
        BindingId(self.moved(id.0, |l| l.bindings))
    }
}

/// Ids of what was newly lowered: all of it moves alike.
pub(super) struct Placed {
    pub(super) by: Lengths,
}

impl Ids for Placed {
    fn expr(&self, id: ExprId) -> ExprId {
        ExprId(id.0.wrapping_add(self.by.exprs))
    }
    fn string(&self, id: StrId) -> StrId {
        StrId(id.0.wrapping_add(self.by.strings))
    }
    fn list(&self, list: ExprList) -> ExprList {
        ExprList { start: list.start.wrapping_add(self.by.children), ..list }
    }
    fn keys(&self, list: KeyList) -> KeyList {
        KeyList { start: list.start.wrapping_add(self.by.keys), ..list }
    }
    fn attrs(&self, id: AttrsId) -> AttrsId {
        AttrsId(id.0.wrapping_add(self.by.attrs))
    }
    fn lambda(&self, id: LambdaId) -> LambdaId {
        LambdaId(id.0.wrapping_add(self.by.lambdas))
    }
    fn binding(&self, id: BindingId) -> BindingId {
        BindingId(id.0.wrapping_add(self.by.bindings))
    }
}

fn same<I, T: Clone>(_: &I, item: &T) -> T {
    item.clone()
}

#[inline]
fn map_expr(ids: &impl Ids, expr: &Expr) -> Expr {
    match *expr {
        Expr::Missing
        | Expr::Int(_)
        | Expr::Float(_)
        | Expr::Var(_)
        | Expr::CurPos
        | Expr::InheritFrom(_) => *expr,
        Expr::Str(text) => Expr::Str(ids.string(text)),
        Expr::Interpolate(parts) => Expr::Interpolate(ids.list(parts)),
        Expr::Path(text) => Expr::Path(ids.string(text)),
        Expr::InterpolatePath(parts) => Expr::InterpolatePath(ids.list(parts)),
        Expr::SearchPath { find_file, nix_path, text } => Expr::SearchPath {
            find_file: ids.expr(find_file),
            nix_path: ids.expr(nix_path),
            text: ids.string(text),
        },
        Expr::Select { base, path, default } => Expr::Select {
            base: ids.expr(base),
            path: ids.keys(path),
            default: default.map(|default| ids.expr(default)),
        },
        Expr::HasAttr { base, path } => {
            Expr::HasAttr { base: ids.expr(base), path: ids.keys(path) }
        }
        Expr::Apply { fun, args } => Expr::Apply { fun: ids.expr(fun), args: ids.list(args) },
        Expr::Lambda(lambda) => Expr::Lambda(ids.lambda(lambda)),
        Expr::Attrs(attrs) => Expr::Attrs(ids.attrs(attrs)),
        Expr::Let { attrs, body } => Expr::Let { attrs: ids.attrs(attrs), body: ids.expr(body) },
        Expr::List(elements) => Expr::List(ids.list(elements)),
        Expr::If { cond, then, otherwise } => {
            Expr::If { cond: ids.expr(cond), then: ids.expr(then), otherwise: ids.expr(otherwise) }
        }
        Expr::With { set, body, outer } => {
            Expr::With { set: ids.expr(set), body: ids.expr(body), outer }
        }
        Expr::Assert { cond, body } => Expr::Assert { cond: ids.expr(cond), body: ids.expr(body) },
        Expr::Binary { op, lhs, rhs } => {
            Expr::Binary { op, lhs: ids.expr(lhs), rhs: ids.expr(rhs) }
        }
        Expr::Not(operand) => Expr::Not(ids.expr(operand)),
        Expr::Negate(operand) => Expr::Negate(ids.expr(operand)),
    }
}

fn map_key(ids: &impl Ids, key: &Key) -> Key {
    match key {
        Key::Static(name) => Key::Static(*name),
        Key::Dynamic(name) => Key::Dynamic(ids.expr(*name)),
    }
}

fn map_attrs(ids: &impl Ids, attrs: &Attrs) -> Attrs {
    let entries = attrs.entries.iter().map(|entry| AttrEntry {
        value: ids.expr(entry.value),
        binding: ids.binding(entry.binding),
        ..*entry
    });
    let dynamic = attrs.dynamic.iter().map(|entry| DynamicEntry {
        name: ids.expr(entry.name),
        value: ids.expr(entry.value),
        binding: ids.binding(entry.binding),
    });
    Attrs {
        recursive: attrs.recursive,
        entries: entries.collect(),
        inherit_from: attrs.inherit_from.iter().map(|set| ids.expr(*set)).collect(),
        dynamic: dynamic.collect(),
    }
}

fn map_lambda(ids: &impl Ids, lambda: &Lambda) -> Lambda {
    let param = match &lambda.param {
        Param::Simple { name, binding } => {
            Param::Simple { name: *name, binding: ids.binding(*binding) }
        }
        Param::Pattern { formals, ellipsis, at } => {
            let formals = formals.iter().map(|formal| Formal {
                name: formal.name,
                default: formal.default.map(|default| ids.expr(default)),
                binding: ids.binding(formal.binding),
            });
            Param::Pattern {
                formals: formals.collect(),
                ellipsis: *ellipsis,
                at: at.map(|(name, binding)| (name, ids.binding(binding))),
            }
        }
    };
    Lambda { param, body: ids.expr(lambda.body), name: lambda.name }
}
