//! Evaluating on behalf of a command: the search path, the store behind the evaluator, and errors as
//! complaints.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use floe_builder::{BuildStore, Goal, Wanted};
use floe_eval::{
    Console, Evaluator, Options,
    error::{EvalError, Origin, Position, Report},
    fs::RealFileSystem,
    heap::{Heap, Value},
    settings::{SearchPathEntry, Settings},
    store::{Builds, ReadOnlyStore, StoreAccess, WritableStore},
};
use floe_flake::{StoreDirectory, nixpkgs::Environment};
use floe_hir::Name;
use floe_store::{Store, StoreLocation, StorePath, store};

use crate::{
    arguments::StoreArguments,
    builds::BuildArguments,
    packages::{self, Refusals},
    render::{Complaint, Place, print_warning},
};

/// What to evaluate.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Where the expression is.
    pub(crate) source: Source,
    /// The folder that relative paths start at.
    pub(crate) directory: PathBuf,
    /// The attribute paths to take; all of the value if there are none.
    pub(crate) attributes: Vec<String>,
    /// Arguments for the function that the source may be.
    pub(crate) arguments: Vec<(String, Argument)>,
    /// Entries in front of the search path.
    pub(crate) include: Vec<String>,
    /// Settings by name.
    pub(crate) options: Vec<(String, String)>,
    /// `builtins.currentSystem`.
    pub(crate) system: Option<String>,
    /// Whether an error shows every step that led to it.
    pub(crate) show_trace: bool,
}

/// Where an expression is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file or folder.
    File(PathBuf),
    /// `<name>`, without the brackets.
    SearchPath(String),
    /// Standard input.
    StandardInput,
    /// The command line.
    Text(String),
}

/// An argument for a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// To be evaluated.
    Expression(String),
    /// A string as it is.
    String(String),
}

/// What an evaluation may do to a store.
#[derive(Clone, Copy)]
pub(crate) enum Access<'a> {
    /// Store paths are only computed.
    ReadOnly(&'a StoreArguments),
    /// Derivations and sources are written; what the evaluation needs is built.
    Write(&'a Arc<BuildStore>, &'a BuildArguments),
}

/// What an evaluation has looked at, and what came of it.
pub(crate) struct Evaluated<T> {
    pub(crate) result: Result<T, Complaint>,
    pub(crate) reads: floe_eval::Reads,
}

/// Evaluates, and gives `work` one value for each attribute asked for.
pub(crate) fn evaluate<T: Send>(
    request: &Request,
    access: Access<'_>,
    work: impl for<'h> FnOnce(&Evaluator<'h>, Vec<Value<'h>>) -> Result<T, EvalError> + Send,
) -> anyhow::Result<Evaluated<T>> {
    let settings = settings(request, access)?;
    let text = match &request.source {
        Source::StandardInput => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            Some(text)
        }
        _ => None,
    };
    floe_eval::with_big_stack(move |stack_bytes| {
        let heap = Heap::new();
        let store: Rc<dyn StoreAccess> = match access {
            Access::ReadOnly(arguments) => {
                let directory = store_directory(arguments);
                Rc::new(ReadOnlyStore::new(directory.logical, Some(directory.physical)))
            }
            Access::Write(store, builds) => Rc::new(WritableStore(StoreAndBuilds {
                store: Arc::clone(store),
                builds: builds.clone(),
            })),
        };
        let options =
            Options { settings, fs: Rc::new(RealFileSystem), store, console: Rc::new(Terminal) };
        let evaluator = Evaluator::new(&heap, options, stack_bytes);
        let result = select(&evaluator, request, text.as_deref())
            .and_then(|values| work(&evaluator, values))
            .map_err(|error| complaint(&evaluator, &error, request.show_trace));
        Ok(Evaluated { result, reads: evaluator.reads() })
    })
}

/// The derivations of a value: itself, or those of a set or list, as `nix-instantiate` takes them.
pub(crate) fn derivations<'h>(
    evaluator: &Evaluator<'h>,
    value: Value<'h>,
) -> Result<Vec<String>, EvalError> {
    let packages = packages::find(evaluator, value, "", Refusals::Fail, |_| {})?;
    let paths = packages.iter().map(|package| package.derivation_path(evaluator));
    paths.filter_map(Result::transpose).collect()
}

