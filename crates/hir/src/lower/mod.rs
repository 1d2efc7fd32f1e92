//! From the tree to the [`Module`]: one walk that removes sugar, merges attribute paths, decodes
//! strings and resolves names.

mod again;
mod attrs;
mod call;
mod lambda;
mod names;
mod splice;
mod strings;
mod undefined;

use floe_syntax::{Element, ElementId, FlatTree, SyntaxKind};

pub use self::again::{BeforeEdit, Landmarks, lower_again, lower_for_edits};
use self::attrs::{DynamicItem, Item};
use self::names::Names;
use crate::{
    AttrsId, BinaryOp, BindingId, Expr, ExprId, ExprList, Feature, Key, KeyList, LambdaId, Module,
    Name, Problem, SourceMap, Span, StrId, Strings, Var,
};

/// What the program is that the file is part of.
#[derive(Clone, Copy, Debug, Default)]
pub struct LowerOptions<'a> {
    /// The attribute names that `builtins.scopedImport` brings into scope, each once: the slots of the
    /// outermost environment, in this order.
    pub scoped_names: Option<&'a [Name]>,
    /// Pure evaluation: there are no `__currentTime` and `__currentSystem`.
    pub pure: bool,
    /// The features whose global names exist.
    pub features: &'a [Feature],
}

/// What [`lower`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// The program.
    pub module: Module,
    /// Where its parts stand in the text.
    pub source_map: SourceMap,
    /// What is wrong with it, in the order in which C++ Nix notices.
    pub problems: Vec<Problem>,
}

/// Lowers a tree and the text that it was parsed from. Total: what a syntax error left out is
/// [`Expr::Missing`].
pub fn lower(tree: &FlatTree, text: &str, options: &LowerOptions<'_>) -> Lowered {
    lower_with(Lowering::new(tree, text, options, tree.elements().len())).0
}

fn lower_with(mut lowering: Lowering<'_>) -> (Lowered, Landmarks) {
    let (tree, text) = (lowering.tree, lowering.text);
    if let Some(names) = lowering.names.options().scoped_names {
        lowering.names.enter();
        for (name, slot) in names.iter().zip(0..) {
            let local = lowering.names.local(name.as_str());
            lowering.names.bind(local, slot);
        }
    }
    let root = lowering.first_expr(tree.root());
    let root = lowering.expr_or_missing(root, text.len() as u32);
    lowering.finish(root)
}

struct Lowering<'a> {
    tree: &'a FlatTree,
    text: &'a str,
    names: Names<'a>,
    module: Module,
    source_map: SourceMap,
    problems: Vec<Problem>,
    /// What is noted down for lowering the file again, if anything.
    landmarks: Option<Landmarks>,
    /// Stacks that nested expressions share, so that none of them allocates its own.
    exprs: Vec<ExprId>,
    keys: Vec<(Key, Span)>,
    items: Vec<Item>,
    inherit_from: Vec<ElementId>,
    dynamic: Vec<DynamicItem>,
}

impl<'a> Lowering<'a> {
    /// With room for what so many elements make.
    fn new(tree: &'a FlatTree, text: &'a str, options: &LowerOptions<'a>, elements: usize) -> Self {
        // What nixpkgs has on average: 1,000 elements make 135 expressions, 63 bindings, 36 strings.
        let exprs = elements / 7;
        let bindings = elements / 15;
        let keys = elements / 50;
        Lowering {
            tree,
            text,
            names: Names::new(options, elements / 24),
            module: Module {
                exprs: Vec::with_capacity(exprs),
                root: ExprId(0),
                children: Vec::with_capacity(elements / 20),
                keys: Vec::with_capacity(keys),
                strings: Strings::with_capacity(elements / 25),
                attrs: Vec::with_capacity(elements / 60),
                lambdas: Vec::new(),
                bindings: 0,
            },
            source_map: SourceMap {
                exprs: Vec::with_capacity(exprs),
                bindings: Vec::with_capacity(bindings),
                names: Vec::with_capacity(bindings),
                keys: Vec::with_capacity(keys),
                ..SourceMap::default()
            },
            problems: Vec::new(),
            landmarks: None,
            exprs: Vec::new(),
            keys: Vec::new(),
            items: Vec::new(),
            inherit_from: Vec::new(),
            dynamic: Vec::new(),
        }
    }

