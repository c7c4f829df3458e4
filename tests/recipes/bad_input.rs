//! What makes no sense is refused in words, and nothing of it is applied.

use oxitables::{Batch, Client, Result, recipes::*, testing};
use std::time::Duration;

/// Who installs this fails with words that have these in them, and there is nothing afterwards.
pub fn refused_here(install: impl FnOnce() -> Result<Batch>, words: &str) -> Result<()> {
    let applied = || -> Result<()> { Client::open()?.apply(&install()?).map(drop) };
    let error = applied().expect_err(words).to_string();
    assert!(error.contains(words), "{error:?} does not say {words:?}");
    assert_eq!(Client::open()?.tables().snapshot()?, [], "{words}: half of it is there");
    Ok(())
}

/// Batches that must be refused, and a part of what is said.
fn refused(cases: Vec<(Batch, &str)>) {
    testing::in_namespace(|| cases.into_iter().try_for_each(|(batch, words)| refused_here(|| Ok(batch), words)));
}

/// More than a kernel can count.
const EVER: Duration = Duration::MAX;

#[test]
fn of_imaps_before_ssh() {
    let guard = || imaps_before_ssh(["192.0.2.25".parse().unwrap()]);
    refused(vec![
        (imaps_before_ssh([]).batch(), "no mail server at all"),
        (guard().with_window(Duration::ZERO).batch(), "a window of 0ns"),
        (guard().with_window(EVER).batch(), "between a millisecond and a year"),
    ]);
}

#[test]
fn of_brute_force_guard() {
    let guard = || brute_force_guard(4);
    refused(vec![
        (brute_force_guard(0).batch(), "connection 0 is refused: 2 to 50 can be counted"),
        (brute_force_guard(1).batch(), "2 to 50 can be counted"),
        (brute_force_guard(51).batch(), "2 to 50 can be counted"),
        (guard().with_window(Duration::ZERO).batch(), "a window of 0ns"),
        (guard().with_window(EVER).batch(), "between a millisecond and a year"),
        (guard().with_ports::<u16>([]).batch(), "no port at all"),
        (guard().with_prefix(33, 64).batch(), "32 or 128 bits"),
    ]);
    testing::in_namespace(|| {
        Client::open()
            .unwrap()
            .apply(&brute_force_guard(50).with_allowed(["::1/128".parse().unwrap()]).batch())
            .unwrap();
    });
}

#[test]
fn of_port_knock() {
    let door = || port_knock(22, [7000, 8000]);
    refused(vec![
        (port_knock::<u16>(22, []).batch(), "after a knock at least"),
        (port_knock(22, [7000, 22]).batch(), "22 is a knock, and cannot be guarded"),
        (door().with_services([8000]).batch(), "8000 is a knock, and cannot be guarded or a service"),
        (door().with_port(7000).batch(), "7000 is a knock"),
        (door().with_pace(Duration::ZERO).batch(), "a pace of 0ns"),
        (door().with_open(Duration::from_micros(1)).batch(), "an open port of 1µs"),
        (door().with_open(EVER).batch(), "between a millisecond and a year"),
    ]);
}

#[test]
fn of_scan_trap() {
    let trap = || scan_trap([22]);
    refused(vec![
        (trap().with_ports(0, Duration::from_secs(1)).batch(), "1 to 50 can be counted"),
        (trap().with_ports(51, Duration::from_secs(1)).batch(), "1 to 50 can be counted"),
        (trap().with_ports(3, Duration::ZERO).batch(), "a time for touches of 0ns"),
        (trap().with_time(Duration::ZERO).batch(), "a list of 0ns"),
        (trap().with_traps::<u16>([]).batch(), "no port at all"),
        (trap().with_time(EVER).batch(), "between a millisecond and a year"),
    ]);
    testing::in_namespace(|| -> oxitables::Result<()> {
        let second = Duration::from_secs(1);
        for most in [scan_trap::<u16>([]).with_ports(50, second), trap().with_ports(1, second).with_traps([22])] {
            Client::open()?.apply(&most.batch())?;
        }
        Ok(())
    });
}