fn select<'h>(
    evaluator: &Evaluator<'h>,
    request: &Request,
    text: Option<&str>,
) -> Result<Vec<Value<'h>>, EvalError> {
    let directory = &request.directory;
    let root = match &request.source {
        Source::File(path) => evaluator.import(&directory.join(path)),
        Source::SearchPath(name) => evaluator.eval_text(&format!("import <{name}>"), directory),
        Source::Text(text) => evaluator.eval_text(text, directory),
        Source::StandardInput => evaluator.eval_text(text.unwrap_or_default(), directory),
    }?;
    let mut arguments = Vec::new();
    for (name, argument) in &request.arguments {
        let value = match argument {
            Argument::Expression(text) => evaluator.eval_text(text, directory)?,
            Argument::String(text) => evaluator.heap.string(text.as_bytes()),
        };
        arguments.push((Name::new(name), value));
    }
    // As `nix-instantiate` does: a function is called on the way to an attribute, and at the end only if
    // there is something to call it with.
    let finish = |value| match arguments.as_slice() {
        [] => Ok(value),
        arguments => evaluator.auto_call(value, arguments),
    };
    if request.attributes.is_empty() {
        return Ok(vec![finish(root)?]);
    }
    let selected = request
        .attributes
        .iter()
        .map(|path| finish(evaluator.select_path(root, path, &arguments)?));
    selected.collect()
}

fn settings(request: &Request, access: Access<'_>) -> anyhow::Result<Settings> {
    let directory = match access {
        Access::ReadOnly(arguments) => store_directory(arguments),
        Access::Write(store, _) => StoreDirectory {
            logical: store.layout().store_dir.clone(),
            physical: store.layout().real_dir.clone(),
        },
    };
    let mut stores = vec![directory];
    let system = store::Layout::system();
    stores.push(StoreDirectory { logical: system.store_dir, physical: system.real_dir });
    let found = floe_flake::locate(&request.directory, &Environment::of_process(), &stores);
    for note in &found.notes {
        print_warning(&note.to_string());
    }
    let included = request.include.iter().map(|entry| SearchPathEntry::parse(entry));
    let discovered = found.search_path.entries.into_iter().map(|entry| SearchPathEntry {
        prefix: entry.prefix,
        path: entry.path.to_string_lossy().into_owned(),
    });
    let mut settings =
        Settings { search_path: included.chain(discovered).collect(), ..Settings::default() };
    if let Some(system) = &request.system {
        settings.system.clone_from(system);
    }
    for (name, value) in &request.options {
        apply_option(&mut settings, name, value)?;
    }
    Ok(settings)
}

/// A setting by the name that it has in `nix.conf`.
fn apply_option(settings: &mut Settings, name: &str, value: &str) -> anyhow::Result<()> {
    let boolean = || match value {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => bail!("the setting '{name}' is true or false, not '{value}'"),
    };
    let features = || value.split_whitespace().map(str::to_owned);
    match name {
        "pure-eval" => settings.pure = boolean()?,
        "restrict-eval" => settings.restricted = boolean()?,
        "allow-import-from-derivation" => settings.allow_import_from_derivation = boolean()?,
        "trace-verbose" => settings.trace_verbose = boolean()?,
        "max-call-depth" => {
            settings.max_call_depth = value
                .parse()
                .with_context(|| format!("the setting '{name}' is a number, not '{value}'"))?;
        }
        "experimental-features" => settings.experimental_features = features().collect(),
        "extra-experimental-features" => settings.experimental_features.extend(features()),
        _ => print_warning(&format!("unknown setting '{name}'")),
    }
    Ok(())
}

