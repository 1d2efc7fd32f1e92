//! The attributes of a derivation that speak to the builder rather than to the build.
//!
//! They come as environment variables, lists separated by spaces, or, with structured attributes,
//! as JSON. The manual's chapter "Advanced attributes" lists them.

use std::collections::{BTreeMap, BTreeSet};

use floe_store::{Derivation, StoreDir, StorePath};
use serde_json::{Map, Value};

/// The environment variable that holds structured attributes.
const STRUCTURED: &[u8] = b"__json";

/// What a derivation asks of its builder.
#[derive(Debug, Clone, Default)]
pub struct DerivationOptions {
    /// The structured attributes, if the derivation has them.
    pub structured: Option<Map<String, Value>>,
    /// What its outputs may refer to.
    pub output_checks: OutputChecks,
    /// Outputs in which no references are looked for.
    pub unsafe_discard_references: BTreeSet<String>,
    /// Variables that are passed as files.
    pub pass_as_file: BTreeSet<String>,
    /// Files that list the closures of store paths.
    pub export_references_graph: BTreeMap<String, BTreeSet<StorePath>>,
    /// `__noChroot`: without a sandbox, where the settings allow it.
    pub no_chroot: bool,
    /// Variables of the caller that a fixed-output build sees.
    pub impure_env_vars: BTreeSet<String>,
    /// Features that the building machine must have.
    pub required_system_features: BTreeSet<String>,
    /// Whether the result may come from elsewhere instead of being built.
    pub allow_substitutes: bool,
}

/// The checks of all outputs, or of each by name.
#[derive(Debug, Clone)]
pub enum OutputChecks {
    /// Attributes of the derivation.
    All(OutputCheck),
    /// `outputChecks` among structured attributes.
    ByName(BTreeMap<String, OutputCheck>),
}

impl Default for OutputChecks {
    fn default() -> OutputChecks {
        OutputChecks::All(OutputCheck::default())
    }
}

impl OutputChecks {
    /// The checks of one output.
    pub fn of(&self, output: &str) -> Option<&OutputCheck> {
        match self {
            OutputChecks::All(check) => Some(check),
            OutputChecks::ByName(checks) => checks.get(output),
        }
    }
}

/// What an output may be. An absent list allows everything, an empty one nothing.
#[derive(Debug, Clone, Default)]
pub struct OutputCheck {
    /// Whether an output may always be in its own closure. Not so with structured attributes.
    pub ignore_self_references: bool,
    /// The largest size of its archive, in bytes.
    pub max_size: Option<u64>,
    /// The largest size of its closure, in bytes.
    pub max_closure_size: Option<u64>,
    /// The only paths to which it may refer.
    pub allowed_references: Option<BTreeSet<Reference>>,
    /// The only paths that may be in its closure.
    pub allowed_requisites: Option<BTreeSet<Reference>>,
    /// Paths to which it must not refer.
    pub disallowed_references: BTreeSet<Reference>,
    /// Paths that must not be in its closure.
    pub disallowed_requisites: BTreeSet<Reference>,
}

/// A path in an output check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A store path.
    Path(StorePath),
    /// An output of the derivation itself.
    Output(String),
}

