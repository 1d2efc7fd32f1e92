//! `floe instantiate`: the derivations of an expression.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;

use crate::{
    arguments::StoreArguments,
    builds::BuildArguments,
    commands::{build, store},
    evaluation::{self, Access},
    expression::ExpressionArguments,
};

/// Write the derivations of an expression to the store and print their paths.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe instantiate '<floe-pkgs>' -A hello
  floe instantiate --read-only -E '(import <nixpkgs> { }).hello'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    expression: ExpressionArguments,
    #[command(flatten)]
    build: BuildArguments,
    /// Print the paths without writing anything.
    #[arg(long, alias = "dry-run")]
    read_only: bool,
    /// Make a link to the derivation that keeps it from being collected.
    #[arg(long, value_name = "LINK")]
    add_root: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    if arguments.read_only {
        let request = arguments.expression.request()?;
        let evaluated =
            evaluation::evaluate(&request, Access::ReadOnly(store), |evaluator, values| {
                let found =
                    values.into_iter().map(|value| evaluation::derivations(evaluator, value));
                Ok(found.collect::<Result<Vec<_>, _>>()?.concat())
            })?;
        evaluated.result?.iter().for_each(|path| anstream::println!("{path}"));
        return Ok(ExitCode::SUCCESS);
    }
    let store = Arc::new(store::open(store)?);
    let derivations = build::instantiate(&arguments.expression, &store, &arguments.build)?;
    for (index, derivation) in derivations.iter().enumerate() {
        match &arguments.add_root {
            Some(link) => {
                let link = build::link(store.store(), link, index, "out", derivation)?;
                anstream::println!("{}", link.display());
            }
            None => anstream::println!("{}", store.layout().store_dir.print(derivation)),
        }
    }
    Ok(ExitCode::SUCCESS)
}
