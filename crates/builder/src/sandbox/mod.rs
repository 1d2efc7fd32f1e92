//! The sandbox: one process tree that sees its declared inputs and nothing else of the machine.
//!
//! A build is started in three steps, and no step needs privileges, a daemon or `unsafe`:
//!
//! 1. The builder (many threads) starts its own program again as `floe __sandbox` and sends it a
//!    [`SandboxSpec`] over a socket (`process.rs`).
//! 2. That helper has a single thread, as `unshare` demands. It enters new user, mount, process,
//!    network, IPC and host name namespaces, and starts itself once more, because a process id
//!    namespace begins with the first child (`enter.rs`).
//! 3. The second helper is process 1 of the namespace. It assembles the root (`root.rs`), gives up
//!    the privileges it had inside the namespace, and becomes the derivation's builder.
//!
//! The socket is also the leash: when it closes, because the build was cancelled or because floe
//! died, the helper kills process 1, and the kernel kills everything else in the namespace.
//!
//! Differences from the C++ implementation: no seccomp filter. Nix uses one to refuse the creation
//! of setuid files and extended attributes. Here a setuid bit gives nothing inside (no new
//! privileges, one user id), and is removed with the other metadata when an output is registered.

mod host_program;
mod process;
mod spec;

#[cfg(target_os = "linux")]
mod enter;
#[cfg(target_os = "linux")]
mod loopback;
#[cfg(target_os = "linux")]
mod root;

pub use host_program::{HostProgramError, files_needed_by};
pub use process::{Exit, SandboxError, SandboxProcess};
pub use spec::{Mount, Namespaces, Network, Presence, SandboxSpec, Scratch, StoreView, Text};

/// The first argument with which the program must call [`sandbox_main`].
pub const SANDBOX_COMMAND: &str = "__sandbox";

/// What the program does when its first argument is [`SANDBOX_COMMAND`]: it becomes the sandbox
/// helper and in the end a derivation's builder. It must be called before any thread is started.
#[cfg(target_os = "linux")]
pub fn sandbox_main() -> ! {
    enter::main()
}

/// Builds run in Linux namespaces; elsewhere the helper only says so.
#[cfg(not(target_os = "linux"))]
pub fn sandbox_main() -> ! {
    std::process::exit(1)
}
