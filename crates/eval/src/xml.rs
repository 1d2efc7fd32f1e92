//! `builtins.toXML`, and `nix-instantiate --eval --xml`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use floe_hir::Param;

use crate::context::ContextBuilder;
use crate::error::{Origin, Pos, Position, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, Closure, Kind, Value};

impl<'h> Evaluator<'h> {
    /// Adds a value as XML. `strict` evaluates what is not; `locations` says where things stand.
    pub(crate) fn value_to_xml(
        &self,
        value: Value<'h>,
        strict: bool,
        locations: bool,
        context: &mut ContextBuilder<'h>,
        output: &mut String,
    ) -> Result<()> {
        output.push_str("<?xml version='1.0' encoding='utf-8'?>\n");
        let mut writer = Writer {
            evaluator: self,
            strict,
            locations,
            context,
            output,
            open: Vec::new(),
            derivations: BTreeSet::new(),
        };
        writer.open("expr", &[]);
        let result = writer.value(value, Pos::None);
        // What was opened is closed, also where the value failed.
        while !writer.open.is_empty() {
            writer.close();
        }
        result
    }

    /// Adds a value as XML, as `nix-instantiate --eval --xml` prints it.
    ///
    /// # Errors
    ///
    /// Those of evaluating the value: then the XML ends where it failed.
    pub fn to_xml(
        &self,
        value: Value<'h>,
        strict: bool,
        locations: bool,
        output: &mut String,
    ) -> Result<()> {
        self.value_to_xml(value, strict, locations, &mut ContextBuilder::default(), output)
    }
}

struct Writer<'e, 'h> {
    evaluator: &'e Evaluator<'h>,
    strict: bool,
    locations: bool,
    context: &'e mut ContextBuilder<'h>,
    output: &'e mut String,
    /// The elements around what is written next, from the outside in.
    open: Vec<&'static str>,
    derivations: BTreeSet<String>,
}

