//! `floe demo`: the five things that the program exists for, played for a person to watch.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use include_dir::{Dir, include_dir};

use crate::demo;

static PROJECT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures/demo");

/// Play the stories of the introduction, with the real server, builder and bash.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe demo
  floe demo --directory /tmp/demo    keep what it made, to look at it")]
pub(crate) struct Arguments {
    /// Where to play. What is there stays; without this a temporary folder is used and removed.
    #[arg(long)]
    directory: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let temporary;
    let home = match &arguments.directory {
        Some(directory) => {
            fs::create_dir_all(directory)?;
            directory.canonicalize()?
        }
        None => {
            temporary = Scratch::new()?;
            temporary.0.clone()
        }
    };
    let project = home.join("iceberg");
    fs::create_dir_all(&project)?;
    PROJECT.extract(&project).with_context(|| format!("cannot write '{}'", project.display()))?;
    demo::play(&home, &project)?;
    Ok(ExitCode::SUCCESS)
}

/// A folder that is gone afterwards, read-only store paths included.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Scratch> {
        let path = env::temp_dir().join(format!("floe-demo-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make '{}'", path.display()))?;
        Ok(Scratch(path.canonicalize()?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whatever cannot be removed lies in the system's folder for temporary files.
        let _ = floe_store::store::delete(Path::new(&self.0));
    }
}
