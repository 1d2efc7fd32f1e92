//! Edits of a text, and the places in it as editors count them.

use std::ops::Range;

use memchr::memchr_iter;

/// One replacement in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextEdit {
    /// The bytes that go.
    pub range: Range<u32>,
    /// What comes in their place.
    pub insert: String,
}

impl TextEdit {
    /// An edit that replaces `range`.
    pub fn replace(range: Range<u32>, insert: impl Into<String>) -> TextEdit {
        TextEdit { range, insert: insert.into() }
    }

    /// An edit that only adds text.
    pub fn insert(at: u32, insert: impl Into<String>) -> TextEdit {
        TextEdit::replace(at..at, insert)
    }

    /// An edit that only takes text away.
    pub fn delete(range: Range<u32>) -> TextEdit {
        TextEdit::replace(range, "")
    }
}

/// Which bytes of a text became which: before and behind them it is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// The bytes that went.
    pub old: Range<u32>,
    /// The bytes that came.
    pub new: Range<u32>,
}

impl Stretch {
    /// What both have changed, one after the other, and what lies between.
    pub fn then(&self, next: &Stretch) -> Stretch {
        let start = self.old.start.min(next.old.start);
        let old_end = match next.old.end > self.new.end {
            true => next.old.end - self.new.end + self.old.end,
            false => self.old.end,
        };
        let new_end = match self.new.end > next.old.end {
            true => self.new.end - next.old.end + next.new.end,
            false => next.new.end,
        };
        Stretch { old: start..old_end, new: start..new_end }
    }

    /// Where an old offset is now; nothing for one inside.
    pub fn moved(&self, offset: u32) -> Option<u32> {
        match offset {
            before if before <= self.old.start => Some(before),
            behind if behind >= self.old.end => Some(behind - self.old.end + self.new.end),
            _ => None,
        }
    }
}

/// Why a list of edits fits no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// A range ends before it starts, ends behind the text, or cuts a character in two.
    InvalidRange(Range<u32>),
    /// Two edits want to replace the same text.
    Overlap(Range<u32>, Range<u32>),
}

impl std::fmt::Display for EditError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EditError::InvalidRange(range) => {
                write!(formatter, "an edit of the bytes {range:?}, which is no range of the text")
            }
            EditError::Overlap(first, second) => {
                write!(formatter, "the edits of the bytes {first:?} and {second:?} overlap")
            }
        }
    }
}

impl std::error::Error for EditError {}

/// Applies edits that all speak of the text as it was before the first of them. Insertions at the same
/// place appear in the order of the list.
///
/// # Errors
/// When an edit does not fit the text or overlaps another; the text is then unchanged.
pub fn apply_edits(text: &mut String, edits: &[TextEdit]) -> Result<(), EditError> {
    let mut ordered: Vec<&TextEdit> = edits.iter().collect();
    ordered.sort_by_key(|edit| (edit.range.start, edit.range.end));
    for edit in &ordered {
        if text.get(edit.range.start as usize..edit.range.end as usize).is_none() {
            return Err(EditError::InvalidRange(edit.range.clone()));
        }
    }
    for pair in ordered.windows(2) {
        if pair[0].range.end > pair[1].range.start {
            return Err(EditError::Overlap(pair[0].range.clone(), pair[1].range.clone()));
        }
    }
    if let [edit] = ordered.as_slice() {
        text.replace_range(edit.range.start as usize..edit.range.end as usize, &edit.insert);
        return Ok(());
    }
    let inserted: usize = edits.iter().map(|edit| edit.insert.len()).sum();
    let mut result = String::with_capacity(text.len() + inserted);
    let mut at = 0;
    for edit in ordered {
        result.push_str(&text[at..edit.range.start as usize]);
        result.push_str(&edit.insert);
        at = edit.range.end as usize;
    }
    result.push_str(&text[at..]);
    *text = result;
    Ok(())
}

/// A place in a text, as a line and a column, both counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// The line.
    pub line: u32,
    /// The column, in the units of some [`ColumnEncoding`].
    pub column: u32,
}

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnEncoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units.
    Utf16,
    /// Unicode scalar values.
    Utf32,
}

/// Where the lines of a text start. A line ends with `\n`, `\r\n` or `\r`, as the protocol has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineIndex {
    /// The offsets behind each line end.
    starts: Vec<u32>,
    length: u32,
    /// Whether bytes, UTF-16 units and characters are the same thing in all of the text.
    is_ascii: bool,
}

impl LineIndex {
    /// Indexes a text of less than 4 GiB.
    pub fn new(text: &str) -> LineIndex {
        let bytes = text.as_bytes();
        let mut starts: Vec<u32> =
            memchr_iter(b'\n', bytes).map(|line_feed| line_feed as u32 + 1).collect();
        let feeds = starts.len();
        starts.extend(
            memchr_iter(b'\r', bytes)
                .filter(|at| bytes.get(at + 1) != Some(&b'\n'))
                .map(|at| at as u32 + 1),
        );
        if starts.len() > feeds {
            starts.sort_unstable();
        }
        LineIndex { starts, length: text.len() as u32, is_ascii: text.is_ascii() }
    }

