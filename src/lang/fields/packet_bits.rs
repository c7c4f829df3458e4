//! Any bits of a packet.

use super::*;

/// Bits of the packet that no field has: `raw::transport::<u16>(16)` is what `th dport` reads.
///
/// Nothing is matched before: any packet that is long enough has them.
pub mod raw {
    use super::*;

    fn of<T: RawBits>(header: Header, offset: u16, bits: u16) -> Settable<T> {
        Settable::new(Field::with(&RAW, Param::Raw(header, offset, bits)))
    }

    macro_rules! bases {
        ($($(#[$m:meta])* $name:ident $some:ident = $header:ident $word:literal;)*) => { $(
            $(#[$m])*
            ///
            /// As many bits as the type has, from bit `offset` on.
            ///
            #[doc = concat!("nft's `@", $word, ",OFFSET,BITS`.")]
            pub fn $name<T: RawBits>(offset: u16) -> Settable<T> {
                of(Header::$header, offset, T::FIELD.width() as u16 * 8)
            }

            /// The same with another number of bits; no more than the type has.
            pub fn $some<T: RawBits>(offset: u16, bits: u16) -> Settable<T> {
                of(Header::$header, offset, bits.clamp(1, T::FIELD.width() as u16 * 8))
            }
        )* };
    }

    bases! {
        /// Counted from the link header.
        link link_bits = RawLink "ll";
        /// Counted from the network header.
        network network_bits = RawNetwork "nh";
        /// Counted from the transport header.
        transport transport_bits = RawTransport "th";
        /// Counted from what follows the transport header. Since 5.16.
        inner inner_bits = RawInner "ih";
    }
}

/// The row of raw bits: where they are is a parameter.
pub(crate) static RAW: Spec = RAW_ROW;

/// The row of raw bits of a TCP option.
pub(crate) static RAW_OPTION: Spec =
    Spec { words: "tcp option @", load: Load::Option(ExthdrOp::TcpOption, 0, 0), ty: INTEGER, ..RAW_ROW };

const RAW_ROW: Spec = Spec {
    header: "",
    field: "",
    words: "@",
    load: Load::Packet(Header::RawNetwork, 0),
    bits: 0,
    ty: HEX_INTEGER,
    needs: &[],
    pseudo: false,
};
