//! Deep nesting and long chains: no stack overflow, no quadratic time.

use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::{MAX_NESTING, ParseOptions, SyntaxErrorKind, parse};

/// Far more than linear time needs, far less than quadratic time would.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long this thread has been on a processor, whatever else the machine does; where the system does not
/// say, how long it has been there.
fn spent() -> Duration {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    let counted = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|line| line.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| STARTED.elapsed(), Duration::from_nanos)
}

fn errors(text: &str) -> usize {
    let started = spent();
    let parse = parse(text, &ParseOptions { pipe_operators: true });
    assert_eq!(parse.tree.elements()[0].end as usize, text.len());
    let took = spent().saturating_sub(started);
    assert!(took < PATIENCE, "took {took:?}");
    parse.errors.len()
}

#[test]
fn nesting() {
    const DEPTH: usize = 100_000;
    for (open, inner, close) in [
        ("[", "", "]"),
        ("(", "1", ")"),
        ("{a=", "1", ";}"),
        ("\"${", "1", "}\""),
        ("let a = ", "1", "; in a"),
        ("if a then b else ", "c", ""),
        ("x: ", "x", ""),
        ("{ x }: ", "x", ""),
        ("with a; ", "x", ""),
        ("!", "x", ""),
        ("-", "x", ""),
        ("a.b or ", "x", ""),
    ] {
        let text = open.repeat(DEPTH) + inner + &close.repeat(DEPTH);
        assert_eq!(errors(&text), 0, "{open}");
        assert!(errors(&open.repeat(DEPTH)) > 0, "{open}");
    }
    for wrong in [
        "{", "${", "a${", "[${", "[a.", "{a b", "(]", "a@{", "<", "x: {", "{a,", "/*", "a.a.", "a+",
    ] {
        assert!(errors(&wrong.repeat(DEPTH)) > 0, "{wrong}");
    }
}

#[test]
fn chains() {
    const LENGTH: usize = 100_000;
    for link in [
        "a + ", "a ++ ", "a // ", "a -> ", "a ", "a |> ", "a <| ", "a.b ", "a.", "a.\n", "\"a\" ",
        "./a ",
    ] {
        let chain = link.repeat(LENGTH) + "a";
        assert_eq!(errors(&chain), 0, "{link}");
        assert_eq!(errors(&format!("{{ x = {chain}; }}")), 0, "{link}");
    }
}

#[test]
fn too_deep() {
    let text = "[".repeat(MAX_NESTING as usize + 10);
    let parse = parse(&text, &ParseOptions::default());
    assert_eq!(parse.errors[0].kind, SyntaxErrorKind::NestedTooDeeply);
    assert_eq!(parse.errors[0].start, MAX_NESTING - 1);
}
