//! The one renderer of errors: the message, the source line with a caret, what led there, what to do.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};
use anstyle::AnsiColor;
use clap::ValueEnum;

use crate::output::note;

/// Something to complain about, wherever it was found.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    /// Whether it makes the command fail.
    pub(crate) severity: Severity,
    /// The page of `floe explain`.
    pub(crate) slug: Option<&'static str>,
    /// The message, without a final full stop.
    pub(crate) message: String,
    /// Where it is.
    pub(crate) place: Option<Place>,
    /// What led there, nearest first.
    pub(crate) trace: Vec<Step>,
    /// What to know or to do about it.
    pub(crate) help: Vec<String>,
}

/// Something that led to a mistake.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What was being done.
    pub(crate) message: String,
    /// Where.
    pub(crate) place: Option<Place>,
    /// Why a terminal only counts it.
    pub(crate) folded: Option<Fold>,
}

/// Why a terminal only counts a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// It happened in files that are not the user's.
    In(String),
    /// It says little, or what is shown already.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
    Hint,
}

/// A range of a text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What the text is called: a path as the user wrote it, or `«string»`.
    pub(crate) name: String,
    /// The whole text.
    pub(crate) text: Arc<str>,
    /// Bytes of the text.
    pub(crate) range: Range<usize>,
}

impl Step {
    /// A step that is shown.
    pub(crate) fn new(message: impl Into<String>, place: Option<Place>) -> Step {
        Step { message: message.into(), place, folded: None }
    }
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        }
    }
}

impl Place {
    pub(crate) fn line_and_column(&self, offset: usize) -> (usize, usize) {
        line_and_column(&self.text, offset)
    }

    /// The line or lines of the range, so that one 10 MB line is not printed whole.
    fn excerpt(&self) -> (usize, &str, Range<usize>) {
        const MARGIN: usize = 400;
        let boundary = |offset: usize| self.text.floor_char_boundary(offset.min(self.text.len()));
        let range = boundary(self.range.start)..boundary(self.range.end.max(self.range.start));
        // At the end of the file the caret stands behind the last character.
        let from = boundary(range.start.saturating_sub(MARGIN));
        let to = boundary(range.end + MARGIN);
        let start = self.text[from..range.start].rfind('\n').map_or(from, |at| from + at + 1);
        let end = self.text[range.end..to].find('\n').map_or(to, |at| range.end + at);
        let line = self.line_and_column(start).0;
        (line, &self.text[start..end], range.start - start..range.end - start)
    }

    fn snippet(&self, kind: AnnotationKind) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let (line, text, range) = self.excerpt();
        Snippet::source(text).path(&self.name).line_start(line).annotation(kind.span(range))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_and_column(self.range.start);
        write!(f, "{}:{line}:{column}", self.name)
    }
}

impl Complaint {
    /// An error about nothing in particular.
    pub(crate) fn error(message: impl Into<String>) -> Complaint {
        Complaint {
            severity: Severity::Error,
            slug: None,
            message: message.into(),
            place: None,
            trace: Vec::new(),
            help: Vec::new(),
        }
    }

    /// The complaint as lines for a terminal, with its escape sequences.
    pub(crate) fn render(&self) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Hint => Level::INFO.with_name("hint"),
        };
        let mut title = level.primary_title(&self.message);
        if let Some(slug) = self.slug {
            title = title.id(slug);
        }
        let mut groups = vec![match &self.place {
            Some(place) => title.element(place.snippet(AnnotationKind::Primary)),
            None => Group::with_title(title),
        }];
        for Step { message, place, folded } in &self.trace {
            if folded.is_some() {
                continue;
            }
            let title = Level::NOTE.secondary_title(message);
            groups.push(match place {
                Some(place) => title.element(place.snippet(AnnotationKind::Context)),
                None => Group::with_title(title),
            });
        }
        let folded = self.folded();
        if let Some(folded) = &folded {
            groups.push(Group::with_title(Level::NOTE.secondary_title(folded)));
        }
        for help in &self.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
        format!("{}\n", renderer.render(&groups))
    }

    /// How many steps are only counted, and where they are.
    fn folded(&self) -> Option<String> {
        let mut places: Vec<(&str, usize)> = Vec::new();
        let mut others = 0;
        for fold in self.trace.iter().filter_map(|step| step.folded.as_ref()) {
            match fold {
                Fold::Other => others += 1,
                Fold::In(name) => match places.iter_mut().find(|(place, _)| place == name) {
                    Some((_, count)) => *count += 1,
                    None => places.push((name, 1)),
                },
            }
        }
        places.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let frames = |count: usize| if count == 1 { "frame" } else { "frames" };
        let mut parts: Vec<String> = (places.iter().enumerate())
            .map(|(index, (place, count))| match index {
                0 => format!("{count} {} in {place}", frames(*count)),
                _ => format!("{count} in {place}"),
            })
            .collect();
        match (others, parts.len()) {
            (0, 0) => return None,
            (0, _) => {}
            (_, 0) => parts.push(format!("{others} more {}", frames(others))),
            (1, _) => parts.push("1 other".to_owned()),
            (_, _) => parts.push(format!("{others} others")),
        }
        let last = parts.pop()?;
        let list = if parts.is_empty() { last } else { format!("{} and {last}", parts.join(", ")) };
        let them = if others + places.iter().map(|(_, count)| count).sum::<usize>() == 1 {
            "it"
        } else {
            "them"
        };
        Some(format!("… {list} folded, --show-trace shows {them}"))
    }

    /// The complaint as plain lines, for a log.
    pub(crate) fn render_plain(&self) -> String {
        anstream::adapter::strip_str(self.render().trim_end()).to_string()
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        match MessageFormat::chosen() {
            MessageFormat::Human => note(self.render().trim_end_matches('\n')),
            MessageFormat::Json => note(self.to_json()),
        }
    }

    /// The complaint for scripts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let place = |place: &Place| {
            let (line, column) = place.line_and_column(place.range.start);
            let (end_line, end_column) = place.line_and_column(place.range.end);
            serde_json::json!({
                "file": place.name,
                "line": line,
                "column": column,
                "endLine": end_line,
                "endColumn": end_column,
            })
        };
        serde_json::json!({
            "severity": self.severity.name(),
            "slug": self.slug,
            "message": self.message,
            "place": self.place.as_ref().map(place),
            "trace": self.trace.iter().map(|step| serde_json::json!({
                "message": step.message,
                "place": step.place.as_ref().map(place),
                "folded": step.folded.is_some(),
            })).collect::<Vec<_>>(),
            "help": self.help,
        })
    }
}

