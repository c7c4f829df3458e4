//! What a set may be keyed by: typed values, alone or up to five of them together.

use crate::{data::*, lang::field::IpVersion};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most fields of a concatenation here.
pub(crate) const MAX_FIELDS: usize = 5;

/// A typed value or a tuple of up to five: what one or several fields of a packet are compared
/// with.
///
/// Implemented by this crate only.
pub trait Key: Copy + std::fmt::Debug + sealed::Sealed + 'static {
    /// The fields, in order.
    const FIELDS: &'static [FieldType];
    /// Whether one of them is an address of either family.
    const DUAL: bool;

    /// The key made of these values of its fields, most significant byte first.
    fn from_images(images: &[&[u8]]) -> Option<Self>;

    /// The key out of a set element; `interval` says whether the set is one of intervals, whose
    /// numbers are all in network order. `None` if the bytes are no such key.
    ///
    /// ```
    /// use oxitables::{Mark, Key, data::{Port, Value}};
    /// use std::net::Ipv4Addr;
    /// let key = Value::new(&[192, 0, 2, 1, 0, 22, 0, 0]).unwrap();
    /// assert_eq!(<(Ipv4Addr, Port)>::from_value(&key, false), Some((Ipv4Addr::new(192, 0, 2, 1), Port::from(22))));
    /// assert_eq!(Mark::from_value(&key, false), None);
    /// ```
    fn from_value(value: &Value, interval: bool) -> Option<Self> {
        let images = images::<Self>(value, interval)?;
        let mut parts = [&[][..]; MAX_FIELDS];
        for (part, image) in parts.iter_mut().zip(&images) {
            *part = image;
        }
        Self::from_images(&parts[..Self::FIELDS.len()])
    }
}

/// A [`Key`] that a named set may have: each of its fields has a type that nft can print. Plain
/// integers have none.
pub trait SetKey: Key {}

/// Bytes of a field in one family; `v4` counts for addresses of either only.
pub(crate) fn field_len(field: &FieldType, dual: bool, v4: bool) -> usize {
    if dual && field.datatype == Ipv6Addr::FIELD.datatype && v4 { 4 } else { field.width() }
}

/// The fields of a register value; `None` if it has another length than the key.
fn split<K: Key>(value: &Value) -> Option<[&[u8]; MAX_FIELDS]> {
    let single = K::FIELDS.len() == 1;
    let len_in = |v4| {
        K::FIELDS
            .iter()
            .map(|f| {
                let len = field_len(f, K::DUAL, v4);
                if single { len } else { len.next_multiple_of(4) }
            })
            .sum::<usize>()
    };
    let v4 = match value.len() {
        len if K::DUAL && len == len_in(true) => true,
        len if len == len_in(false) => false,
        _ => return None,
    };
    let mut parts = [&[][..]; MAX_FIELDS];
    let mut at = 0;
    for (part, field) in parts.iter_mut().zip(K::FIELDS) {
        let len = field_len(field, K::DUAL, v4);
        *part = value.get(at..at + len)?;
        at += len.next_multiple_of(4);
    }
    Some(parts)
}

/// The values of the fields out of a register value, most significant byte first.
pub(crate) fn images<K: Key>(value: &Value, interval: bool) -> Option<[Value; MAX_FIELDS]> {
    let mut images = [Value::default(); MAX_FIELDS];
    for ((image, field), part) in images.iter_mut().zip(K::FIELDS).zip(split::<K>(value)?) {
        *image = swapped(field, part, interval);
    }
    Some(images)
}

/// Between register content and most significant byte first: the same both ways.
pub(crate) fn swapped(field: &FieldType, bytes: &[u8], network: bool) -> Value {
    turned(field, Value::new(bytes).unwrap_or_default(), network)
}

/// The same of bytes that are a value already.
#[inline]
pub(crate) fn turned(field: &FieldType, mut bytes: Value, network: bool) -> Value {
    if field.order == ByteOrder::Host && !network && cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
}

macro_rules! keys {
    (named { $($named:ty,)* } plain { $($plain:ty,)* }) => {
        $( keys!(@one $named); impl SetKey for $named {} )*
        $( keys!(@one $plain); )*
    };
    (@one $t:ty) => {
        impl Key for $t {
            const FIELDS: &'static [FieldType] = &[<$t as Typed>::FIELD];
            const DUAL: bool = <$t as Typed>::DUAL;
            fn from_images(images: &[&[u8]]) -> Option<Self> {
                Self::from_image(images.first()?)
            }
        }
    };
}

