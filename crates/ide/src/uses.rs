//! Where the value of an expression goes: which selections and calls certainly are of it, and whether it
//! also goes where the text does not show what happens to it.
//!
//! The counterpart of `known`, which asks where a value comes from.

use floe_db::{Db, File, module, scopes};
use floe_hir::{
    AttrKind, Attrs, AttrsId, BinaryOp, BindingId, Definition, Expr, ExprId, Key, Module, Name,
    Param, ScopeOwner, Scopes,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::flake_outputs;
use crate::known::{self, Bound, Place, is_call_package, is_import};
use crate::references::{Role, all_references};
use crate::workspace_index::{direct_referrers, is_in_workspace};

/// What happens to a value.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Selections from it: the `Select` or `HasAttr`, and which key of the path is the first that is
    /// looked for in the value.
    pub(crate) selected: Vec<(Place, usize)>,
    /// Calls of it: the `Apply`, and which of its arguments is the first.
    pub(crate) called: Vec<(Place, usize)>,
    /// Calls by `callPackage` and the like, which fill in arguments by their names.
    pub(crate) filled_in: Vec<Place>,
    /// `with value; …`
    pub(crate) opened: Vec<Place>,
    /// A file of the workspace that gives it to whoever evaluates that file.
    pub(crate) given_out: Option<Place>,
    /// A place where nobody knows what happens to it.
    pub(crate) escapes: Option<Place>,
}

/// What happens to the value of an expression. Other sets that it is merged with must have none of
/// `names`, or it counts as lost there.
pub(crate) fn uses(db: &dyn Db, origin: Place, names: &[Name]) -> Uses {
    follow(db, origin, names, &mut Shared::default())
}

/// How many places are followed.
const STEPS: usize = 2000;
/// How many sets are followed that have the value, or a set that has it, as an attribute.
const SETS: usize = 100;

type GivenOut = Option<Place>;

/// What the questions that a question leads to share with it.
#[derive(Default)]
struct Shared {
    steps: usize,
    /// What gives each set out; nothing is known of one that is still being followed.
    sets: FxHashMap<(File, ExprId), Option<GivenOut>>,
}

fn follow(db: &dyn Db, origin: Place, names: &[Name], shared: &mut Shared) -> Uses {
    let (seen, pending, uses) = (FxHashSet::default(), Vec::new(), Uses::default());
    let mut flow = Flow { db, names, seen, pending, uses, shared };
    flow.push(origin, 0);
    while let Some((place, arguments)) = flow.pending.pop() {
        flow.shared.steps += 1;
        if flow.shared.steps > STEPS || flow.shared.sets.len() > SETS {
            flow.escape(place);
        }
        if flow.uses.escapes.is_some() {
            break;
        }
        flow.follow(place, arguments);
    }
    flow.uses
}

/// The expression of a literal set, or the `let`, that has these bindings.
pub(crate) fn literal_of(module: &Module, scopes: &Scopes, attrs: AttrsId) -> Option<ExprId> {
    let found = &module.attrs[attrs.0 as usize];
    let entry = found.entries.first().map(|entry| entry.value);
    let inside = entry.or_else(|| found.dynamic.first().map(|entry| entry.value))?;
    scopes.parent(inside)
}

/// The values of the names that a set inherits from the set of its `inherit (set) …` with this number.
pub(crate) fn inherited_from<'a>(
    module: &'a Module,
    attrs: &'a Attrs,
    index: usize,
) -> impl Iterator<Item = ExprId> + 'a {
    let inherited = attrs.entries.iter().filter(|entry| entry.kind == AttrKind::InheritedFrom);
    inherited.map(|entry| entry.value).filter(move |value| match module.expr(*value) {
        Expr::Select { base, .. } => {
            matches!(module.expr(base), Expr::InheritFrom(of) if of as usize == index)
        }
        _ => false,
    })
}

struct Flow<'a> {
    db: &'a dyn Db,
    names: &'a [Name],
    seen: FxHashSet<(File, ExprId, usize)>,
    /// Expressions that give the value when they are applied to so many arguments.
    pending: Vec<(Place, usize)>,
    uses: Uses,
    shared: &'a mut Shared,
}

