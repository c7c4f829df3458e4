//! Changes that undo themselves: whatever is killed when, the ruleset is the one before or the one
//! after.
//!
//! Without the standard harness, since `main` has to begin with `confirm::init()`. Names of tests
//! may be given as arguments.

#[path = "confirm/agents.rs"]
mod agents;
mod common;
#[path = "confirm/limits.rs"]
mod limits;
#[path = "common/ordinary.rs"]
mod ordinary;
#[path = "confirm/privileged.rs"]
mod privileged;
#[path = "common/sandboxed.rs"]
mod sandboxed;
#[path = "confirm/stress.rs"]
mod stress;
#[path = "confirm/two.rs"]
mod two;

use limits::*;
use nix::{sys::signal, unistd::Pid};
use oxitables::{
    client::confirm,
    model::Ruleset,
    reconcile::normal,
    testing::{Sandbox, program},
    *,
};
use privileged::who_starts_the_second_process_of_a_privileged_program_gains_nothing;
use sandboxed::{Outcome, Test};
use std::{
    env,
    net::Ipv4Addr,
    panic,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};
use stress::killed_at_random_it_is_as_was_said;
use two::*;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);
/// Over before the changes are made.
const NONE: Duration = Duration::ZERO;

/// Which step an agent is killed after, by the number of what it logs.
const AGENT: &str = "OXITABLES_TEST_KILLED_AFTER";
/// Its second process is killed before it.
const BOTH: &str = "OXITABLES_TEST_BOTH_KILLED";

fn table() -> Table {
    Table::new(Family::Inet, "host")
}

/// Everything that there is apart from handles, and whether changes wait.
fn state(nft: &mut Client) -> Result<(Ruleset, bool)> {
    let mut all = nft.ruleset()?;
    let tables = all.tables.len();
    all.tables.retain(|table| !table.name.as_bytes().starts_with(b"oxitables_pending_"));
    let waits = all.tables.len() < tables;
    all = normal(&all);
    all.generation = Ruleset::made_by(&Batch::new())?.generation;
    Ok((all, waits))
}

