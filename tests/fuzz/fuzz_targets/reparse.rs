//! Parsing again after an edit gives what parsing everything gives.
#![no_main]

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

fuzz_target!(|input: Input<'_>| {
    let old_text = input.text;
    let boundary = |mut at: usize| {
        at = at.min(old_text.len());
        while !old_text.is_char_boundary(at) {
            at -= 1;
        }
        at as u32
    };
    let start = boundary(input.start.into());
    let end = boundary(usize::from(input.start) + usize::from(input.length)).max(start);
    let edit = TextEdit::replace(start..end, input.insert);

    let options = ParseOptions::default();
    let old = parse(old_text, &options);
    let old_green = old.tree.to_green(old_text);
    let mut text = old_text.to_owned();
    apply_edits(&mut text, std::slice::from_ref(&edit)).expect("the range is one of the text");
    let again = reparse(&old, Some(&old_green), &edit, &text, &options);
    let whole = parse(&text, &options);
    assert_eq!(again.green, Some(whole.tree.to_green(&text)));
    assert_eq!(again.parse, whole);
});
