//! The heap: a bump arena and the values in it.
//!
//! Everything that evaluation makes lives here until the whole [`Heap`] is dropped or cleared. There are no
//! reference counts and no collection; a [`Value`] is eight bytes and `Copy`. What a value points to is
//! reached only through the types of this module, which borrow from the heap for `'h`, so that no value
//! can outlive it. This is the only module of the project with `unsafe` code; the argument for its
//! soundness is in three parts:
//!
//! 1. *Addresses stay valid.* Chunks are never freed, moved or used again before the heap is dropped or
//!    cleared, and both need it unborrowed, which ends every `'h`.
//! 2. *Bits are what the tag says.* A [`Value`] is made only by the constructors here, each of which
//!    writes a whole object before it tags the object's address; the fields are private.
//! 3. *No data races, no dangling `&mut`.* What changes after construction is in a [`Cell`], and the
//!    heap is neither `Send` nor `Sync`.
#![allow(unsafe_code, reason = "the arena; see the module comment for why it is sound")]

mod attrs;
mod env;
mod function;
mod give_back;
mod list;
mod prefault;
mod shapes;
mod statistics;
mod string;
mod thunk;
mod value;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::ptr::NonNull;

use prefault::{Prefaulter, STEP_BYTES};
use shapes::Shapes;
use statistics::Statistics;

pub use attrs::{Attr, Attrs, AttrsBuilder, Lookup, PositionId, Shape};
pub use env::Env;
pub use function::{Closure, PartialApplication};
pub use give_back::give_back;
pub use list::List;
pub use statistics::{Allocated, ObjectKind};
pub use string::{Context, ContextElement, Str};
pub use thunk::{Code, Marks, Suspended, Taken, Thunk, Undo};
pub use value::{Kind, Value};

/// A bump arena. See the module's comment.
pub struct Heap {
    next: Cell<*mut u64>,
    /// Where the room that may be used now ends: at most at the chunk's end.
    end: Cell<*mut u64>,
    chunk_end: Cell<*mut u64>,
    chunks: RefCell<Vec<Chunk>>,
    /// Chunks that were in use before the heap was cleared.
    spare_chunks: RefCell<Vec<Chunk>>,
    /// Boxes, as pointers: moving a box would say that nobody else points into it.
    kept: RefCell<Vec<NonNull<dyn Any>>>,
    /// Bytes in all chunks but the spare ones.
    reserved: Cell<usize>,
    /// Started with the first chunk of several steps.
    prefaulter: OnceCell<Option<Prefaulter>>,
    statistics: Statistics,
    shapes: Shapes,
}

/// Memory from the system.
type Chunk = (NonNull<u64>, Layout);

/// The first chunk is small, so that an evaluator costs little to start; later ones double.
const FIRST_CHUNK_BYTES: usize = 256 << 10;
const LARGEST_CHUNK_BYTES: usize = 32 << 20;
impl Heap {
    /// An empty heap.
    pub fn new() -> Heap {
        Heap {
            next: Cell::new(std::ptr::null_mut()),
            end: Cell::new(std::ptr::null_mut()),
            chunk_end: Cell::new(std::ptr::null_mut()),
            chunks: RefCell::default(),
            spare_chunks: RefCell::default(),
            kept: RefCell::default(),
            reserved: Cell::new(0),
            prefaulter: OnceCell::new(),
            statistics: Statistics::default(),
            shapes: Shapes::default(),
        }
    }

    /// Forgets everything and keeps the memory for what comes next: it need not be asked of the system again.
    pub fn clear(&mut self) {
        // Nothing borrows from the heap any more: `&mut self` ends every `'h`.
        self.drop_kept();
        self.spare_chunks.get_mut().append(self.chunks.get_mut());
        for end in [&self.next, &self.end, &self.chunk_end] {
            end.set(std::ptr::null_mut());
        }
        self.reserved.set(0);
        self.statistics = Statistics::default();
        self.shapes = Shapes::default();
    }

