//! What each builtin does, in a sentence or three: shown by hover and completion.

/// The documentation of one builtin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinDoc {
    /// Its name in the set `builtins`.
    pub name: &'static str,
    /// What it takes and gives, in the notation that nixpkgs uses for types.
    pub signature: &'static str,
    /// What it does, as Markdown.
    pub doc: &'static str,
}

/// The documentation of the builtin with this name in `builtins`: `head`, not `__head`.
pub fn builtin_doc(name: &str) -> Option<&'static BuiltinDoc> {
    BUILTINS.binary_search_by(|builtin| builtin.name.cmp(name)).ok().map(|index| &BUILTINS[index])
}

/// All documented builtins, by name.
pub fn builtin_docs() -> &'static [BuiltinDoc] {
    BUILTINS
}

const fn doc(name: &'static str, signature: &'static str, doc: &'static str) -> BuiltinDoc {
    BuiltinDoc { name, signature, doc }
}

/// Sorted by name, as bytes.
#[rustfmt::skip]
static BUILTINS: &[BuiltinDoc] = &[
    doc("abort", "String -> a", "Stops evaluation with this message. Unlike `throw`, `tryEval` does not catch it."),
    doc("add", "Number -> Number -> Number", "The sum of two numbers; an integer only if both are. Strings and paths are joined by the operator `+` alone."),
    doc("addDrvOutputDependencies", "String -> String", "Makes a string that refers to a `.drv` file depend on all of that derivation's outputs as well."),
    doc("addErrorContext", "String -> a -> a", "Gives the second argument. If evaluating it fails, the first one is added to the trace."),
    doc("all", "(a -> Bool) -> [a] -> Bool", "Whether the predicate holds for every element. Stops at the first for which it does not."),
    doc("any", "(a -> Bool) -> [a] -> Bool", "Whether the predicate holds for at least one element. Stops at the first for which it does."),
    doc("appendContext", "String -> AttrSet -> String", "Adds to the context of a string. The set has the form that `getContext` gives."),
    doc("attrNames", "AttrSet -> [String]", "The names of a set's attributes, sorted by their bytes."),
    doc("attrValues", "AttrSet -> [a]", "The values of a set's attributes, in the order of `attrNames`. They are not evaluated by this."),
    doc("baseNameOf", "Path | String -> String", "What follows the last slash. One slash at the end does not count."),
    doc("bitAnd", "Int -> Int -> Int", "The bitwise *and* of two integers."),
    doc("bitOr", "Int -> Int -> Int", "The bitwise *or* of two integers."),
    doc("bitXor", "Int -> Int -> Int", "The bitwise *exclusive or* of two integers."),
    doc("break", "a -> a", "Gives its argument. Under a debugger, evaluation halts here."),
    doc("builtins", "AttrSet", "The set of all builtins. `builtins ? name` tells whether this Nix has one."),
    doc("catAttrs", "String -> [AttrSet] -> [a]", "The attribute of that name from every set in the list that has it."),
    doc("ceil", "Number -> Int", "The smallest integer that is not below the number."),
    doc("compareVersions", "String -> String -> Int", "Compares two versions component by component: `-1` if the first is older, `0` if they are equal, `1` if it is newer. `pre` sorts before everything."),
    doc("concatLists", "[[a]] -> [a]", "Joins the lists of a list."),
    doc("concatMap", "(a -> [b]) -> [a] -> [b]", "Calls the function for each element and joins the lists that it gives."),
    doc("concatStringsSep", "String -> [String] -> String", "Joins strings with the separator between them."),
    doc("convertHash", "{ hash, hashAlgo ?, toHashFormat } -> String", "Writes a hash in another notation: `base16`, `nix32`, `base64` or `sri`."),
    doc("currentSystem", "String", "The platform that evaluation runs on, like `x86_64-linux`. Pure evaluation has no such attribute."),
    doc("currentTime", "Int", "Seconds since 1970 at the start of the evaluation. Pure evaluation has no such attribute."),
    doc("deepSeq", "a -> b -> b", "Evaluates the first argument completely, elements and attributes included, then gives the second."),
    doc("derivation", "{ name, system, builder, args ?, outputs ?, ... } -> Derivation", "A build: the builder is run with the remaining attributes as environment variables. nixpkgs' `stdenv.mkDerivation` is a wrapper of this.\n\nThe result has `drvPath`, `outPath` and one attribute for each output; using it in a string makes that string depend on the build."),
    doc("derivationStrict", "AttrSet -> AttrSet", "What `derivation` is made of: gives the path of the `.drv` file and of every output."),
    doc("dirOf", "Path | String -> Path | String", "What precedes the last slash; of the same type as the argument."),
    doc("div", "Number -> Number -> Number", "The quotient; rounded towards zero if both numbers are integers. Division by zero is an error."),
    doc("elem", "a -> [a] -> Bool", "Whether an equal value is in the list."),
    doc("elemAt", "[a] -> Int -> a", "The element at an index, counted from 0."),
    doc("exec", "[String] -> a", "Runs a program and evaluates what it prints. Needs `allow-unsafe-native-code-during-evaluation`."),
    doc("false", "Bool", "The truth value *false*."),
    doc("fetchClosure", "{ fromStore, fromPath, toPath ?, inputAddressed ? } -> Path", "Copies a store path with all it refers to from a binary cache."),
    doc("fetchGit", "String | { url, rev ?, ref ?, submodules ?, ... } -> { outPath, rev, ... }", "Fetches a commit from a Git repository during evaluation. With `rev` the result is fixed; without, it follows the branch."),
    doc("fetchMercurial", "String | { url, rev ?, name ? } -> { outPath, rev, ... }", "Fetches a revision from a Mercurial repository during evaluation."),
    doc("fetchTarball", "String | { url, sha256 ?, name ? } -> Path", "Downloads and unpacks an archive during evaluation. With `sha256` the result is checked, and not fetched again while it is in the store."),
    doc("fetchTree", "AttrSet | String -> AttrSet", "Fetches a source tree as flake inputs are fetched. Needs the feature `fetch-tree` (which flakes imply)."),
    doc("fetchurl", "String | { url, sha256 ?, name ? } -> Path", "Downloads a file during evaluation. Not nixpkgs' function of the same name, which downloads in a build."),
    doc("filter", "(a -> Bool) -> [a] -> [a]", "The elements for which the predicate holds, in their order."),
    doc("filterSource", "(String -> String -> Bool) -> Path -> Path", "Copies a directory to the store without the entries that the predicate rejects. It is called with the path and the type: `regular`, `directory`, `symlink` or `unknown`. `path` does the same and takes a name."),
    doc("findFile", "[{ path, prefix }] -> String -> Path", "Looks up what stands in angle brackets: `<nixpkgs/lib>` is `findFile nixPath \"nixpkgs/lib\"`."),
    doc("flakeRefToString", "AttrSet -> String", "Writes a flake reference as a URL: the inverse of `parseFlakeRef`."),
    doc("floor", "Number -> Int", "The largest integer that is not above the number."),
    doc("foldl'", "(b -> a -> b) -> b -> [a] -> b", "Combines the elements from left to right, starting with the second argument. Each intermediate result is evaluated at once, so long lists need no deep stack."),
    doc("fromJSON", "String -> a", "The value that a JSON text describes."),
    doc("fromTOML", "String -> AttrSet", "The set that a TOML text describes."),
    doc("functionArgs", "(a -> b) -> AttrSet", "The formal arguments of a function `{ a, b ? 1 }: …`, each with whether it has a default: `{ a = false; b = true; }`. Of `x: …`, the empty set."),
    doc("genList", "(Int -> a) -> Int -> [a]", "The list of what the function gives for `0` up to one less than the length."),
    doc("genericClosure", "{ startSet, operator } -> [AttrSet]", "Everything reachable: starting with the sets in `startSet`, adds what `operator` gives for each, until there is nothing with a new `key`. The order is that of discovery."),
    doc("getAttr", "String -> AttrSet -> a", "The attribute of that name: `getAttr n s` is `s.${n}`."),
    doc("getContext", "String -> AttrSet", "What a string depends on: for each store path, whether on itself, on a derivation's outputs, or on all outputs."),
    doc("getEnv", "String -> String", "The value of an environment variable; empty if there is none, and always in pure evaluation."),
    doc("getFlake", "String | Path -> AttrSet", "Fetches a flake and gives its outputs, together with `inputs`, `outPath` and `sourceInfo`."),
    doc("groupBy", "(a -> String) -> [a] -> { ... = [a]; }", "Sorts the elements into lists by the name that the function gives for each."),
    doc("hasAttr", "String -> AttrSet -> Bool", "Whether the set has an attribute of that name: `hasAttr n s` is `s ? ${n}`."),
    doc("hasContext", "String -> Bool", "Whether the string depends on anything in the store."),
    doc("hashFile", "String -> Path -> String", "The hash of a file's bytes in hexadecimal. Algorithms: `md5`, `sha1`, `sha256`, `sha512`, and `blake3` where enabled."),
    doc("hashString", "String -> String -> String", "The hash of a string's bytes in hexadecimal. Algorithms as of `hashFile`."),
    doc("head", "[a] -> a", "The first element. An error if the list is empty."),
    doc("import", "Path -> a", "Evaluates the file and gives its value; for a directory, that of its `default.nix`. A file is evaluated once, however often it is imported."),
    doc("importNative", "Path -> String -> a", "Loads a value from a shared library. Needs `allow-unsafe-native-code-during-evaluation`."),
    doc("intersectAttrs", "AttrSet -> AttrSet -> AttrSet", "The attributes of the second set whose names the first one has, too."),
    doc("isAttrs", "a -> Bool", "Whether the value is a set."),
    doc("isBool", "a -> Bool", "Whether the value is `true` or `false`."),
    doc("isFloat", "a -> Bool", "Whether the value is a floating-point number."),
    doc("isFunction", "a -> Bool", "Whether the value is a function. A set with `__functor` is none, although it can be called."),
    doc("isInt", "a -> Bool", "Whether the value is an integer."),
    doc("isList", "a -> Bool", "Whether the value is a list."),
    doc("isNull", "a -> Bool", "Whether the value is `null`."),
    doc("isPath", "a -> Bool", "Whether the value is a path; a string that looks like one is none."),
    doc("isString", "a -> Bool", "Whether the value is a string."),
    doc("langVersion", "Int", "The version of the language. Test for a builtin with `builtins ? name` instead."),
    doc("length", "[a] -> Int", "How many elements the list has."),
    doc("lessThan", "a -> a -> Bool", "What `<` means: compares numbers, strings, paths, or lists element by element."),
    doc("listToAttrs", "[{ name, value }] -> AttrSet", "A set from a list of names and values. Of two elements with one name the first counts."),
    doc("map", "(a -> b) -> [a] -> [b]", "The list of what the function gives for each element. The calls happen when an element is needed."),
    doc("mapAttrs", "(String -> a -> b) -> AttrSet -> AttrSet", "Calls the function with the name and value of each attribute; the set of what it gives, under the same names."),
    doc("match", "String -> String -> [String | null] | null", "Matches the *whole* string against a POSIX extended regular expression: a list with the text of each group, or `null` if it does not match."),
    doc("mul", "Number -> Number -> Number", "The product of two numbers; an integer only if both are."),
    doc("nixPath", "[{ path, prefix }]", "Where `<…>` is looked up: what the environment variable `NIX_PATH` and `-I` say."),
    doc("nixVersion", "String", "The version of Nix."),
    doc("null", "Null", "The value *null*."),
    doc("outputOf", "String -> String -> String", "A placeholder for the output of a derivation that another derivation produces. Needs the feature `dynamic-derivations`."),
    doc("parseDrvName", "String -> { name, version }", "Splits a package's name before the first dash that no letter follows: `hello-2.12` is `hello` in version `2.12`."),
    doc("parseFlakeRef", "String -> AttrSet", "Splits a flake reference written as a URL into its attributes."),
    doc("partition", "(a -> Bool) -> [a] -> { right = [a]; wrong = [a]; }", "Divides a list into the elements for which the predicate holds and the others."),
    doc("path", "{ path, name ?, filter ?, recursive ?, sha256 ? } -> Path", "Copies a file or directory to the store, under a name and without what the filter rejects."),
    doc("pathExists", "Path -> Bool", "Whether there is anything at the path."),
    doc("placeholder", "String -> String", "Stands for the store path of this output in the arguments of the derivation that has it: `placeholder \"out\"`."),
    doc("readDir", "Path -> AttrSet", "The entries of a directory with their types: `regular`, `directory`, `symlink` or `unknown`."),
    doc("readFile", "Path -> String", "The contents of a file."),
    doc("readFileType", "Path -> String", "What is at the path: `regular`, `directory`, `symlink` or `unknown`."),
    doc("removeAttrs", "AttrSet -> [String] -> AttrSet", "The set without the attributes of these names. Names that it does not have do no harm."),
    doc("replaceStrings", "[String] -> [String] -> String -> String", "Replaces each occurrence of a string in the first list by its counterpart in the second. At any place the first that fits wins; what was put in is not searched again."),
    doc("scopedImport", "AttrSet -> Path -> a", "Like `import`, but the names in the set are visible in the file, before the builtins. The file is evaluated at every call."),
    doc("seq", "a -> b -> b", "Evaluates the first argument, not its elements or attributes, then gives the second."),
    doc("sort", "(a -> a -> Bool) -> [a] -> [a]", "Sorts by a function that tells whether its first argument comes before the second. Equal elements keep their order."),
    doc("split", "String -> String -> [String | [String | null]]", "Splits a string where a POSIX extended regular expression matches: the texts between, and after each of them the list of the match's groups."),
    doc("splitVersion", "String -> [String]", "The components of a version, as `compareVersions` sees them."),
    doc("storeDir", "String", "The store's directory, normally `/nix/store`."),
    doc("storePath", "String | Path -> String", "Makes a string depend on a path that is in the store already."),
    doc("stringLength", "String -> Int", "The length of a string in bytes."),
    doc("sub", "Number -> Number -> Number", "The difference of two numbers; an integer only if both are."),
    doc("substring", "Int -> Int -> String -> String", "The part of a string from a byte on, of that many bytes. A negative length, or one that is too large, means up to the end."),
    doc("tail", "[a] -> [a]", "The list without its first element. An error if the list is empty."),
    doc("throw", "String -> a", "Fails with this message. `tryEval` catches it."),
    doc("toFile", "String -> String -> Path", "Writes a file with this name and contents to the store. The contents may refer to store paths, but not to outputs of derivations."),
    doc("toJSON", "a -> String", "The value as JSON. A derivation becomes its output path, a path is copied to the store; functions are an error."),
    doc("toPath", "String -> String", "The string as an absolute path, checked and cleaned up, still a string. To get a path, write `/. + string`."),
    doc("toString", "a -> String", "The value as a string: numbers, paths, lists (with spaces between), sets with `__toString` or `outPath`. `true` is `\"1\"`; `false` and `null` are empty."),
    doc("toXML", "a -> String", "The value as an XML document."),
    doc("trace", "a -> b -> b", "Prints the first argument to standard error, then gives the second."),
    doc("traceVerbose", "a -> b -> b", "Like `trace` if `--trace-verbose` is given; otherwise only gives the second argument."),
    doc("true", "Bool", "The truth value *true*."),
    doc("tryEval", "a -> { success, value }", "Evaluates its argument, not the elements or attributes, and catches `throw` and `assert`: on those `success` and `value` are `false`. Other errors are not caught."),
    doc("typeOf", "a -> String", "The type of a value: `int`, `bool`, `string`, `path`, `null`, `set`, `list`, `lambda` or `float`."),
    doc("unsafeDiscardOutputDependency", "String -> String", "Makes a string that refers to a `.drv` file depend on that file alone, not on what it builds."),
    doc("unsafeDiscardStringContext", "String -> String", "The string without its dependencies."),
    doc("unsafeGetAttrPos", "String -> AttrSet -> { file, line, column } | null", "Where an attribute was defined, if that is known."),
    doc("warn", "String -> a -> a", "Prints a warning, then gives the second argument. With `NIX_ABORT_ON_WARN` set, fails instead."),
    doc("zipAttrsWith", "(String -> [a] -> b) -> [AttrSet] -> AttrSet", "Merges sets: for every name that occurs, the function is called with it and the list of its values."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_global_has_a_doc() {
        assert!(BUILTINS.is_sorted_by(|a, b| a.name < b.name));
        let missing: Vec<_> = floe_hir::globals()
            .iter()
            .map(floe_hir::Global::builtin_name)
            .filter(|name| builtin_doc(name).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
