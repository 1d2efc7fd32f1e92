//! The list of all options on disk, so that the first completion of a session need not wait for NixOS to
//! be evaluated.
//!
//! A list is kept in a file of its own below the user's cache folder, with what it was read from: paths
//! with their times and sizes, and environment variables. It is taken only where all of that is the same
//! still. The bytes are nobody's to trust: reading them is total, and a list that is damaged, old or of
//! another version is as good as none.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use floe_db::{ReadFrom, Stamp};
use floe_store::{Algorithm, Hash};

use super::SourceLine;
use super::option_tree::{Below, MOST_LEVELS, OptionNode, Way, Wrapper};
use super::options::{OptionDetails, OptionInfo};

/// A list of options and what it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) options: Vec<OptionNode>,
    pub(crate) paths: Vec<(PathBuf, Stamp)>,
    pub(crate) variables: Vec<(String, Option<String>)>,
}

/// The file for the list of a nixpkgs.
pub(crate) fn file(cache_folder: &Path, nixpkgs: &Path) -> PathBuf {
    let name = Hash::sha256(nixpkgs.as_os_str().as_encoded_bytes());
    let name: String = name.as_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    cache_folder.join("floe/options").join(name)
}

impl Cached {
    /// A list that was evaluated since `begin`, unless what it was read from has changed meanwhile.
    pub(crate) fn new(
        options: Vec<OptionNode>,
        read_from: &ReadFrom,
        begin: SystemTime,
        stamp: impl Fn(&Path) -> Stamp,
    ) -> Option<Cached> {
        // Some file systems know times only to the second.
        let begin = begin.checked_sub(Duration::from_secs(2))?;
        let mut paths = Vec::with_capacity(read_from.paths.len());
        for path in read_from.paths.iter().filter(|path| !path.starts_with("/nix/store")) {
            let stamp = stamp(path);
            if let Stamp::File { modified, .. } | Stamp::Directory { modified } = stamp
                && modified >= begin
            {
                return None;
            }
            paths.push((path.clone(), stamp));
        }
        let variables = read_from.variables.iter();
        let variables = variables.map(|name| (name.clone(), variable(name))).collect();
        Some(Cached { options, paths, variables })
    }

    /// Whether all that the list was read from is as it was. `stamp` is nothing for what is being edited.
    pub(crate) fn is_fresh(&self, stamp: impl Fn(&Path) -> Option<Stamp>) -> bool {
        self.variables.iter().all(|(name, value)| variable(name) == *value)
            && self.paths.iter().all(|(path, before)| stamp(path) == Some(*before))
    }

    /// Writes the list, in one step for whoever reads, and forgets the oldest of too many.
    ///
    /// # Errors
    /// Those of writing a file.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let bytes = self.to_bytes();
        if bytes.len() as u64 > MOST_BYTES {
            return Ok(());
        }
        let folder = file.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let new = folder.join(format!(".new-{}", std::process::id()));
        let written = (|| {
            fs::File::create(&new)?.write_all(&bytes)?;
            fs::rename(&new, file)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        forget_oldest(folder)?;
        written
    }

    /// Reads a list; nothing if there is none that can be used.
    pub(crate) fn read(file: &Path) -> Option<Cached> {
        if fs::metadata(file).ok()?.len() > MOST_BYTES {
            return None;
        }
        Cached::of_bytes(&fs::read(file).ok()?)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer(HEADER.to_vec());
        writer.text(env!("CARGO_PKG_VERSION"));
        writer.list(&self.paths, |writer, (path, stamp)| {
            writer.bytes(path.as_os_str().as_encoded_bytes());
            writer.stamp(*stamp);
        });
        writer.list(&self.variables, |writer, (name, value)| {
            writer.text(name);
            writer.option(value.as_ref(), |writer, value| writer.text(value));
        });
        writer.list(&self.options, Writer::node);
        let hash = Hash::sha256(&writer.0);
        writer.0.extend(hash.as_bytes());
        writer.0
    }

    /// Reads what [`Cached::to_bytes`] wrote. Any bytes will do; of most, nothing comes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Cached> {
        let (bytes, hash) = bytes.split_last_chunk::<HASH_BYTES>()?;
        let is_whole = Hash::from_bytes(Algorithm::Sha256, hash) == Some(Hash::sha256(bytes));
        Cached::of_body(is_whole.then_some(bytes)?)
    }

    fn of_body(bytes: &[u8]) -> Option<Cached> {
        let mut reader = Reader(bytes.strip_prefix(HEADER)?);
        if reader.text()? != env!("CARGO_PKG_VERSION") {
            return None;
        }
        Cached::of_entries(reader.0)
    }

    /// Reads what stands behind the version.
    pub(super) fn of_entries(bytes: &[u8]) -> Option<Cached> {
        let mut reader = Reader(bytes);
        let paths = reader.list(|reader| Some((reader.text()?.into(), reader.stamp()?)))?;
        let variables =
            reader.list(|reader| Some((reader.text()?, reader.option(Reader::text)?)))?;
        let options = reader.list(|reader| reader.node(0))?;
        reader.0.is_empty().then_some(Cached { options, paths, variables })
    }
}

