//! Rules and routes as one.

use super::{PolicyRule, Route, Routing, path, rule};
use crate::error::Result;
use netlink_packet_route::{RouteNetlinkMessage as Message, rule::RuleMessage};
use std::fmt;

/// A rule or a route, for [`Routing::add`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// A rule that chooses a table.
    Rule(PolicyRule),
    /// A route of a table.
    Route(Route),
}

impl From<PolicyRule> for Entry {
    fn from(rule: PolicyRule) -> Self {
        Self::Rule(rule)
    }
}

impl From<Route> for Entry {
    fn from(route: Route) -> Self {
        Self::Route(route)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => rule.fmt(f),
            Self::Route(route) => route.fmt(f),
        }
    }
}

impl Entry {
    /// What adds it.
    pub(super) fn messages(&self, net: &Routing) -> Result<Vec<Message>> {
        Ok(match self {
            Self::Rule(rule) => rule.messages().into_iter().map(Message::NewRule).collect(),
            Self::Route(route) => vec![Message::NewRoute(route.message(net)?)],
        })
    }
}

/// What removes what a message adds.
pub(super) fn removal(message: Message) -> Message {
    match message {
        Message::NewRule(rule) => Message::DelRule(rule),
        Message::NewRoute(route) => Message::DelRoute(route),
        other => other,
    }
}

/// What asks for all of the kind and family of a message.
pub(super) fn question(message: &Message) -> Message {
    match message {
        Message::NewRoute(route) => Message::GetRoute(path::question(route.header.address_family)),
        Message::NewRule(rule) => {
            let mut question = RuleMessage::default();
            question.header.family = rule.header.family;
            Message::GetRule(question)
        }
        other => other.clone(),
    }
}

/// Whether what the kernel lists keeps a message from being added.
pub(super) fn is_rival(sent: &Message, there: &Message) -> bool {
    match (sent, there) {
        (Message::NewRoute(sent), Message::NewRoute(there)) => path::is_rival(sent, there),
        _ => is_same(sent, there),
    }
}

/// Whether what the kernel lists is what a message adds.
pub(super) fn is_same(sent: &Message, there: &Message) -> bool {
    match (sent, there) {
        (Message::NewRoute(sent), Message::NewRoute(there)) => {
            path::is_rival(sent, there) && path::is_same(sent, there)
        }
        (Message::NewRule(sent), Message::NewRule(there)) => rule::is_same(sent, there),
        _ => false,
    }
}

/// Whether removing what a message adds could remove what the kernel lists.
pub(super) fn is_hit(sent: &Message, there: &Message) -> bool {
    matches!((sent, there), (Message::NewRule(sent), Message::NewRule(there)) if rule::is_hit(sent, there))
}

/// Puts the rules that say most at the front, and the routes behind all rules: so each removes
/// itself, and no rule leads to an emptied table. The kernel takes the first rule that has what is
/// said.
pub(super) fn specific_first<T>(all: &mut [(T, Message)]) {
    all.sort_by_key(|(_, message)| match message {
        Message::NewRule(rule) => std::cmp::Reverse(rule::weight(rule)),
        _ => std::cmp::Reverse(0),
    });
}

/// What the kernel lists, in words.
pub(super) fn text(there: &Message) -> String {
    match there {
        Message::NewRoute(route) => path::text(route),
        _ => "a rule".into(),
    }
}
