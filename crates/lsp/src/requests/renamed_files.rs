//! `workspace/willRenameFiles`

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use floe_hir::Span;
use floe_ide::Move;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{RenameFilesParams, TextEdit, Uri, WorkspaceEdit};

use crate::session::{Session, path_of};

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: RenameFilesParams,
) -> Result<Option<WorkspaceEdit>> {
    let path = |uri: &str| Uri::from_str(uri).ok().and_then(|uri| path_of(&uri));
    let moves = params
        .files
        .iter()
        .filter_map(|file| Some(Move { from: path(&file.old_uri)?, to: path(&file.new_uri)? }));
    let moves: Vec<Move> = moves.collect();
    session
        .read_workspace(move |view| {
            let changes = floe_ide::moved_files(view.db, &moves).into_iter();
            let changes = changes.filter_map(|(file, edits)| {
                let uri = view.location(file, Span::default())?.uri;
                let lines = view.lines(file);
                let edits = edits.into_iter().map(|edit| {
                    let span = Span { start: edit.range.start, end: edit.range.end };
                    TextEdit::new(lines.range(span), edit.insert)
                });
                Some((uri, edits.collect()))
            });
            let changes: HashMap<Uri, Vec<TextEdit>> = changes.collect();
            (!changes.is_empty()).then(|| WorkspaceEdit::new(changes))
        })
        .await
}
