//! Bytes to attributes and back: TLVs, payload codecs and the tables that describe both.
//!
//! Nothing here knows what a firewall is. The layer promises two things: decoding never panics and
//! never loops whatever the input, and [`Writer`] cannot emit a length that overflowed its 16 bits.

mod codec;
mod error;
mod locate;
pub(crate) mod message;
#[macro_use]
mod table;

pub use codec::{Be16, Be32, Be64, BeI32, Blob, Codec, List, Ms64, Nest, Table, Text, U8};
pub use error::{DecodeError, EncodeError, Malformed, Path, Step};
pub use locate::{Choice, Named, Scope, Spec, locate};
pub use table::Constant;

use std::fmt;

/// Set on the type of an attribute whose payload is itself attributes.
pub(crate) const NESTED: u16 = 0x8000;
/// The type bits that number the attribute (without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`).
const KIND: u16 = 0x3fff;

/// What an encoding is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// To be sent: what only the kernel reports stays out, and so do zeros that mean "not set".
    Request,
    /// As the kernel dumps it, byte for byte.
    Exact,
}

/// Appends attributes to a buffer.
///
/// An attribute that does not fit (16-bit length, a name that is too long) is left out whole and
/// remembered; [`Writer::finish`] reports the first one.
#[derive(Debug)]
pub struct Writer {
    buf: Vec<u8>,
    form: Form,
    error: Option<EncodeError>,
}

impl Writer {
    /// An empty buffer.
    pub fn new(form: Form) -> Self {
        Self::reuse(Vec::new(), form)
    }

    /// Appends to `buf`.
    pub fn reuse(buf: Vec<u8>, form: Form) -> Self {
        Self { buf, form, error: None }
    }

    /// The buffer, or the first thing that could not be written.
    ///
    /// # Errors
    /// When a length or a value did not fit its attribute.
    pub fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.error {
            None => Ok(self.buf),
            Some(error) => Err(error),
        }
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    pub(crate) fn len(&self) -> usize {
        self.buf.len()
    }

    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<EncodeError>) {
        (self.buf, self.error)
    }

    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Overwrites bytes written before.
    pub(crate) fn patch(&mut self, at: usize, bytes: &[u8]) {
        self.buf[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Drops what was written from `at` on.
    pub(crate) fn truncate(&mut self, at: usize) {
        self.buf.truncate(at);
    }

    /// Records that the attribute being written has no valid form.
    pub(crate) fn refuse(&mut self, why: Malformed) {
        self.error.get_or_insert(EncodeError { path: Path::default(), why });
    }

    /// Writes one attribute whose payload `body` appends; the length is patched in afterwards.
    #[inline]
    pub(crate) fn attr(&mut self, kind: u16, name: &'static str, body: impl FnOnce(&mut Self)) {
        let start = self.buf.len();
        let healthy = self.error.is_none();
        self.bytes(&[0, 0]);
        self.bytes(&kind.to_ne_bytes());
        body(self);
        let len = self.buf.len() - start;
        match u16::try_from(len) {
            Ok(len) => self.patch(start, &len.to_ne_bytes()),
            Err(_) => {
                self.truncate(start);
                self.refuse(Malformed::TooLong { got: len - 4, most: usize::from(u16::MAX) - 4 });
            }
        }
        self.buf.resize(self.buf.len().next_multiple_of(4), 0);
        if healthy && let Some(error) = &mut self.error {
            error.path.outer(Step::Field(name));
        }
    }

    /// Writes one entry of a list: what cannot be written in it is told by its number.
    #[inline]
    pub(crate) fn entry<R>(&mut self, index: usize, body: impl FnOnce(&mut Self) -> R) -> R {
        let healthy = self.error.is_none();
        let result = body(self);
        if healthy && let Some(error) = &mut self.error {
            error.path.number(index);
        }
        result
    }

    /// Like [`attr`](Self::attr), for a payload that is attributes itself.
    #[inline]
    pub(crate) fn nest(&mut self, kind: u16, name: &'static str, body: impl FnOnce(&mut Self)) {
        // The kernel itself dumps nf_tables nests without the flag.
        let flag = if self.form == Form::Request { NESTED } else { 0 };
        self.attr(kind | flag, name, body);
    }
}

/// One attribute, borrowed from a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attr<'a> {
    /// Number, without the flag bits.
    pub kind: u16,
    /// Where its header starts in the parsed slice.
    pub offset: usize,
    /// Header, payload and padding as they came.
    pub raw: &'a [u8],
    /// Payload without padding.
    pub payload: &'a [u8],
}

/// Walks a run of attributes; yields one error and stops where a header does not fit.
pub fn attrs(buf: &[u8]) -> impl Iterator<Item = Result<Attr<'_>, Malformed>> {
    let mut pos = 0;
    std::iter::from_fn(move || {
        let rest = buf.get(pos..).filter(|r| !r.is_empty())?;
        let attr = (|| {
            let (head, _) = rest.split_first_chunk::<4>()?;
            let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
            let payload = rest.get(4..len)?;
            // The padding of the last attribute may be missing.
            let raw = &rest[..len.next_multiple_of(4).min(rest.len())];
            Some(Attr { kind: u16::from_ne_bytes([head[2], head[3]]) & KIND, offset: pos, raw, payload })
        })();
        pos = attr.map_or(buf.len(), |a| pos + a.raw.len());
        Some(attr.ok_or(Malformed::Header))
    })
}

/// Attributes this version has no row for, kept byte for byte and sent again as they came.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Unknown(Vec<u8>);

impl Unknown {
    /// Nothing unknown was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attributes.
    pub fn iter(&self) -> impl Iterator<Item = Attr<'_>> {
        attrs(&self.0).flatten()
    }

    pub(crate) fn push(&mut self, raw: &[u8]) {
        self.0.extend_from_slice(raw);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|a| (a.kind, a.payload))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_that_overflows_is_refused_and_leaves_no_trace() {
        let mut w = Writer::new(Form::Request);
        w.attr(1, "small", |w| w.bytes(&[7]));
        let before = w.len();
        w.nest(2, "list", |w| w.attr(3, "big", |w| w.bytes(&vec![0; 65_532])));
        assert_eq!(w.len(), before + 4, "the outer attribute stays well formed");
        let error = w.finish().unwrap_err();
        assert_eq!(error.to_string(), "list > big: 65532 bytes, at most 65531 fit");
    }

    #[test]
    fn the_largest_attribute_fits() {
        let mut w = Writer::new(Form::Request);
        w.attr(1, "big", |w| w.bytes(&[0; 65_531]));
        assert_eq!(w.finish().unwrap().len(), 65_536);
    }

    proptest! {
        #[test]
        fn walking_ends_on_any_input(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // Each step consumes at least a header, so this bound holds or the walk loops.
            prop_assert!(attrs(&bytes).count() <= bytes.len() / 4 + 1);
        }

        #[test]
        fn attributes_survive(payloads in prop::collection::vec((0u16..0x4000, prop::collection::vec(any::<u8>(), 0..40)), 0..20)) {
            let mut w = Writer::new(Form::Request);
            for (kind, bytes) in &payloads {
                w.attr(*kind, "attr", |w| w.bytes(bytes));
            }
            let buf = w.finish().unwrap();
            let seen: Vec<_> = attrs(&buf).map(|a| a.map(|a| (a.kind, a.payload.to_vec()))).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(seen, payloads);
        }
    }
}
