//! What is true of every packet that a rule sees, and what nft leaves out when it lists a rule.
//!
//! * In tables of one protocol its own number needs no test, and the first bytes of a header of IP
//!   are there once it is known that it is one.
//! * `ip protocol` of a packet of IPv4 is `meta l4proto`; `meta protocol` and `meta nfproto` say
//!   the same in tables of both IP families.
//! * What follows the header of a transport protocol implies it to nft. So it lists `icmp type` for
//!   a rule that does not ask for IPv4 besides ICMP, and `tcp dport` in tables of IPv6 for one that
//!   asks for `ip6 nexthdr` instead of `meta l4proto`; what it makes of its listing is the other
//!   form. They differ for packets that are none of their protocol, or have extension headers, and
//!   nft shows no difference: so there is none here.

use super::{Byte, Packet, Source, Test, Tests};
use crate::{
    data::{EtherType, Family},
    expr::{MetaKey, PayloadBase},
    lang::tree::{IPV4, IPV6},
    model::Rule,
    reconcile::view::View,
};

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Where the headers of IP say which protocol follows.
const IPV4_PROTOCOL: u32 = 9;
const IPV6_NEXT_HEADER: u32 = 6;
const ETHER_TYPE: u32 = 12;
const ETHERNET: [u8; 2] = 1u16.to_ne_bytes();

/// What is known of the packets that come to a place in a rule.
#[derive(Debug)]
pub(super) struct Known {
    family: Family,
    /// All come in from a port of a bridge.
    from_port: bool,
    /// [`IPV4`] or [`IPV6`].
    ip: Option<u32>,
    /// The network header is read for more than the protocol that follows.
    network: bool,
}

fn protocol(key: MetaKey) -> Source {
    Source::Protocol(key.into(), 0)
}

/// Whether it is a header of the packet itself, as it came.
fn is_header(packet: &Packet, base: PayloadBase) -> bool {
    packet.base == u32::from(base) && packet.tunnel.is_empty() && packet.writes == 0
}

impl Source {
    /// Whether every packet has it.
    pub fn is_always(&self) -> bool {
        let always = [MetaKey::Nfproto, MetaKey::Protocol].map(protocol);
        always.contains(self)
    }
}

impl Known {
    pub fn new(rule: &Rule, view: &View<'_>) -> Self {
        const OUTPUT: u32 = 3;
        let ip = match rule.family {
            Family::Ip => Some(IPV4),
            Family::Ip6 => Some(IPV6),
            _ => None,
        };
        let hook = view.chains.get(&rule.chain).and_then(|chain| chain.hook.as_ref());
        let comes_in = hook.is_some_and(|hook| hook.number.flatten().is_some_and(|number| number < OUTPUT));
        let from_port = rule.family == Family::Bridge && comes_in;
        Self { family: rule.family, from_port, ip, network: false }
    }

    /// What tells the protocols of a packet.
    pub fn meta(key: MetaKey) -> Option<Source> {
        let tells = matches!(key, MetaKey::Nfproto | MetaKey::L4proto | MetaKey::Protocol | MetaKey::Iiftype);
        tells.then(|| protocol(key))
    }

    /// Notes that packet bytes are read.
    pub fn reads(&mut self, packet: &Packet, offset: u32, len: u32) {
        let number = len == 1 && [IPV4_PROTOCOL, IPV6_NEXT_HEADER].contains(&offset);
        self.network |= is_header(packet, PayloadBase::Network) && !number;
    }

    /// Takes out of tests what need not be asked.
    pub fn settle(&mut self, tests: &mut Tests) {
        self.settle_family(tests);
        let transport = tests.there.keys().any(|packet| is_header(packet, PayloadBase::Transport));
        self.settle_protocol(tests, transport);
        if let Some(ip) = self.ip {
            let least = if ip == IPV4 { 20 } else { 40 };
            tests.there.retain(|packet, end| !is_header(packet, PayloadBase::Network) || *end > least);
        }
        if self.family == Family::Bridge {
            tests.there.retain(|packet, end| !is_header(packet, PayloadBase::Link) || *end > 14);
        }
        let Tests { bits, others, .. } = tests;
        // Bits of a value have values only if there is one.
        others.retain(|test| match test {
            Test::Has(source) => !bits.keys().any(|byte| byte.at(0) == source.at(0)),
            _ => true,
        });
    }

