//! The protocol without a kernel: every answer that one may give, and some that none does.

#[path = "common/bytes.rs"]
mod bytes;

use bytes::attribute;
use oxitables::{
    Batch, Family, Hook, Priority, Table,
    data::{Register, Verdict},
    expr::{Expr, Immediate, Lookup},
    model::{Generation, Rule},
    proto::{Commit, Dump, DumpEvent, Feature, Outcome, Probe},
};
use proptest::prelude::*;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const F_REQUEST: u16 = 0x1;
const F_ACK: u16 = 0x4;
const F_DUMP_INTR: u16 = 0x10;
const F_CAPPED: u16 = 0x100;
const F_ACK_TLVS: u16 = 0x200;
const NEWRULE: u16 = 10 << 8 | 6;

const ENOENT: i32 = 2;
const EPERM: i32 = 1;
const EBUSY: i32 = 16;
const ERESTART: i32 = 85;

fn message(kind: u16, flags: u16, seq: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + body.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(4242u32.to_ne_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An ack (errno 0) or an error, with the header of the message that it is about.
fn answer(seq: u32, errno: i32) -> Vec<u8> {
    message(NLMSG_ERROR, F_CAPPED, seq, &[&(-errno).to_ne_bytes()[..], &[0; 16]].concat())
}

/// An error that points at a byte of the refused message.
fn pointing(seq: u32, errno: i32, offset: u32) -> Vec<u8> {
    let tlvs = attribute(2, &offset.to_ne_bytes());
    message(NLMSG_ERROR, F_CAPPED | F_ACK_TLVS, seq, &[&(-errno).to_ne_bytes()[..], &[0; 16], &tlvs].concat())
}

/// Messages 1 to 3: a table, a chain, a rule with two expressions.
fn batch() -> Batch {
    let host = Table::new(Family::Inet, "host");
    let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
    let exprs =
        [Expr::from(Lookup::new("s", Register::R1)), Immediate::new(Register::VERDICT, Verdict::accept()).into()];
    let mut batch = Batch::new();
    batch.add(&host).add(&input).add(Rule::new(&input, exprs));
    batch
}

/// Stands for the sequence number of the end marker.
const END: u32 = 4;

/// The sequence numbers on the wire of the begin marker (0), the messages (1 to 3) and the end
/// marker: markers, and the message that is acknowledged in place of the end, have numbers that no
/// other commit has.
fn on_the_wire(commit: &Commit<'_>) -> Vec<u32> {
    sent(commit).into_iter().map(|(.., seq)| seq).collect()
}

/// Hands a datagram over, with the numbers that its messages have on the wire.
fn handle(commit: &mut Commit<'_>, datagram: &[u8]) {
    let numbers = on_the_wire(commit);
    let mut datagram = datagram.to_vec();
    let mut at = 0;
    while let Some(seq) = datagram.get(at + 8..at + 12) {
        let seq = u32::from_ne_bytes(seq.try_into().unwrap());
        if let Some(number) = numbers.get(seq as usize) {
            datagram[at + 8..at + 12].copy_from_slice(&number.to_ne_bytes());
        }
        let len = u32::from_ne_bytes(datagram[at..at + 4].try_into().unwrap()) as usize;
        at = at.saturating_add(len.next_multiple_of(4).max(16));
    }
    commit.handle(&datagram);
}

/// What comes of the batch after these datagrams.
fn outcome(mut commit: Commit<'_>, datagrams: &[Vec<u8>]) -> Outcome {
    datagrams.iter().for_each(|datagram| handle(&mut commit, datagram));
    commit.outcome()
}

/// The numbers of the operations that failed.
fn failed(outcome: &Outcome) -> Vec<Option<usize>> {
    match outcome {
        Outcome::Rejected(rejection) => rejection.failures.iter().map(|f| f.operation).collect(),
        other => panic!("{other:?}"),
    }
}

/// Kind, flags and sequence number of each message that would be sent.
fn sent(commit: &Commit<'_>) -> Vec<(u16, u16, u32)> {
    let bytes: Vec<u8> = commit.transmit().iter().flat_map(|part| part.to_vec()).collect();
    let mut rest = &bytes[..];
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let len = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
        let half = |at: usize| u16::from_ne_bytes([rest[at], rest[at + 1]]);
        messages.push((half(4), half(6), u32::from_ne_bytes(rest[8..12].try_into().unwrap())));
        rest = &rest[len.next_multiple_of(4)..];
    }
    messages
}

#[test]
fn one_ack_is_asked_for_and_it_is_the_proof() {
    let batch = batch();
    let acked = |commit: &Commit<'_>| -> Vec<(u16, u32)> {
        let all = sent(commit);
        assert!(all.iter().all(|(_, flags, _)| flags & F_REQUEST != 0));
        assert_eq!(all[0].0, BATCH_BEGIN);
        let acked = |(_, (_, flags, _)): &(usize, &(u16, u16, u32))| flags & F_ACK != 0;
        all.iter().enumerate().filter(acked).map(|(at, (kind, ..))| (*kind, at as u32)).collect()
    };
    assert_eq!(acked(&Commit::new(&batch)), [(BATCH_END, END)]);
    assert_eq!(sent(&Commit::new(&batch)).len(), 5);
    assert_eq!(acked(&Commit::without_end_ack(&batch)), [(NEWRULE, 3)]);
    assert_eq!(sent(&Commit::without_end_ack(&batch)).last().unwrap().0, BATCH_END);
    // A check is a batch without its end.
    assert_eq!(acked(&Commit::check(&batch)), [(NEWRULE, 3)]);
    assert_eq!(sent(&Commit::check(&batch)).len(), 4);
}

