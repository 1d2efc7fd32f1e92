//! What a sandbox shall look like: plain data, sent from the builder to the helper process as JSON.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A program to run and everything that it may see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// `None` runs the builder as an ordinary process, as Nix does with `sandbox = false`.
    pub namespaces: Option<Namespaces>,
    /// The path of the program, as seen inside.
    pub builder: PathBuf,
    /// All arguments, the program's name for itself first.
    pub arguments: Vec<Text>,
    /// The whole environment: nothing is inherited.
    pub environment: Vec<(Text, Text)>,
    /// The directory in which the builder starts, as seen inside.
    pub working_directory: PathBuf,
    /// The derivation's system: a 32-bit one gets a kernel that reports a 32-bit machine.
    pub system: String,
}

/// The namespaces' contents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Namespaces {
    /// Where the root is assembled, on the host.
    pub scratch: Scratch,
    /// The store as seen inside.
    pub store: StoreView,
    /// Where the build directory appears inside: `/build`.
    pub build_directory: PathBuf,
    /// Host files and directories, visible read-only.
    pub mounts: Vec<Mount>,
    /// Whether the host's network is visible.
    pub network: Network,
    /// The user id inside.
    pub user: u32,
    /// The group id inside.
    pub group: u32,
}

/// The part of the store that a build may see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoreView {
    /// The store directory as the derivation names it.
    pub directory: PathBuf,
    /// The directory on the host in which the store's files are.
    pub real_directory: PathBuf,
    /// The base names of the visible paths: the closure of the inputs.
    pub inputs: Vec<String>,
}

/// A host path that is visible inside. Directories and files are mounted, symlinks copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The path inside.
    pub target: PathBuf,
    /// The path on the host.
    pub source: PathBuf,
    /// Whether the host must have it.
    pub presence: Presence,
}

/// Whether a [`Mount`]'s source must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// A missing source is an error.
    Required,
    /// A missing source is left out: a sandbox path that ends in `?`.
    Optional,
}

/// Which network a build sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// A loopback interface of its own, and nothing else.
    Private,
    /// The host's network: for fixed-output derivations, whose result is known beforehand.
    Host,
}

/// The directories on the host that hold one build's files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scratch {
    /// Lies on the store's file system, so that outputs are moved into the store by renaming.
    directory: PathBuf,
    build: PathBuf,
}

impl Scratch {
    /// Creates what a build needs in `directory`. That and `build`, which the build sees as its
    /// build directory, must exist.
    pub fn create(directory: PathBuf, build: PathBuf) -> std::io::Result<Scratch> {
        let scratch = Scratch { directory, build };
        for part in [scratch.root(), scratch.inputs(), scratch.store(), scratch.temporary()] {
            std::fs::create_dir(part)?;
        }
        // `/tmp` is everyone's, as anywhere.
        std::fs::set_permissions(scratch.temporary(), Permissions::from_mode(0o1777))?;
        Ok(scratch)
    }

    /// Where the root file system is mounted.
    pub fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Where the whole store is mounted read-only, out of the build's sight.
    pub fn inputs(&self) -> PathBuf {
        self.directory.join("inputs")
    }

    /// What the build sees as its store directory; its outputs appear here.
    pub fn store(&self) -> PathBuf {
        self.directory.join("store")
    }

    /// What the build sees as `/tmp`.
    pub fn temporary(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// What the build sees as its build directory.
    pub fn build(&self) -> &Path {
        &self.build
    }
}

/// A string of the build: Nix strings are bytes, JSON strings are not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// The usual case.
    Utf8(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Text {
    /// The bytes, for `exec`.
    pub fn as_os_str(&self) -> &OsStr {
        match self {
            Text::Utf8(text) => OsStr::new(text),
            Text::Bytes(bytes) => OsStr::from_bytes(bytes),
        }
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Text {
        match String::from_utf8(bytes) {
            Ok(text) => Text::Utf8(text),
            Err(error) => Text::Bytes(error.into_bytes()),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::Utf8(text.to_owned())
    }
}

impl From<OsString> for Text {
    fn from(text: OsString) -> Text {
        Text::from(text.into_vec())
    }
}
