//! What in a file can be followed with a click: paths, `<nixpkgs/…>`, web addresses, flake references.

use std::path::PathBuf;

use floe_db::{Db, File, Stamp, parse, source};
use floe_hir::Span;
use floe_syntax::SyntaxKind as K;

use crate::config::is_flake;
use crate::known;

/// A link. Where it leads may cost a look at the disk: see [`link_target`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentLink {
    /// What is clicked.
    pub span: Span,
    /// Where it leads, if the text alone says so.
    pub target: Option<LinkTarget>,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// A file or folder.
    Path(PathBuf),
    /// A web address.
    Url(String),
}

/// The links of a file, in the order of the text.
pub fn document_links(db: &dyn Db, file: File) -> Vec<DocumentLink> {
    let text = &source(db, file).text;
    let elements = parse(db, file).tree.elements();
    let mut links = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let span = Span { start: element.start, end: element.end };
        let content = &text[element.start as usize..element.end as usize];
        match element.kind {
            // A path with an interpolation names many files.
            K::Path if element.next as usize == index + 2 => {
                links.push(DocumentLink { span, target: None });
            }
            K::SearchPath => {
                let span = Span { start: span.start + 1, end: span.end - 1 };
                links.push(DocumentLink { span, target: None });
            }
            K::Uri => push_url(content, span, &mut links),
            K::StringFragment if flake_path(db, file, content).is_some() => {
                links.push(DocumentLink { span, target: None });
            }
            K::StringFragment | K::Comment => addresses(content, span.start, &mut links),
            _ => {}
        }
    }
    links
}

/// Where the link at an offset leads. Nothing if it leads nowhere.
pub fn link_target(db: &dyn Db, file: File, offset: u32) -> Option<LinkTarget> {
    let text = &source(db, file).text;
    let elements = parse(db, file).tree.elements();
    let around = elements.iter().find(|element| {
        matches!(element.kind, K::Path | K::SearchPath | K::StringFragment)
            && element.start <= offset
            && offset < element.end
    })?;
    let content = &text[around.start as usize..around.end as usize];
    let path = match around.kind {
        K::Path => known::resolve_path(file.path(db), content)?,
        K::StringFragment => {
            let folder = known::resolve_path(file.path(db), flake_path(db, file, content)?)?;
            let flake = folder.join("flake.nix");
            match db.file(&flake).stamp(db) {
                Stamp::File { .. } => flake,
                _ => folder,
            }
        }
        _ => floe_db::nixpkgs(db).search_path.find(content.get(1..content.len() - 1)?)?,
    };
    // Nix reads `default.nix` where it is given a folder, and an editor cannot open one.
    match db.file(&path).stamp(db) {
        Stamp::Directory { .. } => {
            let inside = path.join("default.nix");
            match db.file(&inside).stamp(db) {
                Stamp::File { .. } => Some(LinkTarget::Path(inside)),
                _ => Some(LinkTarget::Path(path)),
            }
        }
        Stamp::Missing => None,
        _ => Some(LinkTarget::Path(path)),
    }
}

/// The path of a flake reference: `path:./sub?dir=x`, and `./sub` in a `flake.nix`.
fn flake_path<'a>(db: &dyn Db, file: File, text: &'a str) -> Option<&'a str> {
    let path = match text.strip_prefix("path:") {
        Some(path) => path,
        None => Some(text).filter(|text| text.starts_with('.') && is_flake(db, file))?,
    };
    let path = path.split(['?', '#']).next()?;
    let is_path = path == "." || ["./", "../", "/"].iter().any(|start| path.starts_with(start));
    (is_path && !path.contains(char::is_whitespace)).then_some(path)
}

fn push_url(url: &str, span: Span, links: &mut Vec<DocumentLink>) {
    let target = if url.starts_with("http://") || url.starts_with("https://") {
        Some(url.to_owned())
    } else {
        flake_reference(url)
    };
    if let Some(target) = target {
        links.push(DocumentLink { span, target: Some(LinkTarget::Url(target)) });
    }
}

/// The web addresses in a text, and the flake reference that it is.
fn addresses(text: &str, start: u32, links: &mut Vec<DocumentLink>) {
    if let Some(url) = flake_reference(text) {
        let span = Span { start, end: start + text.len() as u32 };
        links.push(DocumentLink { span, target: Some(LinkTarget::Url(url)) });
        return;
    }
    let mut at = 0;
    while let Some(found) = text[at..].find("://") {
        let separator = at + found;
        at = separator + 3;
        let scheme =
            ["https", "http"].into_iter().find(|scheme| text[..separator].ends_with(scheme));
        let Some(scheme) = scheme else { continue };
        let from = separator - scheme.len();
        let rest = &text[from..];
        let is_end = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>\\^{|}".contains(c);
        let url = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let url = without_closing(url);
        // `https://` alone, or a fragment that goes on with an interpolation.
        let goes_on =
            rest.len() == url.len() && url.ends_with('/') && url.len() == scheme.len() + 3;
        if url.len() > scheme.len() + 3 && !goes_on {
            let span = Span { start: start + from as u32, end: start + (from + url.len()) as u32 };
            links.push(DocumentLink { span, target: Some(LinkTarget::Url(url.to_owned())) });
        }
        at = at.max(from + url.len());
    }
}

