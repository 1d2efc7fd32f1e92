//! Any program is evaluated to a value or an error, within a bounded number of calls and without
//! touching a file.
#![no_main]

mod evaluator;

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    evaluator::with(|evaluator| {
        let value = evaluator.eval_text(text, Path::new("/"));
        let printed = value.and_then(|value| {
            evaluator.force_deep(value)?;
            let _ = evaluator.to_json(value);
            let _ = evaluator.to_xml(value, true, true);
            evaluator.print_forced(value, 0)
        });
        if let Err(error) = printed {
            let _ = evaluator.report(&error);
        }
    });
});
