//! How values are written down.

bitflags::bitflags! {
    /// Which words stand for values.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub(crate) struct Words: u8 {
        /// As `nft list` does, which asks the system: names of interfaces, of `/etc/protocols` and
        /// `/etc/iproute2`, times of the day where this machine is. Without it the text depends on
        /// nothing but the value.
        const LISTED = 1;
        /// Transport protocols as numbers: `nft -p`.
        const NUMERIC_PROTOCOL = 2;
        /// Whatever has a symbol as a number: part of `nft -n`.
        const NUMERIC_SYMBOL = 4;
        /// Durations as seconds: `nft -T`.
        const NUMERIC_TIME = 8;
        /// Ports by name: `nft -S`.
        const SERVICE = 16;
        /// Users and groups by name: `nft -u`.
        const GUID = 32;
        /// `nft -n`.
        const NUMERIC = 2 | 4 | 8;
    }
}

/// The surroundings of a value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Form {
    /// By itself: `established,related`.
    #[default]
    Words,
    /// As one end of a range: a number.
    Bound,
}

/// How a value is written down.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Style {
    pub form: Form,
    pub words: Words,
}

impl Style {
    /// In nft's words, as every nft reads them on every machine.
    pub const WORDS: Self = Self { form: Form::Words, words: Words::empty() };
    /// As a number, where words would run into something else.
    pub const NUMBER: Self = Self::WORDS.bound();
    /// As `nft list` shows it on this machine.
    pub const LISTED: Self = Self { words: Words::LISTED, ..Self::WORDS };

    /// The same in other surroundings.
    pub const fn with(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// The same for an end of a range, where symbols and protocols are numbers.
    pub const fn bound(self) -> Self {
        let names = Words::NUMERIC;
        let words = self.words.difference(Words::SERVICE.union(Words::GUID)).union(names);
        Self { words, form: Form::Bound }
    }

    pub(super) fn is_listed(self) -> bool {
        self.words.contains(Words::LISTED)
    }

    pub(super) fn has(self, words: Words) -> bool {
        self.words.contains(words)
    }
}
