// The grammar gives each kind of text its scope. Each case: a piece of Nix, and word → scope.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const wasm = await readFile(require.resolve("vscode-oniguruma/release/onig.wasm"));
await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () => {
    const path = new URL("../syntaxes/nix.tmLanguage.json", import.meta.url);
    return textmate.parseRawGrammar(await readFile(path, "utf8"), path.pathname);
  },
});
const grammar = await registry.loadGrammar("source.nix");

/** The innermost scope of the first token that is `word`. */
function scopeOf(text, word) {
  let stack = textmate.INITIAL;
  for (const line of text.split("\n")) {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    stack = ruleStack;
    for (const token of tokens) {
      if (line.slice(token.startIndex, token.endIndex).trim() === word) {
        return token.scopes.at(-1);
      }
    }
  }
  return undefined;
}

const cases = [
  ["let x = 1; in x", { let: "keyword.control.nix", "1": "constant.numeric.integer.nix" }],
  ["if true then null else 1.5", { if: "keyword.control.conditional.nix", true: "constant.language.nix", "1.5": "constant.numeric.float.nix" }],
  [
    "{ services.openssh.enable = true; }",
    {
      services: "entity.other.attribute-name.nix",
      ".": "punctuation.separator.nix",
      enable: "entity.other.attribute-name.nix",
    },
  ],
  ["{ lib, pkgs ? null, ... }: lib", { lib: "variable.parameter.nix", pkgs: "variable.parameter.nix", "...": "keyword.operator.ellipsis.nix" }],
  ["{\n  lib,\n  stdenv,\n}:\nlib", { stdenv: "variable.parameter.nix" }],
  ["{\n  a = 1;\n}", { a: "entity.other.attribute-name.nix" }],
  ["name: name", { name: "variable.parameter.nix" }],
  ["# note", { "# note": "comment.line.number-sign.nix" }],
  ["import ./lib/default.nix", { import: "support.function.builtin.nix", "./lib/default.nix": "string.unquoted.path.nix" }],
  ["import <nixpkgs/lib>", { "<nixpkgs/lib>": "string.unquoted.search-path.nix" }],
  ['"a ${b} c"', { b: "variable.other.nix", "${": "punctuation.section.interpolation.begin.nix" }],
  ["''\n  a ''${no} ${yes}\n''", { "''$": "constant.character.escape.nix", yes: "variable.other.nix" }],
  ["a // b", { "//": "keyword.operator.nix" }],
  ["a.b.c", { b: "variable.other.property.nix" }],
  ["builtins.map", { builtins: "support.namespace.nix" }],
  ["let-me in-the", { "let-me": "variable.other.nix" }],
];

for (const [text, expected] of cases) {
  test(JSON.stringify(text), () => {
    for (const [word, scope] of Object.entries(expected)) {
      assert.equal(scopeOf(text, word), scope, `scope of ${word}`);
    }
  });
}
