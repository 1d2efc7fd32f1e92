//! Taking archives apart.
//!
//! Archives come from strangers: every length is bounded before anything is allocated, names can
//! neither leave the destination nor repeat, and every byte of the format is checked.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{BadArchive, CHUNK, MAGIC, MAX_DEPTH, MAX_NAME, MAX_TARGET, NarError, file_error};

/// Longest keyword that is read, to be shown where it does not belong.
const MAX_TAG: u64 = 32;

/// Receives the objects of an archive in its order. The methods for an object name it; the object
/// itself is at the place that the open directories lead to. The root's name is empty.
pub trait Sink {
    /// A regular file; `contents` yields `size` bytes. What is not read of it is skipped.
    fn file(
        &mut self,
        name: &[u8],
        executable: bool,
        size: u64,
        contents: &mut dyn Read,
    ) -> Result<(), NarError>;

    /// A symbolic link.
    fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), NarError>;

    /// A directory begins; objects up to the matching [`Sink::leave`] are in it.
    fn enter(&mut self, name: &[u8]) -> Result<(), NarError>;

    /// The innermost directory ends.
    fn leave(&mut self) -> Result<(), NarError>;
}

/// Reads one archive and hands its objects to `sink`. Bytes after the archive stay unread.
pub fn read(reader: impl Read, sink: &mut dyn Sink) -> Result<(), NarError> {
    let mut reader = Reader { reader };
    match reader.string(MAGIC.len() as u64) {
        Ok(magic) if magic == MAGIC => reader.object(b"", sink, 0),
        Err(error @ NarError::Stream(_)) => Err(error),
        _ => Err(BadArchive::Magic.into()),
    }
}

/// Unpacks an archive to `destination`, which must not exist.
///
/// Files become 0666 or 0777 minus the umask; registration in a store makes them canonical.
pub fn restore(reader: impl Read, destination: &Path) -> Result<(), NarError> {
    read(reader, &mut Restorer { directory: destination.to_owned(), chunk: vec![0; CHUNK] })
}

/// Looks at an archive without keeping anything of it: a check, or a way to find its end.
pub struct Discard;

impl Sink for Discard {
    fn file(&mut self, _: &[u8], _: bool, _: u64, _: &mut dyn Read) -> Result<(), NarError> {
        Ok(())
    }

    fn symlink(&mut self, _: &[u8], _: &[u8]) -> Result<(), NarError> {
        Ok(())
    }

    fn enter(&mut self, _: &[u8]) -> Result<(), NarError> {
        Ok(())
    }

    fn leave(&mut self) -> Result<(), NarError> {
        Ok(())
    }
}

struct Reader<R> {
    reader: R,
}

impl<R: Read> Reader<R> {
    fn object(&mut self, name: &[u8], sink: &mut dyn Sink, depth: usize) -> Result<(), NarError> {
        if depth >= MAX_DEPTH {
            return Err(BadArchive::TooDeep.into());
        }
        self.expect(b"(", "'('")?;
        self.expect(b"type", "'type'")?;
        match &*self.string(MAX_TAG)? {
            b"regular" => self.regular(name, sink),
            b"symlink" => {
                self.expect(b"target", "'target'")?;
                let target = self.string(MAX_TARGET)?;
                if target.is_empty() || target.contains(&0) {
                    return Err(BadArchive::Target.into());
                }
                sink.symlink(name, &target)?;
                self.expect(b")", "')'")
            }
            b"directory" => {
                sink.enter(name)?;
                self.entries(sink, depth)?;
                sink.leave()
            }
            other => Err(BadArchive::FileType(lossy(other)).into()),
        }
    }

    fn regular(&mut self, name: &[u8], sink: &mut dyn Sink) -> Result<(), NarError> {
        let mut tag = self.string(MAX_TAG)?;
        let executable = tag == b"executable";
        if executable {
            self.expect(b"", "''")?;
            tag = self.string(MAX_TAG)?;
        }
        check_tag(&tag, b"contents", "'contents'")?;
        let size = self.number()?;
        let mut contents = Contents { reader: &mut self.reader, left: size, failed: None };
        let taken = sink.file(name, executable, size, &mut contents);
        // What the sink makes of a failing stream is of less interest than the failure.
        if let Some(error) = contents.failed.take() {
            return Err(error);
        }
        taken?;
        let skipped = io::copy(&mut contents, &mut io::sink());
        if let Some(error) = contents.failed.take() {
            return Err(error);
        }
        skipped.map_err(NarError::Stream)?;
        self.padding(size)?;
        self.expect(b")", "')'")
    }