/// Waits until nothing waits to be confirmed.
fn settled(nft: &mut Client) -> Result<Ruleset> {
    let start = Instant::now();
    loop {
        match state(nft)? {
            (state, false) => return Ok(state),
            _ if start.elapsed() > LONG => panic!("something waits for ever"),
            _ => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// The same where it may be that nobody watches any more.
fn mended(nft: &mut Client) -> Result<Ruleset> {
    loop {
        for mended in confirm::mend(nft)? {
            mended.outcome?;
        }
        // Those that are watched by somebody who is just dying are next.
        if let (state, false) = state(nft)? {
            return Ok(state);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A firewall with something of everything that is hard to bring back.
const BEFORE: &str = r#"
table inet host {
    comment "the host's"
    quota spent { over 10 mbytes used 3 mbytes }
    counter seen { packets 7 bytes 700 }
    set plain { type ipv4_addr; comment "as it was"; elements = { 192.0.2.1, 192.0.2.2 } }
    set timed { type ipv4_addr; flags timeout; elements = { 198.51.100.1 timeout 1h expires 30m, 198.51.100.2 } }
    set learned { type ipv4_addr; flags dynamic,timeout; timeout 1h; elements = { 203.0.113.1 } }
    set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 172.16.0.0-172.16.0.9 } }
    map ports { type ipv4_addr . inet_service : verdict; flags interval; elements = { 10.0.0.0/8 . 1-99 : jump inner, 10.1.1.1 . 443 : accept } }
    chain inner {
        counter packets 5 bytes 500 return
    }
    chain input {
        type filter hook input priority filter; policy accept; comment "in"
        tcp dport { 22, 80-90 } counter packets 1 bytes 100 accept comment "open"
        ip saddr . tcp dport vmap @ports
        ip saddr @timed drop
        quota name "spent" drop
        counter name "seen"
        jump {
            counter packets 2 bytes 200 accept
        }
        update @learned { ip saddr }
        limit rate 5/second accept
    }
}
table ip other {
    chain c {
        counter packets 9 bytes 900
    }
}
"#;

/// What an agent does to it.
fn change() -> Batch {
    let mut batch = Batch::new();
    let input = table().chain("input");
    let (plain, timed) = (Set::<Ipv4Addr>::new(&table(), "plain"), Set::<Ipv4Addr>::new(&table(), "timed").timeouts());
    batch.flush(&input).flush(table().chain("inner"));
    batch.add(input.rule(Rule::new().when(tcp::dport().is(22)).then(counter()).drop()));
    batch.delete(plain.keys([Ipv4Addr::new(192, 0, 2, 1)])).add(plain.keys([Ipv4Addr::new(192, 0, 2, 9)]));
    batch.refresh(&timed, [198, 51, 100, 1], LONG).delete(timed.keys([Ipv4Addr::new(198, 51, 100, 2)]));
    batch.add(timed.keys([Ipv4Addr::new(198, 51, 100, 9)]).timeout(LONG));
    batch.add(table().chain("new").with_hook(Hook::Output, Priority::FILTER)).add(Table::new(Family::Ip6, "more"));
    batch
}

/// Gives the namespace the firewall; false without nft.
fn load(text: &str) -> bool {
    let Some(nft) = program("nft") else { return false };
    let mut child = Command::new(nft).args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    true
}

/// The lines of nft's listing in an order that does not depend on what was made first, without what
/// is left of lives.
fn listed() -> Vec<String> {
    let output = Command::new(program("nft").unwrap()).args(["list", "ruleset"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lives = |line: &str| {
        let (mut words, mut kept) = (line.split(' '), Vec::new());
        while let Some(word) = words.next() {
            kept.push(word);
            if word == "expires" {
                // How long.
                words.next();
            }
        }
        kept.join(" ")
    };
    let mut lines: Vec<String> = text.lines().map(lives).collect();
    lines.sort();
    lines
}

fn confirmed_it_stays() -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let (before, _) = state(&mut nft)?;
    let pending = nft.apply_confirmed(&change(), LONG)?;
    let (after, waits) = state(&mut nft)?;
    assert!(waits && after != before);
    pending.confirm(&mut nft)?;
    assert_eq!(state(&mut nft)?, (after, false));
    // A second one on top, of a batch that is bound.
    let mut batch = Batch::new();
    batch.add(Table::new(Family::Ip, "bound")).expect(nft.generation()?);
    nft.apply_confirmed(&batch, LONG)?.confirm(&mut nft)?;
    let mut batch = Batch::new();
    batch.add(Table::new(Family::Ip, "late")).expect(nft.generation()?);
    nft.apply(Batch::new().add(Table::new(Family::Ip, "faster")))?;
    assert!(nft.apply_confirmed(&batch, LONG).unwrap_err().is_stale());
    Ok(())
}

fn unconfirmed_everything_comes_back() -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let (before, _) = state(&mut nft)?;
    let (text, all) = (listed(), nft.ruleset()?);
    for change in [
        change(),
        // Nothing of it is left to turn into what there was.
        with(|b| b.delete(table())),
        with(|b| b.delete(table()).add(table().with_comment("another")).add(table().chain("input"))),
        // Of another kind, and in the way.
        with(|b| {
            b.delete(table()).add(table()).add(table().chain("plain"));
            b.add(Set::<Port>::new(&table(), "plain")).add(Map::<Port, data::Verdict>::new(&table(), "ports"))
        }),
        with(|b| b.delete(table()).delete(Table::new(Family::Ip, "other"))),
        with(|b| b.add(table().with_flags(model::TableFlags::DORMANT))),
    ] {
        let pending = nft.apply_confirmed(&change, LONG)?;
        assert_ne!(state(&mut nft)?.0, before);
        pending.undo()?;
        assert_eq!(state(&mut nft)?, (before.clone(), false));
        let pending = nft.apply_confirmed(&change, SHORT)?;
        assert_eq!(settled(&mut nft)?, before);
        assert_eq!(listed(), text);
        assert!(matches!(pending.confirm(&mut nft), Err(Error::Undone)));
        assert_eq!(settled(&mut nft)?, before);
    }
    // What was not touched is what it was, with its handle.
    let now = nft.ruleset()?;
    let other = |all: &Ruleset| all.rules.iter().find(|r| r.table == "other").cloned();
    assert!(other(&all).is_some());
    let mut small = Batch::new();
    small.add(table().chain("input").rule(Rule::new().when(tcp::dport().is(1)).accept()));
    nft.apply_confirmed(&small, LONG)?.undo()?;
    let again = nft.ruleset()?;
    assert_eq!((&again.rules, &again.chains, again.sets.len()), (&now.rules, &now.chains, now.sets.len()));
    assert_eq!(listed(), text);
    Ok(())
}

fn with(fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

fn what_packets_add_meanwhile_stays() -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let learned = SetRef::<Ipv4Addr>::new(Family::Inet, "host", "learned");
    let new = Ipv4Addr::new(203, 0, 113, 9);
    let pending = nft.apply_confirmed(&with(|b| b.flush(table().chain("input"))), LONG)?;
    nft.apply(Batch::new().add(learned.keys([new])))?;
    pending.undo()?;
    assert!(nft.has(&learned, new)?, "the batch had no business with that set");
    let pending =
        nft.apply_confirmed(&with(|b| b.flush(table().chain("input")).add(learned.keys([Ipv4Addr::LOCALHOST]))), LONG)?;
    nft.apply(Batch::new().delete(learned.keys([new])))?;
    pending.undo()?;
    assert!(nft.has(&learned, new)? && !nft.has(&learned, Ipv4Addr::LOCALHOST)?, "that one is as it was");
    Ok(())
}

fn dropped_or_panicked_over_it_is_undone_at_once() -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let (before, _) = state(&mut nft)?;
    drop(nft.apply_confirmed(&change(), LONG)?);
    assert_eq!(state(&mut nft)?, (before.clone(), false));
    let panicked = thread::scope(|scope| {
        let agent = scope.spawn(|| {
            let mut nft = Client::open().unwrap();
            let _pending = nft.apply_confirmed(&change(), LONG).unwrap();
            panic::resume_unwind(Box::new("as agents do"));
        });
        agent.join().is_err()
    });
    assert!(panicked);
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

fn too_late_before_it_began_it_is_undone_too() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let (before, _) = state(&mut nft)?;
    drop(nft.apply_confirmed(&change_of_little(), NONE)?);
    assert_eq!(state(&mut nft)?, (before.clone(), false));
    let pending = nft.apply_confirmed(&change_of_little(), NONE)?;
    assert!(matches!(pending.confirm(&mut nft), Err(Error::Undone)));
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

fn change_of_little() -> Batch {
    with(|b| b.add(table().chain("input")).add(table().chain("input").rule(Rule::new().then(counter()))))
}

fn what_is_flushed_without_being_named_comes_back() -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let before = state(&mut nft)?.0;
    for family in [None, Some(Family::Inet)] {
        let flushed = with(|b| b.flush_ruleset(family).add(Table::new(Family::Inet, "host")));
        nft.apply_confirmed(&flushed, LONG)?.undo()?;
        assert_eq!(state(&mut nft)?, (before.clone(), false));
    }
    Ok(())
}

fn with_the_second_process_dead_nobody_says_that_it_is_undone() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let pending = nft.apply_confirmed(&change_of_little(), LONG)?;
    agents::kill_watchdogs(std::process::id());
    let error = pending.undo().unwrap_err();
    assert!(error.to_string().contains("the second process is gone"), "{error}");
    let (after, waits) = state(&mut nft)?;
    assert!(waits && after.rules.len() == 1, "the changes are made, and the marker says that they wait");
    // Who is there to confirm can.
    let more = with(|b| b.add(Table::new(Family::Ip, "more")));
    let pending = nft.apply_confirmed(&more, LONG)?;
    agents::kill_watchdogs(std::process::id());
    pending.confirm(&mut nft)?;
    assert_eq!(state(&mut nft)?.0.tables.len(), 2);
    Ok(())
}

fn who_deletes_the_marker_confirms() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let delete = |nft: &mut Client| {
        let tables = nft.tables().snapshot()?;
        let marker = tables.iter().find(|table| table.name.as_bytes().starts_with(b"oxitables_pending_")).unwrap();
        nft.apply(Batch::new().delete(marker))
    };
    let pending = nft.apply_confirmed(&change_of_little(), LONG)?;
    delete(&mut nft)?;
    pending.confirm(&mut nft)?;
    let pending = nft.apply_confirmed(&with(|b| b.add(Table::new(Family::Ip, "more"))), LONG)?;
    delete(&mut nft)?;
    assert!(pending.undo().unwrap_err().to_string().contains("somebody deleted"));
    let (now, waits) = state(&mut nft)?;
    assert_eq!((now.tables.len(), now.rules.len(), waits), (2, 1, false));
    Ok(())
}

fn beside_a_busy_writer_it_is_undone() -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let before = state(&mut nft)?.0;
    let pending = nft.apply_confirmed(&change(), LONG)?;
    let (stop, mut busy) = (std::sync::atomic::AtomicBool::new(false), Client::open()?);
    let other = Table::new(Family::Arp, "busy");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                busy.apply(Batch::new().add(&other).delete(&other)).unwrap();
            }
        });
        let outcome = pending.undo();
        stop.store(true, Ordering::SeqCst);
        outcome
    })?;
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

