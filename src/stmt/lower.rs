//! From statements to registers: what has to be matched before a field may be read, and how it is read.
//!
//! Everything here follows nft, whose listings only recognise what nft itself would have made.

use super::{
    field::{Field, Header, Load, Twin},
    recent::{RecentChain, RecentOp},
};
use crate::{
    data::{Family, Name, Protocol, Register, Userdata, Value},
    expr::*,
    model,
    wire::Malformed,
};
use std::borrow::Cow;

/// A rule as the kernel takes it, and the anonymous sets it refers to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lowered {
    pub exprs: Vec<Expr>,
    /// A lookup of one of these has its index as `set_id`.
    pub sets: Vec<AnonymousSet>,
    pub userdata: Option<Userdata>,
    /// Chains that the rule goes to, and that the batch has to make before it.
    pub chains: Vec<RecentChain>,
}

/// A set that belongs to one rule. Its table is left blank; its id is its index in [`Lowered::sets`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnonymousSet {
    pub set: model::Set,
    pub elements: Vec<model::Element>,
}

/// Whether a statement can hold in one of the two IP families.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holds {
    /// As packets go.
    Maybe,
    /// Not in this family: the rule is not needed there.
    Never,
    /// For every packet of this family: the statement is not needed there.
    Always,
}

/// A condition, an action or a verdict.
///
/// One that speaks of addresses of either family is *dual*: its rule is lowered once for each family, and the
/// statement can tell from [`Lowering::twin`] which one it is.
pub(crate) trait Statement: std::fmt::Debug + Send + Sync {
    /// Appends its expressions.
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed>;
    /// Its nft text in one of two families, or in a rule that is only one.
    fn text(&self, twin: Option<Twin>) -> String;
    /// Whether the rule has to be lowered for each family.
    fn is_dual(&self) -> bool {
        false
    }
    /// Whether it does or uses up something, so that packets of the other family must not get to it.
    fn acts(&self) -> bool {
        false
    }
    /// Whether it can hold in a family.
    fn holds(&self, _: Twin) -> Holds {
        Holds::Maybe
    }
    /// What it does with a recent list, if it does.
    fn as_recent(&self) -> Option<&RecentOp> {
        None
    }
}

/// A refusal in plain words.
pub(crate) fn refused<T>(text: impl Into<Cow<'static, str>>) -> Result<T, Malformed> {
    Err(Malformed::Refused(text.into()))
}

