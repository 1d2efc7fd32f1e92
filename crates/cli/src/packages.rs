//! The derivations in a value, found where `nix-env` and `nix-instantiate` find them.

use std::collections::HashSet;

use floe_eval::{
    Evaluator,
    error::{ErrorKind, EvalError, FrameMessage, Pos},
    heap::{Attr, Attrs, Kind, Value},
};
use floe_hir::Name;

/// A derivation and how it is reached.
pub(crate) struct Package<'h> {
    /// The attribute path.
    pub(crate) path: String,
    pub(crate) attrs: Attrs<'h>,
}

/// What to do about a derivation that refuses to be evaluated: a failed assertion or `throw`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusals {
    /// It is left out, as `nix-env` does with what is broken, insecure or unfree.
    Skip,
    /// The whole search fails.
    Fail,
}

/// The derivations of a value: itself, or those of a list or set. Sets in it are searched if they say
/// `recurseForDerivations = true`. A derivation that is there twice is found once.
pub(crate) fn find<'h>(
    evaluator: &Evaluator<'h>,
    value: Value<'h>,
    path: &str,
    refusals: Refusals,
    found: impl FnMut(&Package<'h>),
) -> Result<Vec<Package<'h>>, EvalError> {
    let mut search =
        Search { evaluator, refusals, seen: HashSet::new(), packages: Vec::new(), found };
    search.all_of(value, path)?;
    Ok(search.packages)
}

struct Search<'h, 'e, F> {
    evaluator: &'e Evaluator<'h>,
    refusals: Refusals,
    /// The sets of the derivations found, by identity.
    seen: HashSet<u64>,
    packages: Vec<Package<'h>>,
    found: F,
}

impl<'h, F: FnMut(&Package<'h>)> Search<'h, '_, F> {
    /// Searches a value that is wanted as a whole: functions are called, a list's elements are wanted.
    fn all_of(&mut self, value: Value<'h>, path: &str) -> Result<(), EvalError> {
        let value = self.evaluator.auto_call(value, &[])?;
        if !self.is_to_be_searched(value, path)? {
            return Ok(());
        }
        match value.kind() {
            Kind::Attrs(attrs) => self.attributes_of(attrs, path),
            Kind::List(list) => {
                for (index, element) in list.iter().enumerate() {
                    let path = join(path, &index.to_string());
                    if self.is_to_be_searched(element, &path)? {
                        let evaluator = self.evaluator;
                        evaluator.nested(|| self.all_of(element, &path))?;
                    }
                }
                Ok(())
            }
            _ => Err(EvalError::new(
                ErrorKind::TypeMismatch,
                "expression does not evaluate to a derivation (or a set or list of those)",
            )),
        }
    }

    fn attributes_of(&mut self, attrs: Attrs<'h>, path: &str) -> Result<(), EvalError> {
        // Channels as `nix-env` combines them: each is wanted as a whole.
        let is_all_wanted = attrs.get(Name::new("_combineChannels")).is_some();
        for attr in attrs.sorted() {
            let name = attr.name.as_str();
            if !is_path_component(name) {
                continue;
            }
            let searched = self.attribute(attr, &join(path, name), is_all_wanted);
            searched.map_err(|error| {
                let message = format!("while evaluating the attribute '{name}'");
                error.frame(attr.position.into(), FrameMessage::Text(message))
            })?;
        }
        Ok(())
    }

    fn attribute(&mut self, attr: Attr<'h>, path: &str, is_wanted: bool) -> Result<(), EvalError> {
        let (value, evaluator) = (attr.cell.get(), self.evaluator);
        if is_wanted || self.is_to_be_searched(value, path)? && self.says_to_recurse(value)? {
            return evaluator.nested(|| self.all_of(value, path));
        }
        Ok(())
    }

    /// Notes a derivation. Whether the value is something else, and may hold derivations.
    fn is_to_be_searched(&mut self, value: Value<'h>, path: &str) -> Result<bool, EvalError> {
        match self.derivation(value, path) {
            Err(error) if self.refusals == Refusals::Skip && error.kind().is_catchable() => {
                Ok(false)
            }
            result => result.map(|is_derivation| !is_derivation),
        }
    }

    fn derivation(&mut self, value: Value<'h>, path: &str) -> Result<bool, EvalError> {
        let value = self.evaluator.force(value, Pos::None)?;
        let Kind::Attrs(attrs) = value.kind() else { return Ok(false) };
        if !self.evaluator.is_derivation(value)? {
            return Ok(false);
        }
        if self.seen.insert(value.identity()) {
            let package = Package { path: path.to_owned(), attrs };
            package.name(self.evaluator)?;
            (self.found)(&package);
            self.packages.push(package);
        }
        Ok(true)
    }

    fn says_to_recurse(&self, value: Value<'h>) -> Result<bool, EvalError> {
        let value = self.evaluator.force(value, Pos::None)?;
        let Kind::Attrs(attrs) = value.kind() else { return Ok(false) };
        let Some(attr) = attrs.get(Name::new("recurseForDerivations")) else { return Ok(false) };
        let context = "while evaluating the attribute `recurseForDerivations`";
        self.evaluator.force_bool(attr.cell.get(), attr.position.into(), context)
    }
}

impl<'h> Package<'h> {
    /// The `name` attribute.
    pub(crate) fn name(&self, evaluator: &Evaluator<'h>) -> Result<String, EvalError> {
        let attr = self.attrs.get(Name::new("name")).ok_or_else(|| {
            EvalError::new(ErrorKind::MissingAttribute, "derivation name missing")
        })?;
        let context = "while evaluating the 'name' attribute of a derivation";
        let name = evaluator.force_plain_string(attr.cell.get(), Pos::None, context)?;
        Ok(name.to_text().into_owned())
    }

    /// The `drvPath` attribute, if there is one.
    pub(crate) fn derivation_path(
        &self,
        evaluator: &Evaluator<'h>,
    ) -> Result<Option<String>, EvalError> {
        let Some(attr) = self.attrs.get(Name::new("drvPath")) else { return Ok(None) };
        let context = "while evaluating the 'drvPath' attribute of a derivation";
        let path = evaluator.force_string(attr.cell.get(), attr.position.into(), context)?;
        Ok(Some(path.to_text().into_owned()))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Attributes with other names cannot be selected with `-A`, and are passed over.
fn is_path_component(name: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_rest = |byte: u8| is_start(byte) || byte.is_ascii_digit() || b"-+".contains(&byte);
    name.bytes().next().is_some_and(is_start) && name.bytes().all(is_rest)
}
