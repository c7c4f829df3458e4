//! Batches: all or nothing, bound to a generation, and checked before.

use super::lab::*;
use oxitables::{Batch, Client, Error, Family, Hook, Table, data::*, expr::*, model::*, testing};
use std::thread;

#[test]
fn generations_count_commits_with_an_effect() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let start = nft.generation()?.number();
        let mut step = |fill: fn(&mut Batch) -> &mut Batch, raised: u32| -> Result<(), Error> {
            // Asked afterwards, and told by the commit of a batch that is bound to a generation.
            let before = nft.generation()?;
            apply(&mut nft, fill)?;
            let after = nft.generation()?;
            assert_eq!(after.number(), before.number() + raised);
            let mut bound = Batch::new();
            fill(&mut bound).expect(after);
            let told = nft.apply(&bound)?.generation;
            assert_eq!(told, Some(nft.generation()?));
            Ok(())
        };
        step(|b| b, 0)?;
        step(|b| b.add(host()).add(input()), 1)?;
        step(|b| b.add(host()), 0)?;
        step(|b| b.add(does(&input(), Verdict::accept())), 1)?;
        nft.check(&filled(|b| b.add(does(&input(), Verdict::accept()))))?;
        apply(&mut nft, |b| b.delete(host().chain("nosuch"))).unwrap_err();
        assert_eq!(nft.generation()?.number(), start + 4);
        assert_eq!(nft.rules(&input()).snapshot()?.len(), 2, "a check changes nothing");
        Ok(())
    });
}

#[test]
fn one_bad_operation_undoes_them_all() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let error = apply(&mut nft, |b| {
            b.add(host()).add(input());
            for _ in 0..1000 {
                b.add(does(&input(), Verdict::accept()));
            }
            b.delete(host().chain("nosuch"))
        });
        assert_eq!(error.unwrap_err().failures()[0].operation, Some(1002));
        assert_eq!(nft.tables().snapshot()?, []);
        Ok(())
    });
}

#[test]
fn a_batch_can_be_bound_to_a_generation() {
    testing::in_namespace(|| -> Result<(), Error> {
        let (mut ours, mut theirs) = (open(), open());
        let seen = ours.generation()?;
        apply(&mut theirs, |b| b.add(host()))?;
        let mut batch = filled(|b| b.add(Table::new(Family::Ip, "ours")));
        batch.expect(seen);
        for refused in [ours.apply(&batch).map(|_| ()), ours.check(&batch)] {
            let error = refused.unwrap_err();
            assert!(error.is_stale(), "{error}");
            assert!(error.to_string().contains(&format!("expected generation {seen}; read it again")), "{error}");
        }
        assert_eq!(ours.table(Family::Ip, "ours")?, None);
        let now = ours.generation()?;
        assert_eq!(ours.apply(batch.expect(now))?.generation.map(|g| g.number()), Some(now.number() + 1));
        // A generation that is ahead is another one, too.
        let ahead = Generation::from(now.number() + 0x10001);
        assert!(ours.apply(batch.expect(ahead)).unwrap_err().is_stale());
        Ok(())
    });
}

#[test]
fn no_update_is_lost_between_four_threads() {
    const EACH: u16 = 25;
    testing::in_namespace(|| -> Result<(), Error> {
        let map = addresses(&host(), "m").with_data(port(), 2);
        apply(&mut open(), |b| b.add(host()).add(&map).add(map.elements(&[pair(ip(0), 0)])))?;
        let read = |nft: &mut Client| -> Result<Element, Error> { Ok(nft.get(&map, &[ip(0)])?.remove(0).unwrap()) };
        let number = |element: &Element| match &element.data {
            Some(Data::Value(value)) => u16::from_be_bytes(value[..].try_into().unwrap()),
            other => panic!("{other:?}"),
        };
        let increment = |nft: &mut Client| -> Result<(), Error> {
            loop {
                let generation = nft.generation()?;
                let old = read(nft)?;
                let mut batch = Batch::new();
                batch.expect(generation).delete(map.elements(std::slice::from_ref(&old)));
                batch.add(map.elements(&[pair(ip(0), number(&old) + 1)]));
                match nft.apply(&batch) {
                    Err(error) if error.is_stale() => thread::yield_now(),
                    result => return result.map(drop),
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut nft = open();
                    (0..EACH).for_each(|_| increment(&mut nft).unwrap());
                });
            }
        });
        assert_eq!(number(&read(&mut open())?), 4 * EACH);
        Ok(())
    });
}

