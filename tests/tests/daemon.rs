//! The store of a daemon: everything that works in a store of one's own works through it, and what it
//! does not allow is said.

use std::{
    io::Read,
    net::Shutdown,
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use floe_tests::{Answer, Home, floe, tool};

/// What a daemon must show its builds for them to have what ours have.
const WITH_HOST_TOOLS: &str = "sandbox-paths = /bin=/bin /usr=/usr /lib=/lib /lib64=/lib64? \
                               /sbin=/sbin? /etc/alternatives=/etc/alternatives?
system-features = host-tools
";

/// A daemon with a `/nix/store` below a home, gone with the test.
struct Daemon {
    home: Home,
    child: Child,
}

impl Daemon {
    /// `None` where there is no Nix.
    fn start(configuration: &str) -> Option<Daemon> {
        let program = tool("nix-daemon")?;
        let home = Home::new();
        home.write(
            "conf/nix.conf",
            format!("build-users-group =\nsandbox = true\nsubstituters =\n{configuration}"),
        );
        let mut command = home.command(program);
        command
            .env("NIX_REMOTE", format!("local?root={}", home.path().join("root").display()))
            .env("NIX_CONF_DIR", home.path().join("conf"))
            .env("NIX_DAEMON_SOCKET_PATH", home.path().join("socket"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the daemon starts");
        let started = Instant::now();
        let mut connection = loop {
            if let Ok(connection) = UnixStream::connect(home.path().join("socket")) {
                break connection;
            }
            assert!(child.try_wait().expect("our child").is_none(), "the daemon has ended");
            assert!(started.elapsed() < Duration::from_secs(20), "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(20));
        };
        // The first connection creates the store, and a second at the same time would be dropped.
        connection.shutdown(Shutdown::Write).expect("a connection has two halves");
        let _ = connection.read_to_end(&mut Vec::new());
        Some(Daemon { home, child })
    }

    fn command(&self) -> Command {
        let home = self.home.path().display();
        let mut command = self.home.command(floe());
        command.env("FLOE_STORE", format!("unix://{home}/socket?root={home}/root"));
        command
    }

    fn floe<const N: usize>(&self, arguments: [&str; N]) -> Answer {
        Answer::of(self.command().args(arguments))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_package_is_built_by_a_daemon_linked_and_collected() {
    let Some(daemon) = Daemon::start(WITH_HOST_TOOLS) else { return };
    // Nix does not delete a path that any process of the machine names in its environment, so this
    // one is nobody else's.
    daemon.home.write(
        "default.nix",
        r#"(import <floe-pkgs> { }).hello.override { greeting = "Hello, daemon!"; }"#,
    );
    let local =
        daemon.home.floe(["instantiate", "--store", "local?root=/nowhere", "--read-only"]).expect();
    let derivation = daemon.floe(["instantiate"]).expect();
    assert_eq!(derivation, local);

    let built = daemon.floe(["build", "-L", "--print-out-paths"]);
    for step in ["to build", "hello-1.4.2", "checkPhase", "built"] {
        assert!(built.error.contains(step), "{step} in {}", built.error);
    }
    let path = built.expect();
    let program = format!("{}/root{path}/bin/hello", daemon.home.path().display());
    assert_eq!(Answer::of(&mut daemon.home.command(program)).expect(), "Hello, daemon!");
    let link = daemon.home.path().join("result");
    assert_eq!(link.read_link().unwrap().to_str(), Some(&*path));

    let info = daemon.floe(["store", "path-info", "./result", "--format", "json"]).expect();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info[0]["deriver"], derivation);
    assert!(daemon.floe(["store", "log", "./result"]).expect().contains("checkPhase"));
    let roots = daemon.floe(["store", "roots"]).expect();
    assert!(roots.contains(&format!("{} -> {path} (link)", link.display())), "{roots}");
    daemon.floe(["store", "verify", "--check-contents"]).expect();

    daemon.home.write("file", "contents");
    let added = daemon.floe(["store", "add", "file"]).expect();
    assert!(daemon.floe(["store", "ls"]).expect().contains(&added));
    daemon.floe(["store", "gc"]).expect();
    let left = daemon.floe(["store", "ls"]).expect();
    assert!(left.contains(&path) && !left.contains(&added), "{left}");
    std::fs::remove_file(link).unwrap();
    daemon.floe(["store", "delete", &path]).expect();
    assert!(!daemon.floe(["store", "ls"]).expect().contains(&path));
}

#[test]
fn what_an_evaluation_needs_is_built_by_the_daemon() {
    let Some(daemon) = Daemon::start(WITH_HOST_TOOLS) else { return };
    daemon.home.write(
        "default.nix",
        r#"let
  generated = derivation {
    name = "generated"; system = builtins.currentSystem; builder = "/bin/sh";
    args = [ "-c" "echo '\"from a build\"' > $out" ]; requiredSystemFeatures = [ "host-tools" ];
  };
in derivation {
  name = "needs"; system = builtins.currentSystem; builder = "/bin/sh"; text = import generated;
  args = [ "-c" "echo $text > $out" ]; requiredSystemFeatures = [ "host-tools" ];
}"#,
    );
    let path = daemon.floe(["build", "--no-link", "--print-out-paths"]).expect();
    let file = format!("{}/root{path}", daemon.home.path().display());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "from a build\n");
}

#[test]
fn a_dev_shell_comes_from_a_daemon() {
    let Some(daemon) = Daemon::start(WITH_HOST_TOOLS) else { return };
    let demo = daemon.home.copy_demo();
    let demo = demo.to_str().expect("UTF-8");
    daemon.floe(["allow", demo]).expect();
    let output =
        daemon.floe(["shell", demo, "--", "/bin/sh", "-c", "echo $PATH $PROJECT"]).expect();
    assert!(output.contains("/nix/store/") && output.ends_with("iceberg"), "{output}");
}

#[test]
fn a_failing_build_of_a_daemon_says_why() {
    let Some(daemon) = Daemon::start(WITH_HOST_TOOLS) else { return };
    daemon.home.write(
        "default.nix",
        r#"let
  make = name: script: derivation {
    inherit name; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" script ];
    requiredSystemFeatures = [ "host-tools" ];
  };
in make "above" "echo ${make "below" "echo this is the reason; exit 3"}""#,
    );
    let error = daemon.floe(["build"]).expect_failure();
    assert!(error.contains("below") && error.contains("this is the reason"), "{error}");
    assert!(!daemon.home.path().join("result").exists());
}

#[test]
fn a_daemon_without_host_tools_is_said_to_be_one() {
    let Some(daemon) = Daemon::start("") else { return };
    let error = daemon.floe(["build", "<floe-pkgs>", "-A", "hello"]).expect_failure();
    let socket = daemon.home.path().join("socket");
    assert!(error.contains(&format!("the daemon at '{}'", socket.display())), "{error}");
    assert!(error.contains("host-tools") && error.contains("--store"), "{error}");
}

#[test]
fn stores_that_are_none_are_named() {
    let home = Home::new();
    home.write("file", "");
    let absent = home.path().join("absent");
    let below_a_file = home.path().join("file/store");
    for (store, expected) in [
        ("relative".to_owned(), "'relative' is not the location of a store".to_owned()),
        (format!("unix://{}", absent.display()), format!("daemon at '{}'", absent.display())),
        (below_a_file.display().to_string(), below_a_file.display().to_string()),
    ] {
        let error = home.floe(["store", "ls", "--store", &store]).expect_failure();
        assert!(error.contains(&expected), "{store}: {error}");
    }
}

#[test]
fn the_store_on_the_command_line_wins() {
    let home = Home::new();
    home.write("file", "");
    let own = home.path().join("own");
    let path = home.floe(["store", "add", "file", "--store", own.to_str().unwrap()]).expect();
    assert!(path.starts_with(own.to_str().unwrap()), "{path}");
}