fn nobody_deletes_tables_by_starting_the_second_process() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let hex: String = "host".bytes().map(|byte| format!("{byte:02x}")).collect();
    for orders in [format!("marker {hex}\nsnapshot\n"), format!("table 1 {hex}\nmarker {hex}\nsnapshot\n")] {
        let mut second = Command::new(env::current_exe()?);
        second.env("OXITABLES_WATCHDOG", "1").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut second = second.spawn()?;
        std::io::Write::write_all(&mut second.stdin.take().unwrap(), orders.as_bytes())?;
        assert!(!second.wait()?.success());
    }
    assert!(nft.table(Family::Inet, &table().name)?.is_some());
    Ok(())
}

fn what_cannot_be_made_or_watched_is_refused() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let (before, _) = state(&mut nft)?;
    let missing = with(|b| b.add(Table::new(Family::Ip, "new")).delete(table().chain("none")));
    assert!(nft.apply_confirmed(&missing, LONG).unwrap_err().is_not_found());
    assert_eq!(state(&mut nft)?, (before.clone(), false));
    let owned = with(|b| b.add(Table::new(Family::Ip, "own").with_flags(model::TableFlags::OWNER)));
    let error = nft.apply_confirmed(&owned, LONG).unwrap_err();
    assert!(error.to_string().contains("owner"), "{error}");
    let elsewhere = Sandbox::new()?.host("elsewhere")?;
    let error = elsewhere.run(|| nft.apply_confirmed(&change(), LONG).unwrap_err().to_string());
    assert!(error.contains("another network namespace"), "{error}");
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