#[test]
fn a_check_finds_in_new_tables_what_the_kernels_does_not() {
    let ring = |b: &mut Batch| {
        let (a, c) = (host().chain("a"), host().chain("c"));
        b.add(host()).add(input()).add(&a).add(&c).add(does(&input(), Verdict::jump("a")));
        b.add(does(&a, Verdict::jump("c"))).add(does(&c, Verdict::goto("a")));
    };
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let cases: [(Batch, Option<&str>); 4] = [
            (filled(|b| nest(b.add(host()).add(input()), 15)), None),
            (filled(|b| nest(b.add(host()).add(input()), 16)), Some("chains nest deeper than 16 from chain input")),
            (
                filled(|b| {
                    ring(b);
                    b
                }),
                Some("the jump closes a loop: a > c > a"),
            ),
            (
                filled(|b| b.add(host()).add(input()).add(rule(&input(), [Masq::new()]))),
                Some("masquerade is for nat chains at postrouting, but this is reached from chain input"),
            ),
        ];
        for (batch, cause) in cases {
            let (checked, applied) = (nft.check(&batch), nft.apply(&batch).map(drop));
            for result in [checked, applied] {
                match cause {
                    None => result?,
                    Some(cause) => {
                        let said = result.unwrap_err().to_string();
                        assert!(said.contains(cause), "{said}");
                    }
                }
            }
            apply(&mut nft, |b| b.flush_ruleset(None))?;
        }
        Ok(())
    });
}

#[test]
fn chains_that_only_anonymous_maps_of_one_name_join_are_no_loop() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let batch = filled(|b| {
            b.add(host()).add(input()).add(host().chain("a")).add(host().chain("c"));
            for (id, from, to) in [(1, input(), "a"), (2, host().chain("a"), "c")] {
                let mut map = addresses(&host(), "__map%d").with_data(DataType::VERDICT, 0);
                map.flags = Some(map.flags() | SetFlags::ANONYMOUS | SetFlags::CONSTANT);
                let mut lookup = Lookup::new("__map%d", Register::R1).into_register(Register::VERDICT);
                (map.id, lookup.set_id) = (Some(id), Some(id));
                b.add(&map).add(map.elements(&[goes(ip(1), to)])).add(rule(&from, [saddr(), lookup.into()]));
            }
            b
        });
        nft.check(&batch)?;
        nft.apply(&batch)?;
        Ok(())
    });
}

