//! What a rule knows of its packets, and what has to be matched before a field may be read.

use super::{
    blank_set,
    lower::{AnonymousSet, Equal, Kind, Lowering, Step},
};
use crate::{
    data::{EtherType, Family, IcmpType, Icmpv6Type, NfProto, Protocol, Register, Typed, Value},
    expr::*,
    lang::{
        field::{Field, IpVersion, Load, Names, Param},
        header::{Below, Header, Tunnel},
        refused,
    },
    model,
    wire::Malformed,
};

/// What lies below the network header, as far as the rule knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Link {
    /// Not of interest: the table has one network protocol.
    Fixed,
    Inet,
    Netdev,
    Ether,
    /// Inside of a tunnel for Ethernet.
    Frame,
    /// Inside of a tunnel for IP.
    Packet,
}

/// Network protocol of the packet, as far as the rule knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Net {
    Ip,
    Ip6,
    Arp,
    /// One of several.
    Several,
}

impl Net {
    fn of_ethertype(n: u128) -> Option<Self> {
        Some(match EtherType::from(u16::try_from(n).ok()?) {
            EtherType::IP => Self::Ip,
            EtherType::IP6 => Self::Ip6,
            EtherType::ARP => Self::Arp,
            _ => return None,
        })
    }

    fn of_nfproto(n: u128) -> Option<Self> {
        Some(match NfProto::from(u8::try_from(n).ok()?) {
            NfProto::IPV4 => Self::Ip,
            NfProto::IPV6 => Self::Ip6,
            _ => return None,
        })
    }

    fn ethertype(self) -> EtherType {
        match self {
            Self::Ip => EtherType::IP,
            Self::Ip6 => EtherType::IP6,
            Self::Arp | Self::Several => EtherType::ARP,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
            Self::Several => "several network protocols",
        }
    }
}

/// Transport protocol of the packet, as far as the rule knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    One(Protocol),
    Several,
}

/// What is known of a packet, or of one inside of a tunnel.
#[derive(Clone, Debug)]
pub(super) struct Known {
    link: Link,
    /// VLAN tags behind the Ethernet header that are known to be there.
    tags: u8,
    pub net: Option<Net>,
    pub transport: Option<Transport>,
    /// ICMP types that the rule lets through, if it says so.
    icmp: Option<Vec<u8>>,
}

impl Known {
    pub fn new(family: Family) -> Self {
        let (link, net) = match family {
            Family::Ip => (Link::Fixed, Some(Net::Ip)),
            Family::Ip6 => (Link::Fixed, Some(Net::Ip6)),
            Family::Arp => (Link::Fixed, Some(Net::Arp)),
            Family::Bridge => (Link::Ether, None),
            Family::Netdev => (Link::Netdev, None),
            Family::Inet | Family::Unknown(_) => (Link::Inet, None),
        };
        Self { link, tags: 0, net, transport: None, icmp: None }
    }

    fn inside(tunnel: Tunnel) -> Self {
        let link = if tunnel.row().flags.contains(InnerFlags::LINK) { Link::Frame } else { Link::Packet };
        Self { link, tags: 0, net: None, transport: None, icmp: None }
    }
}

/// Where the Ethernet header names the protocol above, in bytes.
const ETHER_TYPE: u16 = 12;
/// Bytes of a VLAN tag.
const TAG: u16 = 4;

/// Whether a field names the protocol above, as far as rules follow it.
pub(super) fn names_protocol(field: &Field) -> bool {
    let followed = !matches!(field.spec.load, Load::Packet(Header::Ah | Header::Comp, _));
    followed && matches!(field.spec.names(), Some(Names::EtherType | Names::Protocol))
}

impl Lowering {
    fn known(&mut self, tunnel: Option<Tunnel>) -> &mut Known {
        let Some(tunnel) = tunnel else { return &mut self.outer };
        if self.inner.as_ref().is_none_or(|(known, _)| *known != tunnel) {
            self.inner = None;
        }
        &mut self.inner.get_or_insert_with(|| (tunnel, Known::inside(tunnel))).1
    }

    /// A match of metadata with a constant.
    fn meta_is(tunnel: Option<Tunnel>, key: MetaKey, value: &[u8]) -> [Expr; 2] {
        let value = Value::new(value).unwrap_or_default();
        let load = Meta::load(key, Register::R1).into();
        let load = match tunnel {
            Some(tunnel) => tunnel.look(load),
            None => load,
        };
        [load, Cmp::new(Register::R1, CmpOp::Eq, value).into()]
    }

