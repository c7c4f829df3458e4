//! Named objects: what rules use by name, alone or through a map.

mod ct;
mod tunnel;

pub use ct::{CtExpectation, CtHelper, CtTimeout, TcpTimeout, UdpTimeout};
pub(super) use tunnel::OPTIONS;
pub use tunnel::{
    ErspanOption, GeneveOption, TunnelFlags, TunnelIp, TunnelIp6, TunnelOption, TunnelOptions, TunnelTemplate,
    VxlanOption,
};

use super::Table;
use crate::{
    data::{Family, Name, Userdata, UserdataCodec},
    expr::{Connlimit, Counter, Limit, ObjectType, Quota, Synproxy},
    wire::{Be32, Be64, Codec, DecodeError, Malformed, Scope, Table as _, Text, Writer, attrs},
};
#[cfg(test)]
use proptest::prelude::*;

attributes! {
    /// A named object: a counter, quota, limit, helper, … that many rules share, and that stays
    /// when they go.
    ///
    /// Type and name together identify it: a counter and a quota of a table may have the same name.
    ///
    /// Adding one that is there already changes nothing, except for quotas and SYN proxies: these
    /// take the new values, and a quota keeps what was consumed.
    ///
    /// ```
    /// use oxitables::{Batch, Family, Table, expr::{Counter, Quota}, model::Object};
    /// let host = Table::new(Family::Inet, "host");
    /// let mut batch = Batch::new();
    /// batch.add(&host);
    /// batch.add(Object::new(&host, "http", Counter::new()).with_comment("requests"));
    /// batch.add(Object::new(&host, "guests", Quota::until(1 << 30)));
    /// # assert_eq!(batch.len(), 3);
    /// ```
    ///
    /// Kernel: `nf_tables_newobj`, since 4.10; counters and quotas first, others as [`ObjectType`]
    /// says.
    pub struct Object [
        /// Family of its table.
        family: Family
    ] {
        /// Name of its table.
        req table: Name = 1 "NFTA_OBJ_TABLE" as Text<255>,
        /// Name, unique in the table among those of its type.
        req name: Name = 2 "NFTA_OBJ_NAME" as Text<255>,
        /// Type. Notices of deletion lack it on kernels from 6.4 to 6.8.
        opt kind: ObjectType = 3 "NFTA_OBJ_TYPE" as Be32,
        /// Number that the kernel gave it, unique in the table. Since 4.16.
        out handle: u64 = 6 "NFTA_OBJ_HANDLE" as Be64,
        /// How many rules and elements use it.
        out used: u32 = 5 "NFTA_OBJ_USE" as Be32,
        /// What it is made of.
        opt data: ObjectData = 4 "NFTA_OBJ_DATA" as ObjectDataCodec,
        /// Notes of user space. Since 5.10.
        opt userdata: Userdata = 8 "NFTA_OBJ_USERDATA" as UserdataCodec,
    } pad 7 "NFTA_OBJ_PAD" settle settle
}

attributes! {
    /// A security context that packets are marked with.
    ///
    /// Kernel: `struct nft_secmark` in `nft_meta.c`, since 4.20; needs a security module (SELinux).
    pub struct Secmark {
        /// The context, up to 4095 bytes: `system_u:object_r:ssh_server_packet_t:s0`.
        req context: Name = 1 "NFTA_SECMARK_CTX" as Text<4095>,
    }
}

impl Secmark {
    /// The mark of this context.
    pub fn new(context: impl Into<Name>) -> Self {
        Self::required(context.into())
    }
}

