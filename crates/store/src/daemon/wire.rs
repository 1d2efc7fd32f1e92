//! The encoding of the worker protocol.
//!
//! Numbers have 64 bits, little-endian. A string is its length, its bytes, and zeros up to a
//! multiple of eight; a list is its length and its members. A stream of unknown length comes in
//! frames: length and bytes, without padding, until an empty one.

use std::error::Error;
use std::io::{self, Read, Write};

/// Longest string that is believed. The daemon sends file contents in other ways.
const MAX_STRING: u64 = 64 * 1024 * 1024;

/// The size of the frames that are written.
const FRAME: usize = 64 * 1024;

/// Why a message could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A string is longer than any that makes sense.
    #[error("a string of {0} bytes is longer than allowed")]
    TooLong(u64),
    /// The zeros after a string are not.
    #[error("non-zero padding")]
    Padding,
    /// A string that should be text is not UTF-8.
    #[error("a string is not UTF-8: '{0}'")]
    NotUtf8(String),
    /// The other side does not speak this protocol.
    #[error("expected a daemon, found something that greets with {0:#x}")]
    Magic(u64),
    /// The other side is too old, or from a far future.
    #[error("protocol version {major}.{minor} is not supported, expected 1.34 or later")]
    Version {
        /// The major version.
        major: u64,
        /// The minor version.
        minor: u64,
    },
    /// Another number belongs here.
    #[error("unknown {what} {found:#x}")]
    Unknown {
        /// What the number should have been.
        what: &'static str,
        /// The number.
        found: u64,
    },
    /// Well-formed, but no store path, hash or the like.
    #[error("a meaningless answer: {0}")]
    Meaningless(#[source] Box<dyn Error + Send + Sync>),
}

impl WireError {
    pub(super) fn meaningless(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Meaningless(reason.into())
    }
}

/// Reads a number.
pub fn read_number(reader: &mut impl Read) -> Result<u64, WireError> {
    let mut bytes = [0; 8];
    reader.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Reads a string.
pub fn read_string(reader: &mut impl Read) -> Result<Vec<u8>, WireError> {
    let length = read_number(reader)?;
    if length > MAX_STRING {
        return Err(WireError::TooLong(length));
    }
    // What is not sent is not allocated either.
    let mut bytes = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    let mut padding = [0; 8];
    let missing = length.next_multiple_of(8) - length;
    reader.read_exact(&mut padding[..missing as usize])?;
    if padding == [0; 8] { Ok(bytes) } else { Err(WireError::Padding) }
}

/// Reads a string that is text.
pub fn read_text(reader: &mut impl Read) -> Result<String, WireError> {
    String::from_utf8(read_string(reader)?)
        .map_err(|error| WireError::NotUtf8(String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Reads a list of texts.
pub fn read_texts(reader: &mut impl Read) -> Result<Vec<String>, WireError> {
    (0..read_number(reader)?).map(|_| read_text(reader)).collect()
}

/// Writes a number.
pub fn write_number(writer: &mut impl Write, number: u64) -> io::Result<()> {
    writer.write_all(&number.to_le_bytes())
}

/// Writes a string.
pub fn write_string(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    write_number(writer, bytes.len() as u64)?;
    writer.write_all(bytes)?;
    let missing = bytes.len().next_multiple_of(8) - bytes.len();
    writer.write_all(&[0; 8][..missing])
}

/// Writes all that `source` yields in frames.
pub fn write_frames(writer: &mut impl Write, source: &mut dyn Read) -> io::Result<()> {
    let mut frame = vec![0; FRAME];
    loop {
        let length = source.read(&mut frame)?;
        write_number(writer, length as u64)?;
        writer.write_all(&frame[..length])?;
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_string_byte_for_byte() {
        let mut bytes = Vec::new();
        write_string(&mut bytes, b"abc").unwrap();
        assert_eq!(bytes, b"\x03\0\0\0\0\0\0\0abc\0\0\0\0\0");
        *bytes.last_mut().unwrap() = 1;
        assert!(matches!(read_string(&mut &*bytes), Err(WireError::Padding)));
    }

    #[test]
    fn frames_byte_for_byte() {
        let mut bytes = Vec::new();
        write_frames(&mut bytes, &mut &b"abc"[..]).unwrap();
        assert_eq!(bytes, b"\x03\0\0\0\0\0\0\0abc\0\0\0\0\0\0\0\0");
    }

    proptest! {
        #[test]
        fn strings_read_back(text: Vec<u8>) {
            let mut bytes = Vec::new();
            write_string(&mut bytes, &text).unwrap();
            prop_assert_eq!(bytes.len() % 8, 0);
            prop_assert_eq!(read_string(&mut &*bytes).unwrap(), text);
        }

        #[test]
        fn reading_is_total(bytes: Vec<u8>) {
            let _ = read_string(&mut &*bytes);
            let _ = read_texts(&mut &*bytes);
        }
    }
}
