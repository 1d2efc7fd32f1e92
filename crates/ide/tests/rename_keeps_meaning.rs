//! A renamed program means what it meant: every binding of a workspace is renamed, one at a time, and the
//! workspace evaluated before and after.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::evaluate;
use floe_db::{Database, Db, MemorySystem, Settings, source, source_map};

/// Texts by path.
type Files = BTreeMap<PathBuf, String>;

const WORKSPACE: &[(&str, &str)] = &[
    (
        "default.nix",
        r#"
let
  lib = import ./lib;
  shared = { host = "example"; ports = { web = 80; mail = 25; }; };
  inherit (shared) host ports;
  inherit (lib.strings) join;
  greet = { name, greeting ? "hello", ... }@args: "${greeting} ${name}" + (if args ? loud then "!" else "");
  merged = { left = 1; } // { right = 2; };
  tower = import ./tower.nix { base = 3; step = lib.inc; };
  scope = rec { callPackage = path: overrides: import path ({ inherit depth; } // overrides); depth = 7; };
  package = scope.callPackage ./package.nix { };
  shadow = let host = "inner"; in [ host shared.host ];
  kept = with ports; [ web mail ];
  nested.deep.value = 1;
  nested.deep.other = nested.deep.value + 1;
  twice = f: x: f (f x);
  dynamic = { "${"com" + "puted"}" = 5; plain = 6; };
in
{
  inherit host merged tower package shadow kept;
  greeting = greet { name = "world"; };
  loud = greet { name = host; loud = true; greeting = "hi"; };
  joined = join "," [ host lib.version ];
  left = merged.left + merged.right;
  four = twice lib.inc 2;
  value = nested.deep.other;
  has = shared ? host && !(shared ? nothing);
  fallback = shared.nothing or ports.web;
  total = (import ./lib).math.sum [ ports.web ports.mail ];
  fromWith = with lib; with math; sum [ (inc 1) ];
  computed = dynamic.computed;
}
"#,
    ),
    (
        "lib/default.nix",
        r#"
let
  strings = import ./strings.nix { inherit sep; };
  sep = ";";
in
rec {
  inherit strings;
  version = "1.0";
  inc = x: x + 1;
  math = import ./math.nix { lib = { inherit inc; }; };
  quoted."odd name" = math.sum [ 1 ];
  odd = quoted."odd name";
}
"#,
    ),
    (
        "lib/strings.nix",
        r#"
{ sep }:
rec {
  join = between: parts: builtins.concatStringsSep (between + sep) parts;
  twice = text: join "" [ text text ];
}
"#,
    ),
    (
        "lib/math.nix",
        r#"
{ lib, start ? 0 }:
let step = acc: n: acc + n; in
{
  sum = builtins.foldl' step start;
  next = lib.inc;
}
"#,
    ),
    (
        "tower.nix",
        r#"
args@{ base, step ? (x: x), ... }:
let height = step base; floors = [ height args.base ]; in
{ inherit height floors; self = { inherit (args) base; }; }
"#,
    ),
    ("package.nix", "{ depth, name ? \"package\" }: { inherit name; size = depth * 2; }\n"),
];

#[test]
fn every_binding_of_a_workspace() {
    let outcome = rename_all(&files_of(WORKSPACE), Path::new("/w/default.nix"), usize::MAX);
    assert!(outcome.renamed >= 60, "{outcome:?}");
    assert!(outcome.across_files >= 6, "{outcome:?}");
}

/// Modules, evaluated by the library of the project's own package set.
const MODULES: &[(&str, &str)] = &[
    (
        "default.nix",
        r#"
let
  lib = import LIBRARY;
  evaluate = more: lib.evalModules {
    modules = [ ./site.nix (import ./proxy.nix { secure = true; }) ./configuration.nix ] ++ more;
    specialArgs = { suffix = "!"; };
  };
  evaluated = evaluate [ ];
in
{
  inherit (evaluated.config) result;
  port = evaluated.config.site.port;
  isSet = evaluated.options.site.port.isDefined;
}
"#,
    ),
    (
        "site.nix",
        r#"
{ config, lib, ... }:
let
  cfg = config.site;
  inherit (lib) mkEnableOption mkIf mkMerge mkOption types;
in
{
  imports = [ ./hosts.nix ./result.nix ];
  options.site = {
    enable = mkEnableOption "the site";
    port = mkOption { type = types.int; default = 80; };
    name = mkOption { type = types.str; default = "localhost"; };
  };
  config = mkIf cfg.enable (mkMerge [
    { result.url = "http://${cfg.name}:${toString cfg.port}"; }
    { result.secure = with config.proxy; secure && enabled; }
    { _module.args.greeting = "hello from ${cfg.name}"; }
  ]);
}
"#,
    ),
    (
        "proxy.nix",
        r#"
{ secure }:
{ config, lib, suffix, ... }@args:
let inherit (config.site) port; in
{
  options.proxy = {
    secure = lib.mkOption { type = lib.types.bool; default = secure; };
    enabled = lib.mkOption { default = args.config.site.enable; };
    target = lib.mkOption { default = "${toString port}${suffix}"; };
  };
}
"#,
    ),
    (
        "hosts.nix",
        r#"
{ config, lib, ... }:
{
  options.hosts = lib.mkOption {
    default = { };
    type = lib.types.attrsOf (lib.types.submodule ({ name, config, ... }: {
      options.root = lib.mkOption { type = lib.types.str; };
      options.index = lib.mkOption { default = "${config.root}/index.html"; };
      options.aliases = lib.mkOption { default = [ ]; };
      config.root = lib.mkDefault "/srv/${name}";
    }));
  };
  config.result.roots = lib.mapAttrsToList (name: host: "${host.root} ${host.index}") config.hosts;
  config.result.aliases = lib.concatMap (host: host.aliases) (lib.attrValues config.hosts);
}
"#,
    ),
    (
        "result.nix",
        r#"
{ lib, greeting, config, ... }:
{
  options.result = lib.mkOption { type = lib.types.attrsOf lib.types.anything; };
  config.result = { inherit greeting; inherit (config.proxy) target; };
}
"#,
    ),
    (
        "configuration.nix",
        r#"
{ config, greeting, ... }:
let port = 8080; in
{
  site = { enable = true; inherit port; };
  site.name = "example.org";
  hosts.a = { name, ... }: { root = "/a/${name}"; aliases = [ greeting ]; };
  hosts.b.aliases = [ config.hosts.a.root ];
}
"#,
    ),
];

#[test]
fn every_binding_of_modules() {
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs/lib");
    let mut files = files_of(MODULES);
    for text in files.values_mut() {
        *text = text.replace("LIBRARY", library);
    }
    let outcome = rename_all(&files, Path::new("/w/default.nix"), usize::MAX);
    eprintln!("{outcome:?}");
    assert!(outcome.renamed >= 45, "{outcome:?}");
    assert!(outcome.across_files >= 30, "{outcome:?}");
}

/// A flake, which is given itself by a path that no text names.
const FLAKE: &[(&str, &str)] = &[
    (
        "default.nix",
        r#"
let outputs = (import (./. + "/flake.nix")).outputs { inherit outputs; self = outputs; }; in outputs
"#,
    ),
    (
        "flake.nix",
        r#"
{
  description = "outputs that ask for each other";
  outputs = { self, ... }@inputs:
    let inherit (self) base; inherit ({ one = 1; two = 2; }) one two; in {
      base = 3 * one;
      lib = import ./lib.nix;
      twice = self.lib.twice base + inputs.self.base * two;
      nested = { inner = 1; outer = self.nested.inner; };
      opened = with self; nested.inner + lib.twice 2;
      overlays.default = final: prev: { foo = 5; bar = final.foo; };
      overlays.other = import ./overlay.nix;
      applied = let final = self.overlays.default final { }; in final.bar;
      other = let final = self.overlays.other final { }; in final.more;
    };
}
"#,
    ),
    ("lib.nix", "rec { add = a: b: a + b; twice = a: add a a; }\n"),
    ("overlay.nix", "last: before: { some = 6; more = last.some; }\n"),
];

#[test]
fn every_binding_of_a_flake() {
    let outcome = rename_all(&files_of(FLAKE), Path::new("/w/default.nix"), usize::MAX);
    eprintln!("{outcome:?}");
    assert!(outcome.renamed >= 20, "{outcome:?}");
    assert!(outcome.across_files >= 1, "{outcome:?}");
}

fn files_of(workspace: &[(&str, &str)]) -> Files {
    let files = workspace.iter();
    files.map(|(path, text)| (Path::new("/w").join(path), (*text).to_owned())).collect()
}

/// Runs where `FLOE_NIXPKGS_LIB` names a folder with nixpkgs' `lib` in it: its own tests say whether it
/// still works.
#[test]
fn some_bindings_of_the_library_of_nixpkgs() {
    let Some(root) = std::env::var_os("FLOE_NIXPKGS_LIB").map(PathBuf::from) else {
        eprintln!("skipped: set FLOE_NIXPKGS_LIB to a folder with nixpkgs' lib");
        return;
    };
    let mut files = Files::new();
    let mut pending = vec![root.join("lib")];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                // These files are on no disk from which they could be copied to a store.
                let text = text
                    .replace("hasInfix \"tests\" ./.", "hasInfix \"tests\" (toString ./.)")
                    .replace("hasInfix builtins.storeDir ./.", "hasInfix \"/\" (toString ./.)");
                files.insert(Path::new("/w").join(path.strip_prefix(&root).unwrap()), text);
            }
        }
    }
    let outcome = rename_all(&files, Path::new("/w/lib/tests/misc.nix"), 200);
    eprintln!("{outcome:?}");
    assert!(outcome.renamed >= 30, "{outcome:?}");
}

