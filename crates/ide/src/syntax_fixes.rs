//! Fixes of syntax errors where one is obvious. Each is tried before it is offered: the text has to have
//! fewer errors afterwards.

use floe_db::{Db, File, parse, source};
use floe_hir::Span;
use floe_syntax::{
    ParseOptions, SyntaxError, SyntaxErrorKind, SyntaxKind, Terminal, TextEdit, apply_edits,
};

use crate::lints::{Fix, Safety};
use crate::tree::{Node, Tree};

/// A larger file is not parsed again for each guess.
const MOST_BYTES: usize = 1 << 20;

/// The fixes of the first syntax error that touches a span. Only the first of a file is looked at: what
/// comes after it may be its consequence.
pub(crate) fn syntax_fixes(db: &dyn Db, file: File, span: Span) -> Vec<(SyntaxError, Fix)> {
    let (text, parse) = (&source(db, file).text, parse(db, file));
    let Some(error) = parse.errors.first() else { return Vec::new() };
    let line = |offset: u32| text[..offset as usize].matches('\n').count();
    let is_near =
        line(error.start) + 1 >= line(span.start) && line(error.start) <= line(span.end) + 1;
    if text.len() > MOST_BYTES || !is_near {
        return Vec::new();
    }
    let tree = Tree::new(&parse.tree, text);
    let mut fixes = Vec::new();
    let at_end = at_end_of_file(&tree, error);
    for (title, edit) in guesses(&tree, error).into_iter().chain(at_end) {
        let mut tried = text.to_string();
        let applies = apply_edits(&mut tried, std::slice::from_ref(&edit)).is_ok();
        let after = floe_syntax::parse(&tried, &ParseOptions::default()).errors;
        // The error itself has to be gone, not only moved.
        let longer = tried.len() as i64 - text.len() as i64;
        let first_is_later =
            after.first().is_none_or(|next| i64::from(next.start) - longer > i64::from(error.end));
        if applies && after.len() < parse.errors.len() && first_is_later {
            let fix = Fix { title, safety: Safety::Review, edits: vec![edit] };
            fixes.push((error.clone(), fix));
        }
    }
    fixes
}

fn guesses(tree: &Tree<'_>, error: &SyntaxError) -> Vec<(String, TextEdit)> {
    let SyntaxErrorKind::Unexpected { found, expected } = &error.kind else {
        return match error.kind {
            SyntaxErrorKind::TrailingSlash => {
                let edit = TextEdit::delete(error.end.saturating_sub(1)..error.end);
                vec![("Remove the slash".to_owned(), edit)]
            }
            _ => Vec::new(),
        };
    };
    let tokens: Vec<Node<'_>> =
        tree.all().filter(|node| node.is_token() && !node.kind().is_trivia()).collect();
    let index = tokens.partition_point(|token| token.start() < error.start);
    let before = index.checked_sub(1).map(|index| tokens[index]);
    let mut guesses = Vec::new();
    let mut insert = |at: u32, what: &str| {
        guesses.push((format!("Insert '{what}'"), TextEdit::insert(at, what)));
    };
    let wants = |kind: SyntaxKind| expected.contains(&Terminal::Token(kind));
    if *found == Terminal::Token(SyntaxKind::Assign) {
        // `a = 1 b = 2;`: the name before the `=` belongs to the next binding.
        let mut name = index;
        while name > 0
            && matches!(
                tokens[name - 1].kind(),
                SyntaxKind::Ident
                    | SyntaxKind::Dot
                    | SyntaxKind::StringQuote
                    | SyntaxKind::StringFragment
            )
            && (name == index || tokens[name - 1].end() == tokens[name].start())
        {
            name -= 1;
        }
        if let Some(value) = name.checked_sub(1) {
            insert(tokens[value].end(), ";");
        }
    }
    if let Some(before) = before {
        for (kind, text) in [
            (SyntaxKind::Semicolon, ";"),
            (SyntaxKind::RParen, ")"),
            (SyntaxKind::RBracket, "]"),
            (SyntaxKind::RBrace, "}"),
            (SyntaxKind::Assign, " ="),
            (SyntaxKind::Colon, ":"),
        ] {
            let closes = matches!(found, Terminal::EndOfFile)
                || matches!(
                    found,
                    Terminal::Token(
                        SyntaxKind::RBrace
                            | SyntaxKind::RBracket
                            | SyntaxKind::RParen
                            | SyntaxKind::Semicolon
                            | SyntaxKind::InKw
                            | SyntaxKind::ThenKw
                            | SyntaxKind::ElseKw
                    )
                );
            if wants(kind) || closes && !matches!(kind, SyntaxKind::Assign | SyntaxKind::Colon) {
                insert(before.end(), text);
            }
        }
        // `{ a b }: …`
        if matches!(found, Terminal::Token(SyntaxKind::Ident | SyntaxKind::Ellipsis)) {
            insert(before.end(), ",");
        }
        // `''` inside of such a string ends it.
        if before.is(SyntaxKind::IndentedQuote) {
            guesses.push((
                "Escape the quotes in the string as '''".to_owned(),
                TextEdit::insert(before.end(), "'"),
            ));
        }
    }
    let range = error.start..error.end;
    guesses.extend(in_other_words(tree, error));
    guesses.extend(missing_in(&tokens, index));
    guesses.extend(else_if(&tokens, index));
    guesses.extend(before.and_then(missing_else));
    guesses.extend(missing_then(tree, error));
    guesses.extend(missing_semicolon(tree, error));
    match found {
        Terminal::Token(SyntaxKind::Assign) => {
            guesses.push(("Compare with '=='".to_owned(), TextEdit::replace(range, "==")));
        }
        Terminal::Token(SyntaxKind::Comma) => {
            guesses.push(("Remove the ','".to_owned(), TextEdit::delete(range.clone())));
            guesses.push(("Write ';'".to_owned(), TextEdit::replace(range, ";")));
        }
        Terminal::Token(SyntaxKind::Colon) => {
            guesses.push(("Write '='".to_owned(), TextEdit::replace(range, " =")));
        }
        Terminal::Token(
            SyntaxKind::Semicolon | SyntaxKind::RBrace | SyntaxKind::RBracket | SyntaxKind::RParen,
        ) => {
            let token = tree.text()[range.start as usize..range.end as usize].to_owned();
            guesses.push((format!("Remove the '{token}'"), TextEdit::delete(range)));
        }
        _ => {}
    }
    guesses
}

