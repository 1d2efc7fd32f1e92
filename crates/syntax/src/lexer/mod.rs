//! From text to tokens, by the rules of the reference lexer: the longest match wins.
//!
//! Total over any text: what starts no token becomes [`SyntaxKind::Unknown`], and a literal that is
//! not closed ends with the text.

use memchr::{memchr, memchr2, memchr3, memmem};

use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::kind::SyntaxKind;

/// A token, or a piece of trivia.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: SyntaxKind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What a text consists of. Tokens and trivia together cover it without gap or overlap.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) trivia: Vec<Token>,
    pub(crate) errors: Vec<SyntaxError>,
    /// Whether every brace and quote that opens is closed.
    pub(crate) is_closed: bool,
}

/// Splits a text of less than 4 GiB.
pub(crate) fn lex(text: &str) -> Lexed {
    debug_assert!(u32::try_from(text.len()).is_ok());
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        mode: Mode::Default,
        outer_modes: Vec::new(),
        no_path_before: 0,
        no_uri_before: 0,
        no_comment_end: false,
        has_nul: memchr(0, text.as_bytes()).is_some(),
        lexed: Lexed {
            tokens: Vec::with_capacity(text.len() / 6 + 8),
            trivia: Vec::with_capacity(text.len() / 8 + 8),
            errors: Vec::new(),
            is_closed: false,
        },
    };
    lexer.run();
    lexer.lexed.is_closed = lexer.outer_modes.is_empty();
    lexer.lexed
}

/// The keyword that a word is, or an identifier.
pub fn keyword_or_identifier(word: &str) -> SyntaxKind {
    match word.as_bytes() {
        b"if" => SyntaxKind::IfKw,
        b"in" => SyntaxKind::InKw,
        b"or" => SyntaxKind::OrKw,
        b"let" => SyntaxKind::LetKw,
        b"rec" => SyntaxKind::RecKw,
        b"then" => SyntaxKind::ThenKw,
        b"else" => SyntaxKind::ElseKw,
        b"with" => SyntaxKind::WithKw,
        b"assert" => SyntaxKind::AssertKw,
        b"inherit" => SyntaxKind::InheritKw,
        _ => SyntaxKind::Ident,
    }
}

