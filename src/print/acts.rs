//! What expressions do with packets, in the words of `nft --debug=netlink`.

use super::registers::{held, number, optional, snake, words};
use crate::{
    data::{Family, Register, hex},
    expr::*,
};

/// What an expression does that loads and compares nothing.
pub(super) fn act(expr: &Expr) -> String {
    match expr {
        Expr::Counter(e) => format!("pkts {} bytes {}", e.packets.unwrap_or_default(), e.bytes.unwrap_or_default()),
        Expr::Limit(e) => limit(e),
        Expr::Quota(e) => {
            let (used, flags) = (e.consumed.unwrap_or_default(), e.flags.unwrap_or_default().bits());
            format!("bytes {} consumed {used} flags {flags}", e.bytes)
        }
        Expr::Connlimit(e) => format!("count {} flags {:x}", e.count, e.flags.unwrap_or_default().bits()),
        Expr::Last(e) => match e.ago.filter(|_| e.set.unwrap_or_default() > 0) {
            Some(ago) => ago.as_millis().to_string(),
            None => "never".into(),
        },
        Expr::Log(e) => log(e),
        Expr::Reject(e) => format!("type {} code {}", u32::from(e.kind), e.code.unwrap_or_default()),
        Expr::Nat(e) => {
            let kind = if e.kind == NatType::Snat { "snat".into() } else { snake(e.kind) };
            let ports = ports(e.port_min, e.port_max, e.flags);
            let (from, to) = (held(" addr_min", e.addr_min), held(" addr_max", e.addr_max));
            format!("{kind} {}{from}{to}{ports}", family(e.family))
        }
        Expr::Masq(e) => ports(e.port_min, e.port_max, e.flags).trim_start().into(),
        Expr::Redir(e) => ports(e.port_min, e.port_max, e.flags).trim_start().into(),
        Expr::Tproxy(e) => format!("{}{}{}", family(e.family), held(" addr", e.address), held(" port", e.port)),
        Expr::Dup(e) => {
            let (address, device) = (e.address.map(number), e.device.map(number));
            (optional(" sreg_addr ", address) + &optional(" sreg_dev ", device)).trim_start().into()
        }
        Expr::Fwd(e) => {
            let to = optional(" sreg_addr ", e.address.map(number)) + &optional(" nfproto ", e.family);
            format!("sreg_dev {}{to}", number(e.device))
        }
        Expr::Queue(e) => queue(e),
        Expr::Objref(e) => match (&e.name, e.sreg, &e.set) {
            (None, Some(key), Some(set)) => format!("sreg {} set {set}", number(key)),
            (name, ..) => format!("type {}{}", e.kind.map_or(0, u32::from), optional(" name ", name.as_ref())),
        },
        Expr::Dynset(e) => dynset(e),
        Expr::Synproxy(e) => format!("mss {} wscale {}", e.mss.unwrap_or_default(), e.wscale.unwrap_or_default()),
        Expr::FlowOffload(e) => format!("flowtable {}", e.flowtable),
        Expr::XtMatch(e) => format!("name {} rev {} 0x{}", e.name, e.revision, hex(&e.info)),
        Expr::XtTarget(e) => format!("name {} rev {} 0x{}", e.name, e.revision, hex(&e.info)),
        _ => String::new(),
    }
}

fn family(number: u32) -> String {
    u8::try_from(number).map_or_else(|_| number.to_string(), |number| Family::from(number).to_string())
}

fn ports(min: Option<Register>, max: Option<Register>, flags: Option<NatFlags>) -> String {
    let flags = flags.filter(|flags| !flags.is_empty()).map(|flags| format!("{:#x}", flags.bits()));
    held(" proto_min", min) + &held(" proto_max", max) + &optional(" flags ", flags)
}

fn limit(e: &Limit) -> String {
    let unit = match e.unit {
        1 => "second".into(),
        60 => "minute".into(),
        3_600 => "hour".into(),
        86_400 => "day".into(),
        604_800 => "week".into(),
        seconds => format!("{seconds}s"),
    };
    let kind = if e.kind == Some(LimitType::Bytes) { "bytes" } else { "packets" };
    let (burst, flags) = (e.burst.unwrap_or_default(), e.flags.unwrap_or_default().bits());
    format!("rate {}/{unit} burst {burst} type {kind} flags {flags:#x}", e.rate)
}

fn log(e: &Log) -> String {
    let mut words = optional(" prefix ", e.prefix.as_ref());
    if let Some(group) = e.group {
        let (snaplen, threshold) = (e.snaplen.unwrap_or_default(), e.queue_threshold.unwrap_or_default());
        words += &format!(" group {group} snaplen {snaplen} qthreshold {threshold}");
    }
    words += &optional(" level ", e.level.map(u32::from));
    for (word, flag) in ["tcpseq", "tcpopt", "ipopt", "uid", "nflog", "macdecode"].iter().zip(0..) {
        if e.flags.is_some_and(|flags| flags.bits() >> flag & 1 == 1) {
            words += &format!(" {word}");
        }
    }
    words.trim_start().into()
}

fn queue(e: &Queue) -> String {
    let mut words = match e.sreg {
        Some(register) => format!("sreg_qnum {}", number(register)),
        None => {
            let first = e.number.unwrap_or_default();
            let last = e.total.and_then(|total| first.checked_add(total.checked_sub(1)?)).filter(|last| *last > first);
            format!("num {first}{}", optional("-", last))
        }
    };
    let flags = e.flags.unwrap_or_default();
    for (flag, word) in [(QueueFlags::BYPASS, " bypass"), (QueueFlags::CPU_FANOUT, " fanout")] {
        words += if flags.contains(flag) { word } else { "" };
    }
    words
}

fn dynset(e: &Dynset) -> String {
    let life = e.timeout.filter(|life| !life.is_zero());
    let mut words_of = format!("{} reg_key {} set {}", snake(e.op), number(e.key), e.set);
    words_of += &optional(" sreg_data ", e.data.map(number));
    words_of += &optional(" timeout ", life.map(|life| format!("{}ms", life.as_millis())));
    for one in e.exprs.iter().flatten().chain(e.expr.as_deref()) {
        words_of += &format!(" expr [ {} {} ]", one.name(), words(one));
    }
    words_of
}
