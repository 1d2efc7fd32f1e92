//! `floe.toml`: which lints a folder wants.
//!
//! The nearest `floe.toml` around a file counts, and only that one:
//!
//! ```toml
//! [lints]
//! all = "warn"                  # every lint that is not named
//! unused-binding = "error"
//!
//! [[overrides]]
//! path = "generated/**"         # relative to floe.toml; a folder means all below it
//! lints = { all = "allow" }
//! ```
//!
//! Tables of other names belong to other parts of the program.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_db::{Db, File, Stamp, source};
use floe_hir::Span;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::lints::{LINTS, Level, Lint, lint};

/// The name of the file.
pub const CONFIG_FILE: &str = "floe.toml";

/// What a `floe.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    lints: LintLevels,
    overrides: Vec<Override>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LintLevels {
    all: Option<Level>,
    named: Vec<(&'static str, Level)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Override {
    path: String,
    lints: LintLevels,
}

/// Why a `floe.toml` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}:{line}: {message}")]
pub struct ConfigError {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// Where in its text.
    pub span: Span,
    /// What is wrong, what was expected.
    pub message: String,
}

/// The nearest `floe.toml` around a file, and what it says.
pub fn config_of(db: &dyn Db, file: File) -> Option<(File, &Result<Arc<Config>, ConfigError>)> {
    let folders = file.path(db).ancestors().skip(1);
    let configs = folders.map(|folder| db.file(&folder.join(CONFIG_FILE)));
    let config =
        configs.into_iter().find(|config| matches!(config.stamp(db), Stamp::File { .. }))?;
    Some((config, read(db, config)))
}

/// Whether a file is called as flakes are.
pub(crate) fn is_flake(db: &dyn Db, file: File) -> bool {
    file.path(db).file_name().is_some_and(|name| name == "flake.nix")
}

/// What is copied to the store before a file of a flake is evaluated: the nearest folder with a
/// `flake.nix`, or the Git repository that it is in.
pub(crate) fn flake_source_of(db: &dyn Db, file: File) -> Option<&Path> {
    let stamp = |path: PathBuf| db.file(&path).stamp(db);
    let is_flake = |folder: &&Path| matches!(stamp(folder.join("flake.nix")), Stamp::File { .. });
    // In a work tree of another repository it is a file.
    let is_repository = |folder: &&Path| {
        matches!(stamp(folder.join(".git")), Stamp::File { .. } | Stamp::Directory { .. })
    };
    let flake = file.path(db).ancestors().skip(1).find(is_flake)?;
    Some(flake.ancestors().find(is_repository).unwrap_or(flake))
}

#[salsa::tracked(no_eq)]
fn read(db: &dyn Db, config: File) -> Result<Arc<Config>, ConfigError> {
    let source = source(db, config);
    let path = config.path(db).display().to_string();
    if let Some(problem) = &source.problem {
        let message = problem.to_string();
        return Err(ConfigError { path, line: 1, span: Span::default(), message });
    }
    Config::parse(&source.text).map(Arc::new).map_err(|(range, message)| ConfigError {
        path,
        line: source.text[..range.start].matches('\n').count() + 1,
        span: Span { start: range.start as u32, end: range.end as u32 },
        message,
    })
}

type Problem = (Range<usize>, String);

impl Config {
    /// Reads the text of a `floe.toml`.
    fn parse(text: &str) -> Result<Config, Problem> {
        let table = DeTable::parse(text).map_err(|error| {
            let range = error.span().unwrap_or(0..0);
            let start = text.floor_char_boundary(range.start.min(text.len()));
            let end = text.floor_char_boundary(range.end.clamp(start, text.len()));
            (start..end, error.message().to_owned())
        })?;
        let mut config = Config::default();
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                "lints" => config.lints = LintLevels::parse(value)?,
                "overrides" => {
                    let expected = || problem(value, "expected a list of tables: [[overrides]]");
                    for item in value.get_ref().as_array().ok_or_else(expected)?.iter() {
                        config.overrides.push(Override::parse(item)?);
                    }
                }
                _ => {}
            }
        }
        Ok(config)
    }

    /// How a lint is reported in a file, whose path is relative to the `floe.toml`.
    pub(crate) fn level(&self, lint: &Lint, path: &Path) -> Level {
        let overrides = self.overrides.iter().rev();
        overrides
            .filter(|item| is_match(&item.path, path))
            .map(|item| &item.lints)
            .chain([&self.lints])
            .find_map(|levels| levels.level(lint))
            .unwrap_or(lint.level)
    }
}

