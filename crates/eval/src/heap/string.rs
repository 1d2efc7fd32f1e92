//! Strings: bytes with a context.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::value::{Tag, pointer};
use super::{Heap, ObjectKind, Value};

/// A string: any bytes, as in the C++ implementation, and the store paths that it depends on.
///
/// The object: the context's address or 0, the length in bytes, the bytes.
#[derive(Clone, Copy)]
pub struct Str<'h> {
    object: *const u64,
    heap: PhantomData<&'h Heap>,
}

/// What a string depends on: elements in ascending order, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context<'h> {
    /// Behind a second reference, so that a string can hold it in one word.
    elements: Option<&'h &'h [ContextElement<'h>]>,
}

/// One store object that a string depends on. Paths are full paths in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextElement<'h> {
    /// A store path.
    Opaque(&'h str),
    /// A derivation with everything that it needs: `.drvPath` of a derivation.
    DerivationDeep(&'h str),
    /// An output of a derivation.
    Output {
        /// The path of the `.drv` file. If that is an output itself, `^` and an output follow for each step that
        /// leads there.
        derivation: &'h str,
        /// The name of the output.
        output: &'h str,
    },
}

impl<'h> Str<'h> {
    /// The bytes.
    #[inline(always)]
    pub fn as_bytes(self) -> &'h [u8] {
        // SAFETY: the object has the length in its second word and that many bytes behind it.
        unsafe {
            let len = *self.object.add(1) as usize;
            std::slice::from_raw_parts(self.object.add(2).cast(), len)
        }
    }

    /// The bytes as text, with U+FFFD for what is no UTF-8.
    pub fn to_text(self) -> Cow<'h, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// What it depends on.
    #[inline]
    pub fn context(self) -> Context<'h> {
        // SAFETY: the first word is 0 or the address of a reference to a context's elements in the heap.
        unsafe {
            match *self.object {
                0 => Context::default(),
                address => Context { elements: Some(&*pointer(address).cast()) },
            }
        }
    }

    /// Whether it depends on anything.
    #[inline]
    pub fn has_context(self) -> bool {
        // SAFETY: the object has at least two words.
        unsafe { *self.object != 0 }
    }

    /// The string as a value.
    pub fn value(self) -> Value<'h> {
        Value::tagged(self.address(), Tag::String)
    }

    /// SAFETY: `address` is that of a string object in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> Str<'h> {
        Str { object: pointer(address), heap: PhantomData }
    }

    /// Where the object is: it stays there.
    pub(crate) fn address(self) -> u64 {
        self.object.expose_provenance() as u64
    }
}

impl<'h> Context<'h> {
    /// The elements in ascending order.
    pub fn elements(self) -> &'h [ContextElement<'h>] {
        self.elements.map_or(&[], |elements| elements)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.elements.is_none()
    }

    /// Whether both are the same object in the heap.
    pub fn is_identical(self, other: Context<'h>) -> bool {
        match (self.elements, other.elements) {
            (Some(a), Some(b)) => std::ptr::eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl Heap {
    /// A string without context, as a [`Str`].
    pub fn str(&self, bytes: &[u8]) -> Str<'_> {
        self.str_with_context(&[bytes], Context::default())
    }

    /// The concatenation of `parts`, with a context.
    pub fn str_with_context<'h>(&'h self, parts: &[&[u8]], context: Context<'h>) -> Str<'h> {
        let context = context
            .elements
            .map_or(0, |elements| std::ptr::from_ref(elements).expose_provenance() as u64);
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let object = self.words(ObjectKind::String, 2 + len.div_ceil(8)).as_ptr();
        // SAFETY: the object has two words and room for `len` bytes behind them, and is fresh, so that
        // no part overlaps it.
        unsafe {
            *object = context;
            *object.add(1) = len as u64;
            let mut end = object.add(2).cast::<u8>();
            for part in parts {
                std::ptr::copy_nonoverlapping(part.as_ptr(), end, part.len());
                end = end.add(part.len());
            }
        }
        Str { object, heap: PhantomData }
    }

    /// A string value without context.
    pub fn string(&self, bytes: impl AsRef<[u8]>) -> Value<'_> {
        self.str(bytes.as_ref()).value()
    }

    /// A context with these elements, in any order.
    pub fn context<'h>(&'h self, elements: &[ContextElement<'h>]) -> Context<'h> {
        if elements.is_empty() {
            return Context::default();
        }
        let mut elements = elements.to_vec();
        elements.sort_unstable();
        elements.dedup();
        Context { elements: Some(self.object(self.slice(&elements))) }
    }
}
