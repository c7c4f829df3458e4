//! Constants: from the bytes of a register to values of a type.

use super::{
    bits,
    field::Field,
    tree::{Constant, Expression, bits_of},
};
use crate::data::{ByteOrder, DataType, FieldType, Format, INTEGER, Value};

/// What is known of the values that something is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Repr {
    pub ty: FieldType,
    /// In registers.
    pub order: ByteOrder,
    pub bits: u32,
    /// How far values in registers are from where they belong.
    pub shift: u32,
}

impl Repr {
    /// Values of a type in its own order.
    pub fn of(ty: FieldType) -> Self {
        Self { ty, order: ty.order, bits: u32::from(ty.len) * 8, shift: 0 }
    }

    /// A number of the machine's.
    pub fn number(bits: u32) -> Self {
        Self {
            ty: FieldType { len: u8::try_from(bits.div_ceil(8)).unwrap_or(u8::MAX), ..INTEGER },
            order: ByteOrder::Host,
            bits,
            shift: 0,
        }
    }

    /// Bytes of a value in a register.
    pub fn bytes(&self) -> u32 {
        (self.bits + self.shift).div_ceil(8)
    }

    /// The same with the bytes turned round.
    pub fn swapped(self) -> Self {
        let order = match self.order {
            ByteOrder::Host => ByteOrder::Network,
            ByteOrder::Network => ByteOrder::Host,
            other => other,
        };
        Self { order, ..self }
    }

    /// The bytes of a register, most significant first and where they belong; `None` if bits are
    /// lost by that.
    pub fn image(&self, register: &[u8]) -> Option<Value> {
        if self.order == ByteOrder::Text {
            return Value::new(register);
        }
        let mut value = Value::new(register)?;
        if self.order == ByteOrder::Host && cfg!(target_endian = "little") {
            value.reverse();
        }
        if self.shift > 0 {
            if bits::lowest(&value).is_some_and(|low| low < self.shift) {
                return None;
            }
            value = bits::shifted(&value, self.shift);
        }
        match self.ty.len {
            0 => bits::fitted(&value, self.bits.div_ceil(8) as usize).or(Some(value)),
            len => bits::fitted(&value, usize::from(len)),
        }
    }

    /// Whether nothing is known of the values but that they are numbers.
    pub fn is_plain(&self) -> bool {
        matches!(self.ty.datatype, DataType::INTEGER | DataType::INVALID)
    }

    /// The same with the type that a set gives to what else is just a number.
    pub fn meaning(self, set: &Self) -> Self {
        let known = !set.is_plain() && set.ty.info.format != Format::Boolean;
        if self.is_plain() && known { Self { ty: set.ty, ..self } } else { self }
    }

    /// Whether the values are addresses of IP.
    pub fn is_address(&self) -> bool {
        self.ty.info.format == Format::Address
    }

    /// Bytes in order, as many as values have.
    pub fn fit(&self, image: &[u8]) -> Option<Value> {
        bits::fitted(image, if self.ty.len == 0 { self.bits.div_ceil(8) as usize } else { self.ty.len.into() })
    }

    /// A constant as one number.
    pub fn constant(&self, register: &[u8]) -> Option<Expression> {
        self.image(register).map(|image| self.of_image(image))
    }

    /// A constant that stands beside an expression; it may be wider, if that is a number of the
    /// machine's.
    pub fn operand(&self, register: &[u8]) -> Option<Expression> {
        if register.len() as u32 <= self.bytes() {
            return self.value(register);
        }
        let own = self.order == ByteOrder::Host || self.bytes() == 1;
        let wide = Self { order: ByteOrder::Host, bits: bits::width(register), ..*self };
        let image = Self { ty: FieldType { len: 0, ..self.ty }, ..wide }.image(register).filter(|_| own)?;
        let image = self.fit(&image).unwrap_or(image);
        Some(Self { ty: FieldType { len: image.len() as u8, ..self.ty }, ..*self }.named(image))
    }

    /// A constant, bits by name.
    pub fn value(&self, register: &[u8]) -> Option<Expression> {
        self.image(register).map(|image| self.named(image))
    }

    /// A constant whose bytes are in order, as one number.
    pub fn of_image(&self, image: Value) -> Expression {
        Expression::Value(Constant { ty: self.sized(&image), image })
    }

    /// A constant whose bytes are in order, bits by name.
    pub fn named(&self, image: Value) -> Expression {
        Expression::named(self.sized(&image), &image)
    }

    /// The bits of a constant one by one, the lowest first.
    pub fn flags(&self, image: &Value) -> impl Iterator<Item = Expression> {
        bits_of(self.sized(image), image)
    }

    /// The type, as wide as a value if it has no width of its own.
    fn sized(&self, image: &Value) -> FieldType {
        if self.ty.len == 0 { FieldType { len: image.len() as u8, ..self.ty } } else { self.ty }
    }

    /// The values that begin with the bytes, of which the register compares only those: a network,
    /// names.
    pub fn beginning(&self, register: &[u8]) -> Option<Expression> {
        if self.order == ByteOrder::Text {
            // What ends with a zero is a whole name, as iptables writes it.
            let whole = register.last() == Some(&0);
            return if whole { self.constant(&bits::filled(register, self.bytes())?) } else { self.constant(register) };
        }
        Some(Expression::Prefix(
            Box::new(self.constant(&bits::filled(register, self.bytes())?)?),
            bits::width(register),
        ))
    }

    /// From one value to another, both included.
    pub fn range(&self, from: &[u8], to: &[u8]) -> Option<Expression> {
        Some(Expression::Range(Box::new((self.value(from)?, self.value(to)?))))
    }
}

impl From<&Field> for Repr {
    fn from(field: &Field) -> Self {
        let ty = field.ty();
        // Whether there is a route is less than which.
        let bits = if ty.info.format == Format::Boolean { 8 } else { field.bits().into() };
        Self { ty, order: ty.order, bits, shift: 0 }
    }
}

/// An expression, and the values that it has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub expression: Expression,
    pub part: Repr,
}

impl From<Field> for Known {
    fn from(field: Field) -> Self {
        Self { part: Repr::from(&field), expression: Expression::Field(field) }
    }
}

impl Known {
    /// The same with values of another type.
    pub fn typed(self, ty: FieldType) -> Self {
        Self { part: Repr { ty, ..self.part }, ..self }
    }

    /// The same with the type that the field has by itself.
    pub fn typed_as_field(self) -> Self {
        match self.expression {
            Expression::Field(field) => Self::from(field),
            _ => self,
        }
    }

    /// The same with values so far from where they belong.
    pub fn at(self, shift: u32) -> Self {
        Self { part: Repr { shift, ..self.part }, ..self }
    }

    /// Fields one after the other, or the one there is.
    pub fn joined(mut all: Vec<Self>) -> Expression {
        match all.len() {
            1 => all.remove(0).expression,
            _ => Expression::Concat(all.into_iter().map(|known| known.expression).collect()),
        }
    }
}
