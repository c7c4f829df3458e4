use crate::{data::Register, wire::Be32};

attributes! {
    /// Reads or sets what the kernel knows of the packet besides its bytes.
    ///
    /// Numbers are in the machine's byte order, except for [`MetaKey::Protocol`], which is as on
    /// the wire.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let mark = Meta::load(MetaKey::Mark, Register::R1);
    /// # assert_eq!(mark.sreg, None);
    /// ```
    ///
    /// Kernel: `nft_meta.c`, since 3.13.
    pub struct Meta {
        /// What to read or set.
        req key: MetaKey = 2 "NFTA_META_KEY" as Be32,
        /// Register to read into.
        opt dreg: Register = 1 "NFTA_META_DREG" as Be32,
        /// Register to set from.
        opt sreg: Register = 3 "NFTA_META_SREG" as Be32,
    }
}

numbers! {
    /// What a [`Meta`] reads or sets.
    pub enum MetaKey: u32 {
        /// Packet length in bytes, 32 bits.
        Len = 0 "NFT_META_LEN",
        /// EtherType, 16 bits in network order.
        Protocol = 1 "NFT_META_PROTOCOL",
        /// Traffic class, 32 bits; can be set.
        Priority = 2 "NFT_META_PRIORITY",
        /// Packet mark, 32 bits; can be set.
        Mark = 3 "NFT_META_MARK",
        /// Index of the incoming interface, 32 bits.
        Iif = 4 "NFT_META_IIF",
        /// Index of the outgoing interface, 32 bits.
        Oif = 5 "NFT_META_OIF",
        /// Name of the incoming interface, 16 bytes.
        Iifname = 6 "NFT_META_IIFNAME",
        /// Name of the outgoing interface, 16 bytes.
        Oifname = 7 "NFT_META_OIFNAME",
        /// Hardware type of the incoming interface (`ARPHRD_*`), 16 bits.
        Iiftype = 8 "NFT_META_IFTYPE",
        /// Hardware type of the outgoing interface, 16 bits.
        Oiftype = 9 "NFT_META_OIFTYPE",
        /// User of the sending socket, 32 bits.
        Skuid = 10 "NFT_META_SKUID",
        /// Group of the sending socket, 32 bits.
        Skgid = 11 "NFT_META_SKGID",
        /// Whether the packet is traced; can be set only.
        Nftrace = 12 "NFT_META_NFTRACE",
        /// Routing realm, 32 bits.
        Rtclassid = 13 "NFT_META_RTCLASSID",
        /// Security mark; can be set.
        Secmark = 14 "NFT_META_SECMARK",
        /// Family of the packet (`NFPROTO_*`), 8 bits.
        Nfproto = 15 "NFT_META_NFPROTO",
        /// Transport protocol, behind any IPv6 extension headers; 8 bits.
        L4proto = 16 "NFT_META_L4PROTO",
        /// Name of the bridge that the incoming port belongs to.
        BriIifname = 17 "NFT_META_BRI_IIFNAME",
        /// Name of the bridge that the outgoing port belongs to.
        BriOifname = 18 "NFT_META_BRI_OIFNAME",
        /// Unicast, broadcast, multicast or other; 8 bits; can be set in some places.
        Pkttype = 19 "NFT_META_PKTTYPE",
        /// Processor, 32 bits.
        Cpu = 20 "NFT_META_CPU",
        /// Group of the incoming interface, 32 bits.
        Iifgroup = 21 "NFT_META_IIFGROUP",
        /// Group of the outgoing interface, 32 bits.
        Oifgroup = 22 "NFT_META_OIFGROUP",
        /// net_cls control group, 32 bits.
        Cgroup = 23 "NFT_META_CGROUP",
        /// Random number, 32 bits.
        Prandom = 24 "NFT_META_PRANDOM",
        /// Whether IPsec protected the packet, 8 bits.
        Secpath = 25 "NFT_META_SECPATH",
        /// Kind of the incoming interface (`veth`, `wireguard`, …), 16 bytes. Since 4.20.
        Iifkind = 26 "NFT_META_IIFKIND",
        /// Kind of the outgoing interface, 16 bytes. Since 4.20.
        Oifkind = 27 "NFT_META_OIFKIND",
        /// VLAN of the incoming bridge port, 16 bits. Since 5.4.
        BriIifpvid = 28 "NFT_META_BRI_IIFPVID",
        /// VLAN protocol of the incoming bridge, 16 bits. Since 5.4.
        BriIifvproto = 29 "NFT_META_BRI_IIFVPROTO",
        /// Time in nanoseconds since 1970, 64 bits. Since 5.4.
        TimeNs = 30 "NFT_META_TIME_NS",
        /// Day of the week in UTC, 0 is Sunday; 8 bits. Since 5.4.
        TimeDay = 31 "NFT_META_TIME_DAY",
        /// Second of the day in UTC, 32 bits. Since 5.4.
        TimeHour = 32 "NFT_META_TIME_HOUR",
        /// Index of the enslaved interface the packet came by. Since 5.6.
        Sdif = 33 "NFT_META_SDIF",
        /// Name of the enslaved interface the packet came by. Since 5.6.
        Sdifname = 34 "NFT_META_SDIFNAME",
        /// Route instead of bridge; can be set only. Since 6.4.
        BriBroute = 35 "NFT_META_BRI_BROUTE",
        /// Hardware address of the incoming bridge. Since 6.18.
        BriIifhwaddr = 37 "NFT_META_BRI_IIFHWADDR",
    }
}

impl Meta {
    /// Reads `key` into `dreg`.
    pub fn load(key: MetaKey, dreg: Register) -> Self {
        Self { dreg: Some(dreg), ..Self::required(key) }
    }

    /// Sets `key` from `sreg`.
    pub fn store(key: MetaKey, sreg: Register) -> Self {
        Self { sreg: Some(sreg), ..Self::required(key) }
    }
}
