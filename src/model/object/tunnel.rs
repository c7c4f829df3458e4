//! Tunnels that rules send packets into.

use crate::wire::{
    Address, Be16, Be32, Blob, Codec, DecodeError, Form, Nest, Scope, Spec, Step, Table, U8, Unknown, Writer, attrs,
};
#[cfg(test)]
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

attributes! {
    /// The header that a tunnel device (VXLAN, Geneve, ERSPAN in external mode) shall give a
    /// packet.
    ///
    /// Kernel: `struct nft_tunnel_obj` in `nft_tunnel.c`, since 4.19; family `netdev`.
    pub struct TunnelTemplate {
        /// Number of the tunnel (VNI).
        req id: u32 = 1 "NFTA_TUNNEL_KEY_ID" as Be32,
        /// Addresses of an IPv4 tunnel.
        opt ip: TunnelIp = 2 "NFTA_TUNNEL_KEY_IP" as Nest,
        /// Addresses of an IPv6 tunnel.
        opt ip6: TunnelIp6 = 3 "NFTA_TUNNEL_KEY_IP6" as Nest,
        /// Source port.
        opt sport: u16 = 7 "NFTA_TUNNEL_KEY_SPORT" as Be16,
        /// Destination port.
        opt dport: u16 = 8 "NFTA_TUNNEL_KEY_DPORT" as Be16,
        /// Flags.
        opt flags: TunnelFlags = 4 "NFTA_TUNNEL_KEY_FLAGS" as Be32,
        /// Type of service.
        opt tos: u8 = 5 "NFTA_TUNNEL_KEY_TOS" as U8,
        /// Time to live; 255 if `None`.
        opt ttl: u8 = 6 "NFTA_TUNNEL_KEY_TTL" as U8,
        /// Options of the tunnel's protocol. The kernel reports "none" as an empty list, which
        /// older ones refuse.
        opt options: TunnelOptions = 9 "NFTA_TUNNEL_KEY_OPTS" as OptionsCodec,
    }
}

attributes! {
    /// Ends of an IPv4 tunnel.
    pub struct TunnelIp {
        /// Source; as the route says if `None` or 0.0.0.0.
        opt source: Ipv4Addr = 1 "NFTA_TUNNEL_KEY_IP_SRC" as Address,
        /// Destination.
        req destination: Ipv4Addr = 2 "NFTA_TUNNEL_KEY_IP_DST" as Address,
    }
}

attributes! {
    /// Ends of an IPv6 tunnel.
    pub struct TunnelIp6 {
        /// Source; as the route says if `None` or `::`.
        opt source: Ipv6Addr = 1 "NFTA_TUNNEL_KEY_IP6_SRC" as Address,
        /// Destination.
        req destination: Ipv6Addr = 2 "NFTA_TUNNEL_KEY_IP6_DST" as Address,
        /// Flow label.
        opt flow_label: u32 = 3 "NFTA_TUNNEL_KEY_IP6_FLOWLABEL" as Be32,
    }
}

flags! {
    /// Flags of a [`TunnelTemplate`].
    pub struct TunnelFlags: u32 {
        /// Without a checksum.
        ZERO_CSUM_TX = 1 "NFT_TUNNEL_F_ZERO_CSUM_TX",
        /// The outer packet must not be fragmented.
        DONT_FRAGMENT = 2 "NFT_TUNNEL_F_DONT_FRAGMENT",
        /// With sequence numbers.
        SEQ_NUMBER = 4 "NFT_TUNNEL_F_SEQ_NUMBER",
    }
}

attributes! {
    /// Option of a VXLAN tunnel.
    pub struct VxlanOption {
        /// Group policy.
        req gbp: u32 = 1 "NFTA_TUNNEL_KEY_VXLAN_GBP" as Be32,
    }
}

attributes! {
    /// Options of an ERSPAN tunnel.
    pub struct ErspanOption {
        /// Version, 1 or 2. Kernels before 5.6 did not report it.
        opt version: u32 = 1 "NFTA_TUNNEL_KEY_ERSPAN_VERSION" as Be32,
        /// Version 1: index of the port.
        opt index: u32 = 2 "NFTA_TUNNEL_KEY_ERSPAN_V1_INDEX" as Be32,
        /// Version 2: identifier of the hardware.
        opt hwid: u8 = 3 "NFTA_TUNNEL_KEY_ERSPAN_V2_HWID" as U8,
        /// Version 2: 0 for ingress, 1 for egress.
        opt direction: u8 = 4 "NFTA_TUNNEL_KEY_ERSPAN_V2_DIR" as U8,
    }
}

attributes! {
    /// One option of a Geneve tunnel. Since 5.7.
    pub struct GeneveOption {
        /// Class: who defined it.
        req class: u16 = 1 "NFTA_TUNNEL_KEY_GENEVE_CLASS" as Be16,
        /// Type in the class.
        req kind: u8 = 2 "NFTA_TUNNEL_KEY_GENEVE_TYPE" as U8,
        /// Content: up to 124 bytes, a multiple of four.
        req data: Vec<u8> = 3 "NFTA_TUNNEL_KEY_GENEVE_DATA" as Blob<127>,
    }
}

/// Options of a tunnel's protocol: one of VXLAN or ERSPAN, or several of Geneve.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TunnelOptions(pub Vec<TunnelOption>);

/// An entry of [`TunnelOptions`].
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TunnelOption {
    /// VXLAN.
    Vxlan(VxlanOption),
    /// ERSPAN.
    Erspan(ErspanOption),
    /// Geneve. Kernels before 6.19 report several of them in one entry; they are sent one by one.
    Geneve(Vec<GeneveOption>),
    /// An attribute that this version does not know.
    Unknown(Unknown),
}

