//! A folder of its own for each test, with the activator to run in it.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A home folder, projects in it, and nothing of the person who runs the tests.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { folder: tempfile::Builder::new().prefix("it's a home ").tempdir().unwrap() }
    }

    /// One whose path is a single word for any script: store paths are below it.
    pub(crate) fn plain() -> Home {
        Home { folder: tempfile::Builder::new().prefix("home-").tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// Writes a file below the home folder.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A command that runs in a folder below the home folder, in a clean environment.
    pub(crate) fn command(&self, program: impl AsRef<Path>, folder: &str) -> Command {
        // Without a slash at the end, as a shell names it.
        let directory: PathBuf = self.path().join(folder).components().collect();
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path())
            .env("NO_COLOR", "1")
            .env("PWD", &directory)
            .current_dir(directory);
        command
    }

    pub(crate) fn floe(&self, folder: &str, arguments: &[&str]) -> Output {
        self.command(activator(), folder).args(arguments).output().unwrap()
    }

    pub(crate) fn allow(&self, file: &str) {
        let output = self.floe("", &["allow", file]);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    /// Writes a file below the home folder that may run.
    pub(crate) fn write_allowed(&self, name: &str, content: &str) {
        self.write(name, content);
        self.allow(name);
    }

    /// Runs an `.envrc` with this content in `project/` and gives what it exports and its messages.
    pub(crate) fn envrc(&self, script: &str) -> (BTreeMap<String, String>, String) {
        self.write("project/.envrc", script);
        let output = self.floe("project", &["run", ".envrc"]);
        let environment = String::from_utf8(output.stdout.clone()).unwrap();
        let environment = environment.split('\0').filter_map(|entry| entry.split_once('='));
        let environment =
            environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (environment, stderr(&output).replace(self.path().to_str().unwrap(), "HOME"))
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The example program, which cargo builds beside the tests.
pub(crate) fn activator() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/activator")
}

/// Whether a program is installed; says so when it is not.
pub(crate) fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// Runs a script in a shell that has the hook; `prompt` stands for what the shell does before each
/// prompt. Nothing happens at `cd`, so that the shells can be compared.
pub(crate) fn session(home: &Home, shell: &str, script: &str) -> String {
    let prelude = match shell {
        "bash" => "prompt() { eval \"${PROMPT_COMMAND}\"; }\n",
        "zsh" => "prompt() { for f in $precmd_functions; do $f; done }\nchpwd_functions=()\n",
        other => panic!("{other}"),
    };
    session_with_hook(home, shell, &format!("{prelude}{script}"))
}

/// Runs a script in a shell that has the hook. The home folder's path is `HOME` in the result.
pub(crate) fn session_with_hook(home: &Home, shell: &str, script: &str) -> String {
    let hook = home.floe("", &["hook", shell]);
    let script = format!("{}{script}", String::from_utf8(hook.stdout).unwrap());
    let arguments: &[&str] =
        if shell == "bash" { &["--norc", "--noprofile", "-c"] } else { &["-f", "-c"] };
    let output = home.command(shell, "").args(arguments).arg(&script).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
    assert!(output.status.success(), "{text}");
    text.replace(home.path().to_str().unwrap(), "HOME")
}

pub(crate) fn shells() -> impl Iterator<Item = &'static str> {
    ["bash", "zsh"].into_iter().filter(|shell| installed(shell))
}
