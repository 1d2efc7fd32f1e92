//! From a name to the place that gives it its meaning: variables, attributes of sets that the text
//! shows, paths and what they import. What the text does not show, evaluation is asked for.

use floe_db::{Db, File, module, scopes};
use floe_hir::{AttrKind, Expr, Span};

use crate::evaluation::options::option_under_cursor;
use crate::evaluation::packages::{Candidate, PackageInfo, candidates, package_info};
use crate::known::{self, Bound, Place, entry_of};
use crate::navigation::library_binding;
use crate::symbol::{Symbol, path_to_key, symbol_at};
use crate::typed::bound_by_type;

/// A place to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NavigationTarget {
    /// The file.
    pub file: File,
    /// The range in it.
    pub span: Span,
}

/// The definitions of what is under the cursor.
pub fn goto_definition(db: &dyn Db, file: File, offset: u32) -> Vec<NavigationTarget> {
    let Some((symbol, span)) = symbol_at(db, file, offset) else { return Vec::new() };
    let target = match symbol {
        Symbol::Path(expr) => known::path(db, Place { file, expr })
            .and_then(|path| known::imported_file(db, &path))
            .map(start_of),
        Symbol::SearchPath(expr) => search_path(db, Place { file, expr }),
        Symbol::Variable(_) | Symbol::Key { .. } => match definition_of(db, file, symbol) {
            Some(bound) => {
                let bound = origin(db, bound);
                // What a binding passes on from a package set, it does not define.
                passed_on(db, bound)
                    .and_then(|info| package_target(db, &info))
                    .or_else(|| Some(navigate(db, bound)))
            }
            None => match library_binding(db, file, symbol)
                .map(|bound| navigate(db, bound))
                .or_else(|| package(db, file, symbol).and_then(|info| package_target(db, &info)))
            {
                Some(target) => Some(target),
                // Several calls can give several sets.
                None => {
                    let bound = bound_by_type(db, file, symbol).into_iter();
                    return bound.map(|bound| navigate(db, origin(db, bound))).collect();
                }
            },
        },
        Symbol::Binding(binding) => option(db, file, span.end)
            .or_else(|| Some(navigate(db, origin(db, Bound { file, binding })))),
    };
    target.into_iter().collect()
}

/// What evaluation knows about a part of a package set that a symbol names.
pub(crate) fn package(db: &dyn Db, file: File, symbol: Symbol) -> Option<PackageInfo> {
    let found = match symbol {
        Symbol::Variable(expr) => candidates(db, Place { file, expr }),
        Symbol::Key { expr, index } => {
            let (base, path) = path_to_key(module(db, file), expr, index)?;
            let names = || path.iter().map(|name| name.as_str().to_owned());
            let bases = candidates(db, Place { file, expr: base }).into_iter();
            bases.map(|base| base.join(names())).collect()
        }
        _ => Vec::new(),
    };
    let info = |candidate: &Candidate| package_info(db, candidate.intern(db)).known(db)?.clone();
    found.iter().find_map(info)
}

/// The same for a binding that only has the value from elsewhere: `inherit (pkgs) hello;`.
pub(crate) fn passed_on(db: &dyn Db, bound: Bound) -> Option<PackageInfo> {
    let entry = entry_of(module(db, bound.file), scopes(db, bound.file), bound.binding)?;
    match entry.kind {
        AttrKind::InheritedFrom => {
            package(db, bound.file, Symbol::Key { expr: entry.value, index: 0 })
        }
        AttrKind::Plain | AttrKind::Inherited => None,
    }
}

fn package_target(db: &dyn Db, info: &PackageInfo) -> Option<NavigationTarget> {
    let places = info.definition.iter().chain(&info.attribute);
    places.filter_map(|place| place.target(db)).next()
}

/// Where the option that a module defines at the cursor is declared.
fn option(db: &dyn Db, file: File, offset: u32) -> Option<NavigationTarget> {
    let info = option_under_cursor(db, file, offset)?;
    info.option?.declarations.iter().find_map(|place| place.target(db))
}

/// What binds the name of a symbol, by the text alone.
pub(crate) fn definition_of(db: &dyn Db, file: File, symbol: Symbol) -> Option<Bound> {
    match symbol {
        Symbol::Variable(expr) => known::variable(db, Place { file, expr }),
        Symbol::Key { expr, index } => {
            let (base, path) = path_to_key(module(db, file), expr, index)?;
            known::attribute_at(db, Place { file, expr: base }, &path)
        }
        Symbol::Binding(binding) => Some(Bound { file, binding }),
        Symbol::Path(_) | Symbol::SearchPath(_) => None,
    }
}

/// Where a binding that only passes a value on has it from: `inherit a;`, `inherit (s) a;`.
pub(crate) fn origin(db: &dyn Db, mut bound: Bound) -> Bound {
    // An `inherit` can lead to the next one, but never back: 32 files of them are enough.
    for _ in 0..32 {
        let file = bound.file;
        let Some(entry) = entry_of(module(db, file), scopes(db, file), bound.binding) else {
            break;
        };
        let symbol = match entry.kind {
            AttrKind::Plain => break,
            AttrKind::Inherited => Symbol::Variable(entry.value),
            AttrKind::InheritedFrom => Symbol::Key { expr: entry.value, index: 0 },
        };
        match definition_of(db, file, symbol) {
            Some(next) => bound = next,
            None => break,
        }
    }
    bound
}

