//! How long a language server lets an editor wait for what is in all files of a folder, for `cargo xtask
//! bench`.
//!
//! `workspace_latency FOLDER FILE NAME RUNS COMMAND…` starts any server in the workspace FOLDER and opens
//! FILE, which binds NAME. It asks for the workspace's symbols that are like NAME and for the references to
//! it, RUNS times each; the first time counts apart, since a server may read all files then. It prints
//! lines of a name and a number: milliseconds, and `memory` in bytes. What the server does not have is left
//! out.

mod common;

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use common::{Arguments, if_known, memory, milliseconds};
use floe_lsp::client::{Client, uri};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::new("usage: workspace_latency FOLDER FILE NAME RUNS COMMAND…");
    let (folder, path) = (arguments.path()?, arguments.path()?);
    let (name, runs) = (arguments.text()?, arguments.number()?);
    let mut command = arguments.command()?;

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
            let Some(answer) = if_known(client.request(method, params.clone()))? else { break };
            let first = if run == 0 { "first-" } else { "" };
            writeln!(out, "{first}{what} {:.3}", milliseconds(start))?;
            if run == 0 {
                writeln!(out, "{what}-found {}", answer.as_array().map_or(0, Vec::len))?;
                writeln!(out, "{what}-memory {}", memory(&client)?)?;
            }
        }
    }
    client.shutdown()?;
    Ok(())
}
