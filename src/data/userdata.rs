use crate::wire::{Codec, DecodeError, Malformed, Writer};
#[cfg(test)]
use proptest::prelude::*;
use std::fmt;

/// Notes that user space leaves with an object: a run of (type, length, bytes), up to 256 bytes,
/// opaque to the kernel.
///
/// nft keeps comments here, and what it needs to print the keys of a set (byte order, comment).
/// Types mean different things for different objects. This crate writes what every nft reads:
/// comments, and for sets the byte orders and the auto-merge flag. The typeof entries, on which
/// some nft before 1.1.3 crash, only where every nft needs them: with keys that are concatenations
/// with plain numbers, and then in a form that nft 1.0.6 and 1.1.7 read; of sets that are declared
/// by expressions, always.
///
/// Kernel: `NFTA_*_USERDATA`, since 3.15 for rules, 4.1 for elements, 5.10 for tables and chains.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Userdata {
    raw: Vec<u8>,
    /// Length of a comment that does not fit; refused when it is to be sent.
    oversized: Option<usize>,
    /// A comment has quotes or control characters; refused when it is to be sent.
    unprintable: bool,
}

impl Userdata {
    /// `NFT_USERDATA_MAXLEN`.
    #[doc(alias = "NFT_USERDATA_MAXLEN")]
    pub const MAX: usize = 256;
    /// The longest comment in bytes that everything takes, as nft's JSON does; 253 fit all but
    /// elements. nft's own syntax takes 128: a listing with a longer one cannot be loaded by
    /// `nft -f`.
    pub const MAX_COMMENT: usize = 251;
    /// The longest text that fits with its type, its length and its NUL.
    const MAX_TEXT: usize = Self::MAX - 3;

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// The entries as (type, content); ends at the first that does not fit.
    pub fn entries(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = &self.raw[..];
        std::iter::from_fn(move || {
            let (&[kind, len], tail) = rest.split_first_chunk::<2>()?;
            let (content, tail) = tail.split_at_checked(usize::from(len))?;
            rest = tail;
            Some((kind, content))
        })
    }

    /// The first entry of a type.
    pub fn entry(&self, kind: u8) -> Option<&[u8]> {
        self.entries().find_map(|(k, content)| (k == kind).then_some(content))
    }

    /// Adds an entry; one of the same type is replaced.
    pub(crate) fn set(&mut self, kind: u8, content: &[u8]) {
        let Ok(len) = u8::try_from(content.len()) else {
            self.oversized = Some(content.len());
            return;
        };
        let mut raw = Vec::with_capacity(self.raw.len() + content.len() + 2);
        for (k, c) in self.entries().filter(|(k, _)| *k != kind) {
            raw.extend([k, c.len() as u8]);
            raw.extend(c);
        }
        raw.extend([kind, len]);
        raw.extend(content);
        self.raw = raw;
    }

    /// Adds a NUL-terminated text, or remembers why it cannot be.
    pub(crate) fn set_text(&mut self, kind: u8, text: &str) {
        self.unprintable |= text.contains(|c: char| c == '"' || c.is_control());
        if text.len() > Self::MAX_TEXT {
            self.oversized = Some(text.len());
        } else {
            self.set(kind, &[text.as_bytes(), &[0]].concat());
        }
    }

    /// The text of an entry, without its NUL.
    pub(crate) fn text(&self, kind: u8) -> Option<std::borrow::Cow<'_, str>> {
        let bytes = self.entry(kind)?;
        Some(String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)))
    }
}

impl From<&[u8]> for Userdata {
    fn from(bytes: &[u8]) -> Self {
        Self { raw: bytes.to_vec(), oversized: None, unprintable: false }
    }
}

impl fmt::Debug for Userdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries()).finish()
    }
}

/// The userdata attribute of any object, of so many bytes at most.
#[derive(Debug)]
pub(crate) enum UserdataCodec<const MOST: usize = { Userdata::MAX }> {}

impl<const MOST: usize> Codec<Userdata> for UserdataCodec<MOST> {
    fn put(value: &Userdata, out: &mut Writer) {
        if let Some(got) = value.oversized {
            out.refuse(Malformed::TooLong { got, most: Userdata::MAX_TEXT });
        } else if value.raw.len() > MOST {
            out.refuse(Malformed::TooLong { got: value.raw.len(), most: MOST });
        }
        if value.unprintable {
            // nft prints them as they are: a list that is saved and loaded would have rules out of
            // a comment.
            out.refuse(Malformed::Refused("a comment has no quotes and no control characters".into()));
        }
        out.bytes(&value.raw);
    }
    fn get(payload: &[u8]) -> Result<Userdata, DecodeError> {
        Ok(Userdata { raw: payload.to_vec(), oversized: None, unprintable: false })
    }
    fn is_absent(value: &Userdata) -> bool {
        value.raw.is_empty() && value.oversized.is_none() && !value.unprintable
    }
    #[cfg(test)]
    fn any() -> BoxedStrategy<Userdata> {
        prop::collection::vec(any::<u8>(), 1..60)
            .prop_map(|raw| Userdata { raw, oversized: None, unprintable: false })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn hostile_entries_never_panic(raw in prop::collection::vec(any::<u8>(), 0..60), kind: u8) {
            let mut data = Userdata { raw, oversized: None, unprintable: false };
            data.set(kind, b"x");
            prop_assert_eq!(data.entry(kind), Some(&b"x"[..]));
            let _ = data.text(kind);
        }
    }
}
