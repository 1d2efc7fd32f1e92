//! Typed views of [`SyntaxNode`]s: what a node's children are called.
//!
//! A view is a node whose kind has been checked, nothing else. All accessors return options, since a
//! syntax error can cut any node short. The shapes are those beside [`SyntaxKind`]'s variants.

use crate::green::{NixLanguage, SyntaxNode, SyntaxToken};
use crate::kind::SyntaxKind;

pub use rowan::ast::AstNode;

/// The children of a node that are views of one type.
pub type AstChildren<N> = rowan::ast::AstChildren<N>;

/// Defines views. `name: Type` is the first child of that type, `name: [Type]` all of them,
/// `name: kind` the first token of that kind, and `name: Type #1` the second child of that type.
macro_rules! views {
    ($(
        $(#[$meta:meta])*
        $view:ident($($kind:ident)|+) { $($name:ident: $what:tt $(# $nth:literal)?,)* }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $view(SyntaxNode);

        impl AstNode for $view {
            type Language = NixLanguage;

            fn can_cast(kind: SyntaxKind) -> bool {
                matches!(kind, $(SyntaxKind::$kind)|+)
            }

            fn cast(node: SyntaxNode) -> Option<Self> {
                Self::can_cast(node.kind()).then_some(Self(node))
            }

            fn syntax(&self) -> &SyntaxNode {
                &self.0
            }
        }

        impl $view {
            $(views!(@accessor $name $what $($nth)?);)*
        }
    )*};
    (@accessor $name:ident [$child:ident]) => {
        #[doc = concat!("All children that are a [`", stringify!($child), "`].")]
        pub fn $name(&self) -> AstChildren<$child> {
            rowan::ast::support::children(&self.0)
        }
    };
    (@accessor $name:ident ($token:ident)) => {
        #[doc = concat!("The first token that is a [`SyntaxKind::", stringify!($token), "`].")]
        pub fn $name(&self) -> Option<SyntaxToken> {
            rowan::ast::support::token(&self.0, SyntaxKind::$token)
        }
    };
    (@accessor $name:ident $child:ident) => {
        #[doc = concat!("The first child that is a [`", stringify!($child), "`].")]
        pub fn $name(&self) -> Option<$child> {
            rowan::ast::support::child(&self.0)
        }
    };
    (@accessor $name:ident $child:ident $nth:literal) => {
        #[doc = concat!("The child that is a [`", stringify!($child), "`] with ", $nth, " before it.")]
        pub fn $name(&self) -> Option<$child> {
            rowan::ast::support::children(&self.0).nth($nth)
        }
    };
}

views! {
    /// A file.
    SourceFile(SourceFile) { expr: Expr, }
    /// A number or a URI.
    Literal(Literal) { integer: (Int), float: (Float), uri: (Uri), }
    /// A name that is looked up. Its token may be the keyword `or`.
    Variable(Variable) { ident: (Ident), }
    /// `"…"` or `''…''`.
    StringLiteral(String | IndentedString) { interpolations: [Interpolation], }
    /// `${…}`.
    Interpolation(Interpolation) { expr: Expr, }
    /// A path that is not in angle brackets.
    Path(Path) { first_fragment: (PathFragment), interpolations: [Interpolation], }
    /// `<…>`.
    PathSearch(PathSearch) { token: (SearchPath), }
    /// `(…)`.
    Paren(Paren) { expr: Expr, }
    /// `[…]`.
    List(List) { items: [Expr], }
    /// `{…}`, `rec {…}`, or `let {…}`.
    AttrSet(AttrSet | LegacyLet) {
        rec_keyword: (RecKw),
        let_keyword: (LetKw),
        entries: [Entry],
        bindings: [Binding],
        inherits: [Inherit],
    }
    /// `let … in …`.
    LetIn(LetIn) {
        entries: [Entry],
        bindings: [Binding],
        inherits: [Inherit],
        body: Expr,
    }
    /// `a.b = …;`.
    Binding(Binding) { attr_path: AttrPath, value: Expr, semicolon: (Semicolon), }
    /// `inherit (…) a b;`.
    Inherit(Inherit) { from: InheritFrom, attrs: [Attr], semicolon: (Semicolon), }
    /// The `(…)` of an `inherit`.
    InheritFrom(InheritFrom) { expr: Expr, }
    /// `a."b".${c}`.
    AttrPath(AttrPath) { attrs: [Attr], }
    /// One name in an attribute path or an `inherit`.
    Attr(Attr) { ident: (Ident), string: StringLiteral, interpolation: Interpolation, }
    /// A function.
    Lambda(Lambda) { param: Param, body: Expr, }
    /// What stands before the `:` of a function.
    Param(Param) { ident: (Ident), pattern: Pattern, }
    /// `{ a, b ? c, ... }`.
    Pattern(Pattern) { formals: [Formal], ellipsis: (Ellipsis), }
    /// One name in a pattern.
    Formal(Formal) { ident: (Ident), default: Expr, }
    /// `f x`.
    Apply(Apply) { function: Expr, argument: Expr #1, }
    /// `a.b.c`, perhaps with `or d`.
    Select(Select) { operand: Expr, attr_path: AttrPath, or_keyword: (OrKw), default: Expr #1, }
    /// `a ? b.c`.
    HasAttr(HasAttr) { operand: Expr, attr_path: AttrPath, }
    /// `-a` or `!a`.
    Unary(Unary) { operand: Expr, }
    /// `a + b` and its like.
    Binary(Binary) { left: Expr, right: Expr #1, }
    /// `if a then b else c`.
    If(If) { condition: Expr, consequence: Expr #1, alternative: Expr #2, }
    /// `with a; b`.
    With(With) { namespace: Expr, body: Expr #1, }
    /// `assert a; b`.
    Assert(Assert) { condition: Expr, body: Expr #1, }
}

/// Defines an enum of views.
macro_rules! choices {
    ($(
        $(#[$meta:meta])*
        $choice:ident { $($variant:ident($view:ident),)* }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each variant is documented at the view in it")]
        pub enum $choice {
            $($variant($view),)*
        }

        impl AstNode for $choice {
            type Language = NixLanguage;

            fn can_cast(kind: SyntaxKind) -> bool {
                $($view::can_cast(kind))||*
            }

            fn cast(node: SyntaxNode) -> Option<Self> {
                let kind = node.kind();
                $(if $view::can_cast(kind) {
                    return $view::cast(node).map($choice::$variant);
                })*
                None
            }

            fn syntax(&self) -> &SyntaxNode {
                match self {
                    $($choice::$variant(view) => view.syntax(),)*
                }
            }
        }
    )*};
}

choices! {
    /// Any expression.
    Expr {
        Literal(Literal),
        Variable(Variable),
        String(StringLiteral),
        Path(Path),
        PathSearch(PathSearch),
        Paren(Paren),
        List(List),
        AttrSet(AttrSet),
        LetIn(LetIn),
        Lambda(Lambda),
        Apply(Apply),
        Select(Select),
        HasAttr(HasAttr),
        Unary(Unary),
        Binary(Binary),
        If(If),
        With(With),
        Assert(Assert),
    }
    /// What defines attributes in a set, or names in a `let`.
    Entry {
        Binding(Binding),
        Inherit(Inherit),
    }
}

impl Binary {
    /// The operator between the operands.
    pub fn operator(&self) -> Option<SyntaxToken> {
        first_token(&self.0)
    }
}

impl Unary {
    /// The operator before the operand.
    pub fn operator(&self) -> Option<SyntaxToken> {
        first_token(&self.0)
    }
}

impl Variable {
    /// The name itself, also if it is the keyword `or`.
    pub fn name(&self) -> Option<SyntaxToken> {
        first_token(&self.0)
    }
}

impl Attr {
    /// The name if it is known from the text alone, escapes decoded: of an identifier, or of a string
    /// without interpolations.
    pub fn static_name(&self) -> Option<String> {
        if let Some(token) = first_token(&self.0) {
            return Some(token.text().to_owned());
        }
        let string = self.string()?;
        if string.interpolations().next().is_some() {
            return None;
        }
        let fragment = rowan::ast::support::token(string.syntax(), SyntaxKind::StringFragment);
        let text = fragment.as_ref().map_or("", |fragment| fragment.text());
        Some(crate::unescape_string(text).into_owned())
    }
}

impl Paren {
    /// The expression inside of any number of parentheses.
    pub fn innermost(&self) -> Option<Expr> {
        let mut expr = self.expr()?;
        while let Expr::Paren(paren) = expr {
            expr = paren.expr()?;
        }
        Some(expr)
    }
}

/// The first child that is a token other than trivia.
fn first_token(node: &SyntaxNode) -> Option<SyntaxToken> {
    node.children_with_tokens()
        .filter_map(rowan::NodeOrToken::into_token)
        .find(|token| !token.kind().is_trivia())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParseOptions, parse};

    fn file(text: &str) -> SourceFile {
        let tree = parse(text, &ParseOptions::default()).tree;
        let root = SyntaxNode::new_root(tree.to_green(text));
        SourceFile::cast(root).expect("a source file")
    }

    #[test]
    fn a_module() {
        let file =
            file("{ lib, pkgs ? null, ... }@args: rec { a.\"b c\" = 1 + 2; inherit (x) y; }");
        let Some(Expr::Lambda(lambda)) = file.expr() else { panic!("a function") };
        let param = lambda.param().expect("a parameter");
        assert_eq!(param.ident().expect("a name").text(), "args");
        let pattern = param.pattern().expect("a pattern");
        assert!(pattern.ellipsis().is_some());
        let formals: Vec<_> = pattern
            .formals()
            .map(|formal| (formal.ident().expect("a name").to_string(), formal.default().is_some()))
            .collect();
        assert_eq!(formals, [("lib".to_owned(), false), ("pkgs".to_owned(), true)]);
        let Some(Expr::AttrSet(set)) = lambda.body() else { panic!("a set") };
        assert!(set.rec_keyword().is_some());
        let binding = set.bindings().next().expect("a binding");
        let path = binding.attr_path().expect("a path");
        let names: Vec<_> = path.attrs().filter_map(|attr| attr.static_name()).collect();
        assert_eq!(names, ["a", "b c"]);
        let Some(Expr::Binary(sum)) = binding.value() else { panic!("a sum") };
        assert_eq!(sum.operator().expect("an operator").kind(), SyntaxKind::Plus);
        assert_eq!(sum.right().expect("an operand").syntax().to_string(), "2");
        let inherit = set.inherits().next().expect("an inherit");
        assert_eq!(inherit.from().expect("a source").syntax().to_string(), "(x)");
        assert_eq!(set.entries().count(), 2);
    }

    #[test]
    fn what_is_missing_is_none() {
        let file = file("f x. or");
        let Some(Expr::Apply(apply)) = file.expr() else { panic!("an application") };
        let Some(Expr::Select(select)) = apply.argument() else { panic!("a selection") };
        let path = select.attr_path().expect("a path");
        assert_eq!(path.attrs().filter_map(|attr| attr.static_name()).collect::<Vec<_>>(), ["or"]);
        assert!(select.default().is_none());
    }
}
