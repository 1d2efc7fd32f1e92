//! Over a whole nixpkgs: run when `FLOE_NIXPKGS` names a checkout.

use std::{fs, path::Path};

use floe_syntax::{ParseOptions, SyntaxNode, parse};
use floe_tests::{Answer, Home, floe, nixpkgs, tool};

#[test]
fn every_file_parses_to_a_tree_whose_text_is_the_file() {
    let Some(nixpkgs) = nixpkgs() else { return };
    let nix = tool("nix-instantiate");
    let (mut files, mut wrong) = (0, Vec::new());
    visit(&nixpkgs, &mut |path| {
        let Ok(text) = fs::read_to_string(path) else { return };
        files += 1;
        let parsed = parse(&text, &ParseOptions::default());
        if SyntaxNode::new_root(parsed.tree.to_green(&text)).to_string() != text {
            wrong.push(format!("{}: the tree's text is another", path.display()));
        }
        // Where we see an error, Nix has to see one too.
        let refused_by_nix = || {
            let nix = nix.as_ref()?;
            let home = Home::new();
            let mut command = home.command(nix);
            Some(!Answer::of(command.arg("--parse").arg(path)).success)
        };
        if !parsed.errors.is_empty() && refused_by_nix() == Some(false) {
            wrong.push(format!("{}: {}", path.display(), parsed.errors[0]));
        }
    });
    assert!(wrong.is_empty(), "{} of {files} files:\n{}", wrong.len(), wrong.join("\n"));
    assert!(files > 1000, "{files} files are no nixpkgs");
}

#[test]
fn the_derivation_path_of_hello_is_that_of_nix() {
    let (Some(nixpkgs), Some(nix)) = (nixpkgs(), tool("nix-instantiate")) else { return };
    let home = Home::new();
    let ours = Answer::of(
        home.command(floe())
            .env("FLOE_STORE", "local")
            .args(["eval", "-A", "hello.drvPath"])
            .arg(&nixpkgs),
    );
    let mut theirs = home.command(nix);
    theirs.args(["--eval", "--readonly-mode", "-A", "hello.drvPath"]).arg(&nixpkgs);
    assert_eq!(ours.expect(), Answer::of(&mut theirs).expect());
}

fn visit(folder: &Path, work: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
        if kind.is_dir() {
            visit(&path, work);
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "nix") {
            work(&path);
        }
    }
}
