//! rustables: as it comes, and its bytes over a socket with room for them.

use super::{Job, Result, errno, roomy::Roomy};
use crate::{
    lab::{address, port},
    work::Task,
};
use ::rustables::{
    Batch, Chain, MsgType, ProtocolFamily, Rule, Table,
    error::QueryError,
    expr::{
        Cmp, CmpOp, Counter, HighLevelPayload, IPv4HeaderField, Immediate, Meta, MetaType, NetworkHeaderField,
        TCPHeaderField, TransportHeaderField, VerdictKind,
    },
    list_rules_for_chain,
    set::{SetBuilder, SetElementList},
};

pub(super) const CANNOT: &[Task] = &[Task::Sized, Task::Ranges, Task::Timed, Task::ListElements];

/// More, and the 16 bits of the attribute's length wrap.
const PER_MESSAGE: usize = 4095;

pub(super) fn open(task: Task, _: usize) -> Result<Job> {
    Ok(job(task, |batch| batch.send().map_err(why)))
}

pub(super) fn open_roomy(task: Task, _: usize) -> Result<Job> {
    let mut socket = Roomy::open()?;
    Ok(job(task, move |batch| socket.commit(&batch.finalize())))
}

fn why(error: QueryError) -> Box<dyn std::error::Error> {
    match error {
        QueryError::NetlinkError(e) => errno(-e.error),
        QueryError::NetlinkSendError(e) | QueryError::NetlinkRecvError(e) => errno(e as i32),
        other => other.into(),
    }
}

fn job(task: Task, mut send: impl FnMut(Batch) -> Result<()> + 'static) -> Job {
    let table = Table::new(ProtocolFamily::Ipv4).with_name("bench");
    let chain = Chain::new(&table).with_name("input");
    if task == Task::ListRules {
        return Box::new(move |_| list_rules_for_chain(&chain).map(|rules| rules.len()).map_err(why));
    }
    Box::new(move |n| {
        let mut batch = Batch::new();
        if task == Task::Rules {
            (0..n).try_for_each(|i| rule(&chain, i).map(|rule| batch.add(&rule, MsgType::Add)))?;
        } else {
            let change = task.change(n);
            if change.flush {
                let all = SetElementList { family: ProtocolFamily::Ipv4, ..SetElementList::default() };
                batch.add(&all.with_table("bench").with_set(change.set), MsgType::Del);
            }
            for (verb, mut elements) in [(MsgType::Del, change.delete), (MsgType::Add, change.add)] {
                while !elements.is_empty() {
                    let mut set = SetBuilder::new(change.set, &table)?;
                    elements.by_ref().take(PER_MESSAGE).for_each(|i| set.add(&address(i)));
                    batch.add(&set.finish().1, verb);
                }
            }
        }
        send(batch).map(|()| 0)
    })
}

/// Without the check of the protocol that `Rule::saddr` adds: in a table of one family it says
/// nothing.
fn rule(chain: &Chain, i: usize) -> Result<Rule> {
    let source = NetworkHeaderField::IPv4(IPv4HeaderField::Saddr);
    let port_to = TransportHeaderField::Tcp(TCPHeaderField::Dport);
    Ok(Rule::new(chain)?
        .with_expr(HighLevelPayload::Network(source).build())
        .with_expr(Cmp::new(CmpOp::Eq, address(i).octets()))
        .with_expr(Meta::new(MetaType::L4Proto))
        .with_expr(Cmp::new(CmpOp::Eq, [6]))
        .with_expr(HighLevelPayload::Transport(port_to).build())
        .with_expr(Cmp::new(CmpOp::Eq, port(i).to_be_bytes()))
        .with_expr(Counter::default())
        .with_expr(Immediate::new_verdict(VerdictKind::Accept)))
}
