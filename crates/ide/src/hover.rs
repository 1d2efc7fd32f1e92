//! What a name means, shown beside it: where it is bound and to what, its documentation comment, or the
//! documentation of a builtin.

use floe_db::{Db, File, module, scopes, source, source_map};
use floe_hir::{Definition, Expr, ScopeOwner, Span, globals};
use floe_types::{BuiltinDoc, Type, builtin_doc};

use crate::completion::attribute_text;
use crate::constant::constant;
use crate::cursor::Cursor;
pub(crate) use crate::doc_comment::doc_comment;
use crate::document_symbols::signature;
use crate::evaluation::all_options::option_for;
use crate::evaluation::options::defined_path;
use crate::evaluation::packages::PackageInfo;
use crate::goto_definition::{definition_of, inherited_key, origin, package, passed_on};
use crate::infer::Typing;
use crate::keyword_docs::keyword_doc;
use crate::known::{self, Bound, Place, entry_of, is_builtins};
use crate::navigation::{library_binding, type_at};
use crate::option_reads::read_markdown;
use crate::override_preview::override_preview;
use crate::symbol::{Symbol, path_to_key, symbol_at};

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The text that it is about.
    pub span: Span,
    /// What there is to say.
    pub markdown: String,
}

/// What there is to say about the place under the cursor.
pub fn hover(db: &dyn Db, file: File, offset: u32) -> Option<Hover> {
    let Some((symbol, span)) = symbol_at(db, file, offset) else {
        return keyword(db, file, offset);
    };
    let markdown = builtin(db, file, symbol)
        .map(|doc| builtin_markdown(&doc))
        .or_else(|| path(db, file, symbol))
        .or_else(|| overriding(db, file, symbol, offset))
        .or_else(|| option_for(db, Some(file), &defined_path(db, file, span.end)?)?.markdown())
        .or_else(|| binding(db, file, symbol))
        .or_else(|| part(db, file, package(db, file, symbol)?))
        .or_else(|| read_markdown(db, file, symbol))
        .or_else(|| inferred(db, file, symbol, offset))?;
    Some(Hover { span, markdown })
}

/// A builtin's documentation as Markdown.
pub(crate) fn builtin_markdown(builtin: &BuiltinDoc) -> String {
    let BuiltinDoc { name, signature, doc } = builtin;
    format!("```nix\nbuiltins.{name} :: {signature}\n```\n\n{doc}")
}

/// On a keyword or an operator: what it does.
fn keyword(db: &dyn Db, file: File, offset: u32) -> Option<Hover> {
    let text = &source(db, file).text;
    // The token that begins at the cursor counts before the one that ends there.
    let cursor = Cursor::new(&floe_db::parse(db, file).tree, text, offset.saturating_add(1));
    let token = cursor.get(cursor.token?);
    let (form, meaning) = keyword_doc(token.kind).filter(|_| offset <= token.end)?;
    let span = Span { start: token.start, end: token.end };
    Some(Hover { span, markdown: format!("```nix\n{form}\n```\n\n{meaning}") })
}

/// On the name `override` itself: what it changes.
fn overriding(db: &dyn Db, file: File, symbol: Symbol, offset: u32) -> Option<String> {
    let Symbol::Key { expr, index } = symbol else { return None };
    let (_, path) = path_to_key(module(db, file), expr, index)?;
    if !path.last()?.as_str().starts_with("override") {
        return None;
    }
    override_preview(db, file, offset).map(|preview| preview.markdown)
}

/// What there is to say about a part of a package set, in a file.
fn part(db: &dyn Db, file: File, (name, info): (String, PackageInfo)) -> Option<String> {
    let markdown = part_markdown(db, Some(file), &name, &info);
    (!markdown.is_empty()).then_some(markdown)
}

