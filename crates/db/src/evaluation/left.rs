//! Questions whose askers have gone on without an answer.
//!
//! They are answered behind everybody's back, and whoever asks the same again finds the answer, or waits
//! for it where the other left off.

use std::any::{Any, TypeId};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::worker::{Setting, Ticket};

/// How many there are at most; the oldest is given up.
const MOST: usize = 8;

/// How long one is kept from its being left first, answered or not.
const LONGEST: Duration = Duration::from_secs(120);

/// What is asked, by the code that answers it, and what it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) question: TypeId,
    pub(super) about: salsa::Id,
}

/// A question on its way to an answer.
pub(super) struct Asked<T> {
    pub(super) ticket: Ticket,
    /// The answer, and what it was read from.
    pub(super) answer: Receiver<(T, Vec<PathBuf>)>,
    /// Whether its asker has gone on with less, so that the answer's arrival is to be told.
    pub(super) is_awaited: Arc<AtomicBool>,
    /// When an asker left it behind first.
    pub(super) left_at: Option<Instant>,
    pub(super) setting: Setting,
    /// What has changed since it was asked.
    pub(super) changed: Vec<PathBuf>,
}

impl<T> Asked<T> {
    /// Whether an answer that was read from these paths still holds.
    pub(super) fn holds(&self, reads: &[PathBuf]) -> bool {
        !self.changed.iter().any(|path| reads.contains(path))
    }
}

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Left {
    questions: Arc<Mutex<Questions>>,
}

#[derive(Default)]
struct Questions {
    /// The one that was left last at the end.
    entries: Vec<Entry>,
    /// Whether a thread gives up those that nobody has asked for again.
    are_watched: bool,
}

struct Entry {
    key: Key,
    left_at: Instant,
    changed: Vec<PathBuf>,
    asked: Box<dyn Any + Send>,
}

impl Left {
    /// Leaves a question behind.
    pub(super) fn leave<T: Send + 'static>(&self, key: Key, mut asked: Asked<T>) {
        asked.ticket.give_way();
        let left_at = *asked.left_at.get_or_insert_with(Instant::now);
        let changed = std::mem::take(&mut asked.changed);
        let mut questions = lock(&self.questions);
        questions.entries.push(Entry { key, left_at, changed, asked: Box::new(asked) });
        let oldest = (questions.entries.len() > MOST).then(|| questions.entries.remove(0));
        if !questions.are_watched {
            let watched = Arc::downgrade(&self.questions);
            let started =
                thread::Builder::new().name("patience".into()).spawn(move || watch(&watched));
            questions.are_watched = started.is_ok();
            if let Err(error) = started {
                tracing::warn!(%error, "a question may be worked on for ever");
            }
        }
        drop(questions);
        // To drop a question is to take it back from the worker.
        drop(oldest);
    }

    /// The question that was left behind, to wait for it again.
    pub(super) fn take<T: 'static>(&self, key: Key, setting: &Setting) -> Option<Asked<T>> {
        let mut questions = lock(&self.questions);
        let index = questions.entries.iter().position(|entry| entry.key == key)?;
        let Entry { changed, asked, .. } = questions.entries.remove(index);
        drop(questions);
        let mut asked = *asked.downcast::<Asked<T>>().ok()?;
        if !asked.setting.is_about_the_same(setting) {
            return None;
        }
        asked.changed = changed;
        asked.is_awaited.store(false, Ordering::SeqCst);
        asked.ticket.hurry();
        Some(asked)
    }

    /// Something that an answer may have been read from is different now.
    pub(super) fn note_change(&self, path: &Path) {
        for entry in &mut lock(&self.questions).entries {
            if entry.changed.last().is_none_or(|last| last != path) {
                entry.changed.push(path.to_path_buf());
            }
        }
    }
}

/// Gives up each question whose time is over, until none is left.
fn watch(questions: &Weak<Mutex<Questions>>) {
    while let Some(next) = questions.upgrade().and_then(|questions| give_up(&questions)) {
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Gives up the questions whose time is over. Returns when that of the next one is.
fn give_up(questions: &Mutex<Questions>) -> Option<Instant> {
    let mut questions = lock(questions);
    let is_over = |entry: &mut Entry| entry.left_at.elapsed() >= LONGEST;
    let over: Vec<Entry> = questions.entries.extract_if(.., is_over).collect();
    let next = questions.entries.iter().map(|entry| entry.left_at + LONGEST).min();
    questions.are_watched = next.is_some();
    drop(questions);
    drop(over);
    next
}

fn lock(questions: &Mutex<Questions>) -> MutexGuard<'_, Questions> {
    questions.lock().unwrap_or_else(PoisonError::into_inner)
}
