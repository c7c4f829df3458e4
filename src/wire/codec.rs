use super::{DecodeError, Malformed, Scope, Spec, Step, Writer, attrs};
#[cfg(test)]
use proptest::prelude::*;
use std::{
    marker::PhantomData,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// How one field type travels in one attribute payload. Implementors are never built.
pub trait Codec<T> {
    /// What lies below the attribute.
    const SCOPE: Scope = Scope::Leaf;
    /// Whether the kernel marks the attribute as a nest when it reports it; hardly any.
    const MARKED: bool = false;
    /// Appends the payload.
    fn put(value: &T, out: &mut Writer);
    /// Appends the attribute, if it is no nest.
    #[inline]
    fn write(value: &T, kind: u16, name: &'static str, out: &mut Writer) {
        out.attr(kind, name, |out| Self::put(value, out));
    }
    /// Reads the payload.
    ///
    /// # Errors
    /// When the payload is no value of the type.
    fn get(payload: &[u8]) -> Result<T, DecodeError>;
    /// Whether the kernel writes this value to mean "not set".
    fn is_absent(_: &T) -> bool {
        false
    }
    /// What a mandatory attribute stands for that is not there.
    fn missing() -> Option<T> {
        None
    }
    /// Values for property tests.
    #[cfg(test)]
    fn any() -> BoxedStrategy<T>;
}

/// A struct defined by an attribute table.
pub trait Table: Sized {
    /// Its rows.
    const TABLE: &'static [Spec];
    /// Appends the attributes.
    fn encode(&self, out: &mut Writer);
    /// Reads the attributes.
    ///
    /// # Errors
    /// When one of them does not decode or a mandatory one is missing.
    fn decode(buf: &[u8]) -> Result<Self, DecodeError>;
    /// Values for property tests.
    #[cfg(test)]
    fn any() -> BoxedStrategy<Self>;
}

pub(crate) fn exact<const N: usize>(p: &[u8]) -> Result<[u8; N], DecodeError> {
    p.try_into().map_err(|_| Malformed::Length { got: p.len(), want: N }.into())
}

macro_rules! integers {
    ($($(#[$m:meta])* $codec:ident: $int:ty, $from:ident, $to:ident;)*) => { $(
        $(#[$m])*
        #[derive(Debug)]
        pub enum $codec {}
        impl<T: Copy + From<$int> + std::fmt::Debug + 'static> Codec<T> for $codec
        where
            $int: From<T>,
        {
            #[inline]
            fn put(value: &T, out: &mut Writer) {
                out.bytes(&<$int>::from(*value).$to());
            }
            #[inline]
            fn write(value: &T, kind: u16, _: &'static str, out: &mut Writer) {
                out.number(kind, <$int>::from(*value).$to());
            }
            #[inline]
            fn get(payload: &[u8]) -> Result<T, DecodeError> {
                Ok(T::from(<$int>::$from(exact(payload)?)))
            }
            #[cfg(test)]
            fn any() -> BoxedStrategy<T> {
                prop_oneof![(0..32u8).prop_map(|n| n as $int), any::<$int>()].prop_map(T::from).boxed()
            }
        }
    )* };
}

integers! {
    /// One byte.
    U8: u8, from_be_bytes, to_be_bytes;
    /// 16 bits in network order.
    Be16: u16, from_be_bytes, to_be_bytes;
    /// 32 bits in network order.
    Be32: u32, from_be_bytes, to_be_bytes;
    /// 32 signed bits in network order.
    BeI32: i32, from_be_bytes, to_be_bytes;
    /// 64 bits in network order.
    Be64: u64, from_be_bytes, to_be_bytes;
    /// 32 bits in the machine's order.
    Ne32: u32, from_ne_bytes, to_ne_bytes;
}

/// 32 flag bits in network order; the kernel reports "none" as zero, and may refuse to be told
/// zero.
#[derive(Debug)]
pub enum Bits32 {}

impl<T: Copy + From<u32> + std::fmt::Debug + 'static> Codec<T> for Bits32
where
    u32: From<T>,
{
    fn put(value: &T, out: &mut Writer) {
        Be32::put(value, out);
    }
    #[inline]
    fn write(value: &T, kind: u16, name: &'static str, out: &mut Writer) {
        Be32::write(value, kind, name, out);
    }
    fn get(payload: &[u8]) -> Result<T, DecodeError> {
        Be32::get(payload)
    }
    fn is_absent(value: &T) -> bool {
        u32::from(*value) == 0
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<T> {
        Be32::any()
    }
}

/// A duration as 64-bit milliseconds in network order; zero means "not set".
#[derive(Debug)]
pub enum Ms64 {}

impl Codec<Duration> for Ms64 {
    fn put(value: &Duration, out: &mut Writer) {
        // Rounded up: a timeout of less than a millisecond must not become "no timeout".
        let ms = u64::try_from(value.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        out.bytes(&ms.to_be_bytes());
    }
    fn get(payload: &[u8]) -> Result<Duration, DecodeError> {
        Ok(Duration::from_millis(u64::from_be_bytes(exact(payload)?)))
    }
    fn is_absent(value: &Duration) -> bool {
        value.is_zero()
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Duration> {
        (1u64..u64::MAX).prop_map(Duration::from_millis).boxed()
    }
}

/// A text of 1 to `MAX` bytes, NUL-terminated on the wire.
#[derive(Debug)]
pub enum Text<const MAX: usize> {}

impl<const MAX: usize, T> Codec<T> for Text<MAX>
where
    T: AsRef<[u8]> + for<'a> From<&'a [u8]> + std::fmt::Debug + 'static,
{
    #[inline]
    fn put(value: &T, out: &mut Writer) {
        let text = value.as_ref();
        if text.len() > MAX {
            out.refuse(Malformed::TooLong { got: text.len(), most: MAX });
        } else if text.is_empty() {
            out.refuse(Malformed::Empty);
        } else if text.contains(&0) {
            out.refuse(Malformed::Text);
        }
        out.bytes(text);
        out.bytes(&[0]);
    }
    fn get(payload: &[u8]) -> Result<T, DecodeError> {
        let text = payload.strip_suffix(&[0]).unwrap_or(payload);
        if text.contains(&0) { Err(Malformed::Text.into()) } else { Ok(T::from(text)) }
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<T> {
        prop_oneof![
            "[a-z][a-z0-9_-]{0,14}".prop_map(|s| T::from(s.as_bytes())),
            prop::collection::vec(1u8.., 1..MAX).prop_map(|b| T::from(&b[..])),
        ]
        .boxed()
    }
}

/// An address, as packets have it.
#[derive(Debug)]
pub enum Address {}

macro_rules! addresses {
    ($($ty:ty)*) => { $(
        impl Codec<$ty> for Address {
            fn put(value: &$ty, out: &mut Writer) {
                out.bytes(&value.octets());
            }
            fn get(payload: &[u8]) -> Result<$ty, DecodeError> {
                exact(payload).map(<$ty>::from)
            }
            #[cfg(test)]
            fn any() -> BoxedStrategy<$ty> {
                any::<$ty>().boxed()
            }
        }
    )* };
}

addresses! { Ipv4Addr Ipv6Addr }

/// Opaque bytes, at most `MAX`.
#[derive(Debug)]
pub enum Blob<const MAX: usize> {}

impl<const MAX: usize, T> Codec<T> for Blob<MAX>
where
    T: AsRef<[u8]> + for<'a> From<&'a [u8]> + std::fmt::Debug + 'static,
{
    fn put(value: &T, out: &mut Writer) {
        let bytes = value.as_ref();
        if bytes.len() > MAX {
            out.refuse(Malformed::TooLong { got: bytes.len(), most: MAX });
        }
        out.bytes(bytes);
    }
    fn get(payload: &[u8]) -> Result<T, DecodeError> {
        Ok(T::from(payload))
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<T> {
        prop::collection::vec(any::<u8>(), 0..MAX.min(40)).prop_map(|b| T::from(&b[..])).boxed()
    }
}

/// A table inside an attribute.
#[derive(Debug)]
pub enum Nest {}

impl<T: Table + std::fmt::Debug + 'static> Codec<T> for Nest {
    const SCOPE: Scope = Scope::Table(T::TABLE);
    fn put(value: &T, out: &mut Writer) {
        value.encode(out);
    }
    fn get(payload: &[u8]) -> Result<T, DecodeError> {
        T::decode(payload)
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<T> {
        T::any()
    }
}

/// `NFTA_LIST_ELEM` repeated, each entry with the codec `C`.
#[derive(Debug)]
pub struct List<C>(PhantomData<C>);

impl<C> List<C> {
    /// The one attribute of a list.
    pub const TABLE: &'static [Spec] =
        &[Spec { number: 1, name: "NFTA_LIST_ELEM", field: "element", scope: Scope::Leaf }];
}

impl<T: std::fmt::Debug + 'static, C: Codec<T>> Codec<Vec<T>> for List<C> {
    const SCOPE: Scope = Scope::List(&C::SCOPE);
    fn put(value: &Vec<T>, out: &mut Writer) {
        for (index, item) in value.iter().enumerate() {
            out.entry(index, |out| out.nest(1, "element", |out| C::put(item, out)));
        }
    }
    fn get(payload: &[u8]) -> Result<Vec<T>, DecodeError> {
        // Counted first: lists of rules are many, and most of their memory would be what a growing
        // `Vec` keeps in hand.
        let mut items = Vec::with_capacity(attrs(payload).count());
        for (i, attr) in attrs(payload).enumerate() {
            match attr.map_err(DecodeError::from).and_then(|a| C::get(a.payload)) {
                Ok(item) => items.push(item),
                Err(e) => return Err(e.within(Step::Index(i))),
            }
        }
        Ok(items)
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Vec<T>> {
        prop::collection::vec(C::any(), 0..4).boxed()
    }
}