fn navigate(db: &dyn Db, bound: Bound) -> NavigationTarget {
    NavigationTarget { file: bound.file, span: bound.span(db) }
}

fn start_of(file: File) -> NavigationTarget {
    NavigationTarget { file, span: Span::default() }
}

fn search_path(db: &dyn Db, place: Place) -> Option<NavigationTarget> {
    let module = module(db, place.file);
    let Expr::SearchPath { text, .. } = module.expr(place.expr) else { return None };
    let path = floe_db::nixpkgs(db).search_path.find(module.str(text))?;
    known::imported_file(db, &path).map(start_of)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let targets = goto_definition(&fixture.db, fixture.file, fixture.offset);
        let shown: String =
            targets.iter().map(|target| fixture.show(target.file, target.span) + "\n").collect();
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_innermost_binding_of_a_name() {
        check(
            "let a = 1; in\n let a = 2; in\n $0a",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
        check(
            "{ a ? 1 }:\n a$0",
            &expect![[r#"
            default.nix:1 "a"
        "#]],
        );
        check(
            "args@{ ... }:\n a$0rgs",
            &expect![[r#"
            default.nix:1 "args"
        "#]],
        );
        check(
            "rec { a = 1;\n b = $0a; }",
            &expect![[r#"
            default.nix:1 "a"
        "#]],
        );
    }

    #[test]
    fn an_attribute_of_a_set_that_the_text_shows() {
        check(
            "let\n s = { a.b = 1; };\n in s.a.$0b",
            &expect![[r#"
            default.nix:2 "b"
        "#]],
        );
        check(
            "let\n s = { a = 1; } // {\n a = 2; };\n in s.$0a",
            &expect![[r#"
            default.nix:3 "a"
        "#]],
        );
        check(
            "let f = x:\n { a = x; };\n in (f 1).$0a",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
    }

    #[test]
    fn an_attribute_of_an_argument_that_the_calls_give() {
        check(
            "let f = set: set.$0a;\n one = { a = 1; }; two = {\n a = 2; };\n in f one + f two",
            &expect![[r#"
                default.nix:2 "a"
                default.nix:3 "a"
            "#]],
        );
        check(
            "map (set: set.$0a) [\n { a = 1; } ]",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
        check("set: set.$0a", &expect![[""]]);
    }

    #[test]
    fn through_inherit() {
        check(
            "let\n a = 1;\n s = { inherit a; };\n in s.$0a",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
        check(
            "let\n s = { a = 1; };\n inherit (s) a;\n in $0a",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
        check(
            "let\n a = 1;\n in { inherit $0a; }",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
    }

    #[test]
    fn through_with_innermost_first() {
        check(
            "with { a = 1; };\n with { a = 2; };\n $0a",
            &expect![[r#"
            default.nix:2 "a"
        "#]],
        );
    }

    #[test]
    fn an_imported_path_and_what_is_in_it() {
        let files = "
//- /w/default.nix
let lib = import ./lib; in lib.strings.j$0oin
//- /w/lib/default.nix
{
  strings = import ./strings.nix { };
}
//- /w/lib/strings.nix
{ }: {
  join = 1;
}
";
        check(
            files,
            &expect![[r#"
            lib/strings.nix:2 "join"
        "#]],
        );
        check(
            &files.replace("$0", "").replace("./lib;", "./l$0ib;"),
            &expect![[r#"
            lib/default.nix:1 ""
        "#]],
        );
        check(
            &files.replace("$0", "").replace("./strings.nix {", "./strings.$0nix {"),
            &expect![[r#"
            lib/strings.nix:1 ""
        "#]],
        );
    }

    #[test]
    fn a_package() {
        check(
            "{ pkgs, ... }: pkgs.$0hello",
            &expect![[r#"
            <nixpkgs>/by-name/hello/package.nix:36 ""
        "#]],
        );
        check(
            "{ pkgs, ... }: with pkgs; [ $0hello ]",
            &expect![[r#"
            <nixpkgs>/by-name/hello/package.nix:36 ""
        "#]],
        );
        check(
            "let inherit (import <nixpkgs> { }) hello; in $0hello",
            &expect![[r#"
            <nixpkgs>/by-name/hello/package.nix:36 ""
        "#]],
        );
        check(
            "{ lib, ... }: lib.$0fix",
            &expect![[r#"
                <nixpkgs>/lib/fixed-points.nix:17 "fix"
            "#]],
        );
    }

    #[test]
    fn an_option() {
        check(
            "{ config, ... }: { services.openssh.$0enable = true; }",
            &expect![[r#"
                <nixpkgs>/nixos/modules/services/openssh.nix:81 ""
            "#]],
        );
    }

    #[test]
    fn a_definition_in_a_circle_is_none() {
        check("let a = b; b = a; in a.$0x", &expect![[""]]);
        check(
            "let a = { inherit (a) x; }; in a.$0x",
            &expect![[r#"
            default.nix:1 "x"
        "#]],
        );
    }
}
