//! The options that the workspace's own modules declare, as far as they are written out. They are read from
//! the text: a module that is being edited is hardly ever one that can be evaluated.

use floe_db::{Db, File, module, peek, source, source_map};
use floe_hir::{AttrsId, Expr, ExprId, Module, SourceMap};

use super::SourceLine;
use super::options::{OptionDetails, OptionInfo, OptionStep, set_inside};

/// An option that a module declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnOption {
    steps: Vec<OptionStep>,
    details: OptionDetails,
}

/// In a workspace of more files only those that are open are looked at.
const MOST_FILES: usize = 500;

/// The options that the workspace's modules declare directly below a path, by name.
pub(super) fn own_options_below(db: &dyn Db, path: &[OptionStep]) -> Vec<OptionInfo> {
    let mut files = Vec::new();
    files.extend(crate::workspace_files(db));
    if files.len() > MOST_FILES {
        files = db.files().buffers().keys().map(|path| db.file(path)).collect();
    }
    let mut found: Vec<OptionInfo> = Vec::new();
    for own in files.iter().flat_map(|file| own_options(db, *file)) {
        let Some((above, [OptionStep::Attribute(name), below @ ..])) =
            own.steps.split_at_checked(path.len())
        else {
            continue;
        };
        if !above.iter().zip(path).all(|(declared, asked)| is_at(declared, asked)) {
            continue;
        }
        let option = below.is_empty().then(|| own.details.clone());
        match found.iter_mut().find(|info| info.name == *name) {
            Some(info) => info.option = info.option.take().or(option),
            None => found.push(OptionInfo { name: name.clone(), option }),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn is_at(declared: &OptionStep, asked: &OptionStep) -> bool {
    match declared {
        OptionStep::AnyAttribute => !matches!(asked, OptionStep::Element),
        declared => declared == asked,
    }
}

/// What declares an option.
const DECLARING: [&str; 3] = ["mkOption", "mkEnableOption", "mkPackageOption"];

/// The options that a file declares.
#[salsa::tracked(returns(ref))]
fn own_options(db: &dyn Db, file: File) -> Vec<OwnOption> {
    // Most files declare none, and need not be parsed for that.
    if !peek(db, file).is_ok_and(|text| DECLARING.iter().any(|name| text.contains(name))) {
        return Vec::new();
    }
    let module = module(db, file);
    let body = match module.expr(module.root) {
        Expr::Lambda(lambda) => module.lambdas[lambda.0 as usize].body,
        _ => module.root,
    };
    let mut declarations =
        Declarations { db, file, module, map: source_map(db, file), found: Vec::new() };
    if let Some(set) = set_inside(module, body) {
        declarations.of_module(set, &mut Vec::new());
    }
    declarations.found
}

struct Declarations<'a> {
    db: &'a dyn Db,
    file: File,
    module: &'a Module,
    map: &'a SourceMap,
    found: Vec<OwnOption>,
}

/// How deep submodules and sets are looked into.
const MOST_STEPS: usize = 24;

impl Declarations<'_> {
    /// What the set that a module is has in its attribute `options`.
    fn of_module(&mut self, set: AttrsId, steps: &mut Vec<OptionStep>) {
        if let Some(options) = self.attribute(set, "options") {
            self.of_options(options, steps);
        }
    }

    fn of_options(&mut self, expr: ExprId, steps: &mut Vec<OptionStep>) {
        if steps.len() > MOST_STEPS {
            return;
        }
        match self.module.expr(expr) {
            Expr::Apply { fun, args } if !steps.is_empty() => {
                self.of_call(fun, self.module.list(args), steps);
            }
            _ => {
                let Some(set) = set_inside(self.module, expr) else { return };
                for entry in &self.module.attrs[set.0 as usize].entries {
                    steps.push(OptionStep::Attribute(entry.name.to_string()));
                    self.of_options(entry.value, steps);
                    steps.pop();
                }
            }
        }
    }

    /// `mkOption { … }`, or the like.
    fn of_call(&mut self, fun: ExprId, arguments: &[ExprId], steps: &mut Vec<OptionStep>) {
        let start = self.map.exprs[fun.0 as usize].start as usize;
        let text = &source(self.db, self.file).text;
        let line = 1 + text[..start].matches('\n').count() as u32;
        let place = SourceLine { path: self.file.path(self.db).clone(), line };
        let mut details = OptionDetails { declarations: vec![place], ..OptionDetails::default() };
        match (self.called(fun), arguments) {
            ("mkOption", &[argument]) => {
                let Some(set) = set_inside(self.module, argument) else { return };
                let written = |name| Some(self.text(self.attribute(set, name)?).to_owned());
                details.type_description = written("type");
                details.default = written("defaultText").or_else(|| written("default"));
                details.example = written("example");
                details.description =
                    self.attribute(set, "description").and_then(|text| self.string(text));
                if let Some(of) = self.attribute(set, "type") {
                    self.of_type(of, steps);
                }
            }
            ("mkEnableOption", &[what]) => {
                details.type_description = Some("boolean".to_owned());
                details.default = Some("false".to_owned());
                let what = self.string(what);
                details.description = what.map(|what| format!("Whether to enable {what}."));
            }
            ("mkPackageOption", &[set, name, ..]) => {
                details.type_description = Some("package".to_owned());
                let name = self.string(name);
                let set = self.text(set);
                details.default = name.as_ref().map(|name| format!("{set}.{name}"));
                details.description = name.map(|name| format!("The {name} package to use."));
            }
            _ => return,
        }
        self.found.push(OwnOption { steps: steps.clone(), details });
    }

    /// The options of a submodule that a type is, or has inside.
    fn of_type(&mut self, of: ExprId, steps: &mut Vec<OptionStep>) {
        let Expr::Apply { fun, args } = self.module.expr(of) else { return };
        let Some(&argument) = self.module.list(args).first() else { return };
        let step = match self.called(fun) {
            "attrsOf" | "lazyAttrsOf" => Some(OptionStep::AnyAttribute),
            "listOf" | "nonEmptyListOf" => Some(OptionStep::Element),
            "nullOr" | "uniq" => None,
            "submodule" => {
                let body = match self.module.expr(argument) {
                    Expr::Lambda(lambda) => self.module.lambdas[lambda.0 as usize].body,
                    _ => argument,
                };
                if let Some(set) = set_inside(self.module, body) {
                    self.of_module(set, steps);
                }
                return;
            }
            _ => return,
        };
        let length = steps.len();
        steps.extend(step);
        if length < MOST_STEPS {
            self.of_type(argument, steps);
        }
        steps.truncate(length);
    }

    fn attribute(&self, set: AttrsId, name: &str) -> Option<ExprId> {
        let entries = &self.module.attrs[set.0 as usize].entries;
        entries.iter().find(|entry| entry.name.as_str() == name).map(|entry| entry.value)
    }

    /// The last name of what is called: `mkOption` of `lib.mkOption`.
    fn called(&self, fun: ExprId) -> &str {
        self.text(fun).rsplit('.').next().unwrap_or_default().trim()
    }

    fn text(&self, expr: ExprId) -> &str {
        let span = self.map.exprs[expr.0 as usize];
        let text = &source(self.db, self.file).text;
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// A string as it is meant, also as the argument of `mdDoc` and its like.
    fn string(&self, expr: ExprId) -> Option<String> {
        match self.module.expr(expr) {
            Expr::Str(text) => Some(self.module.str(text).to_owned()),
            Expr::Apply { args, .. } => self.string(*self.module.list(args).first()?),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::fixture::fixture;

    fn below(text: &str, path: &[OptionStep]) -> String {
        let fixture = fixture(text);
        let lines =
            own_options_below(&fixture.db, path).into_iter().map(|info| match info.option {
                None => format!("{}…\n", info.name),
                Some(details) => format!(
                    "{}: {} = {}; {} ({})\n",
                    info.name,
                    details.type_description.unwrap_or_default(),
                    details.default.unwrap_or_default(),
                    details.description.unwrap_or_default(),
                    details.declarations[0].line,
                ),
            });
        lines.collect()
    }

    const MODULE: &str = r#"//- /w/module.nix
{ lib, config, ... }: with lib; {
  options.services.site = {
    enable = mkEnableOption "the site";
    port = lib.mkOption {
      type = types.port;
      default = 80;
      description = "Where it listens.";
    };
    hosts = mkOption {
      type = types.attrsOf (types.submodule ({ name, ... }: {
        options.root = mkOption { type = types.path; };
      }));
    };
  };
  config = { services.other.x = mkOption { }; };
}
//- /w/half.nix
{ lib, ... }: { options.half.name = lib.mkOption { default = "x"; }; config.half.
$0"#;

    #[test]
    fn options_are_read_from_where_they_are_declared_also_in_half_a_module() {
        let attribute = |name: &str| OptionStep::Attribute(name.into());
        expect![[r#"
            half…
            services…
        "#]]
        .assert_eq(&below(MODULE, &[]));
        expect![[r#"
            enable: boolean = false; Whether to enable the site. (3)
            hosts: types.attrsOf (types.submodule ({ name, ... }: {
                    options.root = mkOption { type = types.path; };
                  })) = ;  (9)
            port: types.port = 80; Where it listens. (4)
        "#]]
        .assert_eq(&below(MODULE, &[attribute("services"), attribute("site")]));
        let hosts = [attribute("services"), attribute("site"), attribute("hosts"), attribute("a")];
        expect![[r#"
            root: types.path = ;  (11)
        "#]]
        .assert_eq(&below(MODULE, &hosts));
        expect![[r#"
            name:  = "x";  (1)
        "#]]
        .assert_eq(&below(MODULE, &[attribute("half")]));
    }
}
