//! The threads that compute answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Deeply nested code nests calls deeply; this is address space, not memory.
const STACK: usize = 256 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed set of threads behind one queue.
#[derive(Clone)]
pub(crate) struct Readers {
    queue: Sender<Job>,
}

impl Readers {
    pub(crate) fn start(count: usize) -> Readers {
        let (queue, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..count {
            let jobs = jobs.clone();
            let reader = thread::Builder::new().name(format!("reader {number}")).stack_size(STACK);
            if let Err(error) = reader.spawn(move || work(&jobs)) {
                tracing::error!(%error, "a reader thread could not be started");
            }
        }
        Readers { queue }
    }

    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let _ = self.queue.send(Box::new(job));
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A job that panics has dropped its way to answer, which its request takes for an error; the
        // panic itself is in the log. The thread goes on.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("an answer could not be computed: a bug in floe");
        }
    }
}
