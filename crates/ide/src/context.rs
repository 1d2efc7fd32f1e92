//! What is being written at a cursor, told from a tree that is mostly broken there.

use floe_hir::Span;
use floe_syntax::{ElementId, SyntaxKind as K};

use crate::cursor::Cursor;

/// What is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A variable, or a keyword that begins an expression.
    Expression,
    /// An attribute behind a dot: `base.a.b.|`.
    Attribute {
        /// Where the expression before the first dot ends.
        base: Span,
        /// The attributes before the cursor.
        path: Vec<String>,
    },
    /// The name of an attribute in a set or `let`: `{ a.b.| }`.
    Binding {
        /// The attributes before the cursor in this binding.
        path: Vec<String>,
        /// What the set itself is bound to, from the outermost set of the file on.
        around: Vec<Step>,
    },
    /// A name in `inherit |;`, and the set of `inherit (set) |;`.
    Inherit {
        /// The expression in parentheses.
        from: Option<Span>,
    },
    /// A path, as a literal or in a string: the text up to the cursor.
    Path(String),
    /// The inside of `<…>` up to the cursor.
    SearchPath(String),
    /// The name of an argument in a pattern: `{ | }: …`.
    Formal,
    /// The inside of a string without interpolations: `"|"`.
    String,
    /// A comment, another string, a number: nothing to add.
    Nothing,
}

/// One step from the outermost set of a file to a set in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The set, or what it is in, is the value of this attribute.
    Attribute(String),
    /// An attribute whose name is computed.
    Computed,
    /// It is an argument of a call of this function: `mkIf cond { }`.
    Argument(String),
    /// It is an element of a list.
    Element,
    /// It is bound in a `let`, so nothing outside of that says what it is.
    Let,
}

/// What is being written at the cursor, and the text that a completion replaces.
pub(crate) fn context(cursor: &Cursor<'_>) -> (Context, Span) {
    let here = Span { start: cursor.offset, end: cursor.offset };
    if cursor.in_comment() {
        return (Context::Nothing, here);
    }
    let touched = cursor.token.filter(|_| cursor.touches_token());
    let Some(token) = touched else { return (between_tokens(cursor), here) };
    let element = cursor.get(token);
    let before = &cursor.text[element.start as usize..cursor.offset as usize];
    let whole = Span { start: element.start, end: element.end };
    if let Some(found) = unfinished_path(cursor, element.kind) {
        return found;
    }
    match element.kind {
        K::Ident | K::OrKw => (name(cursor, token), whole),
        kind if is_keyword(kind) => {
            // Behind a dot it is the beginning of a longer name: `config.in|`.
            let before = Cursor::new(cursor.tree, cursor.text, element.start);
            let is_name = before.token_kind() == Some(K::Dot) && before.touches_token();
            let found = if is_name { between_tokens(&before) } else { keyword(cursor, token) };
            (found, whole)
        }
        K::PathFragment | K::StringFragment if is_behind_interpolation(cursor, token) => {
            match path_before(cursor, token) {
                Some(start) => path(cursor, &(start + before), element.end),
                None => (Context::Nothing, here),
            }
        }
        K::PathFragment => path(cursor, before, element.end),
        K::SearchPath => {
            let text = before.get(1..).unwrap_or_default();
            // Like in a path, what is replaced is one name of it.
            let name = text.rfind('/').map_or(text.len(), |slash| text.len() - slash - 1);
            let behind = &cursor.text[cursor.offset as usize..element.end as usize];
            let rest = behind.find(['/', '>']).unwrap_or(behind.len());
            let (start, end) = (cursor.offset - name as u32, cursor.offset + rest as u32);
            (Context::SearchPath(text.to_owned()), Span { start, end })
        }
        // What looks like a path in a string mostly is one.
        K::StringFragment if ["./", "../", "/"].iter().any(|start| before.starts_with(start)) => {
            path(cursor, before, element.end)
        }
        K::StringFragment | K::StringQuote | K::IndentedQuote if in_string(cursor) => {
            match inside_of_string(cursor) {
                Some(inside) => (Context::String, inside),
                None => (Context::Nothing, here),
            }
        }
        K::Int | K::Float | K::Uri | K::Comment => (Context::Nothing, here),
        _ => (between_tokens(cursor), here),
    }
}

