//! `cargo xtask fuzz`: looks for inputs that a fuzz target fails on.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use crate::run::{checkout, find, run, say};

/// Runs the targets of these names, or all, for so many seconds each.
pub(crate) fn run_targets(words: &[&str]) -> Result<()> {
    ensure!(find("cargo-fuzz").is_some(), "fuzzing needs `cargo install cargo-fuzz`");
    let (seconds, names): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| word.parse::<u32>().is_ok());
    let seconds = seconds.first().copied().unwrap_or("60");
    let known = targets()?;
    if let Some(unknown) = names.iter().find(|name| !known.iter().any(|known| known == *name)) {
        bail!("no fuzz target is called '{unknown}'; there are: {}", known.join(", "));
    }
    let wanted = |name: &&String| names.is_empty() || names.contains(&name.as_str());
    for name in known.iter().filter(wanted) {
        say(&format!("\n{name}, for {seconds} s"));
        let folder = checkout().join("tests/fuzz");
        let corpus = folder.join("corpus").join(name);
        fs::create_dir_all(&corpus)
            .with_context(|| format!("cannot make the folder {}", corpus.display()))?;
        let mut fuzz = Command::new("rustup");
        fuzz.args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "tests/fuzz", name]);
        run(fuzz
            .current_dir(checkout())
            .arg(&corpus)
            .arg(folder.join("seeds").join(name))
            .arg("--")
            .arg(format!("-dict={}", folder.join("dictionary").display()))
            .arg(format!("-max_total_time={seconds}")))?;
    }
    Ok(())
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let folder = checkout().join("tests/fuzz/fuzz_targets");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
