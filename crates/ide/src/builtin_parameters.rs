//! What the parameters of builtins are called and mean: for signature help and hints beside arguments.

/// One parameter of a builtin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BuiltinParameter {
    /// A short name.
    pub(crate) name: &'static str,
    /// What is expected there.
    pub(crate) meaning: &'static str,
}

/// The parameters of a builtin by its name in `builtins`; none where a name says nothing, as for `isInt`.
pub(crate) fn builtin_parameters(name: &str) -> &'static [BuiltinParameter] {
    let found = PARAMETERS.binary_search_by(|(builtin, _)| builtin.cmp(&name));
    found.map_or(&[], |index| PARAMETERS[index].1)
}

macro_rules! table {
    ($($builtin:literal: $($name:literal = $meaning:literal),+;)*) => {
        &[$(($builtin, &[$(BuiltinParameter { name: $name, meaning: $meaning }),+])),*]
    };
}

/// Sorted by name, as bytes.
#[rustfmt::skip]
static PARAMETERS: &[(&str, &[BuiltinParameter])] = table! {
    "addErrorContext": "context" = "A line for the trace, if evaluating the value fails.", "value" = "What is evaluated and given.";
    "all": "predicate" = "Called with each element until it gives `false`.", "list" = "The elements.";
    "any": "predicate" = "Called with each element until it gives `true`.", "list" = "The elements.";
    "appendContext": "string" = "The string that gets more dependencies.", "context" = "A set as `getContext` gives it.";
    "catAttrs": "name" = "The attribute that is taken from each set.", "sets" = "Sets; those without the attribute are left out.";
    "compareVersions": "left" = "A version.", "right" = "The version that it is compared with.";
    "concatMap": "function" = "Gives a list for each element.", "list" = "The elements.";
    "concatStringsSep": "separator" = "What stands between two strings.", "strings" = "The strings.";
    "deepSeq": "first" = "What is evaluated completely.", "result" = "What is given.";
    "elem": "element" = "What is looked for.", "list" = "Where.";
    "elemAt": "list" = "The elements.", "index" = "Which, counted from 0.";
    "filter": "predicate" = "Tells of each element whether it stays.", "list" = "The elements.";
    "filterSource": "predicate" = "Called with the path and the type of each entry; tells whether it is copied.", "path" = "The directory.";
    "findFile": "searchPath" = "A list as `nixPath` is.", "name" = "What stands between `<` and `>`.";
    "foldl'": "operator" = "Called with what there is so far, and an element.", "initial" = "What there is at first.", "list" = "The elements.";
    "genList": "function" = "Called with each index from 0 on.", "length" = "How many elements there are to be.";
    "getAttr": "name" = "The attribute.", "set" = "The set that has it.";
    "groupBy": "function" = "Gives the name of the group that an element goes to.", "list" = "The elements.";
    "hasAttr": "name" = "The attribute.", "set" = "The set that may have it.";
    "hashFile": "algorithm" = "`md5`, `sha1`, `sha256` or `sha512`.", "path" = "The file.";
    "hashString": "algorithm" = "`md5`, `sha1`, `sha256` or `sha512`.", "string" = "What is hashed.";
    "intersectAttrs": "names" = "A set of which only the names count.", "set" = "The set whose attributes are given.";
    "lessThan": "left" = "What should be smaller.", "right" = "What should be larger.";
    "listToAttrs": "pairs" = "Sets with `name` and `value`.";
    "map": "function" = "Called with each element.", "list" = "The elements.";
    "mapAttrs": "function" = "Called with the name and the value of each attribute.", "set" = "The attributes.";
    "match": "regex" = "A POSIX extended regular expression for the whole string.", "string" = "What is matched.";
    "partition": "predicate" = "Tells of each element whether it goes to `right`.", "list" = "The elements.";
    "removeAttrs": "set" = "The set.", "names" = "The attributes that go.";
    "replaceStrings": "from" = "What is replaced.", "to" = "By what; as many strings as `from` has.", "string" = "Where.";
    "scopedImport": "scope" = "The names that the file sees besides the builtins.", "path" = "The file.";
    "seq": "first" = "What is evaluated.", "result" = "What is given.";
    "sort": "comparator" = "Tells whether its first argument comes before the second.", "list" = "The elements.";
    "split": "regex" = "A POSIX extended regular expression.", "string" = "What is split.";
    "substring": "start" = "The first byte, counted from 0.", "length" = "How many bytes; negative for all.", "string" = "Of what.";
    "toFile": "name" = "The name in the store.", "contents" = "The file's text.";
    "trace": "message" = "What is printed to standard error.", "value" = "What is given.";
    "traceVerbose": "message" = "What is printed with `--trace-verbose`.", "value" = "What is given.";
    "unsafeGetAttrPos": "name" = "The attribute.", "set" = "The set that has it.";
    "warn": "message" = "The warning.", "value" = "What is given.";
    "zipAttrsWith": "function" = "Called with each name and the list of its values.", "sets" = "The sets.";
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin_doc;

    #[test]
    fn the_table_is_sorted_and_about_builtins() {
        assert!(PARAMETERS.is_sorted_by(|(a, _), (b, _)| a < b));
        for (name, parameters) in PARAMETERS {
            let doc = builtin_doc(name).unwrap_or_else(|| panic!("no builtin {name}"));
            let arrows = crate::signature_help::arrow_parts(doc.signature).len() - 1;
            assert!(parameters.len() <= arrows, "{name}: {}", doc.signature);
        }
    }
}
