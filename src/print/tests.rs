//! Every statement in the words of nft 1.1.7.

use super::{Index, Options, Printer};
use crate::{
    data::*,
    expr::*,
    lang::tree::{BinaryOp, Constant, Expression, Item, Nat, NatKind, NatShape, Op, Statement, Update},
};
use std::{net::Ipv6Addr, time::Duration};

fn text(family: Family, statement: &Statement) -> String {
    let options = Options::default();
    let index = Index::default();
    let mut printer = Printer::new(&options, &index);
    printer.family = Some(family);
    printer.statement(statement);
    printer.out
}

#[track_caller]
fn is(statement: impl Into<Statement>, expected: &str) {
    assert_eq!(text(Family::Inet, &statement.into()), expected);
}

impl<E: Into<Expr>> From<E> for Statement {
    fn from(expr: E) -> Self {
        Self::Plain(expr.into())
    }
}

fn value<T: Typed>(value: T) -> Expression {
    Expression::Value(Constant { ty: T::FIELD, image: value.image() })
}

fn flag(flag: TcpFlags) -> Box<Expression> {
    Box::new(value(flag))
}

fn binary(op: BinaryOp, left: Box<Expression>, right: Box<Expression>) -> Box<Expression> {
    Box::new(Expression::Binary { op, left, right })
}

#[test]
fn operators_have_parentheses_where_they_bind_tighter() {
    use BinaryOp::{And, Lshift, Or, Xor};
    let (fin, syn, ack) = (|| flag(TcpFlags::FIN), || flag(TcpFlags::SYN), || flag(TcpFlags::ACK));
    let is = |expression: Box<Expression>, expected: &str| is(Statement::Verdict(*expression), expected);
    is(binary(And, fin(), binary(Or, syn(), ack())), "fin & (syn | ack)");
    is(binary(Or, binary(And, fin(), syn()), ack()), "fin & syn | ack");
    is(binary(Xor, binary(Xor, fin(), syn()), ack()), "fin ^ syn ^ ack");
    is(binary(Lshift, binary(And, fin(), syn()), ack()), "(fin & syn) << ack");
}

#[test]
fn values() {
    let is = |expression: Expression, expected: &str| is(Statement::Verdict(expression), expected);
    is(Expression::Range(Box::new((value(IcmpType::ECHO_REPLY), value(IcmpType::ECHO_REQUEST)))), "0-8");
    is(Expression::Prefix(Box::new(value(Ipv6Addr::LOCALHOST)), 64), "::1/64");
    is(Expression::Concat(vec![value(Mark::from(1)), Expression::Any]), "0x00000001 . *");
    is(Expression::List(vec![value(CtState::NEW), value(CtState::RELATED)]), "new,related");
    let key = Box::new(Expression::Numgen { random: true, modulus: 7, offset: 3 });
    let of = Box::new(Expression::Named("m".into()));
    is(Expression::Map { key, of }, "numgen random mod 7 offset 3 vmap @m");
    let of = Some(Box::new(value(Port::from(22))));
    is(Expression::Hash { of, modulus: 5, seed: Some(171), offset: 4 }, "jhash 22 mod 5 seed 0xab offset 4");
    is(Expression::Hash { of: None, modulus: 5, seed: None, offset: 0 }, "symhash mod 5");
    is(Expression::Verdict(Verdict::goto("x")), "goto x");
}

#[test]
fn elements() {
    let seconds = |s| Some(Duration::from_secs(s));
    let item = Item {
        data: Some(Expression::Verdict(Verdict::drop())),
        timeout: seconds(90),
        expires: seconds(5),
        comment: Some("a \"b\"\n".into()),
        statements: vec![Counter::new().into()],
        ..Item::from(value(Port::from(1)))
    };
    let all =
        "{ 1 counter packets 0 bytes 0 timeout 1m30s expires 5s comment \"a 'b'\u{fffd}\" : drop, * timeout never }";
    let forever = Item { timeout: seconds(0), expires: seconds(4), ..Item::from(Expression::Any) };
    is(Statement::Verdict(Expression::Set(vec![item, forever])), all);
}

