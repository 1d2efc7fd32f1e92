//! Which nixpkgs a workspace means, without anything being configured.
//!
//! In this order: the `nixpkgs` input that the workspace's `flake.lock` pins, if its tree is in a store;
//! what `NIX_PATH` (or, when that is unset, Nix's channels) says; the embedded package set.

use std::{
    env,
    path::{Path, PathBuf},
};

use floe_store::{Hash, Method, StoreDir, StorePath, path::PathError};

use crate::{
    embedded,
    lock::{LockFile, Node},
    search_path::{SearchPath, SearchPathEntry, SearchPathNote},
};

/// What an evaluation in a workspace looks through, and why.
#[derive(Debug)]
pub struct Workspace {
    /// The nixpkgs that `<nixpkgs>` finds. `None` only if even the embedded set cannot be laid out; a
    /// note says why.
    pub nixpkgs: Option<NixpkgsLocation>,
    /// The whole search path. Its last entries are always the embedded set.
    pub search_path: SearchPath,
    /// What was ignored on the way.
    pub notes: Vec<SearchPathNote>,
}

/// A nixpkgs, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NixpkgsLocation {
    /// The directory with `default.nix`.
    pub path: PathBuf,
    /// What led to it.
    pub origin: NixpkgsOrigin,
}

/// What led to a nixpkgs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NixpkgsOrigin {
    /// The workspace's lock file.
    FlakeLock {
        /// The key of the input's node.
        node: String,
        /// The tree's hash as the lock file spells it.
        nar_hash: String,
    },
    /// An entry of `NIX_PATH`, or a channel.
    NixPath,
    /// The set that is part of the program.
    Embedded,
}

/// A place where store paths lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreDirectory {
    /// The name that is part of every store path's hash, usually `/nix/store`.
    pub logical: StoreDir,
    /// Where the files are.
    pub physical: PathBuf,
}

/// What the process's environment says about the search path.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `NIX_PATH`, if it is set.
    pub nix_path: Option<String>,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Where generated files may be kept: `$XDG_CACHE_HOME`, else `~/.cache`.
    pub cache_directory: PathBuf,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Environment {
        let directory = |name| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = directory("HOME");
        let cache_directory = directory("XDG_CACHE_HOME")
            .or_else(|| home.as_ref().map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir);
        Environment { nix_path: env::var("NIX_PATH").ok(), home, cache_directory }
    }
}

/// Finds the nixpkgs of the workspace at `root`, looking for locked trees in `stores`.
pub fn locate(root: &Path, environment: &Environment, stores: &[StoreDirectory]) -> Workspace {
    let mut notes = Vec::new();
    let mut search_path = SearchPath::default();
    let mut nixpkgs = None;
    match from_flake_lock(&root.join("flake.lock"), stores) {
        Ok(None) => {}
        Ok(Some(location)) => {
            search_path.entries.push(SearchPathEntry::new("nixpkgs", &location.path));
            nixpkgs = Some(location);
        }
        Err(note) => notes.push(note),
    }
    search_path.entries.extend(nix_path(root, environment, &mut notes).entries);
    let nixpkgs = nixpkgs.or_else(|| {
        let path = search_path.find("nixpkgs")?;
        Some(NixpkgsLocation { path, origin: NixpkgsOrigin::NixPath })
    });
    finish(search_path, nixpkgs, environment, notes)
}

/// Appends the embedded set as `<floe-pkgs>`, and as `<nixpkgs>` where there is no other.
fn finish(
    mut search_path: SearchPath,
    mut nixpkgs: Option<NixpkgsLocation>,
    environment: &Environment,
    mut notes: Vec<SearchPathNote>,
) -> Workspace {
    match embedded::materialize(&environment.cache_directory) {
        Ok(path) => {
            search_path.entries.push(SearchPathEntry::new("floe-pkgs", &path));
            if nixpkgs.is_none() {
                search_path.entries.push(SearchPathEntry::new("nixpkgs", &path));
                nixpkgs = Some(NixpkgsLocation { path, origin: NixpkgsOrigin::Embedded });
            }
        }
        Err(error) => notes.push(error.into()),
    }
    Workspace { nixpkgs, search_path, notes }
}

