//! Packets that go another way: to a program, to another device, to a proxy of this host.

use super::{
    action::Action,
    hash::{Generator, Hash, Hashed},
    lookup::{KnownSet, Lookup},
    nat::To,
    select::{Mapped, One},
    statement::Statement,
};
use crate::{
    compile::{self, NoSets, lower::Lowering},
    data::{IfIndex, Name, Port, Typed},
    expr::*,
    lang::{
        field::{Field, Twin},
        refused,
        selector::{Part, Reset, Selector, Settable},
        tree::{self, Expression},
    },
    wire::Malformed,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    sync::Arc,
};

/// Where a packet goes that programs decide about; from [`queue`].
///
/// ```
/// use oxitables::{Rule, queue, symhash};
/// assert_eq!(Rule::new().queue(queue(3).bypass()).to_string(), "queue flags bypass to 3");
/// assert_eq!(Rule::new().queue(queue(0..=3).fanout()).to_string(), "queue flags fanout to 0-3");
/// assert_eq!(Rule::new().queue(queue(symhash(4))).to_string(), "queue to symhash mod 4");
/// ```
#[derive(Clone, Debug)]
pub struct ToQueue {
    number: QueueNumber,
    flags: QueueFlags,
}

#[derive(Clone, Debug)]
enum QueueNumber {
    Range(u16, u16),
    Field(Part),
    Hash(Arc<Hash>),
}

/// The queue with a number, or one of several: of a range the kernel takes one by the connection, of a generator or a hash
/// the one that it says.
pub fn queue(to: impl Into<ToQueue>) -> ToQueue {
    to.into()
}

impl ToQueue {
    fn new(number: QueueNumber) -> Self {
        Self { number, flags: QueueFlags::empty() }
    }

    /// Lets packets pass if no program listens, instead of dropping them.
    pub fn bypass(mut self) -> Self {
        self.flags |= QueueFlags::BYPASS;
        self
    }

    /// Takes the queue by the processor, not by the connection; of a range.
    pub fn fanout(mut self) -> Self {
        self.flags |= QueueFlags::CPU_FANOUT;
        self
    }
}

impl From<u16> for ToQueue {
    fn from(number: u16) -> Self {
        Self::new(QueueNumber::Range(number, number))
    }
}

impl From<RangeInclusive<u16>> for ToQueue {
    fn from(numbers: RangeInclusive<u16>) -> Self {
        Self::new(QueueNumber::Range(*numbers.start(), *numbers.end()))
    }
}

impl From<Generator> for ToQueue {
    fn from(generator: Generator) -> Self {
        Self::new(QueueNumber::Field(generator.part()))
    }
}

impl From<Hashed> for ToQueue {
    fn from(hashed: Hashed) -> Self {
        Self::new(QueueNumber::Hash(Arc::new(hashed.hash())))
    }
}

impl Statement for ToQueue {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let number = match &self.number {
            QueueNumber::Range(first, last) => {
                let [first, last] = [first, last].map(|n| Expression::constant(u16::FIELD, &n.to_be_bytes()));
                Expression::Range(Box::new((first, last)))
            }
            QueueNumber::Field(part) => part.expression(),
            QueueNumber::Hash(hash) => hash.expression(cx.twin),
        };
        compile::statement(cx, &NoSets, &tree::Statement::Queue { number, flags: self.flags.bits() })
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let words = [(QueueFlags::BYPASS, "bypass"), (QueueFlags::CPU_FANOUT, "fanout")];
        let words: Vec<_> =
            words.iter().filter(|(flag, _)| self.flags.contains(*flag)).map(|(_, word)| *word).collect();
        let flags = if words.is_empty() { String::new() } else { format!(" flags {}", words.join(",")) };
        match &self.number {
            QueueNumber::Range(first, last) if first == last => format!("queue{flags} to {first}"),
            QueueNumber::Range(first, last) => format!("queue{flags} to {first}-{last}"),
            QueueNumber::Field(part) => format!("queue{flags} to {}", part.text()),
            QueueNumber::Hash(hash) => format!("queue{flags} to {}", hash.text(twin)),
        }
    }

    fn is_dual(&self) -> bool {
        matches!(&self.number, QueueNumber::Hash(hash) if hash.is_dual())
    }

    fn acts(&self) -> bool {
        true
    }
}

