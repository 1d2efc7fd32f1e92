//! What is wrong with the values of a file: it is evaluated in its role, as a module, a package, a
//! shell, and each error is shown in the user's own code, at the innermost place that led to it.

use floe_db::{Db, Evaluated, File, module, source, source_map};
use floe_eval::error::{ErrorKind, Position, Report};
use floe_hir::Span;

use crate::diagnostics::{Diagnostic, MOST_SHOWN, Related, first, without_suppressed};
use crate::evaluation::check::{check, definition_of_option, file_of, places};
use crate::infer::type_diagnostics;

/// The most places that one error is followed through.
const PLACES: usize = 12;

/// The diagnostics that evaluating a file gives, and what certainly fails in those parts of it that
/// evaluation does not come to: of many the first ones, and one that says how many others there are.
pub fn evaluated_diagnostics(db: &dyn Db, file: File) -> Vec<Diagnostic> {
    let mut found = evaluated(db, file);
    let told: Vec<Span> = found.iter().map(|found| found.span).collect();
    let is_told = |other: &&Diagnostic| {
        told.iter().any(|told| told.start <= other.span.end && other.span.start <= told.end)
    };
    let of_types = type_diagnostics(db, file).iter().filter(|other| !is_told(other));
    let of_types: Vec<&Diagnostic> = of_types.collect();
    found.extend(first(&of_types, MOST_SHOWN, |finding| (*finding).clone()));
    found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    found
}

fn evaluated(db: &dyn Db, file: File) -> Vec<Diagnostic> {
    let Evaluated::Answer(reports) = check(db, file) else { return Vec::new() };
    let told = reports.iter().filter(|report| {
        // Here nothing is fetched and nothing is built; that says nothing about the file.
        !matches!(
            report.kind,
            ErrorKind::Interrupted | ErrorKind::ImportFromDerivation | ErrorKind::Fetch
        )
    });
    let mut found: Vec<Diagnostic> = told.map(|report| diagnostic(db, file, report)).collect();
    found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    found.dedup_by(|b, a| a.span == b.span && a.message == b.message);
    without_suppressed(db, file, found)
}

fn diagnostic(db: &dyn Db, file: File, report: &Report) -> Diagnostic {
    let places = places(report);
    let is_here = |position: &Position| file_of(position).is_some_and(|path| path == file.path(db));
    let blamed = places.iter().find(|(position, _)| is_here(position));
    let span = match blamed {
        Some((position, _)) => position.span,
        // The module system complains about an option, or it is about the file as a whole.
        None => option_span(db, file, &report.message)
            .unwrap_or_else(|| first_line(&source(db, file).text)),
    };
    let mut found = Diagnostic::error(span, report.kind.slug(), report.full_message());
    let others = places.iter().filter(|(position, _)| Some(*position) != blamed.map(|at| at.0));
    let related = others.filter_map(|(position, message)| {
        let related = db.file(file_of(position)?);
        Some(Related { file: related, span: position.span, message: one_line(message) })
    });
    found.related = related.take(PLACES).collect();
    found
}

/// Where the file defines the option that a message names: ``The option `a.b' does not exist``.
fn option_span(db: &dyn Db, file: File, message: &str) -> Option<Span> {
    let (_, rest) = message.split_once('`')?;
    let (option, _) = rest.split_once('\'')?;
    let path: Vec<&str> = option.split('.').map(|name| name.trim_matches('"')).collect();
    let binding = definition_of_option(module(db, file), &path)?;
    Some(source_map(db, file).names[binding.0 as usize])
}

