use crate::{
    data::{Name, Register},
    wire::{Be32, Text},
};
use std::fmt;

attributes! {
    /// Applies a named object, either a fixed one or the one that a map has for a key.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let count = Objref::new(ObjectType::Counter, "http");
    /// # assert_eq!(count.name.unwrap(), "http");
    /// ```
    ///
    /// Kernel: `nft_objref.c`, since 4.10.
    #[derive(Default)]
    pub struct Objref {
        /// Name of the object.
        opt name: Name = 2 "NFTA_OBJREF_IMM_NAME" as Text<255>,
        /// Type of the object.
        opt kind: ObjectType = 1 "NFTA_OBJREF_IMM_TYPE" as Be32,
        /// Register that holds the key.
        opt sreg: Register = 3 "NFTA_OBJREF_SET_SREG" as Be32,
        /// The object map.
        opt set: Name = 4 "NFTA_OBJREF_SET_NAME" as Text<255>,
        /// Id of a map of this batch that has no name yet; never reported.
        opt set_id: u32 = 5 "NFTA_OBJREF_SET_ID" as Be32,
    }
}

numbers! {
    /// Type of a named object.
    pub enum ObjectType: u32 {
        /// Packets and bytes.
        Counter = 1 "NFT_OBJECT_COUNTER",
        /// Bytes allowed.
        Quota = 2 "NFT_OBJECT_QUOTA",
        /// Helper for protocols with related connections. Since 4.12.
        CtHelper = 3 "NFT_OBJECT_CT_HELPER",
        /// Token bucket. Since 4.14.
        Limit = 4 "NFT_OBJECT_LIMIT",
        /// Number of connections. Since 4.18.
        Connlimit = 5 "NFT_OBJECT_CONNLIMIT",
        /// Tunnel template. Since 4.19.
        Tunnel = 6 "NFT_OBJECT_TUNNEL",
        /// Connection tracking timeouts. Since 4.19.
        CtTimeout = 7 "NFT_OBJECT_CT_TIMEOUT",
        /// Security context. Since 4.20.
        Secmark = 8 "NFT_OBJECT_SECMARK",
        /// Expected connection. Since 5.3.
        CtExpect = 9 "NFT_OBJECT_CT_EXPECT",
        /// SYN proxy. Since 5.4.
        Synproxy = 10 "NFT_OBJECT_SYNPROXY",
    }
}

impl fmt::Display for ObjectType {
    /// nft's word for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Counter => "counter",
            Self::Quota => "quota",
            Self::CtHelper => "ct helper",
            Self::Limit => "limit",
            Self::Connlimit => "ct count",
            Self::Tunnel => "tunnel",
            Self::CtTimeout => "ct timeout",
            Self::Secmark => "secmark",
            Self::CtExpect => "ct expectation",
            Self::Synproxy => "synproxy",
            Self::Unknown(n) => return write!(f, "object of type {n}"),
        })
    }
}

impl Objref {
    /// Applies the object `name`.
    pub fn new(kind: ObjectType, name: impl Into<Name>) -> Self {
        Self { kind: Some(kind), name: Some(name.into()), ..Self::default() }
    }

    /// Applies the object that `map` has for the key in `sreg`.
    pub fn from_map(map: impl Into<Name>, sreg: Register) -> Self {
        Self { set: Some(map.into()), sreg: Some(sreg), ..Self::default() }
    }
}
