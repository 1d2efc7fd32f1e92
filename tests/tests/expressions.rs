//! Random well-typed expressions: Floe and the C++ implementation that is installed give each the same
//! value, or fail with the same final message.
//!
//! `FLOE_TESTS_EXPRESSIONS` says how many; a few hundred are a matter of seconds. Expressions whose meaning
//! has changed since 2.8 (integers that overflow, floats in JSON, the context of what `replaceStrings` puts
//! in) are not made, so that an older Nix is as good a judge of values; messages are compared with 2.34.

use std::{env, path::PathBuf};

use floe_tests::{Answer, Home, floe, tool};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// What every expression may use: one variable of each type. Functions bind them anew.
const PRELUDE: &str = r#"
let
  n = 7;
  f = 2.5;
  b = true;
  t = "text";
  c = builtins.toFile "name" "contents";
  xs = [ 3 1 2 ];
  ts = [ "b" "a" ];
  r = { k = 5; "a b" = "quoted"; };
in
"#;

type Code = BoxedStrategy<String>;

/// Expressions of each type, up to some depth.
#[derive(Clone)]
struct Level {
    int: Code,
    float: Code,
    bool: Code,
    string: Code,
    ints: Code,
    strings: Code,
    /// `k`, if it is there, is an integer.
    attrs: Code,
}

/// A strategy that fills `{}` of one of the templates, each with expressions of its types.
fn one_of(templates: &[(&str, &[&Code])]) -> Code {
    let filled = templates.iter().map(|(template, parts)| {
        let template = (*template).to_owned();
        let parts: Vec<Code> = parts.iter().map(|part| (*part).clone()).collect();
        parts.prop_map(move |parts| {
            let mut pieces = template.split("{}");
            let first = pieces.next().unwrap_or_default().to_owned();
            pieces.zip(parts).fold(first, |text, (piece, part)| text + &part + piece)
        })
    });
    proptest::strategy::Union::new(filled).boxed()
}

fn leaves() -> Level {
    let of = |texts: &'static [&'static str]| {
        proptest::sample::select(texts).prop_map(str::to_owned).boxed()
    };
    Level {
        int: of(&["n", "0", "1", "2", "42", "(-3)", "100"]),
        float: of(&["f", "0.0", "1.0", "0.25", "(-3.5)", "123456.789"]),
        bool: of(&["b", "true", "false"]),
        string: of(&[
            "t",
            "c",
            r#""""#,
            r#""a-b.c 1.2pre""#,
            r#""\n\"$''\\""#,
            "''\n  indented\n    more ${t} ''",
            r#""<&>""#,
        ]),
        ints: of(&["xs", "[ ]", "[ 1 ]", "[ 5 n 5 ]"]),
        strings: of(&["ts", "[ ]", "[ t c ]"]),
        attrs: of(&["r", "{ }", "{ k = n; }", "{ a = t; k = 1; }", "rec { k = z; z = 2; }"]),
    }
}

