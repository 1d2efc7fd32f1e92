//! The second sink: [`rowan`] trees for the editor's side, made from a [`FlatTree`] and turned back
//! into one.

use rowan::{GreenNode, GreenNodeBuilder, GreenNodeData, NodeOrToken};

use crate::flat::{Element, FlatTree};
use crate::kind::SyntaxKind;

/// The language of our [`rowan`] trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NixLanguage {}

impl rowan::Language for NixLanguage {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        SyntaxKind::ALL.get(raw.0 as usize).copied().unwrap_or(SyntaxKind::Error)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

/// A node of a syntax tree.
pub type SyntaxNode = rowan::SyntaxNode<NixLanguage>;
/// A token of a syntax tree.
pub type SyntaxToken = rowan::SyntaxToken<NixLanguage>;
/// A node or a token of a syntax tree.
pub type SyntaxElement = rowan::SyntaxElement<NixLanguage>;

/// How deep a green tree gets. Such trees are dropped recursively, on any thread that happens to hold
/// the last reference (a stack of 2 MiB is enough for 16,000 levels in a debug build), so a node at this depth becomes an [`SyntaxKind::Error`] of its bare tokens. The
/// [`FlatTree`] has no such limit.
pub const MAX_GREEN_DEPTH: usize = 2_000;

impl FlatTree {
    /// The tree as a green tree. `text` is the text that it was parsed from.
    pub fn to_green(&self, text: &str) -> GreenNode {
        let mut builder = GreenNodeBuilder::new();
        build_green(self.elements(), text, 0, &mut builder);
        builder.finish()
    }

    /// The tree of a whole file. The opposite of [`FlatTree::to_green`], for trees that were edited.
    pub fn from_node(root: &SyntaxNode) -> FlatTree {
        from_green(&root.green())
    }
}

/// Adds a tree that will have `depth` nodes above it.
pub(crate) fn build_green(
    elements: &[Element],
    text: &str,
    depth: usize,
    builder: &mut GreenNodeBuilder<'_>,
) {
    let mut ends: Vec<usize> = Vec::new();
    let mut flattened_until = 0;
    for (index, element) in elements.iter().enumerate() {
        while ends.last().is_some_and(|end| *end <= index) {
            ends.pop();
            builder.finish_node();
        }
        let kind = rowan::SyntaxKind(element.kind as u16);
        if element.kind.is_token() {
            builder.token(kind, &text[element.start as usize..element.end as usize]);
        } else if index >= flattened_until {
            if depth + ends.len() >= MAX_GREEN_DEPTH {
                builder.start_node(rowan::SyntaxKind(SyntaxKind::Error as u16));
                flattened_until = element.next as usize;
            } else {
                builder.start_node(kind);
            }
            ends.push(element.next as usize);
        }
    }
    for _ in ends {
        builder.finish_node();
    }
}

pub(crate) fn from_green(root: &GreenNodeData) -> FlatTree {
    let mut elements = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    let push = |elements: &mut Vec<Element>, kind: rowan::SyntaxKind, start: u32, length: u32| {
        let kind = SyntaxKind::ALL.get(kind.0 as usize).copied().unwrap_or(SyntaxKind::Error);
        let next = elements.len() as u32 + 1;
        elements.push(Element { kind, start, end: start + length, next });
    };
    push(&mut elements, root.kind(), 0, root.text_len().into());
    open.push((0, root.children()));
    while let Some((index, children)) = open.last_mut() {
        match children.next() {
            Some(NodeOrToken::Node(node)) => {
                open.push((elements.len(), node.children()));
                push(&mut elements, node.kind(), at, node.text_len().into());
            }
            Some(NodeOrToken::Token(token)) => {
                let length = token.text().len() as u32;
                push(&mut elements, token.kind(), at, length);
                at += length;
            }
            None => {
                let next = elements.len() as u32;
                elements[*index].next = next;
                open.pop();
            }
        }
    }
    FlatTree { elements }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ParseOptions, parse};

    fn check_round_trip(text: &str) {
        let tree = parse(text, &ParseOptions::default()).tree;
        let tokens: String = tree
            .elements()
            .iter()
            .filter(|element| element.kind.is_token())
            .map(|element| &text[element.start as usize..element.end as usize])
            .collect();
        assert_eq!(tokens, text);
        let root = SyntaxNode::new_root(tree.to_green(text));
        assert_eq!(root.text().to_string(), text);
        assert_eq!(FlatTree::from_node(&root), tree);
    }

    /// Text that is more often nearly Nix than pure chance would make it.
    pub(crate) fn nearly_nix() -> impl Strategy<Value = String> {
        let words = [
            "a", "b.c", "x", " ", "\n", "=", ";", "{", "}", "[", "]", "(", ")", "${", "\"", "''",
            "'", "$", "\\", "let", " in ", "inherit", "rec", "with ", "or", "if ", " then ",
            "else ", "assert ", ":", ",", "@", "...", "?", "./a", "/", "~/", "<a>", "http://x",
            "1", "1.5", "+", "-", "->", "!", "==", "<", "++", "//", "|>", "# c\n", "/* c */", "/*",
            "é", "\0", "\r\n", "\t",
        ];
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..60)
            .prop_map(|words| words.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn any_text_round_trips(text in ".*") {
            check_round_trip(&text);
        }

        #[test]
        fn nearly_nix_round_trips(text in nearly_nix()) {
            check_round_trip(&text);
        }
    }

    /// 2 MiB is what a thread has unless it asks for more.
    #[test]
    fn deep_trees_fit_a_small_stack() {
        let checks = || {
            for (link, close) in [("[", "]"), ("a + ", ""), ("a ++ ", ""), ("f(", ")")] {
                let text = link.repeat(100_000) + "a" + &close.repeat(100_000);
                let tree = parse(&text, &ParseOptions::default()).tree;
                let root = SyntaxNode::new_root(tree.to_green(&text));
                assert_eq!(root.text().to_string(), text);
                let depth = root.descendants().map(|node| node.ancestors().count()).max();
                assert_eq!(depth, Some(MAX_GREEN_DEPTH + 1));
                let again = FlatTree::from_node(&root);
                assert_eq!(again.elements()[0].end as usize, text.len());
            }
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(checks);
        thread.map(std::thread::JoinHandle::join).expect("a thread").expect("no overflow");
    }
}
