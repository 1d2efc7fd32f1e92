//! Where a tree comes from: as a set of attributes, as flakes and `fetchTree` have it, and as a URL.
//!
//! `builtins.parseFlakeRef` and `builtins.flakeRefToString` go from one to the other. Nothing is fetched.

use std::collections::BTreeMap;

use floe_store::{Algorithm, Hash};

use super::{Builtin, builtin};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Kind, Value};
use crate::json::push_json_string;

pub(super) const BUILTINS: &[Builtin] =
    &[builtin("flakeRefToString", 1, flake_ref_to_string), builtin("parseFlakeRef", 1, parse)];

/// An attribute of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attribute {
    Text(String),
    Number(u64),
    Flag(bool),
}

type Attributes = BTreeMap<String, Attribute>;

fn flake_ref_to_string<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the argument passed to builtins.flakeRefToString";
    let mut attributes = Attributes::new();
    for attr in ev.force_attrs(args[0], Pos::None, doing)?.sorted() {
        let value = ev.force_cell(attr.cell, attr.position.into())?;
        let attribute = match value.kind() {
            Kind::Int(int) => Attribute::Number(u64::try_from(int).map_err(|_| {
                invalid(format!("negative value given for flake ref attr {}: {int}", attr.name))
            })?),
            Kind::Bool(flag) => Attribute::Flag(flag),
            Kind::String(text) => Attribute::Text(text.to_text().into_owned()),
            _ => {
                return Err(invalid(format!(
                    "flake reference attribute sets may only contain integers, Booleans, and strings, \
                     but attribute '{}' is {}",
                    attr.name,
                    ev.describe(value)
                )));
            }
        };
        attributes.insert(attr.name.to_string(), attribute);
    }
    let folder = match attributes.remove("dir") {
        Some(Attribute::Text(folder)) if !folder.is_empty() => Some(folder),
        _ => None,
    };
    let mut url = to_url(ev, &attributes)?;
    url.query.extend(folder.map(|folder| ("dir".to_owned(), folder)));
    Ok(ev.heap.string(url.to_string()))
}

fn parse<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    ev.require_feature("flakes")?;
    let doing = "while evaluating the argument passed to builtins.parseFlakeRef";
    let text = ev.force_plain_string(args[0], Pos::None, doing)?.to_text();
    let attributes = parse_reference(&text)?;
    let mut attrs = AttrsBuilder::with_capacity(attributes.len());
    for (name, attribute) in &attributes {
        attrs.insert(
            name,
            match attribute {
                Attribute::Text(text) => ev.heap.string(text),
                Attribute::Number(number) => {
                    ev.heap.int(i64::try_from(*number).unwrap_or(i64::MAX))
                }
                Attribute::Flag(flag) => Value::bool(*flag),
            },
        );
    }
    Ok(attrs.finish(ev.heap))
}

/// A kind of input, its name and the attributes that it may have.
fn allowed(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "path" => &["path", "rev", "revCount", "lastModified", "narHash"],
        "git" => &[
            "url",
            "ref",
            "rev",
            "shallow",
            "submodules",
            "lfs",
            "exportIgnore",
            "lastModified",
            "revCount",
            "narHash",
            "allRefs",
            "name",
            "dirtyRev",
            "dirtyShortRev",
            "verifyCommit",
            "keytype",
            "publicKey",
            "publicKeys",
        ],
        "hg" => &["url", "ref", "rev", "revCount", "narHash", "name"],
        "github" | "gitlab" | "sourcehut" => {
            &["owner", "repo", "ref", "rev", "narHash", "lastModified", "host", "treeHash"]
        }
        "tarball" | "file" => {
            &["url", "narHash", "name", "unpack", "rev", "revCount", "lastModified"]
        }
        "indirect" => &["id", "ref", "rev", "narHash"],
        _ => return None,
    })
}

