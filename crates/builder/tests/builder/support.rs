//! A store in a temporary directory, derivations written in shell, and a record of what happens.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use floe_builder::sandbox::SandboxError;
use floe_builder::{
    BuildError, BuildEvent, BuildFailures, BuildSettings, Cancellation, Goal, Reporter, Scheduler,
    Wanted,
};
use floe_store::derivation::{DerivationError, HashModulo};
use floe_store::store::Layout;
use floe_store::{ContentAddress, Derivation, DerivationOutput, LocalStore, Store, StorePath};
use tempfile::TempDir;

pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_floe-sandbox");

/// What a derivation is made of.
#[derive(Clone, Default)]
pub(crate) struct Recipe {
    name: String,
    script: String,
    env: BTreeMap<String, String>,
    outputs: Vec<String>,
    fixed: Option<ContentAddress>,
    inputs: BTreeMap<StorePath, BTreeSet<String>>,
    sources: BTreeSet<StorePath>,
}

/// A derivation whose builder is the host's shell, with the host's tools.
pub(crate) fn recipe(name: &str, script: &str) -> Recipe {
    let recipe = Recipe {
        name: name.to_owned(),
        script: script.to_owned(),
        outputs: vec!["out".to_owned()],
        ..Recipe::default()
    };
    recipe.env("PATH", "/usr/bin:/bin").env("requiredSystemFeatures", "host-tools")
}

impl Recipe {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Recipe {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn outputs(mut self, names: &[&str]) -> Recipe {
        self.outputs = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    pub(crate) fn fixed(mut self, address: ContentAddress) -> Recipe {
        self.fixed = Some(address);
        self
    }

    pub(crate) fn input(self, derivation: &StorePath) -> Recipe {
        self.input_outputs(derivation, &["out"])
    }

    pub(crate) fn input_outputs(mut self, derivation: &StorePath, outputs: &[&str]) -> Recipe {
        let outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
        self.inputs.insert(derivation.clone(), outputs);
        self
    }

    pub(crate) fn source(mut self, path: &StorePath) -> Recipe {
        self.sources.insert(path.clone());
        self
    }
}

pub(crate) struct TestStore {
    directory: TempDir,
    pub(crate) store: LocalStore,
    pub(crate) settings: BuildSettings,
    hashes: RefCell<BTreeMap<StorePath, HashModulo>>,
}

impl TestStore {
    /// Paths read `/nix/store/…`, files are in a temporary directory.
    pub(crate) fn new() -> TestStore {
        TestStore::with_layout(Layout::chroot)
    }

    /// Paths read as the directory is called.
    pub(crate) fn relocated() -> TestStore {
        TestStore::with_layout(|root| Layout::relocated(root).unwrap())
    }

    fn with_layout(layout: impl Fn(&Path) -> Layout) -> TestStore {
        let directory = tempfile::tempdir().unwrap();
        let layout = layout(directory.path());
        TestStore::with_directory(directory, &layout)
    }

