//! Whatever the kernel says, lifting answers, and keeps what it does not understand.

use crate::{
    data::{DataType, Family, Register, Userdata, Value},
    expr::*,
    lang::{declared, tree::Statement, typeof_note},
    lift::{Sets, items, rule as lift},
    model,
};
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value> {
    let len = prop_oneof![Just(1usize), Just(2), Just(4), Just(16), 0usize..=64];
    len.prop_flat_map(|len| prop::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], len))
        .prop_map(|bytes| Value::new(&bytes).unwrap())
}

fn any_register() -> impl Strategy<Value = Register> {
    prop_oneof![4 => Just(Register::R1), 1 => (0u8..16).prop_map(Register::slot)]
}

/// Expressions that have to do with each other more often than any.
fn any_expr() -> impl Strategy<Value = Expr> {
    let len = || prop_oneof![3 => Just(1u32), 3 => Just(2), 3 => Just(4), 1 => 0u32..=70];
    let offset = || prop_oneof![3 => 0u32..=20, 1 => any::<u32>()];
    let base = || prop::sample::select(&[PayloadBase::Link, PayloadBase::Network, PayloadBase::Transport][..]);
    let payload =
        || (base(), offset(), len(), any_register()).prop_map(|(base, at, len, to)| Payload::load(base, at, len, to));
    let written = (base(), offset(), len(), any_register()).prop_map(|(base, at, len, from)| Payload {
        sreg: Some(from),
        dreg: None,
        ..Payload::load(base, at, len, from)
    });
    let op = prop::sample::select(&[CmpOp::Eq, CmpOp::Neq, CmpOp::Lt, CmpOp::Gte, CmpOp::Lte][..]);
    prop_oneof![
        3 => payload().prop_map(Expr::from),
        1 => written.prop_map(Expr::from),
        1 => payload().prop_map(|load| crate::lang::header::Tunnel::Gre.look(load.into())),
        2 => ((0u32..40).prop_map(MetaKey::from), any_register()).prop_map(|(key, to)| Meta::load(key, to).into()),
        1 => ((0u32..30).prop_map(CtKey::from), any_register()).prop_map(|(key, to)| Ct::load(key, to).into()),
        2 => (any_register(), any_value()).prop_map(|(at, mask)| Bitwise::mask(at, at, mask).into()),
        1 => (any_register(), any_value(), any_value()).prop_map(|(at, m, x)| Bitwise::mask_xor(at, at, m, x).into()),
        1 => (any_register(), len(), len()).prop_map(|(at, len, size)| {
            Byteorder::new(at, ByteorderOp::Hton, len, size).into()
        }),
        4 => (any_register(), op, any_value()).prop_map(|(at, op, value)| Cmp::new(at, op, value).into()),
        1 => (any_register(), any_value(), any_value()).prop_map(|(at, a, b)| Range::new(at, RangeOp::Eq, a, b).into()),
        1 => any_register().prop_map(|at| Lookup::new("s", at).into()),
        1 => any_register().prop_map(|at| Lookup { dreg: Some(Register::R1), ..Lookup::new("s", at) }.into()),
        1 => (any_register(), any_value()).prop_map(|(to, value)| Immediate::new(to, value).into()),
        3 => prop::sample::select(Expr::TABLES).prop_flat_map(|(name, _)| Expr::any_of(name)),
    ]
}

fn any_family() -> impl Strategy<Value = Family> {
    let all = [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev, Family::Unknown(9)];
    prop::sample::select(all.to_vec())
}

prop_compose! {
    /// A set named `s`, with what kinds of types there are more often than any.
    fn any_set()(
        set in model::Set::any_attrs(Family::Inet),
        ty in prop_oneof![Just(DataType::INTEGER), (0u32..=60).prop_map(DataType::from), any::<u32>().prop_map(DataType::from)],
        len in prop_oneof![Just(4u32), 0u32..=64, any::<u32>()],
        family in any_family(),
    ) -> model::Set {
        model::Set { family, table: "t".into(), name: "s".into(), key_type: Some(ty), key_len: Some(len), ..set }
    }
}

/// What is in `all` of what is kept, in order.
fn kept<'a>(all: &mut impl Iterator<Item = &'a Expr>, kept: &[Expr]) -> bool {
    kept.iter().all(|expr| all.any(|other| other == expr))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rules(
        family in any_family(),
        exprs in prop::collection::vec(any_expr(), 0..12),
        set in any_set(),
        elements in prop::collection::vec(model::Element::any_attrs(), 0..5),
    ) {
        let set = model::Set { family, ..set };
        let sets: Sets<'_> = [(&set, &elements[..])].into_iter().collect();
        let rule = super::rule(family, exprs.clone());
        let statements = lift(&rule, &sets);
        // Registers are those of the rule, in its order.
        let mut rest = exprs.iter();
        for statement in &statements {
            match statement {
                Statement::Registers(exprs) => prop_assert!(kept(&mut rest, exprs)),
                Statement::Plain(expr) => prop_assert!(kept(&mut rest, std::slice::from_ref(expr))),
                _ => {}
            }
        }
        // What acts is there: itself, or as registers.
        let in_registers = statements.iter().filter_map(|statement| match statement {
            Statement::Registers(exprs) => Some(&exprs[..]),
            _ => None,
        });
        let in_registers: Vec<_> = in_registers.flatten().collect();
        for expr in &exprs {
            let plain = statements.iter().any(|statement| matches!(statement, Statement::Plain(own) if own == expr));
            let is_kept = plain || in_registers.contains(&expr);
            match expr {
                Expr::Unknown(_) | Expr::Counter(_) | Expr::Limit(_) | Expr::Log(_) => prop_assert!(is_kept),
                // Nothing that was loaded and that nobody reads is forgotten.
                _ if statements.is_empty() => prop_assert!(false, "{expr:?}"),
                _ => {}
            }
        }
        let _ = super::ruleset([(set.clone(), elements.clone())]).statements(&rule);
    }

    #[test]
    fn sets(set in any_set(), elements in prop::collection::vec(model::Element::any_attrs(), 0..8), noise: Vec<u8>) {
        let set = match noise.first() {
            Some(0..=127) => model::Set { userdata: Some(Userdata::from(&noise[..])), ..set },
            _ => set,
        };
        let _ = declared::of(&set);
        let items = items(&set, &elements);
        // Of elements without intervals each is an item.
        if !set.flags().contains(model::SetFlags::INTERVAL) {
            prop_assert!(items.len() == elements.len() || items.is_empty());
        }
        let _ = super::ruleset([(set, elements)]).to_string();
    }

    #[test]
    fn notes(noise: Vec<u8>, kind in 0u32..40, rest: Vec<u8>) {
        let _ = typeof_note::parse(&noise);
        let mut note = Userdata::default();
        note.set(0, &kind.to_ne_bytes());
        note.set(1, &rest);
        let _ = typeof_note::parse(note.as_bytes());
    }
}

/// The name of what a set of a rule is called by is not enough.
#[test]
fn sets_are_of_their_table() {
    let exprs = [Expr::from(Meta::load(MetaKey::Mark, Register::R1)), Lookup::new("s", Register::R1).into()];
    let set = model::Set::new(&model::Table::new(Family::Ip, "other"), "s", DataType::INTEGER, 4);
    let sets: Sets<'_> = [(&set, &[][..])].into_iter().collect();
    assert_eq!(lift(&super::rule(Family::Ip, exprs.clone()), &sets), [Statement::Registers(exprs.to_vec())]);
}
