use std::fmt;

/// A register of the nf_tables machine, in the kernel's numbering.
///
/// 64 bytes are seen as four registers of 16 (numbers 1 to 4) or sixteen of 4 (numbers 8 to 23);
/// number 0 takes a verdict. Of the two numbers of an aligned place the kernel reports the one of
/// the 16-byte register, and [`Register::slot`] makes that one too.
///
/// Kernel: `nft_parse_register`, `nft_dump_register`. 32-bit registers since 4.1.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Register(u32);

impl Register {
    /// Where verdicts go.
    pub const VERDICT: Self = Self(0);
    /// The first data register.
    pub const R1: Self = Self(1);

    /// The register that starts at 4-byte `slot` (0 to 15).
    ///
    /// ```
    /// # use oxitables::data::Register;
    /// assert_eq!(u32::from(Register::slot(0)), 1);
    /// assert_eq!(u32::from(Register::slot(1)), 9);
    /// assert_eq!(u32::from(Register::slot(4)), 2);
    /// ```
    pub const fn slot(slot: u8) -> Self {
        if slot.is_multiple_of(4) && slot < 16 { Self(slot as u32 / 4 + 1) } else { Self(slot as u32 + 8) }
    }

    /// The 4-byte slot where it starts, if it is a data register.
    pub fn as_slot(self) -> Option<u8> {
        match self.0 {
            1..=4 => Some((self.0 as u8 - 1) * 4),
            8..=23 => Some(self.0 as u8 - 8),
            _ => None,
        }
    }
}

impl From<u32> for Register {
    fn from(n: u32) -> Self {
        Self(n)
    }
}

impl From<Register> for u32 {
    fn from(r: Register) -> u32 {
        r.0
    }
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reg {}", self.0)
    }
}
