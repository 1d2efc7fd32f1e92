//! What each file of the workspace binds, mentions and refers to, so that a question about all of them
//! opens only the few that matter.
//!
//! It is kept for every file of nixpkgs, and so outside of salsa, which takes more memory for a file than
//! its index does: one array of numbers for each file, in a list of the folders. Only what the disk has
//! told of is looked at again. A file that an editor has open counts as the editor has it.

mod counts;
mod file_index;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use floe_db::{Db, File, MAX_SIZE, System, module, source, source_map};
use floe_eval::fs::FileType;
use floe_hir::{LowerOptions, Name};
use floe_syntax::ParseOptions;
use rustc_hash::{FxHashMap, FxHashSet};

pub(crate) use counts::{Counts, counts};
use file_index::target_hashes;
pub(crate) use file_index::{FileIndex, IndexedSymbol};

use crate::ignored::Ignored;

/// The most files that count as one workspace, and the most folders that are looked through for them.
const MOST_FILES: usize = 100_000;

/// The Nix files below the open folders, by path, without those that a `.gitignore` leaves out.
pub fn workspace_files(db: &dyn Db) -> Vec<File> {
    let index = Index::current(db);
    index.places().map(|place| index.file(db, place)).collect()
}

/// How many there are.
pub fn workspace_size(db: &dyn Db) -> usize {
    Index::current(db).places().count()
}

/// The files of the workspace that have no index yet. To make these, no database is needed, so that no write
/// waits for it.
pub fn index_to_make(db: &dyn Db) -> IndexToMake {
    let index = Index::current(db);
    let places = index.places().filter(|place| index.entry(*place).index.get().is_none()).collect();
    IndexToMake { index, places, system: db.files().shared_system() }
}

/// See [`index_to_make`].
pub struct IndexToMake {
    index: Arc<Index>,
    places: Vec<FilePlace>,
    system: Arc<dyn System>,
}

impl IndexToMake {
    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Makes the indexes, on so many threads. `goes_on` is asked before each file: it may wait, and ends the
    /// work by saying no. What was made until then stays.
    pub fn make(&self, threads: usize, goes_on: impl Fn() -> bool + Sync) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(place) = self.places.get(next.fetch_add(1, Ordering::Relaxed))
                && goes_on()
            {
                self.index.of(&*self.system, *place);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                let builder = std::thread::Builder::new().name("index".into()).stack_size(STACK);
                // A thread that could not be started leaves its part to the others.
                if let Err(error) = builder.spawn_scoped(scope, work) {
                    tracing::error!(%error, "a thread that reads the workspace could not be started");
                }
            }
        });
    }
}

/// Deeply nested code nests calls deeply; this is address space, not memory.
const STACK: usize = 256 << 20;

/// Calls `visit` with the index of each file of the workspace, by path.
pub(crate) fn for_each_index(
    db: &dyn Db,
    mut visit: impl FnMut(FilePlace, &FileIndex),
) -> Arc<Index> {
    let index = Index::current(db);
    let open = index.open(db);
    for place in index.places() {
        match open.get(&place) {
            Some(file) => visit(place, open_index(db, *file)),
            None => {
                db.unwind_if_revision_cancelled();
                visit(place, index.of(db.files().system(), place));
            }
        }
    }
    index
}

