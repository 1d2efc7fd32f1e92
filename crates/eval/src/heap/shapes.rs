//! Shapes that are made once and shared: those of merged sets, and those with the same names and places.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::ptr::NonNull;

use floe_hir::Name;
use rustc_hash::{FxHashMap, FxHasher};

use super::{Attrs, Heap, PositionId, Shape};

/// The shapes that a heap remembers. They lie in the heap itself, so that these pointers stay valid for
/// as long as it does.
#[derive(Default)]
pub(super) struct Shapes {
    /// The shape of `a // b`, by the addresses of the shapes of `a` and `b`.
    merged: RefCell<FxHashMap<(usize, usize), NonNull<Shape<'static>>>>,
    /// The shape of the same names without places, by a shape's address.
    without_positions: RefCell<FxHashMap<usize, NonNull<Shape<'static>>>>,
    /// Shapes by a hash of their content.
    by_content: RefCell<FxHashMap<u64, NonNull<Shape<'static>>>>,
    /// How many shapes there are.
    count: Cell<u32>,
}

impl Shapes {
    /// The number of a new shape.
    pub(super) fn next_number(&self) -> u32 {
        // There is no memory for so many that this could begin anew.
        self.count.update(|count| count + 1);
        self.count.get()
    }
}

/// From so many attributes on, a set that is changed a little is not copied.
const LARGE: usize = 128;
/// The changes are few if they are not more than one in so many.
const FEW_IN: usize = 8;
/// Between two questions whether a merge is to go on.
const STEPS: usize = 4096;

