//! Types of the database's files: what `floe-types` asks for, from queries.

use std::cell::RefCell;

use floe_db::{Db, File, module, parse, scopes, source_map};
use floe_hir::{ExprId, LambdaId, Module, Name, Param, Scopes};
use floe_types::{FileKey, Host, Inference, Mode, Probable, Type, check};

use crate::diagnostics::{Diagnostic, without_suppressed};
use crate::fixes::{index, levels};
use crate::flake_outputs;
use crate::known;
use crate::lints::{Level, lint};
use crate::overlays;

/// The files that types are inferred over. One of these serves one request.
pub struct Typing<'db> {
    db: &'db dyn Db,
    known: RefCell<Vec<Known<'db>>>,
}

#[derive(Clone, Copy)]
struct Known<'db> {
    file: File,
    module: &'db Module,
    scopes: &'db Scopes,
}

impl<'db> Typing<'db> {
    /// Over a database as it is now.
    pub fn new(db: &'db dyn Db) -> Typing<'db> {
        Typing { db, known: RefCell::default() }
    }

    /// For questions whose answers a person reads.
    pub fn inference(&self) -> Inference<'_> {
        Inference::new(self, Mode::Probable)
    }

    /// How inference names a file.
    pub fn key(&self, file: File) -> FileKey {
        let mut known = self.known.borrow_mut();
        let index = known.iter().position(|known| known.file == file).unwrap_or_else(|| {
            let (module, scopes) = (module(self.db, file), scopes(self.db, file));
            known.push(Known { file, module, scopes });
            known.len() - 1
        });
        FileKey(index as u32)
    }

    /// The file that inference names so.
    pub fn file(&self, key: FileKey) -> File {
        self.get(key).file
    }

    fn get(&self, key: FileKey) -> Known<'db> {
        self.known.borrow()[key.0 as usize]
    }
}

impl Host for Typing<'_> {
    fn module(&self, file: FileKey) -> &Module {
        self.get(file).module
    }

    fn scopes(&self, file: FileKey) -> &Scopes {
        self.get(file).scopes
    }

    fn import(&self, file: FileKey, path: &str) -> Option<FileKey> {
        let path = known::resolve_path(self.file(file).path(self.db), path)?;
        Some(self.key(known::imported_file(self.db, &path)?))
    }

    fn probable_argument(&self, file: FileKey, lambda: LambdaId, name: Name) -> Option<Probable> {
        let known = self.get(file);
        let parameter = &known.module.lambdas[lambda.0 as usize].param;
        match (name.as_str(), parameter) {
            ("lib", Param::Pattern { .. }) => {
                let lib = floe_db::nixpkgs(self.db).path.as_ref()?.join("lib");
                Some(Probable::Root(self.key(known::imported_file(self.db, &lib)?)))
            }
            ("self", Param::Pattern { .. }) => {
                let is_outputs = flake_outputs::outputs(self.db, known.file) == Some(lambda);
                let outputs = known.module.lambdas[lambda.0 as usize].body;
                is_outputs.then_some(Probable::With(file, outputs))
            }
            (_, Param::Simple { .. }) => {
                let result = overlays::result_of_overlay(self.db, known.file, lambda)?;
                Some(Probable::With(file, result))
            }
            _ => None,
        }
    }
}

/// The type of an expression as text; nothing where nothing is known of it.
pub fn type_of(db: &dyn Db, file: File, expr: ExprId) -> Option<String> {
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let found = inference.type_of(typing.key(file), expr);
    match found {
        Type::Unknown | Type::Never => None,
        found => Some(inference.display(&found)),
    }
}

