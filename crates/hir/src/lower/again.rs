//! Lowering a file again after an edit: what was edited is lowered, and everything else is kept.
//!
//! The result equals that of [`lower`](super::lower) in every detail. While a file is lowered the first
//! time, *landmarks* are noted down: which ranges of the arrays the values of its larger sets are. After
//! an edit inside of one value that value alone is lowered, in the environment that the sets, functions
//! and `with`s around it make; after an edit among the definitions of a set, those that were parsed anew.
//! What an edit can change beyond that is which names a `rec` set or `let` binds: then all is lowered.

use std::ops::Range;

use floe_syntax::{ElementId, Exchange, FlatTree, SyntaxKind};

use super::attrs::Single;
use super::splice::{Ids, Lengths, Splice, Splices};
use super::{LowerOptions, Lowered, Lowering, lower_with, span_of, undefined};
use crate::{
    AttrEntry, AttrKind, Attrs, AttrsId, BindingId, ExprId, Module, Problem, ProblemKind, SourceMap,
};

/// What [`lower_again`] has to know about how a file was lowered.
#[derive(Clone, Debug, Default)]
pub struct Landmarks {
    sets: Vec<SetLandmarks>,
}

/// Sets of fewer elements are lowered as a whole.
const WORTH_NOTING: u32 = if cfg!(test) { 12 } else { 400 };

/// Where the values of a set's attributes are.
#[derive(Clone, Debug)]
pub(super) struct SetLandmarks {
    /// The node.
    set: ElementId,
    attrs: AttrsId,
    /// Before its bindings, which come before all values.
    begin: Lengths,
    /// In the order of its entries.
    entries: Vec<EntryLandmarks>,
    /// Before the value of each entry, and behind the last.
    starts: Vec<Lengths>,
}

#[derive(Clone, Copy, Debug)]
struct EntryLandmarks {
    /// The `AttrPath` of its first definition, or the `Attr` of an inherited one.
    path: ElementId,
    /// Whether it is one `name = value;`.
    is_alone: bool,
}

impl SetLandmarks {
    pub(super) fn add(&mut self, start: Lengths, path: ElementId, is_alone: bool) {
        self.starts.push(start);
        self.entries.push(EntryLandmarks { path, is_alone });
    }
}

impl Lowering<'_> {
    pub(super) fn lengths(&self) -> Lengths {
        Lengths::of(&self.module, &self.source_map)
    }

    pub(super) fn begin_landmarks(&self, set: ElementId) -> Option<SetLandmarks> {
        let is_worth_noting = self.tree.get(set).next - set.0 >= WORTH_NOTING;
        (self.landmarks.is_some() && is_worth_noting).then(|| SetLandmarks {
            set,
            attrs: AttrsId(0),
            begin: self.lengths(),
            entries: Vec::new(),
            starts: Vec::new(),
        })
    }

    pub(super) fn end_landmarks(&mut self, mut set: SetLandmarks, attrs: AttrsId, end: Lengths) {
        set.attrs = attrs;
        set.starts.push(end);
        self.landmarks.get_or_insert_default().sets.push(set);
    }
}

/// Like [`lower`](super::lower), for a file that will be edited.
pub fn lower_for_edits(
    tree: &FlatTree,
    text: &str,
    options: &LowerOptions<'_>,
) -> (Lowered, Landmarks) {
    let mut lowering = Lowering::new(tree, text, options, tree.elements().len());
    lowering.landmarks = Some(Landmarks::default());
    lower_with(lowering)
}

/// What an edited file was before the edit.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as in `Lowered`")]
pub struct BeforeEdit<'a> {
    pub module: &'a Module,
    pub source_map: &'a SourceMap,
    pub problems: &'a [Problem],
    /// What [`lower_for_edits`] or [`lower_again`] noted down.
    pub landmarks: &'a Landmarks,
}

/// Lowers a file again of whose tree one part was exchanged. `None` where that saves nothing: then
/// everything is to be lowered.
pub fn lower_again(
    old: BeforeEdit<'_>,
    exchange: &Exchange,
    tree: &FlatTree,
    text: &str,
    options: &LowerOptions<'_>,
) -> Option<(Lowered, Landmarks)> {
    // Behind an empty range one could not tell what was before it from what was behind it.
    if options.scoped_names.is_some() || exchange.old_text.is_empty() {
        return None;
    }
    let mut lowering = Lowering::new(tree, text, options, 0);
    let again = Again { old, exchange, tree, spine: spine(tree, exchange.new.start) };
    let plan = again.plan(&mut lowering)?;
    again.enter(&mut lowering, plan.depth);
    // What entering has lowered is of no use.
    lowering.landmarks = Some(Landmarks::default());
    lowering.problems.clear();
    let set = &old.landmarks.sets[plan.set];
    let lowered = again.lower(&mut lowering, set, plan.change);
    Some(again.put_together(lowering, plan.set, lowered, text))
}

