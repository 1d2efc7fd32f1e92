//! Answers that a handler writes as text itself.
//!
//! tower-lsp makes a tree of JSON values of each answer before the transport makes text of it. For the
//! outline of a file with twenty thousand bindings that costs more than finding them. A handler whose
//! answers can be long writes its result on the reader's thread, gives it to [`answer_with`], and the
//! transport puts that text where the result belongs.

use std::cell::Cell;

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

    pub(crate) fn json(&self) -> &str {
        &self.0
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
    /// The whole message, without a header.
    pub(crate) fn body(&self) -> serde_json::Result<Vec<u8>> {
        match &self.text {
            Some(text) if self.response.is_ok() => {
                let id = serde_json::to_string(self.response.id())?;
                let message =
                    [r#"{"jsonrpc":"2.0","result":"#, text.json(), r#","id":"#, &id, "}"].concat();
                Ok(message.into_bytes())
            }
            _ => serde_json::to_vec(&self.response),
        }
    }
}
