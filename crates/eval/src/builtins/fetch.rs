//! Fetching. Arguments are checked here as C++ Nix checks them; the fetching itself belongs to the
//! store and comes later, so that each of these says so where it would begin.

use floe_store::{Algorithm, Hash};

use super::inputs::{
    Attribute, Attributes, BadUrl, is_locked, is_revision, parse_reference, parse_url, to_url,
};
use super::{Builtin, builtin};
use crate::coerce::Coercion;
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, Kind, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("fetchurl", 1, |ev, args, _| fetch_file(ev, args[0], "fetchurl")),
    builtin("fetchTarball", 1, |ev, args, _| fetch_file(ev, args[0], "fetchTarball")),
    builtin("fetchGit", 1, |ev, args, _| fetch_tree(ev, args[0], "fetchGit")),
    builtin("fetchMercurial", 1, |ev, args, _| fetch_mercurial(ev, args[0])),
    builtin("fetchTree", 1, |ev, args, _| fetch_tree(ev, args[0], "fetchTree")),
    builtin("fetchClosure", 1, |ev, args, _| fetch_closure(ev, args[0])),
    builtin("getFlake", 1, |ev, args, _| get_flake(ev, args[0])),
];

/// `fetchurl` and `fetchTarball`.
fn fetch_file<'h>(ev: &Evaluator<'h>, argument: Value<'h>, name: &str) -> Result<Value<'h>> {
    let doing = "while evaluating the url we should fetch";
    let value = ev.force(argument, Pos::None)?;
    let Kind::Attrs(attrs) = value.kind() else {
        let url = ev.force_plain_string(value, Pos::None, doing)?;
        let advice = "Please pass an attribute set with 'url' and 'name' attributes to";
        check_name(name, None, &url.to_text(), &format!("{advice} '{name}',  "))?;
        return Err(fetch_file_from(ev, name, &url.to_text(), None));
    };
    let (mut url, mut hash, mut store_name) = (None, None, None);
    for attr in attrs.sorted() {
        let text = |doing| {
            ev.force_plain_string(attr.cell.get(), attr.position.into(), doing).map(|s| s.to_text())
        };
        match attr.name.as_str() {
            "url" => url = Some(text(doing)?),
            "sha256" => {
                let text = text("while evaluating the sha256 of the content we should fetch")?;
                hash = expected_hash(ev, &text)?;
            }
            "name" => {
                store_name =
                    Some(text("while evaluating the name of the content we should fetch")?);
            }
            other => return Err(unexpected(other, name)),
        }
    }
    let url = url.ok_or_else(url_required)?;
    let advice = match store_name {
        Some(_) => format!("Please change the value for the 'name' attribute passed to '{name}', "),
        None => format!("Please add a valid 'name' attribute to the argument for '{name}', "),
    };
    check_name(name, store_name.as_deref(), &url, &advice)?;
    Err(fetch_file_from(ev, name, &url, hash))
}

/// The name that the result would have in the store.
fn check_name(builtin: &str, name: Option<&str>, url: &str, advice: &str) -> Result<()> {
    let name = match name {
        Some(name) if !name.is_empty() => name,
        _ if builtin == "fetchTarball" => "source",
        _ => {
            let path = url.strip_suffix('/').unwrap_or(url);
            path.rsplit('/').next().unwrap_or(path)
        }
    };
    floe_store::path::check_name(name).map_err(|error| {
        let message = format!(
            "invalid store path name when fetching URL '{url}': {error}. {advice}so that it can create \
             a valid store path."
        );
        EvalError::new(ErrorKind::InvalidStorePath, message)
    })
}

fn fetch_file_from(ev: &Evaluator<'_>, name: &str, url: &str, hash: Option<Hash>) -> EvalError {
    if ev.settings.pure && hash.is_none() {
        return EvalError::new(
            ErrorKind::Restricted,
            format!("in pure evaluation mode, '{name}' requires a 'sha256' argument"),
        );
    }
    let checked = check_uri(ev, url).and_then(|()| match parse_url(url) {
        // A tarball is an input.
        Err(error @ BadUrl::No(_)) if name == "fetchTarball" => Err(error.into_error()),
        _ => Ok(()),
    });
    checked.err().unwrap_or_else(|| unsupported(name, Some(url)))
}

