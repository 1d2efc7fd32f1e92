//! What the programs that measure a server share: their arguments, their clock, the server's memory.

// Each of them uses some of it.
#![allow(dead_code)]

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use floe_lsp::client::{Client, ClientError};
use serde_json::Value;

/// The arguments of the program, one after the other.
pub(crate) struct Arguments {
    left: env::ArgsOs,
    usage: &'static str,
}

impl Arguments {
    /// All of them; `usage` is the error where one is missing.
    pub(crate) fn new(usage: &'static str) -> Arguments {
        let mut left = env::args_os();
        left.next();
        Arguments { left, usage }
    }

    /// The next as it is.
    pub(crate) fn next(&mut self) -> Result<OsString, Box<dyn Error>> {
        Ok(self.left.next().ok_or(self.usage)?)
    }

    /// The next as a path.
    pub(crate) fn path(&mut self) -> Result<PathBuf, Box<dyn Error>> {
        self.next().map(PathBuf::from)
    }

    /// The next as text.
    pub(crate) fn text(&mut self) -> Result<String, Box<dyn Error>> {
        self.next()?.into_string().map_err(|_| self.usage.into())
    }

    /// The next as a number.
    pub(crate) fn number(&mut self) -> Result<usize, Box<dyn Error>> {
        self.text()?.parse().map_err(|_| self.usage.into())
    }

    /// All that are left: how to start the server, of which only the answers are to be seen.
    pub(crate) fn command(mut self) -> Result<Command, Box<dyn Error>> {
        let mut command = Command::new(self.next()?);
        command.args(self.left).stderr(Stdio::null());
        Ok(command)
    }
}

/// The protocol's error for a request that a server does not have.
const METHOD_NOT_FOUND: i64 = -32601;

/// An answer, or nothing where the server does not know the request.
pub(crate) fn if_known(answer: Result<Value, ClientError>) -> Result<Option<Value>, ClientError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ClientError::Refused { error, .. }) if error["code"] == METHOD_NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// How long ago something was, in milliseconds.
pub(crate) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// The server's resident memory in bytes.
pub(crate) fn memory(client: &Client) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{}/status", client.process_id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
