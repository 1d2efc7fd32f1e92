//! Interned names: one number for one spelling, in the whole process.

use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use rustc_hash::FxHasher;

/// A name (of a variable, an attribute, a formal argument), interned for the life of the process.
///
/// Equality and hashing are those of a number. The order is that of interning, **not** that of the
/// alphabet: sort by [`Name::as_str`] where a person sees the result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

impl Name {
    /// The name with this spelling.
    pub fn new(text: &str) -> Name {
        if let Some(name) = TABLE.ids.get(text) {
            return *name;
        }
        let text = keep(text);
        *TABLE.ids.entry(text).or_insert_with(|| {
            let id = TABLE.next.fetch_add(1, Ordering::Relaxed);
            let (chunk, offset) = position(id);
            let chunk = TABLE.chunks[chunk].get_or_init(|| new_chunk(chunk));
            chunk[offset].set(text).expect("an id is handed out once");
            Name(id)
        })
    }

    /// The spelling.
    pub fn as_str(self) -> &'static str {
        let (chunk, offset) = position(self.0);
        TABLE.chunks[chunk]
            .get()
            .and_then(|chunk| chunk[offset].get())
            .expect("a name exists only after its text was stored")
    }

    /// The number, for tables indexed by name. Numbers are dense, from 0.
    pub fn index(self) -> u32 {
        self.0
    }

    /// The name with this number, which [`Name::index`] gave.
    pub fn from_index(index: u32) -> Name {
        Name(index)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

type Chunk = Box<[OnceLock<&'static str>]>;

/// Spelling to number in a sharded table, number to spelling in chunks that double in size and never
/// move, so that reading a spelling takes no lock.
struct Table {
    ids: DashMap<&'static str, Name, BuildHasherDefault<FxHasher>>,
    chunks: [OnceLock<Chunk>; CHUNKS],
    next: AtomicU32,
}

const FIRST_CHUNK_BITS: u32 = 12;
const CHUNKS: usize = (32 - FIRST_CHUNK_BITS) as usize + 1;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table {
    ids: DashMap::default(),
    chunks: [const { OnceLock::new() }; CHUNKS],
    next: AtomicU32::new(0),
});

/// Keeps a text for ever. One stands behind the other: most are shorter than what an allocation of their own
/// takes, and they would lie scattered among what is freed again.
fn keep(text: &str) -> &'static str {
    const BLOCK: usize = 16 << 10;
    static REST: Mutex<&'static mut [u8]> = Mutex::new(&mut []);
    if text.len() > BLOCK / 8 {
        return Box::leak(Box::from(text));
    }
    let mut rest = REST.lock().unwrap_or_else(PoisonError::into_inner);
    if rest.len() < text.len() {
        *rest = Box::leak(Box::new([0; BLOCK]));
    }
    let (kept, left) = std::mem::take(&mut *rest).split_at_mut(text.len());
    *rest = left;
    kept.copy_from_slice(text.as_bytes());
    std::str::from_utf8(kept).expect("it was a text")
}

/// Chunk 0 holds the first 2¹² numbers, each further chunk as many as all before it together.
fn position(id: u32) -> (usize, usize) {
    let high = id >> FIRST_CHUNK_BITS;
    if high == 0 {
        return (0, id as usize);
    }
    let chunk = 32 - high.leading_zeros();
    (chunk as usize, (id - (1 << (FIRST_CHUNK_BITS + chunk - 1))) as usize)
}

fn new_chunk(chunk: usize) -> Chunk {
    let bits = FIRST_CHUNK_BITS + (chunk as u32).saturating_sub(1);
    (0..1_usize << bits).map(|_| OnceLock::new()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_spellings_are_one_name_on_every_thread() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    (0..20_000).map(|i| Name::new(&format!("n{i}"))).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut results = threads.into_iter().map(|thread| thread.join().unwrap());
        let first = results.next().unwrap();
        assert!(results.all(|names| names == first));
        assert!(first.iter().enumerate().all(|(i, name)| name.as_str() == format!("n{i}")));
    }

    #[test]
    fn names_may_be_empty_or_long() {
        for length in [0, 1, 2047, 2048, 2049, 100_000] {
            let text = "é".repeat(length);
            assert_eq!(Name::new(&text).as_str(), text);
        }
    }
}
