//! `floe symbols`: what files bind, as the editor's outline and its search of the workspace show it.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use floe_db::{Database, Db as _, File, OsSystem, Settings, source};
use floe_hir::Span;
use floe_ide::{Symbol, SymbolKind};
use serde_json::{Value, json};

use crate::{
    commands::{Format, FormatArguments, walk::nix_files},
    output,
    render::line_and_column,
};

/// List what Nix files bind.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  floe symbols default.nix                  the outline of a file
  floe symbols --query mkder .              bindings below a folder by a few letters
  floe symbols --query services.ssh --format json /etc/nixos

With --query, `a.b` asks for a `b` in an `a`. The exit status is 1 if there is nothing, 2
if the command could not do its work.")]
pub(crate) struct Arguments {
    /// Files, and folders that are searched for .nix files.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// A few letters of a name; the bindings that fit best are listed, the best first.
    #[arg(long, value_name = "LETTERS")]
    query: Option<String>,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let directory = env::current_dir().context("the current folder cannot be told")?;
    let found = match &arguments.query {
        Some(query) => search(arguments, &directory, query)?,
        None => outlines(arguments, &directory)?,
    };
    Ok(if found == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn search(arguments: &Arguments, directory: &Path, query: &str) -> anyhow::Result<usize> {
    let roots: Vec<PathBuf> = (arguments.paths.iter())
        .map(|path| {
            path.metadata().with_context(|| format!("cannot read '{}'", path.display()))?;
            Ok(floe_db::normalize(&directory.join(path)))
        })
        .collect::<anyhow::Result<_>>()?;
    let database = Database::new(Arc::new(OsSystem), roots, Settings::default());
    let found = floe_ide::workspace_symbols(&database, query);
    let places = found.iter().map(|symbol| Places::new(&database, directory, symbol.file));
    let rows: Vec<_> = found.iter().zip(places).collect();
    match arguments.format.chosen() {
        Format::Json => {
            let list = rows.iter().map(|(symbol, places)| {
                let mut value = json!({
                    "name": symbol.name.as_str(),
                    "kind": kind(symbol.kind),
                    "container": symbol.container.map(|name| name.as_str()),
                    "file": places.name,
                });
                extend(&mut value, places.range(symbol.span));
                value
            });
            output::line(serde_json::to_string_pretty(&list.collect::<Vec<_>>())?)?;
        }
        Format::Human => {
            for (symbol, places) in &rows {
                let (line, column) = places.line_and_column(symbol.span.start);
                let container = symbol.container.map_or(String::new(), |name| format!("{name}."));
                let (name, kind) = (symbol.name, kind(symbol.kind));
                output::line(format_args!(
                    "{}:{line}:{column}  {container}{name}  {kind}",
                    places.name
                ))?;
            }
        }
    }
    Ok(found.len())
}

fn outlines(arguments: &Arguments, directory: &Path) -> anyhow::Result<usize> {
    let files = nix_files(&arguments.paths)?;
    let (mut list, mut count) = (Vec::new(), 0);
    for path in &files {
        // One database for each file: nothing of it is needed for the next.
        let database = Database::new(Arc::new(OsSystem), Vec::new(), Settings::default());
        let file = database.file(&floe_db::normalize(&directory.join(path)));
        if let Some(problem) = &source(&database, file).problem {
            anyhow::bail!("{problem}");
        }
        let places = Places::new(&database, directory, file);
        let symbols = floe_ide::document_symbols(&database, file);
        count += symbols.len();
        match arguments.format.chosen() {
            Format::Json => {
                let symbols: Vec<_> =
                    symbols.iter().map(|symbol| outline_json(&places, symbol)).collect();
                list.push(json!({ "file": places.name, "symbols": symbols }));
            }
            Format::Human => {
                if files.len() > 1 && !symbols.is_empty() {
                    output::line(format_args!("{}:", places.name))?;
                }
                for symbol in &symbols {
                    print_outline(&places, symbol, usize::from(files.len() > 1))?;
                }
            }
        }
    }
    if arguments.format.chosen() == Format::Json {
        output::line(serde_json::to_string_pretty(&list)?)?;
    }
    Ok(count)
}

fn print_outline(places: &Places, symbol: &Symbol, depth: usize) -> anyhow::Result<()> {
    let (line, _) = places.line_and_column(symbol.focus.start);
    let detail = symbol.detail.as_deref().unwrap_or_else(|| kind(symbol.kind));
    output::line(format_args!(
        "{:indent$}{}  {detail}  line {line}",
        "",
        symbol.name,
        indent = depth * 2
    ))?;
    symbol.children.iter().try_for_each(|child| print_outline(places, child, depth + 1))
}

fn outline_json(places: &Places, symbol: &Symbol) -> Value {
    let mut value = json!({ "name": symbol.name, "kind": kind(symbol.kind) });
    if let Some(detail) = &symbol.detail {
        value["detail"] = json!(detail);
    }
    extend(&mut value, places.range(symbol.focus));
    value["binding"] = places.range(symbol.span);
    if !symbol.children.is_empty() {
        let children: Vec<_> =
            symbol.children.iter().map(|child| outline_json(places, child)).collect();
        value["children"] = json!(children);
    }
    value
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}

/// Where things are in a file, as a person counts.
struct Places {
    name: String,
    text: Arc<str>,
}

impl Places {
    fn new(database: &Database, directory: &Path, file: File) -> Places {
        let path = file.path(database);
        let name = path.strip_prefix(directory).unwrap_or(path).display().to_string();
        Places { name, text: source(database, file).text.clone() }
    }

    fn line_and_column(&self, offset: u32) -> (usize, usize) {
        line_and_column(&self.text, offset as usize)
    }

    fn range(&self, span: Span) -> Value {
        let (line, column) = self.line_and_column(span.start);
        let (end_line, end_column) = self.line_and_column(span.end);
        json!({ "line": line, "column": column, "endLine": end_line, "endColumn": end_column })
    }
}

fn kind(kind: SymbolKind) -> &'static str {
    match kind {
        SymbolKind::Set => "set",
        SymbolKind::Function => "function",
        SymbolKind::List => "list",
        SymbolKind::String => "string",
        SymbolKind::Number => "number",
        SymbolKind::Boolean => "boolean",
        SymbolKind::Path => "path",
        SymbolKind::Value => "value",
    }
}
