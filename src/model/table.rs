use super::Chain;
use crate::{
    data::{Family, Name, Userdata, UserdataCodec},
    wire::{Be32, Be64, Text},
};

attributes! {
    /// A table: a namespace for chains and sets in one family.
    ///
    /// ```
    /// use oxitables::{Family, Table};
    /// let host = Table::new(Family::Inet, "host").with_comment("made by the agent");
    /// assert_eq!(host.comment().unwrap(), "made by the agent");
    /// ```
    ///
    /// Kernel: `nf_tables_newtable`, since 3.13.
    pub struct Table [
        /// Family of its packets.
        family: Family
    ] {
        /// Name, unique in the family.
        req name: Name = 1 "NFTA_TABLE_NAME" as Text<255>,
        /// How many chains, sets and objects it has.
        out used: u32 = 3 "NFTA_TABLE_USE" as Be32,
        /// Number that the kernel gave it.
        out handle: u64 = 4 "NFTA_TABLE_HANDLE" as Be64,
        /// Flags.
        opt flags: TableFlags = 2 "NFTA_TABLE_FLAGS" as Be32,
        /// Netlink port of the owner. Since 5.12.
        out owner: u32 = 7 "NFTA_TABLE_OWNER" as Be32,
        /// Notes of user space. Since 5.10.
        opt userdata: Userdata = 6 "NFTA_TABLE_USERDATA" as UserdataCodec,
    } pad 5 "NFTA_TABLE_PAD"
}

flags! {
    /// Flags of a [`Table`].
    pub struct TableFlags: u32 {
        /// Its base chains are not called.
        DORMANT = 1 "NFT_TABLE_F_DORMANT",
        /// Only the socket that made it may change it, and it goes when that socket closes. Since
        /// 5.12.
        OWNER = 2 "NFT_TABLE_F_OWNER",
        /// It stays when its owner goes, for another owner to claim. Since 6.9.
        PERSIST = 4 "NFT_TABLE_F_PERSIST",
    }
}

commented!(Table, 0);

impl Table {
    /// The table `name` of `family`.
    pub fn new(family: Family, name: impl Into<Name>) -> Self {
        Self::required(family, name.into())
    }

    /// Sets flags.
    pub fn with_flags(mut self, flags: TableFlags) -> Self {
        self.flags = Some(flags);
        self
    }

    /// A chain of this table: a regular one until [`Chain::with_hook`] makes it a base chain.
    pub fn chain(&self, name: impl Into<Name>) -> Chain {
        Chain::required(self.family, self.name.clone(), name.into())
    }
}
