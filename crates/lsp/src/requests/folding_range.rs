//! `textDocument/foldingRange`

use std::sync::Arc;

use floe_db::source;
use floe_ide::{Fold, FoldKind};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{FoldingRange, FoldingRangeKind, FoldingRangeParams};

use crate::position::Lines;
use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: FoldingRangeParams,
) -> Result<Option<Vec<FoldingRange>>> {
    let client = session.client();
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let (lines, text) = (view.lines(file), &source(view.db, file).text);
            let folds = floe_ide::folding_ranges(view.db, file).into_iter();
            let folds = folds.filter_map(|fold| match client.folds_lines {
                true => whole_lines(&lines, text, fold),
                false => Some(convert(&lines, fold)),
            });
            let most = client.most_folds.map_or(usize::MAX, |most| most as usize);
            Some(folds.take(most).collect())
        })
        .await
}

fn convert(lines: &Lines<'_>, fold: Fold) -> FoldingRange {
    let range = lines.range(fold.span);
    FoldingRange {
        start_line: range.start.line,
        start_character: Some(range.start.character),
        end_line: range.end.line,
        end_character: Some(range.end.character),
        kind: kind(fold.kind),
        collapsed_text: None,
    }
}

/// The line of a closing bracket stays in sight, unless there is more on it.
fn whole_lines(lines: &Lines<'_>, text: &str, fold: Fold) -> Option<FoldingRange> {
    let range = lines.range(fold.span);
    let before = text[..fold.span.end as usize].rsplit('\n').next().unwrap_or_default();
    let closes = fold.kind == FoldKind::Code && before.trim().is_empty();
    let end_line = range.end.line - u32::from(closes);
    (range.start.line < end_line).then(|| FoldingRange {
        start_line: range.start.line,
        start_character: None,
        end_line,
        end_character: None,
        kind: kind(fold.kind),
        collapsed_text: None,
    })
}

fn kind(kind: FoldKind) -> Option<FoldingRangeKind> {
    match kind {
        FoldKind::Code => None,
        FoldKind::Comment => Some(FoldingRangeKind::Comment),
        FoldKind::Imports => Some(FoldingRangeKind::Imports),
        FoldKind::Region => Some(FoldingRangeKind::Region),
    }
}
