//! The attributes of the sets that builtins and nixpkgs' builders take, where no pattern lists them: as the
//! manuals of Nix and nixpkgs describe them.

/// An attribute: its name, its type, what it means.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// What a builtin takes in a set, those that it needs first; nothing for a builtin that takes none.
pub(crate) fn of_builtin(name: &str) -> &'static [Row] {
    match name {
        "derivation" | "derivationStrict" => DERIVATION,
        "fetchGit" => FETCH_GIT,
        "fetchMercurial" => FETCH_MERCURIAL,
        "fetchTarball" => FETCH_TARBALL,
        "fetchurl" => FETCHURL,
        "fetchTree" => FETCH_TREE,
        "fetchClosure" => FETCH_CLOSURE,
        "path" => PATH,
        "genericClosure" => GENERIC_CLOSURE,
        "convertHash" => CONVERT_HASH,
        "flakeRefToString" => FETCH_TREE,
        _ => &[],
    }
}

/// What a function of nixpkgs takes in a set that it passes on to `mkDerivation`, by the function's name; nothing
/// for another function.
pub(crate) fn of_builder(name: &str) -> &'static [&'static [Row]] {
    match name {
        "mkDerivation" | "overrideAttrs" | "overrideDerivation" => &[MK_DERIVATION],
        "mkShell" | "mkShellNoCC" => &[MK_SHELL, MK_DERIVATION],
        "buildPythonPackage" | "buildPythonApplication" => &[PYTHON, MK_DERIVATION],
        "buildRustPackage" => &[RUST, MK_DERIVATION],
        "buildGoModule" | "buildGoPackage" => &[GO, MK_DERIVATION],
        "buildNpmPackage" => &[NPM, MK_DERIVATION],
        _ => &[],
    }
}

/// What `meta` of a package can say.
#[rustfmt::skip]
pub(crate) const META: &[Row] = &[
    ("description", "string", "What the package is, in one line without an article or a full stop."),
    ("homepage", "string", "Its page in the web."),
    ("license", "license or list of licenses", "Of `lib.licenses`: what it may be used for."),
    ("maintainers", "list of maintainers", "Of `lib.maintainers`: who looks after it."),
    ("platforms", "list of platforms", "Of `lib.platforms`: where it can be built."),
    ("mainProgram", "string", "The program in `bin/` that `nix run` and `lib.getExe` start."),
    ("longDescription", "string", "What the package is, at length."),
    ("changelog", "string", "Where the changes of this version are described."),
    ("downloadPage", "string", "Where its releases are."),
    ("badPlatforms", "list of platforms", "Those of `platforms` where it does not work."),
    ("broken", "boolean", "Whether it is known not to build; then it is refused."),
    ("insecure", "boolean", "Whether it is refused for being insecure."),
    ("knownVulnerabilities", "list of string", "What is insecure in it; then it is refused."),
    ("unsupported", "boolean", "Whether it cannot be used on the present platform."),
    ("priority", "integer", "Of two packages with one file, that with the lower number wins. 5 unless set."),
    ("outputsToInstall", "list of string", "The outputs that an environment gets."),
    ("hydraPlatforms", "list of platforms", "Where Hydra builds it, if not on all of `platforms`."),
    ("sourceProvenance", "list of source types", "Of `lib.sourceTypes`: whether it was built from source."),
    ("teams", "list of teams", "Of `lib.teams`: who looks after it."),
    ("timeout", "integer", "After how many seconds Hydra gives a build up."),
    ("pkgConfigModules", "list of string", "The modules that it has for pkg-config."),
    ("tests", "set of derivations", "Derivations that test it; `passthru.tests` is the usual place."),
];

