//! How values look as text, and how text is read: nft's ways, one for each kind of type.

use super::{
    ByteOrder, DataType, FieldType, be, clock, image,
    style::{Form, Style, Words},
    system::{self, NameFile},
};
use crate::data::Value;
use std::{fmt::Write, net::IpAddr, time::Duration};

/// Names of numbers: a number may have several, of which the first is shown.
pub(crate) type Symbols = &'static [(u64, &'static str)];

/// What is known of a type beside its width and byte order.
#[derive(Debug)]
pub(crate) struct Info {
    /// nft's name for it.
    pub name: &'static str,
    /// The type that it is a kind of: an integer, a set of bits or text.
    pub base: DataType,
    /// Bits of a value where all have so many; 0 where not.
    pub bits: u16,
    pub format: Format,
    pub symbols: Symbols,
    /// More names, in a file of the system's.
    pub file: Option<&'static NameFile>,
    pub shown: Shown,
}

/// An address as libc writes it: one that is 32 bits behind zeros, of which not all of the first 16
/// are zeros, with dots.
pub(crate) fn show_address(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) => match v6.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => format!("::{a}.{b}.{c}.{d}"),
            _ => v6.to_string(),
        },
        v4 => v4.to_string(),
    }
}

/// Whether symbols are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    Bare,
    Quoted,
    /// They mean something in some messages only, and are read but never shown.
    Never,
}

/// How a value without a symbol looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Decimal,
    /// Of at least so many digits.
    Hex(u8),
    Address,
    /// Bytes in hex with colons between them.
    Link,
    /// Up to 16 bytes; the start of a name if it has fewer.
    Name,
    /// Bits by name.
    Bits,
    /// Bits by number.
    Labels,
    Boolean,
    /// Milliseconds, as `1h30m`.
    Duration,
    /// Nanoseconds since 1970.
    Moment,
    /// Second of the day.
    Hour,
    Weekday,
    /// `major:minor`.
    Class,
    Interface,
    User,
    Group,
    Protocol,
    Service,
    Cgroup,
}

/// A kind of integer, of which the rest is still to be said.
pub(crate) const INTEGER_KIND: Info = Info {
    name: "integer",
    base: DataType::INTEGER,
    bits: 0,
    format: Format::Decimal,
    symbols: &[],
    file: None,
    shown: Shown::Bare,
};

/// The number that text is, in decimal or in hex.
pub(crate) fn number(text: &str) -> Option<u128> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => hexadecimal(digits),
        None if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// The number that digits in hex are, and nothing but digits.
