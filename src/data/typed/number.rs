//! Numbers with a meaning: one row each.

/// Defines newtypes of unsigned numbers: name, width, nft's data type, byte order, how an unnamed number looks, names.
macro_rules! number_types {
    ($(
        $(#[$meta:meta])*
        $name:ident($int:ty) = $datatype:literal, $order:ident, $format:literal $(, $nameless:ident)?
        { $( $(#[$cmeta:meta])* $constant:ident = $value:literal $word:literal, )* }
    )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name($int);

        impl $name {
            $( $(#[$cmeta])* #[doc = concat!("nft writes `", $word, "`.")] pub const $constant: Self = Self($value); )*

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
                match self.0 {
                    $( $value => f.pad($word), )*
                    #[allow(unreachable_patterns)]
                    number => write!(f, $format, number),
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
                show: |bytes, style, out| {
                    use std::fmt::Write;
                    // A number that means another thing in another message shows as one in matches.
                    let nameless = false $( || stringify!($nameless) == "nameless" )?;
                    match <Self as $crate::data::Typed>::from_image(bytes) {
                        Some(Self(number)) if nameless || style == $crate::data::Style::Masked => drop(write!(out, $format, number)),
                        Some(value) if style != $crate::data::Style::Number => drop(write!(out, "{value}")),
                        _ => $crate::data::typed::show_number(bytes, out),
                    }
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
}
