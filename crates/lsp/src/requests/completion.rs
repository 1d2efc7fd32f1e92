//! `textDocument/completion`

use std::sync::Arc;

use floe_ide::{CompletionItem as Item, CompletionKind as Kind};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionParams, CompletionResponse,
    CompletionTextEdit, Documentation, MarkupContent, MarkupKind, Range, TextEdit,
};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: CompletionParams,
) -> Result<Option<CompletionResponse>> {
    let at = params.text_document_position;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let found = floe_ide::completion(view.db, file, lines.offset(at.position));
            let range = lines.range(found.replace);
            let items = found.items.into_iter().enumerate();
            Some(CompletionResponse::List(CompletionList {
                is_incomplete: found.incomplete,
                items: items.map(|(rank, item)| convert(item, rank, range)).collect(),
            }))
        })
        .await
}

fn convert(item: Item, rank: usize, range: Range) -> CompletionItem {
    CompletionItem {
        kind: Some(match item.kind {
            Kind::Attribute | Kind::Option => CompletionItemKind::FIELD,
            Kind::OptionSet => CompletionItemKind::MODULE,
            Kind::Builtin | Kind::Function => CompletionItemKind::FUNCTION,
            Kind::Constant => CompletionItemKind::CONSTANT,
            Kind::Variable => CompletionItemKind::VARIABLE,
            Kind::Parameter => CompletionItemKind::VALUE,
            Kind::Keyword => CompletionItemKind::KEYWORD,
            Kind::Package => CompletionItemKind::CLASS,
            Kind::File => CompletionItemKind::FILE,
            Kind::Folder => CompletionItemKind::FOLDER,
        }),
        detail: item.detail,
        documentation: item.documentation.map(|value| {
            Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })
        }),
        sort_text: Some(format!("{rank:06}")),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, item.insert))),
        label: item.label,
        ..CompletionItem::default()
    }
}
