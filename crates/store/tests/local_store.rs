//! What a local store promises, checked on real files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use floe_store::store::{GarbageOptions, Layout, Root, StoreError, add_path, compute_path};
use floe_store::{
    Derivation, DerivationOutput, Hash, LocalStore, Method, PathInfo, Store, StorePath, nar,
};
use tempfile::TempDir;

fn open(directory: &TempDir) -> LocalStore {
    LocalStore::open(Layout::relocated(&directory.path().join("data")).unwrap()).unwrap()
}

fn add_text(store: &dyn Store, name: &str, references: &[&StorePath]) -> StorePath {
    let references = references.iter().map(|path| (*path).clone()).collect();
    store.add_text(name, format!("contents of {name}").as_bytes(), &references).unwrap()
}

/// Everything, whatever runs on this machine.
fn everything() -> GarbageOptions {
    GarbageOptions { running_programs: false, ..GarbageOptions::default() }
}

fn files_in_store(store: &LocalStore) -> BTreeSet<String> {
    let entries = fs::read_dir(&store.layout().real_dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_added_text_is_valid_and_canonical() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let needed = add_text(&store, "needed", &[]);
    let path = add_text(&store, "text", &[&needed]);
    assert_eq!(add_text(&store, "text", &[&needed]), path);

    let info = open(&directory).query(&path).unwrap().unwrap();
    assert_eq!(info.references, [needed].into());
    assert_eq!(info.content_address.unwrap().method, Method::Text);
    let file = store.real_path(&path);
    assert_eq!(fs::read(&file).unwrap(), b"contents of text");
    let metadata = fs::symlink_metadata(&file).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0o444, 1));
    assert_eq!(nar::hash_path(&file, info.nar_hash.algorithm()).unwrap().0, info.nar_hash);
    assert_eq!(files_in_store(&store).len(), 2);
}

#[test]
fn a_filtered_source_gets_the_path_that_was_computed() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/kept"), "x").unwrap();
    fs::write(source.join("dropped"), "x").unwrap();
    fs::write(source.join("program"), "x").unwrap();
    fs::set_permissions(source.join("program"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("/nowhere", source.join("link")).unwrap();

    let store = open(&directory);
    let mut asked = Vec::new();
    let mut filter = |path: &Path, kind: nar::FileKind| {
        asked.push(format!("{} {}", path.strip_prefix(&source).unwrap().display(), kind.name()));
        Ok::<_, StoreError>(!path.ends_with("dropped"))
    };
    let (computed, _) =
        compute_path(store.store_dir(), "src", &source, Method::Nar, &mut filter).unwrap();
    assert_eq!(
        asked,
        ["dropped regular", "link symlink", "program regular", "sub directory", "sub/kept regular"]
    );
    let mut filter = |path: &Path, _| Ok::<_, StoreError>(!path.ends_with("dropped"));
    for _ in 0..2 {
        let added = add_path(&store, "src", &source, Method::Nar, &mut filter).unwrap();
        assert_eq!(added, computed);
    }
    let place = store.real_path(&computed);
    assert!(!place.join("dropped").exists());
    assert_eq!(fs::read_link(place.join("link")).unwrap(), Path::new("/nowhere"));
    assert_eq!(fs::metadata(place.join("program")).unwrap().mode() & 0o7777, 0o555);
    assert_eq!(fs::metadata(&place).unwrap().mode() & 0o7777, 0o555);
    assert_eq!(store.verify(true).unwrap().corrupted, []);
    assert_eq!(files_in_store(&store).len(), 1);
}

#[test]
fn derivations_are_written_at_once_and_their_outputs_known() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let blank = |name: &str| Derivation {
        name: name.to_owned(),
        outputs: [("out".to_owned(), DerivationOutput::Deferred)].into(),
        input_drvs: [].into(),
        dynamic_inputs: Default::default(),
        input_srcs: [].into(),
        system: "any".to_owned(),
        builder: b"/bin/sh".to_vec(),
        args: vec![],
        env: [].into(),
    };
    let mut input = blank("input");
    input.fill_output_paths::<StoreError>(store.store_dir(), |_| unreachable!()).unwrap();
    let input_path = input.drv_path(store.store_dir()).unwrap();
    let modulo = input.hash_modulo::<StoreError>(store.store_dir(), |_| unreachable!()).unwrap();
    let mut top = blank("top");
    top.input_drvs.insert(input_path.clone(), ["out".to_owned()].into());
    top.fill_output_paths::<StoreError>(store.store_dir(), |_| Ok(modulo)).unwrap();

    // What needs another may come first.
    let paths = store.add_derivations(&[top.clone(), input]).unwrap();
    assert_eq!(paths[1], input_path);
    let store: &dyn Store = &store;
    assert_eq!(store.read_derivation(&paths[0]).unwrap(), top);
    assert_eq!(store.closure([paths[0].clone()]).unwrap(), paths.iter().cloned().collect());
    let output = top.output_paths(store.store_dir()).unwrap()["out"].clone().unwrap();
    let database = open(&directory);
    assert_eq!(database.database().valid_derivers(&output).unwrap(), [paths[0].clone()].into());
}

