//! Plans on models: no kernel, but one that does what a batch says and checks references.

use super::{Kernel, Reading, Wanted, diff, diff_on, normal, rules::common};
use crate::{
    AddrSet, Batch, CtState, Family, Hook, Keyed, Map, Policy, Port, Priority, Rule, Set, Table, counter, ct,
    data::Verdict,
    expr::{Counter, Expr, Limit, Quota},
    ip, meta,
    model::{Chain, Device, Element, Flowtable, Object, Ruleset},
    tcp,
};
use std::{net::Ipv4Addr, time::Duration};

fn host() -> Table {
    Table::new(Family::Inet, "host")
}

fn input() -> Chain {
    host().chain("input").with_hook(Hook::Input, Priority::FILTER)
}

/// For closures that only do.
fn done<T>(_: T) {}

fn made(fill: impl FnOnce(&mut Batch)) -> Ruleset {
    let mut batch = Batch::new();
    batch.add(host());
    fill(&mut batch);
    Ruleset::made_by(&batch).unwrap()
}

/// Plans, does what is planned, and compares: the plan as text.
#[track_caller]
fn step(present: &mut Ruleset, desired: &Ruleset) -> String {
    let plan = diff(present, desired);
    let text = plan.to_string();
    present.change(&plan).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(normal(present), normal(desired), "\n{text}");
    assert_eq!(diff(present, desired).to_string(), "");
    text
}

/// A plan in both directions, as text.
#[track_caller]
fn both(one: &Ruleset, other: &Ruleset) -> [String; 2] {
    assert!(diff(one, one).is_empty() && diff(other, other).is_empty());
    let mut present = one.clone();
    [step(&mut present, other), step(&mut present, one)]
}

/// Lines without what rules and elements are made of.
fn lines(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let words: Vec<&str> = line.split(' ').take_while(|word| !word.starts_with('{')).collect();
        let place = words.get(5).is_some_and(|word| ["handle", "position"].contains(word));
        let rule = words[1] == "rule";
        words[..if rule { 5 + 2 * usize::from(place) } else { words.len() }].join(" ")
    };
    text.lines().map(name).collect()
}

fn accept(port: u16) -> Rule {
    Rule::new().when(tcp::dport().is(port)).then(counter()).accept()
}

fn ports(ports: &[u16]) -> Ruleset {
    made(|batch| {
        batch.add(input());
        ports.iter().for_each(|port| done(batch.add(input().rule(accept(*port)))));
    })
}

