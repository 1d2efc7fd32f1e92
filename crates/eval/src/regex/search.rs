//! Matching. The order in which ways through the graph are tried, and so the groups of the match, are
//! those of GNU C++'s `std::regex`: a repetition takes as much as it can, and gives back one at a time;
//! all alternatives are tried, and the first of the longest matches wins.
//!
//! That order is a depth-first search, whose time grows exponentially with some expressions. Here a
//! place that was reached before is not searched again: whatever is found from there ends where it
//! ended the first time, so it is never longer. The stack is a `Vec`, so no text is too long.

use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap;

use super::program::{Program, StateId, StateKind};

/// The groups of a match.
#[derive(Clone, Debug)]
pub(super) struct Captures {
    groups: Vec<Group>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    start: usize,
    end: usize,
    matched: bool,
}

impl Captures {
    /// Where the match begins and ends.
    pub(super) fn whole(&self) -> (usize, usize) {
        (self.groups[0].start, self.groups[0].end)
    }

    /// The number of groups without the whole match.
    pub(super) fn group_count(&self) -> usize {
        self.groups.len() - 1
    }

    /// Where a group begins and ends, if it is part of the match.
    pub(super) fn group(&self, index: usize) -> Option<(usize, usize)> {
        let group = self.groups[index + 1];
        group.matched.then_some((group.start, group.end))
    }
}

/// What a match must be.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    /// It must end at the end of the text.
    pub(super) whole: bool,
    /// It must not be empty.
    pub(super) not_empty: bool,
    /// The search does not begin at the start of the text, so `^` matches nowhere.
    pub(super) continued: bool,
}

/// How often repetitions that may match nothing have been entered since the last byte was taken: the
/// C++ implementation enters each a second time and not a third. Sorted by state.
type Entered = Vec<(StateId, u8)>;

/// A place in the search.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    state: StateId,
    at: usize,
    /// Empty unless there are repetitions that may match nothing.
    entered: Entered,
}

/// What is left to do behind a way that has been tried.
enum Pending {
    /// The second alternative, in any case.
    Second(Place),
    /// The way out of a repetition, if entering it found nothing.
    Leave(Place),
    /// Both alternatives are done; the first found something or not.
    Join { first: bool },
    /// Note what was found from a place.
    Note(usize),
    /// Undo what a group noted.
    Restore { group: u32, before: Group },
}

/// A search was given up, since the evaluation is to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interrupted;

/// So many steps go by between two looks at whether the evaluation is to end.
const STEPS_BETWEEN_CHECKS: u32 = 1 << 14;

/// A search for matches that begin at one place after the other.
pub(super) struct Searcher<'p, 't> {
    program: &'p Program,
    interrupt: &'t AtomicBool,
    steps: u32,
    text: &'t [u8],
    from: usize,
    flags: Flags,
    groups: Vec<Group>,
    best: Option<Captures>,
    pending: Vec<Pending>,
    known: Known,
}

/// What is known of places that have been searched: whether a match was found from there.
enum Known {
    /// By state and position: two bits each, known and found.
    Table { bits: Vec<u64>, width: usize, from: usize },
    /// By the whole place.
    Map { ids: FxHashMap<Place, usize>, found: Vec<Option<bool>> },
}

impl<'p, 't> Searcher<'p, 't> {
    /// A search that begins at `from`. It is given up when `interrupt` is set.
    pub(super) fn new(
        program: &'p Program,
        text: &'t [u8],
        from: usize,
        flags: Flags,
        interrupt: &'t AtomicBool,
    ) -> Searcher<'p, 't> {
        let known = if program.repeats_nothing {
            Known::Map { ids: FxHashMap::default(), found: Vec::new() }
        } else {
            Known::Table { bits: Vec::new(), width: program.states.len(), from }
        };
        Searcher {
            program,
            interrupt,
            steps: 0,
            text,
            from,
            flags,
            groups: vec![Group::default(); program.groups as usize],
            best: None,
            pending: Vec::new(),
            known,
        }
    }

    /// The match that begins at `start`. Matches were looked for at earlier places only in vain: what
    /// is known from there still holds, except about `^`.
    pub(super) fn run(&mut self, start: usize) -> Result<Option<Captures>, Interrupted> {
        if start > self.from {
            self.flags.continued = true;
            if self.program.has_line_start {
                self.known.clear();
            }
        }
        let mut found = self
            .forward(Place { state: self.program.start, at: start, entered: Vec::new() }, start)?;
        while let Some(pending) = self.pending.pop() {
            match pending {
                Pending::Second(place) => {
                    self.pending.push(Pending::Join { first: found });
                    found = self.forward(place, start)?;
                }
                Pending::Leave(place) => {
                    if !found {
                        found = self.forward(place, start)?;
                    }
                }
                Pending::Join { first } => found |= first,
                Pending::Note(id) => self.known.note(id, found),
                Pending::Restore { group, before } => self.groups[group as usize] = before,
            }
        }
        Ok(self.best.take())
    }

