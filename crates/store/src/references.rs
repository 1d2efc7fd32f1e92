//! Finding which store paths a build output refers to.
//!
//! An output refers to a path when the path's hash part occurs anywhere in its NAR. Only paths
//! that could have been seen during the build are looked for.

use std::collections::BTreeSet;
use std::io::{self, Write};

use rustc_hash::FxHashMap;

use crate::nix32;
use crate::path::{HASH_PART_LEN, StorePath};

/// Searches a stream for the hash parts of candidate paths. As a [`Write`] it never fails.
pub struct ReferenceScanner {
    missing: FxHashMap<[u8; HASH_PART_LEN], StorePath>,
    found: BTreeSet<StorePath>,
    /// The end of what was seen, at most one byte short of a hash part.
    tail: Vec<u8>,
}

impl ReferenceScanner {
    /// A scanner for `candidates`.
    pub fn new(candidates: impl IntoIterator<Item = StorePath>) -> Self {
        let missing = candidates
            .into_iter()
            .filter_map(|path| Some((path.hash_part().as_bytes().try_into().ok()?, path)))
            .collect();
        Self { missing, found: BTreeSet::new(), tail: Vec::with_capacity(2 * HASH_PART_LEN) }
    }

    /// Takes in more of the stream.
    pub fn scan(&mut self, data: &[u8]) {
        if self.missing.is_empty() {
            return;
        }
        // A hash part may lie across the border between two pieces.
        let mut border = std::mem::take(&mut self.tail);
        border.extend_from_slice(&data[..data.len().min(HASH_PART_LEN - 1)]);
        self.search(&border);
        self.search(data);

        let kept = if data.len() >= HASH_PART_LEN { data } else { &border };
        let start = kept.len().saturating_sub(HASH_PART_LEN - 1);
        self.tail.extend_from_slice(&kept[start..]);
    }

    /// The candidates that occurred.
    pub fn finish(self) -> BTreeSet<StorePath> {
        self.found
    }

    /// Looks at the last byte of each window first: where it is no digit, the whole window is
    /// skipped, so that most of a binary file is never looked at.
    fn search(&mut self, data: &[u8]) {
        let mut start = 0;
        while let Some(window) = data.get(start..start + HASH_PART_LEN) {
            if let Some(last) = window.iter().rposition(|&byte| !nix32::is_digit(byte)) {
                start += last + 1;
                continue;
            }
            if let Some(path) = self.missing.remove(window) {
                self.found.insert(path);
            }
            start += 1;
        }
    }
}

impl Write for ReferenceScanner {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.scan(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidates() -> Vec<StorePath> {
        ["igyqgjr9qf4b57k33k7js2m3dbmmj2na-a", "4vavzfhm22ca4g26mf3ch96sp5gckmrf-b"]
            .map(|path| StorePath::parse(path).unwrap())
            .to_vec()
    }

    fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut scanner = ReferenceScanner::new(candidates());
        for piece in pieces {
            scanner.scan(piece);
        }
        scanner.finish().iter().map(|path| path.name().to_owned()).collect()
    }

    #[test]
    fn the_hash_part_alone_is_a_reference() {
        assert_eq!(scan([&b"xigyqgjr9qf4b57k33k7js2m3dbmmj2nax"[..]]), ["a"]);
        assert_eq!(scan([&b"igyqgjr9qf4b57k33k7js2m3dbmmj2n"[..]]), [""; 0]);
        assert_eq!(
            scan([&b"\0igyqgjr9qf4b57k33k7js2m3dbmmj2na4vavzfhm22ca4g26mf3ch96sp5gckmrf"[..]]),
            ["b", "a"]
        );
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            before in "[a-z0-9-]{0,70}", after in "[a-z0-9-]{0,70}", size in 1usize..80
        ) {
            let text = format!("{before}igyqgjr9qf4b57k33k7js2m3dbmmj2na{after}");
            prop_assert_eq!(scan(text.as_bytes().chunks(size)), ["a"]);
        }
    }
}
