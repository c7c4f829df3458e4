use super::Table;
use crate::{
    data::{ChainType, Family, Hook, Name, Policy, Priority, Userdata, UserdataCodec, Verdict},
    expr::Counter,
    wire::{Be32, Be64, BeI32, Codec, DecodeError, Malformed, Nest, Scope, Spec, Text, Writer, attrs},
};
#[cfg(test)]
use proptest::prelude::*;

attributes! {
    /// A chain: a list of rules, called from a hook (base chain) or by jumps (regular chain).
    ///
    /// ```
    /// use oxitables::{Family, Hook, Policy, Priority, Table};
    /// let host = Table::new(Family::Inet, "host");
    /// let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop);
    /// let limits = host.chain("limits");
    /// # assert!(limits.hook.is_none());
    /// ```
    ///
    /// Hook, priority and type of a base chain cannot be changed; adding it again with others is
    /// refused. Its policy can.
    ///
    /// Kernel: `nf_tables_newchain`, since 3.13.
    pub struct Chain [
        /// Family of its table.
        family: Family
    ] {
        /// Name of its table.
        req table: Name = 1 "NFTA_CHAIN_TABLE" as Text<255>,
        /// Name, unique in the table.
        req name: Name = 3 "NFTA_CHAIN_NAME" as ChainName,
        /// Number that the kernel gave it, unique in the table.
        out handle: u64 = 2 "NFTA_CHAIN_HANDLE" as Be64,
        /// Base chains: where and when it is called.
        opt hook: ChainHook = 4 "NFTA_CHAIN_HOOK" as Nest,
        /// Base chains: what becomes of packets that no rule decided; accept if `None`.
        opt policy: Policy = 5 "NFTA_CHAIN_POLICY" as Be32,
        /// Base chains: type; filter if `None`.
        opt kind: ChainType = 7 "NFTA_CHAIN_TYPE" as Text<42>,
        /// Packets and bytes that met the policy, if that is counted.
        opt counters: Counter = 8 "NFTA_CHAIN_COUNTERS" as Nest,
        /// Flags. Since 5.3.
        opt flags: ChainFlags = 10 "NFTA_CHAIN_FLAGS" as Be32,
        /// How many rules it has and how many jumps lead to it.
        out used: u32 = 6 "NFTA_CHAIN_USE" as Be32,
        /// Notes of user space. Since 5.10.
        opt userdata: Userdata = 12 "NFTA_CHAIN_USERDATA" as UserdataCodec,
        /// Number for other messages of this batch to name it by. Since 5.9; never reported.
        opt id: u32 = 11 "NFTA_CHAIN_ID" as Be32,
    } pad 9 "NFTA_CHAIN_PAD"
}

attributes! {
    /// Where and when a base chain is called.
    pub struct ChainHook {
        /// The kernel's number of the hook in the family; [`Chain::base`] has its name.
        opt number: HookNumber = 1 "NFTA_HOOK_HOOKNUM" as HookCodec,
        /// Order among the chains of the hook: lower is earlier.
        opt priority: i32 = 2 "NFTA_HOOK_PRIORITY" as BeI32,
        /// Devices, for ingress and egress. Since 5.5.
        opt devices: Vec<Device> = 4 "NFTA_HOOK_DEVS" as Devices,
        /// The device, if it is a single one. Since 4.2.
        opt device: Name = 3 "NFTA_HOOK_DEV" as Text<15>,
    }
}

/// The name of a chain; one that is not there is that of a chain without a name yet.
#[derive(Debug)]
pub enum ChainName {}

impl Codec<Name> for ChainName {
    fn put(value: &Name, out: &mut Writer) {
        Text::<255>::put(value, out);
    }
    fn get(payload: &[u8]) -> Result<Name, DecodeError> {
        Text::<255>::get(payload)
    }
    fn is_absent(value: &Name) -> bool {
        *value == Chain::NAMELESS
    }
    fn missing() -> Option<Name> {
        Some(Chain::NAMELESS.into())
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Name> {
        Text::<255>::any()
    }
}

/// Number of a hook; `None` for one that the family does not have, which is refused when it is
/// sent.
pub type HookNumber = Option<u32>;

/// Hook numbers.
#[derive(Debug)]
pub enum HookCodec {}

impl Codec<HookNumber> for HookCodec {
    fn put(value: &HookNumber, out: &mut Writer) {
        if value.is_none() {
            out.refuse(Malformed::Refused("the family has no such hook".into()));
        }
        Be32::put(&value.unwrap_or_default(), out);
    }
    fn get(payload: &[u8]) -> Result<HookNumber, DecodeError> {
        Be32::get(payload).map(Some)
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<HookNumber> {
        any::<u32>().prop_map(Some).boxed()
    }
}

flags! {
    /// Flags of a [`Chain`].
    pub struct ChainFlags: u32 {
        /// Called from a hook, as the kernel reports it. Since 5.10.
        BASE = 1 "NFT_CHAIN_BASE",
        /// Rules go to the network card. Since 5.3.
        HW_OFFLOAD = 2 "NFT_CHAIN_HW_OFFLOAD",
        /// Bound to the one rule that jumps to it. Since 5.9.
        BINDING = 4 "NFT_CHAIN_BINDING",
    }
}

/// A device that a base chain listens to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Device {
    /// By its name.
    Name(Name),
    /// Every device whose name starts so. Since 6.18.
    Prefix(Name),
}

/// `NFTA_DEVICE_NAME` and `NFTA_DEVICE_PREFIX`, repeated.
#[derive(Debug)]
pub enum Devices {}

/// Rows of a list of devices.
pub(super) const DEVICES: &[Spec] = &[
    Spec { number: 1, name: "NFTA_DEVICE_NAME", field: "name", scope: Scope::Leaf },
    Spec { number: 2, name: "NFTA_DEVICE_PREFIX", field: "prefix", scope: Scope::Leaf },
];

impl Codec<Vec<Device>> for Devices {
    const SCOPE: Scope = Scope::Table(DEVICES);
    fn put(value: &Vec<Device>, out: &mut Writer) {
        for device in value {
            let (kind, name) = match device {
                Device::Name(name) => (1, name),
                Device::Prefix(name) => (2, name),
            };
            out.attr(kind, "device", |out| Text::<15>::put(name, out));
        }
    }
    fn get(payload: &[u8]) -> Result<Vec<Device>, DecodeError> {
        attrs(payload)
            .map(|attr| {
                let attr = attr?;
                let name = Text::<15>::get(attr.payload)?;
                Ok(if attr.kind == 2 { Device::Prefix(name) } else { Device::Name(name) })
            })
            .collect()
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Vec<Device>> {
        let name = || Text::<15>::any();
        prop::collection::vec(prop_oneof![name().prop_map(Device::Name), name().prop_map(Device::Prefix)], 0..3).boxed()
    }
}

commented!(Chain, 0);

impl Chain {
    /// Stands for the name that the kernel will give a chain; never sent.
    pub(crate) const NAMELESS: &str = "__chain%d";

