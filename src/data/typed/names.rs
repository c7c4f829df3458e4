use super::{
    ByteOrder, DataType, FieldType, Ordered, Typed,
    format::{Format, INTEGER_KIND, Info, quote, trimmed},
    image,
    sealed::Sealed,
};
use crate::data::{Name, Value};
use std::{fmt, str::FromStr};

/// Width of a name in a register.
const WIDTH: usize = 16;

/// Text of a register: up to 15 bytes and zeros. Longer text is kept as it is, and refused when it
/// is to be sent.
fn text_image(text: &[u8]) -> Value {
    let mut bytes = [0; WIDTH];
    match bytes.get_mut(..text.len()) {
        Some(start) if text.len() < WIDTH => {
            start.copy_from_slice(text);
            image(&bytes)
        }
        _ => image(text.get(..Value::MAX).unwrap_or(text)),
    }
}

/// Text of 16 bytes.
const NAME: Info = Info { name: "ifname", base: DataType::STRING, bits: 16 * 8, format: Format::Name, ..INTEGER_KIND };

/// Name of an interface, or the start of one: `eth0`, `wg*`.
///
/// ```
/// use oxitables::{data::IfName, meta};
/// assert_eq!(meta::iifname().is("wg*").to_string(), "iifname \"wg*\"");
/// assert!(IfName::from("wg*").is_wildcard());
/// ```
///
/// A name has up to 15 bytes; a longer one is refused when the rule is put into a batch.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IfName {
    text: Value,
    wildcard: bool,
}

impl IfName {
    /// The interface with exactly this name, even if that ends with `*`.
    pub fn exact(name: impl AsRef<[u8]>) -> Self {
        Self { text: start(name.as_ref()), wildcard: false }
    }

    /// Every interface whose name starts so.
    pub fn starting_with(prefix: impl AsRef<[u8]>) -> Self {
        Self { text: start(prefix.as_ref()), wildcard: true }
    }

    /// Whether it stands for every name that starts so.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The bytes, without the `*`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

fn start(text: &[u8]) -> Value {
    image(&text[..text.len().min(Value::MAX)])
}

impl From<&str> for IfName {
    fn from(name: &str) -> Self {
        match name.strip_suffix('*') {
            Some(prefix) => Self::starting_with(prefix),
            None => Self::exact(name),
        }
    }
}

impl From<&Name> for IfName {
    fn from(name: &Name) -> Self {
        Self::exact(name.as_bytes())
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&quote(&self.text, if self.wildcard { "*" } else { "" }))
    }
}

impl Sealed for IfName {}
impl Typed for IfName {
    const FIELD: FieldType =
        FieldType { datatype: DataType(41), len: WIDTH as u8, order: ByteOrder::Text, bits: false, info: &NAME };
    fn image(&self) -> Value {
        if self.wildcard { self.text } else { text_image(&self.text) }
    }
    fn from_image(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            WIDTH => Some(Self::exact(trimmed(bytes))),
            1..WIDTH => Some(Self::starting_with(bytes)),
            _ => None,
        }
    }
}

macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident = $datatype:literal $word:literal;)*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub struct $name(Value);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(start(text.as_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&quote(&self.0, ""))
            }
        }

        impl Sealed for $name {}
        impl Typed for $name {
            const FIELD: FieldType = FieldType {
                datatype: DataType($datatype),
                len: WIDTH as u8,
                order: ByteOrder::Text,
                bits: false,
                info: &Info { name: $word, ..NAME },
            };
            fn image(&self) -> Value {
                text_image(&self.0)
            }
            fn from_image(bytes: &[u8]) -> Option<Self> {
                (bytes.len() == WIDTH).then(|| Self(start(trimmed(bytes))))
            }
        }
    )* };
}

texts! {
    /// Kind of an interface, such as `veth` or `wireguard`; up to 15 bytes.
    IfKind = 41 "ifname";
    /// Name of a conntrack helper, such as `ftp`; up to 15 bytes.
    HelperName = 5 "string";
    /// Name of an operating system, with a version or without; up to 15 bytes.
    OsName = 5 "string";
}

/// Hardware address of Ethernet.
///
/// ```
/// use oxitables::data::MacAddr;
/// let address: MacAddr = "02:00:00:00:00:01".parse().unwrap();
/// assert_eq!(address, MacAddr::new([2, 0, 0, 0, 0, 1]));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// The address with these bytes.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The bytes.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

/// Text that is no hardware address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not six bytes in hex with colons between them")]
pub struct ParseMacError;

impl FromStr for MacAddr {
    type Err = ParseMacError;
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() <= 2 && !p.starts_with('+')).ok_or(ParseMacError)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| ParseMacError)?;
        }
        if parts.next().is_some() { Err(ParseMacError) } else { Ok(Self(octets)) }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl Sealed for MacAddr {}
impl Ordered for MacAddr {}
impl Typed for MacAddr {
    const FIELD: FieldType = FieldType {
        datatype: DataType(9),
        len: 6,
        order: ByteOrder::Network,
        bits: false,
        info: &Info {
            name: "ether_addr",
            base: DataType::LINK_ADDRESS,
            bits: 48,
            format: Format::Link,
            ..INTEGER_KIND
        },
    };
    fn image(&self) -> Value {
        image(&self.0)
    }
    fn from_image(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}
