//! `.env` files, read by `dotenvy`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// An `.env` file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct DotenvError {
    /// The file.
    pub path: PathBuf,
    /// Where and why.
    pub source: dotenvy::Error,
}

/// The variables of an `.env` file, in its order. `$NAME` in a value stands for an earlier variable
/// of the file or one of this process. A variable that is assigned twice has both entries.
pub fn read(path: &Path) -> Result<Vec<(OsString, OsString)>, DotenvError> {
    let error = |source| DotenvError { path: path.to_owned(), source };
    let entries = dotenvy::from_path_iter(path).map_err(error)?;
    entries
        .map(|entry| entry.map(|(name, value)| (name.into(), value.into())).map_err(error))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, text).unwrap();
        let text = |bytes: OsString| bytes.into_string().unwrap();
        Ok(read(&path)?.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[test]
    fn the_usual_forms() {
        let entries = read_text(
            "# comment\nA=1\nexport B='two words'\nC=\"line\\nbreak\"\nD=${A}2\nE=$B\nEMPTY=\n",
        )
        .unwrap();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "line\nbreak"),
            ("D", "12"),
            ("E", "two words"),
            ("EMPTY", ""),
        ];
        assert_eq!(entries, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let error = read_text("A=1\nB='open\n").unwrap_err().to_string();
        assert!(error.contains(".env") && error.contains("open"), "{error}");
        let error = read(Path::new("/no/such/.env")).unwrap_err().to_string();
        assert!(error.contains("/no/such/.env"), "{error}");
    }
}
