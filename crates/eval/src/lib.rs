//! The evaluator of the Nix language.
//!
//! A [`Heap`](heap::Heap) holds the values of one evaluation, an [`Evaluator`] computes them; both live
//! on one thread with a big stack, which [`with_big_stack`] makes. Files come in through
//! [`FileSystem`](fs::FileSystem), the store through [`StoreAccess`](store::StoreAccess). Nothing here
//! knows of salsa, of editors or of databases.
//!
//! Values, derivation paths and final messages are those of C++ Nix 2.34; `docs/conformance.md` lists
//! what differs.

pub mod error;
pub mod fs;
pub mod heap;
pub mod settings;
pub mod store;

mod apart;
mod arithmetic;
mod attr_path;
mod builtins;
mod coerce;
mod context;
mod derivation;
mod equality;
mod eval;
mod evaluator;
mod failures;
mod force;
mod json;
mod kept;
mod lints;
mod names;
mod own;
mod paths;
mod print;
mod problem;
mod program;
mod regex;
mod revision;
mod statistics;
mod suggest;
mod toml;
mod unit;
mod volatile;
mod xml;

pub use builtins::NIX_VERSION;
pub use evaluator::{Console, Evaluator, Options, Reads};
pub use kept::KeptFunction;
pub use program::Program;
pub use settings::EXPERIMENTAL_FEATURES;
pub use statistics::Statistics;
pub use suggest::suggestions;

/// The stack that an evaluation gets: address space, of which only what is used is ever memory.
const STACK_BYTES: usize = 4 << 30;
/// Smaller stacks to try where the system does not give that much.
const LEAST_STACK_BYTES: usize = 64 << 20;

/// Runs `work` with a big stack, and tells it how big.
///
/// The thread stays the same: malloc serves a process of one thread best.
pub fn with_big_stack<T>(work: impl FnOnce(usize) -> T) -> T {
    let bytes = largest_stack();
    stacker::grow(bytes, || work(bytes))
}

/// The largest stack that the system gives, found by starting threads with such stacks.
fn largest_stack() -> usize {
    let mut bytes = STACK_BYTES;
    while bytes > LEAST_STACK_BYTES {
        match std::thread::Builder::new().stack_size(bytes).spawn(|| {}) {
            Ok(thread) => {
                // It does nothing, so it does not panic.
                let _ = thread.join();
                break;
            }
            Err(_) => bytes /= 2,
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
