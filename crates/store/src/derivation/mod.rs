//! Derivations: what to run, with which inputs, for which outputs.
//!
//! [`Derivation::to_aterm`] and [`Derivation::from_aterm`] are the text of `.drv` files,
//! [`Derivation::to_json`] is that of `nix derivation show`, and the output paths come from the
//! hash that [`HashModulo`] explains.
//!
//! What a user writes (builder, arguments, environment) are bytes: Nix does not ask for UTF-8.

mod aterm;
mod json;
mod modulo;

use std::collections::{BTreeMap, BTreeSet};

use crate::content_address::{ContentAddress, ContentAddressError, Method};
use crate::hash::{Algorithm, Hash, HashError};
use crate::path::{DERIVATION_EXTENSION, PathError, StoreDir, StorePath, output_path_name};

pub use modulo::HashModulo;

/// A derivation. Its text is canonical: equal values have equal `.drv` files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivation {
    /// The name, without `.drv`. It stands in the path, not in the text.
    pub name: String,
    /// What the build produces, by output name.
    pub outputs: BTreeMap<String, DerivationOutput>,
    /// The derivations whose outputs the build needs, and which outputs.
    pub input_drvs: BTreeMap<StorePath, BTreeSet<String>>,
    /// What the build needs of derivations that are outputs themselves: of which derivation, and of which of
    /// its outputs. Experimental in Nix.
    pub dynamic_inputs: BTreeMap<StorePath, BTreeMap<String, DynamicInput>>,
    /// Other store paths that the build needs.
    pub input_srcs: BTreeSet<StorePath>,
    /// Where it can be built, such as `x86_64-linux`.
    pub system: String,
    /// The program, or `builtin:…`.
    pub builder: Vec<u8>,
    /// Its arguments.
    pub args: Vec<Vec<u8>>,
    /// Its environment. Structured attributes are JSON text under `__json`.
    pub env: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What a build needs of a derivation that is known only once it is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicInput {
    /// Outputs of it.
    pub outputs: BTreeSet<String>,
    /// What is needed of outputs that are derivations again.
    pub dynamic: BTreeMap<String, DynamicInput>,
}

/// How the path of an output comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DerivationOutput {
    /// From the derivation's inputs.
    InputAddressed(StorePath),
    /// From contents that the derivation promises.
    Fixed(ContentAddress),
    /// From contents that are only known after the build.
    Floating {
        /// What will be hashed.
        method: Method,
        /// With which algorithm.
        algorithm: Algorithm,
    },
    /// From the inputs, one of which is not known yet.
    Deferred,
    /// From contents that differ from build to build.
    Impure {
        /// What will be hashed.
        method: Method,
        /// With which algorithm.
        algorithm: Algorithm,
    },
}

impl DerivationOutput {
    /// The output's path, where it is known. `name` is the derivation's.
    pub fn path(
        &self,
        dir: &StoreDir,
        name: &str,
        output: &str,
    ) -> Result<Option<StorePath>, PathError> {
        match self {
            Self::InputAddressed(path) => Ok(Some(path.clone())),
            Self::Fixed(address) => {
                dir.content_address_path(&output_path_name(name, output), address).map(Some)
            }
            Self::Floating { .. } | Self::Deferred | Self::Impure { .. } => Ok(None),
        }
    }
}

/// What all outputs of a derivation have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DerivationKind {
    /// Paths follow from the inputs.
    InputAddressed,
    /// One output, `out`, with a known hash; the build may use the network.
    Fixed,
    /// Paths follow from contents not known yet.
    Floating,
    /// Paths follow from inputs not known yet.
    Deferred,
    /// Never the same twice.
    Impure,
}

impl Derivation {
    /// What kind of derivation this is; outputs of different kinds do not mix.
    pub fn kind(&self) -> Result<DerivationKind, DerivationError> {
        let mut found = None;
        let mut floating = None;
        for (name, output) in &self.outputs {
            let kind = match output {
                DerivationOutput::InputAddressed(_) => DerivationKind::InputAddressed,
                DerivationOutput::Fixed(_) => DerivationKind::Fixed,
                DerivationOutput::Floating { .. } => DerivationKind::Floating,
                DerivationOutput::Deferred => DerivationKind::Deferred,
                DerivationOutput::Impure { .. } => DerivationKind::Impure,
            };
            match found {
                Some(other) if other != kind => return Err(DerivationError::MixedOutputs),
                Some(DerivationKind::Fixed) => return Err(DerivationError::SeveralFixedOutputs),
                _ => found = Some(kind),
            }
            match output {
                DerivationOutput::Fixed(_) if name != "out" => {
                    return Err(DerivationError::FixedOutputName);
                }
                DerivationOutput::Floating { algorithm, .. }
                    if *floating.get_or_insert(*algorithm) != *algorithm =>
                {
                    return Err(DerivationError::MixedAlgorithms);
                }
                _ => {}
            }
        }
        found.ok_or(DerivationError::NoOutputs)
    }

    /// Whether the builder is part of the store's own program, such as `builtin:fetchurl`.
    pub fn is_builtin(&self) -> bool {
        self.builder.starts_with(b"builtin:")
    }

