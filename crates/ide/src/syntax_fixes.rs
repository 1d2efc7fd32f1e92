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
    for (title, edit) in guesses(&tree, error) {
        let mut tried = text.to_string();
        let applies = apply_edits(&mut tried, std::slice::from_ref(&edit)).is_ok();
        let after = floe_syntax::parse(&tried, &ParseOptions::default()).errors;
        // The error itself has to be gone, not only moved.
        let first_is_later = after.first().is_none_or(|next| next.start > error.end + 1);
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
            if wants(kind) || closes && kind != SyntaxKind::Assign {
                insert(before.end(), text);
            }
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
