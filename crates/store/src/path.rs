//! Store paths: their form, and how each kind is computed.
//!
//! A store path is `<store dir>/<32 nix32 digits>-<name>`. The digits are a folded SHA-256 over
//! what the path stands for, the store directory included, so that the same thing in two store
//! directories has two names. The grammar is in the chapter "Store path specification" of the Nix
//! manual; the messages are Nix's.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::content_address::{ContentAddress, Method};
use crate::hash::{Algorithm, Format, Hash, compress_hash};
use crate::{git, nix32};

/// The number of digits before the name.
pub const HASH_PART_LEN: usize = 32;

/// The longest name.
pub const MAX_NAME_LEN: usize = 211;

/// What file names of derivations end in.
pub const DERIVATION_EXTENSION: &str = ".drv";

/// The last component of a store path: hash part, dash, name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(Arc<str>);

impl StorePath {
    /// Reads `<hash part>-<name>`.
    pub fn parse(base_name: &str) -> Result<Self, PathError> {
        let bytes = base_name.as_bytes();
        if bytes.len() < HASH_PART_LEN + 1 {
            return Err(PathError::TooShort(base_name.to_owned()));
        }
        if bytes[HASH_PART_LEN] != b'-' {
            return Err(PathError::NoDash(base_name.to_owned()));
        }
        if let Some(&byte) = bytes[..HASH_PART_LEN].iter().find(|&&byte| !nix32::is_digit(byte)) {
            let digit = char::from(byte);
            return Err(PathError::BadDigit { path: base_name.to_owned(), digit });
        }
        // The first 33 bytes are ASCII here, so the name starts on a character boundary.
        check_name(&base_name[HASH_PART_LEN + 1..])
            .map_err(|reason| PathError::BadPathName { path: base_name.to_owned(), reason })?;
        Ok(Self(base_name.into()))
    }

    /// The path with this hash part (see [`compress_hash`]) and name.
    pub fn new(hash_part: &[u8; 20], name: &str) -> Result<Self, PathError> {
        let path = format!("{}-{name}", nix32::encode(hash_part));
        match check_name(name) {
            Ok(()) => Ok(Self(path.into())),
            Err(reason) => Err(PathError::BadPathName { path, reason }),
        }
    }

    /// The 32 digits.
    pub fn hash_part(&self) -> &str {
        &self.0[..HASH_PART_LEN]
    }

    /// What follows the dash.
    pub fn name(&self) -> &str {
        &self.0[HASH_PART_LEN + 1..]
    }

    /// Hash part, dash and name: the file name in the store directory.
    pub fn base_name(&self) -> &str {
        &self.0
    }

    /// Whether the name says that this is a derivation.
    pub fn is_derivation(&self) -> bool {
        self.name().ends_with(DERIVATION_EXTENSION)
    }

