//! Deleting what nothing needs.
//!
//! The collector holds the lock `gc.lock` alone, so that the roots it has read stay complete: who
//! wants to add one waits. A path is first made invalid, then renamed out of the way, then deleted;
//! a crash in between leaves garbage that the next collection finds, never a valid path without its
//! files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::canonicalise::{delete, disk_usage, rename_canonical};
use super::local::TemporaryDirectory;
use super::lock::try_lock;
use super::{LocalStore, Store as _, StoreError, roots};
use crate::path::StorePath;

/// What to collect.
#[derive(Debug, Clone)]
pub struct GarbageOptions {
    /// Report only, delete nothing.
    pub dry_run: bool,
    /// Only these paths; that one of them is alive is an error. `None` means the whole store.
    pub only: Option<BTreeSet<StorePath>>,
    /// Stop when so many bytes have been freed.
    pub max_freed: Option<u64>,
    /// Derivations live as long as their outputs do (`keep-derivations`).
    pub keep_derivations: bool,
    /// Outputs live as long as their derivations do (`keep-outputs`).
    pub keep_outputs: bool,
    /// What running programs use is alive.
    pub running_programs: bool,
}

impl Default for GarbageOptions {
    /// The whole store, with the settings that Nix has by default.
    fn default() -> Self {
        Self {
            dry_run: false,
            only: None,
            max_freed: None,
            keep_derivations: true,
            keep_outputs: false,
            running_programs: true,
        }
    }
}

/// What was deleted, or would have been.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct GarbageReport {
    /// The file names in the store, in the order of deletion. Not all were valid paths.
    pub deleted: Vec<String>,
    /// How many bytes of disk that frees.
    pub bytes_freed: u64,
}

pub(super) fn collect(
    store: &LocalStore,
    options: &GarbageOptions,
) -> Result<GarbageReport, StoreError> {
    let lock = store.collector_lock()?;
    lock.lock().map_err(|source| StoreError::file("locking", &store.layout().state_dir, source))?;
    let temporary = roots::temporary(store)?;
    let protected: HashSet<_> =
        temporary.iter().map(|(path, _)| path.hash_part().to_owned()).collect();
    let alive = alive(store, options, temporary.into_iter().map(|(path, _)| path))?;
    let dead: Vec<_> =
        referrers_first(store)?.into_iter().filter(|path| !alive.contains(path)).collect();

    let trash = if options.dry_run { None } else { Some(store.temporary_directory()?) };
    let mut collector = Collector { store, options, trash, report: GarbageReport::default() };
    match &options.only {
        Some(only) => {
            if let Some(path) = only.iter().find(|path| alive.contains(*path)) {
                return Err(StoreError::StillAlive(store.store_dir().print(path)));
            }
            for path in dead.iter().filter(|path| only.contains(*path)) {
                collector.delete_valid(path)?;
            }
        }
        None => {
            for path in &dead {
                if collector.is_done() {
                    return Ok(collector.report);
                }
                collector.delete_valid(path)?;
            }
            collector.delete_rest(&alive, &protected)?;
            collector.delete_links()?;
        }
    }
    Ok(collector.report)
}

/// Everything that the roots need.
fn alive(
    store: &LocalStore,
    options: &GarbageOptions,
    temporary: impl Iterator<Item = StorePath>,
) -> Result<HashSet<StorePath>, StoreError> {
    let mut references: HashMap<StorePath, Vec<StorePath>> = HashMap::new();
    for (referrer, reference) in store.database().all_references()? {
        references.entry(referrer).or_default().push(reference);
    }
    let mut queue: Vec<StorePath> = temporary.collect();
    queue.extend(roots::permanent(store)?.into_iter().map(|(path, _)| path));
    if options.running_programs {
        queue.extend(roots::running(store.store_dir()).into_iter().map(|(path, _)| path));
    }
    let mut alive = HashSet::new();
    while let Some(path) = queue.pop() {
        if !alive.insert(path.clone()) {
            continue;
        }
        queue.extend(references.get(&path).into_iter().flatten().cloned());
        if options.keep_outputs && path.is_derivation() {
            queue.extend(store.database().derivation_outputs(&path)?.into_values());
        }
        if options.keep_derivations
            && let Some(deriver) = store.query(&path)?.and_then(|info| info.deriver)
        {
            queue.push(deriver);
        }
    }
    Ok(alive)
}

