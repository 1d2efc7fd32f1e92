//! `cargo xtask demo`: the release program plays the five stories.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::run::{cargo, checkout, run, say, target};

/// Plays inside of the checkout, so that nothing is left elsewhere, and cleans up.
pub(crate) fn run_demo() -> Result<()> {
    say("Building the release program; the first time takes a few minutes.");
    run(&mut cargo(["build", "--quiet", "--release", "--package", "floe-cli"]))?;
    play(&target().join("release/floe"))
}

/// Has `floe` play, in a home of its own.
pub(crate) fn play(floe: &Path) -> Result<()> {
    in_home(&mut Command::new(floe), run)
}

/// Has a `floe` play that is given with its first arguments, and gives what it printed.
pub(crate) fn output(floe: &mut Command) -> Result<String> {
    in_home(floe, crate::run::output)
}

fn in_home<T>(floe: &mut Command, work: impl Fn(&mut Command) -> Result<T>) -> Result<T> {
    let home = target().join("demo");
    remove(&home)?;
    floe.args(["demo", "--directory"]).arg(&home).current_dir(checkout()).env_remove("FLOE_STORE");
    let played = work(floe);
    remove(&home)?;
    played
}

/// Removes a folder that may hold a store, whose folders are read-only.
fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    make_writable(folder)
        .and_then(|()| fs::remove_dir_all(folder))
        .with_context(|| format!("cannot remove '{}'", folder.display()))
}

fn make_writable(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}