/// An address or an interface: a constant, a field, or what a map has.
#[derive(Clone, Debug)]
enum Place {
    Address(IpAddr),
    Device(IfIndex),
    /// A field with addresses of a family.
    Field(Part, Twin),
    /// A map of addresses of a family, or of interfaces.
    Map(Lookup, Option<Twin>),
}

/// Where a copy or a packet goes: an address, a field with one, an interface, or what a map has for the packet.
#[derive(Clone, Debug)]
pub struct Hop(Place);

impl From<Ipv4Addr> for Hop {
    fn from(address: Ipv4Addr) -> Self {
        Self(Place::Address(address.into()))
    }
}

impl From<Ipv6Addr> for Hop {
    fn from(address: Ipv6Addr) -> Self {
        Self(Place::Address(address.into()))
    }
}

impl From<IpAddr> for Hop {
    fn from(address: IpAddr) -> Self {
        Self(Place::Address(address))
    }
}

impl From<IfIndex> for Hop {
    fn from(device: IfIndex) -> Self {
        Self(Place::Device(device))
    }
}

macro_rules! hops {
    ($($address:ty = $twin:ident;)*) => { $(
        impl From<Selector<$address>> for Hop {
            fn from(field: Selector<$address>) -> Self {
                Self(Place::Field(One::one(field).0, Twin::$twin))
            }
        }
        impl From<Settable<$address>> for Hop {
            fn from(field: Settable<$address>) -> Self {
                Self(Place::Field(One::one(field).0, Twin::$twin))
            }
        }
        impl From<Mapped<$address>> for Hop {
            fn from(mapped: Mapped<$address>) -> Self {
                Self(Place::Map(mapped.lookup, Some(Twin::$twin)))
            }
        }
    )* };
}

hops! {
    Ipv4Addr = V4;
    Ipv6Addr = V6;
}

impl From<Mapped<IfIndex>> for Hop {
    fn from(mapped: Mapped<IfIndex>) -> Self {
        Self(Place::Map(mapped.lookup, None))
    }
}

impl Place {
    fn is_device(&self) -> bool {
        matches!(self, Self::Device(_) | Self::Map(_, None))
    }

    fn family(&self) -> Option<Twin> {
        match self {
            Self::Address(IpAddr::V4(_)) => Some(Twin::V4),
            Self::Address(IpAddr::V6(_)) => Some(Twin::V6),
            Self::Field(_, twin) | Self::Map(_, Some(twin)) => Some(*twin),
            Self::Device(_) | Self::Map(_, None) => None,
        }
    }

    fn expression(&self, twin: Option<Twin>) -> Result<Expression, Malformed> {
        Ok(match self {
            Self::Address(addr) => (*addr).into(),
            Self::Device(device) => Expression::constant(IfIndex::FIELD, &device.number().to_be_bytes()),
            Self::Field(part, _) => part.expression(),
            Self::Map(lookup, _) => return lookup.map(twin),
        })
    }

    /// What is known of the map.
    fn known(&self, twin: Option<Twin>) -> Vec<KnownSet> {
        match self {
            Self::Map(lookup, _) => vec![lookup.known(twin)],
            _ => Vec::new(),
        }
    }

    fn text(&self, twin: Option<Twin>) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Device(device) => device.to_string(),
            Self::Field(part, _) => part.text(),
            Self::Map(lookup, _) => lookup.text(twin, "map"),
        }
    }
}

