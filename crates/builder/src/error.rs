//! Why a build did not happen or failed, in Nix's words where Nix has them.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::options::OptionsError;
use crate::sandbox::{Exit, HostProgramError, SandboxError};

/// A derivation that was not built, and why.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// It is for another kind of machine.
    #[error(
        "Cannot build '{derivation}'.\nReason: platform mismatch\n\
         Required system: '{required}'\nCurrent system: '{current}'"
    )]
    PlatformMismatch {
        /// The derivation's path.
        derivation: String,
        /// Its system.
        required: String,
        /// The builder's system.
        current: String,
    },
    /// It asks for a system feature that the settings do not offer.
    #[error(
        "Cannot build '{derivation}'.\nReason: missing system features\n\
         Required features: {}\nAvailable features: {}",
        Set(required),
        Set(available)
    )]
    MissingFeatures {
        /// The derivation's path.
        derivation: String,
        /// What it asks for.
        required: BTreeSet<String>,
        /// What there is.
        available: BTreeSet<String>,
    },
    /// Its builder ran and failed.
    #[error("Cannot build '{derivation}'.\nReason: builder {}.{failure}", Status(*status))]
    BuilderFailed {
        /// The derivation's path.
        derivation: String,
        /// How the builder ended.
        status: Exit,
        /// What else is known.
        failure: Box<FailedBuild>,
    },
    /// It took longer than the settings allow.
    #[error("Cannot build '{derivation}'.\nReason: timed out after {}.{failure}", limit)]
    TimedOut {
        /// The derivation's path.
        derivation: String,
        /// Which limit was exceeded.
        limit: TimeLimit,
        /// What else is known.
        failure: Box<FailedBuild>,
    },
    /// Something it needs was not built.
    #[error(
        "Cannot build '{derivation}'.\nReason: {failed} {} failed.",
        if *failed == 1 { "dependency" } else { "dependencies" }
    )]
    DependencyFailed {
        /// The derivation's path.
        derivation: String,
        /// How many of its inputs failed.
        failed: usize,
    },
    /// The user interrupted it, or another build failed first.
    #[error("the build of '{derivation}' was cancelled")]
    Cancelled {
        /// The derivation's path.
        derivation: String,
    },
    /// The result is not what the derivation promises.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// An input is not in the store.
    #[error("cannot build '{derivation}': its input '{input}' is not valid in the store")]
    MissingInput {
        /// The derivation's path.
        derivation: String,
        /// The path of the input.
        input: String,
    },
    /// A goal names an output that there is not.
    #[error("derivation '{derivation}' does not have wanted outputs '{}'", outputs.join("', '"))]
    NoSuchOutputs {
        /// The derivation's path.
        derivation: String,
        /// The names.
        outputs: Vec<String>,
    },
    /// The outputs' paths are only known after the build.
    #[error(
        "cannot build '{derivation}': it is {kind}, an experimental kind of derivation that floe does \
         not build yet"
    )]
    UnsupportedKind {
        /// The derivation's path.
        derivation: String,
        /// What kind it is.
        kind: &'static str,
    },
    /// Some outputs are valid and must not be written again, which only a sandbox can prevent.
    #[error(
        "cannot build '{derivation}' without a sandbox: some of its outputs are valid already; \
         delete them first"
    )]
    PartlyValid {
        /// The derivation's path.
        derivation: String,
    },
    /// A name after `builtin:` that is not known.
    #[error("cannot build '{derivation}': unsupported builtin builder '{builder}'")]
    UnsupportedBuiltin {
        /// The derivation's path.
        derivation: String,
        /// The name.
        builder: String,
    },
    /// `builtin:fetchurl` failed.
    #[error("cannot build '{derivation}': unable to download '{url}': {reason}")]
    Download {
        /// The derivation's path.
        derivation: String,
        /// What was to be fetched.
        url: String,
        /// Why it was not.
        reason: String,
    },
    /// `__noChroot` where everything is sandboxed.
    #[error(
        "derivation '{0}' has '__noChroot' set, but that's not allowed when 'sandbox' is 'true'"
    )]
    NoChroot(String),
    /// `exportReferencesGraph` of something that is no input.
    #[error(
        "cannot export references of path '{0}' because it is not in the input closure of the \
         derivation"
    )]
    ForeignGraph(String),
    /// An attribute for the builder is malformed.
    #[error("in derivation '{derivation}': {source}")]
    Options {
        /// The derivation's path.
        derivation: String,
        /// Which, and how.
        source: OptionsError,
    },
    /// The derivation itself is malformed.
    #[error("derivation '{derivation}' is not valid: {source}")]
    Derivation {
        /// The derivation's path.
        derivation: String,
        /// How.
        source: floe_store::derivation::DerivationError,
    },
    /// A sandbox path cannot be shown.
    #[error("cannot show the host's programs in the sandbox: {0}")]
    HostProgram(#[from] HostProgramError),
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A daemon did not build. The message is its own.
    #[error("{0}")]
    Daemon(String),
    /// A daemon shows this machine's programs to nobody.
    #[error(
        "the daemon at '{}' cannot build '{derivation}', which needs this machine's own programs \
         (the system feature 'host-tools').\n\
         Build in a store of your own, with --store ~/.local/share/floe or FLOE_STORE; or add \
         'host-tools' to 'system-features', and /bin, /usr, /lib and /lib64 to 'sandbox-paths', in \
         the daemon's nix.conf",
        socket.display()
    )]
    DaemonWithoutHostTools {
        /// The derivation's path.
        derivation: String,
        /// Where the daemon listens.
        socket: PathBuf,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] floe_store::StoreError),
    /// A file of the build could not be read, written or moved.
    #[error("{action} '{}': {source}", path.display())]
    File {
        /// What was being done, such as `creating`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An archive of an output could not be made.
    #[error(transparent)]
    Nar(#[from] floe_store::nar::NarError),
}

/// Names the file that an operation was about.
pub(crate) fn file_error(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.into();
    move |source| BuildError::File { action, path, source }
}

/// What a user needs to look into a failed build.
#[derive(Debug, Default)]
pub struct FailedBuild {
    /// The outputs that were to be built.
    pub outputs: Vec<String>,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
    /// The file with the whole log.
    pub log: Option<PathBuf>,
    /// Where the build directory was kept, if that was asked for.
    pub kept_directory: Option<PathBuf>,
}

impl fmt::Display for FailedBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nOutput paths:")?;
        for output in &self.outputs {
            write!(f, "\n  {output}")?;
        }
        if !self.last_lines.is_empty() {
            write!(f, "\nLast {} log lines:", self.last_lines.len())?;
            for line in &self.last_lines {
                write!(f, "\n> {line}")?;
            }
            if let Some(log) = &self.log {
                write!(f, "\nFor full logs, see:\n  {}", log.display())?;
            }
        }
        if let Some(directory) = &self.kept_directory {
            write!(f, "\nnote: keeping build directory '{}'", directory.display())?;
        }
        Ok(())
    }
}