/// Fails if the settings forbid fetching from an address.
fn check_uri(ev: &Evaluator<'_>, uri: &str) -> Result<()> {
    if !ev.settings.restricted {
        return Ok(());
    }
    // The allowed address itself, and what lies below it. One that ends with a colon is a whole scheme.
    let is_below = |allowed: &String| {
        uri.strip_prefix(allowed.as_str()).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || allowed.ends_with(['/', ':'])
        })
    };
    if ev.settings.allowed_uris.iter().filter(|allowed| !allowed.is_empty()).any(is_below) {
        return Ok(());
    }
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    if path.starts_with('/') {
        return ev.check_path(std::path::Path::new(path));
    }
    Err(EvalError::new(
        ErrorKind::Restricted,
        format!("access to URI '{uri}' is forbidden in restricted mode"),
    ))
}

/// An empty text stands for the hash that fits nothing.
fn expected_hash(ev: &Evaluator<'_>, text: &str) -> Result<Option<Hash>> {
    if text.is_empty() {
        let zero = Hash::from_bytes(Algorithm::Sha256, &[0; 32]);
        if let Some(zero) = &zero {
            let shown = zero.format(floe_store::hash::Format::Sri);
            ev.console.warn(&format!("found empty hash, assuming '{shown}'"));
        }
        return Ok(zero);
    }
    Hash::parse_any(text, Some(Algorithm::Sha256))
        .map(Some)
        .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))
}

/// `fetchTree` and `fetchGit`.
fn fetch_tree<'h>(ev: &Evaluator<'h>, argument: Value<'h>, name: &str) -> Result<Value<'h>> {
    let is_git = name == "fetchGit";
    let value = ev.force(argument, Pos::None)?;
    let attributes = match value.kind() {
        Kind::Attrs(attrs) => tree_attributes(ev, attrs, name)?,
        _ => {
            let mut context = ContextBuilder::default();
            let doing = match is_git {
                true => "while evaluating the first argument passed to 'fetchGit'",
                false => "while evaluating the first argument passed to 'fetchTree'",
            };
            let url =
                ev.coerce_to_string(value, Pos::None, &mut context, doing, Coercion::PLAIN)?;
            let url = String::from_utf8_lossy(&url).into_owned();
            if is_git {
                Attributes::from([
                    ("type".to_owned(), Attribute::Text("git".to_owned())),
                    ("url".to_owned(), Attribute::Text(url)),
                    ("exportIgnore".to_owned(), Attribute::Flag(true)),
                ])
            } else if ev.settings.has_feature("flakes") {
                parse_url(&url).map_err(BadUrl::into_error)?
            } else {
                return Err(EvalError::new(
                    ErrorKind::ExperimentalFeature,
                    "passing a string argument to 'fetchTree' requires the 'flakes' experimental \
                     feature",
                ));
            }
        }
    };
    let url = to_url(ev, &attributes)?.to_string();
    if ev.settings.pure && !is_locked(&attributes)? {
        if !attributes.contains_key("narHash") {
            return Err(EvalError::new(
                ErrorKind::Restricted,
                format!("in pure evaluation mode, '{name}' doesn't fetch unlocked input '{url}'"),
            ));
        }
        ev.console.warn(&format!(
            "Input '{url}' is unlocked (e.g. lacks a Git revision) but is checked by NAR hash. This is not \
             reproducible and will break after garbage collection or when shared."
        ));
    }
    check_uri(ev, &url)?;
    if attributes.get("__final") == Some(&Attribute::Flag(true)) {
        let message = format!("input '{url}' is not allowed to use the '__final' attribute");
        return Err(EvalError::new(ErrorKind::Fetch, message));
    }
    Err(unsupported(name, Some(&url)))
}