/// A copy of the packet; from [`dup`].
///
/// ```
/// use oxitables::{Action, data::IfIndex, dup};
/// use std::net::Ipv4Addr;
/// let mirror = Action::from(dup(Ipv4Addr::new(192, 0, 2, 1)).device(IfIndex::from(3)));
/// assert_eq!(mirror.to_string(), "dup to 192.0.2.1 device 3");
/// ```
#[derive(Clone, Debug)]
pub struct Duplicate {
    to: Place,
    device: Option<IfIndex>,
}

/// Sends a copy of the packet: in tables of family ip and ip6 to an address, in those of family netdev out of an interface.
pub fn dup(to: impl Into<Hop>) -> Duplicate {
    Duplicate { to: to.into().0, device: None }
}

impl Duplicate {
    /// By this interface; by the one that the routes say if not given.
    pub fn device(mut self, device: IfIndex) -> Self {
        self.device = Some(device);
        self
    }
}

impl From<Duplicate> for Action {
    fn from(copy: Duplicate) -> Self {
        Self::new(copy)
    }
}

impl Statement for Duplicate {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let to = self.to.expression(cx.twin)?;
        let device = self.device.map(|device| Place::Device(device).expression(cx.twin)).transpose()?;
        let (addr, dev) = if self.to.is_device() { (None, Some(to)) } else { (Some(to), device) };
        compile::statement(cx, &self.to.known(cx.twin), &tree::Statement::Dup { addr, dev })
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let device = self.device.map_or_else(String::new, |device| format!(" device {device}"));
        format!("dup to {}{device}", self.to.text(twin))
    }

    fn acts(&self) -> bool {
        true
    }
}

/// Out of an interface, past the rest of this host's work; for tables of family netdev. See
/// [`Rule::fwd`](crate::Rule::fwd).
///
/// ```
/// use oxitables::{Forward, Rule, data::IfIndex, ip};
/// let rule = Rule::new().fwd(Forward::from(IfIndex::from(3)).neighbour(ip::daddr()));
/// assert_eq!(rule.text(oxitables::Family::Netdev), ["fwd ip to ip daddr device 3"]);
/// ```
#[derive(Clone, Debug)]
pub struct Forward {
    device: Place,
    neighbour: Option<Place>,
}

impl From<IfIndex> for Forward {
    fn from(device: IfIndex) -> Self {
        Self { device: Place::Device(device), neighbour: None }
    }
}

impl From<Mapped<IfIndex>> for Forward {
    fn from(mapped: Mapped<IfIndex>) -> Self {
        Self { device: Place::Map(mapped.lookup, None), neighbour: None }
    }
}

impl Forward {
    /// To the neighbour with this address, whose hardware address the kernel finds. Since 4.18.
    pub fn neighbour(mut self, address: impl Into<Hop>) -> Self {
        self.neighbour = Some(address.into().0);
        self
    }
}

impl Statement for Forward {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let dev = self.device.expression(cx.twin)?;
        let family = self.neighbour.as_ref().and_then(Place::family).map(Twin::number);
        let addr = self.neighbour.as_ref().map(|neighbour| neighbour.expression(cx.twin)).transpose()?;
        let known: Vec<_> =
            self.neighbour.iter().chain([&self.device]).flat_map(|place| place.known(cx.twin)).collect();
        compile::statement(cx, &known, &tree::Statement::Fwd { family, addr, dev })
    }

    fn text(&self, twin: Option<Twin>) -> String {
        match &self.neighbour {
            None => format!("fwd to {}", self.device.text(twin)),
            Some(neighbour) => {
                let family = if neighbour.family() == Some(Twin::V6) { "ip6" } else { "ip" };
                format!("fwd {family} to {} device {}", neighbour.text(twin), self.device.text(twin))
            }
        }
    }

    fn acts(&self) -> bool {
        true
    }
}

/// Hands the packet to a local socket that takes packets for any address, without translating it; from [`tproxy`].
#[derive(Clone, Debug)]
struct Proxy(To);

