//! `floe list`: the packages in an expression.

mod survey;

use std::{fmt::Write as _, io, process::ExitCode};

use clap::Args;
use serde_json::{Map, json};

use self::survey::{Derivation, Entry, Questions};
use crate::{
    arguments::StoreArguments,
    commands::{Format, FormatArguments},
    expression::ExpressionArguments,
    introsort, output, packages,
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
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments, store: &StoreArguments) -> anyhow::Result<ExitCode> {
    let request = arguments.expression.request()?;
    let format = arguments.format.chosen();
    let questions = Questions {
        system: format == Format::Json,
        only_system: arguments.system_filter.as_deref(),
        derivation: !arguments.names,
    };
    let mut lines = Vec::new();
    let mut refused = 0;
    for mut entries in survey::packages(&request, store, questions)? {
        introsort::sort(&mut entries, |a, b| {
            a.name.bytes().map(order).lt(b.name.bytes().map(order))
        });
        for entry in entries {
            let derivation = match entry.derivation {
                Derivation::Unasked => None,
                Derivation::Path(path) => Some(path),
                Derivation::Refused => {
                    refused += 1;
                    continue;
                }
                Derivation::Failed(complaint) => return Err((*complaint).into()),
            };
            let Entry { path, name, system, .. } = entry;
            lines.push(Line { path, name, system, derivation });
        }
    }
    match format {
        Format::Json => print_json(&lines)?,
        Format::Human => print_table(&lines)?,
    }
    match refused {
        0 => {}
        1 => output::note("1 package refused to be evaluated and is left out"),
        count => {
            output::note(format_args!("{count} packages refused to be evaluated and are left out"));
        }
    }
    Ok(ExitCode::SUCCESS)
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

/// The place of a byte of a name. C++ compares `char`, which has a sign on most machines.
fn order(byte: u8) -> i8 {
    byte.to_ascii_uppercase().cast_signed()
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
