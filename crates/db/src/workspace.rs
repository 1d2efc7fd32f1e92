//! What the user has open and has configured: one salsa input.

use std::path::PathBuf;

use salsa::Durability;

use crate::Db;

/// The folders that are open, and the settings for them. There is one per database.
#[salsa::input(singleton, debug)]
pub struct Workspace {
    /// The open folders.
    #[returns(ref)]
    pub roots: Vec<PathBuf>,
    /// What the user has configured.
    #[returns(ref)]
    pub settings: Settings,
}

/// What a user can configure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether evaluation may write to the store and build. Otherwise it only reads.
    pub trust: Trust,
    /// Where nixpkgs is, instead of what the workspace's lock file and `NIX_PATH` say.
    pub nixpkgs: Option<PathBuf>,
    /// The value of `NIX_PATH`.
    pub nix_path: Option<String>,
}

/// What may happen on behalf of a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Evaluate without any effect.
    #[default]
    ReadOnly,
    /// The user trusts the code in the workspace: derivations may be written and built.
    Trusted,
}

impl Workspace {
    pub(crate) fn create(db: &dyn Db, roots: Vec<PathBuf>, settings: Settings) -> Workspace {
        Workspace::builder(roots, settings).durability(Durability::HIGH).new(db)
    }
}
