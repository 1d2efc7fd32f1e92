//! How long a language server lets an editor wait in one file, for `cargo xtask bench`.
//!
//! `edit_latency FOLDER FILE EDITS COMMAND…` starts any server, opens FILE in the workspace FOLDER,
//! types a letter at the end of EDITS words and takes it back, waiting for diagnostics each time; then
//! does so asking for completion at once. The places are random and the same in each run. It prints
//! lines of a name and a number: milliseconds, and `memory` in bytes.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use floe_lsp::client::{Client, ClientError, uri};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let mut next = || arguments.next().ok_or("usage: edit_latency FOLDER FILE EDITS COMMAND…");
    let folder = PathBuf::from(next()?);
    let path = PathBuf::from(next()?);
    let edits: usize = next()?.to_str().and_then(|edits| edits.parse().ok()).ok_or("EDITS")?;
    let mut command = Command::new(next()?);
    command.args(arguments).stderr(Stdio::null());

    let text = fs::read_to_string(&path)?;
    let mut places = Places { words: word_ends(&text), state: 1 };
    if places.words.is_empty() {
        return Err(format!("{} holds no words to edit", path.display()).into());
    }

    let mut out = io::stdout().lock();
    let client = Client::start(&mut command)?;
    let mut document = Document { client, path, version: 1 };
    let start = Instant::now();
    document.client.initialize(&folder, &Value::Null)?;
    writeln!(out, "initialize {:.3}", milliseconds(start))?;
    let start = Instant::now();
    document.client.open(&document.path, &text)?;
    document.await_diagnostics()?;
    writeln!(out, "open {:.3}", milliseconds(start))?;
    for _ in 0..edits {
        let place = places.next();
        let start = Instant::now();
        document.insert(place)?;
        document.await_diagnostics()?;
        writeln!(out, "diagnostics {:.3}", milliseconds(start))?;
        document.take_back(place)?;
        document.await_diagnostics()?;
    }
    for _ in 0..edits {
        let place = places.next();
        let start = Instant::now();
        document.insert(place)?;
        document.complete(place)?;
        writeln!(out, "completion {:.3}", milliseconds(start))?;
        document.await_diagnostics()?;
        document.take_back(place)?;
        document.await_diagnostics()?;
    }
    let memory = resident_bytes(document.client.process_id());
    writeln!(out, "memory {}", memory.ok_or("the server's memory cannot be told")?)?;
    document.client.shutdown()?;
    Ok(())
}

/// The open file.
struct Document {
    client: Client,
    path: PathBuf,
    version: i64,
}

/// Line and character from 0.
type Place = (usize, usize);

impl Document {
    fn insert(&mut self, (line, character): Place) -> Result<(), ClientError> {
        self.replace((line, character), (line, character), "e")
    }

    fn take_back(&mut self, (line, character): Place) -> Result<(), ClientError> {
        self.replace((line, character), (line, character + 1), "")
    }

    fn replace(&mut self, start: Place, end: Place, text: &str) -> Result<(), ClientError> {
        self.version += 1;
        let position = |(line, character)| json!({ "line": line, "character": character });
        self.client.notify(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri(&self.path), "version": self.version },
                "contentChanges": [{
                    "range": { "start": position(start), "end": position(end) },
                    "text": text,
                }],
            }),
        )
    }

    fn complete(&mut self, (line, character): Place) -> Result<Value, ClientError> {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let character = u32::try_from(character + 1).unwrap_or(u32::MAX);
        self.client.request_at("textDocument/completion", &self.path, line, character)
    }

    /// Waits for diagnostics of the present text. A server that does not say which version they are
    /// about is taken at its word.
    fn await_diagnostics(&mut self) -> Result<Value, ClientError> {
        let uri = uri(&self.path);
        let current = self.version;
        self.client.wait_for("textDocument/publishDiagnostics", |params| {
            let version = params["version"].as_i64();
            params["uri"] == uri.as_str() && version.is_none_or(|version| version == current)
        })
    }
}

/// Random places of a file; the same ones for each server.
struct Places {
    words: Vec<Place>,
    state: u64,
}

impl Places {
    fn next(&mut self) -> Place {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.words[(self.state >> 33) as usize % self.words.len()]
    }
}

/// The ends of words, in lines of ASCII alone: there, every encoding counts characters alike.
fn word_ends(text: &str) -> Vec<Place> {
    let mut ends = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.is_ascii()) {
        let code = line.split('#').next().unwrap_or_default().as_bytes();
        let is_word = |index: usize| code.get(index).is_some_and(u8::is_ascii_alphanumeric);
        let ends_here = |index: &usize| is_word(*index - 1) && !is_word(*index);
        ends.extend((1..=code.len()).filter(ends_here).map(|index| (number, index)));
    }
    ends
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
