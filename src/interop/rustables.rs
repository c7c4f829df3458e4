//! The [rustables](https://crates.io/crates/rustables) crate's batches and objects, submitted here.
//!
//! **Licence.** rustables is GPL-3.0-or-later: whoever gives a program with this feature to others
//! has to do it under that licence. So the feature is off, no other one turns it on, and without it
//! nothing of rustables is compiled or linked. To build, rustables needs libclang and the kernel's
//! headers (Debian: libclang-dev, linux-libc-dev). A program that has rustables anyway can do
//! without the feature: [`Batch::from_bytes`] takes what `rustables::Batch::finalize` gives.
//!
//! `rustables::Batch::send` asks for an acknowledgement of every message. Some 255 of them overrun
//! the socket's receive buffer, and the caller is told `ENOBUFS` for a batch that the kernel has
//! committed. Of other failures it tells the number, and not which message it was. Here the outcome
//! is that of [`Client::apply`](crate::Client::apply):
//!
//! ```
//! use oxitables::{Batch, Client, model::Ruleset};
//! use rustables::{Chain, MsgType, ProtocolFamily, Rule, Table, expr::{Immediate, VerdictKind}};
//!
//! fn submit() -> Result<(), Box<dyn std::error::Error>> {
//!     let table = Table::new(ProtocolFamily::Inet).with_name("host");
//!     let chain = Chain::new(&table).with_name("input");
//!     let mut theirs = rustables::Batch::new();
//!     theirs.add(&table, MsgType::Add);
//!     theirs.add(&chain, MsgType::Add);
//!     for _ in 0..1000 {
//!         theirs.add(&Rule::new(&chain)?.with_expr(Immediate::new_verdict(VerdictKind::Accept)), MsgType::Add);
//!     }
//!     let batch = Batch::try_from(theirs)?;
//!     let mut nft = Client::open()?;
//!     nft.apply(&batch)?;
//!     assert_eq!(nft.ruleset()?.rules.len(), 1000);
//!     // It is a batch like any other: also a desired state.
//!     assert!(nft.plan(&Ruleset::made_by(&batch)?)?.is_empty());
//!
//!     // Single objects of theirs, with the verbs of here, beside objects of here.
//!     nft.apply(Batch::new().flush(&chain).destroy(&table))?;
//!     Ok(())
//! }
//! # oxitables::testing::in_namespace(submit);
//! ```
//!
//! Their `Table`, `Chain`, `Rule`, `Set` and `SetElementList` can be added, created, deleted,
//! destroyed, and so on, as can those of here. What does not decode is told when the batch is
//! applied, like everything else that has no form on the wire.

use crate::{
    Batch,
    batch::{Add, Create, Delete, Flush, Insert, Item, Place, SetName, Verb},
    data::{Family, Name, Value},
    error::{Error, Result},
    model::{self, Element},
    wire::{DecodeError, EncodeError, Malformed, message::messages},
};
use ::rustables::{Chain, MsgType, Rule, Set, Table, set::SetElementList};

/// What it would send, as [`Batch::from_bytes`] takes it.
impl TryFrom<::rustables::Batch> for Batch {
    type Error = Error;

    /// # Errors
    /// As [`Batch::from_bytes`]; a list of more than 4,095 IPv4 addresses is such an error, because
    /// rustables writes it with a length that has overflowed. Add the [`SetElementList`] itself
    /// instead, which may have any length.
    fn try_from(theirs: ::rustables::Batch) -> Result<Self> {
        Self::from_bytes(&theirs.finalize())
    }
}

macro_rules! items {
    ($($theirs:ident: $($verb:ident)*, $read:expr;)*) => { $(
        impl Item for $theirs {
            #[allow(private_interfaces)]
            fn put(&self, verb: Verb, place: Place, batch: &mut Batch) {
                // What they write they write into a batch only.
                let mut alone = ::rustables::Batch::new();
                alone.add(self, MsgType::Add);
                put(&alone.finalize(), verb, place, batch, $read);
            }
        }
        $( impl $verb for $theirs {} )*
    )* };
}

items! {
    Table: Add Create Delete Flush, |family, attributes, _, _| model::Table::decode_attrs(family, attributes);
    Chain: Add Create Delete Flush, |family, attributes, _, _| model::Chain::decode_attrs(family, attributes);
    Rule: Add Insert Delete, |family, attributes, place, _| {
        let rule = model::Rule::decode_attrs(family, attributes)?;
        // Said in the rule, where here it is said with the verb.
        *place = match (*place, rule.position) {
            (Place::Back, Some(handle)) => Place::After(handle),
            (Place::Front, Some(handle)) => Place::Before(handle),
            (place, _) => place,
        };
        Ok(rule)
    };
    Set: Add Create Delete Flush, |family, attributes, _, batch| {
        let set = model::Set::decode_attrs(family, attributes)?;
        batch.reserve_id(set.id);
        Ok(set)
    };
}

/// Writes their only message as ours.
fn put<T: Item>(
    bytes: &[u8],
    verb: Verb,
    mut place: Place,
    batch: &mut Batch,
    read: impl FnOnce(Family, &[u8], &mut Place, &mut Batch) -> Result<T, DecodeError>,
) {
    let Some(message) = messages(bytes).flatten().nth(1) else { return };
    let family = Family::from(message.family());
    let item =
        super::well_formed(message.attributes()).and_then(|()| read(family, message.attributes(), &mut place, batch));
    match item {
        Ok(item) => item.put(verb, place, batch),
        Err(DecodeError { path, why }) => {
            // As it came: the error names it by its message.
            batch.operation(verb);
            batch.message(message.nft().unwrap_or(0), 0, family, |out| out.bytes(message.attributes()));
            batch.refuse(EncodeError { path, why });
        }
    }
}

impl Item for SetElementList {
    #[allow(private_interfaces)]
    fn put(&self, verb: Verb, _: Place, batch: &mut Batch) {
        let name = |name: &Option<String>| Name::from(name.as_deref().unwrap_or_default());
        let (table, set) = (name(&self.table), name(&self.set));
        let set = SetName { family: Family::from(self.family as u8), table: &table, name: &set, id: None };
        // Their keys and not their bytes: the length of a long list overflows there.
        let keys = self.elements.iter().flat_map(|list| list.iter()).map(|element| element.key.as_ref()?.get_value());
        batch.elements(verb, &set, keys, |key, out| {
            let key = key.and_then(|key| Value::new(key)).ok_or(Malformed::Missing)?;
            Element::new(key).write(verb, out);
            Ok(())
        });
    }
}

impl Add for SetElementList {}
impl Create for SetElementList {}
impl Delete for SetElementList {}
