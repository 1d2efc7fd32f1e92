//! Places that name an option, it seems, though nothing shows that they are evaluated with it.

use floe_db::{File, module, scopes, source_map};
use floe_hir::{BindingId, Expr, ExprId, Key, Name, ScopeOwner, Span};
use rustc_hash::FxHashSet;

use super::reads::{declared_path, part_at_key};
use super::references::OptionName;
use super::{Step, variable_name};
use crate::known::{Place, entry_of, name_of};
use crate::references::Reference;
use crate::uses::literal_of;
use crate::workspace_index::mentioning_files;

/// The first of them.
pub(super) fn other_mention(
    option: &OptionName<'_>,
    references: &[(File, Reference)],
) -> Option<(File, Span)> {
    let known: FxHashSet<(File, Span)> =
        references.iter().map(|(file, reference)| (*file, reference.span)).collect();
    mentioning_files(option.graph.db, &[option.name]).into_iter().find_map(|file| {
        let others = Others { option, file };
        let binding = others.binding(&known).map(|span| (file, span));
        binding.or_else(|| others.selection(&known).map(|span| (file, span)))
    })
}

struct Others<'a> {
    option: &'a OptionName<'a>,
    file: File,
}

impl Others<'_> {
    /// A binding at the end of the option's path.
    fn binding(&self, known: &FxHashSet<(File, Span)>) -> Option<Span> {
        let db = self.option.graph.db;
        let (module, map) = (module(db, self.file), source_map(db, self.file));
        let entries = module.attrs.iter().flat_map(|attrs| &attrs.entries);
        let named = entries.filter(|entry| entry.name == self.option.name);
        let bindings = named.map(|entry| entry.binding);
        bindings
            .filter(|binding| !known.contains(&(self.file, map.names[binding.0 as usize])))
            .find(|binding| self.is_suspicious(*binding))
            .map(|binding| map.names[binding.0 as usize])
    }

    fn is_suspicious(&self, binding: BindingId) -> bool {
        let graph = &self.option.graph;
        let mention = graph.ids().find_map(|node| {
            let found = graph.get(node);
            let mut mentions = found.facts.mentions.iter();
            let mention = mentions.find(|mention| mention.binding == binding)?;
            (found.place.file == self.file).then_some((node, mention))
        });
        match mention {
            // Another option of the workspace, or this one in modules that have nothing to do with it.
            Some((node, mention)) if declared_path(graph, node, &mention.path).is_some() => false,
            Some((_, mention)) if self.option.path.len() == 1 => self.option.is_path(&mention.path),
            None if self.option.path.len() == 1 => false,
            _ => self.stands_at_path(binding) && self.may_be_it(binding),
        }
    }

    /// Whether a set that stands at the path has one of the options that are declared there: that of
    /// `systemd.services.site` is no `services.site`.
    fn may_be_it(&self, binding: BindingId) -> bool {
        let db = self.option.graph.db;
        let (module, scopes) = (module(db, self.file), scopes(db, self.file));
        let value = entry_of(module, scopes, binding).map(|entry| module.expr(entry.value));
        let Some(Expr::Attrs(attrs)) = value else { return true };
        let attrs = &module.attrs[attrs.0 as usize];
        let graph = &self.option.graph;
        let is_declared = |name: Name| {
            let mut path = self.option.path.clone();
            path.push(Step::Name(name));
            declared_path(graph, self.option.node, &path).is_some()
        };
        !attrs.dynamic.is_empty()
            || attrs.entries.is_empty()
            || attrs.entries.iter().any(|entry| is_declared(entry.name))
    }

    /// Whether the sets around a binding have the names of the path.
    fn stands_at_path(&self, binding: BindingId) -> bool {
        let mut around = self.names_around(binding).into_iter();
        self.option.path.iter().rev().all(|step| match step {
            Step::Name(name) => around.next() == Some(*name),
            Step::Any => around.next().is_some(),
            Step::Element => true,
        })
    }

    /// The name of a binding and of those that it stands in, innermost first.
    fn names_around(&self, binding: BindingId) -> Vec<Name> {
        let db = self.option.graph.db;
        let (module, scopes) = (module(db, self.file), scopes(db, self.file));
        let mut found: Vec<Name> = name_of(module, scopes, binding).into_iter().collect();
        let Some(ScopeOwner::Attrs(attrs)) = scopes.owner(binding) else { return found };
        let Some(mut inner) = literal_of(module, scopes, attrs) else { return found };
        while let Some(outer) = scopes.parent(inner) {
            if let Expr::Attrs(attrs) | Expr::Let { attrs, .. } = module.expr(outer) {
                let mut entries = module.attrs[attrs.0 as usize].entries.iter();
                found.extend(entries.find(|entry| entry.value == inner).map(|entry| entry.name));
            }
            inner = outer;
        }
        found
    }

    /// A selection of the option, or of a set that it is in, from something called `config`.
    fn selection(&self, known: &FxHashSet<(File, Span)>) -> Option<Span> {
        let db = self.option.graph.db;
        let (module, map) = (module(db, self.file), source_map(db, self.file));
        for id in (0..module.exprs.len() as u32).map(ExprId) {
            let (Expr::Select { base, path, .. } | Expr::HasAttr { base, path }) = module.expr(id)
            else {
                continue;
            };
            let keys = module.keys(path);
            let mut from_config = match self.is_called_config(base) {
                true => vec![0],
                false => Vec::new(),
            };
            let configs = keys.iter().zip(1..).filter(|(key, _)| is_config(key));
            from_config.extend(configs.map(|(_, next)| next));
            for start in from_config {
                let reached = self.reached(&keys[start..]);
                if reached == 0 {
                    continue;
                }
                let last = start + reached - 1;
                let span = map.keys[path.start as usize + last];
                let is_known = known.contains(&(self.file, span))
                    || part_at_key(&self.option.graph, Place { file: self.file, expr: id }, last)
                        .is_some_and(|part| self.is_another(&part));
                if !is_known {
                    return Some(span);
                }
            }
        }
        None
    }

    /// How many of the keys lead along the path, if they do not leave it.
    fn reached(&self, keys: &[Key]) -> usize {
        let fits = |(key, step): &(&Key, &Step)| match (key, step) {
            (Key::Static(key), Step::Name(name)) => key == name,
            (Key::Dynamic(_), Step::Name(_)) | (_, Step::Any) => true,
            (_, Step::Element) => false,
        };
        let fitting = keys.iter().zip(&self.option.path).take_while(fits).count();
        let leaves = fitting < keys.len() && fitting < self.option.path.len();
        if leaves { 0 } else { fitting }
    }

    /// Whether what is selected is followed from where it is made: by the same modules, or by others
    /// that declare what they select.
    fn is_another(&self, part: &super::reads::Part) -> bool {
        let graph = &self.option.graph;
        graph.is_together(part.node, self.option.node)
            || declared_path(graph, part.node, &self.option.path).is_some()
    }

    fn is_called_config(&self, expr: ExprId) -> bool {
        let db = self.option.graph.db;
        let (module, scopes) = (module(db, self.file), scopes(db, self.file));
        variable_name(module, scopes, expr).is_some_and(|name| name.as_str() == "config")
    }
}

fn is_config(key: &Key) -> bool {
    matches!(key, Key::Static(name) if name.as_str() == "config")
}
