//! `==`, and what a failed `assert a == b` says.

use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, Kind, Value};

impl<'h> Evaluator<'h> {
    /// `a == b`. Functions are equal to nothing, except that the same element of two lists or sets is
    /// equal to itself, as in C++ Nix.
    pub fn equal(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<bool> {
        match equal_scalars(a, b) {
            Some(equal) if self.count_short_call() => Ok(equal),
            _ => self.nested_at(pos, || self.equal_unless_same(a, b, pos)),
        }
    }

    #[inline]
    pub(crate) fn equal_elements(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<bool> {
        if a.is_identical(b) {
            // Forcing may fail, and then so must this.
            return self.force(a, pos).map(|_| true);
        }
        self.equal(a, b, pos)
    }

    fn equal_unless_same(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<bool> {
        let a = self.force(a, pos)?;
        let b = self.force(b, pos)?;
        Ok(match (a.kind(), b.kind()) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool(a), Kind::Bool(b)) => a == b,
            (Kind::Int(a), Kind::Int(b)) => a == b,
            (Kind::Float(a), Kind::Float(b)) => a == b,
            (Kind::Int(a), Kind::Float(b)) => a as f64 == b,
            (Kind::Float(a), Kind::Int(b)) => a == b as f64,
            (Kind::String(a), Kind::String(b)) | (Kind::Path(a), Kind::Path(b)) => {
                a.as_bytes() == b.as_bytes()
            }
            (Kind::List(a), Kind::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (i, (a, b)) in a.iter().zip(b.iter()).enumerate() {
                    self.check_interrupt_at(i)?;
                    if !self.equal_elements(a, b, pos)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Kind::Attrs(left), Kind::Attrs(right)) => {
                if self.is_derivation(a)?
                    && self.is_derivation(b)?
                    && let Some(left) = left.get(self.names.out_path)
                    && let Some(right) = right.get(self.names.out_path)
                {
                    return self.equal_elements(left.cell.get(), right.cell.get(), pos);
                }
                self.equal_attrs(left, right, pos)?
            }
            _ => false,
        })
    }

    fn equal_attrs(&self, a: Attrs<'h>, b: Attrs<'h>, pos: Pos) -> Result<bool> {
        if a.shape().number() != b.shape().number() && a.shape().names != b.shape().names {
            // C++ Nix compares in the order of its own symbols up to the first difference; only a
            // failing or endless comparison could tell.
            return Ok(false);
        }
        for (i, (a, b)) in a.cells().iter().zip(b.cells()).enumerate() {
            self.check_interrupt_at(i)?;
            if !self.equal_elements(a.get(), b.get(), pos)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fails with the reason if `a == b` does not hold.
    pub(crate) fn assert_equal(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<()> {
        self.nested_at(pos, || self.assert_equal_here(a, b, pos))
    }

    fn assert_equal_elements(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<()> {
        if a.is_identical(b) {
            return self.force(a, pos).map(drop);
        }
        self.assert_equal(a, b, pos)
    }

    fn assert_equal_here(&self, a: Value<'h>, b: Value<'h>, pos: Pos) -> Result<()> {
        let a = self.force(a, pos)?;
        let b = self.force(b, pos)?;
        let shown = || (self.print_for_error(a), self.print_for_error(b));
        let is_number = |value: Value<'h>| matches!(value.kind(), Kind::Int(_) | Kind::Float(_));
        match (a.kind(), b.kind()) {
            _ if is_number(a) && is_number(b) => {
                if self.equal(a, b, pos)? {
                    return Ok(());
                }
                let (x, y) = shown();
                Err(failed(format!(
                    "{} with value '{x}' is not equal to {} with value '{y}'",
                    self.describe(a),
                    self.describe(b)
                )))
            }
            (Kind::Null, Kind::Null) => Ok(()),
            (Kind::Bool(x), Kind::Bool(y)) => unequal_unless(x == y, "boolean", shown),
            (Kind::String(x), Kind::String(y)) => {
                unequal_unless(x.as_bytes() == y.as_bytes(), "string", shown)
            }
            (Kind::Path(x), Kind::Path(y)) => {
                unequal_unless(x.as_bytes() == y.as_bytes(), "path", shown)
            }
            (Kind::List(x), Kind::List(y)) if x.len() != y.len() => {
                let (left, right) = shown();
                Err(failed(format!(
                    "list of size '{}' is not equal to list of size '{}', left hand side is '{left}', \
                     right hand side is '{right}'",
                    x.len(),
                    y.len()
                )))
            }
            (Kind::List(x), Kind::List(y)) => {
                for (n, (x, y)) in x.iter().zip(y.iter()).enumerate() {
                    self.assert_equal_elements(x, y, pos).map_err(|error| {
                        let message = format!("while comparing list element {n}");
                        error.frame(pos, FrameMessage::Text(message))
                    })?;
                }
                Ok(())
            }
            (Kind::Attrs(x), Kind::Attrs(y)) => self.assert_equal_attrs((a, x), (b, y), pos),
            (
                Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_),
                Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_),
            ) => Err(failed(
                "distinct functions and immediate comparisons of identical functions compare as \
                     unequal"
                    .into(),
            )),
            _ => {
                let (x, y) = shown();
                Err(failed(format!(
                    "{} of value '{x}' is not equal to {} of value '{y}'",
                    self.describe(a),
                    self.describe(b)
                )))
            }
        }
    }

    fn assert_equal_attrs(
        &self,
        (a, left): (Value<'h>, Attrs<'h>),
        (b, right): (Value<'h>, Attrs<'h>),
        pos: Pos,
    ) -> Result<()> {
        if self.is_derivation(a)?
            && self.is_derivation(b)?
            && let Some(x) = left.get(self.names.out_path)
            && let Some(y) = right.get(self.names.out_path)
        {
            let context = "while comparing a derivation by its 'outPath' attribute";
            return self
                .assert_equal_elements(x.cell.get(), y.cell.get(), pos)
                .map_err(|error| error.context(pos, context));
        }
        let shown = || (self.print_for_error(a), self.print_for_error(b));
        if left.len() != right.len() {
            let (x, y) = shown();
            return Err(failed(format!(
                "attribute names of attribute set '{x}' differs from attribute set '{y}'"
            )));
        }
        for (x, y) in left.iter().zip(right.iter()) {
            if x.name != y.name {
                let (shown_left, shown_right) = shown();
                return Err(failed(if right.get(x.name).is_none() {
                    format!(
                        "attribute name '{}' is contained in '{shown_left}', but not in '{shown_right}'",
                        x.name
                    )
                } else {
                    format!(
                        "attribute name '{}' is missing in '{shown_left}', but is contained in \
                         '{shown_right}'",
                        y.name
                    )
                }));
            }
            self.assert_equal_elements(x.cell.get(), y.cell.get(), pos).map_err(|error| {
                let message = format!(
                    "while comparing attribute '{}'",
                    floe_hir::Identifier(x.name.as_str())
                );
                error
                    .context(y.position.into(), "where right hand side is")
                    .context(x.position.into(), "where left hand side is")
                    .frame(pos, FrameMessage::Text(message))
            })?;
        }
        Ok(())
    }
}

/// Whether two evaluated values without parts are equal, if that is what they are and they are of one type.
#[inline(always)]
fn equal_scalars<'h>(a: Value<'h>, b: Value<'h>) -> Option<bool> {
    Some(match (a.kind(), b.kind()) {
        (Kind::String(left), Kind::String(right)) => {
            a.is_identical(b) || left.as_bytes() == right.as_bytes()
        }
        (Kind::Int(a), Kind::Int(b)) => a == b,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::Null, Kind::Null) => true,
        _ => return None,
    })
}

fn unequal_unless(equal: bool, what: &str, shown: impl FnOnce() -> (String, String)) -> Result<()> {
    if equal {
        return Ok(());
    }
    let (a, b) = shown();
    Err(failed(format!("{what} '{a}' is not equal to {what} '{b}'")))
}

fn failed(message: String) -> EvalError {
    EvalError::new(ErrorKind::AssertionFailed, message)
}
