//! Files that their author is editing: what of a program stays evaluated from one edit to the next.
//!
//! The values of definitions, in sets and in `let`s, are numbered as *regions* of the program; the rest of a
//! file is one region more. What was evaluated knows which regions it has read (see [`crate::volatile`]).
//! When the file is different, the new program is compared with the old one (see [`crate::revision`]), and
//! only what has read a region that changed is evaluated anew. The old program stays where it is, since
//! thunks and functions refer to it: it knows where each of its places is in the newer one, and a definition
//! is evaluated as it is written there.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use floe_hir::{AttrKind, Expr, ExprId, LambdaId, Module};

use crate::error::{Origin, Pos, Result};
use crate::evaluator::Evaluator;
use crate::fs::Lowered;
use crate::heap::{Code, Env, Heap, Kind, PositionId, Suspended, Value};
use crate::revision::{GONE, Places, Revision, has_own_thunk};
use crate::unit::Unit;
use crate::volatile::{Region, RegionKind, Regions, Volatile};

/// What a unit is more that was read from a volatile file.
#[derive(Clone, Copy)]
pub(crate) struct OwnUnit<'h> {
    /// For each expression that is the value of a definition, its region.
    regions: &'h [Option<Region>],
    /// The region of the program around these values.
    root: Region,
    /// The program that has taken this one's place.
    newer: &'h Cell<Option<Newer<'h>>>,
}

/// A newer program, and what corresponds in it to the places of the older one.
#[derive(Clone, Copy)]
struct Newer<'h> {
    unit: &'h Unit<'h>,
    places: Places<&'h [u32]>,
}

/// A volatile file that is loaded.
pub(crate) struct OwnFile<'h> {
    /// The program as it is now.
    pub(crate) unit: &'h Unit<'h>,
    /// How many programs it has taken the place of.
    revisions: u32,
}

/// After so many edits a file is evaluated anew: programs that were replaced stay on the heap, and a place is
/// looked for in all of them.
const MOST_REVISIONS: u32 = 256;

impl<'h> OwnUnit<'h> {
    /// Numbers the regions of a program. Those that it has in common with an older one keep their numbers.
    pub(crate) fn new(
        heap: &'h Heap,
        volatile: &Volatile<'h>,
        module: &Module,
        older: Option<(&OwnUnit<'h>, &Revision)>,
    ) -> &'h OwnUnit<'h> {
        let mut regions = vec![None; module.exprs.len()];
        if let Some((older, revision)) = older {
            for (region, place) in older.regions.iter().zip(&revision.places.exprs) {
                if *place != GONE {
                    regions[*place as usize] = *region;
                }
            }
        }
        let definitions = module.attrs.iter().flat_map(|attrs| &attrs.entries);
        for entry in definitions.filter(|entry| entry.kind == AttrKind::Plain) {
            let region = &mut regions[entry.value.0 as usize];
            if region.is_none() && has_own_thunk(module, entry.value) {
                let is_leaf = !matches!(
                    module.expr(entry.value),
                    Expr::Attrs(_) | Expr::Lambda(_) | Expr::Let { .. } | Expr::With { .. }
                );
                let kind = if is_leaf { RegionKind::Leaf } else { RegionKind::Branch };
                *region = Some(volatile.new_region(kind));
            }
        }
        let root =
            older.map_or_else(|| volatile.new_region(RegionKind::Root), |(older, _)| older.root);
        let newer = &heap.cells(1, None)[0];
        heap.object(OwnUnit { regions: heap.slice(&regions), root, newer })
    }
}

impl<'h> Unit<'h> {
    /// The region that the value of a definition is.
    pub(crate) fn region(&self, expr: ExprId) -> Option<Region> {
        self.own?.regions[expr.0 as usize]
    }

    fn newer(&self) -> Option<Newer<'h>> {
        self.own?.newer.get()
    }

    /// Where the value of a definition is written now.
    fn newest(&'h self, expr: ExprId) -> (&'h Unit<'h>, ExprId) {
        let (mut unit, mut expr) = (self, expr);
        while let Some(newer) = unit.newer() {
            match newer.places.exprs[expr.0 as usize] {
                GONE => break,
                place => (unit, expr) = (newer.unit, ExprId(place)),
            }
        }
        (unit, expr)
    }

