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

mod arithmetic;
mod attr_path;
mod builtins;
mod coerce;
mod context;
mod derivation;
mod equality;
mod eval;
mod evaluator;
mod force;
mod json;
mod kept;
mod names;
mod paths;
mod print;
mod problem;
mod program;
mod regex;
mod suggest;
mod toml;
mod unit;
mod xml;

pub use builtins::NIX_VERSION;
pub use evaluator::{Console, Evaluator, Options, Reads};
pub use json::to_nix_json;
pub use kept::KeptFunction;
pub use program::Program;

/// The stack that an evaluation gets: address space, of which only what is used is ever memory.
const STACK_BYTES: usize = 4 << 30;
/// Smaller stacks to try where the system does not give that much.
const LEAST_STACK_BYTES: usize = 64 << 20;

/// Runs `work` on a thread of its own with a big stack, and tells it how big.
///
/// # Panics
///
/// If `work` panics, or if no thread can be started at all.
pub fn with_big_stack<T: Send>(work: impl FnOnce(usize) -> T + Send) -> T {
    let work = std::sync::Mutex::new(Some(work));
    let mut bytes = STACK_BYTES;
    loop {
        let started = std::thread::scope(|scope| {
            let run = || {
                let work = work.lock().expect("nobody else locks it").take();
                work.expect("it is run once")(bytes)
            };
            let thread = std::thread::Builder::new().name("eval".into()).stack_size(bytes);
            match thread.spawn_scoped(scope, run) {
                Ok(thread) => Ok(thread.join()),
                Err(error) => Err(error),
            }
        });
        match started {
            Ok(Ok(result)) => return result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) if bytes > LEAST_STACK_BYTES => bytes /= 2,
            Err(error) => panic!("cannot start a thread for the evaluation: {error}"),
        }
    }
}

#[cfg(test)]
mod tests;
