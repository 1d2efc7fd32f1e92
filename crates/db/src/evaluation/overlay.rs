//! The disk with the unsaved texts over it.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use floe_eval::fs::{FileSystem, FileType};

use crate::{Buffers, System};

/// See the module.
pub(super) struct Overlay {
    system: Arc<dyn System>,
    buffers: RefCell<Buffers>,
}

impl Overlay {
    pub(super) fn new(system: Arc<dyn System>) -> Rc<Overlay> {
        Rc::new(Overlay { system, buffers: RefCell::default() })
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
            None => self.system.read(path),
        }
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        match self.system.file_type(path) {
            // A new file that has not been saved yet.
            Err(_) if self.is_open(path) => Ok(FileType::Regular),
            found => found,
        }
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.system.read_link(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        self.system.read_dir(path)
    }
}
