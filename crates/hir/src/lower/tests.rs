use expect_test::{Expect, expect};
use floe_syntax::{ParseOptions, parse};

use super::{LowerOptions, lower};
use crate::{Feature, Lowered, Name, dump};

fn lowered(text: &str, options: &LowerOptions<'_>) -> Lowered {
    let parse = parse(text, &ParseOptions { pipe_operators: true });
    assert!(parse.errors.is_empty(), "{text}: {:?}", parse.errors);
    let lowered = lower(&parse.tree, text, options);
    assert_consistent(&lowered);
    lowered
}

fn assert_consistent(Lowered { module, source_map, .. }: &Lowered) {
    assert_eq!(source_map.exprs.len(), module.exprs.len());
    assert_eq!(source_map.bindings.len(), module.bindings as usize);
    assert_eq!(source_map.names.len(), module.bindings as usize);
    assert_eq!(source_map.keys.len(), module.keys.len());
    assert!(source_map.operators.is_sorted_by(|a, b| a.0 < b.0));
    assert!(source_map.wrapped.is_sorted_by(|a, b| a.0 < b.0));
    assert!(source_map.merged.is_sorted_by(|a, b| a.0 <= b.0));
    for (index, _) in module.exprs.iter().enumerate() {
        let id = crate::ExprId(index as u32);
        module.for_each_child(id, |child| assert!(child < id, "{child:?} is behind {id:?}"));
    }
}

fn check(text: &str, expected: &Expect) {
    let lowered = lowered(text, &LowerOptions::default());
    assert_eq!(lowered.problems, []);
    expected.assert_eq(&dump(&lowered.module));
}

fn check_problems(text: &str, expected: &Expect) {
    let lowered = lowered(text, &LowerOptions::default());
    let mut found = String::new();
    for problem in &lowered.problems {
        let message = problem.kind.message(|offset| format!("«string»:{offset}"));
        found += &format!("{}: {message}\n", problem.span.start);
    }
    expected.assert_eq(&found);
}