#[test]
fn no_two_commits_have_an_acknowledged_number_in_common() {
    let batch = batch();
    let commits = [Commit::new(&batch), Commit::new(&batch), Commit::without_end_ack(&batch), Commit::check(&batch)];
    let acked = commits.iter().flat_map(|commit| {
        let acked = sent(commit).into_iter().filter(|(_, flags, _)| flags & F_ACK != 0);
        acked.map(|(.., seq)| seq).collect::<Vec<_>>()
    });
    let acked: std::collections::BTreeSet<u32> = acked.collect();
    assert_eq!(acked.len(), commits.len());
    // What one of them is told, the others do not take for theirs.
    for (n, one) in commits.iter().enumerate() {
        let told = answer(sent(one).into_iter().find(|(_, flags, _)| flags & F_ACK != 0).unwrap().2, 0);
        for (m, mut other) in
            [Commit::new(&batch), Commit::without_end_ack(&batch), Commit::check(&batch)].into_iter().enumerate()
        {
            other.handle(&told);
            assert!(matches!(other.outcome(), Outcome::Unknown { .. }), "{n}, {m}");
        }
    }
}

#[test]
fn the_ack_of_the_end_settles_it() {
    let batch = batch();
    let mut commit = Commit::new(&batch);
    assert!(!commit.is_settled());
    // Acks of single messages come also when nothing is committed, and others' acks mean nothing
    // here.
    for seq in [0, 1, 3, END + 1, u32::MAX] {
        handle(&mut commit, &answer(seq, 0));
    }
    handle(&mut commit, &message(NLMSG_NOOP, 0, END, &[]));
    handle(&mut commit, &message(NLMSG_DONE, 0, END, &[0; 4]));
    assert_eq!(commit.outcome(), Outcome::Unknown { why: "the kernel did not answer".into() });
    handle(&mut commit, &answer(END, 0));
    assert!(commit.is_settled());
    assert_eq!(commit.outcome(), Outcome::Committed);
}

#[test]
fn an_old_kernel_acknowledges_the_last_message() {
    let batch = batch();
    let old = || Commit::without_end_ack(&batch);
    assert_eq!(outcome(old(), &[answer(3, 0)]), Outcome::Committed);
    assert!(matches!(outcome(old(), &[answer(2, 0)]), Outcome::Unknown { .. }));
    assert!(matches!(outcome(old(), &[answer(END, 0)]), Outcome::Unknown { .. }));
    // The last message is acknowledged although the first failed.
    assert_eq!(failed(&outcome(old(), &[answer(1, EBUSY), answer(3, 0)])), [Some(0)]);
    let mut overrun = old();
    handle(&mut overrun, &answer(3, 0));
    assert!(!overrun.is_settled(), "a failure may still come");
    overrun.handle_overrun();
    assert!(matches!(overrun.outcome(), Outcome::Unknown { .. }), "or may have been lost");
}

