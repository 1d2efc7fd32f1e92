//! What "expand selection" selects: the word, then ever larger parts of the program around it.

use floe_db::{Db, File, parse, source};
use floe_hir::Span;
use floe_syntax::{ElementId, SyntaxKind as K};

/// No one expands a selection more often than this, and clients nest the ranges in each other.
const MOST: usize = 250;

/// The ranges around an offset, innermost first, each inside of the next; the last is the file. Of very deep
/// nesting the outer ranges are left out, except for the file.
pub fn selection_ranges(db: &dyn Db, file: File, offset: u32) -> Vec<Span> {
    let tree = &parse(db, file).tree;
    let text = &source(db, file).text;
    let offset = offset.min(text.len() as u32);
    let mut ranges = Vec::new();
    let mut node = tree.root();
    loop {
        let element = tree.get(node);
        ranges.push(Span { start: element.start, end: element.end });
        let mut touching = None;
        let (mut at, end) = (node.0 + 1, element.next);
        while at < end {
            let child = tree.get(ElementId(at));
            // Of two neighbours the one behind the cursor counts, unless it says nothing.
            if child.start <= offset && offset <= child.end && child.start < child.end {
                let better =
                    touching.is_none_or(|old| rank(tree.get(old).kind) <= rank(child.kind));
                if better {
                    touching = Some(ElementId(at));
                }
            }
            at = child.next;
        }
        let chosen = touching.map_or(Span { start: offset, end: offset }, |child| Span {
            start: tree.get(child).start,
            end: tree.get(child).end,
        });
        ranges.extend(inside(tree, node).filter(|inner| contains(*inner, chosen)));
        let Some(child) = touching else { break };
        let element = tree.get(child);
        if element.kind.is_token() {
            if element.kind != K::Whitespace {
                ranges.push(Span { start: element.start, end: element.end });
                ranges.extend(word(text, element.start, element.end, offset));
            }
            break;
        }
        node = child;
    }
    ranges.reverse();
    ranges.dedup();
    if ranges.len() > MOST {
        ranges.drain(MOST - 1..ranges.len() - 1);
    }
    ranges
}

/// White space and punctuation say less than names.
fn rank(kind: K) -> u8 {
    match kind {
        K::Whitespace => 0,
        K::StringQuote | K::IndentedQuote => 1,
        kind if K::LBrace <= kind && kind <= K::PipeLeft => 1,
        _ => 2,
    }
}

