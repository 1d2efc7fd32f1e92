//! What the builder tells those who watch: one event at a time, from any thread.

use std::collections::BTreeMap;
use std::time::Duration;

use floe_store::StorePath;

use crate::error::BuildError;

/// Something that happened. Each is about one derivation except the first two.
#[derive(Debug)]
pub enum BuildEvent<'a> {
    /// What is going to be done, in dependency order.
    Planned {
        /// Derivations that will be built.
        build: &'a [StorePath],
        /// Derivations whose outputs will be fetched; from a daemon, the outputs.
        fetch: &'a [StorePath],
    },
    /// A daemon has something to say to people, such as why a build failed.
    Message {
        /// Its words.
        text: &'a str,
    },
    /// Another process is building the same; this one waits for it.
    Waiting {
        /// Which.
        derivation: &'a StorePath,
    },
    /// Its builder is being started.
    Started {
        /// Which.
        derivation: &'a StorePath,
    },
    /// Its builder printed a line.
    Log {
        /// Which.
        derivation: &'a StorePath,
        /// Without the line end.
        line: &'a str,
    },
    /// It entered a phase, such as `buildPhase`.
    Phase {
        /// Which.
        derivation: &'a StorePath,
        /// The name.
        phase: &'a str,
    },
    /// Its outputs are valid.
    Finished {
        /// Which.
        derivation: &'a StorePath,
        /// Where its outputs are.
        outputs: &'a BTreeMap<String, StorePath>,
        /// How they came to be.
        realisation: Realisation,
        /// How long it took.
        duration: Duration,
    },
    /// It has no valid outputs, and will not have.
    Failed {
        /// Which.
        derivation: &'a StorePath,
        /// Why.
        error: &'a BuildError,
    },
}

/// How outputs became valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realisation {
    /// Built by this process.
    Built,
    /// Fetched by a [`Substituter`](crate::Substituter).
    Fetched,
    /// They were valid when their turn came: another process built them.
    AlreadyValid,
}

/// Hears what happens.
pub trait Reporter: Send + Sync {
    /// Takes note. Called from several threads, and the build waits until it returns.
    fn report(&self, event: BuildEvent<'_>);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: BuildEvent<'_>) {}
}
