//! What the tests share.

use oxitables::{
    client::{Listen, Monitor},
    model::{Chain, Event, Generation, Item, Ruleset, Transaction},
    proto::News,
    *,
};
use std::{collections::BTreeSet, net::UdpSocket, time::Duration};

/// Longer than anything takes: a test that waits so long has failed.
pub const LIMIT: Duration = Duration::from_secs(120);

pub fn host() -> Table {
    Table::new(Family::Inet, "host")
}

pub fn input() -> Chain {
    host().chain("input").with_hook(Hook::Input, Priority::FILTER)
}

pub fn filled(fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

/// The next commit; nothing was lost before it.
#[track_caller]
pub fn commit(monitor: &mut Monitor) -> Transaction {
    match monitor.next(LIMIT).unwrap() {
        Some(News::Commit(commit)) => commit,
        other => panic!("no commit: {other:?}"),
    }
}

/// A datagram from this host to itself.
pub fn send(to: &str, bytes: &[u8]) -> u16 {
    let socket = UdpSocket::bind(if to.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" }).unwrap();
    // What a rule drops or rejects on its way out is an error here.
    let _ = socket.send_to(bytes, to);
    socket.local_addr().unwrap().port()
}

/// What there is, each thing by its name; what packets and later commits change of it left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mirror(BTreeSet<String>);

fn key(item: &Item) -> String {
    match item {
        Item::Element(of) => format!("{item} {:?}", of.element.key),
        item => item.to_string(),
    }
}

impl Mirror {
    pub fn of(all: &Ruleset) -> Self {
        let mut items: Vec<Item> = Vec::new();
        items.extend(all.tables.iter().cloned().map(Item::Table));
        items.extend(all.chains.iter().cloned().map(|chain| Item::Chain(chain.into())));
        items.extend(all.rules.iter().cloned().map(|rule| Item::Rule(rule.into())));
        items.extend(all.objects.iter().cloned().map(|object| Item::Object(object.into())));
        items.extend(all.sets.iter().map(|filled| Item::Set(filled.set.clone().into())));
        let mut keys: BTreeSet<String> = items.iter().map(key).collect();
        for filled in &all.sets {
            let set = &filled.set;
            let place = format!("element {} {} {}", set.family, set.table, set.name);
            keys.extend(filled.elements.iter().map(|element| format!("{place} {:?}", element.key)));
        }
        Self(keys)
    }

    /// What is added was not there, and what is deleted was: else something was told twice, or not
    /// at all.
    pub fn follow(&mut self, commit: &Transaction) {
        for event in &commit.events {
            let key = key(event.item());
            match event {
                Event::Added(_) => assert!(self.0.insert(key), "{event} twice, at {}", commit.generation),
                Event::Deleted(_) => assert!(self.0.remove(&key), "{event} was not there, at {}", commit.generation),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Follows commits until one of a generation, or a gap up to it; after each gap reads where things
/// stand.
pub fn follow(monitor: &mut Monitor, from: &mut Mirror, until: Generation) -> (u32, u32) {
    let (mut commits, mut gaps) = (0, 0);
    loop {
        let reached = match monitor.next(LIMIT).unwrap().expect("the last commit is told, or lost") {
            News::Commit(commit) => {
                from.follow(&commit);
                commits += 1;
                commit.generation
            }
            News::Gap(_) => {
                gaps += 1;
                let all = monitor.resync().unwrap();
                *from = Mirror::of(&all);
                all.generation
            }
            other => panic!("{other:?}"),
        };
        if reached == until {
            return (commits, gaps);
        }
    }
}
