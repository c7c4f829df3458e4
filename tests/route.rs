//! Marks and what they are for, with real packets: by which router they leave, whose they are, what
//! other bits they carry.

mod common;
#[path = "common/nfts.rs"]
mod nfts;
#[path = "common/ordinary.rs"]
mod ordinary;

mod route {
    mod control_groups;
    mod entries;
    mod lab;
    mod marks;
    mod routers;
    mod users;
}
