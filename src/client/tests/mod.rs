//! What only other kernels answer, and what only unlucky ones do.

mod faults;

use super::*;
use crate::testing;
use std::time::Duration;

/// A kernel before 6.10 acknowledges the last message, which has to be found.
#[test]
fn the_last_message_is_known_after_nothing_was_appended() {
    let mut batch = Batch::new();
    batch.add(Table::new(Family::Inet, "a")).add(Table::new(Family::Inet, "b"));
    batch.append(Batch::new());
    let sent: Vec<u8> = Commit::without_end_ack(&batch).transmit().iter().flat_map(|part| part.to_vec()).collect();
    let acked: Vec<bool> = wire::message::messages(&sent).flatten().map(|m| m.flags & 4 != 0).collect();
    assert_eq!(acked, [false, false, true, false], "begin, a, b, end");
}

#[test]
fn what_cannot_be_known_is_not_taken_for_nothing() {
    let interrupted = || Err::<Vec<Table>, _>(Error::Interrupted { what: "tables".into() });
    assert!(readable(interrupted()).is_err());
    let missing = || Err::<Vec<Table>, _>(refusal("chains".into(), nix::errno::Errno::ENOENT as i32));
    assert_eq!(readable(missing()).unwrap(), []);
}

/// A connection as it would be to a kernel that lacks something.
fn without(missing: &[Feature]) -> Result<Client> {
    let mut nft = Client::open()?;
    nft.capabilities = Some(Capabilities::without(missing));
    if missing.contains(&Feature::EndAck) {
        nft.acks = Some(Acks::Last);
    }
    Ok(nft)
}

/// Before 6.10 nobody tells whose a new generation is: what sets were is then looked at again.
#[test]
fn anothers_generation_is_not_taken_for_ones_own() {
    testing::in_namespace(|| -> Result<()> {
        let (mut nft, mut other) = (without(&[Feature::EndAck])?, Client::open()?);
        let table = Table::new(Family::Inet, "t");
        nft.apply(Batch::new().add(&table))?;
        let generation = nft.generation()?;
        let same = Committed { generation: Some(generation) };
        assert_eq!(nft.known_after(Some(generation), &same), Some(generation), "nothing has changed");
        other.apply(Batch::new().add(table.chain("c")))?;
        let guess = Committed { generation: Some(nft.after(generation)?) };
        assert_eq!(nft.known_after(Some(generation), &guess), None);
        nft.acks = Some(Acks::End);
        assert_eq!(nft.known_after(Some(generation), &guess), guess.generation, "such a kernel has told");
        Ok(())
    });
}

