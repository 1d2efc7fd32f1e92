//! Drawing code: highlighted lines with their numbers, squiggles, and the Markdown of a hover.

use std::ops::Range;

use anstyle::{AnsiColor, Style};
use floe_syntax::{ParseOptions, SyntaxKind, parse};

use super::screen::{BOLD, CYAN, DIM, GREEN, LINK, RED, WIDTH, cut};

/// Columns in front of the code: the line's number and a rule.
pub(super) const GUTTER: usize = 8;

/// A text that is shown in parts.
pub(super) struct Code<'a> {
    text: &'a str,
    tokens: Vec<(Range<usize>, Style)>,
}

impl<'a> Code<'a> {
    /// Nix code.
    pub(super) fn new(text: &'a str) -> Code<'a> {
        let tree = parse(text, &ParseOptions::default()).tree;
        let tokens = tree.elements().iter().filter(|element| element.kind.is_token());
        let tokens = tokens.filter_map(|token| {
            Some((token.start as usize..token.end as usize, style(token.kind)?))
        });
        Code { text, tokens: tokens.collect() }
    }

    /// The number of the line that an offset is in, from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count()
    }

    /// Some lines, those that there are.
    pub(super) fn lines(&self, numbers: Range<usize>) -> impl Iterator<Item = String> + '_ {
        let last = self.text.lines().count();
        (numbers.start..numbers.end.min(last)).map(|number| self.line(number, None))
    }

    /// A line with its number, the part of it that is in `marked` underlined.
    pub(super) fn line(&self, number: usize, marked: Option<Range<usize>>) -> String {
        let start: usize = self.text.split_inclusive('\n').take(number).map(str::len).sum();
        let line = self.text[start..].lines().next().unwrap_or_default();
        let kept = line.char_indices().nth(WIDTH - GUTTER).map_or(line.len(), |(at, _)| at);
        let mut shown = gutter(Some(number));
        let end = start + kept;
        let marked = marked.unwrap_or(end..end);
        let mut at = start;
        while at < end {
            let token = self.tokens.iter().find(|(range, _)| range.end > at);
            let (mut until, mut style) = match token {
                Some((range, style)) if range.start <= at => (range.end, *style),
                Some((range, _)) => (range.start, Style::new()),
                None => (end, Style::new()),
            };
            for border in [marked.start, marked.end, end] {
                if border > at {
                    until = until.min(border);
                }
            }
            if marked.contains(&at) {
                style = style.bold().underline();
            }
            shown.push_str(&styled(&self.text[at..until], style));
            at = until;
        }
        shown
    }

    /// The line below a range, with marks in its columns.
    pub(super) fn marks(&self, range: &Range<usize>, mark: &str, style: Style) -> String {
        let line_start = self.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let indentation = self.text[line_start..range.start].chars().count();
        let marked = self.text[range.clone()].lines().next().unwrap_or_default();
        let marks = mark.repeat(marked.chars().count().max(1));
        format!("{}{}{style}{marks}{style:#}", gutter(None), " ".repeat(indentation))
    }
}

/// What is in front of a line.
pub(super) fn gutter(number: Option<usize>) -> String {
    let number = number.map(|number| (number + 1).to_string()).unwrap_or_default();
    format!("{DIM}{number:>5} │{DIM:#} ")
}

/// Markdown as lines for a terminal, paragraphs broken at `columns`.
pub(super) fn markdown(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.trim().lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim()) };
            continue;
        }
        match fence {
            Some(language) => lines.push(code_line(&cut(line, columns), language)),
            None => lines.extend(prose(line, columns)),
        }
    }
    lines
}

fn code_line(line: &str, language: &str) -> String {
    let style = match (language, line.as_bytes().first()) {
        ("diff", Some(b'-')) => RED,
        ("diff", Some(b'+')) => GREEN,
        ("nix", _) => CYAN,
        _ => Style::new(),
    };
    styled(line, style)
}

/// A line of prose, broken between words; `#`, `**` and backquotes become styles.
fn prose(line: &str, columns: usize) -> Vec<String> {
    let (line, mut emphasis) = match line.trim_start_matches('#') {
        heading if heading.len() < line.len() => (heading.trim_start(), BOLD),
        _ => (line, Style::new()),
    };
    let base = emphasis;
    let mut is_code = false;
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in line.split(' ') {
        let visible = word.replace("**", "").replace('`', "").chars().count();
        if used > 0 && used + 1 + visible > columns {
            lines.push(String::new());
            used = 0;
        }
        let mut shown = if used > 0 { " ".to_owned() } else { String::new() };
        used += visible + shown.len();
        let mut rest = word;
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix("**") {
                emphasis = if emphasis == base { BOLD } else { base };
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix('`') {
                is_code = !is_code;
                rest = tail;
            } else {
                let end = rest.find("**").into_iter().chain(rest.find('`')).min();
                let (piece, tail) = rest.split_at(end.unwrap_or(rest.len()));
                shown.push_str(&styled(piece, if is_code { CYAN } else { emphasis }));
                rest = tail;
            }
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(&shown);
        }
    }
    lines
}

fn styled(text: &str, style: Style) -> String {
    if style == Style::new() { text.to_owned() } else { format!("{style}{text}{style:#}") }
}

fn style(kind: SyntaxKind) -> Option<Style> {
    use SyntaxKind::*;
    Some(match kind {
        Comment => DIM,
        StringQuote | IndentedQuote | StringFragment => GREEN,
        AssertKw | ElseKw | IfKw | InKw | InheritKw | LetKw | OrKw | RecKw | ThenKw | WithKw => {
            AnsiColor::Magenta.on_default()
        }
        Int | Float | DollarBrace => AnsiColor::Yellow.on_default(),
        Uri => LINK,
        SearchPath | PathFragment => CYAN,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_excerpt_has_numbers_and_a_squiggle() {
        let text = "let\n  a = \"x\"; # é\nin a.b\n";
        let code = Code::new(text);
        let at = text.find("a.b").unwrap();
        let line = code.line_of(at);
        let mut shown = vec!["a.nix".to_owned()];
        shown.extend(code.lines(line - 1..line));
        shown.push(code.line(line, Some(at..at + 3)));
        shown.push(code.marks(&(at + 2..at + 3), "~", RED));
        shown.extend(code.lines(7..9));
        expect![[r#"
            a.nix
                2 │   a = "x"; # é
                3 │ in a.b
                  │      ~"#]]
        .assert_eq(&strip_str(&shown.join("\n")).to_string());
    }

    #[test]
    fn markdown_is_broken_between_words_and_keeps_its_code() {
        let lines = markdown("# Title\n\none `two` **three four** five\n```diff\n-a\n+b\n```", 14);
        expect![[r#"
            Title

            one two three
            four five
            -a
            +b"#]]
        .assert_eq(&strip_str(&lines.join("\n")).to_string());
    }
}
