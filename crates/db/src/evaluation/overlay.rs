//! The disk with the unsaved texts over it.

use floe_eval::fs::{FileSystem, FileType, Lowered};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::{Buffers, Files};

/// See the module.
pub(super) struct Overlay {
    files: Files,
    buffers: RefCell<Buffers>,
}

impl Overlay {
    pub(super) fn new(files: Files) -> Rc<Overlay> {
        Rc::new(Overlay { files, buffers: RefCell::default() })
    }

    /// The texts that count from here on.
    pub(super) fn set_buffers(&self, buffers: Buffers) {
        self.buffers.replace(buffers);
    }

    fn is_open(&self, path: &Path) -> bool {
        self.buffers.borrow().contains_key(path)
    }
}

impl FileSystem for Overlay {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.buffers.borrow().get(path) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => self.files.system().read(path),
        }
    }

    /// The editor's side has the program of an open file already.
    fn lowered(&self, path: &Path) -> Option<Lowered> {
        let buffers = self.buffers.borrow();
        self.files.lowered(path, buffers.get(path)?)
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        match self.files.system().file_type(path) {
            // A new file that has not been saved yet.
            Err(_) if self.is_open(path) => Ok(FileType::Regular),
            found => found,
        }
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.files.system().read_link(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        self.files.system().read_dir(path)
    }
}
