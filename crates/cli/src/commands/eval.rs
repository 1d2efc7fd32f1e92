//! `floe eval`: the value of an expression.

use std::process::ExitCode;

use clap::Args;
use floe_eval::{
    Evaluator,
    error::{EvalError, Pos},
    heap::Value,
};

use crate::{
    arguments::StoreArguments,
    evaluation::{self, Access},
    expression::ExpressionArguments,
    output,
};

/// Evaluate an expression and print its value.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe eval -E '1 + 1'
  floe eval '<floe-pkgs>' -A hello.drvPath --raw
  floe eval configuration.nix -A networking.hostName
  floe eval --json --strict -E '{ a = [ 1 2 ]; }'
  echo '{ n }: n * 2' | floe eval - --arg n 21
  floe eval --find-file nixpkgs/lib")]
pub(crate) struct Arguments {
    #[command(flatten)]
    expression: ExpressionArguments,
    /// Evaluate all of the value, not only its outermost part.
    #[arg(long)]
    strict: bool,
    /// Print JSON.
    #[arg(long, conflicts_with_all = ["xml", "raw"])]
    json: bool,
    /// Print XML.
    #[arg(long, conflicts_with = "raw")]
    xml: bool,
    /// Print a string without quotes and without the end of the line.
    #[arg(long)]
    raw: bool,
    /// In XML, leave out where things are written.
    #[arg(long, requires = "xml")]
    no_location: bool,
    /// Print the path that `<NAME>` stands for, without evaluating it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["source", "file", "expr", "attributes"])]
    find_file: Option<String>,
    /// Do not write derivations to the store. `floe eval` never does; accepted for scripts.
    #[arg(long, alias = "dry-run")]
    read_only: bool,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let form = Form::of(arguments);
    let mut request = arguments.expression.request()?;
    if let Some(name) = &arguments.find_file {
        request.source = evaluation::Source::SearchPath(name.clone());
        let found = evaluation::find_file(&request, Access::ReadOnly(store))?.result?;
        output::line(found.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let evaluated =
        evaluation::evaluate(&request, Access::ReadOnly(store), |evaluator, selected| {
            let mut printed = Vec::new();
            form.print(evaluator, selected.value, &mut printed)?;
            Ok(output::bytes(&printed)?)
        })?;
    evaluated.result?;
    Ok(ExitCode::SUCCESS)
}

/// The form in which a value is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// The language's own.
    Nix {
        /// Whether all of it is evaluated before.
        strict: bool,
    },
    /// A string as it is.
    Raw {
        /// What is said to have been done where it is no string.
        doing: &'static str,
    },
    Json {
        /// Whether what is not evaluated yet is evaluated for it, and not an error.
        strict: bool,
    },
    Xml {
        /// Whether all of it is evaluated for it.
        strict: bool,
        /// Whether it says where attributes and functions are written.
        location: bool,
    },
}

impl Form {
    fn of(arguments: &Arguments) -> Form {
        match *arguments {
            Arguments { raw: true, .. } => {
                Form::Raw { doing: "while generating the eval command output" }
            }
            Arguments { json: true, .. } => Form::Json { strict: true },
            Arguments { xml: true, strict, no_location, .. } => {
                Form::Xml { strict, location: !no_location }
            }
            Arguments { strict, .. } => Form::Nix { strict },
        }
    }

    /// Adds the value as text, with the end of the line where the form has one. If the value fails, XML is
    /// there up to the place where it does, as C++ Nix prints it.
    pub(crate) fn print<'h>(
        self,
        evaluator: &Evaluator<'h>,
        value: Value<'h>,
        printed: &mut Vec<u8>,
    ) -> Result<(), EvalError> {
        let value = evaluator.force(value, Pos::None)?;
        match self {
            Form::Nix { strict } => {
                if strict {
                    evaluator.force_deep(value)?;
                }
                printed.extend((evaluator.print(value)? + "\n").into_bytes());
            }
            Form::Raw { doing } => printed.extend(evaluator.to_raw(value, doing)?),
            Form::Json { strict } => {
                let json = match strict {
                    true => evaluator.to_json(value)?,
                    false => evaluator.to_json_as_it_is(value)?,
                };
                printed.extend((json + "\n").into_bytes());
            }
            Form::Xml { strict, location } => {
                let mut xml = String::new();
                let result = evaluator.to_xml(value, strict, location, &mut xml);
                printed.extend(xml.into_bytes());
                result?;
            }
        }
        Ok(())
    }
}
