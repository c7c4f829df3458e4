//! Tables, chains, rules, sets, elements, objects and flowtables as the kernel holds them.
//!
//! These are what listings return and what batches carry. The typed layer ([`Rule`](crate::Rule),
//! [`Set`](crate::Set)) is made of them and turns into them.

/// Gives an object its comment: a text in its userdata, under this type.
macro_rules! commented {
    ($object:ident, $kind:literal) => {
        impl $object {
            /// Sets the comment, without quotes and control characters: see
            /// [`Userdata::MAX_COMMENT`](crate::data::Userdata::MAX_COMMENT) for how long. Of
            /// tables and chains since 5.10.
            pub fn with_comment(mut self, text: &str) -> Self {
                self.userdata.get_or_insert_default().set_text($kind, text);
                self
            }

            /// The comment.
            pub fn comment(&self) -> Option<String> {
                self.userdata.as_ref()?.text($kind).map(Into::into)
            }
        }
    };
}

mod chain;
mod element;
mod event;
mod flowtable;
mod interval;
mod message;
mod object;
mod rule;
mod ruleset;
mod set;
mod table;
mod transaction;

pub use chain::{Chain, ChainFlags, ChainHook, Device};
pub(crate) use element::LIST;
pub use element::{Element, ElementFlags};
pub use event::{GenerationInfo, Trace, TraceType};
pub use flowtable::{Flowtable, FlowtableFlags, FlowtableHook};
pub(crate) use interval::intervals;
pub(crate) use message::Does;
pub use message::MessageType;
pub use object::{
    CtExpectation, CtHelper, CtTimeout, ErspanOption, GeneveOption, Object, ObjectData, Secmark, TcpTimeout,
    TunnelFlags, TunnelIp, TunnelIp6, TunnelOption, TunnelOptions, TunnelTemplate, UdpTimeout, VxlanOption,
};
pub use rule::{Rule, RuleCompat, RuleCompatFlags};
pub use ruleset::{FilledSet, Ruleset};
pub use set::{Set, SetDesc, SetField, SetFlags, SetPolicy};
pub use table::{Table, TableFlags};
pub use transaction::{Event, Item, SetElement, Transaction};

use crate::wire::{Scope, Spec, attrs};

/// The generation of a ruleset: a number that every commit with an effect raises by one.
///
/// It wraps around after 2^32 - 1 and skips 0. Kernel: `nft_net.base_seq`, since 3.18.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Generation(pub(crate) u32);

impl Generation {
    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Whether it is later than another one, of less than 2^31 commits before.
    pub(crate) fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }

    /// Reads it from the attributes of a `NFT_MSG_NEWGEN`.
    pub(crate) fn read(attributes: &[u8]) -> Option<Self> {
        let id = attrs(attributes).flatten().find(|a| a.kind == 1)?;
        Some(Self(u32::from_be_bytes(id.payload.try_into().ok()?)))
    }

    /// The generation after the next commit.
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1).max(1))
    }
}

impl From<u32> for Generation {
    fn from(n: u32) -> Self {
        Self(n)
    }
}

impl From<Generation> for u32 {
    fn from(generation: Generation) -> u32 {
        generation.0
    }
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The kinds of things that messages are about; of elements it is a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Table,
    Chain,
    Rule,
    Set,
    Elements,
    Object,
    Flowtable,
}

impl Kind {
    /// The kind that a message is about, by its type.
    pub(crate) fn of(message: u8) -> Option<Self> {
        use MessageType::*;
        Some(match MessageType::from(message) {
            NewTable | GetTable | DelTable | DestroyTable => Self::Table,
            NewChain | GetChain | DelChain | DestroyChain => Self::Chain,
            NewRule | GetRule | GetRuleReset | DelRule | DestroyRule => Self::Rule,
            NewSet | GetSet | DelSet | DestroySet => Self::Set,
            NewSetElem | GetSetElem | GetSetElemReset | DelSetElem | DestroySetElem => Self::Elements,
            NewObj | GetObj | GetObjReset | DelObj | DestroyObj => Self::Object,
            NewFlowtable | GetFlowtable | DelFlowtable | DestroyFlowtable => Self::Flowtable,
            _ => return None,
        })
    }