    /// A place, and its unit, as they are written now.
    pub(crate) fn newest_place(&self, pos: Pos) -> Option<(&'h Unit<'h>, Pos)> {
        let mut newest: Option<(&'h Unit<'h>, Pos)> = None;
        loop {
            let (unit, pos) = newest.map_or((self, pos), |(unit, pos)| (unit, pos));
            let Some(newer) = unit.newer() else { return newest };
            let Some(pos) = newer.place(unit, pos) else { return newest };
            newest = Some((newer.unit, pos));
        }
    }
}

impl<'h> Newer<'h> {
    fn place(&self, unit: &Unit<'h>, pos: Pos) -> Option<Pos> {
        let index = self.unit.index;
        let get = |places: &[u32], at: u32| match places.get(at as usize) {
            None | Some(&GONE) => None,
            Some(place) => Some(*place),
        };
        let code = |code: Code| {
            let expr = ExprId(get(self.places.exprs, code.expr.0)?);
            Some(Code { unit: index, expr })
        };
        Some(match pos {
            Pos::None => return None,
            Pos::Expr(at) => Pos::Expr(code(at)?),
            Pos::Operator(at) => Pos::Operator(code(at)?),
            Pos::Wrapped(at) => Pos::Wrapped(code(at)?),
            Pos::Lambda { lambda, .. } => {
                let lambda = LambdaId(get(self.places.lambdas, lambda.0)?);
                Pos::Lambda { unit: index, lambda }
            }
            Pos::Binding(PositionId(at)) => {
                let binding = get(self.places.bindings, at.checked_sub(unit.first_position)?)?;
                Pos::Binding(self.unit.position(binding))
            }
        })
    }
}

impl<'h> Evaluator<'h> {
    /// Prepares for the next question: what was evaluated with the help of volatile files is forgotten
    /// where it has read what is different now. Nothing may be in the middle of an evaluation, and a value
    /// that was got before may have been forgotten.
    pub fn forget(&self) {
        self.failures.forget();
        self.plain_folders.borrow_mut().clear();
        let changed = self.follow_imports().and(self.revise_files());
        self.volatile.forget(changed);
        self.forget_imports(changed);
    }

    /// The volatile files whose programs were used for what was evaluated since the last
    /// [`Evaluator::forget`], whether they were read anew or not.
    pub fn volatile_files(&self) -> Vec<PathBuf> {
        let read = self.volatile.read();
        let files = self.own_files.borrow();
        let is_read = |file: &OwnFile<'h>| file.unit.own.is_some_and(|own| read.has(own.root));
        files.iter().filter(|(_, file)| is_read(file)).map(|(path, _)| path.clone()).collect()
    }

    /// The unit of a volatile file, if it was loaded before.
    pub(crate) fn own_unit(&self, path: &Path) -> Option<&'h Unit<'h>> {
        self.own_files.borrow().get(path).map(|file| file.unit)
    }

    /// Loads a volatile file.
    pub(crate) fn add_own_unit(&self, lowered: Lowered, path: &Path) -> &'h Unit<'h> {
        let own = OwnUnit::new(self.heap, &self.volatile, &lowered.module, None);
        let unit = self.add_unit(lowered, Origin::File(path.to_owned()), Some(own));
        self.own_files.borrow_mut().insert(path.to_owned(), OwnFile { unit, revisions: 0 });
        unit
    }

    /// An evaluation has read the program of a unit around its definitions.
    pub(crate) fn note_root(&self, unit: &Unit<'h>) {
        if let Some(own) = unit.own {
            self.volatile.note(own.root.into());
        }
    }