fn first_line(text: &str) -> Span {
    let start = text.len() - text.trim_start().len();
    let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
    Span { start: start as u32, end: end as u32 }
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::{Fixture, fixture};

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let mut shown = String::new();
        for found in evaluated_diagnostics(&fixture.db, fixture.file) {
            let at = fixture.show(fixture.file, found.span);
            shown += &format!("{at} {}: {}\n", found.code, found.message);
            for related in found.related.iter().take(3) {
                let at = fixture.show(related.file, related.span);
                shown += &format!("    {at} {}\n", related.message);
            }
        }
        expected.assert_eq(&Fixture::redact(&shown));
    }

    #[test]
    fn each_attribute_of_a_set_for_itself() {
        check(
            "{ a = 1 + \"x\"; b = { }.c; d = 1; }",
            &expect![[r#"
            default.nix:1 "\"x\"" type-mismatch: cannot add a string to an integer
            default.nix:1 "{ }.c" missing-attribute: attribute 'c' missing
        "#]],
        );
    }

    #[test]
    fn a_wrong_attribute_of_a_package_is_blamed_on_the_line_that_asks_for_it() {
        check(
            "{ pkgs ? import <nixpkgs> { } }:
let
  banner = package: \"${package.pname} ${package.verison}\";
in
pkgs.writeText \"x\" (pkgs.lib.concatMapStringsSep \"\\n\" banner [ pkgs.hello ])",
            &expect![[r#"
                default.nix:3 "package.verison" missing-attribute: attribute 'verison' missing
                Did you mean version?
                    default.nix:3 "package: \"${package.pname} ${package.verison}\"" while calling 'banner'
                    <nixpkgs>/lib/strings.nix:57 "concatStringsSep sep (map f list)" while calling the 'concatStringsSep' builtin
                    <nixpkgs>/lib/strings.nix:56 "list:\n    concatStringsSep sep (map f list)" while calling 'concatMapStringsSep'
            "#]],
        );
    }

    #[test]
    fn a_module_is_evaluated_with_all_others() {
        check(
            "{ config, ... }: { networking.hostName = config.networking.hostNam; }",
            &expect![[r#"
                default.nix:1 "config.networking.hostNam" missing-attribute: attribute 'hostNam' missing
                Did you mean hostName?
                    <nixpkgs>/lib/modules.nix:362 "value" while evaluating the attribute 'value'
                    <nixpkgs>/lib/modules.nix:68 "isAttrs value" while calling the 'isAttrs' builtin
                    <nixpkgs>/lib/modules.nix:68 "&& value._type or null == type" in the left operand of the AND (&&) operator
            "#]],
        );
        check(
            "{ config, ... }: { services.openssh.enabel = true; }",
            &expect![[r#"
                default.nix:1 "enabel" unknown-option: The option `services.openssh.enabel' does not exist. Definition values:
                - In `/w/default.nix': true

                Did you mean `services.openssh.enable', `services.openssh.banner' or `services.openssh.ports'?
                    <nixpkgs>/lib/modules.nix:131 "throw (undeclaredOption prefix options (head tree.unmatched))" while calling the 'throw' builtin
                    <nixpkgs>/lib/modules.nix:188 "seq checked (removeAttrs config [ \"_module\" ])" while calling the 'seq' builtin
                    <nixpkgs>/lib/modules.nix:188 "config" while evaluating the attribute 'config'
            "#]],
        );
        check(
            "{ config, ... }: { services.openssh.enable = \"yes\"; }",
            &expect![[r#"
                default.nix:1 "enable" option-type: A definition for option `services.openssh.enable' is not of type `boolean'. Definition values:
                - In `/w/default.nix': "yes"
                    <nixpkgs>/lib/modules.nix:578 "throw \"A definition for option `${showOption loc}' is not of type `${type.description}'. Definition values:${showDefs wrong}\"" while calling the 'throw' builtin
                    <nixpkgs>/lib/modules.nix:570 "mergedValue" while evaluating the attribute 'mergedValue'
                    <nixpkgs>/lib/modules.nix:529 "value" while evaluating the attribute 'value'
            "#]],
        );
        check("{ config, ... }: { networking.hostName = \"a\"; }", &expect![[""]]);
    }

    #[test]
    fn a_package_is_called_as_callpackage_does() {
        check(
            "{ stdenv, hello }: stdenv.mkDerivation { pname = \"a\"; version = hello.verison; }",
            &expect![[r#"
                default.nix:1 "hello.verison" missing-attribute: attribute 'verison' missing
                Did you mean version?
                    default.nix:1 "version" while evaluating the attribute 'version'
                    <nixpkgs>/stdenv/make-derivation.nix:37 "attrs.version or (throw \"the package '${attrs.pname}' has a pname and no version\")" from the use of 'version'
                    <nixpkgs>/stdenv/make-derivation.nix:54 "name" while evaluating the derivation attribute 'name'
            "#]],
        );
    }

    #[test]
    fn a_function_that_only_its_callers_know_is_not_evaluated() {
        check("{ a, b }: a + 1 + \"x\"", &expect![[""]]);
        check("a: a + 1 + \"x\"", &expect![[""]]);
        check("{ lib, config, hello }: final: prev: { }", &expect![[""]]);
    }

    #[test]
    fn an_error_in_another_file_is_shown_where_this_one_leads_to_it() {
        check(
            "//- /w/a.nix\n{ x = (import ./b.nix).y; }\n//- /w/b.nix\n{ y = throw \"no\"; }",
            &expect![[r#"
                a.nix:1 "(import ./b.nix).y" thrown: no
                    b.nix:1 "throw \"no\"" while calling the 'throw' builtin
                    b.nix:1 "y" while evaluating the attribute 'y'
            "#]],
        );
    }

    #[test]
    fn many_findings_of_types_end_with_how_many_others_there_are() {
        let text: String = (0..300).map(|number| format!("a{number} = 1 2; ")).collect();
        let fixture = fixture(&format!("x: {{ {text} }}"));
        let found = evaluated_diagnostics(&fixture.db, fixture.file);
        assert_eq!(type_diagnostics(&fixture.db, fixture.file).len(), 300);
        assert_eq!(found.len(), MOST_SHOWN + 1);
        assert!(found[MOST_SHOWN].message.contains(", and 99 more from here on"));
    }

    #[test]
    fn what_the_text_tells_is_not_told_again() {
        check("{ a = x; b = throw \"no\"; }", &expect![[""]]);
    }
}
