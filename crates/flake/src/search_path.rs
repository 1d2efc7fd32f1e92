//! The search path of an evaluation: what `<nixpkgs>` and other angle brackets look through.
//!
//! Built from `NIX_PATH` as Nix reads it. An entry that cannot be used is left out, as Nix does, and a
//! [`SearchPathNote`] says so. The evaluator takes entries as they are written, and leaves them out by itself.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    embedded::EmbeddedError,
    lock::LockError,
    reference::{FlakeReference, Input, ReferenceError},
};

/// Entries in order of precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPath {
    /// The entries, first match wins.
    pub entries: Vec<SearchPathEntry>,
}

/// `prefix=path`; the prefix is empty for an entry that is a bare directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchPathEntry {
    /// What the looked-up path has to start with.
    pub prefix: String,
    /// The directory or file that stands for the prefix; as it is written, it may be relative, or a URL.
    pub path: String,
}

/// Something that a person may want to know about how the search path came to be.
#[derive(Debug, thiserror::Error)]
pub enum SearchPathNote {
    /// An entry's path does not exist.
    #[error("search path entry '{entry}' is ignored: '{}' does not exist", path.display())]
    Missing {
        /// The entry as written.
        entry: String,
        /// The path that is not there.
        path: PathBuf,
    },
    /// An entry is a URL.
    #[error(
        "search path entry '{entry}' is ignored: it has to be downloaded first; give a local path \
         instead, such as '{prefix}=/path/to/it'"
    )]
    NeedsFetching {
        /// The entry as written.
        entry: String,
        /// Its prefix.
        prefix: String,
    },
    /// An entry is a flake reference that makes no sense.
    #[error("search path entry '{entry}' is ignored: {error}")]
    Reference {
        /// The entry as written.
        entry: String,
        /// What is wrong.
        error: ReferenceError,
    },
    /// The workspace's lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A lock file's `narHash` is not a hash that a tree can have.
    #[error(
        "{}: the 'narHash' of node '{node}' is unusable: {reason}",
        lock_file.display()
    )]
    NarHash {
        /// The lock file.
        lock_file: PathBuf,
        /// The node's key.
        node: String,
        /// What is wrong with the hash.
        reason: String,
    },
    /// The tree that a lock file pins is in none of the stores.
    #[error(
        "{}: input 'nixpkgs' is '{store_path}', which is in no store here; fetch it once, for \
         instance with 'nix flake archive'",
        lock_file.display()
    )]
    NotInStore {
        /// The lock file.
        lock_file: PathBuf,
        /// The store path that the tree would have.
        store_path: String,
    },
    /// The embedded package set cannot be laid out.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

impl SearchPath {
    /// Reads the value of `NIX_PATH`. Relative paths are taken from `directory`; an entry that cannot be
    /// used becomes a note instead.
    pub fn parse(value: &str, directory: &Path, notes: &mut Vec<SearchPathNote>) -> SearchPath {
        let mut entries = Vec::new();
        for entry in split_entries(value) {
            match SearchPathEntry::parse(entry).located(directory) {
                Ok(entry) => entries.push(entry),
                Err(note) => notes.push(note),
            }
        }
        SearchPath { entries }
    }

    /// The path that `<name>` stands for, if an entry has it: the file that exists wins.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.entries.iter().find_map(|entry| {
            let path = match entry.rest_of(name)? {
                "" => PathBuf::from(&entry.path),
                rest => Path::new(&entry.path).join(rest),
            };
            path.exists().then_some(path)
        })
    }
}

impl SearchPathEntry {
    /// The entry for a path of this machine.
    pub fn new(prefix: &str, path: &Path) -> SearchPathEntry {
        SearchPathEntry { prefix: prefix.into(), path: path.to_string_lossy().into_owned() }
    }

    /// Reads `prefix=path` or `path`, as `NIX_PATH` and `-I` have it.
    pub fn parse(text: &str) -> SearchPathEntry {
        let (prefix, path) = text.split_once('=').unwrap_or(("", text));
        SearchPathEntry { prefix: prefix.into(), path: path.into() }
    }

