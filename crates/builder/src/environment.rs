//! The environment and the files that a build starts with: exactly Nix's, because they are part of
//! what a derivation means.

use std::collections::BTreeMap;
use std::path::Path;

use floe_store::derivation::DerivationKind;
use floe_store::hash::Format;
use floe_store::path::placeholder;
use floe_store::{Derivation, Hash, StoreDir, StorePath};
use serde_json::{Value, json};

use crate::options::DerivationOptions;
use crate::structured_attrs;

/// What a builder starts with.
#[derive(Debug, Default)]
pub(crate) struct BuildEnvironment {
    /// Variables.
    pub(crate) variables: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Files in the build directory.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// What the environment depends on, beside the derivation.
pub(crate) struct Surroundings<'a> {
    pub(crate) store_dir: &'a StoreDir,
    pub(crate) outputs: &'a BTreeMap<String, StorePath>,
    /// The closures that `exportReferencesGraph` asks for.
    pub(crate) graphs: &'a BTreeMap<String, Vec<ExportedPath>>,
    /// The build directory as the build sees it.
    pub(crate) build_directory: &'a Path,
    pub(crate) cores: usize,
}

/// A store path in an exported references graph.
#[derive(Debug)]
pub(crate) struct ExportedPath {
    pub(crate) path: String,
    pub(crate) references: Vec<String>,
    pub(crate) nar_hash: String,
    pub(crate) nar_size: u64,
    pub(crate) content_address: Option<String>,
    pub(crate) closure_size: u64,
}

/// Puts together the environment of a build.
pub(crate) fn build_environment(
    derivation: &Derivation,
    kind: DerivationKind,
    options: &DerivationOptions,
    around: &Surroundings<'_>,
) -> BuildEnvironment {
    let mut environment = BuildEnvironment::default();
    let directory = around.build_directory.to_string_lossy().into_owned();
    environment.set("PATH", "/path-not-set");
    environment.set("HOME", "/homeless-shelter");
    environment.set("NIX_STORE", around.store_dir.as_str());
    environment.set("NIX_BUILD_CORES", &around.cores.to_string());
    match &options.structured {
        Some(attributes) => {
            let mut attributes = attributes.clone();
            let outputs = around.outputs.iter();
            let outputs =
                outputs.map(|(name, path)| (name.clone(), around.store_dir.print(path).into()));
            attributes.insert("outputs".to_owned(), Value::Object(outputs.collect()));
            for (name, paths) in around.graphs {
                attributes.insert(name.clone(), paths.iter().map(ExportedPath::to_json).collect());
            }
            for (variable, file, text) in [
                ("NIX_ATTRS_SH_FILE", ".attrs.sh", structured_attrs::to_shell(&attributes)),
                ("NIX_ATTRS_JSON_FILE", ".attrs.json", structured_attrs::to_json(&attributes)),
            ] {
                environment.set(variable, &format!("{directory}/{file}"));
                environment.files.insert(file.to_owned(), text.into_bytes());
            }
        }
        None => {
            for (name, value) in &derivation.env {
                environment.add_variable(name, value, options, &directory);
            }
            for (file, paths) in around.graphs {
                let text: String = paths.iter().map(ExportedPath::to_registration).collect();
                environment.files.insert(file.clone(), text.into_bytes());
            }
        }
    }
    for variable in ["NIX_BUILD_TOP", "TMPDIR", "TEMPDIR", "TMP", "TEMP", "PWD"] {
        environment.set(variable, &directory);
    }
    if kind == DerivationKind::Fixed {
        environment.set("NIX_OUTPUT_CHECKED", "1");
        for name in &options.impure_env_vars {
            let value = std::env::var_os(name).unwrap_or_default();
            environment.set(name, &value.to_string_lossy());
        }
    }
    environment.set("NIX_LOG_FD", "2");
    environment.set("TERM", "xterm-256color");
    let rewrites = OutputRewrites::new(around);
    for value in environment.variables.values_mut().chain(environment.files.values_mut()) {
        rewrites.apply(value);
    }
    environment
}

impl BuildEnvironment {
    fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.as_bytes().to_vec(), value.as_bytes().to_vec());
    }

    /// `passAsFile` moves a variable's value to a file, for values that are too long for `exec`.
    fn add_variable(
        &mut self,
        name: &[u8],
        value: &[u8],
        options: &DerivationOptions,
        directory: &str,
    ) {
        let is_file =
            std::str::from_utf8(name).is_ok_and(|name| options.pass_as_file.contains(name));
        if !is_file {
            self.variables.insert(name.to_vec(), value.to_vec());
            return;
        }
        let file = format!(".attr-{}", Hash::sha256(name).format(Format::Nix32));
        let variable = [name, b"Path"].concat();
        self.variables.insert(variable, format!("{directory}/{file}").into_bytes());
        self.files.insert(file, value.to_vec());
    }
}

impl ExportedPath {
    /// The text form: path, deriver (always empty), number of references, references.
    fn to_registration(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.path, self.references.len());
        for reference in &self.references {
            text += reference;
            text.push('\n');
        }
        text
    }

    fn to_json(&self) -> Value {
        let mut json = json!({
            "closureSize": self.closure_size,
            "narHash": self.nar_hash,
            "narSize": self.nar_size,
            "path": self.path,
            "references": self.references,
            "valid": true,
        });
        if let Some(address) = &self.content_address {
            json["ca"] = Value::from(address.as_str());
        }
        json
    }
}

/// `builtins.placeholder` stands for an output's path until the path is known.
pub(crate) struct OutputRewrites(Vec<(Vec<u8>, Vec<u8>)>);

impl OutputRewrites {
    pub(crate) fn new(around: &Surroundings<'_>) -> OutputRewrites {
        let outputs = around.outputs.iter();
        let rewrite = |(name, path): (&String, &StorePath)| {
            (placeholder(name).into_bytes(), around.store_dir.print(path).into_bytes())
        };
        OutputRewrites(outputs.map(rewrite).collect())
    }

    pub(crate) fn apply(&self, text: &mut Vec<u8>) {
        for (from, to) in &self.0 {
            if let Some(rewritten) = replace(text, from, to) {
                *text = rewritten;
            }
        }
    }
}

/// All occurrences; `None` if there are none.
fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let find = |text: &[u8]| text.windows(from.len()).position(|window| window == from);
    let mut at = find(text)?;
    let mut rest = text;
    let mut rewritten = Vec::with_capacity(text.len());
    loop {
        rewritten.extend_from_slice(&rest[..at]);
        rewritten.extend_from_slice(to);
        rest = &rest[at + from.len()..];
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    rewritten.extend_from_slice(rest);
    Some(rewritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_replaced() {
        assert_eq!(replace(b"a-x-b-x-", b"-x-", b"+").unwrap(), b"a+b+");
        assert_eq!(replace(b"abc", b"x", b"y"), None);
        assert_eq!(replace(b"", b"x", b"y"), None);
    }
}
