//! Tables that belong to a connection.

use super::lab::*;
use oxitables::{Error, Family, data::Verdict, model::TableFlags, testing};
use std::{thread, time::Duration};

/// Soon, though maybe not at once: a program that another test is just starting holds a copy of the socket until it runs.
#[track_caller]
fn eventually(mut it_is: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    for _ in 0..200 {
        if it_is()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("not within two seconds");
}

#[test]
fn nobody_else_may_change_it_and_it_goes_with_its_owner() {
    testing::in_namespace(|| -> Result<(), Error> {
        let (mut owner, mut other) = (open(), open());
        let table = host().with_flags(TableFlags::OWNER);
        apply(&mut owner, |b| b.add(&table).add(input()))?;
        let seen = other.table(Family::Inet, "host")?.unwrap();
        assert_eq!((seen.owner, seen.flags), (Some(owner.port()), Some(TableFlags::OWNER)));

        let set = addresses(&host(), "s");
        for refused in [
            apply(&mut other, |b| b.add(does(&input(), Verdict::accept()))),
            apply(&mut other, |b| b.add(host())),
            apply(&mut other, |b| b.delete(host())),
            apply(&mut other, |b| b.add(&set)),
            apply(&mut other, |b| b.add(host().chain("c"))),
            apply(&mut other, |b| b.flush(input())),
        ] {
            let error = refused.unwrap_err();
            assert!(error.is_permission());
            let said = error.to_string();
            assert!(said.contains("EPERM"), "{said}");
            assert!(said.contains("the table inet host belongs to "), "{said}");
            assert!(said.contains(&owner.port().to_string()), "{said}");
            assert!(said.contains("only its owner may change it; it goes when the owner closes its socket"), "{said}");
        }
        assert_eq!(other.chains(&host()).snapshot()?.len(), 1, "reading is for everybody");
        apply(&mut owner, |b| b.add(&set))?;
        assert_listed(&["flags owner"]);

        drop(owner);
        eventually(|| Ok(other.table(Family::Inet, "host")?.is_none()))
    });
}

#[test]
fn a_persistent_one_stays_for_another_owner() {
    testing::in_namespace(|| -> Result<(), Error> {
        let (mut owner, mut other) = (open(), open());
        let table = host().with_flags(TableFlags::OWNER | TableFlags::PERSIST);
        apply(&mut owner, |b| b.add(&table))?;
        drop(owner);
        eventually(|| Ok(other.table(Family::Inet, "host")?.is_some_and(|t| t.owner.is_none())))?;
        let left = other.table(Family::Inet, "host")?.unwrap();
        assert_eq!((left.owner, left.flags), (None, Some(TableFlags::PERSIST)));
        apply(&mut other, |b| b.add(&table))?;
        let claimed = open().table(Family::Inet, "host")?.unwrap();
        assert_eq!(claimed.owner, Some(other.port()));
        Ok(())
    });
}
