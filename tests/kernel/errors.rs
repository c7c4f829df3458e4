//! Every way to be refused that one meets, and what the message must say: which operation, what of
//! it, why, what to do.

use super::lab::*;
use oxitables::{Batch, Chain, Client, Family, Hook, Policy, Priority, Table, data::*, expr::*, model::*, testing};
use std::time::Duration;

/// What is refused, and parts of the message.
type Case = (fn(&mut Batch) -> &mut Batch, &'static [&'static str]);

const HOUR: Duration = Duration::from_secs(3600);

/// A ruleset with some of everything.
fn furnish(nft: &mut Client) {
    let (a, b) = (chain("a"), chain("b"));
    apply(nft, |batch| {
        batch.add(host()).add(input()).add(&a).add(&b).add(does(&a, Verdict::jump("b")));
        for set in [few(), nets(), pairs(), named("used"), routes(), mortal(), dynamic()] {
            batch.add(set);
        }
        batch.add(rule(&a, [saddr(), Lookup::new("used", Register::R1).into()]));
        batch.add(few().elements(&[element(ip(1)), element(ip(2))]));
        batch.add(nets().elements(&range(ip(0x100), ip(0x200))));
        batch.add(pairs().elements(&[pair(ip(1), 80)]))
    })
    .unwrap();
}

fn nowhere() -> Table {
    Table::new(Family::Inet, "nosuch")
}

fn chain(name: &str) -> Chain {
    host().chain(name)
}

/// A base chain that is not there yet.
fn base(kind: ChainType, hook: Hook, priority: i32) -> Chain {
    chain("base").with_hook(hook, priority).with_type(kind)
}

fn named(name: &str) -> Set {
    addresses(&host(), name)
}

fn few() -> Set {
    named("few").with_size(2)
}

fn nets() -> Set {
    named("nets").with_flags(SetFlags::INTERVAL)
}

fn pairs() -> Set {
    named("pairs").with_data(port(), 2)
}

fn routes() -> Set {
    named("routes").with_data(DataType::VERDICT, 0)
}

fn mortal() -> Set {
    named("mortal").with_flags(SetFlags::TIMEOUT)
}

fn dynamic() -> Set {
    named("learned").with_flags(SetFlags::EVAL)
}

fn anonymous() -> Set {
    named("__set%d").with_flags(SetFlags::ANONYMOUS | SetFlags::CONSTANT)
}

/// A rule of the input chain with what needs an address in register 1.
fn with_address(expr: impl Into<Expr>) -> Rule {
    rule(&input(), [saddr(), expr.into()])
}

fn single(expr: impl Into<Expr>) -> Rule {
    rule(&input(), [expr])
}

fn learn(set: &str) -> Dynset {
    Dynset::new(set, DynsetOp::Add, Register::R1)
}

fn with(key: u32, change: impl FnOnce(&mut Element)) -> Element {
    let mut element = element(ip(key));
    change(&mut element);
    element
}

