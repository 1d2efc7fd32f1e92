//! Attribute sets: a shape, which sets from the same literal share, and the values.

use std::cell::Cell;
use std::convert::Infallible;
use std::marker::PhantomData;

use floe_hir::Name;

use super::value::{Tag, pointer};
use super::{Heap, ObjectKind, Value};

/// An attribute set.
///
/// The object: the shape's address, then one value for each of the shape's names. Or a layered set, see
/// `Layered`.
#[derive(Clone, Copy)]
pub struct Attrs<'h> {
    object: *const u64,
    heap: PhantomData<Value<'h>>,
}

/// The names of an attribute set in ascending order (of their numbers), and where each was defined.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'h> {
    /// The names.
    pub names: &'h [Name],
    /// The place of each, or nothing if no place is known.
    pub(super) positions: &'h [PositionId],
    /// No other shape of the heap has this number, and none has 0.
    number: u32,
}

/// Where an attribute was defined: a number that the evaluator turns into a file and a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PositionId(pub u32);

impl PositionId {
    /// No known place: made by a builtin.
    pub const NONE: PositionId = PositionId(0);
}

/// One attribute of a set.
#[derive(Clone, Copy)]
pub struct Attr<'h> {
    /// Its name.
    pub name: Name,
    /// Its value, in the set's own cell.
    pub cell: &'h Cell<Value<'h>>,
    /// Where it was defined.
    pub position: PositionId,
}

/// Where one place of the program found its attribute the last time. It always asks for one name.
#[derive(Clone, Copy)]
pub struct Lookup<'h> {
    /// The number of the shape.
    shape: u32,
    /// In a layered set, the shape of the changes; otherwise 0.
    top: u32,
    /// The attribute's index in the one or the other, or [`ABSENT`].
    index: u32,
    heap: PhantomData<&'h ()>,
}

const ABSENT: u32 = u32::MAX;
/// Set in the index of an attribute that is among the changes of a layered set.
const IN_TOP: u32 = 1 << 31;

impl Default for Lookup<'_> {
    fn default() -> Self {
        Lookup { shape: 0, top: 0, index: ABSENT, heap: PhantomData }
    }
}

impl<'h> Attrs<'h> {
    /// The names and their places.
    #[inline(always)]
    pub fn shape(self) -> &'h Shape<'h> {
        // SAFETY: it is not layered.
        unsafe { self.flat().shape_unlayered() }
    }

    /// SAFETY: the set is not layered.
    #[inline(always)]
    unsafe fn shape_unlayered(self) -> &'h Shape<'h> {
        // SAFETY: the first word of a set that is not layered is the address of a shape in the same heap.
        unsafe { &*pointer(*self.object).cast::<Shape<'h>>() }
    }

    /// A number that sets of the same shape have in common.
    #[inline(always)]
    pub fn shape_number(self) -> u32 {
        let base = self.layered().map_or(self, |layered| layered.base);
        // SAFETY: the base of a layered set is not layered.
        unsafe { base.shape_unlayered().number }
    }

    /// The attribute with an index of the shape. SAFETY: the set is not layered.
    #[inline(always)]
    unsafe fn at(self, shape: &'h Shape<'h>, index: usize) -> Attr<'h> {
        let name = shape.names[index];
        // SAFETY: behind the first word there is one initialised value for each name of its shape.
        let cell = unsafe { &*self.object.add(1 + index).cast() };
        Attr { name, cell, position: shape.position(index) }
    }

