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
pub(super) enum Attribute {
    Text(String),
    Number(u64),
    Flag(bool),
}

pub(super) type Attributes = BTreeMap<String, Attribute>;

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
    let doing = "while evaluating the argument passed to builtins.parseFlakeRef";
    let text = ev.force_plain_string(args[0], Pos::None, doing)?.to_text();
    ev.require_feature("flakes")?;
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

/// Whether the attributes name one version of a tree only.
pub(super) fn is_locked(attributes: &Attributes) -> Result<bool> {
    Ok(match optional(attributes, "type")?.as_deref() {
        Some("git" | "hg" | "github" | "gitlab" | "sourcehut") => attributes.contains_key("rev"),
        Some("path" | "tarball" | "file") => attributes.contains_key("narHash"),
        _ => false,
    })
}

/// The URL of an input, whose attributes are checked as C++ Nix checks them before it fetches anything.
pub(super) fn to_url(ev: &Evaluator<'_>, attributes: &Attributes) -> Result<Url> {
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
    check(ev, &kind, attributes)?;
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
            let mut url = git_url(&text(attributes, "url")?)?;
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
            let text = text(attributes, "url")?;
            check_url(&text).map_err(BadUrl::into_error)?;
            let mut url = Url::split(&text);
            if let Some(hash) = optional(attributes, "narHash")? {
                Hash::parse_sri(&hash)
                    .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))?;
                url.query.insert("narHash".to_owned(), hash);
            }
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

/// What is checked of every input, and of one of this kind.
fn check(ev: &Evaluator<'_>, kind: &str, attributes: &Attributes) -> Result<()> {
    if kind == "git" {
        let verifying = ["keytype", "publicKey", "publicKeys", "verifyCommit"];
        if verifying.iter().any(|name| attributes.contains_key(*name)) {
            ev.require_feature("verified-fetches")?;
        }
        flag(attributes, "verifyCommit")?;
        if let Some(name) = optional(attributes, "ref")?.filter(|name| !is_git_reference(name)) {
            return Err(invalid(format!("invalid Git branch/tag name '{name}'")));
        }
        git_url(&text(attributes, "url")?)?;
        for name in ["shallow", "submodules", "allRefs"] {
            flag(attributes, name)?;
        }
    }
    if kind == "hg" {
        check_url(&text(attributes, "url")?).map_err(BadUrl::into_error)?;
        if let Some(name) = optional(attributes, "ref")?.filter(|name| !is_reference(name)) {
            return Err(invalid(format!("invalid Mercurial branch/tag name '{name}'")));
        }
    }
    optional(attributes, "ref")?;
    for name in ["revCount", "lastModified"] {
        if !matches!(attributes.get(name), None | Some(Attribute::Number(_))) {
            return Err(invalid(format!("input attribute '{name}' is not an integer")));
        }
    }
    if kind != "path"
        && kind != "tarball"
        && kind != "file"
        && let Some(revision) = optional(attributes, "rev")?
    {
        Hash::parse_any(&revision, Some(Algorithm::Sha1))
            .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))?;
    }
    Ok(())
}

fn flag(attributes: &Attributes, name: &str) -> Result<bool> {
    match attributes.get(name) {
        None => Ok(false),
        Some(Attribute::Flag(flag)) => Ok(*flag),
        Some(_) => Err(invalid(format!("input attribute '{name}' is not a Boolean"))),
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
    if let Some(host) = optional(attributes, "host")? {
        let is_name = |name: &str| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) && !name.is_empty()
        };
        let (name, port) = host.split_once(':').unwrap_or((&host, "0"));
        if !is_name(name) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            let shown = to_json(attributes);
            return Err(invalid(format!("input {shown} contains an invalid instance host")));
        }
    }
    segments.extend(reference.or(revision));
    let mut query = BTreeMap::new();
    for name in ["narHash", "host"] {
        query.extend(optional(attributes, name)?.map(|text| (name.to_owned(), text)));
    }
    Ok(Url { base: format!("{kind}:{}", encode_segments(&segments)), query })
}

/// Why a text is no URL of an input.
pub(super) enum BadUrl {
    /// It is no URL, and may be something else.
    No(String),
    /// It is one of no input.
    Yes(EvalError),
}

impl BadUrl {
    pub(super) fn into_error(self) -> EvalError {
        match self {
            BadUrl::No(message) => invalid(message),
            BadUrl::Yes(error) => error,
        }
    }
}

/// Fails unless a text is a URL with a scheme.
fn check_url(text: &str) -> std::result::Result<(), BadUrl> {
    let Url { base, .. } = Url::split(text);
    let (scheme, rest) = base.split_once(':').unwrap_or(("", &base));
    let authority = rest.strip_prefix("//").map(|rest| rest.split('/').next().unwrap_or(rest));
    let port = authority.and_then(|authority| authority.rsplit_once(':')).map_or("", |(_, it)| it);
    let is_port = port.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit());
    if base.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) || !is_port {
        return Err(BadUrl::No(format!("'{text}' is not a valid URL: leftover")));
    }
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if is_scheme { Ok(()) } else { Err(BadUrl::No(format!("'{text}' doesn't have a scheme"))) }
}

