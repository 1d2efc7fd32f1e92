//! Gives an option another name, in all modules that are evaluated together and all that read their
//! configuration.
//!
//! Where an option of the new name exists, where a text computes what could be the option, and where the
//! set that it is in gets out of sight, there is no edit.

use floe_db::{File, source_map};
use floe_hir::{Name, Span};

use super::others::other_mention;
use super::reads::{Obstacle, declared_path, obstacle};
use super::references::OptionName;
use super::{Step, begins_with};
use crate::evaluation::options::{OptionPath, OptionStep, options_below};
use crate::known::{Bound, Place};
use crate::references::{Reference, Role};
use crate::rename::{FileEdits, RenameError, Renaming, edits_by_file, place_of};
use crate::workspace_index::is_in_workspace;

impl OptionName<'_> {
    /// The edits that rename it.
    pub(crate) fn rename(&self, new: Name) -> Result<Vec<FileEdits>, RenameError> {
        let references = self.references();
        self.check_declarations(new)?;
        self.check_computed()?;
        let captured = |place: Place| self.captured(place.file, self.expr_span(place), new);
        match obstacle(&self.graph, self.node, &self.path, new) {
            Some(Obstacle::Lost(place)) => return Err(self.lost(place)),
            Some(Obstacle::HandedOn(place)) => return Err(self.handed_on(place)),
            Some(Obstacle::Taken(place)) => return Err(captured(place)),
            None => {}
        }
        if let Some((file, span)) = other_mention(self, &references) {
            let (file, line) = place_of(self.graph.db, file, span);
            return Err(RenameError::Unconnected { name: self.name.to_string(), file, line });
        }
        self.check_names(&references, new)?;
        let bound = self.mentions().first().map(|(bound, _)| *bound);
        let bound = bound.ok_or(RenameError::NothingHere)?;
        edits_by_file(&self.renaming(bound, new), &references)
    }

    /// Nobody else may declare it, and nobody at all an option of the new name.
    fn check_declarations(&self, new: Name) -> Result<(), RenameError> {
        let db = self.graph.db;
        for (bound, is_declaration) in self.mentions() {
            if is_declaration && !is_in_workspace(db, bound.file) {
                let file = bound.file.path(db).display().to_string();
                return Err(RenameError::Elsewhere { name: self.name.to_string(), file });
            }
        }
        let mut renamed = self.path.clone();
        if let Some(last) = renamed.last_mut() {
            *last = Step::Name(new);
        }
        let is_taken = self.graph.together(self.node).any(|node| {
            let facts = &self.graph.get(node).facts;
            let mentions = facts.mentions.iter().map(|mention| &mention.path);
            let mut paths = mentions.chain(facts.strings.iter().map(|(path, _)| path));
            paths.any(|path| {
                path.len() == renamed.len()
                    && (begins_with(path, &renamed) || begins_with(&renamed, path))
            })
        });
        if is_taken || declared_path(&self.graph, self.node, &renamed).is_some() {
            return Err(RenameError::Taken { name: new.to_string() });
        }
        let above = self.path[..self.path.len() - 1].iter().map(|step| match step {
            Step::Name(name) => OptionStep::Attribute(name.to_string()),
            Step::Any => OptionStep::AnyAttribute,
            Step::Element => OptionStep::Element,
        });
        let above: Vec<OptionStep> = above.collect();
        let of_nixos = options_below(db, OptionPath::new(db, above)).known(db);
        let has = |name: Name| {
            of_nixos.is_some_and(|options| options.iter().any(|it| it.name == name.as_str()))
        };
        if has(self.name) {
            return Err(RenameError::OfModule { name: self.name.to_string() });
        }
        if has(new) { Err(RenameError::Taken { name: new.to_string() }) } else { Ok(()) }
    }

    /// No module may compute what could be the option.
    fn check_computed(&self) -> Result<(), RenameError> {
        for node in self.graph.together(self.node) {
            let node = self.graph.get(node);
            for computed in &node.facts.computed {
                let Some(next) = self.path.get(computed.path.len()) else { continue };
                let is_above = begins_with(&computed.path, &self.path[..computed.path.len()]);
                // Any name does for one of `attrsOf`.
                let is_any = computed.is_name && *next == Step::Any;
                if is_above && !is_any {
                    let place = Place { file: node.place.file, expr: computed.expr };
                    let (file, line) = place_of(self.graph.db, place.file, self.expr_span(place));
                    let name = self.name.to_string();
                    return Err(RenameError::Computed { name, file, line });
                }
            }
        }
        Ok(())
    }

    /// No variable may come to mean something else.
    fn check_names(&self, references: &[(File, Reference)], new: Name) -> Result<(), RenameError> {
        for (bound, _) in self.mentions() {
            self.renaming(bound, new).check_hidden()?;
        }
        let Some((first, _)) = self.mentions().first().copied() else { return Ok(()) };
        for (file, reference) in references {
            let owner = match reference.role {
                Role::Variable(expr) | Role::Inherit(expr, _) => self.binding_of(*file, expr),
                _ => None,
            };
            self.renaming(owner.unwrap_or(first), new).check_reference(*file, reference)?;
        }
        Ok(())
    }

    /// The binding of a recursive set that a variable means.
    fn binding_of(&self, file: File, variable: floe_hir::ExprId) -> Option<Bound> {
        let db = self.graph.db;
        match floe_db::scopes(db, file).definition(floe_db::module(db, file), variable)? {
            floe_hir::Definition::Binding(binding) => Some(Bound { file, binding }),
            _ => None,
        }
    }

    fn renaming(&self, bound: Bound, new: Name) -> Renaming<'_> {
        Renaming { db: self.graph.db, bound, old: self.name, new }
    }

    fn expr_span(&self, place: Place) -> Span {
        source_map(self.graph.db, place.file).exprs[place.expr.0 as usize]
    }

    fn lost(&self, place: Place) -> RenameError {
        let (file, line) = place_of(self.graph.db, place.file, self.expr_span(place));
        RenameError::Lost { name: self.name.to_string(), file, line }
    }

    fn handed_on(&self, place: Place) -> RenameError {
        let (file, line) = place_of(self.graph.db, place.file, self.expr_span(place));
        RenameError::HandedOn { name: self.name.to_string(), file, line }
    }

    fn captured(&self, file: File, span: Span, new: Name) -> RenameError {
        let (file, line) = place_of(self.graph.db, file, span);
        RenameError::Captured { name: new.to_string(), file, line }
    }
}