/// What lies below the network header, as far as the rule knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Link {
    /// Not of interest: the table has one network protocol.
    Fixed,
    Inet,
    Netdev,
    Ether,
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
        Some(match n {
            0x0800 => Self::Ip,
            0x86dd => Self::Ip6,
            0x0806 => Self::Arp,
            _ => return None,
        })
    }

    fn of_nfproto(n: u128) -> Option<Self> {
        Some(match n {
            2 => Self::Ip,
            10 => Self::Ip6,
            _ => return None,
        })
    }

    fn ethertype(self) -> u16 {
        match self {
            Self::Ip => 0x0800,
            Self::Ip6 => 0x86dd,
            Self::Arp | Self::Several => 0x0806,
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

/// A piece of the rule, before neighbours are joined.
#[derive(Clone, Debug)]
enum Step {
    /// Packet bytes equal a constant; `names` says that they name the protocol above.
    Equal { base: PayloadBase, offset: u32, value: Value, names: bool },
    /// The protocol is that of the table anyway: needed only if nothing follows.
    Own(Vec<Expr>),
    /// Any other match.
    Match(Vec<Expr>),
    /// Something that acts.
    Act(Vec<Expr>),
}

/// A rule on its way to registers.
#[derive(Debug)]
pub(crate) struct Lowering {
    pub family: Family,
    pub twin: Option<Twin>,
    steps: Vec<Step>,
    pub sets: Vec<AnonymousSet>,
    link: Link,
    net: Option<Net>,
    transport: Option<Transport>,
    /// ICMP types that the rule lets through, if it says so.
    icmp: Option<Vec<u8>>,
}

impl Lowering {
    pub fn new(family: Family, twin: Option<Twin>) -> Self {
        let (link, net) = match family {
            Family::Ip => (Link::Fixed, Some(Net::Ip)),
            Family::Ip6 => (Link::Fixed, Some(Net::Ip6)),
            Family::Arp => (Link::Fixed, Some(Net::Arp)),
            Family::Bridge => (Link::Ether, None),
            Family::Netdev => (Link::Netdev, None),
            Family::Inet | Family::Unknown(_) => (Link::Inet, None),
        };
        Self { family, twin, steps: Vec::new(), sets: Vec::new(), link, net, transport: None, icmp: None }
    }

    pub fn net(&self) -> Option<Net> {
        self.net
    }

    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// A match other than of packet bytes with a constant.
    pub fn push_match(&mut self, exprs: Vec<Expr>) {
        self.steps.push(Step::Match(exprs));
    }

    /// Something that acts.
    pub fn push_act(&mut self, exprs: Vec<Expr>) {
        self.steps.push(Step::Act(exprs));
    }

    /// Takes back the last step, if it acts.
    pub fn pop_act(&mut self) -> Vec<Expr> {
        match self.steps.pop_if(|step| matches!(step, Step::Act(_))) {
            Some(Step::Act(exprs)) => exprs,
            _ => Vec::new(),
        }
    }

    /// Packet bytes that equal a constant.
    pub fn push_equal(&mut self, field: &Field, header: Header, offset: u32, value: Value) {
        let names = matches!(field.spec.words, "ether type" | "ip protocol" | "ip6 nexthdr");
        self.steps.push(Step::Equal { base: header.base(), offset, value, names });
    }

    /// A match of metadata with a constant.
    fn meta_is(key: MetaKey, value: &[u8]) -> Vec<Expr> {
        let value = Value::new(value).unwrap_or_default();
        vec![Meta::load(key, Register::R1).into(), Cmp::new(Register::R1, CmpOp::Eq, value).into()]
    }

    /// Makes sure that a field is there to be read.
    pub fn need(&mut self, field: &Field) -> Result<(), Malformed> {
        match field.spec.load {
            Load::Packet(header, _) => {
                self.need_header(header, field)?;
                self.need_icmp(header, field)
            }
            Load::Meta(MetaKey::Nfproto) if self.family != Family::Inet => {
                refused("meta nfproto says something in tables of family inet only")
            }
            Load::Ct(CtKey::SrcIp | CtKey::DstIp) => self.agree(Net::Ip, field),
            Load::Ct(CtKey::SrcIp6 | CtKey::DstIp6) => self.agree(Net::Ip6, field),
            Load::Meta(_) | Load::Ct(_) => Ok(()),
            Load::Address(_) | Load::CtAddress(_) => {
                refused("addresses of either family have no meaning in a table of this family")
            }
        }
    }

    /// Refuses a field of another network protocol than the rule's.
    fn agree(&self, net: Net, field: &Field) -> Result<(), Malformed> {
        match self.net {
            Some(known) if known != net => refused(if self.link == Link::Fixed {
                format!("{} in a table of family {}", field.words(), self.family)
            } else {
                format!("{} in a rule for packets of {}", field.words(), known.name())
            }),
            _ => Ok(()),
        }
    }

    fn need_header(&mut self, header: Header, field: &Field) -> Result<(), Malformed> {
        match header {
            Header::Ether => {
                if self.link != Link::Ether {
                    // ARPHRD_ETHER
                    self.push_match(Self::meta_is(MetaKey::Iiftype, &1u16.to_ne_bytes()));
                    self.link = Link::Ether;
                }
                Ok(())
            }
            Header::Ip => self.need_net(Net::Ip, field),
            Header::Ip6 => self.need_net(Net::Ip6, field),
            Header::Arp => self.need_net(Net::Arp, field),
            Header::Tcp => self.need_transport(Protocol::TCP, field),
            Header::Udp => self.need_transport(Protocol::UDP, field),
            Header::Icmp => self.need_icmp_header(Protocol::ICMP, Net::Ip, field),
            Header::Icmpv6 => self.need_icmp_header(Protocol::ICMPV6, Net::Ip6, field),
            Header::Transport => Ok(()),
        }
    }

    fn need_net(&mut self, net: Net, field: &Field) -> Result<(), Malformed> {
        self.agree(net, field)?;
        if self.net.is_none() {
            let step = self.net_step(net, false)?;
            self.steps.push(step);
            self.net = Some(net);
        }
        Ok(())
    }

    /// The match of a network protocol. In bridges nft reads it from the packet's metadata, which knows of VLANs, but
    /// for ARP and (`from_header`) below ICMP from the Ethernet header.
    fn net_step(&self, net: Net, from_header: bool) -> Result<Step, Malformed> {
        let ethertype = net.ethertype().to_be_bytes();
        Ok(match self.link {
            Link::Inet => match net {
                Net::Ip => Step::Match(Self::meta_is(MetaKey::Nfproto, &[2])),
                Net::Ip6 => Step::Match(Self::meta_is(MetaKey::Nfproto, &[10])),
                Net::Arp | Net::Several => return refused("a table of family inet sees no ARP packets"),
            },
            Link::Ether if self.family != Family::Bridge || from_header || net == Net::Arp => Step::Equal {
                base: PayloadBase::Link,
                offset: 12,
                value: Value::new(&ethertype).unwrap_or_default(),
                names: true,
            },
            Link::Ether | Link::Netdev | Link::Fixed => Step::Match(Self::meta_is(MetaKey::Protocol, &ethertype)),
        })
    }

    /// Makes sure that packets are of one family; for twins whose statement fell away.
    pub fn need_family(&mut self, twin: Twin) -> Result<(), Malformed> {
        if self.net.is_none() {
            let net = if twin.is_v4() { Net::Ip } else { Net::Ip6 };
            let step = match self.link {
                Link::Inet => self.net_step(net, false)?,
                _ => Step::Match(Self::meta_is(MetaKey::Protocol, &net.ethertype().to_be_bytes())),
            };
            self.steps.push(step);
            self.net = Some(net);
        }
        Ok(())
    }

    fn need_transport(&mut self, protocol: Protocol, field: &Field) -> Result<(), Malformed> {
        if self.net == Some(Net::Arp) {
            return refused(format!("{} in a rule for ARP packets", field.words()));
        }
        match self.transport {
            Some(Transport::One(known)) if known == protocol => Ok(()),
            Some(Transport::One(known)) => {
                refused(format!("{} in a rule for packets of protocol {known}", field.words()))
            }
            Some(Transport::Several) => refused(format!(
                "{} in a rule that matches several transport protocols: use th::sport() or th::dport()",
                field.words(),
            )),
            None => {
                self.push_match(Self::meta_is(MetaKey::L4proto, &[protocol.number()]));
                self.transport = Some(Transport::One(protocol));
                Ok(())
            }
        }
    }

    fn need_icmp_header(&mut self, protocol: Protocol, net: Net, field: &Field) -> Result<(), Malformed> {
        // Nothing but the first two bytes of its type says which ICMP it is, so nft pins the family down too.
        if self.transport.is_none() && self.net.is_none() {
            let step = self.net_step(net, true)?;
            self.steps.push(step);
            self.net = Some(net);
        }
        self.need_transport(protocol, field)
    }

    /// Adds the match of the ICMP types that have the field.
    fn need_icmp(&mut self, header: Header, field: &Field) -> Result<(), Malformed> {
        let needs = field.spec.needs;
        let known = self.icmp.as_deref().unwrap_or_default();
        if needs.is_empty() || !known.is_empty() && known.iter().all(|t| needs.contains(t)) {
            return Ok(());
        }
        if !known.is_empty() && !known.iter().any(|t| needs.contains(t)) {
            return refused(format!("{} in a rule for ICMP messages that have no such field", field.words()));
        }
        if let [one] = needs {
            let value = Value::new(&[*one]).unwrap_or_default();
            self.steps.push(Step::Equal { base: header.base(), offset: 0, value, names: false });
        } else {
            let set = super::lookup::icmp_types(header, needs, self.sets.len() as u32);
            let lookup = Lookup { set_id: set.set.id, ..Lookup::new(set.set.name.clone(), Register::R1) };
            self.sets.push(set);
            self.push_match(vec![Payload::load(header.base(), 0, 1, Register::R1).into(), lookup.into()]);
        }
        self.icmp = Some(needs.to_vec());
        Ok(())
    }

    /// Notes what a positive match of plain values says about the packet.
    pub fn observe<'a>(&mut self, field: &Field, values: impl ExactSizeIterator<Item = &'a [u8]>) {
        let several = values.len() > 1;
        let numbers: Vec<u128> = values.map(crate::data::be).collect();
        let Some(&first) = numbers.first() else { return };
        let net = |net: Option<Net>| if several { Some(Net::Several) } else { net };
        match field.spec.load {
            Load::Packet(Header::Ether, 96) if self.net.is_none() => self.net = net(Net::of_ethertype(first)),
            Load::Meta(MetaKey::Protocol)
                if self.net.is_none() && self.link != Link::Inet && self.family != Family::Inet =>
            {
                self.net = net(Net::of_ethertype(first));
            }
            Load::Meta(MetaKey::Nfproto) | Load::Ct(CtKey::L3protocol) if self.net.is_none() => {
                self.net = net(Net::of_nfproto(first));
            }
            Load::Packet(Header::Ip, 72) | Load::Packet(Header::Ip6, 48) | Load::Meta(MetaKey::L4proto) => {
                self.transport =
                    Some(if several { Transport::Several } else { Transport::One(Protocol::from(first as u8)) });
            }
            Load::Packet(Header::Icmp | Header::Icmpv6, 0) => {
                self.icmp = Some(numbers.iter().map(|n| *n as u8).collect());
            }
            _ => {}
        }
        // nft leaves out what the table says already, unless it is all there is.
        let own = match self.family {
            Family::Ip => 0x0800,
            Family::Ip6 => 0x86dd,
            _ => return,
        };
        if matches!(field.spec.load, Load::Meta(MetaKey::Protocol))
            && !several
            && first == own
            && let Some(Step::Match(exprs)) = self.steps.last_mut()
        {
            let exprs = std::mem::take(exprs);
            self.steps.pop();
            self.steps.push(Step::Own(exprs));
        }
    }

    /// Puts the match of a protocol before everything else: a rejection must not act on what it cannot reject.
    pub fn need_first(&mut self, net: Option<Net>, tcp: bool) -> Result<(), Malformed> {
        if let Some(net) = net {
            let step = self.net_step(net, false)?;
            self.steps.insert(0, step);
            self.net = Some(net);
        }
        if tcp {
            self.steps.insert(0, Step::Match(Self::meta_is(MetaKey::L4proto, &[Protocol::TCP.number()])));
            self.transport = Some(Transport::One(Protocol::TCP));
        }
        Ok(())
    }

    /// Adds an anonymous set and returns what a lookup needs to name it.
    pub fn add_set(&mut self, mut set: AnonymousSet) -> (Name, u32) {
        let id = self.sets.len() as u32;
        set.set.id = Some(id);
        let name = set.set.name.clone();
        self.sets.push(set);
        (name, id)
    }

    /// The finished rule.
    pub fn finish(mut self, userdata: Option<Userdata>) -> Lowered {
        self.drop_own();
        self.merge();
        let mut exprs = Vec::new();
        for step in self.steps {
            match step {
                Step::Equal { base, offset, value, .. } => exprs.extend([
                    Payload::load(base, offset, value.len() as u32, Register::R1).into(),
                    Cmp::new(Register::R1, CmpOp::Eq, value).into(),
                ]),
                Step::Own(more) | Step::Match(more) | Step::Act(more) => exprs.extend(more),
            }
        }
        Lowered { exprs, sets: self.sets, userdata, chains: Vec::new() }
    }

    fn drop_own(&mut self) {
        let last = self.steps.len().saturating_sub(1);
        let mut at = 0;
        self.steps.retain(|step| {
            at += 1;
            at > last || !matches!(step, Step::Own(_))
        });
    }

    /// Joins comparisons of neighbouring bytes, as nft does, within each run of matches.
    fn merge(&mut self) {
        let mut run = Vec::new();
        let mut gone = vec![false; self.steps.len()];
        for at in 0..=self.steps.len() {
            match self.steps.get(at) {
                Some(Step::Equal { .. }) => run.push(at),
                Some(Step::Match(_) | Step::Own(_)) => {}
                Some(Step::Act(_)) | None => self.merge_run(std::mem::take(&mut run), &mut gone),
            }
        }
        let mut gone = gone.into_iter();
        self.steps.retain(|_| !gone.next().unwrap_or_default());
    }

    fn merge_run(&mut self, mut run: Vec<usize>, gone: &mut [bool]) {
        let key = |step: &Step| match step {
            Step::Equal { base, offset, .. } => (u32::from(*base), *offset),
            _ => (u32::MAX, 0),
        };
        run.sort_by_key(|at| key(&self.steps[*at]));
        let mut run = run.into_iter();
        let Some(mut last) = run.next() else { return };
        for this in run {
            let Some((joined, into_this)) = join(&self.steps[last], &self.steps[this]) else {
                last = this;
                continue;
            };
            // What names the protocol above stays where it is: later matches rely on it.
            let (stays, goes) = if into_this { (this, last) } else { (last, this) };
            self.steps[stays] = joined;
            gone[goes] = true;
            last = stays;
        }
    }
}

/// Two comparisons as one, if nft would join them, and whether in the place of the second.
fn join(first: &Step, second: &Step) -> Option<(Step, bool)> {
    let (
        Step::Equal { base, offset, value, names },
        Step::Equal { base: base2, offset: offset2, value: value2, names: names2 },
    ) = (first, second)
    else {
        return None;
    };
    let (len, len2) = (value.len(), value2.len());
    if base != base2 || offset + len as u32 != *offset2 || len + len2 > 16 {
        return None;
    }
    // Up to four bytes are fast to load and compare; two fast comparisons are not joined to a slow one.
    if len + len2 > 4 && len <= 4 && len2 <= 4 && *base != PayloadBase::Link {
        return None;
    }
    let mut value = *value;
    value.append(value2)?;
    Some((Step::Equal { base: *base, offset: *offset, value, names: *names || *names2 }, *names2))
}
