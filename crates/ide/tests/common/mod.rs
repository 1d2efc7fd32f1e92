//! What the tests that compare the meaning of programs share.

use std::path::Path;
use std::rc::Rc;

use floe_eval::fs::FileSystem;
use floe_eval::heap::Heap;
use floe_eval::settings::Settings;
use floe_eval::store::ReadOnlyStore;
use floe_eval::{Console, Evaluator, Options, with_big_stack};

/// The whole value of an expression, printed.
///
/// # Errors
/// The message of an evaluation that fails.
pub(crate) fn evaluate<F: FileSystem + 'static>(
    files: F,
    expression: &str,
    base: &Path,
) -> Result<String, String> {
    with_big_stack(|stack_bytes| {
        let heap = Heap::new();
        let options = Options {
            settings: Settings { max_call_depth: 100_000, ..Settings::default() },
            fs: Rc::new(files),
            store: Rc::new(ReadOnlyStore::new(floe_store::StoreDir::default(), None)),
            console: Rc::new(Silent),
        };
        let evaluator = Evaluator::new(&heap, options, stack_bytes);
        let result = evaluator.eval_text(expression, base).and_then(|value| {
            evaluator.force_deep(value)?;
            evaluator.print(value)
        });
        result.map_err(|error| evaluator.report(&error).full_message())
    })
}

struct Silent;

impl Console for Silent {
    fn trace(&self, _message: &str) {}
    fn warn(&self, _message: &str) {}
}
