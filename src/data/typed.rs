//! Typed values: what a packet field, a piece of metadata or a set key can be.
//!
//! Each knows its nft data type, its width and its byte order, so that nobody who writes a rule has
//! to.

mod bits;
mod clock;
mod format;
mod host;
mod names;
#[macro_use]
mod number;
mod numbers;
mod plain;
mod style;
mod system;
mod types;

pub use bits::{CtEvents, CtLabels, CtState, CtStatus, TcpFlags};
pub(crate) use format::{Format, Info, show_address, show_duration};
pub use host::*;
pub use names::{HelperName, IfKind, IfName, MacAddr, OsName, ParseMacError};
pub use numbers::*;
pub use plain::RawBits;
pub(crate) use style::{Form, Style, Words};
pub(crate) use types::{BITMASK, HEX_INTEGER, INTEGER};

use super::Value;
use std::fmt::{self, Write};

/// nft's number for the type of a set key or value: six bits for each field of a concatenation, the
/// first the highest.
///
/// The kernel keeps it for user space, which prints elements by it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct DataType(u32);

impl DataType {
    /// A verdict.
    #[doc(alias = "NFT_DATA_VERDICT")]
    pub const VERDICT: Self = Self(0xffff_ff00);
    /// None.
    pub const INVALID: Self = Self(0);
    /// Bits.
    pub const BITMASK: Self = Self(3);
    /// A number of no further meaning.
    pub const INTEGER: Self = Self(4);
    /// Text.
    pub const STRING: Self = Self(5);
    /// Hardware address of any kind.
    pub const LINK_ADDRESS: Self = Self(6);

    /// The fields of a concatenation, or the one there is.
    pub(crate) fn fields(self) -> impl Iterator<Item = Self> {
        (0..5).rev().map(move |i| Self(self.0 >> (6 * i) & 0x3f)).skip_while(|field| field.0 == 0)
    }

    /// nft's name: `ipv4_addr . inet_service`.
    pub(crate) fn words(self) -> String {
        let word =
            |field: Self| FieldType::of(field).map_or_else(|| format!("type {}", field.0), |ty| ty.name().into());
        self.fields().map(word).collect::<Vec<_>>().join(" . ")
    }

    /// An interval of a set of intervals, field by field.
    pub(crate) fn show_range(self, lo: &[u8], hi: &[u8]) -> String {
        let (lo, hi) = (self.show(lo, true), self.show(hi, true));
        let fields = lo.split(" . ").zip(hi.split(" . "));
        let words = fields.map(|(lo, hi)| if lo == hi { lo.to_owned() } else { format!("{lo}-{hi}") });
        words.collect::<Vec<_>>().join(" . ")
    }

    /// Register content, or a key of a set, in nft's words, or in hexadecimal where the type has
    /// none. In a set of intervals numbers of the host's byte order stand with their highest byte
    /// first.
    pub(crate) fn show(self, value: &[u8], interval: bool) -> String {
        let single = self.fields().count() == 1;
        let mut rest = value;
        let words = self.fields().map(|field| {
            let mut field = FieldType::of(field)?;
            if field.len == 0 && single {
                field.len = rest.len() as u8;
            }
            let (bytes, _) = rest.split_at_checked(usize::from(field.len))?;
            rest = rest
                .get(if single { usize::from(field.len) } else { usize::from(field.len).next_multiple_of(4) }..)
                .unwrap_or_default();
            let mut bytes = image(bytes);
            if field.order == ByteOrder::Host && !interval && cfg!(target_endian = "little") {
                bytes.reverse();
            }
            Some(field.text(&bytes, Style::WORDS))
        });
        match words.collect::<Option<Vec<_>>>() {
            Some(words) if !words.is_empty() => words.join(" . "),
            _ => format!("{:?}", image(value)),
        }
    }

    /// The concatenation of this type with another field.
    pub const fn then(self, field: Self) -> Self {
        Self(self.0 << 6 | field.0)
    }
}

impl From<u32> for DataType {
    fn from(n: u32) -> Self {
        Self(n)
    }
}

impl From<DataType> for u32 {
    fn from(t: DataType) -> u32 {
        t.0
    }
}

/// The order in which the bytes of a value lie in a register.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ByteOrder {
    /// That of the network, most significant byte first: packet fields.
    Network,
    /// That of the machine: what the kernel says about a packet.
    Host,
    /// Text, which has no order but counts as the machine's.
    Text,
    /// A single byte of which nft says neither.
    Byte,
}

impl ByteOrder {
    /// nft's note of it, with a set.
    pub(crate) const fn noted(self) -> u32 {
        match self {
            Self::Host | Self::Text => 1,
            Self::Network => 2,
            Self::Byte => 0,
        }
    }
}

