//! The builder's end of a sandbox: start the helper, read what the build prints, end it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::SANDBOX_COMMAND;
use super::spec::SandboxSpec;

/// How a builder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With an exit code; zero is success.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// Why a builder could not be started, or its end not be learned.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel does not let this user create namespaces.
    #[error("cannot set up the build sandbox: while {action}: {reason}\n{advice}")]
    NoUserNamespaces {
        /// The step that failed.
        action: String,
        /// The system's reason.
        reason: String,
        /// Which kernel setting forbids it, and what can be done.
        advice: String,
    },
    /// Another step of the preparation failed.
    #[error("cannot set up the build environment: while {action}: {reason}")]
    Setup {
        /// The step that failed.
        action: String,
        /// The system's reason.
        reason: String,
    },
    /// The helper program cannot be run.
    #[error("cannot start the sandbox helper '{}': {source}", helper.display())]
    Helper {
        /// The program.
        helper: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The helper ended without a report.
    #[error("the sandbox helper was killed or failed: {0}")]
    Lost(String),
    /// No pseudo terminal, socket or similar.
    #[error("cannot start a build: {0}")]
    Io(#[from] io::Error),
    /// Namespaces exist on Linux only.
    #[error("builds run on Linux only; this is {0}")]
    NotLinux(&'static str),
}

/// A running build.
#[derive(Debug)]
pub struct SandboxProcess {
    helper: Child,
    control: UnixStream,
}

impl SandboxProcess {
    /// Starts `helper` (a program that calls [`sandbox_main`](super::sandbox_main)) on `spec`.
    /// Returns the running build and the end of a terminal from which its output is read.
    pub fn start(
        helper: &Path,
        spec: &SandboxSpec,
    ) -> Result<(SandboxProcess, File), SandboxError> {
        if !cfg!(target_os = "linux") {
            return Err(SandboxError::NotLinux(std::env::consts::OS));
        }
        let spec = serde_json::to_string(spec).map_err(io::Error::from)?;
        let (master, slave) = open_terminal()?;
        let (mut control, theirs) = UnixStream::pair()?;
        let child = Command::new(helper)
            .arg0("floe")
            .arg(SANDBOX_COMMAND)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(slave.try_clone()?)
            .stderr(slave)
            // Ctrl-C in the user's terminal is floe's to handle, not each helper's.
            .process_group(0)
            .spawn()
            .map_err(|source| SandboxError::Helper { helper: helper.to_owned(), source })?;
        // If the helper is gone already, its missing report will say so.
        let _ = control.write_all(format!("{spec}\n").as_bytes());
        let process = SandboxProcess { helper: child, control };
        Ok((process, File::from(master)))
    }

    /// A handle that ends the build from another thread.
    pub fn killer(&self) -> io::Result<Killer> {
        Ok(Killer(self.control.try_clone()?))
    }

    /// Waits until the build and every process that it started have ended.
    pub fn wait(mut self) -> Result<Exit, SandboxError> {
        let mut report = String::new();
        self.control.read_to_string(&mut report)?;
        let status = self.helper.wait()?;
        interpret(&report).unwrap_or_else(|| Err(SandboxError::Lost(status.to_string())))
    }
}

/// Ends a build.
#[derive(Debug)]
pub struct Killer(UnixStream);

impl Killer {
    /// Kills every process of the build; [`SandboxProcess::wait`] then returns.
    pub fn kill(&self) {
        // The only failure is that the helper has closed its end, and with it the build is over.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

/// A raw terminal rather than a pipe, as Nix does: programs then print line by line.
fn open_terminal() -> io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave =
        rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut attributes = tcgetattr(&slave)?;
    attributes.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &attributes)?;
    Ok((master, slave))
}

#[cfg(target_os = "linux")]
fn interpret(report: &str) -> Option<Result<Exit, SandboxError>> {
    use super::enter::Report;
    Some(match serde_json::from_str(report).ok()? {
        Report::Exited { code } => Ok(Exit::Code(code)),
        Report::Signaled { signal } => Ok(Exit::Signal(signal)),
        Report::SetupFailed(failure) => Err(if failure.needs_user_namespaces {
            SandboxError::NoUserNamespaces {
                action: failure.action,
                reason: failure.reason,
                advice: advice(),
            }
        } else {
            SandboxError::Setup { action: failure.action, reason: failure.reason }
        }),
    })
}

#[cfg(not(target_os = "linux"))]
fn interpret(_report: &str) -> Option<Result<Exit, SandboxError>> {
    None
}

/// Which kernel settings forbid user namespaces on this machine, and the way around.
#[cfg(target_os = "linux")]
fn advice() -> String {
    const SETTINGS: [(&str, &str, &str); 3] = [
        ("user.max_user_namespaces", "0", "15000"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ];
    let forbidding: Vec<String> = SETTINGS
        .iter()
        .filter(|(name, forbids, _)| {
            let file = format!("/proc/sys/{}", name.replace('.', "/"));
            std::fs::read_to_string(file).is_ok_and(|value| value.trim() == *forbids)
        })
        .map(|(name, forbids, allows)| {
            format!(
                "The kernel setting '{name}' is {forbids}: 'sysctl {name}={allows}' allows it.\n"
            )
        })
        .collect();
    let cause = if forbidding.is_empty() {
        "User namespaces are needed; a container may forbid them by its seccomp profile, \
         or 'sysctl user.max_user_namespaces' may be too small.\n"
            .to_owned()
    } else {
        forbidding.concat()
    };
    format!("{cause}The setting 'sandbox = false' builds without isolation.")
}