/// What other languages write for the same: `// comment`, `x => x`, `a == 1;` in a set, `a & b`, `'text'`.
fn in_other_words(tree: &Tree<'_>, error: &SyntaxError) -> Option<(String, TextEdit)> {
    let text = tree.text();
    let (before, rest) = text.split_at(error.start as usize);
    let line = rest.lines().next().unwrap_or_default();
    let alone = |operator: &str| {
        !before.ends_with(operator) && !line[operator.len()..].starts_with(operator)
    };
    let (old, new) = match line {
        _ if line.starts_with("//") => ("//", "#"),
        _ if line.starts_with("=>") => {
            let spaces = before.len() - before.trim_end_matches(' ').len();
            let range = error.start - spaces as u32..error.start + 2;
            return Some(("Write ':'".to_owned(), TextEdit::replace(range, ":")));
        }
        _ if line.starts_with("==") => ("==", "="),
        _ if line.starts_with('&') && alone("&") => ("&", "&&"),
        _ if line.starts_with('|') && alone("|") => ("|", "||"),
        _ if line.starts_with('\'') => {
            let inside = line[1..].split_once('\'')?.0;
            let range = error.start..error.start + inside.len() as u32 + 2;
            let is_plain = !inside.contains(['"', '\\']) && !inside.contains("${");
            let edit = TextEdit::replace(range, format!("\"{inside}\""));
            return is_plain.then(|| ("Write it in double quotes".to_owned(), edit));
        }
        _ => return None,
    };
    let range = error.start..error.start + old.len() as u32;
    Some((format!("Write '{new}'"), TextEdit::replace(range, new)))
}

