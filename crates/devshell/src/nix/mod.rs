//! Environments described in Nix.

use crate::context::Context;
use crate::environment::Environment;
use crate::output::Output;
use crate::project::Project;
use crate::watch::Watches;

/// Why a Nix expression gave no environment.
#[derive(Debug, thiserror::Error)]
pub enum NixError {
    /// Not yet.
    #[error("{0}: a shell.nix cannot be entered yet")]
    Unavailable(String),
}

/// The environment of a project's `shell.nix`.
pub fn shell_nix(
    context: &Context,
    project: &Project,
    _before: &Environment,
    _watches: &mut Watches,
    _output: &mut dyn Output,
) -> Result<Environment, NixError> {
    Err(NixError::Unavailable(context.display(&project.file)))
}
