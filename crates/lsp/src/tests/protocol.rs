//! What the protocol asks of a server beside answering requests.

use std::time::Instant;

use futures::SinkExt;

use super::*;
use crate::features;

fn pulls() -> Value {
    json!({
        "textDocument": { "diagnostic": {} },
        "workspace": { "diagnostics": { "refreshSupport": true } },
    })
}

impl Rig {
    /// The next request of the server with this method, answered with `answer`.
    async fn asked(&mut self, method: &str, answer: Value) -> Value {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.socket.next());
            let request = next.await.unwrap_or_else(|_| panic!("no {method} within 20 s")).unwrap();
            let (found, id, params) = request.into_parts();
            let Some(id) = id else { continue };
            let answer = if found == method { answer.clone() } else { Value::Null };
            self.socket.send(Response::from_ok(id, answer)).await.unwrap();
            if found == method {
                return params.unwrap_or_default();
            }
        }
    }
}

#[test]
fn exactly_the_requests_of_the_table_are_answered() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ a = 1; }");
        // Enough for every request to be understood.
        let position = json!({ "line": 0, "character": 2 });
        let range = json!({ "start": position, "end": position });
        let item =
            json!({ "name": "a", "kind": 13, "uri": URI, "range": range, "selectionRange": range });
        let params = json!({
            "textDocument": { "uri": URI }, "position": position, "positions": [position],
            "range": range, "context": {
                "includeDeclaration": true, "diagnostics": [], "triggerKind": 1, "frameId": 1,
                "stoppedLocation": range,
            },
            "options": { "tabSize": 2, "insertSpaces": true }, "ch": "}", "newName": "b", "files": [],
            "previousResultId": "", "previousResultIds": [], "item": item, "query": "", "name": "a",
            "kind": 13, "location": { "uri": URI, "range": range }, "label": "a", "title": "a",
            "command": "no.such.command", "color": { "red": 0, "green": 0, "blue": 0, "alpha": 0 },
            "reason": 1, "uri": URI, "ranges": [range],
        });
        const METHOD_NOT_FOUND: i64 = -32601;
        for (method, is_answered) in features::requests() {
            if matches!(method, "initialize" | "shutdown" | "workspace/diagnostic") {
                continue;
            }
            let mut params = params.clone();
            if method.ends_with("/resolve") {
                // Each kind of item has its own kinds and commands.
                let item = params.as_object_mut().unwrap();
                item.remove("command");
                if method != "workspaceSymbol/resolve" {
                    item.remove("kind");
                }
            }
            let answer = rig.request(method, params).await;
            let is_unknown = answer["error"] == json!(METHOD_NOT_FOUND);
            assert_eq!(!is_unknown, is_answered, "{method}: {answer}");
        }
    });
}

#[test]
fn a_request_after_shutdown_is_invalid_and_so_is_one_before_initialize() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ }");
        assert_eq!(rig.request("shutdown", Value::Null).await, json!(null));
        let answer = rig.request("textDocument/documentSymbol", document()).await;
        assert_eq!(answer["error"], json!(-32600));
    });
}

#[test]
fn a_cancelled_request_is_answered_at_once() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        // A workspace without news keeps its answer back, for minutes.
        let waiting = rig.call("workspace/diagnostic", json!({ "previousResultIds": [] }));
        let waiting = tokio::spawn(waiting);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished());
        let started = Instant::now();
        rig.notify("$/cancelRequest", json!({ "id": rig.next_id }));
        let answer = waiting.await.unwrap();
        assert_eq!(answer["error"], json!(-32800));
        // Not after minutes; how many milliseconds it takes depends on the machine.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    });
}

#[test]
fn a_client_that_asks_for_diagnostics_gets_them_once() {
    run(async {
        let mut rig = Rig::start(pulls()).await;
        rig.open("{ a = x; }");
        let report = rig.request("textDocument/diagnostic", document()).await;
        assert_eq!(report["items"][0]["message"], "undefined variable 'x'");
        let mut params = document();
        params["previousResultId"] = report["resultId"].clone();
        let again = rig.request("textDocument/diagnostic", params.clone()).await;
        assert_eq!(again, json!({ "kind": "unchanged", "resultId": report["resultId"] }));
        rig.replace(1, "{ a = 1; }");
        let fixed = rig.request("textDocument/diagnostic", params).await;
        assert_eq!((&fixed["kind"], &fixed["items"]), (&json!("full"), &json!([])));
    });
}

#[test]
fn a_client_that_asks_is_told_when_an_evaluation_is_done() {
    run(async {
        let mut rig = Rig::start(pulls()).await;
        rig.open("{ pkgs ? import <nixpkgs> { } }:\n{ a = pkgs.hello.nam; }");
        let report = rig.request("textDocument/diagnostic", document()).await;
        assert_eq!(report["items"], json!([]));
        rig.asked("workspace/diagnostic/refresh", Value::Null).await;
        let report = rig.request("textDocument/diagnostic", document()).await;
        assert_eq!(report["items"][0]["code"], "missing-attribute");
    });
}

