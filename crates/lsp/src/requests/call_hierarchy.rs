//! `textDocument/prepareCallHierarchy`, `callHierarchy/incomingCalls` and `callHierarchy/outgoingCalls`

use std::sync::Arc;

use floe_ide::{CallItem, Calls};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    CallHierarchyIncomingCall, CallHierarchyIncomingCallsParams, CallHierarchyItem,
    CallHierarchyOutgoingCall, CallHierarchyOutgoingCallsParams, CallHierarchyPrepareParams, Range,
    SymbolKind,
};

use crate::session::{Session, View};

pub(crate) async fn prepare(
    session: &Arc<Session>,
    params: CallHierarchyPrepareParams,
) -> Result<Option<Vec<CallHierarchyItem>>> {
    let at = params.text_document_position_params;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let item = floe_ide::call_hierarchy(view.db, file, offset)?;
            Some(vec![convert(view, &item)?])
        })
        .await
}

pub(crate) async fn incoming(
    session: &Arc<Session>,
    params: CallHierarchyIncomingCallsParams,
) -> Result<Option<Vec<CallHierarchyIncomingCall>>> {
    let item = params.item;
    session
        .read_document(&item.uri, move |view, file| {
            let offset = view.lines(file).offset(item.selection_range.start);
            let calls = floe_ide::incoming_calls(view.db, file, offset).into_iter();
            let calls = calls.filter_map(|calls| {
                let lines = view.lines(calls.item.file);
                Some(CallHierarchyIncomingCall {
                    from: convert(view, &calls.item)?,
                    from_ranges: calls.spans.iter().map(|span| lines.range(*span)).collect(),
                })
            });
            Some(calls.collect())
        })
        .await
}

pub(crate) async fn outgoing(
    session: &Arc<Session>,
    params: CallHierarchyOutgoingCallsParams,
) -> Result<Option<Vec<CallHierarchyOutgoingCall>>> {
    let item = params.item;
    session
        .read_document(&item.uri, move |view, file| {
            let lines = view.lines(file);
            let offset = lines.offset(item.selection_range.start);
            let calls = floe_ide::outgoing_calls(view.db, file, offset).into_iter();
            let ranges = |calls: &Calls| -> Vec<Range> {
                calls.spans.iter().map(|span| lines.range(*span)).collect()
            };
            let calls = calls.filter_map(|calls| {
                let from_ranges = ranges(&calls);
                Some(CallHierarchyOutgoingCall { to: convert(view, &calls.item)?, from_ranges })
            });
            Some(calls.collect())
        })
        .await
}

fn convert(view: &View<'_>, item: &CallItem) -> Option<CallHierarchyItem> {
    let lines = view.lines(item.file);
    let is_file = item.focus.start == item.focus.end;
    Some(CallHierarchyItem {
        name: item.name.clone(),
        kind: if is_file { SymbolKind::FILE } else { SymbolKind::FUNCTION },
        tags: None,
        detail: None,
        uri: view.location(item.file, item.focus)?.uri,
        range: lines.range(item.span),
        selection_range: lines.range(item.focus),
        data: None,
    })
}
