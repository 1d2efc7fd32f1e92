//! Results that count for now: what was evaluated with the help of files that their author is editing.
//!
//! Whoever keeps a heap for many questions wants the values of unchanged files to stay, and those that
//! depend on an edit to go, however deep inside of a kept structure they are: the configuration of a system
//! is one knot, in which a thousand unchanged modules and the edited one refer to each other.
//!
//! So it is noted which regions of volatile files (see [`FileSystem::is_volatile`] and [`crate::own`]) an
//! evaluation has read, by itself or through a thunk that has. The result of a thunk that did counts only
//! for now: nobody copies it out of the thunk, reading it is reading these regions in turn, and when one of
//! them changes, [`Evaluator::forget`] makes the thunk what it was before. Anything else that was evaluated
//! has nothing volatile in it, and stays.
//!
//! Why that is all: what an evaluation makes is reached only through its result. So whoever holds a value
//! that was made with the help of a region has read it, too, and is forgotten with it.
//!
//! [`FileSystem::is_volatile`]: crate::fs::FileSystem::is_volatile
//! [`Evaluator::forget`]: crate::Evaluator::forget

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::heap::{Marks, Suspended, Thunk, Undo, Value};

/// What was evaluated for now.
#[derive(Default)]
pub(crate) struct Volatile<'h> {
    /// What the evaluation that is going on has read.
    read: Cell<Regions>,
    undo: RefCell<Vec<(Regions, Undo<'h>)>>,
    /// How many regions of each kind there are.
    counts: Cell<[u8; 3]>,
}

/// A part of a volatile file, by its number. There are few numbers, so that several regions can have one:
/// they change together.
#[derive(Clone, Copy)]
pub(crate) struct Region(u8);

/// What a region is. Of those that are higher up more is forgotten when they change, and they change more
/// rarely; so the kinds have no numbers in common.
#[derive(Clone, Copy)]
pub(crate) enum RegionKind {
    /// A file, without its definitions.
    Root,
    /// A definition with others in it.
    Branch,
    /// Any other definition.
    Leaf,
}

/// A set of regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Regions(u64);

/// What had been read when an evaluation began.
#[derive(Clone, Copy)]
pub(crate) struct Begun(Regions);

impl Regions {
    pub(crate) const NONE: Regions = Regions(0);
    /// Whatever is read of volatile files otherwise than by importing them: it counts for one question.
    pub(crate) const ALWAYS: Regions = Regions(1);
    /// Where definitions stand in the text of a volatile file.
    pub(crate) const POSITIONS: Regions = Regions(2);

    /// The numbers of each kind.
    const RANGES: [Range<u8>; 3] = [2..16, 16..32, 32..Marks::BITS as u8];

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub(crate) fn and(self, others: Regions) -> Regions {
        Regions(self.0 | others.0)
    }

    pub(crate) fn has(self, region: Region) -> bool {
        self.meets(region.into())
    }

    pub(crate) fn meets(self, others: Regions) -> bool {
        self.0 & others.0 != 0
    }
}

impl From<Marks> for Regions {
    #[inline(always)]
    fn from(Marks(bits): Marks) -> Regions {
        Regions(bits)
    }
}

impl From<Region> for Regions {
    fn from(Region(number): Region) -> Regions {
        Regions(1 << number)
    }
}

impl<'h> Volatile<'h> {
    /// A number for a region of this kind.
    pub(crate) fn new_region(&self, kind: RegionKind) -> Region {
        let range = Regions::RANGES[kind as usize].clone();
        let mut counts = self.counts.get();
        let count = &mut counts[kind as usize];
        let region = Region(range.start + *count);
        *count = (*count + 1) % (range.end - range.start);
        self.counts.set(counts);
        region
    }

    /// Regions are read, or a result that was evaluated with their help.
    #[inline(always)]
    pub(crate) fn note(&self, regions: Regions) {
        self.read.set(self.read.get().and(regions));
    }

    /// What the evaluation that is going on has read so far.
    pub(crate) fn read(&self) -> Regions {
        self.read.get()
    }

    /// An evaluation begins whose result can outlive what is evaluated around it.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Begun {
        Begun(self.read.replace(Regions::NONE))
    }

    /// It has ended: what it has read. If that is anything, its result counts only for now.
    #[inline(always)]
    pub(crate) fn end(&self, Begun(before): Begun) -> Regions {
        let read = self.read.get();
        self.read.set(before.and(read));
        read
    }

    /// Stores a result that counts for now.
    #[cold]
    pub(crate) fn finish(
        &self,
        thunk: Thunk<'h>,
        work: Suspended<'h>,
        result: Value<'h>,
        read: Regions,
    ) {
        self.undo.borrow_mut().push((read, thunk.finish_for_now(work, result, Marks(read.0))));
    }

    /// Undoes the results that were evaluated with the help of these regions.
    pub(crate) fn forget(&self, changed: Regions) {
        self.read.set(Regions::NONE);
        self.undo.borrow_mut().retain(|(read, undo)| {
            let stays = !read.meets(changed);
            if !stays {
                undo.undo();
            }
            stays
        });
    }
}
