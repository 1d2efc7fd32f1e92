//! `floe list`: the packages in an expression.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Map, json};

use crate::{
    arguments::StoreArguments,
    commands::Format,
    evaluation::{self, Access},
    expression::ExpressionArguments,
    packages::{self, Refusals},
    progress::Progress,
};

/// List the packages of an expression: attribute path, name, derivation.
///
/// What refuses to be evaluated (broken, insecure or unfree packages, failed assertions) is left out, as
/// `nix-env --query --available` does.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe list '<nixpkgs>'                        every package
  floe list '<nixpkgs>' -A python3Packages     those of a set
  floe list -f . --format json                 for a script")]
pub(crate) struct Arguments {
    #[command(flatten)]
    expression: ExpressionArguments,
    /// How to print the list.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// What is printed of a package.
struct Line {
    path: String,
    name: String,
    derivation: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let request = arguments.expression.request()?;
    let evaluated =
        evaluation::evaluate(&request, Access::ReadOnly(store), |evaluator, values| {
            let mut packages = Vec::new();
            let progress = Progress::spinner("looking for packages");
            for (index, value) in values.into_iter().enumerate() {
                let path = request.attributes.get(index).map_or("", String::as_str);
                packages.extend(packages::find(
                    evaluator,
                    value,
                    path,
                    Refusals::Skip,
                    |package| {
                        progress.message(&package.path);
                    },
                )?);
            }
            drop(progress);

            let progress = Progress::steps("", packages.len() as u64);
            let mut lines = Vec::new();
            for package in packages {
                progress.message(&package.path);
                progress.advance();
                match package.derivation_path(evaluator) {
                    Ok(derivation) => {
                        let name = package.name(evaluator)?;
                        lines.push(Line { path: package.path, name, derivation });
                    }
                    Err(error) if error.kind().is_catchable() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(lines)
        })?;
    let mut lines = evaluated.result?;
    lines.sort_by_cached_key(|line| line.name.to_ascii_uppercase());
    match arguments.format {
        Format::Human => print_table(&lines)?,
        Format::Json => print_json(&lines)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_table(lines: &[Line]) -> io::Result<()> {
    let width = |part: fn(&Line) -> &str| lines.iter().map(|line| part(line).len()).max();
    let path_width = width(|line| &line.path).unwrap_or(0);
    let name_width = width(|line| &line.name).unwrap_or(0);
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    for Line { path, name, derivation } in lines {
        let derivation = derivation.as_deref().unwrap_or("-");
        writeln!(out, "{path:path_width$}  {name:name_width$}  {derivation}")?;
    }
    out.flush()
}

fn print_json(lines: &[Line]) -> anyhow::Result<()> {
    let packages: Map<_, _> = lines
        .iter()
        .map(|line| (line.path.clone(), json!({ "name": line.name, "drvPath": line.derivation })))
        .collect();
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    serde_json::to_writer_pretty(&mut out, &packages)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
