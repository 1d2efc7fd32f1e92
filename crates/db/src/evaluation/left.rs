//! Questions whose askers have gone on without an answer.
//!
//! They are answered behind everybody's back, and whoever asks the same again finds the answer, or waits
//! for it where the other left off.

use std::any::{Any, TypeId};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::worker::{Setting, Ticket};

/// How many there are at most; the oldest is given up.
const MOST: usize = 8;

/// How long one is kept, answered or not.
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
    /// Whether an asker has left it behind before.
    pub(super) was_left: bool,
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
    entries: Arc<Mutex<Vec<Entry>>>,
}

struct Entry {
    key: Key,
    number: u64,
    changed: Vec<PathBuf>,
    asked: Box<dyn Any + Send>,
}

impl Left {
    /// Leaves a question behind.
    pub(super) fn leave<T: Send + 'static>(&self, key: Key, mut asked: Asked<T>) {
        asked.ticket.give_way();
        let number = asked.ticket.number();
        let is_new = !std::mem::replace(&mut asked.was_left, true);
        let changed = std::mem::take(&mut asked.changed);
        let oldest = {
            let mut entries = self.lock();
            entries.push(Entry { key, number, changed, asked: Box::new(asked) });
            (entries.len() > MOST).then(|| entries.remove(0))
        };
        drop(oldest);
        if is_new {
            let entries = Arc::downgrade(&self.entries);
            let give_up = move || {
                thread::sleep(LONGEST);
                let Some(entries) = entries.upgrade() else { return };
                drop(Left { entries }.remove(|entry| entry.number == number));
            };
            let started = thread::Builder::new().name("patience".into()).spawn(give_up);
            if let Err(error) = started {
                tracing::warn!(%error, "a question may be worked on for ever");
            }
        }
    }

    /// The question that was left behind, to wait for it again.
    pub(super) fn take<T: 'static>(&self, key: Key, setting: &Setting) -> Option<Asked<T>> {
        let Entry { changed, asked, .. } = self.remove(|entry| entry.key == key)?;
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
        for entry in &mut *self.lock() {
            if entry.changed.last().is_none_or(|last| last != path) {
                entry.changed.push(path.to_path_buf());
            }
        }
    }

    fn remove(&self, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let mut entries = self.lock();
        let index = entries.iter().position(is_it)?;
        Some(entries.remove(index))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
