//! Names that nothing has: the nearest of those that there are, as fixes.

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_eval::suggestions;
use floe_hir::{Gate, Span, Visible, globals};
use floe_syntax::{SyntaxKind as K, TextEdit};

use crate::completion::attribute_text;
use crate::context::{Context, context};
use crate::cursor::Cursor;
use crate::diagnostics::Diagnostic;
use crate::evaluation::all_options::{all_options_below, option_at};
use crate::evaluation::options::{is_module, option_path};
use crate::infer::Typing;
use crate::lints::{Fix, Safety};
use crate::navigation::select;
use crate::symbol::{Symbol, path_to_key, symbol_at};
use crate::tree::Tree;

/// What may have been meant by the name that a diagnostic of a file's text is about, the likeliest first.
pub(crate) fn other_names(db: &dyn Db, file: File, diagnostic: &Diagnostic) -> Vec<Fix> {
    let names = match diagnostic.code {
        "undefined-variable" => bound_names(db, file, diagnostic.span),
        "missing-attribute" => attribute_names(db, file, diagnostic.span).unwrap_or_default(),
        _ => Vec::new(),
    };
    let text = &source(db, file).text;
    let written = &text[diagnostic.span.start as usize..diagnostic.span.end as usize];
    changes(diagnostic.span, written, names.into_iter())
}

/// The option that the module defines at a place, if there is none of this name, and those that may have
/// been meant.
pub(crate) fn misspelt_option(db: &dyn Db, file: File, offset: u32) -> Option<(Span, Vec<Fix>)> {
    let (parse, text) = (parse(db, file), &source(db, file).text);
    let cursor = Cursor::new(&parse.tree, text, offset);
    let (Context::Binding { around, .. }, _) = context(&cursor) else { return None };
    let tree = Tree::new(&parse.tree, text);
    let path = tree.token_at(offset).around(K::AttrPath)?;
    let binding = path.parent().filter(|binding| binding.is(K::Binding))?;
    // A `let` defines no options.
    if !binding.parent()?.is(K::AttrSet) || !is_module(db, file) {
        return None;
    }
    let mut names = Vec::new();
    for attr in path.attrs() {
        let name = attr.name()?;
        let above = option_path(&around, &names)?;
        let is_of_the_module = above.is_empty() && NO_OPTIONS.contains(&name.as_str());
        let options = all_options_below(db, &above);
        if db.lacks_answers() {
            return None;
        }
        let is_known = options.iter().any(|option| option.name == name);
        // The names of an `attrsOf` are free.
        if !is_of_the_module && !is_known && !options.is_empty() {
            let takes_any = option_at(db, &above)
                .and_then(|info| info.option?.type_description)
                .is_some_and(|of| of.contains("open submodule"));
            let shown = options
                .iter()
                .filter(|info| info.option.as_ref().is_none_or(|details| !details.is_hidden));
            let found = changes(attr.span(), &name, shown.map(|option| option.name.as_str()));
            return (!takes_any && !found.is_empty()).then_some((attr.span(), found));
        }
        names.push(name);
    }
    None
}

/// What a module has beside options.
const NO_OPTIONS: [&str; 9] = [
    "config",
    "options",
    "imports",
    "require",
    "disabledModules",
    "freeformType",
    "meta",
    "key",
    "_file",
];

/// The names that are bound where a variable stands.
fn bound_names(db: &dyn Db, file: File, variable: Span) -> Vec<&'static str> {
    let map = source_map(db, file);
    let Some(expr) = map.expr_at(variable.start) else { return Vec::new() };
    let visible = scopes(db, file).visible(module(db, file), expr);
    let bound = visible.into_iter().filter_map(|name| match name {
        Visible::Binding(name, _) => Some(name.as_str()),
        Visible::With(_) | Visible::Global(..) => None,
    });
    let global = globals().iter().filter(|global| global.gate == Gate::Always);
    bound.chain(global.map(|global| global.name.as_str())).collect()
}

