//! The protocol between an editor and the server, through the program's standard streams: who says what,
//! when, and what happens to messages that make no sense.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use floe_tests::{Client, ClientError, Home, floe, uri};
use serde_json::{Value, json};

const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const PARSE_ERROR: i64 = -32700;
const SERVER_NOT_INITIALIZED: i64 = -32002;
const REQUEST_CANCELLED: i64 = -32800;

/// A folder with a server.
struct Rig {
    home: Home,
    folder: PathBuf,
    server: Client,
    /// What `initialize` was answered.
    stated: Value,
}

impl Rig {
    fn new(capabilities: &Value) -> Rig {
        Rig::with(capabilities, &json!({}), |_| {})
    }

    /// A server for a client with these capabilities and settings, in a folder that is filled before.
    fn with(capabilities: &Value, settings: &Value, fill: impl FnOnce(&Home)) -> Rig {
        let home = Home::new();
        let folder = home.path().join("w");
        fs::create_dir(&folder).unwrap();
        fill(&home);
        let mut server = start(&home);
        let folders = json!([{ "uri": uri(&folder), "name": "w" }]);
        let stated = server.request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "workspaceFolders": folders,
                "capabilities": capabilities,
                "initializationOptions": settings,
            }),
        );
        let stated = stated.expect("the server initialises");
        server.notify("initialized", json!({})).unwrap();
        Rig { home, folder, server, stated }
    }

    /// Opens a document that need not be on disk.
    fn open(&mut self, name: &str, text: &str) -> Value {
        let path = self.folder.join(name);
        self.server.open(&path, text).unwrap();
        json!({ "uri": uri(&path) })
    }

    fn edit(&mut self, document: &Value, version: i64, changes: &Value) {
        let document = json!({ "uri": document["uri"], "version": version });
        let params = json!({ "textDocument": document, "contentChanges": changes });
        self.server.notify("textDocument/didChange", params).unwrap();
    }

    /// Asks about a document, with further parameters.
    fn ask(&mut self, method: &str, document: &Value, mut params: Value) -> Value {
        params["textDocument"] = document.clone();
        self.server.request(method, params).unwrap()
    }

    fn ask_at(&mut self, method: &str, document: &Value, line: u32, character: u32) -> Value {
        self.ask(method, document, json!({ "position": at(line, character) }))
    }

    fn text(&mut self, document: &Value) -> String {
        let text = self.ask("floe/text", document, json!({}));
        text.as_str().unwrap().to_owned()
    }

    /// Whether the server is as good as new.
    #[track_caller]
    fn expect_alive(&mut self) {
        let document = self.open("alive.nix", "{ alive = 1; }");
        let symbols = self.ask("textDocument/documentSymbol", &document, json!({}));
        assert_eq!(symbols[0]["name"], "alive", "{symbols}");
    }
}

fn start(home: &Home) -> Client {
    let mut command = home.command(floe());
    command.arg("lsp").env("NIX_PATH", "").stderr(Stdio::inherit());
    Client::start(&mut command).expect("the server starts")
}

fn at(line: u32, character: u32) -> Value {
    json!({ "line": line, "character": character })
}

fn range(start: (u32, u32), end: (u32, u32)) -> Value {
    json!({ "start": at(start.0, start.1), "end": at(end.0, end.1) })
}

/// The protocol's number of the error that a request was refused with.
#[track_caller]
fn code(answer: Result<Value, ClientError>) -> i64 {
    match answer {
        Err(ClientError::Refused { error, .. }) => error["code"].as_i64().expect("a code"),
        other => panic!("expected an error, found {other:?}"),
    }
}

fn pulls() -> Value {
    json!({
        "textDocument": { "diagnostic": {} },
        "workspace": { "diagnostics": { "refreshSupport": true } },
    })
}

// Documents.

