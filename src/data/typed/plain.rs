//! Types of the standard library as values.

use super::{ByteOrder, DataType, FieldType, Ordered, Typed, image, sealed::Sealed, show_number};
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
                show: |bytes, style, out| match super::be(bytes) {
                    n if n > 0 && style == super::Style::Masked => out.push_str(&format!("{n:#x}")),
                    _ => show_number(bytes, out),
                },
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

integers! { u8 u16 u32 u64 }

macro_rules! addresses {
    ($($addr:ty = $datatype:literal, $len:literal;)*) => { $(
        impl Sealed for $addr {}
        impl Ordered for $addr {}
        impl Typed for $addr {
            const FIELD: FieldType = FieldType {
                datatype: DataType($datatype),
                len: $len,
                order: ByteOrder::Network,
                bits: false,
                show: show_address,
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
    Ipv4Addr = 7, 4;
    Ipv6Addr = 8, 16;
}

fn show_address(bytes: &[u8], _: super::Style, out: &mut String) {
    match IpAddr::from_image(bytes) {
        Some(address) => out.push_str(&address.to_string()),
        None => show_number(bytes, out),
    }
}

impl Sealed for IpAddr {}
impl Ordered for IpAddr {}
impl Typed for IpAddr {
    // Type and width are those of the wider family; whoever lowers it takes those of the family at hand.
    const FIELD: FieldType = FieldType { show: show_address, ..Ipv6Addr::FIELD };
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
        show: |bytes, _, out| out.push_str(if bytes == [0] { "missing" } else { "exists" }),
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
