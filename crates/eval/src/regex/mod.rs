//! `builtins.match` and `builtins.split`: POSIX extended regular expressions, as the standard library
//! of GNU C++ understands them. Which of several matches it chooses is its own: see [`search`].

mod parse;
mod program;
mod search;

use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use self::program::Program;
use self::search::{Captures, Flags, Interrupted, Searcher};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::{self, Evaluator};
use crate::heap::Value;

/// A compiled regular expression.
pub(crate) struct Regex {
    program: Program,
}

/// Why a regular expression cannot be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    /// It is none.
    Syntax,
    /// It needs more states than the C++ implementation allows.
    TooLarge,
}

pub(crate) fn match_builtin<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    _: Pos,
) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.match";
    let pattern = ev.force_plain_string(args[0], Pos::None, doing)?;
    let regex = ev.regex(pattern.as_bytes())?;
    let doing = "while evaluating the second argument passed to builtins.match";
    let text = ev.force_string(args[1], Pos::None, doing)?;
    match regex.matches(text.as_bytes(), &ev.settings.interrupt).map_err(interrupted)? {
        Some(captures) => Ok(groups(ev, text.as_bytes(), &captures)),
        None => Ok(Value::null()),
    }
}

pub(crate) fn split_builtin<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    _: Pos,
) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.split";
    let pattern = ev.force_plain_string(args[0], Pos::None, doing)?;
    let regex = ev.regex(pattern.as_bytes())?;
    let doing = "while evaluating the second argument passed to builtins.split";
    let text = ev.force_string(args[1], Pos::None, doing)?.as_bytes();
    let mut parts = Vec::new();
    let mut end = 0;
    let found = regex.find_all(text, &ev.settings.interrupt).map_err(interrupted)?;
    for (index, captures) in found.into_iter().enumerate() {
        ev.check_interrupt_at(index)?;
        let (match_start, match_end) = captures.whole();
        parts.push(ev.heap.string(&text[end..match_start]));
        parts.push(groups(ev, text, &captures));
        end = match_end;
    }
    if parts.is_empty() {
        return Ok(ev.heap.list(&[args[1]]));
    }
    parts.push(ev.heap.string(&text[end..]));
    Ok(ev.heap.list(&parts))
}

fn interrupted(_: Interrupted) -> EvalError {
    evaluator::interrupted()
}

fn groups<'h>(ev: &Evaluator<'h>, text: &[u8], captures: &Captures) -> Value<'h> {
    ev.heap.list_with(captures.group_count(), |group| match captures.group(group) {
        Some((start, end)) => ev.heap.string(&text[start..end]),
        None => Value::null(),
    })
}

impl Evaluator<'_> {
    fn regex(&self, pattern: &[u8]) -> Result<Rc<Regex>> {
        if let Some(regex) = self.regexes.borrow().get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Regex::new(pattern).map_err(|invalid| {
            let text = String::from_utf8_lossy(pattern);
            EvalError::new(
                ErrorKind::InvalidRegex,
                match invalid {
                    Invalid::Syntax => format!("invalid regular expression '{text}'"),
                    Invalid::TooLarge => {
                        format!("memory limit exceeded by regular expression '{text}'")
                    }
                },
            )
        })?;
        let regex = Rc::new(regex);
        self.regexes.borrow_mut().insert(pattern.to_vec(), regex.clone());
        Ok(regex)
    }
}

impl Regex {
    fn new(pattern: &[u8]) -> std::result::Result<Regex, Invalid> {
        Ok(Regex { program: parse::parse(pattern)? })
    }

    /// The match of the whole text.
    fn matches(
        &self,
        text: &[u8],
        interrupt: &AtomicBool,
    ) -> std::result::Result<Option<Captures>, Interrupted> {
        let flags = Flags { whole: true, ..Flags::default() };
        Searcher::new(&self.program, text, 0, flags, interrupt).run(0)
    }

    /// All matches, as a `std::regex_iterator` visits them: behind an empty match, one that is not
    /// empty is looked for at the same place before the search goes on.
    fn find_all(
        &self,
        text: &[u8],
        interrupt: &AtomicBool,
    ) -> std::result::Result<Vec<Captures>, Interrupted> {
        let mut found = Vec::new();
        let mut flags = Flags::default();
        let mut next = self.search(text, 0, flags, interrupt)?;
        while let Some(captures) = next.take() {
            let (start, end) = captures.whole();
            found.push(captures);
            let mut from = end;
            if start == end {
                if end == text.len() {
                    break;
                }
                let not_empty = Flags { not_empty: true, ..flags };
                next = Searcher::new(&self.program, text, from, not_empty, interrupt).run(from)?;
                if next.is_some() {
                    continue;
                }
                from += 1;
            }
            flags.continued = true;
            next = self.search(text, from, flags, interrupt)?;
        }
        Ok(found)
    }

