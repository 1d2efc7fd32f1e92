//! `cargo xtask conformance`: the derivation paths of a whole nixpkgs and of whole NixOS systems, computed
//! by Floe and by C++ Nix, and every difference.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    bench::peer::{DEPTH, Peer},
    run::{cargo, checkout, run, say, target},
};

const USAGE: &str = "usage: cargo xtask conformance [WHAT…] [OPTIONS]

WHAT is packages (every derivation path that nix-env finds) or the name of a system in
fixtures/conformance: desktop, web-server, container-host. All of them if nothing is named.

  --nixpkgs DIR      the nixpkgs checkout; otherwise FLOE_NIXPKGS names it
  --nix COMMAND      how to call nix-instantiate; also FLOE_BENCH_NIX

FLOE_BIN names the program to compare; otherwise it is built. Every difference is printed, and the exit
status is 1 if there is one. Packages take minutes and gigabytes of memory.
";

const SYSTEMS: [&str; 3] = ["desktop", "web-server", "container-host"];

/// Compares what the words ask for.
pub(crate) fn run_conformance(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let nix = Peer::find("nix-instantiate", "NIX", options.nix.as_deref(), "--version");
    let nix = nix.context("there is nothing to compare with: --nix says how to call it")?;
    let comparison = Comparison { floe: program()?, nix, nixpkgs: options.nixpkgs };
    let mut differences = 0;
    let mut summary = Vec::new();
    for what in &options.what {
        say(&format!("{what}:"));
        let compared = match what.as_str() {
            "packages" => comparison.packages(),
            system => comparison.system(system),
        };
        // What one program refuses is a difference, and the rest is compared all the same.
        let (compared, found) = compared.unwrap_or_else(|error| (0, vec![format!("{error:#}")]));
        for difference in &found {
            say(&format!("  {difference}"));
        }
        differences += found.len();
        let verdict = match found.len() {
            0 => "all the same".to_owned(),
            count => format!("{count} different"),
        };
        summary.push(format!("  {what:16} {compared:6} compared, {verdict}"));
    }
    say(&format!("Floe beside {}:\n{}", comparison.nix.title, summary.join("\n")));
    ensure!(differences == 0, "{differences} derivation paths differ");
    Ok(())
}

struct Options {
    what: Vec<String>,
    nixpkgs: PathBuf,
    nix: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Options> {
        let mut what = Vec::new();
        let mut nixpkgs = env::var_os("FLOE_NIXPKGS").map(PathBuf::from);
        let mut nix = None;
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("{word} needs a value\n{USAGE}"));
            match word {
                "--nixpkgs" => nixpkgs = Some(value()?.into()),
                "--nix" => nix = Some((*value()?).to_owned()),
                _ if word == "packages" || SYSTEMS.contains(&word) => what.push(word.to_owned()),
                _ => bail!("'{word}' is nothing that can be compared\n{USAGE}"),
            }
        }
        if what.is_empty() {
            what = SYSTEMS.into_iter().chain(["packages"]).map(str::to_owned).collect();
        }
        let nixpkgs = nixpkgs.with_context(|| format!("which nixpkgs? --nixpkgs says\n{USAGE}"))?;
        let nixpkgs = nixpkgs
            .canonicalize()
            .with_context(|| format!("there is no nixpkgs at '{}'", nixpkgs.display()))?;
        Ok(Options { what, nixpkgs, nix })
    }
}

struct Comparison {
    floe: PathBuf,
    nix: Peer,
    nixpkgs: PathBuf,
}

/// How much was compared, and what differs.
type Compared = (usize, Vec<String>);

impl Comparison {
    /// Every package that `nix-env` finds.
    fn packages(&self) -> Result<Compared> {
        let nix_env = self.nix.beside("nix-instantiate", "nix-env").context(
            "--nix calls no program by the name nix-instantiate, beside which nix-env is",
        )?;
        let mut ours = self.ours();
        ours.arg("list").arg("--file").arg(&self.nixpkgs).args(DEPTH);
        let mut theirs = nix_env.command();
        theirs.arg("-f").arg(&self.nixpkgs).args(["-qaP", "--drv-path"]).args(DEPTH);
        let (ours, theirs) = (answer("floe", &mut ours)?, answer("nix-env", &mut theirs)?);
        let count = theirs.lines().count();
        let (same_order, differences) = compare(&ours, &theirs);
        if differences.is_empty() && !same_order {
            say("  the same packages in another order");
        }
        Ok((count, differences))
    }

