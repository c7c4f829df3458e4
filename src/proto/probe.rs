//! What a kernel can do, found out without changing anything.

use super::{Commit, Outcome};
use crate::{
    Batch,
    data::{DataType, Family, Register, Value},
    error::{Error, Rejection},
    expr::{Counter, Expr, Inner, InnerType, Last, Payload, PayloadBase},
    model::{Element, Rule, Set, SetFlags, Table, TableFlags},
};
use std::{fmt, time::Duration};

macro_rules! features {
    ($($(#[doc = $doc:literal])* $name:ident = $words:literal since $since:literal,)*) => {
        /// Something that not every kernel can do.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[doc = $doc])* #[doc = concat!("Since ", $since, ".")] $name,)*
        }

        impl Feature {
            /// All of them, oldest first.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The first kernel that has it; distributions bring some to older ones.
            pub fn since(self) -> &'static str {
                match self { $(Self::$name => $since),* }
            }
        }

        impl fmt::Display for Feature {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$name => $words),* })
            }
        }
    };
}

features! {
    /// Sets of intervals of concatenated fields
    /// ([`SetFlags::CONCAT`](crate::model::SetFlags::CONCAT)).
    ConcatIntervals = "intervals of concatenated fields" since "5.6",
    /// Two stateful expressions for each element of a set
    /// ([`SetFlags::EXPR`](crate::model::SetFlags::EXPR)).
    ElementExprs = "several stateful expressions in an element" since "5.11",
    /// Tables with an owner ([`TableFlags::OWNER`](crate::model::TableFlags::OWNER)).
    Owner = "tables with an owner" since "5.12",
    /// Elements for every key that has no other ([`SetRef::catch_all`](crate::SetRef::catch_all)).
    CatchAll = "catch-all elements" since "5.13",
    /// Matching the version 2 control group of a socket (`socket cgroupv2`). Told by the release.
    ControlGroups = "matching control groups" since "5.13",
    /// `fib … iif oif` in the hooks input and forward; in prerouting since 4.10. Told by the
    /// release.
    FibForward = "fib with an outgoing interface in input and forward" since "5.19",
    /// Another timeout for a set that is there; older kernels take it and ignore it. Told by the
    /// release.
    SetTimeout = "another timeout for a set" since "6.1",
    /// Looking into tunnels ([`Inner`](crate::expr::Inner)).
    Inner = "matches inside of tunnels" since "6.2",
    /// [`Batch::destroy`](crate::Batch::destroy).
    Destroy = "destroy" since "6.3",
    /// Devices that are added to a chain of family netdev that is there. Told by the release.
    ChainDevices = "adding devices to a chain" since "6.4",
    /// Another size for a set that is there; older kernels take it and ignore it. Told by the
    /// release.
    SetSize = "another size for a set" since "6.5",
    /// Owned tables that stay ([`TableFlags::PERSIST`](crate::model::TableFlags::PERSIST)).
    Persist = "owned tables that persist" since "6.9",
    /// Acknowledging the end of a batch, which is the proof of a commit.
    EndAck = "an ack for the end of a batch" since "6.10",
    /// Restarting the time of an element by adding it again.
    TimeoutUpdate = "restarting the time of elements in place" since "6.12",
    /// Refusing `meta ipsec`, `sdif` and `sdifname` in family bridge, where they match nothing;
    /// older kernels take them, and so do early stable releases of 6.18. Told by the release.
    BridgeMeta = "refusing ipsec and sdif in family bridge" since "6.18",
}

impl Feature {
    /// Whether it can be told from the release only: the kernels without it refuse nothing, or only
    /// in a chain that is there.
    fn is_told_by_release(self) -> bool {
        use Feature::*;
        matches!(self, ControlGroups | FibForward | SetTimeout | ChainDevices | SetSize | BridgeMeta)
    }

    /// Whether a kernel that calls itself `release` (as `uname -r` does) is as new as this.
    pub(crate) fn is_in(self, release: &str) -> bool {
        version(release) >= version(self.since())
    }
}

/// What a kernel can do; [`Client::capabilities`](crate::Client::capabilities) finds it out.
///
/// Displayed as a list of what there is and what is missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capabilities {
    missing: Vec<Feature>,
}

impl Capabilities {
    /// Whether the kernel has something.
    pub fn has(&self, feature: Feature) -> bool {
        !self.missing.contains(&feature)
    }

    /// Those of a kernel without these features.
    #[cfg(test)]
    pub(crate) fn without(missing: &[Feature]) -> Self {
        Self { missing: missing.to_vec() }
    }

    /// What it lacks.
    pub fn missing(&self) -> &[Feature] {
        &self.missing
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for feature in Feature::ALL {
            let has = if self.has(*feature) { "yes" } else { "no " };
            writeln!(f, "{has} {feature} (since {})", feature.since())?;
        }
        Ok(())
    }
}

