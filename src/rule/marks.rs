//! Marks that go from a packet to its connection and back, and whose packets get them.

use super::{Open, Rule};
use crate::{
    data::{Mark, MarkBits},
    lang::{
        fields::{ct, meta, socket},
        selector::{Selector, Settable},
    },
};

impl MarkBits {
    /// Rules that save these bits of the packet's mark in its connection, and leave the
    /// connection's others alone: what iptables calls `CONNMARK --save-mark` under a mask. Each
    /// begins as `start`, which must not ask for the mark of the connection: that is another one
    /// after the first bit.
    ///
    /// ```
    /// use oxitables::{Rule, ct, data::{CtState, MarkBits}};
    /// let rules = MarkBits::new(0x0300).save(Rule::new().when(ct::state().any(CtState::NEW)));
    /// let text: Vec<String> = rules.iter().map(ToString::to_string).collect();
    /// assert_eq!(text, [
    ///     "ct state new meta mark & 0x00000100 == 0x00000000 ct mark set ct mark & 0xfffffeff | 0x00000000",
    ///     "ct state new meta mark & 0x00000100 == 0x00000100 ct mark set ct mark & 0xfffffeff | 0x00000100",
    ///     "ct state new meta mark & 0x00000200 == 0x00000000 ct mark set ct mark & 0xfffffdff | 0x00000000",
    ///     "ct state new meta mark & 0x00000200 == 0x00000200 ct mark set ct mark & 0xfffffdff | 0x00000200",
    /// ]);
    /// ```
    ///
    /// Two for each bit; so few bits are better than many. One statement would do
    /// (`ct mark set ct mark & 0xfffffcff | meta mark & 0x00000300`), but only since 6.13, and
    /// older versions of nft abort when they list it (1.0.6 does).
    ///
    /// All bits at once need none of this: `ct::mark().set(meta::mark())`.
    pub fn save(self, start: Rule<Open>) -> Vec<Rule<Open>> {
        self.copy(start, meta::mark(), ct::mark())
    }

    /// Rules that restore these bits of the packet's mark from its connection, and leave the
    /// packet's others alone. Each begins as `start`, which must not ask for the mark of the
    /// packet: that is another one after the first bit.
    ///
    /// Best early in prerouting, and in a [route](crate::ChainType::Route) chain of output, where a
    /// changed mark has the packet routed again.
    ///
    /// ```
    /// use oxitables::{Rule, data::MarkBits};
    /// assert_eq!(
    ///     MarkBits::new(1).restore(Rule::new())[1].to_string(),
    ///     "ct mark & 0x00000001 == 0x00000001 meta mark set meta mark & 0xfffffffe | 0x00000001",
    /// );
    /// ```
    pub fn restore(self, start: Rule<Open>) -> Vec<Rule<Open>> {
        self.copy(start, ct::mark(), meta::mark())
    }

    /// Rules that take these bits of the packet's mark from the local socket that it belongs to
    /// (`SO_MARK`): for packets that come in. What a socket sends has its mark from the start.
    ///
    /// Since 4.19.
    ///
    /// ```
    /// use oxitables::{Rule, data::MarkBits};
    /// assert_eq!(
    ///     MarkBits::new(1).of_socket(Rule::new())[1].to_string(),
    ///     "socket mark & 0x00000001 == 0x00000001 meta mark set meta mark & 0xfffffffe | 0x00000001",
    /// );
    /// ```
    pub fn of_socket(self, start: Rule<Open>) -> Vec<Rule<Open>> {
        self.copy(start, socket::mark(), meta::mark())
    }

    fn copy(self, start: Rule<Open>, from: impl Into<Selector<Mark>>, to: Settable<Mark>) -> Vec<Rule<Open>> {
        let from = from.into();
        // Not all zeros first: another processor may read the connection's mark between two rules.
        let values = self.each().flat_map(|bit| [Mark::bits(0, bit), Mark::bits(bit, bit)]);
        values.map(|bits| start.clone().when(from.is(bits)).then(to.set(bits))).collect()
    }
}
