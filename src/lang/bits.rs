//! Numbers as their bytes, most significant first; bit 0 is the lowest of the last byte.

use crate::data::{Value, image};

/// How many bits there are.
pub(crate) fn width(bytes: &[u8]) -> u32 {
    bytes.len() as u32 * 8
}

fn bit(bytes: &[u8], n: u32) -> bool {
    let at = bytes.len().checked_sub(n as usize / 8 + 1);
    at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte >> (n % 8) & 1 == 1)
}

/// The bytes, and zeros behind them until there are so many.
pub(crate) fn filled(bytes: &[u8], len: u32) -> Option<Value> {
    let mut value = Value::new(bytes)?;
    while (value.len() as u32) < len {
        value.append(&[0])?;
    }
    Some(value)
}

/// The lowest bit that is set.
pub(crate) fn lowest(bytes: &[u8]) -> Option<u32> {
    (0..width(bytes)).find(|n| bit(bytes, *n))
}

/// The first bit from `from` on that is not set; the width if all are.
pub(crate) fn end_of_ones(bytes: &[u8], from: u32) -> u32 {
    (from..width(bytes)).find(|n| !bit(bytes, *n)).unwrap_or(width(bytes))
}

/// The only run of ones there is: its lowest bit and the one after its highest.
pub(crate) fn run(bytes: &[u8]) -> Option<(u32, u32)> {
    let low = lowest(bytes)?;
    let end = end_of_ones(bytes, low);
    (ones(bytes) == end - low).then_some((low, end))
}

/// How many bits are set.
pub(crate) fn ones(bytes: &[u8]) -> u32 {
    bytes.iter().map(|b| b.count_ones()).sum()
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}

/// The length of the prefix that a mask keeps, if it keeps one.
pub(crate) fn prefix(mask: &[u8]) -> Option<u32> {
    match run(mask) {
        Some((low, end)) => (end == width(mask)).then_some(end - low),
        None => is_zero(mask).then_some(0),
    }
}

/// Two numbers combined bit by bit; the shorter one is filled up with zero bits at the top.
pub(crate) fn combine(a: &[u8], b: &[u8], with: impl Fn(u8, u8) -> u8) -> Value {
    let len = a.len().max(b.len());
    let at =
        |bytes: &[u8], i: usize| (i + bytes.len()).checked_sub(len).and_then(|i| bytes.get(i).copied()).unwrap_or(0);
    image(&(0..len).map(|i| with(at(a, i), at(b, i))).collect::<Vec<_>>())
}

pub(crate) fn not(bytes: &[u8]) -> Value {
    image(&bytes.iter().map(|b| !b).collect::<Vec<_>>())
}

/// `bytes >> by`, in as many bytes.
pub(crate) fn shifted(bytes: &[u8], by: u32) -> Value {
    let (skip, by) = (by as usize / 8, by % 8);
    let at = |i: Option<usize>| i.and_then(|i| bytes.get(i)).map_or(0, |b| u16::from(*b));
    let out = (0..bytes.len()).map(|i| {
        let i = i.checked_sub(skip);
        ((at(i.and_then(|i| i.checked_sub(1))) << 8 | at(i)) >> by) as u8
    });
    image(&out.collect::<Vec<_>>())
}

/// `bytes << by`, in `len` bytes; `None` if bits are lost.
pub(crate) fn shifted_up(bytes: &[u8], by: u32, len: usize) -> Option<Value> {
    let room = len.checked_add(bytes.len())?;
    let wide = Value::new(&[bytes, &vec![0; len]].concat())?;
    // To the right by what is too much.
    let by = u32::try_from(len).ok()?.checked_mul(8)?.checked_sub(by)?;
    let moved = shifted(&wide, by);
    let lost = ones(&moved) != ones(bytes);
    (!lost).then(|| fitted(moved.get(..room)?, len)).flatten()
}

/// `len` bits after the first `from`, as a number.
pub(crate) fn slice(bytes: &[u8], from: u32, len: u32) -> Option<Value> {
    let after = width(bytes).checked_sub(from.checked_add(len)?)?;
    let moved = shifted(bytes, after);
    let keep = ones_of(len);
    fitted(&combine(&moved, &keep, |a, b| a & b), keep.len())
}

/// `len` bits that are set.
pub(crate) fn ones_of(len: u32) -> Value {
    let mut bytes = vec![0xff; len.div_ceil(8) as usize];
    if let Some(first) = bytes.first_mut()
        && !len.is_multiple_of(8)
    {
        *first = 0xff >> (8 - len % 8);
    }
    image(&bytes)
}

/// The same number in `len` bytes, if it fits.
pub(crate) fn fitted(bytes: &[u8], len: usize) -> Option<Value> {
    match bytes.len().checked_sub(len) {
        Some(excess) => {
            let (top, rest) = bytes.split_at_checked(excess)?;
            is_zero(top).then(|| image(rest))
        }
        None => Value::new(&[[0; Value::MAX].get(..len - bytes.len())?, bytes].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_numbers() {
        assert_eq!(lowest(&[0x01, 0x80]), Some(7));
        assert_eq!(lowest(&[0, 0]), None);
        assert_eq!(run(&[0x0f, 0xf0]), Some((4, 12)));
        assert_eq!(run(&[0x0f, 0x0f]), None);
        assert_eq!(prefix(&[0xff, 0xf0]), Some(12));
        assert_eq!(prefix(&[0x7f, 0xff]), None);
        assert_eq!(prefix(&[0, 0]), Some(0));
        assert_eq!(*shifted(&[0x12, 0x34, 0x56], 12), [0, 0x01, 0x23]);
        assert_eq!(*shifted(&[0x12], 77), [0]);
        assert_eq!(slice(&[0x12, 0x34, 0x56], 4, 12).as_deref(), Some(&[0x02, 0x34][..]));
        assert_eq!(slice(&[0x12], 4, 5), None);
        assert_eq!(*ones_of(12), [0x0f, 0xff]);
        assert_eq!(fitted(&[0, 1], 1).as_deref(), Some(&[1][..]));
        assert_eq!(fitted(&[1, 1], 1), None);
        assert_eq!(shifted_up(&[0x05], 6, 2).as_deref(), Some(&[0x01, 0x40][..]));
        assert_eq!(shifted_up(&[0x05], 6, 1), None);
        assert_eq!(fitted(&[1], 4).as_deref(), Some(&[0, 0, 0, 1][..]));
        assert_eq!(*combine(&[0xf0], &[0x01, 0x0f], |a, b| a | b), [0x01, 0xff]);
    }
}
