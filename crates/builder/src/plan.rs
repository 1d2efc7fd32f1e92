//! What has to be done for a goal: which derivations, and which of them before which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use floe_store::{Store, StorePath};

use crate::build::known_outputs;
use crate::error::BuildError;
use crate::options::DerivationOptions;
use crate::schedule::Substituter;

/// Outputs of a derivation that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The derivation.
    pub derivation: StorePath,
    /// Which of its outputs.
    pub outputs: Wanted,
}

/// A choice of outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever there is.
    All,
    /// These.
    Named(BTreeSet<String>),
}

/// What has to be done.
#[derive(Debug, Default)]
pub struct Plan {
    pub(crate) steps: BTreeMap<StorePath, Step>,
    /// The steps, each after those that it needs.
    pub(crate) order: Vec<StorePath>,
}

/// What has to be done for one derivation.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) outputs: BTreeMap<String, StorePath>,
    pub(crate) action: Action,
    pub(crate) needs: BTreeSet<StorePath>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Build,
    /// These are missing, and a substituter has them.
    Fetch(Vec<StorePath>),
}

impl Plan {
    /// Finds what is missing for `goals`.
    pub fn new(
        store: &dyn Store,
        goals: &[Goal],
        substituter: Option<&dyn Substituter>,
    ) -> Result<Plan, BuildError> {
        let mut plan = Plan::default();
        let mut pending: VecDeque<Goal> = goals.iter().cloned().collect();
        while let Some(goal) = pending.pop_front() {
            if plan.steps.get(&goal.derivation).is_some_and(|step| step.action == Action::Build) {
                continue;
            }
            store.add_temp_root(&goal.derivation)?;
            let derivation = store.read_derivation(&goal.derivation)?;
            let outputs = known_outputs(store, &goal.derivation, &derivation)?;
            goal.outputs.check(&outputs, || store.store_dir().print(&goal.derivation))?;
            let mut missing = Vec::new();
            for (name, path) in &outputs {
                if goal.outputs.contains(name) {
                    // First kept, then looked for: a collector may be at work.
                    store.add_temp_root(path)?;
                    if !store.is_valid(path)? {
                        missing.push(path.clone());
                    }
                }
            }
            if missing.is_empty() {
                continue;
            }
            let options =
                DerivationOptions::read(&derivation, store.store_dir()).map_err(|source| {
                    BuildError::Options {
                        derivation: store.store_dir().print(&goal.derivation),
                        source,
                    }
                })?;
            let can_fetch = options.allow_substitutes
                && substituter.is_some_and(|source| missing.iter().all(|path| source.has(path)));
            let (action, needs) = if can_fetch {
                (Action::Fetch(missing), BTreeSet::new())
            } else {
                for (input, outputs) in &derivation.input_drvs {
                    pending.push_back(Goal {
                        derivation: input.clone(),
                        outputs: Wanted::Named(outputs.clone()),
                    });
                }
                (Action::Build, derivation.input_drvs.keys().cloned().collect())
            };
            plan.add(goal.derivation, Step { outputs, action, needs });
        }
        plan.finish();
        Ok(plan)
    }

    /// Derivations that will be built, dependencies first.
    pub fn builds(&self) -> Vec<StorePath> {
        self.with_action(|action| *action == Action::Build)
    }

    /// Derivations whose outputs will be fetched.
    pub fn fetches(&self) -> Vec<StorePath> {
        self.with_action(|action| *action != Action::Build)
    }

    fn with_action(&self, is_wanted: impl Fn(&Action) -> bool) -> Vec<StorePath> {
        self.order.iter().filter(|path| is_wanted(&self.steps[*path].action)).cloned().collect()
    }

    /// Two goals may want different outputs of one derivation.
    fn add(&mut self, derivation: StorePath, mut step: Step) {
        if let (Action::Fetch(new), Some(Step { action: Action::Fetch(old), .. })) =
            (&mut step.action, self.steps.get(&derivation))
        {
            new.extend(old.iter().cloned());
            new.sort();
            new.dedup();
        }
        self.steps.insert(derivation, step);
    }

    /// Leaves out needs that are met already, and orders the steps.
    fn finish(&mut self) {
        let missing: BTreeSet<StorePath> = self.steps.keys().cloned().collect();
        for step in self.steps.values_mut() {
            step.needs.retain(|need| missing.contains(need));
        }
        let mut unmet: BTreeMap<&StorePath, usize> =
            self.steps.iter().map(|(path, step)| (path, step.needs.len())).collect();
        let needed_by = self.needed_by();
        let mut ready: VecDeque<&StorePath> =
            unmet.iter().filter(|(_, count)| **count == 0).map(|(path, _)| *path).collect();
        let mut order = Vec::with_capacity(self.steps.len());
        while let Some(path) = ready.pop_front() {
            order.push(path.clone());
            for dependent in needed_by.get(path).into_iter().flatten() {
                if let Some(count) = unmet.get_mut(dependent) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push_back(dependent);
                    }
                }
            }
        }
        // A derivation's path is a hash over its inputs' paths, so there are no cycles and the
        // order is complete.
        self.order = order;
    }

    /// The other direction of `needs`.
    pub(crate) fn needed_by(&self) -> BTreeMap<&StorePath, Vec<&StorePath>> {
        let mut needed_by: BTreeMap<&StorePath, Vec<&StorePath>> = BTreeMap::new();
        for (path, step) in &self.steps {
            for need in &step.needs {
                needed_by.entry(need).or_default().push(path);
            }
        }
        needed_by
    }
}

impl Goal {
    /// The paths of the wanted outputs.
    pub fn wanted_outputs(
        &self,
        store: &dyn Store,
    ) -> Result<BTreeMap<String, StorePath>, BuildError> {
        let derivation = store.read_derivation(&self.derivation)?;
        let mut outputs = known_outputs(store, &self.derivation, &derivation)?;
        outputs.retain(|name, _| self.outputs.contains(name));
        Ok(outputs)
    }
}

impl Wanted {
    fn check(
        &self,
        outputs: &BTreeMap<String, StorePath>,
        derivation: impl Fn() -> String,
    ) -> Result<(), BuildError> {
        let Wanted::Named(names) = self else {
            return Ok(());
        };
        let unknown = names.iter().filter(|name| !outputs.contains_key(*name));
        let outputs: Vec<String> = unknown.cloned().collect();
        if outputs.is_empty() {
            return Ok(());
        }
        Err(BuildError::NoSuchOutputs { derivation: derivation(), outputs })
    }

    fn contains(&self, output: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Named(names) => names.contains(output),
        }
    }
}
