//! What an override changes: `pkgs.hello.override { … }` and `.overrideAttrs (old: { … })`, compared
//! with what they override.

use floe_db::{Db, File, module, source_map};
use floe_hir::{Expr, ExprId, Key, Module, Span};

use crate::evaluation::overrides::{Change, Comparison, comparison, program};

/// An override in a file, and what to say above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLens {
    /// The whole call.
    pub span: Span,
    /// One line.
    pub title: String,
}

/// What an override changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverridePreview {
    /// One line.
    pub summary: String,
    /// All of it, as Markdown.
    pub markdown: String,
}

/// The overrides of a file, each with what it changes.
pub fn code_lenses(db: &dyn Db, file: File) -> Vec<CodeLens> {
    let (module, map) = (module(db, file), source_map(db, file));
    let lens = |found: Override| {
        let title = match compare(db, file, found)? {
            Ok(comparison) => summary(comparison),
            Err(_) => "this override cannot be evaluated".to_owned(),
        };
        Some(CodeLens { span: map.exprs[found.call.0 as usize], title })
    };
    overrides(module).filter_map(lens).collect()
}

/// What the override around an offset changes.
pub fn override_preview(db: &dyn Db, file: File, offset: u32) -> Option<OverridePreview> {
    let found = override_at(db, file, offset)?;
    Some(match compare(db, file, found)? {
        Ok(comparison) => {
            OverridePreview { summary: summary(comparison), markdown: markdown(comparison) }
        }
        Err(error) => OverridePreview {
            summary: "this override cannot be evaluated".to_owned(),
            markdown: format!("This override cannot be evaluated:\n```\n{error}\n```"),
        },
    })
}

fn compare(db: &dyn Db, file: File, found: Override) -> Option<Result<&Comparison, &String>> {
    Some(comparison(db, program(db, file, found)?).known(db)?.as_ref())
}

fn summary(comparison: &Comparison) -> String {
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let changes = comparison.changes.iter().filter(|change| !change.is_rebuild_only()).count();
    match (changes, comparison.rebuilt.len()) {
        (0, 0) => "changes nothing".to_owned(),
        (changes, rebuilt) => format!(
            "changes {}, rebuilds {}",
            count(changes, "attribute"),
            count(rebuilt, "derivation")
        ),
    }
}

/// The most derivations that are listed by name.
const LISTED: usize = 20;

fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("**{}**", comparison.original);
    if comparison.result != comparison.original {
        text += &format!(" → **{}**", comparison.result);
    }
    text += &format!(": {}\n", summary(comparison));
    let changes = comparison.changes.iter().filter(|change| !change.is_rebuild_only());
    let mut lines = String::new();
    for change in changes {
        for (sign, value) in [('-', &change.before), ('+', &change.after)] {
            if let Some(value) = value {
                let value = shorten(&without_hashes(value));
                let value = value.replace('\n', &format!("\n{sign} "));
                lines += &format!("{sign} {} = {value}\n", change.attribute);
            }
        }
    }
    if !lines.is_empty() {
        text += &format!("\n```diff\n{lines}```\n");
    }
    if !comparison.rebuilt.is_empty() {
        let names = comparison.rebuilt.iter().take(LISTED).map(|name| format!("`{name}`"));
        text += &format!("\nRebuilt: {}", names.collect::<Vec<_>>().join(", "));
        if comparison.rebuilt.len() > LISTED {
            text += &format!(" and {} more", comparison.rebuilt.len() - LISTED);
        }
        text.push('\n');
    }
    text
}

impl Change {
    /// Whether the attribute only refers to other builds of the same things.
    fn is_rebuild_only(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => without_hashes(before) == without_hashes(after),
            _ => false,
        }
    }
}

/// `/nix/store/<hash>-name` as `…-name`: what a person sees of it.
fn without_hashes(text: &str) -> String {
    const STORE: &str = "/nix/store/";
    const HASH: usize = 32;
    let mut parts = text.split(STORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut shown, part| {
        match part.get(..HASH) {
            Some(hash) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                shown.push('…');
                shown += &part[HASH..];
            }
            _ => {
                shown += STORE;
                shown += part;
            }
        }
        shown
    })
}

