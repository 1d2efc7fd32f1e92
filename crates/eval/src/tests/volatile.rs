//! Evaluations that outlive edits of the files that they have read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use floe_hir::Name;

use crate::error::{ErrorKind, Pos, Result};
use crate::fs::{FileSystem, FileType};
use crate::heap::{Attr, Heap, Kind, Value};
use crate::settings::Settings;
use crate::store::ReadOnlyStore;
use crate::{Console, Evaluator, Options, with_big_stack};

/// Files below `/own` are volatile.
#[derive(Default)]
struct Files(RefCell<BTreeMap<PathBuf, String>>);

impl FileSystem for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.borrow().get(path).cloned();
        match found {
            Some(found) => Ok(found.into_bytes()),
            None => crate::fs::RealFileSystem.read(path),
        }
    }

    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        let files = self.0.borrow();
        match files.contains_key(path) {
            true => Ok(FileType::Regular),
            false if files.keys().any(|file| file.starts_with(path)) => Ok(FileType::Directory),
            false => crate::fs::RealFileSystem.file_type(path),
        }
    }

    fn read_link(&self, _: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        crate::fs::RealFileSystem.read_dir(path)
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

/// The files and the evaluator of a session.
struct Session<'h> {
    files: Rc<Files>,
    traces: Rc<Traces>,
    evaluator: Evaluator<'h>,
}

impl<'h> Session<'h> {
    fn new(heap: &'h Heap, stack_bytes: usize, program: &str) -> Session<'h> {
        let (files, traces) = (Rc::new(Files::default()), Rc::new(Traces::default()));
        files.0.borrow_mut().insert("/program.nix".into(), program.to_owned());
        let options = Options {
            settings: Settings::default(),
            fs: files.clone(),
            store: Rc::new(ReadOnlyStore::new(floe_store::StoreDir::default(), None)),
            console: traces.clone(),
        };
        Session { files, traces, evaluator: Evaluator::new(heap, options, stack_bytes) }
    }

    fn edit(&self, path: &str, text: &str) {
        self.files.0.borrow_mut().insert(path.into(), text.to_owned());
        self.evaluator.forget();
    }

    /// The value of the same object as before, and what was traced meanwhile.
    fn look(&self) -> String {
        let value = self.evaluator.import(Path::new("/program.nix")).expect("it is right");
        let answer = self.evaluator.force_deep(value).and_then(|()| self.evaluator.print(value));
        let answer = answer.unwrap_or_else(|error| format!("error: {}", error.message()));
        format!("{answer} {:?}\n", self.traces.0.take())
    }

    /// Each attribute of the program for itself, with everything that is told of errors.
    fn look_at_each(&self) -> String {
        let path = Path::new("/program.nix");
        let attrs = self
            .evaluator
            .import(path)
            .and_then(|value| self.evaluator.force_attrs(value, Pos::None, ""));
        let attrs = match attrs {
            Ok(attrs) => attrs,
            Err(error) => return error.message().to_owned(),
        };
        let look = |attr: Attr<'h>| {
            let value = attr.cell.get();
            let forced = self.evaluator.force_deep(value);
            match forced.and_then(|()| self.evaluator.print(value)) {
                Ok(value) => format!("{} = {value}\n", attr.name),
                // Where a recursion without end is noticed depends on where it was entered, and an error
                // that was caught has the steps of that time.
                Err(error) if is_endless(error.kind()) || error.kind().is_catchable() => {
                    format!("{}: {}\n", attr.name, error.message())
                }
                Err(error) => {
                    let mut report = self.evaluator.report(&error);
                    // A value is shown as far as it is evaluated.
                    let shown = report.message.find(['[', '{']).unwrap_or(report.message.len());
                    report.message.truncate(shown);
                    format!("{}: {report:#?}\n", attr.name)
                }
            }
        };
        attrs.sorted().into_iter().map(look).collect()
    }
}

fn is_endless(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InfiniteRecursion | ErrorKind::StackOverflow)
}

