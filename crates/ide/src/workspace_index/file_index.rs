//! What one file binds, mentions and refers to, as one array of numbers.

use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use floe_hir::{
    AttrKind, AttrsId, Expr, ExprId, Key, Module, Name, Param, Scopes, SourceMap, Span, Var,
};
use rustc_hash::FxHasher;

use crate::document_symbols::{SymbolKind, kind_of};

/// What one file binds, mentions and refers to.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileIndex {
    /// The symbols, the names, what is taken from `lib`, and the targets.
    words: Arc<[u32]>,
    symbols: u32,
    names: u32,
    from_lib: u32,
}

/// A binding, in the outline of its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexedSymbol {
    pub(crate) name: Name,
    /// What it is bound in, unless that is the file itself.
    pub(crate) container: Option<Name>,
    /// Where the name begins. How long it is there, quotes or not, says `length`.
    start: u32,
    length: u16,
    pub(crate) kind: SymbolKind,
}

impl IndexedSymbol {
    const WORDS: usize = 4;

    pub(crate) fn span(&self) -> Span {
        Span { start: self.start, end: self.start + u32::from(self.length) }
    }

    fn encode(self) -> [u32; IndexedSymbol::WORDS] {
        let container = self.container.map_or(u32::MAX, Name::index);
        let rest = u32::from(self.length) << 16 | self.kind as u32;
        [self.name.index(), container, self.start, rest]
    }

    fn decode(words: &[u32]) -> IndexedSymbol {
        IndexedSymbol {
            name: Name::from_index(words[0]),
            container: (words[1] != u32::MAX).then(|| Name::from_index(words[1])),
            start: words[2],
            length: (words[3] >> 16) as u16,
            kind: SymbolKind::ALL[(words[3] & 0xffff) as usize],
        }
    }
}

impl FileIndex {
    /// What the file binds where another file, or a person, may look for it.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = IndexedSymbol> + '_ {
        let words = &self.words[..self.symbols as usize * IndexedSymbol::WORDS];
        words.chunks_exact(IndexedSymbol::WORDS).map(IndexedSymbol::decode)
    }

    /// Whether the file has a variable, an attribute or an argument of this name anywhere.
    pub(crate) fn mentions(&self, name: Name) -> bool {
        self.mentioned().binary_search(&name.index()).is_ok()
    }

    /// The names of all variables, attributes and arguments.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> + '_ {
        self.mentioned().iter().map(|name| Name::from_index(*name))
    }

    fn mentioned(&self) -> &[u32] {
        let start = self.symbols as usize * IndexedSymbol::WORDS;
        &self.words[start..start + self.names as usize]
    }

    /// Where the file takes an attribute of this name from something called `lib`: the starts of the names.
    pub(super) fn places_from_lib(&self, name: Name) -> impl Iterator<Item = u32> + '_ {
        self.taken_from_lib().filter(move |(taken, _)| *taken == name).map(|(_, start)| start)
    }

    /// What the file takes from something called `lib`, once for each time.
    pub(super) fn names_from_lib(&self) -> impl Iterator<Item = Name> + '_ {
        self.taken_from_lib().map(|(name, _)| name)
    }

    fn taken_from_lib(&self) -> impl Iterator<Item = (Name, u32)> + '_ {
        let start = self.symbols as usize * IndexedSymbol::WORDS + self.names as usize;
        let pairs = self.words[start..start + 2 * self.from_lib as usize].chunks_exact(2);
        pairs.map(|pair| (Name::from_index(pair[0]), pair[1]))
    }

    /// The paths that its path literals name, as [`path_hash`]es, sorted.
    pub(super) fn targets(&self) -> &[u32] {
        let symbols = self.symbols as usize * IndexedSymbol::WORDS;
        &self.words[symbols + self.names as usize + 2 * self.from_lib as usize..]
    }
}

/// How a path literal can name a file: itself, or the folder whose `default.nix` it is.
pub(super) fn target_hashes(path: &Path) -> impl Iterator<Item = u32> {
    let folder = path.parent().filter(|_| path.ends_with("default.nix")).map(path_hash);
    std::iter::once(path_hash(path)).chain(folder)
}

/// Two paths may share one: whoever finds a path by it looks at the path as well.
fn path_hash(path: &Path) -> u32 {
    let mut hasher = FxHasher::default();
    path.hash(&mut hasher);
    hasher.finish() as u32
}

