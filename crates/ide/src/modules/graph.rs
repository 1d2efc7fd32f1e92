//! Which modules of the workspace are evaluated together.

use floe_db::{Db, File, module, scopes};
use floe_hir::{
    AttrsId, BinaryOp, BindingId, Definition, Expr, ExprId, Key, Module, Name, Param, ScopeOwner,
};
use rustc_hash::FxHashMap;

use super::called;
use super::facts::{Argument, Facts, facts};
use crate::config::is_flake;
use crate::evaluation::options::{is_module, is_written_as_module};
use crate::known::{self, Place, is_import};
use crate::workspace_index::{direct_referrers, mentioning_files, mentions};

/// The modules of the workspace, or of one file of it.
pub(crate) struct Graph<'db> {
    pub(crate) db: &'db dyn Db,
    pub(crate) nodes: Vec<Node>,
    pub(crate) evaluations: Vec<Evaluation>,
    by_place: FxHashMap<Place, NodeId>,
    /// For each node another that it is evaluated with, or itself.
    others: Vec<NodeId>,
}

/// A module of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

/// A module.
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) facts: Facts,
}

/// A call with `modules = [ … ]`.
pub(crate) struct Evaluation {
    pub(crate) call: Place,
    /// One of the modules.
    pub(crate) node: NodeId,
    /// What it gives to modules by name.
    pub(crate) special_arguments: Option<Place>,
}

