//! What the evaluator asks of a store. [`ReadOnlyStore`] answers without one, [`WritableStore`] from
//! a real one.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use floe_store::derivation::Derivation;
use floe_store::hash::Hasher;
use floe_store::store::{TextFile, add_path};
use floe_store::{Algorithm, Hash, Method, Store, StoreDir, StoreError, StorePath, nar};

use crate::fs::FileType;

/// A store, as the evaluator needs it. Errors are messages for a person.
pub trait StoreAccess {
    /// The folder that store paths are in, by name: `/nix/store`.
    fn store_dir(&self) -> &StoreDir;

    /// Puts a text into the store, or only says which path it would have.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn add_text(
        &self,
        name: &str,
        text: &[u8],
        references: &[StorePath],
    ) -> std::result::Result<StorePath, String>;

    /// Puts a derivation into the store, at the latest when [`StoreAccess::finish`] or something that
    /// depends on it is asked for.
    ///
    /// # Errors
    ///
    /// If one that was put there before could not be written.
    fn write_derivation(&self, _file: TextFile) -> std::result::Result<(), String> {
        Ok(())
    }

    /// Returns when all derivations are written.
    ///
    /// # Errors
    ///
    /// If one could not be.
    fn finish(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    /// Puts a file or folder into the store, or only says which path it would have.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    fn add_path(&self, request: &AddPath<'_>) -> std::result::Result<StorePath, String>;

    /// Whether nothing is written to it, so that a store path need not be there.
    fn is_read_only(&self) -> bool {
        true
    }

    /// Where the files of a store path really are, if they are there.
    fn physical_path(&self, path: &StorePath) -> Option<PathBuf>;

    /// Reads a derivation that is in the store, or that this evaluation has made.
    ///
    /// # Errors
    ///
    /// If it is not there or not readable.
    fn read_derivation(&self, path: &StorePath) -> std::result::Result<Derivation, String>;

    /// A store path with everything that it refers to, as far as that is known.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn closure(&self, path: &StorePath) -> std::result::Result<BTreeSet<StorePath>, String> {
        Ok(BTreeSet::from([path.clone()]))
    }

    /// Makes sure that outputs of derivations exist, building them if that is allowed.
    ///
    /// # Errors
    ///
    /// If a build fails or is not possible.
    fn realise(&self, wanted: &[(StorePath, String)]) -> std::result::Result<(), String>;
}

/// A request to put files into the store.
pub struct AddPath<'a> {
    /// The store path's name.
    pub name: &'a str,
    /// The file or folder.
    pub source: &'a Path,
    /// Whether the hash is over the NAR (or else over the bytes of a single file).
    pub recursive: bool,
    /// Which paths of a folder to take, given as absolute path and type; `None` for all.
    pub filter: Option<RefCell<PathFilter<'a>>>,
    /// Set by another thread to give it up soon.
    pub interrupt: &'a AtomicBool,
}

/// See [`AddPath::filter`].
pub type PathFilter<'a> = &'a mut dyn FnMut(&Path, FileType) -> bool;

impl AddPath<'_> {
    /// The store path that the files would have in the store `store_dir`.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or cannot have such a store path.
    pub fn compute(&self, store_dir: &StoreDir) -> std::result::Result<StorePath, String> {
        let hash = if self.recursive { self.nar_hash()? } else { self.flat_hash()? };
        let method = if self.recursive { Method::Nar } else { Method::Flat };
        store_dir
            .fixed_output_path(self.name, method, &hash, [], false)
            .map_err(|error| error.to_string())
    }

    /// Whether the filter takes a path.
    pub fn takes(&self, path: &Path, file_type: FileType) -> bool {
        self.filter.as_ref().is_none_or(|filter| (filter.borrow_mut())(path, file_type))
    }

    fn nar_hash(&self) -> std::result::Result<Hash, String> {
        let mut sink =
            HashSink { hasher: Hasher::new(Algorithm::Sha256), interrupt: self.interrupt };
        nar::dump_filtered(self.source, &mut sink, &mut |path, kind| {
            Ok::<_, nar::NarError>(self.takes(path, kind.into()))
        })
        .map_err(|error| error.to_string())?;
        Ok(sink.hasher.finish())
    }

    fn flat_hash(&self) -> std::result::Result<Hash, String> {
        nar::hash_flat(self.source, Algorithm::Sha256).map_err(|error| error.to_string())
    }
}

