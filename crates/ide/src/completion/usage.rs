//! How often a name is used: in the file, in the workspace, and, where these do not say, in nixpkgs.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::sync::{Arc, LazyLock};

use floe_db::{Db, File, module};
use floe_hir::{Expr, Key, Name, Var};
use rustc_hash::FxHashMap;

use crate::workspace_index::{Counts, counts};

/// What the attributes of a value are, which says what is usual there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those of nixpkgs' library.
    Library,
    /// Those of a package set.
    Packages,
    Other,
}

/// Less is better: how often a name is used here, then its place among what is usual.
pub(super) type Uses = (Reverse<u32>, u32);

/// Of a name that nobody counted.
pub(super) const UNUSUAL: u32 = u32::MAX;

/// How often names are used around a file.
pub(super) struct Usage<'a> {
    db: &'a dyn Db,
    file: File,
    in_file: OnceCell<FxHashMap<Name, u32>>,
    in_workspace: OnceCell<Arc<Counts>>,
}

impl<'a> Usage<'a> {
    pub(super) fn new(db: &'a dyn Db, file: File) -> Usage<'a> {
        Usage { db, file, in_file: OnceCell::new(), in_workspace: OnceCell::new() }
    }

    pub(super) fn of(&self, name: Name, kind: Kind) -> Uses {
        let in_file = self.in_file.get_or_init(|| uses_in(self.db, self.file));
        let workspace = self.in_workspace.get_or_init(|| counts(self.db));
        let files = match kind {
            Kind::Library => workspace.taking_from_lib(name),
            Kind::Packages if ARGUMENTS.contains(&name.as_str()) => 0,
            Kind::Packages | Kind::Other => workspace.mentioning(name),
        };
        // One use nearby tells as much as some elsewhere.
        const NEARBY: u32 = 4;
        let nearby = in_file.get(&name).copied().unwrap_or_default().saturating_mul(NEARBY);
        let usual = &USUAL[kind as usize];
        (Reverse(nearby.saturating_add(files)), usual.get(&name).copied().unwrap_or(UNUSUAL))
    }
}

/// Whoever mentions these has them as arguments, mostly, and not from a package set.
const ARGUMENTS: [&str; 6] = ["config", "lib", "options", "path", "pkgs", "system"];

/// How often a file selects each attribute, or has it from a `with`.
fn uses_in(db: &dyn Db, file: File) -> FxHashMap<Name, u32> {
    let module = module(db, file);
    let keys = module.keys.iter().filter_map(|key| match key {
        Key::Static(name) => Some(*name),
        Key::Dynamic(_) => None,
    });
    let variables = module.exprs.iter().filter_map(|expr| match expr {
        Expr::Var(Var::With { name, .. }) => Some(*name),
        _ => None,
    });
    let mut uses = FxHashMap::default();
    keys.chain(variables).for_each(|name| *uses.entry(name).or_default() += 1);
    uses
}

static USUAL: LazyLock<[FxHashMap<Name, u32>; 3]> = LazyLock::new(|| {
    [LIBRARY, PACKAGES, OTHER]
        .map(|names| names.split_whitespace().map(Name::new).zip(0..).collect())
});

/// What packages and modules take from `lib`, the most used first: by the number of files of nixpkgs that do,
/// with what has come since the release in which they were counted.
const LIBRARY: &str = "
    licenses maintainers platforms optional optionalString optionals types mkIf mkOption mkEnableOption
    concatStringsSep mkPackageOption makeBinPath versionAtLeast makeLibraryPath literalExpression
    optionalAttrs mapAttrsToList mkDefault getExe mapAttrs concatMapStringsSep sourceTypes teams systems
    mkMerge concatMapStrings getExe' cleanSource getLib replaceStrings elem filter nameValuePair
    versionOlder mkForce attrValues getBin concatStrings escapeShellArg getDev attrNames generators
    mkRenamedOptionModule mkRemovedOptionModule head last range flip listToAttrs unique filterAttrs
    importJSON length boolToString concatMap splitString recursiveUpdate isDerivation hasPrefix
    concatLists enableFeature escapeShellArgs flatten hasSuffix makeSearchPathOutput makeOverridable
    mkOverride genAttrs makeSearchPath hasAttr tail removePrefix removeSuffix singleton substring sort
    isList isString isAttrs isInt isBool const id fileset pipe foldl' fakeHash fakeSha256 any all mkBefore
    mkAfter warn warnIf versions strings lists attrsets trivial toUpper toLower toInt nixosSystem
    evalModules callPackageWith callPackagesWith makeScope makeExtensible fix extends
    composeManyExtensions composeExtensions fold foldr imap0 imap1 zipAttrsWith zipListsWith partition
    groupBy remove subtractLists intersectLists optionalDrvAttr setDefaultModuleLocation mdDoc
    attrByPath getAttrFromPath setAttrByPath mapAttrs' concatMapAttrs mapAttrsRecursive
    filterAttrsRecursive foldlAttrs hydraJob addMetaAttrs lowPrio hiPrio meta cli gvariant kernel
    mkAliasOptionModule mkChangedOptionModule mkOrder mkFixStrictness mkVMOverride toShellVars
    toSentenceCase throwIf throwIfNot assertMsg assertOneOf traceVal traceSeq traceValSeq
    importTOML readFile pathExists min max mod add sub mul div compare";

/// What is taken from the package set, in the same way: by a function's argument, or behind `pkgs`.
const PACKAGES: &str = "
    stdenv lib fetchFromGitHub fetchurl mkShell fetchPypi cmake makeWrapper python3Packages pkg-config
    writeText writeShellScript writeShellScriptBin writeShellApplication runCommand callPackage zlib glib
    fetchpatch openssl rustPlatform buildGoModule buildNpmPackage autoreconfHook python3 perl gtk3 libxml2
    gettext wrapGAppsHook ninja ncurses coreutils meson curl which fetchgit boost unzip fetchzip
    alsa-lib libGL gtk2 xorg gobject-introspection autoconf libpng freetype libtool automake libjpeg dbus
    intltool cairo sqlite flex libxslt gdk-pixbuf bison ocaml systemd readline pcre git vala fontconfig
    bash substituteAll pango bzip2 libiconv util-linux runtimeShell expat libpulseaudio jre gmp
    glibcLocales darwin file buildPackages fetchFromGitLab qt5 qt6 libnotify makeDesktopItem SDL2 libuuid
    librsvg gnused libvorbis cups gnugrep installShellFiles nixosTests jdk pam hostPlatform nodejs go
    rustc cargo gcc clang llvmPackages haskellPackages linuxPackages nodePackages perlPackages
    writeTextFile writeTextDir writeScript writeScriptBin symlinkJoin linkFarm buildEnv runCommandLocal
    stdenvNoCC mkShellNoCC stdenvAdapters dockerTools nixpkgs-fmt nixfmt hello jq ripgrep wget vim neovim
    gnumake gnutar gzip gawk findutils diffutils patchelf postgresql nginx htop tmux python2 ruby lua
    fetchFromGitea fetchFromSourcehut fetchFromBitbucket fetchCrate fetchsvn fetchhg fetchYarnDeps
    applyPatches emptyDirectory emptyFile formats testers nix-update-script copyDesktopItems
    makeBinaryWrapper autoPatchelfHook pkgsCross pkgsStatic pkgsMusl buildPythonPackage
    buildPythonApplication appimageTools buildFHSEnv requireFile mkYarnPackage emacs firefox";

/// What is selected of anything else: of platforms, types, licenses, packages.
const OTHER: &str = "
    mkDerivation hostPlatform isLinux isDarwin buildPlatform targetPlatform version pname name src meta
    url hash sha256 owner repo rev
    cc out dev lib bin man doc override overrideAttrs passthru system isx86_64 isAarch64 isi686 is64bit
    isMusl isStatic isUnix isWindows isFreeBSD isAarch32 is32bit isRiscV isBigEndian isLittleEndian
    parsed config cpu kernel abi emulator canExecute extensions sharedLibrary executable
    bool str package listOf int path nullOr lines port enum attrsOf submodule attrs either oneOf anything
    unspecified raw float number separatedString commas envVar nonEmptyStr singleLineStr strMatching
    lazyAttrsOf functionTo deferredModule coercedTo ints positive unsigned between u8 u16 u32 s32
    mit asl20 gpl3Plus gpl3Only gpl2Plus gpl2Only bsd3 bsd2 unfree lgpl21Plus lgpl3Plus lgpl21Only mpl20
    isc agpl3Plus agpl3Only publicDomain free zlib ofl unlicense cc0 cc-by-sa-40 cc-by-40 boost artistic2
    linux unix darwin all none windows x86_64 aarch64 x86_64-linux aarch64-linux
    python interpreter sitePackages pkgs withPackages buildPythonPackage buildPythonApplication
    buildRustPackage majorMinor major minor patch toJSON toJSON' toINI toKeyValue toYAML toPretty
    description homepage license maintainers platforms mainProgram longDescription changelog
    services programs environment networking systemPackages users boot enable settings extraConfig
    outPath drvPath outputs type drvAttrs stdenv shell bintools libc isClang isGNU targetPrefix
    mapAttrs attrNames attrValues fromJSON readFile readDir pathExists fetchTarball fetchGit fetchurl
    toString listToAttrs elem filter elemAt head length concatStringsSep concatMap genList getAttr
    hasAttr isString isList isAttrs isFunction trace tryEval toFile currentSystem substring match split
    replaceStrings foldl' removeAttrs intersectAttrs catAttrs map import getFlake toPath storePath
    hashString hashFile getEnv compareVersions parseDrvName splitVersion baseNameOf dirOf sort seq deepSeq";

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashSet;

