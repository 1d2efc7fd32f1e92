//! From a shell derivation to its environment, as `nix develop` does it.
//!
//! The derivation is changed to run our script instead of its own, with the same inputs and nearly
//! the same variables, and built in the sandbox. The script sources the standard environment and
//! writes all variables to the output. That output refers to what the variables name, so a root on
//! it keeps the whole shell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use floe_store::derivation::{DerivationError, HashModulo};
use floe_store::{Derivation, DerivationOutput, Store, StoreError, StorePath};

use super::shell_environment::{DamagedCapture, ShellEnvironment};
use super::tools::ShellBuilder;
use crate::output::Output;

const GET_ENV_BASH: &[u8] = include_bytes!("get-env.bash");
const GET_ENV_SH: &[u8] = include_bytes!("get-env.sh");

/// An environment in the store.
#[derive(Debug, Clone)]
pub struct Capture {
    /// What the shell defines.
    pub environment: ShellEnvironment,
    /// The file it was read from, where it really is.
    pub file: PathBuf,
}

/// Why a shell derivation gave no environment.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something did not build.
    #[error("{0}")]
    Build(String),
    /// All outputs are empty.
    #[error("'{0}' was built, but wrote no environment")]
    Empty(String),
    /// Its builder is no shell.
    #[error(
        "'{derivation}' is built by {builder}, and a shell needs a derivation built by bash or /bin/sh, such as mkShell makes"
    )]
    Builder {
        /// The derivation.
        derivation: String,
        /// Its builder.
        builder: String,
    },
    /// The changed derivation is not a valid one.
    #[error("the environment of '{derivation}' cannot be built: {source}")]
    Derivation {
        /// The derivation.
        derivation: String,
        /// Why.
        source: DerivationError,
    },
    /// An input's output path is only known once it is built.
    #[error(
        "the environment of '{0}' needs outputs whose paths are known only after they are built, which is not possible yet"
    )]
    Unknown(String),
    /// The output is not there or not readable.
    #[error("the captured environment {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The output is not what our script writes.
    #[error("{path}: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: DamagedCapture,
    },
}

/// Builds the environment of `derivation` and keeps it by the root `root`. The outputs of the
/// derivation itself, which is not built, become folders below `project`.
pub fn capture(
    builder: &dyn ShellBuilder,
    derivation: &StorePath,
    project: &Path,
    root: &Path,
    output: &mut dyn Output,
) -> Result<Capture, CaptureError> {
    let store = builder.store();
    let dir = store.store_dir();
    let printed = || dir.print(derivation);
    let invalid = |source| CaptureError::Derivation { derivation: printed(), source };

    let mut shell = store.read_derivation(derivation)?;
    let (name, script) = script_for(&shell, &printed)?;
    let script = store.add_text(name, script, &BTreeSet::new())?;
    run_script_instead(&mut shell, dir.print(&script).into_bytes());
    shell.input_srcs.insert(script);

    let mut hashes = Hashes { store, known: BTreeMap::new() };
    shell.fill_output_paths(dir, |input| hashes.of(input)).map_err(|error| match error {
        HashError::Derivation(source) => invalid(source),
        HashError::Store(error) => CaptureError::Store(error),
    })?;
    let outputs = shell.output_paths(dir).map_err(invalid)?;
    let outputs: BTreeMap<&str, &StorePath> = (outputs.iter())
        .map(|(name, path)| {
            Ok((name.as_str(), path.as_ref().ok_or_else(|| CaptureError::Unknown(printed()))?))
        })
        .collect::<Result<_, CaptureError>>()?;

    let shell_path = store.add_derivation(&shell)?;
    builder.build(&shell_path, output).map_err(CaptureError::Build)?;

    let (path, file) = (outputs.values())
        .map(|path| (*path, store.real_path(path)))
        .find(|(_, file)| file.metadata().is_ok_and(|metadata| metadata.len() > 0))
        .ok_or_else(|| CaptureError::Empty(dir.print(&shell_path)))?;
    let bytes =
        fs::read(&file).map_err(|source| CaptureError::Read { path: file.clone(), source })?;
    let mut environment = ShellEnvironment::parse(&bytes)
        .map_err(|source| CaptureError::Damaged { path: file.clone(), source })?;
    let printed_outputs: Vec<_> =
        outputs.iter().map(|(name, path)| (*name, dir.print(path))).collect();
    environment.redirect_outputs(
        printed_outputs.iter().map(|(name, path)| (*name, path.as_str())),
        project,
    );
    store.add_root(root, path)?;
    Ok(Capture { environment, file })
}

/// The name and text of the script for the derivation's kind of builder.
fn script_for(
    shell: &Derivation,
    printed: &dyn Fn() -> String,
) -> Result<(&'static str, &'static [u8]), CaptureError> {
    let builder = String::from_utf8_lossy(&shell.builder);
    match builder.rsplit('/').next() {
        Some("bash") => Ok(("get-env.bash", GET_ENV_BASH)),
        Some("sh") => Ok(("get-env.sh", GET_ENV_SH)),
        _ => Err(CaptureError::Builder { derivation: printed(), builder: builder.into_owned() }),
    }
}

/// Turns a shell's derivation into one that writes its environment. Output paths are left open.
fn run_script_instead(shell: &mut Derivation, script: Vec<u8>) {
    shell.name.push_str("-env");
    shell.args = vec![script];
    shell.env.insert(b"name".to_vec(), shell.name.clone().into_bytes());
    // What the real outputs promise says nothing about a list of variables.
    for promise in
        ["allowedReferences", "allowedRequisites", "disallowedReferences", "disallowedRequisites"]
    {
        shell.env.remove(promise.as_bytes());
    }
    if let Some(json) = shell.env.get_mut(b"__json".as_slice())
        && let Ok(serde_json::Value::Object(mut attributes)) = serde_json::from_slice(json)
    {
        attributes.shift_remove("outputChecks");
        *json = serde_json::Value::Object(attributes).to_string().into_bytes();
    }
    for (name, output) in &mut shell.outputs {
        *output = DerivationOutput::Deferred;
        shell.env.insert(name.clone().into_bytes(), Vec::new());
    }
}

/// Hashes of input derivations, each computed once.
struct Hashes<'a> {
    store: &'a dyn Store,
    known: BTreeMap<StorePath, HashModulo>,
}

enum HashError {
    Derivation(DerivationError),
    Store(StoreError),
}

impl From<DerivationError> for HashError {
    fn from(error: DerivationError) -> HashError {
        HashError::Derivation(error)
    }
}

impl Hashes<'_> {
    fn of(&mut self, path: &StorePath) -> Result<HashModulo, HashError> {
        if let Some(known) = self.known.get(path) {
            return Ok(*known);
        }
        let derivation = self.store.read_derivation(path).map_err(HashError::Store)?;
        let dir = self.store.store_dir().clone();
        let hash = derivation.hash_modulo(&dir, |input| self.of(input))?;
        self.known.insert(path.clone(), hash);
        Ok(hash)
    }
}
