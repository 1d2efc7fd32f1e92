//! Attribute sets: literals, and `//`.

use std::cell::Cell;

use floe_hir::{AttrKind, Attrs as AttrsLiteral, AttrsId, Expr, Name};

use super::Room;
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, AttrsBuilder, Code, Env, Kind, Value};
use crate::unit::Unit;

impl<'h> Evaluator<'h> {
    pub(super) fn attrs_literal(
        &self,
        unit: &'h Unit<'h>,
        id: AttrsId,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        let literal = &unit.module.attrs[id.0 as usize];
        let shape = unit.shape(self.heap, id);
        let set = self.heap.attrs_with(shape, |_| Value::null());
        if !literal.recursive {
            self.fill_slots(unit, literal, env, env, set.cells(), false);
            return self.add_dynamic(unit, literal, set, env);
        }
        let inner = self.heap.env(env, literal.entries.len());
        let overrides = shape.find(self.names.overrides);
        self.fill_slots(unit, literal, env, inner, inner.slots(), overrides.is_some());
        for (cell, slot) in set.cells().iter().zip(inner.slots()) {
            cell.set(slot.get());
        }
        let set = match overrides {
            Some(index) => self.apply_overrides(set, inner, index)?,
            None => set,
        };
        self.add_dynamic(unit, literal, set, inner)
    }

    /// Fills `slots` with the values of a literal's static attributes.
    pub(super) fn fill_slots(
        &self,
        unit: &'h Unit<'h>,
        literal: &'h AttrsLiteral,
        outer: Env<'h>,
        inner: Env<'h>,
        slots: &'h [Cell<Value<'h>>],
        thunks_only: bool,
    ) {
        let mut room = Room::new();
        let sources = self.delay_each(unit, &literal.inherit_from, inner, &mut room);
        for (slot, entry) in slots.iter().zip(&literal.entries) {
            let code = Code { unit: unit.index, expr: entry.value };
            slot.set(match entry.kind {
                AttrKind::Plain if thunks_only => self.heap.thunk(code, inner),
                AttrKind::Plain if unit.own.is_some() => self.delay_own(unit, entry.value, inner),
                AttrKind::Plain => self.delay(unit, entry.value, inner),
                AttrKind::Inherited => self.delay(unit, entry.value, outer),
                AttrKind::InheritedFrom => {
                    let Expr::Select { base, path, .. } = unit.exprs[entry.value.0 as usize] else {
                        unreachable!("an inherited attribute is a select")
                    };
                    let Expr::InheritFrom(index) = unit.exprs[base.0 as usize] else {
                        unreachable!("an inherited attribute selects from an inherited set")
                    };
                    let set = sources[index as usize];
                    match self.attr_at_hand(unit, set, path) {
                        Some(value) => value,
                        None => self.heap.thunk_inherit(code, set),
                    }
                }
            });
        }
    }

    /// `__overrides` in a `rec` set: its attributes replace those of the set, also in the set's scope.
    pub(super) fn apply_overrides(
        &self,
        set: Attrs<'h>,
        inner: Env<'h>,
        index: usize,
    ) -> Result<Attrs<'h>> {
        let value = set.cells()[index].get();
        let overrides =
            self.force_attrs(value, Pos::None, "while evaluating the `__overrides` attribute")?;
        for attr in overrides.iter() {
            if let Some(slot) = set.shape().find(attr.name) {
                inner.slots()[slot].set(attr.cell.get());
            }
        }
        Ok(self.heap.update(set, overrides))
    }

    /// Adds a literal's dynamic attributes.
    pub(super) fn add_dynamic(
        &self,
        unit: &'h Unit<'h>,
        literal: &'h AttrsLiteral,
        set: Attrs<'h>,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        if literal.dynamic.is_empty() {
            return Ok(set.value());
        }
        let mut builder = AttrsBuilder::with_capacity(set.len() + literal.dynamic.len());
        for attr in set.iter() {
            builder.push(attr.name, attr.cell.get(), attr.position);
        }
        let mut added: Vec<(Name, Pos)> = Vec::new();
        for entry in &literal.dynamic {
            let pos = Pos::Binding(unit.position(entry.binding.0));
            let name = self.eval(unit, entry.name, env)?;
            if matches!(name.kind(), Kind::Null) {
                continue;
            }
            let context = "while evaluating the name of a dynamic attribute";
            let name = self.force_name(name, pos, context)?;
            let before = set
                .get(name)
                .map(|attr| attr.position.into())
                .or_else(|| added.iter().find(|(n, _)| *n == name).map(|(_, pos)| *pos));
            if let Some(before) = before {
                let place = self.locate(before).map_or_else(String::new, |p| p.to_string());
                return Err(EvalError::new(
                    ErrorKind::DuplicateAttribute,
                    format!(
                        "dynamic attribute '{}' already defined at {place}",
                        floe_hir::Identifier(name.as_str())
                    ),
                )
                .at(pos));
            }
            added.push((name, pos));
            let value = self.delay(unit, entry.value, env);
            builder.push(name, value, unit.position(entry.binding.0));
        }
        Ok(builder.finish(self.heap))
    }
}
