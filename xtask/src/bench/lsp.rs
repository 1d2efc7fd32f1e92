//! What an editor waits for in the largest files of nixpkgs, and in all of its files.

use std::{collections::HashMap, path::Path, process::Command};

use anyhow::Result;

use super::{
    measure::{Floe, median, numbers, percentile},
    peer::Peer,
    table::{Row, Table, Unit},
};
use crate::run::{output, target};

/// The example programs that measure.
pub(crate) const EXAMPLES: [&str; 2] = ["edit_latency", "workspace_latency"];

/// The files that are edited.
const FILES: [&str; 2] =
    ["pkgs/top-level/all-packages.nix", "pkgs/development/node-packages/node-packages.nix"];

/// A binding that files all over nixpkgs refer to, and the file that binds it.
const BINDING: (&str, &str) = ("lib/strings.nix", "optionalString");
/// How often the workspace is asked.
const ASKED: usize = 10;

/// One table for each file, and one for the whole checkout. Each session makes so many `edits` of each kind.
pub(crate) fn measure(
    floe: &Floe,
    nixpkgs: &Path,
    nil: Option<&Peer>,
    edits: usize,
) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for file in FILES {
        let command = || {
            let mut command = example(EXAMPLES[0]);
            command.arg(nixpkgs).arg(nixpkgs.join(file)).arg(edits.to_string());
            command
        };
        let (ours, theirs) = sessions(floe, nil, command)?;
        let mut notes = vec![
            format!(
                "`{} NIXPKGS NIXPKGS/{file} {edits} floe lsp`, over its standard streams: one session with {edits} edits at random places for each kind",
                EXAMPLES[0]
            ),
            "for diagnostics, an edit is a dot typed after the name of a binding, a syntax error; for the rest, a letter typed at the end of its first word, and the request sent at once; 200 ms lie between edits for diagnostics and completion; the times include this client's reading of the answer".to_owned(),
        ];
        notes.extend(nil.map(called));
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        tables.push(Table {
            title: format!("The language server in {name}"),
            peer: nil.map(|nil| nil.title.clone()),
            rows: rows(FILE_ROWS, &ours, theirs.as_ref()),
            notes,
        });
    }

    let (file, name) = BINDING;
    let command = || {
        let mut command = example(EXAMPLES[1]);
        command.arg(nixpkgs).arg(nixpkgs.join(file)).arg(name).arg(ASKED.to_string());
        command
    };
    let (ours, theirs) = sessions(floe, nil, command)?;
    let found = |what| ours.get(what).first().copied().unwrap_or_default();
    let mut notes = vec![format!(
        "`{} NIXPKGS NIXPKGS/{file} {name} {ASKED} floe lsp`; Floe found {} symbols and {} references",
        EXAMPLES[1],
        found("symbols-found"),
        found("references-found"),
    )];
    notes.extend(nil.map(called));
    tables.push(Table {
        title: "The language server over the whole checkout".to_owned(),
        peer: nil.map(|nil| nil.title.clone()),
        rows: rows(WORKSPACE_ROWS, &ours, theirs.as_ref()),
        notes,
    });
    Ok(tables)
}

type RowOf = (&'static str, Unit, fn(&Measured) -> f64);

const FILE_ROWS: &[RowOf] = &[
    ("initialize", Unit::Milliseconds, |all| median(all.get("initialize"))),
    ("open to first diagnostics", Unit::Milliseconds, |all| median(all.get("open"))),
    ("edit to diagnostics, p50", Unit::Milliseconds, |all| median(all.get("diagnostics"))),
    ("edit to diagnostics, p95", Unit::Milliseconds, |all| all.p95("diagnostics")),
    ("edit to completion, p50", Unit::Milliseconds, |all| median(all.get("completion"))),
    ("edit to completion, p95", Unit::Milliseconds, |all| all.p95("completion")),
    ("edit to semantic tokens, p50", Unit::Milliseconds, |all| median(all.get("tokens"))),
    ("edit to semantic tokens, p95", Unit::Milliseconds, |all| all.p95("tokens")),
    ("edit to document symbols, p50", Unit::Milliseconds, |all| median(all.get("symbols"))),
    ("edit to document symbols, p95", Unit::Milliseconds, |all| all.p95("symbols")),
    ("edit to hover, p50", Unit::Milliseconds, |all| median(all.get("hover"))),
    ("edit to hover, p95", Unit::Milliseconds, |all| all.p95("hover")),
    ("resident memory after the diagnostics", Unit::Megabytes, |all| {
        median(all.get("memory-after-diagnostics")) / 1e6
    }),
    ("resident memory at the end", Unit::Megabytes, |all| median(all.get("memory")) / 1e6),
];

const WORKSPACE_ROWS: &[RowOf] = &[
    ("workspace symbols, the first time", Unit::Milliseconds, |all| {
        median(all.get("first-symbols"))
    }),
    ("workspace symbols, p50", Unit::Milliseconds, |all| median(all.get("symbols"))),
    ("workspace symbols, p95", Unit::Milliseconds, |all| all.p95("symbols")),
    ("resident memory then", Unit::Megabytes, |all| median(all.get("symbols-memory")) / 1e6),
    ("references, the first time", Unit::Milliseconds, |all| median(all.get("first-references"))),
    ("references, p50", Unit::Milliseconds, |all| median(all.get("references"))),
    ("references, p95", Unit::Milliseconds, |all| all.p95("references")),
    ("resident memory then", Unit::Megabytes, |all| median(all.get("references-memory")) / 1e6),
];

fn rows(rows: &[RowOf], ours: &Measured, theirs: Option<&Measured>) -> Vec<Row> {
    let row = |(what, unit, part): &RowOf| Row::new(what, *unit, part(ours), theirs.map(part));
    rows.iter().map(row).collect()
}

fn called(nil: &Peer) -> String {
    format!(
        "the peer: `{}`; a dash stands for a request that it does not have",
        nil.words().join(" ")
    )
}

/// A session of Floe, then one of the peer.
fn sessions(
    floe: &Floe,
    nil: Option<&Peer>,
    command: impl Fn() -> Command,
) -> Result<(Measured, Option<Measured>)> {
    let measure = |server: &Command| {
        let mut command = command();
        command.arg(server.get_program()).args(server.get_args());
        anyhow::Ok(Measured(numbers(&output(&mut command)?)?))
    };
    let ours = measure(floe.command().arg("lsp"))?;
    Ok((ours, nil.map(|nil| measure(&nil.command())).transpose()?))
}

fn example(name: &str) -> Command {
    Command::new(target().join("release/examples").join(name))
}

/// The numbers of a session.
struct Measured(HashMap<String, Vec<f64>>);

impl Measured {
    fn get(&self, name: &str) -> &[f64] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    fn p95(&self, name: &str) -> f64 {
        percentile(self.get(name), 95)
    }
}
