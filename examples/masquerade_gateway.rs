//! A network behind one address: out, back, in by published ports, and in no other way.

#[path = "support/mod.rs"]
mod support;

use nix::sys::socket::{getsockopt, sockopt::TcpMaxSeg};
use oxitables::{
    proto::Feature,
    recipes::{MasqueradeGateway, Recipe, masquerade_gateway},
    sysctl,
    testing::{Host, Sandbox, SandboxError, packets::Answer::*, packets::Packet, packets::udp_echo, tcp},
};
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};
use support::{Done, INSIDE, Install, OUTSIDE, Story, Version, address, apply, listen::sent, process::lacks, site};

fn main() -> ExitCode {
    let options = "--inside NAME --outside NAME [--tcp PORT=ADDRESS:PORT]... [--udp PORT=ADDRESS:PORT]... \
                   [--routed-ipv6] [--mss-clamping] [--no-sysctl]";
    support::main(options, tell, |options| {
        let [inside, outside] = ["--inside", "--outside"].map(|name| options.interface(name));
        let mut gateway = masquerade_gateway(inside?.as_str(), outside?.as_str());
        for Published(port, to) in options.all("--tcp")? {
            gateway = gateway.with_published_tcp(port, to);
        }
        for Published(port, to) in options.all("--udp")? {
            gateway = gateway.with_published_udp(port, to);
        }
        if options.flag("--routed-ipv6") {
            gateway = gateway.with_routed_ipv6();
        }
        if options.flag("--mss-clamping") {
            gateway = gateway.with_mss_clamping();
        }
        Ok(Install::with(gateway.batch(), gateway.sysctls(), options))
    })
}

struct Published(u16, SocketAddr);

impl FromStr for Published {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, to) = text.split_once('=').ok_or("PORT=ADDRESS:PORT is needed")?;
        let to = to.parse().map_err(|_| format!("{to}: ADDRESS:PORT or [ADDRESS]:PORT is needed"))?;
        Ok(Self(port.parse().map_err(|_| format!("{port} is no port"))?, to))
    }
}

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> MasqueradeGateway {
    Version::BOTH.iter().fold(masquerade_gateway("lan", "wan").with_mss_clamping(), |gateway, version| {
        gateway.with_published_tcp(80, version.at(INSIDE, WEB, 8080)).with_published_udp(53, version.at(INSIDE, WEB, 0))
    })
}

const PC: u8 = 2;
const WEB: u8 = 3;

/// Who sends a datagram, as it is seen where it arrives.
fn seen(at: &Host, to: SocketAddr, from: &Host, source: IpAddr) -> io::Result<IpAddr> {
    let socket = at.run(|| UdpSocket::bind(to))?;
    socket.set_read_timeout(Some(Duration::from_secs(4)))?;
    from.run(|| UdpSocket::bind((source, 0))?.send_to(b"?", to).map(drop))?;
    Ok(socket.recv_from(&mut [0; 9])?.1.ip())
}

