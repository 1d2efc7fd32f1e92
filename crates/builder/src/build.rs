//! Builds one derivation whose inputs are valid: the lock, the sandbox, the log, the outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use floe_store::derivation::DerivationKind;
use floe_store::store::{PathLocks, delete};
use floe_store::{Derivation, LocalStore, Store, StorePath};

use crate::builtin;
use crate::cancel::Cancellation;
use crate::environment::{OutputRewrites, Surroundings, build_environment};
use crate::error::{BuildError, FailedBuild, file_error};
use crate::inputs::{exported_graphs, input_closure};
use crate::log::{BuildLog, LogEvent, log_file};
use crate::options::DerivationOptions;
use crate::outputs::{Finished, register};
use crate::place::BuildPlace;
use crate::report::Realisation;
use crate::run::{Ending, Limits, run};
use crate::sandbox::{Exit, Namespaces, Network, SandboxSpec, StoreView, Text};
use crate::settings::{BuildSettings, HOST_TOOLS_FEATURE, SandboxMode};

/// The user and the group that builds run as, as in Nix: `nixbld`.
const BUILD_USER: u32 = 1000;
const BUILD_GROUP: u32 = 100;

/// How long to wait between two attempts to get a lock that somebody else holds.
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// Builds derivations one at a time. For several, with all that they need, see
/// [`Scheduler`](crate::Scheduler).
pub struct Builder<'a> {
    store: &'a LocalStore,
    settings: &'a BuildSettings,
}

/// What one build says while it goes on.
#[derive(Debug)]
pub enum BuildNews {
    /// Somebody else is building the same.
    Waiting,
    /// The builder is being started.
    Started,
    /// The builder has printed something.
    Log(LogEvent),
}

impl<'a> Builder<'a> {
    /// A builder for `store`.
    pub fn new(store: &'a LocalStore, settings: &'a BuildSettings) -> Builder<'a> {
        Builder { store, settings }
    }

    /// Makes all outputs of a derivation valid. Its inputs must be valid.
    pub fn build(
        &self,
        path: &StorePath,
        cancellation: &Cancellation,
        watch: &mut dyn FnMut(BuildNews),
    ) -> Result<Realisation, BuildError> {
        let build = Build::new(self.store, self.settings, path)?;
        build.check_machine()?;
        let Some(_locks) = build.lock(cancellation, watch)? else {
            return Err(BuildError::Cancelled { derivation: build.printed });
        };
        let missing = build.missing_outputs()?;
        if missing.is_empty() {
            return Ok(Realisation::AlreadyValid);
        }
        if cancellation.is_cancelled() {
            return Err(BuildError::Cancelled { derivation: build.printed });
        }
        watch(BuildNews::Started);
        build.perform(&missing, cancellation, watch)?;
        Ok(Realisation::Built)
    }
}

/// The outputs' paths of a derivation that can be built here.
pub(crate) fn known_outputs(
    store: &dyn Store,
    path: &StorePath,
    derivation: &Derivation,
) -> Result<BTreeMap<String, StorePath>, BuildError> {
    let printed = || store.store_dir().print(path);
    let invalid = |source| BuildError::Derivation { derivation: printed(), source };
    let kind = match derivation.kind().map_err(invalid)? {
        _ if !derivation.dynamic_inputs.is_empty() => Some("dynamic"),
        DerivationKind::InputAddressed | DerivationKind::Fixed => None,
        DerivationKind::Floating => Some("floating content-addressed"),
        DerivationKind::Deferred => Some("deferred input-addressed"),
        DerivationKind::Impure => Some("impure"),
    };
    if let Some(kind) = kind {
        return Err(BuildError::UnsupportedKind { derivation: printed(), kind });
    }
    let outputs = derivation.output_paths(store.store_dir()).map_err(invalid)?;
    Ok(outputs.into_iter().filter_map(|(name, path)| Some((name, path?))).collect())
}

/// One derivation on its way.
pub(crate) struct Build<'a> {
    pub(crate) local: &'a LocalStore,
    pub(crate) store: &'a dyn Store,
    pub(crate) settings: &'a BuildSettings,
    pub(crate) path: &'a StorePath,
    /// The path as messages name it.
    pub(crate) printed: String,
    pub(crate) derivation: Derivation,
    kind: DerivationKind,
    pub(crate) options: DerivationOptions,
    pub(crate) outputs: BTreeMap<String, StorePath>,
}

