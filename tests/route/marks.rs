//! Marks on the packets of one host: sockets, traffic classes, what stock nft lists.

use super::lab::*;
use crate::nfts::nfts;
use oxitables::{
    Batch, Chain, Client, CtState, Family, Hook, Mark, Priority, Rule, Table,
    client::mark_socket,
    ct,
    data::{MarkBits, TrafficClass},
    meta,
    testing::{self, Host},
    udp,
};
use std::net::UdpSocket;

const BITS: MarkBits = MarkBits::new(0x0300);

/// A socket that sends to another one of the same host.
fn pair(host: &Host, address: &str) -> (UdpSocket, UdpSocket) {
    let open = || host.run(|| UdpSocket::bind((address, 0))).unwrap();
    let (from, to) = (open(), open());
    from.connect(to.local_addr().unwrap()).unwrap();
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    (from, to)
}

fn deliver(from: &UdpSocket, to: &UdpSocket) {
    from.send(b"x").unwrap();
    assert_eq!(to.recv(&mut [0; 4]).unwrap(), 1);
}

/// Packets that come in get the mark of the socket they are for; their other bits stay.
#[test]
fn packets_get_the_mark_of_the_socket_they_are_for() {
    testing::isolated(|lab| -> Outcome {
        for address in ["127.0.0.1", "::1"] {
            let host = lab.host("host")?;
            let (from, to) = pair(&host, address);
            mark_socket(&to, Mark::from(0xffff_02ff))?;
            let table = Table::new(Family::Inet, "marks");
            let input = table.chain("input").with_hook(Hook::Input, Priority::MANGLE);
            let mut batch = Batch::new();
            batch.add(&table).add(&input);
            batch.add(input.rule(Rule::new().then(meta::mark().set(0x0000_1100))));
            for rule in BITS.of_socket(Rule::new()) {
                batch.add(input.rule(rule));
            }
            host.run(Client::open)?.apply(&batch)?;
            let whole = Rule::new().when(meta::mark().is(0x0000_1200));
            let mut meter = Meter::new(&host, Hook::Input, Priority::FILTER, [whole, Rule::new()]);
            deliver(&from, &to);
            assert_eq!(meter.packets(), [1, 1]);
            // What it sends has it from the start.
            let mut sent =
                Meter::new(&host, Hook::Output, Priority::FILTER, [Rule::new().when(meta::mark().is(0xffff_02ff))]);
            to.connect(from.local_addr()?)?;
            deliver(&to, &from);
            assert_eq!(sent.packets(), [1]);
        }
        Ok(())
    });
}

/// A table with a chain on the way out and one on the way in.
fn ways() -> (Batch, Chain, Chain) {
    let table = Table::new(Family::Inet, "marks");
    let [output, input] = [("output", Hook::Output), ("input", Hook::Input)]
        .map(|(name, hook)| table.chain(name).with_hook(hook, Priority::MANGLE));
    let mut batch = Batch::new();
    batch.add(&table).add(&output).add(&input);
    (batch, output, input)
}

/// All values, there and back, and with bits of others that stay.
#[test]
fn saved_and_restored_is_the_same() {
    testing::isolated(|lab| -> Outcome {
        for address in ["127.0.0.1", "::1"] {
            let host = lab.host("host")?;
            let (mut batch, output, input) = ways();
            batch.add(output.rule(Rule::new().then(ct::mark().set(0xa5a5_a1a5))));
            for rule in BITS.save(Rule::new().when(ct::state().any(CtState::NEW))) {
                batch.add(output.rule(rule));
            }
            batch.add(input.rule(Rule::new().then(meta::mark().set(0x5a5a_515a))));
            for rule in BITS.restore(Rule::new()) {
                batch.add(input.rule(rule));
            }
            host.run(Client::open)?.apply(&batch)?;
            let values = || (0..4).map(|n| 0xa5a5_a0a5 | n << 8).zip((0..4).map(|n| 0x5a5a_505a | n << 8));
            let rules =
                values().map(|(kept, restored)| Rule::new().when(ct::mark().is(kept)).when(meta::mark().is(restored)));
            let mut meter = Meter::new(&host, Hook::Input, Priority::FILTER, rules);
            for n in 0..4 {
                // A connection each.
                let (from, to) = pair(&host, address);
                mark_socket(&from, BITS.value(n)?)?;
                deliver(&from, &to);
                let expected: Vec<u64> = (0..4).map(|m| u64::from(m <= n)).collect();
                assert_eq!(meter.packets(), expected);
            }
            // No tool of the administrator's may stumble over it.
            for nft in nfts() {
                let output = host.run(|| std::process::Command::new(&nft).args(["list", "ruleset"]).output())?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let words = "meta mark & 0x00000100 == 0x00000000 ct mark set ct mark & 0xfffffeff";
                assert!(output.status.success() && text.contains(words), "{nft:?}: {text}");
            }
        }
        Ok(())
    });
}

/// All bits at once: one statement each way.
#[test]
fn whole_marks_are_saved_and_restored() {
    testing::isolated(|lab| -> Outcome {
        for address in ["127.0.0.1", "::1"] {
            let host = lab.host("host")?;
            let (mut batch, output, input) = ways();
            let new = Rule::new().when(ct::state().any(CtState::NEW));
            batch.add(output.rule(new.then(ct::mark().set(meta::mark()))));
            // Over loopback a packet keeps its mark.
            batch.add(input.rule(Rule::new().then(meta::mark().set(0))));
            batch.add(input.rule(Rule::new().then(meta::mark().set(ct::mark()))));
            host.run(Client::open)?.apply(&batch)?;
            let restored = [meta::mark().is(0xfedc_ba98), meta::mark().is(0)].map(|mark| Rule::new().when(mark));
            let mut meter = Meter::new(&host, Hook::Input, Priority::FILTER, restored);
            let (from, to) = pair(&host, address);
            mark_socket(&from, Mark::from(0xfedc_ba98))?;
            deliver(&from, &to);
            // Answers get it, too, and what follows them.
            to.connect(from.local_addr()?)?;
            deliver(&to, &from);
            mark_socket(&from, Mark::from(0))?;
            deliver(&from, &to);
            assert_eq!(meter.packets(), [3, 0]);
        }
        Ok(())
    });
}

/// What a queueing discipline sorts by.
#[test]
fn traffic_classes_are_on_the_packets() {
    testing::isolated(|lab| -> Outcome {
        for address in ["127.0.0.1", "::1"] {
            let host = lab.host("host")?;
            let (from, to) = pair(&host, address);
            let bulk = TrafficClass::new(1, 0x10);
            let table = Table::new(Family::Inet, "classes");
            let output = table.chain("output").with_hook(Hook::Output, Priority::MANGLE);
            let mut batch = Batch::new();
            batch.add(&table).add(&output);
            let bulky = Rule::new().when(udp::dport().is(to.local_addr()?.port()));
            batch.add(output.rule(bulky.then(meta::priority().set(bulk))));
            host.run(Client::open)?.apply(&batch)?;
            let rules = [meta::priority().is(bulk), meta::priority().is_not(bulk)].map(|class| Rule::new().when(class));
            let mut meter = Meter::new(&host, Hook::Postrouting, Priority::FILTER, rules);
            deliver(&from, &to);
            assert_eq!(meter.packets(), [1, 0]);
            to.connect(from.local_addr()?)?;
            deliver(&to, &from);
            assert_eq!(meter.packets(), [1, 1]);
        }
        Ok(())
    });
}