impl FileIndex {
    /// Of the program that a text is.
    pub(super) fn of(module: &Module, map: &SourceMap, path: &Path, text: &str) -> FileIndex {
        let mut symbols = Symbols { module, map, found: Vec::new() };
        symbols.expr(module.root, None, 0);
        let mut symbols = symbols.found;
        symbols.sort_by_key(|symbol| symbol.start);
        let (names, targets) = (names(module), targets(module, path));
        let from_lib = from_lib(module, map, text);
        let words = symbols.iter().flat_map(|symbol| symbol.encode());
        let words = words.chain(names.iter().map(|name| name.index()));
        let words: Vec<u32> = words
            .chain(from_lib.iter().flat_map(|(name, start)| [name.index(), *start]))
            .chain(targets)
            .collect();
        FileIndex {
            words: words.into(),
            symbols: symbols.len() as u32,
            names: names.len() as u32,
            from_lib: from_lib.len() as u32,
        }
    }
}

/// All variables, attributes and arguments that occur, sorted.
fn names(module: &Module) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    names.extend(module.attrs.iter().flat_map(|attrs| &attrs.entries).map(|entry| entry.name));
    for lambda in &module.lambdas {
        match &lambda.param {
            Param::Simple { name, .. } => names.push(*name),
            Param::Pattern { formals, at, .. } => {
                names.extend(formals.iter().map(|formal| formal.name));
                names.extend(at.map(|(name, _)| name));
            }
        }
    }
    names.extend(module.keys.iter().filter_map(|key| match key {
        Key::Static(name) => Some(*name),
        Key::Dynamic(_) => None,
    }));
    names.extend(module.exprs.iter().filter_map(|expr| match expr {
        Expr::Var(Var::With { name, .. } | Var::Undefined(name)) => Some(*name),
        _ => None,
    }));
    names.sort_unstable();
    names.dedup();
    names
}

