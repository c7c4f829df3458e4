use super::*;
use crate::{
    Chain, Family, Hook, Priority, Protocol, Table,
    error::Rejection,
    lang::fields::{ip, tcp},
    model::Ruleset,
    proto::Commit,
    rule::Rule,
    set::Set,
    wire::{
        Form, Writer,
        message::{self, F_ACK, F_ECHO, F_REQUEST, SUBSYSTEM},
    },
};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn bytes(batch: &Batch) -> Vec<u8> {
    Commit::new(batch).transmit().iter().flat_map(|part| part.to_vec()).collect()
}

/// Of every verb something.
fn ours() -> Batch {
    let table = Table::new(Family::Ip, "fw");
    let (input, lan) = (table.chain("input").with_hook(Hook::Input, Priority::FILTER), table.chain("lan"));
    let blocked = Set::<Ipv4Addr>::new(&table, "blocked").interval();
    let single = Set::<Ipv4Addr>::new(&table, "single");
    let rule = || lan.rule(Rule::new().when(tcp::dport().is(22)).when(ip::saddr().is_in(&blocked)).accept());
    let mut batch = Batch::new();
    batch.flush_ruleset(None).flush_ruleset(Some(Family::Ip6));
    batch.add(&table).create(&input).add(&lan).add(&blocked).create(&single).flush(&lan).flush(&single);
    batch.add(rule()).insert(rule()).replace(7, rule()).add_after(8, rule()).insert_before(9, rule());
    batch.delete_rule(&lan, 7).destroy(&single).delete(&lan).destroy(&table);
    batch.add(single.elements((0..10_000_u32).map(|i| single.element(Ipv4Addr::from(i)))));
    batch.delete(blocked.elements([blocked.element(ipnetwork::Ipv4Network::new([10, 0, 0, 0].into(), 8).unwrap())]));
    batch
}

#[test]
fn our_own_batches_come_back_as_they_were() {
    let ours = ours();
    let theirs = Batch::from_bytes(&bytes(&ours)).unwrap();
    assert_eq!(theirs.body(), ours.body());
    let verbs = |batch: &Batch| -> Vec<Verb> {
        batch.each_operation().flat_map(|(verb, messages)| messages.map(move |_| verb)).collect()
    };
    assert_eq!(verbs(&theirs), verbs(&ours));
    assert_eq!(theirs.flushed(), ours.flushed());
    assert_eq!(theirs.cut_sets(), ours.cut_sets());
    assert_eq!(theirs.cut_sets().len(), 1, "an interval is deleted");
}

/// A batch of somebody else's.
fn foreign(messages: &[(u8, u16, u8, &[u8])]) -> Vec<u8> {
    let header = |kind, flags, family, res_id| message::header(kind, flags, 99, family, res_id);
    let mut all = header(BEGIN, F_REQUEST | F_ACK, 0, SUBSYSTEM).to_vec();
    for &(nft, flags, family, attributes) in messages {
        let start = all.len();
        all.extend(header(SUBSYSTEM << 8 | u16::from(nft), F_REQUEST | flags, family, 0));
        all.extend(attributes);
        let len = u32::try_from(all.len() - start).unwrap();
        all[start..start + 4].copy_from_slice(&len.to_ne_bytes());
        all.resize(aligned(all.len()), 0);
    }
    all.extend(header(END, F_REQUEST, 0, SUBSYSTEM));
    all
}

fn attributes(parts: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = Writer::new(Form::Request);
    parts.iter().for_each(|(kind, payload)| out.leaf(*kind, "", payload));
    out.finish().unwrap()
}

fn refused_as(bytes: &[u8]) -> String {
    let error = Batch::from_bytes(bytes).unwrap_err().to_string();
    error.strip_prefix("nothing was changed: ").unwrap().to_owned()
}

