//! How long a language server lets an editor wait for what is in all files of a folder, for `cargo xtask
//! bench`.
//!
//! `workspace_latency FOLDER FILE NAME RUNS COMMAND…` starts any server in the workspace FOLDER and opens
//! FILE, which binds NAME. It asks for the workspace's symbols that are like NAME and for the references to
//! it, RUNS times each; the first time counts apart, since a server may read all files then. It prints
//! lines of a name and a number: milliseconds, and `memory` in bytes. What the server does not have is left
//! out.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use floe_lsp::client::{Client, ClientError, uri};
use serde_json::{Value, json};

/// The protocol's error for a request that a server does not have.
const METHOD_NOT_FOUND: i64 = -32601;

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: workspace_latency FOLDER FILE NAME RUNS COMMAND…";
    let mut arguments = env::args_os().skip(1);
    let mut next = || arguments.next().ok_or(usage);
    let folder = PathBuf::from(next()?);
    let path = PathBuf::from(next()?);
    let name = next()?.into_string().map_err(|_| usage)?;
    let runs: usize = next()?.to_str().and_then(|runs| runs.parse().ok()).ok_or(usage)?;
    let mut command = Command::new(next()?);
    command.args(arguments).stderr(Stdio::null());

    let text = fs::read_to_string(&path)?;
    let binding = |line: &str| {
        line.trim_start().strip_prefix(&name)?.trim_start().strip_prefix('=').map(drop)
    };
    let line = text.lines().position(|line| binding(line).is_some());
    let line = line.ok_or_else(|| format!("{} does not bind {name}", path.display()))?;
    let character = text.lines().nth(line).map_or(0, |line| line.len() - line.trim_start().len());

    let mut out = io::stdout().lock();
    let mut client = Client::start(&mut command)?;
    client.set_patience(Duration::from_secs(300));
    client.initialize(&folder, &Value::Null)?;
    client.open(&path, &text)?;
    let references = json!({
        "textDocument": { "uri": uri(&path) },
        "position": { "line": line, "character": character },
        "context": { "includeDeclaration": true },
    });
    let requests = [
        ("symbols", "workspace/symbol", json!({ "query": name })),
        ("references", "textDocument/references", references),
    ];
    for (what, method, params) in requests {
        for run in 0..runs {
            let start = Instant::now();
            let answer = match client.request(method, params.clone()) {
                Err(ClientError::Refused { error, .. }) if error["code"] == METHOD_NOT_FOUND => {
                    break;
                }
                answer => answer?,
            };
            let first = if run == 0 { "first-" } else { "" };
            writeln!(out, "{first}{what} {:.3}", start.elapsed().as_secs_f64() * 1e3)?;
            if run == 0 {
                writeln!(out, "{what}-found {}", answer.as_array().map_or(0, Vec::len))?;
                let memory = resident_bytes(client.process_id()).ok_or("no memory")?;
                writeln!(out, "{what}-memory {memory}")?;
            }
        }
    }
    client.shutdown()?;
    Ok(())
}

fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"));
    let status = status.ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
