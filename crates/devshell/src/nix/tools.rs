//! What the activator needs of the evaluator and of the builder, as two small traits. The program
//! puts the real ones behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use floe_store::{Store, StorePath};

use super::request::ShellRequest;
use crate::output::Output;

/// Evaluates shells.
pub trait ShellEvaluator {
    /// The derivation that `request` evaluates to, which is in the store afterwards.
    ///
    /// As in `nix-shell`: a function is called with the request's arguments, and with
    /// `inNixShell = true` if it takes that; the search path is `request.search_path`, then
    /// `NIX_PATH`; relative paths start at `request.folder`. The environment is that of the
    /// process, in which `IN_NIX_SHELL` is `impure`.
    fn shell_derivation(
        &self,
        request: &ShellRequest,
    ) -> Result<ShellDerivation, EvaluationFailure>;
}

/// A shell, evaluated.
#[derive(Debug, Clone)]
pub struct ShellDerivation {
    /// Its derivation, in the store.
    pub path: StorePath,
    /// What the evaluation depends on.
    pub reads: Reads,
}

/// A shell that could not be evaluated. What was read until then is known all the same: a change of
/// it is worth another try.
#[derive(Debug, Clone)]
pub struct EvaluationFailure {
    /// The error and its trace, as a person reads it.
    pub message: String,
    /// What the evaluation depends on.
    pub reads: Reads,
}

/// What an evaluation looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Files and folders, whether they exist or not. Those in the store need not be named.
    pub paths: BTreeSet<PathBuf>,
    /// Environment variables with what they were.
    pub variables: BTreeMap<String, Option<String>>,
}

/// Builds derivations.
pub trait ShellBuilder {
    /// The store it builds in.
    fn store(&self) -> &dyn Store;

    /// Builds all outputs of a derivation of the store, and before that what it needs, telling
    /// `output` what goes on. The error is a message for a person.
    fn build(&self, derivation: &StorePath, output: &mut dyn Output) -> Result<(), String>;
}