    use super::*;
    use crate::completion::tests::best;

    #[test]
    fn each_usual_name_is_listed_once() {
        for names in [LIBRARY, PACKAGES, OTHER] {
            let mut seen = FxHashSet::default();
            let again: Vec<&str> =
                names.split_whitespace().filter(|it| !seen.insert(*it)).collect();
            assert_eq!(again, [""; 0]);
        }
    }
    #[test]
    fn what_nixpkgs_uses_most_comes_first() {
        assert_eq!(best("{ lib, ... }: lib.mk$0", 3), ["mkIf", "mkOption", "mkEnableOption"]);
        assert_eq!(best("{ lib, ... }: lib.t$0", 1), ["types"]);
        assert_eq!(best("{ pkgs, ... }: pkgs.$0", 2), ["stdenv", "lib"]);
        assert_eq!(best("{ stdenv }: stdenv.hostPlatform.i$0", 2), ["isLinux", "isDarwin"]);
        assert_eq!(best("builtins.m$0", 1), ["mapAttrs"]);
        assert_eq!(best("{ $0 }: 1", 3), ["...", "stdenv", "lib"]);
    }

    #[test]
    fn what_the_workspace_uses_comes_before_what_nixpkgs_uses() {
        let text = |uses: &str| {
            format!(
                "//- /w/a.nix\n{{ lib, ... }}: lib.m$0\n//- /w/b.nix\n{{ lib, ... }}: [ {uses} ]\n\
                 //- /w/c.nix\n{{ lib, ... }}: with lib; mkForce 1\n"
            )
        };
        assert_eq!(best(&text("lib.mkMerge"), 3), ["mkMerge", "mkForce", "maintainers"]);
        // Two files count more than one that uses it often.
        let often = text("lib.mkMerge lib.mkMerge lib.mkForce");
        assert_eq!(best(&often, 2), ["mkForce", "mkMerge"]);
        // What this file uses counts more.
        let here = "//- /w/a.nix\n{ lib, ... }: [ (lib.mkAfter 1) lib.m$0 ]\n\
                    //- /w/c.nix\n{ lib, ... }: with lib; mkForce 1\n";
        assert_eq!(best(here, 2), ["mkAfter", "mkForce"]);
    }

    #[test]
    fn the_written_case_comes_first_and_private_names_last() {
        let set = "let s = { Sas = 1; sb = 1; _c = 1; __d = 1; x = 1; }; in s.";
        assert_eq!(best(&format!("{set}$0"), 5), ["Sas", "sb", "x", "__d", "_c"]);
        assert_eq!(best(&format!("{set}s$0"), 2), ["sb", "Sas"]);
        assert_eq!(best(&format!("{set}S$0"), 2), ["Sas", "sb"]);
        assert_eq!(best(&format!("{set}__$0"), 1), ["__d"]);
    }
}
