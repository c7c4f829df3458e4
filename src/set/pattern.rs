//! What a field is compared with, and what stands in a set: values, ranges, prefixes, masked bits.

use super::key::{Key, MAX_FIELDS, images};
use crate::{
    data::*,
    lang::{refused, tree::Expression},
    wire::Malformed,
};
use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use std::{
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

/// What one field is compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// One value; of a name that ends with `*`, the bytes before it.
    One,
    /// From the lower to the upper value.
    Range,
    /// The values that agree in so many first bits; the bounds are those of the range.
    Prefix(u8),
    /// A prefix with an address in it instead of its network, as `192.0.2.7/24`: whether the
    /// network or the address is meant, nobody can tell. The lower bound is the address.
    HostBits(u8),
    /// The values whose bits under the mask (the upper value) are those of the lower.
    Masked,
}

/// A [`Pattern`] without its type: bytes most significant first, fields without padding between
/// them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RawPattern {
    lo: Value,
    hi: Value,
    fields: [(Shape, u8); MAX_FIELDS],
    count: u8,
}

/// One field of a [`RawPattern`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldPattern<'a> {
    pub shape: Shape,
    pub lo: &'a [u8],
    pub hi: &'a [u8],
}

impl RawPattern {
    fn new(shape: Shape, lo: Value, hi: Value) -> Self {
        let mut fields = [(Shape::One, 0); MAX_FIELDS];
        fields[0] = (shape, lo.len() as u8);
        // Only bounds of different families differ in length; `is_sound` finds them.
        Self { lo, hi, fields, count: 1 }
    }

    fn join(mut self, other: Self) -> Self {
        let joined = (|| {
            self.lo.append(&other.lo)?;
            self.hi.append(&other.hi)?;
            let (at, more) = (usize::from(self.count), usize::from(other.count));
            self.fields.get_mut(at..at + more)?.copy_from_slice(&other.fields[..more]);
            self.count += other.count;
            Some(self)
        })();
        // More than a register holds: no fields, which is refused when it is lowered.
        joined.unwrap_or(Self { count: 0, ..self })
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// The first field; an empty value if there is none.
    pub fn first(&self) -> FieldPattern<'_> {
        self.fields().next().unwrap_or(FieldPattern { shape: Shape::One, lo: &[], hi: &[] })
    }

    /// Whether its bounds belong together and fit a register.
    pub fn is_sound(&self) -> bool {
        self.count > 0 && self.lo.len() == self.hi.len()
    }

    /// Refuses prefixes that name an address of their network.
    pub fn check_prefixes(&self) -> Result<(), Malformed> {
        self.fields().try_for_each(|field| match field.shape {
            Shape::HostBits(bits) => network(field.address(), bits).map_or(Ok(()), check_network),
            _ => Ok(()),
        })
    }

    /// The fields.
    pub fn fields(&self) -> impl Iterator<Item = FieldPattern<'_>> {
        let mut at = 0;
        self.fields[..self.len()].iter().map(move |(shape, len)| {
            let range = at..at + usize::from(*len);
            at = range.end;
            FieldPattern {
                shape: *shape,
                lo: self.lo.get(range.clone()).unwrap_or_default(),
                hi: self.hi.get(range).unwrap_or_default(),
            }
        })
    }
}

fn network(address: Option<IpAddr>, bits: u8) -> Option<IpNetwork> {
    IpNetwork::new(address?, bits).ok()
}

/// Refuses a network that is written with an address in it.
pub(crate) fn check_network(net: IpNetwork) -> Result<(), Malformed> {
    if net.ip() == net.network() {
        return Ok(());
    }
    let (address, network, bits) = (net.ip(), net.network(), net.prefix());
    refused(format!(
        "{address}/{bits} is an address in the network {network}/{bits}: say {network}/{bits} if all of that is meant, \
         {address} if only this address"
    ))
}