#[rustfmt::skip]
const DERIVATION: &[Row] = &[
    ("name", "string", "The name in the store, behind the hash."),
    ("system", "string", "The platform that it is built on: `x86_64-linux`."),
    ("builder", "path or string", "The program that builds it."),
    ("args", "list of string", "The program's arguments."),
    ("outputs", "list of string", "The names of its outputs. `[ \"out\" ]` unless set."),
    ("outputHash", "string", "The hash that the output is to have. The build may use the network then."),
    ("outputHashAlgo", "string", "`sha256`, `sha512`, `sha1` or `md5`, unless the hash says it."),
    ("outputHashMode", "string", "What is hashed: the file (`flat`) or the tree (`recursive`, `nar`)."),
    ("preferLocalBuild", "boolean", "Whether it is so quick to build that no remote builder is asked."),
    ("allowSubstitutes", "boolean", "Whether it may come from a binary cache."),
    ("allowedReferences", "list", "The only store paths that the outputs may refer to."),
    ("allowedRequisites", "list", "The same for what these refer to in turn."),
    ("disallowedReferences", "list", "Store paths that the outputs may not refer to."),
    ("disallowedRequisites", "list", "The same for what these refer to in turn."),
    ("exportReferencesGraph", "list", "Names of files, each before a path whose closure is written to it."),
    ("impureEnvVars", "list of string", "With `outputHash`: variables of the user that the builder sees."),
    ("passAsFile", "list of string", "Attributes that the builder finds in files, named `<attribute>Path`."),
    ("requiredSystemFeatures", "list of string", "What a machine needs to build it: `kvm`, `big-parallel`."),
    ("__structuredAttrs", "boolean", "Whether the attributes are given as JSON instead of as variables."),
    ("outputChecks", "set", "With `__structuredAttrs`: what is checked of each output."),
    ("unsafeDiscardReferences", "set", "With `__structuredAttrs`: outputs whose references do not count."),
    ("__contentAddressed", "boolean", "Whether the outputs' paths follow from what is in them."),
    ("__impure", "boolean", "Whether the build may differ each time."),
];

#[rustfmt::skip]
const FETCH_GIT: &[Row] = &[
    ("url", "string or path", "The repository."),
    ("rev", "string", "The commit. `HEAD` of the branch unless set."),
    ("ref", "string", "The branch or tag that has the commit. `HEAD` unless set."),
    ("name", "string", "The name in the store. `source` unless set."),
    ("submodules", "boolean", "Whether submodules are fetched, too."),
    ("shallow", "boolean", "Whether only the commit is fetched, without its history."),
    ("allRefs", "boolean", "Whether the commit may be on any branch."),
    ("exportIgnore", "boolean", "Whether files with `export-ignore` in `.gitattributes` are left out."),
    ("lfs", "boolean", "Whether files of Git LFS are fetched, too."),
    ("narHash", "string", "The hash that the tree is to have."),
    ("verifyCommit", "boolean", "Whether the commit's signature is checked."),
    ("publicKey", "string", "The key of that signature."),
    ("keytype", "string", "The kind of that key. `ssh-ed25519` unless set."),
    ("publicKeys", "list", "Several such keys: sets with `key` and `type`."),
];

#[rustfmt::skip]
const FETCH_MERCURIAL: &[Row] = &[
    ("url", "string or path", "The repository."),
    ("rev", "string", "The commit, branch or tag."),
    ("name", "string", "The name in the store. `source` unless set."),
];

#[rustfmt::skip]
const FETCH_TARBALL: &[Row] = &[
    ("url", "string", "Where the archive is."),
    ("sha256", "string", "The hash of the unpacked tree, which pure evaluation needs."),
    ("name", "string", "The name in the store. `source` unless set."),
];

#[rustfmt::skip]
const FETCHURL: &[Row] = &[
    ("url", "string", "Where the file is."),
    ("sha256", "string", "The file's hash, which pure evaluation needs."),
    ("name", "string", "The name in the store. The last part of the URL unless set."),
];