fn deeper(of: &Level) -> Level {
    let Level { int, float, bool, string, ints, strings, attrs } = of;
    Level {
        int: one_of(&[
            ("{}", &[int]),
            ("({} + {})", &[int, int]),
            ("({} - {})", &[int, int]),
            ("(builtins.bitAnd 4095 ({} * {}))", &[int, int]),
            ("({} / 3)", &[int]),
            ("(- {})", &[int]),
            ("(builtins.bitOr {} {})", &[int, int]),
            ("(builtins.bitXor {} {})", &[int, int]),
            ("(if {} then {} else {})", &[bool, int, int]),
            ("(let q = {}; in (n: {}) q)", &[int, int]),
            ("((t: {}) {})", &[int, string]),
            ("(({ n, ... }@r: {}) ({} // { n = {}; }))", &[int, attrs, int]),
            ("(({ i ? {}, is ? {} }: i + builtins.length is) { })", &[int, ints]),
            ("(let inherit ({ q = {}; }) q; in q)", &[int]),
            ("(with { v = {}; }; with { w = 1; }; v + w)", &[int]),
            ("(rec { q = {}; z = q + 1; }).z", &[int]),
            ("(assert {} || true; {})", &[bool, int]),
            ("(builtins.length {})", &[ints]),
            ("(builtins.stringLength {})", &[string]),
            ("(builtins.foldl' (x: y: x + y) {} {})", &[int, ints]),
            ("(builtins.head ({} ++ [ {} ]))", &[ints, int]),
            ("(builtins.elemAt [ {} {} ] 1)", &[int, int]),
            ("({}.k or {})", &[attrs, int]),
            (
                "(builtins.compareVersions (toString {}) (builtins.unsafeDiscardStringContext {}))",
                &[float, string],
            ),
            ("(builtins.ceil {})", &[float]),
            ("(builtins.floor {})", &[float]),
            ("(builtins.seq {} {})", &[strings, int]),
            ("(builtins.deepSeq {} {})", &[attrs, int]),
            ("(builtins.fromJSON (toString {}))", &[int]),
            ("({ __functor = self: x: x + self.y; y = {}; } {})", &[int, int]),
        ]),
        float: one_of(&[
            ("{}", &[float]),
            ("({} + {})", &[float, int]),
            ("({} + {})", &[int, float]),
            ("({} - {})", &[float, float]),
            ("({} * 0.5)", &[float]),
            ("({} / 4)", &[float]),
            ("(if {} then {} else {})", &[bool, float, float]),
        ]),
        bool: one_of(&[
            ("(!{})", &[bool]),
            ("({} && {})", &[bool, bool]),
            ("({} || {})", &[bool, bool]),
            ("({} -> {})", &[bool, bool]),
            ("({} < {})", &[int, int]),
            ("({} <= {})", &[int, float]),
            ("({} > {})", &[float, float]),
            ("({} >= {})", &[string, string]),
            ("({} == {})", &[int, float]),
            ("({} == {})", &[string, string]),
            ("({} != {})", &[ints, ints]),
            ("({} == {})", &[attrs, attrs]),
            ("({} < {})", &[ints, ints]),
            ("(builtins.elem {} {})", &[int, ints]),
            ("(builtins.any (n: {}) {})", &[bool, ints]),
            ("(builtins.all (t: {}) {})", &[bool, strings]),
            ("({} ? k)", &[attrs]),
            ("(builtins.hasAttr \"a\" {})", &[attrs]),
            ("(builtins.hasContext {})", &[string]),
            ("(builtins.isString {})", &[string]),
            ("(builtins.isInt ({}.k or null))", &[attrs]),
            ("(builtins.tryEval (if {} then throw {} else {})).success", &[bool, string, int]),
            ("(builtins.tryEval (assert {}; {})).success", &[bool, int]),
        ]),
        string: one_of(&[
            ("({} + {})", &[string, string]),
            ("\"<${{}}>${{}}\"", &[string, string]),
            ("(toString {})", &[int]),
            ("(toString {})", &[float]),
            ("(toString {})", &[bool]),
            ("(toString {})", &[ints]),
            ("(toString {})", &[strings]),
            ("(builtins.substring 1 3 {})", &[string]),
            ("(builtins.substring {} (-1) {})", &[&just("2"), string]),
            ("(builtins.replaceStrings [ \"a\" \"1\" ] [ \"bb\" \"\" ] {})", &[string]),
            ("(builtins.replaceStrings [ \"\" ] [ \"-\" ] {})", &[string]),
            ("(builtins.concatStringsSep {} {})", &[string, strings]),
            ("(builtins.concatStringsSep \",\" (builtins.attrNames {}))", &[attrs]),
            ("(builtins.toJSON {})", &[ints]),
            ("(builtins.toJSON {})", &[attrs]),
            ("(builtins.toJSON {})", &[string]),
            ("(builtins.toXML {})", &[strings]),
            ("(builtins.toXML {})", &[attrs]),
            ("(builtins.hashString \"sha256\" {})", &[string]),
            ("(builtins.typeOf {})", &[attrs]),
            ("(builtins.unsafeDiscardStringContext {})", &[string]),
            ("(if {} then {} else {})", &[bool, string, string]),
            ("((n: {}) {})", &[string, int]),
            ("(builtins.head (builtins.split \"[a-c]+\" {}))", &[string]),
            ("(toString (builtins.match \"(.)(.*)\" {}))", &[string]),
            ("(toString { __toString = self: {}; })", &[string]),
            ("\"${{ outPath = {}; }}\"", &[string]),
        ]),
        ints: one_of(&[
            ("[ {} {} {} ]", &[int, int, int]),
            ("({} ++ {})", &[ints, ints]),
            ("(map (n: {}) {})", &[int, ints]),
            ("(builtins.filter (n: {}) {})", &[bool, ints]),
            ("(builtins.genList (n: {}) 3)", &[int]),
            ("(builtins.sort builtins.lessThan {})", &[ints]),
            ("(builtins.sort (x: y: x > y) {})", &[ints]),
            ("(builtins.concatMap (n: [ n {} ]) {})", &[int, ints]),
            ("(builtins.concatLists [ {} [ ] {} ])", &[ints, ints]),
            ("(builtins.tail ([ 0 ] ++ {}))", &[ints]),
            ("(builtins.attrValues { b = {}; a = {}; })", &[int, int]),
            ("(builtins.catAttrs \"k\" [ {} {} ])", &[attrs, attrs]),
            ("(builtins.partition (n: {}) {}).wrong", &[bool, ints]),
            ("(map builtins.stringLength {})", &[strings]),
            (
                "(map (x: x.key) (builtins.genericClosure { startSet = map (key: { inherit key; }) {}; \
                 operator = { key }: if key < 10 && key > 0 then [ { key = key + 3; } ] else [ ]; }))",
                &[ints],
            ),
        ]),
        strings: one_of(&[
            ("[ {} {} ]", &[string, string]),
            ("({} ++ {})", &[strings, strings]),
            ("(builtins.attrNames {})", &[attrs]),
            ("(builtins.splitVersion (builtins.unsafeDiscardStringContext {}))", &[string]),
            ("(map (t: {}) {})", &[string, strings]),
            ("(map toString {})", &[ints]),
            ("(builtins.filter builtins.isString (builtins.split \"([0-9])|-\" {}))", &[string]),
        ]),
        attrs: one_of(&[
            ("{ k = {}; z = {}; }", &[int, string]),
            ("{ ${\"k\"} = {}; a.b.c = {}; a.b.d = {}; }", &[int, float, bool]),
            ("({} // {})", &[attrs, attrs]),
            ("(builtins.mapAttrs (name: value: {}) {})", &[int, attrs]),
            ("(builtins.removeAttrs {} [ \"k\" \"a b\" ])", &[attrs]),
            ("(builtins.intersectAttrs {} {})", &[attrs, attrs]),
            (
                "(builtins.listToAttrs [ { name = \"k\"; value = {}; } { name = \"k\"; value = 0; } ])",
                &[int],
            ),
            ("(builtins.zipAttrsWith (name: builtins.length) [ {} {} ])", &[attrs, attrs]),
            ("({ inherit n; inherit (r) k; z = {}; })", &[strings]),
            ("rec { k = q; q = {}; }", &[int]),
            ("(builtins.functionArgs ({ a, b ? {} }: a))", &[int]),
            ("(builtins.groupBy (x: \"g${toString (x < {})}\") {})", &[int, ints]),
            ("(if {} then {} else {})", &[bool, attrs, attrs]),
        ]),
    }
}

