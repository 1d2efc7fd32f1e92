use std::path::{Path, PathBuf};

use floe_syntax::{Parse, ParseOptions, TextEdit, apply_edits, parse, reparse};

use super::*;
use crate::lower;

const OPTIONS: LowerOptions<'_> = LowerOptions { scoped_names: None, pure: false, features: &[] };

/// A file while it is being edited.
struct Edited {
    text: String,
    parse: Parse,
    lowered: Lowered,
    landmarks: Landmarks,
}

#[derive(Debug, PartialEq)]
enum Effort {
    Parts,
    Everything,
}

impl Edited {
    fn new(text: &str) -> Edited {
        let parse = parse(text, &ParseOptions::default());
        let (lowered, landmarks) = lower_for_edits(&parse.tree, text, &OPTIONS);
        Edited { text: text.to_owned(), parse, lowered, landmarks }
    }

    /// Makes the edit, and compares with what a fresh look at the new text gives.
    fn edit(&mut self, edit: &TextEdit) -> Effort {
        let before = self.text.clone();
        apply_edits(&mut self.text, std::slice::from_ref(edit)).expect("a fitting edit");
        let again = reparse(&self.parse, None, edit, &self.text, &ParseOptions::default());
        let tree = &again.parse.tree;
        let lowered = again.exchange.as_ref().and_then(|exchange| {
            let old = BeforeEdit {
                module: &self.lowered.module,
                source_map: &self.lowered.source_map,
                problems: &self.lowered.problems,
                landmarks: &self.landmarks,
            };
            lower_again(old, exchange, tree, &self.text, &OPTIONS)
        });
        let effort = if lowered.is_some() { Effort::Parts } else { Effort::Everything };
        let (lowered, landmarks) =
            lowered.unwrap_or_else(|| lower_for_edits(tree, &self.text, &OPTIONS));
        let fresh = lower(tree, &self.text, &OPTIONS);
        assert!(lowered == fresh, "{before}\n{edit:?}\n{lowered:#?}\n{fresh:#?}");
        *self =
            Edited { text: std::mem::take(&mut self.text), parse: again.parse, lowered, landmarks };
        effort
    }
}

/// Applies the edit between the markers `‹old|new›`.
fn check(marked: &str) -> Effort {
    let (before, rest) = marked.split_once('‹').expect("a start marker");
    let (removed, rest) = rest.split_once('|').expect("a separator");
    let (inserted, after) = rest.split_once('›').expect("an end marker");
    let start = before.len() as u32;
    let mut edited = Edited::new(&format!("{before}{removed}{after}"));
    edited.edit(&TextEdit::replace(start..start + removed.len() as u32, inserted))
}

#[test]
fn a_value_is_lowered_alone() {
    for text in [
        "x: with x; { a = [ y ]; b = y ‹z|w›; c = { d = \"e\"; }; }",
        "rec { a = [ b ]; b = ‹1|a c›; c = \"x\" + b; }",
        "let a = b; b = ‹|x: x ›a; in { c = a b; d = ./x; }",
        "{ a = { b = 1; c = { d = [ ]; e = f: { g = ‹1|f d›; }; h = [ ]; }; }; i = [ ]; }",
        "{ a, b ? 1, ... }@c: { d = a; e = ‹b|c.f + b›; g = <x> - 1; }",
    ] {
        assert_eq!(check(text), Effort::Parts, "{text}");
    }
}

#[test]
fn definitions_come_and_go() {
    for text in [
        "{ a = 1; ‹|b = x: x; ›c = [ ]; d = { e = [ ]; }; }",
        "{ z = 1; b = [ ]; ‹y = { q = \"\"; };|› d = { e = [ ]; }; }",
        "{ a = 1; ‹b|zz› = \"x\"; c = { }; }",
        "{ a = 1; b‹|.› = \"x\"; c = { }; }",
        "x: { a = 1; ‹b = 2;|c = x; b = [ ];› e = { }; ${x} = [ ]; inherit (x) y; }",
        "rec { a = b; ‹b = 2|b = a›; c = [ a b ]; }",
    ] {
        assert_eq!(check(text), Effort::Parts, "{text}");
    }
}

