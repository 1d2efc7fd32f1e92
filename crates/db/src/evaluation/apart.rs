//! Evaluations with a heap of their own: of what is large and asked for once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use floe_eval::heap::Heap;

use super::worker::Setting;
use super::{Session, setting};
use crate::Db;

/// What a question is asked about, apart from the database: nothing waits for it.
pub struct Apart {
    setting: Setting,
}

/// What an answer was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadFrom {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Environment variables.
    pub variables: BTreeSet<String>,
}

impl Apart {
    /// About the workspace, its nixpkgs and its unsaved texts, as they are now.
    pub fn new(db: &dyn Db) -> Apart {
        Apart { setting: setting(db) }
    }

    /// The answer, and what it was read from. The heap is dropped afterwards.
    pub fn answer<T: Send>(
        &self,
        question: impl FnOnce(&Session<'_>) -> T + Send,
    ) -> Option<(T, ReadFrom)> {
        floe_eval::with_big_stack(|stack_bytes| {
            let heap = Heap::new();
            let session = Session::new(&heap, &self.setting, stack_bytes, Arc::default())?;
            session.begin(&self.setting);
            let answer = question(&session);
            Some((answer, session.read_from()))
        })
    }
}