fn killed_between_any_two_steps_it_is_before_or_after() -> Outcome {
    killed_after_each_step(false)
}

fn killed_with_its_second_process_it_is_so_when_another_has_begun() -> Outcome {
    killed_after_each_step(true)
}

fn killed_after_each_step(both: bool) -> Outcome {
    if !load(BEFORE) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    let (before, _) = state(&mut nft)?;
    // What it looks like afterwards.
    let pending = nft.apply_confirmed(&change(), LONG)?;
    let (after, _) = state(&mut nft)?;
    pending.undo()?;
    let mut outcomes = Vec::new();
    for step in 1.. {
        let mut agent = Command::new(env::current_exe()?);
        if both {
            agent.env(BOTH, "1");
        }
        let mut agent = agent.env(AGENT, step.to_string()).spawn()?;
        let ended = loop {
            let (now, _) = state(&mut nft)?;
            assert!(now == before || now == after, "killed after step {step}, it is in between");
            if let Some(status) = agent.try_wait()? {
                break status;
            }
        };
        let end = if both { mended(&mut nft)? } else { settled(&mut nft)? };
        let kept = end == after;
        assert!(kept || end == before);
        outcomes.push((kept, ended.success()));
        if ended.success() {
            break;
        }
        if kept {
            // Back to where it began.
            nft.apply(
                Batch::new()
                    .delete(table())
                    .delete(Table::new(Family::Ip, "other"))
                    .delete(Table::new(Family::Ip6, "more")),
            )?;
            load(BEFORE);
            assert_eq!(state(&mut nft)?.0, before);
        }
    }
    // Nothing is kept until it is confirmed, and everything from then on.
    let confirmed = outcomes.iter().position(|(kept, _)| *kept).unwrap();
    assert!(confirmed >= 4 && outcomes[confirmed..].iter().all(|(kept, _)| *kept), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|(_, ended)| *ended).count(), 1);
    println!("killed after each of {} steps, confirmed at step {}", outcomes.len() - 1, confirmed + 1);
    Ok(())
}

