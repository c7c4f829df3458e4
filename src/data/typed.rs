/// nft's number for the type of a set key or value: six bits for each field of a concatenation, the first the highest.
///
/// The kernel keeps it for user space, which prints elements by it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DataType(u32);

impl DataType {
    /// A verdict.
    #[doc(alias = "NFT_DATA_VERDICT")]
    pub const VERDICT: Self = Self(0xffff_ff00);

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