fn just(text: &'static str) -> Code {
    Just(text.to_owned()).boxed()
}

/// Expressions that have a value.
fn values() -> Code {
    let level = deeper(&deeper(&deeper(&leaves())));
    let Level { int, float, bool, string, ints, strings, attrs } = &level;
    one_of(&[
        ("{}", &[int]),
        ("{}", &[float]),
        ("{}", &[bool]),
        ("{}", &[string]),
        ("{}", &[ints]),
        ("{}", &[strings]),
        ("{}", &[attrs]),
        ("[ {} {} {} ]", &[attrs, string, float]),
    ])
}

/// Expressions with one mistake.
fn mistakes() -> Code {
    let level = deeper(&leaves());
    let Level { int, float, bool, string, ints, strings, attrs } = &level;
    let mistake = one_of(&[
        ("({} + {})", &[int, string]),
        ("({} + {})", &[string, int]),
        ("({} - {})", &[float, attrs]),
        ("({} * {})", &[bool, int]),
        ("({} / ({} - {}))", &[int, &just("1"), &just("1")]),
        ("(9223372036854775807 + builtins.stringLength \"x${{}}\")", &[string]),
        ("({} ++ {})", &[ints, int]),
        ("({} // {})", &[attrs, strings]),
        ("{}.missing", &[attrs]),
        ("({}.k.missing)", &[&just("{ k = 1; }")]),
        ("{ text = {}; tent = 1; }.test", &[string]),
        ("(builtins.getAttr \"missing\" {})", &[attrs]),
        ("(({ a, b ? {} }: a) {})", &[int, attrs]),
        ("(({ key }: key) { kei = {}; })", &[int]),
        ("({} {})", &[int, string]),
        ("(if {} then 1 else 2)", &[int]),
        ("({} && {})", &[&just("true"), ints]),
        ("(!{})", &[string]),
        ("({} < {})", &[string, int]),
        ("({} < {})", &[attrs, attrs]),
        ("(assert {} == [ 1 2 3 4 5 6 7 ]; 1)", &[ints]),
        ("(assert { a = {}; } == { a = null; }; 1)", &[int]),
        ("(assert {} && false; 1)", &[bool]),
        ("(throw {})", &[string]),
        ("(abort {})", &[string]),
        ("(builtins.head ({} ++ [ ]))", &[&just("[ ]")]),
        ("(builtins.elemAt {} 1000000)", &[ints]),
        ("(builtins.elemAt {} (-1))", &[strings]),
        ("(builtins.genList (n: {}) (-1))", &[int]),
        ("(builtins.substring (-1) 1 {})", &[string]),
        ("(map {} [ 1 ])", &[ints]),
        ("(builtins.length {})", &[attrs]),
        ("(builtins.attrNames {})", &[ints]),
        ("(builtins.concatStringsSep \",\" [ {} ])", &[int]),
        ("(builtins.concatStringsSep \",\" {})", &[string]),
        ("\"${{}}\"", &[ints]),
        ("\"${{}}\"", &[float]),
        ("(toString {})", &[&just("(x: x)")]),
        ("(builtins.toJSON [ {} (x: x) ])", &[int]),
        ("(builtins.fromJSON \"[${toString {}}\")", &[int]),
        ("(builtins.listToAttrs [ {} ])", &[attrs]),
        ("(builtins.filter (x: {}) [ 1 ])", &[int]),
        ("(builtins.sort (x: y: {}) [ 1 2 ])", &[string]),
        ("(builtins.foldl' {} 1 [ 1 ])", &[int]),
        ("(builtins.replaceStrings [ \"a\" ] [ ] {})", &[string]),
        ("(builtins.match \"(\" {})", &[string]),
        ("(builtins.hashString \"md4\" {})", &[string]),
        ("{ ${c} = {}; }", &[int]),
        ("(with {}; k)", &[int]),
        ("(let x = x + {}; in x)", &[int]),
        ("(builtins.bitAnd {} {})", &[float, int]),
        ("(builtins.ceil {})", &[string]),
        ("(builtins.genericClosure { startSet = [ {} ]; operator = x: [ ]; })", &[int]),
        ("(builtins.removeAttrs {} [ {} ])", &[attrs, int]),
        ("(/path + {})", &[int]),
    ]);
    one_of(&[
        ("{}", &[&mistake]),
        ("[ {} {} ]", &[ints, &mistake]),
        ("{ a = {}; z = {}; }", &[attrs, &mistake]),
        ("(map (n: {}) [ 1 ])", &[&mistake]),
        ("(let q = {}; in (x: [ x ]) q)", &[&mistake]),
        ("(builtins.deepSeq [ {} ] {})", &[&mistake, int]),
        ("(if {} || true then {} else 1)", &[bool, &mistake]),
        ("(builtins.addErrorContext {} {})", &[string, &mistake]),
    ])
}