fn shorten(text: &str) -> String {
    const MOST: usize = 400;
    match text.len() > MOST {
        true => format!("{}…", &text[..text.floor_char_boundary(MOST)]),
        false => text.to_owned(),
    }
}

/// A call of `override`, `overrideAttrs` or `overrideDerivation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    /// The call.
    pub(crate) call: ExprId,
}

/// The innermost override around an offset.
pub(crate) fn override_at(db: &dyn Db, file: File, offset: u32) -> Option<Override> {
    let (module, map) = (module(db, file), source_map(db, file));
    let span = |found: &Override| map.exprs[found.call.0 as usize];
    overrides(module)
        .filter(|found| span(found).start <= offset && offset <= span(found).end)
        .min_by_key(|found| span(found).end - span(found).start)
}

/// The overrides of what may be a package.
pub(crate) fn known_overrides(db: &dyn Db, file: File) -> impl Iterator<Item = ExprId> + '_ {
    let found = overrides(module(db, file));
    found.filter(move |found| program(db, file, *found).is_some()).map(|found| found.call)
}

fn overrides(module: &Module) -> impl Iterator<Item = Override> + '_ {
    module.exprs.iter().zip(0..).filter_map(|(expr, id)| {
        let Expr::Apply { fun, .. } = expr else { return None };
        let Expr::Select { path, default: None, .. } = module.expr(*fun) else { return None };
        let Some(Key::Static(last)) = module.keys(path).last() else { return None };
        let is_override =
            matches!(last.as_str(), "override" | "overrideAttrs" | "overrideDerivation");
        is_override.then_some(Override { call: ExprId(id) })
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let lenses = code_lenses(&fixture.db, fixture.file);
        let mut shown = String::new();
        for lens in lenses {
            shown += &format!("{}\n{}\n", fixture.show(fixture.file, lens.span), lens.title);
            let preview = override_preview(&fixture.db, fixture.file, lens.span.start + 1);
            shown += &preview.unwrap().markdown;
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn another_argument() {
        check(
            "{ pkgs }: pkgs.hello.override { greeting = \"Moin\"; }",
            &expect![[r#"
            default.nix:1 "pkgs.hello.override { greeting = \"Moin\"; }"
            changes 1 attribute, rebuilds 1 derivation
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
    fn other_attributes_in_the_scope_that_the_override_stands_in() {
        check(
            "{ pkgs ? import <nixpkgs> { } }:
let name = \"loud\"; in
with pkgs; {
  a = rec { b = \"${name}er\"; c = hello.overrideAttrs (old: { pname = b; }); };
}",
            &expect![[r#"
                default.nix:4 "hello.overrideAttrs (old: { pname = b; })"
                changes 2 attributes, rebuilds 1 derivation
                **hello-1.4.2** → **louder-1.4.2**: changes 2 attributes, rebuilds 1 derivation

                ```diff
                - name = hello-1.4.2
                + name = louder-1.4.2
                - pname = hello
                + pname = louder
                ```

                Rebuilt: `louder-1.4.2`
            "#]],
        );
    }

    #[test]
    fn in_an_overlay() {
        check(
            "final: prev: { hello = prev.hello.override { greeting = \"Moin\"; }; }",
            &expect![[r#"
                default.nix:1 "prev.hello.override { greeting = \"Moin\"; }"
                changes 1 attribute, rebuilds 1 derivation
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
    fn an_override_that_changes_nothing() {
        check(
            "{ pkgs }: pkgs.hello.override { }",
            &expect![[r#"
            default.nix:1 "pkgs.hello.override { }"
            changes nothing
            **hello-1.4.2**: changes nothing
        "#]],
        );
    }

    #[test]
    fn an_override_that_fails() {
        check(
            "{ pkgs }: pkgs.hello.override { x = 1; }",
            &expect![[r#"
            default.nix:1 "pkgs.hello.override { x = 1; }"
            this override cannot be evaluated
            This override cannot be evaluated:
            ```
            function 'anonymous lambda' called with unexpected argument 'x'
            ```"#]],
        );
    }

    #[test]
    fn in_a_function_that_only_its_callers_know_there_is_no_preview() {
        check("{ pkgs }: f: pkgs.hello.override { greeting = f; }", &expect![[""]]);
    }
}
