//! Whose bits of a mark are whose.

use super::{Mark, Masked};
use std::fmt;

/// Every bit counts.
impl From<Mark> for Masked<Mark> {
    fn from(mark: Mark) -> Self {
        Self::new(mark, Mark::from(u32::MAX))
    }
}

impl Masked<Mark> {
    /// The bits that count.
    ///
    /// ```
    /// assert_eq!(oxitables::Mark::bits(0x0100, 0xff00).mask(), 0xff00);
    /// ```
    pub const fn mask(&self) -> u32 {
        self.mask.number()
    }

    /// What they are; the others are zero.
    ///
    /// ```
    /// assert_eq!(oxitables::Mark::bits(0x1234, 0xff00).value(), 0x1200);
    /// ```
    pub const fn value(&self) -> u32 {
        self.value.number() & self.mask.number()
    }

    /// Another mark with these bits, its own others.
    ///
    /// ```
    /// assert_eq!(oxitables::Mark::bits(0x0100, 0xff00).onto(0xabcd_ef01), 0xabcd_0101);
    /// ```
    pub const fn onto(&self, mark: u32) -> u32 {
        mark & !self.mask() | self.value()
    }
}

/// Some bits of a mark that hold a number: a field of packet marks, connection marks and socket
/// marks alike.
///
/// ```
/// use oxitables::{ct, data::MarkBits, meta};
/// let router = MarkBits::new(0xff00);
/// assert_eq!(meta::mark().is(router.value(2)?).to_string(), "meta mark & 0x0000ff00 == 0x00000200");
/// assert_eq!(ct::mark().set(router.value(2)?).to_string(), "ct mark set ct mark & 0xffff00ff | 0x00000200");
/// assert_eq!(router.of(0xabcd_02ef), 2);
/// # Ok::<(), oxitables::Error>(())
/// ```
///
/// [`save`](Self::save) and [`restore`](Self::restore) copy them between a packet and its
/// connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct MarkBits(u32);

impl MarkBits {
    /// The bits of a mask. A [`MarkRegistry`] sees to it that nobody else has them.
    pub const fn new(mask: u32) -> Self {
        Self(mask)
    }

    /// The mask.
    pub const fn mask(self) -> u32 {
        self.0
    }

    /// The greatest number that they hold.
    ///
    /// ```
    /// # use oxitables::data::MarkBits;
    /// assert_eq!(MarkBits::new(0x0f00).max(), 15);
    /// ```
    pub const fn max(self) -> u32 {
        self.0 >> self.shift()
    }

    const fn shift(self) -> u32 {
        // Of no bits at all there is nothing to move.
        if self.0 == 0 { 0 } else { self.0.trailing_zeros() }
    }

    /// These bits with a number in them, for [`is`](crate::lang::selector::Selector::is) and
    /// [`set`](crate::lang::selector::Settable::set).
    ///
    /// The number stands in the mark where the lowest of the bits is: 2 in `0xff00` is `0x0200`.
    ///
    /// # Errors
    /// [`MarkError::Range`] if it needs a bit that is not among them.
    pub const fn value(self, number: u32) -> Result<Masked<Mark>, MarkError> {
        let (max, moved) = (self.max(), number << self.shift());
        if number > max || moved & !self.0 != 0 {
            return Err(MarkError::Range { number, mask: self.0 });
        }
        Ok(Masked::new(Mark::from_number(moved), Mark::from_number(self.0)))
    }

    /// The number that they hold in a mark.
    pub const fn of(self, mark: u32) -> u32 {
        (mark & self.0) >> self.shift()
    }

    /// Each bit by itself, the lowest first.
    pub(crate) fn each(self) -> impl Iterator<Item = u32> {
        (0..u32::BITS).map(|n| 1 << n).filter(move |bit| self.0 & bit != 0)
    }
}

impl fmt::Display for MarkBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// Why bits of a mark cannot be had.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkError {
    /// Somebody has some of them.
    #[error("mark bits {mask:#010x} of {name} collide with {taken:#010x} of {owner}; free are {free:#010x}")]
    Taken {
        /// Who asked.
        name: String,
        /// For which bits.
        mask: u32,
        /// Who has some of them.
        owner: String,
        /// All that it has.
        taken: u32,
        /// What nobody has.
        free: u32,
    },
    /// There are not so many free bits beside each other.
    #[error("no {width} free mark bits beside each other for {name}; free are {free:#010x}")]
    Full {
        /// Who asked.
        name: String,
        /// For how many.
        width: u32,
        /// What nobody has.
        free: u32,
    },
    /// The name has other bits already.
    #[error("{name} has mark bits {taken:#010x} already, not {mask:#010x}")]
    Renamed {
        /// Who asked.
        name: String,
        /// For which bits.
        mask: u32,
        /// What it has.
        taken: u32,
    },
    /// No bits were asked for.
    #[error("no mark bits are asked for by {name}: a mask of zero, or a width of 0")]
    Nothing {
        /// Who asked.
        name: String,
    },
    /// The number does not fit.
    #[error("{number:#x} does not fit mark bits {mask:#010x}")]
    Range {
        /// The number.
        number: u32,
        /// The bits.
        mask: u32,
    },
}