impl Flow<'_> {
    fn push(&mut self, place: Place, arguments: usize) {
        if self.seen.insert((place.file, place.expr, arguments)) {
            self.pending.push((place, arguments));
        }
    }

    fn escape(&mut self, place: Place) {
        self.uses.escapes.get_or_insert(place);
    }

    fn follow(&mut self, place: Place, arguments: usize) {
        let (module, scopes) = (module(self.db, place.file), scopes(self.db, place.file));
        let Some(parent) = scopes.parent(place.expr) else { return self.root(place, arguments) };
        let at = |expr| Place { expr, ..place };
        match module.expr(parent) {
            Expr::Let { attrs, body } if body != place.expr => {
                self.bound(place, arguments, attrs, at(parent), true);
            }
            Expr::Let { .. } => self.push(at(parent), arguments),
            Expr::Assert { body, .. } if body == place.expr => self.push(at(parent), arguments),
            Expr::With { body, .. } if body == place.expr => self.push(at(parent), arguments),
            Expr::With { .. } if arguments == 0 => self.uses.opened.push(at(parent)),
            Expr::Lambda(lambda) if module.lambdas[lambda.0 as usize].body == place.expr => {
                self.push(at(parent), arguments + 1);
            }
            Expr::Attrs(attrs) => self.bound(place, arguments, attrs, at(parent), false),
            Expr::Select { base, path, .. } if base == place.expr && arguments == 0 => {
                match module.keys(path)[0] {
                    Key::Static(_) => self.uses.selected.push((at(parent), 0)),
                    Key::Dynamic(_) => self.escape(at(parent)),
                }
            }
            Expr::HasAttr { base, path } if base == place.expr && arguments == 0 => {
                match module.keys(path)[0] {
                    Key::Static(_) => self.uses.selected.push((at(parent), 0)),
                    Key::Dynamic(_) => self.escape(at(parent)),
                }
            }
            Expr::Apply { fun, args } if fun == place.expr => {
                self.applied(at(parent), module.list(args).len(), 0, arguments);
            }
            Expr::Binary { op: BinaryOp::Update, lhs, rhs } if arguments == 0 => {
                let other = if lhs == place.expr { rhs } else { lhs };
                match known::closed_names(self.db, at(other)) {
                    Some(others) if !self.names.iter().any(|name| others.contains(name)) => {
                        self.push(at(parent), 0);
                    }
                    _ => self.escape(at(parent)),
                }
            }
            _ => self.escape(at(parent)),
        }
    }

    /// The value, or what gives it, is called with arguments from the `first` on.
    fn applied(&mut self, call: Place, given: usize, first: usize, wanted: usize) {
        match given - first {
            enough if enough > wanted => self.uses.called.push((call, first + wanted)),
            enough => self.push(call, wanted - enough),
        }
    }

    /// The value is what a name is bound to, or a set that is inherited from.
    fn bound(
        &mut self,
        place: Place,
        arguments: usize,
        attrs: AttrsId,
        literal: Place,
        is_let: bool,
    ) {
        let (module, scopes) = (module(self.db, place.file), scopes(self.db, place.file));
        let attrs = &module.attrs[attrs.0 as usize];
        if let Some(index) = attrs.inherit_from.iter().position(|from| *from == place.expr) {
            if arguments > 0 {
                return self.escape(place);
            }
            let selected = inherited_from(module, attrs, index);
            self.uses.selected.extend(selected.map(|expr| (Place { expr, ..place }, 0)));
            return;
        }
        let Some(entry) = attrs.entries.iter().find(|entry| entry.value == place.expr) else {
            return self.escape(place);
        };
        let bound = Bound { file: place.file, binding: entry.binding };
        let expr_of = |file, expr| Place { file, expr };
        if is_let || attrs.recursive {
            for expr in scopes.references(entry.binding) {
                self.push(expr_of(place.file, *expr), arguments);
            }
        }
        if is_let {
            return;
        }
        // As an attribute, it is wherever its set is.
        let set = (literal.file, literal.expr);
        if !self.shared.sets.contains_key(&set) {
            self.shared.sets.insert(set, None);
            let outer = follow(self.db, literal, &[entry.name], self.shared);
            if let Some(escape) = outer.escapes {
                return self.escape(escape);
            }
            self.shared.sets.insert(set, Some(outer.given_out));
        }
        match (self.shared.sets[&set], arguments) {
            (Some(Some(file)), 0) => self.uses.given_out = Some(file),
            (Some(Some(_)), 1) if self.is_outputs(place) => self.own_outputs(place),
            // Nobody knows with what others call it: perhaps with a set that has its own result.
            (Some(Some(_)) | None, 1..) => return self.escape(place),
            (Some(None), _) | (None, 0) => {}
        }
        for (file, reference) in all_references(self.db, bound) {
            match reference.role {
                Role::Key { expr, index } | Role::InheritFrom { expr, index, .. } => {
                    let module = floe_db::module(self.db, file);
                    let (Expr::Select { path, .. } | Expr::HasAttr { path, .. }) =
                        module.expr(expr)
                    else {
                        continue;
                    };
                    let place = expr_of(file, expr);
                    match module.keys(path).get(index + 1) {
                        None if matches!(module.expr(expr), Expr::HasAttr { .. }) => {}
                        None => self.push(place, arguments),
                        Some(Key::Static(_)) if arguments == 0 => {
                            self.uses.selected.push((place, index + 1));
                        }
                        Some(_) => self.escape(place),
                    }
                }
                Role::Variable(expr) | Role::Inherit(expr, _) => {
                    self.push(expr_of(file, expr), arguments);
                }
                Role::Argument(_) | Role::Definition | Role::InheritedDefinition | Role::Text => {}
            }
        }
    }

    fn is_outputs(&self, place: Place) -> bool {
        let lambda = flake_outputs::outputs(self.db, place.file);
        lambda.is_some_and(|lambda| {
            module(self.db, place.file).expr(place.expr) == Expr::Lambda(lambda)
        })
    }

    /// The value is what a flake gives: it also gets that itself, as `self`.
    fn own_outputs(&mut self, function: Place) {
        let (module, scopes) = (module(self.db, function.file), scopes(self.db, function.file));
        let Expr::Lambda(lambda) = module.expr(function.expr) else { return };
        if self.names.iter().any(|name| flake_outputs::is_of_every_flake(*name)) {
            return self.escape(function);
        }
        self.uses.given_out = Some(function);
        let at = |expr| Place { expr, ..function };
        let flake_outputs::Names { own, inputs } = flake_outputs::names(module, lambda);
        for expr in own.into_iter().flat_map(|own| scopes.references(own)) {
            self.push_own(at(*expr));
        }
        for expr in inputs.into_iter().flat_map(|inputs| scopes.references(inputs)) {
            let Some(parent) = scopes.parent(*expr) else { return self.escape(at(*expr)) };
            match module.expr(parent) {
                Expr::Select { base, path, .. } | Expr::HasAttr { base, path } if base == *expr => {
                    self.selected_from_inputs(at(parent), module.keys(path));
                }
                Expr::Attrs(attrs) | Expr::Let { attrs, .. } => {
                    let attrs = &module.attrs[attrs.0 as usize];
                    match attrs.inherit_from.iter().position(|from| from == expr) {
                        Some(index) => {
                            for value in inherited_from(module, attrs, index) {
                                if let Expr::Select { path, .. } = module.expr(value) {
                                    self.selected_from_inputs(at(value), module.keys(path));
                                }
                            }
                        }
                        None => self.escape(at(parent)),
                    }
                }
                _ => self.escape(at(parent)),
            }
        }
    }

    fn selected_from_inputs(&mut self, selection: Place, keys: &[Key]) {
        let is_selection =
            matches!(module(self.db, selection.file).expr(selection.expr), Expr::Select { .. });
        match keys {
            [Key::Static(name), rest @ ..] if name.as_str() == "self" => match rest {
                [] if is_selection => self.push_own(selection),
                [] => {}
                [Key::Static(name), ..] if name.as_str() != flake_outputs::OUTPUTS => {
                    self.uses.selected.push((selection, 1));
                }
                _ => self.escape(selection),
            },
            [Key::Static(_), ..] => {}
            _ => self.escape(selection),
        }
    }

    /// Follows a flake's `self`, which has its outputs once more as an attribute.
    fn push_own(&mut self, place: Place) {
        let own = follow(self.db, place, self.names, self.shared);
        let outputs = Name::new(flake_outputs::OUTPUTS);
        let again = own.selected.iter().find(|selected| selects(self.db, **selected, outputs));
        if let Some(escape) = own.escapes.or(again.map(|(place, _)| *place)) {
            return self.escape(escape);
        }
        self.uses.selected.extend(own.selected);
        self.uses.called.extend(own.called);
        self.uses.filled_in.extend(own.filled_in);
        self.uses.opened.extend(own.opened);
    }

    /// The value is what the file gives.
    fn root(&mut self, place: Place, arguments: usize) {
        let mut is_used = false;
        for file in direct_referrers(self.db, place.file) {
            let (module, scopes) = (module(self.db, file), scopes(self.db, file));
            for (expr, id) in module.exprs.iter().zip(0..).map(|(expr, id)| (expr, ExprId(id))) {
                if !matches!(expr, Expr::Path(_))
                    || !known::names_file(self.db, Place { file, expr: id }, place.file)
                {
                    continue;
                }
                is_used = true;
                let Some(parent) = scopes.parent(id) else {
                    self.escape(Place { file, expr: id });
                    continue;
                };
                let call = Place { file, expr: parent };
                match module.expr(parent) {
                    Expr::Apply { fun, args } if module.list(args).first() == Some(&id) => {
                        let given = module.list(args).len();
                        if is_import(module, fun) {
                            if given == 1 {
                                self.push(call, arguments);
                            } else {
                                self.applied(call, given, 1, arguments);
                            }
                        } else if is_call_package(module, scopes, fun) && given == 2 {
                            self.uses.filled_in.push(call);
                            // Whoever has an argument of the package's name may be given it.
                            if arguments > 0 {
                                self.escape(call);
                            }
                        } else if let Some(passed) = self.passed_by_importer(file, fun)
                            && arguments >= passed
                        {
                            // The arguments of its own are not written at this call.
                            match given {
                                1 => self.push(call, arguments - passed),
                                _ => self.applied(call, given, 1, arguments - passed),
                            }
                        } else {
                            self.escape(call);
                        }
                    }
                    _ => self.escape(call),
                }
            }
        }
        match arguments {
            _ if !is_in_workspace(self.db, place.file) => self.escape(place),
            _ if is_used => {}
            0 => self.uses.given_out = Some(place),
            // Nobody knows with what others call it.
            _ => self.escape(place),
        }
    }

    /// How many arguments a function that is `file: import file …` gives to the file.
    fn passed_by_importer(&self, file: File, fun: ExprId) -> Option<usize> {
        known::importer(self.db, known::function(self.db, Place { file, expr: fun }, 0)?)
    }
}

