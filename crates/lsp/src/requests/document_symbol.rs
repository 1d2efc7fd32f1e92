//! `textDocument/documentSymbol`

use std::sync::Arc;

use floe_ide::{Symbol, SymbolKind as Kind};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentSymbolParams, DocumentSymbolResponse, SymbolKind};

use crate::position::Lines;
use crate::session::Session;
use crate::written::{Text, answer_with};

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: DocumentSymbolParams,
) -> Result<Option<DocumentSymbolResponse>> {
    let outline = session.read_document(&params.text_document.uri, move |view, file| {
        let lines = &view.lines(file);
        let symbols = floe_ide::document_symbols(view.db, file);
        Text::of(&Outline { lines, symbols: &symbols })
    });
    answer_with(outline.await??)
}

/// Symbols as the protocol's `DocumentSymbol[]`.
struct Outline<'a> {
    lines: &'a Lines<'a>,
    symbols: &'a [Symbol],
}

impl Serialize for Outline<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let lines = self.lines;
        serializer.collect_seq(self.symbols.iter().map(|symbol| OutlineEntry { lines, symbol }))
    }
}

struct OutlineEntry<'a> {
    lines: &'a Lines<'a>,
    symbol: &'a Symbol,
}

impl Serialize for OutlineEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let OutlineEntry { lines, symbol } = *self;
        let mut entry = serializer.serialize_map(None)?;
        entry.serialize_entry("name", &symbol.name)?;
        if let Some(detail) = &symbol.detail {
            entry.serialize_entry("detail", detail)?;
        }
        entry.serialize_entry("kind", &symbol_kind(symbol.kind))?;
        entry.serialize_entry("range", &lines.range(symbol.span))?;
        entry.serialize_entry("selectionRange", &lines.range(symbol.focus))?;
        if !symbol.children.is_empty() {
            entry.serialize_entry("children", &Outline { lines, symbols: &symbol.children })?;
        }
        entry.end()
    }
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