/// What is known of a typed value without having one.
#[derive(Clone, Copy, Debug)]
pub struct FieldType {
    pub(crate) datatype: DataType,
    pub(crate) len: u8,
    pub(crate) order: ByteOrder,
    pub(crate) bits: bool,
    pub(crate) info: &'static Info,
}

impl PartialEq for FieldType {
    fn eq(&self, other: &Self) -> bool {
        (self.datatype, self.len, self.order) == (other.datatype, other.len, other.order)
    }
}

impl FieldType {
    /// nft's number for the type.
    pub const fn datatype(&self) -> DataType {
        self.datatype
    }

    /// Bytes of the value; the most, for an address of either family.
    pub const fn width(&self) -> usize {
        self.len as usize
    }

    /// Order of its bytes.
    pub const fn order(&self) -> ByteOrder {
        self.order
    }
}

/// Some bits of a value: those in the mask count, the others do not.
///
/// As a condition, the masked bits of the field must be those of the value; as an assignment, they
/// become those of the value and the others stay.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Masked<T> {
    pub(crate) value: T,
    pub(crate) mask: T,
}

impl<T> Masked<T> {
    /// The bits of `value` that `mask` has.
    pub const fn new(value: T, mask: T) -> Self {
        Self { value, mask }
    }
}

/// A value of a packet field, of metadata, or of one field of a set key.
///
/// Implemented by this crate only: a type that nft does not know cannot be printed by it.
pub trait Typed: Copy + fmt::Debug + sealed::Sealed + 'static {
    /// Type, width and order.
    const FIELD: FieldType;
    /// Whether it is of either IP family, so that each needs a rule and a set of its own.
    const DUAL: bool = false;

    /// The bytes, most significant first whatever the order of the type.
    fn image(&self) -> Value;

    /// The value with these bytes; `None` if there is none.
    fn from_image(bytes: &[u8]) -> Option<Self>;
}

/// A [`Typed`] value that has an order: `<`, ranges and masks make sense for it.
pub trait Ordered: Typed {}

/// A [`Typed`] value that is a set of bits.
pub trait Bits: Ordered {}

pub(crate) mod sealed {
    /// Keeps the traits of typed values to this crate.
    pub trait Sealed {}
}

/// The number that up to 16 big-endian bytes are.
pub(crate) fn be(bytes: &[u8]) -> u128 {
    bytes.iter().take(16).fold(0, |n, b| n << 8 | u128::from(*b))
}

/// Bytes in pairs of digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that pairs of digits are.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok()).collect();
    if rest.is_empty() { bytes } else { None }
}

/// Bytes that are known to fit.
pub(crate) fn image(bytes: &[u8]) -> Value {
    Value::new(bytes).unwrap_or_default()
}

/// The text of a value by itself.
pub(crate) fn text<T: Typed>(value: T) -> String {
    T::FIELD.text(&value.image(), Style::WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn survives<T: Typed + PartialEq>(bytes: &[u8]) {
        if let Some(value) = T::from_image(bytes) {
            assert_eq!(T::from_image(&value.image()), Some(value));
            for style in [Style::WORDS, Style::NUMBER, Style::LISTED] {
                assert!(!T::FIELD.text(&value.image(), style).is_empty(), "{value:?}");
            }
        }
        let _ = T::FIELD.text(bytes, Style::LISTED);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_none(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            survives::<Port>(&bytes);
            survives::<Protocol>(&bytes);
            survives::<Mark>(&bytes);
            survives::<IfName>(&bytes);
            survives::<MacAddr>(&bytes);
            survives::<IpAddr>(&bytes);
            survives::<Ipv4Addr>(&bytes);
            survives::<Ipv6Addr>(&bytes);
            survives::<CtState>(&bytes);
            survives::<CtLabels>(&bytes);
            survives::<TcpFlags>(&bytes);
            survives::<TimeLeft>(&bytes);
            survives::<TrafficClass>(&bytes);
            survives::<u64>(&bytes);
            survives::<bool>(&bytes);
        }
    }

    #[test]
    fn words_are_nfts() {
        assert_eq!(Protocol::TCP.to_string(), "tcp");
        assert_eq!(Protocol::from(99).to_string(), "99");
        assert_eq!((CtState::RELATED | CtState::ESTABLISHED).to_string(), "established,related");
        assert_eq!(TcpFlags::empty().to_string(), "0x0");
        assert_eq!(IfName::from("eth*").to_string(), "\"eth*\"");
        assert_eq!(TimeLeft::from_millis(90_061_001).to_string(), "1d1h1m1s1ms");
        assert_eq!(Mark::from(16).to_string(), "0x00000010");
        assert_eq!(TrafficClass::new(0xff, 1).to_string(), "ff:1");
    }
}
