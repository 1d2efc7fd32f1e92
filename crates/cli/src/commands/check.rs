//! `floe check`: what is wrong with files, as far as their text tells; the diagnostics of the editor.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::Context as _;
use clap::Args;
use floe_db::{Database, Db as _, OsSystem, Settings, source};

use crate::{
    commands::Format,
    render::{Complaint, Place, Severity, Step},
};

/// Report mistakes in Nix files: syntax errors, unbound and doubly bound names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe check                    every .nix file below the current folder
  floe check configuration.nix
  floe check --format json . | jq '.[].place.file'

The exit status is 1 if there is an error.")]
pub(crate) struct Arguments {
    /// Files, and folders that are searched for .nix files.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &arguments.paths {
        collect(path, &mut files)?;
    }
    let directory = env::current_dir().context("the current folder cannot be told")?;
    let mut checked: Vec<(usize, Vec<Complaint>)> = check_all(&directory, &files);
    checked.sort_by_key(|(index, _)| *index);
    let complaints: Vec<Complaint> = checked.into_iter().flat_map(|(_, found)| found).collect();

    match arguments.format {
        Format::Json => {
            let list: Vec<_> = complaints.iter().map(Complaint::to_json).collect();
            anstream::println!("{}", serde_json::to_string_pretty(&list)?);
        }
        Format::Human => {
            for complaint in &complaints {
                complaint.print();
            }
            let errors = complaints.len();
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            anstream::eprintln!(
                "{} file{} checked, {errors} mistake{}",
                files.len(),
                plural(files.len()),
                plural(errors)
            );
        }
    }
    let failed = complaints.iter().any(|complaint| complaint.severity == Severity::Error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Named files are taken as they are; folders are searched, hidden ones and links left out.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let named = path.metadata().with_context(|| format!("cannot check '{}'", path.display()))?;
    if !named.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = folder
            .read_dir()
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot search '{}'", folder.display()))?;
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !is_hidden {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(())
}

/// The complaints about each file, by its index; as many files at a time as there are cores.
fn check_all(directory: &Path, files: &[PathBuf]) -> Vec<(usize, Vec<Complaint>)> {
    let next = AtomicUsize::new(0);
    let (sender, complaints) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(files.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                let database =
                    Database::new(Arc::new(OsSystem), vec![directory.into()], Settings::default());
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(index) else { return };
                    let found = check(&database, directory, file);
                    if !found.is_empty() && sender.send((index, found)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        complaints.into_iter().collect()
    })
}

fn check(database: &Database, directory: &Path, path: &Path) -> Vec<Complaint> {
    let place = |file, span: floe_hir::Span| Place {
        name: match floe_db::File::path(file, database) {
            other if *other == floe_db::normalize(&directory.join(path)) => {
                path.strip_prefix("./").unwrap_or(path).display().to_string()
            }
            other => other.display().to_string(),
        },
        text: source(database, file).text.clone(),
        range: span.start as usize..span.end as usize,
    };
    let file = database.file(&floe_db::normalize(&directory.join(path)));
    let is_readable = source(database, file).problem.is_none();
    floe_ide::diagnostics(database, file)
        .into_iter()
        .map(|found| Complaint {
            severity: match found.severity {
                floe_ide::Severity::Error => Severity::Error,
                floe_ide::Severity::Warning | floe_ide::Severity::Hint => Severity::Warning,
            },
            slug: Some(found.code),
            message: found.message,
            place: is_readable.then(|| place(file, found.span)),
            trace: (found.related.into_iter())
                .map(|related| Step::new(related.message, Some(place(related.file, related.span))))
                .collect(),
            help: Vec::new(),
        })
        .collect()
}
