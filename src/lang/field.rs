//! Where a field's bytes come from: one row each, in `fields`.

use super::header::{Header, Tunnel};
use crate::{
    data::{
        ByteOrder, DataType, EtherType, Family, FieldType, HEX_INTEGER, INTEGER, IcmpType, Icmpv6Type, Protocol, Typed,
    },
    expr::{
        CtKey, ExthdrOp, FibFlags, FibResult, MetaKey, NumgenType, OsfTtl, RtKey, SocketKey, TunnelKey, XfrmDirection,
        XfrmKey,
    },
};
use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The IP family for which one of two rules is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

impl IpVersion {
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Bytes of an address.
    pub fn address_len(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    pub fn is_v4(self) -> bool {
        self == Self::V4
    }

    /// The number in the header below (`ETH_P_IP`, `ETH_P_IPV6`).
    pub fn ethertype(self) -> u16 {
        if self.is_v4() { EtherType::IP.number() } else { EtherType::IP6.number() }
    }

    /// The kernel's number of the family.
    pub fn number(self) -> u32 {
        let family = if self.is_v4() { Family::Ip } else { Family::Ip6 };
        u8::from(family).into()
    }
}

/// Which of two addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// How a field gets into a register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Load {
    /// From so many bits after the start of a header.
    Packet(Header, u16),
    /// From so many bits after the start of an extension header, an option or a chunk of this kind.
    Option(ExthdrOp, u8, u16),
    /// Whether there is one.
    Exists(ExthdrOp, u8),
    Meta(MetaKey),
    Ct(CtKey),
    Rt(RtKey),
    Socket(SocketKey),
    /// IPsec.
    Xfrm(XfrmKey),
    Tunnel(TunnelKey),
    /// The sender's operating system, with its version or without.
    Osf(bool),
    /// A route; its flags are a parameter.
    Fib(FibResult),
    /// A number made for the packet; how many there are is a parameter.
    Numgen(NumgenType),
    /// The same number both ways of a connection; how many there are is a parameter.
    Symhash,
    /// A hash that stands in the first register already.
    Jhash,
    /// The packet's address, of either family.
    Address(Side),
    /// The connection's address, of either family.
    CtAddress(Side),
}

/// What nft calls the kind of thing that is read: in its JSON, the object that a field is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Object {
    Payload,
    Exthdr,
    TcpOption,
    IpOption,
    SctpChunk,
    DccpOption,
    Meta,
    Ct,
    Rt,
    Socket,
    Ipsec,
    Osf,
    Tunnel,
    Fib,
    Numgen,
    Symhash,
    Jhash,
    /// The crate's own: an address of either family.
    Addr,
}

impl Object {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Exthdr => "exthdr",
            Self::TcpOption => "tcp option",
            Self::IpOption => "ip option",
            Self::SctpChunk => "sctp chunk",
            Self::DccpOption => "dccp option",
            Self::Meta => "meta",
            Self::Ct => "ct",
            Self::Rt => "rt",
            Self::Socket => "socket",
            Self::Ipsec => "ipsec",
            Self::Osf => "osf",
            Self::Tunnel => "tunnel",
            Self::Fib => "fib",
            Self::Numgen => "numgen",
            Self::Symhash => "symhash",
            Self::Jhash => "jhash",
            Self::Addr => "addr",
        }
    }
}

impl Load {
    pub const fn object(&self) -> Object {
        match self {
            Self::Packet(..) => Object::Payload,
            Self::Option(op, ..) | Self::Exists(op, _) => match op {
                ExthdrOp::TcpOption => Object::TcpOption,
                ExthdrOp::Ipv4Option => Object::IpOption,
                ExthdrOp::SctpChunk => Object::SctpChunk,
                ExthdrOp::DccpOption => Object::DccpOption,
                ExthdrOp::Ipv6 | ExthdrOp::Unknown(_) => Object::Exthdr,
            },
            Self::Meta(_) => Object::Meta,
            Self::Ct(_) | Self::CtAddress(_) => Object::Ct,
            Self::Rt(_) => Object::Rt,
            Self::Socket(_) => Object::Socket,
            Self::Xfrm(_) => Object::Ipsec,
            Self::Tunnel(_) => Object::Tunnel,
            Self::Osf(_) => Object::Osf,
            Self::Fib(_) => Object::Fib,
            Self::Numgen(_) => Object::Numgen,
            Self::Symhash => Object::Symhash,
            Self::Jhash => Object::Jhash,
            Self::Address(_) => Object::Addr,
        }
    }
}

