//! Builds everything that goals need: in dependency order, several at a time, until done or failed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use floe_store::{LocalStore, Store as _, StorePath};

use crate::build::{BuildNews, Builder};
use crate::cancel::Cancellation;
use crate::error::BuildError;
use crate::log::LogEvent;
use crate::plan::{Action, Goal, Plan, Step};
use crate::report::{BuildEvent, Realisation, Reporter};
use crate::settings::BuildSettings;

/// A place from which outputs can be had without building them, such as a binary cache.
pub trait Substituter: Send + Sync {
    /// Whether it has `path`.
    fn has(&self, path: &StorePath) -> bool;

    /// Makes `path` and everything that it refers to valid in the store.
    fn fetch(&self, path: &StorePath, cancellation: &Cancellation) -> Result<(), BuildError>;
}

/// Realises goals in a store.
pub struct Scheduler<'a> {
    store: &'a LocalStore,
    settings: &'a BuildSettings,
    reporter: &'a dyn Reporter,
    substituter: Option<&'a dyn Substituter>,
}

/// Everything that went wrong: the causes first, then the goals that they kept from being built.
#[derive(Debug)]
pub struct BuildFailures(pub Vec<BuildError>);

impl fmt::Display for BuildFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildFailures {}

impl From<BuildError> for BuildFailures {
    fn from(error: BuildError) -> BuildFailures {
        BuildFailures(vec![error])
    }
}

impl<'a> Scheduler<'a> {
    /// A scheduler for `store` that tells `reporter` what it does.
    pub fn new(
        store: &'a LocalStore,
        settings: &'a BuildSettings,
        reporter: &'a dyn Reporter,
    ) -> Scheduler<'a> {
        Scheduler { store, settings, reporter, substituter: None }
    }

    /// Fetches what `substituter` has instead of building it.
    pub fn with_substituter(mut self, substituter: &'a dyn Substituter) -> Scheduler<'a> {
        self.substituter = Some(substituter);
        self
    }

    /// Makes the wanted outputs of all goals valid, and says for each goal what they are.
    ///
    /// # Errors
    /// Without `keep_going` the first failure ends the other builds. Whatever became valid stays.
    pub fn realise(
        &self,
        goals: &[Goal],
        cancellation: &Cancellation,
    ) -> Result<Vec<BTreeMap<String, StorePath>>, BuildFailures> {
        let plan = Plan::new(self.store, goals, self.substituter)?;
        self.reporter.report(BuildEvent::Planned { build: &plan.builds(), fetch: &plan.fetches() });
        if !plan.order.is_empty() {
            self.run(&plan, goals, cancellation)?;
        }
        let outputs = goals.iter().map(|goal| goal.wanted_outputs(self.store));
        Ok(outputs.collect::<Result<_, BuildError>>()?)
    }

    fn run(
        &self,
        plan: &Plan,
        goals: &[Goal],
        cancellation: &Cancellation,
    ) -> Result<(), BuildFailures> {
        let own = cancellation
            .child()
            .map_err(|source| BuildFailures::from(BuildError::Sandbox(source.into())))?;
        let run = Run {
            scheduler: self,
            needed_by: plan.needed_by(),
            state: Mutex::new(State::new(plan)),
            changed: Condvar::new(),
            cancellation: own,
            plan,
        };
        let workers = self.settings.max_jobs.clamp(1, plan.order.len());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| run.work());
            }
        });
        run.conclude(goals)
    }
}

/// One call of [`Scheduler::realise`].
struct Run<'a> {
    scheduler: &'a Scheduler<'a>,
    plan: &'a Plan,
    needed_by: BTreeMap<&'a StorePath, Vec<&'a StorePath>>,
    state: Mutex<State<'a>>,
    changed: Condvar,
    cancellation: Cancellation,
}

struct State<'a> {
    ready: VecDeque<&'a StorePath>,
    /// How many needs of a step are still to be met.
    unmet: BTreeMap<&'a StorePath, usize>,
    running: usize,
    failed: BTreeSet<&'a StorePath>,
    errors: Vec<BuildError>,
    has_stopped: bool,
}

