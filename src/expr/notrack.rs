attributes! {
    /// Exempts the packet from connection tracking.
    ///
    /// For chains before tracking: prerouting and output at priority `raw`.
    ///
    /// ```
    /// # use oxitables::expr::*;
    /// assert_eq!(Expr::from(Notrack::new()).name(), "notrack");
    /// ```
    ///
    /// Kernel: `nft_notrack_eval` in `nft_ct.c`, since 4.9.
    #[derive(Default)]
    pub struct Notrack {}
}

impl Notrack {
    /// No tracking.
    pub fn new() -> Self {
        Self::default()
    }
}