/// An attribute that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum OptionsError {
    #[error("cannot process __json attribute: {0}")]
    Json(String),
    #[error("attribute '{attribute}' is {found} where {expected} is expected")]
    Type { attribute: String, expected: &'static str, found: String },
    #[error("odd number of tokens in 'exportReferencesGraph': '{0}'")]
    OddGraph(String),
    #[error("invalid file name '{0}' in 'exportReferencesGraph'")]
    GraphFileName(String),
    #[error("in 'exportReferencesGraph': {0}")]
    GraphPath(#[from] floe_store::path::PathError),
}

impl DerivationOptions {
    /// Reads the options of a derivation.
    pub fn read(
        derivation: &Derivation,
        dir: &StoreDir,
    ) -> Result<DerivationOptions, OptionsError> {
        match derivation.env.get(STRUCTURED) {
            Some(json) => {
                let attributes = serde_json::from_slice(json)
                    .map_err(|error| OptionsError::Json(error.to_string()))?;
                read_structured(attributes, dir)
            }
            None => read_plain(&derivation.env, dir),
        }
    }
}

fn read_plain(
    env: &BTreeMap<Vec<u8>, Vec<u8>>,
    dir: &StoreDir,
) -> Result<DerivationOptions, OptionsError> {
    let text = |name: &str| Some(String::from_utf8_lossy(env.get(name.as_bytes())?));
    let flag = |name: &str| text(name).map(|value| value == "1");
    let set = |name: &str| text(name).map(|value| words(&value));
    let references = |name: &str| {
        set(name).map(|paths| paths.iter().map(|path| parse_reference(path, dir)).collect())
    };
    Ok(DerivationOptions {
        structured: None,
        output_checks: OutputChecks::All(OutputCheck {
            ignore_self_references: true,
            max_size: None,
            max_closure_size: None,
            allowed_references: references("allowedReferences"),
            allowed_requisites: references("allowedRequisites"),
            disallowed_references: references("disallowedReferences").unwrap_or_default(),
            disallowed_requisites: references("disallowedRequisites").unwrap_or_default(),
        }),
        unsafe_discard_references: BTreeSet::new(),
        pass_as_file: set("passAsFile").unwrap_or_default(),
        export_references_graph: match text("exportReferencesGraph") {
            Some(value) => parse_graph(&value, dir)?,
            None => BTreeMap::new(),
        },
        no_chroot: flag("__noChroot").unwrap_or(false),
        impure_env_vars: set("impureEnvVars").unwrap_or_default(),
        required_system_features: set("requiredSystemFeatures").unwrap_or_default(),
        allow_substitutes: flag("allowSubstitutes").unwrap_or(true),
    })
}

/// Pairs of a file name and a store path.
fn parse_graph(
    value: &str,
    dir: &StoreDir,
) -> Result<BTreeMap<String, BTreeSet<StorePath>>, OptionsError> {
    let tokens: Vec<&str> = value.split_ascii_whitespace().collect();
    if !tokens.len().is_multiple_of(2) {
        return Err(OptionsError::OddGraph(value.to_owned()));
    }
    let mut graph = BTreeMap::new();
    for pair in tokens.chunks_exact(2) {
        let (file, path) = (pair[0], pair[1]);
        let starts_well =
            file.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let is_plain = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
        };
        if !starts_well || !file.chars().all(is_plain) {
            return Err(OptionsError::GraphFileName(file.to_owned()));
        }
        graph.insert(file.to_owned(), BTreeSet::from([dir.split(path)?.0]));
    }
    Ok(graph)
}

fn read_structured(
    attributes: Map<String, Value>,
    dir: &StoreDir,
) -> Result<DerivationOptions, OptionsError> {
    let mut checks = BTreeMap::new();
    for (output, check) in object(&attributes, "outputChecks", "")? {
        let place = format!("outputChecks.\"{output}\"");
        let Value::Object(check) = check else {
            return Err(wrong_type(&place, "a set", check));
        };
        checks.insert(output.clone(), read_check(check, &place, dir)?);
    }
    let mut discarded = BTreeSet::new();
    for (output, value) in object(&attributes, "unsafeDiscardReferences", "")? {
        let name = format!("unsafeDiscardReferences.\"{output}\"");
        if boolean(Some(value), &name)?.unwrap_or(false) {
            discarded.insert(output.clone());
        }
    }
    let mut graph = BTreeMap::new();
    for (file, paths) in object(&attributes, "exportReferencesGraph", "")? {
        let mut set = BTreeSet::new();
        collect_paths(paths, dir, &mut set)?;
        graph.insert(file.clone(), set);
    }
    let flag = |name: &str| boolean(attributes.get(name), name);
    let set = |name: &str| strings(attributes.get(name), name).map(Option::unwrap_or_default);
    Ok(DerivationOptions {
        output_checks: OutputChecks::ByName(checks),
        unsafe_discard_references: discarded,
        pass_as_file: BTreeSet::new(),
        export_references_graph: graph,
        no_chroot: flag("__noChroot")?.unwrap_or(false),
        impure_env_vars: set("impureEnvVars")?,
        required_system_features: set("requiredSystemFeatures")?,
        allow_substitutes: flag("allowSubstitutes")?.unwrap_or(true),
        structured: Some(attributes),
    })
}

fn read_check(
    check: &Map<String, Value>,
    place: &str,
    dir: &StoreDir,
) -> Result<OutputCheck, OptionsError> {
    let references = |name: &str| -> Result<Option<BTreeSet<Reference>>, OptionsError> {
        let paths = strings(check.get(name), &format!("{place}.{name}"))?;
        Ok(paths.map(|paths| paths.iter().map(|path| parse_reference(path, dir)).collect()))
    };
    let size = |name: &str| match check.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .map(Some)
            .ok_or_else(|| wrong_type(&format!("{place}.{name}"), "a size in bytes", value)),
    };
    Ok(OutputCheck {
        ignore_self_references: false,
        max_size: size("maxSize")?,
        max_closure_size: size("maxClosureSize")?,
        allowed_references: references("allowedReferences")?,
        allowed_requisites: references("allowedRequisites")?,
        disallowed_references: references("disallowedReferences")?.unwrap_or_default(),
        disallowed_requisites: references("disallowedRequisites")?.unwrap_or_default(),
    })
}