struct HashSink<'a> {
    hasher: Hasher,
    interrupt: &'a AtomicBool,
}

impl std::io::Write for HashSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.interrupt.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("interrupted"));
        }
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl From<nar::FileKind> for FileType {
    fn from(kind: nar::FileKind) -> FileType {
        match kind {
            nar::FileKind::Regular => FileType::Regular,
            nar::FileKind::Directory => FileType::Directory,
            nar::FileKind::Symlink => FileType::Symlink,
            nar::FileKind::Unknown => FileType::Other,
        }
    }
}

/// A store that is only computed: every path is what it would be, and nothing is written or built.
/// Paths that exist in the folder are readable.
pub struct ReadOnlyStore {
    store_dir: StoreDir,
    physical: Option<PathBuf>,
}

impl ReadOnlyStore {
    /// A store of this name. `physical` is the folder in which its paths may exist.
    pub fn new(store_dir: StoreDir, physical: Option<PathBuf>) -> ReadOnlyStore {
        ReadOnlyStore { store_dir, physical }
    }
}

impl StoreAccess for ReadOnlyStore {
    fn store_dir(&self) -> &StoreDir {
        &self.store_dir
    }

    fn add_text(
        &self,
        name: &str,
        text: &[u8],
        references: &[StorePath],
    ) -> std::result::Result<StorePath, String> {
        self.store_dir
            .text_path(name, &Hash::sha256(text), references)
            .map_err(|error| error.to_string())
    }

    fn add_path(&self, request: &AddPath<'_>) -> std::result::Result<StorePath, String> {
        request.compute(&self.store_dir)
    }

    fn physical_path(&self, path: &StorePath) -> Option<PathBuf> {
        let physical = self.physical.as_ref()?.join(path);
        physical.symlink_metadata().is_ok().then_some(physical)
    }

    fn read_derivation(&self, path: &StorePath) -> std::result::Result<Derivation, String> {
        let shown = self.store_dir.print(path);
        let physical =
            self.physical_path(path).ok_or_else(|| format!("path '{shown}' is not valid"))?;
        let text = std::fs::read(&physical)
            .map_err(|error| format!("reading '{}': {error}", physical.display()))?;
        let name = path.derivation_name().map_err(|error| error.to_string())?;
        Derivation::from_aterm(&self.store_dir, name, &text)
            .map_err(|error| format!("error parsing derivation '{shown}': {error}"))
    }

    fn realise(&self, wanted: &[(StorePath, String)]) -> std::result::Result<(), String> {
        for (path, output) in wanted {
            let derivation = self.read_derivation(path);
            let built = derivation.ok().and_then(|derivation| {
                let output = derivation.outputs.get(output)?;
                output.path(&self.store_dir, &derivation.name, "out").ok().flatten()
            });
            if built.is_none_or(|path| self.physical_path(&path).is_none()) {
                return Err(format!(
                    "cannot build '{}^{output}' during evaluation: the store is read-only here",
                    self.store_dir.print(path)
                ));
            }
        }
        Ok(())
    }
}

/// A store and whoever builds in it.
pub trait Builds: Send + Sync {
    /// The store.
    fn store(&self) -> &dyn Store;

    /// See [`StoreAccess::realise`].
    ///
    /// # Errors
    ///
    /// If a build fails. The message is for a person.
    fn realise(&self, wanted: &[(StorePath, String)]) -> std::result::Result<(), String>;
}

/// A store that is written to, and built in if the evaluation needs it.
///
/// Derivations are written by another thread, as many at once as have come together while it wrote those
/// before them.
pub struct WritableStore<B> {
    builds: Arc<B>,
    writer: OnceCell<mpsc::Sender<Job>>,
}

/// What the writing thread is to do.
enum Job {
    Write(TextFile),
    /// To say whether all is written that came before.
    Answer(mpsc::Sender<std::result::Result<(), String>>),
}