fn hexadecimal(digits: &str) -> Option<u128> {
    u128::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

/// A number of `len` bytes, most significant first; `None` if it has more.
fn fit(n: u128, len: usize) -> Option<Value> {
    let bytes = n.to_be_bytes();
    let (rest, own) = bytes.split_at(bytes.len().checked_sub(len)?);
    rest.iter().all(|b| *b == 0).then(|| image(own))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

impl Info {
    fn symbol_of(&self, n: u128, listed: bool) -> Option<&'static str> {
        let n = u64::try_from(n).ok()?;
        // What the machine says counts; without it, what nft was built with.
        let own = self.file.filter(|_| listed).and_then(|file| file.name(n));
        own.or_else(|| self.symbols.iter().find(|(known, _)| *known == n).map(|(_, word)| *word))
    }

    fn number_of(&self, word: &str) -> Option<u64> {
        let own = self.symbols.iter().find(|(_, known)| *known == word).map(|(n, _)| *n);
        own.or_else(|| self.file.and_then(|file| file.number(word)))
    }

    /// The symbol of a value, if it is shown by one.
    fn symbol(&self, bytes: &[u8], style: Style) -> Option<&'static str> {
        let numeric = match self.format {
            Format::Protocol => Words::NUMERIC_PROTOCOL,
            // These have nothing else.
            Format::Class => Words::empty(),
            _ => Words::NUMERIC_SYMBOL,
        };
        let hidden = self.shown == Shown::Never
            || !numeric.is_empty() && style.has(numeric)
            || matches!(self.format, Format::Bits | Format::Labels);
        (!hidden && bytes.len() <= 16).then(|| self.symbol_of(be(bytes), style.is_listed())).flatten()
    }

    /// Appends the text of a value.
    pub fn show(&self, bytes: &[u8], style: Style, out: &mut String) {
        match self.symbol(bytes, style) {
            Some(word) if self.shown == Shown::Quoted => drop(write!(out, "\"{word}\"")),
            Some(word) => out.push_str(word),
            None => self.show_plain(bytes, style, out),
        }
    }

    fn show_plain(&self, bytes: &[u8], style: Style, out: &mut String) {
        let n = be(bytes);
        let listed = style.is_listed();
        // Writing to a string cannot fail.
        let _ = match self.format {
            Format::Hex(digits) => write!(out, "{n:#0width$x}", width = usize::from(digits) + 2),
            Format::Address => match bytes.len() {
                4 | 16 => {
                    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
                    address.map_or(Ok(()), |address| out.write_str(&show_address(address)))
                }
                _ => write!(out, "{n}"),
            },
            Format::Link => {
                let bytes: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
                out.write_str(&bytes.join(":"))
            }
            Format::Name => out.write_str(&show_name(bytes)),
            Format::Bits | Format::Labels => {
                self.show_bits(n, style, out);
                Ok(())
            }
            Format::Duration if style.has(Words::NUMERIC_TIME) => write!(out, "{}s", n / 1000),
            Format::Duration => {
                out.write_str(&show_duration(Duration::from_millis(u64::try_from(n).unwrap_or(u64::MAX))))
            }
            Format::Moment => {
                let nanos = u64::try_from(n).unwrap_or(u64::MAX);
                match listed.then(|| clock::show_moment(nanos)).flatten() {
                    Some(moment) => write!(out, "\"{moment}\""),
                    None => write!(out, "{}", nanos / 1_000_000_000),
                }
            }
            Format::Hour if listed => write!(out, "\"{}\"", clock::show_hour(n as u32)),
            Format::Class => write!(out, "{:x}:{:x}", n as u32 >> 16, n & 0xffff),
            Format::Interface | Format::User | Format::Group => {
                let name = match self.format {
                    Format::Interface if listed => system::interface_name(n as u32),
                    Format::User if style.has(Words::GUID) => system::user_name(n as u32),
                    Format::Group if style.has(Words::GUID) => system::group_name(n as u32),
                    _ => None,
                };
                match name {
                    Some(name) => write!(out, "\"{name}\""),
                    None => write!(out, "{n}"),
                }
            }
            Format::Service => match style.has(Words::SERVICE).then(|| system::SERVICES.name(n as u64)).flatten() {
                Some(name) => write!(out, "\"{name}\""),
                None => write!(out, "{n}"),
            },
            Format::Cgroup => match listed.then(|| system::cgroup_path(n as u64)).flatten() {
                Some(path) => write!(out, "\"{path}\""),
                None => write!(out, "{n}"),
            },
            Format::Decimal | Format::Boolean | Format::Hour | Format::Weekday | Format::Protocol => write!(out, "{n}"),
        };
    }

    /// The bits that have names, one by one in the order of nft's table, and the rest as a number.
    pub fn bits_of(&self, n: u128, listed: bool) -> impl Iterator<Item = (u128, Option<&'static str>)> {
        let labels = self.format == Format::Labels;
        let named = self.symbols.iter().map(|(bit, word)| (u128::from(*bit), Some(*word)));
        let numbered = (0..128)
            .filter(move |_| labels)
            .map(move |bit| (1 << bit, self.file.filter(|_| listed).and_then(|file| file.name(bit))));
        let known = named.filter(move |_| !labels).chain(numbered).filter(move |(bit, _)| n & bit == *bit);
        let rest = if labels { 0 } else { self.symbols.iter().fold(n, |n, (bit, _)| n & !u128::from(*bit)) };
        known.chain((rest != 0).then_some((rest, None)))
    }

    fn show_bits(&self, n: u128, style: Style, out: &mut String) {
        if n == 0 || style.form == Form::Bound {
            let _ = write!(out, "{n:#x}");
            return;
        }
        let labels = self.format == Format::Labels;
        // nft -n still tells bits apart.
        let named = labels || !style.has(Words::NUMERIC_SYMBOL);
        for (i, (bit, word)) in self.bits_of(n, style.is_listed()).enumerate() {
            if i > 0 {
                out.push(',');
            }
            let _ = match word.filter(|_| named) {
                Some(word) if labels => write!(out, "\"{word}\""),
                Some(word) => out.write_str(word),
                None if labels => write!(out, "{}", bit.trailing_zeros()),
                None => write!(out, "{bit:#x}"),
            };
        }
    }

    /// Reads a value of `len` bytes, most significant first.
    pub fn parse(&self, text: &str, len: usize) -> Option<Value> {
        let text = unquoted(text.trim());
        if self.format == Format::Name {
            return parse_name(text);
        }
        let named = self.number_of(text).map(u128::from).filter(|_| self.format != Format::Labels);
        let fitted = |n| fit(n, len);
        match self.format {
            _ if named.is_some() => named.and_then(fitted),
            Format::Address => match text.parse().ok()? {
                IpAddr::V4(address) if len == 4 => Some(image(&address.octets())),
                IpAddr::V6(address) if len == 16 => Some(image(&address.octets())),
                _ => None,
            },
            Format::Link => {
                let part = |part: &str| u8::try_from(hexadecimal(part)?).ok().filter(|_| part.len() <= 2);
                let bytes = text.split(':').map(part).collect::<Option<Vec<_>>>()?;
                (bytes.len() == len || len == 0).then(|| Value::new(&bytes)).flatten()
            }
            Format::Bits | Format::Labels => {
                let bit = |word: &str| {
                    let number = self.number_of(word).map(u128::from).or_else(|| number(word))?;
                    if self.format == Format::Bits { Some(number) } else { 1u128.checked_shl(number.try_into().ok()?) }
                };
                text.split([',', '|']).try_fold(0, |n, word| Some(n | bit(word.trim())?)).and_then(fitted)
            }
            Format::Boolean => number(text).and_then(|n| fitted(u128::from(n != 0))),
            Format::Duration => parse_duration(text).and_then(|duration| fitted(duration.as_millis())),
            Format::Moment => match number(text) {
                Some(seconds) => fitted(seconds.checked_mul(1_000_000_000)?),
                None => clock::parse_moment(text).and_then(|nanos| fitted(nanos.into())),
            },
            Format::Hour => number(text).or_else(|| clock::parse_hour(text).map(Into::into)).and_then(fitted),
            Format::Weekday => {
                // The first letters are enough.
                let day = |word: &str| {
                    text.len() >= 3 && word.get(..text.len()).is_some_and(|w| w.eq_ignore_ascii_case(text))
                };
                let day = self.symbols.iter().find(|(_, word)| day(word)).map(|(n, _)| u128::from(*n));
                day.or_else(|| number(text).filter(|n| *n < 7)).and_then(fitted)
            }
            Format::Class => {
                let hex = |text: &str| if text.is_empty() { Some(0) } else { u16::try_from(hexadecimal(text)?).ok() };
                match text.split_once(':') {
                    Some((major, minor)) => fitted(u128::from(hex(major)?) << 16 | u128::from(hex(minor)?)),
                    None => number(text).and_then(fitted),
                }
            }
            Format::Interface | Format::User | Format::Group => {
                let known = match self.format {
                    Format::Interface => system::interface_index(text),
                    Format::User => system::user_id(text),
                    _ => system::group_id(text),
                };
                known.map(Into::into).or_else(|| number(text)).and_then(fitted)
            }
            Format::Service => number(text).or_else(|| system::SERVICES.number(text).map(Into::into)).and_then(fitted),
            Format::Cgroup => number(text).or_else(|| system::cgroup_id(text).map(Into::into)).and_then(fitted),
            Format::Decimal | Format::Hex(_) | Format::Protocol => number(text).and_then(fitted),
            Format::Name => None,
        }
    }
}

