//! The machines without a kernel.

use crate::bytes::attribute;
use oxitables::{
    model::{Event, Generation, Item},
    proto::{LogGroup, Logged, Monitor, News, Nflog, Traced, Tracer},
};
use proptest::prelude::*;

/// A message of a subsystem: from whom, and the lower half of the generation or the group.
fn message(subsystem: u16, kind: u16, port: u32, res_id: u16, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = (20 + attributes.len() as u32).to_ne_bytes().to_vec();
    bytes.extend((subsystem << 8 | kind).to_ne_bytes());
    bytes.extend([0; 6]);
    bytes.extend(port.to_ne_bytes());
    bytes.extend([1, 0]);
    bytes.extend(res_id.to_be_bytes());
    bytes.extend(attributes);
    bytes
}

const ME: u32 = 77;

fn table(generation: u32, name: &str) -> Vec<u8> {
    message(10, 0, ME, generation as u16, &attribute(1, &[name.as_bytes(), &[0]].concat()))
}

fn end(generation: u32) -> Vec<u8> {
    message(10, 15, ME, generation as u16, &attribute(1, &generation.to_be_bytes()))
}

/// What is told: `5: a b` for a commit and its tables, `gap 5`.
fn told(monitor: &mut Monitor) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(news) = monitor.poll() {
        all.push(match news {
            News::Commit(commit) => {
                assert_eq!(commit.port, ME);
                let names = commit.events.iter().map(|event| match event {
                    Event::Added(Item::Table(table)) => format!(" {}", table.name),
                    other => panic!("{other}"),
                });
                format!("{}:{}", commit.generation, names.collect::<String>())
            }
            News::Gap(generation) => format!("gap {generation}"),
            News::Packet(event) => format!("packet {event}"),
            other => panic!("{other:?}"),
        });
    }
    all
}

fn monitor(after: u32) -> Monitor {
    Monitor::new(Generation::from(after))
}

#[test]
fn a_commit_is_told_when_it_is_complete() {
    let mut monitor = monitor(4);
    monitor.handle(&[table(5, "a"), table(5, "b")].concat());
    assert!(told(&mut monitor).is_empty());
    monitor.handle(&end(5));
    monitor.handle(&[table(6, "c"), end(6)].concat());
    assert_eq!(told(&mut monitor), ["5: a b", "6: c"]);
}

#[test]
fn what_is_older_than_the_snapshot_is_left_out() {
    let mut monitor = monitor(4);
    // The second half of a commit that began before somebody listened.
    monitor.handle(&[table(4, "old"), end(4), table(5, "a"), end(5), table(6, "b")].concat());
    monitor.skip_to(Generation::from(5));
    assert!(told(&mut monitor).is_empty());
    monitor.handle(&end(6));
    monitor.skip_to(Generation::from(3));
    assert_eq!(told(&mut monitor), ["6: b"]);
}

#[test]
fn after_a_loss_only_whole_commits_are_told() {
    let mut monitor = monitor(4);
    monitor.handle(&table(5, "a"));
    monitor.handle_overrun();
    // Half of a commit, and a whole one: nobody can tell.
    monitor.handle(&[table(5, "c"), end(5), table(6, "d"), end(6)].concat());
    assert!(monitor.is_lost() && told(&mut monitor).is_empty());
    monitor.resume(Generation::from(7));
    monitor.handle(&[table(7, "late"), end(7), table(8, "e"), end(8)].concat());
    assert_eq!(told(&mut monitor), ["gap 7", "8: e"]);
    // A snapshot from before the loss does not fill it.
    monitor.handle_overrun();
    monitor.resume(Generation::from(12));
    monitor.skip_to(Generation::from(11));
    assert_eq!(told(&mut monitor), ["gap 12"]);
}

#[test]
fn a_missing_commit_is_a_loss_though_nobody_says_so() {
    let mut monitor = monitor(4);
    monitor.handle(&[end(5), table(7, "c"), end(7)].concat());
    assert_eq!(told(&mut monitor), ["5:"]);
    assert!(monitor.is_lost());
    // And so is what cannot be read.
    for broken in [&end(5)[..19], &message(10, 15, ME, 5, &[]), &[1, 2, 3]] {
        let mut monitor = self::monitor(4);
        monitor.handle(broken);
        assert!(monitor.is_lost(), "{broken:?}");
    }
}

