//! Rules that choose a routing table.

use crate::data::{Mark, Masked};
use netlink_packet_route::{
    AddressFamily,
    route::RouteProtocol,
    rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
};
use std::fmt;

/// A rule that has packets with a mark routed by a table of their own, in both families unless told
/// otherwise: `ip rule`.
///
/// ```
/// use oxitables::{Mark, route::PolicyRule};
/// let rule = PolicyRule::new(102).mark(Mark::bits(0x0200, 0x0f00));
/// assert_eq!(rule.to_string(), "rule fwmark 0x200/0xf00 lookup 102 pref 10000");
/// ```
///
/// Where the table has no route for a packet, the rules behind it are asked, in the end the main
/// table: a table with an [unreachable](super::Route::unreachable) default route keeps packets from
/// leaving by the wrong door.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyRule {
    table: u32,
    priority: u32,
    mark: Option<Masked<Mark>>,
    iif: Option<String>,
    suppress: Option<u32>,
    families: &'static [AddressFamily],
}

impl PolicyRule {
    /// Where a rule stands that does not say: before the main table (32766), behind the local one
    /// (0).
    pub const PRIORITY: u32 = 10_000;

    /// A rule that has packets routed by a table: 1 to 2^32 - 1; 253 to 255 are the kernel's own
    /// `default`, `main` and `local`.
    pub fn new(table: u32) -> Self {
        let families = &[AddressFamily::Inet, AddressFamily::Inet6];
        Self { table, priority: Self::PRIORITY, mark: None, iif: None, suppress: None, families }
    }

    /// Only packets with these bits in their mark; or, of a whole [`Mark`], exactly this one.
    pub fn mark(mut self, mark: impl Into<Masked<Mark>>) -> Self {
        self.mark = Some(mark.into());
        self
    }

    /// Only packets that come in by an interface; `lo` stands for what this host sends. The
    /// interface need not be there yet.
    pub fn iif(mut self, name: impl Into<String>) -> Self {
        self.iif = Some(name.into());
        self
    }

    /// Only routes to networks with more bits than this; 0 leaves out the default route, and the
    /// rules behind are asked. Since 3.12.
    ///
    /// ```
    /// use oxitables::route::PolicyRule;
    /// let near = PolicyRule::new(254).suppress_prefixlength(0);
    /// assert_eq!(near.to_string(), "rule lookup 254 suppress_prefixlength 0 pref 10000");
    /// ```
    pub fn suppress_prefixlength(mut self, bits: u32) -> Self {
        self.suppress = Some(bits);
        self
    }

    /// Where it stands among the rules: lower is earlier.
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// For IPv4 only.
    pub fn v4_only(mut self) -> Self {
        self.families = &[AddressFamily::Inet];
        self
    }

    /// For IPv6 only.
    pub fn v6_only(mut self) -> Self {
        self.families = &[AddressFamily::Inet6];
        self
    }

    /// One for each family.
    pub(super) fn messages(&self) -> Vec<RuleMessage> {
        self.families.iter().map(|family| self.message(*family)).collect()
    }

    fn message(&self, family: AddressFamily) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = family;
        message.header.action = RuleAction::ToTable;
        // Without a priority the kernel would choose one, and find no rule equal.
        message.attributes = vec![
            RuleAttribute::Table(self.table),
            RuleAttribute::Priority(self.priority),
            RuleAttribute::Protocol(RouteProtocol::Static),
        ];
        if let Some(mark) = self.mark {
            message.attributes.extend([RuleAttribute::FwMark(mark.value()), RuleAttribute::FwMask(mark.mask())]);
        }
        message.attributes.extend(self.iif.clone().map(RuleAttribute::Iifname));
        message.attributes.extend(self.suppress.map(RuleAttribute::SuppressPrefixLen));
        message
    }
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rule")?;
        if let Some(mark) = &self.mark {
            write!(f, " fwmark {:#x}/{:#x}", mark.value(), mark.mask())?;
        }
        if let Some(iif) = &self.iif {
            write!(f, " iif {iif}")?;
        }
        write!(f, " lookup {}", self.table)?;
        if let Some(bits) = self.suppress {
            write!(f, " suppress_prefixlength {bits}")?;
        }
        write!(f, " pref {}", self.priority)
    }
}

/// What a rule says, besides what the kernel adds of itself and the zeros that it leaves out.
fn said(rule: &RuleMessage) -> impl Iterator<Item = &RuleAttribute> {
    rule.attributes.iter().filter(|attribute| {
        !matches!(
            attribute,
            RuleAttribute::Protocol(_)
                | RuleAttribute::SuppressPrefixLen(u32::MAX)
                | RuleAttribute::SuppressIfGroup(u32::MAX)
                | RuleAttribute::FwMark(0)
                | RuleAttribute::FwMask(0)
        )
    })
}

/// How much it says: what says less may stand for what says more.
pub(super) fn weight(rule: &RuleMessage) -> usize {
    said(rule).count()
}

/// Whether a rule that the kernel lists has all that was said.
pub(super) fn is_hit(sent: &RuleMessage, there: &RuleMessage) -> bool {
    sent.header.family == there.header.family && said(sent).all(|one| there.attributes.contains(one))
}

/// Whether it is the one that was sent.
pub(super) fn is_same(sent: &RuleMessage, there: &RuleMessage) -> bool {
    let header = &there.header;
    let inverted = header.flags.contains(RuleFlags::Invert);
    sent.header.action == header.action
        && (header.dst_len, header.src_len, header.tos, inverted) == (0, 0, 0, false)
        && is_hit(sent, there)
        && is_hit(there, sent)
}
