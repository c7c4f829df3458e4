//! Tables: every family, flags, comments, and every verb.

use super::lab::*;
use oxitables::{Batch, Error, Family, Table, data::Name, model::TableFlags, testing};

const FAMILIES: [Family; 6] = [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev];

#[test]
fn of_every_family_with_flags_and_comment() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        for family in FAMILIES {
            let table = Table::new(family, "t").with_comment("it's ours").with_flags(TableFlags::DORMANT);
            apply(&mut nft, |b| b.create(&table))?;
            let back = nft.table(family, "t")?.unwrap();
            assert_eq!((back.family, &back.name, back.flags), (family, &table.name, table.flags));
            assert_eq!(back.comment(), table.comment());
            assert!(back.handle.is_some_and(|handle| handle > 0));
            assert_eq!((back.used, back.owner), (Some(0), None));
        }
        assert_eq!(nft.tables().snapshot()?.len(), FAMILIES.len());
        assert_listed(&FAMILIES.map(|family| format!("table {family} t {{")).each_ref().map(|line| &line[..]));
        assert_listed(&["flags dormant", "comment \"it's ours\""]);
        Ok(())
    });
}

#[test]
fn dormant_can_be_changed() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input()))?;
        for flags in [TableFlags::DORMANT, TableFlags::empty()] {
            apply(&mut nft, |b| b.add(host().with_flags(flags)))?;
            assert_eq!(nft.table(Family::Inet, "host")?.unwrap().flags, Some(flags));
        }
        Ok(())
    });
}

#[test]
fn every_verb() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let (t, other) = (host(), Table::new(Family::Ip, "host"));
        let names = |nft: &mut oxitables::Client| -> Result<Vec<Family>, Error> {
            Ok(nft.tables().snapshot()?.iter().map(|t| t.family).collect())
        };
        apply(&mut nft, |b| b.add(&t).add(&t).create(&other))?;
        assert!(apply(&mut nft, |b| b.create(&t)).unwrap_err().is_exists());
        apply(&mut nft, |b| b.add(input()).add(does(&input(), oxitables::data::Verdict::accept())))?;
        apply(&mut nft, |b| b.flush(&t))?;
        assert_eq!(nft.rules(&input()).snapshot()?, []);
        assert_eq!(nft.chains(&t).snapshot()?.len(), 1, "flushing a table leaves its chains");
        apply(&mut nft, |b| b.delete(&t))?;
        assert_eq!(names(&mut nft)?, [Family::Ip], "the other family's table of that name stays");
        assert!(apply(&mut nft, |b| b.delete(&t)).unwrap_err().is_not_found());
        match lacks(Feature::Destroy) {
            false => apply(&mut nft, |b| b.destroy(&t).destroy(&other))?,
            true => apply(&mut nft, |b| b.delete(&other))?,
        };
        assert_eq!(names(&mut nft)?, []);
        assert_eq!(nft.table(Family::Ip, "host")?, None);
        Ok(())
    });
}

#[test]
fn any_bytes_are_a_name() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let names = ["a b".as_bytes(), b"\"q\"", b"\xff\xfe", b"new\nline", "größe".as_bytes(), &[b'x'; 255]];
        // Those of a listing, whoever made them: what has a handle has its name already.
        let tables = names.map(|name| {
            let mut table = Table::new(Family::Inet, Name::from(name));
            table.handle = Some(1);
            table
        });
        apply(&mut nft, |b| tables.iter().fold(b, Batch::add))?;
        let back = nft.tables().snapshot()?;
        assert_eq!(back.iter().map(|t| t.name.as_bytes()).collect::<Vec<_>>(), names);
        apply(&mut nft, |b| tables.iter().fold(b, Batch::delete))?;
        assert_eq!(nft.tables().snapshot()?, []);
        Ok(())
    });
}
