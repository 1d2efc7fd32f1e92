//! The threads that compute answers.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Deeply nested code nests calls deeply; this is address space, not memory.
const STACK: usize = 256 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// Threads behind one queue. A job goes to the first of them that has nothing to do: each thread keeps
/// memory for its next job, and as long as one suffices, only one does. They are started when they are
/// needed for the first time.
#[derive(Clone)]
pub(crate) struct Readers {
    desk: Arc<Desk>,
}

impl Readers {
    pub(crate) fn start(count: usize) -> Readers {
        let wake = (0..count).map(|_| Condvar::new()).collect();
        Readers { desk: Arc::new(Desk(Arc::new(Shared { state: Mutex::default(), wake }))) }
    }

    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let shared = &self.desk.0;
        let mut state = shared.lock();
        state.queue.push_back(Box::new(job));
        // One that is woken counts as busy, so that the next job wakes another.
        if let Some(first) = state.idle.iter().min().copied() {
            state.idle.retain(|reader| *reader != first);
            shared.wake[first].notify_one();
        } else if state.started < shared.wake.len() {
            let (number, shared) = (state.started, shared.clone());
            let reader = thread::Builder::new().name(format!("reader {number}")).stack_size(STACK);
            match reader.spawn(move || work(&shared, number)) {
                Ok(_) => state.started += 1,
                Err(error) => tracing::error!(%error, "a reader thread could not be started"),
            }
        }
    }
}

/// Where jobs are handed in. When nobody is left to do so, the threads end.
struct Desk(Arc<Shared>);

impl Drop for Desk {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.wake.iter().for_each(Condvar::notify_one);
    }
}

struct Shared {
    state: Mutex<State>,
    /// One for each thread that there may be.
    wake: Vec<Condvar>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// The threads that have nothing to do.
    idle: Vec<usize>,
    started: usize,
    is_closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, number: usize) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.idle.retain(|reader| *reader != number);
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            if !state.idle.contains(&number) {
                state.idle.push(number);
            }
            state = self.wake[number].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(shared: &Shared, number: usize) {
    while let Some(job) = shared.next(number) {
        // A job that panics has dropped its way to answer, which its request takes for an error; the
        // panic itself is in the log. The thread goes on.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("an answer could not be computed: a bug in floe");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn one_thread_suffices_for_jobs_one_after_the_other_and_all_work_when_many_wait() {
        let readers = Readers::start(3);
        let (sender, names) = channel();
        let name = |sender: &std::sync::mpsc::Sender<String>| {
            sender.send(thread::current().name().unwrap_or_default().to_owned()).unwrap();
        };
        let (first, barrier) = (sender.clone(), Arc::new(std::sync::Barrier::new(3)));
        for _ in 0..3 {
            let (sender, barrier) = (sender.clone(), barrier.clone());
            readers.run(move || {
                // Ends only when all of them are at it.
                barrier.wait();
                name(&sender);
            });
        }
        let mut found: Vec<String> = (0..3).map(|_| names.recv().unwrap()).collect();
        found.sort();
        assert_eq!(found, ["reader 0", "reader 1", "reader 2"]);
        readers.run(|| panic!("a job may fail"));
        readers.run(move || name(&first));
        names.recv().unwrap();
        drop(readers);
        drop(sender);
        assert!(names.recv().is_err());
    }
}
