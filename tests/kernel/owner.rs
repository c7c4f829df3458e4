//! Tables that belong to a connection.

use super::lab::*;
use oxitables::{
    Batch, Error, Family, Hook, Priority, Table, client::Owned, data::Verdict, model::TableFlags, testing,
};
use std::{process::Command, thread, time::Duration};

/// Soon, though maybe not at once: a program that another test is just starting holds a copy of the
/// socket until it runs.
#[track_caller]
fn eventually(mut it_is: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    for _ in 0..6000 {
        if it_is()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("not within a minute");
}

#[test]
fn nobody_else_may_change_it_and_it_goes_with_its_owner() {
    testing::in_namespace(|| -> Result<(), Error> {
        if lacks(Feature::Owner) {
            return Ok(());
        }
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
            assert!(said.contains(&format!("netlink port {}", owner.port())), "{said}");
            assert!(said.contains("only its owner may change it; it goes when the owner closes its socket"), "{said}");
        }
        assert_eq!(other.chains(&host()).snapshot()?.len(), 1, "reading is for everybody");
        apply(&mut owner, |b| b.add(&set))?;
        assert_listed(&["flags owner"]);
        let program = std::fs::read_to_string("/proc/self/comm").unwrap();
        let listed = other.ruleset()?.to_string();
        assert!(listed.contains(&format!("# progname {}\n", program.trim_end())), "{listed}");

        drop(owner);
        eventually(|| Ok(other.table(Family::Inet, "host")?.is_none()))
    });
}

#[test]
fn a_persistent_one_stays_for_another_owner() {
    testing::in_namespace(|| -> Result<(), Error> {
        if lacks(Feature::Persist) {
            return Ok(());
        }
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

#[test]
fn an_owned_table_lives_as_long_as_its_value() {
    testing::in_namespace(|| -> Result<(), Error> {
        if lacks(Feature::Owner) {
            return Ok(());
        }
        let mut other = open();
        let first = open();
        let mut own = Owned::new(host())?;
        own.apply(Batch::new().add(input()))?;
        let error = apply(&mut other, |b| b.flush(input())).unwrap_err();
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        let who = format!("belongs to {} (process {}, netlink port {})", comm.trim(), std::process::id(), own.port());
        assert!(error.to_string().contains(&who), "{error}");
        assert!(Owned::new(host()).unwrap_err().is_permission());
        assert_ne!(own.port(), first.port(), "found by its socket, not by its number");
        drop(own);
        eventually(|| Ok(other.table(Family::Inet, "host")?.is_none()))?;

        if lacks(Feature::Persist) {
            return Ok(());
        }
        let kept = Owned::persistent(host())?;
        assert_eq!(kept.table().name, host().name);
        drop(kept);
        eventually(|| Ok(other.table(Family::Inet, "host")?.is_some_and(|t| t.owner.is_none())))?;
        let kept = Owned::persistent(host())?;
        assert!(apply(&mut other, |b| b.delete(host())).unwrap_err().is_permission());
        drop(kept);
        eventually(|| Ok(other.table(Family::Inet, "host")?.is_some_and(|t| t.owner.is_none())))?;
        // Nobody's table is not taken over.
        apply(&mut other, |b| b.delete(host()).add(Table::new(Family::Inet, "free")))?;
        assert!(Owned::new(Table::new(Family::Inet, "free")).unwrap_err().is_unsupported());
        Ok(())
    });
}

#[test]
fn what_iptables_keeps_is_left_alone_unless_told_otherwise() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let filter = Table::new(Family::Ip, "filter");
        let kept = filter.chain("INPUT").with_hook(Hook::Input, Priority::FILTER);
        // A table of that name as such is nobody's.
        apply(&mut nft, |b| b.add(&filter).add(filter.chain("input").with_hook(Hook::Input, Priority::FILTER)))?;
        apply(&mut nft, |b| b.add(Table::new(Family::Inet, "filter")).add(&kept))?;
        let set = addresses(&filter, "s");
        for batch in [
            filled(|b| b.add(host()).add(does(&kept, Verdict::accept()))),
            filled(|b| b.add(host()).delete(&filter)),
            filled(|b| b.add(host()).add(&set)),
            filled(|b| b.add(host()).add(set.elements([element(ip(1))]))),
        ] {
            let said = nft.apply(&batch).unwrap_err().to_string();
            assert!(
                said.contains("(operation 2 of 2): table ip filter has chain INPUT: it is kept by iptables-nft"),
                "{said}"
            );
            assert!(said.contains("Client::allow_iptables"), "{said}");
            assert!(nft.check(&batch).is_err());
        }
        // To flush the ruleset takes it along.
        for family in [None, Some(Family::Ip)] {
            let said = apply(&mut nft, |b| b.flush_ruleset(family)).unwrap_err().to_string();
            assert!(said.contains("table ip filter has chain INPUT"), "{said}");
        }
        apply(&mut nft, |b| b.flush_ruleset(Some(Family::Inet)))?;
        nft.allow_iptables(true);
        apply(&mut nft, |b| b.add(&set))?;
        nft.allow_iptables(false);
        assert!(apply(&mut nft, |b| b.delete(&set)).is_err());
        // The real one.
        nft.allow_iptables(true);
        apply(&mut nft, |b| b.flush_ruleset(None))?;
        assert!(nft.tables().snapshot()?.is_empty());
        nft.allow_iptables(false);
        let Some(program) = testing::program("iptables-nft") else { return Ok(()) };
        let done = Command::new(program).args(["-A", "FORWARD", "-s", "192.0.2.1", "-j", "DROP"]).status().unwrap();
        assert!(done.success());
        assert!(apply(&mut nft, |b| b.flush(&filter)).unwrap_err().to_string().contains("has chain FORWARD"));
        Ok(())
    });
}

#[test]
fn changes_that_nobody_could_undo_are_not_made() {
    testing::in_namespace(|| -> Result<(), Error> {
        // This program's main is the harness's, and begins with something else.
        let mut nft = open();
        let error = nft.apply_confirmed(&filled(|b| b.add(host())), Duration::from_secs(1)).unwrap_err();
        let why = error.to_string();
        assert!(why.contains("main has to begin with oxitables::client::confirm::init()"), "{why}");
        assert_eq!(nft.tables().snapshot()?, []);
        Ok(())
    });
}
