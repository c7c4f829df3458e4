//! Hours of the day.

use crate::{rule::Open, *};
use std::{fmt, str::FromStr};

const DAY: u32 = 86_400;

/// Hours of the day in UTC, as the kernel's clock has them, from the first minute up to the second:
/// `08:00-18:00`, also over midnight.
///
/// ```
/// use oxitables::recipes::Hours;
/// let night: Hours = "22:00-06:00".parse()?;
/// assert_eq!(night.to_string(), "22:00-06:00");
/// assert_eq!("8-18".parse::<Hours>().unwrap_err().to_string(), "8-18 are no hours: HH:MM-HH:MM is needed, such as 08:00-18:00");
/// # Ok::<(), oxitables::recipes::BadHours>(())
/// ```
///
/// The kernel knows no time zones: what is 08:00 here is another hour in UTC in summer than in
/// winter. nft prints them in local time, 1.0.6 wrongly where that is behind UTC (`1193044:43:16`);
/// they hold nevertheless.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hours {
    from: u32,
    until: u32,
}

/// What is no [`Hours`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} are no hours: HH:MM-HH:MM is needed, such as 08:00-18:00")]
pub struct BadHours(String);

impl Hours {
    /// Rules for other times.
    pub(super) fn are_over(self) -> Vec<Rule<Open>> {
        let early = (self.from > 0).then(|| meta::hour().lt(self.from));
        let late = (self.until < DAY).then(|| meta::hour().ge(self.until));
        if self.from < self.until {
            early.into_iter().chain(late).map(|other| Rule::new().when(other)).collect()
        } else {
            // Over midnight it is both.
            vec![late.into_iter().chain(early).fold(Rule::new(), Rule::when)]
        }
    }
}

impl FromStr for Hours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let bad = || BadHours(text.into());
        let (from, until) = text.split_once('-').ok_or_else(bad)?;
        let (from, until) = (second(from).ok_or_else(bad)?, second(until).ok_or_else(bad)?);
        // No time at all, or all of it: neither needs hours.
        if from % DAY == until % DAY { Err(bad()) } else { Ok(Self { from: from % DAY, until }) }
    }
}

/// The second of the day of `HH:MM`, up to `24:00`.
fn second(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| digits(text));
    let (hour, minute) = (number(hour)?, number(minute)?);
    let second = hour * 3600 + minute * 60;
    (minute < 60 && second <= DAY).then_some(second)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, until] = [self.from, self.until].map(|at| format!("{:02}:{:02}", at / 3600, at / 60 % 60));
        f.pad(&format!("{from}-{until}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_midnight_and_up_to_it() {
        let is = |text: &str| {
            let rules = text.parse::<Hours>().unwrap().are_over();
            rules.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(is("08:00-18:00"), "meta hour < 28800; meta hour >= 64800");
        assert_eq!(is("22:00-06:00"), "meta hour >= 21600 meta hour < 79200");
        assert_eq!(is("22:00-24:00"), "meta hour < 79200");
        assert_eq!(is("22:00-00:00"), "meta hour >= 0 meta hour < 79200");
        assert_eq!(is("24:00-01:00"), "meta hour >= 3600");
        for text in
            ["", "08:00", "08:00-08:00", "00:00-24:00", "24:01-01:00", "08:60-09:00", "+8:00-09:00", "08:00-18:00-"]
        {
            assert_eq!(text.parse::<Hours>(), Err(BadHours(text.into())));
        }
    }
}
