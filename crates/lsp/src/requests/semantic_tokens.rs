//! `textDocument/semanticTokens/full`, `…/full/delta` and `…/range`

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use floe_db::{File, line_index, source};
use floe_hir::Span;
use floe_ide::TokenDetail;
use floe_syntax::{ColumnEncoding, LineIndex};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    Range, SemanticToken, SemanticTokensDelta, SemanticTokensDeltaParams, SemanticTokensEdit,
    SemanticTokensFullDeltaResult, SemanticTokensParams, SemanticTokensRangeParams,
    SemanticTokensRangeResult, SemanticTokensResult,
};

use crate::session::{Session, View, lock};
use crate::written::{Text, answer_with, push_number};

pub(crate) async fn full(
    session: &Arc<Session>,
    params: SemanticTokensParams,
) -> Result<Option<SemanticTokensResult>> {
    let uri = params.text_document.uri;
    let text = session.read_document(&uri, |view, file| {
        let tokens = encode(view, file, None);
        let (number, _) = remember(view, file, &tokens);
        tokens_text(Some(number), &tokens)
    });
    answer_with(text.await?)
}

pub(crate) async fn delta(
    session: &Arc<Session>,
    params: SemanticTokensDeltaParams,
) -> Result<Option<SemanticTokensFullDeltaResult>> {
    let (uri, previous) = (params.text_document.uri, params.previous_result_id);
    let text = session.read_document(&uri, move |view, file| {
        let tokens = encode(view, file, None);
        let (number, before) = remember(view, file, &tokens);
        match before.filter(|(number, _)| number.to_string() == previous) {
            Some((_, before)) => Text::of(&SemanticTokensDelta {
                result_id: Some(number.to_string()),
                edits: edit(&before, &tokens).into_iter().collect(),
            }),
            // Of results that are gone there is no difference to tell.
            None => Ok(tokens_text(Some(number), &tokens)),
        }
    });
    answer_with(text.await??)
}

pub(crate) async fn range(
    session: &Arc<Session>,
    params: SemanticTokensRangeParams,
) -> Result<Option<SemanticTokensRangeResult>> {
    let (uri, range) = (params.text_document.uri, params.range);
    let text = session
        .read_document(&uri, move |view, file| tokens_text(None, &encode(view, file, Some(range))));
    answer_with(text.await?)
}

type Tokens = Arc<Vec<SemanticToken>>;

/// Keeps what is sent under a number of its own. Gives the number, and what was kept before.
fn remember(view: &View<'_>, file: File, tokens: &Tokens) -> (u64, Option<(u64, Tokens)>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = file.path(view.db);
    // A document that is closed again is never asked about: nothing would remove it.
    if view.session.documents().get(path).is_none() {
        return (number, None);
    }
    let kept = (number, tokens.clone());
    (number, lock(&view.session.tokens).insert(path.clone(), kept))
}

/// The protocol's `SemanticTokens`: five numbers for each.
fn tokens_text(number: Option<u64>, tokens: &[SemanticToken]) -> Text {
    // Most of the numbers have one or two digits.
    let mut json = String::with_capacity(64 + tokens.len() * 14);
    json.push('{');
    if let Some(number) = number {
        let _ = write!(json, r#""resultId":"{number}","#);
    }
    json.push_str(r#""data":["#);
    for (index, token) in tokens.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_number(&mut json, token.delta_line);
        for number in
            [token.delta_start, token.length, token.token_type, token.token_modifiers_bitset]
        {
            json.push(',');
            push_number(&mut json, number);
        }
    }
    json.push_str("]}");
    Text::from_json(json)
}

/// The one edit that makes the old tokens of the new ones. An edit of a text moves only the tokens behind
/// it on its line, the others have the same distances as before.
fn edit(old: &[SemanticToken], new: &[SemanticToken]) -> Option<SemanticTokensEdit> {
    let prefix = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - suffix], &new[..new.len() - suffix]);
    // Each token is five numbers.
    (!old.is_empty() || !new.is_empty()).then(|| SemanticTokensEdit {
        start: prefix as u32 * 5,
        delete_count: old.len() as u32 * 5,
        data: Some(new.to_vec()),
    })
}

