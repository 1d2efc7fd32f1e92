//! The program by the name `nix-instantiate`: it answers as that tool of Nix 2.34 does, so that scripts
//! which call it get what they expect, errors included.
//!
//! What differs from `floe eval` and `floe instantiate`: the search path is what `NIX_PATH` says and
//! nothing else, store paths are those of `/nix/store` unless another store is asked for, and messages
//! have Nix's layout.

mod location;
pub(crate) mod trace;
mod words;

use std::{env, io, path::PathBuf, process::ExitCode, sync::Arc};

use floe_builder::BuildStore;
use floe_eval::{Evaluator, NIX_VERSION, Program, error::EvalError};
use floe_flake::StoreDirectory;

use self::words::{Task, UsageError, Words};
use crate::{
    builds::BuildArguments,
    evaluation::{self, Access, Configuration, Failure, Layout, Source},
    output,
    packages::{Refusals, Search},
};

/// What Nix's tool is called.
pub(crate) const NAME: &str = "nix-instantiate";

/// Runs as the tool. `program` is the name it was called by.
pub(crate) fn run(program: &str, words: Vec<String>) -> ExitCode {
    let words = match Words::parse(words, Configuration::of_environment()) {
        Ok(words) => words,
        Err(UsageError(message)) => {
            trace::print_message(&message);
            advise(program);
            return ExitCode::FAILURE;
        }
    };
    for feature in &words.configuration.settings.experimental_features {
        if !floe_eval::EXPERIMENTAL_FEATURES.contains(&feature.as_str()) {
            trace::print_warning(&format!("unknown experimental feature '{feature}'"));
        }
    }
    match answer(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ending::ClosedPipe) => ExitCode::SUCCESS,
        Err(Ending::Message(message)) => {
            trace::print_message(&message);
            ExitCode::FAILURE
        }
        Err(Ending::Report { text, is_usage }) => {
            trace::print(&text);
            if is_usage {
                advise(program);
            }
            ExitCode::FAILURE
        }
    }
}

fn advise(program: &str) {
    output::note(format_args!("Try '{program} --help' for more information."));
}

/// Why the work ended before its end.
enum Ending {
    /// Whoever reads has seen enough.
    ClosedPipe,
    /// Something around the evaluation went wrong.
    Message(String),
    /// The evaluation failed.
    Report { text: String, is_usage: bool },
}

impl From<anyhow::Error> for Ending {
    fn from(error: anyhow::Error) -> Ending {
        Ending::Message(format!("{error:#}"))
    }
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Ending {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Ending::ClosedPipe,
            _ => Ending::Message(error.to_string()),
        }
    }
}

fn answer(words: &Words) -> Result<(), Ending> {
    match words.task {
        Task::Help => return Ok(output::bytes(words::HELP.as_bytes())?),
        Task::Version => {
            let own = env!("CARGO_PKG_VERSION");
            return Ok(output::line(format_args!("{NAME} (Floe {own} as Nix) {NIX_VERSION}"))?);
        }
        _ => {}
    }
    let directory = env::current_dir().map_err(|error| Ending::Message(error.to_string()))?;
    let location = location::choose(words.store.as_deref())?;
    let layout = location.layout();
    let computed =
        StoreDirectory { logical: layout.store_dir.clone(), physical: layout.real_dir.clone() };
    let builds = BuildArguments::default();
    let is_read_only = words.is_read_only() || location::is_dummy(words.store.as_deref());
    let store = match is_read_only {
        true => None,
        false => Some(Arc::new(BuildStore::open(&location).map_err(anyhow::Error::from)?)),
    };
    let access = match &store {
        Some(store) => Access::Write(store, &builds),
        None => Access::Computed(&computed),
    };
    let settings = words.configuration.settings.clone();
    let show_trace = words.configuration.show_trace;
    evaluation::with_evaluator(settings, access, Layout::Nix, |evaluator| {
        let mut work = Work { words, directory, store: store.as_deref(), roots: 0 };
        work.run(evaluator).map_err(|failure| match failure {
            Failure::Output(error) => error.into(),
            Failure::Evaluation(error) => {
                let report = evaluator.report(&error);
                let text = |origin: &_| evaluation::text_of(evaluator, origin);
                Ending::Report {
                    text: trace::layout(&report, show_trace, &text),
                    is_usage: report.is_usage,
                }
            }
        })
    })
}

