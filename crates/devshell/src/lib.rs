//! The dev-shell activator: a folder's environment on `cd`, in direnv's manner.
//!
//! A shell's hook asks `floe export` at every prompt whether its environment is that of the folder
//! it stands in ([`export`]). The nearest project file says what the environment is ([`project`]),
//! the person says whether it may run ([`allow`]), bash or the evaluator and the builder say what is
//! in it ([`envrc`], [`nix`]), and the shell is told the difference in its own language ([`diff`],
//! [`shells`]).
//!
//! This crate prints nothing (see [`output`]) and knows nothing of the language server. The `cli`
//! crate parses arguments and calls one function here for each command.

pub mod allow;
pub mod bash;
pub mod callback;
pub mod context;
pub mod decide;
pub mod diff;
pub mod dotenv;
pub mod environment;
pub mod envrc;
pub mod export;
pub mod nix;
pub mod output;
pub mod project;
pub mod shells;
pub mod status;
pub mod text;
pub mod watch;

pub use context::{Context, FirstEntry};
pub use output::Output;
