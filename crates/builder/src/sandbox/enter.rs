//! The helper process, from `floe __sandbox` to the derivation's builder. Single-threaded, always.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::personality::{self, Persona};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getgid, getrlimit, getuid, kill_process_group,
    pidfd_open, set_parent_process_death_signal, setrlimit, setsid, umask,
};
use serde::{Deserialize, Serialize};

use super::spec::{Namespaces, Network, SandboxSpec};
use super::{SANDBOX_COMMAND, loopback, root};

/// The argument of the second helper, process 1 of the namespace.
const INIT: &str = "init";
/// `PER_LINUX32`: the kernel reports a 32-bit machine. Not a flag, so the crate has no name for it.
const LINUX32: i32 = 8;

/// What the helper tells the builder in the end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The derivation's builder ran and ended.
    Exited { code: i32 },
    /// The derivation's builder was ended by a signal.
    Signaled { signal: i32 },
    /// The builder never ran.
    SetupFailed(SetupFailure),
}

/// A step of the preparation that failed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SetupFailure {
    /// The step, to be read after "while".
    pub(super) action: String,
    /// The system's words.
    pub(super) reason: String,
    /// Whether the step is one that a kernel without user namespaces refuses.
    pub(super) needs_user_namespaces: bool,
}

/// A step of the preparation that failed, inside the helper.
#[derive(Debug)]
pub(super) struct SetupError {
    pub(super) action: String,
    pub(super) source: io::Error,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.source)
    }
}

/// Names the step that a system call belongs to.
pub(super) trait While<T> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T, SetupError>;
}

impl<T, E: Into<io::Error>> While<T> for Result<T, E> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T, SetupError> {
        self.map_err(|source| SetupError { action: action(), source: source.into() })
    }
}

pub(super) fn main() -> ! {
    let is_init = std::env::args_os().nth(2).is_some_and(|stage| stage == INIT);
    let done = control_socket()
        .and_then(|control| if is_init { run_init(control) } else { run_keeper(control) });
    // Without its control socket the helper can only say so in the build log.
    if let Err(error) = &done {
        let _ = writeln!(io::stderr(), "floe: the sandbox helper failed: {error}");
    }
    std::process::exit(i32::from(done.is_err()));
}

/// Standard input is the socket on which the specification arrives and the report leaves.
fn control_socket() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// The first helper: makes the namespaces, starts the second one in them, and stays to end it.
fn run_keeper(mut control: UnixStream) -> io::Result<()> {
    let text = read_line(&control)?;
    let spec: SandboxSpec = serde_json::from_str(&text)?;
    let report = match &spec.namespaces {
        Some(namespaces) => keep_sandbox(&control, namespaces, &text)?,
        None => keep_process(&control, &spec)?,
    };
    serde_json::to_writer(&mut control, &report)?;
    Ok(())
}

fn keep_sandbox(control: &UnixStream, namespaces: &Namespaces, spec: &str) -> io::Result<Report> {
    if let Err(error) = enter_namespaces(namespaces.network) {
        return Ok(Report::SetupFailed(SetupFailure {
            action: error.action,
            reason: error.source.to_string(),
            needs_user_namespaces: true,
        }));
    }
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new("/proc/self/exe")
        .arg0("floe")
        .args([SANDBOX_COMMAND, INIT])
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn()?;
    // Process 1 first asks to be killed when this process dies; only after that may it see the
    // specification, or it could outlive a keeper that died in between.
    let mut ready = [0];
    if ours.read(&mut ready)? == 1 {
        writeln!(ours, "{}", spec.trim_end())?;
    }
    let mut failure = String::new();
    ours.read_to_string(&mut failure)?;
    let status = wait_or_kill(&mut child, control, |child| child.kill())?;
    if failure.is_empty() {
        Ok(report_of(status))
    } else {
        Ok(Report::SetupFailed(serde_json::from_str(&failure)?))
    }
}

/// Without a sandbox: a process group of its own, killed as a whole when it ends.
fn keep_process(control: &UnixStream, spec: &SandboxSpec) -> io::Result<Report> {
    let started = prepare_process(&spec.system)
        .and_then(|()| builder_command(spec).process_group(0).spawn().during(|| executing(spec)));
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ok(Report::SetupFailed(error.into())),
    };
    let group = Pid::from_child(&child);
    let kill_group = move |_: &mut Child| Ok(kill_process_group(group, Signal::KILL)?);
    let status = wait_or_kill(&mut child, control, kill_group)?;
    // The builder may have left processes behind; there may also be none.
    let _ = kill_process_group(group, Signal::KILL);
    Ok(report_of(status))
}