    /// Counts a step of the search.
    pub(super) fn step(&mut self) -> Result<(), Interrupted> {
        self.steps += 1;
        if self.steps < STEPS_BETWEEN_CHECKS {
            return Ok(());
        }
        self.steps = 0;
        if self.interrupt.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
    }

    /// Goes on from a place until the way ends; says whether it ended in a match.
    fn forward(&mut self, mut place: Place, start: usize) -> Result<bool, Interrupted> {
        loop {
            self.step()?;
            let state = self.program.states[place.state as usize];
            match state.kind {
                StateKind::Byte(byte) => {
                    if self.text.get(place.at) != Some(&byte) {
                        return Ok(false);
                    }
                    place.at += 1;
                    place.entered.clear();
                }
                StateKind::Set(set) => {
                    let set = &self.program.sets[set as usize];
                    if !self.text.get(place.at).is_some_and(|byte| set.contains(*byte)) {
                        return Ok(false);
                    }
                    place.at += 1;
                    place.entered.clear();
                }
                StateKind::GroupStart(group) => {
                    let before = self.groups[group as usize];
                    self.pending.push(Pending::Restore { group, before });
                    self.groups[group as usize].start = place.at;
                }
                StateKind::GroupEnd(group) => {
                    let before = self.groups[group as usize];
                    self.pending.push(Pending::Restore { group, before });
                    self.groups[group as usize] =
                        Group { start: before.start, end: place.at, matched: true };
                }
                StateKind::LineStart => {
                    if place.at != start || self.flags.continued {
                        return Ok(false);
                    }
                }
                StateKind::LineEnd => {
                    if place.at != self.text.len() {
                        return Ok(false);
                    }
                }
                StateKind::Alternative(first) => {
                    match self.known.visit(&place) {
                        Ok(found) => return Ok(found),
                        Err(id) => self.pending.push(Pending::Note(id)),
                    }
                    self.pending
                        .push(Pending::Second(Place { state: state.next, ..place.clone() }));
                    place.state = first;
                    continue;
                }
                StateKind::Repeat(again) | StateKind::RepeatNothing(again) => {
                    match self.known.visit(&place) {
                        Ok(found) => return Ok(found),
                        Err(id) => self.pending.push(Pending::Note(id)),
                    }
                    let leave = Place { state: state.next, ..place.clone() };
                    let may_be_nothing = matches!(state.kind, StateKind::RepeatNothing(_));
                    if may_be_nothing && !enter(&mut place) {
                        place = leave;
                        continue;
                    }
                    self.pending.push(Pending::Leave(leave));
                    place.state = again;
                    continue;
                }
                StateKind::Accept => return Ok(self.accept(place.at, start)),
                StateKind::Empty => {}
            }
            place.state = state.next;
        }
    }

    fn accept(&mut self, at: usize, start: usize) -> bool {
        if self.flags.whole && at != self.text.len() || self.flags.not_empty && at == start {
            return false;
        }
        if self.best.as_ref().is_none_or(|best| best.whole().1 < at) {
            self.best = Some(Captures { groups: self.groups.clone() });
        }
        true
    }
}

/// Notes that a repetition is entered here; `false` if it has been entered twice already.
fn enter(place: &mut Place) -> bool {
    const MOST: u8 = 2;
    match place.entered.iter_mut().find(|(state, _)| *state == place.state) {
        Some((_, MOST..)) => return false,
        Some((_, count)) => *count += 1,
        None => {
            place.entered.push((place.state, 1));
            place.entered.sort_unstable();
        }
    }
    true
}

impl Known {
    /// What was found from a place, or the number under which to note it.
    fn visit(&mut self, place: &Place) -> Result<bool, usize> {
        match self {
            Known::Table { bits, width, from } => {
                let id = (place.at - *from) * *width + place.state as usize;
                let (word, shift) = (id / 32, id % 32 * 2);
                if word >= bits.len() {
                    bits.resize(word + 1, 0);
                }
                match bits[word] >> shift & 3 {
                    0 => Err(id),
                    known => Ok(known == 3),
                }
            }
            Known::Map { ids, found } => {
                let next = found.len();
                match ids.get(place) {
                    // A place that is still being searched is reached again only by a repetition that
                    // takes nothing, which its own count tells apart.
                    Some(id) => found[*id].ok_or(*id),
                    None => {
                        ids.insert(place.clone(), next);
                        found.push(None);
                        Err(next)
                    }
                }
            }
        }
    }

    fn clear(&mut self) {
        match self {
            Known::Table { bits, .. } => bits.clear(),
            Known::Map { ids, found } => {
                ids.clear();
                found.clear();
            }
        }
    }

    fn note(&mut self, id: usize, was_found: bool) {
        match self {
            Known::Table { bits, .. } => {
                let known: u64 = if was_found { 3 } else { 1 };
                bits[id / 32] |= known << (id % 32 * 2);
            }
            Known::Map { found, .. } => found[id] = Some(was_found),
        }
    }
}
