use std::path::Path;
use std::sync::Arc;

use floe_eval::heap::Kind;

use super::*;
use crate::{Change, Database, File, MemorySystem, Settings};

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
    let answer = evaluate(db, Patience::Interactive, move |session: &Session<'_>| {
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
