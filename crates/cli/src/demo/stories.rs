//! The stories: what is typed, what is asked, and what the answer must say.

use std::{fs, ops::Range, time::Duration};

use anyhow::{Context as _, bail, ensure};

use super::{
    code::{Code, GUTTER, gutter, markdown},
    editor::{Completion, Document, Editor, Place, Problem},
    screen::{BOLD, CYAN, DIM, GREEN, LINK, RED, Screen, WIDTH, YELLOW, cut},
    stage::{NAME, Stage},
    terminal::Terminal,
};

/// The children of an option set, with their types and descriptions.
pub(super) fn complete_an_option(editor: &mut Editor, screen: &mut Screen) -> anyhow::Result<()> {
    screen.narrate("A NixOS module. The options come from evaluating the module system.");
    let mut document = editor.open("configuration.nix")?;
    let at = document.text.rfind('}').context("configuration.nix does not end with '}'")?;
    editor.edit(&mut document, at..at, "\n\n")?;
    let code = Code::new(&document.text);
    let line = code.line_of(at + 1);
    title(screen, "configuration.nix", line);
    let above: Vec<String> = code.lines(line.saturating_sub(3)..line).collect();
    for line in above {
        screen.line(line);
    }
    let typed = type_at(editor, &mut document, at + 1, "  services.openssh.", screen)?;
    let found = editor.complete(&document, typed.end, "ports")?;
    let item = |label: &str| found.answer.iter().find(|item| item.label == label);
    for (label, kind) in [("enable", "boolean"), ("ports", "list of")] {
        let item = item(label).with_context(|| format!("'{label}' is not offered"))?;
        ensure!(item.detail.contains(kind), "the type of '{label}' is '{}'", item.detail);
        ensure!(!item.summary().is_empty(), "'{label}' has no description");
    }
    let offered: Vec<&Completion> = found.answer.iter().collect();
    screen.pop_up(GUTTER, &completion_rows(&offered));
    screen.time("offered", found.duration);

    screen.line("");
    let typed = type_at(editor, &mut document, typed.end, "po", screen)?;
    let found = editor.complete(&document, typed.end, "ports")?;
    // What does not begin with the word, editors leave out themselves.
    let fitting = found.answer.iter().filter(|item| item.label.starts_with("po"));
    let fitting: Vec<&Completion> = fitting.collect();
    let [ports] = fitting.as_slice() else { bail!("{} names begin with 'po'", fitting.len()) };
    ensure!(ports.documentation().contains("Default"), "'ports' has no default");
    let documentation = editor.shorten(ports.documentation());
    screen.pop_up(GUTTER, &completion_rows(&fitting));
    screen.pop_up(GUTTER, &markdown(&documentation, WIDTH - GUTTER - 4));
    screen.time("offered", found.duration);
    editor.close_document(&document)
}

/// The files of packages, from a variable under `with` and from an attribute.
pub(super) fn jump_into_a_package(editor: &mut Editor, screen: &mut Screen) -> anyhow::Result<()> {
    let places = [
        ("configuration.nix", "    hello\n", "hello", "Under `with pkgs;`, go to the definition:"),
        ("override.nix", "pkgs.hello.override ", "hello", "And from an attribute:"),
    ];
    for (index, (file, context, name, story)) in places.into_iter().enumerate() {
        if index > 0 {
            screen.line("");
        }
        screen.narrate(story);
        let document = editor.open(file)?;
        let found = document.find(context)?;
        let start = found + context.find(name).unwrap_or_default();
        let code = Code::new(&document.text);
        let line = code.line_of(start);
        title(screen, file, line);
        for line in code.lines(line.saturating_sub(1)..line) {
            screen.line(line);
        }
        let name_range = start..start + name.len();
        screen.line(code.line(line, Some(name_range.clone())));
        screen.line(code.marks(&name_range, "▔", YELLOW));
        screen.pause(Duration::from_millis(600));
        let target = editor.definition(&document, start)?;
        let Place { path, text, range } = &target.answer;
        ensure!(*path != document.path, "the definition is in the same file");
        ensure!(
            path.ends_with(format!("{name}/package.nix")) || text.contains(&format!("\"{name}")),
            "'{}' is not the definition of {name}",
            path.display()
        );
        let code = Code::new(text);
        let line = code.line_of(range.start);
        title(screen, &editor.name(path), line);
        for line in code.lines(line..line + 5) {
            screen.line(line);
        }
        screen.time("opened", target.duration);
        editor.close_document(&document)?;
    }
    Ok(())
}

