//! The threads that evaluate: one at a time answers questions, and where its heap has grown, a second one
//! warms up the next heap behind it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use floe_eval::heap::Heap;
use floe_flake::SearchPath;

use super::left::Left;
use super::{Patience, Session};
use crate::Files;

/// A handle to the threads. They end when the handle is dropped.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    left: Left,
}

/// What a question is asked about.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) files: Files,
    pub(super) search_path: SearchPath,
    pub(super) nixpkgs: Option<PathBuf>,
    pub(super) roots: Vec<PathBuf>,
    /// When the heap has grown to so many bytes, it is dropped.
    pub(super) budget: usize,
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
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    /// The question that is being answered.
    current: Option<(u64, Patience)>,
    asked: u64,
    ended: bool,
    /// The number of the thread that answers.
    active: u64,
    /// Interrupts it.
    interrupt: Arc<AtomicBool>,
    /// The thread that is getting ready to take its place.
    successor: Option<Successor>,
}

struct Successor {
    interrupt: Arc<AtomicBool>,
    /// What has changed since it began.
    changed: Vec<PathBuf>,
}

/// What a heap begins with.
enum Start {
    /// A question.
    Question(Task),
    /// It is to take the place of another heap, and warms up with a question that was answered there and
    /// the values that questions shared.
    Succession { answered: Task, texts: Vec<String>, interrupt: Arc<AtomicBool> },
}

impl Setting {
    pub(super) fn is_about_the_same(&self, other: &Setting) -> bool {
        self.search_path == other.search_path
            && self.nixpkgs == other.nixpkgs
            && self.roots == other.roots
    }
}

impl Task {
    pub(super) fn new(patience: Patience, setting: Setting, question: Question) -> Task {
        Task { patience, setting, question, number: 0 }
    }
}

impl Worker {
    pub(crate) fn start() -> Worker {
        let shared = Arc::new(Shared::default());
        spawn(&shared, 0, None);
        Worker { shared, left: Left::default() }
    }

    /// The questions that were left behind.
    pub(super) fn left(&self) -> &Left {
        &self.left
    }

    /// Something that may have been evaluated is different now.
    pub(crate) fn note_change(&self, path: &Path) {
        self.left.note_change(path);
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
        queue.add(task);
        self.shared.more.notify_all();
        ticket
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.ended = true;
        queue.waiting.clear();
        queue.interrupt.store(true, Ordering::Relaxed);
        if let Some(successor) = &queue.successor {
            successor.interrupt.store(true, Ordering::Relaxed);
        }
        self.shared.more.notify_all();
    }
}

impl Queue {
    /// Interactive questions come before the others, and interrupt one of these.
    fn add(&mut self, task: Task) {
        if task.patience == Patience::Background {
            self.waiting.push_back(task);
            return;
        }
        if matches!(self.current, Some((_, Patience::Background))) {
            self.interrupt.store(true, Ordering::Relaxed);
        }
        let is_urgent = |task: &Task| task.patience == Patience::Interactive;
        let place = self.waiting.iter().take_while(|task| is_urgent(task)).count();
        self.waiting.insert(place, task);
    }
}

impl Ticket {
    /// Nobody waits for the answer any more, but it is to be found.
    pub(super) fn give_way(&self) {
        self.set_patience(Patience::Background);
    }

    /// Somebody waits for it again.
    pub(super) fn hurry(&self) {
        self.set_patience(Patience::Interactive);
    }

