//! Thunks: work that is done at most once, when its result is needed.

use std::cell::Cell;
use std::marker::PhantomData;

use floe_hir::ExprId;

use super::value::pointer;
use super::{Env, Heap, ObjectKind, Value};

/// A suspended computation, or its result.
///
/// The object is two words. The low bits of the first tell the state, the rest belongs to it; see
/// [`Suspended`].
#[derive(Clone, Copy)]
pub struct Thunk<'h> {
    object: *const Cell<u64>,
    heap: PhantomData<Value<'h>>,
}

/// An expression of a unit (a loaded file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The unit's number; 28 bits.
    pub unit: u32,
    /// The expression.
    pub expr: ExprId,
}

/// What is noted with a result that counts only for now: [`Marks::BITS`] bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks(pub u64);

impl Marks {
    /// As many as a thunk has room for.
    pub const BITS: u32 = u64::BITS - STATE_BITS;
}

/// What a thunk will do.
#[derive(Clone, Copy)]
pub enum Suspended<'h> {
    /// Evaluate an expression.
    Expression(Code, Env<'h>),
    /// Call a function with one argument, or with two.
    Call {
        /// The function.
        function: Value<'h>,
        /// The first argument.
        first: Value<'h>,
        /// The second argument.
        second: Option<Value<'h>>,
    },
    /// `inherit (set) name`: the expression is the `Select` that says which name.
    Inherit(Code, Value<'h>),
}

const DONE: u64 = 0;
const BLACKHOLE: u64 = 1;
const EXPRESSION: u64 = 2;
const CALL: u64 = 3;
const INHERIT: u64 = 4;
/// As [`DONE`], but what it was before comes back. The marks stand above the state.
const DONE_FOR_NOW: u64 = 5;
/// The payload is the number of the failure.
const FAILED: u64 = 6;
const STATE_BITS: u32 = 4;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;

/// What [`Thunk::take`] found.
pub enum Taken<'h> {
    /// The result: it has been evaluated before.
    Done(Value<'h>),
    /// A result that counts only for now: see [`Thunk::finish_for_now`].
    DoneForNow(Value<'h>, Marks),
    /// The work to do. The thunk is now marked as being evaluated.
    Work(Suspended<'h>),
    /// It is being evaluated right now: an infinite recursion.
    Running,
    /// It has failed before: the number that [`Thunk::fail`] was given.
    Failed(u32),
}

impl<'h> Thunk<'h> {
    /// The result, if it is there.
    #[inline(always)]
    pub fn result(self) -> Option<Value<'h>> {
        let [head, payload] = self.words();
        matches!(head.get() & STATE_MASK, DONE | DONE_FOR_NOW)
            .then(|| Value::from_bits(payload.get()))
    }

    /// The result, if it is there and will stay: then it may be copied out of the thunk.
    #[inline(always)]
    pub fn lasting_result(self) -> Option<Value<'h>> {
        let [head, payload] = self.words();
        (head.get() == DONE).then(|| Value::from_bits(payload.get()))
    }

    /// Whether it is being evaluated right now.
    pub fn is_running(self) -> bool {
        self.words()[0].get() == BLACKHOLE
    }

    /// Begins the evaluation. [`Thunk::finish`], [`Thunk::fail`] or [`Thunk::restore`] must end it.
    #[inline(always)]
    pub fn take(self) -> Taken<'h> {
        let [head, payload] = self.words();
        let state = head.get();
        if state == DONE {
            return Taken::Done(Value::from_bits(payload.get()));
        }
        if state & STATE_MASK == DONE_FOR_NOW {
            let marks = Marks(state >> STATE_BITS);
            return Taken::DoneForNow(Value::from_bits(payload.get()), marks);
        }
        let Some(work) = self.suspended() else {
            return match state {
                FAILED => Taken::Failed(payload.get() as u32),
                _ => Taken::Running,
            };
        };
        head.set(BLACKHOLE);
        Taken::Work(work)
    }

    /// What it will do, if it has not begun.
    pub fn suspended(self) -> Option<Suspended<'h>> {
        let [head, payload] = self.words();
        let (head, payload) = (head.get(), payload.get());
        let code = Code { unit: (head >> 36) as u32, expr: ExprId((head >> STATE_BITS) as u32) };
        // SAFETY: the state tells what the payload is, and both were written together.
        unsafe {
            Some(match head & STATE_MASK {
                EXPRESSION => Suspended::Expression(code, Env::from_address(payload)),
                CALL => {
                    let operands = pointer(payload);
                    let second = *operands.add(2);
                    Suspended::Call {
                        function: Value::from_bits(*operands),
                        first: Value::from_bits(*operands.add(1)),
                        second: (second != 0).then(|| Value::from_bits(second)),
                    }
                }
                INHERIT => Suspended::Inherit(code, Value::from_bits(payload)),
                _ => return None,
            })
        }
    }

    /// Stores the result, which must not itself be a thunk.
    #[inline(always)]
    pub fn finish(self, result: Value<'h>) {
        debug_assert!(!result.is_thunk());
        let [head, payload] = self.words();
        payload.set(result.bits());
        head.set(DONE);
    }

    /// Stores a result that counts until it is undone.
    pub fn finish_for_now(self, work: Suspended<'h>, result: Value<'h>, marks: Marks) -> Undo<'h> {
        debug_assert!(!result.is_thunk());
        self.become_for_now(work, marks.0 << STATE_BITS | DONE_FOR_NOW, result.bits())
    }

    /// After a failure: whoever needs the result finds this number, until it is undone.
    pub fn fail(self, work: Suspended<'h>, number: u32) -> Undo<'h> {
        self.become_for_now(work, FAILED, u64::from(number))
    }

    fn become_for_now(self, work: Suspended<'h>, new_head: u64, new_payload: u64) -> Undo<'h> {
        let [head, payload] = self.words();
        // The payload was not overwritten so far.
        let undo = Undo { thunk: self, head: work.head(), payload: payload.get() };
        payload.set(new_payload);
        head.set(new_head);
        undo
    }

    /// After a failure: the work is still to do.
    pub fn restore(self, work: Suspended<'h>) {
        let [head, _] = self.words();
        // The payload was never overwritten.
        head.set(work.head());
    }

    /// The thunk as a value.
    pub fn value(self) -> Value<'h> {
        Value::from_bits(self.object.expose_provenance() as u64)
    }

    #[inline(always)]
    fn words(self) -> &'h [Cell<u64>; 2] {
        // SAFETY: a thunk is two words in a heap that lives for `'h`, reached only through cells.
        unsafe { &*self.object.cast() }
    }

    /// SAFETY: `address` is that of a thunk in a heap that lives for `'h`.
    pub(super) unsafe fn from_address(address: u64) -> Thunk<'h> {
        Thunk { object: pointer(address).cast(), heap: PhantomData }
    }
}

