//! From the notation to a [`Program`]. The grammar is that of GNU C++'s `std::regex::extended`, also
//! where it is more or less than POSIX's.

use super::Invalid;
use super::program::{ByteSet, Fragment, Program, StateId, StateKind};

/// Compiles a regular expression.
pub(super) fn parse(pattern: &[u8]) -> Result<Program, Invalid> {
    let mut parser = Parser { rest: pattern, program: Program::default(), groups: 1 };
    let mut whole = parser.program.single(StateKind::GroupStart(0))?;
    let body = parser.disjunctions()?;
    parser.program.append(&mut whole, body);
    let end = parser.program.single(StateKind::GroupEnd(0))?;
    parser.program.append(&mut whole, end);
    let accept = parser.program.single(StateKind::Accept)?;
    parser.program.append(&mut whole, accept);
    parser.program.groups = parser.groups;
    Ok(parser.program.finish(whole.start))
}

struct Parser<'p> {
    rest: &'p [u8],
    program: Program,
    groups: u32,
}

/// A group that is being read.
struct Open {
    /// The group's number, and its first state.
    start: Option<(u32, Fragment)>,
    /// The alternatives before the current one, joined.
    before: Option<Part>,
    /// The current alternative's parts.
    parts: Vec<Part>,
}

#[derive(Clone, Copy)]
struct Part {
    fragment: Fragment,
    /// Whether it can match without taking a byte, as `^`, `()` and `a*` can.
    nullable: bool,
}

impl Part {
    /// The state that repeats this.
    fn repeat(self, start: StateId) -> StateKind {
        if self.nullable { StateKind::RepeatNothing(start) } else { StateKind::Repeat(start) }
    }
}

impl<'p> Parser<'p> {
    /// Everything up to the end of the pattern. Groups are kept on a stack of their own, so that no
    /// depth of nesting is a problem.
    fn disjunctions(&mut self) -> Result<Fragment, Invalid> {
        let mut outer: Vec<Open> = Vec::new();
        let mut open = Open { start: None, before: None, parts: Vec::new() };
        loop {
            let Some(byte) = self.take() else {
                return match outer.is_empty() {
                    true => Ok(self.close_alternatives(open)?.fragment),
                    false => Err(Invalid::Syntax),
                };
            };
            match byte {
                b'(' => {
                    let group = self.groups;
                    self.groups += 1;
                    let start = self.program.single(StateKind::GroupStart(group))?;
                    let inner =
                        Open { start: Some((group, start)), before: None, parts: Vec::new() };
                    outer.push(std::mem::replace(&mut open, inner));
                }
                b')' => {
                    let Some(parent) = outer.pop() else { return Err(Invalid::Syntax) };
                    let mut closed = std::mem::replace(&mut open, parent);
                    let Some((group, mut fragment)) = closed.start.take() else {
                        return Err(Invalid::Syntax);
                    };
                    let body = self.close_alternatives(closed)?;
                    self.program.append(&mut fragment, body.fragment);
                    let end = self.program.single(StateKind::GroupEnd(group))?;
                    self.program.append(&mut fragment, end);
                    let part = Part { fragment, nullable: body.nullable };
                    let part = self.repetitions(part)?;
                    open.parts.push(part);
                }
                b'|' => self.next_alternative(&mut open)?,
                b'^' | b'$' => {
                    let kind = if byte == b'^' { StateKind::LineStart } else { StateKind::LineEnd };
                    let fragment = self.program.single(kind)?;
                    open.parts.push(Part { fragment, nullable: true });
                }
                b'*' | b'+' | b'?' | b'{' | 0 => return Err(Invalid::Syntax),
                _ => {
                    let fragment = self.atom(byte)?;
                    let part = self.repetitions(Part { fragment, nullable: false })?;
                    open.parts.push(part);
                }
            }
        }
    }

    /// Something that takes one byte.
    fn atom(&mut self, byte: u8) -> Result<Fragment, Invalid> {
        match byte {
            b'.' => {
                let mut any = ByteSet::default();
                any.insert(0);
                any.invert();
                self.program.set(any)
            }
            b'[' => {
                let set = self.bracket()?;
                self.program.set(set)
            }
            // Only what is special can be escaped.
            b'\\' => match self.take() {
                Some(escaped) if br".[\()*+?{|^$".contains(&escaped) => {
                    self.program.single(StateKind::Byte(escaped))
                }
                _ => Err(Invalid::Syntax),
            },
            byte => self.program.single(StateKind::Byte(byte)),
        }
    }

    /// The current alternative ends, and another begins.
    fn next_alternative(&mut self, open: &mut Open) -> Result<(), Invalid> {
        let current = self.close_alternative(&std::mem::take(&mut open.parts))?;
        open.before = Some(match open.before.take() {
            None => current,
            Some(before) => self.either(before, current)?,
        });
        Ok(())
    }