    /// Makes sure that a field is there to be read, and says how.
    pub fn need(&mut self, field: &Field) -> Result<Field, Malformed> {
        let tunnel = field.tunnel();
        match field.load() {
            Load::Packet(header, _) => {
                if let Some(tunnel) = tunnel {
                    self.need_below(tunnel.row().below, None, field)?;
                }
                self.need_below(header.row().below, tunnel, field)?;
                self.need_icmp(header, field)?;
                if header == Header::Vlan {
                    let outside = self.known(tunnel).tags.saturating_sub(1);
                    let param = match tunnel {
                        Some(tunnel) => Param::Inside(tunnel, outside),
                        None => Param::Below(outside),
                    };
                    return Ok(Field { param, ..*field });
                }
            }
            _ if tunnel.is_some() => return refused(format!("{} cannot be read inside of a tunnel", field.words())),
            Load::Option(ExthdrOp::Ipv6, ..) | Load::Exists(ExthdrOp::Ipv6, _) => {
                self.need_net(Net::Ip6, None, field)?;
            }
            Load::Option(ExthdrOp::Ipv4Option, ..) | Load::Exists(ExthdrOp::Ipv4Option, _) => {
                self.need_net(Net::Ip, None, field)?;
            }
            Load::Meta(MetaKey::Nfproto) if self.family != Family::Inet => {
                return refused("meta nfproto says something in tables of family inet only");
            }
            Load::Ct(CtKey::SrcIp | CtKey::DstIp) | Load::Rt(RtKey::Nexthop4) => self.agree(Net::Ip, None, field)?,
            Load::Ct(CtKey::SrcIp6 | CtKey::DstIp6) | Load::Rt(RtKey::Nexthop6) => {
                self.agree(Net::Ip6, None, field)?;
            }
            Load::CtAddress(_) if matches!(self.net(), Some(Net::Ip | Net::Ip6)) => {
                let version = if self.net() == Some(Net::Ip) { IpVersion::V4 } else { IpVersion::V6 };
                return Ok(field.resolve(Some(version)).0);
            }
            Load::Address(_) | Load::CtAddress(_) => {
                return refused("addresses of either family have no meaning in a table of this family");
            }
            _ => {}
        }
        Ok(*field)
    }

    /// Refuses a field of another network protocol than the rule's.
    fn agree(&mut self, net: Net, tunnel: Option<Tunnel>, field: &Field) -> Result<(), Malformed> {
        let family = self.family;
        let known = self.known(tunnel);
        match known.net {
            Some(other) if other != net => refused(if known.link == Link::Fixed {
                format!("{} in a table of family {family}", field.words())
            } else {
                format!("{} in a rule for packets of {}", field.words(), other.name())
            }),
            _ => Ok(()),
        }
    }

    fn need_below(&mut self, below: Below, tunnel: Option<Tunnel>, field: &Field) -> Result<(), Malformed> {
        match below {
            Below::Nothing => Ok(()),
            Below::Device => self.need_device(tunnel, field),
            Below::EtherType(EtherType::VLAN) => {
                self.need_device(tunnel, field)?;
                if self.known(tunnel).tags == 0 {
                    let (kind, exprs) = Self::type_is(ETHER_TYPE, EtherType::VLAN, tunnel);
                    self.push(kind, exprs);
                    self.known(tunnel).tags = 1;
                }
                Ok(())
            }
            Below::EtherType(ty) => match Net::of_ethertype(ty.number().into()) {
                Some(net) => self.need_net(net, tunnel, field),
                None => Ok(()),
            },
            Below::Protocol(protocol) => self.need_transport(protocol, tunnel, field),
            // Nothing but the first two bytes of its type says which ICMP it is, so nft pins the
            // family down too.
            Below::Ip(protocol) => self.need_both(Net::Ip, protocol, tunnel, field),
            Below::Ip6(protocol) => self.need_both(Net::Ip6, protocol, tunnel, field),
            Below::Udp => match self.outer.transport {
                Some(Transport::One(Protocol::UDP)) => Ok(()),
                _ => refused(format!("{} needs a UDP port: match udp::dport() before", field.words())),
            },
        }
    }

    fn need_device(&mut self, tunnel: Option<Tunnel>, field: &Field) -> Result<(), Malformed> {
        match self.known(tunnel).link {
            Link::Ether | Link::Frame => {}
            Link::Packet => return refused(format!("{}: there is no Ethernet header inside", field.words())),
            Link::Fixed | Link::Inet | Link::Netdev => {
                // ARPHRD_ETHER
                self.push_match(Self::meta_is(None, MetaKey::Iiftype, &1u16.to_ne_bytes()));
                self.outer.link = Link::Ether;
            }
        }
        Ok(())
    }

