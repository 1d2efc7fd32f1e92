//! Input that is broken, huge or changing: each gets an error with the path in it, nothing crashes, and
//! the server keeps answering.

use std::{fs, os::unix::fs::symlink};

use floe_tests::{Home, uri};
use serde_json::json;

/// Every kind of bad file: its name, its bytes, and what has to be said about it.
fn bad_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("unterminated.nix", b"{ a = \"no end".to_vec(), "unexpected end of file"),
        ("indented.nix", b"''\n  ${".to_vec(), "unexpected end of file"),
        ("comment.nix", b"/* no end".to_vec(), "unexpected"),
        ("nul.nix", b"{ a = \"x\0y\"; }".to_vec(), "null bytes"),
        ("not-utf8.nix", b"{ a = \"\xff\xfe\"; }".to_vec(), "UTF-8"),
        ("brackets.nix", b"[".repeat(10_000), "unexpected end of file"),
        ("empty.nix", Vec::new(), "unexpected end of file"),
        ("control.nix", b"{ a = \x01; }".to_vec(), "syntax error"),
    ]
}

#[test]
fn check_and_eval_name_the_file_and_the_mistake() {
    let home = Home::new();
    for (name, bytes, message) in bad_files() {
        home.write(name, bytes);
        let checked = home.floe(["check", name]).expect_failure();
        assert!(checked.contains(name) && checked.contains(message), "{name}: {checked}");
        // C++ Nix evaluates bytes that are no UTF-8, and so do we.
        if message != "UTF-8" {
            let evaluated = home.floe(["eval", name]).expect_failure();
            assert!(evaluated.contains(name), "{name}: {evaluated}");
        }
    }
}

#[test]
fn nested_brackets_are_data_like_any_other() {
    let home = Home::new();
    home.write("deep.nix", [b"[".repeat(10_000), b"]".repeat(10_000)].concat());
    home.floe(["check", "deep.nix"]).expect();
    assert_eq!(home.floe(["eval", "-E", "builtins.length (import ./deep.nix)"]).expect(), "1");
}

#[test]
fn a_line_of_ten_megabytes_is_checked_and_an_error_in_it_shown_in_part() {
    let home = Home::new();
    home.write("long.nix", format!("[ {} ]", "1 ".repeat(5_000_000)));
    home.floe(["check", "long.nix"]).expect();
    home.write("wrong.nix", format!("[ {}oops ]", "1 ".repeat(5_000_000)));
    let error = home.floe(["check", "wrong.nix"]).expect_failure();
    assert!(error.contains("undefined variable 'oops'"), "{}", &error[..error.len().min(500)]);
    assert!(error.len() < 10_000, "{} bytes", error.len());
}

#[test]
fn paths_that_lead_nowhere() {
    let home = Home::new();
    fs::create_dir(home.path().join("folder.nix")).unwrap();
    symlink("loop.nix", home.path().join("loop.nix")).unwrap();
    for path in ["absent.nix", "loop.nix"] {
        for command in ["check", "eval"] {
            let error = home.floe([command, path]).expect_failure();
            assert!(error.contains(path), "{command} {path}: {error}");
        }
    }
    // A folder stands for its default.nix.
    let error = home.floe(["eval", "folder.nix"]).expect_failure();
    assert!(error.contains("folder.nix/default.nix"), "{error}");
    let error = home.floe(["eval", "-E", "builtins.readFile ./folder.nix"]).expect_failure();
    assert!(error.contains("directory"), "{error}");
}

#[test]
fn a_missing_entry_of_nix_path_is_named_and_the_rest_still_works() {
    let home = Home::new();
    let run = |expression: &str| {
        floe_tests::Answer::of(
            home.command(floe_tests::floe())
                .env("NIX_PATH", "nixpkgs=/no/such/nixpkgs")
                .args(["eval", "-E", expression]),
        )
    };
    let answer = run("1 + 1");
    assert_eq!(answer.output.trim(), "2");
    assert!(answer.error.contains("/no/such/nixpkgs"), "{answer:#?}");
    assert!(run("builtins.pathExists <nixpkgs>").output.contains("true"));
}

#[test]
fn infinite_recursion_is_an_error_with_a_trace() {
    let home = Home::new();
    home.write("loop.nix", "let\n  a = b;\n  b = a + 1;\nin a\n");
    let error = home.floe(["eval", "loop.nix"]).expect_failure();
    assert!(error.contains("infinite recursion encountered"), "{error}");
    assert!(error.contains("loop.nix:"), "{error}");
    let deep = home.floe(["eval", "-E", "let f = n: 1 + f (n + 1); in f 0"]).expect_failure();
    assert!(deep.contains("stack overflow; max-call-depth exceeded"), "{deep}");
}

#[test]
fn the_server_reports_bad_files_and_keeps_answering() {
    let home = Home::new();
    let good = home.write("good.nix", "let answer = 42; in answer\n");
    let mut server = home.server(home.path());
    server.open(&good, "let answer = 42; in answer\n").unwrap();
    for (name, bytes, message) in bad_files() {
        // A document of the protocol is always UTF-8.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let path = home.path().join(name);
        server.open(&path, &text).unwrap();
        let found = server.diagnostics(&path, |found| !found.is_empty()).unwrap();
        assert!(
            found.iter().any(|one| one["message"].as_str().unwrap().contains(message)),
            "{name}: {found:?}"
        );
        let hover = server.request_at("textDocument/definition", &good, 0, 21).unwrap();
        assert!(!hover.is_null(), "{name}");
    }
    assert!(server.shutdown().unwrap().success());
}

#[test]
fn broken_messages_do_not_end_the_server() {
    let home = Home::new();
    let path = home.write("a.nix", "let a = 1; in a\n");
    let mut server = home.server(home.path());
    server.send_raw(b"Content-Length: 9\r\n\r\nnot json!").unwrap();
    server.send_raw(b"Content-Length: 2\r\n\r\n{}").unwrap();
    server.notify("no/such/notification", json!({ "x": 1 })).unwrap();
    assert!(server.request("no/such/request", json!({})).is_err());
    assert!(server.request("textDocument/hover", json!({ "wrong": true })).is_err());
    server.open(&path, "let a = 1; in a\n").unwrap();
    let definition = server.request_at("textDocument/definition", &path, 0, 14).unwrap();
    assert!(!definition.is_null());
    assert!(server.shutdown().unwrap().success());
}

#[test]
fn a_file_that_changes_on_disk_while_it_is_open_keeps_the_editors_text() {
    let home = Home::new();
    let path = home.write("a.nix", "{ a = 1; }\n");
    let mut server = home.server(home.path());
    server.open(&path, "{ a = oops; }\n").unwrap();
    server.diagnostics(&path, |found| found.len() == 1).unwrap();
    fs::write(&path, "{ a = }\n").unwrap();
    let change = json!({ "changes": [{ "uri": uri(&path), "type": 2 }] });
    server.notify("workspace/didChangeWatchedFiles", change).unwrap();
    server.change(&path, 2, "{ a = other; }\n").unwrap();
    let found = server
        .diagnostics(&path, |found| {
            !found.is_empty() && !found[0]["message"].as_str().unwrap().contains("oops")
        })
        .unwrap();
    assert_eq!(found[0]["message"], "undefined variable 'other'");
    fs::remove_file(&path).unwrap();
    let symbols = server
        .request("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri(&path) } }))
        .unwrap();
    assert_eq!(symbols.as_array().map(Vec::len), Some(1), "{symbols}");
    assert!(server.shutdown().unwrap().success());
}
