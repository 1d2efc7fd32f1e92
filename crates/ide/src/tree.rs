//! The concrete tree with a way up: what lints and assists read. No rowan tree is made for it.
//!
//! A [`Node`] is a place in the tree, copied freely. Children are without white space and comments; the
//! shapes are those beside [`SyntaxKind`]'s variants.

use std::cell::OnceCell;
use std::ops::Range;

use floe_hir::Span;
use floe_syntax::{
    Associativity, ElementId, FlatTree, Precedence, SyntaxKind, binary_operator, unescape_string,
};
use rustc_hash::FxHashMap;

/// A tree, its text, and for each element the node around it.
pub(crate) struct Tree<'a> {
    flat: &'a FlatTree,
    text: &'a str,
    /// Those of a part of the tree, if only that is looked at.
    near: FxHashMap<u32, u32>,
    /// All of them, once one is asked for that is not near.
    parents: OnceCell<Vec<u32>>,
}

/// A node or token of a [`Tree`].
#[derive(Clone, Copy)]
pub(crate) struct Node<'t> {
    tree: &'t Tree<'t>,
    id: u32,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(flat: &'a FlatTree, text: &'a str) -> Tree<'a> {
        Tree { flat, text, near: FxHashMap::default(), parents: OnceCell::new() }
    }

    /// The same for whoever looks at what touches these bytes, and rarely at anything else.
    pub(crate) fn near(flat: &'a FlatTree, text: &'a str, bytes: Span) -> Tree<'a> {
        let mut tree = Tree::new(flat, text);
        each_with_parent(flat, bytes, |id, parent| {
            tree.near.insert(id, parent);
        });
        tree
    }

    /// What touches the bytes that the tree was made for, in the order of the text.
    pub(crate) fn all_near(&self) -> Vec<Node<'_>> {
        let mut ids: Vec<u32> = self.near.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().map(|id| Node { tree: self, id }).collect()
    }

    fn parent_of(&self, id: u32) -> u32 {
        match (self.parents.get(), self.near.get(&id)) {
            (Some(parents), _) => parents[id as usize],
            (None, Some(parent)) => *parent,
            (None, None) => self.parents.get_or_init(|| parents(self.flat))[id as usize],
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node { tree: self, id: 0 }
    }

    /// All nodes and tokens in the order of the text, trivia too.
    pub(crate) fn all(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.flat.elements().len() as u32).map(|id| Node { tree: self, id })
    }

    /// The token at an offset: of two that touch there the one behind, unless that is white space.
    pub(crate) fn token_at(&self, offset: u32) -> Node<'_> {
        let mut node = self.root();
        'down: loop {
            let mut touching = None;
            for child in node.children_with_trivia().filter(|child| child.start() < child.end()) {
                if child.start() > offset {
                    break;
                }
                if child.end() >= offset
                    && (touching.is_none() || child.kind() != SyntaxKind::Whitespace)
                {
                    touching = Some(child);
                }
            }
            match touching {
                Some(child) if !child.kind().is_token() => {
                    node = child;
                    continue 'down;
                }
                Some(token) => return token,
                None => return node,
            }
        }
    }

    /// The white space at the start of the line that `offset` is in.
    pub(crate) fn indentation(&self, offset: u32) -> &'a str {
        let line = &self.text[self.line_start(offset) as usize..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    pub(crate) fn line_start(&self, offset: u32) -> u32 {
        self.text[..offset as usize].rfind('\n').map_or(0, |at| at as u32 + 1)
    }

    /// The end of the line without its line break.
    pub(crate) fn line_end(&self, offset: u32) -> u32 {
        let rest = &self.text[offset as usize..];
        offset + rest.find(['\n', '\r']).unwrap_or(rest.len()) as u32
    }
}

