//! Lists.

use floe_hir::Name;
use rustc_hash::FxHashMap;

use super::{Builtin, builtin};
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Kind, List, PositionId, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("all", 2, |ev, args, _| {
        quantify(ev, args, false, "all").map(|found| Value::bool(!found))
    }),
    builtin("any", 2, |ev, args, _| quantify(ev, args, true, "any").map(Value::bool)),
    builtin("concatLists", 1, concat_lists),
    builtin("concatMap", 2, concat_map),
    builtin("elem", 2, elem),
    builtin("elemAt", 2, elem_at),
    builtin("filter", 2, filter),
    builtin("foldl'", 3, foldl),
    builtin("genList", 2, gen_list),
    builtin("genericClosure", 1, generic_closure),
    builtin("groupBy", 2, group_by),
    builtin("head", 1, head),
    builtin("length", 1, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.length";
        Ok(ev.heap.int(ev.force_list(args[0], Pos::None, doing)?.len() as i64))
    }),
    builtin("map", 2, map),
    builtin("partition", 2, partition),
    builtin("sort", 2, sort),
    builtin("tail", 1, tail),
];

/// Whether the predicate gives `wanted` for some element.
fn quantify<'h>(
    ev: &Evaluator<'h>,
    args: &[Value<'h>],
    wanted: bool,
    name: &'static str,
) -> Result<bool> {
    let (first, second, result) = if name == "any" {
        (
            "while evaluating the first argument passed to builtins.any",
            "while evaluating the second argument passed to builtins.any",
            "while evaluating the return value of the function passed to builtins.any",
        )
    } else {
        (
            "while evaluating the first argument passed to builtins.all",
            "while evaluating the second argument passed to builtins.all",
            "while evaluating the return value of the function passed to builtins.all",
        )
    };
    ev.force_function(args[0], Pos::None, first)?;
    let list = ev.force_list(args[1], Pos::None, second)?;
    for element in list.iter() {
        let value = ev.call(args[0], &[element], Pos::None)?;
        if ev.force_bool(value, Pos::None, result)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn concat_lists<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.concatLists";
    let list = ev.force_list(args[0], Pos::None, doing)?;
    let doing = "while evaluating a value of the list passed to builtins.concatLists";
    let lists: Vec<List<'h>> = list
        .iter()
        .enumerate()
        .map(|(i, list)| {
            ev.check_interrupt_at(i)?;
            ev.force_list(list, pos, doing)
        })
        .collect::<Result<_>>()?;
    ev.concat_lists(&lists)
}

fn concat_map<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.concatMap";
    ev.force_function(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.concatMap";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing = "while evaluating the return value of the function passed to builtins.concatMap";
    let lists: Vec<List<'h>> = list
        .iter()
        .map(|element| {
            let result = ev.call(args[0], &[element], Pos::None)?;
            let pos = ev.position_of(result, ev.position_of(args[0], Pos::None));
            ev.force_list(result, pos, doing)
        })
        .collect::<Result<_>>()?;
    ev.concat_lists(&lists)
}

fn elem<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to builtins.elem";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    for (i, element) in list.iter().enumerate() {
        ev.check_interrupt_at(i)?;
        if ev.equal_elements(args[0], element, pos)? {
            return Ok(Value::bool(true));
        }
    }
    Ok(Value::bool(false))
}

fn elem_at<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to 'builtins.elemAt'";
    let index = ev.force_int(args[1], Pos::None, doing)?;
    let doing = "while evaluating the first argument passed to 'builtins.elemAt'";
    let list = ev.force_list(args[0], Pos::None, doing)?;
    match usize::try_from(index).ok().and_then(|index| list.cells().get(index)) {
        Some(cell) => ev.force_cell(cell, pos),
        None => Err(EvalError::new(
            ErrorKind::IndexOutOfBounds,
            format!("'builtins.elemAt' called with index {index} on a list of size {}", list.len()),
        )),
    }
}

fn head<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to 'builtins.head'";
    let list = ev.force_list(args[0], Pos::None, doing)?;
    match list.cells().first() {
        Some(cell) => ev.force_cell(cell, pos),
        None => Err(empty_list("head")),
    }
}

fn tail<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to 'builtins.tail'";
    let list = ev.force_list(args[0], Pos::None, doing)?;
    match list.cells().split_first() {
        Some((_, rest)) => Ok(ev.heap.list_view(rest)),
        None => Err(empty_list("tail")),
    }
}

fn empty_list(name: &str) -> EvalError {
    EvalError::new(ErrorKind::EmptyList, format!("'builtins.{name}' called on an empty list"))
}

