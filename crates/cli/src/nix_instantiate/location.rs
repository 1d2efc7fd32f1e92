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
    if let Some(query) = named.as_deref().and_then(|name| name.strip_prefix("local?")) {
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        if let Some(folder) = parameter("store") {
            return folders(&folder, parameter("real"), parameter("state"), parameter("log"));
        }
    } else if let Some(folder) = variable("NIX_STORE_DIR") {
        return folders(&folder, None, variable("NIX_STATE_DIR"), variable("NIX_LOG_DIR"));
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

/// A store in folders that are named one by one; those that are not are the machine's.
fn folders(
    store: &str,
    real: Option<String>,
    state: Option<String>,
    log: Option<String>,
) -> anyhow::Result<StoreLocation> {
    let system = Layout::system();
    Ok(StoreLocation::Local(Layout {
        store_dir: StoreDir::new(store).with_context(|| format!("'{store}' is no store"))?,
        real_dir: real.map_or_else(|| store.into(), PathBuf::from),
        state_dir: state.map_or(system.state_dir, PathBuf::from),
        log_dir: log.map_or(system.log_dir, PathBuf::from),
    }))
}
