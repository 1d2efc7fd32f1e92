//! Variables and attribute paths.

use std::cell::Cell;

use floe_hir::{Expr, ExprId, Identifier, Key, KeyList, Name, Var};

use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attr, Attrs, Code, Env, Kind, Lookup, Value};
use crate::suggest::suggestions;
use crate::unit::Unit;

impl<'h> Evaluator<'h> {
    pub(super) fn variable(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        var: Var,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        let pos = Pos::expr(unit.index, expr);
        match var {
            Var::Local { depth, slot } => self.force_cell(env.up(depth).slot(slot), pos),
            Var::Global(id) => self.force(self.globals[usize::from(id.0)], pos),
            Var::With { name, depth } => {
                let mut with = env.up(depth);
                let mut outwards = 0;
                loop {
                    let slots = with.slots();
                    let set = self.force_cell(&slots[0], pos)?;
                    let attrs = self.expect_attrs(set, Pos::None).map_err(|error| {
                        error.context(
                            self.position_of_with(unit, expr, outwards),
                            "while evaluating the first subexpression of a with expression",
                        )
                    })?;
                    if let Some(attr) = self.find_attr(attrs, name) {
                        return self.force_cell(attr.cell, pos);
                    }
                    match slots[1].get().kind() {
                        Kind::Int(outer) if outer >= 0 => with = with.up(outer as u32),
                        _ => return Err(undefined(name).at(pos)),
                    }
                    outwards += 1;
                }
            }
            Var::Undefined(name) => Err(undefined(name).at(pos)),
        }
    }

