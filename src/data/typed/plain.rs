//! Types of the standard library as values.

use super::{
    ByteOrder, DataType, FieldType, Ordered, Typed,
    format::{Format, INTEGER_KIND, Info},
    image,
    sealed::Sealed,
};
use crate::data::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// A plain number takes the byte order of the field it is compared with.
macro_rules! integers {
    ($($int:ty)*) => { $(
        impl Sealed for $int {}
        impl Ordered for $int {}
        impl Typed for $int {
            const FIELD: FieldType = FieldType {
                datatype: DataType::INTEGER,
                len: size_of::<$int>() as u8,
                order: ByteOrder::Network,
                bits: false,
                info: &Info { base: DataType::INVALID, ..INTEGER_KIND },
            };
            fn image(&self) -> Value {
                image(&self.to_be_bytes())
            }
            fn from_image(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_be_bytes(bytes.try_into().ok()?))
            }
        }
    )* };
}

integers! { u8 u16 u32 u64 u128 }

/// A number of bits of a packet, or of an option: a plain number.
///
/// Implemented by this crate only.
pub trait RawBits: Ordered {}
impl RawBits for u8 {}
impl RawBits for u16 {}
impl RawBits for u32 {}
impl RawBits for u64 {}
impl RawBits for u128 {}

macro_rules! addresses {
    ($($addr:ty = $datatype:literal $word:literal, $len:literal;)*) => { $(
        impl Sealed for $addr {}
        impl Ordered for $addr {}
        impl Typed for $addr {
            const FIELD: FieldType = FieldType {
                datatype: DataType($datatype),
                len: $len,
                order: ByteOrder::Network,
                bits: false,
                info: &Info { name: $word, bits: $len * 8, format: Format::Address, ..INTEGER_KIND },
            };
            fn image(&self) -> Value {
                image(&self.octets())
            }
            fn from_image(bytes: &[u8]) -> Option<Self> {
                <[u8; $len]>::try_from(bytes).ok().map(Self::from)
            }
        }
    )* };
}

addresses! {
    Ipv4Addr = 7 "ipv4_addr", 4;
    Ipv6Addr = 8 "ipv6_addr", 16;
}

impl Sealed for IpAddr {}
impl Ordered for IpAddr {}
impl Typed for IpAddr {
    // Type and width are those of the wider family; whoever lowers it takes those of the family at
    // hand.
    const FIELD: FieldType = Ipv6Addr::FIELD;
    const DUAL: bool = true;
    fn image(&self) -> Value {
        match self {
            Self::V4(address) => address.image(),
            Self::V6(address) => address.image(),
        }
    }
    fn from_image(bytes: &[u8]) -> Option<Self> {
        Ipv4Addr::from_image(bytes).map(Self::V4).or_else(|| Ipv6Addr::from_image(bytes).map(Self::V6))
    }
}

impl Sealed for bool {}
impl Typed for bool {
    const FIELD: FieldType = FieldType {
        datatype: DataType(39),
        len: 1,
        order: ByteOrder::Byte,
        bits: false,
        info: &Info {
            name: "boolean",
            bits: 1,
            format: Format::Boolean,
            symbols: &[(1, "exists"), (0, "missing")],
            ..INTEGER_KIND
        },
    };
    fn image(&self) -> Value {
        image(&[u8::from(*self)])
    }
    fn from_image(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}
