//! `floe list`: the packages in an expression.

use std::{
    fmt::Write as _,
    io,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
};

use clap::Args;
use floe_eval::{
    Evaluator,
    error::{EvalError, FrameMessage, Pos},
};
use serde_json::{Map, json};

use crate::{
    arguments::StoreArguments,
    commands::Format,
    evaluation::{self, Access, Selected},
    expression::ExpressionArguments,
    introsort, output,
    packages::{self, Package, Refusals},
    progress::Progress,
};

/// List the packages of an expression: attribute path, name, derivation.
///
/// The list is that of `nix-env --query --available --attr-path --drv-path`, in the same order: packages
/// by name. What refuses to be evaluated (broken, insecure or unfree packages, failed assertions) is left
/// out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe list '<nixpkgs>'                        every package
  floe list '<nixpkgs>' -A python3Packages     those of a set
  floe list -f . --names                       names alone, which is quick
  floe list -f . --json                        for a script")]
pub(crate) struct Arguments {
    #[command(flatten)]
    expression: ExpressionArguments,
    /// Print attribute paths and names only; the paths of derivations need not be computed then.
    #[arg(long)]
    names: bool,
    /// List only packages for this system, such as `x86_64-linux`.
    #[arg(long, value_name = "SYSTEM")]
    system_filter: Option<String>,
    /// How to print the list.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl Arguments {
    fn is_json(&self) -> bool {
        self.json || self.format == Format::Json
    }
}

/// What is printed of a package.
struct Line {
    path: String,
    name: String,
    /// Empty if it was not asked for.
    system: String,
    /// `-` if the package has none; not there if it was not asked for.
    derivation: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let request = arguments.expression.request()?;
    let refused = AtomicUsize::new(0);
    let evaluated =
        evaluation::evaluate(&request, Access::ReadOnly(store), |evaluator, selected| {
            Ok(lines(arguments, evaluator, &selected, &refused)?)
        })?;
    let lines: Vec<Line> = evaluated.result?.into_iter().flatten().collect();
    match arguments.is_json() {
        true => print_json(&lines)?,
        false => print_table(&lines)?,
    }
    match refused.into_inner() {
        0 => {}
        1 => output::note("1 package refused to be evaluated and is left out"),
        count => {
            output::note(format_args!("{count} packages refused to be evaluated and are left out"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn lines<'h>(
    arguments: &Arguments,
    evaluator: &Evaluator<'h>,
    selected: &Selected<'_, 'h>,
    refused: &AtomicUsize,
) -> Result<Vec<Line>, EvalError> {
    let Selected { path, value, arguments: given, .. } = *selected;
    let progress = Progress::spinner("looking for packages");
    let show = |package: &Package<'h>| progress.message(&package.path);
    let found = packages::find(evaluator, value, path, given, Refusals::Skip, show)?;
    drop(progress);

    // Nobody asks a package for its system without need: the answer may be an error.
    let needs_system = arguments.system_filter.is_some() || arguments.is_json();
    let mut lines = Vec::new();
    for package in found {
        let system = match needs_system {
            true => package.system(evaluator)?.unwrap_or_else(|| "unknown".to_owned()),
            false => String::new(),
        };
        if arguments.system_filter.as_ref().is_none_or(|wanted| *wanted == system) {
            let name = package.name(evaluator)?;
            let path = package.path.clone();
            lines.push((package, Line { path, name, system, derivation: None }));
        }
    }
    // C++ compares `char`, which has a sign on most machines.
    let order = |byte: u8| byte.to_ascii_uppercase().cast_signed();
    introsort::sort(&mut lines, |(_, a), (_, b)| {
        a.name.bytes().map(order).lt(b.name.bytes().map(order))
    });
    if arguments.names {
        return Ok(lines.into_iter().map(|(_, line)| line).collect());
    }

    let progress = Progress::steps("", lines.len() as u64);
    let mut kept = Vec::with_capacity(lines.len());
    for (package, line) in lines {
        progress.message(&package.path);
        progress.advance();
        match package.derivation_path(evaluator) {
            Ok(path) => {
                kept.push(Line { derivation: Some(path.unwrap_or_else(|| "-".into())), ..line });
            }
            Err(error) if error.kind().is_catchable() => {
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let doing = format!("while querying the derivation named '{}'", line.name);
                return Err(error.frame(Pos::None, FrameMessage::Text(doing)));
            }
        }
    }
    Ok(kept)
}

/// Columns as wide as their widest word, with two spaces between: `nix-env` prints them so, wherever to.
fn print_table(lines: &[Line]) -> io::Result<()> {
    let width = |part: fn(&Line) -> &str| lines.iter().map(|line| part(line).len()).max();
    let path_width = width(|line| &line.path).unwrap_or(0) + 2;
    let name_width = width(|line| &line.name).unwrap_or(0) + 2;
    let mut text = String::new();
    for Line { path, name, derivation, .. } in lines {
        let name = name.replace('\n', " ");
        // Writing to a string cannot fail.
        let _ = match derivation {
            Some(derivation) => {
                writeln!(text, "{path:path_width$}{name:name_width$}{derivation}")
            }
            None => writeln!(text, "{path:path_width$}{name}"),
        };
    }
    output::bytes(text.as_bytes())
}

fn print_json(lines: &[Line]) -> anyhow::Result<()> {
    let packages: Map<_, _> = lines.iter().map(|line| (line.path.clone(), json(line))).collect();
    Ok(output::line(serde_json::to_string_pretty(&packages)?)?)
}

fn json(line: &Line) -> serde_json::Value {
    let (pname, version) = packages::split_name(&line.name);
    let mut object = json!({
        "name": line.name,
        "pname": pname,
        "version": version,
        "system": line.system,
    });
    if let Some(path) = &line.derivation {
        object["drvPath"] =
            if path == "-" { serde_json::Value::Null } else { path.as_str().into() };
    }
    object
}