#[rustfmt::skip]
const FETCH_TREE: &[Row] = &[
    ("type", "string", "`git`, `github`, `gitlab`, `sourcehut`, `tarball`, `file`, `path`, `mercurial` …"),
    ("url", "string", "Where it is, for the types that have a URL."),
    ("owner", "string", "The owner of the repository."),
    ("repo", "string", "The name of the repository."),
    ("path", "string", "The folder, with `type = \"path\"`."),
    ("ref", "string", "A branch or tag."),
    ("rev", "string", "A commit."),
    ("dir", "string", "The folder with the `flake.nix`, if that is not the top."),
    ("host", "string", "Another server than the usual one."),
    ("narHash", "string", "The hash that the tree is to have."),
    ("submodules", "boolean", "Whether submodules are fetched, too."),
    ("shallow", "boolean", "Whether a repository is fetched without its history."),
    ("lastModified", "integer", "When it was changed last, in seconds since 1970."),
];

#[rustfmt::skip]
const FETCH_CLOSURE: &[Row] = &[
    ("fromStore", "string", "The binary cache that it is fetched from."),
    ("fromPath", "store path", "What is fetched."),
    ("toPath", "store path", "The content-addressed path that it becomes."),
    ("inputAddressed", "boolean", "Whether the path follows from how it was built, not from its content."),
];

#[rustfmt::skip]
const PATH: &[Row] = &[
    ("path", "path", "What is copied to the store."),
    ("name", "string", "The name in the store. The last part of the path unless set."),
    ("filter", "function", "Called with the path and the type of each entry; tells whether it is copied."),
    ("recursive", "boolean", "`false` for a single file that is hashed as it is."),
    ("sha256", "string", "The hash that it is to have."),
];

#[rustfmt::skip]
const GENERIC_CLOSURE: &[Row] = &[
    ("startSet", "list of sets", "Where to begin: sets that have a `key`."),
    ("operator", "function", "Gives for each set the list of those that come after it."),
];

#[rustfmt::skip]
const CONVERT_HASH: &[Row] = &[
    ("hash", "string", "The hash."),
    ("toHashFormat", "string", "`base16`, `nix32`, `base64` or `sri`."),
    ("hashAlgo", "string", "`md5`, `sha1`, `sha256` or `sha512`, unless the hash says it."),
];

