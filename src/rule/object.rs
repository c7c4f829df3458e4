//! Uses of named objects: by name, or by the map that a packet's object is in.

use super::{
    action::Action,
    condition::Match,
    lookup::{KeyOf, Looked, Lookup},
    statement::{Role, Typed},
};
use crate::{
    compile::MapValues,
    data::Name,
    expr::ObjectType,
    lang::tree::{Expression, Statement},
    set::{SetRef, key::Key, pattern::Pattern},
};

/// The object that a map has for a packet; from [`Keyed::objects`](crate::Keyed::objects) and
/// [`Keyed::objects_of`](crate::Keyed::objects_of).
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
pub struct Objects(Lookup);

impl Objects {
    pub(super) fn named<K: Key>(key: &KeyOf, map: &SetRef<K>) -> Self {
        Self(key.in_named(map, None))
    }

    pub(super) fn of<K>(key: &KeyOf, pairs: impl Iterator<Item = (Pattern<K>, Name)>) -> Self {
        Self(key.in_items(pairs.map(|(pattern, name)| (pattern.raw, Some(Expression::Object(name))))))
    }

    /// The use of an object of a type.
    fn used(self, role: Role, kind: ObjectType) -> Typed {
        let pieces = self.0.map(|mut piece| {
            piece.sets.iter_mut().for_each(|set| set.values = Some(MapValues::Object(kind)));
            piece.map(|Looked { key, of }| {
                let object = Expression::Map { key: Box::new(key), of: Box::new(of) };
                Statement::Objref { kind, object }
            })
        });
        Typed::new(role, true, pieces)
    }
}

fn by_name(role: Role, kind: ObjectType, name: Name) -> Typed {
    Typed::plain(role, true, Statement::Objref { kind, object: Expression::Object(name) })
}

macro_rules! uses {
    ($($(#[$m:meta])* $named:ident $(#[$n:meta])* $from:ident -> $as:ident($role:ident) = $kind:ident;)*) => { $(
        $(#[$m])*
        pub fn $named(name: impl Into<Name>) -> $as {
            $as(by_name(Role::$role, ObjectType::$kind, name.into()))
        }

        $(#[$n])*
        pub fn $from(objects: Objects) -> $as {
            $as(objects.used(Role::$role, ObjectType::$kind))
        }
    )* };
}

uses! {
    /// Counts with the counter object `name` of the table.
    counter_named
    /// Counts with the counter object that a map has for the packet.
    counter_from -> Action(Action) = Counter;
    /// Uses the limit object `name` of the table.
    limit_named
    /// Uses the limit object that a map has for the packet.
    limit_from -> Match(Condition) = Limit;
    /// Uses the quota object `name` of the table.
    quota_named
    /// Uses the quota object that a map has for the packet.
    quota_from -> Match(Condition) = Quota;
    /// Answers as the synproxy object `name` of the table says. Since 5.4.
    synproxy_named
    /// Answers as the synproxy object says that a map has for the packet. Since 5.4.
    synproxy_from -> Action(Action) = Synproxy;
    /// Gives the connection the conntrack helper object `name` of the table; before it is
    /// confirmed. Since 4.12.
    helper_named
    /// Gives the connection the helper object that a map has for the packet.
    helper_from -> Action(Action) = CtHelper;
    /// Gives the connection the timeouts of the object `name` of the table. Since 4.19.
    timeout_named
    /// Gives the connection the timeouts of the object that a map has for the packet.
    timeout_from -> Action(Action) = CtTimeout;
    /// Announces another connection, as the object `name` of the table says. Since 5.3.
    expectation_named
    /// Announces another connection, as the object says that a map has for the packet.
    expectation_from -> Action(Action) = CtExpect;
    /// Gives the packet the security mark of the object `name` of the table. Since 4.20.
    secmark_named
    /// Gives the packet the security mark of the object that a map has for it.
    secmark_from -> Action(Action) = Secmark;
}