/// Where the store that was asked for lies, without opening it.
fn store_directory(arguments: &StoreArguments) -> StoreDirectory {
    let chosen = StoreLocation::choose(arguments.store.as_deref(), |name| env::var(name).ok());
    let layout = match chosen {
        Ok(location) => location.layout().clone(),
        // Where there is none, paths are computed as if it were the machine's.
        Err(_) => store::Layout::system(),
    };
    StoreDirectory { logical: layout.store_dir, physical: layout.real_dir }
}

/// A store that an evaluation writes to, with the settings of the builds in it.
struct StoreAndBuilds {
    store: Arc<BuildStore>,
    builds: BuildArguments,
}

impl Builds for StoreAndBuilds {
    fn store(&self) -> &dyn Store {
        self.store.store()
    }

    fn realise(&self, wanted: &[(StorePath, String)]) -> Result<(), String> {
        let goals: Vec<Goal> = wanted
            .iter()
            .map(|(derivation, output)| Goal {
                derivation: derivation.clone(),
                outputs: Wanted::Named(BTreeSet::from([output.clone()])),
            })
            .collect();
        self.builds.realise(&self.store, &goals).map_err(|error| error.to_string())
    }
}

/// Traces and warnings go to standard error, as `nix-instantiate` prints them.
struct Terminal;

impl Console for Terminal {
    fn trace(&self, message: &str) {
        anstream::eprintln!("trace: {message}");
    }

    fn warn(&self, message: &str) {
        print_warning(message);
    }
}

/// How many steps of a trace are shown without `--show-trace`.
const MOST_STEPS: usize = 4;

fn complaint(evaluator: &Evaluator<'_>, error: &EvalError, show_trace: bool) -> Complaint {
    let report: Report = evaluator.report(error);
    let is_own = |position: &Position| match &position.origin {
        Origin::Text { .. } => true,
        Origin::Internal(_) => false,
        Origin::File(path) => {
            let search_path = &evaluator.settings.search_path;
            !path.starts_with("/nix/store")
                && !search_path.iter().any(|entry| path.starts_with(&entry.path))
        }
    };
    let mut trace = Vec::new();
    let mut folded = 0;
    for frame in &report.frames {
        let is_news = frame.position.as_ref().is_some_and(is_own)
            && frame.position != report.position
            && trace.len() < MOST_STEPS;
        if show_trace || is_news {
            let place = frame.position.as_ref().and_then(|position| place(evaluator, position));
            trace.push((frame.message.clone(), place));
        } else {
            folded += 1;
        }
    }
    let mut help = Vec::new();
    match report.suggestions.as_slice() {
        [] => {}
        [one] => help.push(format!("Did you mean {one}?")),
        [rest @ .., last] => {
            help.push(format!("Did you mean one of {} or {last}?", rest.join(", ")));
        }
    }
    if folded > 0 {
        let (plural, them) = if folded == 1 { ("", "it") } else { ("s", "them") };
        help.push(format!("{folded} more step{plural} led here; --show-trace shows {them}"));
    }
    help.push(format!("floe explain {}", report.kind.slug()));
    Complaint {
        slug: Some(report.kind.slug()),
        place: report.position.as_ref().and_then(|position| place(evaluator, position)),
        trace,
        help,
        ..Complaint::error(report.message)
    }
}

fn place(evaluator: &Evaluator<'_>, position: &Position) -> Option<Place> {
    let text: Arc<str> = match (&position.origin, evaluator.text_of(&position.origin)) {
        (_, Some(text)) => text,
        (Origin::Text { text, .. }, None) => text.clone(),
        // A file with a mistake in its syntax is no part of the evaluation.
        (Origin::File(path), None) => {
            String::from_utf8_lossy(&fs::read(path).ok()?).into_owned().into()
        }
        (Origin::Internal(_), None) => return None,
    };
    let name = match &position.origin {
        Origin::File(path) => shorten(path),
        other => other.to_string(),
    };
    let range = position.span.start as usize..position.span.end as usize;
    Some(Place { name, text, range })
}

/// A path below the current folder is shown relative to it.
fn shorten(path: &Path) -> String {
    let directory = env::current_dir().unwrap_or_default();
    path.strip_prefix(&directory).unwrap_or(path).display().to_string()
}
