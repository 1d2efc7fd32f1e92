//! What an editor waits for that only evaluation tells: options, packages, and the errors of a NixOS
//! configuration after each edit. No peer does the same.

use std::{path::Path, process::Command};

use anyhow::Result;

use super::{
    measure::{Floe, median, numbers, percentile},
    table::{Row, Table, Unit},
};
use crate::run::{output, target};

/// The example program that measures.
pub(crate) const EXAMPLE: &str = "evaluated_latency";

/// Mistakes that are made and mended.
const EDITS: usize = 60;

pub(crate) fn measure(floe: &Floe, nixpkgs: &Path) -> Result<Table> {
    let mut command = Command::new(target().join("release/examples").join(EXAMPLE));
    command.arg(nixpkgs).arg(EDITS.to_string()).arg(&floe.program).arg("lsp");
    let measured = numbers(&output(&mut command)?)?;
    let values = |name: &str| measured.get(name).map_or(&[][..], Vec::as_slice);
    let rows = [
        ("first package completion", "package-completion-cold", 50),
        ("first option completion", "option-completion-cold", 50),
        ("open to first evaluated errors", "first-errors", 50),
        ("mistake to evaluated errors, p50", "mistake", 50),
        ("mistake to evaluated errors, p95", "mistake", 95),
        ("mended to no errors, p50", "mended", 50),
        ("mended to no errors, p95", "mended", 95),
    ];
    let time = |(what, name, percent)| {
        Row::new(what, Unit::Milliseconds, percentile(values(name), percent), None)
    };
    let memory = [("memory after the first errors", "memory-first"), ("at the end", "memory-last")];
    let memory = memory
        .map(|(what, name)| Row::new(what, Unit::Megabytes, median(values(name)) / 1e6, None));
    Ok(Table {
        title: "The language server in a NixOS configuration".to_owned(),
        peer: None,
        rows: rows.into_iter().map(time).chain(memory).collect(),
        notes: vec![format!(
            "`{EXAMPLE} NIXPKGS {EDITS} floe lsp`, over its standard streams: {EDITS} mistakes of six \
             kinds, made and mended, 200 ms apart; the times include the pause that the server waits for \
             the end of typing"
        )],
    })
}