/// A path that is none yet for the lexer: `./|` lacks a name, `<a|` the bracket. Until then it is an
/// operator, mostly.
fn unfinished_path(cursor: &Cursor<'_>, touched: K) -> Option<(Context, Span)> {
    let could_be = matches!(
        touched,
        K::Slash
            | K::SlashSlash
            | K::Ident
            | K::Dot
            | K::Minus
            | K::Less
            | K::Unknown
            | K::Int
            | K::PathFragment
    );
    if !could_be || in_string(cursor) {
        return None;
    }
    let before = &cursor.text[..cursor.offset as usize];
    let is_written = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+/~".contains(&byte);
    let start = before.bytes().rposition(|byte| !is_written(byte)).map_or(0, |at| at + 1);
    let (outside, written) = before.split_at(start);
    let begins_path = ["./", "../", "~/"].iter().any(|start| written.starts_with(start));
    let here = |name: usize| Span { start: cursor.offset - name as u32, end: cursor.offset };
    if begins_path && written.ends_with('/') && touched != K::PathFragment {
        return Some((Context::Path(written.to_owned()), here(0)));
    }
    // `a < b` has its spaces.
    let around = outside.strip_suffix('<')?.bytes().last();
    let is_operator = around.is_some_and(|byte| is_written(byte) || b")]}\"'".contains(&byte));
    let name = written.rfind('/').map_or(written.len(), |slash| written.len() - slash - 1);
    (!is_operator).then(|| (Context::SearchPath(written.to_owned()), here(name)))
}

/// A keyword is the beginning of a longer word, perhaps: `in|` of `inherit`.
fn keyword(cursor: &Cursor<'_>, token: ElementId) -> Context {
    let depth = cursor.nodes.len() - 1;
    let kind = |depth: usize| cursor.get(cursor.nodes[depth]).kind;
    let is_misplaced =
        kind(depth) == K::Error && depth > 0 && is_bindings(cursor, cursor.nodes[depth - 1]);
    let ends_bindings = kind(depth) == K::LetIn && cursor.get(token).kind == K::InKw;
    if is_misplaced || ends_bindings {
        return Context::Binding {
            path: Vec::new(),
            around: around(cursor, depth + usize::from(ends_bindings)),
        };
    }
    Context::Expression
}

fn is_behind_interpolation(cursor: &Cursor<'_>, token: ElementId) -> bool {
    before_in_node(cursor, token).is_some_and(|id| cursor.get(id).kind == K::Interpolation)
}

fn before_in_node(cursor: &Cursor<'_>, token: ElementId) -> Option<ElementId> {
    cursor.tree.children(cursor.node()).take_while(|id| *id != token).last()
}

/// What stands in front of a part of a string, if that is nothing but a path: `"${./a}|"`.
fn path_before(cursor: &Cursor<'_>, token: ElementId) -> Option<String> {
    let interpolation = before_in_node(cursor, token)?;
    let quote = cursor.tree.children(cursor.node()).take_while(|id| *id != interpolation).last()?;
    let is_first = matches!(cursor.get(quote).kind, K::StringQuote | K::IndentedQuote);
    let path = first_node(cursor, interpolation)?;
    (is_first && cursor.get(path).kind == K::Path && first_node(cursor, path).is_none())
        .then(|| cursor.text_of(path).to_owned())
}

/// Whether the cursor is between the quotes of a string, and not in an interpolation there.
pub(crate) fn in_string(cursor: &Cursor<'_>) -> bool {
    let node = cursor.get(cursor.node());
    let Some(token) = cursor.token else { return false };
    matches!(node.kind, K::String | K::IndentedString)
        && !(cursor.get(token).end == node.end && cursor.get(token).start > node.start)
}

