//! Environments: where variables are looked up by depth and slot.

use std::cell::Cell;
use std::marker::PhantomData;

use super::value::pointer;
use super::{Heap, ObjectKind, Value};

/// An environment, or none (outside of the outermost).
///
/// The object: the outer environment's address in the low 48 bits with the number of slots above it,
/// then the slots. Where the number needs more than 16 bits, it stands in a word of its own in front.
#[derive(Clone, Copy)]
pub struct Env<'h> {
    object: *const u64,
    heap: PhantomData<Value<'h>>,
}

const ADDRESS_BITS: u32 = 48;
const ADDRESS_MASK: u64 = (1 << ADDRESS_BITS) - 1;
const MANY: u64 = u16::MAX as u64;

impl<'h> Env<'h> {
    /// What is outside of the outermost environment.
    pub fn none() -> Env<'h> {
        Env { object: std::ptr::null(), heap: PhantomData }
    }

    /// The environment `depth` levels out.
    ///
    /// # Panics
    ///
    /// If there are not so many: the lowering counted wrong.
    #[inline(always)]
    pub fn up(self, depth: u32) -> Env<'h> {
        let mut env = self;
        for _ in 0..depth {
            // SAFETY: `header` is checked not to be that of "no environment"; the low bits are the
            // address of an environment in the same heap, or 0.
            env = unsafe { Env::from_address(env.header() & ADDRESS_MASK) };
        }
        env
    }

    /// The slots.
    ///
    /// # Panics
    ///
    /// If this is no environment: the lowering counted wrong.
    #[inline(always)]
    pub fn slots(self) -> &'h [Cell<Value<'h>>] {
        let len = match self.header() >> ADDRESS_BITS {
            // SAFETY: an environment with this mark has its length in the word in front.
            MANY => unsafe { *self.object.sub(1) as usize },
            len => len as usize,
        };
        // SAFETY: the object has `len` initialised values behind its first word.
        unsafe { std::slice::from_raw_parts(self.object.add(1).cast(), len) }
    }

    /// One of the slots.
    ///
    /// # Panics
    ///
    /// If there is none with this number: the lowering counted wrong.
    #[inline(always)]
    pub fn slot(self, index: u32) -> &'h Cell<Value<'h>> {
        if u64::from(index) < self.header() >> ADDRESS_BITS {
            // SAFETY: the number of slots above the address is that of the initialised values behind the
            // first word, or less.
            return unsafe { &*self.object.add(1 + index as usize).cast() };
        }
        &self.slots()[index as usize]
    }

    #[inline(always)]
    fn header(self) -> u64 {
        assert!(!self.object.is_null(), "a variable's depth stays within the environments");
        // SAFETY: not null, so it is the address of an environment.
        unsafe { *self.object }
    }

    /// SAFETY: `address` is 0, or that of an environment in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> Env<'h> {
        if address == 0 {
            return Env::none();
        }
        Env { object: pointer(address), heap: PhantomData }
    }

    pub(super) fn address(self) -> u64 {
        self.object.expose_provenance() as u64
    }
}

impl Heap {
    /// An environment with one slot.
    #[inline]
    pub fn env_of<'h>(&'h self, outer: Env<'h>, value: Value<'h>) -> Env<'h> {
        debug_assert_eq!(outer.address() >> ADDRESS_BITS, 0, "user addresses have 48 bits");
        let words = [1 << ADDRESS_BITS | outer.address(), value.bits()];
        let address = self.object_of_words(ObjectKind::Env, &words);
        Env { object: pointer(address), heap: PhantomData }
    }

    /// An environment of `len` slots inside of `outer`. All slots are unset until they are set.
    #[inline]
    pub fn env<'h>(&'h self, outer: Env<'h>, len: usize) -> Env<'h> {
        let many = len as u64 >= MANY;
        let extra = usize::from(many);
        let start = self.words(ObjectKind::Env, extra + 1 + len).as_ptr();
        debug_assert_eq!(outer.address() >> ADDRESS_BITS, 0, "user addresses have 48 bits");
        // SAFETY: room for the extra word, the header and `len` slots, all written here.
        unsafe {
            if many {
                *start = len as u64;
            }
            let object = start.add(extra);
            *object = (len as u64).min(MANY) << ADDRESS_BITS | outer.address();
            for i in 0..len {
                *object.add(1 + i) = Value::UNSET.bits();
            }
            Env { object, heap: PhantomData }
        }
    }
}
