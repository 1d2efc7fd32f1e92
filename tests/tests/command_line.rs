//! What the terminal sees: the program by the name of Nix's tool, traces that are folded, lists in the
//! order of `nix-env`, and output that cannot be written.

use std::{
    fs::{File, read_link},
    io::Write as _,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use floe_tests::{Answer, Home, floe};

/// The program by the name `nix-instantiate`.
fn nix_instantiate(home: &Home) -> Command {
    let link = home.path().join("nix-instantiate");
    if !link.exists() {
        symlink(floe(), &link).unwrap();
    }
    let mut command = home.command(link);
    command.env("FLOE_STORE", "local").env("NIX_CONF_DIR", "/var/empty");
    command
}

fn evaluated<const N: usize>(home: &Home, words: [&str; N]) -> Answer {
    Answer::of(nix_instantiate(home).arg("--eval").args(words))
}

const FUNCTION: &str = r#"
{ n ? 1 }: {
  a = n + 1;
  list = [ (n + 1) { inherit n; } ];
  package = derivation { name = "p"; system = "x86_64-linux"; builder = "/bin/sh"; outputs = [ "out" "dev" ]; };
  function = { x, y ? 2 }: x * y;
  broken = throw "no";
}
"#;

#[test]
fn values_are_printed_as_nix_instantiate_prints_them() {
    let home = Home::new();
    home.write("default.nix", FUNCTION);
    let print =
        |words: &[&str]| Answer::of(nix_instantiate(&home).arg("--eval").args(words)).expect();
    assert_eq!(print(&["-A", "a", "-A", "list"]), "2\n[ <CODE> <CODE> ]");
    assert_eq!(print(&["-A", "list", "--strict", "--arg", "n", "2 + 3"]), "[ 6 { n = 5; } ]");
    assert_eq!(print(&["-A", "list", "--strict", "--json"]), r#"[2,{"n":1}]"#);
    assert_eq!(print(&["-A", "function"]), "<LAMBDA>");
    assert_eq!(print(&["-A", "function", "--arg", "x", "21"]), "42");
    assert_eq!(print(&["--argstr", "n", "x", "--arg", "n", "3", "-A", "a"]), "4");
    assert_eq!(print(&["-QE", "\"x\"", "\"y\"", "--raw"]), "xy");
}

#[test]
fn expressions_come_from_standard_input_files_and_the_search_path() {
    let home = Home::new();
    home.write("lib/default.nix", "{ x = 1; }");
    let mut command = nix_instantiate(&home);
    command.args(["--parse", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{a=./b;}").unwrap();
    let output = child.wait_with_output().unwrap();
    let expected = format!("{{ a = {}/b; }}\n", home.path().display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);

    assert_eq!(evaluated(&home, ["<lib>", "-I", "lib=./lib", "-A", "x"]).expect(), "1");
    let mut find = nix_instantiate(&home);
    let found = Answer::of(find.args(["-I", "lib=./lib", "--find-file", "lib"])).expect();
    assert_eq!(found, home.path().join("lib").display().to_string());
}

#[test]
fn errors_have_the_layout_of_nix() {
    let home = Home::new();
    home.write("broken.nix", "let\n  f = x: x.y;\nin f { z = 1; }\n");
    let error = evaluated(&home, ["broken.nix"]).expect_failure();
    let place = home.path().join("broken.nix");
    let expected = format!(
        "error: attribute 'y' missing
       at {}:2:10:
            1| let
            2|   f = x: x.y;
             |          ^
            3| in f {{ z = 1; }}
       Did you mean z?
",
        place.display()
    );
    assert_eq!(error, expected);
    let error = evaluated(&home, ["--show-trace", "broken.nix"]).expect_failure();
    assert!(error.contains("… while calling 'f'") && error.contains("… from call site"), "{error}");

    let error = evaluated(&home, ["--no-such-flag"]).expect_failure();
    assert!(error.starts_with("error: unrecognised flag '--no-such-flag'\nTry '"), "{error}");
}

#[test]
fn what_was_evaluated_before_an_error_is_printed() {
    let home = Home::new();
    home.write("default.nix", FUNCTION);
    let answer = evaluated(&home, ["-A", "a", "-A", "broken"]);
    assert_eq!((answer.status, answer.output.as_str()), (Some(1), "2\n"));
    assert!(answer.error.contains("error: no"), "{}", answer.error);
}

#[test]
fn derivations_are_written_and_kept() {
    let home = Home::new();
    home.write("default.nix", FUNCTION);
    let mut command = nix_instantiate(&home);
    command.env("FLOE_STORE", home.path().join("store"));
    let answer = Answer::of(command.args(["-A", "package.dev", "-A", "package"]));
    assert_eq!(
        answer.error,
        "warning: you did not specify '--add-root'; the result might be removed by the garbage \
         collector\n"
    );
    let printed = answer.expect();
    let (development, whole) = printed.split_once('\n').unwrap();
    assert_eq!(development, format!("{whole}!dev"));
    assert!(File::open(whole).is_ok(), "{whole} is not there");

    let mut command = nix_instantiate(&home);
    command.env("FLOE_STORE", home.path().join("store"));
    let answer = Answer::of(command.args(["-A", "package", "--add-root", "root", "--indirect"]));
    assert_eq!(answer.error, "");
    let link = home.path().join("root");
    assert_eq!(answer.expect(), link.display().to_string());
    assert_eq!(read_link(&link).unwrap().display().to_string(), whole);
}

/// A project whose error happens in the library that it uses.
fn project(home: &Home) -> Vec<String> {
    home.write("library/default.nix", "{ twice = f: x: (y: f (f y)) x; }");
    home.write(
        "project/default.nix",
        "let\n  library = import <library>;\nin library.twice (x: x + 1) \"a\"\n",
    );
    ["-I", "library=../library"].map(str::to_owned).to_vec()
}

#[test]
fn traces_show_the_users_own_files_and_count_the_rest() {
    let home = Home::new();
    let include = project(&home);
    let run = |more: &[&str]| {
        let mut command = home.command(floe());
        command.current_dir(home.path().join("project"));
        Answer::of(command.arg("eval").args(&include).args(more)).expect_failure()
    };
    let folded = run(&[]);
    assert!(!folded.contains("library/default.nix"), "{folded}");
    assert!(folded.contains("in library") && folded.contains("folded, --show-trace"), "{folded}");
    let whole = run(&["--show-trace"]);
    assert!(whole.contains("library/default.nix") && !whole.contains("folded"), "{whole}");

    let json = run(&["--message-format", "json"]);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["slug"], "cannot-coerce");
    assert_eq!(object["place"]["file"], "default.nix");
    let trace = object["trace"].as_array().unwrap();
    let count = |is_folded: bool| trace.iter().filter(|step| step["folded"] == is_folded).count();
    assert!(count(true) > 0 && count(false) > 0, "{object:#}");
}

#[test]
fn packages_are_listed_as_nix_env_lists_them() {
    let home = Home::new();
    home.write(
        "default.nix",
        r#"
let package = name: system: derivation { inherit name system; builder = "/b"; };
in {
  zlib = package "Zlib-1.2" "x86_64-linux";
  a = package "hello-2.10" "x86_64-linux";
  other = package "other" "mips-linux";
  broken = throw "broken";
  refuses = (package "refuses" "x86_64-linux") // { drvPath = throw "insecure"; };
  set = { recurseForDerivations = true; b = package "bash" "x86_64-linux"; };
}
"#,
    );
    let list = |words: &[&str]| {
        let mut command = home.command(floe());
        command.env("FLOE_STORE", "local").arg("list");
        Answer::of(command.args(words))
    };
    let names = list(&["--names", "--system-filter", "x86_64-linux"]).expect();
    assert_eq!(names, "set.b    bash\na        hello-2.10\nrefuses  refuses\nzlib     Zlib-1.2");
    let answer = list(&[]);
    assert!(answer.error.contains("1 package refused"), "{}", answer.error);
    let paths = answer.expect();
    assert_eq!(paths.lines().count(), 4, "{paths}");
    assert!(paths.starts_with("set.b  bash        /nix/store/"), "{paths}");
    let json: serde_json::Value = serde_json::from_str(&list(&["--json"]).expect()).unwrap();
    assert_eq!(json["zlib"]["version"], "1.2");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let home = Home::new();
    home.write("default.nix", "{ a = 1; }");
    for words in [
        &["--help"][..],
        &["--version"],
        &["store", "gc", "--help"],
        &["eval"],
        &["eval", "--raw", "-E", "\"x\""],
        &["list", "<floe-pkgs>", "--names"],
        &["explain"],
        &["status"],
        &["man"],
        &["completions", "bash"],
        &["hook", "bash"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = home.command(floe()).args(words).stdout(full).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {error}");
        assert!(error.contains("cannot write to standard output"), "{words:?}: {error}");
    }
}

#[test]
fn nothing_fails_because_nobody_can_read_its_messages() {
    let home = Home::new();
    home.write("default.nix", "{ x }: { a = builtins.trace \"seen\" y; }");
    for (words, code) in [
        (&["eval", "-E", "builtins.trace 1 2"][..], 0),
        (&["eval", "--arg", "x", "1", "-A", "a"], 1),
        (&["check"], 1),
        (&["fmt", "--check"], 1),
        (&["eval", "--no-such-flag"], 2),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = home.command(floe());
        command.args(words).env("FLOE_STATS", "1").stdout(Stdio::null()).stderr(full);
        assert_eq!(command.status().unwrap().code(), Some(code), "{words:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_mistake() {
    let home = Home::new();
    home.write("default.nix", "{ a = 1; }");
    for words in [&["--help"][..], &["check", "--format", "json"], &["explain"], &["symbols"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = home.command(floe()).args(words).stdout(writer).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{words:?}: {error}");
    }
}

#[test]
fn help_is_help_behind_every_word() {
    let home = Home::new();
    for words in [["export", "--help"].as_slice(), &["export", "bash", "--help"]] {
        let help = Answer::of(home.command(floe()).args(words)).expect();
        assert!(help.contains(" export [OPTIONS] <SHELL>"), "{words:?}: {help}");
    }
}

#[test]
fn a_flake_is_not_allowed_while_it_cannot_be_entered() {
    let home = Home::new();
    home.write("project/flake.nix", "{ outputs = _: { }; }");
    let error = home.floe(["allow", "project"]).expect_failure();
    assert!(error.contains("flakes cannot be entered yet"), "{error}");
}

#[test]
fn a_file_is_named_as_it_is() {
    let home = Home::new();
    let error = home.floe(["eval"]).expect_failure();
    assert!(error.contains(&format!("{}/default.nix", home.path().display())), "{error}");
    assert!(error.contains("--expr takes an expression"), "{error}");
}
