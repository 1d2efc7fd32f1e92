//! One conversation with a daemon.
//!
//! After each request the daemon sends frames about what it is doing, until one says that it is
//! done or has failed; then comes the answer.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::wire::{self, WireError};
use super::{ClientSettings, DaemonError};
use crate::nar;

const CLIENT_MAGIC: u64 = 0x6e69_7863;
const DAEMON_MAGIC: u64 = 0x6478_696f;

/// The newest version that is spoken here, as (minor); the major version is 1.
const NEWEST: u64 = 35;
const OLDEST: u64 = 34;

const LOG_NEXT: u64 = 0x6f6c_6d67;
const LOG_LAST: u64 = 0x616c_7473;
const LOG_ERROR: u64 = 0x6378_7470;
const LOG_START_ACTIVITY: u64 = 0x5354_5254;
const LOG_STOP_ACTIVITY: u64 = 0x5354_4f50;
const LOG_RESULT: u64 = 0x5253_4c54;

/// What can be asked of a daemon.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    IsValidPath = 1,
    AddToStore = 7,
    EnsurePath = 10,
    AddTempRoot = 11,
    AddIndirectRoot = 12,
    FindRoots = 14,
    SetOptions = 19,
    CollectGarbage = 20,
    QueryAllValidPaths = 23,
    QueryPathInfo = 26,
    VerifyStore = 35,
    NarFromPath = 38,
    AddToStoreNar = 39,
    QueryMissing = 40,
    BuildPathsWithResults = 46,
}

/// What a daemon says while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    /// A line for the user.
    Message(String),
    /// Something begins that takes a while.
    Start {
        /// What later events call it.
        activity: u64,
        /// How interesting it is: 0 an error, 3 information, 7 everything.
        level: u64,
        /// Nix's number for its kind, such as 105 for a build.
        kind: u64,
        /// What the user is told.
        text: String,
        /// Details that depend on the kind.
        fields: Vec<Field>,
        /// The activity that this is a part of, or 0.
        parent: u64,
    },
    /// It has ended.
    Stop {
        /// Which.
        activity: u64,
    },
    /// Something about an activity, such as a line of a build's log or progress.
    Result {
        /// Which activity.
        activity: u64,
        /// Nix's number for its kind, such as 101 for a line of a build's log.
        kind: u64,
        /// Details that depend on the kind.
        fields: Vec<Field>,
    },
}

/// A detail of a [`LogEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A number.
    Number(u64),
    /// A text, with what is not UTF-8 replaced.
    Text(String),
}

/// Why a conversation ended early.
#[derive(Debug)]
pub(super) enum Failure {
    Refused { message: String, traces: Vec<String> },
    Wire(WireError),
}

impl Failure {
    pub(super) fn at(self, socket: &Path) -> DaemonError {
        match self {
            Self::Refused { message, traces } => DaemonError::Refused { message, traces },
            Self::Wire(source) => DaemonError::Wire { socket: socket.to_owned(), source },
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Wire(error.into())
    }
}

/// An open connection, ready for a request.
pub(super) struct Connection {
    reader: BufReader<UnixStream>,
    writer: BufWriter<UnixStream>,
    daemon_version: String,
}

impl Connection {
    pub(super) fn open(socket: &Path, log: &mut dyn FnMut(LogEvent)) -> Result<Self, DaemonError> {
        let connect = || {
            let stream = UnixStream::connect(socket)?;
            Ok((stream.try_clone()?, stream))
        };
        let (reader, writer) = connect()
            .map_err(|source| DaemonError::Connect { socket: socket.to_owned(), source })?;
        let mut connection = Self {
            reader: BufReader::with_capacity(64 * 1024, reader),
            writer: BufWriter::with_capacity(64 * 1024, writer),
            daemon_version: String::new(),
        };
        match connection.greet(log) {
            Ok(()) => Ok(connection),
            Err(failure) => Err(failure.at(socket)),
        }
    }

    pub(super) fn daemon_version(&self) -> &str {
        &self.daemon_version
    }

    /// Begins a request; its arguments follow.
    pub(super) fn start(&mut self, operation: Operation) -> Result<(), Failure> {
        self.number(operation as u64)
    }

    pub(super) fn number(&mut self, number: u64) -> Result<(), Failure> {
        Ok(wire::write_number(&mut self.writer, number)?)
    }

    pub(super) fn string(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(wire::write_string(&mut self.writer, bytes)?)
    }

    pub(super) fn strings<S: AsRef<str>>(
        &mut self,
        strings: impl IntoIterator<Item = S>,
    ) -> Result<(), Failure> {
        let strings: Vec<_> = strings.into_iter().collect();
        self.number(strings.len() as u64)?;
        strings.iter().try_for_each(|string| self.string(string.as_ref().as_bytes()))
    }

    pub(super) fn frames(&mut self, source: &mut dyn Read) -> Result<(), Failure> {
        Ok(wire::write_frames(&mut self.writer, source)?)
    }

