//! `floe demo`: the five things that the program exists for, played for a person to watch.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::demo::{self, Story};

/// Watch the program at work: five stories with the real server, builder and bash.
///
/// Everything happens in one temporary folder, which is removed at the end. No nixpkgs and no network
/// are needed. The exit status says whether every answer was what it should be.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe demo                    all stories
  floe demo --fast             without pauses for typing and reading
  floe demo --story error      one of them")]
pub(crate) struct Arguments {
    /// The project to play on: a folder with the files of the demo project. It is copied.
    #[arg(long, value_name = "FOLDER")]
    project: Option<PathBuf>,
    /// Play only this story; may be given several times.
    #[arg(long = "story", value_enum, value_name = "STORY")]
    stories: Vec<Story>,
    /// No pauses for typing and reading, as when the output is no terminal.
    #[arg(long)]
    fast: bool,
    /// Also draw what is shown as a picture.
    #[arg(long, value_name = "FILE", hide = true)]
    svg: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    demo::play(&demo::Options {
        project: arguments.project.clone(),
        stories: match arguments.stories.as_slice() {
            [] => Story::ALL.to_vec(),
            chosen => chosen.to_vec(),
        },
        fast: arguments.fast,
        svg: arguments.svg.clone(),
    })
}
