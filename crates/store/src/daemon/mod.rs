//! The daemon of a multi-user installation as a store.
//!
//! The worker protocol is spoken in version 1.35, which every daemon from Nix 2.14 on accepts; with
//! older ones the older of the two versions counts, down to 1.34 (Nix 2.8). [`wire`] has the
//! encoding, `connection` the conversation, this module what it is good for.

mod connection;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connection::{Connection, Operation, without_colours};

use crate::content_address::Method;
use crate::hash::{Algorithm, Format, Hash};
use crate::path::{StoreDir, StorePath};
use crate::path_info::PathInfo;
use crate::store::{GarbageOptions, GarbageReport, Layout, Root, Store, StoreError};

pub use connection::{Field, LogEvent};
pub use wire::WireError;

/// A daemon, asked over as many connections as there are requests at a time.
pub struct DaemonStore {
    socket: PathBuf,
    layout: Layout,
    /// Connections without a request. A request takes one or opens another, so that a long build
    /// keeps nobody waiting; none is closed before the store is, because its temporary roots go
    /// with it.
    idle: Mutex<Vec<Connection>>,
}

/// A derivation and the outputs of it that are wanted; none means all of them.
pub type Request = (StorePath, BTreeSet<String>);

/// What it takes to make requests valid, see [`DaemonStore::missing`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Derivations that have to be built.
    pub build: BTreeSet<StorePath>,
    /// Paths that can be fetched.
    pub substitute: BTreeSet<StorePath>,
    /// Paths of which nobody knows how to make them.
    pub unknown: BTreeSet<StorePath>,
    /// How many bytes are to be downloaded.
    pub download_size: u64,
    /// How many bytes of archives that makes.
    pub nar_size: u64,
}

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildMode {
    /// Build what is not valid.
    Normal = 0,
    /// Build again what is damaged.
    Repair = 1,
    /// Build again and compare.
    Check = 2,
}

/// What a client may choose about builds. [`Self::by_name`] is for all settings that have no place
/// in the protocol; a daemon ignores those that only trusted users may set, and says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Whether the build folder of a failed build stays.
    pub keep_failed: bool,
    /// Whether other builds go on after one has failed.
    pub keep_going: bool,
    /// How many builds run at the same time.
    pub max_jobs: usize,
    /// How many cores one build may use; zero stands for all.
    pub cores: usize,
    /// How long a build may be without output.
    pub max_silent_time: Option<Duration>,
    /// Further settings.
    pub by_name: BTreeMap<String, String>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            keep_failed: false,
            keep_going: false,
            max_jobs: std::thread::available_parallelism().map_or(1, usize::from),
            cores: 0,
            max_silent_time: None,
            by_name: BTreeMap::new(),
        }
    }
}

/// What became of one request to [`DaemonStore::build_paths`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildResult {
    /// The request, as `<derivation>!<outputs>`.
    pub request: String,
    /// The protocol's status: 0 built, 1 substituted, 2 already valid, 13 resolved to others,
    /// anything else a failure.
    pub status: u64,
    /// Why it failed.
    pub error: String,
    /// The outputs' paths, as far as the daemon says.
    pub outputs: BTreeMap<String, StorePath>,
}

impl BuildResult {
    /// Whether the outputs are valid now.
    pub fn is_success(&self) -> bool {
        matches!(self.status, 0 | 1 | 2 | 13)
    }
}

/// Why the daemon did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Nobody listens.
    #[error("cannot connect to the daemon at '{}': {source}", socket.display())]
    Connect {
        /// Where it should.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The conversation broke off or made no sense.
    #[error("talking to the daemon at '{}': {source}", socket.display())]
    Wire {
        /// Where it listens.
        socket: PathBuf,
        /// What went wrong.
        source: WireError,
    },
    /// The daemon said no. The message is its own.
    #[error("{message}")]
    Refused {
        /// The message.
        message: String,
        /// What it was doing, innermost first.
        traces: Vec<String>,
    },
}

impl DaemonStore {
    /// Connects to the daemon that listens on `socket` and keeps its files in `layout`.
    pub fn connect(socket: &Path, layout: Layout) -> Result<Self, StoreError> {
        let connection = Connection::open(socket, &mut drop)?;
        Ok(Self { socket: socket.to_owned(), layout, idle: Mutex::new(vec![connection]) })
    }