/// Line and column from 1; columns count characters.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// A complaint that ends a command.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}

/// Prints why a command could not do its work: what was tried first, then the causes.
pub(crate) fn print_error(error: &anyhow::Error) {
    match error.downcast_ref::<Complaint>() {
        Some(complaint) => complaint.print(),
        None => {
            let mut complaint = Complaint::error(error.to_string());
            // Many errors repeat their source in their own message.
            let mut said = error.to_string();
            for cause in error.chain().skip(1).map(ToString::to_string) {
                if !said.contains(&cause) {
                    complaint.trace.push(Step::new(cause.clone(), None));
                    said = cause;
                }
            }
            complaint.print();
        }
    }
}

/// Prints something that the user may want to know, without failing.
pub(crate) fn print_warning(message: &str) {
    print_named_warning("warning", message);
}

/// Prints a warning that a program gives with `builtins.warn`.
pub(crate) fn print_evaluation_warning(message: &str) {
    print_named_warning("evaluation warning", message);
}

fn print_named_warning(name: &str, message: &str) {
    match MessageFormat::chosen() {
        MessageFormat::Human => {
            let style = AnsiColor::Yellow.on_default().bold();
            // As in Nix, further lines stand below the message, unless that begins with a new line.
            if message.starts_with('\n') {
                return note(format_args!("{style}{name}:{style:#}{}", message.trim_end()));
            }
            let below = format!("\n{:1$}", "", name.len() + ": ".len());
            let message = message.trim_end().replace('\n', &below);
            note(format_args!("{style}{name}:{style:#} {message}"));
        }
        MessageFormat::Json => {
            let severity = Severity::Warning;
            Complaint { severity, ..Complaint::error(message) }.print();
        }
    }
}

/// How errors and warnings are printed on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// For a person: with the line, and a trace of what happened in the person's own files.
    #[default]
    Human,
    /// For a program: an object on a line of its own, with every step of the trace.
    Json,
}

static CHOSEN: OnceLock<MessageFormat> = OnceLock::new();

impl MessageFormat {
    /// Makes the choice that of everything that is printed.
    pub(crate) fn choose(self) {
        let _ = CHOSEN.set(self);
    }

    fn chosen() -> MessageFormat {
        CHOSEN.get().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn place(text: &str, range: Range<usize>) -> Place {
        Place { name: "configuration.nix".into(), text: text.into(), range }
    }

    #[test]
    fn an_error_shows_its_line_its_trace_and_its_page() {
        let text = "let\n  version = 1;\nin verison\n";
        let complaint = Complaint {
            slug: Some("undefined-variable"),
            place: Some(place(text, 22..29)),
            trace: vec![Step::new("while evaluating this", Some(place(text, 0..3)))],
            help: vec!["floe explain undefined-variable".into()],
            ..Complaint::error("undefined variable 'verison'")
        };
        expect![[r#"
            error[undefined-variable]: undefined variable 'verison'
             --> configuration.nix:3:4
              |
            3 | in verison
              |    ^^^^^^^
              |
            note: while evaluating this
             --> configuration.nix:1:1
              |
            1 | let
              | ---
            help: floe explain undefined-variable"#]]
        .assert_eq(&complaint.render_plain());
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_error() {
        let text = format!("{}oops{}", "a ".repeat(100_000), " b".repeat(100_000));
        let complaint =
            Complaint { place: Some(place(&text, 200_000..200_004)), ..Complaint::error("no") };
        let shown = complaint.render_plain();
        assert!(shown.len() < 3_000 && shown.contains("oops"), "{}", shown.len());
    }

    #[test]
    fn places_beyond_the_text_and_inside_characters_do_no_harm() {
        for range in [3..9, 2..2, 1..2, 100..200] {
            let complaint =
                Complaint { place: Some(place("aé\n", range)), ..Complaint::error("x") };
            assert!(complaint.render_plain().contains("configuration.nix:"));
        }
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let place = place("é = 1;\nbb", 0..0);
        assert_eq!(place.line_and_column(0), (1, 1));
        assert_eq!(place.line_and_column(3), (1, 3));
        assert_eq!(place.line_and_column(9), (2, 2));
    }
}
