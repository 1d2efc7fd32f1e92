//! The features over a real nixpkgs: runs where `FLOE_NIXPKGS` names a checkout.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use floe_db::{Change, Database, Db, File, MemorySystem, Settings};

struct Editor {
    db: Database,
    file: File,
    path: PathBuf,
}

impl Editor {
    /// An editor with one file, or nothing where there is no nixpkgs to test with.
    fn open() -> Option<Editor> {
        let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS") else {
            eprintln!("skipped: set FLOE_NIXPKGS to a nixpkgs checkout");
            return None;
        };
        let settings = Settings {
            nixpkgs: Some(nixpkgs.into()),
            nix_path: Some(String::new()),
            ..Settings::default()
        };
        let system = Arc::new(MemorySystem::default());
        let db = Database::new(system, vec!["/w".into()], settings);
        let path = PathBuf::from("/w/configuration.nix");
        let file = db.file(&path);
        Some(Editor { db, file, path })
    }

    /// Writes a text with the cursor at `$0`; gives the cursor's offset.
    fn write(&mut self, text: &str) -> u32 {
        let cursor = text.find("$0").unwrap_or(0);
        let text = text.replace("$0", "");
        self.db.apply(Change::Buffer { path: self.path.clone(), text: text.as_str().into() });
        cursor as u32
    }

    fn completions(&mut self, text: &str) -> Vec<String> {
        let offset = self.write(text);
        let started = Instant::now();
        let found = floe_ide::completion(&self.db, self.file, offset);
        eprintln!("{:>8.1?}  {} completions", started.elapsed(), found.items.len());
        found.items.into_iter().map(|item| item.label).collect()
    }

    fn definition(&mut self, text: &str) -> Option<String> {
        let offset = self.write(text);
        let started = Instant::now();
        let found = floe_ide::goto_definition(&self.db, self.file, offset);
        eprintln!("{:>8.1?}  definition", started.elapsed());
        let target = found.first()?;
        let text = &floe_db::source(&self.db, target.file).text;
        let line = text[..target.span.start as usize].matches('\n').count() + 1;
        Some(format!("{}:{line}", target.file.path(&self.db).display()))
    }

    fn diagnostics(&mut self, text: &str) -> Vec<String> {
        self.write(text);
        let started = Instant::now();
        let found = floe_ide::evaluated_diagnostics(&self.db, self.file);
        eprintln!("{:>8.1?}  evaluated diagnostics", started.elapsed());
        let at = |span: floe_hir::Span| {
            text.get(span.start as usize..span.end as usize).unwrap_or_default()
        };
        found
            .iter()
            .map(|found| {
                format!("{:?}: {}", at(found.span), found.message.lines().next().unwrap_or(""))
            })
            .collect()
    }
}

#[test]
fn options_packages_errors_and_overrides() {
    let Some(mut editor) = Editor::open() else { return };
    let nixpkgs = std::env::var("FLOE_NIXPKGS").unwrap();
    let nixpkgs = Path::new(&nixpkgs);

    let module = |body: &str| format!("{{ config, lib, pkgs, ... }}:\n{{\n  {body}\n}}\n");
    let options = editor.completions(&module("services.openssh.$0"));
    assert!(
        options.iter().any(|name| name == "permitRootLogin" || name == "settings"),
        "{options:?}"
    );
    let options = editor.completions(&module("services.openssh = { e$0 };"));
    assert!(options.iter().any(|name| name == "enable"), "{options:?}");
    let options = editor.completions(&module("services.nginx.virtualHosts.a.$0"));
    assert!(options.iter().any(|name| name == "locations"), "{options:?}");

    let packages =
        editor.completions(&module("environment.systemPackages = with pkgs; [ hell$0 ];"));
    assert!(packages.iter().any(|name| name == "hello"), "{packages:?}");

    let hello =
        editor.definition(&module("environment.systemPackages = [ pkgs.$0hello ];")).unwrap();
    assert!(Path::new(&hello).starts_with(nixpkgs) && hello.contains("hello"), "{hello}");

    let found = editor.diagnostics(&module("networking.hostName = config.networking.hostNam;"));
    assert_eq!(found, ["\"config.networking.hostNam\": attribute 'hostNam' missing"]);
    let found = editor.diagnostics(&module("networking.hostName = config.networking.domai;"));
    assert_eq!(found, ["\"config.networking.domai\": attribute 'domai' missing"]);
    let found = editor.diagnostics(&module("networking.hostName = \"a\";"));
    assert_eq!(found, Vec::<String>::new());

    let text =
        "{ pkgs ? import <nixpkgs> { } }:\npkgs.hello.overrideAttrs (old: { doCheck = false; })\n";
    editor.write(text);
    let started = Instant::now();
    let lenses = floe_ide::code_lenses(&editor.db, editor.file);
    eprintln!("{:>8.1?}  override: {}", started.elapsed(), lenses[0].title);
    assert!(
        lenses[0].title.starts_with("changes 1 attribute, rebuilds 1 derivation"),
        "{lenses:?}"
    );
}