/// What is between the quotes around the cursor, if that is one text in one line. A string that is not
/// closed goes on to a quote that is another's, so what is behind the cursor is none of its.
fn inside_of_string(cursor: &Cursor<'_>) -> Option<Span> {
    let string = cursor.node();
    let is_quote = |id: &ElementId| cursor.get(*id).kind == K::StringQuote;
    let parts = || cursor.tree.children(string);
    if cursor.get(string).kind != K::String
        || parts().any(|part| cursor.get(part).kind == K::Interpolation)
    {
        return None;
    }
    let start = cursor.get(parts().find(is_quote)?).end;
    let end = parts().filter(is_quote).nth(1).map(|quote| cursor.get(quote).start);
    let is_line = |end: &u32| !cursor.text[start as usize..*end as usize].contains('\n');
    Some(Span { start, end: end.filter(is_line).unwrap_or(cursor.offset) })
}

/// The cursor touches a name.
fn name(cursor: &Cursor<'_>, token: ElementId) -> Context {
    for (depth, node) in cursor.nodes.iter().enumerate().rev() {
        match cursor.get(*node).kind {
            K::Attr | K::AttrPath => {}
            K::Inherit => return inherit(cursor, *node),
            K::Binding => return binding(cursor, depth),
            K::Select | K::HasAttr => {
                return if is_base(cursor, *node, token) {
                    Context::Expression
                } else {
                    select(cursor, *node)
                };
            }
            // A name that a broken set could not place is the beginning of a binding.
            K::Error if depth > 0 && is_bindings(cursor, cursor.nodes[depth - 1]) => {
                return binding(cursor, depth);
            }
            K::Formal | K::Pattern => return Context::Formal,
            K::Param => return Context::Nothing,
            K::AttrSet | K::LegacyLet => return binding(cursor, depth + 1),
            _ => return Context::Expression,
        }
    }
    Context::Expression
}

/// The cursor stands behind a token that is no part of a name, or in the white space behind one.
fn between_tokens(cursor: &Cursor<'_>) -> Context {
    let Some(kind) = cursor.token_kind() else { return Context::Expression };
    let depth = cursor.nodes.len() - 1;
    let node = cursor.nodes[depth];
    if kind == K::Dot {
        let around = cursor.nodes.iter().enumerate().rev();
        for (depth, node) in around {
            match cursor.get(*node).kind {
                K::AttrPath | K::Attr => {}
                K::Select | K::HasAttr => return select(cursor, *node),
                K::Binding => return binding(cursor, depth),
                _ => break,
            }
        }
        return Context::Nothing;
    }
    match cursor.get(node).kind {
        K::AttrSet | K::LegacyLet if matches!(kind, K::LBrace | K::Semicolon) => {
            binding(cursor, depth + 1)
        }
        K::LetIn if matches!(kind, K::LetKw | K::Semicolon) => binding(cursor, depth + 1),
        // Behind the `;` of a binding or an `inherit`, the next one begins.
        K::Binding if kind == K::Semicolon => binding(cursor, depth),
        K::Inherit if kind == K::Semicolon => binding(cursor, depth),
        K::Inherit => inherit(cursor, node),
        K::InheritFrom if kind == K::RParen && depth > 0 => {
            inherit(cursor, cursor.nodes[depth - 1])
        }
        K::Attr | K::AttrPath if inside_inherit(cursor).is_some() => {
            inside_inherit(cursor).map_or(Context::Nothing, |node| inherit(cursor, node))
        }
        K::HasAttr if kind == K::Question => select(cursor, node),
        K::Pattern if matches!(kind, K::LBrace | K::Comma) => Context::Formal,
        K::Pattern | K::Param | K::Formal if kind != K::Question => Context::Nothing,
        _ => Context::Expression,
    }
}

fn inside_inherit(cursor: &Cursor<'_>) -> Option<ElementId> {
    cursor.nodes.iter().rev().find(|node| cursor.get(**node).kind == K::Inherit).copied()
}

fn inherit(cursor: &Cursor<'_>, node: ElementId) -> Context {
    let from = cursor.tree.children(node).find(|id| cursor.get(*id).kind == K::InheritFrom);
    let expr = from.and_then(|from| first_node(cursor, from));
    Context::Inherit { from: expr.map(|expr| span(cursor, without_parentheses(cursor, expr))) }
}

