//! How long the server lets an editor wait for what only evaluation tells, for `cargo xtask bench`.
//!
//! `evaluated_latency NIXPKGS EDITS COMMAND…` starts the server in a new folder with a NixOS
//! configuration and a shell, of which nixpkgs is at NIXPKGS. It asks for completion of an option and of a
//! package as soon as a file is open; then, EDITS times, it makes a mistake of one of several kinds in the
//! configuration and waits until the server tells it, and mends it and waits until it is told no more. It
//! prints lines of a name and a number: milliseconds, and `memory…` in bytes.

mod common;

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{Arguments, memory, milliseconds};
use floe_lsp::client::{Client, ClientError};
use serde_json::{Value, json};

/// Between edits, as when somebody types.
const PAUSE: Duration = Duration::from_millis(200);

const CONFIGURATION: &str = r#"{ config, pkgs, lib, ... }:

{
  imports = [ ./hardware.nix ];

  boot.loader.grub.device = "/dev/sda";
  networking.hostName = "bench";
  networking.firewall.allowedTCPPorts = [ 22 80 443 ];
  time.timeZone = "Europe/Amsterdam";

  environment.systemPackages = with pkgs; [ git vim wget ];

  services.openssh.enable = true;
  services.nginx = {
    enable = true;
    virtualHosts."example.org".root = "${pkgs.nginx}/html";
  };
  services.postgresql.enable = lib.mkIf config.services.nginx.enable true;

  users.users.alice = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    packages = [ pkgs.hello ];
  };

  system.stateVersion = "20.09";
}
"#;

const HARDWARE: &str = r#"{
  fileSystems."/" = { device = "/dev/sda1"; fsType = "ext4"; };
  swapDevices = [ ];
}
"#;

const SHELL: &str =
    "{ pkgs ? import <nixpkgs> { } }:\npkgs.mkShell { buildInputs = [ pkgs.hel ]; }\n";

/// Mistakes: what stands there, what is written instead.
const MISTAKES: [(&str, &str); 6] = [
    ("hostName = \"bench\"", "hostName = 5"),
    ("openssh.enable = true", "openssh.enabel = true"),
    ("git vim wget", "git vim wgett"),
    ("[ 22 80 443 ]", "[ 22 \"80\" 443 ]"),
    ("config.services.nginx.enable", "config.services.nginx.enabel"),
    ("isNormalUser = true", "isNormalUser = 1"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::new("usage: evaluated_latency NIXPKGS EDITS COMMAND…");
    let (nixpkgs, edits) = (arguments.path()?, arguments.number()?);
    let command = arguments.command()?;
    let folder = Folder::new()?;
    let configuration = folder.write("configuration.nix", CONFIGURATION)?;
    folder.write("hardware.nix", HARDWARE)?;
    let shell = folder.write("shell.nix", SHELL)?;
    let start = || -> Result<Client, Box<dyn Error>> {
        let mut server = Command::new(command.get_program());
        let cache = folder.path.join("cache");
        server.args(command.get_args()).env("XDG_CACHE_HOME", cache).stderr(Stdio::null());
        let mut client = Client::start(&mut server)?;
        let settings = json!({ "nixpkgs": nixpkgs });
        client.initialize(&folder.path, &settings)?;
        Ok(client)
    };
    let mut out = io::stdout().lock();

    // The second time there may be a cache of the first.
    for round in ["cold", "again"] {
        let mut client = start()?;
        client.open(&shell, SHELL)?;
        let time = completion(&mut client, &shell, SHELL, "pkgs.hel ", "hello")?;
        writeln!(out, "package-completion-{round} {time:.3}")?;
        client.shutdown()?;

        let mut client = start()?;
        client.open(&configuration, CONFIGURATION)?;
        let time = completion(&mut client, &configuration, CONFIGURATION, "openssh.", "enable")?;
        writeln!(out, "option-completion-{round} {time:.3}")?;
        client.shutdown()?;
    }

    let mut client = start()?;
    let begin = Instant::now();
    let mistake = CONFIGURATION.replace(MISTAKES[0].0, MISTAKES[0].1);
    client.open(&configuration, &mistake)?;
    client.diagnostics(&configuration, has_errors)?;
    writeln!(out, "first-errors {:.3}", milliseconds(begin))?;
    writeln!(out, "memory-first {}", memory(&client)?)?;
    let mut version = 1;
    let mut edit = |client: &mut Client, text: &str, wanted: fn(&[Value]) -> bool| {
        version += 1;
        let begin = Instant::now();
        client.change(&configuration, version, text)?;
        client.diagnostics(&configuration, wanted)?;
        let time = milliseconds(begin);
        thread::sleep(PAUSE);
        Ok::<f64, ClientError>(time)
    };
    edit(&mut client, CONFIGURATION, |found| !has_errors(found))?;
    for number in 0..edits {
        let (right, wrong) = MISTAKES[number % MISTAKES.len()];
        let mistake = CONFIGURATION.replace(right, wrong);
        writeln!(out, "mistake {:.3}", edit(&mut client, &mistake, has_errors)?)?;
        writeln!(out, "mended {:.3}", edit(&mut client, CONFIGURATION, |it| !has_errors(it))?)?;
    }
    writeln!(out, "memory-last {}", memory(&client)?)?;
    client.shutdown()?;
    Ok(())
}

/// Whether an error was found by evaluating: the text alone is right everywhere.
fn has_errors(found: &[Value]) -> bool {
    found.iter().any(|diagnostic| diagnostic["severity"] == 1)
}

/// Asks until the name is offered, and says how long that took.
fn completion(
    client: &mut Client,
    path: &Path,
    text: &str,
    before: &str,
    expected: &str,
) -> Result<f64, Box<dyn Error>> {
    let offset = text.find(before).ok_or("nowhere to complete")? + before.trim_end().len();
    let line = text[..offset].matches('\n').count();
    let column = offset - text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        let (line, column) = (u32::try_from(line)?, u32::try_from(column)?);
        let answer = client.request_at("textDocument/completion", path, line, column)?;
        let items = answer.get("items").unwrap_or(&answer);
        if items.as_array().is_some_and(|items| items.iter().any(|item| item["label"] == expected))
        {
            return Ok(milliseconds(begin));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(format!("{expected} is not offered").into())
}

/// A folder that is there as long as this.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> io::Result<Folder> {
        let path = env::temp_dir().join(format!("floe-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder { path: path.canonicalize()? })
    }

    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
