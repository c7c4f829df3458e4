//! What the guide shows is what nft lists, and what the crate lists.

use crate::{all, is_too_new};
use oxitables::{Client, model::Ruleset, testing};
use std::{fs, process::Command};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/recipes.md");

/// The listing of a recipe stands behind `<!-- name -->`, in a block of its own.
/// `OXITABLES_BLESS=1` writes it anew.
#[test]
fn shows_what_is_listed() {
    let mut guide = fs::read_to_string(GUIDE).unwrap();
    testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
        let nft = testing::program("nft");
        for (name, batch) in all() {
            let host = lab.host(name)?;
            if host.run(|| is_too_new(name)) {
                continue;
            }
            let mut client = host.run(Client::open)?;
            client.apply(&batch)?;
            let ours = client.ruleset()?.to_string();
            if let Some(nft) = &nft {
                let out = host.run(|| Command::new(nft).args(["list", "ruleset"]).output())?;
                assert_eq!(String::from_utf8(out.stdout)?, ours, "{name}: nft and the crate");
                // As who keeps it in a file: no name is a word of nft's language.
                let file = std::env::temp_dir().join(format!("oxitables-{name}-{}.nft", std::process::id()));
                fs::write(&file, &ours)?;
                let out = host.run(|| Command::new(nft).args(["-c", "-f"]).arg(&file).output())?;
                fs::remove_file(&file)?;
                assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
            }
            let mark = format!("<!-- {name} -->\n```text\n");
            let start = guide.find(&mark).ok_or_else(|| format!("{name} is not in the guide"))? + mark.len();
            let end = start + guide[start..].find("```").ok_or("a block has an end")?;
            if std::env::var_os("OXITABLES_BLESS").is_some() {
                guide.replace_range(start..end, &ours);
                fs::write(GUIDE, &guide)?;
            }
            assert!(
                guide[start..].starts_with(&format!("{ours}```")),
                "{name}: the guide shows another listing than\n{ours}"
            );
            let plan = client.plan(&Ruleset::made_by(&batch)?)?;
            assert!(plan.is_empty(), "{name}: what is there is not what was made:\n{plan}");
            // Again: it replaces what is there.
            client.apply(&batch)?;
            assert_eq!(client.ruleset()?.to_string(), ours, "{name}, applied again");
        }
        Ok(())
    });
}