/// Waits for the child's end. The other side closing its end of the socket ends the child.
fn wait_or_kill(
    child: &mut Child,
    control: &UnixStream,
    kill: impl Fn(&mut Child) -> io::Result<()>,
) -> io::Result<ExitStatus> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    loop {
        let mut events =
            [PollFd::new(&process, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        match poll(&mut events, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let ended = !events[0].revents().is_empty();
        if !ended {
            kill(child)?;
        }
        // For process 1 of a namespace this returns when all others in it are gone too.
        return child.wait();
    }
}

fn report_of(status: ExitStatus) -> Report {
    match (status.code(), status.signal()) {
        (Some(code), _) => Report::Exited { code },
        (None, signal) => Report::Signaled { signal: signal.unwrap_or_default() },
    }
}

fn enter_namespaces(network: Network) -> Result<(), SetupError> {
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if network == Network::Private {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    unshare(flags).during(|| "creating the namespaces".to_owned())?;
    map_ids((0, user), (0, group))
}

/// The user and the group of this process, as (inside, outside).
fn map_ids(user: (u32, u32), group: (u32, u32)) -> Result<(), SetupError> {
    let write = |file: &str, text: String| {
        let path = format!("/proc/self/{file}");
        fs::write(&path, text).during(|| format!("writing '{path}'"))
    };
    write("uid_map", format!("{} {} 1", user.0, user.1))?;
    write("setgroups", "deny".to_owned())?;
    write("gid_map", format!("{} {} 1", group.0, group.1))
}

/// The second helper: prepares the inside and becomes the builder.
fn run_init(mut control: UnixStream) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    control.write_all(b"r")?;
    let spec: SandboxSpec = serde_json::from_str(&read_line(&control)?)?;
    let Some(namespaces) = &spec.namespaces else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let error = match prepare_inside(namespaces).and_then(|()| prepare_process(&spec.system)) {
        Err(error) => error,
        // Every descriptor but the standard ones closes itself in `exec`, the socket too; its end
        // tells the keeper that the builder runs.
        Ok(()) => SetupError { action: executing(&spec), source: builder_command(&spec).exec() },
    };
    serde_json::to_writer(&mut control, &SetupFailure::from(error))?;
    Ok(())
}

fn prepare_inside(namespaces: &Namespaces) -> Result<(), SetupError> {
    if namespaces.network == Network::Private {
        loopback::bring_up().during(|| "switching on the loopback interface".to_owned())?;
    }
    rustix::system::sethostname(b"localhost").during(|| "setting the host name".to_owned())?;
    rustix::system::setdomainname(b"(none)").during(|| "setting the domain name".to_owned())?;
    root::enter(namespaces)?;
    setsid().during(|| "starting a session".to_owned())?;
    // A second user namespace inside the first: the build runs as an ordinary user who holds no
    // capability over the mounts and the network that were just set up, nor can gain one.
    unshare(CloneFlags::CLONE_NEWUSER)
        .during(|| "entering the build's user namespace".to_owned())?;
    map_ids((namespaces.user, 0), (namespaces.group, 0))
}

/// What Nix sets up for every builder, sandboxed or not.
fn prepare_process(system: &str) -> Result<(), SetupError> {
    rustix::thread::set_no_new_privs(true).during(|| "giving up privileges".to_owned())?;
    set_personality(system).during(|| format!("setting the personality for '{system}'"))?;
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum })
        .during(|| "switching off core dumps".to_owned())?;
    umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
    close_fds::set_fds_cloexec(3, &[]);
    Ok(())
}

/// A 32-bit machine where the derivation asks for one, and fixed addresses everywhere.
fn set_personality(system: &str) -> nix::Result<()> {
    let is_32_bit =
        matches!(system, "i686-linux" | "armv7l-linux" | "armv6l-linux" | "armv5tel-linux");
    let base = if is_32_bit { Persona::from_bits_retain(LINUX32) } else { personality::get()? };
    personality::set(base | Persona::ADDR_NO_RANDOMIZE).map(drop)
}

fn builder_command(spec: &SandboxSpec) -> Command {
    // A bare name is a file in the working directory, as for `execve`, and not sought in `PATH`.
    let mut command = match spec.builder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => {
            Command::new(Path::new(".").join(&spec.builder))
        }
        _ => Command::new(&spec.builder),
    };
    let mut arguments = spec.arguments.iter().map(|text| text.as_os_str());
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command
        .args(arguments)
        .env_clear()
        .envs(spec.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())))
        .current_dir(&spec.working_directory)
        .stdin(Stdio::null());
    command
}

fn executing(spec: &SandboxSpec) -> String {
    format!("executing '{}'", spec.builder.display())
}

/// One line, and not a byte beyond it.
fn read_line(control: &UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(control).read_line(&mut line)?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl From<SetupError> for SetupFailure {
    fn from(error: SetupError) -> SetupFailure {
        // Some distributions let everyone create user namespaces that can then do nothing.
        let refused = error.source.kind() == io::ErrorKind::PermissionDenied;
        SetupFailure {
            needs_user_namespaces: refused && !error.action.starts_with("executing"),
            reason: error.source.to_string(),
            action: error.action,
        }
    }
}

/// Writes a file inside the root that is being assembled.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), SetupError> {
    fs::write(path, text).during(|| format!("writing '{}'", path.display()))
}
