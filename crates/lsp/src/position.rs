//! Positions: lines and characters as the client counts them, bytes as everything else does.

use floe_hir::Span;
use floe_syntax::{ColumnEncoding, LineColumn, LineIndex};
use tower_lsp::ls_types::{Position, PositionEncodingKind, Range};

/// The best of the encodings that a client offers: bytes need no counting. UTF-16 is what the protocol
/// means where a client says nothing.
pub(crate) fn negotiate(offered: &[PositionEncodingKind]) -> ColumnEncoding {
    if offered.contains(&PositionEncodingKind::UTF8) {
        ColumnEncoding::Utf8
    } else if !offered.contains(&PositionEncodingKind::UTF16)
        && offered.contains(&PositionEncodingKind::UTF32)
    {
        ColumnEncoding::Utf32
    } else {
        ColumnEncoding::Utf16
    }
}

/// The protocol's name of an encoding.
pub(crate) fn encoding_kind(encoding: ColumnEncoding) -> PositionEncodingKind {
    match encoding {
        ColumnEncoding::Utf8 => PositionEncodingKind::UTF8,
        ColumnEncoding::Utf16 => PositionEncodingKind::UTF16,
        ColumnEncoding::Utf32 => PositionEncodingKind::UTF32,
    }
}

/// A text whose positions can be asked for. A position that the text does not have means the nearest
/// one that it has: a client that is out of step gets an answer.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    index: &'a LineIndex,
    encoding: ColumnEncoding,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str, index: &'a LineIndex, encoding: ColumnEncoding) -> Lines<'a> {
        Lines { text, index, encoding }
    }

    pub(crate) fn offset(&self, position: Position) -> u32 {
        let place = LineColumn { line: position.line, column: position.character };
        self.index.offset(self.text, place, self.encoding)
    }

    pub(crate) fn position(&self, offset: u32) -> Position {
        let place = self.index.line_column(self.text, offset, self.encoding);
        Position::new(place.line, place.column)
    }

    /// The same, faster where the place is on this line or a little behind it.
    pub(crate) fn position_from(&self, offset: u32, line: u32) -> Position {
        let place = self.index.line_column_from(self.text, offset, self.encoding, line);
        Position::new(place.line, place.column)
    }

    pub(crate) fn range(&self, span: Span) -> Range {
        Range::new(self.position(span.start), self.position(span.end))
    }

    pub(crate) fn span(&self, range: Range) -> Span {
        let start = self.offset(range.start);
        Span { start, end: self.offset(range.end).max(start) }
    }
}