#[test]
fn an_overrun_is_neither_success_nor_failure() {
    let batch = batch();
    let mut commit = Commit::new(&batch);
    commit.handle_overrun();
    assert!(matches!(commit.outcome(), Outcome::Unknown { why } if why.contains("ENOBUFS")));
    commit.handle(&answer(2, EBUSY));
    let Outcome::Rejected(rejection) = commit.outcome() else { panic!() };
    assert!(rejection.more);
    assert!(rejection.to_string().ends_with("and more failures than the socket's receive buffer holds"));
    // The end is acknowledged after the commit only, so whatever was lost, it was no failure.
    let mut commit = Commit::new(&batch);
    commit.handle_overrun();
    handle(&mut commit, &answer(END, 0));
    assert_eq!(commit.outcome(), Outcome::Committed);
}

#[test]
fn every_failure_is_told_in_order_with_its_place() {
    let batch = batch();
    let all = outcome(Commit::new(&batch), &[[answer(1, EBUSY), answer(2, ENOENT)].concat(), answer(3, 95)]);
    assert_eq!(failed(&all), [Some(0), Some(1), Some(2)]);
    // Only messages of this batch: not the end, not what another request asked.
    let unknown = outcome(Commit::new(&batch), &[answer(END, EBUSY), answer(1 << 31, ENOENT)]);
    assert!(matches!(unknown, Outcome::Unknown { .. }));
}

#[test]
fn the_begin_marker_speaks_for_the_whole() {
    let mut batch = batch();
    batch.expect(Generation::from(7));
    assert_eq!(outcome(Commit::new(&batch), &[answer(0, ERESTART)]), Outcome::Stale);
    let refused = outcome(Commit::new(&batch), &[answer(0, EPERM)]);
    let Outcome::Rejected(rejection) = refused else { panic!("{refused:?}") };
    let said = rejection.to_string();
    assert!(said.starts_with("nothing was changed: batch of 3 operations: EPERM: no privilege"), "{said}");
}

#[test]
fn a_pointer_into_a_message_becomes_a_path_or_nothing() {
    let batch = batch();
    let path = |offset| match outcome(Commit::new(&batch), &[pointing(3, ENOENT, offset)]) {
        Outcome::Rejected(rejection) => rejection.failures[0].path.to_string(),
        other => panic!("{other:?}"),
    };
    let named: Vec<String> = (0..400).map(path).collect();
    for wanted in
        ["table", "chain", "exprs[0] > lookup", "exprs[0] > lookup > set", "exprs[1] > immediate > data > verdict"]
    {
        assert!(named.iter().any(|path| path == wanted), "{wanted}: {named:?}");
    }
    for outside in (0..20).chain([399, 65_535, u32::MAX - 3, u32::MAX]) {
        assert_eq!(path(outside), "", "offset {outside}");
    }
}

#[test]
fn what_is_cut_off_is_never_taken_for_an_answer() {
    let batch = batch();
    let whole = answer(END, 0);
    for len in 0..whole.len() {
        let cut = outcome(Commit::new(&batch), &[whole[..len].to_vec()]);
        assert!(matches!(cut, Outcome::Unknown { .. }), "{len} of {} bytes: {cut:?}", whole.len());
    }
    let pointing = pointing(3, ENOENT, 40);
    for len in 0..pointing.len() {
        // Shorter by what the header says, too.
        let mut short = pointing[..len].to_vec();
        if len >= 16 {
            short[..4].copy_from_slice(&(len as u32).to_ne_bytes());
        }
        outcome(Commit::new(&batch), &[short]);
    }
    // An error that is too short to hold a number is none; what stands before it in the datagram
    // counts.
    let mixed = [answer(2, EBUSY), message(NLMSG_ERROR, 0, 1, &[1, 2])].concat();
    assert_eq!(failed(&outcome(Commit::new(&batch), &[mixed])), [Some(1)]);
}

