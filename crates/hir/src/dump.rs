//! A [`Module`] as text, for tests and for a curious person: s-expressions with resolved variables.
//!
//! A local variable is its name, looked up by its slot, then `^` and its depth. Attributes and formal
//! arguments are in the order of the alphabet, since that of the module depends on what else the
//! process has read.

use std::fmt::Write;

use crate::{
    AttrKind, AttrsId, Expr, ExprId, ExprList, Key, KeyList, LambdaId, Module, Name, Param, Var,
    globals,
};

/// The whole module, one line for each attribute.
pub fn dump(module: &Module) -> String {
    let mut dump = Dump { module, text: String::new(), indent: 0, scopes: Vec::new() };
    dump.expr(module.root);
    dump.text.push('\n');
    dump.text
}

struct Dump<'a> {
    module: &'a Module,
    text: String,
    indent: usize,
    /// The names of the environments, outermost first.
    scopes: Vec<Vec<Name>>,
}

impl Dump<'_> {
    fn expr(&mut self, id: ExprId) {
        match self.module.expr(id) {
            Expr::Missing => self.text.push_str("missing"),
            Expr::Int(value) => self.write(format_args!("{value}")),
            Expr::Float(value) => self.write(format_args!("{value:?}")),
            Expr::Str(text) => self.write(format_args!("{:?}", self.module.str(text))),
            Expr::Path(text) => self.write(format_args!("(path {:?})", self.module.str(text))),
            Expr::Interpolate(parts) => self.list("string", parts),
            Expr::InterpolatePath(parts) => self.list("path", parts),
            Expr::List(elements) => self.list("list", elements),
            Expr::SearchPath { find_file, nix_path, text } => {
                let text = self.module.str(text);
                self.write(format_args!("(search-path {text:?} "));
                self.expr(find_file);
                self.text.push(' ');
                self.expr(nix_path);
                self.text.push(')');
            }
            Expr::Var(var) => self.var(var),
            Expr::CurPos => self.text.push_str("__curPos"),
            Expr::Select { base, path, default } => {
                self.text.push_str("(select ");
                self.expr(base);
                self.path(path);
                if let Some(default) = default {
                    self.text.push_str(" or ");
                    self.expr(default);
                }
                self.text.push(')');
            }
            Expr::HasAttr { base, path } => {
                self.text.push_str("(has ");
                self.expr(base);
                self.path(path);
                self.text.push(')');
            }
            Expr::Apply { fun, args } => {
                self.text.push_str("(call ");
                self.expr(fun);
                for arg in self.module.list(args) {
                    self.text.push(' ');
                    self.expr(*arg);
                }
                self.text.push(')');
            }
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Attrs(attrs) => {
                let recursive = self.module.attrs[attrs.0 as usize].recursive;
                self.text.push_str(if recursive { "(rec" } else { "(set" });
                self.attrs(attrs);
                if recursive {
                    self.scopes.pop();
                }
                self.text.push(')');
            }
            Expr::Let { attrs, body } => {
                self.text.push_str("(let");
                self.attrs(attrs);
                self.line();
                self.text.push_str("in ");
                self.expr(body);
                self.scopes.pop();
                self.text.push(')');
            }
            Expr::If { cond, then, otherwise } => self.form("if", &[cond, then, otherwise]),
            Expr::With { set, body, outer } => {
                self.text.push_str("(with ");
                self.expr(set);
                if let Some(outer) = outer {
                    self.write(format_args!(" outer ^{outer}"));
                }
                self.scopes.push(Vec::new());
                self.text.push(' ');
                self.expr(body);
                self.scopes.pop();
                self.text.push(')');
            }
            Expr::Assert { cond, body } => self.form("assert", &[cond, body]),
            Expr::Binary { op, lhs, rhs } => self.form(&format!("{op:?}"), &[lhs, rhs]),
            Expr::Not(operand) => self.form("Not", &[operand]),
            Expr::Negate(operand) => self.form("Negate", &[operand]),
            Expr::InheritFrom(index) => self.write(format_args!("from#{index}")),
        }
    }

    fn form(&mut self, head: &str, operands: &[ExprId]) {
        self.write(format_args!("({head}"));
        for operand in operands {
            self.text.push(' ');
            self.expr(*operand);
        }
        self.text.push(')');
    }

    fn list(&mut self, head: &str, list: ExprList) {
        let module = self.module;
        self.form(head, module.list(list));
    }

    fn path(&mut self, path: KeyList) {
        let module = self.module;
        for key in module.keys(path) {
            self.text.push('.');
            match key {
                Key::Static(name) => self.write(format_args!("{name}")),
                Key::Dynamic(name) => {
                    self.text.push_str("${");
                    self.expr(*name);
                    self.text.push('}');
                }
            }
        }
    }

    fn var(&mut self, var: Var) {
        match var {
            Var::Local { depth, slot } => {
                let scope = self.scopes.iter().rev().nth(depth as usize);
                let name = scope.and_then(|scope| scope.get(slot as usize)).copied();
                let name = name.map_or("?", Name::as_str);
                self.write(format_args!("{name}^{depth}"));
            }
            Var::Global(id) => {
                let name = globals()[id.0 as usize].name;
                self.write(format_args!("global:{name}"));
            }
            Var::With { name, depth } => self.write(format_args!("with^{depth}:{name}")),
            Var::Undefined(name) => self.write(format_args!("undefined:{name}")),
        }
    }

    fn lambda(&mut self, id: LambdaId) {
        let module = self.module;
        let lambda = &module.lambdas[id.0 as usize];
        self.text.push_str("(fn");
        if let Some(name) = lambda.name {
            self.write(format_args!("[{name}]"));
        }
        match &lambda.param {
            Param::Simple { name, .. } => {
                self.scopes.push(vec![*name]);
                self.write(format_args!(" {name}"));
            }
            Param::Pattern { formals, ellipsis, at } => {
                let names = formals.iter().map(|formal| formal.name);
                self.scopes.push(names.chain(at.map(|(name, _)| name)).collect());
                self.text.push_str(" {");
                let mut formals: Vec<_> = formals.iter().collect();
                formals.sort_unstable_by_key(|formal| formal.name.as_str());
                for formal in formals {
                    self.write(format_args!(" {}", formal.name));
                    if let Some(default) = formal.default {
                        self.text.push_str(" ? ");
                        self.expr(default);
                    }
                }
                self.text.push_str(if *ellipsis { " ... }" } else { " }" });
                if let Some((name, _)) = at {
                    self.write(format_args!("@{name}"));
                }
            }
        }
        self.text.push(' ');
        self.expr(lambda.body);
        self.scopes.pop();
        self.text.push(')');
    }

    /// A recursive set's scope stays for the caller to remove.
    fn attrs(&mut self, id: AttrsId) {
        let module = self.module;
        let attrs = &module.attrs[id.0 as usize];
        if attrs.recursive {
            self.scopes.push(attrs.entries.iter().map(|entry| entry.name).collect());
        }
        self.indent += 1;
        for (set, index) in attrs.inherit_from.iter().zip(0..) {
            self.line();
            self.write(format_args!("from#{index} "));
            self.expr(*set);
        }
        let mut entries: Vec<_> = attrs.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.name.as_str());
        for entry in entries {
            self.line();
            self.write(format_args!("{} = ", entry.name));
            match entry.kind {
                AttrKind::Inherited if attrs.recursive => {
                    let inner = self.scopes.pop();
                    self.expr(entry.value);
                    self.scopes.extend(inner);
                }
                _ => self.expr(entry.value),
            }
        }
        for entry in &attrs.dynamic {
            self.line();
            self.text.push_str("${");
            self.expr(entry.name);
            self.text.push_str("} = ");
            self.expr(entry.value);
        }
        self.indent -= 1;
    }

    fn line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.indent));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a string cannot fail");
    }
}
