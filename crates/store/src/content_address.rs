//! Content addresses: the claim that a path's name follows from its contents.
//!
//! Written `text:sha256:…`, `fixed:sha256:…` (a flat file), `fixed:r:sha256:…` (a NAR) or
//! `fixed:git:sha1:…`, with the hash in nix32.

use std::fmt;
use std::str::FromStr;

use crate::hash::{Algorithm, Format, Hash, HashError};

/// What is hashed to get a content address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The bytes of one file that is not executable.
    Flat,
    /// The NAR of any file system object.
    Nar,
    /// The bytes of one file, whose references are part of the address: derivations, `toFile`.
    Text,
    /// The object that git makes of any file system object; see [`crate::git`].
    Git,
}

impl Method {
    /// The name in JSON: `flat`, `nar`, `text` or `git`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Nar => "nar",
            Self::Text => "text",
            Self::Git => "git",
        }
    }

    /// What stands before the algorithm in derivations: nothing, `r:`, `text:` or `git:`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Flat => "",
            Self::Nar => "r:",
            Self::Text => "text:",
            Self::Git => "git:",
        }
    }

    /// Reads what [`Self::with_algorithm`] writes: `sha256`, `r:sha256`, `text:sha256`.
    pub fn parse_with_algorithm(text: &str) -> Result<(Self, Algorithm), ContentAddressError> {
        let (method, algorithm) = [Self::Nar, Self::Text, Self::Git]
            .into_iter()
            .find_map(|method| Some((method, text.strip_prefix(method.prefix())?)))
            .unwrap_or((Self::Flat, text));
        Ok((method, algorithm.parse()?))
    }

    /// The notation of derivations, such as `r:sha256`.
    pub fn with_algorithm(self, algorithm: Algorithm) -> String {
        format!("{}{algorithm}", self.prefix())
    }
}

impl FromStr for Method {
    type Err = ContentAddressError;

    fn from_str(name: &str) -> Result<Self, ContentAddressError> {
        match name {
            "flat" => Ok(Self::Flat),
            "nar" => Ok(Self::Nar),
            "text" => Ok(Self::Text),
            "git" => Ok(Self::Git),
            _ => Err(ContentAddressError::UnknownMethod(name.to_owned())),
        }
    }
}

/// A method and the hash that it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentAddress {
    /// What was hashed.
    pub method: Method,
    /// The result.
    pub hash: Hash,
}

impl fmt::Display for ContentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.method != Method::Text {
            f.write_str("fixed:")?;
        }
        write!(f, "{}{}", self.method.prefix(), self.hash.format_with_algorithm(Format::Nix32))
    }
}

impl FromStr for ContentAddress {
    type Err = ContentAddressError;

    fn from_str(text: &str) -> Result<Self, ContentAddressError> {
        let (prefix, rest) =
            text.split_once(':').ok_or_else(|| ContentAddressError::NoPrefix(text.to_owned()))?;
        let (method, rest) = match prefix {
            "text" => (Method::Text, rest),
            "fixed" => [Method::Nar, Method::Git]
                .into_iter()
                .find_map(|method| Some((method, rest.strip_prefix(method.prefix())?)))
                .unwrap_or((Method::Flat, rest)),
            _ => return Err(ContentAddressError::UnknownPrefix(prefix.to_owned())),
        };
        let (algorithm, hash) =
            rest.split_once(':').ok_or_else(|| ContentAddressError::NoHash(text.to_owned()))?;
        Ok(Self { method, hash: Hash::parse_bare(hash, algorithm.parse()?)? })
    }
}

/// Why a text is not a content address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentAddressError {
    /// There is no colon.
    #[error("not a content address because it is not in the form '<prefix>:<rest>': {0}")]
    NoPrefix(String),
    /// Neither `text` nor `fixed`.
    #[error("content address prefix '{0}' is unrecognized, expected 'text' or 'fixed'")]
    UnknownPrefix(String),
    /// The hash is missing.
    #[error("content address hash must be in form '<algo>:<hash>', but found: {0}")]
    NoHash(String),
    /// Not `flat`, `nar`, `text` or `git`.
    #[error("unknown content address method '{0}', expect 'flat', 'nar', 'text' or 'git'")]
    UnknownMethod(String),
    /// The hash or its algorithm is wrong.
    #[error(transparent)]
    Hash(#[from] HashError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_reads_back() {
        for text in [
            "text:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
            "fixed:sha1:kpcd173cq987hw957sx6m0868wv3x6d9",
            "fixed:git:sha1:kpcd173cq987hw957sx6m0868wv3x6d9",
            "fixed:r:sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s",
        ] {
            assert_eq!(text.parse::<ContentAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in
            ["", "text", "other:sha1:x", "fixed:r:sha256", "fixed:git:sha1:x", "fixed:r:x:y"]
        {
            assert!(text.parse::<ContentAddress>().is_err(), "{text}");
        }
    }
}
