//! Store paths, NAR, derivations and the store itself.
//!
//! Everything that a store is made of has its own module here, with the reader and the writer of a
//! format side by side and no input or output in the parsers. The bytes are Nix's bytes: a real
//! `nix` opens what Floe writes and the other way round.
//!
//! This crate knows nothing of the Nix language. The evaluator asks it for paths, the builder
//! registers what it has built.

pub mod content_address;
pub mod daemon;
pub mod database;
pub mod derivation;
pub mod git;
pub mod hash;
pub mod nar;
pub mod nix32;
pub mod path;
pub mod path_info;
pub mod references;
pub mod store;

pub use content_address::{ContentAddress, Method};
pub use derivation::{Derivation, DerivationOutput, DynamicInput};
pub use hash::{Algorithm, Hash};
pub use path::{StoreDir, StorePath};
pub use path_info::PathInfo;
pub use store::{LocalStore, Store, StoreError, StoreLocation};