#[test]
fn literals() {
    check(
        r#"[ 1 1.5 .5 "a" "" http://a.b/c ./a /b a/b ~/c __curPos null ]"#,
        &expect![[r#"
            (list 1 1.5 0.5 "a" "" "http://a.b/c" (path "./a") (path "/b") (path "a/b") (path "~/c") __curPos global:null)
        "#]],
    );
}

#[test]
fn strings() {
    check(
        r#"x: [ "a\n\${" "${x}" "a${x}b" "${"c"}" ''a'' ''${"a"}'' '' ${x}'' ''
              one
                ''${two}
            '' ]"#,
        &expect![[r#"
            (fn x (list "a\n${" (string x^0) (string "a" x^0 "b") (string "c") "a" "a" (string x^0) "one\n  ${two}\n"))
        "#]],
    );
}

#[test]
fn paths() {
    check(
        r"x: [ ./a${x} ./${x}/b${x}c <nixpkgs/lib> ]",
        &expect![[r#"
        (fn x (list (path (path "./a") x^0) (path (path "./") x^0 "/b" x^0 "c") (search-path "nixpkgs/lib" global:__findFile global:__nixPath)))
    "#]],
    );
}

#[test]
fn variables_find_their_slots() {
    check(
        "a: b: [ a b (c: a) ]",
        &expect![[r#"
        (fn a (fn b (list a^1 b^0 (fn c a^2))))
    "#]],
    );
    check(
        "a: a: a",
        &expect![[r#"
        (fn a (fn a a^0))
    "#]],
    );
    check(
        "let b = a; a = b; in [ a b ]",
        &expect![[r#"
        (let
          a = b^0
          b = a^0
        in (list a^0 b^0))
    "#]],
    );
    check(
        "{ z = 1; a = z: z; }",
        &expect![[r#"
        (set
          a = (fn[a] z z^0)
          z = 1)
    "#]],
    );
    check(
        "rec { z = 1; a = z; b = { z = 2; c = z; }; }",
        &expect![[r#"
        (rec
          a = z^0
          b = (set
            c = z^0
            z = 2)
          z = 1)
    "#]],
    );
    check(
        "let map = 1; in map",
        &expect![[r#"
        (let
          map = 1
        in map^0)
    "#]],
    );
}

#[test]
fn patterns_sort_their_formals_and_put_the_argument_last() {
    check(
        "{ zz, aa ? zz, ... }@args: [ args zz aa ]",
        &expect![[r#"
        (fn { aa ? zz^0 zz ... }@args (list args^0 zz^0 aa^0))
    "#]],
    );
    check(
        "args@{ }: args",
        &expect![[r#"
        (fn { }@args args^0)
    "#]],
    );
    check(
        "{ a ? a, b ? args }@args: a",
        &expect![[r#"
        (fn { a ? a^0 b ? args^0 }@args a^0)
    "#]],
    );
}

#[test]
fn globals_hide_the_sets_of_with() {
    check(
        "with { map = 1; foo = 2; }; [ map foo builtins ]",
        &expect![[r#"
        (with (set
          foo = 2
          map = 1) (list global:map with^0:foo global:builtins))
    "#]],
    );
    check(
        "a: with a; b: with b; [ a b c (d: c) ]",
        &expect![[r#"
        (fn a (with a^0 (fn b (with b^0 outer ^2 (list a^3 b^1 with^0:c (fn d with^1:c))))))
    "#]],
    );
    check(
        "a: with a; let b = 1; in with b; rec { x = c; }",
        &expect![[r#"
        (fn a (with a^0 (let
          b = 1
        in (with b^0 outer ^2 (rec
          x = with^1:c)))))
    "#]],
    );
}

#[test]
fn inherited_variables_come_from_outside() {
    check(
        "x: rec { inherit x; y = x; }",
        &expect![[r#"
        (fn x (rec
          x = x^0
          y = x^0))
    "#]],
    );
    check(
        "x: let inherit x; in x",
        &expect![[r#"
        (fn x (let
          x = x^0
        in x^0))
    "#]],
    );
    check(
        "x: { inherit x; y = x; }",
        &expect![[r#"
        (fn x (set
          x = x^0
          y = x^0))
    "#]],
    );
    check(
        "with {}; rec { inherit x; y = x; }",
        &expect![[r#"
        (with (set) (rec
          x = with^0:x
          y = x^0))
    "#]],
    );
    check(
        r#"{ inherit map "null" ${"true"}; }"#,
        &expect![[r#"
        (set
          map = global:map
          null = global:null
          true = global:true)
    "#]],
    );
}

#[test]
fn inherited_attributes_come_from_sets_inside() {
    check(
        "x: rec { inherit (x) a b; inherit (y) c; y = a; }",
        &expect![[r#"
        (fn x (rec
          from#0 x^1
          from#1 y^0
          a = (select from#0.a)
          b = (select from#0.b)
          c = (select from#1.c)
          y = a^0))
    "#]],
    );
    check(
        "x: { inherit (x) a; inherit ({ inherit (x) d; }) or; }",
        &expect![[r#"
        (fn x (set
          from#0 x^0
          from#1 (set
            from#0 x^0
            d = (select from#0.d))
          a = (select from#0.a)
          or = (select from#1.or)))
    "#]],
    );
}

#[test]
fn nested_paths_merge() {
    check(
        "{ a.b.c = 1; a.d = 2; a = { e = 3; b.f = 4; }; }",
        &expect![[r#"
        (set
          a = (set
            b = (set
              c = 1
              f = 4)
            d = 2
            e = 3))
    "#]],
    );
    check(
        "{ a = { x = 1; }; a.y = 2; b.c = 3; }",
        &expect![[r#"
        (set
          a = (set
            x = 1
            y = 2)
          b = (set
            c = 3))
    "#]],
    );
    check(
        "{ a = ({ x = 1; }); a = (({ y = 2; })); }",
        &expect![[r#"
        (set
          a = (set
            x = 1
            y = 2))
    "#]],
    );
    check(
        "let a.b = 1; a.c = a; in a",
        &expect![[r#"
        (let
          a = (set
            b = 1
            c = a^0)
        in a^0)
    "#]],
    );
    check(
        r#"{ a."b c" = 1; ${"a"}.${"d"} = 2; }"#,
        &expect![[r#"
        (set
          a = (set
            b c = 1
            d = 2))
    "#]],
    );
}

#[test]
fn the_first_definition_decides_whether_a_merged_set_is_recursive() {
    check(
        "x: { a = rec { y = x; }; a = { x = 1; }; }",
        &expect![[r#"
        (fn x (set
          a = (rec
            x = 1
            y = x^0)))
    "#]],
    );
    check(
        "x: { a = { y = x; }; a = rec { x = 1; z = x; }; }",
        &expect![[r#"
        (fn x (set
          a = (set
            x = 1
            y = x^0
            z = x^0)))
    "#]],
    );
    check(
        "x: { a.y = x; a = rec { x = 1; z = x; }; }",
        &expect![[r#"
        (fn x (set
          a = (set
            x = 1
            y = x^0
            z = x^0)))
    "#]],
    );
    check(
        "y: { a = rec { b = 1; inherit y; }; a.y2 = y; a.c = b: b; }",
        &expect![[r#"
        (fn y (set
          a = (rec
            b = 1
            c = (fn[c] b b^0)
            y = y^0
            y2 = y^0)))
    "#]],
    );
}

#[test]
fn merged_inherits_keep_their_sets() {
    check(
        "x: y: { a = { inherit (x) p; }; a = { inherit (y) q r; inherit x; }; }",
        &expect![[r#"
        (fn x (fn y (set
          a = (set
            from#0 x^1
            from#1 y^0
            p = (select from#0.p)
            q = (select from#1.q)
            r = (select from#1.r)
            x = x^1))))
    "#]],
    );
}

#[test]
fn computed_names() {
    check(
        r#"x: { ${x} = 1; "${x}" = 2; a.${x}.b = 3; ${x}.c = x: x; }"#,
        &expect![[r#"
        (fn x (set
          a = (set
            ${x^0} = (set
              b = 3))
          ${x^0} = 1
          ${(string x^0)} = 2
          ${x^0} = (set
            c = (fn[c] x x^0))))
    "#]],
    );
    check(
        r#"rec { a = 1; ${b} = a; b = "c"; }"#,
        &expect![[r#"
        (rec
          a = 1
          b = "c"
          ${b^0} = a^0)
    "#]],
    );
    check(
        "let a.${b} = 1; b = 2; in a",
        &expect![[r#"
        (let
          a = (set
            ${b^0} = 1)
          b = 2
        in a^0)
    "#]],
    );
}

#[test]
fn selecting() {
    check(
        r#"x: [ x.a.b x.a or 1 (x.${x.y} or x."z ${x}") (x ? a."b".${x}) x.or ]"#,
        &expect![[r#"
        (fn x (list (select x^0.a.b) (select x^0.a or 1) (select x^0.${(select x^0.y)} or (select x^0.${(string "z " x^0)})) (has x^0.a.b.${x^0}) (select x^0.or)))
    "#]],
    );
}

#[test]
fn calls_take_all_their_arguments_together() {
    check(
        "f: [ (f 1 2 3) ((f 1) 2) (f (f 1)) ((x: x) 1) ]",
        &expect![[r#"
        (fn f (list (call f^0 1 2 3) (call f^0 1 2) (call f^0 (call f^0 1)) (call (fn x x^0) 1)))
    "#]],
    );
    check(
        "f: [ (1 |> f) (f <| 1) (1 |> f 2 |> f) (f <| f <| 1) ]",
        &expect![[r#"
        (fn f (list (call f^0 1) (call f^0 1) (call f^0 (call f^0 2 1)) (call f^0 (call f^0 1))))
    "#]],
    );
    check(
        "let or = 1; in [ (map or 1) ((map or) 1) ((<x>) 1) ]",
        &expect![[r#"
        (let
          or = 1
        in (list (call global:map or^0 1) (call global:map or^0 1) (call (search-path "x" global:__findFile global:__nixPath) 1)))
    "#]],
    );
}

#[test]
fn calls_are_where_their_innermost_call_is() {
    let text = "f: a: [ (f 1 2) ((f 1) 2) (1 |> f) ((1 - 2) 3) (a + (f)) ]";
    let Lowered { module, source_map, .. } = lowered(text, &LowerOptions::default());
    let mut found = String::new();
    for id in (0..module.exprs.len() as u32).map(crate::ExprId) {
        let (at, wrapped) = (source_map.position(id), source_map.wrapped(id));
        let span = source_map.exprs[id.0 as usize];
        if at != span.start || wrapped != span {
            let text = |span: crate::Span| &text[span.start as usize..span.end as usize];
            found += &format!("{} at {at} in {}\n", text(span), text(wrapped));
        }
    }
    expect![[r#"
        f 1 2 at 9 in (f 1 2)
        (f 1) 2 at 18 in ((f 1) 2)
        1 |> f at 29 in (1 |> f)
        1 - 2 at 39 in (1 - 2)
        (1 - 2) 3 at 39 in ((1 - 2) 3)
        f at 53 in (f)
        a + (f) at 50 in (a + (f))
    "#]]
    .assert_eq(&found);
}

#[test]
fn operators() {
    check(
        "a: b: [ (a == b) (a < b) (a >= b) (!a) (-a) (a -> b) (a + b) (a - b) (a // b) (a ++ b) ]",
        &expect![[r#"
            (fn a (fn b (list (Equal a^1 b^0) (Less a^1 b^0) (GreaterOrEqual a^1 b^0) (Not a^1) (Negate a^1) (Implies a^1 b^0) (Add a^1 b^0) (Subtract a^1 b^0) (Update a^1 b^0) (Concat a^1 b^0))))
        "#]],
    );
}

#[test]
fn operators_that_a_program_redefines_are_calls() {
    check(
        "__sub: [ (1 - 2) (-1) (1 * 2) ]",
        &expect![[r#"
        (fn __sub (list (call __sub^0 1 2) (call __sub^0 0 1) (Multiply 1 2)))
    "#]],
    );
    check(
        "let __lessThan = 1; in [ (1 < 2) (1 <= 2) (1 > 2) (1 >= 2) ]",
        &expect![[r#"
        (let
          __lessThan = 1
        in (list (call __lessThan^0 1 2) (Not (call __lessThan^0 2 1)) (call __lessThan^0 2 1) (Not (call __lessThan^0 1 2))))
    "#]],
    );
    check(
        "with { __sub = 1; }; 1 - 2",
        &expect![[r#"
        (with (set
          __sub = 1) (Subtract 1 2))
    "#]],
    );
}

#[test]
fn control_flow() {
    check(
        "a: if a then assert a; 1 else let b = a; in b",
        &expect![[r#"
        (fn a (if a^0 (assert a^0 1) (let
          b = a^1
        in b^0)))
    "#]],
    );
    check(
        "let { body = a; a = 1; }",
        &expect![[r#"
        (select (rec
          a = 1
          body = a^0).body)
    "#]],
    );
}

#[test]
fn functions_are_called_like_the_attribute() {
    check(
        "{ f = x: { y }: z: let g = (w: w); in g; h.i = x: x; j = [ (x: x) ]; }",
        &expect![[r#"
        (set
          f = (fn[f] x (fn[f] { y } (fn[f] z (let
            g = (fn[g] w w^0)
          in g^0))))
          h = (set
            i = (fn[i] x x^0))
          j = (list (fn x x^0)))
    "#]],
    );
}

#[test]
fn scoped_import_is_the_outermost_environment() {
    let names = [Name::new("map"), Name::new("zork")];
    let options = LowerOptions { scoped_names: Some(&names), ..LowerOptions::default() };
    let lowered = lowered("x: [ map zork x ]", &options);
    assert_eq!(lowered.problems, []);
    expect![[r#"
        (fn x (list ?^1 ?^1 x^0))
    "#]]
    .assert_eq(&dump(&lowered.module));
}

#[test]
fn some_globals_exist_only_when_asked_for() {
    let text = "[ __currentTime __outputOf ]";
    let problems = |options| {
        let lowered = lowered(text, &options);
        lowered.problems.iter().map(|problem| problem.kind.to_string()).collect::<Vec<_>>()
    };
    let options = LowerOptions::default();
    assert_eq!(problems(options), ["undefined variable '__outputOf'"]);
    let options = LowerOptions { pure: true, ..options };
    let undefined = ["undefined variable '__currentTime'", "undefined variable '__outputOf'"];
    assert_eq!(problems(options), undefined);
    let options =
        LowerOptions { features: &[Feature::DynamicDerivations], ..LowerOptions::default() };
    assert_eq!(problems(options), [""; 0]);
}

#[test]
fn duplicate_attributes() {
    check_problems(
        "{ a = 1; a = 2; }",
        &expect![[r#"
        9: attribute 'a' already defined at «string»:2
    "#]],
    );
    check_problems(
        r#"{ a.b.c = 1; a.b.c = 2; a.b = 3; "x y" = 1; "x y" = 2; }"#,
        &expect![[r#"
        13: attribute 'a.b.c' already defined at «string»:2
        24: attribute 'a.b' already defined at «string»:2
        44: attribute '"x y"' already defined at «string»:33
    "#]],
    );
    check_problems(
        "{ a = 1; a.b = 2; }",
        &expect![[r#"
        9: attribute 'a' already defined at «string»:2
    "#]],
    );
    check_problems(
        "x: { inherit x; x = 1; inherit (x) x; y.x = 1; }",
        &expect![[r#"
        16: attribute 'x' already defined at «string»:13
        35: attribute 'x' already defined at «string»:13
    "#]],
    );
    check_problems(
        "x: { inherit (x) y y; }",
        &expect![[r#"
        19: attribute 'y' already defined at «string»:17
    "#]],
    );
    check_problems(
        "{ p.a = { x.y = 1; }; p.a = { x.y = 2; }; }",
        &expect![[r#"
        30: attribute 'p.a.x.y' already defined at «string»:10
    "#]],
    );
    check_problems(
        "x: { a = { inherit x; }; a = { inherit (x) x; }; }",
        &expect![[r#"
        43: attribute 'a.x' already defined at «string»:19
    "#]],
    );
    check_problems(
        "let a = { b = 1; b = 2; }; a = 1; in a",
        &expect![[r#"
        17: attribute 'b' already defined at «string»:10
        27: attribute 'a' already defined at «string»:4
    "#]],
    );
    check_problems(
        "{ a = rec { }; a = let { }; }",
        &expect![[r#"
        15: attribute 'a' already defined at «string»:2
    "#]],
    );
}

#[test]
fn duplicate_arguments() {
    check_problems(
        "{ b, a, b, a }: 1",
        &expect![[r#"
        11: duplicate formal function argument 'a'
        8: duplicate formal function argument 'b'
    "#]],
    );
    check_problems(
        " { a }@a: 1",
        &expect![[r#"
        1: duplicate formal function argument 'a'
    "#]],
    );
}

#[test]
fn names_that_are_bound_nowhere() {
    check_problems(
        "let a = b; in { inherit c; d = rec { inherit e; }; }",
        &expect![[r#"
        8: undefined variable 'b'
        24: undefined variable 'c'
        45: undefined variable 'e'
    "#]],
    );
    check_problems(
        "x: x.y y",
        &expect![[r#"
        7: undefined variable 'y'
    "#]],
    );
    check_problems(
        "{ a = 1; b = a; }",
        &expect![[r#"
        13: undefined variable 'a'
    "#]],
    );
}

#[test]
fn undefined_variables_come_in_the_order_of_cpp_nix() {
    for (text, expected) in [
        ("[ u1 u2 ]", "u1"),
        ("{ z = u1; name = u2; }", "u2"),
        ("{ z = u1; map = u2; }", "u2"),
        ("u1 > u2", "u2"),
        ("u1 <= u2", "u2"),
        ("u1 < u2", "u1"),
        ("a: (a.${u1} or u2)", "u2"),
        ("{ c = b: u1; b = u2; }", "u1"),
        ("{ c = b; a = u1; b = u2; }", "b"),
        ("a: { c = a; d = u1; e = d: a; b = u2; inherit (u3) f; }", "u3"),
        ("{ d = e; f = u1; e = u2; }", "e"),
        ("x: { d = { f = { }; }; e = u1; f = u2; }", "u2"),
        ("{ zz = u1; args = u2; }", "u2"),
        ("u1 |> u2", "u2"),
        ("{ b, a ? u1, c ? u2 }: u3", "u1"),
        ("x: (y: { ${u1} = 1; a = u2; inherit u3; })", "u2"),
    ] {
        let problems = lowered(text, &LowerOptions::default()).problems;
        assert_eq!(
            problems[0].kind.to_string(),
            format!("undefined variable '{expected}'"),
            "{text}"
        );
    }
}

#[test]
fn computed_names_where_they_are_not_allowed() {
    check_problems(
        "x: let ${x} = 1; in 1",
        &expect![[r#"
        3: dynamic attributes not allowed in let
    "#]],
    );
    check_problems(
        r#"x: { inherit ${x} "${x}"; }"#,
        &expect![[r#"
        13: dynamic attributes not allowed in inherit
        18: dynamic attributes not allowed in inherit
    "#]],
    );
}

#[test]
fn problems_come_in_the_order_in_which_they_are_noticed() {
    check_problems(
        "[ undefined ({ a }: { b = 1; b = 2; }) ({ c, c }: 1) ]",
        &expect![[r#"
        29: attribute 'b' already defined at «string»:22
        45: duplicate formal function argument 'c'
        2: undefined variable 'undefined'
    "#]],
    );
    check_problems(
        "{ a, a }: { b = 1; b = 2; }",
        &expect![[r#"
        19: attribute 'b' already defined at «string»:12
        5: duplicate formal function argument 'a'
    "#]],
    );
}

#[test]
fn any_beginning_of_a_program_lowers() {
    let text = r#"{ a ? 1, b, ... }@c: let d.e = a; inherit (b) f "g"; ${c} = 1; in with rec { x = ''
      ${d}''; }; assert x ? a.b or 1 < 2; if a then -a |> b else [ ./a/${b} <c> 1.5 ] ++ !(b or)"#;
    for end in 0..=text.len() {
        for start in [0, text.len() / 3, text.len() / 2] {
            let Some(part) = text.get(start..end) else { continue };
            let parse = parse(part, &ParseOptions::default());
            let lowered = lower(&parse.tree, part, &LowerOptions::default());
            assert_consistent(&lowered);
            dump(&lowered.module);
            crate::Scopes::new(&lowered.module);
        }
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let text = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(lowered(&text, &LowerOptions::default()).module.exprs.len(), 100_001);
    for attr in ["a", "${x}"] {
        let text = format!("x: {{ {} = 1; }}", vec![attr; 20_000].join("."));
        assert_eq!(lowered(&text, &LowerOptions::default()).module.attrs.len(), 20_000);
    }
}
