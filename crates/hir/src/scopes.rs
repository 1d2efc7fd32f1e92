//! Questions an editor asks of names: what is visible here, what does this mean, who refers to this.
//!
//! A second walk over a lowered file; evaluation never pays for it.

use rustc_hash::FxHashSet;

use crate::{
    Attrs, AttrsId, BindingId, Expr, ExprId, GlobalId, Key, LambdaId, Module, Name, Param,
    SourceMap, Var, globals,
};

/// The scopes of a [`Module`], and which expression stands in which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    scopes: Vec<Scope>,
    /// For each expression, the innermost scope around it, if it is in one.
    scope_of: Vec<ScopeId>,
    /// For each expression, the one around it; for the root, and what nothing uses, itself.
    parents: Vec<ExprId>,
    /// Variables by the binding that they mean: those of each binding lie between its start and the next.
    references: Vec<ExprId>,
    starts: Vec<u32>,
    /// What owns each binding.
    owners: Vec<Option<ScopeOwner>>,
}

/// The index of a scope in its [`Scopes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ScopeId(u32);

impl ScopeId {
    /// Around all scopes.
    const NONE: ScopeId = ScopeId(u32::MAX);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scope {
    outer: ScopeId,
    owner: ScopeOwner,
}

/// What makes a scope, or just holds bindings: a set that is not recursive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeOwner {
    /// A function.
    Lambda(LambdaId),
    /// A set, or the bindings of a `let`.
    Attrs(AttrsId),
    /// A `with` expression.
    With(ExprId),
}

/// A name that is visible somewhere, and what gives it its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// A binding of the file.
    Binding(Name, BindingId),
    /// All attributes of the set of this `with` expression.
    With(ExprId),
    /// A global name.
    Global(Name, GlobalId),
}

/// What a variable means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A binding of the file.
    Binding(BindingId),
    /// A slot of the names that `builtins.scopedImport` gave, which lie around all scopes here.
    Imported(u32),
    /// An attribute of the first of these sets that has it: the sets of the enclosing `with`s,
    /// innermost first.
    With {
        /// The name.
        name: Name,
        /// The sets.
        sets: Vec<ExprId>,
    },
    /// A global name.
    Global(GlobalId),
    /// Nothing.
    Undefined(Name),
}

impl Scopes {
    /// Walks the module.
    pub fn new(module: &Module) -> Scopes {
        let mut scopes = Scopes {
            scopes: Vec::new(),
            scope_of: vec![ScopeId::NONE; module.exprs.len()],
            parents: (0..module.exprs.len() as u32).map(ExprId).collect(),
            references: Vec::new(),
            starts: Vec::new(),
            owners: vec![None; module.bindings as usize],
        };
        scopes.walk(module);
        scopes
    }

