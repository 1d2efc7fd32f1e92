//! Trees and messages for small inputs, one area of the grammar a file.

mod errors;
mod grammar;
mod limits;
mod recovery;

use expect_test::Expect;

use super::{ParseOptions, parse};

/// The tree in brackets: a node is its kind and its children, a token is its text.
fn tree(text: &str) -> String {
    let parse = parse(text, &ParseOptions { pipe_operators: true });
    let tree = &parse.tree;
    let mut result = String::new();
    let mut ends: Vec<u32> = Vec::new();
    for (index, element) in tree.elements().iter().enumerate().skip(1) {
        while ends.last().is_some_and(|end| *end as usize <= index) {
            result.push(')');
            ends.pop();
        }
        if element.kind.is_trivia() {
            continue;
        }
        if !result.is_empty() && !result.ends_with('(') {
            result.push(' ');
        }
        if element.kind.is_token() {
            result.push_str(&text[element.start as usize..element.end as usize]);
        } else {
            result.push_str(&format!("{:?}(", element.kind));
            ends.push(element.next);
        }
    }
    result.push_str(&")".repeat(ends.len()));
    let result = result.replace("( ", "(");
    for error in &parse.errors {
        assert!(error.start <= error.end && error.end as usize <= text.len());
    }
    let errors: String = parse
        .errors
        .iter()
        .map(|error| format!("\n  {}..{}: {error}", error.start, error.end))
        .collect();
    result + &errors
}

fn check(texts: &[&str], expected: &Expect) {
    let result: String = texts.iter().map(|text| format!("{text}\n  {}\n", tree(text))).collect();
    expected.assert_eq(&result);
}
