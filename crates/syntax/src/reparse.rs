//! Parsing again after an edit, at the cost of the edited block instead of the whole file.
//!
//! The result equals that of [`parse`](crate::parse) in every detail. What makes a block exchangeable:
//! its brackets stay where they are, lexing it needs nothing outside of it, and its parser's decisions
//! do not depend on what surrounds it. Braces hide the surroundings by design, so sets, the bindings in
//! them, and runs of whole bindings qualify; anything else is taken only if it has no error, since
//! recovery looks outwards.

use std::ops::Range;

use rowan::{GreenNode, GreenNodeBuilder, NodeOrToken, TextRange};

use crate::edit::TextEdit;
use crate::error::SyntaxErrorKind;
use crate::flat::{Element, ElementId, FlatTree};
use crate::green::{SyntaxNode, build_green};
use crate::kind::SyntaxKind::{
    self, Assign, AttrSet, Binding, Comma, DollarBrace, Ellipsis, Error, Ident, InKw, Inherit,
    Interpolation, LBrace, LBracket, LParen, LegacyLet, LetIn, LetKw, List, Paren, Question,
    RBrace, RBracket, RParen, Semicolon, Slash, Star,
};
use crate::parser::{Entries, Parse, ParseOptions, parse, parse_block, parse_entries};

/// The result of [`reparse`].
#[derive(Clone, Debug)]
pub struct Reparse {
    /// What [`parse`](crate::parse) would have returned.
    pub parse: Parse,
    /// The new green tree, sharing all that did not change with the old one, if there was one.
    pub green: Option<GreenNode>,
    /// What was parsed; `None` for all of it.
    pub exchange: Option<Exchange>,
}

/// Which part of a tree was exchanged for another: whole siblings, perhaps only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The elements of the old tree that went.
    pub old: Range<u32>,
    /// The elements of the new tree that came.
    pub new: Range<u32>,
    /// The bytes of the old text that they stood for.
    pub old_text: Range<u32>,
    /// The bytes of the new text.
    pub new_text: Range<u32>,
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
    let is_exchangeable = u32::try_from(text.len()).is_ok()
        && !old.errors.iter().any(|error| error.kind == SyntaxErrorKind::NestedTooDeeply)
        && !closes_a_comment(text, edit);
    let spine = if is_exchangeable { spine(&old.tree, &edit.range) } else { Vec::new() };
    // From the inside out: what stands in a node, then the node itself.
    let blocks = (0..spine.len()).rev().flat_map(|depth| {
        let looks = [enclosing_entries as Look, enclosing_node as Look];
        let spine = &spine;
        looks.into_iter().filter_map(move |look| look(&old.tree, spine, depth, &edit.range))
    });
    for block in blocks {
        let new_end =
            (block.text.end + edit.insert.len() as u32) - (edit.range.end - edit.range.start);
        let new_text = block.text.start..new_end;
        if let Some(new) = parse_again(&old.tree, &block, new_text.clone(), text, options) {
            return exchange(old, old_green, &spine, &block, &new, new_text, text);
        }
    }
    let parse = parse(text, options);
    let green = old_green.map(|_| parse.tree.to_green(text));
    Reparse { parse, green, exchange: None }
}

/// Looks for a block at the node of the spine with this number.
type Look = fn(&FlatTree, &[Spine], usize, &Range<u32>) -> Option<Block>;

/// Siblings that may be exchanged.
struct Block {
    /// How many of the spine's nodes contain it.
    depth: usize,
    elements: Range<u32>,
    text: Range<u32>,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// One node.
    Node { hides_surroundings: bool },
    /// Some entries, and the token that ends them: the `;` of the last, which is one of them, or what
    /// closes the set, which is not.
    Entries { parent: Entries, are_first: bool, closing: Element },
}

/// A node around an edit, and the sibling before it.
#[derive(Clone, Copy)]
struct Spine {
    node: ElementId,
    previous: Option<ElementId>,
}

