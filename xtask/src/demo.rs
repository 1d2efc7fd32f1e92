//! `cargo xtask demo`: the release program plays the five stories.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use anyhow::Result;

use crate::run::{cargo, checkout, run, say, target};

/// Builds and plays.
pub(crate) fn run_demo() -> Result<()> {
    say("Building the release program; the first time takes a few minutes.");
    play(release()?, &[])
}

/// Has `floe demo` play on the checkout's demo project. What it needs for that lies in the target folder,
/// so that nothing is left outside of the checkout even if it is killed.
pub(crate) fn play(mut floe: Command, options: &[&OsStr]) -> Result<()> {
    let temporary = target().join("demo");
    fs::create_dir_all(&temporary)?;
    floe.arg("demo").arg("--project").arg(checkout().join("fixtures/demo")).args(options);
    run(floe.current_dir(checkout()).env("TMPDIR", &temporary))
}

/// `cargo xtask picture`: the demo's real output as the picture of README.md.
pub(crate) fn draw() -> Result<()> {
    let picture = checkout().join("docs/images/demo.svg");
    fs::create_dir_all(picture.parent().unwrap_or(Path::new(".")))?;
    let mut options: Vec<&OsStr> = vec!["--fast".as_ref(), "--svg".as_ref(), picture.as_os_str()];
    // As much as a reader scrolls past.
    for story in ["completion", "error", "override"] {
        options.extend(["--story", story].map(OsStr::new));
    }
    play(release()?, &options)
}

/// The release program, built.
fn release() -> Result<Command> {
    run(&mut cargo(["build", "--quiet", "--release", "--package", "floe-cli"]))?;
    Ok(Command::new(target().join("release/floe")))
}
