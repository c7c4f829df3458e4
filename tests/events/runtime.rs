//! The client and the listeners on tokio.

use super::lab::*;
use ::tokio::{runtime::Builder, time::timeout};
use futures_core::Stream;
use oxitables::{
    client::{
        Monitor, NflogReader, Tracer,
        tokio::{Client, Events},
    },
    proto::{LogGroup, Logged, News, Traced},
    *,
};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Mutex, mpsc},
    task::{Context, Poll, Waker},
};

/// A test in a namespace, on a runtime of one thread or of several.
fn on_tokio<F: Future<Output = ()>>(threads: usize, test: impl FnOnce() -> F + Send) {
    testing::in_namespace(|| {
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(threads).enable_all().build().unwrap().block_on(test());
    });
}

fn chain(n: u32) -> Batch {
    filled(|batch| batch.add(host().chain(format!("c{n}"))))
}

/// Keeps the only thread of the pool from whatever is called until it is dropped.
fn busy() -> mpsc::Sender<()> {
    let (hold, released) = mpsc::channel();
    drop(::tokio::task::spawn_blocking(move || released.recv()));
    hold
}

/// Begins a call and gives it up.
fn drop_after_one_poll<T>(call: impl Future<Output = T>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

#[test]
fn the_same_calls_and_the_same_errors() {
    on_tokio(4, async || {
        let mut nft = Client::open().unwrap();
        assert!(nft.apply(chain(1)).await.unwrap_err().is_not_found());
        nft.apply(filled(|batch| batch.add(host()))).await.unwrap();
        nft.apply(chain(1)).await.unwrap();
        assert_eq!(nft.ruleset().await.unwrap().chains.len(), 1);
        let desired = model::Ruleset::made_by(&filled(|batch| batch.add(host()).add(input()))).unwrap();
        let plan = nft.read(move |nft| nft.plan(&desired)).await.unwrap();
        assert_eq!(plan.len(), 2);
        nft.apply(plan).await.unwrap();
        assert_eq!(nft.settle().await.map(|_| ()), None);
    });
}

#[test]
fn a_dropped_change_is_reported_by_the_next_call() {
    on_tokio(1, async || {
        let mut nft = Client::open().unwrap();
        nft.apply(filled(|batch| batch.add(host()))).await.unwrap();
        let mut made = 0;
        for n in 0..60 {
            match n % 3 {
                // Never polled: never sent.
                0 => drop(nft.apply(chain(n))),
                1 => {
                    let _later = busy();
                    assert!(drop_after_one_poll(nft.apply(chain(n))).is_none());
                    made += 1;
                }
                _ => {
                    // In time or not: one of the two says what came of it.
                    match timeout(std::time::Duration::from_micros(u64::from(n) * 5), nft.apply(chain(n))).await {
                        Ok(Err(Error::Abandoned { outcome })) => outcome.unwrap(),
                        Ok(done) => panic!("the call before was not reported: {done:?}"),
                        // It waited for the one before, or is on its way itself.
                        Err(_) => match nft.settle().await {
                            Some(outcome) => outcome.unwrap(),
                            None => panic!("the call before was not reported"),
                        },
                    }
                    let known = nft.ruleset().await.unwrap().chains.len();
                    assert_eq!(known, made, "after {n}");
                }
            }
        }
    });
}

#[test]
fn a_dropped_change_that_is_refused_is_reported_as_refused() {
    on_tokio(1, async || {
        let mut nft = Client::open().unwrap();
        let later = busy();
        assert!(drop_after_one_poll(nft.apply(chain(1))).is_none());
        drop(later);
        let error = nft.ruleset().await.unwrap_err();
        let Error::Abandoned { outcome: Err(refused) } = &error else { panic!("{error}") };
        assert!(refused.is_not_found(), "{refused}");
        assert!(error.to_string().contains("chain inet host c1"), "{error}");
        // Once, and then it goes on.
        assert!(nft.ruleset().await.unwrap().tables.is_empty());
        // What changes nothing has nothing to report, and keeps nobody from going on.
        let later = busy();
        assert!(drop_after_one_poll(nft.ruleset()).is_none());
        drop(later);
        nft.apply(filled(|batch| batch.add(host()))).await.unwrap();
        // A call that waits for an earlier one can be dropped as well: the report stays.
        let later = busy();
        assert!(drop_after_one_poll(nft.apply(chain(2))).is_none());
        assert!(drop_after_one_poll(nft.apply(chain(3))).is_none());
        drop(later);
        assert!(nft.settle().await.unwrap().is_ok());
        assert_eq!(nft.ruleset().await.unwrap().chains.len(), 1);
    });
}

/// What was logged, by any test of this program.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn who_drops_the_client_finds_it_in_the_log() {
    log::set_logger(&Log).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    on_tokio(1, async || {
        for (n, made) in [(1, false), (2, true)] {
            let mut nft = Client::open().unwrap();
            if made {
                nft.apply(filled(|batch| batch.add(host()))).await.unwrap();
            }
            let later = busy();
            assert!(drop_after_one_poll(nft.apply(chain(n))).is_none());
            drop((nft, later));
        }
        // The pool has one thread: what began before this has ended.
        ::tokio::task::spawn_blocking(|| ()).await.unwrap();
        let logged = LOGGED.lock().unwrap();
        for wanted in [
            "a change that nobody waited for failed: nothing was changed: add chain inet host c1 ",
            "a change was made that nobody waited for",
        ] {
            assert!(logged.iter().any(|line| line.starts_with(wanted)), "{wanted}: {logged:?}");
        }
    });
}