#[test]
fn only_what_a_root_reaches_survives_a_collection() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let needed = add_text(&store, "needed", &[]);
    let rooted = add_text(&store, "rooted", &[&needed]);
    let dead_needed = add_text(&store, "dead-needed", &[]);
    let dead = add_text(&store, "dead", &[&dead_needed, &needed]);
    let link = directory.path().join("result");
    store.add_root(&link, &rooted).unwrap();
    fs::create_dir(store.layout().real_dir.join("leftover")).unwrap();
    fs::write(store.layout().real_dir.join(format!("{dead}.lock")), "").unwrap();

    // Temporary roots protect everything while the store that added it is open.
    let first = store.collect_garbage(&everything()).unwrap();
    assert_eq!(first.deleted, ["leftover"]);
    drop(store);

    let store = open(&directory);
    let dry = GarbageOptions { dry_run: true, ..everything() };
    let foreseen = store.collect_garbage(&dry).unwrap();
    assert!(store.is_valid(&dead).unwrap());
    let report = store.collect_garbage(&everything()).unwrap();
    assert_eq!(foreseen.deleted, report.deleted);
    assert_eq!(report.deleted, [dead.to_string(), dead_needed.to_string(), format!("{dead}.lock")]);
    assert!(report.bytes_freed > 0);
    assert_eq!(files_in_store(&store), [needed.to_string(), rooted.to_string()].into());
    assert_eq!(store.database().all().unwrap(), [needed, rooted.clone()].into());
    assert_eq!(store.roots().unwrap(), [(rooted, Root::Link(link.clone()))].into());

    // Removing the link is all it takes.
    fs::remove_file(&link).unwrap();
    store.collect_garbage(&everything()).unwrap();
    assert!(files_in_store(&store).is_empty());
    let auto = store.layout().state_dir.join("gcroots/auto");
    assert_eq!(fs::read_dir(auto).unwrap().count(), 0);
}

#[test]
fn what_a_running_program_mentions_survives() {
    let directory = tempfile::tempdir().unwrap();
    let path = add_text(&open(&directory), "used", &[]);
    let store = open(&directory);
    let mut program = std::process::Command::new("cat")
        .env("USED", format!("{}/bin:/elsewhere", store.store_dir().print(&path)))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // It has its environment once it answers.
    std::io::Write::write_all(program.stdin.as_mut().unwrap(), b"x").unwrap();
    std::io::Read::read_exact(program.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    store.collect_garbage(&GarbageOptions::default()).unwrap();
    assert!(store.is_valid(&path).unwrap());
    assert!(matches!(store.roots().unwrap().first(), Some((_, Root::Running(_)))));
    program.kill().unwrap();
    program.wait().unwrap();
    store.collect_garbage(&GarbageOptions::default()).unwrap();
    assert!(!store.is_valid(&path).unwrap());
}

#[test]
fn a_collection_can_be_limited() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two, alive) = {
        let store = open(&directory);
        let alive = add_text(&store, "alive", &[]);
        store.add_root(&directory.path().join("result"), &alive).unwrap();
        (add_text(&store, "one", &[]), add_text(&store, "two", &[]), alive)
    };
    let store = open(&directory);
    let only =
        |path: &StorePath| GarbageOptions { only: Some([path.clone()].into()), ..everything() };
    assert!(matches!(store.collect_garbage(&only(&alive)), Err(StoreError::StillAlive(_))));
    assert_eq!(store.collect_garbage(&only(&one)).unwrap().deleted, [one.to_string()]);
    let nothing = GarbageOptions { max_freed: Some(0), ..everything() };
    assert_eq!(store.collect_garbage(&nothing).unwrap().deleted, [""; 0]);
    assert!(store.is_valid(&two).unwrap());
}

#[test]
fn roots_do_not_overwrite_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let path = add_text(&store, "text", &[]);
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(store.add_root(&file, &path), Err(StoreError::RootExists(_))));
    let inside = store.layout().real_dir.join("result");
    assert!(matches!(store.add_root(&inside, &path), Err(StoreError::RootInStore(_))));
    let link = directory.path().join("deep/er/result");
    store.add_root(&link, &path).unwrap();
    store.add_root(&link, &path).unwrap();
    assert_eq!(fs::read_link(link).unwrap(), store.store_dir().join(&path));
}

#[test]
fn a_nar_with_another_hash_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let mut archive = Vec::new();
    nar::write_file(b"x", false, &mut archive).unwrap();
    let path = StorePath::parse("00000000000000000000000000000000-x").unwrap();
    let wrong = PathInfo::new(path.clone(), Hash::sha256(b"else"), 0);
    let refused = store.add_nar(&wrong, &mut &*archive);
    assert!(matches!(refused, Err(StoreError::HashMismatch { .. })));
    assert!(!store.is_valid(&path).unwrap());
    assert!(files_in_store(&store).is_empty());

    let right = PathInfo::new(path.clone(), Hash::sha256(&archive), 0);
    let claimed = PathInfo {
        content_address: "fixed:sha1:kpcd173cq987hw957sx6m0868wv3x6d9".parse().ok(),
        ..right.clone()
    };
    let refused = store.add_nar(&claimed, &mut &*archive);
    assert!(matches!(refused, Err(StoreError::NotContentAddressed { .. })));
    store.add_nar(&right, &mut &*archive).unwrap();
    assert_eq!(store.query(&path).unwrap().unwrap().nar_size, archive.len() as u64);
}