/// The attributes of a tree: strings, Booleans and natural numbers, and what they are if nothing is said.
fn tree_attributes<'h>(ev: &Evaluator<'h>, attrs: Attrs<'h>, name: &str) -> Result<Attributes> {
    let is_git = name == "fetchGit";
    let mut attributes = Attributes::new();
    let kind = match attrs.get(ev.names.kind) {
        Some(_) if is_git => {
            let message = "unexpected argument 'type'";
            return Err(EvalError::new(ErrorKind::UnexpectedArgument, message));
        }
        Some(kind) => {
            let doing = "while evaluating the `type` argument passed to 'fetchTree'";
            let kind = ev.force_plain_string(kind.cell.get(), kind.position.into(), doing)?;
            kind.to_text().into_owned()
        }
        None if is_git => "git".to_owned(),
        None => {
            let message = format!("argument 'type' is missing in call to '{name}'");
            return Err(EvalError::new(ErrorKind::MissingArgument, message));
        }
    };
    let is_tree_of_git = kind == "git" && !is_git;
    attributes.insert("type".to_owned(), Attribute::Text(kind));
    for attr in attrs.iter().filter(|attr| attr.name != ev.names.kind) {
        let pos = attr.position.into();
        let value = ev.force(attr.cell.get(), pos)?;
        let attribute = match value.kind() {
            Kind::String(_) | Kind::Path(_) => {
                let mut context = ContextBuilder::default();
                let text = ev.coerce_to_string(value, pos, &mut context, "", Coercion::PLAIN)?;
                Attribute::Text(String::from_utf8_lossy(&text).into_owned())
            }
            Kind::Bool(flag) => Attribute::Flag(flag),
            Kind::Int(int) => Attribute::Number(u64::try_from(int).map_err(|_| {
                let message =
                    format!("negative value given for '{name}' argument '{}': {int}", attr.name);
                EvalError::new(ErrorKind::TypeMismatch, message)
            })?),
            _ if attr.name.as_str() == "publicKeys" => {
                ev.require_feature("verified-fetches")?;
                let mut json = String::new();
                ev.write_json(value, Pos::None, &mut ContextBuilder::default(), &mut json)?;
                Attribute::Text(json)
            }
            _ => {
                let message = format!(
                    "argument '{}' to '{name}' is {} while a string, Boolean or integer is expected",
                    attr.name,
                    ev.describe(value)
                );
                return Err(EvalError::new(ErrorKind::TypeMismatch, message));
            }
        };
        attributes.insert(attr.name.to_string(), attribute);
    }
    let has_submodules = match attributes.get("submodules") {
        None | Some(Attribute::Flag(false)) => false,
        // One that is no Boolean is an error later on.
        Some(_) => true,
    };
    if is_git && !has_submodules {
        attributes.entry("exportIgnore".to_owned()).or_insert(Attribute::Flag(true));
    }
    if is_tree_of_git {
        attributes.entry("shallow".to_owned()).or_insert(Attribute::Flag(true));
    }
    if !is_git && attributes.contains_key("name") {
        let message = format!("argument 'name' isn’t supported in call to '{name}'");
        return Err(EvalError::new(ErrorKind::UnexpectedArgument, message));
    }
    Ok(attributes)
}

fn fetch_mercurial<'h>(ev: &Evaluator<'h>, argument: Value<'h>) -> Result<Value<'h>> {
    let value = ev.force(argument, Pos::None)?;
    let mut context = ContextBuilder::default();
    let mut url = String::new();
    let mut attributes = Attributes::from([("type".to_owned(), Attribute::Text("hg".to_owned()))]);
    if let Kind::Attrs(attrs) = value.kind() {
        for attr in attrs.sorted() {
            let pos = Pos::from(attr.position);
            let value = attr.cell.get();
            match attr.name.as_str() {
                "url" => {
                    let doing =
                        "while evaluating the `url` attribute passed to builtins.fetchMercurial";
                    let how = Coercion::PLAIN;
                    let text = ev.coerce_to_string(value, pos, &mut context, doing, how)?;
                    url = String::from_utf8_lossy(&text).into_owned();
                }
                "rev" => {
                    let doing =
                        "while evaluating the `rev` attribute passed to builtins.fetchMercurial";
                    let version = ev.force_plain_string(value, pos, doing)?.to_text().into_owned();
                    let name = if is_revision(&version) { "rev" } else { "ref" };
                    attributes.insert(name.to_owned(), Attribute::Text(version));
                }
                "name" => {
                    let doing =
                        "while evaluating the `name` attribute passed to builtins.fetchMercurial";
                    ev.force_plain_string(value, pos, doing)?;
                }
                other => return Err(unexpected(other, "fetchMercurial").at(pos)),
            }
        }
        if url.is_empty() {
            return Err(url_required());
        }
    } else {
        let doing = "while evaluating the first argument passed to builtins.fetchMercurial";
        let text = ev.coerce_to_string(value, Pos::None, &mut context, doing, Coercion::PLAIN)?;
        url = String::from_utf8_lossy(&text).into_owned();
    }
    check_uri(ev, &url)?;
    if ev.settings.pure && !attributes.contains_key("rev") {
        return Err(EvalError::new(
            ErrorKind::Restricted,
            "in pure evaluation mode, 'fetchMercurial' requires a Mercurial revision",
        ));
    }
    let full = if url.contains("://") { url.clone() } else { format!("file://{url}") };
    attributes.insert("url".to_owned(), Attribute::Text(full));
    to_url(ev, &attributes)?;
    Err(unsupported("fetchMercurial", Some(&url)))
}