impl<'h> Writer<'_, 'h> {
    fn value(&mut self, value: Value<'h>, pos: Pos) -> Result<()> {
        let evaluator = self.evaluator;
        evaluator.nested_at(pos, || self.value_here(value, pos))
    }

    fn value_here(&mut self, mut value: Value<'h>, pos: Pos) -> Result<()> {
        let evaluator = self.evaluator;
        evaluator.check_interrupt()?;
        if self.strict {
            value = evaluator.force(value, pos)?;
        } else if let Kind::Thunk(thunk) = value.kind() {
            value = thunk.result().unwrap_or(value);
        }
        match value.kind() {
            Kind::Int(int) => self.empty("int", &[("value", &int.to_string())]),
            Kind::Float(float) => {
                self.empty("float", &[("value", &crate::print::short_float(float))]);
            }
            Kind::Bool(bool) => self.empty("bool", &[("value", &bool.to_string())]),
            Kind::Null => self.empty("null", &[]),
            Kind::String(string) => {
                self.context.add(evaluator, string.context());
                // As in `tag`, with looks at whether the evaluation is to end.
                self.indent();
                self.output.push_str("<string value=\"");
                for piece in evaluator.interruptible(string.as_bytes()) {
                    self.escaped(&String::from_utf8_lossy(piece?));
                }
                self.output.push_str("\" />\n");
            }
            Kind::Path(path) => self.empty("path", &[("value", &path.to_text())]),
            Kind::List(list) => {
                self.open("list", &[]);
                for element in list.iter() {
                    self.value(element, pos)?;
                }
                self.close();
            }
            Kind::Attrs(attrs) if evaluator.is_derivation(value)? => self.derivation(attrs)?,
            Kind::Attrs(attrs) => {
                self.open("attrs", &[]);
                self.attributes(attrs)?;
                self.close();
            }
            Kind::Closure(closure) => self.function(closure),
            Kind::Builtin(_) | Kind::Partial(_) | Kind::Thunk(_) => self.empty("unevaluated", &[]),
        }
        Ok(())
    }

    fn derivation(&mut self, attrs: Attrs<'h>) -> Result<()> {
        let path_of = |name| -> Result<Option<String>> {
            let Some(attr) = attrs.get(name) else { return Ok(None) };
            let mut value = attr.cell.get();
            if self.strict {
                value = self.evaluator.force(value, attr.position.into())?;
            }
            Ok(match value.kind() {
                Kind::String(text) => Some(text.to_text().into_owned()),
                _ => None,
            })
        };
        let drv_path = path_of(self.evaluator.names.drv_path)?;
        let out_path = path_of(self.evaluator.names.out_path)?;
        let mut xml_attrs: Vec<(&str, &str)> = Vec::new();
        xml_attrs.extend(drv_path.as_deref().map(|path| ("drvPath", path)));
        xml_attrs.extend(out_path.as_deref().map(|path| ("outPath", path)));
        self.open("derivation", &xml_attrs);
        let path = drv_path.unwrap_or_default();
        if !path.is_empty() && self.derivations.insert(path) {
            self.attributes(attrs)?;
        } else {
            self.empty("repeated", &[]);
        }
        self.close();
        Ok(())
    }

    fn attributes(&mut self, attrs: Attrs<'h>) -> Result<()> {
        for attr in self.evaluator.sorted(attrs)? {
            let position = self.position(attr.position.into());
            let mut xml_attrs = location_attrs(position.as_ref());
            xml_attrs.push(("name", attr.name.to_string()));
            self.open_sorted("attr", xml_attrs);
            self.value(attr.cell.get(), attr.position.into())?;
            self.close();
        }
        Ok(())
    }

    fn function(&mut self, closure: Closure<'h>) {
        let unit = self.evaluator.unit(closure.unit());
        let lambda = &unit.module.lambdas[closure.lambda().0 as usize];
        let position = self.position(unit.lambda_pos(closure.lambda()));
        self.open_sorted("function", location_attrs(position.as_ref()));
        match &lambda.param {
            Param::Simple { name, .. } => self.empty("varpat", &[("name", name.as_str())]),
            Param::Pattern { formals, ellipsis, at } => {
                let mut xml_attrs: Vec<(&str, &str)> = Vec::new();
                if *ellipsis {
                    xml_attrs.push(("ellipsis", "1"));
                }
                if let Some((name, _)) = at {
                    xml_attrs.push(("name", name.as_str()));
                }
                self.open("attrspat", &xml_attrs);
                let mut names: Vec<_> = formals.iter().map(|formal| formal.name.as_str()).collect();
                names.sort_unstable();
                for name in names {
                    self.empty("attr", &[("name", name)]);
                }
                self.close();
            }
        }
        self.close();
    }

    fn position(&self, pos: Pos) -> Option<Position> {
        if self.locations { self.evaluator.look_up(pos) } else { None }
    }

    fn open_sorted(&mut self, name: &'static str, mut attrs: Vec<(&str, String)>) {
        attrs.sort_unstable();
        let attrs: Vec<_> = attrs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.open(name, &attrs);
    }

    fn open(&mut self, name: &'static str, attrs: &[(&str, &str)]) {
        self.tag(name, attrs, ">\n");
        self.open.push(name);
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            let _ = writeln!(self.output, "</{name}>");
        }
    }

    fn empty(&mut self, name: &str, attrs: &[(&str, &str)]) {
        self.tag(name, attrs, " />\n");
    }

    /// By hand: a width in a format ends at 65,535.
    fn indent(&mut self) {
        self.output.extend(std::iter::repeat_n(' ', 2 * self.open.len()));
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['"', '<', '>', '&', '\n']) {
            self.output.push_str(&rest[..at]);
            self.output.push_str(match rest.as_bytes()[at] {
                b'"' => "&quot;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'&' => "&amp;",
                _ => "&#xA;",
            });
            rest = &rest[at + 1..];
        }
        self.output.push_str(rest);
    }

    fn tag(&mut self, name: &str, attrs: &[(&str, &str)], end: &str) {
        self.indent();
        let _ = write!(self.output, "<{name}");
        for (name, value) in attrs {
            let _ = write!(self.output, " {name}=\"");
            self.escaped(value);
            self.output.push('"');
        }
        self.output.push_str(end);
    }
}

fn location_attrs(position: Option<&Position>) -> Vec<(&'static str, String)> {
    let Some(position) = position else { return Vec::new() };
    let mut attrs =
        vec![("column", position.column.to_string()), ("line", position.line.to_string())];
    if let Origin::File(path) = &position.origin {
        attrs.push(("path", path.display().to_string()));
    }
    attrs
}
