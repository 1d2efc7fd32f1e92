//! What each word of a file means, for colours: whether a name is an argument, a builtin, an attribute, a
//! function or nothing at all.
//!
//! One pass over the flat tree in the order of the text, beside one table of the names whose meaning only
//! the lowered file knows: a byte for each byte of the text, so that nothing has to be sorted. Nothing is
//! allocated for a token but the token.

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_hir::{
    AttrKind, Definition, Expr, ExprId, Key, Module, Param, ScopeOwner, SourceMap, Span, Var,
    globals,
};
use floe_syntax::{Element, FlatTree, SyntaxKind as K};

/// One coloured word. A string or comment of several lines is one token; who cannot show that cuts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemanticToken {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: TokenKind,
    /// A set of [`TokenModifier`]s, one bit each.
    pub modifiers: u8,
}

/// What a word is. The order is that of the protocol's legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub enum TokenKind {
    Comment,
    String,
    Number,
    Keyword,
    Operator,
    Variable,
    Parameter,
    Property,
    Function,
    /// `true`, `false`, `null`.
    Constant,
    /// A path literal, also `<nixpkgs>`.
    Path,
    /// A URL without quotes.
    Url,
    /// A name that nothing defines.
    Unresolved,
}

impl TokenKind {
    /// All kinds with the protocol's names, in the order of their numbers.
    pub const LEGEND: [(TokenKind, &'static str); 13] = [
        (TokenKind::Comment, "comment"),
        (TokenKind::String, "string"),
        (TokenKind::Number, "number"),
        (TokenKind::Keyword, "keyword"),
        (TokenKind::Operator, "operator"),
        (TokenKind::Variable, "variable"),
        (TokenKind::Parameter, "parameter"),
        (TokenKind::Property, "property"),
        (TokenKind::Function, "function"),
        (TokenKind::Constant, "enumMember"),
        (TokenKind::Path, "path"),
        (TokenKind::Url, "url"),
        (TokenKind::Unresolved, "unresolvedReference"),
    ];

    /// Whether the grammar that every editor has of its own tells this just as well.
    pub fn is_lexical(self) -> bool {
        matches!(
            self,
            TokenKind::Comment
                | TokenKind::String
                | TokenKind::Number
                | TokenKind::Keyword
                | TokenKind::Operator
                | TokenKind::Path
                | TokenKind::Url
        )
    }
}

/// What else is to be said about a word: the bit of [`SemanticToken::modifiers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenModifier {
    /// The name is bound here.
    Definition = 1,
    /// It comes with the language.
    DefaultLibrary = 2,
    /// It comes from the set of a `with`.
    With = 4,
}

impl TokenModifier {
    /// All modifiers with the protocol's names, in the order of their bits.
    pub const LEGEND: [(TokenModifier, &'static str); 3] = [
        (TokenModifier::Definition, "definition"),
        (TokenModifier::DefaultLibrary, "defaultLibrary"),
        (TokenModifier::With, "with"),
    ];
}

/// Which tokens are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenDetail {
    /// Every word.
    All,
    /// Only names: the editor colours the rest by its own grammar.
    Names,
}

/// The tokens of a file, or of a range of it, in the order of the text.
pub fn semantic_tokens(
    db: &dyn Db,
    file: File,
    range: Option<Span>,
    detail: TokenDetail,
) -> Vec<SemanticToken> {
    let range = range.unwrap_or(Span { start: 0, end: u32::MAX });
    let names = Names::of(db, file, range);
    let mut tokens = Vec::with_capacity(names.count * 2);
    walk(&parse(db, file).tree, range, |element, parent| {
        let span = Span { start: element.start, end: element.end };
        let mut push = |kind, modifiers| {
            if detail == TokenDetail::All || !TokenKind::is_lexical(kind) {
                tokens.push(SemanticToken { span, kind, modifiers });
            }
        };
        if matches!(element.kind, K::Ident | K::OrKw) {
            match names.at(element.start) {
                Some((kind, modifiers)) => push(kind, modifiers),
                None => match by_syntax(parent) {
                    // `a.b or c`
                    _ if element.kind == K::OrKw && parent == K::Select => {
                        push(TokenKind::Keyword, 0);
                    }
                    Some((kind, modifiers)) => push(kind, modifiers),
                    None => {}
                },
            }
        } else if let Some(kind) = lexical(element.kind, parent) {
            push(kind, 0);
        }
    });
    tokens
}

/// What a name is by where it stands, if nothing else is known of it.
fn by_syntax(parent: K) -> Option<(TokenKind, u8)> {
    match parent {
        K::Attr => Some((TokenKind::Property, 0)),
        K::Param | K::Formal => Some((TokenKind::Parameter, TokenModifier::Definition as u8)),
        K::Variable => Some((TokenKind::Variable, 0)),
        _ => None,
    }
}

