//! Parsing again after an edit, at the cost of the edited block instead of the whole file.
//!
//! The result equals that of [`parse`](crate::parse) in every detail. What makes a block exchangeable:
//! its brackets stay where they are, lexing it needs nothing outside of it, and its parser's decisions
//! do not depend on what surrounds it. Braces hide the surroundings by design, so sets and the bindings
//! in them qualify; anything else is taken only if it has no error, since recovery looks outwards.

use std::ops::Range;

use rowan::{GreenNode, GreenNodeBuilder, TextRange};

use crate::edit::TextEdit;
use crate::error::SyntaxErrorKind;
use crate::flat::{Element, ElementId, FlatTree};
use crate::green::{SyntaxNode, build_green};
use crate::kind::SyntaxKind::{
    self, Assign, AttrSet, Binding, Comma, DollarBrace, Ellipsis, Error, Ident, Inherit,
    Interpolation, LBrace, LBracket, LParen, LegacyLet, LetKw, List, Paren, Question, RBrace,
    RBracket, RParen, Semicolon, Slash, Star,
};
use crate::parser::{Parse, ParseOptions, parse, parse_block};

/// The result of [`reparse`].
#[derive(Clone, Debug)]
pub struct Reparse {
    /// What [`parse`](crate::parse) would have returned.
    pub parse: Parse,
    /// The new green tree, sharing all that did not change with the old one, if there was one.
    pub green: Option<GreenNode>,
    /// The bytes of the new text that were parsed; `None` for all of it.
    pub block: Option<Range<u32>>,
}

/// Parses a text that came about by one edit.
///
/// `old` and `old_green` are the trees before the edit, `text` is the text after it.
pub fn reparse(
    old: &Parse,
    old_green: Option<&GreenNode>,
    edit: &TextEdit,
    text: &str,
    options: &ParseOptions,
) -> Reparse {
    let blocks = match u32::try_from(text.len()) {
        Ok(_) => enclosing_blocks(&old.tree, &edit.range),
        Err(_) => Vec::new(),
    };
    for block in blocks.into_iter().rev() {
        if let Some(reparse) = reparse_block(old, old_green, block, edit, text, options) {
            return reparse;
        }
    }
    let parse = parse(text, options);
    let green = old_green.map(|_| parse.tree.to_green(text));
    Reparse { parse, green, block: None }
}

/// A node that may be exchanged.
#[derive(Clone, Copy)]
struct Block {
    node: ElementId,
    hides_surroundings: bool,
}

/// The nodes whose edges the edit leaves alone, from the outermost to the innermost.
fn enclosing_blocks(tree: &FlatTree, edit: &Range<u32>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut parent = tree.root();
    loop {
        let mut previous = None;
        let mut node = None;
        for child in tree.children(parent) {
            let Element { kind, start, end, .. } = tree.get(child);
            if !kind.is_token() && start < edit.start && edit.end < end {
                node = Some(child);
                break;
            }
            previous = Some(child);
        }
        // What has been skipped has no errors of its own.
        let Some(node) = node.filter(|node| tree.get(*node).kind != Error) else { return blocks };
        let hides_surroundings = match tree.get(node).kind {
            AttrSet | LegacyLet | Interpolation => true,
            Binding => matches!(tree.get(parent).kind, AttrSet | LegacyLet),
            _ => false,
        };
        if let Some((open, close)) = edges(tree, node)
            && open.end <= edit.start
            && edit.end <= close.start
            && (tree.get(node).kind != Binding || is_complete_before(tree, previous))
        {
            blocks.push(Block { node, hides_surroundings });
        }
        parent = node;
    }
}

/// Whether what stands before a binding leaves no doubt that the binding starts there.
fn is_complete_before(tree: &FlatTree, previous: Option<ElementId>) -> bool {
    previous.is_some_and(|previous| match tree.get(previous).kind {
        LBrace | LetKw => true,
        Binding | Inherit => {
            tree.children(previous).last().is_some_and(|last| tree.get(last).kind == Semicolon)
        }
        _ => false,
    })
}

/// The tokens between which a node can change without affecting what is around it, if there are any:
/// its brackets, or the `=` and `;` of a binding.
fn edges(tree: &FlatTree, node: ElementId) -> Option<(Element, Element)> {
    let (open, close) = match tree.get(node).kind {
        AttrSet | LegacyLet => (LBrace, RBrace),
        Interpolation => (DollarBrace, RBrace),
        List => (LBracket, RBracket),
        Paren => (LParen, RParen),
        Binding => (Assign, Semicolon),
        _ => return None,
    };
    let mut children = tree.children(node).map(|child| tree.get(child));
    let opening = children.find(|child| child.kind == open)?;
    let closing = children.last()?;
    (closing.kind == close).then_some((opening, closing))
}

