//! `floe check` and `floe ssr` as scripts use them: exit statuses, reports, fixes, a baseline.

use std::fs;

use floe_tests::{Home, floe};

const FILE: &str = "{ lib }:\nlet unused = 1; in\nrec {\n  a = (lib);\n}\n";

fn status(home: &Home, arguments: &[&str]) -> Option<i32> {
    home.command(floe()).args(arguments).status().unwrap().code()
}

#[test]
fn the_exit_status_tells_findings_from_failures() {
    let home = Home::new();
    home.write("clean.nix", "{ a = 1; }\n");
    home.write("a.nix", FILE);
    assert_eq!(status(&home, &["check", "clean.nix"]), Some(0));
    assert_eq!(status(&home, &["check", "a.nix"]), Some(1));
    assert_eq!(status(&home, &["check", "nowhere.nix"]), Some(2));
    assert_eq!(status(&home, &["check", "--only", "no-such-lint", "a.nix"]), Some(2));
    home.write("floe.toml", "[lints]\nunused-bindings = \"warn\"\n");
    let error = home.floe(["check", "a.nix"]).expect_failure();
    assert!(error.contains("floe.toml:2: there is no lint 'unused-bindings'"), "{error}");
    assert_eq!(status(&home, &["check", "a.nix"]), Some(2));
    home.write("floe.toml", "[lints]\nall = \"allow\"\n");
    assert_eq!(status(&home, &["check", "a.nix"]), Some(0));
}

#[test]
fn fixes_are_written_and_what_is_left_is_reported() {
    let home = Home::new();
    let path = home.write("a.nix", FILE);
    home.floe(["check", "--fix", "a.nix"]).expect();
    assert_eq!(fs::read_to_string(path).unwrap(), "{ lib }:\n{\n  a = lib;\n}\n");
}

#[test]
fn a_baseline_leaves_only_what_is_new() {
    let home = Home::new();
    home.write("a.nix", FILE);
    home.floe(["check", "--baseline", "b.json", "--write-baseline", "a.nix"]).expect();
    home.floe(["check", "--baseline", "b.json", "a.nix"]).expect();
    home.write("a.nix", format!("# moved down\n{FILE}").replace("lib);", "lib // { });"));
    let new = home.floe(["check", "--baseline", "b.json", "a.nix"]).expect_failure();
    assert!(new.contains("redundant-update") && !new.contains("unused-binding"), "{new}");
}

