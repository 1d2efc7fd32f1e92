//! The store as files that this process writes itself.
//!
//! A path becomes valid in this order: temporary root, lock, contents under a temporary name,
//! canonical metadata, rename, sync, one transaction. Whatever is on disk without being in the
//! database is garbage, and whoever holds the lock may overwrite it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::canonicalise::{canonicalise, delete, rename_canonical};
use super::collect::{self, GarbageOptions, GarbageReport};
use super::lock::PathLocks;
use super::roots::TempRoots;
use super::verify::{self, VerifyReport};
use super::{Layout, Root, Store, StoreError, TextFile};
use crate::content_address::{ContentAddress, Method};
use crate::database::{Database, OutputPaths, Registration};
use crate::derivation::Derivation;
use crate::git;
use crate::hash::{Algorithm, Format, Hash, Hasher, Hashing};
use crate::nar;
use crate::path::{StoreDir, StorePath};
use crate::path_info::PathInfo;
use crate::references::ReferenceScanner;

/// A store whose files this process writes itself. Any number of threads and processes, of Floe
/// and of Nix, can use one at the same time.
pub struct LocalStore {
    layout: Layout,
    database: Database,
    temp_roots: TempRoots,
}

impl LocalStore {
    /// Opens the store at `layout`, creating it if need be.
    pub fn open(layout: Layout) -> Result<Self, StoreError> {
        let state = &layout.state_dir;
        let directories = [
            layout.real_dir.clone(),
            state.join("gcroots/auto"),
            state.join("profiles"),
            state.join("temproots"),
        ];
        for directory in directories {
            fs::create_dir_all(&directory)
                .map_err(|source| StoreError::file("creating directory", &directory, source))?;
        }
        let database = Database::open(&state.join("db"), layout.store_dir.clone())?;
        let temp_roots = TempRoots::new(state);
        Ok(Self { layout, database, temp_roots })
    }