impl FieldPattern<'_> {
    /// The lower bound of an address.
    fn address(&self) -> Option<IpAddr> {
        let v4 = <[u8; 4]>::try_from(self.lo).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(self.lo).map(IpAddr::from)).ok()
    }

    /// What a field of a type is compared with; of masked bits, what they have to be.
    pub fn expression(&self, ty: FieldType) -> Expression {
        let lo = Expression::constant(ty, self.lo);
        match self.shape {
            Shape::Range => Expression::Range(Box::new((lo, Expression::constant(ty, self.hi)))),
            Shape::Prefix(bits) | Shape::HostBits(bits) => Expression::Prefix(Box::new(lo), bits.into()),
            Shape::One | Shape::Masked => lo,
        }
    }

    /// The same with several bits by name.
    pub fn named(&self, ty: FieldType) -> Expression {
        match self.shape {
            Shape::One | Shape::Masked => Expression::named(ty, self.lo),
            _ => self.expression(ty),
        }
    }

    /// nft text.
    pub fn text(&self, field: &FieldType, style: Style, out: &mut String) {
        let show = |bytes: &[u8], style, out: &mut String| field.show(bytes, style, out);
        match self.shape {
            Shape::One => show(self.lo, style, out),
            Shape::Range => {
                show(self.lo, Style::NUMBER, out);
                out.push('-');
                show(self.hi, Style::NUMBER, out);
            }
            Shape::Prefix(bits) | Shape::HostBits(bits) => {
                show(self.lo, style, out);
                out.push_str(&format!("/{bits}"));
            }
            // Stands behind the mask, which is written with the field.
            Shape::Masked => show(self.lo, style, out),
        }
    }
}

/// What a field, or a tuple of fields, is compared with: a value, a range, a prefix, masked bits.
///
/// A prefix has to be that of its network: `192.0.2.7/24` is refused when the batch is applied,
/// with an error that names the network `192.0.2.0/24` and the address.
///
/// It is made by itself out of these wherever it is asked for; write `Pattern::from` only to mix
/// them in one list.
///
/// ```
/// use oxitables::{Pattern, tcp};
/// let web = tcp::dport().is_any([Pattern::from(443), (8000..=8099).into()]);
/// assert_eq!(web.to_string(), "tcp dport { 443, 8000-8099 }");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pattern<K> {
    pub(crate) raw: RawPattern,
    kind: PhantomData<K>,
}

impl<K> Pattern<K> {
    pub(crate) fn new(shape: Shape, lo: Value, hi: Value) -> Self {
        Self::from_raw(RawPattern::new(shape, lo, hi))
    }

    fn from_raw(raw: RawPattern) -> Self {
        Self { raw, kind: PhantomData }
    }

    /// From `lo` to `hi`, both included.
    pub(crate) fn range(lo: Value, hi: Value) -> Self {
        Self::new(if lo == hi { Shape::One } else { Shape::Range }, lo, hi)
    }

    /// The addresses from the network's to `hi`, which agree with `ip` in `bits` bits.
    fn prefix(ip: Value, network: Value, hi: Value, bits: u8) -> Self {
        let shape = if ip == hi && network == hi {
            Shape::One
        } else if ip == network {
            Shape::Prefix(bits)
        } else {
            Shape::HostBits(bits)
        };
        Self::new(shape, ip, hi)
    }
}

impl<K: Key> Pattern<K> {
    /// The pattern from one register value of a set to another.
    pub(crate) fn from_registers(lo: &Value, hi: &Value, interval: bool) -> Option<Self> {
        let (lo, hi) = (images::<K>(lo, interval)?, images::<K>(hi, interval)?);
        let fields = K::FIELDS.iter().zip(lo.into_iter().zip(hi)).map(|(field, (lo, hi))| {
            // Names from `eth\0…` to `eth\xff…` are those that start with `eth`.
            let same = lo.iter().zip(hi.iter()).take_while(|(a, b)| a == b).count();
            let rest = |value: &Value, with| value[same..].iter().all(|b| *b == with);
            match (&lo[..same], field.order) {
                (start @ [_, ..], ByteOrder::Text) if rest(&lo, 0) && rest(&hi, 0xff) && lo != hi => {
                    let start = image(start);
                    RawPattern::new(Shape::One, start, start)
                }
                _ => Pattern::<K>::range(lo, hi).raw,
            }
        });
        fields.reduce(RawPattern::join).map(Self::from_raw)
    }

    /// The lowest value, and the highest: the same if it is one value. `None` for masked bits,
    /// which have neither.
    pub fn bounds(&self) -> Option<(K, K)> {
        let mut lo = Vec::new();
        let mut hi = Vec::new();
        for field in self.raw.fields() {
            if field.shape == Shape::Masked {
                return None;
            }
            let first = match field.shape {
                Shape::HostBits(bits) => network(field.address(), bits).map(|net| net.network().image()),
                _ => Value::new(field.lo),
            };
            lo.push(first?);
            hi.push(field.hi);
        }
        let lo: Vec<&[u8]> = lo.iter().map(|value| &value[..]).collect();
        Some((K::from_images(&lo)?, K::from_images(&hi)?))
    }
}

impl<T: Typed> From<T> for Pattern<T> {
    fn from(value: T) -> Self {
        let image = value.image();
        Self::new(Shape::One, image, image)
    }
}

