//! The other side: a small blocking client, for the demo, the benchmark and whole-program tests.
//!
//! It starts a server as a child process, speaks JSON-RPC over its standard streams, answers what the
//! server asks of an editor, and keeps what the server says until somebody wants it.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{self, BufRead, BufReader, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A running server and the connection to it.
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Message>,
    /// What the server said of its own accord, answered if it was a request.
    said: VecDeque<(Instant, Value)>,
    /// Answers to requests that nobody has asked about yet.
    answers: VecDeque<(Instant, Value)>,
    /// When the last byte of what was last asked for had arrived.
    arrived: Instant,
    configuration: Value,
    next_id: u64,
    patience: Duration,
}

/// A message as it came.
struct Message {
    body: Vec<u8>,
    arrived: Instant,
}

/// Why a server gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It cannot be started or written to.
    #[error("cannot talk to the server: {0}")]
    Io(#[from] io::Error),
    /// It has ended, or closed its output.
    #[error("the server is gone while {0} was awaited")]
    Gone(String),
    /// It took too long.
    #[error("the server did not send {awaited} within {patience:?}")]
    Silent {
        /// What was awaited.
        awaited: String,
        /// For how long.
        patience: Duration,
    },
    /// It answered with an error.
    #[error("the server refused {method}: {error}")]
    Refused {
        /// The request.
        method: String,
        /// The protocol's error object.
        error: Value,
    },
}