/// Changes whenever what comes behind it does.
const HEADER: &[u8] = b"floe options 2\n";

const HASH_BYTES: usize = 32;

/// The list of a nixpkgs of 2026 has some ten megabytes.
const MOST_BYTES: u64 = 128 << 20;

/// How many lists are kept: one for each nixpkgs.
const MOST_FILES: usize = 8;

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort_unstable();
    let many = files.len().saturating_sub(MOST_FILES);
    files.iter().take(many).try_for_each(|(_, path)| fs::remove_file(path))
}

/// Numbers in little-endian bytes; texts and lists behind their lengths.
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Writer, &T)) {
        self.length(items.len());
        items.iter().for_each(|it| item(self, it));
    }

    fn option<T>(&mut self, option: Option<T>, some: impl FnOnce(&mut Writer, T)) {
        self.0.push(u8::from(option.is_some()));
        if let Some(value) = option {
            some(self, value);
        }
    }

    fn time(&mut self, time: SystemTime) {
        // A time before 1970 is written as one; then the list is stale, which is safe.
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.number(since.as_secs());
        self.number(u64::from(since.subsec_nanos()));
    }

    fn stamp(&mut self, stamp: Stamp) {
        match stamp {
            Stamp::Missing => self.0.push(0),
            Stamp::File { modified, size } => {
                self.0.push(1);
                self.time(modified);
                self.number(size);
            }
            Stamp::Directory { modified } => {
                self.0.push(2);
                self.time(modified);
            }
            Stamp::Special => self.0.push(3),
            // Never equal to anything that is read.
            Stamp::Unreachable(_) => self.0.push(u8::MAX),
        }
    }

    fn node(&mut self, node: &OptionNode) {
        self.text(&node.info.name);
        self.option(node.info.option.as_ref(), |writer, details| {
            let texts = [
                &details.type_description,
                &details.description,
                &details.default,
                &details.example,
            ];
            for text in texts {
                writer.option(text.as_ref(), |writer, text| writer.text(text));
            }
            writer.list(&details.declarations, |writer, place| {
                writer.bytes(place.path.as_os_str().as_encoded_bytes());
                writer.number(u64::from(place.line));
            });
            writer.0.push(u8::from(details.is_hidden));
        });
        self.0.push(u8::from(node.is_internal));
        let ways = match &node.below {
            Below::Ways(ways) => Some(ways),
            Below::Unknown => None,
        };
        self.option(ways, |writer, ways| {
            writer.list(ways, |writer, way| {
                writer.list(&way.through, |writer, wrapper| writer.0.push(*wrapper as u8));
                writer.list(&way.options, Writer::node);
            });
        });
    }
}