    /// The entry with the absolute path of something that exists.
    ///
    /// # Errors
    ///
    /// If nothing is there, or it has to be fetched first.
    pub fn located(&self, directory: &Path) -> Result<SearchPathEntry, SearchPathNote> {
        let path = match self.path.strip_prefix("flake:") {
            Some(reference) => {
                let note = |error| SearchPathNote::Reference { entry: self.to_string(), error };
                match FlakeReference::parse(reference).map_err(note)?.input {
                    Input::Path { path } => path,
                    _ => return Err(self.needs_fetching()),
                }
            }
            None if is_pseudo_url(&self.path) => return Err(self.needs_fetching()),
            None => PathBuf::from(&self.path),
        };
        let path = directory.join(path);
        if !path.exists() {
            return Err(SearchPathNote::Missing { entry: self.to_string(), path });
        }
        Ok(SearchPathEntry::new(&self.prefix, &path))
    }

    fn needs_fetching(&self) -> SearchPathNote {
        let prefix = if self.prefix.is_empty() { "nixpkgs" } else { &self.prefix };
        SearchPathNote::NeedsFetching { entry: self.to_string(), prefix: prefix.into() }
    }

    /// What is left of `name` after the prefix, if the prefix matches whole components.
    pub fn rest_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(&self.prefix)?;
        match rest.strip_prefix('/') {
            _ if self.prefix.is_empty() || rest.is_empty() => Some(rest),
            within => within,
        }
    }
}

impl fmt::Display for SearchPathEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.as_str() {
            "" => f.write_str(&self.path),
            prefix => write!(f, "{prefix}={}", self.path),
        }
    }
}

/// The entries of a value of `NIX_PATH`: split at colons, except at the one after the scheme of a URL,
/// as Nix does.
pub fn split_entries(value: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let first_colon = rest.find(':').unwrap_or(rest.len());
        let url = rest[..first_colon].rfind('=').map_or(rest, |equals| &rest[equals + 1..]);
        let end = match is_pseudo_url(url) || url.starts_with("flake:") {
            true => rest[first_colon + 1..].find(':').map_or(rest.len(), |at| first_colon + 1 + at),
            false => first_colon,
        };
        entries.extend(Some(&rest[..end]).filter(|entry| !entry.is_empty()));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    entries
}

/// What Nix takes for a URL in `NIX_PATH`.
fn is_pseudo_url(value: &str) -> bool {
    value.starts_with("channel:")
        || value.split_once("://").is_some_and(|(scheme, _)| {
            matches!(scheme, "http" | "https" | "file" | "channel" | "git" | "s3" | "ssh")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_at_colons_outside_urls() {
        assert_eq!(split_entries("nixpkgs=/a:/b::c=d"), ["nixpkgs=/a", "/b", "c=d"]);
        assert_eq!(
            split_entries("nixpkgs=https://x.org/y.tar.gz:b=channel:nixos-unstable:/c"),
            ["nixpkgs=https://x.org/y.tar.gz", "b=channel:nixos-unstable", "/c"]
        );
        assert_eq!(
            split_entries("nixpkgs=flake:nixpkgs:http://x"),
            ["nixpkgs=flake:nixpkgs", "http://x"]
        );
        assert_eq!(split_entries("channel:"), ["channel:"]);
        assert!(split_entries("").is_empty());
    }

    #[test]
    fn unusable_entries_become_notes_that_name_the_path() {
        let mut notes = Vec::new();
        let path = SearchPath::parse(
            "nixpkgs=/does/not/exist:a=https://x.org/a.tar.gz:b=flake:nixpkgs:c=flake:/:d=/",
            Path::new("/"),
            &mut notes,
        );
        let entries: Vec<_> = path.entries.iter().map(ToString::to_string).collect();
        assert_eq!(entries, ["c=/", "d=/"]);
        let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "search path entry 'nixpkgs=/does/not/exist' is ignored: '/does/not/exist' does \
                 not exist",
                "search path entry 'a=https://x.org/a.tar.gz' is ignored: it has to be downloaded \
                 first; give a local path instead, such as 'a=/path/to/it'",
                "search path entry 'b=flake:nixpkgs' is ignored: it has to be downloaded first; \
                 give a local path instead, such as 'b=/path/to/it'",
            ]
        );
    }

    #[test]
    fn prefixes_match_whole_components() {
        let entry = |prefix: &str| SearchPathEntry::new(prefix, Path::new("/x"));
        assert_eq!(entry("nixpkgs").rest_of("nixpkgs"), Some(""));
        assert_eq!(entry("nixpkgs").rest_of("nixpkgs/lib"), Some("lib"));
        assert_eq!(entry("nixpkgs").rest_of("nixpkgs-unstable"), None);
        assert_eq!(entry("").rest_of("nixpkgs/lib"), Some("nixpkgs/lib"));
    }
}
