//! Messages in, messages out: the framing of the protocol over a pair of byte streams.
//!
//! tower-lsp brings a transport of its own, which ends the session at the first message that it cannot
//! decode. A language server must outlive those: here each is answered with an error and skipped.

use std::future::poll_fn;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tower::Service;
use tower_lsp::ClientSocket;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};

use crate::written::Answer;

const CONTENT_LENGTH: &[u8] = b"content-length:";

/// A body longer than this is taken for a broken header; it is skipped, not stored.
const MAX_BODY: usize = 1 << 30;

/// Serves until `exit` arrives or `input` ends. Every message goes through [`Service::call`] in the
/// order of its arrival; the answers leave in the order in which they become ready.
pub(crate) async fn serve<I, O, S>(input: I, output: O, socket: ClientSocket, mut service: S)
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin + Send + 'static,
    S: Service<Request, Response = Option<Answer>>,
    S::Error: std::fmt::Display,
    S::Future: Future<Output = Result<Option<Answer>, S::Error>> + Send + 'static,
{
    let (outgoing, queue) = mpsc::unbounded_channel();
    let printer = tokio::spawn(print(output, queue));
    let (mut to_client, mut from_client) = socket.split();
    let requests = outgoing.clone();
    let forwarder = tokio::spawn(async move {
        while let Some(request) = to_client.next().await {
            if requests.send(encode(&request)).is_err() {
                break;
            }
        }
    });

    let mut input = BufReader::new(input);
    loop {
        let message = match read_message(&mut input).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(problem) => {
                tracing::warn!(%problem, "skipped a message");
                let error = match problem {
                    Malformed::NotAMessage { .. } => Error::invalid_request(),
                    _ => Error::parse_error(),
                };
                let _ = outgoing.send(encode(&Response::from_error(Id::Null, error)));
                continue;
            }
        };
        match message {
            Incoming::Response(response) => {
                if from_client.send(response).await.is_err() {
                    break;
                }
            }
            Incoming::Request(request) => {
                if let Err(error) = poll_fn(|context| service.poll_ready(context)).await {
                    tracing::info!(%error, "not ready");
                    break;
                }
                let exits = request.method() == "exit";
                let answer = service.call(request);
                let outgoing = outgoing.clone();
                tokio::spawn(async move {
                    match answer.await {
                        Ok(Some(answer)) => drop(outgoing.send(framed(answer.into_body()))),
                        Ok(None) => {}
                        Err(error) => tracing::warn!(%error, "a message went unanswered"),
                    }
                });
                if exits {
                    break;
                }
            }
        }
    }
    forwarder.abort();
    drop(outgoing);
    // What is still being computed has nobody to go to once the client has closed its side; what is
    // already computed is written.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), printer).await;
}

enum Incoming {
    Request(Request),
    Response(Response),
}

#[derive(Debug)]
enum Malformed {
    Header { line: String },
    NoLength,
    TooLong { length: usize },
    NotJson { error: serde_json::Error },
    NotAMessage { error: serde_json::Error },
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Malformed::Header { line } => write!(f, "expected a header line, found {line:?}"),
            Malformed::NoLength => write!(f, "a message without the header Content-Length"),
            Malformed::TooLong { length } => {
                write!(f, "a message of {length} bytes; at most {MAX_BODY} are read")
            }
            Malformed::NotJson { error } => write!(f, "a message that is not JSON: {error}"),
            Malformed::NotAMessage { error } => write!(f, "not a JSON-RPC message: {error}"),
        }
    }
}

/// The next message, or `None` where the input ends. An I/O error is an end as well.
async fn read_message<I>(input: &mut BufReader<I>) -> Result<Option<Incoming>, Malformed>
where
    I: AsyncRead + Unpin,
{
    let Some(length) = read_headers(input).await? else { return Ok(None) };
    if length > MAX_BODY {
        let mut body = input.take(length as u64);
        let _ = tokio::io::copy(&mut body, &mut tokio::io::sink()).await;
        return Err(Malformed::TooLong { length });
    }
    let mut body = vec![0; length];
    if input.read_exact(&mut body).await.is_err() {
        return Ok(None);
    }
    let value: Value =
        serde_json::from_slice(&body).map_err(|error| Malformed::NotJson { error })?;
    let message = if value.get("method").is_some() {
        serde_json::from_value(value).map(Incoming::Request)
    } else {
        serde_json::from_value(value).map(Incoming::Response)
    };
    message.map(Some).map_err(|error| Malformed::NotAMessage { error })
}