    /// The values, in the order of the shape's names.
    #[inline(always)]
    pub fn cells(self) -> &'h [Cell<Value<'h>>] {
        let (object, len) = (self.flat().object, self.shape().names.len());
        // SAFETY: behind the first word there is one initialised value for each name.
        unsafe { std::slice::from_raw_parts(object.add(1).cast(), len) }
    }

    /// How many attributes there are.
    pub fn len(self) -> usize {
        match self.layered() {
            Some(layered) => layered.len,
            None => self.shape().names.len(),
        }
    }

    /// What a large set with few changes consists of, if this is one.
    #[inline(always)]
    pub(super) fn layered(self) -> Option<&'h Layered<'h>> {
        // SAFETY: the first word is a shape's address, or else the number that begins a `Layered`.
        unsafe { (*self.object == LAYERED).then(|| &*self.object.cast()) }
    }

    /// The same set with all its values behind one shape.
    #[inline(always)]
    fn flat(self) -> Attrs<'h> {
        match self.layered() {
            Some(layered) => layered.flat(),
            None => self,
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The attribute with this name.
    #[inline]
    pub fn get(self, name: Name) -> Option<Attr<'h>> {
        if let Some(layered) = self.layered() {
            return layered.top.get(name).or_else(|| layered.base.get(name));
        }
        let shape = self.shape();
        let index = shape.find(name)?;
        Some(Attr { name, cell: &self.cells()[index], position: shape.position(index) })
    }

    /// The attribute with this name, of which `lookup` may know the place from the last time.
    #[inline]
    pub fn get_again(self, name: Name, lookup: &Cell<Lookup<'h>>) -> Option<Attr<'h>> {
        if let Some(layered) = self.layered() {
            return layered.get_again(name, lookup);
        }
        // SAFETY: it is not layered.
        let shape = unsafe { self.shape_unlayered() };
        let known = lookup.get();
        let index = match known.shape == shape.number && known.top == 0 {
            true => known.index,
            false => shape.find_and_note(name, lookup),
        };
        // SAFETY: it is not layered.
        (index != ABSENT).then(|| unsafe { self.at(shape, index as usize) })
    }

    /// Finds the values of `count` names that are asked for in ascending order.
    #[inline]
    pub fn finder(self, count: usize) -> impl FnMut(Name) -> Option<Value<'h>> {
        // Going through all names is quicker than to search for each, unless there are many more.
        const FEW_TIMES: usize = 4;
        let all = match self.layered() {
            None if self.len() <= FEW_TIMES * count => Some((self.shape().names, self.cells())),
            _ => None,
        };
        let mut next = 0;
        move |name| {
            let Some((names, cells)) = all else {
                return self.get(name).map(|attr| attr.cell.get());
            };
            while next < names.len() && names[next] < name {
                next += 1;
            }
            (names.get(next) == Some(&name)).then(|| cells[next].get())
        }
    }

    /// The attribute with this index, in the order of the names' numbers.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn nth(self, index: usize) -> Attr<'h> {
        let shape = self.shape();
        Attr {
            name: shape.names[index],
            cell: &self.cells()[index],
            position: shape.position(index),
        }
    }

    /// All attributes, in the order of the names' numbers.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Attr<'h>> {
        let shape = self.shape();
        self.cells().iter().enumerate().map(|(i, cell)| Attr {
            name: shape.names[i],
            cell,
            position: shape.position(i),
        })
    }

    /// All attributes, in the order of the alphabet, as a program sees them.
    pub fn sorted(self) -> Vec<Attr<'h>> {
        let mut attrs: Vec<_> = self.iter().collect();
        attrs.sort_unstable_by_key(|attr| attr.name.as_str());
        attrs
    }

    /// The set as a value.
    pub fn value(self) -> Value<'h> {
        Value::tagged(self.object.expose_provenance() as u64, Tag::Attrs)
    }

    /// SAFETY: `address` is that of an attribute set in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> Attrs<'h> {
        Attrs { object: pointer(address), heap: PhantomData }
    }
}

/// `base // top`, where `base` is large and `top` is small. Neither is layered itself.
///
/// nixpkgs makes thousands of sets that are all packages and a few more, and asks each for a few names:
/// to copy them was half of the memory that listing all packages took.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Layered<'h> {
    /// [`LAYERED`]: no address of a shape.
    mark: u64,
    pub(super) base: Attrs<'h>,
    pub(super) top: Attrs<'h>,
    /// How many different names there are.
    len: usize,
    heap: &'h Heap,
    /// The same set as an object of its own, once somebody wanted all of it.
    flat: &'h Cell<Option<Attrs<'h>>>,
}

const LAYERED: u64 = 1;