/// Takes apart what [`Writer`] wrote. `None` where something else stands.
struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn length(&mut self) -> Option<usize> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        // Each item takes a byte at least; so no length makes room for more than there is.
        if length > self.0.len() {
            return None;
        }
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(item(self)?);
        }
        Some(items)
    }

    fn option<T>(&mut self, some: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.flag()? {
            true => some(self).map(Some),
            false => Some(None),
        }
    }

    fn time(&mut self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = (self.number()?, u32::try_from(self.number()?).ok()?);
        let since = Duration::from_secs(seconds);
        let since = since.checked_add(Duration::from_nanos(u64::from(nanoseconds)))?;
        SystemTime::UNIX_EPOCH.checked_add(since)
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(match self.byte()? {
            0 => Stamp::Missing,
            1 => Stamp::File { modified: self.time()?, size: self.number()? },
            2 => Stamp::Directory { modified: self.time()? },
            3 => Stamp::Special,
            _ => return None,
        })
    }

    fn node(&mut self, level: usize) -> Option<OptionNode> {
        // A list is not deeper than this when it is made.
        if level > MOST_LEVELS + 1 {
            return None;
        }
        let name = self.text()?;
        let option = self.option(|reader| {
            let mut text = || reader.option(Reader::text);
            let (type_description, description) = (text()?, text()?);
            let (default, example) = (text()?, text()?);
            let declarations = reader.list(|reader| {
                let path = reader.text()?.into();
                Some(SourceLine { path, line: u32::try_from(reader.number()?).ok()? })
            })?;
            let is_hidden = reader.flag()?;
            Some(OptionDetails {
                type_description,
                description,
                default,
                example,
                declarations,
                is_hidden,
            })
        })?;
        let is_internal = self.flag()?;
        let ways = self.option(|reader| {
            reader.list(|reader| {
                let through = reader.list(|reader| match reader.byte()? {
                    0 => Some(Wrapper::Attributes),
                    1 => Some(Wrapper::Elements),
                    _ => None,
                })?;
                Some(Way { through, options: reader.list(|reader| reader.node(level + 1))? })
            })
        })?;
        let below = ways.map_or(Below::Unknown, Below::Ways);
        Some(OptionNode { info: OptionInfo { name, option }, is_internal, below })
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use proptest::prelude::*;

    use super::*;

    fn example() -> Cached {
        let details = OptionDetails {
            type_description: Some("boolean".into()),
            description: Some("Whether to.\nÜber.".into()),
            default: Some("false".into()),
            example: None,
            declarations: vec![SourceLine { path: "/n/a.nix".into(), line: 7 }],
            is_hidden: true,
        };
        let option = |name: &str, below| OptionNode {
            info: OptionInfo { name: name.into(), option: Some(details.clone()) },
            is_internal: false,
            below,
        };
        let inner = vec![option("enable", Below::Ways(Vec::new())), option("x", Below::Unknown)];
        let ways = vec![
            Way { through: vec![Wrapper::Attributes, Wrapper::Elements], options: inner.clone() },
            Way { through: Vec::new(), options: inner },
        ];
        let modified = SystemTime::UNIX_EPOCH + Duration::new(1_000_000, 5);
        Cached {
            options: vec![
                option("a", Below::Ways(ways)),
                OptionNode {
                    info: OptionInfo { name: "b".into(), option: None },
                    is_internal: true,
                    below: Below::Ways(Vec::new()),
                },
            ],
            paths: vec![
                ("/n/a.nix".into(), Stamp::File { modified, size: 3 }),
                ("/n".into(), Stamp::Directory { modified }),
                ("/n/b.nix".into(), Stamp::Missing),
                ("/dev/null".into(), Stamp::Special),
            ],
            variables: vec![("FLOE_NO_SUCH".into(), None), ("X".into(), Some("1".into()))],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let cached = example();
        assert_eq!(Cached::of_bytes(&cached.to_bytes()), Some(cached));
    }

    #[test]
    fn a_list_that_is_cut_off_or_damaged_is_none() {
        let bytes = example().to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(Cached::of_bytes(&bytes[..end]), None, "{end} bytes");
            let mut damaged = bytes.clone();
            damaged[end] ^= 0x10;
            assert_eq!(Cached::of_bytes(&damaged), None, "byte {end}");
        }
    }

    #[test]
    fn a_list_is_stale_when_something_it_was_read_from_is_different() {
        let mut cached = example();
        cached.variables.pop();
        let known = cached.paths.clone();
        let stamp =
            |path: &Path| known.iter().find(|(known, _)| known == path).map(|known| known.1);
        assert!(cached.is_fresh(stamp));
        assert!(!cached.is_fresh(|path| stamp(path).filter(|_| path != Path::new("/n"))));
        assert!(!cached.is_fresh(|_| Some(Stamp::Missing)));
        cached.variables.push(("FLOE_NO_SUCH".into(), Some("1".into())));
        assert!(!cached.is_fresh(stamp));
        // Where a look failed there is nothing to compare with.
        cached.paths.push(("/n/c".into(), Stamp::Unreachable(ErrorKind::PermissionDenied)));
        assert_eq!(Cached::of_bytes(&cached.to_bytes()), None);
    }

    #[test]
    fn what_changed_while_a_list_was_made_is_in_no_list() {
        let read_from = ReadFrom { paths: vec!["/n/a.nix".into()], ..ReadFrom::default() };
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let made = |seconds| {
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            Cached::new(Vec::new(), &read_from, begin, |_| Stamp::File { modified, size: 1 })
        };
        assert!(made(900).is_some());
        assert_eq!(made(999), None);
        assert_eq!(made(1001), None);
    }

    #[test]
    fn of_many_lists_the_oldest_are_forgotten() {
        let folder = std::env::temp_dir().join(format!("floe-options-{}", std::process::id()));
        let files: Vec<PathBuf> =
            (0..MOST_FILES + 3).map(|number| folder.join(number.to_string())).collect();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        for (number, file) in files.iter().enumerate() {
            example().write(file).expect("it can be written");
            let file = fs::File::options().write(true).open(file).expect("it is there");
            let time = old + Duration::from_secs(number as u64);
            file.set_modified(time).expect("its time can be set");
        }
        let left = files.iter().filter(|file| file.exists()).count();
        let newest = Cached::read(&files[files.len() - 1]);
        fs::remove_dir_all(&folder).expect("it is there");
        assert_eq!(left, MOST_FILES);
        assert_eq!(newest, Some(example()));
    }

    proptest! {
        /// Without the check of the hash, which keeps nearly all bytes away from the reader.
        #[test]
        fn any_bytes_are_read_or_refused(
            tail in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 0_usize..400,
            place in 0_usize..400,
            byte: u8,
        ) {
            let whole = example().to_bytes();
            let mut bytes = whole[..whole.len() - HASH_BYTES].to_vec();
            bytes.truncate(cut);
            if let Some(at) = bytes.get_mut(place) {
                *at = byte;
            }
            bytes.extend(tail);
            let _ = Cached::of_body(&bytes);
        }
    }
}
