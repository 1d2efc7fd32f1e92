//! What can stand at the cursor: names in scope, attributes of sets that the text or an evaluation
//! knows, options of a NixOS module, packages, files, keywords.

use std::path::Path;

use floe_db::{Db, Evaluated, File, Stamp, module, parse, scopes, source, source_map};
use floe_hir::{Expr, ExprId, Gate, Module, Name, ScopeOwner, SourceMap, Span, Visible, globals};
use floe_types::{builtin_doc, builtin_docs};
use rustc_hash::FxHashSet;

use crate::context::{Context, Step, context};
use crate::cursor::Cursor;
use crate::evaluation::options::{OptionPath, is_module, option_path, options_below};
use crate::evaluation::packages::{candidates, package_names};
use crate::hover::builtin_markdown;
use crate::known::{self, Place, entry_of, is_builtins};

/// What can stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// The text that an item replaces.
    pub replace: Span,
    /// The best first.
    pub items: Vec<CompletionItem>,
    /// Whether there are more than these: ask again when more is written.
    pub incomplete: bool,
}

/// One thing that can stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionItem {
    /// What is shown.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// A few words beside it, like a type.
    pub detail: Option<String>,
    /// What it does, as Markdown.
    pub documentation: Option<String>,
    /// What is written.
    pub insert: String,
}

/// What a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum CompletionKind {
    Variable,
    Parameter,
    Function,
    Attribute,
    Builtin,
    Constant,
    Keyword,
    Option,
    OptionSet,
    Package,
    File,
    Folder,
}

/// What can stand at an offset.
pub fn completion(db: &dyn Db, file: File, offset: u32) -> Completions {
    let cursor = Cursor::new(&parse(db, file).tree, &source(db, file).text, offset);
    let (context, replace) = context(&cursor);
    let written = &cursor.text[replace.start as usize..offset as usize];
    let mut found = Found {
        items: Vec::new(),
        seen: FxHashSet::default(),
        written: written.to_lowercase(),
        incomplete: false,
    };
    match context {
        Context::Expression => expression(db, file, &cursor, &mut found),
        Context::Attribute { base, path } => {
            if let Some(expr) = source_map(db, file).expr_around(base.start, base.end) {
                let place = Place { file, expr };
                attributes(db, place, &path, &mut found);
                packages(db, place, &path, &mut found);
            }
        }
        Context::Binding { path, around } => options(db, file, &around, &path, &mut found),
        Context::Inherit { from: None } => visible(db, file, &cursor, &mut found),
        Context::Inherit { from: Some(set) } => {
            if let Some(expr) = source_map(db, file).expr_around(set.start, set.end) {
                let place = Place { file, expr };
                attributes(db, place, &[], &mut found);
                packages(db, place, &[], &mut found);
            }
        }
        Context::Path(text) => path(db, file, &text, &mut found),
        Context::SearchPath(text) => search_path(db, &text, &mut found),
        Context::Nothing => {}
    }
    Completions { replace, items: found.items, incomplete: found.incomplete }
}

/// The items so far. Of two with one label the first counts: it hides the other.
struct Found {
    items: Vec<CompletionItem>,
    seen: FxHashSet<String>,
    /// What is written already, in lower case.
    written: String,
    incomplete: bool,
}

impl Found {
    fn add(&mut self, label: &str, kind: CompletionKind) -> Option<&mut CompletionItem> {
        if !self.seen.insert(label.to_owned()) {
            return None;
        }
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind,
            detail: None,
            documentation: None,
            insert: attribute_text(label),
        });
        self.items.last_mut()
    }
}

/// A name as an attribute is written: in quotes unless it can stand without.
pub(crate) fn attribute_text(name: &str) -> String {
    if floe_syntax::is_identifier(name) {
        return name.to_owned();
    }
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    format!("\"{escaped}\"")
}

const KEYWORDS: [&str; 7] = ["let", "if", "with", "rec", "assert", "inherit", "or"];

fn expression(db: &dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found) {
    visible(db, file, cursor, found);
    for global in globals().iter().filter(|global| global.gate == Gate::Always) {
        let name = global.name.as_str();
        // Who wants `__head` writes `builtins.head`.
        if !name.starts_with("__") {
            builtin(name, found);
        }
    }
    for keyword in &KEYWORDS[..5] {
        found.add(keyword, CompletionKind::Keyword);
    }
}

