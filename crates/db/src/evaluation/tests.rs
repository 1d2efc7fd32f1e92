use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Condvar, Mutex};

use floe_eval::fs::{FileSystem, FileType};
use floe_eval::heap::Kind;

use super::*;
use crate::{Change, Database, File, Host, MemorySystem, Settings, Stamp, System};

fn database(files: &[(&str, &str)]) -> Database {
    let system = MemorySystem::default();
    for (path, text) in files {
        system.write(*path, text);
    }
    Database::new(Arc::new(system), vec!["/w".into()], Settings::default())
}

/// The value of a file that is an integer, and the number of times that it has been asked for.
#[salsa::tracked(returns(clone))]
fn value(db: &dyn Db, file: File) -> Result<i64, String> {
    let path = file.path(db).clone();
    let answer = evaluate(db, Patience::Interactive, file, move |session: &Session<'_>| {
        let value = session.evaluator.import(&path);
        let value = value.and_then(|value| session.evaluator.force(value, Default::default()));
        match value {
            Ok(value) => match value.kind() {
                Kind::Int(value) => Ok(value),
                _ => Err("not an integer".to_owned()),
            },
            Err(error) => Err(error.message().to_owned()),
        }
    });
    answer.answer().unwrap_or(Err("no answer".to_owned()))
}

fn buffer(path: &str, text: &str) -> Change {
    Change::Buffer { path: path.into(), text: text.into() }
}

#[test]
fn an_answer_follows_the_unsaved_text_of_what_it_was_read_from() {
    let mut db = database(&[("/w/a.nix", "import ./b.nix + 1"), ("/w/b.nix", "1")]);
    let ask = |db: &Database| value(db, db.file(Path::new("/w/a.nix")));
    assert_eq!(ask(&db), Ok(2));
    db.apply(buffer("/w/b.nix", "10"));
    assert_eq!(ask(&db), Ok(11));
    db.apply(buffer("/w/a.nix", "import ./b.nix + import ./new.nix"));
    db.apply(buffer("/w/new.nix", "100"));
    assert_eq!(ask(&db), Ok(110));
    db.apply(Change::Closed { path: "/w/b.nix".into() });
    assert_eq!(ask(&db), Ok(101));
}

#[test]
fn a_file_that_comes_into_being_changes_the_answer() {
    let mut db = database(&[("/w/a.nix", "if builtins.pathExists ./b.nix then 1 else 2")]);
    let ask = |db: &Database| value(db, db.file(Path::new("/w/a.nix")));
    assert_eq!(ask(&db), Ok(2));
    db.apply(buffer("/w/b.nix", ""));
    assert_eq!(ask(&db), Ok(1));
}

#[test]
fn a_write_interrupts_an_evaluation_that_nobody_needs_any_more() {
    let endless = "let fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2); in fib 90";
    let db = database(&[("/w/a.nix", endless), ("/w/b.nix", "7")]);
    let reader = db.clone();
    let mut db = db;
    let thread = std::thread::spawn(move || {
        let file = reader.file(Path::new("/w/a.nix"));
        let result = crate::cancellable(|| value(&reader, file));
        result.is_err()
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    db.apply(buffer("/w/a.nix", "8"));
    assert!(thread.join().unwrap(), "the reader was cancelled");
    assert_eq!(value(&db, db.file(Path::new("/w/b.nix"))), Ok(7));
    assert_eq!(value(&db, db.file(Path::new("/w/a.nix"))), Ok(8));
}

#[test]
fn what_grows_with_each_question_is_left_behind_with_its_heap() {
    let garbage = |number: usize| {
        format!("builtins.length (builtins.genList (n: {{ inherit n; }}) 1000000 ++ [ {number} ])")
    };
    let mut db = database(&[("/w/a.nix", "0")]);
    let mut sizes = Vec::new();
    for number in 0..40 {
        db.apply(buffer("/w/a.nix", &garbage(number)));
        let file = db.file(Path::new("/w/a.nix"));
        let (answer, used) = size(&db, file).answer().unwrap();
        assert_eq!(answer, 1_000_001);
        sizes.push(used);
    }
    assert!(!sizes.is_sorted(), "{sizes:?}");
}

/// The value of a file, and how large the heap was then.
#[salsa::tracked(returns(clone))]
fn size(db: &dyn Db, file: File) -> Evaluated<(i64, usize)> {
    let path = file.path(db).clone();
    evaluate(db, Patience::Background, file, move |session: &Session<'_>| {
        let value = session.evaluator.import(&path).unwrap();
        let value = session.evaluator.force_int(value, Default::default(), "").unwrap();
        (value, session.evaluator.heap.used_bytes())
    })
}

#[test]
fn a_heap_over_the_budget_is_dropped() {
    let system = MemorySystem::default();
    let settings = Settings { memory_budget: 32 << 20, ..Settings::default() };
    let mut db = Database::new(Arc::new(system), vec!["/w".into()], settings);
    for number in 0..6 {
        let text = format!("builtins.length (builtins.genList (n: [ n ]) 1000000 ++ [ {number} ])");
        db.apply(buffer("/w/a.nix", &text));
        let (_, used) = size(&db, db.file(Path::new("/w/a.nix"))).answer().unwrap();
        assert!(used < 80 << 20, "{used} bytes");
    }
}

#[test]
fn a_function_of_nixpkgs_is_called_once_for_the_same_settings() {
    let mut db = database(&[
        (
            "/w/nixpkgs/default.nix",
            "{ a ? 1 }: builtins.seq (builtins.readFile ./b) { inherit a; }",
        ),
        ("/w/nixpkgs/b", "x"),
    ]);
    let settings = Settings { nixpkgs: Some("/w/nixpkgs".into()), ..Settings::default() };
    db.apply(Change::Settings(settings));
    let mut identity = |text: &str| {
        db.apply(buffer("/w/a.nix", text));
        identity(&db, db.file(Path::new("/w/a.nix"))).answer().unwrap()
    };
    let first = identity("import /w/nixpkgs/default.nix { a = 2; }");
    assert_eq!(identity("/* */ import /w/nixpkgs/default.nix { a = 1 + 1; }"), first);
    assert_ne!(identity("import /w/nixpkgs/default.nix { a = 3; }"), first);
}

/// Which object the value of a file is.
#[salsa::tracked(returns(clone))]
fn identity(db: &dyn Db, file: File) -> Evaluated<u64> {
    let path = file.path(db).clone();
    evaluate(db, Patience::Background, file, move |session: &Session<'_>| {
        let value = session.evaluator.import(&path).unwrap();
        session.evaluator.force(value, Default::default()).unwrap().identity()
    })
}

