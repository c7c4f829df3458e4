//! Applies libnftables JSON from standard input as one transaction, as `nft -j -f -` does.
//!
//! ```text
//! nft_apply [-c | --check]
//! ```
//!
//! With `--check` the kernel checks everything and changes nothing. What `list` and `reset`
//! commands ask for is printed.

use oxitables::{
    Client,
    json::{Document, Nft},
};
use std::{error::Error, io::Read, process::ExitCode};

fn main() -> ExitCode {
    match apply(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nft_apply: {error}");
            ExitCode::FAILURE
        }
    }
}

fn apply(arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let mut check = false;
    for argument in arguments {
        match argument.as_str() {
            "-c" | "--check" => check = true,
            other => return Err(format!("{other}: unknown argument\nusage: nft_apply [-c|--check]").into()),
        }
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let document = Document::parse(&text)?;
    let mut nft = Client::open()?;
    if check {
        document.check(&mut nft)?;
    } else {
        for answer in document.apply(&mut nft)? {
            println!("{}", Nft(&answer));
        }
    }
    Ok(())
}
