//! Every package of large sets, asked for by several evaluators that each take little memory.
//!
//! The sets are cut into [`Part`]s. Each evaluator takes the next part from its end of the queue, so that
//! neighbours, which share most, are evaluated together; one whose heap has grown large puts back what it
//! has not searched yet and begins anew with an empty heap. What files say is parsed once for all.
//!
//! A package that is reached twice is listed once. Within a heap its identity shows that; packages of
//! different heaps that look the same are evaluated once more, in one heap, to compare their identities.

mod session;
mod shared;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    num::NonZero,
    rc::Rc,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicU32},
    thread,
};

use floe_eval::{Evaluator, Options, Statistics, heap::Heap};

use self::{
    session::Session,
    shared::{Once, SharedFiles},
};
use crate::{
    arguments::StoreArguments,
    evaluation::{self, Access, Configuration, Request},
    output,
    packages::Part,
    progress::Progress,
    render::Complaint,
};

/// What to ask of each package besides its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Questions<'a> {
    pub(super) system: bool,
    /// Only packages for this system are wanted.
    pub(super) only_system: Option<&'a str>,
    pub(super) derivation: bool,
}

/// A package.
pub(super) struct Entry {
    /// The number of the selection, and that of the member at each step from there.
    place: Vec<u32>,
    /// The heap, and the identity there.
    identity: (u32, u64),
    pub(super) path: String,
    pub(super) name: String,
    /// Empty if it was not asked for.
    pub(super) system: String,
    pub(super) derivation: Derivation,
}

/// The path of a package's derivation.
pub(super) enum Derivation {
    Unasked,
    /// `-` if the package has none.
    Path(String),
    /// Its evaluation is refused: a failed assertion or `throw`.
    Refused,
    Failed(Box<Complaint>),
}

/// The packages of a request, for each of its selections in the order in which they are found.
///
/// # Errors
///
/// The mistake that a search in one go would have met first.
pub(super) fn packages(
    request: &Request,
    store: &StoreArguments,
    questions: Questions<'_>,
) -> anyhow::Result<Vec<Vec<Entry>>> {
    let limits = match request.reads_standard_input() {
        // It can be read only once.
        true => Limits { workers: 1, heap_bytes: usize::MAX, ..Limits::of_machine() },
        false => Limits::of_machine(),
    };
    packages_within(limits, request, store, questions)
}

fn packages_within(
    limits: Limits,
    request: &Request,
    store: &StoreArguments,
    questions: Questions<'_>,
) -> anyhow::Result<Vec<Vec<Entry>>> {
    let survey = Survey::new(limits, request, store, questions)?;
    survey.run();
    survey.compare_lookalikes();
    survey.finish()
}

/// How the work is divided.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// How many evaluators there are.
    workers: usize,
    /// A heap that is larger is given up at the next occasion.
    heap_bytes: usize,
    /// Sets with more members are cut into parts of so many.
    part_members: u32,
}

impl Limits {
    fn of_machine() -> Limits {
        Limits {
            // More would share too little.
            workers: thread::available_parallelism().map_or(1, NonZero::get).min(8),
            // What is evaluated in common is evaluated anew in each heap; see `docs/performance.md`.
            heap_bytes: 400 << 20,
            part_members: 128,
        }
    }
}

struct Survey<'a> {
    request: &'a Request,
    access: Access<'a>,
    configuration: Configuration,
    questions: Questions<'a>,
    limits: Limits,
    files: SharedFiles,
    said: Once,
    /// How many heaps there have been.
    heaps: AtomicU32,
    state: Mutex<State>,
    changed: Condvar,
    /// A step is a member of a set that is searched part by part, or a package that is compared.
    progress: Progress,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Task>,
    /// How many evaluators are at work, and may find more to do.
    running: usize,
    entries: Vec<Entry>,
    /// Mistakes that end the search, by place.
    failures: BTreeMap<Vec<u32>, Complaint>,
    statistics: Option<Statistics>,
}

enum Task {
    /// To search a part of a selection.
    Search(u32, Part),
    /// To find out which of these entries, given by number and place, are the same.
    Compare(Vec<(usize, Vec<u32>)>),
}

impl Task {
    /// Where it begins.
    fn place(&self) -> Vec<u32> {
        match self {
            Task::Search(selection, part) => {
                let (selection, member) = ([*selection], [part.members.start]);
                [&selection, &*part.place, &member].concat()
            }
            Task::Compare(members) => {
                members.first().map_or(Vec::new(), |(_, place)| place.clone())
            }
        }
    }
}

