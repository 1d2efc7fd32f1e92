//! From the parser's events to the tree.

use super::{Element, FlatTree};
use crate::kind::SyntaxKind;
use crate::lexer::Token;

/// What the parser does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// Opens a node.
    Start {
        kind: SyntaxKind,
        /// How many events later the node starts that this one is the first child of; 0 for none.
        parent: u32,
    },
    /// Opens a node, takes one token, and closes it.
    Leaf { kind: SyntaxKind, parent: u32 },
    /// Takes the next token.
    Token,
    /// Closes the innermost node.
    Finish,
    /// A start that was placed before its first child already.
    Placed,
}

/// Builds the tree of a text from its tokens and the parser's events: those of one node, which must take
/// all tokens.
pub(crate) fn build(
    text: &str,
    tokens: &[Token],
    trivia: &[Token],
    events: &mut [Event],
) -> FlatTree {
    let mut builder = Builder {
        tokens,
        trivia,
        elements: Vec::with_capacity(tokens.len() * 2 + trivia.len() + 8),
        open: Vec::new(),
        end: 0,
    };
    let root = match events.first() {
        Some(Event::Start { kind, .. }) => *kind,
        _ => SyntaxKind::SourceFile,
    };
    builder.push(root, 0, 0);
    let mut kinds = Vec::new();
    // The events' own first and last are those of the root, which is the builder's to open and close:
    // it alone has trivia at its edges.
    for index in 1..events.len().saturating_sub(1) {
        match events[index] {
            Event::Start { kind, parent } => {
                builder.open_parents(events, index, parent, &mut kinds);
                builder.open(kind);
            }
            Event::Leaf { kind, parent } => {
                builder.open_parents(events, index, parent, &mut kinds);
                builder.leaf(kind);
            }
            Event::Token => builder.token(),
            Event::Finish => builder.close(),
            Event::Placed => {}
        }
    }
    for token in builder.trivia {
        builder.push(token.kind, token.start, token.end);
    }
    let next = builder.elements.len() as u32;
    let root = &mut builder.elements[0];
    root.end = text.len() as u32;
    root.next = next;
    FlatTree { elements: builder.elements }
}

struct Builder<'a> {
    // What is not placed yet.
    tokens: &'a [Token],
    trivia: &'a [Token],
    elements: Vec<Element>,
    open: Vec<u32>,
    /// Where the last placed token ends.
    end: u32,
}

impl Builder<'_> {
    fn push(&mut self, kind: SyntaxKind, start: u32, end: u32) {
        let next = self.elements.len() as u32 + 1;
        self.elements.push(Element { kind, start, end, next });
    }

    /// Places the trivia before the next token and returns where that token starts.
    fn next_start(&mut self) -> u32 {
        let Some(token) = self.tokens.first() else { return self.end };
        while let [first, rest @ ..] = self.trivia
            && first.start < token.start
        {
            self.push(first.kind, first.start, first.end);
            self.trivia = rest;
        }
        token.start
    }

    /// Opens the nodes that start further behind among the events but have this one as first child.
    fn open_parents(
        &mut self,
        events: &mut [Event],
        mut index: usize,
        mut parent: u32,
        kinds: &mut Vec<SyntaxKind>,
    ) {
        while parent != 0 {
            index += parent as usize;
            let placed = std::mem::replace(&mut events[index], Event::Placed);
            let Event::Start { kind, parent: next } = placed else { break };
            kinds.push(kind);
            parent = next;
        }
        while let Some(kind) = kinds.pop() {
            self.open(kind);
        }
    }

    fn open(&mut self, kind: SyntaxKind) {
        let start = self.next_start();
        self.open.push(self.elements.len() as u32);
        self.push(kind, start, start);
    }

    fn leaf(&mut self, kind: SyntaxKind) {
        let start = self.next_start();
        let Some((token, rest)) = self.tokens.split_first() else { return };
        self.tokens = rest;
        self.push(kind, start, token.end);
        self.push(token.kind, start, token.end);
        let index = self.elements.len();
        self.elements[index - 2].next = index as u32;
        self.end = token.end;
    }

    fn token(&mut self) {
        let start = self.next_start();
        let Some((token, rest)) = self.tokens.split_first() else { return };
        self.tokens = rest;
        self.push(token.kind, start, token.end);
        self.end = token.end;
    }

    fn close(&mut self) {
        let Some(node) = self.open.pop() else { return };
        let next = self.elements.len() as u32;
        let node = &mut self.elements[node as usize];
        node.end = node.start.max(self.end);
        node.next = next;
    }
}