impl<T: Ordered> From<RangeInclusive<T>> for Pattern<T> {
    fn from(range: RangeInclusive<T>) -> Self {
        Self::range(range.start().image(), range.end().image())
    }
}

impl<T: Ordered> From<Masked<T>> for Pattern<T> {
    fn from(bits: Masked<T>) -> Self {
        Self::new(Shape::Masked, bits.value.image(), bits.mask.image())
    }
}

impl From<&str> for Pattern<IfName> {
    fn from(name: &str) -> Self {
        IfName::from(name).into()
    }
}

impl From<&str> for Pattern<IfKind> {
    fn from(kind: &str) -> Self {
        IfKind::from(kind).into()
    }
}

impl From<&str> for Pattern<HelperName> {
    fn from(name: &str) -> Self {
        HelperName::from(name).into()
    }
}

impl From<&str> for Pattern<OsName> {
    fn from(name: &str) -> Self {
        OsName::from(name).into()
    }
}

impl From<[u8; 4]> for Pattern<Ipv4Addr> {
    fn from(octets: [u8; 4]) -> Self {
        Ipv4Addr::from(octets).into()
    }
}

impl From<Ipv4Network> for Pattern<Ipv4Addr> {
    fn from(net: Ipv4Network) -> Self {
        Self::prefix(net.ip().image(), net.network().image(), net.broadcast().image(), net.prefix())
    }
}

impl From<Ipv6Network> for Pattern<Ipv6Addr> {
    fn from(net: Ipv6Network) -> Self {
        Self::prefix(net.ip().image(), net.network().image(), net.broadcast().image(), net.prefix())
    }
}

macro_rules! either {
    ($($from:ty => $narrow:ty;)*) => { $(
        impl From<$from> for Pattern<IpAddr> {
            fn from(one: $from) -> Self {
                Self::from_raw(Pattern::<$narrow>::from(one).raw)
            }
        }
    )* };
}

either! {
    Ipv4Addr => Ipv4Addr;
    Ipv6Addr => Ipv6Addr;
    Ipv4Network => Ipv4Addr;
    Ipv6Network => Ipv6Addr;
    RangeInclusive<Ipv4Addr> => Ipv4Addr;
    RangeInclusive<Ipv6Addr> => Ipv6Addr;
}

impl From<IpNetwork> for Pattern<IpAddr> {
    fn from(net: IpNetwork) -> Self {
        match net {
            IpNetwork::V4(net) => net.into(),
            IpNetwork::V6(net) => net.into(),
        }
    }
}

/// Literals: exactly one integer type for each, so that `22` means what it looks like.
macro_rules! literals {
    ($($name:ident: $int:ty;)*) => { $(
        impl From<$int> for Pattern<$name> {
            fn from(n: $int) -> Self {
                $name::from(n).into()
            }
        }
        impl From<RangeInclusive<$int>> for Pattern<$name> {
            fn from(range: RangeInclusive<$int>) -> Self {
                ($name::from(*range.start())..=$name::from(*range.end())).into()
            }
        }
    )* };
}

literals! {
    ArpOp: u16; CgroupId: u64; CtDirection: u8; CtState: u32; CtStatus: u32; DccpType: u8; Dscp: u8; Ecn: u8; EtherType: u16;
    FibAddrType: u32; Gid: u32; IgmpType: u8; MhType: u8; MptcpSubtype: u8;
    IcmpCode: u8; IcmpType: u8; Icmpv6Code: u8; Icmpv6Type: u8; IfGroup: u32; IfIndex: u32; IfType: u16; Mark: u32;
    NfProto: u8; PktType: u8; Port: u16; Protocol: u8; Realm: u32; SecondOfDay: u32; TcpFlags: u8; TrafficClass: u32;
    Uid: u32; Weekday: u8;
}

macro_rules! tuples {
    ($( ($($t:ident $x:ident $n:tt),*) )*) => { $(
        impl<$($t, $x: Into<Pattern<$t>>),*> From<($($x,)*)> for Pattern<($($t,)*)> {
            fn from(parts: ($($x,)*)) -> Self {
                let raws = [$(parts.$n.into().raw),*];
                Self::from_raw(raws[1..].iter().fold(raws[0], |all, raw| all.join(*raw)))
            }
        }
    )* };
}

tuples! {
    (A X 0, B Y 1)
    (A X 0, B Y 1, C Z 2)
    (A X 0, B Y 1, C Z 2, D U 3)
    (A X 0, B Y 1, C Z 2, D U 3, E V 4)
}
