//! The programs that Floe is measured beside.

use std::{env, path::Path, process::Command};

use crate::run::{find, output, say};

/// What lists all of nixpkgs: at the default depth Floe and Nix stop at one package.
pub(crate) const DEPTH: [&str; 3] = ["--option", "max-call-depth", "100000"];

/// A program, perhaps called through others.
#[derive(Clone)]
pub(crate) struct Peer {
    /// Its name and version, as it gives them itself.
    pub(crate) title: String,
    words: Vec<String>,
}

impl Peer {
    /// The one that the option names, the variable `FLOE_BENCH_<VARIABLE>`, or the one on `PATH`. If
    /// there is none, says so.
    pub(crate) fn find(
        name: &str,
        variable: &str,
        option: Option<&str>,
        version: &str,
    ) -> Option<Peer> {
        let variable = format!("FLOE_BENCH_{variable}");
        let named = option.map(str::to_owned).or_else(|| env::var(&variable).ok());
        let Some(command) = named.or_else(|| find(name).map(|_| name.to_owned())) else {
            say(&format!("{name} is not on PATH: measured without it ({variable} can name it)"));
            return None;
        };
        let mut peer = Peer {
            title: name.to_owned(),
            words: command.split_whitespace().map(str::to_owned).collect(),
        };
        match output(peer.command().arg(version)) {
            Ok(version) => {
                let version = version.split_whitespace().last().unwrap_or_default();
                if version.starts_with(|first: char| first.is_ascii_digit()) {
                    peer.title = format!("{name} {version}");
                }
                Some(peer)
            }
            Err(error) => {
                say(&format!("{name} is left out: {error:#}"));
                None
            }
        }
    }

    pub(crate) fn command(&self) -> Command {
        let (program, arguments) =
            self.words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    /// The program that lies beside this one under another name: `nix-env` beside `nix-instantiate`.
    /// `None` where the command does not name this one, as when a script of another name calls it.
    pub(crate) fn beside(&self, name: &str, other: &str) -> Option<Peer> {
        let is_it = |word: &String| Path::new(word).file_name().is_some_and(|word| word == name);
        let index = self.words.iter().rposition(is_it)?;
        let mut words = self.words.clone();
        words[index] = Path::new(&words[index]).with_file_name(other).display().to_string();
        Some(Peer { title: self.title.replace(name, other), words })
    }

    /// How it is called, to be shown.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_beside_another_is_called_the_same_way() {
        let peer = |words: &[&str]| Peer {
            title: "nix-instantiate 2".to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        let found = peer(&["env", "A=1", "/bin/nix-instantiate"])
            .beside("nix-instantiate", "nix-env")
            .expect("it is named");
        assert_eq!(found.words, ["env", "A=1", "/bin/nix-env"]);
        assert_eq!(found.title, "nix-env 2");
        assert!(peer(&["wrapper.sh"]).beside("nix-instantiate", "nix-env").is_none());
    }
}