/// Applies each batch, which must be refused with these words, and change nothing; a check has to
/// say the same.
fn refused(cases: &[Case]) {
    testing::in_namespace(|| {
        let mut nft = open();
        furnish(&mut nft);
        let before = nft.generation().unwrap();
        let mut wrong = Vec::new();
        for (n, (fill, words)) in cases.iter().enumerate() {
            let batch = filled(fill);
            let Err(error) = nft.apply(&batch) else {
                wrong.push(format!("case {n} is fine: {words:?}"));
                continue;
            };
            let said = error.to_string();
            for word in words.iter().filter(|word| !said.contains(**word)) {
                wrong.push(format!("no {word:?} in: {said}"));
            }
            assert!(said.starts_with("nothing was changed: "), "{said}");
            match nft.check(&batch) {
                Err(error) if error.to_string() == said => {}
                checked => wrong.push(format!("a check says {checked:?}, and a commit {said}")),
            }
        }
        // Older kernels check some of it in another order, point at less, and leave some to the
        // packets.
        if !wrong.is_empty()
            && is_before("6.12", &format!("{} of {} refusals as they are told", wrong.len(), cases.len()))
        {
            return;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(nft.generation().unwrap(), before);
    });
}

#[test]
fn what_is_not_there() {
    refused(&[
        (
            |b| b.add(with_address(Lookup::new("nosuch", Register::R1))),
            &[
                "add rule inet host input (operation 1 of 1): ENOENT at exprs[1] > lookup: ",
                "there is no set nosuch in table inet host; add the set first, in the same batch, or correct its name",
            ],
        ),
        (|b| b.add(with_address(learn("nosuch"))), &["ENOENT at exprs[1] > dynset: there is no set nosuch"]),
        (
            |b| b.add(single(Objref::new(ObjectType::Counter, "nosuch"))),
            &["ENOENT at exprs[0] > objref: there is no counter nosuch in table inet host"],
        ),
        (
            |b| b.add(with_address(Objref::from_map("nosuch", Register::R1))),
            &["there is no set nosuch in table inet host"],
        ),
        (
            |b| b.add(does(&input(), Verdict::jump("nosuch"))),
            &["ENOENT at exprs[0] > immediate: there is no chain nosuch in table inet host; add the chain first"],
        ),
        (|b| b.add(does(&input(), Verdict::goto("nosuch"))), &["there is no chain nosuch in table inet host"]),
        (|b| b.add(does(&chain("nosuch"), Verdict::accept())), &["ENOENT at chain: there is no chain nosuch in table"]),
        (
            |b| b.add(does(&nowhere().chain("input"), Verdict::accept())),
            &["add rule inet nosuch input", "ENOENT at table: there is no table inet nosuch; add the table first"],
        ),
        (|b| b.add(Table::new(Family::Ip6, "host").chain("c")), &["ENOENT at table: there is no table ip6 host"]),
        (|b| b.add(addresses(&nowhere(), "s")), &["add set inet nosuch s", "there is no table inet nosuch"]),
        (
            |b| b.add(named("nosuch").elements(&[element(ip(1))])),
            &[
                "add element inet host nosuch",
                "ENOENT at set: there is no set nosuch in table inet host; add the set first",
            ],
        ),
        (|b| b.add(addresses(&nowhere(), "s").elements(&[element(ip(1))])), &["there is no table inet nosuch"]),
        (
            |b| b.add(routes().elements(&[goes(ip(3), "a"), goes(ip(4), "nosuch")])),
            &["ENOENT at elements[1]: there is no chain nosuch in table inet host"],
        ),
        (
            |b| b.add(base(ChainType::Unknown("nosuch".into()), Hook::Input, 0)),
            &[
                "ENOENT at kind: this kernel has no chains of type nosuch in family inet; load or build in nft_chain_nosuch",
            ],
        ),
        (
            |b| b.delete(nowhere()),
            &["delete table inet nosuch", "there is no table inet nosuch; destroy instead of delete"],
        ),
        (
            |b| b.delete(chain("nosuch")),
            &["ENOENT at name: there is no chain nosuch in table inet host; destroy instead"],
        ),
        (|b| b.delete(named("nosuch")), &["there is no set nosuch in table inet host; destroy instead of delete"]),
        (
            |b| b.delete(few().elements(&[element(ip(2)), element(ip(9))])),
            &["ENOENT at elements[1]: set few has no element 10.0.0.9; destroy instead of delete"],
        ),
        (|b| b.delete(nets().elements(&range(ip(0x700), ip(0x800)))), &["has no element 10.0.7.0-10.0.7.255"]),
        (|b| b.destroy(nowhere().chain("c")), &["destroy chain inet nosuch c", "there is no table inet nosuch"]),
        (|b| b.flush(chain("nosuch")), &["flush chain inet host nosuch", "ENOENT at chain: there is no chain nosuch"]),
        (|b| b.flush(named("nosuch")), &["flush set inet host nosuch", "ENOENT at set: there is no set nosuch"]),
        (
            |b| b.insert_before(999, does(&input(), Verdict::accept())),
            &[
                "insert rule",
                "at position: there is no rule with handle 999 in chain input of table inet host; list the rules",
            ],
        ),
        (
            |b| b.replace(999, does(&input(), Verdict::accept())),
            &["replace rule inet host input handle 999", "at handle"],
        ),
        (
            |b| {
                let mut gone = does(&input(), Verdict::accept());
                gone.handle = Some(999);
                b.delete(gone)
            },
            &["delete rule inet host input handle 999", "there is no rule with handle 999"],
        ),
    ]);
}

#[test]
fn what_this_batch_itself_did_to_it() {
    refused(&[
        (
            |b| b.add(does(&input(), Verdict::jump("later"))).add(chain("later")),
            &["there is no chain later in table inet host; operation 2 makes it, but comes later: put that first"],
        ),
        (
            |b| b.add(Set::new(&host(), "bad", ipv4(), 0)).add(with_address(Lookup::new("bad", Register::R1))),
            &[
                "(operation 1 of 2): EINVAL",
                "there is no set bad in table inet host; operation 1, which makes it, failed as well",
            ],
        ),
        (
            |b| b.delete(few()).add(few().elements(&[element(ip(1))])),
            &["(operation 2 of 2): ENOENT", "there is no set few in table inet host; operation 1 removed it"],
        ),
    ]);
}

#[test]
fn what_is_there_already() {
    refused(&[
        (|b| b.create(host()), &["create table inet host", "EEXIST at name", "exists already; add instead of create"]),
        (
            |b| b.create(chain("a")),
            &["create chain inet host a", "EEXIST at name: chain a exists already; add instead"],
        ),
        (|b| b.create(few()), &["create set inet host few", "EEXIST at name: set few exists already; add instead"]),
        (
            |b| b.create(few().elements(&[element(ip(1))])),
            &["EEXIST at elements[0]: set few has 10.0.0.1 already; add"],
        ),
        (
            |b| b.add(nets().elements(&range(ip(0x180), ip(0x280)))),
            &[
                "EEXIST at elements[0]: 10.0.1.128-10.0.2.127 overlaps 10.0.1.0-10.0.1.255 of set nets; delete what it overlaps first",
            ],
        ),
        (
            |b| b.add(pairs().elements(&[pair(ip(1), 81)])),
            &["EEXIST at elements[0]: map pairs has 10.0.0.1 already, with another value; delete and add it"],
        ),
        (
            |b| b.add(Set::new(&host(), "few", DataType::from(8), 16)),
            &[
                "EEXIST",
                "set few exists already and is another (bytes of a key: 4, here 16); what a set holds cannot be changed",
            ],
        ),
        (|b| b.add(few().with_flags(SetFlags::INTERVAL)), &["set few exists already", "(flags: none, here interval)"]),
        (
            |b| b.add(chain("input").with_hook(Hook::Output, 0)),
            &[
                "EOPNOTSUPP: chain input exists of type filter, hook input, priority 0; it cannot become one of type filter, \
                 hook output, priority 0; type, hook and priority of a chain cannot be changed: delete and add it",
            ],
        ),
        (
            |b| b.add(chain("input").with_hook(Hook::Input, Priority::MANGLE)),
            &["EOPNOTSUPP", "hook input, priority -150"],
        ),
        (|b| b.add(input().with_type(ChainType::Nat)), &["EEXIST", "exists of type filter", "one of type nat"]),
        (
            |b| b.add(chain("a").with_hook(Hook::Input, 0)),
            &["EEXIST", "chain a exists without a hook; it cannot become"],
        ),
        (
            |b| b.add(chain("a").with_policy(Policy::Drop)),
            &["at policy: chain a has no hook, so it can have no policy"],
        ),
        (|b| b.add(host().with_flags(TableFlags::OWNER)), &["EOPNOTSUPP", "a plain table cannot become an owned one"]),
    ]);
}

#[test]
fn what_is_in_use_or_full() {
    refused(&[
        (
            |b| b.delete(chain("b")),
            &[
                "EBUSY at name: chain b is in use: a rule or a map jumps to it; delete what jumps to it first, in the same batch",
            ],
        ),
        (|b| b.delete(named("used")), &["EBUSY at name: set used is in use by a rule; delete the rule first"]),
        (
            |b| b.add(few().elements(&[element(ip(3))])),
            &[
                "ENFILE at elements[0]: set few is full: its size of 2 leaves no room for 10.0.0.3; add the set again with a \
                 larger size, or delete elements; expired ones count until they are collected",
            ],
        ),
        (
            |b| b.add(few().with_size(1)).add(few().elements(&[element(ip(7))])),
            &["(operation 2 of 2)", "its size of 1"],
        ),
        (
            |b| {
                let (mut set, mut lookup) = (anonymous(), Lookup::new("__set%d", Register::R1));
                (set.id, lookup.set_id) = (Some(7), Some(7));
                b.add(set).add(with_address(lookup.clone())).add(with_address(lookup))
            },
            &["(operation 3 of 3): EBUSY at exprs[1] > lookup: set __set%d is anonymous and has its rule already"],
        ),
        (
            |b| b.add(does(&input(), Verdict::accept())).add(anonymous()),
            &[
                "add set inet host __set%d (operation 2 of 2): EINVAL: an anonymous set has to be used by a rule of the same batch",
            ],
        ),
    ]);
}

#[test]
fn where_jumps_may_not_lead() {
    refused(&[
        (
            |b| b.add(does(&chain("b"), Verdict::jump("a"))).add(does(&input(), Verdict::jump("a"))),
            &["(operation 2 of 2): EMLINK: the jump closes a loop: a > b > a; goto counts like jump"],
        ),
        (
            |b| b.add(does(&input(), Verdict::jump("a"))).add(does(&chain("b"), Verdict::goto("a"))),
            &["(operation 2 of 2): EMLINK: the jump closes a loop: a > b > a"],
        ),
        (
            |b| {
                let way = Lookup::new("routes", Register::R1).into_register(Register::VERDICT);
                b.add(does(&input(), Verdict::jump("a"))).add(rule(&chain("b"), [saddr(), way.into()]));
                b.add(routes().elements(&[goes(ip(1), "a")]))
            },
            &["add element inet host routes (operation 3 of 3): EMLINK: the jump closes a loop: a > b > a"],
        ),
        (|b| nest(b, 16), &["EMLINK: chains nest deeper than 16 from chain input"]),
        (
            |b| b.add(does(&chain("a"), Verdict::jump("input"))),
            &[
                "EOPNOTSUPP at exprs[0] > immediate: chain input has a hook: it cannot be jumped to; jump to a chain without",
            ],
        ),
        (|b| b.add(routes().elements(&[goes(ip(3), "input")])), &["EOPNOTSUPP at elements[0]: chain input has a hook"]),
    ]);
}

#[test]
fn what_does_not_suit_its_place() {
    refused(&[
        (
            |b| b.add(single(Masq::new())),
            &["EOPNOTSUPP: masquerade is for nat chains at postrouting, but this is reached from chain input"],
        ),
        (
            |b| b.add(rule(&chain("b"), [Masq::new()])).add(does(&input(), Verdict::jump("a"))),
            &[
                "(operation 2 of 2): EOPNOTSUPP: masquerade is for nat chains at postrouting, but this is reached from chain input",
            ],
        ),
        (
            |b| {
                let base = base(ChainType::Nat, Hook::Postrouting, 100);
                b.add(&base).add(rule(&base, [Redir::new()]))
            },
            &["redirect is for nat chains at prerouting and output, but this is reached from chain base"],
        ),
        (
            |b| b.add(base(ChainType::Nat, Hook::Prerouting, -200)),
            &["EOPNOTSUPP: a nat chain needs a priority above -200, this has -200; connection tracking"],
        ),
        (
            |b| b.add(base(ChainType::Nat, Hook::Forward, 0)),
            &[
                "there are no chains of type nat at hook forward in family inet; nat is for prerouting, input, output and",
            ],
        ),
        (
            |b| b.add(base(ChainType::Route, Hook::Input, 0)),
            &["no chains of type route at hook input", "route is for output"],
        ),
        (
            |b| b.add(base(ChainType::Filter, Hook::Egress, 0).with_device("lo")),
            &["at hook > number: the family has no such hook"],
        ),
    ]);
}

#[test]
fn what_the_kernel_does_not_have_or_take_of_expressions() {
    refused(&[
        (
            |b| b.add(single(Queue::new(0).with_total(1))),
            &[
                "ENOENT at exprs[0] > queue: this kernel has no expression queue for family inet; load the module nft_queue",
            ],
        ),
        (
            |b| b.add(single(foreign("teapot", &[(1, b"f\0")]))),
            &["this kernel has no expression teapot for family inet; load the module nft_teapot"],
        ),
        (
            |b| b.add(single(FlowOffload::new("f"))),
            &["there is no flowtable f in table inet host, or this kernel has no flowtables"],
        ),
        (
            |b| {
                let table = Table::new(Family::Bridge, "br");
                b.add(&table).add(table.chain("c")).add(rule(&table.chain("c"), [Reject::tcp_reset()]))
            },
            &["no expression reject for family bridge; load the module nft_reject_bridge, or use a kernel that has it"],
        ),
        (
            |b| b.add(single(Cmp::new(Register::R1, CmpOp::Eq, value([1, 2])))),
            &[
                "ENODATA at exprs[0] > cmp: cmp reads a register, or bytes of one, that no earlier expression of the rule wrote",
            ],
        ),
        (
            |b| b.add(with_address(Bitwise::mask(Register::R1, Register::R1, value([1; 8])))),
            &["ENODATA", "bitwise reads"],
        ),
        (|b| b.add(with_address(Cmp::new(Register::R1, CmpOp::Eq, value([])))), &["cmp has nothing to compare with"]),
        (
            |b| b.add(single(Limit::packets(0, HOUR))),
            &["at exprs[0] > limit: a limit of rate 0 would never pass anything"],
        ),
        (|b| b.add(single(Payload::load(PayloadBase::Network, 0, 0, Register::R1))), &["payload is to load nothing"]),
        (
            |b| b.add(single(Payload::load(PayloadBase::Network, 0, 300, Register::R1))),
            &["ERANGE at exprs[0] > payload: offset and length of a payload are at most 255"],
        ),
        (
            |b| b.add(single(Payload::load(PayloadBase::Network, 0, 8, Register::slot(15)))),
            &["has to fit the 64 bytes of"],
        ),
        (
            |b| b.add(with_address(Lookup::new("used", Register::R1).into_register(Register::R1))),
            &["EINVAL at exprs[1] > lookup: set used is no map: it has no values to load"],
        ),
        (
            |b| b.add(with_address(Lookup::new("pairs", Register::R1).inverted().into_register(Register::R1))),
            &["an inverted lookup finds no value"],
        ),
        (
            |b| b.add(with_address(learn("learned").with_timeout(HOUR))),
            &["EOPNOTSUPP at exprs[1] > dynset: set learned has no timeouts; make it with the timeout flag"],
        ),
        (|b| b.add(with_address(learn("nets"))), &["set nets holds intervals: rules may not change it"]),
        (|b| b.add(with_address(learn("learned").with_expr(Notrack::new()))), &["elements cannot have notrack"]),
        (
            |b| b.add(single(Log::new().to_group(1).with_level(LogLevel::Info))),
            &["log goes either to a group or to the kernel log with level and flags, not to both"],
        ),
        (|b| b.add(single(Ct::load(CtKey::Src, Register::R1))), &["EINVAL", "ct key Src needs a direction"]),
        (
            |b| b.add(single(Ct::load(CtKey::Unknown(99), Register::R1))),
            &["ct key Unknown(99) cannot be read in family inet"],
        ),
        (|b| b.add(single(Meta::store(MetaKey::Iif, Register::R1))), &["meta key Iif cannot be set in family inet"]),
        (
            |b| {
                let table = Table::new(Family::Arp, "of_arp");
                b.add(&table).add(table.chain("c"));
                b.add(rule(&table.chain("c"), [Ct::load(CtKey::State, Register::R1)]))
            },
            &["connection tracking does not work in family arp"],
        ),
        (
            |b| b.add(rule(&input(), vec![Counter::new(); 129])),
            &["EINVAL: the rule has more than 128 expressions; split it, or look things up in a set"],
        ),
        (
            |b| b.add(rule(&input(), vec![Immediate::new(Register::R1, value([1; 16])); 128])),
            &["the rule is too large; the kernel takes 128 expressions and 4 KiB of what they keep: split it"],
        ),
    ]);
}

#[test]
fn what_sets_do_not_take() {
    refused(&[
        (
            |b| b.add(few().elements(&[element(value([1, 2, 3]))])),
            &["EINVAL at elements[0]: set few does not take 0x010203: its key has 3 bytes, and keys of the set have 4"],
        ),
        (
            |b| b.add(Set::new(&host(), "x", ipv4(), 0)),
            &["add set inet host x", "EINVAL: keys have 1 to 64 bytes, not 0"],
        ),
        (|b| b.add(Set::new(&host(), "x", ipv4(), 65)), &["EINVAL: keys have 1 to 64 bytes, not 65"]),
        (
            |b| b.add(Set::new(&host(), "x", ipv4(), 8).with_flags(SetFlags::INTERVAL | SetFlags::CONCAT)),
            &["EINVAL: the concat flag needs a description of at least two fields"],
        ),
        (
            |b| b.add(named("x").with_flags(SetFlags::INTERVAL | SetFlags::EVAL)),
            &["EOPNOTSUPP: a set that rules change cannot hold intervals"],
        ),
        (|b| b.add(with_exprs("x", vec![Counter::new().into()])), &["several stateful expressions need the expr flag"]),
        (
            |b| b.add(with_exprs("x", vec![Counter::new().into(); 3]).with_flags(SetFlags::EXPR)),
            &["E2BIG: an element takes two stateful expressions at the most"],
        ),
        (
            |b| b.add(with_exprs("x", vec![Notrack::new().into(); 2]).with_flags(SetFlags::EXPR)),
            &["EOPNOTSUPP: elements cannot have notrack; they can have counter, limit, quota, connlimit and last"],
        ),
        (
            |b| {
                let mut set = few();
                set.timeout = Some(HOUR);
                b.add(set)
            },
            &["a timeout or a gc interval needs the timeout flag"],
        ),
        (
            |b| b.add(named("used").elements(&[element(ip(8)), with(3, |e| e.timeout = Some(HOUR))])),
            &[
                "EINVAL at elements[1]: set used does not take 10.0.0.3: its elements have no timeouts; make it with the timeout",
            ],
        ),
        (
            |b| {
                let late = with(3, |e| (e.timeout, e.expiration) = (Some(HOUR), Some(2 * HOUR)));
                b.add(mortal().elements(&[late]))
            },
            &["ERANGE at elements[0]: 10.0.0.3 cannot have 7200s left of a timeout of 3600s"],
        ),
        (
            |b| b.add(mortal().elements(&[with(3, |e| e.expiration = Some(HOUR))])),
            &["left of a timeout needs a timeout"],
        ),
        (
            |b| b.add(mortal().elements(&[with(3, |e| e.timeout = Some(Duration::MAX))])),
            &["ERANGE at elements[0]: the timeout of 10.0.0.3 is too long; it can be 584 years"],
        ),
        (
            |b| b.add(pairs().elements(&[with(3, |e| e.data = Some(value([1]).into()))])),
            &["its value has 1 bytes, and values of the map have 2"],
        ),
        (|b| b.add(pairs().elements(&[element(ip(3))])), &["it is a map, and there is no value"]),
        (|b| b.add(few().elements(&[pair(ip(1), 3)])), &["it is no map and has no values"]),
        (
            |b| b.add(named("used").elements(&[with(3, |e| e.expr = Some(Box::new(Notrack::new().into())))])),
            &[
                "EOPNOTSUPP at elements[0]: set used does not take 10.0.0.3: the stateful expressions have to be those of the set",
            ],
        ),
    ]);
}

#[test]
fn what_has_no_form_on_the_wire_is_refused_before_it_is_sent() {
    let long = "n".repeat(256);
    let comment = "c".repeat(254);
    let cases: Vec<(Batch, &str)> = vec![
        (
            filled(|b| b.add(Table::new(Family::Inet, ""))),
            "add table inet (operation 1 of 1) at name: the name is empty",
        ),
        (filled(|b| b.add(Table::new(Family::Inet, long.as_str()))), "at name: 256 bytes, at most 255 fit"),
        (filled(|b| b.add(Table::new(Family::Inet, "a\0b"))), "at name: NUL byte inside a text"),
        (filled(|b| b.add(does(&chain(&long), Verdict::accept()))), "at chain: 256 bytes, at most 255 fit"),
        (
            filled(|b| b.add(does(&input(), Verdict::jump(long.as_str())))),
            "at exprs[0] > immediate > data > verdict > chain: 256 bytes",
        ),
        (filled(|b| b.add(host().with_comment(&comment))), "at userdata: 254 bytes, at most 253 fit"),
        (filled(|b| b.add(does(&input(), Verdict::accept()).with_comment(&comment))), "at userdata: 254 bytes"),
        (
            filled(|b| b.add(few().elements(&[element(ip(1)).with_comment(&comment)]))),
            "at elements[0] > userdata: 254 bytes",
        ),
        (filled(|b| b.add(input().with_device("a-name-of-16-byt"))), "at hook > device: 16 bytes, at most 15 fit"),
        (filled(|b| b.delete(Table::new(Family::from(0), "host"))), "the family of a change has to be named"),
        (
            filled(|b| b.delete(does(&input(), Verdict::accept()))),
            "a rule is deleted by its handle: take the rule from",
        ),
    ];
    testing::in_namespace(|| {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input())).unwrap();
        for (batch, words) in &cases {
            let error = nft.apply(batch).expect_err(words);
            let said = error.to_string();
            assert!(said.contains(words), "no {words:?} in: {said}");
            assert_eq!(error.failures()[0].errno, None, "not from the kernel: {said}");
            assert_eq!(nft.check(batch).unwrap_err().to_string(), said);
        }
        assert!(nft.table(Family::Inet, "host").unwrap().is_some(), "no family named deletes nothing");
    });
}