/// The names that are bound around the cursor, innermost first.
fn visible(db: &dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found) {
    let (module, map) = (module(db, file), source_map(db, file));
    let scopes = scopes(db, file);
    let expr = innermost(cursor, map, module.root);
    let mut withs = Vec::new();
    for name in scopes.visible(module, expr) {
        match name {
            Visible::Binding(name, binding) => {
                if !floe_syntax::is_identifier(name.as_str()) {
                    continue;
                }
                let entry = entry_of(module, scopes, binding);
                let kind = match (entry, scopes.owner(binding)) {
                    (Some(entry), _) if is_function(module, entry.value) => {
                        CompletionKind::Function
                    }
                    (None, Some(ScopeOwner::Lambda(_))) => CompletionKind::Parameter,
                    _ => CompletionKind::Variable,
                };
                found.add(name.as_str(), kind);
            }
            Visible::With(with) => {
                if let Expr::With { set, .. } = module.expr(with) {
                    withs.push(set);
                }
            }
            Visible::Global(..) => {}
        }
    }
    let lexical = found.items.len();
    for set in withs {
        let place = Place { file, expr: set };
        attributes(db, place, &[], found);
        packages(db, place, &[], found);
    }
    let mut index = 0;
    found.items.retain(|item| {
        index += 1;
        // A variable cannot be written in quotes.
        index <= lexical || item.insert == item.label
    });
}

/// The innermost expression around the cursor. In white space the hole behind the last token counts,
/// which is what the cursor is about to fill.
fn innermost(cursor: &Cursor<'_>, map: &SourceMap, root: ExprId) -> ExprId {
    let end = cursor.token.map_or(cursor.offset, |token| cursor.get(token).end);
    map.expr_at(end.min(cursor.offset)).unwrap_or(root)
}

fn is_function(module: &Module, expr: ExprId) -> bool {
    matches!(module.expr(expr), Expr::Lambda(_))
}

/// The attributes of a value, as far as the text shows them.
fn attributes(db: &dyn Db, base: Place, path: &[String], found: &mut Found) {
    let module_of_base = module(db, base.file);
    if path.is_empty() && is_builtins(module_of_base, base.expr) {
        for doc in builtin_docs() {
            builtin(doc.name, found);
        }
        return;
    }
    let mut place = base;
    for name in path {
        let bound = known::attribute(db, place, Name::new(name));
        let Some(value) = bound.and_then(|bound| bound.value(db)) else { return };
        place = value;
    }
    for set in known::sets(db, place) {
        let module = module(db, set.file);
        let mut entries: Vec<_> = module.attrs[set.attrs.0 as usize].entries.iter().collect();
        entries.sort_by_key(|entry| entry.binding);
        for entry in entries {
            let kind = match is_function(module, entry.value) {
                true => CompletionKind::Function,
                false => CompletionKind::Attribute,
            };
            found.add(entry.name.as_str(), kind);
        }
    }
}

/// The most packages that are listed at a time: a package set has tens of thousands.
const MOST_PACKAGES: usize = 300;

/// The attributes of a package set, as far as they begin with (or else have in them) what is written.
fn packages(db: &dyn Db, base: Place, path: &[String], found: &mut Found) {
    for candidate in candidates(db, base) {
        let candidate = candidate.join(path.iter().cloned());
        let Evaluated::Answer(names) = package_names(db, candidate.intern(db)) else { continue };
        let written = found.written.clone();
        let rank = |name: &str| match name.to_lowercase().find(&written) {
            Some(0) => Some(0),
            Some(_) => Some(1),
            None => None,
        };
        let mut fitting: Vec<(usize, &str)> = names
            .iter()
            .map(|name| name.as_str())
            .filter_map(|name| Some((rank(name)?, name)))
            .collect();
        fitting.sort_by_key(|(rank, _)| *rank);
        found.incomplete |= fitting.len() > MOST_PACKAGES;
        for (_, name) in fitting.into_iter().take(MOST_PACKAGES) {
            found.add(name, CompletionKind::Package);
        }
    }
}

/// The options that a set in a module can define.
fn options(db: &dyn Db, file: File, around: &[Step], path: &[String], found: &mut Found) {
    let Some(steps) = option_path(around, path) else { return };
    if !is_module(db, file) {
        return;
    }
    let Evaluated::Answer(below) = options_below(db, OptionPath::new(db, steps)) else { return };
    for option in below {
        let kind = match &option.option {
            Some(_) => CompletionKind::Option,
            None => CompletionKind::OptionSet,
        };
        if let Some(item) = found.add(&option.name, kind) {
            item.detail =
                option.option.as_ref().and_then(|details| details.type_description.clone());
            item.documentation = option.markdown();
        }
    }
}

