//! Calls whose results are kept: expensive, closed functions that one program after another calls with
//! the same plain arguments, such as the function that nixpkgs is.
//!
//! A call is kept under the identity of the function and the text of its argument: data by what it says,
//! functions by their identity. The language is pure, so that the same function and the same argument
//! have the same result; what the call has read is noted, for whoever keeps the heap to know when it is
//! stale. Nothing is kept unless somebody names functions to keep, and a call of any other function costs
//! one comparison of numbers.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use floe_hir::{Expr, LambdaId, Module};
use rustc_hash::FxHashMap;

use crate::error::{ErrorKind, Pos, Result};
use crate::eval::calling;
use crate::evaluator::{Evaluator, Reads};
use crate::heap::{Closure, Kind, Value};

/// A function whose calls are kept.
#[derive(Clone, Debug)]
pub struct KeptFunction {
    /// The file that it is written in.
    pub path: PathBuf,
    /// The name that it is bound to there; `None` for the function that the file is.
    pub name: Option<&'static str>,
}

/// Which calls are kept, and their results.
#[derive(Default)]
pub(crate) struct KeptCalls<'h> {
    functions: RefCell<Vec<KeptFunction>>,
    results: RefCell<FxHashMap<(u64, Vec<u8>), Value<'h>>>,
    reads: RefCell<Reads>,
}

/// Stands for no function.
pub(crate) const NO_LAMBDA: LambdaId = LambdaId(u32::MAX);

/// The largest argument that is looked at: what is larger is no setting but a program.
const MOST_VALUES: u32 = 4096;

impl<'h> Evaluator<'h> {
    /// Keeps the results of these functions from now on. Files that were loaded before are not looked at.
    pub fn keep_calls(&self, functions: Vec<KeptFunction>) {
        self.kept.functions.replace(functions);
    }

    /// What the calls that are kept have read since this was last asked. While these files stay the same,
    /// the results do.
    pub fn take_kept_reads(&self) -> Reads {
        self.kept.reads.take()
    }

    /// The function of a file whose calls are kept.
    pub(crate) fn kept_lambda(&self, path: &Path, module: &Module) -> LambdaId {
        let functions = self.kept.functions.borrow();
        let Some(kept) = functions.iter().find(|kept| kept.path == path) else { return NO_LAMBDA };
        match (kept.name, module.expr(module.root)) {
            (None, Expr::Lambda(lambda)) => lambda,
            (None, _) => NO_LAMBDA,
            (Some(name), _) => {
                let is_it =
                    |lambda: &floe_hir::Lambda| lambda.name.is_some_and(|it| it.as_str() == name);
                let index = module.lambdas.iter().position(is_it);
                index.map_or(NO_LAMBDA, |index| LambdaId(index as u32))
            }
        }
    }