#[rustfmt::skip]
const MK_DERIVATION: &[Row] = &[
    ("pname", "string", "The package's name without the version."),
    ("version", "string", "Its version."),
    ("src", "path or derivation", "The source, which the unpack phase unpacks."),
    ("nativeBuildInputs", "list of packages", "What the build runs: `cmake`, `pkg-config`, `makeWrapper`."),
    ("buildInputs", "list of packages", "What it links to and finds while it is built, for where it will run."),
    ("meta", "set", "What is known about the package: `description`, `license`, `platforms` …"),
    ("propagatedBuildInputs", "list of packages", "`buildInputs` that whoever depends on this gets, too."),
    ("propagatedNativeBuildInputs", "list of packages", "The same for `nativeBuildInputs`."),
    ("patches", "list of paths", "Patches, which the patch phase applies in this order."),
    ("postPatch", "string", "Shell code behind the patch phase: mostly `substituteInPlace`."),
    ("configureFlags", "list of string", "Arguments of `./configure`."),
    ("cmakeFlags", "list of string", "Arguments of `cmake`, with `cmake` among the inputs."),
    ("mesonFlags", "list of string", "Arguments of `meson setup`, with `meson` among the inputs."),
    ("makeFlags", "list of string", "Arguments of each call of `make`."),
    ("buildPhase", "string", "Shell code instead of `make`."),
    ("installPhase", "string", "Shell code instead of `make install`: what goes to `$out`."),
    ("checkPhase", "string", "Shell code instead of `make check`."),
    ("doCheck", "boolean", "Whether the check phase is run."),
    ("passthru", "set", "Attributes that the package gets and the build does not see."),
    ("outputs", "list of string", "The names of its outputs: `[ \"out\" \"dev\" ]`."),
    ("name", "string", "The whole name, in place of `pname` and `version`."),
    ("srcs", "list", "Several sources, in place of `src`."),
    ("sourceRoot", "string", "The folder of the unpacked source that is built."),
    ("setSourceRoot", "string", "Shell code that sets `sourceRoot`."),
    ("checkInputs", "list of packages", "`buildInputs` of the checks."),
    ("nativeCheckInputs", "list of packages", "What the checks run."),
    ("installCheckInputs", "list of packages", "`buildInputs` of the checks of what was installed."),
    ("nativeInstallCheckInputs", "list of packages", "What the checks of what was installed run."),
    ("depsBuildBuild", "list of packages", "What runs on the building machine and makes programs for it."),
    ("depsBuildTarget", "list of packages", "What runs on the building machine and is about the target."),
    ("depsTargetTarget", "list of packages", "What runs on the target and is about it."),
    ("strictDeps", "boolean", "Whether only `nativeBuildInputs` are in `PATH`."),
    ("phases", "string or list", "The phases, in place of all the usual ones."),
    ("prePhases", "list of string", "Phases before the others."),
    ("preConfigurePhases", "list of string", "Phases before configuring."),
    ("preBuildPhases", "list of string", "Phases before building."),
    ("preInstallPhases", "list of string", "Phases before installing."),
    ("preFixupPhases", "list of string", "Phases before the fixup."),
    ("preDistPhases", "list of string", "Phases before the distribution."),
    ("postPhases", "list of string", "Phases behind the others."),
    ("unpackPhase", "string", "Shell code instead of unpacking `src`."),
    ("preUnpack", "string", "Shell code before it."),
    ("postUnpack", "string", "Shell code behind it."),
    ("dontUnpack", "boolean", "Whether there is nothing to unpack."),
    ("unpackCmd", "string", "Shell code that unpacks the file `$curSrc`."),
    ("patchPhase", "string", "Shell code instead of applying `patches`."),
    ("prePatch", "string", "Shell code before it."),
    ("patchFlags", "list of string", "Arguments of `patch`. `[ \"-p1\" ]` unless set."),
    ("dontPatch", "boolean", "Whether the patch phase is skipped."),
    ("configurePhase", "string", "Shell code instead of `./configure`."),
    ("preConfigure", "string", "Shell code before it."),
    ("postConfigure", "string", "Shell code behind it."),
    ("configureScript", "string", "The script that configures. `./configure` unless set."),
    ("dontConfigure", "boolean", "Whether there is nothing to configure."),
    ("preBuild", "string", "Shell code before the build phase."),
    ("postBuild", "string", "Shell code behind it."),
    ("buildFlags", "list of string", "Arguments of `make` in the build phase."),
    ("makefile", "string", "The makefile, if it has another name."),
    ("dontBuild", "boolean", "Whether there is nothing to build."),
    ("enableParallelBuilding", "boolean", "Whether `make` uses several processors."),
    ("preCheck", "string", "Shell code before the check phase."),
    ("postCheck", "string", "Shell code behind it."),
    ("checkTarget", "string", "What `make` makes in the check phase."),
    ("checkFlags", "list of string", "Arguments of `make` in the check phase."),
    ("enableParallelChecking", "boolean", "Whether the checks use several processors."),
    ("preInstall", "string", "Shell code before the install phase."),
    ("postInstall", "string", "Shell code behind it."),
    ("installTargets", "string or list", "What `make` makes in the install phase. `install` unless set."),
    ("installFlags", "list of string", "Arguments of `make` in the install phase."),
    ("dontInstall", "boolean", "Whether there is nothing to install."),
    ("fixupPhase", "string", "Shell code instead of stripping and patching what was installed."),
    ("preFixup", "string", "Shell code before it: mostly arguments for wrappers."),
    ("postFixup", "string", "Shell code behind it."),
    ("dontFixup", "boolean", "Whether what was installed stays as it is."),
    ("dontStrip", "boolean", "Whether symbols stay in programs and libraries."),
    ("dontPatchELF", "boolean", "Whether unused search paths stay in programs and libraries."),
    ("dontPatchShebangs", "boolean", "Whether scripts keep their first lines."),
    ("separateDebugInfo", "boolean", "Whether symbols for debuggers go to an output `debug`."),
    ("setupHook", "path", "Shell code that is run in the builds that depend on this."),
    ("doInstallCheck", "boolean", "Whether what was installed is checked."),
    ("installCheckPhase", "string", "Shell code that checks it."),
    ("preInstallCheck", "string", "Shell code before that."),
    ("postInstallCheck", "string", "Shell code behind it."),
    ("doDist", "boolean", "Whether the distribution phase is run."),
    ("distPhase", "string", "Shell code that makes an archive of the source."),
    ("hardeningDisable", "list of string", "Flags for hardening that are left out: `[ \"format\" ]`, `[ \"all\" ]`."),
    ("hardeningEnable", "list of string", "Flags for hardening that are not on by themselves: `[ \"pie\" ]`."),
    ("env", "set", "Variables of the build, apart from the other attributes."),
    ("shellHook", "string", "Shell code that `nix-shell` and `nix develop` run."),
    ("passAsFile", "list of string", "Attributes that the builder finds in files, named `<attribute>Path`."),
    ("preferLocalBuild", "boolean", "Whether it is so quick to build that no remote builder is asked."),
    ("allowSubstitutes", "boolean", "Whether it may come from a binary cache."),
    ("allowedReferences", "list", "The only store paths that the outputs may refer to."),
    ("disallowedReferences", "list", "Store paths that the outputs may not refer to."),
    ("requiredSystemFeatures", "list of string", "What a machine needs to build it: `kvm`, `big-parallel`."),
    ("outputHash", "string", "The hash that the output is to have. The build may use the network then."),
    ("outputHashAlgo", "string", "`sha256`, `sha512`, `sha1` or `md5`, unless the hash says it."),
    ("outputHashMode", "string", "What is hashed: the file (`flat`) or the tree (`recursive`, `nar`)."),
    ("impureEnvVars", "list of string", "With `outputHash`: variables of the user that the builder sees."),
    ("__structuredAttrs", "boolean", "Whether the attributes are given as JSON instead of as variables."),
];