fn builtin(name: &str, found: &mut Found) {
    let kind = match name {
        "true" | "false" | "null" => CompletionKind::Constant,
        _ => CompletionKind::Builtin,
    };
    let doc = builtin_doc(name);
    if let Some(item) = found.add(name, kind) {
        item.insert = name.to_owned();
        item.detail = doc.map(|doc| doc.signature.to_owned());
        item.documentation = doc.map(builtin_markdown);
    }
}

/// Files and folders beside what is written of a path.
fn path(db: &dyn Db, file: File, text: &str, found: &mut Found) {
    let folder = text.rfind('/').map_or("./", |slash| &text[..=slash]);
    if let Some(folder) = known::resolve_path(file.path(db), folder) {
        entries(db, &folder, found);
    }
}

fn search_path(db: &dyn Db, text: &str, found: &mut Found) {
    let nixpkgs = floe_db::nixpkgs(db);
    if let Some((prefix, _)) = text.rsplit_once('/') {
        if let Some(folder) = nixpkgs.search_path.find(prefix) {
            entries(db, &folder, found);
        }
        return;
    }
    for entry in nixpkgs.search_path.entries.iter().filter(|entry| !entry.prefix.is_empty()) {
        if let Some(item) = found.add(&entry.prefix, CompletionKind::Folder) {
            item.detail = Some(entry.path.display().to_string());
        }
    }
}

