//! Refusals that tell the sender.

use super::{
    field::Twin,
    lower::{Lowering, Net, Statement, Transport, refused},
};
use crate::{
    data::{Family, IcmpCode, Icmpv6Code, IcmpxCode, Protocol},
    expr::{Reject, RejectType},
    wire::Malformed,
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
    /// A TCP reset, as if nothing listened; TCP packets only, which the rule then matches first of all.
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

impl RejectWith {
    /// An ICMP message of one family.
    fn message(cx: &mut Lowering, net: Net, code: u8) -> Result<Reject, Malformed> {
        match cx.net() {
            Some(known) if known == net => {}
            None => cx.need_first(Some(net), false)?,
            Some(_) => {
                return refused("an ICMP message of the other family than the rule's: use RejectWith::Icmpx");
            }
        }
        Ok(Reject::icmp(RejectType::Icmp, code))
    }
}

impl Statement for RejectWith {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        if cx.family == Family::Arp || cx.net() == Some(Net::Arp) {
            return refused("ARP packets cannot be rejected");
        }
        let reject = match self {
            Self::PortUnreachable => match cx.net() {
                Some(Net::Ip) => Reject::icmp(RejectType::Icmp, IcmpCode::PORT_UNREACHABLE.number()),
                Some(Net::Ip6) => Reject::icmp(RejectType::Icmp, Icmpv6Code::PORT_UNREACHABLE.number()),
                _ => Reject::icmp(RejectType::Icmpx, IcmpxCode::PORT_UNREACHABLE.number()),
            },
            Self::TcpReset => {
                match cx.transport() {
                    Some(Transport::One(Protocol::TCP)) => {}
                    None => cx.need_first(None, true)?,
                    Some(_) => return refused("a TCP reset in a rule for packets of another protocol"),
                }
                Reject::tcp_reset()
            }
            Self::Icmp(code) => Self::message(cx, Net::Ip, code.number())?,
            Self::Icmpv6(code) => Self::message(cx, Net::Ip6, code.number())?,
            Self::Icmpx(code) => {
                if matches!(cx.family, Family::Ip | Family::Ip6) {
                    return refused("icmpx is for tables of both families: use the ICMP of this one");
                }
                Reject::icmp(RejectType::Icmpx, code.number())
            }
        };
        cx.push_act([reject.into()]);
        Ok(())
    }

    fn text(&self, _: Option<Twin>) -> String {
        match self {
            Self::PortUnreachable => "reject".into(),
            Self::TcpReset => "reject with tcp reset".into(),
            Self::Icmp(code) => format!("reject with icmp {code}"),
            Self::Icmpv6(code) => format!("reject with icmpv6 {code}"),
            Self::Icmpx(code) => format!("reject with icmpx {code}"),
        }
    }
}
