//! `cargo xtask bench`: Floe and its peers in turn, in one run, on the same input.
//!
//! Every figure is the median of several runs. A row whose input or peer is missing says what is missing.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use floe_lsp::client::{Client, uri};
use floe_tests::{Home, floe};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let nixpkgs = env::var_os("FLOE_NIXPKGS").map(PathBuf::from);
    let mut table = Table(vec![["measured", "floe", "peer", "ratio"].map(str::to_owned)]);
    match &nixpkgs {
        Some(nixpkgs) => {
            parse_speed(&mut table, nixpkgs)?;
            hello(&mut table, nixpkgs)?;
            edits(&mut table, nixpkgs)?;
        }
        None => say("FLOE_NIXPKGS names no nixpkgs checkout: only the hook is measured")?,
    }
    hook(&mut table)?;
    table.print()
}

/// Reading, parsing and lowering of every file, on one thread.
fn parse_speed(table: &mut Table, nixpkgs: &Path) -> Outcome<()> {
    let mut files = Vec::new();
    collect(nixpkgs, &mut files)?;
    let texts: Vec<String> =
        files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let time = median(3, || {
        let start = Instant::now();
        for text in &texts {
            let parsed = floe_syntax::parse(text, &floe_syntax::ParseOptions::default());
            std::hint::black_box(floe_hir::lower(&parsed.tree, text, &Default::default()));
        }
        Ok(start.elapsed())
    })?;
    let megabytes = bytes as f64 / 1e6;
    table.row([
        format!("parse and lower {} files, {megabytes:.0} MB", texts.len()),
        format!("{:.0} MB/s", megabytes / time.as_secs_f64()),
        String::new(),
        String::new(),
    ]);
    Ok(())
}

/// `hello.drvPath` by a new process.
fn hello(table: &mut Table, nixpkgs: &Path) -> Outcome<()> {
    let home = Home::new();
    let ours = || {
        let mut command = home.command(floe());
        command
            .env("FLOE_STORE", "local")
            .args(["eval", "--raw", "-A", "hello.drvPath"])
            .arg(nixpkgs);
        command
    };
    let Some(nix) = find("nix-instantiate") else {
        let time = median(5, || run(&mut ours()))?;
        table.alone("hello.drvPath, cold", time, "nix-instantiate is not installed");
        return Ok(());
    };
    let theirs = || {
        let mut command = home.command(&nix);
        command.env_remove("FLOE_STORE");
        command.args(["--eval", "--readonly-mode", "-A", "hello.drvPath"]).arg(nixpkgs);
        command
    };
    let (ours, theirs) = in_turn(7, || run(&mut ours()), || run(&mut theirs()))?;
    let version = Command::new(&nix).arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version);
    let version = version.split_whitespace().next_back().unwrap_or_default().to_owned();
    table.pair(&format!("hello.drvPath, cold (nix {version})"), ours, theirs);
    Ok(())
}

/// Edits in the largest file of nixpkgs that people edit.
fn edits(table: &mut Table, nixpkgs: &Path) -> Outcome<()> {
    const EDITS: usize = 60;
    let path = nixpkgs.join("pkgs/top-level/all-packages.nix");
    let text = fs::read_to_string(&path)?;
    let lines: Vec<usize> = (text.lines().enumerate())
        .filter(|(_, line)| {
            line.ends_with("{ };") && line.starts_with("  ") && line.contains(" = ")
        })
        .map(|(number, _)| number)
        .collect();
    let home = Home::new();
    let mut command = home.command(floe());
    command.arg("lsp").stderr(Stdio::inherit());
    let mut server = Client::start(&mut command)?;
    server.initialize(nixpkgs, &Value::Null)?;
    let start = Instant::now();
    server.open(&path, &text)?;
    server.diagnostics(&path, |_| true)?;
    table.alone("open all-packages.nix to diagnostics", start.elapsed(), "");

    let mut version = 1;
    let mut replace = |server: &mut Client, line: usize, end: u64, new: &str| {
        version += 1;
        server.notify(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri(&path), "version": version },
                "contentChanges": [{
                    "range": {
                        "start": { "line": line, "character": 0 },
                        "end": { "line": line, "character": end },
                    },
                    "text": new,
                }],
            }),
        )
    };
    let (mut to_diagnostics, mut to_completion) = (Vec::new(), Vec::new());
    for edit in 0..EDITS {
        let line = lines[edit * lines.len() / EDITS];
        // A mistake, and its end: each edit has diagnostics of its own.
        let mistake = format!("  a{edit} = oops{edit};");
        let start = Instant::now();
        replace(&mut server, line, 0, &mistake)?;
        let wanted = format!("undefined variable 'oops{edit}'");
        server.diagnostics(&path, |found| {
            found.iter().any(|one| one["message"] == wanted.as_str())
        })?;
        to_diagnostics.push(start.elapsed());
        replace(&mut server, line, mistake.len() as u64, "")?;

        let start = Instant::now();
        replace(&mut server, line, 0, "  b = fetch")?;
        server.request_at("textDocument/completion", &path, line as u32, 11)?;
        to_completion.push(start.elapsed());
        replace(&mut server, line, 11, "")?;
        server.diagnostics(&path, |found| found.is_empty())?;
    }
    for (name, times) in [("diagnostics", &mut to_diagnostics), ("completion", &mut to_completion)]
    {
        times.sort();
        let (half, most) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        table.alone(&format!("edit there to {name}, median"), half, "");
        table.alone(&format!("edit there to {name}, 95th percentile"), most, "");
    }
    server.shutdown()?;
    Ok(())
}

