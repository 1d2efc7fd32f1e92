//! `cargo xtask test`: everything that has to hold.

use std::{ffi::OsStr, process::Command};

use anyhow::Result;

use crate::{
    demo, readme,
    run::{cargo, run, say, target},
    tools,
};

pub(crate) fn run_all() -> Result<()> {
    let tools = tools::install()?;

    say("\nFormatting, lints, documentation");
    run(&mut cargo(["fmt", "--all", "--check"]))?;
    run(&mut cargo([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    let mut documentation = cargo(["doc", "--quiet", "--workspace", "--no-deps"]);
    run(documentation.env("RUSTDOCFLAGS", "--deny warnings"))?;

    say("\nTests");
    let floe = target().join("debug/floe");
    run(&mut cargo(["build", "--quiet", "--package", "floe-cli"]))?;
    let mut tests = cargo(["test", "--workspace", "--no-fail-fast"]);
    run(tests
        .env("FLOE_BIN", &floe)
        .env("FLOE_TESTS_NEED_ALL", "1")
        .env("FLOE_TESTS_NVIM", &tools.neovim))?;

    say("\nThe extension for Visual Studio Code");
    run(&mut tools::npm(&["test"]))?;

    say("\nThe commands of README.md, and the demonstration");
    readme::check()?;
    demo::play(Command::new(&floe), &[OsStr::new("--fast")])?;

    say("\nEverything holds.");
    Ok(())
}