/// Why a name cannot be followed to all of its uses: where its set or function is lost.
pub(crate) fn lost(db: &dyn Db, bound: Bound, names: &[Name]) -> Result<Uses, Place> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let file = bound.file;
    let found = match scopes.owner(bound.binding) {
        Some(ScopeOwner::Attrs(attrs)) => {
            let Some(literal) = literal_of(module, scopes, attrs) else {
                return Ok(Uses::default());
            };
            if matches!(module.expr(literal), Expr::Let { .. }) {
                return Ok(Uses::default());
            }
            if !module.attrs[attrs.0 as usize].dynamic.is_empty() {
                return Err(Place { file, expr: literal });
            }
            uses(db, Place { file, expr: literal }, names)
        }
        Some(ScopeOwner::Lambda(lambda)) => {
            let Param::Pattern { formals, at, .. } = &module.lambdas[lambda.0 as usize].param
            else {
                return Ok(Uses::default());
            };
            if !formals.iter().any(|formal| formal.binding == bound.binding) {
                return Ok(Uses::default());
            }
            if let Some((_, at)) = at {
                whole_argument_is_only_selected_from(module, scopes, *at, file)?;
            }
            let Some(expr) = scopes.parent(module.lambdas[lambda.0 as usize].body) else {
                return Ok(Uses::default());
            };
            uses(db, Place { file, expr }, names)
        }
        _ => return Ok(Uses::default()),
    };
    match found.escapes {
        Some(place) => Err(place),
        None => Ok(found),
    }
}