/// Finds out what a kernel can do: sans-I/O.
///
/// It is a batch in which each operation needs one [`Feature`], to be checked and not committed:
/// those that the kernel refuses say what it lacks. Nothing changes by it, no event is sent, and no
/// module is loaded but those of nf_tables itself.
#[derive(Debug)]
pub struct Probe {
    batch: Batch,
    /// What the operations from the third on need.
    features: Vec<Feature>,
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

/// Operations that all kernels take, before those that some refuse.
const COMMON: usize = 3;

impl Probe {
    /// Everything that can be asked.
    pub fn new() -> Self {
        let table = Table::new(Family::Inet, "oxitables probes this kernel");
        let chain = table.chain("c");
        let set = |name: &str| Set::new(&table, name, DataType::from(7), 4);
        let timed = set("timed").with_flags(SetFlags::TIMEOUT);
        let mut batch = Batch::new();
        batch.add(&table).add(&chain).add(&timed);
        let mut features = Vec::new();
        let mut needs = |feature| features.push(feature);

        let mut concat = Set::new(&table, "concat", DataType::from(7 << 6 | 13), 8).with_fields([4, 2]);
        concat.flags = Some(SetFlags::CONCAT | SetFlags::INTERVAL);
        batch.add(&concat);
        needs(Feature::ConcatIntervals);

        let exprs = vec![Counter::new().into(), Last::new().into()];
        batch.add(Set { flags: Some(SetFlags::EXPR), exprs: Some(exprs), ..set("counted") });
        needs(Feature::ElementExprs);

        let owned = |name: &str, flags| Table::new(Family::Inet, name).with_flags(flags);
        batch.add(owned("oxitables probes owners", TableFlags::OWNER));
        needs(Feature::Owner);

        batch.add(timed.elements([Element::catch_all()]));
        needs(Feature::CatchAll);

        let payload = Payload::load(PayloadBase::Network, 12, 4, Register::R1);
        let inner: [Expr; 1] = [Inner::payload(InnerType::Vxlan, payload).into()];
        batch.add(Rule::new(&chain, inner));
        needs(Feature::Inner);

        batch.destroy(table.chain("none"));
        needs(Feature::Destroy);

        batch.add(owned("oxitables probes keepers", TableFlags::OWNER | TableFlags::PERSIST));
        needs(Feature::Persist);

        // The kernels that restart times also refuse a remaining time beyond the whole; the others
        // take it.
        let key = Value::new(&[192, 0, 2, 1]);
        let (timeout, expiration) = (Some(Duration::from_secs(1)), Some(Duration::from_secs(2)));
        batch.add(timed.elements([Element { key, timeout, expiration, ..Element::default() }]));
        needs(Feature::TimeoutUpdate);
        // The last one is acknowledged, whether it was liked or not; so it has to be one that all
        // kernels take.
        batch.flush(&chain);
        Self { batch, features }
    }

    /// The exchange with the kernel.
    pub fn commit(&self) -> Commit<'_> {
        Commit::check(&self.batch)
    }

    /// What the answers say, of a kernel that calls itself `release` (as `uname -r` does), and that
    /// acknowledged the end of a batch or did not.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the kernel did not look at it, for lack of privilege or of nf_tables;
    /// [`Error::Unknown`] if it did not answer.
    pub fn capabilities(&self, commit: &Commit<'_>, end_ack: bool, release: &str) -> Result<Capabilities, Error> {
        let refused: Vec<usize> = match commit.outcome() {
            Outcome::Committed => Vec::new(),
            Outcome::Rejected(Rejection { failures, .. }) if failures.iter().all(|f| f.operation >= Some(COMMON)) => {
                failures.into_iter().filter_map(|f| f.operation).collect()
            }
            Outcome::Rejected(rejection) => return Err(rejection.into()),
            Outcome::Unknown { why } => return Err(Error::Unknown { why }),
            Outcome::Stale => return Err(Error::Unknown { why: "the kernel's answer makes no sense".into() }),
        };
        let lacks = |feature: &Feature| {
            let operation = self.features.iter().position(|f| f == feature).map(|at| at + COMMON);
            let refused = operation.is_some_and(|operation| refused.contains(&operation));
            match feature {
                Feature::EndAck => !end_ack,
                // The refusal may have been brought to older kernels without the rest, and to
                // believe in a restart that does not happen would lose elements: both have to say
                // so.
                Feature::TimeoutUpdate => !(refused && feature.is_in(release)),
                told if told.is_told_by_release() => !told.is_in(release),
                _ => refused,
            }
        };
        Ok(Capabilities { missing: Feature::ALL.iter().copied().filter(lacks).collect() })
    }
}

/// The first two numbers of a release such as `6.12.3-generic`.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