    /// The value of an expression of a volatile file. If it is a definition's, that has been read.
    pub(crate) fn eval_own(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        env: Env<'h>,
    ) -> Result<Value<'h>> {
        let (unit, expr) = unit.newest(expr);
        if let Some(region) = unit.region(expr) {
            self.volatile.note(region.into());
        }
        self.eval(unit, expr, env)
    }

    /// The value of a definition in a volatile file. What is at hand is put into a thunk nevertheless, which
    /// becomes work again when the definition changes.
    pub(crate) fn delay_own(&self, unit: &'h Unit<'h>, value: ExprId, env: Env<'h>) -> Value<'h> {
        let (unit, expr) = unit.newest(value);
        let value = self.delay(unit, expr, env);
        let Some(region) = unit.region(expr).filter(|_| !value.is_thunk()) else { return value };
        let work = Suspended::Expression(Code { unit: unit.index, expr }, env);
        let thunk = self.heap.thunk(Code { unit: unit.index, expr }, env);
        if let Kind::Thunk(thunk) = thunk.kind() {
            self.volatile.finish(thunk, work, value, region.into());
        }
        thunk
    }

    /// Which regions changed because paths lead to other files now.
    fn follow_imports(&self) -> Regions {
        let is_own = |(path, file): &(&PathBuf, &PathBuf)| {
            self.fs.is_volatile(path) || self.fs.is_volatile(file)
        };
        let known: Vec<(PathBuf, PathBuf)> = {
            let known = self.resolutions.borrow();
            known.iter().filter(is_own).map(|(path, file)| (path.clone(), file.clone())).collect()
        };
        let mut changed = Regions::NONE;
        for (path, file) in known {
            if self.find_import(&path).is_ok_and(|found| found == file) {
                continue;
            }
            self.resolutions.borrow_mut().remove(&path);
            changed = changed.and(self.drop_file(&file));
        }
        changed
    }

    /// Reads the volatile files again. Gives the regions that changed.
    fn revise_files(&self) -> Regions {
        let files: Vec<(PathBuf, &'h Unit<'h>, u32)> = {
            let files = self.own_files.borrow();
            files.iter().map(|(path, file)| (path.clone(), file.unit, file.revisions)).collect()
        };
        let mut changed = Regions::ALWAYS;
        for (path, unit, revisions) in files {
            changed = changed.and(match self.lowered_now(&path, unit) {
                Ok(None) => Regions::NONE,
                Ok(Some(lowered)) if revisions < MOST_REVISIONS => {
                    self.revise_file(&path, unit, revisions, lowered)
                }
                // What is wrong is told when somebody reads it.
                Ok(Some(_)) | Err(_) => self.drop_file(&path),
            });
        }
        changed
    }

    /// The program of a file, if its text is another than that of the unit.
    fn lowered_now(&self, path: &Path, unit: &Unit<'h>) -> Result<Option<Lowered>> {
        let text = &unit.source.text;
        if let Some(lowered) = self.fs.lowered(path) {
            let is_other = lowered.text.as_ptr() != text.as_ptr() && lowered.text != *text;
            return Ok(is_other.then_some(lowered));
        }
        let now = self.text_now(path)?;
        if now == *text {
            return Ok(None);
        }
        self.lower_file(now, path).map(Some)
    }

    fn revise_file(
        &self,
        path: &Path,
        unit: &'h Unit<'h>,
        revisions: u32,
        lowered: Lowered,
    ) -> Regions {
        let (Some(own), Some(revision)) = (unit.own, Revision::of(unit.module, &lowered.module))
        else {
            return self.drop_file(path);
        };
        let newer =
            OwnUnit::new(self.heap, &self.volatile, &lowered.module, Some((own, &revision)));
        let newer = self.add_unit(lowered, Origin::File(path.to_owned()), Some(newer));
        let places = Places {
            exprs: self.heap.slice(&revision.places.exprs),
            lambdas: self.heap.slice(&revision.places.lambdas),
            bindings: self.heap.slice(&revision.places.bindings),
        };
        own.newer.set(Some(Newer { unit: newer, places }));
        let file = OwnFile { unit: newer, revisions: revisions + 1 };
        self.own_files.borrow_mut().insert(path.to_owned(), file);
        let changed = revision.changed.iter().filter_map(|expr| unit.region(*expr));
        changed.fold(Regions::POSITIONS, |changed, region| changed.and(region.into()))
    }

    /// The next import of a file loads it as if it were the first.
    fn drop_file(&self, path: &Path) -> Regions {
        let file = self.own_files.borrow_mut().remove(path);
        let own = file.and_then(|file| file.unit.own);
        own.map_or(Regions::NONE, |own| own.root.into())
    }
}
