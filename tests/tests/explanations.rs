//! Each page of the catalogue is true: its example has the error that it shows, under its slug, and the
//! mended example has none.

use floe_explain::{Explanation, all};
use floe_tests::{Answer, Home, floe};

/// The arguments for the setting under which an example stands; `None` for one that is not evaluated by
/// itself.
fn arguments(setting: &str) -> Option<&'static [&'static str]> {
    match setting {
        "" => Some(&[]),
        "restrict-eval" => Some(&["--option", "restrict-eval", "true"]),
        "attribute-path" => Some(&["-E", "{ a.b = 1; }", "-A"]),
        "no-import-from-derivation" => Some(&["--option", "allow-import-from-derivation", "false"]),
        _ => None,
    }
}

fn evaluate(home: &Home, setting: &[&str], code: &str) -> Answer {
    let mut command = home.command(floe());
    command.env("FLOE_STORE", "local");
    command.args(["eval", "--strict"]).args(setting);
    // An attribute path is the last argument by itself, any other example an expression.
    if setting.last() != Some(&"-A") {
        command.arg("-E");
    }
    Answer::of(command.arg(code))
}

#[test]
fn every_example_has_the_error_that_its_page_shows() {
    let home = Home::new();
    let mut wrong = Vec::new();
    for page @ Explanation { slug, example, message, .. } in all() {
        let Some(setting) = arguments(example.setting) else { continue };
        let answer = evaluate(&home, setting, example.code);
        let error = answer.error.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let first = message.lines().next().unwrap_or_default();
        // The code in brackets may be that of a more general page.
        if answer.success || !error.contains(first) || !error.contains(&format!("[{slug}]")) {
            wrong.push(format!("{slug}\n  expected: {}\n  found: {error}", page.message));
        }
    }
    assert!(wrong.is_empty(), "{} pages:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_mended_example_works() {
    let home = Home::new();
    let mut wrong = Vec::new();
    for Explanation { slug, fixed, .. } in all() {
        let Some(setting) = arguments(fixed.setting) else { continue };
        let answer = evaluate(&home, setting, fixed.code);
        if !answer.success {
            wrong.push(format!("{slug}: {}", answer.error));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pages_are_printed_for_people_and_for_scripts() {
    let home = Home::new();
    let page = home.floe(["explain", "infinite-recursion"]).expect();
    assert!(page.contains("How to fix it") && !page.contains('\x1b'), "{page}");
    let list = home.floe(["explain", "--format", "json"]).expect();
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    assert_eq!(list.len(), all().len());
    let error = home.floe(["explain", "missing"]).expect_failure();
    assert!(error.contains("missing-attribute"), "{error}");
}
