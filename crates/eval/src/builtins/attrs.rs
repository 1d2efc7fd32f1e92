//! Attribute sets.

use floe_hir::{Identifier, Name};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Builtin, builtin};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attr, Attrs, AttrsBuilder, PositionId, Shape, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("attrNames", 1, |ev, args, _| {
        let doing = "while evaluating the argument passed to builtins.attrNames";
        let attrs = ev.force_attrs(args[0], Pos::None, doing)?;
        let shape = attrs.shape().number();
        let known = ev.name_lists.borrow().get(&shape).copied();
        if let Some(names) = known {
            return Ok(names);
        }
        let sorted = ev.sorted(attrs)?;
        let names = ev.heap.list_with(sorted.len(), |i| ev.name_value(sorted[i].name));
        ev.name_lists.borrow_mut().insert(shape, names);
        Ok(names)
    }),
    builtin("attrValues", 1, |ev, args, _| {
        let doing = "while evaluating the argument passed to builtins.attrValues";
        let attrs = ev.sorted(ev.force_attrs(args[0], Pos::None, doing)?)?;
        Ok(ev.heap.list_with(attrs.len(), |i| attrs[i].cell.get()))
    }),
    builtin("catAttrs", 2, cat_attrs),
    builtin("getAttr", 2, get_attr),
    builtin("hasAttr", 2, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.hasAttr";
        let name = ev.force_name(args[0], Pos::None, doing)?;
        let doing = "while evaluating the second argument passed to builtins.hasAttr";
        Ok(Value::bool(ev.find_attr(ev.force_attrs(args[1], Pos::None, doing)?, name).is_some()))
    }),
    builtin("intersectAttrs", 2, intersect_attrs),
    builtin("listToAttrs", 1, list_to_attrs),
    builtin("mapAttrs", 2, map_attrs),
    builtin("removeAttrs", 2, remove_attrs),
    builtin("unsafeGetAttrPos", 2, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.unsafeGetAttrPos";
        let name = ev.force_name(args[0], Pos::None, doing)?;
        let doing = "while evaluating the second argument passed to builtins.unsafeGetAttrPos";
        let attr = ev.force_attrs(args[1], Pos::None, doing)?.get(name);
        let position = attr.and_then(|attr| ev.look_up(attr.position.into()));
        Ok(position.map_or(Value::null(), |position| ev.position_attrs(&position)))
    }),
    builtin("zipAttrsWith", 2, zip_attrs_with),
];

fn cat_attrs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.catAttrs";
    let name = ev.force_name(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.catAttrs";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing =
        "while evaluating an element in the list passed as second argument to builtins.catAttrs";
    let mut found = Vec::new();
    for (i, element) in list.iter().enumerate() {
        ev.check_interrupt_at(i)?;
        if let Some(attr) = ev.force_attrs(element, Pos::None, doing)?.get(name) {
            found.push(attr.cell.get());
        }
    }
    Ok(ev.heap.list(&found))
}

fn get_attr<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.getAttr";
    let name = ev.force_name(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.getAttr";
    let attrs = ev.force_attrs(args[1], Pos::None, doing)?;
    match ev.find_attr(attrs, name) {
        Some(attr) => ev.force_cell(attr.cell, pos),
        None => {
            let message = format!("attribute '{}' missing", Identifier(name.as_str()));
            Err(EvalError::new(ErrorKind::MissingAttribute, message)
                .context(Pos::None, "in the attribute set under consideration"))
        }
    }
}

fn intersect_attrs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.intersectAttrs";
    let left = ev.force_attrs(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.intersectAttrs";
    let right = ev.force_attrs(args[1], Pos::None, doing)?;
    let mut attrs = AttrsBuilder::with_capacity(left.len().min(right.len()));
    if left.len() < right.len() {
        for (i, name) in left.shape().names.iter().enumerate() {
            ev.check_interrupt_at(i)?;
            if let Some(attr) = right.get(*name) {
                push(&mut attrs, attr);
            }
        }
    } else {
        for (i, attr) in right.iter().enumerate() {
            ev.check_interrupt_at(i)?;
            if left.get(attr.name).is_some() {
                push(&mut attrs, attr);
            }
        }
    }
    Ok(attrs.finish(ev.heap))
}

fn list_to_attrs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the argument passed to builtins.listToAttrs";
    let list = ev.force_list(args[0], Pos::None, doing)?;
    let mut seen = FxHashSet::default();
    let mut attrs = AttrsBuilder::with_capacity(list.len());
    for (i, element) in list.iter().enumerate() {
        ev.check_interrupt_at(i)?;
        let doing = "while evaluating an element of the list passed to builtins.listToAttrs";
        let element = ev.force_attrs(element, pos, doing)?;
        let get = |name: Name| {
            element.get(name).ok_or_else(|| {
                EvalError::new(ErrorKind::MissingAttribute, format!("attribute '{name}' missing"))
                    .context(Pos::None, "in a {name=...; value=...;} pair")
            })
        };
        let name = get(ev.names.name)?;
        let doing = "while evaluating the `name` attribute of an element of the list passed to \
                     builtins.listToAttrs";
        let name_value = ev.force_name(name.cell.get(), name.position.into(), doing)?;
        if seen.insert(name_value) {
            let value = get(ev.names.value)?;
            attrs.push(name_value, value.cell.get(), value.position);
        }
    }
    Ok(attrs.finish(ev.heap))
}