/// For each element, the node around it.
fn parents(flat: &FlatTree) -> Vec<u32> {
    let mut parents = vec![0; flat.elements().len()];
    let everything = Span { start: 0, end: u32::MAX };
    each_with_parent(flat, everything, |id, parent| parents[id as usize] = parent);
    parents
}

/// The elements that touch these bytes, in the order of the text, each with the node around it.
fn each_with_parent(flat: &FlatTree, bytes: Span, mut visit: impl FnMut(u32, u32)) {
    let elements = flat.elements();
    let mut around: Vec<u32> = Vec::new();
    let mut id = 0;
    while let Some(element) = elements.get(id as usize).filter(|it| it.start <= bytes.end) {
        if element.end < bytes.start {
            id = element.next;
            continue;
        }
        while around.last().is_some_and(|node| elements[*node as usize].next <= id) {
            around.pop();
        }
        visit(id, around.last().copied().unwrap_or(0));
        if !element.kind.is_token() {
            around.push(id);
        }
        id += 1;
    }
}

impl<'t> Node<'t> {
    pub(crate) fn tree(self) -> &'t Tree<'t> {
        self.tree
    }

    pub(crate) fn kind(self) -> SyntaxKind {
        self.tree.flat.get(ElementId(self.id)).kind
    }

    pub(crate) fn is(self, kind: SyntaxKind) -> bool {
        self.kind() == kind
    }

    pub(crate) fn is_token(self) -> bool {
        self.kind().is_token()
    }

    pub(crate) fn start(self) -> u32 {
        self.tree.flat.get(ElementId(self.id)).start
    }

    pub(crate) fn end(self) -> u32 {
        self.tree.flat.get(ElementId(self.id)).end
    }

    pub(crate) fn span(self) -> Span {
        Span { start: self.start(), end: self.end() }
    }

    pub(crate) fn range(self) -> Range<u32> {
        self.start()..self.end()
    }