    /// Ends a request and waits until the daemon is done with it; the answer can be read then.
    pub(super) fn finish(&mut self, log: &mut dyn FnMut(LogEvent)) -> Result<(), Failure> {
        self.writer.flush()?;
        loop {
            match self.read_number()? {
                LOG_LAST => return Ok(()),
                LOG_ERROR => return Err(self.read_error()?),
                LOG_NEXT => {
                    let text = self.read_lossy()?;
                    log(LogEvent::Message(without_colours(text.trim_end())));
                }
                LOG_START_ACTIVITY => {
                    let event = LogEvent::Start {
                        activity: self.read_number()?,
                        level: self.read_number()?,
                        kind: self.read_number()?,
                        text: self.read_lossy()?,
                        fields: self.read_fields()?,
                        parent: self.read_number()?,
                    };
                    log(event);
                }
                LOG_STOP_ACTIVITY => log(LogEvent::Stop { activity: self.read_number()? }),
                LOG_RESULT => {
                    let event = LogEvent::Result {
                        activity: self.read_number()?,
                        kind: self.read_number()?,
                        fields: self.read_fields()?,
                    };
                    log(event);
                }
                found => return Err(WireError::Unknown { what: "message", found }.into()),
            }
        }
    }

    pub(super) fn read_number(&mut self) -> Result<u64, Failure> {
        Ok(wire::read_number(&mut self.reader)?)
    }

    pub(super) fn read_text(&mut self) -> Result<String, Failure> {
        Ok(wire::read_text(&mut self.reader)?)
    }

    pub(super) fn read_texts(&mut self) -> Result<Vec<String>, Failure> {
        Ok(wire::read_texts(&mut self.reader)?)
    }

    /// An archive says itself where it ends, so it is parsed on its way.
    pub(super) fn copy_nar(&mut self, writer: &mut dyn Write) -> Result<(), Failure> {
        let mut tee = Tee { reader: &mut self.reader, writer };
        nar::read(&mut tee, &mut nar::Discard).map_err(|error| WireError::meaningless(error).into())
    }

    fn greet(&mut self, log: &mut dyn FnMut(LogEvent)) -> Result<(), Failure> {
        self.number(CLIENT_MAGIC)?;
        self.number(1 << 8 | NEWEST)?;
        self.writer.flush()?;
        let magic = self.read_number()?;
        if magic != DAEMON_MAGIC {
            return Err(WireError::Magic(magic).into());
        }
        let version = self.read_number()?;
        let (major, minor) = (version >> 8, version & 0xff);
        if major != 1 || minor < OLDEST {
            return Err(WireError::Version { major, minor }.into());
        }
        self.number(0)?; // obsolete: processor affinity
        self.number(0)?; // obsolete: reserve space
        self.writer.flush()?;
        self.daemon_version = self.read_text()?;
        if minor >= 35 {
            self.read_number()?; // whether it trusts us; it will say so when it matters
        }
        self.finish(log)?;
        self.set_options(&ClientSettings::default(), log)
    }

    /// The daemon's own settings stay in force otherwise, but for the log: builds are to be heard.
    pub(super) fn set_options(
        &mut self,
        settings: &ClientSettings,
        log: &mut dyn FnMut(LogEvent),
    ) -> Result<(), Failure> {
        const INFORMATION: u64 = 3;
        self.start(Operation::SetOptions)?;
        for option in [
            settings.keep_failed.into(),
            settings.keep_going.into(),
            0,           // fallback
            INFORMATION, // verbosity
            settings.max_jobs as u64,
            settings.max_silent_time.map_or(0, |time| time.as_secs()),
            1,           // obsolete: use the build hook
            INFORMATION, // verbosity of builds
            0,           // obsolete: log type
            0,           // obsolete: print the build trace
            settings.cores as u64,
            1, // substitute
            settings.by_name.len() as u64,
        ] {
            self.number(option)?;
        }
        for (name, value) in &settings.by_name {
            self.string(name.as_bytes())?;
            self.string(value.as_bytes())?;
        }
        self.finish(log)
    }

    fn read_lossy(&mut self) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&wire::read_string(&mut self.reader)?).into_owned())
    }

    fn read_fields(&mut self) -> Result<Vec<Field>, Failure> {
        (0..self.read_number()?)
            .map(|_| match self.read_number()? {
                0 => Ok(Field::Number(self.read_number()?)),
                1 => Ok(Field::Text(self.read_lossy()?)),
                found => Err(WireError::Unknown { what: "field type", found }.into()),
            })
            .collect()
    }

    fn read_error(&mut self) -> Result<Failure, Failure> {
        self.read_lossy()?; // always "Error"
        self.read_number()?; // level
        self.read_lossy()?; // obsolete: name
        let message = without_colours(&self.read_lossy()?);
        self.read_position()?;
        let traces = (0..self.read_number()?)
            .map(|_| {
                self.read_position()?;
                Ok(without_colours(&self.read_lossy()?))
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Failure::Refused { message, traces })
    }

    fn read_position(&mut self) -> Result<(), Failure> {
        match self.read_number()? {
            0 => Ok(()),
            found => Err(WireError::Unknown { what: "kind of position", found }.into()),
        }
    }
}

/// Daemons colour their errors for a terminal, whoever listens.
pub(super) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once("\x1b[") {
        plain += before;
        rest = sequence.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

struct Tee<'a, R> {
    reader: &'a mut R,
    writer: &'a mut dyn Write,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.writer.write_all(&buffer[..length])?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed() {
        assert_eq!(without_colours("no \x1b[35;1mdevice\x1b[0m here"), "no device here");
        assert_eq!(without_colours("cut \x1b[35"), "cut ");
    }
}
