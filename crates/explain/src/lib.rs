//! The catalogue of errors and lints: why each kind happens, an example, and how to fix it.
//!
//! One page per kind, `catalogue/<slug>.md`, embedded in the program. The slug is what an error carries,
//! what an editor links to and what `floe explain` takes. A page has a fixed shape, so that it can be
//! shown as a whole or in parts:
//!
//! ````markdown
//! # Title
//!
//! Why it happens.
//!
//! ## Example
//!
//! ```nix
//! an expression that has the error
//! ```
//!
//! ```text
//! the error's final message, or how it begins
//! ```
//!
//! ## How to fix it
//!
//! What to do.
//!
//! ```nix
//! the same, mended
//! ```
//!
//! ## See also
//!
//! - other-slug
//! ````
//!
//! The word after `nix` says under which setting an example stands: none for one that evaluates by
//! itself, `module` for one that is a NixOS module, `lint` for one that works and that a lint finds.

mod page;
mod render;

pub use render::Styles;

use std::sync::LazyLock;

/// One page of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The page's name: lower-case words joined by `-`.
    pub slug: &'static str,
    /// One line that says what the error is.
    pub title: &'static str,
    /// Why it happens, as Markdown paragraphs.
    pub why: &'static str,
    /// An expression that has the error.
    pub example: Example,
    /// The error's final message for the example, or how that begins.
    pub message: &'static str,
    /// What to do, as Markdown paragraphs.
    pub fix: &'static str,
    /// The example, mended.
    pub fixed: Example,
    /// The slugs of related pages.
    pub see_also: Vec<&'static str>,
    /// The whole page as Markdown.
    pub markdown: &'static str,
}

/// A piece of Nix on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The source text.
    pub code: &'static str,
    /// The setting under which it stands; empty for one that evaluates by itself.
    pub setting: &'static str,
}

/// All pages, in the order of the catalogue: syntax, names, types, values, files, settings, modules,
/// lints.
pub fn all() -> &'static [Explanation] {
    static CATALOGUE: LazyLock<Vec<Explanation>> = LazyLock::new(|| {
        let pages = PAGES.iter().filter_map(|(slug, text)| page::parse(slug, text));
        pages.collect()
    });
    &CATALOGUE
}

/// The page of this slug.
pub fn find(slug: &str) -> Option<&'static Explanation> {
    all().iter().find(|explanation| explanation.slug == slug)
}

impl Explanation {
    /// Whether the page is about code that works and should be written otherwise.
    pub fn is_lint(&self) -> bool {
        self.example.setting == "lint"
    }
}

/// The slugs closest to one that does not exist, for "did you mean".
pub fn similar(slug: &str) -> Vec<&'static str> {
    let words: Vec<&str> = slug.split(['-', ' ', '_']).filter(|word| word.len() > 2).collect();
    let shares_a_word = |page: &&Explanation| {
        page.slug
            .split('-')
            .any(|part| words.iter().any(|word| part.starts_with(word) || word.starts_with(part)))
    };
    all().iter().filter(shares_a_word).map(|page| page.slug).collect()
}

macro_rules! pages {
    ($($slug:literal)*) => {
        &[$(($slug, include_str!(concat!("../catalogue/", $slug, ".md")))),*]
    };
}

const PAGES: &[(&str, &str)] = pages! {
    "syntax-error" "duplicate-attribute" "duplicate-formal" "dynamic-attribute"
    "undefined-variable" "missing-attribute" "missing-argument" "unexpected-argument"
    "not-a-set" "not-a-function" "not-a-list" "not-a-string" "not-an-integer" "not-a-boolean"
    "type-mismatch" "cannot-coerce" "not-comparable"
    "infinite-recursion" "stack-overflow" "assertion-failed" "thrown" "aborted"
    "division-by-zero" "integer-overflow" "index-out-of-bounds" "empty-list"
    "invalid-hash" "invalid-regex" "invalid-json" "invalid-toml" "context-not-allowed" "derivation"
    "file-not-found" "search-path" "invalid-path" "invalid-store-path" "io" "fetch"
    "restricted" "import-from-derivation" "experimental-feature" "evaluation-interrupted"
    "unknown-option" "option-type" "option-conflict" "option-undefined"
    "other"
    "unused-binding" "unused-inherit" "unused-with" "unused-rec" "unused-argument" "unused-formal"
    "unused-package-argument" "unused-argument-set" "empty-let" "empty-inherit"
    "redundant-parentheses" "redundant-if" "redundant-update" "redundant-concatenation"
    "redundant-interpolation" "constant-condition" "misleading-or" "application-in-list"
    "ambiguous-with" "home-path" "path-outside-flake" "path-to-string" "legacy-let" "url-literal"
    "deprecated-builtin" "deprecated-lib" "bool-comparison" "negated-comparison" "manual-or"
    "eta-reduction" "manual-inherit" "manual-inherit-from" "quoted-attribute" "repeated-path"
    "rec-to-let" "broad-with" "unused-suppression" "configuration"
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_is_complete() {
        assert_eq!(all().len(), PAGES.len(), "a page that does not parse is left out");
        for page in all() {
            let complete = !page.title.is_empty()
                && page.why.len() > 60
                && !page.example.code.is_empty()
                && !page.message.is_empty()
                && page.fix.len() > 20
                && !page.fixed.code.is_empty()
                && page.example.code != page.fixed.code
                && !page.see_also.is_empty();
            assert!(complete, "{page:#?}");
            assert!(!page.title.ends_with('.'), "{}", page.title);
        }
    }

    #[test]
    fn every_reference_leads_to_another_page() {
        for page in all() {
            for slug in &page.see_also {
                assert!(find(slug).is_some() && *slug != page.slug, "{}: {slug}", page.slug);
            }
        }
    }

    #[test]
    fn every_file_of_the_catalogue_is_a_page() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
        let files: BTreeSet<String> = std::fs::read_dir(directory)
            .expect("the catalogue is beside the sources")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        let pages: BTreeSet<String> =
            all().iter().map(|page| format!("{}.md", page.slug)).collect();
        assert_eq!(files, pages);
    }

    #[test]
    fn a_slug_that_does_not_exist_suggests_its_neighbours() {
        assert_eq!(similar("missing"), ["missing-attribute", "missing-argument"]);
        assert!(similar("undefined").contains(&"undefined-variable"));
        assert!(similar("zebra").is_empty());
    }
}
