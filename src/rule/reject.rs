//! Refusals that tell the sender.

use crate::{
    data::{IcmpCode, Icmpv6Code, IcmpxCode},
    expr::{Reject, RejectType},
    lang::tree::{IPV4, IPV6, Statement},
};

/// What the sender of a rejected packet is told.
///
/// ```
/// use oxitables::{Rule, RejectWith, data::IcmpxCode};
/// let closed = Rule::new().reject_with(RejectWith::TcpReset);
/// let forbidden = Rule::new().reject_with(IcmpxCode::ADMIN_PROHIBITED);
/// assert_eq!(forbidden.to_string(), "reject with icmpx admin-prohibited");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RejectWith {
    /// That nothing listens on the port, in the words of the packet's family: nft's plain `reject`.
    PortUnreachable,
    /// A TCP reset, as if nothing listened; TCP packets only, which the rule then matches first of
    /// all.
    TcpReset,
    /// An ICMP message; IPv4 packets only, which the rule then matches first of all.
    Icmp(IcmpCode),
    /// An ICMPv6 message; IPv6 packets only, which the rule then matches first of all.
    Icmpv6(Icmpv6Code),
    /// A message of the packet's family; for tables of inet, bridge and netdev.
    Icmpx(IcmpxCode),
}

impl From<IcmpCode> for RejectWith {
    fn from(code: IcmpCode) -> Self {
        Self::Icmp(code)
    }
}

impl From<Icmpv6Code> for RejectWith {
    fn from(code: Icmpv6Code) -> Self {
        Self::Icmpv6(code)
    }
}

impl From<IcmpxCode> for RejectWith {
    fn from(code: IcmpxCode) -> Self {
        Self::Icmpx(code)
    }
}

impl From<RejectWith> for Statement {
    fn from(with: RejectWith) -> Self {
        let message = |kind, code| Reject { code, ..Reject::icmp(kind, 0) };
        let (family, with) = match with {
            RejectWith::PortUnreachable => (None, message(RejectType::Icmpx, None)),
            RejectWith::TcpReset => (None, Reject::tcp_reset()),
            RejectWith::Icmp(code) => (Some(IPV4), message(RejectType::Icmp, Some(code.number()))),
            RejectWith::Icmpv6(code) => (Some(IPV6), message(RejectType::Icmp, Some(code.number()))),
            RejectWith::Icmpx(code) => (None, message(RejectType::Icmpx, Some(code.number()))),
        };
        Self::Reject { family, with }
    }
}