#[test]
fn positions_are_counted_as_the_client_asks() {
    // In bytes, UTF-16 units and characters: how far `map` is from the start of the line.
    for (offered, chosen, character) in [
        (json!(["utf-8"]), "utf-8", 21),
        (json!(["utf-16"]), "utf-16", 18),
        (json!(["utf-32"]), "utf-32", 17),
        (json!(["utf-32", "utf-16", "utf-8"]), "utf-8", 21),
        (json!(null), "utf-16", 18),
    ] {
        let mut rig = Rig::new(&json!({ "general": { "positionEncodings": offered } }));
        assert_eq!(rig.stated["capabilities"]["positionEncoding"], chosen);
        let document = rig.open("a.nix", "{ \"ä\" = \"𝄞\"; b = map; }");
        let hover = rig.ask_at("textDocument/hover", &document, 0, character + 1);
        assert_eq!(hover["range"], range((0, character), (0, character + 3)), "{chosen}");
        // The edit means the same characters.
        let edits = json!([{ "range": range((0, character), (0, character + 3)), "text": "🏔" }]);
        rig.edit(&document, 2, &edits);
        assert_eq!(rig.text(&document), "{ \"ä\" = \"𝄞\"; b = 🏔; }", "{chosen}");
    }
}

#[test]
fn edits_of_one_message_follow_each_other_across_astral_characters() {
    let mut rig = Rig::new(&json!({}));
    let document = rig.open("a.nix", "{ a = \"🏔𝄞\"; }\r\n");
    // Each position is in the text that the edit before left, in UTF-16 units.
    let edits = json!([
        { "range": range((0, 9), (0, 11)), "text": "é" },
        { "range": range((0, 7), (0, 9)), "text": "🦊🦊\n" },
        { "range": range((1, 1), (1, 2)), "text": "\";" },
        { "range": range((1, 3), (1, 4)), "text": "" },
    ]);
    rig.edit(&document, 2, &edits);
    assert_eq!(rig.text(&document), "{ a = \"🦊🦊\né\"; }\r\n");
    rig.edit(
        &document,
        3,
        &json!([{ "text": "whole" }, { "range": range((0, 5), (9, 9)), "text": "!" }]),
    );
    assert_eq!(rig.text(&document), "whole!");
}

#[test]
fn a_request_sees_what_was_typed_before_it() {
    let mut rig = Rig::new(&json!({}));
    let document = rig.open("a.nix", "{ }");
    for number in 0..50 {
        rig.edit(&document, number + 2, &json!([{ "text": format!("{{ a{number} = 1; }}") }]));
        let symbols = rig.ask("textDocument/documentSymbol", &document, json!({}));
        assert_eq!(symbols[0]["name"], format!("a{number}"));
    }
}

// Diagnostics.

#[test]
fn diagnostics_are_pushed_to_a_client_that_does_not_ask() {
    let mut rig = Rig::new(&json!({}));
    assert_eq!(rig.stated["capabilities"].get("diagnosticProvider"), None);
    let document = rig.open("a.nix", "{ a = x; }");
    let path = rig.folder.join("a.nix");
    let found = rig.server.diagnostics(&path, |found| !found.is_empty()).unwrap();
    assert_eq!(found[0]["message"], "undefined variable 'x'");
    rig.edit(&document, 2, &json!([{ "text": "{ a = 1; }" }]));
    rig.server.diagnostics(&path, |found| found.is_empty()).unwrap();
}

#[test]
fn diagnostics_that_are_asked_for_are_told_once() {
    let mut rig = Rig::new(&pulls());
    let document = rig.open("a.nix", "{ a = x; }");
    let first = rig.ask("textDocument/diagnostic", &document, json!({}));
    assert_eq!(first["items"][0]["message"], "undefined variable 'x'");
    let known = json!({ "previousResultId": first["resultId"] });
    let again = rig.ask("textDocument/diagnostic", &document, known.clone());
    assert_eq!(again, json!({ "kind": "unchanged", "resultId": first["resultId"] }));
    rig.edit(&document, 2, &json!([{ "text": "{ a = 1; }" }]));
    let fixed = rig.ask("textDocument/diagnostic", &document, known);
    assert_eq!((&fixed["kind"], &fixed["items"]), (&json!("full"), &json!([])));
}