    /// The name of the derivation without `.drv`.
    pub fn derivation_name(&self) -> Result<&str, PathError> {
        self.name()
            .strip_suffix(DERIVATION_EXTENSION)
            .ok_or_else(|| PathError::NotDerivation(self.0.to_string()))
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for StorePath {
    fn as_ref(&self) -> &Path {
        Path::new(&*self.0)
    }
}

impl Borrow<str> for StorePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The directory that store paths are printed with and that enters their hashes, such as
/// `/nix/store`. It need not be where the files lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreDir(Arc<str>);

impl Default for StoreDir {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for StoreDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StoreDir {
    /// The directory of an ordinary installation.
    pub const DEFAULT: &'static str = "/nix/store";

    /// A store directory; `dir` is absolute and is brought to its canonical form.
    pub fn new(dir: &str) -> Result<Self, PathError> {
        match canonical(dir) {
            Some(canonical) if canonical != "/" => Ok(Self(canonical.into())),
            _ => Err(PathError::BadStoreDir(dir.to_owned())),
        }
    }

    /// The directory's text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full path.
    pub fn print(&self, path: &StorePath) -> String {
        [self.as_str(), "/", path.base_name()].concat()
    }

    /// The full path as a file name.
    pub fn join(&self, path: &StorePath) -> PathBuf {
        Path::new(&*self.0).join(path)
    }

    /// Reads a full path that names a store path itself, not something inside it. Doubled slashes,
    /// `.` and `..` are resolved first.
    pub fn parse(&self, path: &str) -> Result<StorePath, PathError> {
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        // Nearly all are as they are printed.
        if let Some(base_name) = self.strip(path)
            && !base_name.contains('/')
            && !matches!(base_name, "" | "." | "..")
        {
            return StorePath::parse(base_name);
        }
        let canonical = canonical(path).ok_or_else(|| PathError::NotInStore(path.to_owned()))?;
        match self.strip(&canonical) {
            Some(base_name) if !base_name.contains('/') => StorePath::parse(base_name),
            _ => Err(PathError::NotInStore(canonical)),
        }
    }

    /// Reads a full path in exactly the form that [`Self::print`] gives, as derivations must.
    pub fn parse_canonical(&self, path: &str) -> Result<StorePath, PathError> {
        self.strip(path)
            .ok_or_else(|| PathError::NotInStore(path.to_owned()))
            .and_then(StorePath::parse)
    }

    /// Splits the path of something in the store into the store path and the rest, which is empty
    /// or starts with a slash.
    pub fn split<'a>(&self, path: &'a str) -> Result<(StorePath, &'a str), PathError> {
        let inside = self.strip(path).ok_or_else(|| PathError::NotInStore(path.to_owned()))?;
        let end = inside.find('/').unwrap_or(inside.len());
        Ok((StorePath::parse(&inside[..end])?, &inside[end..]))
    }

    /// Whether `path` lies in the store, whatever its name.
    pub fn contains(&self, path: &str) -> bool {
        self.strip(path).is_some_and(|inside| !inside.is_empty())
    }

    /// The path of a text file with references: `builtins.toFile` and derivations.
    pub fn text_path<'a>(
        &self,
        name: &str,
        hash: &Hash,
        references: impl IntoIterator<Item = &'a StorePath>,
    ) -> Result<StorePath, PathError> {
        self.make_path(&self.make_type("text", references, false), hash, name)
    }

    /// The path of something whose hash was known beforehand: a fixed output, or a source.
    ///
    /// Only the SHA-256 of a NAR leaves room for references. `references` must be sorted.
    pub fn fixed_output_path<'a>(
        &self,
        name: &str,
        method: Method,
        hash: &Hash,
        references: impl IntoIterator<Item = &'a StorePath>,
        refers_to_itself: bool,
    ) -> Result<StorePath, PathError> {
        if method == Method::Text {
            return self.text_path(name, hash, references);
        }
        if method == Method::Nar && hash.algorithm() == Algorithm::Sha256 {
            return self.make_path(
                &self.make_type("source", references, refers_to_itself),
                hash,
                name,
            );
        }
        if method == Method::Git && !git::ALGORITHMS.contains(&hash.algorithm()) {
            return Err(PathError::GitAlgorithm(hash.algorithm()));
        }
        if refers_to_itself || references.into_iter().next().is_some() {
            return Err(PathError::FixedOutputRefers(name.to_owned()));
        }
        let address =
            format!("fixed:out:{}{}:", method.prefix(), hash.format_with_algorithm(Format::Base16));
        self.make_path("output:out", &Hash::sha256(address.as_bytes()), name)
    }

    /// The path that a content address gives to something without references.
    pub fn content_address_path(
        &self,
        name: &str,
        address: &ContentAddress,
    ) -> Result<StorePath, PathError> {
        self.fixed_output_path(name, address.method, &address.hash, [], false)
    }

    /// The path of an output whose derivation hashes (modulo fixed outputs) to `hash`. `name` is
    /// the derivation's.
    pub fn output_path(
        &self,
        name: &str,
        output: &str,
        hash: &Hash,
    ) -> Result<StorePath, PathError> {
        self.make_path(&format!("output:{output}"), hash, &output_path_name(name, output))
    }

    /// The general form of all the above: `type`, the hash of the contents and the name.
    pub fn make_path(&self, kind: &str, hash: &Hash, name: &str) -> Result<StorePath, PathError> {
        let fingerprint =
            format!("{kind}:{}:{self}:{name}", hash.format_with_algorithm(Format::Base16));
        StorePath::new(&compress_hash(Hash::sha256(fingerprint.as_bytes()).as_bytes()), name)
    }

    fn make_type<'a>(
        &self,
        kind: &str,
        references: impl IntoIterator<Item = &'a StorePath>,
        refers_to_itself: bool,
    ) -> String {
        let mut text = kind.to_owned();
        for reference in references {
            for part in [":", self.as_str(), "/", reference.base_name()] {
                text += part;
            }
        }
        if refers_to_itself {
            text += ":self";
        }
        text
    }

    /// What follows the store directory and one slash.
    fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&*self.0)?.strip_prefix('/')
    }
}

/// The name of an output's path: the derivation's name, and the output unless it is `out`.
pub fn output_path_name(derivation: &str, output: &str) -> String {
    if output == "out" { derivation.to_owned() } else { format!("{derivation}-{output}") }
}

