//! Assembles the file system that a build sees, and makes it the root.
//!
//! The root is a small memory file system: mount points, `/etc` and `/dev`. It is read-only once
//! complete. The build directory, `/tmp` and the store directory lie on disk in the build's
//! [`Scratch`](super::Scratch) and are writable; each input is mounted read-only over an empty
//! place in that store directory, so that a build finds its inputs and its outputs side by side.

use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{chdir, pivot_root};

use super::enter::{SetupError, While, write_file};
use super::spec::{Mount, Namespaces, Network, Presence};

const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "/dev/pts/ptmx"),
];

/// What a fixed-output build needs of the host to reach the network.
const NETWORK_FILES: [&str; 4] =
    ["/etc/resolv.conf", "/etc/services", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"];

/// Makes the described file system the root of the calling process.
pub(super) fn enter(namespaces: &Namespaces) -> Result<(), SetupError> {
    // Mounts must not travel back to the host, where distributions share the whole tree.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .during(|| "making the mounts private".to_owned())?;
    // Mounting the store once and taking each input from there makes every input read-only without
    // a second system call: a bind mount inherits the flags of the mount it is taken from. This
    // comes first, because the scratch directories may lie in the store.
    bind_read_only(&namespaces.store.real_directory, &namespaces.scratch.inputs())?;
    let root = Root::new(namespaces.scratch.root())?;
    root.add_writable(&namespaces.scratch.temporary(), Path::new("/tmp"))?;
    root.add_writable(namespaces.scratch.build(), &namespaces.build_directory)?;
    // After `/tmp`, because a store may lie below that.
    root.add_store(namespaces)?;
    root.add_devices()?;
    root.add_proc()?;
    let mut mounts: Vec<&Mount> = namespaces.mounts.iter().collect();
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    for mount in mounts {
        root.add_mount(mount)?;
    }
    root.add_etc(namespaces)?;
    root.become_root()
}

/// The root under construction.
struct Root {
    directory: PathBuf,
}

impl Root {
    fn new(directory: PathBuf) -> Result<Root, SetupError> {
        mount("none", &directory, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755")
            .during(|| format!("mounting the root at '{}'", directory.display()))?;
        Ok(Root { directory })
    }

    /// Where a path of the inside is at the moment.
    fn place(&self, target: &Path) -> PathBuf {
        self.directory.join(target.strip_prefix("/").unwrap_or(target))
    }

    fn add_store(&self, namespaces: &Namespaces) -> Result<(), SetupError> {
        let store = &namespaces.store;
        self.add_writable(&namespaces.scratch.store(), &store.directory)?;
        let inputs = namespaces.scratch.inputs();
        let directory = self.place(&store.directory);
        for name in &store.inputs {
            let source = inputs.join(name);
            let kind = file_type(&source)?;
            show(&source, kind, &directory.join(name), bind)?;
        }
        Ok(())
    }

    fn add_writable(&self, source: &Path, target: &Path) -> Result<(), SetupError> {
        let place = self.create_directories(target)?;
        bind(source, &place)
    }

    fn add_mount(&self, mount: &Mount) -> Result<(), SetupError> {
        let kind = match file_type(&mount.source) {
            Err(error)
                if mount.presence == Presence::Optional
                    && matches!(
                        error.source.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) =>
            {
                return Ok(());
            }
            kind => kind?,
        };
        let parent = mount.target.parent().unwrap_or(Path::new("/"));
        self.create_directories(parent)?;
        show(&mount.source, kind, &self.place(&mount.target), bind_read_only)
    }

    /// Creates a directory of the inside, refusing to walk through a symlink: an absolute one would
    /// lead back to the host.
    fn create_directories(&self, target: &Path) -> Result<PathBuf, SetupError> {
        let mut place = self.directory.clone();
        for component in target.components() {
            let Component::Normal(name) = component else {
                continue;
            };
            place.push(name);
            let created = match fs::symlink_metadata(&place) {
                Ok(metadata) if metadata.is_dir() => Ok(()),
                Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
                Err(_) => fs::create_dir(&place),
            };
            created.during(|| format!("creating the directory '{}'", target.display()))?;
        }
        Ok(place)
    }

    fn add_devices(&self) -> Result<(), SetupError> {
        let devices = self.create_directories(Path::new("/dev"))?;
        for name in DEVICES {
            let source = Path::new("/dev").join(name);
            show(&source, file_type(&source)?, &devices.join(name), bind)?;
        }
        for (name, target) in DEVICE_LINKS {
            symlink(target, devices.join(name)).during(|| format!("creating '/dev/{name}'"))?;
        }
        let memory = self.create_directories(Path::new("/dev/shm"))?;
        let guarded = MountFlags::NOSUID | MountFlags::NODEV;
        mount("none", &memory, "tmpfs", guarded, c"mode=1777,size=50%")
            .during(|| "mounting '/dev/shm'".to_owned())?;
        let terminals = self.create_directories(Path::new("/dev/pts"))?;
        mount(
            "none",
            &terminals,
            "devpts",
            MountFlags::NOSUID | MountFlags::NOEXEC,
            c"newinstance,mode=0620,ptmxmode=0666",
        )
        .during(|| "mounting '/dev/pts'".to_owned())
    }

    fn add_proc(&self) -> Result<(), SetupError> {
        let place = self.create_directories(Path::new("/proc"))?;
        let guarded = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("none", &place, "proc", guarded, None).during(|| {
            "mounting '/proc' (a container that hides parts of its own '/proc' forbids this)"
                .to_owned()
        })
    }

    fn add_etc(&self, namespaces: &Namespaces) -> Result<(), SetupError> {
        let directory = self.create_directories(Path::new("/etc"))?;
        let (user, group) = (namespaces.user, namespaces.group);
        let home = namespaces.build_directory.display();
        write_file(
            &directory.join("passwd"),
            &format!(
                "root:x:0:0:Nix build user:{home}:/noshell\n\
                 nixbld:x:{user}:{group}:Nix build user:{home}:/noshell\n\
                 nobody:x:65534:65534:Nobody:/:/noshell\n"
            ),
        )?;
        write_file(
            &directory.join("group"),
            &format!("root:x:0:\nnixbld:!:{group}:\nnogroup:x:65534:\n"),
        )?;
        match namespaces.network {
            Network::Private => {
                write_file(&directory.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")
            }
            Network::Host => {
                write_file(
                    &directory.join("nsswitch.conf"),
                    "hosts: files dns\nservices: files\n",
                )?;
                for file in NETWORK_FILES {
                    // `resolv.conf` is often a link to a place that is not visible inside.
                    if let Ok(source) = fs::canonicalize(file) {
                        self.add_mount(&Mount {
                            target: PathBuf::from(file),
                            source,
                            presence: Presence::Optional,
                        })?;
                    }
                }
                Ok(())
            }
        }
    }

    fn become_root(self) -> Result<(), SetupError> {
        let entering = || "entering the new root".to_owned();
        chdir(&self.directory).during(entering)?;
        // Both at the same place: the old root lies on top of the new one until it is unmounted.
        pivot_root(".", ".").during(entering)?;
        unmount(".", UnmountFlags::DETACH).during(|| "leaving the old root".to_owned())?;
        chdir("/").during(entering)?;
        make_read_only(Path::new("/"))
    }
}

/// Makes `source` appear at `place`, whose parent directory exists, by means of `bind`.
fn show(
    source: &Path,
    kind: FileType,
    place: &Path,
    bind: fn(&Path, &Path) -> Result<(), SetupError>,
) -> Result<(), SetupError> {
    let creating = || format!("creating the mount point '{}'", place.display());
    if kind.is_symlink() {
        let target = fs::read_link(source).during(|| reading(source))?;
        return symlink(target, place).during(creating);
    }
    if kind.is_dir() {
        // Another mount may have put the same directory there, for instance that of the store.
        if !place.is_dir() {
            fs::create_dir(place).during(creating)?;
        }
    } else if kind.is_file() || kind.is_char_device() || kind.is_socket() {
        fs::OpenOptions::new().write(true).create_new(true).open(place).during(creating)?;
    }
    bind(source, place)
}

fn file_type(path: &Path) -> Result<FileType, SetupError> {
    fs::symlink_metadata(path).map(|metadata| metadata.file_type()).during(|| reading(path))
}

fn reading(path: &Path) -> String {
    format!("reading '{}'", path.display())
}

/// Recursive, because the kernel does not let a user namespace look beneath a mount of the host.
fn bind(source: &Path, place: &Path) -> Result<(), SetupError> {
    mount_bind_recursive(source, place)
        .during(|| format!("mounting '{}' at '{}'", source.display(), place.display()))
}

fn bind_read_only(source: &Path, place: &Path) -> Result<(), SetupError> {
    bind(source, place)?;
    for mount in mounts_at_and_below(place)? {
        make_read_only(&mount)?;
    }
    Ok(())
}

/// Mounts that came along with a recursive bind are writable until each is told otherwise.
fn mounts_at_and_below(place: &Path) -> Result<Vec<PathBuf>, SetupError> {
    const TABLE: &str = "/proc/self/mountinfo";
    let table = fs::read_to_string(TABLE).during(|| format!("reading '{TABLE}'"))?;
    Ok(table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|escaped| PathBuf::from(unescape(escaped)))
        .filter(|mount| mount.starts_with(place))
        .collect())
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (escape, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(escape, character);
    }
    plain
}

/// Flags that the host set on a mount are locked in a user namespace: they must be repeated.
fn make_read_only(place: &Path) -> Result<(), SetupError> {
    let making = || format!("making '{}' read-only", place.display());
    let current = rustix::fs::statvfs(place).during(making)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    for (is_set, flag) in [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ] {
        if current.contains(is_set) {
            flags |= flag;
        }
    }
    mount_remount(place, flags, c"").during(making)
}
