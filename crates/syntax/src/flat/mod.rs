//! A concrete syntax tree as one flat array, in the order of the text.
//!
//! The parser writes it, and everything that wants a tree without wanting to edit it reads it: the
//! lowering to HIR above all. A [`rowan`] tree is built from it for the editor's side, and a rowan tree
//! that was edited in place turns back into one, so lowering exists once.

pub(crate) mod build;

use crate::SyntaxKind;

/// One node or token of a [`FlatTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// What it is.
    pub kind: SyntaxKind,
    /// Byte offset at which its text starts. Leading trivia belongs to the parent, not to the element.
    pub start: u32,
    /// Byte offset just past its text.
    pub end: u32,
    /// Index just past its last descendant: the next sibling, if there is one. A token's is its own
    /// index plus one.
    pub next: u32,
}

/// The index of an [`Element`] in its [`FlatTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(pub u32);

/// A whole tree, trivia included, in preorder. Element 0 is the [`SyntaxKind::SourceFile`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatTree {
    pub(crate) elements: Vec<Element>,
}

impl FlatTree {
    /// The root, a [`SyntaxKind::SourceFile`].
    pub fn root(&self) -> ElementId {
        ElementId(0)
    }

    /// The element itself.
    pub fn get(&self, id: ElementId) -> Element {
        self.elements[id.0 as usize]
    }

    /// All elements in the order of the text.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The direct children of a node that are not trivia.
    pub fn children(&self, id: ElementId) -> Children<'_> {
        Children { tree: self, at: id.0 + 1, end: self.get(id).next }
    }
}

/// See [`FlatTree::children`].
#[derive(Clone, Debug)]
pub struct Children<'a> {
    tree: &'a FlatTree,
    at: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = ElementId;

    fn next(&mut self) -> Option<ElementId> {
        while self.at < self.end {
            let id = ElementId(self.at);
            let element = self.tree.get(id);
            self.at = element.next;
            if !matches!(element.kind, SyntaxKind::Whitespace | SyntaxKind::Comment) {
                return Some(id);
            }
        }
        None
    }
}

impl FlatTree {
    /// The tree as indented text, one element a line, for tests and for looking at.
    pub fn dump(&self, text: &str) -> String {
        let mut dump = String::new();
        let mut ends = Vec::new();
        for (index, element) in self.elements.iter().enumerate() {
            while ends.last().is_some_and(|end| *end as usize <= index) {
                ends.pop();
            }
            let Element { kind, start, end, next } = *element;
            let indentation = ends.len() * 2;
            dump.push_str(&format!("{:indentation$}{kind:?}@{start}..{end}", ""));
            if kind.is_token() {
                dump.push_str(&format!(" {:?}", &text[start as usize..end as usize]));
            }
            dump.push('\n');
            ends.push(next);
        }
        dump
    }
}
