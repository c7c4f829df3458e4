//! IMAPS before SSH: an address whose mail client holds an established IMAPS connection may open
//! SSH for a while; to everyone else the port looks closed. For IPv4 and IPv6 at once.
//!
//! ```text
//! imaps_before_ssh                              tell the story, with real TCP in network namespaces
//! imaps_before_ssh apply --mail ADDR --window 60s    install the firewall here; --mail may be repeated
//! imaps_before_ssh list | add ADDR | del ADDR | flush    see and change the list of addresses
//! ```

mod story;

use oxitables::{
    Client, Recent,
    recipes::{ImapsBeforeSsh, Recipe, imaps_before_ssh},
    testing::Sandbox,
};
use std::{error::Error, net::IpAddr, process::ExitCode, time::Duration};

const USAGE: &str =
    "usage: imaps_before_ssh [apply --mail ADDR [--mail ADDR] [--window 60s] | list | add ADDR | del ADDR | flush]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &words[..] {
        [] => Sandbox::new().map_err(Into::into).and_then(|lab| tell(&lab)),
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["apply", options @ ..] => apply(options),
        ["list"] => with_list(|nft, list| {
            for entry in nft.recent(list).entries()? {
                println!("{:<39} last seen {:.1} s ago", entry.address.to_string(), entry.age.as_secs_f64());
            }
            Ok(())
        }),
        ["add", address] => with_address(address, |nft, list, address| Ok(nft.recent(list).add(address)?)),
        ["del", address] => with_address(address, |nft, list, address| match nft.recent(list).remove(address)? {
            true => Ok(()),
            false => Err(format!("{address} is not in the list").into()),
        }),
        ["flush"] => with_list(|nft, list| Ok(nft.recent(list).flush()?)),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("imaps_before_ssh: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the story is about, and the guide lists.
pub(crate) fn recipe() -> ImapsBeforeSsh {
    imaps_before_ssh(story::mails()).with_window(story::WINDOW)
}

pub(crate) use story::tell;

type Done = Result<(), Box<dyn Error>>;

fn apply(options: &[&str]) -> Done {
    let (mut mails, mut window) = (Vec::new(), Duration::from_secs(60));
    for option in options.chunks(2) {
        match option {
            ["--mail", address] => mails.push(parse_address(address)?),
            ["--window", time] => window = parse_time(time)?,
            _ => return Err(USAGE.into()),
        }
    }
    if mails.is_empty() {
        return Err("which mail server? --mail ADDR".into());
    }
    let mut nft = Client::open()?;
    let batch = imaps_before_ssh(mails.iter().copied()).with_window(window).batch_over(&mut nft)?;
    nft.apply(&batch)?;
    println!("installed: IMAPS to {mails:?} opens SSH for {window:?}");
    Ok(())
}

/// The list as `apply` left it in the kernel.
fn installed(nft: &mut Client) -> oxitables::Result<Option<Recent>> {
    let any = imaps_before_ssh([]);
    nft.find_recent(&any.table(), any.list().name())
}

fn with_list(action: impl FnOnce(&mut Client, &Recent) -> Done) -> Done {
    let mut nft = Client::open()?;
    match installed(&mut nft)? {
        Some(list) => action(&mut nft, &list),
        None => Err("the firewall is not installed here: apply it first".into()),
    }
}

fn with_address(address: &str, action: impl FnOnce(&mut Client, &Recent, IpAddr) -> Done) -> Done {
    let address = parse_address(address)?;
    with_list(|nft, list| action(nft, list, address))
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{text} is not an IPv4 or IPv6 address"))
}

/// `60s`, `5m`, `1500ms`, or plain seconds.
fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("{text} is not a time such as 60s"))?;
    let time = match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        "h" => Duration::from_secs(number.saturating_mul(3600)),
        unit => return Err(format!("{unit} is no unit of time: ms, s, m, h")),
    };
    if time.is_zero() { Err("a window of no time lets nobody in".into()) } else { Ok(time) }
}
