//! The store's database: which paths are valid, and what they need.
//!
//! It is SQLite in the schema of Nix, version 10, in `db/db.sqlite` beside a file `db/schema` with
//! that number and `db/big-lock`, which every user of the database holds shared and whoever changes
//! the schema holds alone. Nix and Floe can use one database at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::content_address::ContentAddress;
use crate::hash::{Format, Hash};
use crate::path::{StoreDir, StorePath};
use crate::path_info::PathInfo;

/// The version of the schema, as the file `schema` has it.
const SCHEMA_VERSION: &str = "10";

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Names and types are Nix's. A path that refers to itself is a row (N, N) in `Refs`, which would
/// keep its own `ValidPaths` row from being deleted; hence the trigger.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS ValidPaths (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        path TEXT UNIQUE NOT NULL,
        hash TEXT NOT NULL,
        registrationTime INTEGER NOT NULL,
        deriver TEXT,
        narSize INTEGER,
        ultimate INTEGER,
        sigs TEXT,
        ca TEXT
    );
    CREATE TABLE IF NOT EXISTS Refs (
        referrer INTEGER NOT NULL,
        reference INTEGER NOT NULL,
        PRIMARY KEY (referrer, reference),
        FOREIGN KEY (referrer) REFERENCES ValidPaths(id) ON DELETE CASCADE,
        FOREIGN KEY (reference) REFERENCES ValidPaths(id) ON DELETE RESTRICT
    );
    CREATE INDEX IF NOT EXISTS IndexReferrer ON Refs(referrer);
    CREATE INDEX IF NOT EXISTS IndexReference ON Refs(reference);
    CREATE TRIGGER IF NOT EXISTS DeleteSelfRefs BEFORE DELETE ON ValidPaths
    BEGIN
        DELETE FROM Refs WHERE referrer = old.id AND reference = old.id;
    END;
    CREATE TABLE IF NOT EXISTS DerivationOutputs (
        drv INTEGER NOT NULL,
        id TEXT NOT NULL,
        path TEXT NOT NULL,
        PRIMARY KEY (drv, id),
        FOREIGN KEY (drv) REFERENCES ValidPaths(id) ON DELETE CASCADE
    );
    CREATE INDEX IF NOT EXISTS IndexDerivationOutputs ON DerivationOutputs(path);
";

/// The paths of a derivation's outputs, by output name.
pub type OutputPaths = BTreeMap<String, StorePath>;

/// A path to be made valid.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What becomes known.
    pub info: PathInfo,
    /// The known output paths, if it is a derivation.
    pub outputs: OutputPaths,
}

impl From<PathInfo> for Registration {
    /// For what is no derivation.
    fn from(info: PathInfo) -> Self {
        Self { info, outputs: OutputPaths::new() }
    }
}

/// An open database. Usable from several threads; each call is one transaction.
pub struct Database {
    file: PathBuf,
    store_dir: StoreDir,
    connection: Mutex<Connection>,
    /// Held shared as long as the database is open.
    _big_lock: File,
}

