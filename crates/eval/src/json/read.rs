//! `builtins.fromJSON`: values as the text is read, without recursion. The errors are those of the C++
//! implementation's library, which tell how far it has read.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use floe_hir::Name;

use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::{BYTES_BETWEEN_CHECKS, Evaluator, interrupted};
use crate::heap::{AttrsBuilder, PositionId, Value};

impl<'h> Evaluator<'h> {
    /// `builtins.fromJSON`
    pub(crate) fn json_to_value(&self, text: &[u8]) -> Result<Value<'h>> {
        let lexer = Lexer::new(text, &self.settings.interrupt);
        let mut reader = Reader { evaluator: self, lexer, open: Vec::new() };
        let value = reader.value()?;
        match reader.lexer.next()? {
            Token::End => Ok(value),
            other => Err(reader.lexer.unexpected(&other, "value", "; expected end of input")),
        }
    }
}

const DOING: &str = "while decoding a JSON string";

struct Reader<'e, 't, 'h> {
    evaluator: &'e Evaluator<'h>,
    lexer: Lexer<'t>,
    open: Vec<Container<'h>>,
}

/// An array or object that is being read.
enum Container<'h> {
    Array(Vec<Value<'h>>),
    /// The pairs so far, and the key whose value comes next.
    Object(Vec<(Name, Value<'h>)>, Name),
}

enum Token {
    True,
    False,
    Null,
    String(Vec<u8>),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    BeginArray,
    BeginObject,
    EndArray,
    EndObject,
    Colon,
    Comma,
    End,
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::True => "true literal",
            Token::False => "false literal",
            Token::Null => "null literal",
            Token::String(_) => "string literal",
            Token::Unsigned(_) | Token::Signed(_) | Token::Float(_) => "number literal",
            Token::BeginArray => "'['",
            Token::BeginObject => "'{'",
            Token::EndArray => "']'",
            Token::EndObject => "'}'",
            Token::Colon => "':'",
            Token::Comma => "','",
            Token::End => "end of input",
        }
    }
}

impl<'h> Reader<'_, '_, 'h> {
    fn value(&mut self) -> Result<Value<'h>> {
        let heap = self.evaluator.heap;
        let mut token = self.lexer.next_in("value")?;
        for step in 0_usize.. {
            self.evaluator.check_interrupt_at(step)?;
            let mut value = match token {
                Token::BeginObject => match self.lexer.next_in("object key")? {
                    Token::EndObject => heap.empty_attrs(),
                    first => {
                        let key = self.key(&first)?;
                        self.open.push(Container::Object(Vec::new(), key));
                        token = self.lexer.next_in("value")?;
                        continue;
                    }
                },
                Token::BeginArray => match self.lexer.next_in("value")? {
                    Token::EndArray => heap.list(&[]),
                    first => {
                        self.open.push(Container::Array(Vec::new()));
                        token = first;
                        continue;
                    }
                },
                Token::True => Value::bool(true),
                Token::False => Value::bool(false),
                Token::Null => Value::null(),
                Token::String(text) => {
                    check_no_nul(&text)?;
                    heap.string(&text)
                }
                Token::Signed(value) => heap.int(value),
                Token::Unsigned(value) => heap.int(i64::try_from(value).map_err(|_| {
                    let message =
                        format!("unsigned json number {value} outside of Nix integer range");
                    EvalError::new(ErrorKind::InvalidJson, message)
                })?),
                Token::Float(value) if value.is_finite() => heap.float(value),
                Token::Float(_) => return Err(self.lexer.number_overflow()),
                Token::End if self.lexer.is_empty() => {
                    return Err(self.lexer.error(
                        "attempting to parse an empty input; check that your input string or stream \
                         contains the expected JSON",
                    ));
                }
                other => {
                    let expected = "; expected '[', '{', or a literal";
                    return Err(self.lexer.unexpected(&other, "value", expected));
                }
            };
            // What the value ends goes on as a value itself.
            token = loop {
                match self.open.last_mut() {
                    None => return Ok(value),
                    Some(Container::Array(items)) => {
                        items.push(value);
                        match self.lexer.next_in("array")? {
                            Token::Comma => break self.lexer.next_in("value")?,
                            Token::EndArray => value = heap.list(items),
                            other => {
                                let expected = "; expected ']'";
                                return Err(self.lexer.unexpected(&other, "array", expected));
                            }
                        }
                    }
                    Some(Container::Object(pairs, key)) => {
                        pairs.push((*key, value));
                        match self.lexer.next_in("object")? {
                            Token::Comma => {
                                let token = self.lexer.next_in("object key")?;
                                let next = self.key(&token)?;
                                if let Some(Container::Object(_, key)) = self.open.last_mut() {
                                    *key = next;
                                }
                                break self.lexer.next_in("value")?;
                            }
                            Token::EndObject => {
                                let mut attrs = AttrsBuilder::with_capacity(pairs.len());
                                // Of several values for one key, the last counts.
                                for (name, value) in pairs.drain(..).rev() {
                                    attrs.push(name, value, PositionId::NONE);
                                }
                                value = attrs.finish(heap);
                            }
                            other => {
                                let expected = "; expected '}'";
                                return Err(self.lexer.unexpected(&other, "object", expected));
                            }
                        }
                    }
                }
                self.open.pop();
            };
        }
        unreachable!("a text has an end")
    }

    /// A key with the colon behind it.
    fn key(&mut self, token: &Token) -> Result<Name> {
        let Token::String(key) = token else {
            let expected = "; expected string literal";
            return Err(self.lexer.unexpected(token, "object key", expected));
        };
        check_no_nul(key)?;
        match self.lexer.next_in("object separator")? {
            Token::Colon => Ok(Name::new(&String::from_utf8_lossy(key))),
            other => Err(self.lexer.unexpected(&other, "object separator", "; expected ':'")),
        }
    }
}

