//! Files as salsa inputs, and the table from path to input.
//!
//! A file enters the table when something first asks for it. What it says is its *buffer* while an
//! editor has it open, and what the disk says otherwise: the disk is read inside of [`source`], a query
//! that depends on the file's [`Stamp`]; whoever watches the disk sets a new stamp.

use std::any::{Any, TypeId};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use dashmap::{DashMap, Entry};
use floe_syntax::LineIndex;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use salsa::{Durability, Setter};
use thiserror::Error;

use crate::evaluation::Worker;
use crate::query::Edited;
use crate::{Db, Stamp, System};

/// A path that analysis has asked for. It need not exist.
#[salsa::input(debug)]
pub struct File {
    /// Absolute, without `.` and `..`; symbolic links are not resolved.
    #[returns(ref)]
    pub path: PathBuf,
    /// What the disk had there when it was last looked at.
    #[returns(copy)]
    pub stamp: Stamp,
    /// The unsaved text, while an editor has the file open.
    #[returns(ref)]
    pub buffer: Option<Arc<str>>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The text; empty where there is a problem.
    pub text: Arc<str>,
    /// Why there is no text.
    pub problem: Option<ReadProblem>,
}

/// Why a file has no text that analysis could use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum ReadProblem {
    #[error("{} does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("{} is a directory; expected a file with Nix code", path.display())]
    Directory { path: PathBuf },
    #[error("{} is neither a file nor a directory", path.display())]
    Special { path: PathBuf },
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: std::io::ErrorKind },
    #[error(
        "{} has {size} bytes; files of more than {} bytes are not analysed",
        path.display(), MAX_SIZE
    )]
    TooLarge { path: PathBuf, size: u64 },
    #[error(
        "{} is not valid UTF-8: the byte at offset {offset} starts no character; save the file as UTF-8",
        path.display()
    )]
    NotUtf8 { path: PathBuf, offset: usize },
}

/// The largest file that is analysed. The largest file of nixpkgs has half a megabyte of packages in
/// it; what is a hundred times larger is data.
pub const MAX_SIZE: u64 = 128 << 20;

/// The text of a file, not kept: for whoever looks at very many files once.
///
/// # Errors
/// Why there is no text.
pub fn peek(db: &dyn Db, file: File) -> Result<Arc<str>, ReadProblem> {
    match file.buffer(db) {
        Some(buffer) => Ok(buffer.clone()),
        None => read(db.files().system(), file.path(db), file.stamp(db)),
    }
}

/// The text of a file.
#[salsa::tracked]
pub fn source(db: &dyn Db, file: File) -> Source {
    match peek(db, file) {
        Ok(text) => Source { text, problem: None },
        Err(problem) => Source { text: Arc::from(""), problem: Some(problem) },
    }
}

fn read(system: &dyn System, path: &Path, stamp: Stamp) -> Result<Arc<str>, ReadProblem> {
    let path = || path.to_path_buf();
    match stamp {
        Stamp::Missing => return Err(ReadProblem::Missing { path: path() }),
        Stamp::Directory { .. } => return Err(ReadProblem::Directory { path: path() }),
        Stamp::Special => return Err(ReadProblem::Special { path: path() }),
        Stamp::Unreachable(reason) => return Err(ReadProblem::Unreadable { path: path(), reason }),
        Stamp::File { size, .. } if size > MAX_SIZE => {
            return Err(ReadProblem::TooLarge { path: path(), size });
        }
        Stamp::File { .. } => {}
    }
    let bytes = system
        .read(&path())
        .map_err(|error| ReadProblem::Unreadable { path: path(), reason: error.kind() })?;
    String::from_utf8(bytes).map(Arc::from).map_err(|error| ReadProblem::NotUtf8 {
        path: path(),
        offset: error.utf8_error().valid_up_to(),
    })
}

