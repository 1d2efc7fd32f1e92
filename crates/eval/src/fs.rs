//! How the evaluator sees files: only through [`FileSystem`].

use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_hir::{Module, SourceMap};

/// Where the evaluator reads files. The editor's shows unsaved text; tests keep files in memory.
pub trait FileSystem {
    /// A file's content; symbolic links are followed.
    ///
    /// # Errors
    ///
    /// Those of reading a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What is at a path; a symbolic link is not followed.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is nothing, and those of asking.
    fn file_type(&self, path: &Path) -> io::Result<FileType>;

    /// The target of a symbolic link, as it is written there.
    ///
    /// # Errors
    ///
    /// Those of reading a link.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// The entries of a folder, in any order.
    ///
    /// # Errors
    ///
    /// Those of reading a folder.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>>;

    /// Shows the entries of a folder one by one while it is read, for as long as `see` wants more.
    ///
    /// # Errors
    ///
    /// Those of reading a folder.
    fn visit_dir(
        &self,
        path: &Path,
        see: &mut dyn FnMut(OsString, FileType) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let _ = self.read_dir(path)?.into_iter().try_for_each(|(name, kind)| see(name, kind));
        Ok(())
    }

    /// Whether the next question may find something else at this path, while the heap stays: then what
    /// was read from it counts only until [`Evaluator::forget`](crate::Evaluator::forget).
    fn is_volatile(&self, _path: &Path) -> bool {
        false
    }

    /// The file, already lowered, if somebody has done that.
    fn lowered(&self, _path: &Path) -> Option<Lowered> {
        None
    }

    /// Is shown each file that the evaluator has lowered itself, to give it in [`FileSystem::lowered`] when
    /// it is asked for again.
    fn keep_lowered(&self, _path: &Path, _lowered: &Lowered) {}
}

/// A lowered file.
#[derive(Clone)]
pub struct Lowered {
    /// Its text.
    pub text: Arc<str>,
    /// The program.
    pub module: Arc<Module>,
    /// Where things stand in the text.
    pub source_map: Arc<SourceMap>,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FileType {
    Regular,
    Directory,
    Symlink,
    Other,
}

impl FileType {
    /// The word that `builtins.readDir` has for it.
    pub fn name(self) -> &'static str {
        match self {
            FileType::Regular => "regular",
            FileType::Directory => "directory",
            FileType::Symlink => "symlink",
            FileType::Other => "unknown",
        }
    }
}

impl From<std::fs::FileType> for FileType {
    fn from(file_type: std::fs::FileType) -> FileType {
        if file_type.is_file() {
            FileType::Regular
        } else if file_type.is_dir() {
            FileType::Directory
        } else if file_type.is_symlink() {
            FileType::Symlink
        } else {
            FileType::Other
        }
    }
}

/// The machine's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFileSystem;

impl FileSystem for RealFileSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        Ok(std::fs::symlink_metadata(path)?.file_type().into())
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::read_link(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        let mut entries = Vec::new();
        self.visit_dir(path, &mut |name, file_type| {
            entries.push((name, file_type));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    fn visit_dir(
        &self,
        path: &Path,
        see: &mut dyn FnMut(OsString, FileType) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if see(entry.file_name(), entry.file_type()?.into()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
