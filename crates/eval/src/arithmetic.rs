//! Numbers: the four operations, and comparison of everything that has an order.

use std::cmp::Ordering;

use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Kind, Value};

/// One of the four operations, with the words of its errors.
struct Operation {
    first: &'static str,
    second: &'static str,
    doing: &'static str,
    sign: char,
    int: fn(i64, i64) -> Option<i64>,
    float: fn(f64, f64) -> f64,
}

impl<'h> Evaluator<'h> {
    pub(crate) fn add(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<Value<'h>> {
        let operation = Operation {
            first: "while evaluating the first argument of the addition",
            second: "while evaluating the second argument of the addition",
            doing: "adding",
            sign: '+',
            int: i64::checked_add,
            float: |a, b| a + b,
        };
        self.calculate(&operation, a, b, pos)
    }

    pub(crate) fn subtract(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<Value<'h>> {
        let operation = Operation {
            first: "while evaluating the first argument of the subtraction",
            second: "while evaluating the second argument of the subtraction",
            doing: "subtracting",
            sign: '-',
            int: i64::checked_sub,
            float: |a, b| a - b,
        };
        self.calculate(&operation, a, b, pos)
    }

    pub(crate) fn multiply(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<Value<'h>> {
        let operation = Operation {
            first: "while evaluating the first argument of the multiplication",
            second: "while evaluating the second argument of the multiplication",
            doing: "multiplying",
            sign: '*',
            int: i64::checked_mul,
            float: |a, b| a * b,
        };
        self.calculate(&operation, a, b, pos)
    }

    pub(crate) fn divide(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<Value<'h>> {
        let operation = Operation {
            first: "while evaluating the first operand of the division",
            second: "while evaluating the second operand of the division",
            doing: "dividing",
            sign: '/',
            int: i64::checked_div,
            float: |a, b| a / b,
        };
        let a = self.force(a, pos)?;
        if self.force_float(b, pos, operation.second)? == 0.0 {
            return Err(EvalError::new(ErrorKind::DivisionByZero, "division by zero").at(pos));
        }
        self.calculate(&operation, a, b, pos)
    }

    fn calculate(
        &self,
        operation: &Operation,
        a: Value<'h>,
        b: Value<'h>,
        pos: Pos,
    ) -> Result<Value<'h>> {
        let a = self.force(a, pos)?;
        let b = self.force(b, pos)?;
        if matches!(a.kind(), Kind::Float(_)) || matches!(b.kind(), Kind::Float(_)) {
            let a = self.force_float(a, pos, operation.first)?;
            let b = self.force_float(b, pos, operation.second)?;
            return Ok(self.heap.float((operation.float)(a, b)));
        }
        let a = self.force_int(a, pos, operation.first)?;
        let b = self.force_int(b, pos, operation.second)?;
        match (operation.int)(a, b) {
            Some(result) => Ok(self.heap.int(result)),
            None => Err(overflow(operation.doing, a, operation.sign, b).at(pos)),
        }
    }

    /// `a < b`
    pub(crate) fn less(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<bool> {
        let a = self.force(a, pos)?;
        let b = self.force(b, pos)?;
        self.less_forced(a, b, pos, "")
    }

    fn less_forced(
        &self,
        a: Value<'h>,
        b: Value<'h>,
        pos: Pos,
        context: &'static str,
    ) -> Result<bool> {
        self.check_stack()?;
        let result = match (a.kind(), b.kind()) {
            (Kind::Int(a), Kind::Int(b)) => Ok(a < b),
            (Kind::Int(a), Kind::Float(b)) => Ok((a as f64) < b),
            (Kind::Float(a), Kind::Int(b)) => Ok(a < b as f64),
            (Kind::Float(a), Kind::Float(b)) => Ok(a < b),
            (Kind::String(a), Kind::String(b)) | (Kind::Path(a), Kind::Path(b)) => {
                Ok(a.as_bytes() < b.as_bytes())
            }
            (Kind::List(a), Kind::List(b)) => self.less_lists(a, b, pos),
            _ => {
                let shown = (self.print_for_error(a), self.print_for_error(b));
                let types = (self.describe(a), self.describe(b));
                let message = if Self::type_name(a) == Self::type_name(b) {
                    format!(
                        "cannot compare {} with {}; values of that type are incomparable \
                         (values are {} and {})",
                        types.0, types.1, shown.0, shown.1
                    )
                } else {
                    format!(
                        "cannot compare {} with {}; values are {} and {}",
                        types.0, types.1, shown.0, shown.1
                    )
                };
                Err(EvalError::new(ErrorKind::NotComparable, message).at(pos))
            }
        };
        result.map_err(|error| error.context(Pos::None, context))
    }

    fn less_lists(
        &self,
        a: crate::heap::List<'h>,
        b: crate::heap::List<'h>,
        pos: Pos,
    ) -> Result<bool> {
        for (a, b) in a.iter().zip(b.iter()) {
            if !self.equal(a, b, pos)? {
                let (a, b) = (self.force(a, pos)?, self.force(b, pos)?);
                return self.less_forced(a, b, pos, "while comparing two list elements");
            }
        }
        Ok(a.len().cmp(&b.len()) == Ordering::Less)
    }
}

pub(crate) fn overflow(doing: &str, a: i64, sign: char, b: i64) -> EvalError {
    EvalError::new(
        ErrorKind::IntegerOverflow,
        format!("integer overflow in {doing} {a} {sign} {b}"),
    )
}