impl FieldType {
    /// nft's name for the type, such as `inet_service`.
    pub const fn name(&self) -> &'static str {
        self.info.name
    }

    /// Appends the text of a value, most significant byte first.
    #[inline]
    pub(crate) fn show(&self, bytes: &[u8], style: Style, out: &mut String) {
        self.info.show(bytes, style, out);
    }

    /// The text of a value.
    pub(crate) fn text(&self, bytes: &[u8], style: Style) -> String {
        let mut out = String::new();
        self.show(bytes, style, &mut out);
        out
    }

    /// The value that text means: a symbol, a number, an address, whatever nft takes; most
    /// significant byte first. Of the start of a name (`wg*`) it has only the bytes.
    #[cfg(feature = "json")]
    pub(crate) fn parse(&self, text: &str) -> Option<Value> {
        self.info.parse(text, self.width())
    }

    /// The word that `nft list` has for a value instead of a number.
    #[cfg(feature = "json")]
    pub(crate) fn symbol(&self, bytes: &[u8]) -> Option<&'static str> {
        self.info.symbol(bytes, Style::LISTED)
    }

    /// The same type in another width, for those that come in several.
    pub(crate) const fn with_len(self, len: u8) -> Self {
        Self { len, ..self }
    }

    /// Whether its values are text.
    pub(crate) fn is_text(&self) -> bool {
        self.order == ByteOrder::Text
    }
}