#[test]
fn a_check_agrees_with_the_commit_on_what_suits_which_hook() {
    use Hook::*;
    let exprs = || -> Vec<Expr> {
        let nat = |kind| Expr::from(Nat::new(kind, Family::Ip).to_address(Register::R1));
        vec![
            Masq::new().into(),
            Redir::new().into(),
            nat(NatType::Snat),
            nat(NatType::Dnat),
            Reject::tcp_reset().into(),
            Meta::load(MetaKey::Secpath, Register::R1).into(),
            Meta::load(MetaKey::Sdif, Register::R1).into(),
            Meta::store(MetaKey::Pkttype, Register::R1).into(),
            Log::new().into(),
            Osf::new(OsfTtl::True, Register::R1).into(),
            Synproxy::new(1460, 7).into(),
            Tproxy::new(Family::Ip).to_address(Register::R1).into(),
            Socket::load(SocketKey::Mark, Register::R1).into(),
            Rt::load(RtKey::ClassId, Register::R1).into(),
            Rt::load(RtKey::TcpMss, Register::R1).into(),
            Rt::load(RtKey::Xfrm, Register::R1).into(),
            Xfrm::load(XfrmKey::ReqId, XfrmDirection::In, Register::R1).into(),
            Xfrm::load(XfrmKey::ReqId, XfrmDirection::Out, Register::R1).into(),
            Fib::new(FibResult::Oif, FibFlags::SADDR, Register::R1).into(),
            Fib::new(FibResult::Oif, FibFlags::SADDR | FibFlags::IIF, Register::R1).into(),
            Fib::new(FibResult::Addrtype, FibFlags::SADDR, Register::R1).into(),
            Fib::new(FibResult::Addrtype, FibFlags::SADDR | FibFlags::IIF, Register::R1).into(),
            Fib::new(FibResult::Addrtype, FibFlags::SADDR | FibFlags::OIF, Register::R1).into(),
            Dup::to_address(Register::R1).into(),
            Fwd::to_device(Register::R1).into(),
            Exthdr::exists(ExthdrOp::TcpOption, 2, Register::R1).into(),
            Connlimit::until(3).into(),
        ]
    };
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let (mut fine, mut refused) = (0, 0);
        let mut differ = Vec::new();
        for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Bridge, Family::Netdev, Family::Arp] {
            for (kind, hook) in [ChainType::Filter, ChainType::Nat, ChainType::Route].into_iter().flat_map(|kind| {
                [Prerouting, Input, Forward, Output, Postrouting, Ingress, Egress].map(|hook| (kind.clone(), hook))
            }) {
                if hook.number(family).is_none() {
                    continue;
                }
                let base = |table: &Table| {
                    let base = table.chain("base").with_hook(hook, 0).with_type(kind.clone());
                    if matches!(hook, Ingress | Egress) { base.with_device("lo") } else { base }
                };
                let table = Table::new(family, "t").with_flags(TableFlags::DORMANT);
                if nft.check(&filled(|b| b.add(&table).add(base(&table)))).is_err() {
                    continue;
                }
                for expr in exprs() {
                    let asks_for_nat = matches!(expr, Expr::Masq(_) | Expr::Redir(_) | Expr::Nat(_) | Expr::Log(_));
                    let is_of_one = matches!(expr, Expr::Reject(_) | Expr::Meta(_) | Expr::Osf(_));
                    // Each takes its time: what depends neither on the type nor much on the family
                    // is tried once.
                    if kind != ChainType::Filter && !asks_for_nat
                        || matches!(family, Family::Ip | Family::Ip6 | Family::Arp) && !asks_for_nat && !is_of_one
                    {
                        continue;
                    }
                    // Each in a table of its own, and dormant: no hooks to take down, for which the
                    // kernel would wait.
                    let table = Table::new(family, format!("t{}", fine + refused)).with_flags(TableFlags::DORMANT);
                    let base = base(&table);
                    // 16 bytes of zeros in register 1, for those that read it.
                    let load = Immediate::new(Register::R1, value([0; 16])).into();
                    let batch = filled(|b| {
                        b.add(&table).add(&base).add(table.chain("sub")).add(does(&base, Verdict::jump("sub")));
                        b.add(rule(&table.chain("sub"), [load, expr.clone()]))
                    });
                    let checked = nft.check(&batch);
                    let applied = nft.apply(&batch).map(drop);
                    let case = format!("{family} {base:?} {expr:?}");
                    if checked.is_ok() != applied.is_ok() {
                        differ.push(format!("{case}\n{checked:?}\n{applied:?}"));
                        continue;
                    }
                    match applied {
                        Ok(()) => fine += 1,
                        Err(error) => {
                            refused += 1;
                            // The first failure's cause, which is that of the graph if the kernel's
                            // check was content.
                            let cause = |e: &Error| e.failures()[0].cause.clone();
                            assert_eq!(cause(&checked.unwrap_err()), cause(&error), "{case}");
                        }
                    }
                }
            }
        }
        assert!(differ.is_empty(), "{}", differ.join("\n"));
        assert!(fine > 50 && refused > 50, "{fine} fine, {refused} refused");
        Ok(())
    });
}
