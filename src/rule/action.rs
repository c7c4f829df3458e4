//! What `then` takes besides assignments: set updates, counters, log lines.

use super::{
    assign::RawSource,
    lookup::{KnownSet, key},
    select::Chosen,
    statement::Statement,
};
use crate::{
    compile::{self, MapValues, NoSets, Slot, lower::Lowering},
    data::*,
    expr::*,
    lang::{field::Twin, refused, selector::Part, tree},
    set::{
        key::twin_name,
        stateful::Stateful,
        typed::{SetRef, TakenFor},
    },
    wire::Malformed,
};
use std::{fmt, sync::Arc, time::Duration};

/// An action of a rule. It never matches: whatever it does, the rule goes on.
///
/// There is one exception, of the kernel's making: adding to a set that is full ends the rule.
///
/// ```compile_fail
/// # use oxitables::{Rule, counter};
/// Rule::new().when(counter());
/// ```
#[derive(Clone, Debug)]
pub struct Action(pub(crate) Arc<dyn Statement>);

impl Action {
    pub(crate) fn new(statement: impl Statement + 'static) -> Self {
        Self(Arc::new(statement))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&super::verdict::both(&*self.0))
    }
}

/// An expression that stands for itself.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub expr: Expr,
    pub text: String,
}

impl Statement for Plain {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        cx.push_act([self.expr.clone()]);
        Ok(())
    }
    fn text(&self, _: Option<Twin>) -> String {
        self.text.clone()
    }
    fn acts(&self) -> bool {
        true
    }
}

/// Counts the packets that get here, and their bytes.
pub fn counter() -> Counter {
    Counter::new()
}

impl From<Counter> for Action {
    fn from(counter: Counter) -> Self {
        let text = counter.text();
        Self::new(Plain { expr: counter.into(), text })
    }
}

/// Exempts the packet from connection tracking; before it, at priority `raw`.
pub fn notrack() -> Action {
    Action::new(Plain { expr: Notrack::new().into(), text: "notrack".into() })
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

impl From<Log> for Action {
    fn from(log: Log) -> Self {
        Self::new(log)
    }
}

impl Statement for Log {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        compile::statement(cx, &NoSets, &tree::Statement::Plain(self.clone().into()))
    }

    fn acts(&self) -> bool {
        true
    }

    fn text(&self, _: Option<Twin>) -> String {
        let mut out = String::from("log");
        let mut add = |word: &str, value: String| out.push_str(&format!(" {word} {value}"));
        if let Some(prefix) = &self.prefix {
            add("prefix", format!("\"{}\"", prefix.to_string_lossy().replace('"', "'")));
        }
        if let Some(group) = self.group {
            add("group", group.to_string());
        }
        if let Some(snaplen) = self.snaplen {
            add("snaplen", snaplen.to_string());
        }
        if let Some(threshold) = self.queue_threshold {
            add("queue-threshold", threshold.to_string());
        }
        if let Some(level) = self.level {
            add("level", level_text(level));
        }
        let flags = self.flags.unwrap_or_default();
        let all =
            [LogFlags::TCP_SEQUENCE, LogFlags::TCP_OPTIONS, LogFlags::IP_OPTIONS, LogFlags::USER, LogFlags::ETHER];
        if flags == all.into_iter().collect() {
            add("flags", "all".into());
        } else {
            let tcp = [(LogFlags::TCP_SEQUENCE, "sequence"), (LogFlags::TCP_OPTIONS, "options")];
            let tcp: Vec<_> = tcp.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| *word).collect();
            if !tcp.is_empty() {
                add("flags tcp", tcp.join(","));
            }
            for (flag, words) in
                [(LogFlags::IP_OPTIONS, "ip options"), (LogFlags::USER, "skuid"), (LogFlags::ETHER, "ether")]
            {
                if flags.contains(flag) {
                    add("flags", words.into());
                }
            }
        }
        out
    }
}

