//! Where a store lies on disk, and which store to use.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::StoreError;
use crate::path::StoreDir;

/// Where the parts of a local store are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What paths are printed with; it enters their hashes.
    pub store_dir: StoreDir,
    /// Where the files of `store_dir` really are.
    pub real_dir: PathBuf,
    /// The database, roots and profiles.
    pub state_dir: PathBuf,
    /// Build logs.
    pub log_dir: PathBuf,
}

impl Layout {
    /// The store of the machine, in `/nix`.
    pub fn system() -> Self {
        Self::chroot(Path::new("/"))
    }

    /// A `/nix/store` below another root, for use after a change of root: what Nix has at
    /// `local?root=…`. Its paths read `/nix/store/…` although they are elsewhere.
    pub fn chroot(root: &Path) -> Self {
        Self {
            store_dir: StoreDir::default(),
            real_dir: root.join("nix/store"),
            state_dir: root.join("nix/var/nix"),
            log_dir: root.join("nix/var/log/nix"),
        }
    }

    /// A store of its own in an absolute folder, usable without any privileges: paths are in
    /// `data/store` and say so. They differ from those of `/nix/store`, so nothing that was built
    /// elsewhere can be fetched into it.
    pub fn relocated(data: &Path) -> Result<Self, StoreError> {
        let bad = |reason| StoreError::BadLocation { location: data.display().to_string(), reason };
        if !data.is_absolute() {
            return Err(bad("the path is not absolute"));
        }
        let real_dir = data.join("store");
        let text = real_dir.to_str().ok_or_else(|| bad("the path is not UTF-8"))?;
        Ok(Self {
            store_dir: StoreDir::new(text)?,
            state_dir: data.join("var/nix"),
            log_dir: data.join("var/log/nix"),
            real_dir,
        })
    }
}

/// Which store to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// The daemon that listens on a socket.
    Daemon {
        /// The socket.
        socket: PathBuf,
        /// Where its files are.
        layout: Layout,
    },
    /// Files that this process may write itself.
    Local(Layout),
}

/// Where the daemon of a multi-user installation listens.
const DAEMON_SOCKET: &str = "/nix/var/nix/daemon-socket/socket";

impl StoreLocation {
    /// The store that was asked for, or the first that can be had: the daemon, a writable
    /// `/nix/store`, the user's own in `$XDG_DATA_HOME/floe`.
    ///
    /// `explicit` is the value of `--store`; without it the variable `FLOE_STORE` counts. `variable`
    /// looks up the environment.
    pub fn choose(
        explicit: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, StoreError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let socket = PathBuf::from(
            variable("NIX_DAEMON_SOCKET_PATH").unwrap_or_else(|| DAEMON_SOCKET.to_owned()),
        );
        let explicit = explicit.filter(|value| !value.is_empty()).map(str::to_owned);
        if let Some(location) = explicit.or_else(|| variable("FLOE_STORE")) {
            return Self::parse(&location, &socket);
        }
        if UnixStream::connect(&socket).is_ok() {
            return Ok(Self::Daemon { socket, layout: Layout::system() });
        }
        let system = Layout::system();
        if is_writable(&system.real_dir) && is_writable(&system.state_dir) {
            return Ok(Self::Local(system));
        }
        let data = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/share")));
        match data {
            Some(data) => Ok(Self::Local(Layout::relocated(&data.join("floe"))?)),
            None => Err(StoreError::NoStore { socket, store: system.real_dir }),
        }
    }