/// A disk on which files by the name of `slow` take until somebody lets them through.
struct Gate {
    disk: MemorySystem,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl System for Gate {
    fn stamp(&self, path: &Path) -> Stamp {
        self.disk.stamp(path)
    }
}

impl FileSystem for Gate {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path.ends_with("slow") {
            drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open));
        }
        self.disk.read(path)
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        self.disk.file_type(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.disk.read_link(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        self.disk.read_dir(path)
    }
}

/// A host over a disk with `/w/a.nix`, which needs `/w/slow`, and what tells of new revisions.
fn slow_host() -> (Host, Arc<Gate>, Receiver<()>) {
    let gate = Arc::new(Gate {
        disk: MemorySystem::default(),
        open: Mutex::new(false),
        opened: Condvar::new(),
    });
    gate.disk
        .write("/w/a.nix", "builtins.stringLength (builtins.readFile ./slow) + import ./b.nix");
    gate.disk.write("/w/b.nix", "10");
    gate.disk.write("/w/slow", "12345");
    let db = Database::new(gate.clone(), vec!["/w".into()], Settings::default());
    let (revised, revisions) = channel();
    let host = Host::start(db, move || {
        let _ = revised.send(());
    });
    (host, gate, revisions)
}

/// What a reader finds in a file, and whether it says that it lacks something.
fn look_at(host: &Host, path: &'static str) -> (Result<i64, String>, bool) {
    let (sender, found) = channel();
    host.read(move |db| {
        std::thread::spawn(move || {
            let value = crate::cancellable(|| answer(&db, db.file(Path::new(path))));
            let lacks = db.lacks_answers();
            drop(db);
            sender.send((value.unwrap_or_else(|reason| Err(reason.to_string())), lacks)).unwrap();
        });
    });
    found.recv().unwrap()
}

fn look(host: &Host) -> (Result<i64, String>, bool) {
    look_at(host, "/w/a.nix")
}

fn answer(db: &dyn Db, file: File) -> Result<i64, String> {
    let question = |db, file| evaluated(db, file).known(db).cloned();
    question(db, file).unwrap_or(Err("not known yet".to_owned()))
}

#[salsa::tracked]
fn evaluated(db: &dyn Db, file: File) -> Evaluated<Result<i64, String>> {
    let path = file.path(db).clone();
    evaluate(db, Patience::Interactive, file, move |session: &Session<'_>| {
        let value = session.evaluator.import(&path);
        let value =
            value.and_then(|value| session.evaluator.force_int(value, Default::default(), ""));
        value.map_err(|error| error.message().to_owned())
    })
}

#[test]
fn nobody_waits_long_for_an_answer_that_comes_later() {
    let (host, gate, revisions) = slow_host();
    assert_eq!(look(&host), (Err("not known yet".to_owned()), true));
    assert_eq!(look(&host), (Err("not known yet".to_owned()), true));
    gate.open();
    revisions.recv().unwrap();
    assert_eq!(look(&host), (Ok(15), false));
}

#[test]
fn an_answer_that_comes_after_a_change_of_what_it_was_read_from_is_asked_for_again() {
    let (host, gate, revisions) = slow_host();
    assert_eq!(look(&host), (Err("not known yet".to_owned()), true));
    host.change(buffer("/w/b.nix", "20"));
    revisions.recv().unwrap();
    gate.open();
    revisions.recv().unwrap();
    assert_eq!(look(&host), (Ok(25), false));
}

#[test]
fn other_questions_do_not_wait_for_one_that_was_left_behind() {
    let (host, _, _revisions) = slow_host();
    let endless = "let fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2); in fib 90";
    host.change(buffer("/w/a.nix", endless));
    assert_eq!(look(&host), (Err("not known yet".to_owned()), true));
    assert_eq!(look_at(&host, "/w/b.nix"), (Ok(10), false));
    assert_eq!(look(&host), (Err("not known yet".to_owned()), true));
}