fn reparse_block(
    old: &Parse,
    old_green: Option<&GreenNode>,
    block: Block,
    edit: &TextEdit,
    text: &str,
    options: &ParseOptions,
) -> Option<Reparse> {
    let Block { node, hides_surroundings } = block;
    let Element { kind, start, end: old_end, .. } = old.tree.get(node);
    let end = (old_end + edit.insert.len() as u32) - (edit.range.end - edit.range.start);
    let block_text = text.get(start as usize..end as usize)?;
    if old.errors.iter().any(|error| error.kind == SyntaxErrorKind::NestedTooDeeply)
        || closes_a_comment(text, edit)
    {
        return None;
    }
    let new = parse_block(block_text, kind, options);
    let (_, closing) = edges(&new.tree, new.tree.root())?;
    if closing.end as usize != block_text.len()
        || !(hides_surroundings || new.errors.is_empty())
        || opens_a_comment(&new.tree)
        || may_be_pattern(&old.tree, node)
        || may_be_pattern(&new.tree, new.tree.root())
    {
        return None;
    }
    let tree = splice(&old.tree, node, &new.tree);
    let shift = |offset: u32| offset - old_end + end;
    let mut errors = Vec::with_capacity(old.errors.len());
    // An error at the block's first token is that of the surroundings.
    errors.extend(old.errors.iter().filter(|error| error.start <= start).cloned());
    errors.extend(new.errors.into_iter().map(|mut error| {
        error.start += start;
        error.end += start;
        error
    }));
    errors.extend(old.errors.iter().filter(|error| error.start >= old_end).cloned().map(
        |mut error| {
            error.start = shift(error.start);
            error.end = shift(error.end);
            error
        },
    ));
    let green = old_green.map(|old_green| {
        splice_green(old_green, kind, start..old_end, &new.tree, block_text)
            .unwrap_or_else(|| tree.to_green(text))
    });
    Some(Reparse { parse: Parse { tree, errors }, green, block: Some(start..end) })
}

/// Whether the edit puts a `*/` into the text, which may end a comment that starts before the block.
fn closes_a_comment(text: &str, edit: &TextEdit) -> bool {
    let start = (edit.range.start as usize).saturating_sub(1);
    let end = edit.range.start as usize + edit.insert.len() + 1;
    text.as_bytes()[start..end.min(text.len())].windows(2).any(|bytes| bytes == b"*/")
}

/// Whether there is a `/*` that nothing in the block closes; something behind it may.
fn opens_a_comment(tree: &FlatTree) -> bool {
    let tokens = tree.elements().iter().filter(|element| element.kind.is_token());
    tokens.clone().zip(tokens.skip(1)).any(|(first, second)| {
        first.kind == Slash && second.kind == Star && first.end == second.start
    })
}

/// Whether a set could be taken for a pattern, which depends on what follows it.
fn may_be_pattern(tree: &FlatTree, set: ElementId) -> bool {
    if tree.get(set).kind != AttrSet {
        return false;
    }
    let mut tokens = tree.elements()[set.0 as usize..]
        .iter()
        .map(|element| element.kind)
        .filter(|kind| kind.is_token() && !kind.is_trivia())
        .chain([RBrace; 3]);
    let mut next = || tokens.next().unwrap_or(RBrace);
    match (next(), next(), next()) {
        (LBrace, RBrace | Ellipsis | Comma, _) => true,
        (LBrace, Ident, following) => {
            matches!(following, Comma | Question | RBrace | Ident | Ellipsis)
        }
        _ => false,
    }
}

/// The old tree with one node exchanged.
fn splice(old: &FlatTree, block: ElementId, new: &FlatTree) -> FlatTree {
    let first = block.0 as usize;
    let replaced = old.get(block);
    let (before, rest) = old.elements().split_at(first);
    let (_, after) = rest.split_at(replaced.next as usize - first);
    let shift_offset =
        |offset: u32| offset - replaced.end + replaced.start + new.get(new.root()).end;
    let shift_index = |index: u32| index - replaced.next + block.0 + new.elements().len() as u32;
    let mut elements = Vec::with_capacity(before.len() + new.elements().len() + after.len());
    elements.extend(before.iter().map(|element| {
        if element.next > block.0 {
            // It contains the block.
            let (end, next) = (shift_offset(element.end), shift_index(element.next));
            Element { end, next, ..*element }
        } else {
            *element
        }
    }));
    elements.extend(new.elements().iter().map(|element| Element {
        kind: element.kind,
        start: element.start + replaced.start,
        end: element.end + replaced.start,
        next: element.next + block.0,
    }));
    elements.extend(after.iter().map(|element| Element {
        kind: element.kind,
        start: shift_offset(element.start),
        end: shift_offset(element.end),
        next: shift_index(element.next),
    }));
    FlatTree { elements }
}

