//! The story, told as it happens: three hosts in network namespaces, and real TCP.

use super::{Done, installed, recipe};
use oxitables::{
    Client,
    recipes::Recipe,
    testing::{
        Host, Sandbox,
        tcp::{self, EchoServer},
    },
};
use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpStream},
    thread::sleep,
    time::Duration,
};

pub const WINDOW: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(2);

/// Addresses of one family: two of the client's, the router's two, the mail host's.
struct Plan {
    name: &'static str,
    bits: u8,
    alice: &'static str,
    bob: &'static str,
    lan: &'static str,
    dmz: &'static str,
    mail: &'static str,
}

const PLANS: [Plan; 2] = [
    Plan {
        name: "IPv4",
        bits: 24,
        alice: "10.77.1.10",
        bob: "10.77.1.11",
        lan: "10.77.1.1",
        dmz: "10.77.2.1",
        mail: "10.77.2.2",
    },
    Plan {
        name: "IPv6",
        bits: 64,
        alice: "fd77:1::10",
        bob: "fd77:1::11",
        lan: "fd77:1::1",
        dmz: "fd77:2::1",
        mail: "fd77:2::2",
    },
];

pub fn mails() -> impl Iterator<Item = IpAddr> {
    PLANS.iter().filter_map(|plan| plan.mail.parse().ok())
}

pub fn tell(lab: &Sandbox) -> Done {
    let (client, router, mail) = (lab.host("client")?, lab.host("router")?, lab.host("mail")?);
    lab.link((&client, "eth0"), (&router, "lan"))?;
    lab.link((&mail, "eth0"), (&router, "dmz"))?;
    let mut servers = Vec::new();
    for plan in &PLANS {
        let with_bits = |address: &str| format!("{address}/{}", plan.bits).parse();
        client.address("eth0", with_bits(plan.alice)?)?;
        client.address("eth0", with_bits(plan.bob)?)?;
        router.address("lan", with_bits(plan.lan)?)?;
        router.address("dmz", with_bits(plan.dmz)?)?;
        mail.address("eth0", with_bits(plan.mail)?)?;
        client.default_route(plan.lan.parse()?)?;
        mail.default_route(plan.dmz.parse()?)?;
        servers.push(serve(&router, plan.lan, 22)?);
        servers.push(serve(&mail, plan.mail, 993)?);
    }
    router.forward()?;
    println!("three hosts: client -- router (sshd) -- mail (imapsd), each in a network namespace of its own\n");

    let mut nft = router.run(Client::open)?;
    let batch = recipe().batch_over(&mut nft)?;
    nft.apply(&batch)?;
    println!("the firewall is in: {} operations in one batch; generation {}", batch.len(), nft.generation()?);
    show_ruleset(&mut nft)?;

    let told = PLANS.iter().map(|plan| Family { plan, client: &client, nft: &mut nft }.tell()).collect::<Vec<_>>();
    let wrong: Vec<_> = told.into_iter().filter_map(Result::err).collect();
    for error in &wrong {
        println!("NOT AS TOLD: {error}");
    }
    if !wrong.is_empty() {
        return Err("the story went otherwise".into());
    }
    println!("every step came out as told");
    Ok(())
}

fn serve(host: &Host, address: &str, port: u16) -> Result<EchoServer, Box<dyn std::error::Error>> {
    let address = SocketAddr::new(address.parse()?, port);
    Ok(host.run(|| tcp::echo_server(address))?)
}

/// The rules as they were written, and how the kernel holds them.
fn show_ruleset(nft: &mut Client) -> Done {
    let table = recipe().table();
    println!("\ntable {} {}", table.family, table.name);
    for set in nft.sets(&table).snapshot()? {
        println!("  set {:<14} # {}", set.name.to_string(), set.comment().unwrap_or_default());
    }
    let rules = [recipe().forward_rules(), recipe().input_rules()];
    for (chain, rules) in nft.chains(&table).snapshot()?.iter().zip(rules) {
        let installed = nft.rules(chain).snapshot()?;
        println!("  chain {} ({} rules in the kernel)", chain.name, installed.len());
        for rule in rules {
            rule.text(table.family).iter().for_each(|text| println!("    {text}"));
        }
    }
    println!();
    Ok(())
}

