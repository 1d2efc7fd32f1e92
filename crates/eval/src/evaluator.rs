//! [`Evaluator`]: the state of an evaluation, and loading of files.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use floe_hir::{LambdaId, LowerOptions, Name};
use floe_syntax::{ParseOptions, SyntaxErrorKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::builtins;
use crate::error::{
    ErrorKind, EvalError, Frame, FrameMessage, Origin, Pos, Position, RawFrame, Report, Result,
};
use crate::failures::Failure;
use crate::fs::{FileSystem, FileType, Lowered};
use crate::heap::{Attr, Attrs, Closure, Code, Env, Heap, Lookup, Str, Value};
use crate::names::Names;
use crate::own::{OwnFile, OwnUnit};
use crate::settings::Settings;
use crate::store::StoreAccess;
use crate::unit::{Source, Unit, normalize};
use crate::volatile::Regions;

/// The evaluator. It lives on one thread, as long as its heap; see [`crate::with_big_stack`].
pub struct Evaluator<'h> {
    /// Where values live.
    pub heap: &'h Heap,
    /// What the evaluation may do.
    pub settings: Settings,
    pub(crate) fs: Rc<dyn FileSystem>,
    pub(crate) store: Rc<dyn StoreAccess>,
    pub(crate) console: Rc<dyn Console>,
    pub(crate) names: Names,
    /// Values of global names, in the order of [`floe_hir::globals`].
    pub(crate) globals: Vec<Value<'h>>,
    /// The set `builtins`.
    pub(crate) builtins: Value<'h>,
    /// `[ ]`, which needs to be there only once.
    pub(crate) empty_list: Value<'h>,
    units: RefCell<Vec<&'h Unit<'h>>>,
    /// `units` again, for quick reading; cells behind the last are empty.
    unit_table: Cell<&'h [Cell<Option<&'h Unit<'h>>>]>,
    /// The names of attribute sets as lists in the order of the alphabet, by the number of the shape.
    pub(crate) name_lists: RefCell<FxHashMap<u32, Value<'h>>>,
    /// The order of the alphabet, likewise: the indices of the names.
    pub(crate) alphabetical: RefCell<FxHashMap<u32, &'h [u32]>>,
    /// Names as strings, by the name's index, each made when it is first needed.
    name_values: RefCell<Vec<Option<Value<'h>>>>,
    /// Strings that were names lately, each at a place that follows from its address.
    recent_names: [Cell<Option<(Str<'h>, Name)>>; RECENT_NAMES],
    /// Names that were looked up lately, each at a place that follows from it and the set's shape.
    recent_lookups: [(Cell<Option<Name>>, Cell<Lookup<'h>>); RECENT_LOOKUPS],
    next_position: Cell<u32>,
    imports: RefCell<FxHashMap<PathBuf, Import<'h>>>,
    /// Which file an imported path was found to be.
    pub(crate) resolutions: RefCell<FxHashMap<PathBuf, PathBuf>>,
    pub(crate) kept: crate::kept::KeptCalls<'h>,
    pub(crate) volatile: crate::volatile::Volatile<'h>,
    /// By their paths.
    pub(crate) own_files: RefCell<FxHashMap<PathBuf, OwnFile<'h>>>,
    pub(crate) failures: crate::failures::Failures<'h>,
    /// Entries of the search path that do not exist, which was said.
    pub(crate) missing_entries: RefCell<FxHashSet<PathBuf>>,
    reads: RefCell<Reads>,
    /// The files among them, which are asked for again and again.
    read_files: RefCell<FxHashSet<OsString>>,
    /// Folders whose paths have no link in them: each was looked at. See `resolve_links`.
    pub(crate) plain_folders: RefCell<FxHashSet<OsString>>,
    /// Derivations this evaluation has made; see [`crate::derivation`].
    pub(crate) derivations: crate::derivation::Cache,
    /// What was copied to the store, with the texts of the paths there.
    pub(crate) copied: RefCell<FxHashMap<PathBuf, (floe_store::StorePath, &'h str)>>,
    /// In pure and restricted evaluation, the store paths that may be read.
    pub(crate) allowed: RefCell<FxHashSet<floe_store::StorePath>>,
    pub(crate) regexes: RefCell<FxHashMap<Vec<u8>, Rc<crate::regex::Regex>>>,
    pub(crate) depth: Cell<u32>,
    /// Of these, `tail_count` count.
    pub(crate) tail_frames: RefCell<Vec<TailFrame>>,
    pub(crate) tail_count: Cell<usize>,
    pub(crate) calls: Cell<u64>,
    stack_limit: usize,
}

/// What the evaluation has read: its result is stale when one of these changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Files whose content was read, or whose existence was asked for.
    pub files: BTreeSet<PathBuf>,
    /// Folders that were listed.
    pub folders: BTreeSet<PathBuf>,
    /// Environment variables.
    pub variables: BTreeSet<String>,
}

impl Reads {
    /// Adds what others have read.
    pub fn add(&mut self, others: &Reads) {
        self.files.extend(others.files.iter().cloned());
        self.folders.extend(others.folders.iter().cloned());
        self.variables.extend(others.variables.iter().cloned());
    }
}

/// Where `builtins.trace` and warnings go.
pub trait Console {
    /// A line of `builtins.trace`.
    fn trace(&self, message: &str);
    /// A warning of the evaluator's own.
    fn warn(&self, message: &str);
    /// A warning of the evaluator's own, with a place and what was being done.
    fn warn_at(&self, warning: &Report) {
        self.warn(&warning.message);
    }
    /// A line of `builtins.warn`.
    fn evaluation_warning(&self, message: &str) {
        self.warn(message);
    }
}

/// A call whose frame was given up because it was the last thing its caller did.
#[derive(Clone, Copy)]
pub(crate) struct TailFrame {
    pub(crate) call: Code,
    /// The unit of the function that was called.
    pub(crate) unit: u32,
    pub(crate) lambda: LambdaId,
}

#[derive(Clone, Copy)]
enum Import<'h> {
    Running,
    Done(Value<'h>),
    /// See [`crate::volatile`].
    DoneForNow(Value<'h>, Regions),
    /// See [`crate::failures`].
    Failed(Failure),
}

/// What an evaluator is made from.
pub struct Options {
    /// Settings.
    pub settings: Settings,
    /// Files.
    pub fs: Rc<dyn FileSystem>,
    /// The store.
    pub store: Rc<dyn StoreAccess>,
    /// Where traces and warnings go.
    pub console: Rc<dyn Console>,
}

impl<'h> Evaluator<'h> {
    /// An evaluator for the current thread, whose stack has `stack_bytes` left.
    pub fn new(heap: &'h Heap, options: Options, stack_bytes: usize) -> Evaluator<'h> {
        let here = 0_u8;
        let mut evaluator = Evaluator {
            heap,
            settings: options.settings,
            fs: options.fs,
            store: options.store,
            console: options.console,
            names: Names::new(),
            globals: Vec::new(),
            builtins: Value::null(),
            empty_list: heap.list(&[]),
            units: RefCell::default(),
            unit_table: Cell::new(&[]),
            name_lists: RefCell::default(),
            alphabetical: RefCell::default(),
            name_values: RefCell::default(),
            recent_names: [const { Cell::new(None) }; RECENT_NAMES],
            recent_lookups: std::array::from_fn(|_| Default::default()),
            next_position: Cell::new(1),
            imports: RefCell::default(),
            resolutions: RefCell::default(),
            kept: crate::kept::KeptCalls::default(),
            volatile: crate::volatile::Volatile::default(),
            own_files: RefCell::default(),
            failures: crate::failures::Failures::default(),
            missing_entries: RefCell::default(),
            reads: RefCell::default(),
            read_files: RefCell::default(),
            plain_folders: RefCell::default(),
            derivations: crate::derivation::Cache::default(),
            copied: RefCell::default(),
            allowed: RefCell::default(),
            regexes: RefCell::default(),
            depth: Cell::new(0),
            tail_frames: RefCell::default(),
            tail_count: Cell::new(0),
            calls: Cell::new(0),
            stack_limit: (&raw const here as usize).saturating_sub(stack_bytes) + STACK_RESERVE,
        };
        builtins::install(&mut evaluator);
        evaluator.check_search_path();
        evaluator
    }

    /// Evaluates a file: the value of `import path`.
    ///
    /// # Errors
    ///
    /// Those of reading, parsing and evaluating it.
    pub fn import(&self, path: &Path) -> Result<Value<'h>> {
        self.import_resolved(self.resolve_import(path)?, Pos::None, |error| error)
    }

    /// [`Evaluator::import`], asked for by a program: an error's trace names the file.
    pub(crate) fn import_at(&self, path: &Path, pos: Pos) -> Result<Value<'h>> {
        if let Some(text) = crate::paths::internal_file(path) {
            return self.import_internal(path, text);
        }
        let path = self.resolve_import(path)?;
        self.import_resolved(path.clone(), pos, |error| {
            let message = format!("while evaluating the file '{}':", path.display());
            error.frame(Pos::None, FrameMessage::Text(message))
        })
    }

    /// `explain` is given what fails in the file's evaluation, and not what fails in reading it.
    fn import_resolved(
        &self,
        path: PathBuf,
        pos: Pos,
        explain: impl FnOnce(EvalError) -> EvalError,
    ) -> Result<Value<'h>> {
        let known = self.imports.borrow().get(&path).copied();
        match known {
            Some(Import::Done(value)) => return Ok(value),
            Some(Import::DoneForNow(value, read)) => {
                self.volatile.note(read);
                return Ok(value);
            }
            Some(Import::Failed(failure)) => {
                if let Some(error) = self.failure(failure) {
                    return Err(error);
                }
            }
            Some(Import::Running) => {
                return Err(EvalError::new(
                    ErrorKind::InfiniteRecursion,
                    "infinite recursion encountered",
                )
                .at(pos));
            }
            None => {}
        }
        let begun = self.volatile.begin();
        let result = self.load_file(&path).and_then(|unit| {
            self.imports.borrow_mut().insert(path.clone(), Import::Running);
            self.eval(unit, unit.module.root, Env::none()).map_err(explain)
        });
        let read = self.volatile.end(begun);
        match result {
            Ok(value) => {
                let done = match read.is_none() {
                    true => Import::Done(value),
                    false => Import::DoneForNow(value, read),
                };
                self.imports.borrow_mut().insert(path, done);
                Ok(value)
            }
            Err(mut error) => {
                let mut imports = self.imports.borrow_mut();
                match self.failed(&mut error, read) {
                    Some(failure) => imports.insert(path, Import::Failed(failure)),
                    None => imports.remove(&path),
                };
                Err(error)
            }
        }
    }

    fn import_internal(&self, path: &Path, text: &'static str) -> Result<Value<'h>> {
        if let Some(Import::Done(value)) = self.imports.borrow().get(path) {
            return Ok(*value);
        }
        let value = self.eval_internal("fetchurl.nix", text)?;
        self.imports.borrow_mut().insert(path.to_owned(), Import::Done(value));
        Ok(value)
    }

    /// Evaluates a part of the evaluator that is written in the language itself.
    pub(crate) fn eval_internal(&self, name: &'static str, text: &str) -> Result<Value<'h>> {
        let unit = self.load(text.into(), Origin::Internal(name), None)?;
        self.eval(unit, unit.module.root, Env::none())
    }

    /// Evaluates a file anew with additional names in scope: `builtins.scopedImport`.
    pub(crate) fn import_scoped(&self, path: &Path, scope: Attrs<'h>) -> Result<Value<'h>> {
        let path = self.resolve_import(path)?;
        let text = self.read_text(&path)?;
        let names: Vec<Name> = scope.shape().names.to_vec();
        let unit = self.load(text, Origin::File(path), Some(&names))?;
        let env = self.heap.env(Env::none(), names.len());
        for (slot, cell) in env.slots().iter().zip(scope.cells()) {
            slot.set(cell.get());
        }
        self.eval(unit, unit.module.root, env)
    }

    /// What the evaluation has read so far.
    pub fn reads(&self) -> Reads {
        self.reads.borrow().clone()
    }

    /// What was read since this was last asked. Values that are evaluated already are not read again.
    pub fn take_reads(&self) -> Reads {
        self.read_files.borrow_mut().clear();
        self.reads.take()
    }

    /// Gives back what [`Evaluator::take_reads`] took, together with what was read since.
    pub(crate) fn restore_reads(&self, before: &Reads, since: &Reads) {
        let mut reads = self.reads.borrow_mut();
        reads.add(before);
        reads.add(since);
    }

    /// Forgets the values of files that were evaluated with the help of these regions, and what is known of
    /// volatile paths.
    pub(crate) fn forget_imports(&self, changed: Regions) {
        self.imports.borrow_mut().retain(|_, import| match import {
            Import::Done(_) | Import::Running => true,
            Import::DoneForNow(_, read) => !read.meets(changed),
            Import::Failed(_) => false,
        });
        self.copied.borrow_mut().retain(|path, _| !self.fs.is_volatile(path));
    }

    /// Notes that the result depends on a file.
    pub(crate) fn note_file(&self, path: &Path) {
        self.note_volatile(path);
        let mut known = self.read_files.borrow_mut();
        if !known.contains(path.as_os_str()) {
            known.insert(path.as_os_str().to_owned());
            self.reads.borrow_mut().files.insert(path.to_owned());
        }
    }

    /// Notes that the result depends on a folder's entries.
    pub(crate) fn note_folder(&self, path: &Path) {
        self.note_volatile(path);
        self.reads.borrow_mut().folders.insert(path.to_owned());
    }

    fn note_volatile(&self, path: &Path) {
        if self.fs.is_volatile(path) {
            self.volatile.note(Regions::ALWAYS);
        }
    }

    /// Notes that the result depends on an environment variable.
    pub(crate) fn note_variable(&self, name: &str) {
        self.reads.borrow_mut().variables.insert(name.to_owned());
    }

    /// Reads a file, noting it.
    pub(crate) fn read_file(&self, path: &Path) -> Result<Vec<u8>> {
        self.note_file(path);
        self.read_unnoted(path)
    }

    fn read_unnoted(&self, path: &Path) -> Result<Vec<u8>> {
        let physical = self.physical(path);
        self.fs.read(&physical).map_err(|error| match error.kind() {
            std::io::ErrorKind::IsADirectory => {
                EvalError::new(ErrorKind::Io, "read of 4096 bytes: Is a directory")
            }
            _ => io_error("opening file", path, &error),
        })
    }

    /// Where a path's bytes are: store paths may lie elsewhere than their names say.
    pub(crate) fn physical(&self, path: &Path) -> PathBuf {
        let in_store = || {
            let (base, inner) = self.store.store_dir().split(path.to_str()?).ok()?;
            let physical = self.store.physical_path(&base)?;
            let inner = inner.trim_start_matches('/');
            Some(if inner.is_empty() { physical } else { physical.join(inner) })
        };
        in_store().unwrap_or_else(|| path.to_owned())
    }

    /// Turns an error into a report that borrows nothing.
    pub fn report(&self, error: &EvalError) -> Report {
        let data = error.data();
        Report {
            kind: data.kind,
            message: data.message.clone(),
            position: data.text_pos.clone().or_else(|| self.locate(data.pos)),
            suggestions: data.suggestions.clone(),
            is_usage: data.is_usage,
            frames: data
                .frames
                .iter()
                .map(|RawFrame { message, pos }| Frame {
                    message: message.to_string(),
                    position: self.locate(*pos),
                    shown: message.shown(),
                })
                .collect(),
        }
    }

    /// Looks up a place.
    pub fn locate(&self, pos: Pos) -> Option<Position> {
        self.unit(self.unit_of(pos)?).locate(pos)
    }

    /// Looks up a place for a program that wants to know it.
    pub(crate) fn look_up(&self, pos: Pos) -> Option<Position> {
        if self.unit(self.unit_of(pos)?).own.is_some() {
            self.volatile.note(Regions::POSITIONS);
        }
        self.locate(pos)
    }

    /// The number of the unit that a place is in.
    pub(crate) fn unit_of(&self, pos: Pos) -> Option<u32> {
        match pos {
            Pos::None => None,
            Pos::Expr(code) | Pos::Operator(code) | Pos::Wrapped(code) => Some(code.unit),
            Pos::Lambda { unit, .. } => Some(unit),
            Pos::Binding(position) => {
                let units = self.units.borrow();
                let after = units.partition_point(|unit| unit.first_position <= position.0);
                after.checked_sub(1).map(|unit| unit as u32)
            }
        }
    }

    /// Whether two places are in the same file, or text. A file that was edited is several units.
    pub(crate) fn are_in_one_file(&self, first: Pos, second: Pos) -> bool {
        let (first, second) = (self.unit_of(first), self.unit_of(second));
        let (Some(one), Some(other)) = (first, second) else { return first == second };
        let (one, other) = (self.unit(one), self.unit(other));
        let is_edited = one.own.is_some() && other.own.is_some();
        one.index == other.index || (is_edited && one.source.origin == other.source.origin)
    }

    /// Whether a place is in the function `derivation`.
    pub(crate) fn is_in_derivation_function(&self, pos: Pos) -> bool {
        self.unit_of(pos)
            .is_some_and(|unit| self.unit(unit).source.origin == Origin::Internal(DERIVATION_FILE))
    }

    /// Where a function was written.
    pub fn lambda_position(&self, closure: Closure<'h>) -> Option<Position> {
        let unit = self.unit(closure.unit());
        self.locate(unit.lambda_pos(closure.lambda()))
    }

    /// The text of a file or expression that has been loaded.
    pub fn text_of(&self, origin: &Origin) -> Option<Arc<str>> {
        let units = self.units.borrow();
        // Of a file that was edited the last one counts.
        units
            .iter()
            .rev()
            .find(|unit| unit.source.origin == *origin)
            .map(|unit| unit.source.text.clone())
    }

    /// How many files and texts were loaded, and how many expressions are in them.
    pub(crate) fn loaded(&self) -> (usize, usize) {
        let units = self.units.borrow();
        (units.len(), units.iter().map(|unit| unit.exprs.len()).sum())
    }

    /// How many functions have been called so far.
    pub fn call_count(&self) -> u64 {
        self.calls.get()
    }

    #[inline(always)]
    pub(crate) fn unit(&self, index: u32) -> &'h Unit<'h> {
        self.unit_table.get()[index as usize].get().expect("units are numbered as they are loaded")
    }

    /// A string as a name. Bytes that are no UTF-8 are replaced: names are text here.
    pub(crate) fn name_of(&self, string: Str<'h>) -> Name {
        // An object is two words at least.
        let place = &self.recent_names[string.address() as usize / 16 % RECENT_NAMES];
        match place.get() {
            Some((same, name)) if same.address() == string.address() => name,
            _ => {
                let name = Name::new(&string.to_text());
                place.set(Some((string, name)));
                name
            }
        }
    }

    /// The attribute with a name that is not always the same where this is asked.
    #[inline]
    pub(crate) fn find_attr(&self, attrs: Attrs<'h>, name: Name) -> Option<Attr<'h>> {
        let place = attrs.shape_number().wrapping_mul(31) ^ name.index();
        let (known, lookup) = &self.recent_lookups[place as usize % RECENT_LOOKUPS];
        if known.get() != Some(name) {
            known.set(Some(name));
            lookup.set(Lookup::default());
        }
        attrs.get_again(name, lookup)
    }

    /// A name as a string.
    pub(crate) fn name_value(&self, name: Name) -> Value<'h> {
        let mut values = self.name_values.borrow_mut();
        let index = name.index() as usize;
        if index >= values.len() {
            values.resize((index + 1).next_power_of_two(), None);
        }
        *values[index].get_or_insert_with(|| self.heap.string(name.as_str()))
    }

    /// Fails when the machine stack is nearly used up. Everything that recurses calls it.
    #[inline(always)]
    pub(crate) fn check_stack(&self) -> Result<()> {
        let here = 0_u8;
        if (&raw const here as usize) < self.stack_limit {
            return Err(stack_overflow());
        }
        Ok(())
    }

    /// Counts a call; fails when calls nest too deep or the evaluation is to end. The caller restores
    /// `self.depth`.
    #[inline(always)]
    pub(crate) fn enter_call(&self) -> Result<()> {
        let depth = self.depth.get();
        // In C++ Nix, too, one call more than the setting says is allowed.
        if depth > self.settings.max_call_depth {
            return Err(stack_overflow());
        }
        self.depth.set(depth + 1);
        let calls = self.calls.get() + 1;
        self.calls.set(calls);
        if calls.is_multiple_of(256) { self.check_interrupt() } else { Ok(()) }
    }

    /// Counts a call that makes no other ones, if that may be made and nothing else is due.
    #[inline(always)]
    pub(crate) fn count_short_call(&self) -> bool {
        let calls = self.calls.get() + 1;
        let is_short =
            self.depth.get() <= self.settings.max_call_depth && !calls.is_multiple_of(256);
        if is_short {
            self.calls.set(calls);
        }
        is_short
    }

    /// Fails when the evaluation is to end.
    pub(crate) fn check_interrupt(&self) -> Result<()> {
        if self.settings.interrupt.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        Ok(())
    }

    /// [`Evaluator::check_interrupt`] for loops of short steps: it looks at every so many of them only.
    #[inline(always)]
    pub(crate) fn check_interrupt_at(&self, step: usize) -> Result<()> {
        if step % STEPS_BETWEEN_CHECKS == STEPS_BETWEEN_CHECKS - 1 {
            return self.check_interrupt();
        }
        Ok(())
    }

    /// [`Evaluator::check_interrupt`] while bytes are worked on: gives them in pieces that take a
    /// millisecond or so. No piece ends inside of a character, or between `$` and `{`.
    pub(crate) fn interruptible<'b>(
        &self,
        mut rest: &'b [u8],
    ) -> impl Iterator<Item = Result<&'b [u8]>> {
        let is_inside =
            |rest: &[u8], at: usize| matches!(rest[at], 0x80..=0xBF) || rest[at - 1] == b'$';
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut end = rest.len().min(BYTES_BETWEEN_CHECKS);
            while end < rest.len() && is_inside(rest, end) {
                end += 1;
            }
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(self.check_interrupt().map(|()| piece))
        })
    }

    /// Runs `work` one call deeper.
    pub fn nested<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.nested_at(Pos::None, work)
    }

    /// [`Evaluator::nested`]; if that is too deep, the error is at `pos`.
    pub(crate) fn nested_at<T>(&self, pos: Pos, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let depth = self.depth.get();
        self.check_stack().and_then(|()| self.enter_call()).map_err(|error| error.at(pos))?;
        let result = work();
        self.depth.set(depth);
        result
    }

    /// The file that importing `path` reads. It is looked for once.
    pub(crate) fn resolve_import(&self, path: &Path) -> Result<PathBuf> {
        if let Some(file) = self.resolutions.borrow().get(path) {
            return Ok(file.clone());
        }
        let file = self.find_import(path)?;
        self.resolutions.borrow_mut().insert(path.to_owned(), file.clone());
        Ok(file)
    }

    /// If `path` is a link, that is followed, but links among its folders stay as they are; a folder means
    /// its `default.nix`.
    pub(crate) fn find_import(&self, path: &Path) -> Result<PathBuf> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let physical = self.physical(&self.resolve_all_but_last(&path)?);
            if !matches!(self.fs.file_type(&physical), Ok(FileType::Symlink)) {
                let resolved = self.resolve_links(&path)?;
                let is_folder =
                    matches!(self.fs.file_type(&self.physical(&resolved)), Ok(FileType::Directory));
                return Ok(if is_folder { path.join("default.nix") } else { path });
            }
            let target = self
                .fs
                .read_link(&physical)
                .map_err(|error| io_error("reading symbolic link", &path, &error))?;
            let folder = path.parent().unwrap_or(Path::new("/"));
            path = normalize(folder, &target.to_string_lossy());
        }
        let message = format!(
            "too many symbolic links encountered while traversing the path '{}'",
            path.display()
        );
        Err(EvalError::new(ErrorKind::Io, message))
    }

    pub(crate) fn load_file(&self, path: &Path) -> Result<&'h Unit<'h>> {
        if self.fs.is_volatile(path) {
            return self.load_own_file(path);
        }
        self.note_file(path);
        let lowered = self.lowered_file(path)?;
        Ok(self.add_unit(lowered, Origin::File(path.to_owned()), None))
    }

    fn lowered_file(&self, path: &Path) -> Result<Lowered> {
        match self.fs.lowered(path) {
            Some(lowered) => Ok(lowered),
            None => self.lower_file(self.text_now(path)?, path),
        }
    }

    /// Parses and lowers the text of a file.
    pub(crate) fn lower_file(&self, text: Arc<str>, path: &Path) -> Result<Lowered> {
        let lowered = self.lower(text, &Origin::File(path.to_owned()), None)?;
        self.fs.keep_lowered(path, &lowered);
        Ok(lowered)
    }

    fn load_own_file(&self, path: &Path) -> Result<&'h Unit<'h>> {
        self.reads.borrow_mut().files.insert(path.to_owned());
        let unit = match self.own_unit(path) {
            Some(unit) => unit,
            None => self.add_own_unit(self.lowered_file(path)?, path),
        };
        self.note_root(unit);
        Ok(unit)
    }

    fn read_text(&self, path: &Path) -> Result<Arc<str>> {
        self.note_file(path);
        self.text_now(path)
    }

    /// The text of a file, without a note that it is read.
    pub(crate) fn text_now(&self, path: &Path) -> Result<Arc<str>> {
        let bytes = self.read_unnoted(path)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(error) => Ok(String::from_utf8_lossy(error.as_bytes()).into()),
        }
    }

    pub(crate) fn load(
        &self,
        text: Arc<str>,
        origin: Origin,
        scope: Option<&[Name]>,
    ) -> Result<&'h Unit<'h>> {
        let lowered = self.lower(text, &origin, scope)?;
        Ok(self.add_unit(lowered, origin, None))
    }

    /// Parses and lowers a text, with additional names in scope.
    fn lower(&self, text: Arc<str>, origin: &Origin, scope: Option<&[Name]>) -> Result<Lowered> {
        let options = ParseOptions { pipe_operators: self.settings.has_feature("pipe-operators") };
        let (pure, features) = (self.settings.pure, builtins::features(&self.settings));
        let (scope, whole) = (scope.map(<[Name]>::to_vec), text.clone());
        let work = move || {
            let parse = floe_syntax::parse(&whole, &options);
            let scoped_names = scope.as_deref();
            let options = LowerOptions { scoped_names, pure, features: &features };
            let lowered = floe_hir::lower(&parse.tree, &whole, &options);
            (parse, lowered)
        };
        let (parse, lowered) = match self.settings.ends_at_once && text.len() >= LARGE_TEXT {
            true => self.apart(work)?,
            false => work(),
        };
        self.check_interrupt()?;
        let syntax_error = parse.errors.first();
        let noticed = lowered.problems.first().map(|problem| problem.noticed_at);
        let end = syntax_error.map(|error| error.start).into_iter().chain(noticed).min();
        self.lint(&parse.tree, &text, origin, end)?;
        // C++ Nix reports what it notices first.
        let is_first = |problem: &&floe_hir::Problem| {
            syntax_error.is_none_or(|error| problem.noticed_at <= error.start)
        };
        if let Some(problem) = lowered.problems.first().filter(is_first) {
            return Err(EvalError::new(
                crate::problem::kind(problem),
                crate::problem::message(problem, origin, &text),
            )
            .in_text(Position::new(origin.clone(), &text, problem.span)));
        }
        if let Some(error) = syntax_error {
            // C++ Nix has read the whole path when it sees how that ends.
            let start = match error.kind {
                SyntaxErrorKind::TrailingSlash => error.end,
                _ => error.start,
            };
            let span = floe_hir::Span { start, end: error.end };
            let kind = match error.kind {
                SyntaxErrorKind::PipeOperatorsDisabled => ErrorKind::ExperimentalFeature,
                _ => ErrorKind::SyntaxError,
            };
            return Err(EvalError::new(kind, error.kind.to_string()).in_text(Position::new(
                origin.clone(),
                &text,
                span,
            )));
        }
        Ok(Lowered {
            text,
            module: Arc::new(lowered.module),
            source_map: Arc::new(lowered.source_map),
        })
    }

    pub(crate) fn add_unit(
        &self,
        lowered: Lowered,
        origin: Origin,
        own: Option<&'h OwnUnit<'h>>,
    ) -> &'h Unit<'h> {
        let index = self.units.borrow().len() as u32;
        let first = self.next_position.get();
        self.next_position.set(first + lowered.module.bindings);
        let kept_lambda = match &origin {
            Origin::File(path) => self.kept_lambda(path, &lowered.module),
            _ => crate::kept::NO_LAMBDA,
        };
        let source = Source { origin, text: lowered.text, map: lowered.source_map };
        let unit = Unit::new(self.heap, index, first, kept_lambda, lowered.module, source, own);
        let mut units = self.units.borrow_mut();
        units.push(unit);
        let mut table = self.unit_table.get();
        if table.len() < units.len() {
            table = self.heap.cells(units.len().next_power_of_two().max(64), None);
            table.iter().zip(&*units).for_each(|(cell, unit)| cell.set(Some(unit)));
            self.unit_table.set(table);
        }
        table[units.len() - 1].set(Some(unit));
        unit
    }
}

