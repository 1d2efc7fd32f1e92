//! The server as a client sees it, without the bytes in between.

mod protocol;
mod requests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use floe_db::{Database, MemorySystem, Settings};
use futures::StreamExt;
use futures::future::join_all;
use serde_json::{Value, json};
use tower::Service;
use tower_lsp::jsonrpc::{Request, Response};
use tower_lsp::{ClientSocket, LspService};

use crate::ordering::Ordered;
use crate::server::Server;
use crate::session::Session;

struct Rig {
    service: Ordered<LspService<Server>>,
    socket: ClientSocket,
    next_id: i64,
}

impl Rig {
    async fn start(capabilities: Value) -> Rig {
        Rig::over(MemorySystem::default(), capabilities, Value::Null).await
    }

    /// A server over these files on disk, for a client that can nothing and wants nothing.
    async fn among(files: &[(&str, &str)]) -> Rig {
        let system = MemorySystem::default();
        for (path, text) in files {
            system.write(*path, text);
        }
        Rig::over(system, json!({}), Value::Null).await
    }

    /// A server over these files on disk, whose client has this configuration at the start.
    async fn over(system: MemorySystem, capabilities: Value, options: Value) -> Rig {
        let roots: Vec<PathBuf> = vec!["/w".into()];
        let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pkgs");
        let settings = Settings {
            nixpkgs: Some(PathBuf::from(packages).canonicalize().unwrap()),
            nix_path: Some(String::new()),
            ..Settings::default()
        };
        let database = Database::new(Arc::new(system), roots, settings);
        let session = Arc::new(Session::new(database, 2));
        let shared = session.clone();
        let (service, socket) = LspService::new(|client| Server { session: shared, client });
        let service = Ordered::new(service, session);
        let mut rig = Rig { service, socket, next_id: 0 };
        let mut params = json!({ "capabilities": capabilities, "rootUri": "file:///w" });
        if !options.is_null() {
            params["initializationOptions"] = options;
        }
        rig.request("initialize", params).await;
        rig.notify("initialized", json!({}));
        rig
    }

    /// Hands a message to the service, which is when its place in the order is decided.
    fn send(&mut self, request: Request) -> impl Future<Output = Option<Response>> + use<> {
        let answer = self.service.call(request);
        async move {
            let answer = answer.await.unwrap()?;
            Some(serde_json::from_slice(&answer.into_body().unwrap().concat()).unwrap())
        }
    }

    fn call(&mut self, method: &'static str, params: Value) -> impl Future<Output = Value> + use<> {
        self.next_id += 1;
        let request = Request::build(method).params(params).id(self.next_id).finish();
        let answer = self.send(request);
        async move {
            match answer.await.expect("a request has an answer").into_parts().1 {
                Ok(result) => result,
                Err(error) => json!({ "error": error.code.code() }),
            }
        }
    }

    async fn request(&mut self, method: &'static str, params: Value) -> Value {
        self.call(method, params).await
    }

    fn notify(&mut self, method: &'static str, params: Value) {
        tokio::spawn(self.send(Request::build(method).params(params).finish()));
    }

    fn open(&mut self, text: &str) {
        self.open_at(URI, text);
    }

    fn open_at(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "nix", "version": 0, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn replace(&mut self, version: i32, text: &str) {
        let document = json!({ "uri": URI, "version": version });
        let edits = json!([{ "text": text }]);
        self.notify(
            "textDocument/didChange",
            json!({ "textDocument": document, "contentChanges": edits }),
        );
    }

    /// The next diagnostics that are published, as "version: message, message".
    async fn diagnostics(&mut self) -> String {
        let params = self.published().await;
        let messages = params["diagnostics"].as_array().unwrap().iter();
        let messages: Vec<_> = messages.map(|found| found["message"].as_str().unwrap()).collect();
        format!("{}: {}", params["version"], messages.join(", "))
    }

    /// The next diagnostics that are published.
    async fn published(&mut self) -> Value {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.socket.next());
            let request = next.await.expect("diagnostics within 20 s").unwrap();
            if request.method() != "textDocument/publishDiagnostics" {
                continue;
            }
            return request.params().unwrap().clone();
        }
    }
}

const URI: &str = "file:///w/a.nix";

fn document() -> Value {
    json!({ "textDocument": { "uri": URI } })
}

fn at(line: u32, character: u32) -> Value {
    json!({ "textDocument": { "uri": URI }, "position": { "line": line, "character": character } })
}

fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.unwrap().block_on(test);
}

#[test]
fn a_request_sees_every_change_sent_before_it() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ }");
        let mut answers = Vec::new();
        for number in 0..300 {
            rig.replace(number, &format!("{{ a{number} = 1; }}"));
            answers.push(rig.call("textDocument/documentSymbol", document()));
        }
        let answers = join_all(answers).await;
        for (number, answer) in answers.iter().enumerate() {
            // A request may be overtaken by later edits, and then says so; it is never behind.
            if answer["error"] == json!(-32801) {
                assert!(number < 299, "nothing was sent after the last request");
            } else {
                assert_eq!(answer[0]["name"], format!("a{number}"), "{answer}");
            }
        }
    });
}

