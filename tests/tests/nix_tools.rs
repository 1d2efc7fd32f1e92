//! What scripts that know Nix's tools rely on: what `nix-instantiate` answers to mistakes, and that one
//! package that fails keeps no other from being listed.

use std::{os::unix::fs::symlink, process::Command};

use floe_tests::{Answer, Home, floe, tool};

/// Broken in every way that `nix-env` goes past.
const PACKAGES: &str = r#"
let package = name: derivation { inherit name; system = "x86_64-linux"; builder = "/b"; };
in {
  good = package "good-1";
  throws = throw "gone";
  refuses = (package "refuses-1") // { drvPath = throw "insecure"; };
  set = { recurseForDerivations = true; deep = package "deep-1"; broken = assert false; 1; };
  nameless = (package "bad-1") // { name = throw "no name"; };
}
"#;

fn listed(home: &Home) -> Answer {
    Answer::of(home.command(floe()).env("FLOE_STORE", "local").arg("list"))
}

#[test]
fn packages_that_fail_are_left_out_and_counted() {
    let home = Home::new();
    home.write("default.nix", PACKAGES);
    let answer = listed(&home);
    let refused = "1 package refused to be evaluated and is left out";
    assert!(answer.error.contains(refused), "{}", answer.error);
    let paths = answer.expect();
    let names: Vec<_> = paths.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["set.deep", "good"]);

    let Some(nix_env) = tool("nix-env") else { return };
    let mut nix_env = home.command(nix_env);
    let theirs = Answer::of(nix_env.args(["-f", "default.nix", "-qaP", "--drv-path"]));
    assert_eq!(paths, theirs.expect());
}

#[test]
fn a_mistake_that_is_no_refusal_ends_the_list() {
    let home = Home::new();
    for mistake in ["1 + \"x\"", "abort \"no\"", "let x = x; in x"] {
        home.write("default.nix", PACKAGES.replace("throw \"gone\"", mistake));
        let answer = listed(&home);
        assert_eq!((answer.status, answer.output.as_str()), (Some(1), ""), "{mistake}");
        assert!(answer.error.contains("default.nix:5:"), "{mistake}: {}", answer.error);
    }
}

#[test]
fn nix_instantiate_by_a_link_answers_mistakes_as_it_does() {
    let home = Home::new();
    let link = home.path().join("nix-instantiate");
    symlink(floe(), &link).unwrap();
    for (words, status, output, error) in [
        (
            &["--parse", "-E", "{ a }: with a; { inherit a; b = a.c or 1; }"][..],
            0,
            "({ a }: (with a; { inherit a; b = (a).c or (1); }))\n",
            "",
        ),
        (&["--eval", "-E", "\"a\\nb\"", "--raw"], 0, "a\nb", ""),
        (
            &["--eval", "--xml", "-E", "[ null ]"],
            0,
            "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n    <null />\n  </list>\n</expr>\n",
            "",
        ),
        (&["--eval", "-E", "{ }", "--raw"], 1, "", "error: cannot coerce a set to a string: { }\n"),
        (
            &["--eval", "-E", "{ a = 1; }", "-A", "b"],
            1,
            "",
            "error: attribute 'b' in selection path 'b' not found\n       Did you mean a?\n",
        ),
        (&["--eval", "--json", "-E", "x: x"], 1, "", "error: cannot convert a function to JSON\n"),
        (
            &["--find-file", "nowhere"],
            1,
            "",
            "error: file 'nowhere' was not found in the Nix search path (add it using $NIX_PATH or -I)\n",
        ),
        (
            &["--eval", "-E", "abort \"x\""],
            1,
            "",
            "error: evaluation aborted with the following error message: 'x'\n",
        ),
        (&["nowhere.nix"], 1, "", "does not exist\n"),
    ] {
        let mut command: Command = home.command(&link);
        command.env("FLOE_STORE", "local").env("NIX_CONF_DIR", "/var/empty").env("NIX_PATH", "");
        let answer = Answer::of(command.args(words));
        assert_eq!((answer.status, answer.output.as_str()), (Some(status), output), "{words:?}");
        assert!(answer.error.contains(error), "{words:?}: {}", answer.error);
    }
}
