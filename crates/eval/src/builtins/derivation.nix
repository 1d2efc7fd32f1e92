# The function `derivation`: around `derivationStrict`, which computes the paths, it puts the set that
# people know, completed with one set for each output.
#
# It has the steps of C++ Nix's function, at the lines and columns where that one has them: they are seen
# in traces, and a trace should not tell which of the two programs printed it. These places are
#
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


attrs@{
  outputs ? [ "out" ],
  ...
}:

let

  # A set with `drvPath` and one path for each output.
  computed =
    # The call has to be in this line and column,
    # see above.

           derivationStrict attrs;

  withOutputs =
    attrs
    // builtins.listToAttrs variants
    // {
      all = map (variant: variant.value) variants;
      drvAttrs = attrs;
    };

  variant = outputName: {
    name = outputName;
    value = withOutputs // {
      outPath = builtins.getAttr outputName computed;
      drvPath = computed.drvPath;
      type = "derivation";
      inherit outputName;
    };
  };

  variants = map variant outputs;

in
(builtins.head variants).value
