//! `floe ssr`: structural search and replace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use floe_ide::{SsrPattern, SsrRule};
use serde_json::{Value, json};

use crate::{
    commands::{replace::replace_file, walk::nix_files},
    output,
    render::line_and_column,
};

/// Search for expressions of a form, and write them in another.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe ssr 'isNull $x' .                                        where it is used; nothing is written
  floe ssr 'isNull $x ==>> $x == null' .
  floe ssr --dry-run 'stdenv.lib.$name ==>> lib.$name' pkgs     the difference, nothing is written
  floe ssr --json 'import $x { } ==>> import $x { config = { }; }' | jq .

$name stands for any expression, or any name of an attribute. White space, comments and parentheses do
not matter to a match. The exit status is 0 if something matched, 1 if nothing did, 2 if the command could not do its work.")]
pub(crate) struct Arguments {
    /// What to search, and what to write: 'PATTERN ==>> TEMPLATE'. Of a PATTERN alone the places are printed.
    rule: String,
    /// Files, and folders that are searched for .nix files.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Print the difference and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the edits, or the places, as JSON and write nothing.
    #[arg(long, conflicts_with = "dry_run")]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let task = Task::parse(&arguments.rule)?;
    let (mut matches, mut files, mut list) = (0, 0, Vec::new());
    for path in nix_files(&arguments.paths)? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read '{}'", path.display()))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let found = match &task {
            Task::Search(pattern) => search(pattern, arguments, &path, &text, &mut list)?,
            Task::Replace(rule) => replace(rule, arguments, &path, &text, &mut list)?,
        };
        matches += found;
        files += usize::from(found > 0);
    }
    if arguments.json {
        output::line(serde_json::to_string_pretty(&list)?)?;
    }
    let found = output::counted(matches, "match", "matches");
    output::note(format_args!("{found} in {}", output::counted(files, "file", "files")));
    Ok(if matches > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is done with the matches.
enum Task {
    Search(SsrPattern),
    Replace(SsrRule),
}

impl Task {
    fn parse(text: &str) -> anyhow::Result<Task> {
        Ok(match text.contains("==>>") {
            true => Task::Replace(SsrRule::parse(text)?),
            false => Task::Search(SsrPattern::parse(text)?),
        })
    }
}

/// Prints the places of a file that match; says how many they are.
fn search(
    pattern: &SsrPattern,
    arguments: &Arguments,
    path: &Path,
    text: &str,
    list: &mut Vec<Value>,
) -> anyhow::Result<usize> {
    let found = pattern.matches(text);
    for span in &found {
        let (line, column) = line_and_column(text, span.start as usize);
        let code = &text[span.start as usize..span.end as usize];
        if arguments.json {
            list.push(json!({
                "file": path.display().to_string(),
                "start": span.start,
                "end": span.end,
                "line": line,
                "column": column,
                "text": code,
            }));
        } else {
            let first = code.lines().next().unwrap_or_default();
            let more = if first.len() < code.len() { " …" } else { "" };
            output::line(format_args!("{}:{line}:{column}  {first}{more}", path.display()))?;
        }
    }
    Ok(found.len())
}

/// Writes the matches of a file anew, or prints how they would be; says how many they are.
fn replace(
    rule: &SsrRule,
    arguments: &Arguments,
    path: &Path,
    text: &str,
    list: &mut Vec<Value>,
) -> anyhow::Result<usize> {
    let edits = rule.edits(text);
    if edits.is_empty() {
        return Ok(0);
    }
    let mut new = text.to_owned();
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
        let difference = floe_ide::unified_diff(path, "replaced", text, &new);
        output::print(format_args!("{difference}"))?;
    } else {
        replace_file(path, &new)?;
    }
    Ok(edits.len())
}