#[rustfmt::skip]
const MK_SHELL: &[Row] = &[
    ("packages", "list of packages", "What is in `PATH` in the shell."),
    ("inputsFrom", "list of packages", "Packages whose inputs the shell has, to work on them."),
    ("shellHook", "string", "Shell code that is run when the shell starts."),
    ("nativeBuildInputs", "list of packages", "Programs for the shell, with their setup hooks."),
    ("buildInputs", "list of packages", "Libraries that compilers and pkg-config find in the shell."),
    ("name", "string", "The shell's name. `nix-shell` unless set."),
];

#[rustfmt::skip]
const PYTHON: &[Row] = &[
    ("pname", "string", "The package's name without the version."),
    ("version", "string", "Its version."),
    ("src", "path or derivation", "The source."),
    ("pyproject", "boolean", "Whether `pyproject.toml` says how it is built."),
    ("build-system", "list of packages", "What builds it: `[ setuptools ]`."),
    ("dependencies", "list of packages", "The Python packages that it needs."),
    ("optional-dependencies", "set of lists of packages", "Those that it needs for each extra."),
    ("format", "string", "`setuptools`, `pyproject`, `wheel` or `other`: older than `pyproject`."),
    ("pythonImportsCheck", "list of string", "Modules that the build tries to import."),
    ("disabled", "boolean", "Whether it does not work with this Python."),
    ("disabledTests", "list of string", "Tests that are left out, with `pytestCheckHook`."),
    ("disabledTestPaths", "list of string", "Files with tests that are left out, with `pytestCheckHook`."),
    ("pytestFlags", "list of string", "Arguments of `pytest`, with `pytestCheckHook`."),
    ("pythonRelaxDeps", "boolean or list of string", "Dependencies of which any version will do."),
    ("pythonRemoveDeps", "boolean or list of string", "Dependencies that it says it needs, and does not."),
    ("makeWrapperArgs", "list of string", "Arguments for the wrappers around its programs."),
    ("dontWrapPythonPrograms", "boolean", "Whether its programs get no wrappers."),
    ("catchConflicts", "boolean", "Whether two versions of one dependency are an error."),
];

