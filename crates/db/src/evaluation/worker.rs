//! The thread that evaluates.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use floe_eval::heap::Heap;
use floe_flake::SearchPath;

use super::{Patience, Session};
use crate::{Buffers, Files};

/// When the heap has grown to this, it is dropped and built anew. An arena frees nothing by itself.
const BUDGET: usize = 1 << 30;

/// A handle to the thread. It ends when the handle is dropped.
pub(crate) struct Worker {
    shared: Arc<Shared>,
}

/// What a question is asked about.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) files: Files,
    pub(super) buffers: Buffers,
    pub(super) search_path: SearchPath,
    pub(super) nixpkgs: Option<PathBuf>,
    pub(super) roots: Vec<PathBuf>,
}

/// Tells whether it was interrupted. A question that gave way to a more urgent one is asked again.
type Question = Box<dyn Fn(&Session<'_>) -> bool + Send>;

/// A question that waits.
pub(super) struct Task {
    patience: Patience,
    setting: Setting,
    question: Question,
    number: u64,
}

/// Takes its question back when it is dropped.
pub(super) struct Ticket {
    shared: Arc<Shared>,
    number: u64,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    interrupt: Arc<AtomicBool>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    /// The question that is being answered.
    current: Option<(u64, Patience)>,
    asked: u64,
    ended: bool,
}

impl Task {
    pub(super) fn new(patience: Patience, setting: Setting, question: Question) -> Task {
        Task { patience, setting, question, number: 0 }
    }
}

impl Worker {
    pub(crate) fn start() -> Worker {
        let shared = Arc::new(Shared::default());
        let mine = shared.clone();
        let thread = std::thread::Builder::new().name("evaluation".into());
        if let Err(error) = thread.spawn(move || work(&mine)) {
            tracing::error!(%error, "the evaluation thread could not be started");
            shared.lock().ended = true;
        }
        Worker { shared }
    }

    /// Queues a question, interactive ones before the others.
    pub(super) fn ask(&self, mut task: Task) -> Ticket {
        let mut queue = self.shared.lock();
        queue.asked += 1;
        task.number = queue.asked;
        let ticket = Ticket { shared: self.shared.clone(), number: task.number };
        if queue.ended {
            // The question is dropped, and with it the way to an answer: the asker sees that.
            return ticket;
        }
        if task.patience == Patience::Interactive {
            if matches!(queue.current, Some((_, Patience::Background))) {
                self.shared.interrupt.store(true, Ordering::Relaxed);
            }
            let is_urgent = |task: &Task| task.patience == Patience::Interactive;
            let place = queue.waiting.iter().take_while(|task| is_urgent(task)).count();
            queue.waiting.insert(place, task);
        } else {
            queue.waiting.push_back(task);
        }
        self.shared.more.notify_one();
        ticket
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.ended = true;
        queue.waiting.clear();
        self.shared.interrupt.store(true, Ordering::Relaxed);
        self.shared.more.notify_one();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.waiting.retain(|task| task.number != self.number);
        if queue.current.is_some_and(|(number, _)| number == self.number) {
            queue.current = None;
            self.shared.interrupt.store(true, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a question. `None` when there will be no more.
    fn next(&self) -> Option<Task> {
        let mut queue = self.lock();
        loop {
            if queue.ended {
                return None;
            }
            if let Some(task) = queue.waiting.pop_front() {
                queue.current = Some((task.number, task.patience));
                self.interrupt.store(false, Ordering::Relaxed);
                return Some(task);
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// After a question. One that was interrupted while its asker still waits has given way to a more
    /// urgent one, and is asked again.
    fn done(&self, task: Task, interrupted: bool) {
        let mut queue = self.lock();
        let is_wanted = queue.current.take().is_some_and(|(number, _)| number == task.number);
        if interrupted && is_wanted && !queue.ended {
            queue.waiting.push_back(task);
        }
    }
}

fn work(shared: &Shared) {
    let mut first = None;
    while let Some(task) = first.take().or_else(|| shared.next()) {
        // Each round has a heap of its own; it ends with the question that the next one begins with.
        first = floe_eval::with_big_stack(|stack_bytes| round(shared, task, stack_bytes));
    }
}

/// Answers questions until the heap is to be dropped. Gives the question that was not answered.
fn round(shared: &Shared, task: Task, stack_bytes: usize) -> Option<Task> {
    let heap = Heap::new();
    let setting = task.setting.clone();
    let interrupt = shared.interrupt.clone();
    let session = Session::new(&heap, &setting, stack_bytes, interrupt)?;
    let mut next = Some(task);
    while let Some(task) = next.take().or_else(|| shared.next()) {
        let is_same = task.setting.search_path == setting.search_path
            && task.setting.nixpkgs == setting.nixpkgs
            && task.setting.roots == setting.roots;
        if !is_same || !session.begin(&task.setting) || heap.used_bytes() > BUDGET {
            return Some(task);
        }
        match catch_unwind(AssertUnwindSafe(|| (task.question)(&session))) {
            Ok(interrupted) => shared.done(task, interrupted),
            Err(_) => {
                tracing::error!("an evaluation ended in a bug in floe; the heap is dropped");
                shared.done(task, false);
                return None;
            }
        }
    }
    None
}