#[test]
fn matches_and_assignments() {
    let with = |op| Statement::Match { op, left: value(Port::from(1)), right: value(Port::from(2)) };
    let expected = ["1 2", "1 == 2", "1 != 2", "1 < 2", "1 > 2", "1 <= 2", "1 >= 2", "1 ! 2"];
    for (op, expected) in
        [Op::Implicit, Op::Eq, Op::Ne, Op::Lt, Op::Gt, Op::Le, Op::Ge, Op::Neg].into_iter().zip(expected)
    {
        is(with(op), expected);
    }
}

#[test]
fn what_runs() {
    is(Counter { packets: Some(3), bytes: Some(180), ..Counter::new() }, "counter packets 3 bytes 180");
    is(Last::new(), "last used never");
    let ago = Last { set: Some(1), ago: Some(Duration::from_millis(1500)), ..Last::new() };
    is(ago, "last used 1s500ms");
    is(Quota { consumed: Some(1 << 20), ..Quota::over(25 << 20) }, "quota over 25 mbytes used 1 mbytes");
    is(Quota::until(1023), "quota 1023 bytes");
    is(Connlimit::over(20), "ct count over 20");
    is(Connlimit::until(20), "ct count 20");
    let per = Duration::from_secs;
    is(Limit::packets(10, per(1)), "limit rate 10/second burst 5 packets");
    is(Limit::packets(400, per(60)).over().with_burst(9), "limit rate over 400/minute burst 9 packets");
    is(Limit::bytes(1 << 20, per(604_800)), "limit rate 1 mbytes/week");
    is(Limit::bytes(1023, per(86_400)).with_burst(2048), "limit rate 1023 bytes/day burst 2 kbytes");
}

#[test]
fn logs() {
    is(Log::new(), "log");
    is(Log { flags: Some(LogFlags::from(0x2f)), ..Log::new().with_prefix("a: ") }, "log prefix \"a: \" flags all");
    is(Log::new().with_level(LogLevel::Warning), "log");
    is(Log::new().with_level(LogLevel::Audit), "log level audit");
    let flags = LogFlags::TCP_OPTIONS | LogFlags::USER | LogFlags::IP_OPTIONS;
    is(Log { flags: Some(flags), ..Log::new() }, "log flags tcp options flags ip options flags skuid");
    let flags = LogFlags::TCP_OPTIONS | LogFlags::TCP_SEQUENCE | LogFlags::ETHER;
    is(Log { flags: Some(flags), ..Log::new() }, "log flags tcp sequence,options flags ether");
    let log = Log { snaplen: Some(80), queue_threshold: Some(7), ..Log::new().to_group(3) };
    is(log, "log group 3 snaplen 80 queue-threshold 7");
}

#[test]
fn endings() {
    is(Notrack::new(), "notrack");
    is(Queue::new(0), "queue to 0");
    let flags = QueueFlags::BYPASS | QueueFlags::CPU_FANOUT;
    is(Queue::new(1).with_total(3).with_flags(flags), "queue flags bypass,fanout to 1-3");
    let number = Expression::Hash { of: None, modulus: 16, seed: None, offset: 2 };
    is(Statement::Queue { number, flags: 1 }, "queue flags bypass to symhash mod 16 offset 2");
    is(Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP), "synproxy mss 1460 wscale 7 timestamp");
    is(Synproxy { flags: Some(SynproxyFlags::SACK_PERM), ..Synproxy::default() }, "synproxy sack-perm");
    is(FlowOffload::new("ft"), "flow add @ft");
    is(XtTarget::new("TCPMSS", 0, [1, 2]), "xt target \"TCPMSS\"");
    is(XtMatch::new("comment", 0, []), "xt match \"comment\"");
}

