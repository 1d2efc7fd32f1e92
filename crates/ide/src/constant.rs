//! Values that the text shows without a call: literals, names of literals, and what is joined of them.

use std::fmt;

use floe_db::{Db, module};
use floe_hir::{BinaryOp, Expr, Var, globals};

use crate::known::{self, Place, static_path};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    /// As written.
    Path(String),
    List(Vec<Constant>),
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constant::Null => f.write_str("null"),
            Constant::Bool(value) => write!(f, "{value}"),
            Constant::Int(value) => write!(f, "{value}"),
            Constant::Float(value) => write!(f, "{value}"),
            Constant::String(value) => write!(f, "{}", floe_hir::Quoted(value)),
            Constant::Path(value) => f.write_str(value),
            Constant::List(elements) => {
                f.write_str("[ ")?;
                elements.iter().take(MOST_SHOWN).try_for_each(|element| write!(f, "{element} "))?;
                f.write_str(if elements.len() > MOST_SHOWN { "… ]" } else { "]" })
            }
        }
    }
}

/// How many expressions are looked at.
const FUEL: u32 = 200;
/// How long a text may become.
const LONGEST: usize = 1000;
/// How many elements of a list are shown.
const MOST_SHOWN: usize = 12;

/// The value of an expression, if the text shows it.
pub(crate) fn constant(db: &dyn Db, place: Place) -> Option<Constant> {
    Folding { db, fuel: FUEL }.expr(place)
}

struct Folding<'a> {
    db: &'a dyn Db,
    fuel: u32,
}

impl Folding<'_> {
    fn expr(&mut self, place: Place) -> Option<Constant> {
        self.fuel = self.fuel.checked_sub(1)?;
        let module = module(self.db, place.file);
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::Int(value) => Some(Constant::Int(value)),
            Expr::Float(value) => Some(Constant::Float(value)),
            Expr::Str(text) => Some(Constant::String(module.str(text).to_owned())),
            Expr::Path(text) => Some(Constant::Path(module.str(text).to_owned())),
            Expr::Var(Var::Global(id)) => match globals()[id.0 as usize].name.as_str() {
                "null" => Some(Constant::Null),
                "true" => Some(Constant::Bool(true)),
                "false" => Some(Constant::Bool(false)),
                _ => None,
            },
            Expr::Var(_) => {
                let value = known::variable(self.db, place)?.value(self.db)?;
                self.expr(value)
            }
            Expr::Select { base, path, default: None } => {
                let path = static_path(module, path)?;
                let bound = known::attribute_at(self.db, at(base), &path)?;
                let value = bound.value(self.db)?;
                self.expr(value)
            }
            Expr::Let { body, .. } => self.expr(at(body)),
            Expr::List(elements) => {
                let elements = module.list(elements).iter().map(|element| self.expr(at(*element)));
                Some(Constant::List(elements.collect::<Option<_>>()?))
            }
            Expr::If { cond, then, otherwise } => match self.expr(at(cond))? {
                Constant::Bool(true) => self.expr(at(then)),
                Constant::Bool(false) => self.expr(at(otherwise)),
                _ => None,
            },
            Expr::Not(operand) => match self.expr(at(operand))? {
                Constant::Bool(value) => Some(Constant::Bool(!value)),
                _ => None,
            },
            Expr::Interpolate(parts) => {
                let mut text = String::new();
                for part in module.list(parts) {
                    match self.expr(at(*part))? {
                        Constant::String(part) if text.len() + part.len() <= LONGEST => {
                            text += &part;
                        }
                        _ => return None,
                    }
                }
                Some(Constant::String(text))
            }
            Expr::Binary { op, lhs, rhs } => {
                let (lhs, rhs) = (self.expr(at(lhs))?, self.expr(at(rhs))?);
                binary(op, lhs, rhs)
            }
            _ => None,
        }
    }
}

fn binary(op: BinaryOp, lhs: Constant, rhs: Constant) -> Option<Constant> {
    use Constant::{Bool, Int, List, String};
    match (op, lhs, rhs) {
        (BinaryOp::Concat, List(a), List(b)) => Some(List([a, b].concat())),
        (BinaryOp::Less, Int(a), Int(b)) => Some(Bool(a < b)),
        (BinaryOp::LessOrEqual, Int(a), Int(b)) => Some(Bool(a <= b)),
        (BinaryOp::Greater, Int(a), Int(b)) => Some(Bool(a > b)),
        (BinaryOp::GreaterOrEqual, Int(a), Int(b)) => Some(Bool(a >= b)),
        (BinaryOp::NotEqual, Int(a), Int(b)) => Some(Bool(a != b)),
        (BinaryOp::NotEqual, String(a), String(b)) => Some(Bool(a != b)),
        (BinaryOp::Implies, Bool(a), Bool(b)) => Some(Bool(!a || b)),
        (BinaryOp::Add, Int(a), Int(b)) => a.checked_add(b).map(Int),
        (BinaryOp::Subtract, Int(a), Int(b)) => a.checked_sub(b).map(Int),
        (BinaryOp::Multiply, Int(a), Int(b)) => a.checked_mul(b).map(Int),
        (BinaryOp::Divide, Int(a), Int(b)) => a.checked_div(b).map(Int),
        (BinaryOp::Add, String(a), String(b)) if a.len() + b.len() <= LONGEST => {
            Some(String(a + &b))
        }
        (BinaryOp::And, Bool(a), Bool(b)) => Some(Bool(a && b)),
        (BinaryOp::Or, Bool(a), Bool(b)) => Some(Bool(a || b)),
        (BinaryOp::Equal, Int(a), Int(b)) => Some(Bool(a == b)),
        (BinaryOp::Equal, String(a), String(b)) => Some(Bool(a == b)),
        _ => None,
    }
}
