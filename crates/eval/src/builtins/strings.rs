//! Strings, versions, hashes, and other notations: JSON, TOML, XML.

use std::cmp::Ordering;

use floe_store::hash::{Format, Hasher};
use floe_store::{Algorithm, Hash};

use super::{Builtin, builtin};
use crate::coerce::Coercion;
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Str, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("compareVersions", 2, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.compareVersions";
        let a = ev.force_plain_string(args[0], Pos::None, doing)?;
        let doing = "while evaluating the second argument passed to builtins.compareVersions";
        let b = ev.force_plain_string(args[1], Pos::None, doing)?;
        Ok(ev.heap.int(compare_versions(a.as_bytes(), b.as_bytes()) as i64))
    }),
    builtin("concatStringsSep", 2, concat_strings_sep),
    builtin("convertHash", 1, convert_hash),
    builtin("fromJSON", 1, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.fromJSON";
        let text = ev.force_plain_string(args[0], Pos::None, doing)?;
        ev.json_to_value(text.as_bytes())
    }),
    builtin("fromTOML", 1, |ev, args, _| {
        let doing = "while evaluating the argument passed to builtins.fromTOML";
        let text = ev.force_plain_string(args[0], Pos::None, doing)?;
        ev.toml_to_value(&text.to_text())
    }),
    builtin("hashString", 2, hash_string),
    builtin("match", 2, crate::regex::match_builtin),
    builtin("split", 2, crate::regex::split_builtin),
    builtin("parseDrvName", 1, parse_drv_name),
    builtin("replaceStrings", 3, replace_strings),
    builtin("splitVersion", 1, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.splitVersion";
        let version = ev.force_plain_string(args[0], Pos::None, doing)?;
        let mut parts = Vec::new();
        for (index, part) in VersionParts(version.as_bytes()).enumerate() {
            ev.check_interrupt_at(index)?;
            parts.push(ev.heap.string(part));
        }
        Ok(ev.heap.list(&parts))
    }),
    builtin("stringLength", 1, |ev, args, _| {
        let mut context = ContextBuilder::default();
        let doing = "while evaluating the argument passed to builtins.stringLength";
        let how = Coercion::INTERPOLATION;
        let text = ev.coerce_to_string(args[0], Pos::None, &mut context, doing, how)?;
        Ok(ev.heap.int(text.len() as i64))
    }),
    builtin("substring", 3, substring),
    builtin("toJSON", 1, |ev, args, pos| {
        let mut context = ContextBuilder::default();
        let mut text = String::new();
        ev.write_json(args[0], pos, &mut context, &mut text)?;
        Ok(ev.string_value(text.as_bytes(), context.context()))
    }),
    builtin("toString", 1, |ev, args, _| {
        let mut context = ContextBuilder::default();
        let doing = "while evaluating the first argument passed to builtins.toString";
        let text =
            ev.coerce_to_string(args[0], Pos::None, &mut context, doing, Coercion::TO_STRING)?;
        Ok(ev.string_value(&text, context.context()))
    }),
    builtin("toXML", 1, |ev, args, _| {
        let mut context = ContextBuilder::default();
        let mut xml = String::new();
        ev.value_to_xml(args[0], true, false, &mut context, &mut xml)?;
        Ok(ev.string_value(xml.as_bytes(), context.context()))
    }),
];

fn concat_strings_sep<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the first argument (the separator string) passed to \
                 builtins.concatStringsSep";
    let separator = ev.force_string(args[0], Pos::None, doing)?;
    context.add(ev, separator.context());
    let doing = "while evaluating the second argument (the list of strings to concat) passed to \
                 builtins.concatStringsSep";
    let list = ev.force_list(args[1], Pos::None, doing)?;
    let doing = "while evaluating one element of the list of strings to concat passed to \
                 builtins.concatStringsSep";
    let mut joined = Vec::new();
    for (index, element) in list.iter().enumerate() {
        ev.check_interrupt_at(index)?;
        if index > 0 {
            joined.extend_from_slice(separator.as_bytes());
        }
        let how = Coercion::INTERPOLATION;
        let text = ev.coerce_to_string(element, Pos::None, &mut context, doing, how)?;
        joined.extend_from_slice(&text);
    }
    Ok(ev.string_value(&joined, context.context()))
}

fn substring<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing =
        "while evaluating the first argument (the start offset) passed to builtins.substring";
    let start = ev.force_int(args[0], Pos::None, doing)?;
    let Ok(start) = usize::try_from(start) else {
        let message = "negative start position in 'substring'";
        return Err(EvalError::new(ErrorKind::IndexOutOfBounds, message));
    };
    let doing =
        "while evaluating the second argument (the substring length) passed to builtins.substring";
    let len = ev.force_int(args[1], Pos::None, doing)?;
    // A negative length means up to the end.
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let doing = "while evaluating the third argument (the string) passed to builtins.substring";
    let mut context = ContextBuilder::default();
    let text =
        ev.coerce_to_string(args[2], Pos::None, &mut context, doing, Coercion::INTERPOLATION)?;
    let start = start.min(text.len());
    let end = start.saturating_add(len).min(text.len());
    Ok(ev.string_value(&text[start..end], context.context()))
}