/// `let a = 1; x`: the `in` that ends the bindings.
fn missing_in(tokens: &[Node<'_>], index: usize) -> Option<(String, TextEdit)> {
    let is_end = |token: &Node<'_>| token.is(SyntaxKind::Semicolon);
    let last = tokens[..index].iter().rposition(is_end)?;
    let is_let = tokens[last].parent()?.parent()?.is(SyntaxKind::LetIn);
    let next = tokens.get(last + 1).filter(|_| is_let)?;
    Some(("Insert 'in'".to_owned(), TextEdit::insert(next.start(), "in ")))
}

/// `if a then b elif c then d else e`: what other languages call `else if` is an argument here.
fn else_if(tokens: &[Node<'_>], index: usize) -> Option<(String, TextEdit)> {
    let is_it = |token: &&Node<'_>| {
        token.is(SyntaxKind::Ident) && matches!(token.text(), "elif" | "elsif" | "elseif")
    };
    tokens[..index].iter().rfind(is_it)?;
    // All of a chain at once: with one of them left it would be as wrong as before.
    let (first, last) = (tokens.iter().find(is_it)?, tokens.iter().rfind(is_it)?);
    let mut written = String::new();
    let mut at = first.start();
    for token in tokens.iter().filter(is_it) {
        written += &token.tree().text()[at as usize..token.start() as usize];
        written += "else if";
        at = token.end();
    }
    let edit = TextEdit::replace(first.start()..last.end(), written);
    Some(("Write 'else if'".to_owned(), edit))
}

/// `if a then b`, with something else behind it: each `if` has an `else`, with nothing of the same sort.
fn missing_else(before: Node<'_>) -> Option<(String, TextEdit)> {
    let is_open = |node: &Node<'_>| {
        node.is(SyntaxKind::If)
            && node.child(SyntaxKind::ThenKw).is_some()
            && node.child(SyntaxKind::ElseKw).is_none()
    };
    let mut written = String::new();
    for open in before.ancestors().filter(is_open) {
        written += match open.expr(1)?.without_parens().kind() {
            SyntaxKind::List => " else [ ]",
            SyntaxKind::AttrSet => " else { }",
            SyntaxKind::String | SyntaxKind::IndentedString => " else \"\"",
            _ => " else null",
        };
    }
    let title = format!("Add '{}'", written.trim_start());
    (!written.is_empty()).then(|| (title, TextEdit::insert(before.end(), written)))
}

/// `if (a) b else c`: the value was taken for an argument of the condition.
fn missing_then(tree: &Tree<'_>, error: &SyntaxError) -> Option<(String, TextEdit)> {
    let is_it = |node: &Node<'_>| {
        node.is(SyntaxKind::If)
            && node.start() < error.start
            && node.child(SyntaxKind::ThenKw).is_none()
    };
    let condition = tree.all().filter(is_it).last()?.expr(0)?;
    let function = condition.expr(0).filter(|_| condition.is(SyntaxKind::Apply))?;
    let edit = TextEdit::insert(function.end(), " then");
    Some(("Insert 'then'".to_owned(), edit))
}

/// `with pkgs [ a ]`: what follows was taken for an argument.
fn missing_semicolon(tree: &Tree<'_>, error: &SyntaxError) -> Option<(String, TextEdit)> {
    let is_it = |node: &Node<'_>| {
        matches!(node.kind(), SyntaxKind::With | SyntaxKind::Assert) && node.start() < error.start
    };
    let mut function = tree.all().filter(is_it).last()?.expr(0)?;
    if !function.is(SyntaxKind::Apply) {
        return None;
    }
    while function.is(SyntaxKind::Apply) {
        function = function.expr(0)?;
    }
    Some(("Insert ';'".to_owned(), TextEdit::insert(function.end(), ";")))
}

/// What mends a text that ends too early: `''` in the middle of a string that ended it there, or what
/// closes all that is open.
fn at_end_of_file(tree: &Tree<'_>, error: &SyntaxError) -> Option<(String, TextEdit)> {
    let SyntaxErrorKind::Unexpected { found: Terminal::EndOfFile, expected } = &error.kind else {
        return None;
    };
    let parses = |edit: &TextEdit| {
        let mut tried = tree.text().to_owned();
        apply_edits(&mut tried, std::slice::from_ref(edit)).is_ok()
            && floe_syntax::parse(&tried, &ParseOptions::default()).errors.is_empty()
    };
    if expected.contains(&Terminal::Token(SyntaxKind::StringQuote)) {
        return unclosed_string(tree, parses);
    }
    if expected.contains(&Terminal::IndentedStringEnd) {
        let strings = tree.all().filter(|node| node.is(SyntaxKind::IndentedString));
        let ends = strings.filter_map(|string| string.children().last());
        let quotes = ends.filter(|token| token.is(SyntaxKind::IndentedQuote)).take(MOST_GUESSES);
        let edit = quotes.map(|quote| TextEdit::insert(quote.end(), "'")).find(parses)?;
        let line = tree.text()[..edit.range.start as usize].matches('\n').count() + 1;
        return Some((format!("Escape the quotes in the string in line {line} as '''"), edit));
    }
    let end = tree.text().trim_end().len() as u32;
    let mut text = tree.text()[..end as usize].to_owned();
    for _ in 0..MOST_GUESSES {
        let parse = floe_syntax::parse(&text, &ParseOptions::default());
        let Some(error) = parse.errors.first() else {
            let edit = TextEdit::insert(end, &text[end as usize..]);
            let is_more = edit.insert.trim().len() > 1;
            return is_more.then(|| ("Close what is open".to_owned(), edit));
        };
        let SyntaxErrorKind::Unexpected { found: Terminal::EndOfFile, expected } = &error.kind
        else {
            return None;
        };
        if expected.contains(&Terminal::Token(SyntaxKind::Semicolon)) {
            text.push(';');
            continue;
        }
        let (open, close) = innermost_open(&Tree::new(&parse.tree, &text))?;
        let line = text[..open].rfind('\n').map_or(0, |at| at + 1);
        if text[open..].contains('\n') {
            let indentation = text[line..].len() - text[line..].trim_start_matches(' ').len();
            text += &format!("\n{}", " ".repeat(indentation));
        } else {
            text.push(' ');
        }
        text += close;
    }
    None
}

