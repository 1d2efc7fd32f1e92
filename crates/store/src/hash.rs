//! Hashes, in the four notations that Nix reads and writes.
//!
//! `base16`, `nix32` and `base64` stand alone or after `sha256:`; SRI is `sha256-` and base 64.
//! Which of the first three a text is, its length tells. Error messages are Nix's.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use sha2::Digest as _;

use crate::nix32;

/// A hash algorithm that Nix knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, only for old fixed outputs.
    Md5,
    /// SHA-1, only for old fixed outputs and git.
    Sha1,
    /// SHA-256, what store paths are made of.
    Sha256,
    /// SHA-512.
    Sha512,
    /// BLAKE3, experimental in Nix.
    Blake3,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512, Self::Blake3];

    /// The name in Nix code and in hashes, such as `sha256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// The length of a digest in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = HashError;

    fn from_str(name: &str) -> Result<Self, HashError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| HashError::UnknownAlgorithm(name.to_owned()))
    }
}

/// A way to write the bytes of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lower-case hexadecimal digits.
    Base16,
    /// Nix's base 32, see [`nix32`].
    Nix32,
    /// Base 64 with padding.
    Base64,
    /// `<algorithm>-<base 64>`, as browsers have it.
    Sri,
}

impl Format {
    /// The name that `builtins.convertHash` and `nix hash convert` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base16 => "base16",
            Self::Nix32 => "nix32",
            Self::Base64 => "base64",
            Self::Sri => "sri",
        }
    }

    /// The name in messages about text that cannot be decoded.
    const fn name_in_errors(self) -> &'static str {
        match self {
            Self::Base16 => "base16",
            Self::Nix32 => "nix32",
            Self::Base64 => "Base64",
            Self::Sri => "SRI",
        }
    }
}

impl FromStr for Format {
    type Err = HashError;

    /// Accepts `base32` for `nix32`, as Nix does (with a warning that is the caller's to give).
    fn from_str(name: &str) -> Result<Self, HashError> {
        match name {
            "base16" => Ok(Self::Base16),
            "nix32" | "base32" => Ok(Self::Nix32),
            "base64" => Ok(Self::Base64),
            "sri" => Ok(Self::Sri),
            _ => Err(HashError::UnknownFormat(name.to_owned())),
        }
    }
}

/// Why a text is not a hash. The messages are Nix's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum HashError {
    #[error("unknown hash algorithm '{0}', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'")]
    UnknownAlgorithm(String),
    #[error("unknown hash format '{0}', expect 'base16', 'base32', 'base64', or 'sri'")]
    UnknownFormat(String),
    #[error("hash '{0}' is not SRI")]
    NotSri(String),
    #[error("hash '{0}' does not include a type")]
    NoType(String),
    #[error("hash '{0}' does not include a type, nor is the type otherwise known from context")]
    NoTypeKnown(String),
    #[error("hash '{text}' should have type '{expected}'")]
    WrongType { text: String, expected: Algorithm },
    #[error("hash '{text}' has wrong length for hash algorithm '{algorithm}'")]
    WrongLength { text: String, algorithm: Algorithm },
    /// A length of 0 is also what Nix reports for a character that does not belong there.
    #[error("invalid {format} hash '{text}', length {found} != expected length {expected}")]
    Undecodable { format: &'static str, text: String, found: usize, expected: usize },
}

/// A digest together with the algorithm that made it.
///
/// Hashes order by length, bytes and algorithm, as in Nix.
#[derive(Clone, Copy)]
pub struct Hash {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

impl Hash {
    /// The hash of `data`.
    pub fn of(algorithm: Algorithm, data: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(data);
        hasher.finish()
    }

    /// The SHA-256 of `data`.
    pub fn sha256(data: &[u8]) -> Self {
        Self::from_digest(Algorithm::Sha256, &sha2::Sha256::digest(data))
    }