    /// Reads the value of `--store` or `FLOE_STORE`:
    ///
    /// - `daemon`, the one that listens on `socket`, or `unix:///path/of/socket`
    /// - `local`, the machine's `/nix/store`
    /// - `local?root=/path`, a `/nix/store` below another root, or `unix://…?root=/path`, whose
    ///   daemon has it there
    /// - an absolute path, the data folder of a relocated store: see [`Layout::relocated`]
    fn parse(location: &str, socket: &Path) -> Result<Self, StoreError> {
        let bad = |reason| StoreError::BadLocation { location: location.to_owned(), reason };
        if location.starts_with('/') {
            return Ok(Self::Local(Layout::relocated(Path::new(location))?));
        }
        let (place, query) = match location.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (location, None),
        };
        let layout = || match query {
            None => Ok(Layout::system()),
            Some(query) => match query.strip_prefix("root=") {
                Some(root) if root.starts_with('/') && !root.contains(['?', '&', '%']) => {
                    Ok(Layout::chroot(Path::new(root)))
                }
                _ => Err(bad("only 'root=' with an absolute path may follow the '?'")),
            },
        };
        match place {
            "local" => Ok(Self::Local(layout()?)),
            "daemon" => Ok(Self::Daemon { socket: socket.to_owned(), layout: layout()? }),
            _ => match place.strip_prefix("unix://") {
                Some(socket) if socket.starts_with('/') => {
                    Ok(Self::Daemon { socket: socket.into(), layout: layout()? })
                }
                Some(_) => Err(bad("the socket's path is not absolute")),
                None => Err(bad(
                    "expected an absolute path, 'daemon', 'unix://…', 'local' or 'local?root=…'",
                )),
            },
        }
    }

    /// Where the store's files are.
    pub fn layout(&self) -> &Layout {
        match self {
            Self::Daemon { layout, .. } | Self::Local(layout) => layout,
        }
    }
}

fn is_writable(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(location: &str) -> Result<StoreLocation, StoreError> {
        StoreLocation::parse(location, Path::new("/run/usual"))
    }

    #[test]
    fn every_form_of_location() {
        let daemon = |socket: &str, layout| StoreLocation::Daemon { socket: socket.into(), layout };
        assert_eq!(parse("daemon").unwrap(), daemon("/run/usual", Layout::system()));
        assert_eq!(parse("unix:///run/x").unwrap(), daemon("/run/x", Layout::system()));
        assert_eq!(
            parse("unix:///run/x?root=/mnt").unwrap(),
            daemon("/run/x", Layout::chroot(Path::new("/mnt")))
        );
        assert_eq!(parse("local").unwrap(), StoreLocation::Local(Layout::system()));
        let chroot = parse("local?root=/mnt").unwrap().layout().clone();
        assert_eq!(chroot.store_dir, StoreDir::default());
        assert_eq!(chroot.real_dir, Path::new("/mnt/nix/store"));
        let own = parse("/data/floe").unwrap().layout().clone();
        assert_eq!(own.store_dir.as_str(), "/data/floe/store");
        assert_eq!(own.state_dir, Path::new("/data/floe/var/nix"));
        for location in ["", "relative", "unix://x", "local?root=x", "local?store=/x", "ssh://x"] {
            assert!(parse(location).is_err(), "{location}");
        }
    }

    #[test]
    fn the_explicit_store_wins_over_the_environment() {
        let variable = |name: &str| (name == "FLOE_STORE").then(|| "/from/environment".to_owned());
        let chosen = |explicit| StoreLocation::choose(explicit, variable).unwrap();
        assert_eq!(chosen(Some("/a")), parse("/a").unwrap());
        assert_eq!(chosen(None), parse("/from/environment").unwrap());
    }

    #[test]
    fn without_a_choice_the_daemon_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let variable = |name: &str| match name {
            "NIX_DAEMON_SOCKET_PATH" => socket.to_str().map(str::to_owned),
            _ => None,
        };
        let daemon = StoreLocation::Daemon { socket: socket.clone(), layout: Layout::system() };
        // One that is asked for by name is expected to be there, whether it is or not.
        assert_eq!(StoreLocation::choose(Some("daemon"), variable).unwrap(), daemon);
        assert!(StoreLocation::choose(None, variable).ok() != Some(daemon.clone()));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(StoreLocation::choose(None, variable).unwrap(), daemon);
    }
}
