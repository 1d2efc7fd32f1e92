//! How long it takes an evaluation to notice that it is to end, at places where one step is much work.
//!
//!     cargo run --release -p floe-eval --example interrupt_latency
//!
//! Each piece of work is interrupted at moments spread over the time that it takes; the longest delay counts.
//! With words behind `--`, only what has one of them in its name is measured.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fmt::Write as _, fs, thread};

use floe_eval::error::ErrorKind;
use floe_eval::fs::RealFileSystem;
use floe_eval::heap::Heap;
use floe_eval::settings::Settings;
use floe_eval::store::ReadOnlyStore;
use floe_eval::{Console, Evaluator, Options, with_big_stack};

const MOMENTS: u32 = 40;

struct Silent;

impl Console for Silent {
    fn trace(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}

/// Runs a program; `interrupt` says after how long it is told to end. How long it took, and how long it went
/// on afterwards.
fn run(program: &str, interrupt: Option<Duration>) -> (Duration, Option<Duration>) {
    with_big_stack(|stack_bytes| {
        let heap = Heap::new();
        let settings =
            Settings { max_call_depth: u32::MAX, ends_at_once: true, ..Settings::default() };
        let flag = settings.interrupt.clone();
        let store = ReadOnlyStore::new(floe_store::StoreDir::default(), None);
        let console = Rc::new(Silent);
        let options =
            Options { settings, fs: Rc::new(RealFileSystem), store: Rc::new(store), console };
        let evaluator = Evaluator::new(&heap, options, stack_bytes);
        let started = Instant::now();
        let told = interrupt.map(|after| {
            thread::spawn(move || {
                thread::sleep(after);
                flag.store(true, Ordering::Relaxed);
                Instant::now()
            })
        });
        let result = evaluator
            .eval_text(program, Path::new("/"))
            .and_then(|value| evaluator.force_deep(value));
        let ended = Instant::now();
        let told = told.map(|told| told.join().expect("it only sleeps"));
        let interrupted = result.is_err_and(|error| error.kind() == ErrorKind::Interrupted);
        let delay = told.filter(|_| interrupted).map(|told| ended.saturating_duration_since(told));
        (ended - started, delay)
    })
}

fn measure(name: &str, program: &str) {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some() && !words.any(|word| name.contains(&word)) {
        return;
    }
    let (whole, _) = run(program, None);
    let delays = (1..MOMENTS).filter_map(|moment| run(program, Some(whole * moment / MOMENTS)).1);
    let longest = delays.max().unwrap_or_default();
    println!("{name}: {longest:.1?} of {whole:.0?}");
}

fn main() -> std::io::Result<()> {
    let folder: PathBuf = std::env::temp_dir().join(format!("floe-latency-{}", std::process::id()));
    fs::create_dir_all(folder.join("many"))?;
    let mut large = String::from("{\n");
    for index in 0..45_000 {
        let _ =
            writeln!(large, "  package-{index} = callPackage ../pkgs/{index} {{ inherit a; }};");
    }
    large.push_str("}\n");
    fs::write(folder.join("large.nix"), large.replace("callPackage", "(x: y: x)"))?;
    for index in 0..20_000 {
        fs::write(folder.join("many").join(index.to_string()), "")?;
    }
    let show = folder.display();
    measure("a file of 3 MB", &format!("let a = 1; in builtins.seq (import {show}/large.nix) 1"));
    measure(
        "a folder of 20,000 files",
        &format!("builtins.attrNames (builtins.readDir {show}/many)"),
    );
    measure("a large regular expression", "builtins.match \"((a|b|c){30}(d|e){30}){120}\" \"x\"");
    measure(
        "a set of a million attributes",
        "builtins.length (builtins.attrNames (builtins.listToAttrs (builtins.genList (x: { name = toString (x * 7919); value = x; }) 1000000)))",
    );
    measure(
        "an update of large sets",
        "let a = builtins.listToAttrs (builtins.genList (x: { name = toString x; value = x; }) 300000); in builtins.length (builtins.attrNames (a // builtins.mapAttrs (n: v: v) a))",
    );
    fs::remove_dir_all(folder)
}
