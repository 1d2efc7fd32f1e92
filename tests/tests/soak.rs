//! Somebody types, deletes and pastes for hours, and asks for this and that between: the server's text
//! stays the editor's, it says what a server says that has just opened the file, and its memory stays
//! what it was.
//!
//! The edits are random and the same in every run. `FLOE_SOAK_EDITS` says how many there are, 1,500 if
//! nothing is said; a hundred thousand are worth an evening.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use floe_tests::{Client, ClientError, checkout, floe, nixpkgs, uri};
use serde_json::{Value, json};

/// Between two looks at everything.
const EDITS_BETWEEN_CHECKS: usize = 100;
/// Then somebody goes on in another file.
const EDITS_IN_A_FILE: usize = 500;
const LARGEST_FILE: u64 = 60_000;

#[test]
fn a_long_session_stays_right_and_small() {
    let edits = env::var("FLOE_SOAK_EDITS").ok().map_or(1_500, |edits| {
        edits.parse().expect("FLOE_SOAK_EDITS is the number of edits to make")
    });
    let files = files();
    let workspace = tempfile::tempdir().expect("a folder");
    let mut random = Random(20);
    let mut client = start(workspace.path());
    let mut typist = Typist::new(&files, workspace.path(), &mut random);
    typist.open(&mut client);

    let mut memory = Vec::new();
    for edit in 1..=edits {
        typist.edit(&mut client, &files, &mut random);
        if random.below(8) == 0 {
            typist.ask(&mut client, &mut random);
        }
        if edit % EDITS_BETWEEN_CHECKS == 0 {
            typist.check(&mut client, workspace.path());
            memory.push(resident_kilobytes(client.process_id()));
        }
        if edit % EDITS_IN_A_FILE == 0 {
            typist.close(&mut client);
            typist = Typist::new(&files, workspace.path(), &mut random);
            typist.open(&mut client);
        }
    }
    client.shutdown().expect("an orderly end");

    // Names, once met, are kept for the life of the process; nothing else may add up.
    let early = memory.iter().take(memory.len().div_ceil(4)).copied().max().unwrap_or_default();
    let late = memory.last().copied().unwrap_or_default();
    assert!(late < early * 3 / 2 + 100_000, "{early} kB became {late} kB: {memory:?}");
}

/// Who edits a document, and what it should say.
struct Typist {
    path: PathBuf,
    text: String,
    version: i64,
    /// What is being typed, the next character last.
    typing: Vec<char>,
    /// Where.
    at: usize,
}

impl Typist {
    fn new(files: &[PathBuf], workspace: &Path, random: &mut Random) -> Typist {
        let text = fs::read_to_string(random.of(files)).expect("a text");
        let path = workspace.join(format!("{}.nix", random.below(1_000_000)));
        Typist { path, text, version: 1, typing: Vec::new(), at: 0 }
    }

    fn open(&self, client: &mut Client) {
        client.open(&self.path, &self.text).expect("an open document");
    }

    fn close(&self, client: &mut Client) {
        let document = json!({ "uri": uri(&self.path) });
        client
            .notify("textDocument/didClose", json!({ "textDocument": document }))
            .expect("a closed document");
    }

    /// One message with an edit or two.
    fn edit(&mut self, client: &mut Client, files: &[PathBuf], random: &mut Random) {
        let mut changes = Vec::new();
        for _ in 0..=random.below(12) / 11 {
            changes.push(self.change(files, random));
        }
        self.version += 1;
        let document = json!({ "uri": uri(&self.path), "version": self.version });
        client
            .notify(
                "textDocument/didChange",
                json!({ "textDocument": document, "contentChanges": changes }),
            )
            .expect("an edited document");
    }

    fn change(&mut self, files: &[PathBuf], random: &mut Random) -> Value {
        if let Some(character) = self.typing.pop() {
            let at = self.at;
            self.at += character.len_utf8();
            return self.replace(at, at, &character.to_string());
        }
        let at = self.boundary(random.below(self.text.len() + 1));
        match random.below(10) {
            0..=5 => {
                self.typing = random.of(TYPED).chars().rev().collect();
                self.at = at;
                self.change(files, random)
            }
            6 => self.replace(at, self.boundary(at + 1).max(at), ""),
            7 => self.replace(at, self.boundary(at + random.below(200)), ""),
            8 => {
                let other = fs::read_to_string(random.of(files)).expect("a text");
                let lines: Vec<&str> = other.split_inclusive('\n').collect();
                let from = random.below(lines.len());
                let pasted: String = lines[from..].iter().take(random.below(20)).copied().collect();
                // Nothing grows for ever.
                let end = if self.text.len() > 100_000 { at + 20_000 } else { at };
                self.replace(at, self.boundary(end), &pasted)
            }
            _ => {
                let whole = self.text.clone();
                json!({ "text": whole })
            }
        }
    }