    fn with_directory(directory: TempDir, layout: &Layout) -> TestStore {
        let store = LocalStore::open(layout.clone()).unwrap();
        let settings =
            BuildSettings { sandbox_helper: PathBuf::from(HELPER), ..BuildSettings::default() };
        TestStore { directory, store, settings, hashes: RefCell::default() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn as_store(&self) -> &dyn Store {
        &self.store
    }

    pub(crate) fn add(&self, recipe: &Recipe) -> StorePath {
        let text = |text: &str| text.as_bytes().to_vec();
        let dir = self.store.store_dir();
        let output = match &recipe.fixed {
            Some(address) => DerivationOutput::Fixed(*address),
            None => DerivationOutput::Deferred,
        };
        let mut derivation = Derivation {
            name: recipe.name.clone(),
            outputs: recipe.outputs.iter().map(|name| (name.clone(), output.clone())).collect(),
            input_drvs: recipe.inputs.clone(),
            dynamic_inputs: Default::default(),
            input_srcs: recipe.sources.clone(),
            system: recipe
                .env
                .get("system")
                .cloned()
                .unwrap_or_else(|| self.settings.system.clone()),
            builder: recipe.env.get("builder").map_or(text("/bin/sh"), |builder| text(builder)),
            args: vec![text("-e"), text("-c"), text(&recipe.script)],
            env: recipe.env.iter().map(|(name, value)| (text(name), text(value))).collect(),
        };
        let known = |path: &StorePath| Ok::<_, DerivationError>(self.hashes.borrow()[path]);
        derivation.fill_output_paths(dir, known).unwrap();
        let hash = derivation.hash_modulo(dir, known).unwrap();
        let path = self.as_store().add_derivation(&derivation).unwrap();
        self.hashes.borrow_mut().insert(path.clone(), hash);
        path
    }

    pub(crate) fn output(&self, derivation: &StorePath, name: &str) -> StorePath {
        let derivation = self.as_store().read_derivation(derivation).unwrap();
        derivation.output_paths(self.store.store_dir()).unwrap()[name].clone().unwrap()
    }

    /// Opens the same store again, as another process would.
    pub(crate) fn open(root: &Path) -> TestStore {
        let directory = tempfile::tempdir().unwrap();
        TestStore::with_directory(directory, &Layout::chroot(root))
    }

    /// How the output's path reads.
    pub(crate) fn printed(&self, derivation: &StorePath) -> String {
        self.store.store_dir().print(&self.output(derivation, "out"))
    }

    pub(crate) fn is_valid(&self, derivation: &StorePath) -> bool {
        self.store.is_valid(&self.output(derivation, "out")).unwrap()
    }

    pub(crate) fn read(&self, derivation: &StorePath) -> String {
        self.read_output(derivation, "out")
    }

    pub(crate) fn read_output(&self, derivation: &StorePath, name: &str) -> String {
        std::fs::read_to_string(self.store.real_path(&self.output(derivation, name))).unwrap()
    }

    /// `None` where the kernel forbids user namespaces.
    pub(crate) fn try_build(
        &self,
        derivations: &[&StorePath],
        reporter: &dyn Reporter,
        cancellation: &Cancellation,
    ) -> Option<Result<Vec<BTreeMap<String, StorePath>>, BuildFailures>> {
        let goals: Vec<Goal> = derivations
            .iter()
            .map(|path| Goal { derivation: (*path).clone(), outputs: Wanted::All })
            .collect();
        let result =
            Scheduler::new(&self.store, &self.settings, reporter).realise(&goals, cancellation);
        if let Err(BuildFailures(errors)) = &result
            && let Some(BuildError::Sandbox(error @ SandboxError::NoUserNamespaces { .. })) =
                errors.first()
        {
            eprintln!("skipped: {error}");
            return None;
        }
        Some(result)
    }

    /// Builds and gives the events back.
    pub(crate) fn build(&self, derivations: &[&StorePath]) -> Option<Vec<String>> {
        let record = Record::default();
        let result = self.try_build(derivations, &record, &Cancellation::new().unwrap())?;
        if let Err(error) = result {
            panic!("{error}\n{:#?}", record.events());
        }
        Some(record.events())
    }

    /// Builds in vain and gives the message back.
    pub(crate) fn fail(&self, derivation: &StorePath) -> Option<String> {
        let record = Record::default();
        let result = self.try_build(&[derivation], &record, &Cancellation::new().unwrap())?;
        let message = result.expect_err("the build has to fail").to_string();
        assert!(!self.is_valid(derivation));
        assert_eq!(self.litter(), [""; 0]);
        Some(message)
    }

    /// What is in the store or among the build directories and should not be.
    pub(crate) fn litter(&self) -> Vec<String> {
        let layout = self.store.layout();
        let names = |directory: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
        };
        let mut litter: Vec<String> = names(&layout.real_dir)
            .into_iter()
            .filter(|name| match StorePath::parse(name) {
                Ok(path) => !self.store.is_valid(&path).unwrap(),
                // The store's own directories, as Nix has them.
                Err(_) => !name.starts_with('.'),
            })
            .collect();
        litter.extend(names(&layout.state_dir.join("builds")));
        litter
    }
}

/// Keeps events as text.
#[derive(Default)]
pub(crate) struct Record(Mutex<Vec<String>>);

impl Record {
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Reporter for Record {
    fn report(&self, event: BuildEvent<'_>) {
        let names = |paths: &[StorePath]| {
            paths.iter().map(|path| path.name()).collect::<Vec<_>>().join(" ")
        };
        let text = match event {
            BuildEvent::Planned { build, fetch } => {
                format!("plan {}; fetch {}", names(build), names(fetch))
            }
            BuildEvent::Message { text } => format!("message {text}"),
            BuildEvent::Waiting { derivation } => format!("wait {}", derivation.name()),
            BuildEvent::Started { derivation } => format!("start {}", derivation.name()),
            BuildEvent::Log { derivation, line } => format!("{}> {line}", derivation.name()),
            BuildEvent::Phase { derivation, phase } => {
                format!("{} phase {phase}", derivation.name())
            }
            BuildEvent::Finished { derivation, realisation, .. } => {
                format!("{realisation:?} {}", derivation.name())
            }
            BuildEvent::Failed { derivation, .. } => format!("fail {}", derivation.name()),
        };
        self.0.lock().unwrap().push(text);
    }
}