    fn set_patience(&self, patience: Patience) {
        let mut queue = self.shared.lock();
        if let Some((number, current)) = &mut queue.current
            && *number == self.number
        {
            *current = patience;
            return;
        }
        let place = queue.waiting.iter().position(|task| task.number == self.number);
        if let Some(mut task) = place.and_then(|place| queue.waiting.remove(place)) {
            task.patience = patience;
            queue.add(task);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.waiting.retain(|task| task.number != self.number);
        if queue.current.is_some_and(|(number, _)| number == self.number) {
            queue.current = None;
            queue.interrupt.store(true, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a question. `None` when there will be no more for the thread of this number.
    fn next(&self, thread: u64) -> Option<Task> {
        let mut queue = self.lock();
        loop {
            if queue.ended || queue.active != thread {
                return None;
            }
            if let Some(task) = queue.waiting.pop_front() {
                queue.current = Some((task.number, task.patience));
                queue.interrupt.store(false, Ordering::Relaxed);
                return Some(task);
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Which paths have changed since the last question.
    fn take_changed(&self, files: &Files) -> Vec<PathBuf> {
        let changed = files.take_changed();
        if let Some(successor) = &mut self.lock().successor {
            successor.changed.extend(changed.iter().cloned());
        }
        changed
    }

    /// After a question. One that was interrupted while its asker still waits has given way to a more
    /// urgent one, and is asked again; one that was answered is given back.
    fn done(&self, mut task: Task, interrupted: bool) -> Option<Task> {
        let mut queue = self.lock();
        // Where nobody waits any more, another question can be the current one by now.
        let wanted = queue.current.take_if(|(number, _)| *number == task.number);
        // A successor may wait for this.
        self.more.notify_all();
        if let Some((_, patience)) = wanted.filter(|_| interrupted && !queue.ended) {
            task.patience = patience;
            queue.waiting.push_back(task);
            return None;
        }
        (!interrupted).then_some(task)
    }

    /// Makes the thread of this number the one that answers, as soon as no question is being answered.
    /// Gives what has changed since it began, or nothing if it is not wanted any more.
    fn succeed(&self, thread: u64, interrupt: &Arc<AtomicBool>) -> Option<Vec<PathBuf>> {
        let mut queue = self.lock();
        while queue.current.is_some() && !queue.ended {
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let successor = queue.successor.take()?;
        if queue.ended {
            return None;
        }
        queue.active = thread;
        queue.interrupt = interrupt.clone();
        self.more.notify_all();
        Some(successor.changed)
    }
}

fn spawn(shared: &Arc<Shared>, thread: u64, start: Option<Start>) {
    let mine = shared.clone();
    let is_first = start.is_none();
    let builder = std::thread::Builder::new().name("evaluation".into());
    if let Err(error) = builder.spawn(move || work(&mine, thread, start)) {
        tracing::error!(%error, "an evaluation thread could not be started");
        let mut queue = shared.lock();
        queue.ended |= is_first;
        queue.successor = None;
    }
}

fn work(shared: &Arc<Shared>, thread: u64, mut start: Option<Start>) {
    while let Some(begin) = start.take().or_else(|| shared.next(thread).map(Start::Question)) {
        // Each round has a heap of its own; it ends with the question that the next one begins with.
        let next = floe_eval::with_big_stack(|bytes| round(shared, thread, begin, bytes));
        start = next.map(Start::Question);
    }
}

/// Answers questions until the heap is to be dropped. Gives the question that was not answered.
fn round(shared: &Arc<Shared>, thread: u64, start: Start, stack_bytes: usize) -> Option<Task> {
    let heap = Heap::new();
    let (setting, interrupt) = match &start {
        Start::Question(task) => (task.setting.clone(), shared.lock().interrupt.clone()),
        Start::Succession { answered, interrupt, .. } => {
            (answered.setting.clone(), interrupt.clone())
        }
    };
    let session = Session::new(&heap, &setting, stack_bytes, interrupt.clone())?;
    let mut next = match start {
        Start::Question(task) => Some(task),
        Start::Succession { answered, texts, .. } => {
            warm_up(&session, &answered, &texts);
            let changed = shared.succeed(thread, &interrupt)?;
            if session.is_stale(&changed) {
                return None;
            }
            None
        }
    };
    // How large the heap was when it was warm, and whether another is on its way.
    let mut warm = next.is_none().then(|| heap.used_bytes());
    while let Some(task) = next.take().or_else(|| shared.next(thread)) {
        let changed = shared.take_changed(&task.setting.files);
        let is_same = task.setting.is_about_the_same(&setting);
        if !is_same || session.is_stale(&changed) || heap.used_bytes() > task.setting.budget {
            return Some(task);
        }
        session.begin(&task.setting);
        match catch_unwind(AssertUnwindSafe(|| (task.question)(&session))) {
            Ok(interrupted) => {
                let is_background = task.patience == Patience::Background;
                let Some(answered) = shared.done(task, interrupted).filter(|_| is_background)
                else {
                    continue;
                };
                let used = heap.used_bytes();
                let warm = *warm.get_or_insert(used);
                if used > warm + ROOM.max(warm / 2) {
                    start_successor(shared, thread, answered, session.shared_texts());
                }
            }
            Err(_) => {
                tracing::error!("an evaluation ended in a bug in floe; the heap is dropped");
                shared.done(task, false);
                return None;
            }
        }
    }
    None
}

/// A heap may grow by half of its size when it was warm, and by this much at least, before another takes its
/// place. An arena frees nothing by itself: most of what each edit evaluates is of no use to the next. For a
/// moment there are two heaps, which is what the memory of the server amounts to at most.
const ROOM: usize = 64 << 20;

/// Evaluates what is likely to be asked for.
fn warm_up(session: &Session<'_>, answered: &Task, texts: &[String]) {
    session.begin(&answered.setting);
    let warmed = catch_unwind(AssertUnwindSafe(|| {
        for text in texts {
            if let Err(error) = session.shared(text) {
                tracing::debug!(text, error = error.message(), "warming up");
            }
        }
        (answered.question)(session)
    }));
    if warmed.is_err() {
        tracing::error!("an evaluation ended in a bug in floe while a heap was warmed up");
    }
}

/// Begins a heap that is to take the place of the one of this thread, if none is on its way.
fn start_successor(shared: &Arc<Shared>, thread: u64, answered: Task, texts: Vec<String>) {
    let interrupt = Arc::<AtomicBool>::default();
    {
        let mut queue = shared.lock();
        if queue.active != thread || queue.successor.is_some() || queue.ended {
            return;
        }
        queue.successor = Some(Successor { interrupt: interrupt.clone(), changed: Vec::new() });
    }
    spawn(shared, thread + 1, Some(Start::Succession { answered, texts, interrupt }));
}
