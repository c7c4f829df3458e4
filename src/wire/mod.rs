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

pub(crate) use codec::exact;
pub use codec::{Address, Be16, Be32, Be64, BeI32, Bits32, Blob, Codec, List, Ms64, Ne32, Nest, Table, Text, U8};
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
        // Most of what is written alone is smaller than this.
        Self::reuse(Vec::with_capacity(128), form)
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

    /// Takes what could not be written so far.
    pub(crate) fn take_error(&mut self) -> Option<EncodeError> {
        self.error.take()
    }

    /// Takes back what was written from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Vec<u8> {
        self.buf.split_off(at)
    }

    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<EncodeError>) {
        (self.buf, self.error)
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        self.buf.reserve(more);
    }

    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Overwrites bytes written before.
    #[inline]
    pub(crate) fn patch(&mut self, at: usize, bytes: &[u8]) {
        self.buf[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Drops what was written from `at` on.
    pub(crate) fn truncate(&mut self, at: usize) {
        self.buf.truncate(at);
    }

    /// Records that the attribute being written has no valid form.
    #[cold]
    pub(crate) fn refuse(&mut self, why: Malformed) {
        self.error.get_or_insert_with(|| why.into());
    }

    /// Starts an attribute whose payload is what is written until [`close`](Self::close).
    #[inline]
    pub(crate) fn open(&mut self, kind: u16) -> usize {
        let start = self.buf.len();
        let [low, high] = kind.to_ne_bytes();
        self.bytes(&[0, 0, low, high]);
        start
    }

    /// Ends the attribute that was opened at `start`: patches its length in, or takes it back if
    /// that overflows.
    #[inline]
    pub(crate) fn close(&mut self, start: usize) {
        let len = self.buf.len() - start;
        match u16::try_from(len) {
            Ok(len) => self.patch(start, &len.to_ne_bytes()),
            Err(_) => {
                self.truncate(start);
                self.refuse(Malformed::TooLong { got: len - 4, most: usize::from(u16::MAX) - 4 });
            }
        }
        if !len.is_multiple_of(4) {
            self.buf.resize(aligned(self.buf.len()), 0);
        }
    }

    /// Writes one attribute of a payload that is there already.
    #[inline]
    pub(crate) fn leaf(&mut self, kind: u16, name: &'static str, payload: &[u8]) {
        let [low, high] = kind.to_ne_bytes();
        let Ok(len) = u16::try_from(payload.len() + 4) else {
            return self.attr(kind, name, |out| out.bytes(payload));
        };
        let [len_low, len_high] = len.to_ne_bytes();
        self.bytes(&[len_low, len_high, low, high]);
        self.bytes(payload);
        if !payload.len().is_multiple_of(4) {
            self.buf.resize(aligned(self.buf.len()), 0);
        }
    }

    /// Writes one attribute whose payload is a number: in one piece, since most attributes are
    /// such.
    #[inline]
    pub(crate) fn number<const N: usize>(&mut self, kind: u16, payload: [u8; N]) {
        const { assert!(N <= 8) };
        let mut attr = [0; 12];
        attr[..2].copy_from_slice(&(4 + N as u16).to_ne_bytes());
        attr[2..4].copy_from_slice(&kind.to_ne_bytes());
        attr[4..4 + N].copy_from_slice(&payload);
        self.bytes(&attr[..aligned(4 + N)]);
    }

    /// Writes one attribute whose payload `body` appends.
    #[inline]
    pub(crate) fn attr(&mut self, kind: u16, name: &'static str, body: impl FnOnce(&mut Self)) {
        let healthy = self.error.is_none();
        let start = self.open(kind);
        body(self);
        self.close(start);
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
        self.attr(self.nested(kind), name, body);
    }

    /// The type of an attribute that holds attributes.
    #[inline]
    pub(crate) fn nested(&self, kind: u16) -> u16 {
        // The kernel itself dumps nf_tables nests without the flag.
        if self.form == Form::Request { kind | NESTED } else { kind }
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

/// Attributes start at multiples of four bytes.
#[inline]
pub(crate) const fn aligned(len: usize) -> usize {
    // Lengths here have 16 bits or are those of a buffer: no overflow. `next_multiple_of` would
    // divide.
    (len + 3) & !3
}

/// Walks a run of attributes; yields one error and stops where a header does not fit.
#[inline]
pub fn attrs(buf: &[u8]) -> impl Iterator<Item = Result<Attr<'_>, Malformed>> {
    let mut pos = 0;
    std::iter::from_fn(move || {
        let rest = buf.get(pos..).filter(|r| !r.is_empty())?;
        let attr = (|| {
            let (head, _) = rest.split_first_chunk::<4>()?;
            let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
            let payload = rest.get(4..len)?;
            // The padding of the last attribute may be missing.
            let raw = &rest[..aligned(len).min(rest.len())];
            Some(Attr { kind: u16::from_ne_bytes([head[2], head[3]]) & KIND, offset: pos, raw, payload })
        })();
        pos = attr.map_or(buf.len(), |a| pos + a.raw.len());
        Some(attr.ok_or(Malformed::Header))
    })
}

/// Attributes this version has no row for, kept byte for byte and sent again as they came.
///
/// Every object has room for some and hardly ever has any, so that room is one pointer.
#[allow(clippy::box_collection)]
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Unknown(Option<Box<Vec<u8>>>);

impl Unknown {
    /// Nothing unknown was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The attributes.
    pub fn iter(&self) -> impl Iterator<Item = Attr<'_>> {
        attrs(self.as_bytes()).flatten()
    }

    pub(crate) fn push(&mut self, raw: &[u8]) {
        let bytes = self.0.get_or_insert_default();
        bytes.extend_from_slice(raw);
        bytes.resize(aligned(bytes.len()), 0);
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
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
