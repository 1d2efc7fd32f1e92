//! Fetching. Arguments are checked here as C++ Nix checks them; the fetching itself belongs to the
//! store and comes later, so that each of these says so where it would begin.

use floe_store::{Algorithm, Hash};

use super::{Builtin, builtin};
use crate::coerce::Coercion;
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, Kind, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("fetchurl", 1, |ev, args, _| fetch_file(ev, args[0], "fetchurl")),
    builtin("fetchTarball", 1, |ev, args, _| fetch_file(ev, args[0], "fetchTarball")),
    builtin("fetchGit", 1, |ev, args, _| fetch_git(ev, args[0])),
    builtin("fetchMercurial", 1, |ev, args, _| fetch_mercurial(ev, args[0])),
    builtin("fetchTree", 1, |ev, args, _| {
        ev.force(args[0], Pos::None)?;
        Err(unsupported("fetchTree", None))
    }),
    builtin("fetchClosure", 1, |ev, args, _| {
        let doing = "while evaluating the argument passed to builtins.fetchClosure";
        ev.force_attrs(args[0], Pos::None, doing)?;
        Err(unsupported("fetchClosure", None))
    }),
    builtin("getFlake", 1, |ev, args, _| {
        ev.require_feature("flakes")?;
        let doing = "while evaluating the argument passed to builtins.getFlake";
        let url = ev.force_plain_string(args[0], Pos::None, doing)?;
        Err(unsupported("getFlake", Some(&url.to_text())))
    }),
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
    check_uri(ev, url).err().unwrap_or_else(|| unsupported(name, Some(url)))
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

fn fetch_git<'h>(ev: &Evaluator<'h>, argument: Value<'h>) -> Result<Value<'h>> {
    const ATTRIBUTES: [&str; 20] = [
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
        "type",
        "__final",
    ];
    let value = ev.force(argument, Pos::None)?;
    let mut context = ContextBuilder::default();
    let Kind::Attrs(attrs) = value.kind() else {
        let doing = "while evaluating the argument passed to 'fetchGit'";
        let url = ev.coerce_to_string(value, Pos::None, &mut context, doing, Coercion::PLAIN)?;
        return Err(unsupported("fetchGit", Some(&String::from_utf8_lossy(&url))));
    };
    check_attributes(ev, attrs, "fetchGit")?;
    if let Some(other) = attrs.sorted().iter().find(|a| !ATTRIBUTES.contains(&a.name.as_str())) {
        return Err(EvalError::new(
            ErrorKind::UnexpectedArgument,
            format!("input attribute '{}' not supported by scheme 'git'", other.name),
        ));
    }
    let url = attrs.get(floe_hir::Name::new("url")).ok_or_else(|| {
        EvalError::new(ErrorKind::MissingArgument, "input attribute 'url' is missing")
    })?;
    let how = Coercion::PLAIN;
    let url = ev.coerce_to_string(url.cell.get(), url.position.into(), &mut context, "", how)?;
    if ev.settings.pure && attrs.get(floe_hir::Name::new("rev")).is_none() {
        return Err(EvalError::new(
            ErrorKind::Restricted,
            "in pure evaluation mode, 'fetchGit' will not fetch unlocked input; provide a 'rev'",
        ));
    }
    Err(unsupported("fetchGit", Some(&String::from_utf8_lossy(&url))))
}

/// The attributes of a fetched tree are strings, Booleans and natural numbers.
fn check_attributes<'h>(ev: &Evaluator<'h>, attrs: Attrs<'h>, name: &str) -> Result<()> {
    for attr in attrs.sorted() {
        let value = ev.force(attr.cell.get(), attr.position.into())?;
        let message = match value.kind() {
            Kind::String(_) | Kind::Path(_) | Kind::Bool(_) if attr.name.as_str() == "type" => {
                "unexpected argument 'type'".to_owned()
            }
            Kind::String(_) | Kind::Path(_) | Kind::Bool(_) | Kind::Int(0..) => continue,
            Kind::Int(int) => {
                format!("negative value given for '{name}' argument '{}': {int}", attr.name)
            }
            _ if attr.name.as_str() == "publicKeys" => {
                ev.require_feature("verified-fetches")?;
                continue;
            }
            _ => format!(
                "argument '{}' to '{name}' is {} while a string, Boolean or integer is expected",
                attr.name,
                ev.describe(value)
            ),
        };
        return Err(EvalError::new(ErrorKind::TypeMismatch, message));
    }
    Ok(())
}

fn fetch_mercurial<'h>(ev: &Evaluator<'h>, argument: Value<'h>) -> Result<Value<'h>> {
    let value = ev.force(argument, Pos::None)?;
    let mut context = ContextBuilder::default();
    let Kind::Attrs(attrs) = value.kind() else {
        let doing = "while evaluating the first argument passed to builtins.fetchMercurial";
        let url = ev.coerce_to_string(value, Pos::None, &mut context, doing, Coercion::PLAIN)?;
        return Err(unsupported("fetchMercurial", Some(&String::from_utf8_lossy(&url))));
    };
    let mut url = String::new();
    for attr in attrs.sorted() {
        let pos = Pos::from(attr.position);
        let value = attr.cell.get();
        match attr.name.as_str() {
            "url" => {
                let doing =
                    "while evaluating the `url` attribute passed to builtins.fetchMercurial";
                let text = ev.coerce_to_string(value, pos, &mut context, doing, Coercion::PLAIN)?;
                url = String::from_utf8_lossy(&text).into_owned();
            }
            "rev" => {
                let doing =
                    "while evaluating the `rev` attribute passed to builtins.fetchMercurial";
                ev.force_plain_string(value, pos, doing)?;
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
    Err(unsupported("fetchMercurial", Some(&url)))
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
