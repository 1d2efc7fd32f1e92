//! Results that count for now: what was evaluated with the help of files that their author is editing.
//!
//! Whoever keeps a heap for many questions wants the values of unchanged files to stay, and those that
//! depend on an edited file to go, however deep inside of a kept structure they are: the configuration of
//! a system is one knot, in which a thousand unchanged modules and the edited one refer to each other.
//!
//! So it is noted whether an evaluation has read a volatile file (see [`FileSystem::is_volatile`]), by itself
//! or through a thunk that has. The result of a thunk that did counts only for now: nobody copies it out of
//! the thunk, reading it is reading a volatile file in turn, and [`Evaluator::forget`] makes the thunk what
//! it was before. Anything else that was evaluated has nothing volatile in it, and stays.
//!
//! [`FileSystem::is_volatile`]: crate::fs::FileSystem::is_volatile
//! [`Evaluator::forget`]: crate::Evaluator::forget

use std::cell::{Cell, RefCell};

use crate::heap::{Suspended, Thunk, Undo, Value};

/// What was evaluated for now.
#[derive(Default)]
pub(crate) struct Volatile<'h> {
    /// How often a volatile file was read. Few readings are counted, but each evaluation compares.
    readings: Cell<u64>,
    undo: RefCell<Vec<Undo<'h>>>,
}

/// How often volatile files had been read when an evaluation began.
#[derive(Clone, Copy)]
pub(crate) struct Begun(u64);

impl<'h> Volatile<'h> {
    /// A volatile file is read, or a result that was evaluated with one.
    #[inline(always)]
    pub(crate) fn note(&self) {
        self.readings.set(self.readings.get() + 1);
    }

