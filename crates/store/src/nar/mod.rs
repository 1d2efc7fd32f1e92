//! NAR, Nix's archive of one file system object.
//!
//! A NAR keeps what matters to a build and nothing else: names, contents, the executable bit and
//! the targets of symbolic links. Every string is its length (64 bits, little-endian), its bytes,
//! and zeros up to a multiple of eight. Entries of a directory are sorted, so equal trees have
//! equal archives. [`write`] makes archives, [`read`] takes them apart; both stop at
//! [`MAX_DEPTH`] nested directories, as Nix does.

mod read;
mod tree;
mod write;

use std::io;
use std::path::PathBuf;

pub use read::{Discard, Sink, read, restore};
pub use tree::{Entries, Tree, read_tree, write_tree};
pub use write::{FileKind, dump, dump_filtered, hash_flat, hash_path, write_file};

/// How the first string of every archive reads.
const MAGIC: &[u8] = b"nix-archive-1";

/// The deepest nesting of directories.
pub const MAX_DEPTH: usize = 64;

/// Longest file name in an archive.
const MAX_NAME: u64 = 255;

/// Longest target of a symbolic link in an archive.
const MAX_TARGET: u64 = 4095;

/// The size of the pieces in which contents are moved.
const CHUNK: usize = 256 * 1024;

/// Why an archive could not be made, read or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum NarError {
    /// A file could not be read or written.
    #[error("{action} '{}': {source}", path.display())]
    File {
        /// What was being done, such as `reading`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something other than a file, a directory or a symbolic link.
    #[error("file '{}' has an unsupported type", .0.display())]
    UnsupportedType(PathBuf),
    /// The file became shorter while it was being read.
    #[error("file '{}' changed while it was being read: expected {expected} bytes, found {found}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its size when it was opened.
        expected: u64,
        /// What could be read.
        found: u64,
    },
    /// Directories nest too deeply on disk.
    #[error("path '{}' exceeds maximum NAR directory depth of {MAX_DEPTH}", .0.display())]
    TooDeep(PathBuf),
    /// A flat hash of something that is not a regular file.
    #[error("'{}' is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// The stream that the archive comes from or goes to failed.
    #[error("the archive's stream: {0}")]
    Stream(#[source] io::Error),
    /// The bytes are not an archive.
    #[error("bad archive: {0}")]
    Bad(#[from] BadArchive),
}

/// What is wrong with the bytes of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadArchive {
    /// It does not start as archives do.
    #[error("input doesn't look like a Nix archive")]
    Magic,
    /// It ends in the middle.
    #[error("unexpected end of the archive")]
    Truncated,
    /// Another keyword belongs here.
    #[error("expected {expected}, got '{found}'")]
    Tag {
        /// What may stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// Not `regular`, `directory` or `symlink`.
    #[error("unknown file type '{0}'")]
    FileType(String),
    /// A string is longer than its kind allows.
    #[error("string of {found} bytes where at most {maximum} are allowed")]
    TooLong {
        /// The stated length.
        found: u64,
        /// The limit.
        maximum: u64,
    },
    /// The bytes that fill up a string are not zero.
    #[error("non-zero padding")]
    Padding,
    /// Empty, `.`, `..`, or with a slash or a zero byte.
    #[error("NAR contains invalid file name '{0}'")]
    FileName(String),
    /// Entries do not ascend, or one occurs twice.
    #[error("NAR directory is not sorted: '{0}' comes too late")]
    Unsorted(String),
    /// Empty, or with a zero byte.
    #[error("NAR contains invalid symlink target")]
    Target,
    /// Too many nested directories.
    #[error("NAR directory nesting exceeds maximum depth of {MAX_DEPTH}")]
    TooDeep,
}

fn file_error(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> NarError {
    move |source| NarError::File { action, path: path.to_owned(), source }
}
