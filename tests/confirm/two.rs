//! Two changes at once: of one program or two, also of two that are process 1 of their containers.

use crate::{
    LONG, SHORT,
    agents::{Agent, more},
    common::features::lacks,
    sandboxed::Outcome,
    settled, state, with,
};
use oxitables::{
    client::{Owned, confirm},
    model::Ruleset,
    proto::Feature,
    testing::program,
    *,
};
use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

fn inet(name: &str) -> Table {
    Table::new(Family::Inet, name)
}

/// Two tables, and what they are.
fn two_tables(nft: &mut Client) -> Result<Ruleset> {
    nft.apply(Batch::new().add(inet("a")).add(inet("b")))?;
    Ok(state(nft)?.0)
}

fn has(nft: &mut Client, table: &str, chain: &str) -> Result<bool> {
    Ok(nft.chain(&inet(table), chain)?.is_some())
}

/// Agents in pairs: processes that see each other, and containers that do not.
fn pairs() -> [[Agent; 2]; 2] {
    [[Agent::start(), Agent::start()], [Agent::contained(), Agent::contained()]]
}

/// What one batch makes and deletes, the kernel lists to others until the batch is over.
pub fn what_is_only_tried_nobody_sees() -> Outcome {
    let (mut nft, mut reader) = (Client::open()?, Client::open()?);
    let mut batch = with(|b| b.add(inet("a")));
    // Much to make again, so that to try it takes a while.
    for n in 0..500 {
        batch.add(inet("a").chain(format!("c{n}")));
    }
    nft.apply(&batch)?;
    // It is not made in the end.
    let change = with(|b| b.add(inet("b")).delete(inet("a").chain("none")));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading = scope.spawn(|| -> Result<()> {
            while !over.load(Ordering::SeqCst) {
                assert_eq!(reader.table(Family::Inet, "b")?, None);
            }
            Ok(())
        });
        for _ in 0..20 {
            assert!(nft.apply_confirmed(&change, LONG).unwrap_err().is_not_found());
        }
        over.store(true, Ordering::SeqCst);
        reading.join().unwrap()
    })?;
    Ok(())
}

pub fn a_table_has_one_change_that_waits() -> Outcome {
    let mut nft = Client::open()?;
    let before = two_tables(&mut nft)?;
    for [mut one, mut two] in pairs() {
        assert_eq!(one.ask("change a first 600000"), "ok");
        let (with_first, _) = state(&mut nft)?;
        let refused = two.ask("change a second 600000");
        assert!(refused.starts_with("pending: nothing was changed: table inet a has a change"), "{refused}");
        assert!(refused.contains("(process ") && refused.contains(" at 20"), "it says who and when: {refused}");
        assert_eq!(state(&mut nft)?.0, with_first);
        // Another table is free, and each goes its own way.
        assert_eq!(two.ask("change b other 600000"), "ok");
        assert!(one.ask("change b third 600000").starts_with("pending: "));
        assert_eq!(one.ask("undo 0"), "ok");
        assert!(!has(&mut nft, "a", "first")? && has(&mut nft, "b", "other")?);
        assert_eq!(two.ask("change a second 600000"), "ok");
        assert_eq!(two.ask("drop 0"), "ok");
        assert_eq!(two.ask("confirm 1"), "ok");
        assert!(has(&mut nft, "a", "second")? && !has(&mut nft, "b", "other")?);
        nft.apply(Batch::new().delete(inet("a").chain("second")))?;
        assert_eq!(state(&mut nft)?, (before.clone(), false));
    }
    Ok(())
}

