//! Functions: closures, and builtins with some of their arguments.

use std::marker::PhantomData;

use floe_hir::LambdaId;

use super::value::{BoxKind, Tag, pointer};
use super::{Env, Heap, ObjectKind, Value};

/// A function of the program with its environment.
///
/// The object: the unit's number above the lambda's, the environment's address.
#[derive(Clone, Copy)]
pub struct Closure<'h> {
    object: *const u64,
    heap: PhantomData<Value<'h>>,
}

impl<'h> Closure<'h> {
    /// The number of the unit (the loaded file) that the function was written in.
    #[inline(always)]
    pub fn unit(self) -> u32 {
        // SAFETY: the object has two words.
        unsafe { (*self.object >> 32) as u32 }
    }

    /// The function, in that unit.
    #[inline(always)]
    pub fn lambda(self) -> LambdaId {
        // SAFETY: the object has two words.
        LambdaId(unsafe { *self.object as u32 })
    }

    /// The environment that it was made in.
    #[inline(always)]
    pub fn env(self) -> Env<'h> {
        // SAFETY: the second word is an environment's address.
        unsafe { Env::from_address(*self.object.add(1)) }
    }

    /// The closure as a value.
    pub fn value(self) -> Value<'h> {
        Value::tagged(self.object.expose_provenance() as u64, Tag::Closure)
    }

    /// SAFETY: `address` is that of a closure in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> Closure<'h> {
        Closure { object: pointer(address), heap: PhantomData }
    }
}

/// A builtin function that waits for more arguments.
///
/// The object: `BoxKind::Partial`, the builtin's number above the number of arguments, the arguments.
#[derive(Clone, Copy)]
pub struct PartialApplication<'h> {
    object: *const u64,
    heap: PhantomData<Value<'h>>,
}

impl<'h> PartialApplication<'h> {
    /// The builtin's number.
    pub fn builtin(self) -> u32 {
        // SAFETY: the object has two words and more.
        unsafe { (*self.object.add(1) >> 32) as u32 }
    }

    /// The arguments so far.
    pub fn arguments(self) -> &'h [Value<'h>] {
        // SAFETY: the second word's lower half is the number of values behind it.
        unsafe {
            let len = *self.object.add(1) as u32 as usize;
            std::slice::from_raw_parts(self.object.add(2).cast(), len)
        }
    }

    /// SAFETY: `address` is that of a partial application in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> PartialApplication<'h> {
        PartialApplication { object: pointer(address), heap: PhantomData }
    }
}

impl Heap {
    /// A closure.
    #[inline]
    pub fn closure<'h>(&'h self, unit: u32, lambda: LambdaId, env: Env<'h>) -> Value<'h> {
        let words = [u64::from(unit) << 32 | u64::from(lambda.0), env.address()];
        Value::tagged(self.object_of_words(ObjectKind::Function, &words), Tag::Closure)
    }

    /// A builtin with some of its arguments.
    pub fn partial_application<'h>(&'h self, builtin: u32, arguments: &[Value<'h>]) -> Value<'h> {
        let object = self.words(ObjectKind::Function, 2 + arguments.len()).as_ptr();
        // SAFETY: room for two words and the arguments.
        unsafe {
            *object = BoxKind::Partial as u64;
            *object.add(1) = u64::from(builtin) << 32 | arguments.len() as u64;
            for (i, argument) in arguments.iter().enumerate() {
                *object.add(2 + i) = argument.bits();
            }
        }
        Value::tagged(object.expose_provenance() as u64, Tag::Boxed)
    }
}
