//! Lists: views into shared storage.

use std::cell::Cell;
use std::convert::Infallible;
use std::marker::PhantomData;

use super::value::{Tag, pointer};
use super::{Heap, ObjectKind, Value};

/// A list. `tail` and other slices share their elements with the list they come from.
///
/// The object: the length, the address of the first element.
#[derive(Clone, Copy)]
pub struct List<'h> {
    object: *const u64,
    heap: PhantomData<Value<'h>>,
}

impl<'h> List<'h> {
    /// The elements. Forcing one may store its value back into its cell.
    #[inline(always)]
    pub fn cells(self) -> &'h [Cell<Value<'h>>] {
        // SAFETY: the object is two words: a length, and the address of that many initialised values
        // in the same heap, which are reached only through cells.
        unsafe {
            let len = *self.object as usize;
            if len == 0 {
                return &[];
            }
            std::slice::from_raw_parts(pointer(*self.object.add(1)).cast(), len)
        }
    }

    /// How many elements there are.
    #[inline(always)]
    pub fn len(self) -> usize {
        // SAFETY: the first word is the length.
        unsafe { *self.object as usize }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The elements' values, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Value<'h>> + DoubleEndedIterator {
        self.cells().iter().map(Cell::get)
    }

    /// The list as a value.
    pub fn value(self) -> Value<'h> {
        Value::tagged(self.object.expose_provenance() as u64, Tag::List)
    }

    /// SAFETY: `address` is that of a list object in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> List<'h> {
        List { object: pointer(address), heap: PhantomData }
    }
}

impl Heap {
    /// A list of these elements.
    pub fn list<'h>(&'h self, elements: &[Value<'h>]) -> Value<'h> {
        self.list_with(elements.len(), |i| elements[i])
    }

    /// A list of `len` elements, the `i`th being `element(i)`.
    pub fn list_with<'h>(
        &'h self,
        len: usize,
        mut element: impl FnMut(usize) -> Value<'h>,
    ) -> Value<'h> {
        let Ok(list) = self.try_list_with(len, |i| Ok::<_, Infallible>(element(i)));
        list
    }

    /// [`Heap::list_with`], given up with the first error.
    pub fn try_list_with<'h, E>(
        &'h self,
        len: usize,
        element: impl FnMut(usize) -> Result<Value<'h>, E>,
    ) -> Result<Value<'h>, E> {
        Ok(self.list_view(self.try_cells(ObjectKind::Elements, len, element)?))
    }

    /// A list that shares these cells.
    pub fn list_view<'h>(&'h self, cells: &'h [Cell<Value<'h>>]) -> Value<'h> {
        let address = cells.as_ptr().expose_provenance() as u64;
        Value::tagged(
            self.object_of_words(ObjectKind::List, &[cells.len() as u64, address]),
            Tag::List,
        )
    }
}