/// Kills its own process after so many records of what is to be confirmed.
struct Killer(usize, AtomicUsize);

impl log::Log for Killer {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "oxitables::confirm"
    }
    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) && self.1.fetch_add(1, Ordering::SeqCst) + 1 == self.0 {
            if env::var_os(BOTH).is_some() {
                agents::kill_watchdogs(std::process::id());
            }
            signal::kill(Pid::this(), signal::SIGKILL).unwrap();
        }
    }
    fn flush(&self) {}
}

/// What is killed.
fn agent(step: &str) -> Result<()> {
    let killer = Killer(step.parse().unwrap(), AtomicUsize::new(0));
    log::set_boxed_logger(Box::new(killer)).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let mut nft = Client::open()?;
    let pending = nft.apply_confirmed(&change(), LONG)?;
    pending.confirm(&mut nft)
}

const TESTS: &[Test] = sandboxed::tests![
    confirmed_it_stays,
    unconfirmed_everything_comes_back,
    what_packets_add_meanwhile_stays,
    dropped_or_panicked_over_it_is_undone_at_once,
    too_late_before_it_began_it_is_undone_too,
    what_is_flushed_without_being_named_comes_back,
    with_the_second_process_dead_nobody_says_that_it_is_undone,
    who_deletes_the_marker_confirms,
    beside_a_busy_writer_it_is_undone,
    nobody_deletes_tables_by_starting_the_second_process,
    what_cannot_be_made_or_watched_is_refused,
    killed_between_any_two_steps_it_is_before_or_after,
    killed_with_its_second_process_it_is_so_when_another_has_begun,
    what_is_only_tried_nobody_sees,
    a_table_has_one_change_that_waits,
    of_one_program_too_whatever_names_the_table,
    what_was_undone_cannot_be_confirmed_in_any_order,
    what_others_change_meanwhile_is_undone_too,
    a_flushed_ruleset_confirms_nothing,
    a_table_of_ones_own_is_not_flushed_either,
    a_dead_container_is_mended_by_the_next,
    a_marker_that_keeps_nothing_is_told_and_left,
    who_starts_the_second_process_of_a_privileged_program_gains_nothing,
    what_could_not_be_sent_to_undo_it_is_not_changed,
    memory_to_undo_is_there_before,
    what_others_made_impossible_is_told_and_can_be_mended_later,
    what_cannot_be_made_again_is_not_changed,
    what_stayed_without_its_owner_comes_back,
    what_ends_the_second_process_at_its_start_is_told,
    a_forked_child_does_not_hide_that_the_agent_is_gone,
    a_forked_child_does_not_keep_it_from_being_undone,
    killed_at_random_it_is_as_was_said,
];

/// Makes this program one that does something before `confirm::init()`.
const LATE: &str = "OXITABLES_TEST_LATE";

fn main() {
    if env::var_os(LATE).is_some() && env::var_os("OXITABLES_WATCHDOG").is_some() {
        std::process::exit(3);
    }
    let mended = confirm::init();
    if agents::obey(&mended) || privileged::attack() {
        return;
    }
    if let Ok(step) = env::var(AGENT) {
        return agent(&step).unwrap();
    }
    sandboxed::run(TESTS);
}
