//! One evaluator's share of the work: searching parts, and asking each package.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    ops::ControlFlow,
    sync::atomic::Ordering,
};

use floe_eval::{
    Evaluator,
    error::{EvalError, FrameMessage, Pos},
    heap::Value,
};

use super::{Derivation, End, Entry, Questions, Survey, Task};
use crate::{
    evaluation::{self, Sources},
    packages::{Package, Part, Refusals, Search, Visitor},
    render::Complaint,
};

/// The work with one heap.
pub(super) struct Session<'s, 'h> {
    survey: &'s Survey<'s>,
    evaluator: &'s Evaluator<'h>,
    heap: u32,
    end: End,
    sources: OnceCell<Sources<'h>>,
    /// What was selected, called if it is a function.
    selected: RefCell<BTreeMap<u32, Value<'h>>>,
    /// When the heap is full; not known before the first member was searched.
    most_bytes: Cell<Option<usize>>,
}

impl<'s, 'h> Session<'s, 'h> {
    pub(super) fn new(
        survey: &'s Survey<'s>,
        evaluator: &'s Evaluator<'h>,
        end: End,
    ) -> Session<'s, 'h> {
        Session {
            survey,
            evaluator,
            heap: survey.heaps.fetch_add(1, Ordering::Relaxed),
            end,
            sources: OnceCell::new(),
            selected: RefCell::default(),
            most_bytes: Cell::new(None),
        }
    }

    /// Does the task, or as much of it as there is room for: the rest goes back into the queue.
    pub(super) fn perform(&self, task: Task) -> Result<(), EvalError> {
        match task {
            Task::Search(selection, part) => {
                let mut finder = Finder { session: self, selection };
                if let Some(rest) = self.search(selection, &part, &mut finder)? {
                    self.survey.put([Task::Search(selection, rest)], self.end);
                }
            }
            Task::Compare(members) => {
                for (index, place) in members {
                    let [selection, before @ .., last] = &*place else { continue };
                    let part = Part { place: before.to_vec(), members: *last..last + 1 };
                    let mut identity = None;
                    self.search(*selection, &part, &mut |package: Package<'h>| {
                        identity = Some(package.identity);
                        Ok(())
                    })?;
                    if let Some(identity) = identity {
                        self.survey.state().entries[index].identity = (self.heap, identity);
                    }
                    self.survey.progress.advance();
                }
            }
        }
        Ok(())
    }

    fn search(
        &self,
        selection: u32,
        part: &Part,
        visitor: &mut dyn Visitor<'h>,
    ) -> Result<Option<Part>, EvalError> {
        let (evaluator, request) = (self.evaluator, self.survey.request);
        let sources = match self.sources.get() {
            Some(sources) => sources,
            None => {
                let sources = Sources::new(evaluator, request)?;
                self.sources.get_or_init(|| sources)
            }
        };
        let path = request.selections().nth(selection as usize).unwrap_or_default();
        let known = self.selected.borrow().get(&selection).copied();
        let value = match known {
            Some(value) => value,
            None => {
                let value = sources.select(evaluator, path)?.value;
                let value = evaluator.auto_call(value, &sources.arguments)?;
                self.selected.borrow_mut().insert(selection, value);
                value
            }
        };
        let search = Search { evaluator, arguments: &sources.arguments, refusals: Refusals::Skip };
        search.part(value, path, part, visitor)
    }

    /// Whether to begin anew. What the first member needed is likely to be needed again.
    pub(super) fn is_full(&self) -> bool {
        let used = self.evaluator.heap.used_bytes();
        let most = self.most_bytes.get().unwrap_or_else(|| {
            let most = self.survey.limits.heap_bytes.max(used.saturating_mul(2));
            self.most_bytes.set(Some(most));
            most
        });
        used > most
    }

    /// What the survey asks of a package; nothing if that is not wanted.
    fn entry(&self, package: &Package<'h>, place: Vec<u32>) -> Result<Option<Entry>, EvalError> {
        let evaluator = self.evaluator;
        let Questions { system: needs_system, only_system, derivation } = self.survey.questions;
        let mut entry = Entry {
            identity: (self.heap, package.identity),
            place,
            path: package.path.clone(),
            name: package.name(evaluator)?,
            system: String::new(),
            derivation: Derivation::Unasked,
        };
        // Nobody asks a package for its system without need: the answer may be an error.
        if needs_system || only_system.is_some() {
            match package.system(evaluator) {
                Ok(system) => entry.system = system.unwrap_or_else(|| "unknown".to_owned()),
                Err(error) => {
                    self.fail(&entry.place, &error);
                    return Ok(None);
                }
            }
        }
        if only_system.is_some_and(|wanted| wanted != entry.system) {
            return Ok(None);
        }
        if derivation {
            entry.derivation = match package.derivation_path(evaluator) {
                Ok(path) => Derivation::Path(path.unwrap_or_else(|| "-".to_owned())),
                Err(error) if error.kind().is_catchable() => Derivation::Refused,
                Err(error) => {
                    let doing = format!("while querying the derivation named '{}'", entry.name);
                    let error = error.frame(Pos::None, FrameMessage::Text(doing));
                    Derivation::Failed(Box::new(self.complaint(&error)))
                }
            };
        }
        Ok(Some(entry))
    }

    fn complaint(&self, error: &EvalError) -> Complaint {
        let Survey { request, configuration, .. } = self.survey;
        evaluation::complaint(self.evaluator, error, request, configuration.show_trace)
    }

    /// Notes a mistake that ends the search.
    pub(super) fn fail(&self, place: &[u32], error: &EvalError) {
        let complaint = self.complaint(error);
        self.survey.state().failures.insert(place.to_vec(), complaint);
    }
}

/// Notes what is found.
struct Finder<'s, 'h> {
    session: &'s Session<'s, 'h>,
    selection: u32,
}

impl<'h> Visitor<'h> for Finder<'_, 'h> {
    fn found(&mut self, package: Package<'h>, place: &[u32]) -> Result<(), EvalError> {
        let survey = self.session.survey;
        survey.progress.message(&package.path);
        let place = [&[self.selection], place].concat();
        if let Some(entry) = self.session.entry(&package, place)? {
            survey.state().entries.push(entry);
        }
        Ok(())
    }

    fn enters(&mut self, place: &[u32], members: u32) -> bool {
        let survey = self.session.survey;
        let most = survey.limits.part_members;
        let is_cut = members > most;
        if is_cut || place.is_empty() {
            survey.progress.expect(members as usize);
        }
        if !is_cut {
            return true;
        }
        let starts = (0..members).step_by(most as usize);
        let part = |start: u32| {
            let members = start..members.min(start + most);
            Task::Search(self.selection, Part { place: place.to_vec(), members })
        };
        survey.put(starts.map(part), self.session.end);
        false
    }

    fn passed(&mut self) -> ControlFlow<()> {
        self.session.survey.progress.advance();
        if self.session.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
