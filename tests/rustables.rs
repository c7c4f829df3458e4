//! rustables' batches and objects, beside what rustables itself makes of them.

mod common;
#[path = "common/ordinary.rs"]
mod ordinary;

use oxitables::{Batch, Client, Family, Rule, Table, counter, model::Ruleset, tcp, testing};
use rustables::{
    Batch as Theirs, Chain, ChainPolicy, ChainType, Hook, HookClass, MsgType, ProtocolFamily, Rule as TheirRule,
    error::QueryError,
    expr::{
        Counter, HighLevelPayload, IPv4HeaderField, Immediate, Log, Lookup, NetworkHeaderField, Reject, RejectType,
        VerdictKind,
    },
    set::{SetBuilder, SetElementList},
};
use std::{error::Error, net::Ipv4Addr, process::Command};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[test]
fn works_for_an_ordinary_user() {
    ordinary::all_of_this_as_an_ordinary_user();
}

fn table() -> rustables::Table {
    rustables::Table::new(ProtocolFamily::Inet).with_name("fw")
}

fn chain() -> Chain {
    Chain::new(&table()).with_name("input")
}

/// As many different rules.
fn many(rules: u16) -> Outcome<Theirs> {
    let mut batch = Theirs::new();
    batch.add(&table(), MsgType::Add);
    batch.add(&chain(), MsgType::Add);
    for port in 1..=rules {
        let rule = TheirRule::new(&chain())?.dport(port, rustables::Protocol::TCP).with_expr(Counter::default());
        batch.add(&rule, MsgType::Add);
    }
    Ok(batch)
}

#[test]
fn a_batch_that_their_send_calls_failed_is_committed_and_told_so() {
    const RULES: u16 = 400;
    testing::in_namespace(|| -> Outcome {
        let mut nft = Client::open()?;
        // Theirs: the kernel has all of it, the caller is told that it failed.
        match many(RULES)?.send() {
            Err(QueryError::NetlinkRecvError(nix::errno::Errno::ENOBUFS)) => {}
            Ok(()) => {
                testing::skip("sockets have more room here than usual: set net.core.rmem_default to 212992");
                return Ok(());
            }
            Err(other) => return Err(other.into()),
        }
        let made = nft.ruleset()?;
        assert_eq!(made.rules.len(), usize::from(RULES));

        // Ours, of the same bytes.
        let batch = Batch::try_from(many(RULES)?)?;
        assert_eq!(batch.len(), usize::from(RULES) + 2);
        nft.apply(Batch::new().destroy(table()))?;
        nft.apply(&batch)?;
        let ours = nft.ruleset()?;
        let exprs = |ruleset: &Ruleset| ruleset.rules.iter().map(|rule| rule.exprs.clone()).collect::<Vec<_>>();
        assert_eq!(exprs(&ours), exprs(&made), "each rule once, in their order");

        // What is desired is there: what was taken over can be followed.
        assert!(nft.plan(&Ruleset::made_by(&batch)?)?.is_empty());
        nft.apply(Batch::new().flush(chain()))?;
        assert_eq!(nft.reconcile(&Ruleset::made_by(&batch)?)?.len(), usize::from(RULES));
        Ok(())
    });
}

#[test]
fn a_failure_names_the_operation_and_nothing_is_changed() {
    testing::in_namespace(|| -> Outcome {
        let batch = || -> Outcome<Theirs> {
            let mut batch = many(3)?;
            let nowhere = Chain::new(&table()).with_name("nowhere");
            batch.add(&TheirRule::new(&nowhere)?.with_expr(Counter::default()), MsgType::Add);
            batch.add(&TheirRule::new(&chain())?.with_handle(99_u64), MsgType::Del);
            Ok(batch)
        };
        assert_eq!(batch()?.send().unwrap_err().to_string(), "Error received from the kernel");

        let mut nft = Client::open()?;
        let error = nft.apply(&Batch::try_from(batch()?)?).unwrap_err();
        assert!(error.is_not_found());
        let [first, second] = error.failures() else { return Err(error.into()) };
        assert_eq!((first.operation, first.object.as_str()), (Some(5), "rule inet fw nowhere"));
        assert_eq!((second.operation, second.object.as_str()), (Some(6), "rule inet fw input handle 99"));
        assert_eq!(
            error.to_string(),
            "nothing was changed: add rule inet fw nowhere (operation 6 of 7): ENOENT at chain: there is no chain nowhere in table inet fw; \
add the chain first, in the same batch, or correct its name\n\
delete rule inet fw input handle 99 (operation 7 of 7): ENOENT at handle: there is no rule with handle 99 in chain \
input of table inet fw; list the rules again: it may be gone"
        );
        assert!(nft.ruleset()?.tables.is_empty());
        Ok(())
    });
}

