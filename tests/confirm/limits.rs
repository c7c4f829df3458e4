//! What is made sure of before anything is changed, and who is noticed to be gone.

use crate::{
    LONG,
    agents::{Agent, more},
    common::features::lacks,
    privileged::ordinary,
    sandboxed::Outcome,
    settled, state, table, with,
};
use oxitables::{
    client::{Owned, confirm},
    proto::Feature,
    testing::{self, program},
    *,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    process::{Command, Stdio},
};

/// Gives the table a set of so many elements, with comments.
fn fill(nft: &mut Client, elements: u32) -> Result<Set<Ipv4Addr>> {
    let set = Set::<Ipv4Addr>::new(&table(), "large");
    nft.apply(Batch::new().add(table()).add(&set))?;
    for start in (0..elements).step_by(1000) {
        let each = (start..elements.min(start + 1000)).map(Ipv4Addr::from_bits);
        let elements = set.elements(each.map(|address| set.element(address).comment("c".repeat(128))));
        nft.apply(Batch::new().add(elements))?;
    }
    Ok(set)
}

pub fn what_could_not_be_sent_to_undo_it_is_not_changed() -> Outcome {
    let mut nft = Client::open()?;
    // Some 10 MB are to be sent.
    let set = fill(&mut nft, 60_000)?;
    let (before, _) = state(&mut nft)?;
    let most =
        fs::read_to_string("/proc/sys/net/core/wmem_max").ok().and_then(|most| most.trim().parse::<usize>().ok());
    match nft.apply_confirmed(&with(|b| b.flush(&set)), LONG) {
        Ok(pending) => {
            assert!(!ordinary() || most.is_none_or(|most| most > 4 << 20), "the send buffer cannot be so large");
            pending.undo()?;
        }
        Err(Error::TooLarge { needed, limit, sysctl }) => assert!(ordinary() && needed > limit && sysctl > needed / 2),
        Err(error) => return Err(error.into()),
    }
    assert!(state(&mut nft)? == (before, false));
    Ok(())
}

pub fn memory_to_undo_is_there_before() -> Outcome {
    let mut nft = Client::open()?;
    fill(&mut nft, 10_000)?;
    let mut agent = Agent::start();
    let said = agent.ask("change host new 600000");
    if ordinary() && said.starts_with("the batch has") {
        testing::skip(&said);
        return Ok(());
    }
    assert_eq!(said, "ok");
    let prepared: u64 = agent.ask("prepared").parse()?;
    assert_eq!(agent.ask("undo 0"), "ok");
    let spent: u64 = agent.ask("spent").parse()?;
    assert!(spent <= prepared + prepared / 20, "undoing took {spent} kB, and {prepared} kB were prepared");
    Ok(())
}

