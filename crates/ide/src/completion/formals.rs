//! The arguments of a pattern that is being written: what the function uses and nobody gives it, and what
//! callers of such a function give.

use floe_db::{Db, File, module, source_map};
use floe_hir::{Expr, Name, Var};
use floe_syntax::{ElementId, SyntaxKind as K};
use rustc_hash::FxHashSet;

use super::CompletionKind;
use super::flake;
use super::found::{Found, Make};
use super::usage::Kind;
use crate::cursor::Cursor;
use crate::evaluation::options::is_module;
use crate::evaluation::packages::{Candidate, package_names};

/// What every module is given.
const OF_MODULES: [&str; 5] = ["config", "lib", "options", "pkgs", "modulesPath"];

/// How near the groups are.
mod near {
    pub(super) const USED: u32 = 0;
    pub(super) const GIVEN: u32 = 1;
    pub(super) const ELLIPSIS: u32 = 2;
    pub(super) const PACKAGE: u32 = 3;
}

/// The names that a pattern around the cursor could take.
pub(super) fn formals(db: &dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found<'_>) {
    let around = |kind| cursor.nodes.iter().rev().find(|node| cursor.get(**node).kind == kind);
    let Some(pattern) = around(K::Pattern) else { return };
    let taken = taken(cursor, *pattern);
    let mut offer = |name: &'static str, nearness, uses| {
        if !taken.contains(name) {
            found.offer(name, nearness, uses, Make::Kind(CompletionKind::Parameter));
        }
    };
    let span = around(K::Lambda).map_or(cursor.tree.root(), |lambda| *lambda);
    for (name, uses) in undefined(db, file, cursor.get(span).start, cursor.get(span).end) {
        offer(name.as_str(), near::USED, uses);
    }
    let flake = flake::arguments_of_outputs(db, file, cursor);
    flake.iter().for_each(|name| offer(name.as_str(), near::GIVEN, 0));
    if flake.is_empty() && is_module(db, file) && is_outermost(cursor, *pattern) {
        OF_MODULES.iter().for_each(|name| offer(name, near::GIVEN, 0));
    }
    let ends = cursor.tree.children(*pattern).any(|child| cursor.get(child).kind == K::Ellipsis);
    if !ends {
        offer("...", near::ELLIPSIS, 0);
    }
    let is_package = flake.is_empty() && !is_module(db, file) && is_outermost(cursor, *pattern);
    if is_package && let Some(names) = package_names(db, Candidate::nixpkgs().intern(db)).known(db)
    {
        for name in names.iter().filter(|name| !taken.contains(name.as_str())) {
            let make = Make::Kind(CompletionKind::Parameter);
            found.offer_attribute(*name, near::PACKAGE, Kind::Packages, make);
        }
    }
}

/// What the pattern takes already, besides what is being written.
fn taken<'a>(cursor: &Cursor<'a>, pattern: ElementId) -> FxHashSet<&'a str> {
    let formals = cursor.tree.children(pattern).filter(|id| cursor.get(*id).kind == K::Formal);
    let names = formals.filter_map(|formal| cursor.tree.children(formal).next());
    let others = names.filter(|name| Some(*name) != cursor.token || !cursor.touches_token());
    others.map(|name| cursor.text_of(name)).collect()
}

/// The names in a range that nothing binds, and how often each is used.
fn undefined(db: &dyn Db, file: File, start: u32, end: u32) -> Vec<(Name, u32)> {
    let (module, map) = (module(db, file), source_map(db, file));
    let mut names: Vec<(Name, u32)> = Vec::new();
    for (expr, span) in module.exprs.iter().zip(&map.exprs) {
        let Expr::Var(Var::Undefined(name)) = expr else { continue };
        if span.start < start || end < span.end {
            continue;
        }
        match names.iter_mut().find(|(other, _)| other == name) {
            Some((_, uses)) => *uses += 1,
            None => names.push((*name, 1)),
        }
    }
    names
}

/// Whether the pattern is that of the function that the file is.
fn is_outermost(cursor: &Cursor<'_>, pattern: ElementId) -> bool {
    cursor.get(pattern).start == cursor.tree.elements().iter().map(start_of_code).min().unwrap_or(0)
}

fn start_of_code(element: &floe_syntax::Element) -> u32 {
    match element.kind {
        kind if kind.is_token() && !kind.is_trivia() => element.start,
        _ => u32::MAX,
    }
}
