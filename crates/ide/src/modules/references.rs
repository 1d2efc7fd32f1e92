//! The option that a name is a part of the path of, and all places that name it.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{Definition, Expr, ExprId, Key, Name, Span, Var};

use super::graph::{Graph, NodeId};
use super::reads::{declared_path, part, part_at_key};
use super::{Step, begins_with};
use crate::known::{Bound, Place};
use crate::references::{Inherits, Reference, Role, lexical};
use crate::symbol::{Symbol, symbol_at};
use crate::workspace_index::mentioning_files;

/// An option of the workspace's modules, or a set of them.
pub(crate) struct OptionName<'db> {
    pub(super) graph: Graph<'db>,
    /// One of the modules that are evaluated together.
    pub(super) node: NodeId,
    /// Its path, as it is declared.
    pub(super) path: Vec<Step>,
    /// Its name.
    pub(crate) name: Name,
    /// The name under the cursor.
    pub(crate) span: Span,
}

/// The option that the name under the cursor belongs to, if a module of the workspace declares it.
pub(crate) fn option_at(db: &dyn Db, file: File, offset: u32) -> Option<OptionName<'_>> {
    let (symbol, span) = symbol_at(db, file, offset)?;
    // Most names are none, which their own file tells.
    let (_, used) = used_path(&Graph::of_file(db, file), file, symbol)?;
    let Some(&Step::Name(name)) = used.last() else { return None };
    let graph = Graph::of_workspace(db, &[name]);
    let (node, used) = used_path(&graph, file, symbol)?;
    let path = declared_path(&graph, node, &used)?.to_vec();
    Some(OptionName { graph, node, path, name, span })
}

fn used_path(graph: &Graph<'_>, file: File, symbol: Symbol) -> Option<(NodeId, Vec<Step>)> {
    let found = match symbol {
        Symbol::Binding(binding) => {
            let mut in_file = graph.ids().filter(|node| graph.get(*node).place.file == file);
            return in_file.find_map(|node| {
                let mut mentions = graph.get(node).facts.mentions.iter();
                let mention = mentions.find(|mention| mention.binding == binding)?;
                Some((node, mention.path.clone()))
            });
        }
        Symbol::Key { expr, index } => part_at_key(graph, Place { file, expr }, index)?,
        Symbol::Variable(expr) => {
            let definition = scopes(graph.db, file).definition(module(graph.db, file), expr)?;
            matches!(definition, Definition::With { .. }).then_some(())?;
            part(graph, Place { file, expr })?
        }
        Symbol::Path(_) | Symbol::SearchPath(_) => return None,
    };
    Some((found.node, found.path()?.to_vec()))
}

impl OptionName<'_> {
    /// All places that name it, by file; those that declare it come first.
    pub(crate) fn references(&self) -> Vec<(File, Reference)> {
        let db = self.graph.db;
        let mut found: Vec<(File, Reference)> = Vec::new();
        let mut declaring: Vec<File> = Vec::new();
        for (bound, is_declaration) in self.mentions() {
            if is_declaration {
                declaring.push(bound.file);
            }
            let mut in_file = Vec::new();
            lexical(db, bound, &Inherits::of(module(db, bound.file)), &mut in_file);
            found.extend(in_file.into_iter().map(|reference| (bound.file, reference)));
        }
        for node in self.graph.together(self.node) {
            let node = self.graph.get(node);
            let strings = node.facts.strings.iter().filter(|(path, _)| self.is_path(path));
            found.extend(strings.map(|(_, expr)| {
                let span = source_map(db, node.place.file).exprs[expr.0 as usize];
                (node.place.file, Reference { span, role: Role::Text })
            }));
        }
        for file in mentioning_files(db, &[self.name]) {
            let reads = self.reads_in(file);
            found.extend(reads.into_iter().map(|reference| (file, reference)));
        }
        let order = |file: File| (!declaring.contains(&file), file.path(db));
        found.sort_by(|(file, one), (other_file, other)| {
            (order(*file), one.span).cmp(&(order(*other_file), other.span))
        });
        found.dedup_by_key(|(file, reference)| (*file, reference.span));
        found
    }

    /// The bindings that declare or define it, or something in it, and whether they declare it.
    pub(super) fn mentions(&self) -> Vec<(Bound, bool)> {
        let mut found = Vec::new();
        for node in self.graph.together(self.node) {
            let node = self.graph.get(node);
            let mentions = node.facts.mentions.iter().filter(|mention| self.is_path(&mention.path));
            found.extend(mentions.map(|mention| {
                let bound = Bound { file: node.place.file, binding: mention.binding };
                (bound, mention.is_declaration)
            }));
        }
        found
    }

    /// Whether a path, as it is used, is this one.
    pub(super) fn is_path(&self, used: &[Step]) -> bool {
        used.len() == self.path.len() && begins_with(used, &self.path)
    }

    fn reads_in(&self, file: File) -> Vec<Reference> {
        let db = self.graph.db;
        let (module, map) = (module(db, file), source_map(db, file));
        let inherits = Inherits::of(module);
        let mut found = Vec::new();
        for id in (0..module.exprs.len() as u32).map(ExprId) {
            let place = Place { file, expr: id };
            match module.expr(id) {
                Expr::Var(Var::With { name, .. })
                    if name == self.name
                        && part(&self.graph, place).is_some_and(|part| self.is_part(&part)) =>
                {
                    let role = inherits.role_of_variable(id);
                    found.push(Reference { span: map.exprs[id.0 as usize], role });
                }
                Expr::Select { path, .. } | Expr::HasAttr { path, .. } => {
                    let keys = module.keys(path).iter().enumerate();
                    for (index, _) in keys.filter(|(_, key)| **key == Key::Static(self.name)) {
                        let part = part_at_key(&self.graph, place, index);
                        if part.is_some_and(|part| self.is_part(&part)) {
                            let role = inherits.role_of_key(id, index);
                            let span = map.keys[path.start as usize + index];
                            found.push(Reference { span, role });
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn is_part(&self, part: &super::reads::Part) -> bool {
        self.graph.is_together(part.node, self.node)
            && part.path().is_some_and(|path| self.is_path(path))
    }
}
