//! Real builds in the real sandbox.

use std::collections::BTreeSet;
use std::path::Path;

use expect_test::{Expect, expect};
use floe_builder::{Cancellation, SandboxMode};
use floe_store::derivation::DynamicInput;
use floe_store::{
    Algorithm, ContentAddress, Derivation, DerivationOutput, Hash, LocalStore, Method, Store,
};

use crate::support::{Recipe, Record, TestStore, recipe};

/// Builds a recipe and compares its output file.
#[track_caller]
fn check(recipe: &Recipe, expected: &str) {
    let test = TestStore::new();
    let derivation = test.add(recipe);
    if test.build(&[&derivation]).is_some() {
        assert_eq!(test.read(&derivation), expected);
        assert_eq!(test.litter(), [""; 0]);
    }
}

/// Builds a recipe in vain; paths in the message lose their hashes.
#[track_caller]
fn check_failure(recipe: &Recipe, expected: &Expect) {
    let test = TestStore::new();
    let derivation = test.add(recipe);
    if let Some(message) = test.fail(&derivation) {
        expected.assert_eq(&without_hashes(&message, &test));
    }
}

fn without_hashes(message: &str, test: &TestStore) -> String {
    let root = test.root().to_string_lossy();
    let mut text = message.replace(&*root, "<root>");
    while let Some(start) = text.find("/nix/store/") {
        let end = start + "/nix/store/".len() + 33;
        text.replace_range(start..end.min(text.len()), "<store>/");
    }
    text
}

#[test]
fn an_output_is_registered_with_what_is_known_of_it() {
    let test = TestStore::new();
    let derivation = test.add(&recipe("hello", "echo hello > $out"));
    let Some(events) = test.build(&[&derivation]) else { return };
    assert_eq!(events, ["plan hello.drv; fetch ", "start hello.drv", "Built hello.drv"]);
    assert_eq!(test.read(&derivation), "hello\n");
    let info = test.store.query(&test.output(&derivation, "out")).unwrap().unwrap();
    assert_eq!(info.deriver, Some(derivation.clone()));
    assert_eq!(info.references, BTreeSet::new());
    assert!(info.ultimate && info.signatures.is_empty() && info.registration_time > 0);
    let place = test.store.real_path(&info.path);
    assert_eq!(info.nar_hash, floe_store::nar::hash_path(&place, Algorithm::Sha256).unwrap().0);
    assert!(std::fs::metadata(&place).unwrap().permissions().readonly());

    assert_eq!(test.build(&[&derivation]).unwrap(), ["plan ; fetch "]);
}

#[test]
fn references_to_inputs_and_to_itself_are_found() {
    let test = TestStore::new();
    let source = test.as_store().add_text("source", b"text", &BTreeSet::new()).unwrap();
    let unused = test.add(&recipe("unused", "echo > $out"));
    let used = test.add(&recipe("used", "echo used > $out"));
    let paths = format!("{} {}", test.printed(&used), test.store.store_dir().print(&source));
    let top = recipe("top", "mkdir $out; echo $paths > $out/paths; echo $out > $out/self")
        .env("paths", &paths)
        .input(&used)
        .input(&unused)
        .source(&source);
    let top = test.add(&top);
    if test.build(&[&top]).is_none() {
        return;
    }
    let output = test.output(&top, "out");
    let info = test.store.query(&output).unwrap().unwrap();
    assert_eq!(info.references, BTreeSet::from([output, test.output(&used, "out"), source]));
}

#[test]
fn a_chain_is_built_in_order() {
    let test = TestStore::new();
    let first = test.add(&recipe("first", "echo 1 > $out"));
    let second =
        recipe("second", "(cat $first; echo 2) > $out").env("first", &test.printed(&first));
    let second = test.add(&second.input(&first));
    let third =
        recipe("third", "(cat $second; echo 3) > $out").env("second", &test.printed(&second));
    let third = test.add(&third.input(&second));
    let Some(events) = test.build(&[&third]) else { return };
    assert_eq!(
        events,
        [
            "plan first.drv second.drv third.drv; fetch ",
            "start first.drv",
            "Built first.drv",
            "start second.drv",
            "Built second.drv",
            "start third.drv",
            "Built third.drv",
        ]
    );
    assert_eq!(test.read(&third), "1\n2\n3\n");
}