    fn settle_family(&mut self, tests: &mut Tests) {
        let (own, ethertype): (u8, EtherType) = match self.family {
            Family::Ip => (2, EtherType::IP),
            Family::Ip6 => (10, EtherType::IP6),
            Family::Arp => (3, EtherType::ARP),
            Family::Inet => {
                for (ip, ethertype) in [(IPV4, EtherType::IP), (IPV6, EtherType::IP6)] {
                    if tests.take(&protocol(MetaKey::Protocol), &ethertype.number().to_be_bytes()) {
                        tests.equal(&[Byte::of(protocol(MetaKey::Nfproto))], &[ip as u8]);
                    }
                    if tests.has(&protocol(MetaKey::Nfproto), &[ip as u8]) {
                        self.ip = Some(ip);
                    }
                }
                return;
            }
            Family::Bridge if self.from_port => {
                if tests.take(&protocol(MetaKey::Iiftype), &ETHERNET) {
                    tests.others.remove(&Test::Has(protocol(MetaKey::Iiftype)));
                }
                return;
            }
            _ => return,
        };
        tests.take(&protocol(MetaKey::Nfproto), &[own]);
        tests.take(&protocol(MetaKey::Protocol), &ethertype.number().to_be_bytes());
    }

    fn settle_protocol(&mut self, tests: &mut Tests, transport: bool) {
        let at = match (self.ip, self.family) {
            (Some(IPV4), _) => Some(IPV4_PROTOCOL),
            (_, Family::Ip6) if transport => Some(IPV6_NEXT_HEADER),
            _ => None,
        };
        let number = tests.bits.iter().find_map(|(source, (bits, value))| match source {
            Source::Packet(packet, place) if is_header(packet, PayloadBase::Network) && Some(*place) == at => {
                (*bits == 0xff).then(|| (source.clone(), *value))
            }
            _ => None,
        });
        if let Some((source, number)) = number {
            tests.bits.remove(&source);
            tests.equal(&[Byte::of(protocol(MetaKey::L4proto))], &[number]);
        }
        if !transport || self.network {
            return;
        }
        for (icmp, ip, ethertype) in [(ICMP, IPV4 as u8, 0x0800u16), (ICMPV6, IPV6 as u8, 0x86dd)] {
            if !tests.has(&protocol(MetaKey::L4proto), &[icmp]) {
                continue;
            }
            let ethertype = ethertype.to_be_bytes();
            match self.family {
                Family::Inet => drop(tests.take(&protocol(MetaKey::Nfproto), &[ip])),
                Family::Netdev | Family::Bridge => {
                    tests.take(&protocol(MetaKey::Protocol), &ethertype);
                    let link = tests.bits.keys().find_map(|source| match source {
                        Source::Packet(packet, ETHER_TYPE) if is_header(packet, PayloadBase::Link) => {
                            Some(source.clone())
                        }
                        _ => None,
                    });
                    if let Some(link) = link.filter(|_| self.family == Family::Bridge) {
                        tests.take(&link, &ethertype);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Tests {
    /// Whether they ask for all of these bytes, from a source on.
    fn has(&self, first: &Source, bytes: &[u8]) -> bool {
        bytes.iter().enumerate().all(|(by, n)| self.bits.get(&first.after(by)) == Some(&(0xff, *n)))
    }

    /// Takes them out, if they do.
    fn take(&mut self, first: &Source, bytes: &[u8]) -> bool {
        let has = self.has(first, bytes);
        if has {
            self.bits.retain(|source, _| (0..bytes.len()).all(|by| *source != first.after(by)));
        }
        has
    }
}