/// Something of everything that they have.
fn sample() -> Outcome<Theirs> {
    let (mut set, elements) = {
        let mut set = SetBuilder::<Ipv4Addr>::new("blocked", &table())?;
        (1..=9).for_each(|i| set.add(&Ipv4Addr::new(192, 0, 2, i)));
        set.finish()
    };
    (set.family, set.id) = (ProtocolFamily::Inet, Some(7));
    let input = Chain::new(&table()).with_name("in").with_hook(Hook::new(HookClass::In, -10));
    let input = input.with_policy(ChainPolicy::Drop).with_type(ChainType::Filter);
    let source = HighLevelPayload::Network(NetworkHeaderField::IPv4(IPv4HeaderField::Saddr)).build();

    let mut batch = Theirs::new();
    batch.add(&table(), MsgType::Add);
    batch.add(&chain(), MsgType::Add);
    batch.add(&input, MsgType::Add);
    batch.add(&set, MsgType::Add);
    batch.add(&elements, MsgType::Add);
    for rule in [
        TheirRule::new(&input)?.established()?.accept(),
        TheirRule::new(&input)?.iiface("lo")?.accept(),
        TheirRule::new(&input)?.match_network("10.0.0.0/8".parse()?, true)?.drop(),
        TheirRule::new(&input)?.with_expr(source).with_expr(Lookup::new(&set)?).drop(),
        TheirRule::new(&input)?.dport(22, rustables::Protocol::TCP).with_expr(Counter::default()).accept(),
        TheirRule::new(&input)?
            .with_expr(Log::new(None, Some("no: "))?)
            .with_expr(Reject::default().with_type(RejectType::TcpRst)),
        TheirRule::new(&input)?
            .with_expr(Immediate::new_verdict(VerdictKind::Jump { chain: "input".into() }))
            .with_userdata(b"\x00\x03hi\0".to_vec()),
    ] {
        batch.add(&rule, MsgType::Add);
    }
    Ok(batch)
}

#[test]
fn what_is_in_the_kernel_is_what_they_alone_would_have_put_there() {
    let nft = testing::program("nft");
    testing::isolated(|lab| -> Outcome {
        let mut seen = Vec::new();
        for (name, submit) in [
            ("theirs", (|| Ok(sample()?.send()?)) as fn() -> Outcome),
            ("ours", || Client::open()?.apply(&Batch::try_from(sample()?)?).map(drop).map_err(Into::into)),
        ] {
            seen.push(lab.host(name)?.run(|| -> Result<_, String> {
                submit().map_err(|e| e.to_string())?;
                let mut ruleset = Client::open().and_then(|mut nft| nft.ruleset()).map_err(|e| e.to_string())?;
                // In the order of a hash that is another in each.
                ruleset.sets[0].elements.sort_by_key(|element| element.key.map(|key| key.to_vec()));
                let Some(nft) = &nft else { return Ok((ruleset, String::new())) };
                let listed = Command::new(nft).args(["-a", "list", "ruleset"]).output().map_err(|e| e.to_string())?;
                assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
                Ok((ruleset, String::from_utf8_lossy(&listed.stdout).into_owned()))
            })?);
        }
        assert_eq!(seen[0].0.rules.len(), 7);
        assert_eq!(seen[0].0.sets[0].elements.len(), 9);
        // Every attribute that the kernel tells, handles too.
        assert_eq!(seen[0], seen[1]);
        Ok(())
    });
}