    /// What is visible at an expression, innermost first; a name that occurs twice is hidden the
    /// second time, and global names come before the sets of `with`s in meaning though not in order.
    pub fn visible<'a>(
        &'a self,
        module: &'a Module,
        expr: ExprId,
    ) -> impl Iterator<Item = Visible> + 'a {
        let globals =
            globals().iter().zip(0..).map(|(g, id)| Visible::Global(g.name, GlobalId(id)));
        self.chain(self.scope_of[expr.0 as usize])
            .flat_map(|scope| visible_in(module, scope.owner))
            .chain(globals)
    }

    /// What the variable `expr` means; nothing if it is no variable.
    pub fn definition(&self, module: &Module, expr: ExprId) -> Option<Definition> {
        let Expr::Var(var) = module.expr(expr) else { return None };
        let scope = self.scope_of[expr.0 as usize];
        Some(match var {
            Var::Local { depth, slot } => {
                let scope = self.chain(scope).nth(depth as usize);
                match scope.and_then(|scope| binding_at(module, scope.owner, slot)) {
                    Some(binding) => Definition::Binding(binding),
                    None => Definition::Imported(slot),
                }
            }
            Var::Global(id) => Definition::Global(id),
            Var::With { name, .. } => {
                let sets = self.chain(scope).filter_map(|scope| match scope.owner {
                    ScopeOwner::With(with) => match module.expr(with) {
                        Expr::With { set, .. } => Some(set),
                        _ => None,
                    },
                    _ => None,
                });
                Definition::With { name, sets: sets.collect() }
            }
            Var::Undefined(name) => Definition::Undefined(name),
        })
    }

    /// The `with` expressions that some variable looks for its name in.
    pub fn asked_withs(&self, module: &Module) -> FxHashSet<ExprId> {
        // Whoever asks a scope asks those around it, which come before it.
        let mut asked = vec![false; self.scopes.len()];
        for (expr, scope) in module.exprs.iter().zip(&self.scope_of) {
            if matches!(expr, Expr::Var(Var::With { .. }))
                && let Some(asked) = asked.get_mut(scope.0 as usize)
            {
                *asked = true;
            }
        }
        let mut withs = FxHashSet::default();
        for (index, scope) in self.scopes.iter().enumerate().rev() {
            if !asked[index] {
                continue;
            }
            if let Some(outer) = asked.get_mut(scope.outer.0 as usize) {
                *outer = true;
            }
            if let ScopeOwner::With(with) = scope.owner {
                withs.insert(with);
            }
        }
        withs
    }

    /// The variables that mean this binding, in the order of their ids.
    pub fn references(&self, binding: BindingId) -> &[ExprId] {
        let [start, end] = [0, 1].map(|next| self.starts[binding.0 as usize + next] as usize);
        &self.references[start..end]
    }

    /// What the binding is a part of.
    pub fn owner(&self, binding: BindingId) -> Option<ScopeOwner> {
        self.owners[binding.0 as usize]
    }

    /// The expression directly around this one.
    pub fn parent(&self, expr: ExprId) -> Option<ExprId> {
        Some(self.parents[expr.0 as usize]).filter(|parent| *parent != expr)
    }

    /// The expression and everything around it, innermost first.
    pub fn ancestors(&self, expr: ExprId) -> impl Iterator<Item = ExprId> + '_ {
        std::iter::successors(Some(expr), |expr| self.parent(*expr))
    }

    fn chain(&self, scope: ScopeId) -> impl Iterator<Item = Scope> + '_ {
        let get = |scope: ScopeId| self.scopes.get(scope.0 as usize).copied();
        std::iter::successors(get(scope), move |scope| get(scope.outer))
    }
}

impl SourceMap {
    /// The smallest expression that has `offset` in it or at its end.
    pub fn expr_at(&self, offset: u32) -> Option<ExprId> {
        self.expr_around(offset, offset)
    }

    /// The smallest expression around the bytes from `start` to `end`. Of expressions at the same
    /// place the innermost, which has the smallest id.
    pub fn expr_around(&self, start: u32, end: u32) -> Option<ExprId> {
        let around = self.exprs.iter().zip(0..);
        let around = around.filter(|(span, _)| span.start <= start && end <= span.end);
        let (_, id) = around.min_by_key(|(span, _)| span.end - span.start)?;
        Some(ExprId(id))
    }

    /// The binding whose name, or a further place of it, has `offset` in it or at its end.
    pub fn binding_at(&self, offset: u32) -> Option<BindingId> {
        let contains = |span: &crate::Span| span.start <= offset && offset <= span.end;
        let name = self.names.iter().position(contains).map(|index| BindingId(index as u32));
        name.or_else(|| {
            let merged = self.merged.iter().find(|(_, span)| contains(span));
            merged.map(|(binding, _)| *binding)
        })
    }

    /// All places that write the binding's name to define it.
    pub fn definitions(&self, binding: BindingId) -> impl Iterator<Item = crate::Span> + '_ {
        let from = self.merged.partition_point(|(id, _)| *id < binding);
        let merged = self.merged[from..].iter().take_while(move |(id, _)| *id == binding);
        std::iter::once(self.names[binding.0 as usize]).chain(merged.map(|(_, span)| *span))
    }
}

fn binding_at(module: &Module, owner: ScopeOwner, slot: u32) -> Option<BindingId> {
    let slot = slot as usize;
    match owner {
        ScopeOwner::Attrs(attrs) => Some(module.attrs[attrs.0 as usize].entries[slot].binding),
        ScopeOwner::Lambda(lambda) => match &module.lambdas[lambda.0 as usize].param {
            Param::Simple { binding, .. } => Some(*binding),
            Param::Pattern { formals, at, .. } => match formals.get(slot) {
                Some(formal) => Some(formal.binding),
                None => at.map(|(_, binding)| binding),
            },
        },
        ScopeOwner::With(_) => None,
    }
}

