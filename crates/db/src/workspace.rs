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
    /// How often the disk has told of something that may be a Nix file of the workspace. What is known of
    /// all of them is kept outside of salsa, which so knows what depends on it.
    #[returns(copy)]
    pub told: u64,
}

/// What a user can configure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When the evaluator's heap has grown to so many bytes, it is dropped and built anew.
    pub memory_budget: usize,
    /// Where nixpkgs is, instead of what the workspace's lock file and `NIX_PATH` say.
    pub nixpkgs: Option<PathBuf>,
    /// The value of `NIX_PATH`, instead of the process's own.
    pub nix_path: Option<String>,
    /// Where lists are kept that take long to evaluate, if they are: see [`crate::cache_folder`].
    pub cache_folder: Option<PathBuf>,
}

impl Settings {
    /// The memory that the evaluator may take without being told.
    pub const MEMORY_BUDGET: usize = 1 << 30;
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            memory_budget: Settings::MEMORY_BUDGET,
            nixpkgs: None,
            nix_path: None,
            cache_folder: None,
        }
    }
}

impl Workspace {
    pub(crate) fn create(db: &dyn Db, roots: Vec<PathBuf>, settings: Settings) -> Workspace {
        Workspace::builder(roots, settings, 0)
            .durability(Durability::HIGH)
            .told_durability(Durability::LOW)
            .new(db)
    }
}