#[test]
fn one_rule_changes_one_rule() {
    let mut present = ports(&[1, 2, 3, 4, 5]);
    let handles = |ruleset: &Ruleset| ruleset.rules.iter().map(|rule| rule.handle.unwrap()).collect::<Vec<_>>();
    let before = handles(&present);
    let text = step(&mut present, &ports(&[1, 2, 30, 4, 5]));
    assert_eq!(lines(&text), ["- rule inet host input handle 5", "+ rule inet host input handle 5"]);
    // The new one took its place and its handle.
    assert_eq!(handles(&present), before);

    let text = step(&mut present, &ports(&[1, 2, 4, 5]));
    assert_eq!(lines(&text), ["- rule inet host input handle 5"]);
    let text = step(&mut present, &ports(&[0, 1, 2, 3, 4, 5, 6]));
    let expected = [
        "+ rule inet host input position 3 tcp dport 0 counter accept",
        "+ rule inet host input position 6 tcp dport 3 counter accept",
        "+ rule inet host input tcp dport 6 counter accept",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert_eq!(handles(&present)[1..3], before[..2]);
    assert_eq!(handles(&present)[4..6], before[3..]);
}

#[test]
fn a_rule_that_moves_is_the_only_one_that_moves() {
    let [there, back] = both(&ports(&[1, 2, 3, 4, 5]), &ports(&[2, 3, 4, 5, 1]));
    assert_eq!(lines(&there), ["- rule inet host input handle 3", "+ rule inet host input"]);
    assert_eq!(lines(&back).len(), 2);
}

#[test]
fn a_chain_of_other_rules_is_flushed() {
    let [there, back] = both(&ports(&[1, 2, 3, 4, 5]), &ports(&[6]));
    assert_eq!(lines(&there)[4..], ["- rule inet host input handle 7", "+ rule inet host input"]);
    assert!(back.contains("- rule"));
    let plan = diff(&ports(&[1, 2, 3, 4, 5]), &ports(&[6]));
    assert_eq!(plan.len(), 2, "a flush and a rule");
}

#[test]
fn the_longest_common_part_stays() {
    let prints = |text: &str| text.bytes().map(|b| Some((u64::from(b), 0))).collect::<Vec<_>>();
    let length = |a: &[_], b: &[_]| {
        // The plain way, quadratic.
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                table[i + 1][j + 1] = if x == y { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
        }
        table[a.len()][b.len()]
    };
    let mut state = 1_u32;
    let mut text = |letters: u32| {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        (0..next() % 30).map(|_| char::from(b'a' + (next() % letters) as u8)).collect::<String>()
    };
    for round in 0..2000 {
        let (a, b) = (prints(&text(4 + round % 20)), prints(&text(4 + round % 20)));
        let pairs = common(&a, &b);
        assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
        assert!(pairs.iter().all(|(i, j)| a[*i] == b[*j]));
        let most = |list: &[_]| list.iter().map(|x| list.iter().filter(|y| x == *y).count()).max().unwrap_or(0);
        if most(&a) <= 8 {
            assert_eq!(pairs.len(), length(&a, &b), "{a:?} {b:?}");
        }
    }
    assert_eq!(common(&[None, None], &[None, None]), []);
    let same = vec![Some((1, 1)); 100_000];
    assert_eq!(common(&same, &same[1..]).len(), 99_999);
}

#[test]
fn anonymous_sets_are_what_is_in_them() {
    let rule = |ports: &[u16]| {
        made(|batch| {
            batch.add(input());
            batch.add(input().rule(Rule::new().when(tcp::dport().is_any(ports.to_vec())).accept()));
        })
    };
    assert!(diff(&rule(&[22, 80]), &rule(&[80, 22])).is_empty());
    let [there, _] = both(&rule(&[22, 80]), &rule(&[22, 81]));
    assert_eq!(there.lines().count(), 2);
    // Its set goes and comes with it.
    let expected = "- rule inet host input handle 4 tcp dport { 22, 80 } accept\n\
                    + rule inet host input handle 4 tcp dport { 22, 81 } accept\n";
    assert_eq!(there, expected);
}

#[test]
fn a_bound_chain_is_what_is_in_it() {
    // No batch of people's makes one; a listing may have one.
    let with = |port| {
        let mut ruleset = ports(&[1]);
        let mut own = host().chain("__chain7");
        own.flags = Some(crate::model::ChainFlags::BINDING);
        let mut inner = Ruleset::made_by(
            Batch::new().add(host()).add(&own).add(own.rule(Rule::new().when(tcp::dport().is_any([port, 9])).drop())),
        )
        .unwrap();
        ruleset.chains.append(&mut inner.chains);
        ruleset.rules.append(&mut inner.rules);
        ruleset.sets.append(&mut inner.sets);
        let jump = crate::expr::Immediate::new(crate::data::Register::VERDICT, Verdict::jump("__chain7"));
        ruleset.rules.push(crate::model::Rule { handle: Some(99), ..crate::model::Rule::new(&input(), [jump]) });
        ruleset
    };
    let [there, _] = both(&with(1), &with(2));
    let expected = "- rule inet host input handle 99 jump { tcp dport { 1, 9 } drop; }\n\
                    + rule inet host input handle 99 jump { tcp dport { 2, 9 } drop; }\n";
    assert_eq!(there, expected);
    let mut present = ports(&[1]);
    step(&mut present, &with(1));
    step(&mut present, &ports(&[1]));
    assert_eq!((present.chains.len(), present.sets.len()), (1, 0));
}

#[test]
fn what_names_goes_before_what_is_named_and_comes_after() {
    let all = made(|batch| {
        let seen = Set::<Ipv4Addr>::new(&host(), "seen");
        let ways = Map::<Port, Verdict>::new(&host(), "ways");
        let web = host().chain("web");
        batch.add(&seen).add(&web).add(input()).add(&ways);
        batch.add(ways.elements([ways.element(80, Verdict::jump("web"))]));
        batch.add(Object::new(&host(), "hits", Counter::new()));
        batch.add(web.rule(Rule::new().when(ip::saddr().is_in(&seen)).then(crate::counter_named("hits")).drop()));
        batch.add(input().rule(Rule::new().verdict(tcp::dport().vmap(&ways))));
        batch.add(input().rule(Rule::new().jump("web")));
    });
    let [there, back] = both(&made(|_| {}), &all);
    let expected = [
        "+ counter inet host hits",
        "+ chain inet host web",
        "+ chain inet host input { type filter hook input priority filter; policy accept; }",
        "+ set inet host seen { type ipv4_addr; }",
        "+ map inet host ways { type inet_service : verdict; }",
        "+ element inet host ways { 80 : jump web }",
        "+ rule inet host input tcp dport vmap @ways",
        "+ rule inet host input jump web",
        "+ rule inet host web ip saddr @seen counter name \"hits\" drop",
    ];
    assert_eq!(there.lines().collect::<Vec<_>>(), expected);
    assert!(
        back.contains("handle 8 ip saddr @seen counter name \"hits\" drop\n- set inet host seen { type ipv4_addr; }\n"),
        "{back}"
    );
}

#[test]
fn policies_change_and_hooks_do_not() {
    let with = |chain: Chain| {
        made(|batch| {
            batch.add(&chain);
            batch.add(chain.rule(accept(1)));
        })
    };
    let [there, back] = both(&with(input()), &with(input().with_policy(Policy::Drop)));
    assert_eq!(there, "~ chain inet host input { type filter hook input priority filter; policy drop; }\n");
    // What is not said is accept, and is said where it is changed.
    assert_eq!(back, "~ chain inet host input { type filter hook input priority filter; policy accept; }\n");

    let other = host().chain("input").with_hook(Hook::Forward, Priority::FILTER);
    let [there, _] = both(&with(input()), &with(other));
    assert_eq!(lines(&there)[1], "- chain inet host input");
    assert_eq!(there.lines().count(), 4, "{there}");
}

#[test]
fn devices_are_added_in_place() {
    let lan = Table::new(Family::Netdev, "host");
    let with = |devices: &[&str]| {
        let chain = lan.chain("in").with_hook(Hook::Ingress, Priority::FILTER);
        let chain = devices.iter().fold(chain, |chain, device| chain.with_device(*device));
        Ruleset::made_by(Batch::new().add(&lan).add(chain)).unwrap()
    };
    let [there, back] = both(&with(&["a"]), &with(&["b", "a"]));
    assert!(there.starts_with("~ chain") && there.lines().count() == 1, "{there}");
    assert!(back.starts_with("- chain"), "{back}");
    // The kernel reports a single one both ways.
    let mut twice = with(&["a"]);
    twice.chains[0].hook.as_mut().unwrap().devices = Some(vec![Device::Name("a".into())]);
    assert!(diff(&twice, &with(&["a"])).is_empty());
    // Kernels before 6.4 want to hear of those that stay.
    let mut silent = with(&[]);
    silent.chains[0].policy = Some(Policy::Drop);
    let plan = diff(&with(&["a"]), &silent).to_string();
    assert!(plan.starts_with("~ chain") && plan.contains("device \"a\"") && plan.contains("policy drop"), "{plan}");
}

#[test]
fn flowtables() {
    let with = |priority: i32, devices: &[&str]| {
        let fast = Flowtable::new(&host(), "fast", priority);
        let fast = devices.iter().fold(fast, |fast, device| fast.with_device(*device));
        let rule = crate::model::Rule::new(&input(), [crate::expr::FlowOffload::new("fast")]);
        made(|batch| done(batch.add(fast).add(input()).add(rule)))
    };
    let [there, back] = both(&with(0, &["a"]), &with(0, &["a", "b"]));
    assert_eq!(there, "~ flowtable inet host fast { hook ingress priority filter; devices = { \"a\", \"b\" }; }\n");
    // A device that goes takes the flowtable along, and that the rule.
    assert_eq!(back.lines().map(|line| &line[..6]).collect::<Vec<_>>(), ["- rule", "- flow", "+ flow", "+ rule"]);
    both(&with(0, &["a"]), &with(5, &["a"]));
    both(&with(0, &["a"]), &made(|_| {}));
}

#[test]
fn sets_are_changed_in_place_or_replaced_with_what_uses_them() {
    let with = |set: Set<Ipv4Addr>| {
        made(|batch| {
            batch.add(&set).add(input());
            batch.add(set.elements([set.element([10, 0, 0, 1])]));
            batch.add(input().rule(accept(1)));
            batch.add(input().rule(Rule::new().when(ip::saddr().is_in(&set)).drop()));
        })
    };
    let set = || Set::<Ipv4Addr>::new(&host(), "blocked");
    let [there, back] = both(&with(set().with_size(100)), &with(set().with_size(200)));
    assert_eq!(
        [there, back],
        ["200", "100"].map(|size| format!("~ set inet host blocked {{ type ipv4_addr; size {size}; }}\n"))
    );
    // The life of the elements is that of the set: they get the new one.
    let times = |secs| with(set().with_timeout(Duration::from_secs(secs)));
    let [there, _] = both(&times(60), &times(90));
    assert_eq!(lines(&there), ["~ set inet host blocked", "~ element inet host blocked"]);

    let [there, back] = both(&with(set()), &with(set().timeouts()));
    let expected = [
        "- rule inet host input handle 5",
        "- set inet host blocked",
        "+ set inet host blocked",
        "+ element inet host blocked",
        "+ rule inet host input",
    ];
    assert_eq!(lines(&there), expected);
    assert_eq!(back.lines().count(), 5);
    both(&with(set()), &with(set().interval()));
    // A limit cannot be lifted.
    assert_eq!(both(&with(set()), &with(set().with_size(9)))[1].lines().count(), 5);
    assert!(diff(&with(set().with_comment("one")), &with(set().with_comment("two"))).is_empty());
}

#[test]
fn what_a_kernel_ignores_is_made_anew_there() {
    let with = |set: Set<Ipv4Addr>| {
        made(|batch| {
            batch.add(&set).add(set.elements([set.element([10, 0, 0, 1])]));
        })
    };
    let set = |size, secs| with(Set::new(&host(), "blocked").with_size(size).with_timeout(Duration::from_secs(secs)));
    let old = Kernel { sizes: false, timeouts: false, ..Kernel::ANY };
    let replaced = |kernel, size, secs| {
        let plan = diff_on(&set(9, 60), &set(size, secs), kernel);
        plan.replaced().iter().map(|one| one.differs).collect::<Vec<_>>()
    };
    assert_eq!(replaced(Kernel::ANY, 10, 90), [""; 0]);
    assert_eq!(replaced(old, 9, 60), [""; 0]);
    assert_eq!(replaced(old, 10, 60), ["size"]);
    assert_eq!(replaced(old, 9, 90), ["timeout"]);
    assert_eq!(replaced(Kernel { timeouts: true, ..old }, 9, 90), [""; 0]);
    assert_eq!(replaced(Kernel { sizes: true, ..old }, 10, 60), [""; 0]);
}

/// Names that the kernel makes up are names like others where they cannot be those of chains of a
/// single rule.
#[test]
fn chains_that_lead_to_each_other_are_no_chains_of_a_rule() {
    let jump = |to: &Chain| Rule::new().jump(to);
    let desired = made(|batch| {
        let [one, two, many] = ["__chain1", "__chain2", "__chain3"].map(|name| host().chain(name));
        batch.add(input()).add(&one).add(&two).add(&many);
        batch.add(one.rule(jump(&two))).add(two.rule(jump(&one)));
        batch.add(input().rule(jump(&many))).add(input().rule(jump(&many)));
    });
    let plan = diff(&made(|_| ()), &desired).to_string();
    assert_eq!(plan.lines().filter(|line| line.starts_with("+ chain inet host __chain")).count(), 3, "{plan}");
    assert!(diff(&desired, &desired).is_empty());
}

#[test]
fn a_plan_tells_what_the_one_before_did_in_vain() {
    let with = |ports: &[u16]| {
        made(|b| {
            b.add(input());
            ports.iter().for_each(|port| done(b.add(input().rule(accept(*port)))));
        })
    };
    let (present, desired) = (with(&[1, 2, 3]), with(&[4, 2, 5, 3]));
    let applied = diff(&present, &desired);
    let again = diff(&present, &desired).unsettled(&applied);
    let rule = |port: u16| format!("+ rule inet host input tcp dport {port} counter accept");
    assert_eq!(again, [rule(4), rule(5)], "{applied}");
    // One of the two.
    assert_eq!(diff(&with(&[4, 2, 3]), &desired).unsettled(&applied), [rule(5)]);
    let mut settled = present.clone();
    settled.change(&applied).unwrap();
    assert!(diff(&settled, &desired).unsettled(&applied).is_empty());
}

fn members<const N: usize>(set: &Set<Ipv4Addr>, keys: [crate::Pattern<Ipv4Addr>; N]) -> Ruleset {
    made(|batch| {
        batch.add(set);
        batch.add(set.elements(keys.into_iter().map(|key| set.element(key)).collect::<Vec<_>>()));
    })
}

#[test]
fn elements_by_difference() {
    let set = Set::<Ipv4Addr>::new(&host(), "some");
    let key = |n: u8| Ipv4Addr::new(10, 0, 0, n).into();
    let [there, back] = both(&members(&set, [key(1), key(2)]), &members(&set, [key(3), key(2)]));
    assert_eq!(there, "- element inet host some { 10.0.0.1 }\n+ element inet host some { 10.0.0.3 }\n");
    assert_eq!(back, "- element inet host some { 10.0.0.3 }\n+ element inet host some { 10.0.0.1 }\n");
    let commented = |text: &str| {
        made(|batch| done(batch.add(&set).add(set.elements([set.element(Ipv4Addr::LOCALHOST).comment(text)]))))
    };
    assert_eq!(both(&commented("a"), &commented("b"))[0].lines().count(), 2);
}

#[test]
fn intervals_by_their_ends() {
    let set = Set::<Ipv4Addr>::new(&host(), "nets").interval();
    let range = |from: u8, to: u8| (Ipv4Addr::new(10, 0, 0, from)..=Ipv4Addr::new(10, 0, 0, to)).into();
    let one = members(&set, [range(1, 4), range(5, 8), range(20, 30)]);
    let [there, back] = both(&one, &members(&set, [range(1, 4), range(5, 9), range(20, 30)]));
    assert_eq!(there.lines().next(), Some("- element inet host nets { 10.0.0.5-10.0.0.8 }"));
    assert_eq!((there.lines().count(), back.lines().count()), (2, 2));

    // As nft writes neighbours: the start of the second ends the first; and an end before everything, that ends nothing.
    let mut nft = one.clone();
    let elements = &mut nft.sets[0].elements;
    let shared = elements.iter().position(|e| e.is_interval_end() && e.key.unwrap()[3] == 5).unwrap();
    elements.remove(shared);
    let zero = crate::data::Value::new(&[0; 4]).unwrap();
    elements.insert(0, Element { flags: Some(crate::model::ElementFlags::INTERVAL_END), ..Element::new(zero) });
    assert!(diff(&nft, &one).is_empty() && diff(&one, &nft).is_empty());
    assert_eq!(normal(&nft), normal(&one));
    // Without the second, the first needs an end of its own.
    let mut present = nft.clone();
    step(&mut present, &members(&set, [range(1, 4), range(20, 30)]));
    step(&mut nft, &members(&set, [range(5, 8), range(20, 30)]));
    let all: crate::Pattern<Ipv4Addr> = (Ipv4Addr::new(1, 0, 0, 0)..=Ipv4Addr::BROADCAST).into();
    both(&members(&set, [all]), &one);
}

#[test]
fn learned_elements_stay() {
    let set = Set::<Ipv4Addr>::new(&host(), "seen").dynamic().timeouts();
    let with = |keys: &[u8]| {
        made(|batch| {
            batch.add(&set);
            let elements: Vec<_> = keys.iter().map(|n| set.element([10, 0, 0, *n]).timeout(DAY)).collect();
            batch.add(set.elements(elements));
        })
    };
    let plan = diff(&with(&[1, 2, 3]), &with(&[2, 4]));
    assert_eq!(plan.to_string(), "+ element inet host seen { 10.0.0.4 timeout 1d }\n");
    assert!(plan.destroys().is_empty());
    let gone = diff(&with(&[1, 2]), &made(|_| {}));
    assert_eq!(gone.destroys()[0].to_string(), "2 learned elements of set inet host seen");
}

const DAY: Duration = Duration::from_secs(86400);

#[test]
fn a_timeout_is_asserted_again_in_time() {
    let set = Set::<Ipv4Addr>::new(&host(), "blocked").timeouts();
    let desired = made(|batch| done(batch.add(&set).add(set.elements([set.element([10, 0, 0, 1]).timeout(DAY)]))));
    let left = |left| {
        let mut present = desired.clone();
        present.sets[0].elements[0].expiration = Some(left);
        diff(&present, &desired)
    };
    assert!(left(DAY / 2 + Duration::from_secs(1)).is_empty());
    assert_eq!(left(DAY / 2 + Duration::from_secs(1)).due(), Some(Duration::from_secs(1)));
    let late = left(DAY / 2);
    assert_eq!(late.to_string(), "~ element inet host blocked { 10.0.0.1 timeout 1d }\n");
    // Made, removed, made: below 6.12 nothing else restarts it, and it may expire meanwhile.
    assert_eq!((late.len(), late.messages()), (1, 3));
    // A snapshot is a desired state, too: half of what was left then.
    let mut snapshot = desired.clone();
    snapshot.sets[0].elements[0].expiration = Some(DAY / 4);
    assert!(diff(&snapshot, &snapshot).is_empty());
    // Ticks: what a kernel with 250 of them a second makes of 1003 ms.
    let ms = |n| {
        let element = set.element([10, 0, 0, 1]).timeout(Duration::from_millis(n));
        made(|batch| done(batch.add(&set).add(set.elements([element]))))
    };
    assert!(diff(&ms(1000), &ms(1003)).is_empty() && diff(&ms(1008), &ms(1010)).is_empty());
    assert!(!diff(&ms(1000), &ms(1020)).is_empty());
}

#[test]
fn only_elements_that_count_are_read() {
    let plain = Set::<Ipv4Addr>::new(&host(), "plain");
    let seen = Set::<Ipv4Addr>::new(&host(), "seen").dynamic();
    let named = Set::<Ipv4Addr>::new(&host(), "named").timeouts();
    let nets = Set::<Ipv4Addr>::new(&host(), "nets").timeouts().interval();
    let own = Rule::new().when(tcp::dport().is_any([1, 2])).drop();
    let present = made(|batch| {
        batch.add(&plain).add(&seen).add(&named).add(&nets).add(Set::<Ipv4Addr>::new(&host(), "gone"));
        batch.add(input()).add(input().rule(own));
    });
    let desired = made(|batch| {
        batch.add(&plain).add(&seen).add(&named).add(&nets);
        batch.add(named.elements([named.element([10, 0, 0, 1])])).add(nets.elements([nets.element([10, 0, 0, 1])]));
    });
    let reading = Reading::new(&desired);
    let key = crate::data::Value::new(&[10, 0, 0, 1]).unwrap();
    for set in &present.sets {
        let wanted = match set.set.name.as_str().unwrap() {
            "plain" | "nets" => Wanted::All,
            "seen" | "gone" => Wanted::Nothing,
            "named" => Wanted::Keys(vec![key]),
            own => {
                assert!(own.starts_with("__set"));
                Wanted::All
            }
        };
        assert_eq!(reading.of(&set.set), wanted, "{}", set.set.name);
    }
    assert_eq!(present.sets.len(), 6);
}

#[test]
fn objects_keep_what_they_counted() {
    let with = |object: Object| {
        let rule = Rule::new().then(crate::counter_named("hits")).accept();
        made(|batch| {
            batch.add(Object::new(&host(), "hits", Counter::new())).add(object).add(input()).add(input().rule(rule));
        })
    };
    let quota = |bytes| with(Object::new(&host(), "most", Quota::over(bytes)));
    let [there, _] = both(&quota(10), &quota(20));
    assert_eq!(there, "~ quota inet host most { over 20 bytes; }\n");
    let mut used = quota(10);
    for object in &mut used.objects {
        match &mut object.data {
            Some(crate::model::ObjectData::Quota(quota)) => quota.consumed = Some(7),
            Some(crate::model::ObjectData::Counter(counter)) => counter.packets = Some(3),
            _ => unreachable!(),
        }
    }
    assert!(diff(&used, &quota(10)).is_empty());
    let gone = diff(&used, &made(|_| {}));
    let lost: Vec<_> = gone.destroys().iter().map(ToString::to_string).collect();
    assert_eq!(
        lost,
        ["counter of counter inet host hits: 3 packets, 0 bytes", "quota of quota inet host most: 7 bytes used"]
    );

    let slow = |rate| with(Object::new(&host(), "slow", Limit::packets(rate, Duration::from_secs(1))));
    assert_eq!(lines(&both(&slow(1), &slow(2))[0]), ["- limit inet host slow", "+ limit inet host slow"]);
}

#[test]
fn a_plan_says_which_counters_it_loses() {
    let mut present = ports(&[1, 2]);
    for rule in &mut present.rules {
        if let Some(Expr::Counter(counter)) = rule.exprs.as_mut().and_then(|exprs| exprs.get_mut(4)) {
            (counter.packets, counter.bytes) = (Some(5), Some(400));
        }
    }
    assert!(diff(&present, &ports(&[1, 2])).is_empty());
    let lost: Vec<_> = diff(&present, &ports(&[1, 3])).destroys().iter().map(ToString::to_string).collect();
    assert_eq!(lost, ["counter of rule inet host input handle 4: 5 packets, 400 bytes"]);
}

#[test]
fn other_tables_are_left_alone() {
    let mut present = ports(&[1]);
    let foreign = Table::new(Family::Ip, "host");
    present.change(Batch::new().add(&foreign).add(foreign.chain("input"))).unwrap();
    assert!(diff(&present, &ports(&[1])).is_empty());
    let before = present.clone();
    present.change(&diff(&present, &made(|_| {}))).unwrap();
    assert_eq!(present.tables, before.tables);
    assert_eq!(present.chains.len(), 1);
    assert!(diff(&before, &Ruleset::new(before.generation)).is_empty());
}

#[test]
fn a_plan_is_bound_to_its_generation() {
    let mut present = ports(&[1]);
    present.generation = 77.into();
    assert_eq!(diff(&present, &ports(&[1])).expected(), Some(77.into()));
}

#[test]
fn a_batch_that_names_what_is_not_there_makes_no_desired_state() {
    let error = |fill: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        fill(&mut batch);
        Ruleset::made_by(&batch).unwrap_err()
    };
    let set = Set::<Ipv4Addr>::new(&host(), "some");
    assert!(error(&|b| done(b.add(input()))).is_not_found());
    assert!(error(&|b| done(b.add(host()).add(input()).add(input().rule(Rule::new().jump("none"))))).is_not_found());
    assert!(error(&|b| done(b.add(host()).add(set.elements([set.element([1, 2, 3, 4])])))).is_not_found());
    assert!(error(&|b| done(b.add(host()).create(host()))).is_exists());
    let jump = host().chain("to");
    let busy =
        error(&|b| done(b.add(host()).add(input()).add(&jump).add(input().rule(Rule::new().jump("to"))).delete(&jump)));
    assert!(busy.is_busy());
    assert_eq!(busy.failures()[0].operation, Some(4));
    // And what has no form.
    assert!(error(&|b| done(b.add(Table::new(Family::Inet, "x".repeat(300))))).failures()[0].errno.is_none());
}

#[test]
fn pairs_of_sets_and_either_family() {
    let with = |port: u16| {
        made(|batch| {
            let admins = AddrSet::new(&host(), "admins");
            batch.add(&admins).add(input());
            batch.add(admins.elements([admins.element(Ipv4Addr::LOCALHOST)]));
            batch.add(
                input()
                    .rule(Rule::new().when(tcp::dport().is(port)).when(crate::addr::saddr().is_in(&admins)).accept()),
            );
            batch.add(input().rule(Rule::new().when(ct::state().any(CtState::ESTABLISHED)).accept()));
            batch.add(input().rule(Rule::new().when(meta::iifname().is("lo")).accept()));
        })
    };
    let [there, _] = both(&with(22), &with(23));
    assert_eq!(there.lines().count(), 4, "two rules, one for each family: {there}");
}