/// Expressions of a file that fail whenever they are evaluated, as the text alone shows: those that the
/// `floe.toml` and the comments want to be told of.
#[salsa::tracked(returns(deref))]
pub fn type_diagnostics(db: &dyn Db, file: File) -> Vec<Diagnostic> {
    // What is not written to its end yet means nothing.
    if !parse(db, file).errors.is_empty() {
        return Vec::new();
    }
    let typing = Typing::new(db);
    let map = source_map(db, file);
    let module = module(db, file);
    let findings = check(&typing, typing.key(file));
    let levels = if findings.is_empty() { Vec::new() } else { levels(db, file) };
    let diagnostics = findings.into_iter().filter_map(|finding| {
        let slug = finding.kind.slug();
        let level = lint(slug).map_or(Level::Error, |lint| levels[index(lint)]);
        if level == Level::Allow {
            return None;
        }
        let whole = map.exprs[finding.expr.0 as usize];
        let span = match (finding.key, module.expr(finding.expr)) {
            (Some(key), floe_hir::Expr::Select { path, .. }) => {
                map.keys.get(path.start as usize + key).copied().unwrap_or(whole)
            }
            _ => whole,
        };
        let found = Diagnostic::error(span, slug, finding.message);
        Some(Diagnostic { severity: level.into(), ..found })
    });
    without_suppressed(db, file, diagnostics.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;

    #[test]
    fn follows_imports_and_the_library() {
        let fixture = fixture(
            "//- /w/a.nix\n{ lib }: [ (import ./b.nix).x (lib.id 1) ]\n//- /w/b.nix\n{ x = \"\"; }",
        );
        let root = module(&fixture.db, fixture.file).root;
        let found = type_of(&fixture.db, fixture.file, root).unwrap();
        assert!(found.ends_with("-> [String | Int]"), "{found}");
    }

    #[test]
    fn what_certainly_fails_has_its_place() {
        let fixture = fixture("//- /w/a.nix\n(import ./b.nix).y + 1 2\n//- /w/b.nix\n{ x = 1; }");
        let shown: Vec<String> = type_diagnostics(&fixture.db, fixture.file)
            .iter()
            .map(|found| fixture.show(fixture.file, found.span) + " " + &found.message)
            .collect();
        assert_eq!(
            shown,
            [
                "a.nix:1 \"y\" attribute 'y' missing",
                "a.nix:1 \"1\" this is called, but it is an integer"
            ]
        );
    }

    #[test]
    fn comments_and_levels_are_respected() {
        let found = |text: &str| -> Vec<String> {
            let fixture = fixture(text);
            let found = type_diagnostics(&fixture.db, fixture.file).iter();
            found.map(|found| format!("{:?} {}", found.severity, found.code)).collect()
        };
        assert_eq!(found("{ a = 1 2; }"), ["Error not-a-function"]);
        assert_eq!(found("{ a = 1 2; } # floe-ignore: not-a-function -- on purpose"), [""; 0]);
        assert_eq!(
            found("# floe-ignore-file: not-a-function\n{ a = 1 2; b = { }.c; }"),
            ["Error missing-attribute"]
        );
        let with_config = |level: &str| {
            found(&format!(
                "//- /w/a.nix\n1 2\n//- /w/floe.toml\n[lints]\nnot-a-function = \"{level}\"\n"
            ))
        };
        assert_eq!(with_config("warn"), ["Warning not-a-function"]);
        assert_eq!(with_config("allow"), [""; 0]);
    }

    #[test]
    fn each_kind_of_finding_is_a_lint_with_a_page() {
        use floe_types::FindingKind as K;
        let kinds = [
            K::NotAFunction,
            K::TypeMismatch,
            K::CannotCoerce,
            K::MissingAttribute,
            K::MissingArgument,
            K::UnexpectedArgument,
        ];
        for slug in kinds.map(K::slug) {
            assert!(lint(slug).is_some_and(crate::lints::Lint::is_of_types), "{slug}");
            assert!(floe_explain::find(slug).is_some(), "{slug} has no page");
        }
    }

    /// Runs where `FLOE_NIXPKGS` or `FLOE_NIXPKGS_LIB` names a checkout, or its library.
    #[test]
    fn nothing_is_found_in_nixpkgs() {
        use std::sync::Arc;
        for variable in ["FLOE_NIXPKGS_LIB", "FLOE_NIXPKGS"] {
            let Some(root) = std::env::var_os(variable) else {
                eprintln!("skipped: set {variable}");
                continue;
            };
            let db = floe_db::Database::new(
                Arc::new(floe_db::OsSystem),
                vec![root.into()],
                floe_db::Settings::default(),
            );
            let mut found = Vec::new();
            let started = std::time::Instant::now();
            let mut slowest = (std::time::Duration::ZERO, String::new());
            let files = crate::workspace_index::workspace_files(&db);
            for file in &files {
                let begun = std::time::Instant::now();
                module(&db, *file);
                let begun = (begun.elapsed(), std::time::Instant::now());
                for diagnostic in type_diagnostics(&db, *file) {
                    let text = &floe_db::source(&db, *file).text;
                    let line = text[..diagnostic.span.start as usize].matches('\n').count() + 1;
                    let path = file.path(&db).display();
                    found.push(format!("{path}:{line}: {}", diagnostic.message));
                }
                slowest = slowest.max((begun.1.elapsed(), file.path(&db).display().to_string()));
            }
            eprintln!("{} files in {:?}, slowest {slowest:?}", files.len(), started.elapsed());
            let expected: Vec<&str> = GENUINE.to_vec();
            found.retain(|found| !expected.iter().any(|genuine| found.contains(genuine)));
            assert!(found.is_empty(), "{}\n{}", found.len(), found.join("\n"));
        }
    }

    /// What really fails in nixpkgs when it is evaluated.
    const GENUINE: [&str; 4] = [
        // The message of an assertion has an integer between its `${ }`.
        "lib/network/internal.nix:109: this is an integer, which cannot stand in a string",
        // The text of an exception is joined by `++`.
        "ocaml-modules/menhir/default.nix:11: expected a list, but this is a string",
        // The extension is called `pass-tomb`.
        "security/pass/default.nix:27: attribute 'tomb' missing",
        // `types.null` is passed on, and never looked at.
        "lib/tests/misc.nix:4590: attribute 'null' missing",
    ];
}
