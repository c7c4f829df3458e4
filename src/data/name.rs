use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The name of a table, chain, set, object or interface: bytes without NUL, up to 255 of them (15 for an interface).
///
/// The kernel does not ask for UTF-8; a name that is none is shown with replacement characters and sent back as it came.
/// Cloning is cheap. A name that the kernel cannot take (empty, too long, with a NUL) is refused when it is put
/// into a batch, with the place where it stands.
///
/// ```
/// # use oxitables::data::Name;
/// let name = Name::from("input");
/// assert_eq!(name, "input");
/// assert_eq!(name.to_string(), "input");
/// ```
#[derive(Clone)]
pub struct Name(Repr);

/// Nearly all names are short, and every rule in a listing has two.
#[derive(Clone)]
enum Repr {
    Short { len: u8, bytes: [u8; Self::SHORT] },
    Long(Arc<[u8]>),
}

impl Repr {
    /// What makes both variants the same size.
    const SHORT: usize = 22;
}

impl Name {
    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Long(bytes) => bytes,
        }
    }

    /// The text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(self.as_bytes()).ok()
    }
}

impl AsRef<[u8]> for Name {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        let mut short = [0; Repr::SHORT];
        Self(match short.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Repr::Short { len: bytes.len() as u8, bytes: short }
            }
            None => Repr::Long(bytes.into()),
        })
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        text.as_bytes().into()
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), f)
    }
}
