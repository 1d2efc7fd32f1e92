//! What a store knows about a valid path.

use std::collections::BTreeSet;

use crate::content_address::ContentAddress;
use crate::hash::Hash;
use crate::path::StorePath;

/// What a store knows about a valid path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    /// The path.
    pub path: StorePath,
    /// The SHA-256 of the path's NAR.
    pub nar_hash: Hash,
    /// The size of the path's NAR in bytes; 0 where an old store did not note it.
    pub nar_size: u64,
    /// The paths that it needs; it may be one of them itself.
    pub references: BTreeSet<StorePath>,
    /// The derivation that it was built from, as far as known. It need not be valid.
    pub deriver: Option<StorePath>,
    /// When it became valid, in seconds since 1970; 0 stands for the moment of registration.
    pub registration_time: u64,
    /// Whether it was built here, by those who trust this store.
    pub ultimate: bool,
    /// Signatures as `<key name>:<base 64>`.
    pub signatures: BTreeSet<String>,
    /// The claim that the path follows from the contents.
    pub content_address: Option<ContentAddress>,
}

impl PathInfo {
    /// A path of which only the contents are known.
    pub fn new(path: StorePath, nar_hash: Hash, nar_size: u64) -> Self {
        Self {
            path,
            nar_hash,
            nar_size,
            references: BTreeSet::new(),
            deriver: None,
            registration_time: 0,
            ultimate: false,
            signatures: BTreeSet::new(),
            content_address: None,
        }
    }
}
