//! The place where the demo happens: one temporary folder with a home, the project and a store, and an
//! environment that knows nothing else of its user.

use std::{
    env, fs, io,
    os::unix::{fs::symlink, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail, ensure};
use include_dir::{Dir, include_dir};

static PROJECT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../fixtures/demo");

/// What the project is called.
pub(super) const NAME: &str = "iceberg";

/// Removes the folder as soon as the demo is gone, however it ended: the pipe closes then. Store paths
/// are read-only, and a build that was interrupted may still be writing.
const SWEEP: &str = r#"
trap '' HUP INT TERM
cat > /dev/null
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  chmod -R u+rwx -- "$1"
  rm -rf -- "$1" && exit
  sleep 0.2
done 2> /dev/null
exit 1
"#;

/// The folder. It is removed when this is dropped, and when the process is killed.
pub(super) struct Stage {
    folder: PathBuf,
    floe: PathBuf,
    sweeper: Child,
}

impl Stage {
    /// With a copy of `project`, or of the one in the program.
    pub(super) fn new(project: Option<&Path>) -> anyhow::Result<Stage> {
        let floe = env::current_exe().context("cannot tell where the floe program is")?;
        let folder = new_folder()?;
        let sweeper = Command::new("/bin/sh")
            .args(["-c", SWEEP, "floe-demo"])
            .arg(&folder)
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot run '/bin/sh'")?;
        let stage = Stage { folder, floe, sweeper };
        let home = stage.home();
        for folder in [stage.project(), home.join("tmp"), stage.programs()] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make '{}'", folder.display()))?;
        }
        symlink(&stage.floe, stage.programs().join("floe"))?;
        match project {
            Some(project) => copy(project, &stage.project())
                .with_context(|| format!("cannot copy '{}'", project.display()))?,
            None => PROJECT.extract(stage.project()).context("cannot write the project")?,
        }
        Ok(stage)
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    pub(super) fn project(&self) -> PathBuf {
        self.home().join(NAME)
    }

    /// This program, to be started on the stage.
    pub(super) fn floe(&self) -> Command {
        self.command(&self.floe)
    }

    /// A program that sees the stage and nothing of its user but `PATH`.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let home = self.home();
        let mut path = self.programs().into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("HOME", &home)
            .env("TMPDIR", home.join("tmp"))
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_STATE_HOME", home.join(".local/state"))
            .env("XDG_RUNTIME_DIR", home.join("tmp"))
            .env("FLOE_STORE", self.folder.join("data"))
            .current_dir(home);
        command
    }

    /// Removes everything, and says whether that worked.
    pub(super) fn clear(mut self) -> anyhow::Result<()> {
        self.sweep().context("cannot clear up")?;
        ensure!(!self.folder.exists(), "'{}' cannot be removed", self.folder.display());
        Ok(())
    }

    fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    fn sweep(&mut self) -> io::Result<()> {
        drop(self.sweeper.stdin.take());
        self.sweeper.wait().map(drop)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nobody is left to tell; `clear` is how a demo that has come to its end does this.
        let _ = self.sweep();
    }
}

fn new_folder() -> anyhow::Result<PathBuf> {
    let temporary = env::temp_dir();
    let temporary = temporary
        .canonicalize()
        .with_context(|| format!("there is no folder '{}'", temporary.display()))?;
    for attempt in 0..100 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let salt = now.unwrap_or(Duration::ZERO).subsec_micros() + attempt;
        let folder = temporary.join(format!("floe-demo-{}-{salt}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot make the folder '{}'", folder.display()));
            }
        }
    }
    bail!("every name for a new folder in '{}' is taken", temporary.display())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_the_project_and_is_gone_afterwards() {
        let stage = Stage::new(None).unwrap();
        let (folder, project) = (stage.folder.clone(), stage.project());
        assert!(project.join("configuration.nix").is_file());
        // As a store leaves its paths.
        let mut permissions = fs::metadata(&project).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&project, permissions).unwrap();
        stage.clear().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_project_of_the_user_is_copied() {
        let first = Stage::new(None).unwrap();
        fs::write(first.project().join("mine.nix"), "1").unwrap();
        let second = Stage::new(Some(&first.project())).unwrap();
        assert_eq!(fs::read_to_string(second.project().join("mine.nix")).unwrap(), "1");
    }
}
