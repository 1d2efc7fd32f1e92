//! The derivations in a value, found where `nix-env` and `nix-instantiate` find them.

use std::{
    collections::HashSet,
    ops::{ControlFlow, Range},
};

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
    /// Two packages of one evaluation with the same identity are one that is reached twice.
    pub(crate) identity: u64,
}

/// What to do about a derivation that refuses to be evaluated: a failed assertion or `throw`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusals {
    /// It is left out, as `nix-env` does with what is broken, insecure or unfree.
    Skip,
    /// The whole search fails.
    Fail,
}

/// How derivations are searched for. Sets are searched if they say `recurseForDerivations = true`.
#[derive(Clone, Copy)]
pub(crate) struct Search<'h, 'e> {
    pub(crate) evaluator: &'e Evaluator<'h>,
    /// What functions are called with.
    pub(crate) arguments: &'e [(Name, Value<'h>)],
    pub(crate) refusals: Refusals,
}

impl<'h> Search<'h, '_> {
    /// The derivations of a value: itself, or those of a list or set. One that is there twice is found
    /// once.
    pub(crate) fn all(self, value: Value<'h>) -> Result<Vec<Package<'h>>, EvalError> {
        let value = self.evaluator.auto_call(value, self.arguments)?;
        let (mut seen, mut packages) = (HashSet::new(), Vec::new());
        self.part(value, "", &Part::whole(), &mut |package: Package<'h>| {
            if seen.insert(package.identity) {
                package.name(self.evaluator)?;
                packages.push(package);
            }
            Ok(())
        })?;
        Ok(packages)
    }

    /// Shows a visitor the derivations in a part of a value, which is no function any more and was reached
    /// by `path`. What is left of the part when the visitor wants to rest is given back.
    pub(crate) fn part(
        self,
        value: Value<'h>,
        path: &str,
        part: &Part,
        visitor: &mut dyn Visitor<'h>,
    ) -> Result<Option<Part>, EvalError> {
        let (here, rest) = (Vec::new(), None);
        let mut walk = Walk { search: self, part, here, calls: 0, visitor, rest };
        walk.all_of_called(value, path)?;
        Ok(walk.rest)
    }
}

/// The members of a set or list somewhere in a value. Members are numbered in the order in which they are
/// searched, which is the same in every evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// From the value to the set or list: the number of the member at each step.
    pub(crate) place: Vec<u32>,
    pub(crate) members: Range<u32>,
}

impl Part {
    /// All of a value.
    pub(crate) fn whole() -> Part {
        Part { place: Vec::new(), members: 0..u32::MAX }
    }
}

/// Who looks at what a search finds.
pub(crate) trait Visitor<'h> {
    /// A derivation, and its place: the number of the member at each step. It may be found again elsewhere.
    ///
    /// # Errors
    ///
    /// If its evaluation fails; then it counts as not found, or the search fails, as with its value.
    fn found(&mut self, package: Package<'h>, place: &[u32]) -> Result<(), EvalError>;

    /// Whether to search a set or list of so many members now; otherwise the visitor does so elsewhere.
    fn enters(&mut self, _place: &[u32], _members: u32) -> bool {
        true
    }

    /// A member of the part has been searched. To break off is to rest.
    fn passed(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Whoever wants to see every derivation, wherever it is.
impl<'h, F: FnMut(Package<'h>) -> Result<(), EvalError>> Visitor<'h> for F {
    fn found(&mut self, package: Package<'h>, _place: &[u32]) -> Result<(), EvalError> {
        self(package)
    }
}

/// A search that is under way.
struct Walk<'h, 'e> {
    search: Search<'h, 'e>,
    part: &'e Part,
    /// The place that is being searched.
    here: Vec<u32>,
    /// How many functions were called on the way: what they gave is not the same in another search.
    calls: u32,
    visitor: &'e mut dyn Visitor<'h>,
    rest: Option<Part>,
}

