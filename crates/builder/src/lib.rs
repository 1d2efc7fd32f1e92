//! The sandboxed builder: what `nix-daemon` does to build a derivation, in the user's own process,
//! without privileges.
//!
//! [`Scheduler`] realises goals: it finds out what is missing, builds it in dependency order, and
//! tells a [`Reporter`] what happens. [`BuildStore`] does the same in whatever store there is, also
//! through a daemon. [`Builder`] builds one derivation. [`sandbox`] runs one
//! process that sees nothing but its inputs; the program that links this crate must call
//! [`sandbox_main`] when its first argument is [`SANDBOX_COMMAND`].
//!
//! This room knows stores and derivations. It knows nothing of the language that derivations are
//! written in, and nothing of terminals.

mod build;
mod builtin;
mod cancel;
mod checks;
mod daemon;
mod environment;
mod error;
mod inputs;
mod log;
mod options;
mod outputs;
mod place;
mod plan;
mod report;
mod run;
pub mod sandbox;
mod schedule;
mod settings;
mod store;
mod structured_attrs;

pub use build::{BuildNews, Builder};
pub use cancel::Cancellation;
pub use error::{BuildError, FailedBuild, OutputError, TimeLimit};
pub use log::{LogEvent, log_file};
pub use options::{DerivationOptions, OptionsError, OutputCheck, OutputChecks, Reference};
pub use plan::{Goal, Plan, Wanted};
pub use report::{BuildEvent, Realisation, Reporter, Silent};
pub use sandbox::{SANDBOX_COMMAND, sandbox_main};
pub use schedule::{BuildFailures, Scheduler, Substituter};
pub use settings::{BuildSettings, HOST_TOOLS_FEATURE, SandboxMode, SandboxPath, SandboxPathError};
pub use store::BuildStore;