    /// Where its parts are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The database, for questions that only a local store answers.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Writes derivations, inputs and those that need them in any order, see [`Store::add_texts`].
    pub fn add_derivations(
        &self,
        derivations: &[Derivation],
    ) -> Result<Vec<StorePath>, StoreError> {
        let files = derivations
            .iter()
            .map(|derivation| {
                Ok(TextFile {
                    name: derivation.file_name(),
                    contents: derivation.to_aterm(&self.layout.store_dir)?,
                    references: derivation.references(),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        self.add_texts(&files)
    }

    /// Locks paths against being created by anybody else. Whoever means to create some takes the
    /// locks of all of them at once.
    pub fn lock<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a StorePath>,
    ) -> Result<PathLocks, StoreError> {
        let files: Vec<_> = paths.into_iter().map(|path| self.real_path(path)).collect();
        PathLocks::acquire(files.iter().map(PathBuf::as_path))
    }

    /// Makes canonical what a build has left at `place` to become `path`, and finds out what is to
    /// be registered: its hash, its size, and which of `candidates` it refers to.
    pub fn scan_output(
        path: &StorePath,
        place: &Path,
        candidates: impl IntoIterator<Item = StorePath>,
    ) -> Result<PathInfo, StoreError> {
        canonicalise(place)?;
        let mut scanner = Hashing::new(Algorithm::Sha256, ReferenceScanner::new(candidates));
        nar::dump(place, &mut scanner)?;
        let (scanner, hash, size) = scanner.finish();
        let mut info = PathInfo::new(path.clone(), hash, size);
        info.references = scanner.finish();
        Ok(info)
    }

    /// Makes paths valid whose files are in place and canonical: all or none of them, and only
    /// after their files are safe on disk.
    ///
    /// The caller holds the locks of those that were not valid before.
    pub fn register(&self, infos: Vec<PathInfo>) -> Result<(), StoreError> {
        self.sync(&infos)?;
        let registrations = infos
            .into_iter()
            .map(|info| {
                let outputs = match info.path.is_derivation() {
                    true => self.known_outputs(&info.path)?,
                    false => OutputPaths::new(),
                };
                Ok(Registration { info, outputs })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(self.database.register(&registrations)?)
    }

    /// Checks that every valid path is there; with `contents`, also that it has its hash.
    pub fn verify(&self, contents: bool) -> Result<VerifyReport, StoreError> {
        verify::verify(self, contents)
    }

    /// The lock that the collector holds alone and whoever adds a root holds shared.
    pub(super) fn collector_lock(&self) -> Result<File, StoreError> {
        self.temp_roots.collector_lock()
    }

    /// A directory for unfinished work in the store, such as the outputs of a running build.
    pub fn temporary_directory(&self) -> Result<TemporaryDirectory, StoreError> {
        TemporaryDirectory::new(&self.layout.real_dir)
    }

    fn known_outputs(&self, derivation: &StorePath) -> Result<OutputPaths, StoreError> {
        let outputs = (self as &dyn Store)
            .read_derivation(derivation)?
            .output_paths(&self.layout.store_dir)?;
        Ok(outputs.into_iter().filter_map(|(name, path)| Some((name, path?))).collect())
    }

    /// Makes something finished canonical and renames it to where it belongs, in place of garbage
    /// that may be there. The caller holds the lock of `path`.
    pub fn move_in(&self, from: &Path, path: &StorePath) -> Result<(), StoreError> {
        canonicalise(from)?;
        let place = self.real_path(path);
        delete(&place)?;
        rename_canonical(from, &place)
            .map_err(|source| StoreError::file("moving into the store", &place, source))
    }

    /// A few files are synced one by one, a tree together with its whole file system: that is one
    /// operation, where its files would be thousands.
    fn sync(&self, infos: &[PathInfo]) -> Result<(), StoreError> {
        const ONE_BY_ONE: usize = 64;
        let sync = |place: &Path, sync: &dyn Fn(&File) -> io::Result<()>| {
            File::open(place)
                .and_then(|file| sync(&file))
                .map_err(|source| StoreError::file("syncing", place, source))
        };
        let directory = &self.layout.real_dir;
        let places: Vec<_> = infos.iter().map(|info| self.real_path(&info.path)).collect();
        let is_file =
            |place: &PathBuf| fs::symlink_metadata(place).is_ok_and(|data| data.is_file());
        if places.is_empty() {
            Ok(())
        } else if places.len() <= ONE_BY_ONE && places.iter().all(is_file) {
            places.iter().try_for_each(|place| sync(place, &File::sync_all))?;
            sync(directory, &File::sync_all)
        } else {
            sync(directory, &|file| Ok(rustix::fs::syncfs(file)?))
        }
    }

    /// Unpacks to a temporary place, and gives the hash that content addresses are made of beside
    /// what every path has.
    fn unpack(
        &self,
        method: Method,
        algorithm: Algorithm,
        dump: &mut dyn Read,
        place: &Path,
    ) -> Result<(Hash, Hash, u64), StoreError> {
        let mut reader = Hashing::new(algorithm, dump);
        if matches!(method, Method::Nar | Method::Git) {
            nar::restore(&mut reader, place)?;
        } else {
            let mut file = File::create_new(place)
                .map_err(|source| StoreError::file("creating", place, source))?;
            io::copy(&mut reader, &mut file)
                .map_err(|source| StoreError::file("writing", place, source))?;
        }
        let (_, hash, size) = reader.finish();
        if method == Method::Nar && algorithm == Algorithm::Sha256 {
            return Ok((hash, hash, size));
        }
        let (nar_hash, nar_size) = nar::hash_path(place, Algorithm::Sha256)?;
        let hash = if method == Method::Git { git::hash_path(place, algorithm)? } else { hash };
        Ok((hash, nar_hash, nar_size))
    }
}

impl Store for LocalStore {
    fn store_dir(&self) -> &StoreDir {
        &self.layout.store_dir
    }

    fn query(&self, path: &StorePath) -> Result<Option<PathInfo>, StoreError> {
        Ok(self.database.query(path)?)
    }

    fn is_valid(&self, path: &StorePath) -> Result<bool, StoreError> {
        Ok(self.database.is_valid(path)?)
    }

    fn real_path(&self, path: &StorePath) -> PathBuf {
        self.layout.real_dir.join(path)
    }

    fn add_temp_root(&self, path: &StorePath) -> Result<(), StoreError> {
        self.temp_roots.add(&self.layout.store_dir.print(path))
    }

    fn add_dump(
        &self,
        name: &str,
        method: Method,
        algorithm: Algorithm,
        references: &BTreeSet<StorePath>,
        dump: &mut dyn Read,
    ) -> Result<StorePath, StoreError> {
        let temporary = self.temporary_directory()?;
        let place = temporary.place();
        let (hash, nar_hash, nar_size) = self.unpack(method, algorithm, dump, &place)?;
        let path =
            self.layout.store_dir.fixed_output_path(name, method, &hash, references, false)?;
        self.add_temp_root(&path)?;
        let _locks = self.lock([&path])?;
        if !self.is_valid(&path)? {
            self.move_in(&place, &path)?;
            let mut info = PathInfo::new(path.clone(), nar_hash, nar_size);
            info.references = references.clone();
            info.content_address = Some(ContentAddress { method, hash });
            self.register(vec![info])?;
        }
        Ok(path)
    }

    /// With one sync and one transaction for all of them, which may refer to each other in any order.
    fn add_texts(&self, files: &[TextFile]) -> Result<Vec<StorePath>, StoreError> {
        let mut paths = Vec::with_capacity(files.len());
        let mut missing = Vec::new();
        for file in files {
            let hash = Hash::sha256(&file.contents);
            let path = self.layout.store_dir.text_path(&file.name, &hash, &file.references)?;
            self.add_temp_root(&path)?;
            if !self.database.is_valid(&path)? {
                missing.push((path.clone(), file, hash));
            }
            paths.push(path);
        }
        if missing.is_empty() {
            return Ok(paths);
        }
        let _locks = self.lock(missing.iter().map(|(path, ..)| path))?;
        let temporary = TemporaryDirectory::new(&self.layout.real_dir)?;
        let mut registrations = Vec::with_capacity(missing.len());
        for (path, file, hash) in missing {
            if self.database.is_valid(&path)? {
                continue;
            }
            let place = temporary.place();
            fs::write(&place, &file.contents)
                .map_err(|source| StoreError::file("writing", &place, source))?;
            let mut hasher = Hasher::new(Algorithm::Sha256);
            nar::write_file(&file.contents, false, &mut hasher).map_err(nar::NarError::Stream)?;
            let size = hasher.bytes();
            let mut info = PathInfo::new(path, hasher.finish(), size);
            info.references = file.references.clone();
            info.content_address = Some(ContentAddress { method: Method::Text, hash });
            self.move_in(&place, &info.path)?;
            registrations.push(info);
        }
        self.register(registrations)?;
        Ok(paths)
    }

    fn add_nar(&self, info: &PathInfo, nar: &mut dyn Read) -> Result<(), StoreError> {
        self.add_temp_root(&info.path)?;
        if self.is_valid(&info.path)? {
            return Ok(());
        }
        let temporary = self.temporary_directory()?;
        let place = temporary.place();
        let (hash, _, size) = self.unpack(Method::Nar, Algorithm::Sha256, nar, &place)?;
        let printed = self.layout.store_dir.print(&info.path);
        if hash != info.nar_hash {
            return Err(StoreError::HashMismatch {
                path: printed,
                specified: info.nar_hash.format(Format::Sri),
                got: hash.format(Format::Sri),
            });
        }
        if let Some(address) = &info.content_address {
            self.check_content_address(info, address, &place, &hash)?;
        }
        let _locks = self.lock([&info.path])?;
        if !self.is_valid(&info.path)? {
            self.move_in(&place, &info.path)?;
            self.register(vec![PathInfo { nar_size: size, ..info.clone() }])?;
        }
        Ok(())
    }

    fn add_root(&self, link: &Path, path: &StorePath) -> Result<(), StoreError> {
        super::roots::add(self, link, path)
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>, StoreError> {
        Ok(self.database.all()?)
    }

    fn roots(&self) -> Result<BTreeSet<(StorePath, Root)>, StoreError> {
        super::roots::find(self)
    }

    fn collect_garbage(&self, options: &GarbageOptions) -> Result<GarbageReport, StoreError> {
        collect::collect(self, options)
    }
}

impl LocalStore {
    /// A path that refers to itself has an address over contents with its own hash part blanked;
    /// those are not checked here, their NAR hash was.
    fn check_content_address(
        &self,
        info: &PathInfo,
        address: &ContentAddress,
        place: &Path,
        nar_hash: &Hash,
    ) -> Result<(), StoreError> {
        if info.references.contains(&info.path) {
            return Ok(());
        }
        let hash = match address.method {
            Method::Nar if address.hash.algorithm() == Algorithm::Sha256 => *nar_hash,
            Method::Nar => nar::hash_path(place, address.hash.algorithm())?.0,
            Method::Flat | Method::Text => nar::hash_flat(place, address.hash.algorithm())?,
            Method::Git => git::hash_path(place, address.hash.algorithm())?,
        };
        let computed = self.layout.store_dir.fixed_output_path(
            info.path.name(),
            address.method,
            &hash,
            &info.references,
            false,
        )?;
        if computed == info.path {
            Ok(())
        } else {
            Err(StoreError::NotContentAddressed {
                path: self.layout.store_dir.print(&info.path),
                computed: self.layout.store_dir.print(&computed),
            })
        }
    }
}

/// A directory `tmp-…` in the store. Collectors, Nix's too, leave it alone while it is locked, and
/// it goes away with all that is in it.
pub struct TemporaryDirectory {
    path: PathBuf,
    next: std::cell::Cell<u64>,
    _lock: File,
}

impl TemporaryDirectory {
    fn new(store: &Path) -> Result<Self, StoreError> {
        loop {
            let path = tempfile::Builder::new()
                .prefix("tmp-")
                .tempdir_in(store)
                .map_err(|source| StoreError::file("creating a directory in", store, source))?
                .keep();
            let lock = || -> io::Result<File> {
                let directory = File::open(&path)?;
                directory.lock()?;
                Ok(directory)
            };
            match lock() {
                Ok(lock) if path.exists() => {
                    return Ok(Self { path, next: std::cell::Cell::new(0), _lock: lock });
                }
                // A collector was faster; it is gone or will be.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(StoreError::file("locking", &path, source)),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name in it that was not given out before.
    pub(super) fn place(&self) -> PathBuf {
        let number = self.next.get();
        self.next.set(number + 1);
        self.path.join(number.to_string())
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = delete(&self.path) {
            tracing::warn!("left behind '{}': {error}", self.path.display());
        }
    }
}