    /// The index of a text that came about by one change of this one's.
    pub fn edited(&self, stretch: &Stretch, text: &str) -> LineIndex {
        let Stretch { old, new } = stretch;
        // At the edges `\r` and `\n` may have become neighbours, or have been.
        let bytes = text.as_bytes();
        let touches = |at: u32| {
            let around = [at.checked_sub(1), Some(at)];
            around.into_iter().flatten().any(|at| bytes.get(at as usize) == Some(&b'\r'))
        };
        if touches(new.start) || touches(new.end) {
            return LineIndex::new(text);
        }
        let inserted = &text[new.start as usize..new.end as usize];
        let within = LineIndex::new(inserted);
        let before = self.starts.partition_point(|start| *start <= old.start);
        let behind = self.starts.partition_point(|start| *start <= old.end);
        let mut starts =
            Vec::with_capacity(before + within.starts.len() + self.starts.len() - behind);
        starts.extend_from_slice(&self.starts[..before]);
        starts.extend(within.starts.iter().map(|start| start + new.start));
        let by = new.end.wrapping_sub(old.end);
        starts.extend(self.starts[behind..].iter().map(|start| start.wrapping_add(by)));
        let is_ascii = if self.is_ascii { within.is_ascii } else { text.is_ascii() };
        LineIndex { starts, length: text.len() as u32, is_ascii }
    }

    /// How many lines there are; one more than there are line ends.
    pub fn line_count(&self) -> u32 {
        self.starts.len() as u32 + 1
    }

    /// Whether bytes, UTF-16 units and characters are the same thing in all of the text.
    pub fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// The bytes of a line with its end, if there are so many lines.
    pub fn line_range(&self, line: u32) -> Option<Range<u32>> {
        let start = match line {
            0 => 0,
            _ => *self.starts.get(line as usize - 1)?,
        };
        Some(start..self.starts.get(line as usize).copied().unwrap_or(self.length))
    }

    /// The place of a byte offset. An offset behind the end counts as the end, one inside of a
    /// character as that character's start. `text` is the text that was indexed.
    pub fn line_column(&self, text: &str, offset: u32, encoding: ColumnEncoding) -> LineColumn {
        let line = self.starts.partition_point(|start| *start <= offset.min(self.length));
        self.on_line(text, offset, encoding, line as u32)
    }

    /// The same for an offset that is likely on this line or on one of the next: it is looked for there
    /// first.
    pub fn line_column_from(
        &self,
        text: &str,
        offset: u32,
        encoding: ColumnEncoding,
        line: u32,
    ) -> LineColumn {
        const NEXT: usize = 8;
        let is_behind = self.line_range(line).is_some_and(|range| range.start <= offset);
        let starts = self.starts.get(line as usize..).unwrap_or_default();
        let lines = starts.iter().take(NEXT).take_while(|start| **start <= offset).count();
        if is_behind && (lines < NEXT || starts.len() == NEXT) {
            return self.on_line(text, offset, encoding, line + lines as u32);
        }
        self.line_column(text, offset, encoding)
    }

    fn on_line(&self, text: &str, offset: u32, encoding: ColumnEncoding, line: u32) -> LineColumn {
        let mut offset = offset.min(self.length);
        let start = self.line_range(line).map_or(0, |range| range.start);
        while !text.is_char_boundary(offset as usize) {
            offset -= 1;
        }
        if self.is_ascii || encoding == ColumnEncoding::Utf8 {
            return LineColumn { line, column: offset - start };
        }
        let before = text.get(start as usize..offset as usize).unwrap_or_default();
        let column = match before.is_ascii() {
            true => before.len() as u32,
            false => before.chars().map(|character| width(character, encoding)).sum(),
        };
        LineColumn { line, column }
    }

    /// The byte offset of a place. A column behind the line counts as its end (before the line break), a
    /// line behind the last as the text's end, and a column inside of a character as its start.
    pub fn offset(&self, text: &str, place: LineColumn, encoding: ColumnEncoding) -> u32 {
        let Some(range) = self.line_range(place.line) else { return self.length };
        let line = text.get(range.start as usize..range.end as usize).unwrap_or_default();
        let line = line.trim_end_matches(['\n', '\r']);
        if self.is_ascii {
            return range.start + place.column.min(line.len() as u32);
        }
        let mut column = 0;
        for (at, character) in line.char_indices() {
            column += width(character, encoding);
            if column > place.column {
                return range.start + at as u32;
            }
        }
        range.start + line.len() as u32
    }
}

