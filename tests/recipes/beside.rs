//! Recipes where they are not alone, and where nothing helps them.

use crate::nfts::nfts;
use oxitables::{
    Batch, Client, TcpFlags,
    model::Ruleset,
    recipes::{Recipe, imaps_before_ssh, syn_flood_guard, vps_baseline},
    testing::{
        self, Host,
        packets::{self, Answer, Packet},
        tcp,
    },
};
use std::{
    error::Error,
    fs, io,
    net::{IpAddr, SocketAddr},
    process::Command,
    time::Duration,
};

const BOTH: [[&str; 3]; 2] = [["10.77.1.1", "10.77.1.2", "10.77.1.3"], ["fd77:1::1", "fd77:1::2", "fd77:1::3"]];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two hosts: one with the first address, and one with the others.
fn pair(lab: &testing::Sandbox) -> Result<(Host, Host), Box<dyn Error>> {
    let (server, world) = (lab.host("server")?, lab.host("world")?);
    lab.link((&server, "eth0"), (&world, "eth0"))?;
    for [here, others @ ..] in BOTH {
        let bits = if here.contains(':') { 64 } else { 24 };
        server.address("eth0", format!("{here}/{bits}").parse()?)?;
        for other in others {
            world.address("eth0", format!("{other}/{bits}").parse()?)?;
        }
    }
    Ok((server, world))
}

#[test]
fn cookies_are_for_those_whom_other_filters_let_in() {
    testing::isolated(|lab| -> Result<(), Box<dyn Error>> {
        let proxy = syn_flood_guard([22]).with_synproxy(1460, 7);
        let allowed = BOTH.map(|[_, allowed, _]| ip(allowed).into());
        let vps = vps_baseline("eth0").with_ssh_from(allowed);
        let (server, world) = pair(lab)?;
        let mut nft = server.run(Client::open)?;
        let _ssh = BOTH.map(|[here, ..]| server.run(|| tcp::echo_server(SocketAddr::new(ip(here), 22)).unwrap()));
        for order in [[proxy.batch(), vps.batch()], [vps.batch(), proxy.batch()]] {
            nft.apply(Batch::new().add(proxy.table()).delete(proxy.table()).add(vps.table()).delete(vps.table()))?;
            for batch in &order {
                nft.apply(batch)?;
            }
            for [here, allowed, other] in BOTH.map(|addresses| addresses.map(ip)) {
                let ssh = SocketAddr::new(here, 22);
                let mut session = world.run(|| tcp::connect(allowed, ssh, Duration::from_secs(4)))?;
                tcp::ping(&mut session)?;
                let tried = world.run(|| packets::tcp(other, ssh, Duration::from_millis(300)))?;
                assert_eq!(tried, Answer::Silence, "{other} is let in");
            }
        }
        Ok(())
    });
}

/// Segments that TCP has got.
fn segments(host: &Host) -> io::Result<u32> {
    let text = host.run(|| fs::read_to_string("/proc/thread-self/net/snmp"))?;
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:")).map(|line| line.split_whitespace());
    let (names, mut values) = (lines.next(), lines.next());
    let place = names.and_then(|mut names| names.position(|name| name == "InSegs"));
    let value = values.as_mut().zip(place).and_then(|(values, place)| values.nth(place)?.parse().ok());
    value.ok_or(io::ErrorKind::InvalidData.into())
}