#[derive(Debug, Default)]
struct Outcome {
    renamed: usize,
    across_files: usize,
    refused: Vec<String>,
}

/// Renames bindings, at most so many spread over all of them, each in the workspace as it was.
fn rename_all(files: &Files, main: &Path, most: usize) -> Outcome {
    let before = evaluated(files, main).expect("the workspace evaluates");
    let db = database(files);
    let mut bindings = Vec::new();
    for path in files.keys().filter(|path| path.extension().is_some_and(|ending| ending == "nix")) {
        let file = db.file(path);
        bindings.extend(source_map(&db, file).names.iter().map(|span| (file, *span)));
    }
    let every = bindings.len().div_ceil(most).max(1);
    let mut outcome = Outcome::default();
    for (file, span) in bindings.into_iter().step_by(every) {
        let Ok(target) = floe_ide::prepare_rename(&db, file, span.start) else { continue };
        let fresh = format!("{}_", target.name.replace(' ', "_"));
        let edits = match floe_ide::rename(&db, file, span.start, &fresh) {
            Ok(edits) => edits,
            Err(error) => {
                outcome.refused.push(format!("{}: {error}", target.name));
                continue;
            }
        };
        let mut renamed = files.clone();
        for edits in &edits {
            let mut text = source(&db, edits.file).text.to_string();
            floe_syntax::apply_edits(&mut text, &edits.edits).expect("edits fit the text");
            renamed.insert(edits.file.path(&db).clone(), text);
        }
        outcome.renamed += 1;
        outcome.across_files += usize::from(edits.len() > 1);
        let at = format!("{} at {}", target.name, file.path(&db).display());
        let after = evaluated(&renamed, main);
        let after = after.unwrap_or_else(|error| panic!("{at}: {error}\n{renamed:#?}"));
        // An attribute that the result has is there under its new name.
        let after = after.replace(&format!("{fresh} = "), &format!("{} = ", target.name));
        assert_eq!(sorted(&after), sorted(&before), "{at}");
    }
    outcome
}

/// What is printed, in an order that does not depend on the names of attributes.
fn sorted(printed: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = printed.split(' ').collect();
    parts.sort_unstable();
    parts
}

fn system(files: &Files) -> MemorySystem {
    let system = MemorySystem::default();
    for (path, text) in files {
        system.write(path.clone(), text);
    }
    system
}

fn database(files: &Files) -> Database {
    let settings = Settings { nix_path: Some(String::new()), ..Settings::default() };
    Database::new(Arc::new(system(files)), vec!["/w".into()], settings)
}

fn evaluated(files: &Files, main: &Path) -> Result<String, String> {
    evaluate(system(files), &format!("import {}", main.display()), Path::new("/"))
}
