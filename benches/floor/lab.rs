//! What is loaded, and where.

use crate::{Result, bare::Bare};
use oxitables::{
    Batch, Chain, Client, Family, Hook, Priority, Rule, Set, Table, counter,
    data::{Register, Value, Verdict},
    expr::{Cmp, CmpOp, Counter, Expr, Immediate, Meta, MetaKey, Payload, PayloadBase},
    ip, model, tcp,
    testing::Sandbox,
};
use std::{net::Ipv4Addr, ops::RangeInclusive, time::Duration};

pub(crate) fn address(i: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0100_0000_u32.wrapping_add((i as u32).wrapping_mul(2_654_435_761)))
}

fn value(bytes: &[u8]) -> Value {
    Value::new(bytes).expect("fits")
}

pub(crate) fn port(i: usize) -> u16 {
    (i % 65_535 + 1) as u16
}

/// Every other /29.
pub(crate) fn range(i: usize) -> RangeInclusive<Ipv4Addr> {
    let first = 0x0100_0000 + (i as u32) * 16;
    Ipv4Addr::from(first)..=Ipv4Addr::from(first + 7)
}

/// `ip saddr A tcp dport P counter accept`, as people write it.
fn typed(i: usize) -> Rule {
    let rule = Rule::new().when(ip::saddr().is(address(i))).when(tcp::dport().is(port(i)));
    rule.then(counter()).accept()
}

/// The same as it is in the kernel.
fn rule(chain: &Chain, i: usize) -> model::Rule {
    let is = |bytes: &[u8]| Expr::from(Cmp::new(Register::R1, CmpOp::Eq, value(bytes)));
    model::Rule::new(
        chain,
        [
            Payload::load(PayloadBase::Network, 12, 4, Register::R1).into(),
            is(&address(i).octets()),
            Meta::load(MetaKey::L4proto, Register::R1).into(),
            is(&[6]),
            Payload::load(PayloadBase::Transport, 2, 2, Register::R1).into(),
            is(&port(i).to_be_bytes()),
            Counter::new().into(),
            Immediate::new(Register::VERDICT, Verdict::accept()).into(),
        ],
    )
}

/// A table with a set and a chain, in the kernel or about to be.
pub(crate) struct Ruleset {
    pub(crate) table: Table,
    pub(crate) set: Set<Ipv4Addr>,
    pub(crate) nets: Set<Ipv4Addr>,
    pub(crate) timed: Set<Ipv4Addr>,
    pub(crate) chain: Chain,
}

impl Ruleset {
    pub(crate) fn new() -> Self {
        let table = Table::new(Family::Ip, "bench");
        Self {
            set: Set::new(&table, "addresses"),
            nets: Set::new(&table, "nets").interval(),
            timed: Set::new(&table, "timed").timeouts(),
            chain: table.chain("input").with_hook(Hook::Input, Priority::FILTER),
            table,
        }
    }

    pub(crate) fn elements(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        batch.add(self.set.keys((0..n).map(address)));
        batch
    }

    /// A set of its own, sized by what is in it.
    pub(crate) fn sized(&self, n: usize) -> Batch {
        let set = Set::<Ipv4Addr>::new(&self.table, "sized");
        let mut batch = Batch::new();
        batch.add(set.filled(set.keys(self.all(n))));
        batch
    }

    pub(crate) fn all(&self, n: usize) -> impl Iterator<Item = Ipv4Addr> + Clone + use<> {
        (0..n).map(address)
    }

    /// As many addresses, half of them others.
    pub(crate) fn half(&self, n: usize) -> impl Iterator<Item = Ipv4Addr> + Clone + use<> {
        (n / 2..n / 2 + n).map(address)
    }

    pub(crate) fn ranges(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        batch.add(self.nets.ranges((0..n).map(range)));
        batch
    }

    pub(crate) fn timed(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        batch.add(self.timed.keys(self.all(n)).timeout(Duration::from_secs(3600)));
        batch
    }

    pub(crate) fn rules(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        for i in 0..n {
            batch.add(rule(&self.chain, i));
        }
        batch
    }

    pub(crate) fn typed_rules(&self, n: usize) -> Batch {
        let mut batch = Batch::new();
        for i in 0..n {
            batch.add(self.chain.rule(typed(i)));
        }
        batch
    }

    /// All of it as a desired state, with so many rules of which the one in the middle is another
    /// if `changed`.
    pub(crate) fn desired(&self, n: usize, changed: bool) -> Result<model::Ruleset> {
        let mut batch = Batch::new();
        batch.add(&self.table).add(&self.set).add(&self.nets).add(&self.timed).add(&self.chain);
        for i in 0..n {
            batch.add(rule(&self.chain, if changed && i == n / 2 { n } else { i }));
        }
        Ok(model::Ruleset::made_by(&batch)?)
    }

    pub(crate) fn one_element(&self, i: usize) -> Batch {
        let mut batch = Batch::new();
        batch.add(self.set.keys([address(i)]));
        batch
    }
}

/// A namespace with the empty [`Ruleset`] in it, the library's connection to it, and a bare one.
pub(crate) struct Lab {
    pub(crate) rules: Ruleset,
    pub(crate) nft: Client,
    pub(crate) bare: Bare,
}

impl Lab {
    pub(crate) fn new() -> Result<Self> {
        // Both sockets stay in the namespace; the work is then done outside, on the main thread.
        let (mut nft, bare) =
            Sandbox::new()?.host("bench")?.run(|| (Client::open(), Bare::open().map_err(|e| e.to_string())));
        let rules = Ruleset::new();
        let mut batch = Batch::new();
        batch.add(&rules.table).add(&rules.set).add(&rules.nets).add(&rules.timed).add(&rules.chain);
        nft.as_mut().map_err(|e| e.to_string())?.apply(&batch)?;
        Ok(Self { rules, nft: nft?, bare: bare? })
    }

    /// Leaves the kernel nothing to clean up in the background of the next measurement.
    pub(crate) fn close(mut self) -> Result<()> {
        let mut batch = Batch::new();
        batch.delete(&self.rules.table);
        self.nft.apply(&batch)?;
        // Closing waits for what the last commits freed.
        Ok(())
    }
}