    /// An evaluation begins whose result can outlive what is evaluated around it.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Begun {
        Begun(self.readings.get())
    }

    /// Whether the result of an evaluation that has ended counts only for now.
    #[inline(always)]
    pub(crate) fn has_read_since(&self, Begun(readings): Begun) -> bool {
        self.readings.get() != readings
    }

    /// Stores a result that counts for now.
    #[cold]
    pub(crate) fn finish(&self, thunk: Thunk<'h>, work: Suspended<'h>, result: Value<'h>) {
        self.undo.borrow_mut().push(thunk.finish_for_now(work, result));
    }

    /// Undoes all results that count for now.
    pub(crate) fn forget(&self) {
        self.undo.borrow_mut().drain(..).for_each(Undo::undo);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::rc::Rc;
    use std::{cell::RefCell, collections::BTreeMap};

    use crate::fs::{FileSystem, FileType};
    use crate::heap::Heap;
    use crate::settings::Settings;
    use crate::store::ReadOnlyStore;
    use crate::{Console, Evaluator, Options, with_big_stack};

    /// Files below `/own` are volatile.
    #[derive(Default)]
    struct Files(RefCell<BTreeMap<PathBuf, String>>);

    impl FileSystem for Files {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            let found = self.0.borrow().get(path).cloned();
            found.map(String::into_bytes).ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn file_type(&self, path: &Path) -> io::Result<FileType> {
            let files = self.0.borrow();
            match files.contains_key(path) {
                true => Ok(FileType::Regular),
                false if files.keys().any(|file| file.starts_with(path)) => Ok(FileType::Directory),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn read_link(&self, _: &Path) -> io::Result<PathBuf> {
            Err(io::ErrorKind::InvalidInput.into())
        }

        fn read_dir(&self, _: &Path) -> io::Result<Vec<(OsString, FileType)>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn is_volatile(&self, path: &Path) -> bool {
            path.starts_with("/own")
        }
    }

    #[derive(Default)]
    struct Traces(RefCell<Vec<String>>);

    impl Console for Traces {
        fn trace(&self, message: &str) {
            self.0.borrow_mut().push(message.to_owned());
        }
        fn warn(&self, _: &str) {}
    }

    /// For each text of `/own/a.nix`: the value of the same object, and what was traced meanwhile.
    fn session(program: &str, texts: &[&str]) -> String {
        with_big_stack(|stack_bytes| {
            let (files, traces) = (Rc::new(Files::default()), Rc::new(Traces::default()));
            files.0.borrow_mut().insert("/program.nix".into(), program.to_owned());
            let heap = Heap::new();
            let options = Options {
                settings: Settings::default(),
                fs: files.clone(),
                store: Rc::new(ReadOnlyStore::new(floe_store::StoreDir::default(), None)),
                console: traces.clone(),
            };
            let evaluator = Evaluator::new(&heap, options, stack_bytes);
            let value = evaluator.import(Path::new("/program.nix")).expect("it is right");
            let look = |text: &str| {
                files.0.borrow_mut().insert("/own/a.nix".into(), text.to_owned());
                evaluator.forget(|path| path.starts_with("/own"));
                let answer = evaluator.force_deep(value).and_then(|()| evaluator.print(value));
                let answer = answer.unwrap_or_else(|error| format!("error: {}", error.message()));
                format!("{answer} {:?}\n", traces.0.take())
            };
            texts.iter().map(|text| look(text)).collect()
        })
    }

    #[test]
    fn what_was_not_read_from_a_volatile_file_is_evaluated_once() {
        let program = r#"rec {
            a = import /own/a.nix;
            b = builtins.trace "b" (a + c);
            c = builtins.trace "c" 10;
            d = builtins.trace "d" [ c c ];
        }"#;
        expect_test::expect![[r#"
            { a = 1; b = 11; c = 10; d = [ 10 10 ]; } ["b", "c", "d"]
            { a = 2; b = 12; c = 10; d = [ 10 10 ]; } ["b"]
            error: cannot coerce an integer to a string: 10 ["b"]
            { a = 3; b = 13; c = 10; d = [ 10 10 ]; } ["b"]
        "#]]
        .assert_eq(&session(program, &["1", "2", "\"x\"", "3"]));
    }

    #[test]
    fn a_knot_of_modules_is_evaluated_anew_where_it_reads_the_volatile_one() {
        let program = r#"let
            modules = [ first second (import /own/a.nix) ];
            first = config: builtins.trace "first" { x = 1; y = builtins.trace "y" (config.z + 1); };
            second = config: builtins.trace "second" { w = builtins.trace "w" 5; };
            loaded = map (module: module config) modules;
            config = builtins.foldl' (all: one: all // one) { } loaded;
        in { system = config; }"#;
        expect_test::expect![[r#"
            { system = { w = 5; x = 1; y = 3; z = 2; }; } ["first", "second", "w", "y"]
            { system = { w = 5; x = 1; y = 4; z = 3; }; } ["y"]
        "#]]
        .assert_eq(&session(program, &["config: { z = config.x + 1; }", "_: { z = 3; }"]));
    }

    #[test]
    fn functions_errors_and_conditions_pass_on_what_they_have_read() {
        let program = r#"let
            own = import /own/a.nix;
            caught = builtins.tryEval (if own.fails then throw "no" else "fine");
            chosen = if own.first then one else two;
            one = { name = "one"; };
            two = { name = "two"; };
            apply = f: f 1;
        in {
            inherit caught;
            name = chosen.name;
            result = apply own.f;
            has = own ? extra;
            inherit (own.set) inner;
        }"#;
        expect_test::expect![[r#"
            { caught = { success = true; value = "fine"; }; has = false; inner = 1; name = "one"; result = 2; } []
            { caught = { success = false; value = false; }; has = true; inner = 2; name = "two"; result = 3; } []
        "#]]
        .assert_eq(&session(
            program,
            &[
                "{ fails = false; first = true; f = x: x + 1; set = { inner = 1; }; }",
                "{ fails = true; first = false; f = x: x + 2; set = { inner = 2; }; extra = 1; }",
            ],
        ));
    }
}