/// The files of the workspace that mention a name and refer to a file by its path, or to one that does,
/// and so on.
pub(crate) fn referring_files(db: &dyn Db, file: File, name: Name) -> Vec<File> {
    let index = Index::current(db);
    let referrers = Referrers::current(db, &index);
    let mut pending: Vec<PathBuf> = vec![file.path(db).clone()];
    let mut seen: FxHashSet<FilePlace> = index.place(file.path(db)).into_iter().collect();
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        for place in referrers.of(&path).into_iter().filter(|place| seen.insert(*place)) {
            pending.push(index.path(place));
            if referrers.index_of(db, place).mentions(name) {
                found.push(place);
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|place| index.file(db, place)).collect()
}

/// The files of the workspace that refer to a file directly.
pub(crate) fn direct_referrers(db: &dyn Db, file: File) -> Vec<File> {
    let index = Index::current(db);
    let found = Referrers::current(db, &index).of(file.path(db));
    found.into_iter().map(|place| index.file(db, place)).collect()
}

/// The files of the workspace that mention one of these names.
pub(crate) fn mentioning_files(db: &dyn Db, names: &[Name]) -> Vec<File> {
    let mut found = Vec::new();
    let index = for_each_index(db, |place, file| {
        if names.iter().any(|name| file.mentions(*name)) {
            found.push(place);
        }
    });
    found.into_iter().map(|place| index.file(db, place)).collect()
}

/// Whether a file of the workspace mentions one of these names.
pub(crate) fn mentions(db: &dyn Db, file: File, names: &[Name]) -> bool {
    let index = Index::current(db);
    let Some(place) = index.place(file.path(db)) else { return false };
    let found = match index.open(db).get(&place) {
        Some(file) => open_index(db, *file),
        None => index.of(db.files().system(), place),
    };
    names.iter().any(|name| found.mentions(*name))
}

/// Where the files of the workspace take an attribute of this name from something called `lib`.
pub(crate) fn taken_from_lib(db: &dyn Db, name: Name) -> Vec<(File, u32)> {
    let mut found = Vec::new();
    let index = for_each_index(db, |place, file| {
        if file.mentions(name) {
            found.extend(file.places_from_lib(name).map(|start| (place, start)));
        }
    });
    found.into_iter().map(|(place, start)| (index.file(db, place), start)).collect()
}

/// Whether a file is one of those that belong to the user.
pub(crate) fn is_in_workspace(db: &dyn Db, file: File) -> bool {
    let path = file.path(db);
    db.workspace().roots(db).iter().any(|root| path.starts_with(root))
}

/// The folders of the workspace with their Nix files, as of some revision.
#[derive(Default)]
pub(crate) struct Index {
    /// By path.
    folders: Vec<Arc<Folder>>,
    referrers: OnceLock<Box<[(u32, FilePlace)]>>,
}

/// A folder with Nix files.
struct Folder {
    path: PathBuf,
    /// By name.
    files: Box<[Entry]>,
}

#[derive(Clone)]
struct Entry {
    /// Most files share theirs with others: `default.nix`.
    name: Name,
    index: OnceLock<FileIndex>,
}

/// A file of an [`Index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FilePlace {
    folder: u32,
    entry: u32,
}

impl Index {
    /// That of the present revision.
    fn current(db: &dyn Db) -> Arc<Index> {
        let kept = db.files().keep::<Kept>();
        // A walk that a write cancels leaves what it has found.
        let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bring_up_to_date(db);
        kept.index.clone()
    }

    fn places(&self) -> impl Iterator<Item = FilePlace> + '_ {
        self.folders.iter().zip(0..).flat_map(|(folder, number)| {
            (0..folder.files.len() as u32).map(move |entry| FilePlace { folder: number, entry })
        })
    }

    fn place(&self, path: &Path) -> Option<FilePlace> {
        let (folder, name) = (path.parent()?, Name::new(path.file_name()?.to_str()?));
        let number = self.folders.binary_search_by(|it| it.path.as_path().cmp(folder)).ok()?;
        let entry = self.folders[number].files.iter().position(|entry| entry.name == name)?;
        Some(FilePlace { folder: number as u32, entry: entry as u32 })
    }

    fn path(&self, place: FilePlace) -> PathBuf {
        let folder = &self.folders[place.folder as usize];
        folder.path.join(folder.files[place.entry as usize].name.as_str())
    }

    /// The file at a place.
    pub(crate) fn file(&self, db: &dyn Db, place: FilePlace) -> File {
        db.file(&self.path(place))
    }

    /// What the disk says of a file.
    fn of(&self, system: &dyn System, place: FilePlace) -> &FileIndex {
        self.entry(place).index.get_or_init(|| index_on_disk(system, &self.path(place)))
    }

    fn entry(&self, place: FilePlace) -> &Entry {
        &self.folders[place.folder as usize].files[place.entry as usize]
    }

    /// The files that an editor has open.
    fn open(&self, db: &dyn Db) -> FxHashMap<FilePlace, File> {
        let buffers = db.files().buffers();
        let open = buffers.keys().filter_map(|path| {
            let file = db.file(path);
            file.buffer(db).as_ref()?;
            Some((self.place(path)?, file))
        });
        open.collect()
    }
}

/// Which files refer to which.
struct Referrers<'a> {
    index: &'a Index,
    open: FxHashMap<FilePlace, File>,
    /// What the open ones refer to.
    targets_of_open: Vec<(u32, FilePlace)>,
}

