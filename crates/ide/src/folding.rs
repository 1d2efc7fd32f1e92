//! What can be folded away: sets, lists, `let`s, patterns, long strings, comments, marked regions.

use floe_db::{Db, File, line_index, parse, source};
use floe_hir::Span;
use floe_syntax::{ColumnEncoding, Element, FlatTree, LineIndex, SyntaxKind as K};

/// A range that can be folded. Its first and last bytes stay visible around what is hidden: it starts
/// behind an opening bracket and ends before the closing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// What is hidden.
    pub span: Span,
    /// What it is.
    pub kind: FoldKind,
}

/// What a fold hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    /// Code or text.
    Code,
    /// A comment, or comments on consecutive lines.
    Comment,
    /// Consecutive `inherit`s, which are what Nix has of imports.
    Imports,
    /// What stands between `# region` and `# endregion`.
    Region,
}

/// The folds of a file that have more than one line, outer ones before inner ones; of several that begin
/// on one line, the one that ends last.
pub fn folding_ranges(db: &dyn Db, file: File) -> Vec<Fold> {
    let text = &source(db, file).text;
    let mut folding = Folding {
        tree: &parse(db, file).tree,
        text,
        index: line_index(db, file),
        found: Vec::new(),
    };
    folding.nodes();
    folding.comments();
    folding.regions();
    let mut found = folding.found;
    found.sort_by_key(|(line, fold)| (*line, std::cmp::Reverse(fold.span.end)));
    found.dedup_by_key(|(line, _)| *line);
    found.into_iter().map(|(_, fold)| fold).collect()
}

struct Folding<'a> {
    tree: &'a FlatTree,
    text: &'a str,
    index: &'a LineIndex,
    /// With the line on which each begins.
    found: Vec<(u32, Fold)>,
}

impl<'a> Folding<'a> {
    fn line(&self, offset: u32) -> u32 {
        self.index.line_column(self.text, offset, ColumnEncoding::Utf8).line
    }

    fn add(&mut self, start: u32, end: u32, kind: FoldKind) {
        let line = self.line(start);
        if start < end && line < self.line(end) {
            self.found.push((line, Fold { span: Span { start, end }, kind }));
        }
    }

    fn nodes(&mut self) {
        let tree = self.tree;
        for (index, element) in tree.elements().iter().enumerate() {
            match element.kind {
                K::AttrSet | K::LegacyLet | K::Pattern => {
                    self.between(index, element, K::LBrace, K::RBrace);
                    self.inherits(index);
                }
                K::List => self.between(index, element, K::LBracket, K::RBracket),
                K::Paren => self.between(index, element, K::LParen, K::RParen),
                K::LetIn => {
                    self.between(index, element, K::LetKw, K::InKw);
                    self.inherits(index);
                }
                K::String => self.between(index, element, K::StringQuote, K::StringQuote),
                K::IndentedString => {
                    self.between(index, element, K::IndentedQuote, K::IndentedQuote);
                }
                _ => {}
            }
        }
    }

    /// A node without its delimiters. One that is still being written ends where the node does.
    fn between(&mut self, index: usize, node: &Element, open: K, close: K) {
        let children = || self.tree.children(floe_syntax::ElementId(index as u32));
        let get = |id| self.tree.get(id);
        let Some(open) = children().map(get).find(|child| child.kind == open) else { return };
        let close = children().map(get).filter(|child| child.kind == close).last();
        let end =
            close.filter(|close| close.start >= open.end).map_or(node.end, |close| close.start);
        self.add(open.end, end, FoldKind::Code);
    }

    /// Runs of `inherit`s in a set or `let`.
    fn inherits(&mut self, index: usize) {
        let mut run: Option<Span> = None;
        for child in self.tree.children(floe_syntax::ElementId(index as u32)) {
            let child = self.tree.get(child);
            if child.kind == K::Inherit {
                let start = run.map_or(child.start, |run| run.start);
                run = Some(Span { start, end: child.end });
            } else if let Some(run) = run.take() {
                self.add(run.start, run.end, FoldKind::Imports);
            }
        }
        if let Some(run) = run {
            self.add(run.start, run.end, FoldKind::Imports);
        }
    }

