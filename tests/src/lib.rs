//! What whole-program tests share: the built program in a home of its own, and the tools of the machine.
//!
//! The tests run the binary that `FLOE_BIN` names, or the one beside them in the target folder; they do
//! not build it (`cargo xtask test` does). A tool that a test needs and the machine lacks skips the test
//! with a message, unless `FLOE_TESTS_NEED_ALL` is set.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

pub use floe_lsp::client::{Client, ClientError, uri};

/// The program under test.
pub fn floe() -> PathBuf {
    if let Some(path) = env::var_os("FLOE_BIN") {
        return path.into();
    }
    let beside = env::current_exe()
        .ok()
        .and_then(|test| Some(test.parent()?.parent()?.join("floe")))
        .filter(|path| path.exists());
    beside.expect("no floe program: run `cargo build -p floe-cli` first, or set FLOE_BIN")
}

/// The checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the checkout is there")
}

/// A tool of the machine: the path that the variable `FLOE_TESTS_<NAME>` gives, or the one on `PATH`.
/// `None` means that the test is to be skipped.
pub fn tool(name: &str) -> Option<PathBuf> {
    let variable = format!("FLOE_TESTS_{}", name.to_uppercase().replace('-', "_"));
    let named = env::var_os(variable).map(PathBuf::from);
    let found = named.or_else(|| {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    });
    if found.is_none() {
        assert!(env::var_os("FLOE_TESTS_NEED_ALL").is_none(), "{name} is not installed");
        report_skip(&format!("{name} is not installed"));
    }
    found
}

/// The nixpkgs checkout to test on. `None` means that the test is to be skipped.
pub fn nixpkgs() -> Option<PathBuf> {
    let found = env::var_os("FLOE_NIXPKGS").map(PathBuf::from);
    if found.is_none() {
        report_skip("FLOE_NIXPKGS does not name a nixpkgs checkout");
    }
    found
}

fn report_skip(reason: &str) {
    let _ = io::Write::write_all(&mut io::stderr(), format!("skipped: {reason}\n").as_bytes());
}

/// A person's home, empty and thrown away at the end, with a store of its own.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Default for Home {
    fn default() -> Self {
        Home::new()
    }
}

impl Home {
    /// A new one.
    pub fn new() -> Home {
        Home { folder: tempfile::Builder::new().prefix("floe-home-").tempdir().expect("a folder") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the home and gives its path.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("below the home")).expect("a folder");
        fs::write(&path, contents).expect("a file");
        path
    }

    /// Copies the demo project below the home and gives its folder.
    pub fn copy_demo(&self) -> PathBuf {
        let target = self.path().join("demo");
        copy(&checkout().join("fixtures/demo"), &target).expect("the demo can be copied");
        target
    }

    /// A command in this home that sees nothing of the tester's environment but `PATH`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("TERM", "dumb")
            .env("FLOE_STORE", self.path().join(".local/share/floe"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program under test.
    pub fn floe<const N: usize>(&self, arguments: [&str; N]) -> Answer {
        Answer::of(self.command(floe()).args(arguments))
    }

    /// The server under test, initialised for `folder`.
    pub fn server(&self, folder: &Path) -> Client {
        let mut command = self.command(floe());
        command.arg("lsp").stderr(Stdio::inherit());
        let mut client = Client::start(&mut command).expect("the server starts");
        client.initialize(folder, &serde_json::Value::Null).expect("the server initialises");
        client
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is in a store is read-only, folders included.
        let _ = Command::new("chmod").args(["-R", "u+w"]).arg(self.path()).status();
    }
}

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    /// Whether the exit status is 0.
    pub success: bool,
    /// The exit status, if the command was not killed.
    pub status: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub error: String,
}

impl Answer {
    /// Runs the command to its end.
    pub fn of(command: &mut Command) -> Answer {
        let Output { status, stdout, stderr } =
            command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Answer {
            success: status.success(),
            status: status.code(),
            output: String::from_utf8_lossy(&stdout).into_owned(),
            error: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Standard output without its last line end; a failure fails the test.
    #[track_caller]
    pub fn expect(self) -> String {
        assert!(self.success, "{self:#?}");
        self.output.trim_end_matches('\n').to_owned()
    }

    /// Standard error of a command that has to fail orderly: a status, not a signal.
    #[track_caller]
    pub fn expect_failure(self) -> String {
        assert!(self.status.is_some_and(|status| status != 0 && status != 101), "{self:#?}");
        self.error
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Line and character of the first occurrence of `needle`, both from 0, and in ASCII text only.
pub fn position_of(text: &str, needle: &str) -> (u32, u32) {
    let offset = text.find(needle).unwrap_or_else(|| panic!("no {needle:?} in the text"));
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let character = offset - before.rfind('\n').map_or(0, |newline| newline + 1);
    (line as u32, character as u32)
}
