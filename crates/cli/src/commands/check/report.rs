//! Findings in the languages of the programs that read them.

use clap::ValueEnum;
use floe_ide::Severity;
use floe_lsp::client::uri_path;
use serde_json::{Value, json};

use super::Finding;
use crate::render::{Complaint, Severity as Shown, Step};

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    #[default]
    Human,
    /// For a script.
    Json,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines of a change.
    Github,
    /// The XML of Checkstyle, which many build servers read.
    Checkstyle,
}

/// The findings as one text.
pub(super) fn report(format: Format, findings: &[Finding]) -> String {
    match format {
        Format::Human => findings.iter().map(|finding| complaint(finding).render()).collect(),
        Format::Json => {
            let list: Vec<Value> = findings.iter().map(to_json).collect();
            format!("{:#}\n", Value::from(list))
        }
        Format::Sarif => format!("{:#}\n", sarif(findings)),
        Format::Github => findings.iter().map(github).collect(),
        Format::Checkstyle => checkstyle(findings),
    }
}

fn complaint(finding: &Finding) -> Complaint {
    let diagnostic = &finding.diagnostic;
    let mut help = Vec::new();
    if let Some(fix) = &diagnostic.fix {
        let how = match fix.safety {
            floe_ide::Safety::Safe => "--fix does it",
            floe_ide::Safety::Review => "look at it before you do it",
        };
        help.push(format!("{} ({how})", lower_first(&fix.title)));
    }
    Complaint {
        severity: match diagnostic.severity {
            Severity::Error => Shown::Error,
            Severity::Warning => Shown::Warning,
            Severity::Hint => Shown::Hint,
        },
        slug: Some(diagnostic.code),
        message: diagnostic.message.clone(),
        place: finding.place.clone(),
        trace: (finding.related.iter())
            .map(|(message, place)| Step::new(message.clone(), Some(place.clone())))
            .collect(),
        help,
    }
}

fn to_json(finding: &Finding) -> Value {
    let mut value = complaint(finding).to_json();
    value["fix"] = match &finding.diagnostic.fix {
        Some(fix) => json!({
            "title": fix.title,
            "safe": fix.safety == floe_ide::Safety::Safe,
            "edits": fix.edits.iter().map(|edit| json!({
                "start": edit.range.start,
                "end": edit.range.end,
                "insert": edit.insert,
            })).collect::<Vec<_>>(),
        }),
        None => Value::Null,
    };
    value
}

/// The places of a finding: first line and column, last line and column, all from 1.
fn region(finding: &Finding) -> [usize; 4] {
    let Some(place) = &finding.place else { return [1; 4] };
    let (line, column) = place.line_and_column(place.range.start);
    let (end_line, end_column) = place.line_and_column(place.range.end);
    [line, column, end_line, end_column]
}

fn sarif(findings: &[Finding]) -> Value {
    let mut slugs: Vec<&str> = findings.iter().map(|finding| finding.diagnostic.code).collect();
    slugs.sort_unstable();
    slugs.dedup();
    let rules = slugs.iter().map(|slug| {
        let page = floe_explain::find(slug);
        json!({
            "id": slug,
            "shortDescription": { "text": page.map_or(*slug, |page| page.title) },
            "fullDescription": { "text": page.map_or(*slug, |page| page.why) },
            "help": {
                "text": page.map_or(*slug, |page| page.fix),
                "markdown": page.map_or(*slug, |page| page.markdown),
            },
        })
    });
    let results = findings.iter().map(|finding| {
        let [line, column, end_line, end_column] = region(finding);
        let level = match finding.diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "note",
        };
        json!({
            "ruleId": finding.diagnostic.code,
            "level": level,
            "message": { "text": finding.diagnostic.message },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": uri_path(finding.name.as_ref()) },
                    "region": {
                        "startLine": line,
                        "startColumn": column,
                        "endLine": end_line,
                        "endColumn": end_column,
                    },
                },
            }],
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "floe",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn github(finding: &Finding) -> String {
    let [line, column, end_line, end_column] = region(finding);
    let command = match finding.diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "notice",
    };
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!(
        "::{command} file={},line={line},endLine={end_line},col={column},endColumn={end_column},title={}::{}\n",
        property(&finding.name),
        finding.diagnostic.code,
        data(&finding.diagnostic.message),
    )
}

fn checkstyle(findings: &[Finding]) -> String {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<checkstyle version=\"4.3\">\n");
    for of_one_file in findings.chunk_by(|a, b| a.name == b.name) {
        text += &format!("  <file name=\"{}\">\n", xml(&of_one_file[0].name));
        for finding in of_one_file {
            let [line, column, ..] = region(finding);
            let severity = match finding.diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Hint => "info",
            };
            text += &format!(
                "    <error line=\"{line}\" column=\"{column}\" severity=\"{severity}\" message=\"{}\" source=\"floe.{}\"/>\n",
                xml(&finding.diagnostic.message),
                finding.diagnostic.code,
            );
        }
        text += "  </file>\n";
    }
    text + "</checkstyle>\n"
}

fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            // XML has no way to write these.
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_in_a_uri_is_escaped() {
        assert_eq!(uri_path("./ä b/c#1%.nix".as_ref()), "./%C3%A4%20b/c%231%25.nix");
    }

    #[test]
    fn what_is_special_in_xml_is_escaped() {
        assert_eq!(xml("a < \"b\" & c\u{1}"), "a &lt; &quot;b&quot; &amp; c\u{fffd}");
    }
}