/// Strings of the language hold no NUL.
fn check_no_nul(text: &[u8]) -> Result<()> {
    if !text.contains(&0) {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(text).replace('\0', "␀");
    let message = format!(
        "input string '{shown}' cannot be represented as Nix string because it contains null bytes"
    );
    Err(EvalError::new(ErrorKind::InvalidJson, message))
}

struct Lexer<'t> {
    text: &'t [u8],
    interrupt: &'t AtomicBool,
    /// How many bytes have been read. The end counts as one.
    read: usize,
    /// Whether the last byte read was given back: it is not counted, nor is its line.
    gave_back: bool,
    /// From where on bytes are shown as the last read.
    token_start: usize,
}

/// Why there is no token.
enum Malformed {
    /// What the library's lexer says.
    Text(Cow<'static, str>),
    /// The evaluation is to end.
    Interrupted,
}

impl From<&'static str> for Malformed {
    fn from(text: &'static str) -> Malformed {
        Malformed::Text(text.into())
    }
}

impl<'t> Lexer<'t> {
    fn new(text: &'t [u8], interrupt: &'t AtomicBool) -> Lexer<'t> {
        Lexer { text, interrupt, read: 0, gave_back: false, token_start: 0 }
    }

    fn is_empty(&self) -> bool {
        self.read == 1
    }

    fn next(&mut self) -> Result<Token> {
        self.next_in("value")
    }

    /// The next token; an error says that it came while reading `context`.
    fn next_in(&mut self, context: &str) -> Result<Token> {
        self.token().map_err(|malformed| {
            let Malformed::Text(malformed) = malformed else { return interrupted() };
            let expected = match context {
                "object key" => "; expected string literal",
                "object separator" => "; expected ':'",
                "array" => "; expected ']'",
                "object" => "; expected '}'",
                _ => "",
            };
            let message = format!(
                "syntax error while parsing {context} - {malformed}; last read: '{}'{expected}",
                self.last_read()
            );
            self.error(&message)
        })
    }

    fn unexpected(&self, token: &Token, context: &str, expected: &str) -> EvalError {
        let name = token.name();
        self.error(&format!("syntax error while parsing {context} - unexpected {name}{expected}"))
    }

    fn number_overflow(&self) -> EvalError {
        let message = format!(
            "[json.exception.out_of_range.406] number overflow parsing '{}'",
            self.last_read()
        );
        EvalError::new(ErrorKind::InvalidJson, message).context(Pos::None, DOING)
    }

    fn error(&self, message: &str) -> EvalError {
        let read = &self.text[..self.read.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', read).count();
        let line_start = memchr::memrchr(b'\n', read).map_or(0, |i| i + 1);
        // A line break that was given back has reset the column already.
        let column = if self.gave_back && self.text.get(self.read) == Some(&b'\n') {
            0
        } else {
            self.read - line_start
        };
        EvalError::new(
            ErrorKind::InvalidJson,
            format!(
                "[json.exception.parse_error.101] parse error at line {line}, column {column}: \
                 {message}"
            ),
        )
        .context(Pos::None, DOING)
    }

    /// What was read since the last string or number began.
    fn last_read(&self) -> String {
        let end = self.read.min(self.text.len());
        let mut shown = String::new();
        for character in String::from_utf8_lossy(&self.text[self.token_start..end]).chars() {
            if character < ' ' {
                shown.push_str(&format!("<U+{:04X}>", u32::from(character)));
            } else {
                shown.push(character);
            }
        }
        shown
    }

    fn get(&mut self) -> Option<u8> {
        let byte = self.text.get(self.read).copied();
        self.read += 1;
        self.gave_back = false;
        byte
    }

    fn give_back(&mut self) {
        self.read -= 1;
        self.gave_back = true;
    }

    fn token(&mut self) -> std::result::Result<Token, Malformed> {
        const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
        if self.read == 0 && self.text.first() == Some(&MARK[0]) {
            for expected in MARK {
                if self.get() != Some(expected) {
                    return Err("invalid BOM; must be 0xEF 0xBB 0xBF if given".into());
                }
            }
        }
        let byte = loop {
            match self.get() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => {}
                byte => break byte,
            }
        };
        let Some(byte) = byte else { return Ok(Token::End) };
        Ok(match byte {
            0 => Token::End,
            b'[' => Token::BeginArray,
            b']' => Token::EndArray,
            b'{' => Token::BeginObject,
            b'}' => Token::EndObject,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b't' => self.literal(b"rue", Token::True)?,
            b'f' => self.literal(b"alse", Token::False)?,
            b'n' => self.literal(b"ull", Token::Null)?,
            b'"' => {
                self.token_start = self.read - 1;
                Token::String(self.string()?)
            }
            b'-' | b'0'..=b'9' => {
                self.token_start = self.read - 1;
                self.number(byte)?
            }
            _ => return Err("invalid literal".into()),
        })
    }

    fn literal(&mut self, rest: &[u8], token: Token) -> std::result::Result<Token, Malformed> {
        for expected in rest {
            if self.get() != Some(*expected) {
                return Err("invalid literal".into());
            }
        }
        Ok(token)
    }

    fn string(&mut self) -> std::result::Result<Vec<u8>, Malformed> {
        let mut string = Vec::new();
        loop {
            // Most of a string is plain.
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(Malformed::Interrupted);
            }
            let rest = &self.text[self.read.min(self.text.len())..];
            let plain = rest
                .iter()
                .take(BYTES_BETWEEN_CHECKS)
                .take_while(|byte| matches!(byte, b' '..=b'~' if !matches!(byte, b'"' | b'\\')))
                .count();
            string.extend_from_slice(&rest[..plain]);
            self.read += plain;
            if plain == BYTES_BETWEEN_CHECKS {
                continue;
            }
            let Some(byte) = self.get() else {
                return Err("invalid string: missing closing quote".into());
            };
            match byte {
                b'"' => return Ok(string),
                b'\\' => self.escape(&mut string)?,
                0..=0x1F => return Err(control_character(byte)),
                0x7F => string.push(byte),
                _ => {
                    string.push(byte);
                    self.continuation(byte, &mut string)?;
                }
            }
        }
    }

    /// The bytes of a character behind its first.
    fn continuation(
        &mut self,
        first: u8,
        string: &mut Vec<u8>,
    ) -> std::result::Result<(), Malformed> {
        const ANY: (u8, u8) = (0x80, 0xBF);
        let ranges: &[(u8, u8)] = match first {
            0xC2..=0xDF => &[ANY],
            0xE0 => &[(0xA0, 0xBF), ANY],
            0xE1..=0xEC | 0xEE | 0xEF => &[ANY, ANY],
            0xED => &[(0x80, 0x9F), ANY],
            0xF0 => &[(0x90, 0xBF), ANY, ANY],
            0xF1..=0xF3 => &[ANY, ANY, ANY],
            0xF4 => &[(0x80, 0x8F), ANY, ANY],
            _ => return Err("invalid string: ill-formed UTF-8 byte".into()),
        };
        for (least, most) in ranges {
            match self.get() {
                Some(byte) if (*least..=*most).contains(&byte) => string.push(byte),
                _ => return Err("invalid string: ill-formed UTF-8 byte".into()),
            }
        }
        Ok(())
    }

    fn escape(&mut self, string: &mut Vec<u8>) -> std::result::Result<(), Malformed> {
        string.push(match self.get() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let character = self.unicode_escape()?;
                string.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err("invalid string: forbidden character after backslash".into()),
        });
        Ok(())
    }

    fn unicode_escape(&mut self) -> std::result::Result<char, Malformed> {
        const ALONE: &str =
            "invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF";
        let first = self.hex_digits()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if self.get() != Some(b'\\') || self.get() != Some(b'u') {
                    return Err(ALONE.into());
                }
                let second = self.hex_digits()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(ALONE.into());
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| {
            "invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF".into()
        })
    }

    fn hex_digits(&mut self) -> std::result::Result<u32, Malformed> {
        let mut code = 0;
        for _ in 0..4 {
            match self.get().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => code = code << 4 | digit,
                None => {
                    return Err("invalid string: '\\u' must be followed by 4 hex digits".into());
                }
            }
        }
        Ok(code)
    }

    /// A number whose first byte was read.
    fn number(&mut self, first: u8) -> std::result::Result<Token, Malformed> {
        let start = self.read - 1;
        let mut is_integer = true;
        let mut digit = first;
        if first == b'-' {
            digit = self.digit("invalid number; expected digit after '-'")?;
        }
        let mut next = self.get();
        if digit != b'0' {
            next = self.digits(next);
        }
        if next == Some(b'.') {
            is_integer = false;
            self.digit("invalid number; expected digit after '.'")?;
            next = self.get();
            next = self.digits(next);
        }
        if matches!(next, Some(b'e' | b'E')) {
            is_integer = false;
            match self.get() {
                Some(b'0'..=b'9') => {}
                Some(b'+' | b'-') => {
                    self.digit("invalid number; expected digit after exponent sign")?;
                }
                _ => {
                    return Err("invalid number; expected '+', '-', or digit after exponent".into());
                }
            }
            next = self.get();
            self.digits(next);
        }
        self.give_back();
        let text = std::str::from_utf8(&self.text[start..self.read]).unwrap_or_default();
        if is_integer {
            if first == b'-' {
                if let Ok(value) = text.parse() {
                    return Ok(Token::Signed(value));
                }
            } else if let Ok(value) = text.parse() {
                return Ok(Token::Unsigned(value));
            }
        }
        Ok(Token::Float(text.parse().unwrap_or(f64::INFINITY)))
    }

    fn digit(&mut self, otherwise: &'static str) -> std::result::Result<u8, Malformed> {
        match self.get() {
            Some(digit @ b'0'..=b'9') => Ok(digit),
            _ => Err(otherwise.into()),
        }
    }

    /// Reads on while there are digits; gives what follows them.
    fn digits(&mut self, mut next: Option<u8>) -> Option<u8> {
        while matches!(next, Some(b'0'..=b'9')) {
            next = self.get();
        }
        next
    }
}

fn control_character(byte: u8) -> Malformed {
    const NAMES: [&str; 32] = [
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR",
        "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB",
        "ESC", "FS", "GS", "RS", "US",
    ];
    let name = NAMES[usize::from(byte)];
    let short = match byte {
        8 => " or \\b",
        9 => " or \\t",
        10 => " or \\n",
        12 => " or \\f",
        13 => " or \\r",
        _ => "",
    };
    let text = format!(
        "invalid string: control character U+{byte:04X} ({name}) must be escaped to \
         \\u{byte:04X}{short}"
    );
    Malformed::Text(text.into())
}
