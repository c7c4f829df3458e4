//! Which headers a rule has made sure of, and which of its matches only did that.

use crate::{
    data::{Family, Value, be},
    expr::{CtKey, MetaKey, PayloadBase},
    stmt::{
        field::{Field, Load, Side},
        fields::specs,
        header::Header,
    },
};

/// A layer: what a header is counted from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Layer {
    /// None: metadata of no layer.
    None,
    Link,
    Network,
    Transport,
    Inner,
}

impl Layer {
    pub fn of(base: PayloadBase) -> Option<Self> {
        Some(match base {
            PayloadBase::Link => Self::Link,
            PayloadBase::Network => Self::Network,
            PayloadBase::Transport => Self::Transport,
            PayloadBase::Inner | PayloadBase::Tunnel => Self::Inner,
            PayloadBase::Unknown(_) => return None,
        })
    }

    fn above(self) -> Self {
        match self {
            Self::None => Self::Link,
            Self::Link => Self::Network,
            Self::Network => Self::Transport,
            Self::Transport | Self::Inner => Self::Inner,
        }
    }

    fn below(self) -> Self {
        match self {
            Self::None | Self::Link => Self::None,
            Self::Network => Self::Link,
            Self::Transport => Self::Network,
            Self::Inner => Self::Transport,
        }
    }
}

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
    fn above(self, number: u128) -> Option<Header> {
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
        Some(match number {
            0x0800 => Self::Ip,
            0x0806 => Self::Arp,
            0x86dd => Self::Ip6,
            0x8100 | 0x88a8 => Self::Vlan,
            _ => return None,
        })
    }

    fn of_protocol(number: u128) -> Option<Self> {
        Some(match number {
            1 => Self::Icmp,
            2 => Self::Igmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            33 => Self::Dccp,
            47 => Self::Gre,
            50 => Self::Esp,
            51 => Self::Ah,
            58 => Self::Icmpv6,
            108 => Self::Comp,
            132 => Self::Sctp,
            136 => Self::Udplite,
            _ => return None,
        })
    }

    fn above(self, number: u128) -> Option<Self> {
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

    fn layer(self) -> Option<Layer> {
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

/// A match for one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub left: Left,
    /// The value, if it is a single one, most significant byte first.
    pub value: Option<Value>,
}

impl Told {
    fn number(&self) -> Option<u128> {
        self.value.map(|value| be(&value))
    }
}

/// A match that may turn out to say what a later one says, too: its line, and what it says.
type Dependency = (usize, Told);

/// What is known of the headers of a packet, or of the packet in a tunnel.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    family: Family,
    /// By layer, from the link layer on.
    known: [Option<Protocol>; 4],
    /// Headers of the link layer before the last one.
    stacked: Vec<Header>,
    /// The type of ICMP messages, if the rule says it; never 0.
    icmp: u8,
    /// By layer: the match that tells that the layer is what it is.
    pending: [Option<Dependency>; 5],
    pending_icmp: u8,
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

    /// The IP family, as `NFPROTO_*`, if it is known.
    pub fn ip(&self) -> Option<u32> {
        match self.known(Layer::Network)?.header()? {
            Header::Ip => Some(2),
            Header::Ip6 => Some(10),
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

/// Matches that later ones make superfluous.
impl Layers {
    /// Forgets them: something acts in between.
    pub fn forget(&mut self) {
        (self.pending, self.pending_icmp) = ([None; 5], 0);
    }

    /// The layer whose match it is that the transport header is what it is, if there is one.
    fn pending_at(&self, layer: Layer) -> Option<Layer> {
        let has = |layer: Layer| self.pending[layer as usize].is_some();
        match layer {
            _ if has(layer) => Some(layer),
            Layer::Transport if has(Layer::Inner) => Some(Layer::Inner),
            _ => None,
        }
    }

    fn pending(&self, layer: Layer) -> Option<&Told> {
        let layer = self.pending_at(layer)?;
        self.pending[layer as usize].as_ref().map(|(_, told)| told)
    }

    /// Whether there is a match of the transport protocol, of which nothing more is known; one in an IP header says more.
    pub fn asks_for_transport(&self) -> bool {
        let mixed = matches!(self.family, Family::Bridge | Family::Netdev | Family::Inet);
        self.pending(Layer::Transport).is_some_and(|told| {
            !(mixed && matches!(told.left, Left::Packet { header: Some(Header::Ip | Header::Ip6), .. }))
        })
    }

    /// Takes the match of GRE as the transport protocol.
    pub fn take_gre(&mut self) -> Option<usize> {
        let told = self.pending[Layer::Transport as usize].as_ref().map(|(_, told)| told)?;
        let gre = told.left == Left::Meta(MetaKey::L4proto) && told.number() == Some(47);
        gre.then(|| self.take(Layer::Transport)).flatten()
    }

    /// A connection's address of the packet's family, if it is one of either.
    pub fn typed(&self, field: Field) -> Field {
        let spec = match (field.spec.load, self.ip()) {
            (Load::CtAddress(Side::Source), Some(2)) => &specs::CT_IP_SADDR,
            (Load::CtAddress(Side::Source), Some(10)) => &specs::CT_IP6_SADDR,
            (Load::CtAddress(Side::Destination), Some(2)) => &specs::CT_IP_DADDR,
            (Load::CtAddress(Side::Destination), Some(10)) => &specs::CT_IP6_DADDR,
            _ => field.spec,
        };
        Field { spec, ..field }
    }

    /// Takes the match that tells what a layer is.
    pub fn take(&mut self, layer: Layer) -> Option<usize> {
        let layer = self.pending_at(layer)?;
        self.pending[layer as usize].take().map(|(line, _)| line)
    }

    /// Remembers a match that may be made superfluous.
    pub fn remember(&mut self, line: usize, told: Told) {
        let layer = match told.left {
            Left::Packet { names: true, layer, header, .. } => {
                if let (Some(header @ (Header::Icmp | Header::Icmpv6)), Some(number), Some(1)) =
                    (header, told.number(), told.value.map(|v| v.len()))
                {
                    let echo = if header == Header::Icmp { &[0, 8][..] } else { &[128, 129] };
                    let number = number as u8;
                    self.pending_icmp = if header == Header::Icmp && number == 0 { 8 } else { number };
                    if echo.contains(&number) {
                        return;
                    }
                }
                // A header of the same layer follows.
                let stacks = self.known(layer).and_then(|p| p.above(told.number()?)).and_then(Header::layer);
                if stacks == Some(layer) { layer.below() } else { layer }
            }
            Left::Meta(MetaKey::Iiftype) => Layer::None,
            Left::Meta(MetaKey::Nfproto | MetaKey::Protocol) | Left::Ct(CtKey::L3protocol) => Layer::Link,
            Left::Meta(MetaKey::L4proto) | Left::Ct(CtKey::Protocol) => Layer::Network,
            _ => return,
        };
        self.pending[layer.above() as usize] = Some((line, told));
    }

    /// The match that a field of the packet makes superfluous.
    pub fn implied_by(&mut self, left: &Left, needs: &[u8]) -> Option<usize> {
        let Left::Packet { layer, header: Some(header), names, .. } = *left else { return None };
        let told = *self.pending(layer)?;
        let superfluous = match told.left {
            Left::Packet { layer: below, header: in_header, ethertype, .. } => {
                let mixed = matches!(self.family, Family::Bridge | Family::Netdev | Family::Inet);
                if mixed
                    && below == Layer::Network
                    && layer == Layer::Transport
                    && matches!(in_header, Some(Header::Ip | Header::Ip6))
                {
                    // `ip6 nexthdr` also says that it is IPv6.
                    false
                } else if mixed && below == layer && names {
                    false
                } else if mixed && below == layer && layer == Layer::Link {
                    match in_header {
                        // Never there without having been asked for.
                        Some(Header::Vlan) => false,
                        Some(Header::Ether) if ethertype => told.number() == Some(0x8100),
                        _ => true,
                    }
                } else if layer == Layer::Transport
                    && below == Layer::Transport
                    && matches!(in_header, Some(Header::Icmp | Header::Icmpv6))
                {
                    matches!(needs, [only] if in_header == Some(header) && *only == self.pending_icmp)
                } else {
                    true
                }
            }
            _ => true,
        };
        superfluous.then(|| self.take(layer)).flatten()
    }

    /// The match that one of metadata makes superfluous.
    pub fn implied_by_meta(&mut self, told: &Told) -> Option<usize> {
        let layer = match told.left {
            Left::Meta(MetaKey::Nfproto | MetaKey::Protocol) | Left::Ct(CtKey::L3protocol) => Layer::Link,
            Left::Meta(MetaKey::L4proto)
            | Left::Ct(
                CtKey::Protocol | CtKey::Src | CtKey::Dst | CtKey::SrcIp | CtKey::DstIp | CtKey::SrcIp6 | CtKey::DstIp6,
            ) => Layer::Network,
            _ => return None,
        };
        self.pending_at(layer)?;
        self.may_imply(told).then(|| self.take(layer)).flatten()
    }

    fn may_imply(&self, told: &Told) -> bool {
        let Some(before) = self.pending(Layer::Network) else { return true };
        let by_ethertype = |n: Option<u128>| match n {
            Some(0x0800) => Some(2),
            Some(0x86dd) => Some(10),
            _ => None,
        };
        let ip: Option<u128> = match before.left {
            Left::Meta(MetaKey::Nfproto) => before.number(),
            Left::Meta(MetaKey::Protocol) | Left::Packet { layer: Layer::Link, ethertype: true, .. } => {
                by_ethertype(before.number())
            }
            _ => return true,
        };
        match self.family {
            Family::Inet | Family::Netdev | Family::Bridge => {}
            Family::Ip => return ip == Some(2),
            Family::Ip6 => return ip == Some(10),
            _ => return true,
        }
        match told.left {
            Left::Meta(MetaKey::L4proto) => match told.number() {
                Some(1) => ip == Some(2),
                Some(58) => ip == Some(10),
                _ => false,
            },
            Left::Ct(CtKey::SrcIp | CtKey::DstIp) => ip == Some(2),
            Left::Ct(CtKey::SrcIp6 | CtKey::DstIp6) => ip == Some(10),
            Left::Ct(_) => false,
            _ => true,
        }
    }
}

impl Left {
    /// A field of a packet.
    pub fn of(layer: Layer, field: &Field, header: Header) -> Self {
        let words = field.spec.words;
        let ethertype = matches!(words, "ether type" | "vlan type");
        let protocol = matches!(
            words,
            "ip protocol" | "ip6 nexthdr" | "ah nexthdr" | "comp nexthdr" | "icmp type" | "icmpv6 type"
        );
        Self::Packet { layer, header: Some(header), names: ethertype || protocol, ethertype }
    }
}