fn from_flake_lock(
    lock_file: &Path,
    stores: &[StoreDirectory],
) -> Result<Option<NixpkgsLocation>, SearchPathNote> {
    if !lock_file.exists() {
        return Ok(None);
    }
    let lock = LockFile::read(lock_file)?;
    let Some((node, nar_hash)) = pinned_nixpkgs(&lock)? else { return Ok(None) };
    let unusable = |reason: String| SearchPathNote::NarHash {
        lock_file: lock_file.into(),
        node: node.clone(),
        reason,
    };
    let hash = Hash::parse_sri(&nar_hash).map_err(|error| unusable(error.to_string()))?;
    let mut wanted = String::new();
    for store in stores {
        let name =
            source_path(&store.logical, hash).map_err(|error| unusable(error.to_string()))?;
        let path = store.physical.join(&name);
        if path.exists() {
            let origin = NixpkgsOrigin::FlakeLock { node, nar_hash };
            return Ok(Some(NixpkgsLocation { path, origin }));
        }
        wanted = store.logical.print(&name);
    }
    Err(SearchPathNote::NotInStore { lock_file: lock_file.into(), store_path: wanted })
}

/// The input called `nixpkgs`, else the one input that is nixpkgs under another name.
fn pinned_nixpkgs(lock: &LockFile) -> Result<Option<(String, String)>, SearchPathNote> {
    let is_nixpkgs = |node: &Node| {
        let locked = node.locked.as_ref().map(|locked| &locked.reference);
        locked.or(node.original.as_ref()).is_some_and(|reference| reference.is_nixpkgs())
    };
    let mut found = lock.find(&["nixpkgs"])?;
    if found.is_none() {
        for name in lock.root().inputs.keys() {
            let candidate = lock.find(&[name])?.filter(|(_, node)| is_nixpkgs(node));
            match (&found, candidate) {
                (Some(_), Some(_)) => return Ok(None),
                (None, candidate) => found = candidate,
                (Some(_), None) => {}
            }
        }
    }
    Ok(found.and_then(|(key, node)| {
        let hash = node.locked.as_ref()?.nar_hash.clone()?;
        Some((key.to_owned(), hash))
    }))
}

/// Where every fetcher of Nix puts a tree: content-addressed under the name `source`.
fn source_path(store: &StoreDir, nar_hash: Hash) -> Result<StorePath, PathError> {
    store.fixed_output_path("source", Method::Nar, &nar_hash, [], false)
}

fn nix_path(
    directory: &Path,
    environment: &Environment,
    notes: &mut Vec<SearchPathNote>,
) -> SearchPath {
    match &environment.nix_path {
        Some(value) => SearchPath::parse(value, directory, notes),
        None => SearchPath { entries: channels(environment) },
    }
}