impl<'a> State<'a> {
    fn new(plan: &'a Plan) -> State<'a> {
        let unmet: BTreeMap<_, _> =
            plan.steps.iter().map(|(path, step)| (path, step.needs.len())).collect();
        State {
            ready: plan.order.iter().filter(|path| unmet[path] == 0).collect(),
            unmet,
            running: 0,
            failed: BTreeSet::new(),
            errors: Vec::new(),
            has_stopped: false,
        }
    }
}

impl<'a> Run<'a> {
    /// Takes steps that are ready until there can be no more.
    fn work(&self) {
        while let Some(derivation) = self.next() {
            let step = &self.plan.steps[derivation];
            let result = self.perform(derivation, step);
            self.finish(derivation, result);
        }
    }

    fn next(&self) -> Option<&'a StorePath> {
        let mut state = self.state();
        loop {
            if state.has_stopped {
                return None;
            }
            if let Some(derivation) = state.ready.pop_front() {
                state.running += 1;
                return Some(derivation);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn perform(&self, derivation: &StorePath, step: &Step) -> Result<(), BuildError> {
        let reporter = self.scheduler.reporter;
        let start = Instant::now();
        let realisation = match &step.action {
            Action::Build => {
                let builder = Builder::new(self.scheduler.store, self.scheduler.settings);
                builder.build(derivation, &self.cancellation, &mut |news| {
                    reporter.report(match &news {
                        BuildNews::Waiting => BuildEvent::Waiting { derivation },
                        BuildNews::Started => BuildEvent::Started { derivation },
                        BuildNews::Log(LogEvent::Line(line)) => {
                            BuildEvent::Log { derivation, line }
                        }
                        BuildNews::Log(LogEvent::Phase(phase)) => {
                            BuildEvent::Phase { derivation, phase }
                        }
                    });
                })?
            }
            Action::Fetch(paths) => {
                if let Some(substituter) = self.scheduler.substituter {
                    for path in paths {
                        substituter.fetch(path, &self.cancellation)?;
                    }
                }
                Realisation::Fetched
            }
        };
        reporter.report(BuildEvent::Finished {
            derivation,
            outputs: &step.outputs,
            realisation,
            duration: start.elapsed(),
        });
        Ok(())
    }

    fn finish(&self, derivation: &'a StorePath, result: Result<(), BuildError>) {
        let mut state = self.state();
        state.running -= 1;
        match result {
            Ok(()) => {
                for dependent in self.needed_by.get(derivation).into_iter().flatten() {
                    if let Some(unmet) = state.unmet.get_mut(dependent) {
                        *unmet -= 1;
                        if *unmet == 0 {
                            state.ready.push_back(dependent);
                        }
                    }
                }
            }
            Err(error) => {
                self.scheduler.reporter.report(BuildEvent::Failed { derivation, error: &error });
                state.failed.insert(derivation);
                state.errors.push(error);
                if !self.scheduler.settings.keep_going || self.cancellation.is_cancelled() {
                    state.has_stopped = true;
                    self.cancellation.cancel();
                }
            }
        }
        self.changed.notify_all();
    }

    /// What became of the goals.
    fn conclude(self, goals: &[Goal]) -> Result<(), BuildFailures> {
        let State { failed, mut errors, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if errors.is_empty() {
            return Ok(());
        }
        // Builds that were only ended because of another's failure are not failures of their own.
        let is_cause = |error: &BuildError| !matches!(error, BuildError::Cancelled { .. });
        if !errors.iter().any(is_cause) {
            errors.truncate(1);
            return Err(BuildFailures(errors));
        }
        errors.retain(is_cause);
        let mut unbuilt = BTreeMap::new();
        for derivation in &self.plan.order {
            let needs = &self.plan.steps[derivation].needs;
            let count = needs
                .iter()
                .filter(|need| failed.contains(need) || unbuilt.contains_key(need))
                .count();
            if count > 0 {
                unbuilt.insert(derivation, count);
            }
        }
        for goal in goals {
            if let Some(&count) = unbuilt.get(&goal.derivation) {
                let error = BuildError::DependencyFailed {
                    derivation: self.scheduler.store.store_dir().print(&goal.derivation),
                    failed: count,
                };
                let derivation = &goal.derivation;
                self.scheduler.reporter.report(BuildEvent::Failed { derivation, error: &error });
                errors.push(error);
            }
        }
        Err(BuildFailures(errors))
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
