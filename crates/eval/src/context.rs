//! String contexts as text: the forms that `getContext`, `appendContext` and messages use.

use crate::evaluator::Evaluator;
use crate::heap::{Context, ContextElement, Heap, Str, Value};

/// Collects the contexts of the parts of a string.
#[derive(Default)]
pub(crate) struct ContextBuilder<'h> {
    /// The first context. Most strings have no other, and then share it.
    first: Context<'h>,
    /// The elements of others.
    more: Vec<ContextElement<'h>>,
    /// How many of them there may be before those that are there twice are taken out.
    most: usize,
    /// Where their union will be.
    heap: Option<&'h Heap>,
}

const LEAST_TO_DEDUPLICATE: usize = 1024;

impl<'h> ContextBuilder<'h> {
    /// Adds everything that a string depends on.
    pub(crate) fn add(&mut self, evaluator: &Evaluator<'h>, context: Context<'h>) {
        if context.is_empty() || context.is_identical(self.first) {
            return;
        }
        if self.first.is_empty() {
            self.first = context;
            return;
        }
        self.heap = Some(evaluator.heap);
        let known = self.first.elements();
        let new = context.elements().iter().filter(|element| known.binary_search(element).is_err());
        self.more.extend(new);
        // Long lists of strings with much in common say the same again and again.
        if self.more.len() > self.most.max(LEAST_TO_DEDUPLICATE) {
            self.more.sort_unstable();
            self.more.dedup();
            self.most = 2 * self.more.len();
        }
    }

    /// Adds one element.
    pub(crate) fn insert(&mut self, evaluator: &Evaluator<'h>, element: ContextElement<'h>) {
        self.heap = Some(evaluator.heap);
        self.more.push(element);
    }

    /// What was collected.
    pub(crate) fn context(&self) -> Context<'h> {
        match self.heap {
            Some(heap) if !self.more.is_empty() => {
                heap.context(&[self.first.elements(), &self.more].concat())
            }
            _ => self.first,
        }
    }
}

impl<'h> Evaluator<'h> {
    /// A string value with these bytes and this context.
    pub(crate) fn string_value(&self, bytes: &[u8], context: Context<'h>) -> Value<'h> {
        self.heap.str_with_context(&[bytes], context).value()
    }

    /// The same bytes with another context.
    pub(crate) fn with_context(&self, string: Str<'h>, context: Context<'h>) -> Value<'h> {
        self.string_value(string.as_bytes(), context)
    }

    /// Text for as long as the heap lives.
    pub(crate) fn text(&self, text: &str) -> &'h str {
        let bytes = self.heap.slice(text.as_bytes());
        std::str::from_utf8(bytes).expect("the bytes of a str")
    }
}

/// An element as most messages show it.
pub(crate) fn display(element: ContextElement<'_>) -> String {
    match element {
        ContextElement::Opaque(path) => path.to_owned(),
        ContextElement::DerivationDeep(path) => format!("{path} (deep)"),
        ContextElement::Output { derivation, output } => format!("{derivation}^{output}"),
    }
}

/// An element in the form that C++ Nix keeps it in, which a few messages show.
pub(crate) fn encode(element: ContextElement<'_>) -> String {
    match element {
        ContextElement::Opaque(path) => base_name(path).to_owned(),
        ContextElement::DerivationDeep(path) => format!("={}", base_name(path)),
        ContextElement::Output { derivation, output } => {
            // The way to a derivation that is an output itself goes backwards, too.
            let (path, outputs) = deriving_path(derivation);
            let outputs = outputs.iter().copied().chain([output]).rev();
            let outputs: String = outputs.map(|output| format!("!{output}")).collect();
            format!("{outputs}!{}", base_name(path))
        }
    }
}

/// The derivation that an output is of, taken apart: a path in the store, and the outputs that lead from
/// there to a derivation that is known only once these are built.
pub(crate) fn deriving_path(derivation: &str) -> (&str, Vec<&str>) {
    let mut parts = derivation.split('^');
    (parts.next().unwrap_or_default(), parts.collect())
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
