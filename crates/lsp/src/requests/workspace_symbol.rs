//! `workspace/symbol`

use std::sync::Arc;

use floe_ide::workspace_symbols;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{OneOf, WorkspaceSymbol, WorkspaceSymbolParams, WorkspaceSymbolResponse};

use crate::requests::document_symbol::symbol_kind;
use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: WorkspaceSymbolParams,
) -> Result<Option<WorkspaceSymbolResponse>> {
    session
        .read_workspace(move |view| {
            let found = workspace_symbols(view.db, &params.query).into_iter();
            let symbols = found.filter_map(|symbol| {
                Some(WorkspaceSymbol {
                    name: symbol.name.to_string(),
                    kind: symbol_kind(symbol.kind),
                    tags: None,
                    container_name: symbol.container.map(|name| name.to_string()),
                    location: OneOf::Left(view.location(symbol.file, symbol.span)?),
                    data: None,
                })
            });
            Some(WorkspaceSymbolResponse::Nested(symbols.collect()))
        })
        .await
}
