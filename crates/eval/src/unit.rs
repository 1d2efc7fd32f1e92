//! Units: loaded files and texts, ready to be evaluated.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_hir::{AttrsId, Expr, KeyList, Lambda, LambdaId, Module, Show, SourceMap, Span, StrId};

use crate::error::{Origin, Pos, Position};
use crate::heap::{Heap, Lookup, PositionId, Shape, Value};
use crate::own::OwnUnit;

/// A loaded file or text.
///
/// What borrows from the heap is plain data, so that a unit lies in the heap itself.
#[derive(Clone, Copy)]
pub(crate) struct Unit<'h> {
    /// Its number among the units of the evaluator.
    pub(crate) index: u32,
    pub(crate) module: &'h Module,
    /// `module.exprs`, one step nearer.
    pub(crate) exprs: &'h [Expr],
    /// `module.lambdas`, likewise.
    pub(crate) lambdas: &'h [Lambda],
    pub(crate) source: &'h Source,
    /// The number of its first binding's [`PositionId`].
    pub(crate) first_position: u32,
    /// The function whose calls are kept; see [`crate::kept`].
    pub(crate) kept_lambda: LambdaId,
    /// Of a volatile file.
    pub(crate) own: Option<&'h OwnUnit<'h>>,
    strings: &'h [Cell<Option<Value<'h>>>],
    shapes: &'h [Cell<Option<&'h Shape<'h>>>],
    lookups: &'h [Cell<Lookup<'h>>],
}

/// The text of a unit and where things stand in it.
pub(crate) struct Source {
    pub(crate) origin: Origin,
    pub(crate) text: Arc<str>,
    pub(crate) map: Arc<SourceMap>,
}

impl<'h> Unit<'h> {
    /// Loads a lowered module into the heap.
    pub(crate) fn new(
        heap: &'h Heap,
        index: u32,
        first_position: u32,
        kept_lambda: LambdaId,
        module: Arc<Module>,
        source: Source,
        own: Option<&'h OwnUnit<'h>>,
    ) -> &'h Unit<'h> {
        let module: &'h Arc<Module> = heap.keep(module);
        let unit = Unit {
            index,
            module,
            exprs: &module.exprs,
            lambdas: &module.lambdas,
            source: heap.keep(source),
            first_position,
            kept_lambda,
            own,
            strings: heap.cells(module.strings.len(), None),
            shapes: heap.cells(module.attrs.len(), None),
            lookups: heap.cells(module.keys.len(), Lookup::default()),
        };
        heap.object(unit)
    }

    /// A string literal's value.
    #[inline]
    pub(crate) fn string(&self, heap: &'h Heap, id: StrId) -> Value<'h> {
        self.constant(id, |text| heap.string(text))
    }

    /// A literal's value, made at most once.
    #[inline]
    pub(crate) fn constant(&self, id: StrId, make: impl FnOnce(&'h str) -> Value<'h>) -> Value<'h> {
        let cell = &self.strings[id.0 as usize];
        if let Some(value) = cell.get() {
            return value;
        }
        let value = make(self.module.str(id));
        cell.set(Some(value));
        value
    }

    /// The shape of a set literal's static attributes.
    #[inline]
    pub(crate) fn shape(&self, heap: &'h Heap, id: AttrsId) -> &'h Shape<'h> {
        let cell = &self.shapes[id.0 as usize];
        if let Some(shape) = cell.get() {
            return shape;
        }
        let entries = &self.module.attrs[id.0 as usize].entries;
        let names = heap.slice_with(entries.len(), |i| entries[i].name);
        let positions = heap.slice_with(entries.len(), |i| self.position(entries[i].binding.0));
        let shape = heap.shape_of(names, positions);
        cell.set(Some(shape));
        shape
    }

    /// What the keys of an attribute path remember, one for each.
    #[inline]
    pub(crate) fn lookups(&self, path: KeyList) -> &'h [Cell<Lookup<'h>>] {
        &self.lookups[path.start as usize..][..path.len as usize]
    }

    /// Where a function of this unit stands.
    pub(crate) fn lambda_pos(&self, lambda: LambdaId) -> Pos {
        Pos::Lambda { unit: self.index, lambda }
    }

    /// The position of a binding of this unit.
    pub(crate) fn position(&self, binding: u32) -> PositionId {
        PositionId(self.first_position + binding)
    }

    /// The folder that relative paths are relative to.
    pub(crate) fn base(&self) -> &'h Path {
        match &self.source.origin {
            Origin::File(path) => path.parent().unwrap_or(Path::new("/")),
            Origin::Text { base, .. } | Origin::StandardInput { base, .. } => base,
            Origin::Internal(_) => Path::new("/"),
        }
    }

    /// Shows parts of the program as C++ Nix does.
    pub(crate) fn show(&self, what: impl FnOnce(&Show<'_>) -> String) -> String {
        what(&Show {
            module: self.module,
            source_map: &self.source.map,
            text: &self.source.text,
            resolve_path: &|path| normalize(self.base(), path).display().to_string(),
        })
    }

    /// Looks up a place, in the text as it is now.
    pub(crate) fn locate(&self, pos: Pos) -> Option<Position> {
        match self.newest_place(pos) {
            Some((unit, pos)) => unit.locate_here(pos),
            None => self.locate_here(pos),
        }
    }

    fn locate_here(&self, pos: Pos) -> Option<Position> {
        let map = &self.source.map;
        let span = match pos {
            Pos::None => return None,
            Pos::Expr(code) => *map.exprs.get(code.expr.0 as usize)?,
            Pos::Operator(code) => {
                let whole = map.exprs.get(code.expr.0 as usize)?;
                let start = map.position(code.expr);
                Span { start, end: whole.end.max(start) }
            }
            Pos::Wrapped(code) => map.wrapped(code.expr),
            Pos::Lambda { lambda, .. } => {
                let is_it = |expr: &Expr| *expr == Expr::Lambda(lambda);
                *map.exprs.get(self.exprs.iter().position(is_it)?)?
            }
            Pos::Binding(position) => {
                *map.bindings.get(position.0.checked_sub(self.first_position)? as usize)?
            }
        };
        Some(Position::new(self.source.origin.clone(), &self.source.text, span))
    }
}

impl Position {
    /// A range of a text, with line and column counted.
    pub fn new(origin: Origin, text: &str, span: Span) -> Position {
        let before = &text.as_bytes()[..(span.start as usize).min(text.len())];
        // A carriage return ends a line, also without a line feed behind it.
        let is_end =
            |at: &usize| before[*at] == b'\n' || text.as_bytes().get(at + 1) != Some(&b'\n');
        let (mut line, mut line_start) = (1, 0);
        for at in memchr::memchr2_iter(b'\n', b'\r', before).filter(is_end) {
            (line, line_start) = (line + 1, at + 1);
        }
        Position { origin, span, line, column: 1 + (before.len() - line_start) as u32 }
    }
}

/// Resolves `.`, `..` and repeated slashes by text alone, as C++ Nix's `CanonPath`: the result is
/// absolute and has no slash at its end.
pub(crate) fn normalize(base: &Path, path: &str) -> PathBuf {
    let mut result = PathBuf::from("/");
    let joined = base.join(path);
    for component in joined.components() {
        match component {
            std::path::Component::Normal(name) => result.push(name),
            std::path::Component::ParentDir => {
                result.pop();
            }
            _ => {}
        }
    }
    result
}
