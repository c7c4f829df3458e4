//! What `then` takes: assignments, set updates, counters, log lines.

use super::{
    field::{Field, Header, Load, Twin},
    limit::Stateful,
    lookup::{Lookup, load_key, twin_name},
    lower::{Holds, Lowering, Statement, load, refused},
    pattern::{FieldPattern, Pattern, RawPattern, Shape},
    select::{Chosen, Mapped, Part, Selector, Settable},
    set::SetRef,
};
use crate::{data::*, expr::*, wire::Malformed};
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
        cx.push_act(vec![self.expr.clone()]);
        Ok(())
    }
    fn text(&self, _: Option<Twin>) -> String {
        self.text.clone()
    }
}

/// Counts the packets that get here, and their bytes.
pub fn counter() -> Counter {
    Counter::new()
}

/// Counts with the counter object `name` of the table.
pub fn counter_named(name: impl Into<Name>) -> Action {
    let name = name.into();
    let text = format!("counter name \"{name}\"");
    Action::new(Plain { expr: Objref::new(ObjectType::Counter, name).into(), text })
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
        if self.group.is_some() && (self.level.is_some() || self.flags.is_some()) {
            return refused("a log line has a level and flags, a log group has none");
        }
        if self.group.is_none() && (self.snaplen.is_some() || self.queue_threshold.is_some()) {
            return refused("only a log group has a snaplen and a queue threshold");
        }
        cx.push_act(vec![self.clone().into()]);
        Ok(())
    }

    fn text(&self, _: Option<Twin>) -> String {
        let mut out = String::from("log");
        let mut add = |word: &str, value: String| out.push_str(&format!(" {word} {value}"));
        if let Some(prefix) = &self.prefix {
            add("prefix", format!("\"{}\"", prefix.to_string().replace('"', "'")));
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

/// What a field is set to: a value, some bits, another field of the same type, a map's value.
#[derive(Clone, Debug)]
pub struct Source<T> {
    pub(crate) raw: RawSource,
    kind: std::marker::PhantomData<T>,
}

#[derive(Clone, Debug)]
pub(crate) enum RawSource {
    Pattern(RawPattern),
    Field(Part),
    Map(Lookup),
}

impl<T> Source<T> {
    fn new(raw: RawSource) -> Self {
        Self { raw, kind: std::marker::PhantomData }
    }
}

impl<T: Typed> From<T> for Source<T> {
    fn from(value: T) -> Self {
        Self::new(RawSource::Pattern(Pattern::from(value).raw))
    }
}

impl<T: Ordered> From<Masked<T>> for Source<T> {
    fn from(bits: Masked<T>) -> Self {
        Self::new(RawSource::Pattern(Pattern::from(bits).raw))
    }
}

impl<T: Typed + super::key::Key> From<Selector<T>> for Source<T> {
    fn from(field: Selector<T>) -> Self {
        Self::new(RawSource::Field(super::select::One::one(field).0))
    }
}

impl<T: Typed + super::key::Key> From<Settable<T>> for Source<T> {
    fn from(field: Settable<T>) -> Self {
        Self::new(RawSource::Field(super::select::One::one(field).0))
    }
}

impl<T: Typed> From<Mapped<T>> for Source<T> {
    fn from(mapped: Mapped<T>) -> Self {
        Self::new(RawSource::Map(mapped.lookup))
    }
}

macro_rules! literals {
    ($($name:ident: $int:ty;)*) => { $(
        impl From<$int> for Source<$name> {
            fn from(n: $int) -> Self {
                $name::from(n).into()
            }
        }
    )* };
}

literals! {
    ArpOp: u16; Dscp: u8; Ecn: u8; EtherType: u16; IcmpCode: u8; IcmpType: u8; Icmpv6Code: u8; Icmpv6Type: u8;
    Mark: u32; PktType: u8; Port: u16; Protocol: u8; TcpFlags: u8; TrafficClass: u32; CtEvents: u32;
}

/// `FIELD set SOURCE`.
#[derive(Clone, Debug)]
pub(crate) struct Assign {
    pub field: Field,
    pub ty: FieldType,
    pub source: RawSource,
}

const R1: Register = Register::R1;

impl Assign {
    fn part(&self) -> Part {
        Part { field: self.field, mask: None, ty: self.ty, dual: false }
    }

    /// The expression that stores register 1.
    fn store(&self, offset: u32, len: u32) -> Result<Expr, Malformed> {
        Ok(match self.field.spec.load {
            Load::Packet(header, _) => {
                let checksum = header.checksum();
                Payload {
                    csum_type: checksum.map(|_| ChecksumType::Inet),
                    csum_offset: checksum,
                    csum_flags: self.field.spec.pseudo.then_some(ChecksumFlags::L4_PSEUDO_HEADER),
                    ..Payload::store(header.base(), offset, len, R1)
                }
                .into()
            }
            Load::Meta(key) => Meta::store(key, R1).into(),
            Load::Ct(key) => Ct { direction: self.field.direction, ..Ct::store(key, R1) }.into(),
            Load::Address(_) | Load::CtAddress(_) => return refused("an address of either family cannot be set"),
        })
    }

    /// A value into packet bytes. What shares its bytes with other fields is put between them, and a checksum wants
    /// whole pairs of bytes.
    fn write(&self, header: Header, offset: u16, image: &[u8]) -> Result<Vec<Expr>, Malformed> {
        let part = self.part();
        let bits = self.field.spec.bits;
        let (mut first, mut end) = (offset / 8, (offset + bits).div_ceil(8));
        let mut exprs = Vec::new();
        let loaded = load(&part, R1, &mut exprs);
        let value = loaded.encode(&part, image)?;
        let mask = loaded.mask();
        let odd = header.checksum().is_some() && (first % 2 != 0 || end % 2 != 0);
        if odd {
            (first, end) = (first / 2 * 2, end.next_multiple_of(2));
        }
        let len = u32::from(end - first);
        exprs.clear();
        if odd || bits % 8 != 0 || offset % 8 != 0 {
            // Value and mask at their place among the bytes that are written.
            let before = usize::from(offset / 8 - first);
            let mut xor = vec![0; len as usize];
            let mut keep = vec![0xff; len as usize];
            for (i, (value, mask)) in value.iter().zip(mask.iter()).enumerate() {
                if let (Some(x), Some(k)) = (xor.get_mut(before + i), keep.get_mut(before + i)) {
                    (*x, *k) = (*value, !mask);
                }
            }
            exprs.push(Payload::load(header.base(), first.into(), len, R1).into());
            let bytes = |b: &[u8]| Value::new(b).unwrap_or_default();
            exprs.push(Bitwise::mask_xor(R1, R1, bytes(&keep), bytes(&xor)).into());
        } else {
            exprs.push(Immediate::new(R1, value).into());
        }
        exprs.push(self.store(first.into(), len)?);
        Ok(exprs)
    }

    fn pattern<'a>(&self, raw: &'a RawPattern) -> Result<FieldPattern<'a>, Malformed> {
        match raw.fields().next() {
            Some(field) => Ok(field),
            None => refused("a value that does not fit a register"),
        }
    }

    /// A constant, or some bits of one.
    fn lower_pattern(&self, raw: &RawPattern) -> Result<Vec<Expr>, Malformed> {
        let field = self.pattern(raw)?;
        let part = self.part();
        if let Load::Packet(header, offset) = self.field.spec.load {
            if field.shape == Shape::Masked {
                return refused(format!("{} can be set as a whole only", self.field.words()));
            }
            return self.write(header, offset, field.lo);
        }
        let mut exprs = Vec::new();
        let loaded = load(&part, R1, &mut exprs);
        match field.shape {
            Shape::Masked => {
                let (value, mask) = (loaded.encode(&part, field.lo)?, loaded.encode(&part, field.hi)?);
                let not = |v: &Value| v.iter().map(|b| !b).collect::<Vec<_>>();
                let and = |a: &Value, b: &Value| a.iter().zip(b.iter()).map(|(a, b)| a & b).collect::<Vec<_>>();
                let bytes = |b: Vec<u8>| Value::new(&b).unwrap_or_default();
                exprs.push(Bitwise::mask_xor(R1, R1, bytes(not(&mask)), bytes(and(&value, &mask))).into());
            }
            _ => {
                exprs.clear();
                exprs.push(Immediate::new(R1, loaded.encode(&part, field.lo)?).into());
            }
        }
        exprs.push(self.store(0, 0)?);
        Ok(exprs)
    }

    /// Offset and length of a field that can be stored without touching others.
    fn whole(&self) -> Result<(u32, u32), Malformed> {
        let Load::Packet(header, offset) = self.field.spec.load else { return Ok((0, 0)) };
        let (first, len) = (u32::from(offset / 8), u32::from(self.field.spec.bits / 8));
        let odd = header.checksum().is_some() && (first % 2 != 0 || len % 2 != 0);
        if offset % 8 != 0 || self.field.spec.bits % 8 != 0 || odd {
            return refused(format!("{} can be set to a constant only", self.field.words()));
        }
        Ok((first, len))
    }
}

