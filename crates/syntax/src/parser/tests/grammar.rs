use expect_test::expect;

use super::check;

#[test]
fn atoms() {
    check(
        &["x", "1", "1.5", "http://a.b", "<a/b>", "./a", "(x)", "__curPos"],
        &expect![[r#"
            x
              Variable(x)
            1
              Literal(1)
            1.5
              Literal(1.5)
            http://a.b
              Literal(http://a.b)
            <a/b>
              PathSearch(<a/b>)
            ./a
              Path(./a)
            (x)
              Paren((Variable(x) ))
            __curPos
              Variable(__curPos)
        "#]],
    );
}

#[test]
fn operators_bind_as_in_the_reference() {
    check(
        &[
            "a -> b -> c",
            "a || b && c == d < e // f + g * h ++ i ? j",
            "a // b // c",
            "a ++ b ++ c",
            "a - b - c",
            "!a ? b",
            "-a ? b",
            "-a.b c",
            "- - a",
            "!a == b",
            "a * !b + c",
            "a ? b ? c",
            "a ? b.\"c\".${d}",
            "a |> b |> c",
            "a <| b <| c",
            "x: x |> y",
        ],
        &expect![[r#"
            a -> b -> c
              Binary(Variable(a) -> Binary(Variable(b) -> Variable(c)))
            a || b && c == d < e // f + g * h ++ i ? j
              Binary(Variable(a) || Binary(Variable(b) && Binary(Variable(c) == Binary(Variable(d) < Binary(Variable(e) // Binary(Variable(f) + Binary(Variable(g) * Binary(Variable(h) ++ HasAttr(Variable(i) ? AttrPath(Attr(j)))))))))))
            a // b // c
              Binary(Variable(a) // Binary(Variable(b) // Variable(c)))
            a ++ b ++ c
              Binary(Variable(a) ++ Binary(Variable(b) ++ Variable(c)))
            a - b - c
              Binary(Binary(Variable(a) - Variable(b)) - Variable(c))
            !a ? b
              Unary(! HasAttr(Variable(a) ? AttrPath(Attr(b))))
            -a ? b
              HasAttr(Unary(- Variable(a)) ? AttrPath(Attr(b)))
            -a.b c
              Unary(- Apply(Select(Variable(a) . AttrPath(Attr(b))) Variable(c)))
            - - a
              Unary(- Unary(- Variable(a)))
            !a == b
              Binary(Unary(! Variable(a)) == Variable(b))
            a * !b + c
              Binary(Variable(a) * Unary(! Binary(Variable(b) + Variable(c))))
            a ? b ? c
              HasAttr(HasAttr(Variable(a) ? AttrPath(Attr(b))) ? AttrPath(Attr(c)))
            a ? b."c".${d}
              HasAttr(Variable(a) ? AttrPath(Attr(b) . Attr(String(" c ")) . Attr(Interpolation(${ Variable(d) }))))
            a |> b |> c
              Binary(Binary(Variable(a) |> Variable(b)) |> Variable(c))
            a <| b <| c
              Binary(Variable(a) <| Binary(Variable(b) <| Variable(c)))
            x: x |> y
              Lambda(Param(x) : Binary(Variable(x) |> Variable(y)))
        "#]],
    );
}

#[test]
fn application_and_selection() {
    check(
        &[
            "f a b",
            "f a.b (c)",
            "a.b.c or d.e or f",
            "a.\"b\".${c}.or or d",
            "f or",
            "f or g",
            "[ f or g ]",
            "[ a.b -1 (f x) ]",
            "f -1",
        ],
        &expect![[r#"
            f a b
              Apply(Apply(Variable(f) Variable(a)) Variable(b))
            f a.b (c)
              Apply(Apply(Variable(f) Select(Variable(a) . AttrPath(Attr(b)))) Paren((Variable(c) )))
            a.b.c or d.e or f
              Select(Variable(a) . AttrPath(Attr(b) . Attr(c)) or Select(Variable(d) . AttrPath(Attr(e)) or Variable(f)))
            a."b".${c}.or or d
              Select(Variable(a) . AttrPath(Attr(String(" b ")) . Attr(Interpolation(${ Variable(c) })) . Attr(or)) or Variable(d))
            f or
              Apply(Variable(f) Variable(or))
            f or g
              Apply(Apply(Variable(f) Variable(or)) Variable(g))
            [ f or g ]
              List([ Apply(Variable(f) Variable(or)) Variable(g) ])
            [ a.b -1 (f x) ]
              List([ Select(Variable(a) . AttrPath(Attr(b))) Error(Unary(- Apply(Literal(1) Paren((Apply(Variable(f) Variable(x)) ))))) ])
              6..7: syntax error, unexpected '-'
            f -1
              Binary(Variable(f) - Literal(1))
        "#]],
    );
}

#[test]
fn functions() {
    check(
        &[
            "x: y: x",
            "{ }: 1",
            "{ ... }: 1",
            "{ a }: 1",
            "{ a, b ? 1, ... }: 1",
            "{ a, }: 1",
            "{ a }@b: 1",
            "b@{ a ? x: x }: 1",
            "x : x",
        ],
        &expect![[r#"
            x: y: x
              Lambda(Param(x) : Lambda(Param(y) : Variable(x)))
            { }: 1
              Lambda(Param(Pattern({ })) : Literal(1))
            { ... }: 1
              Lambda(Param(Pattern({ ... })) : Literal(1))
            { a }: 1
              Lambda(Param(Pattern({ Formal(a) })) : Literal(1))
            { a, b ? 1, ... }: 1
              Lambda(Param(Pattern({ Formal(a) , Formal(b ? Literal(1)) , ... })) : Literal(1))
            { a, }: 1
              Lambda(Param(Pattern({ Formal(a) , })) : Literal(1))
            { a }@b: 1
              Lambda(Param(Pattern({ Formal(a) }) @ b) : Literal(1))
            b@{ a ? x: x }: 1
              Lambda(Param(b @ Pattern({ Formal(a ? Lambda(Param(x) : Variable(x))) })) : Literal(1))
            x : x
              Lambda(Param(x) : Variable(x))
        "#]],
    );
}

#[test]
fn sets_and_lets() {
    check(
        &[
            "{ }",
            "{ a = 1; b.\"c\".${d} = 2; or = 3; }",
            "rec { inherit; inherit a or \"b\"; inherit (c d) e; }",
            "let a = 1; in a",
            "let in 1",
            "let { body = 1; }",
            "f let { body = 1; }",
        ],
        &expect![[r#"
            { }
              AttrSet({ })
            { a = 1; b."c".${d} = 2; or = 3; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Literal(1) ;) Binding(AttrPath(Attr(b) . Attr(String(" c ")) . Attr(Interpolation(${ Variable(d) }))) = Literal(2) ;) Binding(AttrPath(Attr(or)) = Literal(3) ;) })
            rec { inherit; inherit a or "b"; inherit (c d) e; }
              AttrSet(rec { Inherit(inherit ;) Inherit(inherit Attr(a) Attr(or) Attr(String(" b ")) ;) Inherit(inherit InheritFrom((Apply(Variable(c) Variable(d)) )) Attr(e) ;) })
            let a = 1; in a
              LetIn(let Binding(AttrPath(Attr(a)) = Literal(1) ;) in Variable(a))
            let in 1
              LetIn(let in Literal(1))
            let { body = 1; }
              LegacyLet(let { Binding(AttrPath(Attr(body)) = Literal(1) ;) })
            f let { body = 1; }
              Apply(Variable(f) LegacyLet(let { Binding(AttrPath(Attr(body)) = Literal(1) ;) }))
        "#]],
    );
}

#[test]
fn control() {
    check(
        &[
            "if a then b else c",
            "with a; b: c",
            "assert a; with b; c",
            "if if a then b else c then d else e",
        ],
        &expect![[r#"
            if a then b else c
              If(if Variable(a) then Variable(b) else Variable(c))
            with a; b: c
              With(with Variable(a) ; Lambda(Param(b) : Variable(c)))
            assert a; with b; c
              Assert(assert Variable(a) ; With(with Variable(b) ; Variable(c)))
            if if a then b else c then d else e
              If(if If(if Variable(a) then Variable(b) else Variable(c)) then Variable(d) else Variable(e))
        "#]],
    );
}

#[test]
fn strings_and_paths() {
    check(
        &[
            "\"\"",
            "\"a${b}c${\"d${e}\"}\"",
            "''a${b}''",
            "./a/${b}c/${d}e",
            "[ ./a${b} ./c~/d /e ]",
            "{ a.\"${b}\" = 1; }",
        ],
        &expect![[r#"
            ""
              String(" ")
            "a${b}c${"d${e}"}"
              String(" a Interpolation(${ Variable(b) }) c Interpolation(${ String(" d Interpolation(${ Variable(e) }) ") }) ")
            ''a${b}''
              IndentedString('' a Interpolation(${ Variable(b) }) '')
            ./a/${b}c/${d}e
              Path(./a/ Interpolation(${ Variable(b) }) c/ Interpolation(${ Variable(d) }) e)
            [ ./a${b} ./c~/d /e ]
              List([ Path(./a Interpolation(${ Variable(b) })) Path(./c) Path(~/d) Path(/e) ])
            { a."${b}" = 1; }
              AttrSet({ Binding(AttrPath(Attr(a) . Attr(String(" Interpolation(${ Variable(b) }) "))) = Literal(1) ;) })
        "#]],
    );
}

#[test]
fn trivia_belongs_to_the_parent() {
    let text = " # a\nf /* b */ x # c\n";
    let parse = crate::parse(text, &crate::ParseOptions::default());
    expect![[r##"
        SourceFile@0..21
          Whitespace@0..1 " "
          Comment@1..4 "# a"
          Whitespace@4..5 "\n"
          Apply@5..16
            Variable@5..6
              Ident@5..6 "f"
            Whitespace@6..7 " "
            Comment@7..14 "/* b */"
            Whitespace@14..15 " "
            Variable@15..16
              Ident@15..16 "x"
          Whitespace@16..17 " "
          Comment@17..20 "# c"
          Whitespace@20..21 "\n"
    "##]]
    .assert_eq(&parse.tree.dump(text));
}
