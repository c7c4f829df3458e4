//! Refusals that tell the sender.

use super::{
    Compiler,
    lower::{Net, Transport},
};
use crate::{
    data::{Family, IcmpCode, Icmpv6Code, IcmpxCode, Protocol},
    expr::{Reject, RejectType},
    lang::{
        refused,
        tree::{IPV4, IPV6},
    },
    wire::Malformed,
};

impl Compiler<'_, '_> {
    /// `reject`; without a code, that nothing listens on the port, in the words of the packet's
    /// family.
    pub(super) fn reject(&mut self, family: Option<u32>, with: &Reject) -> Result<(), Malformed> {
        let net = self.cx.net();
        if self.cx.family == Family::Arp || net == Some(Net::Arp) {
            return refused("ARP packets cannot be rejected");
        }
        let reject = match (with.kind, with.code) {
            (RejectType::TcpReset, _) => {
                match self.cx.transport() {
                    Some(Transport::One(Protocol::TCP)) => {}
                    None => self.cx.need_first(None, true)?,
                    Some(_) => return refused("a TCP reset in a rule for packets of another protocol"),
                }
                Reject::tcp_reset()
            }
            (_, None) => match net {
                Some(Net::Ip) => Reject::icmp(RejectType::Icmp, IcmpCode::PORT_UNREACHABLE.number()),
                Some(Net::Ip6) => Reject::icmp(RejectType::Icmp, Icmpv6Code::PORT_UNREACHABLE.number()),
                _ => Reject::icmp(RejectType::Icmpx, IcmpxCode::PORT_UNREACHABLE.number()),
            },
            (RejectType::Icmpx, Some(code)) => {
                if matches!(self.cx.family, Family::Ip | Family::Ip6) {
                    return refused("icmpx is for tables of both families: use the ICMP of this one");
                }
                Reject::icmp(RejectType::Icmpx, code)
            }
            (_, Some(code)) => {
                let of = match (family, net) {
                    (Some(IPV4), _) | (_, Some(Net::Ip)) => Net::Ip,
                    (Some(IPV6), _) | (_, Some(Net::Ip6)) => Net::Ip6,
                    _ => return refused("nothing says which of the two ICMPs is meant"),
                };
                match net {
                    Some(known) if known == of => {}
                    None => self.cx.need_first(Some(of), false)?,
                    Some(_) => {
                        return refused("an ICMP message of the other family than the rule's: use RejectWith::Icmpx");
                    }
                }
                Reject::icmp(RejectType::Icmp, code)
            }
        };
        self.cx.push_act([reject.into()]);
        Ok(())
    }
}
