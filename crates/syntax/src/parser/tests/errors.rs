//! The first message of each is the reference's, at its place.

use expect_test::expect;

use crate::{ParseOptions, parse};

#[test]
fn messages() {
    let texts = [
        "{ a = 1 }",
        "{ a = ; }",
        "1 < 2 < 3",
        "[ 1 2",
        "x: ",
        "{ a, b",
        "a or or",
        "(1",
        "\"abc",
        "{ a.b }",
        "let x = 1; x",
        "if a then b",
        "{ x.; }",
        "1 +",
        "a $ b",
        "foo.",
        "''abc",
        "./a/",
        "{ inherit }",
        "with a",
        "1 2 }",
        "",
        "with a; { b = }",
        "let in",
        "rec { 1 }",
        "rec 1",
        "rec { a = 1; 1 }",
        "{ a = 1; 1 }",
        "{ 1 }",
        "{ a }",
        "{ a",
        "{ a b }",
        "{ a ... }: a",
        "{ or b }",
        "{ a, b c }",
        "{ a, ..., b }: 1",
        "{ ... a }: 1",
        "{ a, 1 }: 1",
        "{ a }@: 1",
        "{ a }@b 1",
        "{ a }: ",
        "{ } @ 1",
        "a@b: 1",
        "a@{ b } 1",
        "let a = 1; 5",
        "let 5",
        "let a = 1; inherit b; 5",
        "let { a = 1;",
        "f let x",
        "1 + if",
        "1 + x: x",
        "{ \"a\" }",
        "{ ${a} }",
        "{ a.1 }",
        "{ inherit (a }",
        "{ inherit (a) 1; }",
        "{ inherit 1; }",
        "a ? 1",
        "a ? b 1 }",
        "a.b or",
        "a.b or -1",
        "if a",
        "if a then b else",
        "assert a",
        "\"a${b",
        "\"a${b}c",
        "\"a${",
        "''a${b}c",
        "./a//b",
        "./a//b//c",
        "~/a//b",
        "./a/ 1",
        "[ a; ]",
        "[ a.b, ]",
        "[ 1 + 2 ]",
        "[ x: x ]",
        "( a ; )",
        "a == b == c",
        "a ? b.c.",
        "!",
        "1 2 ~/a )",
        "[ ''a'' ) ]",
        "99999999999999999999",
        "1.0e999",
        "1.0e-400",
        "é",
        "/* abc",
        "1 /* abc",
        "{ a = 1; /* abc }",
        "a $b",
        "{ x = 1; } y: z",
        "x: y @",
        "{ a = b c = d; }",
        "{ a = b. c = d; }",
        "{ a = [ b c = d; }",
        "{ inherit a b = 1; }",
        "( a b = 1 )",
        "{ a = b = c; }",
        "{ a = b; c.d. }",
        "{ a = { b }; }",
        "f { a, b }",
    ];
    let mut result = String::new();
    for text in texts {
        let parse = parse(text, &ParseOptions::default());
        let error = parse.errors.first().expect("none of these is valid");
        result.push_str(&format!("{text:40} {}: {error}\n", error.start));
    }
    expect![[r#"
        { a = 1 }                                8: syntax error, unexpected '}', expecting ';'
        { a = ; }                                6: syntax error, unexpected ';'
        1 < 2 < 3                                6: syntax error, unexpected '<'
        [ 1 2                                    5: syntax error, unexpected end of file
        x:                                       3: syntax error, unexpected end of file
        { a, b                                   6: syntax error, unexpected end of file, expecting '}' or ','
        a or or                                  5: syntax error, unexpected 'or', expecting end of file
        (1                                       2: syntax error, unexpected end of file, expecting ')'
        "abc                                     4: syntax error, unexpected end of file, expecting '"'
        { a.b }                                  6: syntax error, unexpected '}', expecting '.' or '='
        let x = 1; x                             12: syntax error, unexpected end of file, expecting '.' or '='
        if a then b                              11: syntax error, unexpected end of file, expecting 'else'
        { x.; }                                  4: syntax error, unexpected ';', expecting identifier or 'or' or '${' or '"'
        1 +                                      3: syntax error, unexpected end of file
        a $ b                                    2: syntax error, unexpected invalid token, expecting end of file
        foo.                                     4: syntax error, unexpected end of file, expecting identifier or 'or' or '${' or '"'
        ''abc                                    5: syntax error, unexpected end of file, expecting indented string or '${' or end of an indented string
        ./a/                                     0: path has a trailing slash
        { inherit }                              10: syntax error, unexpected '}'
        with a                                   6: syntax error, unexpected end of file, expecting ';'
        1 2 }                                    4: syntax error, unexpected '}', expecting end of file
                                                 0: syntax error, unexpected end of file
        with a; { b = }                          14: syntax error, unexpected '}'
        let in                                   6: syntax error, unexpected end of file
        rec { 1 }                                6: syntax error, unexpected integer, expecting 'inherit' or '}'
        rec 1                                    4: syntax error, unexpected integer, expecting '{'
        rec { a = 1; 1 }                         13: syntax error, unexpected integer, expecting 'inherit' or '}'
        { a = 1; 1 }                             9: syntax error, unexpected integer, expecting 'inherit'
        { 1 }                                    2: syntax error, unexpected integer, expecting 'inherit'
        { a }                                    5: syntax error, unexpected end of file, expecting ':' or '@'
        { a                                      3: syntax error, unexpected end of file, expecting '.' or '='
        { a b }                                  4: syntax error, unexpected identifier, expecting '.' or '='
        { a ... }: a                             4: syntax error, unexpected '...', expecting '.' or '='
        { or b }                                 5: syntax error, unexpected identifier, expecting '.' or '='
        { a, b c }                               7: syntax error, unexpected identifier, expecting '}' or ','
        { a, ..., b }: 1                         8: syntax error, unexpected ',', expecting '}'
        { ... a }: 1                             6: syntax error, unexpected identifier, expecting '}'
        { a, 1 }: 1                              5: syntax error, unexpected integer, expecting identifier or '...' or '}'
        { a }@: 1                                6: syntax error, unexpected ':', expecting identifier
        { a }@b 1                                8: syntax error, unexpected integer, expecting ':'
        { a }:                                   7: syntax error, unexpected end of file
        { } @ 1                                  6: syntax error, unexpected integer, expecting identifier
        a@b: 1                                   2: syntax error, unexpected identifier, expecting '{'
        a@{ b } 1                                8: syntax error, unexpected integer, expecting ':'
        let a = 1; 5                             11: syntax error, unexpected integer, expecting 'in' or 'inherit'
        let 5                                    4: syntax error, unexpected integer, expecting 'in' or 'inherit'
        let a = 1; inherit b; 5                  22: syntax error, unexpected integer, expecting 'in' or 'inherit'
        let { a = 1;                             12: syntax error, unexpected end of file, expecting 'inherit' or '}'
        f let x                                  6: syntax error, unexpected identifier, expecting '{'
        1 + if                                   4: syntax error, unexpected 'if'
        1 + x: x                                 5: syntax error, unexpected ':', expecting end of file
        { "a" }                                  6: syntax error, unexpected '}', expecting '.' or '='
        { ${a} }                                 7: syntax error, unexpected '}', expecting '.' or '='
        { a.1 }                                  3: syntax error, unexpected floating-point literal, expecting '.' or '='
        { inherit (a }                           13: syntax error, unexpected '}', expecting ')'
        { inherit (a) 1; }                       14: syntax error, unexpected integer
        { inherit 1; }                           10: syntax error, unexpected integer
        a ? 1                                    4: syntax error, unexpected integer, expecting identifier or 'or' or '${' or '"'
        a ? b 1 }                                6: syntax error, unexpected integer, expecting end of file
        a.b or                                   6: syntax error, unexpected end of file
        a.b or -1                                7: syntax error, unexpected '-'
        if a                                     4: syntax error, unexpected end of file, expecting 'then'
        if a then b else                         16: syntax error, unexpected end of file
        assert a                                 8: syntax error, unexpected end of file, expecting ';'
        "a${b                                    5: syntax error, unexpected end of file, expecting '}'
        "a${b}c                                  7: syntax error, unexpected end of file, expecting '"'
        "a${                                     4: syntax error, unexpected end of file
        ''a${b}c                                 8: syntax error, unexpected end of file, expecting indented string or '${' or end of an indented string
        ./a//b                                   4: syntax error, unexpected end of path, expecting '${'
        ./a//b//c                                7: syntax error, unexpected string, expecting '${'
        ~/a//b                                   4: syntax error, unexpected end of path, expecting '${'
        ./a/ 1                                   0: path has a trailing slash
        [ a; ]                                   3: syntax error, unexpected ';'
        [ a.b, ]                                 5: syntax error, unexpected ','
        [ 1 + 2 ]                                4: syntax error, unexpected '+'
        [ x: x ]                                 3: syntax error, unexpected ':'
        ( a ; )                                  4: syntax error, unexpected ';', expecting ')'
        a == b == c                              7: syntax error, unexpected '=='
        a ? b.c.                                 8: syntax error, unexpected end of file, expecting identifier or 'or' or '${' or '"'
        !                                        1: syntax error, unexpected end of file
        1 2 ~/a )                                8: syntax error, unexpected ')', expecting end of file
        [ ''a'' ) ]                              8: syntax error, unexpected ')'
        99999999999999999999                     0: invalid integer '99999999999999999999'
        1.0e999                                  0: invalid float '1.0e999'
        1.0e-400                                 0: invalid float '1.0e-400'
        é                                        0: syntax error, unexpected invalid token
        /* abc                                   0: syntax error, unexpected '/'
        1 /* abc                                 3: syntax error, unexpected '*'
        { a = 1; /* abc }                        9: syntax error, unexpected '/', expecting 'inherit'
        a $b                                     2: syntax error, unexpected invalid token, expecting end of file
        { x = 1; } y: z                          12: syntax error, unexpected ':', expecting end of file
        x: y @                                   6: syntax error, unexpected end of file, expecting '{'
        { a = b c = d; }                         10: syntax error, unexpected '=', expecting ';'
        { a = b. c = d; }                        11: syntax error, unexpected '=', expecting ';'
        { a = [ b c = d; }                       12: syntax error, unexpected '='
        { inherit a b = 1; }                     14: syntax error, unexpected '='
        ( a b = 1 )                              6: syntax error, unexpected '=', expecting ')'
        { a = b = c; }                           8: syntax error, unexpected '=', expecting ';'
        { a = b; c.d. }                          14: syntax error, unexpected '}', expecting identifier or 'or' or '${' or '"'
        { a = { b }; }                           11: syntax error, unexpected ';', expecting ':' or '@'
        f { a, b }                               5: syntax error, unexpected ',', expecting '.' or '='
    "#]].assert_eq(&result);
}

#[test]
fn pipes_are_experimental() {
    let error = &parse("a |> b", &ParseOptions { pipe_operators: false }).errors[0];
    expect!["experimental Nix feature 'pipe-operators' is disabled; add '--extra-experimental-features pipe-operators' to enable it"].assert_eq(&error.to_string());
    assert!(parse("a |> b", &ParseOptions { pipe_operators: true }).errors.is_empty());
}