impl<'h> Walk<'h, '_> {
    /// Searches a value that is wanted as a whole: functions are called, a list's elements are wanted.
    fn all_of(&mut self, value: Value<'h>, path: &str) -> Result<(), EvalError> {
        let value = self.search.evaluator.force(value, Pos::None)?;
        let called = self.search.evaluator.auto_call(value, self.search.arguments)?;
        let is_called = u32::from(called.identity() != value.identity());
        self.calls += is_called;
        let searched = self.all_of_called(called, path);
        self.calls -= is_called;
        searched
    }

    fn all_of_called(&mut self, value: Value<'h>, path: &str) -> Result<(), EvalError> {
        if !self.is_to_be_searched(value, path)? {
            return Ok(());
        }
        match value.kind() {
            Kind::Attrs(attrs) => self.attributes_of(attrs, path),
            Kind::List(list) => self.each(list.len(), |walk, index| {
                let element = list.cells()[index].get();
                let path = join(path, &index.to_string());
                if walk.is_to_be_searched(element, &path)? {
                    let evaluator = walk.search.evaluator;
                    evaluator.nested(|| walk.all_of(element, &path))?;
                }
                Ok(())
            }),
            _ => Err(EvalError::new(
                ErrorKind::TypeMismatch,
                "expression does not evaluate to a derivation (or a set or list of those)",
            )),
        }
    }

    fn attributes_of(&mut self, attrs: Attrs<'h>, path: &str) -> Result<(), EvalError> {
        // Channels as `nix-env` combines them: each is wanted as a whole.
        let is_all_wanted = attrs.get(Name::new("_combineChannels")).is_some();
        let mut sorted = attrs.sorted();
        sorted.retain(|attr| is_path_component(attr.name.as_str()));
        self.each(sorted.len(), |walk, index| {
            let attr = sorted[index];
            let name = attr.name.as_str();
            walk.attribute(attr, &join(path, name), is_all_wanted).map_err(|error| {
                let message = format!("while evaluating the attribute '{name}'");
                error.frame(attr.position.into(), FrameMessage::Text(message))
            })
        })
    }

    /// Searches those of a set's or list's `count` members that are in the part, or on the way to it.
    fn each(
        &mut self,
        count: usize,
        mut visit: impl FnMut(&mut Self, usize) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        // No set has four thousand million attributes.
        let count = count as u32;
        let depth = self.here.len();
        let is_own = depth == self.part.place.len();
        let members = match self.part.place.get(depth) {
            Some(&member) => member..member + 1,
            None if is_own => self.part.members.clone(),
            None => 0..u32::MAX,
        };
        let is_all = members == (0..u32::MAX);
        if is_all && self.calls == 0 && !self.visitor.enters(&self.here, count) {
            return Ok(());
        }
        let end = members.end.min(count);
        for member in members.start..end {
            self.here.push(member);
            let visited = visit(self, member as usize);
            self.here.pop();
            visited?;
            if is_own && self.visitor.passed().is_break() && member + 1 < end {
                self.rest = Some(Part { place: self.here.clone(), members: member + 1..end });
                break;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attr: Attr<'h>, path: &str, is_wanted: bool) -> Result<(), EvalError> {
        let (value, evaluator) = (attr.cell.get(), self.search.evaluator);
        if is_wanted || self.is_to_be_searched(value, path)? && self.says_to_recurse(value)? {
            return evaluator.nested(|| self.all_of(value, path));
        }
        Ok(())
    }

    /// Notes a derivation. Whether the value is something else, and may hold derivations.
    fn is_to_be_searched(&mut self, value: Value<'h>, path: &str) -> Result<bool, EvalError> {
        match self.derivation(value, path) {
            Err(error) if self.search.refusals == Refusals::Skip && error.kind().is_catchable() => {
                Ok(false)
            }
            result => result.map(|is_derivation| !is_derivation),
        }
    }

    fn derivation(&mut self, value: Value<'h>, path: &str) -> Result<bool, EvalError> {
        let value = self.search.evaluator.force(value, Pos::None)?;
        let Kind::Attrs(attrs) = value.kind() else { return Ok(false) };
        if !self.search.evaluator.is_derivation(value)? {
            return Ok(false);
        }
        let package = Package { path: path.to_owned(), attrs, identity: value.identity() };
        self.visitor.found(package, &self.here)?;
        Ok(true)
    }

    fn says_to_recurse(&self, value: Value<'h>) -> Result<bool, EvalError> {
        let value = self.search.evaluator.force(value, Pos::None)?;
        let Kind::Attrs(attrs) = value.kind() else { return Ok(false) };
        let Some(attr) = attrs.get(Name::new("recurseForDerivations")) else { return Ok(false) };
        let context = "while evaluating the attribute `recurseForDerivations`";
        self.search.evaluator.force_bool(attr.cell.get(), attr.position.into(), context)
    }
}

impl<'h> Package<'h> {
    /// The `name` attribute.
    pub(crate) fn name(&self, evaluator: &Evaluator<'h>) -> Result<String, EvalError> {
        let context = "while evaluating the 'name' attribute of a derivation";
        let missing = || EvalError::new(ErrorKind::MissingAttribute, "derivation name missing");
        self.text(evaluator, "name", false, context)?.ok_or_else(missing)
    }

    /// The `drvPath` attribute, if there is one.
    pub(crate) fn derivation_path(
        &self,
        evaluator: &Evaluator<'h>,
    ) -> Result<Option<String>, EvalError> {
        let Some(attr) = self.attrs.get(Name::new("drvPath")) else { return Ok(None) };
        let context = "while evaluating the 'drvPath' attribute of a derivation";
        // C++ Nix says what it is doing only of what is no string.
        let value = evaluator.force(attr.cell.get(), attr.position.into())?;
        let path = evaluator.force_string(value, attr.position.into(), context)?;
        let path = path.to_text().into_owned();
        match evaluator.store_dir().parse(&path) {
            Ok(parsed) if !parsed.is_derivation() => {
                let message = format!("store path '{parsed}' is not a valid derivation path");
                let error = EvalError::new(ErrorKind::InvalidStorePath, message);
                Err(error.context(attr.position.into(), context))
            }
            Ok(_) => Ok(Some(path)),
            Err(_) => {
                let message = format!("path '{path}' is not in the Nix store");
                let error = EvalError::new(ErrorKind::InvalidStorePath, message);
                Err(error.context(attr.position.into(), context))
            }
        }
    }

    /// The `outputName` attribute; empty if there is none.
    pub(crate) fn output_name(&self, evaluator: &Evaluator<'h>) -> Result<String, EvalError> {
        let context = "while evaluating the output name of a derivation";
        self.text(evaluator, "outputName", false, context).map(Option::unwrap_or_default)
    }

    /// The `system` attribute, if there is one.
    pub(crate) fn system(&self, evaluator: &Evaluator<'h>) -> Result<Option<String>, EvalError> {
        let context = "while evaluating the 'system' attribute of a derivation";
        self.text(evaluator, "system", true, context)
    }

    /// An attribute that is a string. Nix tells the place of only some.
    fn text(
        &self,
        evaluator: &Evaluator<'h>,
        name: &str,
        tells_place: bool,
        context: &'static str,
    ) -> Result<Option<String>, EvalError> {
        let Some(attr) = self.attrs.get(Name::new(name)) else { return Ok(None) };
        let pos = if tells_place { attr.position.into() } else { Pos::None };
        let text = evaluator.force_plain_string(attr.cell.get(), pos, context)?;
        Ok(Some(text.to_text().into_owned()))
    }
}

/// A package's name without its version, and the version: what stands behind the first dash that no letter
/// follows.
pub(crate) fn split_name(name: &str) -> (&str, &str) {
    let bytes = name.as_bytes();
    let dash = (0..bytes.len()).find(|&at| {
        bytes[at] == b'-' && bytes.get(at + 1).is_some_and(|next| !next.is_ascii_alphabetic())
    });
    dash.map_or((name, ""), |dash| (&name[..dash], &name[dash + 1..]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arguments::StoreArguments,
        evaluation::{self, Access, Request, Source},
    };

    /// The packages found in an expression, `p "name"` being a derivation.
    fn found(expression: &str, refusals: Refusals) -> Result<String, String> {
        let p = r#"name: derivation { inherit name; system = "x"; builder = "/b"; }"#;
        let source = Source::Text(format!("let p = {p}; in {expression}"));
        let request = Request::new(source, "/".into());
        let store = StoreArguments { store: None };
        let evaluated =
            evaluation::evaluate(&request, Access::ReadOnly(&store), |evaluator, selected| {
                let search = Search { evaluator, arguments: &[], refusals };
                let packages = search.all(selected.value)?;
                let shown = packages.iter().map(|package| {
                    Ok::<_, EvalError>(format!("{}={}", package.path, package.name(evaluator)?))
                });
                Ok(shown.collect::<Result<Vec<_>, _>>()?.join(" "))
            });
        let result = evaluated.expect("the settings are right").result;
        result.map(|found| found.concat()).map_err(|error| error.render_plain())
    }

    #[test]
    fn sets_are_searched_as_deep_as_they_say() {
        let expression = r#"{
            b = p "b"; a = p "a"; again = p "a"; "not a name" = p "n";
            deep = { recurseForDerivations = true; c = p "c"; };
            silent = { d = p "d"; };
            list = [ (p "e") ];
        }"#;
        assert_eq!(found(expression, Refusals::Fail).as_deref(), Ok("a=a again=a b=b deep.c=c"));
        let one = r#"let a = p "a"; in { x = a; y = a; }"#;
        assert_eq!(found(one, Refusals::Fail).as_deref(), Ok("x=a"));
        assert_eq!(found(r#"[ (p "e") [ (p "f") ] ]"#, Refusals::Fail).as_deref(), Ok("0=e 1.0=f"));
    }

    #[test]
    fn what_refuses_is_skipped_or_fails_the_search() {
        let expression = r#"{ a = throw "broken"; b = p "b"; c = assert false; p "c"; }"#;
        assert_eq!(found(expression, Refusals::Skip).as_deref(), Ok("b=b"));
        assert!(found(expression, Refusals::Fail).unwrap_err().contains("broken"));
        assert!(found(r#"{ a = abort "no"; }"#, Refusals::Skip).is_err());
        assert!(
            found("1", Refusals::Skip).unwrap_err().contains("does not evaluate to a derivation")
        );
    }

    #[test]
    fn endless_sets_are_an_error() {
        let endless = "let x = { recurseForDerivations = true; inherit x; }; in x";
        assert!(found(endless, Refusals::Skip).unwrap_err().contains("stack overflow"));
    }
}
