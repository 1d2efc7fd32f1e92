//! Checking a store against its database.

use std::io;

use super::{LocalStore, Store as _, StoreError};
use crate::hash::Algorithm;
use crate::nar::{self, NarError};
use crate::path::StorePath;

/// What [`LocalStore::verify`] found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many paths were checked.
    pub checked: usize,
    /// Valid paths that are not on disk.
    pub missing: Vec<StorePath>,
    /// Valid paths whose contents have another hash or cannot be archived.
    pub corrupted: Vec<StorePath>,
}

pub(super) fn verify(store: &LocalStore, contents: bool) -> Result<VerifyReport, StoreError> {
    let mut report = VerifyReport::default();
    for path in store.database().all()? {
        report.checked += 1;
        let place = store.real_path(&path);
        match std::fs::symlink_metadata(&place) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                report.missing.push(path);
                continue;
            }
            Err(source) => return Err(StoreError::file("getting status of", &place, source)),
        }
        // It may have been collected since the list was made.
        let Some(info) = store.query(&path)?.filter(|_| contents) else { continue };
        match nar::hash_path(&place, Algorithm::Sha256) {
            Ok((hash, size)) if hash == info.nar_hash && [0, size].contains(&info.nar_size) => {}
            Ok(_) | Err(NarError::UnsupportedType(_) | NarError::TooDeep(_)) => {
                report.corrupted.push(path);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(report)
}