/// What there is to say about a part of a package set of this name: of a function that a file binds, what the
/// file says.
pub(crate) fn part_markdown(
    db: &dyn Db,
    file: Option<File>,
    name: &str,
    info: &PackageInfo,
) -> String {
    let function = info.function(db, name);
    if let Some(markdown) = function.and_then(|bound| bound_markdown(db, file, bound)) {
        return markdown;
    }
    let mut markdown = String::new();
    let mut add = |part: String| {
        if !markdown.is_empty() {
            markdown += "\n\n";
        }
        markdown += &part;
    };
    if let Some(name) = &info.name {
        add(format!("**{name}**"));
    }
    if let Some(description) = &info.description {
        add(description.clone());
    }
    if let Some(homepage) = &info.homepage {
        add(format!("<{homepage}>"));
    }
    if let Some(value) = &info.value {
        add(format!("Value: `{}`", value.replace('`', "'")));
    }
    if let Some(place) = info.definition.as_ref().or(info.attribute.as_ref()) {
        add(format!("Defined in `{}:{}`", place.path.display(), place.line));
    }
    markdown
}

fn builtin(db: &dyn Db, file: File, symbol: Symbol) -> Option<BuiltinDoc> {
    let module = module(db, file);
    let name = match symbol {
        Symbol::Variable(expr) => match scopes(db, file).definition(module, expr)? {
            Definition::Global(id) => globals()[id.0 as usize].builtin_name(),
            _ => return None,
        },
        Symbol::Key { expr, index } => {
            let (base, path) = path_to_key(module, expr, index)?;
            // `inherit (builtins) map;`
            let base = match module.expr(base) {
                Expr::InheritFrom(index) => {
                    known::inherited_set(db, Place { file, expr: base }, index)?.expr
                }
                _ => base,
            };
            match path[..] {
                [name] if is_builtins(module, base) => name.as_str(),
                _ => return None,
            }
        }
        _ => return None,
    };
    builtin_doc(name).copied()
}

fn path(db: &dyn Db, file: File, symbol: Symbol) -> Option<String> {
    let path = match symbol {
        Symbol::Path(expr) => known::path(db, Place { file, expr })?,
        Symbol::SearchPath(expr) => {
            let module = module(db, file);
            let Expr::SearchPath { text, .. } = module.expr(expr) else { return None };
            let text = module.str(text);
            match floe_db::nixpkgs(db).search_path.find(text) {
                Some(path) => path,
                None => return Some(format!("`<{text}>` is not in the search path")),
            }
        }
        _ => return None,
    };
    Some(format!("`{}`", path.display()))
}

fn binding(db: &dyn Db, file: File, symbol: Symbol) -> Option<String> {
    let bound = match definition_of(db, file, symbol) {
        Some(bound) => origin(db, bound),
        None => library_binding(db, file, symbol)?,
    };
    if let Some(markdown) = passed_on(db, bound).and_then(|found| part(db, file, found)) {
        return Some(markdown);
    }
    let read = |key| read_markdown(db, bound.file, key);
    if let Some(markdown) = inherited_key(db, bound).and_then(read) {
        return Some(markdown);
    }
    bound_markdown(db, Some(file), bound)
}

/// What the text says about what a file binds, for somebody who is in a file.
fn bound_markdown(db: &dyn Db, file: Option<File>, bound: Bound) -> Option<String> {
    let mut markdown = format!("```nix\n{}\n```", snippet(db, bound)?);
    if let Some(found) = type_of_bound(db, bound) {
        markdown += &format!("\n\nType: `{found}`");
    }
    if let Some(value) = computed(db, bound) {
        markdown += &format!("\n\nValue: `{value}`");
    }
    if let Some(comment) = doc_comment(db, bound) {
        markdown += "\n\n---\n\n";
        markdown += &comment;
    }
    if Some(bound.file) != file {
        let path = bound.file.path(db);
        let shown = db.workspace().roots(db).iter().find_map(|root| path.strip_prefix(root).ok());
        markdown += &format!("\n\n---\n\nin `{}`", shown.unwrap_or(path).display());
    }
    Some(markdown)
}

/// The type of what is bound, unless its text says it.
fn type_of_bound(db: &dyn Db, bound: Bound) -> Option<String> {
    let value = bound.value(db);
    let is_plain = value.is_some_and(|value| {
        !matches!(
            module(db, value.file).expr(value.expr),
            Expr::Var(_)
                | Expr::Select { .. }
                | Expr::Apply { .. }
                | Expr::Lambda(_)
                | Expr::If { .. }
                | Expr::Let { .. }
                | Expr::With { .. }
                | Expr::Binary { .. }
        )
    });
    if is_plain {
        return None;
    }
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let found = inference.type_of_binding(typing.key(bound.file), bound.binding);
    // Of an argument that is a whole library, the name says more.
    let is_long = value.is_none() && inference.attributes(&found).0.len() > LINES;
    let is_known = !matches!(found, Type::Unknown | Type::Never);
    (is_known && !is_long).then(|| inference.display(&found))
}