    /// The hash with these bytes, or `None` if their number is not [`Algorithm::size`].
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.size()).then(|| Self::from_digest(algorithm, bytes))
    }

    /// The hash of zero bytes that Nix takes for `outputHash = ""` and `lib.fakeHash`.
    pub fn zero(algorithm: Algorithm) -> Self {
        Self { algorithm, bytes: [0; 64] }
    }

    /// What made the digest.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.size()]
    }

    /// The bytes alone; for [`Format::Sri`] with the algorithm, without which it would not be SRI.
    pub fn format(&self, format: Format) -> String {
        match format {
            Format::Base16 => encode_base16(self.as_bytes()),
            Format::Nix32 => nix32::encode(self.as_bytes()),
            Format::Base64 => encode_base64(self.as_bytes()),
            Format::Sri => format!("{}-{}", self.algorithm, encode_base64(self.as_bytes())),
        }
    }

    /// The bytes after the algorithm: `sha256:…`, or `sha256-…` for [`Format::Sri`].
    pub fn format_with_algorithm(&self, format: Format) -> String {
        match format {
            Format::Sri => self.format(format),
            _ => format!("{}:{}", self.algorithm, self.format(format)),
        }
    }

    /// Reads SRI: `sha256-<base 64>`.
    pub fn parse_sri(text: &str) -> Result<Self, HashError> {
        let (algorithm, rest) =
            text.split_once('-').ok_or_else(|| HashError::NotSri(text.to_owned()))?;
        Self::decode(rest, algorithm.parse()?, Format::Sri)
    }

    /// Reads a hash that names its algorithm: `sha256:<any notation>` or SRI.
    pub fn parse_with_algorithm(text: &str) -> Result<Self, HashError> {
        let (algorithm, is_sri, rest) = split_algorithm(text)?;
        let algorithm = algorithm.ok_or_else(|| HashError::NoType(text.to_owned()))?;
        Self::parse_rest(rest, algorithm, is_sri).map(|(hash, _)| hash)
    }

    /// Reads any notation; the algorithm stands in the text or is `expected`, and where both are
    /// given they must agree.
    pub fn parse_any(text: &str, expected: Option<Algorithm>) -> Result<Self, HashError> {
        Self::parse_any_with_format(text, expected).map(|(hash, _)| hash)
    }

    /// Like [`Self::parse_any`], and says which notation it was.
    pub fn parse_any_with_format(
        text: &str,
        expected: Option<Algorithm>,
    ) -> Result<(Self, Format), HashError> {
        let (named, is_sri, rest) = split_algorithm(text)?;
        let algorithm = match (named, expected) {
            (None, None) => return Err(HashError::NoTypeKnown(text.to_owned())),
            (Some(named), Some(expected)) if named != expected => {
                return Err(HashError::WrongType { text: text.to_owned(), expected });
            }
            (named, expected) => {
                named.or(expected).expect("one of the two is there, by the first arm")
            }
        };
        Self::parse_rest(rest, algorithm, is_sri)
    }

    /// Reads a hash without its algorithm, in the notation that its length tells.
    pub fn parse_bare(text: &str, algorithm: Algorithm) -> Result<Self, HashError> {
        Self::parse_rest(text, algorithm, false).map(|(hash, _)| hash)
    }

    fn parse_rest(
        text: &str,
        algorithm: Algorithm,
        is_sri: bool,
    ) -> Result<(Self, Format), HashError> {
        let format = if is_sri { Format::Sri } else { format_of_length(text, algorithm)? };
        Ok((Self::decode(text, algorithm, format)?, format))
    }

    fn decode(text: &str, algorithm: Algorithm, format: Format) -> Result<Self, HashError> {
        let bytes = match format {
            Format::Base16 => decode_base16(text),
            Format::Nix32 => nix32::decode(text.as_bytes()).ok(),
            Format::Base64 | Format::Sri => decode_base64(text),
        }
        .unwrap_or_default();
        Self::from_bytes(algorithm, &bytes).ok_or_else(|| HashError::Undecodable {
            format: format.name_in_errors(),
            text: text.to_owned(),
            found: bytes.len(),
            expected: algorithm.size(),
        })
    }

    fn from_digest(algorithm: Algorithm, digest: &[u8]) -> Self {
        let mut hash = Self::zero(algorithm);
        hash.bytes[..algorithm.size()].copy_from_slice(digest);
        hash
    }
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Hash {}