/// Who has which bits of the marks of a machine.
///
/// There are 32 of them for all programs, and the kernel keeps no list. So an agent keeps one: it
/// says which bits others have ([`reserve`](Self::reserve)), and gets its own by name.
///
/// ```
/// use oxitables::data::MarkRegistry;
///
/// let mut marks = MarkRegistry::new();
/// marks.reserve(MarkRegistry::KUBERNETES)?.reserve(MarkRegistry::TAILSCALE)?;
/// let router = marks.claim("router", 0x0000_0f00)?;      // These bits.
/// let tenant = marks.allot("tenant", 4)?;                // The lowest four that are free beside each other.
/// assert_eq!((router.mask(), tenant.mask()), (0x0f00, 0x000f));
///
/// let error = marks.claim("audit", 0x0000_c000).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "mark bits 0x0000c000 of audit collide with 0x0000c000 of Kubernetes; free are 0xff0030f0",
/// );
/// # Ok::<(), oxitables::Error>(())
/// ```
///
/// The same calls in the same order give the same bits. Asking again under the same name gives what
/// it has. A registry that refuses is as it was before.
#[derive(Clone, Debug, Default)]
pub struct MarkRegistry(Vec<Claim>);

#[derive(Clone, Debug)]
struct Claim {
    name: String,
    mask: u32,
    /// Handed out, not somebody else's.
    ours: bool,
}

/// What programs are known to use where nobody configured them otherwise.
///
/// Source: <https://github.com/fwmark/registry> and the programs. Reserve those that are on the
/// machine; no bit is free of all.
impl MarkRegistry {
    /// kube-proxy's masquerade bit and the kubelet's former drop bit.
    pub const KUBERNETES: (&str, u32) = ("Kubernetes", 0x0000_c000);
    /// Calico's `IptablesMarkMask`.
    pub const CALICO: (&str, u32) = ("Calico", 0xffff_0000);
    /// Cilium.
    pub const CILIUM: (&str, u32) = ("Cilium", 0xffff_1fff);
    /// Tailscale's third byte.
    pub const TAILSCALE: (&str, u32) = ("Tailscale", 0x00ff_0000);
    /// Weave Net.
    pub const WEAVE: (&str, u32) = ("Weave Net", 0x0006_0000);
    /// The CNI plugin `portmap`.
    pub const PORTMAP: (&str, u32) = ("CNI portmap", 0x0000_2000);
    /// The CNI plugin of AWS.
    pub const AWS_CNI: (&str, u32) = ("AWS CNI", 0x0000_0080);
    /// wg-quick, where a tunnel takes everything: it counts from 51820, for whole marks. It also
    /// copies the connection mark of all UDP packets into their whole packet mark: bits that are to
    /// survive it have to be in the connection mark, too.
    pub const WG_QUICK: (&str, u32) = ("wg-quick", 0x0000_ffff);
    /// Docker's swarm mode: it counts its services from 256, for whole marks.
    pub const DOCKER_SWARM: (&str, u32) = ("Docker swarm", 0x0000_ffff);
}

impl MarkRegistry {
    /// All bits are free.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Bits that are somebody else's: never handed out.
    ///
    /// Others may share bits among themselves; that is theirs to settle.
    ///
    /// # Errors
    /// [`MarkError::Taken`] if they were handed out already.
    pub fn reserve(&mut self, (name, mask): (&str, u32)) -> Result<&mut Self, MarkError> {
        self.check(name, mask, |claim| claim.ours)?;
        self.0.push(Claim { name: name.into(), mask, ours: false });
        Ok(self)
    }

    /// Exactly these bits, beside each other or not.
    ///
    /// # Errors
    /// [`MarkError::Taken`], naming who has some of them; [`MarkError::Renamed`] if the name has
    /// others.
    pub fn claim(&mut self, name: &str, mask: u32) -> Result<MarkBits, MarkError> {
        match self.get(name) {
            Some(bits) if bits.mask() == mask => return Ok(bits),
            Some(bits) => {
                return Err(MarkError::Renamed { name: name.into(), mask, taken: bits.mask() });
            }
            None => self.check(name, mask, |_| true)?,
        }
        self.0.push(Claim { name: name.into(), mask, ours: true });
        Ok(MarkBits(mask))
    }