fn lexical(kind: K, parent: K) -> Option<TokenKind> {
    Some(match kind {
        K::Comment => TokenKind::Comment,
        K::StringQuote | K::IndentedQuote | K::StringFragment if parent == K::Attr => {
            TokenKind::Property
        }
        K::StringQuote | K::IndentedQuote | K::StringFragment => TokenKind::String,
        K::Int | K::Float => TokenKind::Number,
        K::Uri => TokenKind::Url,
        K::SearchPath | K::PathFragment => TokenKind::Path,
        kind if K::AssertKw <= kind && kind <= K::WithKw => TokenKind::Keyword,
        kind if K::Question == kind || K::Bang <= kind && kind <= K::PipeLeft => {
            TokenKind::Operator
        }
        _ => return None,
    })
}

/// Calls `visit` with each token that touches the range, and the kind of the node around it.
fn walk(tree: &FlatTree, range: Span, mut visit: impl FnMut(Element, K)) {
    let elements = tree.elements();
    // The nodes around the current element: where each ends, and its kind.
    let mut around: Vec<(u32, K)> = Vec::with_capacity(64);
    let mut index = 0;
    while let Some(element) = elements.get(index as usize) {
        while around.last().is_some_and(|(end, _)| *end <= index) {
            around.pop();
        }
        if element.start >= range.end {
            return;
        }
        if element.end <= range.start {
            index = element.next;
            continue;
        }
        if element.kind.is_token() {
            if element.kind != K::Whitespace {
                visit(*element, around.last().map_or(K::SourceFile, |(_, kind)| *kind));
            }
        } else {
            around.push((element.next, element.kind));
        }
        index += 1;
    }
}

/// The names whose meaning only the lowered file knows, by where they start.
struct Names {
    /// For each byte of the text: 0, or the number of the kind from 1 on and the modifiers above it.
    table: Vec<u8>,
    /// How many names there are, at most.
    count: usize,
}

/// Above the number of a kind.
const MODIFIERS_AT: u32 = 4;
const _: () = assert!(TokenKind::LEGEND.len() < 1 << MODIFIERS_AT);

impl Names {
    fn at(&self, start: u32) -> Option<(TokenKind, u8)> {
        let meaning = *self.table.get(start as usize)?;
        let kind = (meaning & ((1 << MODIFIERS_AT) - 1)).checked_sub(1)?;
        Some((TokenKind::LEGEND[kind as usize].0, meaning >> MODIFIERS_AT))
    }

    fn of(db: &dyn Db, file: File, range: Span) -> Names {
        let (module, map) = (module(db, file), source_map(db, file));
        // Pages of it that nothing is written to take no memory.
        let length = source(db, file).text.len().min(range.end as usize);
        let mut names = Names { table: vec![0; length], count: 0 };
        let wanted = |span: Span| span.start < range.end && range.start < span.end;
        // Of two entries for one place the later one says more.
        let mut push = |span: Span, (kind, modifiers): (TokenKind, u8)| {
            if wanted(span)
                && let Some(meaning) = names.table.get_mut(span.start as usize)
            {
                names.count += 1;
                *meaning = (kind as u8 + 1) | modifiers << MODIFIERS_AT;
            }
        };
        let called = called(module);
        let scopes = scopes(db, file);
        for (expr, id) in module.exprs.iter().zip(0..).map(|(expr, id)| (expr, ExprId(id))) {
            match expr {
                Expr::Var(var) => {
                    let span = map.exprs[id.0 as usize];
                    if wanted(span) {
                        let is_called = called[id.0 as usize];
                        let meaning = match var {
                            Var::Local { .. } => {
                                let definition = scopes.definition(module, id);
                                let is_argument = matches!(definition, Some(Definition::Binding(binding))
                                    if matches!(scopes.owner(binding), Some(ScopeOwner::Lambda(_))));
                                match (is_called, is_argument) {
                                    (true, _) => (TokenKind::Function, 0),
                                    (_, true) => (TokenKind::Parameter, 0),
                                    _ => (TokenKind::Variable, 0),
                                }
                            }
                            Var::Global(id) => global(globals()[id.0 as usize].builtin_name()),
                            Var::With { .. } if is_called => {
                                (TokenKind::Function, TokenModifier::With as u8)
                            }
                            Var::With { .. } => (TokenKind::Variable, TokenModifier::With as u8),
                            Var::Undefined(_) => (TokenKind::Unresolved, 0),
                        };
                        push(span, meaning);
                    }
                }
                Expr::Select { base, path, .. } => {
                    let keys = module.keys(*path);
                    let key_span = |index: usize| map.keys[path.start as usize + index];
                    if let [Key::Static(name), ..] = keys
                        && crate::known::is_builtins(module, *base)
                    {
                        push(key_span(0), global(name.as_str()));
                    } else if called[id.0 as usize] {
                        push(key_span(keys.len() - 1), (TokenKind::Function, 0));
                    }
                }
                _ => {}
            }
        }
        let definition = TokenModifier::Definition as u8;
        for attrs in &module.attrs {
            for entry in attrs.entries.iter().filter(|entry| entry.kind == AttrKind::Plain) {
                let kind = match module.expr(entry.value) {
                    Expr::Lambda(_) => TokenKind::Function,
                    _ => TokenKind::Property,
                };
                push(map.names[entry.binding.0 as usize], (kind, definition));
            }
        }
        for lambda in &module.lambdas {
            let Param::Pattern { at: Some((_, binding)), .. } = &lambda.param else { continue };
            push(map.names[binding.0 as usize], (TokenKind::Parameter, definition));
        }
        mark_lets(module, map, &mut push);
        names
    }
}

