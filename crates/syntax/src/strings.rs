//! From the raw text between quotes to the characters that it stands for.
//!
//! The trees keep string literals as written; who wants their value comes here. Pure functions over
//! [`SyntaxKind::StringFragment`](crate::SyntaxKind::StringFragment) texts.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// One part of a string literal: text, or the caller's notion of an interpolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringPart<Text, Interpolation> {
    /// Literal text.
    Text(Text),
    /// A `${…}`.
    Interpolation(Interpolation),
}

/// Decodes the escapes of one fragment of a `"…"` string: `\n`, `\r`, `\t`, `\` before anything else
/// stands for that character, and line breaks become `\n`.
pub fn unescape_string(fragment: &str) -> Cow<'_, str> {
    let Some(mut special) = memchr2(b'\\', b'\r', fragment.as_bytes()) else {
        return Cow::Borrowed(fragment);
    };
    let mut decoded = String::with_capacity(fragment.len());
    let mut rest = fragment;
    loop {
        decoded.push_str(&rest[..special]);
        let mut after = rest[special..].chars();
        if after.next() == Some('\r') {
            decoded.push('\n');
            rest = after.as_str();
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        } else {
            decoded.extend(after.next().map(escaped_character));
            rest = after.as_str();
        }
        match memchr2(b'\\', b'\r', rest.as_bytes()) {
            Some(next) => special = next,
            None => break,
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The value of an indented string: takes its fragments and interpolations in order, exactly as they
/// stand between the two `''`; decodes the escapes and removes the common indentation, the first line
/// if it is blank, and the spaces of a blank last line.
///
/// Neighbouring texts are joined and empty ones left out, so an empty result is the empty string.
pub fn strip_indentation<Interpolation: Copy>(
    parts: &[StringPart<&str, Interpolation>],
) -> Vec<StringPart<String, Interpolation>> {
    let pieces = pieces(parts);
    let minimum = minimum_indentation(&pieces);
    let mut stripper = Stripper { minimum, at_line_start: true, dropped: 0 };
    let mut result: Vec<StringPart<String, Interpolation>> = Vec::with_capacity(parts.len());
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            StringPart::Interpolation(interpolation) => {
                stripper.at_line_start = false;
                stripper.dropped = 0;
                result.push(StringPart::Interpolation(*interpolation));
            }
            StringPart::Text(piece) => {
                if !matches!(result.last(), Some(StringPart::Text(_))) {
                    result.push(StringPart::Text(String::with_capacity(piece.text.len())));
                }
                let Some(StringPart::Text(target)) = result.last_mut() else { continue };
                let start = target.len();
                stripper.strip(piece.text, target);
                if index + 1 == pieces.len() {
                    drop_blank_last_line(target, start);
                }
                if target.is_empty() {
                    result.pop();
                }
            }
        }
    }
    result
}

/// What one rule of the reference lexer matches inside `''…''`.
struct Piece<'a> {
    text: &'a str,
    /// Whether its spaces count as indentation; those of an escape do not.
    indents: bool,
}

fn pieces<'a, Interpolation: Copy>(
    parts: &[StringPart<&'a str, Interpolation>],
) -> Vec<StringPart<Piece<'a>, Interpolation>> {
    let mut pieces = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        match part {
            StringPart::Interpolation(interpolation) => {
                pieces.push(StringPart::Interpolation(*interpolation));
            }
            StringPart::Text(text) => {
                let mut text = *text;
                if index == 0 {
                    // The reference lexer takes a blank first line as part of the opening quotes.
                    text = text.trim_start_matches(' ').strip_prefix('\n').unwrap_or(text);
                }
                split_escapes(text, |piece| pieces.push(StringPart::Text(piece)));
            }
        }
    }
    pieces
}

fn split_escapes<'a>(text: &'a str, mut push: impl FnMut(Piece<'a>)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while let Some(found) = memchr2(b'$', b'\'', &bytes[at.min(bytes.len())..]) {
        let special = at + found;
        let (escape, length) = match &bytes[special..] {
            [b'$'] | [b'$', b'\'', ..] => ("$", 1),
            [b'\''] | [b'\'', b'$', ..] => ("'", 1),
            [b'\'', b'\'', b'$', ..] => ("$", 3),
            [b'\'', b'\'', b'\'', ..] => ("''", 3),
            [b'\'', b'\'', b'\\', ..] => {
                let after = &text[special + 3..];
                let length = after.chars().next().map_or(0, char::len_utf8);
                (unescape_one(&after[..length]), 3 + length)
            }
            // An ordinary `$` or `'` takes the next character with it, so that `$${` is no
            // interpolation. Half a character does no harm: neither `$` nor `'` can follow in it.
            _ => {
                at = special + 2;
                continue;
            }
        };
        if start < special {
            push(Piece { text: &text[start..special], indents: true });
        }
        push(Piece { text: escape, indents: false });
        start = special + length;
        at = start;
    }
    if start < text.len() {
        push(Piece { text: &text[start..], indents: true });
    }
}

/// The value of `''\` followed by one character.
fn unescape_one(character: &str) -> &str {
    match character {
        "n" => "\n",
        "r" => "\r",
        "t" => "\t",
        other => other,
    }
}

