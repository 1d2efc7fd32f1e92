//! Flake references: `github:NixOS/nixpkgs/nixos-unstable`, `path:./lib`, `{ type = "git"; … }`.
//!
//! Both spellings, the URL and the attribute set of a lock file, become the same [`FlakeReference`].
//! See "Flake references" in the Nix manual's page on `nix flake`.

use std::{fmt, path::PathBuf};

use serde_json::{Map, Value};

/// A reference to a flake or, for inputs with `flake = false`, to any source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlakeReference {
    /// Where the tree comes from.
    pub input: Input,
    /// The directory of the tree that holds `flake.nix`, when that is not its top.
    pub directory: Option<String>,
}

/// Where a source tree comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A directory of this machine. A relative one is relative to the flake that names it.
    Path {
        /// The directory.
        path: PathBuf,
    },
    /// A Git repository.
    Git {
        /// The repository's URL without the `git+` prefix.
        url: String,
        /// The branch, the tag and the commit asked for.
        version: Version,
    },
    /// A Mercurial repository.
    Mercurial {
        /// The repository's URL without the `hg+` prefix.
        url: String,
        /// The branch or tag and the commit asked for.
        version: Version,
    },
    /// A repository on a forge that serves archives of commits.
    Forge {
        /// Which forge.
        forge: Forge,
        /// The user or organisation.
        owner: String,
        /// The repository.
        repository: String,
        /// The branch or tag and the commit asked for.
        version: Version,
        /// The forge's host, when it is not the well-known one.
        host: Option<String>,
    },
    /// An archive that is unpacked.
    Tarball {
        /// The archive's URL.
        url: String,
    },
    /// A single file.
    File {
        /// The file's URL.
        url: String,
    },
    /// A name that a flake registry resolves.
    Indirect {
        /// The name.
        id: String,
        /// The branch or tag and the commit asked for.
        version: Version,
    },
}

/// The part of a reference that chooses a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// A branch or a tag (`ref`).
    pub reference: Option<String>,
    /// A full commit hash (`rev`).
    pub revision: Option<String>,
}

/// A forge with a reference type of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    /// github.com and GitHub Enterprise.
    GitHub,
    /// gitlab.com and other GitLab instances.
    GitLab,
    /// sr.ht.
    SourceHut,
}

/// Why a text or an attribute set is no flake reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The URL's scheme is not one that names a kind of input.
    #[error(
        "'{url}' has the unknown scheme '{scheme}'; expected path, git+…, hg+…, github, gitlab, \
         sourcehut, tarball+…, file+…, http, https or flake"
    )]
    UnknownScheme {
        /// The whole reference.
        url: String,
        /// The part before the colon.
        scheme: String,
    },
    /// A forge reference that is not `owner/repository` or `owner/repository/version`.
    #[error("'{url}' should read '{scheme}:OWNER/REPOSITORY' or '{scheme}:OWNER/REPOSITORY/REF'")]
    ForgePath {
        /// The whole reference.
        url: String,
        /// The forge's scheme.
        scheme: &'static str,
    },
    /// A registry name that is not `id`, `id/ref` or `id/ref/rev`.
    #[error("'{0}' should read 'flake:ID', 'flake:ID/REF' or 'flake:ID/REF/REV'")]
    IndirectPath(String),
    /// The reference is empty.
    #[error("the flake reference is empty")]
    Empty,
    /// A reference to one output, where a whole flake was expected.
    #[error("unexpected fragment '{fragment}' in flake reference '{url}'")]
    Fragment {
        /// The whole reference.
        url: String,
        /// The part after `#`.
        fragment: String,
    },
    /// A lock file's reference lacks an attribute of its type.
    #[error("a reference of type '{kind}' needs the attribute '{attribute}'")]
    MissingAttribute {
        /// The value of `type`.
        kind: String,
        /// What is missing.
        attribute: &'static str,
    },
    /// A lock file's reference has an attribute of the wrong JSON type.
    #[error("attribute '{attribute}' should be a string, found {found}")]
    NotAString {
        /// The attribute.
        attribute: String,
        /// What is there instead.
        found: String,
    },
    /// A lock file's reference has a `type` that does not exist.
    #[error(
        "unknown reference type '{0}'; expected path, git, hg, github, gitlab, sourcehut, tarball, \
         file or indirect"
    )]
    UnknownType(String),
}

