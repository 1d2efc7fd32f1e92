//! Types of expressions, and what the checker finds, as a user reads them.

use std::cell::RefCell;

use expect_test::{Expect, expect};
use floe_hir::{LambdaId, LowerOptions, Lowered, Module, Name, Scopes, lower};
use floe_syntax::{ParseOptions, parse};

use crate::{FileKey, Host, Inference, Mode, Probable, check};

/// Files by name; the first is asked about.
struct Files(Vec<(String, Lowered, Scopes, String)>, RefCell<u32>);

impl Files {
    fn new(files: &[(&str, &str)]) -> Files {
        let files = files.iter().map(|(name, text)| {
            let parse = parse(text, &ParseOptions::default());
            let lowered = lower(&parse.tree, text, &LowerOptions::default());
            let scopes = Scopes::new(&lowered.module);
            ((*name).to_owned(), lowered, scopes, (*text).to_owned())
        });
        Files(files.collect(), RefCell::default())
    }
}

impl Host for Files {
    fn module(&self, file: FileKey) -> &Module {
        &self.0[file.0 as usize].1.module
    }

    fn scopes(&self, file: FileKey) -> &Scopes {
        &self.0[file.0 as usize].2
    }

    fn import(&self, _: FileKey, path: &str) -> Option<FileKey> {
        *self.1.borrow_mut() += 1;
        let index = self.0.iter().position(|(name, ..)| name == path.trim_start_matches("./"))?;
        Some(FileKey(index as u32))
    }

    fn probable_argument(&self, file: FileKey, lambda: LambdaId, name: Name) -> Option<Probable> {
        let body = self.module(file).lambdas[lambda.0 as usize].body;
        match name.as_str() {
            "own" => Some(Probable::With(file, body)),
            name => Some(Probable::Root(self.import(FileKey(0), &format!("{name}.nix"))?)),
        }
    }
}

fn show(files: &[(&str, &str)]) -> String {
    let files = Files::new(files);
    let root = files.module(FileKey(0)).root;
    let mut inference = Inference::new(&files, Mode::Probable);
    let found = inference.type_of(FileKey(0), root);
    inference.display(&found)
}

fn types(cases: &[&str], expected: &Expect) {
    let shown = cases.iter().map(|text| format!("{text}\n  {}\n", show(&[("a", text)])));
    expected.assert_eq(&shown.collect::<String>());
}

fn findings(text: &str) -> String {
    let files = Files::new(&[("a", text)]);
    let found = check(&files, FileKey(0));
    let map = &files.0[0].1.source_map;
    let shown = found.iter().map(|finding| {
        let span = map.exprs[finding.expr.0 as usize];
        let at = &text[span.start as usize..span.end as usize];
        format!("  {at}: {} ({})\n", finding.message, finding.kind.slug())
    });
    shown.collect()
}

fn checks(cases: &[&str], expected: &Expect) {
    let shown = cases.iter().map(|text| format!("{text}\n{}", findings(text)));
    expected.assert_eq(&shown.collect::<String>());
}