fn encode(view: &View<'_>, file: File, range: Option<Range>) -> Tokens {
    let client = view.session.client();
    let lexical = view.session.preferences().lexical_tokens.unwrap_or(!client.has_grammar);
    let detail = if lexical { TokenDetail::All } else { TokenDetail::Names };
    let range = range.map(|range| view.lines(file).span(range));
    let tokens = floe_ide::semantic_tokens(view.db, file, range, detail);
    let text = &source(view.db, file).text;
    let mut encoder = Encoder {
        text,
        index: line_index(view.db, file),
        encoding: client.encoding,
        line: 0,
        line_span: Span::default(),
        column: 0,
        column_at: 0,
        last: (0, 0),
        encoded: Vec::with_capacity(tokens.len()),
    };
    encoder.enter_line(0);
    for token in tokens {
        if client.has_multiline_tokens {
            encoder.push(token.span, token.kind as u32, token.modifiers);
        } else {
            encoder.push_lines(token.span, token.kind as u32, token.modifiers);
        }
    }
    Arc::new(encoder.encoded)
}

/// Goes over a text once, from token to token: a search for the line of each would cost more than finding
/// the tokens.
struct Encoder<'a> {
    text: &'a str,
    index: &'a LineIndex,
    encoding: ColumnEncoding,
    line: u32,
    line_span: Span,
    /// The column of an offset on this line, in the client's units.
    column: u32,
    column_at: u32,
    /// Line and column of the last token.
    last: (u32, u32),
    encoded: Vec<SemanticToken>,
}

impl Encoder<'_> {
    fn enter_line(&mut self, line: u32) {
        let range = self.index.line_range(line).unwrap_or(u32::MAX..u32::MAX);
        self.line = line;
        self.line_span = Span { start: range.start, end: range.end };
        (self.column, self.column_at) = (0, range.start);
    }

    fn push(&mut self, span: Span, kind: u32, modifiers: u8) {
        while self.line_span.end <= span.start && self.line + 1 < self.index.line_count() {
            self.enter_line(self.line + 1);
        }
        self.column += self.width(self.column_at, span.start);
        self.column_at = span.start;
        let (last_line, last_column) = self.last;
        self.last = (self.line, self.column);
        self.encoded.push(SemanticToken {
            delta_line: self.line - last_line,
            delta_start: if self.line == last_line {
                self.column - last_column
            } else {
                self.column
            },
            length: self.width(span.start, span.end),
            token_type: kind,
            token_modifiers_bitset: u32::from(modifiers),
        });
    }

    /// One token for each line of a longer one.
    fn push_lines(&mut self, span: Span, kind: u32, modifiers: u8) {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        if !text.contains('\n') {
            return self.push(span, kind, modifiers);
        }
        let mut start = span.start;
        for line in text.split_inclusive('\n') {
            let content = line.trim_end_matches(['\n', '\r']);
            if !content.trim().is_empty() {
                let span = Span { start, end: start + content.len() as u32 };
                self.push(span, kind, modifiers);
            }
            start += line.len() as u32;
        }
    }

    fn width(&self, start: u32, end: u32) -> u32 {
        if self.encoding == ColumnEncoding::Utf8 || self.index.is_ascii() {
            return end.saturating_sub(start);
        }
        let text = self.text.get(start as usize..end as usize).unwrap_or_default();
        match self.encoding {
            ColumnEncoding::Utf16 => text.chars().map(char::len_utf16).sum::<usize>() as u32,
            _ => text.chars().count() as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(delta_start: u32) -> SemanticToken {
        SemanticToken { delta_start, length: 1, ..SemanticToken::default() }
    }

    #[test]
    fn tokens_are_five_numbers_each() {
        let tokens = [
            SemanticToken { delta_line: 1234, delta_start: 10, ..SemanticToken::default() },
            SemanticToken { length: 99, token_type: 9, token_modifiers_bitset: 100, ..token(0) },
        ];
        let written = |number| -> serde_json::Value {
            serde_json::from_str(tokens_text(number, &tokens).json()).unwrap()
        };
        let data = [1234, 10, 0, 0, 0, 0, 0, 99, 9, 100];
        assert_eq!(written(None), serde_json::json!({ "data": data }));
        assert_eq!(written(Some(7)), serde_json::json!({ "resultId": "7", "data": data }));
    }

    #[test]
    fn the_difference_of_tokens_is_one_edit() {
        let tokens = |starts: &[u32]| starts.iter().map(|start| token(*start)).collect::<Vec<_>>();
        let check = |old: &[u32], new: &[u32]| {
            let edit = edit(&tokens(old), &tokens(new));
            edit.map(|edit| (edit.start, edit.delete_count, edit.data.map_or(0, |data| data.len())))
        };
        assert_eq!(check(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(check(&[1, 2, 3], &[1, 9, 3]), Some((5, 5, 1)));
        assert_eq!(check(&[1, 1], &[1, 1, 1]), Some((10, 0, 1)));
        assert_eq!(check(&[1, 2], &[]), Some((0, 10, 0)));
    }
}
