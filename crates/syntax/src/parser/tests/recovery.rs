//! What is left of the tree while somebody types.

use expect_test::expect;

use super::check;

#[test]
fn unfinished_values_leave_the_other_bindings() {
    check(
        &[
            "{ a = x.; b = 1; }",
            "{ a = x.\n b = 1; }",
            "{ a = x\n b = 1; }",
            "{ a =\n b = 1; }",
            "{ a = \n \"b\".c = 1; }",
            "{ a = x +\n b = 1; }",
            "{ a = f x\n inherit y; }",
            "{ a = [ x y\n b = 1; }",
            "{ a = (x y\n b = 1; }",
            "{ a = if x then\n b = 1; }",
            "{ a = lib.in; b = 1; }",
        ],
        &expect![[r#"
            { a = x.; b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Select(Variable(x) .) ;) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              8..9: syntax error, unexpected ';', expecting identifier or 'or' or '${' or '"'
            { a = x.
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Select(Variable(x) .)) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              12..13: syntax error, unexpected '=', expecting ';'
            { a = x
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Variable(x)) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              11..12: syntax error, unexpected '=', expecting ';'
            { a =
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) =) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              9..10: syntax error, unexpected '=', expecting ';'
            { a = 
             "b".c = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) =) Binding(AttrPath(Attr(String(" b ")) . Attr(c)) = Literal(1) ;) })
              14..15: syntax error, unexpected '=', expecting ';'
            { a = x +
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Binary(Variable(x) +)) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              13..14: syntax error, unexpected '=', expecting ';'
            { a = f x
             inherit y; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Apply(Variable(f) Variable(x))) Inherit(inherit Attr(y) ;) })
              11..18: syntax error, unexpected 'inherit', expecting ';'
            { a = [ x y
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = List([ Variable(x) Variable(y))) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              15..16: syntax error, unexpected '='
            { a = (x y
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Paren((Apply(Variable(x) Variable(y)))) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              14..15: syntax error, unexpected '=', expecting ')'
            { a = if x then
             b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = If(if Variable(x) then)) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              19..20: syntax error, unexpected '=', expecting 'else'
            { a = lib.in; b = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Select(Variable(lib) . AttrPath(Error(in))) ;) Binding(AttrPath(Attr(b)) = Literal(1) ;) })
              10..12: syntax error, unexpected 'in', expecting identifier or 'or' or '${' or '"'
        "#]],
    );
}