pub(crate) fn tell(lab: &Sandbox) -> Done {
    let [gate, world, pc, web] = site(lab, ["gateway", "world", "pc", "web"])?;

    let (mut servers, mut echoes) = (Vec::new(), Vec::new());
    for (host, tcp_ports, udp_ports) in
        [(&world, [443, 22], [53, 123]), (&pc, [22, 443], [123, 161]), (&web, [8080, 22], [53, 161])]
    {
        // For both families.
        let any = |port| SocketAddr::from(([0; 16], port));
        for port in tcp_ports {
            servers.push(host.run(|| tcp::echo_server(any(port)))?);
        }
        for port in udp_ports {
            echoes.push(host.run(|| udp_echo(any(port)))?);
        }
    }
    let (mut out, mut kept_out, mut published) = (Vec::new(), Vec::new(), Vec::new());
    let (mut to_itself, mut datagrams) = (Vec::new(), Vec::new());
    for version in Version::BOTH {
        let [w, g] = [2, 1].map(|number| version.ip(OUTSIDE, number));
        let [i, p, s] = [1, PC, WEB].map(|number| version.ip(INSIDE, number));
        let at = SocketAddr::new;
        out.extend([
            support::tcp(Answered, "out", &pc, p, at(w, 443)),
            support::udp(Answered, "out", &pc, p, at(w, 53)),
            support::ping(Answered, "out", &pc, p, w),
            support::tcp(Refused, "out, to a port where nothing listens", &pc, p, at(w, 444)),
            support::udp(Refused, "out, and an error back", &pc, p, at(w, 54)),
        ]);
        kept_out.extend([
            support::tcp(Silence, "in", &world, w, at(p, 22)),
            support::udp(Silence, "in", &world, w, at(p, 123)),
            support::ping(Silence, "in", &world, w, p),
            support::tcp(Silence, "in, to the server of a published port, past it", &world, w, at(s, 8080)),
            support::udp(Silence, "in, to the server of a published port, past it", &world, w, at(s, 53)),
        ]);
        published.extend([
            support::tcp(Answered, "published", &world, w, at(g, 80)),
            support::udp(Answered, "published", &world, w, at(g, 53)),
            support::tcp(Answered, "published, from inside", &pc, p, at(g, 80)),
            support::udp(Answered, "published, from inside", &pc, p, at(g, 53)),
            support::tcp(Refused, "not published", &world, w, at(g, 8080)),
            support::tcp(Refused, "the inner address is not published", &pc, p, at(i, 80)),
            support::tcp(Refused, "nor is it for others", &world, w, at(w, 80)),
            support::tcp(Answered, "inside, as ever", &pc, p, at(s, 8080)),
            support::tcp(Answered, "the gateway's own connection", &gate, g, at(w, 443)),
            support::tcp(Answered, "the gateway's own connection inside", &gate, i, at(s, 8080)),
        ]);
        to_itself.push(support::tcp(Answered, "published, from the server itself", &web, s, at(g, 80)));
        let world = &world;
        for (arrives, who, source) in [(true, "who", w), (false, "a liar with an address of the inside who", p)] {
            let send = move || world.run(|| Packet::udp(at(source, 4000), at(g, 5400), b"?").send());
            datagrams.push(sent(
                arrives,
                format!("{who} asks {g} for a published port: {source}"),
                &web,
                at(s, 5400),
                send,
            ));
        }
    }

    let mut story = Story::new("masquerade_gateway: a network behind one address");
    if gate.run(|| lacks(Feature::FibForward)) {
        return story.end();
    }
    let recipe = recipe();
    let closed = pc
        .run(|| tcp::connect(Version::V4.ip(INSIDE, PC), Version::V4.at(OUTSIDE, 2, 443), Duration::from_millis(300)));
    story.is("nothing is forwarded before somebody says so", closed.is_err());
    let held = gate.run(|| sysctl::set(recipe.sysctls()))?;
    story.all_open(&kept_out)?;
    // A narrow way out, for IPv6.
    gate.sysctl("net/ipv6/conf/wan/mtu", "1280")?;
    let segments = || -> Done<u32> {
        let (from, to) = (Version::V6.ip(INSIDE, PC), Version::V6.at(OUTSIDE, 2, 443));
        let stream = pc.run(|| tcp::connect(from, to, Duration::from_secs(4)))?;
        Ok(getsockopt(&stream, TcpMaxSeg)?)
    };
    let wide = segments()?;
    for version in Version::BOTH {
        let (from, to) = (version.ip(INSIDE, PC), version.at(OUTSIDE, 2, 9999));
        let before = seen(&world, to, &pc, from)?;
        if before != from {
            return Err(format!("{from} is seen as {before} without the recipe").into());
        }
    }

    let open = Version::BOTH
        .iter()
        .fold(recipe.clone(), |recipe, version| recipe.with_published_udp(5400, version.at(INSIDE, WEB, 0)));
    apply(&gate, &open.batch())?;
    story.all(&out)?;
    for version in Version::BOTH {
        let (from, to) = (version.ip(INSIDE, PC), version.at(OUTSIDE, 2, 9999));
        story.sees(&format!("{from} is seen outside as"), version.ip(OUTSIDE, 1), seen(&world, to, &pc, from)?);
        let (from, to) = (version.ip(OUTSIDE, 2), version.at(INSIDE, WEB, 5400));
        let published = version.at(OUTSIDE, 1, 5400);
        let socket = web.run(|| UdpSocket::bind(to))?;
        socket.set_read_timeout(Some(Duration::from_secs(4)))?;
        world.run(|| UdpSocket::bind((from, 0))?.send_to(b"?", published).map(drop))?;
        story.sees(&format!("{from} is seen at a published port as"), from, socket.recv_from(&mut [0; 9])?.1.ip());
    }
    story.all(&kept_out)?;
    story.all(&published)?;
    story.all_sent(&datagrams)?;
    // With br_netfilter the chains see frames that are only bridged, too; without it, published
    // ports are no different.
    for family in ["iptables", "ip6tables"] {
        match gate.sysctl(&format!("net/bridge/bridge-nf-call-{family}"), "0") {
            Err(SandboxError::System { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    story.chapter("where bridged frames are not filtered");
    story.all(&published)?;
    story.all(&to_itself)?;
    let narrow = segments()?;
    story.is(&format!("segments fit the way of 1280 bytes: {narrow} instead of {wide}"), narrow <= 1220 && wide > 1220);

    story.chapter("a gateway with two addresses");
    address(&gate, "wan", OUTSIDE, 11)?;
    for (version, number) in [(Version::V4, 1), (Version::V4, 11), (Version::V6, 1), (Version::V6, 11)] {
        let (own, to) = (version.ip(OUTSIDE, number), version.at(OUTSIDE, 2, 9999));
        story.sees(&format!("the gateway's own from {own} is seen outside as"), own, seen(&world, to, &gate, own)?);
    }

    story.chapter("afterwards");
    held.restore()?;
    story.is("nothing is forwarded", !gate.run(|| recipe.sysctls()[0].holds())?);
    story.end()
}