impl<'a> Build<'a> {
    fn new(
        local: &'a LocalStore,
        settings: &'a BuildSettings,
        path: &'a StorePath,
    ) -> Result<Build<'a>, BuildError> {
        let store: &dyn Store = local;
        let printed = store.store_dir().print(path);
        let derivation = store.read_derivation(path)?;
        let outputs = known_outputs(store, path, &derivation)?;
        let kind = derivation
            .kind()
            .map_err(|source| BuildError::Derivation { derivation: printed.clone(), source })?;
        let options = DerivationOptions::read(&derivation, store.store_dir())
            .map_err(|source| BuildError::Options { derivation: printed.clone(), source })?;
        Ok(Build { local, store, settings, path, printed, derivation, kind, options, outputs })
    }

    fn check_machine(&self) -> Result<(), BuildError> {
        if !self.settings.can_build(&self.derivation.system) {
            return Err(BuildError::PlatformMismatch {
                derivation: self.printed.clone(),
                required: self.derivation.system.clone(),
                current: self.settings.system.clone(),
            });
        }
        let required = &self.options.required_system_features;
        if !required.is_subset(&self.settings.system_features) {
            return Err(BuildError::MissingFeatures {
                derivation: self.printed.clone(),
                required: required.clone(),
                available: self.settings.system_features.clone(),
            });
        }
        Ok(())
    }

    /// `None` if cancelled while waiting for somebody else's build of the same.
    fn lock(
        &self,
        cancellation: &Cancellation,
        watch: &mut dyn FnMut(BuildNews),
    ) -> Result<Option<PathLocks>, BuildError> {
        let paths: Vec<PathBuf> =
            self.outputs.values().map(|path| self.store.real_path(path)).collect();
        let mut has_waited = false;
        loop {
            if let Some(locks) = PathLocks::try_acquire(paths.iter().map(PathBuf::as_path))? {
                return Ok(Some(locks));
            }
            if !std::mem::replace(&mut has_waited, true) {
                watch(BuildNews::Waiting);
            }
            if cancellation.wait(LOCK_RETRY) {
                return Ok(None);
            }
        }
    }

    fn missing_outputs(&self) -> Result<BTreeSet<String>, BuildError> {
        let mut missing = BTreeSet::new();
        for (name, path) in &self.outputs {
            if !self.store.is_valid(path)? {
                missing.insert(name.clone());
            }
        }
        Ok(missing)
    }

    fn perform(
        &self,
        missing: &BTreeSet<String>,
        cancellation: &Cancellation,
        watch: &mut dyn FnMut(BuildNews),
    ) -> Result<(), BuildError> {
        let inputs = input_closure(self)?;
        let is_sandboxed = self.is_sandboxed()?;
        if !is_sandboxed && missing.len() < self.outputs.len() && !self.derivation.is_builtin() {
            // The builder would write over valid outputs. Nix changes hashes in this case.
            return Err(BuildError::PartlyValid { derivation: self.printed.clone() });
        }
        let place = BuildPlace::create(self, is_sandboxed)?;
        let locations: BTreeMap<String, PathBuf> =
            missing.iter().map(|name| (name.clone(), place.output(&self.outputs[name]))).collect();
        // What an earlier build left behind before it could register it would be in the way.
        self.delete_outputs(&locations)?;
        let result = if self.derivation.is_builtin() {
            builtin::run(&self.derivation, &self.printed, &place.output(&self.outputs["out"]))
        } else {
            self.run_builder(&place, &inputs, cancellation, watch)
        };
        let result = result.and_then(|()| {
            register(&Finished { build: self, inputs: &inputs, locations: &locations })
        });
        if result.is_err() {
            self.delete_outputs(&locations)?;
        }
        place.remove()?;
        result
    }

    fn delete_outputs(&self, locations: &BTreeMap<String, PathBuf>) -> Result<(), BuildError> {
        for location in locations.values() {
            delete(location)?;
        }
        Ok(())
    }

    /// The rules of Nix's setting `sandbox`.
    fn is_sandboxed(&self) -> Result<bool, BuildError> {
        let no_chroot = self.options.no_chroot;
        let wanted = match self.settings.sandbox {
            SandboxMode::Enabled if no_chroot => {
                return Err(BuildError::NoChroot(self.printed.clone()));
            }
            SandboxMode::Enabled => true,
            SandboxMode::Relaxed => self.kind != DerivationKind::Fixed && !no_chroot,
            SandboxMode::Disabled => false,
        };
        // Files that lie elsewhere than their paths say can only be shown there by a sandbox.
        Ok(wanted || self.local.layout().real_dir != Path::new(self.store.store_dir().as_str()))
    }

    fn run_builder(
        &self,
        place: &BuildPlace,
        inputs: &BTreeSet<StorePath>,
        cancellation: &Cancellation,
        watch: &mut dyn FnMut(BuildNews),
    ) -> Result<(), BuildError> {
        let spec = self.spec(place, inputs)?;
        let log_path = log_file(&self.local.layout().log_dir, self.path.base_name());
        let mut log = BuildLog::create(&log_path, self.settings.log_lines)
            .map_err(file_error("creating the log", &log_path))?;
        let limits = Limits { total: self.settings.timeout, silent: self.settings.max_silent_time };
        let ending = run(
            &self.settings.sandbox_helper,
            &spec,
            limits,
            cancellation,
            &mut log,
            &mut |event| watch(BuildNews::Log(event)),
        )?;
        let derivation = self.printed.clone();
        let failure = || {
            Box::new(FailedBuild {
                outputs: self
                    .outputs
                    .values()
                    .map(|path| self.store.store_dir().print(path))
                    .collect(),
                last_lines: log.tail(),
                log: Some(log_path),
                kept_directory: self.settings.keep_failed.then(|| place.keep()).flatten(),
            })
        };
        match ending {
            Ending::Exited(Exit::Code(0)) => Ok(()),
            Ending::Exited(status) => {
                Err(BuildError::BuilderFailed { derivation, status, failure: failure() })
            }
            Ending::TimedOut(limit) => {
                Err(BuildError::TimedOut { derivation, limit, failure: failure() })
            }
            Ending::Cancelled => Err(BuildError::Cancelled { derivation }),
        }
    }

    fn spec(
        &self,
        place: &BuildPlace,
        inputs: &BTreeSet<StorePath>,
    ) -> Result<SandboxSpec, BuildError> {
        let build_directory = match place.is_sandboxed {
            true => self.settings.sandbox_build_dir.clone(),
            false => place.scratch.build().to_owned(),
        };
        let graphs = exported_graphs(self, inputs)?;
        let around = Surroundings {
            store_dir: self.store.store_dir(),
            outputs: &self.outputs,
            graphs: &graphs,
            build_directory: &build_directory,
            cores: self.settings.build_cores(),
        };
        let environment = build_environment(&self.derivation, self.kind, &self.options, &around);
        for (name, contents) in environment.files {
            let file = place.scratch.build().join(name);
            fs::write(&file, contents).map_err(file_error("writing", file))?;
        }
        let rewrites = OutputRewrites::new(&around);
        let name = self.derivation.builder.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let arguments = self.derivation.args.iter().map(|argument| {
            let mut argument = argument.clone();
            rewrites.apply(&mut argument);
            Text::from(argument)
        });
        Ok(SandboxSpec {
            namespaces: match place.is_sandboxed {
                true => Some(self.namespaces(place, inputs)?),
                false => None,
            },
            builder: PathBuf::from(Text::from(self.derivation.builder.clone()).as_os_str()),
            arguments: std::iter::once(Text::from(name.to_vec())).chain(arguments).collect(),
            environment: environment
                .variables
                .into_iter()
                .map(|(name, value)| (Text::from(name), Text::from(value)))
                .collect(),
            working_directory: build_directory,
            system: self.derivation.system.clone(),
        })
    }

    fn namespaces(
        &self,
        place: &BuildPlace,
        inputs: &BTreeSet<StorePath>,
    ) -> Result<Namespaces, BuildError> {
        let host_tools = self.options.required_system_features.contains(HOST_TOOLS_FEATURE);
        let mut mounts = self.settings.host_mounts(host_tools)?;
        mounts.extend(self.settings.virtual_machine_device());
        // On NixOS the shell itself lies in the store, and may be an input as well.
        mounts.retain(|mount| {
            let path = mount.target.to_string_lossy();
            self.store.store_dir().split(&path).map_or(true, |(path, _)| !inputs.contains(&path))
        });
        Ok(Namespaces {
            scratch: place.scratch.clone(),
            store: StoreView {
                directory: PathBuf::from(self.store.store_dir().as_str()),
                real_directory: self.local.layout().real_dir.clone(),
                inputs: inputs
                    .iter()
                    .filter(|path| !self.outputs.values().any(|output| output == *path))
                    .map(|path| path.base_name().to_owned())
                    .collect(),
            },
            build_directory: self.settings.sandbox_build_dir.clone(),
            mounts,
            network: match self.kind {
                DerivationKind::Fixed => Network::Host,
                _ => Network::Private,
            },
            user: BUILD_USER,
            group: BUILD_GROUP,
        })
    }
}