impl<'db> Graph<'db> {
    /// The modules that one file has, without those that it imports.
    pub(crate) fn of_file(db: &'db dyn Db, file: File) -> Graph<'db> {
        let mut graph = Graph::empty(db);
        let module = module(db, file);
        if looks_like_module(db, file) {
            graph.node(Place { file, expr: module.root });
        } else if is_imported_as_module(db, file) {
            // `{ secure }: { config, ... }: …` is one when it has been called.
            let mut expr = module.root;
            graph.node(Place { file, expr });
            while let Expr::Lambda(lambda) = module.expr(expr) {
                expr = module.lambdas[lambda.0 as usize].body;
                graph.node(Place { file, expr });
            }
        }
        graph.find_lists(file);
        graph
    }

    /// All modules, as far as a question about these names needs them.
    pub(crate) fn of_workspace(db: &'db dyn Db, names: &[Name]) -> Graph<'db> {
        let mut graph = Graph::empty(db);
        let mut wanted = ["imports", "modules", "configuration"].map(Name::new).to_vec();
        wanted.extend(names);
        for file in mentioning_files(db, &wanted) {
            if looks_like_module(db, file) {
                graph.node(Place { file, expr: module(db, file).root });
            }
            graph.find_lists(file);
        }
        // Whoever is imported is added, and may import others.
        let mut next = 0;
        while next < graph.nodes.len() {
            let node = NodeId(next as u32);
            for import in std::mem::take(&mut graph.nodes[next].facts.imports) {
                if let Some(imported) = module_at(db, import) {
                    let imported = graph.node(imported);
                    graph.join(node, imported);
                }
            }
            next += 1;
        }
        for node in graph.ids() {
            graph.others[node.0 as usize] = graph.group(node);
        }
        graph
    }

    fn empty(db: &'db dyn Db) -> Graph<'db> {
        let (nodes, evaluations, others) = (Vec::new(), Vec::new(), Vec::new());
        Graph { db, nodes, evaluations, by_place: FxHashMap::default(), others }
    }

    /// The modules that are evaluated with one, itself among them.
    pub(crate) fn together(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let group = self.group(node);
        (0..self.nodes.len() as u32).map(NodeId).filter(move |other| self.group(*other) == group)
    }

    /// Whether two modules are evaluated together.
    pub(crate) fn is_together(&self, one: NodeId, other: NodeId) -> bool {
        self.group(one) == self.group(other)
    }

    /// A module by its number.
    pub(crate) fn get(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    /// All modules.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The module that has the configuration by a name.
    pub(crate) fn argument(&self, file: File, binding: BindingId) -> Option<(NodeId, &Argument)> {
        let mut in_file = self.ids().filter(|node| self.get(*node).place.file == file);
        in_file.find_map(|node| {
            let mut arguments = self.get(node).facts.arguments.iter();
            Some((node, arguments.find(|argument| argument.binding == binding)?))
        })
    }

    /// The evaluation that an expression calls.
    pub(crate) fn evaluation(&self, call: Place) -> Option<&Evaluation> {
        self.evaluations.iter().find(|evaluation| evaluation.call == call)
    }

    fn node(&mut self, place: Place) -> NodeId {
        if let Some(known) = self.by_place.get(&place) {
            return *known;
        }
        let node = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { place, facts: facts(self.db, place) });
        self.others.push(node);
        self.by_place.insert(place, node);
        node
    }

    fn join(&mut self, one: NodeId, other: NodeId) {
        let (one, other) = (self.group(one), self.group(other));
        self.others[other.0 as usize] = one;
    }

    fn group(&self, mut node: NodeId) -> NodeId {
        while self.others[node.0 as usize] != node {
            node = self.others[node.0 as usize];
        }
        node
    }

    /// Finds the calls with `modules = [ … ]` of a file.
    fn find_lists(&mut self, file: File) {
        let (module, scopes) = (module(self.db, file), scopes(self.db, file));
        let at = |expr| Place { file, expr };
        for id in (0..module.exprs.len() as u32).map(ExprId) {
            let Expr::Attrs(set) = module.expr(id) else { continue };
            let list = match (attribute(module, set, "modules"), scopes.parent(id)) {
                (Some(list), _) => list_elements(self.db, at(list)),
                (None, Some(call)) if matches!(module.expr(call), Expr::Apply { .. }) => {
                    let configuration = attribute(module, set, "configuration");
                    configuration.map(at).into_iter().collect()
                }
                _ => continue,
            };
            let modules: Vec<Place> =
                list.into_iter().filter_map(|element| module_at(self.db, element)).collect();
            let nodes: Vec<NodeId> = modules.into_iter().map(|place| self.node(place)).collect();
            for pair in nodes.windows(2) {
                self.join(pair[0], pair[1]);
            }
            let special_arguments = ["specialArgs", "extraSpecialArgs"];
            let special_arguments =
                special_arguments.iter().find_map(|name| attribute(module, set, name)).map(at);
            let call = scopes.parent(id).filter(|call| {
                matches!(module.expr(*call), Expr::Apply { args, .. } if module.list(args).contains(&id))
            });
            if let (Some(call), Some(node)) = (call, nodes.first()) {
                let (call, node) = (at(call), *node);
                self.evaluations.push(Evaluation { call, node, special_arguments });
            }
        }
    }
}

/// The value of an attribute of a set.
pub(super) fn attribute(module: &Module, set: AttrsId, name: &str) -> Option<ExprId> {
    let entries = &module.attrs[set.0 as usize].entries;
    let entry = entries.binary_search_by_key(&Name::new(name), |entry| entry.name).ok()?;
    Some(entries[entry].value)
}

/// Whether a file is a module by itself, whoever imports it.
fn looks_like_module(db: &dyn Db, file: File) -> bool {
    let module = module(db, file);
    match module.expr(module.root) {
        Expr::Lambda(_) => is_module(db, file),
        Expr::Attrs(set) => is_written_as_module(module, set),
        _ => false,
    }
}

/// Whether a file of the workspace has another in a list of modules.
fn is_imported_as_module(db: &dyn Db, file: File) -> bool {
    let lists = ["imports", "modules"].map(Name::new);
    direct_referrers(db, file).into_iter().filter(|it| mentions(db, *it, &lists)).any(|referrer| {
        let module = module(db, referrer);
        let at = |expr| Place { file: referrer, expr };
        let entries = module.attrs.iter().flat_map(|attrs| &attrs.entries);
        let lists = entries.filter(|entry| lists.contains(&entry.name));
        let mut elements = lists.flat_map(|list| list_elements(db, at(list.value)));
        elements.any(|element| {
            let module = floe_db::module(db, element.file);
            let path = match module.expr(element.expr) {
                Expr::Apply { args, .. } => module.list(args)[0],
                _ => element.expr,
            };
            known::names_file(db, Place { expr: path, ..element }, file)
        })
    })
}

/// How many steps lead from an element of `imports` to the module.
const STEPS: usize = 32;

/// The module that an element of `imports` is.
pub(crate) fn module_at(db: &dyn Db, place: Place) -> Option<Place> {
    let mut place = place;
    for _ in 0..STEPS {
        let module = module(db, place.file);
        let at = |expr| Place { expr, ..place };
        place = match module.expr(place.expr) {
            Expr::Lambda(_) | Expr::Attrs(_) => return Some(place),
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                at(body)
            }
            Expr::Path(_) => imported(db, place)?,
            Expr::Var(_) => known::variable(db, place)?.value(db)?,
            Expr::Select { base, path, default: None } => {
                let path = known::static_path(module, path)?;
                let found = known::attribute_at(db, at(base), &path);
                found.or_else(|| of_this_flake(db, at(base), &path))?.value(db)?
            }
            Expr::Apply { .. } => result_of_call(db, place)?,
            _ => return None,
        };
    }
    None
}

/// What a call gives: the file that is imported, or the body of the function.
pub(crate) fn result_of_call(db: &dyn Db, call: Place) -> Option<Place> {
    let (module, scopes) = (module(db, call.file), scopes(db, call.file));
    let Expr::Apply { fun, args } = module.expr(call.expr) else { return None };
    let args = module.list(args);
    let at = |expr| Place { expr, ..call };
    let imports = is_import(module, fun) || called(module, scopes, fun) == "importApply";
    let (function, given) = match imports {
        true => (imported(db, at(args[0]))?, args.len() - 1),
        false => (at(fun), args.len()),
    };
    let Some(before) = given.checked_sub(1) else { return Some(function) };
    let (file, lambda) = known::function(db, function, before)?;
    Some(Place { file, expr: floe_db::module(db, file).lambdas[lambda.0 as usize].body })
}

fn imported(db: &dyn Db, path: Place) -> Option<Place> {
    let file = known::imported_file(db, &known::path(db, path)?)?;
    Some(Place { file, expr: module(db, file).root })
}

/// `self.nixosModules.name` in a flake's outputs.
pub(crate) fn of_this_flake(db: &dyn Db, base: Place, path: &[Name]) -> Option<known::Bound> {
    let (module, scopes) = (module(db, base.file), scopes(db, base.file));
    let Definition::Binding(binding) = scopes.definition(module, base.expr)? else { return None };
    let ScopeOwner::Lambda(lambda) = scopes.owner(binding)? else { return None };
    let lambda = &module.lambdas[lambda.0 as usize];
    let Param::Pattern { formals, .. } = &lambda.param else { return None };
    let is_self =
        formals.iter().any(|formal| formal.binding == binding && formal.name.as_str() == "self");
    let is_outputs = lambda.name.is_some_and(|name| name.as_str() == "outputs");
    (is_self && is_outputs && is_flake(db, base.file)).then_some(())?;
    known::attribute_at(db, Place { expr: lambda.body, ..base }, path)
}

/// The elements of a list, as far as the text shows them.
pub(crate) fn list_elements(db: &dyn Db, list: Place) -> Vec<Place> {
    let mut found = Vec::new();
    let mut pending = vec![list];
    for _ in 0..STEPS * STEPS {
        let Some(place) = pending.pop() else { break };
        let (module, scopes) = (module(db, place.file), scopes(db, place.file));
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::List(list) => found.extend(module.list(list).iter().copied().map(at)),
            Expr::Binary { op: BinaryOp::Concat, lhs, rhs } => pending.extend([at(rhs), at(lhs)]),
            Expr::If { then, otherwise, .. } => pending.extend([at(otherwise), at(then)]),
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                pending.push(at(body));
            }
            Expr::Var(_) => {
                pending.extend(known::variable(db, place).and_then(|bound| bound.value(db)));
            }
            Expr::Select { base, path, default: None } => {
                let bound = known::static_path(module, path)
                    .and_then(|path| known::attribute_at(db, at(base), &path));
                pending.extend(bound.and_then(|bound| bound.value(db)));
            }
            Expr::Apply { fun, args } => match (called(module, scopes, fun), module.list(args)) {
                ("optional", [_, element]) => found.push(at(*element)),
                ("optionals", [_, list]) => pending.push(at(*list)),
                ("import", [path]) if is_import(module, fun) => {
                    pending.extend(imported(db, at(*path)));
                }
                _ => {}
            },
            _ => {}
        }
    }
    found
}

/// Whether a key is written, and which name it is.
pub(crate) fn step_of(key: &Key) -> super::Step {
    match key {
        Key::Static(name) => super::Step::Name(*name),
        Key::Dynamic(_) => super::Step::Any,
    }
}