fn parse_reference(text: &str, dir: &StoreDir) -> Reference {
    match dir.parse(text) {
        Ok(path) => Reference::Path(path),
        Err(_) => Reference::Output(text.to_owned()),
    }
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Strings in lists, however deep.
fn collect_paths(
    value: &Value,
    dir: &StoreDir,
    paths: &mut BTreeSet<StorePath>,
) -> Result<(), OptionsError> {
    match value {
        Value::Array(values) => {
            values.iter().try_for_each(|value| collect_paths(value, dir, paths))
        }
        Value::String(path) => {
            paths.insert(dir.split(path)?.0);
            Ok(())
        }
        _ => Err(wrong_type("exportReferencesGraph", "a list or a string", value)),
    }
}

/// The attributes of a set; none if it is absent.
fn object<'a>(
    attributes: &'a Map<String, Value>,
    name: &str,
    place: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, OptionsError> {
    match attributes.get(name) {
        None => Ok(None.into_iter().flatten()),
        Some(Value::Object(map)) => Ok(Some(map).into_iter().flatten()),
        Some(other) => Err(wrong_type(&format!("{place}{name}"), "a set", other)),
    }
}

fn boolean(value: Option<&Value>, name: &str) -> Result<Option<bool>, OptionsError> {
    match value {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => Err(wrong_type(name, "a Boolean", other)),
    }
}

fn strings(value: Option<&Value>, name: &str) -> Result<Option<BTreeSet<String>>, OptionsError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let wrong = || wrong_type(name, "a list of strings", value);
    let items = value.as_array().ok_or_else(wrong)?;
    let texts = items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong));
    texts.collect::<Result<_, _>>().map(Some)
}

fn wrong_type(attribute: &str, expected: &'static str, found: &Value) -> OptionsError {
    OptionsError::Type { attribute: attribute.to_owned(), expected, found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/nix/store/igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt";

    fn read(env: &[(&str, &str)]) -> Result<DerivationOptions, OptionsError> {
        let derivation = Derivation {
            name: "x".to_owned(),
            outputs: BTreeMap::new(),
            input_drvs: BTreeMap::new(),
            dynamic_inputs: Default::default(),
            input_srcs: BTreeSet::new(),
            system: "x86_64-linux".to_owned(),
            builder: b"/bin/sh".to_vec(),
            args: Vec::new(),
            env: env
                .iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect(),
        };
        DerivationOptions::read(&derivation, &StoreDir::default())
    }

    #[test]
    fn attributes_are_words_in_variables() {
        let options = read(&[
            ("requiredSystemFeatures", "kvm  big-parallel\n"),
            ("allowedReferences", &format!("out {PATH}")),
            ("exportReferencesGraph", &format!("graph {PATH}/lib")),
            ("allowSubstitutes", ""),
        ])
        .unwrap();
        assert_eq!(options.required_system_features, words("big-parallel kvm"));
        assert!(!options.allow_substitutes && !options.no_chroot);
        let check = options.output_checks.of("out").unwrap();
        assert_eq!(check.allowed_references.as_ref().unwrap().len(), 2);
        assert_eq!(check.allowed_requisites, None);
        let path = StoreDir::default().parse(PATH).unwrap();
        assert_eq!(options.export_references_graph["graph"], BTreeSet::from([path]));
    }

    #[test]
    fn structured_attributes_check_each_output() {
        let json = r#"{"outputChecks":{"out":{"maxSize":7,"allowedReferences":["dev"]}},
            "requiredSystemFeatures":["kvm"],"unsafeDiscardReferences":{"out":true,"dev":false}}"#;
        let options = read(&[("__json", json), ("allowedReferences", "ignored")]).unwrap();
        assert!(options.output_checks.of("dev").is_none());
        let check = options.output_checks.of("out").unwrap();
        assert_eq!(check.max_size, Some(7));
        assert_eq!(
            check.allowed_references,
            Some(BTreeSet::from([Reference::Output("dev".to_owned())]))
        );
        assert_eq!(options.unsafe_discard_references, words("out"));
    }

    #[test]
    fn wrong_attributes_are_named() {
        let message = |env: &[(&str, &str)]| read(env).unwrap_err().to_string();
        assert_eq!(
            message(&[("__json", r#"{"outputChecks":{"out":{"allowedReferences":"x"}}}"#)]),
            "attribute 'outputChecks.\"out\".allowedReferences' is \"x\" where a list of strings is expected"
        );
        assert_eq!(
            message(&[("exportReferencesGraph", "a")]),
            "odd number of tokens in 'exportReferencesGraph': 'a'"
        );
        assert_eq!(
            message(&[("exportReferencesGraph", &format!("../x {PATH}"))]),
            "invalid file name '../x' in 'exportReferencesGraph'"
        );
    }
}
