//! Units of rates and of amounts.

/// Units of rates in seconds; other units of the kernel have no word.
pub(crate) const UNITS: &[(&str, u64)] =
    &[("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400), ("week", 604_800)];

/// Units of amounts in bytes.
pub(crate) const BYTES: &[(&str, u64)] = &[("bytes", 1), ("kbytes", 1 << 10), ("mbytes", 1 << 20)];

/// The word for the unit of a rate.
pub(crate) fn unit_word(seconds: u64) -> Option<&'static str> {
    UNITS.iter().find(|(_, unit)| *unit == seconds).map(|(word, _)| *word)
}

/// The largest unit that an amount is a whole multiple of, and how many of these it is.
pub(crate) fn scaled(bytes: u64) -> (u64, &'static str) {
    let unit = BYTES.iter().rev().find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
    unit.map_or((bytes, "bytes"), |(word, size)| (bytes / size, *word))
}

/// Bytes in the largest unit that divides them.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let (amount, unit) = scaled(bytes);
    format!("{amount} {unit}")
}