    /// `base.path`; `None` if there is a default to take instead.
    pub(super) fn select(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        base: ExprId,
        path: KeyList,
        has_default: bool,
        env: Env<'h>,
    ) -> Result<Option<Value<'h>>> {
        let pos = Pos::expr(unit.index, expr);
        let keys = unit.module.keys(path);
        let mut current = self.eval(unit, base, env)?;
        // Mostly it is one name, of an attribute that is there and has been evaluated.
        if let ([Key::Static(name)], Kind::Attrs(attrs)) = (keys, current.kind())
            && let Some(attr) = attrs.get_again(*name, &unit.lookups(path)[0])
            && let value = attr.cell.get()
            && !value.is_thunk()
        {
            return Ok(Some(value));
        }
        let mut found = Pos::None;
        let result = (|| {
            for (key, lookup) in keys.iter().zip(unit.lookups(path)) {
                let name = self.key(unit, *key, env)?;
                current = self.force(current, pos)?;
                let attr = match current.kind() {
                    Kind::Attrs(attrs) => match self.find(attrs, *key, name, lookup) {
                        Some(attr) => attr,
                        None if has_default => return Ok(None),
                        None => return Err(self.missing_attribute(attrs, name).at(pos)),
                    },
                    _ if has_default => return Ok(None),
                    _ => {
                        return Err(self
                            .wrong_type(current, "a set", ErrorKind::NotASet)
                            .context(pos, "while selecting an attribute"));
                    }
                };
                found = attr.position.into();
                current =
                    self.force_cell(attr.cell, if found == Pos::None { pos } else { found })?;
            }
            Ok(Some(current))
        })();
        result.map_err(|error: EvalError| {
            if found == Pos::None {
                return error;
            }
            self.while_evaluating(error, &self.show_keys(unit, keys, env), found, pos)
        })
    }

    pub(super) fn has_attr(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        base: ExprId,
        path: KeyList,
        env: Env<'h>,
    ) -> Result<bool> {
        let pos = Pos::expr(unit.index, expr);
        let mut current = self.eval(unit, base, env)?;
        for (key, lookup) in unit.module.keys(path).iter().zip(unit.lookups(path)) {
            let forced = self.force(current, pos)?;
            let name = self.key(unit, *key, env)?;
            let Kind::Attrs(attrs) = forced.kind() else { return Ok(false) };
            let Some(attr) = self.find(attrs, *key, name, lookup) else { return Ok(false) };
            current = attr.cell.get();
        }
        Ok(true)
    }

    /// `inherit (set) name`: `code` is the select that C++ Nix makes of it.
    pub(super) fn inherited(&self, code: Code, set: Value<'h>) -> Result<Value<'h>> {
        let unit = self.unit(code.unit);
        let Expr::Select { path, .. } = unit.exprs[code.expr.0 as usize] else {
            unreachable!("an inherited attribute is a select")
        };
        let [Key::Static(name)] = *unit.module.keys(path) else {
            unreachable!("an inherited attribute has one static name")
        };
        let pos = Pos::Expr(code);
        let mut found = Pos::None;
        (|| {
            let attrs = self.force_attrs(set, pos, "while selecting an attribute")?;
            match attrs.get_again(name, &unit.lookups(path)[0]) {
                Some(attr) => {
                    found = attr.position.into();
                    self.force_cell(attr.cell, if found == Pos::None { pos } else { found })
                }
                None => Err(self.missing_attribute(attrs, name).at(pos)),
            }
        })()
        .map_err(|error| {
            self.while_evaluating(error, &Identifier(name.as_str()).to_string(), found, pos)
        })
    }

    /// The error, while an attribute was evaluated that is defined at `found`, for the sake of `pos`.
    fn while_evaluating(&self, error: EvalError, path: &str, found: Pos, pos: Pos) -> EvalError {
        if found == Pos::None {
            return error;
        }
        let error = if self.is_in_derivation_function(found) {
            error
        } else {
            let message = format!("while evaluating the attribute '{path}'");
            error.frame(found, FrameMessage::Text(message))
        };
        // C++ Nix names the definition only. Where that is in another file, the person who wrote
        // the use would not find themselves in the trace.
        if self.are_in_one_file(found, pos) {
            return error;
        }
        error.frame(pos, FrameMessage::Use(path.to_owned()))
    }

    /// Where the `with` stands that a variable is looked for in, `outwards` of those around it.
    fn position_of_with(&self, unit: &'h Unit<'h>, variable: ExprId, outwards: usize) -> Pos {
        let spans = &unit.source.map.exprs;
        let place = spans[variable.0 as usize];
        let is_around = |body: ExprId| {
            let body = spans[body.0 as usize];
            body.start <= place.start && place.end <= body.end
        };
        let withs = unit.exprs.iter().zip(0..).filter_map(|(expr, id)| match expr {
            Expr::With { body, .. } if is_around(*body) => Some(ExprId(id)),
            _ => None,
        });
        let mut withs: Vec<ExprId> = withs.collect();
        withs.sort_by_key(|with| std::cmp::Reverse(spans[with.0 as usize].start));
        withs.get(outwards).map_or(Pos::None, |with| Pos::expr(unit.index, *with))
    }

    /// The value of `base.name` if it is at hand: nothing has to be evaluated for it.
    #[inline]
    pub(super) fn select_at_hand(
        &self,
        unit: &'h Unit<'h>,
        base: ExprId,
        path: KeyList,
        env: Env<'h>,
    ) -> Option<Value<'h>> {
        let Expr::Var(Var::Local { depth, slot }) = unit.exprs[base.0 as usize] else {
            return None;
        };
        self.attr_at_hand(unit, env.up(depth).slot(slot).get(), path)
    }

    /// The value of the attribute that a path of one name leads to, if it is at hand.
    #[inline]
    pub(super) fn attr_at_hand(
        &self,
        unit: &'h Unit<'h>,
        set: Value<'h>,
        path: KeyList,
    ) -> Option<Value<'h>> {
        let [Key::Static(name)] = *unit.module.keys(path) else { return None };
        let set = match set.kind() {
            Kind::Thunk(thunk) => thunk.lasting_result()?,
            _ => set,
        };
        let Kind::Attrs(attrs) = set.kind() else { return None };
        let value = attrs.get_again(name, &unit.lookups(path)[0])?.cell.get();
        // A function that is still in a thunk stays there; see `force_cell`.
        (!value.is_thunk()).then_some(value)
    }

    /// The name that one step of an attribute path asks for.
    #[inline(always)]
    pub(super) fn key(&self, unit: &'h Unit<'h>, key: Key, env: Env<'h>) -> Result<Name> {
        match key {
            Key::Static(name) => Ok(name),
            Key::Dynamic(expr) => self.dynamic_key(unit, expr, env),
        }
    }

    #[inline(never)]
    fn dynamic_key(&self, unit: &'h Unit<'h>, expr: ExprId, env: Env<'h>) -> Result<Name> {
        let value = self.eval(unit, expr, env)?;
        let pos = Pos::expr(unit.index, expr);
        self.force_name(value, pos, "while evaluating an attribute name")
    }

    #[inline]
    fn find(
        &self,
        attrs: Attrs<'h>,
        key: Key,
        name: Name,
        lookup: &Cell<Lookup<'h>>,
    ) -> Option<Attr<'h>> {
        match key {
            Key::Static(_) => attrs.get_again(name, lookup),
            Key::Dynamic(_) => self.find_attr(attrs, name),
        }
    }

    pub(super) fn missing_attribute(&self, attrs: Attrs<'h>, name: Name) -> EvalError {
        EvalError::new(
            ErrorKind::MissingAttribute,
            format!("attribute '{}' missing", Identifier(name.as_str())),
        )
        .suggest(suggestions(name.as_str(), attrs.shape().names.iter().map(|n| n.as_str())))
    }

    /// An attribute path for a message; what cannot be evaluated is shown as it is written.
    pub(super) fn show_keys(&self, unit: &'h Unit<'h>, keys: &[Key], env: Env<'h>) -> String {
        let shown: Vec<String> = keys
            .iter()
            .map(|key| match (self.key(unit, *key, env), *key) {
                (Ok(name), _) | (Err(_), Key::Static(name)) => {
                    Identifier(name.as_str()).to_string()
                }
                (Err(_), Key::Dynamic(expr)) => {
                    format!("\"${{{}}}\"", unit.show(|show| show.expr(expr)))
                }
            })
            .collect();
        shown.join(".")
    }
}

fn undefined(name: Name) -> EvalError {
    EvalError::new(ErrorKind::UndefinedVariable, format!("undefined variable '{name}'"))
}
