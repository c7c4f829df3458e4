//! Kernels that lack something, and what is asked of those that answer.

use super::*;
use crate::{
    data::{ChainType, DataType, Hook},
    model::SetFlags,
};

/// A kernel that can do nothing new.
#[derive(Default)]
struct Old {
    searches: usize,
}

impl World for Old {
    fn lacks(&mut self, _: Feature) -> bool {
        true
    }
    fn table(&mut self, family: Family, name: &Name) -> Option<Table> {
        Some(Table { owner: Some(7), ..Table::new(family, name) })
    }
    fn process(&mut self, _: u32) -> Option<String> {
        self.searches += 1;
        None
    }
}

/// Adds to a batch.
type Fill<'a> = &'a dyn Fn(&mut Batch) -> &mut Batch;

fn refused(batch: &Batch, errno: Errno, world: &mut dyn World) -> Failure {
    let ack = Ack { errno: errno as i32, offset: None, text: None };
    explain(batch, batch.messages(), &ack, &mut Witness::new(world))
}

#[test]
fn what_came_later_is_named_with_its_kernel() {
    let table = Table::new(Family::Inet, "t");
    let set = Set::new(&table, "s", DataType::from(7), 4);
    let concat = Set { flags: Some(SetFlags::CONCAT | SetFlags::INTERVAL), ..set.clone() };
    let owned = |flags| table.clone().with_flags(flags);
    let cases: [(Fill<'_>, Feature); 5] = [
        (&|b| b.destroy(table.chain("c")), Feature::Destroy),
        (&|b| b.add(owned(TableFlags::OWNER)), Feature::Owner),
        (&|b| b.add(owned(TableFlags::OWNER | TableFlags::PERSIST)), Feature::Persist),
        (&|b| b.add(&concat), Feature::ConcatIntervals),
        (&|b| b.add(set.elements([Element::catch_all()])), Feature::CatchAll),
    ];
    for (fill, feature) in cases {
        let mut batch = Batch::new();
        // Of the first message more is known.
        batch.add(&table);
        fill(&mut batch);
        let said = format!("this kernel cannot do that: {feature} came with {}", feature.since());
        for errno in [Errno::EINVAL, Errno::EOPNOTSUPP] {
            assert_eq!(refused(&batch, errno, &mut Old::default()).cause, said);
            assert_ne!(refused(&batch, errno, &mut ()).cause, said);
        }
        assert_ne!(refused(&batch, Errno::EEXIST, &mut Old::default()).cause, said);
    }
}

#[test]
fn an_owner_is_searched_for_once() {
    let mut batch = Batch::new();
    for name in ["a", "b", "c"] {
        batch.add(Table::new(Family::Inet, "t").chain(name));
    }
    let mut old = Old::default();
    let mut world = Witness::new(&mut old);
    for seq in 1..=3 {
        let ack = Ack { errno: Errno::EPERM as i32, offset: None, text: None };
        let failure = explain(&batch, seq, &ack, &mut world);
        assert_eq!(failure.cause, "the table inet t belongs to the process with netlink port 7");
    }
    assert_eq!(old.searches, 1);
}

#[test]
fn what_failed_has_removed_nothing() {
    let table = Table::new(Family::Inet, "t");
    let mut batch = Batch::new();
    batch.delete(table.chain("c")).delete(table.chain("c"));
    let ack = Ack { errno: Errno::ENOENT as i32, offset: None, text: None };
    let remedy = |failed: &[u32]| {
        let mut nothing = ();
        let mut world = Witness::new(&mut nothing).with_failed(failed.iter().copied());
        explain(&batch, 2, &ack, &mut world).remedy
    };
    assert_eq!(remedy(&[2]).as_deref(), Some("operation 1 removed it"));
    assert_eq!(remedy(&[1, 2]).as_deref(), Some(DESTROY));
}

#[test]
fn what_a_kernel_does_not_point_at_is_found_out() {
    let table = Table::new(Family::Inet, "t");
    let cause = |fill: Fill<'_>, world: &mut dyn World| {
        let mut batch = Batch::new();
        batch.delete(table.chain("other"));
        fill(&mut batch);
        refused(&batch, Errno::ENOENT, world).cause
    };
    let set = Set::new(&table, "nosuch", DataType::from(7), 4);
    let element = Element::new(Value::new(&[192, 0, 2, 1]).unwrap());
    for count in [1, 2] {
        let elements = vec![element.clone(); count];
        let said = cause(&|b| b.add(set.elements(&elements)), &mut Old::default());
        assert_eq!(said, "there is no set nosuch in table inet t");
    }
    let odd = Chain {
        kind: Some(ChainType::Unknown("odd".into())),
        ..table.chain("c").with_hook(Hook::Input, crate::Priority::FILTER)
    };
    let said = cause(&|b| b.add(&odd), &mut Old::default());
    assert_eq!(said, "this kernel has no chains of type odd in family inet");
}