/// The URL of an input.
fn to_url(ev: &Evaluator<'_>, attributes: &Attributes) -> Result<Url> {
    let missing = || {
        invalid("'type' attribute to specify input scheme is required but not provided".to_owned())
    };
    attributes.get("type").ok_or_else(missing)?;
    let kind = text(attributes, "type")?;
    let Some(allowed) = allowed(&kind) else {
        let shown = to_json(attributes);
        return Err(invalid(format!("cannot show unsupported input '{shown}'")));
    };
    if ["path", "github", "gitlab", "sourcehut", "indirect"].contains(&kind.as_str()) {
        ev.require_feature("flakes")?;
    }
    let is_known = |name: &&String| {
        allowed.contains(&name.as_str()) || ["type", "__final"].contains(&name.as_str())
    };
    if let Some(name) = attributes.keys().find(|name| !is_known(name)) {
        let message = format!("input attribute '{name}' not supported by scheme '{kind}'");
        return Err(invalid(message));
    }
    match kind.as_str() {
        "path" => {
            let path = text(attributes, "path")?;
            let query = attributes
                .iter()
                .filter(|(name, _)| !["type", "path", "__final"].contains(&name.as_str()));
            let query = query.map(|(name, value)| (name.clone(), value.to_query())).collect();
            Ok(Url { base: format!("path:{}", encode_path(&path)), query })
        }
        "git" => {
            let mut url = git_url(&text(attributes, "url")?);
            if !url.base.starts_with("git:") {
                url.base.insert_str(0, "git+");
            }
            for name in ["rev", "ref"] {
                url.query.extend(optional(attributes, name)?.map(|text| (name.to_owned(), text)));
            }
            for name in ["shallow", "lfs", "submodules", "exportIgnore", "verifyCommit"] {
                if attributes.get(name) == Some(&Attribute::Flag(true)) {
                    url.query.insert(name.to_owned(), "1".to_owned());
                }
            }
            Ok(url)
        }
        "hg" => {
            let mut url = Url::split(&text(attributes, "url")?);
            url.base.insert_str(0, "hg+");
            for name in ["rev", "ref"] {
                url.query.extend(optional(attributes, name)?.map(|text| (name.to_owned(), text)));
            }
            Ok(url)
        }
        "tarball" | "file" => {
            let mut url = Url::split(&text(attributes, "url")?);
            let hash = optional(attributes, "narHash")?;
            url.query.extend(hash.map(|hash| ("narHash".to_owned(), hash)));
            Ok(url)
        }
        "indirect" => {
            let id = text(attributes, "id")?;
            if !is_flake_id(&id) {
                return Err(invalid(format!("'{id}' is not a valid flake ID")));
            }
            let mut segments = vec![id];
            segments.extend(optional(attributes, "ref")?);
            segments.extend(optional(attributes, "rev")?);
            Ok(Url {
                base: format!("flake:{}", encode_segments(&segments)),
                query: BTreeMap::new(),
            })
        }
        _ => forge_url(&kind, attributes),
    }
}

fn forge_url(kind: &str, attributes: &Attributes) -> Result<Url> {
    let mut segments = vec![text(attributes, "owner")?, text(attributes, "repo")?];
    let (reference, revision) = (optional(attributes, "ref")?, optional(attributes, "rev")?);
    if let (Some(reference), Some(revision)) = (&reference, &revision) {
        return Err(invalid(format!(
            "input {} contains both a commit hash ('{revision}') and a branch/tag name ('{reference}')",
            to_json(attributes)
        )));
    }
    if let Some(revision) = &revision {
        Hash::parse_any(revision, Some(Algorithm::Sha1))
            .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))?;
    }
    segments.extend(reference.or(revision));
    let mut query = BTreeMap::new();
    for name in ["narHash", "host"] {
        query.extend(optional(attributes, name)?.map(|text| (name.to_owned(), text)));
    }
    Ok(Url { base: format!("{kind}:{}", encode_segments(&segments)), query })
}

/// A flake reference as attributes.
fn parse_reference(text: &str) -> Result<Attributes> {
    let (reference, fragment) = text.split_once('#').unwrap_or((text, ""));
    let attributes = match parse_indirect(reference) {
        Some(attributes) => attributes,
        None => match parse_url(reference) {
            Some(result) => result?,
            None if reference.starts_with('/') => {
                let url = Url::split(reference);
                from_path(&url.base, url.query, reference)?
            }
            None => {
                let message = format!("flake reference '{text}' is not an absolute path");
                return Err(invalid(message));
            }
        },
    };
    if !fragment.is_empty() {
        let fragment = decode(fragment);
        let message = format!("unexpected fragment '{fragment}' in flake reference '{text}'");
        return Err(invalid(message));
    }
    Ok(attributes)
}

