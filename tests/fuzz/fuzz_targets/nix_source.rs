//! Any text is parsed and lowered: the tree has the text, and the two kinds of tree are the same.
#![no_main]

use floe_hir::{LowerOptions, Scopes, lower};
use floe_syntax::{FlatTree, ParseOptions, SyntaxNode, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for pipe_operators in [false, true] {
        let parse = parse(text, &ParseOptions { pipe_operators });
        let root = SyntaxNode::new_root(parse.tree.to_green(text));
        assert_eq!(root.text().to_string(), text);
        assert_eq!(FlatTree::from_node(&root), parse.tree);
        for error in &parse.errors {
            assert!(text.get(error.start as usize..error.end as usize).is_some(), "{error:?}");
        }
        let lowered = lower(&parse.tree, text, &LowerOptions::default());
        let _ = Scopes::new(&lowered.module);
        let _ = floe_hir::dump(&lowered.module);
    }
});
