//! What goes wrong around a program, and does not make it wrong.

use super::lab::*;
use oxitables::{Batch, Client, Error, Set, SetRef, client::Watch, data::Verdict, testing};
use std::{collections::BTreeSet, net::Ipv4Addr, thread, time::Duration};

const THREADS: u32 = 8;
const TURNS: u32 = 100;

/// The number that the set holds, as an address.
fn held(nft: &mut Client, set: &SetRef<Ipv4Addr>) -> Result<u32, Error> {
    Ok(nft.members(set)?.first().and_then(|e| e.key()).map_or(0, u32::from))
}

#[test]
fn eight_threads_that_read_change_and_write_lose_nothing() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let count = Set::<Ipv4Addr>::new(&host(), "count");
        apply(&mut nft, |b| b.add(host()).add(input()).add(&count).add(count.keys([Ipv4Addr::from(0)])))?;
        let clients: Vec<Client> = (0..THREADS).map(|_| open()).collect();
        let stale: u32 = thread::scope(|scope| {
            let run = |mut nft: Client| {
                let count = &count;
                scope.spawn(move || {
                    let (mut turns, mut stale) = (0, 0);
                    while turns < TURNS {
                        let generation = nft.generation().unwrap();
                        // That somebody else is faster is told either by what is read or by what is
                        // written.
                        let Ok(n) = held(&mut nft, count) else { continue };
                        let mut batch = Batch::new();
                        batch.expect(generation).delete(count.keys([Ipv4Addr::from(n)]));
                        batch.add(count.keys([Ipv4Addr::from(n + 1)])).add(does(&input(), Verdict::accept()));
                        match nft.apply(&batch) {
                            Ok(_) => turns += 1,
                            Err(error) if error.is_stale() => stale += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    stale
                })
            };
            let threads: Vec<_> = clients.into_iter().map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(held(&mut nft, &count)?, THREADS * TURNS);
        assert_eq!(nft.rules(&input()).snapshot()?.len() as u32, THREADS * TURNS);
        println!("{stale} of {} were too late and tried again", stale + THREADS * TURNS);
        Ok(())
    });
}

#[test]
fn with_the_smallest_receive_buffer_nothing_is_taken_for_what_it_is_not() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        nft.set_receive_buffer(4096)?;
        apply(&mut nft, |b| b.add(host()).add(input()))?;
        // Committed, however little of the answers fits.
        apply(&mut nft, |b| (0..5000).fold(b, |b, _| b.add(does(&input(), Verdict::accept()))))?;
        assert_eq!(open().rules(&input()).snapshot()?.len(), 5000);
        // Refused, though most of the refusals are lost.
        let error =
            apply(&mut nft, |b| (0..5000).fold(b, |b, n| b.delete(host().chain(format!("none{n}"))))).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert!(error.to_string().ends_with("more failures than the socket's receive buffer holds"), "{error}");
        // A listing is whole, or it says that it is not.
        let set = addresses(&host(), "s");
        let keys: BTreeSet<_> = (0..20_000).map(|n| ip(n).to_vec()).collect();
        apply(&mut nft, |b| b.add(&set).add(set.elements((0..20_000).map(|n| element(ip(n))))))?;
        match nft.elements(&set).snapshot() {
            Ok(all) => assert_eq!(all.iter().map(|e| e.key.unwrap().to_vec()).collect::<BTreeSet<_>>(), keys),
            Err(error) => assert!(matches!(error, Error::Interrupted { .. }), "{error}"),
        }
        match nft.rules(&input()).snapshot() {
            Ok(all) => assert_eq!(all.len(), 5000),
            Err(error) => assert!(matches!(error, Error::Interrupted { .. }), "{error}"),
        }
        // And it works on.
        nft.set_receive_buffer(1 << 20)?;
        assert_eq!(nft.rules(&input()).snapshot()?.len(), 5000);
        apply(&mut nft, |b| b.delete(host())).map(drop)
    });
}

#[test]
fn a_watch_that_was_overrun_says_so_and_hears_on() {
    testing::in_namespace(|| -> Result<(), Error> {
        const HOUR: Duration = Duration::from_secs(3600);
        let mut nft = open();
        apply(&mut nft, |b| b.add(host()).add(input()))?;
        let desired = nft.ruleset()?;
        let mut watch = Watch::open()?;
        // More than the receive buffer holds, with the end of the commit.
        apply(&mut nft, |b| (0..30_000).fold(b, |b, _| b.add(does(&input(), Verdict::accept()))))?;
        let change = watch.next_of(&desired, HOUR)?.unwrap();
        assert!(change.missed, "{change}");
        assert!(watch.next_of(&desired, Duration::ZERO)?.is_none());
        apply(&mut nft, |b| b.add(host().chain("more")))?;
        let change = watch.next_of(&desired, HOUR)?.unwrap();
        assert_eq!((change.missed, change.generation), (false, nft.generation()?), "{change}");
        Ok(())
    });
}

#[test]
fn lives_are_counted_by_the_kernel() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let set = Set::<Ipv4Addr>::new(&host(), "s").timeouts();
        let [short, long] = [Duration::from_millis(200), Duration::from_secs(3600)];
        let key = |n| Ipv4Addr::new(192, 0, 2, n);
        apply(&mut nft, |b| b.add(host()).add(&set).refresh(&set, key(1), short).refresh(&set, key(2), long))?;
        // No clock of this program is asked: what was read a while ago is still what was left then.
        let left = |nft: &mut Client| -> Result<Vec<_>, Error> {
            Ok(nft.members(&set)?.iter().map(|e| (e.key().unwrap(), e.expires_value().unwrap())).collect())
        };
        let first = left(&mut nft)?;
        thread::sleep(short + Duration::from_millis(50));
        let second = left(&mut nft)?;
        assert_eq!(second.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [key(2)]);
        let of = |all: &[(Ipv4Addr, Duration)]| all.iter().find(|(k, _)| *k == key(2)).unwrap().1;
        assert!(of(&first) - of(&second) >= short);
        Ok(())
    });
}
