//! What each file of the workspace binds, mentions and refers to, so that a question about all of them
//! opens only the few that matter.
//!
//! One query per file, small enough to be kept for every file of nixpkgs: the text, tree and module of a
//! file that nobody has open are dropped once its index is made.

use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use floe_db::{Cancelled, Database, Db, File, Salsa, Stamp, module, peek, source_map};
use floe_eval::fs::FileType;
use floe_hir::{
    AttrKind, AttrsId, Expr, ExprId, Key, LowerOptions, Module, Name, Param, SourceMap, Span, Var,
};
use floe_syntax::ParseOptions;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::document_symbols::{SymbolKind, kind_of};

/// What one file binds, mentions and refers to.
#[derive(Debug, Default)]
pub(crate) struct FileIndex {
    /// What the file binds where another file, or a person, may look for it.
    pub(crate) symbols: Box<[IndexedSymbol]>,
    /// All variables, attributes and arguments that occur, sorted.
    names: Box<[Name]>,
    /// The paths that its path literals name, as [`path_hash`]es, sorted.
    targets: Box<[u64]>,
}

/// A binding, in the outline of its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexedSymbol {
    pub(crate) name: Name,
    /// What it is bound in, unless that is the file itself.
    pub(crate) container: Option<Name>,
    /// Where the name begins. How long it is there, quotes or not, says `length`.
    pub(crate) start: u32,
    pub(crate) length: u16,
    pub(crate) kind: SymbolKind,
}

impl IndexedSymbol {
    pub(crate) fn span(&self) -> Span {
        Span { start: self.start, end: self.start + u32::from(self.length) }
    }
}

impl FileIndex {
    /// Whether the file mentions a name anywhere.
    pub(crate) fn mentions(&self, name: Name) -> bool {
        self.names.binary_search(&name).is_ok()
    }
}

/// The most files that count as one workspace, and the most folders that are looked through for them.
const MOST_FILES: usize = 100_000;

/// The Nix files below the open folders, by path.
#[salsa::tracked(returns(deref))]
pub fn workspace_files(db: &dyn Db) -> Vec<File> {
    let mut pending: Vec<File> =
        db.workspace().roots(db).iter().rev().map(|root| db.file(root)).collect();
    let mut files = Vec::new();
    let mut folders = FxHashSet::default();
    while let Some(folder) = pending.pop() {
        if folders.len() >= MOST_FILES || files.len() >= MOST_FILES || !folders.insert(folder) {
            continue;
        }
        let listing = listing(db, folder);
        files.extend(&listing.files);
        pending.extend(listing.folders.iter().rev());
    }
    files
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listing {
    files: Vec<File>,
    folders: Vec<File>,
}

/// What lies in one folder. Symbolic links are not followed, hidden folders not entered.
#[salsa::tracked(returns(ref))]
fn listing(db: &dyn Db, folder: File) -> Listing {
    let mut listing = Listing::default();
    if !matches!(folder.stamp(db), Stamp::Directory { .. }) {
        return listing;
    }
    let path = folder.path(db);
    let mut entries = db.files().system().read_dir(path).unwrap_or_default();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, file_type) in entries {
        let Some(name) = name.to_str() else { continue };
        match file_type {
            FileType::Regular if name.ends_with(".nix") => {
                listing.files.push(db.file(&path.join(name)));
            }
            FileType::Directory if !name.starts_with('.') && name != "node_modules" => {
                listing.folders.push(db.file(&path.join(name)));
            }
            _ => {}
        }
    }
    listing
}

/// The index of a file.
#[salsa::tracked(returns(ref), no_eq)]
pub(crate) fn file_index(db: &dyn Db, file: File) -> FileIndex {
    if file.buffer(db).is_some() {
        return FileIndex::of(module(db, file), source_map(db, file), file.path(db));
    }
    let Ok(text) = peek(db, file) else { return FileIndex::default() };
    let parse = floe_syntax::parse(&text, &ParseOptions::default());
    let lowered = floe_hir::lower(&parse.tree, &text, &LowerOptions::default());
    FileIndex::of(&lowered.module, &lowered.source_map, file.path(db))
}