fn contains(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// What stands between the delimiters of a node, if it has some.
fn inside(tree: &floe_syntax::FlatTree, node: ElementId) -> Option<Span> {
    let (open, close) = match tree.get(node).kind {
        K::AttrSet | K::LegacyLet | K::Pattern => (K::LBrace, K::RBrace),
        K::List => (K::LBracket, K::RBracket),
        K::Paren | K::InheritFrom => (K::LParen, K::RParen),
        K::LetIn => (K::LetKw, K::InKw),
        K::String => (K::StringQuote, K::StringQuote),
        K::IndentedString => (K::IndentedQuote, K::IndentedQuote),
        K::Interpolation => (K::DollarBrace, K::RBrace),
        _ => return None,
    };
    let children = || tree.children(node).map(|id| tree.get(id));
    let open = children().find(|child| child.kind == open)?;
    let close = children().filter(|child| child.kind == close).last()?;
    // White space at the edges belongs to the delimiters.
    let content = || children().filter(|child| child.start >= open.end && child.end <= close.start);
    let (first, last) = (content().next()?, content().last()?);
    Some(Span { start: first.start, end: last.end })
}

/// The word at the cursor in a string or comment of several.
fn word(text: &str, start: u32, end: u32, offset: u32) -> Option<Span> {
    let inside = text.get(start as usize..end as usize)?;
    let at = text.floor_char_boundary(offset as usize) - start as usize;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let before = inside[..at].rfind(|c| !is_word(c));
    let from = before.map_or(0, |at| at + inside[at..].chars().next().map_or(1, char::len_utf8));
    let to = inside[at..].find(|c| !is_word(c)).map_or(inside.len(), |to| at + to);
    let span = Span { start: start + from as u32, end: start + to as u32 };
    (from < to && span.end - span.start < end - start).then_some(span)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use expect_test::{Expect, expect};
    use floe_db::Change;

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let source = &source(&fixture.db, fixture.file).text;
        let mut shown = String::new();
        let mut last: Option<Span> = None;
        for span in selection_ranges(&fixture.db, fixture.file, fixture.offset) {
            assert!(last.is_none_or(|last| span.start <= last.start && last.end <= span.end));
            last = Some(span);
            shown += &format!("{:?}\n", &source[span.start as usize..span.end as usize]);
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn from_a_name_outwards() {
        check(
            "{ a = f (b.$0c + 1); }",
            &expect![[r#"
            "c"
            "b.c"
            "b.c + 1"
            "(b.c + 1)"
            "f (b.c + 1)"
            "a = f (b.c + 1);"
            "{ a = f (b.c + 1); }"
        "#]],
        );
    }

    #[test]
    fn a_word_of_a_string_first() {
        check(
            "[ \"one tw$0o three\" ]",
            &expect![[r#"
            "two"
            "one two three"
            "\"one two three\""
            "[ \"one two three\" ]"
        "#]],
        );
    }

    #[test]
    fn the_end_of_a_string_is_in_the_string() {
        check(
            "\"abc$0\"",
            &expect![[r#"
            "abc"
            "\"abc\""
        "#]],
        );
        check(
            "''abc$0''",
            &expect![[r#"
            "abc"
            "''abc''"
        "#]],
        );
        check(
            "x: \"a b$0${x}\"",
            &expect![[r#"
            "${"
            "${x}"
            "a b${x}"
            "\"a b${x}\""
            "x: \"a b${x}\""
        "#]],
        );
        check(
            "x: ''a b${x$0}''",
            &expect![[r#"
            "x"
            "${x}"
            "a b${x}"
            "''a b${x}''"
            "x: ''a b${x}''"
        "#]],
        );
        check(
            "\"$0\"",
            &expect![[r#"
            "\""
            "\"\""
        "#]],
        );
    }

    #[test]
    fn of_deep_nesting_the_inner_ranges_and_the_file() {
        let depth = 100_000;
        let fixture = fixture(&format!("# deep\n{}$0{}", "[".repeat(depth), "]".repeat(depth)));
        let ranges = selection_ranges(&fixture.db, fixture.file, fixture.offset);
        assert_eq!(ranges.len(), MOST);
        assert_eq!(ranges.last().map(|file| file.start), Some(0));
    }

    #[test]
    fn each_range_is_in_the_next_all_over_the_own_package_set() {
        let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs");
        let (mut pending, mut places) = (vec![PathBuf::from(packages)], 0);
        let mut fixture = fixture("1");
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(path.read_dir().unwrap().flatten().map(|entry| entry.path()));
            } else if path.extension().is_some_and(|ending| ending == "nix") {
                let text: Arc<str> = std::fs::read_to_string(path).unwrap().into();
                let path = fixture.file.path(&fixture.db).clone();
                fixture.db.apply(Change::Buffer { path, text: text.clone() });
                let offsets = parse(&fixture.db, fixture.file).tree.elements().to_vec();
                for offset in offsets.iter().step_by(3).map(|element| element.end) {
                    let ranges = selection_ranges(&fixture.db, fixture.file, offset);
                    let nested = ranges.windows(2).all(|pair| contains(pair[1], pair[0]));
                    assert!(nested, "{offset} of {text}: {ranges:?}");
                    places += 1;
                }
            }
        }
        assert!(places > 1000, "{places}");
    }

    #[test]
    fn in_white_space() {
        check(
            "{ a = 1; $0 }",
            &expect![[r#"
            "{ a = 1;  }"
        "#]],
        );
    }
}
