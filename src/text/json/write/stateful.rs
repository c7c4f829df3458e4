//! Statements that remember something.

use super::one;
use crate::{
    expr::{Connlimit, ConnlimitFlags, Counter, Last, Limit, LimitFlags, LimitType, Quota, QuotaFlags},
    lang::units::{scaled, unit_word},
};
use serde_json::{Map, Value, json};

/// What has changed since a rule was made is left out if `bare`.
pub(super) fn counter(counter: &Counter, bare: bool) -> Value {
    let Counter { packets, bytes, .. } = counter;
    let count = json!({"packets": packets.unwrap_or_default(), "bytes": bytes.unwrap_or_default()});
    one("counter", if bare { Value::Null } else { count })
}

pub(super) fn last(last: &Last, bare: bool) -> Value {
    let used = last.used().filter(|_| !bare);
    one("last", used.map_or(Value::Null, |used| json!({"used": u64::try_from(used.as_millis()).unwrap_or(u64::MAX)})))
}

pub(super) fn connlimit(connlimit: &Connlimit) -> Value {
    let mut properties = Map::from_iter([("val".into(), connlimit.count.into())]);
    if connlimit.flags.unwrap_or_default().contains(ConnlimitFlags::INV) {
        properties.insert("inv".into(), true.into());
    }
    one("ct count", properties)
}

pub(super) fn quota(quota: &Quota, bare: bool) -> Value {
    let (amount, unit) = scaled(quota.bytes);
    let mut properties = Map::from_iter([("val".into(), amount.into()), ("val_unit".into(), unit.into())]);
    if quota.flags.unwrap_or_default().contains(QuotaFlags::INV) {
        properties.insert("inv".into(), true.into());
    }
    if let Some(used) = quota.consumed.filter(|used| *used > 0 && !bare) {
        let (amount, unit) = scaled(used);
        properties.insert("used".into(), amount.into());
        properties.insert("used_unit".into(), unit.into());
    }
    one("quota", properties)
}

/// A rate, its unit and its burst, with the units of both if they are bytes.
fn rate(limit: &Limit) -> (u64, Value, u64, Option<(&'static str, &'static str)>) {
    let burst = limit.burst.unwrap_or_default().into();
    // Times without a word are seconds.
    let per = unit_word(limit.unit).map_or_else(|| limit.unit.into(), Value::from);
    if limit.kind == Some(LimitType::Bytes) {
        let ((rate, rate_unit), (burst, burst_unit)) = (scaled(limit.rate), scaled(burst));
        (rate, per, burst, Some((rate_unit, burst_unit)))
    } else {
        (limit.rate, per, burst, None)
    }
}

pub(super) fn limit(limit: &Limit) -> Value {
    let (rate, per, burst, units) = rate(limit);
    let mut properties =
        Map::from_iter([("rate".into(), rate.into()), ("burst".into(), burst.into()), ("per".into(), per)]);
    if limit.flags.unwrap_or_default().contains(LimitFlags::INV) {
        properties.insert("inv".into(), true.into());
    }
    if let Some((rate_unit, burst_unit)) = units {
        properties.insert("rate_unit".into(), rate_unit.into());
        properties.insert("burst_unit".into(), burst_unit.into());
    }
    one("limit", properties)
}

/// The same for an object, which nft writes in another order, and without a burst of nothing.
pub(super) fn limit_object(limit: &Limit, properties: &mut Map<String, Value>) {
    let (rate, per, burst, units) = rate(limit);
    properties.extend([("rate".into(), rate.into()), ("per".into(), per)]);
    if limit.flags.unwrap_or_default().contains(LimitFlags::INV) {
        properties.insert("inv".into(), true.into());
    }
    if let Some((rate_unit, _)) = units {
        properties.insert("rate_unit".into(), rate_unit.into());
    }
    if burst > 0 {
        properties.insert("burst".into(), burst.into());
        if let Some((_, burst_unit)) = units {
            properties.insert("burst_unit".into(), burst_unit.into());
        }
    }
}