#[test]
fn diagnostics_are_pushed_for_the_newest_version() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ a = x; }");
        assert_eq!(rig.diagnostics().await, "0: undefined variable 'x'");
        rig.replace(1, "{ a = 1; }");
        assert_eq!(rig.diagnostics().await, "1: ");
        rig.replace(2, "{ a = ; }");
        assert_eq!(rig.diagnostics().await, "2: syntax error, unexpected ';'");
        rig.notify("textDocument/didClose", document());
        assert_eq!(rig.diagnostics().await, "null: ");
    });
}

#[test]
fn evaluation_errors_follow_after_a_pause_with_their_trace_and_explanation() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ pkgs ? import <nixpkgs> { } }:\n{ a = pkgs.hello.nam; }");
        assert_eq!(rig.diagnostics().await, "0: ");
        let params = rig.published().await;
        let found = &params["diagnostics"][0];
        assert_eq!(found["message"], "attribute 'nam' missing\nDid you mean one of name or pname?");
        assert_eq!(found["range"]["start"], json!({ "line": 1, "character": 6 }));
        assert_eq!(found["code"], "missing-attribute");
        let link = found["codeDescription"]["href"].as_str().unwrap();
        assert!(link.ends_with("/missing-attribute.html"), "{link}");
    });
}

#[test]
fn options_complete_while_the_text_is_broken_and_packages_are_jumped_into() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ pkgs, config, ... }: {\n  services.openssh.\n  a = [ pkgs.hello ];\n}");
        let enable = loop {
            let answer = rig.request("textDocument/completion", at(1, 19)).await;
            let items = answer["items"].as_array().unwrap();
            if let Some(enable) = items.iter().find(|item| item["label"] == "enable") {
                break enable.clone();
            }
            assert_eq!(answer["isIncomplete"], true, "{answer}");
        };
        assert_eq!(enable["detail"], "boolean");
        let answer = rig.request("textDocument/definition", at(2, 15)).await;
        let target = answer[0]["uri"].as_str().unwrap();
        assert!(target.ends_with("/fixtures/pkgs/by-name/hello/package.nix"), "{target}");
    });
}

#[test]
fn an_override_is_previewed_by_lens_and_command() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ pkgs }: pkgs.hello.override { greeting = \"Moin\"; }");
        let lenses = rig.request("textDocument/codeLens", document()).await;
        assert_eq!(lenses[0]["command"], json!(null), "nothing is evaluated for a list of places");
        let lens = rig.request("codeLens/resolve", lenses[0].clone()).await;
        let command = &lens["command"];
        assert_eq!(command["title"], "changes 1 attribute, rebuilds 1 derivation");
        let params = json!({ "command": command["command"], "arguments": command["arguments"] });
        let preview = rig.request("workspace/executeCommand", params).await;
        let markdown = preview["markdown"].as_str().unwrap();
        assert!(markdown.contains("+ greeting = Moin"), "{markdown}");
    });
}

#[test]
fn positions_are_counted_as_negotiated() {
    run(async {
        for (offered, character) in [(json!(["utf-16", "utf-8"]), 18), (json!(null), 16)] {
            let mut rig = Rig::start(json!({ "general": { "positionEncodings": offered } })).await;
            rig.open("{ a = \"𝄞\"; b = map; }");
            let hover = rig.request("textDocument/hover", at(0, character + 1)).await;
            assert_eq!(hover["range"]["start"]["character"], json!(character), "{hover}");
        }
    });
}

#[test]
fn what_a_client_may_get_wrong_is_an_error_and_no_more() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.replace(1, "edited, but never opened");
        rig.notify("textDocument/didOpen", json!({ "nonsense": true }));
        rig.notify("no/such/notification", json!({}));
        let elsewhere = json!({ "textDocument": { "uri": "untitled:1" } });
        let answer = rig.request("textDocument/documentSymbol", elsewhere).await;
        assert_eq!(answer["error"], json!(-32602));
        let answer = rig.request("textDocument/hover", at(9, 9)).await;
        assert_eq!(answer, json!(null));
        rig.open("{ a = 1; }");
        let answer = rig.request("textDocument/documentSymbol", document()).await;
        assert_eq!(answer[0]["name"], json!("a"));
    });
}

#[test]
fn hostile_text_is_answered() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("");
        let texts = [
            "\"unterminated ${ a".to_owned(),
            "{ a = \"\0\"; \0 }".to_owned(),
            format!("\"{}\"", "x".repeat(10 << 20)),
            "[".repeat(10_000) + &"]".repeat(10_000),
            "{ a = ".repeat(10_000),
            "''${".repeat(10_000),
        ];
        for (text, version) in texts.iter().zip(1..) {
            rig.replace(version, text);
            for method in ["textDocument/completion", "textDocument/hover"] {
                let answer = rig.request(method, at(0, 5)).await;
                assert!(answer.get("error").is_none(), "{method}: {answer}");
            }
            let answer = rig.request("textDocument/documentSymbol", document()).await;
            assert!(answer.is_array(), "{answer}");
        }
    });
}
