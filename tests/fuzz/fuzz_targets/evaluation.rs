//! Any program is evaluated to a value, which is printed, or to an error, within a bounded number of calls and
//! without touching a file.
#![no_main]

mod evaluator;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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
        for_a_moment(ends, || match value {
            Ok(value) => {
                let _ = evaluator.to_json(value);
                let _ = evaluator.to_xml(value, true, true, &mut String::new());
                let _ = evaluator.print_forced(value, 0);
            }
            Err(error) => drop(evaluator.report(&error)),
        });
    });
});

/// Does what looks all the time whether it is to end, for a moment.
fn for_a_moment(ends: &AtomicBool, work: impl FnOnce()) {
    ends.store(false, Ordering::Relaxed);
    thread::scope(|scope| {
        let clock = scope.spawn(|| {
            thread::park_timeout(MOMENT);
            ends.store(true, Ordering::Relaxed);
        });
        work();
        clock.thread().unpark();
    });
}

const MOMENT: Duration = Duration::from_millis(100);
