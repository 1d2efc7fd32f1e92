//! `textDocument/codeLens`

use std::sync::Arc;

use serde_json::json;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{CodeLens, CodeLensParams, Command};

use crate::requests::execute_command::PREVIEW_OVERRIDE;
use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: CodeLensParams,
) -> Result<Option<Vec<CodeLens>>> {
    let uri = params.text_document.uri.clone();
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let lenses = floe_ide::code_lenses(view.db, file).into_iter().map(|lens| {
                let range = lines.range(lens.span);
                CodeLens {
                    range,
                    command: Some(Command {
                        title: lens.title,
                        command: PREVIEW_OVERRIDE.to_owned(),
                        arguments: Some(vec![json!({ "uri": uri, "position": range.start })]),
                    }),
                    data: None,
                }
            });
            Some(lenses.collect())
        })
        .await
}
