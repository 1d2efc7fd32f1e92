//! Arbitrary bytes as text, without loss and readable.
//!
//! Environment variables and paths are byte strings; the state we keep (in `FLOE_DIFF`, in cache
//! files) is JSON, which is Unicode. Valid UTF-8 stays as it is. Bytes that are not part of valid
//! UTF-8, and the percent sign itself, become `%XX`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Bytes as text. The result of [`decode`] on it is the input.
pub fn encode(bytes: &OsStr) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '%' => text.push_str("%25"),
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02x}");
        }
    }
    text
}

/// The bytes that [`encode`] turned into `text`. A percent sign without two hexadecimal digits
/// after it stands for itself, so that every text has a meaning.
pub fn decode(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, tail @ ..]) => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high * 16 + low, tail))
            }
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((*first, after));
        bytes.push(byte);
        rest = tail;
    }
    OsString::from_vec(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_stays_readable_and_other_bytes_are_escaped() {
        let text = encode(OsStr::from_bytes(b"gr\xc3\xbcn \xff 100%\n"));
        assert_eq!(text, "grün %ff 100%25\n");
        assert_eq!(decode(&text).as_bytes(), b"gr\xc3\xbcn \xff 100%\n");
    }

    #[test]
    fn every_text_has_a_meaning() {
        assert_eq!(decode("%"), "%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%41"), "%zzA");
    }

    proptest! {
        #[test]
        fn decoding_gives_back_the_bytes(bytes: Vec<u8>) {
            let original = OsString::from_vec(bytes);
            prop_assert_eq!(decode(&encode(&original)), original);
        }

        #[test]
        fn decoding_never_fails(text: String) {
            decode(&text);
        }
    }
}