/// The value of what is bound, if it is made of constants and not one itself.
fn computed(db: &dyn Db, bound: Bound) -> Option<String> {
    let value = bound.value(db)?;
    let is_written = matches!(
        module(db, value.file).expr(value.expr),
        Expr::Int(_) | Expr::Float(_) | Expr::Str(_) | Expr::Path(_) | Expr::Lambda(_)
    );
    let constant = constant(db, value).filter(|_| !is_written)?;
    let text = &source(db, value.file).text;
    let written = text.get(range(source_map(db, value.file).wrapped(value.expr)))?;
    if written.split_whitespace().eq(constant.to_string().split_whitespace()) {
        return None;
    }
    Some(shorten(&constant.to_string()).replace('`', "'"))
}

/// The type of what no text binds.
fn inferred(db: &dyn Db, file: File, symbol: Symbol, offset: u32) -> Option<String> {
    if matches!(symbol, Symbol::Binding(_)) {
        return None;
    }
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let found = type_at(db, &typing, &mut inference, file, offset)?;
    let is_known = !matches!(found, Type::Unknown | Type::Never);
    is_known.then(|| format!("Type: `{}`", inference.display(&found)))
}

/// How many lines of a definition are shown.
const LINES: usize = 8;

fn snippet(db: &dyn Db, bound: Bound) -> Option<String> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let map = source_map(db, bound.file);
    let text = &source(db, bound.file).text;
    let name = &text.get(range(bound.span(db)))?;
    match scopes.owner(bound.binding)? {
        ScopeOwner::Lambda(lambda) => {
            let param = &module.lambdas[lambda.0 as usize].param;
            Some(format!("{name} # argument of {}", signature(map, param)))
        }
        ScopeOwner::Attrs(_) => {
            let entry = entry_of(module, scopes, bound.binding)?;
            let value = map.wrapped(entry.value);
            let value = match module.expr(entry.value) {
                // Of a function, what it takes; the body is what one goes to the definition for.
                Expr::Lambda(lambda) => signature(map, &module.lambdas[lambda.0 as usize].param),
                // `a.b = 1;` binds a set that is not written as one.
                Expr::Attrs(attrs) if !text.get(range(value))?.starts_with(['{', 'r']) => {
                    let entries = &module.attrs[attrs.0 as usize].entries;
                    let mut names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
                    names.sort_by_key(|name| name.as_str());
                    let names = names.iter().map(|name| attribute_text(name.as_str()) + " = …; ");
                    format!("{{ {}}}", names.take(LINES).collect::<String>())
                }
                _ => unindent(text.get(range(value))?, column(text, value.start)),
            };
            Some(format!("{name} = {}", shorten(&value)))
        }
        ScopeOwner::With(_) => None,
    }
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
}

fn column(text: &str, offset: u32) -> usize {
    let line = text[..offset as usize].rfind('\n').map_or(0, |at| at + 1);
    text[line..].len() - text[line..].trim_start_matches(' ').len()
}

/// Takes the indentation of the first line away from the others.
fn unindent(text: &str, by: usize) -> String {
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |mut all, line| {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        all.push('\n');
        all.push_str(&line[spaces.min(by)..]);
        all
    })
}