    /// How many bytes the heap has taken from the system for what is in it.
    pub fn reserved_bytes(&self) -> usize {
        self.reserved.get()
    }

    /// How many bytes are in use.
    pub fn used_bytes(&self) -> usize {
        let free = (self.chunk_end.get() as usize) - (self.next.get() as usize);
        self.reserved.get() - free
    }

    /// Keeps `value` until the heap is dropped and lends it for as long.
    pub fn keep<T: 'static>(&self, value: T) -> &T {
        let address = NonNull::from(Box::leak(Box::new(value)));
        self.kept.borrow_mut().push(address);
        // SAFETY: the object stays until the heap is dropped, and nobody makes a `&mut` to it before.
        unsafe { address.as_ref() }
    }

    /// Copies a slice into the heap.
    pub fn slice<T: Copy>(&self, items: &[T]) -> &[T] {
        self.slice_with(items.len(), |i| items[i])
    }

    /// A new slice of `len` items, the `i`th being `item(i)`.
    pub fn slice_with<T: Copy>(&self, len: usize, item: impl FnMut(usize) -> T) -> &[T] {
        if len == 0 {
            return &[];
        }
        let start = self.items(ObjectKind::Table, len, item);
        // SAFETY: `items` wrote `len` items into fresh memory that nobody else knows.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// A new slice of cells, all with the same content.
    pub fn cells<T: Copy>(&self, len: usize, item: T) -> &[Cell<T>] {
        let Ok(cells) = self.try_cells(ObjectKind::Table, len, |_| Ok::<T, Infallible>(item));
        cells
    }

    fn try_cells<T: Copy, E>(
        &self,
        kind: ObjectKind,
        len: usize,
        item: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<&[Cell<T>], E> {
        if len == 0 {
            return Ok(&[]);
        }
        let start = self.try_items(kind, len, item)?.cast::<Cell<T>>();
        // SAFETY: `Cell<T>` has the layout of `T`, and the memory is reached only through this slice of
        // cells, which is made from the pointer to the writable memory itself.
        Ok(unsafe { std::slice::from_raw_parts(start.as_ptr(), len) })
    }

    /// Fresh memory with `len` items, at least one.
    fn items<T: Copy>(
        &self,
        kind: ObjectKind,
        len: usize,
        mut item: impl FnMut(usize) -> T,
    ) -> NonNull<T> {
        let Ok(start) = self.try_items(kind, len, |i| Ok::<T, Infallible>(item(i)));
        start
    }

    /// [`Heap::items`], given up with the first error: nobody has seen what was written so far.
    fn try_items<T: Copy, E>(
        &self,
        kind: ObjectKind,
        len: usize,
        mut item: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<NonNull<T>, E> {
        const { assert!(align_of::<T>() <= align_of::<u64>()) };
        let bytes = len.checked_mul(size_of::<T>()).expect("a slice fits into the address space");
        let start = self.words(kind, bytes.div_ceil(size_of::<u64>()).max(1)).cast::<T>();
        for i in 0..len {
            // SAFETY: `words` gave room for `len` items, aligned for `u64`, which suffices (asserted).
            unsafe { start.add(i).write(item(i)?) };
        }
        Ok(start)
    }

    /// Copies a plain object into the heap.
    pub fn object<T: Copy>(&self, object: T) -> &T {
        &self.slice_with(1, |_| object)[0]
    }

    /// Fresh memory of `count` words, uninitialised.
    #[inline(always)]
    fn words(&self, kind: ObjectKind, count: usize) -> NonNull<u64> {
        self.statistics.count(kind, count);
        let start = self.next.get();
        if (self.end.get() as usize) - (start as usize) < count * size_of::<u64>() {
            return self.words_beyond_end(count);
        }
        // SAFETY: the chunk has at least `count` words behind `start`.
        self.next.set(unsafe { start.add(count) });
        // SAFETY: an empty heap has `next == end == null`, which the branch above sends away unless
        // `count` is zero; nobody asks for zero words.
        unsafe { NonNull::new_unchecked(start) }
    }

    #[cold]
    #[inline(never)]
    fn words_beyond_end(&self, count: usize) -> NonNull<u64> {
        let (start, chunk_end) = (self.next.get(), self.chunk_end.get());
        if (chunk_end as usize) - (start as usize) < count * size_of::<u64>() {
            return self.words_in_new_chunk(count);
        }
        // SAFETY: the chunk has at least `count` words behind `start`, so that it is not null.
        let (start, next) = unsafe { (NonNull::new_unchecked(start), start.add(count)) };
        self.next.set(next);
        self.open_step();
        start
    }

    /// Opens the next step of the chunk for use, and asks for the pages of the one after it.
    fn open_step(&self) {
        let (next, chunk_end) = (self.next.get(), self.chunk_end.get());
        let Some(prefaulter) = self.prefaulter.get_or_init(Prefaulter::start) else {
            self.end.set(chunk_end);
            return;
        };
        let left = (chunk_end as usize) - (next as usize);
        let step = STEP_BYTES.min(left) / size_of::<u64>();
        let two_steps = (2 * STEP_BYTES).min(left) / size_of::<u64>();
        // SAFETY: both stay within, or one past, the chunk.
        let (end, after) = unsafe { (next.add(step), next.add(two_steps)) };
        prefaulter.populate(end, after);
        self.end.set(end);
    }

    fn words_in_new_chunk(&self, count: usize) -> NonNull<u64> {
        assert!(count > 0, "an object has at least one word");
        let spare = self.spare_chunk(count * size_of::<u64>());
        let is_spare = spare.is_some();
        let (chunk, layout) = spare.unwrap_or_else(|| self.new_chunk(count * size_of::<u64>()));
        self.chunks.borrow_mut().push((chunk, layout));
        let bytes = layout.size();
        self.reserved.set(self.reserved.get() + bytes);
        let words = bytes / size_of::<u64>();
        if count < words {
            // SAFETY: both stay within, or one past, the chunk of `words` words.
            unsafe {
                self.next.set(chunk.as_ptr().add(count));
                self.chunk_end.set(chunk.as_ptr().add(words));
            }
            if bytes > STEP_BYTES && !is_spare {
                self.open_step();
            } else {
                self.end.set(self.chunk_end.get());
            }
        }
        chunk
    }

    fn spare_chunk(&self, least_bytes: usize) -> Option<Chunk> {
        let mut spare = self.spare_chunks.borrow_mut();
        let fitting =
            spare.iter().enumerate().filter(|(_, (_, layout))| layout.size() >= least_bytes);
        let (index, _) = fitting.min_by_key(|(_, (_, layout))| layout.size())?;
        Some(spare.swap_remove(index))
    }

    fn new_chunk(&self, least_bytes: usize) -> Chunk {
        let doubled = (self.reserved.get()).clamp(FIRST_CHUNK_BYTES, LARGEST_CHUNK_BYTES);
        let layout = Layout::from_size_align(doubled.max(least_bytes), 16)
            .expect("a chunk fits into the address space");
        // SAFETY: the layout's size is not zero.
        let Some(chunk) = NonNull::new(unsafe { alloc(layout) }.cast::<u64>()) else {
            handle_alloc_error(layout)
        };
        (chunk, layout)
    }

    fn drop_kept(&mut self) {
        for kept in self.kept.get_mut().drain(..) {
            // SAFETY: it came from a box, once, and no `'h` is alive any more.
            drop(unsafe { Box::from_raw(kept.as_ptr()) });
        }
    }
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // Its thread must not touch memory that is given back.
        self.prefaulter.take();
        self.drop_kept();
        for &mut (chunk, layout) in
            self.chunks.get_mut().iter_mut().chain(self.spare_chunks.get_mut())
        {
            // SAFETY: it came from `alloc` with this layout, and no `'h` is alive any more.
            unsafe { dealloc(chunk.as_ptr().cast(), layout) };
        }
    }
}

#[cfg(test)]
mod tests;
