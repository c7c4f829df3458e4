//! Registers by hand: what they say, and that they come out of it again.

use super::{rule, text};
use crate::{
    compile::{self, Context},
    data::{Family, Name, Register, Value, Verdict},
    expr::*,
    lang::tree::Statement,
    lift, model,
};
use std::borrow::Cow;

const R: Register = Register::R1;

struct NoSets;

impl Context for NoSets {
    fn set(&self, _: Family, _: &Name, _: &Name) -> Option<Cow<'_, model::Set>> {
        None
    }
}

fn value(bytes: &[u8]) -> Value {
    Value::new(bytes).unwrap()
}

fn cmp(op: CmpOp, bytes: &[u8]) -> Expr {
    Cmp::new(R, op, value(bytes)).into()
}

fn eq(bytes: &[u8]) -> Expr {
    cmp(CmpOp::Eq, bytes)
}

fn meta(key: MetaKey) -> Expr {
    Meta::load(key, R).into()
}

fn network(offset: u32, len: u32) -> Expr {
    Payload::load(PayloadBase::Network, offset, len, R).into()
}

fn transport(offset: u32, len: u32) -> Expr {
    Payload::load(PayloadBase::Transport, offset, len, R).into()
}

fn mask(bytes: &[u8]) -> Expr {
    Bitwise::mask(R, R, value(bytes)).into()
}

fn tcp() -> [Expr; 2] {
    [meta(MetaKey::L4proto), eq(&[6])]
}

/// What expressions say.
#[track_caller]
fn says(family: Family, exprs: &[Expr], expected: &str) {
    assert_eq!(text(family, exprs.iter().cloned()), expected);
}

/// What they say, and that it says them.
#[track_caller]
fn both(family: Family, exprs: &[Expr], expected: &str) {
    says(family, exprs, expected);
    let statements = lift::rule(&rule(family, exprs.iter().cloned()), &lift::Sets::default());
    assert_eq!(compile::rule(family, &"t".into(), &statements, &NoSets).unwrap().exprs, exprs);
}

#[test]
fn fields_and_what_makes_sure_of_them() {
    let port = [&tcp()[..], &[transport(2, 2), eq(&[0, 22])]].concat();
    both(Family::Ip, &port, "tcp dport 22");
    let both_ports = [&tcp()[..], &[transport(0, 4), eq(&[0, 22, 0, 80])]].concat();
    both(Family::Ip, &both_ports, "tcp sport 22 tcp dport 80");
    let saddr = [meta(MetaKey::Nfproto), eq(&[2]), network(12, 4), eq(&[192, 0, 2, 1])];
    both(Family::Inet, &saddr, "ip saddr 192.0.2.1");
    both(Family::Ip, &saddr[2..], "ip saddr 192.0.2.1");
    // Nothing tells what header it is.
    says(Family::Inet, &saddr[2..], "@nh,96,32 0xc0000201");
    says(Family::Ip, &port[2..], "th dport 22");
    // What is said twice stays.
    let twice = [&tcp()[..], &tcp()[..], &port[2..]].concat();
    says(Family::Ip, &twice, "meta l4proto tcp tcp dport 22");
    // What acts comes between.
    let acted = [&tcp()[..], &[Notrack::new().into()], &port[2..]].concat();
    says(Family::Ip, &acted, "meta l4proto tcp notrack tcp dport 22");
}

#[test]
fn not_all_of_several_is_not_none_of_them() {
    let differ = [&tcp()[..], &[transport(0, 4), cmp(CmpOp::Neq, &[0, 22, 0, 80])]].concat();
    says(Family::Ip, &differ, "meta l4proto tcp @th,0,32 != 0x160050");
    // A protocol that it is not says nothing of what it is.
    let other = [network(9, 1), cmp(CmpOp::Neq, &[1]), transport(0, 1), eq(&[8])];
    says(Family::Ip, &other, "ip protocol != icmp @th,0,8 0x8");
}