#[test]
fn unfinished_names_leave_the_other_bindings() {
    check(
        &[
            "{ services.openssh. }",
            "{ services.openssh.\n  b = 2; }",
            "{ services.openssh\n  b = 2; }",
            "{ services.in }",
            "{ hel\n  b = 2; }",
            "{ inherit a\n  b = 2; }",
            "{ a; b = 2; }",
            "{ a: 1; b = 2; }",
            "{ a == 1; b = 2; }",
            "{ ) a = 1; }",
            "{ a = 1;; b = 2; }",
            "{ a = 1, b = 2 }",
        ],
        &expect![[r#"
            { services.openssh. }
              AttrSet({ Binding(AttrPath(Attr(services) . Attr(openssh) .)) })
              20..21: syntax error, unexpected '}', expecting identifier or 'or' or '${' or '"'
            { services.openssh.
              b = 2; }
              AttrSet({ Binding(AttrPath(Attr(services) . Attr(openssh) . Attr(b)) = Literal(2) ;) })
            { services.openssh
              b = 2; }
              AttrSet({ Binding(AttrPath(Attr(services) . Attr(openssh))) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              21..22: syntax error, unexpected identifier, expecting '.' or '='
            { services.in }
              AttrSet({ Binding(AttrPath(Attr(services) . Error(in))) })
              11..13: syntax error, unexpected 'in', expecting identifier or 'or' or '${' or '"'
              14..15: syntax error, unexpected '}', expecting '.' or '='
            { hel
              b = 2; }
              AttrSet({ Binding(AttrPath(Attr(hel))) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              8..9: syntax error, unexpected identifier, expecting '.' or '='
            { inherit a
              b = 2; }
              AttrSet({ Inherit(inherit Attr(a)) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              16..17: syntax error, unexpected '='
            { a; b = 2; }
              AttrSet({ Binding(AttrPath(Attr(a)) ;) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              3..4: syntax error, unexpected ';', expecting '.' or '='
            { a: 1; b = 2; }
              AttrSet({ Binding(AttrPath(Attr(a)) Error(: Literal(1)) ;) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              3..4: syntax error, unexpected ':', expecting '.' or '='
            { a == 1; b = 2; }
              AttrSet({ Binding(AttrPath(Attr(a)) Error(== Literal(1)) ;) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              4..6: syntax error, unexpected '==', expecting '.' or '='
            { ) a = 1; }
              AttrSet({ Error()) Binding(AttrPath(Attr(a)) = Literal(1) ;) })
              2..3: syntax error, unexpected ')', expecting 'inherit'
            { a = 1;; b = 2; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Literal(1) ;) Error(;) Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              8..9: syntax error, unexpected ';', expecting 'inherit'
            { a = 1, b = 2 }
              AttrSet({ Binding(AttrPath(Attr(a)) = Literal(1) Error(,)) Binding(AttrPath(Attr(b)) = Literal(2)) })
              7..8: syntax error, unexpected ',', expecting ';'
              15..16: syntax error, unexpected '}', expecting ';'
        "#]],
    );
}

#[test]
fn unfinished_ends() {
    check(
        &[
            "with pkgs; [ hel ]",
            "foo.override { ",
            "{ a = foo.override { b = \"c",
            "let a = 1; a",
            "let a = { b = 1; in a",
            "( let a = 1; )",
            "\"${ ( { a ) }\"",
            "{ a = 1; } } b = 2; }",
        ],
        &expect![[r#"
            with pkgs; [ hel ]
              With(with Variable(pkgs) ; List([ Variable(hel) ]))
            foo.override { 
              Apply(Select(Variable(foo) . AttrPath(Attr(override))) AttrSet({))
              15..15: syntax error, unexpected end of file, expecting 'inherit'
            { a = foo.override { b = "c
              AttrSet({ Binding(AttrPath(Attr(a)) = Apply(Select(Variable(foo) . AttrPath(Attr(override))) AttrSet({ Binding(AttrPath(Attr(b)) = String(" c))))))
              27..27: syntax error, unexpected end of file, expecting '"'
            let a = 1; a
              LetIn(let Binding(AttrPath(Attr(a)) = Literal(1) ;) Binding(AttrPath(Attr(a))))
              12..12: syntax error, unexpected end of file, expecting '.' or '='
            let a = { b = 1; in a
              LetIn(let Binding(AttrPath(Attr(a)) = AttrSet({ Binding(AttrPath(Attr(b)) = Literal(1) ;) Error(in Variable(a)))))
              17..19: syntax error, unexpected 'in', expecting 'inherit'
              21..21: syntax error, unexpected end of file, expecting 'inherit'
            ( let a = 1; )
              Paren((LetIn(let Binding(AttrPath(Attr(a)) = Literal(1) ;)) ))
              13..14: syntax error, unexpected ')', expecting 'in' or 'inherit'
            "${ ( { a ) }"
              String(" Interpolation(${ Paren((Apply(AttrSet({ Binding(AttrPath(Attr(a)) Error())) }) String(")))))
              10..11: syntax error, unexpected ')', expecting '.' or '='
              14..14: syntax error, unexpected end of file, expecting '"'
            { a = 1; } } b = 2; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Literal(1) ;) }) Error(} Binding(AttrPath(Attr(b)) = Literal(2) ;) })
              11..12: syntax error, unexpected '}', expecting end of file
        "#]],
    );
}

#[test]
fn expressions_where_only_operands_may_stand() {
    check(
        &[
            "{ a = f with b; [ c ]; d = 1; }",
            "{ a = 1 + if b then c else d; e = 1; }",
            "[ let a = 1; in a b ]",
            "[ 1 + 2, 3 ]",
            "f { a, b }",
        ],
        &expect![[r#"
            { a = f with b; [ c ]; d = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Variable(f) Error(With(with Variable(b) ; List([ Variable(c) ]))) ;) Binding(AttrPath(Attr(d)) = Literal(1) ;) })
              8..12: syntax error, unexpected 'with', expecting ';'
            { a = 1 + if b then c else d; e = 1; }
              AttrSet({ Binding(AttrPath(Attr(a)) = Binary(Literal(1) + If(if Variable(b) then Variable(c) else Variable(d))) ;) Binding(AttrPath(Attr(e)) = Literal(1) ;) })
              10..12: syntax error, unexpected 'if'
            [ let a = 1; in a b ]
              List([ LetIn(let Binding(AttrPath(Attr(a)) = Literal(1) ;) in Apply(Variable(a) Variable(b))) ])
              6..7: syntax error, unexpected identifier, expecting '{'
            [ 1 + 2, 3 ]
              List([ Literal(1) Error(+) Literal(2) Error(,) Literal(3) ])
              4..5: syntax error, unexpected '+'
              7..8: syntax error, unexpected ','
            f { a, b }
              Apply(Variable(f) AttrSet({ Binding(AttrPath(Attr(a)) Error(,)) Binding(AttrPath(Attr(b))) }))
              5..6: syntax error, unexpected ',', expecting '.' or '='
              9..10: syntax error, unexpected '}', expecting '.' or '='
        "#]],
    );
}

#[test]
fn patterns() {
    check(
        &["{ a b }: c", "{ a, b", "{ a, ..., b }: c", "{ a, b } c", "{ a, 1, b }: c", "{ hel }"],
        &expect![[r#"
            { a b }: c
              Lambda(Param(Pattern({ Formal(a) Formal(b) })) : Variable(c))
              4..5: syntax error, unexpected identifier, expecting '.' or '='
            { a, b
              Lambda(Param(Pattern({ Formal(a) , Formal(b))))
              6..6: syntax error, unexpected end of file, expecting '}' or ','
            { a, ..., b }: c
              Lambda(Param(Pattern({ Formal(a) , ... Error(,) Formal(b) })) : Variable(c))
              8..9: syntax error, unexpected ',', expecting '}'
            { a, b } c
              Lambda(Param(Pattern({ Formal(a) , Formal(b) })) Variable(c))
              9..10: syntax error, unexpected identifier, expecting ':' or '@'
            { a, 1, b }: c
              Lambda(Param(Pattern({ Formal(a) , Error(Literal(1)) Error(,) Formal(b) })) : Variable(c))
              5..6: syntax error, unexpected integer, expecting identifier or '...' or '}'
              6..7: syntax error, unexpected ',', expecting identifier or '...' or '}'
            { hel }
              AttrSet({ Binding(AttrPath(Attr(hel))) })
              7..7: syntax error, unexpected end of file, expecting ':' or '@'
        "#]],
    );
}
