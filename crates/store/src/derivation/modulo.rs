//! The hash that output paths come from.
//!
//! The path of an output must depend on everything that enters its build, but not on how a fixed
//! output is fetched, and not on itself. So the text that is hashed has the hashes of the input
//! derivations in place of their paths, where that of a fixed output is made of its promise only;
//! and when a derivation's own outputs are sought, their paths are left blank.

use std::collections::{BTreeMap, BTreeSet};

use super::aterm::{Input, Key, Outputs, write_inputs};
use super::{Derivation, DerivationError, DerivationKind, DerivationOutput};
use crate::hash::{Algorithm, Hash, Hasher};
use crate::path::{StoreDir, StorePath};

/// What a derivation contributes to the hash of those that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashModulo {
    /// The hash of the text, the same for each output.
    InputAddressed(Hash),
    /// The hash of what the one output, `out`, is promised to be.
    Fixed(Hash),
    /// Nothing yet: an output in its closure has to be built first.
    Deferred,
}

impl Derivation {
    /// What this derivation contributes to the hash of those that need it.
    ///
    /// `inputs` answers the same for the input derivations and should remember what it has
    /// answered: closures are deep and share much.
    pub fn hash_modulo<E: From<DerivationError>>(
        &self,
        dir: &StoreDir,
        inputs: impl FnMut(&StorePath) -> Result<HashModulo, E>,
    ) -> Result<HashModulo, E> {
        match self.kind()? {
            DerivationKind::Fixed => Ok(HashModulo::Fixed(self.fixed_hash(dir)?)),
            DerivationKind::InputAddressed => Ok(self
                .hash_with_inputs(dir, Outputs::Stated, inputs)?
                .map_or(HashModulo::Deferred, HashModulo::InputAddressed)),
            DerivationKind::Floating | DerivationKind::Deferred | DerivationKind::Impure => {
                Ok(HashModulo::Deferred)
            }
        }
    }

    /// The path and the text of the `.drv` file, and what [`Derivation::hash_modulo`] gives.
    pub fn to_store_with_hash<E: From<DerivationError>>(
        &self,
        dir: &StoreDir,
        inputs: impl FnMut(&StorePath) -> Result<HashModulo, E>,
    ) -> Result<(StorePath, Vec<u8>, HashModulo), E> {
        let written = self.to_written(dir)?;
        let path = self.path_of_text(dir, &written.text).map_err(DerivationError::from)?;
        if self.kind()? != DerivationKind::InputAddressed {
            return Ok((path, written.text, self.hash_modulo(dir, inputs)?));
        }
        let hash = match self.hashed_inputs(inputs)? {
            None => HashModulo::Deferred,
            // The text is the same but for what stands for the inputs.
            Some(hashes) => {
                let mut keys = Vec::new();
                write_inputs(&mut keys, dir, with_hashes(&hashes))?;
                let mut hasher = Hasher::new(Algorithm::Sha256);
                hasher.update(&written.text[..written.inputs.start]);
                hasher.update(&keys);
                hasher.update(&written.text[written.inputs.end..]);
                HashModulo::InputAddressed(hasher.finish())
            }
        };
        Ok((path, written.text, hash))
    }

    /// Replaces deferred outputs by their paths, unless an input has to be built first, and puts
    /// the paths of all known outputs into environment variables that are missing or empty.
    ///
    /// # Errors
    /// If a path or a variable that is already there is not the right one.
    pub fn fill_output_paths<E: From<DerivationError>>(
        &mut self,
        dir: &StoreDir,
        inputs: impl FnMut(&StorePath) -> Result<HashModulo, E>,
    ) -> Result<(), E> {
        for (name, path) in self.compute_output_paths(dir, inputs)? {
            let Some(path) = path else { continue };
            let printed = dir.print(&path);
            match self.outputs.get(&name) {
                Some(DerivationOutput::InputAddressed(found)) if *found != path => {
                    let found = dir.print(found);
                    return Err(
                        DerivationError::WrongOutputPath { found, expected: printed }.into()
                    );
                }
                Some(DerivationOutput::Deferred) => {
                    self.outputs.insert(name.clone(), DerivationOutput::InputAddressed(path));
                }
                _ => {}
            }
            let variable = self.env.entry(name.clone().into_bytes()).or_default();
            if variable.is_empty() {
                *variable = printed.into_bytes();
            } else if variable != printed.as_bytes() {
                let found = String::from_utf8_lossy(variable).into_owned();
                return Err(
                    DerivationError::WrongVariable { name, expected: printed, found }.into()
                );
            }
        }
        Ok(())
    }

    /// The paths that the outputs should have, whatever the derivation states; `None` where an
    /// output has to be built first.
    pub fn compute_output_paths<E: From<DerivationError>>(
        &self,
        dir: &StoreDir,
        inputs: impl FnMut(&StorePath) -> Result<HashModulo, E>,
    ) -> Result<BTreeMap<String, Option<StorePath>>, E> {
        match self.kind()? {
            DerivationKind::InputAddressed | DerivationKind::Deferred => {
                let hash = self.hash_with_inputs(dir, Outputs::Masked, inputs)?;
                let path = |output: &String| match &hash {
                    Some(hash) => dir.output_path(&self.name, output, hash).map(Some),
                    None => Ok(None),
                };
                self.outputs
                    .keys()
                    .map(|output| {
                        Ok((output.clone(), path(output).map_err(DerivationError::from)?))
                    })
                    .collect()
            }
            DerivationKind::Fixed | DerivationKind::Floating | DerivationKind::Impure => {
                Ok(self.output_paths(dir)?)
            }
        }
    }

