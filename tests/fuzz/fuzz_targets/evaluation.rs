//! Any program is evaluated to a value, which is printed, or to an error, within a bounded number of calls and
//! without touching a file.
#![no_main]

mod evaluator;

use std::path::Path;
use std::sync::atomic::Ordering;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    evaluator::with(|evaluator, ends| {
        let eval_text = |text: &str| evaluator.eval_text(text, Path::new("/"));
        // Reading a text looks whether it is to end as well: this is a program of its own.
        eval_text("derivation").expect("it is there");
        let value = eval_text(&format!("{{ }}: {text}")).and_then(|function| {
            ends.store(true, Ordering::Relaxed);
            evaluator.auto_call(function, &[])
        });
        let value = value.and_then(|value| {
            evaluator.force_deep(value)?;
            Ok(value)
        });
        evaluator::for_a_moment(ends, || match value {
            Ok(value) => {
                let _ = evaluator.to_json(value);
                let _ = evaluator.to_xml(value, true, true, &mut String::new());
                let _ = evaluator.print_forced(value, 0);
            }
            Err(error) => drop(evaluator.report(&error)),
        });
    });
});