pub fn of_one_program_too_whatever_names_the_table() -> Outcome {
    let mut nft = Client::open()?;
    two_tables(&mut nft)?;
    let (long, twin) = ("n".repeat(255), Table::new(Family::Ip, "a"));
    nft.apply(Batch::new().add(inet(&long)).add(&twin))?;
    let (before, _) = state(&mut nft)?;
    let listed = nft.table(Family::Inet, "a")?.unwrap();
    let first = nft.apply_confirmed(&more("a", "first"), LONG)?;
    let (with_first, _) = state(&mut nft)?;
    for refused in [
        more("a", "second"),
        // By its handle, and without naming it.
        with(|b| b.delete(&listed)),
        with(|b| b.flush_ruleset(Some(Family::Inet))),
        with(|b| b.flush_ruleset(None)),
        with(|b| b.add(inet("c")).destroy(inet("a"))),
    ] {
        let error = nft.apply_confirmed(&refused, LONG).unwrap_err();
        assert!(error.is_pending() && error.to_string().contains("table inet a"), "{error}");
        assert_eq!(state(&mut nft)?.0, with_first);
    }
    // Of the same name in another family, and as long as a name may be.
    let second = nft.apply_confirmed(&with(|b| b.add(twin.chain("second"))), LONG)?;
    let third = nft.apply_confirmed(&more(&long, "third"), LONG)?;
    let fourth =
        nft.apply_confirmed(&with(|b| b.flush_ruleset(Some(Family::Arp)).add(Table::new(Family::Arp, "a"))), LONG)?;
    let waiting = confirm::waiting(&mut nft)?;
    assert_eq!(waiting.iter().map(|one| one.tables.len()).collect::<Vec<_>>(), [1; 4]);
    assert!(waiting.iter().all(|one| one.is_watched().unwrap()) && confirm::mend(&mut nft)?.is_empty());
    // In the order in which they were made, once the wrong way round for a stack.
    drop((first, second));
    third.undo()?;
    fourth.undo()?;
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

pub fn what_was_undone_cannot_be_confirmed_in_any_order() -> Outcome {
    let mut nft = Client::open()?;
    let before = two_tables(&mut nft)?;
    for [mut one, mut two] in pairs() {
        assert_eq!(one.ask("change a first 1"), "ok");
        assert_eq!(settled(&mut nft)?, before);
        // Another has the table by now.
        assert_eq!(two.ask("change a second 600000"), "ok");
        let late = one.ask("confirm 0");
        assert!(late.starts_with("undone: "), "{late}");
        assert!(has(&mut nft, "a", "second")? && !has(&mut nft, "a", "first")?);
        two.ask("undo 0");
        assert_eq!(state(&mut nft)?, (before.clone(), false));
    }
    Ok(())
}

pub fn what_others_change_meanwhile_is_undone_too() -> Outcome {
    let mut nft = Client::open()?;
    let before = two_tables(&mut nft)?;
    let [mut one, mut two] = [Agent::start(), Agent::start()];
    assert_eq!(one.ask("change a first 600000"), "ok");
    assert_eq!(two.ask("apply a plain"), "ok");
    assert_eq!(one.ask("undo 0"), "ok");
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

pub fn a_flushed_ruleset_confirms_nothing() -> Outcome {
    let mut nft = Client::open()?;
    let Some(stock) = program("nft") else { return Ok(()) };
    for undo in [true, false] {
        two_tables(&mut nft)?;
        let mut other = Agent::contained();
        let pending = nft.apply_confirmed(&more("a", "first"), LONG)?;
        // By this crate, it is refused.
        for batch in [with(|b| b.flush_ruleset(None)), with(|b| b.flush_ruleset(Some(Family::Inet)))] {
            assert!(nft.apply(&batch).unwrap_err().is_pending() && nft.check(&batch).unwrap_err().is_pending());
        }
        assert!(other.ask("flush").starts_with("pending: "));
        nft.apply(Batch::new().flush_ruleset(Some(Family::Ip)))?;
        assert!(has(&mut nft, "a", "first")?);
        // Others cannot be stopped: their will is done, and nobody says that the change is kept.
        assert!(Command::new(&stock).args(["flush", "ruleset"]).status()?.success());
        let outcome = if undo { pending.undo() } else { pending.confirm(&mut nft) };
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("somebody deleted the table that marks"), "{error}");
        assert!(undo || error.contains("table inet a with it"), "{error}");
        assert!(nft.ruleset()?.tables.is_empty());
    }
    Ok(())
}

pub fn a_table_of_ones_own_is_not_flushed_either() -> Outcome {
    let mut nft = Client::open()?;
    if lacks(Feature::Owner) {
        return Ok(());
    }
    let mut own = Owned::new(inet("own"))?;
    two_tables(&mut nft)?;
    let (before, _) = state(&mut nft)?;
    for family in [None, Some(Family::Inet)] {
        let error = own.apply_confirmed(&with(|b| b.flush_ruleset(family)), LONG).unwrap_err();
        assert!(error.to_string().contains("owner"), "{error}");
        // Another connection cannot take it away; so it does not have to come back.
        nft.apply_confirmed(&with(|b| b.flush_ruleset(family)), LONG)?.undo()?;
        assert_eq!(state(&mut nft)?, (before.clone(), false));
    }
    let handle = nft.table(Family::Inet, "own")?.unwrap();
    assert!(own.apply_confirmed(&with(|b| b.delete(&handle)), LONG).is_err());
    Ok(())
}

pub fn a_dead_container_is_mended_by_the_next() -> Outcome {
    let mut nft = Client::open()?;
    let before = two_tables(&mut nft)?;
    let killed = |nft: &mut Client| -> Result<()> {
        let mut agent = Agent::contained();
        assert_eq!(agent.ask("change a first 600000"), "ok");
        let waiting = confirm::waiting(nft)?;
        assert!(waiting.len() == 1 && waiting[0].tables == [inet("a")] && waiting[0].is_watched()?);
        agent.kill_with_watchdogs();
        // What is killed is not gone at once.
        while waiting[0].is_watched()? {
            thread::sleep(Duration::from_millis(2));
        }
        assert!(has(nft, "a", "first")?, "nobody is left to undo it");
        Ok(())
    };
    // By the next that starts,
    killed(&mut nft)?;
    let mut next = Agent::contained();
    let said = next.ask("mended");
    assert!(said.contains("table inet oxitables_pending_") && said.ends_with("is undone"), "{said}");
    assert_eq!(state(&mut nft)?, (before.clone(), false));
    assert_eq!(Agent::contained().ask("mended"), "", "once");
    // by one that is there already, when it needs the table,
    killed(&mut nft)?;
    assert_eq!(next.ask("change b other 600000"), "ok");
    assert!(has(&mut nft, "a", "first")?);
    assert_eq!(next.ask("change a second 600000"), "ok");
    assert!(!has(&mut nft, "a", "first")? && has(&mut nft, "a", "second")?);
    next.ask("undo 0");
    next.ask("undo 1");
    // or when it is told to.
    killed(&mut nft)?;
    assert!(nft.apply(Batch::new().flush_ruleset(None)).unwrap_err().is_pending());
    assert!(confirm::mend(&mut nft)?.iter().all(|mended| mended.outcome.is_ok()));
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

pub fn a_marker_that_keeps_nothing_is_told_and_left() -> Outcome {
    let mut nft = Client::open()?;
    two_tables(&mut nft)?;
    // As an older version of this crate made them, or a listing that was loaded once more.
    let (old, mut named) = (inet("oxitables_pending_1_0"), inet("oxitables_pending_ab"));
    named.userdata = Some((&b"\0\x04a\x1bb\0"[..]).into());
    nft.apply(Batch::new().add(&old).add(old.chain("elsewhere")).add(&named))?;
    let (before, _) = state(&mut nft)?;
    let mended = confirm::mend(&mut nft)?;
    assert!(mended.len() == 2 && mended.iter().all(|one| one.outcome.is_err()), "{mended:?}");
    assert!(mended[0].to_string().contains("delete that table"), "{}", mended[0]);
    assert!(mended[1].to_string().contains(r"a\u{1b}b"), "{}", mended[1]);
    // It may be about any table.
    assert!(nft.apply_confirmed(&more("a", "first"), SHORT).is_err());
    assert_eq!(state(&mut nft)?, (before, true));
    nft.apply(Batch::new().delete(&old).delete(&named))?;
    nft.apply_confirmed(&more("a", "first"), LONG)?.confirm(&mut nft)?;
    Ok(())
}