/// Which end of the queue an evaluator works at.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl<'a> Survey<'a> {
    fn new(
        limits: Limits,
        request: &'a Request,
        store: &'a StoreArguments,
        questions: Questions<'a>,
    ) -> anyhow::Result<Survey<'a>> {
        let access = Access::ReadOnly(store);
        let selections = (0..).zip(request.selections());
        let queue = selections.map(|(selection, _)| Task::Search(selection, Part::whole()));
        Ok(Survey {
            request,
            access,
            configuration: Configuration::of_request(request, access)?,
            questions,
            limits,
            files: SharedFiles::default(),
            said: Once::default(),
            heaps: AtomicU32::new(0),
            state: Mutex::new(State { queue: queue.collect(), ..State::default() }),
            changed: Condvar::new(),
            progress: Progress::steps("", 0),
        })
    }

    /// Does what is in the queue, and what it leads to.
    fn run(&self) {
        thread::scope(|scope| {
            for _ in 1..self.limits.workers {
                scope.spawn(|| self.work(End::Back));
            }
            self.work(End::Front);
        });
    }

    fn work(&self, end: End) {
        floe_eval::with_big_stack(|stack_bytes| {
            let mut heap = Heap::new();
            while let Some(task) = self.take(end) {
                self.work_in(&heap, stack_bytes, task, end);
                heap.clear();
            }
        });
    }

    /// Works until the heap is full or nothing is left to do.
    fn work_in(&self, heap: &Heap, stack_bytes: usize, first: Task, end: End) {
        let options = Options {
            settings: self.configuration.settings.clone(),
            fs: Rc::new(self.files.clone()),
            store: evaluation::store_access(self.access),
            console: Rc::new(self.said.clone()),
        };
        let evaluator = Evaluator::new(heap, options, stack_bytes);
        let session = Session::new(self, &evaluator, end);
        let mut next = Some(first);
        while let Some(task) = next {
            let at_work = AtWork(self);
            let place = task.place();
            if let Err(error) = session.perform(task) {
                session.fail(&place, &error);
            }
            drop(at_work);
            next = if session.is_full() { None } else { self.take(end) };
        }
        if evaluation::wants_statistics() {
            let statistics = evaluator.statistics();
            match &mut self.state().statistics {
                Some(sum) => *sum += statistics,
                none => *none = Some(statistics),
            }
        }
    }

    /// Waits for something to do; there is nothing left when nobody works who could find more.
    fn take(&self, end: End) -> Option<Task> {
        let mut state = self.state();
        loop {
            let next = match end {
                End::Front => state.queue.pop_front(),
                End::Back => state.queue.pop_back(),
            };
            if let Some(task) = next {
                // What comes behind a mistake is not listed.
                if state.failures.first_key_value().is_some_and(|(at, _)| *at <= task.place()) {
                    continue;
                }
                state.running += 1;
                return Some(task);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, tasks: impl IntoIterator<Item = Task>, end: End) {
        let mut state = self.state();
        match end {
            // In order, in front of what is there.
            End::Front => {
                let mut tasks: VecDeque<Task> = tasks.into_iter().collect();
                tasks.append(&mut state.queue);
                state.queue = tasks;
            }
            End::Back => state.queue.extend(tasks),
        }
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the packages of different heaps that are the same one identity.
    fn compare_lookalikes(&self) {
        let mut groups: HashMap<(u32, &str, Option<&str>), Vec<usize>> = HashMap::new();
        let mut state = self.state();
        for (index, entry) in state.entries.iter().enumerate() {
            let derivation = match &entry.derivation {
                Derivation::Path(path) => Some(&**path),
                _ => None,
            };
            groups.entry((entry.place[0], &entry.name, derivation)).or_default().push(index);
        }
        let entry = |index: &usize| &state.entries[*index];
        let are_of_several_heaps = |group: &&Vec<usize>| {
            group.iter().any(|index| entry(index).identity.0 != entry(&group[0]).identity.0)
        };
        let compared: Vec<Vec<(usize, Vec<u32>)>> = groups
            .values()
            .filter(are_of_several_heaps)
            .map(|group| group.iter().map(|it| (*it, entry(it).place.clone())).collect())
            .collect();
        self.progress.expect(compared.iter().map(Vec::len).sum());
        state.queue.extend(compared.into_iter().map(Task::Compare));
        drop(state);
        self.run();
    }

    fn finish(self) -> anyhow::Result<Vec<Vec<Entry>>> {
        drop(self.progress);
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(statistics) = state.statistics {
            output::notes(statistics);
        }
        if let Some((_, failure)) = state.failures.into_iter().next() {
            return Err(failure.into());
        }
        let mut entries = state.entries;
        entries.sort_unstable_by(|a, b| a.place.cmp(&b.place));
        let mut seen = HashSet::new();
        let mut found: Vec<Vec<Entry>> = self.request.selections().map(|_| Vec::new()).collect();
        for entry in entries {
            let selection = entry.place[0];
            if seen.insert((selection, entry.identity)) {
                found[selection as usize].push(entry);
            }
        }
        Ok(found)
    }
}

/// An evaluator that was given a task, until it is done with it: whoever waits must not wait for one that
/// has panicked.
struct AtWork<'s, 'a>(&'s Survey<'a>);

impl Drop for AtWork<'_, '_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Source;

    const QUESTIONS: Questions<'_> =
        Questions { system: true, only_system: None, derivation: true };

    const AT_ONCE: Limits = Limits { workers: 1, heap_bytes: usize::MAX, part_members: u32::MAX };

    /// Ways to divide the work.
    fn divided() -> impl Iterator<Item = Limits> {
        let heaps = [0, 200 << 10, usize::MAX];
        (1..4).flat_map(move |workers| {
            [1, 3, 1000].into_iter().flat_map(move |part_members| {
                heaps.map(|heap_bytes| Limits { workers, heap_bytes, part_members })
            })
        })
    }

    /// All of an expression, `p "name"` being a derivation.
    fn request(expression: &str) -> Request {
        let p = r#"name: derivation { inherit name; system = "x"; builder = "/b"; }"#;
        Request::new(Source::Text(format!("let p = {p}; in {expression}")), "/".into())
    }

    fn found(limits: Limits, expression: &str) -> Result<Vec<String>, String> {
        let store = StoreArguments { store: None };
        let found = packages_within(limits, &request(expression), &store, QUESTIONS);
        let selections = found.map_err(|error| match error.downcast::<Complaint>() {
            Ok(complaint) => complaint.message,
            Err(other) => panic!("the settings are right: {other}"),
        })?;
        let entries = selections.iter().flatten();
        Ok(entries
            .map(|entry| {
                let derivation = match &entry.derivation {
                    Derivation::Unasked => "?",
                    Derivation::Path(path) => path,
                    Derivation::Refused => "refused",
                    Derivation::Failed(complaint) => &complaint.message,
                };
                format!("{}={} {derivation}", entry.path, entry.name)
            })
            .collect())
    }

    /// Sets that share packages, one that is reached by several ways, and some that refuse or fail.
    const SHARING: &str = r#"let
        numbers = builtins.genList (n: n) 40;
        each = make: builtins.listToAttrs (map (n: { name = "m${toString n}"; value = make n; }) numbers);
        common = each (n: p "common-${toString n}");
        broken = p "broken" // { drvPath = throw "broken"; };
    in {
        a = each (n: p "a-${toString n}") // { recurseForDerivations = true; };
        again = common // { recurseForDerivations = true; };
        b = { recurseForDerivations = true; deep = common // { recurseForDerivations = true; }; };
        c = p "a-1";
        d = p "a-1";
        inherit broken;
        e = broken;
        f = p "f" // { drvPath = abort "stop"; };
        refuses = throw "no";
        z = [ common.m1 (p "z") { y = p "y"; } ];
    }"#;

    #[test]
    fn however_the_work_is_divided_the_same_is_found() {
        let all = found(AT_ONCE, SHARING).unwrap();
        // 40 of `a`, 40 that are common, and `broken`, `c`, `d`, `f`.
        assert_eq!(all.len(), 84, "{all:#?}");
        assert_eq!(all.iter().filter(|line| line.ends_with(" refused")).count(), 1);
        for limits in divided() {
            assert_eq!(found(limits, SHARING).unwrap(), all, "{limits:?}");
        }
    }

    #[test]
    fn the_progress_ends_where_it_was_expected_to() {
        let (request, store) = (request(SHARING), StoreArguments { store: None });
        let counts = |limits: Limits| {
            let survey = Survey::new(limits, &request, &store, QUESTIONS).unwrap();
            survey.run();
            let searched = survey.progress.counts();
            survey.compare_lookalikes();
            (searched, survey.progress.counts())
        };
        // The members of the one set that is searched by itself; nothing has to be compared.
        assert_eq!(counts(AT_ONCE), ((10, 10), (10, 10)));
        // Three sets with more than three members are cut: the two of 40, and that around them.
        let cut = Limits { part_members: 3, ..AT_ONCE };
        assert_eq!(counts(cut).0, (10 + 3 * 41, 10 + 3 * 41));
        for limits in divided() {
            let (searched, compared) = counts(limits);
            assert_eq!(searched.0, searched.1, "{limits:?}");
            assert_eq!(compared.0, compared.1, "{limits:?}");
        }
    }

    #[test]
    fn the_first_mistake_is_the_one_that_is_told() {
        let expression = r#"builtins.listToAttrs (map (n: {
            name = "m${toString (n + 10)}";
            value = if n >= 20 then abort "at ${toString n}" else p "p";
        }) (builtins.genList (n: n) 60))"#;
        for workers in 1..4 {
            let limits = Limits { workers, heap_bytes: 0, part_members: 4 };
            let message = found(limits, expression).unwrap_err();
            assert!(message.contains("at 20"), "{message}");
        }
    }
}