/// An address without the punctuation of the sentence that it stands in.
fn without_closing(url: &str) -> &str {
    let mut url = url.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    for (open, close) in [('(', ')'), ('[', ']')] {
        while url.ends_with(close) && url.matches(close).count() > url.matches(open).count() {
            url = url[..url.len() - 1].trim_end_matches(['.', ',', ';']);
        }
    }
    url
}

/// The page of a flake reference: `github:owner/repo/ref`, `gitlab:…`, `sourcehut:…`, `git+https:…`.
fn flake_reference(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    if let Some(inner @ ("https" | "http")) =
        scheme.strip_prefix("git+").or_else(|| scheme.strip_prefix("tarball+"))
    {
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        return (rest.len() > 2 && rest.starts_with("//") && !rest.contains(char::is_whitespace))
            .then(|| format!("{inner}:{rest}"));
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.split('#').next().unwrap_or(rest);
    let parameter =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let (host, tree) = match scheme {
        "github" => (parameter("host").unwrap_or("github.com"), "tree"),
        "gitlab" => (parameter("host").unwrap_or("gitlab.com"), "-/tree"),
        "sourcehut" => (parameter("host").unwrap_or("git.sr.ht"), "tree"),
        _ => return None,
    };
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "-_.~%+".contains(c))
    };
    let mut parts = rest.splitn(3, '/');
    let (owner, repository) = (parts.next()?, parts.next()?);
    if !is_part(owner) || !is_part(repository) {
        return None;
    }
    let repository = repository.replace("%2F", "/").replace("%2f", "/");
    let reference = parts.next().or(parameter("ref")).or(parameter("rev"));
    match reference {
        None => Some(format!("https://{host}/{owner}/{repository}")),
        Some(reference) if reference.split('/').all(is_part) => {
            Some(format!("https://{host}/{owner}/{repository}/{tree}/{reference}"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::{Fixture, fixture};

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let mut shown = String::new();
        for link in document_links(&fixture.db, fixture.file) {
            let target =
                link.target.or_else(|| link_target(&fixture.db, fixture.file, link.span.start));
            let target = match target {
                None => "nowhere".to_owned(),
                Some(LinkTarget::Path(path)) => Fixture::redact(&path.display().to_string()),
                Some(LinkTarget::Url(url)) => url,
            };
            shown += &format!("{} -> {target}\n", fixture.show(fixture.file, link.span));
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn paths_lead_to_files_and_to_what_nix_reads_of_folders() {
        check(
            "//- /w/default.nix\n[ ./a.nix ./b ./c ./none ./${x} <nixpkgs/lib> <nowhere> ]\n\
             //- /w/a.nix\n1\n//- /w/b/default.nix\n2\n//- /w/c/other.nix\n3\n",
            &expect![[r#"
                default.nix:1 "./a.nix" -> /w/a.nix
                default.nix:1 "./b" -> /w/b/default.nix
                default.nix:1 "./c" -> /w/c
                default.nix:1 "./none" -> nowhere
                default.nix:1 "nixpkgs/lib" -> <nixpkgs>/lib/default.nix
                default.nix:1 "nowhere" -> nowhere
            "#]],
        );
    }

    #[test]
    fn addresses_in_strings_and_comments() {
        check(
            "# See https://a.example/b_(c), (http://d.example/).\n\
             { a = \"https://x.example/${v}/y\"; b = https://z.example; c = \"https://\"; }",
            &expect![[r#"
                default.nix:1 "https://a.example/b_(c)" -> https://a.example/b_(c)
                default.nix:1 "http://d.example/" -> http://d.example/
                default.nix:2 "https://x.example/" -> https://x.example/
                default.nix:2 "https://z.example" -> https://z.example
            "#]],
        );
    }

    #[test]
    fn flakes_beside_the_flake() {
        check(
            "//- /w/flake.nix\n{ a.url = \"path:./sub?dir=x\"; b.url = \"./c\"; d = \"/bin/sh\"; }\n\
             //- /w/sub/flake.nix\n{ }\n//- /w/c/x.nix\n1\n",
            &expect![[r#"
                flake.nix:1 "path:./sub?dir=x" -> /w/sub/flake.nix
                flake.nix:1 "./c" -> /w/c
            "#]],
        );
    }

    #[test]
    fn flake_references() {
        check(
            "{ a.url = \"github:NixOS/nixpkgs/nixos-25.05\"; b = \"gitlab:o/r?host=git.example&ref=main\";\n\
             c = \"git+https://g.example/r?rev=1\"; d = \"sourcehut:~u/r\"; e = \"github: no\"; f = \"path:./x\"; }",
            &expect![[r#"
                default.nix:1 "github:NixOS/nixpkgs/nixos-25.05" -> https://github.com/NixOS/nixpkgs/tree/nixos-25.05
                default.nix:1 "gitlab:o/r?host=git.example&ref=main" -> https://git.example/o/r/-/tree/main
                default.nix:2 "git+https://g.example/r?rev=1" -> https://g.example/r
                default.nix:2 "sourcehut:~u/r" -> https://git.sr.ht/~u/r
                default.nix:2 "path:./x" -> nowhere
            "#]],
        );
    }
}
