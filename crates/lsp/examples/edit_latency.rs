//! How long a language server lets an editor wait in one file, for `cargo xtask bench`.
//!
//! `edit_latency FOLDER FILE EDITS COMMAND…` starts any server and opens FILE in the workspace FOLDER.
//! EDITS times, it types a dot after the name of a binding, waits for the diagnostics that say so, and
//! takes it back; then, as often, it types a letter at the end of a binding's first word and asks for
//! completion at once, and in the same way for semantic tokens, document symbols and hover. The places are
//! random and the same in each run. It prints lines of a name and a number: milliseconds, and `memory` in
//! bytes. What the server does not have is left out. Times end with the last byte of an answer: how long a
//! client takes to read it as JSON is its own affair, and the same for all servers.

mod common;

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use common::{Arguments, if_known, memory};
use floe_lsp::client::{Client, ClientError, uri};
use serde_json::{Value, json};

/// Between edits, as when somebody types.
const PAUSE: Duration = Duration::from_millis(200);

/// What is asked for behind an edit.
const REQUESTS: &[(&str, &str)] = &[
    ("completion", "textDocument/completion"),
    ("tokens", "textDocument/semanticTokens/full"),
    ("symbols", "textDocument/documentSymbol"),
    ("hover", "textDocument/hover"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::new("usage: edit_latency FOLDER FILE EDITS COMMAND…");
    let (folder, path) = (arguments.path()?, arguments.path()?);
    let edits = arguments.number()?;
    let mut command = arguments.command()?;

    let text = fs::read_to_string(&path)?;
    let mut places = Places { bindings: bindings(&text), state: 1 };
    if places.bindings.is_empty() {
        return Err(format!("{} holds no bindings to edit", path.display()).into());
    }

    let mut out = io::stdout().lock();
    let client = Client::start(&mut command)?;
    let mut document = Document { client, path, version: 1 };
    let start = Instant::now();
    document.client.initialize(&folder, &Value::Null)?;
    writeln!(out, "initialize {:.3}", document.waited(start))?;
    let start = Instant::now();
    document.client.open(&document.path, &text)?;
    document.await_diagnostics()?;
    writeln!(out, "open {:.3}", document.waited(start))?;
    for _ in 0..edits {
        let place = places.next().name;
        thread::sleep(PAUSE);
        let start = Instant::now();
        document.insert(place, ".")?;
        document.await_diagnostics()?;
        writeln!(out, "diagnostics {:.3}", document.waited(start))?;
        document.take_back(place)?;
        document.await_diagnostics()?;
    }
    writeln!(out, "memory-after-diagnostics {}", memory(&document.client)?)?;
    for (name, method) in REQUESTS {
        // Edits are evaluated in the background only where somebody pauses.
        let pause = if *name == "completion" { PAUSE } else { Duration::ZERO };
        for _ in 0..edits {
            let place = places.next().word;
            thread::sleep(pause);
            let start = Instant::now();
            document.insert(place, "e")?;
            if document.ask(method, place)?.is_none() {
                break;
            }
            writeln!(out, "{name} {:.3}", document.waited(start))?;
            document.take_back(place)?;
        }
    }
    writeln!(out, "memory {}", memory(&document.client)?)?;
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
    fn insert(&mut self, place: Place, text: &str) -> Result<(), ClientError> {
        self.replace(place, place, text)
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

    /// For how long the last answer was waited for, in milliseconds.
    fn waited(&self, start: Instant) -> f64 {
        self.client.arrived().duration_since(start).as_secs_f64() * 1e3
    }

    /// `None` where the server does not know the request.
    fn ask(&mut self, method: &str, place: Place) -> Result<Option<Value>, ClientError> {
        let (line, character) = place;
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let character = u32::try_from(character + 1).unwrap_or(u32::MAX);
        if_known(self.client.request_at(method, &self.path, line, character))
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

/// Where a binding can be edited.
#[derive(Clone, Copy)]
struct Binding {
    /// The end of its name.
    name: Place,
    /// The end of the first word of its value.
    word: Place,
}

/// Random places of a file; the same ones for each server.
struct Places {
    bindings: Vec<Binding>,
    state: u64,
}

impl Places {
    fn next(&mut self) -> Binding {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.bindings[(self.state >> 33) as usize % self.bindings.len()]
    }
}

/// The bindings `name = word …` that begin a line of ASCII alone: there, every encoding of positions
/// counts alike.
fn bindings(text: &str) -> Vec<Binding> {
    let binding = |(number, line): (usize, &str)| {
        let name = line.trim_start();
        let start = line.len() - name.len();
        let (name, value) = name.split_once(" = ").filter(|_| line.is_ascii())?;
        let is_word =
            |character: char| character.is_ascii_alphanumeric() || "-_'".contains(character);
        let word = value.find(|character| !is_word(character)).unwrap_or(value.len());
        let is_binding = word > 0 && !name.is_empty() && name.chars().all(is_word);
        let (name, value) = (start + name.len(), start + name.len() + " = ".len());
        is_binding.then_some(Binding { name: (number, name), word: (number, value + word) })
    };
    text.lines().enumerate().filter_map(binding).collect()
}