impl Database {
    /// Opens the database in `directory`, creating both if need be.
    pub fn open(directory: &Path, store_dir: StoreDir) -> Result<Self, DatabaseError> {
        let files = |source| DatabaseError::Files { directory: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(files)?;
        let file = directory.join("db.sqlite");
        let schema_file = directory.join("schema");
        let big_lock = open_lock(&directory.join("big-lock")).map_err(files)?;
        big_lock.lock_shared().map_err(files)?;

        let mut connection = None;
        if read_schema_version(&schema_file).map_err(files)?.is_none() {
            // A lock cannot be made exclusive safely while others may be trying the same.
            big_lock.unlock().map_err(files)?;
            big_lock.lock().map_err(files)?;
            if read_schema_version(&schema_file).map_err(files)?.is_none() {
                let created = connect(&file).and_then(|connection| {
                    connection.execute_batch(SCHEMA)?;
                    Ok(connection)
                });
                connection = Some(created.map_err(|source| DatabaseError::sql(&file, source))?);
                write_schema_version(directory, &schema_file).map_err(files)?;
            }
            big_lock.unlock().map_err(files)?;
            big_lock.lock_shared().map_err(files)?;
        }
        let version = read_schema_version(&schema_file).map_err(files)?.unwrap_or_default();
        if version != SCHEMA_VERSION {
            return Err(DatabaseError::SchemaVersion { file: schema_file, found: version });
        }
        let connection = match connection {
            Some(connection) => connection,
            None => connect(&file).map_err(|source| DatabaseError::sql(&file, source))?,
        };
        Ok(Self { file, store_dir, connection: Mutex::new(connection), _big_lock: big_lock })
    }

    /// What is known about `path`, if it is valid.
    pub fn query(&self, path: &StorePath) -> Result<Option<PathInfo>, DatabaseError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT id, hash, narSize, deriver, registrationTime, ultimate, sigs, ca
                 FROM ValidPaths WHERE path = ?",
            )?;
            let row = find.query_row([self.store_dir.print(path)], RawInfo::read).optional()?;
            let Some(raw) = row else { return Ok(None) };
            let mut references = connection.prepare_cached(
                "SELECT path FROM Refs JOIN ValidPaths ON reference = id WHERE referrer = ?",
            )?;
            let references = self.paths(&mut references, [raw.id])?;
            raw.parse(path, references, &self.store_dir).map(Some)
        })
    }

    /// Whether `path` is valid.
    pub fn is_valid(&self, path: &StorePath) -> Result<bool, DatabaseError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached("SELECT 1 FROM ValidPaths WHERE path = ?")?;
            Ok(find.exists([self.store_dir.print(path)])?)
        })
    }

    /// Every valid path.
    pub fn all(&self) -> Result<BTreeSet<StorePath>, DatabaseError> {
        self.read(|connection| {
            self.paths(&mut connection.prepare_cached("SELECT path FROM ValidPaths")?, [])
        })
    }

    /// The valid path with this hash part.
    pub fn path_with_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>, DatabaseError> {
        let prefix = format!("{}/{hash_part}-", self.store_dir);
        self.read(|connection| {
            // Unlike LIKE, a comparison uses the index.
            let mut find = connection.prepare_cached(
                "SELECT path FROM ValidPaths WHERE path >= ? ORDER BY path LIMIT 1",
            )?;
            let found: Option<String> = find.query_row([&prefix], |row| row.get(0)).optional()?;
            match found.filter(|path| path.starts_with(&prefix)) {
                Some(path) => self.parse(&path).map(Some),
                None => Ok(None),
            }
        })
    }

    /// The valid paths that need `path`, itself included if it needs itself.
    pub fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>, DatabaseError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT path FROM Refs JOIN ValidPaths ON referrer = id
                 WHERE reference = (SELECT id FROM ValidPaths WHERE path = ?)",
            )?;
            self.paths(&mut find, [self.store_dir.print(path)])
        })
    }

    /// The valid derivations with `path` among their outputs.
    pub fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>, DatabaseError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT v.path FROM DerivationOutputs d JOIN ValidPaths v ON d.drv = v.id
                 WHERE d.path = ?",
            )?;
            self.paths(&mut find, [self.store_dir.print(path)])
        })
    }

    /// The output paths of a valid derivation.
    pub fn derivation_outputs(&self, path: &StorePath) -> Result<OutputPaths, DatabaseError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT d.id, d.path FROM DerivationOutputs d JOIN ValidPaths v ON d.drv = v.id
                 WHERE v.path = ?",
            )?;
            let mut rows = find.query([self.store_dir.print(path)])?;
            let mut outputs = OutputPaths::new();
            while let Some(row) = rows.next()? {
                let path: String = row.get(1)?;
                outputs.insert(row.get(0)?, self.parse(&path)?);
            }
            Ok(outputs)
        })
    }

    /// Every edge between valid paths, as (referrer, reference).
    pub fn all_references(&self) -> Result<Vec<(StorePath, StorePath)>, DatabaseError> {
        self.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT a.path, b.path FROM Refs
                 JOIN ValidPaths a ON referrer = a.id JOIN ValidPaths b ON reference = b.id",
            )?;
            let mut rows = find.query([])?;
            let mut edges = Vec::new();
            while let Some(row) = rows.next()? {
                let (referrer, reference): (String, String) = (row.get(0)?, row.get(1)?);
                edges.push((self.parse(&referrer)?, self.parse(&reference)?));
            }
            Ok(edges)
        })
    }

    /// Makes paths valid, all or none. The references of each must be valid or among them.
    /// What is known of a path that is valid already is brought up to date.
    pub fn register(&self, registrations: &[Registration]) -> Result<(), DatabaseError> {
        self.write(|connection| {
            for registration in registrations {
                self.register_one(connection, registration)?;
            }
            for Registration { info, .. } in registrations {
                for reference in &info.references {
                    let changed = connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO Refs (referrer, reference)
                             SELECT a.id, b.id FROM ValidPaths a, ValidPaths b
                             WHERE a.path = ? AND b.path = ?",
                        )?
                        .execute([
                            self.store_dir.print(&info.path),
                            self.store_dir.print(reference),
                        ])?;
                    if changed == 0 {
                        return Err(DatabaseError::InvalidReference {
                            path: self.store_dir.print(&info.path),
                            reference: self.store_dir.print(reference),
                        });
                    }
                }
            }
            Ok(())
        })
    }

    /// Makes `path` invalid. Whether it was valid.
    ///
    /// # Errors
    /// If a valid path needs it.
    pub fn invalidate(&self, path: &StorePath) -> Result<bool, DatabaseError> {
        let printed = self.store_dir.print(path);
        let deleted = self.write(|connection| {
            let mut delete = connection.prepare_cached("DELETE FROM ValidPaths WHERE path = ?")?;
            Ok(delete.execute([&printed])?)
        });
        match deleted {
            Ok(rows) => Ok(rows > 0),
            Err(DatabaseError::Sql { source, .. })
                if source.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                Err(DatabaseError::InUse(printed))
            }
            Err(error) => Err(error),
        }
    }

    fn register_one(
        &self,
        connection: &Connection,
        Registration { info, outputs }: &Registration,
    ) -> Result<(), DatabaseError> {
        let path = self.store_dir.print(&info.path);
        let hash = info.nar_hash.format_with_algorithm(Format::Base16);
        let size = (info.nar_size != 0).then(|| i64::try_from(info.nar_size).unwrap_or(i64::MAX));
        let ultimate = info.ultimate.then_some(1);
        let signatures: Vec<_> = info.signatures.iter().map(String::as_str).collect();
        let signatures = (!signatures.is_empty()).then(|| signatures.join(" "));
        let address = info.content_address.map(|address| address.to_string());
        let updated = connection
            .prepare_cached(
                "UPDATE ValidPaths SET hash = ?, narSize = ?, ultimate = ?, sigs = ?, ca = ?
                 WHERE path = ?",
            )?
            .execute(params![hash, size, ultimate, signatures, address, path])?;
        if updated == 0 {
            let time = match info.registration_time {
                0 => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
                time => time,
            };
            let deriver = info.deriver.as_ref().map(|deriver| self.store_dir.print(deriver));
            connection
                .prepare_cached(
                    "INSERT INTO ValidPaths
                     (hash, narSize, ultimate, sigs, ca, path, registrationTime, deriver)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    hash,
                    size,
                    ultimate,
                    signatures,
                    address,
                    path,
                    i64::try_from(time).unwrap_or(i64::MAX),
                    deriver
                ])?;
        }
        for (output, output_path) in outputs {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO DerivationOutputs (drv, id, path)
                     SELECT id, ?, ? FROM ValidPaths WHERE path = ?",
                )?
                .execute([output, &self.store_dir.print(output_path), &path])?;
        }
        Ok(())
    }

    fn paths(
        &self,
        statement: &mut rusqlite::CachedStatement<'_>,
        parameters: impl rusqlite::Params,
    ) -> Result<BTreeSet<StorePath>, DatabaseError> {
        let mut rows = statement.query(parameters)?;
        let mut paths = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let path: String = row.get(0)?;
            paths.insert(self.parse(&path)?);
        }
        Ok(paths)
    }

    fn parse(&self, path: &str) -> Result<StorePath, DatabaseError> {
        self.store_dir.parse_canonical(path).map_err(|error| DatabaseError::Entry {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        work(&self.connection()).map_err(|error| error.in_file(&self.file))
    }

    /// Runs `work` in a transaction that takes the write lock at once: a transaction that starts
    /// by reading could not wait for another writer.
    fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut connection = self.connection();
        let run = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|error: DatabaseError| error.in_file(&self.file))
    }

    /// A panic in another thread has rolled its transaction back, so the connection is sound.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the database did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The files around the database.
    #[error("cannot open the store database in '{}': {source}", directory.display())]
    Files {
        /// Where they are.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database itself.
    #[error("store database '{}': {source}", file.display())]
    Sql {
        /// The database.
        file: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A schema that is older or newer.
    #[error(
        "the store database has schema version '{found}' (in '{}'), expected '{SCHEMA_VERSION}'; open the store with a current nix once to migrate an older one",
        file.display()
    )]
    SchemaVersion {
        /// The file with the version.
        file: PathBuf,
        /// What it says.
        found: String,
    },
    /// A row that makes no sense.
    #[error("invalid entry for '{path}' in the store database: {reason}")]
    Entry {
        /// Whose row.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A path would need something that is not valid.
    #[error("cannot register '{path}': its reference '{reference}' is not valid")]
    InvalidReference {
        /// The path.
        path: String,
        /// The reference.
        reference: String,
    },
    /// The path has referrers.
    #[error("cannot delete path '{0}' because it is in use by other valid paths")]
    InUse(String),
}

