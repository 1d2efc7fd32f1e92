//! Which nixpkgs the workspace means, and with it what `<…>` looks through.

use std::path::{Path, PathBuf};

use floe_flake::nixpkgs::Environment;
use floe_flake::{SearchPath, SearchPathEntry, StoreDirectory, locate};
use floe_store::StoreDir;

use crate::Db;

/// What the workspace's evaluations look through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nixpkgs {
    /// The directory of nixpkgs, if there is one.
    pub path: Option<PathBuf>,
    /// What `<…>` looks through.
    pub search_path: SearchPath,
    /// What was ignored on the way, for the user to know.
    pub notes: Vec<String>,
}

/// The workspace's nixpkgs: the configured one, else that of its `flake.lock`, of `NIX_PATH`, or the
/// embedded one.
#[salsa::tracked]
pub fn nixpkgs(db: &dyn Db) -> Nixpkgs {
    let settings = db.workspace().settings(db);
    let root = db.workspace().roots(db).first();
    let root = root.map_or(Path::new("/"), PathBuf::as_path);
    // A new lock file means another nixpkgs.
    db.file(&root.join("flake.lock")).stamp(db);

    let mut environment = Environment::of_process();
    if let Some(nix_path) = &settings.nix_path {
        environment.nix_path = Some(nix_path.clone());
    }
    let found = locate(root, &environment, &stores());
    let mut nixpkgs = Nixpkgs {
        path: found.nixpkgs.map(|location| location.path),
        search_path: found.search_path,
        notes: found.notes.iter().map(ToString::to_string).collect(),
    };
    if let Some(path) = &settings.nixpkgs {
        let entry = SearchPathEntry::new("nixpkgs", path);
        nixpkgs.search_path.entries.insert(0, entry);
        nixpkgs.path = Some(path.clone());
    }
    nixpkgs
}

/// Where what can be computed again is kept: `$XDG_CACHE_HOME`, else `~/.cache`.
pub fn cache_folder() -> PathBuf {
    Environment::of_process().cache_directory
}

/// The stores that a locked nixpkgs may already be in.
fn stores() -> Vec<StoreDirectory> {
    let Ok(logical) = StoreDir::new(StoreDir::DEFAULT) else { return Vec::new() };
    let chosen = std::env::var_os("FLOE_STORE").map(PathBuf::from);
    let chosen = chosen.filter(|root| root.is_absolute()).map(|root| root.join("nix/store"));
    let physical = chosen.into_iter().chain([PathBuf::from(StoreDir::DEFAULT)]);
    physical.map(|physical| StoreDirectory { logical: logical.clone(), physical }).collect()
}