/// All valid paths, each after those that need it: the order in which they can be made invalid.
fn referrers_first(store: &LocalStore) -> Result<Vec<StorePath>, StoreError> {
    let mut referrers: BTreeMap<StorePath, usize> =
        store.database().all()?.into_iter().map(|path| (path, 0)).collect();
    let mut references: HashMap<StorePath, Vec<StorePath>> = HashMap::new();
    for (referrer, reference) in store.database().all_references()? {
        if referrer != reference {
            *referrers.entry(reference.clone()).or_default() += 1;
            references.entry(referrer).or_default().push(reference);
        }
    }
    let mut ready: Vec<_> =
        referrers.iter().filter(|(_, count)| **count == 0).map(|(path, _)| path.clone()).collect();
    let mut order = Vec::with_capacity(referrers.len());
    while let Some(path) = ready.pop() {
        for reference in references.remove(&path).unwrap_or_default() {
            if let Some(count) = referrers.get_mut(&reference) {
                *count -= 1;
                if *count == 0 {
                    ready.push(reference);
                }
            }
        }
        order.push(path);
    }
    Ok(order)
}

struct Collector<'a> {
    store: &'a LocalStore,
    options: &'a GarbageOptions,
    /// Where things are renamed to before they are deleted; `None` in a dry run.
    trash: Option<TemporaryDirectory>,
    report: GarbageReport,
}

impl Collector<'_> {
    fn is_done(&self) -> bool {
        self.options.max_freed.is_some_and(|maximum| self.report.bytes_freed >= maximum)
    }

    fn delete_valid(&mut self, path: &StorePath) -> Result<(), StoreError> {
        if !self.options.dry_run {
            self.store.database().invalidate(path)?;
        }
        self.delete_file(&self.store.real_path(path), path.base_name())
    }

    /// Deletes what is in the store directory without being valid: unfinished work, leftovers.
    fn delete_rest(
        &mut self,
        alive: &HashSet<StorePath>,
        protected: &HashSet<String>,
    ) -> Result<(), StoreError> {
        let directory = &self.store.layout().real_dir;
        let reading = |source| StoreError::file("reading directory", directory, source);
        for entry in fs::read_dir(directory).map_err(reading)? {
            let entry = entry.map_err(reading)?;
            let name = entry.file_name();
            let text = name.to_string_lossy();
            // The hash part protects locks and the like of a path as well.
            let is_protected = text.get(..32).is_some_and(|hash| protected.contains(hash));
            if self.is_done() || is_protected || name == ".links" {
                continue;
            }
            if let Ok(path) = StorePath::parse(&text)
                && (alive.contains(&path) || self.store.is_valid(&path)?)
            {
                continue;
            }
            if !is_locked(&entry.path()) {
                self.delete_file(&entry.path(), &text)?;
            }
        }
        Ok(())
    }

    /// Deletes entries of Nix's `.links` that no file in the store shares any more.
    fn delete_links(&mut self) -> Result<(), StoreError> {
        let links = self.store.layout().real_dir.join(".links");
        let Ok(entries) = fs::read_dir(&links) else { return Ok(()) };
        for entry in entries.flatten() {
            let is_unused = entry.metadata().is_ok_and(|metadata| metadata.nlink() == 1);
            if is_unused && !self.options.dry_run {
                self.report.bytes_freed += delete(&entry.path())?;
            }
        }
        Ok(())
    }

    fn delete_file(&mut self, place: &Path, name: &str) -> Result<(), StoreError> {
        if fs::symlink_metadata(place).is_ok() {
            self.report.bytes_freed += match &self.trash {
                None => disk_usage(place)?,
                Some(trash) => {
                    let moved = trash.place();
                    rename_canonical(place, &moved)
                        .map_err(|source| StoreError::file("moving away", place, source))?;
                    delete(&moved)?
                }
            };
        }
        self.report.deleted.push(name.to_owned());
        Ok(())
    }
}

/// Whether somebody is at work in a temporary directory, or holds a lock file.
fn is_locked(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() || metadata.is_file() => {
            fs::File::open(path).is_ok_and(|file| !try_lock(&file).unwrap_or(false))
        }
        _ => false,
    }
}
