//! An editor without a window: documents that the server follows, and questions about places in them.

use std::{
    ffi::OsString,
    fs,
    ops::Range,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use floe_lsp::client::{Client, uri};
use floe_syntax::{ColumnEncoding, LineColumn, LineIndex};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::stage::Stage;

/// How long an editor would go on asking for an answer that is still being evaluated.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server, and the folder that is open.
pub(super) struct Editor {
    client: Client,
    home: PathBuf,
    project: PathBuf,
    columns: ColumnEncoding,
}

/// An open file.
pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) text: String,
    version: i64,
}

/// An answer, and how long it took.
pub(super) struct Timed<T> {
    pub(super) answer: T,
    pub(super) duration: Duration,
}

#[derive(Deserialize)]
struct Position {
    line: u32,
    character: u32,
}

#[derive(Deserialize)]
struct Span {
    start: Position,
    end: Position,
}

/// One line of a completion popup.
#[derive(Deserialize)]
pub(super) struct Completion {
    pub(super) label: String,
    #[serde(default)]
    pub(super) detail: String,
    documentation: Option<Markup>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Markup {
    Plain(String),
    Marked { value: String },
}

/// A place in a file.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// A diagnostic.
pub(super) struct Problem {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) code: String,
    pub(super) link: String,
    pub(super) related: Vec<(String, Place)>,
}

/// A line above a place in the code.
pub(super) struct Lens {
    pub(super) start: usize,
    pub(super) title: String,
}

impl Completion {
    /// What is known about it, as Markdown.
    pub(super) fn documentation(&self) -> &str {
        self.documentation.as_ref().map_or("", Markup::text)
    }

