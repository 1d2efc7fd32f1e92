//! The stories, each a question to the server or a shell and the answer.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use floe_lsp::client::uri;
use serde_json::{Value, json};

use super::{
    Session, command_in, floe,
    screen::{self, BOLD, CYAN, DIM, GREEN, PLAIN, RED, YELLOW},
    timed,
};

/// Story 1.
pub(super) fn complete_an_option(session: &mut Session) -> anyhow::Result<()> {
    screen::heading(1, "Complete an option");
    let typed = "  services.openssh.";
    let document = session.open("configuration.nix", |text| {
        text.replacen("  services.nginx", &format!("{typed}\n\n  services.nginx"), 1)
    })?;
    let (line, _) = document.find(&format!("{typed}\n"))?;
    let column = typed.len() as u32;
    let (answer, time) = timed(|| {
        session.client.request_at("textDocument/completion", &document.path, line, column)
    });
    let answer = answer?;
    let items =
        answer["items"].as_array().or(answer.as_array()).context("no list of completions")?;
    ensure!(!items.is_empty(), "the list of completions is empty");
    screen::code("configuration.nix", &document.text, line, Some((column, column + 1)), "▔");
    let rows: Vec<String> = items
        .iter()
        .take(12)
        .map(|item| {
            let label = item["label"].as_str().unwrap_or_default();
            let kind = (item["labelDetails"]["description"].as_str())
                .or(item["detail"].as_str())
                .unwrap_or_default();
            let documentation = item["documentation"]["value"]
                .as_str()
                .or(item["documentation"].as_str())
                .unwrap_or_default();
            format!(
                "{BOLD}{:<22}{PLAIN} {CYAN}{:<20}{PLAIN} {DIM}{}{PLAIN}",
                screen::cut(label, 22),
                screen::cut(kind, 20),
                screen::cut(documentation, 38)
            )
        })
        .collect();
    screen::pop_up(&rows);
    screen::took(&format!("{} options", items.len()), time);
    Ok(())
}

/// Story 2.
pub(super) fn jump_into_a_package(session: &mut Session) -> anyhow::Result<()> {
    screen::heading(2, "Jump into a package's definition");
    let document = session.open("configuration.nix", str::to_owned)?;
    let (line, column) = document.find("hello\n")?;
    let (answer, time) = timed(|| {
        session.client.request_at("textDocument/definition", &document.path, line, column)
    });
    let answer = answer?;
    let place = if answer.is_array() { &answer[0] } else { &answer };
    let target = place["targetUri"].as_str().or(place["uri"].as_str()).context("no definition")?;
    let range = place.get("targetSelectionRange").unwrap_or(&place["range"]);
    let target = PathBuf::from(target.trim_start_matches("file://"));
    screen::code("configuration.nix", &document.text, line, Some((column, column + 5)), "^");
    let text = fs::read_to_string(&target)
        .with_context(|| format!("the definition leads to '{}'", target.display()))?;
    let (start, end) = columns(range);
    screen::line(&format!("\n       {GREEN}go to definition{PLAIN}\n"));
    let shown = session.shorten(&target);
    screen::code(&shown, &text, line_of(range), Some((start, end)), "^");
    screen::took("found", time);
    Ok(())
}