impl LintLevels {
    fn parse(value: &Spanned<DeValue<'_>>) -> Result<LintLevels, Problem> {
        let expected = || problem(value, "expected a table of lints and their levels");
        let mut levels = LintLevels::default();
        for (key, value) in value.get_ref().as_table().ok_or_else(expected)? {
            let slug = key.get_ref().as_ref();
            let level = value.get_ref().as_str().and_then(Level::named).ok_or_else(|| {
                problem(value, "expected \"allow\", \"hint\", \"warn\" or \"error\"")
            })?;
            match lint(slug) {
                _ if slug == "all" => levels.all = Some(level),
                Some(lint) => levels.named.push((lint.slug, level)),
                None => return Err((key.span(), unknown(slug))),
            }
        }
        Ok(levels)
    }

    fn level(&self, lint: &Lint) -> Option<Level> {
        let named = self.named.iter().find(|(slug, _)| *slug == lint.slug);
        named.map(|(_, level)| *level).or(self.all)
    }
}

impl Override {
    fn parse(value: &Spanned<DeValue<'_>>) -> Result<Override, Problem> {
        let expected = || problem(value, "expected a table with 'path' and 'lints'");
        let table = value.get_ref().as_table().ok_or_else(expected)?;
        let (mut path, mut lints) = (None, LintLevels::default());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "path" => {
                    let text = value.get_ref().as_str();
                    path = Some(text.ok_or_else(|| problem(value, "expected a path"))?.to_owned());
                }
                "lints" => lints = LintLevels::parse(value)?,
                other => {
                    let message = format!("unknown key '{other}'; expected 'path' or 'lints'");
                    return Err((key.span(), message));
                }
            }
        }
        let path = path.ok_or_else(|| problem(value, "an override needs a 'path'"))?;
        Ok(Override { path, lints })
    }
}

fn problem(value: &Spanned<DeValue<'_>>, message: &str) -> Problem {
    (value.span(), message.to_owned())
}

fn unknown(slug: &str) -> String {
    let similar: Vec<String> = floe_explain::similar(slug)
        .into_iter()
        .filter(|name| LINTS.iter().any(|lint| lint.slug == *name))
        .take(3)
        .map(|name| format!("'{name}'"))
        .collect();
    if similar.is_empty() {
        return format!("there is no lint '{slug}'; `floe explain` lists all");
    }
    format!("there is no lint '{slug}'; did you mean {}?", similar.join(" or "))
}

