//! The files that an environment depends on, as they were when it was made.
//!
//! `FLOE_WATCHES` carries them from prompt to prompt; a prompt at which none has changed costs one
//! or two `stat` calls for each. A file that did not exist is watched too: its appearance is a
//! change.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::allow::sha256;
use crate::text;

/// Watched files, each once, in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watches {
    watches: Vec<Watch>,
}

/// One watched file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Absolute, without `.` and `..`.
    pub path: PathBuf,
    /// As it was; `None` when it did not exist.
    pub identity: Option<Identity>,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity(
    /// Modification time in nanoseconds since 1970; of the symbolic link or of what it points to,
    /// whichever is later, so that pointing a link elsewhere counts.
    pub i64,
    /// Size in bytes.
    pub u64,
);

impl Identity {
    /// The file's identity now; `None` when there is none, or it cannot be reached.
    pub fn of(path: &Path) -> Option<Identity> {
        let modified = |metadata: &std::fs::Metadata| {
            metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
        };
        let link = path.symlink_metadata().ok()?;
        if !link.is_symlink() {
            return Some(Identity(modified(&link), link.size()));
        }
        let target = path.metadata().ok()?;
        Some(Identity(modified(&link).max(modified(&target)), target.size()))
    }
}

impl Watches {
    /// Adds a file as it is now. A file that is watched already keeps its first identity: what was
    /// made from it may have read it then.
    pub fn add(&mut self, path: &Path) {
        let path = normalise(path);
        if !self.watches.iter().any(|watch| watch.path == path) {
            let identity = Identity::of(&path);
            self.watches.push(Watch { path, identity });
        }
    }

    /// Adds files with the identities they have in `other`.
    pub fn extend(&mut self, other: Watches) {
        for watch in other.watches {
            if !self.watches.iter().any(|known| known.path == watch.path) {
                self.watches.push(watch);
            }
        }
    }

    /// The watched files.
    pub fn iter(&self) -> impl Iterator<Item = &Watch> {
        self.watches.iter()
    }

    /// The files that are not as they were.
    pub fn changed(&self) -> impl Iterator<Item = &Path> {
        let changed = |watch: &&Watch| Identity::of(&watch.path) != watch.identity;
        self.watches.iter().filter(changed).map(|watch| watch.path.as_path())
    }

    /// The text kept in `FLOE_WATCHES`: a JSON array of `[path, [time, size]]`, with `null` for a
    /// file that does not exist.
    pub fn to_variable(&self) -> String {
        let records: Vec<_> = (self.watches.iter())
            .map(|watch| (text::encode(watch.path.as_os_str()), watch.identity))
            .collect();
        serde_json::to_string(&records).expect("a list of strings and numbers is JSON")
    }

    /// The same, with a list that is too long for an environment kept in a file below `folder`.
    /// Every program that the shell starts is handed the variable, and the kernel refuses to start
    /// any with one of 128 KiB.
    pub fn to_short_variable(&self, folder: &Path) -> String {
        let text = self.to_variable();
        if text.len() <= LONGEST_VARIABLE {
            return text;
        }
        let file = folder.join(&sha256(&[text.as_bytes()])[..16]);
        match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, &text)) {
            Ok(()) => format!("@{}", text::encode(file.as_os_str())),
            // Nothing is watched, so every prompt loads again: slow, and right.
            Err(_) => String::new(),
        }
    }

    /// Reads what [`Watches::to_variable`] or [`Watches::to_short_variable`] wrote; `None` when it is something else, after which
    /// the only safe answer is to load again.
    pub fn from_variable(variable: &OsStr) -> Option<Watches> {
        let records: Vec<(String, Option<Identity>)> = match variable.as_bytes() {
            [b'@', file @ ..] => {
                let file = text::decode(std::str::from_utf8(file).ok()?);
                serde_json::from_slice(&std::fs::read(file).ok()?).ok()?
            }
            list => serde_json::from_slice(list).ok()?,
        };
        let watches = (records.iter())
            .map(|(path, identity)| Watch { path: text::decode(path).into(), identity: *identity });
        Some(Watches { watches: watches.collect() })
    }
}