fn visible_in(module: &Module, owner: ScopeOwner) -> Vec<Visible> {
    match owner {
        ScopeOwner::Attrs(attrs) => {
            let entries = module.attrs[attrs.0 as usize].entries.iter();
            entries.map(|entry| Visible::Binding(entry.name, entry.binding)).collect()
        }
        ScopeOwner::Lambda(lambda) => match &module.lambdas[lambda.0 as usize].param {
            Param::Simple { name, binding } => vec![Visible::Binding(*name, *binding)],
            Param::Pattern { formals, at, .. } => {
                let formals = formals.iter().map(|formal| (formal.name, formal.binding));
                formals.chain(*at).map(|(name, binding)| Visible::Binding(name, binding)).collect()
            }
        },
        ScopeOwner::With(with) => vec![Visible::With(with)],
    }
}

/// The walk: over all expressions from the last to the first, which meets each behind the one around it.
impl Scopes {
    fn walk(&mut self, module: &Module) {
        for id in (0..module.exprs.len() as u32).rev().map(ExprId) {
            // What nothing uses makes no scopes.
            if self.parent(id).is_some() || id == module.root {
                self.children(module, id, self.scope_of[id.0 as usize]);
            }
        }
        self.collect_references(module);
    }

    fn collect_references(&mut self, module: &Module) {
        let variables = module.exprs.iter().zip(0..).filter_map(|(expr, id)| match expr {
            Expr::Var(Var::Local { depth, slot }) => {
                let scope = self.chain(self.scope_of[id as usize]).nth(*depth as usize)?;
                Some((binding_at(module, scope.owner, *slot)?, ExprId(id)))
            }
            _ => None,
        });
        let mut found: Vec<(BindingId, ExprId)> = Vec::with_capacity(module.exprs.len() / 3);
        found.extend(variables);
        let variables = found;
        // They are sorted by counting: first how many each binding has, then where the next one goes.
        let mut starts = vec![0; module.bindings as usize + 1];
        for (binding, _) in &variables {
            starts[binding.0 as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += std::mem::replace(start, sum);
        }
        let mut next = starts.clone();
        let mut references = vec![ExprId(0); variables.len()];
        for (binding, expr) in variables {
            let next = &mut next[binding.0 as usize];
            references[*next as usize] = expr;
            *next += 1;
        }
        (self.references, self.starts) = (references, starts);
    }

    /// Puts the direct children of an expression in their scopes.
    fn children(&mut self, module: &Module, expr: ExprId, scope: ScopeId) {
        match module.expr(expr) {
            Expr::Lambda(id) => {
                let owner = ScopeOwner::Lambda(id);
                let inner = self.enter(scope, owner);
                let lambda = &module.lambdas[id.0 as usize];
                self.put(lambda.body, expr, inner);
                match &lambda.param {
                    Param::Simple { binding, .. } => self.own(*binding, owner),
                    Param::Pattern { formals, at, .. } => {
                        for formal in formals {
                            self.own(formal.binding, owner);
                            if let Some(default) = formal.default {
                                self.put(default, expr, inner);
                            }
                        }
                        if let Some((_, binding)) = at {
                            self.own(*binding, owner);
                        }
                    }
                }
            }
            Expr::Attrs(attrs) => {
                self.attrs(&module.attrs[attrs.0 as usize], attrs, expr, scope);
            }
            Expr::Let { attrs, body } => {
                let inner = self.attrs(&module.attrs[attrs.0 as usize], attrs, expr, scope);
                self.put(body, expr, inner);
            }
            Expr::With { set, body, .. } => {
                let inner = self.enter(scope, ScopeOwner::With(expr));
                self.put(set, expr, scope);
                self.put(body, expr, inner);
            }
            _ => module.for_each_child(expr, |child| self.put(child, expr, scope)),
        }
    }

    /// Says the inner scope: the outer one where the set is not recursive.
    fn attrs(&mut self, attrs: &Attrs, id: AttrsId, expr: ExprId, outer: ScopeId) -> ScopeId {
        let owner = ScopeOwner::Attrs(id);
        let inner = if attrs.recursive { self.enter(outer, owner) } else { outer };
        for entry in &attrs.entries {
            self.own(entry.binding, owner);
            let inherited = entry.kind == crate::AttrKind::Inherited;
            self.put(entry.value, expr, if inherited { outer } else { inner });
        }
        for set in &attrs.inherit_from {
            self.put(*set, expr, inner);
        }
        for entry in &attrs.dynamic {
            self.own(entry.binding, owner);
            self.put(entry.name, expr, inner);
            self.put(entry.value, expr, inner);
        }
        inner
    }

    fn put(&mut self, child: ExprId, parent: ExprId, scope: ScopeId) {
        debug_assert!(child < parent, "children come before their parents");
        self.parents[child.0 as usize] = parent;
        self.scope_of[child.0 as usize] = scope;
    }

    fn enter(&mut self, outer: ScopeId, owner: ScopeOwner) -> ScopeId {
        let id = ScopeId(self.scopes.len() as u32);
        self.scopes.push(Scope { outer, owner });
        id
    }

    fn own(&mut self, binding: BindingId, owner: ScopeOwner) {
        self.owners[binding.0 as usize] = Some(owner);
    }
}

impl Module {
    /// Calls `visit` with each direct child of an expression, in evaluation-independent text order as
    /// far as the module knows it: those of functions and sets too.
    pub fn for_each_child(&self, expr: ExprId, mut visit: impl FnMut(ExprId)) {
        let visit_keys = |path, visit: &mut dyn FnMut(ExprId)| {
            for key in self.keys(path) {
                if let Key::Dynamic(name) = key {
                    visit(*name);
                }
            }
        };
        match self.expr(expr) {
            Expr::Missing
            | Expr::Int(_)
            | Expr::Float(_)
            | Expr::Str(_)
            | Expr::Path(_)
            | Expr::Var(_)
            | Expr::CurPos
            | Expr::InheritFrom(_) => {}
            Expr::Interpolate(list) | Expr::InterpolatePath(list) | Expr::List(list) => {
                self.list(list).iter().copied().for_each(visit);
            }
            Expr::SearchPath { find_file, nix_path, .. } => {
                visit(find_file);
                visit(nix_path);
            }
            Expr::Select { base, path, default } => {
                visit(base);
                visit_keys(path, &mut visit);
                default.into_iter().for_each(visit);
            }
            Expr::HasAttr { base, path } => {
                visit(base);
                visit_keys(path, &mut visit);
            }
            Expr::Apply { fun, args } => {
                visit(fun);
                self.list(args).iter().copied().for_each(visit);
            }
            Expr::Lambda(lambda) => {
                let lambda = &self.lambdas[lambda.0 as usize];
                if let Param::Pattern { formals, .. } = &lambda.param {
                    formals.iter().filter_map(|formal| formal.default).for_each(&mut visit);
                }
                visit(lambda.body);
            }
            Expr::Attrs(attrs) => self.for_each_value(attrs, visit),
            Expr::Let { attrs, body } => {
                self.for_each_value(attrs, &mut visit);
                visit(body);
            }
            Expr::If { cond, then, otherwise } => {
                visit(cond);
                visit(then);
                visit(otherwise);
            }
            Expr::With { set, body, .. } => {
                visit(set);
                visit(body);
            }
            Expr::Assert { cond, body } => {
                visit(cond);
                visit(body);
            }
            Expr::Binary { lhs, rhs, .. } => {
                visit(lhs);
                visit(rhs);
            }
            Expr::Not(operand) | Expr::Negate(operand) => visit(operand),
        }
    }

