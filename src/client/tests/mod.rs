//! What only other kernels answer, and what only unlucky ones do.

mod faults;

use super::*;

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
