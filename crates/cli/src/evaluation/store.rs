//! The store behind an evaluation.

use std::{collections::BTreeSet, env, rc::Rc, sync::Arc};

use floe_builder::{BuildStore, Goal, Wanted};
use floe_eval::store::{Builds, ReadOnlyStore, StoreAccess, WritableStore};
use floe_flake::StoreDirectory;
use floe_store::{Store, StoreLocation, StorePath, store};

use super::Access;
use crate::{arguments::StoreArguments, builds::BuildArguments};

/// What the evaluator may do to which store.
pub(crate) fn access(access: Access<'_>) -> Rc<dyn StoreAccess> {
    match access {
        Access::ReadOnly(_) | Access::Computed(_) => {
            let StoreDirectory { logical, physical } = directory_of(access);
            Rc::new(ReadOnlyStore::new(logical, Some(physical)))
        }
        Access::Write(store, builds) => {
            let store = Arc::clone(store);
            Rc::new(WritableStore::new(StoreAndBuilds { store, builds: builds.clone() }))
        }
    }
}

/// Where store paths lie.
pub(super) fn directory_of(access: Access<'_>) -> StoreDirectory {
    match access {
        Access::ReadOnly(arguments) => directory(arguments),
        Access::Computed(directory) => directory.clone(),
        Access::Write(store, _) => of_layout(store.layout().clone()),
    }
}

/// Where the store that was asked for lies, without opening it.
fn directory(arguments: &StoreArguments) -> StoreDirectory {
    let chosen = StoreLocation::choose(arguments.store.as_deref(), |name| env::var(name).ok());
    of_layout(match chosen {
        Ok(location) => location.layout().clone(),
        // Where there is none, paths are computed as if it were the machine's.
        Err(_) => store::Layout::system(),
    })
}

fn of_layout(layout: store::Layout) -> StoreDirectory {
    StoreDirectory { logical: layout.store_dir, physical: layout.real_dir }
}

/// A store that an evaluation writes to, with the settings of the builds in it.
struct StoreAndBuilds {
    store: Arc<BuildStore>,
    builds: BuildArguments,
}

impl Builds for StoreAndBuilds {
    fn store(&self) -> &dyn Store {
        self.store.store()
    }

    fn realise(&self, wanted: &[(StorePath, String)]) -> Result<(), String> {
        let goals: Vec<Goal> = wanted
            .iter()
            .map(|(derivation, output)| Goal {
                derivation: derivation.clone(),
                outputs: Wanted::Named(BTreeSet::from([output.clone()])),
            })
            .collect();
        self.builds.realise(&self.store, &goals).map_err(|error| error.to_string())
    }
}