    fn entries(&mut self, sink: &mut dyn Sink, depth: usize) -> Result<(), NarError> {
        let mut previous = Vec::new();
        loop {
            let tag = self.string(MAX_TAG)?;
            if tag == b")" {
                return Ok(());
            }
            check_tag(&tag, b"entry", "'entry' or ')'")?;
            self.expect(b"(", "'('")?;
            self.expect(b"name", "'name'")?;
            let name = self.string(MAX_NAME)?;
            if matches!(&*name, b"" | b"." | b"..") || name.iter().any(|byte| b"/\0".contains(byte))
            {
                return Err(BadArchive::FileName(lossy(&name)).into());
            }
            if name <= previous {
                return Err(BadArchive::Unsorted(lossy(&name)).into());
            }
            self.expect(b"node", "'node'")?;
            self.object(&name, sink, depth + 1)?;
            self.expect(b")", "')'")?;
            previous = name;
        }
    }

    fn expect(&mut self, tag: &[u8], description: &'static str) -> Result<(), NarError> {
        check_tag(&self.string(MAX_TAG)?, tag, description)
    }

    fn string(&mut self, maximum: u64) -> Result<Vec<u8>, NarError> {
        let length = self.number()?;
        if length > maximum {
            return Err(BadArchive::TooLong { found: length, maximum }.into());
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        self.padding(length)?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, NarError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn padding(&mut self, length: u64) -> Result<(), NarError> {
        let mut bytes = [0; 8];
        let missing = (8 - length % 8) % 8;
        self.fill(&mut bytes[..missing as usize])?;
        if bytes == [0; 8] { Ok(()) } else { Err(BadArchive::Padding.into()) }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NarError> {
        self.reader.read_exact(bytes).map_err(stream_error)
    }
}

/// The contents of one file as a stream of their own.
struct Contents<'a, R> {
    reader: &'a mut R,
    left: u64,
    failed: Option<NarError>,
}

impl<R: Read> Read for Contents<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = self.left.min(buffer.len() as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        match self.reader.read(&mut buffer[..wanted]) {
            Ok(0) => {
                self.failed = Some(BadArchive::Truncated.into());
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(length) => {
                self.left -= length as u64;
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(NarError::Stream(error));
                Err(kind.into())
            }
        }
    }
}

fn stream_error(error: io::Error) -> NarError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BadArchive::Truncated.into(),
        _ => NarError::Stream(error),
    }
}

