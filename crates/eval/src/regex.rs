//! `builtins.match` and `builtins.split`: POSIX extended regular expressions.
//!
//! The engine is the `regex` crate. Two things differ between its language and POSIX's, and are
//! translated: what a backslash and a bracket expression mean. One difference remains and is listed
//! in `docs/conformance.md`: among alternatives that match at one place, POSIX takes the longest.

use std::rc::Rc;

use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::Value;

pub(crate) fn match_builtin<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    _: Pos,
) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.match";
    let pattern = ev.force_plain_string(args[0], Pos::None, doing)?;
    let regex = ev.regex(pattern.as_bytes(), Anchor::Whole)?;
    let doing = "while evaluating the second argument passed to builtins.match";
    let text = ev.force_string(args[1], Pos::None, doing)?;
    let Some(captures) = regex.captures(text.as_bytes()) else { return Ok(Value::null()) };
    Ok(groups(ev, &captures))
}

pub(crate) fn split_builtin<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    _: Pos,
) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.split";
    let pattern = ev.force_plain_string(args[0], Pos::None, doing)?;
    let regex = ev.regex(pattern.as_bytes(), Anchor::Anywhere)?;
    let doing = "while evaluating the second argument passed to builtins.split";
    let text = ev.force_string(args[1], Pos::None, doing)?;
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let mut end = 0;
    for captures in regex.captures_iter(bytes) {
        let whole = captures.get(0).expect("group 0 is the match");
        parts.push(ev.heap.string(&bytes[end..whole.start()]));
        parts.push(groups(ev, &captures));
        end = whole.end();
    }
    if parts.is_empty() {
        return Ok(ev.heap.list(&[args[1]]));
    }
    parts.push(ev.heap.string(&bytes[end..]));
    Ok(ev.heap.list(&parts))
}

fn groups<'h>(ev: &Evaluator<'h>, captures: &regex::bytes::Captures<'_>) -> Value<'h> {
    let groups: Vec<_> = captures
        .iter()
        .skip(1)
        .map(|group| group.map_or(Value::null(), |group| ev.heap.string(group.as_bytes())))
        .collect();
    ev.heap.list(&groups)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Whole,
    Anywhere,
}

impl Evaluator<'_> {
    fn regex(&self, pattern: &[u8], anchor: Anchor) -> Result<Rc<regex::bytes::Regex>> {
        let mut key = vec![u8::from(anchor == Anchor::Whole)];
        key.extend_from_slice(pattern);
        if let Some(regex) = self.regexes.borrow().get(&key) {
            return Ok(regex.clone());
        }
        let text = String::from_utf8_lossy(pattern);
        let invalid = || {
            EvalError::new(ErrorKind::InvalidRegex, format!("invalid regular expression '{text}'"))
        };
        let translated = translate(&text).ok_or_else(invalid)?;
        let translated = match anchor {
            Anchor::Whole => format!(r"\A(?:{translated})\z"),
            Anchor::Anywhere => translated,
        };
        let regex = regex::bytes::RegexBuilder::new(&translated)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(64 << 20)
            .build()
            .map_err(|_| invalid())?;
        let regex = Rc::new(regex);
        self.regexes.borrow_mut().insert(key, regex.clone());
        Ok(regex)
    }
}

