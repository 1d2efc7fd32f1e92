//! Which project files may run, remembered by content.
//!
//! Nothing of a project is run or evaluated before the person has allowed it. As in direnv, a
//! permission is a file below `allow/` in the data folder, named after the SHA-256 of the path and
//! the content together, so it ends with the next change of either; a refusal is a file below
//! `deny/` named after the path alone, so it lasts. Either holds the path, for a person to read.
//!
//! A `shell.nix` is allowed by its own content. The files it imports are watched for reloading but
//! are not part of the permission, just as the files that an `.envrc` sources.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Whether a project file may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AllowState {
    /// The person has allowed this content at this path.
    Allowed,
    /// The person has refused this path.
    Denied,
    /// Nobody has decided about this content.
    Unknown,
}

/// The permissions and refusals of one person.
#[derive(Debug, Clone)]
pub struct AllowList {
    data: PathBuf,
}

/// A permission could not be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum AllowError {
    /// The file in question.
    #[error("cannot read {path} to see whether it is allowed: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that records the decision.
    #[error("cannot record the decision in {path}: {source}")]
    Record {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where the decisions about one file, with its present content, are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// Exists when this content is allowed.
    pub allow: PathBuf,
    /// Exists when this path is refused.
    pub deny: PathBuf,
}

impl AllowList {
    /// The list kept below `data`, Floe's data folder.
    pub fn new(data: &Path) -> AllowList {
        AllowList { data: data.to_owned() }
    }

    /// What the person has decided about `file` with its present content.
    pub fn state(&self, file: &Path) -> Result<AllowState, AllowError> {
        Ok(self.records(file)?.state())
    }

    /// Allows the present content of `file`, and withdraws a refusal.
    pub fn allow(&self, file: &Path) -> Result<(), AllowError> {
        let records = self.records(file)?;
        write_record(&records.allow, file)?;
        remove_record(&records.deny)
    }

    /// Refuses `file`, whatever its content, and withdraws the permission for its present content.
    pub fn deny(&self, file: &Path) -> Result<(), AllowError> {
        let records = self.records(file)?;
        write_record(&records.deny, file)?;
        remove_record(&records.allow)
    }

    /// Where the decisions about `file` are recorded. `file` is absolute.
    pub fn records(&self, file: &Path) -> Result<Records, AllowError> {
        let content =
            fs::read(file).map_err(|source| AllowError::Read { path: file.to_owned(), source })?;
        let path = [file.as_os_str().as_bytes(), b"\n"].concat();
        Ok(Records {
            allow: self.data.join("allow").join(sha256(&[&path, &content])),
            deny: self.data.join("deny").join(sha256(&[&path])),
        })
    }
}

impl Records {
    /// The decision. A refusal outweighs a permission.
    pub fn state(&self) -> AllowState {
        if self.deny.exists() {
            AllowState::Denied
        } else if self.allow.exists() {
            AllowState::Allowed
        } else {
            AllowState::Unknown
        }
    }
}

/// The SHA-256 of the parts one after the other, in hexadecimal.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn write_record(record: &Path, file: &Path) -> Result<(), AllowError> {
    let content = [file.as_os_str().as_bytes(), b"\n"].concat();
    let folder = record.parent().unwrap_or(record);
    (fs::create_dir_all(folder).and_then(|()| fs::write(record, content)))
        .map_err(|source| AllowError::Record { path: record.to_owned(), source })
}

fn remove_record(record: &Path) -> Result<(), AllowError> {
    match fs::remove_file(record) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(AllowError::Record { path: record.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AllowState::{Allowed, Denied, Unknown};

    fn project() -> (tempfile::TempDir, AllowList, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let list = AllowList::new(&folder.path().join("data"));
        let file = folder.path().join(".envrc");
        fs::write(&file, "export A=1\n").unwrap();
        (folder, list, file)
    }

    #[test]
    fn a_permission_holds_for_the_content_it_was_given_for() {
        let (_folder, list, file) = project();
        assert_eq!(list.state(&file).unwrap(), Unknown);
        list.allow(&file).unwrap();
        assert_eq!(list.state(&file).unwrap(), Allowed);

        fs::write(&file, "export A=2\n").unwrap();
        assert_eq!(list.state(&file).unwrap(), Unknown);
        fs::write(&file, "export A=1\n").unwrap();
        assert_eq!(list.state(&file).unwrap(), Allowed);
    }

    #[test]
    fn a_permission_holds_for_its_path_only() {
        let (folder, list, file) = project();
        list.allow(&file).unwrap();
        fs::create_dir(folder.path().join("other")).unwrap();
        let copy = folder.path().join("other/.envrc");
        fs::copy(&file, &copy).unwrap();
        assert_eq!(list.state(&copy).unwrap(), Unknown);
    }

    #[test]
    fn a_refusal_survives_a_change_until_allowed_again() {
        let (_folder, list, file) = project();
        list.allow(&file).unwrap();
        list.deny(&file).unwrap();
        assert_eq!(list.state(&file).unwrap(), Denied);
        fs::write(&file, "export A=2\n").unwrap();
        assert_eq!(list.state(&file).unwrap(), Denied);
        list.allow(&file).unwrap();
        assert_eq!(list.state(&file).unwrap(), Allowed);
    }

    #[test]
    fn records_are_named_by_sha256_and_hold_the_path() {
        let (_folder, list, file) = project();
        list.allow(&file).unwrap();
        let record = list.records(&file).unwrap().allow;
        assert_eq!(fs::read_to_string(&record).unwrap(), format!("{}\n", file.display()));
        let expected = sha256(&[format!("{}\nexport A=1\n", file.display()).as_bytes()]);
        assert_eq!(record.file_name().unwrap().to_str(), Some(expected.as_str()));
        assert_eq!(sha256(&[b"abc"])[..16], *"ba7816bf8f01cfea");
    }

    #[test]
    fn a_missing_file_is_named_in_the_error() {
        let (folder, list, _file) = project();
        let error = list.allow(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(error.contains("absent"), "{error}");
    }
}
