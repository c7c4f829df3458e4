//! The same for an ordinary user, who is root in a namespace of his own, and what he is told
//! outside of it.

use super::lab::*;
use crate::{
    common::is_root,
    ordinary::{all_of_this_as_an_ordinary_user, this_as_an_ordinary_user},
};
use oxitables::{Client, Error, client::Watch};

#[test]
fn all_of_this_works_as_an_ordinary_user() {
    all_of_this_as_an_ordinary_user();
}

#[test]
fn an_ordinary_user_is_told_what_he_lacks() {
    this_as_an_ordinary_user("kernel::users::without_privilege", without_privilege);
}

#[test]
#[ignore = "run by the test above"]
fn without_privilege() {
    // Nothing that this tries may ever succeed: it is not in a sandbox.
    assert!(!is_root());
    let mut nft = Client::open().unwrap();
    let batch = filled(|b| b.delete(oxitables::Table::new(oxitables::Family::Inet, "oxitables-no-such-table")));
    let errors: [Error; 5] = [
        nft.apply(&batch).unwrap_err(),
        nft.check(&batch).unwrap_err(),
        nft.tables().snapshot().unwrap_err(),
        nft.generation().unwrap_err(),
        Watch::open().unwrap_err(),
    ];
    for error in errors {
        let said = error.to_string();
        assert!(error.is_permission(), "{said}");
        for word in [
            "EPERM",
            "no privilege to ",
            "the firewall of this network namespace",
            "run as root or with CAP_NET_ADMIN (setcap cap_net_admin+ep PROGRAM), or in a namespace of your own (unshare -Urn)",
        ] {
            assert!(said.contains(word), "no {word:?} in: {said}");
        }
    }
}
