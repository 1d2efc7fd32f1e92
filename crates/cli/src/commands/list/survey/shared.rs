//! What the evaluators have in common: the files that were parsed, and what has been said.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use floe_eval::{
    Console,
    error::Report,
    fs::{FileSystem, FileType, Lowered, RealFileSystem},
};

use crate::evaluation::{Layout, Terminal};

/// Says everything once, though values are evaluated anew in each heap.
#[derive(Clone, Default)]
pub(super) struct Once(Arc<Mutex<HashSet<String>>>);

impl Once {
    fn say(&self, message: &str, say: fn(&Terminal, &str)) {
        if self.is_new(message.to_owned()) {
            say(&Terminal(Layout::Own), message);
        }
    }

    fn is_new(&self, message: String) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(message)
    }
}

impl Console for Once {
    fn trace(&self, message: &str) {
        self.say(message, Terminal::trace);
    }

    fn warn(&self, message: &str) {
        self.say(message, Terminal::warn);
    }

    fn warn_at(&self, warning: &Report) {
        let place = warning.position.as_ref().map(|it| (it.origin.to_string(), it.line, it.column));
        if self.is_new(format!("{} {place:?}", warning.message)) {
            Terminal(Layout::Own).warn_at(warning);
        }
    }

    fn evaluation_warning(&self, message: &str) {
        self.say(message, Terminal::evaluation_warning);
    }
}

/// The machine's own files, each of which is parsed once.
#[derive(Clone, Default)]
pub(super) struct SharedFiles(Arc<Mutex<HashMap<PathBuf, Lowered>>>);

impl SharedFiles {
    fn lowered_files(&self) -> MutexGuard<'_, HashMap<PathBuf, Lowered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileSystem for SharedFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealFileSystem.read(path)
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        RealFileSystem.file_type(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        RealFileSystem.read_link(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        RealFileSystem.read_dir(path)
    }

    fn lowered(&self, path: &Path) -> Option<Lowered> {
        self.lowered_files().get(path).cloned()
    }

    fn keep_lowered(&self, path: &Path, lowered: &Lowered) {
        self.lowered_files().insert(path.to_owned(), lowered.clone());
    }
}
