//! `floe instantiate`: the derivations of an expression.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;

use crate::{
    arguments::StoreArguments,
    builds::BuildArguments,
    commands::{build, store},
    evaluation::{self, Access, Request},
    expression::ExpressionArguments,
    output,
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
    let request = arguments.expression.request()?;
    if arguments.read_only {
        return print(&request, Access::ReadOnly(store), |derivation, _| Ok(derivation.to_owned()));
    }
    let store = Arc::new(store::open(store)?);
    let access = Access::Write(&store, &arguments.build);
    print(&request, access, |derivation, index| match &arguments.add_root {
        Some(link) => {
            let derivation = store.layout().store_dir.parse(derivation)?;
            let link = build::link(store.store(), link, index, "out", &derivation)?;
            Ok(link.display().to_string())
        }
        None => Ok(derivation.to_owned()),
    })
}

/// Prints how `show` shows each derivation, with the name of an output that is not `out`.
fn print(
    request: &Request,
    access: Access<'_>,
    show: impl Fn(&str, usize) -> anyhow::Result<String>,
) -> anyhow::Result<ExitCode> {
    let evaluated = evaluation::evaluate(request, access, |evaluator, selected| {
        Ok(evaluation::derivations(evaluator, &selected)?)
    })?;
    for (index, wanted) in evaluated.result?.iter().flatten().enumerate() {
        let shown = show(&wanted.derivation, index)?;
        match wanted.output.as_str() {
            "out" => output::line(shown)?,
            output => output::line(format_args!("{shown}!{output}"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