#[test]
fn generations_wrap_around_without_zero() {
    let mut monitor = monitor(u32::MAX - 1);
    monitor.handle(&[end(u32::MAX), table(1, "a"), end(1)].concat());
    assert_eq!(told(&mut monitor), [format!("{}:", u32::MAX), "1: a".into()]);
}

#[test]
fn what_cannot_be_read_is_kept() {
    let mut monitor = monitor(4);
    // A chain without a table, and a kind of the future.
    let chain = attribute(3, b"c\0");
    monitor.handle(&[message(10, 3, ME, 5, &chain), message(10, 99, ME, 5, &[]), end(5)].concat());
    let Some(News::Commit(commit)) = monitor.poll() else { panic!() };
    let kinds = commit.events.iter().map(|event| match event.item() {
        Item::Unknown { kind, attributes, .. } => (u8::from(*kind), attributes.len()),
        other => panic!("{other}"),
    });
    assert_eq!(kinds.collect::<Vec<_>>(), [(3, chain.len()), (99, 0)]);
}

fn packet(number: u32) -> Vec<u8> {
    message(4, 0, 0, 5, &attribute(12, &number.to_be_bytes()))
}

#[test]
fn lost_packets_are_counted() {
    let mut log = Nflog::new(LogGroup::new(5));
    log.handle(&[packet(0), packet(1)].concat());
    log.handle_overrun();
    log.handle(&packet(4));
    // Of another group, and of another subsystem.
    log.handle(&[message(4, 0, 0, 6, &[]), message(10, 0, 0, 5, &[])].concat());
    log.handle(&packet(5));
    let told = std::iter::from_fn(|| log.poll()).map(|logged| match logged {
        Logged::Packet(packet) => format!("{}", packet.number.unwrap()),
        Logged::Lost(many) => format!("lost {many:?}"),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), ["0", "1", "lost None", "lost Some(2)", "4", "5"]);
}

/// Datagrams that look like the kernel's, cut and bent.
fn any_datagram() -> impl Strategy<Value = Vec<u8>> {
    let attributes = prop::collection::vec((0u16..24, prop::collection::vec(any::<u8>(), 0..24)), 0..6)
        .prop_map(|all| all.iter().flat_map(|(kind, payload)| attribute(*kind, payload)).collect::<Vec<u8>>());
    let message = (prop::sample::select(vec![10u16, 4, 0]), 0u16..34, 0u32..3, 4u16..8, attributes)
        .prop_map(|(subsystem, kind, port, res_id, attributes)| message(subsystem, kind, port, res_id, &attributes));
    let whole = (4u32..9, "[a-c]").prop_map(|(generation, name)| [table(generation, &name), end(generation)].concat());
    let one = prop_oneof![3 => message, 2 => whole, 1 => prop::collection::vec(any::<u8>(), 0..80)];
    let bends = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (prop::collection::vec(one, 0..4), bends, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(messages, bends, cut, whole)| {
            let mut bytes = messages.concat();
            if !bytes.is_empty() && !whole {
                bends.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
                bytes.truncate(cut.index(bytes.len()) + 1);
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_datagram_makes_them_panic(datagrams in prop::collection::vec((any_datagram(), 0u8..8), 0..6)) {
        let (mut monitor, mut tracer, mut log) = (monitor(4), Tracer::new(), Nflog::new(LogGroup::new(5)));
        let mut last = 4;
        for (datagram, chance) in &datagrams {
            monitor.handle(datagram);
            tracer.handle(datagram);
            log.handle(datagram);
            if *chance == 0 {
                monitor.handle_overrun();
                tracer.handle_overrun();
                log.handle_overrun();
            }
            while let Some(news) = monitor.poll() {
                match news {
                    // One after the other, none twice.
                    News::Commit(commit) => {
                        prop_assert_eq!(u32::from(commit.generation), last + 1);
                        last += 1;
                        for event in &commit.events {
                            prop_assert!(!event.to_string().is_empty());
                        }
                    }
                    News::Gap(generation) => last = generation.into(),
                    News::Packet(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            if monitor.is_lost() {
                last += 1;
                monitor.resume(Generation::from(last));
            }
            let mut steps = 0;
            while let Some(traced) = tracer.poll() {
                steps += 1;
                prop_assert!(matches!(traced, Traced::Step(_) | Traced::Gap));
            }
            prop_assert!(steps <= datagram.len() / 16 + 2);
            while let Some(logged) = log.poll() {
                if let Logged::Packet(packet) = logged {
                    let _ = packet.flow();
                }
            }
        }
    }
}
