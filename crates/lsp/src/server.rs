//! The methods of the protocol. Each request has its file in `requests`; notifications that change
//! documents never get here (see `ordering`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use floe_db::Change;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    CodeLens, CodeLensParams, CompletionParams, CompletionResponse, DocumentHighlight,
    DocumentHighlightParams, DocumentSymbolParams, DocumentSymbolResponse, ExecuteCommandParams,
    GotoDefinitionParams, GotoDefinitionResponse, Hover, HoverParams, InitializeParams,
    InitializeResult, InitializedParams, LSPAny, Location, PrepareRenameResponse, ReferenceParams,
    RenameParams, ServerInfo, TextDocumentPositionParams, WorkspaceEdit,
};
use tower_lsp::{Client, LanguageServer};

use crate::session::{Session, path_of};
use crate::{capabilities, diagnostics, requests, settings};

pub(crate) struct Server {
    pub(crate) session: Arc<Session>,
    pub(crate) client: Client,
}

impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let client = capabilities::client(&params.capabilities);
        if let Some(options) = &params.initialization_options {
            self.session.change(Change::Settings(settings::read(options)));
        }
        self.session.introduce(client, roots(&params));
        if let Some(process) = params.process_id {
            end_with(self.session.clone(), process);
        }
        Ok(InitializeResult {
            capabilities: capabilities::server(client),
            server_info: Some(ServerInfo {
                name: "floe".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            offset_encoding: None,
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        tokio::spawn(diagnostics::publish(self.session.clone(), self.client.clone()));
    }

    async fn shutdown(&self) -> Result<()> {
        self.session.note_shutdown();
        Ok(())
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        requests::completion::handle(&self.session, params).await
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        requests::hover::handle(&self.session, params).await
    }

    async fn goto_definition(
        &self,
        params: GotoDefinitionParams,
    ) -> Result<Option<GotoDefinitionResponse>> {
        requests::goto_definition::handle(&self.session, params).await
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        requests::references::handle(&self.session, params).await
    }

    async fn document_highlight(
        &self,
        params: DocumentHighlightParams,
    ) -> Result<Option<Vec<DocumentHighlight>>> {
        requests::document_highlight::handle(&self.session, params).await
    }

    async fn document_symbol(
        &self,
        params: DocumentSymbolParams,
    ) -> Result<Option<DocumentSymbolResponse>> {
        requests::document_symbol::handle(&self.session, params).await
    }

    async fn prepare_rename(
        &self,
        params: TextDocumentPositionParams,
    ) -> Result<Option<PrepareRenameResponse>> {
        requests::prepare_rename::handle(&self.session, params).await
    }

    async fn rename(&self, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
        requests::rename::handle(&self.session, params).await
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        requests::code_lens::handle(&self.session, params).await
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        requests::execute_command::handle(&self.session, &self.client, params).await
    }
}

#[allow(deprecated, reason = "older clients name one root only")]
fn roots(params: &InitializeParams) -> Vec<PathBuf> {
    match &params.workspace_folders {
        Some(folders) => folders.iter().filter_map(|folder| path_of(&folder.uri)).collect(),
        None => params.root_uri.iter().filter_map(path_of).collect(),
    }
}

/// Ends the session when the process that started it is gone: it cannot always say so.
fn end_with(session: Arc<Session>, process: u32) {
    let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) else {
        return;
    };
    tokio::spawn(async move {
        // Another user's process that still exists answers with "not permitted".
        while rustix::process::test_kill_process(process) != Err(rustix::io::Errno::SRCH) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        tracing::info!("the client's process is gone");
        session.client_gone.notify_one();
    });
}
