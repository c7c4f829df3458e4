//! Lists the ruleset of this network namespace as `nft list ruleset` does.

use oxitables::{Client, Family, json::Nft, text::Text};
use std::{error::Error, process::ExitCode};

const USAGE: &str = "usage: nft_list [OPTION]... [--table FAMILY NAME]
  -j, --json              as libnftables JSON
  -a, --handle            with handles
  -s, --stateless         without what runs: counters, used quotas, what is left of lifetimes
  -t, --terse             without elements of named sets
  -n, --numeric           numbers instead of words
  -y, --numeric-priority  priorities as numbers
  -p, --numeric-protocol  transport protocols as numbers
  -T, --numeric-time      times as numbers
  -S, --service           ports by name
  -u, --guid              users and groups by name";

fn main() -> ExitCode {
    match list(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nft_list: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let mut options: Vec<fn(Text<'_>) -> Text<'_>> = Vec::new();
    let (mut only, mut json) = (None, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-j" | "--json" => json = true,
            "-a" | "--handle" => options.push(|text| text.handles()),
            "-s" | "--stateless" => options.push(|text| text.stateless()),
            "-t" | "--terse" => options.push(|text| text.terse()),
            "-n" | "--numeric" => options.push(|text| text.numeric()),
            "-y" | "--numeric-priority" => options.push(|text| text.numeric_priorities()),
            "-p" | "--numeric-protocol" => options.push(|text| text.numeric_protocols()),
            "-T" | "--numeric-time" => options.push(|text| text.numeric_times()),
            "-S" | "--service" => options.push(|text| text.services()),
            "-u" | "--guid" => options.push(|text| text.users()),
            "--table" => {
                let (family, name) = arguments.next().zip(arguments.next()).ok_or("--table FAMILY NAME")?;
                only = Some((family.parse::<Family>()?, name));
            }
            other => return Err(format!("unknown argument {other}\n{USAGE}").into()),
        }
    }
    let ruleset = Client::open()?.ruleset()?;
    let text = match only {
        None => ruleset.text(),
        Some((family, name)) => {
            let table = ruleset.tables.iter().find(|table| table.family == family && table.name == *name);
            ruleset.text_of(table.ok_or(format!("there is no table {family} {name}"))?)
        }
    };
    let text = options.into_iter().fold(text, |text, option| option(text));
    if json {
        println!("{}", Nft(&text.to_json()));
    } else {
        print!("{text}");
    }
    Ok(())
}
