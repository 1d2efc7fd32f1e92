//! The sandboxed builder.

pub mod sandbox;

pub use sandbox::{SANDBOX_COMMAND, sandbox_main};
