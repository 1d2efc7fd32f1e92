//! What `stdlib.sh` calls the program back for: `floe __dump`, `floe __dotenv`,
//! `floe __apply-dump`. (`floe __use-nix` is [`crate::nix::use_nix`].)
//!
//! They need nothing but the caller's environment: an `.envrc` may have unset `HOME`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::diff::Diff;
use crate::dotenv::{self, DotenvError};
use crate::environment::{Environment, dump, parse_dump};
use crate::shells::{Assignment, Shell};

/// A callback failed.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// `floe __dump` has no place to write to.
    #[error("say where to write the environment: a file as argument, or FLOE_DUMP_FILE")]
    NoDumpFile,
    /// A dump could not be written or read.
    #[error("the environment cannot be kept in {path}: {source}")]
    Dump {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An `.env` file is not what it should be.
    #[error(transparent)]
    Dotenv(#[from] DotenvError),
}

/// `floe __dump [FILE]`: writes the environment of the caller to `file`, or to the file that
/// `FLOE_DUMP_FILE` names, as entries each ended by a NUL byte.
pub fn dump_environment(
    environment: &Environment,
    file: Option<&Path>,
) -> Result<(), CallbackError> {
    let named = environment.get(OsStr::new("FLOE_DUMP_FILE")).map(Path::new);
    let file = file.or(named).ok_or(CallbackError::NoDumpFile)?;
    fs::write(file, dump(environment.clone()))
        .map_err(|source| CallbackError::Dump { path: file.to_owned(), source })
}

/// `floe __apply-dump SHELL FILE`: the script that turns the environment of the caller into the
/// one that `file` holds.
pub fn apply_dump(
    environment: &Environment,
    shell: &dyn Shell,
    file: &Path,
) -> Result<Vec<u8>, CallbackError> {
    let bytes =
        fs::read(file).map_err(|source| CallbackError::Dump { path: file.to_owned(), source })?;
    let diff = Diff::between(environment, &parse_dump(&bytes));
    Ok(shell.export_diff(&diff))
}

/// `floe __dotenv SHELL FILE`: the script that exports the variables of an `.env` file.
pub fn dotenv(shell: &dyn Shell, file: &Path) -> Result<Vec<u8>, CallbackError> {
    let entries = dotenv::read(file)?;
    let assignments: Vec<Assignment<'_>> =
        entries.iter().map(|(name, value)| (name.as_os_str(), Some(value.as_os_str()))).collect();
    Ok(shell.export(&assignments))
}
