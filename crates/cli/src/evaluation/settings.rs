//! The settings of an evaluation: the search path, what `nix.conf` says, what the command line says.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use floe_eval::settings::{Lint, SearchPathEntry, Settings};
use floe_flake::{
    nixpkgs::{Environment, channels},
    search_path::split_entries,
};
use floe_store::store;

use super::{Access, Request, store::directory_of};
use crate::render::print_warning;

/// Settings on the way to an evaluator.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    /// Whether the setting `show-trace` asks for every step of an error.
    pub(crate) show_trace: bool,
    /// Whether `lint-short-path-literals` was set, which counts more than the setting that was there
    /// before it.
    has_short_path_lint: bool,
}

impl Configuration {
    /// That of Floe's own commands: `<nixpkgs>` is what the workspace means.
    ///
    /// # Errors
    ///
    /// If an option of the request has a value that it cannot have.
    pub(crate) fn of_request(request: &Request, access: Access<'_>) -> anyhow::Result<Self> {
        let system = store::Layout::system();
        let system =
            floe_flake::StoreDirectory { logical: system.store_dir, physical: system.real_dir };
        let stores = [directory_of(access), system];
        let found = floe_flake::locate(&request.directory, &Environment::of_process(), &stores);
        for note in &found.notes {
            print_warning(&note.to_string());
        }
        let included = request.include.iter().map(|entry| SearchPathEntry::parse(entry));
        let mut configuration = Configuration::of_files();
        configuration.settings.search_path = included.chain(found.search_path.entries).collect();
        if let Some(system) = &request.system {
            configuration.settings.system.clone_from(system);
        }
        for (name, value) in &request.options {
            configuration.set(name, value)?;
        }
        configuration.show_trace |= request.show_trace;
        Ok(configuration)
    }

    /// That of Nix's own tools: `<nixpkgs>` is what `NIX_PATH` says, or the setting `nix-path`, or the
    /// channels.
    pub(crate) fn of_environment() -> Configuration {
        let mut configuration = Configuration::of_files();
        let settings = &mut configuration.settings;
        let environment = Environment::of_process();
        match &environment.nix_path {
            Some(value) => settings.search_path = search_path(value),
            None if settings.search_path.is_empty() => {
                settings.search_path = channels(&environment);
            }
            None => {}
        }
        configuration
    }

    /// What `nix.conf`, the user's own `nix.conf` and `NIX_CONFIG` say about evaluation.
    fn of_files() -> Configuration {
        let mut configuration = Configuration::default();
        let aborts = env::var("NIX_ABORT_ON_WARN").unwrap_or_default();
        configuration.settings.abort_on_warn = matches!(&*aborts, "1" | "yes" | "true");
        let folder = env::var_os("NIX_CONF_DIR").map_or_else(|| "/etc/nix".into(), PathBuf::from);
        configuration.read(&folder.join("nix.conf"));
        for file in user_files().iter().rev() {
            configuration.read(file);
        }
        if let Ok(text) = env::var("NIX_CONFIG") {
            configuration.apply(&text, Path::new("/"), 0);
        }
        configuration
    }

    fn read(&mut self, file: &Path) {
        // A file that is not there or may not be read says nothing.
        if let Ok(text) = fs::read_to_string(file) {
            self.apply(&text, file.parent().unwrap_or(Path::new("/")), 0);
        }
    }

