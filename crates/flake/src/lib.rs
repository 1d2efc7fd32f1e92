//! Flake references, lock files, and where a workspace's nixpkgs is.
//!
//! Text and directories come in; references, input graphs and the search path of an evaluation go out.
//! Nothing here fetches or evaluates.

pub mod embedded;
pub mod lock;
pub mod nixpkgs;
pub mod reference;
pub mod search_path;

pub use lock::{LockError, LockFile};
pub use nixpkgs::{NixpkgsLocation, NixpkgsOrigin, StoreDirectory, Workspace, locate};
pub use reference::{FlakeReference, Forge, Input, ReferenceError};
pub use search_path::{SearchPath, SearchPathEntry, SearchPathNote};