#[test]
fn a_client_that_asks_and_takes_what_it_is_sent_is_sent_what_evaluation_finds() {
    run(async {
        let mut capabilities = pulls();
        capabilities["textDocument"]["publishDiagnostics"] = json!({});
        let mut rig = Rig::start(capabilities).await;
        rig.open("{ pkgs ? import <nixpkgs> { } }: let a = 1; in\n{ a = pkgs.hello.nam; }");
        let found = rig.published().await;
        assert_eq!(found["diagnostics"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["diagnostics"][0]["code"], "missing-attribute");
        let report = rig.request("textDocument/diagnostic", document()).await;
        assert_eq!(report["items"].as_array().map(Vec::len), Some(1), "{report}");
        assert_eq!(report["items"][0]["code"], "unused-binding");
        rig.notify("textDocument/didClose", document());
        assert_eq!(rig.diagnostics().await, "null: ");
    });
}

#[test]
fn the_whole_workspace_is_checked_and_news_are_waited_for() {
    run(async {
        let system = MemorySystem::default();
        system.write("/w/good.nix", "1");
        system.write("/w/bad.nix", "{ a = ; }");
        let mut rig = Rig::over(system.clone(), pulls(), Value::Null).await;
        let report = rig.request("workspace/diagnostic", json!({ "previousResultIds": [] })).await;
        let items = report["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{report}");
        assert_eq!(items[0]["uri"], "file:///w/bad.nix");
        let known = json!([{ "uri": "file:///w/bad.nix", "value": items[0]["resultId"] }]);
        let waiting = rig.call("workspace/diagnostic", json!({ "previousResultIds": known }));
        let waiting = tokio::spawn(waiting);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished());
        system.write("/w/bad.nix", "{ }");
        let changed = json!([{ "uri": "file:///w/bad.nix", "type": 2 }]);
        rig.notify("workspace/didChangeWatchedFiles", json!({ "changes": changed }));
        let report = waiting.await.unwrap();
        assert_eq!(report["items"][0]["items"], json!([]), "{report}");
    });
}

#[test]
fn the_configuration_is_asked_for_and_again_when_it_changes() {
    run(async {
        let capabilities = json!({ "workspace": {
            "configuration": true,
            "didChangeConfiguration": { "dynamicRegistration": true },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
            "inlayHint": { "refreshSupport": true },
        } });
        let mut rig = Rig::start(capabilities).await;
        let registered = rig.asked("client/registerCapability", Value::Null).await;
        let registered = registered["registrations"].as_array().unwrap().iter();
        let methods: Vec<_> = registered.map(|one| one["method"].as_str().unwrap()).collect();
        assert_eq!(
            methods,
            ["workspace/didChangeConfiguration", "workspace/didChangeWatchedFiles"]
        );
        let off = json!([{ "inlayHints": { "parameters": false } }]);
        let asked = rig.asked("workspace/configuration", off).await;
        assert_eq!(asked["items"], json!([{ "section": "floe" }]));
        rig.asked("workspace/inlayHint/refresh", Value::Null).await;
        rig.open("builtins.elemAt [ 1 ] 0");
        let mut params = document();
        params["range"] =
            json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 1, "character": 0 } });
        assert_eq!(rig.request("textDocument/inlayHint", params.clone()).await, json!([]));
        rig.notify("workspace/didChangeConfiguration", json!({ "settings": null }));
        let on = json!([{ "inlayHints": { "parameters": true } }]);
        rig.asked("workspace/configuration", on).await;
        rig.asked("workspace/inlayHint/refresh", Value::Null).await;
        let hints = rig.request("textDocument/inlayHint", params).await;
        assert_eq!(hints.as_array().unwrap().len(), 2, "{hints}");
    });
}

#[test]
fn folders_come_and_go() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        let folder = |uri: &str| json!({ "uri": uri, "name": "folder" });
        let event = json!({ "added": [folder("file:///w/x")], "removed": [folder("file:///w")] });
        rig.notify("workspace/didChangeWorkspaceFolders", json!({ "event": event }));
        rig.open("{ a = 1; }");
        let answer = rig.request("textDocument/documentSymbol", document()).await;
        assert_eq!(answer[0]["name"], json!("a"));
    });
}

#[test]
fn a_long_evaluation_is_shown() {
    run(async {
        let mut rig = Rig::start(json!({ "window": { "workDoneProgress": true } })).await;
        // Two seconds of counting.
        rig.open("{ pkgs ? import <nixpkgs> { } }:\npkgs.hello.overrideAttrs (old: { a = builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) 9000000); })");
        let asked = rig.asked("window/workDoneProgress/create", Value::Null).await;
        assert!(asked["token"].as_str().unwrap().starts_with("floe/"), "{asked}");
    });
}