struct Work<'a> {
    words: &'a Words,
    directory: PathBuf,
    /// The store that is written to, if any.
    store: Option<&'a BuildStore>,
    /// How many derivations have been printed.
    roots: usize,
}

impl Work<'_> {
    fn run(&mut self, evaluator: &Evaluator<'_>) -> Result<(), Failure> {
        let words = self.words;
        if matches!(words.task, Task::FindFile) {
            for name in &words.files {
                output::line(evaluator.find_on_search_path(name)?.display())?;
            }
            return Ok(());
        }
        for source in words.sources() {
            let program = self.parse(evaluator, &source)?;
            if matches!(words.task, Task::Parse) {
                output::line(evaluator.show(program))?;
            } else {
                self.process(evaluator, program)?;
            }
        }
        Ok(())
    }

    fn parse<'h>(
        &self,
        evaluator: &Evaluator<'h>,
        source: &Source,
    ) -> Result<Program<'h>, EvalError> {
        source.parse(evaluator, &self.directory)
    }

    fn process<'h>(
        &mut self,
        evaluator: &Evaluator<'h>,
        program: Program<'h>,
    ) -> Result<(), Failure> {
        let words = self.words;
        let arguments = evaluation::arguments(evaluator, &words.arguments, &self.directory)?;
        let root = evaluator.run_program(program)?;
        for path in words.attributes() {
            let value = evaluation::select(evaluator, root, path, &arguments)?;
            if let Task::Evaluate(form) = words.task {
                let value = match arguments.as_slice() {
                    [] => value,
                    arguments => evaluator.auto_call(value, arguments)?,
                };
                let mut printed = Vec::new();
                let result = form.print(evaluator, value, &mut printed);
                output::bytes(&printed)?;
                result?;
                continue;
            }
            let search = Search { evaluator, arguments: &arguments, refusals: Refusals::Fail };
            let packages = search.all(value)?;
            let mut failure = None;
            let wanted = packages.iter().map_while(|package| {
                evaluation::wanted(evaluator, package).map_err(|error| failure = Some(error)).ok()
            });
            let wanted: Vec<_> = wanted.collect();
            evaluator.write_derivations()?;
            for wanted in wanted {
                let shown = self.root(&wanted.derivation)?;
                match wanted.output.as_str() {
                    "out" => output::line(shown)?,
                    output => output::line(format_args!("{shown}!{output}"))?,
                }
            }
            if let Some(failure) = failure {
                return Err(failure.into());
            }
        }
        Ok(())
    }

    /// Keeps a derivation from being collected, if that was asked for. Gives what is to be printed.
    fn root(&mut self, derivation: &str) -> Result<String, Failure> {
        let Some(link) = &self.words.root else {
            if self.roots == 0 && self.words.warns_of_collection {
                crate::render::print_warning(
                    "you did not specify '--add-root'; the result might be removed by the garbage \
                     collector",
                );
            }
            self.roots += 1;
            return Ok(derivation.to_owned());
        };
        self.roots += 1;
        let mut link = floe_db::normalize(&self.directory.join(link)).into_os_string();
        if self.roots > 1 {
            link.push(format!("-{}", self.roots));
        }
        let Some(store) = self.store else { return Ok(derivation.to_owned()) };
        let add = || -> anyhow::Result<()> {
            let path = store.layout().store_dir.parse(derivation)?;
            Ok(store.store().add_root(link.as_ref(), &path)?)
        };
        add().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(link.to_string_lossy().into_owned())
    }
}