impl Statement for Assign {
    fn lower(&self, cx: &mut Lowering) -> Result<(), Malformed> {
        cx.need(&self.field)?;
        let exprs = match &self.source {
            RawSource::Pattern(raw) => self.lower_pattern(raw)?,
            RawSource::Field(from) => {
                let (offset, len) = self.whole()?;
                let from = from.resolve(cx.twin);
                cx.need(&from.field)?;
                let mut exprs = Vec::new();
                let mut loaded = load(&from, R1, &mut exprs);
                loaded.settle(&mut exprs);
                if let Some(mask) = &from.mask {
                    loaded.keep(&from, mask, &mut exprs)?;
                }
                exprs.push(self.store(offset, len)?);
                exprs
            }
            RawSource::Map(lookup) => {
                let (offset, len) = self.whole()?;
                let mut exprs = lookup.lower(cx, Some(R1), false)?;
                exprs.push(self.store(offset, len)?);
                exprs
            }
        };
        cx.push_act(exprs);
        Ok(())
    }

    fn text(&self, twin: Option<Twin>) -> String {
        let mut out = self.field.words();
        out.push_str(" set ");
        match &self.source {
            RawSource::Field(from) => out.push_str(&from.resolve(twin).text()),
            RawSource::Map(lookup) => out.push_str(&lookup.text(twin, "map")),
            RawSource::Pattern(raw) => {
                let Some(field) = raw.fields().next() else { return out };
                if field.shape == Shape::Masked {
                    let not: Vec<u8> = field.hi.iter().map(|b| !b).collect();
                    let and: Vec<u8> = field.lo.iter().zip(field.hi).map(|(a, b)| a & b).collect();
                    out.push_str(&super::lower::masked_text(&self.part(), &not));
                    out.push_str(" | ");
                    (self.ty.show)(&and, Style::Masked, &mut out);
                } else if matches!(self.ty.datatype, BOOLEAN) {
                    // `exists` and `missing` are for matches.
                    out.push_str(if field.lo == [0] { "0" } else { "1" });
                } else {
                    // Here nft takes the names of protocols for the start of something else.
                    let number = matches!(self.ty.datatype, PROTOCOL);
                    field.text(&self.ty, if number { Style::Number } else { Style::Words }, &mut out);
                }
            }
        }
        out
    }