impl Forge {
    /// The `type` of a lock file and the scheme of a URL.
    pub fn scheme(self) -> &'static str {
        match self {
            Forge::GitHub => "github",
            Forge::GitLab => "gitlab",
            Forge::SourceHut => "sourcehut",
        }
    }

    fn from_scheme(scheme: &str) -> Option<Forge> {
        [Forge::GitHub, Forge::GitLab, Forge::SourceHut]
            .into_iter()
            .find(|forge| forge.scheme() == scheme)
    }
}

impl FlakeReference {
    /// Parses the URL spelling: a URL, a registry name (`nixpkgs/nixos-unstable`) or a path.
    pub fn parse(url: &str) -> Result<FlakeReference, ReferenceError> {
        let url = url.trim();
        if url.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some((_, fragment)) =
            url.split_once('#').filter(|(_, fragment)| !fragment.is_empty())
        {
            return Err(ReferenceError::Fragment { url: url.into(), fragment: fragment.into() });
        }
        let (location, query) = url.trim_end_matches('#').split_once('?').unwrap_or((url, ""));
        let mut query = Query::parse(query);
        let directory = query.take("dir");
        let input = match location.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => parse_url(url, scheme, rest, &mut query)?,
            _ if is_registry_path(location) => parse_indirect(url, location, &mut query)?,
            _ => Input::Path { path: percent_decode(location).into() },
        };
        Ok(FlakeReference { input, directory })
    }

    /// Reads the attribute-set spelling that lock files use.
    pub fn from_attributes(
        attributes: &Map<String, Value>,
    ) -> Result<FlakeReference, ReferenceError> {
        let string = |attribute: &str| match attributes.get(attribute) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(ReferenceError::NotAString {
                attribute: attribute.to_owned(),
                found: other.to_string(),
            }),
        };
        let kind = string("type")?.ok_or(ReferenceError::MissingAttribute {
            kind: "unknown".into(),
            attribute: "type",
        })?;
        let required = |attribute: &'static str| {
            string(attribute)?
                .ok_or_else(|| ReferenceError::MissingAttribute { kind: kind.clone(), attribute })
        };
        let version = Version { reference: string("ref")?, revision: string("rev")? };
        let input = match kind.as_str() {
            "path" => Input::Path { path: required("path")?.into() },
            "git" => Input::Git { url: required("url")?, version },
            "hg" => Input::Mercurial { url: required("url")?, version },
            "tarball" => Input::Tarball { url: required("url")? },
            "file" => Input::File { url: required("url")? },
            "indirect" => Input::Indirect { id: required("id")?, version },
            other => match Forge::from_scheme(other) {
                Some(forge) => Input::Forge {
                    forge,
                    owner: required("owner")?,
                    repository: required("repo")?,
                    version,
                    host: string("host")?,
                },
                None => return Err(ReferenceError::UnknownType(kind)),
            },
        };
        Ok(FlakeReference { input, directory: string("dir")? })
    }

    /// Whether this is nixpkgs by the name everybody gives it: `NixOS/nixpkgs` on GitHub, or
    /// `nixpkgs` in the registry.
    pub fn is_nixpkgs(&self) -> bool {
        match &self.input {
            Input::Forge { forge: Forge::GitHub, owner, repository, .. } => {
                owner.eq_ignore_ascii_case("nixos")
                    && (repository == "nixpkgs" || repository == "nixpkgs-channels")
            }
            Input::Indirect { id, .. } => id == "nixpkgs",
            _ => false,
        }
    }
}

