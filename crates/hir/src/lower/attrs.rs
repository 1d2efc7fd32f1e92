//! Sets and `let`: gathering what is bound, merging what C++ Nix merges, and lowering the values in
//! the right scope.
//!
//! C++ Nix adds one definition after the other to a set and merges where both the old and the new
//! value are sets literally. Here the definitions of a set are gathered first and sorted by name; a
//! group of several definitions of one name, or a single one with a longer path, becomes a nested set
//! whose definitions are gathered from the whole group.

use floe_syntax::{ElementId, SyntaxKind};

use super::{AttrKey, Lowering, span_of, with_stack};
use crate::{
    AttrEntry, AttrKind, Attrs, AttrsId, BindingId, DynamicEntry, Expr, ExprId, Key, Name, Problem,
    ProblemKind, Span,
};

/// One definition: the attribute at one step of an attribute path.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) name: Name,
    local: u32,
    /// The `Attr` node.
    attr: ElementId,
    /// The `AttrPath` that it stands in; of an inherited attribute the `Attr` itself.
    pub(super) path: ElementId,
    value: ItemValue,
}

#[derive(Clone, Copy)]
enum ItemValue {
    Plain(Option<ElementId>),
    Inherited,
    /// Of the set with this index, counted from the first of the `Attrs`.
    InheritedFrom(u32),
}

/// One `name = value;`.
#[derive(Clone, Copy)]
pub(super) struct Single {
    pub(super) item: Item,
    pub(super) value: Option<ElementId>,
}

/// A definition of another form.
pub(super) struct NotSingle;

/// One definition whose name is computed.
#[derive(Clone, Copy)]
pub(super) struct DynamicItem {
    /// The `String` or `Interpolation` node of the name.
    name: ElementId,
    attr: ElementId,
    path: ElementId,
    value: Option<ElementId>,
}

/// Where the definitions of one set begin on the shared stacks.
#[derive(Clone, Copy)]
struct Marks {
    items: usize,
    dynamic: usize,
    inherit_from: usize,
}

