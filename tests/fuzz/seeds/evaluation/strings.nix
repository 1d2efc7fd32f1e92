builtins.toJSON (builtins.tryEval (builtins.substring 1 2 "abc" + ''
  x ${builtins.hashString "sha256" ""}
'' + throw "no"))