/// Makes the indexes of all files of the workspace, on so many threads. `progress` is told how many of
/// how many there are, now and then. What is there already costs next to nothing.
///
/// # Errors
/// When a write to the database cancels it; what was made until then stays.
pub fn build_index(
    db: &Database,
    threads: usize,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<(), Cancelled> {
    let files = floe_db::cancellable(|| workspace_files(db))?;
    let next = AtomicUsize::new(0);
    let work = |db: Database| {
        floe_db::cancellable(|| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else { return };
                db.unwind_if_revision_cancelled();
                file_index(&db, *file);
                if index.is_multiple_of(256) {
                    progress(index, files.len());
                }
            }
        })
    };
    std::thread::scope(|scope| {
        let spawn = |_| {
            let db = db.clone();
            let builder = std::thread::Builder::new().name("index".into()).stack_size(STACK);
            builder.spawn_scoped(scope, || work(db))
        };
        let handles: Vec<_> = (0..threads.max(1)).map(spawn).collect();
        let mut result = Ok(());
        for handle in handles {
            // A thread that could not be started leaves its part to whoever asks first; one that
            // panicked has logged it.
            if let Some(Ok(Err(cancelled))) = handle.ok().map(|handle| handle.join()) {
                result = Err(cancelled);
            }
        }
        result
    })
}

/// Deeply nested code nests calls deeply; this is address space, not memory.
const STACK: usize = 256 << 20;

/// Which files of the workspace refer to a path, by its [`path_hash`].
#[salsa::tracked(returns(ref), no_eq)]
fn referrers(db: &dyn Db) -> FxHashMap<u64, Vec<File>> {
    let mut referrers: FxHashMap<u64, Vec<File>> = FxHashMap::default();
    for file in workspace_files(db) {
        for target in &file_index(db, *file).targets {
            referrers.entry(*target).or_default().push(*file);
        }
    }
    referrers
}

/// The files of the workspace that refer to a file by its path, and those that refer to these, and so
/// on; the file itself comes first.
pub(crate) fn referring_files(db: &dyn Db, file: File) -> Vec<File> {
    let mut found = vec![file];
    let mut seen: FxHashSet<File> = found.iter().copied().collect();
    let mut next = 0;
    while let Some(file) = found.get(next).copied() {
        found.extend(direct_referrers(db, file).into_iter().filter(|file| seen.insert(*file)));
        next += 1;
    }
    found
}

/// The files of the workspace that refer to a file directly.
pub(crate) fn direct_referrers(db: &dyn Db, file: File) -> Vec<File> {
    let referrers = referrers(db);
    let mut found: Vec<File> = target_hashes(db, file)
        .filter_map(|hash| referrers.get(&hash))
        .flatten()
        .copied()
        .collect();
    let mut seen = FxHashSet::default();
    found.retain(|file| seen.insert(*file));
    found
}

/// Whether a file is one of those that belong to the user.
pub(crate) fn is_in_workspace(db: &dyn Db, file: File) -> bool {
    let path = file.path(db);
    db.workspace().roots(db).iter().any(|root| path.starts_with(root))
}

/// How a path literal can name a file: itself, or the folder whose `default.nix` it is.
fn target_hashes(db: &dyn Db, file: File) -> impl Iterator<Item = u64> {
    let path = file.path(db);
    let folder = path.parent().filter(|_| path.ends_with("default.nix")).map(path_hash);
    std::iter::once(path_hash(path)).chain(folder)
}

fn path_hash(path: &Path) -> u64 {
    let mut hasher = FxHasher::default();
    path.hash(&mut hasher);
    hasher.finish()
}

impl FileIndex {
    fn of(module: &Module, map: &SourceMap, path: &Path) -> FileIndex {
        let mut symbols = Symbols { module, map, found: Vec::new() };
        symbols.expr(module.root, None, 0);
        symbols.found.sort_by_key(|symbol| symbol.start);
        FileIndex {
            symbols: symbols.found.into(),
            names: names(module),
            targets: targets(module, path),
        }
    }
}