impl Lowering<'_> {
    /// An `AttrSet` or `LegacyLet`.
    pub(super) fn attr_set(&mut self, id: ElementId) -> AttrsId {
        let marks = self.marks();
        self.gather(id, marks);
        let recursive = self.is_recursive(id);
        let attrs = self.attrs(marks, recursive, Some(id));
        if recursive {
            self.names.leave();
        }
        attrs
    }

    /// The bindings of a `LetIn`. Their environment stays entered.
    pub(super) fn begin_let(&mut self, id: ElementId) -> AttrsId {
        let marks = self.marks();
        self.gather(id, marks);
        if self.dynamic.len() > marks.dynamic {
            let element = self.tree.get(id);
            let keyword = self.children(id).next().map_or(element, |token| self.tree.get(token));
            let kind = ProblemKind::DynamicAttributeInLet;
            self.problems.push(Problem { span: span_of(keyword), noticed_at: element.end, kind });
        }
        self.attrs(marks, true, Some(id))
    }

    fn is_recursive(&self, set: ElementId) -> bool {
        let first = self.children(set).next().map(|token| self.tree.get(token).kind);
        matches!(first, Some(SyntaxKind::RecKw | SyntaxKind::LetKw))
    }

    fn marks(&self) -> Marks {
        Marks {
            items: self.items.len(),
            dynamic: self.dynamic.len(),
            inherit_from: self.inherit_from.len(),
        }
    }

    /// Puts the definitions of a set on the stacks.
    fn gather(&mut self, set: ElementId, marks: Marks) {
        let tree = self.tree;
        for child in tree.children(set) {
            match tree.get(child).kind {
                SyntaxKind::Binding => self.gather_binding(child),
                SyntaxKind::Inherit => self.gather_inherit(child, marks),
                _ => {}
            }
        }
    }

    fn gather_binding(&mut self, binding: ElementId) {
        let (path, value) = self.path_and_value(binding);
        if let Some(path) = path
            && let Some(attr) = self.first_attr(path)
        {
            self.gather_attr(attr, path, value);
        }
    }

    pub(super) fn path_and_value(
        &self,
        binding: ElementId,
    ) -> (Option<ElementId>, Option<ElementId>) {
        let mut path = None;
        let mut value = None;
        for child in self.tree.children(binding) {
            if self.tree.get(child).kind == SyntaxKind::AttrPath {
                path = Some(child);
            } else if self.is_expr(child) {
                value = Some(child);
            }
        }
        (path, value)
    }

    /// The definition that a `Binding` node makes, if any. `Err` if its name is a path, or computed.
    pub(super) fn single_item(&mut self, binding: ElementId) -> Result<Option<Single>, NotSingle> {
        let (Some(path), value) = self.path_and_value(binding) else { return Ok(None) };
        let Some(attr) = self.first_attr(path) else { return Ok(None) };
        if self.next_attr(attr, path).is_some() {
            return Err(NotSingle);
        }
        match self.attr_key(attr) {
            AttrKey::Static(local) => {
                let name = self.names.name(local);
                let item = Item { name, local, attr, path, value: ItemValue::Plain(value) };
                Ok(Some(Single { item, value }))
            }
            AttrKey::Dynamic(_) => Err(NotSingle),
            AttrKey::Missing => Ok(None),
        }
    }

    pub(super) fn single_binding(&mut self, single: Single) -> BindingId {
        let Item { path, attr, .. } = single.item;
        self.add_binding(self.definition_span(path, attr), span_of(self.tree.get(attr)))
    }

    pub(super) fn single_value(&mut self, single: Single) -> ExprId {
        self.plain_value(single.value, single.item)
    }

    fn gather_attr(&mut self, attr: ElementId, path: ElementId, value: Option<ElementId>) {
        match self.attr_key(attr) {
            AttrKey::Static(local) => {
                let name = self.names.name(local);
                self.items.push(Item { name, local, attr, path, value: ItemValue::Plain(value) });
            }
            AttrKey::Dynamic(name) => self.dynamic.push(DynamicItem { name, attr, path, value }),
            AttrKey::Missing => {}
        }
    }

    fn gather_inherit(&mut self, inherit: ElementId, marks: Marks) {
        let tree = self.tree;
        let mut value = ItemValue::Inherited;
        for child in tree.children(inherit) {
            let element = tree.get(child);
            match element.kind {
                SyntaxKind::InheritFrom => {
                    let index = self.inherit_from.len() - marks.inherit_from;
                    value = ItemValue::InheritedFrom(index as u32);
                    self.inherit_from.push(child);
                }
                SyntaxKind::Attr => match self.attr_key(child) {
                    AttrKey::Static(local) => {
                        let name = self.names.name(local);
                        self.items.push(Item { name, local, attr: child, path: child, value });
                    }
                    AttrKey::Dynamic(_) => self.problems.push(Problem {
                        span: span_of(element),
                        noticed_at: element.end,
                        kind: ProblemKind::DynamicAttributeInInherit,
                    }),
                    AttrKey::Missing => {}
                },
                _ => {}
            }
        }
    }

    /// Lowers the definitions above `marks`: those of the node `set`, if they are those of one alone. A
    /// recursive set's environment stays entered.
    fn attrs(&mut self, marks: Marks, recursive: bool, set: Option<ElementId>) -> AttrsId {
        let items = marks.items..self.items.len();
        let dynamic = marks.dynamic..self.dynamic.len();
        let inherit_from = marks.inherit_from..self.inherit_from.len();

        self.items[items.clone()].sort_unstable_by_key(|item| (item.name, item.attr));
        if recursive {
            self.names.enter();
        }
        let mut landmarks = set.and_then(|set| self.begin_landmarks(set));
        let mut entries = self.entries(items.clone(), recursive);
        let inherit_from =
            inherit_from.map(|index| self.inherited_set(self.inherit_from[index])).collect();
        let mut start = items.start;
        for entry in &mut entries {
            let end = self.group_end(start, items.end);
            if let Some(landmarks) = &mut landmarks {
                landmarks.add(self.lengths(), self.items[start].path, self.is_alone(start, end));
            }
            entry.value = self.group_value(start, end, recursive);
            start = end;
        }
        let values_end = self.lengths();
        let dynamic =
            dynamic.map(|index| with_stack(|| self.dynamic_entry(self.dynamic[index]))).collect();

        self.items.truncate(marks.items);
        self.dynamic.truncate(marks.dynamic);
        self.inherit_from.truncate(marks.inherit_from);
        let attrs = self.add_attrs(Attrs { recursive, entries, inherit_from, dynamic });
        if let Some(landmarks) = landmarks {
            self.end_landmarks(landmarks, attrs, values_end);
        }
        attrs
    }

    /// Whether these items are one `name = value;`, which no other definition is merged with.
    fn is_alone(&self, start: usize, end: usize) -> bool {
        let head = self.items[start];
        end - start == 1
            && matches!(head.value, ItemValue::Plain(_))
            && self.next_attr(head.attr, head.path).is_none()
    }

    /// One entry for each group of items, its value yet to be lowered.
    fn entries(&mut self, items: std::ops::Range<usize>, bind: bool) -> Vec<AttrEntry> {
        let mut entries = Vec::with_capacity(items.len());
        let mut start = items.start;
        while start < items.end {
            let end = self.group_end(start, items.end);
            let head = self.items[start];
            if bind {
                self.names.bind(head.local, entries.len() as u32);
            }
            let binding = self.add_binding(
                self.definition_span(head.path, head.attr),
                span_of(self.tree.get(head.attr)),
            );
            for item in &self.items[start + 1..end] {
                self.source_map.merged.push((binding, span_of(self.tree.get(item.attr))));
            }
            let kind = match head.value {
                ItemValue::Plain(_) => AttrKind::Plain,
                ItemValue::Inherited => AttrKind::Inherited,
                ItemValue::InheritedFrom(_) => AttrKind::InheritedFrom,
            };
            entries.push(AttrEntry { name: head.name, value: ExprId(0), kind, binding });
            start = end;
        }
        entries
    }

    fn group_end(&self, start: usize, limit: usize) -> usize {
        let name = self.items[start].name;
        let others = self.items[start + 1..limit].iter();
        start + 1 + others.take_while(|item| item.name == name).count()
    }

    fn inherited_set(&mut self, inherit_from: ElementId) -> ExprId {
        let set = self.first_expr(inherit_from);
        self.expr_or_missing(set, self.tree.get(inherit_from).end)
    }

    /// The value of the attribute that the items from `start` to `end` define together.
    fn group_value(&mut self, start: usize, end: usize, recursive: bool) -> ExprId {
        let head = self.items[start];
        let attr_span = span_of(self.tree.get(head.attr));
        match head.value {
            ItemValue::Plain(value) => {
                let next = self.next_attr(head.attr, head.path);
                if end - start > 1 || next.is_some() {
                    return with_stack(|| self.merged_value(start, end));
                }
                return self.plain_value(value, head);
            }
            _ if end - start > 1 => self.report_duplicates(start, end),
            _ => {}
        }
        match head.value {
            ItemValue::InheritedFrom(index) => {
                let base = self.add(Expr::InheritFrom(index), attr_span);
                let path = self.single_key(Key::Static(head.name), attr_span);
                self.add(Expr::Select { base, path, default: None }, attr_span)
            }
            _ => {
                let var = if recursive {
                    self.names.resolve_outside(head.local)
                } else {
                    self.names.resolve(head.local)
                };
                self.add_variable(var, attr_span)
            }
        }
    }

    fn plain_value(&mut self, value: Option<ElementId>, item: Item) -> ExprId {
        match value {
            Some(value) => self.named_expr(value, Some(item.name)),
            None => self.expr_or_missing(None, self.tree.get(item.attr).end),
        }
    }

    /// As in C++ Nix, the first definition alone decides whether the merged set is recursive.
    fn merged_value(&mut self, start: usize, end: usize) -> ExprId {
        let head = self.items[start];
        let marks = self.marks();
        let Some((set_span, recursive)) = self.gather_value(head, marks) else {
            self.report_duplicates(start, end);
            let ItemValue::Plain(value) = head.value else {
                return self.expr_or_missing(None, self.tree.get(head.attr).end);
            };
            return self.plain_value(value, head);
        };
        for index in start + 1..end {
            let item = self.items[index];
            if self.gather_value(item, marks).is_none() {
                self.report_duplicate(head, item);
            }
        }
        let attrs = self.attrs(marks, recursive, None);
        if recursive {
            self.names.leave();
        }
        self.add(Expr::Attrs(attrs), set_span)
    }

    /// Gathers what the item's value defines if that is a set literally: where it stands, and whether
    /// it says `rec`.
    fn gather_value(&mut self, item: Item, marks: Marks) -> Option<(Span, bool)> {
        let ItemValue::Plain(value) = item.value else { return None };
        if let Some(next) = self.next_attr(item.attr, item.path) {
            self.gather_attr(next, item.path, value);
            return Some((self.rest_span(next, item.path, value), false));
        }
        let value = self.unwrap_parens(value?);
        let element = self.tree.get(value);
        if element.kind != SyntaxKind::AttrSet {
            return None;
        }
        self.gather(value, marks);
        Some((span_of(element), self.is_recursive(value)))
    }

    fn dynamic_entry(&mut self, item: DynamicItem) -> DynamicEntry {
        let binding = self.add_binding(
            self.definition_span(item.path, item.attr),
            span_of(self.tree.get(item.attr)),
        );
        let name = self.dynamic_name(item.name);
        let value = match (self.next_attr(item.attr, item.path), item.value) {
            (Some(next), value) => {
                let marks = self.marks();
                self.gather_attr(next, item.path, value);
                let attrs = self.attrs(marks, false, None);
                self.add(Expr::Attrs(attrs), self.rest_span(next, item.path, value))
            }
            (None, value) => self.expr_or_missing(value, self.tree.get(item.path).end),
        };
        DynamicEntry { name, value, binding }
    }

    fn first_attr(&self, path: ElementId) -> Option<ElementId> {
        self.children(path).find(|child| self.tree.get(*child).kind == SyntaxKind::Attr)
    }

    /// The step of an attribute path behind `attr`.
    fn next_attr(&self, attr: ElementId, path: ElementId) -> Option<ElementId> {
        let end = self.tree.get(path).next;
        let mut next = self.tree.get(attr).next;
        while next < end {
            let element = self.tree.get(ElementId(next));
            if element.kind == SyntaxKind::Attr {
                return Some(ElementId(next));
            }
            next = element.next;
        }
        None
    }

    /// From the path's start to the end of one of its attributes.
    fn definition_span(&self, path: ElementId, attr: ElementId) -> Span {
        Span { start: self.tree.get(path).start, end: self.tree.get(attr).end }
    }

    /// From the attribute to the end of the value.
    fn rest_span(&self, attr: ElementId, path: ElementId, value: Option<ElementId>) -> Span {
        let last = self.tree.get(value.unwrap_or(path));
        Span { start: self.tree.get(attr).start, end: last.end }
    }
}

