//! Building a shell behind the prompt.
//!
//! A prompt that finds a shell stale starts `floe __devshell-build FOLDER` as a process of its own
//! and goes on with the last good environment. At the end `attempt.json` changes, which is a watched
//! file, so a later prompt loads the new environment.
//!
//! When a shell has never been built there is nothing to go on with. Unless the settings say
//! otherwise the prompt then waits, showing the build's messages: whoever enters a project for the
//! first time wants its tools. Ctrl-C ends the waiting only; the build goes on behind.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::NixError;
use super::cache::{Attempt, CacheError, Entry, Good, Inputs};
use super::capture::capture;
use super::request::{ShellRequest, ShellSource};
use super::tools::{Reads, ShellBuilder, ShellEvaluator};
use crate::context::Context;
use crate::environment::Environment;
use crate::output::Output;
use crate::watch::Identity;

/// The hidden command that builds.
pub const BUILD_COMMAND: &str = "__devshell-build";

/// `floe __devshell-build FOLDER`: evaluates and builds the shell whose cache folder this is, and
/// notes how it went. Does nothing when another process is at it. A shell that does not evaluate or
/// build is a result like another; the prompt tells the person. `output` writes to the log, so its
/// lines have no prefix.
pub fn build(
    folder: &Path,
    evaluator: &dyn ShellEvaluator,
    builder: &dyn ShellBuilder,
    output: &mut dyn Output,
) -> Result<(), NixError> {
    let entry = Entry::at(folder);
    let Some(_lock) = entry.lock()? else { return Ok(()) };
    let request = entry.request().ok_or_else(|| NixError::NoRequest(folder.to_owned()))?;
    let started =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64);

    let (reads, result) = build_request(&entry, &request, evaluator, builder, output);
    let reads = with_source(reads, &request);
    let store_dir = Path::new(builder.store().store_dir().as_str());
    let inputs = Inputs::record(&reads, store_dir, &request.project, started);
    let failure = result.err().map(|error| error.to_string());
    Ok(entry.write_attempt(&Attempt { inputs, failure })?)
}

fn build_request(
    entry: &Entry,
    request: &ShellRequest,
    evaluator: &dyn ShellEvaluator,
    builder: &dyn ShellBuilder,
    output: &mut dyn Output,
) -> (Reads, Result<(), NixError>) {
    output.status(&format!("evaluating {}", request.display()));
    let shell = match evaluator.shell_derivation(request) {
        Ok(shell) => shell,
        Err(failure) => return (failure.reads, Err(NixError::Evaluation(failure.message))),
    };
    let result = capture(builder, &shell.path, &request.folder, &entry.root(), output)
        .map_err(NixError::Capture)
        .and_then(|captured| {
            let store_dir = builder.store().store_dir().as_str().to_owned();
            let good = Good { environment: captured.environment, store_dir, file: captured.file };
            Ok(entry.write_good(&good)?)
        });
    (shell.reads, result)
}

/// The file itself is an input even where the evaluator failed before it read it.
fn with_source(mut reads: Reads, request: &ShellRequest) -> Reads {
    if let ShellSource::File(file) = &request.source {
        let file = if file.is_dir() { file.join("default.nix") } else { file.clone() };
        reads.paths.insert(file);
    }
    reads
}

/// The environment that an evaluation sees, where the shell is entered from `base`. Expressions ask
/// for `IN_NIX_SHELL`, which `nix-shell` sets too.
pub(super) fn evaluation_environment(base: &Environment) -> Environment {
    let mut environment = base.clone();
    environment.insert("IN_NIX_SHELL".into(), "impure".into());
    environment
}

/// Starts a builder behind the prompt, unless one is at work. `environment` is what the evaluation
/// sees.
pub(super) fn start(
    context: &Context,
    entry: &Entry,
    request: &ShellRequest,
    environment: &Environment,
) -> Result<Option<Child>, NixError> {
    entry.write_request(request)?;
    if entry.is_building() {
        return Ok(None);
    }
    let log = entry.log_file();
    let log_error = |source| CacheError { path: log.clone(), source };
    let log_handle = File::create(&log).map_err(log_error)?;
    let child = Command::new(&context.floe)
        .arg(BUILD_COMMAND)
        .arg(entry.folder())
        .current_dir(&request.folder)
        .env_clear()
        .envs(environment)
        // Out of the terminal's reach: neither Ctrl-C nor leaving the shell ends the build.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_handle)
        .spawn()
        .map_err(|source| NixError::Start { program: context.floe.clone(), source })?;
    Ok(Some(child))
}

/// Waits for the builder, passing on its messages. `before` is the state of `attempt.json` before
/// it started.
pub(super) fn wait(
    entry: &Entry,
    mut child: Option<Child>,
    before: Option<Identity>,
    output: &mut dyn Output,
) -> Result<(), NixError> {
    let waited = entry.waited_file();
    fs::write(&waited, "").map_err(|source| CacheError { path: waited.clone(), source })?;
    let mut log = Log::default();
    let mut pause = Duration::from_millis(1);
    loop {
        // Asked first, so that the messages of the very end are passed on too.
        let ended = match &mut child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !entry.is_building(),
        };
        log.pass_on(&entry.log_file(), output);
        if ended {
            break;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    let _ = fs::remove_file(&waited);
    if Identity::of(&entry.attempt_file()) == before {
        return Err(NixError::BuilderDied { log: entry.log_file() });
    }
    Ok(())
}

/// How far a log has been passed on.
#[derive(Default)]
struct Log {
    offset: u64,
    partial: Vec<u8>,
}

impl Log {
    fn pass_on(&mut self, path: &Path, output: &mut dyn Output) {
        // A log that cannot be read has no messages yet.
        self.offset += self.read_on(path).unwrap_or(0) as u64;
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            output.status(String::from_utf8_lossy(&line).trim_end());
        }
    }

    fn read_on(&mut self, path: &Path) -> io::Result<usize> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        file.read_to_end(&mut self.partial)
    }
}

/// The last message of the builder while it works.
pub fn last_message(entry: &Entry) -> Option<String> {
    let log = fs::read(entry.log_file()).ok()?;
    let text = String::from_utf8_lossy(&log);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
}
