//! What `/proc/net/xt_recent` gave, and what stock nft shows of a list.

use crate::nfts::nfts;
use oxitables::{Batch, Client, Family, Hook, Priority, Recent, Rule, Side, Table, expr::Limit, testing, udp};
use std::{
    net::{IpAddr, UdpSocket},
    process::Command,
    thread::sleep,
    time::Duration,
};

fn lists() -> (Table, Recent) {
    let table = Table::new(Family::Inet, "t");
    let list = Recent::new(&table, "R").with_window(Duration::from_secs(60)).with_hits(3, Duration::from_secs(10));
    (table, list)
}

fn made(table: &Table, list: &Recent) -> Client {
    let mut nft = Client::open().unwrap();
    nft.apply(Batch::new().add(table).add(list)).unwrap();
    nft
}

#[test]
fn a_list_is_seen_added_to_removed_from_and_emptied() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let (table, list) = lists();
        let mut nft = made(&table, &list);
        let [a, b, c]: [IpAddr; 3] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|a| a.parse().unwrap());
        for address in [a, b, c] {
            nft.recent(&list).add(address)?;
        }
        sleep(Duration::from_millis(200));
        nft.recent(&list).add(a)?;

        let entries = nft.recent(&list).entries()?;
        assert_eq!(entries[0].address, a, "stamped last, so listed first: {entries:?}");
        assert!(
            entries[0].age < Duration::from_millis(100) && entries[1].age >= Duration::from_millis(200),
            "{entries:?}"
        );
        assert_eq!(entries.len(), 3);

        assert!(nft.recent(&list).remove(b)?);
        assert!(!nft.recent(&list).remove(b)?, "it was there only once");
        assert!(!nft.recent(&list).contains(b)? && nft.recent(&list).contains(c)?);
        nft.recent(&list).flush()?;
        assert_eq!(nft.recent(&list).entries()?, []);
        Ok(())
    });
}

#[test]
fn a_list_that_forgets_has_room_again() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let (table, list) = lists();
        let list = Recent::new(&table, list.name()).with_window(Duration::from_millis(200)).with_size(2);
        let [a, b, c]: [IpAddr; 3] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|a| a.parse().unwrap());
        for (list, room) in [(list.clone(), false), (list.with_memory(Duration::from_millis(1)), true)] {
            let mut batch = Batch::new();
            batch.add(&table).delete(&table).add(&table).add(&list);
            let mut nft = Client::open()?;
            nft.apply(&batch)?;
            let list = nft.find_recent(&table, list.name())?.expect("it was made");
            nft.recent(&list).add(a)?;
            nft.recent(&list).add(b)?;
            assert!(nft.recent(&list).add(c).is_err(), "a third of two");
            assert!(nft.recent(&list).entries()?.iter().all(|entry| entry.age < Duration::from_millis(150)));
            // The kernel clears what has expired about once in a second.
            let soon = (0..40).any(|_| {
                sleep(Duration::from_millis(100));
                nft.recent(&list).add(c).is_ok()
            });
            assert_eq!(soon, room, "{list:?}");
        }
        Ok(())
    });
}

#[test]
fn stamps_from_user_space_count_as_hits() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let (table, list) = lists();
        let input = table.chain("input").with_hook(Hook::Input, Priority::FILTER);
        let mut nft = made(&table, &list);
        let full = list.rcheck(Side::Source).within(Duration::from_secs(10)).hits(3);
        nft.apply(Batch::new().add(&input).add(input.rule(Rule::new().when(udp::dport().is(9)).recent(full).drop())))?;

        let server = UdpSocket::bind("127.0.0.1:9").unwrap();
        server.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let passes = || {
            client.send_to(b"x", "127.0.0.1:9").unwrap();
            server.recv(&mut [0; 8]).is_ok()
        };
        for hits in 0..5 {
            assert_eq!(passes(), hits < 3, "after {hits} stamps");
            nft.recent(&list).add("127.0.0.1".parse().unwrap())?;
        }
        assert!(nft.recent(&list).remove("127.0.0.1".parse().unwrap())?);
        assert!(passes(), "after the address was removed");
        Ok(())
    });
}

#[test]
fn a_list_is_found_in_the_kernel_as_it_was_made() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let (table, list) = lists();
        let mut nft = made(&table, &list);
        assert_eq!(nft.find_recent(&table, "R")?, Some(list.clone()));
        assert_eq!(nft.find_recent(&table, "Q")?, None);

        let other = Recent::new(&table, "R").with_window(Duration::from_millis(1500));
        nft.apply(Batch::new().add(&other))?;
        let stale = nft.recent(&other).stale_sets()?;
        assert_eq!(stale.len(), 2 * (1 + 5), "{stale:?}");
        Ok(())
    });
}

#[test]
fn a_window_that_was_not_declared_is_refused() {
    testing::in_namespace(|| {
        let (table, list) = lists();
        let mut nft = made(&table, &list);
        let chain = table.chain("c");
        let op = list.rcheck(Side::Source).within(Duration::from_secs(30));
        let error = nft.apply(Batch::new().add(&chain).add(chain.rule(Rule::new().recent(op).accept()))).unwrap_err();
        assert!(error.to_string().contains("keeps no window of 30s"), "{error}");
    });
}

#[test]
fn the_token_bucket_lets_a_burst_pass_and_stops_the_rest() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let table = Table::new(Family::Inet, "t");
        let list = Recent::new(&table, "R").with_rate(Limit::packets(1, Duration::from_secs(60)).with_burst(4));
        let input = table.chain("input").with_hook(Hook::Input, Priority::FILTER);
        let mut nft = made(&table, &list);
        let over = list.over_rate(Side::Source);
        nft.apply(Batch::new().add(&input).add(input.rule(Rule::new().when(udp::dport().is(9)).recent(over).drop())))?;

        let server = UdpSocket::bind("127.0.0.1:9").unwrap();
        server.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let passed = (0..8).filter(|_| {
            client.send_to(b"x", "127.0.0.1:9").unwrap();
            server.recv(&mut [0; 8]).is_ok()
        });
        assert_eq!(passed.count(), 4);
        Ok(())
    });
}

#[test]
fn stock_nft_prints_a_list_with_rings() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let (table, list) = lists();
        let input = table.chain("input").with_hook(Hook::Input, Priority::FILTER);
        let mut nft = made(&table, &list);
        nft.apply(Batch::new().add(&input).add(input.rule(Rule::new().recent(list.set(Side::Source)).accept())))?;
        nft.recent(&list).add("192.0.2.1".parse().unwrap())?;
        for program in nfts() {
            let output = Command::new(&program).args(["list", "ruleset"]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
            for words in [
                "set R_ip {",
                "set R_60s_ip6 {",
                "timeout 1m",
                "set R_3in10s_ip_turn2 {",
                "elements = { 192.0.2.1",
                "chain R_3in10s_ip_accept {",
                "ip saddr @R_3in10s_ip_turn1 update @R_3in10s_ip_stamp1 { ip saddr } \
                 delete @R_3in10s_ip_turn1 { ip saddr } add @R_3in10s_ip_turn2 { ip saddr } accept",
                "update @R_ip { ip saddr } update @R_60s_ip { ip saddr } goto R_3in10s_ip_accept",
            ] {
                assert!(text.contains(words), "{program:?}: {words} is not in\n{text}");
            }
        }
        Ok(())
    });
}