    fn close_alternatives(&mut self, mut open: Open) -> Result<Part, Invalid> {
        self.next_alternative(&mut open)?;
        open.before.ok_or(Invalid::Syntax)
    }

    fn close_alternative(&mut self, parts: &[Part]) -> Result<Part, Invalid> {
        let mut all = self.program.single(StateKind::Empty)?;
        for part in parts {
            self.program.append(&mut all, part.fragment);
        }
        Ok(Part { fragment: all, nullable: parts.iter().all(|part| part.nullable) })
    }

    fn either(&mut self, mut a: Part, mut b: Part) -> Result<Part, Invalid> {
        let end = self.program.single(StateKind::Empty)?;
        self.program.append(&mut a.fragment, end);
        self.program.append(&mut b.fragment, end);
        let choice = self.program.push(StateKind::Alternative(a.fragment.start))?;
        self.program.states[choice as usize].next = b.fragment.start;
        let fragment = Fragment { start: choice, end: end.start };
        Ok(Part { fragment, nullable: a.nullable || b.nullable })
    }

    /// The repetitions behind an atom.
    fn repetitions(&mut self, mut part: Part) -> Result<Part, Invalid> {
        while let Some(byte @ (b'*' | b'+' | b'?' | b'{')) = self.rest.first().copied() {
            self.take();
            let mut fragment = part.fragment;
            let again = part.repeat(fragment.start);
            match byte {
                b'*' => {
                    let repeat = self.program.single(again)?;
                    self.program.append(&mut fragment, repeat);
                    part = Part { fragment: repeat, nullable: true };
                }
                b'+' => {
                    let repeat = self.program.single(again)?;
                    self.program.append(&mut fragment, repeat);
                    part.fragment = fragment;
                }
                b'?' => {
                    let end = self.program.single(StateKind::Empty)?;
                    let mut repeat = self.program.single(again)?;
                    self.program.append(&mut fragment, end);
                    self.program.append(&mut repeat, end);
                    part = Part { fragment: repeat, nullable: true };
                }
                _ => part = self.counted(part)?,
            }
        }
        Ok(part)
    }

    /// `{2}`, `{2,}`, `{2,5}`
    fn counted(&mut self, part: Part) -> Result<Part, Invalid> {
        let least = self.number().ok_or(Invalid::Syntax)?;
        let most = match self.take() {
            Some(b'}') => Some(least),
            Some(b',') => {
                let most = self.number();
                if self.take() != Some(b'}') {
                    return Err(Invalid::Syntax);
                }
                most
            }
            _ => return Err(Invalid::Syntax),
        };
        let mut all = self.program.single(StateKind::Empty)?;
        for _ in 0..least {
            let copy = self.program.copy(part.fragment)?;
            self.program.append(&mut all, copy);
        }
        let nullable = part.nullable || least == 0;
        let Some(most) = most else {
            let mut copy = self.program.copy(part.fragment)?;
            let repeat = self.program.single(part.repeat(copy.start))?;
            self.program.append(&mut copy, repeat);
            self.program.append(&mut all, repeat);
            return Ok(Part { fragment: all, nullable });
        };
        if most < least {
            return Err(Invalid::Syntax);
        }
        let end = self.program.single(StateKind::Empty)?;
        for _ in least..most {
            let copy = self.program.copy(part.fragment)?;
            let choice = self.program.push(part.repeat(copy.start))?;
            self.program.states[choice as usize].next = end.start;
            // The way on leads through the copy; leaving is the choice's `next`.
            self.program.states[all.end as usize].next = choice;
            all.end = copy.end;
        }
        self.program.append(&mut all, end);
        Ok(Part { fragment: all, nullable })
    }

