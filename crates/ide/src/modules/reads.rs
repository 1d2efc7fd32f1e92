//! Which part of a configuration an expression is, and what happens to a part.

use std::cell::Cell;

use floe_db::{module, scopes};
use floe_hir::{BinaryOp, Definition, Expr, ExprId, Key, Name, Param, ScopeOwner};
use floe_types::MOST_WITHS;
use rustc_hash::FxHashSet;

use super::facts::ArgumentOf;
use super::graph::{Graph, NodeId, of_this_flake, result_of_call, step_of};
use super::iteration::{is_values_of, iteration};
use super::{Step, begins_with, called};
use crate::known::{self, Bound, Place, entry_of};
use crate::references::{Role, all_references};
use crate::uses::{inherited_from, literal_of, uses};

/// A part of the configuration that some modules make together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// One of the modules.
    pub(crate) node: NodeId,
    /// Where it lies; `None` for the set that has `config` and `options` as attributes.
    path: Option<Vec<Step>>,
    /// The base of the submodule whose `config` and `options` those are.
    base: Vec<Step>,
}

impl Part {
    /// The path to it.
    pub(crate) fn path(&self) -> Option<&[Step]> {
        self.path.as_deref()
    }

    /// What one step leads to from it.
    pub(crate) fn below(mut self, step: Step) -> Option<Part> {
        match &mut self.path {
            Some(path) => path.push(step),
            None => {
                let Step::Name(name) = step else { return None };
                if !matches!(name.as_str(), "config" | "options") {
                    return None;
                }
                self.path = Some(std::mem::take(&mut self.base));
            }
        }
        Some(self)
    }
}

/// How many steps are followed in all from an expression to where its value may be from.
const FUEL: u32 = 256;

/// The part that an expression is.
pub(crate) fn part(graph: &Graph<'_>, place: Place) -> Option<Part> {
    part_within(graph, place, &Cell::new(FUEL))
}

/// The part that the first keys of a selection, up to and including one of them, lead to.
pub(crate) fn part_at_key(graph: &Graph<'_>, place: Place, index: usize) -> Option<Part> {
    selected(graph, place, index + 1, &Cell::new(FUEL))
}

fn part_within(graph: &Graph<'_>, place: Place, fuel: &Cell<u32>) -> Option<Part> {
    fuel.set(fuel.get().checked_sub(1)?);
    let (module, scopes) = (module(graph.db, place.file), scopes(graph.db, place.file));
    let at = |expr| Place { expr, ..place };
    match module.expr(place.expr) {
        Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
            part_within(graph, at(body), fuel)
        }
        Expr::Select { path, .. } => selected(graph, place, path.len as usize, fuel),
        Expr::InheritFrom(index) => {
            part_within(graph, known::inherited_set(graph.db, place, index)?, fuel)
        }
        Expr::Apply { fun, args } => {
            if let Some(evaluation) = graph.evaluation(place) {
                return Some(Part { node: evaluation.node, path: None, base: Vec::new() });
            }
            match module.list(args) {
                [set] if is_values_of(called(module, scopes, fun)) => {
                    part_within(graph, at(*set), fuel)
                }
                _ => match iteration(module, scopes, place.expr) {
                    Some(found) => {
                        found.is_filter.then(|| part_within(graph, at(found.collection), fuel))?
                    }
                    None => part_within(graph, result_of_call(graph.db, place)?, fuel),
                },
            }
        }
        Expr::Var(_) => match scopes.definition(module, place.expr)? {
            Definition::Binding(binding) => {
                if let Some((node, argument)) = graph.argument(place.file, binding) {
                    let base = argument.base.clone();
                    return Some(match argument.of {
                        ArgumentOf::Options => Part { node, path: Some(base), base: Vec::new() },
                        ArgumentOf::Everything => Part { node, path: None, base },
                    });
                }
                if let Some(entry) = entry_of(module, scopes, binding) {
                    return part_within(graph, at(entry.value), fuel);
                }
                element(graph, place, scopes.owner(binding)?, fuel)
            }
            // Where an option of this name is declared, the set has it.
            Definition::With { name, sets } if sets.len() <= MOST_WITHS => {
                sets.into_iter().find_map(|set| {
                    let found = part_within(graph, at(set), fuel)?.below(Step::Name(name))?;
                    is_declared(graph, &found).then_some(found)
                })
            }
            _ => None,
        },
        _ => None,
    }
}

