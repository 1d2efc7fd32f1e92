//! What an edit changed in a program: the same places in the old program and in the new one, and the
//! definitions whose values are written differently.
//!
//! Two programs are compared from their roots. Where they differ inside of the value of a definition, in a
//! set or a `let`, that value is a *changed* one, and counts as the same otherwise: it is evaluated in a
//! thunk of its own, which can be given other work. Any other difference makes the two programs different
//! ones.

use floe_hir::{
    AttrKind, AttrsId, BindingId, Expr, ExprId, ExprList, Key, KeyList, LambdaId, Module, Param,
    StrId, Var,
};

/// See the module.
pub(crate) struct Revision {
    /// For each place of the old program, the new one's; [`GONE`] if it is in no value that both have.
    pub(crate) places: Places<Vec<u32>>,
    /// The values of definitions that are different now, as places of the old program.
    pub(crate) changed: Vec<ExprId>,
}

/// What corresponds to each expression, function and binding of a program.
#[derive(Clone, Copy)]
pub(crate) struct Places<T> {
    pub(crate) exprs: T,
    pub(crate) lambdas: T,
    pub(crate) bindings: T,
}

/// Stands for no place.
pub(crate) const GONE: u32 = u32::MAX;

/// Whether the value of a definition is evaluated in a thunk of its own. A variable's is that of another
/// definition.
pub(crate) fn has_own_thunk(module: &Module, value: ExprId) -> bool {
    !matches!(module.expr(value), Expr::Var(Var::Local { .. }))
}

impl Revision {
    /// Compares two programs. `None` if they differ elsewhere than in the values of definitions.
    pub(crate) fn of(old: &Module, new: &Module) -> Option<Revision> {
        let places = Places {
            exprs: vec![GONE; old.exprs.len()],
            lambdas: vec![GONE; old.lambdas.len()],
            bindings: vec![GONE; old.bindings as usize],
        };
        let mut comparison =
            Comparison { old, new, found: Revision { places, changed: Vec::new() } };
        let is_same = comparison.expr(old.root, new.root);
        is_same.then_some(comparison.found)
    }
}

struct Comparison<'m> {
    old: &'m Module,
    new: &'m Module,
    found: Revision,
}