    /// The first paragraph of that, as one line.
    pub(super) fn summary(&self) -> String {
        let paragraph = self.documentation().split("\n\n").next().unwrap_or_default();
        paragraph.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Markup {
    fn text(&self) -> &str {
        match self {
            Markup::Plain(text) | Markup::Marked { value: text } => text,
        }
    }
}

impl Document {
    /// Where `needle` is.
    pub(super) fn find(&self, needle: &str) -> anyhow::Result<usize> {
        let at = self.text.find(needle);
        at.with_context(|| format!("'{}' has no '{}'", self.path.display(), needle.trim()))
    }
}

impl Editor {
    /// Starts the server on the stage's project.
    pub(super) fn start(stage: &Stage) -> anyhow::Result<Editor> {
        let mut command = stage.floe();
        command.args(["lsp", "--stdio"]).current_dir(stage.project());
        let mut client = Client::start(&mut command)?;
        client.set_patience(PATIENCE);
        let answer = client.initialize(&stage.project(), &json!({}))?;
        let columns = match answer["capabilities"]["positionEncoding"].as_str() {
            Some("utf-8") => ColumnEncoding::Utf8,
            _ => ColumnEncoding::Utf16,
        };
        Ok(Editor { client, home: stage.home(), project: stage.project(), columns })
    }

    /// Opens a file of the project.
    pub(super) fn open(&mut self, name: &str) -> anyhow::Result<Document> {
        let path = self.project.join(name);
        let text = read(&path)?;
        self.client.open(&path, &text)?;
        Ok(Document { path, text, version: 1 })
    }

    /// Closes a file without saving it.
    pub(super) fn close_document(&mut self, document: &Document) -> anyhow::Result<()> {
        let document = json!({ "textDocument": { "uri": uri(&document.path) } });
        Ok(self.client.notify("textDocument/didClose", document)?)
    }

    /// One edit, as an editor sends it.
    pub(super) fn edit(
        &mut self,
        document: &mut Document,
        range: Range<usize>,
        text: &str,
    ) -> anyhow::Result<()> {
        let span = json!({
            "start": self.position(&document.text, range.start),
            "end": self.position(&document.text, range.end),
        });
        document.text.replace_range(range, text);
        document.version += 1;
        let change = json!({
            "textDocument": { "uri": uri(&document.path), "version": document.version },
            "contentChanges": [{ "range": span, "text": text }],
        });
        Ok(self.client.notify("textDocument/didChange", change)?)
    }

    /// The completions at an offset, once `label` is among them.
    pub(super) fn complete(
        &mut self,
        document: &Document,
        offset: usize,
        label: &str,
    ) -> anyhow::Result<Timed<Vec<Completion>>> {
        let start = Instant::now();
        loop {
            let answer = self.ask_at("textDocument/completion", document, offset)?;
            let is_whole = answer["isIncomplete"] != true;
            let items = if answer.is_array() { answer } else { answer["items"].clone() };
            let items: Vec<Completion> = decode(items)?;
            // An editor asks again when told that there is more to come.
            let is_there = items.iter().any(|item| item.label == label);
            if is_there || is_whole || start.elapsed() >= PATIENCE {
                return Ok(Timed { answer: items, duration: start.elapsed() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the name at an offset is defined.
    pub(super) fn definition(
        &mut self,
        document: &Document,
        offset: usize,
    ) -> anyhow::Result<Timed<Place>> {
        let start = Instant::now();
        let answer = self.ask_at("textDocument/definition", document, offset)?;
        let duration = start.elapsed();
        let location = if answer.is_array() { &answer[0] } else { &answer };
        ensure!(location.is_object(), "the server knows no definition");
        let place = match location.get("targetUri") {
            Some(target) => self.place(target, &location["targetSelectionRange"]),
            None => self.place(&location["uri"], &location["range"]),
        }?;
        Ok(Timed { answer: place, duration })
    }

    /// The diagnostics of the document as it is now, once they are `wanted`.
    pub(super) fn problems(
        &mut self,
        document: &Document,
        mut wanted: impl FnMut(&[Problem]) -> bool,
    ) -> anyhow::Result<Timed<Vec<Problem>>> {
        let start = Instant::now();
        loop {
            let params = self.client.wait_for("textDocument/publishDiagnostics", |params| {
                params["uri"] == uri(&document.path).as_str()
                    && params["version"] == document.version
            })?;
            let duration = start.elapsed();
            let list = params["diagnostics"].as_array().context("there is no list")?;
            let problems = list.iter().map(|problem| self.problem(document, problem));
            let problems = problems.collect::<anyhow::Result<Vec<_>>>()?;
            if wanted(&problems) {
                return Ok(Timed { answer: problems, duration });
            }
        }
    }

    /// What hovering over an offset shows, as Markdown, once it is `wanted`.
    pub(super) fn hover(
        &mut self,
        document: &Document,
        offset: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Timed<String>> {
        let start = Instant::now();
        loop {
            let mut answer = self.ask_at("textDocument/hover", document, offset)?;
            let shown = match answer["contents"].take() {
                Value::Null => String::new(),
                contents => decode::<Markup>(contents)?.text().to_owned(),
            };
            if wanted(&shown) {
                return Ok(Timed { answer: shown, duration: start.elapsed() });
            }
            ensure!(start.elapsed() < PATIENCE, "hovering shows {shown:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The lines above places of the document, once they are `wanted`.
    pub(super) fn lenses(
        &mut self,
        document: &Document,
        wanted: impl Fn(&[Lens]) -> bool,
    ) -> anyhow::Result<Vec<Lens>> {
        let start = Instant::now();
        loop {
            let params = json!({ "textDocument": { "uri": uri(&document.path) } });
            let answer = self.client.request("textDocument/codeLens", params)?;
            let mut lenses = Vec::new();
            for lens in answer.as_array().into_iter().flatten() {
                let lens = self.client.request("codeLens/resolve", lens.clone())?;
                lenses.push(Lens {
                    start: self.range(&document.text, &lens["range"])?.start,
                    title: lens["command"]["title"].as_str().unwrap_or_default().to_owned(),
                });
            }
            if wanted(&lenses) {
                return Ok(lenses);
            }
            let titles: Vec<_> = lenses.into_iter().map(|lens| lens.title).collect();
            ensure!(start.elapsed() < PATIENCE, "the code lenses are {titles:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A path as its user knows it.
    pub(super) fn name(&self, path: &Path) -> String {
        if let Ok(inside) = path.strip_prefix(&self.project) {
            return inside.display().to_string();
        }
        let Ok(inside) = path.strip_prefix(&self.home) else { return path.display().to_string() };
        // Where the embedded package set is laid out, with a hash in its name.
        let packages = inside.to_str().and_then(|inside| inside.strip_prefix(".cache/floe/pkgs-"));
        match packages.and_then(|inside| inside.split_once('/')) {
            Some((_, inside)) => format!("<floe-pkgs>/{inside}"),
            None => format!("~/{}", inside.display()),
        }
    }

    /// A text for the screen, where the home folder has its short name.
    pub(super) fn shorten(&self, text: &str) -> String {
        text.replace(&*self.home.to_string_lossy(), "~")
    }

    /// Ends the server as the protocol asks.
    pub(super) fn close(self) -> anyhow::Result<()> {
        let status = self.client.shutdown()?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    fn ask_at(
        &mut self,
        method: &str,
        document: &Document,
        offset: usize,
    ) -> anyhow::Result<Value> {
        let params = json!({
            "textDocument": { "uri": uri(&document.path) },
            "position": self.position(&document.text, offset),
        });
        Ok(self.client.request(method, params)?)
    }

    fn problem(&self, document: &Document, value: &Value) -> anyhow::Result<Problem> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut related = Vec::new();
        for value in value["relatedInformation"].as_array().into_iter().flatten() {
            let location = &value["location"];
            related
                .push((text(&value["message"]), self.place(&location["uri"], &location["range"])?));
        }
        Ok(Problem {
            range: self.range(&document.text, &value["range"])?,
            message: text(&value["message"]),
            code: text(&value["code"]),
            link: text(&value["codeDescription"]["href"]),
            related,
        })
    }

    fn place(&self, uri: &Value, range: &Value) -> anyhow::Result<Place> {
        let path = file_of(uri.as_str().unwrap_or_default())?;
        let text = read(&path)?;
        let range = self.range(&text, range)?;
        Ok(Place { path, text, range })
    }

    fn position(&self, text: &str, offset: usize) -> Value {
        let LineColumn { line, column } =
            LineIndex::new(text).line_column(text, offset as u32, self.columns);
        json!({ "line": line, "character": column })
    }

    fn range(&self, text: &str, value: &Value) -> anyhow::Result<Range<usize>> {
        let Span { start, end } = decode(value.clone())?;
        let lines = LineIndex::new(text);
        let offset = |position: Position| {
            let place = LineColumn { line: position.line, column: position.character };
            lines.offset(text, place, self.columns) as usize
        };
        let range = offset(start)..offset(end);
        ensure!(range.start <= range.end, "the server sent the range {value}");
        Ok(range)
    }
}

fn decode<T: DeserializeOwned>(value: Value) -> anyhow::Result<T> {
    let shown = value.to_string();
    serde_json::from_value(value).with_context(|| format!("the server sent {shown}"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read '{}'", path.display()))
}

/// The path of a `file:` URI.
fn file_of(uri: &str) -> anyhow::Result<PathBuf> {
    let encoded = uri.strip_prefix("file://").with_context(|| format!("'{uri}' is no file"))?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| encoded_byte(tail)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

fn encoded_byte(tail: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_the_way_through_a_uri() {
        for path in ["/tmp/a b/ü.nix", "/100%/x", "/%/%4"] {
            assert_eq!(file_of(&uri(Path::new(path))).unwrap(), Path::new(path));
        }
        assert!(file_of("untitled:1").is_err());
    }
}
