//! Each assist, by its title: the text before with the cursor or the two ends of a selection at `$0`, and
//! the text after.

use expect_test::{Expect, expect};

use super::*;
use crate::fixture::fixture;

fn offered(text: &str) -> (crate::fixture::Fixture, Vec<Assist>) {
    let mut fixture =
        fixture(&text.replacen("$0", "\u{1}", 1).replace("$0", "\u{2}").replacen('\u{1}', "$0", 1));
    let clean = source(&fixture.db, fixture.file).text.to_string();
    let end = clean.find('\u{2}');
    if end.is_some() {
        let path = fixture.file.path(&fixture.db).clone();
        let text = clean.replace('\u{2}', "").as_str().into();
        fixture.db.apply(floe_db::Change::Buffer { path, text });
    }
    let selection =
        Span { start: fixture.offset, end: end.map_or(fixture.offset, |end| end as u32) };
    let assists = assists(&fixture.db, fixture.file, selection);
    (fixture, assists)
}

fn check(title: &str, text: &str, expected: &Expect) {
    let (fixture, assists) = offered(text);
    let titles: Vec<&str> = assists.iter().map(|assist| assist.title.as_str()).collect();
    let found = assists.iter().find(|assist| assist.title.starts_with(title));
    let Some(assist) = found else { panic!("no '{title}' among {titles:?}") };
    let mut shown = fixture.edited(&assist.edits);
    let parse = floe_syntax::parse(&shown, &floe_syntax::ParseOptions::default());
    assert_eq!(parse.errors, [], "{shown}");
    if let Some((path, text)) = &assist.new_file {
        shown += &format!("\n//- {}\n{text}", path.display());
    }
    expected.assert_eq(&shown);
}

fn offers_no(title: &str, texts: &[&str]) {
    for text in texts {
        let (_, assists) = offered(text);
        assert!(
            !assists.iter().any(|assist| assist.title.starts_with(title)),
            "{text}: {assists:?}"
        );
    }
}