/// The two programs, and a home for them.
struct Both {
    nix: PathBuf,
    is_reference: bool,
    home: Home,
}

impl Both {
    fn new() -> Option<Both> {
        let nix = tool("nix-instantiate")?;
        let home = Home::new();
        let version = Answer::of(home.command(&nix).arg("--version")).expect();
        Some(Both { nix, is_reference: version.contains(" 2.34"), home })
    }

    /// What Floe and the other answer to a file with this text.
    fn answers(&self, text: &str) -> (Answer, Answer) {
        let file = self.home.write("expression.nix", text);
        let mut command = self.home.command(floe());
        // Store paths are those of a machine's own store; nothing is written to it.
        command.env("FLOE_STORE", "local").args(["eval", "--strict", "--file"]).arg(&file);
        let ours = Answer::of(&mut command);
        let mut command = self.home.command(&self.nix);
        command.env_remove("FLOE_STORE").args(["--eval", "--strict", "--readonly-mode"]).arg(&file);
        (ours, Answer::of(&mut command))
    }

    /// How the answers to one expression differ.
    fn difference(&self, expression: &str) -> Option<String> {
        let (ours, theirs) = self.answers(&format!("{PRELUDE}{expression}\n"));
        let same = match (ours.success, theirs.success) {
            (true, true) => ours.output == theirs.output,
            (false, false) => !self.is_reference || says_the_same(&ours.error, &theirs.error),
            _ => false,
        };
        let said = |answer: &Answer| format!("{}{}", answer.output, answer.error);
        (!same)
            .then(|| format!("{expression}\n--- Floe\n{}--- Nix\n{}", said(&ours), said(&theirs)))
    }