    /// What the attributes of such a message are.
    pub(crate) fn scope(self) -> Scope {
        Scope::Table(match self {
            Self::Table => Table::TABLE,
            Self::Chain => Chain::TABLE,
            Self::Rule => Rule::TABLE,
            Self::Set => Set::TABLE,
            Self::Elements => element::LIST,
            Self::Object => Object::TABLE,
            Self::Flowtable => Flowtable::TABLE,
        })
    }
}

/// Every object that has a type here: a name for it and its attributes.
pub const TABLES: &[(&str, &[Spec])] = &[
    ("table", Table::TABLE),
    ("chain", Chain::TABLE),
    ("chain hook", ChainHook::TABLE),
    ("rule", Rule::TABLE),
    ("rule compat", RuleCompat::TABLE),
    ("set", Set::TABLE),
    ("set description", SetDesc::TABLE),
    ("set field", SetField::TABLE),
    ("element", Element::TABLE),
    ("element list", element::LIST),
    ("device list", chain::DEVICES),
    ("object", Object::TABLE),
    ("ct helper", CtHelper::TABLE),
    ("ct timeout", CtTimeout::TABLE),
    ("ct expectation", CtExpectation::TABLE),
    ("secmark", Secmark::TABLE),
    ("tunnel template", TunnelTemplate::TABLE),
    ("tunnel addresses, IPv4", TunnelIp::TABLE),
    ("tunnel addresses, IPv6", TunnelIp6::TABLE),
    ("tunnel options", object::OPTIONS),
    ("tunnel option, VXLAN", VxlanOption::TABLE),
    ("tunnel option, ERSPAN", ErspanOption::TABLE),
    ("tunnel option, Geneve", GeneveOption::TABLE),
    ("flowtable", Flowtable::TABLE),
    ("flowtable hook", FlowtableHook::TABLE),
    ("batch", message::BATCH),
    ("generation", GenerationInfo::TABLE),
    ("trace", Trace::TABLE),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::Family,
        wire::{EncodeError, Form, Writer, locate},
    };
    use proptest::prelude::*;

    /// Objects of one kind: what is read was written, and whatever is written can be read or is
    /// refused.
    macro_rules! objects {
        ($($kind:ident: $object:ident $(($family:expr))?;)*) => { $(
            mod $kind {
                use super::*;

                /// A name that damage made too long is refused.
                fn encoded(object: &$object) -> Result<Vec<u8>, EncodeError> {
                    let mut out = Writer::new(Form::Exact);
                    object.encode_attrs(&mut out);
                    out.finish()
                }

                proptest! {
                    #![proptest_config(ProptestConfig::with_cases(500))]

                    #[test]
                    fn survives(object in $object::any_attrs($($family)?)) {
                        prop_assert_eq!($object::decode_attrs($($family,)? &encoded(&object).unwrap()), Ok(object));
                    }

                    #[test]
                    fn damaged_never_panics(
                        object in $object::any_attrs($($family)?),
                        at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>(), offset in 0usize..900,
                    ) {
                        let mut bytes = encoded(&object).unwrap();
                        if !bytes.is_empty() {
                            *at.get_mut(&mut bytes) = byte;
                            let _ = $object::decode_attrs($($family,)? &bytes[..cut.index(bytes.len())]);
                        }
                        if let Ok(object) = $object::decode_attrs($($family,)? &bytes)
                            && let Ok(again) = encoded(&object)
                        {
                            prop_assert_eq!($object::decode_attrs($($family,)? &again), Ok(object));
                        }
                        locate(&bytes, offset, Kind::$object.scope());
                    }

                    #[test]
                    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), offset: usize) {
                        let _ = $object::decode_attrs($($family,)? &bytes);
                        locate(&bytes, offset, Kind::$object.scope());
                    }
                }
            }
        )* };
    }

    // A list of elements has the scope of its elements one level down.
    #[allow(non_upper_case_globals)]
    impl Kind {
        const Element: Self = Self::Elements;
        // No error points into these two.
        const GenerationInfo: Self = Self::Table;
        const Trace: Self = Self::Table;
    }

    objects! {
        tables: Table(Family::Inet);
        chains: Chain(Family::Netdev);
        rules: Rule(Family::Bridge);
        sets: Set(Family::Ip6);
        elements: Element;
        objects: Object(Family::Inet);
        flowtables: Flowtable(Family::Ip);
        generations: GenerationInfo;
        traces: Trace(Family::Inet);
    }
}