fn level_text(level: LogLevel) -> String {
    match level {
        LogLevel::Emerg => "emerg",
        LogLevel::Alert => "alert",
        LogLevel::Crit => "crit",
        LogLevel::Err => "err",
        LogLevel::Warning => "warn",
        LogLevel::Notice => "notice",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Audit => "audit",
        LogLevel::Unknown(n) => return n.to_string(),
    }
    .into()
}

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
    parts: Vec<Part>,
    set: Name,
    dual: bool,
    interval: bool,
    taken_for: TakenFor,
    op: DynsetOp,
    timeout: Option<Duration>,
    with: Vec<(Expr, String)>,
    /// What a map shall have for the key.
    value: Option<(FieldType, RawSource)>,
}

impl Update {
    pub(crate) fn new<K: crate::set::key::Key>(chosen: Vec<Chosen>, set: &SetRef<K>, op: DynsetOp) -> Self {
        Self {
            parts: chosen.into_iter().map(|c| c.0).collect(),
            set: set.name.clone(),
            dual: K::DUAL,
            interval: set.interval,
            taken_for: set.taken_for(),
            op,
            timeout: None,
            with: Vec::new(),
            value: None,
        }
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

    /// Gives the element a counter, a limit or a quota of its own; up to two. A limit or quota that is exceeded ends
    /// the rule.
    pub fn with(mut self, stateful: impl Stateful) -> Self {
        let text = stateful.text();
        self.with.push((stateful.into_expr(), text));
        self
    }
}

impl From<Update> for Action {
    fn from(update: Update) -> Self {
        Self::new(update)
    }
}

impl Statement for Update {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        if self.interval {
            return refused(format!("rules cannot change {}: it is a set of intervals", self.set));
        }
        if self.timeout.is_some_and(|t| t.is_zero()) {
            return refused("a zero timeout would never expire: leave it out");
        }
        let parts: Vec<Part> = self.parts.iter().map(|p| p.resolve(cx.twin)).collect();
        let name = twin_name(&self.set, self.dual, cx.twin);
        let key_slots = parts.iter().map(|part| Slot::of(part.ty)).collect();
        let values = self.value.as_ref().map(|(ty, _)| MapValues::Slots(vec![Slot::of(*ty)], false));
        let taken_for = Some(self.taken_for.kind(cx.twin));
        let known = KnownSet { name: name.clone(), interval: false, taken_for, values, key: key_slots };
        let data = match &self.value {
            Some((_, RawSource::Map(_))) => {
                return refused(format!("the value of an element of {} is no value of another map", self.set));
            }
            Some((ty, value)) => Some(value.expression(*ty, cx.twin)?),
            None => None,
        };
        let update = tree::Update {
            op: self.op,
            set: name,
            key: key(&parts),
            data,
            timeout: self.timeout,
            statements: self.with.iter().map(|(expr, _)| tree::Statement::Plain(expr.clone())).collect(),
        };
        compile::statement(cx, &known, &tree::Statement::Update(Box::new(update)))
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let op = match self.op {
            DynsetOp::Update => "update",
            DynsetOp::Delete => "delete",
            _ => "add",
        };
        let parts: Vec<Part> = self.parts.iter().map(|p| p.resolve(twin)).collect();
        let mut out = format!("{op} @{} {{ {}", twin_name(&self.set, self.dual, twin), Part::texts(&parts));
        if let Some(timeout) = self.timeout {
            out.push_str(&format!(" timeout {}", show_duration(timeout)));
        }
        for (_, text) in &self.with {
            out.push_str(&format!(" {text}"));
        }
        if let Some((ty, value)) = &self.value {
            out.push_str(" : ");
            match value {
                RawSource::Pattern(raw) => {
                    if let Some(field) = raw.fields().next() {
                        field.text(ty, Style::WORDS, &mut out);
                    }
                }
                RawSource::Field(part) => out.push_str(&part.resolve(twin).text()),
                RawSource::Map(lookup) => out.push_str(&lookup.text(twin, "map")),
                RawSource::Hash(hash) => out.push_str(&hash.text(twin)),
            }
        }
        out + " }"
    }

    fn is_dual(&self) -> bool {
        self.parts.iter().any(|p| p.dual)
    }

    fn acts(&self) -> bool {
        true
    }
}

impl From<Last> for Action {
    fn from(last: Last) -> Self {
        let text = last.text();
        Self::new(Plain { expr: last.into(), text })
    }
}
