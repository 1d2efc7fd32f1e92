//! What a process in the sandbox sees, by running a shell in the real one.

use std::io::Read;
use std::path::{Path, PathBuf};

use floe_builder::sandbox::{
    Exit, Mount, Namespaces, Network, Presence, SandboxError, SandboxProcess, SandboxSpec, Scratch,
    StoreView, files_needed_by,
};

use crate::support::HELPER;

/// A store with one input, and the directories of one build.
struct Fixture {
    _directory: tempfile::TempDir,
    spec: SandboxSpec,
}

impl Fixture {
    fn new(script: &str) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        std::fs::create_dir_all(store.join("visible")).unwrap();
        std::fs::write(store.join("visible/file"), "seen").unwrap();
        std::fs::write(store.join("hidden"), "").unwrap();
        std::os::unix::fs::symlink("visible/file", store.join("link")).unwrap();
        let (scratch, build) = (directory.path().join("scratch"), directory.path().join("build"));
        std::fs::create_dir(&scratch).unwrap();
        std::fs::create_dir(&build).unwrap();
        let spec = SandboxSpec {
            namespaces: Some(Namespaces {
                scratch: Scratch::create(scratch, build).unwrap(),
                store: StoreView {
                    directory: PathBuf::from("/nix/store"),
                    real_directory: store,
                    inputs: vec!["visible".to_owned(), "link".to_owned()],
                },
                build_directory: PathBuf::from("/build"),
                mounts: host_tools(),
                network: Network::Private,
                user: 1000,
                group: 100,
            }),
            builder: PathBuf::from("/bin/sh"),
            arguments: vec!["sh".into(), "-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            working_directory: PathBuf::from("/build"),
            system: "x86_64-linux".to_owned(),
        };
        Fixture { _directory: directory, spec }
    }

    fn namespaces(&mut self) -> &mut Namespaces {
        self.spec.namespaces.as_mut().unwrap()
    }

    /// Output and end of the script; `None` where the kernel forbids user namespaces.
    fn run(&self) -> Option<(String, Exit)> {
        let (process, mut output) = SandboxProcess::start(Path::new(HELPER), &self.spec).unwrap();
        let mut text = Vec::new();
        // The terminal reports an error once the last writer is gone.
        let _ = output.read_to_end(&mut text);
        match process.wait() {
            Ok(exit) => Some((String::from_utf8(text).unwrap(), exit)),
            Err(error @ SandboxError::NoUserNamespaces { .. }) => {
                eprintln!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(&text)),
        }
    }
}

fn host_tools() -> Vec<Mount> {
    ["/bin", "/lib", "/lib64", "/usr"].iter().map(|path| mount(path, path)).collect()
}

fn mount(source: &str, target: &str) -> Mount {
    Mount { source: source.into(), target: target.into(), presence: Presence::Optional }
}

#[track_caller]
fn check(script: &str, expected: &str) {
    check_fixture(&Fixture::new(script), expected);
}

#[track_caller]
fn check_fixture(fixture: &Fixture, expected: &str) {
    if let Some((output, exit)) = fixture.run() {
        assert_eq!((output.as_str(), exit), (expected, Exit::Code(0)));
    }
}

#[test]
fn the_root_holds_nothing_of_the_host() {
    check("ls -1 / | grep -vE '^(bin|lib|lib64|usr)$'", "build\ndev\netc\nnix\nproc\ntmp\n");
    check("ls -1 /etc", "group\nhosts\npasswd\n");
    check(
        "ls -1 /dev",
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n",
    );
}

#[test]
fn only_declared_store_paths_are_visible() {
    check("ls -1 /nix/store; cat /nix/store/link", "link\nvisible\nseen");
}

#[test]
fn everything_but_the_store_the_build_directory_and_tmp_is_read_only() {
    let script = "for path in /x /etc/x /usr/x /dev/x /nix/x /nix/store/visible/x \
                  /nix/store/out /build/x /tmp/x /dev/shm/x; do \
                  (echo > $path) 2> /dev/null && echo $path; done; \
                  chmod u+w /nix/store/visible 2> /dev/null || echo refused";
    check(script, "/nix/store/out\n/build/x\n/tmp/x\n/dev/shm/x\nrefused\n");
}

#[test]
fn the_builder_is_process_one_and_an_ordinary_user() {
    check("echo $$; id -u; id -g; id -un", "1\n1000\n100\nnixbld\n");
    check("pwd; cat /proc/sys/kernel/hostname", "/build\nlocalhost\n");
    check(
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status",
        "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n",
    );
    check("umask; ulimit -Sc; ls /proc/self/fd | xargs", "0022\n0\n0 1 2 3\n");
}

#[test]
fn mounting_is_refused_inside() {
    check("mount -t tmpfs none /tmp 2> /dev/null || echo refused", "refused\n");
    check(
        "unshare -Urm sh -c 'umount /nix/store/visible || mount -o remount,rw,bind /usr' \
         2> /dev/null || echo refused",
        "refused\n",
    );
}