#[test]
fn what_others_write_otherwise_is_understood() {
    // The name second and without a zero byte, an attribute that nobody knows, the last one without
    // its padding, and answers asked for.
    let chain = attributes(&[(60, b"new"), (3, b"INPUT"), (1, b"filter")]);
    let theirs = foreign(&[(3, F_CREATE | F_ACK | F_ECHO, 2, &chain[..chain.len() - 2])]);
    let batch = Batch::from_bytes(&theirs).unwrap();
    assert_eq!(batch.operation_text(0), (Verb::Add, "chain ip filter INPUT".into()));
    assert_eq!(batch.classic_tables().len(), 1, "it may be a table of iptables-nft");
    let (_, message) = batch.find(1).unwrap();
    assert_eq!((message.flags, message.attributes().len() % 4), (F_REQUEST | F_CREATE, 0));
    let chain = Chain::decode_attrs(Family::Ip, message.attributes()).unwrap();
    assert_eq!(chain.unknown.iter().map(|a| (a.kind, a.payload)).collect::<Vec<_>>(), [(60, &b"new"[..])]);
    // To have it sent to a kernel that acknowledges messages only, or before another one.
    assert_eq!(bytes(&batch).len(), batch.wire_len());

    let mut bound = theirs;
    let generation = attributes(&[(1, &[0, 0, 1, 2])]);
    bound.splice(20..20, generation);
    bound[0] = 28;
    assert_eq!(Batch::from_bytes(&bound).unwrap().expected(), Some(Generation::from(258)));
}

#[test]
fn a_chain_is_deleted_by_all_that_is_known_of_it() {
    // rustables deletes a chain by all that it knows of it.
    let plain = Table::new(Family::Inet, "fw").chain("in").with_hook(Hook::Input, Priority::FILTER);
    let device = Table::new(Family::Netdev, "fw").chain("in").with_hook(Hook::Ingress, Priority::FILTER);
    let device = device.with_device("eth0");
    let of = |chain: &Chain| chain.to_attributes(Form::Request).unwrap();
    let batch = Batch::from_bytes(&foreign(&[(5, 0, 1, &of(&plain))])).unwrap();
    assert_eq!(batch.operation_text(0), (Verb::Delete, "chain inet fw in".into()));
    assert_eq!(
        refused_as(&foreign(&[(5, 0, 5, &of(&device))])),
        "delete chain netdev fw in (operation 1 of 1): devices are taken away: there is no verb for that here"
    );
}

#[test]
fn numbers_that_they_gave_are_not_given_again() {
    let table = Table::new(Family::Ip, "fw");
    let theirs = crate::model::Set { id: Some(7), ..crate::model::Set::new(&table, "s", 7.into(), 4) };
    let mut batch = Batch::new();
    batch.add(&theirs);
    let mut batch = Batch::from_bytes(&bytes(&batch)).unwrap();
    assert_eq!(batch.new_id(), 8);
    batch.reserve_id(Some(u32::MAX));
    batch.new_id();
}