impl Heap {
    /// `a // b`.
    #[inline]
    pub fn update<'h>(&'h self, a: Attrs<'h>, b: Attrs<'h>) -> Attrs<'h> {
        let Ok(updated) = self.try_update(a, b, || Ok::<_, Infallible>(()));
        updated
    }

    /// [`Heap::update`], given up with the first error of `go_on`, which is asked every few thousand attributes.
    #[inline]
    pub fn try_update<'h, E>(
        &'h self,
        a: Attrs<'h>,
        b: Attrs<'h>,
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<Attrs<'h>, E> {
        if b.is_empty() {
            return Ok(a);
        }
        if a.is_empty() {
            return Ok(b);
        }
        if b.layered().is_none() {
            let (base, changes) = match a.layered() {
                Some(layered) => (layered.base, layered.top.len() + b.len()),
                None => (a, b.len()),
            };
            if base.len() >= LARGE && changes <= base.len() / FEW_IN {
                // What was changed twice has one layer of changes.
                let top = match a.layered() {
                    Some(layered) => self.merged(layered.top, b, &mut go_on)?,
                    None => b,
                };
                return Ok(self.layered_attrs(base, top));
            }
        }
        self.merged(a, b, &mut go_on)
    }

    /// `a // b` as one object; both have attributes.
    pub(super) fn merged<'h, E>(
        &'h self,
        a: Attrs<'h>,
        b: Attrs<'h>,
        go_on: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<Attrs<'h>, E> {
        let shape = self.merged_shape(a.shape(), b.shape(), go_on)?;
        let (left, right) = (a.shape().names, b.shape().names);
        let (left_cells, right_cells) = (a.cells(), b.cells());
        let (mut i, mut j) = (0, 0);
        self.try_attrs_with(shape, |merged| {
            if merged % STEPS == STEPS - 1 {
                go_on()?;
            }
            let name = shape.names[merged];
            let in_left = left.get(i) == Some(&name);
            i += usize::from(in_left);
            if right.get(j) == Some(&name) {
                j += 1;
                Ok(right_cells[j - 1].get())
            } else {
                Ok(left_cells[i - 1].get())
            }
        })
    }

    /// The shape with the same names and no places.
    pub fn shape_without_positions<'h>(&'h self, shape: &'h Shape<'h>) -> &'h Shape<'h> {
        if shape.positions.is_empty() {
            return shape;
        }
        let mut known = self.shapes.without_positions.borrow_mut();
        let made = || erase(self.shape_of(shape.names, &[]));
        // SAFETY: it points to a shape in this heap.
        unsafe { restore(*known.entry(address(shape)).or_insert_with(made)) }
    }

    /// The shape with the names, ascending, and places of these entries; made if no equal one is there.
    pub(super) fn interned_shape<'h, T>(
        &'h self,
        entries: &[T],
        name_and_position: impl Fn(&T) -> (Name, PositionId),
    ) -> &'h Shape<'h> {
        let mut has_positions = false;
        let mut hasher = FxHasher::default();
        for entry in entries {
            let (name, position) = name_and_position(entry);
            (name.index(), position.0).hash(&mut hasher);
            has_positions |= position != PositionId::NONE;
        }
        let hash = hasher.finish();
        let found = self.shapes.by_content.borrow().get(&hash).copied();
        if let Some(found) = found {
            // SAFETY: it points to a shape in this heap.
            let found: &'h Shape<'h> = unsafe { restore(found) };
            let is_same = found.names.len() == entries.len()
                && entries.iter().enumerate().all(|(i, entry)| {
                    name_and_position(entry) == (found.names[i], found.position(i))
                });
            if is_same {
                return found;
            }
        }
        let names = self.slice_with(entries.len(), |i| name_and_position(&entries[i]).0);
        let places = if has_positions { entries.len() } else { 0 };
        let positions = self.slice_with(places, |i| name_and_position(&entries[i]).1);
        let shape = self.shape_of(names, positions);
        self.shapes.by_content.borrow_mut().insert(hash, erase(shape));
        shape
    }

    fn merged_shape<'h, E>(
        &'h self,
        left: &'h Shape<'h>,
        right: &'h Shape<'h>,
        go_on: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<&'h Shape<'h>, E> {
        let key = (address(left), address(right));
        if let Some(shape) = self.shapes.merged.borrow().get(&key) {
            // SAFETY: it points to a shape in this heap.
            return Ok(unsafe { restore(*shape) });
        }
        let shape = self.merge(left, right, go_on)?;
        self.shapes.merged.borrow_mut().insert(key, erase(shape));
        Ok(shape)
    }

    fn merge<'h, E>(
        &'h self,
        left: &'h Shape<'h>,
        right: &'h Shape<'h>,
        go_on: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<&'h Shape<'h>, E> {
        let mut merged = Vec::with_capacity(left.names.len() + right.names.len());
        let (mut i, mut j) = (0, 0);
        while i < left.names.len() && j < right.names.len() {
            if merged.len() % STEPS == STEPS - 1 {
                go_on()?;
            }
            match left.names[i].cmp(&right.names[j]) {
                Ordering::Less => {
                    merged.push((left.names[i], left.position(i)));
                    i += 1;
                }
                ordering => {
                    merged.push((right.names[j], right.position(j)));
                    i += usize::from(ordering.is_eq());
                    j += 1;
                }
            }
        }
        merged.extend((i..left.names.len()).map(|i| (left.names[i], left.position(i))));
        merged.extend((j..right.names.len()).map(|j| (right.names[j], right.position(j))));
        if merged.len() >= STEPS {
            go_on()?;
        }
        Ok(self.interned_shape(&merged, |entry| *entry))
    }
}

fn address(shape: &Shape<'_>) -> usize {
    std::ptr::from_ref(shape) as usize
}

fn erase(shape: &Shape<'_>) -> NonNull<Shape<'static>> {
    NonNull::from(shape).cast()
}

/// SAFETY: `shape` points to a shape in a heap that lives for `'h`.
unsafe fn restore<'h>(shape: NonNull<Shape<'static>>) -> &'h Shape<'h> {
    // SAFETY: as above; nobody ever has a `&mut` to a shape.
    unsafe { shape.cast::<Shape<'h>>().as_ref() }
}
