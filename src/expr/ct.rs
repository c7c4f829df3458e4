use crate::{
    data::Register,
    wire::{Be32, U8},
};

attributes! {
    /// Reads or sets what connection tracking knows of the packet's connection.
    ///
    /// Reading a key of a packet without a connection ends the rule, except for the state. Numbers
    /// are in the machine's byte order, addresses and ports in the network's.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// let save = [
    ///     Expr::from(Meta::load(MetaKey::Mark, Register::R1)),
    ///     Ct::store(CtKey::Mark, Register::R1).into(),
    /// ];
    /// # assert_eq!(save[1].name(), "ct");
    /// ```
    ///
    /// Kernel: `nft_ct.c`, since 3.13.
    pub struct Ct {
        /// Register to read into.
        opt dreg: Register = 1 "NFTA_CT_DREG" as Be32,
        /// Register to set from.
        opt sreg: Register = 4 "NFTA_CT_SREG" as Be32,
        /// What to read or set.
        req key: CtKey = 2 "NFTA_CT_KEY" as Be32,
        /// 0 for the original direction, 1 for the reply; needed by address and port keys.
        opt direction: u8 = 3 "NFTA_CT_DIRECTION" as U8,
    }
}

numbers! {
    /// What a [`Ct`] reads or sets.
    pub enum CtKey: u32 {
        /// State of the packet in its connection: bits, 32 bits wide.
        State = 0 "NFT_CT_STATE",
        /// Direction: 0 original, 1 reply; 8 bits.
        Direction = 1 "NFT_CT_DIRECTION",
        /// Status bits of the connection (`IPS_*`).
        Status = 2 "NFT_CT_STATUS",
        /// Mark; can be set.
        Mark = 3 "NFT_CT_MARK",
        /// Security mark; can be set.
        Secmark = 4 "NFT_CT_SECMARK",
        /// Time left, in milliseconds.
        Expiration = 5 "NFT_CT_EXPIRATION",
        /// Name of the helper, 16 bytes.
        Helper = 6 "NFT_CT_HELPER",
        /// Address family, 8 bits.
        L3protocol = 7 "NFT_CT_L3PROTOCOL",
        /// Source address of either family, with a direction.
        Src = 8 "NFT_CT_SRC",
        /// Destination address of either family, with a direction.
        Dst = 9 "NFT_CT_DST",
        /// Transport protocol, 8 bits.
        Protocol = 10 "NFT_CT_PROTOCOL",
        /// Source port, with a direction.
        ProtoSrc = 11 "NFT_CT_PROTO_SRC",
        /// Destination port, with a direction.
        ProtoDst = 12 "NFT_CT_PROTO_DST",
        /// Labels, 128 bits; can be set.
        Labels = 13 "NFT_CT_LABELS",
        /// Packets, 64 bits.
        Pkts = 14 "NFT_CT_PKTS",
        /// Bytes, 64 bits.
        Bytes = 15 "NFT_CT_BYTES",
        /// Bytes per packet, 64 bits.
        Avgpkt = 16 "NFT_CT_AVGPKT",
        /// Zone, 16 bits; can be set.
        Zone = 17 "NFT_CT_ZONE",
        /// Which events are reported; can be set only.
        Eventmask = 18 "NFT_CT_EVENTMASK",
        /// IPv4 source address, with a direction. Since 4.17.
        SrcIp = 19 "NFT_CT_SRC_IP",
        /// IPv4 destination address, with a direction. Since 4.17.
        DstIp = 20 "NFT_CT_DST_IP",
        /// IPv6 source address, with a direction. Since 4.17.
        SrcIp6 = 21 "NFT_CT_SRC_IP6",
        /// IPv6 destination address, with a direction. Since 4.17.
        DstIp6 = 22 "NFT_CT_DST_IP6",
        /// Identifier of the connection. Since 5.3.
        Id = 23 "NFT_CT_ID",
    }
}

impl Ct {
    /// Reads `key` into `dreg`.
    pub fn load(key: CtKey, dreg: Register) -> Self {
        Self { dreg: Some(dreg), ..Self::required(key) }
    }

    /// Sets `key` from `sreg`.
    pub fn store(key: CtKey, sreg: Register) -> Self {
        Self { sreg: Some(sreg), ..Self::required(key) }
    }
}
