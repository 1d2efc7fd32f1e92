//! `cargo xtask bench`: Floe and its peers in turn, in one run on one machine, and the ratios.
//!
//! One file per thing that is measured. Peers that are missing are said so and left out.

mod eval;
mod evaluated;
mod hook;
mod lsp;
mod measure;
mod parse;
pub(crate) mod peer;
mod table;

use std::{
    env,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use self::{measure::Floe, peer::Peer, table::Table};
use crate::run::{cargo, run, say, target};

const USAGE: &str = "usage: cargo xtask bench [WHAT…] [OPTIONS]

WHAT is parse, eval, lsp, evaluated or hook; all of them if nothing is named. A single evaluation can be named
instead of eval: hello, system, update, fold, concat, recursion, sort, json, and the long ones, which
eval leaves out: desktop, options, names, paths.

  --all              the long evaluations too
  --nixpkgs DIR      the nixpkgs checkout to measure on; otherwise FLOE_NIXPKGS names it
  --runs N           how often the larger programs run; the medians are printed (5)
  --edits N          how many edits of each kind a session of a language server has (200)
  --json             print JSON for scripts
  --nix COMMAND      how to call nix-instantiate; also FLOE_BENCH_NIX
  --direnv COMMAND   how to call direnv; also FLOE_BENCH_DIRENV
  --nil COMMAND      how to call nil; also FLOE_BENCH_NIL
";

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Parse,
    Eval,
    Lsp,
    Evaluated,
    Hook,
}

impl What {
    const ALL: [What; 5] = [What::Parse, What::Eval, What::Lsp, What::Evaluated, What::Hook];

    fn from_word(word: &str) -> Option<What> {
        What::ALL.into_iter().find(|what| what.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            What::Parse => "parse",
            What::Eval => "eval",
            What::Lsp => "lsp",
            What::Evaluated => "evaluated",
            What::Hook => "hook",
        }
    }
}

/// Measures what the words ask for.
pub(crate) fn run_bench(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let floe = build()?;
    let nix = Peer::find("nix-instantiate", "NIX", options.nix.as_deref(), "--version");
    let direnv = Peer::find("direnv", "DIRENV", options.direnv.as_deref(), "version");
    let nil = Peer::find("nil", "NIL", options.nil.as_deref(), "--version");

    let mut tables = Vec::new();
    for &what in &options.what {
        match (what, &options.nixpkgs) {
            (What::Hook, _) => {
                tables.push(hook::measure(&floe, direnv.as_ref(), options.runs * 40)?);
            }
            (_, None) => {
                say(&format!("{}: left out: FLOE_NIXPKGS names no nixpkgs checkout", what.word()));
            }
            (What::Parse, Some(nixpkgs)) => {
                tables.push(parse::measure(nixpkgs, nix.as_ref(), options.runs)?);
            }
            (What::Eval, Some(nixpkgs)) => {
                let chosen = eval::Chosen { cases: &options.cases, all: options.all };
                tables.extend(eval::measure(&floe, nixpkgs, nix.as_ref(), options.runs, &chosen)?);
            }
            (What::Lsp, Some(nixpkgs)) => {
                tables.extend(lsp::measure(&floe, nixpkgs, nil.as_ref(), options.edits)?);
            }
            (What::Evaluated, Some(nixpkgs)) => tables.push(evaluated::measure(&floe, nixpkgs)?),
        }
    }
    print(&tables, options.json)
}

struct Options {
    what: Vec<What>,
    /// The evaluations that were named.
    cases: Vec<String>,
    all: bool,
    nixpkgs: Option<PathBuf>,
    runs: usize,
    edits: usize,
    json: bool,
    nix: Option<String>,
    direnv: Option<String>,
    nil: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Options> {
        let mut options = Options {
            what: Vec::new(),
            cases: Vec::new(),
            all: false,
            nixpkgs: env::var_os("FLOE_NIXPKGS").map(PathBuf::from),
            runs: 5,
            edits: 200,
            json: false,
            nix: None,
            direnv: None,
            nil: None,
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("{word} needs a value\n\n{USAGE}"));
            match word {
                "--nixpkgs" => options.nixpkgs = Some(value()?.into()),
                "--runs" => {
                    let runs = value()?;
                    options.runs = runs.parse().with_context(|| format!("--runs {runs}"))?;
                }
                "--all" => options.all = true,
                "--json" => options.json = true,
                "--edits" => {
                    let edits = value()?;
                    options.edits = edits.parse().with_context(|| format!("--edits {edits}"))?;
                }
                "--nix" => options.nix = Some((*value()?).to_owned()),
                "--direnv" => options.direnv = Some((*value()?).to_owned()),
                "--nil" => options.nil = Some((*value()?).to_owned()),
                _ => match What::from_word(word) {
                    Some(what) => options.what.push(what),
                    None if eval::is_case(word) => options.cases.push(word.to_owned()),
                    None => bail!("'{word}' is neither a measurement nor an option\n\n{USAGE}"),
                },
            }
        }
        if !options.cases.is_empty() && !options.what.contains(&What::Eval) {
            options.what.push(What::Eval);
        }
        if options.what.is_empty() {
            options.what = What::ALL.to_vec();
        }
        options.runs = options.runs.max(1);
        options.nixpkgs = match options.nixpkgs {
            Some(path) => {
                let found = path.canonicalize();
                Some(found.with_context(|| format!("the nixpkgs checkout {}", path.display()))?)
            }
            None => None,
        };
        Ok(options)
    }
}

/// Builds the program and the measuring examples, optimised.
fn build() -> Result<Floe> {
    let program = ["--package", "floe-cli", "--bin", "floe"];
    let parse_speed = ["--package", "floe-hir", "--example", parse::EXAMPLE];
    let sessions = lsp::EXAMPLES.map(|example| ["--package", "floe-lsp", "--example", example]);
    let evaluated = ["--package", "floe-lsp", "--example", evaluated::EXAMPLE];
    let words = [&[program, parse_speed, evaluated], sessions.as_slice()].concat().concat();
    run(cargo(["build", "--quiet", "--release"]).args(words))?;
    Ok(Floe { program: target().join("release/floe") })
}

fn print(tables: &[Table], as_json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    let printed = if as_json {
        let tables: Vec<_> = tables.iter().map(Table::to_json).collect();
        writeln!(out, "{:#}", json!({ "machine": measure::machine(), "tables": tables }))
    } else {
        writeln!(out, "{}\n", measure::machine())
            .and_then(|()| tables.iter().try_for_each(|table| writeln!(out, "{table}")))
    };
    printed.context("the tables cannot be printed")
}