/// Hands the packet to a local socket that takes packets for any address (`IP_TRANSPARENT`), without translating it. The
/// rule has to match the transport protocol before; it ends if there is no such socket. For chains of prerouting.
///
/// ```
/// use oxitables::{Mark, Rule, meta, tcp, tproxy};
/// let rule = Rule::new().when(tcp::dport().is(80)).then(tproxy(50080)).then(meta::mark().set(1)).accept();
/// assert_eq!(rule.to_string(), "tcp dport 80 tproxy to :50080 meta mark set 0x00000001 accept");
/// ```
pub fn tproxy(to: impl Into<To>) -> Action {
    Action::new(Proxy(to.into()))
}

impl Statement for Proxy {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let Some((addr, port)) = self.0.single(cx.twin) else {
            return refused("tproxy to more than one address or port");
        };
        let family = self.0.family(cx.twin).map(Twin::number);
        let port = port.map(|port| Expression::constant(Port::FIELD, &port.to_be_bytes()));
        compile::statement(cx, &NoSets, &tree::Statement::Tproxy { family, addr: addr.map(Into::into), port })
    }

    fn text(&self, twin: Option<Twin>) -> String {
        self.0.text("tproxy", twin)
    }

    fn is_dual(&self) -> bool {
        self.0.is_dual()
    }

    fn holds(&self, twin: Twin) -> super::statement::Holds {
        self.0.holds(twin)
    }

    fn acts(&self) -> bool {
        true
    }
}

/// Answers connection requests in the name of a server behind this host, and lets only clients through that answer back.
///
/// ```
/// use oxitables::{Action, expr::SynproxyFlags, synproxy};
/// let guard = synproxy(1460, 7).with_flags(SynproxyFlags::SACK_PERM | SynproxyFlags::TIMESTAMP);
/// assert_eq!(Action::from(guard).to_string(), "synproxy mss 1460 wscale 7 timestamp sack-perm");
/// ```
///
/// Largest segment and window scale are those of the server. Since 5.3.
pub fn synproxy(mss: u16, wscale: u8) -> Synproxy {
    Synproxy::new(mss, wscale)
}

impl From<Synproxy> for Action {
    fn from(synproxy: Synproxy) -> Self {
        Self::new(synproxy)
    }
}

impl Statement for Synproxy {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        cx.push_act([self.clone().into()]);
        Ok(())
    }

    fn text(&self, _: Option<Twin>) -> String {
        let flags = self.flags.unwrap_or_default();
        let mut out = String::from("synproxy");
        if flags.contains(SynproxyFlags::MSS) {
            out.push_str(&format!(" mss {}", self.mss.unwrap_or_default()));
        }
        if flags.contains(SynproxyFlags::WSCALE) {
            out.push_str(&format!(" wscale {}", self.wscale.unwrap_or_default()));
        }
        for (flag, word) in [(SynproxyFlags::TIMESTAMP, " timestamp"), (SynproxyFlags::SACK_PERM, " sack-perm")] {
            if flags.contains(flag) {
                out.push_str(word);
            }
        }
        out
    }

    fn acts(&self) -> bool {
        true
    }
}

/// Lets the packets of the connection bypass the rules, by the flowtable `name` of the table. Since 4.16.
///
/// ```
/// assert_eq!(oxitables::flow_add("fast").to_string(), "flow add @fast");
/// ```
pub fn flow_add(name: impl Into<Name>) -> Action {
    let name = name.into();
    let text = format!("flow add @{name}");
    Action::new(super::action::Plain { expr: FlowOffload::new(name).into(), text })
}

impl From<Reset> for Action {
    fn from(Reset(option): Reset) -> Self {
        Self::new(option)
    }
}

impl Statement for Field {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        compile::statement(cx, &NoSets, &tree::Statement::Reset(*self))
    }

    fn text(&self, _: Option<Twin>) -> String {
        format!("reset {}", self.words())
    }

    fn acts(&self) -> bool {
        true
    }
}

const _: () = assert!(<IfIndex as Typed>::FIELD.width() == 4);