    /// Where the daemon listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where the daemon's files are. They are for reading only.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The version that the daemon gives, such as `2.34.8`.
    pub fn daemon_version(&self) -> Result<String, StoreError> {
        self.talk(&mut drop, |connection, _| Ok(connection.daemon_version().to_owned()))
    }

    /// What [`Self::build_paths`] would have to build and to fetch.
    pub fn missing(&self, requests: &[Request]) -> Result<Missing, StoreError> {
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::QueryMissing)?;
            connection.strings(self.print_requests(requests))?;
            connection.finish(log)?;
            Ok(Missing {
                build: self.read_paths(connection)?,
                substitute: self.read_paths(connection)?,
                unknown: self.read_paths(connection)?,
                download_size: connection.read_number()?,
                nar_size: connection.read_number()?,
            })
        })
    }

    /// Builds derivations, fetches what can be fetched, and waits for it.
    ///
    /// What the daemon logs meanwhile goes to `log`. A failed build is a result, not an error.
    pub fn build_paths(
        &self,
        requests: &[Request],
        mode: BuildMode,
        settings: &ClientSettings,
        log: &mut dyn FnMut(LogEvent),
    ) -> Result<Vec<BuildResult>, StoreError> {
        self.talk(log, |connection, log| {
            connection.set_options(settings, log)?;
            connection.start(Operation::BuildPathsWithResults)?;
            connection.strings(self.print_requests(requests))?;
            connection.number(mode as u64)?;
            connection.finish(log)?;
            let count = connection.read_number()?;
            let mut results = Vec::new();
            for _ in 0..count {
                results.push(read_build_result(connection)?);
            }
            Ok(results)
        })
    }

    /// Writes the NAR of a valid path.
    pub fn nar(&self, path: &StorePath, writer: &mut dyn io::Write) -> Result<(), StoreError> {
        // A daemon finds out too late to say so, in the middle of the archive.
        if !self.is_valid(path)? {
            return Err(StoreError::NotValid(self.layout.store_dir.print(path)));
        }
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::NarFromPath)?;
            connection.string(self.layout.store_dir.print(path).as_bytes())?;
            connection.finish(log)?;
            connection.copy_nar(writer)
        })
    }

    /// Makes `path` valid by fetching it.
    pub fn ensure(
        &self,
        path: &StorePath,
        log: &mut dyn FnMut(LogEvent),
    ) -> Result<(), StoreError> {
        self.simple(Operation::EnsurePath, self.layout.store_dir.print(path).as_bytes(), log)
            .map(drop)
    }

    /// Checks that every valid path is there and, with `contents`, that none has been changed; says
    /// whether all is well. What is wrong goes to `log`.
    pub fn verify(
        &self,
        contents: bool,
        log: &mut dyn FnMut(LogEvent),
    ) -> Result<bool, StoreError> {
        self.talk(log, |connection, log| {
            connection.start(Operation::VerifyStore)?;
            connection.number(contents.into())?;
            connection.number(0)?; // no repair
            connection.finish(log)?;
            Ok(connection.read_number()? == 0)
        })
    }

    /// A request with one string and one number in the answer.
    fn simple(
        &self,
        operation: Operation,
        argument: &[u8],
        log: &mut dyn FnMut(LogEvent),
    ) -> Result<u64, StoreError> {
        self.talk(log, |connection, log| {
            connection.start(operation)?;
            connection.string(argument)?;
            connection.finish(log)?;
            connection.read_number()
        })
    }

    /// One request and its answer. After anything but a refusal the connection is in an unknown
    /// state and given up.
    fn talk<T>(
        &self,
        log: &mut dyn FnMut(LogEvent),
        conversation: impl FnOnce(
            &mut Connection,
            &mut dyn FnMut(LogEvent),
        ) -> Result<T, connection::Failure>,
    ) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.socket, &mut drop)?,
        };
        let result = conversation(&mut connection, log);
        if matches!(result, Ok(_) | Err(connection::Failure::Refused { .. })) {
            self.idle().push(connection);
        }
        Ok(result.map_err(|failure| failure.at(&self.socket))?)
    }

    /// No one panics while holding it, and a list is always sound.
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_info(
        &self,
        connection: &mut Connection,
        path: StorePath,
    ) -> Result<PathInfo, connection::Failure> {
        let deriver = connection.read_text()?;
        let deriver = match &*deriver {
            "" => None,
            deriver => Some(self.parse(deriver)?),
        };
        let nar_hash = Hash::parse_bare(&connection.read_text()?, Algorithm::Sha256)
            .map_err(WireError::meaningless)?;
        let references = self.read_paths(connection)?;
        let registration_time = connection.read_number()?;
        let nar_size = connection.read_number()?;
        let ultimate = connection.read_number()? != 0;
        let signatures = connection.read_texts()?.into_iter().collect();
        let content_address = match &*connection.read_text()? {
            "" => None,
            address => Some(address.parse().map_err(WireError::meaningless)?),
        };
        Ok(PathInfo {
            path,
            nar_hash,
            nar_size,
            references,
            deriver,
            registration_time,
            ultimate,
            signatures,
            content_address,
        })
    }

    fn read_paths(
        &self,
        connection: &mut Connection,
    ) -> Result<BTreeSet<StorePath>, connection::Failure> {
        Ok(connection
            .read_texts()?
            .iter()
            .map(|path| self.parse(path))
            .collect::<Result<_, _>>()?)
    }

    fn parse(&self, path: &str) -> Result<StorePath, WireError> {
        self.layout.store_dir.parse_canonical(path).map_err(WireError::meaningless)
    }

    fn print_requests(&self, requests: &[Request]) -> impl Iterator<Item = String> {
        requests.iter().map(|(path, outputs)| {
            let outputs: Vec<_> = outputs.iter().map(String::as_str).collect();
            let outputs = if outputs.is_empty() { "*".to_owned() } else { outputs.join(",") };
            format!("{}!{outputs}", self.layout.store_dir.print(path))
        })
    }

    fn print_all<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a StorePath>,
    ) -> impl Iterator<Item = String> {
        paths.into_iter().map(|path| self.layout.store_dir.print(path))
    }
}