#[test]
fn masks() {
    both(Family::Ip, &[network(12, 3), eq(&[10, 1, 2])], "ip saddr 10.1.2.0/24");
    let net = [network(12, 4), mask(&[255, 255, 240, 0]), eq(&[10, 1, 16, 0])];
    both(Family::Ip, &net, "ip saddr 10.1.16.0/20");
    let holes = [network(12, 4), mask(&[255, 0, 255, 0]), eq(&[10, 0, 2, 0])];
    both(Family::Ip, &holes, "ip saddr & 255.0.255.0 == 10.0.2.0");
    both(Family::Ip, &[network(1, 1), mask(&[0xfc]), eq(&[0xb8])], "ip dscp ef");
    both(Family::Ip6, &[network(1, 3), mask(&[0x0f, 0xff, 0xff]), eq(&[0, 0, 5])], "ip6 flowlabel 5");
    says(Family::Ip, &[network(1, 1), mask(&[0x18]), eq(&[0x08])], "@nh,11,2 0x1");
    // More bits than the mask leaves are in no field.
    let never = [network(1, 1), mask(&[0xfc]), eq(&[0x01])];
    assert!(text(Family::Ip, never).starts_with("[ payload"));
    let flags = [&tcp()[..], &[transport(13, 1), mask(&[0x12]), eq(&[0x02])]].concat();
    both(Family::Ip, &flags, "tcp flags & (syn | ack) == syn");
    let any = [&tcp()[..], &[transport(13, 1), mask(&[0x12]), cmp(CmpOp::Neq, &[0])]].concat();
    both(Family::Ip, &any, "tcp flags syn,ack");
    let none = [&tcp()[..], &[transport(13, 1), mask(&[0x02]), eq(&[0])]].concat();
    both(Family::Ip, &none, "tcp flags ! syn");
}

#[test]
fn ranges_of_any_nft() {
    let (from, to) = (value(&[0, 22]), value(&[0, 80]));
    let new = [&tcp()[..], &[transport(2, 2), Range::new(R, RangeOp::Eq, from, to).into()]].concat();
    both(Family::Ip, &new, "tcp dport 22-80");
    let bounds = [cmp(CmpOp::Gte, &[0, 22]), cmp(CmpOp::Lte, &[0, 80])];
    let old = [&tcp()[..], &[transport(2, 2)], &bounds].concat();
    says(Family::Ip, &old, "tcp dport 22-80");
    let apart = [&tcp()[..], &[transport(2, 2)], &bounds[..1], &[Notrack::new().into()], &bounds[1..]].concat();
    says(Family::Ip, &apart, "tcp dport >= 22 notrack tcp dport <= 80");
}

#[test]
fn names() {
    both(Family::Ip, &[meta(MetaKey::Iifname), eq(b"eth")], "iifname \"eth*\"");
    let whole = [meta(MetaKey::Iifname), eq(b"eth0\0\0\0\0\0\0\0\0\0\0\0\0")];
    both(Family::Ip, &whole, "iifname \"eth0\"");
}

#[test]
fn assignments() {
    let number = |n: u32| value(&n.to_ne_bytes());
    let set =
        |exprs: &[Expr]| [exprs, &[Meta { sreg: Some(R), dreg: None, ..Meta::load(MetaKey::Mark, R) }.into()]].concat();
    both(Family::Ip, &set(&[Immediate::new(R, number(5)).into()]), "meta mark set 0x00000005");
    let changed = [meta(MetaKey::Mark), Bitwise::mask_xor(R, R, number(0xffff_00ff), number(0x100)).into()];
    both(Family::Ip, &set(&changed), "meta mark set meta mark & 0xffff01ff | 0x00000100");
    let flipped = [meta(MetaKey::Mark), Bitwise::mask_xor(R, R, number(u32::MAX), number(3)).into()];
    both(Family::Ip, &set(&flipped), "meta mark set meta mark ^ 0x00000003");
    let shifted = [Ct::load(CtKey::Mark, R).into(), Bitwise::shift(R, R, 4, BitwiseOp::Lshift, 8).into()];
    both(Family::Ip, &set(&shifted), "meta mark set ct mark << 8");
    // The machine moves its own numbers, not the network's.
    let moved = [network(12, 4), Bitwise::shift(R, R, 4, BitwiseOp::Rshift, 8).into()];
    assert!(text(Family::Ip, set(&moved)).contains("[ bitwise"));
}