/// A limit on time that a build exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// `timeout`.
    Total(Duration),
    /// `max-silent-time`.
    Silent(Duration),
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeLimit::Total(time) => write!(f, "{} seconds", time.as_secs_f64()),
            TimeLimit::Silent(time) => write!(f, "{} seconds of silence", time.as_secs_f64()),
        }
    }
}

/// What is wrong with an output.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum OutputError {
    #[error(
        "builder for '{derivation}' failed to produce output path for output '{output}' at '{path}'"
    )]
    Missing { derivation: String, output: String, path: String },
    #[error(
        "suspicious ownership or permission on '{path}' for output '{output}'; rejecting this \
         build output"
    )]
    Suspicious { path: String, output: String },
    #[error(
        "hash mismatch in fixed-output derivation '{derivation}':\n  specified: {specified}\n     \
         got:    {got}"
    )]
    HashMismatch { derivation: String, specified: String, got: String },
    #[error(
        "fixed-output derivations must not reference store paths: '{derivation}' references {count} \
         distinct paths, e.g. '{example}'"
    )]
    FixedRefers { derivation: String, count: usize, example: String },
    #[error(
        "output path '{path}' should be a non-executable regular file since recursive hashing is \
         not enabled (one of outputHashMode={{flat,text}} is true)"
    )]
    NotFlat { path: String },
    #[error(
        "cycle detected in build of '{derivation}' in the references of output '{output}' from \
         output '{other}'"
    )]
    Cycle { derivation: String, output: String, other: String },
    #[error("path '{path}' is too large at {size} bytes; limit is {limit} bytes")]
    TooLarge { path: String, size: u64, limit: u64 },
    #[error("closure of path '{path}' is too large at {size} bytes; limit is {limit} bytes")]
    ClosureTooLarge { path: String, size: u64, limit: u64 },
    #[error(
        "derivation '{derivation}' output check for '{output}' contains output name '{name}', but \
         this is not a valid output of this derivation. (Valid outputs are [{valid}].)"
    )]
    UnknownOutput { derivation: String, output: String, name: String, valid: String },
    #[error(
        "output '{path}' is not allowed to refer to the following paths:{}",
        forbidden.iter().map(|path| format!("\n  {path}")).collect::<String>()
    )]
    Forbidden { path: String, forbidden: Vec<String> },
    #[error(
        "the content-addressing method of the fixed output of '{derivation}' is '{method}', which \
         floe does not support yet"
    )]
    UnsupportedMethod { derivation: String, method: String },
}

struct Set<'a>(&'a BTreeSet<String>);

impl fmt::Display for Set<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<&str> = self.0.iter().map(String::as_str).collect();
        write!(f, "{{{}}}", items.join(", "))
    }
}

struct Status(Exit);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exit::Code(code) => write!(f, "failed with exit code {code}"),
            Exit::Signal(signal) => write!(f, "failed due to signal {signal}"),
        }
    }
}
