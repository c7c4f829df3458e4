//! What counts by itself, in rules and in elements of sets: counters, rates, quotas, connections.

use crate::expr::{Connlimit, Counter, Expr, Last, Limit, LimitType, Quota, QuotaFlags};
use std::time::Duration;

/// How much of something; [`Rate::per_second`] and the like make a condition of it.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    kind: LimitType,
    amount: u64,
}

/// Lets so many packets pass in a time: a token bucket. The rule ends for the rest.
///
/// ```
/// use oxitables::{Match, limit};
/// assert_eq!(Match::from(limit(10).per_minute()).to_string(), "limit rate 10/minute burst 5 packets");
/// assert_eq!(Match::from(limit(5).kbytes().per_second().over()).to_string(), "limit rate over 5 kbytes/second");
/// ```
///
/// The bucket holds 5 packets unless [`RateLimit::burst`] says otherwise.
pub fn limit(amount: u64) -> Rate {
    Rate { kind: LimitType::Packets, amount }
}

impl Rate {
    /// Counts bytes.
    pub fn bytes(self) -> Self {
        Self { kind: LimitType::Bytes, ..self }
    }

    /// Counts kibibytes.
    pub fn kbytes(self) -> Self {
        Self { amount: self.amount.saturating_mul(1 << 10), ..self.bytes() }
    }

    /// Counts mebibytes.
    pub fn mbytes(self) -> Self {
        Self { amount: self.amount.saturating_mul(1 << 20), ..self.bytes() }
    }

    fn per(self, seconds: u64) -> RateLimit {
        let unit = Duration::from_secs(seconds);
        RateLimit(match self.kind {
            LimitType::Bytes => Limit::bytes(self.amount, unit),
            _ => Limit::packets(self.amount, unit),
        })
    }

    /// In a second.
    pub fn per_second(self) -> RateLimit {
        self.per(1)
    }

    /// In a minute.
    pub fn per_minute(self) -> RateLimit {
        self.per(60)
    }

    /// In an hour.
    pub fn per_hour(self) -> RateLimit {
        self.per(3600)
    }

    /// In a day.
    pub fn per_day(self) -> RateLimit {
        self.per(86_400)
    }

    /// In a week.
    pub fn per_week(self) -> RateLimit {
        self.per(604_800)
    }
}

/// A rate that lets pass, or with [`RateLimit::over`] catches what exceeds it.
#[derive(Clone, Debug)]
pub struct RateLimit(pub(crate) Limit);

impl RateLimit {
    /// How much may come at once beyond the rate, in what the rate counts.
    pub fn burst(mut self, burst: u32) -> Self {
        self.0 = self.0.with_burst(burst);
        self
    }

    /// Matches what is over the rate instead.
    pub fn over(mut self) -> Self {
        self.0 = self.0.over();
        self
    }
}

/// Matches until so many bytes have passed; with [`ByteQuota::over`], from then on.
///
/// ```
/// use oxitables::{Match, quota};
/// assert_eq!(Match::from(quota(10 << 20)).to_string(), "quota 10 mbytes");
/// assert_eq!(Match::from(quota(1000).over()).to_string(), "quota over 1000 bytes");
/// ```
pub fn quota(bytes: u64) -> ByteQuota {
    ByteQuota(Quota::until(bytes))
}

/// A number of bytes that may pass, or must have passed.
#[derive(Clone, Debug)]
pub struct ByteQuota(Quota);

impl ByteQuota {
    /// Matches once the bytes are used up instead.
    pub fn over(mut self) -> Self {
        self.0.flags = Some(QuotaFlags::INV);
        self
    }

    /// Starts with so many bytes used up already.
    pub fn used(mut self, bytes: u64) -> Self {
        self.0.consumed = Some(bytes);
        self
    }
}

/// Matches while a connection is one of the first so many that are being counted; with
/// [`ConnCount::over`], for those beyond. Counted are the tracked connections that came to this
/// rule, or to the element of a set that it belongs to.
///
/// ```
/// use oxitables::{Action, Family, Match, SetRef, ct, ip};
/// use std::net::Ipv4Addr;
/// assert_eq!(Match::from(ct::count(20).over()).to_string(), "ct count over 20");
/// let busy = SetRef::<Ipv4Addr>::new(Family::Inet, "host", "busy");
/// let many = Action::from(ip::saddr().add_to(&busy).with(ct::count(20).over()));
/// assert_eq!(many.to_string(), "add @busy { ip saddr ct count over 20 }");
/// ```
///
/// Since 4.19.
pub fn conn_count(connections: u32) -> ConnCount {
    ConnCount(Connlimit::until(connections))
}

/// A number of connections.
#[derive(Clone, Debug)]
pub struct ConnCount(Connlimit);

impl ConnCount {
    /// Matches the connections beyond the number instead.
    pub fn over(self) -> Self {
        Self(Connlimit::over(self.0.count))
    }
}

impl Stateful for ConnCount {
    fn into_expr(self) -> Expr {
        self.0.into()
    }
}

/// Notes when a packet came here last. Since 5.14.
///
/// ```
/// assert_eq!(oxitables::Action::from(oxitables::last()).to_string(), "last");
/// ```
pub fn last() -> Last {
    Last::new()
}

impl Stateful for Last {
    fn into_expr(self) -> Expr {
        self.into()
    }
}

/// What counts by itself, in a rule or in each element of a set: counters, rates, quotas.
///
/// Implemented by this crate only.
pub trait Stateful: sealed::Sealed {
    /// The expression.
    fn into_expr(self) -> Expr;
}

impl Stateful for Counter {
    fn into_expr(self) -> Expr {
        self.into()
    }
}

impl Stateful for RateLimit {
    fn into_expr(self) -> Expr {
        self.0.into()
    }
}

impl Stateful for ByteQuota {
    fn into_expr(self) -> Expr {
        self.0.into()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::expr::Counter {}
    impl Sealed for super::RateLimit {}
    impl Sealed for super::ByteQuota {}
    impl Sealed for super::ConnCount {}
    impl Sealed for crate::expr::Last {}
}
