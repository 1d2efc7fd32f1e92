//! Floe's store and Nix's are the same store. Needs `nix-store`, `nix-instantiate` and `nix-daemon`
//! on the PATH; without them these tests say so and pass. With `FLOE_NIXPKGS`, a checkout of
//! nixpkgs, the derivations are those of its `hello`.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use floe_store::daemon::{BuildMode, ClientSettings, DaemonError, DaemonStore, Field, LogEvent};
use floe_store::derivation::HashModulo;
use floe_store::hash::{Algorithm, Format};
use floe_store::store::{GarbageOptions, Layout, Root, StoreError, add_path, compute_path};
use floe_store::{Derivation, LocalStore, Method, PathInfo, Store, StorePath, nar};
use tempfile::TempDir;

/// A store of its own for Nix and for us.
struct Shared {
    directory: TempDir,
    layout: Layout,
}

impl Shared {
    fn new() -> Option<Self> {
        let is_there = Command::new("nix-store").arg("--version").output().is_ok();
        if !is_there {
            eprintln!("skipped: there is no nix-store on the PATH");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::relocated(&directory.path().join("data")).unwrap();
        fs::create_dir(directory.path().join("conf")).unwrap();
        Some(Self { directory, layout })
    }

    fn open(&self) -> LocalStore {
        LocalStore::open(self.layout.clone()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("NIX_STORE_DIR", self.layout.store_dir.as_str())
            .env("NIX_STATE_DIR", &self.layout.state_dir)
            .env("NIX_LOG_DIR", &self.layout.log_dir)
            .env("NIX_CONF_DIR", self.path("conf"))
            .env("NIX_CONFIG", "sandbox = false\nbuild-users-group =\nsubstituters =\n")
            .env("NIX_DAEMON_SOCKET_PATH", self.path("socket"))
            .env("NIX_REMOTE", "local")
            .env("HOME", self.directory.path())
            .env_remove("NIX_PATH");
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(program).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        output.stdout
    }

    fn lines(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let text = String::from_utf8(self.run(program, arguments)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// A directory with every kind of file.
    fn sample_tree(&self) -> PathBuf {
        let root = self.path("tree");
        fs::create_dir_all(root.join("empty")).unwrap();
        fs::write(root.join("file"), vec![7; 300_000]).unwrap();
        fs::write(root.join("Ünï"), "").unwrap();
        fs::write(root.join("program"), "#!/bin/sh").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(root.join("program"), executable).unwrap();
        symlink("file", root.join("link")).unwrap();
        root
    }
}

fn everything() -> GarbageOptions {
    GarbageOptions { running_programs: false, ..GarbageOptions::default() }
}

fn text<'a>(
    store: &dyn Store,
    name: &str,
    references: impl IntoIterator<Item = &'a StorePath>,
) -> StorePath {
    store.add_text(name, name.as_bytes(), &references.into_iter().cloned().collect()).unwrap()
}

#[test]
fn nix_finds_nothing_wrong_with_our_store() {
    let Some(shared) = Shared::new() else { return };
    let store = shared.open();
    let tree = shared.sample_tree();
    let needed = text(&store, "needed", []);
    let path = text(&store, "text", [&needed]);
    let source = add_path::<StoreError>(&store, "tree", &tree, Method::Nar, &mut |_, _| Ok(true));
    let source = store.store_dir().print(&source.unwrap());
    let (needed, path) = (store.store_dir().print(&needed), store.store_dir().print(&path));

    let check =
        shared.command("nix-store").args(["--verify", "--check-contents"]).output().unwrap();
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(check.status.success() && !said.contains("modified"), "{said}");
    assert_eq!(
        shared.lines("nix-store", &["-q", "--references", &path]),
        std::slice::from_ref(&needed)
    );
    assert_eq!(
        shared.lines("nix-store", &["-q", "--referrers", &needed]),
        std::slice::from_ref(&path)
    );
    assert_eq!(
        shared.lines("nix-store", &["--add", tree.to_str().unwrap()]),
        std::slice::from_ref(&source)
    );
    let mut archive = Vec::new();
    nar::dump(&tree, &mut archive).unwrap();
    assert_eq!(shared.run("nix-store", &["--dump", &source]), archive);
    assert_eq!(shared.lines("nix-store", &["-q", "--size", &source]), [archive.len().to_string()]);
}

#[test]
fn we_find_nothing_wrong_with_a_store_of_nix() {
    let Some(shared) = Shared::new() else { return };
    let tree = shared.sample_tree();
    let added = shared.lines("nix-store", &["--add", tree.to_str().unwrap()]);
    let flat =
        shared.lines("nix-store", &["--add-fixed", "sha1", tree.join("file").to_str().unwrap()]);
    let store = shared.open();
    let dir = store.store_dir();
    let computed =
        compute_path::<StoreError>(dir, "tree", &tree, Method::Nar, &mut |_, _| Ok(true)).unwrap();
    assert_eq!([dir.print(&computed.0)], *added);
    let hash = nar::hash_flat(&tree.join("file"), Algorithm::Sha1).unwrap();
    let computed = dir.fixed_output_path("file", Method::Flat, &hash, [], false).unwrap();
    assert_eq!([dir.print(&computed)], *flat);
    let info = store.query(&computed).unwrap().unwrap();
    assert_eq!(info.content_address.unwrap().hash, hash);
    let report = store.verify(true).unwrap();
    assert_eq!((report.checked, report.missing, report.corrupted), (2, vec![], vec![]));
}

#[test]
fn derivations_of_nix_mean_the_same_to_us() {
    let Some(shared) = Shared::new() else { return };
    let expression = shared.path("expression.nix");
    fs::write(&expression, EXPRESSION).unwrap();
    let instantiated = match std::env::var("FLOE_NIXPKGS") {
        Ok(nixpkgs) => shared.lines("nix-instantiate", &[&nixpkgs, "-A", "hello"]),
        Err(_) => {
            eprintln!("FLOE_NIXPKGS is not set: three small derivations in place of nixpkgs");
            shared.lines("nix-instantiate", &[expression.to_str().unwrap()])
        }
    };
    let local = shared.open();
    let store: &dyn Store = &local;
    let dir = store.store_dir();
    let top = dir.parse(&instantiated[0]).unwrap();
    let closure = store.closure([top]).unwrap();

    let mut hashes: HashMap<StorePath, HashModulo> = HashMap::new();
    let mut waiting: Vec<StorePath> =
        closure.iter().filter(|path| path.is_derivation()).cloned().collect();
    let count = waiting.len();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|path| {
            let derivation = store.read_derivation(path).unwrap();
            if derivation.input_drvs.keys().any(|input| !hashes.contains_key(input)) {
                return true;
            }
            let bytes = fs::read(store.real_path(path)).unwrap();
            assert_eq!(derivation.to_store(dir).unwrap(), (path.clone(), bytes));
            let inputs = |input: &StorePath| Ok::<_, StoreError>(hashes[input]);
            let outputs = derivation.output_paths(dir).unwrap();
            assert_eq!(derivation.compute_output_paths(dir, inputs).unwrap(), outputs, "{path}");
            for (name, output) in outputs {
                let output = output.unwrap();
                assert_eq!(local.database().derivation_outputs(path).unwrap()[&name], output);
            }
            let inputs = |input: &StorePath| Ok::<_, StoreError>(hashes[input]);
            hashes.insert(path.clone(), derivation.hash_modulo(dir, inputs).unwrap());
            false
        });
        assert!(waiting.len() < before, "a cycle");
    }
    eprintln!("{count} derivations and their output paths are equal");

    // Writing them again from their parts makes the same store.
    let other = tempfile::tempdir().unwrap();
    let again =
        LocalStore::open(Layout { state_dir: other.path().join("var"), ..local.layout().clone() })
            .unwrap();
    for source in closure.iter().filter(|path| !path.is_derivation()) {
        let info = local.query(source).unwrap().unwrap();
        again.register(vec![PathInfo { references: BTreeSet::new(), ..info }]).unwrap();
    }
    let derivations: Vec<Derivation> = closure
        .iter()
        .filter(|path| path.is_derivation())
        .map(|path| store.read_derivation(path).unwrap())
        .collect();
    let started = Instant::now();
    again.add_derivations(&derivations).unwrap();
    eprintln!("{count} derivations written in {:?}", started.elapsed());
    assert_eq!(again.database().all().unwrap(), closure);
    assert_eq!(again.verify(true).unwrap().corrupted, []);
}

const EXPRESSION: &str = r#"
let
  dep = derivation {
    name = "dep"; system = "any"; builder = "/bin/sh"; outputs = [ "out" "dev" ];
    args = [ "-c" "echo \"$out\" \\ ü" ];
  };
  fixed = derivation {
    name = "fixed"; system = "any"; builder = "builtin:fetchurl"; url = "http://example.org";
    outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  };
in derivation {
  name = "top"; system = "any"; builder = "/bin/sh";
  inherit fixed; inherit (dep) dev; text = builtins.toFile "text" "some text";
}
"#;

#[test]
fn each_collector_respects_the_others_roots() {
    let Some(shared) = Shared::new() else { return };
    let (ours, theirs) = {
        let store = shared.open();
        let [ours, theirs, _dead] = ["ours", "theirs", "dead"].map(|name| text(&store, name, []));
        store.add_root(&shared.path("ours"), &ours).unwrap();
        let theirs_printed = store.store_dir().print(&theirs);
        let link = shared.path("theirs");
        let root = ["-r", &theirs_printed, "--add-root", link.to_str().unwrap(), "--indirect"];
        shared.run("nix-store", &root);
        // Our temporary roots count for Nix.
        assert_eq!(shared.lines("nix-store", &["--gc", "--print-dead"]), [""; 0]);
        (ours, theirs)
    };
    let alive: BTreeSet<_> = [ours.clone(), theirs.clone()].into();
    let store = shared.open();
    let foreseen =
        store.collect_garbage(&GarbageOptions { dry_run: true, ..everything() }).unwrap();
    assert_eq!(foreseen.deleted.len(), 1);
    shared.run("nix-store", &["--gc"]);
    assert_eq!(store.database().all().unwrap(), alive);
    let report = store.collect_garbage(&everything()).unwrap();
    assert_eq!(store.database().all().unwrap(), alive, "{report:?}");
}

/// A daemon that goes away with the test.
struct Daemon(Child);

impl Daemon {
    fn start(shared: &Shared) -> Self {
        let child = shared
            .command("nix-daemon")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn connect(&mut self, shared: &Shared) -> DaemonStore {
        let started = Instant::now();
        loop {
            match DaemonStore::connect(&shared.path("socket"), shared.layout.clone()) {
                Ok(store) => return store,
                Err(StoreError::Daemon(DaemonError::Connect { .. }))
                    if started.elapsed() < Duration::from_secs(20) =>
                {
                    assert!(self.0.try_wait().unwrap().is_none(), "the daemon has ended");
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_daemon_is_a_store() {
    let Some(shared) = Shared::new() else { return };
    let mut daemon = Daemon::start(&shared);
    let store = daemon.connect(&shared);
    eprintln!("daemon of version {}", store.daemon_version().unwrap());
    let local = shared.open();
    let tree = shared.sample_tree();

    let needed = text(&store, "needed", []);
    let path = text(&store, "text", [&needed]);
    let source =
        add_path::<StoreError>(&store, "tree", &tree, Method::Nar, &mut |_, _| Ok(true)).unwrap();
    let flat = store
        .add_dump("flat", Method::Flat, Algorithm::Sha256, &BTreeSet::new(), &mut &b"x"[..])
        .unwrap();
    for path in [&needed, &path, &source, &flat] {
        assert!(store.is_valid(path).unwrap());
        assert_eq!(store.query(path).unwrap(), local.query(path).unwrap());
    }
    let nowhere = StorePath::parse("00000000000000000000000000000000-nowhere").unwrap();
    assert_eq!(store.query(&nowhere).unwrap(), None);
    assert!(!store.is_valid(&nowhere).unwrap());

    let (mut sent, mut on_disk) = (Vec::new(), Vec::new());
    store.nar(&source, &mut sent).unwrap();
    nar::dump(&tree, &mut on_disk).unwrap();
    assert_eq!(sent, on_disk);

    // A refusal is an error with the daemon's words, after which the connection is still good.
    let refused = store.nar(&nowhere, &mut Vec::new());
    assert!(matches!(refused, Err(StoreError::NotValid(_))));
    let none = &mut |_| {};
    let refused = store.ensure(&nowhere, none).unwrap_err();
    assert!(matches!(refused, StoreError::Daemon(DaemonError::Refused { .. })), "{refused}");
    let elsewhere = PathInfo::new(nowhere.clone(), floe_store::Hash::sha256(&sent), 1);
    let refused = store.add_nar(&elsewhere, &mut &*sent).unwrap_err();
    assert!(refused.to_string().contains("mismatch") || refused.to_string().contains("signature"));
    let info = PathInfo { nar_size: sent.len() as u64, ..elsewhere };
    match store.add_nar(&info, &mut &*sent) {
        Ok(()) => assert_eq!(local.query(&nowhere).unwrap().unwrap().nar_hash, info.nar_hash),
        Err(error) => assert!(error.to_string().contains("signature"), "{error}"),
    }

    let link = shared.path("result");
    store.add_root(&link, &path).unwrap();
    assert_eq!(store.valid_paths().unwrap(), local.valid_paths().unwrap());
    assert!(store.roots().unwrap().contains(&(path.clone(), Root::Link(link))));
    assert!(store.verify(true, none).unwrap());
    drop(store);
    drop(local);
    let store = daemon.connect(&shared);
    let report = store.collect_garbage(&GarbageOptions::default()).unwrap();
    assert!(report.deleted.contains(&source.to_string()), "{report:?}");
    assert!(report.bytes_freed > 0);
    assert!(store.is_valid(&needed).unwrap());
}

#[test]
fn a_daemon_builds() {
    let Some(shared) = Shared::new() else { return };
    let expression = shared.path("build.nix");
    let system = format!("{}-linux", std::env::consts::ARCH);
    fs::write(
        &expression,
        format!(
            r#"map (script: derivation {{
                name = "built"; system = "{system}"; builder = "/bin/sh"; args = [ "-c" script ];
            }}) [ "echo one line; echo contents > $out" "echo no luck; exit 3" ]"#
        ),
    )
    .unwrap();
    let paths = shared.lines("nix-instantiate", &[expression.to_str().unwrap()]);
    let mut daemon = Daemon::start(&shared);
    let store = daemon.connect(&shared);
    let requests: Vec<_> = paths
        .iter()
        .map(|path| (store.store_dir().parse(path).unwrap(), BTreeSet::from(["out".to_owned()])))
        .collect();
    let missing = store.missing(&requests).unwrap();
    assert_eq!(missing.build, requests.iter().map(|(path, _)| path.clone()).collect());
    assert!(missing.substitute.is_empty() && missing.unknown.is_empty(), "{missing:?}");
    let mut lines = Vec::new();
    let mut build = |requests: &[_]| {
        let settings = ClientSettings::default();
        store.build_paths(requests, BuildMode::Normal, &settings, &mut |event| {
            if let LogEvent::Result { kind: 101, fields, .. } = event
                && let [Field::Text(line)] = &fields[..]
            {
                lines.push(line.clone());
            }
        })
    };
    let good = build(&requests[..1]).unwrap();
    let bad = build(&requests[1..]).unwrap();
    assert!(good[0].is_success(), "{good:?}");
    assert!(!bad[0].is_success() && bad[0].error.contains("exit code 3"), "{bad:?}");
    assert_eq!(lines, ["one line", "no luck"]);
    let output = (&store as &dyn Store)
        .read_derivation(&requests[0].0)
        .unwrap()
        .output_paths(store.store_dir())
        .unwrap()["out"]
        .clone()
        .unwrap();
    assert_eq!(good[0].outputs.get("out"), Some(&output), "{good:?}");
    assert_eq!(fs::read_to_string(store.real_path(&output)).unwrap(), "contents\n");
    let info = store.query(&output).unwrap().unwrap();
    assert!(info.ultimate);
    assert_eq!(info.deriver, Some(requests[0].0.clone()));
    assert_eq!(
        info.nar_hash.format(Format::Nix32),
        nar::hash_path(Path::new(&store.real_path(&output)), Algorithm::Sha256)
            .unwrap()
            .0
            .format(Format::Nix32)
    );
}