macro_rules! payloads {
    ($( $(#[$meta:meta])* $variant:ident: $ty:ty = $kind:ident; )*) => {
        /// What an [`Object`] is made of, by its type.
        #[non_exhaustive]
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub enum ObjectData {
            $( $(#[$meta])* $variant($ty), )*
            /// The attributes of a type that this version does not know, or that do not decode;
            /// kept as they came.
            Unknown(Vec<u8>),
        }

        $( impl From<$ty> for ObjectData {
            fn from(data: $ty) -> Self {
                Self::$variant(data)
            }
        } )*

        impl ObjectData {
            /// The type; `None` of one that this version does not know.
            pub fn kind(&self) -> Option<ObjectType> {
                match self {
                    $( Self::$variant(_) => Some(ObjectType::$kind), )*
                    Self::Unknown(_) => None,
                }
            }

            fn encode(&self, out: &mut Writer) {
                match self {
                    $( Self::$variant(data) => data.encode(out), )*
                    Self::Unknown(raw) => out.bytes(raw),
                }
            }

            fn decode(kind: ObjectType, raw: &[u8]) -> Option<Self> {
                match kind {
                    $( ObjectType::$kind => <$ty>::decode(raw).ok().map(Self::$variant), )*
                    _ => None,
                }
            }

            /// What lies below the data attribute of an object's attributes.
            fn scope_in(object: &[u8]) -> Scope {
                let kind = attrs(object).flatten().find(|a| a.kind == 3);
                match kind.and_then(|a| <Be32 as Codec<ObjectType>>::get(a.payload).ok()) {
                    $( Some(ObjectType::$kind) => Scope::Table(<$ty>::TABLE), )*
                    _ => Scope::Leaf,
                }
            }

            #[cfg(test)]
            fn any() -> BoxedStrategy<Self> {
                prop_oneof![ $( <$ty as crate::wire::Table>::any().prop_map(Self::$variant), )* ].boxed()
            }
        }
    };
}

payloads! {
    /// Packets and bytes.
    Counter: Counter = Counter;
    /// Bytes allowed.
    Quota: Quota = Quota;
    /// Helper of connection tracking.
    CtHelper: CtHelper = CtHelper;
    /// Token bucket.
    Limit: Limit = Limit;
    /// Number of connections.
    Connlimit: Connlimit = Connlimit;
    /// Tunnel that packets are sent into.
    Tunnel: TunnelTemplate = Tunnel;
    /// Timeouts of connection tracking.
    CtTimeout: CtTimeout = CtTimeout;
    /// Security context.
    Secmark: Secmark = Secmark;
    /// Expected connection.
    CtExpectation: CtExpectation = CtExpect;
    /// SYN proxy.
    Synproxy: Synproxy = Synproxy;
}

/// The data of an object: raw until its type is known.
#[derive(Debug)]
pub enum ObjectDataCodec {}

impl Codec<ObjectData> for ObjectDataCodec {
    const SCOPE: Scope = Scope::Beside(ObjectData::scope_in);
    fn put(value: &ObjectData, out: &mut Writer) {
        value.encode(out);
    }
    fn get(payload: &[u8]) -> Result<ObjectData, DecodeError> {
        Ok(ObjectData::Unknown(payload.to_vec()))
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<ObjectData> {
        ObjectData::any()
    }
}

commented!(Object, 0);

impl Object {
    /// The object `name` of `table`, of the type that its data has.
    pub fn new(table: &Table, name: impl Into<Name>, data: impl Into<ObjectData>) -> Self {
        let data = data.into();
        Self { kind: data.kind(), data: Some(data), ..Self::required(table.family, table.name.clone(), name.into()) }
    }

    /// The object with this name and type, for what needs no more: to delete it.
    pub fn named(table: &Table, kind: ObjectType, name: impl Into<Name>) -> Self {
        Self { kind: Some(kind), ..Self::required(table.family, table.name.clone(), name.into()) }
    }

    /// What a counter object has counted: packets and bytes so far, in one that was listed.
    pub fn counter(&self) -> Option<&Counter> {
        match &self.data {
            Some(ObjectData::Counter(counter)) => Some(counter),
            _ => None,
        }
    }

    /// Reads the data now that the type is known.
    fn settle(mut self) -> Result<Self, DecodeError> {
        match (&self.data, self.kind) {
            (Some(ObjectData::Unknown(raw)), Some(kind)) => {
                // What does not decode stays as it came, as in expressions.
                if let Some(data) = ObjectData::decode(kind, raw) {
                    self.data = Some(data);
                }
            }
            // Data that is typed tells the type by itself.
            (Some(data), _) => self.kind = data.kind().or(self.kind),
            (None, _) => {}
        }
        Ok(self)
    }

    /// Whether its data is of another type than it says.
    pub(crate) fn mismatch(&self) -> Option<Malformed> {
        let kind = self.data.as_ref()?.kind()?;
        (self.kind != Some(kind)).then(|| Malformed::Refused(format!("the data is that of a {kind}").into()))
    }
}
