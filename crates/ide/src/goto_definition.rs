//! From a name to the place that gives it its meaning: variables, attributes of sets that the text
//! shows, paths and what they import. What the text does not show, evaluation is asked for.

use floe_db::{Db, File, module, scopes};
use floe_hir::{AttrKind, Expr, Span};

use crate::evaluation::all_options::{option_declarations, option_for};
use crate::evaluation::options::defined_path;
use crate::evaluation::packages::{Candidate, PackageInfo, candidates, package_info};
use crate::known::{self, Bound, Place, entry_of};
use crate::navigation::library_binding;
use crate::option_reads::read_declarations;
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
    if let Symbol::Binding(_) = symbol
        && let Some(path) = defined_path(db, file, span.end)
        && option_for(db, Some(file), &path).is_some_and(|info| info.option.is_some())
    {
        let found = option_declarations(db, file, &path);
        if !found.is_empty() {
            return found;
        }
    }
    let target = match symbol {
        Symbol::Path(expr) => known::path(db, Place { file, expr })
            .and_then(|path| known::imported_file(db, &path))
            .map(start_of),
        Symbol::SearchPath(expr) => search_path(db, Place { file, expr }),
        Symbol::Variable(_) | Symbol::Key { .. } => match definition_of(db, file, symbol) {
            Some(bound) => {
                let bound = origin(db, bound);
                // What a binding passes on from a package set or the configuration, it does not define.
                let package =
                    passed_on(db, bound).and_then(|(name, info)| package_target(db, &name, &info));
                if package.is_none()
                    && let Some(key) = inherited_key(db, bound)
                {
                    let found = read_declarations(db, bound.file, key);
                    if !found.is_empty() {
                        return found;
                    }
                }
                package.or_else(|| Some(navigate(db, bound)))
            }
            None => match library_binding(db, file, symbol)
                .map(|bound| navigate(db, bound))
                .or_else(|| {
                    let (name, info) = package(db, file, symbol)?;
                    package_target(db, &name, &info)
                }) {
                Some(target) => Some(target),
                // Several calls can give several sets.
                None => {
                    let found = read_declarations(db, file, symbol);
                    if !found.is_empty() {
                        return found;
                    }
                    let bound = bound_by_type(db, file, symbol).into_iter();
                    return bound.map(|bound| navigate(db, origin(db, bound))).collect();
                }
            },
        },
        Symbol::Binding(binding) => Some(navigate(db, origin(db, Bound { file, binding }))),
    };
    target.into_iter().collect()
}

/// What evaluation knows about a part of a package set that a symbol names, and its name there.
pub(crate) fn package(db: &dyn Db, file: File, symbol: Symbol) -> Option<(String, PackageInfo)> {
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
    let info = |candidate: &Candidate| {
        let info = package_info(db, candidate.intern(db)).known(db)?.clone()?;
        Some((candidate.path.last()?.clone(), info))
    };
    found.iter().find_map(info)
}

/// The same for a binding that only has the value from elsewhere: `inherit (pkgs) hello;`.
pub(crate) fn passed_on(db: &dyn Db, bound: Bound) -> Option<(String, PackageInfo)> {
    package(db, bound.file, inherited_key(db, bound)?)
}

/// What `inherit (set) name;` selects.
pub(crate) fn inherited_key(db: &dyn Db, bound: Bound) -> Option<Symbol> {
    let entry = entry_of(module(db, bound.file), scopes(db, bound.file), bound.binding)?;
    match entry.kind {
        AttrKind::InheritedFrom => Some(Symbol::Key { expr: entry.value, index: 0 }),
        AttrKind::Plain | AttrKind::Inherited => None,
    }
}