fn filter<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to builtins.filter";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    if list.is_empty() {
        return Ok(list.value());
    }
    let doing = "while evaluating the first argument passed to builtins.filter";
    ev.force_function(args[0], Pos::None, doing)?;
    let doing =
        "while evaluating the return value of the filtering function passed to builtins.filter";
    let mut kept = Vec::new();
    for element in list.iter() {
        let keep = ev.call(args[0], &[element], pos)?;
        if ev.force_bool(keep, pos, doing)? {
            kept.push(element);
        }
    }
    Ok(if kept.len() == list.len() { list.value() } else { ev.heap.list(&kept) })
}

fn foldl<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.foldlStrict";
    ev.force_function(args[0], Pos::None, doing)?;
    let doing = "while evaluating the third argument passed to builtins.foldlStrict";
    let list = ev.force_list(args[2], Pos::None, doing)?;
    let mut result = args[1];
    for element in list.iter() {
        result = ev.call(args[0], &[result, element], Pos::None)?;
    }
    ev.force(result, pos)
}

/// More elements than this fit into no machine's memory.
const LONGEST: i64 = 1 << 30;

fn gen_list<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to builtins.genList";
    let len = ev.force_int(args[1], Pos::None, doing)?;
    if !(0..LONGEST).contains(&len) {
        return Err(EvalError::new(
            ErrorKind::IndexOutOfBounds,
            format!("cannot create list of size {len}"),
        ));
    }
    let doing = "while evaluating the first argument passed to builtins.genList";
    ev.force_function(args[0], Pos::None, doing)?;
    ev.heap.try_list_with(len as usize, |i| {
        ev.check_interrupt_at(i)?;
        Ok(ev.heap.thunk_call(args[0], ev.heap.int(i as i64), None))
    })
}

fn map<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to builtins.map";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    if list.is_empty() {
        return Ok(list.value());
    }
    let doing = "while evaluating the first argument passed to builtins.map";
    ev.force_function(args[0], Pos::None, doing)?;
    let cells = list.cells();
    ev.heap.try_list_with(cells.len(), |i| {
        ev.check_interrupt_at(i)?;
        Ok(ev.heap.thunk_call(args[0], cells[i].get(), None))
    })
}

fn partition<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.partition";
    ev.force_function(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.partition";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing =
        "while evaluating the return value of the partition function passed to builtins.partition";
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for element in list.iter() {
        let value = ev.force(element, Pos::None)?;
        let is_right = ev.call(args[0], &[value], pos)?;
        let side = if ev.force_bool(is_right, pos, doing)? { &mut right } else { &mut wrong };
        side.push(element);
    }
    let mut attrs = AttrsBuilder::with_capacity(2);
    attrs.insert("right", ev.heap.list(&right));
    attrs.insert("wrong", ev.heap.list(&wrong));
    Ok(attrs.finish(ev.heap))
}

fn group_by<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.groupBy";
    ev.force_function(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.groupBy";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing =
        "while evaluating the return value of the grouping function passed to builtins.groupBy";
    let mut groups: FxHashMap<Name, Vec<Value<'h>>> = FxHashMap::default();
    for element in list.iter() {
        let group = ev.call(args[0], &[element], pos)?;
        groups.entry(ev.force_name(group, pos, doing)?).or_default().push(element);
    }
    let mut attrs = AttrsBuilder::with_capacity(groups.len());
    for (name, elements) in groups {
        attrs.push(name, ev.heap.list(&elements), PositionId::NONE);
    }
    Ok(attrs.finish(ev.heap))
}

fn sort<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the second argument passed to builtins.sort";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    if list.is_empty() {
        return Ok(list.value());
    }
    let doing = "while evaluating the first argument passed to builtins.sort";
    let less = ev.force_function(args[0], Pos::None, doing)?;
    let mut elements = list
        .cells()
        .iter()
        .enumerate()
        .map(|(i, cell)| {
            ev.check_interrupt_at(i)?;
            ev.force_cell(cell, pos).map(|_| cell.get())
        })
        .collect::<Result<Vec<_>>>()?;
    let is_builtin = matches!(
        less.kind(),
        Kind::Builtin(number) if ev.builtin(number).name == "lessThan"
    );
    let doing = "while evaluating the return value of the sorting function passed to builtins.sort";
    merge_sort(&mut elements, &mut |a, b| {
        if is_builtin {
            ev.check_interrupt()?;
            return ev.less(a, b, Pos::None);
        }
        let result = ev.call(less, &[a, b], Pos::None)?;
        ev.force_bool(result, Pos::None, doing)
    })?;
    Ok(ev.heap.list(&elements))
}

