//! Every file of a nixpkgs checkout is lowered as C++ Nix parses it.
//!
//! `FLOE_NIXPKGS` says where the checkout is; `FLOE_NIX_INSTANTIATE` is the command of the Nix to
//! compare with, perhaps with words before it: `chroot /somewhere nix-instantiate`.

use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use floe_hir::{Definition, ExprId, LowerOptions, Lowered, Scopes, Show, lower};
use floe_syntax::{FlatTree, ParseOptions, SyntaxNode, parse};

/// What C++ Nix rejects too, with the same message: nothing imports these.
const REJECTED: &[&str] = &[
    "/pkgs/development/interpreters/python/cpython/docs/template.nix: undefined variable 'URL'",
    "/pkgs/development/mobile/androidenv/generated/addons.nix: attribute '\"extras;",
    "/pkgs/servers/dns/ncdns/fix-tpl-path.nix: syntax error, unexpected floating-point literal",
];

#[test]
fn all_of_nixpkgs_lowers() {
    let Some(files) = corpus() else { return };
    let mut problems = Vec::new();
    let mut bytes = 0;
    let mut parsing = Duration::ZERO;
    let mut lowering = Duration::ZERO;
    for (path, text) in &files {
        let start = Instant::now();
        let parse = parse(text, &ParseOptions::default());
        let parsed = Instant::now();
        let lowered = lower(&parse.tree, text, &LowerOptions::default());
        lowering += parsed.elapsed();
        parsing += parsed - start;
        bytes += text.len();
        problems.extend(parse.errors.iter().take(1).map(|e| format!("{}: {e}", path.display())));
        if parse.errors.is_empty() {
            problems
                .extend(lowered.problems.iter().map(|p| format!("{}: {}", path.display(), p.kind)));
        }
        assert_scopes_agree(path, text, &lowered);
    }
    problems.retain(|problem| !REJECTED.iter().any(|rejected| problem.contains(rejected)));
    assert_eq!(problems, [""; 0]);
    eprintln!(
        "{} files, {:.1} MB: parsed in {parsing:.1?}, lowered in {lowering:.1?}: {:.1} MB/s",
        files.len(),
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / (parsing + lowering).as_secs_f64()
    );
}

#[test]
fn editor_trees_lower_to_the_same_modules() {
    let Some(files) = corpus() else { return };
    for (path, text) in &files {
        let parse = parse(text, &ParseOptions::default());
        let root = SyntaxNode::new_root(parse.tree.to_green(text));
        let again = FlatTree::from_node(&root);
        let options = LowerOptions::default();
        let same = lower(&parse.tree, text, &options) == lower(&again, text, &options);
        assert!(same, "{}", path.display());
    }
}

/// The evaluator's slots and the editor's scopes must agree on what every variable means.
fn assert_scopes_agree(path: &Path, text: &str, lowered: &Lowered) {
    let scopes = Scopes::new(&lowered.module);
    for id in (0..lowered.module.exprs.len() as u32).map(ExprId) {
        if let Some(Definition::Binding(binding)) = scopes.definition(&lowered.module, id) {
            let used = lowered.source_map.exprs[id.0 as usize];
            let defined = lowered.source_map.names[binding.0 as usize];
            let used = &text[used.start as usize..used.end as usize];
            let defined = &text[defined.start as usize..defined.end as usize];
            assert_eq!(used.trim_matches('"'), defined.trim_matches('"'), "{}", path.display());
        }
    }
}

#[test]
fn all_of_nixpkgs_is_parsed_as_cpp_nix_parses_it() {
    let Some(command) = std::env::var("FLOE_NIX_INSTANTIATE").ok() else {
        eprintln!("skipped: FLOE_NIX_INSTANTIATE names no command");
        return;
    };
    let Some(mut files) = corpus() else { return };
    files.retain(|(path, _)| {
        let rejected = REJECTED.iter().filter_map(|rejected| rejected.split(':').next());
        !rejected.into_iter().any(|end| path.to_string_lossy().ends_with(end))
    });
    let mut words = command.split_whitespace();
    let program = words.next().expect("FLOE_NIX_INSTANTIATE holds a command");
    let arguments: Vec<&str> = words.collect();
    let mut different = Vec::new();
    for batch in files.chunks(1000) {
        let output = Command::new(program)
            .args(&arguments)
            .arg("--parse")
            .args(batch.iter().map(|(path, _)| path))
            .output()
            .expect("the command of FLOE_NIX_INSTANTIATE runs");
        let output = String::from_utf8(output.stdout).expect("Nix prints UTF-8");
        let expected: Vec<&str> = output.lines().collect();
        assert_eq!(expected.len(), batch.len(), "Nix prints one line for each file");
        for ((path, text), expected) in batch.iter().zip(expected) {
            let found = shown(path, text);
            if found != expected && joined(&found) != joined(expected) {
                let common =
                    found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
                let tail = |text: &str| {
                    let tail = text.as_bytes()[common.saturating_sub(40)..].iter().take(120);
                    String::from_utf8_lossy(&tail.copied().collect::<Vec<_>>()).into_owned()
                };
                different.push(format!(
                    "{}\n  expected …{}\n  found    …{}",
                    path.display(),
                    tail(expected),
                    tail(&found)
                ));
            }
        }
    }
    eprintln!("{} files compared", files.len());
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        different[..different.len().min(20)].join("\n")
    );
}

/// C++ Nix makes each escape in an indented string a part of its own, Floe joins them. So compares as
/// if all neighbouring literals were one, which leaves parentheses around some and a `$` before a `{`.
fn joined(shown: &str) -> String {
    shown.replace(['(', ')', '\\'], "").replace("\" + \"", "")
}

fn shown(path: &Path, text: &str) -> String {
    let parse = parse(text, &ParseOptions::default());
    let lowered = lower(&parse.tree, text, &LowerOptions::default());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let resolve_path = |literal: &str| resolve(folder, literal);
    let Lowered { module, source_map, .. } = &lowered;
    let show = Show { module, source_map, text, resolve_path: &resolve_path };
    show.expr(module.root)
}

/// Joins and normalizes as C++ Nix does, which keeps a slash at the end.
fn resolve(folder: &Path, literal: &str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    let joined = match literal.strip_prefix('~') {
        Some(rest) => PathBuf::from(format!("{home}{rest}")),
        None => folder.join(literal),
    };
    let mut parts = Vec::new();
    for component in joined.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    let slash = if literal.ends_with('/') && literal.len() > 1 { "/" } else { "" };
    format!("/{}{slash}", parts.join("/"))
}

/// The Nix files of `FLOE_NIXPKGS` with their texts.
fn corpus() -> Option<Vec<(PathBuf, String)>> {
    let Some(root) = std::env::var_os("FLOE_NIXPKGS") else {
        eprintln!("skipped: FLOE_NIXPKGS names no nixpkgs checkout");
        return None;
    };
    let mut paths = Vec::new();
    nix_files(Path::new(&root), &mut paths);
    paths.sort();
    assert!(paths.len() > 1000, "{root:?} holds only {} Nix files", paths.len());
    let read = |path: PathBuf| Some((path.clone(), std::fs::read_to_string(path).ok()?));
    Some(paths.into_iter().filter_map(read).collect())
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