    fn fixed_hash(&self, dir: &StoreDir) -> Result<Hash, DerivationError> {
        let output = self.outputs.get("out").ok_or(DerivationError::NoOutputs)?;
        let [path, method, hash] = self.output_fields(dir, "out", output)?;
        Ok(Hash::sha256(format!("fixed:out:{method}:{hash}:{path}").as_bytes()))
    }

    /// The hash of the text with the inputs' hashes in place of their paths.
    fn hash_with_inputs<E: From<DerivationError>>(
        &self,
        dir: &StoreDir,
        outputs: Outputs,
        inputs: impl FnMut(&StorePath) -> Result<HashModulo, E>,
    ) -> Result<Option<Hash>, E> {
        let Some(hashes) = self.hashed_inputs(inputs)? else { return Ok(None) };
        Ok(Some(Hash::sha256(&self.write(dir, outputs, with_hashes(&hashes))?.text)))
    }

    /// The inputs' hashes, with the outputs that are needed; `None` where one has to be built first.
    fn hashed_inputs<E: From<DerivationError>>(
        &self,
        mut inputs: impl FnMut(&StorePath) -> Result<HashModulo, E>,
    ) -> Result<Option<Hashes>, E> {
        // What is needed of a derivation that is an output does not enter the hash: Nix leaves it out.
        for path in self.dynamic_inputs.keys() {
            if inputs(path)? == HashModulo::Deferred {
                return Ok(None);
            }
        }
        // Different derivations can have the same hash; their outputs are then named together.
        let mut hashes = Hashes::new();
        for (path, names) in &self.input_drvs {
            let hash = match inputs(path)? {
                HashModulo::InputAddressed(hash) => hash,
                HashModulo::Fixed(hash) => match names.iter().find(|name| *name != "out") {
                    None => hash,
                    Some(output) => {
                        return Err(DerivationError::NoSuchOutput {
                            derivation: self.name.clone(),
                            output: output.clone(),
                        }
                        .into());
                    }
                },
                HashModulo::Deferred => return Ok(None),
            };
            hashes.entry(hash).or_default().extend(names.iter().cloned());
        }
        Ok(Some(hashes))
    }
}

/// Hashes of inputs with the names of the outputs that are needed.
type Hashes = BTreeMap<Hash, BTreeSet<String>>;

fn with_hashes(hashes: &Hashes) -> impl Iterator<Item = Input<'_>> {
    hashes.iter().map(|(hash, names)| (Key::Hash(hash), names, None))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use std::collections::HashMap;

    /// Reads samples in an order in which inputs come first, and hashes each.
    fn with_hashes(check: impl Fn(&Derivation, &HashMap<StorePath, HashModulo>)) {
        let dir = StoreDir::default();
        let mut hashes = HashMap::new();
        for (path, text) in samples::all() {
            let path = StorePath::parse(path).unwrap();
            let name = path.derivation_name().unwrap();
            let derivation = Derivation::from_aterm(&dir, name, text.as_bytes()).unwrap();
            check(&derivation, &hashes);
            let inputs = |input: &StorePath| Ok::<_, DerivationError>(hashes[input]);
            let hash = derivation.hash_modulo(&dir, inputs).unwrap();
            let whole = derivation.to_store_with_hash(&dir, inputs).unwrap();
            assert_eq!(whole, (path.clone(), text.as_bytes().to_vec(), hash));
            hashes.insert(path, hash);
        }
    }

    #[test]
    fn output_paths_are_computed_as_by_nix() {
        let dir = StoreDir::default();
        with_hashes(|derivation, hashes| {
            let inputs = |input: &StorePath| Ok::<_, DerivationError>(hashes[input]);
            let computed = derivation.compute_output_paths(&dir, inputs).unwrap();
            assert_eq!(computed, derivation.output_paths(&dir).unwrap(), "{}", derivation.name);
        });
    }

    #[test]
    fn blank_outputs_and_variables_are_filled_in() {
        let dir = StoreDir::default();
        with_hashes(|derivation, hashes| {
            let inputs = |input: &StorePath| Ok::<_, DerivationError>(hashes[input]);
            let mut blank = derivation.clone();
            for (name, output) in &mut blank.outputs {
                if let DerivationOutput::InputAddressed(_) = output {
                    *output = DerivationOutput::Deferred;
                    blank.env.insert(name.clone().into_bytes(), Vec::new());
                }
            }
            blank.fill_output_paths(&dir, inputs).unwrap();
            assert_eq!(&blank, derivation);

            blank.env.insert(b"out".to_vec(), b"elsewhere".to_vec());
            let refusal = blank.fill_output_paths(&dir, inputs);
            let is_known = derivation.output_paths(&dir).unwrap()["out"].is_some();
            assert_eq!(
                matches!(refusal, Err(DerivationError::WrongVariable { .. })),
                is_known,
                "{}",
                derivation.name
            );
        });
    }

    #[test]
    fn only_out_of_a_fixed_output_can_be_needed() {
        let dir = StoreDir::default();
        let (_, text) = samples::INPUT_ADDRESSED[3];
        let mut top = Derivation::from_aterm(&dir, "top-1.0", text.as_bytes()).unwrap();
        top.input_drvs.values_mut().for_each(|names| *names = ["dev".to_owned()].into());
        let fixed = HashModulo::Fixed(Hash::sha256(b""));
        assert_eq!(
            top.hash_modulo(&dir, |_| Ok(fixed)).map_err(|error: DerivationError| error),
            Err(DerivationError::NoSuchOutput {
                derivation: "top-1.0".to_owned(),
                output: "dev".to_owned()
            })
        );
    }
}