    /// Calls a function whose calls are kept. `None` if the argument is not plain: then it is called as
    /// any other.
    #[cold]
    pub(crate) fn kept_call(
        &self,
        closure: Closure<'h>,
        argument: Value<'h>,
        pos: Pos,
    ) -> Result<Option<Value<'h>>> {
        let mut text = Vec::new();
        let mut left = MOST_VALUES;
        // The copy has nothing in it that counts only for now.
        let Some(argument) = self.write_plain(argument, &mut text, &mut left)? else {
            return Ok(None);
        };
        let key = (closure.value().identity(), text);
        if let Some(result) = self.kept.results.borrow().get(&key) {
            return Ok(Some(*result));
        }
        let begun = self.volatile.begin();
        let before = self.take_reads();
        let unit = self.unit(closure.unit());
        let lambda = closure.lambda();
        let result =
            self.bind_argument(unit, lambda, closure.env(), argument, pos).and_then(|env| {
                self.eval(unit, unit.lambdas[lambda.0 as usize].body, env)
                    .map_err(|error| calling(error, unit, lambda, pos))
            });
        let reads = self.take_reads();
        let is_for_now = !self.volatile.end(begun).is_none();
        self.restore_reads(&before, &reads);
        let result = result?;
        if !is_for_now {
            self.kept.reads.borrow_mut().add(&reads);
            self.kept.results.borrow_mut().insert(key, result);
        }
        Ok(Some(result))
    }

    /// Writes an argument down, evaluating it, and copies it. `None` if it is too large or cannot be
    /// evaluated: a call need not evaluate all of its argument, so that is no error yet.
    fn write_plain(
        &self,
        value: Value<'h>,
        text: &mut Vec<u8>,
        left: &mut u32,
    ) -> Result<Option<Value<'h>>> {
        if *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        let value = match self.nested(|| self.force(value, Pos::None)) {
            Ok(value) => value,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(_) => return Ok(None),
        };
        let mut write = |tag: u8, bytes: &[u8]| {
            text.push(tag);
            text.extend((bytes.len() as u64).to_le_bytes());
            text.extend(bytes);
        };
        match value.kind() {
            Kind::Null => write(b'n', &[]),
            Kind::Bool(value) => write(b'b', &[u8::from(value)]),
            Kind::Int(value) => write(b'i', &value.to_le_bytes()),
            Kind::Float(value) => write(b'f', &value.to_bits().to_le_bytes()),
            // What a path leads to, and which store paths a string depends on, is not written down.
            Kind::Path(_) | Kind::Thunk(_) => return Ok(None),
            Kind::String(string) if string.has_context() => return Ok(None),
            Kind::String(string) => write(b's', string.as_bytes()),
            Kind::Closure(_) | Kind::Builtin(_) | Kind::Partial(_) => {
                write(b'c', &value.identity().to_le_bytes());
            }
            Kind::List(list) => {
                write(b'l', &(list.len() as u64).to_le_bytes());
                let mut elements = Vec::with_capacity(list.len());
                for element in list.iter() {
                    let Some(element) = self.write_plain(element, text, left)? else {
                        return Ok(None);
                    };
                    elements.push(element);
                }
                return Ok(Some(self.heap.list(&elements)));
            }
            Kind::Attrs(attrs) => {
                write(b'a', &(attrs.len() as u64).to_le_bytes());
                let mut values = Vec::with_capacity(attrs.len());
                for attr in attrs.iter() {
                    let name = attr.name.as_str().as_bytes();
                    text.extend((name.len() as u64).to_le_bytes());
                    text.extend(name);
                    let Some(value) = self.write_plain(attr.cell.get(), text, left)? else {
                        return Ok(None);
                    };
                    values.push(value);
                }
                let copy = self.heap.attrs_with(attrs.shape(), |index| values[index]);
                return Ok(Some(copy.value()));
            }
        }
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::settings::Settings;
    use crate::tests::with_evaluator;

    static NUMBER: AtomicU32 = AtomicU32::new(0);

    /// Whether two texts, in which `f` is the function, have the same object for their value.
    fn same(function: &str, name: Option<&'static str>, first: &str, second: &str) -> bool {
        let folder = std::env::temp_dir().canonicalize().expect("it is there");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("floe-kept-{}-{number}.nix", std::process::id()));
        std::fs::write(&path, function).expect("it can be written");
        let is_same = with_evaluator(Settings::default(), |evaluator| {
            evaluator.keep_calls(vec![KeptFunction { path: path.clone(), name }]);
            let value = |text: &str| {
                let text = text.replace("f ", &format!("(import {}) ", path.display()));
                let value = evaluator.eval_text(&text, Path::new("/")).expect("it is right");
                evaluator.force(value, Pos::None).expect("it is right").identity()
            };
            value(first) == value(second)
        });
        std::fs::remove_file(&path).expect("it is there");
        is_same
    }

    #[test]
    fn a_call_with_the_same_plain_argument_is_evaluated_once() {
        let same = |first, second| same("{ a, b ? 1 }: { inherit a; }", None, first, second);
        assert!(same("f { a = [ 1 \"x\" ]; }", "f { a = [ (2 - 1) \"x\" ]; }"));
        assert!(!same("f { a = [ 1 \"x\" ]; }", "f { a = [ 1 \"y\" ]; }"));
        assert!(!same("f { a = 1; }", "f { a = 1; b = 1; }"));
        // What an argument leads to, and functions that are made anew, cannot be compared.
        assert!(!same("f { a = /etc; }", "f { a = /etc; }"));
        assert!(!same("f { a = x: x; }", "f { a = x: x; }"));
        // An argument that the function does not look at need not have a value.
        assert!(!same("f { a = throw \"no\"; }", "f { a = throw \"no\"; }"));
    }

    #[test]
    fn a_function_inside_of_a_file_is_known_by_its_name() {
        let function = "rec { kept = x: { inherit x; }; other = x: { inherit x; }; }";
        assert!(same(function, Some("kept"), "(f ).kept 1", "(f ).kept 1"));
        assert!(!same(function, Some("kept"), "(f ).other 1", "(f ).other 1"));
    }
}