#[test]
fn a_call_that_panics_is_an_error_whoever_waits_for_it() {
    on_tokio(1, async || {
        let panics = |_: &mut oxitables::Client| -> Result<()> { std::panic::resume_unwind(Box::new("at work")) };
        let ended = "running a call: it panicked, or the runtime was shut down";
        let mut nft = Client::open().unwrap();
        assert_eq!(nft.run(panics).await.unwrap_err().to_string(), ended);
        // It may have been in the middle of anything: the connection has gone with it.
        assert_eq!(nft.ruleset().await.unwrap_err().to_string(), ended);
        assert!(nft.settle().await.is_none());
        let mut nft = Client::open().unwrap();
        let later = busy();
        assert!(drop_after_one_poll(nft.run(panics)).is_none());
        drop(later);
        let error = nft.ruleset().await.unwrap_err();
        assert!(matches!(error, Error::Abandoned { outcome: Err(_) }), "{error}");
    });
}

#[test]
fn commits_come_as_they_are_made() {
    on_tokio(4, async || {
        let mut nft = Client::open().unwrap();
        let mut events = Events::new(Monitor::open().unwrap()).unwrap();
        let waker = Waker::noop();
        assert!(matches!(events.poll_next(&mut Context::from_waker(waker)), Poll::Pending));
        nft.apply(filled(|batch| batch.add(host()))).await.unwrap();
        let mut told = Vec::new();
        let mut take = |news| {
            let Ok(News::Commit(commit)) = news else { panic!("{news:?}") };
            assert_eq!(commit.events.len(), 1);
            told.push(u32::from(commit.generation));
        };
        for n in 0..50 {
            nft.apply(chain(n)).await.unwrap();
            // Whether it has something or not: a future that is dropped takes nothing with it.
            drop_after_one_poll(events.next()).map(&mut take);
            if n % 2 == 0 {
                drop_after_one_poll(events.next()).map(&mut take);
            }
        }
        while let Poll::Ready(news) = events.poll_next(&mut Context::from_waker(waker)) {
            take(news);
        }
        // Tokio lets a task that finds much take a break. As a stream, on any thread.
        let mut stream: Pin<Box<dyn Stream<Item = Result<News>> + Send>> = Box::pin(events);
        while told.len() < 51 {
            let next = poll_fn(|cx| stream.as_mut().poll_next(cx));
            let Some(Ok(News::Commit(commit))) = timeout(LIMIT, next).await.unwrap() else { panic!() };
            told.push(commit.generation.into());
        }
        let last = u32::from(nft.read(|nft| nft.generation()).await.unwrap());
        assert_eq!(told, (last - 50..=last).collect::<Vec<_>>());
    });
}

#[test]
fn waiting_wakes_up_and_gaps_are_filled() {
    on_tokio(4, async || {
        let mut nft = Client::open().unwrap();
        nft.apply(filled(|batch| batch.add(host()))).await.unwrap();
        let mut monitor = Monitor::open().unwrap();
        monitor.set_receive_buffer(0).unwrap();
        let mut events = Events::new(monitor).unwrap();
        let mut mirror = Mirror::of(&events.resync(&mut nft).await.unwrap());
        let mut gaps = 0;
        for round in 0..4 {
            // The first rounds are waited for, the last overruns.
            let many = if round < 3 { 1 } else { 300 };
            let writer = ::tokio::spawn(async move {
                for n in 0..many {
                    nft.apply(chain(round * 1000 + n)).await.unwrap();
                }
                nft
            });
            if round < 3 {
                let News::Commit(commit) = timeout(LIMIT, events.next()).await.unwrap().unwrap() else { panic!() };
                mirror.follow(&commit);
                nft = writer.await.unwrap();
            } else {
                nft = writer.await.unwrap();
                let last = nft.read(|nft| nft.generation()).await.unwrap();
                loop {
                    let reached = match timeout(LIMIT, events.next()).await.unwrap().unwrap() {
                        News::Commit(commit) => {
                            mirror.follow(&commit);
                            commit.generation
                        }
                        News::Gap(_) => {
                            gaps += 1;
                            let all = events.resync(&mut nft).await.unwrap();
                            mirror = Mirror::of(&all);
                            all.generation
                        }
                        other => panic!("{other:?}"),
                    };
                    if reached == last {
                        break;
                    }
                }
            }
        }
        assert!(gaps > 0);
        assert_eq!(mirror, Mirror::of(&nft.ruleset().await.unwrap()));
    });
}

#[test]
fn traces_and_logged_packets_come_as_well() {
    on_tokio(2, async || {
        let mut nft = Client::open().unwrap();
        let mut batch = Batch::new();
        batch.add(host()).add(input());
        let traced = Rule::new().when(udp::dport().is(7)).then(meta::nftrace().set(true));
        batch.add(input().rule(traced.then(log().with_prefix("here").to_group(5)).drop()));
        nft.apply(batch).await.unwrap();
        let mut traces = Events::new(Tracer::open().unwrap()).unwrap();
        let mut packets = Events::new(NflogReader::bind(LogGroup::new(5)).unwrap()).unwrap();
        let all = nft.ruleset().await.unwrap();
        for _ in 0..3 {
            let port = send("127.0.0.1:7", b"?");
            let Traced::Step(step) = timeout(LIMIT, traces.next()).await.unwrap().unwrap() else { panic!() };
            assert_eq!(all.traced_rule(&step), Some(&all.rules[0]));
            let Logged::Packet(packet) = timeout(LIMIT, packets.next()).await.unwrap().unwrap() else { panic!() };
            assert_eq!((&packet.prefix[..], packet.flow().unwrap().ports), ("here", Some((port, 7))));
        }
    });
}