impl DatabaseError {
    fn sql(file: &Path, source: rusqlite::Error) -> Self {
        Self::Sql { file: file.to_owned(), source }
    }

    fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Sql { source, .. } => Self::sql(file, source),
            other => other,
        }
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sql { file: PathBuf::new(), source }
    }
}

struct RawInfo {
    id: i64,
    hash: String,
    size: Option<i64>,
    deriver: Option<String>,
    time: i64,
    ultimate: Option<i64>,
    signatures: Option<String>,
    address: Option<String>,
}

impl RawInfo {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            hash: row.get(1)?,
            size: row.get(2)?,
            deriver: row.get(3)?,
            time: row.get(4)?,
            ultimate: row.get(5)?,
            signatures: row.get(6)?,
            address: row.get(7)?,
        })
    }

    fn parse(
        self,
        path: &StorePath,
        references: BTreeSet<StorePath>,
        dir: &StoreDir,
    ) -> Result<PathInfo, DatabaseError> {
        let entry = |reason: String| DatabaseError::Entry { path: dir.print(path), reason };
        let nar_hash =
            Hash::parse_with_algorithm(&self.hash).map_err(|error| entry(error.to_string()))?;
        let deriver = match self.deriver.filter(|deriver| !deriver.is_empty()) {
            Some(deriver) => Some(dir.parse(&deriver).map_err(|error| entry(error.to_string()))?),
            None => None,
        };
        let content_address = match self.address.filter(|address| !address.is_empty()) {
            Some(address) => {
                Some(address.parse::<ContentAddress>().map_err(|error| entry(error.to_string()))?)
            }
            None => None,
        };
        Ok(PathInfo {
            path: path.clone(),
            nar_hash,
            nar_size: self.size.and_then(|size| size.try_into().ok()).unwrap_or(0),
            references,
            deriver,
            registration_time: self.time.try_into().unwrap_or(0),
            ultimate: self.ultimate == Some(1),
            signatures: self
                .signatures
                .iter()
                .flat_map(|signatures| signatures.split_ascii_whitespace())
                .map(str::to_owned)
                .collect(),
            content_address,
        })
    }
}

