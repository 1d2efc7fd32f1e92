//! `floe store`: looking at a store and tending it.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use bzip2::read::MultiBzDecoder;
use clap::{Args, Subcommand};
use floe_builder::BuildStore;
use floe_store::{
    Method, PathInfo, Store, StoreLocation, StorePath,
    daemon::LogEvent,
    hash,
    store::{GarbageOptions, Root, add_path},
};

use crate::{
    arguments::StoreArguments,
    commands::{Format, FormatArguments},
    output,
    output::counted,
    progress::Progress,
};

/// Look at the store, and tend it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe store path-info ./result      what is known of a path
  floe store ls                      every valid path
  floe store roots                   what keeps paths alive
  floe store gc --dry-run            what would be deleted
  floe store log ./result            the log of the build that made it")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy files or folders into the store and print their paths.
    Add {
        /// What to copy.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The name in the store; the file's own if not given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Print what is known of paths: hash, size, references, deriver.
    PathInfo {
        /// Store paths, or links to them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Everything that the paths need, too.
        #[arg(long, short)]
        recursive: bool,
        #[command(flatten)]
        format: FormatArguments,
    },
    /// Print every valid path.
    Ls,
    /// Print what keeps paths alive.
    Roots,
    /// Delete what no root reaches.
    Gc {
        /// Only say what would be deleted.
        #[arg(long)]
        dry_run: bool,
        /// Stop when so many bytes have been freed.
        #[arg(long, value_name = "BYTES")]
        max_freed: Option<u64>,
    },
    /// Delete these paths, unless something needs them.
    Delete {
        /// Store paths, or links to them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Check that every valid path is there.
    Verify {
        /// Read everything and compare the hashes.
        #[arg(long)]
        check_contents: bool,
    },
    /// Print the log of the build that made a path.
    Log {
        /// A store path or a link to one: an output, or the derivation.
        path: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let opened = open(store)?;
    let store = opened.store();
    match &arguments.command {
        Command::Add { files, name } => add(store, files, name.as_deref())?,
        Command::PathInfo { paths, recursive, format } => {
            path_info(store, paths, *recursive, format.chosen())?;
        }
        Command::Ls => {
            for path in store.valid_paths()? {
                output::line(store.store_dir().print(&path))?;
            }
        }
        Command::Roots => roots(store)?,
        Command::Gc { dry_run, max_freed } => collect_garbage(
            store,
            &GarbageOptions {
                dry_run: *dry_run,
                max_freed: *max_freed,
                ..GarbageOptions::default()
            },
        )?,
        Command::Delete { paths } => {
            let only = paths.iter().map(|path| find(store, path)).collect::<Result<_, _>>()?;
            let options = GarbageOptions { only: Some(only), ..GarbageOptions::default() };
            collect_garbage(store, &options)?;
        }
        Command::Verify { check_contents } => {
            return verify(&opened, *check_contents);
        }
        Command::Log { path } => log(&opened, path)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the store that was asked for, or the first that can be had.
pub(crate) fn open(arguments: &StoreArguments) -> anyhow::Result<BuildStore> {
    let location = StoreLocation::choose(arguments.store.as_deref(), |name| env::var(name).ok())?;
    BuildStore::open(&location).with_context(|| match &location {
        StoreLocation::Daemon { .. } => "the store cannot be used".to_owned(),
        StoreLocation::Local(layout) => {
            format!("the store '{}' cannot be opened", layout.real_dir.display())
        }
    })
}

/// The store path that `path` names or leads to.
pub(crate) fn find(store: &dyn Store, path: &Path) -> anyhow::Result<StorePath> {
    let directory = store.store_dir();
    let absolute = env::current_dir().unwrap_or_default().join(path);
    let mut candidate = absolute.clone();
    // A chain of links: ./result leads to a root, and that into the store.
    for _ in 0..40 {
        if let Some(text) = candidate.to_str()
            && let Ok((path, _)) = directory.split(text)
        {
            return Ok(path);
        }
        let Ok(target) = fs::read_link(&candidate) else { break };
        candidate = candidate.parent().unwrap_or(Path::new("/")).join(target);
    }
    bail!("'{}' is not in the store '{directory}'", path.display())
}

fn add(store: &dyn Store, files: &[PathBuf], name: Option<&str>) -> anyhow::Result<()> {
    for file in files {
        let absolute =
            fs::canonicalize(file).with_context(|| format!("cannot add '{}'", file.display()))?;
        let own = absolute.file_name().and_then(|name| name.to_str());
        let name = name.or(own).with_context(|| {
            format!(
                "'{}' has no name that a store path can have; give one with --name",
                file.display()
            )
        })?;
        let path =
            add_path::<anyhow::Error>(store, name, &absolute, Method::Nar, &mut |_, _| Ok(true))?;
        output::line(store.store_dir().print(&path))?;
    }
    Ok(())
}

fn path_info(
    store: &dyn Store,
    paths: &[PathBuf],
    recursive: bool,
    format: Format,
) -> anyhow::Result<()> {
    let mut wanted =
        paths.iter().map(|path| find(store, path)).collect::<anyhow::Result<BTreeSet<_>>>()?;
    if recursive {
        wanted = store.closure(wanted)?;
    }
    let mut list = Vec::new();
    for path in wanted {
        let printed = store.store_dir().print(&path);
        let info = store.query(&path)?.with_context(|| format!("path '{printed}' is not valid"))?;
        match format {
            Format::Json => list.push(json(store, &info)),
            Format::Human => print_info(store, &info)?,
        }
    }
    if format == Format::Json {
        output::line(serde_json::to_string_pretty(&list)?)?;
    }
    Ok(())
}

fn print_info(store: &dyn Store, info: &PathInfo) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    output::line(format_args!("{bold}{}{bold:#}", store.store_dir().print(&info.path)))?;
    output::line(format_args!("  hash        {}", info.nar_hash.format(hash::Format::Sri)))?;
    output::line(format_args!("  size        {}", bytes(info.nar_size)))?;
    for reference in &info.references {
        output::line(format_args!("  needs       {}", store.store_dir().print(reference)))?;
    }
    if let Some(deriver) = &info.deriver {
        output::line(format_args!("  built from  {}", store.store_dir().print(deriver)))?;
    }
    if let Some(address) = &info.content_address {
        output::line(format_args!("  content     {address}"))?;
    }
    for signature in &info.signatures {
        output::line(format_args!("  signed      {signature}"))?;
    }
    Ok(())
}

fn json(store: &dyn Store, info: &PathInfo) -> serde_json::Value {
    let print = |path: &StorePath| store.store_dir().print(path);
    serde_json::json!({
        "path": print(&info.path),
        "narHash": info.nar_hash.format(hash::Format::Sri),
        "narSize": info.nar_size,
        "references": info.references.iter().map(print).collect::<Vec<_>>(),
        "deriver": info.deriver.as_ref().map(print),
        "registrationTime": info.registration_time,
        "ultimate": info.ultimate,
        "signatures": info.signatures,
        "ca": info.content_address.as_ref().map(ToString::to_string),
    })
}

fn roots(store: &dyn Store) -> anyhow::Result<()> {
    for (path, root) in store.roots()? {
        let (kind, place) = match &root {
            Root::Link(place) => ("link", place),
            Root::Temporary(place) => ("in use", place),
            Root::Running(place) => ("running", place),
        };
        output::line(format_args!(
            "{} -> {} ({kind})",
            place.display(),
            store.store_dir().print(&path)
        ))?;
    }
    Ok(())
}

fn collect_garbage(store: &dyn Store, options: &GarbageOptions) -> anyhow::Result<()> {
    let progress = Progress::spinner("looking for what nothing needs");
    let report = store.collect_garbage(options)?;
    drop(progress);
    for name in &report.deleted {
        output::line(format_args!("{}/{name}", store.store_dir()))?;
    }
    let verb = if options.dry_run { "would be deleted" } else { "deleted" };
    let paths = counted(report.deleted.len(), "path", "paths");
    output::note(format_args!("{paths} {verb}, {}", bytes(report.bytes_freed)));
    Ok(())
}

fn verify(store: &BuildStore, check_contents: bool) -> anyhow::Result<ExitCode> {
    let progress = Progress::spinner("checking every valid path");
    let store = match store {
        BuildStore::Local(store) => store,
        BuildStore::Daemon(daemon) => {
            let is_sound = daemon.verify(check_contents, &mut |event| {
                if let LogEvent::Message(text) = event {
                    progress.line(&text);
                }
            })?;
            return Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    };
    let report = store.verify(check_contents)?;
    drop(progress);
    for path in &report.missing {
        output::line(format_args!("{} is not on disk", store.store_dir().print(path)))?;
    }
    for path in &report.corrupted {
        output::line(format_args!("{} has been changed", store.store_dir().print(path)))?;
    }
    output::note(format_args!("{} checked", counted(report.checked, "path", "paths")));
    let sound = report.missing.is_empty() && report.corrupted.is_empty();
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn log(store: &BuildStore, path: &Path) -> anyhow::Result<()> {
    let path = find(store.store(), path)?;
    let derivation = if path.is_derivation() {
        path
    } else {
        let info = store.store().query(&path)?;
        info.and_then(|info| info.deriver)
            .with_context(|| format!("'{path}' was not built here, so there is no log of it"))?
    };
    let file = floe_builder::log_file(&store.layout().log_dir, derivation.base_name());
    let no_log = || format!("no log at '{}'", file.display());
    let mut text = Vec::new();
    // Nix compresses its logs unless it is told not to.
    match fs::File::open(file.with_added_extension("bz2")) {
        Ok(log) if !file.exists() => {
            MultiBzDecoder::new(log).read_to_end(&mut text).with_context(no_log)?;
        }
        _ => text = fs::read(&file).with_context(no_log)?,
    }
    Ok(output::bytes(&text)?)
}

/// A size as a person reads it.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}
