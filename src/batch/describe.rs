//! Says in words what a message is about, from its bytes.

use super::Change;
use crate::{
    model::{Kind, SetFlags},
    wire::message::Message,
};

/// `rule inet host input`, `element inet agent blocked`, …
pub(crate) fn describe(message: &Message<'_>) -> String {
    let Some(change) = Change::read(*message) else { return "message".into() };
    let object;
    let (noun, named) = match change.kind {
        Kind::Rule if change.flushes() => (if change.name().is_some() { "chain" } else { "table" }, true),
        Kind::Elements if change.flushes() => ("set", true),
        Kind::Table if change.flushes_ruleset() => ("ruleset", false),
        Kind::Table => ("table", false),
        Kind::Chain => ("chain", true),
        Kind::Rule => ("rule", true),
        Kind::Set if change.set_flags().intersects(SetFlags::MAP | SetFlags::OBJECT) => ("map", true),
        Kind::Set => ("set", true),
        Kind::Elements => ("element", true),
        Kind::Object => {
            object = change.object_type().map_or("object".into(), |kind| kind.to_string());
            (&object[..], true)
        }
        Kind::Flowtable => ("flowtable", true),
    };
    let mut text = noun.to_owned();
    if message.family() != 0 {
        text += &format!(" {}", change.family());
    }
    for name in change.table().into_iter().chain(change.name().filter(|_| named)) {
        text += &format!(" {name}");
    }
    if change.kind == Kind::Rule
        && let Some(handle) = change.handle()
    {
        text += &format!(" handle {handle}");
    }
    text
}
