//! Uses of named objects: by name, or by the map that a packet's object is in.

use super::{
    action::{Action, Plain},
    condition::Match,
    lookup::{KnownSet, Lookup, Use},
    select::{Chosen, Keyed},
    statement::{Holds, Statement},
};
use crate::{
    compile::{self, MapValues, lower::Lowering},
    data::Name,
    expr::{ObjectType, Objref},
    lang::{
        field::Twin,
        refused,
        tree::{self, Expression},
    },
    set::{key::Key, pattern::Pattern, typed::SetRef},
    wire::Malformed,
};

/// The object that a map has for a packet; from [`Keyed::objects`] and [`Keyed::objects_of`].
///
/// ```
/// use oxitables::{counter_from, ip, Keyed};
/// use std::net::Ipv4Addr;
/// let by_host = ip::saddr().objects_of([(Ipv4Addr::LOCALHOST, "local"), (Ipv4Addr::BROADCAST, "all")]);
/// assert_eq!(
///     counter_from(by_host).to_string(),
///     "counter name ip saddr map { 127.0.0.1 : \"local\", 255.255.255.255 : \"all\" }",
/// );
/// ```
///
/// If the map has none for it, the rule ends there.
#[derive(Clone, Debug)]
pub struct Objects {
    lookup: Lookup,
    /// Of a map that belongs to the rule, the names of its values.
    names: Vec<Name>,
}

impl Objects {
    pub(super) fn named<K: Key>(chosen: Vec<Chosen>, map: &SetRef<K>) -> Self {
        Self { lookup: Lookup::named(chosen, map), names: Vec::new() }
    }

    pub(super) fn of<K>(chosen: Vec<Chosen>, pairs: impl Iterator<Item = (Pattern<K>, Name)>) -> Self {
        let (patterns, names): (Vec<_>, Vec<_>) = pairs.unzip();
        let lookup = Lookup::anonymous(chosen, patterns.into_iter().map(|pattern| (pattern, None)), Use::Set);
        Self { lookup, names }
    }
}

/// The use of an object from a map.
#[derive(Clone, Debug)]
struct FromMap {
    kind: ObjectType,
    word: &'static str,
    objects: Objects,
}

impl Statement for FromMap {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        let Objects { lookup, names } = &self.objects;
        if lookup.is_dual() && !names.is_empty() {
            return refused("a map of objects made for one rule takes addresses of one family: use ip or ip6 fields");
        }
        let mut of = lookup.set(cx.twin)?;
        if let Expression::Set(items) = &mut of {
            for (item, name) in items.iter_mut().zip(names) {
                item.data = Some(Expression::Object(name.clone()));
            }
        }
        let known = KnownSet { values: Some(MapValues::Object(self.kind)), ..lookup.known(cx.twin) };
        let object = Expression::Map { key: lookup.key(cx.twin).into(), of: of.into() };
        compile::statement(cx, &known, &tree::Statement::Objref { kind: self.kind, object })
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let map = self.objects.lookup.object_text(twin, &self.objects.names);
        format!("{} {map}", self.word)
    }

    fn is_dual(&self) -> bool {
        self.objects.lookup.is_dual()
    }

    fn holds(&self, twin: Twin) -> Holds {
        self.objects.lookup.holds(twin, false)
    }

    fn acts(&self) -> bool {
        true
    }
}

fn from_map(kind: ObjectType, word: &'static str, objects: Objects) -> FromMap {
    FromMap { kind, word, objects }
}

fn by_name(kind: ObjectType, word: &str, name: Name) -> Plain {
    let text = format!("{word} \"{}\"", name.to_string_lossy());
    Plain { expr: Objref::new(kind, name).into(), text }
}

macro_rules! uses {
    ($($(#[$m:meta])* $named:ident $(#[$n:meta])* $from:ident -> $as:ident = $kind:ident $word:literal;)*) => { $(
        $(#[$m])*
        pub fn $named(name: impl Into<Name>) -> $as {
            $as::new(by_name(ObjectType::$kind, $word, name.into()))
        }

        $(#[$n])*
        pub fn $from(objects: Objects) -> $as {
            $as::new(from_map(ObjectType::$kind, $word, objects))
        }
    )* };
}

uses! {
    /// Counts with the counter object `name` of the table.
    counter_named
    /// Counts with the counter object that a map has for the packet.
    counter_from -> Action = Counter "counter name";
    /// Uses the limit object `name` of the table.
    limit_named
    /// Uses the limit object that a map has for the packet.
    limit_from -> Match = Limit "limit name";
    /// Uses the quota object `name` of the table.
    quota_named
    /// Uses the quota object that a map has for the packet.
    quota_from -> Match = Quota "quota name";
    /// Answers as the synproxy object `name` of the table says. Since 5.4.
    synproxy_named
    /// Answers as the synproxy object says that a map has for the packet. Since 5.4.
    synproxy_from -> Action = Synproxy "synproxy name";
    /// Gives the connection the conntrack helper object `name` of the table; before it is confirmed. Since 4.12.
    helper_named
    /// Gives the connection the helper object that a map has for the packet.
    helper_from -> Action = CtHelper "ct helper set";
    /// Gives the connection the timeouts of the object `name` of the table. Since 4.19.
    timeout_named
    /// Gives the connection the timeouts of the object that a map has for the packet.
    timeout_from -> Action = CtTimeout "ct timeout set";
    /// Announces another connection, as the object `name` of the table says. Since 5.3.
    expectation_named
    /// Announces another connection, as the object says that a map has for the packet.
    expectation_from -> Action = CtExpect "ct expectation set";
    /// Gives the packet the security mark of the object `name` of the table. Since 4.20.
    secmark_named
    /// Gives the packet the security mark of the object that a map has for it.
    secmark_from -> Action = Secmark "meta secmark set";
}

/// Uses of objects, of anything that can be a key.
pub(super) fn objects<K: Keyed>(key: K, map: &SetRef<K::Key>) -> Objects {
    Objects::named(key.chosen(), map)
}