#[test]
fn rejections() {
    let with = |kind, code| Reject::icmp(kind, code);
    let all = [
        (Family::Ip, None, with(RejectType::Icmp, 3), "reject"),
        (Family::Ip, None, with(RejectType::Icmp, 1), "reject with icmp host-unreachable"),
        (Family::Ip6, None, with(RejectType::Icmp, 4), "reject"),
        (Family::Ip6, None, with(RejectType::Icmp, 0), "reject with icmpv6 no-route"),
        (Family::Inet, Some(2), with(RejectType::Icmp, 3), "reject with icmp port-unreachable"),
        (Family::Bridge, Some(10), with(RejectType::Icmp, 4), "reject with icmpv6 port-unreachable"),
        (Family::Inet, None, with(RejectType::Icmpx, 1), "reject"),
        (Family::Inet, None, with(RejectType::Icmpx, 3), "reject with icmpx admin-prohibited"),
        (Family::Inet, Some(2), Reject::tcp_reset(), "reject with tcp reset"),
    ];
    for (table, family, with, expected) in all {
        assert_eq!(text(table, &Statement::Reject { family, with }), expected);
    }
}

#[test]
fn translations() {
    let ip6 = || value(Ipv6Addr::LOCALHOST);
    let ports = Expression::Range(Box::new((value(Port::from(1)), value(Port::from(9)))));
    let nat =
        |kind| Nat { kind, family: None, addr: None, port: None, flags: NatFlags::empty(), shape: NatShape::default() };
    let is = |nat, expected: &str| is(Statement::Nat(nat), expected);
    is(nat(NatKind::Masquerade), "masquerade");
    let flags = NatFlags::RANDOM | NatFlags::FULLY_RANDOM | NatFlags::PERSISTENT;
    is(Nat { port: Some(ports), flags, ..nat(NatKind::Redirect) }, "redirect to :1-9 random,fully-random,persistent");
    let dnat = || Nat { family: Some(10), addr: Some(ip6()), ..nat(NatKind::Dnat) };
    is(dnat(), "dnat ip6 to ::1");
    is(Nat { port: Some(value(Port::from(80))), ..dnat() }, "dnat ip6 to [::1]:80");
    let range = || Some(Expression::Range(Box::new((ip6(), ip6()))));
    is(Nat { addr: range(), ..dnat() }, "dnat ip6 to ::1-::1");
    is(Nat { addr: range(), port: Some(value(Port::from(80))), ..dnat() }, "dnat ip6 to [::1]-[::1]:80");
    let shape = NatShape { prefix: true, ..NatShape::default() };
    let addr = Some(Expression::Named("x".into()));
    is(Nat { addr, shape, family: Some(2), ..nat(NatKind::Snat) }, "snat ip prefix to @x");
}

#[test]
fn elsewhere() {
    let (ip6, port) = (|| Some(value(Ipv6Addr::LOCALHOST)), || Some(value(Port::from(80))));
    let tproxy = |family, addr, port| Statement::Tproxy { family, addr, port };
    is(tproxy(Some(10), ip6(), port()), "tproxy ip6 to [::1]:80");
    is(tproxy(None, None, port()), "tproxy to :80");
    assert_eq!(text(Family::Ip6, &tproxy(Some(10), ip6(), None)), "tproxy to [::1]");
    let dev = || value(IfIndex::from(1000));
    is(Statement::Dup { addr: ip6(), dev: Some(dev()) }, "dup to ::1 device 1000");
    is(Statement::Dup { addr: None, dev: Some(dev()) }, "dup to 1000");
    is(Statement::Fwd { family: None, addr: None, dev: dev() }, "fwd to 1000");
    is(Statement::Fwd { family: Some(10), addr: ip6(), dev: dev() }, "fwd ip6 to ::1 device 1000");
}

