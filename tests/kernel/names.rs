//! Names that look like something else: the kernel takes any bytes for a name, and comm any text.

use super::lab::{Feature, lacks, open};
use oxitables::{
    client::{Listen, Monitor, Watch},
    model::{Object, Ruleset},
    proto::Commit,
    *,
};
use std::{process::Command, time::Duration};

const SYNTAX: &str = "a { }; chain b";
const CONTROL: &str = "a\n\u{1b}[31mb";

fn table() -> Table {
    Table::new(Family::Inet, "t")
}

/// As another library makes it: nothing is refused there.
fn made_elsewhere(nft: &mut Client, name: &str) -> Result<()> {
    let placeholder = "x".repeat(name.len());
    let mut batch = Batch::new();
    batch.add(Table::new(Family::Inet, &*placeholder));
    let mut bytes: Vec<u8> = Commit::new(&batch).transmit().iter().flat_map(|part| part.to_vec()).collect();
    let at = bytes.windows(name.len()).position(|window| window == placeholder.as_bytes()).unwrap();
    bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
    nft.apply(&Batch::from_bytes(&bytes)?).map(drop)
}

#[test]
fn what_nft_cannot_read_as_a_name_is_refused_when_it_is_made() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        nft.apply(Batch::new().add(table()).add(table().chain("old")))?;
        for name in [SYNTAX, CONTROL, "a b", "1", "accept", "mark", "ü", "a\"b"] {
            let counter = Object::new(&table(), name, expr::Counter::default());
            let old = nft.chain(&table(), "old")?.unwrap();
            let batches = [
                Batch::new().add(Table::new(Family::Inet, name)).clone(),
                Batch::new().create(Table::new(Family::Inet, name)).clone(),
                Batch::new().add(table().chain(name)).clone(),
                Batch::new().add(Set::<std::net::Ipv4Addr>::new(&table(), name)).clone(),
                Batch::new().add(counter).clone(),
                Batch::new().rename(&old, name).clone(),
            ];
            for batch in batches {
                let said = nft.apply(&batch).unwrap_err().to_string();
                assert!(said.contains("nft cannot read"), "{said}");
                assert!(!said.contains(char::is_control), "{said:?}");
            }
        }
        assert_eq!(nft.ruleset()?.to_string(), "table inet t {\n\tchain old {\n\t}\n}\n");
        Ok(())
    });
}

/// What others made is shown so that nothing is mistaken, can be looked at, and can be removed.
#[test]
fn a_name_from_the_kernel_is_never_taken_for_syntax() {
    testing::in_namespace(|| -> Result<()> {
        for name in [SYNTAX, CONTROL] {
            let mut nft = open();
            let mut monitor = Monitor::open()?;
            let mut watch = Watch::open()?;
            made_elsewhere(&mut nft, name)?;
            let odd = Table::new(Family::Inet, name);
            let desired = Ruleset::made_by(Batch::new().add(table()))?;
            let mut all = nft.ruleset()?;
            let text = all.to_string();
            assert_eq!(text, format!("table inet {name:?} {{\n}}\n"));
            // It does not load as another ruleset.
            if let Some(nft) = testing::program("nft") {
                let mut child = Command::new(nft)
                    .args(["-c", "-f", "/dev/stdin"])
                    .stdin(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::null())
                    .spawn()
                    .unwrap();
                std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
                assert!(!child.wait().unwrap().success());
            }
            let mut shown = vec![nft.plan(&desired)?.to_string()];
            shown.push(reconcile::diff(&all, &Ruleset::new(all.generation)).to_string());
            shown.push(format!("{:?}", odd.name));
            shown.push(nft.apply(Batch::new().delete(odd.chain("c"))).unwrap_err().to_string());
            shown.push(nft.table(Family::Inet, name)?.unwrap().name.to_string());
            while let Some(news) = monitor.next(Duration::ZERO)? {
                if let proto::News::Commit(commit) = news {
                    shown.extend(commit.events.iter().map(ToString::to_string));
                }
            }
            all.tables.push(odd.clone());
            shown.extend(watch.next_of(&all, Duration::ZERO)?.map(|change| change.to_string()));
            for shown in shown {
                assert!(!shown.replace('\n', "").contains(char::is_control), "{shown:?}");
                assert!(!shown.contains("; chain b {"), "{shown}");
            }
            // A change of it that is not kept is undone, with that name.
            nft.apply(Batch::new().delete(&odd))?;
            assert!(nft.ruleset()?.tables.is_empty());
        }
        Ok(())
    });
}

/// A process may call itself anything.
#[test]
fn the_name_of_a_process_is_shown_without_its_control_characters() {
    testing::in_namespace(|| -> Result<()> {
        let mut watch = Watch::open()?;
        let desired = Ruleset::made_by(Batch::new().add(table()))?;
        std::fs::write("/proc/thread-self/comm", "a\u{1b}[2J\nb").unwrap();
        open().apply(Batch::new().add(table()))?;
        let change = watch.next_of(&desired, Duration::from_secs(3600))?.unwrap();
        assert!(change.program.is_some());
        assert!(!change.to_string().contains(char::is_control), "{:?}", change.to_string());
        if lacks(Feature::Owner) {
            return Ok(());
        }
        let mut owner = open();
        owner.apply(Batch::new().add(Table::new(Family::Inet, "own").with_flags(model::TableFlags::OWNER)))?;
        let said = open().apply(Batch::new().delete(Table::new(Family::Inet, "own"))).unwrap_err().to_string();
        assert!(!said.contains(char::is_control), "{said:?}");
        let text = open().ruleset()?.to_string();
        assert!(!text.replace(['\n', '\t'], "").contains(char::is_control), "{text:?}");
        Ok(())
    });
}