impl fmt::Display for FlakeReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut query: Vec<(&str, &str)> = Vec::new();
        let has_query = match &self.input {
            Input::Git { url, .. }
            | Input::Mercurial { url, .. }
            | Input::Tarball { url }
            | Input::File { url } => url.contains('?'),
            _ => false,
        };
        let in_path = |version: &Version| match (&version.reference, &version.revision) {
            (Some(reference), Some(revision)) => format!("/{reference}/{revision}"),
            (Some(part), None) | (None, Some(part)) => format!("/{part}"),
            (None, None) => String::new(),
        };
        match &self.input {
            Input::Path { path } => {
                write!(f, "path:{}", percent_encode(&path.display().to_string()))?;
            }
            Input::Git { url, version } | Input::Mercurial { url, version } => {
                match &self.input {
                    Input::Git { .. } if url.starts_with("git:") => f.write_str(url)?,
                    Input::Git { .. } => write!(f, "git+{url}")?,
                    _ => write!(f, "hg+{url}")?,
                }
                query.extend(version.reference.as_deref().map(|value| ("ref", value)));
                query.extend(version.revision.as_deref().map(|value| ("rev", value)));
            }
            Input::Forge { forge, owner, repository, version, host } => {
                write!(f, "{}:{}/{repository}", forge.scheme(), owner.replace('/', "%2F"))?;
                if let (Some(reference), Some(revision)) = (&version.reference, &version.revision) {
                    query.extend([("ref", reference.as_str()), ("rev", revision)]);
                } else {
                    f.write_str(&in_path(version))?;
                }
                query.extend(host.as_deref().map(|value| ("host", value)));
            }
            Input::Tarball { url } if looks_like_archive(url) => f.write_str(url)?,
            Input::Tarball { url } => write!(f, "tarball+{url}")?,
            Input::File { url } => write!(f, "file+{url}")?,
            Input::Indirect { id, version } => write!(f, "flake:{id}{}", in_path(version))?,
        }
        query.extend(self.directory.as_deref().map(|value| ("dir", value)));
        let mut separator = if has_query { '&' } else { '?' };
        for (name, value) in query {
            write!(f, "{separator}{name}={}", percent_encode(value))?;
            separator = '&';
        }
        Ok(())
    }
}