impl Client {
    /// Starts `command` as a server. Its standard error stays where the command says.
    pub fn start(command: &mut Command) -> Result<Client, ClientError> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let input = child.stdin.take();
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Ok(Some(body)) = read_message(&mut output) {
                if sender.send(Message { body, arrived: Instant::now() }).is_err() {
                    return;
                }
            }
        });
        Ok(Client {
            child,
            input,
            messages,
            said: VecDeque::new(),
            answers: VecDeque::new(),
            arrived: Instant::now(),
            configuration: Value::Null,
            next_id: 1,
            patience: Duration::from_secs(60),
        })
    }

    /// How long an answer may take; a minute at first.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// What the server is answered when it asks for its configuration.
    pub fn set_configuration(&mut self, configuration: Value) {
        self.configuration = configuration;
    }

    /// When the answer or notification that was last waited for had arrived, before it was read as JSON:
    /// for long answers that takes this client longer than some servers need to write them.
    pub fn arrived(&self) -> Instant {
        self.arrived
    }

    /// The server's process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// `initialize` and `initialized`, as an editor that has opened `folder`.
    pub fn initialize(&mut self, folder: &Path, settings: &Value) -> Result<Value, ClientError> {
        let capabilities = json!({
            "general": { "positionEncodings": ["utf-8", "utf-16"] },
            "textDocument": {
                "hover": { "contentFormat": ["markdown", "plaintext"] },
                "publishDiagnostics": { "relatedInformation": true, "codeDescriptionSupport": true },
                "completion": {
                    "completionItem": { "documentationFormat": ["markdown"], "snippetSupport": true },
                },
                "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
            },
        });
        let answer = self.request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "rootUri": uri(folder),
                "workspaceFolders": [{ "uri": uri(folder), "name": "workspace" }],
                "capabilities": capabilities,
                "initializationOptions": settings,
            }),
        )?;
        self.notify("initialized", json!({}))?;
        Ok(answer)
    }

    /// `textDocument/didOpen` with the text given, which need not be the one on disk.
    pub fn open(&mut self, path: &Path, text: &str) -> Result<(), ClientError> {
        let document = json!({ "uri": uri(path), "languageId": "nix", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }))
    }

    /// `textDocument/didChange` to a whole new text.
    pub fn change(&mut self, path: &Path, version: i64, text: &str) -> Result<(), ClientError> {
        self.notify(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri(path), "version": version },
                "contentChanges": [{ "text": text }],
            }),
        )
    }

    /// A request about a place; line and character count from 0.
    pub fn request_at(
        &mut self,
        method: &str,
        path: &Path,
        line: u32,
        character: u32,
    ) -> Result<Value, ClientError> {
        self.request(
            method,
            json!({
                "textDocument": { "uri": uri(path) },
                "position": { "line": line, "character": character },
                "context": { "triggerKind": 1, "includeDeclaration": true },
            }),
        )
    }

    /// Sends a request and waits for its result.
    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, ClientError> {
        let id = self.begin(method, params)?;
        self.finish(id, method)
    }

    /// Sends a request. What is given is its id, for [`Client::finish`].
    pub fn begin(&mut self, method: &str, params: Value) -> Result<u64, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        if !params.is_null() {
            message["params"] = params;
        }
        self.send(&message)?;
        Ok(id)
    }

    /// Waits for the result of a request that was sent before.
    pub fn finish(&mut self, id: u64, method: &str) -> Result<Value, ClientError> {
        let deadline = Instant::now() + self.patience;
        loop {
            let place = self.answers.iter().position(|(_, answer)| answer["id"] == json!(id));
            if let Some((arrived, mut answer)) = place.and_then(|place| self.answers.remove(place))
            {
                self.arrived = arrived;
                return match answer.get("error") {
                    Some(error) => Err(ClientError::Refused {
                        method: method.to_owned(),
                        error: error.clone(),
                    }),
                    None => Ok(answer["result"].take()),
                };
            }
            let message = self.receive(deadline, method)?;
            self.keep(message)?;
        }
    }

    /// Whether a request that was sent has been answered by now.
    pub fn is_answered(&mut self, id: u64) -> Result<bool, ClientError> {
        while let Ok(message) = self.messages.try_recv() {
            self.keep(message)?;
        }
        Ok(self.answers.iter().any(|(_, answer)| answer["id"] == json!(id)))
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: Value) -> Result<(), ClientError> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        message["params"] = params;
        self.send(&message)
    }

    /// The parameters of the next notification or request of the server of this method that is `wanted`.
    /// Earlier ones of the method are dropped.
    pub fn wait_for(
        &mut self,
        method: &str,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Result<Value, ClientError> {
        let deadline = Instant::now() + self.patience;
        loop {
            let kept = self.said.iter().position(|(_, message)| message["method"] == method);
            if let Some((arrived, mut message)) = kept.and_then(|index| self.said.remove(index)) {
                let params = message["params"].take();
                if wanted(&params) {
                    self.arrived = arrived;
                    return Ok(params);
                }
                continue;
            }
            let message = self.receive(deadline, method)?;
            self.keep(message)?;
        }
    }

    /// The next diagnostics of the file that are `wanted`.
    pub fn diagnostics(
        &mut self,
        path: &Path,
        mut wanted: impl FnMut(&[Value]) -> bool,
    ) -> Result<Vec<Value>, ClientError> {
        let uri = uri(path);
        let list = |params: &Value| params["diagnostics"].as_array().cloned().unwrap_or_default();
        let params = self.wait_for("textDocument/publishDiagnostics", |params| {
            params["uri"] == uri.as_str() && wanted(&list(params))
        })?;
        Ok(list(&params))
    }

    /// `shutdown` and `exit`, as the protocol asks; waits for the process.
    pub fn shutdown(mut self) -> Result<ExitStatus, ClientError> {
        self.request("shutdown", Value::Null)?;
        self.notify("exit", Value::Null)?;
        self.input = None;
        Ok(self.child.wait()?)
    }

    /// The error that the server answers a message with that has no id which it could read.
    pub fn wait_for_refusal(&mut self) -> Result<Value, ClientError> {
        let deadline = Instant::now() + self.patience;
        loop {
            let place = self.answers.iter().position(|(_, answer)| answer["id"].is_null());
            if let Some((_, mut answer)) = place.and_then(|place| self.answers.remove(place)) {
                return Ok(answer["error"].take());
            }
            let message = self.receive(deadline, "an error")?;
            self.keep(message)?;
        }
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> Result<ExitStatus, ClientError> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let awaited = "its end".to_owned();
                return Err(ClientError::Silent { awaited, patience: self.patience });
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends bytes as they are, for tests of what a server does with a broken message.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let gone = || ClientError::Io(io::ErrorKind::BrokenPipe.into());
        let input = self.input.as_mut().ok_or_else(gone)?;
        input.write_all(bytes)?;
        Ok(input.flush()?)
    }

    /// Sends a message as it is, whatever it says.
    pub fn send(&mut self, message: &Value) -> Result<(), ClientError> {
        let body = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }

    fn receive(&self, deadline: Instant, awaited: &str) -> Result<Message, ClientError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Disconnected => ClientError::Gone(awaited.to_owned()),
            RecvTimeoutError::Timeout => {
                ClientError::Silent { awaited: awaited.to_owned(), patience: self.patience }
            }
        })
    }

    /// Keeps what the server sent, and answers it as an editor does if it is a request.
    fn keep(&mut self, Message { body, arrived }: Message) -> Result<(), ClientError> {
        let message: Value = serde_json::from_slice(&body).map_err(io::Error::from)?;
        let Some(method) = message["method"].as_str() else {
            self.answers.push_back((arrived, message));
            return Ok(());
        };
        if let Some(id) = message.get("id") {
            let result = match method {
                "workspace/configuration" => {
                    let items = message["params"]["items"].as_array().map_or(0, Vec::len);
                    json!(vec![&self.configuration; items])
                }
                "workspace/applyEdit" => json!({ "applied": true }),
                _ => Value::Null,
            };
            self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))?;
        }
        self.said.push_back((arrived, message));
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `file:` URI of an absolute path.
pub fn uri(path: &Path) -> String {
    format!("file://{}", uri_path(path))
}

/// A path as it stands in a URI, with what means something there escaped.
pub fn uri_path(path: &Path) -> String {
    let mut escaped = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

fn read_message(output: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse().ok();
        }
    }
    let length: usize = length.ok_or_else(|| io::Error::other("a message without a length"))?;
    let mut body = vec![0; length];
    output.read_exact(&mut body)?;
    Ok(Some(body))
}