fn map_attrs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to builtins.mapAttrs";
    let attrs = ev.force_attrs(args[1], Pos::None, doing)?;
    let (names, cells) = (attrs.shape().names, attrs.cells());
    // In C++ Nix the new attributes have no place.
    let shape = ev.heap.shape_without_positions(attrs.shape());
    let mapped = ev.heap.try_attrs_with(shape, |i| {
        ev.check_interrupt_at(i)?;
        let mapped = ev.heap.thunk_call(args[0], ev.name_value(names[i]), Some(cells[i].get()));
        Ok::<_, EvalError>(mapped)
    })?;
    Ok(mapped.value())
}

fn remove_attrs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.removeAttrs";
    let attrs = ev.force_attrs(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.removeAttrs";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing = "while evaluating the values of the second argument passed to builtins.removeAttrs";
    let mut removed = list
        .iter()
        .enumerate()
        .map(|(i, name)| {
            ev.check_interrupt_at(i)?;
            ev.force_name(name, Pos::None, doing)
        })
        .collect::<Result<Vec<Name>>>()?;
    removed.sort_unstable();
    let is_kept = |name: &Name| removed.binary_search(name).is_err();
    if attrs.shape().names.iter().all(is_kept) {
        return Ok(attrs.value());
    }
    let mut kept = AttrsBuilder::with_capacity(attrs.len());
    for (i, attr) in attrs.iter().enumerate() {
        ev.check_interrupt_at(i)?;
        if is_kept(&attr.name) {
            push(&mut kept, attr);
        }
    }
    Ok(kept.finish(ev.heap))
}

fn zip_attrs_with<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.zipAttrsWith";
    ev.force_function(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.zipAttrsWith";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing =
        "while evaluating a value of the list passed as second argument to builtins.zipAttrsWith";
    let sets: Vec<Attrs<'h>> =
        list.iter().map(|set| ev.force_attrs(set, Pos::None, doing)).collect::<Result<_>>()?;
    let mut values: FxHashMap<Name, Vec<Value<'h>>> = FxHashMap::default();
    for (i, attr) in sets.iter().flat_map(|set| set.iter()).enumerate() {
        ev.check_interrupt_at(i)?;
        values.entry(attr.name).or_default().push(attr.cell.get());
    }
    let mut attrs = AttrsBuilder::with_capacity(values.len());
    for (name, values) in values {
        let list = ev.heap.list(&values);
        // One call after the other, and not one with two arguments, as in C++ Nix: a trace shows it.
        let call = ev.heap.thunk_call(args[0], ev.name_value(name), None);
        let call = ev.heap.thunk_call(call, list, None);
        attrs.push(name, call, PositionId::NONE);
    }
    Ok(attrs.finish(ev.heap))
}

/// More attributes than this take more than a few milliseconds to sort.
const MANY: usize = 1 << 14;

impl<'h> Evaluator<'h> {
    /// All attributes of a set, in the order of the alphabet.
    pub(crate) fn sorted(&self, attrs: Attrs<'h>) -> Result<Vec<Attr<'h>>> {
        if attrs.len() <= MANY {
            let order = self.alphabetical(attrs.shape());
            return Ok(order.iter().map(|&index| attrs.nth(index as usize)).collect());
        }
        let mut sorted: Vec<_> = attrs.iter().collect();
        super::lists::merge_sort(&mut sorted, &mut |a, b| {
            self.check_interrupt()?;
            Ok(a.name.as_str() < b.name.as_str())
        })?;
        Ok(sorted)
    }
}

impl<'h> Evaluator<'h> {
    /// The order of a shape's names in the alphabet, as indices.
    fn alphabetical(&self, shape: &'h Shape<'h>) -> &'h [u32] {
        let known = self.alphabetical.borrow().get(&shape.number()).copied();
        known.unwrap_or_else(|| {
            let mut order: Vec<u32> = (0..shape.names.len() as u32).collect();
            order.sort_unstable_by_key(|&index| shape.names[index as usize].as_str());
            let order = self.heap.slice(&order);
            self.alphabetical.borrow_mut().insert(shape.number(), order);
            order
        })
    }
}

fn push<'h>(builder: &mut AttrsBuilder<'h>, attr: Attr<'h>) {
    builder.push(attr.name, attr.cell.get(), attr.position);
}
