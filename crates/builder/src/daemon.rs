//! Builds that a daemon does: goals go there, and what it says comes back as the events that builds
//! of this process have.

use std::collections::BTreeMap;
use std::time::Instant;

use floe_store::daemon::{
    BuildMode, ClientSettings, DaemonError, DaemonStore, Field, LogEvent, Request,
};
use floe_store::{Store, StoreError, StorePath};

use crate::build::known_outputs;
use crate::error::BuildError;
use crate::options::DerivationOptions;
use crate::plan::{Goal, Wanted};
use crate::report::{BuildEvent, Realisation, Reporter};
use crate::schedule::BuildFailures;
use crate::settings::{BuildSettings, HOST_TOOLS_FEATURE, SandboxMode};

// Nix's numbers for kinds of activities and of results.
const BUILD: u64 = 105;
const SUBSTITUTE: u64 = 108;
const BUILD_WAITING: u64 = 111;
const BUILD_LOG_LINE: u64 = 101;
const SET_PHASE: u64 = 104;

/// See [`BuildStore::realise`](crate::BuildStore::realise).
pub(crate) fn realise(
    daemon: &DaemonStore,
    goals: &[Goal],
    settings: &BuildSettings,
    reporter: &dyn Reporter,
) -> Result<Vec<BTreeMap<String, StorePath>>, BuildFailures> {
    let outputs = goals.iter().map(|goal| goal.wanted_outputs(daemon));
    let outputs = outputs.collect::<Result<Vec<_>, BuildError>>()?;
    let requests: Vec<Request> = goals.iter().map(request).collect();
    let missing = daemon.missing(&requests).map_err(BuildError::from)?;
    let build: Vec<StorePath> = missing.build.into_iter().collect();
    let fetch: Vec<StorePath> = missing.substitute.into_iter().collect();
    reporter.report(BuildEvent::Planned { build: &build, fetch: &fetch });

    let mut watch = Watch {
        daemon,
        reporter,
        activities: BTreeMap::new(),
        failed: Vec::new(),
        said: String::new(),
    };
    // Also when nothing is missing: the daemon keeps the outputs for us from then on.
    let settings = client_settings(settings);
    let results = daemon.build_paths(&requests, BuildMode::Normal, &settings, &mut |event| {
        watch.hear(event);
    });
    let failures: Vec<String> = match results {
        Ok(results) => {
            let failed = results.into_iter().filter(|result| !result.is_success());
            failed.map(|result| result.error).collect()
        }
        // What prevents any build is not the result of one.
        Err(StoreError::Daemon(DaemonError::Refused { message, .. })) => vec![message],
        Err(error) => return Err(BuildError::from(error).into()),
    };
    if failures.is_empty() {
        return Ok(outputs);
    }
    let lacks_host_tools = failures.iter().any(|text| text.contains(HOST_TOOLS_FEATURE))
        || watch.said.contains(HOST_TOOLS_FEATURE);
    let errors = match build.iter().find(|path| lacks_host_tools && needs_host_tools(daemon, path))
    {
        Some(path) => vec![BuildError::DaemonWithoutHostTools {
            derivation: daemon.store_dir().print(path),
            socket: daemon.socket().to_owned(),
        }],
        None => failures.into_iter().map(BuildError::Daemon).collect(),
    };
    for derivation in &watch.failed {
        reporter.report(BuildEvent::Failed { derivation, error: &errors[0] });
    }
    Err(BuildFailures(errors))
}

fn request(goal: &Goal) -> Request {
    let outputs = match &goal.outputs {
        Wanted::All => Default::default(),
        Wanted::Named(names) => names.clone(),
    };
    (goal.derivation.clone(), outputs)
}

