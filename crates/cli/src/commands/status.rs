//! `floe status`: what this shell has loaded, and why.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use floe_devshell::{
    Context,
    allow::AllowState,
    status::{ProjectStatus, ShellState, status},
};

use crate::{
    commands::{Format, FormatArguments},
    output,
};

/// Show which project this folder belongs to, whether it may run, and what is loaded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe status
  floe status --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let context = Context::from_process()?;
    let status = status(&context);
    if arguments.format.chosen() == Format::Json {
        output::line(serde_json::to_string_pretty(&status)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bold = Style::new().bold();
    let print =
        |name: &str, value: String| output::line(format_args!("{bold}{name:8}{bold:#} {value}"));
    let project = |project: &Option<ProjectStatus>| match project {
        None => "none".to_owned(),
        Some(ProjectStatus { file, allowed, .. }) => {
            let (style, word) = match allowed {
                AllowState::Allowed => (AnsiColor::Green.on_default(), "allowed"),
                AllowState::Denied => (AnsiColor::Red.on_default(), "denied"),
                AllowState::Unknown => (AnsiColor::Yellow.on_default(), "not allowed yet"),
            };
            format!("{} {style}({word}){style:#}", context.display(file))
        }
    };
    print("found", project(&status.found))?;
    print("loaded", project(&status.loaded))?;
    for watch in &status.watches {
        let changed = if watch.changed { " (changed)" } else { "" };
        print("watches", format!("{}{changed}", context.display(&watch.path)))?;
    }
    for shell in &status.shells {
        let state = match shell.state {
            ShellState::Building => "being built",
            ShellState::Ready => "ready",
            ShellState::Failed => "failed",
            ShellState::Stale => "built at the next prompt",
        };
        let message = shell.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        print("shell", format!("{} ({state}{message})", shell.shell))?;
    }
    Ok(ExitCode::SUCCESS)
}