pub fn what_others_made_impossible_is_told_and_can_be_mended_later() -> Outcome {
    let mut nft = Client::open()?;
    if lacks(Feature::Owner) {
        return Ok(());
    }
    nft.apply(Batch::new().add(table()).add(table().chain("kept")))?;
    let (before, _) = state(&mut nft)?;
    let pending = nft.apply_confirmed(&more("host", "new"), LONG)?;
    nft.apply(Batch::new().delete(table()))?;
    let own = Owned::new(table())?;
    let error = pending.undo().unwrap_err();
    assert!(error.to_string().contains("only its owner may change it"), "{error:?}");
    assert!(confirm::mend(&mut nft)?[0].outcome.as_ref().unwrap_err().is_permission());
    drop(own);
    assert!(confirm::mend(&mut nft)?[0].outcome.is_ok());
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

pub fn what_cannot_be_made_again_is_not_changed() -> Outcome {
    if lacks(Feature::SetSize) {
        return Ok(());
    }
    let mut nft = Client::open()?;
    // A set that was made smaller than what it holds: nobody can fill one of its size like that.
    let set = Set::<Ipv4Addr>::new(&table(), "small");
    nft.apply(Batch::new().add(table()).add(set.clone().with_size(10)).add(set.keys((0..5).map(Ipv4Addr::from_bits))))?;
    nft.apply(Batch::new().add(set.with_size(2)))?;
    let (before, _) = state(&mut nft)?;
    let error = nft.apply_confirmed(&more("host", "new"), LONG).unwrap_err();
    assert!(error.to_string().starts_with("having a second process prepare to undo"), "{error}");
    assert!(error.to_string().contains("set small is full"), "{error:?}");
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

pub fn what_stayed_without_its_owner_comes_back() -> Outcome {
    let mut nft = Client::open()?;
    if lacks(Feature::Persist) {
        return Ok(());
    }
    drop(Owned::persistent(table())?);
    let (before, _) = state(&mut nft)?;
    for change in [more("host", "new"), with(|b| b.delete(table()))] {
        nft.apply_confirmed(&change, LONG)?.undo()?;
        assert_eq!(state(&mut nft)?, (before.clone(), false));
    }
    Ok(())
}

pub fn what_ends_the_second_process_at_its_start_is_told() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let (before, _) = state(&mut nft)?;
    let mut agent = Agent::start();
    assert_eq!(agent.ask("murder"), "ok");
    let said = agent.ask("change host new 600000");
    assert!(said.contains("killed before it was ready") && !said.contains("main"), "{said}");
    let mut command = Agent::program();
    let mut late = Agent::run({
        command.env(crate::LATE, "1");
        command
    });
    let said = late.ask("change host new 600000");
    assert!(said.contains("exit status: 3") && said.contains("confirm::init() before all else"), "{said}");
    assert_eq!(state(&mut nft)?, (before, false));
    Ok(())
}

pub fn a_forked_child_does_not_hide_that_the_agent_is_gone() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let (before, _) = state(&mut nft)?;
    let mut agent = Agent::start();
    assert_eq!(agent.ask("change host new 600000"), "ok");
    // It goes on in a child; the process that made the change ends.
    assert_eq!(agent.ask("daemon"), "ok");
    assert_eq!(settled(&mut nft)?, before);
    let said = agent.ask("confirm 0");
    assert!(said.starts_with("undone: "), "{said}");
    Ok(())
}

/// Takes all sockets of a process, as a child that it forks has them, and keeps them until it is
/// told to end.
const HOLDER: &str = "
import ctypes, os, sys
pid = int(sys.argv[1])
process = os.pidfd_open(pid)
for fd in os.listdir(f'/proc/{pid}/fd'):
    if 'socket' in os.readlink(f'/proc/{pid}/fd/{fd}'):
        if ctypes.CDLL(None, use_errno=True).syscall(438, process, int(fd), 0) < 0:
            print('errno', ctypes.get_errno())
print('held', flush=True)
sys.stdin.read()
";

pub fn a_forked_child_does_not_keep_it_from_being_undone() -> Outcome {
    let mut nft = Client::open()?;
    nft.apply(Batch::new().add(table()))?;
    let (before, _) = state(&mut nft)?;
    let Some(python) = program("python3") else { return Ok(()) };
    for order in ["undo 0", "drop 0", "confirm 0", "killed"] {
        let mut agent = Agent::start();
        assert_eq!(agent.ask("change host new 600000"), "ok");
        let mut command = Command::new(&python);
        command.args(["-c", HOLDER, &agent.process.id().to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn()?;
        let mut held = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut held)?;
        if held != "held\n" {
            testing::skip(&format!("no process may take another's files here: {held}"));
            return Ok(());
        }
        let confirmed = order.starts_with("confirm");
        if order == "killed" {
            agent.kill();
        } else {
            assert_eq!(agent.ask(order), "ok");
            // The second process of an agent that is done with it is gone.
            assert_eq!(confirm::waiting(&mut nft)?.len(), 0);
        }
        let after = settled(&mut nft)?;
        assert_eq!(after != before, confirmed, "{order}");
        drop(holder.stdin.take());
        holder.wait()?;
        if confirmed {
            nft.apply(Batch::new().delete(table().chain("new")))?;
        }
    }
    Ok(())
}