/// The paths that path literals name, as [`path_hash`]es, sorted.
fn targets(module: &Module, path: &Path) -> Vec<u32> {
    let mut targets: Vec<u32> = Vec::new();
    for expr in &module.exprs {
        let Expr::Path(text) = expr else { continue };
        let text = module.str(*text);
        let last = text.rsplit('/').next().unwrap_or_default();
        // A Nix file, or a folder: `./x.patch` is neither.
        let may_be_code = last.ends_with(".nix") || !last.trim_matches('.').contains('.');
        if may_be_code && let Some(target) = crate::known::resolve_path(path, text) {
            targets.push(path_hash(&target));
        }
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// What is taken from something called `lib`, by a selection, an `inherit` and the uses of what that binds,
/// or the innermost `with`: each name, and where it starts. In nixpkgs nearly every file has its library by
/// that name.
fn from_lib(module: &Module, map: &SourceMap, text: &str) -> Vec<(Name, u32)> {
    let lib = Name::new("lib");
    let text_of = |span: Span| text.get(span.start as usize..span.end as usize);
    let is_lib = |expr: ExprId| match module.expr(expr) {
        Expr::Var(_) => text_of(map.exprs[expr.0 as usize]) == Some("lib"),
        Expr::Select { path, default: None, .. } => {
            module.keys(path).last() == Some(&Key::Static(lib))
        }
        _ => false,
    };
    let mut found = Vec::new();
    for expr in &module.exprs {
        let (Expr::Select { base, path, .. } | Expr::HasAttr { base, path }) = expr else {
            continue;
        };
        let mut behind_lib = is_lib(*base);
        for (key, span) in module.keys(*path).iter().zip(&map.keys[path.start as usize..]) {
            let Key::Static(name) = key else { break };
            if behind_lib {
                found.push((*name, span.start));
            }
            behind_lib = *name == lib;
        }
    }
    let mut inherited = Vec::new();
    for attrs in &module.attrs {
        for entry in attrs.entries.iter().filter(|it| it.kind == AttrKind::InheritedFrom) {
            if let Expr::Select { base, .. } = module.expr(entry.value)
                && let Expr::InheritFrom(index) = module.expr(base)
                && attrs.inherit_from.get(index as usize).is_some_and(|set| is_lib(*set))
            {
                found.push((entry.name, map.names[entry.binding.0 as usize].start));
                inherited.push(*entry);
            }
        }
    }
    if !inherited.is_empty() {
        let scopes = Scopes::new(module);
        for entry in inherited {
            let uses = scopes.references(entry.binding).iter();
            found.extend(uses.map(|used| (entry.name, map.exprs[used.0 as usize].start)));
        }
    }
    let exprs = || module.exprs.iter().zip(&map.exprs);
    let mut withs: Vec<(Span, bool)> = exprs()
        .filter_map(|(expr, _)| match expr {
            Expr::With { set, body, .. } => Some((map.wrapped(*body), is_lib(*set))),
            _ => None,
        })
        .collect();
    withs.sort_unstable_by_key(|(body, _)| (body.start, std::cmp::Reverse(body.end)));
    let mut variables: Vec<(u32, Name)> = exprs()
        .filter_map(|(expr, span)| match expr {
            Expr::Var(Var::With { name, .. }) => Some((span.start, *name)),
            _ => None,
        })
        .collect();
    variables.sort_unstable();
    let mut withs = withs.into_iter().peekable();
    let mut around: Vec<(Span, bool)> = Vec::new();
    for (start, name) in variables {
        while let Some(with) = withs.next_if(|(body, _)| body.start <= start) {
            around.retain(|(body, _)| body.end > with.0.start);
            around.push(with);
        }
        around.retain(|(body, _)| body.end > start);
        if around.last().is_some_and(|(_, is_lib)| *is_lib) {
            found.push((name, start));
        }
    }
    found
}

/// Deeper than this lies data.
const DEEPEST: usize = 24;

struct Symbols<'a> {
    module: &'a Module,
    map: &'a SourceMap,
    found: Vec<IndexedSymbol>,
}

impl Symbols<'_> {
    fn expr(&mut self, expr: ExprId, container: Option<Name>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let module = self.module;
        match module.expr(expr) {
            Expr::Attrs(attrs) => self.attrs(attrs, container, depth),
            Expr::Let { attrs, body } => {
                self.attrs(attrs, container, depth);
                self.expr(body, container, depth + 1);
            }
            Expr::Lambda(lambda) => {
                self.expr(module.lambdas[lambda.0 as usize].body, container, depth + 1);
            }
            Expr::With { body, .. } | Expr::Assert { body, .. } => {
                self.expr(body, container, depth + 1);
            }
            Expr::Binary { lhs, rhs, .. } => {
                self.expr(lhs, container, depth + 1);
                self.expr(rhs, container, depth + 1);
            }
            // `fix (self: { … })`, `mkIf condition { … }`; but the dozen attributes of each
            // `mkDerivation { … }` are nothing that anybody looks for by name.
            Expr::Apply { fun, args } => {
                let passes = is_passed_on(module, fun);
                for arg in module.list(args) {
                    if passes || matches!(module.expr(*arg), Expr::Lambda(_)) {
                        self.expr(*arg, container, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    fn attrs(&mut self, attrs: AttrsId, container: Option<Name>, depth: usize) {
        for entry in &self.module.attrs[attrs.0 as usize].entries {
            // What is inherited is defined elsewhere.
            if entry.kind != AttrKind::Plain {
                continue;
            }
            let span = self.map.names[entry.binding.0 as usize];
            self.found.push(IndexedSymbol {
                name: entry.name,
                container,
                start: span.start,
                length: (span.end - span.start).try_into().unwrap_or(u16::MAX),
                kind: kind_of(self.module, entry.value),
            });
            self.expr(entry.value, Some(entry.name), depth + 1);
        }
    }
}

/// Whether a function's result has the attributes of the set that it is given.
fn is_passed_on(module: &Module, fun: ExprId) -> bool {
    let name = match module.expr(fun) {
        Expr::Var(Var::With { name, .. } | Var::Undefined(name)) => name,
        Expr::Select { path, .. } => match module.keys(path).last() {
            Some(Key::Static(name)) => *name,
            _ => return false,
        },
        _ => return false,
    };
    matches!(
        name.as_str(),
        "mkIf"
            | "mkMerge"
            | "mkForce"
            | "mkDefault"
            | "mkOverride"
            | "optionalAttrs"
            | "recurseIntoAttrs"
            | "dontRecurseIntoAttrs"
    )
}
