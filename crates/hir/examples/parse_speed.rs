//! How fast Nix text is parsed and lowered, for `cargo xtask bench`.
//!
//! `parse_speed RUNS PATH…` reads the files named, and those called `*.nix` below the folders named,
//! then goes over all of them RUNS times for each kind of work. It prints lines of a name and a number:
//! `files` and `bytes` once, then processor seconds of this thread for each pass.

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    io::{self, Write as _},
    path::Path,
};

use floe_hir::{LowerOptions, lower};
use floe_syntax::{ParseOptions, parse};
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let runs = arguments.next().and_then(|runs| runs.to_str()?.parse().ok());
    let runs: usize = runs.ok_or("usage: parse_speed RUNS PATH…")?;
    let mut texts = Vec::new();
    for path in arguments {
        read(Path::new(&path), &mut texts)?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "files {}", texts.len())?;
    writeln!(out, "bytes {}", texts.iter().map(String::len).sum::<usize>())?;
    let works = [("flat", to_flat as fn(&str)), ("hir", to_hir), ("rowan", to_rowan)];
    for _ in 0..runs {
        for (name, work) in works {
            let start = thread_seconds();
            for text in &texts {
                work(text);
            }
            writeln!(out, "{name} {:.6}", thread_seconds() - start)?;
        }
    }
    Ok(())
}

/// What the two sinks have in common: the lexer, the parser, its tree in one array.
fn to_flat(text: &str) {
    black_box(parse(black_box(text), &ParseOptions::default()));
}

/// What the evaluator needs of a file.
fn to_hir(text: &str) {
    let parsed = parse(black_box(text), &ParseOptions::default());
    black_box(lower(&parsed.tree, text, &LowerOptions::default()));
}

/// What the editor's features need of a file.
fn to_rowan(text: &str) {
    let parsed = parse(black_box(text), &ParseOptions::default());
    black_box(parsed.tree.to_green(text));
}

/// Files that are not UTF-8 are none that could be parsed.
fn read(path: &Path, texts: &mut Vec<String>) -> io::Result<()> {
    if !path.is_dir() {
        texts.extend(String::from_utf8(fs::read(path)?));
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() || kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
            read(&path, texts)?;
        }
    }
    Ok(())
}

/// Other programs that want the processor do not count.
fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