#[test]
fn the_kernels_own_words_are_kept() {
    let batch = batch();
    let tlvs = [attribute(1, b"Attribute failed policy validation\0"), attribute(2, &24u32.to_ne_bytes())].concat();
    // Not capped: the whole refused message stands between.
    let echo = [&40u32.to_ne_bytes()[..], &[0; 36]].concat();
    let error = message(NLMSG_ERROR, F_ACK_TLVS, 1, &[&(-22i32).to_ne_bytes()[..], &echo, &tlvs].concat());
    let Outcome::Rejected(rejection) = outcome(Commit::new(&batch), &[error]) else { panic!() };
    let said = rejection.to_string();
    assert!(said.contains("(the kernel says: Attribute failed policy validation)"), "{said}");
}

/// Sequence number of the listings.
const LIST: u32 = 9;

/// An object of a listing, in a generation.
fn object(flags: u16, generation: u16) -> Vec<u8> {
    let name = attribute(1, b"host\0");
    message(10 << 8, flags, LIST, &[&[1, 0][..], &generation.to_be_bytes(), &name].concat())
}

fn done(code: i32) -> Vec<u8> {
    message(NLMSG_DONE, 0, LIST, &code.to_ne_bytes())
}

/// What becomes of a listing, and how many objects it had.
fn listed(datagrams: &[Vec<u8>]) -> (Result<DumpEvent, String>, usize) {
    let (mut dump, mut seen) = (Dump::new(LIST), 0);
    for datagram in datagrams {
        let event = dump.handle(datagram, |kind, family, attributes| {
            assert_eq!((kind, family, attributes.len()), (0, Family::Inet, 12));
            seen += 1;
        });
        match event {
            Ok(DumpEvent::More) => {}
            event => return (event.map_err(|e| e.to_string()), seen),
        }
    }
    (Ok(DumpEvent::More), seen)
}

#[test]
fn a_listing_is_complete_torn_or_failed() {
    let [plain, torn, later] = [object(0, 7), object(F_DUMP_INTR, 7), object(0, 8)];
    let cases: &[(&[Vec<u8>], DumpEvent, usize)] = &[
        (&[done(0)], DumpEvent::Complete, 0),
        (&[plain.clone(), plain.clone()], DumpEvent::More, 2),
        (&[[plain.clone(), plain.clone()].concat(), plain.clone(), done(0)], DumpEvent::Complete, 3),
        (&[[plain.clone(), done(0)].concat()], DumpEvent::Complete, 1),
        // The kernel marks one message, and not the end.
        (&[plain.clone(), torn, plain.clone(), done(0)], DumpEvent::Torn, 3),
        (&[plain.clone(), message(NLMSG_DONE, F_DUMP_INTR, LIST, &[0; 4])], DumpEvent::Torn, 1),
        // Elements are not marked at all.
        (&[plain.clone(), later, done(0)], DumpEvent::Torn, 2),
        // The set went away.
        (&[plain.clone(), done(-ENOENT)], DumpEvent::Failed(ENOENT), 1),
        (&[message(NLMSG_ERROR, 0, LIST, &(-EPERM).to_ne_bytes())], DumpEvent::Failed(EPERM), 0),
        (&[message(NLMSG_ERROR, 0, LIST, &0i32.to_ne_bytes())], DumpEvent::Complete, 0),
        // Others' answers.
        (&[answer(LIST + 1, EBUSY), message(NLMSG_DONE, 0, LIST - 1, &[0; 4]), plain, done(0)], DumpEvent::Complete, 1),
    ];
    for (n, (datagrams, event, seen)) in cases.iter().enumerate() {
        assert_eq!(listed(datagrams), (Ok(event.clone()), *seen), "case {n}");
    }
}

#[test]
fn a_listing_that_is_cut_off_is_an_error() {
    let whole = object(0, 7);
    for len in 1..whole.len() {
        assert!(listed(&[whole[..len].to_vec()]).0.is_err(), "{len} bytes");
    }
    assert!(listed(&[message(NLMSG_NOOP, 0, LIST, &[])]).0.is_err(), "no message of nf_tables");
}

