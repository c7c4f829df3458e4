//! Types of the host that are more than a number.

use super::{
    ByteOrder, DataType, FieldType, Ordered, Typed,
    format::{Format, INTEGER_KIND, Info, show_duration},
    image,
    sealed::Sealed,
};
use crate::data::Value;
use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Traffic control class: `major:minor`, 16 bits each.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrafficClass(u32);

/// What is left of a connection's life, in milliseconds; up to 49 days.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TimeLeft(u32);

/// A moment, in whole seconds since 1970.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Moment(u64);

impl TrafficClass {
    /// The class `major:minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self((major as u32) << 16 | minor as u32)
    }
}

impl From<u32> for TrafficClass {
    fn from(n: u32) -> Self {
        Self(n)
    }
}

impl fmt::Display for TrafficClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&super::text(*self))
    }
}

impl TimeLeft {
    /// So many milliseconds.
    pub const fn from_millis(ms: u32) -> Self {
        Self(ms)
    }
}

impl From<Duration> for TimeLeft {
    fn from(duration: Duration) -> Self {
        Self(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_duration(Duration::from_millis(self.0.into())))
    }
}

impl Moment {
    const NANOS: u64 = 1_000_000_000;

    /// So many seconds after 1970 began.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Types of the host that are more than a number.
macro_rules! host_order {
    ($($name:ident: $int:ty = $datatype:literal $word:literal, $format:ident, $symbols:expr, |$v:ident| $to:expr, |$n:ident| $from:expr;)*) => { $(
        impl Sealed for $name {}
        impl Ordered for $name {}
        impl Typed for $name {
            const FIELD: FieldType = FieldType {
                datatype: DataType($datatype),
                len: size_of::<$int>() as u8,
                order: ByteOrder::Host,
                bits: false,
                info: &Info {
                    name: $word,
                    format: Format::$format,
                    bits: size_of::<$int>() as u16 * 8,
                    symbols: $symbols,
                    ..INTEGER_KIND
                },
            };
            fn image(&self) -> Value {
                let $v = self.0;
                image(&($to).to_be_bytes())
            }
            fn from_image(bytes: &[u8]) -> Option<Self> {
                let $n = <$int>::from_be_bytes(bytes.try_into().ok()?);
                Some(Self($from))
            }
        }
    )* };
}

host_order! {
    TrafficClass: u32 = 23 "classid", Class, &[(0xffff_ffff, "root"), (0, "none")], |n| n, |n| n;
    TimeLeft: u32 = 18 "time", Duration, &[], |ms| ms, |ms| ms;
    Moment: u64 = 43 "time", Moment, &[], |s| s.saturating_mul(Self::NANOS), |ns| ns / Self::NANOS;
}