keys! {
    named {
        ArpOp, bool, CgroupId, CtDirection, CtState, CtStatus, DccpType, Dscp, Ecn, EtherType, FibAddrType, Gid, IcmpCode,
        IcmpType, Icmpv6Code, Icmpv6Type, IfGroup, IfIndex, IfKind, IfName, IfType, IgmpType, IpAddr, Ipv4Addr, Ipv6Addr,
        MacAddr, Mark, MhType, NfProto, PktType, Port, Protocol, Realm, TcpFlags, TimeLeft, TrafficClass, Uid,
    }
    plain { CtLabels, HelperName, Moment, MptcpSubtype, OsName, SecondOfDay, Weekday, u8, u16, u32, u64, u128, }
}

macro_rules! tuples {
    ($( ($($t:ident $n:tt),*) )*) => { $(
        impl<$($t: Typed),*> sealed::Sealed for ($($t,)*) {}
        impl<$($t: Typed),*> Key for ($($t,)*) {
            const FIELDS: &'static [FieldType] = &[$($t::FIELD),*];
            const DUAL: bool = $($t::DUAL)||*;
            fn from_images(images: &[&[u8]]) -> Option<Self> {
                Some(($($t::from_image(images.get($n)?)?,)*))
            }
        }
        impl<$($t: Typed + SetKey),*> SetKey for ($($t,)*) {}
    )* };
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
}

/// What a map may map to: a typed value, a tuple of them, or a [`Verdict`].
///
/// Implemented by this crate only.
pub trait MapValue: Clone + std::fmt::Debug + sealed::Sealed + 'static {
    /// nft's number for the type.
    const TYPE: DataType;
    /// Bytes; 0 for a verdict, whose width the kernel knows.
    const LEN: usize;
    /// Its order, as nft notes it with the map: 0 none, 1 host, 2 network.
    #[doc(hidden)]
    const ORDER: u32;
    /// The value as the kernel holds it.
    fn data(&self) -> Data;
    /// The value out of a set element.
    fn from_data(data: &Data) -> Option<Self>;
}

impl<T: Typed + SetKey> MapValue for T {
    const TYPE: DataType = T::FIELD.datatype;
    const LEN: usize = T::FIELD.width();
    const ORDER: u32 = match T::FIELD.order {
        ByteOrder::Host | ByteOrder::Text => 1,
        ByteOrder::Network => 2,
        ByteOrder::Byte => 0,
    };
    fn data(&self) -> Data {
        Data::Value(swapped(&T::FIELD, &self.image(), false))
    }
    fn from_data(data: &Data) -> Option<Self> {
        match data {
            Data::Value(value) => T::from_value(value, false),
            Data::Verdict(_) => None,
        }
    }
}

impl sealed::Sealed for Verdict {}
impl MapValue for Verdict {
    const TYPE: DataType = DataType::VERDICT;
    const LEN: usize = 0;
    const ORDER: u32 = 0;
    fn data(&self) -> Data {
        Data::Verdict(self.clone())
    }
    fn from_data(data: &Data) -> Option<Self> {
        match data {
            Data::Verdict(verdict) => Some(verdict.clone()),
            Data::Value(_) => None,
        }
    }
}

impl<A: Typed + SetKey, B: Typed + SetKey> MapValue for (A, B) {
    const TYPE: DataType = A::FIELD.datatype.then(B::FIELD.datatype);
    const LEN: usize = A::FIELD.width().next_multiple_of(4) + B::FIELD.width().next_multiple_of(4);
    const ORDER: u32 = 0;
    fn data(&self) -> Data {
        let mut value = swapped(&A::FIELD, &self.0.image(), false);
        value.align();
        let _ = value.append(&swapped(&B::FIELD, &self.1.image(), false));
        value.align();
        Data::Value(value)
    }
    fn from_data(data: &Data) -> Option<Self> {
        match data {
            Data::Value(value) => Self::from_value(value, false),
            Data::Verdict(_) => None,
        }
    }
}

/// The name of one of a pair of sets.
pub(crate) fn version_name(name: &Name, dual: bool, version: Option<IpVersion>) -> Name {
    match (dual, version) {
        (true, Some(version)) => {
            let mut bytes = name.as_bytes().to_vec();
            bytes.push(if version.is_v4() { b'4' } else { b'6' });
            Name::from(&bytes[..])
        }
        _ => name.clone(),
    }
}

/// Bytes of a field in a family.
pub(crate) fn len_in(field: &FieldType, dual: bool, version: Option<IpVersion>) -> usize {
    field_len(field, dual, version.is_some_and(IpVersion::is_v4))
}
