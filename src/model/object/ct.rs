//! What connection tracking is told by name.

use crate::{
    data::{Family, Name},
    wire::{Be16, Codec, DecodeError, Malformed, Ne32, Scope, Step, Text, U8, Writer, attrs, exact},
};
#[cfg(test)]
use proptest::prelude::*;
use std::time::Duration;

attributes! {
    /// A helper that follows a protocol with further connections: `ftp`, `sip`, `tftp`, …
    ///
    /// Kernel: `struct nft_ct_helper_obj` in `nft_ct.c`, since 4.12; the helper's module is loaded
    /// when it is made.
    pub struct CtHelper {
        /// Name of the helper, up to 15 bytes.
        req name: Name = 1 "NFTA_CT_HELPER_NAME" as Text<15>,
        /// Transport protocol: 6 for TCP, 17 for UDP.
        req l4proto: u8 = 3 "NFTA_CT_HELPER_L4PROTO" as U8,
        /// Family of the connections, as a number: 2 for IPv4, 10 for IPv6, 1 for both; that of the
        /// table if `None`.
        opt l3proto: u16 = 2 "NFTA_CT_HELPER_L3PROTO" as Be16,
    }
}

attributes! {
    /// How long connections of one protocol are remembered in each of their states.
    ///
    /// ```
    /// use oxitables::model::{CtTimeout, TcpTimeout};
    /// use std::time::Duration;
    /// let short = CtTimeout::tcp().with(TcpTimeout::Established, Duration::from_secs(3600));
    /// # assert_eq!(short.l4proto, 6);
    /// ```
    ///
    /// Kernel: `struct nft_ct_timeout_obj` in `nft_ct.c`, since 4.19.
    pub struct CtTimeout {
        /// Transport protocol: 6 for TCP, 17 for UDP.
        req l4proto: u8 = 2 "NFTA_CT_TIMEOUT_L4PROTO" as U8,
        /// Family of the connections, as a number: 2 for IPv4, 10 for IPv6; that of the table if
        /// `None`.
        opt l3proto: u16 = 1 "NFTA_CT_TIMEOUT_L3PROTO" as Be16,
        /// States by their numbers ([`TcpTimeout`], [`UdpTimeout`]), whole seconds on the wire.
        /// What is left out is as the kernel's settings have it; it reports all.
        req timeouts: Vec<(u16, Duration)> = 3 "NFTA_CT_TIMEOUT_DATA" as Timeouts,
    }
}

numbers! {
    /// State of a TCP connection in a [`CtTimeout`].
    pub enum TcpTimeout: u16 {
        /// The first packet was seen.
        SynSent = 1 "CTA_TIMEOUT_TCP_SYN_SENT",
        /// It was answered.
        SynRecv = 2 "CTA_TIMEOUT_TCP_SYN_RECV",
        /// It is open.
        Established = 3 "CTA_TIMEOUT_TCP_ESTABLISHED",
        /// One side closed.
        FinWait = 4 "CTA_TIMEOUT_TCP_FIN_WAIT",
        /// The other side acknowledged that.
        CloseWait = 5 "CTA_TIMEOUT_TCP_CLOSE_WAIT",
        /// Both sides closed.
        LastAck = 6 "CTA_TIMEOUT_TCP_LAST_ACK",
        /// Late packets may come.
        TimeWait = 7 "CTA_TIMEOUT_TCP_TIME_WAIT",
        /// It was reset.
        Close = 8 "CTA_TIMEOUT_TCP_CLOSE",
        /// Both sides opened at once.
        SynSent2 = 9 "CTA_TIMEOUT_TCP_SYN_SENT2",
        /// Packets are repeated without an answer.
        Retrans = 10 "CTA_TIMEOUT_TCP_RETRANS",
        /// Packets wait for an acknowledgement.
        Unack = 11 "CTA_TIMEOUT_TCP_UNACK",
    }
}

numbers! {
    /// State of a UDP flow in a [`CtTimeout`].
    pub enum UdpTimeout: u16 {
        /// One side sent.
        Unreplied = 1 "CTA_TIMEOUT_UDP_UNREPLIED",
        /// Both sides sent.
        Replied = 2 "CTA_TIMEOUT_UDP_REPLIED",
    }
}

