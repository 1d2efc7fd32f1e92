//! `textDocument/documentSymbol`

use std::fmt::Write as _;
use std::sync::Arc;

use floe_hir::Span;
use floe_ide::{Symbol, SymbolKind as Kind};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentSymbolParams, DocumentSymbolResponse, Position, SymbolKind};

use crate::position::Lines;
use crate::session::Session;
use crate::written::{Text, answer_with, push_number, push_string};

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: DocumentSymbolParams,
) -> Result<Option<DocumentSymbolResponse>> {
    let outline = session.read_document(&params.text_document.uri, move |view, file| {
        let symbols = floe_ide::document_symbols(view.db, file);
        Outline::new(view.lines(file)).text(&symbols)
    });
    answer_with(outline.await?)
}

/// Writes symbols as the protocol's `DocumentSymbol[]`. Most of it are positions, thousands of them, in
/// the order of the text: each is looked for from the one before.
struct Outline<'a> {
    lines: Lines<'a>,
    /// The line of the last position.
    line: u32,
    json: String,
}

/// What an entry of the outline has on average.
const BYTES_OF_AN_ENTRY: usize = 170;

impl<'a> Outline<'a> {
    fn new(lines: Lines<'a>) -> Outline<'a> {
        Outline { lines, line: 0, json: String::new() }
    }

    fn text(mut self, symbols: &[Symbol]) -> Text {
        fn count(symbols: &[Symbol]) -> usize {
            symbols.iter().map(|symbol| 1 + count(&symbol.children)).sum()
        }
        self.json.reserve(count(symbols) * BYTES_OF_AN_ENTRY);
        self.push_all(symbols);
        Text::from_json(self.json)
    }

    fn push_all(&mut self, symbols: &[Symbol]) {
        self.json.push('[');
        for (symbol, index) in symbols.iter().zip(0..) {
            if index > 0 {
                self.json.push(',');
            }
            self.push(symbol);
        }
        self.json.push(']');
    }

    fn push(&mut self, symbol: &Symbol) {
        self.json.push_str(r#"{"name":"#);
        push_string(&mut self.json, &symbol.name);
        if let Some(detail) = &symbol.detail {
            self.json.push_str(r#","detail":"#);
            push_string(&mut self.json, detail);
        }
        let _ = write!(self.json, r#","kind":{},"range":"#, number_of(symbol.kind));
        self.push_range(symbol.span);
        self.json.push_str(r#","selectionRange":"#);
        self.push_range(symbol.focus);
        if !symbol.children.is_empty() {
            self.json.push_str(r#","children":"#);
            self.push_all(&symbol.children);
        }
        self.json.push('}');
    }

    fn push_range(&mut self, span: Span) {
        self.json.push_str(r#"{"start":"#);
        self.push_position(span.start);
        self.json.push_str(r#","end":"#);
        self.push_position(span.end);
        self.json.push('}');
    }

    fn push_position(&mut self, offset: u32) {
        let Position { line, character } = self.lines.position_from(offset, self.line);
        self.line = line;
        self.json.push_str(r#"{"line":"#);
        push_number(&mut self.json, line);
        self.json.push_str(r#","character":"#);
        push_number(&mut self.json, character);
        self.json.push('}');
    }
}

/// The protocol's number of a kind.
fn number_of(kind: Kind) -> u32 {
    let number = serde_json::to_value(symbol_kind(kind)).ok().and_then(|number| number.as_u64());
    number.unwrap_or_default() as u32
}

/// The protocol has kinds for other languages; these come closest.
pub(crate) fn symbol_kind(kind: Kind) -> SymbolKind {
    match kind {
        Kind::Set => SymbolKind::NAMESPACE,
        Kind::Function => SymbolKind::FUNCTION,
        Kind::List => SymbolKind::ARRAY,
        Kind::String => SymbolKind::STRING,
        Kind::Number => SymbolKind::NUMBER,
        Kind::Boolean => SymbolKind::BOOLEAN,
        Kind::Path => SymbolKind::FILE,
        Kind::Value => SymbolKind::VARIABLE,
    }
}

#[cfg(test)]
mod tests {
    use floe_syntax::{ColumnEncoding, LineIndex};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn symbols_are_written_as_the_protocol_has_them() {
        let text = "{\n  \"ä\\\"\" = x: x;\n  é.b = [ ];\n}";
        let index = LineIndex::new(text);
        let at = |part: &str| {
            let start = text.find(part).unwrap() as u32;
            Span { start, end: start + part.len() as u32 }
        };
        let symbol = |name: &str, kind, detail: Option<&str>, (span, focus), children| Symbol {
            name: name.to_owned(),
            kind,
            detail: detail.map(str::to_owned),
            span: at(span),
            focus: at(focus),
            children,
        };
        let inside = symbol("b", Kind::List, None, ("b = [ ]", "b"), Vec::new());
        let symbols = [
            symbol("ä\"", Kind::Function, Some("x: …"), ("\"ä\\\"\" = x: x", "\"ä\\\"\""), vec![]),
            symbol("é", Kind::Set, None, ("é.b = [ ]", "é"), vec![inside]),
        ];
        let lines = Lines::new(text, &index, ColumnEncoding::Utf16);
        let written: Value =
            serde_json::from_str(Outline::new(lines).text(&symbols).json()).unwrap();
        let range = |line: u32, start: u32, end: u32| {
            let at = |character| json!({ "line": line, "character": character });
            json!({ "start": at(start), "end": at(end) })
        };
        let expected = json!([
            { "name": "ä\"", "detail": "x: …", "kind": 12,
              "range": range(1, 2, 14), "selectionRange": range(1, 2, 7) },
            { "name": "é", "kind": 3, "range": range(2, 2, 11), "selectionRange": range(2, 2, 3),
              "children": [
                { "name": "b", "kind": 18, "range": range(2, 4, 11), "selectionRange": range(2, 4, 5) },
              ] },
        ]);
        assert_eq!(written, expected);
    }
}