#[test]
fn a_private_network_has_a_loopback_interface_that_is_up() {
    check("tail -n +3 /proc/net/dev | cut -d: -f1", "    lo\n");
    check(
        "cut -c 1-6 /proc/net/fib_trie | head -1; grep -c 127.0.0.1 /proc/net/fib_trie",
        "Main:\n2\n",
    );
}

#[test]
fn devices_work() {
    check("head -c 3 /dev/zero | wc -c; echo x 2> /dev/null > /dev/full || echo full", "3\nfull\n");
}

#[test]
fn a_dynamic_shell_runs_with_just_its_libraries() {
    let mut fixture = Fixture::new("echo $0; echo /*; echo /lib*/*");
    let files = files_needed_by(Path::new("/bin/sh")).unwrap();
    fixture.namespaces().mounts = std::iter::once(PathBuf::from("/bin/sh"))
        .chain(files)
        .map(|target| Mount {
            source: target.canonicalize().unwrap(),
            target,
            presence: Presence::Required,
        })
        .collect();
    if let Some((output, exit)) = fixture.run() {
        assert_eq!(exit, Exit::Code(0), "{output}");
        assert!(output.starts_with("sh\n/bin /build /dev"), "{output}");
    }
}

#[test]
fn a_fixed_output_build_keeps_the_host_network() {
    let mut fixture = Fixture::new("readlink /proc/self/ns/net");
    fixture.namespaces().network = Network::Host;
    let host = std::fs::read_link("/proc/self/ns/net").unwrap();
    check_fixture(&fixture, &format!("{}\n", host.display()));
}

#[test]
fn the_end_of_the_builder_is_reported() {
    if let Some((_, exit)) = Fixture::new("exit 3").run() {
        assert_eq!(exit, Exit::Code(3));
    }
    // The namespace's first process ignores what it does not handle, except from outside.
    if let Some((_, exit)) = Fixture::new("sh -c 'kill -9 $$'; echo $?").run() {
        assert_eq!(exit, Exit::Code(0));
    }
}

#[test]
fn killing_ends_every_process() {
    let mut fixture =
        Fixture::new("sleep 1000 & (setsid sleep 1000 > /dev/null 2>&1 &); echo up; wait");
    fixture.spec.system = "x86_64-linux".to_owned();
    let (process, mut output) = SandboxProcess::start(Path::new(HELPER), &fixture.spec).unwrap();
    let mut up = [0; 3];
    if output.read_exact(&mut up).is_err() {
        eprintln!("skipped: {}", process.wait().unwrap_err());
        return;
    }
    process.killer().unwrap().kill();
    assert_eq!(process.wait().unwrap(), Exit::Signal(9));
}

#[test]
fn a_missing_sandbox_path_is_named() {
    let mut fixture = Fixture::new("true");
    fixture.namespaces().mounts.push(Mount {
        source: "/no/such/file".into(),
        target: "/opt/file".into(),
        presence: Presence::Required,
    });
    let (process, _output) = SandboxProcess::start(Path::new(HELPER), &fixture.spec).unwrap();
    match process.wait() {
        Err(error @ SandboxError::NoUserNamespaces { .. }) => eprintln!("skipped: {error}"),
        Err(error) => assert_eq!(
            error.to_string(),
            "cannot set up the build environment: while reading '/no/such/file': \
             No such file or directory (os error 2)"
        ),
        Ok(exit) => panic!("{exit:?}"),
    }
}

#[test]
fn a_missing_builder_is_named() {
    let mut fixture = Fixture::new("true");
    fixture.spec.builder = PathBuf::from("/no/such/builder");
    let (process, _output) = SandboxProcess::start(Path::new(HELPER), &fixture.spec).unwrap();
    match process.wait() {
        Err(error @ SandboxError::NoUserNamespaces { .. }) => eprintln!("skipped: {error}"),
        Err(error) => assert_eq!(
            error.to_string(),
            "cannot set up the build environment: while executing '/no/such/builder': \
             No such file or directory (os error 2)"
        ),
        Ok(exit) => panic!("{exit:?}"),
    }
}

#[test]
fn without_namespaces_the_host_is_visible_and_the_environment_is_not() {
    let mut fixture = Fixture::new("echo $HOME; cd / && test -e root && echo host; sleep 1000 &");
    fixture.spec.namespaces = None;
    fixture.spec.working_directory = PathBuf::from("/");
    check_fixture(&fixture, "\nhost\n");
}

#[test]
fn a_32_bit_system_sees_a_32_bit_machine() {
    let mut fixture = Fixture::new("uname -m");
    fixture.spec.system = "i686-linux".to_owned();
    if cfg!(target_arch = "x86_64") {
        check_fixture(&fixture, "i686\n");
    }
}