fn selected(graph: &Graph<'_>, place: Place, keys: usize, fuel: &Cell<u32>) -> Option<Part> {
    let module = module(graph.db, place.file);
    let (Expr::Select { base, path, .. } | Expr::HasAttr { base, path }) = module.expr(place.expr)
    else {
        return None;
    };
    let base = Place { expr: base, ..place };
    let keys = &module.keys(path)[..keys];
    let below =
        |part: Part, keys: &[Key]| keys.iter().try_fold(part, |part, key| part.below(step_of(key)));
    if let Some(part) = part_within(graph, base, fuel) {
        return below(part, keys);
    }
    // `set.host.config.a`, where an attribute of a set is what an evaluation gives.
    let mut names = Vec::new();
    for (key, behind) in keys.iter().zip(1..) {
        let Key::Static(name) = key else { return None };
        names.push(*name);
        let bound = known::attribute_at(graph.db, base, &names)
            .or_else(|| of_this_flake(graph.db, base, &names));
        let Some(value) = bound.and_then(|bound| bound.value(graph.db)) else { continue };
        if let Some(part) = part_within(graph, value, fuel) {
            return below(part, &keys[behind..]);
        }
    }
    None
}

/// The part that a function, which is called with each element of one, has for an argument.
fn element(graph: &Graph<'_>, place: Place, owner: ScopeOwner, fuel: &Cell<u32>) -> Option<Part> {
    let (module, scopes) = (module(graph.db, place.file), scopes(graph.db, place.file));
    let ScopeOwner::Lambda(lambda) = owner else { return None };
    let function = scopes.parent(module.lambdas[lambda.0 as usize].body)?;
    // `name: value: …` is two functions, one in the other.
    let call = scopes.ancestors(function).skip(1).take(2).find_map(|call| {
        iteration(module, scopes, call).filter(|found| found.function == function)
    })?;
    let collection = part_within(graph, Place { expr: call.collection, ..place }, fuel)?;
    let step = element_step(graph, place, call.collection, call.step);
    collection.below(step)
}

/// What leads from a collection to its elements: those of `attrValues set` are attributes.
fn element_step(graph: &Graph<'_>, place: Place, collection: ExprId, step: Step) -> Step {
    let (module, scopes) = (module(graph.db, place.file), scopes(graph.db, place.file));
    match module.expr(collection) {
        Expr::Apply { fun, .. } if is_values_of(called(module, scopes, fun)) => Step::Any,
        _ => step,
    }
}

/// Whether a module of those that make a part declares options at it.
pub(crate) fn is_declared(graph: &Graph<'_>, part: &Part) -> bool {
    part.path().is_some_and(|path| declared_path(graph, part.node, path).is_some())
}

/// A path that is used, as the module that declares it has it.
pub(crate) fn declared_path<'g>(
    graph: &'g Graph<'_>,
    node: NodeId,
    used: &[Step],
) -> Option<&'g [Step]> {
    graph.together(node).find_map(|node| {
        let mut mentions = graph.get(node).facts.mentions.iter();
        let declaration = mentions.find(|mention| {
            mention.is_declaration
                && mention.path.len() == used.len()
                && begins_with(used, &mention.path)
        })?;
        Some(&declaration.path[..])
    })
}

/// What stands in the way of a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Nobody knows what happens to the part here.
    Lost(Place),
    /// A function gets the part here, and nobody knows what it does with it.
    HandedOn(Place),
    /// Somebody asks for the new name here.
    Taken(Place),
}