fn say(seen: &str, what: &str) {
    println!("  {seen:<42}  {what}");
}

/// The story in one family.
struct Family<'a> {
    plan: &'a Plan,
    client: &'a Host,
    nft: &'a mut Client,
}

impl Family<'_> {
    fn tell(&mut self) -> Done {
        let Plan { name, alice, bob, lan, mail, .. } = *self.plan;
        println!("--- {name}: {alice} and {bob} want SSH to {lan}");
        self.refused("SSH is refused, as if nothing listened", alice, lan)?;
        let mut imaps = self.opened("the mail client connects to IMAPS", alice, mail, 993)?;
        self.show()?;
        let mut ssh = self.opened("SSH opens", alice, lan, 22)?;
        self.refused("another address is still refused", bob, lan)?;
        println!("    … {} s pass, nothing is sent", WINDOW.as_secs() + 1);
        sleep(WINDOW + Duration::from_secs(1));
        self.show()?;
        self.refused("the window has passed: no new SSH", alice, lan)?;
        self.alive("the session that was idle lives on", &mut ssh)?;
        drop(self.opened("and while it lives, SSH opens again", alice, lan, 22)?);
        self.soon("that one ends (FIN), and the address is forgotten", alice, false)?;
        self.show()?;
        self.refused("so SSH is refused", alice, lan)?;
        self.alive("mail makes the address known again", &mut imaps)?;
        self.soon("it is in the list", alice, true)?;
        self.alive("and the first session still lives", &mut ssh)?;
        println!();
        Ok(())
    }

    fn connect(
        &self,
        from: &str,
        to: &str,
        port: u16,
    ) -> Result<std::io::Result<TcpStream>, Box<dyn std::error::Error>> {
        let (from, to) = (from.parse()?, SocketAddr::new(to.parse()?, port));
        Ok(self.client.run(|| tcp::connect(from, to, PATIENCE)))
    }

    fn opened(&self, what: &str, from: &str, to: &str, port: u16) -> Result<TcpStream, Box<dyn std::error::Error>> {
        let mut stream = self.connect(from, to, port)?.map_err(|e| format!("{what}: {e}"))?;
        tcp::ping(&mut stream).map_err(|e| format!("{what}: {e}"))?;
        say(&format!("{from} -> {to} port {port}: open"), what);
        Ok(stream)
    }

    fn refused(&self, what: &str, from: &str, to: &str) -> Done {
        match self.connect(from, to, 22)? {
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {
                say(&format!("{from} -> {to} port 22: refused"), what);
                Ok(())
            }
            Err(e) => Err(format!("{what}: {e} instead of a reset").into()),
            Ok(_) => Err(format!("{what}: it opened").into()),
        }
    }

    fn alive(&self, what: &str, stream: &mut TcpStream) -> Done {
        tcp::ping(stream).map_err(|e| format!("{what}: {e}"))?;
        say("a byte there and back", what);
        Ok(())
    }

    /// The list tells so, within the time that a packet needs.
    fn soon(&mut self, what: &str, address: &str, known: bool) -> Done {
        let list = installed(self.nft)?.ok_or("the list is gone")?;
        for _ in 0..50 {
            if self.nft.recent(&list).contains(address.parse()?)? == known {
                say(&format!("{address} is {}", if known { "listed" } else { "not listed" }), what);
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        Err(what.into())
    }

    fn show(&mut self) -> Done {
        let list = installed(self.nft)?.ok_or("the list is gone")?;
        let entries = self.nft.recent(&list).entries()?;
        let shown = entries.iter().map(|e| format!("{} seen {:.1} s ago", e.address, e.age.as_secs_f64()));
        println!("    list {}: [{}]", list.name(), shown.collect::<Vec<_>>().join(", "));
        Ok(())
    }
}