    /// The leftmost match at `from` or later.
    fn search(
        &self,
        text: &[u8],
        from: usize,
        flags: Flags,
        interrupt: &AtomicBool,
    ) -> std::result::Result<Option<Captures>, Interrupted> {
        let mut searcher = Searcher::new(&self.program, text, from, flags, interrupt);
        for start in from..=text.len() {
            searcher.step()?;
            if self.program.can_start(text.get(start))
                && let Some(captures) = searcher.run(start)?
            {
                return Ok(Some(captures));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> Option<Vec<Option<String>>> {
        let regex = Regex::new(pattern.as_bytes()).expect("a regular expression");
        let never = AtomicBool::new(false);
        let captures = regex.matches(text.as_bytes(), &never).expect("nobody interrupts")?;
        let text_of = |(start, end): (usize, usize)| text[start..end].to_owned();
        Some((0..captures.group_count()).map(|i| captures.group(i).map(text_of)).collect())
    }

    fn is_match(pattern: &str, text: &str) -> bool {
        matches(pattern, text).is_some()
    }

    fn invalid(pattern: &str) -> Option<Invalid> {
        Regex::new(pattern.as_bytes()).err()
    }

    fn found(pattern: &str, text: &str) -> Vec<String> {
        let regex = Regex::new(pattern.as_bytes()).expect("a regular expression");
        regex
            .find_all(text.as_bytes(), &AtomicBool::new(false))
            .expect("nobody interrupts")
            .iter()
            .map(|captures| {
                let (start, end) = captures.whole();
                text[start..end].to_owned()
            })
            .collect()
    }

    #[test]
    fn brackets_have_no_escapes() {
        assert!(is_match(r"[\n]+", r"\n"));
        assert!(!is_match(r"[\n]+", "\n"));
        assert!(is_match("[]a]+", "]a]"));
        assert!(is_match("[^]a]+", "bc"));
        assert!(is_match("[[:alnum:]_-]+", "a-b_1"));
        assert!(is_match("[a-z.+-]+", "a.+-"));
        assert!(is_match("[[]", "["));
        assert!(is_match("[[=a=]]", "A"));
    }

    #[test]
    fn what_is_no_regular_expression_is_refused() {
        for pattern in [
            r"\d",
            "*a",
            "[a",
            "(",
            ")",
            "a{1",
            "a{,2}",
            "a{2,1}",
            "[[:foo:]]",
            "[b-a]",
            "a|*",
            "(*)",
            "[a-d-z]",
            r"\",
            "[[.foo.]]",
            "{1}",
            r"\]",
            r"\}",
        ] {
            assert_eq!(invalid(pattern), Some(Invalid::Syntax), "{pattern}");
        }
        assert_eq!(invalid("((a{99}){99}){99}"), Some(Invalid::TooLarge));
        assert_eq!(invalid("a{999999999}"), Some(Invalid::TooLarge));
        for pattern in ["a**", "()", "a||b", "a|", "]", "}", "a{0}", "a{2}{3}", "[--a]", "[a-]"] {
            assert_eq!(invalid(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn the_longest_alternative_wins_and_of_equals_the_first() {
        assert_eq!(found("a|ab|abc", "abcab"), ["abc", "ab"]);
        let groups = |groups: &[&str]| Some(groups.iter().map(|g| Some((*g).to_owned())).collect());
        assert_eq!(matches("(foo|foobar)(bar)?", "foobar"), groups(&["foo", "bar"]));
        assert_eq!(matches("(.+)=(.*)", "key=value=more"), groups(&["key=value", "more"]));
        assert_eq!(matches("((a)|b)*", "ab"), groups(&["b", "a"]));
    }

    #[test]
    fn empty_matches_follow_others() {
        assert_eq!(found("(a*)", "aab"), ["aa", "", ""]);
        assert_eq!(found("", "ab"), ["", "", ""]);
        assert_eq!(found("^a", "aa"), ["a"]);
        assert_eq!(found("x*", ""), [""]);
    }

    #[test]
    fn nested_repetition_takes_no_exponential_time() {
        assert!(!is_match("(a*)*b", &"a".repeat(2000)));
        assert!(!is_match("(a|a)*b", &"a".repeat(2000)));
        assert!(!is_match("(a|ab|(a*)*)*c", &"ab".repeat(1000)));
        assert!(is_match("(.*)*", &"x".repeat(200_000)));
    }

    #[test]
    fn deeply_nested_groups_are_no_crash() {
        let nested = format!("{}a{}", "(".repeat(30_000), ")".repeat(30_000));
        assert!(is_match(&nested, "a"));
    }
}