/// The nodes around what was exchanged, from the root. All of them begin before it, so their ids are the
/// same in both trees.
fn spine(tree: &FlatTree, exchanged: u32) -> Vec<ElementId> {
    let mut spine = vec![tree.root()];
    let mut node = tree.root();
    while let Some(child) =
        tree.children(node).take_while(|child| child.0 < exchanged).find(|child| {
            let element = tree.get(*child);
            !element.kind.is_token() && exchanged < element.next
        })
    {
        spine.push(child);
        node = child;
    }
    spine
}

struct Again<'a> {
    old: BeforeEdit<'a>,
    exchange: &'a Exchange,
    tree: &'a FlatTree,
    spine: Vec<ElementId>,
}

/// What to lower.
struct Plan {
    /// How many nodes of the spine enclose it.
    depth: usize,
    /// Which of the landmarks' sets it is a part of.
    set: usize,
    change: Change,
}

/// With more definitions than this the whole file is lowered: every id is compared with each exchange.
const MOST_ENTRIES: usize = 8;

enum Change {
    /// The value of the entry with this index.
    Value { entry: usize, single: Single },
    /// Some definitions of the set.
    Entries {
        /// The entries that go, by index.
        old: Vec<usize>,
        /// The definitions that come, sorted by name, each with the index of the entry before which it
        /// belongs.
        new: Vec<(usize, Single)>,
    },
}

/// What was lowered, and where it belongs.
struct Exchanged {
    splices: Vec<Splice>,
    /// How many of them only exchange bindings of the set itself.
    of_bindings: usize,
    /// The entries that go, by index.
    old: Vec<usize>,
    new: Vec<NewEntry>,
    /// The bytes of the old text whose problems are outdated.
    old_text: Range<u32>,
    /// The elements of the old tree that are outdated.
    old_elements: Range<u32>,
}

struct NewEntry {
    /// The index of the old entry before which it belongs.
    before: usize,
    single: Single,
    binding: Option<(usize, BindingId)>,
    /// The splice that brings its value.
    splice: usize,
    value: ExprId,
}

impl<'a> Again<'a> {
    fn landmarks_of(&self, set: ElementId) -> Option<usize> {
        self.old.landmarks.sets.iter().position(|landmarks| landmarks.set == set)
    }

