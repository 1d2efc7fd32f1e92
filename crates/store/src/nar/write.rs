//! Making archives and hashes of what is on disk.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::{CHUNK, MAGIC, MAX_DEPTH, NarError, file_error};
use crate::hash::{Algorithm, Hash, Hasher};

/// What a directory entry is, before anything else is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it points.
    Symlink,
    /// A socket, a device, a pipe: only a filter sees these.
    Unknown,
}

impl FileKind {
    /// The name that `builtins.readDir` and the filters of `builtins.path` see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Unknown => "unknown",
        }
    }
}

impl From<fs::FileType> for FileKind {
    fn from(file_type: fs::FileType) -> Self {
        if file_type.is_file() {
            Self::Regular
        } else if file_type.is_dir() {
            Self::Directory
        } else if file_type.is_symlink() {
            Self::Symlink
        } else {
            Self::Unknown
        }
    }
}

/// Writes the archive of `path`. Gives back the writer's buffer flushed.
pub fn dump(path: &Path, writer: impl Write) -> Result<(), NarError> {
    dump_filtered(path, writer, &mut |_, _| Ok::<_, NarError>(true))
}

/// Writes the archive of `path` without the entries that `filter` refuses.
///
/// The filter sees each entry's full path and kind, in the order of the archive, a directory before
/// what is in it; `path` itself is not asked about. Its errors end the work.
pub fn dump_filtered<E: From<NarError>>(
    path: &Path,
    writer: impl Write,
    filter: &mut dyn FnMut(&Path, FileKind) -> Result<bool, E>,
) -> Result<(), E> {
    let mut dumper = Dumper { writer: BufWriter::with_capacity(CHUNK, writer), chunk: Vec::new() };
    dumper.string(MAGIC)?;
    let metadata = fs::symlink_metadata(path).map_err(file_error("getting status of", path))?;
    dumper.object(path, metadata.file_type().into(), filter, 0)?;
    dumper.writer.flush().map_err(NarError::Stream)?;
    Ok(())
}

/// Writes the archive of a single regular file that is in memory.
pub fn write_file(contents: &[u8], executable: bool, mut writer: impl Write) -> io::Result<()> {
    write_string(&mut writer, MAGIC)?;
    write_string(&mut writer, b"(")?;
    write_regular_header(&mut writer, executable)?;
    write_string(&mut writer, contents)?;
    write_string(&mut writer, b")")
}

/// The hash and the size of the archive of `path`.
pub fn hash_path(path: &Path, algorithm: Algorithm) -> Result<(Hash, u64), NarError> {
    let mut hasher = Hasher::new(algorithm);
    dump(path, &mut hasher)?;
    let size = hasher.bytes();
    Ok((hasher.finish(), size))
}

/// The hash of a regular file's contents. A symbolic link is not followed.
pub fn hash_flat(path: &Path, algorithm: Algorithm) -> Result<Hash, NarError> {
    let metadata = fs::symlink_metadata(path).map_err(file_error("getting status of", path))?;
    if !metadata.is_file() {
        return Err(NarError::NotRegular(path.to_owned()));
    }
    let mut file = File::open(path).map_err(file_error("opening", path))?;
    let mut hasher = Hasher::new(algorithm);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(file_error("reading", path))? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(&chunk[..length]),
        }
    }
}

pub(super) fn write_string(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(&(bytes.len() as u64).to_le_bytes())?;
    writer.write_all(bytes)?;
    write_padding(writer, bytes.len() as u64)
}

/// All of a regular file's node but its contents and the closing parenthesis.
pub(super) fn write_regular_header(writer: &mut impl Write, executable: bool) -> io::Result<()> {
    write_string(writer, b"type")?;
    write_string(writer, b"regular")?;
    if executable {
        write_string(writer, b"executable")?;
        write_string(writer, b"")?;
    }
    write_string(writer, b"contents")
}

fn write_padding(writer: &mut impl Write, length: u64) -> io::Result<()> {
    let missing = length.next_multiple_of(8) - length;
    writer.write_all(&[0; 8][..missing as usize])
}

struct Dumper<W: Write> {
    writer: BufWriter<W>,
    /// As long as the files that were read, up to [`CHUNK`]: most are short.
    chunk: Vec<u8>,
}

impl<W: Write> Dumper<W> {
    fn string(&mut self, bytes: &[u8]) -> Result<(), NarError> {
        write_string(&mut self.writer, bytes).map_err(NarError::Stream)
    }

    fn strings(&mut self, strings: &[&[u8]]) -> Result<(), NarError> {
        strings.iter().try_for_each(|string| self.string(string))
    }

    fn object<E: From<NarError>>(
        &mut self,
        path: &Path,
        kind: FileKind,
        filter: &mut dyn FnMut(&Path, FileKind) -> Result<bool, E>,
        depth: usize,
    ) -> Result<(), E> {
        if depth >= MAX_DEPTH {
            return Err(NarError::TooDeep(path.to_owned()).into());
        }
        self.string(b"(")?;
        match kind {
            FileKind::Regular => self.regular(path)?,
            FileKind::Directory => self.directory(path, filter, depth)?,
            FileKind::Symlink => {
                let target = fs::read_link(path).map_err(file_error("reading link", path))?;
                self.strings(&[b"type", b"symlink", b"target", target.as_os_str().as_bytes()])?;
            }
            FileKind::Unknown => return Err(NarError::UnsupportedType(path.to_owned()).into()),
        }
        self.string(b")")?;
        Ok(())
    }

    fn regular(&mut self, path: &Path) -> Result<(), NarError> {
        // It was no link a moment ago; what it may have become since is not part of the tree.
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = File::options()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(file_error("opening", path))?;
        let metadata = file.metadata().map_err(file_error("getting status of", path))?;
        let size = metadata.len();
        let stream = NarError::Stream;
        write_regular_header(&mut self.writer, is_executable(&metadata)).map_err(stream)?;
        self.writer.write_all(&size.to_le_bytes()).map_err(stream)?;
        let mut left = size;
        while left > 0 {
            let wanted = left.min(CHUNK as u64) as usize;
            if self.chunk.len() < wanted {
                self.chunk.resize(wanted, 0);
            }
            match file.read(&mut self.chunk[..wanted]).map_err(file_error("reading", path))? {
                0 => {
                    return Err(NarError::Changed {
                        path: path.to_owned(),
                        expected: size,
                        found: size - left,
                    });
                }
                length => {
                    self.writer.write_all(&self.chunk[..length]).map_err(stream)?;
                    left -= length as u64;
                }
            }
        }
        write_padding(&mut self.writer, size).map_err(stream)
    }

    fn directory<E: From<NarError>>(
        &mut self,
        path: &Path,
        filter: &mut dyn FnMut(&Path, FileKind) -> Result<bool, E>,
        depth: usize,
    ) -> Result<(), E> {
        self.strings(&[b"type", b"directory"])?;
        for (name, kind) in sorted_entries(path)? {
            let entry = path.join(&name);
            if filter(&entry, kind)? {
                self.strings(&[b"entry", b"(", b"name", name.as_bytes(), b"node"])?;
                self.object(&entry, kind, filter, depth + 1)?;
                self.string(b")")?;
            }
        }
        Ok(())
    }
}

fn sorted_entries(path: &Path) -> Result<Vec<(OsString, FileKind)>, NarError> {
    let list = || {
        let mut entries = fs::read_dir(path)?
            .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?.into()))))
            .collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
        Ok(entries)
    };
    list().map_err(file_error("reading directory", path))
}

/// Only the owner's bit counts.
fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o100 != 0
}