const COMPARISONS_BETWEEN_CHECKS: usize = 1 << 16;

fn replace_strings<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.replaceStrings";
    let from = ev.force_list(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.replaceStrings";
    let to = ev.force_list(args[1], Pos::None, doing)?;
    if from.len() != to.len() {
        return Err(EvalError::new(
            ErrorKind::TypeMismatch,
            "'from' and 'to' arguments passed to builtins.replaceStrings have different lengths",
        ));
    }
    let doing = "while evaluating one of the strings to replace passed to builtins.replaceStrings";
    let from: Vec<&[u8]> = from
        .iter()
        .enumerate()
        .map(|(index, text)| {
            ev.check_interrupt_at(index)?;
            Ok(ev.force_string(text, Pos::None, doing)?.as_bytes())
        })
        .collect::<Result<_>>()?;
    let mut replacements: Vec<Option<Str<'h>>> = vec![None; from.len()];
    let doing = "while evaluating the third argument passed to builtins.replaceStrings";
    let string = ev.force_string(args[2], Pos::None, doing)?;
    let mut context = ContextBuilder::default();
    context.add(ev, string.context());
    let text = string.as_bytes();
    let mut result = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut compared = 0;
    while at <= text.len() {
        compared += 1 + from.len();
        if compared > COMPARISONS_BETWEEN_CHECKS {
            ev.check_interrupt()?;
            compared = 0;
        }
        let found = from.iter().position(|from| text[at..].starts_with(from));
        let mut step = 1;
        let mut copies = true;
        if let Some(index) = found {
            let replacement = match replacements[index] {
                Some(replacement) => replacement,
                None => {
                    let doing = "while evaluating one of the replacement strings passed to \
                                 builtins.replaceStrings";
                    let to = to.cells()[index].get();
                    let replacement = ev.force_string(to, Pos::None, doing)?;
                    context.add(ev, replacement.context());
                    replacements[index] = Some(replacement);
                    replacement
                }
            };
            result.extend_from_slice(replacement.as_bytes());
            copies = from[index].is_empty();
            step = from[index].len().max(1);
        }
        if copies && let Some(byte) = text.get(at) {
            result.push(*byte);
        }
        at += step;
    }
    Ok(ev.string_value(&result, context.context()))
}

fn parse_drv_name<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.parseDrvName";
    let name = ev.force_plain_string(args[0], Pos::None, doing)?.as_bytes();
    // The version begins behind the first dash that no letter follows.
    let dash = name.windows(2).position(|pair| pair[0] == b'-' && !pair[1].is_ascii_alphabetic());
    let (name, version) = match dash {
        Some(dash) => (&name[..dash], &name[dash + 1..]),
        None => (name, &[][..]),
    };
    let mut attrs = AttrsBuilder::with_capacity(2);
    attrs.insert("name", ev.heap.string(name));
    attrs.insert("version", ev.heap.string(version));
    Ok(attrs.finish(ev.heap))
}

/// The parts of a version: runs of digits, runs of what is neither digit nor separator.
struct VersionParts<'a>(&'a [u8]);

impl<'a> Iterator for VersionParts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let is_separator = |byte: &u8| matches!(byte, b'.' | b'-');
        let start = self.0.iter().position(|byte| !is_separator(byte))?;
        let rest = &self.0[start..];
        let digits = rest[0].is_ascii_digit();
        let end = rest
            .iter()
            .position(|byte| is_separator(byte) || byte.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }
}

fn compare_versions(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (VersionParts(a), VersionParts(b));
    loop {
        let (x, y) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => (x.unwrap_or_default(), y.unwrap_or_default()),
        };
        if part_is_less(x, y) {
            return Ordering::Less;
        }
        if part_is_less(y, x) {
            return Ordering::Greater;
        }
    }
}

/// Numbers by value; nothing before a number; `pre` before everything; a word before a number.
fn part_is_less(a: &[u8], b: &[u8]) -> bool {
    let number = |part: &[u8]| -> Option<u64> {
        std::str::from_utf8(part).ok().and_then(|text| text.parse::<u64>().ok())
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a < b,
        (None, Some(_)) if a.is_empty() => true,
        _ if a == b"pre" && b != b"pre" => true,
        _ if b == b"pre" => false,
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (None, None) => a < b,
    }
}

