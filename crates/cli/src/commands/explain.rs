//! `floe explain`: why an error happens and how to fix it.

use std::process::ExitCode;

use anstyle::{AnsiColor, Reset};
use anyhow::bail;
use clap::Args;
use floe_explain::{Explanation, Styles, all, find, similar};

use crate::{
    commands::{Format, FormatArguments},
    output,
};

/// Say why an error happens and how to fix it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe explain missing-attribute   the page that an error's link leads to
  floe explain                     all pages, one line each
  floe explain --format json       all pages, for a script")]
pub(crate) struct Arguments {
    /// The name in brackets behind `error`, such as `missing-attribute`.
    slug: Option<String>,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(slug) = &arguments.slug else {
        print_list(arguments.format.chosen())?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(page) = find(slug.trim_matches(['[', ']'])) else {
        let similar = similar(slug);
        if similar.is_empty() {
            bail!("there is no page '{slug}'; `floe explain` lists all of them");
        }
        bail!("there is no page '{slug}'; did you mean {}?", similar.join(" or "));
    };
    match arguments.format.chosen() {
        Format::Json => output::line(format_args!("{:#}", json(page)))?,
        Format::Human => {
            let heading = AnsiColor::Yellow.on_default().bold().render().to_string();
            let code = AnsiColor::Cyan.on_default().render().to_string();
            let error = AnsiColor::Red.on_default().render().to_string();
            let reset = Reset.render().to_string();
            let styles = Styles { heading: &heading, code: &code, error: &error, reset: &reset };
            // Backquotes are only taken off where colours stand for them.
            let coloured =
                anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
            let styles = if coloured { styles } else { Styles::default() };
            output::print(format_args!("{}", page.render_terminal(styles)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_list(format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let pages: Vec<_> = all().iter().map(json).collect();
            output::line(serde_json::to_string_pretty(&pages)?)?;
        }
        Format::Human => {
            let bold = anstyle::Style::new().bold();
            let width = all().iter().map(|page| page.slug.len()).max().unwrap_or_default();
            for page in all() {
                output::line(format_args!("{bold}{:width$}{bold:#}  {}", page.slug, page.title))?;
            }
        }
    }
    Ok(())
}

fn json(page: &Explanation) -> serde_json::Value {
    serde_json::json!({
        "slug": page.slug,
        "title": page.title,
        "why": page.why,
        "example": page.example.code,
        "message": page.message,
        "fix": page.fix,
        "fixed": page.fixed.code,
        "seeAlso": page.see_also,
    })
}
