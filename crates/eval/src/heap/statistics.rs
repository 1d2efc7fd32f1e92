//! What was allocated, by kind of object.

use std::cell::Cell;

use super::Heap;

/// A kind of object in a [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A suspended computation.
    Thunk,
    /// An environment with its slots.
    Env,
    /// An attribute set's values.
    Attrs,
    /// A list's length and place.
    List,
    /// A list's elements.
    Elements,
    /// A string with its bytes.
    String,
    /// A closure, or a builtin with some of its arguments.
    Function,
    /// A number that needs more than a tagged word, or a path.
    Number,
    /// Names and places of attribute sets, contexts of strings, tables of loaded files.
    Table,
}

/// How much was allocated for one kind of object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// How many objects.
    pub objects: u64,
    /// How many bytes they take.
    pub bytes: u64,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [ObjectKind; 9] = [
        ObjectKind::Thunk,
        ObjectKind::Env,
        ObjectKind::Attrs,
        ObjectKind::List,
        ObjectKind::Elements,
        ObjectKind::String,
        ObjectKind::Function,
        ObjectKind::Number,
        ObjectKind::Table,
    ];

    /// The kind's name, in the plural, for a table.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Thunk => "thunks",
            ObjectKind::Env => "environments",
            ObjectKind::Attrs => "sets",
            ObjectKind::List => "lists",
            ObjectKind::Elements => "list elements",
            ObjectKind::String => "strings",
            ObjectKind::Function => "functions",
            ObjectKind::Number => "numbers and paths",
            ObjectKind::Table => "tables",
        }
    }
}

/// Counters, one of each for every [`ObjectKind`].
#[derive(Default)]
pub(super) struct Statistics {
    objects: [Cell<u64>; ObjectKind::ALL.len()],
    words: [Cell<u64>; ObjectKind::ALL.len()],
}

impl Statistics {
    #[inline(always)]
    pub(super) fn count(&self, kind: ObjectKind, words: usize) {
        let (objects, sum) = (&self.objects[kind as usize], &self.words[kind as usize]);
        objects.set(objects.get() + 1);
        sum.set(sum.get() + words as u64);
    }
}

impl Heap {
    /// What was allocated for one kind of object since the heap was made or cleared.
    pub fn allocated(&self, kind: ObjectKind) -> Allocated {
        let Statistics { objects, words } = &self.statistics;
        Allocated {
            objects: objects[kind as usize].get(),
            bytes: words[kind as usize].get() * size_of::<u64>() as u64,
        }
    }
}