fn check_tag(found: &[u8], tag: &[u8], expected: &'static str) -> Result<(), NarError> {
    if found == tag {
        Ok(())
    } else {
        Err(BadArchive::Tag { expected, found: lossy(found) }.into())
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Restorer {
    /// The innermost open directory; at the root, the destination.
    directory: PathBuf,
    chunk: Vec<u8>,
}

impl Restorer {
    fn place(&self, name: &[u8]) -> PathBuf {
        // An empty component would add a slash, and with it follow a symbolic link.
        if name.is_empty() {
            self.directory.clone()
        } else {
            self.directory.join(OsStr::from_bytes(name))
        }
    }
}

impl Sink for Restorer {
    fn file(
        &mut self,
        name: &[u8],
        executable: bool,
        _size: u64,
        contents: &mut dyn Read,
    ) -> Result<(), NarError> {
        let path = self.place(name);
        let mut file = File::create_new(&path).map_err(file_error("creating", &path))?;
        loop {
            match contents.read(&mut self.chunk).map_err(stream_error)? {
                0 => break,
                length => {
                    file.write_all(&self.chunk[..length]).map_err(file_error("writing", &path))?;
                }
            }
        }
        if executable {
            let mode = file.metadata().map_err(file_error("getting status of", &path))?;
            let readable = mode.permissions().mode() & 0o444;
            let executable = Permissions::from_mode(mode.permissions().mode() | readable >> 2);
            file.set_permissions(executable).map_err(file_error("changing mode of", &path))?;
        }
        Ok(())
    }

    fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), NarError> {
        let path = self.place(name);
        std::os::unix::fs::symlink(OsStr::from_bytes(target), &path)
            .map_err(file_error("creating symbolic link", &path))
    }

    fn enter(&mut self, name: &[u8]) -> Result<(), NarError> {
        let path = self.place(name);
        fs::create_dir(&path).map_err(file_error("creating directory", &path))?;
        self.directory = path;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), NarError> {
        self.directory.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Tree, dump, read_tree, write_tree};
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    fn archive(strings: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for string in strings {
            super::super::write::write_string(&mut bytes, string).unwrap();
        }
        bytes
    }

    #[test]
    fn what_is_wrong_is_said() {
        let entry = |name: &'static [u8]| -> Vec<&'static [u8]> {
            vec![
                b"entry", b"(", b"name", name, b"node", b"(", b"type", b"symlink", b"target", b"x",
                b")", b")",
            ]
        };
        let directory = |names: &[&'static [u8]]| {
            let mut strings: Vec<&[u8]> = vec![MAGIC, b"(", b"type", b"directory"];
            strings.extend(names.iter().flat_map(|name| entry(name)));
            strings.push(b")");
            archive(&strings)
        };
        let mut padded = archive(&[MAGIC]);
        *padded.last_mut().unwrap() = 1;
        let cases = [
            b"hello".to_vec(),
            archive(&[b"nix-archive-2"]),
            archive(&[MAGIC, b"("]),
            archive(&[MAGIC, b"(", b"type", b"socket"]),
            archive(&[MAGIC, b"(", b"type", b"regular", b"content"]),
            archive(&[MAGIC, b"(", b"type", b"regular", b"executable", b"x"]),
            archive(&[MAGIC, b"(", b"type", b"symlink", b"target", b""]),
            archive(&[MAGIC, &[b'x'; 33]]),
            padded,
            directory(&[b""]),
            directory(&[b".."]),
            directory(&[b"a/b"]),
            directory(&[b"b", b"a"]),
            directory(&[b"a", b"a"]),
        ];
        let mut errors = String::new();
        for bytes in cases {
            errors += &format!("{}\n", read_tree(&bytes[..]).unwrap_err());
        }
        expect![[r#"
            bad archive: input doesn't look like a Nix archive
            bad archive: input doesn't look like a Nix archive
            bad archive: unexpected end of the archive
            bad archive: unknown file type 'socket'
            bad archive: expected 'contents', got 'content'
            bad archive: expected '', got 'x'
            bad archive: NAR contains invalid symlink target
            bad archive: string of 33 bytes where at most 32 are allowed
            bad archive: input doesn't look like a Nix archive
            bad archive: NAR contains invalid file name ''
            bad archive: NAR contains invalid file name '..'
            bad archive: NAR contains invalid file name 'a/b'
            bad archive: NAR directory is not sorted: 'a' comes too late
            bad archive: NAR directory is not sorted: 'a' comes too late
        "#]]
        .assert_eq(&errors);
    }

    #[test]
    fn huge_lengths_allocate_nothing() {
        let mut bytes = archive(&[MAGIC, b"(", b"type", b"regular", b"contents"]);
        bytes.extend(u64::MAX.to_le_bytes());
        assert!(matches!(read_tree(&bytes[..]), Err(NarError::Bad(BadArchive::Truncated))));
    }

    #[test]
    fn nesting_is_bounded() {
        let mut tree = Tree::Symlink { target: b"x".to_vec() };
        for _ in 0..MAX_DEPTH {
            tree = Tree::Directory([(b"d".to_vec(), tree)].into());
        }
        let mut bytes = Vec::new();
        write_tree(&tree, &mut bytes).unwrap();
        assert!(matches!(read_tree(&bytes[..]), Err(NarError::Bad(BadArchive::TooDeep))));
    }

    proptest! {
        #[test]
        fn disk_keeps_everything(tree in Tree::any()) {
            let directory = tempfile::tempdir().unwrap();
            let place = directory.path().join("object");
            let mut bytes = Vec::new();
            write_tree(&tree, &mut bytes).unwrap();
            restore(&bytes[..], &place).unwrap();
            let mut again = Vec::new();
            dump(&place, &mut again).unwrap();
            prop_assert_eq!(bytes, again);
        }

        #[test]
        fn reading_is_total(tree in Tree::any(), at: prop::sample::Index, byte: u8) {
            let mut bytes = Vec::new();
            write_tree(&tree, &mut bytes).unwrap();
            let at = at.index(bytes.len());
            prop_assert!(read_tree(&bytes[..at]).is_err());
            bytes[at] = byte;
            if let Ok(read) = read_tree(&bytes[..]) {
                let mut again = Vec::new();
                write_tree(&read, &mut again).unwrap();
                prop_assert_eq!(bytes, again);
            }
        }
    }
}