/// What a prompt costs in a loaded project in which nothing has changed.
fn hook(table: &mut Table) -> Outcome<()> {
    let home = Home::new();
    home.write("project/.envrc", "export A=1\nPATH_add bin\n");
    let project = home.path().join("project");
    let (ours, theirs) = (Hook::load(&home, &project, floe())?, find("direnv"));
    let Some(direnv) = theirs else {
        let time = median(51, || ours.prompt())?;
        table.alone("hook, nothing changed", time, "direnv is not installed");
        return Ok(());
    };
    let theirs = Hook::load(&home, &project, direnv)?;
    let (ours, theirs) = in_turn(51, || ours.prompt(), || theirs.prompt())?;
    table.pair("hook, nothing changed", ours, theirs);
    Ok(())
}

/// A program that exports the environment of a folder, with the environment that it has exported.
struct Hook<'a> {
    home: &'a Home,
    project: &'a Path,
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Hook<'_> {
    fn load<'a>(home: &'a Home, project: &'a Path, program: PathBuf) -> Outcome<Hook<'a>> {
        let mut hook = Hook { home, project, program, environment: Vec::new() };
        let file = project.join(".envrc");
        let allowed = hook.command().arg("allow").arg(&file).output()?;
        if !allowed.status.success() {
            return Err(String::from_utf8_lossy(&allowed.stderr).into());
        }
        let exported = hook.command().args(["export", "json"]).output()?.stdout;
        let exported: Value = serde_json::from_slice(&exported)?;
        for (name, value) in exported.as_object().ok_or("no environment was exported")? {
            if let Some(value) = value.as_str() {
                hook.environment.push((name.clone(), value.to_owned()));
            }
        }
        Ok(hook)
    }

    fn prompt(&self) -> Outcome<Duration> {
        run(self.command().args(["export", "bash"]))
    }

    fn command(&self) -> Command {
        let mut command = self.home.command(&self.program);
        command.current_dir(self.project).env("PWD", self.project);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What a command takes, from its start to its end.
fn run(command: &mut Command) -> Outcome<Duration> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{command:?} failed: {status}").into()) }
}

fn median(runs: usize, mut work: impl FnMut() -> Outcome<Duration>) -> Outcome<Duration> {
    let mut times = (0..runs).map(|_| work()).collect::<Outcome<Vec<_>>>()?;
    times.sort();
    Ok(times[times.len() / 2])
}

/// Medians of two kinds of work that take turns, so that both see the same machine.
fn in_turn(
    runs: usize,
    mut first: impl FnMut() -> Outcome<Duration>,
    mut second: impl FnMut() -> Outcome<Duration>,
) -> Outcome<(Duration, Duration)> {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        firsts.push(first()?);
        seconds.push(second()?);
    }
    firsts.sort();
    seconds.sort();
    Ok((firsts[runs / 2], seconds[runs / 2]))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            collect(&path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
            files.push(path);
        }
    }
    Ok(())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Rows of four cells.
struct Table(Vec<[String; 4]>);

impl Table {
    fn row(&mut self, cells: [String; 4]) {
        self.0.push(cells);
    }

    fn pair(&mut self, name: &str, ours: Duration, theirs: Duration) {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        self.row([
            name.to_owned(),
            milliseconds(ours),
            milliseconds(theirs),
            format!("{ratio:.2}"),
        ]);
    }

    fn alone(&mut self, name: &str, ours: Duration, remark: &str) {
        self.row([name.to_owned(), milliseconds(ours), remark.to_owned(), String::new()]);
    }

    fn print(&self) -> Outcome<()> {
        let width = |column: usize| {
            self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2), width(3)];
        for (index, row) in self.0.iter().enumerate() {
            let [name, ours, theirs, ratio] = row;
            let [a, b, c, d] = widths;
            say(&format!("| {name:a$} | {ours:>b$} | {theirs:>c$} | {ratio:>d$} |"))?;
            if index == 0 {
                let rules = widths.map(|width| "-".repeat(width));
                say(&format!("| {} |", rules.join(" | ")))?;
            }
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
