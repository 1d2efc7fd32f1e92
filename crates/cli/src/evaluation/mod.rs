//! Evaluating on behalf of a command: what is asked for, the store behind the evaluator, and errors as
//! complaints.

mod complaint;
pub(crate) mod settings;
mod store;

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use anyhow::bail;
use floe_builder::BuildStore;
use floe_db::normalize;
use floe_eval::{
    Console, Evaluator, Options, Program,
    error::{ErrorKind, EvalError, Pos, Report},
    fs::RealFileSystem,
    heap::{Heap, Value},
    settings::Settings,
};
use floe_flake::StoreDirectory;
use floe_hir::Name;

use crate::{
    arguments::StoreArguments,
    builds::BuildArguments,
    nix_instantiate::trace,
    output,
    packages::{Package, Refusals, Search},
    render::{Complaint, print_evaluation_warning, print_warning},
};

pub(crate) use self::{
    complaint::{of as complaint, text_of, text_of_file},
    settings::Configuration,
    store::access as store_access,
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

impl Request {
    /// The attribute paths to take, the empty one being all of the value.
    pub(crate) fn selections(&self) -> impl Iterator<Item = &str> {
        let everything = self.attributes.is_empty().then_some("");
        everything.into_iter().chain(self.attributes.iter().map(String::as_str))
    }

    /// Whether it takes something from standard input, which can be read once.
    pub(crate) fn reads_standard_input(&self) -> bool {
        let is_read = |argument: &Argument| *argument == Argument::StandardInput;
        self.source == Source::StandardInput || self.arguments.iter().any(|(_, it)| is_read(it))
    }

    /// All of a source, with nothing special about it.
    pub(crate) fn new(source: Source, directory: PathBuf) -> Request {
        Request {
            source,
            directory,
            attributes: Vec::new(),
            arguments: Vec::new(),
            include: Vec::new(),
            options: Vec::new(),
            system: None,
            show_trace: false,
        }
    }
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

impl Source {
    /// What a word on the command line means where a file is expected.
    pub(crate) fn of_word(word: &str) -> Source {
        match word.strip_prefix('<').and_then(|word| word.strip_suffix('>')) {
            Some(name) => Source::SearchPath(name.to_owned()),
            None if word == "-" => Source::StandardInput,
            None => Source::File(word.into()),
        }
    }

    /// Parses it.
    pub(crate) fn parse<'h>(
        &self,
        evaluator: &Evaluator<'h>,
        directory: &Path,
    ) -> Result<Program<'h>, EvalError> {
        match self {
            Source::File(path) => evaluator.parse_file(&normalize(&directory.join(path))),
            Source::SearchPath(name) => evaluator.parse_file(&evaluator.find_on_search_path(name)?),
            Source::Text(text) => evaluator.parse_text(text, directory),
            Source::StandardInput => {
                evaluator.parse_standard_input(&read_standard_input()?, directory)
            }
        }
    }
}

/// An argument for a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// To be evaluated.
    Expression(String),
    /// A string as it is.
    String(String),
    /// The contents of a file.
    File(PathBuf),
    /// What comes in on standard input.
    StandardInput,
}

/// What an evaluation may do to a store.
#[derive(Clone, Copy)]
pub(crate) enum Access<'a> {
    /// Store paths are only computed, as those of the store that is asked for.
    ReadOnly(&'a StoreArguments),
    /// Store paths are only computed, as those of this store.
    Computed(&'a StoreDirectory),
    /// Derivations and sources are written; what the evaluation needs is built.
    Write(&'a Arc<BuildStore>, &'a BuildArguments),
}

/// What was selected from an expression.
pub(crate) struct Selected<'a, 'h> {
    pub(crate) value: Value<'h>,
    /// What functions in it are called with.
    pub(crate) arguments: &'a [(Name, Value<'h>)],
}

/// What an evaluation has looked at, and what came of it.
pub(crate) struct Evaluated<T> {
    pub(crate) result: Result<T, Complaint>,
    pub(crate) reads: floe_eval::Reads,
}