const VXLAN: u16 = 1;
const ERSPAN: u16 = 2;
const GENEVE: u16 = 3;

/// Rows of [`TunnelOptions`].
pub(in crate::model) const OPTIONS: &[Spec] = &[
    Spec { number: VXLAN, name: "NFTA_TUNNEL_KEY_OPTS_VXLAN", field: "vxlan", scope: Scope::Table(VxlanOption::TABLE) },
    Spec {
        number: ERSPAN,
        name: "NFTA_TUNNEL_KEY_OPTS_ERSPAN",
        field: "erspan",
        scope: Scope::Table(ErspanOption::TABLE),
    },
    Spec {
        number: GENEVE,
        name: "NFTA_TUNNEL_KEY_OPTS_GENEVE",
        field: "geneve",
        scope: Scope::Table(GeneveOption::TABLE),
    },
];

/// The options of a tunnel.
#[derive(Debug)]
pub enum OptionsCodec {}

impl Codec<TunnelOptions> for OptionsCodec {
    const SCOPE: Scope = Scope::Table(OPTIONS);

    fn put(value: &TunnelOptions, out: &mut Writer) {
        for option in &value.0 {
            match option {
                TunnelOption::Vxlan(vxlan) => out.nest(VXLAN, "vxlan", |out| vxlan.encode(out)),
                TunnelOption::Erspan(erspan) => out.nest(ERSPAN, "erspan", |out| erspan.encode(out)),
                TunnelOption::Geneve(all) if out.form() == Form::Exact => {
                    out.nest(GENEVE, "geneve", |out| all.iter().for_each(|geneve| geneve.encode(out)));
                }
                TunnelOption::Geneve(all) => {
                    all.iter().for_each(|geneve| out.nest(GENEVE, "geneve", |out| geneve.encode(out)));
                }
                TunnelOption::Unknown(raw) => out.bytes(raw.as_bytes()),
            }
        }
    }

    fn get(payload: &[u8]) -> Result<TunnelOptions, DecodeError> {
        let mut options = Vec::new();
        for attr in attrs(payload) {
            let attr = attr?;
            let within = |field| move |e: DecodeError| e.within(Step::Field(field));
            options.push(match attr.kind {
                VXLAN => TunnelOption::Vxlan(VxlanOption::decode(attr.payload).map_err(within("vxlan"))?),
                ERSPAN => TunnelOption::Erspan(ErspanOption::decode(attr.payload).map_err(within("erspan"))?),
                GENEVE => TunnelOption::Geneve(geneve(attr.payload).map_err(within("geneve"))?),
                _ => {
                    let mut unknown = Unknown::default();
                    unknown.push(attr.raw);
                    TunnelOption::Unknown(unknown)
                }
            });
        }
        Ok(TunnelOptions(options))
    }

    fn is_absent(value: &TunnelOptions) -> bool {
        value.0.is_empty()
    }

    #[cfg(test)]
    fn any() -> BoxedStrategy<TunnelOptions> {
        let entry = prop_oneof![
            VxlanOption::any_attrs().prop_map(TunnelOption::Vxlan),
            ErspanOption::any_attrs().prop_map(TunnelOption::Erspan),
            prop::collection::vec(GeneveOption::any_attrs(), 1..3).prop_map(TunnelOption::Geneve),
        ];
        prop::collection::vec(entry, 0..3).prop_map(TunnelOptions).boxed()
    }
}

/// Options that follow each other: each begins with its class.
fn geneve(payload: &[u8]) -> Result<Vec<GeneveOption>, DecodeError> {
    let starts: Vec<usize> = attrs(payload).flatten().filter(|a| a.kind == 1).map(|a| a.offset).collect();
    let first = starts.first().copied().unwrap_or(0);
    if first != 0 || starts.is_empty() {
        return GeneveOption::decode(payload).map(|one| vec![one]);
    }
    let ends = starts.iter().skip(1).copied().chain([payload.len()]);
    starts.iter().zip(ends).map(|(from, to)| GeneveOption::decode(&payload[*from..to])).collect()
}

impl TunnelTemplate {
    /// A tunnel to an IPv4 address.
    pub fn to_ip(id: u32, destination: Ipv4Addr) -> Self {
        Self { ip: Some(TunnelIp::required(destination)), ..Self::required(id) }
    }

    /// A tunnel to an IPv6 address.
    pub fn to_ip6(id: u32, destination: Ipv6Addr) -> Self {
        Self { ip6: Some(TunnelIp6::required(destination)), ..Self::required(id) }
    }

    /// Adds an option of the tunnel's protocol.
    pub fn with_option(mut self, option: TunnelOption) -> Self {
        self.options.get_or_insert_default().0.push(option);
        self
    }
}

impl VxlanOption {
    /// A group policy.
    pub fn new(gbp: u32) -> Self {
        Self::required(gbp)
    }
}

impl ErspanOption {
    /// Version 1, with the index of a port.
    pub fn v1(index: u32) -> Self {
        Self { version: Some(1), index: Some(index), ..Self::required() }
    }

    /// Version 2, with the identifier of the hardware and a direction: 0 for ingress, 1 for egress.
    pub fn v2(hwid: u8, direction: u8) -> Self {
        Self { version: Some(2), hwid: Some(hwid), direction: Some(direction), ..Self::required() }
    }
}

impl GeneveOption {
    /// An option of a class.
    pub fn new(class: u16, kind: u8, data: impl Into<Vec<u8>>) -> Self {
        Self::required(class, kind, data.into())
    }
}
