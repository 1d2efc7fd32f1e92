//! What a user may set about builds. Plain data: the command line reads the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sandbox::{HostProgramError, Mount, Presence, files_needed_by};

/// The system feature by which a derivation asks for the host's programs.
pub const HOST_TOOLS_FEATURE: &str = "host-tools";

/// What [`HOST_TOOLS_FEATURE`] shows, read-only. Links such as `/bin` to `usr/bin` stay links.
const HOST_TOOLS: [&str; 9] = [
    "/bin",
    "/sbin",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
];

/// Settings of the builder, named and defaulted as in Nix's configuration unless it says otherwise.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The system of this machine: derivations for it are built.
    pub system: String,
    /// Other systems whose programs this machine runs.
    pub extra_platforms: BTreeSet<String>,
    /// What `requiredSystemFeatures` may name. Beside Nix's defaults there is
    /// [`HOST_TOOLS_FEATURE`]; take it out to build from declared inputs only.
    pub system_features: BTreeSet<String>,
    /// Whether builds are isolated.
    pub sandbox: SandboxMode,
    /// Host paths that every build sees. The default is the host's `/bin/sh`.
    pub sandbox_paths: Vec<SandboxPath>,
    /// Where a sandboxed build finds its build directory.
    pub sandbox_build_dir: PathBuf,
    /// Where build directories lie on the host; by default beside the store, so that outputs are
    /// moved and not copied.
    pub build_dir: Option<PathBuf>,
    /// How many builds run at the same time.
    pub max_jobs: usize,
    /// `NIX_BUILD_CORES`: how many cores one build may use. Zero stands for all.
    pub cores: usize,
    /// How long a build may take.
    pub timeout: Option<Duration>,
    /// How long a build may be without output.
    pub max_silent_time: Option<Duration>,
    /// How many of the last lines of a failed build's log are shown.
    pub log_lines: usize,
    /// Whether the build directory of a failed build stays.
    pub keep_failed: bool,
    /// Whether other builds go on after one has failed.
    pub keep_going: bool,
    /// The program that becomes the sandbox: it calls [`sandbox_main`](crate::sandbox_main).
    pub sandbox_helper: PathBuf,
}

impl Default for BuildSettings {
    fn default() -> BuildSettings {
        let system = this_system();
        BuildSettings {
            extra_platforms: if system == "x86_64-linux" {
                BTreeSet::from(["i686-linux".to_owned()])
            } else {
                BTreeSet::new()
            },
            system,
            system_features: default_system_features(),
            sandbox: SandboxMode::Enabled,
            sandbox_paths: vec![SandboxPath::same("/bin/sh")],
            sandbox_build_dir: PathBuf::from("/build"),
            build_dir: None,
            max_jobs: 1,
            cores: 0,
            timeout: None,
            max_silent_time: None,
            log_lines: 25,
            keep_failed: false,
            keep_going: false,
            sandbox_helper: PathBuf::from("/proc/self/exe"),
        }
    }
}

impl BuildSettings {
    /// Whether derivations for `system` are built here.
    pub fn can_build(&self, system: &str) -> bool {
        system == "builtin" || system == self.system || self.extra_platforms.contains(system)
    }

    /// The value of `NIX_BUILD_CORES`.
    pub fn build_cores(&self) -> usize {
        match self.cores {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            cores => cores,
        }
    }

    /// Machines that offer the feature `kvm` show its device to every build, as Nix does.
    pub(crate) fn virtual_machine_device(&self) -> Option<Mount> {
        let has_feature = self.system_features.contains("kvm");
        has_feature.then(|| SandboxPath::same("/dev/kvm").optional().mount())
    }

    /// The host paths that a build sees.
    pub fn host_mounts(&self, host_tools: bool) -> Result<Vec<Mount>, HostProgramError> {
        let mut mounts = Vec::new();
        if host_tools {
            mounts.extend(HOST_TOOLS.map(|path| SandboxPath::same(path).optional().mount()));
        }
        for path in &self.sandbox_paths {
            // The shell of `/bin` is there already when all of `/bin` is.
            let is_covered = |target: &Path| {
                host_tools && HOST_TOOLS.iter().any(|tools| target.starts_with(tools))
            };
            let mount = path.resolved_mount();
            let libraries = libraries_of(&mount.source)?;
            for mount in std::iter::once(mount).chain(libraries) {
                let is_new = mounts.iter().all(|other| other.target != mount.target);
                if is_new && !is_covered(&mount.target) {
                    mounts.push(mount);
                }
            }
        }
        Ok(mounts)
    }
}

