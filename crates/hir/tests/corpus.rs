//! Every file of a nixpkgs checkout lowers without a problem. `FLOE_NIXPKGS` says where it is.

use std::path::{Path, PathBuf};

use floe_hir::{LowerOptions, Scopes, lower};
use floe_syntax::{ParseOptions, parse};

/// What C++ Nix rejects too, with the same message: nothing imports these.
const REJECTED: &[&str] = &[
    "/pkgs/development/interpreters/python/cpython/docs/template.nix: undefined variable 'URL'",
    "/pkgs/development/mobile/androidenv/generated/addons.nix: attribute '\"extras;",
    "/pkgs/servers/dns/ncdns/fix-tpl-path.nix: syntax error, unexpected floating-point literal",
];

#[test]
fn all_of_nixpkgs_lowers() {
    let Some(root) = std::env::var_os("FLOE_NIXPKGS") else {
        eprintln!("skipped: FLOE_NIXPKGS names no nixpkgs checkout");
        return;
    };
    let mut files = Vec::new();
    nix_files(Path::new(&root), &mut files);
    files.sort();
    assert!(files.len() > 1000, "{root:?} holds only {} Nix files", files.len());
    let mut problems = Vec::new();
    let mut bytes = 0;
    let mut parsing = std::time::Duration::ZERO;
    let mut time = std::time::Duration::ZERO;
    for path in &files {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let start = std::time::Instant::now();
        let parse = parse(&text, &ParseOptions::default());
        if !parse.errors.is_empty() {
            problems.push(format!("{}: {}", path.display(), parse.errors[0]));
            continue;
        }
        let parsed = start.elapsed();
        let lowered = lower(&parse.tree, &text, &LowerOptions::default());
        parsing += parsed;
        time += start.elapsed();
        bytes += text.len();
        for problem in &lowered.problems {
            problems.push(format!("{}: {}", path.display(), problem.kind));
        }
        // The evaluator's slots and the editor's scopes must agree on what every variable means.
        let scopes = Scopes::new(&lowered.module);
        for id in (0..lowered.module.exprs.len() as u32).map(floe_hir::ExprId) {
            let Some(floe_hir::Definition::Binding(binding)) =
                scopes.definition(&lowered.module, id)
            else {
                continue;
            };
            let used = lowered.source_map.exprs[id.0 as usize];
            let defined = lowered.source_map.names[binding.0 as usize];
            let used = &text[used.start as usize..used.end as usize];
            let defined = &text[defined.start as usize..defined.end as usize];
            assert_eq!(used.trim_matches('"'), defined.trim_matches('"'), "{}", path.display());
        }
    }
    problems.retain(|problem| !REJECTED.iter().any(|path| problem.contains(path)));
    assert_eq!(problems, [""; 0]);
    eprintln!(
        "{} files, {:.1} MB: parsed in {parsing:.1?}, lowered in {:.1?}: {:.1} MB/s",
        files.len(),
        bytes as f64 / 1e6,
        time - parsing,
        bytes as f64 / 1e6 / time.as_secs_f64()
    );
}

fn nix_files(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => nix_files(&path, files),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|e| e == "nix") => {
                files.push(path);
            }
            _ => {}
        }
    }
}
