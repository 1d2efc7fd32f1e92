//! Parse speed over a corpus.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    measure::{self, alternate, median, numbers},
    peer::Peer,
    table::{Row, Table, Unit},
};
use crate::run::{output, target};

/// The example program that measures.
pub(crate) const EXAMPLE: &str = "parse_speed";

/// How many files the peer gets: it prints what it parses, and takes its time.
const SAMPLE: usize = 400;

pub(crate) fn measure(nixpkgs: &Path, nix: Option<&Peer>, runs: usize) -> Result<Table> {
    let work = [("flat", "flat tree"), ("hir", "HIR"), ("rowan", "rowan tree")];
    let corpus = Speeds::of(&[nixpkgs.to_owned()], runs)?;
    let mut rows = Vec::new();
    for (name, what) in work {
        rows.push(Row::new(what, Unit::MegabytesPerSecond, corpus.median(name)?, None));
    }
    let mut notes = vec![
        format!(
            "`cargo run --release -p floe-hir --example {EXAMPLE} {runs} NIXPKGS`: {} files, {:.1} MB, one thread, processor time",
            corpus.get("files")?[0],
            corpus.get("bytes")?[0] / 1e6,
        ),
        "each from the text: HIR and rowan tree include the flat tree that they are made from"
            .to_owned(),
    ];

    if let Some(nix) = nix {
        let files = sample(nixpkgs)?;
        let speeds = Speeds::of(&files, runs)?;
        let megabytes = speeds.get("bytes")?[0] / 1e6;
        let mut parse = nix.command();
        parse.arg("--parse").args(&files);
        // What the process costs that parses next to nothing is not the parser's.
        let mut start = nix.command();
        start.args(["--parse", "--expr", "1"]);
        let (parse, start) = alternate(runs, &mut parse, Some(&mut start))?;
        let start = start.map_or(0.0, |costs: measure::Costs| costs.processor_median());
        let seconds = (parse.processor_median() - start) / 1e3;
        rows.push(Row::new(
            "HIR of a sample",
            Unit::MegabytesPerSecond,
            speeds.median("hir")?,
            Some(megabytes / seconds),
        ));
        notes.push(format!(
            "the sample: every n-th file, {} files, {megabytes:.1} MB; `{} --parse FILES`, without what `--parse --expr 1` takes; it also prints the expressions",
            files.len(),
            nix.words().join(" "),
        ));
    }
    Ok(Table {
        title: format!("Parsing, median of {runs}"),
        peer: nix.map(|nix| nix.title.clone()),
        rows,
        notes,
    })
}

/// What the example printed.
struct Speeds(std::collections::HashMap<String, Vec<f64>>);

impl Speeds {
    fn of(paths: &[PathBuf], runs: usize) -> Result<Speeds> {
        let mut command = Command::new(target().join("release/examples").join(EXAMPLE));
        let output = output(command.arg(runs.to_string()).args(paths))?;
        Ok(Speeds(numbers(&output)?))
    }

    fn get(&self, name: &str) -> Result<&[f64]> {
        let numbers = self.0.get(name).with_context(|| format!("{EXAMPLE} printed no '{name}'"))?;
        Ok(numbers)
    }

    /// Megabytes a second.
    fn median(&self, name: &str) -> Result<f64> {
        Ok(self.get("bytes")?[0] / 1e6 / median(self.get(name)?))
    }
}

fn sample(nixpkgs: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(nixpkgs, &mut files)?;
    files.sort();
    let step = files.len().div_ceil(SAMPLE).max(1);
    Ok(files.into_iter().step_by(step).collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
            files.push(path);
        }
    }
    Ok(())
}