    /// The indices of expressions that the two answer differently, all evaluated at once if possible.
    fn differing(&self, expressions: &[String], first: usize, found: &mut Vec<usize>) {
        let list: String = expressions.iter().map(|code| format!("({code})\n")).collect();
        let (ours, theirs) = self.answers(&format!("{PRELUDE}[\n{list}]\n"));
        if ours.success && theirs.success && ours.output == theirs.output {
            return;
        }
        if expressions.len() == 1 {
            // That both fail is no agreement: the expression was made to have a value.
            found.push(first);
            return;
        }
        let (left, right) = expressions.split_at(expressions.len() / 2);
        self.differing(left, first, found);
        self.differing(right, first + left.len(), found);
    }
}

/// Whether the last error of C++ Nix is Floe's: Floe shows its own first, indents lines of it otherwise,
/// and says more around it.
fn says_the_same(ours: &str, theirs: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let last = theirs.rsplit("error:").next().unwrap_or_default();
    let is_place = |line: &&str| line.trim_start().starts_with("at ") && line.ends_with(':');
    let is_advice = |line: &&str| line.starts_with("Try '");
    let message: Vec<&str> =
        last.lines().take_while(|line| !is_place(line) && !is_advice(line)).collect();
    words(ours).contains(&words(&message.join("\n")))
}

fn count(default: usize) -> usize {
    env::var("FLOE_TESTS_EXPRESSIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(default)
}

/// The same expressions each time, unless more are asked for than usual.
fn runner() -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    match env::var("FLOE_TESTS_SEED").ok().and_then(|seed| seed.parse::<u8>().ok()) {
        Some(seed) => {
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
        }
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

/// The smallest expression that still differs, as far as a few tries lead.
fn smallest(both: &Both, mut tree: impl ValueTree<Value = String>) -> String {
    const TRIES: usize = 60;
    let mut smallest = tree.current();
    for _ in 0..TRIES {
        let goes_on = match both.difference(&tree.current()) {
            Some(difference) => {
                smallest = difference;
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    smallest
}

#[test]
fn random_expressions_have_the_values_of_nix() {
    const BATCH: usize = 250;
    let Some(both) = Both::new() else { return };
    let strategy = values();
    let mut runner = runner();
    let mut differences = Vec::new();
    let count = count(1000);
    for _ in 0..count.div_ceil(BATCH) {
        let trees: Vec<_> = (0..BATCH)
            .map(|_| strategy.new_tree(&mut runner).expect("nothing is filtered"))
            .collect();
        let expressions: Vec<String> = trees.iter().map(|tree| tree.current()).collect();
        let mut found = Vec::new();
        both.differing(&expressions, 0, &mut found);
        let mut trees: Vec<_> = trees.into_iter().map(Some).collect();
        for index in found.into_iter().take(5) {
            differences.extend(trees[index].take().map(|tree| smallest(&both, tree)));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {count} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn random_mistakes_have_the_messages_of_nix() {
    let Some(both) = Both::new() else { return };
    let strategy = mistakes();
    let mut runner = runner();
    let mut differences = Vec::new();
    let count = count(1000) / 10;
    for _ in 0..count {
        let tree = strategy.new_tree(&mut runner).expect("nothing is filtered");
        if both.difference(&tree.current()).is_some() {
            differences.push(smallest(&both, tree));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {count} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