impl<'a> Referrers<'a> {
    fn current(db: &dyn Db, index: &'a Index) -> Referrers<'a> {
        let open = index.open(db);
        let of_open = open.iter().flat_map(|(place, file)| {
            open_index(db, *file).targets().iter().map(|target| (*target, *place))
        });
        let targets_of_open = of_open.collect();
        index.referrers.get_or_init(|| {
            let mut targets: Vec<(u32, FilePlace)> = Vec::new();
            for place in index.places() {
                db.unwind_if_revision_cancelled();
                let found = index.of(db.files().system(), place).targets();
                targets.extend(found.iter().map(|it| (*it, place)));
            }
            targets.sort_unstable();
            targets.into()
        });
        Referrers { index, open, targets_of_open }
    }

    fn index_of<'b>(&'b self, db: &'b dyn Db, place: FilePlace) -> &'b FileIndex {
        match self.open.get(&place) {
            Some(file) => open_index(db, *file),
            None => self.index.of(db.files().system(), place),
        }
    }

    /// Who refers to a path, by path.
    fn of(&self, path: &Path) -> Vec<FilePlace> {
        let all = self.index.referrers.get().map_or(&[][..], |all| &**all);
        let mut found = Vec::new();
        for target in target_hashes(path) {
            let from = all.partition_point(|(hash, _)| *hash < target);
            let on_disk = all[from..].iter().take_while(|(hash, _)| *hash == target);
            found.extend(on_disk.map(|(_, place)| *place).filter(|it| !self.open.contains_key(it)));
            let in_open = self.targets_of_open.iter().filter(|(hash, _)| *hash == target);
            found.extend(in_open.map(|(_, place)| *place));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The index of the last revision that was asked for, and what has to be done for that of the next.
#[derive(Default)]
struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    roots: Vec<PathBuf>,
    index: Arc<Index>,
    /// The folders with Nix files, while there are changes to be made.
    folders: BTreeMap<PathBuf, Arc<Folder>>,
    /// What the disk has told of.
    told: Vec<PathBuf>,
    /// Folders that are still to be looked through, with the rules that the folders around have for them.
    pending: Vec<(PathBuf, Ignored)>,
    seen: FxHashSet<PathBuf>,
    is_changed: bool,
}

impl State {
    /// Whatever a cancellation interrupts goes on here the next time.
    fn bring_up_to_date(&mut self, db: &dyn Db) {
        let workspace = db.workspace();
        // Who asks depends on it: see `Workspace::told`.
        workspace.told(db);
        let roots = workspace.roots(db);
        if *roots != self.roots {
            let pending = roots.iter().map(|root| (root.clone(), above(db, root))).collect();
            *self = State { roots: roots.clone(), pending, ..State::default() };
            self.is_changed = true;
        }
        self.told.extend(db.files().take_told());
        if !self.told.is_empty() && !self.is_changed {
            let folders = self.index.folders.iter();
            self.folders = folders.map(|folder| (folder.path.clone(), folder.clone())).collect();
            self.is_changed = true;
        }
        if !self.is_changed {
            return;
        }
        while let Some(path) = self.told.last().cloned() {
            db.unwind_if_revision_cancelled();
            self.look_at(db, &path);
            self.told.pop();
        }
        let mut files: usize = self.folders.values().map(|folder| folder.files.len()).sum();
        while let Some((folder, above)) = self.pending.last().cloned() {
            if files >= MOST_FILES || self.seen.len() >= MOST_FILES {
                break;
            }
            db.unwind_if_revision_cancelled();
            let known = self.folders.get(&folder).map(|it| &**it);
            let (found, folders) = list(db, &folder, &above, known);
            self.pending.pop();
            files += found.files.len();
            if self.seen.insert(folder.clone()) {
                self.pending.extend(folders);
            }
            match found.files.is_empty() {
                true => self.folders.remove(&folder),
                false => self.folders.insert(folder, Arc::new(found)),
            };
        }
        let folders = std::mem::take(&mut self.folders).into_values().collect();
        self.index = Arc::new(Index { folders, referrers: OnceLock::new() });
        self.pending.clear();
        self.seen.clear();
        self.is_changed = false;
    }

    /// Something happened at a path: a file is new, changed or gone, or a folder is.
    fn look_at(&mut self, db: &dyn Db, path: &Path) {
        let is_entered = |root: &PathBuf| {
            let Ok(below) = path.strip_prefix(root) else { return false };
            let folders = below.parent().into_iter().flat_map(Path::iter);
            folders.into_iter().all(|folder| is_looked_through(&folder.to_string_lossy()))
        };
        let Some(root) = self.roots.iter().find(|root| is_entered(root)).cloned() else { return };
        let Some(folder) = path.parent() else { return };
        if path.ends_with(".gitignore") {
            self.forget(folder);
            if let Some(rules) = rules_around(db, &root, folder) {
                self.pending.push((folder.to_path_buf(), rules));
            }
            return;
        }
        let rules = rules_around(db, &root, path);
        match db.files().system().file_type(path) {
            Ok(FileType::Directory) => {
                let name = path.file_name().map(|name| name.to_string_lossy());
                if name.is_none_or(|name| is_looked_through(&name))
                    || self.roots.iter().any(|root| root == path)
                {
                    self.forget(path);
                    self.pending.extend(rules.map(|rules| (path.to_path_buf(), rules)));
                }
            }
            Ok(_) => self.list_again(db, &root, path),
            Err(_) => {
                self.forget(path);
                self.list_again(db, &root, path);
            }
        }
    }

    fn forget(&mut self, folder: &Path) {
        let from = (std::ops::Bound::Included(folder), std::ops::Bound::Unbounded);
        let below = self.folders.range::<Path, _>(from).map(|(path, _)| path);
        let below = below.take_while(|path| path.starts_with(folder));
        for path in below.cloned().collect::<Vec<_>>() {
            self.folders.remove(&path);
        }
    }

    /// Lists the folder of a file, whose index is to be made anew.
    fn list_again(&mut self, db: &dyn Db, root: &Path, file: &Path) {
        let Some(folder) = file.parent() else { return };
        let Some(above) = rules_around(db, root, folder) else { return };
        let name = file.file_name().and_then(|name| name.to_str()).map(Name::new);
        let old = self.folders.get(folder).map(|old| {
            let others = old.files.iter().filter(|entry| Some(entry.name) != name).cloned();
            Folder { path: old.path.clone(), files: others.collect() }
        });
        let (found, _) = list(db, folder, &above, old.as_ref());
        match found.files.is_empty() {
            true => self.folders.remove(folder),
            false => self.folders.insert(folder.to_path_buf(), Arc::new(found)),
        };
    }
}

/// The Nix files that lie in a folder, and the folders in it in the opposite order, with the rules for
/// them. What is known of a file stays. Symbolic links are not followed, hidden folders not entered, and
/// what a `.gitignore` names is left out.
fn list(
    db: &dyn Db,
    folder: &Path,
    above: &Ignored,
    known: Option<&Folder>,
) -> (Folder, Vec<(PathBuf, Ignored)>) {
    let entries = db.files().system().read_dir(folder).unwrap_or_default();
    let has_rules = entries.iter().any(|(name, _)| name == ".gitignore");
    let rules = has_rules.then(|| read(db, &folder.join(".gitignore"))).flatten();
    let rules = above.entering(folder, rules.as_deref());
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for (name, file_type) in entries {
        let Some(name) = name.to_str() else { continue };
        let is_folder = match file_type {
            FileType::Regular if name.ends_with(".nix") => false,
            FileType::Directory if is_looked_through(name) => true,
            _ => continue,
        };
        let path = folder.join(name);
        if rules.leave_out(&path, is_folder) {
            continue;
        }
        if is_folder {
            folders.push((path, rules.clone()));
            continue;
        }
        let name = Name::new(name);
        let known = known.and_then(|known| known.files.iter().find(|it| it.name == name));
        files.push(known.cloned().unwrap_or_else(|| Entry { name, index: OnceLock::new() }));
    }
    files.sort_unstable_by_key(|entry| entry.name.as_str());
    folders.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    (Folder { path: folder.to_path_buf(), files: files.into() }, folders)
}

/// The rules that the folders around an open folder have for it.
fn above(db: &dyn Db, root: &Path) -> Ignored {
    let system = db.files().system();
    Ignored::above(root, |path| read(db, path), |it| system.file_type(&it.join(".git")).is_ok())
}

/// The rules that the folders around a path in an open folder have for it; `None` if they leave it out.
fn rules_around(db: &dyn Db, root: &Path, path: &Path) -> Option<Ignored> {
    let mut rules = above(db, root);
    let mut folder = root.to_path_buf();
    for name in path.strip_prefix(root).ok()? {
        rules = rules.entering(&folder, read(db, &folder.join(".gitignore")).as_deref());
        folder.push(name);
        let is_folder = folder != path
            || matches!(db.files().system().file_type(path), Ok(FileType::Directory));
        if rules.leave_out(&folder, is_folder) {
            return None;
        }
    }
    Some(rules)
}

fn read(db: &dyn Db, path: &Path) -> Option<String> {
    String::from_utf8(db.files().system().read(path).ok()?).ok()
}

fn is_looked_through(folder: &str) -> bool {
    !folder.starts_with('.') && folder != "node_modules"
}

/// The index of a file that no editor has open: its text, tree and module are dropped at once.
fn index_on_disk(system: &dyn System, path: &Path) -> FileIndex {
    let text = system.read(path).ok().filter(|text| text.len() as u64 <= MAX_SIZE);
    let Some(text) = text.and_then(|text| String::from_utf8(text).ok()) else {
        return FileIndex::default();
    };
    let parse = floe_syntax::parse(&text, &ParseOptions::default());
    let lowered = floe_hir::lower(&parse.tree, &text, &LowerOptions::default());
    FileIndex::of(&lowered.module, &lowered.source_map, path, &text)
}

/// The index of a file that an editor has open.
#[salsa::tracked(returns(ref), no_eq, lru = 512)]
fn open_index(db: &dyn Db, file: File) -> FileIndex {
    FileIndex::of(module(db, file), source_map(db, file), file.path(db), &source(db, file).text)
}

#[cfg(test)]
mod tests {
    use floe_db::{Change, Database, MemorySystem, Settings};

    use super::*;

    fn database(system: &MemorySystem) -> Database {
        Database::new(Arc::new(system.clone()), vec!["/w".into()], Settings::default())
    }

    /// The files with the symbols in them.
    fn shown(db: &Database) -> String {
        let mut shown = String::new();
        let mut places = Vec::new();
        for_each_index(db, |place, file| {
            let symbols: Vec<&str> = file.symbols().map(|symbol| symbol.name.as_str()).collect();
            places.push((place, symbols.join(" ")));
        });
        let index = Index::current(db);
        for (place, symbols) in places {
            shown += &format!("{}: {symbols}\n", index.path(place).display());
        }
        shown
    }

    #[test]
    fn whatever_happens_the_index_is_that_of_a_fresh_database() {
        let system = MemorySystem::default();
        system.write("/w/b/default.nix", "{ b = 1; }");
        system.write("/w/a.nix", "{ a = 1; inherit (c) d; }");
        system.write("/w/.hidden/x.nix", "{ x = 1; }");
        let mut db = database(&system);
        expect_test::expect![[r#"
            /w/a.nix: a
            /w/b/default.nix: b
        "#]]
        .assert_eq(&shown(&db));

        // What is told anew of is as a database finds it that looks for the first time.
        let told = |db: &mut Database, paths: &[&str]| {
            db.apply(Change::Disk { paths: paths.iter().map(PathBuf::from).collect() });
            let found = shown(db);
            assert_eq!(found, shown(&database(&system)), "{paths:?}");
            found
        };
        system.write("/w/b/default.nix", "{ changed = 1; }");
        told(&mut db, &["/w/b/default.nix"]);
        system.write("/w/b/new.nix", "{ new = 1; }");
        system.write("/w/c/d/e.nix", "{ e = 1; }");
        system.write("/w/b/.git/x.nix", "{ x = 1; }");
        system.write("/w/b/text.txt", "{ x = 1; }");
        told(&mut db, &["/w/b/new.nix", "/w/c", "/w/b/.git/x.nix", "/w/b/text.txt"]);

        // What an editor has open counts, until it is closed.
        let text = "{ unsaved = 1; }".into();
        db.apply(Change::Buffer { path: "/w/a.nix".into(), text });
        expect_test::expect![[r#"
            /w/a.nix: unsaved
            /w/b/default.nix: changed
            /w/b/new.nix: new
            /w/c/d/e.nix: e
        "#]]
        .assert_eq(&shown(&db));
        db.apply(Change::Closed { path: "/w/a.nix".into() });
        assert_eq!(shown(&db), shown(&database(&system)));

        system.write("/w/c/.gitignore", "d\n");
        let ignoring = told(&mut db, &["/w/c/.gitignore"]);
        assert!(!ignoring.contains("/w/c/d"), "{ignoring}");
        system.write("/w/c/d/e.nix", "{ e = 2; }");
        told(&mut db, &["/w/c/d/e.nix", "/w/c/d"]);
        system.remove("/w/c/.gitignore".as_ref());
        let again = told(&mut db, &["/w/c/.gitignore"]);
        assert!(again.contains("/w/c/d/e.nix: e"), "{again}");

        system.remove("/w/a.nix".as_ref());
        system.remove("/w/c/d/e.nix".as_ref());
        let last = told(&mut db, &["/w/a.nix", "/w/c"]);
        assert_eq!(last, "/w/b/default.nix: changed\n/w/b/new.nix: new\n");
        db.apply(Change::Roots(vec!["/w/c".into()]));
        assert_eq!(shown(&db), "");
    }
}
