//! Named objects of every type, flowtables, and everything at once.

use super::lab::*;
use oxitables::{Chain, Client, Error, Family, Hook, Priority, Table, data::*, expr::*, model::*, testing};
use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Objects of each type, and what nft says of them.
fn objects() -> Vec<(Object, &'static str)> {
    let new = |name: &str, data: ObjectData| Object::new(&host(), name, data);
    let counter = {
        let mut counter = Counter::new();
        (counter.packets, counter.bytes) = (Some(7), Some(0x1234));
        counter
    };
    let consumed = {
        let mut quota = Quota::over(0x5678);
        quota.consumed = Some(0x99);
        quota
    };
    let timeout =
        CtTimeout::tcp().with(TcpTimeout::Established, MINUTE).with(TcpTimeout::Close, Duration::from_secs(4));
    let expected = CtExpectation::new(6, 0x1234, MINUTE, 12).with_family(Family::Ip);
    let proxy = Synproxy::new(1460, 7).with_flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM);
    vec![
        (new("c", counter.into()).with_comment("web"), "counter c { comment \"web\" packets 7 bytes 4660 }"),
        (new("q", consumed.into()), "quota q { over 22136 bytes used 153 bytes }"),
        (new("l", Limit::packets(400, MINUTE).with_burst(9).into()), "limit l { rate 400/minute burst 9 packets }"),
        (
            new("l2", Limit::bytes(1 << 20, Duration::from_secs(1)).over().into()),
            "limit l2 { rate over 1 mbytes/second",
        ),
        (
            new("h", CtHelper::new("ftp", 6).with_family(Family::Inet).into()),
            "ct helper h { type \"ftp\" protocol tcp l3proto inet }",
        ),
        (new("t", timeout.with_family(Family::Ip).into()), "ct timeout t { protocol tcp l3proto ip policy = {"),
        (new("e", expected.into()), "ct expectation e { protocol tcp dport 4660 timeout 1m size 12 l3proto ip }"),
        (new("s", proxy.into()), "synproxy s { mss 1460 wscale 7 timestamp sack-perm }"),
    ]
}

/// As the kernel reports it, without what only it knows.
fn plain(object: &Object) -> Object {
    let mut object = object.clone();
    (object.handle, object.used) = (None, None);
    // It reports every state of the protocol, and flags that are none.
    match &mut object.data {
        Some(ObjectData::CtTimeout(t)) => t.timeouts.retain(|(state, _)| [3, 8].contains(state)),
        Some(ObjectData::Limit(l)) if l.burst == Some(0) => l.burst = Some(1 << 20),
        _ => {}
    }
    object
}

#[test]
fn objects_of_every_type_come_back_as_they_went() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()))?;
        let destroys = !lacks(Feature::Destroy);
        for (object, text) in objects() {
            if let Err(error) = apply(&mut nft, |b| b.add(&object)) {
                assert!(error.is_not_found(), "{text}: {error}");
                eprintln!("not by this kernel: {text}: {error}");
                continue;
            }
            let kind = object.kind.unwrap();
            let found = nft.object(&host(), kind, &object.name)?.unwrap();
            assert_eq!(plain(&found), plain(&object), "{text}");
            assert_eq!(nft.objects(&host()).snapshot()?.last().unwrap(), &found);
            assert_listed(&[text]);
            // Adding it again is nothing, creating it is an error.
            apply(&mut nft, |b| b.add(&object))?;
            assert!(apply(&mut nft, |b| b.create(&object)).unwrap_err().is_exists());
            apply(&mut nft, |b| b.delete(Object::named(&host(), kind, &object.name)).add(&object).delete(&object))?;
            if destroys {
                apply(&mut nft, |b| b.add(&object).destroy(&object).destroy(&object))?;
            }
            assert_eq!(nft.object(&host(), kind, &object.name)?, None);
        }
        Ok(())
    });
}