/// Story 3.
pub(super) fn see_an_error(session: &mut Session) -> anyhow::Result<()> {
    screen::heading(3, "See an evaluation error where you made it");
    let document = session.open("broken.nix", str::to_owned)?;
    let is_error = |found: &[Value]| found.iter().any(|one| one["code"] == "missing-attribute");
    let (found, time) = timed(|| session.client.diagnostics(&document.path, is_error));
    let found = found?;
    let error =
        found.iter().find(|one| one["code"] == "missing-attribute").context("no error came")?;
    let range = &error["range"];
    screen::code("broken.nix", &document.text, line_of(range), Some(columns(range)), "~");
    let mut rows = vec![format!(
        "{RED}error{PLAIN} {BOLD}{}{PLAIN} {DIM}[{}]{PLAIN}",
        error["message"].as_str().unwrap_or_default().replace('\n', ". "),
        error["code"].as_str().unwrap_or_default()
    )];
    for related in error["relatedInformation"].as_array().into_iter().flatten().take(5) {
        let file = related["location"]["uri"].as_str().unwrap_or_default();
        let file = session.shorten(Path::new(file.trim_start_matches("file://")));
        let line = line_of(&related["location"]["range"]) + 1;
        let message = screen::cut(related["message"].as_str().unwrap_or_default(), 48);
        rows.push(format!("  {DIM}{:<30}{PLAIN} {message}", format!("{file}:{line}")));
    }
    screen::pop_up(&rows);
    screen::took("diagnosed", time);

    let slug = error["code"].as_str().unwrap_or_default();
    let page = floe_explain::find(slug).context("the error has no page")?;
    screen::line(&format!("\n  {DIM}${PLAIN} {BOLD}floe explain {slug}{PLAIN}"));
    screen::markdown(page.why).iter().for_each(|line| screen::line(&format!("  {line}")));
    Ok(())
}

/// Story 4.
pub(super) fn preview_an_override(session: &mut Session) -> anyhow::Result<()> {
    screen::heading(4, "Preview an override");
    let document = session.open("override.nix", str::to_owned)?;
    let parameters = json!({ "textDocument": { "uri": uri(&document.path) } });
    let (lenses, time) = timed(|| session.client.request("textDocument/codeLens", parameters));
    let lenses = lenses?;
    let lens = lenses.as_array().and_then(|lenses| lenses.first()).context("no code lens")?;
    let command = &lens["command"];
    let title = command["title"].as_str().unwrap_or_default();
    screen::line(&format!("  {YELLOW}     ⟨ {title} ⟩{PLAIN}"));
    screen::code("override.nix", &document.text, line_of(&lens["range"]), None, "");
    let preview = session.client.request(
        "workspace/executeCommand",
        json!({ "command": command["command"], "arguments": command["arguments"] }),
    )?;
    let markdown = preview["markdown"].as_str().context("no preview")?;
    screen::pop_up(&screen::markdown(markdown));
    screen::took("previewed", time);
    Ok(())
}

/// Story 5. It comes last because it builds.
pub(super) fn enter_a_dev_shell(home: &Path, project: &Path) -> anyhow::Result<()> {
    screen::heading(5, "Enter a dev shell on cd");
    let floe = floe()?;
    let shown = [
        "cd ~/iceberg",
        "floe allow",
        "command -v greet",
        "greet",
        "echo \"$PROJECT\"",
        "cd ..",
        "command -v greet || echo 'greet is gone again'",
    ];
    let mut script =
        format!("floe() {{ '{}' \"$@\"; }}\neval \"$(floe hook bash)\"\n", floe.display());
    for command in shown {
        // What an interactive prompt does: show the command, run it, then ask the hook.
        script += &format!(
            "printf '  {DIM}$ {PLAIN}{BOLD}%s{PLAIN}\\n' '{}'\n{command}\n_floe_hook\n",
            command.replace('\'', "'\\''")
        );
    }
    let mut command = command_in(home, Path::new("bash"));
    command.args(["--noprofile", "--norc"]).current_dir(home).stdin(Stdio::piped());
    let (result, time) = timed(|| -> anyhow::Result<_> {
        let mut child = command.spawn().context("cannot start bash")?;
        child.stdin.take().context("bash reads nothing")?.write_all(script.as_bytes())?;
        Ok(child.wait()?)
    });
    ensure!(result?.success(), "bash failed");
    ensure!(project.exists(), "the project is gone");
    screen::took("built, entered and left", time);
    Ok(())
}

fn line_of(range: &Value) -> u32 {
    range["start"]["line"].as_u64().unwrap_or_default() as u32
}

/// Where a range starts and ends, if it ends on the line where it starts.
fn columns(range: &Value) -> (u32, u32) {
    let character = |end: &str| range[end]["character"].as_u64().unwrap_or_default() as u32;
    let start = character("start");
    let same_line = range["start"]["line"] == range["end"]["line"];
    (start, if same_line { character("end").max(start + 1) } else { start + 1 })
}
