//! Whatever a client sends, the server lives: it answers every request once, in messages that can be read,
//! until it is asked to end.
//!
//! A line of the input is a message: a method and its parameters as JSON, or a whole body behind `=`. A line
//! behind `>` is sent as it is, without a header. The server looks at the disk of this machine, in an empty
//! folder.
#![no_main]

use std::collections::HashMap;
use std::time::Duration;

use floe_lsp::{End, Options, run};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::io::{DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const PATIENCE: Duration = Duration::from_secs(60);

fuzz_target!(|bytes: &[u8]| {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let runtime = runtime.expect("a runtime");
    let conversation = Conversation::new(bytes);
    let end = runtime.block_on(async {
        let (to_server, input) = duplex(1 << 16);
        let (output, from_server) = duplex(1 << 16);
        let (send, messages) = unbounded_channel();
        let serve = run(Options { readers: 1 }, input, output);
        let session = async {
            tokio::join!(serve, write(to_server, messages), conversation.hold(from_server, send)).0
        };
        tokio::time::timeout(PATIENCE, session).await.expect("the session ends")
    });
    // What the session has left running ends with its runtime, as in the program.
    runtime.shutdown_timeout(PATIENCE);
    assert!(end == End::Orderly || !conversation.is_orderly);
});

/// What a thread of the last session holds that is about to end is no leak.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
    c"detect_leaks=0".as_ptr()
}

/// What the client says between `initialize` and `shutdown`.
struct Conversation {
    messages: Vec<u8>,
    /// How many answers each id is to have.
    awaited: HashMap<String, usize>,
    /// Whether nothing ends the session before its time, or takes later messages for its own body.
    is_orderly: bool,
}

impl Conversation {
    fn new(bytes: &[u8]) -> Conversation {
        let mut conversation =
            Conversation { messages: Vec::new(), awaited: HashMap::new(), is_orderly: true };
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            match line {
                [b'>', raw @ ..] => conversation.say_raw(raw),
                [b'=', body @ ..] => conversation.say(body),
                _ => {
                    let line = String::from_utf8_lossy(line);
                    let (method, params) = line.split_once(' ').unwrap_or((&line, "{}"));
                    let id = match method.contains("/did") || method.starts_with('$') {
                        true => String::new(),
                        false => format!(r#""id":{number},"#),
                    };
                    let body =
                        format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{params}}}"#);
                    conversation.say(body.as_bytes());
                }
            }
        }
        conversation
    }

    fn say_raw(&mut self, raw: &[u8]) {
        let is_length = |part: &[u8]| part.eq_ignore_ascii_case(b"content-length");
        self.is_orderly &= !raw.windows(14).any(is_length);
        self.messages.extend_from_slice(raw);
        self.messages.extend_from_slice(b"\r\n");
    }

    fn say(&mut self, body: &[u8]) {
        self.messages.extend(framed(body));
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return };
        let method = body.get("method").and_then(Value::as_str);
        self.is_orderly &= !matches!(method, Some("exit" | "shutdown"));
        let is_id = |id: &&Value| id.is_i64() || id.is_string();
        if let Some(id) = body.get("id").filter(is_id)
            && method.is_some()
            && body.get("jsonrpc").is_some_and(|version| version == "2.0")
        {
            *self.awaited.entry(id.to_string()).or_default() += 1;
        }
    }

    /// Introduces itself, says everything, and takes its leave when all is answered, or, where it is not
    /// orderly, at once. What the server asks is answered as by an editor that does not care.
    async fn hold(&self, from_server: DuplexStream, send: UnboundedSender<Vec<u8>>) {
        let say = |message: Value| drop(send.send(framed(message.to_string().as_bytes())));
        let request = |id: &str, method: &str, params: Value| {
            say(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        };
        let folder = std::env::temp_dir().join(format!("floe-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
        let root = format!("file://{}", folder.display());
        request("initialize", "initialize", json!({ "rootUri": root, "capabilities": {} }));

        let mut from_server = BufReader::new(from_server);
        let mut awaited = self.awaited.clone();
        let mut is_introduced = false;
        while let Some(message) = read(&mut from_server).await {
            let id = &message["id"];
            if message["method"].is_string() {
                if !id.is_null() {
                    say(json!({ "jsonrpc": "2.0", "id": id, "result": null }));
                }
            } else if id == "initialize" && !is_introduced {
                is_introduced = true;
                say(json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
                drop(send.send(self.messages.clone()));
                if !self.is_orderly || awaited.is_empty() {
                    request("shutdown", "shutdown", Value::Null);
                }
                if !self.is_orderly {
                    say(json!({ "jsonrpc": "2.0", "method": "exit" }));
                    drop(send.send(NO_MORE));
                }
            } else if id == "shutdown" && awaited.is_empty() {
                say(json!({ "jsonrpc": "2.0", "method": "exit" }));
            } else if self.is_orderly && !id.is_null() {
                let id = id.to_string();
                let left = awaited.get_mut(&id).unwrap_or_else(|| panic!("one more for {id}"));
                *left -= 1;
                if *left == 0 {
                    awaited.remove(&id);
                }
                if awaited.is_empty() {
                    request("shutdown", "shutdown", Value::Null);
                }
            }
        }
        assert!(awaited.is_empty() || !self.is_orderly, "never answered: {awaited:?}");
    }
}

/// In place of a message: the client closes its side.
const NO_MORE: Vec<u8> = Vec::new();

/// Writes until there is nobody left who says something, or who reads.
async fn write(mut to_server: DuplexStream, mut messages: UnboundedReceiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if message == NO_MORE {
            return;
        }
        if to_server.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// The next message, or `None` at the end.
async fn read(from_server: &mut BufReader<DuplexStream>) -> Option<Value> {
    let mut header = String::new();
    if from_server.read_line(&mut header).await.expect("UTF-8") == 0 {
        return None;
    }
    let length =
        header.strip_prefix("Content-Length: ").and_then(|length| length.strip_suffix("\r\n"));
    let length: usize = length.expect("a header").parse().expect("a number");
    let mut body = vec![0; length + 2];
    from_server.read_exact(&mut body).await.expect("as many bytes as was said");
    let body = body.strip_prefix(b"\r\n").expect("one header");
    Some(serde_json::from_slice(body).expect("JSON"))
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut message = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    message.extend_from_slice(body);
    message
}
