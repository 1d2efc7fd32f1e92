//! Evaluations from a cold process: derivation paths, the option list, whole package sets, and small
//! programs that each lean on one part of the language.

use std::{fmt::Write as _, fs, io::Write as _, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{
    measure::{Floe, alternate, process_rows},
    peer::{DEPTH, Peer},
    table::Table,
};
use crate::run::{checkout, say};

/// Which of the evaluations take part.
pub(crate) struct Chosen<'a> {
    /// Those that were named; all short ones if there are none.
    pub(crate) cases: &'a [String],
    /// The long ones too.
    pub(crate) all: bool,
}

/// One evaluation.
struct Case {
    name: &'static str,
    title: &'static str,
    /// Takes part only when it is asked for, and runs a fifth as often.
    is_long: bool,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    /// An expression, in which NIXPKGS stands for the checkout.
    Nixpkgs(&'static str),
    /// A file of `fixtures/bench`.
    Fixture(&'static str),
    /// The same, as a function that is given the path of a large JSON file.
    Json(&'static str),
    /// The packages of nixpkgs with their names.
    Names,
    /// The packages of nixpkgs with their derivation paths.
    Paths,
}

const CASES: [Case; 12] = [
    Case::short("hello", "hello.drvPath", Work::Nixpkgs("(import NIXPKGS { }).hello.drvPath")),
    Case::short("system", "the drvPath of a NixOS system", Work::Nixpkgs(SYSTEM)),
    Case::short("update", "chains of updates of sets", Work::Fixture("update.nix")),
    Case::short("fold", "foldl' over a million elements", Work::Fixture("fold.nix")),
    Case::short("concat", "concatenation of strings", Work::Fixture("concat.nix")),
    Case::short("recursion", "deep recursion", Work::Fixture("recursion.nix")),
    Case::short("sort", "sorting", Work::Fixture("sort.nix")),
    Case::short("json", "50 MB of JSON, read and written", Work::Json("json.nix")),
    Case::long("desktop", "the drvPath of a NixOS desktop", Work::Nixpkgs(DESKTOP)),
    Case::long("options", "the list of all NixOS options", Work::Nixpkgs(OPTIONS)),
    Case::long("names", "the names of all packages of nixpkgs", Work::Names),
    Case::long("paths", "the derivation paths of all packages of nixpkgs", Work::Paths),
];

const SYSTEM: &str = r#"(import NIXPKGS/nixos { configuration = { fileSystems."/".device = "/dev/sda"; boot.loader.grub.device = "/dev/sda"; }; }).system.drvPath"#;

const DESKTOP: &str = r#"(import NIXPKGS/nixos { configuration = { fileSystems."/".device = "/dev/sda"; boot.loader.grub.device = "/dev/sda"; services.xserver = { enable = true; displayManager.sddm.enable = true; desktopManager.plasma5.enable = true; }; }; }).system.drvPath"#;

/// The derivation that holds the list as JSON: its path is a hash of all of it.
const OPTIONS: &str = "(import NIXPKGS/nixos { configuration = { }; }).config.system.build.manual.optionsJSON.drvPath";

const JSON_BYTES: usize = 50 << 20;

/// Whether an evaluation has this name.
pub(crate) fn is_case(word: &str) -> bool {
    CASES.iter().any(|case| case.name == word)
}

pub(crate) fn measure(
    floe: &Floe,
    nixpkgs: &Path,
    nix: Option<&Peer>,
    runs: usize,
    chosen: &Chosen<'_>,
) -> Result<Vec<Table>> {
    let cases = CASES.iter().filter(|case| chosen.takes(case));
    cases.map(|case| case.measure(floe, nixpkgs, nix, runs)).collect()
}

impl Chosen<'_> {
    fn takes(&self, case: &Case) -> bool {
        let is_named = self.cases.iter().any(|name| name == case.name);
        is_named || self.all || self.cases.is_empty() && !case.is_long
    }
}

impl Case {
    const fn short(name: &'static str, title: &'static str, work: Work) -> Case {
        Case { name, title, is_long: false, work }
    }

    const fn long(name: &'static str, title: &'static str, work: Work) -> Case {
        Case { name, title, is_long: true, work }
    }

    fn measure(
        &self,
        floe: &Floe,
        nixpkgs: &Path,
        nix: Option<&Peer>,
        runs: usize,
    ) -> Result<Table> {
        say(&format!("{} …", self.title));
        let json = match self.work {
            Work::Json(_) => Some(json_file()?),
            _ => None,
        };
        let nix = match (self.work, nix) {
            (Work::Names | Work::Paths, Some(nix)) => {
                let found = nix.beside("nix-instantiate", "nix-env");
                if found.is_none() {
                    say("nix-env is left out: --nix calls no program by the name nix-instantiate");
                }
                found
            }
            (_, nix) => nix.cloned(),
        };
        let runs = if self.is_long { runs.div_ceil(5) } else { runs };
        let json = json.as_ref().map(|file| file.path());
        let (mut ours, shown) = self.ours(floe, nixpkgs, json)?;
        let theirs = nix.as_ref().map(|nix| self.theirs(nix, nixpkgs, json));
        let mut theirs = theirs.transpose()?;
        for command in std::iter::once(&mut ours).chain(&mut theirs) {
            command.env_remove("NIX_PATH");
        }
        if !self.is_long {
            // Nobody pays for bringing the files into memory.
            alternate(1, &mut ours, theirs.as_mut())?;
        }
        let (ours, theirs) = alternate(runs, &mut ours, theirs.as_mut())?;
        let mut notes = vec![shown];
        if let (Some(nix), Some(theirs)) = (&nix, &theirs) {
            notes.push(format!("the peer: `{} …`", nix.words().join(" ")));
            notes.push(compare(&ours.output, &theirs.output));
        }
        let plural = if runs == 1 { "" } else { "s" };
        Ok(Table {
            title: format!("{}, whole process, {runs} run{plural}", self.title),
            peer: nix.map(|nix| nix.title),
            rows: process_rows(&ours, theirs.as_ref()),
            notes,
        })
    }

    fn ours(&self, floe: &Floe, nixpkgs: &Path, json: Option<&Path>) -> Result<(Command, String)> {
        let mut command = floe.command();
        let shown = match self.expression(nixpkgs, json)? {
            Some(expression) => {
                command.args(["eval", "--strict", "--expr", &expression]);
                match self.work {
                    Work::Nixpkgs(_) => format!("`floe eval --strict --expr '{expression}'`"),
                    Work::Fixture(file) | Work::Json(file) => {
                        format!("`floe eval --strict --expr \"$(cat fixtures/bench/{file})\"`")
                    }
                    Work::Names | Work::Paths => String::new(),
                }
            }
            None => {
                command.arg("list").arg(nixpkgs).args(DEPTH);
                if matches!(self.work, Work::Names) {
                    command.arg("--names");
                }
                let names = if matches!(self.work, Work::Names) { " --names" } else { "" };
                format!("`floe list {} {}{names}`", nixpkgs.display(), DEPTH.join(" "))
            }
        };
        Ok((command, shown))
    }

    fn theirs(&self, nix: &Peer, nixpkgs: &Path, json: Option<&Path>) -> Result<Command> {
        let mut command = nix.command();
        match self.expression(nixpkgs, json)? {
            Some(expression) => command.args(["--eval", "--strict", "--expr", &expression]),
            None => command.arg("-f").arg(nixpkgs).arg("-qaP").args(DEPTH),
        };
        if matches!(self.work, Work::Paths) {
            command.arg("--drv-path");
        }
        Ok(command)
    }

    /// The expression to evaluate; `None` where packages are to be listed. The text of a fixture is
    /// given, not its path: a peer may see other files than this process does.
    fn expression(&self, nixpkgs: &Path, json: Option<&Path>) -> Result<Option<String>> {
        let fixture = |file: &str| {
            let path = checkout().join("fixtures/bench").join(file);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(match self.work {
            Work::Nixpkgs(text) => Some(text.replace("NIXPKGS", &nixpkgs.display().to_string())),
            Work::Fixture(file) => Some(fixture(file)?),
            Work::Json(file) => {
                let json = json.context("there is no JSON file")?;
                Some(format!("({}) {}", fixture(file)?, json.display()))
            }
            Work::Names | Work::Paths => None,
        })
    }
}

/// What is to be said about the two answers. Columns may be as wide as each program likes, and the order
/// of packages of one name is not defined.
fn compare(ours: &str, theirs: &str) -> String {
    let lines = |text: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines: Vec<String> = text.lines().map(words).collect();
        lines.sort();
        lines
    };
    let (ours, theirs) = (lines(ours), lines(theirs));
    if ours == theirs {
        return match ours.as_slice() {
            [answer] if answer.len() < 200 => format!("the same answer: `{answer}`"),
            lines => format!("the same answer: {} lines", lines.len()),
        };
    }
    let first = |some: &[String], others: &[String]| {
        let missing = some.iter().filter(|line| others.binary_search(line).is_err());
        let all: Vec<&String> = missing.collect();
        let first: String =
            all.first().map_or("", |line| line.as_str()).chars().take(200).collect();
        format!("{} lines such as `{first}`", all.len())
    };
    format!("DIFFERENT answers: {} and {}", first(&ours, &theirs), first(&theirs, &ours))
}

/// Writes a list of records, as the metadata of packages has them. `TMPDIR` says where: a peer that sees
/// other files has to see this one.
fn json_file() -> Result<tempfile::NamedTempFile> {
    let mut text = String::with_capacity(JSON_BYTES + 1000);
    text.push('[');
    let mut number = 0_u64;
    while text.len() < JSON_BYTES {
        if number > 0 {
            text.push(',');
        }
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        write!(
            text,
            r#"{{"name":"package-{number}","version":"{}.{}","size":{},"ratio":{}.5,"broken":{},"license":null,"hash":"{hash:016x}","description":"Line one\nof \"package\" {number} \u00e9\u4e2d","outputs":["out","dev","doc"],"meta":{{"priority":{},"platforms":["x86_64-linux","aarch64-linux"],"maintainers":[]}}}}"#,
            number % 10,
            number % 100,
            hash >> 12,
            number % 1000,
            number.is_multiple_of(7),
            number % 20,
        )?;
        number += 1;
    }
    text.push(']');
    let mut file = tempfile::Builder::new().prefix("floe-bench-").suffix(".json").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_by_their_words() {
        assert_eq!(compare("1\n", "1\n"), "the same answer: `1`");
        assert_eq!(compare("a  x\nb y\n", "b y\na x\n"), "the same answer: 2 lines");
        assert_eq!(
            compare("a x\nb y\n", "a x\nb z\n"),
            "DIFFERENT answers: 1 lines such as `b y` and 1 lines such as `b z`"
        );
    }

    #[test]
    fn long_evaluations_take_part_only_when_asked_for() {
        let names = |cases: &[&str], all| {
            let cases: Vec<String> = cases.iter().map(|case| (*case).to_owned()).collect();
            let chosen = Chosen { cases: &cases, all };
            CASES.iter().filter(|case| chosen.takes(case)).map(|case| case.name).collect::<Vec<_>>()
        };
        assert!(!names(&[], false).contains(&"paths"));
        assert!(names(&[], true).contains(&"paths"));
        assert_eq!(names(&["sort", "paths"], false), ["sort", "paths"]);
    }
}