/// The bindings of a `let` are variables, not attributes.
fn mark_lets(module: &Module, map: &SourceMap, push: &mut impl FnMut(Span, (TokenKind, u8))) {
    for expr in &module.exprs {
        let Expr::Let { attrs, .. } = expr else { continue };
        for entry in &module.attrs[attrs.0 as usize].entries {
            let is_function = matches!(module.expr(entry.value), Expr::Lambda(_));
            if entry.kind == AttrKind::Plain && !is_function {
                let span = map.names[entry.binding.0 as usize];
                push(span, (TokenKind::Variable, TokenModifier::Definition as u8));
            }
        }
    }
}

/// For each expression, whether it is called.
fn called(module: &Module) -> Vec<bool> {
    let mut called = vec![false; module.exprs.len()];
    for expr in &module.exprs {
        if let Expr::Apply { fun, .. } = expr {
            called[fun.0 as usize] = true;
        }
    }
    called
}

/// What a builtin is, by its name in `builtins`.
fn global(name: &str) -> (TokenKind, u8) {
    let kind = match name {
        "true" | "false" | "null" => TokenKind::Constant,
        "builtins" | "currentSystem" | "currentTime" | "langVersion" | "nixPath" | "nixVersion"
        | "storeDir" => TokenKind::Variable,
        _ => TokenKind::Function,
    };
    (kind, TokenModifier::DefaultLibrary as u8)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn show(text: &str, range: Option<Span>, detail: TokenDetail) -> String {
        let fixture = fixture(text);
        let mut last = 0;
        let mut shown = String::new();
        for token in semantic_tokens(&fixture.db, fixture.file, range, detail) {
            assert!(last <= token.span.start && token.span.start < token.span.end);
            last = token.span.end;
            let text = &text[token.span.start as usize..token.span.end as usize];
            shown += &format!("{:?} {text:?}", token.kind);
            for (modifier, name) in TokenModifier::LEGEND {
                if token.modifiers & modifier as u8 != 0 {
                    shown += &format!(" {name}");
                }
            }
            shown.push('\n');
        }
        shown
    }

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&show(text, None, TokenDetail::Names));
    }

    #[test]
    fn names_by_what_they_mean() {
        check(
            "{ lib, ... }@args: let f = x: x + y; in rec { a.b = f args.c; d = lib.id a.b or null; inherit (lib) e; }",
            &expect![[r#"
                Parameter "lib" definition
                Parameter "args" definition
                Function "f" definition
                Parameter "x" definition
                Parameter "x"
                Unresolved "y"
                Property "a" definition
                Property "b" definition
                Function "f"
                Parameter "args"
                Property "c"
                Property "d" definition
                Parameter "lib"
                Function "id"
                Variable "a"
                Property "b"
                Constant "null" defaultLibrary
                Parameter "lib"
                Property "e"
            "#]],
        );
    }

    #[test]
    fn builtins_and_names_from_with() {
        check(
            "with import <nixpkgs> { }; [ hello (builtins.map toString [ true ]) (mk 1) ]",
            &expect![[r#"
            Function "import" defaultLibrary
            Variable "hello" with
            Variable "builtins" defaultLibrary
            Function "map" defaultLibrary
            Function "toString" defaultLibrary
            Constant "true" defaultLibrary
            Function "mk" with
        "#]],
        );
    }

    #[test]
    fn what_the_grammar_of_an_editor_knows_can_be_had_as_well() {
        expect![[r##"
            Comment "# c"
            Keyword "if"
            Number "1"
            Operator "=="
            Number "2"
            Keyword "then"
            Path "./a"
            Keyword "else"
            String "''"
            String "x "
            String "\""
            String "y"
            String "\""
            String " z"
            String "''"
        "##]]
        .assert_eq(&show("# c\nif 1 == 2 then ./a else ''x ${\"y\"} z''", None, TokenDetail::All));
    }

    #[test]
    fn of_a_range() {
        let range = Some(Span { start: 10, end: 20 });
        expect![[r#"
            Property "b" definition
            Property "c" definition
        "#]]
        .assert_eq(&show("{ a = 1;\n  b = { c = d; };\n e = 1; }", range, TokenDetail::Names));
    }

    #[test]
    fn broken_text_has_tokens() {
        check(
            "{ a = let b = c; in b. ; x: y",
            &expect![[r#"
            Property "a" definition
            Variable "b" definition
            Unresolved "c"
            Variable "b"
            Property "x" definition
            Variable "y"
        "#]],
        );
    }
}
