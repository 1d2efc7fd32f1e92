//! Drawing: headings, excerpts of code, boxes.

use std::time::Duration;

pub(super) const PLAIN: &str = "\x1b[0m";
pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const DIM: &str = "\x1b[2m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const GREEN: &str = "\x1b[32m";
pub(super) const YELLOW: &str = "\x1b[33m";
pub(super) const CYAN: &str = "\x1b[36m";

const WIDTH: usize = 92;

pub(super) fn line(text: &str) {
    anstream::println!("{text}");
}

/// The beginning of a story.
pub(super) fn heading(number: u32, title: &str) {
    let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 7));
    line(&format!("\n{BOLD}{CYAN}── {number}. {title} {rule}{PLAIN}\n"));
}

/// Lines of a text around `line` (from 0), with line numbers. A mark stands below `columns`.
pub(super) fn code(name: &str, text: &str, at: u32, columns: Option<(u32, u32)>, mark: &str) {
    line(&format!("  {DIM}{name}{PLAIN}"));
    let at = at as usize;
    for (number, content) in text.lines().enumerate() {
        if number + 2 < at || number > at + 1 {
            continue;
        }
        let content: String = content.chars().take(WIDTH).collect();
        line(&format!("  {DIM}{:>4} │{PLAIN} {content}", number + 1));
        if let (true, Some((start, end))) = (number == at, columns) {
            let blank = " ".repeat(start as usize);
            let marks = mark.repeat((end.max(start + 1) - start) as usize);
            line(&format!("  {DIM}     │{PLAIN} {blank}{RED}{marks}{PLAIN}"));
        }
    }
}

/// Lines in a box, as an editor's pop-up.
pub(super) fn pop_up(lines: &[String]) {
    line(&format!("       {DIM}╭{}{PLAIN}", "─".repeat(WIDTH - 8)));
    for content in lines {
        line(&format!("       {DIM}│{PLAIN} {content}"));
    }
    line(&format!("       {DIM}╰{}{PLAIN}", "─".repeat(WIDTH - 8)));
}

/// How long an answer took.
pub(super) fn took(what: &str, time: Duration) {
    line(&format!("       {DIM}{what} in {:.1} ms{PLAIN}", time.as_secs_f64() * 1000.0));
}

/// The text cut to `width` characters.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = text.lines().next().unwrap_or_default();
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Markdown with its marks as colours.
pub(super) fn markdown(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for content in text.lines() {
        if content.starts_with("```") {
            in_code = !in_code;
            continue;
        }
        lines.push(match content.trim_start_matches('#').trim_start() {
            _ if in_code && content.starts_with('+') => format!("{GREEN}{content}{PLAIN}"),
            _ if in_code && content.starts_with('-') => format!("{RED}{content}{PLAIN}"),
            _ if in_code => format!("{CYAN}{content}{PLAIN}"),
            heading if heading.len() < content.len() => format!("{BOLD}{heading}{PLAIN}"),
            _ => inline(content),
        });
    }
    lines
}

fn inline(text: &str) -> String {
    let text = text.replace("**", "");
    let parts = text.split('`').enumerate();
    parts
        .map(
            |(index, part)| {
                if index % 2 == 1 { format!("{CYAN}{part}{PLAIN}") } else { part.to_owned() }
            },
        )
        .collect()
}
