/// nft's number for the type of a set key or value: six bits for each field of a concatenation, the first the highest.
///
/// The kernel keeps it for user space, which prints elements by it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DataType(u32);

impl DataType {
    /// A verdict.
    #[doc(alias = "NFT_DATA_VERDICT")]
    pub const VERDICT: Self = Self(0xffff_ff00);

    /// Register content in words: addresses, ports and marks as such, the rest in hexadecimal.
    pub(crate) fn show(self, value: &[u8]) -> String {
        let fields: Vec<u32> = (0..5).rev().map(|i| self.0 >> (6 * i) & 0x3f).skip_while(|t| *t == 0).collect();
        let lengths = fields.iter().map(|kind| match kind {
            7 | 19 | 20 | 24 | 25 | 26 => Some(4),
            8 | 41 => Some(16),
            13 | 10 | 11 => Some(2),
            9 => Some(6),
            12 | 14 | 29 | 31 => Some(1),
            _ => None,
        });
        let mut rest = value;
        let mut words = Vec::new();
        for (kind, len) in fields.iter().zip(lengths) {
            let Some((field, tail)) = len.and_then(|len: usize| {
                let padded = if fields.len() > 1 { len.next_multiple_of(4) } else { len };
                let (field, _) = rest.split_at_checked(len)?;
                Some((field, rest.get(padded..).unwrap_or_default()))
            }) else {
                break;
            };
            rest = tail;
            words.push(match (kind, field) {
                (7, &[a, b, c, d]) => std::net::Ipv4Addr::new(a, b, c, d).to_string(),
                (8, field) => {
                    <[u8; 16]>::try_from(field).map_or(String::new(), |b| std::net::Ipv6Addr::from(b).to_string())
                }
                (13, &[a, b]) => u16::from_be_bytes([a, b]).to_string(),
                (19, &[a, b, c, d]) => format!("{:#010x}", u32::from_ne_bytes([a, b, c, d])),
                (41, field) => String::from_utf8_lossy(field).trim_end_matches('\0').into(),
                (_, field) => hex(field),
            });
        }
        if words.is_empty() || words.len() < fields.len() { hex(value) } else { words.join(" . ") }
    }

    /// The concatenation of this type with another field.
    pub const fn then(self, field: Self) -> Self {
        Self(self.0 << 6 | field.0)
    }
}

impl From<u32> for DataType {
    fn from(n: u32) -> Self {
        Self(n)
    }
}

impl From<DataType> for u32 {
    fn from(t: DataType) -> u32 {
        t.0
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