fn splice_green(
    old: &GreenNode,
    kind: SyntaxKind,
    range: Range<u32>,
    new: &FlatTree,
    block_text: &str,
) -> Option<GreenNode> {
    let range = TextRange::new(range.start.into(), range.end.into());
    let covering = match SyntaxNode::new_root(old.clone()).covering_element(range) {
        rowan::NodeOrToken::Node(node) => node,
        rowan::NodeOrToken::Token(token) => token.parent()?,
    };
    let replaced = covering
        .ancestors()
        .take_while(|node| node.text_range() == range)
        .find(|node| node.kind() == kind)?;
    let depth = replaced.ancestors().count() - 1;
    let mut builder = GreenNodeBuilder::new();
    build_green(new.elements(), block_text, depth, &mut builder);
    Some(replaced.replace_with(builder.finish()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::green::tests::nearly_nix;

    /// Applies the edit between the markers `‹old|new›` and returns what was parsed again.
    fn check(marked: &str) -> String {
        let (before, rest) = marked.split_once('‹').expect("a start marker");
        let (removed, rest) = rest.split_once('|').expect("a separator");
        let (inserted, after) = rest.split_once('›').expect("an end marker");
        let old = format!("{before}{removed}{after}");
        let start = before.len() as u32;
        let edit = TextEdit::replace(start..start + removed.len() as u32, inserted);
        check_edit(&old, &edit)
    }

    fn check_edit(old_text: &str, edit: &TextEdit) -> String {
        let options = ParseOptions::default();
        let old = parse(old_text, &options);
        let mut text = old_text.to_owned();
        crate::apply_edits(&mut text, std::slice::from_ref(edit)).expect("a fitting edit");
        let green = old.tree.to_green(old_text);
        let reparse = reparse(&old, Some(&green), edit, &text, &options);
        let whole = parse(&text, &options);
        assert_eq!(reparse.parse, whole, "{old_text:?} {edit:?}");
        assert_eq!(reparse.green, Some(whole.tree.to_green(&text)), "{old_text:?} {edit:?}");
        match reparse.block {
            Some(block) => text[block.start as usize..block.end as usize].to_owned(),
            None => "everything".to_owned(),
        }
    }

    #[test]
    fn the_smallest_block_is_enough() {
        assert_eq!(check("{ a = { b = ‹1|23›; }; c = 4; }"), "b = 23;");
        assert_eq!(check("{ a = { b = 1; ‹|c = 2; › }; }"), "{ b = 1; c = 2;  }");
        assert_eq!(check("{ a = [ 1 ‹|2 › ]; }"), "[ 1 2  ]");
        assert_eq!(check("f (a ‹b|c.d› ) { }"), "(a c.d )");
        assert_eq!(check("\"a${ b ‹|c › }d\""), "${ b c  }");
        assert_eq!(check("{ a = 1; b = ‹2|c.›; }"), "b = c.;");
        assert_eq!(check("{ a = 1\n; b = ‹2|c›; }"), "b = c;");
        assert_eq!(check("let a = ‹2|c›; in a"), "a = c;");
        assert_eq!(check("x: { ) a = ‹1|›; } ]"), "{ ) a = ; }");
    }

    #[test]
    fn what_looks_outwards_takes_the_next_block() {
        assert_eq!(check("let a = ‹2|c.›; in a"), "everything");
        assert_eq!(check("{ a = 1\n b = ‹2|c›; }"), "{ a = 1\n b = c; }");
        assert_eq!(check("{ a = [ 1 ‹|, › ]; }"), "a = [ 1 ,  ];");
        assert_eq!(check("{ a = [ 1 ‹|; › ]; }"), "{ a = [ 1 ;  ]; }");
        assert_eq!(check("{ a = { b ‹= 1;|› }; }"), "a = { b  };");
        assert_eq!(check("{ a = { b = ‹1|\"›; }; }"), "everything");
        assert_eq!(check("{ a = { ‹|}› }; }"), "everything");
        assert_eq!(check("{ a = { ‹|/*› }; /* */ }"), "everything");
        assert_eq!(check("/* { a = 1‹|*/›; }"), "everything");
        assert_eq!(check("‹|x: ›{ }"), "everything");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn equals_a_parse_of_everything(
            before in nearly_nix(),
            block in prop::sample::select(vec!["{}", "()", "[]", "{a={};}", "${}", "\"${}\"", "''${{}}''"]),
            inside in nearly_nix(),
            after in nearly_nix(),
            inserted in nearly_nix(),
            place in any::<prop::sample::Index>(),
            removed in 0..12_usize,
        ) {
            let (open, close) = block.split_at(block.len().div_ceil(2));
            let text = format!("{before}{open}{inside}{close}{after}");
            let boundary = |mut at: usize| {
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at as u32
            };
            let start = boundary(before.len() + open.len() + place.index(inside.len() + 1));
            let end = boundary(text.len().min(start as usize + removed)).max(start);
            check_edit(&text, &TextEdit::replace(start..end, inserted));
        }
    }
}
