//! The same derivations built by the C++ `nix-store`, where there is one: the outputs are equal.

use std::process::{Command, Stdio};

use floe_store::Store;

use crate::support::{Recipe, TestStore, recipe};

/// What `nix-store` must show its builds for them to have what ours have.
const HOST_TOOLS: &str = "/bin=/bin /usr=/usr /lib=/lib /lib64=/lib64? /sbin=/sbin? \
                          /etc/alternatives=/etc/alternatives?";

/// Everything that a build may observe and Nix promises.
const OBSERVE: &str = "mkdir -p $out/bin $dev
    env | grep -v NIX_BUILD_CORES | sort > $out/env
    cat /etc/passwd /etc/group /etc/hosts > $out/etc
    (id -u; id -g; pwd; hostname; umask; echo $0 $$; ulimit -Sc) > $out/process
    ls -A /build > $out/build; cat /build/.attr-* > $out/attributes
    echo '#! /bin/sh' > $out/bin/program; chmod 755 $out/bin/program
    ln -s ../bin $dev/link; : > $dev/empty";

#[test]
fn outputs_equal_those_of_nix() {
    let observe = recipe("observe", OBSERVE)
        .outputs(&["out", "dev"])
        .env("passAsFile", "text")
        .env("text", "long text");
    let json = r#"{"name":"attrs","number":-7,"list":["a b",1,null,true],"set":{"k":"it's"},
        "deep":{"x":[1]},"float":1.5,"requiredSystemFeatures":["host-tools"],"unicode":"é\u0001"}"#;
    let script = "PATH=/usr/bin; mkdir /build/o; cat /build/.attrs.sh /build/.attrs.json > /build/o/all; \
                  bash -c '. /build/.attrs.sh; cp /build/o/all ${outputs[out]}'";
    let structured = recipe("structured", script).env("__json", json);
    compare(&[observe, structured]);
}

fn compare(recipes: &[Recipe]) {
    let has_nix = Command::new("nix-store").arg("--version").stdout(Stdio::null()).status();
    if !has_nix.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no nix-store on this machine");
        return;
    }
    for recipe in recipes {
        let (ours, theirs) = (TestStore::new(), TestStore::new());
        let derivation = ours.add(recipe);
        assert_eq!(theirs.add(recipe), derivation);
        if ours.build(&[&derivation]).is_none() {
            return;
        }
        let output = Command::new("nix-store")
            .args(["--store", &format!("local?root={}", theirs.root().display())])
            .args(["--option", "build-users-group", "", "--option", "sandbox", "true"])
            .args(["--option", "sandbox-paths", HOST_TOOLS])
            .args(["--option", "system-features", "host-tools", "--option", "substitute", "false"])
            .args(["--realise", &theirs.store.store_dir().print(&derivation)])
            .env_remove("NIX_REMOTE")
            .env("NIX_CONF_DIR", theirs.root())
            .env("HOME", theirs.root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let declared = ours.as_store().read_derivation(&derivation).unwrap().outputs;
        for name in declared.keys() {
            let path = ours.output(&derivation, name);
            let info = |test: &TestStore| test.store.query(&path).unwrap().unwrap();
            let (our_info, their_info) = (info(&ours), info(&theirs));
            assert_eq!(our_info.references, their_info.references, "{path}");
            assert_eq!(our_info.deriver, their_info.deriver, "{path}");
            if our_info.nar_hash != their_info.nar_hash {
                let difference = Command::new("diff")
                    .arg("-r")
                    .args([&ours, &theirs].map(|test| test.store.real_path(&path)))
                    .output()
                    .unwrap();
                panic!("{path} differs:\n{}", String::from_utf8_lossy(&difference.stdout));
            }
        }
    }
}