#[test]
fn their_objects_take_the_verbs_of_here() {
    testing::in_namespace(|| -> Outcome {
        let list = |count: u32| -> Outcome<(rustables::Set, SetElementList)> {
            let mut set = SetBuilder::<Ipv4Addr>::new("blocked", &table())?;
            (0..count).for_each(|i| set.add(&Ipv4Addr::from(0x0a00_0000 + i)));
            let (set, elements) = set.finish();
            // Theirs lacks the number that the kernel asks for, and the family.
            Ok((rustables::Set { family: ProtocolFamily::Inet, ..set }, elements))
        };
        let rule = |port| {
            Ok::<_, rustables::error::BuilderError>(TheirRule::new(&chain())?.dport(port, rustables::Protocol::TCP))
        };
        let mut nft = Client::open()?;
        // More elements than one of their messages can carry.
        let (set, elements) = list(10_000)?;
        let input = Table::new(Family::Inet, "fw").chain("input");
        let ours = input.rule(Rule::new().when(tcp::dport().is(443)).then(counter()));
        let mut batch = Batch::new();
        batch.create(table()).add(chain()).add(&set).add(&elements).add(rule(22)?).add(&ours).insert(rule(80)?);
        nft.apply(&batch)?;
        let ruleset = nft.ruleset()?;
        assert_eq!(ruleset.sets[0].elements.len(), 10_000);
        let ports = |ruleset: &Ruleset| -> Vec<String> {
            ruleset.rules.iter().map(|rule| ruleset.text_of(rule).stateless().to_string()).collect()
        };
        assert_eq!(ports(&ruleset), ["tcp dport 80", "tcp dport 22", "tcp dport 443 counter"]);

        // In one message of theirs the length of such a list has overflowed.
        let mut theirs = Theirs::new();
        theirs.add(&elements, MsgType::Add);
        let error = Batch::try_from(theirs).unwrap_err().to_string();
        assert!(error.contains("(operation 1 of 1)") && error.contains("an attribute is there twice"), "{error}");

        // A rule of theirs may say itself where it goes, and which it is.
        let second = ruleset.rules[1].handle.unwrap();
        nft.apply(Batch::new().add(rule(23)?.with_position(second)).insert(rule(21)?.with_position(second)))?;
        nft.apply(
            Batch::new().delete(rule(22)?.with_handle(second)).replace(ruleset.rules[0].handle.unwrap(), rule(81)?),
        )?;
        assert_eq!(ports(&nft.ruleset()?), ["tcp dport 81", "tcp dport 21", "tcp dport 23", "tcp dport 443 counter"]);

        // In a batch of theirs it is as they write it: without that number.
        let mut theirs = Theirs::new();
        theirs.add(&set.clone().with_name("other"), MsgType::Add);
        assert_eq!(
            Batch::try_from(theirs).unwrap_err().to_string(),
            "nothing was changed: add set inet fw other (operation 1 of 1) at id: the kernel wants every set to have a number in its \
batch (NFTA_SET_ID)"
        );

        // What has no form is told with everything else, before anything is sent.
        let nameless = rustables::Table::new(ProtocolFamily::Inet);
        let error = nft.apply(Batch::new().add(nameless).delete(rule(21)?).add(list(1)?.0.with_name(""))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing was changed: add table inet (operation 1 of 3) at name: attribute is missing
\
delete (operation 2 of 3) at handle: a rule is deleted by its handle: take the rule from a listing
\
add set inet fw (operation 3 of 3) at name: the name is empty"
        );

        nft.apply(Batch::new().delete(list(2)?.1).flush(chain()))?;
        let ruleset = nft.ruleset()?;
        assert_eq!((ruleset.sets[0].elements.len(), ruleset.rules.len()), (9_998, 0));
        nft.apply(Batch::new().flush(&set).delete(&set).destroy(chain()).delete(table()))?;
        assert!(nft.ruleset()?.tables.is_empty());
        Ok(())
    });
}