attributes! {
    /// A connection that will come: it counts as related to the one whose rule says so.
    ///
    /// Kernel: `struct nft_ct_expect_obj` in `nft_ct.c`, since 5.3; families `ip`, `ip6`, `inet`.
    pub struct CtExpectation {
        /// Family, as a number: 2 for IPv4, 10 for IPv6; that of the table if `None`.
        opt l3proto: u16 = 1 "NFTA_CT_EXPECT_L3PROTO" as Be16,
        /// Transport protocol: 6 for TCP, 17 for UDP.
        req l4proto: u8 = 2 "NFTA_CT_EXPECT_L4PROTO" as U8,
        /// Destination port.
        req dport: u16 = 3 "NFTA_CT_EXPECT_DPORT" as Be16,
        /// How long it is waited for, in milliseconds.
        req timeout: u32 = 4 "NFTA_CT_EXPECT_TIMEOUT" as Ne32,
        /// How many may come.
        req size: u8 = 5 "NFTA_CT_EXPECT_SIZE" as U8,
    }
}

/// Seconds, each under the number of its state.
#[derive(Debug)]
pub enum Timeouts {}

impl Codec<Vec<(u16, Duration)>> for Timeouts {
    // The numbers mean other states in each protocol.
    const SCOPE: Scope = Scope::Table(&[]);
    const MARKED: bool = true;
    fn put(value: &Vec<(u16, Duration)>, out: &mut Writer) {
        for (state, timeout) in value {
            let Ok(seconds) = u32::try_from(timeout.as_nanos().div_ceil(1_000_000_000)) else {
                out.refuse(Malformed::Refused("a timeout of connection tracking is at most 2^32 - 1 seconds".into()));
                continue;
            };
            out.attr(*state, "timeout", |out| out.bytes(&seconds.to_be_bytes()));
        }
    }
    fn get(payload: &[u8]) -> Result<Vec<(u16, Duration)>, DecodeError> {
        attrs(payload)
            .enumerate()
            .map(|(index, attr)| {
                let attr = attr?;
                let seconds = exact(attr.payload).map_err(|e| e.within(Step::Index(index)))?;
                Ok((attr.kind, Duration::from_secs(u32::from_be_bytes(seconds).into())))
            })
            .collect()
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Vec<(u16, Duration)>> {
        let entry = (1u16..15, any::<u32>()).prop_map(|(state, s)| (state, Duration::from_secs(s.into())));
        prop::collection::vec(entry, 0..12).boxed()
    }
}

impl CtHelper {
    /// The helper `name` for connections of a transport protocol (6 for TCP, 17 for UDP).
    pub fn new(name: impl Into<Name>, l4proto: u8) -> Self {
        Self::required(name.into(), l4proto)
    }

    /// For connections of one family only.
    pub fn with_family(mut self, family: Family) -> Self {
        self.l3proto = Some(u8::from(family).into());
        self
    }
}

impl CtTimeout {
    /// Timeouts of a transport protocol.
    pub fn new(l4proto: u8) -> Self {
        Self::required(l4proto, Vec::new())
    }

    /// Timeouts of TCP.
    pub fn tcp() -> Self {
        Self::new(6)
    }

    /// Timeouts of UDP.
    pub fn udp() -> Self {
        Self::new(17)
    }

    /// Sets that of one state, rounded up to whole seconds.
    pub fn with(mut self, state: impl Into<u16>, timeout: Duration) -> Self {
        self.timeouts.push((state.into(), timeout));
        self
    }

    /// For connections of one family only.
    pub fn with_family(mut self, family: Family) -> Self {
        self.l3proto = Some(u8::from(family).into());
        self
    }
}

impl CtExpectation {
    /// Expects up to `size` connections to `dport` within `timeout`, in milliseconds on the wire.
    pub fn new(l4proto: u8, dport: u16, timeout: Duration, size: u8) -> Self {
        let ms = u32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
        Self::required(l4proto, dport, ms, size)
    }

    /// Of one family only.
    pub fn with_family(mut self, family: Family) -> Self {
        self.l3proto = Some(u8::from(family).into());
        self
    }
}