#[test]
fn a_tunnel_template_comes_back_as_it_went() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let table = Table::new(Family::Netdev, "t");
        apply(&mut nft, |b| b.add(&table))?;
        let ip = || TunnelTemplate::to_ip(0x1234, Ipv4Addr::new(10, 1, 2, 9));
        let ip6 = TunnelTemplate::to_ip6(0x12_3456, "fd00::12".parse()?);
        let geneve =
            [GeneveOption::new(0x1010, 1, [1, 2, 3, 4]), GeneveOption::new(0x1011, 2, [5, 6, 7, 8, 9, 10, 11, 12])];
        let options = [
            TunnelOption::Vxlan(VxlanOption::new(0x123)),
            TunnelOption::Erspan(ErspanOption::v1(0x1234)),
            TunnelOption::Erspan(ErspanOption::v2(0x12, 1)),
            TunnelOption::Geneve(geneve.to_vec()),
        ];
        for mut template in options.into_iter().map(|option| ip().with_option(option)).chain([ip6, ip()]) {
            (template.sport, template.dport, template.tos, template.ttl) =
                (Some(0x1122), Some(0x3344), Some(5), Some(77));
            template.flags = Some(TunnelFlags::DONT_FRAGMENT);
            let object = Object::new(&table, "tt", template.clone());
            apply(&mut nft, |b| b.add(&object))?;
            let found = nft.object(&table, ObjectType::Tunnel, "tt")?.unwrap();
            let Some(ObjectData::Tunnel(found)) = found.data else { panic!("{found:?}") };
            assert_eq!(
                (found.id, found.sport, found.dport, found.tos, found.ttl),
                (template.id, template.sport, template.dport, template.tos, template.ttl)
            );
            let geneve = |options: &Option<TunnelOptions>| -> Vec<GeneveOption> {
                let all = options.iter().flat_map(|o| &o.0);
                all.flat_map(|o| if let TunnelOption::Geneve(g) = o { g.clone() } else { Vec::new() }).collect()
            };
            match &template.options {
                // Kernels differ in how they group them.
                Some(options) if matches!(options.0[..], [TunnelOption::Geneve(_)]) => {
                    assert_eq!(geneve(&found.options), geneve(&template.options));
                }
                options => assert_eq!(found.options.clone().unwrap_or_default(), options.clone().unwrap_or_default()),
            }
            // What was read can be sent.
            apply(&mut nft, |b| b.delete(&object).add(Object::new(&table, "tt", found.clone())))?;
            apply(&mut nft, |b| b.delete(&object))?;
        }
        Ok(())
    });
}

#[test]
fn counters_and_quotas_are_reset_and_quotas_are_changed() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let mut counter = Counter::new();
        (counter.packets, counter.bytes) = (Some(7), Some(0x1234));
        let quota = |bytes| Object::new(&host(), "q", Quota::over(bytes));
        apply(&mut nft, |b| b.add(host()).add(Object::new(&host(), "c", counter.clone())).add(quota(0x5678)))?;
        let read = nft.reset_object(&host(), ObjectType::Counter, "c")?.unwrap();
        assert_eq!(read.data, Some(counter.into()));
        let all = nft.reset_objects(&host()).snapshot()?;
        let packets: Vec<_> = all
            .iter()
            .filter_map(|o| match &o.data {
                Some(ObjectData::Counter(counter)) => counter.packets,
                _ => None,
            })
            .collect();
        assert_eq!(packets, [0]);
        apply(&mut nft, |b| b.add(quota(0x9999)))?;
        let Some(ObjectData::Quota(changed)) = nft.object(&host(), ObjectType::Quota, "q")?.unwrap().data else {
            panic!("a quota")
        };
        assert_eq!(changed.bytes, 0x9999);
        Ok(())
    });
}

#[test]
fn rules_and_maps_use_objects() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let counters = Set::new(&host(), "by_port", port(), 2).with_objects(ObjectType::Counter);
        let mut entry = element(value(0x1234_u16.to_be_bytes()));
        entry.object = Some("c".into());
        let by_map: [Expr; 2] = [
            Payload::load(PayloadBase::Transport, 2, 2, Register::R1).into(),
            Objref::from_map("by_port", Register::R1).into(),
        ];
        apply(&mut nft, |b| {
            b.add(host()).add(input()).add(Object::new(&host(), "c", Counter::new())).add(&counters);
            b.add(counters.elements([&entry]));
            b.add(rule(&input(), [Objref::new(ObjectType::Counter, "c")])).add(rule(&input(), by_map))
        })?;
        assert_listed(&["counter name \"c\"", "elements = { 4660 : \"c\" }"]);
        assert_eq!(nft.elements(&counters).snapshot()?[0].object, entry.object);
        let object = Object::named(&host(), ObjectType::Counter, "c");
        let error = apply(&mut nft, |b| b.delete(&object)).unwrap_err();
        assert!(error.is_busy());
        assert!(error.to_string().contains("counter c is in use by a rule or a map"), "{error}");
        Ok(())
    });
}

#[test]
fn what_is_wrong_with_objects_is_told() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input()))?;
        let mistaken = {
            let mut object = Object::new(&host(), "c", Counter::new());
            object.kind = Some(ObjectType::Quota);
            object
        };
        for (batch, text) in [
            (
                filled(|b| b.add(rule(&input(), [Objref::new(ObjectType::Quota, "q")]))),
                "there is no quota q in table inet host",
            ),
            (
                filled(|b| b.delete(Object::named(&host(), ObjectType::Limit, "l"))),
                "there is no limit l in table inet host",
            ),
            (
                filled(|b| b.add(Object::new(&host(), "h", CtHelper::new("teapot", 6)))),
                "this kernel has no helper teapot for that protocol",
            ),
            (filled(|b| b.add(mistaken)), "the data is that of a counter"),
            (filled(|b| b.add(Object::named(&host(), ObjectType::Limit, "l"))), "attribute is missing"),
            (
                filled(|b| b.delete(Flowtable::new(&host(), "fast", Priority::FILTER))),
                "there is no flowtable fast in table inet host",
            ),
        ] {
            let error = nft.apply(&batch).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        Ok(())
    });
}