fn package_target(db: &dyn Db, name: &str, info: &PackageInfo) -> Option<NavigationTarget> {
    if let Some(bound) = info.function(db, name) {
        return Some(navigate(db, bound));
    }
    let places = info.definition.iter().chain(&info.attribute);
    places.filter_map(|place| place.target(db)).next()
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
    fn a_function_of_the_library_by_its_other_names() {
        let expected = expect![[r#"
            <nixpkgs>/lib/modules.nix:695 "mkIf"
        "#]];
        check("{ pkgs }: pkgs.lib.$0mkIf", &expected);
        check("{ stdenv }: stdenv.lib.$0mkIf", &expected);
    }

    #[test]
    fn a_function_of_the_package_set_is_where_it_is_written() {
        check(
            "{ pkgs }: pkgs.$0writeTextFile { }",
            &expect![[r#"
                <nixpkgs>/build-support/default.nix:36 "writeTextFile"
            "#]],
        );
    }

    #[test]
    fn an_option() {
        check(
            "{ config, ... }: { services.openssh.$0enable = true; }",
            &expect![[r#"
                <nixpkgs>/nixos/modules/services/openssh.nix:81 "enable"
            "#]],
        );
    }

    const SITE: &str = r#"//- /w/configuration.nix
{ config, ... }: {
  services.site.port = 81;
  networking.hostName = config.services.site.hosts.main.root;
}
//- /w/site.nix
{ config, options, lib, ... }: with lib;
let cfg = config.services.site; inherit (config.services.site) port; in {
  options = {
    services.site = {
      enable = mkEnableOption "the site";
      port = mkOption { type = types.port; };
      settings = mkOption { type = types.attrs; };
      hosts = mkOption { type = types.attrsOf (types.submodule hostOptions); };
    };
  };
  config = mkIf cfg.enable {
    a = cfg.port; b = port; c = options.services.site.port.isDefined; d = cfg.settings.x.y;
    e = with config.services.site; [ port ]; f = { inherit (cfg) hosts; };
    g = mapAttrs (name: host: host.root) cfg.hosts; h = config.services.site;
  };
}
"#;

    /// Where the name behind the text leads to.
    fn definition_behind(text: &str, before: &str) -> String {
        let at = text.find(before).expect("it is there") + before.len();
        let fixture = fixture(&format!("{}$0{}", &text[..at], &text[at..]));
        let targets = goto_definition(&fixture.db, fixture.file, fixture.offset);
        let shown = targets.iter().map(|target| fixture.show(target.file, target.span));
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn an_option_that_is_read_leads_to_where_the_workspace_declares_it() {
        let text = SITE.replace(
            "in {",
            "hostOptions = { name, config, ... }: {\n options.root = mkOption { };\n config.x = config.root; }; in {",
        );
        let reads = [
            "mkIf cfg.",
            "a = cfg.",
            "b = ",
            "c = options.services.site.",
            "options.services.site.port.",
            "d = cfg.",
            "d = cfg.settings.x.",
            "[ ",
            "inherit (cfg) ",
            "inherit (config.services.site) ",
            "host: host.",
            "h = config.services.",
            "hosts.main.",
            "config.services.site.hosts.",
            "config.x = config.",
            "  services.site.",
        ];
        let shown = reads.map(|read| format!("{read}| {}\n", definition_behind(&text, read)));
        expect![[r#"
            mkIf cfg.| site.nix:7 "enable"
            a = cfg.| site.nix:8 "port"
            b = | site.nix:8 "port"
            c = options.services.site.| site.nix:8 "port"
            options.services.site.port.| site.nix:8 "port"
            d = cfg.| site.nix:9 "settings"
            d = cfg.settings.x.| site.nix:9 "settings"
            [ | site.nix:8 "port"
            inherit (cfg) | site.nix:10 "hosts"
            inherit (config.services.site) | site.nix:8 "port"
            host: host.| site.nix:3 "root"
            h = config.services.| site.nix:6 "site"
            hosts.main.| site.nix:3 "root"
            config.services.site.hosts.| site.nix:10 "hosts"
            config.x = config.| site.nix:3 "root"
              services.site.| site.nix:8 "port"
        "#]]
        .assert_eq(&shown.concat());
    }

    #[test]
    fn an_option_of_nixos_that_is_read() {
        check(
            "{ config, ... }: let cfg = config.services.openssh; in { x = cfg.$0enable; }",
            &expect![[r#"
                <nixpkgs>/nixos/modules/services/openssh.nix:81 "enable"
            "#]],
        );
        check("{ config, ... }: { x = config.services.openssh.no$0thing; }", &expect![[""]]);
    }

    #[test]
    fn options_in_forms_that_are_not_one_set() {
        let text = r#"//- /w/default.nix
{ config, lib, ... }: let
  mkPort = default: lib.mkOption { inherit default; };
  common = { shared = lib.mkEnableOption "it"; };
in {
  imports = [ (lib.mkRenamedOptionModule [ "old" "name" ] [ "a" "b" ]) ];
  options.a = { b = mkPort 1; } // common;
  options.c = lib.genAttrs [ "x" "y" ] (name: { z = lib.mkOption { }; });
  options.d = lib.mkOption { type = with lib.types; listOf (nullOr (submodule [ ./d.nix { options.e = mkPort 2; } ])); };
  config.use = [ config.a.b config.a.shared config.c.x.z (map (it: [ it.e it.f ]) config.d) config.old.name ];
}
//- /w/d.nix
{ lib, ... }: { options = import ./f.nix { inherit lib; }; }
//- /w/f.nix
{ lib }: {
  f = lib.mkOption { };
}
"#;
        let reads =
            ["[ config.a.", "b config.a.", "config.c.x.", "[ it.", "it.e it.", "config.old."];
        let shown = reads.map(|read| format!("{read}| {}\n", definition_behind(text, read)));
        expect![[r#"
            [ config.a.| default.nix:6 "b"
            b config.a.| default.nix:3 "shared"
            config.c.x.| default.nix:7 "z"
            [ it.| default.nix:8 "e"
            it.e it.| f.nix:2 "f"
            config.old.| default.nix:5 "\"name\""
        "#]]
        .assert_eq(&shown.concat());
    }

    #[test]
    fn an_option_behind_one_whose_type_has_itself_inside() {
        let text = r#"{ config, lib, ... }: {
  options.all.data = lib.mkOption {
    type = let value = with lib.types; nullOr (oneOf [ str (attrsOf value) (listOf value) ]); in value;
  };
  options.all.other = lib.mkOption { };
  config.x = config.all.$0other;
}"#;
        check(
            text,
            &expect![[r#"
                default.nix:5 "other"
            "#]],
        );
    }

    #[test]
    fn an_option_in_what_a_function_of_the_module_is_called_with() {
        let text = r#"{ config, lib, ... }: let
  cfg = config.site;
  serve = name: site: "${name} ${site.root}";
  host = name: host: host.root;
in {
  options.site.root = lib.mkOption { };
  options.site.hosts = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule { options.root = lib.mkOption { }; });
  };
  config.x = [ (serve "a" cfg) (lib.mapAttrsToList host cfg.hosts) ];
}"#;
        assert_eq!(definition_behind(text, "${site."), "default.nix:6 \"root\"");
        assert_eq!(definition_behind(text, ": host."), "default.nix:8 \"root\"");
    }

    #[test]
    fn an_option_of_a_module_in_a_flake() {
        let text = r#"//- /w/flake.nix
{
  outputs = { self, nixpkgs }: {
    nixosModules.default = { config, lib, ... }: {
      options.services.mine.enable = lib.mkEnableOption "mine";
    };
  };
}
//- /w/other.nix
{ config, ... }: { x = config.services.mine.$0enable; }
"#;
        check(
            text,
            &expect![[r#"
            flake.nix:4 "enable"
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