    fn replace(&mut self, start: usize, end: usize, insert: &str) -> Value {
        let range = json!({ "start": self.position(start), "end": self.position(end) });
        self.text.replace_range(start..end, insert);
        json!({ "range": range, "text": insert })
    }

    /// The nearest place before that does not cut a character, or a line's end, in two.
    fn boundary(&self, at: usize) -> usize {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        match self.text[..at].ends_with('\r') && self.text[at..].starts_with('\n') {
            true => at - 1,
            false => at,
        }
    }

    /// A place as the protocol has it, in UTF-16.
    fn position(&self, at: usize) -> Value {
        let before = self.text[..at].replace("\r\n", "\n").replace('\r', "\n");
        let line = before.matches('\n').count();
        let last = before.rsplit('\n').next().unwrap_or_default();
        json!({ "line": line, "character": last.encode_utf16().count() })
    }

    /// Asks for anything. Whether the answer makes sense is for other tests to say; there must be one.
    fn ask(&self, client: &mut Client, random: &mut Random) {
        let at = self.boundary(random.below(self.text.len() + 1));
        let method = random.of(REQUESTS);
        let mut params = json!({
            "textDocument": { "uri": uri(&self.path) },
            "position": self.position(at),
            "context": { "triggerKind": 1, "includeDeclaration": true },
        });
        if *method == "textDocument/rename" {
            params["newName"] = json!("renamed");
        }
        match client.request(method, params) {
            Ok(_) | Err(ClientError::Refused { .. }) => {}
            Err(error) => panic!("{method} in {}: {error}\n{}", self.path.display(), self.text),
        }
    }

    fn check(&self, client: &mut Client, workspace: &Path) {
        let document = json!({ "textDocument": { "uri": uri(&self.path) } });
        let text = client.request("floe/text", document.clone()).expect("the text");
        assert_eq!(text.as_str(), Some(self.text.as_str()));

        let mut fresh = start(workspace);
        self.open(&mut fresh);
        for method in ["textDocument/diagnostic", "textDocument/documentSymbol"] {
            let look = |client: &mut Client| {
                let mut found = client.request(method, document.clone()).expect(method);
                if let Some(report) = found.as_object_mut() {
                    report.remove("resultId");
                }
                found
            };
            assert_eq!(look(client), look(&mut fresh), "{method}\n{}", self.text);
        }
        fresh.shutdown().expect("an orderly end");
    }
}

const TYPED: &[&str] = &[
    "foo = bar;\n",
    "{ a, b ? 1, ... }: ",
    "let x = 1; in x",
    "with lib; ",
    "rec { a = b; b = 1; }",
    "inherit (lib) mkIf mkOption;\n",
    "\"text ${pkgs.hello} more\"",
    "''\n  indented\n  ''",
    "[ 1 2 3 ]",
    "# a comment\n",
    "/* another */",
    ".",
    ";",
    "{",
    "}",
    "(",
    ")",
    "\"",
    "''",
    "${",
    "x: y: x + y",
    "<nixpkgs>",
    "./path",
    "if a then b else c",
    "a.b.c = 1;",
    "ä𝄞\r\n",
];

const REQUESTS: &[&str] = &[
    "textDocument/completion",
    "textDocument/hover",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/documentSymbol",
    "textDocument/rename",
    "textDocument/prepareRename",
    "textDocument/foldingRange",
    "textDocument/semanticTokens/full",
    "textDocument/signatureHelp",
];

/// A server with a client that counts in UTF-16, which takes the most work.
fn start(workspace: &Path) -> Client {
    let mut command = Command::new(floe());
    command.arg("lsp").stderr(Stdio::null()).env("NIX_PATH", "");
    let mut client = Client::start(&mut command).expect("a server");
    let folders = json!([{ "uri": uri(workspace), "name": "workspace" }]);
    let capabilities = json!({
        "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true } },
    });
    client
        .request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "workspaceFolders": folders,
                "capabilities": capabilities,
            }),
        )
        .expect("an answer");
    client.notify("initialized", json!({})).expect("a server");
    client
}

/// A few hundred files of nixpkgs, or those of the checkout.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    match nixpkgs() {
        Some(nixpkgs) => {
            for folder in ["lib", "nixos/modules/services", "pkgs/build-support"] {
                collect(&nixpkgs.join(folder), &mut files);
            }
        }
        None => collect(&checkout().join("fixtures"), &mut files),
    }
    files.sort();
    assert!(!files.is_empty(), "no files to edit");
    let step = files.len().div_ceil(300);
    files.into_iter().step_by(step).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let small = entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_FILE);
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "nix") && small {
            files.push(path);
        }
    }
}

fn resident_kilobytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.unwrap_or_default()
}

/// Numbers without a pattern, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