    /// Takes over what a text in the notation of `nix.conf` says; paths in it are relative to `folder`.
    fn apply(&mut self, text: &str, folder: &Path, depth: usize) {
        const MOST_INCLUDES: usize = 16;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("include" | "!include"), Some(file)) if depth < MOST_INCLUDES => {
                    let file = folder.join(file);
                    if let Ok(text) = fs::read_to_string(&file) {
                        self.apply(&text, file.parent().unwrap_or(folder), depth + 1);
                    }
                }
                (Some(name), Some("=")) => {
                    let value = words.collect::<Vec<_>>().join(" ");
                    // What is wrong there, or none of ours, is for Nix to complain about.
                    let _ = self.set_known(name, &value);
                }
                _ => {}
            }
        }
    }

    /// Sets a setting by the name that it has in `nix.conf`. Warns of one that Nix does not have either.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let is_ours = self.set_known(name, value)?;
        if !is_ours && kind(name).is_none() {
            print_warning(&format!("unknown setting '{name}'"));
        }
        Ok(())
    }

    /// Sets a setting, if it is one of the evaluator.
    fn set_known(&mut self, name: &str, value: &str) -> anyhow::Result<bool> {
        let boolean = || match value {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => bail!("Boolean setting '{name}' has invalid value '{value}'"),
        };
        let lint = || match value {
            "ignore" => Ok(Lint::Ignore),
            "warn" => Ok(Lint::Warn),
            "fatal" => Ok(Lint::Fatal),
            _ => bail!(
                "option '{name}' has invalid value '{value}' (expected 'ignore', 'warn', or 'fatal')"
            ),
        };
        let words = || value.split_whitespace().map(str::to_owned);
        let settings = &mut self.settings;
        match name {
            "pure-eval" => settings.pure = boolean()?,
            "restrict-eval" => settings.restricted = boolean()?,
            "allowed-uris" => settings.allowed_uris = words().collect(),
            "allow-import-from-derivation" => settings.allow_import_from_derivation = boolean()?,
            "trace-verbose" => settings.trace_verbose = boolean()?,
            "abort-on-warn" => settings.abort_on_warn = boolean()?,
            "lint-url-literals" => settings.lints.url_literals = lint()?,
            "lint-absolute-path-literals" => settings.lints.absolute_path_literals = lint()?,
            "lint-short-path-literals" => {
                settings.lints.short_path_literals = lint()?;
                self.has_short_path_lint = true;
            }
            "warn-short-path-literals" => {
                print_warning(
                    "'warn-short-path-literals' is deprecated, use 'lint-short-path-literals = warn' \
                     instead",
                );
                if boolean()? && !self.has_short_path_lint {
                    settings.lints.short_path_literals = Lint::Warn;
                }
            }
            "show-trace" => self.show_trace = boolean()?,
            "max-call-depth" => {
                settings.max_call_depth = value
                    .parse()
                    .with_context(|| format!("setting '{name}' has invalid value '{value}'"))?;
            }
            "system" | "eval-system" if value.is_empty() => {}
            "system" | "eval-system" => value.clone_into(&mut settings.system),
            "nix-path" => {
                settings.search_path = words().map(|w| SearchPathEntry::parse(&w)).collect();
            }
            "experimental-features" => settings.experimental_features = words().collect(),
            "extra-experimental-features" => settings.experimental_features.extend(words()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What kind of value a setting of Nix has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingKind {
    /// True or false: `--name` and `--no-name` set it, too.
    Switch,
    /// Anything else: `--name VALUE` sets it, too.
    Value,
}

/// What kind of setting this is in Nix 2.34; `None` if there is no such setting.
pub(crate) fn kind(name: &str) -> Option<SettingKind> {
    let base = name.strip_prefix("extra-").unwrap_or(name);
    if SWITCHES.contains(&name) {
        Some(SettingKind::Switch)
    } else if VALUES.contains(&name) || VALUES.contains(&base) {
        Some(SettingKind::Value)
    } else {
        None
    }
}

/// The entries of a value of `NIX_PATH`.
fn search_path(value: &str) -> Vec<SearchPathEntry> {
    split_entries(value).into_iter().map(SearchPathEntry::parse).collect()
}

/// The user's own `nix.conf`, the one that counts most first.
fn user_files() -> Vec<PathBuf> {
    if let Some(files) = env::var_os("NIX_USER_CONF_FILES") {
        return env::split_paths(&files).collect();
    }
    let home = env::var_os("HOME").map(PathBuf::from);
    let own = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.or_else(|| Some(home?.join(".config")));
    let shared = env::var_os("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let folders = own.into_iter().chain(env::split_paths(&shared));
    folders.map(|folder| folder.join("nix/nix.conf")).collect()
}

const SWITCHES: &[&str] = &[
    "abort-on-warn",
    "accept-flake-config",
    "allow-dirty",
    "allow-dirty-locks",
    "allow-import-from-derivation",
    "allow-new-privileges",
    "allow-symlinked-store",
    "allow-unsafe-native-code-during-evaluation",
    "always-allow-substitutes",
    "auto-allocate-uids",
    "auto-optimise-store",
    "builders-use-substitutes",
    "compress-build-log",
    "debugger-on-trace",
    "debugger-on-warn",
    "eval-cache",
    "fallback",
    "filter-syscalls",
    "fsync-metadata",
    "fsync-store-paths",
    "http2",
    "ignore-try",
    "impersonate-linux-26",
    "keep-build-log",
    "keep-derivations",
    "keep-env-derivations",
    "keep-failed",
    "keep-going",
    "keep-outputs",
    "nix-shell-always-looks-for-shell-nix",
    "nix-shell-shebang-arguments-relative-to-script",
    "preallocate-contents",
    "print-missing",
    "pure-eval",
    "require-drop-supplementary-groups",
    "require-sigs",
    "restrict-eval",
    "run-diff-hook",
    "sandbox",
    "sandbox-fallback",
    "show-trace",
    "substitute",
    "sync-before-registering",
    "trace-function-calls",
    "trace-import-from-derivation",
    "trace-verbose",
    "trust-tarballs-from-git-forges",
    "use-case-hack",
    "use-cgroups",
    "use-registries",
    "use-sqlite-wal",
    "use-xdg-base-directories",
    "warn-dirty",
    "warn-short-path-literals",
];

const VALUES: &[&str] = &[
    "access-tokens",
    "allowed-impure-host-deps",
    "allowed-uris",
    "allowed-users",
    "bash-prompt",
    "bash-prompt-prefix",
    "bash-prompt-suffix",
    "build-dir",
    "build-hook",
    "build-poll-interval",
    "build-users-group",
    "builders",
    "commit-lock-file-summary",
    "connect-timeout",
    "cores",
    "diff-hook",
    "download-attempts",
    "download-buffer-size",
    "download-speed",
    "eval-attrset-update-layer-rhs-threshold",
    "eval-profile-file",
    "eval-profiler",
    "eval-profiler-frequency",
    "eval-system",
    "experimental-features",
    "external-builders",
    "extra-platforms",
    "flake-registry",
    "gc-reserved-space",
    "hashed-mirrors",
    "http-connections",
    "id-count",
    "ignored-acls",
    "impure-env",
    "json-log-path",
    "lint-absolute-path-literals",
    "lint-short-path-literals",
    "lint-url-literals",
    "log-lines",
    "max-build-log-size",
    "max-call-depth",
    "max-free",
    "max-jobs",
    "max-silent-time",
    "max-substitution-jobs",
    "min-free",
    "min-free-check-interval",
    "nar-buffer-size",
    "narinfo-cache-meta-ttl",
    "narinfo-cache-negative-ttl",
    "narinfo-cache-positive-ttl",
    "netrc-file",
    "nix-path",
    "plugin-files",
    "post-build-hook",
    "pre-build-hook",
    "sandbox-build-dir",
    "sandbox-dev-shm-size",
    "sandbox-paths",
    "secret-key-files",
    "ssl-cert-file",
    "stalled-download-timeout",
    "start-id",
    "store",
    "substituters",
    "system",
    "system-features",
    "tarball-ttl",
    "timeout",
    "trusted-public-keys",
    "trusted-substituters",
    "trusted-users",
    "upgrade-nix-store-path-url",
    "user-agent-suffix",
    "warn-large-path-threshold",
];