fn client_settings(settings: &BuildSettings) -> ClientSettings {
    let mut by_name = BTreeMap::new();
    if settings.sandbox == SandboxMode::Disabled {
        by_name.insert("sandbox".to_owned(), "false".to_owned());
    }
    if let Some(time) = settings.timeout {
        by_name.insert("timeout".to_owned(), time.as_secs().to_string());
    }
    ClientSettings {
        keep_failed: settings.keep_failed,
        keep_going: settings.keep_going,
        max_jobs: settings.max_jobs,
        cores: settings.cores,
        max_silent_time: settings.max_silent_time,
        by_name,
    }
}

fn needs_host_tools(daemon: &DaemonStore, path: &StorePath) -> bool {
    let derivation = (daemon as &dyn Store).read_derivation(path);
    let options = derivation
        .ok()
        .and_then(|derivation| DerivationOptions::read(&derivation, daemon.store_dir()).ok());
    options.is_some_and(|options| options.required_system_features.contains(HOST_TOOLS_FEATURE))
}

/// What is known of the daemon's work.
struct Watch<'a> {
    daemon: &'a DaemonStore,
    reporter: &'a dyn Reporter,
    activities: BTreeMap<u64, Activity>,
    failed: Vec<StorePath>,
    /// Its messages.
    said: String,
}

struct Activity {
    path: StorePath,
    is_build: bool,
    start: Instant,
}

impl Watch<'_> {
    fn hear(&mut self, event: LogEvent) {
        match event {
            LogEvent::Message(text) => {
                self.reporter.report(BuildEvent::Message { text: &text });
                self.said += &text;
            }
            LogEvent::Start { activity, kind, fields, .. } => {
                let Some(Field::Text(path)) = fields.first() else { return };
                let Ok(path) = self.daemon.store_dir().parse(path) else { return };
                match kind {
                    BUILD_WAITING => {
                        self.reporter.report(BuildEvent::Waiting { derivation: &path });
                    }
                    BUILD | SUBSTITUTE => {
                        self.reporter.report(BuildEvent::Started { derivation: &path });
                        let is_build = kind == BUILD;
                        let start = Instant::now();
                        self.activities.insert(activity, Activity { path, is_build, start });
                    }
                    _ => {}
                }
            }
            LogEvent::Result { activity, kind, fields } => {
                let Some(Activity { path, .. }) = self.activities.get(&activity) else { return };
                match (kind, fields.first()) {
                    (BUILD_LOG_LINE, Some(Field::Text(line))) => {
                        self.reporter.report(BuildEvent::Log { derivation: path, line });
                    }
                    (SET_PHASE, Some(Field::Text(phase))) => {
                        self.reporter.report(BuildEvent::Phase { derivation: path, phase });
                    }
                    _ => {}
                }
            }
            LogEvent::Stop { activity } => {
                let Some(activity) = self.activities.remove(&activity) else { return };
                let Activity { path, is_build, start } = activity;
                match self.outputs(&path, is_build) {
                    Ok(Some(outputs)) => self.reporter.report(BuildEvent::Finished {
                        derivation: &path,
                        outputs: &outputs,
                        realisation: match is_build {
                            true => Realisation::Built,
                            false => Realisation::Fetched,
                        },
                        duration: start.elapsed(),
                    }),
                    // Which error was its own is only said at the end.
                    Ok(None) | Err(_) => self.failed.push(path),
                }
            }
        }
    }

    /// What an activity has made, if it has: that it stops says nothing about its success.
    fn outputs(
        &self,
        path: &StorePath,
        is_build: bool,
    ) -> Result<Option<BTreeMap<String, StorePath>>, BuildError> {
        let outputs = if is_build {
            let derivation = (self.daemon as &dyn Store).read_derivation(path)?;
            known_outputs(self.daemon, path, &derivation)?
        } else {
            BTreeMap::from([("out".to_owned(), path.clone())])
        };
        let valid = outputs.values().map(|path| self.daemon.is_valid(path));
        let valid = valid.collect::<Result<Vec<bool>, StoreError>>()?;
        Ok(valid.iter().all(|valid| *valid).then_some(outputs))
    }
}
