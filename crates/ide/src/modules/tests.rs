//! References and renames of options, through modules that import each other.

use expect_test::{Expect, expect};
use floe_db::source;

use crate::fixture::{Fixture, fixture};

fn check_references(text: &str, expected: &Expect) {
    let fixture = fixture(text);
    let found = crate::references(&fixture.db, fixture.file, fixture.offset);
    let lines = found.unwrap_or_default().into_iter().map(|found| {
        let definition = if found.is_definition { " (definition)" } else { "" };
        format!("{}{definition}\n", fixture.show(found.file, found.span))
    });
    expected.assert_eq(&lines.collect::<String>());
}

fn check_rename(text: &str, new: &str, expected: &Expect) {
    expected.assert_eq(&renamed(&fixture(text), new));
}

/// The lines that change.
fn renamed(fixture: &Fixture, new: &str) -> String {
    let edits = match crate::rename(&fixture.db, fixture.file, fixture.offset, new) {
        Ok(edits) => edits,
        Err(error) => return format!("error: {error}\n"),
    };
    let mut shown = String::new();
    for edits in edits {
        let before = source(&fixture.db, edits.file).text.to_string();
        let mut after = before.clone();
        floe_syntax::apply_edits(&mut after, &edits.edits).unwrap();
        let path = edits.file.path(&fixture.db).display().to_string();
        let changed = after.lines().zip(before.lines()).filter(|(after, before)| after != before);
        for (line, _) in changed {
            shown += &format!("{}: {}\n", path.trim_start_matches("/w/"), line.trim());
        }
    }
    shown
}

const SITE: &str = r#"//- /w/configuration.nix
{ config, lib, ... }:
{
  imports = [ ./site.nix (import ./proxy.nix { secure = true; }) ] ++ lib.optional true ./more;
  services.site = { enable = true; port = 81; };
  networking.firewall.allowedTCPPorts = [ config.services.site.port ];
}
//- /w/site.nix
{ config, lib, ... }:
with lib;
let cfg = config.services.site; inherit (config.services.site) port; in
{
  options.services.site = {
    enable = mkEnableOption "the site";
    $0port = mkOption { type = types.port; default = 80; };
  };
  config = mkIf cfg.enable (mkMerge [
    { systemd.services.site.script = "serve ${toString cfg.port} ${toString port}"; }
    { services.site.port = mkDefault 82; services.proxy.port = 1; }
  ]);
}
//- /w/proxy.nix
{ secure }: { config, options, lib, ... }: {
  options.services.proxy.port = lib.mkOption { };
  config.services.proxy = with config.services.site; { inherit port; };
  config.warnings = lib.optional options.services.site.port.isDefined "set";
}
//- /w/more/default.nix
args: { services.site = { inherit (args.config.services.proxy) port; }; }
"#;

