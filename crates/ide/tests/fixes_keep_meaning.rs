//! A fixed program means what it meant: all safe fixes of all lints are made in a whole package set, and
//! its derivations are the same before and after. Over the project's own set, and over nixpkgs where
//! `FLOE_NIXPKGS` names a checkout.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::evaluate;
use floe_db::{Database, Db, OsSystem, Settings, source};
use floe_eval::fs::RealFileSystem;

#[test]
fn of_the_own_package_set() {
    let set = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs");
    // Code that the lints have not seen, so that there is something to mend.
    let more = "with builtins; let unused = 1; quoted = rec { \"a\" = if true == (1 < 2) then true else false; }; \
                in { x }: { name = (\"${x.name}\"); isIt = if quoted ? a then quoted.a else false; both = { } // { x = x; }; }";
    let changed = check(
        Path::new(set),
        &[("more.nix", more)],
        "let pkgs = import ROOT { }; in {
          packages = builtins.mapAttrs (name: _: pkgs.${name}.drvPath) (builtins.readDir ROOT/by-name);
          system = (pkgs.nixos { networking.hostName = \"a\"; }).config.networking.hostName;
          more = removeAttrs (import ROOT/more.nix { x = { name = \"b\"; }; }) [ \"both\" ];
        }",
    );
    assert!(changed >= 1, "{changed} files changed");
}

/// A few hundred packages with all that they need, and a NixOS system.
#[test]
fn of_nixpkgs() {
    let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from) else {
        eprintln!("skipped: set FLOE_NIXPKGS to a nixpkgs checkout");
        return;
    };
    let changed = check(
        &nixpkgs,
        &[],
        "let
          pkgs = import ROOT { system = \"x86_64-linux\"; config = { }; overlays = [ ]; };
          inherit (pkgs) lib;
          tried = name: builtins.tryEval (lib.optionalString (lib.isDerivation (pkgs.${name} or null)) pkgs.${name}.drvPath);
          every = 40;
          names = lib.attrNames pkgs;
          sample = lib.filter (name: name != null)
            (lib.imap0 (index: name: if lib.mod index every == 0 then name else null) names);
          chosen = [ \"hello\" \"git\" \"firefox-unwrapped\" \"libreoffice-unwrapped\" \"ghc\" \"rustc\" \"go\" \"systemd\" \"qemu\" \"vim\" \"emacs\" ];
        in {
          packages = lib.genAttrs (chosen ++ sample) tried;
          system = (import ROOT/nixos/lib/eval-config.nix {
            system = \"x86_64-linux\";
            modules = [ {
              fileSystems.\"/\".device = \"/dev/sda1\";
              boot.loader.grub.device = \"/dev/sda\";
              services.openssh.enable = true;
              services.xserver.enable = true;
              services.nginx.enable = true;
              services.postgresql.enable = true;
              # The manual is made of the files themselves.
              documentation.enable = false;
            } ];
          }).config.system.build.toplevel.drvPath;
        }",
    );
    assert!(changed >= 1000, "{changed} files changed");
}

/// Evaluates an expression, in which `ROOT` is a copy of a folder with a few more files, before and after
/// all fixes have been made in it. Tells in how many files.
fn check(folder: &Path, more: &[(&str, &str)], expression: &str) -> usize {
    let root = Scratch::new(&format!("floe-fixes-{}", folder.file_name().unwrap().display()));
    copy(folder, &root.0);
    for (name, text) in more {
        fs::write(root.0.join(name), text).unwrap();
    }
    fs::write(root.0.join("floe.toml"), "[lints]\nall = \"hint\"\n").unwrap();
    let expression = expression.replace("ROOT", &root.0.display().to_string());
    let before = evaluate(RealFileSystem, &expression, &root.0).expect("the set evaluates before");

    let db = Database::new(Arc::new(OsSystem), vec![root.0.clone()], Settings::default());
    let (mut changed, mut fixes) = (0, 0);
    for path in nix_files(&root.0) {
        let file = db.file(&path);
        // A file that is built itself may well change what is built.
        if source(&db, file).text.contains("src = ./.;") {
            continue;
        }
        let Some(fixed) = floe_ide::fix_all(&db, file, None) else { continue };
        assert_ne!(*source(&db, file).text, *fixed.text, "{}", path.display());
        fs::write(&path, &fixed.text).unwrap();
        changed += 1;
        fixes += fixed.fixes;
    }
    eprintln!("{fixes} fixes in {changed} files");
    let after =
        evaluate(RealFileSystem, &expression, &root.0).unwrap_or_else(|error| panic!("{error}"));
    let parts = |text: &str| text.split("; ").map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (parts(&before), parts(&after));
    eprintln!("{} values compared", before.len());
    let different: Vec<_> =
        before.iter().zip(&after).filter(|(before, after)| before != after).take(20).collect();
    assert!(before.len() == after.len() && different.is_empty(), "{different:#?}");
    changed
}

/// A folder for as long as the test lasts.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path.canonicalize().unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), &target).unwrap();
        } else if kind.is_dir() {
            if entry.file_name() != ".git" {
                copy(&path, &target);
            }
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn nix_files(folder: &Path) -> Vec<PathBuf> {
    let (mut pending, mut found) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(folder) = pending.pop() {
        for entry in folder.read_dir().unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            let is_nix = entry.path().extension().is_some_and(|ending| ending == "nix");
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && is_nix {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}
