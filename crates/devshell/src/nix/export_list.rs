//! What POSIX shells print for `export -p`: a script of assignments, each shell with quotes of its
//! own. dash and busybox write single quotes, bash double quotes or `$'…'`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::environment::Environment;

/// Reads the assignments. What is none, such as a name without a value, is skipped; text that is no
/// list of assignments gives none.
pub(super) fn parse(text: &[u8]) -> Environment {
    let mut environment = Environment::new();
    let mut reader = Reader { rest: text };
    while let Some(words) = reader.command() {
        let assignment = words.last().filter(|_| words.len() > 1);
        let equals = assignment.and_then(|word| word.iter().position(|byte| *byte == b'='));
        if let (Some(word), Some(equals)) = (assignment, equals) {
            let [name, value] = [&word[..equals], &word[equals + 1..]]
                .map(|bytes| OsString::from_vec(bytes.to_vec()));
            environment.insert(name, value);
        }
    }
    environment
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The words up to the end of the line; `None` at the end of the text.
    fn command(&mut self) -> Option<Vec<Vec<u8>>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut words = vec![Vec::new()];
        while let Some(byte) = self.next() {
            let word = words.last_mut().expect("there is always a last word");
            match byte {
                b'\n' => break,
                b' ' => words.push(Vec::new()),
                b'\'' => self.until(b'\'', word, |_, byte, word| word.push(byte)),
                b'"' => self.until(b'"', word, |reader, byte, word| match byte {
                    b'\\' => match reader.next() {
                        Some(escaped @ (b'$' | b'`' | b'"' | b'\\')) => word.push(escaped),
                        Some(b'\n') | None => {}
                        Some(other) => word.extend([b'\\', other]),
                    },
                    other => word.push(other),
                }),
                b'$' if self.rest.first() == Some(&b'\'') => {
                    self.next();
                    self.until(b'\'', word, |reader, byte, word| match byte {
                        b'\\' => reader.escape(word),
                        other => word.push(other),
                    });
                }
                b'\\' => word.extend(self.next()),
                other => word.push(other),
            }
        }
        Some(words)
    }

    fn until(&mut self, end: u8, word: &mut Vec<u8>, each: impl Fn(&mut Self, u8, &mut Vec<u8>)) {
        while let Some(byte) = self.next() {
            if byte == end {
                return;
            }
            each(self, byte, word);
        }
    }

    /// An escape of `$'…'`, after the backslash.
    fn escape(&mut self, word: &mut Vec<u8>) {
        let Some(byte) = self.next() else { return };
        match byte {
            b'a' => word.push(7),
            b'b' => word.push(8),
            b'e' | b'E' => word.push(27),
            b'f' => word.push(12),
            b'n' => word.push(b'\n'),
            b'r' => word.push(b'\r'),
            b't' => word.push(b'\t'),
            b'v' => word.push(11),
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                value = self.digits(value, 8, 2);
                word.push(value as u8);
            }
            b'x' => {
                let value = self.digits(0, 16, 2);
                word.push(value as u8);
            }
            other => word.push(other),
        }
    }

    fn digits(&mut self, mut value: u32, radix: u32, most: usize) -> u32 {
        for _ in 0..most {
            let digit = self.rest.first().and_then(|byte| char::from(*byte).to_digit(radix));
            let Some(digit) = digit else { break };
            value = value * radix + digit;
            self.next();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn the_quotes_of_every_shell() {
        let text = b"export A='one two'\nexport B='it'\"'\"'s\nlines'\nexport C='it'\\''s'\ndeclare -x D=\"a \\\"b\\\" \\$c \\\\ \\x\"\nexport E\nexport F=$'a\\nb\\'\\101\\x41'\nexport G=''\n";
        let expected = [
            ("A", "one two"),
            ("B", "it's\nlines"),
            ("C", "it's"),
            ("D", "a \"b\" $c \\ \\x"),
            ("F", "a\nb'AA"),
            ("G", ""),
        ];
        assert_eq!(parse(text), expected.map(|(name, value)| (name.into(), value.into())).into());
    }

    #[test]
    fn real_shells_print_what_we_read() {
        let value =
            OsString::from_vec((1..=255).chain(*b"it's\n\"$x\" `y` \\ \\\\ end\n").collect());
        for shell in ["/bin/sh", "dash", "bash", "busybox"] {
            let mut command = Command::new(shell);
            if shell == "busybox" {
                command.arg("sh");
            }
            match command.args(["-c", "export -p"]).env("VALUE", &value).env("EMPTY", "").output() {
                Ok(output) => {
                    let read = parse(&output.stdout);
                    assert_eq!(read.get(std::ffi::OsStr::new("VALUE")), Some(&value), "{shell}");
                    assert_eq!(
                        read.get(std::ffi::OsStr::new("EMPTY")),
                        Some(&OsString::new()),
                        "{shell}"
                    );
                }
                Err(error) => eprintln!("skipped: {shell}: {error}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: Vec<u8>) {
            parse(&text);
        }
    }
}
