//! Numbers with a meaning: one row each.

/// Defines newtypes of unsigned numbers: name, width, nft's data type and its name, byte order, how
/// an unnamed number looks, names, and other names that are read.
macro_rules! number_types {
    ($(
        $(#[$meta:meta])*
        $name:ident($int:ty) = $datatype:literal $word:literal, $order:ident, $format:ident$(($digits:literal))?
        $(as $shown:ident)? $(, bits $bits:literal)? $(, file $file:ident)?
        { $( $(#[$cmeta:meta])* $constant:ident = $value:literal $symbol:literal, )* }
        $( + { $( $more:literal $alias:literal, )* } )?
    )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name($int);

        impl $name {
            $(
                $(#[$cmeta])*
                #[doc = concat!("nft writes `", $symbol, "`.")]
                pub const $constant: Self = Self($value);
            )*

            /// The value with this number.
            pub const fn from_number(number: $int) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn number(self) -> $int {
                self.0
            }
        }

        impl From<$int> for $name {
            fn from(number: $int) -> Self {
                Self(number)
            }
        }

        impl From<$name> for $int {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let named = <Self as $crate::data::Typed>::FIELD.info.symbols.iter().find(|(n, _)| *n == u64::from(self.0));
                match named {
                    Some((_, word)) => f.pad(word),
                    None => f.pad(&$crate::data::typed::text(*self)),
                }
            }
        }

        impl $crate::data::typed::sealed::Sealed for $name {}

        impl $crate::data::Typed for $name {
            const FIELD: $crate::data::FieldType = $crate::data::FieldType {
                datatype: $crate::data::typed::DataType($datatype),
                len: size_of::<$int>() as u8,
                order: $crate::data::ByteOrder::$order,
                bits: false,
                info: &$crate::data::typed::format::Info {
                    name: $word,
                    base: $crate::data::DataType::INTEGER,
                    bits: number_types!(@bits $int $(, $bits)?),
                    format: $crate::data::typed::format::Format::$format$(($digits))?,
                    symbols: &[$( ($value, $symbol), )* $($( ($more, $alias), )*)?],
                    file: number_types!(@file $($file)?),
                    shown: number_types!(@shown $($shown)?),
                },
            };
            fn image(&self) -> $crate::data::Value {
                $crate::data::typed::image(&self.0.to_be_bytes())
            }
            fn from_image(bytes: &[u8]) -> Option<Self> {
                Some(Self(<$int>::from_be_bytes(bytes.try_into().ok()?)))
            }
        }

        impl $crate::data::Ordered for $name {}
    )* };
    (@bits $int:ty) => { size_of::<$int>() as u16 * 8 };
    (@bits $int:ty, $bits:literal) => { $bits };
    (@file) => { None };
    (@file $file:ident) => { Some(&$crate::data::typed::system::$file) };
    (@shown) => { $crate::data::typed::format::Shown::Bare };
    (@shown nameless) => { $crate::data::typed::format::Shown::Never };
    (@shown quoted) => { $crate::data::typed::format::Shown::Quoted };
}
