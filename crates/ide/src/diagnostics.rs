//! What is wrong with a file, as far as its text tells: unreadable files, syntax errors, names that are
//! bound nowhere or twice; and in a file without such errors, what the lints find.

use floe_db::{Db, File, parse, problems, source};
use floe_hir::{Problem, ProblemKind, Span};
use floe_syntax::{Element, SyntaxError, SyntaxErrorKind, SyntaxKind, Terminal};

use crate::config::config_of;
use crate::linting::lint_findings;
use crate::lints::{Finding, FindingKind, Fix, Level, Lint, Safety, Suppressions, lint};
use crate::tree::Tree;

/// One thing to tell about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub span: Span,
    /// How bad it is.
    pub severity: Severity,
    /// The kind of error, by its slug in the catalogue of explanations.
    pub code: &'static str,
    /// What.
    pub message: String,
    /// Other places that have to do with it.
    pub related: Vec<Related>,
    /// Where the explanation of this kind of error is.
    pub explanation: Option<String>,
    /// How an editor may draw it.
    pub kind: FindingKind,
    /// Edits that mend it.
    pub fix: Option<Fix>,
}

/// A place that has to do with a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The file.
    pub file: File,
    /// The range in it.
    pub span: Span,
    /// What it has to do with it.
    pub message: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Severity {
    Error,
    Warning,
    Hint,
}

/// How many findings of each sort an editor is shown.
pub(crate) const MOST_SHOWN: usize = 200;

/// With more syntax errors than these, nothing is said of names from the line of the first on.
const MOST_UNDERSTOOD: usize = 3;

/// All diagnostics of a file's text.
pub fn diagnostics(db: &dyn Db, file: File) -> Vec<Diagnostic> {
    up_to(db, file, usize::MAX)
}

/// The diagnostics of a file's text for somebody who looks at it: of many of a sort the first ones, and one
/// that says how many others there are.
pub fn shown_diagnostics(db: &dyn Db, file: File) -> Vec<Diagnostic> {
    up_to(db, file, MOST_SHOWN)
}

fn up_to(db: &dyn Db, file: File, most: usize) -> Vec<Diagnostic> {
    let source = source(db, file);
    if let Some(problem) = &source.problem {
        return vec![Diagnostic::error(Span::default(), "io", problem.to_string())];
    }
    let errors = &parse(db, file).errors;
    let mut found = first(errors, most, |error| {
        let span = visible(&source.text, Span { start: error.start, end: error.end });
        Diagnostic::error(span, syntax_code(&error.kind), error.to_string())
    });
    if let (Some(error), Some(first)) = (errors.first(), found.first_mut())
        && let Some(opener) = unclosed(parse(db, file).tree.elements(), error)
    {
        let message = "this is not closed".to_owned();
        first.related.push(Related { file, span: opener, message });
    }
    // Where much is amiss, such as behind a quote that nothing closes, prose and code have changed places.
    let line_start = |at: u32| source.text[..at as usize].rfind('\n').map_or(0, |at| at + 1) as u32;
    let understood = errors.get(MOST_UNDERSTOOD).map_or(u32::MAX, |_| line_start(errors[0].start));
    let is_told = |problem: &Problem| {
        problem.span.start < understood
            || !matches!(problem.kind, ProblemKind::UndefinedVariable(_))
    };
    let told: Vec<&Problem> = problems(db, file).iter().filter(|it| is_told(it)).collect();
    found.extend(first(&told, most, |problem| {
        let code = problem_code(&problem.kind);
        let mut found = Diagnostic::error(problem.span, code, problem.kind.to_string());
        if let ProblemKind::DuplicateAttribute { previous, .. } = &problem.kind {
            let message = "first defined here".to_owned();
            found.related.push(Related { file, span: *previous, message });
        }
        found
    }));
    if let Some((config, Err(error))) = config_of(db, file) {
        let message = format!("{error}; until then the lints have their usual levels");
        let mut diagnostic = Diagnostic::error(Span::default(), "configuration", message);
        diagnostic.severity = Severity::Warning;
        let message = error.message.clone();
        diagnostic.related.push(Related { file: config, span: error.span, message });
        found.push(diagnostic);
    }
    found.extend(first(lint_findings(db, file), most, |finding| finding.clone().into()));
    found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    found
}

/// The first of a sort, and in the place of the next a word about the others.
pub(crate) fn first<T>(
    all: &[T],
    most: usize,
    diagnostic: impl Fn(&T) -> Diagnostic,
) -> Vec<Diagnostic> {
    let shown = most.saturating_add(1);
    let mut found: Vec<Diagnostic> = all.iter().take(shown).map(diagnostic).collect();
    if let (Some(last), Some(left @ 1..)) = (found.last_mut(), all.len().checked_sub(shown)) {
        last.message +=
            &format!(", and {left} more from here on that are not shown: 'floe check' lists them");
    }
    found
}

