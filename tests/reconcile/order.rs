//! Chains of one hook and one priority: whose translation wins is a matter of which was made last.

use super::state::settle;
use crate::nfts::nfts;
use oxitables::{Batch, Client, Family, Hook, Priority, Rule, Table, data::ChainType, model::Ruleset, testing, udp};
use std::{
    io::Write,
    net::UdpSocket,
    process::{Command, Stdio},
    time::Duration,
};

/// Tables and chains, in an order in which they may be made; each chain translates to a port of its
/// own.
const ORDERS: &[&[(&str, &str)]] = &[
    &[("a", "c"), ("b", "c")],
    &[("b", "c"), ("a", "c")],
    &[("b", "c"), ("c", "c"), ("a", "c")],
    &[("a", "x"), ("a", "y")],
    &[("a", "y"), ("a", "x")],
    &[("b", "y"), ("b", "x"), ("a", "y"), ("a", "x")],
];

const PORT: u16 = 7000;

fn port_of(order: &[(&str, &str)], at: usize) -> u16 {
    // Told by what it is, not by its place.
    let mut names = order.to_vec();
    names.sort_unstable();
    PORT + 1 + names.iter().position(|name| *name == order[at]).unwrap() as u16
}

/// All tables first, as a listing has them, or each before its first chain.
fn batch(order: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::new();
    for (at, (table, chain)) in order.iter().enumerate() {
        let table = Table::new(Family::Inet, *table);
        let chain = table.chain(*chain).with_hook(Hook::Output, Priority::DSTNAT).with_type(ChainType::Nat);
        batch.add(&table).add(&chain);
        batch.add(chain.rule(Rule::new().when(udp::dport().is(PORT)).redirect_to(port_of(order, at))));
    }
    batch
}

/// The ports at which packets may come out.
fn sockets() -> Vec<UdpSocket> {
    (1..5).map(|n| UdpSocket::bind(("127.0.0.1", PORT + n)).unwrap()).collect()
}

/// The port at which a packet comes out.
fn winner(sockets: &[UdpSocket]) -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"?", ("127.0.0.1", PORT)).unwrap();
    for socket in sockets.iter().cycle() {
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        if socket.recv(&mut [0; 8]).is_ok() {
            return socket.local_addr().unwrap().port();
        }
    }
    unreachable!()
}

#[test]
fn tables_and_chains_are_made_in_the_order_in_which_they_are_said() {
    testing::in_namespace(|| {
        let Some(nft) = nfts().last() else { return testing::skip("nft is not installed") };
        let (mut client, sockets) = (Client::open().unwrap(), sockets());
        let mut winners = Vec::new();
        for order in ORDERS {
            client.apply(Batch::new().flush_ruleset(None)).unwrap();
            client.apply(&batch(order)).unwrap();
            let listing = client.ruleset().unwrap().to_string();
            let by_batch = winner(&sockets);

            client.apply(Batch::new().flush_ruleset(None)).unwrap();
            let mut child = Command::new(&nft).args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(listing.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
            let by_nft = winner(&sockets);
            let snapshot = client.ruleset().unwrap();

            let document: Ruleset = serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
            for desired in [&Ruleset::made_by(&batch(order)).unwrap(), &snapshot, &document] {
                client.apply(Batch::new().flush_ruleset(None)).unwrap();
                settle(&mut client, desired);
                assert_eq!((winner(&sockets), by_batch), (by_nft, by_nft), "{order:?}\n{desired}");
            }
            winners.push(by_nft);
        }
        // The order decides: the same chains the other way round.
        assert_ne!(winners[0], winners[1]);
        assert_ne!(winners[3], winners[4]);
    });
}

/// Chains count, not the tables that they are in.
#[test]
fn tables_that_are_made_before_all_chains_do_not_count() {
    testing::in_namespace(|| {
        let (mut client, sockets) = (Client::open().unwrap(), sockets());
        let order = &[("b", "c"), ("a", "c")];
        let mut batch = Batch::new();
        batch.add(Table::new(Family::Inet, "a")).add(Table::new(Family::Inet, "b"));
        for at in 0..2 {
            let chain = Table::new(Family::Inet, order[at].0).chain("c");
            let chain = chain.with_hook(Hook::Output, Priority::DSTNAT).with_type(ChainType::Nat);
            batch.add(&chain);
            batch.add(chain.rule(Rule::new().when(udp::dport().is(PORT)).redirect_to(port_of(order, at))));
        }
        client.apply(&batch).unwrap();
        assert_eq!(winner(&sockets), port_of(order, 1));
        client.apply(Batch::new().flush_ruleset(None)).unwrap();
        settle(&mut client, &Ruleset::made_by(&batch).unwrap());
        assert_eq!(winner(&sockets), port_of(order, 1));
    });
}

/// A plan does not make anew what stays, so what comes later is last there: as with nft, it comes
/// first to packets.
#[test]
fn what_stays_keeps_its_place() {
    testing::in_namespace(|| {
        let (mut client, sockets) = (Client::open().unwrap(), sockets());
        let order = &[("a", "c"), ("b", "c")];
        let both = Ruleset::made_by(&batch(order)).unwrap();
        for first in 0..2 {
            client.apply(Batch::new().flush_ruleset(None)).unwrap();
            let mut alone = both.clone();
            alone.tables.retain(|table| table.name == *order[first].0);
            alone.chains.retain(|chain| chain.table == *order[first].0);
            alone.rules.retain(|rule| rule.table == *order[first].0);
            settle(&mut client, &alone);
            assert_eq!(winner(&sockets), port_of(order, first));
            let plan = settle(&mut client, &both);
            assert!(plan.lines().all(|line| line.starts_with('+')), "{plan}");
            assert_eq!(winner(&sockets), port_of(order, 1 - first));
        }
    });
}
