//! Fields in registers: loaded, cut to their bits, brought into the order that a comparison needs.

use super::{
    field::{Field, Load, Param},
    lower::refused,
    select::{Part, mask_text},
};
use crate::{
    data::{ByteOrder, Register, Style, Value, be},
    expr::*,
    wire::Malformed,
};

/// A field in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    pub register: Register,
    pub len: usize,
    pub order: ByteOrder,
    bits: u16,
    /// How far the value is from where it belongs.
    shift: u16,
}

/// The load of a field into a register, with only its own bits.
pub(crate) fn load(part: &Part, register: Register, exprs: &mut Vec<Expr>) -> Loaded {
    let field = &part.field;
    let bits = field.bits();
    let mut loaded =
        Loaded { register, len: usize::from(bits.div_ceil(8)), order: field.spec.ty.order, bits, shift: 0 };
    match field.load() {
        Load::Packet(header, offset) => {
            let first = loaded.span(header.place(offset));
            let payload = Payload::load(header.base(), first, loaded.len as u32, register);
            exprs.push(looked(field, payload));
            loaded.cut(exprs);
        }
        Load::Option(op, kind, offset) => {
            let first = loaded.span(offset);
            exprs.push(Exthdr::load(op, kind, first, loaded.len as u32, register).into());
            loaded.cut(exprs);
        }
        Load::Exists(op, kind) => exprs.push(Exthdr::exists(op, kind, register).into()),
        Load::Meta(key) => exprs.push(Meta::load(key, register).into()),
        Load::Ct(key) => exprs.push(Ct { direction: field.direction(), ..Ct::load(key, register) }.into()),
        Load::Rt(key) => exprs.push(Rt::load(key, register).into()),
        Load::Tunnel(key) => exprs.push(Tunnel::load(key, register).into()),
        Load::Socket(key) => exprs.push(match field.param {
            Param::Level(level) => Socket::cgroup(level, register).into(),
            _ => Socket::load(key, register).into(),
        }),
        Load::Xfrm(key) => {
            let (direction, number) = match field.param {
                Param::Ipsec(direction, number) => (direction, number),
                _ => (XfrmDirection::In, 0),
            };
            exprs.push(Xfrm { number: Some(number), ..Xfrm::load(key, direction, register) }.into());
        }
        Load::Osf(version) => {
            let ttl = if let Param::Ttl(ttl) = field.param { ttl } else { OsfTtl::True };
            let osf = Osf::new(ttl, register);
            exprs.push(if version { osf.with_version() } else { osf }.into());
        }
        Load::Fib(result) => {
            let flags = if let Param::Fib(flags) = field.param { flags } else { FibFlags::empty() };
            if flags.contains(FibFlags::PRESENT) {
                (loaded.len, loaded.bits, loaded.order) = (1, 8, ByteOrder::Byte);
            }
            exprs.push(Fib::new(result, flags, register).into());
        }
        // Resolved before.
        Load::Address(_) | Load::CtAddress(_) => {}
    }
    loaded
}

/// The load of packet bytes, inside of a tunnel if the field is.
pub(crate) fn looked(field: &Field, payload: Payload) -> Expr {
    match field.tunnel() {
        Some(tunnel) => tunnel.look(payload.into()),
        None => payload.into(),
    }
}

impl Loaded {
    /// Takes the bytes that have the field's bits from bit `offset` on, and returns the first.
    fn span(&mut self, offset: u16) -> u32 {
        let (first, end) = (offset / 8, (offset + self.bits).div_ceil(8));
        self.len = usize::from(end - first);
        self.shift = end * 8 - (offset + self.bits);
        first.into()
    }

    /// Drops the bits around the field.
    fn cut(&self, exprs: &mut Vec<Expr>) {
        if usize::from(self.bits) < self.len * 8 {
            exprs.push(Bitwise::mask(self.register, self.register, self.mask()).into());
        }
    }

    /// The bits of a value, most significant byte first.
    fn ones(&self) -> u128 {
        if self.bits >= 128 { u128::MAX } else { (1 << self.bits) - 1 }
    }

