use crate::{
    data::Name,
    wire::{Be16, Be32, Codec, DecodeError, Form, Malformed, Text, Writer},
};
#[cfg(test)]
use proptest::prelude::*;

attributes! {
    /// Writes a log line about the packet, or sends the packet to a listening program.
    ///
    /// With a [`group`](Self::group) it goes to programs that listen on that NFLOG group, else to
    /// the kernel log, where by default only packets of the first network namespace are logged
    /// (`net.netfilter.nf_log_all_netns`).
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// let refused = Log::new().with_prefix("ssh refused: ").with_level(LogLevel::Info);
    /// # assert_eq!(refused.group, None);
    /// ```
    ///
    /// Kernel: `nft_log.c`, since 3.13.
    #[derive(Default)]
    pub struct Log {
        /// Text before the line, up to 127 bytes; without quotes and control characters, which nft
        /// would print as they are.
        opt prefix: Name = 2 "NFTA_LOG_PREFIX" as Prefix,
        /// Level of the line; warning if `None`. Not with a group.
        opt level: LogLevel = 5 "NFTA_LOG_LEVEL" as Be32,
        /// What else the line tells. Not with a group.
        opt flags: LogFlags = 6 "NFTA_LOG_FLAGS" as Be32,
        /// NFLOG group.
        opt group: u16 = 1 "NFTA_LOG_GROUP" as Be16,
        /// Bytes of the packet to send; all if `None`. With a group only.
        opt snaplen: u32 = 3 "NFTA_LOG_SNAPLEN" as Be32,
        /// Packets to gather before they are sent. With a group only.
        opt queue_threshold: u16 = 4 "NFTA_LOG_QTHRESHOLD" as Be16,
    }
}

/// The prefix of a log line.
#[derive(Debug)]
pub enum Prefix {}

impl Codec<Name> for Prefix {
    fn put(value: &Name, out: &mut Writer) {
        if out.form() == Form::Request && value.as_bytes().iter().any(|b| *b == b'"' || b.is_ascii_control()) {
            out.refuse(Malformed::Refused("a log prefix has no quotes and no control characters".into()));
        }
        Text::<127>::put(value, out);
    }
    fn get(payload: &[u8]) -> Result<Name, DecodeError> {
        Text::<127>::get(payload)
    }
    #[cfg(test)]
    fn any() -> proptest::strategy::BoxedStrategy<Name> {
        "[a-z][a-z0-9 :-]{0,126}".prop_map(Name::from).boxed()
    }
}

numbers! {
    /// Level of a log line, as of syslog(3).
    pub enum LogLevel: u32 {
        /// The system is unusable.
        Emerg = 0 "NFT_LOGLEVEL_EMERG",
        /// Act at once.
        Alert = 1 "NFT_LOGLEVEL_ALERT",
        /// Critical.
        Crit = 2 "NFT_LOGLEVEL_CRIT",
        /// Error.
        Err = 3 "NFT_LOGLEVEL_ERR",
        /// Warning.
        Warning = 4 "NFT_LOGLEVEL_WARNING",
        /// Normal but significant.
        Notice = 5 "NFT_LOGLEVEL_NOTICE",
        /// Informational.
        Info = 6 "NFT_LOGLEVEL_INFO",
        /// Debugging.
        Debug = 7 "NFT_LOGLEVEL_DEBUG",
        /// To the audit system, not the log. Since 4.18.
        Audit = 8 "NFT_LOGLEVEL_AUDIT",
    }
}

flags! {
    /// What else a log line tells.
    pub struct LogFlags: u32 {
        /// TCP sequence numbers.
        TCP_SEQUENCE = 1 "NF_LOG_TCPSEQ",
        /// TCP options.
        TCP_OPTIONS = 2 "NF_LOG_TCPOPT",
        /// IP options.
        IP_OPTIONS = 4 "NF_LOG_IPOPT",
        /// User of the local socket.
        USER = 8 "NF_LOG_UID",
        /// Link-layer addresses.
        ETHER = 32 "NF_LOG_MACDECODE",
    }
}

impl Log {
    /// A line in the kernel log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a text before the line.
    pub fn with_prefix(mut self, prefix: impl Into<Name>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the level of the line.
    pub fn with_level(mut self, level: LogLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// Sends the packet to the listeners of an NFLOG group instead.
    pub fn to_group(mut self, group: u16) -> Self {
        self.group = Some(group);
        self
    }
}