/// Whether the part before a colon can be a scheme, and not the start of a path such as `./a:b`.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// `nixpkgs`, `nixpkgs/nixos-unstable`: a registry name begins with a letter and has no dots in it.
fn is_registry_path(text: &str) -> bool {
    let id = text.split('/').next().unwrap_or_default();
    id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn parse_url(
    url: &str,
    scheme: &str,
    rest: &str,
    query: &mut Query,
) -> Result<Input, ReferenceError> {
    if let Some(forge) = Forge::from_scheme(scheme) {
        return parse_forge(url, forge, rest, query);
    }
    let (application, transport) = scheme.split_once('+').unwrap_or((scheme, ""));
    let locator = |query: &Query| match transport {
        "" => format!("{scheme}:{rest}{query}"),
        transport => format!("{transport}:{rest}{query}"),
    };
    match application {
        "path" => {
            // `path:/abs` and `path:///abs` are the same.
            let path = rest.strip_prefix("//").unwrap_or(rest);
            Ok(Input::Path { path: percent_decode(path).into() })
        }
        "git" => {
            let version = query.version();
            Ok(Input::Git { url: locator(query), version })
        }
        "hg" if !transport.is_empty() => {
            let version = query.version();
            Ok(Input::Mercurial { url: locator(query), version })
        }
        "tarball" if !transport.is_empty() => Ok(Input::Tarball { url: locator(query) }),
        "file" if !transport.is_empty() => Ok(Input::File { url: locator(query) }),
        "http" | "https" | "file" if transport.is_empty() => {
            Ok(Input::Tarball { url: locator(query) })
        }
        "flake" => parse_indirect(url, rest, query),
        _ => Err(ReferenceError::UnknownScheme { url: url.into(), scheme: scheme.into() }),
    }
}

fn parse_forge(
    url: &str,
    forge: Forge,
    rest: &str,
    query: &mut Query,
) -> Result<Input, ReferenceError> {
    let malformed = || ReferenceError::ForgePath { url: url.into(), scheme: forge.scheme() };
    let mut parts = rest.splitn(3, '/').map(percent_decode);
    let owner = parts.next().filter(|part| !part.is_empty()).ok_or_else(malformed)?;
    let repository = parts.next().filter(|part| !part.is_empty()).ok_or_else(malformed)?;
    let mut version = query.version();
    match parts.next() {
        Some(part) if part.is_empty() => return Err(malformed()),
        Some(part) if is_revision(&part) => version.revision = Some(part),
        Some(part) => version.reference = Some(part),
        None => {}
    }
    Ok(Input::Forge { forge, owner, repository, version, host: query.take("host") })
}

fn parse_indirect(url: &str, rest: &str, query: &mut Query) -> Result<Input, ReferenceError> {
    let malformed = || ReferenceError::IndirectPath(url.to_owned());
    if !is_registry_path(rest) {
        return Err(malformed());
    }
    let mut version = query.version();
    let (id, chosen) = match rest.split_once('/') {
        Some((id, chosen)) => (id, Some(chosen)),
        None => (rest, None),
    };
    match chosen.map(|chosen| chosen.rsplit_once('/').unwrap_or((chosen, ""))) {
        None => {}
        Some((part, "")) if is_revision(part) => version.revision = Some(part.into()),
        Some(("", _)) => return Err(malformed()),
        Some((reference, "")) => version.reference = Some(percent_decode(reference)),
        Some((reference, revision)) if is_revision(revision) => {
            version = Version {
                reference: Some(percent_decode(reference)),
                revision: Some(revision.into()),
            };
        }
        Some((first, rest)) => version.reference = Some(percent_decode(&format!("{first}/{rest}"))),
    }
    Ok(Input::Indirect { id: id.into(), version })
}

/// A commit hash in full: SHA-1, or SHA-256 of the new Git object format.
fn is_revision(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Nix unpacks a plain URL when its path ends in one of these.
fn looks_like_archive(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    [".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".crate"]
        .iter()
        .any(|suffix| path.ends_with(suffix))
}

/// What [`percent_decode`] turns back: everything but letters, digits and what a path or a branch
/// usually has is escaped.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/.-_~:@!$'()*,;=".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

/// Bytes that `%XX` stands for; an escape that is none stays as it is.
fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = (byte == b'%')
            .then(|| std::str::from_utf8(tail.get(..2)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escape.unwrap_or(byte));
        rest = if escape.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// The parameters after `?`. What a reference does not use itself stays part of its URL.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (percent_decode(name), percent_decode(value)))
                .collect(),
        )
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(index).1)
    }

    fn version(&mut self) -> Version {
        Version { reference: self.take("ref"), revision: self.take("rev") }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Each URL, what it means, and how it is printed again if that differs.
    fn check(urls: &[&str], expected: &Expect) {
        let mut text = String::new();
        for url in urls {
            text += &match FlakeReference::parse(url) {
                Ok(reference) => {
                    let (shown, input) = (reference.to_string(), &reference.input);
                    let shown =
                        if shown == **url { String::new() } else { format!("\n  = {shown}") };
                    format!("{url}{shown}\n  {input:?} {:?}\n", reference.directory)
                }
                Err(error) => format!("'{url}': {error}\n"),
            };
        }
        expected.assert_eq(&text);
    }

    const REVISION: &str = "5edf11c44bc78a0d334f6334cdaf7d60d732daab";

    #[test]
    fn forges() {
        check(
            &[
                "github:NixOS/nixpkgs/nixos-unstable",
                &format!("github:NixOS/nixpkgs/{REVISION}?dir=lib&host=git.example.org"),
                "gitlab:group%2Fteam/tool",
            ],
            &expect![[r#"
                github:NixOS/nixpkgs/nixos-unstable
                  Forge { forge: GitHub, owner: "NixOS", repository: "nixpkgs", version: Version { reference: Some("nixos-unstable"), revision: None }, host: None } None
                github:NixOS/nixpkgs/5edf11c44bc78a0d334f6334cdaf7d60d732daab?dir=lib&host=git.example.org
                  = github:NixOS/nixpkgs/5edf11c44bc78a0d334f6334cdaf7d60d732daab?host=git.example.org&dir=lib
                  Forge { forge: GitHub, owner: "NixOS", repository: "nixpkgs", version: Version { reference: None, revision: Some("5edf11c44bc78a0d334f6334cdaf7d60d732daab") }, host: Some("git.example.org") } Some("lib")
                gitlab:group%2Fteam/tool
                  Forge { forge: GitLab, owner: "group/team", repository: "tool", version: Version { reference: None, revision: None }, host: None } None
            "#]],
        );
    }

    #[test]
    fn repositories() {
        check(
            &[
                "git+https://example.org/a.git?ref=main&shallow=1&dir=nix",
                &format!("git+ssh://git@example.org/a?rev={REVISION}"),
                "git://example.org/a",
                "hg+https://example.org/a?ref=stable",
            ],
            &expect![[r#"
                git+https://example.org/a.git?ref=main&shallow=1&dir=nix
                  = git+https://example.org/a.git?shallow=1&ref=main&dir=nix
                  Git { url: "https://example.org/a.git?shallow=1", version: Version { reference: Some("main"), revision: None } } Some("nix")
                git+ssh://git@example.org/a?rev=5edf11c44bc78a0d334f6334cdaf7d60d732daab
                  Git { url: "ssh://git@example.org/a", version: Version { reference: None, revision: Some("5edf11c44bc78a0d334f6334cdaf7d60d732daab") } } None
                git://example.org/a
                  Git { url: "git://example.org/a", version: Version { reference: None, revision: None } } None
                hg+https://example.org/a?ref=stable
                  Mercurial { url: "https://example.org/a", version: Version { reference: Some("stable"), revision: None } } None
            "#]],
        );
    }

    #[test]
    fn paths_and_archives() {
        check(
            &[
                "/etc/nixos",
                "./sub dir?dir=x",
                "path:///etc/nixos",
                ".",
                "https://example.org/x.tar.gz",
                "tarball+https://example.org/download",
                "file+https://example.org/x.tar.gz",
            ],
            &expect![[r#"
                /etc/nixos
                  = path:/etc/nixos
                  Path { path: "/etc/nixos" } None
                ./sub dir?dir=x
                  = path:./sub%20dir?dir=x
                  Path { path: "./sub dir" } Some("x")
                path:///etc/nixos
                  = path:/etc/nixos
                  Path { path: "/etc/nixos" } None
                .
                  = path:.
                  Path { path: "." } None
                https://example.org/x.tar.gz
                  Tarball { url: "https://example.org/x.tar.gz" } None
                tarball+https://example.org/download
                  Tarball { url: "https://example.org/download" } None
                file+https://example.org/x.tar.gz
                  File { url: "https://example.org/x.tar.gz" } None
            "#]],
        );
    }

    #[test]
    fn registry_names() {
        check(
            &["nixpkgs", "nixpkgs/unstable", &format!("flake:nixpkgs/release-20.09/{REVISION}")],
            &expect![[r#"
                nixpkgs
                  = flake:nixpkgs
                  Indirect { id: "nixpkgs", version: Version { reference: None, revision: None } } None
                nixpkgs/unstable
                  = flake:nixpkgs/unstable
                  Indirect { id: "nixpkgs", version: Version { reference: Some("unstable"), revision: None } } None
                flake:nixpkgs/release-20.09/5edf11c44bc78a0d334f6334cdaf7d60d732daab
                  Indirect { id: "nixpkgs", version: Version { reference: Some("release-20.09"), revision: Some("5edf11c44bc78a0d334f6334cdaf7d60d732daab") } } None
            "#]],
        );
    }

    #[test]
    fn what_is_no_reference() {
        check(
            &["", "gopher://x", "nixpkgs#hello", "flake:./x", "github:NixOS"],
            &expect![[r#"
            '': the flake reference is empty
            'gopher://x': 'gopher://x' has the unknown scheme 'gopher'; expected path, git+…, hg+…, github, gitlab, sourcehut, tarball+…, file+…, http, https or flake
            'nixpkgs#hello': unexpected fragment 'hello' in flake reference 'nixpkgs#hello'
            'flake:./x': 'flake:./x' should read 'flake:ID', 'flake:ID/REF' or 'flake:ID/REF/REV'
            'github:NixOS': 'github:NixOS' should read 'github:OWNER/REPOSITORY' or 'github:OWNER/REPOSITORY/REF'
        "#]],
        );
    }

    #[test]
    fn attributes_of_a_lock_file() {
        let read = |text: &str| {
            let attributes: Map<String, Value> = serde_json::from_str(text).unwrap();
            match FlakeReference::from_attributes(&attributes) {
                Ok(reference) => reference.to_string(),
                Err(error) => format!("error: {error}"),
            }
        };
        assert_eq!(
            read(r#"{"type":"github","owner":"NixOS","repo":"nixpkgs","rev":"abc"}"#),
            "github:NixOS/nixpkgs/abc"
        );
        assert_eq!(
            read(r#"{"type":"git","url":"https://x/y","ref":"main","dir":"sub"}"#),
            "git+https://x/y?ref=main&dir=sub"
        );
        assert_eq!(
            read(r#"{"type":"github","owner":"NixOS"}"#),
            "error: a reference of type 'github' needs the attribute 'repo'"
        );
        assert_eq!(
            read(r#"{"type":"path","path":7}"#),
            "error: attribute 'path' should be a string, found 7"
        );
        assert_eq!(
            read(r#"{"type":"ftp"}"#),
            "error: unknown reference type 'ftp'; expected path, git, hg, github, gitlab, \
             sourcehut, tarball, file or indirect"
        );
    }
}
