//! The fields that rules speak of, a module for each header and a row for each field.

mod computed;
mod conntrack;
mod exthdr;
mod icmps;
mod kernel;
mod link;
mod metadata;
mod network;
mod options;
mod packet_bits;
mod registry;
mod transport;
mod tunnels;

pub(crate) use computed::{HASH, jhash_rows, numgen, symhash_rows};
pub use conntrack::ct;
pub use exthdr::{dst, frag, hbh, mh, rt, rt0, rt2, srh};
pub use icmps::{icmp, icmpv6, igmp};
pub use kernel::{fib, ipsec, osf, socket, tunnel};
pub use link::{arp, ether, vlan};
pub use metadata::meta;
pub use network::{addr, ip, ip6};
pub use packet_bits::raw;
pub(crate) use packet_bits::{RAW, RAW_OPTION};
pub(crate) use registry::*;
pub use transport::{dccp, sctp, tcp, th, udp, udplite};
pub use tunnels::{ah, comp, esp, geneve, gre, gretap, vxlan};

use super::{
    field::{As, Field, Load, Param, Side, Spec},
    header::{Header, Tunnel},
    selector::{Reset, Selector, Settable, Target},
};
use crate::{data::*, expr::*};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Rows of fields, in a module of their own: a static for each, and a list of all. The words of a
/// row are its header's and its own, or those behind `words`.
macro_rules! rows {
    ($rows:ident $header:literal, $prefix:literal; $(
        $name:ident: $t:ty = $load:expr, $bits:expr, $field:literal
        $(words $words:literal)? $(as $shown:ident)? $(needs $needs:expr)? $(, $pseudo:ident)?;
    )*) => {
        #[allow(non_upper_case_globals)]
        pub(crate) mod $rows {
            use super::*;
            $(
                pub(crate) static $name: Spec = Spec {
                    header: $header,
                    field: $field,
                    words: rows!(@words $header, $prefix, $field $(, words $words)?),
                    load: $load,
                    bits: $bits,
                    ty: Spec::typed(<$t as Typed>::FIELD, &$load, rows!(@shown $($shown)?)),
                    needs: rows!(@needs $($needs)?),
                    pseudo: rows!(@pseudo $($pseudo)?),
                };
            )*
            pub(crate) static ALL: &[&Spec] = &[$(&$name),*];
        }
    };
    (@words $header:literal, $prefix:literal, $field:literal) => { concat!($prefix, $header, " ", $field) };
    (@words $header:literal, $prefix:literal, $field:literal, words $words:literal) => { $words };
    (@shown) => { As::Typed };
    (@shown $shown:ident) => { As::$shown };
    (@needs) => { &[] };
    (@needs $needs:expr) => { &$needs };
    (@pseudo) => { false };
    (@pseudo pseudo) => { true };
}
use rows;

/// Rows of fields, and a function for each.
macro_rules! fields {
    ($rows:ident $header:literal, $prefix:literal; $(
        $(#[$m:meta])* $kind:ident $name:ident: $t:ty = $load:expr, $bits:expr, $field:literal
        $(words $words:literal)? $(as $shown:ident)? $(needs $needs:expr)? $(, $pseudo:ident)?;
    )*) => {
        rows! { $rows $header, $prefix; $(
            $name: $t = $load, $bits, $field
                $(words $words)? $(as $shown)? $(needs $needs)? $(, $pseudo)?;
        )* }
        $(
            $(#[$m])*
            #[doc = concat!("\n\nnft's `", rows!(@words $header, $prefix, $field $(, words $words)?), "`.")]
            pub fn $name() -> $kind<$t> {
                $kind::new(Field::new(&$rows::$name))
            }
        )*
    };
}
use fields;

/// Fields that are named elsewhere in the crate.
pub(crate) mod specs {
    pub(crate) use super::conntrack::ct::directed::{
        ip_daddr as CT_IP_DADDR, ip_saddr as CT_IP_SADDR, ip6_daddr as CT_IP6_DADDR, ip6_saddr as CT_IP6_SADDR,
    };
    pub(crate) use super::network::{
        ip::rows::{daddr as IP_DADDR, saddr as IP_SADDR},
        ip6::rows::{daddr as IP6_DADDR, saddr as IP6_SADDR},
    };
    pub(crate) use super::transport::tcp::rows::dport as TCP_DPORT;
}
