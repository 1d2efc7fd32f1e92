//! Comments that suppress lints.
//!
//! `# floe-ignore: SLUG, SLUG` speaks of the line that it ends, or, where it stands alone, of the next
//! line with code. `# floe-ignore-file: SLUG` speaks of the whole file. What stands behind `--` is a
//! reason for people.

use floe_hir::Span;
use floe_syntax::{SyntaxKind, TextEdit};

use super::{Finding, FindingKind, Fix, Level, Lint, Safety, lint};
use crate::tree::{Node, Tree};

const SLUG: &str = "unused-suppression";

/// The comments of a file that suppress lints.
pub(crate) struct Suppressions<'t> {
    all: Vec<Suppression<'t>>,
}

struct Suppression<'t> {
    comment: Node<'t>,
    slugs: Vec<(&'t str, Span, bool)>,
    /// The bytes that findings start in; all of them for a whole file.
    lines: (u32, u32),
}

/// Takes out what comments suppress, and adds the comments that suppress nothing.
pub(super) fn apply(
    tree: &Tree<'_>,
    mut found: Vec<Finding>,
    level: impl Fn(&str) -> Option<Level>,
) -> Vec<Finding> {
    if !Suppressions::may_be_in(tree.text()) {
        return found;
    }
    let mut suppressions = Suppressions::of(tree);
    found.retain(|finding| !suppressions.cover(finding.slug, finding.span.start));
    let own = level(SLUG).unwrap_or(Level::Allow);
    if own == Level::Allow {
        return found;
    }
    for suppression in &suppressions.all {
        for (slug, span, is_used) in &suppression.slugs {
            // A lint that is off finds nothing, so that says nothing about the comment. What values
            // are, evaluation may know better.
            let is_unjudged = |lint: &Lint| lint.is_of_types() || level(slug) == Some(Level::Allow);
            if *is_used || lint(slug).is_some_and(is_unjudged) {
                continue;
            }
            let message = match lint(slug) {
                Some(_) => format!("nothing here needs '{slug}' to be ignored"),
                None => format!("there is no lint '{slug}'; `floe explain` lists all"),
            };
            let edits = vec![suppression.without(slug)];
            found.push(Finding {
                slug: SLUG,
                level: own,
                span: *span,
                message,
                kind: FindingKind::Unnecessary,
                fix: Some(Fix {
                    title: "Remove the comment".to_owned(),
                    safety: Safety::Safe,
                    edits,
                }),
            });
        }
    }
    found
}

impl<'t> Suppressions<'t> {
    /// Whether there can be any, without a look at the tree.
    pub(crate) fn may_be_in(text: &str) -> bool {
        text.contains("floe-ignore")
    }

    pub(crate) fn of(tree: &'t Tree<'t>) -> Suppressions<'t> {
        Suppressions { all: tree.all().filter_map(read).collect() }
    }

    /// Whether one of the comments suppresses a finding that begins here; notes that it is of use.
    pub(crate) fn cover(&mut self, slug: &str, start: u32) -> bool {
        let mut is_covered = false;
        for suppression in &mut self.all {
            let (from, to) = suppression.lines;
            for (named, _, is_used) in &mut suppression.slugs {
                if *named == slug && from <= start && start <= to {
                    *is_used = true;
                    is_covered = true;
                }
            }
        }
        is_covered
    }
}

fn read(comment: Node<'_>) -> Option<Suppression<'_>> {
    if !comment.is(SyntaxKind::Comment) {
        return None;
    }
    let tree = comment.tree();
    let inside = comment.text().trim_start_matches(['#', '/', '*', ' ', '\t']);
    let (is_file, list) = match inside.strip_prefix("floe-ignore-file:") {
        Some(list) => (true, list),
        None => (false, inside.strip_prefix("floe-ignore:")?),
    };
    let start = comment.end() - list.len() as u32;
    let list = list.trim_end_matches(['*', '/', ' ', '\t']);
    let list = list.split("--").next().unwrap_or_default();
    let mut slugs = Vec::new();
    for word in list.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
        let at = start + (word.as_ptr() as usize - list.as_ptr() as usize) as u32;
        slugs.push((word, Span { start: at, end: at + word.len() as u32 }, false));
    }
    let lines = if is_file {
        (0, u32::MAX)
    } else {
        let line = tree.line_start(comment.start());
        let before = &tree.text()[line as usize..comment.start() as usize];
        if before.trim().is_empty() { next_code_line(comment) } else { (line, comment.start()) }
    };
    Some(Suppression { comment, slugs, lines })
}

/// The line of the first token behind a comment that is no comment.
fn next_code_line(comment: Node<'_>) -> (u32, u32) {
    let tree = comment.tree();
    let next = tree
        .all()
        .find(|node| node.is_token() && node.start() >= comment.end() && !node.kind().is_trivia());
    match next {
        Some(token) => (tree.line_start(token.start()), tree.line_end(token.start())),
        None => (comment.end(), comment.end()),
    }
}

impl Suppression<'_> {
    /// The comment without one slug; without any, no comment.
    fn without(&self, slug: &str) -> TextEdit {
        let text = self.comment.text();
        let kept: Vec<&str> =
            self.slugs.iter().map(|(name, ..)| *name).filter(|name| *name != slug).collect();
        if let (false, Some((_, first, _)), Some((_, last, _))) =
            (kept.is_empty(), self.slugs.first(), self.slugs.last())
        {
            return TextEdit::replace(first.start..last.end, kept.join(", "));
        }
        let tree = self.comment.tree();
        let (start, end) = (self.comment.start(), self.comment.end());
        let line = tree.line_start(start);
        let before = &tree.text()[line as usize..start as usize];
        let is_line = before.trim().is_empty() && tree.line_end(end) == end && !text.contains('\n');
        let line_break = tree.text()[end as usize..].starts_with('\n');
        if is_line && line_break {
            return TextEdit::delete(line..end + 1);
        }
        TextEdit::delete(line + before.trim_end().len() as u32..end)
    }
}
