//! A store together with whoever builds in it: this process, or a daemon.

use std::collections::BTreeMap;

use floe_store::daemon::DaemonStore;
use floe_store::store::Layout;
use floe_store::{LocalStore, Store, StoreError, StoreLocation, StorePath};

use crate::cancel::Cancellation;
use crate::daemon;
use crate::plan::Goal;
use crate::report::Reporter;
use crate::schedule::{BuildFailures, Scheduler};
use crate::settings::BuildSettings;

/// A store that goals can be realised in.
pub enum BuildStore {
    /// Its files are this process's to write, and so are its builds to run.
    Local(Box<LocalStore>),
    /// A daemon writes and builds.
    Daemon(DaemonStore),
}

impl BuildStore {
    /// Opens the store at a location.
    pub fn open(location: &StoreLocation) -> Result<BuildStore, StoreError> {
        Ok(match location {
            StoreLocation::Local(layout) => {
                BuildStore::Local(Box::new(LocalStore::open(layout.clone())?))
            }
            StoreLocation::Daemon { socket, layout } => {
                BuildStore::Daemon(DaemonStore::connect(socket, layout.clone())?)
            }
        })
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        match self {
            BuildStore::Local(store) => &**store,
            BuildStore::Daemon(store) => store,
        }
    }

    /// Where its files are.
    pub fn layout(&self) -> &Layout {
        match self {
            BuildStore::Local(store) => store.layout(),
            BuildStore::Daemon(store) => store.layout(),
        }
    }

    /// Makes the wanted outputs of all goals valid, and says for each goal what they are.
    ///
    /// A daemon goes by its own configuration, and by the settings only where it lets its clients
    /// choose. It stops building when this process ends; `cancellation` is not seen by it.
    ///
    /// # Errors
    /// Without `keep_going` the first failure ends the other builds. Whatever became valid stays.
    pub fn realise(
        &self,
        goals: &[Goal],
        settings: &BuildSettings,
        reporter: &dyn Reporter,
        cancellation: &Cancellation,
    ) -> Result<Vec<BTreeMap<String, StorePath>>, BuildFailures> {
        match self {
            BuildStore::Local(store) => {
                Scheduler::new(store, settings, reporter).realise(goals, cancellation)
            }
            BuildStore::Daemon(store) => daemon::realise(store, goals, settings, reporter),
        }
    }
}