#[test]
fn reports_for_other_programs() {
    let home = Home::new();
    home.write("a.nix", FILE);
    let report = |format: &str| {
        let output = home.command(floe()).args(["check", "--format", format, "a.nix"]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert!(report("github").starts_with(
        "::warning file=a.nix,line=2,endLine=2,col=5,endColumn=11,title=unused-binding::nothing uses 'unused'\n"
    ));
    let sarif: serde_json::Value = serde_json::from_str(&report("sarif")).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unused-binding");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    let json: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(json[0]["fix"]["safe"], true);
    assert!(report("checkstyle").contains(
        "<error line=\"2\" column=\"5\" severity=\"warning\" message=\"nothing uses 'unused'\" source=\"floe.unused-binding\"/>"
    ));
}

#[test]
fn expressions_are_replaced_by_their_form() {
    let home = Home::new();
    let path = home.write("a.nix", "x: !isNull (x  1)\n");
    let rule = "isNull $x ==>> $x == null";
    let difference = home.floe(["ssr", "--dry-run", rule, "a.nix"]).expect();
    assert!(difference.contains("+x: !(x  1 == null)"), "{difference}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "x: !isNull (x  1)\n");
    home.floe(["ssr", rule, "a.nix"]).expect();
    assert_eq!(fs::read_to_string(&path).unwrap(), "x: !(x  1 == null)\n");
    assert_eq!(status(&home, &["ssr", rule, "a.nix"]), Some(1));
    assert_eq!(status(&home, &["ssr", "not ( a rule", "a.nix"]), Some(2));
}

#[test]
fn expressions_are_found_by_their_form() {
    let home = Home::new();
    home.write("a.nix", "x: [\n  (isNull x)\n  (isNull {\n    a = 1;\n  })\n]\n");
    let places = home.floe(["ssr", "isNull $x", "a.nix"]).expect();
    assert_eq!(places, "a.nix:2:4  isNull x\na.nix:3:4  isNull { …");
    let list = home.floe(["ssr", "--json", "isNull $x", "a.nix"]).expect();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list[0]["line"], &list[0]["text"]), (&2.into(), &"isNull x".into()));
    assert_eq!(status(&home, &["ssr", "isNull 3", "a.nix"]), Some(1));
}

/// What certainly fails when it is evaluated, as the types tell; and one finding with a fix.
const FAILING: &str = "{\n  sum = 1 + \"x\";\n  attribute = { a = 1; }.b;\n  call = 1 2;\n  same = true == true;\n}\n";

#[test]
fn what_the_types_tell_is_reported_in_every_format() {
    let home = Home::new();
    home.write("a.nix", FAILING);
    let report = |format: &str| {
        let output = home.command(floe()).args(["check", "--format", format, "a.nix"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let human = report("human");
    for finding in [
        "error[type-mismatch]: a string cannot be added to an integer\n --> a.nix:2:13",
        "error[missing-attribute]: attribute 'b' missing\n --> a.nix:3:26",
        "error[not-a-function]: this is called, but it is an integer\n --> a.nix:4:10",
    ] {
        assert!(human.contains(finding), "{finding}\n{human}");
    }
    assert!(report("github").contains(
        "::error file=a.nix,line=4,endLine=4,col=10,endColumn=11,title=not-a-function::this is called, but it is an integer\n"
    ));
    assert!(report("checkstyle").contains(
        "<error line=\"3\" column=\"26\" severity=\"error\" message=\"attribute 'b' missing\" source=\"floe.missing-attribute\"/>"
    ));
    let json: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(json[0]["slug"], "type-mismatch");
    assert_eq!(json[0]["place"]["endColumn"], 16);
    assert_eq!(json[0]["fix"], serde_json::Value::Null);
    let sarif: serde_json::Value = serde_json::from_str(&report("sarif")).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], "type-mismatch");
    assert_eq!(run["results"][0]["level"], "error");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let named = rules.iter().any(|rule| rule["id"] == "type-mismatch");
    assert!(named, "each rule that found something is described: {rules:?}");
}

#[test]
fn what_the_types_tell_is_silenced_and_accepted_as_any_lint_is() {
    let home = Home::new();
    let mixed = "{\n  sum = 1 + \"x\";\n}\n";
    home.write("a.nix", mixed);
    assert_eq!(status(&home, &["check", "a.nix"]), Some(1));
    assert_eq!(status(&home, &["check", "--only", "missing-attribute", "a.nix"]), Some(0));
    home.floe(["check", "--baseline", "b.json", "--write-baseline", "a.nix"]).expect();
    assert_eq!(status(&home, &["check", "--baseline", "b.json", "a.nix"]), Some(0));
    home.write("a.nix", mixed.replace("sum", "first = null + 1;\n  sum"));
    let new = home.floe(["check", "--baseline", "b.json", "a.nix"]).expect_failure();
    assert!(new.contains("a.nix:2:11") && !new.contains("a.nix:3"), "{new}");

    home.write("floe.toml", "[lints]\ntype-mismatch = \"hint\"\n");
    assert_eq!(status(&home, &["check", "a.nix"]), Some(0));
    assert_eq!(status(&home, &["check", "--min-severity", "hint", "a.nix"]), Some(1));
    fs::remove_file(home.path().join("floe.toml")).unwrap();
    home.write("a.nix", mixed.replace("sum", "# floe-ignore: type-mismatch\n  sum"));
    assert_eq!(status(&home, &["check", "a.nix"]), Some(0));
}

#[test]
fn what_cannot_be_fixed_is_left_as_it_is_beside_what_can() {
    let home = Home::new();
    let path = home.write("a.nix", "{\n  sum = 1 + \"x\";\n  same = x: (x);\n}\n");
    let answer = home.floe(["check", "--fix", "a.nix"]);
    assert_eq!(answer.status, Some(1));
    assert!(answer.error.contains("type-mismatch"), "{}", answer.error);
    assert_eq!(fs::read_to_string(path).unwrap(), "{\n  sum = 1 + \"x\";\n  same = x: x;\n}\n");
}
