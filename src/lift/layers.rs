//! Which headers a rule has made sure of, and which of its matches only did that.

use crate::{
    data::{EtherType, Family, Value, be},
    expr::{CtKey, MetaKey},
    lang::header::Layer,
    lang::{
        field::{Field, Names},
        header::{Below, HEADERS, Header, HeaderRow},
        tree::{IPV4, IPV6},
    },
};

/// What a layer is known to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Header(Header),
    /// Either IP family, told by the family of the packet.
    Inet,
    /// Anything, told by its EtherType.
    Netdev,
    /// None with fields.
    Unknown,
}

impl Protocol {
    pub fn header(self) -> Option<Header> {
        match self {
            Self::Header(header) => Some(header),
            _ => None,
        }
    }

    /// The protocol above that has this number.
    pub fn above(self, number: u128) -> Option<Header> {
        match self {
            Self::Inet => match number {
                2 => Some(Header::Ip),
                10 => Some(Header::Ip6),
                _ => None,
            },
            Self::Netdev => Header::of_ethertype(number),
            Self::Header(header) => header.above(number),
            Self::Unknown => None,
        }
    }
}

impl Header {
    fn of_ethertype(number: u128) -> Option<Self> {
        let ty = EtherType::from(u16::try_from(number).ok()?);
        let header = HEADERS.iter().find(|row| row.below == Below::EtherType(ty)).map(|row| row.header);
        header.or((ty == EtherType::VLAN_OUTER).then_some(Self::Vlan))
    }

    fn of_protocol(number: u128) -> Option<Self> {
        let told = |row: &&HeaderRow| match row.below {
            Below::Protocol(n) | Below::Ip(n) | Below::Ip6(n) => u128::from(u8::from(n)) == number,
            _ => false,
        };
        HEADERS.iter().find(told).map(|row| row.header)
    }

    pub(super) fn above(self, number: u128) -> Option<Self> {
        match self {
            Self::Ether | Self::Vlan => Self::of_ethertype(number),
            Self::Ip | Self::Ip6 => Self::of_protocol(number),
            // Of the ICMPs and GRE nft takes no notice there.
            Self::Ah | Self::Comp => {
                Self::of_protocol(number).filter(|h| !matches!(h, Self::Icmp | Self::Icmpv6 | Self::Igmp | Self::Gre))
            }
            _ => None,
        }
    }

    pub(super) fn layer(self) -> Option<Layer> {
        Layer::of(self.base())
    }

    /// Bits of it that stand before a header of the same layer.
    fn length(self) -> u32 {
        match self {
            Self::Ether => 14 * 8,
            Self::Vlan => 4 * 8,
            _ => 0,
        }
    }
}

/// The left side of a match, as far as it says something of protocols.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Left {
    Packet {
        layer: Layer,
        /// The header it is in, if that is known.
        header: Option<Header>,
        /// Whether it names the protocol above.
        names: bool,
        /// Whether it is an EtherType.
        ethertype: bool,
    },
    Meta(MetaKey),
    Ct(CtKey),
}

impl Left {
    /// A field of a packet.
    pub fn of(layer: Layer, field: &Field, header: Header) -> Self {
        let names = field.spec.names();
        let ethertype = names == Some(Names::EtherType);
        Self::Packet { layer, header: Some(header), names: names.is_some(), ethertype }
    }
}

/// A match for one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub left: Left,
    /// The value, if it is a single one, most significant byte first.
    pub value: Option<Value>,
}

impl Told {
    pub fn number(&self) -> Option<u128> {
        self.value.map(|value| be(&value))
    }
}

/// A match that may turn out to say what a later one says, too: its line, and what it says.
type Dependency = (usize, Told);

/// What is known of the headers of a packet, or of the packet in a tunnel.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    pub(super) family: Family,
    /// By layer, from the link layer on.
    known: [Option<Protocol>; 4],
    /// Headers of the link layer before the last one.
    stacked: Vec<Header>,
    /// The type of ICMP messages, if the rule says it; never 0.
    icmp: u8,
    /// By layer: the match that tells that the layer is what it is.
    pub(super) pending: [Option<Dependency>; 5],
    pub(super) pending_icmp: u8,
}

impl Layers {
    pub fn new(family: Family) -> Self {
        let (link, network) = match family {
            Family::Ip => (None, Some(Protocol::Header(Header::Ip))),
            Family::Ip6 => (None, Some(Protocol::Header(Header::Ip6))),
            Family::Arp => (None, Some(Protocol::Header(Header::Arp))),
            Family::Bridge => (Some(Protocol::Header(Header::Ether)), None),
            Family::Netdev => (Some(Protocol::Netdev), None),
            Family::Inet => (Some(Protocol::Inet), None),
            Family::Unknown(_) => (None, None),
        };
        Self {
            family,
            known: [link, network, None, None],
            stacked: Vec::new(),
            icmp: 0,
            pending: [None; 5],
            pending_icmp: 0,
        }
    }

