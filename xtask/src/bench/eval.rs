//! Derivation paths from a cold process.

use std::path::Path;

use anyhow::Result;

use super::{
    measure::{Floe, alternate, process_rows},
    peer::Peer,
    table::Table,
};
use crate::run::output;

pub(crate) fn measure(
    floe: &Floe,
    nixpkgs: &Path,
    nix: Option<&Peer>,
    runs: usize,
) -> Result<Vec<Table>> {
    let nixpkgs = nixpkgs.display();
    let system =
        r#"{ fileSystems."/".device = "/dev/sda"; boot.loader.grub.device = "/dev/sda"; }"#;
    let expressions = [
        ("hello.drvPath", format!("(import {nixpkgs} {{ }}).hello.drvPath")),
        (
            "the drvPath of a NixOS system",
            format!("(import {nixpkgs}/nixos {{ configuration = {system}; }}).system.drvPath"),
        ),
    ];
    let tables = expressions.map(|(title, expression)| one(floe, nix, runs, title, &expression));
    tables.into_iter().collect()
}

fn one(
    floe: &Floe,
    nix: Option<&Peer>,
    runs: usize,
    title: &str,
    expression: &str,
) -> Result<Table> {
    let mut ours = floe.command();
    ours.args(["eval", "--expr", expression]);
    let mut theirs = nix.map(|nix| {
        let mut command = nix.command();
        command.args(["--eval", "--expr", expression]);
        command
    });
    for command in std::iter::once(&mut ours).chain(&mut theirs) {
        command.env_remove("NIX_PATH");
    }

    let mut notes = vec![format!("`floe eval --expr '{expression}'`")];
    let answer = output(&mut ours)?;
    if let (Some(nix), Some(theirs)) = (nix, &mut theirs) {
        notes.push(format!("`{} --eval --expr …`", nix.words().join(" ")));
        notes.push(match output(theirs)? {
            their if their == answer => format!("the same answer: `{}`", answer.trim()),
            their => format!("DIFFERENT answers: `{}` and `{}`", answer.trim(), their.trim()),
        });
    }
    let (ours, theirs) = alternate(runs, &mut ours, theirs.as_mut())?;
    Ok(Table {
        title: format!("{title}, whole process, {runs} runs"),
        peer: nix.map(|nix| nix.title.clone()),
        rows: process_rows(&ours, theirs.as_ref()),
        notes,
    })
}