/// Follows the options of some modules to all places that select the last name of a path, and beyond
/// those that select less.
pub(crate) fn obstacle(
    graph: &Graph<'_>,
    node: NodeId,
    path: &[Step],
    new: Name,
) -> Option<Obstacle> {
    let (seen, pending) = (FxHashSet::default(), Vec::new());
    let mut flow = Flow { graph, path, new, seen, pending, found: None };
    for node in graph.together(node) {
        let file = graph.get(node).place.file;
        for argument in &graph.get(node).facts.arguments {
            let goes_on = argument.base.len() < path.len()
                && begins_with(&argument.base, &path[..argument.base.len()]);
            if !goes_on {
                continue;
            }
            let reached = match argument.of {
                ArgumentOf::Options => Reached::Steps(argument.base.len()),
                ArgumentOf::Everything => Reached::Everything(argument.base.len()),
            };
            for expr in scopes(graph.db, file).references(argument.binding) {
                flow.push(Place { file, expr: *expr }, reached);
            }
        }
    }
    for evaluation in &graph.evaluations {
        if graph.is_together(evaluation.node, node) {
            flow.push(evaluation.call, Reached::Everything(0));
        }
    }
    while let (Some((place, reached)), None) = (flow.pending.pop(), flow.found) {
        flow.follow(place, reached);
    }
    flow.found
}

/// How far an expression is along the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reached {
    /// So many steps.
    Steps(usize),
    /// The set that has `config` and `options`, which are so many steps along.
    Everything(usize),
}

struct Flow<'g> {
    graph: &'g Graph<'g>,
    path: &'g [Step],
    new: Name,
    seen: FxHashSet<(Place, Reached)>,
    pending: Vec<(Place, Reached)>,
    found: Option<Obstacle>,
}

/// What a key leads to.
enum Next {
    On(Reached),
    /// The path ends with it, or it leads elsewhere.
    Stop,
    Obstacle(fn(Place) -> Obstacle),
}

