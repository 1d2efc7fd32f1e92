//! The salsa database: files as inputs, parse, lower, resolve and evaluate queries.
//!
//! Everything the editor's side knows is derived here from two inputs, [`File`] and [`Workspace`]. One
//! thread owns the writing side (see [`Host`]); readers work on clones of the [`Database`], which the
//! next write cancels. Nothing here knows of the protocol that the editor speaks.

mod discovery;
mod evaluation;
#[allow(missing_docs, reason = "salsa writes methods without documentation")]
mod file;
mod host;
mod query;
mod system;
mod watch;
#[allow(missing_docs, reason = "salsa writes methods without documentation")]
mod workspace;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use discovery::{Nixpkgs, cache_folder, nixpkgs};
pub use evaluation::{Apart, Evaluated, Patience, ReadFrom, Session, evaluate};
pub use file::{Buffers, File, Files, MAX_SIZE, ReadProblem, Source, normalize, peek, source};
/// Gives memory that was freed back to the system.
pub use floe_eval::heap::give_back as give_back_memory;
pub use host::{Change, Host, Revised};
pub use query::{
    Generation, changed_since, generation, line_index, module, parse, problems, scopes, source_map,
};
pub use salsa::{CancellationToken, Cancelled, Database as Salsa};
pub use system::{MemorySystem, OsSystem, Stamp, System};
pub use watch::Watcher;
pub use workspace::{Settings, Workspace};

/// What queries need beside salsa itself.
#[salsa::db]
pub trait Db: salsa::Database {
    /// The table of files.
    fn files(&self) -> &Files;

    /// The file at an absolute path.
    fn file(&self, path: &Path) -> File;

    /// The open folders and settings.
    fn workspace(&self) -> Workspace;

    /// Notes that an evaluation had no answer.
    fn note_lack(&self);

    /// Whether an evaluation had no answer for whoever reads with this handle: more may be known later.
    fn lacks_answers(&self) -> bool;
}

/// The database itself. A clone is a handle for reading; see [`Host`] for how handles are handed out.
#[salsa::db]
#[derive(Clone)]
pub struct Database {
    storage: salsa::Storage<Self>,
    files: Files,
    lacks_answers: Arc<AtomicBool>,
}

#[salsa::db]
impl salsa::Database for Database {}

#[salsa::db]
impl Db for Database {
    fn files(&self) -> &Files {
        &self.files
    }

    fn file(&self, path: &Path) -> File {
        self.files.get(self, path)
    }

    fn workspace(&self) -> Workspace {
        Workspace::get(self)
    }

    fn note_lack(&self) {
        self.lacks_answers.store(true, Ordering::Relaxed);
    }

    fn lacks_answers(&self) -> bool {
        self.lacks_answers.load(Ordering::Relaxed)
    }
}

impl Database {
    /// An empty database over a disk.
    pub fn new(system: Arc<dyn System>, roots: Vec<PathBuf>, settings: Settings) -> Database {
        let database = Database {
            storage: salsa::Storage::default(),
            files: Files::new(system),
            lacks_answers: Arc::default(),
        };
        Workspace::create(&database, roots, settings);
        database
    }

    /// A handle for one answer, which lacks nothing so far.
    pub(crate) fn reader(&self) -> Database {
        Database { lacks_answers: Arc::default(), ..self.clone() }
    }

    /// Applies one change. Waits until every other handle is gone; cancels what they compute.
    pub fn apply(&mut self, change: Change) -> Revised {
        host::apply(self, change)
    }
}

/// Runs `read`, unless a write gets in its way: then what it has computed so far is dropped.
pub fn cancellable<T>(read: impl FnOnce() -> T) -> Result<T, Cancelled> {
    // A reader owns its handle and drops it afterwards, so nothing sees what an unwinding left behind.
    Cancelled::catch(std::panic::AssertUnwindSafe(read))
}
