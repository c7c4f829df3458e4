//! What `then` takes besides assignments: set updates, counters, log lines.

use super::{
    assign::RawSource,
    lookup::{KeyOf, KnownSet},
    statement::{ByVersion, Piece, Role, Typed},
};
use crate::{
    compile::{MapValues, Slot},
    data::FieldType,
    expr::{Counter, DynsetOp, Expr, Last, Log, Notrack},
    lang::{
        field::IpVersion,
        refused,
        tree::{self, Statement},
    },
    set::{SetRef, key::Key, stateful::Stateful},
    wire::Malformed,
};
use std::time::Duration;

/// An action of a rule. It never matches: whatever it does, the rule goes on.
///
/// There is one exception, of the kernel's making: adding to a set that is full ends the rule.
///
/// ```compile_fail
/// # use oxitables::{Rule, counter};
/// Rule::new().when(counter());
/// ```
#[derive(Clone, Debug)]
pub struct Action(pub(crate) Typed);

impl Action {
    pub(crate) fn new(pieces: ByVersion<Piece<Statement>>) -> Self {
        Self(Typed::new(Role::Action, true, pieces))
    }

    pub(crate) fn plain(tree: Statement) -> Self {
        Self::new(ByVersion::Any(Piece::new(tree)))
    }
}

/// Counts the packets that get here, and their bytes.
pub fn counter() -> Counter {
    Counter::new()
}

/// Exempts the packet from connection tracking; before it, at priority `raw`.
pub fn notrack() -> Action {
    Action::plain(Statement::Plain(Notrack::new().into()))
}

/// Writes a log line, or sends the packet to a program.
///
/// ```
/// use oxitables::{expr::LogLevel, log};
/// let line = log().with_prefix("refused: ").with_level(LogLevel::Info);
/// assert_eq!(oxitables::Action::from(line).to_string(), "log prefix \"refused: \" level info");
/// ```
pub fn log() -> Log {
    Log::new()
}

macro_rules! actions {
    ($($expr:ty)*) => { $(
        impl From<$expr> for Action {
            fn from(expr: $expr) -> Self {
                Self::plain(Statement::Plain(expr.into()))
            }
        }
    )* };
}

actions! { Counter Last Log crate::expr::Synproxy }

/// Adds, refreshes or removes a set element; give it a life of its own or things to count.
///
/// ```
/// use oxitables::{Family, SetRef, counter, ip};
/// use std::{net::Ipv4Addr, time::Duration};
/// let seen = SetRef::<Ipv4Addr>::new(Family::Inet, "host", "seen");
/// let learn = ip::saddr().update_in(&seen).timeout(Duration::from_secs(60)).with(counter());
/// assert_eq!(oxitables::Action::from(learn).to_string(), "update @seen { ip saddr timeout 1m counter }");
/// ```
///
/// The set must be [`dynamic`](crate::Set::dynamic). When it is full, adding ends the rule.
#[derive(Clone, Debug)]
pub struct Update {
    key: KeyOf,
    /// The set, or each of a pair.
    sets: ByVersion<KnownSet>,
    op: DynsetOp,
    timeout: Option<Duration>,
    with: Vec<Expr>,
    /// What a map shall have for the key.
    value: Option<(FieldType, RawSource)>,
}

impl Update {
    pub(crate) fn new<K: Key>(key: KeyOf, set: &SetRef<K>, op: DynsetOp) -> Self {
        let sets = ByVersion::new(key.is_dual(), |version| KnownSet::new(set, version, key.slots(version), None));
        Self { key, sets, op, timeout: None, with: Vec::new(), value: None }
    }

    pub(crate) fn with_value(mut self, ty: FieldType, value: RawSource) -> Self {
        self.value = Some((ty, value));
        self
    }

    /// Life of the element; that of the set if not given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Gives the element a counter, a limit or a quota of its own; up to two. A limit or quota that
    /// is exceeded ends the rule.
    pub fn with(mut self, stateful: impl Stateful) -> Self {
        self.with.push(stateful.into_expr());
        self
    }

    fn check(&self, set: &KnownSet) -> Result<(), Malformed> {
        let name = &set.name;
        if set.interval {
            return refused(format!("rules cannot change {name}: it is a set of intervals"));
        }
        if self.timeout.is_some_and(|t| t.is_zero()) {
            return refused("a zero timeout would never expire: leave it out");
        }
        if let Some((_, RawSource::Operand(value))) = &self.value
            && matches!(value.get(None).tree, tree::Expression::Map { .. })
        {
            return refused(format!("the value of an element of {name} is no value of another map"));
        }
        Ok(())
    }

    /// The update of the set, or of one of a pair.
    fn piece(&self, version: Option<IpVersion>) -> Piece<Statement> {
        let known = self.sets.get(version);
        let value = self.value.as_ref().map(|(ty, value)| value.piece(*ty, version));
        let wrong = value.as_ref().and_then(|value| value.wrong.clone());
        let update = tree::Update {
            op: self.op,
            set: known.name.clone(),
            key: self.key.expression(version),
            data: value.map(|value| value.tree),
            timeout: self.timeout,
            statements: self.with.iter().cloned().map(Statement::Plain).collect(),
        };
        let values = self.value.as_ref().map(|(ty, _)| MapValues::Slots(vec![Slot::of(*ty)], false));
        let sets = vec![KnownSet { values, ..known.clone() }];
        Piece { sets, ..Piece::new(Statement::Update(Box::new(update))) }
            .checked(self.check(known))
            .checked(wrong.map_or(Ok(()), Err))
    }
}

impl From<Update> for Action {
    fn from(update: Update) -> Self {
        Self::new(ByVersion::new(update.key.is_dual(), |version| update.piece(version)))
    }
}