/// What `builtins.placeholder` gives for an output of the derivation being written.
pub fn placeholder(output: &str) -> String {
    format!("/{}", Hash::sha256(format!("nix-output:{output}").as_bytes()).format(Format::Nix32))
}

/// What stands for an output whose path is only known after it is built: the first of `derivation`, and, where
/// that is a derivation itself, each of the others of the one before it.
pub fn dynamic_placeholder(
    derivation: &StorePath,
    first: &str,
    others: &[&str],
) -> Result<String, PathError> {
    let clear_text = format!(
        "nix-upstream-output:{}:{}",
        derivation.hash_part(),
        output_path_name(derivation.derivation_name()?, first)
    );
    let mut hash = Hash::sha256(clear_text.as_bytes());
    for output in others {
        let before = nix32::encode(&compress_hash(hash.as_bytes()));
        hash = Hash::sha256(format!("nix-computed-output:{before}:{output}").as_bytes());
    }
    Ok(format!("/{}", hash.format(Format::Nix32)))
}

/// Why a text is not a store path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum PathError {
    #[error("Git file ingestion must use SHA-1 or SHA-256 hash, but instead using: {0}")]
    GitAlgorithm(Algorithm),
    #[error("empty path is not a valid store path")]
    Empty,
    #[error("path '{0}' is not in the Nix store")]
    NotInStore(String),
    #[error("'{0}' is too short to be a valid store path")]
    TooShort(String),
    #[error("'{0}' can't name a store path because the hash part is not followed by a '-'")]
    NoDash(String),
    #[error("store path '{path}' contains illegal base-32 character '{digit}'")]
    BadDigit { path: String, digit: char },
    #[error("path '{path}' is not a valid store path: {reason}")]
    BadPathName { path: String, reason: NameError },
    #[error("store path '{0}' is not a valid derivation path")]
    NotDerivation(String),
    #[error(
        "fixed output derivation '{0}' is not allowed to refer to other store paths.\nYou may need to use the 'unsafeDiscardReferences' derivation attribute, see the manual for more details."
    )]
    FixedOutputRefers(String),
    #[error("'{0}' cannot be a store directory: it must be an absolute path other than '/'")]
    BadStoreDir(String),
}

/// Why a text is not the name of a store path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum NameError {
    #[error("name must not be empty")]
    Empty,
    #[error("name '{0}' must be no longer than {MAX_NAME_LEN} characters")]
    TooLong(String),
    #[error("name '{0}' is not valid")]
    Dots(String),
    #[error("name '{name}' is not valid: first dash-separated component must not be '{dots}'")]
    DotsFirst { name: String, dots: String },
    #[error("name '{name}' contains illegal character '{character}'")]
    IllegalCharacter { name: String, character: char },
}

/// Whether `name` may be the name of a store path.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_LEN {
        return Err(NameError::TooLong(name.to_owned()));
    }
    match name.split_once('-') {
        None if matches!(name, "." | "..") => return Err(NameError::Dots(name.to_owned())),
        Some((dots @ ("." | ".."), _)) => {
            return Err(NameError::DotsFirst { name: name.to_owned(), dots: dots.to_owned() });
        }
        _ => {}
    }
    let is_legal = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.' | '_' | '?' | '=')
    };
    match name.chars().find(|&character| !is_legal(character)) {
        Some(character) => Err(NameError::IllegalCharacter { name: name.to_owned(), character }),
        None => Ok(()),
    }
}