/// `id`, `id/ref`, `id/rev`, `id/ref/rev`.
fn parse_indirect(path: &str) -> Option<Attributes> {
    let mut segments = path.split('/');
    let id = segments.next().filter(|id| is_flake_id(id))?;
    let mut attributes = Attributes::from([
        ("type".to_owned(), Attribute::Text("indirect".to_owned())),
        ("id".to_owned(), Attribute::Text(id.to_owned())),
    ]);
    let mut set = |name: &str, text: &str| {
        attributes.insert(name.to_owned(), Attribute::Text(text.to_owned()));
    };
    match (segments.next(), segments.next(), segments.next()) {
        (None, None, None) => {}
        (Some(revision), None, None) if is_revision(revision) => set("rev", revision),
        (Some(reference), None, None) if is_reference(reference) => set("ref", reference),
        (Some(reference), Some(revision), None)
            if is_reference(reference) && is_revision(revision) =>
        {
            set("ref", reference);
            set("rev", revision);
        }
        _ => return None,
    }
    Some(attributes)
}

/// A URL with a scheme; `None` if it is none, and may be a path.
fn parse_url(text: &str) -> Option<Result<Attributes>> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let Url { base, mut query } = Url::split(text);
    if !is_scheme || base.contains([' ', '"', '<', '>']) {
        return None;
    }
    let folder = query.remove("dir").filter(|folder| !folder.is_empty());
    let path = base[scheme.len() + 1..].to_owned();
    let (application, transport) = scheme.split_once('+').unwrap_or((scheme, ""));
    let result = match (application, transport) {
        ("path", "") => from_path(&path, query, text),
        ("flake", "") => Ok(parse_indirect(&path)?),
        ("github" | "gitlab" | "sourcehut", "") => Ok(from_forge(application, &path, query)?),
        ("git", _) => {
            let scheme = if transport.is_empty() { "git" } else { transport };
            Ok(from_git(&format!("{scheme}:{path}"), query))
        }
        ("hg", "http" | "https" | "file" | "ssh") => {
            let mut attributes = of_kind("hg");
            take(&mut query, &mut attributes, &["rev", "ref"]);
            Ok(with_url(attributes, &Url { base: format!("{transport}:{path}"), query }))
        }
        ("tarball" | "file", "http" | "https" | "file") => {
            Ok(from_archive(application, &format!("{transport}:{path}"), query))
        }
        ("http" | "https" | "file", "") => Ok(from_archive("tarball", &base, query)),
        _ => Err(invalid(if (application, transport) == ("file", "git") {
            format!("input '{text}' is unsupported; did you mean 'git+file' instead of 'file+git'?")
        } else {
            format!("input '{text}' is unsupported")
        })),
    };
    if rest.is_empty() && application != "path" {
        return None;
    }
    Some(result.map(|mut attributes| {
        attributes.extend(folder.map(|folder| ("dir".to_owned(), Attribute::Text(folder))));
        attributes
    }))
}

fn from_path(path: &str, query: BTreeMap<String, String>, url: &str) -> Result<Attributes> {
    let mut attributes = of_kind("path");
    let path = path.strip_prefix("//").map_or(path, |rest| rest);
    attributes.insert("path".to_owned(), Attribute::Text(decode(path)));
    for (name, value) in query {
        let attribute = match name.as_str() {
            "rev" | "narHash" | "dir" => Attribute::Text(value),
            "revCount" | "lastModified" => {
                let number = value.parse();
                let message = format!("path URL '{url}' has invalid parameter '{name}'");
                Attribute::Number(number.map_err(|_| invalid(message))?)
            }
            _ => {
                let message = format!("path URL '{url}' has unsupported parameter '{name}'");
                return Err(invalid(message));
            }
        };
        attributes.insert(name, attribute);
    }
    Ok(attributes)
}

fn from_forge(kind: &str, path: &str, query: BTreeMap<String, String>) -> Option<Attributes> {
    let segments: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let [owner, repository, version @ ..] = &segments[..] else { return None };
    let mut attributes = of_kind(kind);
    let mut set = |name: &str, text: String| {
        attributes.insert(name.to_owned(), Attribute::Text(text)).is_none()
    };
    set("owner", owner.clone());
    set("repo", repository.clone());
    match version {
        [] => {}
        [revision] if is_revision(revision) => drop(set("rev", revision.clone())),
        parts => drop(set("ref", parts.join("/"))),
    }
    for (name, value) in query {
        let is_once = match name.as_str() {
            "ref" | "rev" | "host" | "narHash" => set(&name, value),
            _ => true,
        };
        if !is_once {
            return None;
        }
    }
    Some(attributes)
}

