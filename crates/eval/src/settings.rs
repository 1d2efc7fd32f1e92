//! Settings that change what a program means or may do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use floe_flake::SearchPathEntry;

/// The experimental features of Nix 2.34, whether they concern evaluation or not.
pub const EXPERIMENTAL_FEATURES: [&str; 21] = [
    "auto-allocate-uids",
    "blake3-hashes",
    "ca-derivations",
    "cgroups",
    "configurable-impure-env",
    "daemon-trust-override",
    "dynamic-derivations",
    "external-builders",
    "fetch-closure",
    "fetch-tree",
    "flakes",
    "git-hashing",
    "impure-derivations",
    "local-overlay-store",
    "mounted-ssh-store",
    "nix-command",
    "parse-toml-timestamps",
    "pipe-operators",
    "read-only-local-store",
    "recursive-nix",
    "verified-fetches",
];

/// See the fields. [`Settings::default`] is what the C++ implementation has without configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `<name>` look-ups: prefix (empty for a plain folder) and path, in order.
    pub search_path: Vec<SearchPathEntry>,
    /// `builtins.currentSystem`.
    pub system: String,
    /// How deep calls may nest before "stack overflow; max-call-depth exceeded".
    pub max_call_depth: u32,
    /// `builtins.currentSystem`, `currentTime`, the environment and paths outside the store are out of
    /// reach.
    pub pure: bool,
    /// Only paths of the search path may be read.
    pub restricted: bool,
    /// With `restricted`, the addresses that may be fetched from: these, and what lies below them.
    pub allowed_uris: Vec<String>,
    /// Whether reading from a derivation's output may build it.
    pub allow_import_from_derivation: bool,
    /// `builtins.traceVerbose` prints.
    pub trace_verbose: bool,
    /// `builtins.warn` fails, so that the trace shows where from.
    pub abort_on_warn: bool,
    /// What is said about parts of a program that better were written otherwise.
    pub lints: Lints,
    /// Names of enabled experimental features, such as `pipe-operators`.
    pub experimental_features: Vec<String>,
    /// The environment variables that `builtins.getEnv` sees; `None` for the process's own.
    pub environment: Option<BTreeMap<String, String>>,
    /// The home folder, for `~/…`.
    pub home: PathBuf,
    /// Set by another thread to end the evaluation soon.
    pub interrupt: Arc<AtomicBool>,
    /// Whether somebody waits for the end after an interrupt. Large files are parsed on a thread then, which can
    /// be left behind, and costs some time and memory.
    pub ends_at_once: bool,
}

/// The settings `lint-…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lints {
    /// `http://example.org` without quotes.
    pub url_literals: Lint,
    /// `/etc/nixos`, `~/x`.
    pub absolute_path_literals: Lint,
    /// `a/b`, which is `./a/b`.
    pub short_path_literals: Lint,
}

/// What is to be said about something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lint {
    /// Nothing.
    #[default]
    Ignore,
    /// A warning.
    Warn,
    /// That it is an error.
    Fatal,
}

impl Lints {
    /// Whether anything is said about something.
    pub(crate) fn are_any(&self) -> bool {
        *self != Lints::default()
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            search_path: Vec::new(),
            system: format!(
                "{}-{}",
                std::env::consts::ARCH,
                if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS }
            ),
            max_call_depth: 10_000,
            pure: false,
            restricted: false,
            allowed_uris: Vec::new(),
            allow_import_from_derivation: true,
            trace_verbose: false,
            abort_on_warn: false,
            lints: Lints::default(),
            experimental_features: Vec::new(),
            environment: None,
            home: std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from),
            interrupt: Arc::default(),
            ends_at_once: false,
        }
    }
}

impl Settings {
    /// Whether an experimental feature is enabled.
    pub fn has_feature(&self, name: &str) -> bool {
        self.experimental_features.iter().any(|feature| feature == name)
    }

    /// An environment variable as `builtins.getEnv` sees it.
    pub fn environment_variable(&self, name: &str) -> Option<String> {
        match &self.environment {
            Some(environment) => environment.get(name).cloned(),
            None => std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
        }
    }
}