fn width(character: char, encoding: ColumnEncoding) -> u32 {
    match encoding {
        ColumnEncoding::Utf8 => character.len_utf8() as u32,
        ColumnEncoding::Utf16 => character.len_utf16() as u32,
        ColumnEncoding::Utf32 => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_speak_of_the_original_text() {
        let mut text = "{ a = 1; }".to_owned();
        let edits = [
            TextEdit::insert(9, "c = 3; "),
            TextEdit::replace(6..7, "2"),
            TextEdit::delete(0..2),
            TextEdit::insert(0, "("),
        ];
        assert_eq!(apply_edits(&mut text, &edits), Ok(()));
        assert_eq!(text, "(a = 2; c = 3; }");
    }

    #[test]
    fn edits_that_do_not_fit_change_nothing() {
        let mut text = "é = 1".to_owned();
        let overlap = [TextEdit::delete(0..3), TextEdit::replace(2..4, "x")];
        assert_eq!(apply_edits(&mut text, &overlap), Err(EditError::Overlap(0..3, 2..4)));
        for range in [1..2, 3..9, Range { start: 4, end: 3 }] {
            let edits = [TextEdit::insert(0, "a"), TextEdit::delete(range.clone())];
            assert_eq!(apply_edits(&mut text, &edits), Err(EditError::InvalidRange(range)));
        }
        assert_eq!(text, "é = 1");
    }

    #[test]
    fn an_edited_index_is_that_of_the_edited_text() {
        let mut state = 7_u32;
        let mut random = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % (below + 1)
        };
        let pieces = ["a", "\n", "\r", "\r\n", "bc\nd", "é", ""];
        for _ in 0..3000 {
            let piece = |random: &mut dyn FnMut(usize) -> usize| pieces[random(pieces.len() - 1)];
            let text: String = (0..random(8)).map(|_| piece(&mut random)).collect();
            let boundary = |at: usize| text.floor_char_boundary(at);
            let start = boundary(random(text.len()));
            let end = boundary(start + random(text.len() - start));
            let insert: String = (0..random(3)).map(|_| piece(&mut random)).collect();
            let mut edited = text.clone();
            edited.replace_range(start..end, &insert);
            let stretch = Stretch {
                old: start as u32..end as u32,
                new: start as u32..(start + insert.len()) as u32,
            };
            let again = LineIndex::new(&text).edited(&stretch, &edited);
            assert_eq!(again, LineIndex::new(&edited), "{text:?} {stretch:?} {edited:?}");
        }
    }

    #[test]
    fn a_place_is_found_from_any_line() {
        let text = "a\nbc\n".repeat(15);
        let index = LineIndex::new(&text);
        for offset in 0..=text.len() as u32 + 1 {
            let place = index.line_column(&text, offset, ColumnEncoding::Utf16);
            for line in 0..40 {
                let from = index.line_column_from(&text, offset, ColumnEncoding::Utf16, line);
                assert_eq!(from, place, "{offset} {line}");
            }
        }
    }

    #[test]
    fn what_changed_twice_changed_once() {
        let mut state = 1_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % (below + 1)
        };
        let mut edit = |text: &str| {
            let start = random(text.len() as u32);
            let end = start + random(text.len() as u32 - start);
            let insert = "abcdef"[..random(6) as usize].to_owned();
            let new = start..start + insert.len() as u32;
            let mut edited = text.to_owned();
            edited.replace_range(start as usize..end as usize, &insert);
            (edited, Stretch { old: start..end, new })
        };
        for _ in 0..1000 {
            let text = "0123456789";
            let (between, first) = edit(text);
            let (edited, second) = edit(&between);
            let Stretch { old, new } = first.then(&second);
            assert_eq!(text[..old.start as usize], edited[..new.start as usize]);
            assert_eq!(text[old.end as usize..], edited[new.end as usize..]);
        }
    }

    #[test]
    fn columns_in_every_encoding() {
        let text = "a\né𝄞b\r\nc\rd";
        let index = LineIndex::new(text);
        assert_eq!(index.line_count(), 4);
        let place = |offset, encoding| {
            let LineColumn { line, column } = index.line_column(text, offset, encoding);
            (line, column)
        };
        assert_eq!(place(8, ColumnEncoding::Utf8), (1, 6));
        assert_eq!(place(8, ColumnEncoding::Utf16), (1, 3));
        assert_eq!(place(8, ColumnEncoding::Utf32), (1, 2));
        assert_eq!(place(7, ColumnEncoding::Utf32), (1, 1));
        assert_eq!(place(13, ColumnEncoding::Utf8), (3, 0));
        assert_eq!(place(99, ColumnEncoding::Utf16), (3, 1));
        for encoding in [ColumnEncoding::Utf8, ColumnEncoding::Utf16, ColumnEncoding::Utf32] {
            for (offset, _) in text.char_indices().filter(|(_, character)| *character != '\n') {
                let place = index.line_column(text, offset as u32, encoding);
                assert_eq!(index.offset(text, place, encoding) as usize, offset);
                for line in 0..5 {
                    let from = index.line_column_from(text, offset as u32, encoding, line);
                    assert_eq!(from, place);
                }
            }
        }
        let beyond = LineColumn { line: 1, column: 50 };
        assert_eq!(index.offset(text, beyond, ColumnEncoding::Utf16), 9);
        let beyond = LineColumn { line: 9, column: 0 };
        assert_eq!(index.offset(text, beyond, ColumnEncoding::Utf16), 14);
    }
}
