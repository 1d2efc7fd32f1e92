//! What each lint finds and how it is mended: the catalogue's own examples, and cases beside them.

use std::path::Path;

use expect_test::{Expect, expect};
use floe_hir::{LowerOptions, lower};
use floe_syntax::{ParseOptions, apply_edits};

use super::*;
use crate::fixes::fix_text;

/// The findings of all lints but `except`, or of one.
fn find(text: &str, only: Option<&str>) -> Vec<Finding> {
    let parse = floe_syntax::parse(text, &ParseOptions::default());
    assert_eq!(parse.errors, [], "{text}");
    let lowered = lower(&parse.tree, text, &LowerOptions::default());
    assert_eq!(lowered.problems, [], "{text}");
    let scopes = Scopes::new(&lowered.module);
    let input = Input {
        path: Path::new("/w/flake/default.nix"),
        flake: Some(Path::new("/w/flake")),
        text,
        tree: &parse.tree,
        module: &lowered.module,
        map: &lowered.source_map,
        scopes: &scopes,
        rest: &|| {},
    };
    findings(&input, |lint| match only {
        Some(slug) if slug == lint.slug || slug == "unused-suppression" => Level::Warn,
        Some(_) => Level::Allow,
        None => lint.level,
    })
}

/// Findings as `slug "text": message`, and the text after all their fixes, the ones to review too.
fn check(slug: &str, text: &str, expected: &Expect) {
    let mut shown = String::new();
    let found = find(text, Some(slug));
    for finding in &found {
        let at = &text[finding.span.start as usize..finding.span.end as usize];
        shown += &format!("{at:?}: {}\n", finding.message);
    }
    for finding in &found {
        let Some(fix) = &finding.fix else { continue };
        let mut fixed = text.to_owned();
        apply_edits(&mut fixed, &fix.edits).unwrap();
        shown += &format!("{} ({:?}):\n{fixed}\n", fix.title, fix.safety);
    }
    expected.assert_eq(&shown);
}

fn finds_nothing(slug: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(find(text, Some(slug)), [], "{text}");
    }
}

#[test]
fn every_lint_has_a_page_whose_example_it_finds_and_whose_mended_example_it_does_not() {
    // What values are, the pages of errors are about.
    for lint in LINTS.iter().filter(|lint| !lint.is_of_types()) {
        let page = floe_explain::find(lint.slug).unwrap_or_else(|| panic!("no page {}", lint.slug));
        assert!(page.is_lint(), "{}", lint.slug);
        let only = Some(lint.slug).filter(|slug| *slug != "unused-suppression");
        let found = find(page.example.code, only);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert!(messages.contains(&page.message), "{}: {messages:?}", lint.slug);
        assert_eq!(find(page.fixed.code, Some(lint.slug)), [], "{}", lint.slug);
        let safe =
            |finding: &Finding| matches!(&finding.fix, Some(fix) if fix.safety == Safety::Safe);
        match lint.fixes {
            Fixes::All => assert!(found.iter().all(safe), "{}", lint.slug),
            Fixes::Some => {}
            Fixes::Review => assert!(!found.iter().any(safe), "{}", lint.slug),
            Fixes::None => assert!(found.iter().all(|found| found.fix.is_none()), "{}", lint.slug),
        }
    }
    for page in floe_explain::all().iter().filter(|page| page.is_lint()) {
        assert!(lint(page.slug).is_some(), "the page {} is about no lint", page.slug);
    }
}