    /// A NixOS system.
    fn system(&self, name: &str) -> Result<Compared> {
        let path = checkout().join("fixtures/conformance").join(name).with_extension("nix");
        let configuration =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // The text is given, not the path: the peer may see other files than this process does.
        let nixpkgs = self.nixpkgs.display();
        let expression = format!(
            "(import {nixpkgs}/nixos {{ configuration =\n{configuration}; }}).system.drvPath"
        );
        let mut ours = self.ours();
        ours.args(["eval", "--expr", &expression]);
        let mut theirs = self.nix.command();
        theirs.args(["--eval", "--expr", &expression]);
        let (ours, theirs) = (answer("floe", &mut ours)?, answer("nix-instantiate", &mut theirs)?);
        let (ours, theirs) = (ours.trim_end(), theirs.trim_end());
        let difference = (ours != theirs).then(|| format!("floe {ours}, Nix {theirs}"));
        Ok((1, difference.into_iter().collect()))
    }

    /// Floe, computing the paths of the store that Nix has.
    fn ours(&self) -> Command {
        let mut command = Command::new(&self.floe);
        command.env("FLOE_STORE", "local");
        command
    }
}

/// What a command prints, on standard output. How long it takes is said.
fn answer(name: &str, command: &mut Command) -> Result<String> {
    let start = Instant::now();
    command
        .env_remove("NIX_PATH")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (mut output, mut errors) = (String::new(), String::new());
    std::thread::scope(|scope| -> Result<()> {
        let errors = &mut errors;
        scope.spawn(move || stderr.as_mut().map(|pipe| pipe.read_to_string(errors)));
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            while is_done
                .recv_timeout(Duration::from_secs(30))
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                say(&format!("  {name}: {:.0} s so far", start.elapsed().as_secs_f64()));
            }
        });
        let read = stdout.as_mut().map(|pipe| pipe.read_to_string(&mut output));
        drop(done);
        read.transpose().with_context(|| format!("cannot read what {name} prints"))?;
        Ok(())
    })?;
    let status = child.wait().with_context(|| format!("{name} is gone"))?;
    ensure!(status.success(), "{name} failed: {status}\n{errors}");
    say(&format!("  {name}: {:.1} s", start.elapsed().as_secs_f64()));
    Ok(output)
}

/// Whether the lists have the same order, and what is different in them, by attribute path.
fn compare(ours: &str, theirs: &str) -> (bool, Vec<String>) {
    fn packages(list: &str) -> BTreeMap<&str, String> {
        let lines = list.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.collect::<Vec<_>>().join(" ")))
        });
        lines.collect()
    }
    let order = |list: &str| -> Vec<String> {
        let paths = list.lines().filter_map(|line| line.split_whitespace().next());
        paths.map(str::to_owned).collect()
    };
    let (our_packages, their_packages) = (packages(ours), packages(theirs));
    let mut differences = Vec::new();
    for (path, theirs) in &their_packages {
        match our_packages.get(path) {
            Some(ours) if ours == theirs => {}
            Some(ours) => differences.push(format!("{path}: floe {ours}, Nix {theirs}")),
            None => differences.push(format!("{path}: only Nix has {theirs}")),
        }
    }
    for (path, ours) in &our_packages {
        if !their_packages.contains_key(path) {
            differences.push(format!("{path}: only floe has {ours}"));
        }
    }
    (order(ours) == order(theirs), differences)
}

/// The program to compare: the one that is named, or a new one.
fn program() -> Result<PathBuf> {
    if let Some(program) = env::var_os("FLOE_BIN") {
        let program = PathBuf::from(program);
        ensure!(program.is_file(), "FLOE_BIN names no program: {}", program.display());
        return Ok(program);
    }
    run(&mut cargo(["build", "--quiet", "--release", "--package", "floe-cli"]))?;
    Ok(target().join("release/floe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_listed() {
        let theirs = "a  a-1  /s/a.drv\nb    b-1  /s/b.drv\nc    c-1  /s/c.drv\n";
        assert_eq!(compare(theirs, theirs), (true, Vec::new()));
        let reordered = "b b-1 /s/b.drv\na a-1 /s/a.drv\nc c-1 /s/c.drv\n";
        assert_eq!(compare(reordered, theirs), (false, Vec::new()));
        let ours = "a a-1 /s/other.drv\nb b-1 /s/b.drv\nd d-1 /s/d.drv\n";
        assert_eq!(
            compare(ours, theirs).1,
            [
                "a: floe a-1 /s/other.drv, Nix a-1 /s/a.drv",
                "c: only Nix has c-1 /s/c.drv",
                "d: only floe has d-1 /s/d.drv",
            ]
        );
    }
}