/// Width of a name in a register.
const WIDTH: usize = 16;

pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// Text between quotes. nft knows no way to write a quote inside one.
pub(super) fn quote(bytes: &[u8], tail: &str) -> String {
    format!("\"{}{tail}\"", String::from_utf8_lossy(bytes).replace('"', "'"))
}

fn show_name(bytes: &[u8]) -> String {
    match bytes.len() {
        1..WIDTH => quote(bytes, "*"),
        _ => match trimmed(bytes).strip_suffix(b"*") {
            // Without the backslash it would be the beginning of names.
            Some(start) => quote(start, "\\*"),
            None => quote(trimmed(bytes), ""),
        },
    }
}

/// A whole name with zeros behind it, or the bytes before a `*`; none that does not fit.
fn parse_name(text: &str) -> Option<Value> {
    let fits = |text: &str| !text.is_empty() && text.len() < WIDTH;
    match text.strip_suffix('*') {
        // A backslash says that the star is one.
        Some(start) if start.ends_with('\\') => parse_whole(&format!("{}*", &start[..start.len() - 1])),
        Some(start) => fits(start).then(|| image(start.as_bytes())),
        None => parse_whole(text),
    }
}

fn parse_whole(text: &str) -> Option<Value> {
    let mut bytes = [0; WIDTH];
    bytes.get_mut(..text.len()).filter(|_| text.len() < WIDTH)?.copy_from_slice(text.as_bytes());
    Some(image(&bytes))
}

