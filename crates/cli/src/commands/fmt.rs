//! `floe fmt`: formats files as RFC 166 has it, or tells which are not formatted so.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use clap::Args;
use floe_ide::{FormatError, FormatOptions};

use crate::{
    commands::{replace::replace_file, walk::nix_files},
    output,
    render::{Complaint, Place},
};

/// Format Nix files as RFC 166 has it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe fmt                      every .nix file below the current folder
  floe fmt --check .            only show what would change
  floe fmt - <a.nix             from standard input to standard output

A file with a syntax error is left as it is, and so is one that would mean something else.
The exit status is 1 if a file could not be formatted or, with --check, is not.")]
pub(crate) struct Arguments {
    /// Files, folders that are searched for .nix files, or - for standard input.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Change nothing; print the differences.
    #[arg(long)]
    check: bool,
    /// How many columns a line should have at most.
    #[arg(long, default_value_t = FormatOptions::default().width, value_name = "COLUMNS")]
    width: usize,
}

/// Deeply nested code nests calls deeply; this is address space, not memory.
const STACK: usize = 256 << 20;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = FormatOptions { width: arguments.width, ..FormatOptions::default() };
    if arguments.paths == [PathBuf::from("-")] {
        return format_stream(arguments.check, &options);
    }
    let files = nix_files(&arguments.paths)?;
    let (mut changed, mut failed) = (0, 0);
    for (path, outcome) in files.iter().zip(format_all(&files, &options)) {
        match outcome {
            Outcome::Same => {}
            Outcome::Different { old, new } => {
                changed += 1;
                match arguments.check {
                    true => print_difference(shown(path), &old, &new)?,
                    false => replace_file(path, &new)?,
                }
            }
            Outcome::Failed(complaint) => {
                failed += 1;
                complaint.print();
            }
        }
    }
    let read = output::counted(files.len(), "file", "files");
    let done = if arguments.check { "not formatted" } else { "formatted" };
    let left = if failed > 0 { format!(", {failed} left alone") } else { String::new() };
    output::note(format_args!("{read} read, {changed} {done}{left}"));
    let complains = failed > 0 || arguments.check && changed > 0;
    Ok(if complains { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Standard input comes out formatted; with `--check` only the difference does.
fn format_stream(check: bool, options: &FormatOptions) -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    let name = Path::new("«stdin»");
    let outcome = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, || format_text(name, &text, options));
        thread.ok().and_then(|thread| thread.join().ok())
    });
    match outcome.context("there is no thread to format with")? {
        Outcome::Same if check => {}
        Outcome::Same => output::bytes(text.as_bytes())?,
        Outcome::Different { old, new } if check => {
            print_difference(name, &old, &new)?;
            return Ok(ExitCode::FAILURE);
        }
        Outcome::Different { new, .. } => output::bytes(new.as_bytes())?,
        Outcome::Failed(complaint) => {
            complaint.print();
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

enum Outcome {
    Same,
    Different { old: String, new: String },
    Failed(Box<Complaint>),
}

/// What formatting makes of each file, in their order; as many at a time as there are cores.
fn format_all(files: &[PathBuf], options: &FormatOptions) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.get(index) else { return };
            let outcome = format_file(path, options);
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(files.len()) {
            let thread = thread::Builder::new().stack_size(STACK);
            if thread.spawn_scoped(scope, work).is_err() {
                work();
            }
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn format_file(path: &Path, options: &FormatOptions) -> Outcome {
    match fs::read_to_string(path) {
        Ok(text) => format_text(shown(path), &text, options),
        Err(error) => {
            let message = format!("'{}' cannot be read: {error}", path.display());
            Outcome::Failed(Box::new(Complaint::error(message)))
        }
    }
}

fn format_text(name: &Path, text: &str, options: &FormatOptions) -> Outcome {
    match floe_ide::format(text, options) {
        Ok(new) if new == text => Outcome::Same,
        Ok(new) => Outcome::Different { old: text.to_owned(), new },
        Err(error) => Outcome::Failed(Box::new(complaint(name, text, error))),
    }
}

fn complaint(name: &Path, text: &str, error: FormatError) -> Complaint {
    let name = name.display().to_string();
    match error {
        FormatError::Syntax { message, span, .. } => Complaint {
            place: Some(Place {
                name,
                text: text.into(),
                range: span.start as usize..span.end as usize,
            }),
            help: vec!["only a file without syntax errors can be formatted".to_owned()],
            ..Complaint::error(message)
        },
        error => Complaint::error(format!("{name}: {error}")),
    }
}

fn print_difference(name: &Path, old: &str, new: &str) -> io::Result<()> {
    let difference = floe_ide::unified_diff(name, "formatted", old, new);
    for line in difference.split_inclusive('\n') {
        let style = match line.as_bytes().first() {
            Some(b'-') => AnsiColor::Red.on_default(),
            Some(b'+') => AnsiColor::Green.on_default(),
            Some(b'@') => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        };
        output::print(format_args!("{style}{line}{style:#}"))?;
    }
    Ok(())
}

/// A path as its user would write it.
fn shown(path: &Path) -> &Path {
    path.strip_prefix("./").unwrap_or(path)
}
