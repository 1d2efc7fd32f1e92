//! Expressions as text, in the form that C++ Nix gives them in "assertion '…' failed" and with
//! `nix-instantiate --parse`.

use std::fmt::Write as _;

use floe_hir::{
    AttrKind, Attrs, BinaryOp, Expr, ExprId, GlobalId, Key, KeyList, LambdaId, Module, Param, Var,
};

use crate::print::quoted;
use crate::unit::{Source, Unit};

/// An expression of a unit as C++ Nix shows it.
pub(crate) fn show(unit: &Unit<'_>, expr: ExprId) -> String {
    let mut shower =
        Shower { module: unit.module, source: unit.source, output: String::new(), depth: 0 };
    shower.expr(expr);
    shower.output
}

/// How deep an expression is shown; what is deeper is `…`.
const MOST_DEPTH: usize = 500;

struct Shower<'a> {
    module: &'a Module,
    source: &'a Source,
    output: String,
    depth: usize,
}

impl Shower<'_> {
    fn text(&mut self, text: &str) {
        self.output.push_str(text);
    }

    fn expr(&mut self, id: ExprId) {
        if self.depth > MOST_DEPTH {
            self.text("…");
            return;
        }
        self.depth += 1;
        self.expr_here(id);
        self.depth -= 1;
    }

    fn expr_here(&mut self, id: ExprId) {
        match self.module.expr(id) {
            Expr::Missing => self.text("…"),
            Expr::Int(value) => {
                let _ = write!(self.output, "{value}");
            }
            Expr::Float(value) => {
                let text = crate::print::short_float(value);
                self.text(&text);
            }
            Expr::Str(text) => {
                let text = quoted(self.module.str(text));
                self.text(&text);
            }
            Expr::Path(text) => self.text(self.module.str(text)),
            Expr::Interpolate(parts) | Expr::InterpolatePath(parts) => {
                self.joined(self.module.list(parts), " + ");
            }
            Expr::SearchPath { text, .. } => {
                let text = quoted(self.module.str(text));
                let _ = write!(self.output, "(__findFile __nixPath {text})");
            }
            Expr::Var(var) => self.variable(id, var),
            Expr::CurPos => self.text("__curPos"),
            Expr::Select { base, path, default } => {
                self.text("(");
                self.expr(base);
                self.text(").");
                self.keys(path);
                if let Some(default) = default {
                    self.text(" or (");
                    self.expr(default);
                    self.text(")");
                }
            }
            Expr::HasAttr { base, path } => {
                self.text("((");
                self.expr(base);
                self.text(") ? ");
                self.keys(path);
                self.text(")");
            }
            Expr::Apply { fun, args } => {
                self.text("(");
                self.expr(fun);
                for argument in self.module.list(args) {
                    self.text(" ");
                    self.expr(*argument);
                }
                self.text(")");
            }
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Attrs(attrs) => {
                let attrs = &self.module.attrs[attrs.0 as usize];
                self.text(if attrs.recursive { "rec { " } else { "{ " });
                self.bindings(attrs);
                self.text("}");
            }
            Expr::Let { attrs, body } => {
                self.text("(let ");
                self.bindings(&self.module.attrs[attrs.0 as usize]);
                self.text("in ");
                self.expr(body);
                self.text(")");
            }
            Expr::List(items) => {
                self.text("[ ");
                for item in self.module.list(items) {
                    self.text("(");
                    self.expr(*item);
                    self.text(") ");
                }
                self.text("]");
            }
            Expr::If { cond, then, otherwise } => {
                self.text("(if ");
                self.expr(cond);
                self.text(" then ");
                self.expr(then);
                self.text(" else ");
                self.expr(otherwise);
                self.text(")");
            }
            Expr::With { set, body, .. } => {
                self.text("(with ");
                self.expr(set);
                self.text("; ");
                self.expr(body);
                self.text(")");
            }
            Expr::Assert { cond, body } => {
                self.text("assert ");
                self.expr(cond);
                self.text("; ");
                self.expr(body);
            }
            Expr::Binary { op, lhs, rhs } => self.binary(op, lhs, rhs),
            Expr::Not(operand) => {
                self.text("(! ");
                self.expr(operand);
                self.text(")");
            }
            Expr::Negate(operand) => {
                self.text("(__sub 0 ");
                self.expr(operand);
                self.text(")");
            }
            Expr::InheritFrom(_) => self.text("(/* expanded inherit (expr) */)"),
        }
    }

    fn binary(&mut self, op: BinaryOp, lhs: ExprId, rhs: ExprId) {
        let called = |name| Some((name, lhs, rhs));
        let swapped = |name| Some((name, rhs, lhs));
        let (negated, call) = match op {
            BinaryOp::Less => (false, called("__lessThan")),
            BinaryOp::Greater => (false, swapped("__lessThan")),
            BinaryOp::LessOrEqual => (true, swapped("__lessThan")),
            BinaryOp::GreaterOrEqual => (true, called("__lessThan")),
            BinaryOp::Subtract => (false, called("__sub")),
            BinaryOp::Multiply => (false, called("__mul")),
            BinaryOp::Divide => (false, called("__div")),
            _ => (false, None),
        };
        if let Some((name, first, second)) = call {
            if negated {
                self.text("(! ");
            }
            let _ = write!(self.output, "({name} ");
            self.expr(first);
            self.text(" ");
            self.expr(second);
            self.text(if negated { "))" } else { ")" });
            return;
        }
        self.text("(");
        self.expr(lhs);
        self.text(match op {
            BinaryOp::Equal => " == ",
            BinaryOp::NotEqual => " != ",
            BinaryOp::And => " && ",
            BinaryOp::Or => " || ",
            BinaryOp::Implies => " -> ",
            BinaryOp::Update => " // ",
            BinaryOp::Concat => " ++ ",
            _ => " + ",
        });
        self.expr(rhs);
        self.text(")");
    }

    fn joined(&mut self, parts: &[ExprId], separator: &str) {
        self.text("(");
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.text(separator);
            }
            self.expr(*part);
        }
        self.text(")");
    }

    fn keys(&mut self, path: KeyList) {
        for (index, key) in self.module.keys(path).iter().enumerate() {
            if index > 0 {
                self.text(".");
            }
            match key {
                Key::Static(name) => {
                    let name = crate::print::attribute_name(name.as_str());
                    self.text(&name);
                }
                Key::Dynamic(expr) => {
                    self.text("\"${");
                    self.expr(*expr);
                    self.text("}\"");
                }
            }
        }
    }

    fn bindings(&mut self, attrs: &Attrs) {
        let mut entries = attrs.entries.clone();
        entries.sort_unstable_by_key(|entry| entry.name.as_str());
        let names_of = |wanted: &dyn Fn(&floe_hir::AttrEntry) -> bool| {
            let names: Vec<_> =
                entries.iter().filter(|e| wanted(e)).map(|e| e.name.as_str()).collect();
            names.join(" ")
        };
        let inherited = names_of(&|entry| entry.kind == AttrKind::Inherited);
        if !inherited.is_empty() {
            let _ = write!(self.output, "inherit {inherited}; ");
        }
        for (index, from) in attrs.inherit_from.iter().enumerate() {
            let names = names_of(&|entry| {
                entry.kind == AttrKind::InheritedFrom && self.inherits_from(entry.value) == Some(index)
            });
            if !names.is_empty() {
                self.text("inherit (");
                self.expr(*from);
                let _ = write!(self.output, ") {names}; ");
            }
        }
        for entry in entries.iter().filter(|entry| entry.kind == AttrKind::Plain) {
            let name = crate::print::attribute_name(entry.name.as_str());
            let _ = write!(self.output, "{name} = ");
            self.expr(entry.value);
            self.text("; ");
        }
        for entry in &attrs.dynamic {
            self.text("\"${");
            self.expr(entry.name);
            self.text("}\" = ");
            self.expr(entry.value);
            self.text("; ");
        }
    }

    fn inherits_from(&self, value: ExprId) -> Option<usize> {
        match self.module.expr(value) {
            Expr::Select { base, .. } => match self.module.expr(base) {
                Expr::InheritFrom(index) => Some(index as usize),
                _ => None,
            },
            _ => None,
        }
    }

    fn lambda(&mut self, id: LambdaId) {
        let lambda = &self.module.lambdas[id.0 as usize];
        self.text("(");
        match &lambda.param {
            Param::Simple { name, .. } => self.text(name.as_str()),
            Param::Pattern { formals, ellipsis, at } => {
                let mut formals = formals.clone();
                formals.sort_unstable_by_key(|formal| formal.name.as_str());
                self.text("{ ");
                for (index, formal) in formals.iter().enumerate() {
                    if index > 0 {
                        self.text(", ");
                    }
                    self.text(formal.name.as_str());
                    if let Some(default) = formal.default {
                        self.text(" ? ");
                        self.expr(default);
                    }
                }
                if *ellipsis {
                    self.text(if formals.is_empty() { "..." } else { ", ..." });
                }
                self.text(" }");
                if let Some((name, _)) = at {
                    let _ = write!(self.output, " @ {name}");
                }
            }
        }
        self.text(": ");
        self.expr(lambda.body);
        self.text(")");
    }

    fn variable(&mut self, id: ExprId, var: Var) {
        let name: &str = match var {
            Var::Global(GlobalId(index)) => floe_hir::globals()[usize::from(index)].name.as_str(),
            Var::With { name, .. } | Var::Undefined(name) => name.as_str(),
            // A slot has no name, but the text has.
            Var::Local { .. } => {
                let span = self.source.map.exprs[id.0 as usize];
                &self.source.text[span.start as usize..span.end as usize]
            }
        };
        self.text(name);
    }
}
