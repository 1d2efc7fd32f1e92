//! Answers that a handler writes as text itself.
//!
//! tower-lsp makes a tree of JSON values of each answer before the transport makes text of it. For the
//! outline of a file with twenty thousand bindings that costs more than finding them. A handler whose
//! answers can be long writes its result on the reader's thread, gives it to [`answer_with`], and the
//! transport puts that text where the result belongs.

use std::cell::Cell;
use std::fmt::Write as _;

use serde::Serialize;
use tower_lsp::jsonrpc::{Error, Response, Result};

/// What goes out for a request.
pub(crate) struct Answer {
    /// As tower-lsp has it; its result is null where there is a text instead.
    pub(crate) response: Response,
    /// The result.
    pub(crate) text: Option<Text>,
}

/// A result as JSON.
pub(crate) struct Text(String);

impl Text {
    /// Writes a result.
    pub(crate) fn of(result: &impl Serialize) -> Result<Text> {
        // Only a map with keys that are no strings fails, and the protocol has none.
        serde_json::to_string(result).map(Text).map_err(|_| Error::internal_error())
    }

    /// A result that is JSON already.
    pub(crate) fn from_json(json: String) -> Text {
        Text(json)
    }

    #[cfg(test)]
    pub(crate) fn json(&self) -> &str {
        &self.0
    }
}

/// Writes a number. Most are small.
pub(crate) fn push_number(json: &mut String, number: u32) {
    match number {
        0..=9 => json.push((b'0' + number as u8) as char),
        10..=99 => {
            json.push((b'0' + (number / 10) as u8) as char);
            json.push((b'0' + (number % 10) as u8) as char);
        }
        _ => drop(write!(json, "{number}")),
    }
}

/// Writes a text in quotes. Most need no escapes.
pub(crate) fn push_string(json: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

tokio::task_local! {
    static TEXT: Cell<Option<Text>>;
}

/// Answers the request of the current task with a text, in the place of what the handler returns.
pub(crate) fn answer_with<T>(text: Text) -> Result<Option<T>> {
    TEXT.try_with(|place| place.set(Some(text))).map_err(|_| Error::internal_error())?;
    Ok(None)
}

/// The answer to a request, with the text that its handler has written, if it has.
pub(crate) async fn collect<E>(
    answer: impl Future<Output = std::result::Result<Option<Response>, E>>,
) -> std::result::Result<Option<Answer>, E> {
    TEXT.scope(Cell::default(), async {
        let response = answer.await?;
        let text = TEXT.with(Cell::take);
        Ok(response.map(|response| Answer { response, text }))
    })
    .await
}

impl Answer {
    /// The whole message, without a header, in parts: a long text is not copied.
    pub(crate) fn into_body(self) -> serde_json::Result<Vec<Vec<u8>>> {
        match self.text {
            Some(text) if self.response.is_ok() => {
                let id = serde_json::to_string(self.response.id())?;
                Ok(vec![
                    br#"{"jsonrpc":"2.0","result":"#.to_vec(),
                    text.0.into_bytes(),
                    format!(r#","id":{id}}}"#).into_bytes(),
                ])
            }
            _ => Ok(vec![serde_json::to_vec(&self.response)?]),
        }
    }
}