fn fetch_closure<'h>(ev: &Evaluator<'h>, argument: Value<'h>) -> Result<Value<'h>> {
    let doing = "while evaluating the argument passed to builtins.fetchClosure";
    let attrs = ev.force_attrs(argument, Pos::None, doing)?;
    let invalid = |message: String| EvalError::new(ErrorKind::Fetch, message);
    let store_path = |value, pos| -> Result<()> {
        let mut context = ContextBuilder::default();
        let text = ev.coerce_to_string(value, pos, &mut context, "", Coercion::PLAIN)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let parsed = ev.store.store_dir().parse(&text);
        parsed.map(drop).map_err(|_| {
            let message = format!("path '{text}' is not in the Nix store");
            EvalError::new(ErrorKind::InvalidStorePath, message).at(pos)
        })
    };
    let (mut from_path, mut to_path, mut from_store, mut input_addressed) =
        (false, false, None, false);
    for attr in attrs.sorted() {
        let (value, pos) = (attr.cell.get(), Pos::from(attr.position));
        let mut read = || -> Result<()> {
            match attr.name.as_str() {
                "fromPath" => {
                    from_path = true;
                    store_path(value, pos)
                }
                "toPath" => {
                    to_path = true;
                    let value = ev.force(value, pos)?;
                    match value.kind() {
                        Kind::String(text) if text.as_bytes().is_empty() => Ok(()),
                        _ => store_path(value, pos),
                    }
                }
                "fromStore" => {
                    let text = ev.force_plain_string(value, pos, "")?;
                    from_store = Some(text.to_text().into_owned());
                    Ok(())
                }
                _ => {
                    input_addressed = ev.force_bool(value, pos, "")?;
                    Ok(())
                }
            }
        };
        if !["fromPath", "fromStore", "inputAddressed", "toPath"].contains(&attr.name.as_str()) {
            let name = attr.name;
            let message = format!("attribute '{name}' isn't supported in call to 'fetchClosure'");
            return Err(EvalError::new(ErrorKind::UnexpectedArgument, message));
        }
        read().map_err(|error| {
            let name = attr.name;
            let doing =
                format!("while evaluating the attribute '{name}' passed to builtins.fetchClosure");
            error.frame(pos, FrameMessage::Text(doing))
        })?;
    }
    let missing = |name: &str| {
        let message = format!("attribute '{name}' is missing in call to 'fetchClosure'");
        EvalError::new(ErrorKind::MissingArgument, message)
    };
    if !from_path {
        return Err(missing("fromPath"));
    }
    if input_addressed && to_path {
        return Err(invalid(
            "attribute 'inputAddressed' is set to true, but 'toPath' is also set. Please remove one of \
             them"
                .to_owned(),
        ));
    }
    let store = from_store.ok_or_else(|| missing("fromStore"))?;
    let is_other = ["", "auto", "daemon", "local"].contains(&store.as_str())
        || store.contains("://")
        || store.contains('/');
    if !store.starts_with("http://") && !store.starts_with("https://") {
        return Err(invalid(match is_other {
            true => "'fetchClosure' only supports http:// and https:// stores".to_owned(),
            false => format!("Cannot parse Nix store '{store}'"),
        }));
    }
    if store.contains('?') {
        let message =
            format!("'fetchClosure' does not support URL query parameters (in '{store}')");
        return Err(invalid(message));
    }
    Err(unsupported("fetchClosure", Some(&store)))
}

fn get_flake<'h>(ev: &Evaluator<'h>, argument: Value<'h>) -> Result<Value<'h>> {
    let doing = "while evaluating the argument passed to builtins.getFlake";
    let reference = ev.force_plain_string(argument, Pos::None, doing)?.to_text();
    ev.require_feature("flakes")?;
    let attributes = parse_reference(&reference)?;
    if ev.settings.pure && !is_locked(&attributes)? {
        return Err(EvalError::new(
            ErrorKind::Restricted,
            format!(
                "cannot call 'getFlake' on unlocked flake reference '{reference}', at «none»:0 (use \
                 --impure to override)"
            ),
        ));
    }
    Err(unsupported("getFlake", Some(&reference)))
}

fn unexpected(argument: &str, name: &str) -> EvalError {
    let message = format!("unsupported argument '{argument}' to '{name}'");
    EvalError::new(ErrorKind::UnexpectedArgument, message)
}

fn url_required() -> EvalError {
    EvalError::new(ErrorKind::MissingArgument, "'url' argument required")
}

fn unsupported(name: &str, url: Option<&str>) -> EvalError {
    let what = url.map_or_else(String::new, |url| format!(" of '{url}'"));
    let message = format!(
        "'builtins.{name}'{what} is not supported yet: this version of Floe does not fetch"
    );
    EvalError::new(ErrorKind::Fetch, message)
}