#[test]
fn flowtables_come_back_as_they_went() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let fast = Flowtable::new(&host(), "fast", Priority::from(5)).with_device("lo");
        let forward = host().chain("f").with_hook(Hook::Forward, Priority::FILTER);
        match apply(&mut nft, |b| {
            b.add(host()).add(&forward).add(&fast).add(rule(&forward, [FlowOffload::new("fast")]))
        }) {
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_not_found(), "{error}");
                assert!(error.to_string().contains("no flowtables"), "{error}");
                eprintln!("not by this kernel: {error}");
                return Ok(());
            }
        }
        let found = nft.flowtable(&host(), "fast")?.unwrap();
        assert_eq!((found.devices(), &found.hook), (fast.devices(), &fast.hook));
        assert_eq!(nft.flowtables(&host()).snapshot()?, [found]);
        assert_listed(&["flowtable fast { hook ingress priority", "flow add @fast"]);
        Ok(())
    });
}

#[test]
fn a_snapshot_has_everything_of_one_generation() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        let set = addresses(&host(), "s");
        let other = Table::new(Family::Netdev, "other");
        let early = Chain::new(&other, "early").with_hook(Hook::Ingress, Priority::FILTER).with_device("lo");
        apply(&mut nft, |b| {
            b.add(host())
                .add(input())
                .add(host().chain("c"))
                .add(&set)
                .add(set.elements([element(ip(1)), element(ip(2))]));
            b.add(Object::new(&host(), "n", Counter::new())).add(does(&input(), Verdict::jump("c")));
            b.add(does(&host().chain("c"), Verdict::accept()))
                .add(&other)
                .add(&early)
                .add(does(&early, Verdict::accept()))
        })?;
        let generation = nft.generation()?;
        let all = nft.ruleset()?;
        assert_eq!(all.generation, generation);
        let names = |tables: &[Table]| tables.iter().map(|t| t.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&all.tables), ["host", "other"]);
        let chains: Vec<_> = all.chains.iter().map(|c| c.name.to_string()).collect();
        assert_eq!(chains, ["input", "c", "early"]);
        let rules: Vec<_> = all.rules.iter().map(|r| r.chain.to_string()).collect();
        assert_eq!(rules, ["input", "c", "early"]);
        assert_eq!(all.chains_of(&other).count(), 1);
        assert_eq!(all.rules_of(&early).count(), 1);
        let found = all.set(&host(), &"s".into()).unwrap();
        let mut keys: Vec<_> = found.elements.iter().filter_map(|e| e.key.as_deref().map(<[u8]>::to_vec)).collect();
        keys.sort();
        assert_eq!(keys, [ip(1).to_vec(), ip(2).to_vec()]);
        assert_eq!((all.sets.len(), all.objects.len(), all.flowtables.len()), (1, 1, 0));
        Ok(())
    });
}

#[test]
fn a_snapshot_beside_a_busy_writer_is_of_one_generation() {
    testing::in_namespace(|| -> Outcome {
        let mut nft = open();
        // Of each change, both halves or none.
        let pair = |n: u32| {
            filled(|b| {
                let chain = host().chain("c");
                let set = addresses(&host(), "s");
                b.flush(&chain).flush(&set);
                for i in 0..n {
                    b.add(does(&chain, Verdict::accept()));
                    b.add(set.elements([element(ip(i))]));
                }
                b
            })
        };
        apply(&mut nft, |b| b.add(host()).add(host().chain("c")).add(addresses(&host(), "s")))?;
        nft.apply(&pair(50))?;
        let (stop, written) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| -> Result<(), Error> {
            let mut writer = open();
            let (stop, written) = (&stop, &written);
            let writing = scope.spawn(move || -> Result<(), Error> {
                while !stop.load(Relaxed) {
                    writer.apply(&pair(40 + written.fetch_add(1, Relaxed) % 20))?;
                    std::thread::sleep(Duration::from_millis(3));
                }
                Ok(())
            });
            let mut read = || -> Result<(), Error> {
                while written.load(Relaxed) < 30 {
                    match nft.ruleset() {
                        Ok(all) => assert_eq!(all.rules.len(), all.sets[0].elements.len()),
                        Err(Error::Interrupted { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            };
            let result = read();
            stop.store(true, Relaxed);
            writing.join().unwrap()?;
            result
        })?;
        Ok(())
    });
}

#[test]
fn the_question_for_everything_answers_about_nothing() {
    testing::in_namespace(|| -> Outcome {
        let all = Client::open()?.ruleset()?;
        assert!(all.tables.is_empty() && all.objects.is_empty() && all.sets.is_empty());
        Ok(())
    });
}
