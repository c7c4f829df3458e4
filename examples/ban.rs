//! Puts an address into a set for a while: `ban TABLE SET ADDRESS SECONDS`, for a set of an inet
//! table that exists.
//!
//! ```text
//! nft add table inet agent
//! nft add set inet agent blocked '{ type ipv4_addr; flags timeout; }'
//! cargo run --example ban agent blocked 192.0.2.7 600
//! ```

use oxitables::{Batch, Client, Family, SetKey, Table, data::Typed};
use std::{error::Error, net::IpAddr, process::ExitCode, time::Duration};

fn ban<K: SetKey + Typed>(table: &str, set: &str, address: K, time: Duration) -> Result<(), Box<dyn Error>> {
    let mut nft = Client::open()?;
    let table = Table::new(Family::Inet, table);
    // Read from the kernel, not believed: its type, and whether it holds intervals.
    let Some(blocked) = nft.find_set::<K>(&table, set)? else {
        return Err(format!("there is no set {set} in table inet {}", table.name).into());
    };
    nft.apply(Batch::new().refresh(&blocked, address, time))?;
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [table, set, address, seconds] => match (address.parse(), seconds.parse().map(Duration::from_secs)) {
            (Ok(IpAddr::V4(address)), Ok(time)) => ban(table, set, address, time),
            (Ok(IpAddr::V6(address)), Ok(time)) => ban(table, set, address, time),
            (Err(_), _) => Err(format!("{address} is no address").into()),
            (_, Err(_)) => Err(format!("{seconds} is no number of seconds").into()),
        },
        _ => Err("usage: ban TABLE SET ADDRESS SECONDS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ban: {error}");
            ExitCode::FAILURE
        }
    }
}
