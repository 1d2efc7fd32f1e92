//! The capturing scripts in real shells, outside of a sandbox.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::shell_environment::{ShellEnvironment, Variable};

const SETUP: &str = r#"
export EXPORTED=$'it\'s\n\377 100%'
plain='not exported'
export -n unexported=1
list=(one 'two words' '' $'three\nlines')
sparse=([3]=a [7]=b)
declare -A table=([key]=value ['odd key']=$'odd\nvalue')
declare -A empty_table=()
declare -i number=3
declare -rx CONSTANT=fixed
declare -n reference=plain
greet() { echo "hello '$1' $plain ${list[1]} ${table[odd key]}"; }
set -eu
"#;

fn capture(shell: &str, script: &str, setup: &str) -> ShellEnvironment {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("stdenv")).unwrap();
    fs::write(path("stdenv/setup"), setup).unwrap();
    fs::write(path("get-env"), script).unwrap();
    let status = Command::new(shell)
        .arg(path("get-env"))
        .env("stdenv", path("stdenv"))
        .env("outputs", "bin out")
        .env("bin", path("bin"))
        .env("out", path("out"))
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read(path("out")).unwrap(), b"", "only the first output has the environment");
    ShellEnvironment::parse(&fs::read(path("bin")).unwrap()).unwrap()
}

#[test]
fn bash_captures_everything() {
    let captured = capture("bash", include_str!("get-env.bash"), SETUP);
    assert_eq!(captured.exported["EXPORTED"], "it's\n%ff 100%25");
    assert_eq!(captured.exported["IN_NIX_SHELL"], "impure");
    assert_eq!(captured.exported["CONSTANT"], "fixed");
    let text = |text: &str| Variable::Text(text.to_owned());
    assert_eq!(captured.variables["plain"], text("not exported"));
    assert_eq!(captured.variables["unexported"], text("1"));
    assert_eq!(captured.variables["number"], text("3"));
    let list = ["one", "two words", "", "three\nlines"].map(str::to_owned).to_vec();
    assert_eq!(captured.variables["list"], Variable::List(list));
    let table = [("key", "value"), ("odd key", "odd\nvalue")];
    let table = table.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(captured.variables["table"], Variable::Table(table));
    assert_eq!(captured.variables["empty_table"], Variable::Table(Default::default()));
    assert!(captured.functions["greet"].starts_with("greet ()"));
    let names = captured.exported.keys().chain(captured.variables.keys());
    let foreign: Vec<_> =
        names.filter(|name| name.contains("floe") || name.starts_with("BASH")).collect();
    assert_eq!(foreign, Vec::<&String>::new());
    assert!(!captured.variables.contains_key("reference"));
}

#[test]
fn definitions_give_bash_back_what_it_had() {
    let captured = capture("bash", include_str!("get-env.bash"), SETUP);
    let folder = tempfile::tempdir().unwrap();
    let definitions = folder.path().join("definitions");
    let script = [&captured.definitions()[..], b"greet you\n"].concat();
    fs::write(&definitions, script).unwrap();
    let output =
        Command::new("bash").args(["--norc".as_ref(), definitions.as_os_str()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "hello 'you' not exported two words odd\nvalue\n");
}

#[test]
fn a_posix_shell_captures_what_it_exports() {
    let setup = "export A='it'\"'\"'s\nlines'\nplain=1\nset -eu\n";
    for shell in ["/bin/sh", "dash", "bash"] {
        if !Path::new(shell).exists() && Command::new(shell).arg("-c").arg(":").output().is_err() {
            eprintln!("skipped: {shell} is not installed");
            continue;
        }
        let captured = capture(shell, include_str!("get-env.sh"), setup);
        assert_eq!(captured.exported["A"], "it's\nlines", "{shell}");
        assert_eq!(captured.exported["IN_NIX_SHELL"], "impure");
        assert!(!captured.exported.contains_key("plain"));
        assert!(!captured.exported.keys().any(|name| name.contains("floe")));
    }
}
