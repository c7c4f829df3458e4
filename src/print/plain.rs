//! What one expression says alone.

use super::Printer;
use crate::{
    data::{IcmpCode, Icmpv6Code, IcmpxCode, Words},
    expr::{
        ConnlimitFlags, Expr, Limit, LimitFlags, LimitType, Log, LogFlags, LogLevel, Queue, QueueFlags, Quota,
        QuotaFlags, Reject, RejectType, Synproxy, SynproxyFlags,
    },
    lang::{
        tree::{IPV4, IPV6},
        units::{bytes_text, unit_word},
        words::{LOG_LEVELS, QUEUE_FLAGS, SYNPROXY_FLAGS, names, word},
    },
};

impl Printer<'_> {
    pub fn plain(&mut self, expr: &Expr) {
        match expr {
            Expr::Counter(counter) => {
                self.push("counter");
                let counts = (counter.packets, counter.bytes);
                if !(self.stateless || self.unsent && counts == (None, None)) {
                    let (packets, bytes) = (counts.0.unwrap_or_default(), counts.1.unwrap_or_default());
                    self.print(format_args!(" packets {packets} bytes {bytes}"));
                }
            }
            Expr::Limit(limit) => {
                self.push("limit ");
                self.rate(limit, true);
            }
            Expr::Quota(quota) => {
                self.push("quota ");
                self.quota(quota);
            }
            Expr::Last(last) => {
                self.push("last");
                match last.used() {
                    _ if self.stateless || self.unsent && last.set.is_none() => {}
                    Some(ago) => self.lasting(" used ", ago, ""),
                    None => self.push(" used never"),
                }
            }
            Expr::Connlimit(limit) => {
                let over = limit.flags.unwrap_or_default().contains(ConnlimitFlags::INV);
                self.print(format_args!("ct count {}{}", if over { "over " } else { "" }, limit.count));
            }
            Expr::Log(log) => self.log(log),
            Expr::Notrack(_) => self.push("notrack"),
            Expr::Reject(reject) => self.reject(reject, None),
            Expr::Queue(queue) if queue.sreg.is_none() => self.queue(queue),
            Expr::Synproxy(synproxy) => self.synproxy(synproxy),
            Expr::FlowOffload(flow) => {
                self.push("flow add @");
                self.name(&flow.flowtable);
            }
            Expr::XtMatch(xt) => {
                self.push("xt match ");
                self.quoted(&String::from_utf8_lossy(xt.name.as_bytes()));
            }
            Expr::XtTarget(xt) => {
                self.push("xt target ");
                self.quoted(&String::from_utf8_lossy(xt.name.as_bytes()));
            }
            expr => self.registers(expr),
        }
    }

    /// A limit behind its first word. An object says nothing of the usual burst.
    pub fn rate(&mut self, limit: &Limit, rule: bool) {
        let over = if limit.flags.unwrap_or_default().contains(LimitFlags::INV) { "over " } else { "" };
        let unit = unit_word(limit.unit).unwrap_or("error");
        let burst = limit.burst.unwrap_or_default();
        if limit.kind == Some(LimitType::Bytes) {
            self.print(format_args!("rate {over}{}/{unit}", bytes_text(limit.rate)));
            if burst > 0 {
                self.print(format_args!(" burst {}", bytes_text(burst.into())));
            }
        } else {
            self.print(format_args!("rate {over}{}/{unit}", limit.rate));
            if rule || burst != 0 && burst != 5 {
                self.print(format_args!(" burst {burst} packets"));
            }
        }
    }

    /// A quota behind its first word.
    pub fn quota(&mut self, quota: &Quota) {
        let over = if quota.flags.unwrap_or_default().contains(QuotaFlags::INV) { "over " } else { "" };
        self.print(format_args!("{over}{}", bytes_text(quota.bytes)));
        if let Some(used) = quota.consumed.filter(|used| *used > 0 && !self.stateless) {
            self.print(format_args!(" used {}", bytes_text(used)));
        }
    }

    fn log(&mut self, log: &Log) {
        self.push("log");
        if let Some(prefix) = &log.prefix {
            self.push(" prefix ");
            self.quoted(&String::from_utf8_lossy(prefix.as_bytes()));
        }
        if let Some(group) = log.group {
            self.print(format_args!(" group {group}"));
        }
        if let Some(snaplen) = log.snaplen {
            self.print(format_args!(" snaplen {snaplen}"));
        }
        if let Some(threshold) = log.queue_threshold {
            self.print(format_args!(" queue-threshold {threshold}"));
        }
        if let Some(level) = log.level.as_ref().filter(|level| **level != LogLevel::Warning) {
            self.print(format_args!(" level {}", word(LOG_LEVELS, level).unwrap_or("unknown")));
        }
        let flags = log.flags.unwrap_or_default();
        let tcp = LogFlags::TCP_SEQUENCE | LogFlags::TCP_OPTIONS;
        if flags.contains(tcp | LogFlags::IP_OPTIONS | LogFlags::USER | LogFlags::ETHER) {
            return self.push(" flags all");
        }
        for (some, words) in [
            (tcp, " flags tcp sequence,options"),
            (LogFlags::TCP_SEQUENCE, " flags tcp sequence"),
            (LogFlags::TCP_OPTIONS, " flags tcp options"),
        ] {
            if flags & tcp == some {
                self.push(words);
            }
        }
        for (flag, words) in [
            (LogFlags::IP_OPTIONS, " flags ip options"),
            (LogFlags::USER, " flags skuid"),
            (LogFlags::ETHER, " flags ether"),
        ] {
            if flags.contains(flag) {
                self.push(words);
            }
        }
    }

    /// `family` is whose codes they are, where the kind does not say it.
    pub fn reject(&mut self, reject: &Reject, family: Option<u32>) {
        self.push("reject");
        if reject.code.is_none() && reject.kind == RejectType::Icmpx {
            return;
        }
        let code = reject.code.unwrap_or_default();
        // The table says whose codes they are, or the rule does; then a plain `reject` would mean
        // both families'.
        let table = self.family.map(u8::from).map(u32::from).filter(|table| matches!(*table, IPV4 | IPV6));
        let (kind, word, usual) = match (reject.kind, table.or(family)) {
            (RejectType::TcpReset, _) => return self.push(" with tcp reset"),
            (RejectType::Icmpx, _) => ("icmpx", IcmpxCode::from(code).to_string(), 1),
            (RejectType::Icmp, Some(IPV6)) => ("icmpv6", Icmpv6Code::from(code).to_string(), 4),
            (RejectType::Icmp, _) => ("icmp", IcmpCode::from(code).to_string(), 3),
            (RejectType::Unknown(kind), _) => return self.print(format_args!(" with [ {kind} {code} ]")),
        };
        // Port unreachable goes without saying.
        if code != usual || reject.kind == RejectType::Icmp && table.is_none() {
            let word = if self.style.words.contains(Words::NUMERIC_SYMBOL) { code.to_string() } else { word };
            self.print(format_args!(" with {kind} {word}"));
        }
    }

    pub fn queue_flags(&mut self, flags: u16) {
        self.push("queue");
        let flags = QueueFlags::from(flags);
        self.words(" flags ", names(QUEUE_FLAGS, |flag| flags.contains(flag)), "");
    }

    fn queue(&mut self, queue: &Queue) {
        self.queue_flags(queue.flags.unwrap_or_default().bits());
        let first = queue.number.unwrap_or_default();
        self.print(format_args!(" to {first}"));
        if let Some(total @ 2..) = queue.total {
            self.print(format_args!("-{}", first.saturating_add(total - 1)));
        }
    }

    fn synproxy(&mut self, synproxy: &Synproxy) {
        let flags = synproxy.flags.unwrap_or_default();
        self.push("synproxy");
        if flags.intersects(SynproxyFlags::MSS | SynproxyFlags::WSCALE) {
            let (mss, wscale) = (synproxy.mss.unwrap_or_default(), synproxy.wscale.unwrap_or_default());
            self.print(format_args!(" mss {mss} wscale {wscale}"));
        }
        for word in names(SYNPROXY_FLAGS, |flag| flags.contains(flag)) {
            self.print(format_args!(" {word}"));
        }
    }
}