#[test]
fn the_workspace_is_checked_and_an_answer_without_news_is_held_back() {
    let fill = |home: &Home| {
        home.write("w/good.nix", "1");
        home.write("w/bad.nix", "{ a = ; }");
    };
    // This client does not watch files, so the server does.
    let mut rig = Rig::with(&pulls(), &json!({}), fill);
    let method = "workspace/diagnostic";
    let report = rig.server.request(method, json!({ "previousResultIds": [] })).unwrap();
    let bad = uri(&rig.folder.join("bad.nix"));
    assert_eq!(report["items"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["items"][0]["uri"], bad);
    let known = json!([{ "uri": bad, "value": report["items"][0]["resultId"] }]);
    let waiting = rig.server.begin(method, json!({ "previousResultIds": known })).unwrap();
    rig.expect_alive();
    assert!(!rig.server.is_answered(waiting).unwrap());
    // In one step: half a file would be news as well.
    let better = rig.home.write("better.nix", "{ }");
    fs::rename(better, rig.folder.join("bad.nix")).unwrap();
    let report = rig.server.finish(waiting, method).unwrap();
    assert_eq!(report["items"][0]["items"], json!([]), "{report}");
}

#[test]
fn a_document_outside_of_the_workspace_is_in_its_report() {
    let mut rig = Rig::with(&pulls(), &json!({ "diagnostics": { "workspace": false } }), |_| {});
    let document = rig.open("../elsewhere.nix", "{ a = ; }");
    let report = rig.server.request("workspace/diagnostic", json!({ "previousResultIds": [] }));
    let report = report.unwrap();
    assert_eq!(report["items"][0]["uri"], document["uri"], "{report}");
}

// Requests that take long.

#[test]
fn a_cancelled_request_is_answered_before_one_that_was_sent_after_it() {
    let mut rig = Rig::new(&pulls());
    let document = rig.open("a.nix", "{ a = 1; }");
    let method = "workspace/diagnostic";
    let waiting = rig.server.begin(method, json!({ "previousResultIds": [] })).unwrap();
    rig.ask("textDocument/documentSymbol", &document, json!({}));
    assert!(!rig.server.is_answered(waiting).unwrap(), "a workspace without problems is no news");
    rig.server.notify("$/cancelRequest", json!({ "id": waiting })).unwrap();
    assert_eq!(code(rig.server.finish(waiting, method)), REQUEST_CANCELLED);
    // What was answered already, or never asked, cannot be taken back.
    for id in [json!(waiting), json!(4711), json!("x")] {
        rig.server.notify("$/cancelRequest", json!({ "id": id })).unwrap();
    }
    rig.expect_alive();
}

/// A nixpkgs whose evaluation takes until [`SlowNixpkgs::finish`]: it reads a pipe that nobody writes to.
struct SlowNixpkgs {
    pipe: PathBuf,
}

impl SlowNixpkgs {
    fn new(home: &Home) -> SlowNixpkgs {
        home.write(
            "nixpkgs/default.nix",
            "_: builtins.seq (builtins.readFile ./pipe) { hello = { }; world = { }; }",
        );
        let pipe = home.path().join("nixpkgs/pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        SlowNixpkgs { pipe }
    }

    /// Lets every evaluation through, those that begin later as well.
    fn finish(&self) {
        let pipe = self.pipe.clone();
        thread::spawn(move || while fs::write(&pipe, "").is_ok() {});
    }
}

fn slow_rig(capabilities: &Value) -> (Rig, SlowNixpkgs) {
    let mut nixpkgs = None;
    let mut rig =
        Rig::with(capabilities, &json!({}), |home| nixpkgs = Some(SlowNixpkgs::new(home)));
    let nixpkgs = nixpkgs.expect("the folder was filled");
    let folder = nixpkgs.pipe.parent().unwrap().display().to_string();
    let settings = json!({ "settings": { "floe": { "nixpkgs": folder } } });
    rig.server.notify("workspace/didChangeConfiguration", settings).unwrap();
    (rig, nixpkgs)
}

#[test]
fn a_list_that_lacks_what_is_being_evaluated_says_so_and_the_next_one_has_it() {
    let (mut rig, nixpkgs) = slow_rig(&json!({}));
    let document =
        rig.open("a.nix", "{ pkgs ? import <nixpkgs> { } }: let here = 1; in with pkgs; h");
    let complete = |rig: &mut Rig| {
        let list = rig.ask_at("textDocument/completion", &document, 0, 62);
        let items = list["items"].as_array().unwrap();
        let names = items.iter().map(|item| item["label"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), list["isIncomplete"] == true)
    };
    let (names, is_incomplete) = complete(&mut rig);
    assert!(names.contains(&"here".to_owned()), "what the text knows is there: {names:?}");
    assert!(!names.contains(&"hello".to_owned()) && is_incomplete, "{names:?}");
    nixpkgs.finish();
    loop {
        let (names, is_incomplete) = complete(&mut rig);
        if names.contains(&"hello".to_owned()) {
            break;
        }
        assert!(is_incomplete, "without hello: {names:?}");
    }
}

#[test]
fn what_the_text_knows_is_answered_while_an_evaluation_goes_on() {
    let (mut rig, nixpkgs) = slow_rig(&json!({}));
    let text = "{ pkgs ? import <nixpkgs> { } }:\nlet inherit (pkgs) hello; in hello pkgs.world\n";
    let document = rig.open("a.nix", text);
    let definition = rig.ask_at("textDocument/definition", &document, 1, 30);
    assert_eq!(definition[0]["range"], range((1, 19), (1, 24)), "where the name is bound here");
    // Of this nothing is known yet, and nothing else has to wait for it.
    let params = json!({ "textDocument": document, "position": at(1, 42) });
    let waiting = rig.server.begin("textDocument/definition", params).unwrap();
    rig.expect_alive();
    assert!(!rig.server.is_answered(waiting).unwrap());
    nixpkgs.finish();
    let definition = rig.server.finish(waiting, "textDocument/definition").unwrap();
    assert_eq!(definition[0]["uri"], uri(&nixpkgs.pipe.with_file_name("default.nix")));
}

#[test]
fn work_is_shown_under_the_token_that_the_client_gives() {
    let (mut rig, nixpkgs) = slow_rig(&json!({}));
    let document = rig.open("a.nix", "{ pkgs ? import <nixpkgs> { } }: pkgs.world");
    let params =
        json!({ "textDocument": document, "position": at(0, 40), "workDoneToken": "mine" });
    let waiting = rig.server.begin("textDocument/definition", params).unwrap();
    let begun = rig.server.wait_for("$/progress", |params| params["token"] == "mine").unwrap();
    assert_eq!(begun["value"]["kind"], "begin", "{begun}");
    nixpkgs.finish();
    let ended = rig.server.wait_for("$/progress", |params| params["token"] == "mine").unwrap();
    assert_eq!(ended["value"]["kind"], "end", "{ended}");
    rig.server.finish(waiting, "textDocument/definition").unwrap();
}

// The workspace.

#[test]
fn the_configuration_is_asked_for_and_lists_are_refreshed_when_it_changes() {
    let capabilities = json!({
        "textDocument": { "diagnostic": {} },
        "workspace": {
            "configuration": true,
            "didChangeConfiguration": { "dynamicRegistration": true },
            "inlayHint": { "refreshSupport": true },
            "semanticTokens": { "refreshSupport": true },
            "diagnostics": { "refreshSupport": true },
        },
    });
    let mut rig = Rig::new(&capabilities);
    let registered = rig.server.wait_for("client/registerCapability", |_| true).unwrap();
    assert_eq!(registered["registrations"][0]["method"], "workspace/didChangeConfiguration");
    let asked = rig.server.wait_for("workspace/configuration", |_| true).unwrap();
    assert_eq!(asked["items"], json!([{ "section": "floe" }]));
    let document = rig.open("a.nix", "builtins.elemAt [ 1 ] 0");
    let hints = |rig: &mut Rig| {
        let everything = json!({ "range": range((0, 0), (1, 0)) });
        rig.ask("textDocument/inlayHint", &document, everything).as_array().unwrap().len()
    };
    assert_eq!(hints(&mut rig), 2);
    rig.server.set_configuration(json!({ "inlayHints": { "parameters": false } }));
    rig.server.notify("workspace/didChangeConfiguration", json!({ "settings": null })).unwrap();
    for what in ["inlayHint", "semanticTokens"] {
        rig.server.wait_for(&format!("workspace/{what}/refresh"), |_| true).unwrap();
    }
    rig.server.wait_for("workspace/diagnostic/refresh", |_| true).unwrap();
    assert_eq!(hints(&mut rig), 0);
}

#[test]
fn folders_come_and_go() {
    let mut rig = Rig::with(&json!({}), &json!({}), |home| {
        home.write("w/a.nix", "{ inFirst = 1; }");
        home.write("x/a.nix", "{ inSecond = 1; }");
    });
    let symbols = |rig: &mut Rig| {
        let found = rig.server.request("workspace/symbol", json!({ "query": "in" })).unwrap();
        let names = found.as_array().unwrap().iter().map(|found| found["name"].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(symbols(&mut rig), ["inFirst"]);
    let folder = |path: &Path| json!({ "uri": uri(path), "name": "folder" });
    let second = rig.home.path().join("x");
    let event = json!({ "added": [folder(&second)], "removed": [] });
    let method = "workspace/didChangeWorkspaceFolders";
    rig.server.notify(method, json!({ "event": event })).unwrap();
    let mut both = symbols(&mut rig);
    both.sort_by_key(|name| name.to_string());
    assert_eq!(both, ["inFirst", "inSecond"]);
    let event = json!({ "added": [], "removed": [folder(&rig.folder)] });
    rig.server.notify(method, json!({ "event": event })).unwrap();
    assert_eq!(symbols(&mut rig), ["inSecond"]);
}

#[test]
fn a_client_that_watches_files_is_told_which_and_believed() {
    let watches =
        json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
    let mut rig = Rig::new(&watches);
    let registered = rig.server.wait_for("client/registerCapability", |_| true).unwrap();
    let registration = &registered["registrations"][0];
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    assert_eq!(registration["registerOptions"]["watchers"][0]["globPattern"], "**/*");

    let document = rig.open("a.nix", "import ./b.nix");
    let definition = |rig: &mut Rig| rig.ask_at("textDocument/definition", &document, 0, 9);
    assert_eq!(definition(&mut rig), json!([]));
    let changed = rig.home.write("w/b.nix", "1");
    let event = |of: u32| json!({ "changes": [{ "uri": uri(&changed), "type": of }] });
    rig.server.notify("workspace/didChangeWatchedFiles", event(1)).unwrap();
    assert_eq!(definition(&mut rig)[0]["uri"], uri(&changed));
    fs::remove_file(&changed).unwrap();
    rig.server.notify("workspace/didChangeWatchedFiles", event(3)).unwrap();
    assert_eq!(definition(&mut rig), json!([]));
    // The client that makes and deletes files itself says so before anybody who watches the disk.
    let files = json!({ "files": [{ "uri": uri(&changed) }] });
    rig.home.write("w/b.nix", "1");
    rig.server.notify("workspace/didCreateFiles", files.clone()).unwrap();
    assert_eq!(definition(&mut rig)[0]["uri"], uri(&changed));
    fs::remove_file(&changed).unwrap();
    rig.server.notify("workspace/didDeleteFiles", files).unwrap();
    assert_eq!(definition(&mut rig), json!([]));
}

#[test]
fn relative_paths_follow_a_file_that_moves() {
    let mut rig = Rig::with(&json!({}), &json!({}), |home| {
        home.write("w/a.nix", "import ./b.nix");
        home.write("w/b.nix", "1");
    });
    let (old, new) = (rig.folder.join("b.nix"), rig.folder.join("c/d.nix"));
    let files = json!({ "files": [{ "oldUri": uri(&old), "newUri": uri(&new) }] });
    let edit = rig.server.request("workspace/willRenameFiles", files.clone()).unwrap();
    let edits = &edit["changes"][uri(&rig.folder.join("a.nix"))];
    assert_eq!(edits, &json!([{ "range": range((0, 7), (0, 14)), "newText": "./c/d.nix" }]));
    fs::create_dir(rig.folder.join("c")).unwrap();
    fs::rename(&old, &new).unwrap();
    rig.server.notify("workspace/didRenameFiles", files).unwrap();
    let document = rig.open("a.nix", "import ./c/d.nix");
    let definition = rig.ask_at("textDocument/definition", &document, 0, 10);
    assert_eq!(definition[0]["uri"], uri(&new));
}

// What is told in two steps.

#[test]
fn what_costs_something_is_told_when_it_is_looked_at() {
    let resolves = json!({ "properties": ["documentation"] });
    let item = json!({ "completionItem": { "resolveSupport": resolves } });
    let action = json!({ "dataSupport": true, "resolveSupport": { "properties": ["edit"] } });
    let capabilities = json!({ "textDocument": { "completion": item, "codeAction": action } });
    let mut rig = Rig::with(&capabilities, &json!({}), |home| {
        home.write("w/b/default.nix", "1");
    });
    let resolve = |rig: &mut Rig, method: &str, item: &Value| {
        rig.server.request(method, item.clone()).unwrap()
    };

    let document = rig.open("a.nix", "builtins.hea");
    let list = rig.ask_at("textDocument/completion", &document, 0, 12);
    assert_eq!(list["items"][0].get("documentation"), None);
    let head = resolve(&mut rig, "completionItem/resolve", &list["items"][0]);
    assert!(head["documentation"]["value"].as_str().unwrap().contains("first element"), "{head}");

    rig.edit(&document, 2, &json!([{ "text": "[ ./b ./none ]" }]));
    let links = rig.ask("textDocument/documentLink", &document, json!({}));
    assert_eq!(links[0].get("target"), None);
    let link = resolve(&mut rig, "documentLink/resolve", &links[0]);
    assert_eq!(link["target"], uri(&rig.folder.join("b/default.nix")));

    rig.edit(&document, 3, &json!([{ "text": "builtins.elemAt [ 1 ] 0" }]));
    let everything = json!({ "range": range((0, 0), (1, 0)) });
    let hints = rig.ask("textDocument/inlayHint", &document, everything);
    assert_eq!(hints[1].get("tooltip"), None);
    let hint = resolve(&mut rig, "inlayHint/resolve", &hints[1]);
    assert_eq!(hint["tooltip"]["value"], "Which, counted from 0.");

    rig.edit(&document, 4, &json!([{ "text": "let a = 1; in true == false" }]));
    let all = json!({ "range": range((0, 0), (0, 0)), "context": { "diagnostics": [], "only": ["source.fixAll"] } });
    let actions = rig.ask("textDocument/codeAction", &document, all);
    assert_eq!(actions[0].get("edit"), None);
    let action = resolve(&mut rig, "codeAction/resolve", &actions[0]);
    assert!(action["edit"]["changes"][document["uri"].as_str().unwrap()].is_array(), "{action}");

    let text = "{ pkgs ? import <floe-pkgs> { } }: pkgs.hello.override { greeting = \"Moin\"; }";
    rig.edit(&document, 5, &json!([{ "text": text }]));
    let lenses = rig.ask("textDocument/codeLens", &document, json!({}));
    assert_eq!(lenses[0].get("command"), None);
    let lens = resolve(&mut rig, "codeLens/resolve", &lenses[0]);
    assert_eq!(lens["command"]["title"], "changes 1 attribute, rebuilds 1 derivation");
}

// The beginning and the end.

#[test]
fn nothing_is_answered_before_the_beginning_and_after_the_end() {
    let home = Home::new();
    let mut server = start(&home);
    let document = json!({ "textDocument": { "uri": "file:///a.nix" } });
    let early = server.request("textDocument/documentSymbol", document.clone());
    assert_eq!(code(early), SERVER_NOT_INITIALIZED);
    server.initialize(home.path(), &Value::Null).unwrap();
    let again = server.request("initialize", json!({ "capabilities": {} }));
    assert_eq!(code(again), INVALID_REQUEST);
    assert_eq!(server.request("shutdown", Value::Null).unwrap(), Value::Null);
    let late = server.request("textDocument/documentSymbol", document);
    assert_eq!(code(late), INVALID_REQUEST);
    server.notify("exit", Value::Null).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn an_exit_without_shutdown_is_no_success() {
    let mut rig = Rig::new(&json!({}));
    rig.server.notify("exit", Value::Null).unwrap();
    assert_eq!(rig.server.wait().unwrap().code(), Some(1));
}

#[test]
fn the_server_ends_with_the_process_that_started_it() {
    let home = Home::new();
    let mut editor = Command::new("sleep").arg("600").spawn().unwrap();
    let mut server = start(&home);
    server.request("initialize", json!({ "processId": editor.id(), "capabilities": {} })).unwrap();
    server.notify("initialized", json!({})).unwrap();
    editor.kill().unwrap();
    editor.wait().unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(1));
}

// Messages that make no sense.

#[test]
fn what_is_no_message_is_refused_and_skipped() {
    let mut rig = Rig::new(&json!({}));
    let wrong: [(&[u8], i64); 8] = [
        (b"Content-Length: 9\r\n\r\n{\"jsonrpc", PARSE_ERROR),
        (b"Content-Length: 2\r\n\r\n\xff\xfe", PARSE_ERROR),
        (b"Content-Length: 2\r\n\r\n{}", INVALID_REQUEST),
        (b"Content-Length: 4\r\n\r\nnull", INVALID_REQUEST),
        (b"Content-Length: minus\r\n\r\n", PARSE_ERROR),
        (b"Content-Type: none\r\n\r\n", PARSE_ERROR),
        (b"\x00\x01\x02 binary \xff garbage\r\n\r\n", PARSE_ERROR),
        (b"Content-Length: 99999999999999999999999\r\n\r\n", PARSE_ERROR),
    ];
    for (bytes, expected) in wrong {
        rig.server.send_raw(bytes).unwrap();
        let answer = rig.server.wait_for_refusal().unwrap();
        assert_eq!(answer["code"], expected, "{}: {answer}", String::from_utf8_lossy(bytes));
        rig.expect_alive();
    }
}

#[test]
fn a_length_that_is_wrong_costs_the_message_and_not_the_session() {
    let mut rig = Rig::new(&json!({}));
    let body = json!({ "jsonrpc": "2.0", "method": "$/none" }).to_string();
    for length in [0, 1, body.len() - 1, body.len() + 9] {
        rig.server.send_raw(format!("Content-Length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
        // One that says too much takes the beginning of the next along.
        rig.server.notify("$/none", json!({})).unwrap();
        rig.expect_alive();
    }
}

#[test]
fn several_messages_in_one_are_none() {
    let mut rig = Rig::new(&json!({}));
    let one = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "shutdown" });
    rig.server.send(&json!([one(901), one(902)])).unwrap();
    assert_eq!(rig.server.wait_for_refusal().unwrap()["code"], INVALID_REQUEST);
    rig.expect_alive();
}

#[test]
fn unknown_methods_are_refused_and_unknown_notifications_ignored() {
    let mut rig = Rig::new(&json!({}));
    for method in ["no/such/method", "$/alsoNone", ""] {
        assert_eq!(code(rig.server.request(method, json!({}))), METHOD_NOT_FOUND, "{method}");
        rig.server.notify(method, json!({ "a": [1] })).unwrap();
    }
    rig.server.notify("$/setTrace", json!({ "value": "verbose" })).unwrap();
    // An answer to what was never asked.
    rig.server.send(&json!({ "jsonrpc": "2.0", "id": 12345, "result": {} })).unwrap();
    let nonsense = rig.server.request("textDocument/hover", json!({ "position": "here" }));
    assert_eq!(code(nonsense), INVALID_PARAMS);
    for method in ["textDocument/didOpen", "textDocument/didChange", "workspace/didRenameFiles"] {
        rig.server.notify(method, json!({ "nonsense": true })).unwrap();
    }
    rig.expect_alive();
}

#[test]
fn a_huge_message_is_a_message() {
    let mut rig = Rig::new(&json!({}));
    let text = format!("{{ a = \"{}\"; b = 1; }}", "ä".repeat(16 << 20));
    let document = rig.open("a.nix", &text);
    let symbols = rig.ask("textDocument/documentSymbol", &document, json!({}));
    assert_eq!(symbols[1]["name"], "b");
}