/// All files that analysis knows, shared by every clone of a database.
#[derive(Clone)]
pub struct Files {
    shared: Arc<Shared>,
}

struct Shared {
    by_path: DashMap<PathBuf, File, FxBuildHasher>,
    /// The unsaved texts once more, for the evaluator, which works outside of salsa. Only the writer
    /// changes it, while no reader lives; so a reader always sees it as of its own revision.
    buffers: RwLock<Buffers>,
    /// What was last derived from the texts of the files that are being edited.
    edited: DashMap<File, Edited, FxBuildHasher>,
    /// Where their lines begin, and in which text.
    lines: DashMap<File, (Arc<str>, Arc<LineIndex>), FxBuildHasher>,
    /// Which paths have changed since the evaluator last asked.
    changed: Mutex<Vec<PathBuf>>,
    worker: OnceLock<Worker>,
    /// Called when an answer has come that somebody has gone on without.
    arrival: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Which paths the disk has told of since they were last asked for by who keeps facts about all files.
    told: Mutex<FxHashSet<PathBuf>>,
    /// What the rooms above keep for themselves.
    kept: Mutex<FxHashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    system: Arc<dyn System>,
}

/// The unsaved texts by path.
pub type Buffers = Arc<FxHashMap<PathBuf, Arc<str>>>;

impl Files {
    /// No files yet, on this disk.
    pub fn new(system: Arc<dyn System>) -> Files {
        let shared = Shared {
            by_path: DashMap::default(),
            buffers: RwLock::default(),
            edited: DashMap::default(),
            lines: DashMap::default(),
            changed: Mutex::default(),
            worker: OnceLock::new(),
            arrival: OnceLock::new(),
            told: Mutex::default(),
            kept: Mutex::default(),
            system,
        };
        Files { shared: Arc::new(shared) }
    }

    /// The disk.
    pub fn system(&self) -> &dyn System {
        &*self.shared.system
    }

    /// The disk, to keep.
    pub fn shared_system(&self) -> Arc<dyn System> {
        self.shared.system.clone()
    }

    /// The unsaved texts of all open files.
    pub fn buffers(&self) -> Buffers {
        self.shared.buffers.read().map(|buffers| buffers.clone()).unwrap_or_default()
    }