#[rustfmt::skip]
const RUST: &[Row] = &[
    ("pname", "string", "The package's name without the version."),
    ("version", "string", "Its version."),
    ("src", "path or derivation", "The source."),
    ("cargoHash", "string", "The hash of the dependencies that `Cargo.lock` names."),
    ("cargoLock", "set", "With `lockFile`: the lock file to take the dependencies' hashes from."),
    ("cargoSha256", "string", "The same as `cargoHash`, in older releases."),
    ("cargoPatches", "list of paths", "Patches that change `Cargo.lock`."),
    ("buildType", "string", "The profile. `release` unless set."),
    ("buildFeatures", "list of string", "Features to switch on."),
    ("buildNoDefaultFeatures", "boolean", "Whether the default features are switched off."),
    ("checkFeatures", "list of string", "The features of the checks."),
    ("checkType", "string", "The profile of the checks."),
    ("cargoBuildFlags", "list of string", "Arguments of `cargo build`."),
    ("cargoTestFlags", "list of string", "Arguments of `cargo test`."),
    ("cargoRoot", "string", "The folder with `Cargo.lock`, if that is not the top."),
    ("buildAndTestSubdir", "string", "The folder of the crate that is built."),
    ("useNextest", "boolean", "Whether the checks run with `cargo nextest`."),
    ("auditable", "boolean", "Whether the program says which dependencies it was built with."),
];

#[rustfmt::skip]
const GO: &[Row] = &[
    ("pname", "string", "The package's name without the version."),
    ("version", "string", "Its version."),
    ("src", "path or derivation", "The source."),
    ("vendorHash", "string or null", "The hash of the dependencies; `null` if they are in the source."),
    ("vendorSha256", "string or null", "The same as `vendorHash`, in older releases."),
    ("subPackages", "list of string", "The folders of the packages that are built."),
    ("excludedPackages", "list of string", "Those that are not."),
    ("ldflags", "list of string", "Arguments of the linker: `[ \"-s\" \"-w\" ]`."),
    ("tags", "list of string", "Build tags."),
    ("modRoot", "string", "The folder with `go.mod`, if that is not the top."),
    ("proxyVendor", "boolean", "Whether dependencies are fetched as modules, with what is no Go in them."),
    ("allowGoReference", "boolean", "Whether the result may refer to the compiler."),
];

#[rustfmt::skip]
const NPM: &[Row] = &[
    ("pname", "string", "The package's name without the version."),
    ("version", "string", "Its version."),
    ("src", "path or derivation", "The source."),
    ("npmDepsHash", "string", "The hash of the dependencies that `package-lock.json` names."),
    ("npmBuildScript", "string", "The script that builds. `build` unless set."),
    ("npmBuildFlags", "list of string", "Arguments of that script."),
    ("npmFlags", "list of string", "Arguments of every call of `npm`."),
    ("npmInstallFlags", "list of string", "Arguments of `npm ci`."),
    ("npmWorkspace", "string", "The workspace that is built."),
    ("dontNpmBuild", "boolean", "Whether there is no script to run."),
    ("makeCacheWritable", "boolean", "Whether the cache of the dependencies can be written to."),
    ("nodejs", "package", "The Node.js that it is built for."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use rustc_hash::FxHashSet;

    #[test]
    fn each_attribute_is_listed_once_with_its_meaning() {
        let builtins = floe_types::builtin_docs().iter().map(|doc| of_builtin(doc.name));
        let builders = [MK_DERIVATION, MK_SHELL, PYTHON, RUST, GO, NPM, META];
        let mut tables = 0;
        for rows in builtins.chain(builders.iter().copied()).filter(|rows| !rows.is_empty()) {
            tables += 1;
            let mut seen = FxHashSet::default();
            for (name, kind, meaning) in rows {
                assert!(seen.insert(*name), "{name} is listed twice");
                assert!(!kind.is_empty() && meaning.ends_with(['.', '…']), "{name}: {meaning}");
            }
        }
        // All names above are names of builtins.
        assert_eq!(tables, 12 + builders.len());
    }
}