#[test]
fn sets_and_objects() {
    let update = Update {
        op: DynsetOp::Update,
        set: "s".into(),
        key: value(Port::from(1)),
        data: Some(value(Port::from(2))),
        timeout: Some(Duration::from_secs(60)),
        statements: vec![Counter::new().into(), Limit::packets(1, Duration::from_secs(1)).into()],
    };
    is(
        Statement::Update(Box::new(update)),
        "update @s { 1 timeout 1m counter limit rate 1/second burst 5 packets : 2 }",
    );
    let object = |kind| Statement::Objref { kind, object: Expression::Object("x".into()) };
    is(object(ObjectType::Counter), "counter name \"x\"");
    is(object(ObjectType::CtHelper), "ct helper set \"x\"");
    is(object(ObjectType::CtTimeout), "ct timeout set \"x\"");
    is(object(ObjectType::CtExpect), "ct expectation set \"x\"");
    is(object(ObjectType::Secmark), "meta secmark set \"x\"");
    is(object(ObjectType::Synproxy), "synproxy name \"x\"");
}

#[test]
fn registers_are_in_brackets() {
    let exprs = vec![
        Payload::load(PayloadBase::Transport, 2, 2, Register::R1).into(),
        Meta::load(MetaKey::Iifname, Register::slot(4)).into(),
        Cmp::new(Register::R1, CmpOp::Neq, Value::new(&[0, 22]).unwrap()).into(),
        Immediate::new(Register::VERDICT, Verdict::jump("x")).into(),
    ];
    let expected = "[ payload load 2b @ transport header + 2 => reg 1 ] [ meta load iifname => reg 2 ] \
                    [ cmp neq reg 1 0x0016 ] [ immediate reg 0 jump -> x ]";
    is(Statement::Registers(exprs), expected);
}

/// Beside what `nft --debug=netlink` of 1.1.7 shows for the same.
#[test]
fn registers_have_the_words_of_nfts_debugging() {
    let r1 = Register::R1;
    let value = |bytes: &[u8]| Value::new(bytes).unwrap();
    let words: &[(Expr, &str)] = &[
        (Ct { direction: Some(0), ..Ct::load(CtKey::SrcIp, r1) }.into(), "load src_ip => reg 1 , dir original"),
        (Ct::load(CtKey::Labels, r1).into(), "load label => reg 1"),
        (Meta::load(MetaKey::TimeHour, r1).into(), "load hour => reg 1"),
        (Meta::store(MetaKey::Mark, r1).into(), "set mark with reg 1"),
        (Exthdr { op: Some(ExthdrOp::TcpOption), ..Exthdr::reset(2) }.into(), "reset tcpopt 2"),
        (Bitwise::mask(r1, r1, value(&[0xff, 0xf8])).into(), "reg 1 = ( reg 1 & 0xfff8 ) ^ 0x0000"),
        (Bitwise::shift(r1, r1, 2, BitwiseOp::Rshift, 3).into(), "reg 1 = ( reg 1 >> 0x03000000 )"),
        (Lookup::new("s", r1).into(), "reg 1 set s 0x0"),
        (
            crate::expr::Nat {
                port_min: Some(r1),
                flags: Some(NatFlags::PROTO_SPECIFIED),
                ..crate::expr::Nat::new(NatType::Dnat, Family::Inet)
            }
            .into(),
            "dnat inet proto_min reg 1 flags 0x2",
        ),
        (Masq::default().into(), ""),
        (Dynset::new("s", DynsetOp::Add, r1).into(), "add reg_key 1 set s"),
        (Numgen::new(NumgenType::Incremental, 4, r1).into(), "reg 1 = inc mod 4"),
        (Log::new().with_prefix("x").into(), "prefix x"),
    ];
    for (expr, expected) in words {
        #[cfg(target_endian = "little")]
        assert_eq!(super::registers::words(expr), *expected);
    }
}