/// Whether a name can be written as an identifier, so needs no quotes as an attribute name. `or` is
/// one of those.
pub fn is_identifier(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|first| is(*first, IDENT_START))
        && run(bytes, 0, IDENT) == bytes.len()
        && matches!(keyword_or_identifier(name), SyntaxKind::Ident | SyntaxKind::OrKw)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Default,
    String,
    IndentedString,
    Path,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    mode: Mode,
    outer_modes: Vec<Mode>,
    // What earlier scans that ran ahead found out, so that no byte is scanned again and again.
    no_path_before: usize,
    no_uri_before: usize,
    no_comment_end: bool,
    has_nul: bool,
    lexed: Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while self.at < self.bytes.len() {
            match self.mode {
                Mode::Default => self.default_token(),
                Mode::String => self.string_token(),
                Mode::IndentedString => self.indented_string_token(),
                Mode::Path => self.path_token(),
            }
        }
        if self.mode == Mode::Path {
            self.end_path();
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: SyntaxKind, end: usize) {
        self.lexed.tokens.push(Token { kind, start: self.at as u32, end: end as u32 });
        self.at = end;
    }

    fn push_trivia(&mut self, kind: SyntaxKind, end: usize) {
        self.lexed.trivia.push(Token { kind, start: self.at as u32, end: end as u32 });
        self.at = end;
    }

    fn error(&mut self, start: usize, end: usize, kind: SyntaxErrorKind) {
        self.lexed.errors.push(SyntaxError { start: start as u32, end: end as u32, kind });
    }

    fn enter(&mut self, mode: Mode) {
        self.outer_modes.push(self.mode);
        self.mode = mode;
    }

    /// Back to the surrounding mode. The outermost has none: a stray `}` changes nothing.
    fn leave(&mut self) {
        self.mode = self.outer_modes.pop().unwrap_or(Mode::Default);
    }

    fn default_token(&mut self) {
        use SyntaxKind::*;
        let first = self.bytes[self.at];
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => {
                let end = run(self.bytes, self.at + 1, SPACE);
                self.push_trivia(Whitespace, end);
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'#' => {
                let rest = &self.bytes[self.at..];
                let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                self.push_trivia(Comment, self.at + length);
            }
            b'"' => {
                self.push(StringQuote, self.at + 1);
                self.enter(Mode::String);
            }
            b'\'' if self.peek(1) == b'\'' => {
                self.push(IndentedQuote, self.at + 2);
                self.enter(Mode::IndentedString);
            }
            b'{' => {
                self.push(LBrace, self.at + 1);
                self.enter(Mode::Default);
            }
            b'$' if self.peek(1) == b'{' => self.interpolation(),
            b'}' => {
                self.push(RBrace, self.at + 1);
                self.leave();
            }
            b'.' | b'+' | b'-' | b'/' | b'~' => {
                if let Some(end) = self.path() {
                    self.push(PathFragment, end);
                    self.enter(Mode::Path);
                } else {
                    self.operator_like_a_path(first);
                }
            }
            b'<' => match self.search_path() {
                Some(end) => self.push(SearchPath, end),
                None => self.one_of(Less, &[(b'=', LessEq), (b'|', PipeLeft)]),
            },
            b'>' => self.one_of(Greater, &[(b'=', GreaterEq)]),
            b'=' => self.one_of(Assign, &[(b'=', EqEq)]),
            b'!' => self.one_of(Bang, &[(b'=', NotEq)]),
            b'&' => self.one_of(Unknown, &[(b'&', AndAnd)]),
            b'|' => self.one_of(Unknown, &[(b'|', OrOr), (b'>', PipeRight)]),
            b';' => self.push(Semicolon, self.at + 1),
            b'(' => self.push(LParen, self.at + 1),
            b')' => self.push(RParen, self.at + 1),
            b'[' => self.push(LBracket, self.at + 1),
            b']' => self.push(RBracket, self.at + 1),
            b':' => self.push(Colon, self.at + 1),
            b',' => self.push(Comma, self.at + 1),
            b'@' => self.push(At, self.at + 1),
            b'?' => self.push(Question, self.at + 1),
            b'*' => self.push(Star, self.at + 1),
            0x80.. => {
                let length = self.bytes[self.at..].iter().take_while(|byte| **byte >= 0x80).count();
                self.push(Unknown, self.at + length);
            }
            _ => self.push(Unknown, self.at + 1),
        }
    }

    fn one_of(&mut self, alone: SyntaxKind, longer: &[(u8, SyntaxKind)]) {
        let second = self.peek(1);
        match longer.iter().find(|(byte, _)| *byte == second) {
            Some((_, kind)) => self.push(*kind, self.at + 2),
            None => self.push(alone, self.at + 1),
        }
    }

    /// A token that starts with a character that could have started a path.
    fn operator_like_a_path(&mut self, first: u8) {
        use SyntaxKind::*;
        match first {
            b'.' if is(self.peek(1), DIGIT) => {
                let end = run(self.bytes, self.at + 1, DIGIT);
                self.float(end);
            }
            b'.' if self.peek(1) == b'.' && self.peek(2) == b'.' => {
                self.push(Ellipsis, self.at + 3);
            }
            b'.' => self.push(Dot, self.at + 1),
            b'+' => self.one_of(Plus, &[(b'+', PlusPlus)]),
            b'-' => self.one_of(Minus, &[(b'>', Arrow)]),
            b'/' => match self.long_comment() {
                Some(end) => self.push_trivia(Comment, end),
                None => self.one_of(Slash, &[(b'/', SlashSlash)]),
            },
            _ => self.push(Unknown, self.at + 1),
        }
    }

    /// The end of the `/* … */` that starts here. One that is never closed is no comment but the
    /// operators `/` and `*`, as in the reference.
    fn long_comment(&mut self) -> Option<usize> {
        if self.peek(1) != b'*' || self.no_comment_end {
            return None;
        }
        let end = memmem::find(&self.bytes[self.at + 2..], b"*/");
        self.no_comment_end = end.is_none();
        Some(self.at + 2 + end? + 2)
    }

    /// A keyword, an identifier, or a URI or path that starts like one.
    fn word(&mut self) {
        let end = run(self.bytes, self.at + 1, IDENT);
        match self.bytes.get(end) {
            Some(b'/' | b'.' | b'+') => {
                if let Some(end) = self.path() {
                    self.push(SyntaxKind::PathFragment, end);
                    self.enter(Mode::Path);
                    return;
                }
                if let Some(end) = self.uri() {
                    return self.push(SyntaxKind::Uri, end);
                }
            }
            Some(b':') => {
                if let Some(end) = self.uri() {
                    return self.push(SyntaxKind::Uri, end);
                }
            }
            _ => {}
        }
        self.push(keyword_or_identifier(&self.text[self.at..end]), end);
    }

    fn number(&mut self) {
        if let Some(end) = self.path() {
            self.push(SyntaxKind::PathFragment, end);
            self.enter(Mode::Path);
            return;
        }
        let end = run(self.bytes, self.at, DIGIT);
        if self.bytes.get(end) == Some(&b'.') {
            let starts_with_zero = self.bytes[self.at] == b'0';
            let fraction_end = run(self.bytes, end + 1, DIGIT);
            if !starts_with_zero || (end == self.at + 1 && fraction_end > end + 1) {
                return self.float(fraction_end);
            }
        }
        let digits = &self.text[self.at..end];
        if digits.parse::<i64>().is_err() {
            self.error(self.at, end, SyntaxErrorKind::InvalidInteger(digits.into()));
        }
        self.push(SyntaxKind::Int, end);
    }

    /// A float whose digits end at `end`, and with them its exponent if it has one.
    fn float(&mut self, mut end: usize) {
        if let Some(b'e' | b'E') = self.bytes.get(end) {
            let sign = usize::from(matches!(self.bytes.get(end + 1), Some(b'+' | b'-')));
            let digits = end + 1 + sign;
            let exponent_end = run(self.bytes, digits, DIGIT);
            if exponent_end > digits {
                end = exponent_end;
            }
        }
        let text = &self.text[self.at..end];
        // The reference asks `strtod` for its range error, which it also reports when precision was
        // lost to a subnormal number or to zero.
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let is_zero = mantissa.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        let in_range = text.parse::<f64>().is_ok_and(|value| value.is_normal() || is_zero);
        if !in_range {
            self.error(self.at, end, SyntaxErrorKind::InvalidFloat(text.into()));
        }
        self.push(SyntaxKind::Float, end);
    }

    /// The end of the URI that starts here.
    fn uri(&mut self) -> Option<usize> {
        if self.at < self.no_uri_before || self.bytes[self.at] == b'_' {
            return None;
        }
        let scheme_end = run(self.bytes, self.at, SCHEME);
        if self.bytes.get(scheme_end) == Some(&b':') {
            let end = run(self.bytes, scheme_end + 1, URI);
            if end > scheme_end + 1 {
                return Some(end);
            }
        }
        self.no_uri_before = scheme_end;
        None
    }

    /// The end of the `<…>` that starts here.
    fn search_path(&self) -> Option<usize> {
        let mut end = self.at;
        loop {
            let segment = end + 1;
            end = run(self.bytes, segment, PATH);
            match self.bytes.get(end) {
                Some(b'/') if end > segment => {}
                Some(b'>') if end > segment => return Some(end + 1),
                _ => return None,
            }
        }
    }

    /// The end of the first fragment of the path that starts here.
    fn path(&mut self) -> Option<usize> {
        if self.at < self.no_path_before {
            return None;
        }
        let first_end = match self.bytes[self.at] {
            b'~' => self.at + 1,
            _ => run(self.bytes, self.at, PATH),
        };
        if self.bytes.get(first_end) == Some(&b'/') {
            match &self.bytes[first_end + 1..] {
                [byte, ..] if is(*byte, PATH) => return Some(self.path_segments(first_end)),
                [b'$', b'{', ..] => return Some(first_end + 1),
                _ => {}
            }
        }
        self.no_path_before = first_end;
        None
    }

    /// The end of `/a/b/c` or `/a/b/c/` from its first slash on.
    fn path_segments(&self, slash: usize) -> usize {
        let mut end = slash;
        while self.bytes.get(end) == Some(&b'/') {
            let segment_end = run(self.bytes, end + 1, PATH);
            if segment_end == end + 1 {
                return segment_end;
            }
            end = segment_end;
        }
        end
    }

    /// Behind the first fragment of a path, or behind an interpolation in it.
    fn path_token(&mut self) {
        if self.peek(0) == b'$' && self.peek(1) == b'{' {
            return self.interpolation();
        }
        let end = self.path_segments(run(self.bytes, self.at, PATH));
        if end > self.at {
            self.push(SyntaxKind::PathFragment, end);
        } else {
            self.end_path();
        }
    }

    fn end_path(&mut self) {
        if self.bytes[self.at - 1] == b'/'
            && let Some(fragment) = self.lexed.tokens.last().copied()
        {
            let (start, end) = (fragment.start as usize, fragment.end as usize);
            self.error(start, end, SyntaxErrorKind::TrailingSlash);
        }
        self.leave();
    }

    fn interpolation(&mut self) {
        self.push(SyntaxKind::DollarBrace, self.at + 2);
        self.enter(Mode::Default);
    }

    fn string_token(&mut self) {
        let length = self.bytes.len();
        let mut end = self.at;
        while let Some(found) = memchr3(b'"', b'\\', b'$', &self.bytes[end.min(length)..]) {
            end += found;
            match (self.bytes[end], self.bytes.get(end + 1)) {
                (b'"', _) | (b'$', Some(b'{')) => {
                    self.string_fragment(end);
                    if self.peek(0) == b'$' {
                        self.interpolation();
                    } else {
                        self.push(SyntaxKind::StringQuote, self.at + 1);
                        self.leave();
                    }
                    return;
                }
                (b'$', Some(b'"' | b'\\')) => end += 1,
                // A backslash takes the next character with it, and so does a `$`: `$${` opens no
                // interpolation. Half a character does no harm, the other half is searched next.
                _ => end += 2,
            }
        }
        self.string_fragment(length);
    }

    fn indented_string_token(&mut self) {
        let length = self.bytes.len();
        let mut end = self.at;
        while let Some(found) = memchr2(b'$', b'\'', &self.bytes[end.min(length)..]) {
            end += found;
            match &self.bytes[end..] {
                [b'$', b'{', ..] => {
                    self.string_fragment(end);
                    return self.interpolation();
                }
                [b'\'', b'\'', b'$' | b'\'', ..] => end += 3,
                [b'\'', b'\'', b'\\', _, ..] => end += 4,
                [b'\'', b'\'', ..] => {
                    self.string_fragment(end);
                    self.push(SyntaxKind::IndentedQuote, self.at + 2);
                    return self.leave();
                }
                [b'$', b'\'', ..] | [b'\'', b'$', ..] => end += 1,
                _ => end += 2,
            }
        }
        self.string_fragment(length);
    }

    fn string_fragment(&mut self, end: usize) {
        if end == self.at {
            return;
        }
        if self.has_nul && memchr(0, &self.bytes[self.at..end]).is_some() {
            let start = self.at + self.ignored_first_line(end);
            let text = self.text[start..end].into();
            self.error(start, end, SyntaxErrorKind::NulInString(text));
        }
        self.push(SyntaxKind::StringFragment, end);
    }

    /// How many bytes of the text up to `end` belong to the opening of an indented string: spaces and the
    /// line end behind them.
    fn ignored_first_line(&self, end: usize) -> usize {
        let last = self.lexed.tokens.last();
        if last.is_none_or(|token| token.kind != SyntaxKind::IndentedQuote) {
            return 0;
        }
        let text = &self.bytes[self.at..end];
        let spaces = text.iter().take_while(|byte| **byte == b' ').count();
        if text.get(spaces) == Some(&b'\n') { spaces + 1 } else { 0 }
    }
}