/// A diagnostic at the user's own line, its explanation, and its end.
pub(super) fn see_an_error(
    editor: &mut Editor,
    stage: &Stage,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    screen.narrate("An attribute that does not exist, used a few calls below. Open the file:");
    let mut document = editor.open("broken.nix")?;
    let wrong = document.find("verison")?;
    let is_it = |problem: &Problem| problem.message.contains("attribute 'verison' missing");
    let found = editor.problems(&document, |problems| problems.iter().any(is_it))?;
    let problem = found.answer.iter().find(|problem| is_it(problem)).context("it is gone")?;
    draw_problem(editor, &document, problem, screen);
    screen.time("shown", found.duration);
    ensure!(!problem.related.is_empty(), "there is no trace");
    ensure!(problem.link.contains(&problem.code), "it links to '{}'", problem.link);

    screen.line("");
    screen.narrate("The link leads to the explanation that the terminal shows too:");
    screen.line(format!("{DIM}~/{NAME} ${DIM:#} {BOLD}floe explain {}{BOLD:#}", problem.code));
    let explained = stage.floe().args(["explain", &problem.code]).output()?;
    ensure!(explained.status.success(), "`floe explain {}` fails", problem.code);
    let explained = String::from_utf8(explained.stdout)?;
    for line in explained.lines().take(6) {
        screen.line(format!("  {}", cut(line, WIDTH - 2)));
    }
    screen.line(format!("  {DIM}… {} more lines{DIM:#}", explained.lines().count().max(6) - 6));
    screen.pause(Duration::from_millis(1500));

    screen.line("");
    screen.narrate("Mend it:");
    editor.edit(&mut document, wrong..wrong + "verison".len(), "")?;
    for (index, key) in "version".char_indices() {
        editor.edit(&mut document, wrong + index..wrong + index, key.encode_utf8(&mut [0; 4]))?;
        screen.key_pause();
    }
    let mended = editor.problems(&document, <[Problem]>::is_empty)?;
    let code = Code::new(&document.text);
    screen.line(code.line(code.line_of(wrong), Some(wrong..wrong + "version".len())));
    screen.line(format!("{}{GREEN}no problems{GREEN:#}", gutter(None)));
    screen.time("cleared", mended.duration);
    editor.close_document(&document)
}

/// What changes against the original, above the override and when hovering over it.
pub(super) fn preview_an_override(editor: &mut Editor, screen: &mut Screen) -> anyhow::Result<()> {
    screen.narrate("A package with another argument. The line above it says what that means:");
    let document = editor.open("override.nix")?;
    let hovered = document.find(".override {")? + 1;
    let says_what_changes = |text: &str| text.contains("Moin, Welt!") && text.contains("rebuil");
    let hover = editor.hover(&document, hovered, says_what_changes)?;
    let counted = |title: &str| title.contains(|character: char| character.is_ascii_digit());
    let lenses = editor.lenses(&document, |lenses| {
        lenses.len() >= 2 && lenses.iter().take(2).all(|lens| counted(&lens.title))
    })?;
    let code = Code::new(&document.text);
    let first = code.line_of(document.find("moin =")?);
    let last = code.line_of(document.find("  });")?) + 1;
    title(screen, "override.nix", first);
    for number in first..last {
        for lens in lenses.iter().filter(|lens| code.line_of(lens.start) == number) {
            let indentation = document.text.lines().nth(number).unwrap_or_default();
            let indentation = indentation.len() - indentation.trim_start().len();
            let blank = " ".repeat(indentation);
            let title = &lens.title;
            screen.line(format!("{}{blank}{YELLOW}{title}{YELLOW:#}", gutter(None)));
        }
        let name = hovered..hovered + "override".len();
        screen.line(code.line(number, Some(name.clone())));
        if code.line_of(name.start) == number {
            screen.line(code.marks(&name, "▔", YELLOW));
        }
    }
    screen.line("");
    screen.narrate("Hovering over `override` shows all of it:");
    screen.pop_up(GUTTER, &markdown(&editor.shorten(&hover.answer), WIDTH - GUTTER - 4));
    screen.time("shown", hover.duration);
    editor.close_document(&document)
}