/// The attributes of the set that a missing one is selected from.
fn attribute_names(db: &dyn Db, file: File, key: Span) -> Option<Vec<&'static str>> {
    let (Symbol::Key { expr, index }, _) = symbol_at(db, file, key.start)? else { return None };
    let (base, path) = path_to_key(module(db, file), expr, index)?;
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let base = inference.type_of(typing.key(file), base);
    let set = select(&mut inference, base, path.split_last()?.1)?;
    let (attributes, _) = inference.attributes(&set);
    Some(attributes.into_iter().map(|attribute| attribute.name.as_str()).collect())
}

/// So many are offered.
const MOST: usize = 3;

fn changes<'a>(span: Span, written: &str, names: impl Iterator<Item = &'a str>) -> Vec<Fix> {
    // Of one letter or two everything is near.
    let names = names.filter(|_| written.len() > 2);
    let near = suggestions(written, names).into_iter().take(MOST);
    let fix = |name: &str| Fix {
        title: format!("Change to `{name}`"),
        safety: Safety::Review,
        edits: vec![TextEdit::replace(span.start..span.end, attribute_text(name))],
    };
    near.map(fix).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::code_actions::{CodeChange, code_actions};
    use crate::fixture::fixture;

    /// The line that each change gives.
    fn changed(text: &str) -> String {
        let fixture = fixture(text);
        let at = Span { start: fixture.offset, end: fixture.offset };
        let mut shown = String::new();
        for action in code_actions(&fixture.db, fixture.file, at) {
            let CodeChange::Edits { edits, .. } = &action.change else { continue };
            if action.title.starts_with("Change to") {
                let line = fixture.edited(edits);
                let of = action.diagnostic.map_or("", |diagnostic| diagnostic.code);
                shown += &format!("{of}: {line}\n");
            }
        }
        shown
    }

    #[test]
    fn of_an_option() {
        expect![[r#"
            unknown-option: { config, ... }: { services.openssh.enable = true; }
        "#]]
        .assert_eq(&changed("{ config, ... }: { services.openssh.en$0abel = true; }"));
        expect![[r#"
            unknown-option: { config, ... }: { services.openssh.enable = true; }
        "#]]
        .assert_eq(&changed("{ config, ... }: { services.opensh.enable$0 = true; }"));
        expect![[r#"
            unknown-option: { lib, config, ... }: { config = lib.mkIf true { services = { nginx.virtualHosts.a.root = ./a; }; }; }
        "#]].assert_eq(&changed(
            "{ lib, config, ... }: { config = lib.mkIf true { services = { nginx.virtualHosts.a.rot$0 = ./a; }; }; }",
        ));
        for right in [
            "{ config, ... }: { services.openssh.en$0able = true; }",
            "{ config, ... }: { services.nginx.virtualHosts.ro$0ot.root = ./a; }",
            "{ config, ... }: { services.openssh.settings.Por$0ts = [ ]; }",
            "{ config, ... }: { config$0 = { }; }",
            "{ config, ... }: let service$0 = 1; in { }",
            "{ services.openssh.en$0abel = true; }.services",
        ] {
            assert_eq!(changed(right), "", "{right}");
        }
    }

    #[test]
    fn of_an_option_of_the_workspace() {
        expect![[r#"
            unknown-option: { config, ... }: { site.port = 80; }

        "#]].assert_eq(&changed(
            "//- /w/a.nix\n{ config, ... }: { site.prot$0 = 80; }\n//- /w/b.nix\n{ lib, ... }: { options.site.port = lib.mkOption { }; }",
        ));
    }

    #[test]
    fn of_a_variable() {
        expect![[r#"
            undefined-variable: { stdenv, fetchurl }: stdenv.mkDerivation { }
        "#]]
        .assert_eq(&changed("{ stdenv, fetchurl }: stdnev$0.mkDerivation { }"));
        expect![[r#"
            undefined-variable: let value = 1; in { inherit value; }
        "#]]
        .assert_eq(&changed("let value = 1; in { inherit valeu$0; }"));
        expect![[r#"
            undefined-variable: import ./a.nix
        "#]]
        .assert_eq(&changed("improt$0 ./a.nix"));
        assert_eq!(changed("let a = 1; in b$0"), "");
    }

    #[test]
    fn of_an_attribute() {
        expect![[r#"
            missing-attribute: let s = { first.value = 1; }; in s.first.value
        "#]]
        .assert_eq(&changed("let s = { first.value = 1; }; in s.first.vlaue$0"));
    }
}