const IDENT_START: u8 = 1;
const IDENT: u8 = 1 << 1;
const DIGIT: u8 = 1 << 2;
const PATH: u8 = 1 << 3;
const SCHEME: u8 = 1 << 4;
const URI: u8 = 1 << 5;
const SPACE: u8 = 1 << 6;

/// Which classes of characters each byte belongs to.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let character = byte as u8;
        let mut class = 0;
        if character.is_ascii_alphabetic() {
            class |= IDENT_START | IDENT | PATH | SCHEME | URI;
        }
        if character.is_ascii_digit() {
            class |= IDENT | DIGIT | PATH | SCHEME | URI;
        }
        class |= match character {
            b'_' => IDENT_START | IDENT | PATH | URI,
            b'\'' => IDENT | URI,
            b'-' => IDENT | PATH | SCHEME | URI,
            b'.' | b'+' => PATH | SCHEME | URI,
            b'%' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'$' | b',' | b'!' | b'~' | b'*' => {
                URI
            }
            b' ' | b'\t' | b'\r' | b'\n' => SPACE,
            _ => 0,
        };
        classes[byte] = class;
        byte += 1;
    }
    classes
};

fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// The end of the run of characters of one class that starts at `start`.
fn run(bytes: &[u8], start: usize, class: u8) -> usize {
    let mut end = start;
    while end < bytes.len() && is(bytes[end], class) {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests;
