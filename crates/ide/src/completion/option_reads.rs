//! The options that can be read of a part of the configuration: `config.services.|`, `cfg.|`.

use floe_db::{Db, File};

use super::found::{Found, Make};
use super::option_values::short;
use super::{CompletionItem, CompletionKind, near};
use crate::evaluation::all_options::{OfferedOption, OptionsOf, offered_options};
use crate::evaluation::options::OptionStep;
use crate::known::Place;
use crate::option_reads::set_path;

/// The options below what a value and the attributes behind it select.
pub(super) fn options_of<'a>(
    db: &'a dyn Db,
    base: Place,
    keys: &[String],
    nearness: u32,
    found: &mut Found<'a>,
) {
    if let Some(path) = set_path(db, base, keys) {
        offer_options(db, base.file, &path, nearness, found);
    }
}

/// The options directly below a path.
pub(super) fn offer_options<'a>(
    db: &'a dyn Db,
    file: File,
    path: &[OptionStep],
    nearness: u32,
    found: &mut Found<'a>,
) {
    for OfferedOption { info, from } in offered_options(db, Some(file), path) {
        let is_hidden = info.option.as_ref().is_some_and(|details| details.is_hidden);
        let nearness = match from {
            _ if is_hidden => near::OLD_OPTION,
            OptionsOf::File => nearness,
            OptionsOf::Workspace => nearness + 1,
            OptionsOf::NixOs => nearness + 2,
        };
        let kind = match &info.option {
            Some(_) => CompletionKind::Option,
            None => CompletionKind::OptionSet,
        };
        let name = info.name.clone();
        let fill = move |item: &mut CompletionItem| {
            let details = info.option.as_ref();
            let of = details.and_then(|it| it.type_description.as_deref());
            // A type as it is written can be long.
            item.detail = of.map(|of| match from {
                OptionsOf::NixOs => of.to_owned(),
                OptionsOf::File | OptionsOf::Workspace => short(of),
            });
            item.documentation = info.markdown();
        };
        found.offer(name, nearness, 0, Make::Fill(kind, Box::new(fill)));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use crate::completion::completion;
    use crate::fixture::fixture;

    /// The first few items, and what is shown beside them.
    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let items = completion(&fixture.db, fixture.file, fixture.offset).items.into_iter();
        let shown = items.take(6).map(|item| {
            let detail = item.detail.unwrap_or_default();
            format!("{} {:?} {detail}", item.label, item.kind).trim_end().to_owned() + "\n"
        });
        expected.assert_eq(&shown.collect::<String>());
    }

    const SITE: &str = r#"//- /w/site.nix
{ config, lib, ... }: let cfg = config.services.site; in {
  options.services.site = {
    port = lib.mkOption { type = lib.types.port; };
    hosts = lib.mkOption { type = lib.types.attrsOf (lib.types.submodule { options.root = lib.mkOption { }; }); };
  };
  config.x = $0;
}
//- /w/proxy.nix
{ lib, ... }: {
  imports = [ (lib.mkRenamedOptionModule [ "services" "site" "listen" ] [ "services" "site" "port" ]) ];
  options.services.site.enable = lib.mkEnableOption "the site";
  options.services.openssh.extra = lib.mkOption { };
}
"#;

    fn check_site(text: &str, expected: &Expect) {
        check(&SITE.replace("$0", text), expected);
    }

    #[test]
    fn options_that_are_read_those_of_the_file_first_and_old_names_last() {
        check_site(
            "cfg.$0",
            &expect![[r#"
            hosts Option lib.types.attrsOf (lib.types.submodule { options.root = lib.…
            port Option lib.types.port
            enable Option boolean
            listen Option
        "#]],
        );
        check_site(
            "config.services.site.$0",
            &expect![[r#"
            hosts Option lib.types.attrsOf (lib.types.submodule { options.root = lib.…
            port Option lib.types.port
            enable Option boolean
            listen Option
        "#]],
        );
        check_site(
            "config.services.site.p$0",
            &expect![[r#"
            port Option lib.types.port
        "#]],
        );
        check_site(
            "with cfg; [ p$0 ]",
            &expect![[r#"
            port Option lib.types.port
            placeholder Builtin String -> String
            map Builtin (a -> b) -> [a] -> [b]
            import Builtin Path -> a
            scopedImport Builtin AttrSet -> Path -> a
        "#]],
        );
        check_site(
            "{ inherit (cfg) $0; }",
            &expect![[r#"
            hosts Option lib.types.attrsOf (lib.types.submodule { options.root = lib.…
            port Option lib.types.port
            enable Option boolean
            listen Option
        "#]],
        );
    }

    #[test]
    fn options_in_the_submodules_of_an_option_that_is_read() {
        check_site(
            "cfg.hosts.main.$0",
            &expect![[r#"
            root Option
        "#]],
        );
        check_site(
            "map (host: host.$0) (lib.attrValues cfg.hosts)",
            &expect![[r#"
            root Option
        "#]],
        );
    }

    #[test]
    fn options_of_nixos_behind_those_of_the_workspace() {
        check_site(
            "config.services.openssh.$0",
            &expect![[r#"
            extra Option
            authorizedKeysFiles Option list of string
            authorizedKeysInHomedir Option boolean
            banner Option null or strings concatenated with "\n"
            enable Option boolean
            extraConfig Option strings concatenated with "\n"
        "#]],
        );
        check(
            "{ config, ... }: { services.openssh.$0 }",
            &expect![[r#"
            authorizedKeysFiles Option list of string
            authorizedKeysInHomedir Option boolean
            banner Option null or strings concatenated with "\n"
            enable Option boolean
            extraConfig Option strings concatenated with "\n"
            hostKeys Option list of (submodule)
        "#]],
        );
        check(
            &SITE.replace("config.x = $0;", "services.openssh.e$0"),
            &expect![[r#"
            extra Option
            enable Option boolean
            extraConfig Option strings concatenated with "\n"
            authorizedKeysFiles Option list of string
            authorizedKeysInHomedir Option boolean
            banner Option null or strings concatenated with "\n"
        "#]],
        );
    }

    #[test]
    fn what_is_no_configuration_has_no_options() {
        check(
            "{ lib, pkgs }: let cfg = { a = 1; }; in cfg.$0",
            &expect![[r#"
            a Attribute
        "#]],
        );
        check("{ config }: config.$0", &expect![[""]]);
    }
}
