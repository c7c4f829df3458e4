//! System calls that fail around an exchange.

use super::super::*;
use crate::{client::socket::Fault, testing};
use nix::errno::Errno;

/// System calls that fail around an exchange, alone and in runs.
fn faults() -> Vec<Vec<Fault>> {
    let errors = [Errno::ENOMEM, Errno::EINTR, Errno::EAGAIN, Errno::ENOBUFS];
    let sends = errors.map(Fault::Send);
    let receives = errors.map(Fault::Receive);
    let mut all: Vec<Vec<Fault>> = sends.iter().chain(&receives).map(|fault| vec![*fault]).collect();
    // Several in a row, so that reading what is left fails as well.
    all.extend(receives.map(|fault| vec![fault; 3]));
    all.extend(sends.map(|send| vec![send, Fault::Receive(Errno::ENOMEM), Fault::Receive(Errno::EAGAIN)]));
    // More than are tried: the exchange is given up, and the next one begins with what it left.
    all.extend(receives.map(|fault| vec![fault; 40]));
    all
}

fn good(name: &str) -> Batch {
    let mut batch = Batch::new();
    batch.create(Table::new(Family::Inet, name)).add(Table::new(Family::Inet, "t"));
    batch
}

fn impossible(name: &str) -> Batch {
    let mut batch = Batch::new();
    batch.delete(Table::new(Family::Inet, name)).add(Table::new(Family::Inet, "t"));
    batch
}

/// Whatever fails during a first batch: a second one is told what became of itself.
#[test]
fn what_one_exchange_leaves_behind_is_never_the_answer_of_the_next() {
    testing::in_namespace(|| -> Result<()> {
        for acks in [Acks::End, Acks::Last] {
            for faults in faults() {
                for first in [good, impossible] {
                    for second in [good, impossible] {
                        one_after_the_other(acks, &faults, &first("first"), &second("second"))?;
                    }
                }
            }
        }
        Ok(())
    });
}

fn one_after_the_other(acks: Acks, faults: &[Fault], first: &Batch, second: &Batch) -> Result<()> {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().flush_ruleset(None))?;
    nft.acks = Some(acks);
    nft.socket.faults = faults.to_vec().into();
    let case = format!("{acks:?}, {faults:?}");
    let outcome = nft.apply(first);
    nft.socket.faults.clear();
    let made = Client::open()?.table(Family::Inet, "first")?.is_some();
    match &outcome {
        Ok(_) => assert!(made, "{case}"),
        Err(Error::Rejected(_)) => assert!(!made, "{case}: {outcome:?}"),
        Err(_) => {}
    }
    let outcome = nft.apply(second);
    let made = nft.table(Family::Inet, "second")?.is_some();
    assert_eq!(outcome.is_ok(), made, "{case}: {outcome:?}");
    if !made {
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains("delete table inet second"), "{case}: {told}");
        assert!(!told.contains("first"), "{case}: {told}");
    }
    // And once more, with nothing wrong.
    assert!(nft.apply(&good("third")).is_ok(), "{case}");
    Ok(())
}

/// One failed call hides an answer from nobody: the batch is told what became of it.
#[test]
fn a_single_failed_call_does_not_hide_what_became_of_a_batch() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        nft.acks()?;
        for (n, fault) in faults().into_iter().filter(|faults| faults.len() == 1).enumerate() {
            nft.socket.faults = fault.clone().into();
            assert!(nft.apply(&good(&format!("made{n}"))).is_ok(), "{fault:?}");
            nft.socket.faults = fault.clone().into();
            let error = nft.apply(&impossible("none")).unwrap_err();
            assert!(error.is_not_found(), "{fault:?}: {error}");
        }
        Ok(())
    });
}

#[test]
fn questions_and_listings_go_on_after_a_call_that_failed() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = Client::open()?;
        nft.apply(&good("first"))?;
        for faults in faults().into_iter().filter(|faults| faults.len() < 9) {
            nft.socket.faults = faults.clone().into();
            if let Ok(table) = nft.table(Family::Inet, "first") {
                assert!(table.is_some(), "{faults:?}");
            }
            nft.socket.faults = faults.clone().into();
            if let Ok(table) = nft.table(Family::Inet, "none") {
                assert!(table.is_none(), "{faults:?}");
            }
            nft.socket.faults = faults.clone().into();
            if let Ok(tables) = nft.tables().snapshot() {
                assert_eq!(tables.len(), 2, "{faults:?}");
            }
            nft.socket.faults.clear();
            assert_eq!(nft.tables().snapshot()?.len(), 2, "{faults:?}");
            assert!(nft.table(Family::Inet, "t")?.is_some());
        }
        Ok(())
    });
}
