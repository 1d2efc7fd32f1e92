//! Scopes while lowering: which binding a name means right here.
//!
//! Each spelling of the file gets a number, its *local*, and each local knows its innermost binding,
//! so that resolving a name looks at no scope that does not bind it.

use rustc_hash::FxHashMap;

use super::LowerOptions;
use crate::globals::{Gate, global, globals};
use crate::{GlobalId, Name, Var};

pub(super) struct Names<'a> {
    locals: FxHashMap<&'a str, u32>,
    table: Vec<Local>,
    bound: Vec<Bound>,
    /// For each environment, how many of `bound` were there before it.
    environments: Vec<u32>,
    /// The enclosing `with`s: which of `environments` are theirs.
    withs: Vec<u32>,
    options: LowerOptions<'a>,
}

struct Local {
    name: Name,
    /// Index of the innermost binding in `bound`, or [`NONE`].
    innermost: u32,
}

#[derive(Clone, Copy)]
struct Bound {
    local: u32,
    /// The binding that this one hides.
    hidden: u32,
    /// Index of its environment.
    environment: u32,
    slot: u32,
}

const NONE: u32 = u32::MAX;

impl<'a> Names<'a> {
    pub(super) fn new(options: &LowerOptions<'a>, capacity: usize) -> Self {
        Names {
            locals: FxHashMap::with_capacity_and_hasher(capacity, Default::default()),
            table: Vec::with_capacity(capacity),
            bound: Vec::new(),
            environments: Vec::new(),
            withs: Vec::new(),
            options: *options,
        }
    }

    pub(super) fn options(&self) -> &LowerOptions<'a> {
        &self.options
    }

    /// The number of a spelling.
    pub(super) fn local(&mut self, text: &'a str) -> u32 {
        *self.locals.entry(text).or_insert_with(|| {
            let local = self.table.len() as u32;
            self.table.push(Local { name: Name::new(text), innermost: NONE });
            local
        })
    }

    /// The number of a spelling that the file may have used so far.
    pub(super) fn existing(&self, text: &str) -> Option<u32> {
        self.locals.get(text).copied()
    }

    pub(super) fn name(&self, local: u32) -> Name {
        self.table[local as usize].name
    }

    /// Begins an environment. Bind its names next.
    pub(super) fn enter(&mut self) {
        self.environments.push(self.bound.len() as u32);
    }

    pub(super) fn bind(&mut self, local: u32, slot: u32) {
        let innermost = &mut self.table[local as usize].innermost;
        let hidden = std::mem::replace(innermost, self.bound.len() as u32);
        let environment = self.environments.len() as u32 - 1;
        self.bound.push(Bound { local, hidden, environment, slot });
    }

    pub(super) fn leave(&mut self) {
        let Some(mark) = self.environments.pop() else { return };
        for bound in self.bound.drain(mark as usize..).rev() {
            self.table[bound.local as usize].innermost = bound.hidden;
        }
    }

    /// Begins the environment of a `with`; says how many environments up the next outer `with` is.
    pub(super) fn enter_with(&mut self) -> Option<u32> {
        let environment = self.environments.len() as u32;
        let outer = self.withs.last().map(|outer| environment - outer);
        self.enter();
        self.withs.push(environment);
        outer
    }

    pub(super) fn leave_with(&mut self) {
        self.withs.pop();
        self.leave();
    }

    /// What the name means here.
    pub(super) fn resolve(&self, local: u32) -> Var {
        self.resolve_below(local, self.environments.len() as u32)
    }

    /// What the name means outside of the innermost environment, which is not that of a `with`.
    pub(super) fn resolve_outside(&self, local: u32) -> Var {
        self.resolve_below(local, self.environments.len() as u32 - 1)
    }

    fn resolve_below(&self, local: u32, environments: u32) -> Var {
        let Local { name, mut innermost } = self.table[local as usize];
        while let Some(bound) = self.bound.get(innermost as usize) {
            if bound.environment < environments {
                let depth = environments - 1 - bound.environment;
                return Var::Local { depth, slot: bound.slot };
            }
            innermost = bound.hidden;
        }
        if let Some(id) = self.global(name) {
            return Var::Global(id);
        }
        match self.withs.last() {
            Some(with) => Var::With { name, depth: environments - 1 - with },
            None => Var::Undefined(name),
        }
    }

    fn global(&self, name: Name) -> Option<GlobalId> {
        let id = global(name)?;
        let exists = match globals()[id.0 as usize].gate {
            Gate::Always => true,
            Gate::Impure => !self.options.pure,
            Gate::Feature(feature) => self.options.features.contains(&feature),
        };
        exists.then_some(id)
    }
}