    fn is_dual(&self) -> bool {
        match &self.source {
            RawSource::Pattern(_) => false,
            RawSource::Field(part) => part.dual,
            RawSource::Map(lookup) => lookup.is_dual(),
        }
    }

    fn holds(&self, twin: Twin) -> Holds {
        match &self.source {
            RawSource::Map(lookup) => lookup.holds(twin, false),
            _ => Holds::Maybe,
        }
    }
}

const BOOLEAN: DataType = bool::FIELD.datatype();
const PROTOCOL: DataType = Protocol::FIELD.datatype();

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
    op: DynsetOp,
    timeout: Option<Duration>,
    with: Vec<(Expr, String)>,
}

impl Update {
    pub(crate) fn new<K: super::key::Key>(chosen: Vec<Chosen>, set: &SetRef<K>, op: DynsetOp) -> Self {
        Self {
            parts: chosen.into_iter().map(|c| c.0).collect(),
            set: set.name.clone(),
            dual: K::DUAL,
            interval: set.interval,
            op,
            timeout: None,
            with: Vec::new(),
        }
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
        let mut exprs = Vec::new();
        load_key(cx, &parts, true, false, &mut exprs)?;
        let mut dynset = Dynset::new(twin_name(&self.set, self.dual, cx.twin), self.op, R1);
        dynset.timeout = self.timeout;
        for (expr, _) in &self.with {
            dynset = dynset.with_expr(expr.clone());
        }
        exprs.push(dynset.into());
        cx.push_act(exprs);
        Ok(())
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
        out + " }"
    }

    fn is_dual(&self) -> bool {
        self.parts.iter().any(|p| p.dual)
    }
}
