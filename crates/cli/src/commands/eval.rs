//! `floe eval`: the value of an expression.

use std::process::ExitCode;

use clap::Args;

use floe_eval::{Evaluator, error::EvalError, error::Pos, heap::Value, to_nix_json};

use crate::{
    arguments::StoreArguments,
    evaluation::{self, Access},
    expression::ExpressionArguments,
};

/// Evaluate an expression and print its value.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe eval -E '1 + 1'
  floe eval '<floe-pkgs>' -A hello.drvPath --raw
  floe eval configuration.nix -A networking.hostName
  floe eval --json --strict -E '{ a = [ 1 2 ]; }'")]
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
    /// Print a string without quotes.
    #[arg(long)]
    raw: bool,
    /// Do not write derivations to the store. `floe eval` never does; accepted for scripts.
    #[arg(long, alias = "dry-run")]
    read_only: bool,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let request = arguments.expression.request()?;
    let evaluated =
        evaluation::evaluate(&request, Access::ReadOnly(store), |evaluator, values| {
            values.into_iter().map(|value| print(arguments, evaluator, value)).collect()
        })?;
    let printed: Vec<String> = evaluated.result?;
    for text in printed {
        if arguments.raw { anstream::print!("{text}") } else { anstream::println!("{text}") }
    }
    Ok(ExitCode::SUCCESS)
}

fn print<'h>(
    arguments: &Arguments,
    evaluator: &Evaluator<'h>,
    value: Value<'h>,
) -> Result<String, EvalError> {
    let value = evaluator.force(value, Pos::None)?;
    if arguments.raw {
        let text = evaluator.force_string(value, Pos::None, "")?;
        return Ok(String::from_utf8_lossy(text.as_bytes()).into_owned());
    }
    if arguments.strict {
        evaluator.force_deep(value)?;
    }
    if arguments.json {
        return Ok(to_nix_json(&evaluator.to_json(value)?));
    }
    if arguments.xml {
        return Ok(evaluator.to_xml(value, arguments.strict, true)?.trim_end().to_owned());
    }
    evaluator.print(value)
}
