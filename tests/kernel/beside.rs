//! Reading beside others who commit all the time.

use super::lab::open;
use oxitables::{
    client::{Listen, Monitor},
    model::Ruleset,
    *,
};
use std::{
    net::Ipv4Addr,
    ops::ControlFlow,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Duration,
};

const HELD: u32 = 30_000;
/// Between two commits of the others: less than a listing of so many elements takes.
const OFTEN: Duration = Duration::from_millis(2);

fn table(name: &str) -> Table {
    Table::new(Family::Inet, name)
}

fn keys(n: u32) -> impl Iterator<Item = Ipv4Addr> + Clone {
    (0..n).map(|n| Ipv4Addr::from(10 << 24 | n))
}

/// A table with a set that takes longer to list than others need to commit again.
fn large() -> Result<(Set<Ipv4Addr>, Batch)> {
    let set = Set::<Ipv4Addr>::new(&table("large"), "addresses").with_size(HELD);
    let chain = table("large").chain("c");
    let mut batch = Batch::new();
    batch.add(table("large")).add(&chain).add(&set).add(set.keys(keys(HELD)));
    batch.add(chain.rule(Rule::new().when(ip::saddr().is_in(&set)).drop()));
    Ok((set, batch))
}

/// Does something while somebody else changes another table all the time.
fn beside<T>(pause: Duration, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let (stop, commits) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut other = open();
    other.apply(Batch::new().add(table("foreign")).add(table("foreign").chain("kept")))?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::SeqCst) {
                n += 1;
                let chain = table("foreign").chain(format!("c{}", n % 7));
                let mut batch = Batch::new();
                // Rules, chains and objects come and go, of which the kernel lists some for all
                // tables.
                batch.add(&chain).add(chain.rule(Rule::new().then(counter()).accept()));
                batch.flush(&chain).delete(&chain);
                other.apply(&batch).unwrap();
                commits.fetch_add(1, Ordering::SeqCst);
                thread::sleep(pause);
            }
        });
        while commits.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        let before = commits.load(Ordering::SeqCst);
        let outcome = body();
        let during = commits.load(Ordering::SeqCst) - before;
        stop.store(true, Ordering::SeqCst);
        println!("{during} commits meanwhile");
        outcome
    })
}

#[test]
fn commits_in_other_tables_do_not_disturb_listings_and_plans() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let (set, batch) = large()?;
        let desired = Ruleset::made_by(&batch)?;
        nft.apply(&batch)?;
        beside(OFTEN, || {
            for _ in 0..2 {
                assert_eq!(nft.elements(&set.model()).snapshot()?.len(), HELD as usize);
                assert_eq!(nft.members(&set)?.len(), HELD as usize);
                assert_eq!(nft.rules(&table("large").chain("c")).snapshot()?.len(), 1);
                assert!(nft.plan(&desired)?.is_empty());
            }
            // What a listing streams is complete, too.
            assert_eq!(nft.elements(&set.model()).filter_map(Result::ok).count(), HELD as usize);
            Ok(())
        })
    });
}

#[test]
fn everything_is_read_beside_commits_to_a_small_table() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        nft.apply(&large()?.1)?;
        beside(OFTEN, || {
            for _ in 0..2 {
                let all = nft.ruleset()?;
                let names: Vec<_> = all.tables.iter().map(|table| table.name.to_string()).collect();
                assert_eq!(names, ["large", "foreign"]);
                assert_eq!(all.sets[0].elements.len(), HELD as usize);
                assert!(all.chains.iter().any(|chain| chain.name == "kept"));
                // Each commit makes and removes its chain at once: none of it is ever seen.
                assert_eq!(all.chains.len(), 2);
            }
            Ok(())
        })
    });
}

#[test]
fn an_agent_goes_on_beside_commits_in_other_tables_and_heals() {
    testing::in_namespace(|| -> Result<()> {
        let (set, batch) = large()?;
        let desired = Ruleset::made_by(&batch)?;
        open().apply(&batch)?;
        beside(OFTEN, || {
            let mut looks = 0;
            let mut other = open();
            open().keep(&desired, Duration::ZERO, |drift| {
                looks += 1;
                match looks {
                    1 => assert!(drift.plan.is_empty(), "{drift}"),
                    2 => drop(other.apply(Batch::new().delete(set.keys(keys(1)))).unwrap()),
                    _ if !drift.plan.is_empty() => {
                        assert_eq!(drift.plan.len(), 1, "{drift}");
                        return ControlFlow::Continue(());
                    }
                    _ if looks > 4 => return ControlFlow::Break(()),
                    _ => {}
                }
                ControlFlow::Continue(())
            })?;
            assert_eq!(open().members(&set)?.len(), HELD as usize);
            Ok(())
        })
    });
}

/// What is read beside others is never a mix: a table that changes as a whole is read as a whole.
#[test]
fn what_is_read_beside_changes_of_the_same_table_is_of_one_moment() {
    testing::in_namespace(|| -> Result<()> {
        let (mut nft, mut other) = (open(), open());
        let t = table("t");
        let sets = ["a", "b"].map(|name| Set::<Ipv4Addr>::new(&t, name).with_size(HELD));
        nft.apply(Batch::new().add(&t).add(&sets[0]).add(&sets[1]))?;
        let (stop, turns) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| -> Result<()> {
            scope.spawn(|| {
                let mut held = 0;
                while !stop.load(Ordering::SeqCst) {
                    // Both sets hold as many, at each moment.
                    let next = 3000 - held;
                    let mut batch = Batch::new();
                    for set in &sets {
                        batch.flush(set).add(set.keys(keys(next)));
                    }
                    other.apply(&batch).unwrap();
                    held = next;
                    turns.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(2));
                }
            });
            let (mut read, mut refused) = (0, 0);
            while read + refused < 10 {
                match nft.ruleset() {
                    Ok(all) => {
                        let sizes: Vec<_> = all.sets.iter().map(|set| set.elements.len()).collect();
                        assert!(sizes == [0, 0] || sizes == [3000, 3000], "{sizes:?}");
                        read += 1;
                    }
                    Err(Error::Interrupted { .. }) => refused += 1,
                    Err(error) => return Err(error),
                }
            }
            stop.store(true, Ordering::SeqCst);
            println!("{read} read, {refused} given up, beside {} changes", turns.load(Ordering::SeqCst));
            Ok(())
        })?;
        Ok(())
    });
}

/// The monitor that reading opens does not take what other listeners are told.
#[test]
fn other_listeners_are_told_of_everything_meanwhile() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        nft.apply(&large()?.1)?;
        let mut monitor = Monitor::open()?;
        let before = nft.generation()?;
        beside(OFTEN, || nft.ruleset().map(drop))?;
        let mut last = before;
        while let Some(news) = monitor.next(Duration::ZERO)? {
            last = match news {
                proto::News::Commit(commit) => {
                    assert_eq!(u32::from(commit.generation), u32::from(last) + 1);
                    commit.generation
                }
                // Nobody read meanwhile, and there may have been more than its buffer holds.
                proto::News::Gap(generation) => generation,
                _ => last,
            }
        }
        assert_eq!(last, nft.generation()?);
        Ok(())
    });
}
