//! A picture of a terminal: text with escape sequences becomes an SVG of the same text.
//!
//! Every run of characters has its own place, so that the columns hold whichever monospace font a
//! reader has. The picture brings its own background and reads the same on light and dark pages.

use std::fmt::Write as _;

const CELL_WIDTH: f64 = 8.4;
const LINE_HEIGHT: f64 = 17.0;
const MARGIN: f64 = 20.0;
/// The bar at the top of the window.
const BAR: f64 = 34.0;

const STYLE: &str = "\
text { font: 14px ui-monospace, 'SFMono-Regular', 'DejaVu Sans Mono', Menlo, Consolas, monospace; \
fill: #d7dde6; white-space: pre }
.bold { font-weight: 700 }
.under { text-decoration: underline }
.dim { fill: #768394 }
.red { fill: #ff7b72 }
.green { fill: #7ee787 }
.yellow { fill: #e3b341 }
.blue { fill: #79c0ff }
.magenta { fill: #d2a8ff }
.cyan { fill: #76e3ea }
";

/// The picture.
pub(super) fn render(text: &str) -> String {
    let lines: Vec<Vec<Run>> = lines(text.trim_matches('\n'));
    let columns = lines.iter().flatten().map(|run| run.column + run.text.chars().count()).max();
    let width = columns.unwrap_or(0) as f64 * CELL_WIDTH + 2.0 * MARGIN;
    let height = BAR + lines.len() as f64 * LINE_HEIGHT + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" xml:space=\"preserve\" role=\"img\" \
         aria-label=\"The output of floe demo\">\n<style>\n{STYLE}</style>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"10\" fill=\"#10151d\" \
         stroke=\"#3d4756\"/>\n",
        width - 1.0,
        height - 1.0,
    );
    for (index, colour) in ["#ff5f57", "#febc2e", "#28c840"].into_iter().enumerate() {
        let x = MARGIN + index as f64 * 20.0;
        let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"18\" r=\"6\" fill=\"{colour}\"/>");
    }
    for (index, runs) in lines.iter().enumerate() {
        if runs.is_empty() {
            continue;
        }
        let y = BAR + (index as f64 + 0.8) * LINE_HEIGHT;
        let _ = write!(svg, "<text y=\"{y:.1}\">");
        for run in runs {
            let x = MARGIN + run.column as f64 * CELL_WIDTH;
            let classes = run.style.classes();
            let class = match classes.as_str() {
                "" => String::new(),
                classes => format!(" class=\"{classes}\""),
            };
            let text = escape(&run.text);
            let _ = write!(svg, "<tspan x=\"{x:.1}\"{class}>{text}</tspan>");
        }
        svg.push_str("</text>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// Characters of one style, beginning at a column.
struct Run {
    column: usize,
    style: Style,
    text: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    bold: bool,
    underlined: bool,
    colour: Option<&'static str>,
}

impl Style {
    fn classes(self) -> String {
        let names = [self.bold.then_some("bold"), self.underlined.then_some("under"), self.colour];
        names.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Select Graphic Rendition, as far as the demo uses it.
    fn select(&mut self, parameters: &str) {
        for parameter in parameters.split(';') {
            match parameter {
                "" | "0" => *self = Style::default(),
                "1" => self.bold = true,
                "4" => self.underlined = true,
                "2" | "90" => self.colour = Some("dim"),
                "31" => self.colour = Some("red"),
                "32" => self.colour = Some("green"),
                "33" => self.colour = Some("yellow"),
                "34" => self.colour = Some("blue"),
                "35" => self.colour = Some("magenta"),
                "36" => self.colour = Some("cyan"),
                _ => {}
            }
        }
    }
}

fn lines(text: &str) -> Vec<Vec<Run>> {
    let mut style = Style::default();
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut runs: Vec<Run> = Vec::new();
        let mut column = 0;
        let mut rest = line;
        while !rest.is_empty() {
            if let Some((parameters, tail)) =
                rest.strip_prefix("\x1b[").and_then(|sequence| sequence.split_once('m'))
            {
                style.select(parameters);
                rest = tail;
                continue;
            }
            let next = rest.char_indices().skip(1).find(|(_, character)| *character == '\x1b');
            let end = next.map_or(rest.len(), |(at, _)| at);
            let (piece, tail) = rest.split_at(end);
            rest = tail;
            // Spaces need no run of their own.
            let blank = piece.chars().take_while(|character| *character == ' ').count();
            let shown = piece.trim_matches(' ');
            match runs.last_mut() {
                _ if shown.is_empty() => {}
                Some(last) if last.style == style && blank == 0 && follows(last, column) => {
                    last.text.push_str(shown);
                }
                _ => runs.push(Run { column: column + blank, style, text: shown.to_owned() }),
            }
            column += piece.chars().count();
        }
        lines.push(runs);
    }
    lines
}

fn follows(run: &Run, column: usize) -> bool {
    run.column + run.text.chars().count() == column
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_run_has_its_column_and_its_style() {
        let svg = render("a \x1b[1m\x1b[31m<b>\x1b[0m  c\n\n─\x1b[90m  │\x1b[0md");
        let text: Vec<&str> = svg.lines().filter(|line| line.starts_with("<text")).collect();
        expect![[r#"
            <text y="47.6"><tspan x="20.0">a</tspan><tspan x="36.8" class="bold red">&lt;b&gt;</tspan><tspan x="78.8">c</tspan></text>
            <text y="81.6"><tspan x="20.0">─</tspan><tspan x="45.2" class="dim">│</tspan><tspan x="53.6">d</tspan></text>"#]]
        .assert_eq(&text.join("\n"));
    }
}
