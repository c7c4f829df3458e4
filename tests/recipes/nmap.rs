//! What looks closed, looks so to nmap.

use crate::imaps_before_ssh;
use oxitables::{
    Client,
    recipes::Recipe,
    testing::{self, tcp},
};
use std::{error::Error, net::SocketAddr, process::Command};

/// State, reason and time to live of a port, as `nmap -oX` tells them.
fn told(xml: &str, port: u16) -> Option<[String; 3]> {
    let (_, rest) = xml.split_once(&format!("portid=\"{port}\">"))?;
    let (state, _) = rest.split_once("/>")?;
    let attribute = |name: &str| Some(state.split_once(&format!("{name}=\""))?.1.split_once('"')?.0.to_owned());
    Some([attribute("state")?, attribute("reason")?, attribute("reason_ttl")?])
}

#[test]
fn ssh_looks_like_a_port_where_nothing_listens() {
    let Some(nmap) = testing::program("nmap") else { return };
    testing::isolated(|lab| -> Result<(), Box<dyn Error>> {
        let (scanner, router) = (lab.host("scanner")?, lab.host("router")?);
        lab.link((&scanner, "eth0"), (&router, "lan"))?;
        let addresses = [("10.77.1.66/24", "10.77.1.1/24"), ("fd77:1::66/64", "fd77:1::1/64")];
        let mut servers = Vec::new();
        for (theirs, ours) in addresses {
            scanner.address("eth0", theirs.parse()?)?;
            let ours: ipnetwork::IpNetwork = ours.parse()?;
            router.address("lan", ours)?;
            servers.push(router.run(|| tcp::echo_server(SocketAddr::new(ours.ip(), 22)))?);
        }
        // Scans, and what they tell of ssh and of a port without a listener.
        let scans = ["-sT", "-sS", "-sF", "-sA"];
        let scan = || -> Result<Vec<_>, Box<dyn Error>> {
            let mut seen = Vec::new();
            for (_, ours) in addresses {
                for kind in scans {
                    let mut command = Command::new(&nmap);
                    command.args(["-n", "-Pn", "--reason", "-p22,23", "-oX", "-", kind]);
                    if ours.contains(':') {
                        command.arg("-6");
                    }
                    command.arg(ours.split('/').next().unwrap_or(ours));
                    let out = scanner.run(|| command.output())?;
                    let xml = String::from_utf8(out.stdout)?;
                    let both = (told(&xml, 22), told(&xml, 23));
                    let (Some(ssh), Some(other)) = both else {
                        return Err(format!("{kind} {ours}: {xml} {}", String::from_utf8_lossy(&out.stderr)).into());
                    };
                    seen.push((kind, ssh, other));
                }
            }
            Ok(seen)
        };
        let open = scan()?;
        for (kind, ssh, other) in &open {
            // A listener answers a FIN with silence, and an ACK as a closed port does.
            assert!((ssh == other) == (*kind == "-sA"), "{kind} without the recipe: {ssh:?}, {other:?}");
        }
        router.run(Client::open)?.apply(&imaps_before_ssh::recipe().batch())?;
        for ((kind, ssh, other), (_, _, really_closed)) in scan()?.iter().zip(&open) {
            assert_eq!((ssh, other), (really_closed, really_closed), "{kind}");
            if *kind != "-sA" {
                assert_eq!(ssh[0], "closed");
            }
            println!("{kind}: {ssh:?}");
        }
        Ok(())
    });
}