    /// The match of the type of a protocol in the link header.
    fn type_is(offset: u16, ty: EtherType, tunnel: Option<Tunnel>) -> (Kind, [Expr; 2]) {
        let value = Value::new(&ty.number().to_be_bytes()).unwrap_or_default();
        let equal = Equal { tunnel, base: PayloadBase::Link, offset, len: 2, names: true };
        (Kind::Equal(equal), equal.exprs(value))
    }

    fn need_net(&mut self, net: Net, tunnel: Option<Tunnel>, field: &Field) -> Result<(), Malformed> {
        self.agree(net, tunnel, field)?;
        if self.known(tunnel).net.is_none() {
            let (kind, exprs) = self.net_is(net, false, tunnel)?;
            self.push(kind, exprs);
            self.known(tunnel).net = Some(net);
        }
        Ok(())
    }

    /// The match of a network protocol. In bridges nft reads it from the packet's metadata, which
    /// knows of VLANs, but for ARP and (`from_header`) below ICMP from the Ethernet header; behind
    /// a VLAN tag always from there.
    fn net_is(&mut self, net: Net, from_header: bool, tunnel: Option<Tunnel>) -> Result<(Kind, [Expr; 2]), Malformed> {
        let ty = net.ethertype();
        let bridge = self.family == Family::Bridge;
        let Known { link, tags, .. } = *self.known(tunnel);
        let in_header = match link {
            Link::Ether => !bridge || from_header || net == Net::Arp,
            Link::Frame => from_header || net == Net::Arp,
            Link::Inet => {
                let number = match net {
                    Net::Ip => 2,
                    Net::Ip6 => 10,
                    Net::Arp | Net::Several => return refused("a table of family inet sees no ARP packets"),
                };
                return Ok((Kind::Match, Self::meta_is(tunnel, MetaKey::Nfproto, &[number])));
            }
            Link::Netdev | Link::Fixed | Link::Packet => false,
        };
        Ok(if in_header || tags > 0 {
            Self::type_is(ETHER_TYPE + TAG * u16::from(tags), ty, tunnel)
        } else {
            (Kind::Match, Self::meta_is(tunnel, MetaKey::Protocol, &ty.number().to_be_bytes()))
        })
    }

    fn need_transport(&mut self, protocol: Protocol, tunnel: Option<Tunnel>, field: &Field) -> Result<(), Malformed> {
        let known = self.known(tunnel);
        if known.net == Some(Net::Arp) {
            return refused(format!("{} in a rule for ARP packets", field.words()));
        }
        match known.transport {
            Some(Transport::One(known)) if known == protocol => Ok(()),
            Some(Transport::One(known)) => {
                refused(format!("{} in a rule for packets of protocol {known}", field.words()))
            }
            Some(Transport::Several) => refused(format!(
                "{} in a rule that matches several transport protocols: use th::sport() or th::dport()",
                field.words(),
            )),
            None => {
                known.transport = Some(Transport::One(protocol));
                self.push_match(Self::meta_is(tunnel, MetaKey::L4proto, &[protocol.number()]));
                Ok(())
            }
        }
    }

    fn need_both(
        &mut self,
        net: Net,
        protocol: Protocol,
        tunnel: Option<Tunnel>,
        field: &Field,
    ) -> Result<(), Malformed> {
        let known = self.known(tunnel);
        if known.transport.is_none() && known.net.is_none() {
            let (kind, exprs) = self.net_is(net, true, tunnel)?;
            self.push(kind, exprs);
            self.known(tunnel).net = Some(net);
        }
        self.need_transport(protocol, tunnel, field)
    }

    /// Adds the match of the ICMP types that have the field.
    fn need_icmp(&mut self, header: Header, field: &Field) -> Result<(), Malformed> {
        let needs = field.spec.needs;
        if needs.is_empty() {
            return Ok(());
        }
        let tunnel = field.tunnel();
        let known = self.known(tunnel).icmp.as_deref().unwrap_or_default();
        if !known.is_empty() && known.iter().all(|t| needs.contains(t)) {
            return Ok(());
        }
        if !known.is_empty() && !known.iter().any(|t| needs.contains(t)) {
            return refused(format!("{} in a rule for ICMP messages that have no such field", field.words()));
        }
        if let [one] = needs {
            let value = Value::new(&[*one]).unwrap_or_default();
            let equal = Equal { tunnel, base: header.base(), offset: 0, len: 1, names: false };
            self.push(Kind::Equal(equal), equal.exprs(value));
        } else {
            let set = icmp_types(header, needs, self.sets.len() as u32);
            let lookup = Lookup { set_id: set.set.id, ..Lookup::new(set.set.name.clone(), Register::R1) };
            self.sets.push(set);
            let load = super::load::looked(field, Payload::load(header.base(), 0, 1, Register::R1));
            self.push_match([load, lookup.into()]);
        }
        self.known(tunnel).icmp = Some(needs.to_vec());
        Ok(())
    }

