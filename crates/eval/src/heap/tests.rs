use super::*;
use floe_hir::{ExprId, LambdaId, Name};

#[test]
fn a_value_is_eight_bytes() {
    assert_eq!(size_of::<Value<'_>>(), 8);
    assert_eq!(size_of::<Result<Value<'_>, Box<u8>>>(), 16);
}

#[test]
fn integers_of_every_size_come_back() {
    let heap = Heap::new();
    for int in [0, 1, -1, i64::MAX, i64::MIN, 1 << 60, -(1 << 60), (1 << 60) - 1, -(1 << 60) - 1] {
        assert!(matches!(heap.int(int).kind(), Kind::Int(i) if i == int), "{int}");
    }
}

#[test]
fn what_goes_in_comes_out() {
    let heap = Heap::new();
    assert!(matches!(Value::null().kind(), Kind::Null));
    assert!(matches!(Value::bool(true).kind(), Kind::Bool(true)));
    assert!(matches!(Value::bool(false).kind(), Kind::Bool(false)));
    assert!(matches!(Value::builtin(70_000).kind(), Kind::Builtin(70_000)));
    assert!(matches!(heap.float(1.5).kind(), Kind::Float(f) if f == 1.5));
    assert!(matches!(heap.path(b"/a/b").kind(), Kind::Path(p) if p.as_bytes() == b"/a/b"));
    let Kind::String(s) = heap.string("hello, world").kind() else { panic!() };
    assert_eq!(s.as_bytes(), b"hello, world");
    assert!(!s.has_context());
    let Kind::Partial(partial) = heap.partial_application(7, &[heap.int(1), heap.int(2)]).kind()
    else {
        panic!()
    };
    assert_eq!(partial.builtin(), 7);
    assert_eq!(partial.arguments().len(), 2);
    let Kind::Closure(closure) = heap.closure(3, LambdaId(9), Env::none()).kind() else { panic!() };
    assert_eq!((closure.unit(), closure.lambda()), (3, LambdaId(9)));
}

#[test]
fn a_tail_shares_its_cells() {
    let heap = Heap::new();
    let Kind::List(list) = heap.list(&[heap.int(1), heap.int(2), heap.int(3)]).kind() else {
        panic!()
    };
    let Kind::List(tail) = heap.list_view(&list.cells()[1..]).kind() else { panic!() };
    assert_eq!(tail.len(), 2);
    list.cells()[1].set(heap.int(5));
    assert!(matches!(tail.cells()[0].get().kind(), Kind::Int(5)));
}

#[test]
fn sets_find_their_attributes() {
    let heap = Heap::new();
    for count in [0_usize, 1, 5, 9, 100] {
        let mut builder = AttrsBuilder::default();
        for i in (0..count).rev() {
            builder.insert(&format!("attr{i}"), heap.int(i as i64));
        }
        let Kind::Attrs(attrs) = builder.finish(&heap).kind() else { panic!() };
        assert_eq!(attrs.len(), count);
        for i in 0..count {
            let attr = attrs.get(Name::new(&format!("attr{i}"))).unwrap();
            assert!(matches!(attr.cell.get().kind(), Kind::Int(n) if n == i as i64));
        }
        assert!(attrs.get(Name::new("another")).is_none());
    }
}

#[test]
fn environments_of_every_size_chain() {
    let heap = Heap::new();
    let mut env = Env::none();
    for len in [1_usize, 0, 3, 0xFFFE, 0xFFFF, 0x1_0000] {
        env = heap.env(env, len);
        assert_eq!(env.slots().len(), len);
    }
    assert_eq!(env.up(3).slots().len(), 3);
    env.up(5).slots()[0].set(heap.int(4));
    assert!(matches!(env.up(5).slots()[0].get().kind(), Kind::Int(4)));
}

#[test]
fn a_thunk_goes_through_its_states() {
    let heap = Heap::new();
    let env = heap.env(Env::none(), 1);
    let code = Code { unit: (1 << 28) - 1, expr: ExprId(u32::MAX) };
    let Kind::Thunk(thunk) = heap.thunk(code, env).kind() else { panic!() };
    assert!(thunk.result().is_none());
    let Taken::Work(work) = thunk.take() else { panic!() };
    assert!(matches!(work, Suspended::Expression(c, e) if c == code && e.slots().len() == 1));
    assert!(matches!(thunk.take(), Taken::Running));
    thunk.restore(work);
    assert!(matches!(thunk.take(), Taken::Work(_)));
    thunk.finish(heap.int(3));
    assert!(matches!(thunk.take(), Taken::Done(v) if matches!(v.kind(), Kind::Int(3))));

    let Kind::Thunk(call) = heap.thunk_call(heap.int(1), heap.int(2), None).kind() else {
        panic!()
    };
    assert!(matches!(call.suspended(), Some(Suspended::Call { second: None, .. })));
}

#[test]
fn contexts_merge_as_sets() {
    let heap = Heap::new();
    let a = heap.context(&[ContextElement::Opaque("b"), ContextElement::Opaque("a")]);
    let b = heap.context(&[ContextElement::DerivationDeep("a"), ContextElement::Opaque("b")]);
    let merged = heap.merge_contexts(a, b);
    assert_eq!(
        merged.elements(),
        [
            ContextElement::Opaque("a"),
            ContextElement::Opaque("b"),
            ContextElement::DerivationDeep("a")
        ]
    );
}

#[test]
fn large_objects_get_chunks_of_their_own() {
    let heap = Heap::new();
    let long = vec![b'x'; 40 << 20];
    let Kind::String(string) = heap.string(&long).kind() else { panic!() };
    assert_eq!(string.as_bytes().len(), long.len());
    assert!(heap.used_bytes() >= long.len());
    assert!(heap.reserved_bytes() >= heap.used_bytes());
}

#[test]
fn what_is_kept_stays_where_it_is() {
    let heap = Heap::new();
    let first = heap.keep(String::from("first"));
    let others: Vec<&usize> = (0..100).map(|i| heap.keep(i)).collect();
    assert_eq!(first, "first");
    assert!(others.iter().enumerate().all(|(i, kept)| i == **kept));
}
