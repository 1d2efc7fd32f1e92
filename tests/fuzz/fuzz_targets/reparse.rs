//! Parsing and lowering again after an edit gives what parsing and lowering everything gives.
#![no_main]

use std::sync::LazyLock;

use floe_hir::{BeforeEdit, LowerOptions, lower, lower_again, lower_for_edits};
use floe_syntax::{ParseOptions, TextEdit, apply_edits, parse, reparse};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    start: u16,
    length: u8,
    insert: &'a str,
    text: &'a str,
}

/// Definitions that make the set around a text so large that lowering it again in parts is worth it.
static OTHERS: LazyLock<String> =
    LazyLock::new(|| (0..80).map(|number| format!("other{number} = {number};\n")).collect());

fuzz_target!(|input: Input<'_>| {
    check(&input, "", "");
    check(&input, &format!("x: {{ {}", *OTHERS), "\n}");
    check(&input, &format!("with x; let {}", *OTHERS), "\nin a");
});

fn check(input: &Input<'_>, before: &str, after: &str) {
    let old_text = format!("{before}{}{after}", input.text);
    let boundary = |at: usize| old_text.floor_char_boundary(at.min(old_text.len())) as u32;
    let start = boundary(before.len() + usize::from(input.start));
    let end = boundary(start as usize + usize::from(input.length)).max(start);
    let edit = TextEdit::replace(start..end, input.insert);

    let options = ParseOptions::default();
    let old = parse(&old_text, &options);
    let old_green = old.tree.to_green(&old_text);
    let mut text = old_text.clone();
    apply_edits(&mut text, std::slice::from_ref(&edit)).expect("the range is one of the text");
    let again = reparse(&old, Some(&old_green), &edit, &text, &options);
    let whole = parse(&text, &options);
    assert_eq!(again.green, Some(whole.tree.to_green(&text)));
    assert_eq!(again.parse, whole);

    let Some(exchange) = again.exchange else { return };
    let options = LowerOptions::default();
    let (lowered, landmarks) = lower_for_edits(&old.tree, &old_text, &options);
    let old = BeforeEdit {
        module: &lowered.module,
        source_map: &lowered.source_map,
        problems: &lowered.problems,
        landmarks: &landmarks,
    };
    if let Some((again, _)) = lower_again(old, &exchange, &whole.tree, &text, &options) {
        assert_eq!(again, lower(&whole.tree, &text, &options));
    }
}