/// Whether [`crate::fix_all`] would change the file.
pub fn has_safe_fixes(db: &dyn Db, file: File) -> bool {
    let is_safe = |fix: &Fix| fix.safety == Safety::Safe;
    lint_findings(db, file).iter().any(|found| found.fix.as_ref().is_some_and(is_safe))
}

/// What is left of a file's findings about values when its comments have been read.
pub(crate) fn without_suppressed(
    db: &dyn Db,
    file: File,
    mut found: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let is_of_types = |found: &Diagnostic| lint(found.code).is_some_and(Lint::is_of_types);
    let text = &source(db, file).text;
    if found.iter().any(is_of_types) && Suppressions::may_be_in(text) {
        let tree = Tree::new(&parse(db, file).tree, text);
        let mut suppressions = Suppressions::of(&tree);
        found.retain(|found| {
            !(is_of_types(found) && suppressions.cover(found.code, found.span.start))
        });
    }
    found
}

impl From<Level> for Severity {
    fn from(level: Level) -> Severity {
        match level {
            Level::Error => Severity::Error,
            Level::Warn => Severity::Warning,
            Level::Hint | Level::Allow => Severity::Hint,
        }
    }
}

impl From<Finding> for Diagnostic {
    fn from(finding: Finding) -> Diagnostic {
        Diagnostic {
            severity: finding.level.into(),
            kind: finding.kind,
            fix: finding.fix,
            ..Diagnostic::error(finding.span, finding.slug, finding.message)
        }
    }
}

impl Diagnostic {
    pub(crate) fn error(span: Span, code: &'static str, message: String) -> Diagnostic {
        let explanation = floe_explain::find(code).map(explanation_url);
        Diagnostic {
            span,
            severity: Severity::Error,
            code,
            message,
            related: Vec::new(),
            explanation,
            kind: FindingKind::Plain,
            fix: None,
        }
    }
}

fn explanation_url(explanation: &floe_explain::Explanation) -> String {
    format!("https://floe-nix.github.io/floe/errors/{}.html", explanation.slug)
}

/// An error at the end of the file has no text; a mark without width would not be seen, so it gets the
/// last character before it.
fn visible(text: &str, span: Span) -> Span {
    if span.start < span.end {
        return span;
    }
    let before = text[..span.start as usize].trim_end();
    let last = before.chars().next_back().map_or(0, char::len_utf8);
    Span { start: (before.len() - last) as u32, end: before.len() as u32 }
}

/// What was opened and never closed, if that is why a syntax error is one.
fn unclosed(elements: &[Element], error: &SyntaxError) -> Option<Span> {
    use SyntaxKind::{IndentedString, String, StringQuote};
    let SyntaxErrorKind::Unexpected { found: Terminal::EndOfFile, expected } = &error.kind else {
        return unclosed_bracket(elements, error);
    };
    let (string, quotes) = match () {
        () if expected.contains(&Terminal::Token(StringQuote)) => (String, 1),
        () if expected.contains(&Terminal::IndentedStringEnd) => (IndentedString, 2),
        () => return unclosed_bracket(elements, error),
    };
    let opened = elements.iter().rfind(|element| element.kind == string)?;
    Some(Span { start: opened.start, end: opened.start + quotes })
}

/// The innermost bracket before an error that nothing closes, where the error is that something else
/// closes or the text ends.
fn unclosed_bracket(elements: &[Element], error: &SyntaxError) -> Option<Span> {
    use SyntaxKind::*;
    let SyntaxErrorKind::Unexpected { found, expected } = &error.kind else { return None };
    // Behind an unterminated string every bracket is open.
    if expected.contains(&Terminal::Token(StringQuote)) {
        return None;
    }
    let closes = |open: SyntaxKind, close: SyntaxKind| {
        matches!(
            (open, close),
            (LBrace | DollarBrace, RBrace) | (LParen, RParen) | (LBracket, RBracket)
        )
    };
    let mut open: Vec<&Element> = Vec::new();
    let before = elements.iter().take_while(|element| element.start < error.start);
    for element in before.filter(|element| element.kind.is_token()) {
        match element.kind {
            LBrace | DollarBrace | LParen | LBracket => open.push(element),
            RBrace | RParen | RBracket
                if open.last().is_some_and(|open| closes(open.kind, element.kind)) =>
            {
                open.pop();
            }
            _ => {}
        }
    }
    let bracket = open.last()?;
    let is_it = match found {
        Terminal::EndOfFile => true,
        Terminal::Token(kind @ (RBrace | RParen | RBracket)) => !closes(bracket.kind, *kind),
        Terminal::Token(Semicolon | InKw | ThenKw | ElseKw) => bracket.kind != LBrace,
        _ => false,
    };
    is_it.then_some(Span { start: bracket.start, end: bracket.end })
}