/// Whether builds are isolated from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxMode {
    /// `sandbox = true`: always.
    Enabled,
    /// `sandbox = relaxed`: except fixed-output derivations and those with `__noChroot = true`.
    Relaxed,
    /// `sandbox = false`: never. For machines whose kernel forbids user namespaces.
    Disabled,
}

/// An entry of `sandbox-paths`: `target=source`, or one path for both; `?` at the end if it may be
/// missing. A program brings its loader and libraries with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPath {
    target: PathBuf,
    source: PathBuf,
    presence: Presence,
}

impl SandboxPath {
    /// Reads an entry of the setting.
    pub fn parse(text: &str) -> Result<SandboxPath, SandboxPathError> {
        let (paths, presence) = match text.strip_suffix('?') {
            Some(paths) => (paths, Presence::Optional),
            None => (text, Presence::Required),
        };
        let (target, source) = paths.split_once('=').unwrap_or((paths, paths));
        for path in [target, source] {
            if !path.starts_with('/') {
                return Err(SandboxPathError { entry: text.to_owned(), path: path.to_owned() });
            }
        }
        Ok(SandboxPath { target: PathBuf::from(target), source: PathBuf::from(source), presence })
    }

    fn same(path: &str) -> SandboxPath {
        SandboxPath {
            target: PathBuf::from(path),
            source: PathBuf::from(path),
            presence: Presence::Required,
        }
    }

    fn optional(mut self) -> SandboxPath {
        self.presence = Presence::Optional;
        self
    }

    fn mount(self) -> Mount {
        Mount { target: self.target, source: self.source, presence: self.presence }
    }

    /// What a link points to may not be visible inside, so it is followed here.
    fn resolved_mount(&self) -> Mount {
        let mut path = self.clone();
        if let Ok(source) = self.source.canonicalize() {
            path.source = source;
        }
        path.mount()
    }
}

/// An entry of `sandbox-paths` that is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the sandbox path '{entry}' is not valid: expected 'path' or 'target=source' with absolute \
     paths, found '{path}'"
)]
pub struct SandboxPathError {
    entry: String,
    path: String,
}

fn libraries_of(program: &Path) -> Result<Vec<Mount>, HostProgramError> {
    let files = match files_needed_by(program) {
        // A directory, a script, or something optional that is not there: it brings nothing.
        Err(HostProgramError::NotElf { .. } | HostProgramError::Read { .. }) => {
            return Ok(Vec::new());
        }
        files => files?,
    };
    Ok(files
        .iter()
        .map(|file| SandboxPath::same(&file.to_string_lossy()).resolved_mount())
        .collect())
}

/// The machine's system in Nix's naming.
fn this_system() -> String {
    let machine = match std::env::consts::ARCH {
        "x86" => "i686",
        "arm" => "armv7l",
        machine => machine,
    };
    let kernel = match std::env::consts::OS {
        "macos" => "darwin",
        kernel => kernel,
    };
    format!("{machine}-{kernel}")
}

fn default_system_features() -> BTreeSet<String> {
    let mut features = BTreeSet::from(
        ["nixos-test", "benchmark", "big-parallel", HOST_TOOLS_FEATURE].map(str::to_owned),
    );
    use rustix::fs::{Access, access};
    if access("/dev/kvm", Access::READ_OK | Access::WRITE_OK).is_ok() {
        features.insert("kvm".to_owned());
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandbox_paths_are_read_as_in_nix() {
        let path = SandboxPath::parse("/bin/sh=/usr/bin/dash?").unwrap();
        assert_eq!(path.target, Path::new("/bin/sh"));
        assert_eq!(path.source, Path::new("/usr/bin/dash"));
        assert_eq!(path.presence, Presence::Optional);
        assert_eq!(SandboxPath::parse("/etc/x").unwrap(), SandboxPath::same("/etc/x"));
        assert_eq!(
            SandboxPath::parse("/bin/sh=dash").unwrap_err().to_string(),
            "the sandbox path '/bin/sh=dash' is not valid: expected 'path' or 'target=source' with \
             absolute paths, found 'dash'"
        );
    }

    #[test]
    fn host_tools_cover_the_shell() {
        let settings = BuildSettings::default();
        let targets = |host_tools| -> Vec<PathBuf> {
            let mounts = settings.host_mounts(host_tools).unwrap();
            mounts.into_iter().map(|mount| mount.target).collect()
        };
        assert_eq!(targets(true), HOST_TOOLS.map(PathBuf::from));
        assert_eq!(targets(false)[0], Path::new("/bin/sh"));
    }
}
