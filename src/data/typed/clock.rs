//! Times of the day and of the year where this machine is, as nft shows and reads them: the kernel
//! knows UTC only.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Seconds of a day.
const DAY: i64 = 86_400;
const NANOS: i128 = 1_000_000_000;

/// The time zone: that of the environment, `TZ`, or else of the machine.
fn here() -> TimeZone {
    TimeZone::system()
}

/// `2024-05-06 07:08:09` of a moment in nanoseconds since 1970, to the second.
pub(super) fn show_moment(nanos: u64) -> Option<String> {
    show_moment_in(nanos, here())
}

fn show_moment_in(nanos: u64, zone: TimeZone) -> Option<String> {
    let moment = Timestamp::from_nanosecond(i128::from(nanos) / NANOS * NANOS).ok()?;
    Some(moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// The moment, in nanoseconds since 1970, of a date, with a time of the day or without.
pub(super) fn parse_moment(text: &str) -> Option<u64> {
    parse_moment_in(text, here())
}

fn parse_moment_in(text: &str, zone: TimeZone) -> Option<u64> {
    let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let at = forms.iter().find_map(|form| DateTime::strptime(form, text).ok());
    let at = at.or_else(|| Date::strptime("%Y-%m-%d", text).ok().map(DateTime::from))?;
    let moment = at.to_zoned(zone).ok()?.timestamp();
    u64::try_from(moment.as_nanosecond()).ok()
}

/// Seconds that are to be added to UTC at present.
fn offset(zone: &TimeZone) -> i64 {
    zone.to_offset(Timestamp::now()).seconds().into()
}

/// `13:30` or `13:30:05` of a second of the day in UTC.
pub(super) fn show_hour(second: u32) -> String {
    show_hour_in(second, offset(&here()))
}

fn show_hour_in(second: u32, offset: i64) -> String {
    let second = (i64::from(second) + offset).rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    match second {
        0 => format!("{hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}"),
    }
}

/// The second of the day in UTC of a time of the day.
pub(super) fn parse_hour(text: &str) -> Option<u32> {
    parse_hour_in(text, offset(&here()))
}

fn parse_hour_in(text: &str, offset: i64) -> Option<u32> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok().filter(|_| part.len() <= 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    // A leap second is the first one of the next minute.
    if parts.next().is_some() || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let second = hour * 3600 + minute * 60 + second;
    u32::try_from((second - offset).rem_euclid(DAY)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_hours_east() -> TimeZone {
        TimeZone::posix("UTC-2").unwrap()
    }

    #[test]
    fn moments() {
        // TZ=UTC-2 nft list: meta time "2024-05-06 07:08:09" is 1714972089 seconds.
        let nanos = 1_714_972_089_000_000_000;
        assert_eq!(show_moment_in(nanos, two_hours_east()).unwrap(), "2024-05-06 07:08:09");
        assert_eq!(show_moment_in(nanos + 999, TimeZone::UTC).unwrap(), "2024-05-06 05:08:09");
        assert_eq!(parse_moment_in("2024-05-06 07:08:09", two_hours_east()), Some(nanos));
        assert_eq!(parse_moment_in("2024-05-06 07:08", two_hours_east()), Some(nanos - 9_000_000_000));
        assert_eq!(parse_moment_in("1970-01-02", TimeZone::UTC), Some(86_400_000_000_000));
        assert_eq!(parse_moment_in("yesterday", TimeZone::UTC), None);
        assert_eq!(show_moment_in(u64::MAX, TimeZone::UTC).unwrap(), "2554-07-21 23:34:33");
    }

    #[test]
    fn hours() {
        assert_eq!(show_hour_in(11 * 3600 + 30 * 60, 7200), "13:30");
        assert_eq!(show_hour_in(23 * 3600 + 5, 7200), "01:00:05");
        assert_eq!(show_hour_in(3600, -7200), "23:00");
        assert_eq!(parse_hour_in("13:30", 7200), Some(11 * 3600 + 30 * 60));
        assert_eq!(parse_hour_in("01:00:05", 7200), Some(23 * 3600 + 5));
        assert_eq!(parse_hour_in("noon", 0), None);
    }
}