/// Reads up to the empty line that ends the headers. After a line that is no header, reading goes on
/// at the next `Content-Length`, so one bad message does not take its successors along: it begins a line,
/// or stands behind what is left of a message that was longer than it said.
async fn read_headers<I>(input: &mut BufReader<I>) -> Result<Option<usize>, Malformed>
where
    I: AsyncRead + Unpin,
{
    let mut length = None;
    let mut headers = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            match length {
                Some(length) => return Ok(Some(length)),
                None if headers > 0 => return Err(Malformed::NoLength),
                None => continue,
            }
        }
        let header = || Malformed::Header { line: String::from_utf8_lossy(text).into_owned() };
        let named = |start: &[u8]| start.eq_ignore_ascii_case(CONTENT_LENGTH);
        if let Some(start) = text.windows(CONTENT_LENGTH.len()).rposition(named) {
            let value = std::str::from_utf8(text[start + CONTENT_LENGTH.len()..].trim_ascii());
            length = Some(value.ok().and_then(|value| value.parse().ok()).ok_or_else(header)?);
        } else if !text.contains(&b':') {
            return Err(header());
        }
        headers += 1;
    }
}

/// A message behind its header, in parts.
type Framed = Vec<Vec<u8>>;

fn encode(message: &impl serde::Serialize) -> Framed {
    framed(serde_json::to_vec(message).map(|body| vec![body]))
}

fn framed(body: serde_json::Result<Vec<Vec<u8>>>) -> Framed {
    let body = body.unwrap_or_else(|error| {
        // Only a map with keys that are no strings can get here, and the protocol has none.
        tracing::error!(%error, "a message could not be written");
        vec![json!({ "jsonrpc": "2.0", "id": null }).to_string().into_bytes()]
    });
    let length: usize = body.iter().map(Vec::len).sum();
    let mut parts = vec![format!("Content-Length: {length}\r\n\r\n").into_bytes()];
    for part in body {
        match parts.last_mut() {
            // A short one costs less to copy than to write by itself.
            Some(last) if last.len() + part.len() < SHORT => last.extend(part),
            _ => parts.push(part),
        }
    }
    parts
}

/// As much as a pipe takes at once.
const SHORT: usize = 64 << 10;

async fn print<O>(mut output: O, mut queue: mpsc::UnboundedReceiver<Framed>)
where
    O: AsyncWrite + Unpin,
{
    while let Some(message) = queue.recv().await {
        let written = async {
            for part in &message {
                output.write_all(part).await?;
            }
            output.flush().await
        };
        if let Err(error) = written.await {
            tracing::info!(%error, "the client no longer reads");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(input: &[u8], expected: &Expect) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut seen = String::new();
        runtime.block_on(async {
            let mut input = BufReader::new(input);
            loop {
                match read_message(&mut input).await {
                    Ok(None) => break,
                    Ok(Some(Incoming::Request(request))) => {
                        seen += &format!("request {}\n", request.method());
                    }
                    Ok(Some(Incoming::Response(response))) => {
                        seen += &format!("response {}\n", response.id());
                    }
                    Err(problem) => seen += &format!("{problem}\n"),
                }
            }
        });
        expected.assert_eq(&seen);
    }

    #[test]
    fn a_message_after_a_malformed_one_is_read() {
        check(
            b"Content-Length: 5\r\n\r\n{\"a\":\
              Content-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"one\"}    \
              Content-Length: 2\r\n\r\n\xff\xff\
              garbage\r\n\r\n\
              Content-Length: many\r\n\r\n\
              Content-Length: 2\r\n\r\n{}\
              content-length: 38\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":null}\
              Content-Length: 3\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"two\"}\
              Content-Length: 34\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"three\"}\
              Content-Length: 99\r\n\r\n{",
            &expect![[r#"
                a message that is not JSON: EOF while parsing a value at line 1 column 5
                request one
                a message that is not JSON: expected value at line 1 column 1
                expected a header line, found "garbage"
                expected a header line, found "Content-Length: many"
                not a JSON-RPC message: missing field `jsonrpc`
                response 7
                a message that is not JSON: EOF while parsing a string at line 1 column 3
                request three
            "#]],
        );
    }
}
