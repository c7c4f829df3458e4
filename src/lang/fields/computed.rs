//! Numbers that are made for the packet. They read like fields.

use super::*;

rows! { numgen "numgen", "";
    inc: u32 = Load::Numgen(NumgenType::Incremental), 32, "inc";
    random: u32 = Load::Numgen(NumgenType::Random), 32, "random";
}

rows! { symhash_rows "symhash", "";
    symhash: u32 = Load::Symhash, 32, "" words "symhash";
}

rows! { jhash_rows "jhash", "";
    jhash: u32 = Load::Jhash, 32, "" words "jhash";
}

/// A hash in the first register.
pub(crate) const HASH: Field = Field::new(&jhash_rows::jhash);
