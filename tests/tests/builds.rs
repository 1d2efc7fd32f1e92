//! Building: in the sandbox, into a store of one's own, collected when nothing needs it.

use std::fs;

use floe_tests::Home;

#[test]
fn a_package_is_built_linked_and_collected() {
    let home = Home::new();
    home.floe(["build", "<floe-pkgs>", "-A", "hello"]).expect();
    let link = home.path().join("result");
    let target = fs::read_link(&link).unwrap();
    assert!(target.to_str().unwrap().contains("-hello-"), "{target:?}");
    let greeting = floe_tests::Answer::of(&mut home.command(link.join("bin/hello"))).expect();
    assert_eq!(greeting, "Hello, world!");

    let info = home.floe(["store", "path-info", "./result", "--format", "json"]).expect();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info[0]["path"], target.to_str().unwrap());
    assert!(home.floe(["store", "log", "./result"]).success);
    home.floe(["store", "verify", "--check-contents"]).expect();

    home.floe(["store", "gc"]).expect();
    assert!(link.join("bin/hello").exists(), "a root keeps it");
    fs::remove_file(&link).unwrap();
    home.floe(["store", "gc"]).expect();
    assert!(!target.exists(), "nothing keeps it");
    assert_eq!(home.floe(["store", "ls"]).expect(), "");
}

#[test]
fn a_failing_build_says_so_with_the_end_of_its_log() {
    let home = Home::new();
    home.write(
        "default.nix",
        r#"derivation {
  name = "broken"; system = builtins.currentSystem; builder = "/bin/sh";
  args = [ "-c" "echo this is the reason; exit 3" ];
}"#,
    );
    let error = home.floe(["build"]).expect_failure();
    assert!(error.contains("broken") && error.contains("this is the reason"), "{error}");
    assert!(!home.path().join("result").exists());
}
