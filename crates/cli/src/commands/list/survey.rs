//! Every package of large sets, asked for by several evaluators that each take little memory.
//!
//! The sets are cut into [`Part`]s. Each evaluator takes the next part from its end of the queue, so that
//! neighbours, which share most, are evaluated together; one whose heap has grown large puts back what it
//! has not searched yet and begins anew with an empty heap. What files say is parsed once for all.
//!
//! A package that is reached twice is listed once. Within a heap its identity shows that; packages of
//! different heaps that look the same are evaluated once more, in one heap, to compare their identities.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    ffi::OsString,
    io,
    num::NonZero,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use floe_eval::{
    Console, Evaluator, Options, Statistics,
    error::{EvalError, FrameMessage, Pos},
    fs::{FileSystem, FileType, Lowered, RealFileSystem},
    heap::{Heap, Value},
};

use crate::{
    arguments::StoreArguments,
    evaluation::{self, Access, Configuration, Layout, Request, Sources, Terminal},
    packages::{Package, Part, Refusals, Search, Visitor},
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
    let access = Access::ReadOnly(store);
    let configuration = Configuration::of_request(request, access)?;
    let selections: Vec<&str> = request.selections().collect();
    let survey = Survey {
        request,
        access,
        configuration,
        questions,
        limits,
        files: Arc::default(),
        said: Arc::default(),
        heaps: AtomicU32::new(0),
        state: Mutex::new(State::new(&selections)),
        changed: Condvar::new(),
        progress: Progress::steps("", 0),
    };
    survey.run();
    survey.compare_lookalikes();
    survey.finish(selections.len())
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
    /// Files that were parsed.
    files: Arc<Mutex<HashMap<PathBuf, Lowered>>>,
    /// Traces and warnings that were printed.
    said: Arc<Mutex<HashSet<String>>>,
    /// How many heaps there have been.
    heaps: AtomicU32,
    state: Mutex<State>,
    changed: Condvar,
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

impl Survey<'_> {
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
            fs: Rc::new(SharedFiles(Arc::clone(&self.files))),
            store: evaluation::store_access(self.access),
            console: Rc::new(Once(Arc::clone(&self.said))),
        };
        let evaluator = Evaluator::new(heap, options, stack_bytes);
        let session = Session {
            survey: self,
            evaluator: &evaluator,
            heap: self.heaps.fetch_add(1, Ordering::Relaxed),
            end,
            sources: OnceCell::new(),
            selected: RefCell::default(),
            most_bytes: Cell::new(None),
        };
        let mut next = Some(first);
        while let Some(task) = next {
            let place = task.place();
            if let Err(error) = session.perform(task) {
                session.fail(&place, &error);
            }
            self.done();
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

    fn done(&self) {
        self.state().running -= 1;
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
        let tasks: Vec<Task> = groups
            .values()
            .filter(are_of_several_heaps)
            .map(|group| {
                Task::Compare(group.iter().map(|it| (*it, entry(it).place.clone())).collect())
            })
            .collect();
        state.queue.extend(tasks);
        drop(state);
        self.run();
    }

    fn finish(self, selections: usize) -> anyhow::Result<Vec<Vec<Entry>>> {
        drop(self.progress);
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(statistics) = state.statistics {
            eprint!("{statistics}");
        }
        if let Some((_, failure)) = state.failures.into_iter().next() {
            return Err(failure.into());
        }
        let mut entries = state.entries;
        entries.sort_unstable_by(|a, b| a.place.cmp(&b.place));
        let mut seen = HashSet::new();
        let mut found: Vec<Vec<Entry>> = (0..selections).map(|_| Vec::new()).collect();
        for entry in entries {
            let selection = entry.place[0];
            if seen.insert((selection, entry.identity)) {
                found[selection as usize].push(entry);
            }
        }
        Ok(found)
    }
}

impl State {
    fn new(selections: &[&str]) -> State {
        let tasks = (0..selections.len()).map(|index| Task::Search(index as u32, Part::whole()));
        State { queue: tasks.collect(), ..State::default() }
    }
}

/// The work with one heap.
struct Session<'s, 'h> {
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

impl<'h> Session<'_, 'h> {
    fn perform(&self, task: Task) -> Result<(), EvalError> {
        match task {
            Task::Search(selection, part) => {
                let mut finder = Finder { session: self, selection };
                if let Some(rest) = self.search(selection, &part, &mut finder)? {
                    self.survey.put([Task::Search(selection, rest)], self.end);
                }
                self.survey.progress.advance();
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
    fn is_full(&self) -> bool {
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
    fn fail(&self, place: &[u32], error: &EvalError) {
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
        survey.progress.expect(members.into());
        let most = survey.limits.part_members;
        if members <= most {
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

    fn rests(&mut self) -> bool {
        self.session.survey.progress.advance();
        self.session.is_full()
    }
}

/// Says everything once, though values are evaluated anew in each heap.
struct Once(Arc<Mutex<HashSet<String>>>);

impl Once {
    fn say(&self, message: &str, say: fn(&Terminal, &str)) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(message.to_owned()) {
            say(&Terminal(Layout::Own), message);
        }
    }
}

impl Console for Once {
    fn trace(&self, message: &str) {
        self.say(message, Terminal::trace);
    }

    fn warn(&self, message: &str) {
        self.say(message, Terminal::warn);
    }

    fn evaluation_warning(&self, message: &str) {
        self.say(message, Terminal::evaluation_warning);
    }
}

/// The machine's own files, each of which is parsed once.
struct SharedFiles(Arc<Mutex<HashMap<PathBuf, Lowered>>>);

impl SharedFiles {
    fn lowered_files(&self) -> MutexGuard<'_, HashMap<PathBuf, Lowered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileSystem for SharedFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealFileSystem.read(path)
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        RealFileSystem.file_type(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        RealFileSystem.read_link(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        RealFileSystem.read_dir(path)
    }

    fn lowered(&self, path: &Path) -> Option<Lowered> {
        self.lowered_files().get(path).cloned()
    }

    fn keep_lowered(&self, path: &Path, lowered: &Lowered) {
        self.lowered_files().insert(path.to_owned(), lowered.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Source;

    const QUESTIONS: Questions<'_> =
        Questions { system: true, only_system: None, derivation: true };

    /// What is found in an expression, `p "name"` being a derivation.
    fn found(limits: Limits, expression: &str) -> Result<Vec<String>, String> {
        let p = r#"name: derivation { inherit name; system = "x"; builder = "/b"; }"#;
        let source = Source::Text(format!("let p = {p}; in {expression}"));
        let request = Request::new(source, "/".into());
        let store = StoreArguments { store: None };
        let found = packages_within(limits, &request, &store, QUESTIONS);
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
        let at_once = Limits { workers: 1, heap_bytes: usize::MAX, part_members: u32::MAX };
        let all = found(at_once, SHARING).unwrap();
        // 40 of `a`, 40 that are common, and `broken`, `c`, `d`, `f`.
        assert_eq!(all.len(), 84, "{all:#?}");
        assert_eq!(all.iter().filter(|line| line.ends_with(" refused")).count(), 1);
        for workers in 1..4 {
            for part_members in [1, 3, 1000] {
                for heap_bytes in [0, 200 << 10, usize::MAX] {
                    let limits = Limits { workers, heap_bytes, part_members };
                    assert_eq!(found(limits, SHARING).unwrap(), all, "{limits:?}");
                }
            }
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
