//! Errors that misled.

use super::lab::*;
use oxitables::{Error, Pattern, data::*, expr::*, model::*, testing};

#[track_caller]
fn said(result: Result<oxitables::Committed, Error>) -> String {
    result.unwrap_err().to_string()
}

/// What trials found to mislead: each with what it has to say, and what it must not.
#[test]
fn what_misled_is_said_as_it_is() {
    testing::in_namespace(|| -> Result<(), Error> {
        let mut nft = open();
        let (t, c) = (host(), input());
        let typed = oxitables::Set::<Mark>::new(&t, "marks").interval();
        let users = oxitables::Set::<Uid>::new(&t, "users").interval();
        apply(&mut nft, |b| b.add(&t).add(&c).add(t.chain("other")).add(&typed).add(&users))?;
        apply(&mut nft, |b| b.add(does(&c, Verdict::accept())))?;
        let handle = nft.rules(&c).snapshot()?[0].handle.unwrap();
        let range = |from: u32, to: u32| Pattern::from(Mark::from(from)..=Mark::from(to));
        // Numbers of the host's byte order, in the batch and against what is there.
        apply(&mut nft, |b| b.add(typed.elements([typed.element(range(0x10, 0x20))])))?;
        apply(&mut nft, |b| b.add(users.ranges([Uid::from(1000)..=Uid::from(1999)])))?;
        let overlap = said(apply(&mut nft, |b| b.add(typed.elements([typed.element(range(0x18, 0x30))]))));
        assert!(overlap.contains("0x00000018-0x00000030 overlaps 0x00000010-0x00000020"), "{overlap}");
        let overlap = said(apply(&mut nft, |b| b.add(users.ranges([Uid::from(1500)..=Uid::from(2500)]))));
        assert!(overlap.contains("1500-2500 overlaps 1000-1999"), "{overlap}");
        let twice =
            said(apply(&mut nft, |b| b.add(typed.elements([typed.element(range(1, 5)), typed.element(range(4, 9))]))));
        assert!(twice.contains("0x00000004-0x00000009 overlaps 0x00000001-0x00000005"), "{twice}");
        // A rule that is deleted twice.
        let gone = said(apply(&mut nft, |b| b.delete_rule(&c, handle).delete_rule(&c, handle)));
        assert!(gone.contains(&format!("operation 1 of this batch deletes rule {handle}")), "{gone}");
        assert!(!gone.contains("there is no chain"), "{gone}");
        // A chain that gets the name of another.
        let chain = nft.chain(&t, "other")?.unwrap();
        let taken = said(apply(&mut nft, |b| b.rename(&chain, c.name.clone())));
        assert!(taken.contains("has a chain input already"), "{taken}");
        // A key that is shorter than those of the set.
        let exprs = [
            Expr::from(oxitables::expr::Meta::load(oxitables::expr::MetaKey::Nfproto, Register::R1)),
            Lookup::new("six", Register::R1).into(),
        ];
        let six = oxitables::Set::<std::net::Ipv6Addr>::new(&t, "six");
        let short = apply(&mut nft, |b| b.add(&six).add(Rule::new(&c, exprs)));
        if short.is_err() || !is_before("6.18", "that a rule reads only registers that it has written") {
            let short = said(short);
            assert!(short.contains("the keys of set six have 16 bytes"), "{short}");
        }
        // One reason, said once, with the operations that it holds for.
        let many = said(apply(&mut nft, |b| (0..50).fold(b, |b, _| b.add(does(&t.chain("none"), Verdict::accept())))));
        assert_eq!(many.lines().count(), 1, "{many}");
        assert!(many.contains("(the same of operations 2-50)"), "{many}");
        // What main shows is the text, and what prints the chain of causes says nothing twice.
        let error = apply(&mut nft, |b| b.delete(t.chain("none"))).unwrap_err();
        assert_eq!(format!("{error:?}"), error.to_string());
        assert!(format!("{error:#?}").contains("Rejection"));
        for error in [error, Error::Io { doing: "reading", source: std::io::ErrorKind::NotFound.into() }] {
            let mut next = std::error::Error::source(&error);
            while let Some(cause) = next {
                assert!(!error.to_string().contains(&cause.to_string()), "{error}: {cause}");
                next = cause.source();
            }
        }
        Ok(())
    });
}