impl Store for DaemonStore {
    fn store_dir(&self) -> &StoreDir {
        &self.layout.store_dir
    }

    fn query(&self, path: &StorePath) -> Result<Option<PathInfo>, StoreError> {
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::QueryPathInfo)?;
            connection.string(self.layout.store_dir.print(path).as_bytes())?;
            connection.finish(log)?;
            match connection.read_number()? {
                0 => Ok(None),
                _ => self.read_info(connection, path.clone()).map(Some),
            }
        })
    }

    fn is_valid(&self, path: &StorePath) -> Result<bool, StoreError> {
        let printed = self.layout.store_dir.print(path);
        Ok(self.simple(Operation::IsValidPath, printed.as_bytes(), &mut drop)? != 0)
    }

    fn real_path(&self, path: &StorePath) -> PathBuf {
        self.layout.real_dir.join(path)
    }

    fn add_temp_root(&self, path: &StorePath) -> Result<(), StoreError> {
        let printed = self.layout.store_dir.print(path);
        self.simple(Operation::AddTempRoot, printed.as_bytes(), &mut drop).map(drop)
    }

    fn add_dump(
        &self,
        name: &str,
        method: Method,
        algorithm: Algorithm,
        references: &BTreeSet<StorePath>,
        dump: &mut dyn Read,
    ) -> Result<StorePath, StoreError> {
        let address = match method {
            Method::Text => method.with_algorithm(algorithm),
            Method::Flat | Method::Nar | Method::Git => {
                format!("fixed:{}", method.with_algorithm(algorithm))
            }
        };
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::AddToStore)?;
            connection.string(name.as_bytes())?;
            connection.string(address.as_bytes())?;
            connection.strings(self.print_all(references))?;
            connection.number(0)?; // no repair
            connection.frames(dump)?;
            connection.finish(log)?;
            let path = self.parse(&connection.read_text()?)?;
            Ok(self.read_info(connection, path)?.path)
        })
    }

    fn add_nar(&self, info: &PathInfo, nar: &mut dyn Read) -> Result<(), StoreError> {
        let deriver = info.deriver.iter().map(|path| self.layout.store_dir.print(path)).next();
        let address = info.content_address.map(|address| address.to_string());
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::AddToStoreNar)?;
            connection.string(self.layout.store_dir.print(&info.path).as_bytes())?;
            connection.string(deriver.unwrap_or_default().as_bytes())?;
            connection.string(info.nar_hash.format(Format::Base16).as_bytes())?;
            connection.strings(self.print_all(&info.references))?;
            connection.number(info.registration_time)?;
            connection.number(info.nar_size)?;
            connection.number(info.ultimate.into())?;
            connection.strings(info.signatures.iter().map(String::as_str))?;
            connection.string(address.unwrap_or_default().as_bytes())?;
            connection.number(0)?; // no repair
            connection.number(0)?; // check signatures
            connection.frames(nar)?;
            connection.finish(log)
        })
    }

    fn add_root(&self, link: &Path, path: &StorePath) -> Result<(), StoreError> {
        use std::os::unix::ffi::OsStrExt as _;
        self.add_temp_root(path)?;
        let link = crate::store::make_root_link(&self.layout.store_dir, link, path)?;
        self.simple(Operation::AddIndirectRoot, link.as_os_str().as_bytes(), &mut drop).map(drop)
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>, StoreError> {
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::QueryAllValidPaths)?;
            connection.finish(log)?;
            self.read_paths(connection)
        })
    }

    fn roots(&self) -> Result<BTreeSet<(StorePath, Root)>, StoreError> {
        self.talk(&mut drop, |connection, log| {
            connection.start(Operation::FindRoots)?;
            connection.finish(log)?;
            (0..connection.read_number()?)
                .map(|_| {
                    let place = connection.read_text()?;
                    let path = self.parse(&connection.read_text()?)?;
                    Ok((path, root(place)))
                })
                .collect()
        })
    }

    /// The settings `keep-derivations` and `keep-outputs` are the daemon's own, whatever the
    /// options say, and it does look at running programs. A dry run does not count bytes.
    fn collect_garbage(&self, options: &GarbageOptions) -> Result<GarbageReport, StoreError> {
        const RETURN_DEAD: u64 = 1;
        const DELETE_DEAD: u64 = 2;
        const DELETE_SPECIFIC: u64 = 3;
        let action = match (&options.only, options.dry_run) {
            (None, true) => RETURN_DEAD,
            (None, false) => DELETE_DEAD,
            (Some(_), false) => DELETE_SPECIFIC,
            (Some(_), true) => {
                return Err(StoreError::Unsupported(
                    self.socket.display().to_string(),
                    "a dry run of deleting given paths",
                ));
            }
        };
        let deleted = self.talk(&mut drop, |connection, log| {
            connection.start(Operation::CollectGarbage)?;
            connection.number(action)?;
            connection.strings(self.print_all(options.only.iter().flatten()))?;
            connection.number(0)?; // do not ignore liveness
            connection.number(options.max_freed.unwrap_or(u64::MAX))?;
            for _obsolete in 0..3 {
                connection.number(0)?;
            }
            connection.finish(log)?;
            let deleted = connection.read_texts()?;
            let bytes_freed = connection.read_number()?;
            connection.read_number()?; // obsolete
            Ok(GarbageReport { deleted, bytes_freed })
        })?;
        let prefix = format!("{}/", self.layout.store_dir);
        let base_name =
            |path: String| path.strip_prefix(&prefix).map_or(path.clone(), str::to_owned);
        Ok(GarbageReport {
            deleted: deleted.deleted.into_iter().map(base_name).collect(),
            ..deleted
        })
    }
}