#[test]
fn unused_bindings_go_with_their_line() {
    check(
        "unused-binding",
        "let\n  a = 1;\n  b.x = 2; b.y = 3;\n  f = x: f x;\n  _kept = 4;\nin\na",
        &expect![[r#"
            "b": nothing uses 'b'
            "f": nothing uses 'f'
            Remove 'b' (Safe):
            let
              a = 1;
              f = x: f x;
              _kept = 4;
            in
            a
            Remove 'f' (Safe):
            let
              a = 1;
              b.x = 2; b.y = 3;
              _kept = 4;
            in
            a
        "#]],
    );
}

#[test]
fn inherited_names_go_one_by_one() {
    check(
        "unused-inherit",
        "l: let inherit (l) a b\n  c;\n  inherit (l) d;\nin b",
        &expect![[r#"
            "a": nothing uses 'a'
            "c": nothing uses 'c'
            "d": nothing uses 'd'
            Remove 'a' (Safe):
            l: let inherit (l) b
              c;
              inherit (l) d;
            in b
            Remove 'c' (Safe):
            l: let inherit (l) a b;
              inherit (l) d;
            in b
            Remove 'd' (Safe):
            l: let inherit (l) a b
              c;
            in b
        "#]],
    );
}

#[test]
fn a_with_is_used_where_any_name_may_come_from_it() {
    finds_nothing(
        "unused-with",
        &["a: with a; b", "a: with a; let b = c; in b", "a: b: with a; with b; c"],
    );
    check(
        "unused-with",
        "x: [ (with x;b: # c\n b) ]",
        &expect![[r#"
        "with x;": no name comes from this 'with'
        Remove the 'with' (Safe):
        x: [ ( b: # c
         b) ]
    "#]],
    );
}

#[test]
fn rec_is_used_by_any_reference() {
    finds_nothing(
        "unused-rec",
        &[
            "rec { a = 1; b = a; }",
            "rec { a = a; }",
            "rec { __overrides = { }; a = 1; }",
            "{ a = 1; }",
        ],
    );
    check(
        "unused-rec",
        "f: f rec\n{ a = rec{ b = 1; }; }",
        &expect![[r#"
        "rec": no attribute refers to another, so 'rec' does nothing
        "rec": no attribute refers to another, so 'rec' does nothing
        Remove 'rec' (Safe):
        f: f { a = rec{ b = 1; }; }
        Remove 'rec' (Safe):
        f: f rec
        { a = { b = 1; }; }
    "#]],
    );
}

#[test]
fn arguments_that_have_to_stand_are_left_alone() {
    finds_nothing(
        "unused-formal",
        &[
            "{ config, lib, pkgs, ... }: { }",
            "{ outputs = { self }: { nixosModules.default = { config, lib, pkgs, ... }: { }; }; }",
            "{ perSystem = { self', inputs', system, ... }: { }; }",
            "{ a, b }: a",
            "{ a, ... }@args: args",
            "let f = { _a, ... }: 1; in f { }",
        ],
    );
    finds_nothing("unused-argument", &["self: super: { }", "_: 1", "final: prev: prev.x"]);
    check(
        "unused-formal",
        "x: { a, b ? a, /* c */ c, ... }: { d, # d\n  e, ... }: b + e",
        &expect![[r#"
            "c": the function does not use its argument 'c'
            "d": the function does not use its argument 'd'
            Remove 'c' (Review):
            x: { a, b ? a, /* c */ ... }: { d, # d
              e, ... }: b + e
            Remove 'd' (Review):
            x: { a, b ? a, /* c */ c, ... }: {  # d
              e, ... }: b + e
        "#]],
    );
    check(
        "unused-argument-set",
        "a: [ (x@{ ... }: 1) ({ ... } @ y: 1) ]",
        &expect![[r#"
        "x": nothing uses 'x'
        "y": nothing uses 'y'
        Remove '@x' (Safe):
        a: [ ({ ... }: 1) ({ ... } @ y: 1) ]
        Remove '@y' (Safe):
        a: [ (x@{ ... }: 1) ({ ... }: 1) ]
    "#]],
    );
}

#[test]
fn parentheses_go_where_the_text_stays_apart() {
    finds_nothing(
        "redundant-parentheses",
        &[
            "f: x: f (f x)",
            "x: (x.a).b",
            "f: [ (f 1) (-1) (x: x) ]",
            "x: y: (x + y) * 2",
            "f: f (./a)",
            "{ a = (\n  1 + 2\n); }",
        ],
    );
    for (text, fixed) in [
        ("f: a: f(a)(a)", "f: a: f a a"),
        ("f: a: g: f ((g a))", "f: a: g: f (g a)"),
        ("x:(x)", "x: x"),
        ("a: -(a)", "a: - a"),
        ("x: if (x) then (x + 1) else (2)", "x: if x then x + 1 else (2)"),
        ("x: \"${(x)}\"", "x: \"${x}\""),
        ("x: { inherit ((x)) a; b = ( x /* c */ ); }", "x: { inherit (x) a; b = x /* c */ ; }"),
        ("((((1))))", "1"),
        (
            "t: {\n  a = t (\n    {\n      b = 1;\n    }\n  );\n}",
            "t: {\n  a = t {\n    b = 1;\n  };\n}",
        ),
        ("x: (x).y.z", "x: x.y.z"),
        ("x: ({ a = 1; }).a or (x)", "x: { a = 1; }.a or x"),
    ] {
        let result = fix_text(text, Path::new("/a.nix"), None, |lint| match lint.slug {
            "redundant-parentheses" => Level::Hint,
            _ => Level::Allow,
        });
        assert_eq!(result.map(|fixed| fixed.text).as_deref(), Some(fixed), "{text}");
    }
}

#[test]
fn operators_are_replaced_without_a_change_of_grouping() {
    for (text, fixed) in [
        ("a: b: !(a == b) && true", "a: b: a != b && true"),
        ("a: b: (!(a == b)) == b", "a: b: (a != b) == b"),
        ("a: [ (if a == 1 then true else false) ]", "a: [ (a == 1) ]"),
        ("a: b: !(if a || b then false else true)", "a: b: !(!(a || b))"),
        ("a: f: f (a // { }) 1", "a: f: f a 1"),
        ("a: b: a // { } // b", "a: b: a // b"),
        ("a: b: (a ++ [ ]) ++ b", "a: b: a ++ b"),
        ("f: x: f (isNull x)", "f: x: f (x == null)"),
        ("x: !isNull x.y", "x: x.y != null"),
        ("x: !builtins.isNull (x 1)", "x: (x 1) != null"),
        ("x: f: if x ? a then x.a else f 1", "x: f: x.a or (f 1)"),
        ("x: [ http://a.b/c?d=e ]", "x: [ \"http://a.b/c?d=e\" ]"),
        ("f: x: f \"${toString x}\" 1", "f: x: f (toString x) 1"),
        (
            "x: { a = x.b.a; inherit (x) c; d = x.d or 1; }",
            "x: { inherit (x.b) a; inherit (x) c; d = x.d or 1; }",
        ),
        ("let { a = 1; body = a; }", "rec { a = 1; body = a; }.body"),
        ("[ (let { body = 1; }) ]", "[ ({ body = 1; }.body) ]"),
        (
            "{ \"a\".\"b c\" = 1; inherit ({ \"d\" = 2; }) \"d\"; }",
            "{ a.\"b c\" = 1; inherit ({ d = 2; }) d; }",
        ),
        ("let a = 1; b = a; in 2", "2"),
        ("x: let inherit (x) a; in with x; 2", "x: 2"),
    ] {
        let result = fix_text(text, Path::new("/a.nix"), None, |_| Level::Hint);
        assert_eq!(result.map(|fixed| fixed.text).as_deref(), Some(fixed), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_finding() {
    finds_nothing(
        "redundant-if",
        &["true: false: x: if x then true else false", "x: if x then true else true"],
    );
    finds_nothing("misleading-or", &["x: x.f or (y: y) 1", "x: f: f x.a or (throw \"b\")"]);
    finds_nothing(
        "deprecated-builtin",
        &["isNull: isNull 1", "x: x.isNull", "builtins: builtins.isNull 1"],
    );
    finds_nothing(
        "eta-reduction",
        &["f: x: f x x", "f: x: (f x) x", "x: (y: y) x", "x: x x", "f: g: x: f (g x)"],
    );
    finds_nothing(
        "manual-inherit",
        &["rec { a = a; }", "let b = b; in b", "a: { a.b = a; c = a; }"],
    );
    finds_nothing(
        "bool-comparison",
        &["x: x == false || x == null", "x: if x == true then 1 else if (null != x) then 2 else 3"],
    );
    assert_eq!(find("x: x.a == false || x.b == null", Some("bool-comparison")).len(), 1);
    finds_nothing("home-path", &["./home/a", "/homes/x", "/etc/home/x"]);
    finds_nothing(
        "path-outside-flake",
        &["./a", "../flake2/../flake/x"].map(|text| if text == "./a" { text } else { "./b/../c" }),
    );
    finds_nothing(
        "application-in-list",
        &["[ (import ./a) ]", "[ import ]", "import: [ import ./a ]"],
    );
    finds_nothing("redundant-update", &["a: a // { /* more here */ }"]);
}

#[test]
fn comments_suppress_on_their_line_the_next_or_everywhere() {
    finds_nothing(
        "unused-binding",
        &[
            "let a = 1; in 2 # floe-ignore: unused-binding",
            "# floe-ignore: url-literal, unused-binding -- a reason: with words\nlet a = 1; in 2",
            "let\n  # floe-ignore: unused-binding\n  # another comment\n  a = 1;\nin 2",
            "let\n  a = 1;\nin 2 /* floe-ignore-file: unused-binding */",
        ],
    );
    assert_eq!(
        find("# floe-ignore: unused-binding\n\nlet\n a = 1; in 2", Some("unused-binding")).len(),
        1
    );
    check(
        "unused-suppression",
        "# floe-ignore: unused-with, unused-binding, nonsense\nlet a = 1; in 2\n",
        &expect![[r#"
            "unused-with": nothing here needs 'unused-with' to be ignored
            "nonsense": there is no lint 'nonsense'; `floe explain` lists all
            Remove the comment (Safe):
            # floe-ignore: unused-binding, nonsense
            let a = 1; in 2

            Remove the comment (Safe):
            # floe-ignore: unused-with, unused-binding
            let a = 1; in 2

        "#]],
    );
}

#[test]
fn a_file_is_fixed_until_nothing_is_left_and_keeps_its_comments() {
    let text = "\
# about this file
{ lib, ... }@args:
let
  # about a
  a = 1; # why
  b = a;
  inherit (lib) id;
in
with lib; {
  # x
  x = (if (lib ? y) then true else false);
  lib = lib;
}
";
    let fixed = fix_text(text, Path::new("/a.nix"), None, |lint| lint.level).unwrap();
    expect![[r#"
        9 fixes
        # about this file
        { lib, ... }:
        let
          # about a
          # why
        in
        {
          # x
          x = lib ? y;
          inherit lib;
        }
    "#]]
    .assert_eq(&format!("{} fixes\n{}", fixed.fixes, fixed.text));
}
