//! The nft programs that have to print what we make.

use oxitables::testing;
use std::path::PathBuf;

/// The one that is installed, and a newest one where somebody has put it.
pub fn nfts() -> impl Iterator<Item = PathBuf> {
    let new = PathBuf::from("/usr/local/bin/nft-new");
    testing::program("nft").into_iter().chain(new.exists().then_some(new))
}
