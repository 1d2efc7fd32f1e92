//! `textDocument/documentSymbol`

use std::sync::Arc;

use floe_ide::{Symbol, SymbolKind as Kind};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, SymbolKind,
};

use crate::position::Lines;
use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: DocumentSymbolParams,
) -> Result<Option<DocumentSymbolResponse>> {
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let symbols = floe_ide::document_symbols(view.db, file);
            let symbols = symbols.into_iter().map(|symbol| convert(&lines, symbol)).collect();
            Some(DocumentSymbolResponse::Nested(symbols))
        })
        .await
}

#[allow(deprecated, reason = "the type has a deprecated field without a default")]
fn convert(lines: &Lines<'_>, symbol: Symbol) -> DocumentSymbol {
    let children: Vec<_> = symbol.children.into_iter().map(|child| convert(lines, child)).collect();
    DocumentSymbol {
        name: symbol.name,
        detail: symbol.detail,
        kind: symbol_kind(symbol.kind),
        tags: None,
        deprecated: None,
        range: lines.range(symbol.span),
        selection_range: lines.range(symbol.focus),
        children: (!children.is_empty()).then_some(children),
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
