//! Which files of the host a program needs to run: its loader and its libraries.
//!
//! The sandbox offers the host's `/bin/sh`. On most machines it is linked dynamically, and the
//! tightest view in which it runs is the program, its ELF interpreter and the libraries that the
//! interpreter would load, found the way the interpreter finds them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use goblin::elf::Elf;

/// Where loaders look when nothing else is said; Debian's loaders also look in the directory of
/// their machine's name, which is the directory of the loader itself.
const DEFAULT_DIRECTORIES: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// Why a host program cannot be shown in the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum HostProgramError {
    /// A file is not there, or not readable.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// The program or library.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is neither a program nor a library.
    #[error("'{}' is not an ELF program: {source}", path.display())]
    NotElf {
        /// The program or library.
        path: PathBuf,
        /// The parser's reason.
        source: goblin::error::Error,
    },
    /// A library is in none of the places where the loader looks.
    #[error("'{}' needs the library '{library}', which is not in any directory of the loader", path.display())]
    MissingLibrary {
        /// Who needs it.
        path: PathBuf,
        /// Its name.
        library: String,
    },
}

/// The loader and libraries that `program` needs, under the paths by which they are opened; empty
/// for a static program.
pub fn files_needed_by(program: &Path) -> Result<BTreeSet<PathBuf>, HostProgramError> {
    let mut found = BTreeSet::new();
    let configured = configured_directories();
    let mut pending = vec![program.to_owned()];
    while let Some(path) = pending.pop() {
        let bytes = std::fs::read(&path)
            .map_err(|source| HostProgramError::Read { path: path.clone(), source })?;
        let elf = Elf::parse(&bytes)
            .map_err(|source| HostProgramError::NotElf { path: path.clone(), source })?;
        if let Some(interpreter) = elf.interpreter {
            found.insert(PathBuf::from(interpreter));
        }
        let directories = search_directories(&elf, &path, &configured);
        for library in &elf.libraries {
            let file = find_library(library, &directories, &elf).ok_or_else(|| {
                HostProgramError::MissingLibrary {
                    path: path.clone(),
                    library: (*library).to_owned(),
                }
            })?;
            if found.insert(file.clone()) {
                pending.push(file);
            }
        }
    }
    Ok(found)
}

/// The file's own search path, then the machine's, then the defaults.
fn search_directories(elf: &Elf<'_>, path: &Path, configured: &[PathBuf]) -> Vec<PathBuf> {
    let origin = path
        .canonicalize()
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned))
        .unwrap_or_default();
    let own = if elf.runpaths.is_empty() { &elf.rpaths } else { &elf.runpaths };
    own.iter()
        .flat_map(|list| list.split(':'))
        .filter(|directory| !directory.is_empty())
        .map(|directory| {
            let origin = origin.to_string_lossy();
            PathBuf::from(directory.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin))
        })
        .chain(configured.iter().cloned())
        .chain(DEFAULT_DIRECTORIES.map(PathBuf::from))
        .collect()
}

/// A directory may hold libraries of several machines: the first of the right class counts.
fn find_library(library: &str, directories: &[PathBuf], needed_by: &Elf<'_>) -> Option<PathBuf> {
    if library.contains('/') {
        return Some(PathBuf::from(library));
    }
    directories.iter().map(|directory| directory.join(library)).find(|file| {
        std::fs::read(file).is_ok_and(|bytes| {
            Elf::parse(&bytes).is_ok_and(|elf| {
                elf.is_64 == needed_by.is_64 && elf.header.e_machine == needed_by.header.e_machine
            })
        })
    })
}

/// The directories named in `/etc/ld.so.conf` and the files beside it.
fn configured_directories() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(entries) = std::fs::read_dir("/etc/ld.so.conf.d") {
        let mut included: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        included.sort();
        files.extend(included);
    }
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .flat_map(|text| {
            text.lines()
                .map(str::trim)
                .filter(|line| line.starts_with('/'))
                .map(PathBuf::from)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_shell_needs_its_loader_and_libc() {
        let files = files_needed_by(Path::new("/bin/sh")).unwrap();
        for file in &files {
            assert!(file.is_absolute() && file.exists(), "{}", file.display());
        }
        let is_dynamic = files.iter().any(|file| file.to_string_lossy().contains("ld-"));
        assert_eq!(is_dynamic, !files.is_empty(), "{files:?}");
    }

    #[test]
    fn a_script_is_not_a_program() {
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n").unwrap();
        let error = files_needed_by(script.path()).unwrap_err();
        assert!(matches!(error, HostProgramError::NotElf { .. }), "{error}");
    }
}
