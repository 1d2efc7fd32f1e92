//! Which store Nix's own tools would use.

use std::{env, path::PathBuf};

use anyhow::Context as _;
use floe_store::{StoreDir, StoreLocation, store::Layout};

/// The store that `--store`, `FLOE_STORE` or `NIX_REMOTE` names; else the daemon, the machine's `/nix`, or
/// for somebody who may not write there a store of their own whose paths still read `/nix/store`.
pub(super) fn choose(asked: Option<&str>) -> anyhow::Result<StoreLocation> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let floe = variable("FLOE_STORE");
    let named = asked.map(str::to_owned).or_else(|| variable("NIX_REMOTE"));
    let named = named.filter(|name| name != "auto");
    if let (None, Some(_)) = (asked, &floe) {
        return Ok(StoreLocation::choose(None, variable)?);
    }
    if let Some(folder) = variable("NIX_STORE_DIR") {
        return named_folders(&folder, variable);
    }
    match named.as_deref() {
        None => {}
        Some(DUMMY) => return Ok(StoreLocation::Local(Layout::system())),
        // What is a folder of its own to Floe is another root to Nix.
        Some(root) if root.starts_with('/') => {
            return Ok(StoreLocation::choose(Some(&format!("local?root={root}")), variable)?);
        }
        Some(name) => return Ok(StoreLocation::choose(Some(name), variable)?),
    }
    let chosen = StoreLocation::choose(None, variable)?;
    let is_relocated = chosen.layout().store_dir != StoreDir::default();
    if !is_relocated {
        return Ok(chosen);
    }
    let data = variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let data =
        data.context("neither XDG_DATA_HOME nor HOME is set, so there is no place for a store")?;
    Ok(StoreLocation::Local(Layout::chroot(&data.join("nix/root"))))
}

/// Whether nothing is to be written.
pub(super) fn is_dummy(asked: Option<&str>) -> bool {
    match asked {
        Some(asked) => asked == DUMMY,
        None => env::var("NIX_REMOTE").is_ok_and(|remote| remote == DUMMY),
    }
}

/// Nix's name for no store at all.
const DUMMY: &str = "dummy://";

/// A store that `NIX_STORE_DIR` and its like describe.
fn named_folders(
    folder: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<StoreLocation> {
    let system = Layout::system();
    let named = |name: &str, default: PathBuf| variable(name).map_or(default, PathBuf::from);
    Ok(StoreLocation::Local(Layout {
        store_dir: StoreDir::new(folder).context("NIX_STORE_DIR cannot be used")?,
        real_dir: folder.into(),
        state_dir: named("NIX_STATE_DIR", system.state_dir),
        log_dir: named("NIX_LOG_DIR", system.log_dir),
    }))
}
