//! What a `flake.nix` can say: its attributes are a schema that no file declares.

use floe_db::{Db, File, module};
use floe_hir::{Expr, Module, Name};
use floe_syntax::SyntaxKind as K;

use super::found::{Found, Make};
use super::{CompletionItem, CompletionKind};
use crate::config::is_flake;
use crate::context::{Step, attribute_name};
use crate::cursor::Cursor;

/// An attribute: its name, its type, what it means.
type Row = (&'static str, &'static str, &'static str);

const TOP: &[Row] = &[
    ("description", "string", "What the flake is, in one line."),
    (
        "inputs",
        "attribute set of inputs",
        "The flakes and other sources that this one depends on. `flake.lock` says which revisions.",
    ),
    (
        "outputs",
        "function",
        "Takes `self` and the inputs by name, and gives what the flake is for.",
    ),
    (
        "nixConfig",
        "attribute set",
        "Settings of Nix for whoever uses the flake, once they have been accepted.",
    ),
];

const INPUT: &[Row] = &[
    (
        "url",
        "string",
        "Where the input is: a flake reference, like `github:NixOS/nixpkgs/nixos-unstable`.",
    ),
    (
        "inputs",
        "attribute set of inputs",
        "Replaces inputs of the input: `inputs.nixpkgs.follows = \"nixpkgs\"`.",
    ),
    (
        "follows",
        "string",
        "Uses another input of this flake instead: its name, or a path like `\"home/nixpkgs\"`.",
    ),
    ("flake", "boolean", "`false` for a source without a `flake.nix`: the input is its tree."),
    (
        "type",
        "string",
        "The kind of reference, instead of `url`: `github`, `git`, `path`, `tarball`, `indirect` …",
    ),
    ("owner", "string", "The owner of the repository, with `type`."),
    ("repo", "string", "The name of the repository, with `type`."),
    ("ref", "string", "A branch or tag."),
    ("rev", "string", "A commit."),
    ("dir", "string", "The folder with the `flake.nix`, if that is not the top."),
    ("submodules", "boolean", "Whether a Git repository's submodules are fetched, too."),
    ("shallow", "boolean", "Whether a Git repository is fetched without its history."),
];

const OUTPUTS: &[Row] = &[
    (
        "packages",
        "packages.<system>.<name>",
        "What `nix build` and `nix run` take; `default` is the one without a name.",
    ),
    ("devShells", "devShells.<system>.<name>", "What `nix develop` enters."),
    ("apps", "apps.<system>.<name>", "What `nix run` starts: `{ type = \"app\"; program = …; }`."),
    ("checks", "checks.<system>.<name>", "What `nix flake check` builds."),
    ("formatter", "formatter.<system>", "The program that `nix fmt` runs."),
    (
        "legacyPackages",
        "legacyPackages.<system>",
        "Packages in sets of any depth, which are not listed.",
    ),
    ("nixosConfigurations", "nixosConfigurations.<name>", "Systems for `nixos-rebuild`."),
    ("nixosModules", "nixosModules.<name>", "Modules for NixOS."),
    ("darwinConfigurations", "darwinConfigurations.<name>", "Systems for `darwin-rebuild`."),
    ("homeConfigurations", "homeConfigurations.<name>", "Configurations for Home Manager."),
    ("overlays", "overlays.<name>", "Functions `final: prev: { … }` that change a package set."),
    ("templates", "templates.<name>", "What `nix flake init` copies."),
    ("bundlers", "bundlers.<system>.<name>", "Functions for `nix bundle`."),
    ("hydraJobs", "hydraJobs.<…>.<name>", "What Hydra builds."),
    ("lib", "attribute set", "Functions for other flakes."),
];

const BY_SYSTEM: [&str; 7] =
    ["packages", "devShells", "apps", "checks", "formatter", "legacyPackages", "bundlers"];

const SYSTEMS: &[Row] = &[
    ("x86_64-linux", "system", "Linux on 64-bit Intel and AMD."),
    ("aarch64-linux", "system", "Linux on 64-bit ARM."),
    ("x86_64-darwin", "system", "macOS on Intel."),
    ("aarch64-darwin", "system", "macOS on Apple's processors."),
];

const CONFIG: &[Row] = &[
    (
        "extra-substituters",
        "string or list of string",
        "Binary caches to ask besides those of the user.",
    ),
    ("extra-trusted-public-keys", "string or list of string", "Keys of those caches."),
    ("extra-experimental-features", "string or list of string", "Features to switch on."),
    ("bash-prompt", "string", "The prompt in `nix develop`."),
    ("bash-prompt-prefix", "string", "What is put before the prompt in `nix develop`."),
    ("bash-prompt-suffix", "string", "What is put behind the prompt in `nix develop`."),
    ("commit-lockfile-summary", "string", "The message of commits of `flake.lock`."),
    ("flake-registry", "string", "Where the global registry of flakes is."),
    ("allow-import-from-derivation", "boolean", "Whether an evaluation may build."),
    ("max-jobs", "integer", "How many builds run at a time."),
    ("sandbox", "boolean", "Whether builds are isolated."),
];

/// The attributes that the set at the cursor can have in a `flake.nix`.
pub(super) fn attributes(
    db: &dyn Db,
    file: File,
    around: &[Step],
    path: &[String],
    found: &mut Found<'_>,
) {
    if !is_flake(db, file) {
        return;
    }
    let mut names = Vec::new();
    for step in around {
        match step {
            Step::Attribute(name) => names.push(name.as_str()),
            // A function that is called with each system gives the sets for one.
            Step::Argument(_) | Step::Computed => names.push(""),
            Step::Element | Step::Let => return,
        }
    }
    names.extend(path.iter().map(String::as_str));
    let rows: &[Row] = match names.as_slice() {
        [] => TOP,
        ["inputs", _] => INPUT,
        // An input of an input, as deep as they go.
        ["inputs", _, rest @ ..] if is_input_of_input(rest) => INPUT,
        ["outputs"] => OUTPUTS,
        ["outputs", kind] if BY_SYSTEM.contains(kind) => SYSTEMS,
        ["nixConfig"] => CONFIG,
        _ => return,
    };
    for ((name, kind, meaning), rank) in rows.iter().zip(0..) {
        let fill = move |item: &mut CompletionItem| {
            item.detail = Some((*kind).to_owned());
            item.documentation = Some((*meaning).to_owned());
        };
        found.offer(*name, rank, 0, Make::Fill(CompletionKind::Option, Box::new(fill)));
    }
}

fn is_input_of_input(rest: &[&str]) -> bool {
    !rest.is_empty()
        && rest.len().is_multiple_of(2)
        && rest.iter().step_by(2).all(|name| *name == "inputs")
}

/// What the function `outputs` around the cursor is given: the flake itself and its inputs.
pub(super) fn arguments_of_outputs(db: &dyn Db, file: File, cursor: &Cursor<'_>) -> Vec<Name> {
    let is_outputs = cursor.nodes.windows(2).any(|pair| {
        let path = cursor.tree.children(pair[0]).find(|id| cursor.get(*id).kind == K::AttrPath);
        let name = path.and_then(|path| attribute_name(cursor, cursor.tree.children(path).next()?));
        cursor.get(pair[0]).kind == K::Binding
            && cursor.get(pair[1]).kind == K::Lambda
            && name.as_deref() == Some("outputs")
    });
    if !is_flake(db, file) || !is_outputs {
        return Vec::new();
    }
    std::iter::once(Name::new("self")).chain(inputs(module(db, file))).collect()
}

/// The names of the inputs.
fn inputs(module: &Module) -> Vec<Name> {
    let Expr::Attrs(top) = module.expr(module.root) else { return Vec::new() };
    let entries = &module.attrs[top.0 as usize].entries;
    let inputs = entries.iter().find(|entry| entry.name.as_str() == "inputs");
    match inputs.map(|entry| module.expr(entry.value)) {
        Some(Expr::Attrs(inputs)) => {
            module.attrs[inputs.0 as usize].entries.iter().map(|entry| entry.name).collect()
        }
        _ => Vec::new(),
    }
}