/// The nodes around an edit, from the root. What has been skipped has no errors of its own: the nodes
/// end there.
fn spine(tree: &FlatTree, edit: &Range<u32>) -> Vec<Spine> {
    let mut spine = vec![Spine { node: tree.root(), previous: None }];
    let mut parent = tree.root();
    loop {
        let mut previous = None;
        let mut node = None;
        for child in tree.children(parent) {
            let Element { kind, start, end, .. } = tree.get(child);
            if start >= edit.start {
                break;
            }
            if !kind.is_token() && edit.end < end {
                node = Some(child);
                break;
            }
            previous = Some(child);
        }
        let Some(node) = node.filter(|node| tree.get(*node).kind != Error) else { return spine };
        spine.push(Spine { node, previous });
        parent = node;
    }
}

/// The node itself, if the edit leaves its edges alone.
fn enclosing_node(
    tree: &FlatTree,
    spine: &[Spine],
    depth: usize,
    edit: &Range<u32>,
) -> Option<Block> {
    let Spine { node, previous } = spine[depth];
    let parent = spine[depth.checked_sub(1)?].node;
    let Element { kind, start, end, next } = tree.get(node);
    let hides_surroundings = match kind {
        AttrSet | LegacyLet | Interpolation => true,
        Binding => matches!(tree.get(parent).kind, AttrSet | LegacyLet),
        _ => false,
    };
    let (open, close) = edges(tree, node)?;
    let is_possible = open.end <= edit.start
        && edit.end <= close.start
        && (kind != Binding || is_complete_before(tree, previous));
    is_possible.then_some(Block {
        depth,
        elements: node.0..next,
        text: start..end,
        what: What::Node { hides_surroundings },
    })
}

/// The fewest entries of a set or `let` around an edit before and behind which the parser is certain to
/// look for an entry.
fn enclosing_entries(
    tree: &FlatTree,
    spine: &[Spine],
    depth: usize,
    edit: &Range<u32>,
) -> Option<Block> {
    let set = spine[depth].node;
    let (open, close) = match tree.get(set).kind {
        AttrSet | LegacyLet => (LBrace, RBrace),
        LetIn => (LetKw, InKw),
        _ => return None,
    };
    let first = tree.children(set).next().map(|child| tree.get(child).kind);
    let parent = match (close, first) {
        (InKw, _) => Entries::Let,
        (_, Some(LBrace)) => Entries::Set,
        _ => Entries::KeywordSet,
    };
    let mut opening = None;
    let mut earlier = Vec::new();
    let mut children = tree.children(set);
    let mut next = None;
    for child in children.by_ref() {
        let element = tree.get(child);
        if element.end > edit.start {
            next = Some(child);
            break;
        }
        match opening {
            None if element.kind == open => opening = Some(element),
            None => {}
            Some(_) => earlier.push(child),
        }
    }
    // A letter behind the keyword would make another word of it.
    let opening = opening.filter(|opening| open == LBrace || opening.end < edit.start)?;
    let is_entry = |child: &ElementId| matches!(tree.get(*child).kind, Binding | Inherit);
    let is_complete = |child: &&ElementId| is_entry(child) && semicolon(tree, **child).is_some();
    let last = earlier.iter().rev().find(is_complete);
    let before = last.map_or(opening, |last| tree.get(*last));
    let block = |end: u32, elements_end: u32, closing: Element| Block {
        depth: depth + 1,
        elements: before.next..elements_end,
        text: before.end..end,
        what: What::Entries { parent, are_first: last.is_none(), closing },
    };
    for child in next.into_iter().chain(children) {
        let element = tree.get(child);
        if element.kind == close {
            return (edit.end <= element.start).then(|| block(element.start, child.0, element));
        }
        if is_entry(&child)
            && let Some(semicolon) = semicolon(tree, child)
            && edit.end <= semicolon.start
        {
            return Some(block(element.end, element.next, semicolon));
        }
    }
    None
}

/// Whether what stands before a binding leaves no doubt that the binding starts there.
fn is_complete_before(tree: &FlatTree, previous: Option<ElementId>) -> bool {
    previous.is_some_and(|previous| match tree.get(previous).kind {
        LBrace | LetKw => true,
        Binding | Inherit => semicolon(tree, previous).is_some(),
        _ => false,
    })
}

