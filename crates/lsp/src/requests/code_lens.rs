//! `textDocument/codeLens` and `codeLens/resolve`

use std::str::FromStr;
use std::sync::Arc;

use serde_json::json;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{CodeLens, CodeLensParams, Command, Uri};

use crate::requests::execute_command::PREVIEW_OVERRIDE;
use crate::session::Session;

/// The places at once; what is said there costs an evaluation, and is asked for what is in sight.
pub(crate) async fn handle(
    session: &Arc<Session>,
    params: CodeLensParams,
) -> Result<Option<Vec<CodeLens>>> {
    let uri = params.text_document.uri.clone();
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let places = floe_ide::lens_places(view.db, file).into_iter();
            let lenses = places.map(|span| CodeLens {
                range: lines.range(span),
                command: None,
                data: Some(json!({ "uri": uri })),
            });
            Some(lenses.collect())
        })
        .await
}

pub(crate) async fn resolve(session: &Arc<Session>, mut lens: CodeLens) -> Result<CodeLens> {
    let uri = lens.data.as_ref().and_then(|data| data.get("uri")?.as_str());
    let Some(uri) = uri.and_then(|uri| Uri::from_str(uri).ok()) else { return Ok(lens) };
    let start = lens.range.start;
    let title = session
        .read_until_known(&uri, move |view, file| {
            floe_ide::lens_title(view.db, file, view.lines(file).offset(start))
        })
        .await?;
    lens.command = Some(Command {
        // A lens has to say something, even while the evaluation is not done.
        title: title.unwrap_or_else(|| "what does this override change?".to_owned()),
        command: PREVIEW_OVERRIDE.to_owned(),
        arguments: Some(vec![json!({ "uri": uri, "position": start })]),
    });
    Ok(lens)
}
