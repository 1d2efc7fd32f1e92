//! `cargo xtask bench`: builds with optimisations and runs the measurements of `tests/src/bin/bench.rs`.

use anyhow::Result;

use crate::run::{cargo, run, target};

pub(crate) fn run_bench() -> Result<()> {
    let packages = ["--package", "floe-cli", "--package", "floe-tests"];
    run(cargo(["build", "--quiet", "--release"]).args(packages))?;
    let mut bench = std::process::Command::new(target().join("release/bench"));
    run(bench.env("FLOE_BIN", target().join("release/floe")))
}