impl std::hash::Hash for Hash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for Hash {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hash {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |hash: &Self| (hash.algorithm.size(), hash.bytes, hash.algorithm);
        key(self).cmp(&key(other))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format_with_algorithm(Format::Nix32))
    }
}

/// Hashes data that arrives in pieces. As a [`Write`] it takes everything and never fails.
#[derive(Clone)]
pub struct Hasher {
    state: State,
    bytes: u64,
}

#[derive(Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
            Algorithm::Blake3 => State::Blake3(Box::default()),
        };
        Self { state, bytes: 0 }
    }

    /// Takes in more data.
    pub fn update(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        match &mut self.state {
            State::Md5(state) => state.update(data),
            State::Sha1(state) => state.update(data),
            State::Sha256(state) => state.update(data),
            State::Sha512(state) => state.update(data),
            State::Blake3(state) => drop(state.update(data)),
        }
    }

    /// How many bytes have been taken in.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash of all that was taken in.
    pub fn finish(self) -> Hash {
        match self.state {
            State::Md5(state) => Hash::from_digest(Algorithm::Md5, &state.finalize()),
            State::Sha1(state) => Hash::from_digest(Algorithm::Sha1, &state.finalize()),
            State::Sha256(state) => Hash::from_digest(Algorithm::Sha256, &state.finalize()),
            State::Sha512(state) => Hash::from_digest(Algorithm::Sha512, &state.finalize()),
            State::Blake3(state) => {
                Hash::from_digest(Algorithm::Blake3, state.finalize().as_bytes())
            }
        }
    }
}

impl Write for Hasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes data on while hashing it.
pub struct Hashing<T> {
    hasher: Hasher,
    inner: T,
}

impl<T> Hashing<T> {
    /// Reads from `inner`, or writes to it.
    pub fn new(algorithm: Algorithm, inner: T) -> Self {
        Self { hasher: Hasher::new(algorithm), inner }
    }