/// Units of durations, in milliseconds.
const UNITS: [(&str, u128); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A duration as nft writes it, such as `1h30m`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos().div_ceil(1_000_000);
    let mut out = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            let _ = write!(out, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// The duration that text such as `1h30m` is; a bare number is in seconds.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = 0u128;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (n, behind) = rest.split_at(digits);
        let n: u64 = n.parse().ok()?;
        let letters = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(letters);
        let size = match unit {
            "" if rest == text => 1000,
            unit => UNITS.iter().find(|(known, _)| *known == unit)?.1,
        };
        sum += u128::from(n) * size;
        rest = next;
    }
    (!text.is_empty()).then(|| u64::try_from(sum).ok().map(Duration::from_millis)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::*;
    use proptest::prelude::*;

    fn type_named(name: &str) -> FieldType {
        let ty = FieldType::named(name).unwrap();
        if ty.width() == 0 { ty.with_len(4) } else { ty }
    }

    /// What `nft list` (1.1.7) prints for a value.
    #[track_caller]
    fn shows(name: &str, text: &str, expected: &str) {
        let ty = type_named(name);
        let value = ty.parse(text).unwrap_or_else(|| panic!("{name} {text}"));
        assert_eq!(ty.text(&value, Style::LISTED), expected, "{name}");
    }

    #[test]
    fn values_look_as_nft_lists_them() {
        shows("classid", "1:2", "1:2");
        shows("classid", "root", "root");
        shows("classid", "0", "none");
        shows("ether_type", "vlan", "8021q");
        shows("ether_type", "0x9999", "0x9999");
        shows("ether_type", "5", "0x0005");
        shows("inet_proto", "58", "ipv6-icmp");
        shows("inet_proto", "icmpv6", "ipv6-icmp");
        shows("inet_proto", "253", "253");
        shows("inet_service", "0x16", "22");
        shows("inet_service", "ssh", "22");
        shows("mark", "16", "0x00000010");
        shows("dscp", "be", "cs0");
        shows("dscp", "5", "0x05");
        shows("dscp", "0x2c", "va");
        shows("ecn", "1", "ect1");
        shows("day", "mon", "\"Monday\"");
        shows("pkt_type", "unicast", "host");
        shows("pkt_type", "7", "7");
        shows("icmp_type", "8", "echo-request");
        shows("icmp_code", "port-unreachable", "3");
        shows("tcp_flag", "syn|ack", "syn,ack");
        shows("ct_state", "new,0x80", "new,0x80");
        shows("ct_status", "0x1000", "0x1000");
        shows("ct_label", "5", "5");
        shows("fib_addrtype", "local", "local");
        shows("fib_addrtype", "12", "12");
        shows("boolean", "missing", "missing");
        shows("boolean", "7", "exists");
        shows("iface_type", "ether", "ether");
        shows("iface_index", "4000000000", "4000000000");
        shows("ether_addr", "0:11:22:33:44:5", "00:11:22:33:44:05");
        shows("ipv4_addr", "192.0.2.1", "192.0.2.1");
        shows("ipv6_addr", "2001:DB8:0::1", "2001:db8::1");
        shows("ifname", "eth0", "\"eth0\"");
        shows("ifname", "wg*", "\"wg*\"");
        shows("bitmask", "3", "0x3");
        shows("uid", "0", "0");
        shows("dccp_pkttype", "3", "ack");
        shows("mh_type", "3", "home-test");
        shows("igmp_type", "17", "membership-query");
    }

    #[test]
    fn numbers_where_nft_prints_numbers() {
        let number = |name: &str, text: &str| {
            let ty = type_named(name);
            ty.text(&ty.parse(text).unwrap(), Style::LISTED.bound())
        };
        assert_eq!(number("ether_type", "ip"), "0x0800");
        assert_eq!(number("inet_proto", "tcp"), "6");
        assert_eq!(number("classid", "1:2"), "1:2");
        assert_eq!(number("dscp", "cs1"), "0x08");
        assert_eq!(number("ct_state", "new,established"), "0xa");
        let state = CtState::NEW | CtState::ESTABLISHED;
        let numeric = Style { words: Words::LISTED | Words::NUMERIC, ..Style::WORDS };
        assert_eq!(CtState::FIELD.text(&state.image(), numeric), "0x2,0x8");
        assert_eq!(number("day", "Monday"), "1");
    }

    #[test]
    fn what_is_no_value() {
        let none = |name: &str, text: &str| assert_eq!(type_named(name).parse(text), None, "{name} {text}");
        none("inet_service", "65536");
        none("inet_service", "-1");
        none("inet_service", "");
        none("ipv4_addr", "::1");
        none("ether_addr", "1:2:3:4:5");
        none("ifname", "a name that is too long");
        none("day", "Someday");
        none("tcp_flag", "syn,nonsense");
        none("ct_label", "128");
        none("mark", "0x+5");
        none("ether_addr", "0:11:22:33:44:+5");
        none("classid", "1:+2");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("1d2h3m4s5ms"), Some(Duration::from_millis(93_784_005)));
        assert_eq!(parse_duration("90"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("1x"), None);
        assert_eq!(parse_duration(""), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(number in 0u8..47, bytes in prop::collection::vec(any::<u8>(), 16)) {
            let ty = FieldType::of(DataType::from(u32::from(number))).unwrap();
            let len = match ty.width() {
                0 if ty.is_text() => 16,
                0 => 4,
                len => len,
            };
            let ty = ty.with_len(len as u8);
            let mut bytes = bytes[..len].to_vec();
            match ty.info.format {
                Format::Boolean => bytes[0] &= 1,
                Format::Name => bytes.iter_mut().for_each(|b| *b = b'a' + *b % 20),
                Format::Weekday => bytes[0] %= 7,
                // To the second, and of a time that jiff knows.
                Format::Moment => bytes = (be(&bytes[4..]) as u64 * 1_000_000_000).to_be_bytes().to_vec(),
                Format::Hour => bytes = (be(&bytes) as u32 % 86_400).to_be_bytes().to_vec(),
                _ => {}
            }
            if ty.info.format == Format::Name {
                bytes[15] = 0;
            }
            for style in [Style::WORDS, Style::LISTED, Style::NUMBER] {
                let text = ty.text(&bytes, style);
                let back = ty.parse(&text);
                // Seconds of what is not whole seconds, and labels as a number, are another thing.
                let lossy = match ty.info.format {
                    Format::Labels => style.form == Form::Bound,
                    Format::Duration => style.has(Words::NUMERIC_TIME),
                    _ => false,
                };
                if !lossy {
                    prop_assert_eq!(back.as_deref(), Some(&bytes[..]), "{} {}", ty.name(), text);
                }
            }
        }

        #[test]
        fn any_text_is_a_value_or_none(number in 0u8..47, text in "\\PC{0,20}") {
            let ty = FieldType::of(DataType::from(u32::from(number))).unwrap();
            if let Some(value) = ty.parse(&text) {
                let _ = ty.text(&value, Style::LISTED);
            }
        }
    }
}