/// One field.
#[derive(Debug)]
pub(crate) struct Spec {
    /// nft's word for what it is a field of: `tcp`, `meta`, `ct`, `frag`; of an option or chunk its
    /// name, such as `maxseg`.
    pub header: &'static str,
    /// nft's word for the field: `dport`, `mark`, `ip saddr`; nothing if it is the existence of the
    /// header.
    pub field: &'static str,
    /// Both, as nft lists them, where no parameter stands between.
    pub words: &'static str,
    pub load: Load,
    pub bits: u16,
    /// Type of its values; the order is that in which they come.
    pub ty: FieldType,
    /// ICMP types that have it; every one if empty.
    pub needs: &'static [u8],
    /// Whether the transport checksum covers it.
    pub pseudo: bool,
}

// There is one of each.
impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Spec {}

/// What nft shows otherwise than the type of the values would have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum As {
    Typed,
    /// A number.
    Number,
    /// A number in hex.
    Hex,
    /// Bits without names.
    Bitmask,
}

/// What a header says with a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Names {
    /// The protocol above a link, by its EtherType.
    EtherType,
    /// The protocol above IP, or above a header between IP and the transport.
    Protocol,
    /// Which message of ICMP it is, and so which fields it has.
    IcmpType,
}

impl Spec {
    /// What the header says with it, if it is of that kind.
    pub fn names(&self) -> Option<Names> {
        let Load::Packet(header, _) = self.load else { return None };
        let is = |ty: FieldType| self.ty.datatype == ty.datatype;
        Some(match header {
            Header::Ether | Header::Vlan if is(EtherType::FIELD) => Names::EtherType,
            Header::Ip | Header::Ip6 | Header::Ah | Header::Comp if is(Protocol::FIELD) => Names::Protocol,
            Header::Icmp if is(IcmpType::FIELD) => Names::IcmpType,
            Header::Icmpv6 if is(Icmpv6Type::FIELD) => Names::IcmpType,
            _ => return None,
        })
    }

    /// The type with the order in which the values come.
    pub const fn typed(mut ty: FieldType, load: &Load, shown: As) -> FieldType {
        ty.order = Self::order_of(&ty, load);
        match shown {
            As::Typed => {}
            As::Number => (ty.info, ty.datatype) = (INTEGER.info, DataType::INTEGER),
            As::Hex => ty.info = HEX_INTEGER.info,
            As::Bitmask => {
                ty.info = crate::data::BITMASK.info;
                ty.datatype = DataType::BITMASK;
            }
        }
        ty
    }

    /// A plain number has no order of its own: it is the network's in packets and the machine's
    /// elsewhere.
    const fn order_of(field: &FieldType, load: &Load) -> ByteOrder {
        let integer = matches!(field.datatype, DataType::INTEGER);
        match load {
            // What has no value of its own comes as it lies in memory, and nft reads it from there.
            Load::Meta(MetaKey::Prandom) | Load::Ct(CtKey::Id) | Load::Xfrm(XfrmKey::Spi) => ByteOrder::Network,
            Load::Packet(..) | Load::Option(..) => field.order,
            _ if integer => ByteOrder::Host,
            _ => field.order,
        }
    }

    pub const fn object(&self) -> Object {
        self.load.object()
    }