    /// A chain without a name of its own, for one rule of the same batch: nft's `jump { … }`. Since
    /// 5.9.
    ///
    /// Its rules come before the rule that jumps to it, and it goes with that one. `id` tells it
    /// from others of the batch.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Hook, Priority, Table, data::*, expr::*, model::{self, Chain}};
    /// let host = Table::new(Family::Inet, "host");
    /// let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
    /// let block = Chain::anonymous(&host, 1);
    /// let verdict = |verdict| Immediate::new(Register::VERDICT, verdict);
    /// let mut batch = Batch::new();
    /// batch.add(&host).add(&input).add(&block);
    /// batch.add(model::Rule::new(&block, [Counter::new()]));
    /// batch.add(model::Rule::new(&input, [verdict(block.jump())]));
    /// ```
    pub fn anonymous(table: &Table, id: u32) -> Self {
        Self { flags: Some(ChainFlags::BINDING), id: Some(id), ..table.chain(Self::NAMELESS) }
    }

    /// Whether it has no name yet.
    pub(crate) fn is_nameless(&self) -> bool {
        self.name == Self::NAMELESS
    }

    /// The verdict that leads into it, and back after it.
    pub fn jump(&self) -> Verdict {
        self.lead(Verdict::jump(&self.name))
    }

    /// The verdict that leads into it, and not back.
    pub fn goto(&self) -> Verdict {
        self.lead(Verdict::goto(&self.name))
    }

    fn lead(&self, mut verdict: Verdict) -> Verdict {
        if self.is_nameless() {
            (verdict.chain, verdict.chain_id) = (None, self.id);
        }
        verdict
    }

    /// The chain `name` of `table`; a regular one until [`Chain::with_hook`].
    pub fn new(table: &Table, name: impl Into<Name>) -> Self {
        table.chain(name)
    }

    /// Makes it a base chain, called from `hook`; of type filter, if it is given no other.
    pub fn with_hook(mut self, hook: Hook, priority: impl Into<Priority>) -> Self {
        let called = self.hook.get_or_insert_with(ChainHook::required);
        called.number = Some(hook.number(self.family));
        called.priority = Some(priority.into().number(self.family));
        self.kind.get_or_insert(ChainType::Filter);
        self
    }

    /// Sets the type of a base chain.
    pub fn with_type(mut self, kind: ChainType) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sets the policy of a base chain.
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Adds a device to an ingress or egress chain. More than one since 5.5.
    pub fn with_device(mut self, name: impl Into<Name>) -> Self {
        let hook = self.hook.get_or_insert_with(ChainHook::required);
        match (hook.device.take(), &mut hook.devices) {
            (None, None) => hook.device = Some(name.into()),
            (first, devices) => {
                devices.get_or_insert_default().extend(first.into_iter().chain([name.into()]).map(Device::Name))
            }
        }
        self
    }

    /// Adds every device whose name starts so to an ingress or egress chain. Since 6.18.
    pub fn with_devices_of(mut self, prefix: impl Into<Name>) -> Self {
        let hook = self.hook.get_or_insert_with(ChainHook::required);
        let first = hook.device.take().map(Device::Name);
        hook.devices.get_or_insert_default().extend(first.into_iter().chain([Device::Prefix(prefix.into())]));
        self
    }

    /// Hook and priority, if it is a base chain of a hook that this version knows.
    pub fn base(&self) -> Option<(Hook, i32)> {
        let hook = self.hook.as_ref()?;
        Some((Hook::from_number(self.family, hook.number??)?, hook.priority?))
    }

    /// The devices of an ingress or egress chain.
    pub fn devices(&self) -> Vec<Device> {
        let Some(hook) = &self.hook else {
            return Vec::new();
        };
        // With a single device the kernel reports it both ways.
        match (&hook.devices, &hook.device) {
            (Some(devices), _) => devices.clone(),
            (None, device) => device.iter().cloned().map(Device::Name).collect(),
        }
    }

    /// Whether it is one of the base chains that iptables-nft makes, by their names in capitals:
    /// the mark of its tables.
    pub(crate) fn is_of_iptables(&self) -> bool {
        const NAMES: [&[u8]; 6] = [b"PREROUTING", b"INPUT", b"FORWARD", b"OUTPUT", b"POSTROUTING", b"BROUTING"];
        self.hook.is_some() && NAMES.contains(&self.name.as_bytes())
    }
}