fn names(module: &Module) -> Box<[Name]> {
    let mut names: Vec<Name> = Vec::new();
    names.extend(module.attrs.iter().flat_map(|attrs| &attrs.entries).map(|entry| entry.name));
    for lambda in &module.lambdas {
        match &lambda.param {
            Param::Simple { name, .. } => names.push(*name),
            Param::Pattern { formals, at, .. } => {
                names.extend(formals.iter().map(|formal| formal.name));
                names.extend(at.map(|(name, _)| name));
            }
        }
    }
    names.extend(module.keys.iter().filter_map(|key| match key {
        Key::Static(name) => Some(*name),
        Key::Dynamic(_) => None,
    }));
    names.extend(module.exprs.iter().filter_map(|expr| match expr {
        Expr::Var(Var::With { name, .. } | Var::Undefined(name)) => Some(*name),
        _ => None,
    }));
    names.sort_unstable();
    names.dedup();
    names.into()
}

fn targets(module: &Module, path: &Path) -> Box<[u64]> {
    let mut targets: Vec<u64> = Vec::new();
    for expr in &module.exprs {
        let Expr::Path(text) = expr else { continue };
        let text = module.str(*text);
        let last = text.rsplit('/').next().unwrap_or_default();
        // A Nix file, or a folder: `./x.patch` is neither.
        let may_be_code = last.ends_with(".nix") || !last.trim_matches('.').contains('.');
        if may_be_code && let Some(target) = crate::known::resolve_path(path, text) {
            targets.push(path_hash(&target));
        }
    }
    targets.sort_unstable();
    targets.dedup();
    targets.into()
}

/// Deeper than this lies data.
const DEEPEST: usize = 24;

struct Symbols<'a> {
    module: &'a Module,
    map: &'a SourceMap,
    found: Vec<IndexedSymbol>,
}

impl Symbols<'_> {
    fn expr(&mut self, expr: ExprId, container: Option<Name>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let module = self.module;
        match module.expr(expr) {
            Expr::Attrs(attrs) => self.attrs(attrs, container, depth),
            Expr::Let { attrs, body } => {
                self.attrs(attrs, container, depth);
                self.expr(body, container, depth + 1);
            }
            Expr::Lambda(lambda) => {
                self.expr(module.lambdas[lambda.0 as usize].body, container, depth + 1);
            }
            Expr::With { body, .. } | Expr::Assert { body, .. } => {
                self.expr(body, container, depth + 1);
            }
            Expr::Binary { lhs, rhs, .. } => {
                self.expr(lhs, container, depth + 1);
                self.expr(rhs, container, depth + 1);
            }
            // `fix (self: { … })`, `mkIf condition { … }`; but the dozen attributes of each
            // `mkDerivation { … }` are nothing that anybody looks for by name.
            Expr::Apply { fun, args } => {
                let passes = is_passed_on(module, fun);
                for arg in module.list(args) {
                    if passes || matches!(module.expr(*arg), Expr::Lambda(_)) {
                        self.expr(*arg, container, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    fn attrs(&mut self, attrs: AttrsId, container: Option<Name>, depth: usize) {
        for entry in &self.module.attrs[attrs.0 as usize].entries {
            // What is inherited is defined elsewhere.
            if entry.kind != AttrKind::Plain {
                continue;
            }
            let span = self.map.names[entry.binding.0 as usize];
            self.found.push(IndexedSymbol {
                name: entry.name,
                container,
                start: span.start,
                length: (span.end - span.start).try_into().unwrap_or(u16::MAX),
                kind: kind_of(self.module, entry.value),
            });
            self.expr(entry.value, Some(entry.name), depth + 1);
        }
    }
}

/// Whether a function's result has the attributes of the set that it is given.
fn is_passed_on(module: &Module, fun: ExprId) -> bool {
    let name = match module.expr(fun) {
        Expr::Var(Var::With { name, .. } | Var::Undefined(name)) => name,
        Expr::Select { path, .. } => match module.keys(path).last() {
            Some(Key::Static(name)) => *name,
            _ => return false,
        },
        _ => return false,
    };
    matches!(
        name.as_str(),
        "mkIf"
            | "mkMerge"
            | "mkForce"
            | "mkDefault"
            | "mkOverride"
            | "optionalAttrs"
            | "recurseIntoAttrs"
            | "dontRecurseIntoAttrs"
    )
}
