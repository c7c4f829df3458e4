use super::{
    Bits, ByteOrder, DataType, FieldType, Ordered, Typed,
    format::{Format, INTEGER_KIND, Info},
    image,
    sealed::Sealed,
    system::LABELS,
};
use crate::data::Value;
use std::{fmt, ops::BitOr};

/// Defines sets of bits with nft's words for them, in the order in which nft prints them.
macro_rules! bit_types {
    ($(
        $(#[$($meta:tt)*])*
        $name:ident($int:ty) = $datatype:literal $type_name:literal, $order:ident {
            $( $(#[$($fmeta:tt)*])* $flag:ident = $value:literal $word:literal, )*
        }
    )*) => { $(
        bitflags::bitflags! {
            $(#[$($meta)*])*
            #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
            pub struct $name: $int {
                $( $(#[$($fmeta)*])* const $flag = $value; )*
                // Bits of later kernels survive.
                const _ = !0;
            }
        }

        impl From<$int> for $name {
            fn from(bits: $int) -> Self {
                Self::from_bits_retain(bits)
            }
        }

        impl From<$name> for $int {
            fn from(bits: $name) -> Self {
                bits.bits()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&super::text(*self))
            }
        }

        impl Sealed for $name {}
        impl Ordered for $name {}
        impl Bits for $name {}
        impl Typed for $name {
            const FIELD: FieldType = FieldType {
                datatype: DataType($datatype),
                len: size_of::<$int>() as u8,
                order: ByteOrder::$order,
                bits: true,
                info: &Info {
                    name: $type_name,
                    base: DataType::BITMASK,
                    bits: size_of::<$int>() as u16 * 8,
                    format: Format::Bits,
                    symbols: &[$( ($value, $word), )*],
                    ..INTEGER_KIND
                },
            };
            fn image(&self) -> Value {
                image(&self.bits().to_be_bytes())
            }
            fn from_image(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_bits_retain(<$int>::from_be_bytes(bytes.try_into().ok()?)))
            }
        }
    )* };
}

bit_types! {
    /// State of a packet in its connection. A packet has exactly one of these.
    ///
    /// ```
    /// use oxitables::data::CtState;
    /// assert_eq!((CtState::RELATED | CtState::ESTABLISHED).to_string(), "established,related");
    /// ```
    CtState(u32) = 26 "ct_state", Host {
        /// Belongs to no connection and starts none that makes sense.
        INVALID = 1 "invalid",
        /// Belongs to a connection that has seen packets both ways.
        ESTABLISHED = 2 "established",
        /// Starts a connection that another one announced, or is an ICMP error about one.
        RELATED = 4 "related",
        /// Starts a connection.
        NEW = 8 "new",
        /// Exempt from tracking.
        UNTRACKED = 64 "untracked",
    }

    /// What has happened to a connection (`IPS_*`).
    CtStatus(u32) = 28 "ct_status", Host {
        /// Another one announced it.
        EXPECTED = 1 "expected",
        /// Packets have come both ways.
        SEEN_REPLY = 2 "seen-reply",
        /// Enough has come both ways that it is not dropped early.
        ASSURED = 4 "assured",
        /// Its first packet has left this host.
        CONFIRMED = 8 "confirmed",
        /// Its source is translated.
        SNAT = 16 "snat",
        /// Its destination is translated.
        DNAT = 32 "dnat",
        /// TCP sequence numbers are shifted.
        SEQ_ADJUST = 64 "seq-adjust",
        /// Source translation was considered.
        SNAT_DONE = 128 "snat-done",
        /// Destination translation was considered.
        DNAT_DONE = 256 "dnat-done",
        /// On its way out.
        DYING = 512 "dying",
        /// Its timeout does not change.
        FIXED_TIMEOUT = 1024 "fixed-timeout",
        // nft has words for the rest, but with wrong numbers: so they show as numbers.
    }

    /// What conntrack tells its listeners about a connection.
    CtEvents(u32) = 40 "ct_event", Host {
        /// It is new.
        NEW = 1 "new",
        /// It is related to another one.
        RELATED = 2 "related",
        /// It is gone.
        DESTROY = 4 "destroy",
        /// The first answer came.
        REPLY = 8 "reply",
        /// It is assured.
        ASSURED = 16 "assured",
        /// The protocol's state changed.
        PROTOINFO = 32 "protoinfo",
        /// It has a helper.
        HELPER = 64 "helper",
        /// Its mark changed.
        MARK = 128 "mark",
        /// Its sequence numbers are shifted.
        SEQADJ = 256 "seqadj",
        /// Its security mark changed.
        SECMARK = 512 "secmark",
        /// Its labels changed.
        LABEL = 1024 "label",
    }

    /// Flags of a TCP segment.
    ///
    /// ```
    /// use oxitables::{data::TcpFlags, tcp};
    /// let fin = tcp::flags().masked(TcpFlags::FIN).is(TcpFlags::FIN);
    /// assert_eq!(fin.to_string(), "tcp flags & fin == fin");
    /// ```
    TcpFlags(u8) = 15 "tcp_flag", Network {
        /// The sender is done.
        FIN = 1 "fin",
        /// Opens the connection.
        SYN = 2 "syn",
        /// Breaks the connection.
        RST = 4 "rst",
        /// Do not wait for more before passing it on.
        PSH = 8 "psh",
        /// Acknowledges.
        ACK = 16 "ack",
        /// Has urgent data.
        URG = 32 "urg",
        /// Congestion was met (ECE).
        ECN = 64 "ecn",
        /// The sender slowed down.
        CWR = 128 "cwr",
    }
}

/// Labels of a connection: 128 bits, named by their numbers.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CtLabels(u128);

impl CtLabels {
    /// The label with a number, 0 to 127; none for a higher one.
    pub const fn bit(number: u8) -> Self {
        Self(if number < 128 { 1 << number } else { 0 })
    }
}

impl BitOr for CtLabels {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for CtLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&super::text(*self))
    }
}

impl Sealed for CtLabels {}
impl Ordered for CtLabels {}
impl Bits for CtLabels {}
impl Typed for CtLabels {
    const FIELD: FieldType = FieldType {
        datatype: DataType(30),
        len: 16,
        order: ByteOrder::Host,
        bits: true,
        info: &Info {
            name: "ct_label",
            base: DataType::BITMASK,
            bits: 128,
            format: Format::Labels,
            file: Some(&LABELS),
            ..INTEGER_KIND
        },
    };
    fn image(&self) -> Value {
        image(&self.0.to_be_bytes())
    }
    fn from_image(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }
}