/// The file of the function `derivation`, by the name that C++ Nix gives it.
pub(crate) const DERIVATION_FILE: &str = "derivation-internal.nix";

/// See [`Evaluator::check_interrupt_at`].
const STEPS_BETWEEN_CHECKS: usize = 4096;

/// So much text is read or written before it is looked whether the evaluation is to end. See
/// [`Evaluator::interruptible`].
pub(crate) const BYTES_BETWEEN_CHECKS: usize = 256 << 10;

/// Texts from here on take longer to parse and lower than an interrupt should wait.
pub(crate) const LARGE_TEXT: usize = 128 << 10;

/// How many links of links are followed.
const MOST_LINKS: usize = 1024;

/// How many strings are remembered as names.
const RECENT_NAMES: usize = 1024;

/// How many names are remembered with the place where they were found.
const RECENT_LOOKUPS: usize = 1024;

/// Kept free for what runs between two stack checks.
const STACK_RESERVE: usize = 256 << 10;

#[cold]
pub(crate) fn interrupted() -> EvalError {
    EvalError::new(ErrorKind::Interrupted, "interrupted by the user")
}

#[cold]
fn stack_overflow() -> EvalError {
    EvalError::new(ErrorKind::StackOverflow, "stack overflow; max-call-depth exceeded")
}

/// An error of the file system, in the form of the C++ implementation's.
#[cold]
pub(crate) fn io_error(doing: &str, path: &Path, error: &std::io::Error) -> EvalError {
    let shown = path.display();
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            EvalError::new(ErrorKind::FileNotFound, format!("path '{shown}' does not exist"))
        }
        _ => {
            // The standard library adds the error's number.
            let error = error.to_string();
            let reason = error.split(" (os error").next().unwrap_or_default();
            EvalError::new(ErrorKind::Io, format!("{doing} '{shown}': {reason}"))
        }
    }
}
