//! Bindings of the whole workspace by a few letters of their names.

use floe_db::{Db, File};
use floe_hir::{Name, Span};

use crate::document_symbols::SymbolKind;
use crate::fuzzy::score;
use crate::workspace_index::{FilePlace, IndexedSymbol, for_each_index};

/// One binding of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceSymbol {
    /// Its name.
    pub name: Name,
    /// What its value is, as far as the text shows.
    pub kind: SymbolKind,
    /// The name of the binding that it is in, if there is one.
    pub container: Option<Name>,
    /// The file.
    pub file: File,
    /// The range of the name in it.
    pub span: Span,
}

/// The most symbols that are given for one query: a person who does not see theirs among them goes on
/// typing.
pub const MOST_SYMBOLS: usize = 128;

/// The bindings whose names fit the written letters, the best first. `a.b` asks for a `b` in an `a`.
pub fn workspace_symbols(db: &dyn Db, query: &str) -> Vec<WorkspaceSymbol> {
    let query = query.trim().to_lowercase();
    let (container, written) = match query.rsplit_once('.') {
        Some((container, written)) => {
            (Some(container.rsplit('.').next().unwrap_or_default()), written)
        }
        None => (None, query.as_str()),
    };
    let mut names = Scores::new(written);
    let mut containers = container.map(Scores::new);
    let mut best = Best::default();
    let index = for_each_index(db, |place, file| {
        for symbol in file.symbols() {
            let Some(mut score) = names.of(symbol.name) else { continue };
            if let Some(containers) = &mut containers {
                let of_container = symbol.container.and_then(|name| containers.of(name));
                let Some(of_container) = of_container else { continue };
                score += of_container;
            }
            best.offer(score, place, symbol);
        }
    });
    best.into_symbols(|place| index.file(db, place))
}

/// The scores of names: each spelling is looked at once, however many bindings have it.
struct Scores<'a> {
    written: &'a str,
    /// By the number of the name: 0 where it was not asked for yet, 1 where it does not fit, else the
    /// score and 2.
    known: Vec<u32>,
}

impl<'a> Scores<'a> {
    fn new(written: &'a str) -> Scores<'a> {
        Scores { written, known: Vec::new() }
    }

    fn of(&mut self, name: Name) -> Option<u32> {
        let index = name.index() as usize;
        if index >= self.known.len() {
            self.known.resize((index + 1).next_power_of_two(), 0);
        }
        if self.known[index] == 0 {
            self.known[index] = score(self.written, name.as_str()).map_or(1, |score| score + 2);
        }
        self.known[index].checked_sub(2)
    }
}

/// The best so far; never more than a few times as many as are asked for.
#[derive(Default)]
struct Best {
    found: Vec<(u32, FilePlace, IndexedSymbol)>,
    /// What does not score more than this is not among the best.
    least: u32,
}

impl Best {
    fn offer(&mut self, score: u32, place: FilePlace, symbol: IndexedSymbol) {
        if score <= self.least {
            return;
        }
        self.found.push((score, place, symbol));
        if self.found.len() >= 8 * MOST_SYMBOLS {
            self.cut();
        }
    }

    /// Of those that score alike, the first files' stay.
    fn cut(&mut self) {
        self.found.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
        self.found.truncate(MOST_SYMBOLS);
        if self.found.len() == MOST_SYMBOLS {
            self.least = self.found.last().map_or(0, |(score, ..)| *score);
        }
    }

    fn into_symbols(mut self, file: impl Fn(FilePlace) -> File) -> Vec<WorkspaceSymbol> {
        self.cut();
        let symbols = self.found.into_iter().map(|(_, place, symbol)| WorkspaceSymbol {
            name: symbol.name,
            kind: symbol.kind,
            container: symbol.container,
            file: file(place),
            span: symbol.span(),
        });
        symbols.collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(query: &str, expected: &Expect) {
        let fixture = fixture(
            "
//- /w/default.nix
let helper = x: x; in { hello = 1; nested.inner.help = helper; }
//- /w/lib/strings.nix
{ lib }: rec { concatHelp = a: a; \"quoted help\" = [ ]; }
//- /w/.hidden/x.nix
{ help = 1; }
//- /w/package.nix
{ stdenv }: stdenv.mkDerivation { helpText = \"\"; passthru = rec { help = 1; }; }
",
        );
        let found = workspace_symbols(&fixture.db, query);
        let shown: String = found
            .iter()
            .map(|symbol| {
                let container = symbol.container.map_or("", Name::as_str);
                let at = fixture.show(symbol.file, symbol.span);
                format!("{} {:?} {container} {at}\n", symbol.name, symbol.kind)
            })
            .collect();
        expected.assert_eq(&shown);
    }

    #[test]
    fn of_all_files_the_best_first() {
        check(
            "help",
            &expect![[r#"
                help Value inner default.nix:1 "help"
                helper Function  default.nix:1 "helper"
                concatHelp Function  lib/strings.nix:1 "concatHelp"
                quoted help List  lib/strings.nix:1 "\"quoted help\""
            "#]],
        );
        check("nothing of that name", &expect![[""]]);
    }

    #[test]
    fn in_something() {
        check(
            "inn.he",
            &expect![[r#"
                help Value inner default.nix:1 "help"
            "#]],
        );
    }

    #[test]
    fn an_edit_is_seen() {
        let mut fixture = fixture("{ before = 1; }");
        let names = |db: &floe_db::Database| {
            workspace_symbols(db, "").iter().map(|found| found.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&fixture.db), [Name::new("before")]);
        fixture.db.apply(floe_db::Change::Buffer {
            path: "/w/default.nix".into(),
            text: "{ after = 1; }".into(),
        });
        assert_eq!(names(&fixture.db), [Name::new("after")]);
    }
}