/// `normal` synchronisation loses no transaction to a crash of the program, and with the write-ahead
/// log a crash of the machine loses whole transactions at most.
fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", 40_000)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

fn read_schema_version(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file says that the database is complete, so it appears whole and last.
fn write_schema_version(directory: &Path, file: &Path) -> io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    io::Write::write_all(&mut temporary, SCHEMA_VERSION.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> StorePath {
        StorePath::parse(&format!("00000000000000000000000000000000-{name}")).unwrap()
    }

    fn info(name: &str, references: &[&str]) -> PathInfo {
        let mut info = PathInfo::new(path(name), Hash::sha256(name.as_bytes()), 7);
        info.references = references.iter().map(|name| path(name)).collect();
        info.registration_time = 1;
        info
    }

    fn open(directory: &tempfile::TempDir) -> Database {
        Database::open(&directory.path().join("db"), StoreDir::default()).unwrap()
    }

    #[test]
    fn what_is_registered_is_found_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let mut known = info("a", &["a", "b"]);
        known.deriver = Some(path("a.drv"));
        known.ultimate = true;
        known.signatures = ["k:x".to_owned(), "l:y".to_owned()].into();
        known.content_address = "fixed:sha1:kpcd173cq987hw957sx6m0868wv3x6d9".parse().ok();
        let derivation = Registration {
            info: info("a.drv", &[]),
            outputs: [("out".to_owned(), path("a"))].into(),
        };
        open(&directory)
            .register(&[known.clone().into(), info("b", &[]).into(), derivation])
            .unwrap();

        let database = open(&directory);
        assert_eq!(database.query(&path("a")).unwrap(), Some(known));
        assert_eq!(database.query(&path("c")).unwrap(), None);
        assert!(database.is_valid(&path("b")).unwrap());
        assert_eq!(database.referrers(&path("b")).unwrap(), [path("a")].into());
        assert_eq!(database.valid_derivers(&path("a")).unwrap(), [path("a.drv")].into());
        assert_eq!(database.derivation_outputs(&path("a.drv")).unwrap()["out"], path("a"));
        assert_eq!(database.all().unwrap().len(), 3);
        assert!(database.path_with_hash_part(&"0".repeat(32)).unwrap().is_some());
        assert_eq!(database.path_with_hash_part(&"1".repeat(32)).unwrap(), None);
    }

    #[test]
    fn registration_is_all_or_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory);
        let refused = database.register(&[info("a", &[]).into(), info("b", &["missing"]).into()]);
        assert!(matches!(refused, Err(DatabaseError::InvalidReference { .. })));
        assert!(database.all().unwrap().is_empty());
    }

    #[test]
    fn what_is_needed_stays_valid() {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory);
        database.register(&[info("a", &["a", "b"]).into(), info("b", &[]).into()]).unwrap();
        assert!(matches!(database.invalidate(&path("b")), Err(DatabaseError::InUse(_))));
        assert!(database.invalidate(&path("a")).unwrap());
        assert!(database.invalidate(&path("b")).unwrap());
        assert!(!database.invalidate(&path("b")).unwrap());
    }

    #[test]
    fn other_schemas_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("db")).unwrap();
        fs::write(directory.path().join("db/schema"), "9\n").unwrap();
        let opened = Database::open(&directory.path().join("db"), StoreDir::default());
        assert!(matches!(opened, Err(DatabaseError::SchemaVersion { found, .. }) if found == "9"));
    }

    #[test]
    fn many_threads_and_connections_register_at_once() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let directory = &directory;
                scope.spawn(move || {
                    let database = open(directory);
                    for number in 0..20 {
                        let name = format!("{thread}-{number}");
                        database.register(&[info(&name, &[]).into()]).unwrap();
                    }
                });
            }
        });
        assert_eq!(open(&directory).all().unwrap().len(), 80);
    }
}
