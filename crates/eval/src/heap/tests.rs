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
fn a_cleared_heap_uses_its_memory_again() {
    // Miri takes minutes for as many as fill several chunks.
    const STRINGS: usize = if cfg!(miri) { 300 } else { 30_000 };
    let mut heap = Heap::new();
    let mut taken = None;
    for round in 0..3 {
        let text = heap.keep(format!("round {round}"));
        let strings: Vec<_> = (0..STRINGS).map(|i| heap.string(format!("{text}, {i}"))).collect();
        let large = heap.slice_with(STRINGS * 3, |i| i as u64);
        for (i, value) in strings.iter().enumerate() {
            let Kind::String(string) = value.kind() else { panic!() };
            assert_eq!(string.as_bytes(), format!("round {round}, {i}").as_bytes());
        }
        assert!(large.iter().enumerate().all(|(i, item)| *item == i as u64));
        let strings = heap.allocated(ObjectKind::String);
        assert_eq!(strings.objects, STRINGS as u64);
        heap.clear();
        assert_eq!((heap.reserved_bytes(), heap.used_bytes()), (0, 0));
        let spare: usize = heap.spare_chunks.borrow().iter().map(|(_, layout)| layout.size()).sum();
        assert_eq!(*taken.get_or_insert(spare), spare, "nothing more is asked of the system");
    }
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

/// The attributes `attr0`, `attr1`, …, each with its number and `place`.
fn numbered<'h>(heap: &'h Heap, numbers: impl Iterator<Item = i64>, place: u32) -> Attrs<'h> {
    let mut builder = AttrsBuilder::default();
    for i in numbers {
        let value = heap.int(i * i64::from(place));
        builder.push(Name::new(&format!("attr{i}")), value, PositionId(place));
    }
    let Kind::Attrs(attrs) = builder.finish(heap).kind() else { panic!() };
    attrs
}

fn shown(attrs: Attrs<'_>) -> Vec<(String, i64, u32)> {
    let show = |attr: Attr<'_>| {
        let Kind::Int(value) = attr.cell.get().kind() else { panic!() };
        (attr.name.to_string(), value, attr.position.0)
    };
    attrs.sorted().into_iter().map(show).collect()
}

#[test]
fn an_update_has_the_same_attributes_in_one_layer_or_in_two() {
    let heap = Heap::new();
    // The first set is large enough, in the last rounds, not to be copied.
    let counts = if cfg!(miri) { [1, 4, 200].as_slice() } else { &[1, 4, 100, 200, 2000] };
    for &count in counts {
        let base = numbered(&heap, 0..count, 1);
        let changes = numbered(&heap, (count - 1)..(count + 2), 2);
        let again = numbered(&heap, [0, count].into_iter(), 3);
        let updated = heap.update(heap.update(base, changes), again);

        let mut expected: Vec<_> = (0..count + 2)
            .map(|i| match i {
                0 => (0, 3),
                _ if i == count => (i * 3, 3),
                _ if i >= count - 1 => (i * 2, 2),
                _ => (i, 1),
            })
            .enumerate()
            .map(|(i, (value, place))| (format!("attr{i}"), value, place))
            .collect();
        assert_eq!(updated.layered().is_some(), count >= 200);
        assert_eq!(updated.len(), expected.len());
        let lookup = Cell::default();
        for (name, value, place) in &expected {
            let name = Name::new(name);
            for attr in [updated.get(name), updated.get_again(name, &Cell::default())] {
                let attr = attr.unwrap();
                assert!(matches!(attr.cell.get().kind(), Kind::Int(found) if found == *value));
                assert_eq!(attr.position.0, *place);
            }
        }
        let last = Name::new("attr1");
        for set in [base, updated, base, changes] {
            let found = set.get_again(last, &lookup).map(|attr| attr.position);
            assert_eq!(found, set.get(last).map(|attr| attr.position));
        }
        assert!(updated.get(Name::new("another")).is_none());
        expected.sort();
        assert_eq!(shown(updated), expected);
    }
}

#[test]
fn equal_shapes_are_one() {
    let heap = Heap::new();
    let (a, b) = (numbered(&heap, 0..3, 1), numbered(&heap, 0..3, 1));
    assert!(std::ptr::eq(a.shape(), b.shape()));
    assert!(!std::ptr::eq(a.shape(), numbered(&heap, 0..3, 2).shape()));
    let (c, d) = (numbered(&heap, 2..5, 7), numbered(&heap, 2..5, 7));
    assert!(std::ptr::eq(heap.update(a, c).shape(), heap.update(b, d).shape()));
    let bare = heap.shape_without_positions(a.shape());
    assert_eq!(bare.names, a.shape().names);
    assert_eq!(bare.position(1), PositionId::NONE);
    assert!(std::ptr::eq(bare, heap.shape_without_positions(bare)));
}

#[test]
fn names_asked_for_in_order_are_found_in_sets_of_every_size() {
    let heap = Heap::new();
    for count in [0, 1, 3, 50, if cfg!(miri) { 200 } else { 2000 }] {
        let attrs = numbered(&heap, (0..count).map(|i| 2 * i), 1);
        let mut names: Vec<Name> = (0..8).map(|i| Name::new(&format!("attr{i}"))).collect();
        names.sort();
        let mut find = attrs.finder(names.len());
        for name in names {
            assert_eq!(find(name).is_some(), attrs.get(name).is_some(), "{name} of {count}");
        }
    }
}

#[test]
fn what_is_allocated_is_counted() {
    let heap = Heap::new();
    let before = heap.allocated(ObjectKind::Thunk);
    heap.thunk(Code { unit: 0, expr: ExprId(0) }, Env::none());
    let after = heap.allocated(ObjectKind::Thunk);
    assert_eq!((after.objects - before.objects, after.bytes - before.bytes), (1, 16));
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
    let merged = heap.context(&[a.elements(), b.elements()].concat());
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