/// From POSIX's notation to the crate's; `None` for what is no regular expression.
fn translate(pattern: &str) -> Option<String> {
    let mut result = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    // Whether there is something here that `*` could repeat.
    let mut repeatable = false;
    while let Some(character) = rest.next() {
        match character {
            '[' => {
                bracket(&mut rest, &mut result)?;
                repeatable = true;
            }
            '\\' => {
                // Only special characters can be escaped.
                let escaped = rest.next()?;
                if !r".[\*^$+?(){}|/]".contains(escaped) {
                    return None;
                }
                literal(escaped, &mut result);
                repeatable = true;
            }
            '*' | '+' | '?' => {
                if !repeatable {
                    return None;
                }
                // POSIX has no lazy repetition: `a*?` is an optional `a*`.
                if matches!(rest.peek(), Some('*' | '+' | '?')) {
                    wrap_last(&mut result);
                }
                result.push(character);
                if matches!(rest.peek(), Some('*' | '+' | '?')) {
                    wrap_repeated(&mut result);
                }
            }
            '{' => {
                if !repeatable {
                    return None;
                }
                result.push('{');
            }
            '(' | '|' => {
                result.push(character);
                repeatable = false;
            }
            '^' | '$' => {
                result.push(character);
                repeatable = true;
            }
            ')' | '.' | '}' => {
                result.push(character);
                repeatable = true;
            }
            other => {
                literal(other, &mut result);
                repeatable = true;
            }
        }
    }
    Some(result)
}

/// Nothing to do: a repetition applies to the atom in front of it.
fn wrap_last(_result: &mut String) {}

/// `a*` followed by another repetition becomes `(?:a*)`: the atom cannot be found again in the text,
/// so an empty group ends the first repetition instead.
fn wrap_repeated(result: &mut String) {
    result.push_str("(?:)");
}

/// A bracket expression: no escapes in POSIX, and `]` stands for itself in the first place.
fn bracket(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    result: &mut String,
) -> Option<()> {
    result.push('[');
    if rest.peek() == Some(&'^') {
        rest.next();
        result.push('^');
    }
    let mut first = true;
    loop {
        let character = rest.next()?;
        match character {
            ']' if !first => break,
            '[' if rest.peek() == Some(&':') => {
                let mut class = String::from("[");
                loop {
                    let next = rest.next()?;
                    class.push(next);
                    if next == ']' && class.ends_with(":]") && class.len() > 3 {
                        break;
                    }
                }
                result.push_str(&class);
            }
            '-' => {
                // A range, unless it is first or last.
                if first || rest.peek() == Some(&']') {
                    result.push_str("\\-");
                } else {
                    result.push('-');
                }
            }
            '\\' | '[' | ']' | '^' | '&' | '~' => {
                result.push('\\');
                result.push(character);
            }
            other => literal_in_class(other, result),
        }
        first = false;
    }
    result.push(']');
    Some(())
}

fn literal(character: char, result: &mut String) {
    if character.is_ascii() {
        result.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    } else {
        // Bytes: C++ Nix matches bytes.
        let mut buffer = [0; 4];
        result.push_str("(?:");
        for byte in character.encode_utf8(&mut buffer).bytes() {
            result.push_str(&format!(r"\x{byte:02X}"));
        }
        result.push(')');
    }
}

fn literal_in_class(character: char, result: &mut String) {
    if character.is_ascii() {
        result.push(character);
        return;
    }
    let mut buffer = [0; 4];
    for byte in character.encode_utf8(&mut buffer).bytes() {
        result.push_str(&format!(r"\x{byte:02X}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let translated = format!(r"\A(?:{})\z", translate(pattern).unwrap());
        let regex = regex::bytes::RegexBuilder::new(&translated).unicode(false).build().unwrap();
        regex.is_match(text.as_bytes())
    }

    #[test]
    fn brackets_have_no_escapes() {
        assert!(matches(r"[\n]+", r"\n"));
        assert!(!matches(r"[\n]+", "\n"));
        assert!(matches("[]a]+", "]a]"));
        assert!(matches("[^]a]+", "bc"));
        assert!(matches("[[:alnum:]_-]+", "a-b_1"));
        assert!(matches("[a-z.+-]+", "a.+-"));
        assert!(matches("[[]", "["));
    }

    #[test]
    fn only_special_characters_can_be_escaped() {
        assert!(matches(r"a\.b", "a.b"));
        assert_eq!(translate(r"\d"), None);
        assert_eq!(translate("*a"), None);
        assert_eq!(translate("[a"), None);
    }
}