fn from_git(base: &str, mut query: BTreeMap<String, String>) -> Attributes {
    let mut attributes = of_kind("git");
    take(&mut query, &mut attributes, &["rev", "ref", "keytype", "publicKey", "publicKeys"]);
    for name in ["shallow", "submodules", "lfs", "exportIgnore", "allRefs", "verifyCommit"] {
        if let Some(value) = query.remove(name) {
            attributes.insert(name.to_owned(), Attribute::Flag(value == "1"));
        }
    }
    with_url(attributes, &Url { base: base.to_owned(), query })
}

fn from_archive(kind: &str, base: &str, mut query: BTreeMap<String, String>) -> Attributes {
    let mut attributes = of_kind(kind);
    take(&mut query, &mut attributes, &["narHash", "rev"]);
    for name in ["revCount", "lastModified"] {
        if let Some(number) = query.remove(name).and_then(|value| value.parse().ok()) {
            attributes.insert(name.to_owned(), Attribute::Number(number));
        }
    }
    query.retain(|name, _| !["url", "name", "unpack"].contains(&name.as_str()));
    with_url(attributes, &Url { base: base.to_owned(), query })
}

fn of_kind(kind: &str) -> Attributes {
    Attributes::from([("type".to_owned(), Attribute::Text(kind.to_owned()))])
}

fn with_url(mut attributes: Attributes, url: &Url) -> Attributes {
    attributes.insert("url".to_owned(), Attribute::Text(url.to_string()));
    attributes
}

/// Moves parameters of a URL to the attributes of the same names.
fn take(query: &mut BTreeMap<String, String>, attributes: &mut Attributes, names: &[&str]) {
    for name in names {
        if let Some(value) = query.remove(*name) {
            attributes.insert((*name).to_owned(), Attribute::Text(value));
        }
    }
}

/// The URL of a repository, which may be given as a path, or as `user@host:path`.
fn git_url(text: &str) -> Url {
    if text.starts_with('/') {
        return Url::split(&format!("file://{text}"));
    }
    if !text.contains("://")
        && let Some((host, path)) = text.split_once(':')
        && !host.contains('/')
    {
        return Url::split(&format!("ssh://{host}/{path}"));
    }
    Url::split(text)
}

/// A URL without a fragment: what stands in front of the question mark, as it is written, and the
/// parameters, decoded.
struct Url {
    base: String,
    query: BTreeMap<String, String>,
}

impl Url {
    fn split(text: &str) -> Url {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (decode(name), decode(value))).collect();
        Url { base: base.to_owned(), query }
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.base)?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}{}={}", encode(name, b":@/?"), encode(value, b":@/?"))?;
        }
        Ok(())
    }
}

impl Attribute {
    fn to_query(&self) -> String {
        match self {
            Attribute::Text(text) => text.clone(),
            Attribute::Number(number) => number.to_string(),
            Attribute::Flag(flag) => u8::from(*flag).to_string(),
        }
    }
}

fn text(attributes: &Attributes, name: &str) -> Result<String> {
    optional(attributes, name)?
        .ok_or_else(|| invalid(format!("input attribute '{name}' is missing")))
}

fn optional(attributes: &Attributes, name: &str) -> Result<Option<String>> {
    match attributes.get(name) {
        None => Ok(None),
        Some(Attribute::Text(text)) => Ok(Some(text.clone())),
        Some(_) => {
            let shown = to_json(attributes);
            Err(invalid(format!("input attribute '{name}' is not a string {shown}")))
        }
    }
}

fn to_json(attributes: &Attributes) -> String {
    let mut json = String::from("{");
    for (name, attribute) in attributes {
        json.push_str(if json.len() > 1 { "," } else { "" });
        push_json_string(name, &mut json);
        json.push(':');
        match attribute {
            Attribute::Text(text) => push_json_string(text, &mut json),
            Attribute::Number(number) => json.push_str(&number.to_string()),
            Attribute::Flag(flag) => json.push_str(&flag.to_string()),
        }
    }
    json + "}"
}

fn is_flake_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

fn is_revision(text: &str) -> bool {
    text.len() == 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_reference(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./@+-".contains(c))
}

fn encode_segments(segments: &[String]) -> String {
    segments.iter().map(|segment| encode(segment, b":@")).collect::<Vec<_>>().join("/")
}

fn encode_path(path: &str) -> String {
    encode(path, b":@/")
}

fn encode(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

fn invalid(message: String) -> EvalError {
    EvalError::new(ErrorKind::Fetch, message)
}