/// The `"` that is missing: at the end of a line that has an odd one, before what closes the binding.
fn unclosed_string(
    tree: &Tree<'_>,
    parses: impl Fn(&TextEdit) -> bool,
) -> Option<(String, TextEdit)> {
    let strings = tree.all().filter(|node| node.is(SyntaxKind::String));
    let last = strings.last()?;
    let rest = &tree.text()[last.start() as usize + 1..];
    let line = rest.lines().next().unwrap_or_default().trim_end();
    let ends = [line.len(), line.trim_end_matches([';', ')', ']', '}', ' ']).len()];
    ends.into_iter()
        .map(|end| TextEdit::insert(last.start() + 1 + end as u32, "\""))
        .find(parses)
        .map(|edit| ("Close the string".to_owned(), edit))
}

/// How many texts are tried for one mistake.
const MOST_GUESSES: usize = 40;

/// The last bracket that nothing closes, and what would.
fn innermost_open(tree: &Tree<'_>) -> Option<(usize, &'static str)> {
    use SyntaxKind::{DollarBrace, LBrace, LBracket, LParen, RBrace, RBracket, RParen};
    let mut open = Vec::new();
    for token in tree.all().filter(|node| node.is_token()) {
        match token.kind() {
            LBrace | DollarBrace => open.push((token.start() as usize, "}")),
            LBracket => open.push((token.start() as usize, "]")),
            LParen => open.push((token.start() as usize, ")")),
            RBrace | RBracket | RParen => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    /// Each fix at the cursor: its title, and the text after it.
    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let at = Span { start: fixture.offset, end: fixture.offset };
        let mut shown = String::new();
        for (_, fix) in syntax_fixes(&fixture.db, fixture.file, at) {
            shown += &format!("{}:\n{}\n", fix.title, fixture.edited(&fix.edits));
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_missing_semicolon() {
        check(
            "{\n  a = 1\n  b $0= 2;\n}",
            &expect![[r#"
            Insert ';':
            {
              a = 1;
              b = 2;
            }
            Compare with '==':
            {
              a = 1
              b == 2;
            }
        "#]],
        );
        check(
            "{ a = f x$0 }",
            &expect![[r#"
            Insert ';':
            { a = f x; }
        "#]],
        );
        check(
            "let a = 1 $0in a",
            &expect![[r#"
            Insert ';':
            let a = 1; in a
        "#]],
        );
    }

    #[test]
    fn one_equals_sign_where_two_compare() {
        check(
            "a: if a $0= 1 then 2 else 3",
            &expect![[r#"
            Compare with '==':
            a: if a == 1 then 2 else 3
        "#]],
        );
    }

    #[test]
    fn what_is_not_closed() {
        check(
            "{ a = [ 1 2$0; b = 3; }",
            &expect![[r#"
            Insert ']':
            { a = [ 1 2]; b = 3; }
        "#]],
        );
        check(
            "{ a = (1 + 2$0; }",
            &expect![[r#"
            Insert ')':
            { a = (1 + 2); }
        "#]],
        );
        check(
            "{ a = { b = 1; $0",
            &expect![[r#"
            Close what is open:
            { a = { b = 1; }; } 
        "#]],
        );
        check(
            "{\n  a = f {\n    b = [ (x\n$0",
            &expect![[r#"
            Close what is open:
            {
              a = f {
                b = [ (x ) ];
              };
            }

        "#]],
        );
    }

    #[test]
    fn what_closes_nothing() {
        check(
            "{ a = 1; } $0}",
            &expect![[r#"
            Remove the '}':
            { a = 1; } 
        "#]],
        );
        check(
            "{ a = 1;;$0 }",
            &expect![[r#"
            Remove the ';':
            { a = 1; }
        "#]],
        );
    }

    #[test]
    fn conditions_without_all_of_their_words() {
        check(
            "{ a = if b then [ 1 ]$0; }",
            &expect![[r#"
            Add 'else [ ]':
            { a = if b then [ 1 ] else [ ]; }
        "#]],
        );
        check(
            "f: (if f then 1$0) + 2",
            &expect![[r#"
            Add 'else null':
            f: (if f then 1 else null) + 2
        "#]],
        );
        check(
            "f: if f then if f then { } else { a = 1; }$0",
            &expect![[r#"
            Add 'else null':
            f: if f then if f then { } else { a = 1; } else null
        "#]],
        );
        check(
            "f: if f then 1 elif$0 f then 2 else 3",
            &expect![[r#"
            Write 'else if':
            f: if f then 1 else if f then 2 else 3
        "#]],
        );
        check(
            "f: if f then 1 elif f then$0 3 elsif f then 4 else 5",
            &expect![[r#"
            Write 'else if':
            f: if f then 1 else if f then 3 else if f then 4 else 5
        "#]],
        );
        check(
            "f: { a = if (f 1) 2$0 else 3; }",
            &expect![[r#"
            Insert 'then':
            f: { a = if (f 1) then 2 else 3; }
        "#]],
        );
    }

    #[test]
    fn quotes_in_an_indented_string() {
        check(
            "{ a = ''\n  echo '' > x\n''; }$0",
            &expect![[r#"
            Escape the quotes in the string in line 2 as ''':
            { a = ''
              echo ''' > x
            ''; }
        "#]],
        );
    }

    #[test]
    fn the_separators_of_other_languages() {
        check(
            "[ 1$0, 2 ]",
            &expect![[r#"
            Remove the ',':
            [ 1 2 ]
        "#]],
        );
        check(
            "{ a = 1$0, b = 2; }",
            &expect![[r#"
            Write ';':
            { a = 1; b = 2; }
        "#]],
        );
        check(
            "{ a: $01; }",
            &expect![[r#"
            Write '=':
            { a = 1; }
        "#]],
        );
        check(
            "./a/$0",
            &expect![[r#"
            Remove the slash:
            ./a
        "#]],
        );
    }

    #[test]
    fn the_words_of_other_languages() {
        let first = |text: &str| {
            let fixture = fixture(text);
            let at = Span { start: fixture.offset, end: fixture.offset };
            let fixes = syntax_fixes(&fixture.db, fixture.file, at);
            fixes.first().map_or("nothing".to_owned(), |(_, fix)| fixture.edited(&fix.edits))
        };
        for (text, mended) in [
            ("$0// a comment\n{ }", "# a comment\n{ }"),
            ("{ a = 1; $0// one\n}", "{ a = 1; # one\n}"),
            ("{ a =$0= 1; }", "{ a = 1; }"),
            ("map (x =$0> x)", "map (x: x)"),
            ("a: b: a $0& b", "a: b: a && b"),
            ("a: b: a $0| b", "a: b: a || b"),
            ("{ a = $0'text'; }", "{ a = \"text\"; }"),
        ] {
            assert_eq!(first(text), mended, "{text}");
        }
    }

    #[test]
    fn what_is_missing_between() {
        check(
            "{ a, b $0c }: a",
            &expect![[r#"
            Insert ',':
            { a, b, c }: a
        "#]],
        );
        check(
            "{ a$0 b }: a",
            &expect![[r#"
            Insert ',':
            { a, b }: a
        "#]],
        );
        check(
            "{ a }$0 a",
            &expect![[r#"
            Insert ':':
            { a }: a
        "#]],
        );
        check(
            "let a = 1; $0a",
            &expect![[r#"
            Insert 'in':
            let a = 1; in a
        "#]],
        );
        check(
            "{ a = with pkgs$0 [ a ];\n}",
            &expect![[r#"
            Insert ';':
            { a = with pkgs; [ a ];
            }
        "#]],
        );
        check(
            "{ a = \"x;\n b = 1; }$0",
            &expect![[r#"
            Close the string:
            { a = "x";
             b = 1; }
        "#]],
        );
        check(
            "[ a$0; b; ]",
            &expect![[r#"
            Remove the ';':
            [ a b; ]
        "#]],
        );
    }
}
