//! Whether the commands that README.md shows work.
//!
//! Blocks marked `sh` are run from the checkout, in order, in a home of their own with the built `floe`
//! on `PATH`. Those marked `console` take long or change the reader's home, and are only looked at.

use std::{env, ffi::OsString, fs, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::run::{checkout, output, say, target};

/// Runs what can be run; every `cargo xtask …` must be a command of ours, every linked file exist.
pub(crate) fn check() -> Result<()> {
    let path = checkout().join("README.md");
    let text = fs::read_to_string(&path).context("README.md cannot be read")?;
    let commands: Vec<&str> = commands(&text, "sh").collect();
    ensure!(!commands.is_empty(), "README.md shows no commands");
    let temporary = tempfile::Builder::new().prefix("readme-").tempdir_in(target())?;
    for command in commands {
        say(&format!("  {command}"));
        let home = temporary.path();
        let mut path = OsString::from(target().join("debug"));
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", command])
            .current_dir(checkout())
            .env("PATH", path)
            .env("HOME", home)
            .env("FLOE_STORE", home.join("store"))
            .env_remove("NIX_PATH");
        for folder in ["CONFIG", "CACHE", "DATA", "STATE"] {
            bash.env_remove(format!("XDG_{folder}_HOME"));
        }
        output(&mut bash).with_context(|| format!("README.md shows '{command}'"))?;
    }
    // Store paths are read-only.
    output(Command::new("chmod").args(["-R", "u+w"]).arg(temporary.path()))?;
    temporary.close().context("what the commands left cannot be removed")?;

    for command in self::commands(&text, "console") {
        if let Some(name) = command.strip_prefix("cargo xtask ") {
            let known = ["demo", "test", "bench"];
            ensure!(known.contains(&name), "README.md shows '{command}', which does not exist");
        }
    }
    for link in links(&text) {
        ensure!(checkout().join(link).exists(), "README.md links to '{link}', which is not there");
    }
    Ok(())
}

/// The lines of fenced blocks with this mark, without prompts and remarks.
fn commands<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    let blocks = text.split("```").skip(1).step_by(2);
    let marked = blocks.filter_map(move |block| block.strip_prefix(mark)?.strip_prefix('\n'));
    marked.flat_map(str::lines).filter_map(|line| {
        let line = line.trim().trim_start_matches("$ ");
        let command = line.split(" #").next().unwrap_or(line).trim();
        (!command.is_empty() && !command.starts_with('#')).then_some(command)
    })
}

/// Targets of Markdown links that are files of the checkout.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_the_lines_of_marked_blocks() {
        let text =
            "a\n```sh\n$ floe check  # all\n\n# remark\nfloe man\n```\n```console\n$ x\n```\n";
        assert_eq!(commands(text, "sh").collect::<Vec<_>>(), ["floe check", "floe man"]);
        assert_eq!(commands(text, "console").collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn links_to_files() {
        let text = "[a](docs/a.md#top) ![b](b.svg) [c](https://x.org) [d](#e)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md", "b.svg"]);
    }
}