/// What Nix looks through when `NIX_PATH` is unset; the ones that do not exist are no mistake.
pub fn channels(environment: &Environment) -> Vec<SearchPathEntry> {
    let system = Path::new("/nix/var/nix/profiles/per-user/root/channels");
    let user = environment
        .home
        .as_ref()
        .map(|home| SearchPathEntry::new("", &home.join(".nix-defexpr/channels")));
    user.into_iter()
        .chain([
            SearchPathEntry::new("nixpkgs", &system.join("nixpkgs")),
            SearchPathEntry::new("", system),
        ])
        .filter(|entry| Path::new(&entry.path).exists())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HASH: &str = "sha256-vNpUSpF5Nuw8xvDLj2KCwwksIbjua2LZCqhV1LNRDns=";
    /// What `nix-store --print-fixed-path --recursive sha256 … source` prints for it.
    const STORE_PATH: &str = "jzfmmjnq1cip816awnliw7ir69pcyg00-source";

    struct Fixture {
        directory: tempfile::TempDir,
    }

    impl Fixture {
        fn new(lock: Option<&str>) -> Fixture {
            let directory = tempfile::tempdir().unwrap();
            for name in ["store", "project", "channel/lib"] {
                fs::create_dir_all(directory.path().join(name)).unwrap();
            }
            if let Some(lock) = lock {
                fs::write(directory.path().join("project/flake.lock"), lock).unwrap();
            }
            Fixture { directory }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn locate(&self, nix_path: &str) -> Workspace {
            let environment = Environment {
                nix_path: Some(nix_path.to_owned()),
                home: None,
                cache_directory: self.path("cache"),
            };
            let store =
                StoreDirectory { logical: StoreDir::default(), physical: self.path("store") };
            locate(&self.path("project"), &environment, &[store])
        }
    }

    fn lock(input: &str) -> String {
        format!(
            r#"{{ "version": 7, "root": "root", "nodes": {{
                "root": {{ "inputs": {{ "{input}": "node" }} }},
                "node": {{
                  "locked": {{ "type": "github", "owner": "NixOS", "repo": "nixpkgs", "rev": "a",
                               "narHash": "{HASH}" }},
                  "original": {{ "type": "github", "owner": "NixOS", "repo": "nixpkgs" }} }} }} }}"#
        )
    }

    #[test]
    fn the_locked_tree_comes_before_nix_path() {
        for input in ["nixpkgs", "unstable"] {
            let fixture = Fixture::new(Some(&lock(input)));
            let tree = fixture.path("store").join(STORE_PATH);
            fs::create_dir(&tree).unwrap();
            let found = fixture.locate(&format!("nixpkgs={}", fixture.path("channel").display()));
            let origin =
                NixpkgsOrigin::FlakeLock { node: "node".into(), nar_hash: HASH.to_owned() };
            assert_eq!(found.nixpkgs, Some(NixpkgsLocation { path: tree.clone(), origin }));
            assert_eq!(found.search_path.find("nixpkgs"), Some(tree));
            assert!(found.notes.is_empty());
        }
    }

    #[test]
    fn a_locked_tree_that_is_in_no_store_is_noted_and_nix_path_used() {
        let fixture = Fixture::new(Some(&lock("nixpkgs")));
        let channel = fixture.path("channel");
        let found = fixture.locate(&format!("nixpkgs={}", channel.display()));
        let location = NixpkgsLocation { path: channel, origin: NixpkgsOrigin::NixPath };
        assert_eq!(found.nixpkgs, Some(location));
        let note = found.notes[0].to_string();
        assert!(note.contains(STORE_PATH) && note.contains("project/flake.lock"), "{note}");
    }

    #[test]
    fn a_directory_in_nix_path_may_hold_nixpkgs() {
        let fixture = Fixture::new(None);
        fs::create_dir(fixture.path("channel/nixpkgs")).unwrap();
        let found = fixture.locate(&fixture.path("channel").display().to_string());
        assert_eq!(found.nixpkgs.unwrap().path, fixture.path("channel/nixpkgs"));
    }

    #[test]
    fn the_embedded_set_is_the_last_resort_and_always_there() {
        let fixture = Fixture::new(None);
        let found = fixture.locate("nixpkgs=/no/such/place");
        let location = found.nixpkgs.unwrap();
        assert_eq!(location.origin, NixpkgsOrigin::Embedded);
        assert_eq!(found.search_path.find("floe-pkgs"), Some(location.path.clone()));
        assert_eq!(found.search_path.find("nixpkgs"), Some(location.path));
        assert!(found.notes[0].to_string().contains("/no/such/place"));
    }

    #[test]
    fn a_broken_lock_file_is_noted() {
        let broken = lock("nixpkgs").replace(HASH, "sha256-short");
        for text in ["{", broken.as_str()] {
            let found = Fixture::new(Some(text)).locate("");
            assert_eq!(found.nixpkgs.unwrap().origin, NixpkgsOrigin::Embedded);
            assert!(
                found.notes[0].to_string().contains("project/flake.lock"),
                "{found:?}",
                found = found.notes
            );
        }
    }
}
