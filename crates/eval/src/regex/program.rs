//! What a regular expression is compiled to: a graph of states.

use super::Invalid;

/// A state's number.
pub(super) type StateId = u32;

/// Where there is no state (yet).
const NOWHERE: StateId = StateId::MAX;

/// As many states as the C++ implementation allows.
const MOST_STATES: usize = 100_000;

/// A state.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) kind: StateKind,
    /// Where it goes on.
    pub(super) next: StateId,
}

/// What happens in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateKind {
    /// Nothing.
    Empty,
    /// Takes this byte.
    Byte(u8),
    /// Takes a byte of the set with this number.
    Set(u32),
    /// A group begins.
    GroupStart(u32),
    /// A group ends.
    GroupEnd(u32),
    /// `^`
    LineStart,
    /// `$`
    LineEnd,
    /// Tries this state and then `next`, and takes what matches more.
    Alternative(StateId),
    /// Tries this state once more, and `next` only if that fails.
    Repeat(StateId),
    /// [`StateKind::Repeat`] of what may match nothing.
    RepeatNothing(StateId),
    /// The end.
    Accept,
}

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

/// A compiled regular expression.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) states: Vec<State>,
    pub(super) sets: Vec<ByteSet>,
    pub(super) start: StateId,
    /// The number of groups, the whole match being the first.
    pub(super) groups: u32,
    /// Whether some repetition may match nothing.
    pub(super) repeats_nothing: bool,
    /// Whether there is a `^`, so that what matches depends on where the search began.
    pub(super) has_line_start: bool,
    /// With which bytes a match may begin; `None` if it may be empty or begin with any.
    first: Option<ByteSet>,
}

/// A part of the graph with one entry and one exit.
#[derive(Clone, Copy)]
pub(super) struct Fragment {
    pub(super) start: StateId,
    pub(super) end: StateId,
}

impl StateKind {
    /// The state beside `next` that it leads to.
    fn other(self) -> Option<StateId> {
        match self {
            StateKind::Alternative(other)
            | StateKind::Repeat(other)
            | StateKind::RepeatNothing(other) => Some(other),
            _ => None,
        }
    }

    fn map_other(self, map: impl Fn(StateId) -> StateId) -> StateKind {
        match self {
            StateKind::Alternative(other) => StateKind::Alternative(map(other)),
            StateKind::Repeat(other) => StateKind::Repeat(map(other)),
            StateKind::RepeatNothing(other) => StateKind::RepeatNothing(map(other)),
            same => same,
        }
    }
}

impl ByteSet {
    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(super) fn invert(&mut self) {
        self.0.iter_mut().for_each(|bits| *bits = !*bits);
    }
}

impl Program {
    pub(super) fn push(&mut self, kind: StateKind) -> Result<StateId, Invalid> {
        if self.states.len() >= MOST_STATES {
            return Err(Invalid::TooLarge);
        }
        self.repeats_nothing |= matches!(kind, StateKind::RepeatNothing(_));
        self.has_line_start |= kind == StateKind::LineStart;
        self.states.push(State { kind, next: NOWHERE });
        Ok(self.states.len() as StateId - 1)
    }

    /// A fragment of one state.
    pub(super) fn single(&mut self, kind: StateKind) -> Result<Fragment, Invalid> {
        let state = self.push(kind)?;
        Ok(Fragment { start: state, end: state })
    }

    pub(super) fn set(&mut self, set: ByteSet) -> Result<Fragment, Invalid> {
        self.sets.push(set);
        self.single(StateKind::Set(self.sets.len() as u32 - 1))
    }

    /// Lets `first` go on with `second`.
    pub(super) fn append(&mut self, first: &mut Fragment, second: Fragment) {
        self.states[first.end as usize].next = second.start;
        first.end = second.end;
    }

    /// A second fragment like the first.
    pub(super) fn copy(&mut self, fragment: Fragment) -> Result<Fragment, Invalid> {
        let mut copies = rustc_hash::FxHashMap::default();
        let mut todo = vec![fragment.start];
        while let Some(state) = todo.pop() {
            if copies.contains_key(&state) {
                continue;
            }
            let State { kind, next } = self.states[state as usize];
            let copy = self.push(kind)?;
            self.states[copy as usize].next = next;
            copies.insert(state, copy);
            todo.extend(kind.other());
            if state != fragment.end && next != NOWHERE {
                todo.push(next);
            }
        }
        let copied = |state: StateId| copies.get(&state).copied().unwrap_or(NOWHERE);
        for copy in copies.values() {
            let state = &mut self.states[*copy as usize];
            state.next = copied(state.next);
            state.kind = state.kind.map_other(copied);
        }
        Ok(Fragment { start: copied(fragment.start), end: copied(fragment.end) })
    }

    /// Makes the search quick, when all states are there.
    pub(super) fn finish(mut self, start: StateId) -> Program {
        let skip = |states: &[State], mut state: StateId| {
            while state != NOWHERE && states[state as usize].kind == StateKind::Empty {
                state = states[state as usize].next;
            }
            state
        };
        for index in 0..self.states.len() {
            let State { kind, next } = self.states[index];
            let kind = kind.map_other(|other| skip(&self.states, other));
            self.states[index] = State { kind, next: skip(&self.states, next) };
        }
        self.start = skip(&self.states, start);
        self.first = self.first_bytes();
        self
    }

    /// Whether a match can begin with this byte, or at the end of the text.
    #[inline]
    pub(super) fn can_start(&self, byte: Option<&u8>) -> bool {
        match (&self.first, byte) {
            (None, _) => true,
            (Some(first), Some(byte)) => first.contains(*byte),
            (Some(_), None) => false,
        }
    }

    fn first_bytes(&self) -> Option<ByteSet> {
        let mut first = ByteSet::default();
        let mut seen = vec![false; self.states.len()];
        let mut todo = vec![self.start];
        while let Some(state) = todo.pop() {
            if std::mem::replace(&mut seen[state as usize], true) {
                continue;
            }
            let State { kind, next } = self.states[state as usize];
            match kind {
                StateKind::Byte(byte) => first.insert(byte),
                StateKind::Set(set) => {
                    let ByteSet(bits) = self.sets[set as usize];
                    first.0.iter_mut().zip(bits).for_each(|(all, bits)| *all |= bits);
                }
                StateKind::Accept => return None,
                StateKind::Alternative(other)
                | StateKind::Repeat(other)
                | StateKind::RepeatNothing(other) => todo.extend([other, next]),
                StateKind::Empty
                | StateKind::GroupStart(_)
                | StateKind::GroupEnd(_)
                | StateKind::LineStart
                | StateKind::LineEnd => todo.push(next),
            }
        }
        Some(first)
    }
}