    /// nft's JSON has another word for one field.
    #[cfg(feature = "json")]
    pub fn json_field(&self) -> &'static str {
        match self.words {
            "icmpv6 param-problem" => "parameter-problem",
            _ => self.field,
        }
    }
}

/// What a field is told beside its row.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Param {
    #[default]
    None,
    /// ct: 0 is the original direction, 1 the reply.
    Direction(u8),
    /// ipsec: which way, and which of several transformations.
    Ipsec(XfrmDirection, u32),
    /// osf: how exact the TTL has to be.
    Ttl(OsfTtl),
    /// socket cgroupv2: how deep in the tree.
    Level(u32),
    /// A header inside of a tunnel; of a VLAN tag also how many are outside of it.
    Inside(Tunnel, u8),
    /// vlan: how many tags are outside of this one.
    Below(u8),
    /// Any bits of the packet: header to count from, first bit, number of bits. The row is
    /// [`super::fields::RAW`].
    Raw(Header, u16, u16),
    /// Any bits of a TCP option: its kind, first bit, number of bits. The row is
    /// [`super::fields::RAW_OPTION`].
    RawOption(u8, u16, u16),
    /// The existence of an option by number. The row is one of [`super::fields::numbered`].
    Kind(u8),
    /// numgen and symhash: how many numbers there are, and the first.
    Modulo(u32, u32),
    /// fib: what is looked up, and with `PRESENT` whether there is a route at all.
    Fib(FibFlags),
}

/// A field: anything that a rule can read that is not computed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Field {
    pub spec: &'static Spec,
    pub param: Param,
}

impl Field {
    pub const fn new(spec: &'static Spec) -> Self {
        Self { spec, param: Param::None }
    }

    pub const fn with(spec: &'static Spec, param: Param) -> Self {
        Self { spec, param }
    }

    /// How it gets into a register, parameters included.
    #[inline]
    pub fn load(&self) -> Load {
        match (self.param, self.spec.load) {
            (Param::Raw(header, offset, _), _) => Load::Packet(header, offset),
            (Param::RawOption(kind, offset, _), _) => Load::Option(ExthdrOp::TcpOption, kind, offset),
            (Param::Kind(kind), Load::Exists(op, _)) => Load::Exists(op, kind),
            (Param::Below(depth) | Param::Inside(_, depth), Load::Packet(header, offset)) => {
                Load::Packet(header, offset + 32 * u16::from(depth))
            }
            (_, load) => load,
        }
    }

    /// How many bits it has.
    #[inline]
    pub fn bits(&self) -> u16 {
        match self.param {
            Param::Raw(_, _, bits) | Param::RawOption(_, _, bits) => bits,
            Param::Fib(flags) if flags.contains(FibFlags::PRESENT) => 8,
            _ => self.spec.bits,
        }
    }

    /// The type of its values, as wide as they are.
    pub fn ty(&self) -> FieldType {
        match self.param {
            Param::Raw(_, _, bits) | Param::RawOption(_, _, bits) => {
                self.spec.ty.with_len(u8::try_from(bits.div_ceil(8)).unwrap_or(u8::MAX))
            }
            Param::Fib(flags) if flags.contains(FibFlags::PRESENT) => bool::FIELD,
            _ => self.spec.ty,
        }
    }

    /// Whether it is set to a list of bits (`ct event set new,destroy`), where others are set to
    /// bits combined.
    pub fn is_set_to_list(&self) -> bool {
        matches!(self.spec.load, Load::Ct(CtKey::Eventmask))
    }

    pub fn direction(&self) -> Option<u8> {
        match self.param {
            Param::Direction(direction) => Some(direction),
            _ => None,
        }
    }

    /// The tunnel that it is inside of.
    pub fn tunnel(&self) -> Option<Tunnel> {
        match self.param {
            Param::Inside(tunnel, _) => Some(tunnel),
            _ => None,
        }
    }

