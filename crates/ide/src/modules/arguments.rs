//! The arguments that modules are given by name: with `_module.args`, or with `specialArgs`.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{BindingId, Expr, ExprId, Key, Name, Param};

use super::Step;
use super::facts::ArgumentOf;
use super::graph::{Graph, NodeId};
use crate::known::{self, Bound, Place};
use crate::references::{Reference, Role, all_references, bound_at};
use crate::rename::{FileEdits, RenameError, Renaming, edits_by_file, place_of};

/// An argument that modules of the workspace are given by others.
pub(crate) struct ModuleArgument<'db> {
    graph: Graph<'db>,
    node: NodeId,
    /// Its name.
    pub(crate) name: Name,
}

/// The argument that the name under the cursor is, if the workspace has a place that gives it.
pub(crate) fn argument_at(db: &dyn Db, file: File, offset: u32) -> Option<ModuleArgument<'_>> {
    let (bound, _) = bound_at(db, file, offset)?;
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let name = known::name_of(module, scopes, bound.binding)?;
    if is_given_to_all(name) {
        return None;
    }
    is_argument(&Graph::of_file(db, bound.file), bound, name)?;
    let graph = Graph::of_workspace(db, &[name]);
    let node = is_argument(&graph, bound, name)?;
    let found = ModuleArgument { graph, node, name };
    (!found.givers().is_empty()).then_some(found)
}

/// Whether modules have an argument of this name whoever evaluates them.
fn is_given_to_all(name: Name) -> bool {
    matches!(name.as_str(), "config" | "options" | "lib" | "pkgs" | "modulesPath" | "specialArgs")
}

/// The module that takes a name, or gives it to others.
fn is_argument(graph: &Graph<'_>, bound: Bound, name: Name) -> Option<NodeId> {
    let takes = |node: NodeId| formal(graph, node, name) == Some(bound);
    let gives = |node: NodeId| given_in(graph, node, name).any(|it| it == bound);
    let node = graph.ids().find(|node| takes(*node) || gives(*node));
    node.or_else(|| {
        let evaluations = &graph.evaluations;
        let gives = evaluations.iter().find(|evaluation| {
            let special = evaluation.special_arguments;
            special.is_some_and(|set| given_by(graph.db, set, name) == Some(bound))
        });
        gives.map(|evaluation| evaluation.node)
    })
}

/// The formal argument of a module.
fn formal(graph: &Graph<'_>, node: NodeId, name: Name) -> Option<Bound> {
    let place = graph.get(node).place;
    let module = module(graph.db, place.file);
    let Expr::Lambda(lambda) = module.expr(place.expr) else { return None };
    let Param::Pattern { formals, .. } = &module.lambdas[lambda.0 as usize].param else {
        return None;
    };
    let formal = formals.iter().find(|formal| formal.name == name)?;
    Some(Bound { file: place.file, binding: formal.binding })
}

/// `_module.args.name = …`
fn given_in<'g>(
    graph: &'g Graph<'_>,
    node: NodeId,
    name: Name,
) -> impl Iterator<Item = Bound> + 'g {
    let node = graph.get(node);
    let mentions = node.facts.mentions.iter().filter(move |mention| match mention.path[..] {
        [Step::Name(module), Step::Name(args), Step::Name(found)] => {
            (module.as_str(), args.as_str(), found) == ("_module", "args", name)
        }
        _ => false,
    });
    mentions.map(|mention| Bound { file: node.place.file, binding: mention.binding })
}

/// The attribute of a literal set of arguments.
fn given_by(db: &dyn Db, set: Place, name: Name) -> Option<Bound> {
    let Expr::Attrs(attrs) = module(db, set.file).expr(set.expr) else { return None };
    known::entry(db, known::Set { file: set.file, attrs }, name)
}

