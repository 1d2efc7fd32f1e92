use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: &Expect) {
    let lexed = lex(text);
    let mut lines = String::new();
    for token in &lexed.tokens {
        let text = &text[token.start as usize..token.end as usize];
        lines.push_str(&format!("{:?} {text:?}\n", token.kind));
    }
    for error in &lexed.errors {
        lines.push_str(&format!("{}..{}: {error}\n", error.start, error.end));
    }
    expected.assert_eq(&lines);
}

#[test]
fn words() {
    check(
        "foo-bar' or inherited _x __curPos iff",
        &expect![[r#"
        Ident "foo-bar'"
        OrKw "or"
        Ident "inherited"
        Ident "_x"
        Ident "__curPos"
        Ident "iff"
    "#]],
    );
}

#[test]
fn uris_need_no_quotes() {
    check(
        "http://example.org/?a='b' x:y x: y a_b:c git+ssh://h a.b:c x:[",
        &expect![[r#"
        Uri "http://example.org/?a='b'"
        Uri "x:y"
        Ident "x"
        Colon ":"
        Ident "y"
        Ident "a_b"
        Colon ":"
        Ident "c"
        Uri "git+ssh://h"
        Uri "a.b:c"
        Ident "x"
        Colon ":"
        LBracket "["
    "#]],
    );
}

#[test]
fn numbers() {
    check(
        "12 1.5e-3 1. .5 0.5 05.5 0. 1e5 1.2.3 1.e",
        &expect![[r#"
        Int "12"
        Float "1.5e-3"
        Float "1."
        Float ".5"
        Float "0.5"
        Int "05"
        Float ".5"
        Int "0"
        Dot "."
        Int "1"
        Ident "e5"
        Float "1.2"
        Float ".3"
        Float "1."
        Ident "e"
    "#]],
    );
    check(
        "9223372036854775807 9223372036854775808 1.0e999 1.0e-400 0.0e-999",
        &expect![[r#"
        Int "9223372036854775807"
        Int "9223372036854775808"
        Float "1.0e999"
        Float "1.0e-400"
        Float "0.0e-999"
        20..39: invalid integer '9223372036854775808'
        40..47: invalid float '1.0e999'
        48..56: invalid float '1.0e-400'
    "#]],
    );
}

#[test]
fn paths() {
    check(
        "./a a/b /c ../d/e.nix ~/f 1/2 a.b/c if/x -/x ++/x",
        &expect![[r#"
        PathFragment "./a"
        PathFragment "a/b"
        PathFragment "/c"
        PathFragment "../d/e.nix"
        PathFragment "~/f"
        PathFragment "1/2"
        PathFragment "a.b/c"
        PathFragment "if/x"
        PathFragment "-/x"
        PathFragment "++/x"
    "#]],
    );
    check(
        "a / b a// b a//b ~ ./. ../",
        &expect![[r#"
        Ident "a"
        Slash "/"
        Ident "b"
        Ident "a"
        SlashSlash "//"
        Ident "b"
        Ident "a"
        SlashSlash "//"
        Ident "b"
        Unknown "~"
        PathFragment "./."
        Dot "."
        Dot "."
        Slash "/"
    "#]],
    );
    check(
        "<nixpkgs/lib> <a <= <| a<b>",
        &expect![[r#"
        SearchPath "<nixpkgs/lib>"
        Less "<"
        Ident "a"
        LessEq "<="
        PipeLeft "<|"
        Ident "a"
        SearchPath "<b>"
    "#]],
    );
}

#[test]
fn paths_with_interpolations() {
    check(
        "./a/${b}c/${d} a/${b} ~/${x} ./a${b}.nix e ${f}",
        &expect![[r#"
        PathFragment "./a/"
        DollarBrace "${"
        Ident "b"
        RBrace "}"
        PathFragment "c/"
        DollarBrace "${"
        Ident "d"
        RBrace "}"
        PathFragment "a/"
        DollarBrace "${"
        Ident "b"
        RBrace "}"
        PathFragment "~/"
        DollarBrace "${"
        Ident "x"
        RBrace "}"
        PathFragment "./a"
        DollarBrace "${"
        Ident "b"
        RBrace "}"
        PathFragment ".nix"
        Ident "e"
        DollarBrace "${"
        Ident "f"
        RBrace "}"
    "#]],
    );
    check(
        "./a//b ./a/ ./a/${b}/",
        &expect![[r#"
        PathFragment "./a/"
        PathFragment "/b"
        PathFragment "./a/"
        PathFragment "./a/"
        DollarBrace "${"
        Ident "b"
        RBrace "}"
        PathFragment "/"
        7..11: path has a trailing slash
        20..21: path has a trailing slash
    "#]],
    );
}

#[test]
fn strings() {
    check(
        r#""a${b "c${d}"}e\"\${f}$${g}$" $"#,
        &expect![[r#"
        StringQuote "\""
        StringFragment "a"
        DollarBrace "${"
        Ident "b"
        StringQuote "\""
        StringFragment "c"
        DollarBrace "${"
        Ident "d"
        RBrace "}"
        StringQuote "\""
        RBrace "}"
        StringFragment "e\\\"\\${f}$${g}$"
        StringQuote "\""
        Unknown "$"
    "#]],
    );
    check(
        r#""ends with a backslash\"#,
        &expect![[r#"
        StringQuote "\""
        StringFragment "ends with a backslash\\"
    "#]],
    );
    check(
        r#""\é$é${"#,
        &expect![[r#"
        StringQuote "\""
        StringFragment "\\é$é"
        DollarBrace "${"
    "#]],
    );
}

#[test]
fn indented_strings() {
    check(
        "''a''${b}'''c''\\${d}$${e}'${f}$'''g''",
        &expect![[r#"
        IndentedQuote "''"
        StringFragment "a''${b}'''c''\\${d}$${e}'"
        DollarBrace "${"
        Ident "f"
        RBrace "}"
        StringFragment "$'''g"
        IndentedQuote "''"
    "#]],
    );
    check(
        "'' ''\\",
        &expect![[r#"
        IndentedQuote "''"
        StringFragment " "
        IndentedQuote "''"
        Unknown "\\"
    "#]],
    );
}

#[test]
fn comments() {
    check(
        "a # b\r c /* d **/ e /**/ f /* g",
        &expect![[r#"
        Ident "a"
        Ident "c"
        Ident "e"
        Ident "f"
        Slash "/"
        Star "*"
        Ident "g"
    "#]],
    );
}

#[test]
fn what_starts_no_token() {
    check(
        "é' & | $ ^ \0 \u{b}",
        &expect![[r#"
        Unknown "é"
        Unknown "'"
        Unknown "&"
        Unknown "|"
        Unknown "$"
        Unknown "^"
        Unknown "\0"
        Unknown "\u{b}"
    "#]],
    );
    check(
        "\"a\0b\"",
        &expect![[r#"
        StringQuote "\""
        StringFragment "a\0b"
        StringQuote "\""
        1..4: input string 'a␀b' cannot be represented as Nix string because it contains null bytes
    "#]],
    );
}

#[test]
fn braces_return_to_the_string() {
    check(
        "\"${ { a = 1; } }\" } \"b\"",
        &expect![[r#"
        StringQuote "\""
        DollarBrace "${"
        LBrace "{"
        Ident "a"
        Assign "="
        Int "1"
        Semicolon ";"
        RBrace "}"
        RBrace "}"
        StringQuote "\""
        RBrace "}"
        StringQuote "\""
        StringFragment "b"
        StringQuote "\""
    "#]],
    );
}