    fn attrs(&self, set: usize) -> &'a Attrs {
        &self.old.module.attrs[self.old.landmarks.sets[set].attrs.0 as usize]
    }

    /// The least that has to be lowered.
    fn plan(&self, lowering: &mut Lowering<'a>) -> Option<Plan> {
        let mut plan = None;
        for (index, node) in self.spine.iter().enumerate() {
            let child = self.spine.get(index + 1).copied();
            match self.tree.get(*node).kind {
                SyntaxKind::AttrSet | SyntaxKind::LegacyLet | SyntaxKind::LetIn => {
                    let Some(set) = self.landmarks_of(*node) else { break };
                    let change = match child {
                        None => self.plan_entries(lowering, set),
                        Some(child) => match self.tree.get(child).kind {
                            SyntaxKind::Binding => self.plan_value(lowering, set, child),
                            SyntaxKind::Inherit => None,
                            // The body of a `let`.
                            _ => continue,
                        },
                    };
                    let Some(change) = change else { break };
                    plan = Some(Plan { depth: index + 1, set, change });
                }
                SyntaxKind::Param => break,
                _ => {}
            }
        }
        plan
    }

    /// For an edit inside of the value of a definition that stands alone.
    fn plan_value(
        &self,
        lowering: &mut Lowering<'a>,
        set: usize,
        binding: ElementId,
    ) -> Option<Change> {
        let single = lowering.single_item(binding).ok()??;
        let value = single.value?;
        let is_inside = value.0 <= self.exchange.new.start
            && self.exchange.new.end <= self.tree.get(value).next;
        let entries = &self.old.landmarks.sets[set].entries;
        let entry = entries.iter().position(|entry| entry.path == single.item.path)?;
        (is_inside && entries[entry].is_alone).then_some(Change::Value { entry, single })
    }

    /// For an edit among the definitions of a set.
    fn plan_entries(&self, lowering: &mut Lowering<'a>, set: usize) -> Option<Change> {
        let attrs = self.attrs(set);
        let map = self.old.source_map;
        let landmarks = &self.old.landmarks.sets[set];
        let is_exchanged = |offset: u32| self.exchange.old_text.contains(&offset);

        // All of it must be definitions that stand alone, before and after.
        let mut old = Vec::new();
        for (index, entry) in landmarks.entries.iter().enumerate() {
            if self.exchange.old.contains(&entry.path.0) {
                entry.is_alone.then(|| old.push(index))?;
            }
        }
        if old.len() > MOST_ENTRIES {
            return None;
        }
        let first = landmarks.begin.bindings;
        let bindings = first..first + attrs.entries.len() as u32;
        let from = map.merged.partition_point(|(id, _)| id.0 < bindings.start);
        let mut merged = map.merged[from..].iter().take_while(|(id, _)| bindings.contains(&id.0));
        let mut inherited = attrs.inherit_from.iter();
        let mut dynamic = attrs.dynamic.iter();
        if merged.any(|(_, span)| is_exchanged(span.start))
            || inherited.any(|set| is_exchanged(map.exprs[set.0 as usize].start))
            || dynamic.any(|entry| is_exchanged(map.bindings[entry.binding.0 as usize].start))
        {
            return None;
        }

        let mut new: Vec<(usize, Single)> = Vec::new();
        let mut next = self.exchange.new.start;
        while next < self.exchange.new.end {
            let id = ElementId(next);
            let element = self.tree.get(id);
            match element.kind {
                SyntaxKind::Binding => {
                    if let Some(single) = lowering.single_item(id).ok()? {
                        let name = single.item.name;
                        let before = attrs.entries.partition_point(|entry| entry.name < name);
                        let is_taken =
                            attrs.entries.get(before).is_some_and(|entry| entry.name == name)
                                && !old.contains(&before);
                        (!is_taken && new.len() < MOST_ENTRIES)
                            .then(|| new.push((before, single)))?;
                    }
                }
                SyntaxKind::Whitespace | SyntaxKind::Comment | SyntaxKind::Error => {}
                _ => return None,
            }
            next = element.next;
        }
        new.sort_by_key(|(_, single)| single.item.name);
        let names = |index: usize| new[index].1.item.name;
        if (1..new.len()).any(|index| names(index - 1) == names(index)) {
            return None;
        }
        // Other names would move the slots of all.
        let same_names = old.len() == new.len()
            && old.iter().zip(0..).all(|(old, new)| attrs.entries[*old].name == names(new));
        (!attrs.recursive || same_names).then_some(Change::Entries { old, new })
    }

    /// Enters the environments of the outermost nodes of the spine.
    fn enter(&self, lowering: &mut Lowering<'a>, depth: usize) {
        for (index, node) in self.spine[..depth].iter().enumerate() {
            let child = self.spine.get(index + 1);
            match self.tree.get(*node).kind {
                SyntaxKind::AttrSet | SyntaxKind::LegacyLet | SyntaxKind::LetIn => {
                    let Some(set) = self.landmarks_of(*node) else { continue };
                    let attrs = self.attrs(set);
                    if attrs.recursive {
                        lowering.names.enter();
                        for (entry, slot) in attrs.entries.iter().zip(0..) {
                            let local = lowering.names.local(entry.name.as_str());
                            lowering.names.bind(local, slot);
                        }
                    }
                }
                SyntaxKind::Lambda => {
                    lowering.begin_lambda(*node, span_of(self.tree.get(*node)));
                }
                SyntaxKind::With => {
                    let [_, body] = lowering.operands(*node, SyntaxKind::Semicolon);
                    if body.as_ref() == child {
                        lowering.names.enter_with();
                    }
                }
                _ => {}
            }
        }
    }

    fn lower(&self, lowering: &mut Lowering<'a>, set: &SetLandmarks, change: Change) -> Exchanged {
        match change {
            Change::Value { entry, single } => {
                let start = lowering.lengths();
                let value = lowering.single_value(single);
                let end = lowering.lengths();
                let old = set.starts[entry]..set.starts[entry + 1];
                // The edit lies inside, so the value's other parts are as they were.
                let element = single
                    .value
                    .map_or(self.tree.get(single.item.path), |value| self.tree.get(value));
                let first = single.value.unwrap_or(single.item.path).0;
                Exchanged {
                    splices: vec![Splice { old, new: start..end }],
                    of_bindings: 0,
                    old: vec![entry],
                    new: vec![NewEntry { before: entry, single, binding: None, splice: 0, value }],
                    old_text: element.start..self.old_offset(element.end),
                    old_elements: first..self.old_index(element.next),
                }
            }
            Change::Entries { old, new } => {
                let mut splices = Vec::new();
                let at = |index: usize| Lengths {
                    bindings: set.begin.bindings + index as u32,
                    ..set.begin
                };
                let mut entries = Vec::new();
                let mut gone = old.iter().copied().peekable();
                for (before, single) in new {
                    while let Some(index) = gone.next_if(|index| *index < before) {
                        let new = lowering.lengths();
                        splices.push(Splice { old: at(index)..at(index + 1), new: new..new });
                    }
                    let start = lowering.lengths();
                    let binding = lowering.single_binding(single);
                    let new = start..lowering.lengths();
                    let binding = Some((splices.len(), binding));
                    splices.push(Splice { old: at(before)..at(before), new });
                    entries.push(NewEntry { before, single, binding, splice: 0, value: ExprId(0) });
                }
                for index in gone {
                    let new = lowering.lengths();
                    splices.push(Splice { old: at(index)..at(index + 1), new: new..new });
                }
                let of_bindings = splices.len();

                let removed = |index: usize| set.starts[index]..set.starts[index + 1];
                let mut gone = old.iter().copied().peekable();
                for entry in &mut entries {
                    while let Some(index) = gone.next_if(|index| *index < entry.before) {
                        let new = lowering.lengths();
                        splices.push(Splice { old: removed(index), new: new..new });
                    }
                    let start = lowering.lengths();
                    entry.value = lowering.single_value(entry.single);
                    entry.splice = splices.len();
                    let at = set.starts[entry.before];
                    splices.push(Splice { old: at..at, new: start..lowering.lengths() });
                }
                for index in gone {
                    let new = lowering.lengths();
                    splices.push(Splice { old: removed(index), new: new..new });
                }
                Exchanged {
                    splices,
                    of_bindings,
                    old,
                    new: entries,
                    old_text: self.exchange.old_text.clone(),
                    old_elements: self.exchange.old.clone(),
                }
            }
        }
    }

    /// Where something behind the exchanged text was.
    fn old_offset(&self, offset: u32) -> u32 {
        offset.wrapping_sub(self.exchange.new_text.end).wrapping_add(self.exchange.old_text.end)
    }

    fn old_index(&self, index: u32) -> u32 {
        index.wrapping_sub(self.exchange.new.end).wrapping_add(self.exchange.old.end)
    }

    fn put_together(
        &self,
        lowering: Lowering<'a>,
        set: usize,
        mut exchanged: Exchanged,
        text: &str,
    ) -> (Lowered, Landmarks) {
        let splices = Splices::new(std::mem::take(&mut exchanged.splices), self.exchange);
        let mut module = splices.module(self.old.module, &lowering.module);
        let source_map = splices.source_map(self.old.source_map, &lowering.source_map);
        self.put_entries(&mut module, set, &splices, &exchanged);

        let outdated = |problem: &&Problem| {
            exchanged.old_text.start <= problem.span.start
                && problem.span.end <= exchanged.old_text.end
        };
        let kept = self.old.problems.iter().filter(|problem| !outdated(problem));
        let mut problems: Vec<Problem> =
            kept.map(|problem| moved_problem(problem, &splices)).collect();
        problems.extend(lowering.problems);
        if problems.len() > 1 {
            undefined::sort(&mut problems, self.tree, text, &module, &source_map);
        }
        let new = lowering.landmarks.unwrap_or_default();
        let landmarks = self.moved_landmarks(set, &splices, &exchanged, new);
        (Lowered { module, source_map, problems }, landmarks)
    }

    /// Gives the set its new entries.
    fn put_entries(
        &self,
        module: &mut Module,
        set: usize,
        splices: &Splices<'_>,
        exchanged: &Exchanged,
    ) {
        let all = splices.kept(splices.len());
        let attrs = all.attrs(self.old.landmarks.sets[set].attrs);
        let entries = &mut module.attrs[attrs.0 as usize].entries;
        if let ([index], [new]) = (exchanged.old.as_slice(), exchanged.new.as_slice())
            && new.binding.is_none()
        {
            entries[*index].value = splices.placed(new.splice).expr(new.value);
            return;
        }
        let old = std::mem::take(entries);
        let mut new = exchanged.new.iter().peekable();
        let mut put = |entries: &mut Vec<AttrEntry>, limit: usize| {
            while let Some(new) = new.next_if(|new| new.before <= limit) {
                let binding = new.binding.map(|(splice, id)| splices.placed(splice).binding(id));
                entries.push(AttrEntry {
                    name: new.single.item.name,
                    value: splices.placed(new.splice).expr(new.value),
                    kind: AttrKind::Plain,
                    binding: binding.unwrap_or(BindingId(0)),
                });
            }
        };
        entries.reserve_exact(old.len() + exchanged.new.len() - exchanged.old.len());
        for (index, entry) in old.into_iter().enumerate() {
            put(entries, index);
            if !exchanged.old.contains(&index) {
                entries.push(entry);
            }
        }
        put(entries, usize::MAX);
    }

    fn moved_landmarks(
        &self,
        set: usize,
        splices: &Splices<'_>,
        exchanged: &Exchanged,
        new: Landmarks,
    ) -> Landmarks {
        let all = splices.kept(splices.len());
        let changed = &self.old.landmarks.sets[set];
        let element = |id: ElementId| match id.0 >= self.exchange.old.end {
            true => ElementId(
                id.0.wrapping_sub(self.exchange.old.end).wrapping_add(self.exchange.new.end),
            ),
            false => id,
        };
        let mut sets = Vec::with_capacity(self.old.landmarks.sets.len() + new.sets.len());
        for (index, old) in self.old.landmarks.sets.iter().enumerate() {
            if exchanged.old_elements.contains(&old.set.0) {
                continue;
            }
            let entries = old.entries.iter();
            let entries =
                entries.map(|entry| EntryLandmarks { path: element(entry.path), ..*entry });
            let mut moved = SetLandmarks {
                set: element(old.set),
                attrs: all.attrs(old.attrs),
                begin: old.begin,
                entries: entries.collect(),
                starts: old.starts.clone(),
            };
            if index == set {
                moved_starts(&mut moved, splices, exchanged);
            } else if old.attrs > changed.attrs && old.begin.exprs <= changed.begin.exprs {
                // It contains the set: that is in one of its values.
                let growth = splices.growth(splices.len());
                for start in &mut moved.starts {
                    if start.exprs > changed.begin.exprs {
                        *start = start.plus(growth);
                    }
                }
            } else {
                let growth = splices.growth(splices.before(old.attrs));
                moved.begin = moved.begin.plus(growth);
                for start in &mut moved.starts {
                    *start = start.plus(growth);
                }
            }
            sets.push(moved);
        }
        for mut set in new.sets {
            let contains = |entry: &&NewEntry| Some(set.attrs) <= splices.last_attrs(entry.splice);
            let Some(entry) = exchanged.new.iter().find(contains) else { continue };
            let placed = splices.placed(entry.splice);
            set.attrs = placed.attrs(set.attrs);
            set.begin = set.begin.plus(placed.by);
            for start in &mut set.starts {
                *start = start.plus(placed.by);
            }
            sets.push(set);
        }
        Landmarks { sets }
    }
}

