//! The workspace of all of nixpkgs: runs where `FLOE_NIXPKGS` names a checkout, and prints how long things
//! take.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use floe_db::{Change, Database, Db, Host, OsSystem, Settings, source};
use floe_ide::Completions;

#[test]
fn symbols_references_and_completions_in_nixpkgs() {
    let Some(root) = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from) else {
        eprintln!("skipped: set FLOE_NIXPKGS to a nixpkgs checkout");
        return;
    };
    let settings = Settings { nixpkgs: Some(root.clone()), ..Settings::default() };
    let db = Database::new(Arc::new(OsSystem), vec![root.clone()], settings);
    let started = Instant::now();
    floe_ide::index_to_make(&db).make(2, || true);
    assert!(floe_ide::index_to_make(&db).is_empty());
    eprintln!("{:>9.1?}  index of the workspace", started.elapsed());
    memory();

    for query in ["", "m", "mkDer", "stdenv.mk", "concatmapstr", "no such name at all"] {
        let started = Instant::now();
        let found = floe_ide::workspace_symbols(&db, query);
        let first = found.first().map_or(String::new(), |symbol| symbol.name.to_string());
        eprintln!("{:>9.1?}  symbols for {query:?}: {} {first}", started.elapsed(), found.len());
    }
    let found = floe_ide::workspace_symbols(&db, "concatMapStringsSep");
    assert!(found.iter().any(|symbol| symbol.file.path(&db).ends_with("lib/strings.nix")));

    let strings = db.file(&root.join("lib/strings.nix"));
    let text = source(&db, strings).text.clone();
    let offset = text.find("\n  concatMapStringsSep =").unwrap() as u32 + 4;
    let started = Instant::now();
    let found = floe_ide::references(&db, strings, offset).unwrap();
    eprintln!("{:>9.1?}  {} references of concatMapStringsSep", started.elapsed(), found.len());
    assert!(found.len() >= 2, "{found:?}");
    memory();

    let path = root.join("pkgs/top-level/all-packages.nix");
    let original = source(&db, db.file(&path)).text.to_string();
    let host = Host::start(db, || {});
    let mut times: Vec<Duration> = Vec::new();
    // In `x.callPackage` it is an attribute of `x` that is completed.
    let is_name = |at: &usize| !original[..*at].ends_with('.');
    let places = original.match_indices("callPackage ../").map(|(at, _)| at);
    let places: Vec<usize> = places.filter(is_name).collect();
    for at in places.iter().step_by(places.len() / 40) {
        let text = format!("{}pyth{}", &original[..*at], &original[*at..]);
        host.change(Change::Buffer { path: path.clone(), text: text.into() });
        let (started, offset) = (Instant::now(), *at as u32 + 4);
        let mut found = completions(&host, &path, offset);
        times.push(started.elapsed());
        // What has to be evaluated comes later, and whoever types on gets it then.
        while found.incomplete && found.items.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(120), "{at}: no package comes");
            found = completions(&host, &path, offset);
        }
        let labels: Vec<_> = found.items.iter().map(|item| &*item.label).collect();
        assert!(labels.iter().any(|label| label.starts_with("python")), "{at}: {labels:?}");
    }
    times.sort();
    eprintln!(
        "{:>9.1?}  edit to completion in all-packages.nix, p95 {:.1?}",
        times[times.len() / 2],
        times[times.len() * 95 / 100]
    );
    memory();
}

fn memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    eprintln!("           {line}");
}

/// What the newest text of a file can be completed with.
fn completions(host: &Host, path: &Path, offset: u32) -> Completions {
    loop {
        let (sender, found) = channel();
        let path = path.to_owned();
        host.read(move |db| {
            std::thread::spawn(move || {
                let complete = || floe_ide::completion(&db, db.file(&path), offset);
                // Somebody may have asked before, and gone.
                let _ = sender.send(floe_db::cancellable(complete));
            });
        });
        if let Ok(found) = found.recv().expect("the reader answers") {
            return found;
        }
    }
}