/// Definitions that cannot be merged.
impl Lowering<'_> {
    fn report_duplicates(&mut self, start: usize, end: usize) {
        for index in start + 1..end {
            self.report_duplicate(self.items[start], self.items[index]);
        }
    }

    /// C++ Nix names the attribute by its path from the set in which both definitions are, and
    /// notices at the end of the later statement there.
    fn report_duplicate(&mut self, first: Item, second: Item) {
        let tree = self.tree;
        let outer = self.ancestors(first.attr);
        let inner = self.ancestors(second.attr);
        let common = outer.iter().zip(&inner).take_while(|(a, b)| a == b).count();
        let is_statement =
            |id: ElementId| matches!(tree.get(id).kind, SyntaxKind::Binding | SyntaxKind::Inherit);
        let statements = || inner[common..].iter().copied().filter(|id| is_statement(*id));
        // One `inherit` may name both.
        let around = || inner[..common].iter().copied().rev().find(|id| is_statement(*id));
        let end = statements().next().or_else(around).unwrap_or(second.attr);
        let mut path = Vec::new();
        for statement in statements() {
            self.push_path(statement, second, &mut path);
        }
        if path.is_empty() {
            path.push(second.name);
        }
        // A statement without its semicolon is a syntax error before anybody looks at its names.
        let is_unfinished = !tree.children(end).any(|c| tree.get(c).kind == SyntaxKind::Semicolon);
        let span = self.definition_span(second.path, second.attr);
        let previous = self.definition_span(first.path, first.attr);
        self.problems.push(Problem {
            span,
            noticed_at: tree.get(end).end + u32::from(is_unfinished),
            kind: ProblemKind::DuplicateAttribute { path, previous },
        });
    }

    /// Appends the names of a statement's path, up to the item's.
    fn push_path(&mut self, statement: ElementId, item: Item, path: &mut Vec<Name>) {
        let tree = self.tree;
        if tree.get(statement).kind == SyntaxKind::Inherit {
            path.push(item.name);
            return;
        }
        let attr_path =
            tree.children(statement).find(|c| tree.get(*c).kind == SyntaxKind::AttrPath);
        for attr in attr_path.into_iter().flat_map(|attr_path| tree.children(attr_path)) {
            if tree.get(attr).kind != SyntaxKind::Attr {
                continue;
            }
            if let AttrKey::Static(local) = self.attr_key(attr) {
                path.push(self.names.name(local));
            }
            if attr == item.attr {
                return;
            }
        }
    }

    /// The nodes around an element, outermost first.
    fn ancestors(&self, target: ElementId) -> Vec<ElementId> {
        let mut ancestors = vec![self.tree.root()];
        let mut node = self.tree.root();
        while let Some(child) = self
            .children(node)
            .find(|child| child.0 <= target.0 && target.0 < self.tree.get(*child).next)
            && child != target
        {
            ancestors.push(child);
            node = child;
        }
        ancestors
    }
}
