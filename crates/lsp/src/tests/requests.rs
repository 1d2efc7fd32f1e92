//! Each request once, as a client sees it.

use expect_test::{Expect, expect};

use super::*;

/// The answer about a document with this text, one JSON text a line for lists.
fn check(text: &str, method: &'static str, params: Value, expected: &Expect) {
    check_with(json!({}), Value::Null, text, method, params, expected);
}

fn check_with(
    capabilities: Value,
    options: Value,
    text: &str,
    method: &'static str,
    mut params: Value,
    expected: &Expect,
) {
    run(async {
        let mut rig = Rig::over(MemorySystem::default(), capabilities, options).await;
        rig.open(text);
        params["textDocument"] = json!({ "uri": URI });
        let mut answer = rig.request(method, params).await;
        // It counts the answers of all tests.
        answer.as_object_mut().map(|answer| answer.remove("resultId"));
        let shown = match &answer {
            Value::Array(list) => list.iter().map(|item| format!("{item}\n")).collect(),
            other => format!("{other}\n"),
        };
        expected.assert_eq(&shown);
    });
}

fn everything() -> Value {
    json!({ "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } } })
}

#[test]
fn semantic_tokens() {
    let text = "let a = \"é\"; in /* b\n c */ a";
    check(
        text,
        "textDocument/semanticTokens/full",
        json!({}),
        &expect![[r#"
            {"data":[0,0,3,3,0,0,4,1,5,1,0,4,1,1,0,0,1,1,1,0,0,1,1,1,0,0,3,2,3,0,0,3,4,0,0,1,0,5,0,0,0,6,1,5,0]}
        "#]],
    );
    let range = json!({ "range": {
        "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 99 },
    } });
    check(
        text,
        "textDocument/semanticTokens/range",
        range,
        &expect![[r#"
            {"data":[0,16,4,0,0,1,0,5,0,0,0,6,1,5,0]}
        "#]],
    );
    let grammar = json!({ "textDocument": { "semanticTokens": {
        "augmentsSyntaxTokens": true, "requests": {}, "tokenTypes": [], "tokenModifiers": [],
        "formats": [],
    } } });
    let full = "textDocument/semanticTokens/full";
    check_with(
        grammar,
        Value::Null,
        text,
        full,
        json!({}),
        &expect![[r#"
            {"data":[0,4,1,5,1,1,6,1,5,0]}
        "#]],
    );
}

#[test]
fn the_difference_of_semantic_tokens_after_an_edit() {
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open("{ a = 1; b = 2; }");
        let full = rig.request("textDocument/semanticTokens/full", document()).await;
        rig.replace(1, "{ a = 1; b = true; }");
        let mut params = document();
        params["previousResultId"] = full["resultId"].clone();
        let delta = rig.request("textDocument/semanticTokens/full/delta", params.clone()).await;
        expect![[r#"[{"start":15,"deleteCount":5,"data":[0,4,4,9,2]}]"#]]
            .assert_eq(&delta["edits"].to_string());
        // Of a result that is gone, everything is sent.
        let again = rig.request("textDocument/semanticTokens/full/delta", params).await;
        assert!(again["data"].is_array(), "{again}");
        let mut params = document();
        params["previousResultId"] = again["resultId"].clone();
        let none = rig.request("textDocument/semanticTokens/full/delta", params).await;
        assert_eq!(none["edits"], json!([]));
    });
}

#[test]
fn folding_ranges() {
    let text = "{\n  a = [\n    1\n  ];\n}\n";
    check(
        text,
        "textDocument/foldingRange",
        json!({}),
        &expect![[r#"
        {"startLine":0,"startCharacter":1,"endLine":4,"endCharacter":0}
        {"startLine":1,"startCharacter":7,"endLine":3,"endCharacter":2}
    "#]],
    );
    let lines =
        json!({ "textDocument": { "foldingRange": { "lineFoldingOnly": true, "rangeLimit": 1 } } });
    check_with(
        lines,
        Value::Null,
        text,
        "textDocument/foldingRange",
        json!({}),
        &expect![[r#"
        {"startLine":0,"endLine":3}
    "#]],
    );
}

#[test]
fn selection_ranges_nest() {
    let params =
        json!({ "positions": [{ "line": 0, "character": 6 }, { "line": 9, "character": 9 }] });
    check(
        "{ a = b.c; }",
        "textDocument/selectionRange",
        params,
        &expect![[r#"
        {"range":{"start":{"line":0,"character":6},"end":{"line":0,"character":7}},"parent":{"range":{"start":{"line":0,"character":6},"end":{"line":0,"character":9}},"parent":{"range":{"start":{"line":0,"character":2},"end":{"line":0,"character":10}},"parent":{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":12}}}}}}
        {"range":{"start":{"line":0,"character":11},"end":{"line":0,"character":12}},"parent":{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":12}}}}
    "#]],
    );
}

#[test]
fn links_are_resolved_when_they_are_followed() {
    run(async {
        let mut rig = Rig::among(&[("/w/b/default.nix", "1")]).await;
        rig.open("[ ./b https://a.example ./c ]");
        let links = rig.request("textDocument/documentLink", document()).await;
        assert_eq!(links[0].get("target"), None);
        assert_eq!(links[1]["target"], "https://a.example");
        let link = rig.request("documentLink/resolve", links[0].clone()).await;
        assert_eq!(link["target"], "file:///w/b/default.nix");
        let link = rig.request("documentLink/resolve", links[2].clone()).await;
        assert_eq!(link.get("target"), None);
    });
}

#[test]
fn highlights_tell_writes_from_reads() {
    let params = json!({ "position": { "line": 0, "character": 4 } });
    check(
        "let a = 1; in a",
        "textDocument/documentHighlight",
        params,
        &expect![[r#"
        {"range":{"start":{"line":0,"character":4},"end":{"line":0,"character":5}},"kind":3}
        {"range":{"start":{"line":0,"character":14},"end":{"line":0,"character":15}},"kind":2}
    "#]],
    );
}

#[test]
fn linked_editing() {
    let params = json!({ "position": { "line": 0, "character": 4 } });
    check(
        "let a = 1; in a",
        "textDocument/linkedEditingRange",
        params,
        &expect![[r#"
        {"ranges":[{"start":{"line":0,"character":4},"end":{"line":0,"character":5}},{"start":{"line":0,"character":14},"end":{"line":0,"character":15}}],"wordPattern":"[A-Za-z_][A-Za-z0-9_'-]*"}
    "#]],
    );
}

#[test]
fn signatures_with_their_parameters() {
    let params = json!({ "position": { "line": 0, "character": 13 } });
    let text = "builtins.map ";
    check(
        text,
        "textDocument/signatureHelp",
        params.clone(),
        &expect![[r#"
            {"signatures":[{"label":"map :: (a -> b) -> [a] -> [b]","documentation":{"kind":"markdown","value":"The list of what the function gives for each element. The calls happen when an element is needed."},"parameters":[{"label":"(a -> b)","documentation":{"kind":"markdown","value":"`function`: Called with each element."}},{"label":"[a]","documentation":{"kind":"markdown","value":"`list`: The elements."}}],"activeParameter":0}],"activeSignature":0,"activeParameter":0}
        "#]],
    );
    let offsets = json!({ "textDocument": { "signatureHelp": {
        "signatureInformation": { "parameterInformation": { "labelOffsetSupport": true } },
    } } });
    check_with(
        offsets,
        Value::Null,
        text,
        "textDocument/signatureHelp",
        params,
        &expect![[r#"
            {"signatures":[{"label":"map :: (a -> b) -> [a] -> [b]","documentation":{"kind":"markdown","value":"The list of what the function gives for each element. The calls happen when an element is needed."},"parameters":[{"label":[7,15],"documentation":{"kind":"markdown","value":"`function`: Called with each element."}},{"label":[19,22],"documentation":{"kind":"markdown","value":"`list`: The elements."}}],"activeParameter":0}],"activeSignature":0,"activeParameter":0}
        "#]],
    );
}

#[test]
fn hints_as_they_are_configured_with_what_they_mean() {
    let text = "{\n  a = {\n  };\n  b = builtins.elemAt [ 1 ] 0;\n}";
    check(
        text,
        "textDocument/inlayHint",
        everything(),
        &expect![[r#"
        {"position":{"line":3,"character":22},"label":"list:","kind":2,"paddingLeft":false,"paddingRight":true,"data":{"tooltip":"The elements."}}
        {"position":{"line":3,"character":28},"label":"index:","kind":2,"paddingLeft":false,"paddingRight":true,"data":{"tooltip":"Which, counted from 0."}}
    "#]],
    );
    let options = json!({ "inlayHints": { "closingLines": 1, "parameters": false } });
    check_with(
        json!({}),
        options,
        text,
        "textDocument/inlayHint",
        everything(),
        &expect![[r#"
        {"position":{"line":2,"character":4},"label":"a","paddingLeft":true,"paddingRight":false}
    "#]],
    );
    run(async {
        let mut rig = Rig::start(json!({})).await;
        rig.open(text);
        let mut params = everything();
        params["textDocument"] = json!({ "uri": URI });
        let hints = rig.request("textDocument/inlayHint", params).await;
        let hint = rig.request("inlayHint/resolve", hints[1].clone()).await;
        assert_eq!(hint["tooltip"]["value"], "Which, counted from 0.");
    });
}

#[test]
fn formatting_edits_what_changes_and_says_why_it_does_not() {
    let options = json!({ "options": { "tabSize": 2, "insertSpaces": true } });
    let text = "{\n  a = 1;\n  b=2;\n}\n";
    check(
        text,
        "textDocument/formatting",
        options.clone(),
        &expect![[r#"
        {"range":{"start":{"line":2,"character":3},"end":{"line":2,"character":4}},"newText":" = "}
    "#]],
    );
    check("{ a = 1; }\n", "textDocument/formatting", options.clone(), &expect![""]);
    check(
        "{ a = ",
        "textDocument/formatting",
        options.clone(),
        &expect![[r#"
        {"error":-32803}
    "#]],
    );
    let failing = json!({ "formatting": { "command": ["sh", "-c", "echo broken >&2; exit 1"] } });
    let method = "textDocument/formatting";
    check_with(
        json!({}),
        failing,
        text,
        method,
        options.clone(),
        &expect![[r#"
        {"error":-32803}
    "#]],
    );
    let mut params = everything();
    params["options"] = options["options"].clone();
    check(
        text,
        "textDocument/rangeFormatting",
        params,
        &expect![[r#"
        {"range":{"start":{"line":2,"character":3},"end":{"line":2,"character":4}},"newText":" = "}
    "#]],
    );
}

#[test]
fn typing_closes_what_it_opens() {
    let params = json!({
        "position": { "line": 0, "character": 4 },
        "ch": "{",
        "options": { "tabSize": 2, "insertSpaces": true },
    });
    check(
        "\"a${\"",
        "textDocument/onTypeFormatting",
        params,
        &expect![[r#"
        {"range":{"start":{"line":0,"character":4},"end":{"line":0,"character":4}},"newText":"}"}
    "#]],
    );
}

#[test]
fn paths_follow_a_file_that_moves() {
    run(async {
        let mut rig = Rig::among(&[("/w/a.nix", "import ./b.nix"), ("/w/b.nix", "1")]).await;
        let files = json!([{ "oldUri": "file:///w/b.nix", "newUri": "file:///w/c/d.nix" }]);
        let edit = rig.request("workspace/willRenameFiles", json!({ "files": files })).await;
        expect![[r#"{"changes":{"file:///w/a.nix":[{"range":{"start":{"line":0,"character":7},"end":{"line":0,"character":14}},"newText":"./c/d.nix"}]}}"#]].assert_eq(&edit.to_string());
    });
}

#[test]
fn documentation_of_completions_is_sent_when_it_is_shown() {
    run(async {
        let resolve = json!({ "properties": ["documentation"] });
        let item = json!({ "completionItem": { "resolveSupport": resolve } });
        let mut rig = Rig::start(json!({ "textDocument": { "completion": item } })).await;
        rig.open("builtins.hea");
        let list = rig.request("textDocument/completion", at(0, 12)).await;
        let head = &list["items"][0];
        assert_eq!((&head["label"], head.get("documentation")), (&json!("head"), None));
        let head = rig.request("completionItem/resolve", head.clone()).await;
        let text = head["documentation"]["value"].as_str().unwrap();
        assert!(text.contains("The first element"), "{text}");
    });
}

#[test]
fn the_whole_workspace_is_fixed_and_searched_by_structure() {
    run(async {
        let system = MemorySystem::default();
        system.write("/w/b.nix", "x: isNull (if x then true else false)\n");
        let resolve = json!({ "resolveSupport": { "properties": ["edit"] } });
        let capabilities = json!({ "textDocument": { "codeAction": resolve } });
        let mut rig = Rig::over(system, capabilities, Value::Null).await;
        rig.open("x: if isNull x then true else false");
        let mut params = everything();
        params["textDocument"] = json!({ "uri": URI });
        params["context"] = json!({ "diagnostics": [] });
        let actions = rig.request("textDocument/codeAction", params).await;
        let wanted = "Fix all 'redundant-if' in the workspace";
        let mut actions = actions.as_array().unwrap().iter();
        let action = actions.find(|action| action["title"] == wanted).unwrap().clone();
        let fixed = rig.request("codeAction/resolve", action).await;
        let ssr = |apply: bool, uri: Value| {
            let mut argument = json!({ "rule": "isNull $x ==>> $x == null", "apply": apply });
            if !uri.is_null() {
                argument["uri"] = uri;
            }
            json!({ "command": "floe.ssr", "arguments": [argument] })
        };
        let command = "workspace/executeCommand";
        let replaced = rig.request(command, ssr(false, Value::Null)).await;
        let here = rig.request(command, ssr(false, json!(URI))).await;
        let in_closed_file = |edit: &Value| edit["changes"]["file:///w/b.nix"][0].to_string();
        expect![[
            r#"{"range":{"start":{"line":0,"character":11},"end":{"line":0,"character":36}},"newText":"x"}"#
        ]]
        .assert_eq(&in_closed_file(&fixed["edit"]));
        expect![[
            r#"{"range":{"start":{"line":0,"character":3},"end":{"line":0,"character":37}},"newText":"(if x then true else false) == null"}"#
        ]]
        .assert_eq(&in_closed_file(&replaced["edit"]));
        assert_eq!(here["files"], 1);
        // Without more ado the client is asked to make the edit.
        rig.request(command, ssr(true, json!(URI))).await;
        let asked = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let request = rig.socket.next().await.unwrap();
                if request.method() == "workspace/applyEdit" {
                    return request.params().unwrap()["edit"].clone();
                }
            }
        });
        assert_eq!(asked.await.unwrap(), here["edit"]);
    });
}

#[test]
fn actions_are_those_that_the_client_can_make() {
    run(async {
        let offered = async |capabilities: Value, text: &str, (start, end): (u32, u32)| {
            let mut rig = Rig::start(capabilities).await;
            rig.open(text);
            let mut params = everything();
            params["textDocument"] = json!({ "uri": URI });
            params["context"] = json!({ "diagnostics": [] });
            let at = |character: u32| json!({ "line": 0, "character": character });
            params["range"] = json!({ "start": at(start), "end": at(end) });
            rig.request("textDocument/codeAction", params).await.as_array().unwrap().clone()
        };
        let titled = |actions: &[Value], title: &str| {
            actions.iter().find(|action| action["title"].as_str().unwrap().contains(title)).cloned()
        };
        let text = "[ (1 + 2) ]";
        let able = json!({
            "textDocument": { "codeAction": { "resolveSupport": { "properties": ["edit"] } } },
            "workspace": {
                "workspaceEdit": { "documentChanges": true, "resourceOperations": ["create"] },
            },
        });
        // A client that asks for edits later is told them later, and others at once.
        let fixable = "a: if a then true else false";
        let later =
            titled(&offered(able.clone(), fixable, (0, 0)).await, "all safe fixes").unwrap();
        assert!(later.get("edit").is_none() && later.get("data").is_some(), "{later}");
        let now = titled(&offered(json!({}), fixable, (0, 0)).await, "all safe fixes").unwrap();
        assert_eq!(now["edit"]["changes"][URI][0]["newText"], "a");
        // Where there is nothing to fix, nothing is offered.
        assert_eq!(titled(&offered(able.clone(), "a: a", (0, 0)).await, "all safe fixes"), None);
        // Only some clients can make files.
        let sum = (3, 8);
        assert!(titled(&offered(able, text, sum).await, "Extract to './").is_some());
        assert_eq!(titled(&offered(json!({}), text, sum).await, "Extract to './"), None);
    });
}
