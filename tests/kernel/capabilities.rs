//! What the kernel can do, found out without a trace.

use super::lab::open;
use crate::common::features::{is_at_least, release};
use oxitables::{Result, proto::Feature, testing};

#[test]
fn are_found_out_without_a_trace_and_match_what_happens() {
    testing::in_namespace(|| -> Result<()> {
        let mut nft = open();
        let before = nft.generation()?;
        let found = nft.capabilities()?.clone();
        assert_eq!(nft.generation()?, before);
        assert_eq!(nft.tables().snapshot()?, []);
        assert_eq!(*nft.capabilities()?, found, "asked once");
        for feature in Feature::ALL {
            // Old kernels may have been taught; new ones have it all.
            assert!(found.has(*feature) || !is_at_least(feature.since()), "{}: no {feature}", release());
        }
        Ok(())
    });
}