/// What a thunk was before it had a result that counts for now, or failed.
#[derive(Clone, Copy)]
pub struct Undo<'h> {
    thunk: Thunk<'h>,
    head: u64,
    payload: u64,
}

impl Undo<'_> {
    /// Makes it that again.
    pub fn undo(&self) {
        let [head, payload] = self.thunk.words();
        head.set(self.head);
        payload.set(self.payload);
    }
}

impl Suspended<'_> {
    /// The first word of a thunk that will do this.
    fn head(self) -> u64 {
        match self {
            Suspended::Expression(code, _) => code_bits(EXPRESSION, code),
            Suspended::Call { .. } => CALL,
            Suspended::Inherit(code, _) => code_bits(INHERIT, code),
        }
    }
}

fn code_bits(state: u64, code: Code) -> u64 {
    debug_assert!(code.unit < 1 << 28);
    u64::from(code.unit) << 36 | u64::from(code.expr.0) << STATE_BITS | state
}

impl Heap {
    /// A thunk that evaluates an expression.
    #[inline(always)]
    pub fn thunk<'h>(&'h self, code: Code, env: Env<'h>) -> Value<'h> {
        Value::from_bits(
            self.object_of_words(ObjectKind::Thunk, &[code_bits(EXPRESSION, code), env.address()]),
        )
    }

    /// A thunk that calls a function.
    pub fn thunk_call<'h>(
        &'h self,
        function: Value<'h>,
        first: Value<'h>,
        second: Option<Value<'h>>,
    ) -> Value<'h> {
        let operands = [function.bits(), first.bits(), second.map_or(0, Value::bits)];
        let operands = self.object_of_words(ObjectKind::Thunk, &operands);
        Value::from_bits(self.object_of_words(ObjectKind::Thunk, &[CALL, operands]))
    }

    /// A thunk that selects an inherited attribute from `set`.
    pub fn thunk_inherit<'h>(&'h self, code: Code, set: Value<'h>) -> Value<'h> {
        Value::from_bits(
            self.object_of_words(ObjectKind::Thunk, &[code_bits(INHERIT, code), set.bits()]),
        )
    }
}