/// A stable merge sort that asks a fallible order, which may be no order at all.
pub(super) fn merge_sort<T: Copy>(
    elements: &mut [T],
    less: &mut dyn FnMut(T, T) -> Result<bool>,
) -> Result<()> {
    if elements.len() < 2 {
        return Ok(());
    }
    let (left, right) = elements.split_at_mut(elements.len() / 2);
    merge_sort(left, less)?;
    merge_sort(right, less)?;
    let (mut i, mut j) = (0, 0);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while i < left.len() && j < right.len() {
        if less(right[j], left[i])? {
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    elements.copy_from_slice(&merged);
    Ok(())
}

fn generic_closure<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.genericClosure";
    let attrs = ev.force_attrs(args[0], Pos::None, doing)?;
    let missing = |name: &str| {
        EvalError::new(ErrorKind::MissingAttribute, format!("attribute '{name}' missing"))
            .context(Pos::None, "in the attrset passed as argument to builtins.genericClosure")
    };
    let start = attrs.get(ev.names.start_set).ok_or_else(|| missing("startSet"))?;
    let doing =
        "while evaluating the 'startSet' attribute passed as argument to builtins.genericClosure";
    let start = ev.force_list(start.cell.get(), Pos::None, doing)?;
    if start.is_empty() {
        return Ok(start.value());
    }
    let operator = attrs.get(ev.names.operator).ok_or_else(|| missing("operator"))?;
    let doing =
        "while evaluating the 'operator' attribute passed as argument to builtins.genericClosure";
    let operator = ev.force_function(operator.cell.get(), Pos::None, doing)?;

    let element_of = |message: &str, item| {
        let message = format!("{message} {}", ev.print_for_error(item));
        move |error: EvalError| error.frame(Pos::None, FrameMessage::Text(message))
    };
    let mut todo: std::collections::VecDeque<Value<'h>> = start.iter().collect();
    let mut keys = KeySet { sorted: Vec::new() };
    let mut result = Vec::new();
    while let Some(item) = todo.pop_front() {
        let item_attrs = ev
            .force_attrs(item, Pos::None, "")
            .map_err(|error| element_of("in genericClosure element", item)(error))?;
        let key = item_attrs.get(ev.names.key).ok_or_else(|| {
            let missing = EvalError::new(ErrorKind::MissingAttribute, "attribute 'key' missing");
            element_of("in genericClosure element", item)(missing)
        })?;
        let key = ev.force_cell(key.cell, Pos::None)?;
        let is_new = keys.insert(ev, key, item).map_err(|(error, other)| {
            let error = element_of("with element", other)(error);
            element_of("while comparing element", item)(error)
        })?;
        if !is_new {
            continue;
        }
        result.push(item);
        let mut add = || {
            let more = ev.call(operator, &[item], pos)?;
            let doing = "while evaluating the return value of the `operator` passed to \
                         builtins.genericClosure";
            for element in ev.force_list(more, Pos::None, doing)?.iter() {
                todo.push_back(ev.force(element, Pos::None)?);
            }
            Ok(())
        };
        add().map_err(|error| {
            element_of("while calling operator on genericClosure element", item)(error)
        })?;
    }
    Ok(ev.heap.list(&result))
}

/// Keys in the order of `<`, as `genericClosure` compares them.
struct KeySet<'h> {
    /// Each with the element that it is the key of.
    sorted: Vec<(Value<'h>, Value<'h>)>,
}

impl<'h> KeySet<'h> {
    /// Adds the key of `item`; `false` if it was there. An error comes with the element whose key could
    /// not be compared.
    fn insert(
        &mut self,
        ev: &Evaluator<'h>,
        key: Value<'h>,
        item: Value<'h>,
    ) -> std::result::Result<bool, (EvalError, Value<'h>)> {
        let (mut low, mut high) = (0, self.sorted.len());
        // The first key that is greater.
        while low < high {
            let middle = low.midpoint(high);
            let (other, other_item) = self.sorted[middle];
            if ev.less(key, other, Pos::None).map_err(|error| (error, other_item))? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let is_new = match low.checked_sub(1) {
            Some(before) => {
                let (other, other_item) = self.sorted[before];
                ev.less(other, key, Pos::None).map_err(|error| (error, other_item))?
            }
            None => true,
        };
        if is_new {
            self.sorted.insert(low, (key, item));
        }
        Ok(is_new)
    }
}
