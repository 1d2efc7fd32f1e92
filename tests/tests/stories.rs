//! The stories that the program exists for, on the demo project, through the protocol.

use std::{fs, path::PathBuf};

use floe_tests::{Client, Home, position_of, uri};
use serde_json::{Value, json};

struct Session {
    _home: Home,
    demo: PathBuf,
    server: Client,
}

fn session() -> Session {
    let home = Home::new();
    let demo = home.copy_demo();
    let server = home.server(&demo);
    Session { _home: home, demo, server }
}

impl Session {
    fn open(&mut self, name: &str, text: &str) -> PathBuf {
        let path = self.demo.join(name);
        self.server.open(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.demo.join(name)).unwrap()
    }

    fn definition(
        &mut self,
        path: &std::path::Path,
        (line, character): (u32, u32),
    ) -> (String, u64) {
        let answer =
            self.server.request_at("textDocument/definition", path, line, character).unwrap();
        let place = if answer.is_array() { &answer[0] } else { &answer };
        let target = place["uri"].as_str().or(place["targetUri"].as_str()).unwrap_or_default();
        let range =
            if place["range"].is_null() { &place["targetSelectionRange"] } else { &place["range"] };
        (target.to_owned(), range["start"]["line"].as_u64().unwrap_or_default())
    }
}

#[test]
fn story_1_options_are_completed_with_type_and_description() {
    let mut session = session();
    let text = session.read("configuration.nix");
    let (line, _) = position_of(&text, "  services.nginx");
    let text = text.replacen("  services.nginx", "  services.openssh.\n  services.nginx", 1);
    let path = session.open("configuration.nix", &text);
    let character = "  services.openssh.".len() as u32;
    let list =
        session.server.request_at("textDocument/completion", &path, line, character).unwrap();
    let items = list["items"].as_array().or(list.as_array()).expect("a list").clone();
    let item = |label: &str| items.iter().find(|item| item["label"] == label).cloned();
    for label in ["enable", "ports", "settings"] {
        assert!(item(label).is_some(), "{label} in {items:#?}");
    }
    let enable = item("enable").unwrap().to_string();
    assert!(enable.contains("boolean"), "{enable}");
    assert!(enable.contains("OpenSSH") || enable.contains("SSH"), "{enable}");
}

#[test]
fn story_2_a_package_leads_to_the_file_that_defines_it() {
    let mut session = session();
    let text = session.read("configuration.nix");
    let path = session.open("configuration.nix", &text);
    // `hello` under `with pkgs;`.
    let (target, _) = session.definition(&path, position_of(&text, "hello\n"));
    assert!(target.contains("/by-name/hello/") && target.ends_with(".nix"), "{target}");
    assert!(fs::exists(target.trim_start_matches("file://")).unwrap(), "{target}");

    let text = session.read("override.nix");
    let path = session.open("override.nix", &text);
    let (target, _) = session.definition(&path, position_of(&text, "hello.override "));
    assert!(target.contains("/by-name/hello/"), "{target}");
}

#[test]
fn story_2_names_and_paths_lead_somewhere_without_evaluation() {
    let mut session = session();
    fs::write(session.demo.join("lib.nix"), "{ a = 1; }\n").unwrap();
    let text = "let\n  lib = import ./lib.nix;\nin lib.a\n";
    let path = session.open("main.nix", text);
    let (own, library) = (uri(&path), uri(&session.demo.join("lib.nix")));
    assert_eq!(session.definition(&path, position_of(text, "./lib.nix")), (library.clone(), 0));
    assert_eq!(session.definition(&path, position_of(text, "lib.a")), (own, 1));
    assert_eq!(session.definition(&path, position_of(text, "a\n")), (library, 0));
}

#[test]
fn story_4_an_evaluation_error_shows_at_the_users_line() {
    let mut session = session();
    let text = session.read("broken.nix");
    let path = session.open("broken.nix", &text);
    let is_evaluated = |found: &[Value]| found.iter().any(|one| one["code"] == "missing-attribute");
    let found = session.server.diagnostics(&path, is_evaluated).unwrap();
    let error = found.iter().find(|one| one["code"] == "missing-attribute").unwrap();
    assert!(error["message"].as_str().unwrap().contains("attribute 'verison' missing"), "{error}");
    assert_eq!(error["range"]["start"]["line"], position_of(&text, "verison").0);
    assert!(
        error["codeDescription"]["href"]
            .as_str()
            .is_some_and(|link| link.contains("missing-attribute"))
    );
    assert!(!error["relatedInformation"].as_array().expect("a trace").is_empty());

    session.server.change(&path, 2, &text.replace("verison", "version")).unwrap();
    session.server.diagnostics(&path, |found| found.is_empty()).unwrap();
}

#[test]
fn story_5_an_override_is_previewed() {
    let mut session = session();
    let text = session.read("override.nix");
    let path = session.open("override.nix", &text);
    let lenses = session
        .server
        .request("textDocument/codeLens", json!({ "textDocument": { "uri": uri(&path) } }))
        .unwrap();
    let lenses = lenses.as_array().expect("lenses").clone();
    assert!(lenses.len() >= 2, "{lenses:#?}");
    let lens = session.server.request("codeLens/resolve", lenses[0].clone()).unwrap();
    let command = &lens["command"];
    let preview = session
        .server
        .request(
            "workspace/executeCommand",
            json!({ "command": command["command"], "arguments": command["arguments"] }),
        )
        .unwrap();
    let markdown = preview["markdown"].as_str().expect("a preview");
    assert!(markdown.contains("Moin, Welt!"), "{markdown}");

    let (line, character) = position_of(&text, "overrideAttrs");
    let hover = session.server.request_at("textDocument/hover", &path, line, character).unwrap();
    let hover = hover["contents"]["value"].as_str().expect("a hover");
    assert!(hover.contains("hello-loud"), "{hover}");
}