/// Tools that come and go, and an environment that is afterwards what it was before.
pub(super) fn enter_a_dev_shell(stage: &Stage, screen: &mut Screen) -> anyhow::Result<()> {
    screen.narrate("A bash whose ~/.bashrc ends with  eval \"$(floe hook bash)\"");
    let mut bash = Terminal::start(stage)?;
    // `cd` itself sets OLDPWD.
    let list = "env -0 | grep -zv ^OLDPWD= | sort -z";
    let gone = "command -v hello || echo no hello";
    let mut enter = |command: &str, expected: &str| -> anyhow::Result<Vec<String>> {
        screen.part(format!("{DIM}{}{DIM:#}{BOLD}", bash.prompt()));
        screen.keys(command);
        screen.line(format!("{BOLD:#}"));
        screen.pause(Duration::from_millis(300));
        let lines = bash.run(command, |line| {
            let style = if line.starts_with("floe: ") { DIM } else { anstyle::Style::new() };
            screen.line(format!("{style}{}{style:#}", cut(line, WIDTH)));
        })?;
        screen.pause(Duration::from_millis(700));
        ensure!(
            lines.iter().any(|line| line.contains(expected)) || expected.is_empty(),
            "`{command}` did not say '{expected}'"
        );
        Ok(lines)
    };
    enter(gone, "no hello")?;
    enter(&format!("{list} > before"), "")?;
    enter(&format!("cd {NAME}"), "is not allowed")?;
    enter("floe allow", "allowed")?;
    enter("hello", "Hello")?;
    let path = enter("tr : '\\n' <<< \"$PATH\" | grep -o '[^/]*/bin' | head -n 3", "-hello-")?;
    ensure!(path.len() == 3, "PATH has {} entries", path.len());
    enter("cd ..", "")?;
    enter(gone, "no hello")?;
    enter(&format!("{list} > after"), "")?;
    enter("cmp before after && echo the same, byte for byte", "the same, byte for byte")?;
    let read = |name: &str| fs::read(stage.home().join(name));
    let (before, after) = (read("before")?, read("after")?);
    ensure!(before == after && !before.is_empty(), "the environment is not what it was");
    Ok(())
}

/// Types at an offset, each key an edit; gives what was typed.
fn type_at(
    editor: &mut Editor,
    document: &mut Document,
    at: usize,
    text: &str,
    screen: &mut Screen,
) -> anyhow::Result<Range<usize>> {
    let code = Code::new(&document.text);
    let line = code.line_of(at);
    screen.part(code.line(line, None));
    for (index, key) in text.char_indices() {
        let key = key.to_string();
        editor.edit(document, at + index..at + index, &key)?;
        screen.keys(&key);
    }
    screen.line(format!("{BOLD}▏{BOLD:#}"));
    Ok(at..at + text.len())
}

fn title(screen: &mut Screen, name: &str, line: usize) {
    screen.line(format!("{:GUTTER$}{BOLD}{name}{BOLD:#}{DIM}:{}{DIM:#}", "", line + 1));
}

fn completion_rows(items: &[&Completion]) -> Vec<String> {
    const SHOWN: usize = 8;
    let longest = |text: fn(&Completion) -> &str, most: usize| {
        let lengths = items.iter().take(SHOWN).map(|item| text(item).chars().count());
        lengths.max().unwrap_or(0).min(most)
    };
    let (names, types) = (longest(|item| &item.label, 24), longest(|item| &item.detail, 20));
    let rest = WIDTH - GUTTER - names - types - 8;
    let row = |item: &&Completion| {
        let (name, kind) = (cut(&item.label, names), cut(&item.detail, types));
        let summary = cut(&item.summary(), rest);
        format!("{BOLD}{name:names$}{BOLD:#}  {CYAN}{kind:types$}{CYAN:#}  {DIM}{summary}{DIM:#}")
    };
    let mut rows: Vec<String> = items.iter().take(SHOWN).map(row).collect();
    if items.len() > SHOWN {
        rows.push(format!("{DIM}… {} more{DIM:#}", items.len() - SHOWN));
    }
    rows
}

fn draw_problem(editor: &Editor, document: &Document, problem: &Problem, screen: &mut Screen) {
    /// Columns for where something is.
    const PLACE: usize = 40;
    let code = Code::new(&document.text);
    let line = code.line_of(problem.range.start);
    title(screen, &editor.name(&document.path), line);
    for line in code.lines(line.saturating_sub(2)..line + 1) {
        screen.line(line);
    }
    screen.line(code.marks(&problem.range, "~", RED));
    for line in problem.message.lines() {
        screen.line(format!("{}{RED}{}{RED:#}", gutter(None), cut(line, WIDTH - GUTTER)));
    }
    for (message, place) in &problem.related {
        let line = Code::new(&place.text).line_of(place.range.start) + 1;
        let place = cut(&format!("{}:{line}", editor.name(&place.path)), PLACE);
        let message = cut(message, WIDTH - GUTTER - PLACE - 4);
        screen.line(format!("{}{DIM}↳ {place:PLACE$}{DIM:#}  {message}", gutter(None)));
    }
    screen.line(format!("{}{LINK}{}{LINK:#}", gutter(None), problem.link));
}
