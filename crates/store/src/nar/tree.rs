//! A whole file system object in memory, for small things and for tests.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::read::{Sink, read};
use super::write::{write_regular_header, write_string};
use super::{MAGIC, NarError};

/// A file system object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// A regular file.
    File {
        /// Whether it may be executed.
        executable: bool,
        /// Its bytes.
        contents: Vec<u8>,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: Vec<u8>,
    },
    /// A directory.
    Directory(Entries),
}

/// What is in a directory, by names.
pub type Entries = BTreeMap<Vec<u8>, Tree>;

/// Writes the archive of `tree`.
pub fn write_tree(tree: &Tree, mut writer: impl Write) -> io::Result<()> {
    write_string(&mut writer, MAGIC)?;
    write_object(tree, &mut writer)
}

/// Reads an archive into memory.
pub fn read_tree(reader: impl Read) -> Result<Tree, NarError> {
    let mut builder = Builder::default();
    read(reader, &mut builder)?;
    Ok(builder.root.expect("a reader that succeeds has delivered the root"))
}

fn write_object(tree: &Tree, writer: &mut impl Write) -> io::Result<()> {
    write_string(writer, b"(")?;
    match tree {
        Tree::File { executable, contents } => {
            write_regular_header(writer, *executable)?;
            write_string(writer, contents)?;
        }
        Tree::Symlink { target } => {
            for string in [b"type", &b"symlink"[..], b"target", target] {
                write_string(writer, string)?;
            }
        }
        Tree::Directory(entries) => {
            write_string(writer, b"type")?;
            write_string(writer, b"directory")?;
            for (name, entry) in entries {
                for string in [b"entry", &b"("[..], b"name", name, b"node"] {
                    write_string(writer, string)?;
                }
                write_object(entry, writer)?;
                write_string(writer, b")")?;
            }
        }
    }
    write_string(writer, b")")
}

#[derive(Default)]
struct Builder {
    open: Vec<(Vec<u8>, Entries)>,
    root: Option<Tree>,
}

impl Builder {
    fn add(&mut self, name: Vec<u8>, tree: Tree) {
        match self.open.last_mut() {
            Some((_, entries)) => drop(entries.insert(name, tree)),
            None => self.root = Some(tree),
        }
    }
}

impl Sink for Builder {
    fn file(
        &mut self,
        name: &[u8],
        executable: bool,
        _size: u64,
        reader: &mut dyn Read,
    ) -> Result<(), NarError> {
        let mut contents = Vec::new();
        reader.read_to_end(&mut contents).map_err(NarError::Stream)?;
        self.add(name.to_vec(), Tree::File { executable, contents });
        Ok(())
    }

    fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), NarError> {
        self.add(name.to_vec(), Tree::Symlink { target: target.to_vec() });
        Ok(())
    }

    fn enter(&mut self, name: &[u8]) -> Result<(), NarError> {
        self.open.push((name.to_vec(), Entries::new()));
        Ok(())
    }

    fn leave(&mut self) -> Result<(), NarError> {
        if let Some((name, entries)) = self.open.pop() {
            self.add(name, Tree::Directory(entries));
        }
        Ok(())
    }
}

#[cfg(test)]
impl Tree {
    /// Any small tree, as property tests need them.
    pub(super) fn any() -> impl proptest::strategy::Strategy<Value = Self> {
        use proptest::prelude::*;
        let name = proptest::collection::vec(any::<u8>(), 1..12).prop_filter("a name", |name| {
            !matches!(&**name, b"." | b"..") && !name.iter().any(|byte| b"/\0".contains(byte))
        });
        let target = proptest::collection::vec(1u8.., 1..40);
        let leaf = prop_oneof![
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40))
                .prop_map(|(executable, contents)| Self::File { executable, contents }),
            target.prop_map(|target| Self::Symlink { target }),
        ];
        leaf.prop_recursive(4, 24, 6, move |inner| {
            proptest::collection::btree_map(name.clone(), inner, 0..6).prop_map(Self::Directory)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{Algorithm, Format, Hash};
    use proptest::prelude::*;

    fn archive(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_tree(tree, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_small_archive_byte_for_byte() {
        let tree = Tree::File { executable: true, contents: b"hi".to_vec() };
        let expected = [
            "\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0",
            "\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0",
            "\x04\0\0\0\0\0\0\0type\0\0\0\0",
            "\x07\0\0\0\0\0\0\0regular\0",
            "\x0a\0\0\0\0\0\0\0executable\0\0\0\0\0\0",
            "\0\0\0\0\0\0\0\0",
            "\x08\0\0\0\0\0\0\0contents",
            "\x02\0\0\0\0\0\0\0hi\0\0\0\0\0\0",
            "\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0",
        ];
        assert_eq!(archive(&tree), expected.concat().as_bytes());
        let mut file = Vec::new();
        crate::nar::write_file(b"hi", true, &mut file).unwrap();
        assert_eq!(file, archive(&tree));
    }

    #[test]
    fn the_hash_of_an_empty_directory() {
        // What `nix-hash --type sha256 --base32` says of one.
        let hash = Hash::of(Algorithm::Sha256, &archive(&Tree::Directory(Entries::new())));
        assert_eq!(
            hash.format(Format::Nix32),
            "0sjjj9z1dhilhpc8pq4154czrb79z9cm044jvn75kxcjv6v5l2m5"
        );
    }

    proptest! {
        #[test]
        fn round_trip(tree in Tree::any()) {
            prop_assert_eq!(read_tree(&archive(&tree)[..]).unwrap(), tree);
        }
    }
}
