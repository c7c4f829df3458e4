use oxitables::{Batch, Client, Family, Hook, Policy, Priority, Table, data::*, expr::*, model, testing};

fn verdict(v: Verdict) -> Immediate {
    Immediate::new(Register::VERDICT, v)
}

#[test]
fn a_table_with_a_chain_and_rules_is_committed_and_read_back() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let mut nft = Client::open()?;
        let before = nft.generation()?;
        let host = Table::new(Family::Inet, "host").with_comment("ours");
        let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER).with_policy(Policy::Drop);
        let rules: Vec<_> =
            ["one", "two"].map(|c| model::Rule::new(&input, [verdict(Verdict::accept())]).with_comment(c)).into();
        let mut batch = Batch::new();
        batch.add(&host).add(&input).add(&rules[0]).add(&rules[1]);
        nft.apply(&batch)?;
        assert_eq!(nft.generation()?.number(), before.number() + 1);
        let tables = nft.tables().collect::<Result<Vec<_>, _>>()?;
        assert_eq!(tables[0].comment().as_deref(), Some("ours"));
        let chains = nft.chains(&host).snapshot()?;
        assert_eq!((&chains[0].name, chains[0].policy), (&Name::from("input"), Some(Policy::Drop)));
        let back = nft.rules(&input).snapshot()?;
        assert_eq!(back.iter().map(|r| r.comment().unwrap()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(back[0].exprs(), rules[0].exprs());
        Ok(())
    });
}

#[test]
fn the_generation_of_a_bound_commit_is_its_own() {
    testing::in_namespace(|| -> oxitables::Result<()> {
        let (mut nft, mut other) = (Client::open()?, Client::open()?);
        let host = Table::new(Family::Inet, "host");
        let before = nft.generation()?;
        let mut batch = Batch::new();
        batch.add(&host).expect(before);
        let made = nft.apply(&batch)?.generation.unwrap();
        assert_eq!(made.number(), before.number() + 1);
        assert!(nft.apply(&batch).unwrap_err().is_stale());
        // The table is there already: no commit of its own.
        batch.expect(made);
        assert_eq!(nft.apply(&batch)?.generation, Some(made));
        let mut chain = Batch::new();
        chain.add(host.chain("theirs"));
        assert_eq!(other.apply(&chain)?.generation, None);
        assert_eq!(nft.generation()?.number(), made.number() + 1);
        assert_eq!(nft.tables().snapshot()?.len(), 1);
        Ok(())
    });
}

#[test]
fn errors_tell() {
    testing::in_namespace(|| {
        let mut nft = Client::open().unwrap();
        let host = Table::new(Family::Inet, "host");
        let input = host.chain("input").with_hook(Hook::Input, Priority::FILTER);
        let mut batch = Batch::new();
        batch.add(&host).add(&input).add(host.chain("a")).add(host.chain("b"));
        nft.apply(&batch).unwrap();
        let rule = |e: Expr| model::Rule::new(&input, [e]);
        let mut tries: Vec<Batch> = vec![];
        let mut add = |f: &dyn Fn(&mut Batch)| {
            let mut b = Batch::new();
            f(&mut b);
            tries.push(b);
        };
        add(&|b| {
            b.add(rule(Lookup::new("nosuch", Register::R1).into())).add(rule(verdict(Verdict::jump("nochain")).into()));
        });
        add(&|b| {
            b.add(model::Rule::new(&host.chain("a"), [verdict(Verdict::jump("b"))]))
                .add(model::Rule::new(&host.chain("b"), [verdict(Verdict::jump("a"))]))
                .add(rule(verdict(Verdict::jump("a")).into()));
        });
        add(&|b| {
            b.delete(host.chain("zzz")).create(&host).delete(Table::new(Family::Ip6, "host"));
        });
        add(&|b| {
            b.add(rule(Masq::new().into()));
        });
        add(&|b| {
            b.add(Table::new(Family::Inet, "x".repeat(300)));
        });
        add(&|b| {
            b.delete(&input);
            b.delete(Table::new(Family::from(0), "host"));
        });
        let new = Table::new(Family::Inet, "new");
        add(&|b| {
            b.add(&new)
                .add(new.chain("a").with_hook(Hook::Input, Priority::FILTER))
                .add(new.chain("b"))
                .add(model::Rule::new(&new.chain("a"), [verdict(Verdict::jump("b"))]))
                .add(model::Rule::new(&new.chain("b"), [verdict(Verdict::jump("a"))]));
        });
        for b in tries {
            println!("apply: {}\n", nft.apply(&b).unwrap_err());
            println!("check: {}\n", nft.check(&b).unwrap_err());
        }
    });
}
