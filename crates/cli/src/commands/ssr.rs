//! `floe ssr`: structural search and replace.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use floe_ide::SsrRule;
use serde_json::json;

use crate::{
    commands::{replace::replace_file, walk::nix_files},
    output,
};

/// Search for expressions of a form, and write them in another.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe ssr 'isNull $x ==>> $x == null' .
  floe ssr --dry-run 'stdenv.lib.$name ==>> lib.$name' pkgs     the difference, nothing is written
  floe ssr --json 'import $x { } ==>> import $x { config = { }; }' | jq .

$name stands for any expression, or any name of an attribute. White space, comments and parentheses do
not matter to a match. The exit status is 0 if something matched, 1 if nothing did, 2 if the command could not do its work.")]
pub(crate) struct Arguments {
    /// What to search, and what to write: 'PATTERN ==>> TEMPLATE'.
    rule: String,
    /// Files, and folders that are searched for .nix files.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Print the difference and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the edits as JSON and write nothing.
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rule = SsrRule::parse(&arguments.rule)?;
    let (mut matches, mut files, mut list) = (0, 0, Vec::new());
    for path in nix_files(&arguments.paths)? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read '{}'", path.display()))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let edits = rule.edits(&text);
        if edits.is_empty() {
            continue;
        }
        matches += edits.len();
        files += 1;
        let mut new = text.clone();
        floe_syntax::apply_edits(&mut new, &edits)?;
        if arguments.json {
            list.extend(edits.iter().map(|edit| {
                json!({
                    "file": path.display().to_string(),
                    "start": edit.range.start,
                    "end": edit.range.end,
                    "insert": edit.insert,
                })
            }));
        } else if arguments.dry_run {
            output::print(format_args!(
                "{}",
                floe_ide::unified_diff(&path, "replaced", &text, &new)
            ))?;
        } else {
            replace_file(&path, &new)?;
        }
    }
    if arguments.json {
        output::line(serde_json::to_string_pretty(&list)?)?;
    }
    let found = output::counted(matches, "match", "matches");
    output::note(format_args!("{found} in {}", output::counted(files, "file", "files")));
    Ok(if matches > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