#[test]
fn literals_and_operators() {
    types(
        &[
            "1",
            "1.0",
            "\"a\"",
            "./a",
            "null",
            "true",
            "[ 1 2 ]",
            "[ 1 \"a\" ]",
            "[ ]",
            "{ }",
            "1 + 2.0",
            "\"a\" + ./b",
            "./a + \"b\"",
            "1 < 2",
            "!true",
            "-1",
            "[ 1 ] ++ [ null ]",
            "if a then 1 else null",
            "{ a = 1; }.a or \"x\"",
            "throw \"x\"",
        ],
        &expect![[r#"
            1
              Int
            1.0
              Float
            "a"
              String
            ./a
              Path
            null
              Null
            true
              Bool
            [ 1 2 ]
              [Int]
            [ 1 "a" ]
              [Int | String]
            [ ]
              []
            { }
              { }
            1 + 2.0
              Float
            "a" + ./b
              String
            ./a + "b"
              Path
            1 < 2
              Bool
            !true
              Bool
            -1
              Int
            [ 1 ] ++ [ null ]
              [Int | Null]
            if a then 1 else null
              Int | Null
            { a = 1; }.a or "x"
              Int
            throw "x"
              Never
        "#]],
    );
}

#[test]
fn sets_have_rows() {
    types(
        &[
            "{ a = 1; b.c = \"x\"; }",
            "{ a = 1; } // { b = 2; a = \"x\"; }",
            "{ a = 1; } // (if c then { b = 2; } else { })",
            "let s = { a = { b = [ 1 ]; }; }; in s.a.b",
            "rec { a = b; b = 1; }",
            "{ \"${x}\" = 1; a = 2; }",
            "with { a = 1; }; a",
            "let s = { a = 1; }; in { inherit (s) a; }",
            "removeAttrs { a = 1; b = 2; } [ \"a\" ]",
            "x: x // { a = 1; }",
            "{ \"a b\" = 1; }",
        ],
        &expect![[r#"
            { a = 1; b.c = "x"; }
              { a = Int; b = { c = String; }; }
            { a = 1; } // { b = 2; a = "x"; }
              { a = String; b = Int; }
            { a = 1; } // (if c then { b = 2; } else { })
              { a = Int; b ? Int; }
            let s = { a = { b = [ 1 ]; }; }; in s.a.b
              [Int]
            rec { a = b; b = 1; }
              { a = Int; b = Int; }
            { "${x}" = 1; a = 2; }
              { a = Int; ... }
            with { a = 1; }; a
              Int
            let s = { a = 1; }; in { inherit (s) a; }
              { a = Int; }
            removeAttrs { a = 1; b = 2; } [ "a" ]
              { b = Int; }
            x: x // { a = 1; }
              AttrSet -> { a = Int; ... }
            { "a b" = 1; }
              { "a b" = Int; }
        "#]],
    );
}

#[test]
fn functions_take_what_their_bodies_ask_for() {
    types(
        &[
            "x: x",
            "x: y: x + 1",
            "{ a, b ? 1, ... }: a.name + \"x\"",
            "x: x.a.b",
            "x: if x then 1 else 2",
            "f: f 1 2",
            "x: builtins.length x",
            "x: \"${x}\"",
            "{ a ? null }: if a == null then 1 else a.b",
            "args@{ a }: args",
            "f: (f 1) + 2",
        ],
        &expect![[r#"
            x: x
              Any -> Any
            x: y: x + 1
              Int -> Any -> Int
            { a, b ? 1, ... }: a.name + "x"
              { a = { name = Any; ... }; b ? Int; ... } -> String
            x: x.a.b
              { a = Any; ... } -> Any
            x: if x then 1 else 2
              Bool -> Int
            f: f 1 2
              (Any -> Any -> Any) -> Any
            x: builtins.length x
              [Any] -> Int
            x: "${x}"
              String -> String
            { a ? null }: if a == null then 1 else a.b
              { a ? Null | { … }; } -> Any
            args@{ a }: args
              { a = Any; } -> AttrSet
            f: (f 1) + 2
              (Any -> Any) -> Int
        "#]],
    );
}

#[test]
fn calls_are_followed() {
    types(
        &[
            "(x: x) 1",
            "let id = x: x; in [ (id 1) (id \"a\") ]",
            "let f = { a, b ? 2 }: { inherit a b; }; in f { a = \"x\"; }",
            "map (x: x + 1) [ 1 2 ]",
            "builtins.map (x: { name = x; }) [ \"a\" ]",
            "builtins.mapAttrs (name: value: value + 1) { a = 1; b = 2.0; }",
            "builtins.head [ { a = 1; } ]",
            "builtins.foldl' (a: b: a + b) 0 [ 1 2 ]",
            "builtins.concatMap (x: [ x x ]) [ 1 ]",
            "builtins.listToAttrs [ { name = \"a\"; value = 1; } ]",
            "(builtins.listToAttrs [ { name = \"a\"; value = 1; } ]).b",
            "builtins.genList (i: { n = i; }) 3",
            "builtins.attrNames { }",
            "builtins.tryEval 1",
            "builtins.substring 0",
            "builtins.seq null 1",
            "{ __functor = self: x: self.y + x; y = 1; } 2",
            "let fix = f: let x = f x; in x; in fix (self: { a = 1; b = self.a; })",
        ],
        &expect![[r#"
            (x: x) 1
              Int
            let id = x: x; in [ (id 1) (id "a") ]
              [Int | String]
            let f = { a, b ? 2 }: { inherit a b; }; in f { a = "x"; }
              { a = String; b = Int; }
            map (x: x + 1) [ 1 2 ]
              [Int]
            builtins.map (x: { name = x; }) [ "a" ]
              [{ name = String; }]
            builtins.mapAttrs (name: value: value + 1) { a = 1; b = 2.0; }
              { a = Int; b = Float; }
            builtins.head [ { a = 1; } ]
              { a = Int; }
            builtins.foldl' (a: b: a + b) 0 [ 1 2 ]
              Int
            builtins.concatMap (x: [ x x ]) [ 1 ]
              [Int]
            builtins.listToAttrs [ { name = "a"; value = 1; } ]
              AttrSet
            (builtins.listToAttrs [ { name = "a"; value = 1; } ]).b
              Int
            builtins.genList (i: { n = i; }) 3
              [{ n = Int; }]
            builtins.attrNames { }
              [String]
            builtins.tryEval 1
              { success = Bool; value = Int | Bool; }
            builtins.substring 0
              Int -> String -> String
            builtins.seq null 1
              Int
            { __functor = self: x: self.y + x; y = 1; } 2
              Int
            let fix = f: let x = f x; in x; in fix (self: { a = 1; b = self.a; })
              { a = Int; b = Int; }
        "#]],
    );
}

#[test]
fn a_function_that_others_can_call_takes_anything() {
    types(
        &[
            "let f = set: set; a = f { b = 1; }; in f",
            "rec { f = set: set; a = (f { b = 1; }).b; }.f",
        ],
        &expect![[r#"
            let f = set: set; a = f { b = 1; }; in f
              Any -> Any
            rec { f = set: set; a = (f { b = 1; }).b; }.f
              Any -> Any
        "#]],
    );
}

#[test]
fn other_files_are_followed() {
    let shown = show(&[
        ("a", "{ lib }: let b = import ./b { }; in [ b.x.y (lib.id 1) ]"),
        ("b", "{ }: { x = import ./c; }"),
        ("c", "{ y = \"text\"; }"),
        ("lib.nix", "{ id = x: x; }"),
    ]);
    expect!["{ lib = { id = … -> …; }; } -> [String | Int]"].assert_eq(&shown);
}

#[test]
fn an_argument_has_what_its_host_knows_it_to_have() {
    types(
        &["own: { a = 1; b = own.a; c = own.d; }", "(own: { a = 1; b = own.a; }) { a = \"\"; }"],
        &expect![[r#"
            own: { a = 1; b = own.a; c = own.d; }
              { a = Int; b = Int; c = Any; ... } -> { a = Int; b = Int; c = Any; }
            (own: { a = 1; b = own.a; }) { a = ""; }
              { a = Int; b = String; }
        "#]],
    );
}

#[test]
fn circles_and_towers_end() {
    types(
        &[
            "let a = b; b = a; in a",
            "let f = x: f x; in f 1",
            "let f = x: f; in f",
            "let a = { inherit (a) x; }; in a.x",
            "let f = x: [ (f x) ]; in f 1",
            "let omega = x: x x; in omega omega",
            "rec { a = a // { b = 1; }; }.a.b",
            "let fix = f: f (fix f); in fix (self: { a = self; })",
        ],
        &expect![[r#"
            let a = b; b = a; in a
              Any
            let f = x: f x; in f 1
              Any
            let f = x: f; in f
              Any -> Any -> Any -> … -> …
            let a = { inherit (a) x; }; in a.x
              Any
            let f = x: [ (f x) ]; in f 1
              [[[[…]]]]
            let omega = x: x x; in omega omega
              Any
            rec { a = a // { b = 1; }; }.a.b
              Int
            let fix = f: f (fix f); in fix (self: { a = self; })
              { a = { a = { a = { … }; }; }; }
        "#]],
    );
    let tower = (0..40).fold("a".to_owned(), |tower, i| {
        format!("let f{i} = x: [ (f{0} x) (f{0} x) ]; in {tower}", i + 1)
    });
    assert!(!show(&[("a", &tower)]).is_empty());
    let chain = vec!["{ a = 1; }"; 3000].join(" // ");
    assert!(!show(&[("a", &chain)]).is_empty());
    let curried = "x: ".repeat(2000) + "1";
    assert!(show(&[("a", &curried)]).len() < 200);
    let doubled = (0..24).fold("[ 1 ]".to_owned(), |list, _| format!("(x: [ x x ]) {list}"));
    assert!(show(&[("a", &doubled)]).len() < 400);
}

#[test]
fn what_certainly_fails_is_found() {
    checks(
        &[
            "1 2",
            "\"a\" + 1",
            "1 + \"a\"",
            "[ 1 ] + [ 2 ]",
            "[ 1 ] ++ 2",
            "{ } // [ ]",
            "if \"yes\" then 1 else 2",
            "!1",
            "1 && true",
            "\"a${1}\"",
            "let s = { name = 1; }; in s.nmae",
            "let s = { a.b = 1; }; in s.a.b.c",
            "let f = { a, b ? 1 }: a; in f { c = 1; }",
            "let f = { a }: a; in f 1",
            "builtins.length 1",
            "builtins.elemAt [ 1 ] \"0\"",
            "builtins.map 1 [ ]",
            "with 1; a",
            "let s = { a = 1; }; in { inherit (s) b; }",
            "let x = if c then 1 else 2.0; in x ++ [ ]",
            "{ a = 1; } { }",
        ],
        &expect![[r#"
            1 2
              1: this is called, but it is an integer (not-a-function)
            "a" + 1
              1: an integer cannot be added to a string; use toString (cannot-coerce)
            1 + "a"
              "a": a string cannot be added to an integer (type-mismatch)
            [ 1 ] + [ 2 ]
              [ 1 ]: a list cannot be an operand of + (type-mismatch)
            [ 1 ] ++ 2
              2: expected a list, but this is an integer (type-mismatch)
            { } // [ ]
              [ ]: expected a set, but this is a list (type-mismatch)
            if "yes" then 1 else 2
              "yes": expected a Boolean, but this is a string (type-mismatch)
            !1
              1: expected a Boolean, but this is an integer (type-mismatch)
            1 && true
              1: expected a Boolean, but this is an integer (type-mismatch)
            "a${1}"
              1: this is an integer, which cannot stand in a string; use toString (cannot-coerce)
            let s = { name = 1; }; in s.nmae
              s.nmae: attribute 'nmae' missing; did you mean 'name'? (missing-attribute)
            let s = { a.b = 1; }; in s.a.b.c
              s.a.b.c: expected a set, but this is an integer (type-mismatch)
            let f = { a, b ? 1 }: a; in f { c = 1; }
              f: called without the required argument 'a' (missing-argument)
              { c = 1; }: called with the unexpected argument 'c' (unexpected-argument)
            let f = { a }: a; in f 1
              1: expected a set, but this is an integer (type-mismatch)
            builtins.length 1
              1: length expects a list, but this is an integer (type-mismatch)
            builtins.elemAt [ 1 ] "0"
              "0": elemAt expects an integer, but this is a string (type-mismatch)
            builtins.map 1 [ ]
              1: map expects a function, but this is an integer (type-mismatch)
            with 1; a
              1: expected a set, but this is an integer (type-mismatch)
            let s = { a = 1; }; in { inherit (s) b; }
              b: attribute 'b' missing (missing-attribute)
            let x = if c then 1 else 2.0; in x ++ [ ]
              x: expected a list, but this is one of several (type-mismatch)
            { a = 1; } { }
        "#]],
    );
}

#[test]
fn what_may_be_right_is_not_found() {
    checks(
        &[
            "x: x.a + 1",
            "{ x ? null }: x.a",
            "let x = null; in if x == null then 1 else x + 1",
            "let x = null; in x != null && x.a",
            "let enable = false; x = null; in if enable then x + 1 else 2",
            "({ a = 1; } // y).b",
            "{ a = 1; }.b or 2",
            "(if c then { a = 1; } else { b = 2; }).a",
            "\"a\" + { outPath = \"x\"; }",
            "\"${./a}\"",
            "let s = { \"${x}\" = 1; }; in s.a",
            "builtins.nonexistent 1",
            "let f = { a, ... }: a; in f { a = 1; b = 2; }",
            "let f = { a }: a; in f (y // { a = 1; })",
            "(with x; y) 1",
            "builtins.readFile \"/a\"",
            "builtins.concatStringsSep \",\" [ ./a ]",
            "{ __functor = self: x: x; } 1",
            "let x = [ 1 ]; in builtins.isList x && x ++ [ ]",
            "builtins.seq (throw \"a\") 1",
            "1 + 1.0",
            "(f: f 1) (x: x + 1)",
            "x: let a = x.a or null; in \"${a}\"",
            "let a = null; in optionalString (a != null) \"${a}\"",
        ],
        &expect![[r#"
            x: x.a + 1
            { x ? null }: x.a
            let x = null; in if x == null then 1 else x + 1
            let x = null; in x != null && x.a
            let enable = false; x = null; in if enable then x + 1 else 2
            ({ a = 1; } // y).b
            { a = 1; }.b or 2
            (if c then { a = 1; } else { b = 2; }).a
            "a" + { outPath = "x"; }
            "${./a}"
            let s = { "${x}" = 1; }; in s.a
            builtins.nonexistent 1
            let f = { a, ... }: a; in f { a = 1; b = 2; }
            let f = { a }: a; in f (y // { a = 1; })
            (with x; y) 1
            builtins.readFile "/a"
            builtins.concatStringsSep "," [ ./a ]
            { __functor = self: x: x; } 1
            let x = [ 1 ]; in builtins.isList x && x ++ [ ]
            builtins.seq (throw "a") 1
            1 + 1.0
            (f: f 1) (x: x + 1)
            x: let a = x.a or null; in "${a}"
            let a = null; in optionalString (a != null) "${a}"
        "#]],
    );
}