    /// The bits of the loaded bytes that are the field's.
    pub fn mask(&self) -> Value {
        self.image_of(self.ones() << self.shift)
    }

    fn image_of(&self, n: u128) -> Value {
        let bytes = n.to_be_bytes();
        Value::new(&bytes[bytes.len().saturating_sub(self.len)..]).unwrap_or_default()
    }

    /// Moves a bit field to where a number belongs.
    pub fn settle(&mut self, exprs: &mut Vec<Expr>) {
        if self.shift == 0 {
            return;
        }
        if self.len > 1 {
            self.byteorder(ByteorderOp::Ntoh, exprs);
            self.order = ByteOrder::Host;
        }
        let shift = Bitwise::shift(self.register, self.register, self.len as u32, BitwiseOp::Rshift, self.shift.into());
        exprs.push(shift.into());
        self.shift = 0;
    }

    /// Makes ordering comparisons and intervals work.
    pub fn network(&mut self, exprs: &mut Vec<Expr>) {
        if self.order == ByteOrder::Host {
            if self.len > 1 {
                self.byteorder(ByteorderOp::Hton, exprs);
            }
            self.order = ByteOrder::Network;
        }
    }

    /// Brings numbers of several bytes into the order of the field that they are written to.
    pub fn turn(&mut self, order: ByteOrder, exprs: &mut Vec<Expr>) {
        match (self.order, order) {
            (ByteOrder::Host, ByteOrder::Network) => self.network(exprs),
            (ByteOrder::Network, ByteOrder::Host) if self.len > 1 => {
                self.byteorder(ByteorderOp::Ntoh, exprs);
                self.order = ByteOrder::Host;
            }
            _ => {}
        }
    }

    fn byteorder(&self, op: ByteorderOp, exprs: &mut Vec<Expr>) {
        let len = self.len as u32;
        exprs.push(Byteorder::new(self.register, op, len, len.min(8)).into());
    }

    /// Keeps only the bits of `mask`.
    pub fn keep(&mut self, part: &Part, mask: &[u8], exprs: &mut Vec<Expr>) -> Result<(), Malformed> {
        if matches!(part.field.param, Param::RawOption(..)) {
            return refused(format!("{} under a mask, which makes nft crash when it lists it", part.field.words()));
        }
        // The mask that cut out a bit field at the end of its bytes becomes a narrower one.
        if self.shift == 0 && usize::from(self.bits) < self.len * 8 {
            exprs.pop();
        }
        self.settle(exprs);
        let mask = self.encode(part, mask)?;
        exprs.push(Bitwise::mask(self.register, self.register, mask).into());
        Ok(())
    }

    /// A value in the form that the register has.
    pub fn encode(&self, part: &Part, image: &[u8]) -> Result<Value, Malformed> {
        if self.order == ByteOrder::Text {
            return text_value(part, image);
        }
        if part.dual && image.len() != self.len {
            return refused(format!("{} with an address or a mask of the other family", part.field.words()));
        }
        let n = be(image);
        if image.len() > 16 || n > self.ones() {
            let mut text = String::new();
            part.ty.show(image, Style::NUMBER, &mut text);
            return refused(format!("{text} does not fit the {} bits of {}", self.bits, part.field.words()));
        }
        let mut value = self.image_of(n << self.shift);
        if self.order == ByteOrder::Host && cfg!(target_endian = "little") {
            value.reverse();
        }
        Ok(value)
    }
}

/// A name, or the start of one.
fn text_value(part: &Part, image: &[u8]) -> Result<Value, Malformed> {
    match Value::new(image) {
        Some(value) if (1..16).contains(&value.len()) => Ok(value),
        Some(value) if value.len() == 16 && value[0] != 0 && value[15] == 0 => Ok(value),
        _ => refused(format!("{} takes a name of 1 to 15 bytes", part.field.words())),
    }
}

/// nft text of a field with a mask that a pattern brings.
pub(crate) fn masked_text(part: &Part, mask: &[u8]) -> String {
    let mut out = part.text();
    mask_text(&part.ty, mask, &mut out);
    out
}
