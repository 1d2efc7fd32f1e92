//! The notation in which builtins say what they take and give, `(a -> b) -> [a] -> [b]`, as data.

use std::sync::LazyLock;

use floe_hir::Name;
use rustc_hash::FxHashMap;

use crate::builtin_docs;

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub(crate) parameters: Vec<Pattern>,
    pub(crate) result: Pattern,
}

/// A type with variables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// A variable: `a`.
    Variable(u8),
    Any,
    Null,
    Bool,
    Int,
    Float,
    String,
    Path,
    List(Box<Pattern>),
    Function(Box<Pattern>, Box<Pattern>),
    Attrs {
        /// Name, type where it says one, and whether it may be missing.
        fields: Vec<(Name, Pattern, bool)>,
        /// The type of all others, if there may be others.
        rest: Option<Box<Pattern>>,
    },
    Union(Vec<Pattern>),
}

static SIGNATURES: LazyLock<FxHashMap<&'static str, Signature>> = LazyLock::new(|| {
    let docs = builtin_docs().iter();
    docs.filter_map(|doc| Some((doc.name, Signature::parse(doc.signature)?))).collect()
});

impl Signature {
    /// That of a builtin.
    pub fn of_builtin(name: &str) -> Option<&'static Signature> {
        SIGNATURES.get(name)
    }

    /// Reads the notation. `None` for what is not in it.
    pub fn parse(text: &str) -> Option<Signature> {
        let mut reader = Reader { rest: text.trim() };
        let mut result = reader.arrow()?;
        if !reader.rest.is_empty() {
            return None;
        }
        let mut parameters = Vec::new();
        while let Pattern::Function(from, to) = result {
            parameters.push(*from);
            result = *to;
        }
        Some(Signature { parameters, result })
    }

    /// How many arguments a call takes.
    pub fn arity(&self) -> usize {
        self.parameters.len()
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &str {
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '\'';
        let end = self.rest.find(|char| !is_part(char)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn arrow(&mut self) -> Option<Pattern> {
        let mut members = vec![self.atom()?];
        while self.take("|") {
            members.push(self.atom()?);
        }
        let from = if members.len() == 1 { members.remove(0) } else { Pattern::Union(members) };
        if !self.take("->") {
            return Some(from);
        }
        Some(Pattern::Function(Box::new(from), Box::new(self.arrow()?)))
    }

    fn atom(&mut self) -> Option<Pattern> {
        if self.take("(") {
            let inner = self.arrow()?;
            return self.take(")").then_some(inner);
        }
        if self.take("[") {
            let inner = self.arrow()?;
            return self.take("]").then(|| Pattern::List(Box::new(inner)));
        }
        if self.take("{") {
            return self.attrs();
        }
        let anything = || Some(Box::new(Pattern::Any));
        Some(match self.word() {
            "String" => Pattern::String,
            "Int" => Pattern::Int,
            "Float" => Pattern::Float,
            "Bool" => Pattern::Bool,
            "Path" => Pattern::Path,
            "Null" | "null" => Pattern::Null,
            "Number" => Pattern::Union(vec![Pattern::Int, Pattern::Float]),
            "AttrSet" | "Derivation" => Pattern::Attrs { fields: Vec::new(), rest: anything() },
            variable if variable.len() == 1 => Pattern::Variable(variable.as_bytes()[0]),
            _ => return None,
        })
    }

    fn attrs(&mut self) -> Option<Pattern> {
        let (mut fields, mut rest) = (Vec::new(), None);
        while !self.take("}") {
            if self.take("...") {
                let values = if self.take("=") { self.arrow()? } else { Pattern::Any };
                rest = Some(Box::new(values));
            } else {
                let name = Name::new(self.word());
                if name.as_str().is_empty() {
                    return None;
                }
                let optional = self.take("?");
                let value = if self.take("=") { self.arrow()? } else { Pattern::Any };
                fields.push((name, value, optional));
            }
            let _ = self.take(",") || self.take(";");
        }
        fields.sort_by_key(|(name, ..)| *name);
        Some(Pattern::Attrs { fields, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_has_one() {
        let missing: Vec<_> = builtin_docs()
            .iter()
            .filter(|doc| Signature::of_builtin(doc.name).is_none())
            .map(|doc| (doc.name, doc.signature))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn arrows_bind_less_than_unions() {
        let signature = Signature::parse("String | Path -> [a] -> a | null").unwrap();
        let union = |members: [Pattern; 2]| Pattern::Union(members.into());
        let a = || Pattern::Variable(b'a');
        assert_eq!(
            signature,
            Signature {
                parameters: vec![
                    union([Pattern::String, Pattern::Path]),
                    Pattern::List(Box::new(a()))
                ],
                result: union([a(), Pattern::Null]),
            }
        );
        assert_eq!(Signature::parse("[a"), None);
        assert_eq!(Signature::parse("{ a"), None);
    }
}