/// Messages as they come, some of them bent.
fn any_datagram() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        (0..6u32, any::<i8>()).prop_map(|(seq, errno)| answer(seq, errno.into())),
        (0..6u32, any::<i8>(), 0..500u32).prop_map(|(seq, errno, offset)| pointing(seq, errno.into(), offset)),
        any::<u16>().prop_map(|generation| object(0, generation)),
        any::<i32>().prop_map(done),
        prop::collection::vec(any::<u8>(), 0..60),
    ];
    let bends = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::collection::vec(message, 0..4), bends).prop_map(|(messages, bends)| {
        let mut bytes = messages.concat();
        for (at, byte) in bends {
            if !bytes.is_empty() {
                *at.get_mut(&mut bytes) = byte;
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_answer_makes_it_panic_or_loop(datagrams in prop::collection::vec(any_datagram(), 0..5), overrun: bool, end_ack: bool) {
        let batch = batch();
        let mut commit = if end_ack { Commit::new(&batch) } else { Commit::without_end_ack(&batch) };
        let mut dump = Dump::new(LIST);
        for datagram in &datagrams {
            commit.handle(datagram);
            let mut objects = 0;
            let _ = dump.handle(datagram, |_, _, _| objects += 1);
            prop_assert!(objects <= datagram.len() / 16);
        }
        if overrun {
            commit.handle_overrun();
        }
        if let Outcome::Rejected(rejection) = commit.outcome() {
            prop_assert!(!rejection.failures.is_empty());
            prop_assert!(!rejection.to_string().is_empty());
        }
    }
}

/// Answers the message that is to be acknowledged.
fn acknowledge(commit: &mut Commit<'_>) {
    let acked = sent(commit).into_iter().find(|(_, flags, _)| flags & F_ACK != 0).unwrap().2;
    commit.handle(&answer(acked, 0));
}

/// What kernels of these versions answer to the probe; its operations count from 1, and the first
/// three make room for the others.
#[test]
fn what_a_kernel_can_do_is_read_from_what_it_refuses() {
    use Feature::*;
    let asked = [ConcatIntervals, ElementExprs, Owner, CatchAll, Inner, Destroy, Persist, TimeoutUpdate];
    let version = |text: &str| -> Vec<u32> { text.split('.').map(|n| n.parse().unwrap()).collect() };
    let probe = Probe::new();
    for release in ["4.14", "5.4", "5.10", "5.15", "6.1", "6.6", "6.12", "6.18"] {
        let mut commit = probe.commit();
        let has = |feature: Feature| version(release) >= version(feature.since());
        for (feature, seq) in asked.into_iter().zip(4..) {
            // Of this one the new kernels refuse what is asked.
            let refused = if feature == TimeoutUpdate { has(feature) } else { !has(feature) };
            if refused {
                commit.handle(&answer(seq, 95));
            }
        }
        acknowledge(&mut commit);
        let found = probe.capabilities(&commit, has(EndAck), &format!("{release}.7-generic")).unwrap();
        for feature in Feature::ALL {
            assert_eq!(found.has(*feature), has(*feature), "{release}: {feature}");
        }
        assert_eq!(found.missing().len(), Feature::ALL.iter().filter(|f| !has(**f)).count());
        assert_eq!(found.to_string().lines().filter(|line| line.starts_with("no ")).count(), found.missing().len());
    }
    // A refusal that was brought to an old kernel does not make it restart times.
    let mut commit = probe.commit();
    commit.handle(&answer(11, 34));
    acknowledge(&mut commit);
    assert!(!probe.capabilities(&commit, true, "5.14.0-rhel").unwrap().has(TimeoutUpdate));
    // What did not look at it, says nothing.
    for datagrams in [vec![], vec![answer(0, EPERM)], vec![answer(1, EPERM), answer(12, 0)]] {
        let mut commit = probe.commit();
        datagrams.iter().for_each(|datagram| handle(&mut commit, datagram));
        assert!(probe.capabilities(&commit, true, "6.18").is_err());
    }
}