#[test]
fn other_names_and_merged_definitions_need_everything() {
    for text in [
        "rec { a = b; ‹|d = 1; ›b = 2; c = [ a b ]; }",
        "let a = b; ‹b|d› = 2; in [ a b ]",
        "{ a.b = 1; ‹|a.c = 2; ›d = 3; }",
        "{ a = 1; ‹|a = 2; ›d = 3; }",
        "{ a = rec { b = c; }; a.d = ‹1|b›; }",
        "x: { a = 1; ‹|inherit x; ›d = 3; }",
        "‹x|y›: { a = x; }",
    ] {
        assert_eq!(check(text), Effort::Everything, "{text}");
    }
}

/// Numbers without a pattern, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

const FRAGMENTS: &[&str] = &[
    "a",
    "b",
    "x",
    " ",
    ".",
    ";",
    "=",
    "{",
    "}",
    "a = 1;",
    "b = { c = a; };",
    "inherit a;",
    "inherit (x) b c;",
    "a.b = [ ];",
    "${x} = 2;",
    "\"${x}\"",
    "\"",
    "''",
    "(",
    ")",
    "[ ]",
    "x: ",
    "{ a, b ? a }: ",
    "let a = 1; in ",
    "with x; ",
    "rec { a = b; b = 1; }",
    "# c\n",
    "/* */",
    " + 1",
    "<x>",
    "./p",
    "- ",
    "or",
    "\n",
    "ä",
];

fn random_edit(text: &str, random: &mut Random) -> TextEdit {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(random.below(text.len() + 1));
    let removed = [0, 0, 0, 1, 1, 7, 30][random.below(7)];
    let end = boundary(start + removed).max(start);
    let insert = match random.below(4) {
        0 => String::new(),
        1 => {
            // What stands elsewhere.
            let from = boundary(random.below(text.len() + 1));
            let to = boundary(from + random.below(60)).max(from);
            text[from..to].to_owned()
        }
        _ => FRAGMENTS[random.below(FRAGMENTS.len())].to_owned(),
    };
    TextEdit::replace(start as u32..end as u32, insert)
}

/// Edits a text again and again, each time from what the edits before have left. Says how many of the
/// edits were lowered in parts.
fn edit_at_random(text: &str, random: &mut Random, edits: usize) -> usize {
    let mut edited = Edited::new(text);
    let efforts = (0..edits).map(|_| {
        let edit = random_edit(&edited.text, random);
        edited.edit(&edit)
    });
    efforts.filter(|effort| *effort == Effort::Parts).count()
}

#[test]
fn equals_lowering_everything() {
    const TEXTS: &[&str] = &[
        "{ a, b ? a, ... }@x: let c = a; d = { e = c; f.g = 1; f.h = rec { i = j; j = 2; }; }; in
         with x; rec { k = [ a b c ]; l = d.e or k; m = { n = \"p${k}q\"; o = ''\n  r ${l}\n''; };
         inherit c; inherit (d) e; s = y: z: { t = y + z; u = -y; v = y < z; }; ${a} = w; }",
        "x: { a = { b = { c = { d = x; e = [ x ]; }; f = x; }; g = 1; }; h = { i = x; }; j = [ ];
         k = x ./l \"m\"; n = x { o = 1; p = { q = x; }; }; r = (x: x) 2; s = <t>; u.v = 3; w = 4; }",
        "let a = b; b = c; c = { d = a; }; in { inherit a b; e = c.d; f = let g = a; in { h = g; i = f; }; }",
    ];
    let mut random = Random(1);
    let mut parts = 0;
    for round in 0..if cfg!(debug_assertions) { 400 } else { 4_000 } {
        parts += edit_at_random(TEXTS[round % TEXTS.len()], &mut random, 25);
    }
    assert!(parts > 1_000, "{parts}");
}

#[test]
fn equals_lowering_everything_in_real_files() {
    let Some(nixpkgs) = std::env::var_os("FLOE_NIXPKGS").map(PathBuf::from) else {
        eprintln!("left out: FLOE_NIXPKGS names no nixpkgs checkout");
        return;
    };
    let mut files = Vec::new();
    collect(&nixpkgs.join("lib"), &mut files);
    collect(&nixpkgs.join("nixos/modules/services/networking"), &mut files);
    files.push(nixpkgs.join("pkgs/development/haskell-modules/configuration-common.nix"));
    files.sort();
    let mut random = Random(2);
    let (mut parts, mut edits) = (0, 0);
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        parts += edit_at_random(&text, &mut random, 10);
        edits += 10;
    }
    eprintln!("{parts} of {edits} edits were lowered in parts");
    assert!(parts * 4 > edits, "{parts} of {edits}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "nix") {
            files.push(path);
        }
    }
}