    /// Notes what a positive match of plain values says about the packet.
    pub fn observe(&mut self, field: &Field, numbers: &[u128]) {
        // Most fields say nothing.
        let names = field.spec.names();
        let tells = match field.spec.load {
            Load::Packet(..) => names.is_some(),
            Load::Meta(MetaKey::Protocol | MetaKey::Nfproto | MetaKey::L4proto | MetaKey::Iiftype) => true,
            Load::Ct(CtKey::L3protocol) => true,
            _ => false,
        };
        if !tells {
            return;
        }
        let several = numbers.len() > 1;
        let Some(&first) = numbers.first() else { return };
        let family = self.family;
        let known = self.known(field.tunnel());
        let net = |net: Option<Net>| if several { Some(Net::Several) } else { net };
        let tags = [EtherType::VLAN, EtherType::VLAN_OUTER].map(|tag| u128::from(tag.number()));
        match field.spec.load {
            Load::Packet(header, _) if names == Some(Names::EtherType) => {
                if !numbers.iter().all(|n| tags.contains(n)) {
                    known.net = known.net.or(net(Net::of_ethertype(first)));
                } else if header == Header::Vlan {
                    known.tags += 1;
                } else {
                    known.tags = known.tags.max(1);
                }
            }
            // ARPHRD_ETHER
            Load::Meta(MetaKey::Iiftype) if first == 1 && !several => known.link = Link::Ether,
            Load::Meta(MetaKey::Protocol)
                if known.net.is_none() && known.link != Link::Inet && family != Family::Inet =>
            {
                known.net = net(Net::of_ethertype(first));
            }
            Load::Meta(MetaKey::Nfproto) | Load::Ct(CtKey::L3protocol) if known.net.is_none() => {
                known.net = net(Net::of_nfproto(first));
            }
            Load::Packet(Header::Ip | Header::Ip6, _) | Load::Meta(MetaKey::L4proto) => {
                known.transport =
                    Some(if several { Transport::Several } else { Transport::One(Protocol::from(first as u8)) });
            }
            Load::Packet(Header::Icmp | Header::Icmpv6, _) => {
                known.icmp = Some(numbers.iter().map(|n| *n as u8).collect());
            }
            _ => {}
        }
        // nft leaves out what the table says already, unless it is all there is.
        let own = match family {
            Family::Ip => EtherType::IP,
            Family::Ip6 => EtherType::IP6,
            _ => return,
        };
        if matches!(field.spec.load, Load::Meta(MetaKey::Protocol))
            && !several
            && first == u128::from(own.number())
            && let Some(last) = self.steps.last_mut()
            && matches!(last.kind, Kind::Match)
        {
            last.kind = Kind::Own;
        }
    }

    /// Puts the match of a protocol before everything else: a rejection must not act on what it
    /// cannot reject.
    pub fn need_first(&mut self, net: Option<Net>, tcp: bool) -> Result<(), Malformed> {
        if let Some(net) = net {
            let (kind, exprs) = self.net_is(net, false, None)?;
            self.push_first(kind, exprs);
            self.outer.net = Some(net);
        }
        if tcp {
            self.push_first(Kind::Match, Self::meta_is(None, MetaKey::L4proto, &[Protocol::TCP.number()]));
            self.outer.transport = Some(Transport::One(Protocol::TCP));
        }
        Ok(())
    }

    fn push_first(&mut self, kind: Kind, exprs: [Expr; 2]) {
        self.steps.insert(0, Step { kind, len: exprs.len() });
        self.exprs.splice(0..0, exprs);
    }
}

/// An anonymous set of the ICMP types that have a field.
fn icmp_types(header: Header, types: &[u8], id: u32) -> AnonymousSet {
    let ty = if header == Header::Icmpv6 { Icmpv6Type::FIELD } else { IcmpType::FIELD };
    let elements = types.iter().filter_map(|t| Value::new(&[*t])).map(model::Element::new).collect();
    let mut set = blank_set(ty, elements);
    set.set.id = Some(id);
    set
}