fn entries(db: &dyn Db, folder: &Path, found: &mut Found) {
    // A new file in the folder changes its stamp.
    db.file(folder).stamp(db);
    let system = db.files().system();
    let names = system.read_dir(folder).unwrap_or_default().into_iter();
    let mut names: Vec<String> = names.filter_map(|(name, _)| name.into_string().ok()).collect();
    names.sort();
    // A name with other characters cannot stand in a path literal.
    let fits = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
    };
    for name in names.iter().filter(|name| !name.starts_with('.') && fits(name)) {
        let is_folder =
            matches!(db.files().system().stamp(&folder.join(name)), Stamp::Directory { .. });
        let kind = if is_folder { CompletionKind::Folder } else { CompletionKind::File };
        if let Some(item) = found.add(name, kind) {
            item.insert.clone_from(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    /// Without the builtins and keywords that can stand anywhere.
    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let mut shown = fixture.show(fixture.file, found.replace) + "\n";
        for item in &found.items {
            if matches!(
                item.kind,
                CompletionKind::Builtin | CompletionKind::Constant | CompletionKind::Keyword
            ) && found.items.len() > 20
            {
                continue;
            }
            shown += &format!("{} {:?}", item.label, item.kind);
            if item.insert != item.label {
                shown += &format!(" inserts {}", item.insert);
            }
            shown += "\n";
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn names_in_scope_innermost_first() {
        check(
            "{ pkgs, lib }: let a = x: x; b = 1; in rec { c = b$0; }",
            &expect![[r#"
            default.nix:1 "b"
            c Variable
            a Function
            b Variable
            pkgs Parameter
            lib Parameter
        "#]],
        );
        check(
            "{ pkgs }: let a = 1; in [ a $0 ]",
            &expect![[r#"
            default.nix:1 ""
            a Variable
            pkgs Parameter
        "#]],
        );
        check(
            "let a = 1; in $0",
            &expect![[r#"
            default.nix:1 ""
            a Variable
        "#]],
        );
        check(
            "let a = 1; b = $0",
            &expect![[r#"
            default.nix:1 ""
            a Variable
            b Variable
        "#]],
        );
    }

    #[test]
    fn names_under_with() {
        check(
            "let s = { x = 1; \"y z\" = 2; }; in with s; $0",
            &expect![[r#"
                default.nix:1 ""
                s Variable
                x Attribute
            "#]],
        );
    }

    #[test]
    fn attributes_of_known_sets() {
        check(
            "let s = { a = 1; b.c = x: x; }; in s.$0",
            &expect![[r#"
            default.nix:1 ""
            a Attribute
            b Attribute
        "#]],
        );
        check(
            "let s = { a = 1; b.c = x: x; }; in [ s.b.$0 ]",
            &expect![[r#"
            default.nix:1 ""
            c Function
        "#]],
        );
        check(
            "let s = { a = 1; }; in { inherit (s) $0; }",
            &expect![[r#"
            default.nix:1 ""
            a Attribute
        "#]],
        );
        check(
            "//- /w/a.nix\n(import ./b.nix { }).$0\n//- /w/b.nix\n{ }: { x = 1; }",
            &expect![[r#"
            a.nix:1 ""
            x Attribute
        "#]],
        );
    }

    #[test]
    fn builtins_and_keywords() {
        let fixture = fixture("{ a = $0 }");
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let labels: Vec<&str> = found.items.iter().map(|item| item.label.as_str()).collect();
        for label in ["builtins", "map", "true", "let", "with"] {
            assert!(labels.contains(&label), "{label} in {labels:?}");
        }
        assert!(!labels.contains(&"__head"));
    }

    #[test]
    fn attributes_of_builtins_are_documented() {
        let fixture = fixture("builtins.$0");
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let head = found.items.iter().find(|item| item.label == "head").unwrap();
        assert_eq!(head.detail.as_deref(), Some("[a] -> a"));
    }

    #[test]
    fn files_and_folders() {
        check(
            "//- /w/a.nix\nimport ./m$0\n//- /w/main.nix\n1\n//- /w/modules/x.nix\n1\n//- /w/.git/x\n",
            &expect![[r#"
                a.nix:1 "m"
                a.nix File
                main.nix File
                modules Folder
            "#]],
        );
        check(
            "//- /w/a.nix\nimport ./modules/$0\n//- /w/modules/x.nix\n1",
            &expect![[r#"
            a.nix:1 ""
            x.nix File
        "#]],
        );
    }

    #[test]
    fn options_of_a_module() {
        let shown = |text: &str| {
            let fixture = fixture(text);
            let found = completion(&fixture.db, fixture.file, fixture.offset);
            let line = |item: &CompletionItem| {
                let detail = item.detail.as_deref().unwrap_or("…");
                format!("{} {:?} {detail}\n", item.label, item.kind)
            };
            found.items.iter().map(line).collect::<String>()
        };
        let openssh = shown("{ config, ... }: { services.openssh.$0 }");
        expect![[r#"
            authorizedKeysFiles Option list of string
            authorizedKeysInHomedir Option boolean
            banner Option null or strings concatenated with "\n"
            enable Option boolean
            extraConfig Option strings concatenated with "\n"
            hostKeys Option list of (submodule)
            listenAddresses Option list of (submodule)
            openFirewall Option boolean
            passwordAuthentication Option unspecified value
            permitRootLogin Option unspecified value
            ports Option list of 16 bit unsigned integer; between 0 and 65535 (both inclusive)
            settings Option open submodule of attribute set of (null or boolean or signed integer or string or list of string)
            startWhenNeeded Option boolean
        "#]].assert_eq(&openssh);
        assert_eq!(shown("{ config, ... }: { services = { openssh.$0 }; }"), openssh);
        assert_eq!(
            shown(
                "{ config, lib, ... }: { config = lib.mkIf true { services.openssh = { $0 }; }; }"
            ),
            openssh
        );
        assert_eq!(
            shown("{ config, ... }: { services.openssh.$0\n  networking.hostName = \"a\"; }"),
            openssh
        );
        expect![[r#"
            default Option boolean
            extraConfig Option strings concatenated with "\n"
            forceSSL Option boolean
            listen Option list of (submodule)
            locations Option attribute set of (submodule)
            root Option null or absolute path
            serverAliases Option list of string
            serverName Option string
            sslCertificate Option null or absolute path
            sslCertificateKey Option null or absolute path
        "#]]
        .assert_eq(&shown("{ config, ... }: { services.nginx.virtualHosts.a.$0 }"));
        assert_eq!(shown("let s = { services.openssh.$0 }; in s"), "");
    }

    #[test]
    fn packages_behind_a_dot_and_under_with() {
        check(
            "{ pkgs, ... }: pkgs.hel$0",
            &expect![[r#"
            default.nix:1 "hel"
            hello Package
            hello-c Package
            mkShell Package
            mkShellNoCC Package
            writeShellApplication Package
            writeShellScript Package
            writeShellScriptBin Package
        "#]],
        );
        check(
            "{ pkgs ? import <nixpkgs> { } }: with pkgs; [ hel$0 ]",
            &expect![[r#"
            default.nix:1 "hel"
            pkgs Parameter
            hello Package
            hello-c Package
            mkShell Package
            mkShellNoCC Package
            writeShellApplication Package
            writeShellScript Package
            writeShellScriptBin Package
        "#]],
        );
        check(
            "let p = import <nixpkgs> { }; in { inherit (p) hel$0; }",
            &expect![[r#"
            default.nix:1 "hel"
            hello Package
            hello-c Package
            mkShell Package
            mkShellNoCC Package
            writeShellApplication Package
            writeShellScript Package
            writeShellScriptBin Package
        "#]],
        );
    }

    #[test]
    fn nothing_in_comments_and_strings() {
        check(
            "# a$0\n{ }",
            &expect![[r#"
            default.nix:1 ""
        "#]],
        );
        check(
            "{ a = \"b$0\"; }",
            &expect![[r#"
            default.nix:1 ""
        "#]],
        );
    }
}