    /// The file name that the derivation's own path ends in.
    pub fn file_name(&self) -> String {
        format!("{}{DERIVATION_EXTENSION}", self.name)
    }

    /// What the `.drv` file refers to: all inputs, but not the outputs.
    pub fn references(&self) -> BTreeSet<StorePath> {
        let derivations = self.input_drvs.keys().chain(self.dynamic_inputs.keys());
        derivations.chain(&self.input_srcs).cloned().collect()
    }

    /// The text of the `.drv` file together with its path.
    pub fn to_store(&self, dir: &StoreDir) -> Result<(StorePath, Vec<u8>), DerivationError> {
        let text = self.to_aterm(dir)?;
        Ok((self.path_of_text(dir, &text)?, text))
    }

    /// The path of the `.drv` file with this text.
    fn path_of_text(&self, dir: &StoreDir, text: &[u8]) -> Result<StorePath, PathError> {
        let derivations = self.input_drvs.keys().chain(self.dynamic_inputs.keys());
        let mut references: Vec<&StorePath> = derivations.chain(&self.input_srcs).collect();
        references.sort_unstable();
        references.dedup();
        dir.text_path(&self.file_name(), &Hash::sha256(text), references)
    }

    /// The path of the `.drv` file.
    pub fn drv_path(&self, dir: &StoreDir) -> Result<StorePath, DerivationError> {
        Ok(self.to_store(dir)?.0)
    }

    /// The paths of all outputs as the derivation states them, `None` where they are not known yet.
    pub fn output_paths(
        &self,
        dir: &StoreDir,
    ) -> Result<BTreeMap<String, Option<StorePath>>, DerivationError> {
        self.outputs
            .iter()
            .map(|(output, how)| Ok((output.clone(), how.path(dir, &self.name, output)?)))
            .collect()
    }
}

/// What is wrong with a derivation. Where Nix has words for it, they are used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages name
pub enum DerivationError {
    #[error("must have at least one output")]
    NoOutputs,
    #[error("can't mix derivation output types")]
    MixedOutputs,
    #[error("only one fixed output is allowed for now")]
    SeveralFixedOutputs,
    #[error("single fixed output must be named \"out\"")]
    FixedOutputName,
    #[error("all floating outputs must use the same hash algorithm")]
    MixedAlgorithms,
    #[error("no hash for output '{output}' of derivation '{derivation}'")]
    NoSuchOutput { derivation: String, output: String },
    #[error("derivation has incorrect output '{found}', should be '{expected}'")]
    WrongOutputPath { found: String, expected: String },
    #[error(
        "derivation has incorrect environment variable '{name}', should be '{expected}' but is actually '{found}'"
    )]
    WrongVariable { name: String, expected: String, found: String },
    #[error("expected {expected} at byte {offset} of the derivation")]
    Syntax { offset: usize, expected: &'static str },
    #[error("derivation format version '{0}' is experimental in Nix and not supported")]
    UnsupportedVersion(String),
    #[error("{place} of the derivation is not UTF-8: '{text}'")]
    NotUtf8 { place: &'static str, text: String },
    #[error(
        "derivation output '{output}' has path '{found}', which does not match its content address"
    )]
    WrongFixedPath { output: String, found: String },
    #[error("derivation output '{0}' should not specify an output path")]
    NeedlessPath(String),
    #[error("in the JSON of a derivation: {0}")]
    Json(String),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    ContentAddress(#[from] ContentAddressError),
}