    pub(crate) fn text(self) -> &'t str {
        &self.tree.text[self.start() as usize..self.end() as usize]
    }

    pub(crate) fn parent(self) -> Option<Node<'t>> {
        (self.id != 0).then(|| Node { id: self.tree.parent_of(self.id), ..self })
    }

    /// The node itself and what is around it.
    pub(crate) fn ancestors(self) -> impl Iterator<Item = Node<'t>> {
        std::iter::successors(Some(self), |node| node.parent())
    }

    /// The node around this one that is of a kind, or the node itself.
    pub(crate) fn around(self, kind: SyntaxKind) -> Option<Node<'t>> {
        self.ancestors().find(|node| node.is(kind))
    }

    pub(crate) fn children_with_trivia(self) -> impl Iterator<Item = Node<'t>> {
        let end = self.next();
        let first = if self.is_token() { end } else { self.id + 1 };
        let mut at = first;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(Node { id: at, ..self })?;
            at = child.next();
            Some(child)
        })
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Node<'t>> {
        self.children_with_trivia().filter(|child| !child.kind().is_trivia())
    }

    /// Everything inside, in the order of the text, the node itself first.
    pub(crate) fn descendants(self) -> impl Iterator<Item = Node<'t>> {
        (self.id..self.next()).map(move |id| Node { id, ..self })
    }

    /// The direct children of a kind.
    pub(crate) fn all_of(self, kind: SyntaxKind) -> impl Iterator<Item = Node<'t>> {
        self.children().filter(move |child| child.is(kind))
    }

    /// The first direct child of a kind.
    pub(crate) fn child(self, kind: SyntaxKind) -> Option<Node<'t>> {
        self.all_of(kind).next()
    }

    /// The direct children that are expressions.
    pub(crate) fn exprs(self) -> impl Iterator<Item = Node<'t>> {
        self.children().filter(|child| child.is_expr())
    }

    pub(crate) fn expr(self, nth: usize) -> Option<Node<'t>> {
        self.exprs().nth(nth)
    }

    pub(crate) fn is_expr(self) -> bool {
        use SyntaxKind::*;
        matches!(
            self.kind(),
            Literal
                | Variable
                | String
                | IndentedString
                | Path
                | PathSearch
                | Paren
                | List
                | AttrSet
                | LegacyLet
                | LetIn
                | Lambda
                | Apply
                | Select
                | HasAttr
                | Unary
                | Binary
                | If
                | With
                | Assert
        )
    }

    /// The operator of a unary or binary operation.
    pub(crate) fn operator(self) -> Option<SyntaxKind> {
        self.children().find(|child| child.is_token()).map(Node::kind)
    }

    /// The expression inside of any number of parentheses.
    pub(crate) fn without_parens(self) -> Node<'t> {
        let mut node = self;
        while node.is(SyntaxKind::Paren)
            && let Some(inside) = node.expr(0)
        {
            node = inside;
        }
        node
    }

    /// The entries of a set or a `let`: bindings and inherits.
    pub(crate) fn entries(self) -> impl Iterator<Item = Node<'t>> {
        self.children()
            .filter(|child| matches!(child.kind(), SyntaxKind::Binding | SyntaxKind::Inherit))
    }

    /// The names of an attribute path, or of the path of a binding or a selection.
    pub(crate) fn attrs(self) -> Vec<Node<'t>> {
        let path = if self.is(SyntaxKind::AttrPath) {
            Some(self)
        } else {
            self.child(SyntaxKind::AttrPath)
        };
        path.map(|path| path.all_of(SyntaxKind::Attr).collect()).unwrap_or_default()
    }

    /// The name of an attribute where the text alone tells it; of a variable too.
    pub(crate) fn name(self) -> Option<String> {
        let first = self.children().next()?;
        match first.kind() {
            SyntaxKind::Ident | SyntaxKind::OrKw => Some(first.text().to_owned()),
            SyntaxKind::String => {
                if first.child(SyntaxKind::Interpolation).is_some() {
                    return None;
                }
                let text = first.child(SyntaxKind::StringFragment).map_or("", Node::text);
                Some(unescape_string(text).into_owned())
            }
            _ => None,
        }
    }

    /// Whether it is the variable of this name.
    pub(crate) fn is_variable(self, name: &str) -> bool {
        self.is(SyntaxKind::Variable) && self.text() == name
    }

    /// Whether a comment stands somewhere inside.
    pub(crate) fn has_comment(self) -> bool {
        self.descendants().any(|node| node.is(SyntaxKind::Comment))
    }

    /// The sibling before and the one behind, white space and comments left out.
    pub(crate) fn previous(self) -> Option<Node<'t>> {
        self.parent()?.children().take_while(|child| child.id < self.id).last()
    }

    pub(crate) fn following(self) -> Option<Node<'t>> {
        self.parent()?.children().find(|child| child.id > self.id)
    }

    fn next(self) -> u32 {
        self.tree.flat.get(ElementId(self.id)).next
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Node<'_>) -> bool {
        self.id == other.id && std::ptr::eq(self.tree, other.tree)
    }
}

impl Eq for Node<'_> {}

/// How tightly an expression holds together, and how tightly a place asks it to; in the order of the
/// grammar. An expression fits a place if it is at least as tight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tightness {
    /// A function, `let`, `if`, `with`, `assert`, a pipe.
    Whole,
    Operator(Precedence),
    Application,
    Selection,
    Atom,
}

impl Tightness {
    fn next(self) -> Tightness {
        match self {
            Tightness::Whole => Tightness::Operator(Precedence::Implication),
            Tightness::Operator(Precedence::Negation) => Tightness::Application,
            Tightness::Operator(precedence) => Tightness::Operator(precedence.next()),
            Tightness::Application => Tightness::Selection,
            Tightness::Selection | Tightness::Atom => Tightness::Atom,
        }
    }
}