impl Flow<'_> {
    fn push(&mut self, place: Place, reached: Reached) {
        if self.seen.insert((place, reached)) {
            self.pending.push((place, reached));
        }
    }

    fn lost(&mut self, place: Place) {
        self.found.get_or_insert(Obstacle::Lost(place));
    }

    fn handed_on(&mut self, call: Place) {
        self.found.get_or_insert(Obstacle::HandedOn(call));
    }

    fn follow(&mut self, place: Place, reached: Reached) {
        let db = self.graph.db;
        let (module, scopes) = (module(db, place.file), scopes(db, place.file));
        let at = |expr| Place { expr, ..place };
        let Some(parent) = scopes.parent(place.expr) else { return self.of_file(place, reached) };
        match module.expr(parent) {
            Expr::Let { attrs, body } if body != place.expr => {
                self.bound(place, reached, attrs, true);
            }
            Expr::Attrs(attrs) => self.bound(place, reached, attrs, false),
            Expr::Let { .. } => self.push(at(parent), reached),
            Expr::Assert { body, .. } | Expr::With { body, .. } if body == place.expr => {
                self.push(at(parent), reached);
            }
            Expr::With { set, .. } if set == place.expr => self.opened(at(parent), reached),
            Expr::Select { default: Some(default), .. } if default == place.expr => {
                self.push(at(parent), reached);
            }
            Expr::Select { base, .. } | Expr::HasAttr { base, .. } if base == place.expr => {
                self.select(at(parent), 0, reached);
            }
            Expr::Binary { op: BinaryOp::Equal | BinaryOp::NotEqual, lhs, rhs } => {
                let other = if lhs == place.expr { rhs } else { lhs };
                if !is_empty(module, other) {
                    self.lost(at(parent));
                }
            }
            Expr::Lambda(_) => self.returned(at(parent), reached),
            Expr::Apply { fun, args } if fun != place.expr => {
                self.given(place, reached, at(parent), module.list(args));
            }
            _ => self.lost(at(parent)),
        }
    }

    /// The part is what its file gives.
    fn of_file(&mut self, root: Place, reached: Reached) {
        let found = uses(self.graph.db, root, &[]);
        if let Some(escape) = found.escapes {
            return self.lost(escape);
        }
        for (select, first) in found.selected {
            self.select(select, first, reached);
        }
        for with in found.opened {
            self.opened(with, reached);
        }
    }

    /// The part is what a function gives.
    fn returned(&mut self, function: Place, reached: Reached) {
        let found = uses(self.graph.db, function, &[]);
        if let Some(escape) = found.escapes {
            return self.lost(escape);
        }
        for (call, argument) in found.called {
            let Expr::Apply { args, .. } = module(self.graph.db, call.file).expr(call.expr) else {
                continue;
            };
            match args.len as usize == argument + 1 {
                true => self.push(call, reached),
                false => self.lost(call),
            }
        }
        for call in found.filled_in {
            self.push(call, reached);
        }
    }

    /// The part is an argument.
    fn given(&mut self, place: Place, reached: Reached, call: Place, args: &[ExprId]) {
        let (module, scopes) =
            (module(self.graph.db, place.file), scopes(self.graph.db, place.file));
        let Reached::Steps(done) = reached else { return self.handed_on(call) };
        let is_collection = !matches!(self.path[done], Step::Name(_));
        let Expr::Apply { fun, .. } = module.expr(call.expr) else { return self.handed_on(call) };
        match (called(module, scopes, fun), args) {
            ("attrNames" | "length", [_]) if is_collection => {}
            (name, [_]) if is_collection && is_values_of(name) => self.push(call, reached),
            _ => match iteration(module, scopes, call.expr) {
                Some(found) if is_collection && found.collection == place.expr => {
                    self.enter(place, found.function, Reached::Steps(done + 1));
                    if found.is_filter {
                        self.push(call, reached);
                    }
                }
                _ => self.handed_on(call),
            },
        }
    }

    fn enter(&mut self, place: Place, function: ExprId, reached: Reached) {
        let (module, scopes) =
            (module(self.graph.db, place.file), scopes(self.graph.db, place.file));
        let Expr::Lambda(lambda) = module.expr(function) else { return };
        let Param::Simple { binding, .. } = module.lambdas[lambda.0 as usize].param else { return };
        for expr in scopes.references(binding) {
            self.reach(Place { expr: *expr, ..place }, reached);
        }
    }

    /// Goes on from a place, unless it is the end of the path.
    fn reach(&mut self, place: Place, reached: Reached) {
        if !matches!(reached, Reached::Steps(done) if done == self.path.len()) {
            self.push(place, reached);
        }
    }

    /// What is selected from a part, by the keys from the `first` on.
    fn select(&mut self, select: Place, first: usize, reached: Reached) {
        let module = module(self.graph.db, select.file);
        let (Expr::Select { path, .. } | Expr::HasAttr { path, .. }) = module.expr(select.expr)
        else {
            return;
        };
        let mut reached = reached;
        for key in &module.keys(path)[first..] {
            match self.next(reached, key) {
                Next::On(next) => reached = next,
                Next::Stop => return,
                Next::Obstacle(obstacle) => {
                    self.found.get_or_insert(obstacle(select));
                    return;
                }
            }
        }
        if matches!(module.expr(select.expr), Expr::Select { .. }) {
            self.push(select, reached);
        }
    }

    fn next(&self, reached: Reached, key: &Key) -> Next {
        let done = match (reached, key) {
            (Reached::Everything(done), Key::Static(name))
                if matches!(name.as_str(), "config" | "options") =>
            {
                return Next::On(Reached::Steps(done));
            }
            (Reached::Everything(_), Key::Static(_)) => return Next::Stop,
            (Reached::Everything(_), Key::Dynamic(_)) => return Next::Obstacle(Obstacle::Lost),
            (Reached::Steps(done), _) => done,
        };
        let is_last = done + 1 == self.path.len();
        match (self.path[done], key) {
            (Step::Name(_), Key::Dynamic(_)) => Next::Obstacle(Obstacle::Lost),
            (Step::Name(name), Key::Static(key)) if name == *key && !is_last => {
                Next::On(Reached::Steps(done + 1))
            }
            (Step::Name(_), Key::Static(key)) if is_last && *key == self.new => {
                Next::Obstacle(Obstacle::Taken)
            }
            (Step::Any, _) if !is_last => Next::On(Reached::Steps(done + 1)),
            _ => Next::Stop,
        }
    }

    /// `with part; …`
    fn opened(&mut self, with: Place, reached: Reached) {
        let (module, scopes) = (module(self.graph.db, with.file), scopes(self.graph.db, with.file));
        let Expr::With { set, .. } = module.expr(with.expr) else { return };
        for expr in (0..module.exprs.len() as u32).map(ExprId) {
            let Some(Definition::With { name, sets }) = scopes.definition(module, expr) else {
                continue;
            };
            let Some(position) = sets.iter().position(|found| *found == set) else { continue };
            let variable = Place { expr, ..with };
            match self.next(reached, &Key::Static(name)) {
                Next::On(_) if position > 0 => self.lost(variable),
                Next::On(next) => self.push(variable, next),
                Next::Obstacle(obstacle) => {
                    self.found.get_or_insert(obstacle(variable));
                }
                Next::Stop => {
                    // An inner set may have the name as well.
                    let is_it = matches!(reached, Reached::Steps(done)
                        if self.path[done] == Step::Name(name));
                    if is_it && position > 0 {
                        self.lost(variable);
                    }
                }
            }
        }
    }

    /// The part is what a name is bound to, or a set that is inherited from.
    fn bound(&mut self, place: Place, reached: Reached, attrs: floe_hir::AttrsId, is_let: bool) {
        let (module, scopes) =
            (module(self.graph.db, place.file), scopes(self.graph.db, place.file));
        let set = &module.attrs[attrs.0 as usize];
        let at = |expr| Place { expr, ..place };
        if let Some(index) = set.inherit_from.iter().position(|from| *from == place.expr) {
            for value in inherited_from(module, set, index) {
                self.select(at(value), 0, reached);
            }
            return;
        }
        let Some(entry) = set.entries.iter().find(|entry| entry.value == place.expr) else {
            return self.lost(place);
        };
        for expr in scopes.references(entry.binding) {
            self.push(at(*expr), reached);
        }
        let Some(literal) = literal_of(module, scopes, attrs).filter(|_| !is_let) else { return };
        // As an attribute, it is wherever its set is.
        if let Some(escape) = uses(self.graph.db, at(literal), &[entry.name]).escapes {
            return self.lost(escape);
        }
        let bound = Bound { file: place.file, binding: entry.binding };
        for (file, reference) in all_references(self.graph.db, bound) {
            match reference.role {
                Role::Key { expr, index } | Role::InheritFrom { expr, index, .. } => {
                    self.select(Place { file, expr }, index + 1, reached);
                }
                Role::Variable(expr) | Role::Inherit(expr, _) => {
                    self.push(Place { file, expr }, reached);
                }
                _ => {}
            }
        }
    }
}

/// Whether an expression is `null`, `{ }` or `[ ]`: what is compared with it is not looked into.
fn is_empty(module: &floe_hir::Module, expr: ExprId) -> bool {
    match module.expr(expr) {
        Expr::Attrs(attrs) => {
            let attrs = &module.attrs[attrs.0 as usize];
            attrs.entries.is_empty() && attrs.dynamic.is_empty()
        }
        Expr::List(list) => list.len == 0,
        Expr::Var(floe_hir::Var::Global(id)) => {
            floe_hir::globals()[id.0 as usize].name.as_str() == "null"
        }
        _ => false,
    }
}