fn whole_argument_is_only_selected_from(
    module: &Module,
    scopes: &Scopes,
    at: BindingId,
    file: File,
) -> Result<(), Place> {
    for expr in scopes.references(at) {
        let parent = scopes.parent(*expr);
        let selected = parent.is_some_and(|parent| match module.expr(parent) {
            Expr::Select { base, path, .. } | Expr::HasAttr { base, path } => {
                base == *expr && matches!(module.keys(path)[0], Key::Static(_))
            }
            _ => false,
        });
        if !selected {
            return Err(Place { file, expr: *expr });
        }
    }
    Ok(())
}

/// The variables under `with` that would find a new attribute of an opened set.
pub(crate) fn found_in_opened(db: &dyn Db, opened: &[Place], name: Name) -> Option<Place> {
    opened.iter().find_map(|with| {
        let (module, scopes) = (module(db, with.file), scopes(db, with.file));
        let Expr::With { set, .. } = module.expr(with.expr) else { return None };
        let ids = (0..module.exprs.len() as u32).map(ExprId);
        let found = ids.filter(|expr| matches!(module.expr(*expr), Expr::Var(_))).find(|expr| {
            matches!(scopes.definition(module, *expr),
                Some(Definition::With { name: used, sets }) if used == name && sets.contains(&set))
        })?;
        Some(Place { file: with.file, expr: found })
    })
}

/// Whether a selection looks for a name.
pub(crate) fn selects(db: &dyn Db, (place, index): (Place, usize), name: Name) -> bool {
    let module = module(db, place.file);
    match module.expr(place.expr) {
        Expr::Select { path, .. } | Expr::HasAttr { path, .. } => {
            module.keys(path).get(index) == Some(&Key::Static(name))
        }
        _ => false,
    }
}
