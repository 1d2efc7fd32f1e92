//! `cargo xtask picture`: the demonstration's real output as the picture of README.md.

use std::{fmt::Write as _, fs, process::Command};

use anyhow::Result;

use crate::{
    demo,
    run::{cargo, checkout, run, say, target},
};

/// Pixels of a character cell, and around the text.
const CELL: (usize, usize) = (8, 18);
const MARGIN: usize = 20;

pub(crate) fn draw() -> Result<()> {
    run(&mut cargo(["build", "--quiet", "--release", "--package", "floe-cli"]))?;
    let mut command = Command::new(target().join("release/floe"));
    let output = demo::output(command.args(["--color", "always"]))?;
    let path = checkout().join("docs/images/demo.svg");
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    fs::write(&path, svg(output.trim_end()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

/// A terminal's screen as SVG.
fn svg(text: &str) -> String {
    let lines: Vec<Vec<(Style, String)>> = text.lines().map(spans).collect();
    let columns = |line: &Vec<(Style, String)>| -> usize {
        line.iter().map(|(_, text)| text.chars().count()).sum()
    };
    let width = lines.iter().map(columns).max().unwrap_or_default() * CELL.0 + 2 * MARGIN;
    let height = lines.len() * CELL.1 + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, \
         Consolas, monospace\" font-size=\"13\" fill=\"#d8dee9\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2129\"/>\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let mut column = 0;
        for (style, text) in line {
            let cells = text.chars().count();
            if !text.trim().is_empty() {
                let (x, y) = (MARGIN + column * CELL.0, MARGIN + row * CELL.1 + 13);
                let length = cells * CELL.0;
                let _ = writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" xml:space=\"preserve\"{}>{}</text>",
                    style.attributes(),
                    escape(text)
                );
            }
            column += cells;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// What escape sequences have set.
#[derive(Clone, Copy, Default)]
struct Style {
    is_bold: bool,
    is_dim: bool,
    color: Option<&'static str>,
}

impl Style {
    fn apply(&mut self, code: &str) {
        match code {
            "" | "0" => *self = Style::default(),
            "1" => self.is_bold = true,
            "2" => self.is_dim = true,
            "31" | "91" => self.color = Some("#ff7a85"),
            "32" | "92" => self.color = Some("#a3d977"),
            "33" | "93" => self.color = Some("#f2c76e"),
            "34" | "94" => self.color = Some("#82aaff"),
            "36" | "96" => self.color = Some("#79d4e0"),
            "90" => self.color = Some("#7b8596"),
            _ => {}
        }
    }

    fn attributes(self) -> String {
        let mut attributes = String::new();
        if self.is_bold {
            attributes.push_str(" font-weight=\"bold\"");
        }
        if let Some(color) = self.color.or(self.is_dim.then_some("#7b8596")) {
            let _ = write!(attributes, " fill=\"{color}\"");
        }
        attributes
    }
}

/// A line, cut where the style changes.
fn spans(line: &str) -> Vec<(Style, String)> {
    let mut style = Style::default();
    let mut spans = Vec::new();
    for (index, part) in line.split("\x1b[").enumerate() {
        let text = match part.split_once('m') {
            Some((codes, text)) if index > 0 => {
                codes.split(';').for_each(|code| style.apply(code));
                text
            }
            _ => part,
        };
        if !text.is_empty() {
            spans.push((style, text.to_owned()));
        }
    }
    spans
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_its_place_and_colour() {
        let svg = svg("a \x1b[1;31mb\x1b[0m<");
        assert!(svg.contains(
            "<text x=\"20\" y=\"33\" textLength=\"16\" xml:space=\"preserve\">a </text>"
        ));
        assert!(
            svg.contains("x=\"36\"") && svg.contains("font-weight=\"bold\" fill=\"#ff7a85\">b<")
        );
        assert!(svg.contains("&lt;</text>"));
    }
}
