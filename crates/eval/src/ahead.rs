//! Files that are read, parsed and lowered before the evaluation asks for them, on another core.
//!
//! As soon as a file is known, those that it names are likely to be wanted: what it imports, and what stands
//! in its lists, such as the modules of a NixOS. What it would only use for one of many packages is not read.
//! Nothing depends on how far this has got: a file that is not ready is loaded as it would be otherwise, one
//! with a mistake or something to warn of too, and names get their order when the evaluation meets them.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use floe_hir::{Expr, ExprId, Feature, LowerOptions, Module, Name, Var};
use floe_syntax::ParseOptions;

use crate::builtins;
use crate::fs::{FileSystem, FileType, Lowered, RealFileSystem};
use crate::settings::Settings;
use crate::unit::normalize;

/// The machine's own files, read ahead by a thread that ends with this.
pub struct ReadAhead {
    shared: Arc<Shared>,
}

impl ReadAhead {
    /// Starts the thread. `None` where that is of no use: on a machine with one core, or where files may not
    /// be read without the evaluation's leave.
    pub fn start(settings: &Settings) -> Option<ReadAhead> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        if cores < 2 || settings.pure || settings.restricted {
            return None;
        }
        Name::expect_ahead();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let reader = Reader {
            shared: Arc::clone(&shared),
            parse: ParseOptions { pipe_operators: settings.has_feature("pipe-operators") },
            features: builtins::features(settings),
        };
        let thread = std::thread::Builder::new().name("read ahead".into()).stack_size(STACK_BYTES);
        // Nobody waits for its end: it ends behind the file that it is reading.
        thread.spawn(move || reader.run()).ok()?;
        Some(ReadAhead { shared })
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl FileSystem for ReadAhead {
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
        let (lowered, names) = self.shared.take(path)?;
        names.iter().for_each(|name| name.meet());
        Some(lowered)
    }

    fn keep_lowered(&self, path: &Path, lowered: &Lowered) {
        self.shared.wish(named(path, &lowered.module));
    }
}

/// Deep nesting is parsed with a stack that grows.
const STACK_BYTES: usize = 1 << 20;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wishes: VecDeque<PathBuf>,
    files: HashMap<PathBuf, File>,
    is_over: bool,
}

enum File {
    Wished,
    BeingRead,
    Ready(Box<Read>),
    /// The evaluation has it, or reads it itself.
    Gone,
}

/// A file, and the names in it in their order.
type Read = (Lowered, Vec<Name>);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file that the evaluation needs now. If it is being read, that is waited for.
    fn take(&self, path: &Path) -> Option<Read> {
        let mut state = self.state();
        let t = std::time::Instant::now();
        let w = matches!(state.files.get(path), Some(File::BeingRead));
        let _d = D(t, w, path.to_owned(), match state.files.get(path) { None => "none", Some(File::Wished) => "wished", Some(File::BeingRead) => "being", Some(File::Ready(_)) => "ready", _ => "gone" });
        while matches!(state.files.get(path), Some(File::BeingRead)) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match state.files.insert(path.to_owned(), File::Gone)? {
            File::Ready(read) => Some(*read),
            _ => None,
        }
    }

    /// Puts files into the queue that were not there before.
    fn wish(&self, paths: Vec<PathBuf>) {
        let mut state = self.state();
        for path in paths {
            if !state.files.contains_key(&path) {
                state.files.insert(path.clone(), File::Wished);
                state.wishes.push_back(path);
            }
        }
        self.changed.notify_all();
    }

    /// Waits for a file to read; `None` at the end.
    fn next(&self) -> Option<PathBuf> {
        let mut state = self.state();
        loop {
            if state.is_over {
                return None;
            }
            while let Some(path) = state.wishes.pop_front() {
                if let Some(file @ File::Wished) = state.files.get_mut(&path) {
                    *file = File::BeingRead;
                    return Some(path);
                }
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, path: PathBuf, read: Option<Read>) {
        let file = read.map_or(File::Gone, |read| File::Ready(Box::new(read)));
        self.state().files.insert(path, file);
        self.changed.notify_all();
    }
}

struct D(std::time::Instant, bool, PathBuf, &'static str);
impl Drop for D { fn drop(&mut self) { eprintln!("TAKE {} {:?} {}", self.3, self.0.elapsed(), self.2.display()); } }
/// The thread's side.
struct Reader {
    shared: Arc<Shared>,
    parse: ParseOptions,
    features: Vec<Feature>,
}

impl Reader {
    fn run(&self) {
        while let Some(path) = self.shared.next() {
            let t = std::time::Instant::now();
            let read = self.read(&path);
            eprintln!("AHEAD {} {:?} {}", read.is_some(), t.elapsed(), path.display());
            let named = read.as_ref().map(|(lowered, _)| named(&path, &lowered.module));
            self.shared.done(path, read);
            self.shared.wish(named.unwrap_or_default());
        }
    }

    /// A file without mistakes.
    fn read(&self, path: &Path) -> Option<Read> {
        // The evaluation asks for a folder's file by its own name, and for what a link leads to.
        let is_file = std::fs::symlink_metadata(path).is_ok_and(|it| it.is_file());
        let text: Arc<str> = String::from_utf8(is_file.then(|| std::fs::read(path).ok())??).ok()?.into();
        let parse = floe_syntax::parse(&text, &self.parse);
        if !parse.errors.is_empty() {
            return None;
        }
        let options = LowerOptions { features: &self.features, ..LowerOptions::default() };
        let (lowered, names) = floe_hir::lower_ahead(&parse.tree, &text, &options)?;
        let (module, source_map) = (Arc::new(lowered.module), Arc::new(lowered.source_map));
        Some((Lowered { text, module, source_map }, names))
    }
}

/// The files that a file is likely to import: those whose paths are the only argument of a function, that of
/// `import`, or in a list.
fn named(path: &Path, module: &Module) -> Vec<PathBuf> {
    let Some(folder) = path.parent() else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |expr: ExprId| {
        let Expr::Path(text) = module.exprs[expr.0 as usize] else { return };
        let text = module.str(text);
        if text.starts_with('~') {
            return;
        }
        let path = normalize(folder, text);
        let extension = path.extension();
        if extension.is_some_and(|it| it == "nix") {
            found.push(path);
        } else if extension.is_none() {
            found.push(path.join("default.nix"));
        }
    };
    let mut imports = 0;
    for expr in &module.exprs {
        match *expr {
            Expr::List(elements) => module.list(elements).iter().for_each(|&element| add(element)),
            Expr::Apply { fun, args } => {
                let args = module.list(args);
                if (is_import(module, fun) || args.len() == 1) && imports < MOST_IMPORTS {
                    imports += 1;
                    add(args[0]);
                }
            }
            _ => {}
        }
    }
    found
}

fn is_import(module: &Module, function: ExprId) -> bool {
    let Expr::Var(Var::Global(id)) = module.exprs[function.0 as usize] else { return false };
    floe_hir::globals()[id.0 as usize].name.as_str() == "import"
}

/// Of a file with more imports most are not needed.
const MOST_IMPORTS: usize = 100;
