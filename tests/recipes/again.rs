//! A recipe said otherwise takes the place of what it was.

use crate::features::lacks;
use oxitables::proto::Feature;
use oxitables::{Batch, Client, model::Ruleset, recipes::*, testing};
use std::time::Duration;

/// The sets and chains, in whatever order they were made.
fn blocks(nft: &mut Client) -> oxitables::Result<Vec<String>> {
    let listing = nft.ruleset()?.to_string();
    let (_, inside) = listing.split_once(" {\n").unwrap_or_default();
    let inside = inside.strip_suffix("}\n").unwrap_or_default();
    let mut blocks: Vec<String> = inside.split("\n\n").map(|block| block.trim().into()).collect();
    blocks.sort();
    Ok(blocks)
}

/// After `reconcile` there is what a host has that never had the first one.
fn replaced(needs: Feature, cases: Vec<(Batch, Batch)>) {
    testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
        if lab.host("here")?.run(|| lacks(needs)) {
            return Ok(());
        }
        for (before, after) in &cases {
            let (old, new) = (lab.host("old")?, lab.host("new")?);
            let (mut old, mut new) = (old.run(Client::open)?, new.run(Client::open)?);
            new.apply(after)?;
            let wanted = blocks(&mut new)?;
            old.apply(before)?;
            assert_ne!(blocks(&mut old)?, wanted, "the two are the same: nothing is proven");
            old.apply(after)?;
            old.reconcile(&Ruleset::made_by(after)?)?;
            assert_eq!(blocks(&mut old)?, wanted);
        }
        Ok(())
    });
}

#[test]
fn with_other_numbers() {
    let second = Duration::from_secs(1);
    let mail = || imaps_before_ssh(["192.0.2.25".parse().unwrap(), "2001:db8::25".parse().unwrap()]);
    // Their sets get other timeouts and sizes.
    let needs = Feature::SetSize;
    replaced(
        needs,
        vec![
            (brute_force_guard(4).batch(), brute_force_guard(5).with_window(second).silent().with_forward().batch()),
            (port_knock(22, [7, 8, 9]).with_services([80]).batch(), port_knock(23, [7, 8]).silent().batch()),
            (scan_trap([22]).with_log(5).batch(), scan_trap([80]).with_ports(6, second).cutting_sessions().batch()),
            (syn_flood_guard([80]).with_synproxy(1460, 7).batch(), syn_flood_guard([81]).with_rate(1, 2).batch()),
            (mail().batch(), mail().with_window(second).batch()),
        ],
    );
}

#[test]
fn with_other_networks() {
    replaced(
        Feature::ConcatIntervals,
        vec![
            (close_reflectors("wan").batch(), close_reflectors("eth0").with_tcp([25]).with_udp([53, 123]).batch()),
            (closed_services("wan").with_tcp([9100]).batch(), closed_services("eth0").with_udp([5353]).batch()),
            (strict_source().with_loose(["vpn"]).batch(), strict_source().batch()),
            (strict_source().batch(), strict_source().with_loose_everywhere().batch()),
        ],
    );
}

#[test]
fn of_a_gateway_with_other_hosts() {
    let gateway = || masquerade_gateway("lan", "wan");
    let before = gateway().with_published_tcp(80, "10.0.1.2:8080".parse().unwrap()).with_mss_clamping();
    let after = gateway().with_published_udp(53, "[fd00::2]:0".parse().unwrap()).with_routed_ipv6();
    replaced(Feature::FibForward, vec![(before.batch(), after.batch())]);
}
