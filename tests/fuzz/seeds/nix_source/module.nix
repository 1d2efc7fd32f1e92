{ config, lib, pkgs ? import <nixpkgs> { }, ... }@args:
with lib; let inherit (pkgs) hello; x = rec { a.b."c${d}" = 1.5e3; d = ''
  ${a} ''${ '''
''; }; in
assert x ? a.b or false; if !x.a.b == null && 1 -> 2 then [ ./a ~/b <c> http://d.e (-f) ] // { ${g} = h: i; } ++ j or k else throw "l\n$${m}" |> n /* o */ # p