#[test]
fn a_flood_in_fragments_is_limited_without_conntrack() {
    testing::isolated(|lab| -> Result<(), Box<dyn Error>> {
        for [here, from, _] in BOTH.map(|addresses| addresses.map(ip)) {
            for pieces in [8, 16, 24] {
                let (server, world) = pair(lab)?;
                let flood = || -> Result<u32, Box<dyn Error>> {
                    let before = segments(&server)?;
                    for port in 1000..1020 {
                        let syn = TcpFlags::SYN.bits();
                        let request = Packet::tcp(SocketAddr::new(from, port), SocketAddr::new(here, 80), syn);
                        world.run(|| request.in_pieces_of(pieces).send())?;
                    }
                    Ok(segments(&server)? - before)
                };
                let without = flood()?;
                // The kernel itself wants all of the header in the first fragment, in IPv6 (RFC
                // 7112).
                let expected = if here.is_ipv6() && pieces < 20 { 0 } else { 20 };
                assert_eq!(without, expected, "{here}, fragments of {pieces}");
                server.run(Client::open)?.apply(&syn_flood_guard([80]).with_rate(1, 3).batch())?;
                let with = flood()?;
                assert!(with <= 6, "{here}, fragments of {pieces}: {with} requests came through");
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_learned_is_no_drift() {
    testing::isolated(|lab| -> Result<(), Box<dyn Error>> {
        for (name, batch) in crate::all() {
            let (server, world) = pair(lab)?;
            if server.run(|| crate::is_too_new(name)) {
                continue;
            }
            let mut nft = server.run(Client::open)?;
            nft.apply(&batch)?;
            for [here, from, _] in BOTH.map(|addresses| addresses.map(ip)) {
                let ports = [7000, 9000, 8000, 22, 80, 81];
                let _listens =
                    [22, 80].map(|port| server.run(|| tcp::echo_server(SocketAddr::new(here, port)).unwrap()));
                for port in ports {
                    // Some are reset, some are silent.
                    let _ = world.run(|| packets::tcp(from, SocketAddr::new(here, port), Duration::from_millis(20)));
                }
            }
            let plan = nft.plan(&Ruleset::made_by(&batch)?)?;
            assert!(plan.is_empty(), "{name}: {plan}");
            for program in nfts() {
                let listed = server.run(|| Command::new(program).args(["list", "ruleset"]).output())?;
                assert!(listed.status.success(), "{name}: {}", String::from_utf8_lossy(&listed.stderr));
                assert!(listed.stderr.is_empty(), "{name}: {}", String::from_utf8_lossy(&listed.stderr));
            }
        }
        Ok(())
    });
}

#[test]
fn forged_requests_teach_imaps_before_ssh_nothing() {
    testing::isolated(|lab| -> Result<(), Box<dyn Error>> {
        let [client, router, mail] = ["client", "router", "mail"].map(|name| lab.host(name).unwrap());
        lab.link((&client, "eth0"), (&router, "lan"))?;
        lab.link((&mail, "eth0"), (&router, "dmz"))?;
        router.forward()?;
        // The router, an address that is not there, the client, and the mail server.
        let addresses = [
            ["10.77.1.1", "10.77.1.66", "10.77.1.2", "10.77.2.1", "10.77.2.2"],
            ["fd77:1::1", "fd77:1::66", "fd77:1::2", "fd77:2::1", "fd77:2::2"],
        ];
        let mails = addresses.map(|[.., mail]| ip(mail));
        let guard = imaps_before_ssh(mails);
        let mut nft = router.run(Client::open)?;
        nft.apply(&guard.batch())?;
        for [lan, forged, honest, dmz, server] in addresses {
            let bits = if lan.contains(':') { 64 } else { 24 };
            let with_bits = |address: &str| format!("{address}/{bits}").parse();
            router.address("lan", with_bits(lan)?)?;
            router.address("dmz", with_bits(dmz)?)?;
            client.address("eth0", with_bits(honest)?)?;
            mail.address("eth0", with_bits(server)?)?;
            client.default_route(ip(lan))?;
            mail.default_route(ip(dmz))?;
            let imaps = SocketAddr::new(ip(server), 993);
            let _server = mail.run(|| tcp::echo_server(imaps))?;
            // Answered in between, and repeated.
            let request = || Packet::tcp(SocketAddr::new(ip(forged), 4000), imaps, TcpFlags::SYN.bits());
            client.run(|| request().send())?;
            let mut session = client.run(|| tcp::connect(ip(honest), imaps, Duration::from_secs(4)))?;
            client.run(|| request().send())?;
            tcp::ping(&mut session)?;
            let known: Vec<_> = nft.recent(&guard.list()).entries()?.into_iter().map(|entry| entry.address).collect();
            assert!(known.contains(&ip(honest)) && !known.contains(&ip(forged)), "{known:?}");
        }
        Ok(())
    });
}
