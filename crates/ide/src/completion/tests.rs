//! What is offered where.

use expect_test::{Expect, expect};

use super::*;
use crate::fixture::fixture;

/// Without the builtins and keywords that can stand anywhere.
fn check(text: &str, expected: &Expect) {
    let fixture = fixture(text);
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let mut shown = fixture.show(fixture.file, found.replace) + "\n";
    for item in &found.items {
        if matches!(
            item.kind,
            CompletionKind::Builtin | CompletionKind::Constant | CompletionKind::Keyword
        ) && found.items.len() > 20
        {
            continue;
        }
        shown += &format!("{} {:?}", item.label, item.kind);
        if item.insert != item.label {
            shown += &format!(" inserts {}", item.insert);
        }
        shown += "\n";
    }
    expected.assert_eq(&shown);
}

#[test]
fn names_in_scope_innermost_first() {
    check(
        "{ pkgs, lib }: let a = x: x; b = 1; in rec { c = $0; }",
        &expect![[r#"
            default.nix:1 ""
            c Variable
            a Function
            b Variable
            lib Parameter
            pkgs Parameter
        "#]],
    );
    check(
        "{ pkgs }: let a = 1; in [ a $0 ]",
        &expect![[r#"
        default.nix:1 ""
        a Variable
        pkgs Parameter
    "#]],
    );
    check(
        "let a = 1; in $0",
        &expect![[r#"
        default.nix:1 ""
        a Variable
    "#]],
    );
    check(
        "let a = 1; b = $0",
        &expect![[r#"
        default.nix:1 ""
        a Variable
        b Variable
    "#]],
    );
}

#[test]
fn names_under_with() {
    check(
        "let s = { x = 1; \"y z\" = 2; }; in with s; $0",
        &expect![[r#"
            default.nix:1 ""
            s Variable
            x Attribute
        "#]],
    );
}

#[test]
fn attributes_of_known_sets() {
    check(
        "let s = { a = 1; b.c = x: x; }; in s.$0",
        &expect![[r#"
        default.nix:1 ""
        a Attribute
        b Attribute
    "#]],
    );
    check(
        "let s = { a = 1; b.c = x: x; }; in [ s.b.$0 ]",
        &expect![[r#"
        default.nix:1 ""
        c Function
    "#]],
    );
    check(
        "let s = { a = 1; }; in { inherit (s) $0; }",
        &expect![[r#"
        default.nix:1 ""
        a Attribute
    "#]],
    );
    check(
        "//- /w/a.nix\n(import ./b.nix { }).$0\n//- /w/b.nix\n{ }: { x = 1; }",
        &expect![[r#"
        a.nix:1 ""
        x Attribute
    "#]],
    );
}

#[test]
fn builtins_and_keywords() {
    let fixture = fixture("{ a = $0 }");
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let labels: Vec<&str> = found.items.iter().map(|item| item.label.as_str()).collect();
    for label in ["builtins", "map", "true", "let", "with"] {
        assert!(labels.contains(&label), "{label} in {labels:?}");
    }
    assert!(!labels.contains(&"__head"));
}

#[test]
fn attributes_of_builtins_are_documented() {
    let fixture = fixture("builtins.$0");
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let head = found.items.iter().find(|item| item.label == "head").unwrap();
    assert_eq!(head.detail.as_deref(), Some("[a] -> a"));
}

#[test]
fn files_and_folders() {
    check(
        "//- /w/a.nix\nimport ./m$0\n//- /w/main.nix\n1\n//- /w/modules/x.nix\n1\n//- /w/.git/x\n",
        &expect![[r#"
            a.nix:1 "m"
            main.nix File
            modules Folder
        "#]],
    );
    check(
        "//- /w/a.nix\nimport ./modules/$0\n//- /w/modules/x.nix\n1",
        &expect![[r#"
        a.nix:1 ""
        x.nix File
    "#]],
    );
}

#[test]
fn options_of_a_module() {
    let shown = |text: &str| {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let line = |item: &CompletionItem| {
            let detail = item.detail.as_deref().unwrap_or("…");
            format!("{} {:?} {detail}\n", item.label, item.kind)
        };
        let options = found.items.iter().filter(|item| item.kind != CompletionKind::Keyword);
        options.map(line).collect::<String>()
    };
    let openssh = shown("{ config, ... }: { services.openssh.$0 }");
    expect![[r#"
        authorizedKeysFiles Option list of string
        authorizedKeysInHomedir Option boolean
        banner Option null or strings concatenated with "\n"
        enable Option boolean
        extraConfig Option strings concatenated with "\n"
        hostKeys Option list of (submodule)
        listenAddresses Option list of (submodule)
        openFirewall Option boolean
        ports Option list of 16 bit unsigned integer; between 0 and 65535 (both inclusive)
        settings Option open submodule of attribute set of (null or boolean or signed integer or string or list of string)
        startWhenNeeded Option boolean
        passwordAuthentication Option unspecified value
        permitRootLogin Option unspecified value
    "#]].assert_eq(&openssh);
    assert_eq!(shown("{ config, ... }: { services = { openssh.$0 }; }"), openssh);
    assert_eq!(
        shown("{ config, lib, ... }: { config = lib.mkIf true { services.openssh = { $0 }; }; }"),
        openssh
    );
    assert_eq!(
        shown("{ config, ... }: { services.openssh.$0\n  networking.hostName = \"a\"; }"),
        openssh
    );
    expect![[r#"
        default Option boolean
        extraConfig Option strings concatenated with "\n"
        forceSSL Option boolean
        listen Option list of (submodule)
        locations Option attribute set of (submodule)
        root Option null or absolute path
        serverAliases Option list of string
        serverName Option string
        sslCertificate Option null or absolute path
        sslCertificateKey Option null or absolute path
    "#]]
    .assert_eq(&shown("{ config, ... }: { services.nginx.virtualHosts.a.$0 }"));
    assert_eq!(shown("let s = { services.openssh.$0 }; in s"), "");
}

/// What an option can be, with what is replaced by it.
fn option_values(text: &str) -> String {
    let fixture = fixture(text);
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let values = found.items.iter().filter(|item| item.kind == CompletionKind::Value);
    let line = |item: &CompletionItem| {
        let detail = item.detail.as_deref().unwrap_or_default();
        format!("{} ({detail})\n", item.insert)
    };
    fixture.show(fixture.file, found.replace) + "\n" + &values.map(line).collect::<String>()
}

#[test]
fn the_values_of_an_option() {
    let enable = option_values("{ config, ... }: { services.openssh.enable = $0; }");
    expect![[r#"
        default.nix:1 ""
        false (default)
        true (boolean)
    "#]]
    .assert_eq(&enable);
    for other in [
        "{ config, ... }: { services.openssh.enable = $0 }",
        "{ config, ... }: { services.openssh.enable =$0; }",
        "{ config, ... }: { services = { openssh = { enable = $0; }; }; }",
        "{ config, lib, ... }: { services.openssh.enable = lib.mkDefault $0; }",
        "{ config, lib, ... }: { services.openssh.enable = lib.mkIf true $0; }",
        "{ config, lib, ... }: { services.openssh.enable = lib.mkIf true ($0); }",
        "{ config, lib, ... }: { services.openssh.enable = if true then $0 else false; }",
        "{ config, lib, ... }: { services.openssh.enable = let a = 1; in $0; }",
        "{ config, lib, ... }: { config = lib.mkMerge [ { services.openssh.enable = $0; } ]; }",
    ] {
        assert_eq!(option_values(other), enable, "{other}");
    }
    for none in [
        "{ config, lib, ... }: { services.openssh.enable = lib.mkIf $0; }",
        "{ config, lib, ... }: { services.openssh.enable = f $0; }",
        "{ config, lib, ... }: { services.openssh.enable = if $0 then 1 else 2; }",
        "{ config, lib, ... }: { services.openssh.enable = let a = $0; in a; }",
        "{ config, lib, ... }: { services.openssh.enable = 1 + $0; }",
        "{ config, lib, ... }: { services.openssh.enable = x: $0; }",
        "let s = { services.openssh.enable = $0; }; in s",
    ] {
        let shown = option_values(none);
        assert_eq!(shown.lines().count(), 1, "{none}: {shown}");
    }
}

#[test]
fn the_values_of_an_enumeration() {
    const SITE: &str = r#"
//- /w/site.nix
{ lib, ... }: with lib; {
  options.site = {
    mode = mkOption { type = types.nullOr (types.enum [ "plain" "\"so\"" ]); default = "plain"; };
    users = mkOption { type = types.attrsOf (types.listOf (types.enum [ "read" "write" ])); };
    root = mkOption { type = types.path; default = /srv; example = "see ${config.site.mode}"; };
    note = mkOption { default = literalMD "nothing"; example = lib.x; };
    tool = mkPackageOption pkgs "hello" { };
  };
}"#;
    let shown = |text: &str| option_values(&format!("//- /w/a.nix\n{text}{SITE}"));
    expect![[r#"
        a.nix:1 ""
        "plain" (default)
        null (types.nullOr (types.enum [ "plain" "\"so\"" ]))
        "\"so\"" (types.nullOr (types.enum [ "plain" "\"so\"" ]))
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.mode = $0; }"));
    expect![[r#"
        a.nix:1 "pl"
        "plain" (default)
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.mode = pl$0; }"));
    expect![[r#"
        a.nix:1 "px"
        plain (types.nullOr (types.enum [ "plain" "\"so\"" ]))
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.mode = \"p$0x\"; }"));
    expect![[r#"
        a.nix:2 ""
        plain (types.nullOr (types.enum [ "plain" "\"so\"" ]))
        \"so\" (types.nullOr (types.enum [ "plain" "\"so\"" ]))
    "#]]
    .assert_eq(&shown("{ config, ... }: {\n  site.mode = \"$0;\n}\n"));
    expect![[r#"
        a.nix:1 ""
        "read" (types.attrsOf (types.listOf (types.enum [ "read" "write" ])))
        "write" (types.attrsOf (types.listOf (types.enum [ "read" "write" ])))
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.users.me = [ $0 ]; }"));
    expect![[r#"
        a.nix:1 ""
        "read" (types.attrsOf (types.listOf (types.enum [ "read" "write" ])))
        "write" (types.attrsOf (types.listOf (types.enum [ "read" "write" ])))
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.users.me = [ \"read\" $0 ]; }"));
    expect![[r#"
        a.nix:1 ""
        read (types.attrsOf (types.listOf (types.enum [ "read" "write" ])))
        write (types.attrsOf (types.listOf (types.enum [ "read" "write" ])))
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.users = { me = [ ] ++ [ \"$0\" ]; }; }"));
    expect![[r#"
        a.nix:1 ""
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.users.me = $0; }"));
    // A text with names that are not bound here is none that could be written.
    expect![[r#"
        a.nix:1 ""
        /srv (default)
        "see ${config.site.mode}" (types.path)
    "#]]
    .assert_eq(&shown("{ config, ... }: { site.root = $0; }"));
    expect![[r#"
        a.nix:1 ""
    "#]]
    .assert_eq(&shown("{ pkgs, ... }: { site.note = $0; }"));
    expect![[r#"
        a.nix:1 ""
        pkgs.hello (default)
    "#]]
    .assert_eq(&shown("{ config, pkgs, ... }: { site.tool = $0; }"));
}

#[test]
fn the_arguments_of_a_function_of_the_package_set() {
    let arguments = |text: &str| {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let items = found.items.into_iter().filter(|item| item.kind == CompletionKind::Parameter);
        items.map(|item| item.insert + "\n").collect::<String>()
    };
    expect![[r#"
        text
        meta
        runtimeEnv
        runtimeInputs
    "#]]
    .assert_eq(&arguments(
        "{ pkgs ? import <nixpkgs> { } }: pkgs.writeShellApplication { name = \"a\"; $0 }",
    ));
    expect![[r#"
        lib
        stdenv
        greeting
    "#]]
    .assert_eq(&arguments("{ pkgs, ... }: { a = pkgs.hello.override { $0 }; }"));
    assert_eq!(arguments("{ pkgs, ... }: { a = pkgs.hello { $0 }; }"), "");
}

#[test]
fn packages_as_the_values_of_an_option() {
    let packages = |text: &str| {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let items = found.items.into_iter().filter(|item| item.kind == CompletionKind::Package);
        items.map(|item| item.insert + "\n").collect::<String>()
    };
    expect![[r#"
        pkgs.
    "#]]
    .assert_eq(&packages("{ config, pkgs, ... }: { environment.systemPackages = [ $0 ]; }"));
    expect![[r#"
        pkgs.hello
        pkgs.hello-c
        pkgs.mkShell
        pkgs.mkShellNoCC
        pkgs.writeShellApplication
        pkgs.writeShellScript
        pkgs.writeShellScriptBin
    "#]]
    .assert_eq(&packages("{ config, pkgs, ... }: { environment.systemPackages = [ hel$0 ]; }"));
    assert_eq!(packages("{ config, ... }: { environment.systemPackages = [ hel$0 ]; }"), "");
}

#[test]
fn packages_in_an_overlay() {
    for text in ["final: prev: { a = prev.hel$0; }", "self: super: { a = self.hel$0; }"] {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        assert!(found.items.iter().any(|item| item.label == "hello"), "{text}");
    }
    check(
        "self: other: self.hel$0",
        &expect![[r#"
        default.nix:1 "hel"
    "#]],
    );
}

#[test]
fn packages_behind_a_dot_and_under_with() {
    check(
        "{ pkgs, ... }: pkgs.hel$0",
        &expect![[r#"
            default.nix:1 "hel"
            hello Package
            hello-c Package
            mkShell Package
            writeShellScript Package
            writeShellScriptBin Package
            writeShellApplication Package
            mkShellNoCC Package
        "#]],
    );
    check(
        "{ pkgs ? import <nixpkgs> { } }: with pkgs; [ hel$0 ]",
        &expect![[r#"
            default.nix:1 "hel"
            hello Package
            hello-c Package
            mkShell Package
            writeShellScript Package
            writeShellScriptBin Package
            writeShellApplication Package
            mkShellNoCC Package
        "#]],
    );
    check(
        "let p = import <nixpkgs> { }; in { inherit (p) hel$0; }",
        &expect![[r#"
        default.nix:1 "hel"
        hello Package
        hello-c Package
        mkShell Package
        writeShellScript Package
        writeShellScriptBin Package
        writeShellApplication Package
        mkShellNoCC Package
    "#]],
    );
}

#[test]
fn nothing_in_comments_and_strings() {
    check(
        "# a$0\n{ }",
        &expect![[r#"
        default.nix:1 ""
    "#]],
    );
    check(
        "{ a = \"b$0\"; }",
        &expect![[r#"
            default.nix:1 "b"
        "#]],
    );
}

#[test]
fn arguments_of_a_known_function_the_required_first() {
    check(
        "let f = { a ? 1, bee, cee, ... }: a; in f { bee = 1; $0 }",
        &expect![[r#"
            default.nix:1 ""
            cee Parameter
            a Parameter
            inherit Keyword
            inherit (…) Keyword
        "#]],
    );
    check(
        "//- /w/a.nix\nimport ./b.nix { $0 }\n//- /w/b.nix\n{ one, two ? 2 }: one",
        &expect![[r#"
            a.nix:1 ""
            one Parameter
            two Parameter
            inherit Keyword
            inherit (…) Keyword
        "#]],
    );
    check(
        "//- /w/a.nix\n{ callPackage }: callPackage ./b.nix { o$0 }\n//- /w/b.nix\n{ one, two ? 2 }: one",
        &expect![[r#"
            a.nix:1 "o"
            one Parameter
            two Parameter
        "#]],
    );
}

#[test]
fn attributes_of_what_calls_give() {
    check(
        "let f = x: { left = x; right = { deep = 1; }; }; in (f 1).right.$0",
        &expect![[r#"
        default.nix:1 ""
        deep Attribute
    "#]],
    );
    check(
        "let s = { a = 1; } // (if x then { b = 2; } else { }); in s.$0",
        &expect![[r#"
        default.nix:1 ""
        a Attribute
        b Attribute
    "#]],
    );
    check(
        "//- /w/a.nix\nlet b = import ./b.nix; in b.l$0\n//- /w/b.nix\nrec { left = x: x; last = left 1; right = 2; }",
        &expect![[r#"
            a.nix:1 "l"
            last Attribute
            left Function
        "#]],
    );
    // What an argument is asked for elsewhere, it probably has.
    check(
        "x: [ x.first x.second.deep x.$0 ]",
        &expect![[r#"
        default.nix:1 ""
        first Attribute
        second Attribute
    "#]],
    );
}

#[test]
fn paths_in_strings() {
    check(
        "//- /w/a.nix\n\"./b$0\"\n//- /w/bee.nix\n1\n//- /w/sub/c.nix\n1",
        &expect![[r#"
        a.nix:1 "b"
        bee.nix File
        sub Folder
    "#]],
    );
}

#[test]
fn the_nearest_and_most_used_come_first() {
    check(
        "let valueOuter = 1; valueUsed = 2; in [ valueUsed valueUsed ] ++ (valueInner: val$0)",
        &expect![[r#"
            default.nix:1 "val"
            valueInner Parameter
            valueUsed Variable
            valueOuter Variable
        "#]],
    );
}

#[test]
fn a_list_that_was_cut_says_so() {
    let many: String = (0..400).map(|number| format!("name{number} = 1; ")).collect();
    let fixture = fixture(&format!("let {many} in na$0"));
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    assert!(found.incomplete && found.items.len() < 300, "{}", found.items.len());
}

#[test]
fn details_are_found_when_somebody_looks() {
    let fixture = fixture("let\n  # Adds one.\n  increment = x: x + 1;\nin incr$0");
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let subject = found.items[0].subject.as_ref().unwrap();
    let details = completion_details(&fixture.db, subject);
    assert_eq!(details.detail.as_deref(), Some("Int -> Int"));
    assert_eq!(details.documentation.as_deref(), Some("Adds one."));
}

#[test]
fn keywords_have_places_to_fill_in() {
    let fixture = fixture("{ a = le$0 }");
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let item = found.items.iter().find(|item| item.label == "let").unwrap();
    assert_eq!(item.snippet.as_deref(), Some("let\n  $1\nin\n$0"));
}

/// What is offered first, a line each with where it comes from; at most `most`.
fn first(text: &str, most: usize) -> String {
    let fixture = fixture(text);
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let line = |item: &CompletionItem| match &item.detail {
        Some(detail) => format!("{} ({detail})\n", item.label),
        None => format!("{}\n", item.label),
    };
    found.items.iter().take(most).map(line).collect()
}

#[test]
fn names_in_scope_say_where_they_come_from() {
    expect![[r#"
        c (rec)
        d (rec)
        b (let)
        arg (argument)
        e (with { e = 1; })
    "#]]
    .assert_eq(&first("{ arg }: let b = 1; in rec { c = 1; d = with { e = 1; }; $0; }", 5));
}

#[test]
fn names_in_scope_where_a_value_is_missing() {
    for text in ["let xa = 1; b = $0; in b", "rec { xa = 1; b = $0; }", "{ xa, b ? $0 }: b"] {
        assert!(first(text, 3).contains("xa"), "{text}: {}", first(text, 3));
    }
}

#[test]
fn a_path_that_has_no_name_yet() {
    let files = "//- /w/sub/a.nix\n{ x = HERE; }\n//- /w/sub/bee.nix\n1\n//- /w/sub/c/d.nix\n1\n";
    let at = |written: &str| first(&files.replace("HERE", written), 9);
    assert_eq!(at("./$0"), "a.nix\nbee.nix\nc\n");
    assert_eq!(at("import ../$0"), "sub\n");
    assert_eq!(at("[ ./c/$0 ]"), "d.nix\n");
    assert_eq!(at("\"${./c}/$0\""), "d.nix\n");
    assert_eq!(at("\"${x}/$0\""), "");
    assert_eq!(at("./${x}/$0"), "");
}

#[test]
fn the_search_path_before_it_is_closed() {
    assert_eq!(first("import <nix$0", 9).lines().count(), 1);
    assert_eq!(first("import <nix$0>", 9), first("import <nix$0", 9));
    assert!(first("import <$0", 9).contains("nixpkgs ("));
    let folder = first("import <nixpkgs/$0>", 99);
    assert!(folder.contains("lib\n") && folder.contains("nixos\n"), "{folder}");
    assert_eq!(first("import <nixpkgs/l$0", 1), "lib\n");
    assert!(first("a: 1 < a$0", 1).starts_with("a "));
}

#[test]
fn keywords_by_context() {
    let keywords = |text: &str| {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset).items.into_iter();
        let keywords = found.filter(|item| item.kind == CompletionKind::Keyword);
        keywords.map(|item| item.label).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keywords("$0"), "assert if let rec with");
    assert_eq!(keywords("[ $0 ]"), "rec");
    assert_eq!(keywords("f $0"), "rec");
    assert_eq!(keywords("f ($0)"), "assert if let rec with");
    assert_eq!(keywords("if a t$0"), "then");
    assert_eq!(keywords("if a then b e$0"), "else rec");
    assert_eq!(keywords("if t$0 then b else c"), "assert let with");
    assert_eq!(keywords("a.b o$0"), "or");
    assert_eq!(keywords("let a = 1; i$0"), "in inherit inherit (…)");
    assert_eq!(keywords("let a = 1; in$0"), "in inherit inherit (…)");
    assert_eq!(keywords("{ a = 1; in$0 }"), "inherit inherit (…)");
    assert_eq!(keywords("let a = 1; i$0 in a"), "inherit inherit (…)");
}

#[test]
fn what_a_function_uses_and_nobody_gives_it() {
    assert_eq!(first("{ lib, $0 }: [ curl (lib.id curl) wget ]", 3), "curl\nwget\n...\n");
    assert_eq!(first("{ c$0 }: curl", 1), "curl\n");
    let of_module = first("{ config, $0 }: { imports = [ ]; }", 9);
    assert_eq!(of_module, "lib\nmodulesPath\noptions\npkgs\n...\n");
    assert_eq!(first("{ hel$0 }: 1", 1), "hello\n");
}

#[test]
fn attributes_that_a_set_is_asked_for() {
    assert_eq!(first("let s = { xa = 1; }; in s ? $0", 9), "xa\n");
}

#[test]
fn what_a_flake_can_say() {
    let flake = |text: &str| first(&format!("//- /w/flake.nix\n{text}"), 4);
    expect![[r#"
        description (string)
        inputs (attribute set of inputs)
        outputs (function)
        nixConfig (attribute set)
    "#]]
    .assert_eq(&flake("{ $0 }"));
    expect![[r#"
        url (string)
        inputs (attribute set of inputs)
        follows (string)
        flake (boolean)
    "#]]
    .assert_eq(&flake("{ inputs.nixpkgs.$0 }"));
    expect![[r#"
        url (string)
        inputs (attribute set of inputs)
        follows (string)
        flake (boolean)
    "#]]
    .assert_eq(&flake("{ inputs = { a.inputs.nixpkgs = { $0 }; }; }"));
    expect![[r#"
        packages (packages.<system>.<name>)
        legacyPackages (legacyPackages.<system>)
        apps (apps.<system>.<name>)
        templates (templates.<name>)
    "#]]
    .assert_eq(&flake("{ outputs = { self }: { p$0 }; }"));
    expect![[r#"
        x86_64-linux (system)
        aarch64-linux (system)
        x86_64-darwin (system)
        aarch64-darwin (system)
    "#]]
    .assert_eq(&flake("{ outputs = { self }: { packages.$0 }; }"));
    expect![[r#"
        nixpkgs
        utils
        ...
    "#]]
    .assert_eq(&flake(
        "{ inputs.nixpkgs.url = \"x\"; inputs.utils.url = \"y\"; outputs = { self, $0 }: 1; }",
    ));
    assert_eq!(first("//- /w/a.nix\n{ inputs.nixpkgs.$0 }", 4), "");
}

/// The labels of the best, with the workspace indexed.
pub(super) fn best(text: &str, count: usize) -> Vec<String> {
    let fixture = fixture(text);
    crate::index_to_make(&fixture.db).make(1, || true);
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    found.items.into_iter().take(count).map(|item| item.label).collect()
}

#[test]
fn a_part_of_the_library_has_its_type_and_documentation_when_it_is_looked_at() {
    for text in [
        "{ lib, ... }: lib.mapAttrsToL$0",
        "{ pkgs, ... }: pkgs.lib.mapAttrsToL$0",
        "{ stdenv, ... }: stdenv.lib.mapAttrsToL$0",
        "final: prev: { a = final.lib.mapAttrsToL$0; }",
        "{ pkgs, ... }: with pkgs.lib; mapAttrsToL$0",
    ] {
        let fixture = fixture(text);
        let found = completion(&fixture.db, fixture.file, fixture.offset);
        let item = found.items.first().unwrap();
        assert_eq!((item.label.as_str(), item.kind), ("mapAttrsToList", CompletionKind::Function));
        let details = completion_details(&fixture.db, item.subject.as_ref().unwrap());
        assert!(details.detail.is_some_and(|detail| detail.contains("->")), "{text}");
        assert!(details.documentation.is_some_and(|text| !text.is_empty()), "{text}");
    }
}

#[test]
fn a_package_has_its_name_and_description_when_it_is_looked_at() {
    let fixture = fixture("{ pkgs, ... }: pkgs.hel$0");
    let found = completion(&fixture.db, fixture.file, fixture.offset);
    let item = found.items.first().unwrap();
    let details = completion_details(&fixture.db, item.subject.as_ref().unwrap());
    assert_eq!(details.detail.as_deref(), Some("hello-1.4.2"));
    let documentation = details.documentation.unwrap();
    assert!(documentation.contains("prints a friendly greeting"), "{documentation}");
}

#[test]
fn below_a_search_path_before_its_bracket() {
    assert_eq!(best("import <nixpkgs/ni$0>", 1), ["nixos"]);
    assert_eq!(best("import <nixpkgs/lib/li$0>", 1), ["licenses.nix"]);
    assert_eq!(best("import <nixpkgs/$0>", 2), ["README.md", "build-support"]);
}
