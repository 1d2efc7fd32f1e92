//! `floe build`: builds what an expression describes.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use clap::Args;
use floe_builder::{BuildStore, Goal, Wanted};
use floe_store::{Store, StorePath};

use crate::{
    arguments::StoreArguments,
    builds::BuildArguments,
    commands::{Format, FormatArguments, store},
    evaluation::{self, Access, Source},
    expression::ExpressionArguments,
    output,
};

/// Build what an expression or a .drv file describes, and link ./result to it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe build '<floe-pkgs>' -A hello
  floe build -A tool -o tool           ./default.nix, linked as ./tool
  floe build --no-link --print-out-paths shell.nix
  floe build /nix/store/…-hello.drv")]
pub(crate) struct Arguments {
    #[command(flatten)]
    expression: ExpressionArguments,
    #[command(flatten)]
    build: BuildArguments,
    /// Where to link the first output; further ones get -2, -3 and so on.
    #[arg(long, short, value_name = "LINK", default_value = "result")]
    out_link: PathBuf,
    /// Make no link. What was built is then only kept until the next collection of garbage.
    #[arg(long)]
    no_link: bool,
    /// Print the paths that were built.
    #[arg(long)]
    print_out_paths: bool,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let built = Arc::new(store::open(store)?);
    let derivations = derivations(arguments, &built)?;
    let goals: Vec<Goal> = derivations
        .iter()
        .map(|derivation| Goal { derivation: derivation.clone(), outputs: Wanted::All })
        .collect();
    arguments.build.realise(&built, &goals)?;

    let store = built.store();
    let mut outputs = Vec::new();
    for derivation in &derivations {
        let text = store.read_derivation(derivation)?;
        for (name, path) in text.output_paths(store.store_dir())? {
            // Only an output that is addressed by its own contents has no path before it is built.
            let path = path.with_context(|| {
                let derivation = store.store_dir().print(derivation);
                format!("the path of output '{name}' of '{derivation}' is not known")
            })?;
            outputs.push((name, path));
        }
    }
    if !arguments.no_link {
        for (index, (output, path)) in outputs.iter().enumerate() {
            link(store, &arguments.out_link, index, output, path)?;
        }
    }
    let printed = outputs.iter().map(|(_, path)| store.store_dir().print(path));
    match arguments.format.chosen() {
        Format::Json => output::line(serde_json::json!(printed.collect::<Vec<_>>()))?,
        Format::Human if arguments.print_out_paths => {
            for path in printed {
                output::line(path)?;
            }
        }
        Format::Human => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// What to build: a `.drv` file of the store, or what the expression describes.
fn derivations(arguments: &Arguments, store: &Arc<BuildStore>) -> anyhow::Result<Vec<StorePath>> {
    let expression = &arguments.expression;
    match expression.source() {
        Source::File(path) if path.extension().is_some_and(|end| end == "drv") => {
            Ok(vec![store::find(store.store(), &path)?])
        }
        _ => instantiate(expression, store, &arguments.build),
    }
}

/// Writes the derivations of an expression to the store.
pub(crate) fn instantiate(
    expression: &ExpressionArguments,
    store: &Arc<BuildStore>,
    builds: &BuildArguments,
) -> anyhow::Result<Vec<StorePath>> {
    let request = expression.request()?;
    let evaluated =
        evaluation::evaluate(&request, Access::Write(store, builds), |evaluator, selected| {
            Ok(evaluation::derivations(evaluator, &selected)?)
        })?;
    let found: Vec<evaluation::Wanted> = evaluated.result?.into_iter().flatten().collect();
    if found.is_empty() {
        bail!("the expression has no derivation; choose an attribute that is one with -A");
    }
    let parse = |text: &str| store.layout().store_dir.parse(text);
    found.iter().map(|wanted| Ok(parse(&wanted.derivation)?)).collect()
}

/// `result`, `result-dev` for an output with a name, `result-2` for a further derivation.
pub(crate) fn link(
    store: &dyn Store,
    link: &Path,
    index: usize,
    output: &str,
    path: &StorePath,
) -> anyhow::Result<PathBuf> {
    let mut name = link.as_os_str().to_owned();
    if output != "out" {
        name.push(format!("-{output}"));
    } else if index > 0 {
        name.push(format!("-{}", index + 1));
    }
    let link = env::current_dir()?.join(name);
    store.add_root(&link, path)?;
    Ok(link)
}