#[test]
fn of_syn_flood_guard() {
    refused(vec![
        (syn_flood_guard::<u16>([]).batch(), "no port at all"),
        (syn_flood_guard([80]).with_servers([]).batch(), "no server at all"),
        (syn_flood_guard([80]).with_rate(0, 1).batch(), "each has to be 1 to 1000000"),
        (syn_flood_guard([80]).with_rate(1, 0).batch(), "each has to be 1 to 1000000"),
        (syn_flood_guard([80]).with_synproxy(0, 7).batch(), "segments of 0 bytes"),
        (syn_flood_guard([80]).with_synproxy(1460, 15).batch(), "a window scale of 15"),
        (syn_flood_guard([80]).with_rate(u64::MAX, u32::MAX).batch(), "each has to be 1 to 1000000"),
    ]);
    testing::in_namespace(|| {
        let most = syn_flood_guard([80]).with_rate(1_000_000, 1_000_000);
        Client::open().unwrap().apply(&most.batch()).unwrap();
    });
}

#[test]
fn of_close_reflectors() {
    refused(vec![
        (close_reflectors("").batch(), "a name of 1 to 15 bytes"),
        (close_reflectors("sixteen-bytes-ok").batch(), "a name of 1 to 15 bytes"),
        (close_reflectors("wan").with_tcp::<u16>([]).with_udp::<u16>([]).batch(), "no port at all"),
    ]);
}

#[test]
fn of_closed_services() {
    refused(vec![
        (closed_services("").batch(), "a name of 1 to 15 bytes"),
        (closed_services("wan").with_tcp([6060..=6070]).batch(), "6060"),
        (
            closed_services("wan").with_udp([std::ops::RangeInclusive::new(200, 100)]).batch(),
            "200-100 ends before it starts",
        ),
    ]);
}

#[test]
fn of_masquerade_gateway() {
    let gateway =
        |port, to: &str| masquerade_gateway("lan", "wan").with_published_tcp(port, to.parse().unwrap()).batch();
    refused(vec![
        (masquerade_gateway("", "wan").batch(), "a name of 1 to 15 bytes"),
        (masquerade_gateway("lan", "").batch(), "a name of 1 to 15 bytes"),
        (masquerade_gateway("eth0", "eth0").batch(), "inside and outside are both \"eth0\""),
        (gateway(80, "127.0.0.1:80"), "127.0.0.1 is no server inside"),
        (gateway(80, "[ff02::1]:80"), "ff02::1 is no server inside"),
        (gateway(80, "0.0.0.0:80"), "0.0.0.0 is no server inside"),
        (gateway(0, "10.0.1.2:80"), "port 0 cannot be published"),
    ]);
}

#[test]
fn of_strict_source() {
    refused(vec![
        (strict_source().with_loose([""]).batch(), "a name of 1 to 15 bytes"),
        (strict_source().with_loose(["sixteen-bytes-ok"]).batch(), "a name of 1 to 15 bytes"),
    ]);
}

#[test]
fn of_vps_baseline() {
    refused(vec![
        (vps_baseline("").batch(), "a name of 1 to 15 bytes"),
        (vps_baseline("sixteen-bytes-ok").batch(), "a name of 1 to 15 bytes"),
        (vps_baseline("eth0").with_ssh_from([]).batch(), "a set without elements"),
        (vps_baseline("eth0").with_ssh_from(["10.0.1.7/24".parse().unwrap()]).batch(), "10.0.1.0/24"),
    ]);
    testing::in_namespace(|| {
        let nets = ["10.0.0.0/8", "10.0.1.0/24", "10.0.1.7/32", "0.0.0.0/0", "::/0", "fd00::/8"]
            .map(|net| net.parse().unwrap());
        Client::open().unwrap().apply(&vps_baseline("eth0").with_ssh_from(nets).batch()).unwrap();
    });
}