    /// The lowest `width` free bits beside each other, which hold numbers up to 2^`width` - 1.
    ///
    /// # Errors
    /// [`MarkError::Full`] if there are none; [`MarkError::Renamed`] if the name has another number
    /// of bits.
    pub fn allot(&mut self, name: &str, width: u32) -> Result<MarkBits, MarkError> {
        let (free, full) = (self.free(), |free| MarkError::Full { name: name.into(), width, free });
        let spare = u32::BITS.checked_sub(width).ok_or_else(|| full(free))?;
        let mask = u32::MAX.checked_shr(spare).ok_or_else(|| MarkError::Nothing { name: name.into() })?;
        if let Some(bits) = self.get(name) {
            let same = bits.max() == mask;
            return if same { Ok(bits) } else { Err(MarkError::Renamed { name: name.into(), mask, taken: bits.0 }) };
        }
        let mut places = (0..=spare).map(|by| mask << by);
        self.claim(name, places.find(|place| place & !free == 0).ok_or_else(|| full(free))?)
    }

    /// The bits that were handed out under a name.
    pub fn get(&self, name: &str) -> Option<MarkBits> {
        self.0.iter().find(|claim| claim.ours && claim.name == name).map(|claim| MarkBits(claim.mask))
    }

    /// What nobody has.
    pub fn free(&self) -> u32 {
        !self.0.iter().fold(0, |all, claim| all | claim.mask)
    }

    fn check(&self, name: &str, mask: u32, counts: impl Fn(&Claim) -> bool) -> Result<(), MarkError> {
        if mask == 0 {
            return Err(MarkError::Nothing { name: name.into() });
        }
        match self.0.iter().find(|claim| counts(claim) && claim.mask & mask != 0) {
            None => Ok(()),
            Some(Claim { name: owner, mask: taken, .. }) => Err(MarkError::Taken {
                name: name.into(),
                mask,
                owner: owner.clone(),
                taken: *taken,
                free: self.free(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nobody_gets_what_another_has(asked in prop::collection::vec((any::<bool>(), any::<u32>(), 0u32..40), 0..20)) {
            let mut marks = MarkRegistry::new();
            marks.reserve(MarkRegistry::KUBERNETES).unwrap();
            let mut given: Vec<u32> = vec![MarkRegistry::KUBERNETES.1];
            for (n, (exact, mask, width)) in asked.into_iter().enumerate() {
                let mask = mask & mask.rotate_left(3) & mask.rotate_left(7);
                let name = format!("n{n}");
                let before = marks.free();
                match if exact { marks.claim(&name, mask) } else { marks.allot(&name, width) } {
                    Ok(bits) => {
                        prop_assert!(given.iter().all(|other| other & bits.mask() == 0));
                        prop_assert_eq!(if exact { bits.mask() } else { bits.max() }, if exact { mask } else { u32::MAX >> (32 - width) });
                        prop_assert_eq!(marks.get(&name), Some(bits));
                        prop_assert_eq!(if exact { marks.claim(&name, mask) } else { marks.allot(&name, width) }, Ok(bits));
                        given.push(bits.mask());
                    }
                    Err(_) => prop_assert_eq!(marks.free(), before),
                }
            }
        }

        #[test]
        fn values_stay_in_their_bits(mask: u32, number: u32, other: u32) {
            let bits = MarkBits::new(mask);
            if let Ok(value) = bits.value(number) {
                prop_assert_eq!(value.onto(other) & !mask, other & !mask);
                prop_assert_eq!(bits.of(value.onto(other)), number);
            }
            prop_assert!(bits.value(bits.max()).is_ok());
            prop_assert_eq!(bits.each().fold(0, |all, bit| all | bit), mask);
        }
    }

    #[test]
    fn what_is_refused() {
        let mut marks = MarkRegistry::new();
        let router = marks.allot("router", 4).unwrap();
        assert!(matches!(marks.claim("audit", 0x18), Err(MarkError::Taken { taken: 0xf, .. })));
        assert!(matches!(marks.claim("router", 0xff), Err(MarkError::Renamed { .. })));
        assert!(matches!(marks.allot("router", 5), Err(MarkError::Renamed { .. })));
        assert!(matches!(marks.allot("wide", 29), Err(MarkError::Full { free: 0xffff_fff0, .. })));
        assert!(matches!(marks.allot("wider", 33), Err(MarkError::Full { width: 33, .. })));
        assert!(matches!(marks.claim("none", 0), Err(MarkError::Nothing { .. })));
        assert!(matches!(marks.allot("none", 0), Err(MarkError::Nothing { .. })));
        assert!(
            matches!(marks.reserve(MarkRegistry::DOCKER_SWARM), Err(MarkError::Taken { owner, .. }) if owner == "router")
        );
        assert_eq!(router.value(16).unwrap_err().to_string(), "0x10 does not fit mark bits 0x0000000f");
        assert!(MarkBits::new(0x5).value(2).is_err(), "a bit between them");
        // Others may share.
        marks.reserve(MarkRegistry::TAILSCALE).unwrap().reserve(MarkRegistry::CALICO).unwrap();
    }
}
