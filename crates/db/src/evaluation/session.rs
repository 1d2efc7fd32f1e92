//! What a question works with: an evaluator, and the values that questions share.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use floe_eval::error::Result;
use floe_eval::heap::{Heap, Value};
use floe_eval::settings::Settings;
use floe_eval::store::ReadOnlyStore;
use floe_eval::{Console, Evaluator, KeptFunction, Options};
use floe_store::StoreLocation;
use floe_store::store::Layout;
use rustc_hash::FxHashMap;

use super::apart::ReadFrom;
use super::overlay::Overlay;
use super::worker::Setting;

/// An evaluator that is warm: what it has evaluated of nixpkgs stays evaluated.
///
/// What was evaluated with the help of the user's own files outlives a question where it has not read what was
/// edited since; the rest stays, also inside of a system whose configuration is theirs. See `floe_eval`'s
/// modules `volatile` and `own`.
pub struct Session<'h> {
    /// The evaluator.
    pub evaluator: Evaluator<'h>,
    overlay: Rc<Overlay>,
    /// Values of expressions that are no user's, by their text.
    shared: RefCell<FxHashMap<String, Value<'h>>>,
    /// What was read for values that questions share.
    shared_reads: RefCell<BTreeSet<PathBuf>>,
    /// Thunks that refer to the user's own files. What in them was read from such a file is evaluated anew
    /// for each question.
    lasting: RefCell<FxHashMap<PathBuf, Value<'h>>>,
    own_reads: RefCell<BTreeSet<PathBuf>>,
    /// They stay the same while the process runs.
    variables: RefCell<BTreeSet<String>>,
    interrupt: Arc<AtomicBool>,
}

