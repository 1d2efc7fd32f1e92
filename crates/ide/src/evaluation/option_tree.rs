//! All options of NixOS at once: collected from a system without a configuration, to be listed, searched,
//! and kept on disk.

use floe_db::Session;
use floe_eval::heap::{Kind, Value};

use super::options::{OptionInfo, OptionStep, details, is_option};
use super::values::{attrs, force, get, get_text, is_true};

/// An option or a set of options, and what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionNode {
    pub(crate) info: OptionInfo,
    /// It can be defined, but is nothing to offer to anybody.
    pub(crate) is_internal: bool,
    pub(crate) below: Below,
}

/// What is below an option or a set of options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// Each is another way through the option's type; a set of options has one that is no way at all.
    Ways(Vec<Way>),
    /// Too much to be written down: evaluation tells.
    Unknown,
}

/// Options inside of an option's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) through: Vec<Wrapper>,
    pub(crate) options: Vec<OptionNode>,
}

/// A type around others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapper {
    /// `attrsOf`
    Attributes,
    /// `listOf`
    Elements,
}

/// What a list of all options tells about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told<'t> {
    /// These options are below it.
    Options(&'t [OptionNode]),
    /// Nothing is.
    Nothing,
    /// Only evaluation tells.
    Unknown,
}

/// All options, or nothing where there is no NixOS. Each set is in the order of the alphabet.
pub(crate) fn option_tree(session: &Session<'_>) -> Option<Vec<OptionNode>> {
    let root = super::options::root(session)?;
    collect(session, root, 0)
}

/// The options at a path.
pub(crate) fn find<'t>(mut options: &'t [OptionNode], mut steps: &[OptionStep]) -> Told<'t> {
    while let Some((step, rest)) = steps.split_first() {
        let OptionStep::Attribute(name) = step else { return Told::Nothing };
        let Ok(index) = options.binary_search_by(|node| node.info.name.as_str().cmp(name)) else {
            // These are not in the list.
            return if name.starts_with('_') { Told::Unknown } else { Told::Nothing };
        };
        let Below::Ways(ways) = &options[index].below else { return Told::Unknown };
        let Some(way) = ways.iter().find(|way| way.leads(rest)) else { return Told::Nothing };
        (options, steps) = (&way.options, &rest[way.through.len()..]);
    }
    Told::Options(options)
}

impl Way {
    fn leads(&self, steps: &[OptionStep]) -> bool {
        let fits = |(wrapper, step): (&Wrapper, &OptionStep)| match wrapper {
            Wrapper::Attributes => !matches!(step, OptionStep::Element),
            Wrapper::Elements => matches!(step, OptionStep::Element),
        };
        self.through.len() <= steps.len() && self.through.iter().zip(steps).all(fits)
    }
}

/// Submodules inside of submodules.
pub(crate) const MOST_LEVELS: usize = 24;

/// How many types of one option are looked at. Data like JSON has types without end.
const MOST_TYPES: u32 = 64;

fn collect<'h>(session: &Session<'h>, set: Value<'h>, level: usize) -> Option<Vec<OptionNode>> {
    let mut found = Vec::new();
    for attr in attrs(session, set)?.sorted() {
        let name = attr.name.as_str();
        if name.starts_with('_') || session.is_interrupted() {
            continue;
        }
        let Some(value) = force(session, attr.cell.get()) else { continue };
        let node = if is_option(session, value) {
            let is_internal = is_true(session, value, "internal");
            let option = Some(details(session, value));
            let below = match get(session, value, "type") {
                Some(of) if level < MOST_LEVELS => below_type(session, of, level),
                Some(_) => Below::Unknown,
                None => Below::Ways(Vec::new()),
            };
            OptionNode { info: OptionInfo { name: name.to_owned(), option }, is_internal, below }
        } else if matches!(value.kind(), Kind::Attrs(_)) {
            let below = match level < MOST_LEVELS {
                true => collect(session, value, level + 1).map_or(Below::Unknown, |options| {
                    Below::Ways(vec![Way { through: Vec::new(), options }])
                }),
                false => Below::Unknown,
            };
            let info = OptionInfo { name: name.to_owned(), option: None };
            OptionNode { info, is_internal: false, below }
        } else {
            continue;
        };
        found.push(node);
    }
    Some(found)
}

fn below_type<'h>(session: &Session<'h>, of: Value<'h>, level: usize) -> Below {
    let mut ways = Vec::new();
    let mut left = MOST_TYPES;
    match collect_ways(session, of, level, &mut Vec::new(), &mut ways, &mut left) {
        Some(()) => Below::Ways(ways),
        None => Below::Unknown,
    }
}

/// Follows the types as [`super::options::into_type`] does, but along all ways. `None` if there are too many.
fn collect_ways<'h>(
    session: &Session<'h>,
    of: Value<'h>,
    level: usize,
    through: &mut Vec<Wrapper>,
    ways: &mut Vec<Way>,
    left: &mut u32,
) -> Option<()> {
    *left = left.checked_sub(1)?;
    let element = || super::options::element_type(session, of);
    let mut inside = |of: Option<Value<'h>>, wrapper: Option<Wrapper>| {
        let Some(of) = of else { return Some(()) };
        through.extend(wrapper);
        collect_ways(session, of, level, through, ways, left)?;
        through.truncate(through.len() - usize::from(wrapper.is_some()));
        Some(())
    };
    let Some(name) = get_text(session, of, "name") else { return Some(()) };
    match name.as_str() {
        "attrsOf" | "lazyAttrsOf" | "loaOf" => inside(element(), Some(Wrapper::Attributes)),
        "listOf" => inside(element(), Some(Wrapper::Elements)),
        "nullOr" | "uniq" | "unique" | "coercedTo" => inside(element(), None),
        "either" => {
            let nested = get(session, of, "nestedTypes");
            ["left", "right"].iter().try_for_each(|side| inside(get(session, nested?, side), None))
        }
        _ => {
            if let Some(options) = super::options::submodule_options(session, of) {
                let options = collect(session, options, level + 1)?;
                ways.push(Way { through: through.clone(), options });
            }
            Some(())
        }
    }
}