    fn number(&mut self) -> Option<u32> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if number.is_empty() {
            return None;
        }
        // A number that is too large leads to too many states.
        let number = std::str::from_utf8(number).ok()?;
        Some(number.parse().unwrap_or(u32::MAX))
    }

    /// A bracket expression, behind its `[`.
    fn bracket(&mut self) -> Result<ByteSet, Invalid> {
        let mut set = ByteSet::default();
        let inverted = self.rest.first() == Some(&b'^');
        if inverted {
            self.take();
        }
        let mut before = Before::Nothing;
        if self.rest.first() == Some(&b'-') {
            self.take();
            before = Before::Byte(b'-');
        } else if self.rest.first() == Some(&b']') {
            self.take();
            before = Before::Byte(b']');
        }
        loop {
            let byte = self.take().ok_or(Invalid::Syntax)?;
            match (byte, self.rest.first()) {
                (b']', _) => break,
                (b'[', Some(b':')) => {
                    before.add_to(&mut set);
                    before = Before::Class;
                    let name = self.class(b':')?;
                    add_class(&mut set, name)?;
                }
                (b'[', Some(b'=')) => {
                    before.add_to(&mut set);
                    before = Before::Class;
                    let byte = collating_element(self.class(b'=')?)?;
                    set.insert(byte.to_ascii_lowercase());
                    set.insert(byte.to_ascii_uppercase());
                }
                (b'[', Some(b'.')) => {
                    before.add_to(&mut set);
                    before = Before::Byte(collating_element(self.class(b'.')?)?);
                }
                (b'-', Some(b']')) => {
                    self.take();
                    before.add_to(&mut set);
                    before = Before::Byte(b'-');
                    break;
                }
                (b'-', Some(_)) => {
                    let Before::Byte(first) = before else { return Err(Invalid::Syntax) };
                    let last = self.take().ok_or(Invalid::Syntax)?;
                    if last == b'[' && matches!(self.rest.first(), Some(b':' | b'=' | b'.')) {
                        return Err(Invalid::Syntax);
                    }
                    // Bytes are signed there.
                    let (first, last) = (first as i8, last as i8);
                    if first > last {
                        return Err(Invalid::Syntax);
                    }
                    (first..=last).for_each(|byte| set.insert(byte as u8));
                    before = Before::Nothing;
                }
                (byte, _) => {
                    before.add_to(&mut set);
                    before = Before::Byte(byte);
                }
            }
        }
        before.add_to(&mut set);
        if inverted {
            set.invert();
        }
        Ok(set)
    }

    /// The name in `[:name:]`, `[=name=]` or `[.name.]`, behind its bracket.
    fn class(&mut self, mark: u8) -> Result<&'p [u8], Invalid> {
        let inner = self.rest.get(1..).ok_or(Invalid::Syntax)?;
        let end = memchr::memchr(mark, inner).ok_or(Invalid::Syntax)?;
        if inner.get(end + 1) != Some(&b']') {
            return Err(Invalid::Syntax);
        }
        self.rest = &inner[end + 2..];
        Ok(&inner[..end])
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

/// What stands before a place in a bracket expression.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// A byte that may begin a range.
    Byte(u8),
    /// What cannot.
    Class,
}

impl Before {
    fn add_to(self, set: &mut ByteSet) {
        if let Before::Byte(byte) = self {
            set.insert(byte);
        }
    }
}

/// Adds a class of characters, as the C locale has it.
fn add_class(set: &mut ByteSet, name: &[u8]) -> Result<(), Invalid> {
    let is_member: fn(&u8) -> bool = match name.to_ascii_lowercase().as_slice() {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"d" | b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"s" | b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"w" => |byte| byte.is_ascii_alphanumeric() || *byte == b'_',
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return Err(Invalid::Syntax),
    };
    (0..=u8::MAX).filter(is_member).for_each(|byte| set.insert(byte));
    Ok(())
}

/// The byte that a POSIX name stands for. What has no name of its own but itself are the letters.
fn collating_element(name: &[u8]) -> Result<u8, Invalid> {
    const NAMES: [(&[u8], u8); 43] = [
        (b"space", b' '),
        (b"exclamation-mark", b'!'),
        (b"quotation-mark", b'"'),
        (b"number-sign", b'#'),
        (b"dollar-sign", b'$'),
        (b"percent-sign", b'%'),
        (b"ampersand", b'&'),
        (b"apostrophe", b'\''),
        (b"left-parenthesis", b'('),
        (b"right-parenthesis", b')'),
        (b"asterisk", b'*'),
        (b"plus-sign", b'+'),
        (b"comma", b','),
        (b"hyphen", b'-'),
        (b"period", b'.'),
        (b"slash", b'/'),
        (b"zero", b'0'),
        (b"one", b'1'),
        (b"two", b'2'),
        (b"three", b'3'),
        (b"four", b'4'),
        (b"five", b'5'),
        (b"six", b'6'),
        (b"seven", b'7'),
        (b"eight", b'8'),
        (b"nine", b'9'),
        (b"colon", b':'),
        (b"semicolon", b';'),
        (b"less-than-sign", b'<'),
        (b"equals-sign", b'='),
        (b"greater-than-sign", b'>'),
        (b"question-mark", b'?'),
        (b"commercial-at", b'@'),
        (b"left-square-bracket", b'['),
        (b"backslash", b'\\'),
        (b"right-square-bracket", b']'),
        (b"circumflex", b'^'),
        (b"underscore", b'_'),
        (b"grave-accent", b'`'),
        (b"left-curly-bracket", b'{'),
        (b"vertical-line", b'|'),
        (b"right-curly-bracket", b'}'),
        (b"tilde", b'~'),
    ];
    match name {
        [letter] if letter.is_ascii_alphabetic() => Ok(*letter),
        _ => NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, byte)| *byte)
            .ok_or(Invalid::Syntax),
    }
}