/// Derivations that `nix-instantiate` wrote, for the tests of every format.
#[cfg(test)]
pub(crate) mod samples {
    /// File name and text: two fixed outputs, a derivation with two outputs, and one that needs all
    /// three and has every character that is escaped.
    pub(crate) const INPUT_ADDRESSED: [(&str, &str); 4] = [
        (
            "4210hpmxy6gzqhnj0hd7pk9kf7wlcflk-fix-flat.drv",
            r#"Derive([("out","/nix/store/f0yw1k9kw1p6vh154s8y08r2bfqfl24l-fix-flat","sha1","da39a3ee5e6b4b0d3255bfef95601890afd80709")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("name","fix-flat"),("out","/nix/store/f0yw1k9kw1p6vh154s8y08r2bfqfl24l-fix-flat"),("outputHash","da39a3ee5e6b4b0d3255bfef95601890afd80709"),("outputHashAlgo","sha1"),("system","x86_64-linux")])"#,
        ),
        (
            "88mmxj11iqyr7s77i6zarzc7l2c0d89c-fix.drv",
            r#"Derive([("out","/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix","r:sha256","e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("name","fix"),("out","/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix"),("outputHash","sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),("outputHashMode","recursive"),("system","x86_64-linux")])"#,
        ),
        (
            "953r9pgwav52mkazac4vncdmfvrnjzha-dep.drv",
            r#"Derive([("dev","/nix/store/sdd85g0rw1laipccqn55a7g2vxvmk3y4-dep-dev","",""),("out","/nix/store/xml2j8r3p7mq42gdi8108za9gpdmy57n-dep","","")],[],[],"x86_64-linux","/bin/sh",["-c","echo hi \"q\" \\ \t $"],[("builder","/bin/sh"),("dev","/nix/store/sdd85g0rw1laipccqn55a7g2vxvmk3y4-dep-dev"),("name","dep"),("out","/nix/store/xml2j8r3p7mq42gdi8108za9gpdmy57n-dep"),("outputs","out dev"),("system","x86_64-linux")])"#,
        ),
        (
            "dq4fbqc825w03z6m8l8car9phgknk31a-top-1.0.drv",
            r#"Derive([("out","/nix/store/4jf9hi88piw9i2w0d7n6g4wdvc1jr7ma-top-1.0","","")],[("/nix/store/4210hpmxy6gzqhnj0hd7pk9kf7wlcflk-fix-flat.drv",["out"]),("/nix/store/88mmxj11iqyr7s77i6zarzc7l2c0d89c-fix.drv",["out"]),("/nix/store/953r9pgwav52mkazac4vncdmfvrnjzha-dep.drv",["dev"])],["/nix/store/igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt"],"x86_64-linux","/bin/sh",["/nix/store/igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt"],[("a","/nix/store/sdd85g0rw1laipccqn55a7g2vxvmk3y4-dep-dev"),("b","/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix"),("builder","/bin/sh"),("c","/nix/store/f0yw1k9kw1p6vh154s8y08r2bfqfl24l-fix-flat"),("multi","line1\nline2\r\ttab\"quote\\back${x}"),("name","top-1.0"),("out","/nix/store/4jf9hi88piw9i2w0d7n6g4wdvc1jr7ma-top-1.0"),("system","x86_64-linux"),("uni","é")])"#,
        ),
    ];

    /// File name and text with `ca-derivations` and `impure-derivations`: a floating, an impure and
    /// a deferred one that needs the two.
    pub(crate) const EXPERIMENTAL: [(&str, &str); 3] = [
        (
            "i5z7x0ys65z6zq7jizmyzpn9nrfdnaak-floating.drv",
            r#"Derive([("dev","","r:sha256",""),("out","","r:sha256","")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("dev","/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz"),("name","floating"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"),("outputHashAlgo","sha256"),("outputHashMode","recursive"),("outputs","out dev"),("system","x86_64-linux")])"#,
        ),
        (
            "6a9zcr3mgmw009zzhavqlg5abs3x8gf4-impure.drv",
            r#"Derive([("out","","r:sha256","impure")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("name","impure"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"),("system","x86_64-linux")])"#,
        ),
        (
            "0vqmd0n8zi00z9kdnfk5rb5i6gxicqaa-deferred.drv",
            r#"Derive([("out","","","")],[("/nix/store/6a9zcr3mgmw009zzhavqlg5abs3x8gf4-impure.drv",["out"]),("/nix/store/i5z7x0ys65z6zq7jizmyzpn9nrfdnaak-floating.drv",["dev"])],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("name","deferred"),("out",""),("system","x86_64-linux"),("x","/1qrh49cj24z0qi4axraxim70y77q1wsard58a3p1k88rl4fr2wbc"),("y","/1jin0w508888dygb1rmf4c9hipvl31i27fg931xf0m8kd95k3n7p")])"#,
        ),
    ];

    /// Both of the above.
    pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        INPUT_ADDRESSED.into_iter().chain(EXPERIMENTAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_derivations_are_computed_as_by_nix() {
        let dir = StoreDir::default();
        for (file_name, text) in samples::all() {
            let path = StorePath::parse(file_name).unwrap();
            let name = path.derivation_name().unwrap();
            let derivation = Derivation::from_aterm(&dir, name, text.as_bytes()).unwrap();
            assert_eq!(derivation.to_store(&dir).unwrap(), (path, text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn outputs_must_fit_together() {
        let dir = StoreDir::default();
        let (_, text) = samples::INPUT_ADDRESSED[1];
        let fixed = Derivation::from_aterm(&dir, "fix", text.as_bytes()).unwrap();
        assert_eq!(fixed.kind(), Ok(DerivationKind::Fixed));

        let out = fixed.outputs["out"].clone();
        let with = |outputs: &[(&str, DerivationOutput)]| {
            let outputs =
                outputs.iter().map(|(name, how)| ((*name).to_owned(), how.clone())).collect();
            Derivation { outputs, ..fixed.clone() }.kind()
        };
        assert_eq!(with(&[]), Err(DerivationError::NoOutputs));
        assert_eq!(with(&[("dev", out.clone())]), Err(DerivationError::FixedOutputName));
        assert_eq!(
            with(&[("out", out.clone()), ("x", out.clone())]),
            Err(DerivationError::SeveralFixedOutputs)
        );
        assert_eq!(
            with(&[("out", out), ("x", DerivationOutput::Deferred)]),
            Err(DerivationError::MixedOutputs)
        );
        let floating = |algorithm| DerivationOutput::Floating { method: Method::Nar, algorithm };
        assert_eq!(
            with(&[("a", floating(Algorithm::Sha1)), ("b", floating(Algorithm::Sha256))]),
            Err(DerivationError::MixedAlgorithms)
        );
    }
}
