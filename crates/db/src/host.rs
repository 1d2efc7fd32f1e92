//! The one writer: a thread that owns the database, applies changes, and hands out readers.
//!
//! Changes and requests for readers come through one channel, so a reader sees every change that was
//! sent before it was asked for. A change cancels the readers that are still at work: their queries
//! unwind, their handles are dropped, and only then does the change happen.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use salsa::{Durability, Setter};

use crate::{Database, Db, File, Settings, Stamp, Workspace};

/// The sending half of the writer's channel. The thread ends when the last clone is dropped.
#[derive(Clone)]
pub struct Host {
    tasks: Arc<Sender<Task>>,
}

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Change {
    /// An editor has opened the file, or changed its text: this text wins over the disk.
    Buffer {
        /// The file.
        path: PathBuf,
        /// All of its text.
        text: Arc<str>,
    },
    /// An editor has closed the file: the disk counts again.
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// Something changed on disk at or below these paths.
    Disk {
        /// The paths, as the watcher told them.
        paths: Vec<PathBuf>,
    },
    /// Other folders are open now.
    Roots(Vec<PathBuf>),
    /// The configuration was changed.
    Settings(Settings),
    /// Evaluation has found an answer that somebody has gone on without.
    Arrival,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revised {
    /// Nothing that analysis had looked at.
    Nothing,
    /// Derived facts may be different now.
    Facts,
}

enum Task {
    Change(Change),
    Read(Box<dyn FnOnce(Database) + Send>),
}

impl Host {
    /// Starts the writer. It calls `revised` after each change that can have changed a derived fact.
    pub fn start(database: Database, revised: impl Fn() + Send + 'static) -> Host {
        let (tasks, queue) = channel();
        let tasks = Arc::new(tasks);
        let arrivals = Arc::downgrade(&tasks);
        database.files().tell_arrivals(move || {
            if let Some(tasks) = arrivals.upgrade() {
                let _ = tasks.send(Task::Change(Change::Arrival));
            }
        });
        let writer = thread::Builder::new().name("writer".into());
        let started = writer.spawn(move || write(database, &queue, &revised));
        if let Err(error) = started {
            tracing::error!(%error, "the writer thread could not be started");
        }
        Host { tasks }
    }

    /// Queues a change.
    pub fn change(&self, change: Change) {
        let _ = self.tasks.send(Task::Change(change));
    }

    /// Looks at all known files below these folders: they are watched now, but were read before.
    pub fn look_again(&self, folders: &[PathBuf]) {
        loop {
            let (sender, reader) = channel();
            self.read(move |database| drop(sender.send(database)));
            let Ok(database) = reader.recv() else { return };
            let overlooked = crate::cancellable(|| {
                let known = folders.iter().flat_map(|folder| database.files().known_below(folder));
                let has_changed = |path: &PathBuf| {
                    salsa::Database::unwind_if_revision_cancelled(&database);
                    let now = database.files().system().stamp(path);
                    database.files().known(path).is_some_and(|file| file.stamp(&database) != now)
                };
                known.filter(has_changed).collect::<Vec<_>>()
            });
            drop(database);
            if let Ok(paths) = overlooked {
                if !paths.is_empty() {
                    self.change(Change::Disk { paths });
                }
                return;
            }
        }
    }

    /// Asks for a reader that sees everything queued so far. `read` is called on the writer's thread:
    /// it should only carry the reader elsewhere.
    pub fn read(&self, read: impl FnOnce(Database) + Send + 'static) {
        let _ = self.tasks.send(Task::Read(Box::new(read)));
    }
}

fn write(mut database: Database, queue: &Receiver<Task>, revised: &dyn Fn()) {
    for task in queue {
        match task {
            Task::Change(change) => {
                if apply(&mut database, change) == Revised::Facts {
                    revised();
                }
            }
            Task::Read(read) => read(database.reader()),
        }
    }
}

pub(crate) fn apply(database: &mut Database, change: Change) -> Revised {
    let files = database.files().clone();
    match change {
        Change::Buffer { path, text } => {
            files.set_buffer(database, &path, Some(text));
            Revised::Facts
        }
        Change::Closed { path } => {
            files.set_buffer(database, &path, None);
            files.refresh(database, &path);
            tell(database, vec![path]);
            Revised::Facts
        }
        Change::Disk { paths } => {
            let mut revised = tell(database, paths.clone());
            for path in affected(database, paths) {
                if files.refresh(database, &path) {
                    revised = Revised::Facts;
                }
            }
            revised
        }
        Change::Roots(roots) => {
            Workspace::get(database).set_roots(database).to(roots);
            Revised::Facts
        }
        Change::Settings(settings) => {
            Workspace::get(database).set_settings(database).to(settings);
            Revised::Facts
        }
        Change::Arrival => {
            // What lacks an answer says that it depends on everything.
            salsa::Database::synthetic_write(database, Durability::LOW);
            Revised::Facts
        }
    }
}

/// Notes down what may be Nix files of the workspace, or folders with such, whether or not anybody has
/// asked for them.
fn tell(database: &mut Database, mut paths: Vec<PathBuf>) -> Revised {
    let roots = database.workspace().roots(database);
    let system = database.files().system();
    paths.retain(|path| {
        let may_be_code = || match path.extension() {
            Some(extension) if extension == "nix" => true,
            _ if path.ends_with(".gitignore") => true,
            _ => !matches!(system.stamp(path), Stamp::File { .. } | Stamp::Special),
        };
        roots.iter().any(|root| path.starts_with(root)) && may_be_code()
    });
    if paths.is_empty() {
        return Revised::Nothing;
    }
    let is_known = |path: &PathBuf| {
        let file = database.files().known(path);
        file.is_some_and(|file: File| system.stamp(path) == file.stamp(database))
    };
    let revised = if paths.iter().all(is_known) { Revised::Nothing } else { Revised::Facts };
    let workspace = Workspace::get(database);
    let told = workspace.told(database);
    workspace.set_told(database).with_durability(Durability::LOW).to(told + 1);
    database.files().note_told(paths);
    revised
}

/// The known files that an event at these paths can be about: themselves, the directories that list
/// them, and, where a whole directory has come, gone or been renamed, everything below.
fn affected(database: &Database, paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let files = database.files();
    let is_file = |path: &PathBuf| {
        files
            .known(path)
            .is_some_and(|file: File| matches!(file.stamp(database), crate::Stamp::File { .. }))
    };
    let mut affected = Vec::new();
    for path in paths {
        affected.extend(path.parent().map(PathBuf::from));
        if is_file(&path) {
            affected.push(path);
        } else {
            affected.extend(files.known_below(&path));
        }
    }
    affected.sort();
    affected.dedup();
    affected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemorySystem, source};

    fn database(system: &MemorySystem) -> Database {
        Database::new(Arc::new(system.clone()), vec!["/w".into()], Settings::default())
    }

    fn text(database: &Database, path: &str) -> String {
        let source = source(database, database.file(path.as_ref()));
        match &source.problem {
            None => source.text.to_string(),
            Some(problem) => format!("error: {problem}"),
        }
    }

    fn disk(path: &str) -> Change {
        Change::Disk { paths: vec![path.into()] }
    }

    #[test]
    fn unsaved_text_wins_over_the_disk_until_the_file_is_closed() {
        let system = MemorySystem::default();
        system.write("/w/a.nix", "1");
        let mut database = database(&system);
        assert_eq!(text(&database, "/w/a.nix"), "1");

        database.apply(Change::Buffer { path: "/w/a.nix".into(), text: "2".into() });
        system.write("/w/a.nix", "3");
        database.apply(disk("/w/a.nix"));
        assert_eq!(text(&database, "/w/./b/../a.nix"), "2");

        database.apply(Change::Closed { path: "/w/a.nix".into() });
        assert_eq!(text(&database, "/w/a.nix"), "3");
    }

    #[test]
    fn a_change_on_disk_counts_when_the_watcher_tells_it() {
        let system = MemorySystem::default();
        let mut database = database(&system);
        assert_eq!(text(&database, "/w/d/a.nix"), "error: /w/d/a.nix does not exist");
        system.write("/w/d/a.nix", "1");
        assert_eq!(database.apply(disk("/w/d")), Revised::Facts);
        assert_eq!(text(&database, "/w/d/a.nix"), "1");
        assert_eq!(database.apply(disk("/w/d/a.nix")), Revised::Nothing);
        system.remove("/w/d/a.nix".as_ref());
        database.apply(disk("/w/d/a.nix"));
        assert_eq!(text(&database, "/w/d/a.nix"), "error: /w/d/a.nix does not exist");
    }

    #[test]
    fn what_is_no_text_is_a_problem_that_names_the_path() {
        let system = MemorySystem::default();
        system.write("/w/bytes.nix", b"a\xffb");
        system.write("/w/folder.nix/default.nix", "1");
        let database = database(&system);
        expect_test::expect![[r#"
            error: /w/bytes.nix is not valid UTF-8: the byte at offset 1 starts no character; save the file as UTF-8
            error: /w/folder.nix is a directory; expected a file with Nix code
        "#]]
        .assert_eq(&format!(
            "{}\n{}\n",
            text(&database, "/w/bytes.nix"),
            text(&database, "/w/folder.nix")
        ));
    }

    #[test]
    #[cfg(unix)]
    fn a_symlink_loop_is_a_problem_that_names_the_path() {
        let folder = std::env::temp_dir().join(format!("floe-db-loop-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.nix");
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let database = Database::new(Arc::new(crate::OsSystem), Vec::new(), Settings::default());
        let problem = text(&database, path.to_str().unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(problem.contains("a.nix cannot be read: "), "{problem}");
    }

    #[test]
    fn a_write_cancels_the_reader_in_its_way_and_a_later_reader_sees_it() {
        let host = Host::start(database(&MemorySystem::default()), || {});
        let (sender, results) = channel();
        let first = sender.clone();
        let (running, wait) = channel();
        host.read(move |database| {
            thread::spawn(move || {
                let result = crate::cancellable(|| {
                    running.send(()).unwrap();
                    loop {
                        salsa::Database::unwind_if_revision_cancelled(&database);
                        thread::yield_now();
                    }
                });
                first.send(result.map_err(|error| error.to_string())).unwrap();
                drop(database);
            });
        });
        wait.recv().unwrap();
        host.change(Change::Buffer { path: "/w/a.nix".into(), text: "new".into() });
        host.read(move |database| sender.send(Ok(text(&database, "/w/a.nix"))).unwrap());
        assert_eq!(results.recv().unwrap(), Err("cancelled because of pending write".into()));
        assert_eq!(results.recv().unwrap(), Ok("new".into()));
    }
}