fn syntax_code(kind: &SyntaxErrorKind) -> &'static str {
    match kind {
        SyntaxErrorKind::InvalidInteger(_) | SyntaxErrorKind::InvalidFloat(_) => "syntax-error",
        SyntaxErrorKind::NulInString(_) => "syntax-error",
        SyntaxErrorKind::PipeOperatorsDisabled => "experimental-feature",
        _ => "syntax-error",
    }
}

fn problem_code(kind: &ProblemKind) -> &'static str {
    match kind {
        ProblemKind::DuplicateAttribute { .. } => "duplicate-attribute",
        ProblemKind::DuplicateArgument(_) => "duplicate-formal",
        ProblemKind::UndefinedVariable(_) => "undefined-variable",
        ProblemKind::DynamicAttributeInLet | ProblemKind::DynamicAttributeInInherit => {
            "dynamic-attribute"
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let mut shown = String::new();
        for found in diagnostics(&fixture.db, fixture.file) {
            let at = fixture.show(fixture.file, found.span);
            shown += &format!("{at} {}: {}\n", found.code, found.message);
            for related in found.related {
                let at = fixture.show(related.file, related.span);
                shown += &format!("    {at} {}\n", related.message);
            }
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_missing_semicolon_is_told_where_it_is_missed() {
        check(
            "{ a = 1\n  b = 2; }",
            &expect![[r#"
            default.nix:2 "=" syntax-error: syntax error, unexpected '=', expecting ';'
        "#]],
        );
    }

    #[test]
    fn prose_behind_a_stray_quote_is_no_list_of_undefined_variables() {
        let lines = "  a = \"one, two; three = { four\";\n".repeat(4);
        let fixture = fixture(&format!("{{\n  x = before;\n  y = \"{{\n{lines}}}\n"));
        let found = diagnostics(&fixture.db, fixture.file);
        let of = |code: &str| found.iter().filter(|found| found.code == code).count();
        assert!(of("syntax-error") > 3, "{found:#?}");
        assert_eq!(of("undefined-variable"), 1, "{found:#?}");
    }

    #[test]
    fn many_findings_are_all_told_and_some_are_shown() {
        let text: String = (0..350).map(|number| format!("  a{number} = 1;\n")).collect();
        let fixture = fixture(&format!("let\n{text}in 1"));
        assert_eq!(diagnostics(&fixture.db, fixture.file).len(), 350);
        let shown = shown_diagnostics(&fixture.db, fixture.file);
        assert_eq!(
            (shown.len(), &*shown[199].message, &*shown[200].message),
            (
                201,
                "nothing uses 'a199'",
                "nothing uses 'a200', and 149 more from here on that are not shown: 'floe check' \
                 lists them"
            )
        );
    }

    #[test]
    fn a_string_that_is_not_closed_is_told_where_it_begins() {
        check(
            "{ a = \"x\";\n  b = ''\n    y;\n}",
            &expect![[r#"
            default.nix:4 "}" syntax-error: syntax error, unexpected end of file, expecting indented string or '${' or end of an indented string
                default.nix:2 "''" this is not closed
        "#]],
        );
        check(
            "{ a = \"x; }",
            &expect![[r#"
            default.nix:1 "}" syntax-error: syntax error, unexpected end of file, expecting '"'
                default.nix:1 "\"" this is not closed
        "#]],
        );
    }

    #[test]
    fn names_bound_nowhere_and_twice() {
        check(
            "{ a = x; a = 2; f = { b, b }: b; }",
            &expect![[r#"
            default.nix:1 "x" undefined-variable: undefined variable 'x'
            default.nix:1 "a" duplicate-attribute: attribute 'a' already defined
                default.nix:1 "a" first defined here
            default.nix:1 "b" duplicate-formal: duplicate formal function argument 'b'
        "#]],
        );
    }

    #[test]
    fn an_error_at_the_end_of_the_file_has_a_place_to_be_seen() {
        check(
            "{ a = [ 1 2;\n\n",
            &expect![[r#"
                default.nix:1 ";" syntax-error: syntax error, unexpected ';'
                    default.nix:1 "[" this is not closed
                default.nix:1 ";" syntax-error: syntax error, unexpected end of file, expecting 'inherit'
            "#]],
        );
    }

    #[test]
    fn an_unterminated_string_is_one_error() {
        check(
            "{ a = \"b; c = 2; }",
            &expect![[r#"
                default.nix:1 "}" syntax-error: syntax error, unexpected end of file, expecting '"'
                    default.nix:1 "\"" this is not closed
            "#]],
        );
    }
}
