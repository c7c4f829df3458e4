//! The tables: one row gives encode, decode, documentation, property test, header check and error
//! path.

/// A named number of the kernel's header, for the check against it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Constant {
    /// Name in the kernel's header.
    pub name: &'static str,
    /// Its value there.
    pub value: u64,
}

/// Defines a struct whose fields are netlink attributes; see `docs/adding-an-expression.md`.
///
/// A row is `KIND field: Type = NUMBER "UAPI_NAME" as Codec`, in the order the kernel dumps them,
/// where `KIND` is `req` (always there), `opt` (may be absent) or `out` (reported by the kernel,
/// never sent).
///
/// `pad` names alignment filler. `settle` names a method that reads what depends on another
/// attribute, once all are there.
macro_rules! attributes {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $([ $( $(#[$ometa:meta])* $own:ident: $oty:ty ),* ])? {
            $( $(#[$fmeta:meta])* $kind:ident $field:ident: $ty:ty = $num:literal $attr:literal as $codec:ty, )*
        }
        $( pad $pad:literal $padname:literal )?
        $( settle $settle:ident )?
    ) => {
        $(#[$meta])*
        #[non_exhaustive]
        #[derive(Clone, Debug, Eq, PartialEq)]
        $vis struct $name {
            $( $( $(#[$ometa])* pub $own: $oty, )* )?
            $( $(#[$fmeta])* #[doc(alias = $attr)] pub $field: attributes!(@ty $kind $ty), )*
            /// Attributes this version does not know, kept as they came.
            pub unknown: $crate::wire::Unknown,
        }

        impl $name {
            /// The attributes, in the order the kernel dumps them.
            pub const TABLE: &'static [$crate::wire::Spec] = &[
                $( $crate::wire::Spec {
                    number: $num, name: $attr, field: stringify!($field),
                    scope: <$codec as $crate::wire::Codec<$ty>>::SCOPE,
                }, )*
                $( $crate::wire::Spec { number: $pad, name: $padname, field: "pad", scope: $crate::wire::Scope::Leaf }, )?
            ];

            attributes!(@new [$($($own: $oty,)*)?] []; $($kind $field: $ty,)*);

            /// Reads a run of attributes: what follows `struct nfgenmsg` in a message, or what a
            /// nest holds.
            ///
            /// # Errors
            /// When one does not decode or a mandatory one is missing.
            pub fn from_attributes(
                $($( $own: $oty, )*)?
                attributes: &[u8],
            ) -> Result<Self, $crate::wire::DecodeError> {
                Self::decode_attrs($($( $own, )*)? attributes)
            }

            /// Writes them, for the kernel or as the kernel does.
            ///
            /// # Errors
            /// When a value has no form on the wire.
            pub fn to_attributes(&self, form: $crate::wire::Form) -> Result<Vec<u8>, $crate::wire::EncodeError> {
                let mut out = $crate::wire::Writer::new(form);
                self.encode_attrs(&mut out);
                out.finish()
            }

            pub(crate) fn encode_attrs(&self, out: &mut $crate::wire::Writer) {
                $( attributes!(@put $kind self.$field, $num, $codec, $ty, stringify!($field), out); )*
                out.bytes(self.unknown.as_bytes());
            }

            pub(crate) fn decode_attrs(
                $($( $own: $oty, )*)?
                buf: &[u8],
            ) -> Result<Self, $crate::wire::DecodeError> {
                #[allow(unused_imports)]
                use $crate::wire::{Codec, DecodeError, Malformed, Step, Unknown, attrs};
                $( let mut $field: Option<$ty> = None; )*
                let mut unknown = Unknown::default();
                for attr in attrs(buf) {
                    let attr = attr?;
                    match attr.kind {
                        $( $num => $field = Some(
                            <$codec as Codec<$ty>>::get(attr.payload)
                                .map_err(|e| e.within(Step::Field(stringify!($field))))?,
                        ), )*
                        // Alignment filler: carries nothing.
                        $( $pad => {} )?
                        _ => unknown.push(attr.raw),
                    }
                }
                let decoded = Self {
                    $($( $own, )*)?
                    $( $field: attributes!(@take $kind $field, $codec, $ty), )*
                    unknown,
                };
                $( let decoded = decoded.$settle()?; )?
                Ok(decoded)
            }

            #[cfg(test)]
            pub(crate) fn any_attrs($($( $own: $oty, )*)?) -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::prelude::*;
                let s = Just(());
                $( let s = (s, attributes!(@any $kind $ty, $codec)); )*
                s.prop_map(move |v| {
                    attributes!(@fold v; [$($field)*]);
                    let any = Self {
                        $($( $own: $own.clone(), )*)?
                        $( $field, )*
                        unknown: Default::default(),
                    };
                    $( let any = any.$settle().unwrap(); )?
                    any
                })
                .boxed()
            }
        }

        attributes!(@table $name [$($($own)*)?]);
    };

    // A struct made of attributes alone can stand in a nest.
    (@table $name:ident []) => {
        impl $crate::wire::Table for $name {
            const TABLE: &'static [$crate::wire::Spec] = Self::TABLE;
            fn encode(&self, out: &mut $crate::wire::Writer) {
                self.encode_attrs(out);
            }
            fn decode(buf: &[u8]) -> Result<Self, $crate::wire::DecodeError> {
                Self::decode_attrs(buf)
            }
            #[cfg(test)]
            fn any() -> proptest::strategy::BoxedStrategy<Self> {
                Self::any_attrs()
            }
        }
    };
    (@table $name:ident [$($own:ident)+]) => {};

    // Sorts fields into arguments (`req`, and what is not an attribute) and blanks (`opt`, `out`).
    (@new [$($r:tt)*] [$($o:ident)*]; req $f:ident: $ty:ty, $($t:tt)*) => {
        attributes!(@new [$($r)* $f: $ty,] [$($o)*]; $($t)*);
    };
    (@new [$($r:tt)*] [$($o:ident)*]; $kind:ident $f:ident: $ty:ty, $($t:tt)*) => {
        attributes!(@new [$($r)*] [$($o)* $f]; $($t)*);
    };
    (@new [$($r:ident: $rt:ty,)*] [$($o:ident)*];) => {
        /// The object with what it cannot do without, in table order.
        #[allow(dead_code, clippy::too_many_arguments)]
        pub(crate) fn required($($r: $rt),*) -> Self {
            Self { $($r,)* $($o: None,)* unknown: Default::default() }
        }
    };

    (@ty req $ty:ty) => { $ty };
    (@ty $kind:ident $ty:ty) => { Option<$ty> };

    (@put req $s:ident.$f:ident, $n:literal, $c:ty, $ty:ty, $name:expr, $out:ident) => {
        if $out.form() == $crate::wire::Form::Exact || !<$c as $crate::wire::Codec<$ty>>::is_absent(&$s.$f) {
            attributes!(@write &$s.$f, $n, $c, $ty, $name, $out)
        }
    };
    (@put opt $s:ident.$f:ident, $n:literal, $c:ty, $ty:ty, $name:expr, $out:ident) => {
        if let Some(v) = &$s.$f
            && ($out.form() == $crate::wire::Form::Exact || !<$c as $crate::wire::Codec<$ty>>::is_absent(v))
        {
            attributes!(@write v, $n, $c, $ty, $name, $out)
        }
    };
    (@put out $s:ident.$f:ident, $n:literal, $c:ty, $ty:ty, $name:expr, $out:ident) => {
        if $out.form() == $crate::wire::Form::Exact && let Some(v) = &$s.$f {
            attributes!(@write v, $n, $c, $ty, $name, $out)
        }
    };
    (@write $v:expr, $n:literal, $c:ty, $ty:ty, $name:expr, $out:ident) => {
        if matches!(<$c as $crate::wire::Codec<$ty>>::SCOPE, $crate::wire::Scope::Leaf) {
            <$c as $crate::wire::Codec<$ty>>::write($v, $n, $name, $out)
        } else if <$c as $crate::wire::Codec<$ty>>::MARKED {
            $out.attr($n | $crate::wire::NESTED, $name, |out| <$c as $crate::wire::Codec<$ty>>::put($v, out))
        } else {
            $out.nest($n, $name, |out| <$c as $crate::wire::Codec<$ty>>::put($v, out))
        }
    };

    (@take req $f:ident, $c:ty, $ty:ty) => {
        $f.or_else(<$c as Codec<$ty>>::missing).ok_or_else(|| DecodeError::from(Malformed::Missing).within(Step::Field(stringify!($f))))?
    };
    (@take $kind:ident $f:ident, $c:ty, $ty:ty) => { $f };

    (@any req $ty:ty, $c:ty) => { <$c as $crate::wire::Codec<$ty>>::any() };
    (@any $kind:ident $ty:ty, $c:ty) => { proptest::option::of(<$c as $crate::wire::Codec<$ty>>::any()) };

    // Unpacks (((), a), b) into a and b, the last field first.
    (@fold $v:ident; [$($f:ident)*]) => { attributes!(@rev $v; [$($f)*] []) };
    (@rev $v:ident; [] [$($r:ident)*]) => { $( let ($v, $r) = $v; )* let () = $v; };
    (@rev $v:ident; [$f:ident $($t:ident)*] [$($r:ident)*]) => { attributes!(@rev $v; [$($t)*] [$f $($r)*]) };
}

/// Defines a numeric enum that keeps what it does not know.
macro_rules! numbers {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident: $int:ty {
            $( $(#[$vmeta:meta])* $variant:ident = $num:literal $uapi:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        $vis enum $name {
            $( $(#[$vmeta])* #[doc(alias = $uapi)] $variant, )*
            /// A number that this version has no name for.
            Unknown($int),
        }

        impl $name {
            /// Names and numbers in the kernel's header.
            pub const CONSTANTS: &'static [$crate::wire::Constant] =
                &[$( $crate::wire::Constant { name: $uapi, value: $num as $int as u64 }, )*];
        }

        impl From<$int> for $name {
            fn from(n: $int) -> Self {
                match n {
                    $( $num => Self::$variant, )*
                    n => Self::Unknown(n),
                }
            }
        }

        impl From<$name> for $int {
            fn from(v: $name) -> $int {
                match v {
                    $( $name::$variant => $num, )*
                    $name::Unknown(n) => n,
                }
            }
        }
    };
}

/// Defines a set of bits that keeps those it does not know.
macro_rules! flags {
    (
        $(#[$($meta:tt)*])*
        $vis:vis struct $name:ident: $int:ty {
            $( $(#[$($vmeta:tt)*])* $flag:ident = $num:literal $uapi:literal, )*
        }
    ) => {
        bitflags::bitflags! {
            $(#[$($meta)*])*
            #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
            $vis struct $name: $int {
                $( $(#[$($vmeta)*])* #[doc(alias = $uapi)] const $flag = $num; )*
                // Bits of later kernels survive.
                const _ = !0;
            }
        }

        impl $name {
            /// Names and bits in the kernel's header.
            pub const CONSTANTS: &'static [$crate::wire::Constant] =
                &[$( $crate::wire::Constant { name: $uapi, value: $num as $int as u64 }, )*];
        }

        impl From<$int> for $name {
            fn from(n: $int) -> Self {
                Self::from_bits_retain(n)
            }
        }

        impl From<$name> for $int {
            fn from(v: $name) -> $int {
                v.bits()
            }
        }
    };
}