#[test]
fn an_unbound_name_becomes_an_argument() {
    let title = "Take 'b' as an argument";
    check(title, "{ a }: a + $0b", &expect!["{ a, b }: a + b"]);
    check(title, "{ a, ... }: a + b$0", &expect!["{ a, b, ... }: a + b"]);
    check(title, "{ ... }: $0b", &expect!["{ b, ... }: b"]);
    check(title, "{ }: { inherit $0b; }", &expect!["{ b }: { inherit b; }"]);
    check(
        title,
        "{\n  a,\n  c ? 1,\n}:\na + $0b",
        &expect![[r#"
        {
          a,
          c ? 1,
          b,
        }:
        a + b"#]],
    );
    check(
        title,
        "{ a\n, c\n, ...\n}: $0b",
        &expect![[r#"
        { a
        , c
        , b
        , ...
        }: b"#]],
    );
}

#[test]
fn a_function_of_the_library_is_taken_from_it() {
    check(
        "Use 'lib.mkIf'",
        "{ config, pkgs, ... }: { a = $0mkIf true 1; }",
        &expect!["{ config, pkgs, lib, ... }: { a = lib.mkIf true 1; }"],
    );
    check(
        "Use 'lib.mkIf'",
        "{ lib, ... }: { a = mk$0If true 1; }",
        &expect!["{ lib, ... }: { a = lib.mkIf true 1; }"],
    );
}

#[test]
fn missing_arguments_are_added_to_a_call() {
    check(
        "Add missing arguments",
        "let f = { a, b ? 1, c, d }: a; d = 1; in f {$0 a = 1; }",
        &expect![[
            r#"let f = { a, b ? 1, c, d }: a; d = 1; in f { a = 1; c = throw "to do: c"; inherit d; }"#
        ]],
    );
}

#[test]
fn inherits_and_back() {
    check("Write 'inherit (x.y) a;'", "x: { $0a = x.y.a; }", &expect!["x: { inherit (x.y) a; }"]);
    check(
        "Write 'a = x.y.a;'",
        "x: {\n  inherit (x.y) $0a b;\n}",
        &expect![[r#"
        x: {
          inherit (x.y) b;
          a = x.y.a;
        }"#]],
    );
    check("Write 'a = (f 1).a;'", "f: { inherit (f 1) $0a; }", &expect!["f: { a = (f 1).a; }"]);
    check("Write 'a = a;'", "a: { inherit $0a; }", &expect!["a: { a = a; }"]);
    offers_no("Write 'a = a;'", &["a: rec { inherit $0a; }", "a: let inherit $0a; in 1"]);
}

#[test]
fn paths_are_flattened_and_packed() {
    check(
        "Write the set as paths",
        "{ $0a = { b = 1; c.d = 2; }; }",
        &expect!["{ a.b = 1; a.c.d = 2; }"],
    );
    check(
        "Write the set as paths",
        "{\n  a.$0b = {\n    # c\n    c = ''\n      x\n    '';\n    d = [\n      1\n    ];\n  };\n}",
        &expect![[r#"
            {
              # c
              a.b.c = ''
                  x
                '';
              a.b.d = [
                1
              ];
            }"#]],
    );
    check(
        "Write one set",
        "{ $0a.b = 1; c = 1; a.d.e = 2; }",
        &expect![[r#"
        { a = {
          b = 1;
          d.e = 2;
        }; c = 1; }"#]],
    );
    check(
        "Write one set",
        "{\n  $0a.b = [\n    1\n  ];\n  c = 1;\n  a.d = 2; # x\n}",
        &expect![[r#"
        {
          a = {
            b = [
              1
            ];
            d = 2;
          };
          c = 1;
          # x
        }"#]],
    );
    offers_no("Write one set", &["{ $0a.b = 1; a = { }; }"]);
    offers_no(
        "Write the set as paths",
        &["{ $0a = rec { b = 1; }; }", "{ $0a = { inherit ({ }) b; }; }"],
    );
}

#[test]
fn a_binding_is_inlined_where_its_names_mean_the_same() {
    check("Inline 'a'", "x: let $0a = x + 1; in a * a", &expect!["x: (x + 1) * (x + 1)"]);
    check(
        "Inline 'a'",
        "let\n  $0a = [\n    1\n  ];\nin {\n  b = a;\n}",
        &expect![[r#"
            {
              b = [
                1
              ];
            }"#]],
    );
    offers_no(
        "Inline",
        &["x: let $0a = x; in x: a", "let $0a = a; in 1", "x: let $0a = 1; in { inherit a; }"],
    );
}

#[test]
fn an_expression_gets_a_name() {
    check(
        "Extract to 'let a",
        "x: { a = $0x + 1$0; }",
        &expect!["x: { a = let a = x + 1; in a; }"],
    );
    check(
        "Extract to 'let value",
        "let\n  b = 1;\nin\nb + $0(b * 2)$0",
        &expect![[r#"
        let
          b = 1;
          value = b * 2;
        in
        b + value"#]],
    );
    check(
        "Extract to 'let version",
        "x:\n{\n  a = [\n    $0x.version$0\n  ];\n}",
        &expect![[r#"
        x:
        {
          a = let
            version = x.version;
          in
          [
            version
          ];
        }"#]],
    );
    check(
        "Extract to the argument 'a'",
        "{ x }: { a = $0x + 1$0; }",
        &expect!["{ x, a ? x + 1 }: { a = a; }"],
    );
    check(
        "Extract to './a.nix'",
        "x: {\n  a = $0{\n    b = x;\n  }$0;\n}",
        &expect![[r#"
        x: {
          a = import ./a.nix { inherit x; };
        }
        //- /w/a.nix
        { x }:
        {
          b = x;
        }
    "#]],
    );
    offers_no("Extract to './", &["x: { a = with x; $0[ b ]$0; }"]);
    offers_no("Extract to the argument", &["{ x }: let y = 1; in $0y + 1$0"]);
}

#[test]
fn the_body_of_a_let_becomes_a_binding_of_it() {
    let title = "Extract to 'let value";
    check(title, "let b = 1; in $0b + 1$0", &expect!["let b = 1; value = b + 1; in value"]);
    check(
        title,
        "let in $0if 1 < 2 then 3 else 4$0",
        &expect!["let value = if 1 < 2 then 3 else 4; in value"],
    );
    check(
        title,
        "x:\nlet\n  b = 1;\nin\n# about it\n$0{\n  a = b;\n}$0",
        &expect![[r#"
            x:
            let
              b = 1;
              value = {
                a = b;
              };
            in
            # about it
            value"#]],
    );
    check(
        title,
        "x:\nlet\n  b = 1; # one\nin\n$0assert b == 1;\n[\n  b\n]$0\n",
        &expect![[r#"
            x:
            let
              b = 1; # one
              value = assert b == 1;
              [
                b
              ];
            in
            value
        "#]],
    );
}

#[test]
fn a_name_in_quotes_is_no_expression() {
    let texts = [
        "{ x }: { virtualHosts.$0\"a.com\"$0 = { }; }",
        "{ x }: x.$0\"a b\"$0",
        "{ x }: { inherit (x) $0\"a b\"$0; }",
        "{ x }: x ? $0\"a b\"$0",
    ];
    offers_no("Extract", &texts);
    check(
        "Extract to 'let value",
        "{ x }: { a.${$0\"b${x}\"$0} = 1; }",
        &expect![[r#"{ x }: { a.${let value = "b${x}"; in value} = 1; }"#]],
    );
}

#[test]
fn parentheses_stay_behind_when_what_they_hold_gets_a_name() {
    check(
        "Extract to 'let value",
        "f: [ $0(f 1)$0 ]",
        &expect!["f: let value = f 1; in [ value ]"],
    );
    check(
        "Extract to the argument",
        "{ f }: [ $0(f 1)$0 ]",
        &expect!["{ f, value ? f 1 }: [ value ]"],
    );
    check(
        "Extract to 'let value",
        "f: [ $0(/* why */ f 1)$0 ]",
        &expect!["f: let value = (/* why */ f 1); in [ value ]"],
    );
    check(
        "Extract to './value.nix'",
        "f: [\n  $0(\n    f {\n      a = 1;\n    }\n  )$0\n]",
        &expect![[r#"
            f: [
              (import ./value.nix { inherit f; })
            ]
            //- /w/value.nix
            { f }:
            f {
              a = 1;
            }
        "#]],
    );
}

#[test]
fn a_file_has_a_name_that_a_path_can_have() {
    check(
        "Extract to './fix.nix'",
        "{ fix' = $0x: x$0; }",
        &expect![[r#"
        { fix' = import ./fix.nix; }
        //- /w/fix.nix
        x: x
    "#]],
    );
}

#[test]
fn the_end_of_a_word_is_on_the_word() {
    check("Write 'a = a;'", "a: { inherit a$0; }", &expect!["a: { a = a; }"]);
    check(
        "Add missing arguments",
        "let f = { a, b }: a; in f$0 { }",
        &expect![[r#"let f = { a, b }: a; in f { a = throw "to do: a"; b = throw "to do: b"; }"#]],
    );
    check(
        "Add missing argument b",
        "let l.f = { a, b }: a; in { c = l.$0f { a = 1; }; }",
        &expect![[r#"let l.f = { a, b }: a; in { c = l.f { a = 1; b = throw "to do: b"; }; }"#]],
    );
}

#[test]
fn strings_change_their_quotes_and_keep_their_value() {
    let title = "Write as an indented string";
    check(
        title,
        r#"x: "a$0 \"b\" ${x} \${c} $$ ''""#,
        &expect![[r#"x: ''a "b" ${x} ''${c} ''$$ '''''"#]],
    );
    check(
        title,
        "{\n  a = \"$0one\\n\\n  two\\t\\n\";\n}",
        &expect![[r#"
        {
          a = ''
            one

              two''\t
          '';
        }"#]],
    );
    check(
        title,
        "{\n  a = \"$0one\\ntwo\";\n}",
        &expect![[r#"
        {
          a = ''
            one
            two'';
        }"#]],
    );
    let title = "Write as a string in quotes";
    check(
        title,
        "x: ''\n  a$0 \"b\"\n    ''${c} ${x} '''d \\\n''",
        &expect![[r#"x: "a \"b\"\n  \${c} ${x} ''d \\\n""#]],
    );
    offers_no("Write as a", &["{ \"a$0 b\" = 1; }", "x: \"${x$0}\""]);
}

#[test]
fn names_get_quotes_and_lose_them() {
    check("Put the name in quotes", "{ $0a.b = 1; }", &expect![[r#"{ "a".b = 1; }"#]]);
    check("Take the quotes off", "x: x.\"$0a\"", &expect!["x: x.a"]);
    offers_no("Take the quotes off", &["{ \"$0a b\" = 1; }", "x: x.\"$0or\""]);
}

#[test]
fn a_with_is_made_explicit() {
    check("Select the names", "p: $0with p.q; [ a (b c) ]", &expect!["p: [ p.q.a (p.q.b p.q.c) ]"]);
    check(
        "Inherit the names",
        "p: $0with p; [ b a b ]",
        &expect!["p: let inherit (p) a b; in [ b a b ]"],
    );
    offers_no(
        "Select the names",
        &["p: $0with p; p: a", "p: $0with p; with a; b", "p: $0with p; { inherit a; }"],
    );
}

#[test]
fn rec_gives_way() {
    check(
        "Write 'let",
        "f: f $0rec { a = 1; b = a; c.d = b; }",
        &expect!["f: f (let a = 1; b = a; in { inherit a; inherit b; c.d = b; })"],
    );
    check(
        "Write 'let",
        "{\n  x = $0rec {\n    # about a\n    a = 1;\n    b = a;\n  };\n}",
        &expect![[r#"
        {
          x = let
            a = 1;
          in
          {
            # about a
            inherit a;
            b = a;
          };
        }"#]],
    );
    check(
        "Use 'finalAttrs'",
        "{ stdenv }: stdenv.mkDerivation $0rec {\n  pname = \"a\";\n  name = \"${pname}-1\";\n  src = [ pname ];\n}",
        &expect![[r#"
            { stdenv }: stdenv.mkDerivation (finalAttrs: {
              pname = "a";
              name = "${finalAttrs.pname}-1";
              src = [ finalAttrs.pname ];
            })"#]],
    );
}

#[test]
fn lists_and_sets_are_sorted_with_their_comments() {
    check(
        "Sort the list",
        "a: b: C: [$0\n  b # the b\n  # about a\n  a\n  C\n]",
        &expect![[r#"
        a: b: C: [
          # about a
          a
          b # the b
          C
        ]"#]],
    );
    check(
        "Sort the attributes",
        "{$0 b = 1; a = 2; inherit ({ }) c; }",
        &expect!["{ inherit ({ }) c; a = 2; b = 1; }"],
    );
    offers_no("Sort", &["[$0 1 2 ]", "[$0\"b\"\"a\"]"]);
}

#[test]
fn branches_are_swapped() {
    check(
        "Swap the branches",
        "a: $0if a == 1 then 2 else 3",
        &expect!["a: if !(a == 1) then 3 else 2"],
    );
    check("Swap the branches", "a: $0if !a then 2 else 3", &expect!["a: if a then 3 else 2"]);
}

#[test]
fn pasted_data_becomes_nix() {
    check(
        "Convert JSON to Nix",
        "{\n  a = $0{\"b\": [1, -2.5, null], \"c d\": \"${x}\\n\", \"e\": {}}$0;\n}",
        &expect![[r#"
            {
              a = {
                b = [
                  1
                  (-2.5)
                  null
                ];
                "c d" = "\${x}\n";
                e = { };
              };
            }"#]],
    );
    check(
        "Convert TOML to Nix",
        "$0[a]\nb = 1\nc = [\"x\"]\n$0",
        &expect![[r#"
        {
          a = {
            b = 1;
            c = [
              "x"
            ];
          };
        }
    "#]],
    );
}

#[test]
fn what_is_nix_is_not_converted() {
    let texts = [
        "{ $0a = 1$0; }",
        "x: $0\"${x}/bin\"$0",
        "$0[ 80 ]$0",
        "$0{ }$0",
        "{ a = ; b = $0[ 80 ]$0; }",
        "{ a = $0[ 80 ]$0 }",
        "{ $0a = 1$0 }",
        "''$0{\"a\": 1}$0''",
        "1 # $0{\"a\": 1}$0",
    ];
    offers_no("Convert", &texts);
    check(
        "Convert JSON",
        "{ a = $0[1, \"b\"]$0; }",
        &expect![[r#"
            { a = [
              1
              "b"
            ]; }"#]],
    );
}

#[test]
fn an_option_goes_where_the_modules_own_options_are() {
    let title = "Extract to the option";
    check(
        title,
        "{ config, lib, ... }:\n{\n  options =\n    let\n      t = lib.types.bool;\n    in\n    {\n      programs.zsh.enable = lib.mkOption { type = t; };\n    };\n  config.a.port = $080$0;\n}\n",
        &expect![[r#"
            { config, lib, ... }:
            {
              options =
                let
                  t = lib.types.bool;
                in
                {
                  programs.zsh.enable = lib.mkOption { type = t; };
                  programs.zsh.port = lib.mkOption {
                    type = lib.types.int;
                    default = 80;
                  };
                };
              config.a.port = config.programs.zsh.port;
            }
        "#]],
    );
    check(
        title,
        "{ config, lib, ... }:\n{\n  options = {\n    qt = { a = lib.mkOption { }; } // { port = lib.mkOption { }; };\n  };\n  config.a.port = $080$0;\n}\n",
        &expect![[r#"
            { config, lib, ... }:
            {
              options = {
                qt = { a = lib.mkOption { };
                port2 = lib.mkOption {
                  type = lib.types.int;
                  default = 80;
                }; } // { port = lib.mkOption { }; };
              };
              config.a.port = config.qt.port2;
            }
        "#]],
    );
    check(
        title,
        "{ config, lib, ... }:\n{\n  options.web = lib.genAttrs [ \"a\" ] (n: lib.mkOption { });\n  config.a.port = $080$0;\n}\n",
        &expect![[r#"
            { config, lib, ... }:
            {
              options.web = lib.genAttrs [ "a" ] (n: lib.mkOption { });
              options.w.port = lib.mkOption {
                type = lib.types.int;
                default = 80;
              };
              config.a.port = config.w.port;
            }
        "#]],
    );
    offers_no(
        title,
        &[
            "{ config, lib, ... }: { options = lib.genAttrs [ \"a\" ] lib.mkOption; config.a.port = $080$0; }",
            "{ config, lib, ... }: { options.w = lib.genAttrs [ \"a\" ] lib.mkOption; config.a.port = $080$0; }",
            // There `lib` is another one.
            "{ config, lib, ... }: { options = let lib = 1; in { a.b = 1; }; config.a.port = $080$0; }",
        ],
    );
}

#[test]
fn an_expression_becomes_an_option_of_its_module() {
    let title = "Extract to the option";
    check(
        title,
        "{ config, lib, ... }:\n{\n  options.services.web.enable = lib.mkEnableOption \"web\";\n\n  config = lib.mkIf config.services.web.enable {\n    networking.port = $080$0;\n  };\n}\n",
        &expect![[r#"
            { config, lib, ... }:
            {
              options.services.web.enable = lib.mkEnableOption "web";
              options.services.web.port = lib.mkOption {
                type = lib.types.int;
                default = 80;
              };

              config = lib.mkIf config.services.web.enable {
                networking.port = config.services.web.port;
              };
            }
        "#]],
    );
    check(
        title,
        "{ config, lib, ... }:\nlet\n  cfg = config.services.web;\nin\n{\n  options.services.web = {\n    enable = lib.mkEnableOption \"web\";\n    port = lib.mkOption { type = lib.types.int; }; # the port\n  };\n  config.services.nginx = {\n    settings = $0{\n      port = \"8\";\n      text = ''\n        a\n      '';\n    }$0;\n  };\n}\n",
        &expect![[r#"
            { config, lib, ... }:
            let
              cfg = config.services.web;
            in
            {
              options.services.web = {
                enable = lib.mkEnableOption "web";
                port = lib.mkOption { type = lib.types.int; }; # the port
                settings = lib.mkOption {
                  type = with lib.types; attrsOf str;
                  default = {
                    port = "8";
                    text = ''
                    a
                  '';
                  };
                };
              };
              config.services.nginx = {
                settings = config.services.web.settings;
              };
            }
        "#]],
    );
    check(
        title,
        "//- /w/hosts/web.nix\n{ pkgs, ... }:\n{\n  imports = [ ./a.nix ]; # more\n\n  # what is there\n  environment.systemPackages = $0with pkgs; [ hello tree ]$0;\n  environment.text = ''\n    b\n  '';\n}\n",
        &expect![[r#"
            { pkgs, config, lib, ... }:
            {
              imports = [ ./a.nix ]; # more
              options.web.systemPackages = lib.mkOption {
                type = with lib.types; listOf package;
                default = with pkgs; [ hello tree ];
              };

              config = {
                # what is there
                environment.systemPackages = config.web.systemPackages;
                environment.text = ''
                b
              '';
              };
            }
        "#]],
    );
    check(
        title,
        "{ lib, config, pkgs, ... }: { environment.port = 1; users.web.shell = $0pkgs.bash$0; }\n",
        &expect![[r#"
            { lib, config, pkgs, ... }: {
              options.w.shell = lib.mkOption {
                type = lib.types.package;
                default = pkgs.bash;
              };

              config = {
                environment.port = 1; users.web.shell = config.w.shell;
              };
            }
        "#]],
    );
    check(
        title,
        "{ config, lib, ... }: with lib; {\n  options = { web.port = mkOption { }; };\n  config.a.port = $0if config.b then 1 else null$0;\n}\n",
        &expect![[r#"
            { config, lib, ... }: with lib; {
              options = { web.port = mkOption { };
              web.port2 = lib.mkOption {
                type = with lib.types; nullOr int;
                default = if config.b then 1 else null;
              }; };
              config.a.port = config.web.port2;
            }
        "#]],
    );
    offers_no(
        title,
        &[
            // Which options are defined must not depend on one.
            "{ config, lib, ... }: { options.a.b = 1; config = $0{ c.d = 1; }$0; }",
            "{ config, lib, ... }: { options.a.b = 1; config = lib.optionalAttrs $0config.x$0 { c = 1; }; }",
            "{ config, lib, ... }: { imports = [ $0./a.nix$0 ]; a = 1; }",
            "{ config, lib, ... }: { options.a.b = lib.mkOption { default = $01$0; }; }",
            // A name that only stands inside.
            "{ config, lib, ... }: { options.a.b = 1; config.c = let d = 1; in $0d + 1$0; }",
            "{ config, lib, ... }: { options.a.b = 1; config.c = $0lib.mkForce 1$0; }",
            // No module.
            "{ stdenv }: { a.b = $01$0; }",
        ],
    );
}
