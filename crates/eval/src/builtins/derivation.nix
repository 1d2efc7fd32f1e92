# The function `derivation`: around `derivationStrict`, which computes the paths, it puts the set that
# people know, completed with one set for each output.
#
# It has the steps of C++ Nix's function, at the lines and columns where that one has them: they are seen
# in traces, and a trace should not tell which of the two programs printed it. These places are
#
#   - the function: line 30, column 1
#   - the call of `derivationStrict`: line 37, column 12
#   - the attribute `outPath` of an output: line 50, column 7
#   - the attribute `drvPath` of an output: line 51, column 7
#
# Nothing of a derivation is computed before a path of it is needed. The function is strict in
#
#   - its argument, which must be a set,
#   - `outputs`, a list of names, of which the first is the one that the result stands for,
#
# and in nothing else. Every attribute of the argument is one of the result too, under the same name,
# unless one of these takes its place, the later ones first:
#
#   - the name of each output, with that output's set,
#   - `all`, a list of these sets,
#   - `drvAttrs`, the argument itself,
#   - `outPath`, `drvPath`, `outputName`, `type`.
#
# Names that somebody sees are those of C++ Nix: `builtins.toXML` shows the argument's, traces show lines.
#
# C++ Nix's tests of the language show most of these places: `cargo test -p floe-eval lang`, with the
# folder of those tests in `FLOE_NIX_LANG_TESTS`.

drvAttrs@{
  outputs ? [ "out" ],
  ...
}:

let

  strict = derivationStrict drvAttrs;

  commonAttrs =
    drvAttrs
    // builtins.listToAttrs variants
    // {
      all = map (variant: variant.value) variants;
      inherit drvAttrs;
    };

  variant = outputName: {
    name = outputName;
    value = commonAttrs // {
      outPath = builtins.getAttr outputName strict;
      drvPath = strict.drvPath;
      type = "derivation";
      inherit outputName;
    };
  };

  variants = map variant outputs;

in
(builtins.head variants).value