#[test]
fn what_is_no_statement_stays_registers() {
    let registers = |exprs: &[Expr]| match &lift::rule(&rule(Family::Ip, exprs.to_vec()), &lift::Sets::default())[..] {
        [Statement::Registers(kept)] => kept == exprs,
        _ => false,
    };
    // Nothing was loaded.
    assert!(registers(&[eq(&[1])]));
    // Nothing is done with it.
    assert!(registers(&[meta(MetaKey::Mark)]));
    let load = |slot| Expr::from(Meta::load(MetaKey::Mark, Register::slot(slot)));
    assert!(registers(&[load(0), load(1)]));
    // The comparison is of more than was loaded.
    assert!(registers(&[meta(MetaKey::Mark), eq(&[0; 8])]));
    // Of a set that is nowhere.
    assert!(registers(&[meta(MetaKey::Mark), Lookup::new("s", R).into()]));
    assert!(registers(&[Immediate::new(R, value(&[1])).into(), Immediate::new(R, value(&[2])).into()]));
}

#[test]
fn what_follows_registers_is_read() {
    let port = [&tcp()[..], &[transport(2, 2), eq(&[0, 22])]].concat();
    let lost = [Register::slot(8), Register::slot(9)].map(|at| Cmp::new(at, CmpOp::Eq, value(&[1])).into());
    let all = [&lost[..], &port, &[Immediate::new(Register::VERDICT, Verdict::accept()).into()]].concat();
    let statements = lift::rule(&rule(Family::Ip, all), &lift::Sets::default());
    let [Statement::Registers(kept), Statement::Match { .. }, Statement::Verdict(_)] = &statements[..] else {
        panic!("{statements:?}")
    };
    assert_eq!(kept, &lost);
}

/// iptables compares the zero behind a name, too.
#[test]
fn a_name_with_its_zero_is_whole() {
    let name = |bytes: &[u8]| {
        let cmp = Cmp::new(Register::R1, CmpOp::Eq, Value::new(bytes).unwrap());
        let exprs = [Expr::from(Meta::load(MetaKey::Iifname, Register::R1)), cmp.into()];
        super::ruleset([]).statements(&super::rule(Family::Inet, exprs)).join(" ")
    };
    assert_eq!(name(b"docker0\0"), "iifname \"docker0\"");
    assert_eq!(name(b"docker0\0\0\0"), "iifname \"docker0\"");
    assert_eq!(name(b"docker"), "iifname \"docker*\"");
}

/// The address says which family it is of, also the beginning of one.
#[test]
fn a_connections_address_says_its_family() {
    for (key, bytes) in [(CtKey::SrcIp, &[10][..]), (CtKey::SrcIp, &[10, 0, 0, 1]), (CtKey::Src, &[10, 0, 0, 1])] {
        let exprs = [
            Expr::from(Meta::load(MetaKey::Nfproto, Register::R1)),
            Cmp::new(Register::R1, CmpOp::Eq, Value::new(&[2]).unwrap()).into(),
            Ct { direction: Some(0), ..Ct::load(key, Register::R1) }.into(),
            Cmp::new(Register::R1, CmpOp::Eq, Value::new(bytes).unwrap()).into(),
        ];
        let told = super::ruleset([]).statements(&super::rule(Family::Inet, exprs)).join(" ");
        assert!(told.starts_with("ct original ip saddr 10."), "{told}");
    }
}