    /// Those of a packet in a tunnel.
    pub fn inner() -> Self {
        Self::new(Family::Bridge)
    }

    pub fn known(&self, layer: Layer) -> Option<Protocol> {
        self.known.get((layer as usize).checked_sub(1)?).copied().flatten()
    }

    fn learn(&mut self, layer: Layer, protocol: Protocol) {
        if let Some(known) = (layer as usize).checked_sub(1).and_then(|at| self.known.get_mut(at)) {
            *known = Some(protocol);
        }
    }

    /// The header that holds a bit of a layer, and how far after the layer's start it begins.
    pub fn header_at(&self, layer: Layer, offset: u32) -> Option<(Header, u32)> {
        let top = self.known(layer)?;
        let mut skipped = 0;
        if layer == Layer::Link && offset >= top.header().map_or(0, Header::length) {
            for header in &self.stacked {
                if offset - skipped < header.length() {
                    return Some((*header, skipped));
                }
                skipped += header.length();
            }
        }
        let header = top.header().filter(|header| header.layer() == Some(layer))?;
        Some((header, skipped))
    }

    /// Whether a field is there in messages of the ICMP type that the rule asks for.
    pub fn has(&self, needs: &[u8]) -> bool {
        needs.is_empty() || self.icmp == 0 || needs.contains(&self.icmp)
    }

    /// The IP family, [`IPV4`] or [`IPV6`], if it is known.
    pub fn ip(&self) -> Option<u32> {
        match self.known(Layer::Network)?.header()? {
            Header::Ip => Some(IPV4),
            Header::Ip6 => Some(IPV6),
            _ => None,
        }
    }

    /// Notes the first type of a set of ICMP types that the rule asks for.
    pub fn note_icmp_set(&mut self, first: u8) {
        if self.icmp == 0 {
            self.icmp = first;
        }
    }

    /// Whether a field of 8 bits at the beginning of a transport header is the ICMP type.
    pub fn is_icmp(&self) -> bool {
        matches!(self.known(Layer::Transport), Some(Protocol::Header(Header::Icmp | Header::Icmpv6)))
    }

    /// Notes what a match that holds says of the packet.
    pub fn observe(&mut self, told: &Told) {
        let Some(number) = told.number() else { return };
        match told.left {
            Left::Packet { names: false, .. } => {}
            Left::Packet { layer, .. } => self.observe_packet(layer, number),
            Left::Meta(key) => self.observe_meta(key, number),
            Left::Ct(CtKey::L3protocol) => self.observe_ct(Layer::Link, number),
            Left::Ct(CtKey::Protocol) => self.observe_ct(Layer::Network, number),
            Left::Ct(_) => {}
        }
    }

    fn observe_packet(&mut self, layer: Layer, number: u128) {
        let Some(base) = self.known(layer) else { return };
        let Some(above) = base.above(number) else {
            match (base, number as u8) {
                // 0 is a type, too: that of the answer to the other.
                (Protocol::Header(Header::Icmp), 0) => self.icmp = 8,
                (Protocol::Header(Header::Icmpv6), 129) => self.icmp = 128,
                (Protocol::Header(Header::Icmp | Header::Icmpv6), n) => self.icmp = n,
                _ => {}
            }
            return;
        };
        if let (Layer::Link, Some(Layer::Link), Some(below)) = (layer, above.layer(), base.header())
            && self.stacked.len() < 16
        {
            self.stacked.push(below);
        }
        if let Some(layer) = above.layer() {
            self.learn(layer, Protocol::Header(above));
        }
    }

    fn observe_meta(&mut self, key: MetaKey, number: u128) {
        let or_unknown = |header: Option<Header>| header.map_or(Protocol::Unknown, Protocol::Header);
        match key {
            MetaKey::Iiftype if self.family != Family::Bridge => {
                self.learn(Layer::Link, or_unknown((number == 1).then_some(Header::Ether)));
            }
            MetaKey::Nfproto => {
                let own = match self.family {
                    Family::Ip => number == 2,
                    Family::Ip6 => number == 10,
                    Family::Arp => number == 3,
                    _ => false,
                };
                if !own {
                    let above = match self.family {
                        Family::Inet => Protocol::Inet.above(number),
                        _ => None,
                    };
                    self.learn(Layer::Network, or_unknown(above));
                }
            }
            MetaKey::L4proto => self.learn(Layer::Transport, or_unknown(Header::of_protocol(number))),
            MetaKey::Protocol if matches!(self.family, Family::Netdev | Family::Bridge) => {
                self.learn(Layer::Network, or_unknown(Header::of_ethertype(number)));
            }
            _ => {}
        }
    }

    fn observe_ct(&mut self, base: Layer, number: u128) {
        if let Some(above) = self.known(base).and_then(|base| base.above(number)) {
            self.learn(base.above(), Protocol::Header(above));
        }
    }
}
