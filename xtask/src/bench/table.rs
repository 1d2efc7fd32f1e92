//! Results, for a person as Markdown and for a script as JSON.

use std::fmt;

use serde_json::{Value, json};

/// One thing measured, Floe beside at most one peer.
pub(crate) struct Table {
    pub(crate) title: String,
    /// Name and version of the peer.
    pub(crate) peer: Option<String>,
    pub(crate) rows: Vec<Row>,
    /// How it was measured.
    pub(crate) notes: Vec<String>,
}

pub(crate) struct Row {
    what: String,
    unit: Unit,
    floe: f64,
    peer: Option<f64>,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Milliseconds,
    Megabytes,
    MegabytesPerSecond,
}

impl Row {
    pub(crate) fn new(what: &str, unit: Unit, floe: f64, peer: Option<f64>) -> Row {
        Row { what: what.to_owned(), unit, floe, peer }
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.map(|peer| self.floe / peer).filter(|ratio| !ratio.is_nan())
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Milliseconds => "ms",
            Unit::Megabytes => "MB",
            Unit::MegabytesPerSecond => "MB/s",
        }
    }

    /// A dash where nothing was measured.
    fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "–".to_owned();
        }
        let digits = match value {
            value if value < 10.0 => 2,
            value if value < 100.0 => 1,
            _ => 0,
        };
        format!("{value:.digits$} {}", self.name())
    }
}

impl Table {
    pub(crate) fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "what": row.what,
                "unit": row.unit.name(),
                "floe": row.floe,
                "peer": row.peer,
                "ratio": row.ratio(),
            })
        });
        json!({
            "title": self.title,
            "peer": self.peer,
            "rows": rows.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells = vec![vec![String::new(), "Floe".to_owned()]];
        cells[0].extend(self.peer.iter().flat_map(|peer| [peer.clone(), "ratio".to_owned()]));
        for row in &self.rows {
            let mut line = vec![row.what.clone(), row.unit.show(row.floe)];
            if self.peer.is_some() {
                line.push(row.peer.map(|peer| row.unit.show(peer)).unwrap_or_default());
                line.push(row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default());
            }
            cells.push(line);
        }
        let width = |column: usize| cells.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> =
            (0..cells[0].len()).map(|column| width(column).unwrap_or(0)).collect();

        writeln!(f, "### {}\n", self.title)?;
        for (number, line) in cells.iter().enumerate() {
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                if column == 0 {
                    write!(f, "| {cell:width$} |")?;
                } else {
                    write!(f, " {cell:>width$} |")?;
                }
            }
            writeln!(f)?;
            if number == 0 {
                let rule = |width: usize| "-".repeat(width.saturating_sub(1));
                let numbers = widths[1..].iter().map(|&width| format!(" {}: |", rule(width)));
                writeln!(f, "| {}- |{}", rule(widths[0]), numbers.collect::<String>())?;
            }
        }
        writeln!(f)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_a_missing_peer_leaves_a_gap() {
        let table = Table {
            title: "hook".to_owned(),
            peer: Some("direnv 2".to_owned()),
            rows: vec![
                Row::new("wall time", Unit::Milliseconds, 1.0, Some(4.0)),
                Row::new("memory", Unit::Megabytes, 123.4, None),
            ],
            notes: vec!["of 5 runs".to_owned()],
        };
        let expected = "### hook

|           |    Floe | direnv 2 | ratio |
| --------- | ------: | -------: | ----: |
| wall time | 1.00 ms |  4.00 ms |  0.25 |
| memory    |  123 MB |          |       |

- of 5 runs
";
        assert_eq!(table.to_string(), expected);
        assert_eq!(table.to_json()["rows"][0]["ratio"], 0.25);
        assert_eq!(table.to_json()["rows"][1]["ratio"], Value::Null);
    }
}