#[test]
fn every_failure_of_a_batch_is_told_and_numbered() {
    testing::in_namespace(|| {
        let mut nft = open();
        furnish(&mut nft);
        let error = apply(&mut nft, |b| {
            b.add(does(&input(), Verdict::accept()));
            b.add(does(&input(), Verdict::jump("nosuch"))).add(few().elements(&[element(ip(3))])).delete(chain("b"))
        })
        .unwrap_err();
        let numbers: Vec<_> = error.failures().iter().map(|f| (f.operation, f.errno)).collect();
        assert_eq!(numbers, [(Some(1), Some(2)), (Some(2), Some(23)), (Some(3), Some(16))]);
        assert_eq!(error.to_string().lines().count(), 3);
        assert!(!error.is_not_found(), "only one of the three is about something missing");
        for (fill, is) in [
            (
                (|b| b.delete(nowhere())) as fn(&mut Batch) -> &mut Batch,
                oxitables::Error::is_not_found as fn(&_) -> bool,
            ),
            (|b| b.create(host()), oxitables::Error::is_exists),
            (|b| b.delete(chain("b")), oxitables::Error::is_busy),
            (|b| b.add(base(ChainType::Route, Hook::Input, 0)), oxitables::Error::is_unsupported),
        ] {
            assert!(is(&apply(&mut nft, fill).unwrap_err()));
        }
    });
}

#[test]
fn an_element_far_behind_in_a_split_list_is_named() {
    testing::in_namespace(|| {
        let mut nft = open();
        furnish(&mut nft);
        let mut elements: Vec<_> = (0..10_000).map(|n| element(ip(n))).collect();
        elements[9000].key = Some(value([1, 2]));
        let error = apply(&mut nft, |b| b.add(named("used").elements(&elements))).unwrap_err().to_string();
        assert!(error.contains("EINVAL at elements[9000]: set used does not take 0x0102"), "{error}");
    });
}
