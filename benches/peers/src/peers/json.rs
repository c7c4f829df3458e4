//! The `nftables` crate: JSON through the `nft` program.

use super::{Job, Result};
use crate::{
    lab::{address, port, range},
    work::{Change, Task},
};
use nftables::{
    expr::{Elem, Expression, NamedExpression, Payload, PayloadField, Prefix},
    helper::{DEFAULT_ARGS, DEFAULT_NFT, NftablesError, apply_ruleset_with_args, get_current_ruleset_with_args},
    schema::{Element, FlushObject, NfCmd, NfListObject, NfObject, Nftables, Rule, Set},
    stmt::{Counter, Match, Operator, Statement},
    types::NfFamily,
};

pub(super) fn open(task: Task, _: usize) -> Result<Job> {
    Ok(match task {
        Task::ListElements => Box::new(|_| list(["list", "set", "ip", "bench", "addresses"])),
        Task::ListRules => Box::new(|_| list(["list", "chain", "ip", "bench", "input"])),
        _ => Box::new(move |n| {
            let objects: Vec<_> = commands(task, n).into_iter().map(NfObject::CmdObject).collect();
            let document = Nftables { objects: objects.into() };
            apply_ruleset_with_args(&document, DEFAULT_NFT, DEFAULT_ARGS).map_err(why)?;
            Ok(0)
        }),
    })
}

/// Counts the rules and elements in an answer.
fn list(args: [&str; 5]) -> Result<usize> {
    let listed = get_current_ruleset_with_args(DEFAULT_NFT, args).map_err(why)?;
    let count = |object: &NfObject<'_>| match object {
        NfObject::ListObject(NfListObject::Rule(_)) => 1,
        NfObject::ListObject(NfListObject::Set(set)) => set.elem.as_ref().map_or(0, |elements| elements.len()),
        _ => 0,
    };
    Ok(listed.objects.iter().map(count).sum())
}

fn why(error: NftablesError) -> &'static str {
    match error {
        NftablesError::NftInvalidJson(_) => "JSON",
        _ => "nft",
    }
}

fn commands(task: Task, n: usize) -> Vec<NfCmd<'static>> {
    if task == Task::Rules {
        return (0..n).map(|i| NfCmd::Add(NfListObject::Rule(rule(i)))).collect();
    }
    let Change { set: name, flush, delete, add } = task.change(n);
    let set = || Box::new(Set { family: NfFamily::IP, table: "bench".into(), name: name.into(), ..Set::default() });
    let elements = |numbers: std::ops::Range<usize>| {
        let elem = numbers.map(|i| element(task, i)).collect::<Vec<_>>().into();
        NfListObject::Element(Element { family: NfFamily::IP, table: "bench".into(), name: name.into(), elem })
    };
    let mut commands = Vec::new();
    if task == Task::Sized {
        commands.push(NfCmd::Add(NfListObject::Set(Box::new(Set { size: Some(n as u32), ..*set() }))));
    }
    if flush {
        commands.push(NfCmd::Flush(FlushObject::Set(set())));
    }
    if !delete.is_empty() {
        commands.push(NfCmd::Delete(elements(delete)));
    }
    if !add.is_empty() {
        commands.push(NfCmd::Add(elements(add)));
    }
    commands
}

fn element(task: Task, i: usize) -> Expression<'static> {
    let single = |i| Expression::String(address(i).to_string().into());
    Expression::Named(match task {
        Task::Ranges => {
            let addr = Box::new(Expression::String(range(i).start().to_string().into()));
            NamedExpression::Prefix(Prefix { addr, len: 29 })
        }
        Task::Timed => NamedExpression::Elem(Elem { val: Box::new(single(i)), timeout: Some(3600), ..Elem::default() }),
        _ => return single(i),
    })
}

fn rule(i: usize) -> Rule<'static> {
    let field = |protocol: &'static str, field: &'static str, right| {
        let field = PayloadField { protocol: protocol.into(), field: field.into() };
        let left = Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)));
        Statement::Match(Match { left, right, op: Operator::EQ })
    };
    let expr = vec![
        field("ip", "saddr", element(Task::Rules, i)),
        field("tcp", "dport", Expression::Number(port(i).into())),
        Statement::Counter(Counter::Anonymous(None)),
        Statement::Accept(None),
    ];
    Rule { family: NfFamily::IP, table: "bench".into(), chain: "input".into(), expr: expr.into(), ..Rule::default() }
}