/// The `;` that an entry ends with.
fn semicolon(tree: &FlatTree, entry: ElementId) -> Option<Element> {
    let last = tree.get(tree.children(entry).last()?);
    (last.kind == Semicolon).then_some(last)
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

/// The block's new tree and errors, if it can stand in the place of the old one.
fn parse_again(
    old: &FlatTree,
    block: &Block,
    new_text: Range<u32>,
    text: &str,
    options: &ParseOptions,
) -> Option<Parse> {
    let range = new_text.start as usize..new_text.end as usize;
    let new = match block.what {
        What::Node { hides_surroundings } => {
            let node = ElementId(block.elements.start);
            let block_text = text.get(range)?;
            let new = parse_block(block_text, old.get(node).kind, options);
            let (_, closing) = edges(&new.tree, new.tree.root())?;
            let is_whole = closing.end as usize == block_text.len();
            let fits = is_whole
                && (hides_surroundings || new.errors.is_empty())
                && !may_be_pattern(kinds(old, node))
                && !may_be_pattern(kinds(&new.tree, new.tree.root()));
            fits.then_some(new)?
        }
        What::Entries { parent, are_first, closing } => {
            let behind = if closing.kind == Semicolon { 0 } else { closing.end - closing.start };
            let entries = text.get(range.start..range.end + behind as usize)?;
            let new = parse_entries(entries, parent, closing.kind, options)?;
            // The brace that opens the set, and what comes first in it.
            let with_brace =
                |tree, first: u32| std::iter::once(LBrace).chain(kinds(tree, ElementId(first)));
            let may_be_pattern = parent == Entries::Set
                && are_first
                && (may_be_pattern(with_brace(old, block.elements.start))
                    || may_be_pattern(with_brace(&new.tree, 1)));
            // The last `;` may belong to a `with` that has been skipped.
            let is_whole = closing.kind != Semicolon
                || new
                    .tree
                    .children(new.tree.root())
                    .last()
                    .is_some_and(|last| semicolon(&new.tree, last).is_some());
            let fits =
                (parent != Entries::Let || new.errors.is_empty()) && is_whole && !may_be_pattern;
            fits.then_some(new)?
        }
    };
    (!opens_a_comment(&new.tree)).then_some(new)
}

/// The old trees with the block exchanged.
fn exchange(
    old: &Parse,
    old_green: Option<&GreenNode>,
    spine: &[Spine],
    block: &Block,
    new: &Parse,
    new_text: Range<u32>,
    text: &str,
) -> Reparse {
    let Range { start, end: old_end } = block.text;
    // Entries were parsed inside of a node that stands for their parent.
    let (elements, at) = match block.what {
        What::Node { .. } => (new.tree.elements(), 0),
        What::Entries { .. } => (&new.tree.elements()[1..], 1),
    };
    let spine = &spine[..block.depth];
    let new_elements = block.elements.start..block.elements.start + elements.len() as u32;
    let exchange = Exchange {
        old: block.elements.clone(),
        new: new_elements,
        old_text: block.text.clone(),
        new_text,
    };
    let tree = splice(&old.tree, spine, elements, at, &exchange);

    let closing = match block.what {
        What::Entries { closing, .. } if closing.kind != Semicolon => closing.start,
        _ => u32::MAX,
    };
    // An error at a node's first token is that of the surroundings; what closes a set has those of the
    // entry that it cuts short.
    let is_before = |offset: u32| match block.what {
        What::Node { .. } => offset <= start,
        What::Entries { .. } => offset < start,
    };
    let mut errors = Vec::with_capacity(old.errors.len());
    errors.extend(old.errors.iter().filter(|error| is_before(error.start)).cloned());
    errors.extend(new.errors.iter().cloned().map(|mut error| {
        error.start += start;
        error.end += start;
        error
    }));
    let is_behind = |offset: u32| !is_before(offset) && offset >= old_end && offset != closing;
    errors.extend(old.errors.iter().filter(|error| is_behind(error.start)).cloned().map(
        |mut error| {
            error.start = error.start - old_end + exchange.new_text.end;
            error.end = error.end - old_end + exchange.new_text.end;
            error
        },
    ));
    let green = old_green.map(|old_green| {
        splice_green(old_green, spine, &old.tree, block, &exchange, &new.tree, text)
            .unwrap_or_else(|| tree.to_green(text))
    });
    Reparse { parse: Parse { tree, errors }, green, exchange: Some(exchange) }
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

/// The kinds of the tokens of a tree from an element on.
fn kinds(tree: &FlatTree, from: ElementId) -> impl Iterator<Item = SyntaxKind> {
    let elements = tree.elements()[from.0 as usize..].iter();
    elements.map(|element| element.kind).filter(|kind| kind.is_token() && !kind.is_trivia())
}

/// Whether what starts with these tokens could be taken for a pattern, which depends on what follows it.
fn may_be_pattern(tokens: impl Iterator<Item = SyntaxKind>) -> bool {
    let mut tokens = tokens.chain([RBrace; 3]);
    let mut next = || tokens.next().unwrap_or(RBrace);
    match (next(), next(), next()) {
        (LBrace, RBrace | Ellipsis | Comma, _) => true,
        (LBrace, Ident, following) => {
            matches!(following, Comma | Question | RBrace | Ident | Ellipsis)
        }
        _ => false,
    }
}

/// The old tree with some siblings exchanged, whose indices among themselves begin at `at`.
fn splice(
    old: &FlatTree,
    spine: &[Spine],
    new: &[Element],
    at: u32,
    exchange: &Exchange,
) -> FlatTree {
    let first = exchange.old.start as usize;
    let (before, after) = (&old.elements()[..first], &old.elements()[exchange.old.end as usize..]);
    // These wrap around where text or elements became fewer.
    let offset = exchange.new_text.end.wrapping_sub(exchange.old_text.end);
    let index = exchange.new.end.wrapping_sub(exchange.old.end);
    let mut elements = Vec::with_capacity(before.len() + new.len() + after.len());
    elements.extend_from_slice(before);
    for Spine { node, .. } in spine {
        let node = &mut elements[node.0 as usize];
        node.end = node.end.wrapping_add(offset);
        node.next = node.next.wrapping_add(index);
    }
    elements.extend(new.iter().map(|element| Element {
        kind: element.kind,
        start: element.start + exchange.new_text.start,
        end: element.end + exchange.new_text.start,
        next: element.next - at + exchange.new.start,
    }));
    elements.extend(after.iter().map(|element| Element {
        kind: element.kind,
        start: element.start.wrapping_add(offset),
        end: element.end.wrapping_add(offset),
        next: element.next.wrapping_add(index),
    }));
    FlatTree { elements }
}

fn splice_green(
    old: &GreenNode,
    spine: &[Spine],
    tree: &FlatTree,
    block: &Block,
    exchange: &Exchange,
    new: &FlatTree,
    text: &str,
) -> Option<GreenNode> {
    let parent = spine.last()?.node;
    let mut node = SyntaxNode::new_root(old.clone());
    for Spine { node: child, .. } in &spine[1..] {
        let Element { kind, start, end, .. } = tree.get(*child);
        let range = TextRange::new(start.into(), end.into());
        node = node.children().find(|node| node.text_range() == range && node.kind() == kind)?;
    }
    // Trivia are children of both trees alike.
    let siblings = |range: Range<u32>| {
        let mut at = range.start;
        let mut count = 0;
        while at < range.end {
            at = tree.get(ElementId(at)).next;
            count += 1;
        }
        count
    };
    let before = siblings(parent.0 + 1..exchange.old.start);
    let replaced = before..before + siblings(exchange.old.clone());
    let block_text = &text[exchange.new_text.start as usize..exchange.new_text.end as usize];
    let mut builder = GreenNodeBuilder::new();
    let depth = spine.len() - usize::from(matches!(block.what, What::Entries { .. }));
    build_green(new.elements(), block_text, depth, &mut builder);
    let built = builder.finish();
    let spliced = match block.what {
        What::Node { .. } => node.green().splice_children(replaced, [NodeOrToken::Node(built)]),
        What::Entries { .. } => {
            let children = built.children().map(|child| child.to_owned());
            node.green().splice_children(replaced, children)
        }
    };
    Some(node.replace_with(spliced))
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
        match reparse.exchange {
            Some(Exchange { new_text, .. }) => {
                text[new_text.start as usize..new_text.end as usize].trim().to_owned()
            }
            None => "everything".to_owned(),
        }
    }

    #[test]
    fn the_smallest_block_is_enough() {
        assert_eq!(check("{ a = { b = ‹1|23›; }; c = 4; }"), "b = 23;");
        assert_eq!(check("{ a = { b = 1; ‹|c = 2; › }; }"), "c = 2;");
        assert_eq!(check("{ a = [ 1 ‹|2 › ]; }"), "[ 1 2  ]");
        assert_eq!(check("f (a ‹b|c.d› ) { }"), "(a c.d )");
        assert_eq!(check("\"a${ b ‹|c › }d\""), "${ b c  }");
        assert_eq!(check("{ a = 1; b = ‹2|c.›; }"), "b = c.;");
        assert_eq!(check("{ a = 1\n; b = ‹2|c›; }"), "b = c;");
        assert_eq!(check("let a = ‹2|c›; in a"), "a = c;");
        assert_eq!(check("x: { ) a = ‹1|›; } ]"), ") a = ;");
    }

    #[test]
    fn whole_entries_are_enough() {
        assert_eq!(check("{ a = 1; b‹|.› = 2; c = 3; }"), "b. = 2;");
        assert_eq!(check("{ a = 1; b‹.|› = 2; c = 3; }"), "b = 2;");
        assert_eq!(check("{ a = 1; ‹|b › c = 3; d = 4; }"), "b  c = 3;");
        assert_eq!(check("{ a = 1; b = 2‹;|›\n c = 3; d = 4; }"), "b = 2\n c = 3;");
        assert_eq!(check("{ a = 1; ‹b = 2; c = 3;|› d = 4; }"), "d = 4;");
        assert_eq!(check("{ a = 1; b = 2; ‹|c = ›}"), "c =");
        assert_eq!(check("{ inherit a; ‹|inherit b; › c = 3; }"), "inherit b;  c = 3;");
        assert_eq!(check("let a = 1; ‹|b = 2; ›in a"), "b = 2;");
        assert_eq!(check("{ x = let a = 1; ‹b|c› = 2; in a; }"), "c = 2;");
    }

    #[test]
    fn what_looks_outwards_takes_the_next_block() {
        assert_eq!(check("let a = ‹2|c.›; in a"), "everything");
        assert_eq!(check("{ a = 1\n b = ‹2|c›; }"), "a = 1\n b = c;");
        assert_eq!(check("{ a = [ 1 ‹|, › ]; }"), "a = [ 1 ,  ];");
        assert_eq!(check("{ a = [ 1 ‹|; › ]; }"), "a = [ 1 ;  ];");
        assert_eq!(check("{ a = { b ‹= 1;|› }; }"), "a = { b  };");
        assert_eq!(check("{ a = { b ‹|c;› }; }"), "a = { b c; };");
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
            (open, close) in prop::sample::select(vec![
                ("{", "}"), ("(", ")"), ("[", "]"), ("{a={", "};}"), ("${", "}"), ("\"${", "}\""),
                ("''${{", "}}''"), ("{a=1;", "b=2;c=3;}"), ("rec {", ";b=2;}"), ("let a=1;", "b=2;in a"),
                ("{a=let ", " in b;}"), ("{inherit a;", "inherit(b)c;}"), ("let{a=1;", "}"),
            ]),
            inside in nearly_nix(),
            after in nearly_nix(),
            inserted in nearly_nix(),
            place in any::<prop::sample::Index>(),
            removed in 0..12_usize,
        ) {
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
