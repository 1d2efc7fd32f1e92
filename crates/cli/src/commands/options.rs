//! `floe options`: the options of NixOS, as the editor completes them.

use std::{env, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;
use floe_db::{Database, OsSystem, Settings};
use floe_ide::ListedOption;
use serde_json::json;

use crate::{
    commands::{Format, FormatArguments},
    output,
};

/// List the options of NixOS.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe options                              the names of all options
  floe options services.openssh             those whose names have this in them, or one with all about it
  floe options --json                       all about all of them, for a script

NixOS is that of the workspace's nixpkgs: of flake.lock in the current folder, or of NIX_PATH. The list is
kept in the cache folder, and evaluated again when a file changes that it was read from. The exit status
is 1 if there is no such option, 2 if the list cannot be made.")]
pub(crate) struct Arguments {
    /// A part of the names.
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
    /// The folder of nixpkgs to take instead.
    #[arg(long, value_name = "FOLDER")]
    nixpkgs: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let directory = env::current_dir().context("the current folder cannot be told")?;
    if let Some(path) = &arguments.nixpkgs {
        anyhow::ensure!(
            directory.join(path).join("nixos").is_dir(),
            "'{}' has no options of NixOS: a nixpkgs with a folder 'nixos' was expected",
            path.display()
        );
    }
    let settings = Settings {
        nixpkgs: arguments.nixpkgs.as_ref().map(|path| floe_db::normalize(&directory.join(path))),
        cache_folder: Some(floe_db::cache_folder()),
        ..Settings::default()
    };
    let database = Database::new(Arc::new(OsSystem), vec![directory], settings);
    let Some(mut options) = floe_ide::all_options(&database) else {
        let path = floe_db::nixpkgs(&database).path.clone();
        let path = path.map_or("nowhere".into(), |path| format!("'{}'", path.display()));
        anyhow::bail!(
            "the options of NixOS cannot be evaluated: nixpkgs is {path}; a nixpkgs with a folder \
             'nixos' was expected. Name one by --nixpkgs FOLDER, or see `floe eval --expr \
             '(import <nixpkgs/nixos> {{ configuration = {{ }}; }}).options'`"
        );
    };
    if let Some(pattern) = &arguments.pattern {
        options.retain(|option| option.name.contains(pattern.as_str()));
    }
    if let (Some(pattern), true) = (&arguments.pattern, options.is_empty()) {
        output::note(format_args!("no option has '{pattern}' in its name"));
    }
    match arguments.format.chosen() {
        Format::Json => {
            let options: Vec<_> = options.iter().map(to_json).collect();
            output::line(serde_json::to_string_pretty(&options)?)?;
        }
        Format::Human => {
            match options.iter().find(|it| Some(&it.name) == arguments.pattern.as_ref()) {
                Some(option) => print(option)?,
                None => options.iter().try_for_each(|option| output::line(&option.name))?,
            }
        }
    }
    Ok(if options.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(option: &ListedOption) -> anyhow::Result<()> {
    output::line(&option.name)?;
    let field = |title: &str, value: &Option<String>| match value.as_deref().map(str::trim) {
        Some(value) if !value.is_empty() => {
            output::line(format_args!("\n{title}:\n  {}", value.replace('\n', "\n  ")))
        }
        _ => Ok(()),
    };
    field("Description", &option.description)?;
    field("Type", &option.type_description)?;
    field("Default", &option.default)?;
    field("Example", &option.example)?;
    let places =
        option.declarations.iter().map(|(path, line)| format!("{}:{line}", path.display()));
    field("Declared in", &Some(places.collect::<Vec<_>>().join("\n")))?;
    Ok(())
}

fn to_json(option: &ListedOption) -> serde_json::Value {
    let declarations = option.declarations.iter();
    let declarations: Vec<_> =
        declarations.map(|(path, line)| json!({ "file": path, "line": line })).collect();
    json!({
        "name": option.name,
        "type": option.type_description,
        "description": option.description,
        "default": option.default,
        "example": option.example,
        "declarations": declarations,
    })
}