#[test]
fn two_outputs_may_refer_one_way() {
    let test = TestStore::new();
    let derivation = recipe("pair", "echo dev > $dev; echo $dev > $out").outputs(&["out", "dev"]);
    let derivation = test.add(&derivation);
    if test.build(&[&derivation]).is_none() {
        return;
    }
    let [out, dev] = ["out", "dev"].map(|name| test.output(&derivation, name));
    assert_eq!(dev.name(), "pair-dev");
    assert_eq!(test.read_output(&derivation, "dev"), "dev\n");
    assert_eq!(test.store.query(&out).unwrap().unwrap().references, BTreeSet::from([dev]));
}

#[test]
fn two_outputs_must_not_refer_to_each_other() {
    check_failure(
        &recipe("pair", "echo $out > $dev; echo $dev > $out").outputs(&["out", "dev"]),
        &expect![
            "cycle detected in build of '<store>/pair.drv' in the references of output 'out' from output 'dev'"
        ],
    );
}

#[test]
fn a_missing_output_is_named() {
    check_failure(
        &recipe("none", "true"),
        &expect![
            "builder for '<store>/none.drv' failed to produce output path for output 'out' at '<store>/none'"
        ],
    );
}

#[test]
fn an_output_that_others_may_write_is_refused() {
    check_failure(
        &recipe("open", "echo > $out; chmod 666 $out"),
        &expect![
            "suspicious ownership or permission on '<store>/open' for output 'out'; rejecting this build output"
        ],
    );
}