    /// Comments of several lines, and runs of comments that each have a line of their own.
    fn comments(&mut self) {
        let tree = self.tree;
        let mut run: Option<Span> = None;
        for element in tree.elements().iter().filter(|element| element.kind.is_token()) {
            let text = self.text_of(element);
            let continues = match element.kind {
                K::Whitespace => text.matches('\n').count() <= 1,
                K::Comment => text.starts_with('#') && !is_region(text) && self.is_alone(element),
                _ => false,
            };
            if !continues && let Some(run) = run.take() {
                self.add(run.start, run.end, FoldKind::Comment);
            }
            if element.kind != K::Comment {
                continue;
            }
            if continues {
                let start = run.map_or(element.start, |run| run.start);
                run = Some(Span { start, end: element.end });
            } else if text.starts_with("/*") {
                self.add(element.start, element.end, FoldKind::Comment);
            }
        }
        if let Some(run) = run {
            self.add(run.start, run.end, FoldKind::Comment);
        }
    }

    fn regions(&mut self) {
        let tree = self.tree;
        let mut open = Vec::new();
        for element in tree.elements().iter().filter(|element| element.kind == K::Comment) {
            let text = self.text_of(element);
            match region(text) {
                Some(Region::Start) => open.push(element.start),
                Some(Region::End) => {
                    if let Some(start) = open.pop() {
                        self.add(start, element.end, FoldKind::Region);
                    }
                }
                None => {}
            }
        }
    }

    fn text_of(&self, element: &Element) -> &'a str {
        &self.text[element.start as usize..element.end as usize]
    }

    /// Whether nothing but white space stands before it on its line.
    fn is_alone(&self, element: &Element) -> bool {
        let before = &self.text[..element.start as usize];
        before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty())
    }
}

enum Region {
    Start,
    End,
}

/// `#region`, `# region Name`, `/* endregion */`.
fn region(comment: &str) -> Option<Region> {
    let inner = comment.trim_start_matches(['#', '/', '*', ' ']);
    let word = inner.split(|c: char| !c.is_ascii_alphanumeric()).next();
    match word {
        Some("region") => Some(Region::Start),
        Some("endregion") => Some(Region::End),
        _ => None,
    }
}

fn is_region(comment: &str) -> bool {
    region(comment).is_some()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let line = |offset: u32| text[..offset as usize].matches('\n').count() + 1;
        let shown: String = folding_ranges(&fixture.db, fixture.file)
            .into_iter()
            .map(|Fold { span, kind }| {
                format!("{}-{} {kind:?}\n", line(span.start), line(span.end))
            })
            .collect();
        expected.assert_eq(&shown);
    }

    #[test]
    fn brackets_strings_and_let() {
        check(
            "{ a,\n  b }:\nlet\n  x = [\n    1\n  ];\nin {\n  y = ''\n    text\n  '';\n  z = { q = 1; };\n}\n",
            &expect![[r#"
                1-2 Code
                3-7 Code
                4-6 Code
                7-12 Code
                8-10 Code
            "#]],
        );
    }

    #[test]
    fn comments_regions_and_inherits() {
        check(
            "# one\n# two\n\n# alone\n{\n  # region Things\n  inherit a;\n  inherit (b)\n    c;\n  d = 1; # beside\n  # endregion\n  /* long\n     one */\n}\n",
            &expect![[r#"
                1-2 Comment
                5-14 Code
                6-11 Region
                7-9 Imports
                12-13 Comment
            "#]],
        );
    }

    #[test]
    fn what_is_not_closed_yet_folds_to_its_end() {
        check(
            "{ a = [\n  1\n  2\n",
            &expect![[r#"
            1-3 Code
        "#]],
        );
    }
}