    /// What it read from or wrote to, and the hash and the number of the bytes that went through.
    pub fn finish(self) -> (T, Hash, u64) {
        let bytes = self.hasher.bytes();
        (self.inner, self.hasher.finish(), bytes)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(data)?;
        self.hasher.update(&data[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Folds a digest to the 20 bytes that the hash part of a store path has room for.
pub fn compress_hash(digest: &[u8]) -> [u8; 20] {
    let mut folded = [0; 20];
    for (index, byte) in digest.iter().enumerate() {
        folded[index % 20] ^= byte;
    }
    folded
}

fn split_algorithm(text: &str) -> Result<(Option<Algorithm>, bool, &str), HashError> {
    if let Some((algorithm, rest)) = text.split_once(':') {
        Ok((Some(algorithm.parse()?), false, rest))
    } else if let Some((algorithm, rest)) = text.split_once('-') {
        Ok((Some(algorithm.parse()?), true, rest))
    } else {
        Ok((None, false, text))
    }
}

fn format_of_length(text: &str, algorithm: Algorithm) -> Result<Format, HashError> {
    let size = algorithm.size();
    match text.len() {
        length if length == size * 2 => Ok(Format::Base16),
        length if length == nix32::encoded_len(size) => Ok(Format::Nix32),
        length if length == size.div_ceil(3) * 4 => Ok(Format::Base64),
        _ => Err(HashError::WrongLength { text: text.to_owned(), algorithm }),
    }
}

fn encode_base16(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(digits).expect("digits are ASCII")
}

fn decode_base16(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        })
        .collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let padded = [group[0], *group.get(1).unwrap_or(&0), *group.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            let is_padding = digit > group.len();
            text.push(if is_padding { '=' } else { char::from(BASE64[value as usize]) });
        }
    }
    text
}

/// Base 64 as leniently as Nix reads it: newlines are skipped, all after the first `=` is ignored.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.bytes().take_while(|&byte| byte != b'=').filter(|&byte| byte != b'\n') {
        let value = BASE64.iter().position(|&digit| digit == byte)?;
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn every_algorithm_in_every_notation() {
        let mut table = String::new();
        for algorithm in Algorithm::ALL {
            let hash = Hash::of(algorithm, b"abc");
            for format in [Format::Base16, Format::Nix32, Format::Base64, Format::Sri] {
                table += &format!("{}\n", hash.format_with_algorithm(format));
            }
        }
        // From `nix-hash --flat` and `nix hash file` on a file with these three letters.
        expect![[r#"
            md5:900150983cd24fb0d6963f7d28e17f72
            md5:3jgzhjhz9zjvbb0kyj7jc500ch
            md5:kAFQmDzST7DWlj99KOF/cg==
            md5-kAFQmDzST7DWlj99KOF/cg==
            sha1:a9993e364706816aba3e25717850c26c9cd0d89d
            sha1:kpcd173cq987hw957sx6m0868wv3x6d9
            sha1:qZk+NkcGgWq6PiVxeFDCbJzQ2J0=
            sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=
            sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
            sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s
            sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=
            sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=
            sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f
            sha512:2gs8k559z4rlahfx0y688s49m2vvszylcikrfinm30ly9rak69236nkam5ydvly1ai7xac99vxfc4ii84hawjbk876blyk1jfhkbbyx
            sha512:3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==
            sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==
            blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85
            blake3:11cxppanr71mzl1xnyax8rccaj5milx2fx9vnvzk6la672nb6dv4
            blake3:ZDezrDhGUTP/tjt1JzqNtUjFWEZdedsD/TWcbNW9nYU=
            blake3-ZDezrDhGUTP/tjt1JzqNtUjFWEZdedsD/TWcbNW9nYU=
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn errors_are_worded_as_in_nix() {
        let cases = [
            ("xx", None),
            ("xx", Some(Algorithm::Sha256)),
            ("sha3:xx", None),
            ("sha256-xx", None),
            ("sha256-!!", None),
            ("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", Some(Algorithm::Sha256)),
            ("sha1:za39a3ee5e6b4b0d3255bfef95601890afd80709", None),
            ("sha1:zae9a3ee5e6b4b0d3255bfef95601890", None),
        ];
        let mut errors = String::new();
        for (text, expected) in cases {
            errors += &format!("{}\n", Hash::parse_any(text, expected).unwrap_err());
        }
        expect![[r#"
            hash 'xx' does not include a type, nor is the type otherwise known from context
            hash 'xx' has wrong length for hash algorithm 'sha256'
            unknown hash algorithm 'sha3', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'
            invalid SRI hash 'xx', length 1 != expected length 32
            invalid SRI hash '!!', length 0 != expected length 32
            hash 'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709' should have type 'sha256'
            invalid base16 hash 'za39a3ee5e6b4b0d3255bfef95601890afd80709', length 0 != expected length 20
            invalid nix32 hash 'zae9a3ee5e6b4b0d3255bfef95601890', length 0 != expected length 20
        "#]]
        .assert_eq(&errors);
        assert!(matches!(Hash::parse_sri("sha256:xx"), Err(HashError::NotSri(_))));
        assert!(matches!(Hash::parse_with_algorithm("xx"), Err(HashError::NoType(_))));
    }

    proptest! {
        #[test]
        fn every_notation_reads_back(data: Vec<u8>, algorithm in 0usize..5, format in 0usize..4) {
            let hash = Hash::of(Algorithm::ALL[algorithm], &data);
            let format = [Format::Base16, Format::Nix32, Format::Base64, Format::Sri][format];
            let text = hash.format_with_algorithm(format);
            prop_assert_eq!(Hash::parse_any_with_format(&text, None).unwrap(), (hash, format));
            prop_assert_eq!(Hash::parse_with_algorithm(&text).unwrap(), hash);
        }

        #[test]
        fn pieces_hash_like_the_whole(data: Vec<u8>, cut: prop::sample::Index) {
            let cut = cut.index(data.len() + 1);
            for algorithm in Algorithm::ALL {
                let mut hasher = Hasher::new(algorithm);
                hasher.update(&data[..cut]);
                hasher.update(&data[cut..]);
                prop_assert_eq!(hasher.finish(), Hash::of(algorithm, &data));
            }
        }

        #[test]
        fn parsing_is_total(text: String) {
            let _ = Hash::parse_any(&text, Some(Algorithm::Sha256));
            let _ = Hash::parse_with_algorithm(&text);
        }
    }
}
