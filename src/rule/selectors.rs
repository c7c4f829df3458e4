//! Where rules begin: the fields of packets and of what the kernel knows of them, in nft's words.
//!
//! The fields are rows of the registry; here stand beside them the functions that make more than a
//! field.

use super::condition::Match;
use crate::{data::Cgroup, lang::fields};

#[doc(inline)]
pub use fields::{
    addr, ah, arp, comp, dccp, dst, esp, ether, fib, frag, geneve, gre, gretap, hbh, icmp, icmpv6, igmp, ip, ip6,
    ipsec, mh, osf, raw, rt, rt0, rt2, sctp, srh, tcp, th, tunnel, udp, udplite, vlan, vxlan,
};

/// What connection tracking knows of a packet's connection.
///
/// ```
/// use oxitables::{ct, data::CtState};
/// assert_eq!(ct::state().any(CtState::NEW).to_string(), "ct state new");
/// assert_eq!(ct::original().proto_dst().is(80).to_string(), "ct original proto-dst 80");
/// ```
pub mod ct {
    #[doc(inline)]
    pub use crate::{
        lang::fields::ct::*,
        rule::object::{expectation_from, expectation_named, helper_from, helper_named, timeout_from, timeout_named},
        set::conn_count as count,
    };
}

/// What the kernel knows of a packet besides its bytes.
pub mod meta {
    #[doc(inline)]
    pub use crate::{
        lang::fields::meta::*,
        rule::object::{secmark_from, secmark_named},
    };
}

/// The local socket that a packet belongs to; for chains of prerouting, input and output. Without
/// one the rule ends.
pub mod socket {
    use super::{Cgroup, Match};

    #[doc(inline)]
    pub use super::fields::socket::*;

    /// It was made in a control group, or in one below that.
    ///
    /// ```no_run
    /// use oxitables::{data::Cgroup, socket};
    /// let users = Cgroup::at("user.slice")?;
    /// assert_eq!(socket::within(&users).to_string(), "socket cgroupv2 level 1 \"user.slice\"");
    /// # Ok::<(), oxitables::Error>(())
    /// ```
    ///
    /// Since 5.13.
    pub fn within(group: &Cgroup) -> Match {
        cgroupv2(group.level()).is(group.id())
    }
}
