//! String contexts as text: the forms that `getContext`, `appendContext` and messages use.

use crate::evaluator::Evaluator;
use crate::heap::{Context, ContextElement, Str, Value};

/// Collects the contexts of the parts of a string.
#[derive(Default)]
pub(crate) struct ContextBuilder<'h> {
    context: Context<'h>,
}

impl<'h> ContextBuilder<'h> {
    /// Adds everything that a string depends on.
    pub(crate) fn add(&mut self, evaluator: &Evaluator<'h>, context: Context<'h>) {
        self.context = evaluator.heap.merge_contexts(self.context, context);
    }

    /// Adds one element.
    pub(crate) fn insert(&mut self, evaluator: &Evaluator<'h>, element: ContextElement<'h>) {
        let one = evaluator.heap.context(&[element]);
        self.add(evaluator, one);
    }

    /// What was collected.
    pub(crate) fn context(&self) -> Context<'h> {
        self.context
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
            format!("!{output}!{}", base_name(derivation))
        }
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
