use crate::{
    data::Register,
    wire::{Be16, Be32},
};

attributes! {
    /// Hands the packet to a program, which decides.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // Queues 3 to 6; packets pass if no program listens.
    /// let queue = Queue::new(3).with_total(4).with_flags(QueueFlags::BYPASS);
    /// # assert_eq!(queue.sreg, None);
    /// ```
    ///
    /// Kernel: `nft_queue.c`, since 3.14.
    #[derive(Default)]
    pub struct Queue {
        /// The first queue.
        opt number: u16 = 1 "NFTA_QUEUE_NUM" as Be16,
        /// How many queues the packets are spread over; 1 if `None`.
        opt total: u16 = 2 "NFTA_QUEUE_TOTAL" as Be16,
        /// Register of the queue's number, in the machine's order, instead. Since 4.10.
        opt sreg: Register = 4 "NFTA_QUEUE_SREG_QNUM" as Be32,
        /// Flags.
        opt flags: QueueFlags = 3 "NFTA_QUEUE_FLAGS" as Be16,
    }
}

flags! {
    /// Flags of a [`Queue`].
    pub struct QueueFlags: u16 {
        /// Go on as if the rule were not there, when no program listens.
        BYPASS = 1 "NFT_QUEUE_FLAG_BYPASS",
        /// Spread by processor instead of by flow.
        CPU_FANOUT = 2 "NFT_QUEUE_FLAG_CPU_FANOUT",
    }
}

impl Queue {
    /// To the queue of this number.
    pub fn new(number: u16) -> Self {
        Self { number: Some(number), ..Self::default() }
    }

    /// To the queue whose number is in `register`. Since 4.10.
    pub fn from_register(register: Register) -> Self {
        Self { sreg: Some(register), ..Self::default() }
    }

    /// Spreads over this many queues.
    pub fn with_total(mut self, total: u16) -> Self {
        self.total = Some(total);
        self
    }

    /// Sets flags.
    pub fn with_flags(mut self, flags: QueueFlags) -> Self {
        self.flags = Some(flags);
        self
    }
}
