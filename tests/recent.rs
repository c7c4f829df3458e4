//! The recent lists beside iptables' own recent match: the same traces, the same packets, the same
//! answers.

#[path = "recent/administration.rs"]
mod administration;
#[path = "recent/guard.rs"]
mod guard;
#[path = "recent/hits.rs"]
mod hits;
#[path = "recent/iptables.rs"]
mod iptables;
#[path = "common/nfts.rs"]
mod nfts;
#[path = "recent/traces.rs"]
mod traces;

/// A small generator of numbers: traces have to be the same on each run of a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}
