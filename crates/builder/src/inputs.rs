//! What a build may see of the store: the closure of its inputs.

use std::collections::{BTreeMap, BTreeSet};

use floe_store::hash::Format;
use floe_store::{PathInfo, Store, StoreError, StorePath};

use crate::build::{Build, known_outputs};
use crate::environment::ExportedPath;
use crate::error::BuildError;

/// The inputs of a derivation and everything that they refer to.
pub(crate) fn input_closure(build: &Build<'_>) -> Result<BTreeSet<StorePath>, BuildError> {
    let mut inputs = build.derivation.input_srcs.clone();
    for (path, names) in &build.derivation.input_drvs {
        let derivation = build.store.read_derivation(path)?;
        let outputs = known_outputs(build.store, path, &derivation)?;
        for name in names {
            let output = outputs.get(name).ok_or_else(|| BuildError::MissingInput {
                derivation: build.printed.clone(),
                input: format!("{}!{name}", build.store.store_dir().print(path)),
            })?;
            inputs.insert(output.clone());
        }
    }
    for input in &inputs {
        if !build.store.is_valid(input)? {
            return Err(BuildError::MissingInput {
                derivation: build.printed.clone(),
                input: build.store.store_dir().print(input),
            });
        }
    }
    Ok(build.store.closure(inputs)?)
}

/// The closures that `exportReferencesGraph` asks for, by file name.
pub(crate) fn exported_graphs(
    build: &Build<'_>,
    inputs: &BTreeSet<StorePath>,
) -> Result<BTreeMap<String, Vec<ExportedPath>>, BuildError> {
    let mut graphs = BTreeMap::new();
    for (file, roots) in &build.options.export_references_graph {
        if let Some(foreign) = roots.iter().find(|root| !inputs.contains(*root)) {
            return Err(BuildError::ForeignGraph(build.store.store_dir().print(foreign)));
        }
        let mut paths = build.store.closure(roots.iter().cloned())?;
        // Whoever asks for a derivation wants to build with it: its outputs come along.
        for path in paths.clone() {
            if path.is_derivation() {
                let derivation = build.store.read_derivation(&path)?;
                let outputs = known_outputs(build.store, &path, &derivation)?;
                paths.extend(build.store.closure(outputs.into_values())?);
            }
        }
        let exported: Result<Vec<ExportedPath>, BuildError> =
            paths.iter().map(|path| export(build, path)).collect();
        graphs.insert(file.clone(), exported?);
    }
    Ok(graphs)
}

fn export(build: &Build<'_>, path: &StorePath) -> Result<ExportedPath, BuildError> {
    let store = build.store;
    let info = path_info(store, path)?;
    let mut closure_size = 0;
    for path in store.closure([path.clone()])? {
        closure_size += path_info(store, &path)?.nar_size;
    }
    Ok(ExportedPath {
        path: store.store_dir().print(path),
        references: info.references.iter().map(|path| store.store_dir().print(path)).collect(),
        nar_hash: info.nar_hash.format_with_algorithm(Format::Nix32),
        nar_size: info.nar_size,
        content_address: info.content_address.map(|address| address.to_string()),
        closure_size,
    })
}

/// What is known of a path that has to be valid.
pub(crate) fn path_info(store: &dyn Store, path: &StorePath) -> Result<PathInfo, StoreError> {
    let info = store.query(path)?;
    info.ok_or_else(|| StoreError::NotValid(store.store_dir().print(path)))
}
