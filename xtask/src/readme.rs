//! Whether the commands that README.md shows are ones that work.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::run::{checkout, output, say, target};

/// Every `cargo xtask …` is a command of ours, every `floe …` one that the program takes, and every file
/// that is linked exists.
pub(crate) fn check() -> Result<()> {
    let path = checkout().join("README.md");
    let text = fs::read_to_string(&path).context("README.md cannot be read")?;
    let commands: Vec<&str> = commands(&text).collect();
    ensure!(!commands.is_empty(), "README.md shows no commands");
    let floe = target().join("debug/floe");
    for command in commands {
        let mut words = command.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("cargo"), Some("xtask"), Some(name)) => {
                let known = ["demo", "test", "bench"];
                ensure!(known.contains(&name), "README.md shows '{command}', which does not exist");
            }
            (Some("floe"), Some(name), _) => {
                output(Command::new(&floe).args([name, "--help"]))
                    .with_context(|| format!("README.md shows '{command}'"))?;
            }
            _ => continue,
        }
        say(&format!("  {command}"));
    }
    for link in links(&text) {
        ensure!(checkout().join(link).exists(), "README.md links to '{link}', which is not there");
    }
    Ok(())
}

/// The lines of fenced shell blocks, without prompts and remarks.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```").skip(1).step_by(2);
    let shell = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    shell.flat_map(str::lines).filter_map(|line| {
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
    fn commands_are_the_lines_of_shell_blocks() {
        let text =
            "a\n```sh\n$ floe check  # all\n\n# remark\ncargo xtask demo\n```\n```nix\nx\n```\n";
        assert_eq!(commands(text).collect::<Vec<_>>(), ["floe check", "cargo xtask demo"]);
    }

    #[test]
    fn links_to_files() {
        let text = "[a](docs/a.md#top) ![b](b.svg) [c](https://x.org) [d](#e)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md", "b.svg"]);
    }
}