    /// nft's words for it.
    pub fn words(&self) -> String {
        let Spec { field, words, .. } = self.spec;
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = match self.param {
            Param::None | Param::Below(_) => return (*words).into(),
            Param::Direction(0) => write!(out, "ct original {field}"),
            Param::Direction(_) => write!(out, "ct reply {field}"),
            Param::Ipsec(way, number) => {
                let way = if way == XfrmDirection::In { "in" } else { "out" };
                match number {
                    0 => write!(out, "ipsec {way} {field}"),
                    n => write!(out, "ipsec {way} spnum {n} {field}"),
                }
            }
            Param::Ttl(ttl) => match ttl_word(ttl) {
                Some(word) => write!(out, "osf ttl {word} {field}"),
                None => write!(out, "{words}"),
            },
            Param::Level(level) => write!(out, "{words} level {level}"),
            // Fields of the tunnel's own header are not inside of it.
            Param::Inside(tunnel, _) if tunnel.word() == self.spec.header => write!(out, "{words}"),
            Param::Inside(tunnel, _) => write!(out, "{} {words}", tunnel.word()),
            Param::Raw(header, offset, bits) => write!(out, "@{},{offset},{bits}", header.word()),
            Param::RawOption(kind, offset, bits) => write!(out, "tcp option @{kind},{offset},{bits}"),
            Param::Kind(kind) => write!(out, "{} {kind}", self.spec.object().word()),
            Param::Modulo(modulus, 0) => write!(out, "{words} mod {modulus}"),
            Param::Modulo(modulus, offset) => write!(out, "{words} mod {modulus} offset {offset}"),
            Param::Fib(flags) => write!(out, "fib {} {field}", fib_words(flags).join(" . ")),
        };
        out
    }

    /// nft's words as its newest version lists them: older ones read those of [`Field::words`]
    /// only.
    pub fn listed(&self) -> String {
        match self.param {
            Param::Fib(flags) if flags.contains(FibFlags::PRESENT) => {
                format!("fib {} check", fib_words(flags).join(" . "))
            }
            _ => self.words(),
        }
    }

    /// The field of one family.
    pub fn resolve(self, version: Option<IpVersion>) -> (Self, Option<FieldType>) {
        use super::fields::specs;
        let v4 = version.is_none_or(IpVersion::is_v4);
        let spec = match (self.spec.load, v4) {
            (Load::Address(Side::Source), true) => &specs::IP_SADDR,
            (Load::Address(Side::Source), false) => &specs::IP6_SADDR,
            (Load::Address(Side::Destination), true) => &specs::IP_DADDR,
            (Load::Address(Side::Destination), false) => &specs::IP6_DADDR,
            (Load::CtAddress(Side::Source), true) => &specs::CT_IP_SADDR,
            (Load::CtAddress(Side::Source), false) => &specs::CT_IP6_SADDR,
            (Load::CtAddress(Side::Destination), true) => &specs::CT_IP_DADDR,
            (Load::CtAddress(Side::Destination), false) => &specs::CT_IP6_DADDR,
            _ => return (self, None),
        };
        (Self { spec, ..self }, Some(if v4 { Ipv4Addr::FIELD } else { Ipv6Addr::FIELD }))
    }
}

/// nft's word for how exact a TTL has to be, where it has one.
pub(crate) fn ttl_word(ttl: OsfTtl) -> Option<&'static str> {
    match ttl {
        OsfTtl::Less => Some("loose"),
        OsfTtl::NoCheck => Some("skip"),
        _ => None,
    }
}

/// nft's words for what is looked up.
pub(crate) fn fib_words(flags: FibFlags) -> Vec<&'static str> {
    FIB_WORDS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| *word).collect()
}

/// In nft's order.
pub(crate) const FIB_WORDS: [(FibFlags, &str); 5] = [
    (FibFlags::SADDR, "saddr"),
    (FibFlags::DADDR, "daddr"),
    (FibFlags::MARK, "mark"),
    (FibFlags::IIF, "iif"),
    (FibFlags::OIF, "oif"),
];