#[test]
fn leftovers_of_a_crash_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let path = add_text(&store, "text", &[]);
    let other = tempfile::tempdir().unwrap();
    // A store whose files were written when the machine stopped, but not the database.
    let second =
        LocalStore::open(Layout { state_dir: other.path().join("var"), ..store.layout().clone() })
            .unwrap();
    let place = second.real_path(&path);
    fs::remove_file(&place).unwrap();
    fs::create_dir_all(place.join("half")).unwrap();
    assert!(!second.is_valid(&path).unwrap());
    assert_eq!(add_text(&second, "text", &[]), path);
    assert_eq!(fs::read(place).unwrap(), b"contents of text");
}

#[test]
fn damage_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let [gone, changed, _fine] =
        ["gone", "changed", "fine"].map(|name| add_text(&store, name, &[]));
    fs::remove_file(store.real_path(&gone)).unwrap();
    fs::remove_file(store.real_path(&changed)).unwrap();
    fs::write(store.real_path(&changed), "else").unwrap();
    let report = store.verify(true).unwrap();
    assert_eq!((report.checked, report.missing, report.corrupted), (3, vec![gone], vec![changed]));
    assert_eq!(store.verify(false).unwrap().corrupted, []);
}

#[test]
fn an_output_refers_to_what_its_files_mention() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let [mentioned, unmentioned] =
        ["mentioned", "unmentioned"].map(|name| add_text(&store, name, &[]));
    let output = StorePath::parse("11111111111111111111111111111111-out").unwrap();
    let place = store.real_path(&output);
    fs::create_dir(&place).unwrap();
    fs::write(place.join("file"), format!("\0{}\0", store.store_dir().print(&mentioned))).unwrap();
    symlink(store.store_dir().join(&output), place.join("self")).unwrap();
    let candidates = [mentioned.clone(), unmentioned, output.clone()];
    let info = LocalStore::scan_output(&output, &place, candidates).unwrap();
    assert_eq!(info.references, [output.clone(), mentioned].into());
    store.register(vec![info.clone()]).unwrap();
    assert_eq!(store.query(&output).unwrap().unwrap().references, info.references);
    assert_eq!(fs::metadata(place.join("file")).unwrap().mode() & 0o7777, 0o444);
}

#[test]
fn adding_and_collecting_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let store = open(&directory);
                    for number in 0..8 {
                        let needed = add_text(&store, &format!("needed-{number}"), &[]);
                        let path = add_text(&store, &format!("text-{number}"), &[&needed]);
                        assert!(store.is_valid(&path).unwrap());
                        assert!(store.real_path(&needed).exists());
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..20 {
                open(&directory).collect_garbage(&everything()).unwrap();
            }
        });
    });
    let store = open(&directory);
    assert_eq!(store.verify(true).unwrap().missing, []);
    store.collect_garbage(&everything()).unwrap();
    assert!(files_in_store(&store).is_empty());
}

/// Killed at any moment, a program leaves only valid paths and garbage. The program is this test
/// itself, started again with a store to work on.
#[test]
fn a_killed_program_leaves_no_half_path() {
    const WORK: &str = "FLOE_TEST_STORE_TO_WORK_ON";
    const NAME: &str = "a_killed_program_leaves_no_half_path";
    if let Some(data) = std::env::var_os(WORK) {
        work_until_killed(Path::new(&data));
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut added = 0;
    for round in 0..12 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(WORK, &data)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(40 + 17 * round));
        child.kill().unwrap();
        child.wait().unwrap();

        let store = open(&directory);
        let report = store.verify(true).unwrap();
        assert_eq!((report.missing, report.corrupted), (vec![], vec![]));
        added += report.checked;
        store.collect_garbage(&everything()).unwrap();
        assert!(files_in_store(&store).is_empty());
    }
    assert!(added > 0, "the program was always killed before it did anything");
}

fn work_until_killed(data: &Path) -> ! {
    let store = LocalStore::open(Layout::relocated(data).unwrap()).unwrap();
    let source = data.join("source");
    fs::create_dir_all(&source).unwrap();
    for number in 0u64.. {
        let needed = add_text(&store, &format!("needed-{number}"), &[]);
        add_text(&store, &format!("text-{number}"), &[&needed]);
        fs::write(source.join("file"), number.to_le_bytes()).unwrap();
        add_path::<StoreError>(&store, "source", &source, Method::Nar, &mut |_, _| Ok(true))
            .unwrap();
        if number % 16 == 15 {
            let other = LocalStore::open(Layout::relocated(data).unwrap()).unwrap();
            other.collect_garbage(&everything()).unwrap();
        }
    }
    unreachable!("there are more numbers than time")
}