    /// The file at `path`, entered into the table if it is new there. `path` must be absolute.
    pub fn get(&self, db: &dyn Db, path: &Path) -> File {
        let path = normalize(path);
        if let Some(file) = self.shared.by_path.get(&path) {
            return *file;
        }
        match self.shared.by_path.entry(path.clone()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let stamp = self.shared.system.stamp(&path);
                let durability = durability(&path);
                let file = File::builder(path, stamp, None)
                    .durability(durability)
                    .path_durability(Durability::HIGH)
                    .new(db);
                *entry.insert(file)
            }
        }
    }

    /// The file at `path` if anything has asked for it before.
    pub fn known(&self, path: &Path) -> Option<File> {
        self.shared.by_path.get(&normalize(path)).map(|file| *file)
    }

    /// All known paths below `folder`.
    pub fn known_below(&self, folder: &Path) -> Vec<PathBuf> {
        let paths = self.shared.by_path.iter().map(|entry| entry.key().clone());
        paths.filter(|path| path.starts_with(folder)).collect()
    }

    /// What was last derived from the text of an open file, to be put back once it is up to date.
    pub(crate) fn take_edited(&self, file: File) -> Option<Edited> {
        self.shared.edited.remove(&file).map(|(_, edited)| edited)
    }

    /// The program of an open file, if that has just this text and nothing is wrong with it.
    pub(crate) fn lowered(&self, path: &Path, text: &Arc<str>) -> Option<floe_eval::fs::Lowered> {
        let file = self.known(path)?;
        self.shared.edited.get(&file)?.lowered(text)
    }

    pub(crate) fn remember_edited(&self, file: File, edited: Edited) {
        self.shared.edited.insert(file, edited);
    }

    pub(crate) fn take_lines(&self, file: File) -> Option<(Arc<str>, Arc<LineIndex>)> {
        self.shared.lines.remove(&file).map(|(_, lines)| lines)
    }

    pub(crate) fn remember_lines(&self, file: File, text: Arc<str>, lines: Arc<LineIndex>) {
        self.shared.lines.insert(file, (text, lines));
    }

    /// The thread that evaluates. It is started by the first who asks.
    pub(crate) fn worker(&self) -> &Worker {
        self.shared.worker.get_or_init(Worker::start)
    }

    /// Has questions be answered for somebody who does not wait long, but hears of late answers.
    pub(crate) fn tell_arrivals(&self, arrival: impl Fn() + Send + Sync + 'static) {
        let _ = self.shared.arrival.set(Box::new(arrival));
    }

    /// Who hears of late answers.
    pub(crate) fn arrival(&self) -> Option<&(dyn Fn() + Send + Sync)> {
        self.shared.arrival.get().map(|arrival| &**arrival)
    }

    /// Which paths have changed since this was last asked.
    pub(crate) fn take_changed(&self) -> Vec<PathBuf> {
        self.shared
            .changed
            .lock()
            .map(|mut changed| std::mem::take(&mut *changed))
            .unwrap_or_default()
    }

    /// To be called after the change, when no reader is left that has seen what was before.
    fn note_change(&self, path: PathBuf) {
        if let Some(worker) = self.shared.worker.get() {
            worker.note_change(&path);
        }
        if let Ok(mut changed) = self.shared.changed.lock() {
            // While nobody evaluates, the list must not grow with every keystroke.
            if changed.last() != Some(&path) {
                changed.push(path);
            }
        }
    }

    /// What a room above keeps beside the files, for what salsa would need too much memory for. Whoever
    /// keeps something there takes care that it is that of the present revision.
    pub fn keep<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        let mut kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        kept.downcast().unwrap_or_default()
    }

    /// Which paths the disk has told of since this was last asked. Changes only between two revisions.
    pub fn take_told(&self) -> Vec<PathBuf> {
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *told).into_iter().collect()
    }

    pub(crate) fn note_told(&self, paths: impl IntoIterator<Item = PathBuf>) {
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(paths);
    }

    pub(crate) fn set_buffer(&self, db: &mut dyn Db, path: &Path, text: Option<Arc<str>>) {
        let file = self.get(db, path);
        let key = file.path(db).clone();
        // An edited file changes more often than any file on disk.
        if text.is_none() {
            self.shared.edited.remove(&file);
            self.shared.lines.remove(&file);
        }
        file.set_buffer(db).with_durability(Durability::LOW).to(text.clone());
        if let (Some(text), Some(mut edited)) = (&text, self.shared.edited.get_mut(&file)) {
            edited.note(text);
        }
        if let Ok(mut buffers) = self.shared.buffers.write() {
            let buffers = Arc::make_mut(&mut buffers);
            match text {
                Some(text) => buffers.insert(key.clone(), text),
                None => buffers.remove(&key),
            };
        }
        self.note_change(key);
    }

    /// Looks at the disk again. Tells whether anything changed; nothing is invalidated otherwise.
    pub(crate) fn refresh(&self, db: &mut dyn Db, path: &Path) -> bool {
        let Some(file) = self.known(path) else { return false };
        let stamp = self.shared.system.stamp(file.path(db));
        let changed = stamp != file.stamp(db);
        if changed {
            file.set_stamp(db).to(stamp);
            self.note_change(file.path(db).clone());
        }
        changed
    }
}

/// Store paths never change; elsewhere a file does, but more rarely than an open one.
fn durability(path: &Path) -> Durability {
    if path.starts_with("/nix/store") { Durability::HIGH } else { Durability::MEDIUM }
}

/// Removes `.` and `..` from an absolute path without asking the disk.
pub fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}