    fn finish(mut self, root: ExprId) -> (Lowered, Landmarks) {
        self.module.root = root;
        self.module.bindings = self.source_map.bindings.len() as u32;
        let Lowering { tree, text, module, source_map, mut problems, landmarks, .. } = self;
        if problems.len() > 1 {
            undefined::sort(&mut problems, tree, text, &module, &source_map);
        }
        (Lowered { module, source_map, problems }, landmarks.unwrap_or_default())
    }

    /// The expression of any expression node.
    fn expr(&mut self, id: ElementId) -> ExprId {
        self.named_expr(id, None)
    }

    /// The same for the value of an attribute: a function takes the attribute's name.
    fn named_expr(&mut self, id: ElementId, name: Option<Name>) -> ExprId {
        with_stack(|| self.expr_on_stack(id, name))
    }

    fn expr_on_stack(&mut self, id: ElementId, name: Option<Name>) -> ExprId {
        let element = self.tree.get(id);
        let span = span_of(element);
        match element.kind {
            SyntaxKind::Literal => self.literal(id, span),
            SyntaxKind::Variable => {
                let text = self.text_of(element);
                if text == "__curPos" {
                    return self.add(Expr::CurPos, span);
                }
                let local = self.names.local(text);
                self.variable(local, span)
            }
            SyntaxKind::String => self.string(id, span),
            SyntaxKind::IndentedString => self.indented_string(id, span),
            SyntaxKind::Path => self.path(id, span),
            SyntaxKind::PathSearch => self.search_path(element),
            SyntaxKind::Paren => {
                let inner = match self.first_expr(id) {
                    Some(inner) => self.named_expr(inner, name),
                    None => self.missing(element),
                };
                self.wrapped(inner, span);
                inner
            }
            SyntaxKind::List => {
                let mark = self.exprs.len();
                for child in self.children(id) {
                    if self.is_expr(child) {
                        let child = self.expr(child);
                        self.exprs.push(child);
                    }
                }
                let list = self.take_list(mark);
                self.add(Expr::List(list), span)
            }
            SyntaxKind::AttrSet => {
                let attrs = self.attr_set(id);
                self.add(Expr::Attrs(attrs), span)
            }
            SyntaxKind::LegacyLet => {
                let attrs = self.attr_set(id);
                let base = self.add(Expr::Attrs(attrs), span);
                let body = self.names.local("body");
                let path = self.single_key(Key::Static(self.names.name(body)), span);
                self.add(Expr::Select { base, path, default: None }, span)
            }
            SyntaxKind::LetIn => self.let_in(id, span),
            SyntaxKind::Lambda => self.lambda(id, span, name),
            SyntaxKind::Apply => self.call(id, span),
            SyntaxKind::Select => {
                let [base, default] = self.operands(id, SyntaxKind::OrKw);
                let base = self.expr_or_missing(base, element.start);
                let default = default.map(|default| self.expr(default));
                match self.attr_path(id) {
                    Some(path) => self.add(Expr::Select { base, path, default }, span),
                    None => base,
                }
            }
            SyntaxKind::HasAttr => {
                let base = self.first_expr(id);
                let base = self.expr_or_missing(base, element.start);
                match self.attr_path(id) {
                    Some(path) => self.add(Expr::HasAttr { base, path }, span),
                    None => base,
                }
            }
            SyntaxKind::Unary => self.unary(id, span),
            SyntaxKind::Binary => self.binary(id, span),
            SyntaxKind::If => {
                let [cond, then, otherwise] = self.branches(id);
                let cond = self.expr_or_missing(cond, span.end);
                let then = self.expr_or_missing(then, span.end);
                let otherwise = self.expr_or_missing(otherwise, span.end);
                self.add(Expr::If { cond, then, otherwise }, span)
            }
            SyntaxKind::With => {
                let [set, body] = self.operands(id, SyntaxKind::Semicolon);
                let set = self.expr_or_missing(set, span.end);
                let outer = self.names.enter_with();
                let body = self.expr_or_missing(body, span.end);
                self.names.leave_with();
                self.add(Expr::With { set, body, outer }, span)
            }
            SyntaxKind::Assert => {
                let [cond, body] = self.operands(id, SyntaxKind::Semicolon);
                let cond = self.expr_or_missing(cond, span.end);
                let body = self.expr_or_missing(body, span.end);
                self.add(Expr::Assert { cond, body }, span)
            }
            _ => self.missing(element),
        }
    }

