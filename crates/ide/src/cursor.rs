//! Where in the tree a cursor stands. Broken text is the normal case here: somebody is typing.

use floe_syntax::{Element, ElementId, FlatTree, SyntaxKind};

/// A place between two bytes of a file.
pub(crate) struct Cursor<'a> {
    pub(crate) tree: &'a FlatTree,
    pub(crate) text: &'a str,
    pub(crate) offset: u32,
    /// The nodes around the token before the cursor, outermost first.
    pub(crate) nodes: Vec<ElementId>,
    /// The token that ends at the cursor or has it inside; trivia only where it is a comment.
    pub(crate) token: Option<ElementId>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(tree: &'a FlatTree, text: &'a str, offset: u32) -> Cursor<'a> {
        let mut cursor = Cursor { tree, text, offset, nodes: Vec::new(), token: None };
        let mut node = tree.root();
        loop {
            cursor.nodes.push(node);
            // The last child that starts before the cursor: the cursor is in it, at its end, or in the
            // white space behind it.
            let Some(child) = last_child_before(tree, node, offset) else { return cursor };
            if tree.get(child).kind.is_token() {
                cursor.token = Some(child);
                return cursor;
            }
            node = child;
        }
    }

    pub(crate) fn get(&self, id: ElementId) -> Element {
        self.tree.get(id)
    }

    pub(crate) fn text_of(&self, id: ElementId) -> &'a str {
        let element = self.get(id);
        &self.text[element.start as usize..element.end as usize]
    }

    pub(crate) fn token_kind(&self) -> Option<SyntaxKind> {
        self.token.map(|token| self.get(token).kind)
    }

    /// Whether the cursor touches its token, rather than stand in white space behind it.
    pub(crate) fn touches_token(&self) -> bool {
        self.token.is_some_and(|token| self.get(token).end >= self.offset)
    }

    /// Whether the cursor is in a comment.
    pub(crate) fn in_comment(&self) -> bool {
        self.token_kind() == Some(SyntaxKind::Comment)
            && self.token.is_some_and(|token| {
                let element = self.get(token);
                let is_line = self.text_of(token).starts_with('#');
                self.offset < element.end || (is_line && self.offset == element.end)
            })
    }

    /// The innermost node.
    pub(crate) fn node(&self) -> ElementId {
        self.nodes.last().copied().unwrap_or(self.tree.root())
    }
}

fn last_child_before(tree: &FlatTree, node: ElementId, offset: u32) -> Option<ElementId> {
    let mut found = None;
    let (mut at, end) = (node.0 + 1, tree.get(node).next);
    while at < end {
        let element = tree.get(ElementId(at));
        if element.start >= offset {
            break;
        }
        // White space says nothing; a comment matters only while the cursor is in it.
        let counts = match element.kind {
            SyntaxKind::Whitespace => false,
            SyntaxKind::Comment => offset <= element.end,
            _ => true,
        };
        if counts {
            found = Some(ElementId(at));
        }
        at = element.next;
    }
    found
}
