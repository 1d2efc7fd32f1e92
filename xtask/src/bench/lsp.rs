//! What an editor waits for in the largest file of nixpkgs.

use std::{collections::HashMap, path::Path, process::Command};

use anyhow::Result;

use super::{
    measure::{Floe, median, numbers, percentile},
    peer::Peer,
    table::{Row, Table, Unit},
};
use crate::run::{output, target};

/// The example program that measures.
pub(crate) const EXAMPLE: &str = "edit_latency";

/// Edits in each session.
const EDITS: usize = 50;

pub(crate) fn measure(
    floe: &Floe,
    nixpkgs: &Path,
    nil: Option<&Peer>,
    runs: usize,
) -> Result<Table> {
    let mut ours = Measured::default();
    let mut theirs = nil.map(|_| Measured::default());
    for _ in 0..runs {
        ours.add(nixpkgs, floe.command().arg("lsp"))?;
        if let (Some(nil), Some(theirs)) = (nil, &mut theirs) {
            theirs.add(nixpkgs, &nil.command())?;
        }
    }

    type Part = fn(&Measured) -> f64;
    let parts: [(&str, Unit, Part); 7] = [
        ("initialize", Unit::Milliseconds, |all| median(all.get("initialize"))),
        ("open to first diagnostics", Unit::Milliseconds, |all| median(all.get("open"))),
        ("edit to diagnostics, p50", Unit::Milliseconds, |all| median(all.get("diagnostics"))),
        ("edit to diagnostics, p95", Unit::Milliseconds, |all| {
            percentile(all.get("diagnostics"), 95)
        }),
        ("edit to completion, p50", Unit::Milliseconds, |all| median(all.get("completion"))),
        ("edit to completion, p95", Unit::Milliseconds, |all| {
            percentile(all.get("completion"), 95)
        }),
        ("resident memory at the end", Unit::Megabytes, |all| median(all.get("memory")) / 1e6),
    ];
    let rows = parts
        .into_iter()
        .map(|(what, unit, part)| Row::new(what, unit, part(&ours), theirs.as_ref().map(part)));
    let mut notes = vec![
        format!(
            "`{EXAMPLE} NIXPKGS NIXPKGS/pkgs/top-level/all-packages.nix {EDITS} floe lsp`, over its standard streams: {runs} sessions with {EDITS} edits at random places for each kind"
        ),
        "for diagnostics, an edit is a dot typed after the name of a binding, a syntax error; for completion, a letter typed at the end of its first word; 200 ms lie between edits; the times include this client's reading of the answer".to_owned(),
    ];
    notes.extend(nil.map(|nil| format!("the peer: `{}`", nil.words().join(" "))));
    Ok(Table {
        title: "The language server in all-packages.nix".to_owned(),
        peer: nil.map(|nil| nil.title.clone()),
        rows: rows.collect(),
        notes,
    })
}

/// The numbers of all sessions of a server.
#[derive(Default)]
struct Measured(HashMap<String, Vec<f64>>);

impl Measured {
    fn add(&mut self, nixpkgs: &Path, server: &Command) -> Result<()> {
        let mut command = Command::new(target().join("release/examples").join(EXAMPLE));
        command.arg(nixpkgs).arg(nixpkgs.join("pkgs/top-level/all-packages.nix"));
        command.arg(EDITS.to_string()).arg(server.get_program()).args(server.get_args());
        for (name, values) in numbers(&output(&mut command)?)? {
            self.0.entry(name).or_default().extend(values);
        }
        Ok(())
    }

    fn get(&self, name: &str) -> &[f64] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}