    fn literal(&mut self, id: ElementId, span: Span) -> ExprId {
        let element = self.tree.get(id);
        let text = self.text_of(element);
        let token = self.children(id).next().map(|token| self.tree.get(token).kind);
        // A number out of range is a syntax error already.
        let expr = match token {
            Some(SyntaxKind::Int) => text.parse().map_or(Expr::Missing, Expr::Int),
            Some(SyntaxKind::Float) => text.parse().map_or(Expr::Missing, Expr::Float),
            Some(SyntaxKind::Uri) => Expr::Str(self.add_str(text)),
            _ => Expr::Missing,
        };
        self.add(expr, span)
    }

    fn variable(&mut self, local: u32, span: Span) -> ExprId {
        let var = self.names.resolve(local);
        self.add_variable(var, span)
    }

    fn add_variable(&mut self, var: Var, span: Span) -> ExprId {
        if let Var::Undefined(name) = var {
            let kind = crate::ProblemKind::UndefinedVariable(name);
            self.problems.push(Problem { span, noticed_at: u32::MAX, kind });
        }
        self.add(Expr::Var(var), span)
    }

    fn let_in(&mut self, id: ElementId, span: Span) -> ExprId {
        let attrs = self.begin_let(id);
        let body = self.children(id).find(|child| self.is_expr(*child));
        let body = self.expr_or_missing(body, span.end);
        self.names.leave();
        self.add(Expr::Let { attrs, body }, span)
    }

    fn unary(&mut self, id: ElementId, span: Span) -> ExprId {
        let operator = self.children(id).next().map(|token| self.tree.get(token).kind);
        let operand = self.first_expr(id);
        if operator == Some(SyntaxKind::Bang) {
            let operand = self.expr_or_missing(operand, span.end);
            return self.add(Expr::Not(operand), span);
        }
        let Some(subtract) = self.shadowed("__sub") else {
            let operand = self.expr_or_missing(operand, span.end);
            return self.add(Expr::Negate(operand), span);
        };
        let fun = self.variable(subtract, span);
        let zero = self.add(Expr::Int(0), span);
        let operand = self.expr_or_missing(operand, span.end);
        let args = self.add_list(&[zero, operand]);
        self.add(Expr::Apply { fun, args }, span)
    }

    fn binary(&mut self, id: ElementId, span: Span) -> ExprId {
        let Some(operator) = self.operator(id) else {
            let operand = self.first_expr(id);
            return self.expr_or_missing(operand, span.end);
        };
        let token = self.tree.get(operator);
        let (op, function) = match token.kind {
            SyntaxKind::EqEq => (BinaryOp::Equal, None),
            SyntaxKind::NotEq => (BinaryOp::NotEqual, None),
            SyntaxKind::Less => (BinaryOp::Less, Some("__lessThan")),
            SyntaxKind::LessEq => (BinaryOp::LessOrEqual, Some("__lessThan")),
            SyntaxKind::Greater => (BinaryOp::Greater, Some("__lessThan")),
            SyntaxKind::GreaterEq => (BinaryOp::GreaterOrEqual, Some("__lessThan")),
            SyntaxKind::AndAnd => (BinaryOp::And, None),
            SyntaxKind::OrOr => (BinaryOp::Or, None),
            SyntaxKind::Arrow => (BinaryOp::Implies, None),
            SyntaxKind::SlashSlash => (BinaryOp::Update, None),
            SyntaxKind::PlusPlus => (BinaryOp::Concat, None),
            SyntaxKind::Plus => (BinaryOp::Add, None),
            SyntaxKind::Minus => (BinaryOp::Subtract, Some("__sub")),
            SyntaxKind::Star => (BinaryOp::Multiply, Some("__mul")),
            SyntaxKind::Slash => (BinaryOp::Divide, Some("__div")),
            _ => return self.call(id, span),
        };
        let [lhs, rhs] = self.operands(id, token.kind);
        let function = function.and_then(|function| self.shadowed(function));
        let function = function.map(|function| self.variable(function, span_of(token)));
        let lhs = self.expr_or_missing(lhs, token.start);
        let rhs = self.expr_or_missing(rhs, span.end);
        let Some(fun) = function else {
            return self.add_operator(Expr::Binary { op, lhs, rhs }, span, span_of(token));
        };
        let swapped = matches!(op, BinaryOp::LessOrEqual | BinaryOp::Greater);
        let args = self.add_list(&if swapped { [rhs, lhs] } else { [lhs, rhs] });
        let call = self.add_operator(Expr::Apply { fun, args }, span, span_of(token));
        match op {
            BinaryOp::LessOrEqual | BinaryOp::GreaterOrEqual => self.add(Expr::Not(call), span),
            _ => call,
        }
    }