impl Node<'_> {
    /// How tightly this expression holds together.
    pub(crate) fn tightness(self) -> Tightness {
        use SyntaxKind as K;
        match self.kind() {
            K::Binary => match self.operator().and_then(binary_operator) {
                Some((precedence, _)) => Tightness::Operator(precedence),
                None => Tightness::Whole,
            },
            K::Unary => self.of_unary(),
            K::HasAttr => Tightness::Operator(Precedence::HasAttr),
            // `f or` is made like an atom with something behind it.
            K::Apply if self.expr(1).is_some_and(|argument| argument.is_variable("or")) => {
                Tightness::Selection
            }
            K::Apply => Tightness::Application,
            K::Select => Tightness::Selection,
            K::Lambda | K::LetIn | K::If | K::With | K::Assert => Tightness::Whole,
            _ => Tightness::Atom,
        }
    }

    /// How tight the place of this expression asks it to be.
    pub(crate) fn required(self) -> Tightness {
        use SyntaxKind as K;
        let Some(parent) = self.parent() else { return Tightness::Whole };
        let is_first = parent.expr(0) == Some(self);
        match parent.kind() {
            K::Apply if is_first => Tightness::Application,
            K::Apply | K::List => Tightness::Selection,
            K::Select if is_first => Tightness::Atom,
            K::Select => Tightness::Selection,
            K::HasAttr => Tightness::Operator(Precedence::Negation),
            K::Unary => parent.of_unary(),
            K::Binary => {
                let keeps = match parent.operator().and_then(binary_operator) {
                    Some((_, Associativity::Left)) => is_first,
                    Some((_, Associativity::Right)) => !is_first,
                    Some((_, Associativity::None)) | None => false,
                };
                let own = parent.tightness();
                if keeps { own } else { own.next() }
            }
            _ => Tightness::Whole,
        }
    }

    fn of_unary(self) -> Tightness {
        Tightness::Operator(match self.operator() {
            Some(SyntaxKind::Minus) => Precedence::Negation,
            _ => Precedence::Not,
        })
    }
}

/// `text`, an expression this tight, as it may stand in the place of `node`: in parentheses where it
/// would fall apart, and apart from its neighbours.
pub(crate) fn in_place_of(node: Node<'_>, text: &str, tightness: Tightness) -> String {
    if tightness < node.required() {
        return format!("({text})");
    }
    let (before, behind) = node.tree.text.split_at(node.start() as usize);
    let behind = &behind[(node.end() - node.start()) as usize..];
    let opens = |c: char| c.is_whitespace() || "([{=;,!".contains(c);
    let closes = |c: char| c.is_whitespace() || ")]};,".contains(c);
    let lead = if before.chars().next_back().is_none_or(opens) { "" } else { " " };
    let trail = if behind.chars().next().is_none_or(closes) { "" } else { " " };
    // Behind an expression nothing but a closing or a space is sure to stay apart; a dot selects from an
    // atom as it did before.
    let selects = behind.starts_with('.') && tightness == Tightness::Atom;
    format!("{lead}{text}{}", if selects { "" } else { trail })
}

/// A node's text with so many spaces put before (or, where negative, taken from) each line but the first.
/// Lines that begin inside of a string are part of its value, or of what its value is measured by, and
/// stay.
pub(crate) fn indented(node: Node<'_>, by: i64) -> String {
    let text = node.text();
    let strings: Vec<Span> = node
        .descendants()
        .filter(|inside| inside.is(SyntaxKind::StringFragment))
        .map(Node::span)
        .collect();
    let mut result = String::with_capacity(text.len());
    let mut offset = node.start();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let in_string = strings.iter().any(|string| string.start < offset && offset <= string.end);
        if index == 0 || in_string || line.trim().is_empty() {
            result += line;
        } else if by >= 0 {
            result += &" ".repeat(by as usize);
            result += line;
        } else {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            result += &line[spaces.min(by.unsigned_abs() as usize)..];
        }
        offset += line.len() as u32;
    }
    result
}
