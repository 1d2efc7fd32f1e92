//! What is kept from before an edit: that facts about an edited file are those of its text.

use std::path::PathBuf;
use std::sync::Arc;

use floe_db::{Change, Database, Db, File, MemorySystem, Settings, line_index};

use crate::{TokenDetail, diagnostics, document_symbols, semantic_tokens};

/// Every lint on.
fn configuration() -> String {
    let lints = crate::lints::LINTS.iter().filter(|lint| !lint.is_of_types());
    let levels: String = lints.map(|lint| format!("{} = \"warn\"\n", lint.slug)).collect();
    format!("[lints]\n{levels}")
}

/// The pages' examples of what lints find and how it is mended: values of bindings.
fn values() -> Vec<String> {
    let pages = floe_explain::all().iter().filter(|page| page.is_lint());
    let codes = pages.flat_map(|page| [page.example.code, page.fixed.code]);
    let values = codes.map(|code| format!("(\n{}\n)", code.trim_end())).collect::<Vec<_>>();
    let small = ["1", "x: x", "[ ]", "toString 1", "isNull f", "with set; name", "stdenv.lib.id"];
    values.into_iter().chain(small.map(str::to_owned)).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit.max(1)
    }

    fn of<'a>(&mut self, list: &'a [String]) -> &'a str {
        &list[self.below(list.len())]
    }
}

fn open(system: &MemorySystem, text: &str) -> (Database, File) {
    let settings = Settings { nix_path: Some(String::new()), ..Settings::default() };
    let mut database = Database::new(Arc::new(system.clone()), vec![PathBuf::from("/w")], settings);
    let file = edit(&mut database, text);
    (database, file)
}

fn edit(database: &mut Database, text: &str) -> File {
    let path = PathBuf::from("/w/a.nix");
    database.apply(Change::Buffer { path: path.clone(), text: text.into() });
    database.file(&path)
}

fn check(edited: &Database, system: &MemorySystem, text: &str, what: &str) -> usize {
    let (fresh, file) = open(system, text);
    let same = edited.file(file.path(&fresh));
    let found = diagnostics(&fresh, file);
    assert_eq!(diagnostics(edited, same), found, "{what}");
    assert_eq!(line_index(edited, same), line_index(&fresh, file), "{what}");
    assert_eq!(document_symbols(edited, same), document_symbols(&fresh, file), "{what}");
    let tokens = |db, file| semantic_tokens(db, file, None, TokenDetail::All);
    assert_eq!(tokens(edited, same), tokens(&fresh, file), "{what}");
    found.iter().filter(|found| found.severity != crate::Severity::Error).count()
}

#[test]
fn an_edited_file_has_the_facts_of_its_text() {
    let system = MemorySystem::default();
    system.write("/w/floe.toml", configuration());
    let values = values();
    let mut random = Random(1);
    let mut total = 0;
    for head in
        ["{ stdenv, f, set, ... }: ", "{ stdenv, f, set }:\nlet\n  inherit (set) a b;\n", ""]
    {
        let mut lines: Vec<String> =
            (0..60).map(|number| format!("  v{number} = {};\n", random.of(&values))).collect();
        let open_brace = if head.contains("let") { "  c = rec {\n" } else { "rec {\n" };
        let end = if head.contains("let") { "  };\nin c" } else { "}" };
        let text_of = |lines: &[String]| format!("{head}{open_brace}{}{end}", lines.concat());
        let (mut edited, _) = open(&system, &text_of(&lines));
        check(&edited, &system, &text_of(&lines), "opened");
        for step in 0..120 {
            let at = random.below(lines.len());
            let before = lines[at].clone();
            let number = before.split([' ', '=']).find(|word| word.starts_with('v')).unwrap_or("w");
            let what = random.below(8);
            lines[at] = match what {
                0 | 1 => format!("  {number} = {};\n", random.of(&values)),
                2 => format!("{before}  # floe-ignore: unused-rec\n"),
                3 => format!("  {number} = ;\n"),
                4 => before.replace('\n', "\n\n "),
                5 => before.replacen(" = ", "  =   ", 1),
                6 => format!("{before}  n{step} = {};\n", random.of(&values)),
                _ => String::new(),
            };
            let text = text_of(&lines);
            edit(&mut edited, &text);
            // Not every text is looked at before the next comes.
            if random.below(3) > 0 {
                total += check(&edited, &system, &text, &format!("step {step}: {what}\n{text}"));
            }
            if what == 3 || random.below(3) == 0 {
                lines[at] = before;
                edit(&mut edited, &text_of(&lines));
            }
        }
    }
    assert!(total > 1000, "the lints found {total} places only");
}
