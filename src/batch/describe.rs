//! Says in words what a message is about, from its bytes.

use crate::{
    data::{Family, Name},
    expr::ObjectType,
    model::{Kind, SetFlags},
    wire::{attrs, message::Message},
};

/// Attributes of one message by number.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &Message<'a>) -> Self {
        Self(message.attributes())
    }

    pub(crate) fn get(&self, kind: u16) -> Option<&'a [u8]> {
        attrs(self.0).flatten().find(|a| a.kind == kind).map(|a| a.payload)
    }

    pub(crate) fn name(&self, kind: u16) -> Option<Name> {
        self.get(kind).map(|text| Name::from(text.strip_suffix(&[0]).unwrap_or(text)))
    }

    pub(crate) fn handle(&self, kind: u16) -> Option<u64> {
        self.get(kind)?.try_into().ok().map(u64::from_be_bytes)
    }
}

impl Fields<'_> {
    /// The type in a message about an object.
    pub(crate) fn kind(&self) -> Option<ObjectType> {
        Some(u32::from_be_bytes(self.get(3)?.try_into().ok()?).into())
    }
}

/// `rule inet host input`, `element inet agent blocked`, …
pub(crate) fn describe(message: &Message<'_>) -> String {
    let fields = Fields::of(message);
    let kind = message.nft().and_then(Kind::of);
    let is_map = || {
        let flags = fields.get(3).and_then(|f| f.try_into().ok()).map_or(0, u32::from_be_bytes);
        SetFlags::from(flags).intersects(SetFlags::MAP | SetFlags::OBJECT)
    };
    let object = fields.kind().map_or("object".into(), |kind| kind.to_string());
    // The noun, and the numbers of the attributes that name the object below its table. Flushing is deleting rules and
    // elements without saying which.
    let (noun, names): (&str, &[u16]) = match kind {
        Some(Kind::Rule) if message.nft() == Some(8) && fields.get(3).is_none() => {
            (if fields.get(2).is_some() { "chain" } else { "table" }, &[2])
        }
        Some(Kind::Elements) if message.nft() == Some(14) && fields.get(3).is_none() => ("set", &[2]),
        Some(Kind::Table) if message.nft() != Some(0) && fields.get(1).or(fields.get(4)).is_none() => ("ruleset", &[]),
        Some(Kind::Table) => ("table", &[]),
        Some(Kind::Chain) => ("chain", &[3]),
        Some(Kind::Rule) => ("rule", &[2]),
        Some(Kind::Set) if is_map() => ("map", &[2]),
        Some(Kind::Set) => ("set", &[2]),
        Some(Kind::Elements) => ("element", &[2]),
        Some(Kind::Object) => (&object, &[2]),
        Some(Kind::Flowtable) => ("flowtable", &[2]),
        None => ("message", &[]),
    };
    let mut text = noun.to_owned();
    if message.family() != 0 {
        text += &format!(" {}", Family::from(message.family()));
    }
    for name in [1].iter().chain(names).filter_map(|&kind| fields.name(kind)) {
        text += &format!(" {name}");
    }
    if kind == Some(Kind::Rule)
        && let Some(handle) = fields.handle(3)
    {
        text += &format!(" handle {handle}");
    }
    text
}
