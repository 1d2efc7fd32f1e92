//! [`Value`]: eight bytes, a tagged word.

use std::marker::PhantomData;
use std::num::NonZeroU64;

use super::{Attrs, Closure, Heap, List, ObjectKind, PartialApplication, Str, Thunk};

/// A value of the language, or a [`Thunk`] that will become one.
///
/// The low three bits tell what the rest is: the address of an object (objects are aligned to eight
/// bytes), or an immediate.
#[derive(Clone, Copy)]
pub struct Value<'h> {
    bits: NonZeroU64,
    heap: PhantomData<Invariant<'h>>,
}

/// Makes `'h` invariant: cells in the heap hold values.
type Invariant<'h> = std::cell::Cell<&'h ()>;

/// A [`Value`], taken apart.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names are the language's own")]
pub enum Kind<'h> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Str<'h>),
    /// A path: the bytes of an absolute path in normal form; its context is empty.
    Path(Str<'h>),
    List(List<'h>),
    Attrs(Attrs<'h>),
    Closure(Closure<'h>),
    /// A builtin function, by its number.
    Builtin(u32),
    /// A builtin function with some of its arguments.
    Partial(PartialApplication<'h>),
    /// Not evaluated yet, or evaluated with the result in the thunk.
    Thunk(Thunk<'h>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Tag {
    Thunk = 0,
    Int = 1,
    Boxed = 2,
    String = 3,
    List = 4,
    Attrs = 5,
    Closure = 6,
    Constant = 7,
}

const TAG_BITS: u32 = 3;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

const NULL: u64 = Tag::Constant as u64;
const FALSE: u64 = 1 << TAG_BITS | Tag::Constant as u64;
const TRUE: u64 = 2 << TAG_BITS | Tag::Constant as u64;
/// A slot that has no value yet; no program ever sees it.
const UNSET: u64 = 4 << TAG_BITS | Tag::Constant as u64;
/// A builtin's number stands above this bit pattern.
const BUILTIN: u64 = 3 << TAG_BITS | Tag::Constant as u64;
const CONSTANT_BITS: u32 = 8;

/// What a boxed object is: its first word.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum BoxKind {
    Int = 0,
    Float = 1,
    Path = 2,
    Partial = 3,
}

impl<'h> Value<'h> {
    /// `null`
    pub const NULL: Value<'static> = Value::from_bits(NULL);

    /// `true` or `false`
    pub fn bool(value: bool) -> Value<'h> {
        Value::from_bits(if value { TRUE } else { FALSE })
    }

    /// `null`, for any heap.
    pub fn null() -> Value<'h> {
        Value::from_bits(NULL)
    }

    /// The builtin function with this number.
    pub fn builtin(number: u32) -> Value<'h> {
        Value::from_bits(u64::from(number) << CONSTANT_BITS | BUILTIN)
    }

    /// What is in a slot before it gets its value.
    pub(super) const UNSET: Value<'static> = Value::from_bits(UNSET);

    /// Whether this is a slot's content before it got its value.
    #[inline(always)]
    pub fn is_unset(self) -> bool {
        self.bits.get() == UNSET
    }

    /// Whether both are the same word: the same immediate or the same object.
    pub fn is_identical(self, other: Value<'h>) -> bool {
        self.bits == other.bits
    }

    /// A number for this value's identity, for sets of objects already seen.
    pub fn identity(self) -> u64 {
        self.bits.get()
    }

    /// Whether this is a [`Thunk`], evaluated or not.
    #[inline(always)]
    pub fn is_thunk(self) -> bool {
        self.bits.get() & TAG_MASK == Tag::Thunk as u64
    }

    /// Takes it apart.
    #[inline(always)]
    pub fn kind(self) -> Kind<'h> {
        let bits = self.bits.get();
        // SAFETY: each arm's tag was put there by the constructor of that kind of object, with the
        // address of such an object in a heap that lives for `'h` (parts 1 and 2 of the module's
        // argument).
        unsafe {
            match bits & TAG_MASK {
                0 => Kind::Thunk(Thunk::from_address(bits)),
                1 => Kind::Int((bits as i64) >> TAG_BITS),
                3 => Kind::String(Str::from_address(bits - Tag::String as u64)),
                4 => Kind::List(List::from_address(bits - Tag::List as u64)),
                5 => Kind::Attrs(Attrs::from_address(bits - Tag::Attrs as u64)),
                6 => Kind::Closure(Closure::from_address(bits - Tag::Closure as u64)),
                7 => match bits {
                    NULL => Kind::Null,
                    FALSE => Kind::Bool(false),
                    TRUE => Kind::Bool(true),
                    _ => Kind::Builtin((bits >> CONSTANT_BITS) as u32),
                },
                _ => self.boxed(),
            }
        }
    }

    /// SAFETY: the tag is [`Tag::Boxed`].
    unsafe fn boxed(self) -> Kind<'h> {
        let object = pointer(self.bits.get() - Tag::Boxed as u64);
        // SAFETY: a boxed object is two words or more, the first a `BoxKind` that says what follows.
        unsafe {
            let payload = *object.add(1);
            match *object {
                kind if kind == BoxKind::Int as u64 => Kind::Int(payload as i64),
                kind if kind == BoxKind::Float as u64 => Kind::Float(f64::from_bits(payload)),
                kind if kind == BoxKind::Path as u64 => Kind::Path(Str::from_address(payload)),
                _ => Kind::Partial(PartialApplication::from_address(object as u64)),
            }
        }
    }

    pub(super) const fn from_bits(bits: u64) -> Value<'h> {
        match NonZeroU64::new(bits) {
            Some(bits) => Value { bits, heap: PhantomData },
            None => panic!("neither an address nor a tagged immediate is zero"),
        }
    }

    pub(super) fn tagged(address: u64, tag: Tag) -> Value<'h> {
        Value::from_bits(address | tag as u64)
    }

    pub(super) fn bits(self) -> u64 {
        self.bits.get()
    }
}

/// Back from a number to the pointer that it was.
#[inline(always)]
pub(super) fn pointer(address: u64) -> *mut u64 {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

impl Heap {
    /// An integer.
    #[inline(always)]
    pub fn int(&self, value: i64) -> Value<'_> {
        let shifted = value << TAG_BITS;
        if shifted >> TAG_BITS == value {
            Value::from_bits(shifted as u64 | Tag::Int as u64)
        } else {
            self.boxed(BoxKind::Int, value as u64)
        }
    }

    /// A floating-point number.
    pub fn float(&self, value: f64) -> Value<'_> {
        self.boxed(BoxKind::Float, value.to_bits())
    }

    /// A path, given the bytes of an absolute path in normal form.
    pub fn path(&self, path: &[u8]) -> Value<'_> {
        let text = self.str(path);
        self.boxed(BoxKind::Path, text.address())
    }

    fn boxed(&self, kind: BoxKind, payload: u64) -> Value<'_> {
        Value::tagged(self.object_of_words(ObjectKind::Number, &[kind as u64, payload]), Tag::Boxed)
    }

    /// Copies words into the heap and gives their address.
    #[inline(always)]
    pub(super) fn object_of_words<const N: usize>(
        &self,
        kind: ObjectKind,
        words: &[u64; N],
    ) -> u64 {
        let object = self.words(kind, N);
        // SAFETY: `object` has room for `N` words.
        unsafe { object.cast::<[u64; N]>().write(*words) };
        object.as_ptr().expose_provenance() as u64
    }
}