/// For each text of `/own/a.nix`: the value of the same object, and what was traced meanwhile.
fn session(program: &str, texts: &[&str]) -> String {
    with_big_stack(|stack_bytes| {
        let heap = Heap::new();
        let session = Session::new(&heap, stack_bytes, program);
        let look = |text: &&str| {
            session.edit("/own/a.nix", text);
            session.look()
        };
        texts.iter().map(look).collect()
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

#[test]
fn what_has_not_read_the_definition_that_was_edited_stays() {
    let program = r#"let own = import /own/a.nix; in {
        first = builtins.trace "first" (own.a + 1);
        second = builtins.trace "second" (own.b.c + 1);
        names = builtins.trace "names" (builtins.attrNames own.b);
    }"#;
    expect_test::expect![[r#"
        { first = 2; names = [ "c" ]; second = 3; } ["first", "names", "second"]
        { first = 6; names = [ "c" ]; second = 3; } ["first"]
        { first = 6; names = [ "c" ]; second = 3; } []
        { first = 6; names = [ "c" ]; second = 4; } ["second"]
        { first = 6; names = [ "c" "d" ]; second = 4; } ["names", "second"]
        error: attribute 'b' missing ["first", "names"]
        { first = 6; names = [ "c" "d" ]; second = 4; } ["first", "names", "second"]
    "#]]
    .assert_eq(&session(
        program,
        &[
            "{ a = 1; b = { c = 2; }; }",
            "{ a = 5; b = { c = 2; }; }",
            "{ # the same\n a = 5; b.c = 2; }",
            "{ a = 5; b.c = 3; }",
            "{ a = 5; b = { c = 3; d = 4; }; }",
            "{ a = 5; }",
            "{ a = 5; b = { c = 3; d = 4; }; }",
        ],
    ));
}

#[test]
fn a_function_that_was_made_before_an_edit_is_what_is_written_now() {
    let program = r#"let
        own = import /own/a.nix;
        made = own.make 1;
    in { inherit (made) a b; again = (own.make 2).b; }"#;
    expect_test::expect![[r#"
        { a = 1; again = 5; b = 5; } []
        { a = 1; again = 6; b = 6; } []
        { a = 1; again = 2; b = 1; } []
        { a = 2; again = 3; b = 2; } []
    "#]]
    .assert_eq(&session(
        program,
        &[
            "{ make = x: { a = x; b = 5; }; }",
            "{ make = x: { a = x; b = 6; }; }",
            "{ make = x: { a = x; b = x + 0; }; }",
            "{ make = x: let y = x + 1; in { a = y; b = y; }; }",
        ],
    ));
}

/// A little system of modules, two of which are somebody's own.
const SYSTEM: &str = r#"let
    lib = {
        id = x: x;
        when = condition: value: if condition then value else { };
        name = "lib";
        fold = builtins.foldl' (all: one: all // one) { };
    };
    modules = [ base (import /own/a.nix) other ];
    arguments = { inherit config lib; };
    base = { config, ... }: {
        flag = (config.first or 1) == 1;
        basic = config.third or [ ];
        position = builtins.unsafeGetAttrPos "first" config;
    };
    other = { config, lib }: {
        count = builtins.length (config.third or [ ]);
        seen = config.second.inner or "none";
        mapped = builtins.mapAttrs (name: value: [ name value ]) (config.fourth or { });
        both = builtins.map lib.id (config.basic ++ config.basic);
        shown = "${toString (config.count or 0)} ${config.local or "no local"}";
        equal = config.first == config.eighth;
        caught = builtins.tryEval (builtins.deepSeq config.seventh config.seventh);
    };
    config = lib.fold (map (module: module arguments) modules);
in config"#;

/// The own modules. `@` stands for an expression, a line with `?` may be missing.
const OWN: [(&str, &str); 2] = [
    (
        "/own/a.nix",
        r#"{ config, lib, ... }:
? # a comment
let
  local = @;
  helper = x: { deep = @; shallow = x; };
in
with { inherit (lib) name; };
{
  first = @;
?  second.inner = @; second.other = 1;
  third = [ @ (helper local).deep ];
  fourth = lib.when config.flag { fifth = @; };
  sixth = import ./b.nix { inherit config; value = @; };
  seventh = rec { one = @; two = one; three = { inherit one; }; };
?  where = builtins.unsafeGetAttrPos "first" { first = 1; };
  eighth = @;
  inherit (helper 1) shallow;
  inherit local;
  dynamic.${"na" + "me"} = @;
}
"#,
    ),
    (
        "/own/b.nix",
        "{ config, value }: rec {
? other = @;
  inner = value;
  function = x: [ @ x ];
  applied = function @;
}
",
    ),
];

const EXPRESSIONS: [&str; 32] = [
    "1",
    "2",
    "\"text\"",
    "true",
    "null",
    "[ 1 2 ]",
    "[ ]",
    "{ p = 1; q = config.first or 2; }",
    "{ p = 2; q = config.second.inner or 2; }",
    "config.first",
    "config.second.inner",
    "config.second or 3",
    "config.sixth.inner",
    "local",
    "x: x",
    "(x: y: x + 1) 2 3",
    "throw \"no\"",
    "lib.id 5",
    "if config.flag or false then 1 else \"f\"",
    "let k = 3; l = k; in l",
    "with { w = { v = 4; }; }; w.v",
    "assert config.flag == true; 3",
    "\"${lib.name}-${toString 3}\"",
    "builtins.readFile ./b.nix",
    "builtins.pathExists ./b.nix",
    "__curPos.line",
    "config.third",
    "builtins.attrNames config",
    "1 + \"a\"",
    "config.missing",
    "(import ./b.nix { inherit config; value = 8; }).function 1",
    "-3",
];

/// Own modules at some moment: which expressions and lines they have.
#[derive(Clone)]
struct Texts {
    random: u64,
    expressions: Vec<usize>,
    lines: Vec<bool>,
}

impl Texts {
    fn new(seed: u64) -> Texts {
        let mut texts = Texts { random: seed * 2 + 1, expressions: Vec::new(), lines: Vec::new() };
        let all = OWN[0].1.to_owned() + OWN[1].1;
        for _ in all.matches('@') {
            // Little that fails, to begin with.
            let expression = texts.below(16);
            texts.expressions.push(expression);
        }
        texts.lines = all.matches('?').map(|_| true).collect();
        texts
    }

    fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % end
    }

    fn edit(&mut self) {
        if self.below(4) == 0 {
            let line = self.below(self.lines.len());
            self.lines[line] ^= true;
        } else {
            let place = self.below(self.expressions.len());
            self.expressions[place] = self.below(EXPRESSIONS.len());
        }
    }

    fn write(&self) -> Vec<(&'static str, String)> {
        let mut expressions = self.expressions.iter();
        let mut lines = self.lines.iter();
        let mut write_line = |line: &str| {
            let is_there = !line.starts_with('?') || lines.next() == Some(&true);
            let mut parts = line.trim_start_matches('?').split('@');
            let mut written = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let expression = expressions.next().expect("there is one for each place");
                written += &format!("({}){part}", EXPRESSIONS[*expression]);
            }
            if is_there { written + "\n" } else { String::new() }
        };
        OWN.map(|(path, text)| (path, text.lines().map(&mut write_line).collect())).into()
    }
}

#[test]
fn after_any_edits_everything_is_as_a_new_evaluator_finds_it() {
    let sessions = std::env::var("FLOE_EDIT_SESSIONS").ok().and_then(|it| it.parse().ok());
    for seed in 0..sessions.unwrap_or(40) {
        let mut texts = Texts::new(seed);
        with_big_stack(|stack_bytes| {
            let heap = Heap::new();
            let warm = Session::new(&heap, stack_bytes, SYSTEM);
            let mut before = texts.write();
            for _ in 0..30 {
                for (path, text) in &before {
                    warm.files.0.borrow_mut().insert(path.into(), text.clone());
                }
                warm.evaluator.forget();
                let found = warm.look_at_each();
                let heap = Heap::new();
                let fresh = Session::new(&heap, stack_bytes, SYSTEM);
                fresh.files.0.replace(warm.files.0.borrow().clone());
                let expected = fresh.look_at_each();
                let mut lines = found.lines().zip(expected.lines());
                if let Some(difference) = lines.find(|(found, expected)| found != expected) {
                    panic!("seed {seed}: {difference:#?}\n{}\n{}", before[0].1, before[1].1);
                }
                assert_eq!(found, expected, "seed {seed}");
                texts.edit();
                before = texts.write();
            }
        });
    }
}

/// A value without what is in it, some of which may have been evaluated before.
fn show<'h>(evaluator: &Evaluator<'h>, value: Value<'h>) -> Result<String> {
    Ok(match value.kind() {
        Kind::Attrs(attrs) => format!("a set of {}", attrs.len()),
        Kind::List(list) => format!("a list of {}", list.len()),
        Kind::Closure(_) => "a function".to_owned(),
        _ => evaluator.print(value)?,
    })
}

/// Options of a NixOS system, each for itself, and how many calls that took.
fn look_at_options(session: &Session<'_>) -> (String, u64) {
    const OPTIONS: [&str; 12] = [
        "boot.loader.grub.device",
        "environment.systemPackages",
        "fileSystems",
        "networking.firewall.allowedTCPPorts",
        "networking.hostName",
        "services.nginx",
        "services.openssh",
        "services.postgresql.enable",
        "system.stateVersion",
        "time.timeZone",
        "users.groups",
        "users.users",
    ];
    let evaluator = &session.evaluator;
    let before = evaluator.call_count();
    let look = |option: &&str| -> Result<String> {
        let mut value = evaluator.import(Path::new("/program.nix"))?;
        for name in std::iter::once("config").chain(option.split('.')) {
            let attrs = evaluator.force_attrs(value, Pos::None, "")?;
            value = attrs.get(Name::new(name)).map_or(Value::null(), |attr| attr.cell.get());
        }
        // Two levels deep, so that the packages are left alone.
        let value = evaluator.force(value, Pos::None)?;
        let mut shown = show(evaluator, value)?;
        match value.kind() {
            Kind::Attrs(attrs) => {
                for attr in attrs.sorted() {
                    let value = evaluator.force_cell(attr.cell, attr.position.into())?;
                    shown += &format!(" {}={}", attr.name, show(evaluator, value)?);
                }
            }
            Kind::List(list) => {
                for element in list.iter() {
                    shown +=
                        &format!(" {}", show(evaluator, evaluator.force(element, Pos::None)?)?);
                }
            }
            _ => {}
        }
        Ok(shown)
    };
    let look = |option: &&str| match look(option) {
        Ok(value) => format!("{option} = {value}\n"),
        Err(error) => format!("{option}: {}\n", evaluator.report(&error).full_message()),
    };
    let shown = OPTIONS.iter().map(look).collect();
    (shown, evaluator.call_count() - before)
}

#[test]
fn an_edit_of_a_nixos_configuration_evaluates_what_depends_on_it() {
    let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from) else {
        eprintln!("skipped: FLOE_NIXPKGS is not set");
        return;
    };
    let program = format!("import {}/nixos {{ configuration = /own/a.nix; }}", nixpkgs.display());
    let right = r#"{ config, pkgs, lib, ... }: {
        imports = [ ./hardware.nix ];
        boot.loader.grub.device = "/dev/sda";
        networking.hostName = "test";
        networking.firewall.allowedTCPPorts = [ 22 80 ];
        environment.systemPackages = with pkgs; [ hello git ];
        services.openssh.enable = true;
        services.nginx.virtualHosts."example.org".root = "${pkgs.nginx}/html";
        services.postgresql.enable = lib.mkIf config.services.openssh.enable true;
        users.users.alice = { isNormalUser = true; packages = [ pkgs.hello ]; };
    }"#;
    let hardware = r#"{ fileSystems."/" = { device = "/dev/sda1"; fsType = "ext4"; }; }"#;
    // Each of one text, and whether it changes the value of a definition only that little depends on.
    let edits = [
        ("\"test\"", "\"other\"", true),
        ("\"test\"", "5", true),
        ("[ 22 80 ]", "[ 22 \"80\" ]", true),
        ("imports", "# first\n\n  imports", true),
        ("hello git", "hello gitt", false),
        ("openssh.enable = true", "openssh.enabel = true", false),
        ("openssh.enable = true", "openssh.enable = false", false),
        ("config.services.openssh.enable", "config.services.openssh.enabel", false),
        ("isNormalUser = true", "isNormalUser = 1", false),
        ("imports", "time.timeZone = \"Europe/Amsterdam\"; imports", false),
        ("\"example.org\".root", "\"example.org\".roo", false),
    ];
    with_big_stack(|stack_bytes| {
        fn begin<'h>(heap: &'h Heap, stack_bytes: usize, files: [&str; 3]) -> Session<'h> {
            let [program, hardware, configuration] = files;
            let session = Session::new(heap, stack_bytes, program);
            session.edit("/own/hardware.nix", hardware);
            session.edit("/own/a.nix", configuration);
            session
        }
        let heap = Heap::new();
        let warm = begin(&heap, stack_bytes, [&program, hardware, right]);
        let (all_right, whole) = look_at_options(&warm);
        for (from, to, is_little) in edits {
            let text = right.replacen(from, to, 1);
            warm.edit("/own/a.nix", &text);
            let (found, calls) = look_at_options(&warm);
            let heap = Heap::new();
            let (expected, _) =
                look_at_options(&begin(&heap, stack_bytes, [&program, hardware, &text]));
            assert_eq!(found, expected, "{to}");
            warm.edit("/own/a.nix", right);
            let (found, calls_back) = look_at_options(&warm);
            assert_eq!(found, all_right, "{from}");
            let least = if is_little { 10 } else { 1 };
            assert!(
                calls.max(calls_back) * least < whole,
                "{to}: {calls}, {calls_back} of {whole}"
            );
        }
    });
}