/// In bytes; leaves room for the rest of the environment.
const LONGEST_VARIABLE: usize = 32 * 1024;

/// Every file and folder below `folder`, itself included, in a stable order. Symbolic links are
/// listed and not followed. What cannot be read has nothing below it.
pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        next += 1;
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) || path == folder {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            entries.sort();
            found.extend(entries);
        }
    }
    found
}

/// `path` without `.` and `..`, by its letters alone.
pub(crate) fn normalise(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    fn touch(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_change_in_time_size_or_existence_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (file, absent) = (folder.path().join("file"), folder.path().join("absent"));
        fs::write(&file, "one").unwrap();
        touch(&file, 1000);
        let mut watches = Watches::default();
        watches.add(&file);
        watches.add(&absent);
        assert_eq!(watches.changed().next(), None);

        touch(&file, 1001);
        assert_eq!(watches.changed().next(), Some(file.as_path()));
        touch(&file, 1000);
        assert_eq!(watches.changed().next(), None);

        fs::write(&file, "longer").unwrap();
        touch(&file, 1000);
        assert_eq!(watches.changed().next(), Some(file.as_path()));
        fs::write(&file, "two").unwrap();
        touch(&file, 1000);

        fs::write(&absent, "").unwrap();
        assert_eq!(watches.changed().next(), Some(absent.as_path()));
        fs::remove_file(&absent).unwrap();
        assert_eq!(watches.changed().next(), None);
    }

    #[test]
    fn a_symbolic_link_counts_with_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "A").unwrap();
        fs::write(path("b"), "B").unwrap();
        touch(&path("a"), 1000);
        touch(&path("b"), 1000);
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let mut watches = Watches::default();
        watches.add(&path("link"));
        assert_eq!(watches.changed().next(), None);

        std::thread::sleep(Duration::from_millis(20));
        fs::remove_file(path("link")).unwrap();
        std::os::unix::fs::symlink("b", path("link")).unwrap();
        assert_eq!(watches.changed().next(), Some(path("link").as_path()), "points elsewhere");

        fs::remove_file(path("b")).unwrap();
        assert_eq!(watches.changed().next(), Some(path("link").as_path()), "dangles");
    }

    #[test]
    fn the_variable_keeps_any_path() {
        let mut watches = Watches::default();
        watches.add(Path::new(OsStr::from_bytes(b"/no such/\xff\n'\"/./x/../file")));
        watches.add(Path::new("/"));
        let variable = watches.to_variable();
        assert_eq!(Watches::from_variable(OsStr::new(&variable)), Some(watches));
        assert_eq!(Watches::from_variable(OsStr::new("nonsense")), None);
    }

    #[test]
    fn a_long_list_is_kept_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut watches = Watches::default();
        watches.add(Path::new("/one"));
        assert_eq!(watches.to_short_variable(folder.path()), watches.to_variable());
        for number in 0..3000 {
            watches.add(&folder.path().join(format!("file-{number}")));
        }
        let variable = watches.to_short_variable(&folder.path().join("watches"));
        assert!(variable.len() < 1000);
        assert_eq!(Watches::from_variable(OsStr::new(&variable)), Some(watches));
        std::fs::remove_dir_all(folder.path().join("watches")).unwrap();
        assert_eq!(Watches::from_variable(OsStr::new(&variable)), None);
    }

    #[test]
    fn the_first_identity_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let mut watches = Watches::default();
        watches.add(&file);
        fs::write(&file, "").unwrap();
        watches.add(&file);
        assert_eq!(watches.changed().next(), Some(file.as_path()));
    }

    #[test]
    fn walking_lists_all_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/file"), "").unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("a/loop")).unwrap();
        let found: Vec<_> = (walk(folder.path()).iter())
            .map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, ["", "a", "a/b", "a/loop", "a/b/file"]);
    }
}