    /// The variable that an operator calls, if the program binds that name itself.
    fn shadowed(&mut self, function: &'static str) -> Option<u32> {
        let local = self.names.existing(function)?;
        matches!(self.names.resolve(local), Var::Local { .. }).then_some(local)
    }

    /// The path of a `Select` or `HasAttr` node; nothing if a syntax error left no attribute.
    fn attr_path(&mut self, node: ElementId) -> Option<KeyList> {
        let tree = self.tree;
        let path =
            self.children(node).find(|child| tree.get(*child).kind == SyntaxKind::AttrPath)?;
        let mark = self.keys.len();
        for attr in self.children(path) {
            let element = tree.get(attr);
            if element.kind != SyntaxKind::Attr {
                continue;
            }
            let key = match self.attr_key(attr) {
                AttrKey::Static(local) => Key::Static(self.names.name(local)),
                AttrKey::Dynamic(child) => Key::Dynamic(self.dynamic_name(child)),
                AttrKey::Missing => continue,
            };
            self.keys.push((key, span_of(element)));
        }
        let start = self.module.keys.len() as u32;
        for (key, span) in self.keys.drain(mark..) {
            self.module.keys.push(key);
            self.source_map.keys.push(span);
        }
        let len = self.module.keys.len() as u32 - start;
        (len > 0).then_some(KeyList { start, len })
    }

    fn single_key(&mut self, key: Key, span: Span) -> KeyList {
        let start = self.module.keys.len() as u32;
        self.module.keys.push(key);
        self.source_map.keys.push(span);
        KeyList { start, len: 1 }
    }
}

/// What an `Attr` node names.
enum AttrKey {
    /// A name, by its number in [`Names`].
    Static(u32),
    /// The name is computed, by this `String` or `Interpolation` node.
    Dynamic(ElementId),
    /// A syntax error left nothing.
    Missing,
}

/// Reading the tree.
impl<'a> Lowering<'a> {
    fn children(&self, id: ElementId) -> floe_syntax::Children<'a> {
        self.tree.children(id)
    }

    fn text_of(&self, element: Element) -> &'a str {
        &self.text[element.start as usize..element.end as usize]
    }

    fn is_expr(&self, id: ElementId) -> bool {
        is_expr(self.tree.get(id).kind)
    }

    fn first_expr(&self, id: ElementId) -> Option<ElementId> {
        self.children(id).find(|child| self.is_expr(*child))
    }

    /// The node without parentheses around it.
    fn unwrap_parens(&self, mut id: ElementId) -> ElementId {
        while self.tree.get(id).kind == SyntaxKind::Paren {
            let Some(inner) = self.first_expr(id) else { break };
            id = inner;
        }
        id
    }

    /// The expressions before and behind the token `separator`.
    fn operands(&self, id: ElementId, separator: SyntaxKind) -> [Option<ElementId>; 2] {
        let mut operands = [None; 2];
        let mut index = 0;
        for child in self.children(id) {
            let kind = self.tree.get(child).kind;
            if kind == separator {
                index = 1;
            } else if is_expr(kind) {
                operands[index] = Some(child);
            }
        }
        operands
    }

    fn branches(&self, id: ElementId) -> [Option<ElementId>; 3] {
        let mut branches = [None; 3];
        let mut index = 0;
        for child in self.children(id) {
            match self.tree.get(child).kind {
                SyntaxKind::ThenKw => index = 1,
                SyntaxKind::ElseKw => index = 2,
                kind if is_expr(kind) => branches[index] = Some(child),
                _ => {}
            }
        }
        branches
    }

    /// The operator token of a `Binary` node.
    fn operator(&self, id: ElementId) -> Option<ElementId> {
        self.children(id).find(|child| {
            let kind = self.tree.get(*child).kind;
            SyntaxKind::Assign < kind && kind <= SyntaxKind::PipeLeft
        })
    }
}