/// The landmarks of the set whose entries were exchanged.
fn moved_starts(set: &mut SetLandmarks, splices: &Splices<'_>, exchanged: &Exchanged) {
    let old_starts = std::mem::take(&mut set.starts);
    let old_entries = std::mem::take(&mut set.entries);
    let mut new = exchanged.new.iter().peekable();
    let mut passed = exchanged.of_bindings;
    let mut growth = splices.growth(passed);
    for (index, start) in old_starts.into_iter().enumerate() {
        while let Some(new) = new.next_if(|new| new.before <= index) {
            set.starts.push(start.plus(growth));
            set.entries.push(EntryLandmarks { path: new.single.item.path, is_alone: true });
            if new.binding.is_some() {
                passed += 1;
                growth = splices.growth(passed);
            }
        }
        if exchanged.old.contains(&index) {
            passed += 1;
            growth = splices.growth(passed);
        } else {
            set.starts.push(start.plus(growth));
            set.entries.extend(old_entries.get(index));
        }
    }
}

fn moved_problem(problem: &Problem, splices: &Splices<'_>) -> Problem {
    let mut problem = problem.clone();
    problem.span = splices.span(problem.span);
    if problem.noticed_at != u32::MAX {
        problem.noticed_at = splices.offset(problem.noticed_at);
    }
    if let ProblemKind::DuplicateAttribute { previous, .. } = &mut problem.kind {
        *previous = splices.span(*previous);
    }
    problem
}

#[cfg(test)]
mod tests;