/// Whether a path is the pattern, or below a folder that is. `*` and `?` stay within a name, `**`
/// spans folders.
fn is_match(pattern: &str, path: &Path) -> bool {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
    let steps: Vec<&str> =
        pattern.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
    let names: Vec<String> =
        path.components().map(|step| step.as_os_str().to_string_lossy().into_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    (0..=names.len()).any(|length| steps_match(&steps, &names[..length]))
}

/// Each `**` is tried once at a time, so this is quadratic at worst.
fn steps_match(steps: &[&str], names: &[&str]) -> bool {
    wildcard(
        steps,
        names,
        |step| *step == "**",
        |step, name| {
            let (step, name): (Vec<char>, Vec<char>) =
                (step.chars().collect(), name.chars().collect());
            wildcard(&step, &name, |c| *c == '*', |c, other| *c == '?' || c == other)
        },
    )
}

/// Whether `items` fit `pattern`, in which some parts stand for any number of items.
fn wildcard<T, U>(
    pattern: &[T],
    items: &[U],
    is_any: impl Fn(&T) -> bool,
    fits: impl Fn(&T, &U) -> bool,
) -> bool {
    let (mut at, mut item, mut back) = (0, 0, None);
    loop {
        match pattern.get(at) {
            Some(part) if is_any(part) => {
                back = Some((at, item));
                at += 1;
            }
            Some(part) if items.get(item).is_some_and(|item| fits(part, item)) => {
                at += 1;
                item += 1;
            }
            None if item == items.len() => return true,
            _ => match back {
                Some((any, from)) if from < items.len() => {
                    back = Some((any, from + 1));
                    at = any + 1;
                    item = from + 1;
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;

    fn level(text: &str, slug: &str, path: &str) -> Level {
        Config::parse(text).unwrap().level(lint(slug).unwrap(), Path::new(path))
    }

    #[test]
    fn the_last_override_that_fits_wins_over_the_general_levels() {
        let text = r#"
            [lints]
            unused-binding = "error"
            all = "hint"
            [[overrides]]
            path = "generated"
            lints = { all = "allow" }
            [[overrides]]
            path = "**/tests/*.nix"
            lints.unused-binding = "warn"
        "#;
        assert_eq!(level(text, "unused-binding", "a.nix"), Level::Error);
        assert_eq!(level(text, "url-literal", "a.nix"), Level::Hint);
        assert_eq!(level(text, "unused-binding", "generated/deep/a.nix"), Level::Allow);
        assert_eq!(level(text, "unused-binding", "generated/tests/a.nix"), Level::Warn);
        assert_eq!(level(text, "url-literal", "generated/tests/a.nix"), Level::Allow);
        assert_eq!(level("", "unused-binding", "a.nix"), Level::Warn);
    }

    #[test]
    fn patterns_span_folders_only_by_two_stars() {
        let matches = |pattern: &str, path: &str| is_match(pattern, Path::new(path));
        assert!(matches("a/*.nix", "a/b.nix"));
        assert!(!matches("*.nix", "a/b.nix"));
        assert!(matches("./a/", "a/b/c.nix"));
        assert!(matches("a/**/c.nix", "a/c.nix") && matches("a/**/c.nix", "a/x/y/c.nix"));
        assert!(!matches("a", "ab/c.nix"));
        assert!(!matches(&"*a".repeat(40), &"a".repeat(39)));
    }

    #[test]
    fn the_source_of_a_flake_in_a_repository_is_all_of_it() {
        let source = |files: &str| {
            let fixture = fixture(files);
            flake_source_of(&fixture.db, fixture.file).map(Path::to_path_buf)
        };
        let alone = "//- /w/docs/x/a.nix\n$01\n//- /w/docs/flake.nix\n{ }\n";
        assert_eq!(source(alone), Some("/w/docs".into()));
        let in_repository = format!("{alone}//- /w/.git/HEAD\nref: refs/heads/main\n");
        assert_eq!(source(&in_repository), Some("/w".into()));
        assert_eq!(source("//- /w/a.nix\n$01\n//- /w/.git/HEAD\n\n"), None);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |text: &str| {
            let (range, message) = Config::parse(text).unwrap_err();
            format!("{}: {message}", text[..range.start].matches('\n').count() + 1)
        };
        assert_eq!(
            wrong("[lints]\nunused-bindings = \"warn\""),
            "2: there is no lint 'unused-bindings'; did you mean 'unused-binding' or \
             'unused-inherit' or 'unused-with'?"
        );
        assert_eq!(
            wrong("[lints]\n\nunused-binding = 3"),
            "3: expected \"allow\", \"hint\", \"warn\" or \"error\""
        );
        assert_eq!(wrong("[[overrides]]\nlints = {}"), "1: an override needs a 'path'");
        assert!(wrong("[lints").starts_with("1: "));
    }
}
