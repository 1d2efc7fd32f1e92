//! The user's configuration, as a client sends it: `{ "floe": { … } }` or the inside of it.

use floe_db::Settings;
use floe_ide::{FormatOptions, InlayOptions};
use serde_json::{Map, Value};

/// A setting: what documentation and editors' own lists of settings say about it.
#[cfg(test)]
pub(crate) struct Setting {
    /// Its name without `floe.`.
    pub(crate) name: &'static str,
    /// What it is without being set, as JSON.
    pub(crate) default: &'static str,
    /// What it does, as Markdown.
    pub(crate) meaning: &'static str,
}

/// Every setting that the server reads.
#[cfg(test)]
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    Setting { name: "nixpkgs", default: "\"\"", meaning: "The nixpkgs to use. Without it the workspace's `flake.lock`, then `NIX_PATH`, then Floe's own package set decides." },
    Setting { name: "nixPath", default: "\"\"", meaning: "What `<…>` is looked up in, instead of the environment variable `NIX_PATH`." },
    Setting { name: "evaluation.memoryBudget", default: "1024", meaning: "How many MiB the evaluator's heap may grow to before it is dropped and built anew." },
    Setting { name: "formatting.command", default: "[]", meaning: "A program with its arguments that formats: it reads a file from standard input and prints it formatted. Without it Floe formats by itself, as RFC 166 has it." },
    Setting { name: "formatting.width", default: "100", meaning: "How many columns a formatted line should have at most." },
    Setting { name: "inlayHints.closingLines", default: "25", meaning: "How many lines a set, list or `let` must have for its name to be shown where it ends. 0 for never." },
    Setting { name: "inlayHints.parameters", default: "true", meaning: "Whether the parameter that an argument is for is shown before it, where the argument does not say it itself." },
    Setting { name: "inlayHints.types", default: "false", meaning: "Whether types are shown beside bindings." },
    Setting { name: "diagnostics.workspace", default: "true", meaning: "Whether files that are not open are checked as well, in a client that asks for it and a workspace of no more than 2,000 Nix files." },
    Setting { name: "semanticTokens.lexical", default: "null", meaning: "Whether keywords, strings, numbers and comments are coloured by the server, too. `null`: where the editor does not say that it has a grammar of its own." },
];

/// What the protocol's side itself needs of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) formatting: FormatOptions,
    pub(crate) inlay_hints: InlayOptions,
    pub(crate) checks_workspace: bool,
    pub(crate) lexical_tokens: Option<bool>,
}

/// Reads what is there and leaves out what is not understood.
pub(crate) fn read(value: &Value) -> Settings {
    let value = inside(value);
    let text = |key: &str| {
        let text = value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    Settings {
        memory_budget: value
            .pointer("/evaluation/memoryBudget")
            .and_then(Value::as_u64)
            .and_then(|mebibytes| usize::try_from(mebibytes.checked_mul(1 << 20)?).ok())
            .unwrap_or(Settings::MEMORY_BUDGET),
        nixpkgs: text("nixpkgs").map(Into::into),
        nix_path: text("nixPath"),
        cache_folder: Some(floe_db::cache_folder()),
    }
}

/// Reads the rest of it.
pub(crate) fn preferences(value: &Value) -> Preferences {
    let at = |path: &str| inside(value).pointer(path);
    let number = |path: &str| at(path).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let boolean = |path: &str| at(path).and_then(Value::as_bool);
    let (formatting, hints) = (FormatOptions::default(), InlayOptions::default());
    let words = at("/formatting/command").and_then(Value::as_array).cloned().unwrap_or_default();
    Preferences {
        formatting: FormatOptions {
            command: words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            width: number("/formatting/width").map_or(formatting.width, |width| width as usize),
        },
        inlay_hints: InlayOptions {
            closing_lines: number("/inlayHints/closingLines").unwrap_or(hints.closing_lines),
            parameters: boolean("/inlayHints/parameters").unwrap_or(hints.parameters),
            types: boolean("/inlayHints/types").unwrap_or(hints.types),
        },
        checks_workspace: boolean("/diagnostics/workspace").unwrap_or(true),
        lexical_tokens: boolean("/semanticTokens/lexical"),
    }
}

/// The configuration with what a client says later laid over it. A client need not repeat itself.
pub(crate) fn merge(old: &mut Value, new: &Value) {
    let new = inside(new);
    match (&mut *old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                merge(old.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (old, new) => *old = new.clone(),
    }
}

/// No configuration at all.
pub(crate) fn empty() -> Value {
    Value::Object(Map::new())
}

fn inside(value: &Value) -> &Value {
    value.get("floe").unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_later_counts_and_what_is_not_said_stays() {
        let mut value =
            json!({ "evaluation": { "memoryBudget": 100 }, "formatting": { "width": 80 } });
        merge(&mut value, &json!({ "floe": { "formatting": { "command": ["x", "-y"] } } }));
        merge(&mut value, &json!({ "inlayHints": { "types": true }, "formatting": null }));
        assert_eq!(read(&value).memory_budget, 100 << 20);
        let preferences = preferences(&value);
        assert_eq!(preferences.formatting.command, ["x", "-y"]);
        assert_eq!(preferences.formatting.width, 80);
        assert!(preferences.inlay_hints.types && preferences.inlay_hints.parameters);
    }

    #[test]
    fn the_defaults_are_those_of_the_table() {
        let mut value = empty();
        for Setting { name, default, .. } in SETTINGS {
            let mut setting = serde_json::from_str::<Value>(default).unwrap();
            for key in name.rsplit('.') {
                setting = json!({ key: setting });
            }
            merge(&mut value, &setting);
        }
        assert_eq!(preferences(&value), preferences(&empty()));
        assert_eq!(read(&value), read(&empty()));
    }

    #[test]
    fn what_makes_no_sense_is_as_if_it_were_not_there() {
        let value = json!({ "formatting": 3, "inlayHints": { "closingLines": -1 }, "nixpkgs": {} });
        assert_eq!(preferences(&value), preferences(&empty()));
        assert_eq!(read(&value), read(&empty()));
    }
}
