//! Whether outputs are what their derivation allows: `allowedReferences` and its relatives.

use std::collections::{BTreeMap, BTreeSet};

use floe_store::{PathInfo, Store, StorePath};

use crate::error::{BuildError, OutputError};
use crate::inputs::path_info;
use crate::options::{OutputCheck, OutputChecks, Reference};

/// The outputs of one build, checked together because they may refer to each other.
pub(crate) struct Checker<'a> {
    pub(crate) store: &'a dyn Store,
    /// The path of the derivation, for messages.
    pub(crate) derivation: &'a str,
    /// All outputs, also those that are not valid yet.
    pub(crate) outputs: &'a BTreeMap<String, PathInfo>,
}

impl Checker<'_> {
    /// Checks every output.
    pub(crate) fn check(&self, checks: &OutputChecks) -> Result<(), BuildError> {
        self.find_cycle()?;
        for (name, info) in self.outputs {
            if let Some(check) = checks.of(name) {
                self.check_output(name, info, check)?;
            }
        }
        Ok(())
    }

    fn check_output(
        &self,
        name: &str,
        info: &PathInfo,
        check: &OutputCheck,
    ) -> Result<(), BuildError> {
        let path = self.store.store_dir().print(&info.path);
        if let Some(limit) = check.max_size
            && info.nar_size > limit
        {
            return Err(OutputError::TooLarge { path, size: info.nar_size, limit }.into());
        }
        let closure = self.closure(info)?;
        let size = closure.values().sum();
        if let Some(limit) = check.max_closure_size
            && size > limit
        {
            return Err(OutputError::ClosureTooLarge { path, size, limit }.into());
        }
        let mut requisites: BTreeSet<StorePath> = closure.into_keys().collect();
        if check.ignore_self_references {
            requisites.remove(&info.path);
        }
        for (used, allowed, disallowed) in [
            (&info.references, &check.allowed_references, &check.disallowed_references),
            (&requisites, &check.allowed_requisites, &check.disallowed_requisites),
        ] {
            let mut forbidden = self.paths(name, disallowed)?;
            forbidden.retain(|path| used.contains(path));
            if let Some(allowed) = allowed {
                let allowed = self.paths(name, allowed)?;
                forbidden.extend(used.difference(&allowed).cloned());
            }
            if !forbidden.is_empty() {
                let forbidden =
                    forbidden.iter().map(|path| self.store.store_dir().print(path)).collect();
                return Err(OutputError::Forbidden { path, forbidden }.into());
            }
        }
        Ok(())
    }

    /// The paths that an output needs, with their sizes.
    fn closure(&self, info: &PathInfo) -> Result<BTreeMap<StorePath, u64>, BuildError> {
        let mut closure = BTreeMap::new();
        let mut pending = vec![info.path.clone()];
        while let Some(path) = pending.pop() {
            if closure.contains_key(&path) {
                continue;
            }
            let new = self.outputs.values().find(|output| output.path == path);
            let info = match new {
                Some(info) => info.clone(),
                None => path_info(self.store, &path)?,
            };
            pending.extend(info.references);
            closure.insert(path, info.nar_size);
        }
        Ok(closure)
    }

    fn paths(
        &self,
        output: &str,
        references: &BTreeSet<Reference>,
    ) -> Result<BTreeSet<StorePath>, OutputError> {
        let path = |reference: &Reference| match reference {
            Reference::Path(path) => Ok(path.clone()),
            Reference::Output(name) => match self.outputs.get(name) {
                Some(info) => Ok(info.path.clone()),
                None => Err(OutputError::UnknownOutput {
                    derivation: self.derivation.to_owned(),
                    output: output.to_owned(),
                    name: name.clone(),
                    valid: self.outputs.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
                }),
            },
        };
        references.iter().map(path).collect()
    }

    /// Outputs that need each other could never be deleted one by one, so Nix refuses them.
    fn find_cycle(&self) -> Result<(), OutputError> {
        let mut remaining: BTreeSet<&String> = self.outputs.keys().collect();
        let needs = |name: &String, other: &String| {
            name != other && self.outputs[name].references.contains(&self.outputs[other].path)
        };
        while let Some(first) = remaining.first().copied() {
            let leaf = remaining
                .iter()
                .copied()
                .find(|name| !remaining.iter().any(|other| needs(name, other)));
            match leaf {
                Some(leaf) => remaining.remove(leaf),
                None => {
                    let other = remaining.iter().find(|other| needs(first, other));
                    return Err(OutputError::Cycle {
                        derivation: self.derivation.to_owned(),
                        output: other.map_or(first, |other| other).clone(),
                        other: first.clone(),
                    });
                }
            };
        }
        Ok(())
    }
}
