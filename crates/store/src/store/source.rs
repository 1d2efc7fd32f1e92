//! Adding files of the user to a store, or only asking which path they would get: those are addressed flat
//! or as a NAR.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek as _, Write};
use std::path::Path;

use super::{Store, StoreError};
use crate::content_address::Method;
use crate::hash::{Algorithm, Hash, Hasher, Hashing};
use crate::nar::{self, FileKind, NarError};
use crate::path::{StoreDir, StorePath};

/// What is larger than this goes through a temporary file rather than memory.
const IN_MEMORY: usize = 32 * 1024 * 1024;

/// Decides which entries of a directory belong to what is added, see [`nar::dump_filtered`].
pub type Filter<'a, E> = &'a mut dyn FnMut(&Path, FileKind) -> Result<bool, E>;

/// The path that the file or directory `source` would get in a store, and the hash behind it.
/// Nothing is written.
pub fn compute_path<E: From<StoreError> + From<NarError>>(
    dir: &StoreDir,
    name: &str,
    source: &Path,
    method: Method,
    filter: Filter<'_, E>,
) -> Result<(StorePath, Hash), E> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    dump(source, method, &mut hasher, filter)?;
    let hash = hasher.finish();
    let path = dir.fixed_output_path(name, method, &hash, [], false).map_err(StoreError::from)?;
    Ok((path, hash))
}

/// Adds the file or directory `source` to a store.
///
/// The filter is asked once about each entry, however often the path turns out to be valid already.
pub fn add_path<E: From<StoreError> + From<NarError>>(
    store: &dyn Store,
    name: &str,
    source: &Path,
    method: Method,
    filter: Filter<'_, E>,
) -> Result<StorePath, E> {
    let mut spool = tempfile::SpooledTempFile::new(IN_MEMORY);
    let mut hashing = Hashing::new(Algorithm::Sha256, &mut spool);
    dump(source, method, &mut hashing, filter)?;
    let (_, hash, _) = hashing.finish();
    let path = store
        .store_dir()
        .fixed_output_path(name, method, &hash, [], false)
        .map_err(StoreError::from)?;
    store.add_temp_root(&path)?;
    if !store.is_valid(&path)? {
        spool.rewind().map_err(NarError::Stream)?;
        store.add_dump(name, method, Algorithm::Sha256, &BTreeSet::new(), &mut spool)?;
    }
    Ok(path)
}

fn dump<E: From<StoreError> + From<NarError>>(
    source: &Path,
    method: Method,
    mut writer: impl Write,
    filter: Filter<'_, E>,
) -> Result<(), E> {
    if method == Method::Nar {
        return nar::dump_filtered(source, writer, filter);
    }
    let reading = |error| StoreError::file("reading", source, error);
    let mut file = File::open(source).map_err(reading)?;
    if !file.metadata().map_err(reading)?.is_file() {
        return Err(NarError::NotRegular(source.to_owned()).into());
    }
    io::copy(&mut file, &mut writer).map_err(reading)?;
    Ok(())
}