/// An absolute path without `.`, `..`, and doubled or final slashes; `None` if it is not absolute.
fn canonical(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return None;
    }
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    Some(format!("/{}", components.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    const DIGITS: &str = "00000000000000000000000000000000";

    #[test]
    fn paths_are_read_and_printed() {
        let dir = StoreDir::default();
        let text = "/nix/store/igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt";
        let path = dir.parse(text).unwrap();
        assert_eq!(path.hash_part(), "igyqgjr9qf4b57k33k7js2m3dbmmj2na");
        assert_eq!(path.name(), "src.txt");
        assert_eq!(dir.print(&path), text);
        assert_eq!(dir.parse(&format!("/nix//./x/../store/{path}/")).unwrap(), path);
        assert!(dir.parse_canonical(&format!("/nix//store/{path}")).is_err());
        assert_eq!(dir.split(&format!("{text}/bin/sh")).unwrap(), (path, "/bin/sh"));
    }

    #[test]
    fn errors_are_worded_as_in_nix() {
        let dir = StoreDir::default();
        let mut errors = String::new();
        for path in [
            "",
            "/foo/x",
            "/nix/store/abc",
            &format!("/nix/store/{DIGITS}-"),
            &format!("/nix/store/{DIGITS}x-"),
            &format!("/nix/store/{DIGITS}-x/bin"),
            "/nix/store/e0000000000000000000000000000000-a",
            &format!("/nix/store/{DIGITS}-.."),
            &format!("/nix/store/{DIGITS}-a b"),
            &format!("/nix/store/{DIGITS}-.-x"),
            &format!("/nix/store/{DIGITS}-é"),
        ] {
            errors += &format!("{}\n", dir.parse(path).unwrap_err());
        }
        expect![[r#"
            empty path is not a valid store path
            path '/foo/x' is not in the Nix store
            'abc' is too short to be a valid store path
            path '00000000000000000000000000000000-' is not a valid store path: name must not be empty
            '00000000000000000000000000000000x-' can't name a store path because the hash part is not followed by a '-'
            path '/nix/store/00000000000000000000000000000000-x/bin' is not in the Nix store
            store path 'e0000000000000000000000000000000-a' contains illegal base-32 character 'e'
            path '00000000000000000000000000000000-..' is not a valid store path: name '..' is not valid
            path '00000000000000000000000000000000-a b' is not a valid store path: name 'a b' contains illegal character ' '
            path '00000000000000000000000000000000-.-x' is not a valid store path: name '.-x' is not valid: first dash-separated component must not be '.'
            path '00000000000000000000000000000000-é' is not a valid store path: name 'é' contains illegal character 'é'
        "#]]
        .assert_eq(&errors);
        assert_eq!(check_name(&"x".repeat(212)), Err(NameError::TooLong("x".repeat(212))));
        for name in [".x", "..x", "...", ".x-y", "a..-", &"x".repeat(211)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn each_kind_of_path_is_computed_as_by_nix() {
        let dir = StoreDir::default();
        // builtins.toFile "src.txt" "hello\n"
        let text = dir.text_path("src.txt", &Hash::sha256(b"hello\n"), []).unwrap();
        assert_eq!(text.base_name(), "igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt");
        // A recursive SHA-256 and a flat SHA-1 fixed output of nothing.
        let nar = dir.fixed_output_path("fix", Method::Nar, &Hash::sha256(b""), [], false).unwrap();
        assert_eq!(nar.base_name(), "4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix");
        let flat = dir
            .fixed_output_path("fix-flat", Method::Flat, &Hash::of(Algorithm::Sha1, b""), [], false)
            .unwrap();
        assert_eq!(flat.base_name(), "f0yw1k9kw1p6vh154s8y08r2bfqfl24l-fix-flat");
        assert_eq!(
            dir.fixed_output_path("x", Method::Flat, &Hash::sha256(b""), [&nar], false),
            Err(PathError::FixedOutputRefers("x".to_owned()))
        );
    }

    #[test]
    fn placeholders_are_computed_as_by_nix() {
        assert_eq!(placeholder("out"), "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9");
        assert_eq!(placeholder("dev"), "/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz");
        let floating = StorePath::parse("i5z7x0ys65z6zq7jizmyzpn9nrfdnaak-floating.drv").unwrap();
        assert_eq!(
            dynamic_placeholder(&floating, "dev", &[]).unwrap(),
            "/1qrh49cj24z0qi4axraxim70y77q1wsard58a3p1k88rl4fr2wbc"
        );
        let impure = StorePath::parse("6a9zcr3mgmw009zzhavqlg5abs3x8gf4-impure.drv").unwrap();
        assert_eq!(
            dynamic_placeholder(&impure, "out", &[]).unwrap(),
            "/1jin0w508888dygb1rmf4c9hipvl31i27fg931xf0m8kd95k3n7p"
        );
    }

    #[test]
    fn the_store_directory_is_made_canonical() {
        assert_eq!(StoreDir::new("/gnu//store/").unwrap().as_str(), "/gnu/store");
        assert!(StoreDir::new("store").is_err());
        assert!(StoreDir::new("//").is_err());
    }

    proptest! {
        #[test]
        fn parsing_is_total(text: String) {
            let dir = StoreDir::default();
            let _ = dir.parse(&text);
            let _ = dir.parse_canonical(&format!("/nix/store/{text}"));
            let _ = dir.parse_canonical(&format!("/nix/store/{DIGITS}-{text}"));
        }

        #[test]
        fn printed_paths_read_back(hash: [u8; 20], name in "[a-zA-Z0-9+_?=][a-zA-Z0-9+_?=.-]{0,80}") {
            let dir = StoreDir::default();
            let path = StorePath::new(&hash, &name).unwrap();
            prop_assert_eq!(dir.parse(&dir.print(&path)).unwrap(), path);
        }
    }
}
