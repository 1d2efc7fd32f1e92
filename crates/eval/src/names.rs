//! Names that the evaluator itself looks for.

use floe_hir::Name;

macro_rules! names {
    ($($field:ident = $text:literal),* $(,)?) => {
        /// Names that the evaluator itself looks for, interned once.
        #[derive(Clone, Copy)]
        pub(crate) struct Names {
            $(pub(crate) $field: Name,)*
        }

        impl Names {
            pub(crate) fn new() -> Names {
                Names { $($field: Name::new($text),)* }
            }
        }
    };
}

names! {
    kind = "type",
    out_path = "outPath",
    drv_path = "drvPath",
    functor = "__functor",
    to_string = "__toString",
    overrides = "__overrides",
    name = "name",
    value = "value",
    path = "path",
    prefix = "prefix",
    key = "key",
    operator = "operator",
    start_set = "startSet",
    outputs = "outputs",
    system = "system",
    builder = "builder",
    args = "args",
    structured_attrs = "__structuredAttrs",
    json = "__json",
    ignore_nulls = "__ignoreNulls",
    content_addressed = "__contentAddressed",
    impure = "__impure",
    output_hash = "outputHash",
    output_hash_algo = "outputHashAlgo",
    output_hash_mode = "outputHashMode",
}
