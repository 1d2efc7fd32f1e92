//! What becomes of a finished build: its outputs are checked, searched for references, made
//! canonical, moved into the store, and registered all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use floe_store::hash::Format;
use floe_store::{
    ContentAddress, DerivationOutput, LocalStore, Method, PathInfo, StorePath, git, nar,
};

use crate::build::Build;
use crate::checks::Checker;
use crate::error::{BuildError, OutputError};
use crate::inputs::path_info;

/// A build whose builder has succeeded.
pub(crate) struct Finished<'a> {
    pub(crate) build: &'a Build<'a>,
    /// What its outputs can refer to, beside each other.
    pub(crate) inputs: &'a BTreeSet<StorePath>,
    /// Where the outputs are that are not valid yet.
    pub(crate) locations: &'a BTreeMap<String, PathBuf>,
}

/// Makes the outputs valid, or none of them.
pub(crate) fn register(finished: &Finished<'_>) -> Result<(), BuildError> {
    let build = finished.build;
    let mut outputs = BTreeMap::new();
    for (name, path) in &build.outputs {
        let info = match finished.locations.get(name) {
            Some(location) => finished.examine(name, path, location)?,
            None => path_info(build.store, path)?,
        };
        outputs.insert(name.clone(), info);
    }
    let checker = Checker { store: build.store, derivation: &build.printed, outputs: &outputs };
    checker.check(&build.options.output_checks)?;
    let mut new = Vec::new();
    for (name, info) in outputs {
        if let Some(location) = finished.locations.get(&name) {
            if *location != build.store.real_path(&info.path) {
                build.local.move_in(location, &info.path)?;
            }
            new.push(info);
        }
    }
    Ok(build.local.register(new)?)
}

impl Finished<'_> {
    /// Makes an output canonical and learns everything about it.
    fn examine(
        &self,
        name: &str,
        path: &StorePath,
        location: &Path,
    ) -> Result<PathInfo, BuildError> {
        let build = self.build;
        let printed = build.store.store_dir().print(path);
        let metadata = fs::symlink_metadata(location).map_err(|_| OutputError::Missing {
            derivation: build.printed.clone(),
            output: name.to_owned(),
            path: printed.clone(),
        })?;
        if !metadata.is_symlink() && metadata.permissions().mode() & 0o022 != 0 {
            let output = name.to_owned();
            return Err(OutputError::Suspicious { path: printed, output }.into());
        }
        let content_address = match &build.derivation.outputs[name] {
            DerivationOutput::Fixed(expected) => {
                let is_flat = metadata.is_file() && metadata.permissions().mode() & 0o100 == 0;
                if expected.method == Method::Flat && !is_flat {
                    return Err(OutputError::NotFlat { path: printed }.into());
                }
                Some(*expected)
            }
            _ => None,
        };
        let mut candidates = BTreeSet::new();
        if !build.options.unsafe_discard_references.contains(name) {
            candidates.extend(self.inputs.iter().chain(build.outputs.values()).cloned());
        }
        let info = LocalStore::scan_output(path, location, candidates)?;
        if let Some(expected) = &content_address {
            self.check_fixed(expected, location, &info.references)?;
        }
        let deriver = Some(build.path.clone());
        Ok(PathInfo { deriver, ultimate: true, content_address, ..info })
    }

    fn check_fixed(
        &self,
        expected: &ContentAddress,
        location: &Path,
        references: &BTreeSet<StorePath>,
    ) -> Result<(), BuildError> {
        let derivation = self.build.printed.clone();
        let algorithm = expected.hash.algorithm();
        let got = match expected.method {
            Method::Flat => nar::hash_flat(location, algorithm)?,
            Method::Nar => nar::hash_path(location, algorithm)?.0,
            Method::Git => git::hash_path(location, algorithm)?,
            Method::Text => {
                let method = expected.method.name().to_owned();
                return Err(OutputError::UnsupportedMethod { derivation, method }.into());
            }
        };
        if got != expected.hash {
            return Err(OutputError::HashMismatch {
                derivation,
                specified: expected.hash.format(Format::Sri),
                got: got.format(Format::Sri),
            }
            .into());
        }
        if let Some(example) = references.first() {
            return Err(OutputError::FixedRefers {
                derivation,
                count: references.len(),
                example: self.build.store.store_dir().print(example),
            }
            .into());
        }
        Ok(())
    }
}