fn algorithm(ev: &Evaluator<'_>, text: &str) -> Result<Algorithm> {
    let algorithm = text.parse().map_err(|error: floe_store::hash::HashError| {
        EvalError::new(ErrorKind::InvalidHash, error.to_string()).usage()
    })?;
    ev.require_algorithm(algorithm).map(|()| algorithm)
}

fn hash_string<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.hashString";
    let name = ev.force_plain_string(args[0], Pos::None, doing)?;
    let algorithm = algorithm(ev, &name.to_text())?;
    let doing = "while evaluating the second argument passed to builtins.hashString";
    let text = ev.force_string(args[1], Pos::None, doing)?;
    ev.hash(algorithm, text.as_bytes())
}

impl<'h> Evaluator<'h> {
    fn hash(&self, algorithm: Algorithm, bytes: &[u8]) -> Result<Value<'h>> {
        let mut hasher = Hasher::new(algorithm);
        for piece in self.interruptible(bytes) {
            hasher.update(piece?);
        }
        Ok(self.heap.string(hasher.finish().format(Format::Base16)))
    }

    /// `builtins.hashFile`
    pub(super) fn hash_file(&self, args: &[Value<'h>]) -> Result<Value<'h>> {
        let doing = "while evaluating the first argument passed to builtins.hashFile";
        let name = self.force_plain_string(args[0], Pos::None, doing)?;
        let algorithm = algorithm(self, &name.to_text())?;
        let path = self.realise_path(args[1], Pos::None)?;
        let bytes = self.read_file(&self.resolve_links(&path)?)?;
        self.hash(algorithm, &bytes)
    }
}

fn convert_hash<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.convertHash";
    let attrs = ev.force_attrs(args[0], Pos::None, doing)?;
    let text = |name: &str, doing| -> Result<Option<String>> {
        match attrs.get(floe_hir::Name::new(name)) {
            Some(attr) => {
                let text = ev.force_plain_string(attr.cell.get(), Pos::None, doing)?;
                Ok(Some(text.to_text().into_owned()))
            }
            None => Ok(None),
        }
    };
    let missing = |name: &str, doing| {
        EvalError::new(ErrorKind::MissingAttribute, format!("attribute '{name}' missing"))
            .context(Pos::None, doing)
    };
    let hash = text("hash", "while evaluating the attribute 'hash'")?
        .ok_or_else(|| missing("hash", "while locating the attribute 'hash'"))?;
    let wanted = match text("hashAlgo", "while evaluating the attribute 'hashAlgo'")? {
        Some(name) => Some(algorithm(ev, &name)?),
        None => None,
    };
    let format = text("toHashFormat", "while evaluating the attribute 'toHashFormat'")?
        .ok_or_else(|| missing("toHashFormat", "while locating the attribute 'toHashFormat'"))?;
    let format = match format.as_str() {
        "base16" => Format::Base16,
        "nix32" => Format::Nix32,
        "base32" => {
            ev.console.warn("\"base32\" is a deprecated alias for hash format \"nix32\".");
            Format::Nix32
        }
        "base64" => Format::Base64,
        "sri" => Format::Sri,
        _ => {
            return Err(EvalError::new(
                ErrorKind::InvalidHash,
                format!(
                    "unknown hash format '{format}', expect 'base16', 'base32', 'base64', or 'sri'"
                ),
            )
            .usage());
        }
    };
    let hash = Hash::parse_any(&hash, wanted)
        .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))?;
    ev.require_algorithm(hash.algorithm())?;
    Ok(ev.heap.string(hash.format(format)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_packages_do() {
        let ascending =
            ["", "pre", "0", "1.0pre", "1.0", "1.0.1", "1.1a", "1.1.1", "1.10", "2.3.1"];
        for pair in ["1.0pre", "1.0", "1.0.1", "1.10", "2.3.1"].windows(2) {
            let (a, b) = (pair[0].as_bytes(), pair[1].as_bytes());
            assert_eq!(compare_versions(a, b), Ordering::Less, "{pair:?}");
            assert_eq!(compare_versions(b, a), Ordering::Greater, "{pair:?}");
        }
        for version in ascending {
            let version = version.as_bytes();
            assert_eq!(compare_versions(version, version), Ordering::Equal);
        }
        assert_eq!(compare_versions(b"2.3.1", b"2.3a"), Ordering::Greater);
        assert_eq!(compare_versions(b"2.3pre1", b"2.3q"), Ordering::Less);
    }

    #[test]
    fn versions_split_between_digits_and_letters() {
        let parts: Vec<_> = VersionParts(b"1.2-rc3..x").map(String::from_utf8_lossy).collect();
        assert_eq!(parts, ["1", "2", "rc", "3", "x"]);
    }
}