impl<B: Builds + 'static> WritableStore<B> {
    /// The store of `builds`.
    pub fn new(builds: B) -> WritableStore<B> {
        WritableStore { builds: Arc::new(builds), writer: OnceCell::new() }
    }

    fn store(&self) -> &dyn Store {
        self.builds.store()
    }

    fn send(&self, job: Job) -> std::result::Result<(), String> {
        if self.writer.get().is_none() {
            let (sender, jobs) = mpsc::channel();
            let builds = Arc::clone(&self.builds);
            std::thread::Builder::new()
                .spawn(move || write(builds.store(), &jobs))
                .map_err(|error| format!("starting the thread that writes derivations: {error}"))?;
            self.writer.get_or_init(|| sender);
        }
        let sent = self.writer.get().map(|writer| writer.send(job));
        sent.and_then(std::result::Result::ok).ok_or_else(|| WRITER_IS_GONE.to_owned())
    }
}

const WRITER_IS_GONE: &str = "the thread that writes derivations has ended";

/// Writes derivations until nobody sends any more. Behind one that cannot be written, none is.
fn write(store: &dyn Store, jobs: &mpsc::Receiver<Job>) {
    let mut result = Ok(());
    while let Ok(first) = jobs.recv() {
        let mut files = Vec::new();
        let mut asking = Vec::new();
        for job in std::iter::once(first).chain(jobs.try_iter()) {
            match job {
                Job::Write(file) => files.push(file),
                Job::Answer(answer) => asking.push(answer),
            }
        }
        if result.is_ok() {
            result = store.add_texts(&files).map(drop).map_err(|error| error.to_string());
        }
        for answer in asking {
            // Whoever asked may have gone.
            let _ = answer.send(result.clone());
        }
    }
}

impl<B: Builds + 'static> StoreAccess for WritableStore<B> {
    fn store_dir(&self) -> &StoreDir {
        self.store().store_dir()
    }

    fn write_derivation(&self, file: TextFile) -> std::result::Result<(), String> {
        self.send(Job::Write(file))
    }

    fn finish(&self) -> std::result::Result<(), String> {
        if self.writer.get().is_none() {
            return Ok(());
        }
        let (sender, answer) = mpsc::channel();
        self.send(Job::Answer(sender))?;
        answer.recv().unwrap_or_else(|_| Err(WRITER_IS_GONE.to_owned()))
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn add_text(
        &self,
        name: &str,
        text: &[u8],
        references: &[StorePath],
    ) -> std::result::Result<StorePath, String> {
        if references.iter().any(StorePath::is_derivation) {
            self.finish()?;
        }
        let references: BTreeSet<StorePath> = references.iter().cloned().collect();
        self.store().add_text(name, text, &references).map_err(|error| error.to_string())
    }

    fn add_path(&self, request: &AddPath<'_>) -> std::result::Result<StorePath, String> {
        let method = if request.recursive { Method::Nar } else { Method::Flat };
        add_path::<StoreError>(
            self.store(),
            request.name,
            request.source,
            method,
            &mut |path, kind| {
                if request.interrupt.load(Ordering::Relaxed) {
                    return Err(StoreError::Interrupted);
                }
                Ok(request.takes(path, kind.into()))
            },
        )
        .map_err(|error| error.to_string())
    }

    fn physical_path(&self, path: &StorePath) -> Option<PathBuf> {
        if path.is_derivation() {
            // What could not be written is not there; the error comes with the next derivation.
            let _ = self.finish();
        }
        let physical = self.store().real_path(path);
        physical.symlink_metadata().is_ok().then_some(physical)
    }

    fn read_derivation(&self, path: &StorePath) -> std::result::Result<Derivation, String> {
        self.finish()?;
        self.store().read_derivation(path).map_err(|error| error.to_string())
    }

    fn realise(&self, wanted: &[(StorePath, String)]) -> std::result::Result<(), String> {
        self.finish()?;
        self.builds.realise(wanted)
    }

    fn closure(&self, path: &StorePath) -> std::result::Result<BTreeSet<StorePath>, String> {
        self.store().closure([path.clone()]).map_err(|error| error.to_string())
    }
}