fn shorten(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = lines[..lines.len().min(LINES)].join("\n");
    let most = shown.floor_char_boundary(800);
    if lines.len() > LINES || most < shown.len() {
        shown.truncate(most);
        shown += if lines.len() > LINES { "\n…" } else { "…" };
    }
    shown
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::{Fixture, fixture};

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match hover(&fixture.db, fixture.file, fixture.offset) {
            None => "nothing\n".to_owned(),
            Some(hover) => {
                let at = fixture.show(fixture.file, hover.span);
                Fixture::redact(&format!("{at}\n{}\n", hover.markdown))
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_binding_with_its_documentation() {
        check(
            "let
  /** The port.

      More than a port. */
  port = {
    number = 22;
  };
in po$0rt.number",
            &expect![[r#"
                default.nix:8 "port"
                ```nix
                port = {
                  number = 22;
                }
                ```

                ---

                The port.

                More than a port.
            "#]],
        );
    }

    #[test]
    fn a_function_shows_what_it_takes() {
        check(
            "rec { f = /** Adds. */ { a, b ? 1, ... }: a + b; g = $0f { }; }",
            &expect![[r#"
                default.nix:1 "f"
                ```nix
                f = { a, b ? …, ... }: …
                ```

                Type: `{ a = Int; b ? Int; ... } -> Int`

                ---

                Adds.
            "#]],
        );
    }

    #[test]
    fn a_plain_comment_above_a_binding_and_the_type_of_its_value() {
        check(
            "let\n  n = 1; # not about f\n  # Adds one.\n  #\n  # To a number.\n  f = x: x + 1;\n  # Not this.\n\n  g = f 1;\nin $0f + g",
            &expect![[r#"
                default.nix:10 "f"
                ```nix
                f = x: …
                ```

                Type: `Int -> Int`

                ---

                Adds one.

                To a number.
            "#]],
        );
        check(
            "let\n  n = 1; # not about g\n  g = n + 1;\nin $0g",
            &expect![[r#"
            default.nix:4 "g"
            ```nix
            g = n + 1
            ```

            Type: `Int`

            Value: `2`
        "#]],
        );
    }

    #[test]
    fn a_value_that_is_made_of_constants() {
        check(
            "let s.port = 22; name = \"a\"; both = \"${name}:\" + s.user; s.user = \"u\"; in $0both",
            &expect![[r#"
                default.nix:1 "both"
                ```nix
                both = "${name}:" + s.user
                ```

                Type: `String`

                Value: `"a:u"`
            "#]],
        );
        check(
            "let a = b; b = a; c = if a then 1 else 2; in $0c",
            &expect![[r#"
            default.nix:1 "c"
            ```nix
            c = if a then 1 else 2
            ```

            Type: `Int`
        "#]],
        );
    }

    #[test]
    fn lists_and_comparisons_of_constants() {
        let value = |text: &str| {
            let fixture = fixture(text);
            let hover = hover(&fixture.db, fixture.file, fixture.offset).unwrap().markdown;
            hover.split("Value: ").nth(1).map(|value| value.trim().to_owned())
        };
        let shows = |text: &str, shown: &str| assert_eq!(value(text).as_deref(), Some(shown));
        shows("let a = [ 1 \"x\" ] ++ b; b = [ ./c true ]; in $0a", "`[ 1 \"x\" ./c true ]`");
        shows("let a = 1 < b; b = 2; in $0a", "`true`");
        shows(
            "let a = [ 1 1 1 1 1 1 1 1 1 1 1 1 ] ++ [ 1 ]; in $0a",
            "`[ 1 1 1 1 1 1 1 1 1 1 1 1 … ]`",
        );
        // It says so itself.
        assert_eq!(value("let a = [ 1   2 ]; in $0a"), None);
        assert_eq!(value("let a = [ (f 1) ]; f = x: x; in $0a"), None);
    }

    #[test]
    fn a_set_that_is_written_as_paths() {
        check(
            "let a.b.c = 1; a.d = 2; in $0a",
            &expect![[r#"
            default.nix:1 "a"
            ```nix
            a = { b = …; d = …; }
            ```
        "#]],
        );
    }

    #[test]
    fn a_function_of_the_library() {
        check(
            "{ lib, ... }: lib.mk$0If true 1",
            &expect![[r#"
            default.nix:1 "mkIf"
            ```nix
            mkIf = condition: …
            ```

            Type: `Any -> Any -> { _type = String; condition = Any; content = Any; }`

            ---

            Definitions that hold only under a condition.

            ---

            in `<nixpkgs>/lib/modules.nix`
        "#]],
        );
        check(
            "{ pkgs, ... }: with pkgs.lib; optional$0s true [ ]",
            &expect![[r#"
            default.nix:1 "optionals"
            ```nix
            optionals = cond: …
            ```

            Type: `Bool -> Any -> Any`

            ---

            A list if a condition holds, and otherwise the empty one.

            ---

            in `<nixpkgs>/lib/lists.nix`
        "#]],
        );
    }

    #[test]
    fn keywords_and_operators() {
        check(
            "$0with { }; 1",
            &expect![[r#"
            default.nix:1 "with"
            ```nix
            with set; expression
            ```

            The attributes of the set as names in the expression. Names that a `let` or a function binds come first, however far out; of several `with`s the innermost counts.
        "#]],
        );
        check(
            "{ } /$0/ { }",
            &expect![[r#"
            default.nix:1 "//"
            ```nix
            a // b
            ```

            The attributes of both sets; where both have one, that of the right. Sets inside are not merged.
        "#]],
        );
        check(
            "{ a }: 1 $0",
            &expect![[r#"
            nothing
        "#]],
        );
    }

    #[test]
    fn a_builtin_that_is_inherited() {
        check(
            "let inherit (builtins) m$0ap; in map",
            &expect![[r#"
            default.nix:1 "map"
            ```nix
            builtins.map :: (a -> b) -> [a] -> [b]
            ```

            The list of what the function gives for each element. The calls happen when an element is needed.
        "#]],
        );
    }

    #[test]
    fn what_a_call_gives() {
        check(
            "let f = { a ? 1 }: { inherit a; b = [ \"x\" ]; }; in (f { }).$0b",
            &expect![[r#"
            default.nix:1 "b"
            ```nix
            b = [ "x" ]
            ```
        "#]],
        );
        check(
            "builtins.mapAttrs (n: v: { x = v; }) { a = 1; } .a.$0x",
            &expect![[r#"
            nothing
        "#]],
        );
        check(
            "(builtins.mapAttrs (n: v: { x = v; }) { a = 1; }).a.$0x",
            &expect![[r#"
            default.nix:1 "x"
            Type: `Int`
        "#]],
        );
    }

    #[test]
    fn an_argument() {
        check(
            "{ lib, pkgs }: $0lib",
            &expect![[r#"
            default.nix:1 "lib"
            ```nix
            lib # argument of { lib, pkgs }: …
            ```
        "#]],
        );
    }

    #[test]
    fn a_builtin_by_either_name() {
        check(
            "builtins.ma$0p",
            &expect![[r#"
            default.nix:1 "map"
            ```nix
            builtins.map :: (a -> b) -> [a] -> [b]
            ```

            The list of what the function gives for each element. The calls happen when an element is needed.
        "#]],
        );
        check(
            "$0toString 1",
            &expect![[r#"
            default.nix:1 "toString"
            ```nix
            builtins.toString :: a -> String
            ```

            The value as a string: numbers, paths, lists (with spaces between), sets with `__toString` or `outPath`. `true` is `"1"`; `false` and `null` are empty.
        "#]],
        );
    }

    #[test]
    fn what_another_file_binds() {
        check(
            "//- /w/a.nix\n(import ./b.nix).$0x\n//- /w/b.nix\n{ x = 1; }",
            &expect![[r#"
            a.nix:1 "x"
            ```nix
            x = 1
            ```

            ---

            in `b.nix`
        "#]],
        );
    }

    #[test]
    fn a_path() {
        check(
            "import ./b$0.nix",
            &expect![[r#"
            default.nix:1 "./b.nix"
            `/w/b.nix`
        "#]],
        );
    }

    #[test]
    fn a_package() {
        check(
            "{ pkgs, ... }: pkgs.$0hello",
            &expect![[r#"
            default.nix:1 "hello"
            **hello-1.4.2**

            Program that prints a friendly greeting

            <https://example.org/floe/hello>

            Defined in `<nixpkgs>/by-name/hello/package.nix:36`
        "#]],
        );
    }

    #[test]
    fn what_no_text_defines_has_its_value() {
        let shown = |text: &str| {
            let fixture = fixture(text);
            let hover = hover(&fixture.db, fixture.file, fixture.offset);
            hover.map(|hover| Fixture::redact(&hover.markdown)).unwrap_or_default()
        };
        assert_eq!(
            shown("{ pkgs }: pkgs.hello.$0version").lines().next(),
            Some("Value: `\"1.4.2\"`")
        );
        let platform = shown("{ stdenv }: stdenv.hostPlatform.$0isLinux");
        assert!(platform.contains("Value: `"), "{platform}");
        let license = shown("{ pkgs }: pkgs.hello.meta.$0license");
        assert!(license.contains("spdxId = "), "{license}");
        let function = shown("{ pkgs }: pkgs.$0mkShell");
        assert!(function.contains("packages"), "{function}");
    }

    #[test]
    fn a_function_of_the_library_by_its_other_names() {
        let shown = |text: &str| {
            let fixture = fixture(text);
            hover(&fixture.db, fixture.file, fixture.offset).map(|hover| hover.markdown)
        };
        let expected = shown("{ lib, ... }: lib.$0mkIf");
        assert!(expected.is_some());
        for text in [
            "{ pkgs, ... }: pkgs.lib.$0mkIf",
            "{ stdenv, ... }: stdenv.lib.$0mkIf",
            "{ pkgs, ... }: pkgs.stdenv.lib.$0mkIf",
            "final: prev: { a = final.lib.$0mkIf; }",
            "{ pkgs, ... }: let inherit (pkgs) lib; in lib.$0mkIf",
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_option() {
        check(
            "{ config, ... }: { services.openssh.$0ports = [ 22 ]; }",
            &expect![[r#"
                default.nix:1 "ports"
                Ports to listen on.

                Type: `list of 16 bit unsigned integer; between 0 and 65535 (both inclusive)`

                Default: `[ 22 ]`

                Declared in `<nixpkgs>/nixos/modules/services/openssh.nix`
            "#]],
        );
    }

    #[test]
    fn an_option_that_is_read() {
        let module = r#"{ config, lib, ... }: let cfg = config.services.site; in {
  options.services.site.port = lib.mkOption {
    type = lib.types.port;
    default = 80;
    description = "Where it listens, not on ${lib.x}.";
  };
  options.services.site.settings = lib.mkOption { };
  config.x = [ cfg.port cfg.settings.a config.services.site ];
}"#;
        check(
            &module.replace("[ cfg.", "[ cfg.$0"),
            &expect![[r#"
            default.nix:8 "port"
            Where it listens, not on ${lib.x}.

            Type: `lib.types.port`

            Default: `80`

            Declared in `/w/default.nix`
        "#]],
        );
        check(
            &module.replace("settings.a", "settings.$0a"),
            &expect![[r#"
            default.nix:8 "a"
            A part of `services.site.settings`.

            Declared in `/w/default.nix`
        "#]],
        );
        check(
            &module.replace("config.services.site ]", "config.services.si$0te ]"),
            &expect![[r#"
            default.nix:8 "site"
            Options in `services.site`: `port`, `settings`
        "#]],
        );
        check(
            "{ config, ... }: with config.services.openssh; { x = po$0rts; }",
            &expect![[r#"
                default.nix:1 "ports"
                Ports to listen on.

                Type: `list of 16 bit unsigned integer; between 0 and 65535 (both inclusive)`

                Default: `[ 22 ]`

                Declared in `<nixpkgs>/nixos/modules/services/openssh.nix`
            "#]],
        );
        check(
            "{ config, ... }: let inherit (config.services.openssh) ports; in { x = po$0rts; }",
            &expect![[r#"
                default.nix:1 "ports"
                Ports to listen on.

                Type: `list of 16 bit unsigned integer; between 0 and 65535 (both inclusive)`

                Default: `[ 22 ]`

                Declared in `<nixpkgs>/nixos/modules/services/openssh.nix`
            "#]],
        );
    }

    #[test]
    fn an_override() {
        check(
            "{ pkgs, ... }: pkgs.hello.over$0ride { greeting = \"Moin\"; }",
            &expect![[r#"
                default.nix:1 "override"
                **hello-1.4.2**: changes 1 attribute, rebuilds 1 derivation

                ```diff
                - greeting = Hello, world!
                + greeting = Moin
                ```

                Rebuilt: `hello-1.4.2`

            "#]],
        );
    }

    #[test]
    fn an_unknown_attribute_has_nothing_to_show() {
        check(
            "{ lib }: lib.$0x",
            &expect![[r#"
            nothing
        "#]],
        );
    }
}