/// A flake reference as attributes.
pub(super) fn parse_reference(text: &str) -> Result<Attributes> {
    let (reference, fragment) = text.split_once('#').unwrap_or((text, ""));
    let attributes = match parse_indirect(reference) {
        Some(attributes) => attributes,
        None => match parse_url(reference) {
            Ok(attributes) => attributes,
            Err(BadUrl::Yes(error)) => return Err(error),
            Err(BadUrl::No(_)) if reference.starts_with('/') => {
                let url = Url::split(reference);
                from_path(&url.base, url.query, reference)?
            }
            Err(BadUrl::No(_)) => {
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

/// The attributes that a URL stands for.
pub(super) fn parse_url(text: &str) -> std::result::Result<Attributes, BadUrl> {
    check_url(text)?;
    let Url { base, mut query } = Url::split(text);
    let (scheme, path) = base.split_once(':').unwrap_or((&base, ""));
    let folder = query.remove("dir").filter(|folder| !folder.is_empty());
    let (application, transport) = scheme.split_once('+').unwrap_or((scheme, ""));
    let not_a_url = |why: &str| BadUrl::No(format!("URL '{text}' {why}"));
    let mut attributes = match (application, transport) {
        ("path", "") => from_path(path, query, text).map_err(BadUrl::Yes)?,
        ("flake", "") => parse_indirect(path).ok_or_else(|| not_a_url("is invalid"))?,
        ("github" | "gitlab" | "sourcehut", "") => {
            from_forge(application, path, query).map_err(not_a_url)?
        }
        ("git", _) => {
            let scheme = if transport.is_empty() { "git" } else { transport };
            from_git(&format!("{scheme}:{path}"), query)
        }
        ("hg", "http" | "https" | "file" | "ssh") => {
            let mut attributes = of_kind("hg");
            take(&mut query, &mut attributes, &["rev", "ref"]);
            with_url(attributes, &Url { base: format!("{transport}:{path}"), query })
        }
        ("tarball" | "file", "http" | "https" | "file") => {
            from_archive(application, &format!("{transport}:{path}"), query)
        }
        ("http" | "https" | "file", "") => from_archive("tarball", &base, query),
        ("file", "git") => {
            return Err(BadUrl::Yes(invalid(format!(
                "input '{text}' is unsupported; did you mean 'git+file' instead of 'file+git'?"
            ))));
        }
        _ => return Err(BadUrl::Yes(invalid(format!("input '{text}' is unsupported")))),
    };
    attributes.extend(folder.map(|folder| ("dir".to_owned(), Attribute::Text(folder))));
    Ok(attributes)
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

/// An error says what the URL is or does.
fn from_forge(
    kind: &str,
    path: &str,
    query: BTreeMap<String, String>,
) -> std::result::Result<Attributes, &'static str> {
    let segments: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let [owner, repository, version @ ..] = &segments[..] else { return Err("is invalid") };
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
            return Err(match name.as_str() {
                "rev" => "contains multiple commit hashes",
                _ => "contains multiple branch/tag names",
            });
        }
    }
    Ok(attributes)
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
fn git_url(text: &str) -> Result<Url> {
    if text.starts_with('/') {
        return Ok(Url::split(&format!("file://{text}")));
    }
    if !text.contains("://") && !text.starts_with("file:") && !text.starts_with("git+file:") {
        let Some((host, path)) = text.rsplit_once(':') else {
            return Ok(Url {
                base: format!("file:/{}", encode_path(text)),
                query: BTreeMap::new(),
            });
        };
        if !host.contains('@') {
            return Err(invalid(format!(
                "SCP-like URL '{text}' is not supported; use SSH URL syntax instead (ssh://...)"
            )));
        }
        return Ok(Url::split(&format!("ssh://{host}/{path}")));
    }
    check_url(text).map_err(BadUrl::into_error)?;
    Ok(Url::split(text.strip_prefix("git+").unwrap_or(text)))
}

/// A URL without a fragment: what stands in front of the question mark, as it is written, and the
/// parameters, decoded.
pub(super) struct Url {
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

pub(super) fn is_revision(text: &str) -> bool {
    text.len() == 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_reference(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./@+-".contains(c))
}

/// What git takes for the name of a branch or tag.
fn is_git_reference(text: &str) -> bool {
    const FORBIDDEN: &str = " ~^:?*[\\";
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    text != "@"
        && !text.starts_with('-')
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(|c: char| c.is_ascii_control() || FORBIDDEN.contains(c))
        && text.split('/').all(is_part)
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
