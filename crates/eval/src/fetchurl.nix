# `<nix/fetchurl.nix>`: a derivation that the builder itself carries out by fetching a file.
{
  system ? "",
  url,
  hash ? "",
  md5 ? "",
  sha1 ? "",
  sha256 ? "",
  sha512 ? "",
  outputHash ?
    let
      given = builtins.filter (value: value != "") [
        hash
        sha512
        sha1
        md5
      ];
    in
    if given == [ ] then sha256 else builtins.head given,
  outputHashAlgo ?
    if hash != "" then
      ""
    else if sha512 != "" then
      "sha512"
    else if sha1 != "" then
      "sha1"
    else if md5 != "" then
      "md5"
    else
      "sha256",
  executable ? false,
  unpack ? false,
  name ? baseNameOf (toString url),
  impure ? false,
}:
derivation (
  {
    inherit
      name
      url
      executable
      unpack
      ;
    system = "builtin";
    builder = "builtin:fetchurl";
    outputHashMode = if unpack || executable then "recursive" else "flat";
    preferLocalBuild = true;
    urls = [ url ];
    # Without effect; part of every such derivation's hash.
    impureEnvVars = [
      "http_proxy"
      "https_proxy"
      "ftp_proxy"
      "all_proxy"
      "no_proxy"
    ];
  }
  // (if impure then { __impure = true; } else { inherit outputHash outputHashAlgo; })
)