#[test]
fn experimental_kinds_of_derivations_are_refused() {
    let (method, algorithm) = (Method::Nar, Algorithm::Sha256);
    let test = TestStore::new();
    let input = test.add(&recipe("input", "echo > $out"));
    let refused = |change: &dyn Fn(&mut Derivation)| {
        let plain = test.add(&recipe("experiment", "echo > $out"));
        let mut derivation = test.as_store().read_derivation(&plain).unwrap();
        change(&mut derivation);
        let path = test.as_store().add_derivation(&derivation).unwrap();
        let result = test.try_build(&[&path], &Record::default(), &Cancellation::new().unwrap());
        let message = result.expect("it needs no sandbox").unwrap_err().to_string();
        assert_eq!(test.litter(), [""; 0]);
        without_hashes(&message, &test)
    };
    let refused_output = |output: DerivationOutput| {
        refused(&|derivation| {
            derivation.outputs.insert("out".to_owned(), output.clone());
        })
    };
    let messages = [
        refused(&|derivation| {
            let outputs = ["out".to_owned()].into();
            let of_output = DynamicInput { outputs, ..DynamicInput::default() };
            let dynamic = [("out".to_owned(), of_output)].into();
            derivation.dynamic_inputs.insert(input.clone(), dynamic);
        }),
        refused_output(DerivationOutput::Floating { method, algorithm }),
        refused_output(DerivationOutput::Impure { method, algorithm }),
        refused_output(DerivationOutput::Deferred),
    ];
    expect![[r#"
        cannot build '<store>/experiment.drv': it is dynamic, an experimental kind of derivation that floe does not build yet
        cannot build '<store>/experiment.drv': it is floating content-addressed, an experimental kind of derivation that floe does not build yet
        cannot build '<store>/experiment.drv': it is impure, an experimental kind of derivation that floe does not build yet
        cannot build '<store>/experiment.drv': it is deferred input-addressed, an experimental kind of derivation that floe does not build yet"#]]
    .assert_eq(&messages.join("\n"));
}

#[test]
fn a_failing_builder_shows_the_end_of_its_log() {
    let mut test = TestStore::new();
    test.settings.log_lines = 2;
    let derivation = test.add(&recipe("broken", "echo > $out; echo 1; echo 2 >&2; echo 3; exit 7"));
    if let Some(message) = test.fail(&derivation) {
        let (message, log) = message.split_once("\nFor full logs, see:\n  ").unwrap();
        expect![[r#"
            Cannot build '<store>/broken.drv'.
            Reason: builder failed with exit code 7.
            Output paths:
              <store>/broken
            Last 2 log lines:
            > 2
            > 3"#]]
        .assert_eq(&without_hashes(message, &test));
        let file = floe_builder::log_file(&test.store.layout().log_dir, derivation.base_name());
        assert_eq!(Path::new(log), file);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "1\n2\n3\n");
    }
}

#[test]
fn phases_and_lines_are_reported() {
    let script = r#"echo '@nix {"action":"setPhase","phase":"buildPhase"}' >&$NIX_LOG_FD
        echo compiling; test -t 1 && echo a terminal; echo > $out"#;
    let test = TestStore::new();
    let derivation = test.add(&recipe("phases", script));
    let Some(events) = test.build(&[&derivation]) else { return };
    assert_eq!(
        events[2..5],
        ["phases.drv phase buildPhase", "phases.drv> compiling", "phases.drv> a terminal"]
    );
}

#[test]
fn the_environment_is_that_of_nix() {
    let test = TestStore::new();
    let derivation = recipe("env", "env | sort > $out").env("cores", "").env("multi", "a b");
    let derivation = test.add(&derivation);
    if test.build(&[&derivation]).is_none() {
        return;
    }
    let text = without_hashes(&test.read(&derivation), &test);
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("NIX_BUILD_CORES="))
        .map(|line| format!("{line}\n"))
        .collect();
    expect![[r#"
        HOME=/homeless-shelter
        NIX_BUILD_TOP=/build
        NIX_LOG_FD=2
        NIX_STORE=/nix/store
        PATH=/usr/bin:/bin
        PWD=/build
        TEMP=/build
        TEMPDIR=/build
        TERM=xterm-256color
        TMP=/build
        TMPDIR=/build
        cores=
        multi=a b
        out=<store>/env
        requiredSystemFeatures=host-tools
    "#]]
    .assert_eq(&text);
}

#[test]
fn fixed_outputs_have_the_promised_contents() {
    let flat =
        |contents: &[u8]| ContentAddress { method: Method::Flat, hash: Hash::sha256(contents) };
    check(&recipe("ok", "printf abc > $out").fixed(flat(b"abc")), "abc");
    check(&recipe("checked", "printf $NIX_OUTPUT_CHECKED > $out").fixed(flat(b"1")), "1");
    check_failure(
        &recipe("wrong", "printf abc > $out").fixed(flat(b"abd")),
        &expect![[r#"
            hash mismatch in fixed-output derivation '<store>/wrong.drv':
              specified: sha256-pS0VnyYrLG3bckphhAvvw26zDIiHekAwtly+himESck=
                 got:    sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="#]],
    );
    check_failure(
        &recipe("directory", "mkdir $out").fixed(flat(b"")),
        &expect![
            "output path '<store>/directory' should be a non-executable regular file since recursive hashing is not enabled (one of outputHashMode={flat,text} is true)"
        ],
    );
}

#[test]
fn fixed_outputs_refer_to_nothing() {
    let test = TestStore::new();
    let source = test.as_store().add_text("source", b"", &BTreeSet::new()).unwrap();
    let path = test.store.store_dir().print(&source);
    let address = ContentAddress { method: Method::Flat, hash: Hash::sha256(path.as_bytes()) };
    let derivation = recipe("refers", "printf %s $source > $out").env("source", &path);
    let derivation = test.add(&derivation.source(&source).fixed(address));
    if let Some(message) = test.fail(&derivation) {
        expect!["fixed-output derivations must not reference store paths: '<store>/refers.drv' references 1 distinct paths, e.g. '<store>/source'"].assert_eq(&without_hashes(&message, &test));
    }
}

#[test]
fn the_caller_passes_variables_to_fixed_outputs_only() {
    let path = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let address = ContentAddress { method: Method::Flat, hash: Hash::sha256(path.as_bytes()) };
    let script = "printf %s \"$CARGO_MANIFEST_DIR\" > $out";
    let impure = recipe("impure", script).env("impureEnvVars", "CARGO_MANIFEST_DIR");
    check(&impure.clone().fixed(address), &path);
    check(&impure, "");
}

#[test]
fn there_is_no_network_except_for_fixed_outputs() {
    let script = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' > $out";
    check(&recipe("interfaces", script), "lo\n");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!(
        "bash -c 'echo > /dev/tcp/127.0.0.1/{port}' 2> /dev/null && printf yes > $out || printf no > $out"
    );
    check(&recipe("connect", &connect), "no");
    let yes = ContentAddress { method: Method::Flat, hash: Hash::sha256(b"yes") };
    check(&recipe("connect", &connect).fixed(yes), "yes");
}

#[test]
fn neither_the_home_directory_nor_foreign_store_paths_are_visible() {
    let test = TestStore::new();
    let foreign = test.as_store().add_text("foreign", b"", &BTreeSet::new()).unwrap();
    let source = test.as_store().add_text("source", b"", &BTreeSet::new()).unwrap();
    let script = "for path in $HOME $foreign /home /root /var; do test -e $path && echo $path; done > $out || true
        (cd /nix/store; echo *) | cut -c 33- >> $out";
    let derivation = recipe("visible", script)
        .env("foreign", &test.store.store_dir().print(&foreign))
        .source(&source);
    let derivation = test.add(&derivation);
    if test.build(&[&derivation]).is_some() {
        let names = test.read(&derivation);
        assert!(names == "-source\n" || names.starts_with("-"), "{names}");
        assert!(!names.contains("foreign") && !names.contains("home"), "{names}");
    }
}

#[test]
fn inputs_are_read_only() {
    let test = TestStore::new();
    let source = test.as_store().add_text("source", b"text", &BTreeSet::new()).unwrap();
    let derivation = recipe("write", "(chmod u+w $source; echo more >> $source; rm -f $source) 2> /dev/null || true; cat $source > $out")
        .env("source", &test.store.store_dir().print(&source))
        .source(&source);
    let derivation = test.add(&derivation);
    if test.build(&[&derivation]).is_some() {
        assert_eq!(test.read(&derivation), "text");
        assert_eq!(std::fs::read(test.store.real_path(&source)).unwrap(), b"text");
    }
}

#[test]
fn the_plain_shell_works_without_the_host_tools() {
    let bare = recipe("bare", "echo /usr/* > $out; test ! -e /usr/bin/env")
        .env("requiredSystemFeatures", "");
    let test = TestStore::new();
    let derivation = test.add(&bare);
    if test.build(&[&derivation]).is_some() {
        assert!(!test.read(&derivation).contains("/usr/bin"), "{}", test.read(&derivation));
    }
}

#[test]
fn structured_attributes_are_files() {
    let json = r#"{"name":"attrs","list":["a b",1],"set":{"k":"v"},"requiredSystemFeatures":["host-tools"]}"#;
    let mut derivation = recipe(
        "attrs",
        "PATH=/usr/bin; bash -c '. $NIX_ATTRS_SH_FILE; (echo ${list[0]} ${set[k]} $name; cat $NIX_ATTRS_JSON_FILE) > ${outputs[out]}'",
    );
    derivation = derivation.env("__json", json);
    let test = TestStore::new();
    let derivation = test.add(&derivation);
    if test.build(&[&derivation]).is_some() {
        let expected = format!(
            "a b v attrs\n{{\"list\":[\"a b\",1],\"name\":\"attrs\",\"outputs\":{{\"out\":\"{}\"}},\
             \"requiredSystemFeatures\":[\"host-tools\"],\"set\":{{\"k\":\"v\"}}}}",
            test.printed(&derivation)
        );
        assert_eq!(test.read(&derivation), expected);
    }
}

#[test]
fn long_values_are_passed_as_files() {
    let value = "x".repeat(300_000);
    let script = "test -z \"$long\"; cat $longPath > $out; ls -A /build >&2";
    check(&recipe("file", script).env("passAsFile", "long").env("long", &value), &value);
}

#[test]
fn closures_are_exported() {
    let test = TestStore::new();
    let first = test.add(&recipe("first", "echo > $out"));
    let second = recipe("second", "echo $first > $out").env("first", &test.printed(&first));
    let second = test.add(&second.input(&first));
    let graph = recipe("graph", "cat graph > $out")
        .env("exportReferencesGraph", &format!("graph {}", test.printed(&second)))
        .input(&second);
    let graph = test.add(&graph);
    if test.build(&[&graph]).is_none() {
        return;
    }
    let [a, b] = [&first, &second].map(|path| test.printed(path));
    let mut blocks = [format!("{a}\n\n0\n"), format!("{b}\n\n1\n{a}\n")];
    blocks.sort();
    assert_eq!(test.read(&graph), blocks.concat());
}

#[test]
fn references_are_restricted() {
    let test = TestStore::new();
    let dependency = test.add(&recipe("dependency", "echo > $out"));
    let path = test.printed(&dependency);
    let refers = |name: &str, attribute: &str, value: &str| {
        let recipe = recipe(name, "echo $dependency $out > $out").env("dependency", &path);
        test.add(&recipe.env(attribute, value).input(&dependency))
    };
    let message = |attribute: &str, value: &str| {
        let derivation = refers("restricted", attribute, value);
        test.fail(&derivation).map(|message| without_hashes(&message, &test))
    };
    let Some(empty) = message("allowedReferences", "") else { return };
    expect![[r#"
        output '<store>/restricted' is not allowed to refer to the following paths:
          <store>/restricted
          <store>/dependency"#]]
    .assert_eq(&empty);
    expect![[r#"
        output '<store>/restricted' is not allowed to refer to the following paths:
          <store>/dependency"#]]
    .assert_eq(&message("allowedReferences", "out").unwrap());
    expect![[r#"
        output '<store>/restricted' is not allowed to refer to the following paths:
          <store>/dependency"#]]
    .assert_eq(&message("disallowedRequisites", &path).unwrap());
    expect!["derivation '<store>/restricted.drv' output check for 'out' contains output name 'lib', but this is not a valid output of this derivation. (Valid outputs are [out].)"].assert_eq(&message("allowedReferences", "lib").unwrap());
    for (attribute, value) in [
        ("allowedReferences", format!("out {path}")),
        ("allowedRequisites", path.clone()),
        ("disallowedReferences", "".to_owned()),
    ] {
        test.build(&[&refers("allowed", attribute, &value)]).unwrap();
    }
}

#[test]
fn placeholders_become_output_paths() {
    let placeholder = floe_store::path::placeholder("out");
    let test = TestStore::new();
    let derivation = recipe("placeholder", &format!("echo $self {placeholder} > $out"))
        .env("self", &placeholder);
    let derivation = test.add(&derivation);
    if test.build(&[&derivation]).is_some() {
        let path = test.printed(&derivation);
        assert_eq!(test.read(&derivation), format!("{path} {path}\n"));
    }
}

#[test]
fn a_relocated_store_is_where_its_paths_say() {
    let test = TestStore::relocated();
    let derivation = test.add(&recipe("relocated", "echo $NIX_STORE > $out; ls -d $NIX_STORE"));
    if test.build(&[&derivation]).is_some() {
        assert_eq!(test.read(&derivation).trim_end(), test.store.store_dir().as_str());
    }
}

#[test]
fn without_a_sandbox_the_host_is_visible() {
    let mut test = TestStore::relocated();
    test.settings.sandbox = SandboxMode::Disabled;
    let derivation =
        test.add(&recipe("open", "test -e /proc/$PPID; pwd > $out; echo $HOME >> $out"));
    test.build(&[&derivation]).unwrap();
    let directory = test.store.layout().state_dir.join("builds");
    let text = test.read(&derivation);
    assert!(text.starts_with(&*directory.to_string_lossy()), "{text}");
    assert!(text.ends_with("\n/homeless-shelter\n"), "{text}");
    assert_eq!(test.litter(), [""; 0]);

    let broken = test.add(&recipe("broken", "echo > $out; exit 1"));
    test.fail(&broken).unwrap();
}

#[test]
fn only_a_relaxed_sandbox_can_be_left() {
    let mut test = TestStore::relocated();
    let derivation = test.add(&recipe("open", "echo > $out").env("__noChroot", "1"));
    let message = test.fail(&derivation).unwrap();
    assert!(
        message.ends_with("has '__noChroot' set, but that's not allowed when 'sandbox' is 'true'")
    );
    test.settings.sandbox = SandboxMode::Relaxed;
    test.build(&[&derivation]).unwrap();
}

#[test]
fn other_machines_are_needed_for_other_systems_and_features() {
    let mut test = TestStore::new();
    test.settings.system = "x86_64-linux".to_owned();
    test.settings.system_features = ["host-tools", "big-parallel"].map(str::to_owned).into();
    let platform = test.add(&recipe("platform", "").env("system", "riscv64-linux"));
    expect![[r#"
        Cannot build '<store>/platform.drv'.
        Reason: platform mismatch
        Required system: 'riscv64-linux'
        Current system: 'x86_64-linux'"#]]
    .assert_eq(&without_hashes(&test.fail(&platform).unwrap(), &test));
    let features =
        test.add(&recipe("features", "").env("requiredSystemFeatures", "kvm big-parallel"));
    expect![[r#"
        Cannot build '<store>/features.drv'.
        Reason: missing system features
        Required features: {big-parallel, kvm}
        Available features: {big-parallel, host-tools}"#]]
    .assert_eq(&without_hashes(&test.fail(&features).unwrap(), &test));
}

#[test]
fn a_failed_build_can_be_kept() {
    let mut test = TestStore::new();
    test.settings.keep_failed = true;
    let derivation = test.add(&recipe("kept", "echo trace > file; exit 1"));
    let record = Record::default();
    let cancellation = floe_builder::Cancellation::new().unwrap();
    let Some(result) = test.try_build(&[&derivation], &record, &cancellation) else { return };
    let message = result.unwrap_err().to_string();
    let (_, kept) = message.split_once("note: keeping build directory '").unwrap();
    let kept = Path::new(kept.trim_end_matches('\''));
    assert_eq!(std::fs::read_to_string(kept.join("file")).unwrap(), "trace\n");
}

#[test]
fn fetchurl_copies_local_files() {
    let test = TestStore::new();
    let file = test.root().join("file");
    std::fs::write(&file, "fetched").unwrap();
    let fetch = |url: &str| {
        let address = ContentAddress { method: Method::Flat, hash: Hash::sha256(b"fetched") };
        let recipe =
            recipe("fetch", "").env("builder", "builtin:fetchurl").env("system", "builtin");
        test.add(&recipe.env("url", url).fixed(address))
    };
    let missing = test.fail(&fetch("file:///no/such/file")).unwrap();
    assert!(missing.ends_with(
        "unable to download 'file:///no/such/file': No such file or directory (os error 2)"
    ));
    let remote = test.fail(&fetch("https://example.org/x")).unwrap();
    assert!(remote.ends_with("only 'file://' addresses can be fetched yet"), "{remote}");
    let local = fetch(&format!("file://{}", file.display()));
    test.build(&[&local]).unwrap();
    assert_eq!(test.read(&local), "fetched");
}

#[test]
fn valid_outputs_are_not_built_over() {
    let mut test = TestStore::relocated();
    let pair = recipe("pair", "echo new > $out; echo new > $dev").outputs(&["out", "dev"]);
    let derivation = test.add(&pair);
    let dev = test.output(&derivation, "dev");
    let place = test.store.real_path(&dev);
    std::fs::write(&place, "old").unwrap();
    let info = LocalStore::scan_output(&dev, &place, []).unwrap();
    test.store.register(vec![info]).unwrap();

    test.settings.sandbox = SandboxMode::Disabled;
    let message = test.fail(&derivation).unwrap();
    assert!(message.contains("some of its outputs are valid already"), "{message}");
    test.settings.sandbox = SandboxMode::Enabled;
    if test.build(&[&derivation]).is_some() {
        assert_eq!(test.read(&derivation), "new\n");
        assert_eq!(test.read_output(&derivation, "dev"), "old");
    }
}
