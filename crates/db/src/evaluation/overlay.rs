//! The disk with the unsaved texts over it.

use floe_eval::fs::{FileSystem, FileType, Lowered};
use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::worker::Setting;
use crate::{Buffers, Files};

/// See the module.
pub(super) struct Overlay {
    files: Files,
    buffers: RefCell<Buffers>,
    /// The folders of the user's own files.
    roots: Vec<PathBuf>,
    /// The folder of nixpkgs.
    nixpkgs: Option<PathBuf>,
    /// While a value is evaluated that questions share: what it reads is not the user's to edit, even
    /// where it lies in an open folder. When it changes, the heap is dropped.
    pub(super) in_shared: Cell<bool>,
}

impl Overlay {
    pub(super) fn new(setting: &Setting) -> Rc<Overlay> {
        Rc::new(Overlay {
            files: setting.files.clone(),
            buffers: RefCell::default(),
            roots: setting.roots.clone(),
            nixpkgs: setting.nixpkgs.clone(),
            in_shared: Cell::new(false),
        })
    }

    /// Whether a file is the user's own: in an open folder, and no part of nixpkgs.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
            && self.nixpkgs.as_ref().is_none_or(|nixpkgs| !path.starts_with(nixpkgs))
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

    fn is_volatile(&self, path: &Path) -> bool {
        !self.in_shared.get() && self.is_own(path)
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

    fn visit_dir(
        &self,
        path: &Path,
        see: &mut dyn FnMut(OsString, FileType) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.files.system().visit_dir(path, see)
    }
}