impl<'h> Layered<'h> {
    /// See [`Attrs::get_again`].
    fn get_again(&self, name: Name, lookup: &Cell<Lookup<'h>>) -> Option<Attr<'h>> {
        // SAFETY: neither is layered.
        let (base, top) = unsafe { (self.base.shape_unlayered(), self.top.shape_unlayered()) };
        let known = lookup.get();
        let index = if known.shape == base.number && known.top == top.number {
            known.index
        } else {
            let index = match (top.find(name), base.find(name)) {
                (Some(index), _) => index as u32 | IN_TOP,
                (None, Some(index)) => index as u32,
                (None, None) => ABSENT,
            };
            lookup.set(Lookup { shape: base.number, top: top.number, index, heap: PhantomData });
            index
        };
        // SAFETY: neither is layered.
        unsafe {
            match index {
                ABSENT => None,
                _ if index & IN_TOP != 0 => Some(self.top.at(top, (index & !IN_TOP) as usize)),
                _ => Some(self.base.at(base, index as usize)),
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn flat(&self) -> Attrs<'h> {
        if let Some(flat) = self.flat.get() {
            return flat;
        }
        let go_on = &mut || Ok::<_, Infallible>(());
        let Ok(flat) = self.heap.merged(self.base, self.top, go_on);
        self.flat.set(Some(flat));
        flat
    }
}

impl<'h> Shape<'h> {
    /// No other shape of the heap has this number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The index of a name, or [`ABSENT`]; `lookup` will know it.
    #[inline(never)]
    fn find_and_note(&self, name: Name, lookup: &Cell<Lookup<'h>>) -> u32 {
        let index = self.find(name).map_or(ABSENT, |index| index as u32);
        lookup.set(Lookup { shape: self.number, top: 0, index, heap: PhantomData });
        index
    }

    /// The place of the attribute with this index.
    #[inline]
    pub fn position(&self, index: usize) -> PositionId {
        self.positions.get(index).copied().unwrap_or(PositionId::NONE)
    }

    /// The index of a name.
    #[inline]
    pub fn find(&self, name: Name) -> Option<usize> {
        const LINEAR: usize = 8;
        if self.names.len() <= LINEAR {
            self.names.iter().position(|&candidate| candidate == name)
        } else {
            self.names.binary_search(&name).ok()
        }
    }
}

impl Heap {
    /// A shape. `names` must be ascending, each once; see [`Heap::shape_of`].
    pub fn shape<'h>(&'h self, names: &[Name], positions: &[PositionId]) -> &'h Shape<'h> {
        debug_assert!(names.is_sorted_by(|a, b| a < b));
        self.shape_of(self.slice(names), self.slice(positions))
    }

    /// A shape that shares names or places with another. There is a place for each name, or for none.
    pub fn shape_of<'h>(&'h self, names: &'h [Name], positions: &'h [PositionId]) -> &'h Shape<'h> {
        assert!(positions.is_empty() || positions.len() == names.len(), "a place for each name");
        let number = self.shapes.next_number();
        self.object(Shape { names, positions, number })
    }

    /// `base // top` without copying `base`.
    pub(super) fn layered_attrs<'h>(&'h self, base: Attrs<'h>, top: Attrs<'h>) -> Attrs<'h> {
        debug_assert!(base.layered().is_none() && top.layered().is_none());
        let new = top.shape().names.iter().filter(|name| base.get(**name).is_none()).count();
        let layered = Layered {
            mark: LAYERED,
            base,
            top,
            len: base.len() + new,
            heap: self,
            flat: &self.cells(1, None)[0],
        };
        Attrs { object: std::ptr::from_ref(self.object(layered)).cast(), heap: PhantomData }
    }

    /// A set with a given shape, the `i`th attribute's value being `value(i)`.
    #[inline]
    pub fn attrs_with<'h>(
        &'h self,
        shape: &'h Shape<'h>,
        mut value: impl FnMut(usize) -> Value<'h>,
    ) -> Attrs<'h> {
        let Ok(attrs) = self.try_attrs_with(shape, |i| Ok::<_, Infallible>(value(i)));
        attrs
    }

    /// [`Heap::attrs_with`], given up with the first error.
    #[inline]
    pub fn try_attrs_with<'h, E>(
        &'h self,
        shape: &'h Shape<'h>,
        mut value: impl FnMut(usize) -> Result<Value<'h>, E>,
    ) -> Result<Attrs<'h>, E> {
        let len = shape.names.len();
        let object = self.words(ObjectKind::Attrs, 1 + len).as_ptr();
        // SAFETY: the object has one word for the shape and one for each value; all are written before
        // the set is handed out. `value` cannot see the unfinished object, nor can anybody after an error.
        unsafe {
            *object = std::ptr::from_ref(shape).expose_provenance() as u64;
            for i in 0..len {
                *object.add(1 + i) = value(i)?.bits();
            }
        }
        Ok(Attrs { object, heap: PhantomData })
    }

    /// The empty set.
    pub fn empty_attrs(&self) -> Value<'_> {
        self.attrs_with(self.shape(&[], &[]), |_| Value::null()).value()
    }
}

/// Collects the attributes of a set whose names are known only at run time.
#[derive(Default)]
pub struct AttrsBuilder<'h> {
    entries: Vec<(Name, PositionId, Value<'h>)>,
}

impl<'h> AttrsBuilder<'h> {
    /// With room for some attributes.
    pub fn with_capacity(capacity: usize) -> AttrsBuilder<'h> {
        AttrsBuilder { entries: Vec::with_capacity(capacity) }
    }

    /// Adds an attribute. Of several with one name, the first counts.
    pub fn push(&mut self, name: Name, value: Value<'h>, position: PositionId) {
        self.entries.push((name, position, value));
    }

    /// Adds an attribute that a builtin makes.
    pub fn insert(&mut self, name: &str, value: Value<'h>) {
        self.push(Name::new(name), value, PositionId::NONE);
    }

    /// The set.
    pub fn finish(mut self, heap: &'h Heap) -> Value<'h> {
        if !self.entries.is_sorted_by(|a, b| a.0 < b.0) {
            self.entries.sort_by_key(|entry| entry.0);
            self.entries.dedup_by_key(|entry| entry.0);
        }
        let entries = &self.entries;
        let shape = heap.interned_shape(entries, |entry| (entry.0, entry.1));
        heap.attrs_with(shape, |i| entries[i].2).value()
    }
}