/// Writing the module.
impl Lowering<'_> {
    fn add(&mut self, expr: Expr, span: Span) -> ExprId {
        let id = ExprId(self.module.exprs.len() as u32);
        self.module.exprs.push(expr);
        self.source_map.exprs.push(span);
        id
    }

    /// Adds an expression that C++ Nix reports at `position`.
    fn add_operator(&mut self, expr: Expr, span: Span, position: Span) -> ExprId {
        let id = self.add(expr, span);
        self.source_map.operators.push((id, position));
        id
    }

    fn add_str(&mut self, text: &str) -> StrId {
        self.module.strings.push(text)
    }

    fn add_list(&mut self, exprs: &[ExprId]) -> ExprList {
        let start = self.module.children.len() as u32;
        self.module.children.extend_from_slice(exprs);
        ExprList { start, len: exprs.len() as u32 }
    }

    /// The expressions on the shared stack above `mark`, as a list.
    fn take_list(&mut self, mark: usize) -> ExprList {
        let start = self.module.children.len() as u32;
        self.module.children.extend(self.exprs.drain(mark..));
        ExprList { start, len: self.module.children.len() as u32 - start }
    }

    fn add_binding(&mut self, span: Span, name: Span) -> BindingId {
        let id = BindingId(self.source_map.bindings.len() as u32);
        self.source_map.bindings.push(span);
        self.source_map.names.push(name);
        id
    }

    fn add_attrs(&mut self, attrs: crate::Attrs) -> AttrsId {
        let id = AttrsId(self.module.attrs.len() as u32);
        self.module.attrs.push(attrs);
        id
    }

    fn add_lambda(&mut self, lambda: crate::Lambda) -> LambdaId {
        let id = LambdaId(self.module.lambdas.len() as u32);
        self.module.lambdas.push(lambda);
        id
    }

    fn wrapped(&mut self, id: ExprId, span: Span) {
        match self.source_map.wrapped.last_mut() {
            Some(last) if last.0 == id => last.1 = span,
            _ => self.source_map.wrapped.push((id, span)),
        }
    }

    fn missing(&mut self, element: Element) -> ExprId {
        self.add(Expr::Missing, span_of(element))
    }

    /// The expression, or a hole of no width at `offset`.
    fn expr_or_missing(&mut self, id: Option<ElementId>, offset: u32) -> ExprId {
        match id {
            Some(id) => self.expr(id),
            None => self.add(Expr::Missing, Span { start: offset, end: offset }),
        }
    }
}

/// Runs a step of the recursion, on a new piece of stack if the current one is nearly full.
pub(crate) fn with_stack<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(64 << 10, 2 << 20, step)
}

fn span_of(element: Element) -> Span {
    Span { start: element.start, end: element.end }
}

fn is_expr(kind: SyntaxKind) -> bool {
    use SyntaxKind as K;
    matches!(
        kind,
        K::Literal
            | K::Variable
            | K::String
            | K::IndentedString
            | K::Path
            | K::PathSearch
            | K::Paren
            | K::List
            | K::AttrSet
            | K::LegacyLet
            | K::LetIn
            | K::Lambda
            | K::Apply
            | K::Select
            | K::HasAttr
            | K::Unary
            | K::Binary
            | K::If
            | K::With
            | K::Assert
    )
}

#[cfg(test)]
mod tests;
