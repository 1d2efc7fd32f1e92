//! Runs one builder to its end: logs what it prints, and ends it when its time is up.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::cancel::{Cancellation, timespec};
use crate::error::{BuildError, TimeLimit};
use crate::log::{BuildLog, LogEvent};
use crate::sandbox::{Exit, SandboxError, SandboxProcess, SandboxSpec};

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(Exit),
    TimedOut(TimeLimit),
    Cancelled,
}

/// How long a run may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) total: Option<Duration>,
    pub(crate) silent: Option<Duration>,
}

/// Runs `spec` and returns when the last of its processes is gone.
pub(crate) fn run(
    helper: &Path,
    spec: &SandboxSpec,
    limits: Limits,
    cancellation: &Cancellation,
    log: &mut BuildLog,
    watch: &mut dyn FnMut(LogEvent),
) -> Result<Ending, BuildError> {
    let (process, mut output) = SandboxProcess::start(helper, spec)?;
    let killer = process.killer().map_err(SandboxError::from)?;
    let read = read_output(&mut output, limits, cancellation, log, watch);
    if !matches!(read, Ok(None)) {
        killer.kill();
    }
    let exit = process.wait();
    log.finish(watch);
    match read.map_err(SandboxError::from)? {
        Some(ending) => Ok(ending),
        None => Ok(Ending::Exited(exit?)),
    }
}

/// Reads until the other side is closed, which the helper does last of all, or until the build has
/// to be ended.
fn read_output(
    output: &mut File,
    limits: Limits,
    cancellation: &Cancellation,
    log: &mut BuildLog,
    watch: &mut dyn FnMut(LogEvent),
) -> io::Result<Option<Ending>> {
    let start = Instant::now();
    let mut last_output = start;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let deadlines = [
            limits.total.map(|limit| (start + limit, TimeLimit::Total(limit))),
            limits.silent.map(|limit| (last_output + limit, TimeLimit::Silent(limit))),
        ];
        let next = deadlines.into_iter().flatten().min_by_key(|(deadline, _)| *deadline);
        let wait =
            next.map(|(deadline, _)| timespec(deadline.saturating_duration_since(Instant::now())));

        let mut events = vec![PollFd::new(output, PollFlags::IN)];
        events.extend(
            cancellation.descriptors().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
        );
        match poll(&mut events, wait.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let has_output = !events[0].revents().is_empty();
        if events[1..].iter().any(|event| !event.revents().is_empty()) {
            return Ok(Some(Ending::Cancelled));
        }
        if let Some((deadline, limit)) = next
            && Instant::now() >= deadline
        {
            return Ok(Some(Ending::TimedOut(limit)));
        }
        if !has_output {
            continue;
        }
        match output.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => {
                last_output = Instant::now();
                log.add(&buffer[..length], &mut *watch)?;
            }
            // A terminal whose other side is closed reports an error instead of an end.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
