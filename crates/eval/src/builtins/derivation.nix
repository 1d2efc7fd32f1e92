# The function `derivation`: the set that `derivationStrict` computes, completed with one set for each
# output.
args@{
  outputs ? [ "out" ],
  ...
}:
let
  computed = derivationStrict args;

  withOutputs =
    args
    // builtins.listToAttrs variants
    // {
      all = map (variant: variant.value) variants;
      drvAttrs = args;
    };

  variant = outputName: {
    name = outputName;
    value = withOutputs // {
      inherit outputName;
      inherit (computed) drvPath;
      outPath = computed.${outputName};
      type = "derivation";
    };
  };

  variants = map variant outputs;
in
(builtins.head variants).value