#[test]
fn references_of_an_option() {
    let expected = expect![[r#"
        site.nix:3 "port"
        site.nix:7 "port" (definition)
        site.nix:10 "port"
        site.nix:11 "port" (definition)
        configuration.nix:4 "port" (definition)
        configuration.nix:5 "port"
        more/default.nix:1 "port" (definition)
        proxy.nix:3 "port"
        proxy.nix:4 "port"
    "#]];
    check_references(SITE, &expected);
    // From a place that reads it.
    let elsewhere = SITE.replace("$0", "").replace("cfg.port", "cfg.$0port");
    check_references(&elsewhere, &expected);
}

#[test]
fn an_option_gets_another_name_everywhere() {
    check_rename(
        SITE,
        "listen",
        &expect![[r#"
        site.nix: let cfg = config.services.site; port = config.services.site.listen; in
        site.nix: listen = mkOption { type = types.port; default = 80; };
        site.nix: { systemd.services.site.script = "serve ${toString cfg.listen} ${toString port}"; }
        site.nix: { services.site.listen = mkDefault 82; services.proxy.port = 1; }
        configuration.nix: services.site = { enable = true; listen = 81; };
        configuration.nix: networking.firewall.allowedTCPPorts = [ config.services.site.listen ];
        more/default.nix: args: { services.site = { listen = args.config.services.proxy.port; }; }
        proxy.nix: config.services.proxy = with config.services.site; { port = listen; };
        proxy.nix: config.warnings = lib.optional options.services.site.listen.isDefined "set";
    "#]],
    );
}

#[test]
fn a_set_of_options_gets_another_name() {
    let text =
        SITE.replace("$0", "").replace("options.services.site =", "options.services.$0site =");
    check_rename(
        &text,
        "web",
        &expect![[r#"
        site.nix: let cfg = config.services.web; inherit (config.services.web) port; in
        site.nix: options.services.web = {
        site.nix: { services.web.port = mkDefault 82; services.proxy.port = 1; }
        configuration.nix: services.web = { enable = true; port = 81; };
        configuration.nix: networking.firewall.allowedTCPPorts = [ config.services.web.port ];
        more/default.nix: args: { services.web = { inherit (args.config.services.proxy) port; }; }
        proxy.nix: config.services.proxy = with config.services.web; { inherit port; };
        proxy.nix: config.warnings = lib.optional options.services.web.port.isDefined "set";
    "#]],
    );
}

#[test]
fn the_modules_of_an_evaluation_and_who_reads_its_result() {
    let text = r#"//- /w/flake.nix
{
  outputs = { self, nixpkgs }: {
    nixosModules.site = import ./site.nix;
    nixosConfigurations.host = nixpkgs.lib.nixosSystem {
      modules = [ self.nixosModules.site { site.port = 1; } ];
    };
    checks.port = self.nixosConfigurations.host.config.site.port;
  };
}
//- /w/test.nix
{ lib }:
let evaluated = lib.evalModules { modules = [ ./site.nix ]; }; inherit (evaluated) config;
in [ evaluated.config.site.port config.site.port evaluated.options.site.port.value ]
//- /w/site.nix
{ lib, ... }: { options.site.$0port = lib.mkOption { }; }
"#;
    check_references(
        text,
        &expect![[r#"
        site.nix:1 "port" (definition)
        flake.nix:5 "port" (definition)
        flake.nix:7 "port"
        test.nix:3 "port"
        test.nix:3 "port"
        test.nix:3 "port"
    "#]],
    );
    check_rename(
        text,
        "listen",
        &expect![[r#"
            site.nix: { lib, ... }: { options.site.listen = lib.mkOption { }; }
            flake.nix: modules = [ self.nixosModules.site { site.listen = 1; } ];
            flake.nix: checks.port = self.nixosConfigurations.host.config.site.listen;
            test.nix: in [ evaluated.config.site.listen config.site.listen evaluated.options.site.listen.value ]
        "#]],
    );
}

#[test]
fn options_of_submodules() {
    let text = r#"//- /w/hosts.nix
{ config, lib, ... }:
let inherit (lib) mkOption types; in
{
  options.hosts = mkOption {
    type = types.attrsOf (types.submodule ({ name, config, ... }: {
      options = {
        $0root = mkOption { type = types.path; };
        index = mkOption { default = "${config.root}/index"; };
      };
      config.root = lib.mkDefault "/srv/${name}";
    }));
  };
  options.roots = mkOption { };
  config.roots = lib.mapAttrsToList (name: host: host.root) config.hosts
    ++ map (host: host.root) (lib.attrValues config.hosts);
}
//- /w/configuration.nix
{ config, ... }: {
  imports = [ ./hosts.nix ];
  hosts.a.root = "/a";
  hosts.b = { name, ... }: { root = "/b/${name}"; };
  hosts.${"c" + "d"} = { root = config.hosts.a.root; };
}
"#;
    check_references(
        text,
        &expect![[r#"
        hosts.nix:7 "root" (definition)
        hosts.nix:8 "root"
        hosts.nix:10 "root" (definition)
        hosts.nix:14 "root"
        hosts.nix:15 "root"
        configuration.nix:3 "root" (definition)
        configuration.nix:4 "root" (definition)
        configuration.nix:5 "root" (definition)
        configuration.nix:5 "root"
    "#]],
    );
    check_rename(
        text,
        "path",
        &expect![[r#"
        hosts.nix: path = mkOption { type = types.path; };
        hosts.nix: index = mkOption { default = "${config.path}/index"; };
        hosts.nix: config.path = lib.mkDefault "/srv/${name}";
        hosts.nix: config.roots = lib.mapAttrsToList (name: host: host.path) config.hosts
        hosts.nix: ++ map (host: host.path) (lib.attrValues config.hosts);
        configuration.nix: hosts.a.path = "/a";
        configuration.nix: hosts.b = { name, ... }: { path = "/b/${name}"; };
        configuration.nix: hosts.${"c" + "d"} = { path = config.hosts.a.path; };
    "#]],
    );
}

#[test]
fn not_to_the_name_of_another_option() {
    check_rename(
        SITE,
        "enable",
        &expect![[r#"
        error: 'enable' is already bound beside it
    "#]],
    );
    let reads = "//- /w/a.nix\n{ config, lib, ... }: { options.a.$0b = lib.mkOption { }; config.x = config.a.c or 1; }\n";
    check_rename(
        reads,
        "c",
        &expect![[r#"
        error: in a.nix, line 1, 'c' already means something else
    "#]],
    );
    let hidden = "//- /w/a.nix\n{ config, lib, ... }: { options.a.$0b = lib.mkOption { }; config.x = let c = 1; in with config.a; b; }\n";
    check_rename(
        hidden,
        "c",
        &expect![[r#"
        error: in a.nix, line 1, 'c' already means something else
    "#]],
    );
}

#[test]
fn not_where_a_definition_is_computed() {
    let with = |more: &str| {
        format!(
            "//- /w/a.nix\n{{ config, lib, ... }}:\n{{\n  options.site.$0port = lib.mkOption {{ }};\n  imports = [ ./b.nix ];\n}}\n//- /w/b.nix\n{{ config, lib, ... }}:\n{more}\n"
        )
    };
    let mut shown = String::new();
    for more in [
        "{ site.${lib.concatStrings [ \"po\" \"rt\" ]} = 1; }",
        "{ site = lib.genAttrs [ \"port\" ] (name: 1); }",
        "{ config = lib.mkMerge (map (n: { site.${n} = 1; }) [ \"port\" ]); }",
        "{ x = builtins.toJSON config.site; }",
        "{ x = lib.attrByPath [ \"site\" \"port\" ] 1 config; }",
        "{ x = name: config.site.${name}; }",
        "{ imports = [ (lib.mkRenamedOptionModule [ \"old\" ] [ \"site\" \"port\" ]) ]; }",
        "{ imports = [ ]; freeformType = lib.types.anything; }",
        "{ x = import ./c.nix { inherit config; }; }",
        "{ nodes.machine = { site.port = 2; }; }",
        "lib.mkIf true { site.port = 1; }",
    ] {
        shown += &renamed(&fixture(&with(more)), "listen");
    }
    expect![[r#"
        error: what b.nix, line 2, computes may be 'port'; rename it by hand
        error: what b.nix, line 2, computes may be 'port'; rename it by hand
        error: what b.nix, line 2, computes may be 'port'; rename it by hand
        error: b.nix, line 2, hands the set with 'port' to a function, and the text does not show what that reads of it; rename it by hand
        error: b.nix, line 2, hands the set with 'port' to a function, and the text does not show what that reads of it; rename it by hand
        error: what happens to 'port' behind b.nix, line 2, the text does not show; rename it by hand
        a.nix: options.site.listen = lib.mkOption { };
        b.nix: { imports = [ (lib.mkRenamedOptionModule [ "old" ] [ "site" "listen" ]) ]; }
        error: what b.nix, line 2, computes may be 'port'; rename it by hand
        error: what happens to 'port' behind b.nix, line 2, the text does not show; rename it by hand
        error: b.nix, line 2, names 'port' too, and nothing shows that it is evaluated with the option; rename it by hand
        error: what b.nix, line 2, computes may be 'port'; rename it by hand
    "#]].assert_eq(&shown);
}

#[test]
fn modules_that_nothing_connects() {
    let text = "//- /w/a.nix\n{ config, lib, ... }:\n{ options.site.$0port = lib.mkOption { }; }\n";
    // Its own option.
    check_rename(
        &format!(
            "{text}//- /w/b.nix\n{{ config, lib, ... }}: {{ options.site.port = lib.mkOption {{ }}; config.x = config.site.port; }}\n"
        ),
        "listen",
        &expect![[r#"
            a.nix: { options.site.listen = lib.mkOption { }; }
        "#]],
    );
    // Whose is it?
    for other in [
        "{ config, ... }: { x = config.site.port; }",
        "{ ... }: { site = { port = 1; }; }",
        "{ pkgs }: pkgs.nixosTest { nodes.a = { config, ... }: { x = let cfg = config.site; in cfg.port; }; }",
    ] {
        let found = renamed(&fixture(&format!("{text}//- /w/b.nix\n{other}\n")), "listen");
        assert!(found.starts_with("error: b.nix, line 1, names 'port' too"), "{found}");
    }
}

#[test]
fn what_is_no_option_of_the_workspace() {
    check_references(
        "{ config, ... }: { services.openssh.$0enable = true; }",
        &expect![[r#"
            default.nix:1 "enable" (definition)
        "#]],
    );
}

#[test]
fn names_in_strings_and_the_arguments_of_modules() {
    let text = r#"//- /w/a.nix
{ config, lib, ... }:
{
  imports = [ ./b.nix (lib.mkRenamedOptionModule [ "old" ] [ "site" "port" ]) ];
  options.site.$0port = lib.mkOption { };
  config._module.args.helper = x: x;
}
//- /w/b.nix
{ helper, suffix, config, ... }: { x = helper config.old suffix; }
//- /w/default.nix
{ lib }: lib.evalModules { modules = [ ./a.nix ]; specialArgs = { suffix = "!"; }; }
"#;
    check_rename(
        text,
        "listen",
        &expect![[r#"
            a.nix: imports = [ ./b.nix (lib.mkRenamedOptionModule [ "old" ] [ "site" "listen" ]) ];
            a.nix: options.site.listen = lib.mkOption { };
        "#]],
    );
    let from_the_argument = text.replace("$0", "").replace("{ helper,", "{ $0helper,");
    check_references(
        &from_the_argument,
        &expect![[r#"
            a.nix:5 "helper" (definition)
            b.nix:1 "helper" (definition)
            b.nix:1 "helper"
        "#]],
    );
    check_rename(
        &from_the_argument,
        "map",
        &expect![[r#"
            a.nix: config._module.args.map = x: x;
            b.nix: { map, suffix, config, ... }: { x = map config.old suffix; }
        "#]],
    );
    let of_special = text.replace("$0", "").replace("{ suffix =", "{ $0suffix =");
    check_rename(
        &of_special,
        "ending",
        &expect![[r#"
            b.nix: { helper, ending, config, ... }: { x = helper config.old ending; }
            default.nix: { lib }: lib.evalModules { modules = [ ./a.nix ]; specialArgs = { ending = "!"; }; }
        "#]],
    );
    check_rename(
        &of_special,
        "helper",
        &expect![[r#"
            error: 'helper' is already bound beside it
        "#]],
    );
    let computed = of_special.replace("specialArgs = {", "specialArgs = { a = 1; } // {");
    check_rename(
        &computed,
        "ending",
        &expect![[r#"
            error: what happens to 'suffix' behind default.nix, line 1, the text does not show; rename it by hand
        "#]],
    );
}

#[test]
fn a_module_behind_a_function_and_one_that_is_only_a_set() {
    let text = r#"//- /w/a.nix
{ lib, ... }: { imports = [ (import ./b.nix { default = 1; }) ./c.nix ]; }
//- /w/b.nix
{ default }: { lib, config, ... }: { options.site.$0port = lib.mkOption { inherit default; }; }
//- /w/c.nix
{ site.port = 2; }
"#;
    check_rename(
        text,
        "listen",
        &expect![[r#"
        b.nix: { default }: { lib, config, ... }: { options.site.listen = lib.mkOption { inherit default; }; }
        c.nix: { site.listen = 2; }
    "#]],
    );
    let from_the_set = text.replace("$0", "").replace("{ site.port", "{ site.$0port");
    check_references(
        &from_the_set,
        &expect![[r#"
        b.nix:1 "port" (definition)
        c.nix:1 "port" (definition)
    "#]],
    );
}
