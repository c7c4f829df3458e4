use super::{Expr, ExprNest, Meta, Payload};
use crate::wire::Be32;

attributes! {
    /// Runs one `payload` or `meta` on the packet inside a tunnel.
    ///
    /// ```
    /// # use oxitables::{data::*, expr::*};
    /// // vxlan vni
    /// let vni = Payload::load(PayloadBase::Tunnel, 4, 3, Register::R1);
    /// let vni = Inner::payload(InnerType::Vxlan, vni).with_header(8);
    /// # assert_eq!(vni.header_size, 8);
    /// ```
    ///
    /// Kernel: `nft_inner.c`, since 6.2.
    pub struct Inner {
        /// Which of several headers; the kernel knows 0 only.
        req number: u32 = 1 "NFTA_INNER_NUM" as Be32,
        /// Kind of the tunnel.
        req kind: InnerType = 2 "NFTA_INNER_TYPE" as Be32,
        /// What the tunnel carries.
        req flags: InnerFlags = 3 "NFTA_INNER_FLAGS" as Be32,
        /// Bytes of the tunnel header, up to 64; used with [`InnerFlags::HEADER_SIZE`].
        req header_size: u32 = 4 "NFTA_INNER_HDRSIZE" as Be32,
        /// What to run there.
        req expr: Box<Expr> = 5 "NFTA_INNER_EXPR" as ExprNest<true>,
    }
}

numbers! {
    /// Kind of the tunnel of an [`Inner`]. The kernel tells Geneve, whose header has options, from
    /// all others.
    pub enum InnerType: u32 {
        /// VXLAN.
        Vxlan = 1 "NFT_INNER_VXLAN",
        /// Geneve.
        Geneve = 2 "NFT_INNER_GENEVE",
    }
}

#[allow(non_upper_case_globals)]
impl InnerType {
    /// GRE with IP inside, as nft writes it; the kernel's header has no name for it.
    pub const Gre: Self = Self::Unknown(3);
    /// GRE with Ethernet inside, as nft writes it; the kernel's header has no name for it.
    pub const Gretap: Self = Self::Unknown(4);
}

flags! {
    /// What the tunnel of an [`Inner`] carries.
    pub struct InnerFlags: u32 {
        /// A header of a known size.
        HEADER_SIZE = 1 "NFT_INNER_HDRSIZE",
        /// A link layer.
        LINK = 2 "NFT_INNER_LL",
        /// A network layer.
        NETWORK = 4 "NFT_INNER_NH",
        /// A transport layer.
        TRANSPORT = 8 "NFT_INNER_TH",
    }
}

impl Inner {
    /// Runs `payload` inside a tunnel that carries Ethernet frames, as VXLAN and Geneve do.
    pub fn payload(kind: InnerType, payload: Payload) -> Self {
        Self::new(kind, payload.into())
    }

    /// Runs `meta` inside a tunnel that carries Ethernet frames.
    pub fn meta(kind: InnerType, meta: Meta) -> Self {
        Self::new(kind, meta.into())
    }

    /// Says how long the tunnel's header is.
    pub fn with_header(mut self, size: u32) -> Self {
        self.header_size = size;
        self.flags.set(InnerFlags::HEADER_SIZE, size != 0);
        self
    }

    /// Says what the tunnel carries.
    pub fn with_flags(mut self, flags: InnerFlags) -> Self {
        self.flags = flags;
        self
    }

    fn new(kind: InnerType, expr: Expr) -> Self {
        let flags = InnerFlags::LINK | InnerFlags::NETWORK | InnerFlags::TRANSPORT;
        Self::required(0, kind, flags, 0, Box::new(expr))
    }
}