impl<'h> Session<'h> {
    pub(super) fn new(
        heap: &'h Heap,
        setting: &Setting,
        stack_bytes: usize,
        interrupt: Arc<AtomicBool>,
    ) -> Option<Session<'h>> {
        let overlay = Overlay::new(setting);
        // The store that `floe build` takes: a path that is shown is one that is built.
        let location = StoreLocation::choose(None, |name| std::env::var(name).ok());
        let layout = location.map_or_else(|_| Layout::system(), |place| place.layout().clone());
        let settings = Settings {
            search_path: setting.search_path.entries.clone(),
            interrupt: interrupt.clone(),
            ends_at_once: true,
            // Nothing is built for somebody who only looks.
            allow_import_from_derivation: false,
            ..Settings::default()
        };
        let options = Options {
            settings,
            fs: overlay.clone(),
            store: Rc::new(ReadOnlyStore::new(layout.store_dir, Some(layout.real_dir))),
            console: Rc::new(Quiet),
        };
        let evaluator = Evaluator::new(heap, options, stack_bytes);
        if let Some(nixpkgs) = &setting.nixpkgs {
            evaluator.keep_calls(kept_functions(nixpkgs));
        }
        Some(Session {
            evaluator,
            overlay,
            shared: RefCell::default(),
            shared_reads: RefCell::default(),
            lasting: RefCell::default(),
            own_reads: RefCell::default(),
            variables: RefCell::default(),
            interrupt,
        })
    }

    /// The value of an expression that does not depend on the user's own files, such as
    /// `import <nixpkgs> { }`. It is evaluated once for all questions.
    ///
    /// # Errors
    /// Those of evaluating it.
    pub fn shared(&self, text: &str) -> Result<Value<'h>> {
        if let Some(value) = self.shared.borrow().get(text) {
            return Ok(*value);
        }
        self.collect_reads();
        let outermost = !self.overlay.in_shared.replace(true);
        let value = self.eval(text, Path::new("/"));
        self.collect_reads();
        self.overlay.in_shared.set(!outermost);
        let value = value?;
        self.shared.borrow_mut().insert(text.to_owned(), value);
        Ok(value)
    }

    /// A thunk that refers to one of the user's own files and lasts for many questions, made when it is first
    /// asked for. Of a NixOS system the modules of nixpkgs stay evaluated, for example.
    ///
    /// # Errors
    /// Those of making it.
    pub fn lasting(
        &self,
        path: &Path,
        make: impl FnOnce() -> Result<Value<'h>>,
    ) -> Result<Value<'h>> {
        if let Some(value) = self.lasting.borrow().get(path) {
            return Ok(*value);
        }
        let value = make()?;
        self.lasting.borrow_mut().insert(path.to_owned(), value);
        Ok(value)
    }

    /// The value of an expression that stands in no file.
    ///
    /// # Errors
    /// Those of evaluating it.
    pub fn eval(&self, text: &str, folder: &Path) -> Result<Value<'h>> {
        let value = self.evaluator.eval_text(text, folder)?;
        self.evaluator.force(value, Default::default())
    }

    /// Whether a file is the user's own: in an open folder, and no part of nixpkgs.
    pub fn is_own(&self, path: &Path) -> bool {
        self.overlay.is_own(path)
    }

    /// Whether the question was interrupted: its answer says nothing.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// The texts of the values that questions have shared.
    pub(super) fn shared_texts(&self) -> Vec<String> {
        self.shared.borrow().keys().cloned().collect()
    }

    /// Whether the values that questions share were read from one of these paths.
    pub(super) fn is_stale(&self, changed: &[PathBuf]) -> bool {
        self.collect_reads();
        let shared = self.shared_reads.borrow();
        changed.iter().any(|path| shared.contains(path))
    }

    /// Prepares for the next question.
    pub(super) fn begin(&self, setting: &Setting) {
        // While the asker waits, these are the ones that it sees. One that was left behind may be told of
        // newer ones, and of the changes as well.
        self.overlay.set_buffers(setting.files.buffers());
        self.collect_reads();
        self.own_reads.borrow_mut().clear();
        self.evaluator.forget();
    }

    /// What the answer to the current question was read from.
    pub(super) fn reads(&self) -> Vec<PathBuf> {
        self.collect_reads();
        // A value of an earlier question may have been read from files that were not read again.
        let mut own = self.own_reads.borrow().clone();
        own.extend(self.evaluator.volatile_files());
        self.shared_reads.borrow().iter().cloned().chain(own).collect()
    }

    /// The same, with environment variables.
    pub(super) fn read_from(&self) -> ReadFrom {
        let paths = self.reads();
        ReadFrom { paths, variables: self.variables.borrow().clone() }
    }

    /// Sorts what was read since the last time: the user's own files were read for this question alone;
    /// everything else stays on the heap for the next one.
    fn collect_reads(&self) {
        let reads = self.evaluator.take_reads();
        let kept = self.evaluator.take_kept_reads();
        let mut shared = self.shared_reads.borrow_mut();
        let mut own = self.own_reads.borrow_mut();
        shared.extend(kept.files.into_iter().chain(kept.folders));
        self.variables.borrow_mut().extend(reads.variables.into_iter().chain(kept.variables));
        for path in reads.files.into_iter().chain(reads.folders) {
            if self.overlay.in_shared.get() || !self.is_own(&path) {
                shared.insert(path);
            } else {
                own.insert(path);
            }
        }
    }
}

/// The functions of nixpkgs that programs call again and again with the same settings: the package set,
/// and what a platform is, which the settings of a NixOS system have in them.
fn kept_functions(nixpkgs: &Path) -> Vec<KeptFunction> {
    let function = |path: &str, name| KeptFunction { path: nixpkgs.join(path), name };
    vec![
        function("default.nix", None),
        function("pkgs/top-level/impure.nix", None),
        function("pkgs/top-level/default.nix", None),
        function("lib/systems/default.nix", Some("elaborate")),
    ]
}

/// Traces and warnings of a program that is only looked at go to the log.
struct Quiet;

impl Console for Quiet {
    fn trace(&self, message: &str) {
        tracing::debug!(message, "trace");
    }

    fn warn(&self, message: &str) {
        tracing::debug!(message, "warning");
    }
}
