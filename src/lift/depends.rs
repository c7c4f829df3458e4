//! Matches that later ones make superfluous, as nft's own that only make sure of a header.

use super::layers::{Layers, Left, Told};
use crate::{
    data::{EtherType, Family},
    expr::{CtKey, MetaKey},
    lang::header::Layer,
    lang::{
        field::{Field, IpVersion, Load, Side},
        fields::specs,
        header::Header,
        tree::{IPV4, IPV6},
    },
};

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

    /// Whether there is a match of the transport protocol, of which nothing more is known; one in
    /// an IP header says more.
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
            (Load::CtAddress(Side::Source), Some(IPV4)) => &specs::CT_IP_SADDR,
            (Load::CtAddress(Side::Source), Some(IPV6)) => &specs::CT_IP6_SADDR,
            (Load::CtAddress(Side::Destination), Some(IPV4)) => &specs::CT_IP_DADDR,
            (Load::CtAddress(Side::Destination), Some(IPV6)) => &specs::CT_IP6_DADDR,
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
                        Some(Header::Ether) if ethertype => told.number() == Some(EtherType::VLAN.number().into()),
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
        let by_ethertype = |n: Option<u128>| {
            let of = |version: &IpVersion| n == Some(version.ethertype().into());
            IpVersion::BOTH.into_iter().find(of).map(|version| version.number().into())
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
            Left::Ct(CtKey::Src | CtKey::Dst) => matches!(ip, Some(2 | 10)),
            Left::Ct(_) => false,
            _ => true,
        }
    }
}