/// Why the work on an evaluation could not be done.
pub(crate) enum Failure {
    Evaluation(EvalError),
    /// The result could not be written.
    Output(io::Error),
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Failure {
        Failure::Evaluation(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// Evaluates, and gives `work` in turn what was selected by each attribute path.
pub(crate) fn evaluate<T: Send>(
    request: &Request,
    access: Access<'_>,
    work: impl for<'h> FnMut(&Evaluator<'h>, Selected<'_, 'h>) -> Result<T, Failure> + Send,
) -> anyhow::Result<Evaluated<Vec<T>>> {
    in_workspace(request, access, |evaluator| select_each(evaluator, request, work))
}

fn in_workspace<T: Send>(
    request: &Request,
    access: Access<'_>,
    work: impl for<'h> FnOnce(&Evaluator<'h>) -> Result<T, Failure> + Send,
) -> anyhow::Result<Evaluated<T>> {
    let Configuration { settings, show_trace, .. } = Configuration::of_request(request, access)?;
    with_evaluator(settings, access, Layout::Own, |evaluator| {
        let result = match work(evaluator).and_then(|done| {
            evaluator.write_derivations()?;
            Ok(done)
        }) {
            Ok(done) => Ok(done),
            Err(Failure::Output(error)) => return Err(error.into()),
            Err(Failure::Evaluation(error)) => {
                Err(complaint::of(evaluator, &error, request, show_trace))
            }
        };
        Ok(Evaluated { result, reads: evaluator.reads() })
    })
}

/// What `<name>` stands for.
pub(crate) fn find_file(
    request: &Request,
    access: Access<'_>,
) -> anyhow::Result<Evaluated<PathBuf>> {
    let Source::SearchPath(name) = &request.source else { bail!("only <names> are searched for") };
    in_workspace(request, access, |evaluator| Ok(evaluator.find_on_search_path(name)?))
}

/// Gives `work` an evaluator, on a thread with a stack as it needs it.
pub(crate) fn with_evaluator<T: Send>(
    settings: Settings,
    access: Access<'_>,
    layout: Layout,
    work: impl for<'h> FnOnce(&Evaluator<'h>) -> T + Send,
) -> T {
    floe_eval::with_big_stack(move |stack_bytes| {
        let heap = Heap::new();
        let options = Options {
            settings,
            fs: Rc::new(RealFileSystem),
            store: store::access(access),
            console: Rc::new(Terminal(layout)),
        };
        let evaluator = Evaluator::new(&heap, options, stack_bytes);
        let result = work(&evaluator);
        if wants_statistics() {
            output::notes(evaluator.statistics());
        }
        result
    })
}

/// Whether to print what an evaluation did.
pub(crate) fn wants_statistics() -> bool {
    env::var_os("FLOE_STATS").is_some()
}

/// The arguments as values. Expressions are parsed now and evaluated when they are needed.
pub(crate) fn arguments<'h>(
    evaluator: &Evaluator<'h>,
    arguments: &[(String, Argument)],
    directory: &Path,
) -> Result<Vec<(Name, Value<'h>)>, EvalError> {
    let mut values: Vec<(Name, Value<'h>)> = Vec::new();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Expression(text) => {
                evaluator.run_later(evaluator.parse_text(text, directory)?)
            }
            Argument::String(text) => evaluator.heap.string(text.as_bytes()),
            Argument::File(path) => {
                let path = directory.join(path);
                let text = fs::read(&path)
                    .map_err(|error| io_error(&format!("reading '{}'", path.display()), &error))?;
                evaluator.heap.string(text)
            }
            Argument::StandardInput => evaluator.heap.string(read_standard_input()?),
        };
        let name = Name::new(name);
        // What is given last counts.
        values.retain(|(given, _)| *given != name);
        values.push((name, value));
    }
    Ok(values)
}

/// What an attribute path selects from a value; everything, if it is empty. Functions on the way are
/// called.
pub(crate) fn select<'h>(
    evaluator: &Evaluator<'h>,
    root: Value<'h>,
    path: &str,
    arguments: &[(Name, Value<'h>)],
) -> Result<Value<'h>, EvalError> {
    match path {
        "" => evaluator.force(root, Pos::None),
        path => evaluator.select_path(root, path, arguments),
    }
}