    fn for_each_value(&self, attrs: AttrsId, mut visit: impl FnMut(ExprId)) {
        let attrs = &self.attrs[attrs.0 as usize];
        attrs.inherit_from.iter().copied().for_each(&mut visit);
        attrs.entries.iter().map(|entry| entry.value).for_each(&mut visit);
        for entry in &attrs.dynamic {
            visit(entry.name);
            visit(entry.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use floe_syntax::{ParseOptions, parse};

    use super::*;
    use crate::{LowerOptions, Lowered, Span, lower};

    struct File {
        text: String,
        offset: u32,
        lowered: Lowered,
        scopes: Scopes,
    }

    /// The file with the cursor at `$0`.
    fn file(text: &str) -> File {
        let offset = text.find("$0").expect("the text has a $0") as u32;
        let text = text.replacen("$0", "", 1);
        let parse = parse(&text, &ParseOptions::default());
        let lowered = lower(&parse.tree, &text, &LowerOptions::default());
        let scopes = Scopes::new(&lowered.module);
        File { text, offset, lowered, scopes }
    }

    impl File {
        fn text(&self, span: Span) -> String {
            format!("{}@{}", &self.text[span.start as usize..span.end as usize], span.start)
        }

        fn expr_text(&self, expr: ExprId) -> String {
            self.text(self.lowered.source_map.exprs[expr.0 as usize])
        }

        fn binding_text(&self, binding: BindingId) -> String {
            self.text(self.lowered.source_map.names[binding.0 as usize])
        }

        fn expr(&self) -> ExprId {
            self.lowered.source_map.expr_at(self.offset).expect("there is an expression")
        }
    }

    fn check_visible(text: &str, expected: &Expect) {
        let file = file(text);
        let visible = file.scopes.visible(&file.lowered.module, file.expr());
        let mut found: Vec<String> = visible
            .filter_map(|visible| match visible {
                Visible::Binding(_, binding) => Some(file.binding_text(binding)),
                Visible::With(with) => Some(format!("with {}", file.expr_text(with))),
                Visible::Global(..) => None,
            })
            .collect();
        found.sort();
        expected.assert_eq(&found.join("\n"));
    }

    fn check_definition(text: &str, expected: &Expect) {
        let file = file(text);
        let definition = file.scopes.definition(&file.lowered.module, file.expr());
        let found = match definition {
            None => "no variable".to_owned(),
            Some(Definition::Binding(binding)) => file.binding_text(binding),
            Some(Definition::With { name, sets }) => {
                let sets: Vec<_> = sets.into_iter().map(|set| file.expr_text(set)).collect();
                format!("{name} in {}", sets.join(", "))
            }
            Some(other) => format!("{other:?}"),
        };
        expected.assert_eq(&found);
    }

    fn check_references(text: &str, expected: &Expect) {
        let file = file(text);
        let binding = file.lowered.source_map.binding_at(file.offset).expect("there is a binding");
        let definitions = file.lowered.source_map.definitions(binding);
        let definitions: Vec<_> = definitions.map(|span| file.text(span)).collect();
        let references = file.scopes.references(binding).iter();
        let references: Vec<_> = references.map(|expr| file.expr_text(*expr)).collect();
        let found = format!("{} <- {}", definitions.join(" "), references.join(" "));
        expected.assert_eq(&found);
    }

    #[test]
    fn names_of_all_enclosing_scopes_are_visible() {
        check_visible(
            "a: { b, ... }@c: let d = 1; in with a; rec { e = $0b; }",
            &expect![[r#"
            a@0
            b@5
            c@14
            d@21
            e@45
            with with a; rec { e = b; }@31"#]],
        );
        check_visible("{ a = 1; b = $0x; }", &expect![[""]]);
        check_visible(
            "let a.b = 1; c = d: $0d; in c",
            &expect![[r#"
            a@4
            c@13
            d@17"#]],
        );
    }

    #[test]
    fn variables_have_definitions() {
        check_definition("a: b: $0a", &expect!["a@0"]);
        check_definition("{ a, b ? $0a }: b", &expect!["a@2"]);
        check_definition("x: let a = 1; inherit (x) b; in $0b", &expect!["b@26"]);
        check_definition("x: rec { inherit $0x; }", &expect!["x@0"]);
        check_definition("a: with a; b: with b.c; $0d", &expect!["d in b.c@19, a@8"]);
        check_definition("with {}; $0map", &expect!["Global(GlobalId(114))"]);
        check_definition("$0x", &expect!["Undefined(x)"]);
        check_definition("$01", &expect!["no variable"]);
        check_definition("rec { a.b = $0a; }", &expect!["a@6"]);
    }

    #[test]
    fn bindings_have_references() {
        check_references("a$0: b: [ a b (a: a) (a) ]", &expect!["a@0 <- a@8 a@20"]);
        check_references(
            "let $0a.b = 1; a.c = a; in { inherit a; }",
            &expect!["a@4 a@13 <- a@19 a@35"],
        );
        check_references(
            "let a.b = 1; $0a.c = a; in { inherit a; }",
            &expect!["a@4 a@13 <- a@19 a@35"],
        );
    }

    #[test]
    fn expressions_have_parents() {
        let file = file("a: [ (a.b $01) ]");
        let parents: Vec<_> =
            file.scopes.ancestors(file.expr()).map(|expr| file.expr_text(expr)).collect();
        expect![[r#"
            1@10
            a.b 1@6
            [ (a.b 1) ]@3
            a: [ (a.b 1) ]@0"#]]
        .assert_eq(&parents.join("\n"));
    }
}
