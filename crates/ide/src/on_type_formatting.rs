//! What is written by itself while somebody types: the indentation of a new line, the other half of `''`
//! and `${`, the place of a closing bracket.

use floe_db::{Db, File, parse, source};
use floe_syntax::{Element, FlatTree, SyntaxKind as K, TextEdit};

/// The characters after which [`on_type_edits`] has something to say; the first begins a line.
pub const TRIGGERS: [&str; 6] = ["\n", "'", "{", "}", "]", ")"];

/// The edits that a character asks for that was just typed before `offset`. `unit` is one step of
/// indentation.
pub fn on_type_edits(
    db: &dyn Db,
    file: File,
    offset: u32,
    typed: &str,
    unit: &str,
) -> Vec<TextEdit> {
    let text = &source(db, file).text;
    let typing =
        Typing { tree: &parse(db, file).tree, text, offset: offset.min(text.len() as u32) };
    match typed {
        "\n" => typing.indent_line(unit),
        "'" => typing.close_string(),
        "{" => typing.close_interpolation(),
        "}" | "]" | ")" => typing.align_bracket(),
        _ => Vec::new(),
    }
}

struct Typing<'a> {
    tree: &'a FlatTree,
    text: &'a str,
    offset: u32,
}

impl Typing<'_> {
    fn before(&self) -> &str {
        &self.text[..self.text.floor_char_boundary(self.offset as usize)]
    }

    fn after(&self) -> &str {
        &self.text[self.text.floor_char_boundary(self.offset as usize)..]
    }

    /// Where the line of an offset begins.
    fn line_start(&self, offset: u32) -> u32 {
        self.text[..offset as usize].rfind('\n').map_or(0, |at| at as u32 + 1)
    }

    /// The white space that the line of an offset begins with.
    fn indentation(&self, offset: u32) -> &str {
        let line = &self.text[self.line_start(offset) as usize..];
        let end = line.find(|c| c != ' ' && c != '\t').unwrap_or(line.len());
        &line[..end]
    }

    /// The token that an offset is inside of, or that ends there.
    fn token_before(&self, offset: u32) -> Option<Element> {
        let tokens = self.tree.elements();
        let behind = tokens.partition_point(|element| element.start < offset);
        tokens[..behind]
            .iter()
            .rev()
            .find(|element| element.kind.is_token() && element.kind != K::Whitespace)
            .copied()
    }

    fn indent_line(&self, unit: &str) -> Vec<TextEdit> {
        let start = self.line_start(self.offset);
        let old = self.indentation(start);
        let rest = &self.text[start as usize + old.len()..];
        let Some(wanted) = self.wanted_indentation(start, rest, unit) else { return Vec::new() };
        let end = start + old.len() as u32;
        if wanted == old { Vec::new() } else { vec![TextEdit::replace(start..end, wanted)] }
    }

    /// The indentation of the line that begins at `start` with `rest`.
    fn wanted_indentation(&self, start: u32, rest: &str, unit: &str) -> Option<String> {
        let before = self.token_before(start)?;
        // Inside of a string or a comment only the writer knows.
        let inside = before.end > start;
        if inside && !matches!(before.kind, K::StringFragment) {
            return None;
        }
        if before.kind == K::StringFragment {
            return self.in_string(before, start, rest);
        }
        let opener = self.innermost_open(start);
        let base = match opener {
            Some(opener) => self.indentation(opener.start).to_owned(),
            None => String::new(),
        };
        let closes = rest.starts_with(['}', ']', ')'])
            || rest.strip_prefix("in").is_some_and(|rest| !rest.starts_with(is_name_character));
        if closes {
            return Some(base);
        }
        let mut wanted = base;
        if opener.is_some() {
            wanted += unit;
        }
        // `a =`, `then`, `x +`: what belongs to it follows, one step further in.
        let continues = match before.kind {
            K::Assign | K::ThenKw | K::ElseKw | K::IfKw => true,
            kind => K::EqEq <= kind && kind <= K::PipeLeft,
        };
        if continues {
            wanted = self.indentation(before.start).to_owned() + unit;
        }
        // The names of an `inherit` that has no `;` yet.
        if let Some(inherit) = self.open_inherit(start) {
            wanted = self.indentation(inherit).to_owned() + unit;
        }
        // Behind the opener of an indented string.
        if before.kind == K::IndentedQuote && opener.is_some_and(|o| o.kind == K::IndentedQuote) {
            wanted = self.indentation(before.start).to_owned() + unit;
        }
        Some(wanted)
    }

    /// Where the `inherit` begins that an offset is in, outside of its parentheses.
    fn open_inherit(&self, offset: u32) -> Option<u32> {
        let tokens = self.tree.elements();
        let behind = tokens.partition_point(|element| element.start < offset);
        let tokens = tokens[..behind].iter().rev().filter(|element| element.kind.is_token());
        let mut depth = 0;
        for token in tokens {
            match token.kind {
                K::InheritKw if depth == 0 => return Some(token.start),
                K::RParen | K::RBrace | K::RBracket => depth += 1,
                K::LParen | K::LBrace | K::LBracket | K::DollarBrace if depth > 0 => depth -= 1,
                K::LParen | K::LBrace | K::LBracket | K::DollarBrace | K::Assign | K::Semicolon
                    if depth == 0 =>
                {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// A line of an indented string is indented as the one before it that is not empty; the first one a
    /// step further than the `''`.
    fn in_string(&self, fragment: Element, start: u32, rest: &str) -> Option<String> {
        let opener = self.text[..fragment.start as usize].ends_with("''");
        if !opener {
            return None;
        }
        let lines = &self.text[fragment.start as usize..start as usize];
        let last = lines.lines().rev().find(|line| !line.trim().is_empty());
        let quote = fragment.start - 2;
        let base = self.indentation(quote).to_owned();
        if rest.starts_with("''") {
            return Some(base);
        }
        match last.filter(|line| line.starts_with([' ', '\t'])) {
            Some(line) => {
                let end = line.find(|c| c != ' ' && c != '\t').unwrap_or(line.len());
                Some(line[..end].to_owned())
            }
            None => Some(base + "  "),
        }
    }

    /// The innermost bracket, `let` or quote before an offset that nothing has closed there.
    fn innermost_open(&self, offset: u32) -> Option<Element> {
        let mut open: Vec<Element> = Vec::new();
        let tokens = self.tree.elements().iter().filter(|element| element.kind.is_token());
        for token in tokens.take_while(|token| token.start < offset) {
            match token.kind {
                K::LBrace | K::LBracket | K::LParen | K::DollarBrace | K::LetKw => {
                    open.push(*token);
                }
                K::RBrace | K::RBracket | K::RParen | K::InKw => {
                    open.pop();
                }
                K::IndentedQuote | K::StringQuote => match open.last() {
                    Some(last) if last.kind == token.kind => drop(open.pop()),
                    _ => open.push(*token),
                },
                _ => {}
            }
        }
        open.pop()
    }

    /// `''` begins an indented string: the end of it.
    fn close_string(&self) -> Vec<TextEdit> {
        let begins = self.before().ends_with("''") && !self.before().ends_with("'''");
        let quote = self
            .tree
            .elements()
            .iter()
            .find(|element| element.kind == K::IndentedQuote && element.end == self.offset);
        let opens = quote.is_some_and(|quote| {
            // It is the first token of its string.
            self.tree
                .elements()
                .iter()
                .any(|node| node.kind == K::IndentedString && node.start == quote.start)
        });
        // Where text follows on the line, it may be meant to be inside.
        let free =
            self.after().chars().next().is_none_or(|c| c.is_whitespace() || ";)]}".contains(c));
        match begins && opens && free && !self.is_closed() {
            true => vec![TextEdit::insert(self.offset, "''")],
            false => Vec::new(),
        }
    }

    /// Whether the string that begins before the cursor ends where it looks like it: what was typed may
    /// have turned the rest of the file inside out, so a string that has another's beginning in it, or no
    /// end, is not.
    fn is_closed(&self) -> bool {
        let node = self
            .tree
            .elements()
            .iter()
            .find(|node| node.kind == K::IndentedString && node.start + 2 == self.offset);
        let Some(node) = node else { return false };
        let content = &self.text[node.start as usize..node.end as usize];
        let Some(inner) = content.strip_prefix("''").and_then(|rest| rest.strip_suffix("''"))
        else {
            return false;
        };
        // A `=` before the closing quotes: they began a string of their own.
        let last = inner.lines().last().unwrap_or(inner).trim_end();
        !last.ends_with('=') || last.ends_with("==")
    }

    /// `${` begins an interpolation: the end of it.
    fn close_interpolation(&self) -> Vec<TextEdit> {
        let opens = self
            .tree
            .elements()
            .iter()
            .any(|element| element.kind == K::DollarBrace && element.end == self.offset);
        // Most editors close brackets by themselves.
        match opens && !self.after().starts_with('}') {
            true => vec![TextEdit::insert(self.offset, "}")],
            false => Vec::new(),
        }
    }

    /// A closing bracket alone on its line stands below the line of the opening one.
    fn align_bracket(&self) -> Vec<TextEdit> {
        let Some(start) = self.offset.checked_sub(1) else { return Vec::new() };
        let line = self.line_start(start);
        let old = &self.text[line as usize..start as usize];
        if !old.trim().is_empty() {
            return Vec::new();
        }
        let is_bracket = self.tree.elements().iter().any(|token| {
            token.start == start && matches!(token.kind, K::RBrace | K::RBracket | K::RParen)
        });
        let Some(opener) = self.innermost_open(start).filter(|_| is_bracket) else {
            return Vec::new();
        };
        let wanted = self.indentation(opener.start);
        if wanted == old { Vec::new() } else { vec![TextEdit::replace(line..start, wanted)] }
    }
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-'".contains(character)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    /// `$0` stands behind what was typed; the result is shown with `|` where the cursor is then.
    fn check(text: &str, typed: &str, expected: &Expect) {
        let fixture = fixture(text);
        let edits = on_type_edits(&fixture.db, fixture.file, fixture.offset, typed, "  ");
        let mut shown = fixture.edited(&edits);
        let mut at = fixture.offset as i64;
        for edit in &edits {
            if edit.range.end <= fixture.offset && edit.range.start < fixture.offset {
                at += edit.insert.len() as i64 - i64::from(edit.range.end - edit.range.start);
            } else if edit.range.start == fixture.offset && edit.insert.trim().is_empty() {
                at += edit.insert.len() as i64;
            }
        }
        shown.insert(at as usize, '|');
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_names_of_an_inherit_are_indented() {
        check(
            "{\n  inherit (x)\n$0\n}",
            "\n",
            &expect![[r#"
            {
              inherit (x)
                |
            }"#]],
        );
        check(
            "{\n  inherit (x)\n    a\n$0    ;\n}",
            "\n",
            &expect![[r#"
            {
              inherit (x)
                a
            |    ;
            }"#]],
        );
        check(
            "{\n  inherit (x) a;\n$0\n}",
            "\n",
            &expect![[r#"
            {
              inherit (x) a;
              |
            }"#]],
        );
    }

    #[test]
    fn a_new_line_is_indented() {
        check(
            "{\n  a = {\n$0\n  };\n}",
            "\n",
            &expect![[r#"
            {
              a = {
                |
              };
            }"#]],
        );
        check(
            "let\n$0\nin 1",
            "\n",
            &expect![[r#"
            let
              |
            in 1"#]],
        );
        check(
            "{\n  a =\n$0\n}",
            "\n",
            &expect![[r#"
            {
              a =
                |
            }"#]],
        );
        check(
            "{\n  a = [\n    1\n$0];\n}",
            "\n",
            &expect![[r#"
            {
              a = [
                1
              |];
            }"#]],
        );
        check(
            "{ lib, ... }:\n$0{ }",
            "\n",
            &expect![[r#"
            { lib, ... }:
            |{ }"#]],
        );
    }

    #[test]
    fn in_a_string_as_the_line_before() {
        check(
            "{\n  a = ''\n$0\n  '';\n}",
            "\n",
            &expect![[r#"
            {
              a = ''
                |
              '';
            }"#]],
        );
        check(
            "{\n  a = ''\n      b\n$0\n  '';\n}",
            "\n",
            &expect![[r#"
            {
              a = ''
                  b
                  |
              '';
            }"#]],
        );
        check(
            "\"a\n$0\"",
            "\n",
            &expect![[r#"
            "a
            |""#]],
        );
    }

    #[test]
    fn halves_are_made_whole() {
        check("{ a = ''$0; }", "'", &expect!["{ a = ''|''; }"]);
        check(
            "{ a = ''$0\n  b = ''x'';\n}",
            "'",
            &expect![[r#"
            { a = ''|''
              b = ''x'';
            }"#]],
        );
        check("{ a = ''x''$0; }", "'", &expect!["{ a = ''x''|; }"]);
        check("\"a ${$0\"", "{", &expect![[r#""a ${|}""#]]);
        check("\"a ${$0}\"", "{", &expect![[r#""a ${|}""#]]);
        check("{$0", "{", &expect!["{|"]);
    }

    #[test]
    fn a_closing_bracket_stands_below_its_opener() {
        check(
            "{\n  a = [\n    1\n    ]$0;\n}",
            "]",
            &expect![[r#"
            {
              a = [
                1
              ]|;
            }"#]],
        );
    }
}