fn escaped_character(character: char) -> char {
    match character {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    }
}

fn minimum_indentation<Interpolation>(pieces: &[StringPart<Piece<'_>, Interpolation>]) -> usize {
    let mut minimum = usize::MAX;
    let mut at_line_start = true;
    let mut current = 0;
    for piece in pieces {
        let text = match piece {
            StringPart::Text(Piece { text, indents: true }) => text.as_bytes(),
            _ => {
                if at_line_start {
                    at_line_start = false;
                    minimum = minimum.min(current);
                }
                continue;
            }
        };
        let mut at = 0;
        while at < text.len() {
            if at_line_start {
                let spaces = leading_spaces(&text[at..]);
                current += spaces;
                at += spaces;
                match text.get(at) {
                    None => {}
                    Some(b'\n') => {
                        current = 0;
                        at += 1;
                    }
                    Some(_) => {
                        at_line_start = false;
                        minimum = minimum.min(current);
                    }
                }
            } else {
                let Some(line_break) = memchr(b'\n', &text[at..]) else { break };
                at_line_start = true;
                current = 0;
                at += line_break + 1;
            }
        }
    }
    minimum
}

struct Stripper {
    minimum: usize,
    at_line_start: bool,
    /// How many spaces of this line have been seen.
    dropped: usize,
}

impl Stripper {
    fn strip(&mut self, text: &str, target: &mut String) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.at_line_start {
                let spaces = leading_spaces(rest.as_bytes());
                let dropped = spaces.min(self.minimum.saturating_sub(self.dropped));
                self.dropped += spaces;
                target.push_str(&rest[dropped..spaces]);
                rest = &rest[spaces..];
                if rest.is_empty() {
                    return;
                }
                self.dropped = 0;
                self.at_line_start = false;
            }
            let line = match memchr(b'\n', rest.as_bytes()) {
                Some(line_break) => {
                    self.at_line_start = true;
                    &rest[..=line_break]
                }
                None => rest,
            };
            target.push_str(line);
            rest = &rest[line.len()..];
        }
    }
}

/// Removes the spaces behind the last line break of what was appended from `start` on.
fn drop_blank_last_line(target: &mut String, start: usize) {
    if let Some(line_break) = target[start..].rfind('\n')
        && target[start + line_break + 1..].bytes().all(|byte| byte == b' ')
    {
        target.truncate(start + line_break + 1);
    }
}

fn leading_spaces(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_strings() {
        assert_eq!(unescape_string("plain"), "plain");
        assert_eq!(unescape_string(r#"a\nb\rc\td\\e\"f\$g\xh"#), "a\nb\rc\td\\e\"f$gxh");
        assert_eq!(unescape_string("one\r\ntwo\rthree\\\u{e9}"), "one\ntwo\nthree\u{e9}");
        assert_eq!(unescape_string("cut\\"), "cut");
    }

    /// The value of an indented string with `§` for an interpolation.
    fn value(source: &str) -> String {
        let mut parts = Vec::new();
        for (index, text) in source.split('§').enumerate() {
            if index > 0 {
                parts.push(StringPart::Interpolation(()));
            }
            if !text.is_empty() {
                parts.push(StringPart::Text(text));
            }
        }
        strip_indentation(&parts)
            .into_iter()
            .map(|part| match part {
                StringPart::Text(text) => text,
                StringPart::Interpolation(()) => "§".to_owned(),
            })
            .collect()
    }

    #[test]
    fn common_indentation_goes() {
        assert_eq!(value(""), "");
        assert_eq!(value("   \n  "), "");
        assert_eq!(value("\n    one\n      two\n\n    three\n  "), "one\n  two\n\nthree\n");
        assert_eq!(value("  one\n two"), " one\ntwo");
        assert_eq!(value("\n  a\n \n  b"), "a\n\nb");
        assert_eq!(value("\n\ttab\n  two"), "\ttab\n  two");
        assert_eq!(value("\n  a\r\n  b\r\n  "), "a\r\nb\r\n");
    }

    #[test]
    fn interpolations_and_escapes_end_the_indentation() {
        assert_eq!(value("\n    §\n      a\n  "), "§\n  a\n");
        assert_eq!(value("\n    a\n  §\n  "), "  a\n§\n");
        assert_eq!(value("  § \n  "), "§ \n");
        assert_eq!(value("\n    ''${a}\n      '''\n    ''\\n  b"), "${a}\n  ''\n\nb");
        assert_eq!(value("\n  ''\\ a\n    b"), " a\n  b");
        assert_eq!(value("a''\\\rb"), "a\rb");
    }

    #[test]
    fn quotes_and_dollars_that_escape_nothing() {
        assert_eq!(value("$${a} $ 'a' $"), "$${a} $ 'a' $");
        assert_eq!(value("$''${a} $'''b $'c"), "$${a} $''b $'c");
        assert_eq!(value("it's '§''' "), "it's '§'' ");
        assert_eq!(value("''\\\u{e9}'\u{e9}$\u{e9}"), "\u{e9}'\u{e9}$\u{e9}");
    }
}