/// Linux 6.4 and earlier keep the size of a set that is added again, 6.0 and earlier its timeout,
/// and say that all is well.
#[test]
fn what_an_old_kernel_would_keep_is_refused() {
    type Fill = fn(&mut Batch, Set);
    testing::in_namespace(|| -> Result<()> {
        let table = Table::new(Family::Inet, "t");
        let minute = Duration::from_secs(60);
        let set = |size: Option<u32>, timeout: Option<Duration>| {
            let set = Set::new(&table, "s", DataType::from(7), 4).with_flags(SetFlags::TIMEOUT);
            let sized = size.map_or(set.clone(), |size| set.with_size(size));
            Set { timeout, ..sized }
        };
        let old = set(Some(10), Some(minute));
        Client::open()?.apply(Batch::new().add(&table).add(&old))?;
        let again: Fill = |b, set| {
            b.add(set);
        };
        let anew: Fill = |b, set| {
            b.delete(&set).add(set);
        };
        let table_anew: Fill = |b, set| {
            let table = Table::new(set.family, &set.table);
            b.delete(&table).add(table).add(set);
        };
        let twice: Fill = |b, set| {
            let first = Set { desc: None, timeout: None, ..set.clone() };
            b.delete(&first).add(first.with_size(99)).add(set);
        };
        let narrow = Set { key_type: Some(DataType::from(13)), key_len: Some(2), ..old.clone() };
        let both = &[Feature::SetSize, Feature::SetTimeout][..];
        let cases = [
            (both, again, set(Some(10), Some(minute)), None),
            (both, again, set(None, Some(minute)), None),
            (both, again, set(Some(20), Some(minute)), Some("another size for a set came with 6.5")),
            (both, again, set(Some(10), Some(2 * minute)), Some("another timeout for a set came with 6.1")),
            (both, again, set(Some(10), None), Some("another timeout for a set came with 6.1")),
            (both, again, set(None, Some(2 * minute)), Some("another timeout for a set came with 6.1")),
            (&both[..1], again, set(Some(10), Some(2 * minute)), None),
            (&both[..1], again, set(Some(20), Some(2 * minute)), Some("another size")),
            (&[], again, set(Some(20), Some(2 * minute)), None),
            (both, anew, set(Some(20), Some(2 * minute)), None),
            (both, table_anew, set(Some(20), Some(2 * minute)), None),
            (both, twice, set(Some(20), None), Some("another size")),
            (both, again, narrow.clone(), Some("another key")),
            (both, anew, narrow, None),
        ];
        for (missing, fill, new, refused) in cases {
            let mut nft = without(missing)?;
            let mut batch = Batch::new();
            fill(&mut batch, new.clone());
            for outcome in [nft.check(&batch), nft.apply(&batch).map(|_| ())] {
                match (refused, outcome) {
                    (None, outcome) => outcome?,
                    (Some(refused), outcome) => {
                        let error = outcome.expect_err(refused);
                        assert!(error.failures()[0].cause.contains(refused), "{new:?}: {error}");
                    }
                }
            }
            // Back, with a kernel that does as it is told.
            let mut back = Batch::new();
            table_anew(&mut back, old.clone());
            Client::open()?.apply(&back)?;
        }
        Ok(())
    });
}

/// Kernels before 6.18 take in family bridge whatever meta loads; this one says no only when it
/// commits.
#[test]
fn a_check_refuses_in_family_bridge_what_the_kernel_at_hand_does() {
    use crate::{
        data::{Hook, Register, Verdict},
        expr::{Expr, Immediate, Meta, MetaKey},
    };
    testing::in_namespace(|| -> Result<()> {
        for (family, key, old) in [
            (Family::Bridge, MetaKey::Secpath, true),
            (Family::Bridge, MetaKey::Sdif, true),
            (Family::Bridge, MetaKey::Sdifname, true),
            (Family::Ip, MetaKey::Sdif, false),
        ] {
            let table = Table::new(family, "t");
            let base = table.chain("base").with_hook(Hook::Output, 0);
            let jump = Immediate::new(Register::VERDICT, Verdict::jump("sub"));
            let mut batch = Batch::new();
            batch.add(&table).add(&base).add(table.chain("sub")).add(Rule::new(&base, [Expr::from(jump)]));
            batch.add(Rule::new(&table.chain("sub"), [Expr::from(Meta::load(key, Register::R1))]));
            let mut nft = without(&[])?;
            assert!(nft.check(&batch).is_err(), "{family} {key:?}");
            assert_eq!(without(&[Feature::BridgeMeta])?.check(&batch).is_ok(), old, "{family} {key:?}");
        }
        Ok(())
    });
}

/// From 6.1 to 6.11 elements of the batch that changes the timeout of their set would get the old
/// one.
#[test]
fn a_plan_for_an_old_kernel_makes_a_set_with_another_timeout_anew() {
    testing::in_namespace(|| -> Result<()> {
        let table = Table::new(Family::Inet, "t");
        let desired = |seconds| {
            let set = Set::new(&table, "s", DataType::from(7), 4).with_flags(SetFlags::TIMEOUT);
            let set = Set { timeout: Some(Duration::from_secs(seconds)), ..set };
            crate::model::Ruleset::made_by(Batch::new().add(&table).add(set)).unwrap()
        };
        Client::open()?.reconcile(&desired(60))?;
        for (missing, anew) in [(&[Feature::TimeoutUpdate][..], true), (&[Feature::SetSize], false), (&[], false)] {
            let plan = without(missing)?.plan(&desired(90))?;
            assert_eq!(plan.replaced().len(), usize::from(anew), "{missing:?}: {plan}");
        }
        Ok(())
    });
}
