//! Packets that go another way: to a program, to another device, to a proxy of this host.

use super::{
    Mapped, One,
    action::Action,
    hash::{Generator, Hashed},
    nat::To,
    statement::{ByVersion, Operand, Piece, Role, Typed},
};
use crate::{
    data::{IfIndex, Name, Typed as _},
    expr::{FlowOffload, QueueFlags, Synproxy},
    lang::{
        field::IpVersion,
        selector::{Reset, Selector, Settable},
        tree::{Expression, Statement},
    },
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
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
    number: Operand,
    flags: QueueFlags,
}

/// The queue with a number, or one of several: of a range the kernel takes one by the connection,
/// of a generator or a hash the one that it says.
pub fn queue(to: impl Into<ToQueue>) -> ToQueue {
    to.into()
}

impl ToQueue {
    fn new(number: Operand) -> Self {
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
        (number..=number).into()
    }
}

impl From<RangeInclusive<u16>> for ToQueue {
    fn from(numbers: RangeInclusive<u16>) -> Self {
        let [first, last] =
            [numbers.start(), numbers.end()].map(|n| Expression::constant(u16::FIELD, &n.to_be_bytes()));
        Self::new(Expression::range(first, last).into())
    }
}

impl From<Generator> for ToQueue {
    fn from(generator: Generator) -> Self {
        Self::new(generator.part().operand())
    }
}

impl From<Hashed> for ToQueue {
    fn from(hashed: Hashed) -> Self {
        Self::new(hashed.operand())
    }
}

impl ToQueue {
    pub(super) fn typed(self) -> Typed {
        let flags = self.flags.bits();
        let queue = |piece: Piece<_>| piece.map(|number| Statement::Queue { number, flags });
        Typed::new(Role::Verdict, true, self.number.map(queue))
    }
}

/// Where a copy or a packet goes: an address, a field with one, an interface, or what a map has for
/// the packet.
#[derive(Clone, Debug)]
pub struct Hop {
    operand: Operand,
    /// The IP version of the address; none of an interface.
    family: Option<IpVersion>,
}

impl Hop {
    fn address(operand: Operand, family: IpVersion) -> Self {
        Self { operand, family: Some(family) }
    }

    fn device(operand: Operand) -> Self {
        Self { operand, family: None }
    }
}

fn index(device: IfIndex) -> Expression {
    Expression::constant(IfIndex::FIELD, &device.number().to_be_bytes())
}

impl From<Ipv4Addr> for Hop {
    fn from(address: Ipv4Addr) -> Self {
        IpAddr::V4(address).into()
    }
}

impl From<Ipv6Addr> for Hop {
    fn from(address: Ipv6Addr) -> Self {
        IpAddr::V6(address).into()
    }
}

impl From<IpAddr> for Hop {
    fn from(address: IpAddr) -> Self {
        Self::address(Expression::from(address).into(), IpVersion::of(address))
    }
}

impl From<IfIndex> for Hop {
    fn from(device: IfIndex) -> Self {
        Self::device(index(device).into())
    }
}

macro_rules! hops {
    ($($address:ty = $version:ident;)*) => { $(
        impl From<Selector<$address>> for Hop {
            fn from(field: Selector<$address>) -> Self {
                Self::address(One::one(field).0.operand(), IpVersion::$version)
            }
        }
        impl From<Settable<$address>> for Hop {
            fn from(field: Settable<$address>) -> Self {
                Self::address(One::one(field).0.operand(), IpVersion::$version)
            }
        }
        impl From<Mapped<$address>> for Hop {
            fn from(mapped: Mapped<$address>) -> Self {
                Self::address(mapped.value, IpVersion::$version)
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
        Self::device(mapped.value)
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
    to: Hop,
    device: Option<IfIndex>,
}

/// Sends a copy of the packet: in tables of family ip and ip6 to an address, in those of family
/// netdev out of an interface.
pub fn dup(to: impl Into<Hop>) -> Duplicate {
    Duplicate { to: to.into(), device: None }
}

impl Duplicate {
    /// By this interface; by the one that the routes say if not given.
    pub fn device(mut self, device: IfIndex) -> Self {
        self.device = Some(device);
        self
    }
}

impl From<Duplicate> for Action {
    fn from(Duplicate { to: Hop { operand, family }, device }: Duplicate) -> Self {
        let device = device.map(index);
        Self::new(operand.map(|piece| {
            piece.map(|to| match family {
                None => Statement::Dup { addr: None, dev: Some(to) },
                Some(_) => Statement::Dup { addr: Some(to), dev: device.clone() },
            })
        }))
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
    device: Hop,
    neighbour: Option<Hop>,
}

impl From<IfIndex> for Forward {
    fn from(device: IfIndex) -> Self {
        Self { device: device.into(), neighbour: None }
    }
}

impl From<Mapped<IfIndex>> for Forward {
    fn from(mapped: Mapped<IfIndex>) -> Self {
        Self { device: mapped.into(), neighbour: None }
    }
}

impl Forward {
    /// To the neighbour with this address, whose hardware address the kernel finds. Since 4.18.
    pub fn neighbour(mut self, address: impl Into<Hop>) -> Self {
        self.neighbour = Some(address.into());
        self
    }
}

impl Forward {
    pub(super) fn typed(self) -> Typed {
        let Self { device, neighbour } = self;
        let dual = [Some(&device), neighbour.as_ref()].into_iter().flatten().any(|hop| hop.operand.is_dual());
        let forward = |version| {
            let to = neighbour.as_ref().map(|hop| hop.operand.get(version).clone());
            let family = neighbour.as_ref().and_then(|hop| hop.family).map(IpVersion::number);
            let mut piece = device.operand.get(version).clone();
            let addr = to.map(|to| {
                piece.sets.extend(to.sets);
                piece.wrong = piece.wrong.take().or(to.wrong);
                to.tree
            });
            piece.map(|dev| Statement::Fwd { family, addr, dev })
        };
        Typed::new(Role::Verdict, true, ByVersion::new(dual, forward))
    }
}

/// Hands the packet to a local socket that takes packets for any address (`IP_TRANSPARENT`),
/// without translating it. The rule has to match the transport protocol before; it ends if there is
/// no such socket. For chains of prerouting.
///
/// ```
/// use oxitables::{Mark, Rule, meta, tcp, tproxy};
/// let rule = Rule::new().when(tcp::dport().is(80)).then(tproxy(50080)).then(meta::mark().set(1)).accept();
/// assert_eq!(rule.to_string(), "tcp dport 80 tproxy to :50080 meta mark set 0x00000001 accept");
/// ```
pub fn tproxy(to: impl Into<To>) -> Action {
    Action::new(to.into().proxy())
}

/// Answers connection requests in the name of a server behind this host, and lets only clients
/// through that answer back.
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

/// Lets the packets of the connection bypass the rules, by the flowtable `name` of the table. Since
/// 4.16.
///
/// ```
/// assert_eq!(oxitables::flow_add("fast").to_string(), "flow add @fast");
/// ```
pub fn flow_add(name: impl Into<Name>) -> Action {
    Action::plain(Statement::Plain(FlowOffload::new(name.into()).into()))
}

impl From<Reset> for Action {
    fn from(Reset(option): Reset) -> Self {
        Self::plain(Statement::Reset(option))
    }
}

const _: () = assert!(IfIndex::FIELD.width() == 4);