impl Comparison<'_> {
    fn expr(&mut self, old: ExprId, new: ExprId) -> bool {
        let is_same = self.is_same(self.old.expr(old), self.new.expr(new));
        if is_same {
            self.meet(old, new);
        }
        is_same
    }

    fn meet(&mut self, old: ExprId, new: ExprId) {
        self.found.places.exprs[old.0 as usize] = new.0;
    }

    fn is_same(&mut self, old: Expr, new: Expr) -> bool {
        use Expr as E;
        match (old, new) {
            (E::Missing, E::Missing) | (E::CurPos, E::CurPos) => true,
            (E::Int(old), E::Int(new)) => old == new,
            (E::Float(old), E::Float(new)) => old.to_bits() == new.to_bits(),
            (E::Str(old), E::Str(new)) | (E::Path(old), E::Path(new)) => self.text(old, new),
            (E::Interpolate(old), E::Interpolate(new))
            | (E::InterpolatePath(old), E::InterpolatePath(new))
            | (E::List(old), E::List(new)) => self.list(old, new),
            (
                E::SearchPath { find_file, nix_path, text },
                E::SearchPath { find_file: new_find_file, nix_path: new_nix_path, text: new_text },
            ) => {
                self.text(text, new_text)
                    && self.expr(find_file, new_find_file)
                    && self.expr(nix_path, new_nix_path)
            }
            (E::Var(old), E::Var(new)) => old == new,
            (
                E::Select { base, path, default },
                E::Select { base: new_base, path: new_path, default: new_default },
            ) => {
                self.expr(base, new_base)
                    && self.keys(path, new_path)
                    && self.optional(default, new_default)
            }
            (E::HasAttr { base, path }, E::HasAttr { base: new_base, path: new_path }) => {
                self.expr(base, new_base) && self.keys(path, new_path)
            }
            (E::Apply { fun, args }, E::Apply { fun: new_fun, args: new_args }) => {
                self.expr(fun, new_fun) && self.list(args, new_args)
            }
            (E::Lambda(old), E::Lambda(new)) => self.lambda(old, new),
            (E::Attrs(old), E::Attrs(new)) => self.attrs(old, new),
            (E::Let { attrs, body }, E::Let { attrs: new_attrs, body: new_body }) => {
                self.attrs(attrs, new_attrs) && self.expr(body, new_body)
            }
            (
                E::If { cond, then, otherwise },
                E::If { cond: new_cond, then: new_then, otherwise: new_otherwise },
            ) => {
                self.expr(cond, new_cond)
                    && self.expr(then, new_then)
                    && self.expr(otherwise, new_otherwise)
            }
            (
                E::With { set, body, outer },
                E::With { set: new_set, body: new_body, outer: new_outer },
            ) => outer == new_outer && self.expr(set, new_set) && self.expr(body, new_body),
            (E::Assert { cond, body }, E::Assert { cond: new_cond, body: new_body }) => {
                self.expr(cond, new_cond) && self.expr(body, new_body)
            }
            (E::Binary { op, lhs, rhs }, E::Binary { op: new_op, lhs: new_lhs, rhs: new_rhs }) => {
                op == new_op && self.expr(lhs, new_lhs) && self.expr(rhs, new_rhs)
            }
            (E::Not(old), E::Not(new)) | (E::Negate(old), E::Negate(new)) => self.expr(old, new),
            (E::InheritFrom(old), E::InheritFrom(new)) => old == new,
            _ => false,
        }
    }

    fn text(&self, old: StrId, new: StrId) -> bool {
        self.old.str(old) == self.new.str(new)
    }

    fn list(&mut self, old: ExprList, new: ExprList) -> bool {
        let (old, new) = (self.old.list(old), self.new.list(new));
        self.exprs(old, new)
    }

    fn exprs(&mut self, old: &[ExprId], new: &[ExprId]) -> bool {
        old.len() == new.len() && old.iter().zip(new).all(|(old, new)| self.expr(*old, *new))
    }

    fn optional(&mut self, old: Option<ExprId>, new: Option<ExprId>) -> bool {
        match (old, new) {
            (Some(old), Some(new)) => self.expr(old, new),
            (old, new) => old.is_none() && new.is_none(),
        }
    }

    fn keys(&mut self, old: KeyList, new: KeyList) -> bool {
        let (old, new) = (self.old.keys(old), self.new.keys(new));
        old.len() == new.len()
            && old.iter().zip(new).all(|keys| match keys {
                (Key::Static(old), Key::Static(new)) => old == new,
                (Key::Dynamic(old), Key::Dynamic(new)) => self.expr(*old, *new),
                _ => false,
            })
    }

    fn binding(&mut self, old: BindingId, new: BindingId) {
        self.found.places.bindings[old.0 as usize] = new.0;
    }

    fn lambda(&mut self, old_id: LambdaId, new_id: LambdaId) -> bool {
        let (old, new) =
            (&self.old.lambdas[old_id.0 as usize], &self.new.lambdas[new_id.0 as usize]);
        self.found.places.lambdas[old_id.0 as usize] = new_id.0;
        old.name == new.name && self.param(&old.param, &new.param) && self.expr(old.body, new.body)
    }

    fn param(&mut self, old: &Param, new: &Param) -> bool {
        match (old, new) {
            (
                Param::Simple { name, binding },
                Param::Simple { name: new_name, binding: new_binding },
            ) => {
                self.binding(*binding, *new_binding);
                name == new_name
            }
            (
                Param::Pattern { formals, ellipsis, at },
                Param::Pattern { formals: new_formals, ellipsis: new_ellipsis, at: new_at },
            ) => {
                if let (Some((_, old)), Some((_, new))) = (at, new_at) {
                    self.binding(*old, *new);
                }
                ellipsis == new_ellipsis
                    && at.map(|(name, _)| name) == new_at.map(|(name, _)| name)
                    && formals.len() == new_formals.len()
                    && formals.iter().zip(new_formals).all(|(old, new)| {
                        self.binding(old.binding, new.binding);
                        old.name == new.name && self.optional(old.default, new.default)
                    })
            }
            _ => false,
        }
    }

    fn attrs(&mut self, old: AttrsId, new: AttrsId) -> bool {
        let (old, new) = (&self.old.attrs[old.0 as usize], &self.new.attrs[new.0 as usize]);
        let is_named_alike = old.recursive == new.recursive
            && old.entries.len() == new.entries.len()
            && old
                .entries
                .iter()
                .zip(&new.entries)
                .all(|(a, b)| (a.name, a.kind) == (b.name, b.kind))
            && old.dynamic.len() == new.dynamic.len();
        is_named_alike
            && self.exprs(&old.inherit_from, &new.inherit_from)
            && old.dynamic.iter().zip(&new.dynamic).all(|(old, new)| {
                self.binding(old.binding, new.binding);
                self.expr(old.name, new.name) && self.expr(old.value, new.value)
            })
            && old.entries.iter().zip(&new.entries).all(|(old, new)| {
                self.binding(old.binding, new.binding);
                self.expr(old.value, new.value)
                    || (old.kind == AttrKind::Plain && self.changed(old.value, new.value))
            })
    }

    /// The value of a definition differs. Gives whether that is all that differs.
    fn changed(&mut self, old: ExprId, new: ExprId) -> bool {
        let has_own_thunk = has_own_thunk(self.old, old);
        if has_own_thunk {
            self.meet(old, new);
            self.found.changed.push(old);
        }
        has_own_thunk
    }
}
