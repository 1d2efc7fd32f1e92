//! `floe check`: what is wrong with files, as far as their text tells; the diagnostics of the editor.

mod baseline;
mod report;

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use floe_db::{Change, Database, Db as _, OsSystem, Settings, source};
use floe_ide::Diagnostic;

use self::baseline::Baseline;
use self::report::{Format, report};
use crate::{
    commands::{replace::replace_file, walk::nix_files},
    output::{self, counted},
    progress::Progress,
    render::Place,
};

/// Report mistakes in Nix files: syntax errors, unbound and doubly bound names, and what lints find.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe check                              every .nix file below the current folder
  floe check --fix configuration.nix      make the fixes that change no meaning
  floe check --baseline lints.json --write-baseline   accept what there is today
  floe check --baseline lints.json        and report only what is new
  floe check --json . | jq '.[].place.file'

The nearest floe.toml around a file says which lints are reported: see `floe explain configuration`.
The exit status is 0 if nothing is reported, 1 if something is, 2 if the command could not do its work.")]
pub(crate) struct Arguments {
    /// Files, and folders that are searched for .nix files.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Make the safe fixes in the files, then report what is left.
    #[arg(long)]
    fix: bool,
    /// Report nothing below this severity.
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    min_severity: MinSeverity,
    /// Report, and fix, only these kinds of findings.
    #[arg(long, value_name = "SLUG")]
    only: Vec<String>,
    /// Leave out what this file lists.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what is found to the baseline.
    #[arg(long, requires = "baseline")]
    write_baseline: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum MinSeverity {
    Hint,
    #[default]
    Warning,
    Error,
}

/// Something that was found in a file.
pub(super) struct Finding {
    /// The file, as the user would write it.
    name: String,
    diagnostic: Diagnostic,
    /// Where; nothing in a file that cannot be read.
    place: Option<Place>,
    related: Vec<(String, Place)>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    for slug in &arguments.only {
        anyhow::ensure!(
            floe_explain::find(slug).is_some(),
            "there is no lint or error '{slug}'; `floe explain` lists all"
        );
    }
    let files = nix_files(&arguments.paths)?;
    let known = match (&arguments.baseline, arguments.write_baseline) {
        (Some(path), false) => Some(Baseline::read(path)?),
        _ => None,
    };
    let checked = check_all(arguments, &files)?;
    let mut findings = checked.findings;
    anyhow::ensure!(checked.broken_configs.is_empty(), "{}", joined(&checked.broken_configs));

    if let (Some(path), true) = (&arguments.baseline, arguments.write_baseline) {
        Baseline::of(&findings).write(path)?;
        let written = counted(findings.len(), "finding", "findings");
        output::note(format_args!("{written} written to '{}'", path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let total = findings.len();
    let stale = known.map(|known| known.subtract(&mut findings));

    let format = if arguments.json { Format::Json } else { arguments.format };
    let text = report(format, &findings);
    if format == Format::Human {
        output::notes(text);
        let mut summary = format!(
            "{} checked, {}",
            counted(files.len(), "file", "files"),
            counted(findings.len(), "finding", "findings")
        );
        if checked.fixed > 0 {
            summary += &format!(", {} fixed", checked.fixed);
        }
        if let Some(stale) = stale {
            summary += &format!(", {} in the baseline", total - findings.len());
            if stale > 0 {
                summary += &format!(" ({stale} of its entries are not needed any more)");
            }
        }
        output::note(summary);
    } else {
        output::print(format_args!("{text}"))?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Checked {
    findings: Vec<Finding>,
    fixed: usize,
    broken_configs: BTreeSet<String>,
}

/// Checks as many files at a time as there are cores.
fn check_all(arguments: &Arguments, files: &[PathBuf]) -> anyhow::Result<Checked> {
    /// Deeply nested code nests calls deeply; this is address space, not memory.
    const STACK: usize = 256 << 20;
    let directory = env::current_dir().context("the current folder cannot be told")?;
    let progress = Progress::steps("checking", files.len() as u64);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        let mut database =
            Database::new(Arc::new(OsSystem), vec![directory.clone()], Settings::default());
        while let Some((index, path)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            files.get(index).map(|path| (index, path))
        } {
            let result = check_one(arguments, &mut database, &directory, path);
            progress.advance();
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(files.len()) {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)?;
        }
        anyhow::Ok(())
    })?;
    drop(progress);
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let mut all = Checked::default();
    for (_, result) in results {
        let checked = result?;
        all.findings.extend(checked.findings);
        all.fixed += checked.fixed;
        all.broken_configs.extend(checked.broken_configs);
    }
    Ok(all)
}

fn check_one(
    arguments: &Arguments,
    database: &mut Database,
    directory: &Path,
    path: &Path,
) -> anyhow::Result<Checked> {
    let absolute = floe_db::normalize(&directory.join(path));
    let mut checked = Checked::default();
    if let Some((_, Err(error))) = floe_ide::config_of(database, database.file(&absolute)) {
        checked.broken_configs.insert(error.to_string());
        return Ok(checked);
    }
    if arguments.fix {
        checked.fixed = fix(arguments, database, path, &absolute)?;
    }
    let database: &Database = database;
    let file = database.file(&absolute);
    let name = |file: floe_db::File| match file.path(database) {
        other if *other == absolute => {
            path.strip_prefix("./").unwrap_or(path).display().to_string()
        }
        other => other.display().to_string(),
    };
    let place = |file, span: floe_hir::Span| Place {
        name: name(file),
        text: source(database, file).text.clone(),
        range: span.start as usize..span.end as usize,
    };
    let is_readable = source(database, file).problem.is_none();
    let is_reported = |diagnostic: &Diagnostic| {
        let is_severe = match arguments.min_severity {
            MinSeverity::Hint => true,
            MinSeverity::Warning => diagnostic.severity != floe_ide::Severity::Hint,
            MinSeverity::Error => diagnostic.severity == floe_ide::Severity::Error,
        };
        let is_asked = arguments.only.iter().any(|slug| slug == diagnostic.code);
        if arguments.only.is_empty() { is_severe } else { is_asked }
    };
    let of_types = floe_ide::type_diagnostics(database, file).iter().cloned();
    let found = floe_ide::diagnostics(database, file).into_iter().chain(of_types);
    let mut found: Vec<Diagnostic> = found.filter(is_reported).collect();
    found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    let found = found.into_iter();
    checked.findings.extend(found.map(|diagnostic| {
        Finding {
            name: name(file),
            place: is_readable.then(|| place(file, diagnostic.span)),
            related: (diagnostic.related.iter())
                .map(|related| (related.message.clone(), place(related.file, related.span)))
                .collect(),
            diagnostic,
        }
    }));
    Ok(checked)
}

/// Fixes a file on the disk, and in the database. Says how many findings.
fn fix(
    arguments: &Arguments,
    database: &mut Database,
    path: &Path,
    absolute: &Path,
) -> anyhow::Result<usize> {
    let mut fixes = 0;
    let only: Vec<Option<&str>> = match arguments.only.as_slice() {
        [] => vec![None],
        slugs => slugs.iter().map(|slug| Some(slug.as_str())).collect(),
    };
    for only in only {
        let Some(fixed) = floe_ide::fix_all(database, database.file(absolute), only) else {
            continue;
        };
        replace_file(path, &fixed.text)?;
        database.apply(Change::Buffer { path: absolute.into(), text: fixed.text.into() });
        fixes += fixed.fixes;
    }
    Ok(fixes)
}

fn joined(lines: &BTreeSet<String>) -> String {
    lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}