#[test]
fn every_message_that_is_wrong_is_named() {
    let table = attributes(&[(1, b"fw\0")]);
    let rule = |parts: &[(u16, &[u8])]| [attributes(&[(1, b"fw\0"), (2, b"input\0")]), attributes(parts)].concat();
    let handle = &[0; 8][..];
    let list = |parts: &[(u16, &[u8])]| [attributes(&[(1, b"fw\0"), (2, b"set\0")]), attributes(parts)].concat();
    // What the sixteen bits of a length make of 4096 elements.
    let element = attributes(&[(1, &[0; 12])]);
    let overflown = [list(&[(3, &[])]), element.repeat(4096)].concat();
    let wrong = attributes(&[(1, b"fw\0"), (2, &[1, 2])]);
    let cases: &[(u8, u16, u8, Vec<u8>, &str)] = &[
        (0, F_CREATE, 0, table.clone(), "add table fw"),
        (2, 0, 0, table.clone(), "delete table fw"),
        (0, F_CREATE, 2, wrong, "add table ip fw"),
        (0, F_CREATE, 2, table[..6].to_vec(), "attribute header does not fit"),
        (1, 0, 2, table.clone(), "messages of type 1 change nothing"),
        (200, 0, 2, table, "messages of type 200 change nothing"),
        (8, 0, 2, rule(&[(4, &[])]), "without one the kernel deletes all rules"),
        (8, 0, 2, rule(&[(9, &[0, 0, 0, 1])]), "by its number in the batch"),
        (28, 0, 2, rule(&[]), "the kernel would destroy all"),
        (6, F_CREATE | F_APPEND, 2, rule(&[(10, &[0, 0, 0, 1])]), "beside one of the same batch"),
        (6, F_CREATE | F_APPEND, 2, rule(&[(3, handle), (3, handle)]), "an attribute is there twice"),
        (9, F_CREATE, 2, list(&[(5, &[0, 0, 0, 4])]), "at id: the kernel wants"),
        (12, F_CREATE, 2, overflown, "an attribute is there twice"),
        (12, F_CREATE, 2, list(&[(3, &element[..6])]), "at elements[0]"),
        (30, 0, 2, list(&[]), "the kernel would destroy all"),
        (24, 0, 1, list(&[(3, &[])]), "devices are taken away"),
    ];
    let all: Vec<_> = cases.iter().map(|(nft, flags, family, bytes, _)| (*nft, *flags, *family, &bytes[..])).collect();
    let error = Batch::from_bytes(&foreign(&all)).unwrap_err();
    assert_eq!(error.failures().len(), cases.len(), "{error}");
    for (index, (failure, case)) in error.failures().iter().zip(cases).enumerate() {
        let alone = Rejection { failures: vec![failure.clone()], operations: cases.len(), more: false }.to_string();
        assert!(alone.contains(case.4), "{alone}: {}", case.4);
        assert!(alone.contains(&format!("(operation {} of {})", index + 1, cases.len())), "{alone}");
    }

    let good = bytes(Batch::new().add(Table::new(Family::Ip, "fw")));
    let whole = |bytes: &[u8]| refused_as(bytes);
    assert!(whole(&[]).ends_with("there is nothing in it"));
    assert!(whole(&good[20..]).contains("does not begin with"));
    assert!(whole(&good[..good.len() - 20]).contains("does not end with"));
    assert!(whole(&good[..good.len() - 1]).contains("ends within a message"));
    assert!(whole(&[&good[..], &good[..]].concat()).contains("something comes after"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(noise in prop::collection::vec(any::<u8>(), 0..300), nft in 0..40_u8, family in 0..13_u8) {
        let _ = Batch::from_bytes(&noise);
        if let Ok(batch) = Batch::from_bytes(&foreign(&[(nft, 0, family, &noise)])) {
            let _ = (Ruleset::made_by(&batch), batch.flaws(false), batch.touched(), format!("{batch:?}"));
        }
    }

    /// Batches that are nearly right.
    #[test]
    fn no_wrong_byte_makes_it_panic(wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let table = Table::new(Family::Inet, "fw");
        let chain = table.chain("in").with_hook(Hook::Input, Priority::FILTER);
        let set = Set::<Protocol>::new(&table, "set");
        let mut batch = Batch::new();
        batch.add(&table).add(&chain).add(&set).add(set.elements([set.element(Protocol::TCP)]));
        batch.add(chain.rule(Rule::new().when(tcp::dport().is_any([22, 80])).accept())).delete(&chain);
        let mut bytes = bytes(&batch);
        for (index, byte) in wrong {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(batch) = Batch::from_bytes(&bytes) {
            let _ = (Ruleset::made_by(&batch), batch.flaws(false), batch.touched(), format!("{batch:?}"));
            for index in 0..=batch.len() {
                let _ = batch.operation_text(index);
            }
        }
    }
}