/// Whether a token belongs to the expression before the dot of a `Select`.
fn is_base(cursor: &Cursor<'_>, node: ElementId, token: ElementId) -> bool {
    let base = cursor.tree.children(node).next();
    base.is_some_and(|base| token < ElementId(cursor.get(base).next))
}

fn select(cursor: &Cursor<'_>, node: ElementId) -> Context {
    match cursor.tree.children(node).next() {
        Some(base) => Context::Attribute {
            base: span(cursor, without_parentheses(cursor, base)),
            path: attributes_before(cursor, node).unwrap_or_default(),
        },
        None => Context::Nothing,
    }
}

/// The range of an expression in HIR, where parentheses are gone.
fn without_parentheses(cursor: &Cursor<'_>, mut node: ElementId) -> ElementId {
    while cursor.get(node).kind == K::Paren {
        match first_node(cursor, node) {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node
}

fn first_node(cursor: &Cursor<'_>, node: ElementId) -> Option<ElementId> {
    cursor.tree.children(node).find(|id| !cursor.get(*id).kind.is_token())
}

/// The binding that is the node at `depth` of the cursor's nodes, or begins where that node would be.
fn binding(cursor: &Cursor<'_>, depth: usize) -> Context {
    let node = cursor.nodes.get(depth).copied();
    let in_progress = node.filter(|node| {
        cursor.get(*node).kind == K::Binding && cursor.token_kind() != Some(K::Semicolon)
    });
    let path = in_progress.and_then(|node| attributes_before(cursor, node)).unwrap_or_default();
    Context::Binding { path, around: around(cursor, depth) }
}

/// The attributes of a node's path that end before the cursor's own one. Nothing where one of them is
/// computed.
fn attributes_before(cursor: &Cursor<'_>, node: ElementId) -> Option<Vec<String>> {
    let path = cursor.tree.children(node).find(|id| cursor.get(*id).kind == K::AttrPath);
    let Some(path) = path else { return Some(Vec::new()) };
    let attributes = cursor.tree.children(path).filter(|id| cursor.get(*id).kind == K::Attr);
    attributes
        .take_while(|attr| cursor.get(*attr).end < cursor.offset)
        .map(|attr| attribute_name(cursor, attr))
        .collect()
}

/// The name that an `Attr` node gives, unless it is computed.
pub(crate) fn attribute_name(cursor: &Cursor<'_>, attr: ElementId) -> Option<String> {
    let child = cursor.tree.children(attr).next()?;
    match cursor.get(child).kind {
        K::Ident | K::OrKw => Some(cursor.text_of(child).to_owned()),
        K::String => {
            let mut parts = cursor.tree.children(child);
            let is_plain = !parts.clone().any(|part| cursor.get(part).kind == K::Interpolation);
            let fragment = parts.find(|part| cursor.get(*part).kind == K::StringFragment);
            let text = fragment.map_or("", |fragment| cursor.text_of(fragment));
            is_plain.then(|| floe_syntax::unescape_string(text).into_owned())
        }
        _ => None,
    }
}

/// The steps from the outermost expression down to the set at `depth` of the cursor's nodes.
pub(crate) fn around(cursor: &Cursor<'_>, depth: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for pair in cursor.nodes[..depth.min(cursor.nodes.len())].windows(2) {
        let [node, inner] = pair else { continue };
        match cursor.get(*node).kind {
            // The cursor may be in the path itself, in an interpolation there.
            K::Binding if cursor.get(*inner).kind != K::AttrPath => {
                steps.extend(path_steps(cursor, *node));
            }
            K::LetIn | K::LegacyLet
                if matches!(cursor.get(*inner).kind, K::Binding | K::Inherit) =>
            {
                steps.push(Step::Let);
            }
            K::List => steps.push(Step::Element),
            K::Apply => {
                let function = cursor.tree.children(*node).next();
                if let Some(function) = function.filter(|function| function != inner) {
                    steps.push(Step::Argument(function_name(cursor, function)));
                }
            }
            _ => {}
        }
    }
    steps
}

/// The steps from a set to the value of a binding in it.
pub(crate) fn path_steps(cursor: &Cursor<'_>, binding: ElementId) -> Vec<Step> {
    let path = cursor.tree.children(binding).find(|id| cursor.get(*id).kind == K::AttrPath);
    let attrs = path.into_iter().flat_map(|path| cursor.tree.children(path));
    let attrs = attrs.filter(|id| cursor.get(*id).kind == K::Attr);
    let steps = attrs.map(|attr| match attribute_name(cursor, attr) {
        Some(name) => Step::Attribute(name),
        None => Step::Computed,
    });
    steps.collect()
}

/// The last name of what is called: `lib.mkIf cond` is `mkIf`.
pub(crate) fn function_name(cursor: &Cursor<'_>, mut function: ElementId) -> String {
    while cursor.get(function).kind == K::Apply {
        match cursor.tree.children(function).next() {
            Some(inner) => function = inner,
            None => break,
        }
    }
    let text = cursor.text_of(function);
    text.rsplit('.').next().unwrap_or(text).trim().to_owned()
}

fn is_bindings(cursor: &Cursor<'_>, node: ElementId) -> bool {
    matches!(cursor.get(node).kind, K::AttrSet | K::LegacyLet | K::LetIn)
}

fn path(cursor: &Cursor<'_>, before: &str, end: u32) -> (Context, Span) {
    let name = before.rfind('/').map_or(0, |slash| slash + 1);
    let start = cursor.offset - (before.len() - name) as u32;
    // What stands behind the cursor up to the next slash is the rest of the name.
    let rest = &cursor.text[cursor.offset as usize..end as usize];
    let end = cursor.offset + rest.find('/').unwrap_or(rest.len()) as u32;
    (Context::Path(before.to_owned()), Span { start, end })
}

fn span(cursor: &Cursor<'_>, id: ElementId) -> Span {
    let element = cursor.get(id);
    Span { start: element.start, end: element.end }
}

fn is_keyword(kind: K) -> bool {
    (K::AssertKw..=K::WithKw).contains(&kind)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use floe_db::{parse, source};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let text = &source(&fixture.db, fixture.file).text;
        let tree = &parse(&fixture.db, fixture.file).tree;
        let (found, span) = context(&Cursor::new(tree, text, fixture.offset));
        let replaced = &text[span.start as usize..span.end as usize];
        let base = match &found {
            Context::Attribute { base, .. } | Context::Inherit { from: Some(base) } => {
                format!(" of {:?}", &text[base.start as usize..base.end as usize])
            }
            _ => String::new(),
        };
        let found = format!("{found:?}").replace("Attribute(\"", "(\"");
        let found = match found.find("base: Span").or(found.find("from: Some")) {
            Some(at) => found[..at].to_owned() + found[at..].split_once('}').unwrap().1,
            None => found,
        };
        expected.assert_eq(&format!("{found}{base} replacing {replaced:?}"));
    }

    #[test]
    fn expressions() {
        check("{ a = $0 }", &expect![[r#"Expression replacing """#]]);
        check("{ a = b$0 }", &expect![[r#"Expression replacing "b""#]]);
        check("{ a = [ b $0 ]; }", &expect![[r#"Expression replacing """#]]);
        check("let a = 1; in $0", &expect![[r#"Expression replacing """#]]);
        check("{ a ? $0 }: a", &expect![[r#"Expression replacing """#]]);
        check("\"${a$0}\"", &expect![[r#"Expression replacing "a""#]]);
        check("i$0", &expect![[r#"Expression replacing "i""#]]);
        check("{ a = if$0 }", &expect![[r#"Expression replacing "if""#]]);
        check("f { inherit a; } $0", &expect![[r#"Expression replacing """#]]);
    }

    #[test]
    fn attributes_behind_a_dot() {
        check("{ a = pkgs.$0; }", &expect![[r#"Attribute { , path: [] } of "pkgs" replacing """#]]);
        check(
            "{ a = pkgs.$0\n  b = 1; }",
            &expect![[r#"Attribute { , path: [] } of "pkgs" replacing """#]],
        );
        check(
            "{ a = pkgs.lib.str$0\n}",
            &expect![[r#"Attribute { , path: ["lib"] } of "pkgs" replacing "str""#]],
        );
        check(
            "[ pkgs.lib.$0foo.x ]",
            &expect![[r#"Attribute { , path: ["lib"] } of "pkgs" replacing """#]],
        );
        check("{ a = b.in$0; }", &expect![[r#"Attribute { , path: [] } of "b" replacing "in""#]]);
        check("(f x).a.$0", &expect![[r#"Attribute { , path: ["a"] } of "f x" replacing """#]]);
    }

    #[test]
    fn bindings() {
        check("{ $0 }", &expect![[r#"Binding { path: [], around: [] } replacing """#]]);
        check("{ a = 1; $0 }", &expect![[r#"Binding { path: [], around: [] } replacing """#]]);
        check("{ ser$0 }", &expect![[r#"Binding { path: [], around: [] } replacing "ser""#]]);
        check(
            "{ services.openssh.$0 }",
            &expect![[r#"Binding { path: ["services", "openssh"], around: [] } replacing """#]],
        );
        check(
            "{ services.openssh.$0\n networking.x = 1; }",
            &expect![[r#"Binding { path: ["services", "openssh"], around: [] } replacing """#]],
        );
        check(
            "{ services.openssh.en$0\n}",
            &expect![[r#"Binding { path: ["services", "openssh"], around: [] } replacing "en""#]],
        );
        check(
            "let a = { }; $0 in a",
            &expect![[r#"Binding { path: [], around: [] } replacing """#]],
        );
    }

    #[test]
    fn bindings_in_sets_in_bindings() {
        check(
            "{ lib, ... }: { services = { openssh.$0 }; }",
            &expect![[r#"Binding { path: ["openssh"], around: [("services")] } replacing """#]],
        );
        check(
            "{ config = lib.mkIf c { a.b = { $0 }; }; }",
            &expect![[
                r#"Binding { path: [], around: [("config"), Argument("mkIf"), ("a"), ("b")] } replacing """#
            ]],
        );
        check(
            "{ config = mkMerge [ { a.$0 } ]; }",
            &expect![[
                r#"Binding { path: ["a"], around: [("config"), Argument("mkMerge"), Element] } replacing """#
            ]],
        );
        check(
            "{ a.${x}.b = { c$0 }; }",
            &expect![[r#"Binding { path: [], around: [("a"), Computed, ("b")] } replacing "c""#]],
        );
        check(
            "let s = { a.$0 }; in s",
            &expect![[r#"Binding { path: ["a"], around: [Let, ("s")] } replacing """#]],
        );
    }

    #[test]
    fn inherits() {
        check("{ inherit $0; }", &expect![[r#"Inherit { from: None } replacing """#]]);
        check("{ inherit (lib) a b$0; }", &expect![[r#"Inherit { ) } of "lib" replacing "b""#]]);
        check("{ inherit (lib) $0; }", &expect![[r#"Inherit { ) } of "lib" replacing """#]]);
    }

    #[test]
    fn paths() {
        check("import ./a/b$0", &expect![[r#"Path("./a/b") replacing "b""#]]);
        check("import ./a/b$0c/d.nix", &expect![[r#"Path("./a/b") replacing "bc""#]]);
        check("import <nix$0>", &expect![[r#"SearchPath("nix") replacing "nix""#]]);
        check("<nixpkgs/ni$0>", &expect![[r#"SearchPath("nixpkgs/ni") replacing "ni""#]]);
        check("<a/mo$0d/b>", &expect![[r#"SearchPath("a/mo") replacing "mod""#]]);
    }

    #[test]
    fn nothing() {
        check("# a$0", &expect![[r#"Nothing replacing """#]]);
        check("\"a$0\"", &expect![[r#"String replacing "a""#]]);
        check("''a$0''", &expect![[r#"Nothing replacing """#]]);
        check("1$0", &expect![[r#"Nothing replacing """#]]);
        check("{ a$0 }: a", &expect![[r#"Formal replacing "a""#]]);
    }
}
