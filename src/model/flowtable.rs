use super::{Table, chain::Devices};
use crate::{
    data::{Family, Name, Priority},
    model::Device,
    wire::{Be32, Be64, BeI32, Nest, Text},
};

attributes! {
    /// A flowtable: connections that rules put into it are forwarded from the device's ingress on,
    /// past all other rules.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Priority, Table, model::Flowtable};
    /// let host = Table::new(Family::Inet, "host");
    /// let fast = Flowtable::new(&host, "fast", Priority::FILTER).with_device("eth0").with_device("eth1");
    /// let mut batch = Batch::new();
    /// batch.add(&host).add(&fast);
    /// # assert_eq!(batch.len(), 2);
    /// ```
    ///
    /// Adding it again adds its devices to those that it has.
    ///
    /// Kernel: `nf_tables_newflowtable`, since 4.16; families `ip`, `ip6`, `inet`.
    pub struct Flowtable [
        /// Family of its table.
        family: Family
    ] {
        /// Name of its table.
        req table: Name = 1 "NFTA_FLOWTABLE_TABLE" as Text<255>,
        /// Name, unique in the table.
        req name: Name = 2 "NFTA_FLOWTABLE_NAME" as Text<255>,
        /// Number that the kernel gave it, unique in the table.
        out handle: u64 = 5 "NFTA_FLOWTABLE_HANDLE" as Be64,
        /// How many rules use it.
        out used: u32 = 4 "NFTA_FLOWTABLE_USE" as Be32,
        /// Flags. Since 5.7.
        opt flags: FlowtableFlags = 7 "NFTA_FLOWTABLE_FLAGS" as Be32,
        /// Where packets are caught.
        opt hook: FlowtableHook = 3 "NFTA_FLOWTABLE_HOOK" as Nest,
    } pad 6 "NFTA_FLOWTABLE_PAD"
}

attributes! {
    /// Where a [`Flowtable`] catches packets.
    #[derive(Default)]
    pub struct FlowtableHook {
        /// The hook: 0, ingress, is the only one.
        opt number: u32 = 1 "NFTA_FLOWTABLE_HOOK_NUM" as Be32,
        /// Order among what is called at ingress: lower is earlier.
        opt priority: i32 = 2 "NFTA_FLOWTABLE_HOOK_PRIORITY" as BeI32,
        /// Devices.
        opt devices: Vec<Device> = 3 "NFTA_FLOWTABLE_HOOK_DEVS" as Devices,
    }
}

flags! {
    /// Flags of a [`Flowtable`].
    pub struct FlowtableFlags: u32 {
        /// The network card forwards by itself. Since 5.7.
        HW_OFFLOAD = 1 "NFT_FLOWTABLE_HW_OFFLOAD",
        /// Counters of connection tracking go on counting. Since 5.7.
        COUNTER = 2 "NFT_FLOWTABLE_COUNTER",
    }
}

impl Flowtable {
    /// The flowtable `name` of `table`, at ingress.
    pub fn new(table: &Table, name: impl Into<Name>, priority: impl Into<Priority>) -> Self {
        let priority = priority.into().number(table.family);
        let hook = FlowtableHook { number: Some(0), priority: Some(priority), ..FlowtableHook::default() };
        Self { hook: Some(hook), ..Self::required(table.family, table.name.clone(), name.into()) }
    }

    /// The flowtable with this name, for what needs no more: to delete it.
    pub fn named(table: &Table, name: impl Into<Name>) -> Self {
        Self::required(table.family, table.name.clone(), name.into())
    }

    /// Adds a device.
    pub fn with_device(self, name: impl Into<Name>) -> Self {
        self.with(Device::Name(name.into()))
    }

    /// Adds every device whose name starts so. Since 6.18.
    pub fn with_devices_of(self, prefix: impl Into<Name>) -> Self {
        self.with(Device::Prefix(prefix.into()))
    }

    fn with(mut self, device: Device) -> Self {
        self.hook.get_or_insert_default().devices.get_or_insert_default().push(device);
        self
    }

    /// Sets flags.
    pub fn with_flags(mut self, flags: FlowtableFlags) -> Self {
        self.flags = Some(flags);
        self
    }

    /// Its devices.
    pub fn devices(&self) -> &[Device] {
        self.hook.as_ref().and_then(|hook| hook.devices.as_deref()).unwrap_or_default()
    }
}