/// An output of a derivation.
pub(crate) struct Wanted {
    /// The path of the derivation.
    pub(crate) derivation: String,
    pub(crate) output: String,
}

/// The derivations of a value: itself, or those of a set or list, as `nix-instantiate` takes them.
pub(crate) fn derivations<'h>(
    evaluator: &Evaluator<'h>,
    selected: &Selected<'_, 'h>,
) -> Result<Vec<Wanted>, EvalError> {
    let Selected { value, arguments, .. } = *selected;
    let search = Search { evaluator, arguments, refusals: Refusals::Fail };
    search.all(value)?.iter().map(|package| wanted(evaluator, package)).collect()
}

/// The output that a package stands for.
pub(crate) fn wanted<'h>(
    evaluator: &Evaluator<'h>,
    package: &Package<'h>,
) -> Result<Wanted, EvalError> {
    let fail = |message: String| EvalError::new(ErrorKind::Derivation, message);
    let derivation = package
        .derivation_path(evaluator)?
        .ok_or_else(|| fail("derivation does not contain a 'drvPath' attribute".to_owned()))?;
    let output = package.output_name(evaluator)?;
    if output.is_empty() {
        return Err(fail(format!("derivation '{derivation}' lacks an 'outputName' attribute")));
    }
    Ok(Wanted { derivation, output })
}

fn select_each<'h, T>(
    evaluator: &Evaluator<'h>,
    request: &Request,
    mut work: impl FnMut(&Evaluator<'h>, Selected<'_, 'h>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let sources = Sources::new(evaluator, request)?;
    let mut done = Vec::new();
    for path in request.selections() {
        done.push(work(evaluator, sources.select(evaluator, path)?)?);
    }
    Ok(done)
}

/// What a request starts from.
pub(crate) struct Sources<'h> {
    root: Value<'h>,
    /// What functions are called with.
    pub(crate) arguments: Vec<(Name, Value<'h>)>,
}

impl<'h> Sources<'h> {
    /// Evaluates the source of a request.
    pub(crate) fn new(
        evaluator: &Evaluator<'h>,
        request: &Request,
    ) -> Result<Sources<'h>, EvalError> {
        let arguments = arguments(evaluator, &request.arguments, &request.directory)?;
        let program = request.source.parse(evaluator, &request.directory)?;
        Ok(Sources { root: evaluator.run_program(program)?, arguments })
    }

    /// What an attribute path selects.
    pub(crate) fn select(
        &self,
        evaluator: &Evaluator<'h>,
        path: &str,
    ) -> Result<Selected<'_, 'h>, EvalError> {
        let value = select(evaluator, self.root, path, &self.arguments)?;
        // As `nix-instantiate` does: a function is called on the way to an attribute, and at the end
        // only if there is something to call it with.
        let value = match self.arguments.as_slice() {
            [] => value,
            arguments => evaluator.auto_call(value, arguments)?,
        };
        Ok(Selected { value, arguments: &self.arguments })
    }
}

/// Traces and warnings go to standard error.
pub(crate) struct Terminal(pub(crate) Layout);

/// Whose layout messages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Own,
    Nix,
}

impl Console for Terminal {
    fn trace(&self, message: &str) {
        match self.0 {
            Layout::Own => output::note(format_args!("trace: {message}")),
            Layout::Nix => trace::print(&format!("trace: {message}")),
        }
    }

    fn warn(&self, message: &str) {
        match self.0 {
            Layout::Own => print_warning(message),
            Layout::Nix => trace::print_warning(message),
        }
    }

    fn warn_at(&self, warning: &Report) {
        match self.0 {
            _ if warning.position.is_none() && warning.frames.is_empty() => {
                self.warn(&warning.message);
            }
            Layout::Own => complaint::of_warning(warning).print(),
            Layout::Nix => trace::print_warning_at(warning),
        }
    }

    fn evaluation_warning(&self, message: &str) {
        print_evaluation_warning(message);
    }
}

fn read_standard_input() -> Result<String, EvalError> {
    let mut bytes = Vec::new();
    io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| io_error("reading standard input", &error))?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn io_error(doing: &str, error: &io::Error) -> EvalError {
    EvalError::new(ErrorKind::Io, format!("{doing}: {error}"))
}