impl ModuleArgument<'_> {
    /// All places that name it, by file.
    pub(crate) fn references(&self) -> Vec<(File, Reference)> {
        let db = self.graph.db;
        let bounds = self.givers().into_iter().chain(self.formals());
        let mut found: Vec<(File, Reference)> =
            bounds.flat_map(|bound| all_references(db, bound)).collect();
        for (file, (expr, key)) in self.selections() {
            if key == self.name {
                let (Expr::Select { path, .. } | Expr::HasAttr { path, .. }) =
                    module(db, file).expr(expr)
                else {
                    continue;
                };
                let span = source_map(db, file).keys[path.start as usize];
                found.push((file, Reference { span, role: Role::Key { expr, index: 0 } }));
            }
        }
        found.sort_by_key(|(file, reference)| (file.path(db), reference.span));
        found.dedup_by_key(|(file, reference)| (*file, reference.span));
        found
    }

    /// The edits that rename it.
    pub(crate) fn rename(&self, new: Name) -> Result<Vec<FileEdits>, RenameError> {
        let db = self.graph.db;
        let references = self.references();
        if is_given_to_all(new) {
            return Err(RenameError::Taken { name: new.to_string() });
        }
        for node in self.graph.together(self.node) {
            let gives = given_in(&self.graph, node, new).next().is_some();
            if gives || formal(&self.graph, node, new).is_some() {
                return Err(RenameError::Taken { name: new.to_string() });
            }
            self.check_computed(node)?;
        }
        self.check_others()?;
        for (file, (expr, key)) in self.selections() {
            if key == new {
                let span = source_map(db, file).exprs[expr.0 as usize];
                let (file, line) = place_of(db, file, span);
                return Err(RenameError::Captured { name: new.to_string(), file, line });
            }
        }
        for bound in self.givers().into_iter().chain(self.formals()) {
            let renaming = Renaming { db, bound, old: self.name, new };
            renaming.check_names(&all_references(db, bound))?;
        }
        let bound = self.givers().first().copied().ok_or(RenameError::NothingHere)?;
        edits_by_file(&Renaming { db, bound, old: self.name, new }, &references)
    }

    fn formals(&self) -> Vec<Bound> {
        let nodes = self.graph.together(self.node);
        nodes.filter_map(|node| formal(&self.graph, node, self.name)).collect()
    }

    fn givers(&self) -> Vec<Bound> {
        let nodes = self.graph.together(self.node);
        let mut found: Vec<Bound> =
            nodes.flat_map(|node| given_in(&self.graph, node, self.name)).collect();
        let special = self.special_arguments();
        found.extend(special.filter_map(|set| given_by(self.graph.db, set, self.name)));
        found
    }

    fn special_arguments(&self) -> impl Iterator<Item = Place> + '_ {
        let evaluations = self.graph.evaluations.iter();
        let with = evaluations.filter(|it| self.graph.is_together(it.node, self.node));
        with.filter_map(|evaluation| evaluation.special_arguments)
    }

    /// What is selected from the sets of all arguments: the expression and the first key.
    fn selections(&self) -> Vec<(File, (ExprId, Name))> {
        let db = self.graph.db;
        let mut found = Vec::new();
        for (file, binding) in self.whole_arguments() {
            let (module, scopes) = (module(db, file), scopes(db, file));
            for expr in scopes.references(binding) {
                let Some(parent) = scopes.parent(*expr) else { continue };
                if let Expr::Select { base, path, .. } | Expr::HasAttr { base, path } =
                    module.expr(parent)
                    && base == *expr
                    && let Key::Static(name) = module.keys(path)[0]
                {
                    found.push((file, (parent, name)));
                }
            }
        }
        found
    }

    fn whole_arguments(&self) -> Vec<(File, BindingId)> {
        let mut found = Vec::new();
        for node in self.graph.together(self.node) {
            let node = self.graph.get(node);
            let whole = node.facts.arguments.iter().filter(|argument| {
                argument.of == ArgumentOf::Everything && argument.base.is_empty()
            });
            found.extend(whole.map(|argument| (node.place.file, argument.binding)));
        }
        found
    }

    /// No module may compute what it gives to others, or pass on all that it is given.
    fn check_computed(&self, node: NodeId) -> Result<(), RenameError> {
        let db = self.graph.db;
        let node = self.graph.get(node);
        let path = ["_module", "args"].map(|name| Step::Name(Name::new(name)));
        let computed = node.facts.computed.iter().find(|computed| {
            computed.path.len() <= path.len() && computed.path[..] == path[..computed.path.len()]
        });
        let mut places: Vec<Place> = computed
            .map(|computed| Place { file: node.place.file, expr: computed.expr })
            .into_iter()
            .collect();
        places.extend(
            self.special_arguments()
                .filter(|set| !matches!(module(db, set.file).expr(set.expr), Expr::Attrs(_))),
        );
        if let Some(place) = places.first() {
            let span = source_map(db, place.file).exprs[place.expr.0 as usize];
            let (file, line) = place_of(db, place.file, span);
            return Err(RenameError::Computed { name: self.name.to_string(), file, line });
        }
        let selections = self.selections();
        for (file, binding) in self.whole_arguments() {
            for expr in scopes(db, file).references(binding) {
                let parent = scopes(db, file).parent(*expr);
                if !selections
                    .iter()
                    .any(|(at, (select, _))| *at == file && Some(*select) == parent)
                {
                    let (file, line) =
                        place_of(db, file, source_map(db, file).exprs[expr.0 as usize]);
                    return Err(RenameError::Lost { name: self.name.to_string(), file, line });
                }
            }
        }
        Ok(())
    }

    /// No module that nothing connects with these may take the argument without being given it.
    fn check_others(&self) -> Result<(), RenameError> {
        let graph = &self.graph;
        let others = graph.ids().filter(|node| !graph.is_together(*node, self.node));
        for node in others {
            let Some(taken) = formal(graph, node, self.name) else { continue };
            let is_given = graph
                .together(node)
                .any(|giver| given_in(graph, giver, self.name).next().is_some())
                || graph.evaluations.iter().any(|evaluation| {
                    graph.is_together(evaluation.node, node)
                        && evaluation.special_arguments.is_some()
                });
            if !is_given {
                let (file, line) = place_of(graph.db, taken.file, taken.span(graph.db));
                let name = self.name.to_string();
                return Err(RenameError::Unconnected { name, file, line });
            }
        }
        Ok(())
    }
}
