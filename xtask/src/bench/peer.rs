//! The programs that Floe is measured beside.

use std::{env, process::Command};

use crate::run::{find, output, say};

/// A program, perhaps called through others.
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

    /// How it is called, to be shown.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}
