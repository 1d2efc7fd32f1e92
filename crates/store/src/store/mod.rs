//! Stores: where paths are kept, looked up, added and collected.
//!
//! [`Store`] is what evaluating and building need of one, whoever keeps it. [`LocalStore`] works on
//! the files itself, [`DaemonStore`](crate::daemon::DaemonStore) asks the daemon of a multi-user
//! installation; [`StoreLocation`] decides between them.

mod canonicalise;
mod collect;
mod layout;
mod local;
mod lock;
mod roots;
mod source;
mod verify;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::content_address::Method;
use crate::database::DatabaseError;
use crate::derivation::{Derivation, DerivationError};
use crate::hash::{Algorithm, Hash};
use crate::nar::NarError;
use crate::path::{PathError, StoreDir, StorePath};
use crate::path_info::PathInfo;

pub use canonicalise::{canonicalise, delete};
pub use collect::{GarbageOptions, GarbageReport};
pub use layout::{Layout, StoreLocation};
pub use local::{LocalStore, TemporaryDirectory};
pub use lock::PathLocks;
pub use roots::Root;
pub(crate) use roots::make_root_link;
pub use source::{Filter, add_path, compute_path};
pub use verify::VerifyReport;

/// A text file for [`Store::add_texts`].
#[derive(Debug, Clone)]
pub struct TextFile {
    /// The name in the store.
    pub name: String,
    /// The bytes.
    pub contents: Vec<u8>,
    /// The paths that they need.
    pub references: BTreeSet<StorePath>,
}

/// What evaluating and building need of a store.
pub trait Store: Send + Sync {
    /// What its paths are printed with.
    fn store_dir(&self) -> &StoreDir;

    /// What is known about `path`, if it is valid.
    fn query(&self, path: &StorePath) -> Result<Option<PathInfo>, StoreError>;

    /// Whether `path` is valid.
    fn is_valid(&self, path: &StorePath) -> Result<bool, StoreError> {
        Ok(self.query(path)?.is_some())
    }

    /// Where the files of `path` can be read.
    fn real_path(&self, path: &StorePath) -> PathBuf;

    /// Keeps `path` from being collected as long as this store is open, valid or not.
    fn add_temp_root(&self, path: &StorePath) -> Result<(), StoreError>;

    /// Adds what `dump` yields under a name that follows from its contents: a file's bytes for
    /// [`Method::Flat`] and [`Method::Text`], a NAR for the others.
    fn add_dump(
        &self,
        name: &str,
        method: Method,
        algorithm: Algorithm,
        references: &BTreeSet<StorePath>,
        dump: &mut dyn Read,
    ) -> Result<StorePath, StoreError>;

    /// Adds text files, derivations above all, each behind those that it refers to. Those that are valid
    /// already cost a look-up only.
    fn add_texts(&self, files: &[TextFile]) -> Result<Vec<StorePath>, StoreError> {
        let add = |file: &TextFile| {
            let hash = Hash::sha256(&file.contents);
            let path = self.store_dir().text_path(&file.name, &hash, &file.references)?;
            self.add_temp_root(&path)?;
            if !self.is_valid(&path)? {
                let contents = &mut &*file.contents;
                let algorithm = Algorithm::Sha256;
                self.add_dump(&file.name, Method::Text, algorithm, &file.references, contents)?;
            }
            Ok(path)
        };
        files.iter().map(add).collect()
    }

    /// Adds a path as another store has it: its NAR and what is known of it.
    fn add_nar(&self, info: &PathInfo, nar: &mut dyn Read) -> Result<(), StoreError>;

    /// Makes the symbolic link `link` to `path`, and `path` alive as long as the link is there.
    fn add_root(&self, link: &Path, path: &StorePath) -> Result<(), StoreError>;

    /// Every valid path.
    fn valid_paths(&self) -> Result<BTreeSet<StorePath>, StoreError>;

    /// What keeps paths alive, as (path, root).
    fn roots(&self) -> Result<BTreeSet<(StorePath, Root)>, StoreError>;

    /// Deletes what nothing needs.
    fn collect_garbage(&self, options: &GarbageOptions) -> Result<GarbageReport, StoreError>;
}

impl dyn Store + '_ {
    /// Adds a text file with references, as `builtins.toFile` does.
    pub fn add_text(
        &self,
        name: &str,
        contents: &[u8],
        references: &BTreeSet<StorePath>,
    ) -> Result<StorePath, StoreError> {
        self.add_dump(name, Method::Text, Algorithm::Sha256, references, &mut &*contents)
    }

    /// Writes a derivation. One that is valid already costs a look-up only.
    pub fn add_derivation(&self, derivation: &Derivation) -> Result<StorePath, StoreError> {
        let (path, contents) = derivation.to_store(self.store_dir())?;
        let name = derivation.file_name();
        let references = derivation.references();
        self.add_texts(&[TextFile { name, contents, references }])?;
        Ok(path)
    }

    /// Reads a derivation.
    pub fn read_derivation(&self, path: &StorePath) -> Result<Derivation, StoreError> {
        let file = self.real_path(path);
        let text =
            std::fs::read(&file).map_err(|source| StoreError::file("reading", &file, source))?;
        Derivation::from_aterm(self.store_dir(), path.derivation_name()?, &text).map_err(|source| {
            StoreError::BadDerivation { path: self.store_dir().print(path), source }
        })
    }

    /// `paths` and everything that they need, directly or not.
    pub fn closure(
        &self,
        paths: impl IntoIterator<Item = StorePath>,
    ) -> Result<BTreeSet<StorePath>, StoreError> {
        let mut queue: VecDeque<_> = paths.into_iter().collect();
        let mut closure: BTreeSet<_> = queue.iter().cloned().collect();
        while let Some(path) = queue.pop_front() {
            let info = self
                .query(&path)?
                .ok_or_else(|| StoreError::NotValid(self.store_dir().print(&path)))?;
            for reference in info.references {
                if closure.insert(reference.clone()) {
                    queue.push_back(reference);
                }
            }
        }
        Ok(closure)
    }
}

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum StoreError {
    #[error("{action} '{}': {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("path '{0}' is not valid")]
    NotValid(String),
    #[error("cannot read derivation '{path}': {source}")]
    BadDerivation { path: String, source: DerivationError },
    #[error("hash mismatch importing path '{path}';\n  specified: {specified}\n  got:       {got}")]
    HashMismatch { path: String, specified: String, got: String },
    #[error("cannot add path '{path}' to the store: its contents give it the name '{computed}'")]
    NotContentAddressed { path: String, computed: String },
    #[error(
        "creating a garbage collector root ('{}') in the Nix store is forbidden (are you running a build inside the store?)",
        .0.display()
    )]
    RootInStore(PathBuf),
    #[error("cannot create symlink '{}'; already exists", .0.display())]
    RootExists(PathBuf),
    #[error("cannot delete path '{0}' since it is still alive")]
    StillAlive(String),
    #[error("'{location}' is not the location of a store: {reason}")]
    BadLocation { location: String, reason: &'static str },
    #[error(
        "no store can be written: there is no daemon at '{}', '{}' is not writable, and neither XDG_DATA_HOME nor HOME says where to keep one. Name one with --store",
        socket.display(),
        store.display()
    )]
    NoStore { socket: PathBuf, store: PathBuf },
    #[error("interrupted")]
    Interrupted,
    #[error("the store at '{0}' cannot do this: {1}")]
    Unsupported(String, &'static str),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Nar(#[from] NarError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    #[error(transparent)]
    Daemon(#[from] crate::daemon::DaemonError),
}

impl StoreError {
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }
}