/// What a daemon calls a root. To those it does not trust it names running programs `{censored}`.
fn root(place: String) -> Root {
    let is_temporary = place.starts_with("{temp:");
    let is_running = place.starts_with("/proc/") || place.starts_with('{');
    let place = PathBuf::from(place);
    match (is_temporary, is_running) {
        (true, _) => Root::Temporary(place),
        (_, true) => Root::Running(place),
        _ => Root::Link(place),
    }
}

fn read_build_result(connection: &mut Connection) -> Result<BuildResult, connection::Failure> {
    let request = connection.read_text()?;
    let status = connection.read_number()?;
    let error = without_colours(&connection.read_text()?);
    for _times_built_deterministic_start_stop in 0..4 {
        connection.read_number()?;
    }
    let mut outputs = BTreeMap::new();
    for _ in 0..connection.read_number()? {
        let id = connection.read_text()?;
        let realisation = connection.read_text()?;
        let (_, output) = id
            .split_once('!')
            .ok_or_else(|| WireError::meaningless(format!("the output id '{id}'")))?;
        let realisation: serde_json::Value =
            serde_json::from_str(&realisation).map_err(WireError::meaningless)?;
        let path = realisation["outPath"]
            .as_str()
            .ok_or_else(|| WireError::meaningless("a realisation without 'outPath'"))?;
        let path = StorePath::parse(path).map_err(WireError::meaningless)?;
        outputs.insert(output.to_owned(), path);
    }
    Ok(BuildResult { request, status, error, outputs })
}
